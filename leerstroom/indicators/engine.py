"""Where a computation takes place: DuckDB by default, PostgreSQL or Spark, all through Ibis, with tables that vanish afterwards.

A *workspace* takes small Arrow tables in (`give`), keeps intermediate results (`keep`), and hands results out as Arrow.
Everything between is one Ibis expression for all engines: integers for times and durations, no list columns.
"""

import tempfile
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from leerstroom.errors import ConfigurationError
from leerstroom.indicators.background import Background
from leerstroom.memory import kept

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

AT_ONCE = 2  # tables that DuckDB makes at the same time
# A raw score counts only with its maximum; the minimum is taken off where there is one (xAPI 1.0.3 part two, 2.4.5.1).
_STATEMENTS = """
    SELECT statement_id, epoch_ms("timestamp") AS ts_ms, actor, verb, object_type, object_id, activity_type, duration_ms,
           CAST(coalesce(score_scaled, CASE WHEN score_max > coalesce(score_min, 0)
                                       THEN (score_raw - coalesce(score_min, 0)) / (score_max - coalesce(score_min, 0)) END) AS DOUBLE) AS score,
           success, completion, registration, parent_id, grouping_id, source_kind, channel_kind, actor_role, initiator, device,
           mandatory, CAST(due - DATE '1970-01-01' AS INTEGER) AS due_day, CAST(scheduled_minutes AS DOUBLE) AS scheduled_minutes, group_size,
           CAST({basis} IS NOT NULL AS INTEGER) AS is_off_clock
    FROM {source} WHERE {condition}
"""
_MOST_STEPS = 1000
_MENTIONS = "SELECT statement_id, unnest(mentions) AS mentioned FROM {source} WHERE len(mentions) > 0 AND {recent}"


