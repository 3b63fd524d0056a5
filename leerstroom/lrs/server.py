"""Runs the LRS: for ever, or in a process of its own for the length of a block."""

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import requests

from leerstroom.errors import ConfigurationError, Unreachable


@dataclass(frozen=True, slots=True)
class Running:
    """A running LRS."""

    endpoint: str
    key: str
    secret: str
    pid: int

    def __repr__(self) -> str:
        return f"Running({self.endpoint!r})"  # never the secret


def database_path(url: str) -> str:
    """The file behind `sqlite:///path` or a plain path. Raises ConfigurationError for another kind of URL."""
    if url.startswith("sqlite:///"):
        return url.removeprefix("sqlite:///")
    if "://" in url:
        raise ConfigurationError(
            f"the LRS keeps its statements in SQLite; '{url.split(':', 1)[0]}' is not supported, give sqlite:///path"
        )
    return url


def serve(host: str = "127.0.0.1", port: int = 8765, database: str = "var/lrs.sqlite") -> None:
    """Serves until it is told to stop. Loopback unless told otherwise; TLS is a proxy's work."""
    import uvicorn

    from leerstroom.lrs.access import first_from_environment
    from leerstroom.lrs.app import create_app
    from leerstroom.lrs.storage import Storage

    storage = Storage(database_path(database))
    first_from_environment(storage)
    config = uvicorn.Config(
        create_app(storage), host=host, port=port, log_level="warning", access_log=False, timeout_keep_alive=75
    )
    try:
        uvicorn.Server(config).run()
    finally:
        storage.close()


@contextmanager
def running(
    database: str, *, port: int = 0, key: str | None = None, secret: str | None = None, start_s: float = 30.0
) -> Generator[Running, None, None]:
    """A real LRS in a process of its own on loopback; port 0 takes a free one. Raises Unreachable when it does not start."""
    port = port or _free_port()
    key, secret = key or "leerstroom", secret or secrets.token_urlsafe(24)
    environment = {**os.environ, "LEERSTROOM_LRS_KEY": key, "LEERSTROOM_LRS_SECRET": secret}
    code = "import sys; from leerstroom.lrs.server import serve; serve(port=int(sys.argv[1]), database=sys.argv[2])"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(port), database], env=environment, start_new_session=True
    )
    try:
        _wait(f"http://127.0.0.1:{port}/health", process, start_s)
        yield Running(f"http://127.0.0.1:{port}/xapi/", key, secret, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(url: str, process: "subprocess.Popen[bytes]", seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Unreachable(f"the LRS ended with exit code {process.returncode} while starting; see its output")
        try:
            if requests.get(url, timeout=1).ok:
                return
        except requests.RequestException:
            time.sleep(0.05)
    raise Unreachable(f"the LRS did not answer within {seconds:.0f} s; see its output")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
