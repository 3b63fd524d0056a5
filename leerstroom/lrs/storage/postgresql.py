"""PostgreSQL: several server processes on one store. A lock keeps writers one after another, so that `stored` rises in the order in which readers see statements."""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from leerstroom.errors import ConfigurationError
from leerstroom.lrs.storage.database import Connection, Row
from leerstroom.lrs.storage.schema import TABLES, VERSION

try:
    import psycopg
    from psycopg import sql as _sql
except ImportError as error:  # pragma: no cover - the extra is there in every environment that tests
    raise ConfigurationError(
        "an LRS on PostgreSQL needs the extra 'postgres': pip install leerstroom[postgres]"
    ) from error

_LOCK = 7_402_310_551  # any number that is ours: one writer at a time, in all processes
_TYPES = {
    "statements": ("int8", "bytea", "int8", "int2", "int2", "int8", "bytea", "bytea"),
    "terms": ("int8", "int8", "bytea", "bytea"),
    "found_by": ("int8", "int8", "int8", "int8"),
}


class PostgreSqlConnection:
    """One connection to the server."""

    broken: tuple[type[Exception], ...] = (psycopg.Error,)

    def __init__(self, url: str, *, writing: bool) -> None:
        self._raw = psycopg.connect(
            url, autocommit=True, prepare_threshold=2, application_name="leerstroom-lrs", connect_timeout=10
        )
        self._raw.execute("SET synchronous_commit = on")
        if not writing:
            self._raw.execute("SET default_transaction_read_only = on")

    @property
    def usable(self) -> bool:
        """False after the server ended the connection."""
        return not self._raw.closed

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""
        return self._raw.execute(_marks(sql), values, binary=True).fetchall()

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Runs one statement; how many rows it touched."""
        return self._raw.execute(_marks(sql), values).rowcount

    def lookup(self, select: str, column: str, keys: Sequence[Any]) -> list[Row]:
        """Rows of `select` whose column is one of the keys."""
        if not keys:
            return []
        return self._raw.execute(f"{select} WHERE {column} = ANY(%s)".encode(), (list(keys),), binary=True).fetchall()

    def insert(self, table: str, columns: str, rows: Sequence[Row]) -> None:
        """Adds many rows; a duplicate key is an error."""
        if not rows:
            return
        if table not in _TYPES:
            with self._raw.cursor() as cursor:
                cursor.executemany(
                    f"INSERT INTO {table} ({columns}) VALUES ({','.join(['%s'] * len(rows[0]))})".encode(), rows
                )
            return
        with (
            self._raw.cursor() as cursor,
            cursor.copy(f"COPY {table} ({columns}) FROM STDIN (FORMAT BINARY)".encode()) as copy,
        ):
            copy.set_types(_TYPES[table])
            for row in rows:
                copy.write_row(row)

    def begin(self) -> int:
        """Starts a transaction that no other writer, in any process, overlaps; gives the server's present in microseconds."""
        self._raw.execute("BEGIN")
        self._raw.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        row = self._raw.execute(
            "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint", binary=True
        ).fetchone()
        assert row is not None
        return int(row[0])

    def commit(self) -> None:
        """Makes it durable: on disk when this returns."""
        self._raw.execute("COMMIT")

    def rollback(self) -> None:
        """Undoes the transaction."""
        if not self._raw.closed:
            self._raw.execute("ROLLBACK")

    def savepoint(self) -> None:
        """Marks where `undo` goes back to."""
        self._raw.execute("SAVEPOINT batch")

    def undo(self) -> None:
        """Back to the savepoint."""
        self._raw.execute("ROLLBACK TO SAVEPOINT batch")

    def release(self) -> None:
        """Keeps what happened since the savepoint."""
        self._raw.execute("RELEASE SAVEPOINT batch")

    def close(self) -> None:
        """Ends the connection."""
        self._raw.close()

    @property
    def raw(self) -> "psycopg.Connection[Any]":
        """The driver's connection."""
        return self._raw


