"""The 18 things that real LRSs taught a connector; docs/lrs-connector.md has them under the same numbers, with their evidence."""

import base64
import gzip
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests
import tincan
from urllib3.util import parse_url

from connectors.lrs import ClientCredentials, mirror
from leerstroom.errors import CredentialsRefused, UnexpectedShape, Unreachable
from leerstroom.mirror import Mirror

BAD_VERB = "http://example.org/verbs/bad"
VOIDED = "http://adlnet.gov/expapi/verbs/voided"


# --- 1 ---------------------------------------------------------------------------------------------------------------------------


def test_01_own_ids_always_so_that_a_resend_is_the_same_statement(
    fake: Any, connect: Any, statement: Any, broken: Any
) -> None:
    server = fake(tells_stored=True)
    proxy = broken(
        server.endpoint, lambda number, method: "cut-after" if method == "POST" and number % 2 == 0 else None
    )
    nameless = {name: value for name, value in statement(1).items() if name != "id"}
    lrs = connect(proxy.endpoint)
    assert lrs.load([nameless]).stored == 1
    assert lrs.load([dict(reversed(nameless.items()))]).already_there == 1
    assert len(server.held) == 1


def test_01_a_tincan_object_without_an_id_has_one_before_it_is_sent(fake: Any, connect: Any, statement: Any) -> None:
    server = fake()
    objects = [
        tincan.Statement({name: value for name, value in statement(number).items() if name not in {"id", "timestamp"}})
        for number in range(2)
    ]
    lrs = connect(server)
    assert lrs.save_statement(objects[0]).success
    assert lrs.save_statements(objects[1:]).success
    assert {str(each.id) for each in objects} == set(server.held)


# --- 2 ---------------------------------------------------------------------------------------------------------------------------


def test_02_409_is_not_already_stored(fake: Any, connect: Any, line: Any) -> None:
    server = fake(identical="refuse")
    lrs = connect(server, batch=20)
    lrs.load(line(number) for number in range(0, 100, 4))
    report = lrs.load(line(number) for number in range(100))
    assert (report.stored, report.already_there, report.conflicting) == (75, 25, 0)
    assert len(server.held) == 100
    again = lrs.load(line(number) for number in range(100))
    assert (again.stored, again.already_there) == (0, 100)


def test_02_what_is_known_is_read_back_by_the_page_and_not_one_by_one(fake: Any, connect: Any, line: Any) -> None:
    server = fake(identical="refuse")
    lrs = connect(server, batch=200)
    lrs.load(line(number) for number in range(200))
    before = len(server.log)
    assert lrs.load(line(number) for number in range(200)).already_there == 200
    assert len(server.log) - before < 8


@pytest.mark.parametrize("identical", ["accept", "refuse"])
def test_02_really_different_statements_are_reported_and_the_rest_delivered(
    fake: Any, connect: Any, statement: Any, identical: str
) -> None:
    server = fake(identical=identical)
    lrs = connect(server)
    lrs.load([statement(1), statement(2)])
    other = statement(1, object={"id": "https://lms.example/another"}, result={"success": True})
    letters: list[Any] = []
    report = lrs.load([other, statement(2), statement(3)], on_rejection=lambda *each: letters.append(each))
    assert (report.stored, report.already_there, report.conflicting) == (1, 1, 1)
    assert report.rejections[0].id == statement(1)["id"]
    assert "object, result differ" in report.rejections[0].reason
    assert orjson.loads(letters[0][1]) == other
    assert server.held[statement(1)["id"]]["object"] == statement(1)["object"]


def test_02_tincans_own_methods_know_that_too(fake: Any, connect: Any, statement: Any) -> None:
    server = fake(identical="refuse")
    lrs = connect(server)
    known, new = tincan.Statement(statement(1)), tincan.Statement(statement(2))
    other = tincan.Statement(statement(1, object={"objectType": "Activity", "id": "https://lms.example/another"}))
    assert lrs.save_statement(known).success
    assert lrs.save_statement(known).success
    assert lrs.save_statements([known]).success
    assert not lrs.save_statements([other, new]).success
    assert set(server.held) == {statement(1)["id"]}
    saved = lrs.save_statements([known, new])
    assert [each.id for each in saved.content] == [known.id, new.id]
    assert set(server.held) == {statement(1)["id"], statement(2)["id"]}


