"""SQLite: one file, one writer, readers that never wait for it (write-ahead log), every commit on disk (synchronous=FULL)."""

import sqlite3
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

from leerstroom.errors import ConfigurationError
from leerstroom.lrs import times
from leerstroom.lrs.storage.database import Connection, Row, schema_version
from leerstroom.lrs.storage.schema import VERSION

_CHUNKS = (128, 16, 1)
"""Rows an INSERT carries. Few sizes, so that the statements stay prepared; many rows, because each call gives the interpreter lock away and may wait long to get it back."""


class SqliteConnection:
    """One connection to the file."""

    broken: tuple[type[Exception], ...] = (sqlite3.Error,)

    def __init__(self, path: str, *, writing: bool) -> None:
        self._raw = sqlite3.connect(
            path, isolation_level=None, timeout=60, check_same_thread=False, cached_statements=256
        )
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            f"cache_size={-65536 if writing else -8192}",
            "wal_autocheckpoint=32000",
            "journal_size_limit=134217728",
            "temp_store=MEMORY",
            "secure_delete=ON",
        ):
            self._raw.execute(f"PRAGMA {pragma}")
        if not writing:
            self._raw.execute("PRAGMA query_only=ON")

    @property
    def usable(self) -> bool:
        """A file does not go away."""
        return True

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""
        return self._raw.execute(sql, values).fetchall()

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Runs one statement; how many rows it touched."""
        return self._raw.execute(sql, values).rowcount

    def lookup(self, select: str, column: str, keys: Sequence[Any]) -> list[Row]:
        """Rows of `select` whose column is one of the keys, 500 keys at a time."""
        found: list[Row] = []
        for start in range(0, len(keys), 500):
            part = list(keys[start : start + 500])
            size = 8
            while size < len(part):
                size *= 2
            part += [None] * (min(size, 500) - len(part))
            found += self._raw.execute(f"{select} WHERE {column} IN ({','.join('?' * len(part))})", part).fetchall()
        return found

    def insert(self, table: str, columns: str, rows: Sequence[Row]) -> None:
        """Adds many rows; a duplicate key is an error."""
        start, total = 0, len(rows)
        if not total:
            return
        one = f"({','.join('?' * len(rows[0]))})"
        head = f"INSERT INTO {table} ({columns}) VALUES "
        while start < total:
            size = next(each for each in _CHUNKS if each <= total - start)
            self._raw.execute(head + ",".join([one] * size), list(chain.from_iterable(rows[start : start + size])))
            start += size

    def begin(self) -> int:
        """Starts a transaction that no other writer, in any process, overlaps; gives the present in microseconds."""
        self._raw.execute("BEGIN IMMEDIATE")
        return times.now()

    def commit(self) -> None:
        """Makes it durable: on disk when this returns."""
        self._raw.execute("COMMIT")

    def rollback(self) -> None:
        """Undoes the transaction."""
        if self._raw.in_transaction:
            self._raw.execute("ROLLBACK")

    def savepoint(self) -> None:
        """Marks where `undo` goes back to."""
        self._raw.execute("SAVEPOINT batch")

    def undo(self) -> None:
        """Back to the savepoint."""
        self._raw.execute("ROLLBACK TO batch")

    def release(self) -> None:
        """Keeps what happened since the savepoint."""
        self._raw.execute("RELEASE batch")

    def close(self) -> None:
        """Ends the connection."""
        self._raw.close()

    @property
    def raw(self) -> sqlite3.Connection:
        """The driver's connection."""
        return self._raw


class Sqlite:
    """One database file; its folder is made."""

    kind = "sqlite"
    types: ClassVar[dict[str, str]] = {
        "int": "INTEGER",
        "small": "INTEGER",
        "bytes": "BLOB",
        "key": "INTEGER PRIMARY KEY",
        "clustered": "WITHOUT ROWID",
    }

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def connect(self, *, writing: bool = False) -> SqliteConnection:
        """A new connection. Raises ConfigurationError when the file cannot be opened or is no database."""
        try:
            return SqliteConnection(str(self.path), writing=writing)
        except sqlite3.Error as error:
            raise ConfigurationError(
                f"the LRS cannot open its database {self.path}: {error}; check the path and its rights"
            ) from error

    def quiet_through(self, connection: Connection, newest: int) -> int:
        """The newest statement: only the process that writes knows whether more is on its way."""
        return newest

    def erase_traces(self) -> None:
        """Folds the log into the file and cuts it off; freed pages were zeroed while deleting (secure_delete), VACUUM gives them back."""
        connection = self.connect(writing=True)
        try:
            connection.run("PRAGMA secure_delete=ON")
            connection.rows("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.run("VACUUM")
            connection.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()

    def size(self) -> int:
        """Bytes on disk, the log included."""
        return sum(each.stat().st_size for each in (self.path, Path(f"{self.path}-wal")) if each.exists())

    def backup(self, target: Path) -> None:
        """A copy of the file as it is at one moment, made through SQLite's own backup while others read and write."""
        if target.exists():
            raise ConfigurationError(f"{target} exists; name a new file for the backup")
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(target.name + ".unfinished")
        unfinished.unlink(missing_ok=True)
        source = self.connect()
        copy = sqlite3.connect(unfinished)
        try:
            source.raw.backup(copy, pages=10_000)
            copy.execute("PRAGMA journal_mode=DELETE")
        finally:
            copy.close()
            source.close()
        unfinished.rename(target)

    def restore(self, source: Path) -> None:
        """Fills the empty database from a copy, whole or not at all."""
        if self.path.exists() and self.path.stat().st_size:
            raise ConfigurationError(f"{self.path} holds data already; restore into a new file")
        if not source.is_file():
            raise ConfigurationError(f"there is no backup {source}")
        copy = sqlite3.connect(f"file:{source}?mode=ro", uri=True)
        unfinished = self.path.with_name(self.path.name + ".unfinished")
        unfinished.unlink(missing_ok=True)
        target = sqlite3.connect(unfinished)
        try:
            if copy.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                raise ConfigurationError(f"{source} is damaged (integrity check); use another backup")
            copy.backup(target, pages=10_000)
        except sqlite3.Error as error:
            raise ConfigurationError(f"{source} is no backup of an LRS: {error}") from error
        finally:
            target.close()
            copy.close()
        unfinished.rename(self.path)
        connection = self.connect()
        try:
            if not 0 < schema_version(connection, "sqlite") <= VERSION:
                raise ConfigurationError(f"{source} is no backup that this version can read")
        finally:
            connection.close()
