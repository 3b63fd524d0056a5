"""Everything that one night publishes, side by side in one temporary DuckDB: values, employees, coverage, definitions.

Tables of the workbench: `v` (every indicator value, with `base`, the id without its category, and `days`, the length of its period),
`published` (the rows of `v` that HR may see, with suppressed ones emptied), `employees` (in service on the as-of date), `coverage`, `definitions`.
Tables are joined in SQL and leave as Arrow, so 50,000 employees are no list of Python objects.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from leerstroom.errors import ConfigurationError
from leerstroom.memory import limit
from leerstroom.people import Directory
from leerstroom.publishing.contract import Contract, contract
from leerstroom.publishing.definitions import base_id, indicator_texts
from leerstroom.publishing.disclosure import Disclosure

VALUE_COLUMNS = {
    "indicator_id": "VARCHAR",
    "grain": "VARCHAR",
    "subject": "VARCHAR",
    "period_start": "DATE",
    "period_end": "DATE",
    "value": "DOUBLE",
    "status": "VARCHAR",
    "numerator": "DOUBLE",
    "denominator": "DOUBLE",
}
LATER_COLUMNS = {
    "as_of": "DATE",
    "computed_at": "TIMESTAMPTZ",
    "rules_version": "VARCHAR",
    "estimated_share": "DOUBLE",
}  # a plain CSV of indicators has only the first nine; these may be absent


@dataclass(frozen=True, slots=True)
class Edition:
    """What identifies one publication, apart from the values."""

    as_of: date
    organisation: str
    computed_at: datetime | None
    community_names: Mapping[str, str]


class Night:
    """The opened workbench; `connection` is its DuckDB connection."""

    def __init__(self, connection: Any, edition: Edition, disclosure: Disclosure) -> None:
        self.connection = connection
        self.edition = edition
        self.disclosure = disclosure
        self.contract: Contract = contract()

    @property
    def as_of(self) -> date:
        """The night that is published."""
        return self.edition.as_of

    @property
    def memory(self) -> str:
        """What DuckDB may take for a night of so many values."""
        return str(self.scalar("SELECT current_setting('memory_limit')"))

    def rows(self, sql: str, *parameters: Any, **named: Any) -> list[dict[str, Any]]:
        """The answer of a query as dictionaries, for small answers; parameters fill `?`, or `$name`."""
        cursor = self.connection.execute(sql, named or list(parameters))
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def scalar(self, sql: str, *parameters: Any) -> Any:
        """The first field of the first row, or None."""
        rows = self.connection.execute(
            sql, list(parameters)
        ).fetchall()  # a result that is not read to its end blocks the next query
        return rows[0][0] if rows else None


@contextmanager
def open_night(
    values: Any, directory: Directory, coverage: Any, edition: Edition, disclosure: Disclosure
) -> Iterator[Night]:
    """Loads the inputs.

    `values` and `coverage` are an Arrow table or the path or address of a Parquet or CSV file; `coverage` may also be the ledger's list of
    (day, source kind, status).
    Raises ConfigurationError when a column is missing, when no value ends on the as-of date, or when a key occurs twice.
    """
    import duckdb

    # A file that goes when the night is published: 50,000 employees are twelve million values, more than should lie in memory.
    with TemporaryDirectory(prefix="leerstroom-night-") as folder:
        connection = duckdb.connect(str(Path(folder) / "night.duckdb"), config={"temp_directory": folder})
        try:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET preserve_insertion_order = false")
            _load_values(connection, values, edition, disclosure)
            _load_employees(connection, directory, edition.as_of)
            _load_coverage(connection, coverage, edition.as_of)
            _load_definitions(connection, disclosure)
            connection.execute("CREATE TABLE community_names (community VARCHAR, name VARCHAR)")
            if edition.community_names:
                connection.executemany(
                    "INSERT INTO community_names VALUES (?, ?)", list(edition.community_names.items())
                )
            yield Night(connection, edition, disclosure)
        finally:
            connection.close()


def _load_values(connection: Any, values: Any, edition: Edition, disclosure: Disclosure) -> None:
    source = _source(connection, "values_in", values)
    rows = connection.execute(f"SELECT count(*) FROM {source}").fetchone()[0]
    connection.execute(f"SET memory_limit = '{limit(rows, of_a_core_mb=75, rows_of_an_mb=40_000)}'")
    present = {row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}
    missing = [name for name in VALUE_COLUMNS if name not in present]
    if missing:
        raise ConfigurationError(
            f"indicator values lack the columns {', '.join(missing)}; give the output of the indicators stage"
        )
    wanted = [f'CAST("{name}" AS {kind}) AS "{name}"' for name, kind in VALUE_COLUMNS.items()]
    wanted += [
        f'CAST("{name}" AS {kind}) AS "{name}"' if name in present else f'CAST(NULL AS {kind}) AS "{name}"'
        for name, kind in LATER_COLUMNS.items()
    ]
    connection.execute(
        f"""
        CREATE TABLE v AS
        SELECT * REPLACE (coalesce(as_of, ?) AS as_of, coalesce(computed_at, ?) AS computed_at,
                          CASE WHEN isfinite(value) THEN value END AS value),
               split_part(indicator_id, '.', 1) AS base, date_diff('day', period_start, period_end) + 1 AS days
        FROM (SELECT {", ".join(wanted)} FROM {source})""",
        [edition.as_of, edition.computed_at],
    )
    twice = connection.execute(
        "SELECT indicator_id, grain, period_end, count(*) FROM v GROUP BY indicator_id, grain, subject, period_start, period_end HAVING count(*) > 1 ORDER BY ALL LIMIT 1"
    ).fetchone()
    if twice:
        raise ConfigurationError(
            f"indicator {twice[0]} ({twice[1]}, until {twice[2]}) has {twice[3]} values for one subject; publish a night once"
        )
    if not connection.execute("SELECT count(*) FROM v WHERE period_end = ?", [edition.as_of]).fetchone()[0]:
        raise ConfigurationError(f"no indicator value ends on {edition.as_of}; compute that night before publishing it")
    bases = connection.execute("SELECT DISTINCT indicator_id, grain FROM v ORDER BY ALL").fetchall()
    seen = [(indicator, grain) for indicator, grain in bases if disclosure.hr_sees(indicator, grain)]
    connection.execute("CREATE TABLE seen (indicator_id VARCHAR, grain VARCHAR)")
    if seen:
        connection.executemany("INSERT INTO seen VALUES (?, ?)", seen)
    # Suppressed rows arrive without a value; emptying them again costs nothing and keeps one mistake upstream from reaching a table.
    connection.execute("""
        CREATE VIEW published AS
        SELECT v.* REPLACE (CASE WHEN v.status LIKE 'suppressed%' THEN NULL ELSE value END AS value,
                            CASE WHEN v.status LIKE 'suppressed%' THEN NULL ELSE numerator END AS numerator,
                            CASE WHEN v.status LIKE 'suppressed%' THEN NULL ELSE denominator END AS denominator,
                            CASE WHEN v.status LIKE 'suppressed%' THEN NULL ELSE estimated_share END AS estimated_share)
        FROM v SEMI JOIN seen USING (indicator_id, grain)""")


def _load_employees(connection: Any, directory: Directory, as_of: date) -> None:
    import pyarrow as pa

    staff = [
        each
        for each in directory.employees
        if (each.in_service_from is None or each.in_service_from <= as_of)
        and (each.in_service_to is None or each.in_service_to >= as_of)
    ]
    first = as_of - timedelta(days=27)
    columns = {
        "employee_id": pa.array([each.employee_id for each in staff], pa.string()),
        "team": pa.array([each.team or None for each in staff], pa.string()),
        "fte": pa.array([each.fte for each in staff], pa.float64()),
        "days_in_scope_28d": pa.array(
            [(as_of - max(first, each.in_service_from or first)).days + 1 for each in staff], pa.int64()
        ),
    }
    connection.register("employees_in", pa.table(columns))
    connection.execute("CREATE TABLE employees AS SELECT * FROM employees_in")
    connection.unregister("employees_in")


def _load_coverage(connection: Any, coverage: Any, as_of: date) -> None:
    if coverage is None:
        connection.execute("CREATE TABLE coverage (date DATE, source_kind VARCHAR, status VARCHAR, as_of DATE)")
        return
    source = _source(connection, "coverage_in", coverage)
    # Two connections of one kind on one day: the kind is as good as its worst connection.
    connection.execute(
        f"""
        CREATE TABLE coverage AS
        SELECT CAST(date AS DATE) AS date, source_kind,
               arg_min(status, CASE status WHEN 'ok' THEN 3 WHEN 'suspect' THEN 2 WHEN 'partial' THEN 1 ELSE 0 END) AS status, CAST(? AS DATE) AS as_of
        FROM {source} WHERE CAST(date AS DATE) <= ? GROUP BY ALL""",
        [as_of, as_of],
    )


def _load_definitions(connection: Any, disclosure: Disclosure) -> None:
    connection.execute(
        "CREATE TABLE definitions (position INTEGER, indicator_id VARCHAR, language VARCHAR, family VARCHAR, unit VARCHAR, grains VARCHAR,"
        " audience VARCHAR, name VARCHAR, question VARCHAR, formula VARCHAR, reading VARCHAR, misuse VARCHAR)"
    )
    computed = {base_id(row[0]) for row in connection.execute("SELECT DISTINCT indicator_id FROM v").fetchall()}
    rows = []
    for position, (indicator, texts) in enumerate(indicator_texts().items()):
        if computed and indicator not in computed and base_id(indicator) not in computed:
            continue
        for language in ("en", "nl"):
            words = texts[language]
            rows.append((
                position, indicator, language, texts.get("family"), texts.get("unit"), ", ".join(map(str, texts.get("grains", ()))),
                disclosure.audience(indicator), words.get("name"), words.get("question"), words.get("formula"),
                words.get("reading"), words.get("misuse"),
            ))  # fmt: skip
    if rows:
        connection.executemany(f"INSERT INTO definitions VALUES ({', '.join('?' * 12)})", rows)


def _source(connection: Any, name: str, given: Any) -> str:
    """Makes the input readable in SQL and answers how to name it there."""
    if isinstance(given, str) and "://" in given:
        import fsspec
        from pyarrow import parquet

        with fsspec.open(given, "rb") as stream:
            given = parquet.read_table(stream)
    if isinstance(given, str | Path):
        path = Path(given)
        if not path.exists():
            raise ConfigurationError(f"{path} does not exist; give the output of the indicators stage")
        quoted = str(path).replace("'", "''")
        return (
            f"read_csv('{quoted}', header = true, all_varchar = true)"
            if path.suffix == ".csv"
            else f"read_parquet('{quoted}')"
        )  # text: ids keep their zeros
    if isinstance(given, list):  # (day, source kind, status) as the ledger keeps them
        import pyarrow as pa

        days, kinds, states = zip(*given, strict=True) if given else ((), (), ())
        given = pa.table({
            "date": pa.array(days, pa.date32()),
            "source_kind": pa.array(kinds, pa.string()),
            "status": pa.array(states, pa.string()),
        })
    connection.register(name, given)
    return name
