"""The LRS as an ASGI app: version, credentials, limits and errors once, for all resources; which resource answers which path."""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any, Protocol

from leerstroom.errors import ConfigurationError
from leerstroom.lrs import times
from leerstroom.lrs.about import About
from leerstroom.lrs.access import NOBODY, Access, Credential
from leerstroom.lrs.activities import Activities
from leerstroom.lrs.activity_profiles import ActivityProfiles
from leerstroom.lrs.agent_profiles import AgentProfiles
from leerstroom.lrs.agents import Agents
from leerstroom.lrs.browser import Browser
from leerstroom.lrs.documents import Documents
from leerstroom.lrs.health import Health
from leerstroom.lrs.requests import (
    JSON,
    Call,
    Limits,
    Refusal,
    Reply,
    identified,
    json_reply,
    parse_parameters,
    read_body,
)
from leerstroom.lrs.state import State
from leerstroom.lrs.statements import Statements
from leerstroom.lrs.storage import Storage, Unavailable

logger = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]

PREFIX = "/xapi/"
_ALTERNATE = {
    "authorization",
    "x-experience-api-version",
    "content-type",
    "content-length",
    "if-match",
    "if-none-match",
    "accept",
    "accept-language",
}
_EXPOSED = "ETag, Last-Modified, Location, X-Experience-API-Version, X-Experience-API-Consistent-Through"
_ALLOWED = (
    "Authorization, Content-Type, Content-Encoding, If-Match, If-None-Match, X-Experience-API-Version, Accept-Language"
)
_NEWEST_OF = {"1": "1.0.3", "2": "2.0.0"}


class Resource(Protocol):
    """A resource: its path below the endpoint, its methods, and an async function for each."""

    path: str

    @property
    def methods(self) -> tuple[str, ...]:
        """What it answers to; HEAD and OPTIONS go without saying."""


