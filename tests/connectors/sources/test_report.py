"""Reports of any LMS: columns by name, dates as systems write them, pages as OData and others number them."""

import io
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from source_contract import RECORDINGS, SourceContract, check_pair, completed, landed, mapped, pairs, statements_of

from connectors.mapping import Mapper
from connectors.source import Record, Window
from connectors.sources.report import HEADERS, Report, _seconds, _time
from leerstroom.errors import BadRecord, ConfigurationError, CredentialsRefused, UnexpectedShape
from leerstroom.people import Directory, Employee
from leerstroom.replay import Running, running
from leerstroom.statements import Retracted, types, verbs
from leerstroom.statements.vocabulary import EXTENSION_BASE

WINDOW = Window(datetime(2026, 10, 26, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC))
CLOCK = datetime(2026, 11, 24, tzinfo=UTC)
EXPORT = RECORDINGS / "report" / "export.csv"
NAMES = ("Weergavenaam", "is ziek")
COMMON = {"token": "a-token-for-the-tests", "requests_per_minute": 60_000}


class TestOData4(SourceContract):
    source = Report
    fields = {**COMMON, "paths": ["/odata4/vw_rpt_transcript?$filter=user_lo_last_modified_dt ge {from}"], "columns": {"course": "training_title"}}  # fmt: skip # noqa: RUF012
    recordings = RECORDINGS / "report"
    window = WINDOW
    clock = CLOCK
    paged = "/odata4"
    names = NAMES


class TestOData2(SourceContract):
    source = Report
    fields = {**COMMON, "paths": ["/odata2/learninghistorys?$format=json"]}  # noqa: RUF012
    recordings = RECORDINGS / "report"
    window = WINDOW
    clock = CLOCK
    paged = "/odata2"
    names = NAMES


class TestNumberedPages(SourceContract):
    source = Report
    fields = {**COMMON, "paths": ["/pages/course/v1/courses/enrollments?page_size=2"], "page_parameter": "page", "more": "data.has_more_data"}  # fmt: skip # noqa: RUF012
    recordings = RECORDINGS / "report"
    window = WINDOW
    clock = CLOCK
    paged = "/pages"
    names = ("fatima@", "noor@")


class TestFiles(SourceContract):
    source = Report
    fields = {"files": [str(EXPORT)]}  # noqa: RUF012
    window = WINDOW
    names = NAMES


