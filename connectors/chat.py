"""A chat platform as a source: its messages and reactions land in one shape, and one pair of map functions makes statements of them.

A platform says how it is pulled and read, how a message of its own reads in words that all share (`told`), and where rooms live (`room`).
Raw records are the vendor's own message plus what the pull knew: `chain` (the messages it refers to, the opening one last), `emails` (account
id → address, from the list of users only), `room_name`, `program` (written by a bot). A raw reaction is `sign(…)`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from msgspec.structs import replace

from connectors.conversation import Brief, Message, Person, Room, Sign, channel_kinds, gone, said, sign_of, signed
from connectors.source import Connection, Kind, Record, Source, maps
from leerstroom.errors import BadRecord
from leerstroom.features import asks, features
from leerstroom.people import People, Pseudonyms
from leerstroom.statements import Built, Ignored, Outcome, activity, parse_time, statement, verbs

PRIVATE = "direct message or private group: never counted"
PROGRAM = "message of a program"
SYSTEM = "notice of the platform about the room or its members"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A message as its platform tells it. It exists at the edge only, for it holds texts and account ids."""

    id: str  # unique on the platform; becomes the record's key
    room: str
    at: Any  # what parse_time reads
    timed: bool = True  # false where the platform keeps no time of it and `at` is another message's
    sender: str | None  # account id
    texts: Sequence[str] = ()
    has_link: bool = False  # besides those in the texts
    parent: str | None = None  # id of the message that it replies to
    passes_on: str | None = None  # id of somebody else's message that it only hands on
    carries: str | None = None  # type IRI of what is attached
    mentions: Iterable[str] = ()  # account ids
    marked: Literal["question", "answer"] | None = None
    revision: str = ""  # when it was last edited
    edited_unseen: bool = False  # the platform tells no edit: its text, keyed, tells its forms apart
    deleted: bool = False
    ignored: str = ""  # why it is no statement; one of our own sentences
    extensions: Mapping[str, Any] = field(default_factory=dict)


def sign(on: Mapping[str, Any], *, id: str, room: str, name: Any, user: Any, at: Any, **more: Any) -> dict[str, Any]:  # noqa: A002
    """The fields of a raw reaction `name` by `user` to the message `on`, whose id is `id`. `more`: timed, removed, emails, room_name.

    A reaction without a time of its own has `timed` false and the message's time.
    """
    return {
        "on": id, "room": room, "name": name, "user": user, "at": at, "chain": [on, *list_of(on.get("chain"))], **more,
    }  # fmt: skip


