"""HR's tables of one night, as Arrow, in the columns of `schemas/hr-tables.yaml`; and writing them to a database.

The wide tables are the tidy values turned: one row a subject, one column a measure and window. A value whose status tells why there is none is NULL.
"""

import logging
from typing import Any

from leerstroom.publishing.contract import STATUS_ORDER, Column, TableContract
from leerstroom.publishing.databases import forget, target, write
from leerstroom.publishing.night import Night
from leerstroom.publishing.roles import grant

logger = logging.getLogger(__name__)

GRAINS = {
    "employee": "employee_window",
    "team": "team_window",
    "community": "community_window",
    "organisation": "organisation_window",
}


def build(night: Night) -> dict[str, tuple[TableContract, Any]]:
    """Every table of the contract as (contract as the policy leaves it, Arrow table), rows ordered by key."""
    return {
        name: (seen, _arrow(night, seen))
        for name, seen in ((name, _seen(night, table)) for name, table in night.contract.tables.items())
    }


def publish_tables(night: Night, built: dict[str, tuple[TableContract, Any]], url: str, language: str) -> int:
    """Writes the tables in one transaction and answers the number of rows. Raises Unreachable when the database cannot be opened."""
    rows = 0
    with target(url) as into:
        for table, arrow in built.values():
            rows += write(into, table, arrow, night.as_of, language)
        forget(into, night.contract.retention, night.disclosure.hr_sees)
        grant(into, night)
    logger.info("HR tables: %d rows in %d tables as of %s", rows, len(built), night.as_of)
    return rows


def _seen(night: Night, table: TableContract) -> TableContract:
    def allows(indicator: str, subject: str) -> bool:
        return night.disclosure.hr_sees(indicator, GRAINS[subject])

    return table.seen_by(allows) if table.measures else table


def _arrow(night: Night, table: TableContract) -> Any:
    return night.connection.sql(
        f"SELECT * FROM ({_query(night, table)}) ORDER BY {', '.join(table.key)}"
    ).to_arrow_table()


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
        f"WHEN {position} THEN '{'ok' if status in {'no_denominator', 'not_measurable'} else status}'"
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
