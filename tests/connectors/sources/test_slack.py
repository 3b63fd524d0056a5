"""Slack: the contract, pairs, and each trap of its API by name."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from plot import WEEKS, Bench, PlotContract
from source_contract import RECORDINGS, check_pair, landed, mapped, pairs
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from vendor_contract import Contract, asked

from connectors.source import Window
from connectors.sources.slack import Slack
from leerstroom.errors import (
    BadRecord,
    ConfigurationError,
    CredentialsRefused,
    CursorRepeated,
    RateLimited,
    UnexpectedShape,
)
from leerstroom.people import Directory, Employee
from leerstroom.replay import Fault, Running, running
from leerstroom.statements import verbs
from leerstroom.statements.vocabulary import canonical_verb

FIELDS = {
    "requests_per_minute": 100_000,
    "token": "xoxb-a-token-that-reads",
    "workspace": "https://voorbeeldstad.slack.com",
    "rooms": ["C001VRBLD", "C002VRBLD"],
}


BENCH = Bench(Slack, FIELDS)
source_at, pull, statements, read = BENCH.at, BENCH.pull, BENCH.statements, BENCH.read


class TestSlack(PlotContract):
    source = Slack
    fields = FIELDS
    recordings = RECORDINGS / "slack"
    paged = "conversations.history"
    sees_deletions = False  # only its events tell


@pytest.mark.parametrize("pair", pairs("slack"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(Slack, pair)


# --- the wire --------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(RECORDINGS, only=("slack",)) as server:
        yield server


def test_every_request_is_one_that_slack_describes(server: Running) -> None:
    contract = Contract.read(RECORDINGS / "slack" / "openapi.json", credentials={"token"})
    source = source_at(f"{server.url}/slack")
    with source.api() as api, asked(api) as sent:
        list(source.pull(api, WEEKS))
        source.check(api)
    assert {request.path_url.partition("?")[0].rpartition("/")[2] for request in sent} == {
        path.strip("/") for path in contract.spec["paths"]
    }
    assert contract.faults(sent) == []


def test_replies_of_a_thread_are_not_in_the_history_and_are_found_in_the_thread(server: Running) -> None:
    """The list of a channel shows only what opens threads; the answer of 12 November stands in a thread of 26 October."""
    source = source_at(f"{server.url}/slack")
    day = Window(datetime(2026, 11, 12, tzinfo=UTC), datetime(2026, 11, 13, tzinfo=UTC))
    late = [record for record in pull(source, day) if record.get("thread_ts")]
    assert [statement["verb"]["id"] for statement in statements(source, late)] == [verbs.ANSWERED.iri]
    assert not [
        record for record in pull(source_at(f"{server.url}/slack", thread_days=2), day) if record.get("thread_ts")
    ]


def test_a_cursor_that_the_vendors_static_example_repeats_for_ever_ends_with_a_clear_error(serve) -> None:
    page = {"ok": True, "messages": [], "has_more": True, "response_metadata": {"next_cursor": "bmV4dF90czox"}}
    with pytest.raises(CursorRepeated, match="history"):
        pull(source_at(serve(answers({"conversations.history": page}))))


def test_a_list_ends_where_the_cursor_is_empty_or_missing_and_not_with_a_short_page(server: Running) -> None:
    source = source_at(f"{server.url}/slack", rooms=["C001VRBLD"])
    with source.api() as api, asked(api) as sent:
        records = [record for record in source.pull(api, WEEKS) if record.kind == "message"]
    pages = [str(request.url) for request in sent if "conversations.history" in str(request.url)]
    assert ["cursor=" in url for url in pages] == [False, *[True] * (len(pages) - 1)]
    assert len(pages) > 1  # of at most 8 where 200 were asked for
    assert len([record for record in records if "thread_ts" not in record or record["thread_ts"] == record["ts"]]) > 8


def test_without_the_scope_for_addresses_people_stay_who_they_are_on_the_platform(tmp_path: Path) -> None:
    folder = tmp_path / "slack"
    shutil.copytree(RECORDINGS / "slack", folder, ignore=shutil.ignore_patterns("pairs"))
    told = json.loads((folder / "server.json").read_text())
    for user in told["users"]:
        user["profile"].pop("email", None)
    (folder / "server.json").write_text(json.dumps(told))
    directory = Directory(employees=[Employee("E1", emails=("bram.jansen@voorbeeldstad.example",))])
    with running(tmp_path) as silent:
        source = source_at(f"{silent.url}/slack")
        made = statements(source, pull(source), directory)
    assert {each["actor"]["account"]["homePage"] for each in made} == {"https://voorbeeldstad.slack.com"}


def test_more_without_a_cursor_is_loud(serve) -> None:
    page = {"ok": True, "messages": [], "has_more": True}
    with pytest.raises(UnexpectedShape, match="more but not where"):
        pull(source_at(serve(answers({"conversations.history": page}))))


def test_a_limit_of_a_tier_says_how_many_seconds_to_wait(server: Running) -> None:
    server.faults.waiting[:] = [Fault("too_many", times=1, seconds=30)]
    source = source_at(f"{server.url}/slack")
    with source.api() as api:
        api._patience_s = 1
        with pytest.raises(RateLimited) as caught:
            list(source.pull(api, WEEKS))
    assert caught.value.retry_after_s == 30


def test_an_app_outside_the_marketplace_gets_15_objects_a_page_and_misses_nothing(
    server: Running, tmp_path: Path
) -> None:
    folder = tmp_path / "slack"
    folder.mkdir()
    told = json.loads((RECORDINGS / "slack" / "server.json").read_text())
    (folder / "server.json").write_text(json.dumps({**told, "restricted": True}))
    shutil.copy(RECORDINGS / "slack" / "messages.jsonl", folder)
    with running(tmp_path) as restricted:
        few = pull(source_at(f"{restricted.url}/slack"))
    assert sorted(record.key for record in few) == sorted(
        record.key for record in pull(source_at(f"{server.url}/slack"))
    )


def test_an_app_outside_the_marketplace_may_ask_once_a_minute() -> None:
    limit = source_at("https://slack.com", requests_per_minute=1).api()._limit
    assert limit is not None
    assert limit.delay_s() == 0
    assert limit.delay_s() == pytest.approx(60, abs=1.5)


def test_an_error_inside_an_answer_200_is_an_error(serve) -> None:
    with pytest.raises(CredentialsRefused, match="token_revoked"):
        pull(source_at(serve(answers({"conversations.info": {"ok": False, "error": "token_revoked"}}))))
    with pytest.raises(ConfigurationError, match="C001VRBLD"):
        pull(source_at(serve(answers({"conversations.info": {"ok": False, "error": "channel_not_found"}}))))


def test_a_fault_of_slack_inside_an_answer_200_is_tried_again(serve) -> None:
    app = answers({
        "conversations.info": [{"ok": False, "error": "internal_error"}, {"ok": True, "channel": {"is_private": True}}]
    })
    assert pull(source_at(serve(app), rooms=["C001VRBLD"])) == []


def answers(bodies: dict[str, Any]) -> Starlette:
    """A workspace that gives each method its one answer for ever, or its list of answers one after the other."""

    async def answer(request: Request) -> JSONResponse:
        body = bodies.get(request.path_params["method"], {"ok": True, "channel": {"id": "C001VRBLD"}})
        return JSONResponse(body.pop(0) if isinstance(body, list) else body)

    return Starlette(routes=[Route("/api/{method}", answer)])


# --- what messages say --------------------------------------------------------------------------------------------------------------


def message(text: str, ts: Any = "1793700000.000100", **fields: Any) -> dict[str, Any]:
    return {"type": "message", "channel": "C1", "user": "U1", "text": text, "ts": ts, **fields}


@pytest.mark.parametrize(
    "subtype",
    [
        "channel_join",
        "channel_leave",
        "channel_topic",
        "channel_name",
        "pinned_item",
        "huddle_thread",
        "bot_add",
        "a_new_one",
    ],
)
def test_joins_and_other_notices_of_the_room_are_no_messages(subtype: str) -> None:
    made, _, ignored = read(message("Wie weet dit?", subtype=subtype))
    assert (made, list(ignored)) == ([], ["notice of the platform about the room or its members"])


@pytest.mark.parametrize("fields", [{"subtype": "bot_message"}, {"bot_id": "B1"}, {"user": "USLACKBOT"}])
def test_bots_say_nothing(fields: dict[str, Any]) -> None:
    made, _, ignored = read(message("Wie weet dit?", **fields))
    assert (made, list(ignored)) == ([], ["message of a program"])


@pytest.mark.parametrize("subtype", ["me_message", "file_share", "thread_broadcast"])
def test_some_subtypes_are_what_somebody_says(subtype: str) -> None:
    [made], _, _ = read(message("Wie weet hoe dit werkt?", subtype=subtype))
    assert made["verb"]["id"] == verbs.ASKED.iri


@pytest.mark.parametrize("ts", ["1427135890.000070", 1427135890.00007])
def test_ts_is_an_id_as_text_and_a_number_gets_its_digits_back(ts: Any) -> None:
    [made], _, _ = read(message("Een bericht over van alles en nog wat", ts))
    assert made["object"]["id"] == "https://voorbeeldstad.slack.com/archives/C1/p1427135890000070"
    assert made["timestamp"] == "2015-03-23T18:38:10.000Z"


def test_a_reply_that_is_shown_in_the_channel_too_counts_once(server: Running, tmp_path: Path) -> None:
    folder = tmp_path / "slack"
    shutil.copytree(RECORDINGS / "slack", folder, ignore=shutil.ignore_patterns("pairs"))
    lines = [json.loads(line) for line in (folder / "messages.jsonl").read_text().splitlines()]
    for line in lines:
        if line["key"] == "xlookup":
            line["versions"][0][1]["subtype"] = "thread_broadcast"
    (folder / "messages.jsonl").write_text("\n".join(map(json.dumps, lines)))
    with running(tmp_path) as broadcast:
        records = pull(source_at(f"{broadcast.url}/slack"))
    assert sorted(record.key for record in records) == sorted(
        record.key for record in pull(source_at(f"{server.url}/slack"))
    )


def test_a_click_on_the_message_of_an_app_is_no_message_of_anybody() -> None:
    own = {"type": "message", "user": "UAPP", "ts": "1793700000.000100", "text": "Welke optie kies je?"}
    made, _, ignored = read({"type": "block_actions", "user": {"id": "U1"}, "channel": {"id": "C1"}, "message": own})
    assert (made, list(ignored)) == ([], ["nothing is mapped from block_actions records of this type"])
    [asked_], _, _ = read({"ok": True, "type": "message", "channel": "C1", "message": {**own, "user": "U2"}})
    assert asked_["verb"]["id"] == verbs.ASKED.iri


def test_a_message_that_is_passed_on_is_a_link_to_it_and_no_nod() -> None:
    share = {"is_share": True, "is_msg_unfurl": True, "channel_id": "C9", "ts": "1.2", "text": "Weet iemand dit?"}
    told = message("", "1793700100.000200", user="U2", attachments=[share])
    [_, answered], _, _ = read([message("Hoe zet ik dit aan?"), {**told, "thread_ts": "1793700000.000100"}])
    [shared], _, _ = read(told)
    assert [each["verb"]["id"] for each in (answered, shared)] == [verbs.ANSWERED.iri, verbs.SHARED.iri]
    assert "C9" not in json.dumps([answered, shared])


def test_a_row_of_a_page_that_is_no_message_is_counted() -> None:
    source = source_at("https://x.example")
    records = landed(source, list(source.read({"ok": True, "messages": [None, message("Een bericht van iemand")]})))
    mapper, _ = mapped(source, records)
    assert (mapper.counts.built, mapper.counts.quarantined.total()) == (1, 1)


def test_a_deleted_question_that_leaves_a_tombstone_takes_its_answers_back() -> None:
    answer = message("Met de knop links.", "1793700100.000200", user="U2", thread_ts="1793700000.000100")
    [asked_, answered], _, _ = read([message("Hoe zet ik dit aan?"), answer])
    assert answered["verb"]["id"] == verbs.ANSWERED.iri
    gone = message("This message was deleted.", user="USLACKBOT", subtype="tombstone", thread_ts="1793700000.000100")
    [made], taken_back, _ = read([gone, answer])
    assert made["verb"]["id"] == verbs.REPLIED.iri
    record = "https://w3id.org/xapi/leerstroom/extensions/record"
    assert {asked_["context"]["extensions"][record], answered["context"]["extensions"][record]} <= set(taken_back)


def test_a_reaction_that_was_taken_back_is_taken_back_by_its_event() -> None:
    event = {"type": "reaction_added", "user": "U3", "reaction": "tada", "item_user": "U1", "item": {"type": "message", "channel": "C1", "ts": "1793700000.000100"}, "event_ts": "1793700400.000000"}  # fmt: skip
    [liked], _, _ = read(event)
    made, taken_back, _ = read({**event, "type": "reaction_removed"})
    assert made == []
    assert liked["context"]["extensions"]["https://w3id.org/xapi/leerstroom/extensions/record"] in taken_back


def test_a_reaction_to_a_file_is_none_to_a_message() -> None:
    event = {"type": "reaction_added", "user": "U3", "reaction": "tada", "item": {"type": "file", "file": "F1"}, "event_ts": "1793700400.000000"}  # fmt: skip
    source = source_at("https://slack.com")
    mapper, made = mapped(source, landed(source, list(source.read(event))))
    assert (made, mapper.counts.ignored) == ([], {"reaction to a file, not to a message": 1})


@pytest.mark.parametrize(
    "fields", [{"channel_type": "im"}, {"channel_type": "mpim"}, {"channel_type": "group"}, {"channel": "D024BE91L"}]
)
def test_direct_messages_and_private_groups_land_without_a_word(fields: dict[str, Any]) -> None:
    source = source_at("https://slack.com")
    [kept] = landed(source, list(source.read(message("Ken jij een goede cursus?", **fields))))
    assert set(kept) <= {"room", "ignored"}
    assert mapped(source, [kept])[0].counts.ignored == {"direct message or private group: never counted": 1}


@pytest.mark.parametrize(
    ("text", "verb"),
    [
        ("Zie <https://example.org/a?b=c|de handleiding>", "shared"),
        ("<@U2> en <#C9|algemeen>: <!here> morgen vrij", "posted"),
        ("&gt; Weet iemand dit?\nDat vroeg Jan gisteren in het overleg.", "posted"),
        ("Werkt `SELECT ?` ook", "posted"),
        ("<mailto:a@example.org|a@example.org>", "posted"),
        ("How do I join A &amp; B?", "asked"),
    ],
)
def test_slacks_own_markup_is_read_as_its_reader_sees_it(text: str, verb: str) -> None:
    [made], _, _ = read(message(text))
    assert canonical_verb(made["verb"]["id"]) == verb


def test_a_name_of_an_emoji_is_no_word() -> None:
    made, _, _ = read([
        message("Hoe zet ik dit aan?"),
        message(":+1: :tada:", "1793700100.000200", user="U2", thread_ts="1793700000.000100"),
    ])
    assert made[1]["verb"]["id"] == verbs.REACTED.iri


def test_a_channel_may_be_told_as_an_object_that_says_whether_it_is_private() -> None:
    [made], _, _ = read(message("Een bericht over de planning", channel={"id": "C7", "name": "algemeen"}))
    assert made["context"]["contextActivities"]["grouping"][0]["id"].endswith("/archives/C7")
    for private in ({"id": "D7"}, {"id": "C7", "is_private": True}, {"id": "G7", "is_mpim": True}):
        assert read(message("Onder ons", channel=private))[2] == {"direct message or private group: never counted": 1}


def test_a_page_of_an_unnamed_channel_takes_it_from_the_request() -> None:
    page = {
        "ok": True,
        "messages": [
            {name: value for name, value in message("Een bericht over de planning").items() if name != "channel"}
        ],
    }
    [made], _, _ = read({
        "request": {"method": "GET", "url": "https://slack.com/api/conversations.history?channel=C7&limit=200"},
        "response": {"status": 200, "body": page},
    })
    assert "/archives/C7/" in made["object"]["id"]
    assert read(page)[0][0]["object"]["id"].startswith("https://voorbeeldstad.slack.com/archives/unknown/")


def test_all_recorded_payloads_of_slack_are_read(shared: Path) -> None:
    """The vendor's examples and fixtures of others: statements where somebody speaks, refusals only for the vendor's errors."""
    source, made, refused = source_at("https://slack.com"), 0, []
    files = sorted((shared / "recordings" / "slack").glob("*/*.json"))
    for file in files:
        try:
            made += len(statements(source, list(source.read(json.loads(file.read_text())))))
        except BadRecord:
            refused.append(file.name)
    assert made == 10
    assert refused
    assert all(".default." in name or name == "slack_error.json" for name in refused), refused
