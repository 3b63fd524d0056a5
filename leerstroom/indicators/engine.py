"""Where a computation takes place: DuckDB by default, PostgreSQL or Spark, all through Ibis, with tables that vanish afterwards.

A *workspace* takes small Arrow tables in (`give`), keeps intermediate results (`keep`), and hands results out as Arrow.
Everything between is one Ibis expression for all engines: integers for times and durations, no list columns.
"""

import tempfile
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from leerstroom.errors import ConfigurationError

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

STATEMENT_COLUMNS = (
    "statement_id", "ts_ms", "actor", "verb", "object_type", "object_id", "activity_type", "duration_ms", "score", "success",
    "completion", "registration", "parent_id", "grouping_id", "source_kind", "channel_kind", "actor_role", "initiator", "device",
    "mandatory", "due_day", "scheduled_minutes", "group_size",
)  # fmt: skip

# A raw score counts only with its maximum; the minimum is taken off where there is one (xAPI 1.0.3 part two, 2.4.5.1).
_STATEMENTS = """
    SELECT statement_id, epoch_ms("timestamp") AS ts_ms, actor, verb, object_type, object_id, activity_type, duration_ms,
           coalesce(score_scaled, CASE WHEN score_max > coalesce(score_min, 0)
                                       THEN (score_raw - coalesce(score_min, 0)) / (score_max - coalesce(score_min, 0)) END) AS score,
           success, completion, registration, parent_id, grouping_id, source_kind, channel_kind, actor_role, initiator, device,
           mandatory, CAST(due - DATE '1970-01-01' AS INTEGER) AS due_day, scheduled_minutes, group_size
    FROM {source} WHERE "timestamp" IS NOT NULL
"""
_MOST_STEPS = 1000
_MENTIONS = "SELECT statement_id, unnest(mentions) AS mentioned FROM {source} WHERE len(mentions) > 0"


