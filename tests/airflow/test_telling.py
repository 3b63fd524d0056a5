"""The ledger as people read it."""

from datetime import UTC, datetime

from rich.console import Console

from leerstroom.ledger import Entry
from leerstroom_airflow import telling

ZONE = "Europe/Amsterdam"
WINDOW = (datetime(2026, 10, 25, 23, tzinfo=UTC), datetime(2026, 11, 1, 23, tzinfo=UTC))
MAP = {"pulled": 1200, "mapped": 1190, "built": 1300, "ignored": {"edit": 7}, "quarantined": {"line 8: no date": 3}}
LOAD = {"built": 1300, "stored": 1290, "already_there": 10, "voids": 0, "rejected": 0, "superseded": 0}


def entry(stage: str, counts: dict, state: str = "done", connection: str = "chat") -> Entry:
    return Entry("r", connection, "matrix", stage, state, counts, datetime.now(UTC), 1, *WINDOW)


ENTRIES = [entry("pull", {"pulled": 1200}), entry("map", MAP), entry("load", LOAD)]


def shown(*, width: int = 140) -> Console:
    return Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: PTH123 - rich closes nothing


def test_every_entry_is_said_once_below_its_days() -> None:
    console = shown()
    tell = telling.narrator(console, ZONE)
    tell(ENTRIES[:1])
    tell(ENTRIES)
    said = console.export_text()
    assert said.count("26 October to 1 November 2026") == 1
    assert said.count("chat: 1,200 records pulled") == 1
    assert "chat: 1,190 of 1,200 mapped into 1,300 statements, 7 ignored, 3 in quarantine" in said
    assert "chat: 1,290 stored, 10 already there, 0 voided" in said


def test_the_table_sums_up_all_rows() -> None:
    console = shown()
    console.print(telling.table([*ENTRIES, entry("pull", {"pulled": 5}, "failed", "academy")], ZONE))
    said = console.export_text()
    assert "academy pull failed" in said
    assert "26 Oct – 1 Nov" in said
    assert "1,205" in said


def test_reasons_for_quarantine_are_counted() -> None:
    assert telling.quarantine([*ENTRIES, *ENTRIES]) == [("chat", "line 8: no date", 6)]


def test_markup_in_a_name_is_shown_and_not_obeyed() -> None:
    console = shown()
    console.print(telling.sentence(entry("pull", {"pulled": 1}, connection="[red]x")))
    assert "[red]x: 1 records pulled" in console.export_text()
