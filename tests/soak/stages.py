"""Runs stages of the night for the tests of faults: one warm process that forks a child for each, so that a child can be killed at any moment.

Reads one JSON object a line: {"settings", "stage", "arguments", "kill_after_s", "full_after_s", "clock_s"}. Answers a line at the end of each: {"code"}
with the stage's `result` or its `error`. After `full_after_s` no file takes another byte, as on a disk that is full; `clock_s` turns its clock.

Warm: what a stage imports, and the model that tells languages, is there before the first fork; this and the short waits made a night of ten seconds one of
three. No thread runs when it forks.
"""

import importlib
import json
import os
import resource
import select
import signal
import sys
import time
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.lrs import Lrs, mirror
from connectors.source import installed, load
from leerstroom import ledger, nightly
from leerstroom.features import features
from leerstroom.mirror import Mirror
from leerstroom.settings import Settings

RUN = "night"
LONGEST_WAIT_S = 0.05  # of a back-off: how long it waits is tested in tests/connectors/test_http.py


def warm() -> None:
    """Brings in what the stages bring in themselves."""
    for name in ("pyarrow.compute", "pyarrow.dataset", "pyarrow.parquet"):
        importlib.import_module(name)
    for name in installed():
        load(name)
    assert features(["Een zin om mee te beginnen."])
    assert Lrs
    assert Mirror
    assert mirror


_sleep = time.sleep


def shortly(seconds: float) -> None:
    """Sleeps at most `LONGEST_WAIT_S`."""
    _sleep(min(seconds, LONGEST_WAIT_S))


def fill(*_: object) -> None:
    """The disk is full from now on: what is longer than nothing cannot be written."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))


def turned(by_s: float) -> type[datetime]:
    """A `datetime` whose now is wrong by so many seconds."""

    class Turned(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + timedelta(seconds=by_s)

    return Turned


def run(stage: str, arguments: list[str], settings: Settings) -> dict[str, Any]:
    """One stage, as its Airflow task calls it."""
    if stage == "pull":
        name, start, end = arguments
        window = datetime.fromisoformat(start), datetime.fromisoformat(end)
        return nightly.pull(nightly.connection_of(settings, name), *window, settings=settings, run_id=RUN)
    if stage == "map":
        name, path = arguments
        return nightly.map_landing(nightly.connection_of(settings, name), path, settings=settings, run_id=RUN)
    if stage == "load":
        name, path = arguments
        return nightly.load(name, path, settings=settings, run_id=RUN)
    if stage == "compute":
        return nightly.compute(settings=settings, run_id=RUN, as_of=date.fromisoformat(arguments[0]))
    if stage == "publish":
        return nightly.publish(settings=settings, run_id=RUN, as_of=date.fromisoformat(arguments[0]))
    if stage == "my_learning":
        return nightly.my_learning(settings=settings, run_id=RUN, as_of=date.fromisoformat(arguments[0]))
    assert stage == "mirror"
    return nightly.mirror(settings=settings, run_id=RUN)


def child(asked: dict[str, Any], out: int) -> None:
    """The stage in a process of its own; ends it."""
    told: dict[str, Any]
    try:
        settings = Settings.load(asked["settings"])
        time.sleep = shortly
        if asked["full_after_s"] is not None:
            signal.signal(signal.SIGALRM, fill)
            signal.setitimer(signal.ITIMER_REAL, max(asked["full_after_s"], 1e-6))
        if asked["clock_s"]:
            ledger.datetime = turned(asked["clock_s"])  # type: ignore[misc]
        told = {"result": run(asked["stage"], asked["arguments"], settings)}
    except Exception as error:
        told = {"error": type(error).__name__, "text": str(error)[:300]}
    os.write(out, json.dumps(told).encode())
    os._exit(0)


def main() -> None:
    """Forks for each line of standard input until it ends."""
    Path(os.environ["TMPDIR"]).mkdir(parents=True, exist_ok=True)
    warm()
    for line in sys.stdin:
        asked = json.loads(line)
        readable, writable = os.pipe()
        pid = os.fork()
        if pid == 0:
            child(asked, writable)
        os.close(writable)
        with os.fdopen(readable, "rb") as answers:
            if asked["kill_after_s"] is not None and not select.select([answers], [], [], asked["kill_after_s"])[0]:
                os.kill(pid, signal.SIGKILL)
            told = answers.read()
        _, status = os.waitpid(pid, 0)
        print(json.dumps({"code": os.waitstatus_to_exitcode(status), **json.loads(told or b"{}")}), flush=True)


if __name__ == "__main__":
    main()