def test_02_another_spelling_is_no_difference(fake: Any, connect: Any, statement: Any) -> None:
    server = fake(identical="refuse")
    lrs = connect(server)
    first = statement(
        1,
        timestamp="2026-11-03T09:00:00Z",
        result={"duration": "PT2M", "score": {"raw": 1}},
        context={"contextActivities": {"parent": {"id": "https://lms.example/p"}}},
    )
    second = statement(
        1,
        timestamp="2026-11-03T10:00:00.000+01:00",
        result={"duration": "PT120S", "score": {"raw": 1.0}},
        context={
            "contextActivities": {"parent": [{"objectType": "Activity", "id": "https://lms.example/p"}], "other": []}
        },
        verb={"id": first_verb(statement), "display": {"en": "did"}},
    )
    lrs.load([first])
    report = lrs.load([second])
    assert (report.already_there, report.conflicting) == (1, 0)


def first_verb(statement: Any) -> str:
    return str(statement(1)["verb"]["id"])


def test_02_a_409_for_a_statement_that_is_voided_is_already_there(fake: Any, connect: Any, statement: Any) -> None:
    server = fake(identical="refuse")
    lrs = connect(server)
    void = statement(9, verb={"id": VOIDED}, object={"objectType": "StatementRef", "id": statement(1)["id"]})
    lrs.load([statement(1), void])
    assert lrs.load([statement(1), statement(2)]).already_there == 1


# --- 3 ---------------------------------------------------------------------------------------------------------------------------


def test_03_answer_ids_may_be_fewer_than_sent(fake: Any, connect: Any, line: Any) -> None:
    server = fake(identical="leave-out")
    lrs = connect(server)
    lrs.load(line(number) for number in range(0, 60, 2))
    report = lrs.load(line(number) for number in range(60))
    assert (report.stored, report.already_there) == (30, 30)


def test_03_answer_ids_may_be_absent(fake: Any, connect: Any, line: Any) -> None:
    server = fake(answers_ids=False)
    lrs = connect(server)
    assert lrs.load(line(number) for number in range(40)).stored == 40
    report = lrs.load(line(number) for number in range(50))
    assert (report.stored, report.already_there) == (10, 40)


def test_03_ids_are_matched_and_never_counted_off(fake: Any, connect: Any, statement: Any) -> None:
    server = fake(identical="leave-out")
    known, new = tincan.Statement(statement(1)), tincan.Statement(statement(2))
    lrs = connect(server)
    lrs.save_statement(known)
    assert lrs.save_statements([known, new]).success
    assert (str(known.id), str(new.id)) == (statement(1)["id"], statement(2)["id"])


def test_03_an_lrs_whose_since_looks_at_timestamp_is_still_accounted_for(fake: Any, connect: Any, line: Any) -> None:
    server = fake(
        identical="leave-out", since="timestamp", wraps_single=True, consistent_through=False, oldest_first=True
    )
    lrs = connect(server)
    first = lrs.load(line(number) for number in range(20))
    second = lrs.load(line(number) for number in range(30))
    assert (first.stored, second.stored, second.already_there) == (20, 10, 20)


# --- 4 ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 413, 422, 500])
def test_04_a_refused_batch_is_split_until_the_bad_statement_is_alone(
    fake: Any, connect: Any, statement: Any, status: int
) -> None:
    server = fake(bad_status=status, tells_stored=True)
    statements = [statement(number) for number in range(40)]
    statements[23]["verb"] = {"id": BAD_VERB}
    letters: list[bytes] = []
    report = connect(server, batch=40).load(statements, on_rejection=lambda _, raw: letters.append(raw))
    assert (report.stored, report.rejected) == (39, 1)
    assert str(status) in report.rejections[0].reason
    assert [orjson.loads(raw)["id"] for raw in letters] == [statements[23]["id"]]


def test_04_a_refusal_that_names_the_statement_saves_the_halving(fake: Any, connect: Any, statement: Any) -> None:
    server = fake(names_index=True, tells_stored=True)
    statements = [statement(number) for number in range(400)]
    statements[23]["verb"] = {"id": BAD_VERB}
    report = connect(server, batch=400).load(statements)
    assert (report.stored, report.rejected) == (399, 1)
    assert server.batch_sizes() == [400, 1, 399]


