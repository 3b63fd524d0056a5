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
from source_contract import KEY, completed, landed, mapped, statements_of

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
from connectors.source import Connection, Kind, Record, Source, Verified, load, maps
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
        ("https://example.org/stuk", {"root": ASKED}, "answered", "reply-to-question"),
        ("", {"root": ASKED, "carries": types.FILE}, "answered", "reply-to-question"),
        ("ok", {"root": Brief("q", "anna"), "carries": types.FILE}, "shared", None),
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


# --- the same conversation on every platform ------------------------------------------------------------------------------------------

WHO = {"anna": "101", "bram": "102", "cas": "103"}
SAID = (  # (name, who, what, what it replies to, who is mentioned)
    ("q", "anna", "Weet iemand hoe ik dit rapport exporteer?", "", ""),
    ("a", "bram", "Dat gaat via Bestand en dan Exporteren.", "q", "cas"),
    ("t", "anna", "Bedankt, opgelost!", "a", ""),
    ("l", "cas", "https://example.org/handleiding", "q", ""),
    ("u", "cas", "Vandaag exporteerde ik via Bestand en dan Exporteren.", "", ""),
)
THREAD = {"a": "q", "t": "q", "l": "q"}
MINUTE = {name: number for number, (name, *_) in enumerate(SAID)}


def at(name: str, form: str = "%Y-%m-%dT%H:%M:00Z") -> str:
    return (AT + timedelta(minutes=MINUTE[name])).strftime(form)


def epoch(name: str) -> int:
    return int((AT + timedelta(minutes=MINUTE[name])).timestamp())


def matrix(name: str, who: str, text: str, to: str, mentioned: str) -> dict[str, Any]:
    relation = {"rel_type": "m.thread", "event_id": "$q", "m.in_reply_to": {"event_id": f"${to}"}}
    mentions = {"m.mentions": {"user_ids": [f"@{mentioned}:x.example"]}} if mentioned else {}
    if mentioned:
        linked = f'<a href="https://matrix.to/#/@{mentioned}:x.example">Cas Visser</a>: {text}'
        mentions |= {"format": "org.matrix.custom.html", "formatted_body": linked}
        text = f"Cas Visser: {text}"
    content = {"msgtype": "m.text", "body": text, **mentions, **({"m.relates_to": relation} if to else {})}
    return {"type": "m.room.message", "event_id": f"${name}", "room_id": "!r", "sender": f"@{who}:x.example", "origin_server_ts": epoch(name) * 1000, "content": content}  # fmt: skip


def slack(name: str, who: str, text: str, to: str, mentioned: str) -> dict[str, Any]:
    thread = {"thread_ts": f"{epoch('q')}.000100"} if to else {}
    text += f" <@U{WHO[mentioned]}>" if mentioned else ""
    return {"type": "message", "channel": "C1", "user": f"U{WHO[who]}", "text": text, "ts": f"{epoch(name)}.000100", **thread}  # fmt: skip


def teamschat(name: str, who: str, text: str, to: str, mentioned: str) -> dict[str, Any]:
    told = [{"id": 0, "mentioned": {"user": {"id": WHO[mentioned]}}}] if mentioned else []
    text += ' <at id="0">Cas Visser</at>' if mentioned else ""
    return {
        "id": str(epoch(name) * 1000), "replyToId": str(epoch("q") * 1000) if to else None, "messageType": "message", "createdDateTime": at(name), "mentions": told,
        "from": {"user": {"id": WHO[who]}}, "body": {"contentType": "html", "content": text}, "channelIdentity": {"teamId": "t", "channelId": "19:c"},
    }  # fmt: skip


def googlechat(name: str, who: str, text: str, to: str, mentioned: str) -> dict[str, Any]:
    thread = "u" if name == "u" else "q"
    told = [{"type": "USER_MENTION", "startIndex": len(text) + 1, "length": 11, "userMention": {"user": {"name": f"users/{WHO[mentioned]}"}}}] if mentioned else []  # fmt: skip
    text += " @Cas Visser" if mentioned else ""
    quoted = {"quotedMessageMetadata": {"name": f"spaces/S/messages/{to}", "quoteType": "REPLY"}} if to == "a" else {}
    return {
        "name": f"spaces/S/messages/{name}", "sender": {"name": f"users/{WHO[who]}", "type": "HUMAN"}, "createTime": at(name), "text": text, "annotations": told,
        "thread": {"name": f"spaces/S/threads/{thread}"}, "threadReply": bool(to), "space": {"name": "spaces/S"}, **quoted,
    }  # fmt: skip


