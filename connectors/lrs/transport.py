"""The way to one LRS: a pooled session with time-outs, retry with back-off and jitter, `Retry-After`, and a guard around addresses.

It knows HTTP and nothing of statements. An answer that settles something, 4xx included, is returned as a `Reply`; what may pass is tried
again; what a person must mend is raised at once. No body, secret or address of a person reaches a message.
"""

import base64
import gzip
import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson
import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import get_environ_proxies, select_proxy
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from connectors.http import USER_AGENT, RateLimit, retry_after_s
from leerstroom.errors import (
    ConfigurationError,
    CredentialsRefused,
    LeerstroomError,
    RateLimited,
    UnexpectedShape,
    Unreachable,
)

logger = logging.getLogger(__name__)

PASSING = frozenset({502, 503, 504, 507, 520, 521, 522, 523, 524, 530})
"""Server faults that say nothing about the request itself; a bare 500 may be about one statement (lrs.md of Ralph: a bad mbox)."""

LONGEST_WAIT_S = 30.0
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that settles the request. `lost` counts earlier tries of which nobody knows whether the LRS obeyed them."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    lost: int = 0
    original: Any = None

    @property
    def is_fine(self) -> bool:
        """Whether the LRS did what was asked."""
        return 200 <= self.status < 300


def is_too_large(reply: Reply) -> bool:
    """413, or one of the other ways in which servers say it (Django: 400 with a setting's name; Node: entity too large)."""
    if reply.status == 413:
        return True
    text = reply.content[:2000].lower() if reply.status in {400, 500} else b""
    return any(
        word in text for word in (b"too large", b"toolarge", b"data_upload_max_memory_size", b"request body exceeded")
    )


