"""X out of one file: searches, timelines and look-ups of API v2, with tokens that page, partial errors, and limits that name their end.

```
x.json   {"token", "page": posts a page, "posts": [post in the form of v2, with "_found_by": searches, "_deleted": when it was deleted]}
```
A post exists from `created_at` until `_deleted`. Lists are newest first; what posts refer to comes along under `includes`.
"""

import secrets
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from leerstroom.replay.world import Platform, World

Post = dict[str, Any]
_MOST = 100


class Network:
    """The served posts, and the page tokens that were given out."""

    def __init__(self, folder: Path, world: World) -> None:
        told = orjson.loads((folder / "x.json").read_bytes())
        self._token, self._size = str(told["token"]), int(told["page"])
        self._posts: list[Post] = sorted(told["posts"], key=lambda post: str(post["created_at"]), reverse=True)
        self._world = world
        self._places: dict[str, tuple[str, int]] = {}

    def _refusal(self, request: Request) -> Response | None:
        return None if request.headers.get("authorization") == f"Bearer {self._token}" else _unauthorized()

    def _there(self) -> list[Post]:
        """Posts that exist at the simulated time."""
        past = self._world.is_past
        return [
            post
            for post in self._posts
            if past(_moment(post["created_at"])) and not ("_deleted" in post and past(_moment(post["_deleted"])))
        ]

    async def search(self, request: Request) -> Response:
        """Posts that a search finds."""
        query = request.query_params.get("query", "")
        return self._page(request, [post for post in self._there() if query in post.get("_found_by", ())])

    async def timeline(self, request: Request) -> Response:
        """Posts of an account."""
        account = request.path_params["account"]
        return self._page(request, [post for post in self._there() if post["author_id"] == account])

    def _page(self, request: Request, posts: list[Post]) -> Response:
        if refusal := self._refusal(request):
            return refusal
        query = dict(request.query_params)
        token = query.pop("pagination_token", None)
        asked, place = f"{request.url.path}?{sorted(query.items())}", 0
        if token:
            question, place = self._places.get(token, ("", 0))
            if question != asked:
                return _invalid("The 'pagination_token' query parameter value is not valid")
        start, end = _moment(query["start_time"]), _moment(query["end_time"])
        inside = [post for post in posts if start <= _moment(post["created_at"]) < end]
        page, meta = inside[place : place + self._size], {}
        if place + self._size < len(inside):
            following = secrets.token_urlsafe(12)
            self._places[following] = (asked, place + self._size)
            meta = {"next_token": following}
        body: dict[str, Any] = {"meta": {"result_count": len(page), **meta}}
        if page:
            body["data"] = [_shown(post) for post in page]
            wanted = {each["id"] for post in page for each in post.get("referenced_tweets", ())}
            there = {post["id"]: post for post in self._there()}
            body["includes"] = {"tweets": [_shown(there[each]) for each in sorted(wanted & there.keys())]}
            if missing := sorted(wanted - there.keys()):
                body["errors"] = [_not_found(each, "referenced_tweets.id") for each in missing]
        return JSONResponse(body)

    async def lookup(self, request: Request) -> Response:
        """Posts by id; those that are gone come as errors beside the others."""
        if refusal := self._refusal(request):
            return refusal
        wanted = request.query_params.get("ids", "").split(",")
        if len(wanted) > _MOST:
            return _invalid(
                f"The number of values in the 'ids' query parameter list [{len(wanted)}] is not between 1 and {_MOST}"
            )
        there = {post["id"]: post for post in self._there()}
        found = [_shown(there[each]) for each in wanted if each in there]
        errors = [_not_found(each, "ids") for each in wanted if each not in there]
        return JSONResponse({**({"data": found} if found else {}), **({"errors": errors} if errors else {})})

    async def usage(self, request: Request) -> Response:
        """How much of the month's posts is used."""
        return self._refusal(request) or JSONResponse({
            "data": {"project_cap": "2000000", "project_id": "1", "project_usage": "120"}
        })


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _shown(post: Post) -> Post:
    return {name: value for name, value in post.items() if not name.startswith("_")}


def _not_found(post: str, parameter: str) -> dict[str, str]:
    return {
        "value": post, "resource_id": post, "parameter": parameter, "resource_type": "tweet", "title": "Not Found Error",
        "detail": f"Could not find tweet with {parameter}: [{post}].", "type": "https://api.twitter.com/2/problems/resource-not-found",
    }  # fmt: skip


def _unauthorized() -> Response:
    return JSONResponse({"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"}, 401)


def _invalid(detail: str) -> Response:
    return JSONResponse(
        {"title": "Invalid Request", "detail": detail, "type": "https://api.twitter.com/2/problems/invalid-request"},
        400,
    )


def _too_many(seconds: float) -> Response:
    headers = {
        "x-rate-limit-limit": "450",
        "x-rate-limit-remaining": "0",
        "x-rate-limit-reset": f"{time.time() + seconds:.0f}",
    }
    return JSONResponse(
        {"title": "Too Many Requests", "type": "about:blank", "status": 429, "detail": "Too Many Requests"},
        429,
        headers,
    )


def platform(folder: Path, world: World) -> Platform:
    """The network whose posts lie in `folder`."""
    network = Network(folder, world)
    return Platform(
        [
            Route("/2/tweets/search/recent", network.search),
            Route("/2/tweets/search/all", network.search),
            Route("/2/users/{account}/tweets", network.timeline),
            Route("/2/tweets", network.lookup),
            Route("/2/usage/tweets", network.usage),
        ],
        unauthorized=_unauthorized,
        forbidden=lambda: JSONResponse(
            {"title": "Forbidden", "type": "about:blank", "status": 403, "detail": "Forbidden"}, 403
        ),
        too_many=_too_many,
        quota_spent=lambda: JSONResponse(
            {"title": "UsageCapExceeded", "detail": "Usage cap exceeded: Monthly product cap", "type": "https://api.twitter.com/2/problems/usage-capped"}, 429
        ),
    )  # fmt: skip