class LrsApp:
    """One store behind HTTP. Made by `create_app`."""

    def __init__(self, storage: Storage, access: Access, limits: Limits, *, origins: str = "*") -> None:
        self.storage, self.access, self.limits, self._origins = storage, access, limits, origins
        self._unanswered: tuple[type[Exception], ...] = (*storage.broken, ConfigurationError)
        documents = Documents(storage)
        listed: list[Resource] = [
            Statements(storage, limits), State(documents), AgentProfiles(documents), ActivityProfiles(documents),
            Activities(storage), Agents(storage), About(),
        ]  # fmt: skip
        self._resources = {each.path: each for each in listed}
        self._health = Health(storage)
        self._browser = Browser(storage, access)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        started = time.perf_counter()
        path = scope["path"]
        root = scope.get("root_path", "")
        if root and path.startswith(root):
            path = path[len(root) :]
        try:
            reply, resource = await self._answered(scope, path, receive)
        except asyncio.CancelledError:
            raise
        except self._unanswered as error:
            logger.error("%s %s: no answer of the database: %s", scope["method"], path[:80], type(error).__name__)  # noqa: TRY400 - a trace may hold values
            reply, resource = _refused(Refusal(503, "the database does not answer; try again")), "error"
        except Exception as error:
            trace = error if _harmless(error) else None
            logger.error("%s %s failed: %s", scope["method"], path[:80], type(error).__name__, exc_info=trace)  # noqa: TRY400
            reply, resource = _refused(Refusal(500, "the LRS failed; the log says more")), "error"
        self._health.seen(resource, scope["method"], reply.status, time.perf_counter() - started)
        await _send(send, reply, head=scope["method"] == "HEAD")

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            else:
                await asyncio.to_thread(self.storage.close)
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _answered(self, scope: MutableMapping[str, Any], path: str, receive: Receive) -> tuple[Reply, str]:
        """(answer, name of the resource for the metrics)."""
        if path.startswith(PREFIX):
            reply, resource = await self._xapi(scope, path[len(PREFIX) :].rstrip("/"), receive)
            if resource == Statements.path:
                through = await asyncio.to_thread(self.storage.consistent_through)
                reply.headers.setdefault("X-Experience-API-Consistent-Through", times.text(through))
            reply.headers.setdefault("X-Experience-API-Version", _spoken(_headers(scope)))
            reply.headers["Access-Control-Allow-Origin"] = self._origins
            reply.headers["Access-Control-Expose-Headers"] = _EXPOSED
            return reply, resource
        if path in {"/health", "/metrics"}:
            return await self._health.answer(path), path[1:]
        try:
            return await self._browser.answer(
                scope["method"], path, _headers(scope), scope.get("query_string", b""), scope.get("root_path", "")
            ), "browser"
        except Refusal as refusal:
            return _refused(refusal), "browser"
        except Unavailable:
            return _refused(Refusal(503, "the database does not answer; try again")), "browser"

    # --- xAPI --------------------------------------------------------------------------------------------------------------------------

    async def _xapi(self, scope: MutableMapping[str, Any], path: str, receive: Receive) -> tuple[Reply, str]:
        resource = self._resources.get(path)
        if resource is None:
            return _refused(Refusal(404, "no such resource; the endpoint ends in /xapi/")), "unknown"
        method = scope["method"]
        allowed = ", ".join(("OPTIONS", "HEAD", *resource.methods))
        if method == "OPTIONS":
            reply = Reply(
                204,
                headers={
                    "Allow": allowed,
                    "Access-Control-Allow-Methods": allowed,
                    "Access-Control-Allow-Headers": _ALLOWED,
                },
            )
            reply.headers["Access-Control-Max-Age"] = "600"
            return reply, path
        headers = _headers(scope)
        try:
            parameters = parse_parameters(scope.get("query_string", b""))
            body: bytes | None = None
            if method == "POST" and "method" in parameters:
                method, parameters, headers, body = await self._alternate(parameters, headers, receive)
            method = "GET" if method == "HEAD" else method
            if method not in resource.methods:
                refusal = Refusal(405, f"this resource knows {allowed}")
                refusal.headers["Allow"] = allowed
                raise refusal
            version = _version(headers, optional=path == "about")
            credential = await self._credential(headers, path)
            if body is None:
                body = await read_body(receive, headers, self.limits) if method in {"PUT", "POST"} else b""
            call = Call(method, parameters, headers, body, version, credential, scope.get("root_path", "") + PREFIX)
            reply = await getattr(resource, method.lower())(call)
            reply.headers["X-Experience-API-Version"] = version
            return reply, path
        except Refusal as refusal:
            return _refused(refusal), path
        except Unavailable as error:
            return _refused(Refusal(503, str(error))), path

    async def _credential(self, headers: Mapping[str, str], path: str) -> Credential:
        try:
            return await identified(self.access, headers.get("authorization"))
        except Refusal as refusal:
            if path == "about" and refusal.status == 401:
                return NOBODY
            raise

    async def _alternate(
        self, parameters: dict[str, str], headers: dict[str, str], receive: Receive
    ) -> tuple[str, dict[str, str], dict[str, str], bytes]:
        """The alternate request syntax of 1.0.3 (part three, 1.3): a POST whose form holds parameters, headers and content."""
        if len(parameters) != 1:
            raise Refusal(400, "beside 'method' no parameter may stand in the address; put it into the form")
        if headers.get("x-experience-api-version", "").startswith("2"):
            raise Refusal(400, "xAPI 2.0 has no alternate request syntax")
        if headers.get("content-type", "").split(";", 1)[0].strip().lower() != "application/x-www-form-urlencoded":
            raise Refusal(400, "the alternate request syntax needs a form (application/x-www-form-urlencoded)")
        method = parameters["method"].upper()
        if method not in {"GET", "PUT", "POST", "DELETE", "HEAD"}:
            raise Refusal(400, "the parameter 'method' must be GET, PUT, POST, DELETE or HEAD")
        form = parse_parameters(await read_body(receive, headers, self.limits))
        told = {name: value for name, value in headers.items() if name not in {"content-type", "content-length"}}
        rest: dict[str, str] = {}
        content = b""
        for name, value in form.items():
            if name == "content":
                content = value.encode("utf-8", "surrogatepass")
            elif name.lower() in _ALTERNATE:
                told[name.lower()] = value
            else:
                rest[name] = value
        if method in {"PUT", "POST"} and "content" not in form:
            raise Refusal(400, "the form must have a field 'content'")
        told.setdefault("content-type", JSON if content else "")
        if told["x-experience-api-version"].startswith("2") if "x-experience-api-version" in told else False:
            raise Refusal(400, "xAPI 2.0 has no alternate request syntax")
        return method, rest, told, content


