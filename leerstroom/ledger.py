"""The ledger: what every run counted per connection and stage, and whether the counts balance.

```
map    pulled = mapped + ignored + quarantined
load   built + voids = stored + already_there + conflicting + rejected + superseded
```
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import orjson
from sqlalchemy import Engine, delete, insert, select, update

from leerstroom import state
from leerstroom.errors import NeedsOperator


class LedgerOutOfBalance(NeedsOperator):
    """Records went in that came out nowhere; the text says where."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One stage of one connection in one run."""

    run_id: str
    connection: str
    source: str
    stage: str
    state: str
    counts: Mapping[str, Any]
    at: datetime
    seconds: int = 0
    window_start: datetime | None = None
    window_end: datetime | None = None


def write(engine: Engine, entry: Entry) -> None:
    """Stores an entry; a stage that runs again replaces its own."""
    row = {
        "run_id": entry.run_id,
        "connection": entry.connection,
        "stage": entry.stage,
        "source": entry.source,
        "window_start": entry.window_start,
        "window_end": entry.window_end,
        "at": entry.at,
        "seconds": entry.seconds,
        "state": entry.state,
        "counts": orjson.dumps(dict(entry.counts)).decode(),
    }
    table = state.ledger
    with engine.begin() as connection:
        connection.execute(
            delete(table).where(
                table.c.run_id == entry.run_id, table.c.connection == entry.connection, table.c.stage == entry.stage
            )
        )
        connection.execute(insert(table).values(row))


def entries(engine: Engine, run_id: str | None = None, *, limit: int = 10_000) -> list[Entry]:
    """Entries of a run, or the newest of all runs, oldest first."""
    table = state.ledger
    query = select(table).order_by(table.c.at.desc(), table.c.stage).limit(limit)
    if run_id is not None:
        query = query.where(table.c.run_id == run_id)
    with engine.connect() as connection:
        rows = connection.execute(query).mappings().all()
    return [
        Entry(
            run_id=row["run_id"],
            connection=row["connection"],
            source=row["source"],
            stage=row["stage"],
            state=row["state"],
            counts=orjson.loads(row["counts"]),
            at=row["at"],
            seconds=row["seconds"],
            window_start=row["window_start"],
            window_end=row["window_end"],
        )
        for row in reversed(rows)
    ]


def imbalances(entry: Entry) -> list[str]:
    """Equations that do not hold in this entry, as text; empty when it balances. A stage that did not end has nothing to balance yet."""
    counts = entry.counts
    found: list[str] = []
    if entry.state != "done":
        return found
    if entry.stage == "pull" and "copied" in counts:
        ends = sum(counts[name] for name in ("stored", "already_there", "conflicting", "rejected"))
        if counts["copied"] != ends:
            found.append(
                f"{entry.connection}: {counts['copied']} statements were copied but the LRS accounts for {ends}"
            )
    if entry.stage == "map":
        ends = counts["mapped"] + _total(counts["ignored"]) + _total(counts["quarantined"])
        if counts["pulled"] != ends:
            found.append(f"{entry.connection}: pulled {counts['pulled']} but mapped + ignored + quarantined = {ends}")
    if entry.stage == "load":
        sent = counts["built"] + counts["voids"]
        ends = sum(counts[name] for name in ("stored", "already_there", "conflicting", "rejected", "superseded"))
        if sent != ends:
            found.append(f"{entry.connection}: built + voids = {sent} but the LRS accounts for {ends}")
    return found


def check(engine: Engine, run_id: str) -> list[Entry]:
    """The entries of a run. Raises LedgerOutOfBalance when an equation, within a stage or between two, does not hold."""
    found = entries(engine, run_id)
    faults = [fault for entry in found for fault in imbalances(entry)]
    by_stage = {(entry.connection, entry.stage): entry for entry in found if entry.state == "done"}
    for (connection, stage), entry in by_stage.items():
        if (
            stage == "map"
            and (pull := by_stage.get((connection, "pull")))
            and pull.counts["pulled"] != entry.counts["pulled"]
        ):
            faults.append(
                f"{connection}: {pull.counts['pulled']} records landed but {entry.counts['pulled']} were mapped"
            )
        if (
            stage == "load"
            and (mapped := by_stage.get((connection, "map")))
            and mapped.counts["built"] != entry.counts["built"]
        ):
            faults.append(
                f"{connection}: {mapped.counts['built']} statements were built but {entry.counts['built']} reached the load stage"
            )
    if faults:
        raise LedgerOutOfBalance(
            f"the ledger of run {run_id} does not balance: " + "; ".join(faults) + "; run the named stage again"
        )
    return found


def _total(counts: Mapping[str, int] | int) -> int:
    return counts if isinstance(counts, int) else sum(counts.values())


# --- coverage --------------------------------------------------------------------------------------------------------------


def cover(engine: Engine, connection: str, source_kind: str, days: list[date], status: str) -> None:
    """Notes for each local day whether a connection was loaded (`ok`) or not (`missing`); what was loaded is never taken back by a later failure."""
    table = state.coverage
    with engine.begin() as database:
        known = {
            row.date: row.status
            for row in database.execute(
                select(table.c.date, table.c.status).where(table.c.connection == connection, table.c.date.in_(days))
            )
        }
        fresh = [day for day in days if known.get(day) not in {"ok", "suspect", status}]
        if fresh:
            database.execute(delete(table).where(table.c.connection == connection, table.c.date.in_(fresh)))
            database.execute(
                insert(table),
                [
                    {"date": day, "connection": connection, "source_kind": source_kind, "status": status}
                    for day in fresh
                ],
            )


def doubt(engine: Engine, suspects: Iterable[tuple[str, date]], since: date) -> None:
    """Makes loaded days of these kinds of source `suspect`, and all other suspect days from `since` on `ok` again."""
    table = state.coverage
    with engine.begin() as database:
        database.execute(update(table).where(table.c.status == "suspect", table.c.date >= since).values(status="ok"))
        for kind, day in suspects:
            mine = (table.c.source_kind == kind) & (table.c.date == day) & (table.c.status == "ok")
            database.execute(update(table).where(mine).values(status="suspect"))


def coverage(engine: Engine) -> list[tuple[date, str, str]]:
    """(day, source kind, status): a kind is `ok` on a day when all its connections are, else what is worst: missing, then suspect."""
    table = state.coverage
    with engine.connect() as database:
        rows = database.execute(select(table.c.date, table.c.source_kind, table.c.status)).all()
    worst: dict[tuple[date, str], str] = {}
    for day, kind, status in rows:
        if worst.get((day, kind)) != "missing" and status != "ok":
            worst[day, kind] = status
        worst.setdefault((day, kind), status)
    return [(day, kind, status) for (day, kind), status in sorted(worst.items())]


def now() -> datetime:
    """The current time, aware; the one clock of the stages."""
    return datetime.now(UTC)
