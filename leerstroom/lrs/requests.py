"""A request as the resources see it, the answers they give, and the refusals they raise. Parsing only: nothing here knows a resource."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson

from leerstroom.errors import InvalidStatement
from leerstroom.lrs import times
from leerstroom.lrs.access import Access, Credential, Scope, TooManyTries

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

JSON = "application/json"


class Refusal(Exception):
    """An answer of 4xx: status, a sentence for the caller, and where in the body it is wrong."""

    def __init__(self, status: int, message: str, *, index: int | None = None, property: str | None = None) -> None:  # noqa: A002
        super().__init__(message)
        self.status, self.message, self.index, self.property = status, message, index, property
        self.headers: dict[str, str] = {}


async def identified(access: Access, header: str | None) -> Credential:
    """Who asks, by the Authorization header. Raises Refusal: 401 for a wrong or missing secret, 429 after too many wrong ones."""
    try:
        credential = await access.credential(header)
    except TooManyTries as error:
        refusal = Refusal(429, str(error))
        refusal.headers["Retry-After"] = f"{error.retry_after_s:.0f}"
        raise refusal from None
    if credential is None:
        refusal = Refusal(401, "key or secret is wrong or missing (Basic authentication)")
        refusal.headers["WWW-Authenticate"] = 'Basic realm="Leerstroom LRS", charset="UTF-8"'
        raise refusal
    return credential


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may cost. Bytes, statements, seconds."""

    body: int = 64 * 1024 * 1024
    batch: int = 10_000
    page: int = 10_000
    default_page: int = 500
    page_bytes: int = 32 * 1024 * 1024
    read_s: float = 60.0
    depth: int = 100


@dataclass(slots=True)
class Call:
    """One request below the endpoint, after version and credentials were checked."""

    method: str
    parameters: dict[str, str]
    headers: Mapping[str, str]
    body: bytes
    version: str
    credential: Credential
    endpoint: str

    @property
    def two(self) -> bool:
        """Whether the request speaks xAPI 2.0."""
        return self.version.startswith("2")

    @property
    def content_type(self) -> str:
        """Media type of the body in lower case, without its parameters."""
        return self.headers.get("content-type", "").split(";", 1)[0].strip().lower()

    def only(self, *names: str) -> None:
        """Refuses parameters that the resource does not know, in this spelling."""
        for name in self.parameters:
            if name not in names:
                raise Refusal(
                    400, f"the parameter '{name[:60]}' is not known here; known are: {', '.join(names) or 'none'}"
                )

    def require(self, name: str) -> str:
        """A parameter that must be there."""
        if name not in self.parameters:
            raise Refusal(400, f"the parameter '{name}' is missing")
        return self.parameters[name]

    def flag(self, name: str) -> bool:
        """A parameter that is true or false; absent is false."""
        value = self.parameters.get(name, "false").lower()
        if value not in {"true", "false"}:
            raise Refusal(400, f"the parameter '{name}' must be true or false")
        return value == "true"

    def time(self, name: str) -> int | None:
        """A parameter that is a time, in microseconds; None when absent."""
        if name not in self.parameters:
            return None
        try:
            return times.microseconds(
                self.parameters[name].replace(" ", "+")
                if "T" in self.parameters[name].upper()
                else self.parameters[name]
            )
        except ValueError:
            raise Refusal(
                400, f"the parameter '{name}' must be a time of ISO 8601, such as 2026-11-03T09:00:00Z"
            ) from None

    def allow(self, *scopes: Scope) -> None:
        """Refuses with 403 unless the credential has one of the scopes."""
        if not self.credential.may(*scopes):
            raise Refusal(403, f"this credential lacks the scope {' or '.join(scopes)}")


