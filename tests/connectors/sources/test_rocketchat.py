"""Rocket.Chat: the contract, pairs, and each trap of its API by name."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from plot import WEEKS, Bench, PlotContract, messages
from source_contract import KEY, RECORDINGS, check_pair, landed, pairs
from vendor_contract import asked

from connectors.source import Window
from connectors.sources.rocketchat import RocketChat
from leerstroom.errors import BadRecord, ConfigurationError, RateLimited
from leerstroom.people import Directory, Employee
from leerstroom.replay import Fault, Running, running
from leerstroom.statements import verbs
from leerstroom.statements.vocabulary import EXTENSION_BASE, canonical_verb

IDS = {line["key"]: line["id"] for line in messages(RECORDINGS / "rocketchat")}
EXCEL, DATA = (
    next(line["room"] for line in messages(RECORDINGS / "rocketchat") if line["key"] == key)
    for key in ("macro", "dataset")
)
FIELDS = {
    "token": "a-token-that-reads",
    "user_id": "readerreaderreade",
    "tenant": "https://x.example",
    "rooms": [EXCEL, DATA],
    "requests_per_minute": 100_000,
}


BENCH = Bench(RocketChat, FIELDS)
source_at, pull, statements, read = BENCH.at, BENCH.pull, BENCH.statements, BENCH.read


class TestRocketChat(PlotContract):
    source = RocketChat
    fields = FIELDS
    recordings = RECORDINGS / "rocketchat"
    paged = "channels.history"


@pytest.mark.parametrize("pair", pairs("rocketchat"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(RocketChat, pair)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(RECORDINGS, only=("rocketchat",)) as server:
        yield server


def message(text: str, message_id: str = "m1", **fields: Any) -> dict[str, Any]:
    return {
        "_id": message_id,
        "rid": "r1",
        "msg": text,
        "ts": "2026-11-03T10:00:00.000Z",
        "u": {"_id": "u1", "username": "femke", "name": "Femke Smit"},
        "_updatedAt": "2026-11-03T10:00:00.000Z",
        **fields,
    }


def day(number: int, month: int = 11) -> Window:
    return Window(datetime(2026, month, number, tzinfo=UTC), datetime(2026, month, number + 1, tzinfo=UTC))


def test_sync_tells_what_was_edited_and_what_was_deleted(server: Running) -> None:
    """On 4 November a message of the 3rd became a question, its reply an answer, and a reply of the 2nd was deleted."""
    records = {record.key: record for record in pull(source_at(f"{server.url}/rocketchat"), day(4))}
    assert set(records) == {IDS[key] for key in ("macro", "kijken", "spijt", "week-8")}
    assert records[IDS["macro"]]["msg"] == "Wie weet waarom de macro niet werkt?"
    assert records[IDS["spijt"]] == {"_id": IDS["spijt"], "rid": EXCEL, "deleted": True}


def test_an_answer_in_an_old_thread_is_an_answer(server: Running) -> None:
    records = [
        record
        for record in pull(source_at(f"{server.url}/rocketchat", rooms=[DATA]), day(12))
        if record["_id"] == IDS["dataplein"]
    ]
    assert [each["verb"]["id"] for each in statements(source_at("https://x.example"), records)] == [verbs.ANSWERED.iri]


def test_the_opening_message_of_a_thread_outside_the_window_is_asked_for_once(server: Running) -> None:
    source = source_at(f"{server.url}/rocketchat", rooms=[EXCEL])
    few = Window(datetime(2026, 10, 27, 9, 10, tzinfo=UTC), datetime(2026, 10, 27, 9, 35, tzinfo=UTC))
    with source.api() as api, asked(api) as sent:
        records = list(source.pull(api, few))
    assert [str(request.url).partition("msgId=")[2] for request in sent if "getMessage" in str(request.url)] == [
        IDS["verversen"]
    ]
    made = statements(source, [record for record in records if record.kind == "message"])
    assert [each["verb"]["id"] for each in made] == [verbs.ANSWERED.iri] * 2


def test_a_direct_message_is_known_by_its_room_and_lands_without_a_word() -> None:
    ids = ("aaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbb")
    source = source_at("https://x.example")
    [kept] = landed(
        source,
        list(source.read(message("Ken jij een cursus?", rid="".join(ids), u={"_id": ids[1], "username": "femke"}))),
    )
    assert set(kept) <= {"room", "ignored"}


def test_what_a_visitor_of_livechat_writes_lands_without_a_word() -> None:
    visitor = message("Wie kan mij helpen?", alias="Jan Bezoeker", token="of-the-visitor", u={"username": "guest-3"})
    made, _, ignored = read(visitor)
    assert (made, list(ignored)) == ([], ["direct message or private group: never counted"])


def test_a_history_holds_the_replies_of_threads_and_ends_with_an_empty_page(server: Running) -> None:
    source = source_at(f"{server.url}/rocketchat", rooms=[EXCEL])
    with source.api() as api, asked(api) as sent:
        records = list(source.pull(api, WEEKS))
    assert [record for record in records if record.get("tmid")]
    offsets = [
        str(request.url).partition("offset=")[2].partition("&")[0]
        for request in sent
        if "channels.history" in str(request.url)
    ]
    assert offsets == ["0", "8", "15"]  # the offset moves by what came


def test_system_messages_are_told_by_their_type() -> None:
    for sort in (
        "uj",
        "ul",
        "au",
        "ru",
        "r",
        "room_changed_topic",
        "discussion-created",
        "message_pinned",
        "videoconf",
    ):
        assert read(message("Wie weet dit?", t=sort))[2] == {"notice of the platform about the room or its members": 1}


def test_an_encrypted_message_is_counted_and_never_guessed() -> None:
    assert read(message("d2llIHdlZXQgZGl0Pw==", t="e2e")) == ([], [], {"encrypted, cannot be read": 1})


def test_an_older_form_of_an_edited_message_is_hidden_and_says_nothing() -> None:
    made, taken_back, ignored = read(message("Wie weet dit", "old", _hidden=True, parent="m1"))
    assert (made, taken_back, ignored) == ([], [], {"earlier form of an edited message": 1})


def test_a_removed_message_that_still_shows_its_status_is_a_deletion() -> None:
    [asked_], _, _ = read(message("Wie weet dit?"))
    made, taken_back, _ = read(message("", t="rm"))
    assert made == []
    assert asked_["context"]["extensions"][EXTENSION_BASE + "record"] in taken_back


def test_a_thread_whose_question_is_deleted_holds_no_answers() -> None:
    answer = message("Met de knop links.", "m2", tmid="m1", u={"username": "bram"})
    made, _, _ = read({
        "result": {"updated": [answer], "deleted": [{"_id": "m1", "_deletedAt": "2026-11-03T11:00:00.000Z"}]},
        "success": True,
    })
    assert [canonical_verb(each["verb"]["id"]) for each in made] == ["replied"]


def test_reactions_name_people_by_user_name_as_messages_do() -> None:
    """The asker's check mark is found, though a reaction tells a user name and a message an id beside it."""
    answer = message(
        "Met de knop links.",
        "m2",
        tmid="m1",
        u={"_id": "u2", "username": "bram"},
        reactions={":white_check_mark:": {"usernames": ["femke"]}},
    )
    made, _, _ = read({"messages": [answer, message("Hoe zet ik dit aan?")], "success": True})
    assert [canonical_verb(each["verb"]["id"]) for each in made] == ["answered", "voted-up", "asked"]


