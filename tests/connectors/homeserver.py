"""A real Synapse on loopback with a clock that can be set: for the live test of Matrix, and for recording the demo's rooms.

Synapse runs in a Python of its own (`LEERSTROOM_SYNAPSE_PYTHON`, else a virtual environment made in the folder that is given); it needs no
internet and listens on 127.0.0.1 only. An application service may post as anyone without limits. The clock is a file that the server's
`time.time` reads, so that redactions, too, carry the simulated time (the protocol lets a client choose the time of messages only).
"""

import hashlib
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

SYNAPSE = "matrix-synapse==1.163.2"
SERVER_NAME = "voorbeeldstad.example"

_CLOCKED = """
import os, sys, time
_real, _file, _held = time.time, os.environ["HOMESERVER_CLOCK"], [0, 0.0]
def _time():
    try:
        changed = os.stat(_file).st_mtime_ns
        if changed != _held[0]:
            with open(_file) as stream:
                text = stream.read()
            if text:
                _held[0], _held[1] = changed, float(text) - changed / 1e9
    except OSError:
        pass
    return _real() + _held[1]
time.time = _time
from synapse.app.homeserver import main
main()
"""


@dataclass(slots=True)
class Homeserver:
    """A running server: requests as any of its users, and its clock."""

    url: str
    token: str
    clock: Path
    server_name: str = SERVER_NAME
    _session: requests.Session = field(default_factory=requests.Session)
    _number: Any = field(default_factory=lambda: count(1))

    def user_id(self, name: str) -> str:
        """The whole id of a user."""
        return f"@{name}:{self.server_name}"

    def set_time(self, moment: datetime) -> None:
        """From now on the server's clock runs from `moment`."""
        part = self.clock.with_suffix(".part")
        part.write_text(f"{moment.timestamp():.3f}")
        part.replace(self.clock)

    def ask(self, method: str, path: str, *, user: str = "", body: Any = None, **query: Any) -> Any:
        """A request below `/_matrix/client/v3`, as `user`; the JSON of the answer. Raises RuntimeError for a refusal."""
        params = {**query, **({"user_id": self.user_id(user)} if user else {})}
        answer = self._session.request(
            method,
            f"{self.url}/_matrix/client/v3{path}",
            params=params,
            json=body if method != "GET" else None,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=60,
        )
        if answer.status_code >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
        return answer.json()

    def register(self, name: str, display_name: str = "") -> None:
        """A user."""
        self.ask(
            "POST", "/register", body={"type": "m.login.application_service", "username": name, "inhibit_login": True}
        )
        if display_name:
            self.ask(
                "PUT",
                f"/profile/{quote(self.user_id(name))}/displayname",
                user=name,
                body={"displayname": display_name},
            )

    def login(self, name: str) -> str:
        """An access token of a user of the application service."""
        identifier = {"type": "m.id.user", "user": name}
        told = self.ask("POST", "/login", body={"type": "m.login.application_service", "identifier": identifier})
        return str(told["access_token"])

    def create_room(self, creator: str, alias: str = "", **settings: Any) -> str:
        """A room, open to all users; its id."""
        body = {"preset": "public_chat", **({"room_alias_name": alias} if alias else {}), **settings}
        return str(self.ask("POST", "/createRoom", user=creator, body=body)["room_id"])

    def join(self, user: str, room: str) -> None:
        """Lets a user into a room."""
        self.ask("POST", f"/rooms/{quote(room)}/join", user=user, body={})

    def leave(self, user: str, room: str) -> None:
        """Lets a user go."""
        self.ask("POST", f"/rooms/{quote(room)}/leave", user=user, body={})

    def send(self, user: str, room: str, content: dict[str, Any], sort: str = "m.room.message") -> str:
        """An event; its id."""
        told = self.ask("PUT", f"/rooms/{quote(room)}/send/{sort}/{next(self._number)}", user=user, body=content)
        return str(told["event_id"])

    def redact(self, user: str, room: str, event_id: str, reason: str = "") -> str:
        """Takes an event away; id of the redaction."""
        body = {"reason": reason} if reason else {}
        told = self.ask(
            "PUT", f"/rooms/{quote(room)}/redact/{quote(event_id)}/{next(self._number)}", user=user, body=body
        )
        return str(told["event_id"])

    def events(self, user: str, room: str) -> list[dict[str, Any]]:
        """All events of a room as `/messages` gives them to `user`, oldest first."""
        found: list[dict[str, Any]] = []
        query: dict[str, Any] = {"dir": "b", "limit": 100}
        while True:
            page = self.ask("GET", f"/rooms/{quote(room)}/messages", user=user, **query)
            found += page["chunk"]
            if not page["chunk"] or "end" not in page:
                return found[::-1]
            query["from"] = page["end"]


@contextmanager
def homeserver(folder: Path, moment: datetime | None = None) -> Generator[Homeserver, None, None]:
    """Starts a new server in an empty `folder`, its clock at `moment`, and ends it. Raises RuntimeError when it does not start."""
    python, port, token = _python(folder), _free_port(), secrets.token_hex(16)
    clock = folder / "clock"
    _configure(folder, python, port, token)
    server = Homeserver(f"http://127.0.0.1:{port}", token, clock)
    if moment:
        server.set_time(moment)
    environment = {**os.environ, "HOMESERVER_CLOCK": str(clock)}
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [python, "-c", _CLOCKED, "--config-path", "homeserver.yaml"],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=output,
        )
        try:
            _wait(server, process, folder)
            yield server
        finally:
            process.terminate()
            process.wait(30)


def _python(folder: Path) -> str:
    given = os.environ.get("LEERSTROOM_SYNAPSE_PYTHON")
    if given:
        return given
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = str(folder / "venv" / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", SYNAPSE], check=True)
    return python


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _configure(folder: Path, python: str, port: int, token: str) -> None:
    import yaml

    base = [python, "-m", "synapse.app.homeserver", "--server-name", SERVER_NAME, "--config-path", "homeserver.yaml"]
    subprocess.run([*base, "--generate-config", "--report-stats=no"], cwd=folder, check=True, capture_output=True)
    service = {
        "id": "writers", "url": None, "as_token": token, "hs_token": hashlib.sha256(token.encode()).hexdigest(), "sender_localpart": "writers",
        "rate_limited": False,
        "namespaces": {"users": [{"exclusive": False, "regex": "@.*"}], "aliases": [{"exclusive": False, "regex": "#.*"}], "rooms": []},
    }  # fmt: skip
    (folder / "service.yaml").write_text(yaml.safe_dump(service))
    settings = yaml.safe_load((folder / "homeserver.yaml").read_text())
    settings |= {
        "listeners": [
            {
                "type": "http",
                "port": port,
                "tls": False,
                "bind_addresses": ["127.0.0.1"],
                "resources": [{"names": ["client"]}],
            }
        ],
        "trusted_key_servers": [],
        "suppress_key_server_warning": True,
        "app_service_config_files": [str(folder / "service.yaml")],
        "presence": {"enabled": False},
        "allow_public_rooms_without_auth": False,
        "enable_authenticated_media": True,
    }
    (folder / "homeserver.yaml").write_text(yaml.safe_dump(settings))


def _wait(server: Homeserver, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if requests.get(f"{server.url}/_matrix/client/versions", timeout=5).ok:
                return
        except requests.RequestException:
            time.sleep(0.1)
    raise RuntimeError(f"the homeserver did not start: {(folder / 'output').read_text()[-2000:]}")
