"""Faults as platforms have them, put between client and platform; and the limit on requests a minute."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leerstroom.errors import ConfigurationError
from leerstroom.replay.world import Platform

KINDS = (
    "status",  # an answer of `status` with an HTML page
    "html",  # 200 with an HTML page (a proxy's maintenance notice)
    "cut",  # the connection ends in the middle of the answer
    "truncated",  # a whole answer whose JSON ends in the middle
    "slow",  # the right answer after `seconds`
    "unauthorized",  # the vendor's own 401
    "forbidden",  # the vendor's own 403
    "too_many",  # the vendor's own 429, asking for `seconds`
    "quota",  # the vendor's own refusal when the day's quota is spent
    "stuck",  # the answer of the first request again and again: its cursor never moves
)


@dataclass(slots=True)
class Fault:
    """One fault: `kind`, for the platform named (all by default), for paths that hold `path`, after `after` good ones, `times` times."""

    kind: str
    path: str = ""
    platform: str = ""
    times: int = 1
    after: int = 0
    status: int = 503
    seconds: float = 1.0
    kept: tuple[Message, bytes] | None = field(default=None, repr=False)  # the answer that a stuck list repeats

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigurationError(f"there is no fault '{self.kind}'; there are {', '.join(KINDS)}")

    @classmethod
    def read(cls, value: Any) -> "Fault":
        """A fault out of JSON. Raises ConfigurationError for an unknown kind or field."""
        try:
            return cls(**{name: each for name, each in value.items() if name != "kept"})
        except (TypeError, AttributeError) as error:
            raise ConfigurationError(
                "a fault is an object with kind, path, platform, times, after, status, seconds"
            ) from error

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {name: value for name, value in asdict(self).items() if name != "kept"}


@dataclass(slots=True)
class Faults:
    """The faults that wait, the limits per platform (requests a minute), and what was asked."""

    waiting: list[Fault] = field(default_factory=list)
    limits: dict[str, float] = field(default_factory=dict)
    asked: deque[tuple[str, str, str]] = field(default_factory=lambda: deque(maxlen=10_000))  # platform, method, path
    answered_at: dict[str, deque[float]] = field(default_factory=dict)

    def due(self, platform: str, path: str) -> Fault | None:
        """The first fault that hits this request; counts it."""
        for fault in self.waiting:
            if fault.times <= 0 or (fault.platform and fault.platform != platform) or fault.path not in path:
                continue
            if fault.after > 0:
                fault.after -= 1
                continue
            fault.times -= 1
            return fault
        return None

    def over_limit_s(self, platform: str) -> float:
        """Seconds until the platform takes another request; 0.0 when it does now."""
        per_minute = self.limits.get(platform)
        if not per_minute:
            return 0.0
        times, now = self.answered_at.setdefault(platform, deque()), time.monotonic()
        while times and times[0] <= now - 60:
            times.popleft()
        if len(times) < per_minute:
            times.append(now)
            return 0.0
        return max(0.0, times[0] + 60 - now)


class Turnstile:
    """ASGI app in front of one platform: takes note of each request, refuses past the limit, and does what the due fault says."""

    def __init__(self, app: ASGIApp, name: str, platform: Platform, faults: Faults) -> None:
        self._app = app
        self._name = name
        self._platform = platform
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        path = scope["path"]
        self._faults.asked.append((self._name, scope["method"], path))
        fault = self._faults.due(self._name, path)
        if fault is None:
            wait_s = self._faults.over_limit_s(self._name)
            app = self._platform.too_many(wait_s) if wait_s else self._app
            await app(scope, receive, send)
        elif (refusal := self._refusal(fault)) is not None:
            await refusal(scope, receive, send)
        elif fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
            await self._app(scope, receive, send)
        else:
            await self._broken(fault, scope, receive, send)

    def _refusal(self, fault: Fault) -> Response | None:
        page = "<!doctype html><title>Maintenance</title><h1>We will be back soon</h1>"
        made: dict[str, Callable[[], Response]] = {
            "status": lambda: HTMLResponse(page, fault.status),
            "html": lambda: HTMLResponse(page),
            "unauthorized": self._platform.unauthorized,
            "forbidden": self._platform.forbidden,
            "too_many": lambda: self._platform.too_many(fault.seconds),
            "quota": self._platform.quota_spent or (lambda: self._platform.too_many(fault.seconds)),
        }
        return made[fault.kind]() if fault.kind in made else None

    async def _broken(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        start, body = await _answer(self._app, scope, receive)
        if fault.kind == "stuck":
            fault.kept = fault.kept or (start, body)
            fault.times = 1  # for ever
            start, body = fault.kept
        elif fault.kind == "truncated":
            body = body[: max(1, len(body) // 2)]
        length = len(body)
        if fault.kind == "cut":
            body = body[: length // 2]
        headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
        await send({**start, "headers": [*headers, (b"content-length", str(length).encode())]})
        # A cut answer is shorter than it says; the server then closes the connection.
        await send({"type": "http.response.body", "body": body, "more_body": fault.kind == "cut"})


async def _answer(app: ASGIApp, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
    start: Message = {}
    parts: list[bytes] = []

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, keep)
    return start, b"".join(parts)
