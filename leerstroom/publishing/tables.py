"""HR's tables of one night, in the columns of `schemas/hr-tables.yaml`; and writing them to a database.

The wide tables are the tidy values turned: one row a subject, one column a measure and window. A value whose status tells why there is none is NULL.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from leerstroom.publishing.contract import NO_REMARK, STATUS_ORDER, Column, TableContract
from leerstroom.publishing.databases import forget, target, write
from leerstroom.publishing.night import Night
from leerstroom.publishing.roles import grant

logger = logging.getLogger(__name__)

BATCH = 50_000
GRAINS = {
    "employee": "employee_window",
    "team": "team_window",
    "community": "community_window",
    "organisation": "organisation_window",
}


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one table, asked for when they are needed: as a stream of Arrow batches, ordered by key or not."""

    night: Night
    query: str
    key: tuple[str, ...]

    def stream(self) -> Any:
        """A record batch reader, in no order. Until it has been read, the night answers nothing else."""
        return self.night.connection.sql(self.query).to_arrow_reader(BATCH)

    def ordered(self) -> Iterator[Any]:
        """Record batches, ordered by key."""
        yield from self.night.connection.sql(
            f"SELECT * FROM ({self.query}) ORDER BY {', '.join(self.key)}"
        ).to_arrow_reader(BATCH)

    def longest(self, column: str) -> int:
        """Letters of the longest text in a column."""
        return int(self.night.scalar(f"SELECT max(length({column})) FROM ({self.query})") or 0)


Built = Mapping[str, tuple[TableContract, Rows]]


def build(night: Night) -> Built:
    """Every table of the contract as (contract as the policy leaves it, rows)."""
    tables = (_seen(night, table) for table in night.contract.tables.values())
    return {table.name: (table, Rows(night, _query(night, table), table.key)) for table in tables}


def publish_tables(
    night: Night, built: Built, url: str, language: str, retention: Mapping[str, int | None] | None = None
) -> int:
    """Writes the tables in one transaction and answers the number of rows. Raises Unreachable when the database cannot be opened."""
    written = 0
    with target(url, night.memory) as into:
        for table, rows in built.values():
            written += write(into, table, rows.stream(), night.as_of, language)
        forget(into, night.contract.retention if retention is None else retention, night.disclosure.hr_sees)
        grant(into, night)
    logger.info("HR tables: %d rows in %d tables as of %s", written, len(built), night.as_of)
    return written


def _seen(night: Night, table: TableContract) -> TableContract:
    def allows(indicator: str, subject: str) -> bool:
        return night.disclosure.hr_sees(indicator, GRAINS[subject])

    return table.seen_by(allows) if table.measures else table


def _query(night: Night, table: TableContract) -> str:
    match table.name:
        case "indicator_values":
            purpose = night.contract.purpose.replace("'", "''")
            names = [
                f"'{purpose}' AS purpose"
                if c.name == "purpose"
                else "'hr' AS audience"
                if c.name == "audience"
                else c.name
                for c in table.columns
            ]
            return f"SELECT {', '.join(names)} FROM published"
        case "coverage":
            return "SELECT date, source_kind, status, as_of FROM coverage"
        case "indicator_definitions":
            return f"SELECT {', '.join(column.name for column in table.columns)} FROM definitions"
        case _:
            return _wide(night, table)


def _wide(night: Night, table: TableContract) -> str:
    """One query that turns the tidy values: conditional aggregates over the rows that end on the as-of date."""
    day = f"DATE '{night.as_of.isoformat()}'"
    window_grain, day_grain = GRAINS[table.subject], f"{table.subject}_day"
    turned = []
    for measure in table.measures:
        value = f"max(value) FILTER ({_cell(night, measure)})"
        turned.append(
            f"CAST(round({value}) AS BIGINT) AS {measure.name}"
            if measure.type == "integer"
            else f"{value} AS {measure.name}"
        )
    for status in table.statuses:
        measures = [measure for measure in table.measures if measure.window == status.window]
        any_of = " OR ".join(f"({_cell(night, measure)[6:]})" for measure in measures)
        turned.append(f"nullif(min(rank) FILTER (WHERE {any_of}), NULL) AS {status.name}")
    ranks = " ".join(f"WHEN '{status}' THEN {position}" for position, status in enumerate(STATUS_ORDER))
    words = " ".join(
        f"WHEN {position} THEN '{'ok' if status in NO_REMARK else status}'"
        for position, status in enumerate(STATUS_ORDER)
    )
    names = ", ".join(
        f"CASE turned.{column.name} {words} WHEN {len(STATUS_ORDER)} THEN 'other' END AS {column.name}"
        if column in table.statuses
        else f"turned.{column.name}"
        for column in table.columns
        if column.window
    )
    pivot = f"""
        SELECT subject, {", ".join(turned) or "1 AS nothing"}
        FROM (SELECT *, CASE status {ranks} ELSE {len(STATUS_ORDER)} END AS rank FROM published
              WHERE period_end = {day} AND (grain = '{window_grain}' OR (grain = '{day_grain}' AND days = 1)))
        GROUP BY subject"""
    return f"SELECT {_own_columns(night, table, day)}{', ' if names else ''}{names} {_subjects(table, pivot)}"


def _cell(night: Night, measure: Column) -> str:
    days = night.contract.windows[measure.window]
    grain = "ends_with(grain, '_day')" if measure.window == "day" else "ends_with(grain, '_window')"
    return f"WHERE indicator_id = '{measure.indicator}' AND days = {days} AND {grain}"


def _own_columns(night: Night, table: TableContract, day: str) -> str:
    organisation = night.edition.organisation.replace("'", "''")
    meaning = {
        "as_of": day,
        "organisation": f"'{organisation}'",
        "community": "turned.subject",
        "name": "names.name",
        **({"team": "turned.subject"} if table.subject == "team" else {}),
    }
    return ", ".join(f"{meaning.get(c.name, 'employees.' + c.name)} AS {c.name}" for c in table.columns if not c.window)


def _subjects(table: TableContract, pivot: str) -> str:
    if table.subject == "employee":  # everyone in service has a row, also without any value
        return f"FROM employees LEFT JOIN ({pivot}) AS turned ON turned.subject = employees.employee_id"
    if table.subject == "community":
        return f"FROM ({pivot}) AS turned LEFT JOIN community_names AS names ON names.community = turned.subject"
    return f"FROM ({pivot}) AS turned"