@pytest.mark.parametrize("pair", pairs("report"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(Report, pair)


def outcomes(*payloads: Any, directory: Directory | None = None, **fields: Any) -> tuple[Mapper, list]:
    source = completed(Report, fields)
    return mapped(source, landed(source, [row for payload in payloads for row in source.read(payload)]), directory)


def row(**cells: Any) -> dict[str, Any]:
    return {"employee_id": "E1", "course_id": "C1", "status": "completed", "completed": "2026-11-03T10:00:00Z", **cells}


def extension(statement: dict[str, Any], name: str) -> Any:
    return statement["context"]["extensions"].get(EXTENSION_BASE + name)


# --- facts -------------------------------------------------------------------------------------------------------------------------------


def test_an_enrolment_with_a_due_date_and_its_completion_belong_together() -> None:
    _, made = outcomes(row(registered="2026-10-01", due="2026-12-01", mandatory="ja", score="8,5", max_score=10))
    assert [each["verb"]["id"] for each in made] == [verbs.REGISTERED.iri, verbs.COMPLETED.iri]
    assert len({each["context"]["registration"] for each in made}) == 1
    for each in made:
        assert (extension(each, "initiator"), extension(each, "mandatory"), extension(each, "due")) == ("assigned", True, "2026-12-01")  # fmt: skip
    assert made[1]["result"] == {"completion": True, "score": {"raw": 8.5, "max": 10.0, "scaled": 0.85, "min": 0}}


@pytest.mark.parametrize(
    ("cells", "verb", "success"),
    [
        ({"status": "Passed"}, verbs.PASSED, True),
        ({"status": "Completed (Equivalent)"}, verbs.COMPLETED, None),
        ({"status": "Niet geslaagd"}, verbs.FAILED, False),
        ({"status": "Completed", "passed": "true"}, verbs.PASSED, True),
        ({"status": "Completed", "passed": False}, verbs.COMPLETED, False),
        ({"status": None, "passed": "nee"}, verbs.FAILED, False),
        ({"status": None}, verbs.COMPLETED, None),
    ],
)
def test_how_it_ended(cells: dict[str, Any], verb: Any, success: bool | None) -> None:
    _, [made] = outcomes(row(**cells))
    assert (made["verb"]["id"], made["result"].get("success")) == (verb.iri, success)


@pytest.mark.parametrize("status", ["In Progress", "not_started", "Subscribed", "Ingeschreven", "Past Due", "In Progress / Past Due"])  # fmt: skip
def test_an_enrolment_is_no_completion(status: str) -> None:
    _, [made] = outcomes(row(status=status, completed=None, registered="2026-10-01"))
    assert made["verb"]["id"] == verbs.REGISTERED.iri


def test_who_is_enrolled_to_teach_learns_nothing_by_it() -> None:
    cells = {"status": "Completed", "registered": "2026-10-01"}
    mapper, made = outcomes(row(**cells, enrollment_level="tutor"))
    assert (made, mapper.counts.ignored) == ([], {"enrolled to teach": 1})
    assert len(outcomes(row(**cells, enrollment_level="student"))[1]) == 2


def test_what_was_not_assigned_has_its_date_of_registration() -> None:
    cells = {"user_lo_reg_dt": "2026-10-01", "user_lo_comp_dt": None, "transc_user_id": 61, "transc_object_id": "C1"}
    for assigned in (None, "", "2026-10-05"):
        _, [made] = outcomes({**cells, "user_lo_assigned_dt": assigned})
        assert made["timestamp"][:10] == (assigned or "2026-10-01")


def test_a_withdrawal_takes_the_enrolment_back() -> None:
    _, [enrolled] = outcomes(row(status="Enrolled", completed=None, registered="2026-10-01"))
    mapper, [gone] = outcomes(row(status="Withdrawn", completed=None, registered="2026-10-01"))
    assert isinstance(gone, Retracted)
    assert gone.key == extension(enrolled, "record")
    assert mapper.counts.ignored == {"withdrawn": 1}


def test_a_changed_score_is_the_same_fact_and_each_year_is_another() -> None:
    _, [first, mended, next_year] = outcomes(row(score=6), row(score=7), row(completed="2027-11-03T10:00:00Z"))
    assert extension(first, "record") == extension(mended, "record") != extension(next_year, "record")
    assert len({first["id"], mended["id"], next_year["id"]}) == 3


def test_with_a_number_of_the_enrolment_a_corrected_date_is_the_same_fact() -> None:
    _, [before, after] = outcomes(row(enrollment_id=7), row(enrollment_id=7, completed="2026-11-04T10:00:00Z"))
    assert extension(before, "record") == extension(after, "record")


@pytest.mark.parametrize(
    ("cells", "length"),
    [({"hours": "1,5"}, "PT1H30M"), ({"minutes": 45}, "PT45M"), ({"duration": "01:30:00"}, "PT1H30M"), ({"Total Time": "PT2H"}, "PT2H"), ({"time_spent": "90"}, "PT1H30M"), ({"time_spent": "1h 30m"}, "PT1H30M"), ({"duration": timedelta(hours=30)}, "PT30H")],
)  # fmt: skip
def test_lengths_come_in_any_unit(cells: dict[str, Any], length: str) -> None:
    _, [made] = outcomes(row(**cells))
    assert made["result"]["duration"] == length


@pytest.mark.parametrize(("kind", "iri"), [("Certification", types.CERTIFICATION), ("Test", types.ASSESSMENT), ("ILT", types.CLASSROOM), ("Curriculum", types.COURSE)])  # fmt: skip
def test_what_kind_of_learning_it_is(kind: str, iri: str) -> None:
    _, [made] = outcomes(row(course_type=kind))
    assert made["object"]["definition"]["type"] == iri


def test_settings_say_what_the_report_does_not() -> None:
    fields = {"mandatory_courses": {"C1": 30}, "words": {"COURSE_COMPL_Y": "completed"}}
    _, made = outcomes(row(status="COURSE_COMPL_Y", registered="2026-10-01"), **fields)
    assert [extension(each, "due") for each in made] == ["2026-10-31", "2026-10-31"]
    assert all(extension(each, "mandatory") for each in made)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"status": "Anna is ziek"}, "status cannot be read; say in 'words' what it means"),
        ({"completed": "soon"}, "completed cannot be read; say in 'date_order' whether days or months come first"),
        ({"completed": None}, "completed, but when is not told"),
        ({"hours": "long"}, "hours cannot be read"),
        ({"hours": "9000"}, "hours is no length of a course"),
        ({"score": 11, "max_score": 10}, "score lies above its maximum"),
    ],
)
def test_a_row_that_cannot_be_understood_is_quarantined_and_shows_nothing_of_it(
    cells: dict[str, Any], reason: str
) -> None:
    mapper, [gone] = outcomes(row(**cells))
    assert mapper.counts.quarantined == {f"row: {reason}": 1}
    assert "Anna" not in json.dumps(gone.as_json())


