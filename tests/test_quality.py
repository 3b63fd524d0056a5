"""What a person is told to look at after a night."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from leerstroom import ledger, quality
from leerstroom.ledger import Entry
from leerstroom.quality import Kind
from leerstroom.state import open_state

AS_OF = date(2026, 11, 27)  # a Friday
DAYS = [AS_OF - timedelta(days=back) for back in range(63)]
WORKDAYS = [day for day in DAYS if day.weekday() < 5]


def usual(number: int = 100) -> dict[tuple[str, date], int]:
    return {("chat", day): number if day.weekday() < 5 else 3 for day in DAYS}


def loaded(status: str = "ok") -> list[tuple[date, str, str]]:
    return [(day, "chat", status) for day in DAYS]


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return open_state(f"sqlite:///{tmp_path}/s.sqlite")


def test_a_quiet_weekend_is_no_finding() -> None:
    assert quality.suspect_days(usual(), loaded(), AS_OF) == []


def test_a_workday_with_less_than_half_of_what_is_usual_is_suspect() -> None:
    counted = usual() | {("chat", AS_OF): 49, ("chat", WORKDAYS[1]): 51}
    assert quality.suspect_days(counted, loaded(), AS_OF) == [("chat", AS_OF, 49, 100.0)]
    [finding] = quality.drifting([("chat", AS_OF, 49, 100.0)])
    assert finding.kind is Kind.DRIFT
    assert "49 statements where 100 are usual" in finding.text


def test_a_source_with_few_statements_is_never_suspect() -> None:
    assert quality.suspect_days(usual(19) | {("chat", AS_OF): 0}, loaded(), AS_OF) == []


def test_a_missing_day_is_missing_and_not_suspect_and_no_measure_for_others() -> None:
    covered = [(day, kind, "missing" if day == AS_OF else status) for day, kind, status in loaded()]
    assert quality.suspect_days(usual() | {("chat", AS_OF): 0}, covered, AS_OF) == []
    [finding] = quality.missing_days(covered, AS_OF)
    assert (finding.kind, finding.subject) == (Kind.COVERAGE, "chat")
    assert "1 of the last 35 days" in finding.text


def test_a_suspect_day_is_ok_again_when_the_rest_has_come(engine: Engine) -> None:
    ledger.cover(engine, "a", "chat", [AS_OF, DAYS[1]], "ok")
    ledger.cover(engine, "b", "lms", [AS_OF], "missing")
    ledger.doubt(engine, [("chat", AS_OF), ("lms", AS_OF)], DAYS[34])
    assert ledger.coverage(engine) == [(DAYS[1], "chat", "ok"), (AS_OF, "chat", "suspect"), (AS_OF, "lms", "missing")]
    ledger.cover(engine, "a", "chat", [AS_OF], "missing")
    assert (AS_OF, "chat", "suspect") in ledger.coverage(engine), "what was loaded is not taken back"
    ledger.doubt(engine, [], DAYS[34])
    assert (AS_OF, "chat", "ok") in ledger.coverage(engine)


def test_what_does_not_balance_and_a_full_quarantine_are_found() -> None:
    counts = {"pulled": 100, "mapped": 90, "built": 90, "ignored": {"edit": 3}, "quarantined": {"no time": 6}}
    entry = Entry("night", "chat", "matrix", "map", "done", counts, datetime(2026, 11, 27, tzinfo=UTC))
    [fault] = quality.out_of_balance([entry])
    assert "pulled 100" in fault.text
    [full] = quality.full_quarantine([entry])
    assert full.text.startswith("6 of 100 records")
    assert (
        quality.full_quarantine([Entry("n", "chat", "matrix", "map", "done", counts | {"pulled": 400}, entry.at)]) == []
    )


def test_days_are_counted_where_the_employees_are(tmp_path: Path) -> None:
    import duckdb

    path = tmp_path / "m.parquet"
    duckdb.execute(
        f"""COPY (SELECT * FROM (VALUES (TIMESTAMPTZ '2026-11-26 23:30:00+00', 'chat'), (TIMESTAMPTZ '2026-11-26 12:00:00+00', 'chat'),
            (TIMESTAMPTZ '2026-11-26 12:00:00+00', NULL)) t("timestamp", source_kind)) TO '{path}'"""
    )
    counted = quality.daily_statements([str(path)], "Europe/Amsterdam", date(2026, 11, 20))
    assert counted == {("chat", date(2026, 11, 27)): 1, ("chat", date(2026, 11, 26)): 1}
