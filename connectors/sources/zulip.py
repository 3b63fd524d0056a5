"""Zulip: the public channels (streams) of an organisation that are on the allow-list.

API         GET /messages, newest first around an anchor until `found_oldest` or the time before which nothing matters; /streams, /users once
Permission  the API key of a bot or user that is subscribed to the allowed channels
Cost        a request per 1000 messages, one per topic that is active in the window; 200 a minute
People      `delivery_email` of /users, where it is shown, only serves to find the employee; a sender_email may be a stand-in and is never read;
            names are never kept; bots are no people
Content     HTML becomes features in the pull stage; names of topics and files, which people write, are dropped
Late facts  edits are seen within the look-back of 3 days (each edit replaces the statement)
Threads     a topic is a thread: its first message opens it, and so does a question after three days of silence in it, for the next 30 days. So a
            standing topic holds many conversations, and an answer after weeks still belongs to its question
Questions   as in every chat; an answer is a reply in the question's topic (rule reply-to-question); see conversation.py
Times       a reaction has no time of its own: it carries the message's (rule time-of-message)
Kept        all, unless the organisation deletes old messages; 10,000 messages on the free plan of Zulip Cloud (told as a warning)
Not seen    direct messages and private channels: never read; moves to another topic or channel; deletions (only events tell, and `normalise` takes those); reactions taken back
Verified    with the vendor's example answers and its OpenAPI description for every request
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote

import orjson

from connectors.chat import PRIVATE, PROGRAM, SYSTEM, ChatSource, Told, int_of, mapping_of, rows_of, sign, text_of
from connectors.conversation import Room, channel_kinds_setting
from connectors.http import Api
from connectors.paging import by_cursor, dig, listed
from connectors.source import Connection, Record, Setting, Verified, Window
from connectors.threads import Memory
from leerstroom.errors import BadRecord, ConfigurationError, UnexpectedShape
from leerstroom.features import asks
from leerstroom.statements import types

logger = logging.getLogger(__name__)

_PAGE = 1000  # Zulip advises no more
_SILENCE = timedelta(
    days=3
)  # after it a question opens a conversation of its own; as long as a question may wait for its answer
_SITTING = timedelta(days=30)  # as long as such a question is what others in the topic speak of

Raw = Mapping[str, Any]


class Zulip(ChatSource):
    """An organisation as a subscriber of the allowed channels sees it."""

    name: ClassVar[str] = "zulip"
    title: ClassVar[str] = "Zulip"
    verified: ClassVar[Verified] = Verified.PAYLOADS
    look_back: ClassVar[timedelta] = timedelta(days=3)
    looks_ahead: ClassVar[bool] = False  # its lists tell the oldest first, and so topics are told
    requests_per_minute: ClassVar[float | None] = 200.0  # the server's own default for one user
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("host", "Organisation", kind="url", help="such as https://example.zulipchat.com"),
        Setting("email", "Address of the bot", help="that stands beside its API key"),
        Setting("api_key", "API key", secret=True),
        Setting("rooms", "Allowed channels", many=True, help="names or ids of public channels; nothing else is read"),
        channel_kinds_setting("channel id or name"),
    )  # fmt: skip
    content: ClassVar[Mapping[str, tuple[str, ...]]] = {"message": ("content", "subject")}
    people: ClassVar[Mapping[str, Mapping[str, str]]] = {"message": {"sender_email": "email"}}

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._topics = Topics()
        self._seen = Memory()

    def auth(self) -> Any:
        """Basic authentication: address and API key."""
        return (str(self.connection["email"]), str(self.connection["api_key"]))

    # --- pull -----------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """Messages of the allowed channels inside the window, with their reactions."""
        streams, users = list(self._streams(api)), _Users(api)
        for stream in streams:
            if stream.get("invite_only") is not False:
                logger.warning("connection %s: channel %s is private and is not read", self.connection.name, stream.get("stream_id"))  # fmt: skip
                continue
            topics, firsts = Topics(), set[str]()
            for message in self._messages(api, stream["stream_id"], window):
                inside = window.holds(_moment(message))
                if inside and (topic := str(_topic(message))) not in firsts:
                    firsts.add(topic)
                    topics.begin(message, self._first(api, message))
                chain = topics.chain(message)
                if inside:
                    yield from self._records({**message, "chain": chain, "room_name": stream.get("name")}, users)

    def _streams(self, api: Api) -> Iterator[Raw]:
        """The allowed channels. Raises ConfigurationError for one that Zulip does not show."""
        shown = listed(api, "/api/v1/streams", "streams")
        for allowed in self.connection["rooms"]:
            found = [each for each in shown if allowed in {each.get("name"), str(each.get("stream_id"))}]
            if not found:
                raise ConfigurationError(f"connection '{api.connection}': Zulip shows no channel {allowed}; correct the list, or subscribe the bot")  # fmt: skip
            yield found[0]

    def _messages(self, api: Api, stream: int, window: Window) -> list[Raw]:
        """Messages up to the window's end, oldest first, with those before its start that may have opened a conversation.

        What lies before the window is held without its sender's name and the like.
        """
        since, found = window.start - _SITTING - _SILENCE, list[Raw]()
        narrow = [{"operator": "stream", "operand": stream}]

        def page(before: str | None) -> tuple[list[Raw], str | None]:
            body = self._page(api, narrow, anchor=before or "newest", num_before=_PAGE, num_after=0)
            # servers before 6.0 do not know include_anchor and tell the anchor again
            messages = [each for each in rows_of(body, "messages") if before is None or _id(each) != before]
            ended = body.get("found_oldest") is True or not messages or _moment(messages[0]) < since
            return messages, None if ended else str(messages[0].get("id"))

        for messages in by_cursor(page, where=f"connection '{api.connection}' at messages"):
            found += [_briefly(each, window) for each in reversed(messages) if since <= _moment(each) < window.end]
        return found[::-1]

    def _first(self, api: Api, message: Raw) -> Raw | None:
        """The first message of the topic."""
        narrow = [{"operator": "stream", "operand": message["stream_id"]}, {"operator": "topic", "operand": message.get("subject")}]  # fmt: skip
        found = rows_of(self._page(api, narrow, anchor="oldest", num_before=0, num_after=1), "messages")
        return found[0] if found else None

    def _page(self, api: Api, narrow: list[dict[str, Any]], **query: Any) -> Raw:
        asked = {**query, "narrow": orjson.dumps(narrow).decode(), "include_anchor": "false", "client_gravatar": "true"}
        body = api.get("/api/v1/messages", asked).body
        if not isinstance(dig(body, "messages"), list):
            raise UnexpectedShape(f"connection '{api.connection}' at messages: the answer holds no list 'messages'")
        if body.get("history_limited"):
            logger.warning("connection %s: Zulip hides older messages of this organisation's plan", api.connection)
        return mapping_of(body)

    def _records(self, message: dict[str, Any], users: "_Users") -> Iterator[Record]:
        rows = rows_of(message, "reactions")
        yield Record("message", _id(message), {**message, "emails": users.emails, "program": users.is_program(_sender(message))})  # fmt: skip
        for row in rows:
            more = {"ignored": PROGRAM} if users.is_program(_user(row)) else {}
            yield _sign(message, row, emails=users.emails, **more)

    def check(self, api: Api) -> str:
        """Whose key it is, and that the allowed channels can be read. Raises ConfigurationError for one that must not be."""
        if dig(api.get("/api/v1/users/me").body, "user_id") is None:
            raise UnexpectedShape(
                f"connection '{api.connection}': no answer of Zulip; check the host of the connection"
            )
        streams = list(self._streams(api))
        for stream in streams:
            if stream.get("invite_only") is not False:
                raise ConfigurationError(f"connection '{api.connection}': channel {stream.get('stream_id')} is private; take it off the list of channels")  # fmt: skip
            self._page(
                api,
                [{"operator": "stream", "operand": stream["stream_id"]}],
                anchor="newest",
                num_before=1,
                num_after=0,
            )
        return f"the key is accepted, {len(streams)} of {len(streams)} allowed channels can be read"

    # --- read ------------------------------------------------------------------------------------------------------------

    def read(self, payload: Any) -> Iterator[Record]:
        """A message, an answer of /messages, an event of the queue or several, an outgoing webhook, or a recorded exchange of these."""
        for item in _items(payload):
            match item:
                case {"type": "delete_message"}:
                    private = {"type": "private"} if item.get("message_type") in {"private", "direct"} else {}
                    for each in [item.get("message_id"), *(item.get("message_ids") or ())]:
                        if each is not None:
                            yield Record("message", str(each), {"id": each, "deleted": True, **private})
                case {"type": "reaction"}:
                    on = self._seen.get(str(item.get("message_id"))) or {"id": item.get("message_id")}
                    yield _sign(on, item, removed=item.get("op") == "remove")
                case {"type": "update_message"} if item.get("rendering_only") is not True:
                    yield self._edited(item)
                case {"content": _, "id": _} if item.get("type") not in _EVENTS:
                    message = {"chain": self._topics.chain(item), **item}
                    self._remember(message)
                    yield Record("message", _id(item), message)
                    for row in rows_of(item, "reactions"):
                        yield _sign(message, row)
                case _:
                    yield Record(
                        "answer", "", {}
                    )  # people, channels, events of other kinds, a preview that nobody wrote

    def _edited(self, event: Raw) -> Record:
        """An edit says neither who wrote the message nor when: it needs the message itself."""
        before = self._seen.get(str(event.get("message_id")))
        if "rendered_content" not in event:
            return Record("message", str(event.get("message_id")), {"id": event.get("message_id"), "moved": True})
        if before is None:
            return Record("message", str(event.get("message_id")), {"id": event.get("message_id"), "elsewhere": True})
        message = {**before, "content": event["rendered_content"], "last_edit_timestamp": event.get("edit_timestamp")}
        self._remember(message)
        return Record("message", _id(message), message)

    def _remember(self, message: Raw) -> None:
        self._seen.keep(_id(message), message)

    # --- what a message says ------------------------------------------------------------------------------------------------

    def told(self, message: Raw) -> Told:
        """A message of Zulip."""
        content, edited = message.get("content"), int_of(message.get("last_edit_timestamp"))
        opening = next((each for each in _chain(message)), None)
        return Told(
            id=_id(message),
            room=_stream(message),
            at=(int_of(message.get("timestamp")) or 0) * 1000 or None,
            sender=_sender(message),
            texts=[_NAMED.sub(" ", content)] if isinstance(content, str) else [],
            parent=_id(opening) if opening else None,
            carries=types.FILE if isinstance(content, str) and _UPLOAD.search(content) else None,
            mentions=sorted(set(_MENTION.findall(content))) if isinstance(content, str) else (),
            revision=str(edited) if edited else "",
            deleted=message.get("deleted") is True and message.get("type") != "private",
            ignored=_reason(message),
        )

    def room(self, record: Record) -> Room:
        """The channel; the topic, which people name, is not told."""
        stream, name = str(record["room"]), record.get("room_name")
        return Room(
            f"{self.tenant}/api/v1/streams/{quote(stream, safe='')}",
            self.message_iri,
            name,
            self.channel_kind(stream, name),
        )

    def message_iri(self, message_id: str) -> str:
        """IRI of a message: its address in the API."""
        return f"{self.tenant}/api/v1/messages/{message_id}"


class Topics:
    """Which message opened the conversation that a message of a topic belongs to. Messages come in the order of their ids.

    The first message of a topic opens one. A question after `_SILENCE` in the topic opens the next, and what follows within `_SITTING` belongs
    to it; what comes later belongs to the first again.
    """

    def __init__(self) -> None:
        self._known = (
            Memory()
        )  # topic -> its first message, the last question that opened a conversation, the last time

    def begin(self, message: Raw, first: Raw | None) -> None:
        """What is known to be the first message of the topic of `message`."""
        if first is not None and _id(first) != _id(message):
            topic = str(_topic(message))
            known = self._known.get(topic) or {"opened": None, "last": _moment(first)}
            self._known.keep(topic, {**known, "first": first})

    def chain(self, message: Raw) -> list[Raw]:
        """[the message that opened the conversation], empty for one that opens it itself."""
        topic, moment = _topic(message), _moment(message)
        if topic is None:
            return []
        known = self._known.get(topic) or {"first": message, "opened": None, "last": datetime.min.replace(tzinfo=UTC)}
        first, opened = known["first"], known["opened"]
        if moment - known["last"] >= _SILENCE and not _reason(message) and _asks(message):
            opened = message
        self._known.keep(topic, {"first": first, "opened": opened, "last": moment})
        root = opened if opened is not None and moment - _moment(opened) <= _SITTING else first
        return [] if _id(root) == _id(message) else [root]


class _Users:
    """Whom the organisation knows by which address, and who is a program; the list is asked for once."""

    def __init__(self, api: Api) -> None:
        members = listed(api, "/api/v1/users", "members", {"client_gravatar": "true"})
        self._programs = {str(each.get("user_id")) for each in members if each.get("is_bot") is True}
        self._emails = {str(each.get("user_id")): email for each in members if (email := _address(each))}

    def is_program(self, user: str | None) -> bool:
        return user in self._programs

    @property
    def emails(self) -> dict[str, str]:
        """Account id -> address."""
        return self._emails


def _address(user: Raw) -> str | None:
    """The real address where it is shown. `email` may be a stand-in, and is one where `delivery_email` is null."""
    if "delivery_email" in user:
        return text_of(user["delivery_email"])
    email = text_of(user.get("email"))
    return None if email is None or email.startswith(f"user{user.get('user_id')}@") else email


# --- payloads -------------------------------------------------------------------------------------------------------------------

_LISTS = (
    "members",
    "streams",
    "subscriptions",
    "topics",
    "user_id",
    "queue_id",
    "emoji",
    "user",
)  # answers that hold no message


_EVENTS = ("submessage", "update_message")  # with a text, and ids of their own that are no message's


def _items(payload: Any) -> Iterable[Raw]:
    """Messages and events of a payload, messages in the order of their ids. Raises BadRecord for a payload of another shape."""
    match payload:
        case [_, *_]:
            return [item for each in payload for item in _items(each)]
        case {"request": _, "response": {"body": body}}:
            return _items(body)
        case {"result": "error"}:
            raise BadRecord("an error of Zulip, not an answer")
        case {"messages": [*messages]}:
            return sorted((each if isinstance(each, Mapping) else {} for each in messages), key=lambda each: int_of(each.get("id")) or 0)  # fmt: skip
        case {"events": [*events]}:
            return [item for each in events for item in _items(each)]
        case {
            "message": {"id": _, "content": _} as message
        }:  # the event of a message, an outgoing webhook, an answer of /messages/{id}
            return [message]
        case (
            {"id": _, "content": str(), "sender_id": _}
            | {"type": str(), "id": _}
            | {"type": "reaction" | "delete_message" | "update_message"}
        ):
            return [payload]
        case {"result": "success"} if any(name in payload for name in _LISTS):
            return [{}]
    raise BadRecord("neither a message nor an answer or event of Zulip")


def _sign(message: Raw, row: Raw, **more: Any) -> Record:
    """A reaction; Zulip keeps no time of it."""
    name, user, on = row.get("emoji_name"), _user(row), _id(message)
    at = (int_of(message.get("timestamp")) or 0) * 1000 or None
    fields = {"at": at, "timed": False, "room_name": message.get("room_name"), **more}
    if message.get("type") in ("private", "direct"):
        fields["ignored"] = PRIVATE
    made = sign(message, id=on, room=_stream(message), name=name, user=user, **fields)
    return Record("reaction", f"{on}/{name}/{user}", made)


def _reason(message: Raw) -> str:
    """Why a message is no statement; empty where it is one."""
    if message.get("type") in ("private", "direct"):
        return PRIVATE
    if message.get("elsewhere"):
        return "edit of a message that is not at hand"
    if message.get("moved"):
        return "move to another topic or channel, which changes no text"
    if message.get("client") == "Internal" or message.get("sender_realm_str") == "zulipinternal":
        return SYSTEM
    return PROGRAM if message.get("program") or _PROGRAM.match(text_of(message.get("sender_email")) or "") else ""


_MENTION = re.compile(r'class="user-mention[^"]*" data-user-id="(\d+)"')
_NAMED = re.compile(r'<span class="user-(?:group-)?mention[^>]*>[^<]*</span>')
_PROGRAM = re.compile(r"[^@]*-bot@")  # the user name of every bot ends so, those of Zulip itself included
_UPLOAD = re.compile(r'(?:href|src)="/?user_uploads/')
_RESOLVED = "✔ "


def _stream(message: Raw) -> str:
    """The channel's id; its name where an old server tells no id."""
    return str(message.get("stream_id") or text_of(message.get("display_recipient")) or "")