class PostgreSql:
    """One database on a PostgreSQL server, 13 or newer."""

    kind = "postgresql"
    types: ClassVar[dict[str, str]] = {
        "int": "BIGINT",
        "small": "SMALLINT",
        "bytes": "BYTEA",
        "key": "BIGINT PRIMARY KEY",
        "clustered": "",
    }

    def __init__(self, url: str) -> None:
        self.url = url

    def connect(self, *, writing: bool = False) -> PostgreSqlConnection:
        """A new connection. Raises ConfigurationError when the server is not reached or refuses."""
        try:
            return PostgreSqlConnection(self.url, writing=writing)
        except psycopg.Error as error:
            raise ConfigurationError(
                "the LRS cannot open its PostgreSQL database; check host, port, database name and rights in --database"
            ) from error

    def quiet_through(self, connection: Connection, newest: int) -> int:
        """The server's present while no writer holds the lock, else the newest statement."""
        row = connection.rows(
            "SELECT CASE WHEN pg_try_advisory_xact_lock_shared(?::bigint) THEN (extract(epoch FROM clock_timestamp()) * 1000000)::bigint END",
            (_LOCK,),
        )
        return max(newest, int(row[0][0])) if row[0][0] is not None else newest

    def erase_traces(self) -> None:
        """Rewrites the tables that held the deleted rows; the server's own log and its archives are the operator's."""
        connection = self.connect(writing=True)
        try:
            for table in ("statements", "terms", "found_by", "documents", "attachments", "attached"):
                connection.run(f"VACUUM (FULL) {table}")
        finally:
            connection.close()

    def size(self) -> int:
        """Bytes on disk of the tables and their indexes."""
        connection = self.connect()
        try:
            listed = ",".join(f"to_regclass('{table}')" for table in TABLES)
            return int(
                connection.rows(
                    f"SELECT coalesce(sum(pg_total_relation_size(t)), 0)::bigint FROM unnest(ARRAY[{listed}]) AS t"
                )[0][0]
            )
        finally:
            connection.close()

    def backup(self, target: Path) -> None:
        """A zip with a file a table in PostgreSQL's COPY text, all of one moment."""
        if target.exists():
            raise ConfigurationError(f"{target} exists; name a new file for the backup")
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(target.name + ".unfinished")
        connection = self.connect()
        try:
            connection.run("BEGIN ISOLATION LEVEL REPEATABLE READ")
            with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                for table in TABLES:
                    with (
                        archive.open(f"{VERSION}/{table}.copy", "w", force_zip64=True) as file,
                        connection.raw.cursor() as cursor,
                        cursor.copy(_sql.SQL("COPY {} TO STDOUT").format(_sql.Identifier(table))) as copy,
                    ):
                        for part in copy:
                            file.write(part)
            connection.run("COMMIT")
        finally:
            connection.close()
        unfinished.rename(target)

    def restore(self, source: Path) -> None:
        """Fills the empty database from a copy, whole or not at all."""
        from leerstroom.lrs.storage.database import migrate

        migrate(self)
        connection = self.connect(writing=True)
        try:
            with zipfile.ZipFile(source) as archive:
                names = set(archive.namelist())
                if names != {f"{VERSION}/{table}.copy" for table in TABLES}:
                    raise ConfigurationError(f"{source} is no backup that this version can read")
                connection.begin()
                if connection.rows("SELECT 1 FROM statements LIMIT 1") or connection.rows(
                    "SELECT 1 FROM documents LIMIT 1"
                ):
                    raise ConfigurationError("the LRS database holds data already; restore into an empty one")
                for table in TABLES:
                    connection.run(f"DELETE FROM {table}")
                    with (
                        archive.open(f"{VERSION}/{table}.copy") as file,
                        connection.raw.cursor() as cursor,
                        cursor.copy(_sql.SQL("COPY {} FROM STDIN").format(_sql.Identifier(table))) as copy,
                    ):
                        while part := file.read(io.DEFAULT_BUFFER_SIZE * 16):
                            copy.write(part)
                connection.commit()
        except (zipfile.BadZipFile, FileNotFoundError) as error:
            raise ConfigurationError(f"{source} is no backup of an LRS on PostgreSQL") from error
        finally:
            connection.close()


def _marks(sql: str) -> bytes:
    return sql.replace("?", "%s").encode()