def test_04_the_reason_is_the_lrss_own_without_addresses_of_people(fake: Any, connect: Any, statement: Any) -> None:
    server = fake(names_index=True)
    report = connect(server).load([statement(1, verb={"id": BAD_VERB})])
    assert report.rejections[0].reason == "400: statements.0.verb is bad, says …"


def test_04_a_reason_that_repeats_the_statement_is_freed_of_what_people_said_and_are_called(
    fake: Any, connect: Any, statement: Any
) -> None:
    """Ralph tells what it could not read; statements of other tools hold names and answers."""
    actor = {"objectType": "Agent", "mbox": "mailto:anna@x.example", "name": "Anna Jansen"}
    thing = {"id": "https://lms.example/q/1", "definition": {"description": {"nl": "Wat vond je er van?"}}}
    answer = {"response": "Het was mij te druk", "score": {"raw": 3}}
    bad = statement(1, verb={"id": BAD_VERB}, actor=actor, object=thing, result=answer)
    [rejection] = connect(fake(repeats=True)).load([bad]).rejections
    assert rejection.reason.startswith("400: bad; input_value={'id': '")
    assert BAD_VERB in rejection.reason
    for said in ("Anna", "anna", "druk", "vond"):
        assert said not in rejection.reason


def test_04_what_an_lrs_kept_of_a_batch_that_it_refused_is_counted_once(
    fake: Any, connect: Any, statement: Any
) -> None:
    server = fake(atomic=False)
    statements = [statement(number) for number in range(16)]
    statements[9]["verb"] = {"id": BAD_VERB}
    report = connect(server).load(statements)
    assert (report.stored, report.already_there, report.rejected) == (15, 0, 1)


# --- 5 ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        (413, b""),
        (400, b"Request body exceeded settings.DATA_UPLOAD_MAX_MEMORY_SIZE."),
        (500, b'{"type":"PayloadTooLargeError","message":"request entity too large"}'),
    ],
    ids=["413", "django", "node"],
)
def test_05_too_large_is_not_always_413_and_the_size_that_worked_is_kept(
    fake: Any, connect: Any, line: Any, answer: tuple[int, bytes]
) -> None:
    server = fake(max_bytes=10_000, too_large=answer, tells_stored=True)
    lrs = connect(server, batch=500, in_flight=1)
    first = lrs.load(line(number) for number in range(600))
    assert (first.stored, first.rejected) == (600, 0)
    refused = sum(len(body) > 10_000 for body in server.posts())
    lrs.load(line(number) for number in range(600, 900))
    assert sum(len(body) > 10_000 for body in server.posts()) - refused <= 1


def test_05_one_statement_that_is_too_large_is_refused_alone(fake: Any, connect: Any, statement: Any) -> None:
    server = fake(max_bytes=5_000, tells_stored=True)
    report = connect(server).load([statement(1), statement(2, result={"response": "x" * 9000}), statement(3)])
    assert (report.stored, report.rejected) == (2, 1)
    assert "413" in report.rejections[0].reason


def test_05_batches_are_limited_by_bytes_as_well_as_count(fake: Any, connect: Any, statement: Any) -> None:
    server = fake(tells_stored=True)
    connect(server, batch=500).load(statement(number, result={"response": "x" * 50_000}) for number in range(50))
    assert max(len(body) for body in server.posts()) <= 1_000_100


# --- 6 ---------------------------------------------------------------------------------------------------------------------------


def test_06_no_batch_holds_an_id_twice(fake: Any, connect: Any, line: Any) -> None:
    server = fake()
    report = connect(server, batch=10).load(line(number % 7) for number in range(70))
    assert (report.sent, report.stored, report.already_there) == (70, 7, 63)
    for body in server.posts():
        ids = [each["id"] for each in orjson.loads(body)]
        assert len(ids) == len(set(ids))


