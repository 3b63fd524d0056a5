"""WhatsApp: groups whose chat somebody exported, and what reaches a business number through the Cloud API.

API         no API reads the groups of staff: they are end-to-end encrypted. A member exports the chat ("without media") as .txt or .zip, Android or iOS, Dutch,
            English, German or French. Webhooks of the Business Cloud API (field messages), kept one a line; the On-Premises API ended in October 2025
Permission  of the group, that somebody exports it; for webhooks an app with whatsapp_business_messaging
Cost        exports none; the Cloud API charges for messages that a business sends, not for those that it receives
People      a sender is a phone number, or a name out of the exporter's address book (~ before one that people chose themselves). Numbers and names are never kept.
            The directory's column id_whatsapp holds +31612345678, or GROUP/Name as one export shows it; nobody is recognised by a name alone
Times       without zone: the connection's time_zone. Day or month first is decided on the whole file; an autumn night has its second hour where the clock steps back
Ids         an export has none: a message is known by its place, the how-manyth of its minute. So an edit or deletion keeps the id, and phones that write
            seconds agree with those that do not. The webhooks' ids hold a phone number and are keyed too
Late facts  whoever exports decides when; look back 35 days. The whole file comes again; of two exports of a group the newer counts where it reaches
Deleted     the line stays and says so, and voids what was made of it. Edited lines say so; what they said before is gone
Not seen    which message an answer belongs to (only webhooks tell), reactions and votes, chats of two, messages that disappeared, what the exporter hid
Verified    with exports of others and of our own; webhooks from documentation
"""

import logging
import posixpath
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import orjson

from connectors import files
from connectors.chat import SYSTEM, ChatSource, Told, id_of, list_of, sign
from connectors.conversation import Room, channel_kinds_setting
from connectors.http import Api
from connectors.paging import dig
from connectors.source import Connection, Kind, Record, Setting, Verified, Window, maps
from connectors.sources.whatsapp.export import ORDERS, Chat, parse
from connectors.tables import decoded
from connectors.threads import Item, Remembered
from leerstroom.errors import BadRecord, ConfigurationError
from leerstroom.people import People, Pseudonyms
from leerstroom.statements import Outcome, parse_time, types, utc_text

logger = logging.getLogger(__name__)

_IGNORED: Mapping[str, str] = {
    "system": SYSTEM,
    "sticker": "sticker",
    "contact": "contact card",
    "contacts": "contact card",
    "location": "location",
    "call": "call",
    "empty": "message without content",
    "order": "order of a customer",
    "notice": "webhook about something else than messages",
    "unsupported": "message of a type that the platform does not pass on",
    "unknown": "message of a type that the platform does not pass on",
}
_MEDIA = frozenset({"image", "video", "audio", "voice", "document"})


