"""The replay server in a thread (tests, demo) or in the foreground (command line)."""

import contextlib
import socket
import sys
import threading
import time
from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import uvicorn

from leerstroom.errors import ConfigurationError
from leerstroom.replay.app import create_app
from leerstroom.replay.faults import Fault, Faults
from leerstroom.replay.world import Platform, World


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs: its address, and handles on its faults and its time."""

    url: str
    faults: Faults
    world: World


@contextmanager
def running(
    root: Path,
    port: int = 0,
    *,
    host: str = "127.0.0.1",
    faults: Iterable[Fault] | None = None,
    clock: datetime | World | None = None,
    limits: Mapping[str, float] | None = None,
    only: Collection[str] | None = None,
    platforms: Mapping[str, Callable[[Path, World], Platform]] | None = None,
) -> Generator[Running, None, None]:
    """Serves `root` in a thread for the length of the block; port 0 takes a free one. Raises ConfigurationError when the port is taken."""
    app = create_app(root, faults=faults, clock=clock, limits=limits, only=only, platforms=platforms)
    with _listening(host, port) as listener:
        server = uvicorn.Server(_config(app))
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="leerstroom-replay", daemon=True
        )
        thread.start()
        deadline = time.monotonic() + 10
        while not server.started and thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.005)
        try:
            yield Running(f"http://{host}:{listener.getsockname()[1]}", app.state.faults, app.state.world)
        finally:
            server.should_exit = True
            thread.join(10)


def serve(root: Path, host: str = "127.0.0.1", port: int = 8900) -> None:
    """Serves `root` until it is interrupted, and prints where each platform is found."""
    app = create_app(root)
    with _listening(host, port) as listener:
        url = f"http://{host}:{listener.getsockname()[1]}"
        for name in app.state.platforms:
            sys.stdout.write(f"{name}: {url}/{name}\n")
        sys.stdout.write(f"faults, limits and time: {url}/_control\n")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(_config(app)).run(sockets=[listener])


def _config(app: Any) -> uvicorn.Config:
    # critical: a connection that is cut on purpose is no error to tell about
    return uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=2)


@contextmanager
def _listening(host: str, port: int) -> Generator[socket.socket, None, None]:
    try:
        listener = socket.create_server((host, port))
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {host}:{port} ({error.strerror}); choose another port, or 0 for a free one"
        ) from error
    with listener:
        yield listener
