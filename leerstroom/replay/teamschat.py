"""Channels of Microsoft Teams out of one file, as Graph v1.0 shows their messages.

```
teamschat.json   {"tenant_id", "client_id", "client_secret",
                  "channels": [{"id", "displayName", "membershipType", "_team", "_messages": [chatMessage with _later and _replies]}]}
                 _later: [{"at", …}]: what a message shows from then on, in the order of time
```
As at the vendor replies come only when expanded and go on behind a link, delta gives whole reply chains that changed since the filter and now and then
one that did not, ends with a delta link, and reaches back eight months.
"""

import secrets
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from leerstroom.replay.graph import Tenant, error, shown
from leerstroom.replay.world import Platform, World

_REACHES = timedelta(days=240)
_FILTER = "lastModifiedDateTime gt "
_MOST_REPLIES = 4  # the vendor's are 1,000


class Channels(Tenant):
    """The tenant's channels."""

    page = 5

    def __init__(self, data: dict[str, Any], world: World) -> None:
        super().__init__(data, world)
        self._rounds: dict[str, tuple[list[Any], int, bool]] = {}

    def answer(self, request: Request, parts: list[str]) -> Response:
        """One request."""
        match parts:
            case ["teams", team, "channels", channel, *rest]:
                found = [each for each in self.data["channels"] if (each["_team"], each["id"]) == (team, channel)]
                return self._channel(request, found[0], rest) if found else error(404, "NotFound")
        return error(400, "BadRequest", "Resource not found for the segment.")

    def _channel(self, request: Request, channel: dict[str, Any], rest: list[str]) -> Response:
        chains = [self._chain(each) for each in channel["_messages"] if self.is_past(each["createdDateTime"])]
        match rest:
            case []:
                return JSONResponse(shown(channel))
            case ["messages"]:
                return self._page(request, sorted(chains, key=_changed, reverse=True))
            case ["messages", "delta"]:
                return self._delta(request, chains)
            case ["messages", number, "replies"]:
                replies = [reply for root, replies in chains if root["id"] == number for reply in replies]
                return self.listed(request, replies)
        return error(404, "NotFound")

    def _chain(self, message: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        replies = [each for each in message.get("_replies", ()) if self.is_past(each["createdDateTime"])]
        return self._as_of_now(message), [self._as_of_now(each) for each in replies]

    def _as_of_now(self, message: dict[str, Any]) -> dict[str, Any]:
        now = shown(message)
        for change in message.get("_later", ()):
            if self.is_past(change["at"]):
                now |= {name: value for name, value in change.items() if name != "at"}
                now["lastModifiedDateTime"] = change["at"]
        return now

    def _delta(self, request: Request, chains: list[Any]) -> Response:
        wanted = request.query_params.get("$filter", "")
        if wanted and not wanted.startswith(_FILTER):
            return error(400, "BadRequest", "The filter is not supported.")
        since = self.world.now() - _REACHES
        if wanted:
            since = max(since, datetime.fromisoformat(wanted.removeprefix(_FILTER)))
        changed = [chain for chain in chains if datetime.fromisoformat(_changed(chain)) > since]
        stale = [chain for chain in chains if chain not in changed][:1]  # as the vendor does, for no reason it tells
        return self._page(request, [*stale, *changed], delta=True)

    def _page(self, request: Request, chains: list[Any], *, delta: bool = False) -> Response:
        """A page of chains. A token stands for the question that it was given for: its filter need not be said again."""
        path, query = request.scope["path"], request.query_params
        start, expand = 0, query.get("$expand") == "replies"
        if token := query.get("$skiptoken"):
            if token not in self._rounds:
                return error(400, "BadRequest", "The skip token is not valid.")
            chains, start, expand = self._rounds[token]
        rows = [self._row(request, path, root, replies, expand) for root, replies in chains[start : start + self.page]]
        base = f"{request.url.scheme}://{request.url.netloc}{quote(path)}"
        if start + self.page < len(chains):
            token = secrets.token_urlsafe(12)
            self._rounds[token] = (chains, start + self.page, expand)
            return JSONResponse({"value": rows, "@odata.nextLink": f"{base}?$skiptoken={token}"})
        return JSONResponse({"value": rows, **({"@odata.deltaLink": f"{base}?$deltatoken=latest"} if delta else {})})

    def _row(
        self, request: Request, path: str, root: dict[str, Any], replies: list[Any], expand: bool
    ) -> dict[str, Any]:
        if not expand:
            return root
        place = f"{path.removesuffix('/delta')}/{root['id']}/replies"
        behind = self.following(request, _MOST_REPLIES - self.page, replies, place, "replies@odata.nextLink")
        return {**root, "replies": replies[:_MOST_REPLIES], **behind}


def _changed(chain: tuple[dict[str, Any], list[dict[str, Any]]]) -> str:
    root, replies = chain
    return max(str(each["lastModifiedDateTime"]) for each in (root, *replies))


def platform(folder: Path, world: World) -> Platform:
    """The tenant that lies in `folder`, below `/v1.0`; OAuth at `/<tenant id>/oauth2/v2.0/token`."""
    return Channels(orjson.loads((folder / "teamschat.json").read_bytes()), world).platform()
