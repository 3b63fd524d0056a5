"""The workbook as a program reads it back: native values, filters, frozen heads, no formula, the same numbers as the tables."""

import re
import shutil
import subprocess
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from leerstroom.people import Directory
from leerstroom.publishing import publish

SHEETS = [
    "Samenvatting",
    "Per medewerker",
    "Per team",
    "Communities",
    "Definitions (English)",
    "Definities (Nederlands)",
    "Dekking",
]


@pytest.fixture(scope="module")
def folder(night: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("workbook")
    publish(night.table(), **night.arguments(out))
    return out


@pytest.fixture(scope="module")
def book(folder: Path) -> Any:
    import openpyxl

    return openpyxl.load_workbook(folder / "learning-2026-11-20.xlsx")


def test_it_has_the_sheets_that_hr_expects(book: Any) -> None:
    assert book.sheetnames == SHEETS


@pytest.mark.parametrize("name", SHEETS)
def test_every_sheet_has_a_filter_and_a_frozen_head(book: Any, name: str) -> None:
    sheet = book[name]
    head = int(sheet.freeze_panes.lstrip("ABCDEFG")) - 1
    assert sheet.auto_filter.ref.startswith(f"A{head}:")
    assert all(cell.value for cell in sheet[head])


def test_dates_and_numbers_are_native(book: Any) -> None:
    sheet = book["Per medewerker"]
    heads = [cell.value for cell in sheet[4]]
    row = [cell.value for cell in sheet[5]]
    assert row[heads.index("Peildatum")] == datetime(2026, 11, 20)
    assert isinstance(row[heads.index("Formeel, minuten · 28 d")], int | float)
    assert sheet.max_row == 4 + 45


def test_numbers_equal_the_tables(book: Any, folder: Path) -> None:
    import duckdb

    from leerstroom.publishing.contract import contract

    with duckdb.connect(str(folder / "hr.duckdb"), read_only=True) as connection:
        for sheet, table in (
            ("Per medewerker", "hr_employee_nightly"),
            ("Per team", "hr_team_nightly"),
            ("Communities", "hr_community_nightly"),
        ):
            cursor = connection.execute(f"SELECT * FROM {table} ORDER BY {', '.join(contract().tables[table].key)}")
            columns = [
                column
                for column in contract().tables[table].columns
                if column.name in {each[0] for each in cursor.description}
            ]
            assert [cell.value for cell in book[sheet][4]] == [column.head("nl") for column in columns]
            for expected, found in zip(
                cursor.fetchall(), book[sheet].iter_rows(min_row=5, values_only=True), strict=True
            ):
                for value, cell, column in zip(expected, found, columns, strict=True):
                    if column.type == "date":
                        assert cell == datetime(value.year, value.month, value.day)
                    else:
                        assert cell == (pytest.approx(value) if isinstance(value, float) else value), column.name


def test_a_value_that_is_not_known_is_an_empty_cell_with_its_reason(book: Any) -> None:
    rows = {row[0]: row for row in book["Samenvatting"].iter_rows(min_row=6, values_only=True)}
    name = next(each for each in rows if each.startswith("Contacten over teams"))
    assert rows[name][1] is None
    assert rows[name][4] == "niet bekend: de bron is niet aangesloten of niet geladen"


@pytest.mark.parametrize("text", ["=1+1", "+31", "-2", "@SUM(A1)", "=cmd|' /C calc'!A0", "http://example.org"])
def test_text_from_outside_is_never_a_formula_or_a_link(
    night: Any, workbook_only: Any, tmp_path: Path, text: str
) -> None:
    import openpyxl

    staff = [replace(each, team=text) if each.team == "Data" else each for each in night.directory.employees]
    workbook_only(night.table(), **night.arguments(tmp_path, directory=Directory(staff)))
    sheet = openpyxl.load_workbook(tmp_path / "learning-2026-11-20.xlsx")["Per medewerker"]
    cells = [cell for row in sheet.iter_rows(min_row=5) for cell in row if cell.value == text]
    assert len(cells) == 9
    assert {cell.data_type for cell in cells} == {"s"}
    assert not any(cell.hyperlink for cell in cells)


def test_the_same_night_gives_the_same_bytes(night: Any, workbook_only: Any, folder: Path, tmp_path: Path) -> None:
    again = workbook_only(night.table(), **night.arguments(tmp_path))
    assert again.read_bytes() == (folder / again.name).read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
def test_libreoffice_opens_it_and_reads_the_same_numbers(book: Any, folder: Path, tmp_path: Path) -> None:
    import openpyxl

    words = [
        "soffice",
        "--headless",
        f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}",
        "--convert-to",
        "xlsx:Calc MS Excel 2007 XML",
    ]
    subprocess.run(
        [*words, "--outdir", str(tmp_path), str(folder / "learning-2026-11-20.xlsx")],
        check=True,
        capture_output=True,
        timeout=240,
    )
    converted = openpyxl.load_workbook(tmp_path / "learning-2026-11-20.xlsx")
    assert converted.sheetnames == SHEETS
    for name in SHEETS:
        ours = [row for row in book[name].iter_rows(values_only=True) if any(cell is not None for cell in row)]
        theirs = [row for row in converted[name].iter_rows(values_only=True) if any(cell is not None for cell in row)]
        assert len(ours) == len(theirs)
        for left, right in zip(ours, theirs, strict=True):
            for mine, read in zip(
                [each for each in left if each not in {None, ""}],
                [each for each in right if each not in {None, ""}],
                strict=True,
            ):
                assert read == (pytest.approx(mine) if isinstance(mine, int | float) else mine)


def test_a_row_of_the_summary_is_as_high_as_its_longest_text(book: Any) -> None:
    sheet = book["Samenvatting"]
    for row in sheet.iter_rows(min_row=6):
        lines = max(-(-len(str(cell.value or "")) // wide) for cell, wide in ((row[4], 54), (row[5], 105)))
        assert (sheet.row_dimensions[row[0].row].height or 15) >= 15 * lines


def test_no_part_is_called_by_its_id(book: Any) -> None:
    from leerstroom.publishing.definitions import label

    assert label("nonformal_learning_minutes.mooc.p25", "nl") == "Non-formele leertijd: waarvan MOOC's, eerste kwartiel"
    names = [str(row[0].value) for row in book["Samenvatting"].iter_rows(min_row=6)]
    assert [name for name in names if re.search(r"\bp\d\d\b|_", name)] == []
