"""The ASGI app: version negotiation, credentials, limits, and one room per resource."""

import logging
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from leerstroom.lrs import statements
from leerstroom.lrs.access import Access
from leerstroom.lrs.statements import BadRequest, refusal
from leerstroom.lrs.storage import Conflict, Storage

logger = logging.getLogger(__name__)

VERSIONS = ("2.0.0", "1.0.3", "1.0.2", "1.0.1", "1.0.0")
BODY_LIMIT = 64 * 1024 * 1024
VERSION_HEADER = "X-Experience-API-Version"


def create_app(
    storage: Storage, *, home_page: str = "https://lrs.leerstroom.example", body_limit: int = BODY_LIMIT
) -> Starlette:
    """The LRS over a store. `home_page` is that of the accounts in statements' authority."""
    access = Access(storage)

    async def about(_: Request) -> Response:
        return JSONResponse({"version": list(VERSIONS), "extensions": {}}, headers={VERSION_HEADER: "1.0.3"})

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok", "statements": storage.count()})

    async def resource(request: Request) -> Response:
        version = _version(request.headers.get(VERSION_HEADER.lower()))
        if version is None:
            answer = refusal(400, f"{VERSION_HEADER} is missing or not spoken here; send 1.0.3 or 2.0.0")
            answer.headers[VERSION_HEADER] = "1.0.3"
            return answer
        answer = await answered(request, version)
        answer.headers[VERSION_HEADER] = version
        return answer

    async def answered(request: Request, version: str) -> Response:
        credential = access.check(request.headers.get("authorization"))
        if credential is None:
            answer = refusal(401, "a valid credential is needed")
            answer.headers["WWW-Authenticate"] = 'Basic realm="xAPI"'
            return answer
        if int(request.headers.get("content-length") or 0) > body_limit:
            return refusal(413, f"a request body holds at most {body_limit} bytes")
        writing = request.method in {"PUT", "POST"}
        if not credential.may("statements/write" if writing else "statements/read/mine"):
            return refusal(403, "this credential lacks the scope for it")
        try:
            if request.method == "PUT":
                return await statements.put(request, storage, credential, version, home_page)
            if request.method == "POST":
                return await statements.post(request, storage, credential, version, home_page)
            return await statements.get(request, storage, credential)
        except BadRequest as error:
            return refusal(400, str(error))
        except Conflict as error:
            return refusal(409, f"another statement is stored under the id {error}")

    routes: list[Any] = [
        Route("/xapi/about", about, methods=["GET", "HEAD"]),
        Route("/xapi/statements", resource, methods=["GET", "HEAD", "PUT", "POST"]),
        Route("/health", health),
    ]
    return Starlette(routes=routes)


def _version(header: str | None) -> str | None:
    if header in {"1.0", "1.0.0", "1.0.1", "1.0.2", "1.0.3"}:
        return "1.0.3"
    return "2.0.0" if header in {"2.0", "2.0.0"} else None
