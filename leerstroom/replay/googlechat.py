"""Spaces of Google Chat out of one file, as Chat v1 shows them.

```
googlechat.json   {"client_email", "users": {address: id},
                   "spaces": [{name, displayName, spaceType, _members: [address], _messages: [{…, _later, _reactions}]}]}
                  _later: [{"at", …}]: what a message shows from then on; _reactions: [{name, user, emoji, _at, _until}]
```
As at the vendor members only see a space, a list without messages is an empty object, deleted messages are shown on request and without their text, events
reach back 28 days, hold what they are about as it is now, and come in batches when several follow each other closely.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from leerstroom.replay.google import Workspace, error, shown
from leerstroom.replay.world import Platform, World

_KEPT = timedelta(days=28)
_TOLD_OF_DELETED = frozenset({"name", "createTime", "deletionMetadata"})
_CLOSE = timedelta(minutes=2)
_CREATED = re.compile(r'create_time\s*(>|<)\s*"([^"]+)"')
_THREAD = re.compile(r"thread\.name\s*=\s*(spaces/[^/]+/threads/\S+)")
_LIMIT = re.compile(r'(start_time|end_time)="([^"]+)"')
_TYPES = re.compile(r'event_types:"google\.workspace\.chat\.([a-z]+)\.v1\.([a-z]+)"')


class Spaces(Workspace):
    """The workspace's spaces."""

    page = 2
    scope = (
        "https://www.googleapis.com/auth/chat.messages.readonly https://www.googleapis.com/auth/chat.spaces.readonly"
        " https://www.googleapis.com/auth/chat.messages.reactions.readonly"
    )

    def answer(self, request: Request, parts: list[str], subject: str) -> Response:
        """One request."""
        match parts:
            case ["spaces", name, *rest]:
                found = [each for each in self.data["spaces"] if each["name"] == f"spaces/{name}"]
                if not found:
                    return error(404, "NOT_FOUND")
                if subject not in found[0]["_members"]:
                    return error(403, "PERMISSION_DENIED")
                return self._space(request, found[0], rest)
        return error(404, "NOT_FOUND")

    def _space(self, request: Request, space: dict[str, Any], rest: list[str]) -> Response:
        messages = [self._as_of_now(each) for each in space["_messages"] if self._is_past(each["createTime"])]
        match rest:
            case []:
                return JSONResponse(shown(space))
            case ["messages"]:
                return self._messages(request, messages)
            case ["messages", number]:
                found = [each for each in messages if each["name"].endswith(f"/messages/{number}") and "deleteTime" not in each]  # fmt: skip
                return JSONResponse(found[0]) if found else error(404, "NOT_FOUND")
            case ["spaceEvents"]:
                return self._events(request, space)
        return error(404, "NOT_FOUND")

    def _is_past(self, text: str) -> bool:
        return self.world.is_past(datetime.fromisoformat(text))

    def _as_of_now(self, message: dict[str, Any]) -> dict[str, Any]:
        now = shown(message)
        for change in message.get("_later", ()):
            if self._is_past(change["at"]):
                now |= {name: value for name, value in change.items() if name != "at"}
        if "deleteTime" in now:
            kept = ("name", "sender", "createTime", "deleteTime", "deletionMetadata", "thread", "threadReply", "space")
            now = {name: now[name] for name in kept if name in now}
        return now

    def _messages(self, request: Request, messages: list[dict[str, Any]]) -> Response:
        query = request.query_params
        wanted = query.get("filter", "")
        if re.sub(r"\s*AND\s*", "", _THREAD.sub("", _CREATED.sub("", wanted))).strip():
            return error(400, "INVALID_ARGUMENT")
        if query.get("showDeleted") != "true":
            messages = [each for each in messages if "deleteTime" not in each]
        for sign, bound in _CREATED.findall(wanted):
            limit = datetime.fromisoformat(bound)
            messages = [each for each in messages if (datetime.fromisoformat(each["createTime"]) > limit) is (sign == ">")]  # fmt: skip
        if thread := _THREAD.search(wanted):
            messages = [each for each in messages if each["thread"]["name"] == thread[1]]
        return self.listed(request, "messages", sorted(messages, key=lambda each: str(each["createTime"])))

    def _events(self, request: Request, space: dict[str, Any]) -> Response:
        wanted = request.query_params.get("filter", "")
        sorts, limits = set(_TYPES.findall(wanted)), dict(_LIMIT.findall(wanted))
        start = datetime.fromisoformat(limits.get("start_time", (self.world.now() - _KEPT).isoformat()))
        end = datetime.fromisoformat(limits.get("end_time", self.world.now().isoformat()))
        if not sorts or start < self.world.now() - _KEPT:
            return error(400, "INVALID_ARGUMENT", "Invalid filter.")
        happened = [each for each in self._happened(space) if (each[1], each[2]) in sorts and start < each[0] <= end and self.world.is_past(each[0])]  # fmt: skip
        return self.listed(request, "spaceEvents", list(_batched(space["name"], sorted(happened, key=lambda each: each[0]))))  # fmt: skip

    def _happened(self, space: dict[str, Any]) -> Iterator[tuple[datetime, str, str, dict[str, Any]]]:
        """(when, of what, what, the thing as it is now)."""
        for message in space["_messages"]:
            now = self._as_of_now(message)
            yield datetime.fromisoformat(message["createTime"]), "message", "created", now
            for change in message.get("_later", ()):
                gone = "deleteTime" in change
                told = {name: value for name, value in now.items() if name in _TOLD_OF_DELETED or not gone}
                yield datetime.fromisoformat(change["at"]), "message", "deleted" if gone else "updated", told
            for reaction in message.get("_reactions", ()):
                yield datetime.fromisoformat(reaction["_at"]), "reaction", "created", shown(reaction)
                if "_until" in reaction:
                    yield datetime.fromisoformat(reaction["_until"]), "reaction", "deleted", shown(reaction)


def _batched(space: str, happened: list[tuple[datetime, str, str, dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    groups: list[list[tuple[datetime, str, str, dict[str, Any]]]] = []
    for each in happened:
        if groups and groups[-1][0][1:3] == each[1:3] and each[0] - groups[-1][0][0] < _CLOSE:
            groups[-1].append(each)
        else:
            groups.append([each])
    for number, group in enumerate(groups):
        at, thing, what, _ = group[-1]
        whole = what.capitalize()
        data: dict[str, Any] = {f"{thing}{whole}EventData": {thing: group[0][3]}}
        if len(group) > 1:
            data = {f"{thing}Batch{whole}EventData": {f"{thing}s": [{thing: each[3]} for each in group]}}
        sort = f"batch{whole}" if len(group) > 1 else what
        yield {"name": f"{space}/spaceEvents/{number}", "eventTime": at.isoformat(), "eventType": f"google.workspace.chat.{thing}.v1.{sort}", **data}  # fmt: skip


def platform(folder: Path, world: World) -> Platform:
    """The workspace that lies in `folder`, below `/v1`; OAuth at `/token`."""
    return Spaces(folder, "googlechat.json", world).platform("v1")
