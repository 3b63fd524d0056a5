"""Channels of Microsoft Teams: the contract of all sources, and every trap of their messages by its name."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from planned import planned
from source_contract import (  # fmt: skip
    KEY,
    RECORDINGS,
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

from connectors.mapping import Mapper
from connectors.source import Record, Source, Window
from connectors.sources.teamschat import TeamsChat
from leerstroom.errors import BadRecord, ConfigurationError, CredentialsRefused
from leerstroom.people import Directory, Employee
from leerstroom.replay import Fault, Running, running
from leerstroom.revisions import Revisions
from leerstroom.state import open_state
from leerstroom.statements import Retracted, types, verbs
from leerstroom.statements.vocabulary import EXTENSION_BASE

DATA = json.loads((RECORDINGS / "teamschat" / "teamschat.json").read_text())
CARE, LEARN, PRIVATE, OTHER = DATA["channels"]
TENANT = DATA["tenant_id"]
FIELDS = {"tenant_id": TENANT, "client_id": "leerstroom", "client_secret": "a-secret-of-the-tests"}
WINDOW = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC))
CLOCK = datetime(2026, 11, 24, tzinfo=UTC)


def link(channel: dict[str, Any]) -> str:
    """What Teams copies with "Get link to channel"."""
    number = channel["id"].replace(":", "%3a").replace("@", "%40")
    return f"https://teams.microsoft.com/l/channel/{number}/{channel['displayName'].replace(' ', '%20')}?groupId={channel['_team']}&tenantId={TENANT}"


def connection(url: str | None, **fields: Any) -> dict[str, Any]:
    where = url or "http://127.0.0.1:9"
    channels = {"channels": [link(CARE), f"{LEARN['_team']}/{LEARN['id']}"], "channel_kinds": {link(CARE): "spontaneous_group"}}  # fmt: skip
    return {"host": f"{where}/v1.0", "oauth_host": where, **FIELDS, **channels, "requests_per_minute": 60_000, **fields}


def of_november(source: Source) -> Source:
    """The source at the time of the recordings: months later delta would not reach them."""
    source.now = lambda: CLOCK  # type: ignore[method-assign]
    return source


class TestTeamsChat(SourceContract):
    source = TeamsChat
    recordings = RECORDINGS / "teamschat"
    window = WINDOW
    empty = Window(datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 1, 2, tzinfo=UTC))
    clock = CLOCK
    paged = "/messages/delta"
    names = ("Anouk Jansen", "Femke Smit", "06-12345678", "protocol wondzorg", "buisverband", "Vertrouwelijk")

    def connection(self, url: str | None) -> dict[str, Any]:
        return connection(url)

    def made(self, server: Running | None) -> Source:
        return of_november(super().made(server))

    def secrets(self, record: Record) -> Iterator[str]:
        yield from (text for text in super().secrets(record) if not text.endswith("@thread.tacv2"))  # a channel's id
        yield from (each["mentioned"]["user"]["id"] for each in record.get("mentions") or ())


@pytest.mark.parametrize("pair", pairs("teamschat"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(TeamsChat, pair)


# --- message by message ---------------------------------------------------------------------------------------------------------------

ANNA, BRAM, CEES = (f"0b5cbb1c-3a70-4f7e-8a53-2d8c7b1b1a0{number}" for number in (1, 2, 3))
CHANNEL = {"teamId": "t1", "channelId": "19:c1@thread.tacv2"}


def sender(user: str) -> dict[str, Any]:
    return {"application": None, "device": None, "user": {"id": user, "displayName": "Anna Jansen"}}


def post(number: int, text: str, user: str = ANNA, **more: Any) -> dict[str, Any]:
    at = f"2026-11-03T09:{number:02d}:00.395Z"
    return {
        "id": str(1762160000000 + number), "replyToId": None, "messageType": "message", "createdDateTime": at, "lastModifiedDateTime": at,
        "lastEditedDateTime": None, "deletedDateTime": None, "subject": None, "chatId": None, "from": sender(user),
        "body": {"contentType": "html", "content": f"<div>{text}</div>"}, "channelIdentity": CHANNEL, "attachments": [], "mentions": [], "reactions": [],
        **more,
    }  # fmt: skip


def reply(number: int, text: str, user: str = BRAM, to: int = 0, **more: Any) -> dict[str, Any]:
    return post(number, text, user, replyToId=str(1762160000000 + to), **more)


def sign(user: str, sort: str, minute: int = 30) -> dict[str, Any]:
    return {"reactionType": sort, "createdDateTime": f"2026-11-03T09:{minute}:00Z", "user": {"user": {"id": user}}}


QUESTION = "Hoe krijg ik het rapport als pdf?"
ANSWER = "Via bestand, exporteren, en dan kies je daar pdf."


@pytest.fixture
def chat() -> TeamsChat:
    return completed(TeamsChat, connection(None))


def outcomes(chat: TeamsChat, *payloads: Any, directory: Directory | None = None) -> tuple[Mapper, list]:
    mapper = Mapper(chat, people_of(chat, directory))
    records = [chat.minimise(record, KEY) for each in payloads for record in chat.read(each)]
    return mapper, list(mapper.statements(records))


def verb(statement: dict[str, Any]) -> str:
    return statement["verb"]["id"].rsplit("/", 1)[-1]


def extension(statement: dict[str, Any], name: str) -> Any:
    return statement["context"]["extensions"].get(EXTENSION_BASE + name)


def test_replies_come_only_when_expanded_and_then_name_their_question(chat: TeamsChat) -> None:
    page = {"value": [{**post(0, QUESTION), "replies": [reply(1, ANSWER), reply(2, "Dank je!", ANNA)]}]}
    _, made = outcomes(chat, page)
    assert [verb(each) for each in made] == ["asked", "answered", "replied"]
    question = made[0]["object"]["id"]
    assert [each["context"]["contextActivities"]["parent"][0]["id"] for each in made[1:]] == [question, question]
    assert made[1]["object"]["id"] == f"{question}/replies/1762160000001"


def test_a_reply_that_comes_on_a_page_of_its_own_finds_its_question_again(chat: TeamsChat) -> None:
    replies = {
        "request": {"path": f"/v1.0/teams/t1/channels/19:c1@thread.tacv2/messages/{1762160000000}/replies"},
        "response": {"body": {"value": [{**reply(1, ANSWER), "replyToId": None, "channelIdentity": None}]}},
    }
    _, made = outcomes(chat, {"value": [post(0, QUESTION)]}, replies)
    assert [verb(each) for each in made] == ["asked", "answered"]
    _, [alone] = outcomes(completed(TeamsChat, connection(None)), replies)
    assert verb(alone) == "replied", "whether a question was asked is not known, and not guessed"


def test_an_id_is_a_time_and_names_a_message_only_in_its_channel(chat: TeamsChat) -> None:
    elsewhere = {"teamId": "t1", "channelId": "19:c2@thread.tacv2"}
    _, made = outcomes(
        chat, {"value": [post(0, "Hallo allemaal daar"), post(0, "Hallo allen hier", channelIdentity=elsewhere)]}
    )
    assert len({each["id"] for each in made}) == len({each["object"]["id"] for each in made}) == 2


def test_an_edit_replaces_the_statement_and_a_deletion_voids_it(chat: TeamsChat, tmp_path: Path) -> None:
    edited = {"lastEditedDateTime": "2026-11-03T10:00:00Z", "lastModifiedDateTime": "2026-11-03T10:00:00Z"}
    gone = {"deletedDateTime": "2026-11-04T10:00:00Z", "body": {"contentType": "html", "content": ""}, "from": None}
    revisions = Revisions(open_state(f"sqlite:///{tmp_path}/state.sqlite"), "chat")
    held: set[str] = set()
    for day, form in enumerate((post(0, QUESTION), post(0, "Ik heb het rapport al gevonden.", **edited), post(0, "", **gone)), 4):  # fmt: skip
        _, made = outcomes(completed(TeamsChat, connection(None)), form)
        plan = planned(revisions, [dict(each) for each in statements_of(made)], f"2026-11-0{day}T01:00:00.000Z")
        voids = [*plan.void, *revisions.retract([each.key for each in made if isinstance(each, Retracted)], f"2026-11-0{day}T01:00:00.000Z")]  # fmt: skip
        held = (held | {each["id"] for each in plan.send}) - {void for void, _ in voids}
        assert len(held) == (0 if day == 6 else 1)


def test_system_messages_and_posts_of_applications_are_nobodys(chat: TeamsChat) -> None:
    system = post(0, "<systemEventMessage/>", messageType="unknownFutureValue", eventDetail={"@odata.type": "#x"})
    robot = {**post(1, "Build gelukt"), "from": {"application": {"id": "b", "displayName": "Bot"}, "user": None}}
    mapper, made = outcomes(chat, {"value": [{**system, "from": None}, robot]})
    assert made == []
    assert mapper.counts.ignored == {"system message": 1, "message of an application": 1}


def test_a_message_of_a_chat_between_people_lands_as_nothing(chat: TeamsChat) -> None:
    private = post(0, "Onder ons: hoe gaat het met Bas?", chatId="19:d1@unq.gbl.spaces", channelIdentity=None)
    [record] = [chat.minimise(each, KEY) for each in chat.read(private)]
    assert dict(record) == {"is_private": True}
    mapper, made = outcomes(chat, private)
    assert made == []
    assert mapper.counts.ignored == {"message of a private chat": 1}


def test_mentions_are_people_and_their_names_are_no_text(chat: TeamsChat) -> None:
    text = '<at id="0">Bram de Wit van de Administratie</at> kijk'
    told = [{"id": 0, "mentionText": "Bram", "mentioned": {"user": {"id": BRAM}}}, {"id": 1, "mentionText": "Team", "mentioned": {"conversation": {"id": "c"}, "user": None}}]  # fmt: skip
    directory = Directory([Employee("E2", platform_ids=(("teamschat", BRAM),))])
    _, [made] = outcomes(chat, post(0, text, mentions=told), directory=directory)
    assert [each["account"]["name"] for each in extension(made, "mentions")] == [KEY.actor("E2")]
    _, [longer] = outcomes(chat, post(0, "een twee drie vier vijf zes zeven acht negen tien elf twaalf"))
    assert (extension(made, "text-length"), extension(longer, "text-length")) == ("short", "medium")


def test_reactions_are_signs_with_a_time_and_the_askers_check_mark_accepts(chat: TeamsChat) -> None:
    answer = reply(1, ANSWER, reactions=[sign(ANNA, "✅", 31), sign(CEES, "heart", 32), sign(CEES, "laugh", 33), sign(BRAM, "like", 34)])  # fmt: skip
    mapper, made = outcomes(
        chat, {"value": [{**post(0, QUESTION, reactions=[sign(CEES, "👍", 30)]), "replies": [answer]}]}
    )
    signs = [(verb(each), each["timestamp"][14:16], extension(each, "rule")) for each in made if verb(each) not in {"asked", "answered"}]  # fmt: skip
    assert signs == [("liked", "30", None), ("voted-up", "31", "asker-check-mark"), ("liked", "32", None), ("reacted", "33", None)]  # fmt: skip
    assert mapper.counts.ignored == {"reaction to a message of one's own": 1}
    assert len({each["id"] for each in made}) == len(made)


def test_a_file_is_shared_and_a_card_or_a_quoted_message_is_none(chat: TeamsChat) -> None:
    def attached(sort: str) -> str:
        _, [made] = outcomes(
            chat, post(0, "Kijk hier eens naar.", attachments=[{"contentType": sort, "name": "Jansen.docx"}])
        )
        assert "Jansen" not in json.dumps(made)
        return f"{verb(made)} {made['object']['definition']['type'].rsplit('/', 1)[-1]}"

    assert attached("reference") == "shared file"
    assert attached("messageReference") == "posted chat-message"
    assert attached("application/vnd.microsoft.card.thumbnail") == "posted chat-message"


def test_a_pasted_screenshot_is_no_attachment_and_answers_all_the_same(chat: TeamsChat) -> None:
    picture = '<img src="https://graph.microsoft.com/v1.0/teams/t1/channels/c/messages/1/hostedContents/aWQ9/$value">'
    own_emoji = (
        '<customemoji alt="ja" source="https://graph.microsoft.com/v1.0/x/hostedContents/y/$value"></customemoji>'
    )
    _, [asked, answered, nodded] = outcomes(chat, post(0, QUESTION), reply(1, picture), reply(2, own_emoji))
    assert [verb(each) for each in (asked, answered, nodded)] == ["asked", "answered", "reacted"]
    _, [shared] = outcomes(chat, post(3, picture))
    assert (verb(shared), shared["object"]["definition"]["type"]) == ("shared", types.FILE)


def test_a_message_that_is_passed_on_is_a_link_to_it(chat: TeamsChat) -> None:
    told = {"originalMessageContent": "<p>Weet iemand dit?</p>", "originalSentDateTime": "2026-11-02T15:02:40Z"}
    hanging = [{"id": "1", "contentType": "forwardedMessageReference", "content": json.dumps(told)}]
    _, [made] = outcomes(chat, post(0, '<attachment id="1"></attachment>', attachments=hanging))
    assert (verb(made), made["object"]["definition"]["type"]) == ("shared", types.LINK)


def test_a_question_in_the_subject_is_a_question(chat: TeamsChat) -> None:
    _, [made] = outcomes(chat, post(0, "Alvast hartelijk bedankt.", subject="Wie weet hoe ik verlof aanvraag?"))
    assert verb(made) == "asked"


def test_a_notification_with_its_message_is_read_and_one_without_is_refused(chat: TeamsChat) -> None:
    told = {"value": [{"subscriptionId": "s", "changeType": "created", "resourceData": post(0, QUESTION)}]}
    _, [made] = outcomes(chat, told)
    assert verb(made) == "asked"
    with pytest.raises(BadRecord):
        list(chat.read({"value": [{"subscriptionId": "s", "changeType": "created", "resourceData": {"id": "1"}}]}))


def test_an_empty_page_is_no_error_and_a_bad_message_is_quarantined_alone(chat: TeamsChat) -> None:
    assert list(chat.read({"value": [], "@odata.deltaLink": "x"})) == []
    rows = [post(0, "Goed om te weten allemaal"), {**post(1, "x"), "createdDateTime": "soon"}, {**post(2, "x"), "from": None}, 7]  # fmt: skip
    mapper, made = outcomes(chat, {"value": rows})
    assert len(statements_of(made)) == 1
    assert mapper.counts.quarantined == {"time is not in ISO 8601": 1, "the message names no sender": 2}


def test_what_is_no_channel_is_told_when_it_is_configured() -> None:
    source = completed(TeamsChat, connection(None, channels=["General"]))
    with source.api() as api, pytest.raises(ConfigurationError, match="link to the channel"):
        list(source.pull(api, WINDOW))
    with pytest.raises(ConfigurationError, match="channel_kinds"):
        completed(TeamsChat, connection(None, channel_kinds={link(CARE): "direct"}))


# --- against the replay --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def server():
    with running(RECORDINGS, only=("teamschat",), clock=CLOCK) as started:
        yield started


def pull(server: Running, window: Window = WINDOW, **fields: Any) -> tuple[TeamsChat, list[Record]]:
    chat = of_november(completed(TeamsChat, connection(f"{server.url}/teamschat", **fields)))
    with chat.api() as api:
        return chat, list(chat.pull(api, window))


def made_of(chat: TeamsChat, records: list[Record]) -> list[dict[str, Any]]:
    return statements_of(mapped(chat, landed(chat, records))[1])


def test_only_channels_on_the_list_are_asked_for(server: Running) -> None:
    _, records = pull(server)
    assert {record["room"] for record in records} == {"Wondzorg", "Samen leren"}
    asked = " ".join(path for _, _, path in server.faults.asked)
    assert OTHER["id"] not in asked
    assert PRIVATE["id"] not in asked


def test_a_private_channel_is_never_read_whatever_the_list_says(
    server: Running, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    chat, records = pull(server, channels=[link(PRIVATE)])
    assert records == []
    assert "private channel" in caplog.text
    assert not [path for _, _, path in server.faults.asked if path.endswith("/messages/delta")]
    with chat.api() as api, pytest.raises(ConfigurationError, match="channel 1 of the list is private"):
        chat.check(api)


def test_every_reply_is_read_also_those_behind_a_link(server: Running) -> None:
    chat, records = pull(server)
    [thread] = [each for each in CARE["_messages"] if len(each.get("_replies", ())) == 5]
    replies = [record for record in records if record.kind == "message" and record["replyToId"] == thread["id"]]
    assert len(replies) == 5
    verbs_ = [verb(each) for each in made_of(chat, [*replies, *(r for r in records if r.key.endswith(f"/{thread['id']}"))])]  # fmt: skip
    assert sorted(verbs_) == ["answered", "answered", "answered", "asked", "reacted", "replied"]


def test_a_night_brings_what_was_written_or_touched_and_nothing_that_delta_adds_for_no_reason(server: Running) -> None:
    sunday = Window(datetime(2026, 11, 8, tzinfo=UTC), datetime(2026, 11, 9, tzinfo=UTC))
    server.world.until = sunday.end
    chat, records = pull(server, sunday)
    assert [record["createdDateTime"][:10] for record in records] == ["2026-11-08"]
    [made] = made_of(chat, records)
    assert verb(made) == "answered", "a late reply still names the question of the week before"


def test_replies_say_again_what_they_are_when_their_question_is_deleted(server: Running) -> None:
    tuesday = Window(datetime(2026, 11, 10, tzinfo=UTC), datetime(2026, 11, 11, tzinfo=UTC))
    server.world.until = datetime(2026, 11, 9, 20, tzinfo=UTC)
    chat, before = pull(server)
    answers = {extension(each, "record") for each in made_of(chat, before) if verb(each) == "answered" and each["timestamp"][:10] == "2026-11-09"}  # fmt: skip
    server.world.until = tuesday.end
    chat, after = pull(server, tuesday)
    mapper, made = mapped(chat, landed(chat, after))
    assert len(answers) == 1
    assert answers <= {each.key for each in made if isinstance(each, Retracted)}
    assert mapper.counts.ignored == {"deleted by its writer or a moderator": 1}


def test_what_is_older_than_eight_months_comes_from_the_plain_list(server: Running) -> None:
    year = Window(datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC))
    _, records = pull(server, year)
    _, weeks = pull(server)
    assert sorted(record.key for record in records) == sorted(record.key for record in weeks)
    paths = [path.rsplit("/", 1)[1] for _, _, path in server.faults.asked if "/messages" in path]
    assert paths.index("delta") > paths.index("messages")


def test_the_kind_and_name_of_a_channel_stand_with_its_messages(server: Running) -> None:
    chat, records = pull(server)
    told = {(extension(each, "channel-kind"), each["context"]["contextActivities"]["grouping"][0]["definition"]["name"]["und"]) for each in made_of(chat, records)}  # fmt: skip
    assert told == {("spontaneous_group", "Wondzorg"), (None, "Samen leren")}
    kinds = {each["context"]["contextActivities"]["grouping"][0]["definition"]["type"] for each in made_of(chat, records)}  # fmt: skip
    assert kinds == {types.CHAT_CHANNEL}


def test_the_wait_that_microsoft_asks_for_is_kept_to(server: Running) -> None:
    calm = len(pull(server)[1])
    server.faults.waiting[:] = [Fault("too_many", path="/delta", times=1, seconds=1)]
    assert len(pull(server)[1]) == calm


def test_an_unapproved_app_is_told_at_once(server: Running) -> None:
    server.faults.waiting[:] = [Fault("forbidden", path="/messages", times=9)]
    with pytest.raises(CredentialsRefused, match="403 Forbidden"):
        pull(server)


@pytest.mark.parametrize(("name", "built", "ignored"), [("delta-1-initial", 2, 0), ("delta-3-last-page", 1, 0), ("delta-4-next-round", 1, 0), ("list-messages", 1, 1)])  # fmt: skip
def test_the_vendors_own_examples_are_read(shared: Path, chat: TeamsChat, name: str, built: int, ignored: int) -> None:
    file = shared / "recordings" / "msteams-chat" / "vendor-docs" / f"{name}.json"
    if not file.exists():
        pytest.skip("the vendor's examples are not here")
    mapper, made = outcomes(chat, json.loads(file.read_text()))
    assert (mapper.counts.built, mapper.counts.ignored.total()) == (built, ignored)
    assert {verb(each) for each in made} == {verbs.POSTED.iri.rsplit("/", 1)[-1]}
    assert "Robin" not in json.dumps(made)


def test_no_page_is_larger_than_what_graph_gives(server: Running) -> None:
    chat = of_november(completed(TeamsChat, connection(f"{server.url}/teamschat")))
    with chat.api() as api, asked(api) as sent:
        list(chat.pull(api, WINDOW))
    pages = [unquote(str(request.url)) for request in sent if "/messages/delta?" in str(request.url)]
    assert pages
    assert all("$top=50" in url for url in pages if "skiptoken" not in url)


def test_a_writer_is_the_object_id_that_the_directory_knows_and_never_a_name(chat: TeamsChat) -> None:
    directory = Directory([Employee("E1", platform_ids=(("teamschat", ANNA),)), Employee("Anna Jansen", emails=("anna@x.nl",))])  # fmt: skip
    stranger = {**sender(CEES), "user": {"id": CEES, "displayName": "Anna Jansen"}}
    _, made = outcomes(chat, post(0, QUESTION), {**post(1, QUESTION), "from": stranger}, directory=directory)
    assert [each["actor"]["account"]["name"] for each in made] == [KEY.actor("E1"), KEY.account(chat.tenant, CEES)]