@dataclass(slots=True)
class Reply:
    """An answer. `status` 204 has no body."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)


def json_reply(value: Any, status: int = 200, **headers: str) -> Reply:
    """An answer in JSON; header names are written with `_` for `-`."""
    return Reply(status, orjson.dumps(value), JSON, {name.replace("_", "-"): text for name, text in headers.items()})


def parse_parameters(query: bytes) -> dict[str, str]:
    """Parameters of a query or form. Refuses what is no UTF-8, a name without value, and a name that occurs twice."""
    try:
        pairs = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(query),
            encoding="utf-8",
            errors="strict",
            max_num_fields=100,
        )
    except ValueError:
        raise Refusal(400, "the parameters must be name=value pairs, percent-encoded as UTF-8") from None
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        raise Refusal(400, "a parameter occurs twice")
    return parameters


def parse_json(body: bytes, what: str = "the body") -> Any:
    """JSON by the letter: no NaN, no wrong UTF-8, no endless nesting, no name twice in an object. Raises Refusal(400)."""
    try:
        value = orjson.loads(body)
        written = orjson.dumps(value)
    except (orjson.JSONDecodeError, TypeError, RecursionError) as error:
        raise Refusal(
            400, f"{what} must be JSON in UTF-8, nested at most 250 deep: {str(error).split(':', 1)[0]}"
        ) from None
    refuse_repeated_names(body, written.count(b":"), what)
    return value


def refuse_repeated_names(body: bytes, colons: int, what: str = "the body") -> None:
    """Refuses JSON with an object that has a name twice, given how many colons the parsed value has when written again.

    A parser keeps one of the two, so the colons become fewer. An escaped colon is the only way to hide that: then every object is looked at.
    """
    if body.count(b":") == colons and b"\\u003" not in body:
        return
    import json

    def unique(pairs: list[tuple[str, Any]]) -> None:
        names = [name for name, _ in pairs]
        if len(set(names)) != len(names):
            raise Refusal(400, f"{what} has an object with a name twice")

    json.loads(body, object_pairs_hook=unique)


def agent_parameter(call: Call, *, group: bool = False) -> dict[str, Any]:
    """The parameter `agent`: an Agent, or an identified Group where that is allowed. Raises Refusal(400)."""
    from leerstroom.statements.validation import validate_actor

    agent = parse_json(call.require("agent").encode("utf-8", "surrogatepass"), "the parameter 'agent'")
    try:
        validate_actor(agent, "agent")
    except InvalidStatement as error:
        raise Refusal(400, f"the parameter {error}", property="agent") from None
    if agent.get("objectType") == "Group" and not group:
        raise Refusal(400, "the parameter 'agent' must be an Agent")
    return dict(agent)


def iri_parameter(call: Call, name: str) -> str:
    """A parameter that must be there and be an absolute IRI."""
    from leerstroom.statements.validation import is_iri

    value = call.require(name)
    if not is_iri(value):
        raise Refusal(400, f"the parameter '{name}' must be an absolute IRI")
    return value


def uuid_parameter(call: Call, name: str) -> str | None:
    """A parameter that is a UUID, or None when absent."""
    from leerstroom.statements.validation import is_uuid

    value = call.parameters.get(name)
    if value is not None and not is_uuid(value):
        raise Refusal(400, f"the parameter '{name}' must be a UUID")
    return value


async def read_body(receive: Receive, headers: Mapping[str, str], limits: Limits) -> bytes:
    """The whole body, unpacked when it is gzip. Refuses with 413 what is larger than allowed, packed or not, and with 408 what comes too slowly."""
    told = headers.get("content-length")
    if told is not None and (not told.isdigit() or int(told) > limits.body):
        raise Refusal(
            413 if told.isdigit() else 400, f"the body must have at most {limits.body} bytes; send smaller batches"
        )
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(limits.read_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Refusal(400, "the caller went away before the body was complete")
                part = message.get("body", b"")
                size += len(part)
                if size > limits.body:
                    raise Refusal(413, f"the body must have at most {limits.body} bytes; send smaller batches")
                parts.append(part)
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        raise Refusal(408, f"the body did not arrive within {limits.read_s:g} seconds") from None
    body = b"".join(parts)
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding in {"identity", ""}:
        return body
    if encoding not in {"gzip", "x-gzip"}:
        raise Refusal(415, "the body may be sent as it is or with Content-Encoding: gzip")
    return _unpacked(body, limits.body)


def _unpacked(body: bytes, most: int) -> bytes:
    unpacking = zlib.decompressobj(wbits=31)
    try:
        plain = unpacking.decompress(body, most + 1)
    except zlib.error:
        raise Refusal(400, "the body is not gzip although Content-Encoding says so") from None
    if len(plain) > most or unpacking.unconsumed_tail:
        raise Refusal(413, f"the unpacked body must have at most {most} bytes; send smaller batches")
    if not unpacking.eof:
        raise Refusal(400, "the gzip body ends too early")
    return plain
