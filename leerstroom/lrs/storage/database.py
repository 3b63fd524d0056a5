"""What the store asks of a database, and what its two kinds share: SQL is written once, with `?` for values."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

from leerstroom.errors import ConfigurationError
from leerstroom.lrs.storage.schema import MIGRATIONS, VERSION

Row = tuple[Any, ...]


class Connection(Protocol):
    """One connection, used by one thread at a time."""

    broken: tuple[type[Exception], ...]
    """What it raises when the database, not the caller, is at fault."""

    @property
    def usable(self) -> bool:
        """False when the way to the database is gone and a new connection is needed."""

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Runs one statement; how many rows it touched."""

    def lookup(self, select: str, column: str, keys: Sequence[Any]) -> list[Row]:
        """Rows of `select` whose column is one of the keys."""

    def insert(self, table: str, columns: str, rows: Sequence[Row]) -> None:
        """Adds many rows; a duplicate key is an error."""

    def begin(self) -> int:
        """Starts a transaction that no other writer, in any process, overlaps; gives the present in microseconds."""

    def commit(self) -> None:
        """Makes it durable: on disk when this returns."""

    def rollback(self) -> None:
        """Undoes the transaction."""

    def savepoint(self) -> None:
        """Marks where `undo` goes back to."""

    def undo(self) -> None:
        """Back to the savepoint."""

    def release(self) -> None:
        """Keeps what happened since the savepoint."""

    def close(self) -> None:
        """Ends the connection."""


class Database(Protocol):
    """A database by its URL."""

    kind: str
    types: ClassVar[dict[str, str]]

    def connect(self, *, writing: bool = False) -> Connection:
        """A new connection. Raises ConfigurationError when there is no way to open it."""

    def quiet_through(self, connection: Connection, newest: int) -> int:
        """The time up to which no writer of any process can still add a statement, seen from a reader."""

    def erase_traces(self) -> None:
        """After a deletion: leaves no copy of deleted rows in the database's own files as far as it can."""

    def size(self) -> int:
        """Bytes on disk."""

    def backup(self, target: Path) -> None:
        """Writes a consistent copy while the store is in use."""

    def restore(self, source: Path) -> None:
        """Fills the empty database from a copy. Raises ConfigurationError when it isn't empty."""


def open_database(url: str | Path) -> Database:
    """The database behind `sqlite:///PATH`, a plain path, or `postgresql://…`. Raises ConfigurationError for another URL."""
    text = str(url)
    if text.startswith(("postgresql://", "postgres://", "postgresql+psycopg://")):
        from leerstroom.lrs.storage.postgresql import PostgreSql

        return PostgreSql(text.replace("postgresql+psycopg://", "postgresql://", 1))
    if "://" in text and not text.startswith("sqlite:///"):
        raise ConfigurationError(
            f"the LRS knows no database '{text.split('://', 1)[0]}'; use a path, sqlite:///PATH or postgresql://…"
        )
    from leerstroom.lrs.storage.sqlite import Sqlite

    return Sqlite(text.removeprefix("sqlite:///"))


def schema_version(connection: Connection, kind: str) -> int:
    """The version of the tables, 0 for an empty database."""
    exists = (
        "SELECT 1 FROM sqlite_master WHERE name = 'meta'"
        if kind == "sqlite"
        else "SELECT 1 WHERE to_regclass('meta') IS NOT NULL"
    )
    if not connection.rows(exists):
        return 0
    found = connection.rows("SELECT value FROM meta WHERE name = 'schema'")
    return int(found[0][0]) if found else 0


def migrate(database: Database) -> tuple[int, int]:
    """Brings the tables to this version's; (version before, version after). Raises ConfigurationError when they are newer."""
    connection = database.connect(writing=True)
    try:
        connection.begin()
        before = schema_version(connection, database.kind)
        if before > VERSION:
            connection.rollback()
            raise ConfigurationError(
                f"the LRS database has schema {before}, this Leerstroom knows {VERSION}; install the newer version"
            )
        for version in range(before + 1, VERSION + 1):
            for statement in _statements(MIGRATIONS[version].format_map(database.types)):
                connection.run(statement)
            connection.run("UPDATE meta SET value = ? WHERE name = 'schema'", (version,))
        connection.commit()
        return before, VERSION
    finally:
        connection.close()


def _statements(script: str) -> Iterable[str]:
    return (each.strip() for each in script.split(";") if each.strip())