def test_only_a_verified_address_finds_an_employee(server: Running) -> None:
    directory = Directory(
        employees=[
            Employee("E1", emails=("bram.jansen@voorbeeldstad.example",)),
            Employee("E2", emails=("hannah.oconnor@voorbeeldstad.example",)),
        ]
    )
    source = source_at(f"{server.url}/rocketchat")
    people = {each["actor"]["account"]["name"] for each in statements(source, pull(source), directory)}
    assert KEY.actor("E1") in people
    assert KEY.actor("E2") not in people


def test_a_limit_tells_in_a_header_at_which_millisecond_it_ends(server: Running) -> None:
    server.faults.waiting[:] = [Fault("too_many", times=1, seconds=46)]
    source = source_at(f"{server.url}/rocketchat")
    with source.api() as api:
        api._patience_s = 1
        with pytest.raises(RateLimited) as caught:
            list(source.pull(api, WEEKS))
    assert caught.value.retry_after_s == pytest.approx(46, abs=2)


def test_a_time_of_the_database_is_read_too() -> None:
    assert (
        read(message("Het rooster staat klaar.", ts={"$date": 1793700000000}))[0]
        == read(message("Het rooster staat klaar."))[0]
    )


def test_an_unknown_channel_is_named(server: Running) -> None:
    with pytest.raises(ConfigurationError, match="nowhere"):
        pull(source_at(f"{server.url}/rocketchat", rooms=["nowhere"]))


def test_all_recorded_payloads_of_rocketchat_are_read(shared: Path) -> None:
    source, made = source_at("https://x.example"), []
    for file in sorted((shared / "recordings" / "rocketchat").glob("*/*.json")):
        made += statements(source, list(source.read(json.loads(file.read_text()))))
    assert sorted(canonical_verb(each["verb"]["id"]) for each in made) == ["posted", "reacted", "reacted"]


@pytest.mark.parametrize(
    "payload",
    [{"success": False, "error": "unauthorized"}, {"status": "error", "message": "You must be logged in to do this."}],
)
def test_an_error_is_no_answer(payload: dict[str, Any]) -> None:
    with pytest.raises(BadRecord, match="error of Rocket"):
        list(source_at("https://x.example").read(payload))
