"""What the replays of Microsoft Graph share: the app's token, pages with `$skiptoken`, errors one level deep, 429 with Retry-After.

The file of a tenant begins with {"tenant_id", "client_id", "client_secret"}. Names that begin with `_` are the replay's own and never shown;
`_since` is when a row exists from.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from leerstroom.replay.world import Platform, World


def error(status: int, code: str, message: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """A refusal of Graph."""
    inner = {"date": "2026-11-24T00:00:00", "request-id": "00000000-0000-0000-0000-000000000000"}
    body = {"error": {"code": code, "message": message or code, "innerError": inner}}
    return JSONResponse(body, status, dict(headers or {}))


class Tenant:
    """One Microsoft 365 tenant: issued tokens and places in lists."""

    page = 20  # the vendor gives what it likes

    def __init__(self, data: dict[str, Any], world: World) -> None:
        self.data = data
        self.world = world
        self._tokens: set[str] = set()
        self._places: dict[str, tuple[str, int]] = {}

    async def token(self, request: Request) -> Response:
        """The client credentials flow of Microsoft Entra."""
        form = await request.form()
        if request.path_params["tenant"] != self.data["tenant_id"]:
            return JSONResponse({"error": "invalid_request", "error_codes": [90002]}, 400)
        wanted = {"grant_type": "client_credentials", "client_id": self.data["client_id"], "client_secret": self.data["client_secret"]}  # fmt: skip
        if {name: form.get(name) for name in wanted} != wanted:
            return JSONResponse({"error": "invalid_client", "error_codes": [7000215]}, 401)
        made = secrets.token_urlsafe(16)
        self._tokens.add(made)
        return JSONResponse({"token_type": "Bearer", "expires_in": 3599, "access_token": made})

    async def api(self, request: Request) -> Response:
        """One request below /v1.0."""
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self._tokens:
            return error(401, "InvalidAuthenticationToken", "Access token has expired or is not yet valid.")
        path = request.scope["path"].split("/v1.0/", 1)[1]
        return self.answer(request, path.split("/"))

    def answer(self, request: Request, parts: list[str]) -> Response:
        """What the tenant answers to a path below the version."""
        raise NotImplementedError

    def seen(self, rows: Any) -> list[dict[str, Any]]:
        """The rows that exist already, as they are shown."""
        return [shown(row) for row in rows if not row.get("_since") or self.is_past(row["_since"])]

    def is_past(self, text: str) -> bool:
        """Whether a moment of the file has come."""
        return self.world.is_past(datetime.fromisoformat(text))

    def listed(self, request: Request, rows: Sequence[Any], **more: Any) -> Response:
        """A page of a list, with the address of the next one."""
        start, question = 0, request.scope["path"]
        if token := request.query_params.get("$skiptoken"):
            asked, start = self._places.get(token, ("", 0))
            if asked != question:
                return error(400, "BadRequest", "The skip token is not valid.")
        return JSONResponse({**more, "value": rows[start : start + self.page], **self.following(request, start, rows)})

    def following(
        self, request: Request, start: int, rows: Sequence[Any], path: str = "", name: str = "@odata.nextLink"
    ) -> dict[str, str]:
        """The link to what lies behind this page, if anything does."""
        if start + self.page >= len(rows):
            return {}
        token, where = secrets.token_urlsafe(12), path or request.scope["path"]
        self._places[token] = (where, start + self.page)
        return {name: f"{request.url.scheme}://{request.url.netloc}{quote(where)}?$skiptoken={token}"}

    def platform(self, *more: BaseRoute) -> Platform:
        """The tenant as a platform, its OAuth beside it."""
        routes = [
            Route("/{tenant}/oauth2/v2.0/token", self.token, methods=["POST"]),
            *more,
            Route("/v1.0/{rest:path}", self.api, methods=["GET"]),
        ]
        return Platform(
            routes,
            unauthorized=lambda: error(401, "InvalidAuthenticationToken", "Access token is empty."),
            forbidden=lambda: error(403, "Forbidden", "No application access policy found for this app."),
            too_many=lambda seconds: error(429, "TooManyRequests", headers={"Retry-After": f"{seconds:.0f}"}),
        )


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without what is the replay's own."""
    return {name: value for name, value in row.items() if not name.startswith("_")}