def mattermost(name: str, who: str, text: str, to: str, mentioned: str) -> dict[str, Any]:
    told = {"mentions": [WHO[mentioned]]} if mentioned else {}  # the pull finds ids for the names in a text
    text += f" @{mentioned}" if mentioned else ""
    return {"id": name, "create_at": epoch(name) * 1000, "user_id": WHO[who], "channel_id": "c1", "root_id": "q" if to else "", "message": text, "type": "", **told}  # fmt: skip


def zulip(name: str, who: str, text: str, to: str, mentioned: str) -> dict[str, Any]:
    text += f' <span class="user-mention" data-user-id="{WHO[mentioned]}">@Cas Visser</span>' if mentioned else ""
    topic = "iets anders" if name == "u" else "exporteren"
    return {"id": MINUTE[name] + 1, "type": "stream", "stream_id": 7, "subject": topic, "sender_id": int(WHO[who]), "timestamp": epoch(name), "content": f"<p>{text}</p>", "reactions": []}  # fmt: skip


def rocketchat(name: str, who: str, text: str, to: str, mentioned: str) -> dict[str, Any]:
    thread = {"tmid": "q"} if to else {}
    told = [{"username": mentioned}] if mentioned else []
    text += f" @{mentioned}" if mentioned else ""
    return {"_id": name, "rid": "r1", "msg": text, "ts": at(name), "u": {"username": who}, "mentions": told, **thread}


def discourse(name: str, who: str, text: str, to: str, mentioned: str) -> dict[str, Any]:
    text += f' <a class="mention" href="/u/{mentioned}">@{mentioned}</a>' if mentioned else ""
    number = {"q": 1, "a": 2, "t": 3, "l": 4, "u": 1}
    topic = {"topic_id": 89 if name == "u" else 88, "topic_title": "Rapporten", "category_id": 7}
    return {"id": MINUTE[name], "username": who, "user_id": int(WHO[who]), "created_at": at(name), "cooked": f"<p>{text}</p>", "post_number": number[name], "post_type": 1, "reply_to_post_number": number.get(to) if to == "a" else None, **topic}  # fmt: skip


def yammer(name: str, who: str, text: str, to: str, mentioned: str) -> dict[str, Any]:
    text += f" [[user:{WHO[mentioned]}]]" if mentioned else ""
    return {"id": name, "thread_id": THREAD.get(name, name), "replied_to_id": to, "group_id": "5", "sender_id": WHO[who], "body": text, "created_at": at(name)}  # fmt: skip


def linkedin(name: str, who: str, text: str, to: str, mentioned: str) -> dict[str, Any]:
    if not to:
        return {"id": f"urn:li:share:{name}", "author": f"urn:li:person:{who}", "commentary": text, "publishedAt": epoch(name) * 1000, "room": "1"}  # fmt: skip
    told = [{"start": len(text) + 1, "length": 10, "value": {"person": {"person": f"urn:li:person:{mentioned}"}}}] if mentioned else []  # fmt: skip
    text += " Cas Visser" if mentioned else ""
    above = {"parentComment": f"urn:li:comment:(urn:li:share:q,{to})"} if to != "q" else {}
    return {"commentUrn": f"urn:li:comment:(urn:li:share:q,{name})", "object": "urn:li:share:q", "created": {"actor": f"urn:li:person:{who}", "time": epoch(name) * 1000}, "message": {"text": text, "attributes": told}, "room": "1", **above}  # fmt: skip


def facebook(name: str, who: str, text: str, to: str, mentioned: str) -> dict[str, Any]:
    told = [{"id": WHO[mentioned], "type": "user", "offset": len(text) + 1, "length": 10}] if mentioned else []
    text += " Cas Visser" if mentioned else ""
    return {"id": f"9_{name}", "message": text, "created_time": at(name), "from": {"id": WHO[who]}, "room": "9", "message_tags": told, **({"parent": {"id": f"9_{to}"}} if to else {})}  # fmt: skip


def x(name: str, who: str, text: str, to: str, mentioned: str) -> dict[str, Any]:
    told = {"mentions": [{"id": WHO[mentioned]}]} if mentioned else {}
    text += f" @{mentioned}" if mentioned else ""
    return {"id": name, "author_id": WHO[who], "text": text, "created_at": at(name), "conversation_id": THREAD.get(name, name), "entities": told, "room": "#leren", **({"referenced_tweets": [{"type": "replied_to", "id": to}]} if to else {})}  # fmt: skip


def whatsapp(name: str, who: str, text: str, to: str, mentioned: str) -> dict[str, Any]:
    return {"from": f"31{WHO[who]}", "id": f"wamid.{name}", "timestamp": str(epoch(name)), "type": "text", "text": {"body": text}, "room": "9", **({"context": {"id": f"wamid.{to}"}} if to else {})}  # fmt: skip


