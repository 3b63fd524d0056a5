"""An LRS that can be told to behave like each of those that are out there, and a proxy that breaks things on the way."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from fault_proxy import FaultProxy

from connectors.lrs import Lrs
from connectors.lrs.comparing import differences
from leerstroom.statements import name_uuid

BAD_VERB = "http://example.org/verbs/bad"
VOIDED = "http://adlnet.gov/expapi/verbs/voided"


def made(number: int, **changes: Any) -> dict[str, Any]:
    """A small statement; the same number is the same statement."""
    value: dict[str, Any] = {
        "id": name_uuid("test", str(number)),
        "actor": {"objectType": "Agent", "account": {"homePage": "https://people.example", "name": f"p{number % 7}"}},
        "verb": {"id": f"http://adlnet.gov/expapi/verbs/{('asked', 'answered', 'completed')[number % 3]}"},
        "object": {"objectType": "Activity", "id": f"https://lms.example/course/{number % 11}"},
        "timestamp": f"2026-11-{number % 28 + 1:02d}T09:00:00.000Z",
    }
    return value | changes


def text(number: int, **changes: Any) -> bytes:
    return orjson.dumps(made(number, **changes))


@dataclass
class Quirks:
    """How this LRS differs from a good one."""

    identical: str = (
        "accept"  # accept | refuse (409, batch dropped, as ADL LRS) | leave-out (short list or 204, as Ralph)
    )
    answers_ids: bool = True  # False: 204 to everything
    bad_status: int = 400  # what a statement with BAD_VERB leads to
    names_index: bool = False
    repeats: bool = False  # a refusal holds the statement that it is about
    max_bytes: int | None = None
    too_large: tuple[int, bytes] = (413, b"")
    more: str = "relative"  # relative | absolute | inner
    cap: int = 5000
    empty_last_page: bool = False
    consistent_through: bool = True
    tells_stored: bool = False
    since: str = "stored"
    shows_voided: bool = False
    readable: bool = True
    wraps_single: bool = False
    keeps: bool = True
    more_lasts: int | None = None  # requests before a `more` expires
    delay_s: float = 0.0
    delay_s_each: float = 0.0  # for every statement of a batch
    rewrites: bool = False
    atomic: bool = True
    ignores_ascending: bool = False
    oldest_first: bool = False  # and newest first when asked for ascending
    lag: int = 0  # how many of the newest statements a query does not show yet


@dataclass
class FakeLrs:
    """A whole LRS in memory: `held` by id in the order of storing."""

    quirks: Quirks = field(default_factory=Quirks)
    held: dict[str, dict[str, Any]] = field(default_factory=dict)
    voided: set[str] = field(default_factory=set)
    log: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    intrude: Callable[["FakeLrs", str, str], tuple[int, dict[str, str], bytes] | None] | None = None
    endpoint: str = ""
    clock: datetime = datetime(2026, 11, 20, tzinfo=UTC)
    in_flight: int = 0
    most_in_flight: int = 0
    cursors: dict[str, tuple[list[str], int, int, str]] = field(default_factory=dict)

    # --- what tests ask ---

    def posts(self) -> list[bytes]:
        return [body for method, path, _, body in self.log if method == "POST" and path.endswith("/statements")]

    def batch_sizes(self) -> list[int]:
        return [len(orjson.loads(body)) for body in self.posts()]

    def put(self, *statements: dict[str, Any]) -> None:
        """Another client stores these."""
        self.store([dict(each) for each in statements])

    # --- ASGI ---

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
        self.log.append((scope["method"], scope["path"], headers, body))
        self.in_flight += 1
        self.most_in_flight = max(self.in_flight, self.most_in_flight)
        try:
            delay_s = self.quirks.delay_s
            if self.quirks.delay_s_each and body:
                delay_s += self.quirks.delay_s_each * len(orjson.loads(body))
            if delay_s:
                await asyncio.sleep(delay_s)
            query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
            answer = self.intrude(self, scope["method"], scope["path"]) if self.intrude else None
            status, extra, content = answer or self.answer(scope["method"], scope["path"], query, headers, body)
        finally:
            self.in_flight -= 1
        given = {
            "content-type": "application/json",
            "content-length": str(len(content)),
            "x-experience-api-version": "1.0.3",
        } | {name.lower(): value for name, value in extra.items()}
        if status == 204:
            given.pop("content-length")
        await send({
            "type": "http.response.start",
            "status": status,
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items()],
        })
        await send({"type": "http.response.body", "body": content})

    def answer(
        self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        if "x-experience-api-version" not in headers:
            return 400, {}, b'{"message": "no version header"}'
        if path.endswith("/about"):
            return 200, {}, b'{"version": ["1.0.3", "2.0.0"], "extensions": {}, "flavour": "fake"}'
        if "/more/" in path:
            return self.more(path.rsplit("/", 1)[1])
        if not path.endswith("/statements"):
            return 404, {}, b"{}"
        if method == "POST":
            return self.post(body)
        if method == "PUT":
            status, _, said = self.post(b"[" + body + b"]")
            return (204, {}, b"") if status < 300 else (status, {}, said)
        if not self.quirks.readable:
            return 403, {}, b'{"message": "write only"}'
        for name in ("statementId", "voidedStatementId"):
            if name in query:
                return self.single(query[name].lower(), name == "voidedStatementId")
        return self.query(query)

    # --- writing ---

    def store(self, statements: list[dict[str, Any]]) -> int:
        self.clock = max(self.clock + timedelta(milliseconds=1), datetime.now(UTC))
        self.clock = self.clock.replace(microsecond=self.clock.microsecond // 1000 * 1000)
        stored = self.clock.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        new = 0
        for each in statements:
            if each["id"] in self.held:
                continue
            new += 1
            value = {"timestamp": stored, **each, "stored": stored, "version": "1.0.0"}
            value["authority"] = {"objectType": "Agent", "account": {"homePage": "https://lrs.example", "name": "key"}}
            if self.quirks.rewrites and "timestamp" in each:
                value["timestamp"] = each["timestamp"].replace("Z", "+00:00")
            self.held[each["id"]] = value
            if each["verb"]["id"] == VOIDED:
                self.voided.add(each["object"]["id"])
        return new

    def post(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        quirks = self.quirks
        if quirks.max_bytes is not None and len(body) > quirks.max_bytes:
            return quirks.too_large[0], {}, quirks.too_large[1]
        try:
            statements = orjson.loads(body)
        except orjson.JSONDecodeError:
            return 400, {}, b'{"message": "no JSON"}'
        for each in statements:
            each["id"] = each["id"].lower()
        ids = [each["id"] for each in statements]
        if len(set(ids)) < len(ids):
            return 400, {}, b'{"message": "the same id twice"}'
        bad = [number for number, each in enumerate(statements) if each.get("verb", {}).get("id") in {BAD_VERB, None}]
        if bad:
            if not quirks.atomic:
                self.store(statements[: bad[0]])
            told = (
                {"message": f"statements.{bad[0]}.verb is bad, says jan@example.org"}
                if quirks.names_index
                else {"message": "bad"}
            )
            if quirks.repeats:
                told["message"] += f"; input_value={statements[bad[0]]}"
            return quirks.bad_status, {}, orjson.dumps(told)
        known = [each for each in statements if each["id"] in self.held]
        if any(differences(each, self.held[each["id"]]) for each in known) or (known and quirks.identical == "refuse"):
            return 409, {}, b'{"message": "conflict"}'
        new = self.store(statements) if quirks.keeps else 0
        extra = {"X-Leerstroom-Stored": str(new)} if quirks.tells_stored else {}
        if not quirks.answers_ids:
            return 204, extra, b""
        if quirks.identical == "leave-out":
            left = [each for each in ids if each not in {one["id"] for one in known}]
            return (200, extra, orjson.dumps(left)) if left else (204, extra, b"")
        return 200, extra, orjson.dumps(ids)

    # --- reading ---

    def single(self, statement_id: str, voided: bool) -> tuple[int, dict[str, str], bytes]:
        value = self.held.get(statement_id)
        is_there = value is not None and (statement_id in self.voided) == voided
        if self.quirks.wraps_single:
            return 200, {}, orjson.dumps({"statements": [value] if value else []})
        return (200, {}, orjson.dumps(value)) if is_there else (404, {}, b'{"message": "not found"}')

    def query(self, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        found = [each for each in self.held.values() if self.matches(each, query)]
        if self.quirks.lag:
            newest = list(self.held)[-self.quirks.lag :]
            found = [each for each in found if each["id"] not in newest]
        if (query.get("ascending") != "true" or self.quirks.ignores_ascending) != self.quirks.oldest_first:
            found.reverse()
        limit = int(query.get("limit", "0")) or self.quirks.cap
        return self.page([each["id"] for each in found], 0, min(limit, self.quirks.cap))

    def matches(self, value: dict[str, Any], query: dict[str, str]) -> bool:
        def at(text: str) -> datetime:
            return datetime.fromisoformat(text)

        moment = at(value[self.quirks.since])
        agent = orjson.loads(query["agent"]) if "agent" in query else None
        return (
            (self.quirks.shows_voided or value["id"] not in self.voided)
            and ("since" not in query or moment > at(query["since"]))
            and ("until" not in query or moment <= at(query["until"]))
            and ("verb" not in query or value["verb"]["id"] == query["verb"])
            and ("activity" not in query or value["object"].get("id") == query["activity"])
            and ("registration" not in query or value.get("context", {}).get("registration") == query["registration"])
            and (
                agent is None
                or all(
                    value["actor"].get(name) == each
                    for name, each in agent.items()
                    if name not in {"objectType", "name"}
                )
            )
        )

    def page(self, ids: list[str], start: int, limit: int) -> tuple[int, dict[str, str], bytes]:
        end = start + limit
        more = ""
        if end < len(ids) or (self.quirks.empty_last_page and end == len(ids) and ids):
            token = f"{len(self.cursors)}"
            self.cursors[token] = (ids, end, limit, token)
            path = f"{urlsplit(self.endpoint).path}statements/more/{token}"
            base = {
                "relative": "",
                "absolute": self.endpoint.split("/xapi/")[0],
                "inner": "http://lrs.inside.example:8000",
            }
            more = base[self.quirks.more] + path
        extra = {}
        if self.quirks.consistent_through:
            extra["X-Experience-API-Consistent-Through"] = max(self.clock, datetime.now(UTC)).isoformat()
        return 200, extra, orjson.dumps({"statements": [self.held[each] for each in ids[start:end]], "more": more})

    def more(self, token: str) -> tuple[int, dict[str, str], bytes]:
        if self.quirks.more_lasts is not None:
            self.quirks.more_lasts -= 1
            if self.quirks.more_lasts < 0:
                self.quirks.more_lasts = None
                return 404, {}, b'{"message": "this more has expired"}'
        ids, start, limit, _ = self.cursors[token]
        return self.page(ids, start, limit)


@pytest.fixture
def fake(serve: Callable[[object], str]) -> Callable[..., FakeLrs]:
    """`fake(**quirks)`: an LRS that behaves so, on loopback."""

    def make(**quirks: Any) -> FakeLrs:
        lrs = FakeLrs(Quirks(**quirks))
        lrs.endpoint = serve(lrs) + "/xapi/"
        return lrs

    return make


@pytest.fixture
def connect() -> Iterator[Callable[..., Lrs]]:
    """`connect(endpoint_or_fake, **options)`: a connector that is closed after the test."""
    opened: list[Lrs] = []

    def make(to: Any, **options: Any) -> Lrs:
        lrs = Lrs(getattr(to, "endpoint", to), "key", "a secret", **options)
        opened.append(lrs)
        return lrs

    yield make
    for each in opened:
        each.close()


@pytest.fixture
def broken() -> Iterator[Callable[..., FaultProxy]]:
    """`broken(endpoint, fault)`: a fault proxy before that endpoint."""
    opened: list[FaultProxy] = []

    def make(endpoint: str, fault: Callable[[int, str], Any]) -> FaultProxy:
        opened.append(FaultProxy(endpoint, fault))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


@pytest.fixture
def statement() -> Callable[..., dict[str, Any]]:
    return made


@pytest.fixture
def line() -> Callable[..., bytes]:
    return text


@pytest.fixture
def stopwatch() -> Callable[[], float]:
    started = time.monotonic()
    return lambda: time.monotonic() - started
