"""Runs the LRS: `serve` until it is stopped, `running` for the length of a block (tests, demo, bench)."""

import ctypes
import gc
import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leerstroom.errors import ConfigurationError, Unreachable
from leerstroom.lrs.app import LrsApp, create_app
from leerstroom.lrs.requests import Limits

logger = logging.getLogger(__name__)

KEY_VARIABLE = "LEERSTROOM_LRS_KEY"
SECRET_VARIABLE = "LEERSTROOM_LRS_SECRET"  # noqa: S105 - the name of a variable
_DATABASE_VARIABLE = "LEERSTROOM_LRS_DATABASE"
_LIMITS_VARIABLE = "LEERSTROOM_LRS_LIMITS"


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs. `endpoint` ends in a slash; `pid` is its process."""

    endpoint: str
    key: str
    secret: str
    database: str
    pid: int

    @property
    def address(self) -> str:
        """Scheme, host and port, without a slash at the end."""
        return self.endpoint.removesuffix("/xapi/")


def serve(
    host: str = "127.0.0.1",
    port: int = 8765,
    database: str | Path = "var/data/lrs.sqlite",
    *,
    workers: int = 1,
    root_path: str = "",
    limits: Limits | None = None,
    socket_fd: int | None = None,
) -> None:
    """Serves until SIGINT or SIGTERM. LEERSTROOM_LRS_KEY and LEERSTROOM_LRS_SECRET give a first credential.

    Several `workers` need PostgreSQL. Raises ConfigurationError for a database that cannot be opened or a port that is taken.
    """
    import uvicorn

    limits = limits or Limits()
    if workers > 1 and not str(database).startswith("postgres"):
        raise ConfigurationError("several workers need PostgreSQL; SQLite has one writer: leave --workers at 1")
    os.environ[_DATABASE_VARIABLE] = str(database)
    os.environ[_LIMITS_VARIABLE] = f"{limits.body} {limits.batch} {limits.page} {limits.default_page} {limits.read_s}"
    app = from_environment()  # here, so that faults are told before anything listens
    if workers > 1:
        app.storage.close()
    settings: dict[str, Any] = {
        "root_path": root_path,
        "http": "httptools",
        "lifespan": "on",
        "log_level": "warning",
        "access_log": False,
        "server_header": False,
        "backlog": 512,
        "limit_concurrency": 1_000,
        "timeout_keep_alive": 75,
        "timeout_graceful_shutdown": 20,
    }
    listening = _listen(host, port) if socket_fd is None else socket.socket(fileno=socket_fd)
    settings |= {"fd": listening.fileno()}
    logger.info("LRS on http://%s:%d/xapi/", f"[{host}]" if ":" in host else host, listening.getsockname()[1])
    if workers == 1:
        uvicorn.run(app, **settings)
    else:
        uvicorn.run("leerstroom.lrs.server:from_environment", factory=True, workers=workers, **settings)


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one. Raises ConfigurationError."""
    try:
        listening = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=512
        )
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {host} port {port}: {error.strerror}; choose another --port or stop what uses it"
        ) from error
    # inherited; else every answer waits 40 ms for an acknowledgement
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listening.set_inheritable(True)
    return listening


_ARENA_MAX = -8  # M_ARENA_MAX of glibc's malloc.h


def _settle() -> None:
    """Settings of the interpreter. Statements are trees without cycles: the collector finds nothing in them and halves the throughput while it looks."""
    with suppress(AttributeError, OSError):  # another C library than glibc
        # each thread keeps what batches and pages leave behind in an arena of its own, a hundred MB in all; one thread computes at a time anyway
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 2)
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    sys.setswitchinterval(
        0.0005
    )  # the writer comes back from SQLite fifty times a batch and must not wait 5 ms each time


def from_environment() -> LrsApp:
    """The app of one server process; `serve` says by environment which."""
    body, batch, page, default_page, read_s = os.environ[_LIMITS_VARIABLE].split()
    limits = Limits(
        body=int(body), batch=int(batch), page=int(page), default_page=int(default_page), read_s=float(read_s)
    )
    key, secret = os.environ.get(KEY_VARIABLE, ""), os.environ.get(SECRET_VARIABLE, "")
    if bool(key) != bool(secret):
        raise ConfigurationError(f"{KEY_VARIABLE} and {SECRET_VARIABLE} belong together; set both or none")
    app = create_app(os.environ[_DATABASE_VARIABLE], limits=limits, key=key, secret=secret)
    _settle()
    return app


@contextmanager
def running(
    database: str | Path | None = None,
    port: int = 0,
    key: str = "test",
    secret: str = "",
    *,
    workers: int = 1,
    root_path: str = "",
    limits: Limits | None = None,
    wait_s: float = 60.0,
) -> Iterator[Running]:
    """A server of its own process on loopback, for the length of the block; without a database a new one that goes with it.

    Port 0 takes a free one. Raises Unreachable when it does not come up.
    """
    secret = secret or secrets.token_urlsafe(16)
    with tempfile.TemporaryDirectory(prefix="leerstroom-lrs-") as folder, _listen("127.0.0.1", port) as listening:
        taken = listening.getsockname()[1]
        database = str(database or Path(folder) / "lrs.sqlite")
        limits = limits or Limits()
        code = (
            "import sys; from leerstroom.lrs.server import serve; from leerstroom.lrs.requests import Limits;"
            f" serve('127.0.0.1', {taken}, sys.argv[1], workers={workers}, root_path={root_path!r}, socket_fd={listening.fileno()}, limits={limits!r})"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code, database],
            pass_fds=[listening.fileno()],
            env=os.environ | {KEY_VARIABLE: key, SECRET_VARIABLE: secret},
            start_new_session=True,
        )
        try:
            _await(f"http://127.0.0.1:{taken}/health", process, wait_s)
            yield Running(f"http://127.0.0.1:{taken}/xapi/", key, secret, database, process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(25)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)


def _await(address: str, process: "subprocess.Popen[bytes]", wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Unreachable(
                f"the LRS ended with exit code {process.returncode} before it answered; its message stands above"
            )
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310 - our own loopback address
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.03)
    raise Unreachable(f"the LRS did not answer on {address} within {wait_s:g} seconds")