class Workspace:
    """Tables of one computation on one engine. Use it in a `with` block, or call `close`."""

    def __init__(self, engine: str = "duckdb", *, memory_limit: str | None = None, threads: int | None = None) -> None:
        self.engine = _name(engine)
        self._folder = tempfile.TemporaryDirectory(prefix="leerstroom-indicators-")
        self._steps: ir.Table | None = None
        self._con = _open(engine, Path(self._folder.name), memory_limit, threads)
        self._reader = self._con if self.engine == "duckdb" else _reader()
        # connections of PostgreSQL and Spark do one thing after another
        self._background = Background(self._con, AT_ONCE if self.engine == "duckdb" else 0)

    def __enter__(self) -> "Workspace":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Drops everything. Tables of PostgreSQL are temporary and go with the connection, those of Spark with the session that nobody holds any more."""
        self._background.close()
        if self.engine != "duckdb":
            self._reader.close()
        if self.engine != "pyspark":
            self._con.close()
        self._folder.cleanup()

    # --- tables -------------------------------------------------------------------------------------------------------------

    def statements(
        self, source: "pa.Table | Sequence[str | Path]", since: datetime, lasting: Iterable[str]
    ) -> "tuple[ir.Table, ir.Table]":
        """The statements (MIRROR_SCHEMA, Arrow or parquet files) in the columns of `_STATEMENTS`, and their mentions one a row.

        Of what happened before `since` only what is looked back for: the verbs of `lasting`, completions, and what is due. So a night costs
        what its windows hold, however many years the mirror has.
        """
        reader = self._reader
        if isinstance(source, Sequence) and source:
            names = [str(each) for each in source]
            _reach(reader, names)
            listed = ", ".join("'" + name.replace("'", "''") + "'" for name in names)
            relation = f"read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"
        else:
            from leerstroom.mirror.columns import to_table

            given = to_table([]) if isinstance(source, Sequence) else _without_repetition(source)
            reader.register("given_statements", given)
            self._background.register("given_statements", given)
            relation = "given_statements"
        recent = f"\"timestamp\" >= TIMESTAMPTZ '{since.isoformat()}'"
        verbs = ", ".join(f"'{verb}'" for verb in sorted(lasting))
        earlier = f"\"timestamp\" < TIMESTAMPTZ '{since.isoformat()}' AND (verb IN ({verbs}) OR completion OR (mandatory AND due IS NOT NULL))"
        # files that are older than the column lack it
        is_there = "duration_basis" in reader.sql(f"SELECT * FROM {relation} LIMIT 0").columns
        basis = "duration_basis" if is_there else "NULL"
        parts = [_STATEMENTS.format(source=relation, condition=each, basis=basis) for each in (recent, earlier)]
        queries = {
            "statements": " UNION ALL ".join(parts),
            "mentions": _MENTIONS.format(source=relation, recent=recent),
        }
        if self.engine == "duckdb":
            for name, query in queries.items():
                reader.execute(f"CREATE VIEW {name} AS {query}")
            return _table("statements", _types(reader, queries["statements"])), _table(
                "mentions", _types(reader, queries["mentions"])
            )
        first, second = (self.give(name, reader.sql(query).to_arrow_table()) for name, query in queries.items())
        return first, second

    def give(self, name: str, table: "pa.Table") -> "ir.Table":
        """A table of ours on the engine."""
        import ibis

        schema = ibis.Schema.from_pyarrow(table.schema)
        if self.engine == "duckdb":
            self._background.wait([name])
            self._con.register("given", table)
            self._con.execute(f'CREATE OR REPLACE TABLE "{name}" AS SELECT * FROM given')
            self._con.unregister("given")
        elif self.engine == "postgres":
            self._copy(name, table)
        else:
            import pyarrow.parquet as pq

            path = str(Path(self._folder.name) / f"{name}-{uuid.uuid4().hex}.parquet")
            pq.write_table(table, path)
            self._con.read.parquet(path).createOrReplaceTempView(name)
        return _table(name, schema)

    def keep(self, name: str, expression: "ir.Table") -> "ir.Table":
        """The result of the expression as a table that later expressions read instead of computing it again."""
        schema = expression.schema()
        # sums of integers widen (HUGEINT, NUMERIC) where Ibis still says int64: the table gets the types of the expression
        columns = ", ".join(_as_declared(column, str(kind), self.engine) for column, kind in schema.items())
        query = f"SELECT {columns} FROM ({self.sql(expression)}) AS {_quoted('result', self.engine)}"
        if self.engine == "pyspark":
            # where it was computed: executors share no folder, and hundreds of small files would each be written, listed and read for their schema
            self._con.sql(query).localCheckpoint().createOrReplaceTempView(name)
        elif self.engine == "duckdb":
            self._background.start(name, f'CREATE OR REPLACE TABLE "{name}" AS {query}', _reads(expression))
        else:
            self.run(f'DROP TABLE IF EXISTS "{name}"')
            self.run(f'CREATE TEMPORARY TABLE "{name}" AS {query}')
            self.run(f'ANALYZE "{name}"')
        return _table(name, schema)

    def without(self, table: "ir.Table", gone: "ir.Table", column: str) -> "ir.Table":
        """A kept table without the rows whose `column` stands in `gone` too.

        They are deleted where they lie: few of ten million rows cost next to nothing, writing the others again a tenth of a night.
        Spark, whose tables do not change, keeps the others again.
        """
        name = table.get_name()
        if self.engine == "pyspark":
            return self.keep(f"{name}_left", table.anti_join(gone, column))
        self.run(f'DELETE FROM "{name}" WHERE "{column}" IN (SELECT "{column}" FROM ({self.sql(gone)}) AS "gone")')
        return table

    def view(self, name: str, expression: "ir.Table") -> "ir.Table":
        """A name for the expression: computed where it is used, translated to SQL once."""
        self._create_view(name, self.sql(expression), _reads(expression))
        return _table(name, expression.schema())

    def stacked(
        self, name: str, parts: "Sequence[tuple[Mapping[str, int], ir.Table]]", columns: Sequence[str]
    ) -> "ir.Table":
        """A view of all rows of kept tables, each with whole numbers of its own before its columns.

        Written as text: a hundred parts as one expression take longer to translate than to compute.
        """
        import ibis

        listed = ", ".join(_quoted(column, self.engine) for column in columns)
        selects = []
        for numbers, table in parts:
            own = "".join(
                f"CAST({number} AS INTEGER) AS {_quoted(column, self.engine)}, " for column, number in numbers.items()
            )
            selects.append(f"SELECT {own}{listed} FROM {_quoted(table.get_name(), self.engine)}")
        self._create_view(name, " UNION ALL ".join(selects), [table.get_name() for _, table in parts])
        numbers, first = parts[0]
        schema = dict.fromkeys(numbers, "int32") | {column: first.schema()[column] for column in columns}
        return _table(name, ibis.schema(schema))

    def sql(self, expression: "ir.Table") -> str:
        """The expression in the engine's SQL. Remembered: tables are known by name, so the same expression is the same text."""
        return _translated(expression.op(), self.engine)

    def run(self, sql: str) -> None:
        """One statement of SQL without result, after everything that was begun."""
        if self.engine == "duckdb":
            self._background.wait()
            self._con.execute(sql)
        elif self.engine == "postgres":
            with self._con.cursor() as cursor:
                cursor.execute(sql)
        else:
            self._con.sql(sql)

    def arrow(self, expression: "ir.Table") -> "pa.Table":
        """The rows of the expression."""
        import pyarrow as pa

        schema = expression.schema().to_pyarrow()
        sql = self.sql(expression)
        if self.engine == "duckdb":
            self._background.wait(_reads(expression))
            return self._con.sql(sql).to_arrow_table().cast(schema)
        if self.engine == "pyspark":
            return self._con.sql(sql).toArrow().cast(schema)
        with self._con.cursor() as cursor:
            rows = cursor.execute(sql).fetchall()
        columns = list(zip(*rows, strict=True)) if rows else [() for _ in schema]
        return pa.Table.from_arrays(
            [pa.array(list(column), kind.type) for column, kind in zip(columns, schema, strict=True)], schema=schema
        )

    def rows(self, expression: "ir.Table") -> list[dict[str, Any]]:
        """The rows of a small result as dictionaries."""
        return list(self.arrow(expression).to_pylist())

    def steps(self, count: int) -> "ir.Table":
        """step: 0 to count - 1."""
        if self._steps is None:
            import pyarrow as pa

            self._steps = self.give("steps", pa.table({"step": pa.array(range(_MOST_STEPS), pa.int32())}))
        return self._steps.filter(self._steps.step < min(count, _MOST_STEPS))

    def _create_view(self, name: str, query: str, reads: Collection[str]) -> None:
        if self.engine == "pyspark":
            self._con.sql(query).createOrReplaceTempView(name)
        elif self.engine == "duckdb":
            self._background.start(name, f'CREATE OR REPLACE VIEW "{name}" AS {query}', reads)
        else:
            self.run(f'CREATE OR REPLACE TEMPORARY VIEW "{name}" AS {query}')

    def _copy(self, name: str, table: "pa.Table") -> None:
        import io

        from pyarrow import csv

        columns = ", ".join(f'"{field.name}" {_postgres_type(field.type)}' for field in table.schema)
        self.run(f'DROP TABLE IF EXISTS "{name}"')
        self.run(f'CREATE TEMPORARY TABLE "{name}" ({columns})')
        if table.num_rows:
            buffer = io.BytesIO()
            csv.write_csv(table, buffer, csv.WriteOptions(include_header=False))
            with self._con.cursor() as cursor, cursor.copy(f'COPY "{name}" FROM STDIN (FORMAT csv)') as copy:
                copy.write(buffer.getvalue())
        self.run(f'ANALYZE "{name}"')


