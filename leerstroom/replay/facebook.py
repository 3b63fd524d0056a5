"""Pages of Facebook out of one file: the Graph API's feed with comments and reactions that page, and its refusals by code.

```
facebook.json   {"token", "page": items a page, "pages": {id: [post in the form of the API, whole: comments and reactions as plain lists;
                 "_deleted": when it was deleted]}}
```
"""

from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from leerstroom.replay.world import Platform, World

Item = dict[str, Any]


class Graph:
    """The served pages."""

    def __init__(self, folder: Path, world: World) -> None:
        told = orjson.loads((folder / "facebook.json").read_bytes())
        self._token, self._size, self._pages = str(told["token"]), int(told["page"]), told["pages"]
        self._world = world

    async def feed(self, request: Request) -> Response:
        """Posts of a page, the newest first."""
        posts = self._pages.get(request.path_params["page"])
        if posts is None:
            return _refused(400, 100, "Unsupported get request.", 33)
        since, until = (
            float(request.query_params.get(name, default)) for name, default in (("since", 0), ("until", 1e11))
        )
        inside = [post for post in posts if since <= _moment(post).timestamp() < until]
        return self._page(request, sorted(inside, key=_moment, reverse=True))

    async def edge(self, request: Request) -> Response:
        """Comments on something, or reactions to it."""
        item = self._item(request.path_params["item"])
        return (
            self._page(request, item[request.path_params["edge"]])
            if item
            else _refused(400, 100, "Unsupported get request.", 33)
        )

    async def node(self, request: Request) -> Response:
        """A page."""
        if request.path_params["page"] not in self._pages:
            return _refused(400, 100, "Unsupported get request.", 33)
        return self._refusal(request) or JSONResponse({"id": request.path_params["page"]})

    def _refusal(self, request: Request) -> Response | None:
        return None if request.headers.get("authorization") == f"Bearer {self._token}" else _unauthorized()

    def _page(self, request: Request, items: list[Item]) -> Response:
        if refusal := self._refusal(request):
            return refusal
        there = [item for item in items if self._is_there(item)]
        start = int(request.query_params.get("after", "0"))
        return JSONResponse(self._list(request, str(request.url.path), dict(request.query_params), there, start))

    def _list(self, request: Request, path: str, query: dict[str, str], items: list[Item], start: int = 0) -> Item:
        end = start + self._size
        shown: Item = {
            "data": [self._shown(request, each) for each in items[start:end]],
            "paging": {"cursors": {"before": str(start), "after": str(end)}},
        }
        if end < len(items):
            shown["paging"]["next"] = str(
                request.url.replace(path=path).replace_query_params(**{**query, "after": end})
            )
        return shown

    def _shown(self, request: Request, item: Item) -> Item:
        made = {name: value for name, value in item.items() if not name.startswith("_")}
        for edge in ("comments", "reactions"):
            there = [each for each in item.get(edge, ()) if self._is_there(each)]
            made.pop(edge, None)
            if there:
                prefix, version = request.scope.get("root_path", ""), request.path_params["version"]
                made[edge] = self._list(request, f"{prefix}/{version}/{item['id']}/{edge}", {}, there)
        return made

    def _is_there(self, item: Item) -> bool:
        past = self._world.is_past
        return ("created_time" not in item or past(_moment(item))) and not (
            "_deleted" in item and past(datetime.fromisoformat(item["_deleted"]))
        )

    def _item(self, wanted: str) -> Item | None:
        held = [post for posts in self._pages.values() for post in posts]
        while held:
            item = held.pop()
            if item["id"] == wanted:
                return {"comments": [], "reactions": [], **item}
            held += item.get("comments", ())
        return None


def _moment(item: Item) -> datetime:
    return datetime.fromisoformat(item["created_time"])


def _refused(status: int, code: int, message: str, subcode: int = 0, headers: dict[str, str] | None = None) -> Response:
    error = {"message": message, "type": "OAuthException", "code": code, "error_subcode": subcode, "fbtrace_id": "A"}
    return JSONResponse({"error": error}, status, headers)


def _unauthorized() -> Response:
    return _refused(400, 190, "Invalid OAuth access token - Cannot parse access token")


def _too_many(seconds: float) -> Response:
    used = [
        {
            "type": "pages",
            "call_count": 100,
            "total_cputime": 1,
            "total_time": 1,
            "estimated_time_to_regain_access": round(seconds / 60),
        }
    ]
    return _refused(
        400,
        80001,
        "There have been too many calls to this Page account.",
        headers={"X-Business-Use-Case-Usage": orjson.dumps({"1": used}).decode()},
    )


def platform(folder: Path, world: World) -> Platform:
    """The pages that lie in `folder`."""
    graph = Graph(folder, world)
    return Platform(
        [
            Route("/{version}/{page}/feed", graph.feed),
            Route("/{version}/{item}/{edge:str}", graph.edge),
            Route("/{version}/{page}", graph.node),
        ],
        unauthorized=_unauthorized,
        forbidden=lambda: _refused(403, 10, "Application does not have permission for this action"),
        too_many=_too_many,
    )
