"""The ledger balances, or says where it does not."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from leerstroom import ledger
from leerstroom.ledger import Entry, LedgerOutOfBalance
from leerstroom.state import open_state


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return open_state(f"sqlite:///{tmp_path}/s.sqlite")


MAP = {"pulled": 5, "mapped": 3, "built": 4, "retracted": 0, "ignored": {"edit": 1}, "quarantined": {"no time": 1}}
LOAD = {"built": 4, "voids": 1, "stored": 2, "already_there": 2, "conflicting": 0, "rejected": 0, "superseded": 1}


def entry(stage: str, counts: dict, state: str = "done", run: str = "r") -> Entry:
    return Entry(run, "chat", "matrix", stage, state, counts, datetime.now(UTC))


def test_a_run_that_balances_is_accepted(engine: Engine) -> None:
    for stage, counts in (("pull", {"pulled": 5}), ("map", MAP), ("load", LOAD)):
        ledger.write(engine, entry(stage, counts))
    assert [each.stage for each in ledger.check(engine, "r")] == ["pull", "map", "load"]


@pytest.mark.parametrize(
    ("stage", "counts", "said"),
    [
        ("map", {**MAP, "pulled": 6}, "pulled 6"),
        ("map", {**MAP, "ignored": {}}, "pulled 5"),
        ("load", {**LOAD, "stored": 1}, "built \\+ voids = 5"),
        ("load", {**LOAD, "built": 5, "stored": 3}, "4 statements were built but 5"),
        ("pull", {"pulled": 7}, "7 records landed but 5"),
    ],
)
def test_a_run_that_loses_something_says_where(engine: Engine, stage: str, counts: dict, said: str) -> None:
    for name, right in (("pull", {"pulled": 5}), ("map", MAP), ("load", LOAD)):
        ledger.write(engine, entry(name, counts if name == stage else right))
    with pytest.raises(LedgerOutOfBalance, match=said):
        ledger.check(engine, "r")


def test_a_stage_that_runs_again_replaces_its_entry(engine: Engine) -> None:
    ledger.write(engine, entry("map", {**MAP, "pulled": 6}, "failed"))
    ledger.write(engine, entry("map", MAP))
    assert [each.counts["pulled"] for each in ledger.entries(engine, "r")] == [5]


def test_a_day_once_loaded_stays_loaded(engine: Engine) -> None:
    day = date(2026, 11, 3)
    ledger.cover(engine, "chat", "chat", [day], "ok")
    ledger.cover(engine, "chat", "chat", [day], "missing")
    assert ledger.coverage(engine) == [(day, "chat", "ok")]


def test_a_kind_is_covered_when_all_its_connections_are(engine: Engine) -> None:
    day = date(2026, 11, 3)
    ledger.cover(engine, "one", "chat", [day], "ok")
    ledger.cover(engine, "two", "chat", [day], "missing")
    assert ledger.coverage(engine) == [(day, "chat", "missing")]
    ledger.cover(engine, "two", "chat", [day], "ok")
    assert ledger.coverage(engine) == [(day, "chat", "ok")]


def test_a_stage_that_failed_has_nothing_to_balance_and_does_not_hide_the_others(engine: Engine) -> None:
    ledger.write(engine, entry("map", {}, state="failed"))
    assert [each.state for each in ledger.check(engine, "r")] == ["failed"]
