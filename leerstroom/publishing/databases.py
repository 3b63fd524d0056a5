"""Where HR's tables go: a DuckDB file or a PostgreSQL database. One night is one transaction, so a reader sees the old or the new one.

Rows of `indicator_values` and `coverage` are replaced a *slice* at a time (an indicator, grain and period; a day): a subject that is gone
from a recomputed slice is gone from the table. A slice that a later night already wrote is left alone, so an old night may be published again.
The `hr_*_nightly` tables and the definitions hold the newest night only and are replaced whole, unless they hold a later night.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Protocol

from leerstroom.errors import ConfigurationError, Unreachable
from leerstroom.publishing.contract import TableContract

logger = logging.getLogger(__name__)

SLICES = {
    "indicator_values": ("indicator_id", "grain", "period_start", "period_end"),
    "coverage": ("date",),
}
_DUCKDB = {"text": "VARCHAR", "date": "DATE", "timestamp": "TIMESTAMPTZ", "integer": "BIGINT", "double": "DOUBLE"}
_POSTGRES = {
    "text": "text",
    "date": "date",
    "timestamp": "timestamptz",
    "integer": "bigint",
    "double": "double precision",
}


class Target(Protocol):
    """What both databases offer inside one transaction."""

    types: dict[str, str]

    def run(self, sql: str, *parameters: Any) -> None:
        """Runs one statement; `?` stands for a parameter."""

    def first(self, sql: str, *parameters: Any) -> Any:
        """The first field of the first row, or None."""

    def all(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """All rows of a small answer."""

    def columns(self, table: str) -> list[str]:
        """Names of the columns of a table, in order; empty when there is no such table."""

    def fill(self, table: str, names: list[str], rows: Any) -> None:
        """Appends a reader of Arrow batches."""

    def attempt(self, sql: str) -> bool:
        """Runs one statement that may fail for want of rights; answers whether it did not."""


def is_postgres(into: Target) -> bool:
    """Whether the database has roles and row-level security."""
    return isinstance(into, _Postgres)


@contextmanager
def target(url: str, memory: str = "1GB") -> Iterator[Target]:
    """Opens `postgresql://…` or a DuckDB file and begins a transaction; commits at the end, rolls back on an error. `memory` is what DuckDB may take."""
    if url.startswith(("postgresql://", "postgres://")):
        with _postgres(url) as opened:
            yield opened
    else:
        with _duckdb(Path(url.removeprefix("duckdb:///").removeprefix("duckdb://")), memory) as opened:
            yield opened


def write(into: Target, table: TableContract, rows: Any, as_of: Any, language: str) -> int:
    """Writes one table of the night; `rows` is a reader of Arrow batches with the contract's columns. Answers how many rows it wrote."""
    _create(into, table, language)
    names = [column.name for column in table.columns]
    if table.name not in SLICES:
        newest = into.first(f"SELECT max(as_of) FROM {table.name}") if "as_of" in names else None
        if newest is not None and newest > as_of:
            logger.info("%s holds a later night (%s); left as it is", table.name, newest)
            return 0
        into.run(f"DELETE FROM {table.name}")
        into.fill(table.name, names, rows)
        return int(into.first(f"SELECT count(*) FROM {table.name}"))
    slices = ", ".join(SLICES[table.name])
    same = " AND ".join(f"old.{name} = new.{name}" for name in SLICES[table.name])
    into.run(f"CREATE TEMPORARY TABLE incoming AS SELECT * FROM {table.name} WHERE 1 = 0")
    into.fill("incoming", names, rows)
    into.run(
        f"DELETE FROM incoming AS new WHERE EXISTS (SELECT 1 FROM {table.name} AS old WHERE {same} AND old.as_of > new.as_of)"
    )
    into.run(
        f"DELETE FROM {table.name} AS old WHERE EXISTS (SELECT 1 FROM (SELECT DISTINCT {slices} FROM incoming) AS new WHERE {same})"
    )
    quoted = ", ".join(f'"{name}"' for name in names)
    into.run(f"INSERT INTO {table.name} ({quoted}) SELECT {quoted} FROM incoming ORDER BY {', '.join(table.key)}")
    written = int(into.first("SELECT count(*) FROM incoming"))
    into.run("DROP TABLE incoming")
    return written


def forget(into: Target, retention: Mapping[str, int | None], hr_sees: Callable[[str, str], bool]) -> None:
    """Removes values that HR may no longer see under the present policy, and rows older than the retention of their grain.

    Age is counted back from the newest night in the table; None keeps for ever.
    """
    for indicator, grain in into.all("SELECT DISTINCT indicator_id, grain FROM indicator_values"):
        if not hr_sees(indicator, grain):
            into.run("DELETE FROM indicator_values WHERE indicator_id = ? AND grain = ?", indicator, grain)
    newest = into.first("SELECT max(as_of) FROM indicator_values")
    if newest is not None:
        for grain, days in retention.items():
            if days is not None:
                into.run(_OUTDATED.format("DELETE"), grain, newest - timedelta(days=days))


_OUTDATED = "{} FROM indicator_values WHERE grain = ? AND period_end < ?"


def forget_before(into: Target, ends: Mapping[str, date], *, dry_run: bool = False) -> int:
    """Removes rows whose period ended before the date of their grain, or only counts them; a database never published to holds none."""
    if not into.columns("indicator_values"):
        return 0
    rows = 0
    for grain, end in ends.items():
        rows += int(into.first(_OUTDATED.format("SELECT count(*)"), grain, end))
        if not dry_run:
            into.run(_OUTDATED.format("DELETE"), grain, end)
    return rows


