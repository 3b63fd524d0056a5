"""Work in processes of their own, as tasks of a Dag have: two at a time use two cores, and the memory of one ends with it."""

import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self, TypeVar

from leerstroom.errors import LeerstroomError, NeedsOperator

_INTERRUPTED = 128 + signal.SIGINT  # what a shell says of a command that Ctrl-C ended
_SPAWNING = multiprocessing.get_context("spawn")  # a fork would copy locks that other threads hold
Announce = Callable[[str], None]
Result = TypeVar("Result")


class Workers:
    """Does work: one at a time in this process, or with `at_once` above 1 so many at a time, each in a new process that ends with this one."""

    def __init__(self, at_once: int = 1) -> None:
        self.at_once = at_once
        self._threads = ThreadPoolExecutor(at_once) if at_once > 1 else None  # each waits for one process
        self._running: set[Any] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._threads is None:
            return
        if error is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            for process in list(self._running):
                process.terminate()
        self._threads.shutdown()

    def all(self, *calls: Callable[[], Result]) -> list[Result]:
        """The results of all calls, which hand their work to `do`. Of errors the first is raised; other processes come to their end before that."""
        if self._threads is None:
            return [call() for call in calls]
        waiting = [self._threads.submit(call) for call in calls]
        wait(waiting)
        return [each.result() for each in waiting]

    def do(self, work: Callable[..., Result], *, announce: Announce | None = None, **arguments: Any) -> Result:
        """The result of `work(**arguments)`; with `announce` the work gets one too, and what it says there is heard here at once.

        For another process work, arguments and result are pickled. Raises the LeerstroomError that ended the work, and NeedsOperator when its
        process ended without a word: it was killed, or its traceback is on standard error.
        """
        if self._threads is None:
            return work(**arguments) if announce is None else work(announce=announce, **arguments)
        ours, theirs = _SPAWNING.Pipe(duplex=False)
        process = _SPAWNING.Process(
            target=_work, args=(theirs, logging.getLogger().level, work, announce is not None, arguments), daemon=True
        )
        process.start()
        self._running.add(process)
        theirs.close()  # or its end would never be seen here
        try:
            with ours:
                result: Result = _heard(ours, announce)
                return result
        except EOFError:
            process.join()
            killed = process.exitcode == -signal.SIGKILL
            raise NeedsOperator(
                f"{work.__name__.strip('_').replace('_', ' ')}: its process ended with code {process.exitcode}; "
                + ("something killed it, perhaps because memory ran out" if killed else "its traceback stands above")
                + "; it can be run again"
            ) from None
        finally:
            process.join()
            self._running.discard(process)


def _heard(ours: Connection, announce: Announce | None) -> Any:
    while True:
        sort, value = ours.recv()
        if sort == "done":
            return value
        if sort == "failed":
            raise value
        if announce is not None:
            announce(value)


def _work(told: Connection, level: int, work: Callable[..., Any], announces: bool, arguments: dict[str, Any]) -> None:
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if announces:
        arguments["announce"] = lambda text: told.send(("said", text))
    try:
        done = work(**arguments)
    except LeerstroomError as error:
        told.send(("failed", error))
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)  # the parent was interrupted too, and says so
    else:
        told.send(("done", done))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
