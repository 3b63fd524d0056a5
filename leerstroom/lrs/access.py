"""Who may do what: credentials with the scopes of the specification, stored hashed, checked in constant time."""

import base64
import hashlib
import hmac
import os
import secrets
import sqlite3
from dataclasses import dataclass
from typing import Any

from leerstroom.errors import ConfigurationError
from leerstroom.lrs.storage import Storage

SCOPES = (
    "all",
    "all/read",
    "statements/write",
    "statements/read",
    "statements/read/mine",
    "state",
    "profile",
    "define",
)
KEY_VARIABLE, SECRET_VARIABLE = "LEERSTROOM_LRS_KEY", "LEERSTROOM_LRS_SECRET"
_COST = {"n": 2**14, "r": 8, "p": 1}


@dataclass(frozen=True, slots=True)
class Credential:
    """An accepted credential: its key, what it may do, and who it is in statements' authority."""

    key: str
    scopes: frozenset[str]

    def may(self, *wanted: str) -> bool:
        """Whether one of the wanted scopes is granted; `all` grants everything, `all/read` every reading."""
        granted = set(self.scopes)
        if "all/read" in granted:
            granted |= {"statements/read", "statements/read/mine", "state/read", "profile/read"}
        if "statements/read" in granted:
            granted.add("statements/read/mine")
        return "all" in granted or not granted.isdisjoint(wanted)

    def authority(self, home_page: str) -> dict[str, Any]:
        """The authority of statements that come with this credential."""
        return {"objectType": "Agent", "account": {"homePage": home_page, "name": self.key}}


class Access:
    """The credentials of one store. A secret that was right is remembered as a keyed hash, so that scrypt runs once per process and credential."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._pepper = secrets.token_bytes(32)
        self._right: dict[bytes, Credential] = {}

    def check(self, header: str | None) -> Credential | None:
        """The credential behind an `Authorization` header, None when it is missing or wrong."""
        if not header or not header.lower().startswith("basic "):
            return None
        remembered = hmac.digest(self._pepper, header.encode("latin-1", "replace"), "sha256")
        if remembered in self._right:
            return self._right[remembered]
        try:
            key, _, secret = base64.b64decode(header[6:].strip(), validate=True).decode().partition(":")
        except (ValueError, UnicodeDecodeError):
            return None
        row = self._storage.reading.execute(
            "SELECT secret, salt, scopes FROM credentials WHERE key = ?", (key,)
        ).fetchone()
        expected, salt, scopes = row or (b"", b"no such credential", "")
        if not hmac.compare_digest(_hashed(secret, salt), expected):
            return None
        credential = Credential(key, frozenset(scopes.split()))
        self._right[remembered] = credential
        return credential

    def forget(self) -> None:
        """Looks every credential up again: after one was revoked."""
        self._right.clear()


def add(
    storage: Storage, name: str, scopes: tuple[str, ...], key: str | None = None, secret: str | None = None
) -> tuple[str, str]:
    """Makes a credential and returns (key, secret); the secret is not kept. Raises ConfigurationError for an unknown scope or a known key."""
    unknown = set(scopes) - set(SCOPES)
    if unknown or not scopes:
        raise ConfigurationError(f"scope {', '.join(sorted(unknown)) or 'is missing'}; known are {', '.join(SCOPES)}")
    key, secret, salt = key or secrets.token_hex(16), secret or secrets.token_urlsafe(32), secrets.token_bytes(16)

    def job(connection: sqlite3.Connection) -> None:
        connection.execute(
            "INSERT INTO credentials VALUES (?,?,?,?,?)", (key, _hashed(secret, salt), salt, " ".join(scopes), name)
        )

    try:
        storage.submit(job).result()
    except sqlite3.IntegrityError as error:
        raise ConfigurationError("a credential with this key exists already; revoke it first") from error
    return key, secret


def revoke(storage: Storage, key: str) -> bool:
    """Takes a credential away; False when there was none."""
    return bool(
        storage.submit(
            lambda connection: connection.execute("DELETE FROM credentials WHERE key = ?", (key,)).rowcount
        ).result()
    )


def listed(storage: Storage) -> list[tuple[str, str, str]]:
    """(key, name, scopes) of all credentials."""
    return list(storage.reading.execute("SELECT key, name, scopes FROM credentials ORDER BY name, key"))


def first_from_environment(storage: Storage) -> None:
    """Makes `LEERSTROOM_LRS_KEY` and `LEERSTROOM_LRS_SECRET` the first credential, replacing an earlier one of that key."""
    key, secret = os.environ.get(KEY_VARIABLE), os.environ.get(SECRET_VARIABLE)
    if bool(key) != bool(secret):
        raise ConfigurationError(f"{KEY_VARIABLE} and {SECRET_VARIABLE} belong together; set both or none")
    if key and secret:
        revoke(storage, key)
        add(storage, "environment", ("all",), key, secret)


def _hashed(secret: str, salt: bytes) -> bytes:
    return hashlib.scrypt(secret.encode(), salt=salt, **_COST, dklen=32)
