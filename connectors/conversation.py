"""Conversations: what a message or a sign in a room becomes, whichever platform it stands on.

A platform makes a `Message` or a `Sign` out of its landed record and says how its room and its messages are addressed (`Room`):

```
asked      opens a conversation and asks (rule question-in-text), or the platform calls it a question
answered   another person's reply below a question that says more than thanks or yes (rule reply-to-question), or the platform calls it an answer
replied    any other reply; also the asker's thanks (rule asker-thanks)
shared     carries a file or a link              posted     opens a conversation with anything else
reacted    a nod in words (rule acknowledgement), or a sign that is neither check mark nor thumb
liked      a thumb, a heart, a cheer
voted-up   the asker's check mark on an answer (rule asker-check-mark), or an acceptance that the platform itself records
```
What the platform records itself is a fact and names no rule. What a message is only because of its question has a key of its own, so that it is
voided alone when the question goes; so has each form of a message that was edited. Nothing here sees a text: only its features.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

from connectors.source import Connection, Setting
from leerstroom.errors import ConfigurationError
from leerstroom.people import ExcludedAccount, People
from leerstroom.statements import Built, Ignored, Outcome, Retracted, Verb, activity, statement, types, verbs

# --- values that a platform makes ---------------------------------------------------------------------------------------------------


class Person(NamedTuple):
    """Somebody by the keyed references that were made at the edge; the e-mail's only where the platform's list of users gives one."""

    account: str
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """Where messages stand: a channel, group, category or topic as an activity, its kind, and how its messages are addressed."""

    iri: str
    message_iri: Callable[[str], str]  # id of a message -> its IRI
    name: str | None = None
    channel_kind: str | None = None
    type_iri: str = types.CHAT_CHANNEL
    opening_type: str = types.CHAT_MESSAGE  # of a message that opens a conversation
    reply_type: str = types.CHAT_MESSAGE
    grouping: tuple[dict[str, Any], ...] = ()  # what the room itself belongs to


@dataclass(frozen=True, slots=True)
class Brief:
    """What lands of a message that another one refers to: who wrote it and whether it asks; never more.

    `changed` says that it may have been another thing before: it was edited, deleted, or marked by the platform later on.
    """

    id: str
    sender: str | None = None  # reference of the account
    is_question: bool = False
    deleted: bool = False
    changed: bool = False

    def landed(self) -> dict[str, Any]:
        """Plain values; what is not so is left out."""
        told = {
            "sender": self.sender,
            "is_question": self.is_question,
            "deleted": self.deleted,
            "changed": self.changed,
        }
        return {"id": self.id, **{name: value for name, value in told.items() if value}}

    @classmethod
    def of(cls, landed: Mapping[str, Any] | None) -> "Brief | None":
        """The brief out of its plain values, None out of nothing. Raises TypeError for what was never one."""
        return cls(**landed) if landed else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message as it landed. `id` is the record's key, and what `Room.message_iri` makes an address of."""

    id: str
    sender: Person
    at: datetime
    room: Room
    features: Mapping[str, Any]  # of leerstroom.features
    parent: str | None = None  # id of the message that it replies to; None: it opens a conversation
    about: Brief | None = None  # the message that it refers to first …
    root: Brief | None = None  # … and the one that opened the conversation; None where nothing is known of it
    carries: str | None = None  # type IRI of what is attached
    mentions: Iterable[Person] = ()
    marked: Literal["question", "answer"] | None = None  # the platform says so itself
    revision: str = ""  # when it was edited or marked; empty as long as it is as it was written
    extensions: Mapping[str, Any] = field(default_factory=dict)  # further ones, by short name


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """A reaction to a message. `id` is the record's key; `meaning` is what `sign_of` read in it."""

    id: str
    sender: Person
    at: datetime  # where the platform keeps no time of it: the message's, with `timed` false
    room: Room
    on: str | None  # id of the message
    meaning: str | None = None
    about: Brief | None = None  # that message …
    root: Brief | None = None  # … and the one that opened its conversation
    opens: bool = True  # whether the message itself opened it
    timed: bool = True


# --- what they become ---------------------------------------------------------------------------------------------------------------

_EDITED_FORMS = (verbs.ASKED, verbs.ANSWERED, verbs.REPLIED, verbs.SHARED, verbs.POSTED, verbs.REACTED)


def said(message: Message, people: People) -> Iterator[Outcome]:
    """The statement of a message. Where it or its conversation changed since it was written, what it was before is taken back."""
    made = _reply(message, people) if message.parent else _opening(message, people)
    yield from _taken_back(message.id, made, message.root)
    yield made


def gone(message_id: str, *, edits: bool = True, kind: str = "") -> Iterator[Outcome]:
    """Takes back all that was made of a message or a sign; `edits` false where the platform's records never change.

    `kind` is that of the record that is gone, where the one that says so is of another.
    """
    for key in _forms(message_id, edited=edits):
        yield Retracted(key, kind=kind)