def test_06_another_statement_under_an_id_of_the_same_batch_is_a_conflict(
    fake: Any, connect: Any, statement: Any
) -> None:
    server = fake(tells_stored=True)
    report = connect(server).load([statement(1), statement(1, object={"id": "https://lms.example/x"}), statement(1)])
    assert (report.stored, report.conflicting, report.already_there) == (1, 1, 1)
    assert report.balances


def test_06_ids_are_the_same_in_upper_and_lower_case(fake: Any, connect: Any, statement: Any) -> None:
    server = fake(tells_stored=True)
    report = connect(server).load([statement(1), statement(1, id=statement(1)["id"].upper())])
    assert (report.stored, report.already_there) == (1, 1)


# --- 7 ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", ["relative", "absolute", "inner"])
@pytest.mark.parametrize("empty_last_page", [False, True])
def test_07_more_may_be_relative_absolute_or_name_an_inner_host(
    fake: Any, connect: Any, statement: Any, more: str, empty_last_page: bool
) -> None:
    server = fake(more=more, cap=10, empty_last_page=empty_last_page)
    server.put(*(statement(number) for number in range(40)))
    assert len(list(connect(server).query())) == 40


def test_07_credentials_never_go_to_another_host(fake: Any, connect: Any, statement: Any) -> None:
    server, stranger = fake(cap=5), fake()
    server.put(*(statement(number) for number in range(10)))
    real = server.page

    def page(*args: Any) -> Any:
        status, headers, body = real(*args)
        value = orjson.loads(body)
        value["more"] = value["more"] and stranger.endpoint.removesuffix("/xapi/") + value["more"]
        return status, headers, orjson.dumps(value)

    server.page = page
    assert len(list(connect(server).query())) == 10
    assert stranger.log == []


@pytest.mark.parametrize(
    "more",
    [
        "//{evil}/xapi/statements?cursor=1",
        "http://{ours}@{evil}/xapi/statements",
        "http://{evil}\\@{ours}/xapi/statements",
        "http://{evil}?@{ours}/",
        "x:@{evil}/xapi/statements?://",
        "x:.evil.example/xapi/://",
        "x:0://",
        "http:///xapi/statements",
    ],
)
def test_07_whatever_a_more_says_the_address_is_on_our_host(connect: Any, fake: Any, more: str) -> None:
    server = fake()
    ours = parse_url(server.endpoint)
    transport = connect(server).transport
    address = transport.address(more.format(ours=ours.netloc, evil="evil.example:80"))
    sent = requests.Request("GET", address).prepare().url
    assert (parse_url(sent).scheme, parse_url(sent).netloc) == (ours.scheme, ours.netloc)


def test_07_a_more_that_is_no_address_is_told(connect: Any, fake: Any) -> None:
    with pytest.raises(UnexpectedShape, match="paging address"):
        connect(fake()).transport.address("http://[::1")


def test_07_a_more_that_expired_is_asked_anew_without_gap_or_double(fake: Any, connect: Any, statement: Any) -> None:
    for ascending in (False, True):
        server = fake(cap=10, more_lasts=2)
        for number in range(55):
            server.put(statement(number))
        found = [each["id"] for each in connect(server).query(ascending=ascending)]
        assert len(found) == len(set(found)) == 55


def test_07_a_more_that_repeats_is_an_error(fake: Any, connect: Any, statement: Any) -> None:
    from leerstroom.errors import CursorRepeated

    server = fake(cap=5)
    server.put(*(statement(number) for number in range(50)))
    server.more = lambda _: server.page(sorted(server.held), 0, 5)
    real = server.page

    def page(*args: Any) -> Any:
        status, headers, body = real(*args)
        return status, headers, orjson.dumps(orjson.loads(body) | {"more": "/xapi/statements/more/0"})

    server.page = page
    with pytest.raises(CursorRepeated):
        list(connect(server).query())


# --- 8 ---------------------------------------------------------------------------------------------------------------------------


def test_08_a_short_page_is_never_the_last_one(fake: Any, connect: Any, statement: Any) -> None:
    server = fake(cap=10)
    server.put(*(statement(number) for number in range(95)))
    lrs = connect(server)
    assert len(list(lrs.query())) == 95
    assert len(list(lrs.query(limit=33))) == 33


# --- 9 ---------------------------------------------------------------------------------------------------------------------------