def union(tables: "Iterable[ir.Table]") -> "ir.Table":
    """All rows of tables with the same columns."""
    import ibis

    many = list(tables)
    return many[0] if len(many) == 1 else ibis.union(*many, distinct=False)


def _reads(expression: "ir.Table") -> set[str]:
    """The names of the tables and views that an expression reads."""
    from ibis.expr.operations import UnboundTable

    return {each.name for each in expression.op().find(UnboundTable)}


def _name(engine: str) -> str:
    return (
        "postgres"
        if engine.startswith(("postgres://", "postgresql://"))
        else "pyspark"
        if engine == "spark"
        else engine
    )


def _open(engine: str, folder: Path, memory_limit: str | None, threads: int | None) -> Any:
    """A connection of the engine's own library; Ibis only writes the SQL."""
    if engine == "duckdb":
        # a file, not memory: tables may exceed the limit
        options: dict[str, Any] = {"temp_directory": str(folder), "preserve_insertion_order": False}
        if memory_limit:
            options |= {"memory_limit": memory_limit, "block_allocator_memory": kept(memory_limit)}
        if threads:
            options["threads"] = threads
        connection = _reader(folder / "work.duckdb", options)
        # each table is read a few times and thrown away: finding how to compress it took an eighth of a night
        connection.execute("SET force_compression = 'uncompressed'")
        connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        return connection
    if _name(engine) == "postgres":
        import psycopg

        connection = psycopg.connect(engine, autocommit=True)
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET client_min_messages = warning")
        # What a derived table holds is guessed at one row too often: loops over "one" row ran for minutes, a hash join for a second.
        connection.execute("SET enable_nestloop = off")
        connection.execute("SET jit = off")
        connection.execute("SET work_mem = '128MB'")
        return connection
    if _name(engine) == "pyspark":
        return _spark_session()
    raise ConfigurationError(f"unknown engine {engine}; choose duckdb, a postgresql:// URL, or pyspark")