class WhatsApp(ChatSource):
    """Exports of one person's phone, and the webhooks of a business number."""

    name: ClassVar[str] = "whatsapp"
    title: ClassVar[str] = "WhatsApp (exported chats, Business Cloud API)"
    kind: ClassVar[Kind] = Kind.SOCIAL
    verified: ClassVar[Verified] = Verified.PAYLOADS
    look_back: ClassVar[timedelta] = timedelta(days=35)
    documents: ClassVar[tuple[str, ...]] = (".txt", ".zip")
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("files", "Files", many=True, help="exported chats (.txt, .zip) and webhooks (.jsonl): paths or addresses with *, or a folder"),
        Setting("rooms", "Allowed groups", many=True, help="names of groups as the exports show them, ids of business numbers; nothing else is read"),
        channel_kinds_setting("name or id as above"),
        Setting("time_zone", "Time zone", default="Europe/Amsterdam", kind="zone", required=False, help="of the phone that exports"),
        Setting("date_order", "Order of dates", required=False, help="dmy, mdy or ymd; empty: decided on each file"),
    )  # fmt: skip
    record_kinds: ClassVar[tuple[str, ...]] = ("message", "reaction", "fault")
    one_sign_each: ClassVar[bool] = True
    personal_ids: ClassVar[bool] = True
    keyed_ids: ClassVar[bool] = True

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._rooms = frozenset(connection.get("rooms") or ())
        self._order = str(connection.get("date_order") or "") or None
        if self._order not in {None, *ORDERS}:
            raise ConfigurationError(
                f"connection '{connection.name}': date_order is one of {', '.join(ORDERS)}, or empty"
            )
        self._remembered = Remembered(key=_id, refers_to=_refers_to)

    @property
    def tenant(self) -> str:
        """WhatsApp is one place: phone numbers mean the same everywhere."""
        return str(self.connection.get("tenant") or "https://wa.me").rstrip("/")

    def api(self) -> Api:
        """Nothing is asked over HTTP; the object only counts zero requests."""
        return Api(self.tenant, connection=self.connection.name)

    # --- pull ---------------------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """Lines of the allowed groups inside the window, of each moment those of the newest export; and kept webhooks."""
        reached: dict[str, list[tuple[int, int]]] = {}  # by group, what newer exports cover
        for number, path in enumerate(reversed(self._paths()), 1):
            try:
                for records in self._conversations(path):
                    yield from self._fresh(records, reached, window)
            except BadRecord as error:
                yield Record("fault", f"file {number}", {"reason": f"file {number}: {_nameless(error, path)}"})

    def _paths(self) -> list[str]:
        return files.matching(
            self.connection["files"], connection=self.connection.name, suffixes=(".txt", ".zip", ".json", ".jsonl")
        )

    def _conversations(self, path: str) -> Iterator[list[Record]]:
        """The records of each allowed conversation of a file. Raises BadRecord."""
        if files.unpacked_name(path).lower().endswith((".json", ".jsonl")):
            yield [record for record in _webhooks(path, self) if record.get("room") in self._rooms]
            return
        for title, chat in self._chats(files.read(path), path):
            if title not in self._rooms:
                logger.warning(
                    "connection %s: an export is of a group that is not allowed and is not read", self.connection.name
                )
            elif not chat.is_group:
                logger.warning("connection %s: an export is of a chat of two and is not read", self.connection.name)
            else:
                yield list(_lines(title, chat))

    @staticmethod
    def _fresh(records: list[Record], reached: dict[str, list[tuple[int, int]]], window: Window) -> Iterator[Record]:
        """Those of the window that no newer export reaches. A line without a readable date is told with the days of its file."""
        start, end = _ms(window.start), _ms(window.end)
        timed = [(record, _moment(record)) for record in records]
        moments = [moment for _, moment in timed if moment is not None]
        covered = reached.setdefault(str(records[0].get("room")), []) if records else []
        for record, moment in timed:
            if moment is None:
                if not covered and any(start <= each < end for each in moments):
                    yield record
            elif start <= moment < end and not any(first <= moment <= last for first, last in covered):
                yield record
        if moments and "line" in records[0]:
            covered.append((min(moments), max(moments)))

    def check(self, api: Api) -> str:
        """Reads every file. Raises ConfigurationError for exports that cannot be read; names of files are not told: they are names of people."""
        paths, found, faults = self._paths(), 0, []
        for number, path in enumerate(paths, 1):
            try:
                found += sum(len(records) for records in self._conversations(path))
            except BadRecord as error:
                faults.append(f"file {number}: {_nameless(error, path)}")
        if faults:
            raise ConfigurationError(f"connection '{self.connection.name}': " + "; ".join(faults))
        return f"{len(paths)} files with {found} lines of allowed groups"

    # --- read ---------------------------------------------------------------------------------------------------------------------

    def read_document(self, data: bytes, name: str) -> Iterator[Record]:
        """The lines of an exported chat: its text, or the archive that holds it. Raises BadRecord."""
        for title, chat in self._chats(data, name):
            yield from _lines(title, chat)

    def _chats(self, data: bytes, name: str) -> Iterator[tuple[str, Chat]]:
        """(name of the group, chat) of an export. Raises BadRecord."""
        zone = ZoneInfo(str(self.connection.get("time_zone") or "Europe/Amsterdam"))
        for file, text in _texts(data, name):
            chat = parse(text, zone, self._order)
            yield chat.title or _title(file) or _title(name) or "chat", chat

    def read(self, payload: Any) -> Iterator[Record]:
        """A webhook of the Cloud API, its `value`, one message of it, or a line as this source gives it."""
        if isinstance(payload, dict) and {"sort", "line"} <= payload.keys():
            yield Record("message", _place(payload), payload)
            return
        found = list(_messages(payload))
        if not found:
            raise BadRecord("neither an exported chat nor a webhook of the Cloud API")
        for message, chain in self._remembered.chains(found):
            yield _sent(message, chain)

    # --- what a message says ----------------------------------------------------------------------------------------------------------

    def told(self, message: Mapping[str, Any]) -> Told:
        """A line of an export, or a message of a webhook."""
        return _told_by_line(message) if "line" in message else _told_by_webhook(message)

    def room(self, record: Record) -> Room:
        """A group or number by its keyed reference; its name where the connection names it."""
        iri, name = f"{self.tenant}/groups/{record['room']}", record.get("room_name")
        return Room(
            iri=iri,
            message_iri=lambda message: f"{iri}/messages/{message}",
            name=None if not name or name.isdecimal() else name,
            channel_kind=self.channel_kind(name),
        )

    def minimise(self, record: Record, pseudonyms: Pseudonyms) -> Record:
        """What lands. Names of groups may be names of people, and ids of webhooks hold phone numbers: both become keyed references."""
        if record.kind == "fault":
            return Record(record.kind, record.key, {"reason": str(record.get("reason"))})
        room = id_of(record.get("room"))
        named = {"room_name": room if room in self._rooms or room in self._kinds else None}
        kept = super().minimise(Record(record.kind, record.key, {**record, **named}), pseudonyms)

        if "room" in kept:
            kept["room"] = self.reference(pseudonyms, "account", f"room {kept['room']}")
        if record.get("sort") == "unreadable":
            kept["undated"] = True
        return kept

    # --- map ------------------------------------------------------------------------------------------------------------------------

    @maps("fault")
    def fault(self, record: Record, people: People) -> Outcome:
        """A file that cannot be read."""
        raise BadRecord(str(record["reason"]))

    @maps("message", undated=True)
    def undated(self, record: Record, people: People) -> Outcome:
        """A line whose date does not exist."""
        raise BadRecord("the date does not exist; set date_order where day and month are taken for each other")


