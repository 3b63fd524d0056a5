"""Waiting for what real schedulers and servers do in their own time."""

import time
from collections.abc import Callable
from typing import Any

PATIENCE_S = 900.0  # for what takes a minute where nobody else works


def wait_for(ask: Callable[[], Any], what: str) -> Any:
    """What `ask` gives as soon as it gives something."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := ask()):
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.5)
    return found
