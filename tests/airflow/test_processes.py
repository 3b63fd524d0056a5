"""What is started is ended: with its children, when asked politely, when it does not listen, and when its starter is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from leerstroom_airflow.processes import DidNotStart, answers, free_ports, processes

_FAMILY = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(os.getpid(), child.pid, flush=True)
time.sleep(600)
"""
_DEAF = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid(), flush=True)
time.sleep(600)
"""


def pids_in(log: Path) -> list[int]:
    deadline = time.monotonic() + 20
    while not log.exists() or not log.read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return [int(each) for each in log.read_text().split()]


def gone(pid: int, within_s: float = 5) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def test_what_a_process_started_itself_ends_with_it(tmp_path: Path) -> None:
    with processes(tmp_path) as running:
        running.start("family", [sys.executable, "-c", _FAMILY])
        family = pids_in(running.log("family"))
        assert len(family) == 2
    assert all(gone(pid) for pid in family)


def test_an_error_in_the_block_ends_everything_too(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), processes(tmp_path) as running:  # noqa: PT012 - the block is what ends
        running.start("family", [sys.executable, "-c", _FAMILY])
        family = pids_in(running.log("family"))
        _ = 1 / 0
    assert all(gone(pid) for pid in family)


@pytest.mark.slow
def test_one_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    with processes(tmp_path) as running:
        running.start("deaf", [sys.executable, "-c", _DEAF])
        (deaf,) = pids_in(running.log("deaf"))
    assert gone(deaf)


_STARTER = """
import signal, sys, time
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs these tests in the background made it ignored
from leerstroom_airflow.processes import processes
with processes(Path(sys.argv[1])) as running:
    running.start("one", [sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(600)"])
    time.sleep(600)
"""


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL], ids=lambda each: each.name
)
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of a killed parent")
def test_nothing_outlives_a_starter_that_is_ended(tmp_path: Path, number: signal.Signals) -> None:
    starter = subprocess.Popen([sys.executable, "-c", _STARTER, str(tmp_path)], stderr=subprocess.DEVNULL)
    (child,) = pids_in(tmp_path / "one.log")
    os.kill(starter.pid, number)
    starter.wait(20)
    assert gone(child)


def test_a_process_that_ends_instead_of_answering_is_said_with_the_end_of_its_log(tmp_path: Path) -> None:
    with processes(tmp_path) as running:
        running.start("broken", [sys.executable, "-c", "raise SystemExit('no port is free')"])
        with pytest.raises(DidNotStart, match="no port is free"):
            running.wait_until("broken", answers("http://127.0.0.1:9/"), 20)


def test_wanted_ports_are_taken_where_they_are_free_and_others_where_not() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        (free,) = free_ports(1)
        found = free_ports(3, [taken, free])
    assert found[0] != taken
    assert found[1] == free
    assert len(set(found)) == 3
