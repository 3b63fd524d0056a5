"""Servers and runs as processes of their own, none of which outlives the block that started them.

Each is the leader of a process group, so that what it starts itself (Airflow's workers) is ended with it: SIGTERM, a while to tidy up, SIGKILL. On
Linux the kernel ends them too when this process is killed outright.
"""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from leerstroom.errors import LeerstroomError

_PATIENCE_S = 8.0
_PR_SET_PDEATHSIG = 1


class DidNotStart(LeerstroomError):
    """A process ended, or did not answer in time; the text names its log and quotes the end of it."""


class Processes:
    """Processes that end together; made by `processes()`."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        logs.mkdir(parents=True, exist_ok=True)

    def start(
        self, name: str, command: Sequence[str | Path], environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Starts a process whose output goes to `logs/<name>.log`."""
        with self.log(name).open("wb") as log:
            self.running[name] = subprocess.Popen(
                [str(each) for each in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )
        return self.running[name]

    def log(self, name: str) -> Path:
        """Where the output of a process goes."""
        return self.logs / f"{name}.log"

    def wait_until(self, name: str, ready: Callable[[], bool], within_s: float) -> None:
        """Waits until `ready()`; raises DidNotStart when the process ends before, or time is up."""
        deadline = time.monotonic() + within_s
        while not ready():
            code = self.running[name].poll()
            if code is not None:
                raise DidNotStart(f"{name} ended with code {code}; see {self.log(name)}{self.tail(name)}")
            if time.monotonic() > deadline:
                raise DidNotStart(
                    f"{name} did not answer within {within_s:.0f} s; see {self.log(name)}{self.tail(name)}"
                )
            time.sleep(0.05)

    def wait(self, name: str, within_s: float, meanwhile: Callable[[], None] = lambda: None) -> int:
        """The exit code of a process that ends by itself. Raises DidNotStart when it does not within the time."""
        deadline = time.monotonic() + within_s
        while (code := self.running[name].poll()) is None:
            if time.monotonic() > deadline:
                raise DidNotStart(f"{name} is not done after {within_s:.0f} s; see {self.log(name)}{self.tail(name)}")
            meanwhile()
            time.sleep(0.1)
        meanwhile()
        return code

    def ended(self) -> str | None:
        """The name of a process that is no longer running, or None."""
        return next((name for name, process in self.running.items() if process.poll() is not None), None)

    def end(self, name: str) -> None:
        """Ends one process and what it started."""
        _end([self.running.pop(name)])

    def stop(self) -> None:
        """Ends all process groups, the newest first."""
        _end(list(reversed(self.running.values())))
        self.running.clear()

    def tail(self, name: str) -> str:
        """The last lines of a process's log, indented below a message."""
        lines = self.log(name).read_text(errors="replace").strip().splitlines()[-5:]
        return "\n  " + "\n  ".join(lines) if lines else ""


@contextmanager
def processes(logs: Path) -> Generator[Processes, None, None]:
    """Processes that are gone when the block ends, however it ends: SIGTERM and SIGHUP to this process end the block too."""
    made = Processes(logs)
    before = {number: signal.signal(number, _interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield made
    finally:
        made.stop()
        for number, handler in before.items():
            signal.signal(number, handler)


def free_ports(number: int, wanted: Sequence[int] = ()) -> list[int]:
    """As many loopback ports: the wanted ones where they are free, else any."""
    taken = []
    try:
        for index in range(number):
            listener = None
            if index < len(wanted):
                with contextlib.suppress(OSError):
                    listener = _listening(wanted[index])
            taken.append(listener or _listening(0))
        return [int(each.getsockname()[1]) for each in taken]
    finally:
        for each in taken:
            each.close()


def answers(url: str) -> Callable[[], bool]:
    """Whether anything answers HTTP at an address, whatever it says."""

    def ask() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own loopback address
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False

    return ask


def _listening(port: int) -> socket.socket:
    made = socket.socket()
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("127.0.0.1", port))
    except OSError:
        made.close()
        raise
    return made


def _interrupt(_number: int, _frame: FrameType | None) -> Any:
    raise KeyboardInterrupt


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _end(ending: Sequence[subprocess.Popen[bytes]]) -> None:
    groups = [process.pid for process in ending]
    for group in groups:
        _signal(group, signal.SIGTERM)
    deadline = time.monotonic() + _PATIENCE_S
    while any(_alive(group) for group in groups) and time.monotonic() < deadline:
        for process in ending:
            process.poll()
        time.sleep(0.05)
    for group in groups:
        _signal(group, signal.SIGKILL)
    for process in ending:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
