"""A Kolibri server out of one file: facilities, a cookie session, users and answered questions on numbered pages.

```
kolibri.json  {"facility": {"id", "name"}, "user", "password", "powerless": {"user", "password"}, "users": [row], "attempts": [row]}
```
Rows are in the server's shape; a question answered later than the simulated time does not exist yet. As on a real server who is not logged in, or has no
right, gets an empty list and no error; a login needs the token against forged requests; a page past the end is 404.
"""

import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from leerstroom.replay.world import Platform, World

_MOST = 4  # rows of a page at this server, however many are asked for

Row = dict[str, Any]


class Server:
    """The served server and its state: tokens and sessions that it handed out."""

    def __init__(self, folder: Path, world: World) -> None:
        self._data: dict[str, Any] = orjson.loads((folder / "kolibri.json").read_bytes())
        self._world = world
        self._tokens: set[str] = set()
        self._sessions: dict[str, str] = {}

    async def info(self, _: Request) -> Response:
        """What anybody may know; hands out the token against forged requests."""
        response = JSONResponse({"application": "kolibri", "kolibri_version": "0.19.5"})
        token = secrets.token_urlsafe(16)
        self._tokens.add(token)
        response.set_cookie("kolibri_csrftoken", token)
        return response

    async def facilities(self, _: Request) -> Response:
        """The facilities of the server."""
        return JSONResponse([{**self._data["facility"], "learner_can_sign_up": True}])

    async def log_in(self, request: Request) -> Response:
        """A session by name, password and facility."""
        if request.headers.get("x-csrftoken") not in self._tokens:
            return JSONResponse([{"id": "PERMISSION_DENIED", "metadata": {}}], 403)
        told = await request.json()
        known = {each["user"]: each["password"] for each in (self._data, self._data["powerless"])}
        if told.get("facility") != self._data["facility"]["id"] or known.get(told.get("username")) != told.get(
            "password"
        ):
            return unauthorized()
        session = secrets.token_urlsafe(16)
        self._sessions[session] = told["username"]
        response = JSONResponse({"username": told["username"], "id": "current"})
        response.set_cookie("kolibri", session, httponly=True)
        return response

    async def users(self, request: Request) -> Response:
        """The users of the facility."""
        return self._page(request, list(self._data["users"]), lambda row: str(row["username"]))

    async def attempts(self, request: Request) -> Response:
        """Answered questions, in no order that means anything."""
        seen = [
            row for row in self._data["attempts"] if self._world.is_past(datetime.fromisoformat(row["end_timestamp"]))
        ]
        return self._page(request, seen, lambda row: str(row["id"]))

    def _page(self, request: Request, rows: list[Row], order: Callable[[Row], str]) -> Response:
        who = self._sessions.get(request.cookies.get("kolibri", ""))
        if who != self._data["user"]:
            mine = [row for row in rows if who is not None and row.get("username") == who]
            return JSONResponse({"page": 1, "count": len(mine), "total_pages": 1, "results": mine} if who else [])
        size = min(int(request.query_params.get("page_size", _MOST)), _MOST)
        number, pages = int(request.query_params.get("page", 1)), max(1, -(-len(rows) // size))
        if number > pages:
            return JSONResponse([{"id": "NOT_FOUND", "metadata": {"view": "List"}}], 404)
        shown = sorted(rows, key=order)[(number - 1) * size : number * size]
        return JSONResponse({"page": number, "count": len(rows), "total_pages": pages, "results": shown})


def unauthorized() -> Response:
    """A wrong name or password."""
    return JSONResponse([{"id": "INVALID_CREDENTIALS", "metadata": {}}], 401)


def forbidden() -> Response:
    """A request that the server takes for a forged one."""
    return JSONResponse([{"id": "PERMISSION_DENIED", "metadata": {"view": "List"}}], 403)


def platform(folder: Path, world: World) -> Platform:
    """The server of `kolibri.json`."""
    server = Server(folder, world)
    routes = [
        Route("/api/public/info/", server.info),
        Route("/api/public/v1/facility/", server.facilities),
        Route("/api/auth/session/", server.log_in, methods=["POST"]),
        Route("/api/auth/facilityuser/", server.users),
        Route("/api/logger/attemptlog/", server.attempts),
    ]
    return Platform(routes, unauthorized=unauthorized, forbidden=forbidden)
