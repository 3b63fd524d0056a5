"""Udemy Business: the contract on its two reports, and the traps of states that are told as if they were events."""

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
from connectors.sources.udemy import Udemy
from leerstroom.errors import CredentialsRefused
from leerstroom.people import Directory, Employee
from leerstroom.replay import Fault, Running, running
from leerstroom.statements.vocabulary import EXTENSION_BASE, canonical_verb

FIELDS = {
    "organization_id": "7001",
    "client_id": "udemy-client-of-voorbeeldstad",
    "client_secret": "udemy-secret-of-the-contract",
    "tenant": "https://academy.udemy.com",
}
WHOLE = Window(datetime(2026, 10, 20, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC))
AFTER = datetime(2026, 11, 24, 8, tzinfo=UTC)


class TestUdemy(SourceContract):
    source = Udemy
    fields = FIELDS
    recordings = RECORDINGS / "udemy"
    window = WHOLE
    clock = AFTER
    paged = "user-course-activity"
    names = ("Elamrani", "Devries", "beheer@voorbeeldstad.example", "E01001", "880101")


@pytest.mark.parametrize("pair", pairs("udemy"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(Udemy, pair)


@pytest.fixture
def server() -> Iterator[Running]:
    with running(RECORDINGS, only=("udemy",), clock=AFTER) as started:
        yield started


def connect(server: Running | None = None, **fields: Any) -> Udemy:
    host = f"{server.url}/udemy" if server else "https://academy.udemy.com"
    return completed(Udemy, {"host": host, **FIELDS, **fields})  # type: ignore[return-value]


def pull(server: Running, window: Window = WHOLE, **fields: Any) -> tuple[Udemy, list[Record]]:
    source = connect(server, **fields)
    with source.api() as api:
        return source, list(source.pull(api, window))


def stated(source: Udemy, records: list[Record], directory: Directory | None = None) -> list[dict[str, Any]]:
    return statements_of(mapped(source, landed(source, records), directory)[1])


def said(*payloads: Any, **fields: Any) -> tuple[Mapper, list[dict[str, Any]]]:
    source = connect(**fields)
    mapper, outcomes = mapped(source, landed(source, [record for each in payloads for record in source.read(each)]))
    return mapper, statements_of(outcomes)


def row(name: str, **changes: Any) -> dict[str, Any]:
    """The first row of a pair, changed."""
    payload = json.loads((RECORDINGS / "udemy" / "pairs" / f"{name}.json").read_text(encoding="utf-8"))["payload"]
    return {**(payload["results"][0] if "results" in payload else payload), **changes}


def course(**changes: Any) -> dict[str, Any]:
    return row("an-assigned-course-that-was-completed", **changes)


def lecture(**changes: Any) -> dict[str, Any]:
    return row("a-video-was-watched-in-one-go", **changes)


def verb_of(statement: dict[str, Any]) -> str:
    return canonical_verb(statement["verb"]["id"])


def extension(statement: dict[str, Any], name: str) -> Any:
    return statement["context"]["extensions"].get(EXTENSION_BASE + name)


def test_statements_agree_with_the_reports(server: Running) -> None:
    data = json.loads((RECORDINGS / "udemy" / "udemy.json").read_text(encoding="utf-8"))
    told = Counter(map(verb_of, stated(*pull(server))))
    finished = [each for each in data["items"] if each["item_completion_time"]]
    tests = sum(each["item_type"] in {"quiz", "practice test"} for each in finished)
    assert told["registered"] == len(data["courses"]) == 27
    assert told["initialized"] == told["progressed"] == sum(bool(each["course_start_date"]) for each in data["courses"])
    assert told["completed"] == sum(bool(each["course_completion_date"]) for each in data["courses"]) + tests
    assert told["watched"] + told["viewed"] == len(finished) - tests > 20


def test_courses_alone_need_one_list(server: Running) -> None:
    source = connect(server, items=False)
    with source.api() as api, asked(api) as requests:
        assert {record.kind for record in source.pull(api, WHOLE)} == {"course"}
    assert all("user-course-activity" in str(request.url) for request in requests)
    assert len(requests) == 2, "27 rows on pages of 20"


def test_minutes_of_a_course_are_a_total_and_never_a_duration() -> None:
    made = said(course())[1]
    assert [each.get("result", {}).get("duration") for each in made] == [None] * 4
    assert {verb_of(each): extension(each, "total-minutes") for each in made} == {
        "registered": None, "initialized": None, "progressed": 128.2, "completed": None,
    }  # fmt: skip


def test_the_first_completion_counts_even_when_the_ratio_fell_since() -> None:
    [done] = [each for each in said(course(completion_ratio=88, course_completion_date=None))[1] if verb_of(each) == "completed"]  # fmt: skip
    assert done["timestamp"] == "2026-11-06T15:10:00.000Z"


def test_a_full_ratio_without_a_date_is_no_completion() -> None:
    made = said(course(course_completion_date=None, course_first_completion_date=None))[1]
    assert "completed" not in set(map(verb_of, made))


def test_progress_of_another_day_leaves_that_of_the_day_before() -> None:
    def progress(**changes: Any) -> dict[str, Any]:
        [found] = [each for each in said(course(**changes))[1] if verb_of(each) == "progressed"]
        return found

    monday = progress(course_last_accessed_date="2026-11-09T10:00:00Z", completion_ratio=40)
    later = progress(course_last_accessed_date="2026-11-09T16:00:00Z", completion_ratio=50)
    tuesday = progress(course_last_accessed_date="2026-11-10T10:00:00Z", completion_ratio=60)
    assert extension(monday, "record") == extension(later, "record") != extension(tuesday, "record")
    assert monday["id"] != later["id"]


def test_what_an_administrator_assigned_is_assigned_and_the_administrator_is_left_behind() -> None:
    made = said(course())[1]
    assert {extension(each, "initiator") for each in made} == {"assigned"}
    assert {extension(each, "initiator") for each in said(course(is_assigned=False))[1]} == {"self"}
    assert "beheer" not in json.dumps(made)


def test_a_mandatory_course_is_due_so_many_days_after_enrolment() -> None:
    made = said(course(), mandatory_courses={"4100001": 30})[1]
    assert {verb_of(each): extension(each, "due") for each in made} == {
        "registered": "2026-12-02", "initialized": "2026-12-02", "progressed": None, "completed": "2026-12-02",
    }  # fmt: skip


def test_a_leaver_stays_in_the_reports() -> None:
    assert len(said(course(user_is_deactivated=True))[1]) == 4


def test_reports_run_hours_behind_and_the_look_back_finds_what_came_late(server: Running) -> None:
    friday = Window(datetime(2026, 10, 30, tzinfo=UTC), datetime(2026, 10, 31, tzinfo=UTC))
    server.world.until = datetime(2026, 10, 30, 15, tzinfo=UTC)
    early = {each["id"] for each in stated(*pull(server, friday))}
    server.world.until = datetime(2026, 11, 1, tzinfo=UTC)
    late = {each["id"] for each in stated(*pull(server, friday))}
    assert early < late
    assert connect().look_back >= timedelta(hours=6)


@pytest.mark.parametrize(
    ("sort", "verb"),
    [("Video Lecture", "watched"), ("VideoLecture", "watched"), ("quiz", "completed"), ("Practice Test", "completed"), ("non-video lecture", "viewed"), ("lecture", "viewed")],
)  # fmt: skip
def test_what_one_does_with_an_item_hangs_on_its_type(sort: str, verb: str) -> None:
    assert [verb_of(each) for each in said(lecture(item_type=sort))[1]] == [verb]


def test_an_inferred_length_names_its_rule_and_a_long_one_is_none() -> None:
    [short] = said(lecture())[1]
    assert (short["result"]["duration"], extension(short, "rule"), extension(short, "confidence")) == ("PT11M30S", "start-to-finish", 0.6)  # fmt: skip
    [long] = said(lecture(item_completion_time="2026-11-03T09:00:01Z"))[1]
    assert "duration" not in long["result"]
    assert extension(long, "rule") is None


def test_a_lecture_and_a_quiz_of_one_number_are_two_things() -> None:
    made = said(lecture(item_id=5), lecture(item_id=5, item_type="quiz"))[1]
    assert len({each["object"]["id"] for each in made}) == 2
    assert len({extension(each, "record") for each in made}) == 2


def test_an_item_that_is_not_finished_waits() -> None:
    mapper, made = said(lecture(item_completion_time=None))
    assert made == []
    assert mapper.counts.ignored == {"lecture or quiz that is not finished yet": 1}


def test_a_course_that_is_not_on_the_list_is_ignored() -> None:
    mapper, made = said(course(), lecture(), courses=["Timemanagement"])
    assert made == []
    assert mapper.counts.ignored == {"of a course that is not read": 2}


def test_a_row_that_is_none_is_refused_alone() -> None:
    mapper, made = said({"results": [7, course()]})
    assert (mapper.counts.quarantined.total(), len(made)) == (1, 4)


@pytest.mark.parametrize(
    "employee",
    [Employee("E01001"), Employee("P7", emails=("Fatima.ElAmrani@voorbeeldstad.example",)), Employee("P7", platform_ids=(("udemy", "880101"),))],
    ids=["external id", "address", "user id"],
)  # fmt: skip
def test_a_learner_is_known_by_external_id_address_or_user_id(employee: Employee) -> None:
    source = connect()
    made = stated(source, list(source.read(course())), Directory([employee]))
    assert {each["actor"]["account"]["homePage"] == source.tenant for each in made} == {False}


def test_a_page_that_shifts_tells_no_row_twice(server: Running) -> None:
    _, records = pull(server)
    assert len({(record.kind, record.key) for record in records}) == len(records)


def test_too_many_requests_wait_as_long_as_the_header_says(server: Running) -> None:
    server.faults.waiting[:] = [Fault("too_many", seconds=1.0)]
    begun = datetime.now(UTC)
    assert pull(server)[1]
    assert datetime.now(UTC) - begun >= timedelta(seconds=1)


def test_a_wrong_secret_is_told_without_showing_it(server: Running) -> None:
    with pytest.raises(CredentialsRefused) as caught:
        pull(server, client_secret="not the secret")
    assert "not the secret" not in str(caught.value)