def test_a_grade_that_is_a_letter_is_no_score() -> None:
    _, [made] = outcomes(row(grade="B+"))
    assert "score" not in made["result"]


@pytest.mark.parametrize("payload", [{"email": "a@x.nl"}, {"course": "C"}, {"nothing": 1}, "text", 7, None, []])
def test_what_names_no_person_or_no_course_is_refused(payload: Any) -> None:
    with pytest.raises(BadRecord):
        list(completed(Report, {}).read(payload))


# --- people --------------------------------------------------------------------------------------------------------------------------------


def test_people_are_found_by_hr_id_then_account_then_address() -> None:
    directory = Directory([
        Employee("E1"),
        Employee("E2", platform_ids=(("report", "71"),)),
        Employee("E3", emails=("c@x.nl",)),
    ])
    rows = [
        {"Employee ID": "E1", "Email": "other@x.nl", "Course": "C", "Completion Date": "2026-11-03"},
        {"transc_user_id": 71, "transc_object_id": "C", "user_lo_comp_dt": "2026-11-03"},
        {"username": "C@x.nl", "course_uid": "C", "date_complete": "2026-11-03"},
    ]
    _, made = outcomes(*rows, directory=directory)
    assert {each["actor"]["account"]["homePage"] for each in made} == {"https://people.voorbeeldstad.example"}
    assert len({each["actor"]["account"]["name"] for each in made}) == 3


def test_an_id_that_excel_made_a_number_is_whole_again() -> None:
    source = completed(Report, {})
    [record] = source.read(row(employee_id=20417.0))
    assert record["person_id"] == "20417"


# --- dates ---------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "order", "moment"),
    [
        ("2026-11-03T10:00:00Z", "dmy", "2026-11-03T10:00:00+00:00"),
        ("2026-11-03T10:00:00.1234567+01:00", "dmy", "2026-11-03T09:00:00.123456+00:00"),
        ("2026-11-03 10:00:00", "dmy", "2026-11-03T09:00:00+00:00"),
        ("2026-11-03", "dmy", "2026-11-03T11:00:00+00:00"),
        ("2026-11-03-08:00", "dmy", "2026-11-03T11:00:00+00:00"),
        ("2026-11-03Z", "dmy", "2026-11-03T11:00:00+00:00"),
        ("/Date(1793704500000)/", "dmy", "2026-11-03T11:15:00+00:00"),
        ("/Date(1793704500000+0060)/", "dmy", "2026-11-03T11:15:00+00:00"),
        (1793704500000, "dmy", "2026-11-03T11:15:00+00:00"),
        (1793704500, "dmy", "2026-11-03T11:15:00+00:00"),
        ("03-11-2026", "dmy", "2026-11-03T11:00:00+00:00"),
        ("11/3/2026 04:15 PM", "mdy", "2026-11-03T15:15:00+00:00"),
        ("11/3/2026 04:15 PM America/New_York", "mdy", "2026-11-03T21:15:00+00:00"),
        ("12/3/2026 12:05 AM", "mdy", "2026-12-02T23:05:00+00:00"),
        ("11/3/2026 04:15 PM America/New York", "mdy", "2026-11-03T21:15:00+00:00"),
        ("11/3/26", "mdy", "2026-11-03T11:00:00+00:00"),
        ("3/11/26, 16:15", "dmy", "2026-11-03T15:15:00+00:00"),
        ("3 november 2026", "dmy", "2026-11-03T11:00:00+00:00"),
        ("03-Nov-2026 16:15", "dmy", "2026-11-03T15:15:00+00:00"),
        ("Nov 3, 2026", "dmy", "2026-11-03T11:00:00+00:00"),
        ("November 3, 2026, 4:15 PM", "dmy", "2026-11-03T15:15:00+00:00"),
        (46329, "dmy", "2026-11-03T11:00:00+00:00"),
        (datetime(2026, 11, 3, 9, 30), "dmy", "2026-11-03T08:30:00+00:00"),
    ],
)
def test_dates_as_systems_write_them(told: Any, order: str, moment: str) -> None:
    found = _time(told, ZoneInfo("Europe/Amsterdam"), order)
    assert found is not None
    assert found.isoformat() == moment


