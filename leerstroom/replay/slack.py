"""A Slack workspace: history without the replies of threads, threads, users and channels, behind one token. Form: see `chat.py`.

`server.json` = {"token", "url", "team", "team_id", "user", "user_id", "channels", "users", "restricted"}. As at Slack every answer is a 200 with `ok`,
a cursor belongs to its question, pages may be shorter than `limit`, a thread's answer begins with its opening message on each first page, and the opening
message of a thread tells how many replies there are and when the last came. `restricted` serves 15 objects a page, as for apps that are sold
outside Slack's Marketplace.
"""

from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from leerstroom.replay.chat import Archive, Cursors, Message, answer, whole
from leerstroom.replay.world import Platform, World

_PAGE, _RESTRICTED = 8, 15


class Workspace(Archive):
    """The workspace and its state: the cursors that it handed out."""

    def __init__(self, folder: Path, world: World) -> None:
        super().__init__(folder, world)
        self._cursors = Cursors()
        self._channels = {each["id"]: each for each in self.server["channels"]}
        self._users = {each["id"]: each for each in self.server["users"]}

    async def api(self, request: Request) -> Response:
        """One method."""
        if request.headers.get("authorization") != f"Bearer {self.server['token']}":
            return _error("invalid_auth")
        method, query = request.path_params["method"], dict(request.query_params)
        match method:
            case "auth.test":
                return answer({
                    "ok": True,
                    **{name: self.server[name] for name in ("url", "team", "team_id", "user", "user_id")},
                })
            case "users.info":
                user = self._users.get(query.get("user", ""))
                return answer({"ok": True, "user": user}) if user else _error("user_not_found")
        channel = self._channels.get(query.get("channel", ""))
        if channel is None:
            return _error("channel_not_found")
        match method:
            case "conversations.info":
                return answer({"ok": True, "channel": channel})
            case "conversations.history" | "conversations.replies" if not channel["is_member"]:
                return _error("not_in_channel")
            case "conversations.history":
                roots = [each for each in self._told(channel["id"]) if each.get("thread_ts", each["ts"]) == each["ts"] or each.get("subtype") == "thread_broadcast"]  # fmt: skip
                return self._page(method, query, [each for each in reversed(roots) if _within(each, query)])
            case "conversations.replies":
                thread = [each for each in self._told(channel["id"]) if query.get("ts") in {each["ts"], each.get("thread_ts")}]  # fmt: skip
                if not thread:
                    return _error("thread_not_found")
                return self._page(method, query, [thread[0], *(each for each in thread[1:] if _within(each, query))])
        return _error("unknown_method")

    def _told(self, channel: str) -> list[Message]:
        """The messages of a channel; what opens a thread tells of its replies."""
        found = self.messages(channel)
        for root in found:
            replies = [each for each in found if each.get("thread_ts") == root["ts"] != each["ts"]]
            if replies:
                users = list(dict.fromkeys(each.get("user") for each in replies))
                root |= {
                    "thread_ts": root["ts"], "reply_count": len(replies), "reply_users": users, "reply_users_count": len(users), "latest_reply": replies[-1]["ts"],
                }  # fmt: skip
        return found

    def _page(self, method: str, query: dict[str, str], rows: list[Message]) -> Response:
        question = f"{method} {sorted((name, value) for name, value in query.items() if name != 'cursor')}"
        start = self._cursors.place(question, query.get("cursor"))
        if start is None:
            return _error("invalid_cursor")
        size = whole(query.get("limit"), 100, _RESTRICTED if self.server.get("restricted") else _PAGE)
        body: dict[str, Any] = {
            "ok": True,
            "messages": rows[start : start + size],
            "has_more": start + size < len(rows),
        }
        if body["has_more"]:
            body["response_metadata"] = {"next_cursor": self._cursors.token(question, start + size)}
        elif method == "conversations.history":
            body["response_metadata"] = {"next_cursor": ""}  # either says that the list ends
        return answer(body)


def _within(message: Message, query: dict[str, str]) -> bool:
    at, oldest, latest = float(message["ts"]), float(query.get("oldest") or 0), float(query.get("latest") or 1e11)
    return oldest <= at <= latest if query.get("inclusive") == "true" else oldest < at < latest


def _error(code: str) -> Response:
    return answer({"ok": False, "error": code})


def platform(folder: Path, world: World) -> Platform:
    """The workspace that lies in `folder`, below `/api`."""
    workspace = Workspace(folder, world)
    return Platform(
        [Route("/api/{method}", workspace.api, methods=["GET", "POST"])],
        unauthorized=lambda: _error("invalid_auth"),
        forbidden=lambda: _error("missing_scope"),
        too_many=lambda seconds: answer({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": f"{seconds:.0f}"}),
    )