# --- exports --------------------------------------------------------------------------------------------------------------------------

_TITLED = re.compile(
    r"(?:whatsapp[ -]chat (?:met|with|mit|avec|con|-) |discussion whatsapp avec |chat (?:de )?whatsapp (?:con|avec) )(?P<title>.+)",
    re.IGNORECASE,
)
_COPY = re.compile(r"(?: ?\(\d+\))?(?:\.(?:txt|zip))*$", re.IGNORECASE)
_PHONE = re.compile(r"\+[\d\s()./-]{6,24}\d")


def _texts(data: bytes, name: str) -> Iterator[tuple[str, str]]:
    """(name of the file, text) of what may be chats. Raises BadRecord for an archive without one."""
    if data[:2] != b"PK":
        yield name, decoded(data)
        return
    with files.Archive(name, data) as archive:
        found = archive.members(".txt")
        chats = [
            member for member in found if posixpath.basename(member) == "_chat.txt" or _TITLED.search(member)
        ] or found
        if not chats:
            raise BadRecord(f"{archive.name} holds no exported chat")
        for member in chats:
            yield member, decoded(archive.read(member))


def _title(path: str) -> str | None:
    """The name of the group in the name that the app gives to an export."""
    match = _TITLED.search(_COPY.sub("", posixpath.basename(path)))
    return match["title"].strip() if match else None


def _lines(title: str, chat: Chat) -> Iterator[Record]:
    """The entries of a chat with their places: the how-manyth that people wrote in its minute, or the app."""
    last: dict[tuple[str, bool], int] = {}
    for entry in chat.entries:
        minute = utc_text(entry.at)[:16] if entry.at else f"line {entry.line}"
        of = (minute, entry.sender is None)
        last[of] = last.get(of, 0) + 1
        fields = {
            "room": title, "line": entry.line, "minute": minute, "place": last[of], "sender": entry.sender, "sort": entry.sort, "text": entry.text,
            "at": utc_text(entry.at) if entry.at else None, "edited": entry.edited, "mentions": list(entry.mentions),
        }  # fmt: skip
        yield Record("message", _place(fields), fields)


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _moment(record: Record) -> int | None:
    """Milliseconds since 1970, None for a record without a readable time."""
    try:
        return _ms(parse_time(record["at"] if "at" in record else _at(record.get("timestamp"))))
    except BadRecord:
        return None


def _place(line: Mapping[str, Any]) -> str:
    by = "message" if line.get("sender") else "app"
    return f"{line.get('room')}/{line.get('minute')}/{by}/{line.get('place')}"


def _told_by_line(line: Mapping[str, Any]) -> Told:
    """What stands at a place may be another text once the exporter deleted something, so the text tells forms apart."""
    room, sender, text, sort = (id_of(line.get(name)) for name in ("room", "sender", "text", "sort"))
    return Told(
        id=_place(line),
        room=str(room),
        at=line.get("at"),
        sender=_account(sender, room),
        texts=(text,) if text else (),
        carries=types.FILE if sort == "file" else None,
        mentions=[account for each in list_of(line.get("mentions")) if (account := _account(id_of(each), room))],
        revision="edited" if line.get("edited") else "",
        edited_unseen=True,
        deleted=sort == "deleted",
        ignored=_IGNORED.get(str(sort), ""),
    )


