"""Credentials: key and secret for Basic authentication, stored as a salted scrypt hash, with the scopes of the specification (part three, 4.0).

Nothing is open by default: a store without credentials answers 401 to everyone. The slow hash is worked out once per credential and process; after that a
keyed hash of the header answers, for a few seconds at a time, so that a revoked credential is refused everywhere within that time.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import os
import re
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from leerstroom.errors import ConfigurationError
from leerstroom.lrs import times
from leerstroom.lrs.storage import Storage, Writing
from leerstroom.lrs.storage.preparing import Authority, authority

HOME_PAGE = "https://leerstroom.invalid/lrs"
"""Where the accounts of authorities live unless LEERSTROOM_LRS_HOME_PAGE says otherwise; `.invalid` can never be anyone's (RFC 2606)."""
_REMEMBERED_S = 5.0
MOST_WRONG = 10  # secrets for one key within _WRONG_S; then nobody new gets in under that key for a while
_WRONG_S = 60.0
_MOST_KEYS = 10_000


class TooManyTries(Exception):
    """A key was asked for with too many wrong secrets; `retry_after_s` says when the next one is looked at."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"too many wrong secrets for this key; try again in {retry_after_s:.0f} s")
        self.retry_after_s = retry_after_s


class WrongSecrets:
    """Counts wrong secrets by key within a minute. Who is in already is not asked here, so guessing does not lock out those who know the secret."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, key: str) -> None:
        """Raises TooManyTries."""
        now = self._clock()
        with self._lock:
            wrong = self._wrong.get(key)
            while wrong and wrong[0] <= now - _WRONG_S:
                wrong.popleft()
            if wrong and len(wrong) >= MOST_WRONG:
                raise TooManyTries(max(1.0, wrong[0] + _WRONG_S - now))

    def note(self, key: str) -> None:
        """A wrong secret."""
        with self._lock:
            self._wrong.setdefault(key, deque(maxlen=MOST_WRONG)).append(self._clock())
            self._wrong.move_to_end(key)
            if len(self._wrong) > _MOST_KEYS:
                self._wrong.popitem(last=False)


class Scope(StrEnum):
    """What a credential may do."""

    STATEMENTS_WRITE = "statements/write"
    STATEMENTS_READ = "statements/read"
    STATEMENTS_READ_MINE = "statements/read/mine"
    STATE = "state"
    PROFILE = "profile"
    DEFINE = "define"
    ALL_READ = "all/read"
    ALL = "all"


_READING = {Scope.STATEMENTS_READ, Scope.STATEMENTS_READ_MINE}


@dataclass(frozen=True, slots=True)
class Credential:
    """Who asks, and what they may."""

    key: str
    name: str
    scopes: frozenset[Scope]
    authority: Authority

    def may(self, *wanted: Scope, reading: bool = False) -> bool:
        """Whether one of the scopes is there; `all` is every one, `all/read` every reading one."""
        if Scope.ALL in self.scopes or self.scopes.intersection(wanted):
            return True
        return Scope.ALL_READ in self.scopes and (reading or bool(_READING.intersection(wanted)))


NOBODY = Credential("", "", frozenset(), Authority(b"null", ""))
"""Who reads `about` without saying who it is."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A credential as the operator sees it."""

    key: str
    name: str
    scopes: tuple[str, ...]
    created: str


