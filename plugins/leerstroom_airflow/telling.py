"""The ledger in plain words and as a table, for a person at a terminal or a file. Says only what the entries count."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from leerstroom.ledger import Entry

_SAID = {
    "pull": "{connection}: {pulled} records pulled",
    "map": "{connection}: {mapped} of {pulled} mapped into {built} statements, {ignored} ignored, {quarantined} in quarantine",
    "load": "{connection}: {stored} stored, {already_there} already there, {voids} voided",
    "mirror": "mirror: {new} new statements in columns",
    "compute": "indicators: {values} values",
    "publish": "HR has its tables, workbook and report",
}
_COLUMNS = (
    ("pulled", "pull", "pulled"),
    ("mapped", "map", "mapped"),
    ("ignored", "map", "ignored"),
    ("quarantine", "map", "quarantined"),
    ("built", "map", "built"),
    ("stored", "load", "stored"),
    ("there", "load", "already_there"),
    ("replaced", "load", "superseded"),
    ("voids", "load", "voids"),
    ("rejected", "load", "rejected"),
)


def total(value: Any) -> int:
    """A count, or the sum of counts by reason; 0 for what was not counted."""
    return sum(value.values()) if isinstance(value, Mapping) else int(value or 0)


def aware(moment: datetime) -> datetime:
    """The moment with its zone; a database that keeps none keeps UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def days(entry: Entry, zone: str) -> tuple[date, date] | None:
    """First and last local day of the entry's window, or None where it has none."""
    if entry.window_start is None or entry.window_end is None:
        return None
    local = ZoneInfo(zone)
    last = aware(entry.window_end) - timedelta(microseconds=1)
    return aware(entry.window_start).astimezone(local).date(), last.astimezone(local).date()


def named(window: tuple[date, date] | None) -> str:
    """The days of a window as people say them."""
    if window is None:
        return ""
    first, last = window
    return f"{first:%-d %B %Y}" if first == last else f"{first:%-d %B} to {last:%-d %B %Y}"


def _short(window: tuple[date, date] | None) -> str:
    return " – ".join(f"{day:%-d %b}" for day in dict.fromkeys(window or ()))


def narrator(console: Console, zone: str) -> Callable[[Iterable[Entry]], None]:
    """A function that says each entry once, as it appears."""
    said: set[tuple[str, str, str]] = set()
    runs: list[str] = []

    def tell(entries: Iterable[Entry]) -> None:
        for entry in entries:
            key = (entry.run_id, entry.connection, entry.stage)
            if key in said:
                continue
            said.add(key)
            if entry.run_id not in runs:
                runs.append(entry.run_id)
                console.print(f"\n  [bold]{named(days(entry, zone)) or entry.run_id}[/bold]")
            console.print(f"    {sentence(entry)}")

    return tell


def sentence(entry: Entry) -> str:
    """One entry in words, with markup for a failed one."""
    if entry.state != "done":
        return f"[red]{escape(entry.connection)}: {entry.stage} {entry.state}[/red]"
    counts = Counter({name: total(value) for name, value in entry.counts.items()})
    words = {name: f"{number:,}" for name, number in counts.items()}
    template = _SAID.get(entry.stage, "{connection}: " + entry.stage)
    return template.format_map(_Counted(words, connection=escape(entry.connection)))


class _Counted(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "0"


def table(entries: Iterable[Entry], zone: str) -> Table:
    """The ledger: a row a connection and run, and the sum of all."""
    rows: dict[tuple[str, str], dict[str, Entry]] = {}
    for entry in sorted(entries, key=lambda each: (aware(each.window_start or each.at), each.connection)):
        if entry.stage in {"pull", "map", "load"}:
            rows.setdefault((entry.run_id, entry.connection), {})[entry.stage] = entry
    made = Table(
        title="The ledger",
        title_justify="left",
        caption="there: in the LRS already; replaced: a later version of the same fact was known; voids: withdrawn or changed at the source",
        caption_justify="left",
        show_footer=True,
        box=SIMPLE,
        pad_edge=False,
        collapse_padding=True,
    )
    counted = [
        [total(stages[stage].counts.get(count)) if stage in stages else 0 for _, stage, count in _COLUMNS]
        for stages in rows.values()
    ]
    made.add_column("days", footer="all", no_wrap=True)
    made.add_column("connection", no_wrap=True)
    for index, (name, _, _) in enumerate(_COLUMNS):
        made.add_column(name, justify="right", no_wrap=True, footer=f"{sum(row[index] for row in counted):,}")
    previous = ""
    for ((_, connection), stages), numbers in zip(rows.items(), counted, strict=True):
        window = _short(days(next(iter(stages.values())), zone))
        if previous and window != previous:
            made.add_section()
        failed = next(
            (f"[red] {stage} {each.state}[/red]" for stage, each in stages.items() if each.state != "done"), ""
        )
        made.add_row(
            window if window != previous else "", escape(connection) + failed, *(f"{number:,}" for number in numbers)
        )
        previous = window
    return made


def quarantine(entries: Iterable[Entry]) -> list[tuple[str, str, int]]:
    """(connection, reason, records), the most first."""
    found: Counter[tuple[str, str]] = Counter()
    for entry in entries:
        reasons = entry.counts.get("quarantined")
        if entry.stage == "map" and isinstance(reasons, Mapping):
            for reason, number in reasons.items():
                found[entry.connection, reason] += number
    return [(connection, reason, number) for (connection, reason), number in found.most_common()]
