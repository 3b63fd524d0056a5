"""Attendance sheets as Dutch Excel writes them; bad lines are reported with their number, and the others load."""

import io
import json
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_contract import KEY, RECORDINGS, SourceContract, completed, landed, mapped, people_of

from connectors.mapping import Mapper, Quarantined
from connectors.source import Window
from connectors.sources.sheet import Sheet, _date, _hours
from leerstroom.errors import BadRecord, ConfigurationError
from leerstroom.people import Directory, Employee
from leerstroom.statements import types, verbs
from leerstroom.statements.vocabulary import EXTENSION_BASE

DEMO = RECORDINGS / "demo" / "sheet"
WINDOW = Window(datetime(2026, 10, 25, 23, tzinfo=UTC), datetime(2026, 11, 15, 23, tzinfo=UTC))


class TestSheet(SourceContract):
    source = Sheet
    window = WINDOW
    empty_gives_nothing = False  # lines without a date are reported in every window
    names = ("Bakker", "Jansen, B.")

    def connection(self, url: str | None) -> dict[str, Any]:
        return {"files": [str(DEMO / "*.csv"), str(DEMO / "*.xlsx")]}


def write(folder: Path, text: str, name: str = "lijst.csv", encoding: str = "utf-8-sig") -> Sheet:
    (folder / name).write_bytes(text.encode(encoding))
    return completed(Sheet, {"files": [str(folder / name)]})


def load(sheet: Sheet, directory: Directory | None = None) -> tuple[Mapper, list]:
    with sheet.api() as api:
        records = list(sheet.pull(api, Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))))
    mapper = Mapper(sheet, people_of(sheet, directory))
    return mapper, list(mapper.statements(landed(sheet, records)))


HEAD = "Personeelsnummer;Naam;Sessie;Titel;Datum;Van;Tot;Uren;Aanwezig;Soort\r\n"


def test_a_sheet_with_three_bad_lines_loads_the_others_and_reports_the_three() -> None:
    sheet = completed(Sheet, {"files": [str(DEMO / "presentielijst.csv")]})
    mapper, made = load(sheet)
    reported = [each.reason for each in made if isinstance(each, Quarantined)]
    assert len(reported) == 3
    assert [reason.split(":")[0] for reason in reported] == [
        "presentielijst.csv line 8",
        "presentielijst.csv line 17",
        "presentielijst.csv line 26",
    ]
    assert "date" in reported[0]
    assert "employee id" in reported[1]
    assert "hours" in reported[2]
    assert mapper.counts.mapped + mapper.counts.ignored["absent"] == 45 - 3
    assert mapper.counts.balances


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "cp1252"])
def test_every_encoding_and_title_lines_above_the_header(tmp_path: Path, encoding: str) -> None:
    text = f"Academie één\r\n;;;\r\n{HEAD}E1;Jansen, J. van der;S1;Gesprek café;03-11-2026;09:00;10:30;;ja;workshop\r\n\r\nTotaal 1;;;\r\n"
    _, [made] = load(write(tmp_path, text, encoding=encoding))
    assert made["result"]["duration"] == "PT1H30M"
    assert made["timestamp"] == "2026-11-03T09:30:00.000Z"
    assert made["object"]["definition"] == {"type": types.WORKSHOP, "name": {"nl": "Gesprek café"}}
    assert "Jansen" not in json.dumps(made)


def test_a_person_is_found_by_employee_id_or_address_never_by_name(tmp_path: Path) -> None:
    directory = Directory([Employee("E1", emails=("anna@x.nl",))])
    text = "naam;personeelsnummer;e-mail;datum;titel\nAnna;E1;;3-11-26;x\nAnna;;ANNA@x.nl;03/11/2026;y\nAnna;E9;;2026-11-03;z\n"
    _, made = load(write(tmp_path, text), directory)
    assert [each["actor"]["account"]["homePage"].startswith("https://people") for each in made] == [True, True, False]
    assert made[0]["actor"] == made[1]["actor"]


def test_hours_count_before_start_and_end_and_a_summer_day_keeps_its_clock(tmp_path: Path) -> None:
    _, made = load(
        write(
            tmp_path, f"{HEAD}E1;;S;t;01-07-2026;09:00;12:00;2,5;x;cursus\nE1;;S;t;25-10-2026;09:00;10:00;;x;cursus\n"
        )
    )
    assert [each["result"]["duration"] for each in made] == ["PT2H30M", "PT1H"]
    assert [each["timestamp"] for each in made] == ["2026-07-01T10:00:00.000Z", "2026-10-25T09:00:00.000Z"]


@pytest.mark.parametrize(
    ("kind", "role", "verb", "type_iri"),
    [
        ("klassikaal", "", verbs.ATTENDED, types.CLASSROOM),
        ("Intervisie", "", verbs.ATTENDED, types.FACE_TO_FACE_DISCUSSION),
        ("meelopen", "", verbs.SHADOWED, types.VISIT),
        ("coachgesprek", "coach", verbs.COACHED, types.FACE_TO_FACE_DISCUSSION),
        ("werkplekleren", "", verbs.ATTENDED, types.GUIDED_ON_THE_JOB),
        ("overleg", "", verbs.ATTENDED, types.MEETING),
    ],
)
def test_kinds_of_sessions(tmp_path: Path, kind: str, role: str, verb: Any, type_iri: str) -> None:
    _, [made] = load(write(tmp_path, f"employee_id;date;title;kind;role\nE1;2026-11-03;t;{kind};{role}\n"))
    assert made["verb"]["id"] == verb.iri
    assert made["object"]["definition"]["type"] == type_iri


