"""What is held about one person in HR's tables, and its erasure."""

from pathlib import Path
from typing import Any

from leerstroom.publishing import erase_person, export_person


def test_everything_about_a_person_comes_out_and_can_be_erased(night: Any, tables_only: Any, tmp_path: Path) -> None:
    tables_only(night.table(), **night.arguments(tmp_path))
    database = str(tmp_path / "hr.duckdb")
    held = export_person(database, "E005")
    assert {row["subject"] for row in held["indicator_values"]} == {"E005"}
    assert [row["as_of"] for row in held["hr_employee_nightly"]] == ["2026-11-20"]
    assert erase_person(database, "E005") == sum(map(len, held.values()))
    assert not any(export_person(database, "E005").values())
    assert export_person(database, "E006")["hr_employee_nightly"]


def test_a_team_of_the_same_name_is_no_person(night: Any, tables_only: Any, tmp_path: Path) -> None:
    tables_only(night.table(), **night.arguments(tmp_path))
    assert erase_person(str(tmp_path / "hr.duckdb"), "Data") == 0


def test_a_database_without_tables_holds_nobody(tmp_path: Path) -> None:
    assert export_person(str(tmp_path / "hr.duckdb"), "E005") == {}
    assert erase_person(str(tmp_path / "hr.duckdb"), "E005") == 0