class Access:
    """Checks and keeps the credentials of one store."""

    def __init__(self, storage: Storage, home_page: str | None = None) -> None:
        self._storage = storage
        self._home_page = home_page or os.environ.get("LEERSTROOM_LRS_HOME_PAGE") or HOME_PAGE
        self._process_key = secrets.token_bytes(32)
        self._remembered: dict[bytes, tuple[float, Credential | None]] = {}
        self._wrong = WrongSecrets()
        self._hashing = threading.BoundedSemaphore(2)  # wrong passwords may cost two cores at most, and 32 MB

    # --- for requests ------------------------------------------------------------------------------------------------------------------

    def remembered(self, header: str) -> Credential | None:
        """The credential behind an Authorization header that was checked a moment ago."""
        found = self._remembered.get(self._mark(header))
        return found[1] if found and found[0] > time.monotonic() else None

    def check(self, header: str) -> Credential | None:
        """The credential behind an Authorization header, None for a wrong one. Slow by design: about 50 ms, in a thread. Raises TooManyTries."""
        pair = _pair(header)
        if pair is None:
            return None
        with self._hashing:
            mark = self._mark(header)
            found = self._remembered.get(mark)
            if (
                found and found[1] and self._still(found[1])
            ):  # the same header, a few seconds later: only look whether it was revoked
                self._remembered[mark] = (time.monotonic() + _REMEMBERED_S, found[1])
                return found[1]
            self._wrong.check(pair[0])
            credential = self._verified(*pair)
        if credential is not None:
            if len(self._remembered) > 1_000:
                self._remembered.clear()
            self._remembered[mark] = (time.monotonic() + _REMEMBERED_S, credential)
        else:
            self._wrong.note(pair[0])
            self._remembered.pop(mark, None)
        return credential

    async def credential(self, header: str | None) -> Credential | None:
        """The credential behind an Authorization header, without holding up others."""
        if not header:
            return None
        return self.remembered(header) or await asyncio.to_thread(self.check, header)

    def _mark(self, header: str) -> bytes:
        return hmac.digest(self._process_key, header.encode("utf-8", "surrogateescape"), "sha256")

    def _still(self, credential: Credential) -> bool:
        rows = self._storage.reader.connection.rows(
            "SELECT scopes, name FROM credentials WHERE key = ?", (credential.key,)
        )
        return bool(rows) and _scopes(rows[0][0]) == credential.scopes

    def _verified(self, key: str, secret: str) -> Credential | None:
        rows = self._storage.reader.connection.rows(
            "SELECT name, scopes, salt, secret FROM credentials WHERE key = ?", (key,)
        )
        name, scopes, salt, stored = rows[0] if rows else ("", "", b"\0" * 16, b"\0" * 32)
        right = hmac.compare_digest(
            _hash(secret, salt), stored
        )  # worked out for an unknown key too: the time tells nothing
        if not rows or not right:
            return None
        account = {"homePage": self._home_page, "name": hashlib.sha256(key.encode()).hexdigest()[:16]}
        return Credential(
            key, name, _scopes(scopes), authority({"objectType": "Agent", "name": name, "account": account})
        )

    # --- for operators -----------------------------------------------------------------------------------------------------------------

    def add(
        self, name: str = "", scopes: Iterable[str] = (Scope.ALL,), key: str = "", secret: str = ""
    ) -> tuple[str, str]:
        """Makes a credential and gives (key, secret): the only time the secret is seen. Raises ConfigurationError for unknown scopes or a known key."""
        key = key or "lrs_" + secrets.token_hex(12)
        secret = secret or secrets.token_urlsafe(32)
        wanted = " ".join(sorted(set(scopes)))
        unknown = set(wanted.split()) - {str(each) for each in Scope}
        if unknown or not wanted:
            raise ConfigurationError(
                f"unknown scope {', '.join(sorted(unknown)) or '(none given)'}; there are {', '.join(Scope)}"
            )
        if ":" in key or not key.isprintable():
            raise ConfigurationError("the key of a credential is printable and has no colon; choose another")
        if len(secret) < 8:
            raise ConfigurationError(
                "the secret of a credential has at least 8 characters; leave it out to have one made"
            )
        salt = os.urandom(16)
        row = (key, name or key, wanted, salt, _hash(secret, salt), times.now())

        def job(writing: Writing) -> None:
            if writing.connection.rows("SELECT 1 FROM credentials WHERE key = ?", (key,)):
                raise ConfigurationError("a credential with this key exists; revoke it first or choose another key")
            writing.connection.insert("credentials", "key, name, scopes, salt, secret, created", [row])

        self._storage.writer.submit(job).result()
        return key, secret

    def ensure(self, key: str, secret: str) -> None:
        """The first credential, from the environment: made, or its secret renewed, unless it already fits."""
        if self._verified(key, secret) is not None:
            return
        if any(each.key == key for each in self.list()):
            self.revoke(key)
        self.add("first", (Scope.ALL,), key, secret)

    def list(self) -> list[Listed]:
        """All credentials, without anything secret."""
        rows = self._storage.reader.connection.rows(
            "SELECT key, name, scopes, created FROM credentials ORDER BY created"
        )
        return [Listed(row[0], row[1], tuple(row[2].split()), times.text(row[3])) for row in rows]

    def revoke(self, key: str) -> bool:
        """Deletes a credential; whether there was one. Servers that run refuse it within 5 seconds."""
        return bool(
            self._storage.writer.submit(
                lambda writing: writing.connection.run("DELETE FROM credentials WHERE key = ?", (key,))
            ).result()
        )


def _hash(secret: str, salt: bytes) -> bytes:
    return hashlib.scrypt(secret.encode("utf-8", "surrogateescape"), salt=salt, n=2**14, r=8, p=1, dklen=32)


def _scopes(text: str) -> frozenset[Scope]:
    return frozenset(Scope(each) for each in text.split())


def _pair(header: str) -> tuple[str, str] | None:
    found = re.fullmatch(r"basic +([A-Za-z0-9+/=_-]+)\s*", header, re.IGNORECASE)
    if not found:
        return None
    try:
        plain = base64.b64decode(found[1], validate=True)
        text = plain.decode("utf-8")
    except UnicodeDecodeError:
        text = plain.decode("latin-1")  # RFC 7617 leaves the encoding open; tincan and older clients send this
    except (binascii.Error, ValueError):
        return None
    key, separator, secret = text.partition(":")
    return (key, secret) if separator else None
