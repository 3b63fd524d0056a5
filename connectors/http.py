"""The one way out: requests to a platform with authentication, limits, retry and a guard around paging addresses.

Sources say *what* they ask; everything that goes wrong on the way is sorted here into `leerstroom.errors`: wrong credentials
fail at once and name the connection, limits wait as long as the platform says, broken answers are tried again with
back-off and jitter. No body, address of a person or secret ever reaches a message.
"""

import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import orjson
import requests
import tenacity
from requests.adapters import HTTPAdapter
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from leerstroom.errors import (
    CredentialsRefused,
    LeerstroomError,
    QuotaExhausted,
    RateLimited,
    UnexpectedShape,
    Unreachable,
)

logger = logging.getLogger(__name__)
logging.getLogger("urllib3.connectionpool").setLevel(
    logging.INFO
)  # its DEBUG lines are whole addresses, and those may name people

USER_AGENT = "leerstroom/0.1"
_LOOKED_AT = 4096  # bytes of an answer in which a platform may say that it is a refusal
_SERVER_FAULTS = frozenset({500, 502, 503, 504, 507, 520, 521, 522, 523, 524, 530})


class RequestRefused(UnexpectedShape):
    """The platform refused this very request (4xx); `status` and the vendor's `code` let a source tell cases apart."""

    def __init__(self, message: str, status: int, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that was read: status, headers (case-insensitive) and the value of the body, as a rule of its JSON (None when empty)."""

    status: int
    headers: Mapping[str, str]
    body: Any
    url: str


class RateLimit:
    """A token bucket shared by the threads of one connection: at most `per_minute` requests, in bursts of a second's worth."""

    def __init__(self, per_minute: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval_s = 60.0 / per_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._free_at = clock()

    def delay_s(self) -> float:
        """Books the next place and says how many seconds to wait for it."""
        with self._lock:
            now = self._clock()
            at = max(self._free_at, now - 1.0)  # an idle connection saves up no more than a second's worth
            self._free_at = at + self._interval_s
            return max(0.0, at - now)


class Api:
    """One platform as one connection sees it.

    `base_url` is scheme and host, with a path where the API lives under one; no request leaves that host. `auth` is anything
    that requests takes. `quota` looks at a refusal and says whether a *daily* quota is spent. `read` makes a value of a body and raises
    ValueError for one that is not what this API sends. `meant` looks at status and body (its first bytes where it cannot be read) and gives
    the status that is really meant, for platforms that put errors into an answer 200 or say 403 for too many requests.
    """

    def __init__(
        self,
        base_url: str,
        *,
        connection: str,
        auth: Any = None,
        headers: Mapping[str, str] | None = None,
        requests_per_minute: float | None = None,
        timeout_s: float = 60.0,
        tries: int = 6,
        patience_s: float = 300.0,
        verify: bool | str = True,
        quota: Callable[[int, Any], bool] | None = None,
        read: Callable[[bytes], Any] = orjson.loads,
        meant: Callable[[int, Any], int] | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.connection = connection
        self.session = requests.Session()
        self.session.mount("http://", HTTPAdapter(pool_maxsize=8))
        self.session.mount("https://", HTTPAdapter(pool_maxsize=8))
        self.session.headers.update({"User-Agent": USER_AGENT, "Accept": "application/json", **(headers or {})})
        self.session.auth = auth
        self.session.verify = verify
        self._limit = RateLimit(requests_per_minute) if requests_per_minute else None
        self._timeout_s = timeout_s
        self._tries = tries
        self._patience_s = patience_s
        self._quota = quota
        self._read = read
        self._meant = meant
        self.requests_made = 0

    def __enter__(self) -> "Api":
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def get(self, path: str, params: Mapping[str, Any] | None = None, *, missing_ok: bool = False) -> Answer:
        """GET below the base URL (or an absolute paging address on the same host); with `missing_ok` a 404 is an Answer with body None."""
        return self.request("GET", path, params=params, missing_ok=missing_ok)

    def post(self, path: str, *, data: Any = None, json: Any = None, params: Mapping[str, Any] | None = None) -> Answer:
        """POST that only reads (Moodle's web services, OAuth tokens): it is tried again like a GET."""
        return self.request("POST", path, params=params, data=data, json=json)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        data: Any = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        missing_ok: bool = False,
    ) -> Answer:
        """One request with retry. Raises the errors of `leerstroom.errors` that this module's first lines name."""
        url = self._address(path)
        where = f"connection '{self.connection}' at {shown_path(url)}"
        started = time.monotonic()

        def patience(state: tenacity.RetryCallState) -> bool:
            return state.attempt_number >= self._tries or time.monotonic() - started > self._patience_s

        def wait(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.retry_after_s if isinstance(error, RateLimited) else None
            return asked if asked is not None else tenacity.wait_random_exponential(multiplier=0.3, max=30)(state)

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(self._worth_another_try),
            stop=patience,
            wait=wait,
            reraise=True,
            before_sleep=lambda state: logger.info(
                "%s: waiting %.1f s before try %d", where, state.upcoming_sleep, state.attempt_number + 1
            ),
        )
        return retrying(self._once, method, url, where, params, data, json, headers, missing_ok)

    def _worth_another_try(self, error: BaseException) -> bool:
        if isinstance(error, RateLimited):
            return error.retry_after_s is None or error.retry_after_s <= self._patience_s
        return isinstance(error, Unreachable)

    def _address(self, path: str) -> str:
        """The address that a path, or a paging address as the platform wrote it, means.

        Read by the parser that will send it: where two of them disagree (a backslash before an @), a token travels. A name and password in it are refused too.
        """
        url = f"{self.base_url}/{path.lstrip('/')}"
        try:
            if _ABSOLUTE.match(path):
                url = path
            elif path.startswith("//"):
                url = urljoin(self.base_url, path)
            is_ours = _origin(url) == _origin(self.base_url)
        except (LocationParseError, ValueError):
            is_ours = False
        if not is_ours:
            raise UnexpectedShape(
                f"connection '{self.connection}': a paging address leads to another host than the configured one; nothing was sent there"
            )
        return url

    def _once(
        self,
        method: str,
        url: str,
        where: str,
        params: Mapping[str, Any] | None,
        data: Any,
        json: Any,
        headers: Mapping[str, str] | None,
        missing_ok: bool,
    ) -> Answer:
        if self._limit and (delay_s := self._limit.delay_s()):
            time.sleep(delay_s)
        self.requests_made += 1
        try:
            response = self.session.request(
                method,
                url,
                params=params,
                data=data,
                json=json,
                headers=dict(headers or {}),
                timeout=self._timeout_s,
                allow_redirects=False,
            )
        except requests.exceptions.SSLError as error:
            raise Unreachable(
                f"{where}: the TLS certificate is not accepted; check the host name and its certificate"
            ) from error
        except requests.RequestException as error:
            raise Unreachable(f"{where}: no answer ({type(error).__name__}); check the host and the network") from None
        status = response.status_code
        if status == 404 and missing_ok:
            return Answer(status, response.headers, None, url)
        body = self._body(response)
        if self._meant:
            status = self._meant(status, response.content[:_LOOKED_AT] if body is _UNREADABLE else body)
        if status < 300:
            if body is _UNREADABLE:
                raise Unreachable(
                    f"{where}: the answer cannot be read (or was cut off); is this the address of the API?"
                )
            return Answer(status, response.headers, body, url)
        raise self._refusal(status, response.headers, None if body is _UNREADABLE else body, where)

    def _body(self, response: requests.Response) -> Any:
        content = response.content
        if not content.strip():
            return None
        try:
            return self._read(content)
        except ValueError:
            return _UNREADABLE

    def _refusal(self, status: int, headers: Mapping[str, str], body: Any, where: str) -> LeerstroomError:
        code = error_code(body)
        told = f"{status}{f' {code}' if code else ''}"
        if self._quota and self._quota(status, body):
            return QuotaExhausted(f"{where}: the daily quota is spent ({told}); the rest is pulled the next night")
        if status == 429 or (status == 503 and "Retry-After" in headers):
            seconds = retry_after_s(headers, body)
            return RateLimited(
                f"{where}: too many requests ({told}); lower requests_per_minute of the connection", seconds
            )
        if status in {401, 403}:
            return CredentialsRefused(
                f"{where}: the credentials are refused ({told}); renew them and run leerstroom check {self.connection}"
            )
        if status in _SERVER_FAULTS:
            return Unreachable(f"{where}: the platform answers {told}; it may be down or in maintenance")
        if 300 <= status < 400:
            return UnexpectedShape(f"{where}: the platform redirects ({status}); check the host of the connection")
        return RequestRefused(f"{where}: the request is refused ({told})", status, code)


_ABSOLUTE = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*://")
_PORTS = {"http": 80, "https": 443}


def _origin(url: str) -> tuple[str | None, str | None, str | None, int | None]:
    """(scheme, name and password, host, port) of an address. Raises LocationParseError or ValueError for what is none."""
    parts = parse_url(url)
    return parts.scheme, parts.auth, parts.host, parts.port or _PORTS.get(parts.scheme or "")


_UNREADABLE = object()

_PLAIN_SEGMENT = re.compile(r"[A-Za-z_.-]{0,40}|[vr]?\d{1,3}").fullmatch


def shown_path(url: str) -> str:
    """The path of an address for messages and logs: segments that may be ids of people, rooms or occurrences are left out."""
    return "/".join(segment if _PLAIN_SEGMENT(segment) else "…" for segment in urlsplit(url).path.split("/"))


def error_code(body: Any) -> str:
    """The vendor's short code for an error (`errcode`, `errorcode`, `code`, `error`, `title`); never its message, which may name people.

    Microsoft, Google and Meta tell it one level deeper, Google as a word beside a number.
    """
    if isinstance(body, dict):
        if isinstance(nested := body.get("error"), dict):
            return error_code({"code": nested.get("status") or nested.get("code")})
        for name in ("errcode", "errorcode", "errorCode", "error_code", "code", "serviceErrorCode", "error", "title"):
            value = body.get(name)
            if isinstance(value, int) or (
                isinstance(value, str) and 0 < len(value) <= 60 and " " not in value and "@" not in value
            ):
                return str(value)
    return ""


_ERRORS = frozenset({
    "error",
    "errors",
    "errcode",
    "errorcode",
    "errorCode",
    "error_code",
    "serviceErrorCode",
    "exception",
})
_SAID = frozenset({
    "code",
    "message",
    "detail",
    "status",
    "title",
    "type",
})  # an answer of nothing else is one about itself


def is_error(body: Any) -> bool:
    """Whether an answer tells of an error instead of what was asked for, whatever its status was."""
    if not isinstance(body, dict) or not body:
        return False
    status = body.get("status")
    failed = isinstance(status, int) and status >= 400
    return (
        failed or not _ERRORS.isdisjoint(body) or (body.keys() <= _SAID and not {"message", "detail"}.isdisjoint(body))
    )


_REGAINED = re.compile(r'"estimated_time_to_regain_access"\s*:\s*(\d+)')
_WAITS = {"retry_after_ms": 1000.0, "retry_after": 1.0, "retry-after": 1.0, "wait_seconds": 1.0}


def retry_after_s(headers: Mapping[str, str], body: Any = None, *, now: datetime | None = None) -> float | None:
    """Seconds that a platform asks us to wait: `Retry-After` (seconds or HTTP date), or `retry_after_ms`, `retry_after`, `wait_seconds` in the body.

    The largest wins (the header is often the body's figure rounded). `X-RateLimit-Reset` (seconds to wait, or an epoch in s or ms) counts only
    where nothing else is said, as do the minutes of Meta's `X-Business-Use-Case-Usage`. None when nothing is.
    """
    told: list[float] = []
    header = headers.get("Retry-After")
    if header:
        try:
            told.append(float(header))
        except ValueError:
            try:
                told.append((parsedate_to_datetime(header) - (now or datetime.now(UTC))).total_seconds())
            except (TypeError, ValueError):
                logger.debug("Retry-After is neither seconds nor a date")
    if isinstance(body, dict):
        inner = body.get("extras")  # of Discourse
        for name, per_second in _WAITS.items():
            value = body.get(name, inner.get(name) if isinstance(inner, dict) else None)
            if isinstance(value, int | float) and not isinstance(value, bool):
                told.append(value / per_second)
    reset = headers.get("X-RateLimit-Reset") or headers.get("X-Rate-Limit-Reset") or ""
    if not told and reset.isdecimal():
        seconds = float(reset) / (1000 if len(reset) > 11 else 1)  # an epoch in ms has 13 digits
        told.append(seconds - (now or datetime.now(UTC)).timestamp() if seconds > 1e9 else seconds)
    regained = _REGAINED.findall(headers.get("X-Business-Use-Case-Usage", ""))
    if not told and regained:
        told.append(60.0 * max(map(float, regained)))
    return max(0.0, *told) if told else None