def test_09_an_incremental_pull_asks_since_stored_oldest_first_with_an_overlap(
    fake: Any, connect: Any, statement: Any, tmp_path: Path
) -> None:
    server, target = fake(), Mirror(tmp_path)
    server.put(*(statement(number) for number in range(10)))
    first = mirror(connect(server), target)
    server.log.clear()
    asked: list[dict[str, str]] = []
    real = server.query
    server.query = lambda query: asked.append(query) or real(query)
    mirror(connect(server), target)
    assert asked[0]["ascending"] == "true"
    assert first.position is not None
    assert datetime.fromisoformat(asked[0]["since"]) < datetime.fromisoformat(first.position)


def test_09_whether_since_looks_at_stored_is_tried_out(fake: Any, connect: Any, statement: Any, tmp_path: Path) -> None:
    server, target = fake(since="timestamp", consistent_through=False), Mirror(tmp_path)
    server.put(*(statement(number) for number in range(10)))
    mirror(connect(server), target)
    server.put(statement(20, timestamp="2020-01-01T00:00:00Z"))
    assert mirror(connect(server), target).new == 1
    assert target.manifest().position.since_is_stored is False


def test_09_a_consistent_through_that_steps_back_takes_the_position_along(
    fake: Any, connect: Any, statement: Any, tmp_path: Path
) -> None:
    server, target = fake(), Mirror(tmp_path)
    server.put(*(statement(number) for number in range(10)))
    mirror(connect(server), target)
    real, back = server.page, server.clock - timedelta(hours=2)

    def page(*args: Any) -> Any:
        status, headers, body = real(*args)
        return status, headers | {"X-Experience-API-Consistent-Through": back.isoformat()}, body

    server.page = page
    report = mirror(connect(server), target)
    assert report.new == 0
    assert report.position is not None
    assert datetime.fromisoformat(report.position) == back


# --- 10 --------------------------------------------------------------------------------------------------------------------------


def test_10_a_back_dated_event_is_mirrored_under_the_day_it_was_stored(
    fake: Any, connect: Any, statement: Any, tmp_path: Path
) -> None:
    server, target = fake(), Mirror(tmp_path)
    server.put(statement(1))
    mirror(connect(server), target)
    server.put(statement(2, timestamp="2025-01-01T00:00:00Z"))
    assert mirror(connect(server), target).new == 1
    row = target.table(["timestamp", "stored"]).to_pylist()[-1]
    assert row["timestamp"] == datetime(2025, 1, 1, tzinfo=UTC)
    assert row["stored"].year == 2026


# --- 11 --------------------------------------------------------------------------------------------------------------------------


def test_11_voided_statements_are_filtered_on_the_reading_side_since_a_loose_lrs_does_not(
    fake: Any, connect: Any, statement: Any, tmp_path: Path
) -> None:
    server, target = fake(shows_voided=True), Mirror(tmp_path)
    server.put(
        statement(1),
        statement(2),
        statement(3, verb={"id": VOIDED}, object={"objectType": "StatementRef", "id": statement(1)["id"]}),
    )
    mirror(connect(server), target)
    assert target.rows == 3
    left = target.table(["statement_id"], with_voided=False).column(0).to_pylist()
    assert sorted(left) == sorted([statement(2)["id"], statement(3)["id"]])


# --- 12 --------------------------------------------------------------------------------------------------------------------------


def test_12_foreign_statements_are_read_without_tincan_and_compared_by_meaning(
    fake: Any, connect: Any, statement: Any
) -> None:
    server = fake(rewrites=True, identical="refuse")
    future = statement(
        1,
        context={"contextAgents": [{"objectType": "contextAgent", "agent": {"mbox": "mailto:a@example.org"}}]},
        unknown=1,
    )
    lrs = connect(server)
    lrs.load([future, statement(2)])
    assert lrs.statement(future["id"])["context"] == future["context"]
    assert lrs.load([statement(2)]).already_there == 1
    objects = {str(each.id): each for each in lrs.statements()}
    assert objects[future["id"]].verb.id == future["verb"]["id"]


# --- 13 --------------------------------------------------------------------------------------------------------------------------


