"""Retention: what the organisation keeps no longer goes, store by store. What a rerun still needs stays, and `None` keeps for ever.

| store | age counts from |
|---|---|
| landing, statements, quarantine | when the window was pulled; of a folder that was never finished, the window's end |
| indicators | their as-of date: they hold rows per employee and day |
| mirror, LRS | `stored` |
| HR's tables | the end of a row's period |

The landing of a window of which quarantine holds records stays as long as that quarantine: a record is mapped again among its neighbours.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from leerstroom.landing import Store
from leerstroom.quarantine import held
from leerstroom.settings import RetentionSettings, Settings

_DAYS_OF_A_MONTH = 30.4375


@dataclass(frozen=True, slots=True)
class Outdated:
    """A folder between the stages that is kept no longer: its store, its path below the data root, and since when it exists."""

    store: str
    path: str
    since: datetime


def outdated(store: Store, retention: RetentionSettings, now: datetime) -> list[Outdated]:
    """The folders of landing, statements, quarantine and indicators that are older than their retention at `now` (aware)."""
    days = {
        "landing": retention.landing_days,
        "statements": retention.statements_days,
        "quarantine": retention.quarantine_days,
        "indicators": retention.day_rows_days,
    }
    found = [
        each
        for name, kept in days.items()
        if kept is not None
        for each in _folders(store, name)
        if each.since < now - timedelta(days=kept)
    ]
    gone = {each.path for each in found}
    needed = {each.landing for each in held(store) if each.landing.replace("landing", "quarantine", 1) not in gone}
    return [each for each in found if each.path not in needed]


def remove_outdated(settings: Settings, now: datetime, *, dry_run: bool = False) -> dict[str, int]:
    """Removes what is kept no longer; with `dry_run` it is only counted. Returns how much of each store: folders, statements, rows.

    Raises TryLater while a night writes to the mirror, Unreachable when HR's database cannot be opened, ConfigurationError when `lrs.database` is a
    file that is not there; safe to run again.
    """
    from leerstroom.mirror import Mirror
    from leerstroom.publishing.persons import forget_rows

    retention, store = settings.retention, Store(settings.data)
    folders = outdated(store, retention, now)
    counts = {"landing": 0, "statements": 0, "quarantine": 0, "indicators": 0}
    for each in folders:
        counts[each.store] += 1
        if not dry_run:
            store.remove(each.path)
    if (before := _months_before(now, retention.mirror_months)) is not None:
        counts["mirror"] = Mirror(f"{settings.data.rstrip('/')}/mirror").forget(before, dry_run=dry_run)
    if (before := _months_before(now, retention.lrs_months)) is not None and settings.lrs.database:
        counts["lrs"] = _forget_in_lrs(settings.lrs.database, before, dry_run=dry_run)
    ends = {grain: now.date() - timedelta(days=kept) for grain, kept in retention.rows.items() if kept is not None}
    counts["hr_rows"] = forget_rows(settings.hr_database, ends, dry_run=dry_run)
    return counts


def _months_before(now: datetime, months: int | None) -> datetime | None:
    return None if months is None else now - timedelta(days=months * _DAYS_OF_A_MONTH)


def _forget_in_lrs(database: str, before: datetime, *, dry_run: bool) -> int:
    from leerstroom.lrs.erasure import erase_before
    from leerstroom.lrs.storage import Storage, demand_existing

    demand_existing(database)
    storage = Storage(database)
    try:
        return erase_before(storage, before, dry_run=dry_run)
    finally:
        storage.close()


def _folders(store: Store, name: str) -> Iterator[Outdated]:
    """The folders of one store with their age; those of a window stand three deep, those of a day one."""
    depth = 2 if name == "indicators" else 4
    suffix = ".parquet" if name == "indicators" else ".jsonl.zst"
    paths = {"/".join(path.split("/")[:depth]) for path in store.files(name, suffix)}
    paths |= set() if name == "indicators" else set(store.folders(name))
    for path in sorted(paths):
        since = _since(store, path)
        if since is not None:
            yield Outdated(name, path, since)


def _since(store: Store, path: str) -> datetime | None:
    """When the folder was made; None for one whose name tells no time, which is not ours to remove."""
    last = path.rsplit("/", 1)[-1]
    try:
        if last.startswith("as_of="):
            day = date.fromisoformat(last.removeprefix("as_of="))
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        manifest = store.read_json(f"{path}/manifest.json")
        if manifest is not None:
            return datetime.fromisoformat(manifest["as_of"])
        return datetime.strptime(last.split("_")[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except (ValueError, KeyError, IndexError):
        return None
