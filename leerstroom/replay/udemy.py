"""An organisation's Udemy Business out of one file: two reports of the state of today, by days of activity, on numbered pages that name the next.

```
udemy.json   {"organization_id", "client_id", "client_secret", "courses": [row], "items": [row]}
```
Rows are in the vendor's shape. What is later than the simulated time is empty yet, and reports run behind by some hours as at the vendor.
"""

import base64
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from leerstroom.replay.world import Platform, World

_MOST = 20  # rows of a page at this site, however many are asked for
_LAG = timedelta(hours=5)
_REPORTS = {"user-course-activity": "courses", "user-progress": "items"}
_USED = {"courses": "course_last_accessed_date", "items": "item_completion_time"}

Row = dict[str, Any]


class Site:
    """The served organisation."""

    def __init__(self, folder: Path, world: World) -> None:
        self._data: dict[str, Any] = orjson.loads((folder / "udemy.json").read_bytes())
        self._world = world

    async def report(self, request: Request) -> Response:
        """A page of a report."""
        wanted = base64.b64encode(f"{self._data['client_id']}:{self._data['client_secret']}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {wanted}":
            return unauthorized()
        asked, name = request.query_params, _REPORTS.get(request.path_params["report"])
        if request.path_params["organization"] != self._data["organization_id"]:
            return forbidden()
        if name is None:
            return JSONResponse({"detail": "Not found."}, 404)
        size = min(int(asked.get("page_size", 12)), _MOST)
        page = int(asked.get("page", 1))
        rows = self._rows(name, asked.get("from_date", ""), asked.get("to_date", "9"))
        shown = rows[(page - 1) * size : page * size]
        if not shown and page > 1:
            return JSONResponse({"detail": "Invalid page."}, 404)

        def address(number: int) -> str:
            return f"{request.url.replace(query='')}?{urlencode({**asked, 'page': number})}"

        return JSONResponse({
            "count": len(rows),
            "next": address(page + 1) if page * size < len(rows) else None,
            "previous": address(page - 1) if page > 1 else None,
            "results": shown,
        })

    def _rows(self, name: str, first: str, last: str) -> list[Row]:
        """Rows that were used in the days asked for, as they were at the simulated time."""
        known = [self._as_known(row) for row in self._data[name]]
        used = _USED[name]
        return [row for row in known if row and first <= str(row.get(used) or row.get("course_enroll_date") or row.get("item_start_time"))[:10] <= last]  # fmt: skip

    def _as_known(self, row: Row) -> Row:
        """The row without moments that are not there yet; empty where it began later."""
        until = self._world.now() - _LAG
        begun = row.get("course_enroll_date") or row.get("item_start_time")
        if begun and datetime.fromisoformat(begun) > until:
            return {}
        shown = {
            name: None
            if name.endswith(("_date", "_time")) and value and datetime.fromisoformat(value) > until
            else value
            for name, value in row.items()
        }
        if shown.get("course_last_accessed_date") is None and "completion_ratio" in shown:
            shown |= {"completion_ratio": 0, "num_video_consumed_minutes": 0.0}
        return shown


def unauthorized() -> Response:
    """Credentials that the site does not know."""
    return JSONResponse({"detail": "Invalid username/password."}, 401, {"WWW-Authenticate": 'Basic realm="api"'})


def forbidden() -> Response:
    """A client of another organisation."""
    return JSONResponse({"detail": "You do not have permission to perform this action."}, 403)


def platform(folder: Path, world: World) -> Platform:
    """The organisation that lies in `folder`, below `/api-2.0`."""
    route = Route("/api-2.0/organizations/{organization}/analytics/{report}/", Site(folder, world).report)
    return Platform(
        [route],
        unauthorized=unauthorized,
        forbidden=forbidden,
        too_many=lambda seconds: JSONResponse(
            {"detail": f"Request was throttled. Expected available in {seconds:.0f} seconds."},
            429,
            {"Retry-After": f"{seconds:.0f}"},
        ),
    )
