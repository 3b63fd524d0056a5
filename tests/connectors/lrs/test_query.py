"""Querying: every filter in every form, as dictionaries, objects, frames and counts; and tincan's own methods."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import pytest
import tincan

from connectors.lrs.reading import parameters, parts_of
from leerstroom.errors import ConfigurationError, UnexpectedShape


@pytest.fixture
def server(fake: Any, statement: Any) -> Any:
    made = fake(cap=20)
    for number in range(60):
        made.put(
            statement(
                number,
                **({"context": {"registration": "ec531277-b57b-4c15-8d91-d292c5b2b8f7"}} if number % 10 == 0 else {}),
            )
        )
    return made


def test_newest_come_first_and_ascending_turns_it_round(server: Any, connect: Any) -> None:
    lrs = connect(server)
    down = [each["stored"] for each in lrs.query()]
    up = [each["stored"] for each in lrs.query(ascending=True)]
    assert down == sorted(down, reverse=True)
    assert up == sorted(up)
    assert len(up) == len(down) == 60


def test_limit_is_what_the_caller_gets_however_the_lrs_pages(server: Any, connect: Any) -> None:
    lrs = connect(server)
    assert len(list(lrs.query(limit=45))) == 45
    assert len(list(lrs.query(limit=0))) == 0
    assert len(list(lrs.query(limit=1000))) == 60


@pytest.mark.parametrize(
    "agent",
    [
        {"account": {"homePage": "https://people.example", "name": "p3"}},
        '{"account": {"homePage": "https://people.example", "name": "p3"}}',
        "account|https://people.example|p3",
        tincan.Agent(account=tincan.AgentAccount(home_page="https://people.example", name="p3")),
    ],
    ids=["dictionary", "json", "words", "tincan"],
)
def test_an_agent_may_be_given_in_any_form(server: Any, connect: Any, agent: Any) -> None:
    found = list(connect(server).query(agent=agent))
    assert {each["actor"]["account"]["name"] for each in found} == {"p3"}
    assert len(found) == len([number for number in range(60) if number % 7 == 3])


@pytest.mark.parametrize(
    "verb",
    ["answered", "http://adlnet.gov/expapi/verbs/answered", tincan.Verb(id="http://adlnet.gov/expapi/verbs/answered")],
)
def test_a_verb_may_be_a_name_an_iri_or_an_object(server: Any, connect: Any, verb: Any) -> None:
    assert len(list(connect(server).query(verb=verb))) == 20


def test_activity_registration_since_and_until_filter(server: Any, connect: Any) -> None:
    lrs = connect(server)
    assert {each["object"]["id"] for each in lrs.query(activity="https://lms.example/course/4")} == {
        "https://lms.example/course/4"
    }
    assert len(list(lrs.query(registration="ec531277-b57b-4c15-8d91-d292c5b2b8f7"))) == 6
    middle = sorted(each["stored"] for each in server.held.values())[29]
    assert len(list(lrs.query(since=middle))) == 30
    assert len(list(lrs.query(until=datetime.fromisoformat(middle)))) == 30
    assert len(list(lrs.query(since=date(2020, 1, 1)))) == 60


def test_every_filter_has_its_parameter() -> None:
    made = parameters(
        agent="mailto:a@example.org", verb="asked", activity=tincan.Activity(id="https://x.example/a"), since="2026-11-03",
        until=datetime(2026, 11, 3, 12, tzinfo=UTC), registration="r", limit=5, related_agents=True, related_activities=True,
        ascending=True, format="ids", attachments=True,
    )  # fmt: skip
    assert made == {
        "agent": '{"mbox":"mailto:a@example.org"}',
        "verb": "http://adlnet.gov/expapi/verbs/asked",
        "activity": "https://x.example/a",
        "since": "2026-11-03T00:00:00.000Z",
        "until": "2026-11-03T12:00:00.000Z",
        "registration": "r",
        "limit": "5",
        "related_agents": "true",
        "related_activities": "true",
        "ascending": "true",
        "format": "ids",
        "attachments": "true",
    }


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ({"agent": "just a name"}, "agent is neither"),
        ({"verb": "flew"}, "verb 'flew'"),
        ({"since": "yesterday"}, "time 'yesterday'"),
        ({"since": datetime(2026, 1, 1)}, "naive"),
        ({"limit": -1}, "negative"),
        ({"format": "short"}, "format 'short'"),
    ],
)
def test_what_cannot_be_meant_is_said_before_anything_is_sent(filters: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        parameters(**filters)


def test_a_query_that_the_lrs_refuses_gives_its_reason(server: Any, connect: Any) -> None:
    server.intrude = lambda *_: (400, {}, b'{"message": "verb is no IRI"}')
    with pytest.raises(UnexpectedShape, match="verb is no IRI"):
        list(connect(server).query())


def test_statements_are_tincan_objects(server: Any, connect: Any, statement: Any) -> None:
    found = next(connect(server).statements(limit=1))
    assert isinstance(found, tincan.Statement)
    assert str(found.id) == statement(59)["id"]
    assert found.actor.account.name == "p3"


def test_a_frame_has_typed_columns(server: Any, connect: Any) -> None:
    frame = connect(server).frame(verb="answered")
    assert len(frame) == 20
    assert str(frame["stored"].dtype).startswith("datetime64[us, UTC]")
    assert str(frame["duration_ms"].dtype) == "Int64"
    assert str(frame["success"].dtype) == "boolean"
    assert set(frame["verb"]) == {"answered"}
    assert "raw" not in frame.columns
    empty = connect(server).frame(verb="http://example.org/none")
    assert len(empty) == 0
    assert list(empty.columns) == list(frame.columns)


def test_counts_by_verb_activity_actor_and_day(server: Any, connect: Any) -> None:
    lrs = connect(server)
    assert lrs.counts("verb") == {"asked": 20, "answered": 20, "completed": 20}
    assert lrs.counts("activity")["https://lms.example/course/4"] == 6
    assert lrs.counts("actor")["account|https://people.example|p3"] == 9
    assert lrs.counts("day")["2026-11-01"] == 3
    assert sum(lrs.counts("day", verb="asked").values()) == 20
    with pytest.raises(ConfigurationError, match="counted by"):
        lrs.counts("weather")


def test_one_statement_by_its_id_voided_or_not(server: Any, connect: Any, statement: Any) -> None:
    lrs = connect(server)
    server.voided.add(statement(5)["id"])
    assert lrs.statement(statement(4)["id"])["id"] == statement(4)["id"]
    assert lrs.statement(statement(5)["id"])["id"] == statement(5)["id"]
    assert lrs.statement("00000000-0000-4000-8000-000000000000") is None


def test_check_says_in_one_line_what_answers(server: Any, connect: Any) -> None:
    said = connect(server).check()
    assert "\n" not in said
    assert "xAPI 1.0.3, 2.0.0" in said
    assert "newest statement stored 20" in said
    assert "a secret" not in said


def test_a_broken_page_is_asked_again(server: Any, connect: Any) -> None:
    broken = [2]

    def intrude(_: Any, method: str, path: str) -> Any:
        broken[0] -= 1
        return (200, {}, b'{"statements": [{"id": "x"') if broken[0] >= 0 else None

    server.intrude = intrude
    assert len(list(connect(server).query())) == 60


# --- tincan ----------------------------------------------------------------------------------------------------------------------


def test_tincans_own_query_and_more_work(server: Any, connect: Any) -> None:
    lrs = connect(server)
    first = lrs.query_statements({"verb": tincan.Verb(id="http://adlnet.gov/expapi/verbs/asked"), "limit": 15})
    assert first.success
    assert len(first.content.statements) == 15
    second = lrs.more_statements(first.content)
    assert len(second.content.statements) == 5
    assert not {each.id for each in first.content.statements} & {each.id for each in second.content.statements}


def test_tincans_retrieve_reads_a_wrapped_answer_and_says_what_is_missing(
    server: Any, connect: Any, statement: Any
) -> None:
    lrs = connect(server)
    server.quirks.wraps_single = True
    assert str(lrs.retrieve_statement(statement(1)["id"]).content.id) == statement(1)["id"]
    assert lrs.retrieve_statement("00000000-0000-4000-8000-000000000000").success is False
    server.quirks.wraps_single = False
    assert lrs.retrieve_statement("00000000-0000-4000-8000-000000000000").success is False


def test_a_refusal_is_an_answer_to_tincans_methods(server: Any, connect: Any) -> None:
    server.intrude = lambda *_: (401, {}, b"who?")
    response = connect(server).query_statements({})
    assert response.success is False
    assert response.response.status == 401
    assert response.data == "who?"


def test_tincans_documents_keep_bytes_content_type_and_etag(fake: Any, connect: Any) -> None:
    server = fake()
    held: dict[str, bytes] = {}

    def answer(method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes) -> Any:
        if method == "PUT":
            held[query["stateId"]] = body
            return 204, {}, b""
        if query.get("stateId") in held:
            return 200, {"Content-Type": "image/png", "ETag": '"7"'}, held[query["stateId"]]
        return 404, {}, b""

    server.answer = answer
    lrs = connect(server)
    agent, activity = tincan.Agent(mbox="mailto:a@example.org"), tincan.Activity(id="https://x.example/a")
    document = tincan.StateDocument(
        id="s", content=bytearray(b"\x89PNG\xff"), activity=activity, agent=agent, content_type="image/png"
    )
    assert lrs.save_state(document).success
    assert len([each for each in server.log if each[0] == "PUT"]) == 1
    found = lrs.retrieve_state(activity, agent, "s")
    assert found.data == b"\x89PNG\xff"
    assert (found.content.etag, found.content.content_type) == ('"7"', "image/png")
    assert lrs.retrieve_state(activity, agent, "none").success


def test_an_unknown_version_is_refused(connect: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"xAPI version '3\.0'"):
        connect("http://127.0.0.1:9/xapi/", version="3.0")
    with pytest.raises(ConfigurationError, match="endpoint"):
        connect("ftp://127.0.0.1/xapi/")


# --- attachments -----------------------------------------------------------------------------------------------------------------


def test_a_multipart_answer_is_read_with_its_attachments(server: Any, connect: Any) -> None:
    page = orjson.dumps({"statements": [next(iter(server.held.values()))], "more": ""})
    body = (
        b"preamble\r\n--b0\r\nContent-Type: application/json\r\n\r\n" + page
        + b"\r\n--b0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\nX-Experience-API-Hash: abc\r\n\r\nline 1\r\nline 2\r\n--b0--\r\n"
    )  # fmt: skip
    server.answer = lambda *_: (200, {"Content-Type": 'multipart/mixed; boundary="b0"'}, body)
    lrs = connect(server)
    assert len(list(lrs.query(attachments=True))) == 1
    [found] = list(lrs.pages(attachments=True))
    assert found.attachments == {"abc": ("text/plain", b"line 1\r\nline 2")}
    with pytest.raises(UnexpectedShape, match="no parts"):
        parts_of("multipart/mixed", b"")


def test_consistent_through_comes_with_the_page(server: Any, connect: Any) -> None:
    page = next(connect(server).pages())
    assert page.consistent_through is not None
    assert page.consistent_through > datetime.now(UTC) - timedelta(minutes=1)