@pytest.mark.parametrize(
    "headers",
    [
        ("Enrollment Date", "Course Completion Date"),
        ("Transcript Registration Date", "Transcript Completed Date"),
        ("Enrollment Time", "Completion Time"),
    ],
)
def test_headers_of_when_it_began_and_ended_as_systems_write_them(headers: tuple[str, str]) -> None:
    told = dict(zip(headers, ("2026-11-01", "2026-11-03"), strict=True))
    _, made = outcomes({"Email": "a@x.nl", "Course ID": "C1", **told})
    assert [each["timestamp"][:10] for each in statements_of(made)] == ["2026-11-01", "2026-11-03"]


def test_a_day_of_a_workbook_is_the_same_fact_as_that_day_in_text() -> None:
    book = openpyxl.Workbook()
    book.active.append(["Employee ID", "Course ID", "Registration Date", "Completion Date"])
    book.active.append(["E1", "C1", date(2026, 10, 1), date(2026, 11, 1)])
    file = io.BytesIO()
    book.save(file)
    source = completed(Report, {})
    text = b"Employee ID,Course ID,Registration Date,Completion Date\nE1,C1,2026-10-01,2026-11-01\n"
    told = [
        mapped(source, landed(source, list(source.read_document(each, "x"))))[1] for each in (file.getvalue(), text)
    ]
    assert told[0] == told[1]
    assert [each["timestamp"][:10] for each in statements_of(told[0])] == ["2026-10-01", "2026-11-01"]


def test_a_zone_that_nobody_knows_turns_no_month_into_a_day() -> None:
    assert _time("3/5/2026 10:30 XYZT", ZoneInfo("Europe/Amsterdam"), "mdy") is None


@pytest.mark.parametrize("nothing", ["-", "N/A", "null", "0000-00-00 00:00:00", " ", "n.v.t."])
def test_a_cell_that_says_there_is_nothing_is_empty(nothing: str) -> None:
    mapper, made = outcomes(row(completed=nothing, due=nothing, score=nothing, hours=nothing, registered="2026-11-01", status="In Progress"))  # fmt: skip
    assert [each["verb"]["id"] for each in statements_of(made)] == [verbs.REGISTERED.iri]
    assert mapper.counts.quarantined == {}


def test_lengths_that_are_none() -> None:
    assert [_seconds(each) for each in ("P", "long", "-5", None)] == [None] * 4


# --- files ---------------------------------------------------------------------------------------------------------------------------------


def pulled(**fields: Any) -> list[Record]:
    source = completed(Report, fields)
    with source.api() as api:
        return list(source.pull(api, WINDOW))


def test_a_bad_line_is_named_and_the_others_load() -> None:
    source = completed(Report, {"files": [str(EXPORT)]})
    mapper, made = mapped(source, landed(source, pulled(files=[str(EXPORT)])))
    assert len(statements_of(made)) == 3
    assert sorted(mapper.counts.quarantined) == [
        "export.csv line 5: status cannot be read; say in 'words' what it means",
        "export.csv line 6 names no person; name its column in 'columns'",
    ]


def test_rows_before_the_window_do_not_come(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([row(completed="2020-01-01"), row(), row(completed="2020-01-01", updated_at="2026-11-03")]))  # fmt: skip
    assert len(pulled(files=[str(tmp_path / "a.json")])) == 2


def test_a_file_that_is_no_report_is_reported_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Naam;Leeftijd\nA;1\n")
    (tmp_path / "b.json").write_text("{")
    (tmp_path / "c.json").write_text('{"x": 1}')
    faults = [record["fault"] for record in pulled(files=[str(tmp_path / "*")])]
    assert sorted(fault.split(" ")[0] for fault in faults) == ["a.csv", "b.json", "c.json"]


