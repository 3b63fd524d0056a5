"""What a person should look at after a night: days without a source, counts that do not balance, sources that fell silent, full quarantine.

Counts and names of connections only. A day with far less than usual becomes `suspect` in the coverage, so that the figures say so; it becomes
`ok` again when what was missing has come.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from statistics import median
from typing import Any

from leerstroom import ledger
from leerstroom.ledger import Entry

LOOKED_AT_DAYS = 35  # as far back as figures are computed anew
USUAL_DAYS = 28
SUSPECT_BELOW = 0.5  # of the median of the workdays before
_JUDGED_FROM = 20  # statements a day; a source with less than this is quiet on any day
_QUARANTINE_SHARE = 0.05
_SATURDAY = 5


class Kind(StrEnum):
    """What is wrong."""

    COVERAGE = "coverage"
    BALANCE = "balance"
    DRIFT = "drift"
    QUARANTINE = "quarantine"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at: what is wrong, with what, and in one sentence what to do."""

    kind: Kind
    subject: str
    text: str

    def as_json(self) -> dict[str, str]:
        """Plain values."""
        return {"kind": str(self.kind), "subject": self.subject, "text": self.text}


def missing_days(coverage: Iterable[tuple[date, str, str]], as_of: date) -> list[Finding]:
    """Kinds of source that lack days among the last 35; `coverage` holds (day, kind of source, status)."""
    first, days = as_of - timedelta(days=LOOKED_AT_DAYS - 1), dict[str, list[date]]()
    for day, kind, status in coverage:
        if status == "missing" and first <= day <= as_of:
            days.setdefault(kind, []).append(day)
    return [
        Finding(
            Kind.COVERAGE,
            kind,
            f"{len(found)} of the last {LOOKED_AT_DAYS} days are missing, the last {max(found)}; repair the connection and trigger the night for these days",
        )
        for kind, found in sorted(days.items())
    ]


def out_of_balance(entries: Iterable[Entry]) -> list[Finding]:
    """Stages whose counts do not add up."""
    return [
        Finding(Kind.BALANCE, entry.connection, f"run {entry.run_id}: {fault}; run its {entry.stage} again")
        for entry in entries
        for fault in ledger.imbalances(entry)
    ]


def full_quarantine(entries: Iterable[Entry]) -> list[Finding]:
    """Connections of whose newest mapping more than a twentieth ended in quarantine."""
    newest = {entry.connection: entry for entry in entries if entry.stage == "map" and entry.state == "done"}
    found = []
    for name, entry in sorted(newest.items()):
        held = sum(entry.counts.get("quarantined", {}).values())
        if held > _QUARANTINE_SHARE * entry.counts.get("pulled", 0):
            found.append(
                Finding(
                    Kind.QUARANTINE,
                    name,
                    f"{held} of {entry.counts['pulled']} records are in quarantine; see leerstroom quarantine list {name}",
                )
            )
    return found


def suspect_days(
    statements: Mapping[tuple[str, date], int], coverage: Iterable[tuple[date, str, str]], as_of: date
) -> list[tuple[str, date, int, float]]:
    """(kind of source, day, statements, usual) of workdays that were loaded and hold less than half of what is usual.

    `statements` counts by kind and local day. Usual is the median of the workdays among the 28 days before; weekends are not judged.
    """
    loaded = {(kind, day) for day, kind, status in coverage if status != "missing"}
    found = []
    for kind, day in sorted(loaded):
        if not as_of - timedelta(days=LOOKED_AT_DAYS - 1) <= day <= as_of or day.weekday() >= _SATURDAY:
            continue
        before = [day - timedelta(days=back) for back in range(1, USUAL_DAYS + 1)]
        known = [
            statements.get((kind, each), 0) for each in before if each.weekday() < _SATURDAY and (kind, each) in loaded
        ]
        usual = median(known) if known else 0
        here = statements.get((kind, day), 0)
        if usual >= _JUDGED_FROM and here < SUSPECT_BELOW * usual:
            found.append((kind, day, here, float(usual)))
    return found


def drifting(suspects: Iterable[tuple[str, date, int, float]]) -> list[Finding]:
    """Suspect days as findings."""
    return [
        Finding(
            Kind.DRIFT,
            kind,
            f"{day}: {here} statements where {usual:.0f} are usual; look whether the platform or its permissions changed, then trigger the night for that day",
        )
        for kind, day, here, usual in suspects
    ]


def daily_statements(mirror_files: list[str], zone: str, since: date) -> dict[tuple[str, date], int]:
    """Statements in the mirror by kind of source and local day, from `since` on; voided ones count, since they came too."""
    if not mirror_files:
        return {}
    import duckdb

    with duckdb.connect() as connection:
        rows: list[Any] = connection.execute(
            """SELECT source_kind, CAST(timezone($zone, "timestamp") AS DATE) AS day, count(*) FROM read_parquet($files)
               WHERE source_kind IS NOT NULL AND "timestamp" >= $since GROUP BY ALL""",
            {"zone": zone, "files": mirror_files, "since": since - timedelta(days=1)},
        ).fetchall()
    return {(kind, day): number for kind, day, number in rows}
