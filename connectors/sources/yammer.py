"""Viva Engage (Yammer): the communities of a network that are on the allow-list, out of the network's data export.

API         GET /api/v1/export?since=&until=&include=csv, a ZIP a day (Messages.csv, Users.csv, Groups.csv …), or the same export as files. Nothing else is complete:
            the REST API gives a part of the messages only, and Microsoft Graph gives communities without their messages
Permission  a verified administrator's sign-in through an app of Entra ID (delegated access_as_user, offline_access); tokens of Yammer itself ended in 2025
People      the sender's id; the e-mail address of the export or its Users.csv as a keyed reference. Names are never kept
Content     bodies become features; of attachments only whether there is a link or a file
Late facts  a message comes again when it is edited or deleted: the export holds all versions, the last counts. A deletion comes on its own day
Questions   a message of type question is one; otherwise one that opens a thread and asks (rule question-in-text); replies of others in its thread are answers
Accepted    a best answer, where the export tells of one (BestReplyMessage, or a column of Messages.csv): voted-up by the one who marked it, else by the asker
Limits      429 on every endpoint, by user and app; one export at a time, and only then the first messages of older threads, one request each
Not seen    private conversations and private communities, whatever the list says; likes and reactions: only the export of a single user has them; who read what
State       supported in 2026, for networks in native mode; the old administration site ended in March 2026
Verified    with a made-up export in the columns that importers of others read; the API from documentation
"""

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar
from urllib.parse import quote

import orjson

from connectors import files
from connectors.chat import PRIVATE, PROGRAM, SYSTEM, ChatSource, Told, id_of, list_of, sign, text_of
from connectors.conversation import Room, accepted, channel_kinds_setting
from connectors.http import Api
from connectors.oauth import RefreshToken
from connectors.paging import dig
from connectors.source import Connection, Kind, Record, Setting, Verified, Window, maps
from connectors.tables import exported
from connectors.threads import Item, Remembered, newest_first
from leerstroom.errors import BadRecord, ConfigurationError, UnexpectedShape
from leerstroom.people import People, Pseudonyms
from leerstroom.statements import Ignored, Outcome, parse_time, types

NO_COMMUNITY = "all"  # stands in the list of rooms for messages outside any community
_DAY = timedelta(days=1)
_MEMBERS: Mapping[str, str] = {"messages.csv": "message", "likedmessage": "reaction", "bestreply": "best_reply", "users.csv": "user", "groups.csv": "group"}  # fmt: skip
_TRUE = frozenset({"true", "1", "yes", "t"})


