"""A Rocket.Chat server: history of a channel, what changed since a time, one message, rooms and users, behind a token. Form: see `chat.py`.

`server.json` = {"token", "user_id", "rooms", "users"}. As at Rocket.Chat a history holds replies of threads and never tells its total, what was deleted is told by
`chat.syncMessages` only, and the opening message of a thread is updated by each reply.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from leerstroom.replay.chat import Archive, Message, answer, whole
from leerstroom.replay.world import Platform, World

_PAGE = 8  # also the most: a server may give fewer than it was asked for


class Server(Archive):
    """The server."""

    def __init__(self, folder: Path, world: World) -> None:
        super().__init__(folder, world)
        self._rooms = {each["_id"]: each for each in self.server["rooms"]}
        self._now = world.now

    async def api(self, request: Request) -> Response:
        """One method."""
        credentials = (request.headers.get("x-auth-token"), request.headers.get("x-user-id"))
        if credentials != (self.server["token"], self.server["user_id"]):
            return _unauthorized()
        query = request.query_params
        match request.path_params["method"]:
            case "me":
                return answer({"_id": self.server["user_id"], "username": "leerstroom", "success": True})
            case "users.list":
                return self._users(query.get("offset"), query.get("count"))
            case "chat.getMessage":
                found = [each for each in self.messages() if each["_id"] == query.get("msgId")]
                return answer({"message": found[0], "success": True}) if found else answer({"success": False}, 400)
            case "chat.getThreadMessages":
                thread = [each for each in self.messages() if each.get("tmid") == query.get("tmid")]
                start = int(query.get("offset", 0))
                page = thread[start : start + whole(query.get("count"), 50, 2)]
                return answer({
                    "messages": page,
                    "count": len(page),
                    "offset": start,
                    "total": len(thread),
                    "success": True,
                })
        room = self._rooms.get(query.get("roomId", ""))
        if room is None:
            return _refused("error-room-not-found")
        match request.path_params["method"]:
            case "rooms.info":
                return answer({"room": room, "success": True})
            case "channels.history" if room["t"] == "c":
                return self._history(room["_id"], query)
            case "chat.syncMessages":
                return self._sync(room["_id"], query["lastUpdate"])
        return _refused("error-room-not-found")

    def _users(self, offset: str | None, count: str | None) -> Response:
        users, start, size = self.server["users"], int(offset or 0), whole(count, 50, 5)
        page = users[start : start + size]
        return answer({"users": page, "count": len(page), "offset": start, "total": len(users), "success": True})

    def _shown(self, room: str) -> list[Message]:
        found = self.messages(room)
        for root in found:
            replies = [each for each in found if each.get("tmid") == root["_id"]]
            if replies:
                root |= {
                    "tcount": len(replies),
                    "tlm": replies[-1]["ts"],
                    "_updatedAt": max(root["_updatedAt"], replies[-1]["ts"]),
                }
        return found

    def _history(self, room: str, query: Any) -> Response:
        oldest, latest = (
            _time(query.get("oldest", "1970-01-01T00:00:00Z")),
            _time(query.get("latest", self._now().isoformat())),
        )
        inside = [each for each in self._shown(room) if oldest <= _time(each["ts"]) <= latest][::-1]
        start, size = int(query.get("offset", 0)), whole(query.get("count"), 20, _PAGE)
        return answer({"messages": inside[start : start + size], "success": True})

    def _sync(self, room: str, since: str) -> Response:
        updated = [each for each in self._shown(room) if _time(each["_updatedAt"]) > _time(since)]
        deleted = [
            {"_id": first["_id"], "_deletedAt": f"{at:%Y-%m-%dT%H:%M:%S}.000Z"}
            for at, shown, first in self.changed(room)
            if shown is None and at > _time(since)
        ]
        return answer({"result": {"updated": updated, "deleted": deleted}, "success": True})


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _unauthorized() -> Response:
    return answer({"status": "error", "message": "You must be logged in to do this."}, 401)


def _refused(code: str) -> Response:
    return answer({"success": False, "error": f"The request is refused [{code}]", "errorType": code}, 400)


def _too_many(seconds: float) -> Response:
    from datetime import UTC

    reset = round((datetime.now(UTC).timestamp() + seconds) * 1000)
    text = f"Error, too many requests. Please slow down. You must wait {seconds:.0f} seconds before trying this endpoint again. [error-too-many-requests]"
    headers = {"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)}
    return answer({"success": False, "error": text}, 429, headers)


def platform(folder: Path, world: World) -> Platform:
    """The server that lies in `folder`, below `/api/v1`."""
    server = Server(folder, world)
    return Platform(
        [Route("/api/v1/{method}", server.api)],
        unauthorized=_unauthorized,
        forbidden=lambda: answer({"success": False, "error": "User does not have the permissions required for this action [error-unauthorized]"}, 403),
        too_many=_too_many,
    )  # fmt: skip