class ChatSource(Source):
    """A chat platform. Subclasses declare, override `told`, `room`, `pull`, `read` and `check`."""

    kind: ClassVar[Kind] = Kind.CHAT
    record_kinds: ClassVar[tuple[str, ...]] = ("message", "reaction")
    looks_ahead: ClassVar[bool] = True
    one_sign_each: ClassVar[bool] = False  # somebody's second sign on a message takes the place of the first
    needs_room: ClassVar[bool] = (
        True  # false where the address of a message tells no room, and payloads may leave it out
    )
    personal_ids: ClassVar[bool] = (
        False  # ids of messages hold a phone number or a profile: they become keyed references too
    )

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._kinds = channel_kinds(connection)

    def told(self, message: Mapping[str, Any]) -> Told:
        """The vendor's message in words that all platforms share; never raises, whatever the message is."""
        raise NotImplementedError(f"{type(self).__name__} does not say how its messages read")

    def room(self, record: Record) -> Room:
        """The room of a landed record: `record["room"]`, and `record["room_name"]` where it is known."""
        raise NotImplementedError(f"{type(self).__name__} does not say where its rooms live")

    # --- at the edge --------------------------------------------------------------------------------------------------------

    def minimise(self, record: Record, pseudonyms: Pseudonyms) -> Record:
        """What lands: times, ids of things, keyed references of people, features; of messages referred to only who wrote and whether it asked."""
        land = {"message": self._message, "reaction": self._reaction}.get(record.kind)
        kept = land(record, pseudonyms) if land else Record(record.kind, record.key, {})
        return self._impersonal(kept, pseudonyms) if self.personal_ids else kept

    def _impersonal(self, kept: Record, pseudonyms: Pseudonyms) -> Record:
        """The record with keyed ids of messages."""
        parts: list[dict[str, Any]] = [part for part in (kept, kept.get("about"), kept.get("root")) if part]
        for part in parts:
            for name in {"id", "parent", "passes_on", "on"} & part.keys():
                part[name] = self.reference(pseudonyms, "account", f"id of {part[name]}")
        return Record(kept.kind, str(self.reference(pseudonyms, "account", f"id of {kept.key}")), kept)

    def _message(self, record: Record, pseudonyms: Pseudonyms) -> Record:
        told = self.told(record)
        kept: dict[str, Any] = {"room": told.room}
        if told.deleted or told.ignored:
            kept |= {"deleted": told.deleted, "ignored": told.ignored}
        else:
            about, root = self._briefs(record, pseudonyms)
            emails = record.get("emails")
            accounts = list(told.mentions)
            mentioned = [self._person(each, emails, pseudonyms) for each in accounts]
            seen = features([spoken(text) for text in told.texts])
            form = "\n".join(("form of", told.id, *told.texts, *accounts)) if told.edited_unseen else None
            kept |= {
                "room_name": text_of(record.get("room_name")),
                "at": told.at,
                "untimed": not told.timed,
                "sender": self._person(told.sender, emails, pseudonyms),
                "features": {**seen, "has_link": seen["has_link"] or told.has_link},
                "parent": told.parent,
                "passes_on": told.passes_on,
                "form": self.reference(pseudonyms, "account", form),
                "about": about,
                "root": root,
                "carries": told.carries,
                "mentions": sorted(person for person in mentioned if person),
                "marked": told.marked,
                "revision": told.revision,
                "extensions": dict(told.extensions),
            }
        return Record(record.kind, told.id, _kept(kept))

    def _reaction(self, record: Record, pseudonyms: Pseudonyms) -> Record:
        about, root = self._briefs(record, pseudonyms)
        target = next((each for each in list_of(record.get("chain")) if isinstance(each, Mapping)), None)
        on, user, name = text_of(record.get("on")) or "", text_of(record.get("user")), text_of(record.get("name")) or ""
        kept = {
            "room": text_of(record.get("room")),
            "room_name": text_of(record.get("room_name")),
            "on": on,
            "sender": self._person(user, record.get("emails"), pseudonyms),
            "at": record.get("at"),
            "untimed": record.get("timed") is False,
            "meaning": sign_of(name),
            "about": about,
            "root": root,
            "reply": bool(target and self.told(target).parent),
            "deleted": record.get("removed") is True,
            "ignored": text_of(record.get("ignored")),
        }
        # names of signs of one's own making say more than a sign does, and account ids do not land: the key holds neither
        by = self.reference(pseudonyms, "account", f"{user}\x1f{'' if self.one_sign_each else name}") or ""
        return Record(record.kind, f"{on}/{by}", _kept(kept))

    def _briefs(self, record: Record, pseudonyms: Pseudonyms) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        chain = [each for each in list_of(record.get("chain")) if isinstance(each, Mapping)]
        if not chain:
            return None, None
        about, root = self.told(chain[0]), self.told(chain[-1])
        return self._brief(about, pseudonyms).landed(), None if root.parent else self._brief(root, pseudonyms).landed()

    def _brief(self, told: Told, pseudonyms: Pseudonyms) -> Brief:
        asked = not (told.parent or told.ignored or told.deleted) and (
            told.marked == "question" or asks([spoken(text) for text in told.texts])
        )
        sender = self.reference(pseudonyms, "account", told.sender)
        return Brief(told.id, sender, is_question=asked, deleted=told.deleted, changed=bool(told.revision))

    def _person(self, account: str | None, emails: Any, pseudonyms: Pseudonyms) -> list[str] | None:
        """[reference of the account, and of the address where one is known]."""
        if not account:
            return None
        email = text_of(emails.get(account)) if isinstance(emails, Mapping) else None
        found = (self.reference(pseudonyms, "account", account), self.reference(pseudonyms, "email", email))
        return [each for each in found if each]

    # --- map ----------------------------------------------------------------------------------------------------------------

    @maps("message", deleted=True)
    @maps("reaction", deleted=True)
    def deletion(self, record: Record, people: People) -> Iterable[Outcome]:
        """What is gone takes back all that was made of it."""
        return gone(record.key)

    @maps("message")
    def message(self, record: Record, people: People) -> Iterable[Outcome]:
        """A message: a question, an answer, another reply, something shared, or a post."""
        if record.get("ignored"):
            return (Ignored(record["ignored"]),)
        if record.get("passes_on"):
            return (self._passed_on(record, people),)
        self._complete(record)
        made = said(
            Message(
                id=record.key,
                sender=Person(*record["sender"]),
                at=parse_time(record["at"]),
                room=self.room(record),
                features=record["features"],
                parent=record.get("parent"),
                about=Brief.of(record.get("about")),
                root=Brief.of(record.get("root")),
                carries=record.get("carries"),
                mentions=[Person(*each) for each in record.get("mentions", ())],
                marked=record.get("marked"),
                revision=record.get("revision", ""),
                extensions=record.get("extensions", {}),
            ),
            people,
        )
        form = record.get("form")
        return (
            replace(each, revision=f"{each.revision} {form}") if form and isinstance(each, Built) else each
            for each in made
        )

    def _passed_on(self, record: Record, people: People) -> Outcome:
        """Somebody else's message without a word added: the object is that message, as it is of a sign."""
        sender, room = Person(*record["sender"]), self.room(record)
        return statement(
            actor=people.actor(sender.account, email=sender.email),
            verb=verbs.SHARED,
            object=activity(room.message_iri(record["passes_on"]), room.opening_type),
            grouping=(activity(room.iri, room.type_iri, name=room.name), *room.grouping),
            timestamp=parse_time(record["at"]),
            extensions={"channel-kind": room.channel_kind, **record.get("extensions", {})},
            rule="time-of-message" if record.get("untimed") else None,
            confidence=0.5 if record.get("untimed") else None,
        )

    @maps("reaction")
    def reaction(self, record: Record, people: People) -> Iterable[Outcome]:
        """A sign on somebody's message; the asker's check mark on an answer accepts it."""
        if record.get("ignored"):
            return (Ignored(record["ignored"]),)
        return signed(self.sign(record), people)

    def sign(self, record: Record) -> Sign:
        """The sign that a landed reaction is."""
        self._complete(record)
        return Sign(
            id=record.key,
            sender=Person(*record["sender"]),
            at=parse_time(record["at"]),
            room=self.room(record),
            on=record.get("on"),
            meaning=record.get("meaning"),
            about=Brief.of(record.get("about")),
            root=Brief.of(record.get("root")),
            opens=not record.get("reply"),
            timed=not record.get("untimed"),
        )

    def _complete(self, record: Record) -> None:
        """Raises BadRecord that tells in words what a message or reaction lacks, for each platform has names of its own for it."""
        lacking = [
            words for name, words in _NEEDED.items() if name not in record and (name != "room" or self.needs_room)
        ]
        if lacking:
            raise BadRecord(f"the {record.kind} does not tell {' nor '.join(lacking)}")

    def channel_kind(self, *names: str | None) -> str | None:
        """The configured kind of the room that goes by any of these names."""
        return next((self._kinds[name] for name in names if name and name in self._kinds), None)


