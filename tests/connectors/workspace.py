"""A Google Workspace for tests: recordings beside a fresh key, so that no private key lies in the project."""

import json
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from joserfc.jwk import RSAKey
from source_contract import RECORDINGS

CLIENT_EMAIL = "leerstroom@voorbeeldschool.iam.gserviceaccount.example"


@cache
def _key() -> RSAKey:
    return RSAKey.generate_key(2048)


@cache
def _root() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="leerstroom-workspace-")


@cache
def recordings(name: str) -> Path:
    """A copy of the recordings of `name` with the public key beside them."""
    folder = Path(_root().name) / name
    shutil.copytree(RECORDINGS / name, folder, ignore=shutil.ignore_patterns("pairs"))
    (folder / "public_key.json").write_text(json.dumps(_key().as_dict(private=False)))
    return folder


def account(url: str | None) -> dict[str, Any]:
    """Fields of a connection with the private key; `url` is where the replay serves the platform."""
    where = url or "http://127.0.0.1:9"
    pem = _key().as_pem(private=True).decode()
    return {"host": where, "oauth_host": where, "client_email": CLIENT_EMAIL, "private_key": pem, "requests_per_minute": 60_000}  # fmt: skip
