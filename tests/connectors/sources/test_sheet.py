"""Attendance sheets as Dutch Excel writes them; bad lines are reported with their number, and the others load."""

import io
import json
import os
import subprocess
import sys
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planned import planned
from source_contract import (
    KEY,
    RECORDINGS,
    SourceContract,
    check_pair,
    completed,
    landed,
    mapped,
    pairs,
    people_of,
    statements_of,
)

from connectors.mapping import Mapper, Quarantined
from connectors.source import Window
from connectors.sources.sheet import Sheet, _hours, day_of
from leerstroom.errors import BadRecord, ConfigurationError
from leerstroom.people import Directory, Employee
from leerstroom.revisions import Revisions
from leerstroom.state import open_state
from leerstroom.statements import Retracted, types, verbs
from leerstroom.statements.vocabulary import EXTENSION_BASE

DEMO = RECORDINGS / "demo" / "sheet"
WINDOW = Window(datetime(2026, 10, 25, 23, tzinfo=UTC), datetime(2026, 11, 15, 23, tzinfo=UTC))


class TestSheet(SourceContract):
    source = Sheet
    window = WINDOW
    names = ("Bakker", "Jansen, B.")

    def connection(self, url: str | None) -> dict[str, Any]:
        return {"files": [str(DEMO / "*.csv"), str(DEMO / "*.xlsx")]}


def write(folder: Path, text: str, name: str = "lijst.csv", encoding: str = "utf-8-sig") -> Sheet:
    (folder / name).write_bytes(text.encode(encoding))
    return completed(Sheet, {"files": [str(folder / name)]})


YEAR = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


def pull(sheet: Sheet, window: Window = YEAR) -> list:
    with sheet.api() as api:
        return list(sheet.pull(api, window))


def load(sheet: Sheet, directory: Directory | None = None, *, retracted: bool = False) -> tuple[Mapper, list]:
    mapper = Mapper(sheet, people_of(sheet, directory))
    made = list(mapper.statements(landed(sheet, pull(sheet))))
    return mapper, [each for each in made if retracted or not isinstance(each, Retracted)]


