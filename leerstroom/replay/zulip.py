"""A Zulip organisation: messages around an anchor, streams and members, behind an API key. Form: see `chat.py`.

`server.json` = {"email", "key", "user_id", "streams", "members"}. As at Zulip the messages of an answer are sorted by id, `found_oldest` and `found_newest` say
whether there are more, an anchor may be an id that no longer exists, and a narrow names a stream and perhaps a topic.
"""

import base64
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from leerstroom.replay.chat import Archive, Message, answer
from leerstroom.replay.world import Platform, World

_PAGE = 9  # also the most: the server may give fewer than the 1000 that one may ask for


class Organisation(Archive):
    """The organisation."""

    def __init__(self, folder: Path, world: World) -> None:
        super().__init__(folder, world)
        credentials = f"{self.server['email']}:{self.server['key']}".encode()
        self._wanted = f"Basic {base64.b64encode(credentials).decode()}"

    async def api(self, request: Request) -> Response:
        """One request below /api/v1."""
        if request.headers.get("authorization") != self._wanted:
            return _error(401, "UNAUTHORIZED", "Invalid API key")
        match request.path_params["rest"]:
            case "users/me":
                return _ok({"user_id": self.server["user_id"], "is_bot": True, "email": self.server["email"]})
            case "users":
                return _ok({"members": self.server["members"]})
            case "streams":
                return _ok({"streams": self.server["streams"]})
            case "messages":
                return self._messages(request)
        return _error(404, "BAD_REQUEST", "No such endpoint")

    def _messages(self, request: Request) -> Response:
        query = request.query_params
        if not {"num_before", "num_after"} <= set(query):
            return _error(400, "REQUEST_VARIABLE_MISSING", "Missing 'num_before' argument")
        found = sorted(self._narrowed(orjson.loads(query.get("narrow", "[]"))), key=lambda message: int(message["id"]))
        anchor = {"newest": 10**16, "oldest": 0}.get(query["anchor"]) if not query["anchor"].isdecimal() else int(query["anchor"])  # fmt: skip
        if anchor is None:
            return _error(400, "BAD_REQUEST", "Invalid anchor")
        before = [each for each in found if each["id"] < anchor]
        after = [each for each in found if each["id"] > anchor]
        at = [each for each in found if each["id"] == anchor and query.get("include_anchor") != "false"]
        few, many = (min(int(query[name]), _PAGE) for name in ("num_before", "num_after"))
        return _ok({
            "anchor": anchor,
            "found_anchor": bool(at),
            "found_oldest": len(before) <= few,
            "found_newest": len(after) <= many,
            "history_limited": False,
            "messages": [*before[len(before) - min(few, len(before)) :], *at, *after[:many]],
        })

    def _narrowed(self, narrow: list[dict[str, Any]]) -> list[Message]:
        wanted = {each["operator"]: each["operand"] for each in narrow}
        found = self.messages(str(wanted["stream"]) if "stream" in wanted else None)
        return [each for each in found if str(wanted.get("topic", each["subject"])).lower() == each["subject"].lower()]


def _ok(body: dict[str, Any]) -> Response:
    return answer({"result": "success", "msg": "", **body})


def _error(status: int, code: str, message: str) -> Response:
    return answer({"result": "error", "msg": message, "code": code}, status)


def platform(folder: Path, world: World) -> Platform:
    """The organisation that lies in `folder`, below `/api/v1`."""
    organisation = Organisation(folder, world)
    return Platform(
        [Route("/api/v1/{rest:path}", organisation.api)],
        unauthorized=lambda: _error(401, "UNAUTHORIZED", "Invalid API key"),
        forbidden=lambda: _error(403, "UNAUTHORIZED_PRINCIPAL", "Not allowed"),
        too_many=lambda seconds: answer(
            {"result": "error", "msg": "API usage exceeded rate limit", "code": "RATE_LIMIT_HIT", "retry-after": seconds + 0.000123}, 429, {"X-RateLimit-Limit": "200", "X-RateLimit-Remaining": "0"}
        ),
    )  # fmt: skip