class Yammer(ChatSource):
    """A network as one of its verified administrators exports it."""

    name: ClassVar[str] = "yammer"
    title: ClassVar[str] = "Viva Engage (Yammer)"
    kind: ClassVar[Kind] = Kind.SOCIAL
    verified: ClassVar[Verified] = Verified.PAYLOADS
    look_back: ClassVar[timedelta] = timedelta(days=1)  # an edit or a deletion is in the export of its own day
    requests_per_minute: ClassVar[float | None] = 20
    documents: ClassVar[tuple[str, ...]] = (".zip", ".csv")
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("host", "Address", default="https://www.yammer.com", kind="url", required=False),
        Setting("rooms", "Allowed communities", many=True, help=f"ids or names of communities, {NO_COMMUNITY} for messages outside any; nothing else is read"),
        channel_kinds_setting("id or name as above"),
        Setting("files", "Exported files", many=True, required=False, help="exports (.zip) or folders of their CSV files; then nothing is asked over the network"),
        Setting("token", "Access token", secret=True, required=False, help="of a verified administrator; it ends within the hour, so for a trial only"),
        Setting("client_id", "Application id", required=False, help="of the app in Entra ID"),
        Setting("client_secret", "Client secret", secret=True, required=False),
        Setting("refresh_token", "Refresh token", secret=True, required=False, help="of a verified administrator's consent"),
        Setting("login", "Token address", default="https://login.microsoftonline.com/organizations/oauth2/v2.0/token", kind="url", required=False),
    )  # fmt: skip
    record_kinds: ClassVar[tuple[str, ...]] = ("message", "reaction", "best_reply")

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._rooms = frozenset(map(str, connection.get("rooms") or ()))
        self._emails: dict[str, str] = {}  # by user id, out of Users.csv
        self._private: set[str] = set()  # ids of communities, out of Groups.csv
        self._remembered = Remembered(key=_key, refers_to=_refers_to)

    @property
    def tenant(self) -> str:
        """The address of the service: ids of users and messages are unique in all of it."""
        return str(self.connection.get("tenant") or self.connection.get("host") or "https://www.yammer.com").rstrip("/")

    def api(self) -> Api:
        """The service, which answers with archives and with JSON."""
        return self.connected(read=_archive_or_json, timeout_s=600)  # a day is packed while it is sent

    def auth(self) -> Any:
        """The administrator's refresh token where there is one, else the plain token."""
        if not self.connection.get("refresh_token"):
            return super().auth()
        return RefreshToken.of(self.connection)

    # --- pull ---------------------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """Messages of the allowed communities that were written, changed or deleted inside the window."""
        rows = [row for row in self._rows(api, window) if self._is_allowed(row)]
        fetch = partial(self._fetched, api) if not self.connection.get("files") else lambda _: None
        items = ((row, _touches(row, window)) for row in sorted(rows, key=_newest, reverse=True))
        for row, chain in newest_first(items, key=_key, refers_to=_refers_to, fetch=fetch):
            yield self._record(row, chain)

    def _rows(self, api: Api, window: Window) -> Iterator[Item]:
        """The rows of all exports of the window: the last version of each message, as later exports tell it."""
        found: dict[str, Item] = {}
        for name, data in self._exports(api, window):
            found.update({_key(row): row for row in self._rows_of(data, name)})
        yield from _placed(found)

    def _exports(self, api: Api, window: Window) -> Iterator[tuple[str, bytes]]:
        if patterns := self.connection.get("files"):
            paths = files.matching(patterns, connection=self.connection.name, suffixes=(".zip", ".csv"))
            for path in sorted(
                paths, key=lambda path: _MEMBERS.get(files.unpacked_name(path).lower()) not in {"user", "group"}
            ):
                yield path, files.read(path)
            return
        start = window.start.astimezone(UTC)
        while start < window.end:
            end = min(window.end.astimezone(UTC), start + _DAY)
            query = {
                "since": _stamp(start),
                "until": _stamp(end),
                "include": "csv",
                "model": ["Message", "User", "Group"],
            }
            data = api.get("/api/v1/export", query).body
            if not isinstance(data, bytes):
                raise UnexpectedShape(
                    f"connection '{self.connection.name}' at /api/v1/export: the answer is no archive"
                )
            yield f"export {start:%Y-%m-%d}", data
            start = end

    def _fetched(self, api: Api, message_id: str) -> Item | None:
        """The first message of an older thread; None where it is gone or of a community that is not allowed."""
        body = api.get(f"/api/v1/messages/{quote(message_id, safe='')}.json", missing_ok=True).body
        return _of_rest(body) if isinstance(body, Mapping) else None

    def check(self, api: Api) -> str:
        """Exports the last hour, or reads the files."""
        if not self.connection.get("files"):
            now = datetime.now(UTC)
            query = {
                "since": _stamp(now - timedelta(hours=1)),
                "until": _stamp(now),
                "include": "csv",
                "model": "Message",
            }
            body = api.get("/api/v1/export", query).body
            if not isinstance(body, bytes):
                raise UnexpectedShape(
                    f"connection '{self.connection.name}' at /api/v1/export: the answer is no archive"
                )
            return "the export is open to this account"
        faults, rows = [], 0
        for name, data in self._exports(api, Window(datetime.now(UTC), datetime.now(UTC))):
            try:
                rows += sum(self._is_allowed(row) for row in self._rows_of(data, name))
            except BadRecord as error:
                faults.append(str(error))
        if faults:
            raise ConfigurationError(f"connection '{self.connection.name}': " + "; ".join(faults))
        return f"the exports hold {rows} messages of allowed communities"

    def _is_allowed(self, row: Item) -> bool:
        return bool(self._rooms & {_room(row), str(row.get("group_name"))}) and not _is_private(row)

    # --- read ---------------------------------------------------------------------------------------------------------------------

    def read_document(self, data: bytes, name: str) -> Iterator[Record]:
        """Messages, likes and best answers of an export: its archive, or one of its CSV files. Raises BadRecord."""
        rows = {_key(row): row for row in self._rows_of(data, name)}
        for row, chain in self._remembered.chains(list(_placed(rows))):
            yield self._record(row, chain)

    def _rows_of(self, data: bytes, name: str) -> Iterator[Item]:
        """The rows that are facts; users and communities are kept aside."""
        found = list(_tables(data, name))
        if not found:
            raise BadRecord(f"{name.rsplit('/', 1)[-1]} holds no Messages.csv; is it an export of a network?")
        for kind, table in sorted(found, key=lambda each: each[0] not in {"user", "group"}):
            versions: dict[str, int] = {}
            for row in exported(table):
                if kind == "user":
                    self._emails.setdefault(row.get("id", ""), row.get("email", ""))
                elif kind == "group":
                    self._private |= {row.get("id", "")} if _flag(row.get("private")) else set()
                else:
                    made = {
                        **row,
                        "_kind": kind,
                        **({"in_private_group": "true"} if _room(row) in self._private else {}),
                    }
                    key = _key(made)
                    versions[key] = versions.get(key, 0) + 1
                    yield {**made, "_version": versions[key]}
                    if _is_best(made):
                        place = {name: made[name] for name in _PLACE if name in made}
                        yield {
                            **place,
                            "_kind": "best_reply",
                            "message_id": made.get("id"),
                            "created_at": made.get("created_at"),
                            "_untimed": True,
                        }

    def read(self, payload: Any) -> Iterator[Record]:
        """A row as an object, a message of the REST API, or a page of these."""
        page = dig(payload, "messages")
        found = page if isinstance(page, list) else payload if isinstance(payload, list) else [payload]
        if isinstance(payload, dict):
            people = [
                each
                for each in list_of(payload.get("references"))
                if isinstance(each, dict) and each.get("type") == "user"
            ]
            self._emails |= {str(each.get("id")): str(each["email"]) for each in people if each.get("email")}
        rows = [row for each in found for row in list(_rows_of_rest(each)) or [_NOTHING]]
        if all(row is _NOTHING for row in rows) and page != []:
            raise BadRecord("neither a row of an export nor a message of the REST API")
        for row, chain in self._remembered.chains(rows):
            yield self._record(row, chain)

    # --- what a row says -----------------------------------------------------------------------------------------------------------

    def _record(self, row: Item, chain: list[Item]) -> Record:
        """A row as a record, with what is known of its sender, its community and its thread."""
        kind, user = str(row["_kind"]), _user(row)
        if kind == "best_reply" and not user and chain:
            user = _user(chain[-1])  # the asker, as a rule
        about = {
            "emails": {user: row.get("sender_email") or self._emails.get(user or "")},
            "room_name": row.get("group_name"),
        }
        if kind == "message":
            return Record(kind, _key(row), {**row, **about, "chain": chain})
        on, name = {**(chain[0] if chain else {}), "chain": chain[1:]}, "like" if kind == "reaction" else "check"
        fields = sign(on, id=_on(row), room=_room(row), name=name, user=user, at=row.get("created_at"), **about, timed=not row.get("_untimed"))  # fmt: skip
        return Record(kind, _key(row), {**fields, "ignored": PRIVATE if _is_private(row) else ""})

    def told(self, message: Mapping[str, Any]) -> Told:
        """A row of Messages.csv."""
        attached, body = str(message.get("attachments") or ""), message.get("body")
        return Told(
            id=_key(message),
            room=_room(message),
            at=message.get("created_at"),
            sender=_user(message),
            texts=[_MENTION.sub(" ", text) for text in (message.get("title"), body) if isinstance(text, str)],
            has_link="opengraphobject:" in attached,
            parent=id_of(message.get("replied_to_id")) or _refers_to(message),
            carries=types.FILE if "uploadedfile:" in attached else None,
            mentions=_MENTION.findall(body) if isinstance(body, str) else (),
            marked="question" if message.get("message_type") == "question" else "answer" if _is_best(message) else None,
            revision=f"version {message['_version']}" if message.get("_version", 1) != 1 else "",
            edited_unseen=True,
            deleted=text_of(message.get("deleted_at")) not in {None, "null"},
            ignored=self._ignored(message),
        )

    @staticmethod
    def _ignored(message: Mapping[str, Any]) -> str:
        if _is_private(message):
            return PRIVATE
        if str(message.get("message_type")).lower() == "system":
            return SYSTEM
        return PROGRAM if str(message.get("sender_type") or "user").lower() != "user" else ""

    def room(self, record: Record) -> Room:
        """A community by its id; its messages by theirs, which are unique in the whole service."""
        room, name = str(record["room"]), record.get("room_name")
        return Room(
            iri=f"{self.tenant}/groups/{quote(room, safe='')}",
            message_iri=lambda message: f"{self.tenant}/messages/{quote(message, safe='')}",
            name=name,
            channel_kind=self.channel_kind(room, name),
            type_iri=types.COMMUNITY_SITE,
            opening_type=types.MESSAGE,
            reply_type=types.MESSAGE,
        )

    # --- best answers ----------------------------------------------------------------------------------------------------------------

    def minimise(self, record: Record, pseudonyms: Pseudonyms) -> Record:
        """A best answer lands as a reaction does."""
        return (
            self._reaction(record, pseudonyms) if record.kind == "best_reply" else super().minimise(record, pseudonyms)
        )

    @maps("best_reply")
    def best_reply(self, record: Record, people: People) -> Outcome:
        """The asker, or an administrator of the community, marked an answer as the best."""
        return Ignored(record["ignored"]) if record.get("ignored") else accepted(self.sign(record), people)


