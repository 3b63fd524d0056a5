"""The users of a SCIM 2.0 service out of one file.

```
scim.json   {"token", "users": [User, with _since and _until]}
```
It gives at most five users a page, whatever is asked for; a page behind the end holds none. `active eq false` is its only filter.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from leerstroom.replay.world import Platform, World

_MOST = 5
_MEDIA_TYPE = "application/scim+json"


def _error(status: int, detail: str) -> Response:
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": str(status), "detail": detail}
    return JSONResponse(body, status, media_type=_MEDIA_TYPE)


class Service:
    """The service's state: its token and its users."""

    def __init__(self, data: dict[str, Any], world: World) -> None:
        self._data, self._world = data, world

    def _is_there(self, user: dict[str, Any]) -> bool:
        def past(name: str) -> bool:
            return self._world.is_past(datetime.fromisoformat(user[name]))

        return ("_since" not in user or past("_since")) and not ("_until" in user and past("_until"))

    async def users(self, request: Request) -> Response:
        """A page of users."""
        if request.headers.get("authorization") != f"Bearer {self._data['token']}":
            return _error(401, "Authorization failure.")
        query = request.query_params
        found = [{key: value for key, value in user.items() if not key.startswith("_")} for user in self._data["users"] if self._is_there(user)]  # fmt: skip
        if wanted := query.get("filter"):
            if wanted != "active eq false":
                return _error(400, "The filter is not supported.")
            found = [user for user in found if user.get("active") is False]
        start, count = max(1, int(query.get("startIndex", 1))), min(int(query.get("count", _MOST)), _MOST)
        page = found[start - 1 : start - 1 + count]
        body = {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
            "totalResults": len(found),
            "startIndex": start,
            "itemsPerPage": len(page),
            **({"Resources": page} if page else {}),
        }
        return JSONResponse(body, media_type=_MEDIA_TYPE)


def platform(folder: Path, world: World) -> Platform:
    """The service that lies in `folder`, at `/Users`."""
    service = Service(orjson.loads((folder / "scim.json").read_bytes()), world)
    return Platform(
        [Route("/Users", service.users, methods=["GET"])],
        unauthorized=lambda: _error(401, "Authorization failure."),
        forbidden=lambda: _error(403, "Operation is not permitted."),
        too_many=lambda seconds: JSONResponse({"status": "429"}, 429, {"Retry-After": f"{seconds:.0f}"}),
    )
