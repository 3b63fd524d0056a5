"""A Totara site out of one file: the token of an API client, and its GraphQL with lists, reports and bookings of seminars.

```
totara.json     {"client_id", "client_secret", "users": [row], "courses": [row], "events": [row], "bookings": [{"event", "user", "state", "_since"}],
                 "reports": {number: {"columns": [{"key", "label"}], "rows": [cells], "searches": {number: [numbers of rows]}, "at": place of a date in the cells}},
                 "secret_users": [ids of whom a booking cannot be asked]}
schema.graphql  the part of the site's schema that is served
```
As at the vendor a list begins and ends with an empty cursor, numbers in reports are text, a report's length of page is the report's own, a booking hides users who
left the course, one part of a question that fails empties the whole answer, and errors come with status 200. A fact later than the simulated time does not exist yet.
Needs graphql-core, which answers the queries.
"""

import base64
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import Any

import orjson
from graphql import GraphQLError, GraphQLSchema, build_schema, graphql_sync
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from leerstroom.replay.world import Platform, World

_MOST = 4  # items of a page at this site, however many are asked for
_PER_REPORT_PAGE = 5

Row = dict[str, Any]


class Site:
    """The served site and its state: tokens that it handed out. Field names of the root are methods here."""

    def __init__(self, folder: Path, world: World) -> None:
        self._data: Row = orjson.loads((folder / "totara.json").read_bytes())
        self._schema: GraphQLSchema = build_schema((folder / "schema.graphql").read_text(encoding="utf-8"))
        self._world = world
        self._tokens: set[str] = set()

    def _is_past(self, cell: str | None) -> bool:
        """Also where a cell holds a date in words."""
        return not (cell or "").isdecimal() or self._world.is_past(datetime.fromtimestamp(int(cell or 0), UTC))

    # --- over HTTP -------------------------------------------------------------------------------------------------------------------

    async def token(self, request: Request) -> Response:
        """A token for the client's id and secret."""
        form = await request.form()
        if form.get("grant_type") != "client_credentials":
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        if any(form.get(name) != self._data[name] for name in ("client_id", "client_secret")):
            return JSONResponse({"error": "invalid_client", "error_description": "Client authentication failed"}, 401)
        token = secrets.token_urlsafe(16)
        self._tokens.add(token)
        return JSONResponse({"token_type": "Bearer", "expires_in": 86400, "access_token": token})

    async def answer(self, request: Request) -> Response:
        """The data of a query, or errors."""
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self._tokens:
            return unauthorized()
        asked = await request.json()
        found = graphql_sync(self._schema, asked["query"], root_value=self, variable_values=asked.get("variables"))
        return JSONResponse(found.formatted)

    # --- the fields of the root ------------------------------------------------------------------------------------------------------

    def core_user_users(self, _: Any, query: Row | None = None) -> Row:
        """All users."""
        return _page(self._data["users"], query)

    def core_course_courses(self, _: Any, query: Row | None = None) -> Row:
        """All courses. How far they are completed is told of the API user, who learns nothing."""
        return _page(self._data["courses"], query)

    def mod_facetoface_events(self, _: Any, query: Row | None = None) -> Row:
        """Events of seminars, by tense and time."""
        filters = (query or {}).get("filters") or {}
        last = min(filters.get("finishes_on_or_before") or inf, self._world.now().timestamp() if filters.get("tense") == "PAST" else inf)  # fmt: skip
        first = filters.get("starts_after") or 0
        kept = [
            event
            for event in self._data["events"]
            if float(event["start_date"] or inf) > first and float(event["finish_date"] or inf) <= last
        ]
        return _page(kept, query)

    def mod_facetoface_event_user_booking(self, _: Any, user: Row, event: Row) -> Row:
        """The booking of one user for one event, as it is by now."""
        if user["id"] in self._data["secret_users"]:
            raise GraphQLError("User record could not be found", extensions={"category": "facetoface"})
        now = self._world.now().timestamp()
        states = [
            each
            for each in self._data["bookings"]
            if (each["event"], each["user"]) == (event["id"], user["id"]) and each["_since"] <= now
        ]
        return {"found": bool(states), "booking": {"state": {"key": states[-1]["state"]}} if states else None}

    def totara_reportbuilder_get_report(self, _: Any, input: Row) -> Row:  # ruff: ignore[builtin-argument-shadowing] - the vendor's name
        """One page of a report, or of a saved search of it."""
        report = self._data["reports"].get(str(input["report_id"]))
        if report is None:
            raise GraphQLError(f"Cannot find report with ID {input['report_id']}", extensions={"category": "reportbuilder"})  # fmt: skip
        numbers = report["searches"].get(str(input.get("saved_search_id") or ""), range(len(report["rows"])))
        rows = [report["rows"][number] for number in numbers]
        seen = [cells for cells in rows if self._is_past(cells[report["at"]])]
        page, pages = input.get("page") or 1, -(-len(seen) // _PER_REPORT_PAGE)
        return {
            "report_pagination": {"next_cursor": page + 1 if page < pages else None, "total_pages": pages},
            "columns": report["columns"],
            "rows": [{"data": cells} for cells in seen[(page - 1) * _PER_REPORT_PAGE : page * _PER_REPORT_PAGE]],
        }


def _page(items: Sequence[Row], query: Row | None) -> Row:
    pagination = (query or {}).get("pagination") or {}
    cursor = pagination.get("cursor")
    first = orjson.loads(base64.b64decode(cursor))["offset"] if cursor else 0
    size = min(pagination.get("limit") or 20, _MOST)
    more = first + size < len(items)
    following = base64.b64encode(orjson.dumps({"offset": first + size})).decode() if more else ""
    return {"items": items[first : first + size], "total": len(items), "next_cursor": following}


def _refusal(message: str, status: int) -> Callable[..., Response]:
    def refuse(*_: Any) -> Response:
        return JSONResponse({"errors": [{"message": message}], "error": message}, status)

    return refuse


unauthorized = _refusal("Missing, expired or invalid access token", 401)
forbidden = _refusal("Sorry, but you do not currently have permissions to do that", 403)


def too_many(retry_after_s: float) -> Response:
    """More points than the client may spend a minute."""
    body = {"errors": [{"message": "Too many requests", "extensions": {"category": "internal"}}]}
    return JSONResponse(body, 429, {"Retry-After": f"{retry_after_s:.0f}"})


def platform(folder: Path, world: World) -> Platform:
    """The site of `totara.json`."""
    site = Site(folder, world)
    routes = [
        Route("/totara/oauth2/token.php", site.token, methods=["POST"]),
        Route("/api/graphql.php", site.answer, methods=["POST"]),
    ]
    return Platform(routes, unauthorized=unauthorized, forbidden=forbidden, too_many=too_many)
