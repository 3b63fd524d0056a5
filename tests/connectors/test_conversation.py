"""What messages and signs become: every verb by its rule, facts that platforms mark themselves, edits and deletions."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planned import planned
from source_contract import KEY

from connectors.conversation import (
    Brief,
    Message,
    Person,
    Room,
    Sign,
    accepted,
    channel_kinds,
    gone,
    said,
    sign_of,
    signed,
)
from connectors.mapping import Mapper, Quarantined
from connectors.source import Connection, Kind, Record, Source, Verified, maps
from leerstroom.errors import ConfigurationError
from leerstroom.features import features
from leerstroom.people import Directory, Employee, People
from leerstroom.revisions import Revisions
from leerstroom.state import open_state
from leerstroom.statements import Built, Ignored, Outcome, Retracted, types, verbs
from leerstroom.statements.vocabulary import EXTENSION_BASE, canonical_verb

AT = datetime(2026, 11, 3, 9, tzinfo=UTC)
ROOM = Room("https://x.example/room", "https://x.example/room/{}".format, channel_kind="set_up_community")
PEOPLE = People(KEY, tenant="https://x.example")
ASKED = Brief("q", "anna", is_question=True)


def message(text: str, *, sender: str = "bram", **fields: Any) -> Message:
    return Message(**{
        "id": "m", "sender": Person(sender), "at": AT, "room": ROOM, "features": features([text]),
        **({"parent": fields["root"].id} if fields.get("root") else {}), **fields,
    })  # fmt: skip


def sign(meaning: str, *, sender: str = "anna", **fields: Any) -> Sign:
    return Sign(**{
        "id": "s", "sender": Person(sender), "at": AT, "room": ROOM, "on": "a", "meaning": meaning,
        "about": Brief("a", "bram"), "root": ASKED, **fields,
    })  # fmt: skip


def built(outcomes: Iterator[Outcome]) -> Built:
    [only] = [each for each in outcomes if isinstance(each, Built)]
    return only


def verb_of(outcomes: Iterator[Outcome]) -> str:
    return canonical_verb(built(outcomes).statement["verb"]["id"])


def extension(made: Built, name: str) -> Any:
    return made.statement["context"]["extensions"].get(EXTENSION_BASE + name)


@pytest.mark.parametrize(
    ("text", "fields", "verb", "rule"),
    [
        ("Weet iemand hoe ik dit exporteer?", {}, "asked", "question-in-text"),
        ("De nieuwe huisstijl is er.", {}, "posted", None),
        ("Lees dit: https://example.org/stuk", {}, "shared", None),
        ("", {"carries": types.FILE}, "shared", None),
        ("Via Bestand, dan Exporteren.", {"root": ASKED}, "answered", "reply-to-question"),
        ("Via Bestand, dan Exporteren.", {"root": ASKED, "sender": "anna"}, "replied", None),
        ("ok", {"root": ASKED}, "reacted", "acknowledgement"),
        ("Bedankt, opgelost!", {"root": ASKED, "sender": "anna", "parent": "a"}, "replied", "asker-thanks"),
        ("Mooi gedaan door het hele team daar", {"root": Brief("q", "anna")}, "replied", None),
        ("Zie https://example.org/stuk", {"root": Brief("q", "anna")}, "shared", None),
        ("Ik weet het ook nog niet precies", {"parent": "q"}, "replied", None),
        ("Hoe exporteren", {"marked": "question"}, "asked", None),
        ("ok", {"root": Brief("q", "anna"), "marked": "answer"}, "answered", None),
    ],
)
def test_what_a_message_becomes(text: str, fields: dict[str, Any], verb: str, rule: str | None) -> None:
    made = built(said(message(text, **fields), PEOPLE))
    assert (canonical_verb(made.statement["verb"]["id"]), extension(made, "rule")) == (verb, rule)


def test_an_answer_has_its_question_as_parent_and_its_room_as_grouping() -> None:
    made = built(said(message("Via Bestand.", root=ASKED, parent="a"), PEOPLE)).statement
    assert made["object"]["id"] == "https://x.example/room/m"
    assert [each["id"] for each in made["context"]["contextActivities"]["parent"]] == ["https://x.example/room/q"]
    assert [each["id"] for each in made["context"]["contextActivities"]["grouping"]] == [ROOM.iri]


def test_types_tell_what_opens_a_conversation_from_what_replies() -> None:
    forum = replace(ROOM, type_iri=types.FORUM, opening_type=types.FORUM_TOPIC, reply_type=types.FORUM_REPLY)
    opening = built(said(message("Het verslag staat klaar.", room=forum), PEOPLE)).statement
    answer = built(said(message("Via Bestand.", room=forum, root=ASKED), PEOPLE)).statement
    reply = built(
        said(message("Dat lukt ook zo", room=forum, root=replace(ASKED, is_question=False), parent="a"), PEOPLE)
    )
    assert opening["object"]["definition"]["type"] == types.FORUM_TOPIC
    assert answer["object"]["definition"]["type"] == types.FORUM_REPLY
    assert answer["context"]["contextActivities"]["parent"][0]["definition"]["type"] == types.FORUM_TOPIC
    assert reply.statement["context"]["contextActivities"]["parent"][0]["definition"]["type"] == types.FORUM_REPLY


@pytest.mark.parametrize(
    ("made", "verb", "rule"),
    [
        (sign("check"), "voted-up", "asker-check-mark"),
        (sign("check", sender="cas"), "liked", None),
        (sign("check", root=Brief("q", "anna")), "liked", None),
        (sign("like"), "liked", None),
        (sign("other"), "reacted", None),
        (sign("other", timed=False), "reacted", "time-of-message"),
        (sign("like", about=None, root=None), "liked", None),
    ],
)
def test_what_a_sign_becomes(made: Sign, verb: str, rule: str | None) -> None:
    statement = built(signed(made, PEOPLE))
    assert (canonical_verb(statement.statement["verb"]["id"]), extension(statement, "rule")) == (verb, rule)


def test_a_sign_on_nothing_or_on_ones_own_message_is_ignored() -> None:
    assert all(
        isinstance(each, Ignored)
        for made in (sign("like", on=None), sign("like", sender="bram"))
        for each in signed(made, PEOPLE)
    )


def test_an_acceptance_that_the_platform_records_is_a_fact_without_a_rule() -> None:
    made = accepted(sign("check"), PEOPLE)
    assert isinstance(made, Built)
    assert made.statement["verb"]["id"] == verbs.VOTED_UP.iri
    assert extension(made, "rule") is None
    assert isinstance(accepted(sign("check", sender="bram"), PEOPLE), Ignored)


def test_people_are_found_by_the_address_that_the_platforms_list_of_users_gives() -> None:
    directory = Directory(
        employees=[Employee("E1", emails=("bram@x.example",)), Employee("E2", emails=("cas@x.example",))]
    )
    people = People(KEY, tenant="https://x.example", directory=directory)
    made = built(
        said(
            replace(
                message("Een bericht aan Cas en mezelf"),
                sender=Person("bram", KEY.email("bram@x.example")),
                mentions=[Person("cas", KEY.email("cas@x.example")), Person("bram")],
            ),
            people,
        )
    )  # fmt: skip
    assert made.statement["actor"]["account"]["name"] == KEY.actor("E1")
    assert [each["account"]["name"] for each in extension(made, "mentions")] == [KEY.actor("E2")]


@pytest.mark.parametrize(
    ("key", "meaning"),
    [
        ("✅", "check"), ("white_check_mark", "check"), (":heavy_check_mark:", "check"), ("👍🏽", "like"), ("+1", "like"), ("thumbsup::skin-tone-3", "like"),
        (":thumbs_up:", "like"), ("eyes", "other"), ("👀", "other"), ("", None), (None, None), (7, None),
    ],
)  # fmt: skip
def test_signs_are_read_as_emoji_and_as_short_names(key: Any, meaning: str | None) -> None:
    assert sign_of(key) == meaning


def test_a_brief_lands_as_plain_values_and_comes_back() -> None:
    brief = Brief("q", "anna", is_question=True, changed=True)
    assert Brief.of(json.loads(json.dumps(brief.landed()))) == brief
    assert Brief.of(None) is None


def test_a_private_kind_of_room_is_refused_by_name() -> None:
    assert channel_kinds(Connection("chat", "talk", {"channel_kinds": {"r": "live_chat"}})) == {"r": "live_chat"}
    with pytest.raises(ConfigurationError, match="'direct'"):
        channel_kinds(Connection("chat", "talk", {"channel_kinds": {"r": "direct"}}))


def test_a_message_that_never_changed_takes_nothing_back() -> None:
    assert not [each for each in said(message("Via Bestand.", root=ASKED), PEOPLE) if isinstance(each, Retracted)]


# --- edits and deletions, night after night ------------------------------------------------------------------------------------


class Talk(Source):
    """A platform that edits in place: each record is a message with its text of now."""

    name, title, kind, verified = "talk", "Talk", Kind.CHAT, Verified.DOCUMENTATION

    @maps("message")
    def message(self, record: Record, people: People) -> Iterator[Outcome]:
        """The message of now."""
        if record["text"] is None:
            return gone(record.key)
        root = Brief.of(record["root"])
        return said(
            message(record["text"], id=record.key, root=root, sender=record["sender"], revision=record["revision"]),
            people,
        )


TEXTS = ("Weet iemand hoe dit werkt?", "De huisstijl is er.", "Zie https://example.org", "ok", "Dank, opgelost!", None)


def talk(nights: list[tuple[str | None, str | None]]) -> list[Record]:
    """A question and a reply to it as the last of the nights shows them; None is a deleted one."""

    def edited(at: int) -> str:
        changes = [number for number in range(1, len(nights)) if nights[number][at] != nights[number - 1][at]]
        return f"edited in night {changes[-1]}" if changes else ""

    question, reply = nights[-1]
    asks = question is not None and features([question])["is_question"]
    root = Brief("q", "anna", is_question=asks, deleted=question is None, changed=bool(edited(0)))
    return [
        Record("message", "q", {"text": question, "root": None, "sender": "anna", "revision": edited(0)}),
        Record("message", "a", {"text": reply, "root": root.landed(), "sender": "bram", "revision": edited(1)}),
    ]


@settings(max_examples=80, deadline=None)
@given(nights=st.lists(st.tuples(st.sampled_from(TEXTS), st.sampled_from(TEXTS)), min_size=1, max_size=5))
def test_after_any_edits_exactly_what_is_said_now_counts(nights: list[tuple[str | None, str | None]]) -> None:
    """A question and a reply, edited and deleted from night to night: what counts in the end is what the last night states."""
    source = Talk(Connection("talk", "talk", {"host": "https://x.example"}))
    facts = Revisions(open_state("sqlite://"), uuid4().hex)
    sent: dict[str, Any] = {}
    for number in range(len(nights)):
        as_of = (AT + timedelta(days=number)).isoformat()
        outcomes = list(Mapper(source, PEOPLE).statements(talk(nights[: number + 1])))
        stated = [each for each in outcomes if not isinstance(each, Retracted | Quarantined)]
        plan = planned(facts, stated, as_of)
        for statement in plan.send:
            assert sent.setdefault(statement["id"], statement) == statement, (
                "one id, two contents: the LRS would refuse it"
            )
        taken_back = facts.retract([each.key for each in outcomes if isinstance(each, Retracted)], as_of)
        for statement_id, _ in (*plan.void, *taken_back):
            sent.pop(statement_id, None)
        assert sorted(map(said_of, sent.values())) == sorted(map(said_of, stated))


def said_of(statement: Any) -> tuple[str, str]:
    return statement["object"]["id"], statement["verb"]["id"]