def test_13_the_version_header_is_always_sent(fake: Any, connect: Any, statement: Any) -> None:
    server = fake()
    lrs = connect(server, version="2.0.0")
    lrs.load([statement(1)])
    list(lrs.query())
    lrs.about()
    assert {headers["x-experience-api-version"] for _, _, headers, _ in server.log} == {"2.0.0"}


def test_13_about_may_hold_unknown_keys_or_be_missing(fake: Any, connect: Any) -> None:
    server = fake()
    lrs = connect(server)
    assert lrs.versions() == ["1.0.3", "2.0.0"]
    assert lrs.about().content.version == ["1.0.3"]
    server.intrude = lambda _, __, path: (404, {}, b"") if path.endswith("about") else None
    assert lrs.versions() == []
    assert lrs.about().success is False
    assert "no about resource" in lrs.check()


# --- 14 --------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "waits",
    [
        pytest.param(lambda: {"Retry-After": "1"}, id="seconds"),
        pytest.param(
            lambda: {"Retry-After": format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)}, id="date"
        ),
        pytest.param(dict, id="silent"),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_14_retry_after_in_every_form_is_obeyed(fake: Any, connect: Any, line: Any, waits: Any, status: int) -> None:
    server = fake(tells_stored=True)
    told: list[float] = []

    def intrude(_: Any, method: str, __: str) -> Any:
        if method == "POST" and not told:
            headers = waits()
            told.append(time.monotonic())
            return status, headers, b""
        if method == "POST":
            told.append(time.monotonic())
        return None

    server.intrude = intrude
    assert connect(server).load([line(1)]).stored == 1
    assert told[1] - told[0] >= (0.9 if waits() else 0.1)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_14_bursts_of_5xx_are_waited_out(fake: Any, connect: Any, line: Any, status: int) -> None:
    server = fake(tells_stored=True)
    left = [3]

    def intrude(_: Any, method: str, __: str) -> Any:
        left[0] -= method == "POST"
        return (status, {}, b"") if left[0] > 0 and method == "POST" else None

    server.intrude = intrude
    assert connect(server).load([line(1)]).stored == 1


@pytest.mark.parametrize(
    ("status", "error"), [(401, CredentialsRefused), (403, CredentialsRefused), (404, UnexpectedShape)]
)
def test_14_401_403_and_404_stop_at_once(
    fake: Any, connect: Any, line: Any, status: int, error: type[Exception]
) -> None:
    server = fake()
    server.intrude = lambda *_: (status, {}, b"")
    with pytest.raises(error):
        connect(server, batch=5, in_flight=1).load(line(number) for number in range(100))
    assert len(server.posts()) <= 2


def test_14_an_lrs_that_does_not_answer_in_time_gets_smaller_batches(fake: Any, connect: Any, line: Any) -> None:
    server = fake(tells_stored=True, delay_s_each=0.02)
    lrs = connect(server, batch=64, in_flight=1, timeout_s=0.5)
    report = lrs.load(line(number) for number in range(128))
    assert (report.stored, report.already_there) == (128, 0)
    assert max(server.batch_sizes()[-3:]) <= 32


def test_14_connections_are_kept_and_pooled(fake: Any, connect: Any, line: Any) -> None:
    server = fake(tells_stored=True)
    lrs = connect(server, batch=5, in_flight=2)
    lrs.load(line(number) for number in range(200))
    [pool] = lrs.transport.session.get_adapter(server.endpoint).poolmanager.pools._container.values()
    assert pool.num_requests == 41
    assert pool.num_connections <= 3


def test_14_the_rate_is_configurable(fake: Any, connect: Any, line: Any, stopwatch: Any) -> None:
    server = fake(tells_stored=True)
    connect(server, batch=1, in_flight=2, requests_per_minute=600).load(line(number) for number in range(20))
    assert stopwatch() >= 0.9


def test_14_a_dead_host_is_unreachable_within_its_patience(connect: Any, stopwatch: Any) -> None:
    with pytest.raises(Unreachable):
        next(connect("http://127.0.0.1:9/xapi/", patience_s=1).query())
    assert stopwatch() < 5


# --- 15 --------------------------------------------------------------------------------------------------------------------------


