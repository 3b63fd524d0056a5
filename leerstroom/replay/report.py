"""Reporting APIs of learning management systems out of one file: OData v4 and v2, a report as a service, and numbered pages.

```
server.json   {"token", "username", "password", "rows": [row in the words of the system]}
```
Below `/odata4` rows come under `value` with @odata.nextLink, below `/odata2` under `d.results` with __next, both with a $skiptoken that belongs to the question;
below `/service` all at once in `Report_Entry`; below `/pages` by number, with `data.has_more_data`. Rows of later than the simulated time (`_since`) do not exist yet.
"""

import base64
import secrets
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from leerstroom.replay.world import Platform, World

_PAGE = 2


class Reports:
    """The served reports."""

    def __init__(self, folder: Path, world: World) -> None:
        self._data: dict[str, Any] = orjson.loads((folder / "server.json").read_bytes())
        self._world = world
        self._places: dict[str, tuple[str, int]] = {}

    def _is_known(self, request: Request) -> bool:
        user = base64.b64encode(f"{self._data['username']}:{self._data['password']}".encode()).decode()
        return request.headers.get("authorization") in {f"Bearer {self._data['token']}", f"Basic {user}"}

    def _rows(self, words: str) -> list[dict[str, Any]]:
        exists = [row for row in self._data[words] if self._world.is_past(datetime.fromisoformat(row["_since"]))]
        return [{name: value for name, value in row.items() if name != "_since"} for row in exists]

    async def answer(self, request: Request) -> Response:
        """One report."""
        if not self._is_known(request):
            return unauthorized()
        match request.path_params["kind"]:
            case "odata4":
                rows, link = self._page(request, self._rows("cornerstone"))
                return JSONResponse({
                    "@odata.context": "…",
                    "value": rows,
                    **({"@odata.nextLink": link} if link else {}),
                })
            case "odata2":
                rows, link = self._page(request, self._rows("successfactors"))
                return JSONResponse({"d": {"results": rows, **({"__next": link} if link else {})}})
            case "service":
                return JSONResponse({"Report_Entry": self._rows("workday")})
            case "pages":
                number = int(request.query_params.get("page", 1))
                found = self._rows("docebo")
                rows = found[(number - 1) * _PAGE : number * _PAGE]
                return JSONResponse({"data": {"items": rows, "has_more_data": number * _PAGE < len(found)}})
        return JSONResponse({"error": {"code": "NotFound"}}, 404)

    def _page(self, request: Request, rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], str]:
        asked, start = self._places.get(request.query_params.get("$skiptoken", ""), ("", 0))
        if asked and asked != request.url.path:
            return [], ""
        if start + _PAGE >= len(rows):
            return rows[start:], ""
        token = secrets.token_urlsafe(8)
        self._places[token] = (request.url.path, start + _PAGE)
        return rows[start : start + _PAGE], str(request.url.replace(query=f"$skiptoken={token}"))


def unauthorized() -> Response:
    """A refusal as OData words it."""
    return JSONResponse({"error": {"code": "Unauthorized", "message": "Authentication failed"}}, 401)


def platform(folder: Path, world: World) -> Platform:
    """The reports that lie in `folder`."""
    return Platform(
        [Route("/{kind}/{rest:path}", Reports(folder, world).answer, methods=["GET"])], unauthorized=unauthorized
    )
