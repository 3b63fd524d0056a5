"""Matrix: the rooms of a homeserver that are on the allow-list.

API         Client-Server v1.15: GET /rooms/{room}/messages, newest first, until the window's start; /event for what a reply points at
Permission  a user who has joined those rooms; no admin rights
People      the Matrix id only, as a keyed reference; display names and addresses are never kept
Content     bodies become features in the pull stage; file names, reaction texts and reasons of redactions are dropped; locations, notices of programs
            and what a client writes by itself are no messages
Late facts  edits and redactions are events of their own; look back 3 days. An edit adds nothing; a redaction voids exactly its message
Questions   a message outside a conversation that asks (rule question-in-text); its thread or reply chain holds the answers of others
Answers     a reply by another person in a question's thread or chain that says more than thanks or yes (rule reply-to-question)
Threads     a message of a thread replies to the thread's first; the message that it names for clients without threads (is_falling_back) is none it answers
Accepted    the asker's check mark on an answer (voted-up, rule asker-check-mark) or the asker's thanks in reply to it (replied, rule asker-thanks)
Not seen    encrypted rooms, direct chats and rooms of two: never read, whatever the allow-list says; what a server's retention removed
Verified    against a real homeserver (Synapse 1.163), live and recorded
"""

import html
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from functools import lru_cache, partial
from itertools import islice
from typing import Any, ClassVar
from urllib.parse import quote

from connectors.chat import int_of
from connectors.conversation import (
    Brief,
    Message,
    Person,
    Room,
    Sign,
    channel_kinds,
    channel_kinds_setting,
    gone,
    said,
    sign_of,
    signed,
)
from connectors.http import Api, RequestRefused
from connectors.paging import Pages, dig
from connectors.source import Connection, Kind, Record, Setting, Source, Verified, Window, maps
from connectors.threads import Remembered, newest_first
from leerstroom.errors import BadRecord, ConfigurationError, UnexpectedShape
from leerstroom.features import asks, features
from leerstroom.people import People, Pseudonyms
from leerstroom.statements import Ignored, Outcome, from_ms, types

logger = logging.getLogger(__name__)

CLIENT = "/_matrix/client/v3"
DELETED = Ignored("deleted by its writer or a moderator")
_SHORT = 1000  # characters of a text that may be remembered
_LONGEST_NAME, _MOST_NAMES = 255, 100  # that are taken out of one text; an id has at most 255 characters
_PILL = re.compile(r"<a\s[^<>]*matrix\.to/#/(?:@|%40)[^<>]*>([^<]+)</a>", re.IGNORECASE)  # somebody who is mentioned
_FILES = frozenset({"m.file", "m.image", "m.video", "m.audio"})
_NO_WORDS: Mapping[str, str] = {  # by msgtype: their bodies are what a client writes for those that cannot show them
    "m.notice": "notice of a program",
    "m.server_notice": "notice of a program",
    "m.key.verification.request": "request of a client to verify a device",
    "m.location": "location",
}

Event = Mapping[str, Any]


