"""Totara: the contract on a replay of its API, and the traps of reports and of seminars."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from source_contract import RECORDINGS, SourceContract, check_pair, completed, landed, mapped, pairs, statements_of

from connectors.http import Api
from connectors.mapping import Quarantined
from connectors.source import Record, Window
from connectors.sources.totara import Totara
from connectors.sources.totara.questions import listed
from leerstroom.errors import BadRecord, ConfigurationError, CredentialsRefused, UnexpectedShape
from leerstroom.replay import Fault, Running, running
from leerstroom.statements import Retracted, types
from leerstroom.statements.vocabulary import EXTENSION_BASE, canonical_verb

FOLDER = RECORDINGS / "totara"
TENANT = "https://totara.example.org"
FIELDS: dict[str, Any] = {
    "tenant": TENANT,
    "client_id": "leerstroom",
    "client_secret": "een-lang-geheim",
    "reports": ["12", "13", "14"],
}
WHOLE = Window(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
AFTER = datetime(2026, 11, 24, 8, tzinfo=UTC)


class TestTotara(SourceContract):
    source = Totara
    fields = FIELDS
    recordings = FOLDER
    clock = AFTER
    paged = "graphql.php"
    names = ("Jjansen", "diploma van vroeger gezien", "Oefenen met een acteur", "Het e-mailadres is verborgen")


@pytest.mark.parametrize("pair", pairs("totara"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(Totara, pair)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(RECORDINGS, only=("totara",), clock=AFTER) as started:
        yield started


@pytest.fixture(autouse=True)
def _no_faults_left(server: Running) -> Iterator[None]:
    yield
    server.faults.waiting.clear()


def connect(host: str = TENANT, **fields: Any) -> Totara:
    return completed(Totara, {"host": host, **FIELDS, **fields})  # type: ignore[return-value]


def pull(url: str, window: Window = WHOLE, **fields: Any) -> tuple[Totara, list[Record]]:
    source = connect(url, **fields)
    with source.api() as api:
        return source, list(source.pull(api, window))


@pytest.fixture(scope="module")
def whole(server: Running) -> tuple[Totara, list[Record]]:
    return pull(f"{server.url}/totara")


def stated(source: Totara, records: list[Record]) -> list[dict[str, Any]]:
    return [dict(each) for each in statements_of(mapped(source, landed(source, records))[1])]


def words(statements: list[dict[str, Any]]) -> Counter[str]:
    return Counter(canonical_verb(each["verb"]["id"]) for each in statements)


def extension(one: dict[str, Any], name: str) -> Any:
    return one["context"]["extensions"].get(EXTENSION_BASE + name)


def told_of(statements: list[dict[str, Any]], verb: str, address: str) -> list[dict[str, Any]]:
    return [each for each in statements if canonical_verb(each["verb"]["id"]) == verb and each["object"]["id"].endswith(address)]  # fmt: skip


def report(columns: list[str], *rows: list[Any], **around: Any) -> dict[str, Any]:
    answer = {
        "columns": [{"key": key, "label": "?"} for key in columns],
        "rows": [{"data": cells} for cells in rows],
        **around,
    }
    return {"data": {"totara_reportbuilder_get_report": answer}}


def of(payload: dict[str, Any], **fields: Any) -> tuple[list[dict[str, Any]], Any]:
    source = connect(**fields)
    mapper, outcomes = mapped(source, landed(source, list(source.read(payload))))
    return [dict(each) for each in statements_of(outcomes)], (mapper, outcomes)


# --- the whole site ---------------------------------------------------------------------------------------------------------------------


def test_the_whole_site_in_numbers(whole: tuple[Totara, list[Record]]) -> None:
    source, records = whole
    mapper, outcomes = mapped(source, landed(source, records))
    assert Counter(record.kind for record in records) == {"completion": 10, "booking": 9}
    assert words(statements_of(outcomes)) == {"registered": 6, "was-assigned": 2, "completed": 5, "attended": 5}
    assert mapper.counts.quarantined.total() == 1, "the row whose date is in words"
    assert mapper.counts.ignored == {"booked, and attendance is not taken yet": 1, "no seat at the event": 1, "did not attend": 3}  # fmt: skip


def test_everybody_is_a_learner_and_nobody_is_the_api_user(whole: tuple[Totara, list[Record]]) -> None:
    source, records = whole
    actors = {each["actor"]["account"]["name"] for each in stated(source, records)}
    assert len(actors) == 6
    assert not actors & {"2", "beheer", "leerstroom"}


# --- traps of the API -------------------------------------------------------------------------------------------------------------------


def test_errors_come_with_status_200(server: Running) -> None:
    with pytest.raises(ConfigurationError, match=r"Completion Date.*ID, username"):
        pull(f"{server.url}/totara", reports=["15"])
    with pytest.raises(UnexpectedShape, match="reportbuilder") as caught:
        pull(f"{server.url}/totara", reports=["99"])
    assert "Cannot find report" not in str(caught.value), "the message of an error may name people"


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ("Too many requests", 429),
        ("Missing, expired or invalid access token", 401),
        ("Event record could not be found or you do not have permissions to view it.", 403),
        ("Internal server error", 200),
    ],
)
def test_what_an_error_inside_an_answer_200_means(message: str, status: int) -> None:
    assert Totara.meant(200, {"errors": [{"message": message}], "data": None}) == status
    assert Totara.meant(200, {"errors": [{"message": message}], "data": {"core_user_users": {"items": []}}}) == 200


def test_a_refusal_with_status_200_is_refused_credentials(monkeypatch: pytest.MonkeyPatch, server: Running) -> None:
    monkeypatch.setattr("leerstroom.replay.totara.Site.core_user_users", refused)
    with pytest.raises(CredentialsRefused, match="leerstroom check contract"):
        pull(f"{server.url}/totara")


def refused(*_: Any, **__: Any) -> None:
    from graphql import GraphQLError

    raise GraphQLError("API user is invalid.")


def test_wrong_client_secret_names_the_connection_and_not_the_secret(server: Running) -> None:
    with pytest.raises(CredentialsRefused, match="contract") as caught:
        pull(f"{server.url}/totara", client_secret="een-ander-geheim")
    assert "geheim" not in str(caught.value)


def test_lists_begin_and_end_with_an_empty_cursor(server: Running) -> None:
    source = connect(f"{server.url}/totara")
    with source.api() as api:
        users = list(listed(api, "core_user_users", "id"))
    assert len(users) == 12, "four a page, however many are asked for"


def test_a_report_has_numbered_pages_and_a_length_of_its_own(whole: tuple[Totara, list[Record]]) -> None:
    keys = [record.key for record in whole[1] if record.key.startswith("report 12")]
    assert {key.partition(" row")[0] for key in keys} == {"report 12 page 1", "report 12 page 2"}


def test_a_saved_search_makes_a_report_shorter(server: Running) -> None:
    _, records = pull(f"{server.url}/totara", reports=["12/5"], seminars=False)
    assert [record["person"]["account"] for record in records] == ["12", "11"]


@pytest.mark.parametrize("wrong", ["twaalf", "12/", "12/x", "-1"])
def test_a_report_that_is_no_number_is_told_before_anything_is_asked(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match="12/5"):
        pull("https://nowhere.example", reports=["12", wrong])


def test_without_reports_and_seminars_there_is_nothing_to_read(server: Running) -> None:
    with pytest.raises(ConfigurationError, match="seminars"):
        pull(f"{server.url}/totara", reports=[], seminars=False)


def test_ids_are_longer_than_a_double_can_hold(whole: tuple[Totara, list[Record]]) -> None:
    assert "9007199254740993" in {record["person"]["account"] for record in whole[1]}


def test_completion_in_the_list_of_courses_is_the_api_users_own(whole: tuple[Totara, list[Record]]) -> None:
    courses = json.loads((FOLDER / "totara.json").read_text(encoding="utf-8"))["courses"]
    assert courses[0]["completion"]["statuskey"] == "complete"
    assert (
        list(connect().read({"data": {"core_course_courses": {"items": courses, "total": 6, "next_cursor": ""}}})) == []
    )


# --- traps of reports -------------------------------------------------------------------------------------------------------------------

COURSE = ["user_id", "course_id", "course_completion_enrolleddate", "course_completion_completeddate"]


def test_columns_are_known_by_key_not_by_label_or_place() -> None:
    one, _ = of(report(COURSE, ["11", "3", "1793520000", "1793606400"]))
    other, _ = of(report(list(reversed(COURSE)), ["1793606400", "1793520000", "3", "11"]))
    assert [each["id"] for each in one] == [each["id"] for each in other]
    assert words(one) == {"registered": 1, "completed": 1}


def test_an_empty_completion_date_is_no_completion() -> None:
    for never in (None, "", "0", 0):
        statements, _ = of(report(COURSE, ["11", "3", "1793520000", never]))
        assert words(statements) == {"registered": 1}


def test_a_report_is_asked_for_without_formats_since_an_empty_date_would_become_today(
    monkeypatch: pytest.MonkeyPatch, server: Running
) -> None:
    asked: list[str] = []
    post = Api.post
    monkeypatch.setattr(Api, "post", lambda self, path, **more: (asked.append(str(more.get("json"))), post(self, path, **more))[1])  # fmt: skip
    pull(f"{server.url}/totara")
    assert any("get_report" in query for query in asked)
    assert not any("custom_formats" in query for query in asked)


def test_a_date_in_words_is_quarantined_with_what_to_do() -> None:
    _, (mapper, outcomes) = of(report(COURSE, ["11", "3", "1793520000", "4 nov 2026"], ["12", "3", None, "1793606400"]))
    assert [each.reason for each in outcomes if isinstance(each, Quarantined)] == [
        "a date is neither an epoch nor in ISO 8601; show the column without a format of its own"
    ]
    assert mapper.counts.built == 1


def test_prior_learning_is_no_completion() -> None:
    columns = [*COURSE, "course_completion_status", "course_completion_iscompleterpl"]
    for status, flag in (("Complete via RPL", None), ("75", None), ("Voltooid", "Ja"), ("Complete", 1)):
        statements, (mapper, _) = of(report(columns, ["11", "3", None, "1793606400", status, flag]))
        assert statements == []
        assert mapper.counts.ignored == {"completion that was granted for prior learning": 1}
    statements, _ = of(report(columns, ["11", "3", None, "1793606400", "Complete", "No"]))
    assert words(statements) == {"completed": 1}


def test_a_hidden_address_is_no_address() -> None:
    columns = ["user_id", "user_email", "course_id", "course_completion_completeddate"]
    records = list(connect().read(report(columns, ["11", "Het e-mailadres is verborgen", "3", "1793606400"])))
    assert records[0]["person"] == {"account": "11", "email": None, "hr": None}


def test_a_person_is_the_same_by_number_username_and_address(whole: tuple[Totara, list[Record]]) -> None:
    source, records = whole
    statements = stated(source, records)
    jan = [told_of(statements, "completed", f"view.php?id={thing}")[0]["actor"] for thing in (3, 21)]
    assert jan[0] == jan[1], "report 12 tells numbers, report 13 usernames"
    piet = {each["actor"]["account"]["name"] for each in (*told_of(statements, "completed", "id=22"), *(one for one in told_of(statements, "registered", "id=3") if one["timestamp"] == "2026-10-28T09:00:00.000Z"))}  # fmt: skip
    assert len(piet) == 1, "report 14 tells addresses"


def test_a_row_with_other_cells_than_columns_is_quarantined_alone() -> None:
    statements, (mapper, _) = of(report(COURSE, ["11", "3"], ["12", "3", None, "1793606400"]))
    assert words(statements) == {"completed": 1}
    assert mapper.counts.quarantined.total() == 1


def test_a_report_without_needed_columns_names_them_all() -> None:
    with pytest.raises(BadRecord, match=r"Completion Date.*ID of the course.*e-mail of the user"):
        list(connect().read(report(["course_fullname"], ["Veilig werken"])))


def test_a_program_is_no_course_and_has_its_own_due_date(whole: tuple[Totara, list[Record]]) -> None:
    source, records = whole
    statements = stated(source, records)
    (done,) = told_of(statements, "completed", "program/view.php?id=21")
    assert done["object"]["definition"]["type"] == types.PROGRAM
    assert (extension(done, "due"), extension(done, "initiator")) == ("2026-11-30", "assigned")
    assert len(told_of(statements, "was-assigned", "program/view.php?id=21")) == 2


def test_a_certification_is_completed_again_when_it_is_renewed() -> None:
    columns = ["user_id", "prog_id", "progcompletion_completeddate", "certcompletion_status"]
    statements, _ = of(
        report(columns, ["11", "22", "1778155200", "Certified"], ["11", "22", "1794052800", "Certified"])
    )
    assert [each["object"]["definition"]["type"] for each in statements] == [types.CERTIFICATION] * 2
    assert len({each["id"] for each in statements}) == 2


def test_a_certification_resets_its_courses_and_both_completions_stand() -> None:
    before, after = (of(report(COURSE, ["11", "3", None, day]))[0] for day in ("1778155200", "1794052800"))
    assert words(before) == words(after) == {"completed": 1}
    assert before[0]["id"] != after[0]["id"]
    assert extension(before[0], "record") != extension(after[0], "record"), "two facts, not two versions of one"


def test_mandatory_courses_are_those_of_the_settings(server: Running) -> None:
    source, records = pull(f"{server.url}/totara", mandatory_courses={"veilig": "14"}, reports=["12"], seminars=False)
    (first, *_) = told_of(stated(source, records), "completed", "course/view.php?id=3")
    assert (extension(first, "mandatory"), extension(first, "due")) == (True, "2026-10-15")
    source, records = pull(f"{server.url}/totara", courses=["gesprek"], reports=["12"])
    assert not told_of(stated(source, records), "completed", "course/view.php?id=3")


# --- traps of seminars ------------------------------------------------------------------------------------------------------------------


def test_an_event_of_two_days_is_attended_on_both(whole: tuple[Totara, list[Record]]) -> None:
    source, records = whole
    both = [each for each in told_of(stated(source, records), "attended", "eventinfo.php?s=31") if "result" in each]
    assert [(each["timestamp"], each["result"]) for each in both] == [
        ("2026-11-03T11:00:00.000Z", {"duration": "PT3H"}),
        ("2026-11-04T15:00:00.000Z", {"duration": "PT3H"}),
    ]
    one, other = both
    assert one["context"]["registration"] == other["context"]["registration"]
    assert one["object"] == other["object"]
    assert one["object"]["definition"]["type"] == types.CLASSROOM
    assert extension(one, "source-kind") == "offline"
    assert [each["id"] for each in one["context"]["contextActivities"]["grouping"]] == [
        f"{TENANT}/course/view.php?id=4",
        f"{TENANT}/mod/facetoface/view.php?f=7",
    ]


def test_of_who_attended_a_part_it_is_unknown_how_long(whole: tuple[Totara, list[Record]]) -> None:
    source, records = whole
    (part,) = [each for each in told_of(stated(source, records), "attended", "s=31") if "result" not in each]
    assert part["timestamp"] == "2026-11-04T15:00:00.000Z", "the end of the event"


def test_booked_is_not_attended(whole: tuple[Totara, list[Record]]) -> None:
    """`booked` is true of who did not show up, too: only the state tells."""
    source, records = whole
    states = Counter(record["state"] for record in records if record.kind == "booking")
    assert states == {"FULLY_ATTENDED": 3, "PARTIALLY_ATTENDED": 1, "NO_SHOW": 2, "USER_CANCELLED": 1, "BOOKED": 1, "WAITLISTED": 1}  # fmt: skip
    assert words(stated(source, records))["attended"] == 5


def test_attendance_that_is_corrected_voids_its_statement() -> None:
    with running(RECORDINGS, only=("totara",), clock=datetime(2026, 11, 6, tzinfo=UTC)) as early:
        source, records = pull(f"{early.url}/totara", reports=[])
        before = told_of(stated(source, records), "attended", "s=31")
    with running(RECORDINGS, only=("totara",), clock=AFTER) as late:
        source, records = pull(f"{late.url}/totara", reports=[])
        _, outcomes = mapped(source, landed(source, records))
    told = told_of([dict(each) for each in statements_of(outcomes)], "attended", "s=31")
    assert (len(before), len(told)) == (5, 3)
    gone = {extension(each, "record") for each in before} - {extension(each, "record") for each in told}
    assert len(gone) == 2, "both sessions"
    assert gone <= {each.key for each in outcomes if isinstance(each, Retracted)}


def test_a_user_whose_booking_is_refused_does_not_spoil_the_others(server: Running, whole: tuple[Totara, list[Record]]) -> None:  # fmt: skip
    secret = json.loads((FOLDER / "totara.json").read_text(encoding="utf-8"))["secret_users"]
    assert secret == [18]
    assert {"11", "9007199254740993"} <= {each["person"]["account"] for each in whole[1] if each.kind == "booking"}


def test_events_without_booked_seats_or_times_ask_nobody(whole: tuple[Totara, list[Record]]) -> None:
    assert {record["event"] for record in whole[1] if record.kind == "booking"} == {"31", "32"}


def test_events_that_are_still_to_come_are_not_asked_for() -> None:
    with running(RECORDINGS, only=("totara",), clock=datetime(2026, 11, 6, tzinfo=UTC)) as early:
        _, records = pull(f"{early.url}/totara", Window(WHOLE.start, WHOLE.end + timedelta(days=31)), reports=[])
    assert {record["event"] for record in records} == {"31"}


def test_a_booking_hides_users_who_left_the_course_so_they_are_known_by_what_was_asked() -> None:
    source = connect()
    payload = {"data": {"b31_11": {"found": True, "booking": {"state": {"key": "FULLY_ATTENDED"}, "user": None, "event": None}}}}  # fmt: skip
    (record,) = source.read(payload)
    assert (record["person"]["account"], record["event"]) == ("11", "31")


def test_a_booking_of_an_unknown_event_is_a_bad_record() -> None:
    payload = {"data": {"mod_facetoface_event_user_booking": {"found": True, "booking": {"state": {"key": "BOOKED"}, "user": {"id": 11}}}}}  # fmt: skip
    with pytest.raises(BadRecord, match="which event"):
        list(connect().read(payload))


def test_check_tells_of_a_user_who_sees_nobody(monkeypatch: pytest.MonkeyPatch, server: Running) -> None:
    monkeypatch.setattr("leerstroom.replay.totara.Site.core_user_users", lambda *_, **__: {"items": [{"id": 2, "username": "api"}], "total": 1, "next_cursor": ""})  # fmt: skip
    source = connect(f"{server.url}/totara")
    with source.api() as api, pytest.raises(UnexpectedShape, match="viewalldetails"):
        source.check(api)


def test_too_many_points_are_waited_out(server: Running, whole: tuple[Totara, list[Record]]) -> None:
    server.faults.waiting[:] = [Fault("too_many", path="graphql.php", after=3, times=2, seconds=0.1)]
    assert len(pull(f"{server.url}/totara")[1]) == len(whole[1])


# --- at the command line ----------------------------------------------------------------------------------------------------------------


def test_normalise_reads_answers_without_any_setting(tmp_path: Path) -> None:
    site = json.loads((FOLDER / "totara.json").read_text(encoding="utf-8"))
    lines = [
        {"data": {"core_user_users": {"items": site["users"], "next_cursor": ""}}},
        {"data": {"mod_facetoface_events": {"items": site["events"], "next_cursor": ""}}},
        {"data": {"b31_11": {"found": True, "booking": {"state": {"key": "FULLY_ATTENDED"}}}}},
        report(COURSE, ["11", "3", "1793520000", "1793606400"]),
        {"errors": [{"message": "Internal server error"}]},
    ]
    run = subprocess.run(
        [str(Path(sys.executable).with_name("leerstroom")), "normalise", "totara"],
        input="\n".join(map(json.dumps, lines)).encode(),
        capture_output=True,
        check=False,
        timeout=120,
    )
    statements = [json.loads(line) for line in run.stdout.splitlines()]
    assert run.returncode == 0
    assert words(statements) == {"attended": 2, "registered": 1, "completed": 1}
    assert b"1 quarantined" in run.stderr
