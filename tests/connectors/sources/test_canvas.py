"""Canvas: the contract on its API, Live Events of both forms, and each trap of ids, people, limits and moments."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_contract import KEY, RECORDINGS, SourceContract, check_pair, completed, landed, mapped, pairs, statements_of
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from connectors.mapping import Quarantined
from connectors.source import Record, Window
from connectors.sources.canvas import Canvas
from connectors.sources.canvas.facts import SHARD, local, shard_of, urn
from leerstroom.errors import BadRecord, ConfigurationError, CredentialsRefused, RateLimited, UnexpectedShape
from leerstroom.replay import Fault, Running, running
from leerstroom.statements import Retracted, types
from leerstroom.statements.vocabulary import EXTENSION_BASE, canonical_verb

TENANT = "https://canvas.example.org"
FIELDS = {"token": "canvas-token-of-the-academy", "tenant": TENANT, "communities": ["Community*"], "page_views": True}
WHOLE = Window(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
AFTER = datetime(2026, 11, 24, 8, tzinfo=UTC)


class TestCanvas(SourceContract):
    source = Canvas
    fields = FIELDS
    recordings = RECORDINGS / "canvas"
    clock = AFTER
    paged = "enrollments"
    names = ("Anouk de Vries", "Bakker-Hofman", "Trainer Tessa", "Burgerzaken", "eerder hulp te vragen")


@pytest.mark.parametrize("pair", pairs("canvas"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(Canvas, pair)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(RECORDINGS, only=("canvas",), clock=AFTER) as started:
        yield started


def connect(host: str = TENANT, **fields: Any) -> Canvas:
    return completed(Canvas, {"host": host, **FIELDS, **fields})  # type: ignore[return-value]


def pull(url: str, window: Window = WHOLE, **fields: Any) -> tuple[Canvas, list[Record]]:
    source = connect(url, **fields)
    with source.api() as api:
        return source, list(source.pull(api, window))


@pytest.fixture(scope="module")
def whole(server: Running) -> tuple[Canvas, list[Record]]:
    return pull(f"{server.url}/canvas")


@pytest.fixture(scope="module")
def stated(whole: tuple[Canvas, list[Record]]) -> list[dict[str, Any]]:
    source, records = whole
    return statements_of(mapped(source, landed(source, records))[1])


def verb_of(statement: dict[str, Any]) -> str:
    return canonical_verb(statement["verb"]["id"])


def extension(statement: dict[str, Any], name: str) -> Any:
    return statement["context"]["extensions"].get(EXTENSION_BASE + name)


def who(statement: dict[str, Any]) -> str:
    return statement["actor"]["account"]["name"]


def site() -> dict[str, Any]:
    return json.loads((RECORDINGS / "canvas" / "canvas.json").read_text(encoding="utf-8"))


# --- the whole site ---------------------------------------------------------------------------------------------------------------------


def test_statements_agree_with_the_sites_tables(stated: list[dict[str, Any]]) -> None:
    told = Counter(verb_of(each) for each in stated)
    data = site()
    learners = [row for rows in data["enrollments"].values() for row in rows if row["type"] == "StudentEnrollment"]
    done = [row for rows in data["progress"].values() for row in rows if row["progress"]["completed_at"]]
    assert told["registered"] + told["joined"] + told["unregistered"] == len(learners)
    assert told["joined"] == len(data["enrollments"]["6"])
    assert told["unregistered"] == 1
    courses = [
        each for each in stated if verb_of(each) == "completed" and each["object"]["definition"]["type"] == types.COURSE
    ]
    assert sorted(each["timestamp"] for each in courses) == sorted(
        row["progress"]["completed_at"].replace("Z", ".000Z") for row in done
    )
    assert told["submitted"] == 3
    assert told["scored"] == 5
    assert (told["asked"], told["posted"], told["answered"], told["replied"]) == (1, 2, 3, 4)


def test_every_record_ends_once_and_none_in_quarantine(whole: tuple[Canvas, list[Record]]) -> None:
    counts = mapped(whole[0], landed(*whole))[0].counts
    assert counts.balances
    assert not counts.quarantined
    assert counts.ignored["enrolled as a trainer"] == 2
    assert counts.ignored["enrolled to watch"] == 1


def test_a_night_holds_only_what_happened_in_it(server: Running) -> None:
    window = Window(datetime(2026, 10, 30, tzinfo=UTC), datetime(2026, 10, 31, tzinfo=UTC))
    records = pull(f"{server.url}/canvas", window)[1]
    assert {record.kind for record in records} == {"submission", "post", "view"}
    assert all(window.holds(datetime.fromisoformat(record["at"])) for record in records)


def test_only_the_courses_of_the_setting_are_read(server: Running) -> None:
    records = pull(f"{server.url}/canvas", courses=["AVG-*"], page_views=False)[1]
    assert {record["course"]["id"] for record in records} == {"3"}


def test_a_site_that_shows_no_course_is_told(serve: Any) -> None:
    def empty(_: Request) -> Response:
        return Response("[]", media_type="application/json")

    with pytest.raises(UnexpectedShape, match="account"):
        pull(serve(Starlette(routes=[Route("/{path:path}", empty)])))


def test_page_views_are_off_unless_they_are_wished(server: Running) -> None:
    assert all(record.kind != "view" for record in pull(f"{server.url}/canvas", page_views=False)[1])


# --- lists and limits ------------------------------------------------------------------------------------------------------------------


def test_lists_go_on_by_the_link_header_whose_addresses_are_opaque(server: Running) -> None:
    server.faults.asked.clear()
    records = pull(f"{server.url}/canvas", page_views=False)[1]
    enrolments = [record for record in records if record.kind == "enrolment" and record["course"]["id"] == "2"]
    assert len(enrolments) == 10
    asked = [path for _, _, path in server.faults.asked if path.endswith("/courses/2/enrollments")]
    assert len(asked) == 2, "five rows to a page, whatever is asked for"


def test_page_views_come_newest_first_and_are_read_until_the_windows_start(server: Running) -> None:
    server.faults.asked.clear()
    window = Window(datetime(2026, 11, 2, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC))
    views = [record for record in pull(f"{server.url}/canvas", window)[1] if record.kind == "view"]
    assert views
    assert [each["at"] for each in views] == sorted((each["at"] for each in views), reverse=True)


def test_page_views_before_the_window_end_the_list_where_a_site_does_not_heed_the_start(serve: Any) -> None:
    pages: list[int] = []

    def page(request: Request) -> Response:
        number = int(request.query_params.get("page", "0"))
        pages.append(number)
        at = (datetime(2026, 11, 10, 23, tzinfo=UTC) - timedelta(days=number)).isoformat()
        row = {"id": str(number), "created_at": at, "interaction_seconds": 5, "links": {"user": 11, "asset": 3}}
        following = str(request.url.include_query_params(page=number + 1))
        return Response(json.dumps([row]), headers={"Link": f'<{following}>; rel="next"'})

    source = connect(serve(Starlette(routes=[Route("/{path:path}", page)])))
    with source.api() as api:
        views = list(source._views(api, "11", {"account": "11"}, Window(datetime(2026, 11, 8, tzinfo=UTC), datetime(2026, 11, 10, tzinfo=UTC))))  # fmt: skip
    assert [each["at"][:10] for each in views] == ["2026-11-09", "2026-11-08"]
    assert pages == [0, 1, 2, 3], "the newest lies behind the window and ends nothing, the first before it does"


def test_403_rate_limit_exceeded_is_a_limit_and_no_refusal(serve: Any) -> None:
    times = {"left": 2}

    def emptied(request: Request) -> Response:
        if times["left"]:
            times["left"] -= 1
            return PlainTextResponse("403 Forbidden (Rate Limit Exceeded)", 403, {"X-Rate-Limit-Remaining": "0.0"})
        return Response(
            '[{"id": 2, "name": "Onboarding"}]' if "accounts" in request.url.path else "[]",
            media_type="application/json",
        )

    url = serve(Starlette(routes=[Route("/{path:path}", emptied)]))
    source = connect(url)
    with source.api() as api:
        assert source.check(api) == "1 courses can be read"
    times["left"] = 99
    with source.api() as api:
        api._tries = 2
        with pytest.raises(RateLimited):
            source.check(api)


def test_another_403_is_a_refusal(server: Running) -> None:
    server.faults.waiting[:] = [Fault("forbidden", times=9)]
    source = connect(f"{server.url}/canvas")
    try:
        with source.api() as api, pytest.raises(CredentialsRefused):
            source.check(api)
    finally:
        server.faults.waiting.clear()


# --- ids and people -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "own", "written"),
    [
        ("123", 2107, "123"), (123, 2107, "123"), ("21070000000000123", 2107, "123"), (21070000000000123, 2107, "123"), ("2107~123", 2107, "123"),
        ("21070000000000123", 1, "2107~123"), ("2107~123", 1, "2107~123"), ("21070000000000123", None, "123"), ("21070000000000123", 0, "2107~123"),
        (None, 1, None), ("", 1, None), ("x", 1, None), (True, 1, None), ({}, 1, None), (1.5, 1, None),
    ],
)  # fmt: skip
def test_local_and_global_ids_are_one_person(value: Any, own: int | None, written: str | None) -> None:
    assert local(value, own) == written


@given(st.integers(1, 10**5), st.integers(1, SHARD - 1))
def test_every_way_to_write_an_id_means_the_same(shard: int, number: int) -> None:
    assert {local(f"{shard}~{number}", shard), local(shard * SHARD + number, shard), local(number, shard)} == {
        str(number)
    }
    assert local(shard * SHARD + number, shard + 1) == f"{shard}~{number}"
    assert shard_of(shard * SHARD + number) == shard


def test_a_visitor_of_another_shard_is_not_the_person_with_that_number_here(whole: tuple[Canvas, list[Record]]) -> None:
    accounts = {record["person"]["account"] for record in whole[1] if record.kind == "enrolment"}
    assert "2107~123" in accounts
    assert "123" not in accounts


def test_the_api_and_an_event_speak_of_one_person(stated: list[dict[str, Any]]) -> None:
    event = pair("an-administrator-enrols-a-learner")
    [made] = said(event)
    assert who(made) in {who(each) for each in stated}
    assert who(made) == KEY.account(TENANT, "11")


def pair(name: str) -> Any:
    return json.loads((RECORDINGS / "canvas" / "pairs" / f"{name}.json").read_text(encoding="utf-8"))["payload"]


def outcomes(*payloads: Any, **fields: Any) -> tuple[Any, list[Any]]:
    source = connect(**fields)
    records = [record for payload in payloads for record in source.read(payload)]
    return mapped(source, landed(source, records))


def said(*payloads: Any, **fields: Any) -> list[dict[str, Any]]:
    return statements_of(outcomes(*payloads, **fields)[1])


def event(name: str, body: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    told = {
        "event_name": name, "event_time": "2026-10-29T10:00:00.000Z", "root_account_id": "21070000000000001", "user_id": "21070000000000011", "request_id": "r-1",
        "context_type": "Course", "context_id": "21070000000000002", **metadata,
    }  # fmt: skip
    return {"metadata": told, "body": body}


def test_the_learner_is_the_bodys_user_and_not_the_administrator_of_the_metadata() -> None:
    payload = pair("an-administrator-enrols-a-learner")
    [record] = connect().read(payload)
    assert record["person"] == {"account": "11", "email": None, "hr": None}, (
        "the administrator's login is not the learner's"
    )


def test_what_the_metadata_says_of_a_person_counts_where_it_is_the_learner() -> None:
    body = {
        "submission_id": "1",
        "assignment_id": "5",
        "user_id": "11",
        "submitted_at": "2026-10-29T10:00:00Z",
        "workflow_state": "submitted",
    }
    [record] = connect().read(event("submission_created", body, user_login="anouk@example.org", user_sis_id="E01014"))
    assert record["person"] == {"account": "11", "email": "anouk@example.org", "hr": "E01014"}
    [other] = connect().read(event("submission_created", {**body, "user_id": "12"}, user_login="anouk@example.org"))
    assert other["person"] == {"account": "12", "email": None, "hr": None}


def test_a_submission_event_without_any_user_in_the_metadata_has_its_learner() -> None:
    body = {
        "submission_id": "1",
        "assignment_id": "5",
        "user_id": "21070000000014012",
        "submitted_at": "2026-10-29T10:00:00Z",
        "workflow_state": "submitted",
    }
    payload = event("submission_created", body)
    del payload["metadata"]["user_id"]
    [made] = said(payload)
    assert who(made) == KEY.account(TENANT, "14012")


def test_what_somebody_did_under_anothers_account_is_not_theirs(whole: tuple[Canvas, list[Record]]) -> None:
    mapper, made = outcomes(
        event("asset_accessed", {"asset_type": "wiki_page", "asset_id": "5"}, real_user_id="21070000000000001")
    )
    assert made == []
    assert list(mapper.counts.ignored) == ["done by somebody else under this person's account"]
    counts = mapped(whole[0], landed(*whole))[0].counts
    assert counts.ignored["done by somebody else under this person's account"] == 1


# --- moments ------------------------------------------------------------------------------------------------------------------------------


def test_a_course_is_completed_at_completed_at_and_not_when_the_event_was_sent() -> None:
    payload = pair("a-course-is-completed-when-it-says")
    [made] = said(payload)
    assert made["timestamp"] == "2026-11-05T13:38:00.218Z"
    assert payload["metadata"]["event_time"] < made["timestamp"]


def test_an_unfinished_course_is_nothing_yet() -> None:
    body = {"user": {"id": "11"}, "course": {"id": "2"}, "progress": {"completed_at": None}}
    mapper, made = outcomes(event("course_progress", body))
    assert (made, list(mapper.counts.ignored)) == ([], ["course that is not complete yet"])


def test_interaction_seconds_are_an_estimate_that_says_so() -> None:
    [made] = said(pair("a-page-view-with-its-seconds"))
    assert made["result"] == {"duration": "PT31.5S"}
    assert made["timestamp"] == "2026-10-29T12:00:31.500Z"
    assert (extension(made, "rule"), extension(made, "device")) == ("time-on-page", "tablet")


def test_a_look_at_a_test_is_no_exercise() -> None:
    [made] = said(event("asset_accessed", {"asset_type": "quizzes:quiz", "asset_id": "5"}))
    assert made["object"]["definition"]["type"] == types.ASSESSMENT
    assert made["result"] == {"duration": "PT0S"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"asset_type": "user", "asset_id": "12"}, "looks at a person"),
        ({"asset_type": "enrollment", "asset_id": "12"}, "looks at a person"),
        ({"asset_type": "discussion_topic", "asset_id": "12", "level": "participate"}, "told by what was done there"),
    ],
)
def test_views_that_say_nothing_of_learning(body: dict[str, Any], reason: str) -> None:
    mapper, made = outcomes(event("asset_accessed", body))
    assert (made, list(mapper.counts.ignored)) == ([], [reason])


def test_a_view_without_anybody_is_of_a_visitor() -> None:
    payload = event("asset_accessed", {"asset_type": "attachment", "asset_id": "5"})
    del payload["metadata"]["user_id"]
    assert list(outcomes(payload)[0].counts.ignored) == ["by a visitor or a program, not by a person"]


# --- discussions --------------------------------------------------------------------------------------------------------------------------


def test_answers_point_at_a_question_that_somebody_else_asked(stated: list[dict[str, Any]]) -> None:
    [question] = [each for each in stated if verb_of(each) == "asked"]
    answers = [each for each in stated if verb_of(each) == "answered"]
    assert {each["context"]["contextActivities"]["parent"][0]["id"] for each in answers} == {question["object"]["id"]}
    assert who(question) not in {who(each) for each in answers}
    assert {each["object"]["id"].partition("#")[2] for each in answers} == {"entry-803", "entry-805", "entry-806"}


def test_replies_beyond_the_latest_are_asked_for(whole: tuple[Canvas, list[Record]]) -> None:
    assert {record["entry"] for record in whole[1] if record.kind == "post" and record["above"] == "803"} == {
        "804",
        "805",
        "806",
    }


def test_a_deleted_entry_takes_back_what_was_stated(whole: tuple[Canvas, list[Record]]) -> None:
    source, records = whole
    [gone] = [record for record in records if record.get("is_deleted")]
    made = mapped(source, landed(source, [gone]))[1]
    [before] = statements_of(
        mapped(source, landed(source, [Record(gone.kind, gone.key, {**gone, "is_deleted": False})]))[1]
    )
    assert extension(before, "record") in {each.key for each in made if isinstance(each, Retracted)}


def test_an_edited_entry_is_stated_anew_under_the_same_fact(whole: tuple[Canvas, list[Record]]) -> None:
    source, records = whole
    [edited] = [record for record in records if record.get("edited")]
    [after, *_] = mapped(source, landed(source, [edited]))[1]
    [before] = mapped(source, landed(source, [Record(edited.kind, edited.key, {**edited, "edited": None})]))[1]
    assert extension(after, "record") == extension(before, "record")
    assert after["id"] != before["id"]


def test_a_trainer_in_a_discussion_carries_that_role(stated: list[dict[str, Any]]) -> None:
    trainers = [each for each in stated if who(each) == KEY.account(TENANT, "30")]
    assert {verb_of(each) for each in trainers} == {"posted", "answered"}
    assert {extension(each, "actor-role") for each in trainers} == {"trainer"}


def test_both_forms_of_an_event_tell_the_same_fact() -> None:
    [caliper] = said(pair("a-caliper-submission"))
    body = {
        "submission_id": "21070000000001001",
        "assignment_id": "21070000000000501",
        "user_id": "21070000000000011",
        "submitted_at": "2026-10-29T10:01:00.000Z",
        "attempt": 1,
        "submission_type": "online_text_entry",
        "workflow_state": "submitted",
    }
    [vendor] = said(event("submission_created", body))
    assert caliper == vendor


# --- grades ------------------------------------------------------------------------------------------------------------------------------


def test_extra_credit_is_a_full_score_and_no_error(stated: list[dict[str, Any]]) -> None:
    scores = [each["result"]["score"] for each in stated if verb_of(each) == "scored"]
    assert {"raw": 12.0, "min": 0.0, "max": 12.0, "scaled": 1.0} in scores


def test_who_graded_stands_in_the_context_and_canvas_itself_does_not(stated: list[dict[str, Any]]) -> None:
    graders = Counter(
        each["context"].get("instructor", {}).get("account", {}).get("name")
        for each in stated
        if verb_of(each) == "scored"
    )
    assert graders == {KEY.account(TENANT, "30"): 3, None: 2}


def test_a_grade_that_is_taken_off_is_taken_back() -> None:
    body = {"assignment_id": "21070000000000355", "submission_id": "21070000000011086", "user_id": "21070000000000048"}
    _, [given] = outcomes(event("grade_change", {**body, "score": 7, "points_possible": 10, "grade": "7"}))
    _, [gone] = outcomes(event("grade_change", {**body, "score": None, "points_possible": 10, "grade": None}))
    assert isinstance(gone, Retracted)
    assert gone.key == extension(given, "record")


def test_a_graded_discussion_is_told_by_its_entries(whole: tuple[Canvas, list[Record]]) -> None:
    counts = mapped(whole[0], landed(*whole))[0].counts
    assert counts.ignored["submission of a discussion, told by its entries"] == 1


def test_a_new_attempt_is_a_fact_of_its_own() -> None:
    body = {
        "submission_id": "1",
        "assignment_id": "5",
        "user_id": "11",
        "submitted_at": "2026-10-29T10:00:00Z",
        "workflow_state": "submitted",
    }
    one, two = said(
        event("submission_created", {**body, "attempt": 1}), event("submission_updated", {**body, "attempt": 2})
    )
    assert extension(one, "record") != extension(two, "record")


# --- files of events ----------------------------------------------------------------------------------------------------------------------


def test_files_of_events_are_read_in_both_forms_and_each_event_once(tmp_path: Path) -> None:
    lines = [json.dumps(pair(name)) for name in ("an-administrator-enrols-a-learner", "a-caliper-submission")]
    (tmp_path / "one.jsonl").write_text("\n".join([*lines, "{broken", '{"metadata": 3}']), encoding="utf-8")
    with gzip.open(tmp_path / "two.jsonl.gz", "wt", encoding="utf-8") as stream:
        stream.write(lines[0] + "\n" + json.dumps({"MessageId": "m", "Body": lines[1]}))
    source, records = pull("https://nowhere.example", events=[str(tmp_path)], token=None)
    mapper, made = mapped(source, landed(source, records))
    assert sorted(verb_of(each) for each in statements_of(made)) == ["registered", "submitted"]
    assert len([each for each in made if isinstance(each, Quarantined)]) == 2
    assert mapper.counts.balances
    with source.api() as api:
        assert source.check(api) == "2 files of events, the last holds 2"


def test_each_bad_event_of_an_envelope_in_a_file_is_a_record_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text(json.dumps({"data": [1, pair("a-caliper-submission")["data"][0], 2]}))
    source = connect(files=[str(tmp_path / "*.jsonl")])
    mapper, _ = mapped(source, landed(source, source.read_file(str(tmp_path / "events.jsonl"))))
    assert mapper.counts.pulled == 3
    assert mapper.counts.quarantined.total() == 2


def test_neither_token_nor_files_is_told_before_anything_is_asked() -> None:
    with pytest.raises(ConfigurationError, match="token"):
        pull("https://nowhere.example", token=None)


@pytest.mark.parametrize(
    "payload",
    [
        {"metadata": {}, "body": {}},
        {"data": [3]},
        {"data": [{"actor": 3}]},
        {"progress": {}, "display_name": "x"},
        "x",
        3,
    ],
)
def test_what_is_no_event_and_no_object_is_a_bad_record(payload: Any) -> None:
    with pytest.raises(BadRecord):
        list(connect().read(payload))


def test_events_about_nothing_of_learning_are_counted() -> None:
    names = ("quiz_submitted", "user_created", "conversation_created", "an_event_of_next_year")
    mapper, made = outcomes(*(event(name, {}, request_id=name) for name in names))
    assert made == []
    assert mapper.counts.ignored.total() == len(names)


def test_addresses_of_caliper_are_taken_apart() -> None:
    assert urn("urn:instructure:canvas:course:21070000000000565:Learner:2107") == ("course", "21070000000000565")
    assert urn("http://oxana.instructure.com/") == ("", "")


# --- the vendor's own examples ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "verb", "learner"),
    [
        ("live-events/course_completed", "completed", "123"), ("live-events/discussion_entry_created", "replied", "98765"), ("live-events/enrollment_created", "registered", "20064"),
        ("live-events/submission_created", "submitted", "14012"), ("rest/page_view", "viewed", "1234"),
    ],
)  # fmt: skip
def test_the_vendors_own_examples_are_read(shared: Path, name: str, verb: str, learner: str) -> None:
    file = shared / "recordings" / "canvas" / f"{name}.json"
    if not file.exists():
        pytest.skip("the vendor's examples are not here")
    payload = json.loads(file.read_text(encoding="utf-8"))
    [made] = said(payload)
    assert (verb_of(made), who(made)) == (verb, KEY.account(TENANT, learner))
    assert not any(
        secret in json.dumps(made) for secret in ("Isaac", "inewton", "test this discussion", "Test Submission")
    )
