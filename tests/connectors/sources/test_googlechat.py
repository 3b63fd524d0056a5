"""Google Chat: the contract of all sources, and every trap of its messages and events by its name."""

import json
import logging
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from source_contract import (  # fmt: skip
    KEY,
    SourceContract,
    check_pair,
    completed,
    landed,
    mapped,
    pairs,
    people_of,
    statements_of,
)
from vendor_contract import asked
from workspace import account, recordings

from connectors.mapping import Mapper
from connectors.source import Record, Source, Window
from connectors.sources.googlechat import GoogleChat
from leerstroom.errors import BadRecord, ConfigurationError, CredentialsRefused, QuotaExhausted
from leerstroom.people import Directory, Employee
from leerstroom.replay import Fault, Running, running
from leerstroom.statements import Retracted
from leerstroom.statements.vocabulary import EXTENSION_BASE

FOLDER = recordings("googlechat")
DATA = json.loads((FOLDER / "googlechat.json").read_text())
MATHS, STAFF, DIRECT, OTHER = DATA["spaces"]
WINDOW = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC))
CLOCK = datetime(2026, 11, 24, tzinfo=UTC)


def connection(url: str | None, **fields: Any) -> dict[str, Any]:
    mine = {
        "user": "anja.bakker@voorbeeldschool.example",
        "spaces": [MATHS["name"], f"https://mail.google.com/chat/u/0/#chat/space/{STAFF['name'][7:]}"],
        "channel_kinds": {MATHS["name"]: "set_up_community"},
    }
    return {**account(url), **mine, **fields}


def of_november(source: Source) -> Source:
    """The source at the time of the recordings: weeks later Google keeps none of their events."""
    source.now = lambda: CLOCK  # type: ignore[method-assign]
    return source


class TestGoogleChat(SourceContract):
    source = GoogleChat
    recordings = FOLDER
    window = WINDOW
    clock = CLOCK
    paged = "/messages"
    has_quota = True
    names = ("Anja Bakker", "Bilal Amrani", "06-12345678", "getallenlijn", "gespreksverslag", *DATA["users"].values())

    def connection(self, url: str | None) -> dict[str, Any]:
        return connection(url)

    def made(self, server: Running | None) -> Source:
        return of_november(super().made(server))

    def test_a_limit_beyond_patience_is_told_with_its_length(self, wire: Running) -> None:
        """Google never says how long; that a day is spent stands in words."""
        wire.faults.waiting[:] = [Fault("too_many", path="/v1/", times=100, seconds=86_400)]
        with pytest.raises(QuotaExhausted):
            self.pulled(wire)