# --- exports --------------------------------------------------------------------------------------------------------------------------


def _archive_or_json(content: bytes) -> Any:
    """The body of an answer. Raises ValueError for an archive that was cut off."""
    if content[:2] != b"PK":
        return orjson.loads(content)
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise ValueError("an archive that ends in the middle")
    return content


def _tables(data: bytes, name: str) -> Iterator[tuple[str, bytes]]:
    """(kind of rows, CSV file) of an export. Raises BadRecord."""
    if data[:2] != b"PK":
        head = data[:4096].decode("utf-8-sig", "replace").partition("\n")[0].lower()
        kind = _kind_of(name) or ("message" if "thread_id" in head else "user" if "email" in head else "")
        if kind:
            yield kind, data
        return
    with files.Archive(name, data) as archive:
        for member in archive.members(".csv"):
            if kind := _kind_of(member):
                yield kind, archive.read(member)


def _kind_of(path: str) -> str:
    """What the rows of a file are, by its name; an empty text for files that are not read."""
    name = path.replace("\\", "/").rsplit("/", 1)[-1].lower().replace("_", "")
    return next(
        (kind for part, kind in _MEMBERS.items() if name == part or (not part.endswith(".csv") and part in name)), ""
    )


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}+00:00"


# --- rows -----------------------------------------------------------------------------------------------------------------------------