def create_app(
    database: str | Path | None = None,
    *,
    storage: Storage | None = None,
    limits: Limits | None = None,
    key: str = "",
    secret: str = "",
    origins: str = "*",
) -> LrsApp:
    """The LRS over a database (a path, `sqlite:///PATH` or `postgresql://…`) or an open store. Raises ConfigurationError.

    `key` and `secret` make a first credential with every scope. `origins` is what pages of other sites may read (CORS); credentials are never implied by it.
    """
    if storage is None:
        if database is None:
            raise TypeError("create_app needs a database or a storage")
        storage = Storage(database)
    access = Access(storage)
    if key and secret:
        access.ensure(key, secret)
    return LrsApp(storage, access, limits or Limits(), origins=origins)


def _headers(scope: Mapping[str, Any]) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _version(headers: Mapping[str, str], *, optional: bool) -> str:
    """1.0.3 for 1.0 and 1.0.x, 2.0.0 for 2.0 and 2.0.x. Refuses everything else with 400."""
    told = headers.get("x-experience-api-version")
    if told is None:
        if optional:
            return _NEWEST_OF["1"]
        raise Refusal(400, "the header X-Experience-API-Version is missing; send 1.0.3 or 2.0.0")
    if not re.fullmatch(r"[12]\.0(\.\d{1,3})?", told.strip()):
        if optional:
            return _NEWEST_OF["1"]
        raise Refusal(400, "the header X-Experience-API-Version must be 1.0.x or 2.0.x")
    return _NEWEST_OF[told.strip()[0]]


def _spoken(headers: Mapping[str, str]) -> str:
    """The version that a refusal is told in. A request without the header is one of 0.9, before there was a header; both suites accept no other common answer."""
    told = headers.get("x-experience-api-version")
    return "0.9" if told is None else _NEWEST_OF["2" if told.startswith("2") else "1"]


def _refused(refusal: Refusal) -> Reply:
    told: dict[str, Any] = {"status": refusal.status, "error": refusal.message}
    if refusal.index is not None:
        told["index"] = refusal.index
    if refusal.property is not None:
        told["property"] = refusal.property
    reply = json_reply(told, refusal.status)
    reply.headers.update(refusal.headers)
    if refusal.status in {408, 413}:
        reply.headers["Connection"] = "close"  # the rest of the body is not read
    if refusal.status == 503:
        reply.headers["Retry-After"] = "2"
    return reply


def _harmless(error: Exception) -> bool:
    """Whether the text of an error can hold nothing of a statement."""
    return isinstance(error, AssertionError | AttributeError | NameError | ImportError | NotImplementedError)


async def _send(send: Send, reply: Reply, *, head: bool) -> None:
    headers = [
        (name.lower().encode("latin-1"), text.encode("latin-1", "replace")) for name, text in reply.headers.items()
    ]
    if reply.status != 204:
        headers.append((b"content-type", reply.content_type.encode("latin-1", "replace")))
        headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head or reply.status == 204 else reply.body})