class Matrix(Source):
    """A homeserver as one of its users sees it."""

    name: ClassVar[str] = "matrix"
    title: ClassVar[str] = "Matrix (Element)"
    kind: ClassVar[Kind] = Kind.CHAT
    verified: ClassVar[Verified] = Verified.SERVER
    look_back: ClassVar[timedelta] = timedelta(days=3)
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("host", "Homeserver", kind="url", help="where its client API answers, such as https://matrix.example.org"),
        Setting("token", "Access token", secret=True, help="of a user who joined the allowed rooms and nothing else"),
        Setting("rooms", "Allowed rooms", many=True, help="room ids (!…) or aliases (#…:example.org); nothing else is read"),
        channel_kinds_setting(),
        Setting(
            "server_name", "Name of the homeserver", required=False,
            help="such as example.org; keeps ids the same when the address changes",
        ),
    )  # fmt: skip
    looks_ahead: ClassVar[bool] = True
    record_kinds: ClassVar[tuple[str, ...]] = ("event",)
    content: ClassVar[Mapping[str, tuple[str, ...]]] = {"event": ("content.body", "content.formatted_body")}
    people: ClassVar[Mapping[str, Mapping[str, str]]] = {"event": {"sender": "account"}}
    timeline: ClassVar[Pages] = Pages(
        CLIENT + "/rooms/{room}/messages", items="chunk", cursor="end", ask="from", query={"dir": "b", "limit": 250}
    )

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._kinds = channel_kinds(connection)
        self._remembered = Remembered(key=_event_id, refers_to=_refers_to)

    @property
    def tenant(self) -> str:
        """The homeserver by its name where that is configured, else by its address."""
        name = self.connection.get("server_name")
        return f"https://{name}" if name else super().tenant

    # --- pull ---------------------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """Events of the allowed rooms inside the window, each with the events that it refers to."""
        for allowed, room in self._rooms(api):
            if reason := _private(api, room):
                logger.warning("connection %s: room %s is %s and is not read", self.connection.name, allowed, reason)
                continue
            events = self._events(api, room, window)
            for event, chain in newest_first(
                events, key=_event_id, refers_to=_refers_to, fetch=partial(_event, api, room)
            ):
                yield _record(event, chain, allowed)

    def _rooms(self, api: Api) -> Iterator[tuple[str, str]]:
        """(as configured, room id) of each allowed room."""
        for allowed in self.connection["rooms"]:
            yield allowed, _room_id(api, allowed)

    def _events(self, api: Api, room: str, window: Window) -> Iterator[tuple[Event, bool]]:
        """(event, whether it lies in the window), newest first.

        Bridges and application services may write into the past, so one old event is no end: a whole page of them is.
        """
        start, end = window.start.timestamp() * 1000, window.end.timestamp() * 1000
        for page in self.timeline.of(api, room=_quoted(room)):
            if not all(isinstance(event, Mapping) for event in page):
                raise UnexpectedShape(f"connection '{self.connection.name}': a page of messages holds what is no event")
            moments = [_milliseconds(event) for event in page]
            for event, moment in zip(page, moments, strict=True):
                yield event, moment is None or start <= moment < end  # no time: mapping will refuse it, and say so
            if page and all(moment is not None and moment < start for moment in moments):
                return

    def check(self, api: Api) -> str:
        """Whose token it is, and how many of the allowed rooms can be read. Raises ConfigurationError for a room that must not be."""
        user = api.get(f"{CLIENT}/account/whoami").body
        if not isinstance(user, dict) or "user_id" not in user:
            raise UnexpectedShape(f"connection '{self.connection.name}': the homeserver does not say whose token it is")
        rooms = list(self._rooms(api))
        for allowed, room in rooms:
            if reason := _private(api, room):
                raise ConfigurationError(
                    f"connection '{self.connection.name}': room {allowed} is {reason}; take it off the list of rooms"
                )
            next(self.timeline.of(api, room=_quoted(room)))
        return f"the token is accepted, {len(rooms)} of {len(rooms)} allowed rooms can be read"

    def read(self, payload: Any) -> Iterator[Record]:
        """One event, a page of `/messages` or `/relations`, a `/sync` answer, a list of events, or a recorded exchange of these."""
        found = _events_of(payload)
        events = [event for event in found or () if isinstance(event, Mapping)]
        if found is None or len(events) != len(found):
            raise BadRecord("neither an event nor a list of events of a homeserver")
        for event, chain in self._remembered.chains(events):
            yield _record(event, chain, str(event.get("room_id", "")))

    # --- at the edge ---------------------------------------------------------------------------------------------------------------

    def minimise(self, record: Record, pseudonyms: Pseudonyms) -> Record:
        """What lands: times, ids of things, keyed references of people, features; of the events referred to only who and whether it asked."""

        def person(value: Any) -> str | None:
            return self.reference(pseudonyms, "account", value) if isinstance(value, str) else None

        def brief(event: Event) -> dict[str, Any]:
            sender = person(event.get("sender"))
            return Brief(_event_id(event), sender, _asks(event), _is_deleted(event)).landed()

        content, told = _content(record), record.get("chain")
        chain = [event for event in told if isinstance(event, dict)] if isinstance(told, list) else []
        about = brief(chain[0]) if chain else None
        kept = {
            "type": _text(record.get("type")),
            "event_id": record.key,
            "room": _text(record.get("room")),
            "room_id": _text(record.get("room_id")),
            "at": _milliseconds(record),
            "sender": person(record.get("sender")),
            "is_state": "state_key" in record,
            "deleted": _is_deleted(record),
            "msgtype": _text(content.get("msgtype")),
            "relation": _relation(content),
            "to": _text(_replied_to(content)),
            "refers_to": _refers_to(record),
            "redacts": _text(record.get("redacts") or content.get("redacts")),
            "sign": sign_of(dig(_relation_of(content), "key")),
            "mentions": sorted(filter(None, {person(each) for each in _listed(content.get("m.mentions"), "user_ids")})),
            "features": features(_own_text(record)),
            "about": about,
            "root": brief(chain[-1]) if len(chain) > 1 else about,
        }
        return Record(
            record.kind, record.key, {name: value for name, value in kept.items() if value not in (None, [], "")}
        )

    # --- map -------------------------------------------------------------------------------------------------------------------------

    @maps("event", deleted=True)
    def deleted(self, event: Record, people: People) -> Outcome:
        """What a redaction left: the redaction itself is the record that voids."""
        return DELETED

    @maps("event", type="m.room.message")
    def message(self, event: Record, people: People) -> Iterable[Outcome]:
        """A message: a question, an answer, another reply, something shared, or a post."""
        if event.get("relation") == "m.replace":
            return (Ignored("edit of a message that is already counted"),)
        if reason := _NO_WORDS.get(event.get("msgtype", "")):
            return (Ignored(reason),)
        return said(
            Message(
                id=event["event_id"],
                sender=Person(event["sender"]),
                at=from_ms(event["at"]),
                room=self._room(event),
                features=event["features"],
                parent=event.get("refers_to") and (event.get("to") or event["refers_to"]),
                about=Brief.of(event.get("about")),
                root=Brief.of(event.get("root")),
                carries=types.FILE if event.get("msgtype") in _FILES else None,
                mentions=map(Person, event.get("mentions", ())),
            ),
            people,
        )

    @maps("event", type="m.reaction")
    def reaction(self, event: Record, people: People) -> Iterable[Outcome]:
        """A sign on somebody's message; the asker's check mark on an answer accepts it."""
        return signed(
            Sign(
                id=event.key,
                sender=Person(event["sender"]),
                at=from_ms(event["at"]),
                room=self._room(event),
                on=event.get("refers_to"),
                meaning=event.get("sign"),
                about=Brief.of(event.get("about")),
                root=Brief.of(event.get("root")),
            ),
            people,
        )

    @maps("event", type="m.room.redaction")
    def redaction(self, event: Record, people: People) -> Iterable[Outcome]:
        """Voids what was made of the event that it takes away, and nothing else."""
        if not event.get("redacts"):
            raise BadRecord("a redaction names no event")
        return gone(event["redacts"], edits=False)

    @maps("event", type="m.room.encrypted")
    def encrypted(self, event: Record, people: People) -> Outcome:
        """Encrypted events are counted, never guessed."""
        return Ignored("encrypted, cannot be read")

    @maps("event", type="m.sticker")
    def sticker(self, event: Record, people: People) -> Outcome:
        """A picture out of a set."""
        return Ignored("sticker")

    @maps("event", type="m.room.member")
    def membership(self, event: Record, people: People) -> Outcome:
        """Joining, leaving, and every change of a display name."""
        return Ignored("membership or profile")

    @maps("event", is_state=True)
    def setting_of_room(self, event: Record, people: People) -> Outcome:
        """Name, topic, power levels and the like."""
        return Ignored("setting of the room")

    @maps("event")
    def other(self, event: Record, people: People) -> Outcome:
        """Polls, calls, locations, bridges' own events."""
        if not event.get("type"):
            raise BadRecord("an event without a type")
        return Ignored("event of another type than messages and reactions")

    def _room(self, event: Record) -> Room:
        """The room, with its alias as name where the allow-list gives one."""
        alias = _text(event.get("room")) or ""
        return Room(
            iri=f"{self.tenant}{CLIENT}/rooms/{_quoted(event['room_id'])}",
            message_iri=partial(self.message_iri, event["room_id"]),
            name=alias[1:].partition(":")[0] if alias.startswith("#") else None,
            channel_kind=_text(self._kinds.get(alias) or self._kinds.get(event["room_id"])),
        )

    def message_iri(self, room_id: str, event_id: str) -> str:
        """IRI of a message: its address in the client API, below the homeserver's name."""
        return f"{self.tenant}{CLIENT}/rooms/{_quoted(room_id)}/event/{_quoted(event_id)}"


