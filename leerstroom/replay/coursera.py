"""An organisation's Coursera for Business out of one file: OAuth, and enrolment reports of the state of today, by start and limit.

```
coursera.json   {"organization_id", "client_id", "client_secret", "rows": [row]}
```
Rows are in the vendor's shape. What is later than the simulated time is not there yet, and reports run a day behind as at the vendor.
"""

import base64
import secrets
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from leerstroom.replay.world import Platform, World

_MOST = 10  # rows of a page here, however many are asked for
_LAG = timedelta(hours=20)

Row = dict[str, Any]


class Organisation:
    """The served organisation and its state: access tokens that it handed out."""

    def __init__(self, folder: Path, world: World) -> None:
        self._data: dict[str, Any] = orjson.loads((folder / "coursera.json").read_bytes())
        self._world = world
        self._tokens: set[str] = set()

    async def token(self, request: Request) -> Response:
        """Client credentials: id and secret as basic authentication."""
        wanted = base64.b64encode(f"{self._data['client_id']}:{self._data['client_secret']}".encode()).decode()
        form = await request.form()
        if request.headers.get("authorization") != f"Basic {wanted}" or form.get("grant_type") != "client_credentials":
            return JSONResponse({"error": "invalid_client"}, 401)
        made = secrets.token_urlsafe(16)
        self._tokens.add(made)
        return JSONResponse({"access_token": made, "token_type": "Bearer", "expires_in": 1799})

    async def reports(self, request: Request) -> Response:
        """A page of the reports of the organisation, or of one program."""
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self._tokens:
            return unauthorized()
        if request.path_params["organization"] != self._data["organization_id"]:
            return forbidden()
        program = request.path_params.get("program")
        rows = [row for row in self._known() if program in {None, row["programId"]}]
        start, limit = int(request.query_params.get("start", 0)), int(request.query_params.get("limit", 50))
        last = start + min(limit, _MOST)
        following = {"next": str(last)} if last < len(rows) else {}
        return JSONResponse({"elements": rows[start:last], "paging": {"total": len(rows), **following}, "linked": {}})

    def _known(self) -> Iterator[Row]:
        """The rows as they were known at the simulated time."""
        until = int((self._world.now() - _LAG).timestamp() * 1000)
        for row in self._data["rows"]:
            if row["enrolledAt"] > until:
                continue
            shown = {
                name: value for name, value in row.items() if not (name.endswith("At") and value and value > until)
            }
            if "completedAt" not in shown:
                shown["isCompleted"] = False
            if "lastActivityAt" not in shown:
                shown |= {"overallProgress": 0, "approxTotalCourseHrs": 0}
            yield shown


def unauthorized() -> Response:
    """A token that Coursera does not know."""
    return JSONResponse({"errorCode": "unauthorized", "message": None, "details": None}, 401)


def forbidden() -> Response:
    """An app that may not see this organisation."""
    return JSONResponse({"errorCode": "Not Authorized", "message": None, "details": None}, 403)


def platform(folder: Path, world: World) -> Platform:
    """The organisation that lies in `folder`, below `/ent/api`; OAuth at `/oauth2/client_credentials/token`."""
    served = Organisation(folder, world)
    place = "/ent/api/businesses.v1/{organization}"
    return Platform(
        [
            Route("/oauth2/client_credentials/token", served.token, methods=["POST"]),
            Route(f"{place}/enrollmentReports", served.reports),
            Route(f"{place}/programs/{{program}}/enrollmentReports", served.reports),
        ],
        unauthorized=unauthorized,
        forbidden=forbidden,
        too_many=lambda seconds: JSONResponse(
            {"errorCode": "rateLimited", "message": None, "details": None}, 429, {"Retry-After": f"{seconds:.0f}"}
        ),
    )