def googleplus(name: str, who: str, text: str, to: str, mentioned: str) -> dict[str, Any]:
    """A post carries its comments: `conversation` puts them there."""
    text += f' <a href="https://plus.google.com/{WHO[mentioned]:0>12}">Cas Visser</a>' if mentioned else ""
    return {"resourceName": name, "author": {"resourceName": f"users/{WHO[who]:0>12}"}, "creationTime": at(name), "content": text, "comments": [], "postAcl": {"isPublic": True}}  # fmt: skip


PLATFORMS = (matrix, slack, teamschat, googlechat, mattermost, zulip, rocketchat, discourse, yammer, linkedin, facebook, x, whatsapp, googleplus)  # fmt: skip
THREADS_ONLY = {
    "slack",
    "teamschat",
    "mattermost",
    "zulip",
    "rocketchat",
    "googleplus",
}  # a reply names its thread and no more
UNTOLD = {"whatsapp"}  # a webhook mentions nobody
FIELDS = {
    "host": "https://x.example",
    "workspace": "https://x.example",
    "tenant": "https://x.example",
    "tenant_id": "t",
}
FIELDS |= dict.fromkeys(("client_id", "client_secret", "token", "email", "api_key", "user_id", "username", "client_email", "private_key"), "x")  # fmt: skip


def said_on(write: Any, said: Any = SAID, more: Any = (), *, newest_first: bool = False) -> list[dict[str, Any]]:
    """The statements of a conversation as a platform tells it, one message after the other, and then `more`.

    With `newest_first` all are read before they count, as `leerstroom normalise` does.
    """
    asked = load(write.__name__).settings
    fields = {each.name: FIELDS.get(each.name, [] if each.many else None) for each in asked}
    source = completed(load(write.__name__), {name: value for name, value in fields.items() if value is not None})
    written = [write(*each) for each in said]
    if write is googleplus:
        written[0]["comments"] = [each for each, (_, _, _, to, _) in zip(written, said, strict=True) if to]
        written = [each for each, (_, _, _, to, _) in zip(written, said, strict=True) if not to]
    given = [*written, *more]
    if newest_first:
        given.reverse()
        for each in given:
            list(source.read(each))
    records = [record for each in given for record in source.read(each)]
    return statements_of(mapped(source, landed(source, records))[1])


@pytest.mark.parametrize("write", PLATFORMS, ids=lambda each: each.__name__)
def test_the_same_conversation_says_the_same_on_every_platform(write: Any) -> None:
    """Who asked, who answered whom, whom a message mentions; an answer that nothing links is a message of its own everywhere."""
    made = said_on(write)
    names = {each["object"]["id"]: name for each, (name, *_) in zip(made, SAID, strict=True)}
    people = {json.dumps(each["actor"]): who for each, (_, who, *_) in zip(made, SAID, strict=True)}
    assert (len(names), len(people)) == (5, 3)
    told = []
    for each in made:
        extensions, place = each["context"]["extensions"], each["context"]["contextActivities"]
        mentions = [people[json.dumps(agent)] for agent in extensions.get(EXTENSION_BASE + "mentions", [])]
        above = [names[parent["id"]] for parent in place.get("parent", [])]
        told.append((canonical_verb(each["verb"]["id"]), above, mentions, extensions.get(EXTENSION_BASE + "rule")))
    name = write.__name__
    assert told == [
        ("asked", [], [], "question-in-text"),
        ("answered", ["q"], [] if name in UNTOLD else ["cas"], "reply-to-question"),
        ("replied", ["q"], [], None) if name in THREADS_ONLY else ("replied", ["a"], [], "asker-thanks"),
        ("answered", ["q"], [], "reply-to-question"),
        ("posted", [], [], None),
    ]


@pytest.mark.parametrize("write", PLATFORMS, ids=lambda each: each.__name__)
def test_context_has_the_same_shape_on_every_platform_and_an_activity_has_one_type(write: Any) -> None:
    made = said_on(write)
    types_of: dict[str, set[str]] = {}
    for each in made:
        place, extensions = each["context"]["contextActivities"], each["context"]["extensions"]
        for activity in (each["object"], *place.get("parent", []), *place["grouping"]):
            types_of.setdefault(activity["id"], set()).add(activity["definition"]["type"])
        assert place.keys() - {"parent"} == {"category", "grouping"}
        assert len(place["grouping"]) == 1
        assert each["context"].keys() == {"platform", "contextActivities", "extensions"}
        assert each["context"]["platform"] == write.__name__
        assert {key.removeprefix(EXTENSION_BASE) for key in extensions} - {"mentions", "rule", "confidence"} == {
            "source-kind", "record", "text-length", "text-language", "has-link", "is-question", "is-thanks",
        }  # fmt: skip
    assert {iri: len(found) for iri, found in types_of.items()} == dict.fromkeys(types_of, 1)


