"""Facebook: a page of the organisation through the Graph API, and groups (also of Workplace) out of files that were exported in time.

API         Graph API: GET /{page}/feed with comments and reactions, which page by paging.next; webhooks of a page (field feed); files in the same form
Permission  a page token with pages_read_engagement and pages_read_user_content, after Meta's review of the app
Cost        none; the limit grows with the people whom the page reaches
People      the id that the app may see of somebody, another one in every app; an e-mail address only in exports of Workplace. Names are never kept
Late facts  comments come for weeks: posts of the last `post_days` days are read again with all that hangs on them
Organisation  what the page itself writes is nobody's learning; a question of the page counts as one, so that answers to it are answers
Deleted     a post or comment that is gone is looked up again as long as its landing is kept, and then taken back
Not seen    who wrote, where Meta does not tell it to the app (then the comment is ignored and counted); who shared; groups and profiles of employees
State       the Groups API ended on 22 April 2024 in all versions; Workplace was read-only from 1 September 2025 and deleted on 1 June 2026:
            groups are read from exported JSON only. Files of "Download your information" name people without ids and are refused
Verified    from documentation
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote

import orjson

from connectors import files
from connectors.chat import PRIVATE, ChatSource, Told, id_of, list_of, sign, without
from connectors.conversation import Room, channel_kinds_setting
from connectors.http import Api
from connectors.paging import by_link, dig
from connectors.source import Connection, Kind, Record, Setting, Verified, Window
from connectors.threads import Remembered
from leerstroom.errors import BadRecord, ConfigurationError
from leerstroom.statements import parse_time, types

NOBODY = "the platform does not tell the writer"
ORGANISATION = "written by the organisation itself"
_FIELDS = "id,message,created_time,updated_time,from,message_tags,attachments{media_type,type}"
_ON_A_COMMENT = f"{_FIELDS.replace('updated_time,', '').replace('attachments{media_type,type}', 'attachment{type}')},reactions.limit(100){{id,type}}"
_ON_A_POST = f"{_FIELDS},comments.limit(100){{{_ON_A_COMMENT},comments.limit(100){{{_ON_A_COMMENT}}}}},reactions.limit(100){{id,type}}"
_SECRET = frozenset({"SECRET", "SELF", "ALL_FRIENDS", "FRIENDS_OF_FRIENDS", "CUSTOM"})
_GONE = frozenset({"remove", "delete"})  # by `verb` of a webhook
_SAID = frozenset({"add", "edit", "edited", "update", *_GONE})
_WRITTEN = frozenset({
    "comment",
    "post",
    "status",
    "link",
    "share",
    "photo",
    "album",
    "video",
    "note",
})  # by `item` of a webhook
_SIGNS = {"like": "+1", "love": "❤", "care": "❤", "pride": "+1"}


class Facebook(ChatSource):
    """A page, or files of a group."""

    name: ClassVar[str] = "facebook"
    title: ClassVar[str] = "Facebook (page; exported groups, Workplace)"
    kind: ClassVar[Kind] = Kind.SOCIAL
    verified: ClassVar[Verified] = Verified.DOCUMENTATION
    look_back: ClassVar[timedelta] = timedelta(days=3)
    one_sign_each: ClassVar[bool] = True
    documents: ClassVar[tuple[str, ...]] = (".zip",)
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("host", "Address", default="https://graph.facebook.com", kind="url", required=False),
        Setting("rooms", "Allowed pages and groups", many=True, help="ids; a page is asked for over the network, a group must be in the files"),
        channel_kinds_setting("id as above"),
        Setting("token", "Page token", secret=True, required=False, help="that does not end: of a system user"),
        Setting("version", "Version of the API", default="v25.0", required=False),
        Setting("post_days", "Days of posts", default=30, kind="number", required=False, help="how long comments on a post are looked for"),
        Setting("files", "Exported files", many=True, required=False, help="JSON of groups, or archives of it; then nothing is asked over the network"),
    )  # fmt: skip

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._read: set[str] = set()  # ids of all that the last pull saw …
        self._since = math.inf  # … of posts since then, in milliseconds
        self._remembered = Remembered(key=lambda item: str(id_of(item.get("id"))), refers_to=_refers_to)

    @property
    def tenant(self) -> str:
        """The network, whichever address its API has."""
        return str(self.connection.get("tenant") or "https://www.facebook.com").rstrip("/")

    @staticmethod
    def meant(status: int, body: Any) -> int:
        """The status that a refusal means: Graph refuses with 400 for whatever reason, and says the reason in a code."""
        code = dig(body, "error.code")
        if status < 400 or not isinstance(code, int):
            return status
        if 200 <= code < 300:
            return 403
        return 429 if 80000 <= code <= 80014 else _MEANT.get(code, status)

    # --- pull ---------------------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """What was written on the allowed pages or in the exported groups inside the window."""
        records = self._exported() if self.connection.get("files") else self._asked(api, window)
        seen: set[tuple[str, str]] = set()
        for record in records:
            moment = _moment(record)
            if (moment is None or window.holds(moment)) and (record.kind, record.key) not in seen:
                seen.add((record.kind, record.key))
                yield record

    def _asked(self, api: Api, window: Window) -> Iterator[Record]:
        since = window.start - timedelta(days=float(self.connection.get("post_days", 30)))
        self._read, self._since = set(), since.timestamp() * 1000
        query = {
            "fields": _ON_A_POST,
            "since": int(since.timestamp()),
            "until": int(window.end.timestamp()),
            "limit": 25,
        }
        for page in self.connection["rooms"]:
            for posts, _ in by_link(
                api, f"/{self._version}/{quote(page, safe='')}/feed", query, items="data", link="paging.next"
            ):
                for post in posts:
                    for record in _spread(_complete(api, post), page, page=page):
                        self._read.add(record.key)
                        yield record

    def _exported(self) -> Iterator[Record]:
        allowed = frozenset(map(str, self.connection["rooms"]))
        for path in files.matching(
            self.connection["files"], connection=self.connection.name, suffixes=(".json", ".zip")
        ):
            for record in self.read_document(files.read(path), path):
                if record.get("room") in allowed:
                    yield record

    @property
    def _version(self) -> str:
        return str(self.connection.get("version") or "v25.0")

    def recheck(self, api: Api, landed: Iterable[Record]) -> Iterator[Record]:
        """What landed before and hangs on a post that was read now, but was not there any more; and posts that were not."""
        for record in landed:
            root = dig(record, "root.id")
            written = _milliseconds(record.get("at"))
            is_read_again = root in self._read if root else written is not None and written >= self._since
            if (
                record.kind == "message"
                and is_read_again
                and record.key not in self._read
                and not record.get("deleted")
            ):
                yield Record("message", record.key, {"id": record.key, "room": record.get("room"), "verb": "remove"})

    def check(self, api: Api) -> str:
        """Reads the head of each page, or the files."""
        if self.connection.get("files"):
            try:
                return (
                    f"the files hold {sum(1 for _ in self._exported())} posts, comments and reactions of allowed groups"
                )
            except BadRecord as error:
                raise ConfigurationError(f"connection '{self.connection.name}': {error}") from error
        for page in self.connection["rooms"]:
            api.get(f"/{self._version}/{quote(page, safe='')}", {"fields": "id"})
        return f"{len(self.connection['rooms'])} pages can be read"

    # --- read ---------------------------------------------------------------------------------------------------------------------

    def read_document(self, data: bytes, name: str) -> Iterator[Record]:
        """The posts of an exported group: its JSON, or the archive that holds it. Raises BadRecord."""
        if data[:2] != b"PK":
            try:
                yield from self.read(orjson.loads(data))
            except orjson.JSONDecodeError as error:
                raise BadRecord(f"{name.rsplit('/', 1)[-1]} is no JSON") from error
            return
        found = False
        with files.Archive(name, data) as archive:
            for member in archive.members(".json"):
                try:
                    yield from self.read(orjson.loads(archive.read(member)))
                    found = True
                except (BadRecord, orjson.JSONDecodeError):
                    continue
        if not found:
            raise BadRecord(f"{name.rsplit('/', 1)[-1]} holds no posts in the form of the Graph API")

    def read(self, payload: Any) -> Iterator[Record]:
        """A page of a feed, a post with all that hangs on it, a comment, a group with its feed, a webhook, or a record as this source gives it."""
        if isinstance(payload, dict) and ("response" in payload and "request" in payload):
            payload = dig(payload, "response.body")
        found = list(_records(payload, None))
        if not any(found) and dig(payload, "data") != []:
            raise BadRecord(_refusal(payload))
        plain = [record for record in found if record.kind == "message" and not record.get("chain")]
        for message, chain in self._remembered.chains(plain):
            message["chain"] = chain  # type: ignore[index]  # the record itself, which _records made
        yield from found

    # --- what a message says --------------------------------------------------------------------------------------------------------

    def told(self, message: Mapping[str, Any]) -> Told:
        """A post or a comment."""
        sender, text = id_of(dig(message, "from.id")), message.get("message")
        kinds = {dig(each, "media_type") or dig(each, "type") for each in list_of(message.get("attachments"))} | {
            dig(message, "attachment.type")
        }
        gone = str(message.get("verb")) in _GONE
        tagged = [each for each in list_of(message.get("message_tags")) if dig(each, "type") == "user"]
        return Told(
            id=str(id_of(message.get("id"))),
            room=_room(message),
            at=message.get("created_time"),
            sender=sender,
            texts=(without(text, [(dig(each, "offset"), dig(each, "length")) for each in tagged]),)
            if isinstance(text, str)
            else (),
            has_link=bool(kinds & {"link", "share", "fallback"}),
            parent=_refers_to(message),
            carries=types.FILE if kinds & {"photo", "album", "video", "file", "file_upload"} else None,
            mentions=[user for each in tagged if (user := id_of(dig(each, "id")))],
            edited_unseen=True,
            deleted=gone,
            ignored="" if gone else _ignored(message, sender),
        )

    def room(self, record: Record) -> Room:
        """A page or a group by its id; posts and comments by theirs."""
        room = str(record["room"])
        return Room(
            iri=f"{self.tenant}/{quote(room, safe='')}",
            message_iri=lambda message: f"{self.tenant}/{quote(message, safe='')}",
            name=record.get("room_name"),
            channel_kind=self.channel_kind(room),
            type_iri=types.COMMUNITY_SITE,
            opening_type=types.MESSAGE,
            reply_type=types.COMMENT,
        )


# --- the Graph API ------------------------------------------------------------------------------------------------------------------------

_MEANT = {190: 401, 102: 401, 10: 403, 368: 403, 4: 429, 17: 429, 32: 429, 613: 429, 1: 503, 2: 503}


def _complete(api: Api, item: Any) -> Any:
    """The post with its comments and reactions whole: lists inside an answer hold a first page and name the next."""
    if not isinstance(item, dict):
        return item
    made = dict(item)
    for name in ("comments", "reactions"):
        held = list_of(dig(item, f"{name}.data"))
        if following := dig(item, f"{name}.paging.next"):
            for more, _ in by_link(api, str(following), items="data", link="paging.next"):
                held = [*held, *more]
        if name in item:
            made[name] = {"data": [_complete(api, each) if name == "comments" else each for each in held]}
    return made


# --- posts ---------------------------------------------------------------------------------------------------------------------------------


def _records(payload: Any, group: str | None, name: str | None = None) -> Iterator[Record]:
    if isinstance(payload, list):
        for number, each in enumerate(payload, 1):
            # whatever it is, it is counted, as a post that lacks everything
            yield from list(_records(each, group, name)) or [Record("message", f"item {number}", {})]
    elif not isinstance(payload, dict):
        return
    elif isinstance(payload.get("entry"), list):
        for entry in payload["entry"]:
            for change in list_of(dig(entry, "changes")):
                yield from _changed(dig(change, "value"), id_of(dig(entry, "id")))
    elif isinstance(payload.get("data"), list):
        yield from _records(payload["data"], group, name)
    elif isinstance(payload.get("feed"), dict | list):
        feed = payload["feed"]
        if str(payload.get("privacy")).upper() in _SECRET:  # of the group, so of all in it
            feed = [
                {**post, "privacy": "SECRET"} for post in list_of(dig(feed, "data") or feed) if isinstance(post, dict)
            ]
        yield from _records(feed, id_of(payload.get("id")), id_of(payload.get("name")))
    elif "on" in payload and "user" in payload:
        yield Record("reaction", f"{payload['on']}/{payload['user']}", payload)
    elif id_of(payload.get("id")) and "created_time" in payload:
        yield from _spread(payload, group, name=name)


def _spread(
    post: Any, room: str | None, *, page: str | None = None, name: str | None = None, chain: tuple[Any, ...] = ()
) -> Iterator[Record]:
    """A post or comment, its reactions, and the comments on it with theirs."""
    if not isinstance(post, dict):
        return
    own: dict[str, Any] = {
        each: value for each, value in post.items() if each not in {"comments", "reactions", "chain"}
    }
    own["room"] = room or id_of(post.get("room")) or id_of(dig(post, "to.data.0.id")) or _room(post)
    if name:
        own["room_name"] = name
    if chain:
        own["on"] = str(id_of(chain[0].get("id")))
    own["attachments"] = dig(post, "attachments.data") or post.get("attachments")
    email = {id_of(dig(post, "from.id")): dig(post, "from.email")}
    by_page = id_of(dig(post, "from.id")) == (
        page or own["room"]
    )  # a page stands in its own posts' ids, no person does
    key = str(id_of(post.get("id")))
    yield Record(
        "message", key, {**own, "by_page": by_page, "emails": email, "chain": list(chain) or list_of(post.get("chain"))}
    )
    for reaction in list_of(dig(post, "reactions.data")):
        user, sort = id_of(dig(reaction, "id")), str(dig(reaction, "type") or "like").lower()
        on = {**own, "chain": list(chain)}
        fields = sign(on, id=key, room=own["room"], name=_SIGNS.get(sort, sort), user=user, at=post.get("created_time"), timed=False, ignored="" if user else NOBODY)  # fmt: skip
        yield Record("reaction", f"{key}/{user}", fields)
    for number, comment in enumerate(list_of(dig(post, "comments.data")), 1):
        told = list(_spread(comment, own["room"], page=page, name=name, chain=(own, *chain)))
        yield from told or [
            Record("message", f"comment {number} on {key}", {})
        ]  # counted, as one that lacks everything


def _changed(value: Any, page: str | None) -> Iterator[Record]:
    """A webhook of a page: a post, comment or reaction that was added, edited or taken away."""
    if not isinstance(value, dict) or not page:
        return
    post, parent, made = (
        id_of(value.get("post_id")),
        id_of(value.get("parent_id")),
        _from_epoch(value.get("created_time")),
    )
    verb = str(value.get("verb"))
    item, on = str(value.get("item")), id_of(value.get("comment_id")) or post
    if item in {"reaction", "like"} and on:
        user = id_of(dig(value, "from.id"))
        sort = str(value.get("reaction_type") or "like")
        fields = sign({"id": on, "room": page}, id=on, room=page, name=_SIGNS.get(sort, sort), user=user, at=made, removed=verb in _GONE, ignored="" if user else NOBODY)  # fmt: skip
        yield Record("reaction", f"{on}/{user}", fields)
    elif item not in _WRITTEN or verb not in _SAID:  # that a page hid or shows a comment carries no text
        yield Record("message", f"{item} {on}", {"id": f"{item} {on}", "elsewhere": True})
    elif key := (id_of(value.get("comment_id")) if item == "comment" else post):
        place = {"on": parent or post} if item == "comment" else {}
        by_page = id_of(dig(value, "from.id")) == page
        own = {
            "id": key,
            "room": page,
            "from": value.get("from"),
            "message": value.get("message"),
            "created_time": made,
            "verb": verb,
        }
        yield Record("message", key, {**own, **place, "by_page": by_page, "attachment": {"type": item}, "chain": []})


def _ignored(message: Mapping[str, Any], sender: str | None) -> str:
    if message.get("elsewhere"):
        return "webhook about something else than posts, comments and reactions"
    if str(dig(message, "privacy.value") or message.get("privacy")).upper() in _SECRET:
        return PRIVATE
    if message.get("by_page"):
        return ORGANISATION
    return "" if sender else NOBODY


def _refers_to(message: Mapping[str, Any]) -> str | None:
    return id_of(message.get("on")) or id_of(dig(message, "parent.id")) or id_of(dig(message, "object.id"))


def _room(message: Mapping[str, Any]) -> str:
    """The page or group: said, or the first part of a post's id."""
    return id_of(message.get("room")) or (id_of(message.get("id")) or "").partition("_")[0]


def _refusal(payload: Any) -> str:
    if isinstance(payload, dict) and any(
        re.fullmatch(r"(?:group_posts|posts|comments|reactions)(?:_and_comments)?_v2", str(name)) for name in payload
    ):
        return "a file of 'Download your information' names people without ids; nobody in it can be recognised"
    return "no post, comment or feed in the form of the Graph API"


def _from_epoch(value: Any) -> Any:
    return datetime.fromtimestamp(value, UTC).isoformat() if isinstance(value, int) and 0 < value < 1e11 else value


def _moment(record: Record) -> datetime | None:
    return _time(record.get("at") if record.kind == "reaction" else record.get("created_time"))


def _milliseconds(value: Any) -> float | None:
    moment = _time(value)
    return moment.timestamp() * 1000 if moment else None


def _time(value: Any) -> datetime | None:
    try:
        return parse_time(value)
    except (BadRecord, AttributeError):
        return None
