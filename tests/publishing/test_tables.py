"""What stands in HR's tables, and what publishing again, late or under another policy does to them. On a real DuckDB file."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from leerstroom.errors import ConfigurationError, Unreachable
from leerstroom.publishing import publish

PRIVATE = ("network_breadth", "learning_streak_workdays", "preference_profile.participation")


def ask(path: Path, sql: str) -> list[tuple[Any, ...]]:
    import duckdb

    with duckdb.connect(str(path), read_only=True) as connection:
        return list(connection.execute(sql).fetchall())


@pytest.fixture(scope="module")
def published(night: Any, tables_only: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("hr")
    tables_only(night.table(), **night.arguments(out))
    return out / "hr.duckdb"


def test_everyone_in_service_has_one_row(night: Any, published: Path) -> None:
    assert ask(published, "SELECT count(*), count(DISTINCT employee_id) FROM hr_employee_nightly") == [(45, 45)]


def test_a_wide_value_is_the_tidy_value(published: Path) -> None:
    different = ask(
        published,
        """SELECT count(*), count(*) FILTER (wide.formal_minutes_28d IS DISTINCT FROM tidy.value)
           FROM hr_employee_nightly AS wide JOIN indicator_values AS tidy ON tidy.subject = wide.employee_id
           WHERE tidy.indicator_id = 'formal_learning_minutes' AND tidy.grain = 'employee_window' AND tidy.period_end - tidy.period_start = 27""",
    )
    assert different == [(45, 0)]


def test_a_newcomer_has_days_in_scope_and_an_absent_day_is_null_not_zero(night: Any, published: Path) -> None:
    assert ask(published, "SELECT days_in_scope_28d FROM hr_employee_nightly WHERE employee_id = 'E017'") == [(12,)]
    before = ask(
        published,
        "SELECT DISTINCT value, status FROM indicator_values WHERE subject = 'E017' AND grain = 'employee_day' AND period_end = '2026-11-08'",
    )
    assert before == [(None, "not_in_service")]


def test_the_status_column_tells_the_worst_of_its_window(published: Path) -> None:
    assert ask(published, "SELECT DISTINCT status_7d, status_28d FROM hr_employee_nightly") == [("ok", "partial")]


def test_what_only_the_employee_may_see_is_absent(published: Path) -> None:
    names = ", ".join(f"'{each}'" for each in PRIVATE)
    assert ask(
        published, f"SELECT count(*) FROM indicator_values WHERE indicator_id IN ({names}) AND grain LIKE 'employee%'"
    ) == [(0,)]
    columns = {
        row[0]
        for row in ask(published, "SELECT column_name FROM duckdb_columns() WHERE table_name = 'hr_employee_nightly'")
    }
    assert not {name for name in columns if name.startswith(("network", "learning_streak", "preference"))}
    assert "formal_minutes_28d" in columns


def test_groups_only_leaves_completions_and_mandatory_per_person(night: Any, tables_only: Any, tmp_path: Path) -> None:
    tables_only(night.table(), **night.arguments(tmp_path, policy="groups-only"))
    database = tmp_path / "hr.duckdb"
    per_person = ask(
        database,
        "SELECT DISTINCT split_part(indicator_id, '.', 1) FROM indicator_values WHERE grain LIKE 'employee%' ORDER BY 1",
    )
    assert per_person == [("formal_completions",), ("mandatory_on_time_rate",)]
    columns = [
        row[0]
        for row in ask(database, "SELECT column_name FROM duckdb_columns() WHERE table_name = 'hr_employee_nightly'")
    ]
    assert not [name for name in columns if "minutes" in name]
    assert ask(database, "SELECT formal_minutes_28d IS NOT NULL FROM hr_organisation_nightly") == [(True,)]


def test_a_small_team_and_the_one_that_would_reveal_it_have_no_values(published: Path) -> None:
    rows = ask(
        published,
        "SELECT team, formal_minutes_28d, reach_any_28d, status_28d FROM hr_team_nightly WHERE team IN ('Directie', 'Financiën') ORDER BY team",
    )
    assert rows == [("Directie", None, None, "suppressed"), ("Financiën", None, None, "suppressed_secondary")]


def test_a_suppressed_row_that_still_carries_numbers_is_emptied(night: Any, tables_only: Any, tmp_path: Path) -> None:
    rows = [
        dict(row, value=3.0, numerator=3.0, denominator=4.0) if row["status"] == "suppressed" else row
        for row in night.rows
    ]
    import pyarrow as pa

    tables_only(pa.Table.from_pylist(rows, schema=night.table().schema), **night.arguments(tmp_path))
    found = ask(
        tmp_path / "hr.duckdb",
        "SELECT count(*), count(value), count(numerator), count(denominator) FROM indicator_values WHERE status = 'suppressed'",
    )
    assert found[0][0] > 0
    assert found[0][1:] == (0, 0, 0)


def test_every_table_and_column_carries_its_comment(published: Path) -> None:
    assert ask(published, "SELECT count(*) FROM duckdb_tables() WHERE comment IS NULL") == [(0,)]
    assert ask(published, "SELECT count(*) FROM duckdb_columns() WHERE comment IS NULL AND NOT internal") == [(0,)]
    comment = ask(
        published,
        "SELECT comment FROM duckdb_columns() WHERE table_name = 'hr_employee_nightly' AND column_name = 'informal_minutes_28d'",
    )
    assert comment == [("minuten informeel leren in de 28 dagen tot en met de peildatum; grotendeels een schatting",)]


def test_keys_are_unique(night: Any, published: Path) -> None:
    from leerstroom.publishing.contract import contract

    for name, table in contract().tables.items():
        assert ask(
            published,
            f"SELECT count(*) FROM (SELECT 1 FROM {name} GROUP BY {', '.join(table.key)} HAVING count(*) > 1)",
        ) == [(0,)], name


def snapshot(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    tables = ask(database, "SELECT table_name FROM duckdb_tables() ORDER BY 1")
    return {name: ask(database, f"SELECT * FROM {name} ORDER BY ALL") for (name,) in tables}


def test_publishing_again_changes_nothing(night: Any, tmp_path: Path) -> None:
    publish(night.table(), **night.arguments(tmp_path))
    first = snapshot(tmp_path / "hr.duckdb")
    again = publish(night.table(), **night.arguments(tmp_path))
    assert snapshot(tmp_path / "hr.duckdb") == first
    assert again.rows == sum(map(len, first.values()))


def changed(night: Any, as_of: date, drop: str = "", add: float = 0.0) -> Any:
    """The same values as another night computed them: without one employee, or with other amounts."""
    import pyarrow as pa

    rows = [
        dict(row, as_of=as_of, value=row["value"] if row["value"] is None else row["value"] + add)
        for row in night.rows
        if row["subject"] != drop and row["grain"] == "employee_day"
    ]
    ends = [dict(row, as_of=as_of, period_end=as_of) for row in night.rows if row["grain"] == "organisation_window"]
    return pa.Table.from_pylist(rows + ends, schema=night.table().schema)


def test_a_later_night_replaces_the_days_it_computed_again(night: Any, tables_only: Any, tmp_path: Path) -> None:
    tables_only(night.table(), **night.arguments(tmp_path))
    later = night.as_of + timedelta(days=1)
    tables_only(changed(night, later, drop="E001", add=1.0), **night.arguments(tmp_path, as_of=later))
    days = "FROM indicator_values WHERE grain = 'employee_day' AND indicator_id = 'formal_learning_minutes' AND period_end = '2026-11-10'"
    assert ask(tmp_path / "hr.duckdb", f"SELECT count(*), min(as_of), min(value) {days}") == [(44, later, 1.0)]
    assert ask(tmp_path / "hr.duckdb", f"SELECT count(*) {days} AND subject = 'E001'") == [(0,)]


def test_an_old_night_published_late_does_not_undo_a_newer_one(night: Any, tables_only: Any, tmp_path: Path) -> None:
    later = night.as_of + timedelta(days=1)
    tables_only(changed(night, later, add=1.0), **night.arguments(tmp_path, as_of=later))
    tables_only(night.table(), **night.arguments(tmp_path))
    database = tmp_path / "hr.duckdb"
    assert ask(
        database,
        "SELECT DISTINCT as_of FROM indicator_values WHERE grain = 'employee_day' AND indicator_id = 'formal_learning_minutes'",
    ) == [(later,)]
    assert (
        ask(database, "SELECT count(*) FROM indicator_values WHERE grain = 'employee_window' AND as_of = '2026-11-20'")[
            0
        ][0]
        > 0
    )
    assert ask(database, "SELECT DISTINCT as_of FROM hr_employee_nightly") == [(later,)]


def test_rows_past_their_retention_leave(night: Any, tables_only: Any, tmp_path: Path) -> None:
    tables_only(night.table(), **night.arguments(tmp_path))
    later = night.as_of + timedelta(days=80)
    import pyarrow as pa

    rows = [
        dict(row, as_of=later, period_start=later - (row["period_end"] - row["period_start"]), period_end=later)
        for row in night.rows
        if "window" in row["grain"]
    ]
    tables_only(pa.Table.from_pylist(rows, schema=night.table().schema), **night.arguments(tmp_path, as_of=later))
    oldest = ask(
        tmp_path / "hr.duckdb",
        "SELECT min(period_end) FILTER (grain = 'employee_day'), min(period_end) FILTER (grain = 'employee_window') FROM indicator_values",
    )
    assert oldest == [(later - timedelta(days=90), night.as_of)]


def test_another_policy_takes_its_columns_away(night: Any, tables_only: Any, tmp_path: Path) -> None:
    tables_only(night.table(), **night.arguments(tmp_path))
    tables_only(night.table(), **night.arguments(tmp_path, policy="groups-only"))
    columns = [
        row[0]
        for row in ask(
            tmp_path / "hr.duckdb", "SELECT column_name FROM duckdb_columns() WHERE table_name = 'hr_employee_nightly'"
        )
    ]
    assert "formal_minutes_28d" not in columns
    assert ask(
        tmp_path / "hr.duckdb",
        "SELECT count(*) FROM indicator_values WHERE grain LIKE 'employee%' AND indicator_id = 'formal_learning_minutes'",
    ) == [(0,)]


def test_values_may_come_from_a_file_and_coverage_from_the_ledger(night: Any, tables_only: Any, tmp_path: Path) -> None:
    import pyarrow.csv
    import pyarrow.parquet

    pyarrow.parquet.write_table(night.table(), tmp_path / "values.parquet")
    pyarrow.csv.write_csv(night.table(), tmp_path / "values.csv")
    ledger = [(row["date"], row["source_kind"], row["status"]) for row in night.coverage]
    for name in ("values.parquet", "values.csv"):
        tables_only(str(tmp_path / name), **night.arguments(tmp_path / name.replace(".", "_"), coverage=ledger))
    assert snapshot(tmp_path / "values_csv" / "hr.duckdb") == snapshot(tmp_path / "values_parquet" / "hr.duckdb")


def test_ids_that_look_like_numbers_keep_their_zeros(night: Any, tables_only: Any, tmp_path: Path) -> None:
    file = tmp_path / "values.csv"
    file.write_text(
        "indicator_id,grain,subject,period_start,period_end,value,status,numerator,denominator\n"
        "formal_completions,employee_window,007,2026-11-14,2026-11-20,2,ok,,\n",
        encoding="utf-8",
    )
    tables_only(file, **night.arguments(tmp_path))
    assert ask(tmp_path / "hr.duckdb", "SELECT subject, value, as_of FROM indicator_values") == [
        ("007", 2.0, date(2026, 11, 20))
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("indicator_id,grain\nx,y\n", "lack the columns subject"),
        (
            "indicator_id,grain,subject,period_start,period_end,value,status,numerator,denominator\nx,team_window,a,2026-11-01,2026-11-07,1,ok,,\n",
            "ends on 2026-11-20",
        ),
        (
            "indicator_id,grain,subject,period_start,period_end,value,status,numerator,denominator\n"
            + "x,team_window,a,2026-11-14,2026-11-20,1,ok,,\n" * 2,
            "has 2 values",
        ),
    ],
)
def test_values_that_make_no_sense_are_refused_with_a_reason(
    night: Any, tmp_path: Path, content: str, words: str
) -> None:
    (tmp_path / "values.csv").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=words):
        publish(tmp_path / "values.csv", **night.arguments(tmp_path))
    assert not (tmp_path / "hr.duckdb").exists()


def test_an_unknown_policy_is_refused(night: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="groups-only"):
        publish(night.table(), **night.arguments(tmp_path, policy="everything"))


def test_a_database_that_cannot_be_opened_may_be_tried_again(night: Any, tmp_path: Path) -> None:
    (tmp_path / "hr.duckdb").write_bytes(b"this is no database" * 100)
    with pytest.raises(Unreachable, match=r"hr\.duckdb cannot be opened"):
        publish(night.table(), **night.arguments(tmp_path))


def test_no_table_holds_an_address(night: Any, published: Path) -> None:
    for name, rows in snapshot(published).items():
        assert not [row for row in rows if any("@" in cell for cell in row if isinstance(cell, str))], name