def _spark_session() -> Any:
    """A session of our own, in UTC and with its own tables, in the Spark of this process; that is started where there is none.

    What spark-defaults.conf, spark-submit or the session of this process say counts. Ours is for one machine about which nobody said anything: two
    hundred partitions, as a cluster has, would be two hundred tasks for a few rows.
    """
    from importlib import import_module

    pyspark, sql = import_module("pyspark"), import_module("pyspark.sql")  # by name: an extra
    pyspark.SparkContext._ensure_initialized()  # noqa: SLF001 - only then does a SparkConf hold what spark-defaults.conf says
    conf = pyspark.SparkConf().setIfMissing("spark.ui.enabled", "false")
    if conf.get("spark.master", "local").startswith("local"):
        conf.setIfMissing("spark.driver.host", "127.0.0.1")  # else it listens where others can reach it
    context = pyspark.SparkContext.getOrCreate(conf)
    shared = sql.SparkSession.builder.getOrCreate()
    session = shared.newSession()
    ours = (
        {"spark.sql.shuffle.partitions": str(context.defaultParallelism)} if context.master.startswith("local") else {}
    )
    for name, value in {**ours, **shared.conf.getAll, "spark.sql.session.timeZone": "UTC"}.items():
        if session.conf.isModifiable(name):
            session.conf.set(name, value)
    return session


def _reader(path: Path | str = ":memory:", options: Mapping[str, Any] | None = None) -> Any:
    import duckdb

    connection = duckdb.connect(str(path), config=dict(options or {}))
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _without_repetition(table: "pa.Table") -> "pa.Table":
    """The statements of a table, each once: unlike the mirror, a table may hold one twice."""
    import pyarrow.compute as pc

    slim = table.drop_columns(["raw"]) if "raw" in table.column_names else table
    if pc.count_distinct(slim["statement_id"]).as_py() == slim.num_rows:
        return slim
    first: dict[str, int] = {}
    for number, identity in enumerate(slim["statement_id"].to_pylist()):
        first.setdefault(identity, number)
    return slim.take(list(first.values()))


def _reach(reader: Any, names: Sequence[str]) -> None:
    """Lets DuckDB read object storage through fsspec, as the rest of the engine does."""
    protocols = {name.split("://", 1)[0] for name in names if "://" in name} - {"file"}
    if protocols:
        import fsspec

        for protocol in protocols:
            reader.register_filesystem(fsspec.filesystem(protocol))


def _types(reader: Any, query: str) -> Any:
    import ibis

    return ibis.Schema.from_pyarrow(reader.sql(f"SELECT * FROM ({query}) LIMIT 0").to_arrow_table().schema)


@lru_cache(maxsize=4096)
def _translated(operation: Any, engine: str) -> str:
    """SQL by the compiler of Ibis itself.

    Queries stay nested as they were written: fusing them took a third of the time to translate, and engines do it anyway.
    """
    import ibis
    from ibis.backends.sql import compilers

    if engine == "pyspark":
        _ = ibis.pyspark  # its options exist only once it was named
    compiler = getattr(compilers, engine).compiler
    fuses = ibis.options.sql.fuse_selects
    ibis.options.sql.fuse_selects = False
    try:
        return str(compiler.to_sqlglot(operation.to_expr()).sql(dialect=compiler.dialect))
    finally:
        ibis.options.sql.fuse_selects = fuses


def _table(name: str, schema: Any) -> "ir.Table":
    import ibis

    return ibis.table(schema, name=name)


def _quoted(name: str, engine: str) -> str:
    return f"`{name}`" if engine == "pyspark" else f'"{name}"'


_DECLARED = {
    "int8": "SMALLINT",
    "int16": "SMALLINT",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "float64": "DOUBLE PRECISION",
}


def _as_declared(column: str, kind: str, engine: str) -> str:
    name = _quoted(column, engine)
    declared = _DECLARED.get(kind.removeprefix("!"))
    if declared is None:
        return name
    return f"CAST({name} AS {'DOUBLE' if engine == 'pyspark' and kind == 'float64' else declared}) AS {name}"


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