def _key(row: Mapping[str, Any]) -> str:
    """Key of the fact: the message's id; a like is of one person on one message, a best answer is one of its message."""
    kind = row.get("_kind")
    return (
        f"like/{_on(row)}/{_user(row)}"
        if kind == "reaction"
        else f"best/{_on(row)}"
        if kind == "best_reply"
        else str(id_of(row.get("id")))
    )


def _on(row: Mapping[str, Any]) -> str:
    """Id of the message that a like or a best answer is about."""
    return str(id_of(row.get("message_id")) or id_of(row.get("id")))


def _user(row: Mapping[str, Any]) -> str | None:
    """Who wrote a message; who liked it or marked it as the best."""
    names = ("sender_id",) if row.get("_kind", "message") == "message" else ("user_id", "marked_by_id", "liker_id")
    return next((user for name in names if (user := id_of(row.get(name)))), None)


def _refers_to(row: Mapping[str, Any]) -> str | None:
    """The first message of the thread; of a like its message."""
    if row.get("_kind") in {"reaction", "best_reply"}:
        return _on(row)
    thread = id_of(row.get("thread_id"))
    return thread if thread and thread != id_of(row.get("id")) else None


def _placed(rows: Mapping[str, Item]) -> Iterator[Item]:
    """The rows, signs in the community of the message that they are on."""
    for row in rows.values():
        message = rows.get(_refers_to(row) or "") if row.get("_kind") != "message" else None
        yield {**{name: message[name] for name in _PLACE if name in message}, **row} if message else row