_NEEDED = {"sender": "whose it is", "at": "its time", "room": "its room"}
_SHORT_NAME = re.compile(r"(?<![\w:]):([a-z0-9_+'-]*[a-z+][a-z0-9_+'-]*)(?:::skin-tone-\d)?:(?![\w:])", re.IGNORECASE)


_HANDLE = re.compile(r"(?<![\w@/.])@(?:\u2068[^\u2069\n]{1,100}\u2069|\w[\w.-]*)[:,]?")


def spoken(text: str) -> str:
    """The text without emoji written as `:short_name:` and without whom it mentions, so that `@bram ok` is a nod wherever it is written.

    Folded hands stay hands, for they are thanks. Names behind an @ that hold a space are the platform's to take out: only it knows where they end.
    """
    if "@" in text:
        text = _HANDLE.sub(" ", text)
    return _SHORT_NAME.sub(lambda found: "🙏" if found[1] == "pray" else " ", text) if ":" in text else text


def without(text: str, spans: Iterable[tuple[Any, Any]]) -> str:
    """The text with blanks in the place of each (first character, length), as some platforms tell where in it the names of people stand."""
    for start, length in spans:
        if isinstance(start, int) and isinstance(length, int) and 0 <= start <= start + length <= len(text):
            text = text[:start] + " " * length + text[start + length :]
    return text


def _kept(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, "", [], {}, False)}


# --- reading what may be anything -----------------------------------------------------------------------------------------------


def text_of(value: Any) -> str | None:
    """The value where it is a text that says something."""
    return value if isinstance(value, str) and value else None


def list_of(value: Any) -> list[Any]:
    """The value where it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def mapping_of(value: Any) -> Mapping[str, Any]:
    """The value where it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def rows_of(value: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The mappings in the list that stands under `name`."""
    return [each for each in list_of(value.get(name)) if isinstance(each, Mapping)]


def int_of(value: Any) -> int | None:
    """The value where it is a whole number, also one that passed through a float or a text as long as it lost no digit."""
    if isinstance(value, str):
        return int(value) if _WHOLE.fullmatch(value) else None
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**53 else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


_WHOLE = re.compile(r"-?[0-9]{1,19}")


def id_of(value: Any) -> str | None:
    """An id as text, also where the platform sends a whole number; None for everything else."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else text_of(value)
