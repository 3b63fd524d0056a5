"""One SQLite file: statements in the order they were stored, and an index of what they are found by.

`seq` is the stored time in microseconds and rises strictly, so `since` and `until` are ranges of the primary key and new rows always go to its end.
One thread writes: batches that wait together are committed together (group commit), each inside its own savepoint, with full synchronisation; the answer
leaves after the commit. Readers have connections of their own and, in WAL mode, never wait for the writer.
"""

import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from leerstroom.errors import ConfigurationError
from leerstroom.lrs.comparing import digest, instant
from leerstroom.lrs.terms import Role, Term, term_key, terms
from leerstroom.statements.validation import VOIDED

SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS statements (
  seq INTEGER PRIMARY KEY, id BLOB NOT NULL, voided INTEGER NOT NULL DEFAULT 0, voiding INTEGER NOT NULL, given TEXT, digest BLOB NOT NULL, target BLOB, body BLOB NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS statements_by_id ON statements (id);
CREATE INDEX IF NOT EXISTS statements_by_target ON statements (target) WHERE target IS NOT NULL;
CREATE TABLE IF NOT EXISTS found_by (term INTEGER NOT NULL, role INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (term, role, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS credentials (key TEXT PRIMARY KEY, secret BLOB NOT NULL, salt BLOB NOT NULL, scopes TEXT NOT NULL, name TEXT NOT NULL);
"""


class Conflict(Exception):
    """Another statement is stored under this id."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What a batch led to."""

    ids: list[str]
    new: int


@dataclass(frozen=True, slots=True)
class Filter:
    """A statements query, resolved: terms with the roles that match, the range of `seq`, direction and size."""

    terms: tuple[tuple[str, tuple[Role, ...]], ...] = ()
    after: int | None = None  # seq > after
    until: int | None = None  # seq <= until
    ascending: bool = False
    limit: int = 100


def stored_text(seq: int) -> str:
    """`seq` as the statement's `stored`."""
    seconds, micro = divmod(seq, 1_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{micro:06d}Z"


class Storage:
    """The store behind one database file; made once per process. Raises ConfigurationError for a file of a newer version."""

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        if self.path != ":memory:":
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        self._jobs: queue.SimpleQueue[tuple[Callable[[sqlite3.Connection], Any], Future[Any]] | None] = (
            queue.SimpleQueue()
        )
        self._local = threading.local()
        self._last = 0
        writing = self._connect()
        writing.executescript(_SCHEMA)
        version = writing.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise ConfigurationError(
                f"{self.path} was written by a newer Leerstroom (schema {version}); install that version"
            )
        writing.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        self._last = writing.execute("SELECT coalesce(max(seq), 0) FROM statements").fetchone()[0]
        self._writer = threading.Thread(target=self._write_loop, args=(writing,), name="lrs-writer", daemon=True)
        self._writer.start()

    def close(self) -> None:
        """Ends the writer after what waits was written."""
        self._jobs.put(None)
        self._writer.join(30)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, isolation_level=None, timeout=60, check_same_thread=False, cached_statements=256
        )
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA cache_size=-65536")
        connection.execute("PRAGMA wal_autocheckpoint=4000")
        return connection

    @property
    def reading(self) -> sqlite3.Connection:
        """The calling thread's own connection for reading."""
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
            connection.execute("PRAGMA query_only=ON")
        return connection

    # --- writing -----------------------------------------------------------------------------------------------------------

    def submit(self, job: Callable[[sqlite3.Connection], Any]) -> "Future[Any]":
        """Runs a job on the writer; the future is done after the commit."""
        future: Future[Any] = Future()
        self._jobs.put((job, future))
        return future

    def _write_loop(self, connection: sqlite3.Connection) -> None:
        while True:
            first = self._jobs.get()
            if first is None:
                connection.close()
                return
            waiting, ending = [first], False
            while len(waiting) < 64:
                try:
                    following = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    ending = True
                    break
                waiting.append(following)
            self._commit_together(connection, waiting)
            if ending:
                connection.close()
                return

    @staticmethod
    def _commit_together(
        connection: sqlite3.Connection, waiting: Sequence[tuple[Callable[[sqlite3.Connection], Any], Future[Any]]]
    ) -> None:
        results: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            connection.execute("BEGIN IMMEDIATE")
            for job, future in waiting:
                connection.execute("SAVEPOINT batch")
                try:
                    results.append((future, job(connection), None))
                except Exception as error:  # noqa: BLE001 - told to the one who asked; the others' batches stand
                    connection.execute("ROLLBACK TO batch")
                    results.append((future, None, error))
                connection.execute("RELEASE batch")
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            for _, future in waiting:
                future.set_exception(error)
            return
        for future, result, failure in results:
            if failure is not None:
                future.set_exception(failure)
            else:
                future.set_result(result)

    def store(self, statements: Sequence[dict[str, Any]], authority: dict[str, Any], version: str) -> "Future[Stored]":
        """Stores a batch whole or not at all: known and equal statements are accepted silently, different ones raise Conflict.

        The statements are validated, have ids, and belong to us from here on.
        """
        prepared = [_prepare(statement) for statement in statements]

        def job(connection: sqlite3.Connection) -> Stored:
            return self._store(connection, prepared, authority, version)

        return self.submit(job)

    def _store(
        self, connection: sqlite3.Connection, prepared: Sequence["_Prepared"], authority: dict[str, Any], version: str
    ) -> Stored:
        keys = [each.key for each in prepared]
        marks = ",".join("?" * len(keys))
        known = {
            row[0]: row
            for row in connection.execute(f"SELECT id, digest, given FROM statements WHERE id IN ({marks})", keys)
        }
        rows: list[tuple[Any, ...]] = []
        index: list[tuple[int, int, int]] = []
        references = False
        for each in prepared:
            held = known.get(each.key)
            if held is not None:
                if held[1] != each.digest or (held[2] and each.given and held[2] != each.given):
                    raise Conflict(each.statement["id"])
                continue
            self._last = seq = max(self._last + 1, time.time_ns() // 1000)
            text = stored_text(seq)
            each.statement["stored"] = text
            for name, value in (("timestamp", text), ("version", version), ("authority", authority)):
                each.statement.setdefault(name, value)
            rows.append((
                seq,
                each.key,
                each.voiding,
                each.given,
                each.digest,
                each.target,
                orjson.dumps(each.statement),
            ))
            index += [(term_key(term), role, seq) for role, term in terms(each.statement)]
            references = references or each.target is not None
        connection.executemany(
            "INSERT INTO statements (seq, id, voiding, given, digest, target, body) VALUES (?,?,?,?,?,?,?)", rows
        )
        connection.executemany("INSERT OR IGNORE INTO found_by VALUES (?,?,?)", sorted(index))
        if references or connection.execute("SELECT 1 FROM statements WHERE target IS NOT NULL LIMIT 1").fetchone():
            for seq, key, voiding, _, _, target, _ in rows:
                _link(connection, seq, key, target, voiding=voiding)
        return Stored([each.statement["id"] for each in prepared], len(rows))

    # --- reading -------------------------------------------------------------------------------------------------------------

    def one(self, statement_id: str, *, voided: bool) -> tuple[int, bytes] | None:
        """(seq, body) of the statement with this id, among the voided or the others; None when there is none."""
        row = self.reading.execute(
            "SELECT seq, body FROM statements WHERE id = ? AND voided = ?", (uuid_key(statement_id), int(voided))
        ).fetchone()
        return (row[0], row[1]) if row else None

    def known(self, ids: Iterable[str]) -> set[str]:
        """Which of these ids are stored."""
        wanted = {uuid_key(each): each for each in ids}
        marks = ",".join("?" * len(wanted))
        return {
            wanted[row[0]]
            for row in self.reading.execute(f"SELECT id FROM statements WHERE id IN ({marks})", list(wanted))
        }

    def find(self, query: Filter) -> Iterator[tuple[int, bytes]]:
        """(seq, body) of the statements that match, not voided, in stored order."""
        direction, values = ("ASC" if query.ascending else "DESC"), []
        span = ""
        if query.after is not None:
            span += " AND {0}.seq > " + str(query.after)
        if query.until is not None:
            span += " AND {0}.seq <= " + str(query.until)
        if not query.terms:
            sql = f"SELECT seq, body FROM statements AS s WHERE voided = 0{span.format('s')} ORDER BY seq {direction} LIMIT {query.limit}"
            return iter(self.reading.execute(sql))
        (first, roles), rest = query.terms[0], query.terms[1:]
        conditions = " AND s.voided = 0"
        tests: list[Any] = []
        for number, (term, also) in enumerate(rest):
            listed = ",".join(str(int(role)) for role in also)
            conditions += f" AND EXISTS (SELECT 1 FROM found_by AS t{number} WHERE t{number}.term = ? AND t{number}.role IN ({listed}) AND t{number}.seq = f.seq)"
            tests.append(term_key(term))
        parts = []
        for role in roles:
            parts.append(
                f"SELECT * FROM (SELECT s.seq AS seq, s.body AS body FROM found_by AS f CROSS JOIN statements AS s ON s.seq = f.seq"
                f" WHERE f.term = ? AND f.role = {int(role)}{span.format('f')}{conditions} ORDER BY f.seq {direction} LIMIT {query.limit})"
            )
            values += [term_key(first), *tests]
        return iter(
            self.reading.execute(f"{' UNION '.join(parts)} ORDER BY seq {direction} LIMIT {query.limit}", values)
        )

    def count(self) -> int:
        """How many statements are stored, voided ones included."""
        return int(self.reading.execute("SELECT count(*) FROM statements").fetchone()[0])

    @property
    def consistent_through(self) -> int:
        """`seq` up to which every answer is complete: the newest commit, or now when nothing waits to be written."""
        return max(self._last, time.time_ns() // 1000) if self._jobs.empty() else self._last


# --- parts of a row ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Prepared:
    statement: dict[str, Any]
    key: bytes
    digest: bytes
    given: str | None
    target: bytes | None
    voiding: bool


def _prepare(statement: dict[str, Any]) -> _Prepared:
    activities = statement.get("context", {}).get("contextActivities")
    if activities:
        for name, listed in activities.items():
            if not isinstance(listed, list):
                activities[name] = [listed]  # part two, 2.4.6.2: an LRS returns lists
    target = statement["object"]
    reference = target["id"] if target.get("objectType") == "StatementRef" else None
    return _Prepared(
        statement,
        uuid_key(statement["id"]),
        digest(statement),
        instant(statement),
        uuid_key(reference) if reference else None,
        statement["verb"]["id"] == VOIDED,
    )


def uuid_key(text: str) -> bytes:
    """A UUID as 16 bytes, whatever its case."""
    return bytes.fromhex(text.replace("-", ""))


def _link(connection: sqlite3.Connection, seq: int, key: bytes, target: bytes | None, *, voiding: bool) -> None:
    """Applies a voiding, and lets statements that point at others be found by what those are found by, in whatever order they came."""
    if target is not None:
        if voiding:
            connection.execute("UPDATE statements SET voided = 1 WHERE id = ? AND voiding = 0", (target,))
        _inherit(connection, seq, _terms_of(connection, target))
    if (
        not voiding
        and connection.execute("SELECT 1 FROM statements WHERE target = ? AND voiding = 1", (key,)).fetchone()
    ):
        connection.execute("UPDATE statements SET voided = 1 WHERE seq = ?", (seq,))
    inherited = _terms_of(connection, key)
    below, seen = [key], {key}
    while below:
        for upper, upper_key in connection.execute(
            "SELECT seq, id FROM statements WHERE target = ?", (below.pop(),)
        ).fetchall():
            if upper_key not in seen:
                seen.add(upper_key)
                below.append(upper_key)
                _inherit(connection, upper, inherited)


def _terms_of(connection: sqlite3.Connection, key: bytes | None) -> set[Term]:
    """Terms of a statement and of the chain of statements that it points at."""
    found: set[Term] = set()
    seen: set[bytes] = set()
    while key is not None and key not in seen:
        seen.add(key)
        row = connection.execute("SELECT body, target FROM statements WHERE id = ?", (key,)).fetchone()
        if row is None:
            break
        found |= terms(orjson.loads(row[0]))
        key = row[1]
    return found


def _inherit(connection: sqlite3.Connection, seq: int, found: set[Term]) -> None:
    connection.executemany(
        "INSERT OR IGNORE INTO found_by VALUES (?,?,?)", [(term_key(term), role, seq) for role, term in found]
    )