def test_lines_of_json_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(f"{json.dumps(row())}\n{json.dumps(row(employee_id='E2'))}\n")
    assert [record["where"] for record in pulled(files=[str(tmp_path / "a.jsonl")])] == [
        "a.jsonl line 1",
        "a.jsonl line 2",
    ]


def test_two_columns_of_one_meaning_are_one_fact() -> None:
    source = completed(Report, {})
    [record] = source.read({"Email": "a@x.nl", "User Email": "b@x.nl", "Course": "C", "Course Title": "D"})
    assert (record["email"], record["course"]) == ("a@x.nl", "D")
    assert len({header for headers in HEADERS.values() for header in headers}) == sum(map(len, HEADERS.values()))


# --- the wire ------------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Any:
    with running(RECORDINGS, clock=CLOCK, only=("report",)) as server:
        yield server


def test_the_dates_of_the_window_stand_in_the_question(server: Running) -> None:
    from urllib.parse import unquote

    source = completed(
        Report, {**COMMON, "host": f"{server.url}/report", "paths": ["/service/r?from={from_date}&since={from}"]}
    )
    asked: list[str] = []
    with source.api() as api:
        api.session.hooks["response"].append(lambda response, **_: asked.append(unquote(response.request.url)))
        list(source.pull(api, WINDOW))
    assert asked[0].endswith("/service/r?from=2026-10-26&since=2026-10-26T00:00:00Z")


def test_a_report_as_a_service_takes_a_users_password(server: Running) -> None:
    fields = {"host": f"{server.url}/report", "paths": ["/service/Learning?format=json"], "username": "isu_leerstroom"}
    assert [record["course_id"] for record in pulled(**fields, password="a-password-for-tests")] == ["LC-9"]
    with pytest.raises(CredentialsRefused) as caught:
        pulled(**fields, password="another-password")
    assert "another-password" not in str(caught.value)


def test_a_list_in_an_unusual_place_is_named_in_the_connection(server: Running) -> None:
    fields = {**COMMON, "host": f"{server.url}/report", "paths": ["/service/Learning"]}
    assert len(pulled(**fields, items="Report_Entry")) == 1
    with pytest.raises(UnexpectedShape, match="items"):
        pulled(**fields, items="somewhere.else")


def test_a_connection_without_a_report_is_told() -> None:
    source = completed(Report, {})
    with source.api() as api, pytest.raises(ConfigurationError, match="neither files nor paths"):
        source.check(api)


@pytest.mark.parametrize(
    ("dates", "wanted"),
    [
        (("11/03/2026", "11/23/2026 3:15 PM"), ["2026-11-03T11:00:00.000Z", "2026-11-23T14:15:00.000Z"]),
        (("11/03/2026", "12/03/2026"), ["2026-03-11T11:00:00.000Z", "2026-03-12T11:00:00.000Z"]),
        (("03-11-2026", "23-11-2026"), ["2026-11-03T11:00:00.000Z", "2026-11-23T11:00:00.000Z"]),
    ],
)
def test_whether_days_or_months_come_first_is_decided_on_the_whole_file(
    dates: tuple[str, ...], wanted: list[str]
) -> None:
    lines = "".join(f"E{number},AVG,{day},Completed\n" for number, day in enumerate(dates))
    source = completed(Report, {})
    records = list(source.read_document(f"Employee ID,Course Title,Completion Date,Status\n{lines}".encode(), "x.csv"))
    made = statements_of(mapped(source, landed(source, records))[1])
    assert [each["timestamp"] for each in made] == wanted


def test_a_date_that_can_be_none_says_what_to_do_and_a_file_that_contradicts_itself_stays_day_first() -> None:
    source = completed(Report, {})
    table = (
        b"Employee ID,Course Title,Completion Date,Status\nE1,AVG,11/23/2026,Completed\nE2,AVG,23/11/2026,Completed\n"
    )
    mapper, made = mapped(source, landed(source, list(source.read_document(table, "x.csv"))))
    assert [each["timestamp"] for each in statements_of(made)] == ["2026-11-23T11:00:00.000Z"]
    assert list(mapper.counts.quarantined) == [
        "x.csv line 2: completed cannot be read; say in 'date_order' whether days or months come first"
    ]