class ClientCredentials:
    """OAuth 2.0 client credentials (RFC 6749 section 4.4) as a token for `Lrs(token=…)`; asks again a minute before it expires.

    Raises CredentialsRefused when the token server says no, Unreachable when it does not answer.
    """

    def __init__(
        self, token_url: str, client_id: str, client_secret: str, *, scope: str = "", timeout_s: float = 30
    ) -> None:
        self._url, self._auth, self._scope, self._timeout_s = token_url, (client_id, client_secret), scope, timeout_s
        self._lock = threading.Lock()
        self._token, self._until = "", 0.0

    def __call__(self) -> str:
        """A token that is valid now."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._token, lasts_s = self._asked()
                self._until = time.monotonic() + max(lasts_s - 60, 0)
            return self._token

    def _asked(self) -> tuple[str, float]:
        fields = {"grant_type": "client_credentials"} | ({"scope": self._scope} if self._scope else {})
        where = f"token server {urlsplit(self._url).hostname}"
        try:
            answer = requests.post(
                self._url, data=fields, auth=self._auth, timeout=self._timeout_s, allow_redirects=False
            )
        except requests.RequestException as error:
            raise Unreachable(f"{where}: no answer ({type(error).__name__}); check its address") from None
        if answer.status_code >= 500:
            raise Unreachable(f"{where} answers {answer.status_code}; try later")
        try:
            told = answer.json()
            return str(told["access_token"]), float(told.get("expires_in", 300))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise CredentialsRefused(
                f"{where} gives no token ({answer.status_code}); check client id and secret"
            ) from None


Token = str | Callable[[], str]


class Transport:
    """Requests to one LRS. Threads may share it; `in_flight` connections are kept alive.

    `endpoint` ends with `/`. `tries` counts attempts of one request, `patience_s` bounds the time they take together and the longest
    `Retry-After` that is obeyed. `requests_per_minute` spaces requests for an LRS that has a limit of its own.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        name: str,
        key: str = "",
        secret: str = "",
        token: Token | None = None,
        version: str = "1.0.3",
        timeout_s: float = 60.0,
        tries: int = 6,
        patience_s: float = 300.0,
        verify: bool | str = True,
        proxies: Mapping[str, str] | None = None,
        in_flight: int = 2,
        gzip_bodies: bool = False,
        requests_per_minute: float | None = None,
    ) -> None:
        self.endpoint, self.name, self.version = endpoint, name, version
        parts = urlsplit(endpoint)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigurationError(f"LRS connection '{name}': the endpoint needs http:// or https:// and a host")
        self.origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self.host, self._path = parts.hostname, parts.path
        self._token = token
        self._basic = "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode() if key or secret else None
        self._timeout = (min(timeout_s, 15.0), timeout_s)
        self._tries, self._patience_s, self._gzip = tries, patience_s, gzip_bodies
        self._limit = RateLimit(requests_per_minute) if requests_per_minute else None
        self.requests_made = 0
        self.session = requests.Session()
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, HTTPAdapter(pool_connections=1, pool_maxsize=max(in_flight, 4)))
        self.session.verify = verify
        self.session.cookies.set_policy(_NoCookies())
        self._proxies = dict(proxies) if proxies is not None else dict(get_environ_proxies(endpoint))
        self._verify = self.session.merge_environment_settings(endpoint, {}, None, None, None)["verify"]
        self._headers = {
            "User-Agent": USER_AGENT,
            "Accept": "*/*",
            # Compressing pages for a neighbour on the same machine costs both sides more than the copy.
            "Accept-Encoding": "identity"
            if self.host in _LOOPBACK and not select_proxy(endpoint, self._proxies)
            else "gzip",
            "X-Experience-API-Version": version,
        }

    # A session is no secret to pickle around: hooks make their own.
    def close(self) -> None:
        """Closes the connections."""
        self.session.close()

    def where(self, url: str) -> str:
        """The connection and the path, for messages; never the query, which may name people."""
        return f"LRS connection '{self.name}' at {urlsplit(url).path}"

    def address(self, resource: str, query: Mapping[str, Any] | None = None) -> str:
        """The URL of a resource below the endpoint, or of a `more` path, on our own host whatever host it names.

        xAPI resolves a relative `more` against scheme and host, not against the endpoint; an LRS behind a proxy names its inner host in an
        absolute one. Both lead to the configured host, so credentials never travel elsewhere.
        """
        if "://" in resource or resource.startswith("/"):
            try:
                parts = urlsplit(resource)
            except ValueError:
                raise UnexpectedShape(f"LRS connection '{self.name}': a paging address is none") from None
            # `x:@evil.example/://` has a path without a slash: glued to our host it would make another host of it
            url = f"{self.origin}/{parts.path.lstrip('/')}" + (f"?{parts.query}" if parts.query else "")
        else:
            url = self.endpoint + resource
        return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}" if query else url

    def send(
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        tries: int | None = None,
        tries_of_500: int | None = 3,
        settles: Callable[[Reply], bool] | None = None,
        raises_refusal: bool = True,
        waits_out_timeouts: bool = True,
    ) -> Reply:
        """One request with retry. `settles` looks at a 2xx answer and says False when it is broken, so that it is asked again.

        A 500 may be the LRS's word about this request: the one that makes `tries_of_500` of them is returned. With None it passes like a 503.

        Raises CredentialsRefused (401, 403, unless `raises_refusal` is False), Unreachable after all tries, RateLimited when the LRS asks for
        more patience than we have, UnexpectedShape for a redirect or an answer that stays broken.
        """
        where, started, lost, tried, times_500 = self.where(url), time.monotonic(), 0, 0, 0
        while True:
            tried += 1
            try:
                reply = self._once(method, url, body, headers)
            except requests.RequestException as error:
                fault = _silence(error, where)
                if isinstance(fault.error, TimedOut) and not waits_out_timeouts:
                    raise fault.error from None
            else:
                times_500 += reply.status == 500
                judged = self._judged(reply, where, settles, raises_refusal, times_500 == tries_of_500)
                if judged is None:
                    return Reply(reply.status, reply.headers, reply.content, lost, reply.original)
                fault = judged
            lost += fault.may_be_done
            wait_s = fault.wait_s
            if wait_s is None:
                wait_s = random.uniform(0.5, 1.0) * min(LONGEST_WAIT_S, 0.2 * 2**tried)  # noqa: S311 - jitter is no secret
            if tried >= (tries or self._tries) or time.monotonic() - started + wait_s > self._patience_s:
                raise fault.error
            logger.info("%s: waiting %.1f s before try %d", where, wait_s, tried + 1)
            time.sleep(wait_s)

    def _judged(
        self, reply: Reply, where: str, settles: Callable[[Reply], bool] | None, raises_refusal: bool, settles_500: bool
    ) -> "_Fault | None":
        """What may pass as a fault, None when the answer settles the request. Raises what trying again cannot help."""
        status = reply.status
        if reply.is_fine:
            if settles is None or settles(reply):
                return None
            return _Fault(UnexpectedShape(f"{where}: the answer is no xAPI; is this the address of the endpoint?"))
        if status == 429 or (status == 503 and "Retry-After" in reply.headers):
            wait_s = retry_after_s(reply.headers, _value(reply.content))
            # moodle-logstore_xapi issue 376: 503, and stored all the same.
            return _Fault(RateLimited(f"{where}: the LRS asks for patience ({status})", wait_s), status == 503, wait_s)
        if status in PASSING or (status == 500 and not settles_500 and not is_too_large(reply)):
            return _Fault(Unreachable(f"{where}: the LRS answers {status}; it may be down or in maintenance"))
        if status in {401, 403} and raises_refusal:
            raise CredentialsRefused(
                f"{where}: the credentials are refused ({status}); renew them and run leerstroom check {self.name}"
            )
        if 300 <= status < 400:
            raise UnexpectedShape(f"{where}: the LRS redirects ({status}); check the endpoint of the connection")
        return None

    def _once(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str] | None) -> Reply:
        if self._limit and (delay_s := self._limit.delay_s()):
            time.sleep(delay_s)
        request = requests.PreparedRequest()
        # Filled by hand: preparing and merging settings anew costs as much as sending 150 statements.
        request.method, request.url, request.hooks = method, url, {"response": []}
        filled = CaseInsensitiveDict(self._headers)
        authorization = self._authorization()
        if authorization:
            filled["Authorization"] = authorization
        if headers:
            filled.update(headers)
        if body is not None:
            if self._gzip and len(body) > 1400 and "Content-Encoding" not in filled:
                body = gzip.compress(body, 1, mtime=0)
                filled["Content-Encoding"] = "gzip"
            filled["Content-Length"] = str(len(body))
        elif method in {"POST", "PUT"}:
            filled["Content-Length"] = "0"
        request.headers, request.body = filled, body
        request._cookies = self.session.cookies  # type: ignore[attr-defined] # noqa: SLF001 - what `prepare` would set
        self.requests_made += 1
        response = self.session.send(
            request,
            timeout=self._timeout,
            verify=self._verify,
            proxies=self._proxies,
            allow_redirects=False,
        )
        return Reply(
            response.status_code,
            response.headers,
            response.content,
            0,
            getattr(response.raw, "_original_response", None),
        )

    def _authorization(self) -> str | None:
        if self._token is None:
            return self._basic
        return f"Bearer {self._token if isinstance(self._token, str) else self._token()}"


