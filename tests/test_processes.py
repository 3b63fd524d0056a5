"""Work in processes of its own: results, announcements and errors come back, a killed process is told, nobody is left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from leerstroom.errors import NeedsOperator, RateLimited
from leerstroom.processes import Workers

pytestmark = pytest.mark.timeout(120)


def double(number: int, *, announce: Callable[[str], None]) -> int:
    announce(f"doubling {number}")
    announce("done")
    return number * 2


def identity() -> int:
    return os.getpid()


def asks_for_patience() -> None:
    raise RateLimited("academy: wait", retry_after_s=7.5)


def is_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def works(sign: Path) -> None:
    time.sleep(1)
    sign.write_text("done")


def waits(sign: Path) -> None:
    sign.write_text(str(os.getpid()))
    time.sleep(60)


@pytest.mark.parametrize("at_once", [1, 2])
def test_results_come_in_the_order_of_the_calls_and_what_is_announced_is_heard(at_once: int) -> None:
    heard: list[str] = []
    with Workers(at_once) as workers:
        done = workers.all(*(partial(workers.do, double, announce=heard.append, number=each) for each in (1, 2, 3)))
    assert done == [2, 4, 6]
    assert sorted(heard) == ["done", "done", "done", "doubling 1", "doubling 2", "doubling 3"]


def test_one_at_a_time_stays_in_this_process_and_two_have_processes_of_their_own() -> None:
    with Workers(1) as workers:
        assert workers.do(identity) == os.getpid()
    with Workers(2) as workers:
        first, second = workers.all(partial(workers.do, identity), partial(workers.do, identity))
    assert len({first, second, os.getpid()}) == 3


def test_an_error_crosses_with_what_it_knows() -> None:
    with Workers(2) as workers, pytest.raises(RateLimited, match="academy: wait") as caught:
        workers.do(asks_for_patience)
    assert caught.value.retry_after_s == 7.5


def test_a_process_that_is_killed_is_an_error_for_an_operator() -> None:
    with Workers(2) as workers, pytest.raises(NeedsOperator, match=r"is killed: .* code -9; .*memory.* run again"):
        workers.do(is_killed)


def test_an_interruption_ends_the_processes_too(tmp_path: Path) -> None:
    sign = tmp_path / "process"
    begun = time.monotonic()

    def interrupt() -> None:
        while not sign.exists() or not sign.read_text():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's job in the background ignores it
    try:
        threading.Thread(target=interrupt, daemon=True).start()
        with pytest.raises(KeyboardInterrupt), Workers(2) as workers:
            workers.all(partial(workers.do, waits, sign=sign))
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - begun < 50
    assert _is_gone(int(sign.read_text()))


def test_an_error_of_one_lets_the_others_come_to_their_end(tmp_path: Path) -> None:
    sign = tmp_path / "done"
    with Workers(2) as workers, pytest.raises(RateLimited, match="academy: wait"):
        workers.all(partial(workers.do, asks_for_patience), partial(workers.do, works, sign=sign))
    assert sign.read_text() == "done"


def test_a_process_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    sign = tmp_path / "process"
    program = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1])\n"
        "from leerstroom.processes import Workers\nfrom test_processes import waits\n"
        "if __name__ == '__main__':\n    with Workers(2) as workers:\n        workers.do(waits, sign=Path(sys.argv[2]))\n"
    )
    file = tmp_path / "program.py"
    file.write_text(program)
    with subprocess.Popen([sys.executable, str(file), str(Path(__file__).parent), str(sign)]) as parent:
        while not sign.exists() or not sign.read_text():
            time.sleep(0.05)
        parent.kill()
    assert _is_gone(int(sign.read_text()))


def _is_gone(process: int) -> bool:
    for _ in range(200):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False
