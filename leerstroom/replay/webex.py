"""Webex out of one file: tokens, ended meetings, their participants and registrants, Q&A and polls, paged by Link headers.

```
server.json   {"client_id", "client_secret", "refresh_token", "meetings": [{meeting fields, "participants": [], "registrants": [], "questions": [], "polls": []}]}
```
As at the vendor `from` is inclusive and `to` exclusive and both look at the start, a list of meetings without them covers a week, registrants need
the id of the series, and a question shows the beginning of its answers with a link to the rest. An instance is listed 15 minutes after its end in the
simulated time.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from leerstroom.replay.world import Platform, World

_MOST = 2  # of a page, whatever is asked for
_WEEK = timedelta(days=7)
_READY = timedelta(minutes=15)
_INSIDE = ("participants", "registrants", "questions", "polls")


class Site:
    """The served site and its access tokens."""

    def __init__(self, folder: Path, world: World) -> None:
        self._data: dict[str, Any] = orjson.loads((folder / "server.json").read_bytes())
        self._world = world
        self._tokens: set[str] = set()

    async def token(self, request: Request) -> Response:
        """A new access token for the refresh token; id and secret come in the form."""
        form = await request.form()
        wanted = {name: self._data[name] for name in ("client_id", "client_secret", "refresh_token")}
        if form.get("grant_type") != "refresh_token" or any(form.get(name) != value for name, value in wanted.items()):
            return JSONResponse({"message": "Request unsuccessful", "trackingId": "replay"}, 401)
        made = secrets.token_urlsafe(16)
        self._tokens.add(made)
        return JSONResponse({"access_token": made, "expires_in": 1209599, "refresh_token": form["refresh_token"]})

    async def api(self, request: Request) -> Response:
        """One request below /v1."""
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self._tokens:
            return unauthorized()
        query = request.query_params
        match request.path_params["rest"].split("/"):
            case ["meetings"]:
                return self._page(request, self._meetings(query))
            case ["meetingParticipants"]:
                return self._page(request, self._of(query, "participants"))
            case ["meetings", "q_and_a"]:
                return self._page(request, [_begun(each, "answers") for each in self._of(query, "questions")])
            case ["meetings", "q_and_a", question, "answers"]:
                found = [each for each in self._of(query, "questions") if each["id"] == question]
                return self._page(request, [row for each in found for row in each["answers"]["items"]])
            case ["meetings", "pollResults"]:
                return self._page(request, self._of(query, "polls"))
            case ["meetings", series, "registrants"]:
                return self._registrants(request, series)
        return JSONResponse({"message": "The requested resource could not be found."}, 404)

    def _ended(self) -> list[dict[str, Any]]:
        return [
            each for each in self._data["meetings"] if self._world.is_past(datetime.fromisoformat(each["end"]) + _READY)
        ]

    def _meetings(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        until = datetime.fromisoformat(query["to"]) if "to" in query else self._world.now()
        since = datetime.fromisoformat(query["from"]) if "from" in query else until - _WEEK
        return [
            {name: value for name, value in each.items() if name not in _INSIDE}
            for each in self._ended()
            if since <= datetime.fromisoformat(each["start"]) < until
            and query.get("hostEmail") in {each["hostEmail"], *each.get("invitees", ())}
        ]

    def _of(self, query: Mapping[str, str], name: str) -> list[dict[str, Any]]:
        return [row for each in self._ended() if each["id"] == query.get("meetingId") for row in each[name]]

    def _registrants(self, request: Request, series: str) -> Response:
        query = request.query_params
        until = datetime.fromisoformat(query["registrationTimeTo"])
        since = (
            datetime.fromisoformat(query["registrationTimeFrom"]) if "registrationTimeFrom" in query else until - _WEEK
        )
        if until - since > timedelta(days=90):
            return JSONResponse({"message": "The interval must be within 90 days."}, 400)
        rows = [
            row
            for each in self._data["meetings"]
            if each["meetingSeriesId"] == series
            for row in each["registrants"]
            if since <= datetime.fromisoformat(row["registrationTime"]) < until
        ]
        return self._page(request, rows)

    def _page(self, request: Request, rows: list[dict[str, Any]]) -> Response:
        size = min(int(request.query_params.get("max", 10)), _MOST)
        start = int(request.query_params.get("offset", 0))
        headers = {}
        if start + size < len(rows):
            query = urlencode({**request.query_params, "offset": start + size})
            headers["Link"] = f'<{request.url.replace(query=query)}>; rel="next"'
        return JSONResponse({"items": rows[start : start + size]}, headers=headers)


def _begun(row: dict[str, Any], name: str) -> dict[str, Any]:
    """The row with the first of what is inside it, and a link to the rest."""
    items = row[name]["items"]
    links = {"next": "https://webexapis.com/v1/…"} if len(items) > 1 else {}
    return {**row, name: {"links": links, "items": items[:1]}}


def unauthorized() -> Response:
    """The vendor's own refusal of a token."""
    return JSONResponse({"message": "The request requires a valid access token set in the Authorization request header.", "trackingId": "replay"}, 401)  # fmt: skip


def platform(folder: Path, world: World) -> Platform:
    """The site that lies in `folder`, below `/v1`."""
    site = Site(folder, world)
    routes = [
        Route("/v1/access_token", site.token, methods=["POST"]),
        Route("/v1/{rest:path}", site.api, methods=["GET"]),
    ]
    return Platform(
        routes,
        unauthorized=unauthorized,
        forbidden=lambda: JSONResponse(
            {"message": "The caller does not have permission.", "trackingId": "replay"}, 403
        ),
        too_many=lambda seconds: JSONResponse(
            {"message": "Too many requests."}, 429, {"Retry-After": f"{seconds:.0f}"}
        ),
    )