# --- the homeserver's API ----------------------------------------------------------------------------------------------------------------


def _quoted(value: str) -> str:
    return quote(value, safe="")


def _room_id(api: Api, allowed: str) -> str:
    if not allowed.startswith("#"):
        return allowed
    answer = api.get(f"{CLIENT}/directory/room/{_quoted(allowed)}", missing_ok=True)
    room = answer.body.get("room_id") if isinstance(answer.body, dict) else None
    if not isinstance(room, str):
        raise ConfigurationError(
            f"connection '{api.connection}': the homeserver knows no room {allowed}; correct the list of rooms"
        )
    return room


def _private(api: Api, room: str) -> str:
    """Why a room must not be read (encrypted, or a conversation of two), or an empty text."""
    if api.get(f"{CLIENT}/rooms/{_quoted(room)}/state/m.room.encryption", missing_ok=True).body is not None:
        return "encrypted"
    joined = dig(api.get(f"{CLIENT}/rooms/{_quoted(room)}/joined_members").body, "joined")
    return "a direct chat" if isinstance(joined, dict) and len(joined) <= 2 else ""


def _event(api: Api, room: str, event_id: str) -> Event | None:
    """An event outside the window; None where the server does not show it (404) or the id is none (400)."""
    try:
        body = api.get(f"{CLIENT}/rooms/{_quoted(room)}/event/{_quoted(event_id)}", missing_ok=True).body
    except RequestRefused:
        return None
    return body if isinstance(body, dict) else None