def _topic(message: Raw) -> str | None:
    """The topic whatever its case, resolved or not; None for what stands in no channel."""
    stream, subject = message.get("stream_id"), message.get("subject")
    return (
        f"{stream}/{subject.removeprefix(_RESOLVED).lower()}"
        if stream is not None and isinstance(subject, str)
        else None
    )


def _asks(message: Raw) -> bool:
    content = message.get("content")
    return isinstance(content, str) and asks([_NAMED.sub(" ", content)])


def _chain(message: Raw) -> list[Raw]:
    return rows_of(message, "chain")


def _briefly(message: Raw, window: Window) -> Raw:
    if window.holds(_moment(message)):
        return message
    return {name: message.get(name) for name in ("id", "stream_id", "subject", "sender_id", "sender_email", "timestamp", "content", "client", "type", "last_edit_timestamp")}  # fmt: skip


def _id(message: Raw) -> str:
    return str(message["id"]) if isinstance(message.get("id"), int | str) else ""


def _sender(message: Raw) -> str | None:
    sender = message.get("sender_id")
    return str(sender) if isinstance(sender, int | str) and not isinstance(sender, bool) and sender != "" else None


def _user(row: Raw) -> str | None:
    """Who gave a reaction; older servers tell the person instead of the id."""
    user = row.get("user_id", mapping_of(row.get("user")).get("user_id") or mapping_of(row.get("user")).get("id"))
    return str(user) if isinstance(user, int | str) and user != "" else None


def _moment(message: Raw) -> datetime:
    return datetime.fromtimestamp(max(0, min(int_of(message.get("timestamp")) or 0, 4_000_000_000)), UTC)
