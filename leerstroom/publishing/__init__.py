"""Publishing: what HR receives of one night. Tables in DuckDB or PostgreSQL, a workbook, and a report with its index.

Publishing computes no indicator. It shows values as they were computed, in the light of who may see them, and turns a missing value into a reason.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from leerstroom.people import Directory
from leerstroom.publishing.communities import community_names
from leerstroom.publishing.persons import erase_person, export_person

logger = logging.getLogger(__name__)

__all__ = ["Published", "community_names", "erase_person", "export_person", "publish"]


@dataclass(frozen=True, slots=True)
class Published:
    """Where everything lies. `tables` is the path of the DuckDB file, or the PostgreSQL address without its password; `rows` counts rows written."""

    report: Path
    workbook: Path
    tables: str
    rows: int


def publish(
    values: Any,
    *,
    directory: Directory,
    coverage: Any,
    as_of: date,
    out: Path,
    database: str | None = None,
    language: str = "nl",
    policy: str = "per-employee",
    organisation: str = "Our organisation",
    computed_at: datetime | None = None,
    names: Mapping[str, str] | None = None,
    retention: Mapping[str, int | None] | None = None,
    minimum_group: int = 5,
) -> Published:
    """Publishes the night of `as_of`; doing it again changes nothing.

    `values` is the output of the indicators stage (an Arrow table, or the path or address of a Parquet or CSV file), `coverage` the same or the
    ledger's list of (day, source kind, status). `database` is a DuckDB file (by default `hr.duckdb` in `out`) or a `postgresql://` address.
    `computed_at` only fills in for values that do not carry it. `names` gives communities a name to read: the answer of `community_names`.
    `retention` holds days by grain of rows per employee, None for ever; by default those of the contract.
    `minimum_group`: of fewer people no figure is shown; under five is five.
    Raises ConfigurationError for values or policies that make no sense, Unreachable when the database cannot be opened.
    """
    from leerstroom.publishing.disclosure import Disclosure
    from leerstroom.publishing.facts import gather
    from leerstroom.publishing.night import Edition, open_night
    from leerstroom.publishing.report import write_report
    from leerstroom.publishing.tables import build, publish_tables
    from leerstroom.publishing.workbook import write_workbook

    url = database or str(out / "hr.duckdb")
    edition = Edition(as_of, organisation, computed_at, dict(names or {}))
    with open_night(values, directory, coverage, edition, Disclosure.load(policy, minimum_group)) as night:
        built = build(night)
        rows = publish_tables(night, built, url, language, retention)
        facts = gather(night)
        workbook = write_workbook(built, facts, out, language)
        report = write_report(facts, out, language)
    logger.info("published %s: %s, %s", as_of, report.name, workbook.name)
    return Published(report, workbook, without_password(url), rows)


def without_password(url: str) -> str:
    """A database address that may be printed."""
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    if "://" not in url or parts.password is None:
        return url
    return url.replace(f":{parts.password}@", "@", 1)