@pytest.mark.parametrize("write", [each for each in PLATFORMS if each.__name__ not in UNTOLD], ids=lambda each: each.__name__)  # fmt: skip
def test_a_nod_to_somebody_by_name_is_a_nod_on_every_platform(write: Any) -> None:
    made = said_on(write, (SAID[0], ("a", "bram", "ok", "q", "cas")))
    assert [canonical_verb(each["verb"]["id"]) for each in made] == ["asked", "reacted"]


@pytest.mark.parametrize("write", [each for each in PLATFORMS if load(each.__name__).looks_ahead], ids=lambda each: each.__name__)  # fmt: skip
def test_a_conversation_says_the_same_the_newest_first(write: Any) -> None:
    def by_id(each: dict[str, Any]) -> str:
        return str(each["id"])

    assert sorted(said_on(write, newest_first=True), key=by_id) == sorted(said_on(write), key=by_id)


ANSWER = SAID[1]
MARKS: dict[Any, Any] = {  # cas likes the answer, and anna, who asked, sets her check mark where there are any: as each platform tells it
    matrix: [
        {"type": "m.reaction", "event_id": f"${who}", "room_id": "!r", "sender": f"@{who}:x.example", "origin_server_ts": epoch("u") * 1000, "content": {"m.relates_to": {"rel_type": "m.annotation", "event_id": "$a", "key": key}}}
        for who, key in (("cas", "👍"), ("anna", "✅"))
    ],
    slack: [
        {"type": "reaction_added", "user": f"U{WHO[who]}", "reaction": key, "item": {"type": "message", "channel": "C1", "ts": f"{epoch('a')}.000100"}, "event_ts": f"{epoch('u')}.0"}
        for who, key in (("cas", "+1"), ("anna", "white_check_mark"))
    ],
    teamschat: [{**teamschat(*ANSWER), "reactions": [{"reactionType": key, "createdDateTime": at("u"), "user": {"user": {"id": WHO[who]}}} for who, key in (("cas", "like"), ("anna", "✅"))]}],
    googlechat: [{"reactions": [{"name": f"spaces/S/messages/a/reactions/{who}", "user": {"name": f"users/{WHO[who]}"}, "emoji": {"unicode": key}} for who, key in (("cas", "👍"), ("anna", "✅"))]}],
    mattermost: [{"user_id": WHO[who], "post_id": "a", "emoji_name": key, "create_at": epoch("u") * 1000} for who, key in (("cas", "+1"), ("anna", "white_check_mark"))],
    zulip: [{"type": "reaction", "op": "add", "user_id": int(WHO[who]), "message_id": 2, "emoji_name": key, "id": 9} for who, key in (("cas", "+1"), ("anna", "check"))],
    rocketchat: [{**rocketchat(*ANSWER), "reactions": {":+1:": {"usernames": ["cas"]}, ":white_check_mark:": {"usernames": ["anna"]}}}],
    whatsapp: [
        {"from": f"31{WHO[who]}", "id": f"wamid.{who}", "timestamp": str(epoch("u")), "type": "reaction", "room": "9", "reaction": {"message_id": "wamid.a", "emoji": key}}
        for who, key in (("cas", "👍"), ("anna", "✅"))
    ],
    discourse: [{"like": {"post": discourse(*ANSWER), "user": {"username": "cas"}}}],
    yammer: [{**yammer(*ANSWER), "liked_by": {"names": [{"user_id": WHO["cas"]}]}}],
    linkedin: [{"id": "urn:li:reaction:1", "reactionType": "LIKE", "created": {"actor": "urn:li:person:cas", "time": epoch("u") * 1000}, "root": "urn:li:comment:(urn:li:share:q,a)"}],
    facebook: [{**facebook(*ANSWER), "reactions": {"data": [{"id": WHO["cas"], "type": "LIKE"}]}}],
}  # fmt: skip
NO_CHECK_MARKS = {"discourse", "yammer", "linkedin", "facebook"}


@pytest.mark.parametrize("write", MARKS, ids=lambda each: each.__name__)
def test_signs_on_an_answer_say_the_same_on_every_platform(write: Any) -> None:
    made = said_on(write, more=MARKS[write])
    told, people = made[: len(SAID)], {json.dumps(each["actor"]): who for each, (_, who, *_) in zip(made, SAID, strict=False)}  # fmt: skip
    signs = [each for each in made if EXTENSION_BASE + "text-length" not in each["context"]["extensions"]]
    assert [(people[json.dumps(each["actor"])], canonical_verb(each["verb"]["id"])) for each in signs] == [
        ("cas", "liked"), *([] if write.__name__ in NO_CHECK_MARKS else [("anna", "voted-up")]),
    ]  # fmt: skip
    for each in signs:
        assert each["object"] == told[1]["object"]
        assert each["context"]["contextActivities"].keys() == {"category", "grouping"}
        assert each["context"]["contextActivities"] == {**told[0]["context"]["contextActivities"]}
