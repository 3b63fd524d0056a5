"""Pages of LinkedIn out of one file: posts, comments and reactions of the versioned API, with offsets, a required version, and a daily quota.

```
linkedin.json   {"token", "page": most elements a page, "posts": [post], "comments": {URN: [comment]}, "reactions": {URN: [reaction]}}
```
Everything is in the form of the API; "_deleted" says in milliseconds when a comment was deleted.
"""

from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from leerstroom.replay.world import Platform, World

Item = dict[str, Any]


class Pages:
    """The served pages."""

    def __init__(self, folder: Path, world: World) -> None:
        self._told = orjson.loads((folder / "linkedin.json").read_bytes())
        self._world = world

    async def posts(self, request: Request) -> Response:
        """Posts of an organisation, the newest first."""
        author = request.query_params.get("author")
        found = [post for post in self._told["posts"] if post["author"] == author]
        return self._page(request, sorted(found, key=lambda post: int(post["createdAt"]), reverse=True))

    async def comments(self, request: Request) -> Response:
        """Comments on a post or a comment."""
        return self._page(request, self._told["comments"].get(request.path_params["urn"], []))

    async def reactions(self, request: Request) -> Response:
        """Reactions to a post or a comment."""
        if request.query_params.get("q") != "entity":
            return _refused(400, "ILLEGAL_ARGUMENT", "q must be entity")
        return self._page(request, self._told["reactions"].get(request.path_params["urn"], []))

    def _page(self, request: Request, items: list[Item]) -> Response:
        if request.headers.get("authorization") != f"Bearer {self._told['token']}":
            return _unauthorized()
        if not request.headers.get("linkedin-version", "").isdecimal():
            return _refused(426, "NONEXISTENT_VERSION", "Requested version 20240101 is not active")
        start = int(request.query_params.get("start", "0"))
        count = min(int(request.query_params.get("count", "10")), int(self._told["page"]))
        there = [item for item in items if self._is_there(item)]
        shown = [
            {name: value for name, value in item.items() if not name.startswith("_")}
            for item in there[start : start + count]
        ]
        return JSONResponse({
            "elements": shown,
            "paging": {"start": start, "count": count, "links": [], "total": len(there)},
        })

    def _is_there(self, item: Item) -> bool:
        now = self._world.now().timestamp() * 1000
        written = item.get("createdAt") or item["created"]["time"]
        return bool(written <= now < item.get("_deleted", float("inf")))


def _refused(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"status": status, "code": code, "serviceErrorCode": 100, "message": message}, status, headers)


def _unauthorized() -> Response:
    return _refused(401, "INVALID_ACCESS_TOKEN", "Invalid access token")


def platform(folder: Path, world: World) -> Platform:
    """The pages that lie in `folder`."""
    pages = Pages(folder, world)
    return Platform(
        [
            Route("/rest/posts", pages.posts),
            Route("/rest/socialActions/{urn}/comments", pages.comments),
            Route("/rest/reactions/(entity:{urn})", pages.reactions),
        ],
        unauthorized=_unauthorized,
        forbidden=lambda: _refused(403, "ACCESS_DENIED", "Not enough permissions to access: partnerApiPosts.FINDER-author"),
        too_many=lambda seconds: _refused(429, "TOO_MANY_REQUESTS", "Resource level throttle APPLICATION_AND_MEMBER limit is reached.", {"Retry-After": f"{seconds:.0f}"}),
        quota_spent=lambda: _refused(429, "TOO_MANY_REQUESTS", "Resource level throttle APPLICATION DAY limit for calls to this resource is reached."),
    )  # fmt: skip