class TimedOut(Unreachable):
    """The LRS took longer than the time-out to answer; smaller batches may help."""


@dataclass(frozen=True, slots=True)
class _Fault:
    """What went wrong with one try, whether the LRS may have obeyed all the same, and how long it asks us to wait."""

    error: LeerstroomError
    may_be_done: bool = True
    wait_s: float | None = None


def _silence(error: requests.RequestException, where: str) -> _Fault:
    """No answer, or half of one: only where no connection came about it is sure that the LRS did nothing."""
    if isinstance(error, requests.exceptions.SSLError):
        raise Unreachable(f"{where}: the TLS certificate is not accepted; check host name and certificate") from error
    reason = getattr(error.args[0], "reason", None) if error.args else None
    text = f"{where}: no answer ({type(error).__name__}); check the host and the network"
    if isinstance(error, requests.exceptions.ReadTimeout):
        return _Fault(TimedOut(text))
    return _Fault(Unreachable(text), not isinstance(reason, NewConnectionError | ConnectTimeoutError))


class _NoCookies(DefaultCookiePolicy):
    """An LRS has no use for cookies, and keeping them apart per thread has a price."""

    def set_ok(self, cookie: Any, request: Any) -> bool:
        """Never."""
        return False

    def return_ok(self, cookie: Any, request: Any) -> bool:
        """Never."""
        return False


def _value(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