def signed(sign: Sign, people: People) -> Iterator[Outcome]:
    """The statement of a reaction; the asker's check mark on an answer accepts it."""
    if not sign.on:
        yield Ignored("reaction to nothing")
    elif sign.about and sign.about.sender == sign.sender.account:
        yield Ignored("reaction to a message of one's own")
    else:
        root = sign.root
        if sign.meaning == "check" and root and root.is_question and root.sender == sign.sender.account:
            made = _signed(sign, people, verbs.VOTED_UP, _inferred(sign.id), "asker-check-mark", 0.9)
        else:
            verb = verbs.LIKED if sign.meaning in {"check", "like"} else verbs.REACTED
            made = _signed(sign, people, verb, "", *_UNTIMED[sign.timed])
        yield from _taken_back(sign.id, made, root)
        yield made


def accepted(sign: Sign, people: People) -> Outcome:
    """The acceptance of an answer that the platform itself records: a fact. `sign.sender` is who accepted it, else the asker."""
    if sign.about and sign.about.sender == sign.sender.account:
        return Ignored("acceptance of an answer of one's own")
    return _signed(sign, people, verbs.VOTED_UP, "", *_UNTIMED[sign.timed])


def _opening(message: Message, people: People) -> Built:
    seen, room = message.features, message.room
    if message.marked == "question":
        return _said(message, people, verbs.ASKED, room.opening_type)
    if seen["is_question"]:
        return _said(message, people, verbs.ASKED, room.opening_type, rule="question-in-text", confidence=0.9)
    if message.carries:
        return _said(message, people, verbs.SHARED, message.carries)
    if seen["has_link"]:
        return _said(message, people, verbs.SHARED, types.LINK)
    return _said(message, people, verbs.POSTED, room.opening_type)


def _reply(message: Message, people: People) -> Built:
    seen, room, parent, root = message.features, message.room, message.parent, message.root
    asked = root is not None and root.is_question
    own = root is not None and root.sender == message.sender.account
    wordless = seen["is_acknowledgement"] or (seen["is_thanks"] and seen["length"] in {"none", "short"})
    nods = wordless and not (seen["has_link"] or message.carries)  # a link or a file says more than yes
    if message.marked == "answer":
        return _said(message, people, verbs.ANSWERED, room.reply_type, parent=root.id if root else parent)
    if root and asked and not own and not nods:
        return _said(
            message, people, verbs.ANSWERED, room.reply_type, parent=root.id, key=_inferred(message.id),
            rule="reply-to-question", confidence=0.6 if seen["is_only_question"] else 0.8,
        )  # fmt: skip
    if nods and not own:
        return _said(
            message, people, verbs.REACTED, room.reply_type, parent=parent, rule="acknowledgement", confidence=0.8
        )
    if root and own and asked and seen["is_thanks"] and parent != root.id:
        return _said(
            message, people, verbs.REPLIED, room.reply_type, parent=parent, key=_inferred(message.id),
            rule="asker-thanks", confidence=0.7,
        )  # fmt: skip
    if message.carries:
        return _said(message, people, verbs.SHARED, message.carries, parent=parent)
    if seen["has_link"]:
        return _said(message, people, verbs.SHARED, types.LINK, parent=parent)
    return _said(message, people, verbs.REPLIED, room.reply_type, parent=parent)


def _said(
    message: Message, people: People, verb: Verb, type_iri: str, *, parent: str | None = None, key: str = "",
    rule: str | None = None, confidence: float | None = None,
) -> Built:  # fmt: skip
    seen, room = message.features, message.room
    return statement(
        actor=people.actor(message.sender.account, email=message.sender.email),
        verb=verb,
        object=activity(room.message_iri(message.id), type_iri),
        parent=activity(room.message_iri(parent), _type_of(parent, message)) if parent else None,
        grouping=_grouping(room),
        timestamp=message.at,
        extensions={
            "channel-kind": room.channel_kind,
            "mentions": _mentioned(message, people) or None,
            "text-length": seen["length"],
            "text-language": seen["language"],
            "has-link": seen["has_link"],
            "is-question": seen["is_question"],
            "is-thanks": seen["is_thanks"],
            **message.extensions,
        },
        revision=message.revision,
        key=key or (f"{verb.name}/{message.id}" if message.revision else ""),
        rule=rule,
        confidence=confidence,
    )


def _signed(
    sign: Sign, people: People, verb: Verb, key: str, rule: str | None = None, confidence: float | None = None
) -> Built:
    room = sign.room
    return statement(
        actor=people.actor(sign.sender.account, email=sign.sender.email),
        verb=verb,
        object=activity(room.message_iri(str(sign.on)), room.opening_type if sign.opens else room.reply_type),
        grouping=_grouping(room),
        timestamp=sign.at,
        extensions={"channel-kind": room.channel_kind},
        key=key,
        rule=rule,
        confidence=confidence,
    )