class Workspace:
    """Tables of one computation on one engine. Use it in a `with` block, or call `close`."""

    def __init__(self, engine: str = "duckdb", *, memory_limit: str | None = None, threads: int | None = None) -> None:
        self.engine = _name(engine)
        self._folder = tempfile.TemporaryDirectory(prefix="leerstroom-indicators-")
        self._names: set[str] = set()
        self._steps: ir.Table | None = None
        self._con, self._reader = _open(engine, Path(self._folder.name), memory_limit, threads)

    def __enter__(self) -> "Workspace":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Drops everything."""
        if self.engine != "duckdb":
            for name in self._names:
                self._con.drop_table(name, force=True)
        self._con.disconnect()
        if self._reader is not None:
            self._reader.close()
        self._folder.cleanup()

    # --- tables -------------------------------------------------------------------------------------------------------------

    def statements(self, source: "pa.Table | Sequence[str | Path]") -> "tuple[ir.Table, ir.Table]":
        """The statements (MIRROR_SCHEMA, Arrow or parquet files) as `STATEMENT_COLUMNS`, and their mentions one a row."""
        reader = self._reader if self._reader is not None else self._con.con
        if isinstance(source, Sequence):
            names = ", ".join("'" + str(each).replace("'", "''") + "'" for each in source)
            relation = f"read_parquet([{names}], union_by_name = true, hive_partitioning = false)"
        else:
            reader.register(
                "given_statements", source.drop_columns(["raw"]) if "raw" in source.column_names else source
            )
            relation = "given_statements"
        queries = {"statements": _STATEMENTS.format(source=relation), "mentions": _MENTIONS.format(source=relation)}
        if self.engine == "duckdb":
            for name, query in queries.items():
                reader.execute(f"CREATE VIEW {name} AS {query}")
            return self._con.table("statements"), self._con.table("mentions")
        first, second = (self.give(name, reader.execute(query).to_arrow_table()) for name, query in queries.items())
        return first, second

    def give(self, name: str, table: "pa.Table") -> "ir.Table":
        """A table of ours on the engine."""
        self._names.add(name)
        if self.engine == "duckdb":
            self._con.con.register("given", table)
            self._con.con.execute(f'CREATE OR REPLACE TABLE "{name}" AS SELECT * FROM given')
            self._con.con.unregister("given")
            return self._con.table(name)
        if self.engine == "postgres":
            return self._copy(name, table)
        path = Path(self._folder.name) / f"{name}-{uuid.uuid4().hex}.parquet"
        import pyarrow.parquet as pq

        pq.write_table(table, path)
        return self._con.read_parquet(str(path), table_name=name)

    def keep(self, name: str, expression: "ir.Table") -> "ir.Table":
        """The result of the expression as a table that later expressions read instead of computing it again."""
        import ibis

        self._names.add(name)
        if self.engine == "pyspark":
            path = str(Path(self._folder.name) / f"{name}-{uuid.uuid4().hex}")
            self._con.to_parquet(expression, path)
            return self._con.read_parquet(path, table_name=name)
        temporary = "" if self.engine == "duckdb" else "TEMPORARY "
        self.run(f'DROP TABLE IF EXISTS "{name}"')
        # sums of integers widen (HUGEINT, NUMERIC) where Ibis still says int64: the table gets the types of the expression
        columns = ", ".join(_as_declared(column, str(kind)) for column, kind in expression.schema().items())
        query = ibis.to_sql(expression, dialect=self.engine)
        self.run(f'CREATE {temporary}TABLE "{name}" AS SELECT {columns} FROM ({query}) AS "result"')
        if self.engine == "postgres":
            self.run(f'ANALYZE "{name}"')
        return self._con.table(name)

    def view(self, name: str, expression: "ir.Table") -> "ir.Table":
        """A name for the expression: computed where it is used, translated to SQL once."""
        import ibis

        if self.engine == "pyspark":
            return self._con.create_view(name, expression, overwrite=True)
        temporary = "" if self.engine == "duckdb" else "TEMPORARY "
        self.run(f'CREATE OR REPLACE {temporary}VIEW "{name}" AS {ibis.to_sql(expression, dialect=self.engine)}')
        return self._con.table(name)

    def stacked(
        self, name: str, parts: "Sequence[tuple[Mapping[str, int], ir.Table]]", columns: Sequence[str]
    ) -> "ir.Table":
        """A view of all rows of kept tables, each with whole numbers of its own before its columns.

        Written as text: a hundred parts as one expression take longer to translate than to compute.
        """
        listed = ", ".join(f'"{column}"' for column in columns)
        selects = []
        for numbers, table in parts:
            own = ", ".join(
                f"CAST({number} AS INTEGER) AS {_quoted(column, self.engine)}" for column, number in numbers.items()
            )
            selects.append(f'SELECT {own}, {listed} FROM "{table.get_name()}"')
        query = " UNION ALL ".join(selects)
        if self.engine == "pyspark":
            query = query.replace('"', "`")
        temporary = "" if self.engine == "duckdb" else "TEMPORARY "
        self.run(f"CREATE OR REPLACE {temporary}VIEW {_quoted(name, self.engine)} AS {query}")
        return self._con.table(name)

    def run(self, sql: str) -> None:
        """One statement of SQL without result."""
        if self.engine == "duckdb":
            self._con.con.execute(sql)
        else:
            self._con.raw_sql(sql).close()

    def arrow(self, expression: "ir.Table") -> "pa.Table":
        """The rows of the expression."""
        return expression.to_pyarrow()

    def rows(self, expression: "ir.Table") -> list[dict[str, Any]]:
        """The rows of a small result as dictionaries."""
        return list(self.arrow(expression).to_pylist())

    def steps(self, count: int) -> "ir.Table":
        """step: 0 to count - 1."""
        if self._steps is None:
            import pyarrow as pa

            self._steps = self.give("steps", pa.table({"step": pa.array(range(_MOST_STEPS), pa.int32())}))
        return self._steps.filter(self._steps.step < min(count, _MOST_STEPS))

    @property
    def duckdb(self) -> Any:
        """The DuckDB connection beneath; only on that engine."""
        return self._con.con

    def _copy(self, name: str, table: "pa.Table") -> "ir.Table":
        import io

        from pyarrow import csv

        columns = ", ".join(f'"{field.name}" {_postgres_type(field.type)}' for field in table.schema)
        self.run(f'DROP TABLE IF EXISTS "{name}"')
        self.run(f'CREATE TEMPORARY TABLE "{name}" ({columns})')
        if table.num_rows:
            buffer = io.BytesIO()
            csv.write_csv(table, buffer, csv.WriteOptions(include_header=False))
            with self._con.con.cursor() as cursor, cursor.copy(f'COPY "{name}" FROM STDIN (FORMAT csv)') as copy:
                copy.write(buffer.getvalue())
        self.run(f'ANALYZE "{name}"')
        return self._con.table(name)


def union(tables: "Iterable[ir.Table]") -> "ir.Table":
    """All rows of tables with the same columns."""
    import ibis

    many = list(tables)
    return many[0] if len(many) == 1 else ibis.union(*many, distinct=False)


def _name(engine: str) -> str:
    return (
        "postgres"
        if engine.startswith(("postgres://", "postgresql://"))
        else "pyspark"
        if engine == "spark"
        else engine
    )


def _open(engine: str, folder: Path, memory_limit: str | None, threads: int | None) -> tuple[Any, Any]:
    """The Ibis connection, and a DuckDB connection that reads files where the engine is another one."""
    import duckdb
    import ibis

    if engine == "duckdb":
        # a file, not memory: columns are compressed and may exceed the limit
        options: dict[str, Any] = {"temp_directory": str(folder), "preserve_insertion_order": False}
        if memory_limit:
            options["memory_limit"] = memory_limit
        if threads:
            options["threads"] = threads
        return ibis.duckdb.connect(folder / "work.duckdb", **options), None
    if _name(engine) == "postgres":
        return ibis.connect(engine), duckdb.connect()
    if _name(engine) == "pyspark":
        from pyspark.sql import SparkSession

        session = (
            SparkSession.builder
            .config("spark.ui.enabled", "false")
            .config("spark.sql.session.timeZone", "UTC")
            .config("spark.sql.shuffle.partitions", "8")
            .getOrCreate()
        )
        return ibis.pyspark.connect(session), duckdb.connect()
    raise ConfigurationError(f"unknown engine {engine}; choose duckdb, a postgresql:// URL, or pyspark")


def _quoted(name: str, engine: str) -> str:
    return f"`{name}`" if engine == "pyspark" else f'"{name}"'


_DECLARED = {
    "int8": "SMALLINT",
    "int16": "SMALLINT",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "float64": "DOUBLE PRECISION",
}


def _as_declared(column: str, kind: str) -> str:
    name = '"' + column.replace('"', '""') + '"'
    declared = _DECLARED.get(kind.removeprefix("!"))
    return f"CAST({name} AS {declared}) AS {name}" if declared else name


_POSTGRES = {
    "string": "text",
    "int64": "bigint",
    "int32": "integer",
    "int16": "smallint",
    "double": "double precision",
    "bool": "boolean",
    "date32[day]": "date",
}


def _postgres_type(kind: Any) -> str:
    name = str(kind).replace("large_string", "string")
    return _POSTGRES[name]
