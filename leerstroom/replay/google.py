"""What the replays of Google Workspace share: tokens for signed requests (RFC 7523), page tokens, Google's errors, a 429 that never says how long.

The file of a workspace begins with {"client_email", "users": {address: id of the person}}; beside it lies `public_key.json`, the key (JWK)
that the service account signs with. Names that begin with `_` are the replay's own and never shown.
"""

import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from leerstroom.replay.world import Platform, World

_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_A_DAY_S = 3600  # who must wait so long has no quota left, and Google says it in words


def error(status: int, code: str, message: str = "") -> Response:
    """A refusal of Google."""
    return JSONResponse({"error": {"code": status, "message": message or code, "status": code}}, status)


class Workspace:
    """One workspace: for whom tokens were issued, and places in lists."""

    page = 20  # also the most: the vendor may give less than what it lets one ask for
    scope = ""

    def __init__(self, folder: Path, name: str, world: World) -> None:
        self.data: dict[str, Any] = orjson.loads((folder / name).read_bytes())
        self.world = world
        self._key = RSAKey.import_key(orjson.loads((folder / "public_key.json").read_bytes()))
        self._tokens: dict[str, str] = {}
        self._places: dict[str, tuple[str, int]] = {}

    async def token(self, request: Request) -> Response:
        """A token for the person who is named in a signed request; the service account itself where nobody is."""
        form = await request.form()
        if form.get("grant_type") != _JWT_BEARER:
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        try:
            claims = jwt.decode(str(form.get("assertion")), self._key, algorithms=["RS256"]).claims
        except (JoseError, ValueError):
            return JSONResponse({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, 400)
        subject = str(claims.get("sub", ""))
        on_time = claims.get("iat", 0) <= time.time() + 60 < claims.get("exp", 0) + 60
        if (
            claims.get("iss") != self.data["client_email"]
            or not on_time
            or not str(claims.get("aud")).endswith("/token")
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        if (subject and subject not in self.data["users"]) or claims.get("scope") != self.scope:
            return JSONResponse({"error": "unauthorized_client"}, 401)
        made = secrets.token_urlsafe(16)
        self._tokens[made] = subject
        return JSONResponse({"access_token": made, "expires_in": 3599, "token_type": "Bearer"})

    async def api(self, request: Request) -> Response:
        """One request to the API."""
        subject = self._tokens.get(request.headers.get("authorization", "").removeprefix("Bearer "))
        if subject is None:
            return error(401, "UNAUTHENTICATED")
        return self.answer(request, request.path_params["rest"].split("/"), subject)

    def answer(self, request: Request, parts: list[str], subject: str) -> Response:
        """What `subject` is answered."""
        raise NotImplementedError

    def listed(self, request: Request, name: str, rows: Sequence[Any]) -> Response:
        """A page of a list; an empty list is an empty object."""
        query = {key: value for key, value in request.query_params.items() if key != "pageToken"}
        question, start = f"{request.scope['path']}?{sorted(query.items())}", 0
        if token := request.query_params.get("pageToken"):
            asked, start = self._places.get(token, ("", 0))
            if asked != question:
                return error(400, "INVALID_ARGUMENT", "The page token is not valid for this request.")
        size = max(1, min(int(query.get("pageSize", self.page)), self.page))
        body: dict[str, Any] = {name: rows[start : start + size]} if rows[start : start + size] else {}
        if start + size < len(rows):
            body["nextPageToken"] = secrets.token_urlsafe(12)
            self._places[body["nextPageToken"]] = (question, start + size)
        return JSONResponse(body)

    def platform(self, version: str) -> Platform:
        """The workspace as a platform, its OAuth beside it."""
        return Platform(
            [
                Route("/token", self.token, methods=["POST"]),
                Route(f"/{version}/{{rest:path}}", self.api, methods=["GET"]),
            ],
            unauthorized=lambda: error(401, "UNAUTHENTICATED"),
            forbidden=lambda: error(403, "PERMISSION_DENIED", "The caller does not have permission"),
            too_many=lambda seconds: error(429, "RESOURCE_EXHAUSTED") if seconds < _A_DAY_S else _spent(),
            quota_spent=_spent,
        )


def _spent() -> Response:
    return error(429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric 'Requests' and limit 'Requests per day'")


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without what is the replay's own."""
    return {name: value for name, value in row.items() if not name.startswith("_")}