_UNTIMED: Mapping[bool, tuple[str | None, float | None]] = {True: (None, None), False: ("time-of-message", 0.5)}


def _taken_back(record_id: str, made: Built, root: Brief | None) -> Iterator[Outcome]:
    """The other forms of what was made now, if there may be any: only a change of it or of what opened its conversation makes one."""
    if made.revision or (root and (root.changed or root.deleted)):
        reason = "its question was deleted" if root and root.deleted else "it became another thing"
        for key in _forms(record_id, edited=bool(made.revision)):
            if key != (made.key or record_id):
                yield Retracted(key, reason=reason)


def _type_of(parent: str, message: Message) -> str | None:
    """Type of the message that this one replies to; None where nobody knows whether that one opened the conversation."""
    room, root = message.room, message.root
    if room.opening_type == room.reply_type or (root and parent == root.id):
        return room.opening_type
    return room.reply_type if root else None


def _grouping(room: Room) -> tuple[dict[str, Any], ...]:
    return (activity(room.iri, room.type_iri, name=room.name), *room.grouping)


def _mentioned(message: Message, people: People) -> list[dict[str, Any]]:
    """Agents who are mentioned; a client mentions by itself whom one replies to, so they are left out, and so are programs."""
    left_out = {message.sender.account, *(each.sender for each in (message.about, message.root) if each)}
    return [
        agent
        for person in message.mentions
        if person.account not in left_out and (agent := _agent(people, person)) is not None
    ]


def _agent(people: People, person: Person) -> dict[str, Any] | None:
    try:
        return people.actor(person.account, email=person.email)
    except ExcludedAccount:
        return None


def _inferred(message_id: str) -> str:
    """Key of what a message is only because of its question: a fact apart, voided by itself when the question goes."""
    return f"inferred/{message_id}"


def _forms(message_id: str, *, edited: bool) -> Iterator[str]:
    """All keys under which a message may have been stated: as written, by its question, and each form of an edited one."""
    yield message_id
    yield _inferred(message_id)
    if edited:
        yield from (f"{verb.name}/{message_id}" for verb in _EDITED_FORMS)


# --- signs ------------------------------------------------------------------------------------------------------------------------------

_CHECKS = frozenset("✅✔☑👌💯")
_LIKES = frozenset("👍❤💙💚💛🧡💜🩵🎉👏🙌🙏🔥⭐😍🥳💪+")
# The same by the short names that Slack, Mattermost, Zulip, Rocket.Chat and Teams use.
_NAMED_CHECKS = frozenset(
    "white_check_mark heavy_check_mark ballot_box_with_check check check_mark ok_hand 100".split()  # noqa: SIM905 - words read best as words
)
_NAMED_LIKES = frozenset(
    """
    +1 thumbsup thumbs_up like heart heart_eyes blue_heart green_heart yellow_heart orange_heart purple_heart light_blue_heart tada clap raised_hands
    pray fire star star2 partying_face muscle
    """.split()  # noqa: SIM905 - words read best as words
)


def sign_of(key: Any) -> str | None:
    """What an emoji, or its short name (`:+1:`, `thumbsup::skin-tone-2`), means: check, like or other. The sign itself is not kept."""
    if not isinstance(key, str) or not key:
        return None
    name = key.strip(":").partition(":")[0].lower()
    if name in _NAMED_CHECKS:
        return "check"
    if name in _NAMED_LIKES:
        return "like"
    return "check" if key[0] in _CHECKS else "like" if key[0] in _LIKES else "other"


# --- kinds of rooms -----------------------------------------------------------------------------------------------------------------

CHANNEL_KINDS = frozenset({"set_up_community", "spontaneous_group", "course_community", "live_chat"})


def channel_kinds_setting(room: str = "room as above") -> Setting:
    """The setting that says which kind of room each allowed one is."""
    return Setting(
        "channel_kinds", "Kinds of rooms", kind="mapping", required=False,
        help=f"{room}: set_up_community, spontaneous_group, course_community or live_chat",
    )  # fmt: skip


def channel_kinds(connection: Connection) -> Mapping[str, str]:
    """The configured kinds by room. Raises ConfigurationError for a kind that does not exist: private rooms are none."""
    kinds: Mapping[str, str] = connection.get("channel_kinds") or {}
    unknown = {str(kind) for kind in kinds.values()} - CHANNEL_KINDS
    if unknown:
        raise ConfigurationError(
            f"connection '{connection.name}': channel_kinds knows {', '.join(sorted(CHANNEL_KINDS))}, not {', '.join(map(repr, sorted(unknown)))}"
        )
    return kinds