@pytest.mark.parametrize("pair", pairs("sheet"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(Sheet, pair)


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
        ("mentoring", "mentor", verbs.MENTORED, types.FACE_TO_FACE_DISCUSSION),
        ("werkplekleren", "praktijkbegeleider", verbs.MENTORED, types.GUIDED_ON_THE_JOB),
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
    kept = landed(sheet, pull(sheet))
    assert [record["status"] for record in kept] == ["absent", "unknown"]
    assert "ziek" not in json.dumps(kept)
    assert "griep" not in json.dumps(kept)


def test_what_cannot_be_read_does_not_land_for_it_may_be_a_name(tmp_path: Path) -> None:
    head = "employee_id;datum;titel;uren;van;soort;rol;initiatief;geregistreerd door\n"
    sheet = write(tmp_path, head + "E1;Jansen;t;Jansen;Jansen;Jansen;Jansen;Jansen;Jansen\n")
    kept = landed(sheet, pull(sheet))
    assert "Jansen" not in json.dumps(kept)
    assert [kept[0].get(name) for name in ("date", "hours", "start", "kind", "role")] == ["?", "?", "?", "?", None]
    mapper, _ = mapped(sheet, kept)
    assert mapper.counts.quarantined == {"lijst.csv line 2: date is no date like 03-11-2026": 1}


def test_the_title_of_a_talk_between_two_people_is_not_kept(tmp_path: Path) -> None:
    text = "employee_id;date;title;kind\nE1;2026-11-03;Gesprek met Anna;coachgesprek\nE1;2026-11-03;Gesprek met Bas;coachgesprek\n"
    sheet = write(tmp_path, text)
    assert "Anna" not in json.dumps(landed(sheet, pull(sheet)))
    _, made = load(sheet)
    assert len({each["object"]["id"] for each in made}) == 2
    assert not any("name" in each["object"]["definition"] for each in made)


def test_what_people_report_of_themselves_says_so(tmp_path: Path) -> None:
    text = "employee_id;date;title;bron\nE1;2026-11-03;t;eigen opgave\nE2;2026-11-03;t;J. van der Berg\n"
    _, made = load(write(tmp_path, text))
    name = EXTENSION_BASE + "self-reported"
    assert [each["context"]["extensions"].get(name) for each in made] == [True, None]


def test_a_corrected_line_is_the_same_fact_with_another_id_wherever_it_stands(tmp_path: Path) -> None:
    _, [before] = load(write(tmp_path, "employee_id;date;title;hours\nE1;2026-11-03;t;1\n"))
    _, [_, after] = load(write(tmp_path, "employee_id;date;title;hours\nE2;2026-11-03;t;1\nE1;2026-11-03;t;1,5\n"))
    name = EXTENSION_BASE + "record"
    assert before["context"]["extensions"][name] == after["context"]["extensions"][name]
    assert before["id"] != after["id"]


def test_a_line_that_says_absent_now_takes_back_what_it_made(tmp_path: Path) -> None:
    head = "employee_id;date;title;status\n"
    _, [before] = load(write(tmp_path, f"{head}E1;2026-11-03;t;ja\n"))
    mapper, [retracted] = load(write(tmp_path, f"{head}E1;2026-11-03;t;nee\n"), retracted=True)
    assert mapper.counts.ignored == {"absent": 1}
    assert mapper.counts.balances
    revisions = Revisions(open_state(f"sqlite:///{tmp_path}/state.sqlite"), "registers")
    planned(revisions, [dict(before)], "2026-11-04T01:00:00.000Z")
    assert [void for void, _ in revisions.retract([retracted.key], "2026-11-05T01:00:00.000Z")] == [before["id"]]


def test_somebody_more_in_a_session_is_a_new_form_of_all_its_lines(tmp_path: Path) -> None:
    _, [before] = load(write(tmp_path, "employee_id;date;title\nE1;2026-11-03;t\n"))
    _, [after, _] = load(write(tmp_path, "employee_id;date;title\nE1;2026-11-03;t\nE2;2026-11-03;t\n"))
    assert before["context"] != after["context"]
    assert before["id"] != after["id"], "another statement under the same id would be a conflict"


def test_morning_and_afternoon_are_two_and_a_line_that_is_repeated_is_one(tmp_path: Path) -> None:
    mapper, made = load(
        write(
            tmp_path,
            f"{HEAD}E1;;S;t;03-11-2026;13:00;15:00;;ja;cursus\nE1;;S;t;03-11-2026;09:00;12:00;;ja;cursus\n"
            "E1;;S;t;03-11-2026;13:00;16:00;;ja;cursus\n",
        )
    )
    assert sorted(each["result"]["duration"] for each in made) == ["PT3H", "PT3H"]
    assert len({each["context"]["extensions"][EXTENSION_BASE + "record"] for each in made}) == 2
    assert {each["context"]["extensions"][EXTENSION_BASE + "group-size"] for each in made} == {1}
    assert mapper.counts.ignored == {"repeated further down in the sheet": 1}


def test_of_two_files_that_tell_of_the_same_the_newer_counts(tmp_path: Path) -> None:
    for number, (name, hours) in enumerate((("b.csv", "1"), ("a.csv", "2"))):
        file = tmp_path / name
        file.write_text(f"employee_id;date;title;hours\nE1;2026-11-03;t;{hours}\nE{number + 5};2026-11-03;u;1\n")
        os.utime(file, (1_790_000_000 + number, 1_790_000_000 + number))
    mapper, made = load(completed(Sheet, {"files": [str(tmp_path)]}))
    assert sorted(each["result"]["duration"] for each in made) == ["PT1H", "PT1H", "PT2H"]
    assert mapper.counts.ignored == {"repeated in a newer sheet": 1}


def test_a_file_that_cannot_be_read_is_reported_and_the_others_load(tmp_path: Path) -> None:
    (tmp_path / "broken.xlsx").write_bytes(b"PK\x03\x04rest")
    (tmp_path / "~$open.xlsx").write_bytes(b"owner")
    (tmp_path / "notes.txt").write_text("no sheet")
    (tmp_path / "good.csv").write_text("employee_id;date;title\nE1;2026-11-03;t\n")
    sheet = completed(Sheet, {"files": [str(tmp_path)]})
    mapper, _ = load(sheet)
    assert mapper.counts.mapped == 1
    assert [reason.split(" ")[0] for reason in mapper.counts.quarantined] == ["broken.xlsx"]
    with sheet.api() as api, pytest.raises(ConfigurationError, match=r"broken\.xlsx"):
        sheet.check(api)


def test_a_bad_line_is_reported_with_the_days_of_its_sheet_and_not_for_ever(tmp_path: Path) -> None:
    sheet = write(tmp_path, "employee_id;date;title\nE1;2026-11-03;t\nE2;31-11-2026;t\n")
    assert len(pull(sheet)) == 2
    assert pull(sheet, Window(datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC))) == []


def test_a_window_holds_the_sessions_of_its_local_days(tmp_path: Path) -> None:
    sheet = write(tmp_path, "employee_id;date;title\nE1;2026-11-02;t\nE1;2026-11-03;t\nE1;2026-11-04;t\n")
    night = Window(datetime(2026, 11, 2, 23, tzinfo=UTC), datetime(2026, 11, 3, 23, tzinfo=UTC))
    assert [record["date"] for record in pull(sheet, night)] == ["2026-11-03"]


@pytest.mark.parametrize(
    "text",
    [
        "Personeelsnummer;Naam;Datum;Titel\nE1;Jansen, J., mr., dr., ir.;03-11-2026;Wet, regel, praktijk, en nu\n",
        'Personeelsnummer;Datum;Titel\nE1;03-11-2026;"Gesprek\nin twee regels"\n',
        "sep=;\nPersoneelsnummer;Datum;Titel\nE1;3 november 2026;t\n",
        "Personeelsnummer\tDatum\tTitel\nE1\t3-nov-26\tt\n",
        '"Personeelsnummer","Datum","Titel"\n"E1","03-11-2026","a;b"\n',
        "Cursus A\nPersoneelsnummer;Datum;Titel\nE1;03-11-2026;Totaalbeeld\nTotaal;1;\nSubtotaal;;\n",
    ],
)
def test_sheets_as_they_come(tmp_path: Path, text: str) -> None:
    mapper, made = load(write(tmp_path, text))
    assert len(made) == 1, mapper.counts
    assert mapper.counts.pulled == 1


def test_a_quotation_mark_that_nobody_closed_spoils_its_own_line_only(tmp_path: Path) -> None:
    lines = "".join(f"E{number};03-11-2026;t\n" for number in range(40))
    _, made = load(write(tmp_path, f'Personeelsnummer;Datum;Titel\nE99;03-11-2026;"Open deur\n{lines}'))
    assert len(made) == 41


def test_a_line_number_is_that_of_the_first_line_of_a_cell_with_breaks(tmp_path: Path) -> None:
    text = 'Personeelsnummer;Datum;Titel\nE1;03-11-2026;"a\nb"\nE2;geen;c\n'
    mapper, _ = load(write(tmp_path, text))
    assert list(mapper.counts.quarantined) == ["lijst.csv line 4: date is no date like 03-11-2026"]


def test_a_second_header_starts_another_block(tmp_path: Path) -> None:
    text = "Personeelsnummer;Datum;Titel\nE1;03-11-2026;t\n\nSessie B\nDatum;Personeelsnummer;Titel\n04-11-2026;E2;u\n"
    mapper, made = load(write(tmp_path, text))
    assert [each["object"]["definition"]["name"]["nl"] for each in made if isinstance(each, dict)] == ["t", "u"]
    assert [each.reason for each in made if isinstance(each, Quarantined)] == [
        "lijst.csv line 4: date is no date like 03-11-2026"
    ]
    assert mapper.counts.balances


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
    coached = [each for each in made if each["verb"]["id"] == verbs.COACHED.iri]
    assert {each["context"]["extensions"][EXTENSION_BASE + "group-size"] for each in coached} == {2}
    meeting = [each for each in made if each["object"]["definition"]["type"] == types.MEETING]
    assert {each["context"]["extensions"][EXTENSION_BASE + "group-size"] for each in meeting} == {16}


def workbook(folder: Path, *rows: list, **cells: Any) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for cell, value in cells.items():
        book.active[cell] = value
    book.save(folder / "x.xlsx")
    return folder / "x.xlsx"


def poisoned(file: Path) -> bytes:
    """The workbook with entities that grow a thousandfold."""
    made = io.BytesIO()
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(made, "w") as copy:
        for part in archive.infolist():
            data = archive.read(part)
            if part.filename.endswith("sheet1.xml"):
                data = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>' + data
            copy.writestr(part.filename, data)
    return made.getvalue()


def test_files_that_are_no_sheets_are_refused_with_a_reason(tmp_path: Path) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"\0" * (201 * 1024 * 1024))
    for name, data, said in (
        ("bomb.xlsx", bomb.getvalue(), "unpacks"),
        ("entities.xlsx", poisoned(workbook(tmp_path, ["employee_id", "date"])), "entities"),
        ("x.xlsx", b"PK\x03\x04rest", "no XLSX"),
        ("old.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "old or a protected"),
        ("x.csv", b"a;b\n1;2\n", "header"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(BadRecord, match=said):
            list(completed(Sheet, {"files": []}).read_file(str(tmp_path / name)))


def test_rows_of_a_workbook_are_numbered_as_excel_shows_them(tmp_path: Path) -> None:
    header = {"B3": "Personeelsnummer", "C3": "Datum", "D3": "Titel"}
    line = {"B9": "E1", "C9": 46329, "D9": "t", "B12": "E2", "C12": "ooit", "XFD1048576": "far away"}
    file = workbook(tmp_path, A1="Presentielijst", **header, **line)
    sheet = completed(Sheet, {"files": [str(file)]})
    mapper, [made, bad] = load(sheet)
    assert made["timestamp"].startswith("2026-11-03")
    assert bad.key == "x.xlsx line 12"
    assert mapper.counts.pulled == 2


def test_all_worksheets_are_read_when_asked_for(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for number, title in enumerate(("Toelichting", "Maandag", "Dinsdag")):
        page = book.create_sheet(title)
        page.append(["Over deze lijst"] if not number else ["employee_id", "date", "title"])
        page.append(["tekst"] if not number else [f"E{number}", date(2026, 11, 2 + number), "t"])
    book.remove(book["Sheet"])
    book.save(tmp_path / "x.xlsx")
    sheet = completed(Sheet, {"files": [str(tmp_path / "x.xlsx")], "worksheet": "*"})
    assert [record.key for record in pull(sheet)] == ["x.xlsx Maandag line 2", "x.xlsx Dinsdag line 2"]
    missing = completed(Sheet, {"files": [], "worksheet": "Woensdag"})
    with pytest.raises(BadRecord, match="Woensdag"):
        list(missing.read_file(str(tmp_path / "x.xlsx")))


def test_the_demo_is_written_the_same_way_each_time(tmp_path: Path) -> None:
    (tmp_path / "sheet").mkdir()
    for name in ("employees.csv", "sheet/make.py"):
        (tmp_path / name).write_bytes((RECORDINGS / "demo" / name).read_bytes())
    subprocess.run([sys.executable, tmp_path / "sheet" / "make.py"], check=True, capture_output=True)
    assert (tmp_path / "sheet" / "presentielijst.csv").read_bytes() == (DEMO / "presentielijst.csv").read_bytes()
    made, kept = [list(openpyxl.load_workbook(folder / "leergesprekken.xlsx").active.values) for folder in (tmp_path / "sheet", DEMO)]  # fmt: skip
    assert made == kept


@pytest.mark.parametrize("name", ["presentielijst.csv", "leergesprekken.xlsx"])
def test_a_raw_file_is_normalised(name: str, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("leerstroom")), "normalise", "sheet", str(DEMO / name), "--quarantine", str(tmp_path / "q")]  # fmt: skip
    environment = {**os.environ, "LEERSTROOM_PSEUDONYM_KEY": "a key of sixteen bytes or more"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert len(done.stdout.splitlines()) > 30
    assert len((tmp_path / "q").read_text().splitlines()) == (3 if name.endswith("csv") else 0)


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


def test_english_headers_are_known_however_they_are_written(tmp_path: Path) -> None:
    text = "Employee ID,E-mail address,Course,Date,Start Time,End-time,Attended\nE1,,Excel,03-11-2026,9:00 AM,1:30 PM,Yes\n"
    _, [made] = load(write(tmp_path, text))
    assert (made["timestamp"], made["result"]["duration"]) == ("2026-11-03T12:30:00.000Z", "PT4H30M")


def test_a_file_whose_dates_cannot_all_be_days_first_has_its_months_first(tmp_path: Path) -> None:
    text = "Employee ID,Course,Date,Hours\nE1,Excel,11/03/2026,2\nE2,Excel,11/13/2026,2\n"
    _, made = load(write(tmp_path, text))
    assert [each["timestamp"][:10] for each in made] == ["2026-11-03", "2026-11-13"]
    _, [made] = load(write(tmp_path, "Employee ID,Course,Date,Hours\nE1,Excel,11/03/2026,2\n"))
    assert made["timestamp"][:10] == "2026-03-11", "days come first where nothing speaks against it"


def test_a_day_with_its_time_behind_a_t_is_a_day() -> None:
    assert day_of("2026-11-03T09:00:00Z") == date(2026, 11, 3)


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
        assert day_of(text) == day


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("1,5", 1.5),
        ("1.5", 1.5),
        (2, 2.0),
        ("1:30", 1.5),
        ("2 uur", 2.0),
        ("90 min", 1.5),
        ("1h 30m", 1.5),
        ("2 uur 15 minuten", 2.25),
        ("", None),
        (None, None),
    ],
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


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-11-03T09:00:00", "2026-11-03T12:00:00"),
        ("2026-11-03T09:00:00+01:00", "2026-11-03T11:00:00Z"),
        ("03-11-2026 09:00", "03-11-2026 12.00"),
        ("3 november 2026 09:00", "3 november 2026 12:00"),
    ],
)
def test_start_and_end_may_tell_the_day_as_well(start: str, end: str) -> None:
    source = completed(Sheet, {"files": []})
    told = f"person_id;title;start;end;status\nE1001;Excel;{start};{end};present\n"
    [made] = statements_of(mapped(source, landed(source, list(source.read_document(told.encode(), "x.csv"))))[1])
    assert (made["timestamp"], made["result"]["duration"]) == ("2026-11-03T11:00:00.000Z", "PT3H")
    assert made["object"]["id"].endswith("/sessions/Excel%202026-11-03")


def test_a_session_over_midnight_has_its_hours_and_a_clock_change_counts() -> None:
    source = completed(Sheet, {"files": []})
    told = "person_id;title;start;end;status\nE1;Nacht;2026-10-24 23:00;2026-10-25 04:00;present\n"
    [made] = statements_of(mapped(source, landed(source, list(source.read_document(told.encode(), "x.csv"))))[1])
    assert (made["timestamp"], made["result"]["duration"]) == ("2026-10-25T03:00:00.000Z", "PT6H")