def test_a_trainer_is_marked_and_the_size_of_the_group_counts_who_was_there(tmp_path: Path) -> None:
    lines = "".join(
        f"E{number};2026-11-03;S1;{'ja' if number else 'nee'};{'trainer' if number == 1 else ''}\n"
        for number in range(15)
    )
    _, made = load(write(tmp_path, "employee_id;date;session_id;status;role\n" + lines))
    assert {each["context"]["extensions"][EXTENSION_BASE + "group-size"] for each in made} == {14}
    assert [each["context"]["extensions"].get(EXTENSION_BASE + "actor-role") for each in made].count("trainer") == 1


def test_why_someone_was_absent_never_lands(tmp_path: Path) -> None:
    sheet = write(tmp_path, "employee_id;date;title;status\nE1;2026-11-03;t;ziek\nE2;2026-11-03;t;griep\n")
    with sheet.api() as api:
        kept = [
            sheet.minimise(record, KEY)
            for record in sheet.pull(api, Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)))
        ]
    assert [record["status"] for record in kept] == ["absent", "unknown"]
    assert "ziek" not in json.dumps(kept)
    assert "griep" not in json.dumps(kept)


def test_a_corrected_line_is_the_same_fact_with_another_id_wherever_it_stands(tmp_path: Path) -> None:
    _, [before] = load(write(tmp_path, "employee_id;date;title;hours\nE1;2026-11-03;t;1\n"))
    _, [_, after] = load(write(tmp_path, "employee_id;date;title;hours\nE2;2026-11-03;t;1\nE1;2026-11-03;t;1,5\n"))
    name = EXTENSION_BASE + "record"
    assert before["context"]["extensions"][name] == after["context"]["extensions"][name]
    assert before["id"] != after["id"]


def test_columns_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Wie,Wanneer,Wat\nE1,2026-11-03,iets\n")
    sheet = completed(
        Sheet, {"files": [str(tmp_path / "a.csv")], "columns": {"person_id": "Wie", "date": "Wanneer", "title": "Wat"}}
    )
    _, [made] = load(sheet)
    assert made["object"]["definition"]["name"] == {"nl": "iets"}


def test_a_workbook_in_excels_own_dates_and_times() -> None:
    sheet = completed(Sheet, {"files": [str(DEMO / "leergesprekken.xlsx")]})
    mapper, made = load(sheet)
    assert mapper.counts.quarantined.total() == 0
    talks = [each for each in made if each["object"]["definition"]["type"] == types.FACE_TO_FACE_DISCUSSION]
    assert {each["result"]["duration"] for each in talks} == {"PT1H15M", "PT45M"}
    meeting = [each for each in made if each["object"]["definition"]["type"] == types.MEETING]
    assert {each["context"]["extensions"][EXTENSION_BASE + "group-size"] for each in meeting} == {16}


def test_files_that_are_no_sheets_are_refused_with_a_reason(tmp_path: Path) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"\0" * (501 * 1024 * 1024))
    for name, data, said in (
        ("bomb.xlsx", bomb.getvalue(), "unpacks"),
        ("x.xlsx", b"PK\x03\x04rest", "no XLSX"),
        ("x.csv", b"a;b\n1;2\n", "header"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(BadRecord, match=said):
            list(completed(Sheet, {"files": []}).read_file(str(tmp_path / name)))


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    sheet = completed(Sheet, {"files": [str(tmp_path / "none.csv")]})
    with sheet.api() as api, pytest.raises(ConfigurationError, match=r"none\.csv"):
        sheet.check(api)


def test_a_formula_is_read_as_the_value_that_was_saved(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["employee_id", "date", "title", "hours"])
    book.active.append(["E1", date(2026, 11, 3), "=HYPERLINK(1)", 1])
    book.save(tmp_path / "f.xlsx")
    _, [made] = load(completed(Sheet, {"files": [str(tmp_path / "f.xlsx")]}))
    assert "name" not in made["object"]["definition"]


@given(st.dates(date(2000, 1, 1), date(2090, 12, 31)))
def test_a_day_reads_the_same_however_it_is_written(day: date) -> None:
    serial = (day - date(1899, 12, 30)).days
    for text in (
        day.strftime("%d-%m-%Y"),
        f"{day.day}-{day.month}-{day.year}",
        day.strftime("%d/%m/%Y"),
        day.isoformat(),
        f"{day} 00:00:00",
        serial,
    ):
        assert _date(text) == day


@pytest.mark.parametrize(
    ("text", "hours"), [("1,5", 1.5), ("1.5", 1.5), (2, 2.0), ("1:30", 1.5), ("2 uur", 2.0), ("", None), (None, None)]
)
def test_hours_as_people_write_them(text: Any, hours: float | None) -> None:
    assert _hours(text) == hours


@given(
    st.dictionaries(
        st.sampled_from(["employee_id", "date", "title", "hours", "start", "end", "status", "kind"]),
        st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.lists(st.integers())),
    )
)
def test_any_line_ends_as_a_statement_ignored_or_in_quarantine(line: dict) -> None:
    sheet = completed(Sheet, {"files": []})
    try:
        records = [sheet.minimise(record, KEY) for record in sheet.read(line)]
    except BadRecord:
        return
    mapper, _ = mapped(sheet, records)
    assert mapper.counts.balances
