"""GoTo Webinar out of one file: OAuth by refresh token, sessions, attendees, registrants, questions and polls, as the vendor's OpenAPI describes them.

```
server.json   {"client_id", "client_secret", "refresh_token", "organizer", "webinars": [{"webinarKey", "subject", "registrants": [Registrant],
               "sessions": [{session fields, "attendees": [Attendee], "questions": [AttendeeQuestion], "polls": {registrantKey: [PollAnswer]}}]}]}
```
As at the vendor pages are numbered from 0 and have two kinds of envelopes, an empty page has no `_embedded`, keys of registrants are numbers beyond
2^53, and 429 comes without a header. What is later than the simulated time does not exist yet.
"""

import base64
import secrets
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from leerstroom.replay.world import Platform, World

_MOST = 2  # of a page, whatever is asked for


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")


class Account:
    """The served account and its access tokens."""

    def __init__(self, folder: Path, world: World) -> None:
        self._data: dict[str, Any] = orjson.loads((folder / "server.json").read_bytes())
        self._world = world
        self._tokens: set[str] = set()

    async def token(self, request: Request) -> Response:
        """A new access token for the refresh token; the answer does not name the organizer."""
        basic = base64.b64encode(f"{self._data['client_id']}:{self._data['client_secret']}".encode()).decode()
        form = await request.form()
        if request.headers.get("authorization") != f"Basic {basic}":
            return _json({"error": "invalid_client"}, 401)
        if (form.get("grant_type"), form.get("refresh_token")) != ("refresh_token", self._data["refresh_token"]):
            return _json({"error": "invalid_grant"}, 400)
        made = secrets.token_urlsafe(16)
        self._tokens.add(made)
        return _json({"access_token": made, "token_type": "Bearer", "expires_in": 3600, "scope": "collab:"})

    async def api(self, request: Request) -> Response:
        """One request below /G2W/rest/v2."""
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self._tokens:
            return unauthorized()
        parts = request.path_params["rest"].split("/")
        if parts[:2] != ["organizers", self._data["organizer"]]:
            return _json({"errorCode": "AuthorizationFailed", "description": "No permission"}, 403)
        match parts[2:]:
            case ["sessions"]:
                return self._sessions(request)
            case ["webinars", key, "registrants"]:
                return self._registrants(request, key)
            case ["webinars", key, "sessions", session, *rest]:
                return self._of(key, session, rest)
        return _json({"errorCode": "NotFound"}, 404)

    def _past(self, moment: str) -> bool:
        return self._world.is_past(datetime.fromisoformat(moment))

    def _sessions(self, request: Request) -> Response:
        start, end = (datetime.fromisoformat(request.query_params[name]) for name in ("fromTime", "toTime"))
        told = [
            {
                **{name: value for name, value in session.items() if name not in {"attendees", "questions", "polls"}},
                "webinarKey": webinar["webinarKey"],
                "webinarName": webinar["subject"],
                "totalPollCount": len(session["polls"]),
            }
            for webinar in self._data["webinars"]
            for session in webinar["sessions"]
            if self._past(session["endTime"]) and start <= datetime.fromisoformat(session["startTime"]) < end
        ]
        number, size = _page(request, "size")
        rows = told[number * size : (number + 1) * size]
        page = {"size": size, "totalElements": len(told), "totalPages": -(-len(told) // size), "number": number}
        return _json({**({"_embedded": {"sessionInfoResources": rows}} if rows else {}), "page": page})

    def _registrants(self, request: Request, key: str) -> Response:
        found = [
            row
            for each in self._data["webinars"]
            if each["webinarKey"] == key
            for row in each["registrants"]
            if self._past(row["registrationDate"])
        ]
        number, size = _page(request, "limit")
        rows = found[number * size : (number + 1) * size]
        return _json({"data": rows, "total": len(found), "page": number, "limit": size, "pageSize": len(rows)})

    def _of(self, key: str, session_key: str, rest: list[str]) -> Response:
        for webinar in self._data["webinars"]:
            for session in webinar["sessions"]:
                if (webinar["webinarKey"], session["sessionKey"]) != (key, session_key) or not self._past(
                    session["endTime"]
                ):
                    continue
                match rest:
                    case ["attendees"]:
                        return _json(session["attendees"])
                    case ["questions"]:
                        return _json(session["questions"])
                    case ["attendees", registrant, "polls"]:
                        return _json(session["polls"].get(registrant, []))
        return _json({"errorCode": "NotFound"}, 404)


def _page(request: Request, size: str) -> tuple[int, int]:
    return int(request.query_params.get("page", 0)), min(int(request.query_params.get(size, 20)), _MOST)


def unauthorized() -> Response:
    """The vendor's own refusal of a token."""
    return _json({"int_err_code": "InvalidToken", "msg": "Invalid token passed"}, 401)


def platform(folder: Path, world: World) -> Platform:
    """The account that lies in `folder`, below `/G2W/rest/v2`; OAuth at `/oauth/token`."""
    account = Account(folder, world)
    routes = [
        Route("/oauth/token", account.token, methods=["POST"]),
        Route("/G2W/rest/v2/{rest:path}", account.api, methods=["GET"]),
    ]
    return Platform(
        routes,
        unauthorized=unauthorized,
        forbidden=lambda: _json({"errorCode": "AuthorizationFailed", "description": "No permission"}, 403),
        too_many=lambda _: _json({"errorCode": "TooManyRequests"}, 429),
    )