def _create(into: Target, table: TableContract, language: str) -> None:
    """Makes the table, or makes it anew or wider when the contract or the policy changed its columns; then comments on everything."""
    wanted = [column.name for column in table.columns]
    present = into.columns(table.name)
    if present and present != wanted:
        if table.name not in SLICES:
            into.run(f"DROP TABLE {table.name}")  # holds one night only, which is being written now
            present = []
        else:
            for column in table.columns:
                if column.name not in present:
                    into.run(f'ALTER TABLE {table.name} ADD COLUMN "{column.name}" {into.types[column.type]}')
    if not present:
        columns = ", ".join(f'"{column.name}" {into.types[column.type]}' for column in table.columns)
        into.run(f"CREATE TABLE {table.name} ({columns})")
    into.run(f"COMMENT ON TABLE {table.name} IS {_literal(table.comments[language])}")
    for column in table.columns:
        into.run(f'COMMENT ON COLUMN {table.name}."{column.name}" IS {_literal(column.comments[language])}')


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


# --------------------------------------------------------------------------------------------------------------------- DuckDB
class _DuckDb:
    types = _DUCKDB

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def run(self, sql: str, *parameters: Any) -> None:
        self.connection.execute(sql, list(parameters))

    def first(self, sql: str, *parameters: Any) -> Any:
        rows = self.connection.execute(sql, list(parameters)).fetchall()
        return rows[0][0] if rows else None

    def all(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return list(self.connection.execute(sql, list(parameters)).fetchall())

    def columns(self, table: str) -> list[str]:
        found = self.connection.execute(
            "SELECT column_name FROM duckdb_columns() WHERE table_name = ? AND NOT internal ORDER BY column_index",
            [table],
        )
        return [row[0] for row in found.fetchall()]

    def fill(self, table: str, names: list[str], rows: Any) -> None:
        quoted = ", ".join(f'"{name}"' for name in names)
        self.connection.register("filling", rows)
        self.connection.execute(f"INSERT INTO {table} ({quoted}) SELECT {quoted} FROM filling")
        self.connection.unregister("filling")

    def attempt(self, sql: str) -> bool:
        self.connection.execute(sql)
        return True


@contextmanager
def _duckdb(path: Path, memory: str) -> Iterator[_DuckDb]:
    import duckdb

    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        if not path.exists():
            # whole or not at all: one that a full disk cut short could never be opened again
            begun = path.with_suffix(".begun")
            begun.unlink(missing_ok=True)
            duckdb.connect(str(begun)).close()
            begun.replace(path)
        connection = duckdb.connect(str(path), config={"memory_limit": memory})
    except duckdb.IOException as error:
        raise Unreachable(
            f"{path} cannot be opened, another program may have it open or the disk may be full: {str(error).splitlines()[0]}"
        ) from error
    try:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("BEGIN")
        yield _DuckDb(connection)
        connection.execute("COMMIT")
    finally:
        connection.close()  # an open transaction is rolled back


# ----------------------------------------------------------------------------------------------------------------- PostgreSQL
class _Postgres:
    types = _POSTGRES

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def run(self, sql: str, *parameters: Any) -> None:
        self.connection.execute(sql.replace("?", "%s") if parameters else sql, parameters or None)

    def first(self, sql: str, *parameters: Any) -> Any:
        row = self.connection.execute(sql.replace("?", "%s") if parameters else sql, parameters or None).fetchone()
        return row[0] if row else None

    def all(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return list(
            self.connection.execute(sql.replace("?", "%s") if parameters else sql, parameters or None).fetchall()
        )

    def columns(self, table: str) -> list[str]:
        found = self.connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            (table,),
        )
        return [row[0] for row in found.fetchall()]

    def fill(self, table: str, names: list[str], rows: Any) -> None:
        """By COPY, a batch at a time as CSV that Arrow writes: far quicker than inserts, and memory stays flat."""
        from pyarrow import BufferOutputStream, csv

        quoted = ", ".join(f'"{name}"' for name in names)
        options = csv.WriteOptions(include_header=False, quoting_style="needed")
        with self.connection.cursor().copy(f"COPY {table} ({quoted}) FROM STDIN (FORMAT csv, NULL '')") as copy:
            for batch in rows:
                written = BufferOutputStream()
                csv.write_csv(batch.select(names), written, options)
                copy.write(written.getvalue().to_pybytes())

    def attempt(self, sql: str) -> bool:
        import psycopg

        try:
            with self.connection.transaction():  # a savepoint: the failure must not undo the night
                self.connection.execute(sql)
        except psycopg.errors.InsufficientPrivilege:
            return False
        return True


@contextmanager
def _postgres(url: str) -> Iterator[_Postgres]:
    try:
        import psycopg
    except ImportError as error:
        raise ConfigurationError("the HR database is PostgreSQL; install leerstroom[postgres]") from error
    try:
        connection = psycopg.connect(url, connect_timeout=10)
    except psycopg.OperationalError as error:
        raise Unreachable(
            "the HR database on PostgreSQL does not answer or refuses the login; check LEERSTROOM's database setting"
        ) from error
    with connection:  # commits, or rolls back on an error
        connection.execute("SET LOCAL TIME ZONE 'UTC'")
        connection.execute(
            "SELECT pg_advisory_xact_lock(hashtext('leerstroom hr tables'))"
        )  # two nights wait for each other
        yield _Postgres(connection)
