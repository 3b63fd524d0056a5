"""Queries of DuckDB that run while the next ones are still being written: each starts when what it reads is there, a few at a time.

Half of the tables of a computation are small: such a query gets one core, and none works while Python writes the next one.
"""

import logging
import threading
import time
from collections.abc import Collection, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

logger = logging.getLogger(__name__)

_AHEAD = 8  # queries that wait for what they read


class Background:
    """Queries under the name of what they make: `start` one, `wait` for what is to be read. Where one failed, waiting raises its error.

    At most `at_once` run at a time; 0 runs each where it is started, which tells what it takes alone.
    """

    def __init__(self, connection: Any, at_once: int) -> None:
        self._connection = connection
        self._lent = [_session(connection) for _ in range(at_once)]
        self._free: SimpleQueue[Any] = SimpleQueue()
        for each in self._lent:
            self._free.put(each)
        self._pool = ThreadPoolExecutor(_AHEAD, thread_name_prefix="indicators") if at_once else None
        self._started: dict[str, Future[None]] = {}
        self._one_that_runs_alone = threading.Lock()

    def start(self, name: str, sql: str, reads: Collection[str]) -> None:
        """Makes what `name` stands for, when all is there that it reads."""
        logger.debug("%s reads %s", name, reads)
        if self._pool is None:
            run(name, self._connection, sql)
            return
        self.wait([name])
        # whatever it waits for was started before it: so the oldest that waits finds all of it done
        before = [self._started[each] for each in set(reads) if each in self._started]
        self._started[name] = self._pool.submit(self._run, name, sql, before)

    def register(self, name: str, table: Any) -> None:
        """Lets the queries read an Arrow table: a connection sees its own alone."""
        for each in self._lent:
            each.register(name, table)

    def wait(self, names: Iterable[str] | None = None) -> None:
        """Returns when these are there; without names, when everything is."""
        for name in list(self._started) if names is None else names:
            if name in self._started:
                self._started[name].result()

    def close(self) -> None:
        """Ends what runs, forgets what has not begun."""
        if self._pool is not None:
            for each in self._lent:
                each.interrupt()
            self._pool.shutdown(wait=True, cancel_futures=True)
            for each in self._lent:
                each.close()

    def _run(self, name: str, sql: str, before: Iterable[Future[None]]) -> None:
        from duckdb import OutOfMemoryException

        for each in before:
            each.result()
        connection = self._free.get()
        try:
            run(name, connection, sql)
            return
        except OutOfMemoryException:
            logger.debug("%s wants more memory than another leaves it: once more, alone", name)
        finally:
            self._free.put(connection)
        self._run_alone(name, sql)

    def _run_alone(self, name: str, sql: str) -> None:
        with self._one_that_runs_alone:
            every = [self._free.get() for _ in self._lent]
            try:
                run(name, every[0], sql)
            finally:
                for each in every:
                    self._free.put(each)


def run(name: str, connection: Any, sql: str) -> None:
    """Executes a query and tells the log what it took; the CPU is that of the whole process."""
    began, busy = time.perf_counter(), time.process_time()
    connection.execute(sql)
    logger.debug("kept %s in %.2f s, %.2f s CPU", name, time.perf_counter() - began, time.process_time() - busy)


def _session(connection: Any) -> Any:
    session = connection.cursor()
    session.execute("SET TimeZone = 'UTC'")  # each has its own
    return session