def _events_of(payload: Any) -> list[Any] | None:
    """The events of a payload; a last page holds none. None for a payload of another shape."""
    if isinstance(payload, list):
        return payload or None
    if not isinstance(payload, dict):
        return None
    if "response" in payload and "request" in payload:
        return _events_of(dig(payload, "response.body"))
    if isinstance(payload.get("chunk"), list):
        return list(payload["chunk"])
    if isinstance(payload.get("events"), list):  # a transaction for an application service
        return list(payload["events"])
    if isinstance(payload.get("next_batch"), str):  # events of /sync do not name their room
        joined = dig(payload, "rooms.join")
        return [
            {"room_id": room, **event}
            for room, told in (joined.items() if isinstance(joined, dict) else ())
            for event in _listed(dig(told, "timeline"), "events")
            if isinstance(event, dict)
        ]
    return [payload] if isinstance(payload.get("event_id"), str) and "type" in payload else None


# --- what events say ---------------------------------------------------------------------------------------------------------------------


def _event_id(event: Event) -> str:
    return str(event.get("event_id", ""))


def _record(event: Event, chain: list[Event], room: str) -> Record:
    return Record("event", _event_id(event), {**event, "chain": chain, "room": room})


def _refers_to(event: Event) -> str | None:
    """Id of the event that this one is about: a thread's root, the message replied to, the target of a reaction; None for edits."""
    content = _content(event)
    sort = _relation(content)
    if sort in {"m.thread", "m.annotation"}:
        return _text(_relation_of(content).get("event_id"))
    return None if sort == "m.replace" else _text(_replied_to(content))


def _content(event: Event) -> Mapping[str, Any]:
    content = event.get("content")
    return content if isinstance(content, dict) else {}


def _relation_of(content: Mapping[str, Any]) -> Mapping[str, Any]:
    relation = content.get("m.relates_to")
    return relation if isinstance(relation, dict) else {}


def _relation(content: Mapping[str, Any]) -> str | None:
    return _text(_relation_of(content).get("rel_type"))


def _replied_to(content: Mapping[str, Any]) -> Any:
    """The message that a reply names; None where `is_falling_back` says that it is only the last of its thread, for clients without threads."""
    relation = _relation_of(content)
    reply = None if relation.get("is_falling_back") is True else relation.get("m.in_reply_to")
    return reply.get("event_id") if isinstance(reply, dict) else None


def _is_deleted(event: Event) -> bool:
    if "redacted_because" in event or dig(event, "unsigned.redacted_because") is not None:
        return True
    return event.get("content") == {} and _text(event.get("type")) in {"m.room.message", "m.reaction", "m.sticker"}


def _own_text(event: Event) -> list[str]:
    """A message's own text; the HTML form is read only where there is no plain one, and the name of a file is no text."""
    content = _content(event)
    body = content.get("body")
    if content.get("msgtype") in _FILES and content.get("filename", body) == body:
        return []
    text = body or content.get("formatted_body")
    if not isinstance(text, str):
        return []
    named = _names(content) if "m.mentions" in content or "formatted_body" in content else iter(())
    for name in islice((each for each in named if len(each) <= _LONGEST_NAME), _MOST_NAMES):
        text = re.sub(rf"@?{re.escape(name)}[:,]?", " ", text, count=1)
    return [text]


def _names(content: Mapping[str, Any]) -> Iterator[str]:
    """How people are called in a body: by their ids, or by the names that its HTML form links to them."""
    yield from (each for each in _listed(content.get("m.mentions"), "user_ids") if isinstance(each, str) and each)
    if isinstance(formatted := content.get("formatted_body"), str):
        yield from filter(None, (html.unescape(each).strip().lstrip("@") for each in _PILL.findall(formatted)))


def _asks(event: Event) -> bool:
    """Whether the event is a question that replies may answer: outside any conversation, by a person."""
    return not _refers_to(event) and str(_content(event).get("msgtype")) not in _NO_WORDS and _is_question(*_own_text(event))  # fmt: skip


def _is_question(*texts: str) -> bool:
    """`asks`, remembered while the text is short: whatever refers to a question asks for it again."""
    return _asked(*texts) if all(len(text) <= _SHORT for text in texts) else asks(texts)


@lru_cache(1000)
def _asked(*texts: str) -> bool:
    return asks(texts)


def _milliseconds(event: Any) -> int | None:
    return int_of(event.get("origin_server_ts")) if isinstance(event, dict) else None


def _listed(value: Any, name: str) -> list[Any]:
    held = value.get(name) if isinstance(value, dict) else None
    return held if isinstance(held, list) else []


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