@pytest.mark.parametrize("pair", pairs("googlechat"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(GoogleChat, pair)


# --- message by message ---------------------------------------------------------------------------------------------------------------

ANNA, BRAM, CEES = "users/111", "users/222", "users/333"
QUESTION = "Hoe krijg ik het rapport als pdf?"
ANSWER = "Via bestand, exporteren, en dan kies je daar pdf."


def post(number: int, text: str, who: str = ANNA, thread: int | None = None, **more: Any) -> dict[str, Any]:
    first = number if thread is None else thread
    return {
        "name": f"spaces/S/messages/T{first}.M{number}",
        "sender": {"name": who, "displayName": "Anna Jansen", "type": "HUMAN"},
        "createTime": f"2026-11-03T09:{number:02d}:00.123456Z",
        "text": text,
        "thread": {"name": f"spaces/S/threads/T{first}"},
        "threadReply": thread is not None,
        "space": {"name": "spaces/S"},
        **more,
    }


def sign(who: str, emoji: str, number: int = 1, on: str = "T0.M1") -> dict[str, Any]:
    return {"name": f"spaces/S/messages/{on}/reactions/R{number}", "user": {"name": who}, "emoji": {"unicode": emoji}}


def event(thing: str, what: str, *items: dict[str, Any], at: str = "2026-11-03T10:00:00Z") -> dict[str, Any]:
    whole = what.capitalize()
    data: Any = {f"{thing}{whole}EventData": {thing: items[0]}} if len(items) == 1 else {f"{thing}Batch{whole}EventData": {f"{thing}s": [{thing: each} for each in items]}}  # fmt: skip
    sort = what if len(items) == 1 else f"batch{whole}"
    return {"name": "spaces/S/spaceEvents/1", "eventTime": at, "eventType": f"google.workspace.chat.{thing}.v1.{sort}", **data}  # fmt: skip


@pytest.fixture
def chat() -> GoogleChat:
    return completed(GoogleChat, connection(None))


def outcomes(chat: GoogleChat, *payloads: Any, directory: Directory | None = None) -> tuple[Mapper, list]:
    mapper = Mapper(chat, people_of(chat, directory))
    records = [chat.minimise(record, KEY) for each in payloads for record in chat.read(each)]
    return mapper, list(mapper.statements(records))


def verb(statement: dict[str, Any]) -> str:
    return statement["verb"]["id"].rsplit("/", 1)[-1]


def extension(statement: dict[str, Any], name: str) -> Any:
    return statement["context"]["extensions"].get(EXTENSION_BASE + name)


def test_an_empty_list_is_an_empty_object_and_no_error(chat: GoogleChat) -> None:
    assert list(chat.read({})) == []
    assert list(chat.read({"messages": [], "nextPageToken": ""})) == []


def test_a_reply_in_a_thread_answers_the_message_that_opened_it(chat: GoogleChat) -> None:
    pages = [{"messages": [post(0, QUESTION)], "nextPageToken": "x"}, {"messages": [post(1, ANSWER, BRAM, 0), post(2, "Dank je!", ANNA, 0)]}]  # fmt: skip
    _, made = outcomes(chat, *pages)
    assert [verb(each) for each in made] == ["asked", "answered", "replied"]
    assert {each["context"]["contextActivities"]["parent"][0]["id"] for each in made[1:]} == {made[0]["object"]["id"]}
    _, [alone] = outcomes(completed(GoogleChat, connection(None)), pages[1]["messages"][0])
    assert verb(alone) == "replied", "whether a question was asked is not known, and not guessed"
    assert alone["context"]["contextActivities"]["parent"][0]["id"].endswith("/spaces/S/threads/T0")


def test_a_quoted_message_is_what_is_replied_to_and_a_forwarded_one_is_not(chat: GoogleChat) -> None:
    quoted = {"name": "spaces/S/messages/T0.M0", "quoteType": "REPLY", "quotedMessageSnapshot": {"text": QUESTION}}
    answer = post(1, ANSWER, BRAM, quotedMessageMetadata=quoted)
    _, made = outcomes(chat, {"messages": [post(0, QUESTION), answer]})
    assert [verb(each) for each in made] == ["asked", "answered"]
    forwarded = post(2, "Ter informatie allemaal", BRAM, quotedMessageMetadata={**quoted, "quoteType": "FORWARD"})
    _, [made] = outcomes(chat, forwarded)
    assert verb(made) == "posted"


def test_an_edit_replaces_and_a_deleted_message_is_taken_back(chat: GoogleChat) -> None:
    edited = post(0, "Ik heb het rapport gevonden.", lastUpdateTime="2026-11-03T10:00:00Z")
    _, [before] = outcomes(chat, post(0, QUESTION))
    _, after = outcomes(chat, event("message", "updated", edited))
    [stated] = statements_of(after)
    assert (verb(before), verb(stated)) == ("asked", "posted")
    assert extension(before, "record") in {each.key for each in after if isinstance(each, Retracted)}
    gone = {"name": "spaces/S/messages/T0.M0", "createTime": "2026-11-03T09:00:00Z", "deletionMetadata": {"deletionType": "ADMIN"}}  # fmt: skip
    for payload in (gone, event("message", "deleted", gone), post(0, "", deleteTime="2026-11-03T11:00:00Z"), event("message", "deleted", {"name": gone["name"]})):  # fmt: skip
        mapper, made = outcomes(completed(GoogleChat, connection(None)), payload)
        assert {extension(before, "record"), extension(stated, "record")} <= {each.key for each in made}
        assert mapper.counts.ignored == {"deleted by its writer or a manager": 1}


def test_events_come_in_batches_too(chat: GoogleChat) -> None:
    page = {
        "spaceEvents": [
            event("message", "created", post(0, QUESTION), post(1, ANSWER, BRAM, 0)),
            event("reaction", "created", sign(CEES, "👍")),
        ]
    }
    _, made = outcomes(chat, page)
    assert [verb(each) for each in made] == ["asked", "answered", "liked"]
    assert made[2]["timestamp"] == "2026-11-03T10:00:00.000Z"


def test_events_of_members_and_of_the_space_are_no_fault(chat: GoogleChat) -> None:
    joined = {"name": "spaces/T/spaceEvents/1", "eventTime": "2026-11-03T10:00:00Z", "eventType": "google.workspace.chat.membership.v1.created", "membershipCreatedEventData": {"membership": {"name": "spaces/T/members/1"}}}  # fmt: skip
    mapper, made = outcomes(chat, {"spaceEvents": [joined]}, joined)
    assert (made, mapper.counts.ignored) == ([], {"event of the space or its members": 2})


def test_an_event_that_a_subscription_hands_on_is_the_message_in_it(chat: GoogleChat) -> None:
    told = post(1, "Weet iemand hoe dit werkt?")
    attributes = {"ce-type": "google.workspace.chat.message.v1.created", "ce-time": "2026-11-03T10:00:00Z"}
    pushed = {"message": {"attributes": attributes, "data": b64encode(json.dumps({"message": told}).encode()).decode(), "messageId": "1"}, "subscription": "s"}  # fmt: skip
    assert outcomes(chat, pushed)[1] == outcomes(chat, told)[1]
    attributes["ce-type"] = "google.workspace.chat.message.v1.deleted"
    assert {type(each) for each in outcomes(chat, pushed)[1]} == {Retracted}
    pushed["message"]["data"] = "no base64"
    with pytest.raises(BadRecord, match="subscription"):
        list(chat.read(pushed))


def test_a_reaction_has_the_time_of_its_event_and_without_one_the_messages(chat: GoogleChat) -> None:
    chat_messages = {"messages": [post(0, QUESTION), post(1, ANSWER, BRAM, 0)]}
    listed = {"reactions": [sign(ANNA, "✅"), sign(BRAM, "👍", 2), sign(CEES, "❤️", 3)]}
    mapper, made = outcomes(chat, chat_messages, listed)
    assert [(verb(each), each["timestamp"][:16], extension(each, "rule")) for each in made[2:]] == [
        ("voted-up", "2026-11-03T09:01", "asker-check-mark"),
        ("liked", "2026-11-03T09:01", "time-of-message"),
    ]
    assert mapper.counts.ignored == {"reaction to a message of one's own": 1}
    mapper, made = outcomes(completed(GoogleChat, connection(None)), listed)
    assert mapper.counts.quarantined == {"neither the time of the reaction nor its message is known": 3}


def test_a_reaction_that_was_taken_back_is_voided(chat: GoogleChat) -> None:
    _, [made] = outcomes(chat, event("reaction", "created", sign(CEES, "👍")))
    _, retracted = outcomes(chat, event("reaction", "deleted", sign(CEES, "👍")))
    assert extension(made, "record") in {each.key for each in retracted}


def test_direct_messages_group_chats_and_messages_to_one_person_land_as_nothing(chat: GoogleChat) -> None:
    private = [
        post(0, "Onder ons", space={"name": "spaces/S", "spaceType": "DIRECT_MESSAGE"}),
        {
            "type": "MESSAGE",
            "eventTime": "2026-11-03T09:00:00Z",
            "space": {"type": "DM"},
            "message": {**post(1, "Hoe dan?"), "space": {"name": "x", "type": "DM"}},
        },
        post(2, "Alleen jij", privateMessageViewer={"name": BRAM}),
    ]
    kept = [chat.minimise(record, KEY) for payload in private for record in chat.read(payload)]
    assert [dict(record) for record in kept] == [{"is_private": True}] * 3
    mapper, made = outcomes(chat, *private)
    assert made == []
    assert mapper.counts.ignored == {"message of a private conversation": 3}


def test_posts_of_apps_are_nobodys_and_an_apps_own_events_are_read(chat: GoogleChat) -> None:
    robot = {**post(0, "Rooster gewijzigd"), "sender": {"name": "users/9", "type": "BOT"}}
    told = {"type": "MESSAGE", "eventTime": "2026-11-03T09:00:00Z", "message": post(1, QUESTION), "user": {"name": ANNA}, "space": {"name": "spaces/S", "type": "ROOM"}}  # fmt: skip
    added = {"type": "ADDED_TO_SPACE", "eventTime": "2026-11-03T09:00:00Z", "space": {"name": "spaces/S"}}
    mapper, [made] = outcomes(chat, robot, told, added)
    assert verb(made) == "asked"
    assert mapper.counts.ignored == {"message of an application": 1, "event of the space or its members": 1}


def test_an_app_that_is_an_add_on_is_told_of_messages_and_clicks(chat: GoogleChat) -> None:
    room = {"name": "spaces/S", "type": "ROOM", "spaceType": "SPACE"}
    told = {"commonEventObject": {}, "chat": {"user": {"name": ANNA}, "eventTime": "2026-11-03T09:01:00Z", "messagePayload": {"space": room, "message": post(1, QUESTION)}}}  # fmt: skip
    clicked = {"chat": {"user": {"name": ANNA}, "buttonClickedPayload": {"space": room, "message": post(2, "Kies iets?")}}}  # fmt: skip
    mapper, [made] = outcomes(chat, told, clicked)
    assert verb(made) == "asked"
    assert mapper.counts.ignored == {"event of the space or its members": 1}


@pytest.mark.parametrize("space", [{"name": "spaces/S", "type": "DM", "singleUserBotDm": True}, {"name": "spaces/S", "spaceType": "GROUP_CHAT"}])  # fmt: skip
def test_that_a_space_is_private_may_be_told_by_the_event_alone(chat: GoogleChat, space: dict[str, Any]) -> None:
    for payload in (
        {"type": "MESSAGE", "space": space, "message": post(1, QUESTION)},
        {"chat": {"messagePayload": {"space": space, "message": post(1, QUESTION)}}},
    ):
        assert [dict(chat.minimise(record, KEY)) for record in chat.read(payload)] == [{"is_private": True}]


def test_mentions_are_people_and_their_names_are_no_text(chat: GoogleChat) -> None:
    text = "@Bram de Wit van Administratie kijk"
    note = {"type": "USER_MENTION", "startIndex": 0, "length": 30, "userMention": {"user": {"name": BRAM, "type": "HUMAN"}}}  # fmt: skip
    robot = {"type": "USER_MENTION", "startIndex": 0, "length": 0, "userMention": {"user": {"name": "users/9", "type": "BOT"}}}  # fmt: skip
    directory = Directory([Employee("E2", platform_ids=(("googlechat", "222"),))])
    _, [made] = outcomes(chat, post(0, text, annotations=[note, robot]), directory=directory)
    assert [each["account"]["name"] for each in extension(made, "mentions")] == [KEY.actor("E2")]
    assert extension(made, "text-length") == "short"


def test_an_emoji_of_the_organisations_own_is_no_word(chat: GoogleChat) -> None:
    note = {"type": "CUSTOM_EMOJI", "startIndex": 0, "length": 13}
    _, made = outcomes(chat, post(0, QUESTION), post(1, ":feest_taart:", BRAM, 0, annotations=[note]))
    assert [verb(each) for each in made] == ["asked", "reacted"]


def test_the_google_id_is_the_person_and_an_address_helps_where_there_is_one(chat: GoogleChat) -> None:
    directory = Directory([Employee("E1", emails=("anna@x.nl",)), Employee("E2", platform_ids=(("googlechat", "222"),))])  # fmt: skip
    shown = {**post(0, QUESTION), "sender": {"name": ANNA, "type": "HUMAN", "email": "anna@x.nl"}}
    _, made = outcomes(chat, shown, post(1, "Hallo allemaal hier", BRAM), directory=directory)
    assert [each["actor"]["account"]["name"] for each in made] == [KEY.actor("E1"), KEY.actor("E2")]


def test_files_and_chips_are_shared_and_their_names_are_not_kept(chat: GoogleChat) -> None:
    chip = {"type": "RICH_LINK", "richLinkMetadata": {"uri": "https://drive.example/1", "richLinkType": "DRIVE_FILE"}}
    link = {"type": "RICH_LINK", "richLinkMetadata": {"uri": "https://meet.example/1", "richLinkType": "MEET_SPACE"}}
    told = [{"attachment": [{"name": "a", "contentName": "Jansen.pdf"}]}, {"annotations": [chip]}, {"annotations": [link]}]  # fmt: skip
    _, made = outcomes(chat, *(post(number, "Kijk hier eens naar.", **each) for number, each in enumerate(told)))
    assert [(verb(each), each["object"]["definition"]["type"].rsplit("/", 1)[-1]) for each in made] == [("shared", "file"), ("shared", "file"), ("shared", "link")]  # fmt: skip
    assert "Jansen" not in json.dumps(made)


def test_a_bad_message_is_quarantined_alone(chat: GoogleChat) -> None:
    rows = [post(0, "Goed om te weten allemaal"), {**post(1, "x"), "createTime": "soon"}, {**post(2, "x"), "sender": None}, {**post(3, "x"), "createTime": 7}, {"text": "x"}, 7]  # fmt: skip
    mapper, made = outcomes(chat, {"messages": rows})
    assert len(statements_of(made)) == 1
    assert mapper.counts.quarantined == {
        "time is not in ISO 8601": 1,
        "the message names no sender": 1,
        "createTime: time is missing": 1,
        "no message, reaction or event of Google Chat": 2,
    }
    for payload in ({"messages": [{"text": "x"}]}, {"error": {"code": 403}}, {"message": {"name": 5}}):
        with pytest.raises(BadRecord):
            list(chat.read(payload))


# --- against the replay --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[Running]:
    with running(FOLDER.parent, only=("googlechat",), clock=CLOCK) as started:
        yield started


def pull(server: Running, window: Window = WINDOW, **fields: Any) -> tuple[Source, list[Record]]:
    chat = of_november(completed(GoogleChat, connection(f"{server.url}/googlechat", **fields)))
    chat.now = server.world.now  # type: ignore[method-assign]
    with chat.api() as api:
        return chat, list(chat.pull(api, window))


def made_of(chat: Source, records: list[Record]) -> list[dict[str, Any]]:
    return statements_of(mapped(chat, landed(chat, records))[1])


def test_a_conversation_is_found_with_its_signs(server: Running) -> None:
    chat, records = pull(server)
    made = made_of(chat, records)
    assert sorted(map(verb, made)) == sorted(["asked", "answered", "answered", "answered", "replied", "replied", "replied", "replied", "shared", "posted", "voted-up", "liked"])  # fmt: skip
    assert {extension(each, "channel-kind") for each in made} == {"set_up_community"}


def test_only_spaces_on_the_list_are_asked_for(server: Running) -> None:
    pull(server)
    asked = " ".join(path for _, _, path in server.faults.asked)
    assert OTHER["name"] not in asked
    assert DIRECT["name"] not in asked


def test_a_direct_message_is_never_read_whatever_the_list_says(
    server: Running, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    chat, records = pull(server, spaces=[DIRECT["name"]])
    assert records == []
    assert "direct message" in caplog.text
    assert not [path for _, _, path in server.faults.asked if path.endswith("/messages")]
    with chat.api() as api, pytest.raises(ConfigurationError, match="number 1 of the spaces is a direct message"):
        chat.check(api)


def test_a_late_reply_names_the_question_of_the_week_before(server: Running) -> None:
    tuesday = Window(datetime(2026, 11, 10, tzinfo=UTC), datetime(2026, 11, 11, tzinfo=UTC))
    chat, records = pull(server, tuesday)
    [made] = made_of(chat, records)
    assert verb(made) == "answered"
    assert made["context"]["contextActivities"]["parent"][0]["id"].endswith("/messages/T001.M001")


def test_an_edit_of_a_question_changes_what_its_answers_are(server: Running) -> None:
    wednesday = Window(datetime(2026, 11, 4, tzinfo=UTC), datetime(2026, 11, 5, tzinfo=UTC))
    server.world.until = datetime(2026, 11, 4, 8, 15, tzinfo=UTC)
    chat, before = pull(server, wednesday)
    assert sorted(map(verb, made_of(chat, before))) == ["answered", "asked"]
    server.world.until = wednesday.end
    chat, after = pull(server, wednesday)
    assert sorted(map(verb, made_of(chat, after))) == ["posted", "replied", "replied"]
    retracted = {each.key for each in mapped(chat, landed(chat, after))[1] if isinstance(each, Retracted)}
    assert {extension(each, "record") for each in made_of(chat, before)} <= retracted


def test_a_message_that_was_deleted_later_is_taken_back_and_says_nothing_more(server: Running) -> None:
    friday = Window(datetime(2026, 11, 6, tzinfo=UTC), datetime(2026, 11, 7, tzinfo=UTC))
    chat, records = pull(server, friday)
    [record] = records
    assert record["name"].endswith("T008.M008")
    assert "text" not in record
    mapper, made = mapped(chat, landed(chat, records))
    assert made
    assert all(isinstance(each, Retracted) for each in made)
    assert mapper.counts.ignored == {"deleted by its writer or a manager": 1}


def test_a_reaction_that_came_and_went_in_the_window_leaves_only_that_it_went(server: Running) -> None:
    _, records = pull(server)
    [gone] = [record for record in records if record.kind == "reaction" and record.get("deleted")]
    assert [record.key for record in records].count(gone.key) == 1


def test_events_reach_back_28_days_and_older_windows_bring_messages_as_they_are(server: Running) -> None:
    server.world.until = datetime(2026, 12, 20, tzinfo=UTC)
    chat, records = pull(server)
    assert not [path for _, _, path in server.faults.asked if "spaceEvents" in path]
    assert {record.kind for record in records} == {"message"}
    assert "asked" in map(verb, made_of(chat, records))


def test_who_is_no_member_and_an_account_that_may_not_act_are_told(server: Running) -> None:
    with pytest.raises(CredentialsRefused, match="403 PERMISSION_DENIED"):
        pull(server, spaces=[DIRECT["name"]], user="esra.demir@voorbeeldschool.example")
    with pytest.raises(CredentialsRefused, match="401 unauthorized_client"):
        pull(server, user="stranger@elsewhere.example")
    with pytest.raises(ConfigurationError, match="does not exist"):
        pull(server, spaces=["spaces/none"])


@pytest.mark.parametrize(("user", "scope"), [("", "chat.app.messages.readonly"), ("anja.bakker@voorbeeldschool.example", "chat.messages.readonly")])  # fmt: skip
def test_without_a_member_to_act_for_it_asks_as_an_app_that_an_administrator_approved(
    server: Running, user: str, scope: str
) -> None:
    chat = completed(GoogleChat, connection(f"{server.url}/googlechat", user=user))
    assert f"https://www.googleapis.com/auth/{scope}" in chat.auth()._scope.split(" ")
    assert chat.auth().subject == user


def test_a_list_is_read_by_token_with_the_largest_page_to_the_answer_without_one(server: Running) -> None:
    chat = of_november(completed(GoogleChat, connection(f"{server.url}/googlechat")))
    with chat.api() as api, asked(api) as sent:
        list(chat.pull(api, WINDOW))
    lists = [parse_qs(urlsplit(str(request.url)).query) for request in sent if f"/{MATHS['name']}/messages?" in str(request.url)]  # fmt: skip
    whole = [query for query in lists if "create_time" in query["filter"][0]]
    assert {query["pageSize"][0] for query in whole} == {"1000"}
    assert ["pageToken" in query for query in whole] == [False, *[True] * (len(whole) - 1)]
    assert len(whole) > 1