def test_15_bodies_are_compressed_only_when_configured(fake: Any, connect: Any, line: Any) -> None:
    server = fake(tells_stored=True)
    connect(server).load(line(number) for number in range(20))
    assert all("content-encoding" not in headers for _, _, headers, _ in server.log)
    other = fake(tells_stored=True)
    real = other.answer
    other.answer = lambda method, path, query, headers, body: real(
        method, path, query, headers, gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
    )
    assert connect(other, gzip=True).load(line(number) for number in range(20)).stored == 20
    assert other.log[1][2]["content-encoding"] == "gzip"
    assert len(other.log[1][3]) < 2000


def test_15_compressed_answers_are_asked_for_but_not_of_a_neighbour(fake: Any, connect: Any) -> None:
    server = fake()
    list(connect(server).query())
    assert server.log[0][2]["accept-encoding"] == "identity"
    assert connect("https://lrs.example/xapi/").transport._headers["Accept-Encoding"] == "gzip"


def test_15_a_compressed_answer_is_read(fake: Any, connect: Any, statement: Any) -> None:
    server = fake()
    server.put(statement(1))
    real = server.answer

    def squeezed(*args: Any) -> Any:
        status, headers, body = real(*args)
        return status, headers | {"Content-Encoding": "gzip"}, gzip.compress(body)

    server.answer = squeezed
    assert [each["id"] for each in connect(server).query()] == [statement(1)["id"]]


# --- 16 --------------------------------------------------------------------------------------------------------------------------


def test_16_basic_credentials_are_utf_8(fake: Any) -> None:
    from connectors.lrs import Lrs

    server = fake()
    with Lrs(server.endpoint, "sleutel-é", "geheim-ü€") as lrs:
        list(lrs.query())
    assert server.log[0][2]["authorization"] == "Basic " + base64.b64encode("sleutel-é:geheim-ü€".encode()).decode()


def test_16_a_bearer_token_may_come_from_client_credentials(fake: Any, serve: Any) -> None:
    from connectors.lrs import Lrs

    asked: list[bytes] = []

    async def tokens(scope: Any, receive: Any, send: Any) -> None:
        asked.append((await receive()).get("body", b""))
        body = b'{"access_token": "t%d", "expires_in": 3600}' % len(asked)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": body})

    server = fake()
    credentials = ClientCredentials(serve(tokens) + "/token", "id", "secret", scope="all")
    with Lrs(server.endpoint, token=credentials) as lrs:
        list(lrs.query())
        list(lrs.query())
    assert [headers["authorization"] for _, _, headers, _ in server.log] == ["Bearer t1", "Bearer t1"]
    assert asked == [b"grant_type=client_credentials&scope=all"]


# --- 17 --------------------------------------------------------------------------------------------------------------------------


def test_17_statements_travel_in_batches(fake: Any, connect: Any, line: Any) -> None:
    server = fake(tells_stored=True)
    connect(server).load(line(number) for number in range(1200))
    assert server.batch_sizes() == [500, 500, 200] or sorted(server.batch_sizes()) == [200, 500, 500]


# --- 18 --------------------------------------------------------------------------------------------------------------------------


def test_18_operators_get_counts_that_balance_and_letters_that_can_be_sent_again(
    fake: Any, connect: Any, statement: Any
) -> None:
    server = fake()
    lrs = connect(server)
    lrs.load([statement(1), statement(2)])
    letters: list[bytes] = []
    report = lrs.load(
        [
            statement(1),
            statement(2, object={"id": "https://lms.example/x"}),
            statement(3),
            statement(4, verb={"id": BAD_VERB}),
        ],
        on_rejection=lambda _, raw: letters.append(raw),
    )
    assert (report.sent, report.stored, report.already_there, report.conflicting, report.rejected) == (4, 1, 1, 1, 1)
    assert report.balances
    mended = [orjson.loads(raw) | {"verb": statement(4)["verb"]} for raw in letters if BAD_VERB.encode() in raw]
    assert lrs.load(mended).stored == 1


def test_18_an_lrs_that_is_down_is_said_in_one_line_that_names_it(connect: Any) -> None:
    with pytest.raises(Unreachable, match=r"LRS connection 'archive' at /xapi/about: no answer"):
        connect("http://127.0.0.1:9/xapi/", name="archive", tries=1).check()