_PLACE = ("group_id", "group_name", "in_private_conversation", "in_private_group")


def _room(row: Mapping[str, Any]) -> str:
    return id_of(row.get("group_id")) or NO_COMMUNITY


def _moment(value: Any) -> datetime | None:
    try:
        return parse_time(value)
    except (BadRecord, AttributeError, TypeError):
        return None


def _newest(row: Item) -> tuple[float, str]:
    moment = _moment(row.get("created_at"))
    return moment.timestamp() if moment else 0.0, _key(row)


def _touches(row: Item, window: Window) -> bool:
    """Whether it was written, changed or deleted in the window; without a readable time it comes along, to be reported."""
    if _moment(row.get("created_at")) is None:
        return True
    moments = (_moment(row.get(name)) for name in ("created_at", "updated_at", "deleted_at"))
    return any(moment is not None and window.holds(moment) for moment in moments)


def _flag(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.lower() in _TRUE)


def _is_private(row: Mapping[str, Any]) -> bool:
    return _flag(row.get("in_private_conversation")) or _flag(row.get("in_private_group"))


def _is_best(row: Mapping[str, Any]) -> bool:
    return any(_flag(row.get(name)) for name in ("best_answer", "is_best_answer", "best_reply", "is_best_reply"))


_MENTION = re.compile(r"\[\[user:(\d+)\]\]")
_SLASHED = re.compile(r"(\d{4})/(\d\d)/(\d\d) (\S+) ([+-]\d{4})").fullmatch


# --- messages of the REST API -------------------------------------------------------------------------------------------------------------


_NOTHING: Item = {"_kind": "message"}  # whatever came instead of a row: counted, as a message that lacks everything


def _rows_of_rest(message: Any) -> Iterator[Item]:
    """A row of an export as it is; a message of the REST API as a row, and its likes, of which no time is told."""
    if not isinstance(message, dict) or "id" not in message or not {"thread_id", "sender_id", "body"} & message.keys():
        return
    row = _of_rest(message)
    yield row
    for liker in list_of(dig(message, "liked_by.names")):
        place = {name: row[name] for name in ("group_id", "created_at", "in_private_conversation") if name in row}
        yield {
            **place,
            "_kind": "reaction",
            "_untimed": True,
            "message_id": row["id"],
            "user_id": dig(liker, "user_id"),
        }


def _of_rest(message: Mapping[str, Any]) -> Item:
    body, sorts = message.get("body"), {dig(each, "type") for each in list_of(message.get("attachments"))}
    moment = _SLASHED(str(message.get("created_at")))
    row = {
        "body": dig(body, "plain") or dig(body, "parsed") if isinstance(body, Mapping) else body,
        "created_at": f"{moment[1]}-{moment[2]}-{moment[3]}T{moment[4]}{moment[5]}" if moment else message.get("created_at"),
        "in_private_conversation": _flag(message.get("direct_message")) or message.get("privacy") == "private" or _flag(message.get("in_private_conversation")),
        "_kind": str(message.get("_kind") or "message"),
    }  # fmt: skip
    if sorts:
        named = {
            "opengraphobject:": {"opengraph", "link", "page"},
            "uploadedfile:": {"file", "image", "video", "document"},
        }
        row["attachments"] = " ".join(word for word, of in named.items() if of & sorts)
    return {**message, **row}
