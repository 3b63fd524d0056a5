"""Coursera for Business: the contract on its enrolment reports, and the traps of states, hours and external ids."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from source_contract import RECORDINGS, SourceContract, check_pair, completed, landed, mapped, pairs, statements_of
from vendor_contract import asked

from connectors.mapping import Mapper
from connectors.source import Record, Window
from connectors.sources.coursera import Coursera
from leerstroom.errors import CredentialsRefused
from leerstroom.people import Directory, Employee
from leerstroom.replay import Running, running
from leerstroom.statements.vocabulary import EXTENSION_BASE, canonical_type, canonical_verb

FIELDS = {
    "organization_id": "vB7oRbEe1dStAdLeeRtXyZ",
    "client_id": "coursera-app-of-voorbeeldstad",
    "client_secret": "coursera-secret-of-the-contract",
}
WHOLE = Window(datetime(2026, 10, 20, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC))
AFTER = datetime(2026, 11, 24, 8, tzinfo=UTC)
ADDRESS = "fatima.elamrani@voorbeeldstad.example"


class TestCoursera(SourceContract):
    source = Coursera
    fields = FIELDS
    recordings = RECORDINGS / "coursera"
    window = WHOLE
    clock = AFTER
    paged = "enrollmentReports"
    names = ("Fatima Elamrani", "Devries", "E01001")


@pytest.mark.parametrize("pair", pairs("coursera"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(Coursera, pair)


@pytest.fixture
def server() -> Iterator[Running]:
    with running(RECORDINGS, only=("coursera",), clock=AFTER) as started:
        yield started


def connect(server: Running | None = None, **fields: Any) -> Coursera:
    host = {"host": f"{server.url}/coursera"} if server else {}
    return completed(Coursera, {**host, **FIELDS, **fields})  # type: ignore[return-value]


def pull(server: Running, window: Window = WHOLE, **fields: Any) -> tuple[Coursera, list[Record]]:
    source = connect(server, **fields)
    with source.api() as api:
        return source, list(source.pull(api, window))


def stated(source: Coursera, records: list[Record], directory: Directory | None = None) -> list[dict[str, Any]]:
    return statements_of(mapped(source, landed(source, records), directory)[1])


def said(*payloads: Any, **fields: Any) -> tuple[Mapper, list[dict[str, Any]]]:
    source = connect(**fields)
    mapper, outcomes = mapped(source, landed(source, [record for each in payloads for record in source.read(each)]))
    return mapper, statements_of(outcomes)


def row(**changes: Any) -> dict[str, Any]:
    """The row of a completed course, changed."""
    pair = json.loads((RECORDINGS / "coursera" / "pairs" / "a-course-was-completed.json").read_text(encoding="utf-8"))
    return {**pair["payload"]["elements"][0], **changes}


def verb_of(statement: dict[str, Any]) -> str:
    return canonical_verb(statement["verb"]["id"])


def extension(statement: dict[str, Any], name: str) -> Any:
    return statement["context"]["extensions"].get(EXTENSION_BASE + name)


def test_statements_agree_with_the_reports(server: Running) -> None:
    rows = json.loads((RECORDINGS / "coursera" / "coursera.json").read_text(encoding="utf-8"))["rows"]
    told = Counter(map(verb_of, stated(*pull(server))))
    assert told == {
        "registered": len(rows),
        "progressed": sum("lastActivityAt" in each for each in rows),
        "completed": sum("completedAt" in each for each in rows),
        "unregistered": 1,
    }


def test_pages_end_where_the_answer_names_no_next_one(server: Running) -> None:
    source = connect(server)
    with source.api() as api, asked(api) as requests:
        records = list(source.pull(api, WHOLE))
    assert len(records) == 33
    assert len([each for each in requests if "enrollmentReports" in str(each.url)]) == 4


def test_single_programs_are_read_where_they_are_named(server: Running) -> None:
    program = "gywzv9MFEeml3w46OqZe-A"
    _, records = pull(server, programs=[program])
    assert {record["programId"] for record in records} == {program}
    assert len(records) == 17


def test_a_night_tells_what_happened_in_it(server: Running) -> None:
    _, records = pull(server, Window(datetime(2026, 10, 28, tzinfo=UTC), datetime(2026, 10, 29, tzinfo=UTC)))
    assert 0 < len(records) < 10


def test_a_learner_in_two_programs_has_two_enrolments_and_one_course(server: Running) -> None:
    source, records = pull(server)
    twice = [each for each in records if each["email"] == ADDRESS and each["contentSlug"] == "data-analyse"]
    made = [each for each in stated(source, twice) if verb_of(each) == "registered"]
    assert len({extension(each, "record") for each in made}) == 2
    assert len({each["object"]["id"] for each in made}) == 1
    assert len({each["context"]["contextActivities"]["grouping"][0]["id"] for each in made}) == 2


def test_hours_are_a_total_and_never_a_duration() -> None:
    made = said(row())[1]
    assert [each.get("result", {}).get("duration") for each in made] == [None] * 3
    assert {verb_of(each): extension(each, "total-minutes") for each in made} == {"registered": None, "progressed": 178.8, "completed": 178.8}  # fmt: skip


def test_progress_of_another_day_leaves_that_of_the_day_before() -> None:
    def progress(at: str, value: int) -> dict[str, Any]:
        made = said(row(lastActivityAt=at, overallProgress=value, isCompleted=False))[1]
        [found] = [each for each in made if verb_of(each) == "progressed"]
        return found

    monday, later = progress("2026-11-09T10:00:00Z", 40), progress("2026-11-09T16:00:00Z", 50)
    tuesday = progress("2026-11-10T10:00:00Z", 60)
    assert extension(monday, "record") == extension(later, "record") != extension(tuesday, "record")
    assert monday["id"] != later["id"]


@pytest.mark.parametrize("grade", [0.9, 90])
def test_a_grade_is_a_part_of_one_or_a_per_cent(grade: float) -> None:
    [done] = [each for each in said(row(grade=grade))[1] if verb_of(each) == "completed"]
    assert done["result"]["score"]["scaled"] == 0.9


def test_a_moment_of_completion_counts_only_where_the_row_says_completed() -> None:
    assert "completed" not in set(map(verb_of, said(row(isCompleted=False))[1]))
    assert "completed" not in set(map(verb_of, said(row(completedAt=None))[1]))


def test_reports_run_a_day_behind_and_the_look_back_finds_what_came_late(server: Running) -> None:
    friday = Window(datetime(2026, 10, 30, tzinfo=UTC), datetime(2026, 10, 31, tzinfo=UTC))
    server.world.until = friday.end
    early = {each["id"] for each in stated(*pull(server, friday))}
    server.world.until = datetime(2026, 11, 1, tzinfo=UTC)
    late = {each["id"] for each in stated(*pull(server, friday))}
    assert late - early
    assert connect().look_back >= timedelta(days=1)


@pytest.mark.parametrize(
    ("content", "sort"),
    [("Course", "course"), ("Specialization", "program"), ("PROFESSIONAL_CERTIFICATE", "program"), ("Video", "video"), ("something new", "course")],
)  # fmt: skip
def test_each_sort_of_content_has_its_type(content: str, sort: str) -> None:
    made = said(row(contentType=content))[1]
    assert {canonical_type(each["object"]["definition"]["type"]) for each in made} == {sort}


def test_a_mandatory_course_goes_by_id_slug_or_name() -> None:
    for name in ("r0GnHOZaEees-Q6jQMxlrg", "leren-leren", "Leren*"):
        made = said(row(), mandatory_courses={name: 30})[1]
        assert {verb_of(each): extension(each, "due") for each in made} == {"registered": "2026-12-02", "progressed": None, "completed": "2026-12-02"}  # fmt: skip


@pytest.mark.parametrize(
    ("told", "employee"),
    [
        ({}, Employee("E01001")),
        ({}, Employee("P7", emails=(ADDRESS,))),
        ({"externalId": ADDRESS, "email": None}, Employee("P7", emails=(ADDRESS,))),
    ],
    ids=["external id", "address", "external id that is an address"],
)
def test_a_learner_is_known_by_external_id_or_address(told: dict[str, Any], employee: Employee) -> None:
    source = connect()
    made = stated(source, list(source.read(row(**told))), Directory([employee]))
    assert {each["actor"]["account"]["homePage"] == source.tenant for each in made} == {False}


def test_a_row_of_nobody_is_quarantined() -> None:
    mapper, made = said(row(externalId=None, email=None))
    assert made == []
    assert mapper.counts.quarantined == {"the record names no account, HR id or e-mail address": 1}


def test_a_row_that_is_none_is_refused_alone() -> None:
    mapper, made = said({"elements": [7, row()]})
    assert (mapper.counts.quarantined.total(), len(made)) == (1, 3)


def test_a_token_of_another_organisations_app_is_told(server: Running) -> None:
    with pytest.raises(CredentialsRefused, match="403"):
        pull(server, organization_id="another")


def test_a_wrong_secret_is_told_without_showing_it(server: Running) -> None:
    with pytest.raises(CredentialsRefused) as caught:
        pull(server, client_secret="not the secret")
    assert "not the secret" not in str(caught.value)
