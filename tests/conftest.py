"""What every room's tests may use: where the shared examples lie, and real servers on loopback."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from hypothesis import HealthCheck, settings

# How fast examples are made says something of the machine, not of what is tested.
settings.register_profile("leerstroom", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("leerstroom")

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Examples and recordings that are not ours to copy; their tests skip where they are absent."""
    if not (SHARED / "DESIGN.md").exists():
        pytest.skip("the shared examples are not beside the checkout")
    return SHARED


@pytest.fixture
def postgresql_server() -> Iterator[Any]:
    """A connection to the local PostgreSQL that may make databases and roles; skips where there is none."""
    psycopg = pytest.importorskip("psycopg")
    try:
        server = psycopg.connect("postgresql://postgres@127.0.0.1:5432/postgres", autocommit=True, connect_timeout=3)
    except psycopg.Error:
        pytest.skip("no PostgreSQL on 127.0.0.1:5432")
    with server:
        yield server


@contextmanager
def _served(app: object) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off"))  # type: ignore[arg-type]
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started:
        assert time.monotonic() < deadline, "the test server did not start"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def serve() -> Iterator[Callable[[object], str]]:
    """`serve(app)` runs an ASGI app on a free loopback port for the length of a test and gives its address."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        yield lambda app: stack.enter_context(_served(app))