def _account(sender: str | None, room: str | None) -> str | None:
    """A phone number as +31612345678; a name only within its group: it is whatever the exporter calls somebody."""
    if sender is None:
        return None
    return f"+{re.sub(r'[^0-9]', '', sender)}" if _PHONE.fullmatch(sender) else f"{room}/{sender}"


def _nameless(error: BadRecord, path: str) -> str:
    """The error without the name of the file, which is the name of a group or of a person."""
    return str(error).replace(posixpath.basename(path), "it")


# --- webhooks of the Cloud API -------------------------------------------------------------------------------------------------------------


def _webhooks(path: str, source: WhatsApp) -> Iterator[Record]:
    for number, line in files.lines(path):
        try:
            yield from source.read(orjson.loads(line))
        except (orjson.JSONDecodeError, BadRecord):
            yield Record("fault", f"webhook {number}", {"reason": f"line {number} is no webhook of the Cloud API"})


def _messages(payload: Any) -> Iterator[dict[str, Any]]:
    """Messages and delivery reports of a webhook, each with the number or group that it reached as `room`."""
    if not isinstance(payload, dict):
        return
    if isinstance(payload.get("entry"), list):
        for change in (change for entry in payload["entry"] for change in list_of(dig(entry, "changes"))):
            notice = {"id": f"{id_of(dig(change, 'field'))}", "type": "notice"}
            yield from list(_messages(dig(change, "value"))) or [notice]
    elif isinstance(payload.get("value"), dict):
        yield from _messages(payload["value"])
    elif {"messages", "statuses"} & payload.keys():
        number = id_of(dig(payload, "metadata.phone_number_id"))
        for each in (*list_of(payload.get("messages")), *list_of(payload.get("statuses"))):
            message = each if isinstance(each, dict) else {}  # whatever it is, it is counted
            yield {"room": id_of(message.get("group_id")) or number, **message}
    elif "id" in payload and {"from", "status"} & payload.keys():
        yield payload


def _sent(message: Item, chain: list[Item]) -> Record:
    """A message of a webhook as a record. A sign is one of somebody on something, whether it is given or taken away."""
    if message.get("type") != "reaction":
        return Record("message", _id(message), {**message, "chain": chain})
    on, emoji = id_of(dig(message, "reaction.message_id")) or "", dig(message, "reaction.emoji")
    known = {**(chain[0] if chain else {}), "chain": chain[1:]}
    fields = sign(
        known, id=on, room=str(id_of(message.get("room"))), name=emoji, user=_number(message.get("from")), at=_at(message.get("timestamp")), removed=not emoji,
    )  # fmt: skip
    return Record("reaction", _id(message), fields)


def _told_by_webhook(message: Mapping[str, Any]) -> Told:
    sort = str(message.get("type"))
    body = dig(message, "edit.message") if sort == "edit" else message
    form = str(dig(body, "type"))
    texts = [dig(body, path) for path in ("text.body", f"{form}.caption", "button.text", "interactive.button_reply.title", "interactive.list_reply.title")]  # fmt: skip
    said = [text for text in texts if isinstance(text, str)]
    wordless = (
        "" if said or form in _MEDIA or "from" not in message else _IGNORED["empty"]
    )  # a form that was filled in, a chat that was opened
    return Told(
        id=_id(message),
        room=str(id_of(message.get("room"))),
        at=_at(message.get("timestamp")),
        sender=_number(message.get("from")),
        texts=said,
        parent=_refers_to(message),
        carries=types.FILE if form in _MEDIA else None,
        revision=f"edited {message.get('timestamp')}" if sort == "edit" else "",
        deleted=sort == "revoke",
        ignored="delivery report" if "status" in message else _IGNORED.get(sort, wordless),
    )


def _id(message: Mapping[str, Any]) -> str:
    """Id of the message that this is about: an edit and a deletion are of an older one."""
    original = id_of(dig(message, f"{message.get('type')}.original_message_id"))
    return original or f"{id_of(message.get('id'))}{'/status' if 'status' in message else ''}"


def _refers_to(message: Mapping[str, Any]) -> str | None:
    return id_of(dig(message, "reaction.message_id")) or id_of(dig(message, "context.id"))


def _number(value: Any) -> str | None:
    number = id_of(value)
    return f"+{number.removeprefix('+')}" if number else None


def _at(value: Any) -> Any:
    """Epoch seconds, which the webhooks send as text."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value
