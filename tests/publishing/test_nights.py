"""Night after night: what the tables hold is what a fresh computation gives, and what is older than a night computes again stays."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

from leerstroom.classification import load_rules
from leerstroom.indicators import compute
from leerstroom.mirror.columns import to_table
from leerstroom.nightly import RECOMPUTED_DAYS
from leerstroom.people import Directory, Employee
from leerstroom.statements.ids import name_uuid
from leerstroom.statements.vocabulary import extension, types, verbs

LAST = date(2026, 11, 20)
PEOPLE = [f"E{number}" for number in range(6)]


def course(who: str, day: date, minutes: int = 30) -> dict[str, Any]:
    return {
        "id": name_uuid("nights", who, day.isoformat()), "actor": {"mbox": f"mailto:{who.lower()}@example.org"},
        "verb": verbs["progressed"].as_json(), "object": {"id": f"https://t.example/{day}", "definition": {"type": types["course"]}},
        "timestamp": f"{day}T10:00:00Z", "result": {"duration": f"PT{minutes}M"}, "context": {"extensions": {extension("source-kind"): "lms"}},
    }  # fmt: skip


def void(statement: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": name_uuid("void", statement["id"]), "actor": {"mbox": "mailto:lrs@example.org"}, "verb": verbs["voided"].as_json(),
        "object": {"objectType": "StatementRef", "id": statement["id"]}, "timestamp": f"{LAST}T23:00:00Z",
    }  # fmt: skip


def night(
    statements: list[dict[str, Any]], as_of: date, out: Path, tables_only: Any, *, days: int = RECOMPUTED_DAYS
) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Computes and publishes one night; answers everything that HR's table holds then, without when it was computed."""
    import duckdb

    directory = Directory([Employee(who, (f"{who.lower()}@example.org",), team="T1") for who in PEOPLE])
    with compute(
        to_table(statements), directory, rules=load_rules(), coverage=None, from_=as_of - timedelta(days - 1), to=as_of, as_of=as_of,
        windows=(7, 28, 90), only=("formal_learning_minutes", "active_learning_days", "learning_reach"),
    ) as values:  # fmt: skip
        tables_only(
            values.table, out=out, policy="per-employee", database=None, language="en", as_of=as_of, organisation="x",
            computed_at=None, names={}, directory=directory, coverage=None,
        )  # fmt: skip
    with duckdb.connect(str(out / "hr.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            "SELECT indicator_id, grain, subject, period_start, period_end, value, status FROM indicator_values"
        ).fetchall()
    return {row[:5]: row[5:] for row in rows}


def test_late_facts_and_voids_give_what_a_fresh_computation_gives(tmp_path: Path, tables_only: Any) -> None:
    told = [course(who, LAST - timedelta(ago)) for who in PEOPLE for ago in (2, 9, 30, 50, 80)]
    late = [*told, course("E1", LAST - timedelta(20)), void(told[1]), void(told[2])]
    for folder in ("nights", "fresh"):
        (tmp_path / folder).mkdir()
    night(told, LAST - timedelta(1), tmp_path / "nights", tables_only)
    held = night(late, LAST, tmp_path / "nights", tables_only)
    fresh = night(late, LAST, tmp_path / "fresh", tables_only)
    first = LAST - timedelta(RECOMPUTED_DAYS - 1)
    again = {key: row for key, row in held.items() if key[4] == LAST or (key[1] == "employee_day" and key[4] >= first)}
    assert again == fresh
    assert fresh["formal_learning_minutes", "employee_window", "E0", LAST - timedelta(27), LAST] == (
        30.0,
        "ok",
    )  # one voided
    assert fresh["formal_learning_minutes", "employee_window", "E1", LAST - timedelta(27), LAST] == (
        90.0,
        "ok",
    )  # one late


def test_days_that_a_night_does_not_compute_again_stay(tmp_path: Path, tables_only: Any) -> None:
    told = [course(who, LAST - timedelta(ago)) for who in PEOPLE for ago in (2, 34, 35, 40)]
    night(told, LAST - timedelta(10), tmp_path, tables_only)
    held = night(told, LAST, tmp_path, tables_only)
    for ago, expected in ((2, 30.0), (34, 30.0), (35, 30.0), (40, 30.0), (41, 0.0)):
        day = LAST - timedelta(ago)
        assert held["formal_learning_minutes", "employee_day", "E0", day, day] == (expected, "ok")
