"""Rocket.Chat: the public channels of a server that are on the allow-list.

API         REST v1: channels.history for what was written in the window (with the replies of threads), chat.syncMessages for what was edited, reacted
            to or deleted since its start, chat.getMessage for the opening message of an older thread, users.list once
Permission  a personal access token of a user that joined the channels; view-full-other-user-info, to find employees by address
Cost        a request per 100 messages or users, two per channel; the server's default is 10 a minute for each method
People      the user name, as a keyed reference; the verified address of users.list only serves to find the employee; bots and integrations are
            no people
Content     text becomes features in the pull stage; names of files and of emoji are dropped
Late facts  edits and deletions of any age are seen by chat.syncMessages
Threads     a thread's opening message, or the message that a reply quotes
Questions   as in every chat: answers in the question's thread, the asker's check mark; see conversation.py
Times       a reaction has no time of its own: it carries the message's (rule time-of-message)
Not seen    direct messages, private and encrypted rooms: never read; livechat; reactions taken back
Verified    with recorded payloads of others and the vendor's documentation
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import chain as one_after_the_other
from typing import Any, ClassVar

from connectors.chat import (
    PRIVATE,
    PROGRAM,
    SYSTEM,
    ChatSource,
    Told,
    int_of,
    list_of,
    mapping_of,
    rows_of,
    sign,
    text_of,
)
from connectors.conversation import Room, channel_kinds_setting
from connectors.http import Api, RequestRefused
from connectors.paging import by_offset, dig, listed
from connectors.source import Connection, Headers, Record, Setting, Verified, Window
from connectors.threads import Remembered, newest_first
from leerstroom.errors import BadRecord, ConfigurationError, UnexpectedShape
from leerstroom.statements import parse_time, types

logger = logging.getLogger(__name__)

_PAGE, _ID = 100, 17  # most rows a page, letters of an id
_KINDS = {
    "p": "private",
    "d": "a direct chat (private)",
    "l": "a livechat (private)",
    "v": "a contact of livechat (private)",
}

Raw = Mapping[str, Any]


class RocketChat(ChatSource):
    """A server as a member of the allowed channels sees it."""

    name: ClassVar[str] = "rocketchat"
    title: ClassVar[str] = "Rocket.Chat"
    verified: ClassVar[Verified] = Verified.PAYLOADS
    look_back: ClassVar[timedelta] = timedelta(days=3)
    requests_per_minute: ClassVar[float | None] = 10.0
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("host", "Server", kind="url", help="such as https://chat.example.org"),
        Setting("user_id", "User id", help="that stands beside its personal access token"),
        Setting("token", "Personal access token", secret=True),
        Setting("rooms", "Allowed channels", many=True, help="ids of public channels; nothing else is read"),
        channel_kinds_setting("channel id or name"),
    )
    content: ClassVar[Mapping[str, tuple[str, ...]]] = {"message": ("msg",)}
    people: ClassVar[Mapping[str, Mapping[str, str]]] = {"message": {"u._id": "account"}}

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._remembered = Remembered(key=_id, refers_to=_refers_to)

    def auth(self) -> Any:
        """Two headers: the token and whose it is."""
        return Headers({"X-Auth-Token": str(self.connection["token"]), "X-User-Id": str(self.connection["user_id"])})

    # --- pull -----------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """Messages written, edited or deleted inside the window, and reactions to what was updated in it."""
        users: _Users | None = None
        for room in self.connection["rooms"]:
            told = self._room(api, room)
            if reason := _private(told):
                logger.warning("connection %s: channel %s is %s and is not read", self.connection.name, room, reason)
                continue
            users = users or _Users(api)
            updated, deleted = self._changes(api, room, window)
            updated += self._replies(api, [*updated, *deleted], window)
            listed = one_after_the_other(
                ((each, True) for each in self._history(api, room, window)), ((each, True) for each in updated)
            )
            seen: set[str] = set()
            for message, refers in newest_first(
                listed, key=_id, refers_to=_refers_to, fetch=lambda wanted: _message(api, wanted)
            ):
                if _id(message) not in seen:
                    seen.add(_id(message))
                    yield from self._records({**message, "chain": refers, "room_name": told.get("name")}, users, window)
            for each in deleted:
                yield Record("message", _id(each), each)

    def _history(self, api: Api, room: str, window: Window) -> Iterator[Raw]:
        """What was written inside the window, newest first."""
        query = {
            "roomId": room,
            "oldest": _iso(window.start),
            "latest": _iso(window.end),
            "inclusive": "true",
            "count": _PAGE,
        }

        def page(offset: int) -> tuple[list[Raw], None]:
            return listed(api, "/api/v1/channels.history", "messages", {**query, "offset": offset}), None

        for messages in by_offset(page, where=f"connection '{api.connection}' at channels.history"):
            yield from (
                each for each in messages if (moment := _moment(each.get("ts"))) is None or window.holds(moment)
            )

    def _changes(self, api: Api, room: str, window: Window) -> tuple[list[Raw], list[Raw]]:
        """(older messages that were updated inside the window, newest first; deletions)."""
        query = {"roomId": room, "lastUpdate": _iso(window.start)}
        found = mapping_of(dig(api.get("/api/v1/chat.syncMessages", query).body, "result"))
        if not isinstance(found.get("updated"), list) or not isinstance(found.get("deleted"), list):
            raise UnexpectedShape(
                f"connection '{api.connection}' at chat.syncMessages: the answer holds no lists 'updated' and 'deleted'"
            )
        updated = [
            each
            for each in rows_of(found, "updated")
            if _inside(window, each.get("_updatedAt")) and not _inside(window, each.get("ts"))
        ]
        updated = [each for each in updated if (_moment(each.get("ts")) or window.end) < window.start]
        deleted: list[Raw] = [
            {"_id": each.get("_id"), "rid": room, "deleted": True}
            for each in rows_of(found, "deleted")
            if _inside(window, each.get("_deletedAt"))
        ]
        return sorted(updated, key=lambda each: str(each.get("ts")), reverse=True), deleted

    @staticmethod
    def _replies(api: Api, changed: list[Raw], window: Window) -> list[Raw]:
        """Older replies that may have become something else because what opened their thread was edited or deleted."""
        found: list[Raw] = []
        for root in changed:
            if not _refers_to(root) and (root.get("deleted") or _inside(window, root.get("editedAt"))):
                found += [
                    {**each, "again": True} for each in _thread(api, _id(root)) if not _inside(window, each.get("ts"))
                ]
        return found

    def _records(self, message: dict[str, Any], users: "_Users", window: Window) -> Iterator[Record]:
        if (
            message.get("again")
            or _inside(window, message.get("ts"))
            or _inside(window, message.get("editedAt"))
            or _moment(message.get("ts")) is None
        ):
            yield Record(
                "message",
                _id(message),
                {**message, "emails": users.emails, "program": users.is_program(_name(message))},
            )
        for name, user in _reactions(message):
            yield _sign(
                message, name, user, emails=users.emails, **({"ignored": PROGRAM} if users.is_program(user) else {})
            )

    def _room(self, api: Api, room: str) -> Raw:
        try:
            return mapping_of(dig(api.get("/api/v1/rooms.info", {"roomId": room}).body, "room"))
        except RequestRefused as error:
            raise ConfigurationError(
                f"connection '{api.connection}': the server shows no channel {room}; correct the list of channels, which are ids"
            ) from error

    def check(self, api: Api) -> str:
        """Whose token it is, and that the allowed channels can be read. Raises ConfigurationError for one that must not be."""
        if not dig(api.get("/api/v1/me").body, "_id"):
            raise UnexpectedShape(
                f"connection '{api.connection}': no answer of Rocket.Chat; check the host of the connection"
            )
        rooms = self.connection["rooms"]
        for room in rooms:
            if reason := _private(self._room(api, room)):
                raise ConfigurationError(
                    f"connection '{api.connection}': channel {room} is {reason}; take it off the list of channels"
                )
            listed(api, "/api/v1/channels.history", "messages", {"roomId": room, "count": 1})
        return f"the token is accepted, {len(rooms)} of {len(rooms)} allowed channels can be read"

    # --- read ------------------------------------------------------------------------------------------------------------

    def read(self, payload: Any) -> Iterator[Record]:
        """A message, a page of messages, an answer of chat.syncMessages, an outgoing webhook, an event, or a recorded exchange of these."""
        for item, refers in self._remembered.chains(_items(payload)):
            if not _id(item):
                yield Record("answer", "", {})  # rooms, people
                continue
            message = {"chain": refers, **item}
            yield Record("message", _id(item), message)
            for name, user in _reactions(item):
                yield _sign(message, name, user)

    # --- what a message says ------------------------------------------------------------------------------------------------

    def told(self, message: Raw) -> Told:
        """A message of Rocket.Chat. People go by their user names: reactions tell no other."""
        text, edited = message.get("msg"), _moment(message.get("editedAt"))
        named = [
            name
            for each in rows_of(message, "mentions")
            if each.get("type") != "team" and (name := text_of(each.get("username")))
        ]
        return Told(
            id=_id(message),
            room=text_of(message.get("rid")) or "",
            at=_iso(at) if (at := _moment(message.get("ts"))) else None,
            sender=_name(message),
            texts=[_QUOTE.sub(" ", text)] if isinstance(text, str) else [],
            parent=_refers_to(message),
            carries=types.FILE if message.get("file") or list_of(message.get("files")) else None,
            mentions=sorted({*named} - {"all", "here"}),
            revision=_iso(edited) if edited else "",
            deleted=message.get("deleted") is True or message.get("t") == "rm",
            ignored=_reason(message),
        )  # fmt: skip

    def room(self, record: Record) -> Room:
        """The channel."""
        room, name = str(record["room"]), record.get("room_name")
        return Room(
            f"{self.tenant}/api/v1/channels.info?roomId={room}", self.message_iri, name, self.channel_kind(room, name)
        )

    def message_iri(self, message_id: str) -> str:
        """IRI of a message: its address in the API."""
        return f"{self.tenant}/api/v1/chat.getMessage?msgId={message_id}"


class _Users:
    """Whom the server knows by which verified address, and who is a program; the list is asked for once."""

    def __init__(self, api: Api) -> None:
        self.emails: dict[str, str] = {}
        self._programs = {"rocket.cat"}

        def page(offset: int) -> tuple[list[Raw], int | None]:
            body = api.get("/api/v1/users.list", {"count": _PAGE, "offset": offset}).body
            if not isinstance(dig(body, "users"), list):
                raise UnexpectedShape(f"connection '{api.connection}' at users.list: the answer holds no list 'users'")
            return rows_of(body, "users"), int_of(body.get("total"))

        for users in by_offset(page, where=f"connection '{api.connection}' at users.list"):
            for user in users:
                self._learn(user)

    def _learn(self, user: Raw) -> None:
        name = text_of(user.get("username")) or ""
        if user.get("type") in ("bot", "app"):
            self._programs.add(name)
        for each in rows_of(user, "emails"):
            if each.get("verified") is True and (address := text_of(each.get("address"))):
                self.emails.setdefault(name, address)

    def is_program(self, user: str | None) -> bool:
        """Whether it is a bot."""
        return user in self._programs


def _message(api: Api, message_id: str) -> Raw:
    """A message outside the window; one that the server does not show was deleted."""
    try:
        found = dig(api.get("/api/v1/chat.getMessage", {"msgId": message_id}, missing_ok=True).body, "message")
    except RequestRefused:
        found = None
    return found if isinstance(found, Mapping) else {"_id": message_id, "deleted": True}


def _thread(api: Api, message_id: str) -> list[Raw]:
    """All replies of a thread, also of one whose opening message was deleted."""
    query = {"tmid": message_id, "count": _PAGE}

    def page(offset: int) -> tuple[list[Raw], None]:
        return listed(api, "/api/v1/chat.getThreadMessages", "messages", {**query, "offset": offset}), None

    try:
        pages = by_offset(page, where=f"connection '{api.connection}' at chat.getThreadMessages")
        return [each for messages in pages for each in messages]
    except RequestRefused:
        return []  # it opened no thread


def _private(room: Raw) -> str:
    """Why a room must not be read, or an empty text."""
    return _KINDS.get(str(room.get("t")), "encrypted (private)" if room.get("encrypted") is True else "")


# --- payloads -------------------------------------------------------------------------------------------------------------------

_ANSWERS = ("channel", "channels", "room", "rooms", "users", "user", "members", "update")


def _items(payload: Any) -> list[Raw]:
    """Messages and deletions of a payload. Raises BadRecord for a payload of another shape."""
    match payload:
        case [_, *_]:
            return [item for each in payload for item in _items(each)]
        case {"request": _, "response": {"body": body}}:
            return _items(body)
        case {"success": False} | {"status": "error"}:
            raise BadRecord("an error of Rocket.Chat, not an answer")
        case {"result": {"updated": [*updated], "deleted": [*deleted]}}:
            gone = [{"_id": each.get("_id"), "deleted": True} for each in deleted if isinstance(each, Mapping)]
            return [*(each for each in updated if isinstance(each, Mapping)), *gone]
        case {"messages": [*messages]}:
            return [each if isinstance(each, Mapping) else {} for each in messages]
        case {"message": {"_id": str()} as message}:
            return [message]
        case {"fields": {"args": [*messages]}}:  # an event of the WebSocket
            return [each for each in messages if isinstance(each, Mapping) and "_id" in each]
        case {"message_id": str() as message_id, "user_name": str() as name, "timestamp": at}:  # an outgoing webhook
            text, room, bot = payload.get("text"), payload.get("channel_id"), payload.get("bot")
            return [
                {
                    "_id": message_id,
                    "rid": room,
                    "msg": text,
                    "ts": at,
                    "u": {"username": name},
                    **({"bot": bot} if bot else {}),
                    "tmid": payload.get("tmid"),
                }
            ]
        case {"_id": str(), "u": _} | {"_id": str(), "deleted": True}:
            return [payload]
        case {"success": True} | {"_id": str()} if any(name in payload for name in (*_ANSWERS, "username", "t")):
            return [{}]
    raise BadRecord("neither a message nor an answer or event of Rocket.Chat")


def _sign(message: Raw, name: str, user: str, **more: Any) -> Record:
    """A reaction; Rocket.Chat keeps no time of it."""
    on, at = _id(message), _moment(message.get("ts"))
    fields = {"at": _iso(at) if at else None, "timed": False, "room_name": message.get("room_name"), **more}
    made = sign(message, id=on, room=text_of(message.get("rid")) or "", name=name, user=user, **fields)
    return Record("reaction", f"{on}/{name}/{user}", made)


def _reason(message: Raw) -> str:
    """Why a message is no statement; empty where it is one. The id of a direct room is those of its two people, one after the other."""
    sender, room = text_of(mapping_of(message.get("u")).get("_id")), text_of(message.get("rid"))
    if sender and room and room != sender and len(sender) == _ID and (room.startswith(sender) or room.endswith(sender)):
        return PRIVATE
    if message.get("token"):  # of a visitor of livechat
        return PRIVATE
    if message.get("_hidden") is True:
        return "earlier form of an edited message"
    if message.get("t") == "e2e":
        return "encrypted, cannot be read"
    if message.get("program") or message.get("bot") or _name(message) == "rocket.cat":
        return PROGRAM
    return SYSTEM if text_of(message.get("t")) and message.get("t") != "rm" else ""


def _reactions(message: Raw) -> Iterable[tuple[str, str]]:
    """(sign, user name)."""
    return [
        (name, user)
        for name, given in mapping_of(message.get("reactions")).items()
        for user in list_of(mapping_of(given).get("usernames"))
        if isinstance(user, str)
    ]


_QUOTE = re.compile(r"\[\s*\]\([^)\s]*[?&]msg=(\w+)[^)\s]*\)")


def _refers_to(message: Raw) -> str | None:
    """Id of the thread's opening message, or of the message that is quoted."""
    thread, text = text_of(message.get("tmid")), message.get("msg")
    quoted = _QUOTE.search(text) if isinstance(text, str) and "msg=" in text else None
    return thread or (quoted[1] if quoted else None)


def _id(message: Raw) -> str:
    return text_of(message.get("_id")) or ""


def _name(message: Raw) -> str | None:
    return text_of(mapping_of(message.get("u")).get("username"))


def _moment(value: Any) -> datetime | None:
    """A time as ISO text, or as the database writes it: {"$date": milliseconds}."""
    told = value.get("$date") if isinstance(value, Mapping) else value
    try:
        return parse_time(told).astimezone(UTC) if isinstance(told, str | int) else None
    except (BadRecord, OverflowError):
        return None


def _inside(window: Window, value: Any) -> bool:
    moment = _moment(value)
    return moment is not None and window.holds(moment)


def _iso(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"
