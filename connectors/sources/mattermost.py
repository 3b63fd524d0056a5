"""Mattermost: the public channels of a server that are on the allow-list.

API         v4: channels/{id}/posts by page (newest first, `before` a post) for what was written in the window, and `since` its start for what was
            edited, deleted or reacted to; users/ids and users/usernames, many at a time
Permission  a personal access token or bot token of a member of those channels; no admin rights
Cost        a request per 200 posts, two per channel, one per 100 people
People      users/ids gives the address, which only serves to find the employee; names are never kept; bots and webhooks are no people
Content     text becomes features in the pull stage; names of files and of emoji are dropped
Late facts  edits and deletions of any age are seen by `since`, as are reactions; of a channel with over 1000 changes since the window's start
            only 1000 are shown, which is told as a warning
Questions   as in every chat: `?` and the like outside a thread, answers in its thread, the asker's check mark; see conversation.py
Not seen    direct messages, group messages and private channels: never read; a reaction that was taken back
Verified    with recorded payloads of others and the vendor's OpenAPI description for every request
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, ClassVar

import orjson

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
from connectors.paging import by_cursor, dig
from connectors.source import Connection, Record, Setting, Verified, Window
from connectors.threads import Remembered
from leerstroom.errors import BadRecord, ConfigurationError, UnexpectedShape
from leerstroom.statements import types

logger = logging.getLogger(__name__)

_PAGE, _USERS, _MOST_SINCE = (
    200,
    100,
    1000,
)  # most posts a page, users a request, posts of `since` (the vendor's own figures)
_KINDS = {"P": "private", "D": "a direct chat", "G": "a group chat"}

Raw = Mapping[str, Any]


class Mattermost(ChatSource):
    """A server as a member of the allowed channels sees it."""

    name: ClassVar[str] = "mattermost"
    title: ClassVar[str] = "Mattermost"
    verified: ClassVar[Verified] = Verified.PAYLOADS
    needs_room: ClassVar[bool] = False
    look_back: ClassVar[timedelta] = timedelta(days=3)
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("host", "Server", kind="url", help="such as https://mattermost.example.org"),
        Setting("token", "Access token", secret=True, help="of an account that joined the allowed channels and nothing else"),
        Setting("rooms", "Allowed channels", many=True, help="ids of public channels; nothing else is read"),
        channel_kinds_setting("channel id or name"),
    )  # fmt: skip
    content: ClassVar[Mapping[str, tuple[str, ...]]] = {"message": ("message",)}
    people: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "message": {"user_id": "account"},
        "reaction": {"user": "account"},
    }

    most_since: ClassVar[int] = 1000  # posts that `since` shows, by the vendor's own figure

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._remembered = Remembered(key=_id, refers_to=_root)

    # --- pull -----------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """Posts written, edited or deleted inside the window, and reactions given in it."""
        users = _Users(api)
        for channel in self.connection["rooms"]:
            told = self._channel(api, channel)
            if reason := _KINDS.get(str(told.get("type"))):
                logger.warning("connection %s: channel %s is %s and is not read", self.connection.name, channel, reason)
                continue
            posts, written = self._posts(api, channel, window)
            changed = [each for each in posts.values() if _id(each) in written or _changed(each, window)]
            changed += self._replies(api, [each for each in changed if _id(each) not in written], posts)
            signs = [
                row
                for each in posts.values()
                for row in _reactions(each)
                if _ms(window.start) <= _at(row) < _ms(window.end)
            ]
            users.learn(_people(changed), _named(changed), [row.get("user_id") for row in signs])
            known = {"room_name": told.get("name"), "emails": users.emails}
            for post in changed:
                yield Record("message", _id(post), {
                    **post, **known, "chain": self._chain(api, post, posts), "program": users.is_program(post.get("user_id")), "mentions": users.ids(_named([post])),
                })  # fmt: skip
            for row in signs:
                post = posts[str(row.get("post_id"))]
                program = {"ignored": PROGRAM} if users.is_program(row.get("user_id")) else {}
                yield _sign({**post, "chain": self._chain(api, post, posts)}, row, **known, **program)

    def _posts(self, api: Api, channel: str, window: Window) -> tuple[dict[str, Raw], set[str]]:
        """(all posts that came by, by id; ids of those that were written inside the window)."""
        path, start = f"/api/v4/channels/{channel}/posts", _ms(window.start)
        posts: dict[str, Raw] = {}
        written: set[str] = set()

        def page(before: str | None) -> tuple[list[Raw], str | None]:
            found, body = _listed(api, path, {"per_page": _PAGE, **({"before": before} if before else {})}, posts)
            ended = not found or body.get("prev_post_id") == "" or _at(found[-1]) < start
            return found, None if ended else _id(found[-1])

        for found in by_cursor(page, where=f"connection '{api.connection}' at {path}"):
            written |= {_id(each) for each in found if start <= _at(each) < _ms(window.end)}
        modified, _ = _listed(api, path, {"since": start - 1}, posts)
        if len(modified) >= self.most_since:
            logger.warning("connection %s: channel %s changed more often than Mattermost tells at once; shorten the window or the look-back", api.connection, channel)  # fmt: skip
        written |= {_id(each) for each in modified if start <= _at(each) < _ms(window.end)}
        return posts, written

    @staticmethod
    def _replies(api: Api, changed: list[Raw], posts: dict[str, Raw]) -> list[Raw]:
        """Replies that may have become something else because the older post that opened their thread was edited."""
        known = {_id(each) for each in changed}
        for root in changed:
            if not _root(root) and not root.get("delete_at"):
                _listed(api, f"/api/v4/posts/{_id(root)}/thread", {}, posts)
        return [each for each in posts.values() if _root(each) in known and _id(each) not in known]

    @staticmethod
    def _chain(api: Api, post: Raw, posts: dict[str, Raw]) -> list[Raw]:
        """The opening post of the thread: usually among the posts, else asked for; one that cannot be seen was deleted."""
        root = _root(post)
        if not root:
            return []
        if root not in posts:
            found = api.get(f"/api/v4/posts/{root}", missing_ok=True).body
            posts[root] = found if isinstance(found, dict) else {"id": root, "delete_at": 1}
        return [posts[root]]

    def _channel(self, api: Api, channel: str) -> Raw:
        try:
            found = api.get(f"/api/v4/channels/{channel}", missing_ok=True).body
        except RequestRefused:  # no id at all
            found = None
        if not isinstance(found, dict):
            raise ConfigurationError(f"connection '{api.connection}': the server shows no channel {channel}; correct the list of channels, which are ids")  # fmt: skip
        return found

    def check(self, api: Api) -> str:
        """Whose token it is, and that the allowed channels can be read. Raises ConfigurationError for one that must not be."""
        if not dig(api.get("/api/v4/users/me").body, "id"):
            raise UnexpectedShape(
                f"connection '{api.connection}': no answer of Mattermost; check the host of the connection"
            )
        rooms = self.connection["rooms"]
        for channel in rooms:
            if reason := _KINDS.get(str(self._channel(api, channel).get("type"))):
                raise ConfigurationError(f"connection '{api.connection}': channel {channel} is {reason}, and private channels are never read; take it off the list")  # fmt: skip
            _listed(api, f"/api/v4/channels/{channel}/posts", {"per_page": 1}, {})
        return f"the token is accepted, {len(rooms)} of {len(rooms)} allowed channels can be read"

    # --- read ------------------------------------------------------------------------------------------------------------

    def read(self, payload: Any) -> Iterator[Record]:
        """A post, a page of posts, an event of the WebSocket, an outgoing webhook, or a recorded exchange of these."""
        for item, chain in self._remembered.chains(_items(payload)):
            if "emoji_name" in item:
                on = {**(chain[0] if chain else {"id": item.get("post_id"), "channel_id": item.get("channel_id")}), "chain": chain[1:]}  # fmt: skip
                yield _sign(on, item, removed=item.get("removed") is True)
            elif "create_at" in item and "channel_id" in item and _id(item):
                post = {"chain": chain, **item}
                yield Record("message", _id(item), post)
                for row in _reactions(item):
                    yield _sign(post, row)
            else:
                yield Record("answer", "", {})  # people, channels, events of other kinds

    # --- what a post says -------------------------------------------------------------------------------------------------

    def told(self, message: Raw) -> Told:
        """A post of Mattermost."""
        text, edited = message.get("message"), int_of(message.get("edit_at"))
        return Told(
            id=_id(message),
            room=text_of(message.get("channel_id")) or "",
            at=int_of(message.get("create_at")),
            sender=text_of(message.get("user_id")),
            texts=[text] if isinstance(text, str) else [],
            parent=_root(message),
            carries=types.FILE if list_of(message.get("file_ids")) else None,
            mentions=[each for each in list_of(message.get("mentions")) if isinstance(each, str)],
            revision=str(edited) if edited else "",
            deleted=bool(int_of(message.get("delete_at"))) and not message.get("original_id"),
            ignored=_reason(message),
        )

    def room(self, record: Record) -> Room:
        """The channel."""
        channel, name = record.get("room") or "unknown", record.get("room_name")
        return Room(
            f"{self.tenant}/api/v4/channels/{channel}", self.message_iri, name, self.channel_kind(channel, name)
        )

    def message_iri(self, message_id: str) -> str:
        """The permanent link to a post that needs no name of a team."""
        return f"{self.tenant}/_redirect/pl/{message_id}"


class _Users:
    """Whom the server knows by which address, who of them is a program, and who goes by which name."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._known: dict[str, Raw] = {}
        self._ids: dict[str, str] = {}
        self._asked: set[str] = set()
        self.emails: dict[str, str] = {}

    def learn(self, ids: Iterable[Any], names: Iterable[str], more: Iterable[Any]) -> None:
        """Asks for those that were not asked for before."""
        for way, wanted in (("ids", {*ids, *more}), ("usernames", set(names))):
            new = sorted(each for each in wanted if isinstance(each, str) and each and each not in self._asked)
            self._asked.update(new)
            for start in range(0, len(new), _USERS):
                found = self._api.post(f"/api/v4/users/{way}", json=new[start : start + _USERS]).body
                for user in list_of(found):
                    self._learn(mapping_of(user))

    def _learn(self, user: Raw) -> None:
        user_id, name, email = str(user.get("id")), text_of(user.get("username")), text_of(user.get("email"))
        self._known[user_id] = user
        if name:
            self._ids[name] = user_id
        if email:
            self.emails[user_id] = email

    def is_program(self, user: Any) -> bool:
        """Whether it is a bot."""
        return self._known.get(str(user), {}).get("is_bot") is True

    def ids(self, names: Iterable[str]) -> list[str]:
        """Account ids of those who go by these names."""
        return sorted({self._ids[name] for name in names if name in self._ids})


def _listed(api: Api, path: str, query: Raw, posts: dict[str, Raw]) -> tuple[list[Raw], Raw]:
    """The posts of an answer in its order; all that it shows, opening posts of threads among them, go into `posts`."""
    body = api.get(path, query).body
    shown, order = mapping_of(dig(body, "posts")), dig(body, "order")
    if not isinstance(order, list) or not all(isinstance(each, Mapping) for each in shown.values()):
        raise UnexpectedShape(f"connection '{api.connection}' at {path}: the answer holds no posts with their order")
    posts.update(shown)
    return [shown[each] for each in order if each in shown], mapping_of(body)


# --- payloads -------------------------------------------------------------------------------------------------------------------

_EVENTS = {
    "posted": "post",
    "post_edited": "post",
    "post_deleted": "post",
    "reaction_added": "reaction",
    "reaction_removed": "reaction",
}


def _items(payload: Any) -> list[Raw]:
    """Posts, reactions and others of a payload. Raises BadRecord for a payload of another shape."""
    if isinstance(payload, list) and payload:
        return [item for each in payload for item in _items(each)]
    match payload:
        case {"request": _, "response": {"body": body}}:
            return _items(body)
        case {"order": list() as order, "posts": Mapping() as posts}:
            return [
                each
                for each in (posts.get(name) for name in dict.fromkeys([*order, *posts]))
                if isinstance(each, Mapping)
            ]
        case {"event": str() as event, "data": Mapping() as data}:
            return [_event(event, data, mapping_of(payload.get("broadcast")))]
        case {"post_id": str() as post, "user_id": str() as user, "text": str() as text, "timestamp": at} if int_of(at):
            channel, files = payload.get("channel_id"), str(payload.get("file_ids") or "").split(",")
            at = _outgoing(int_of(at) or 0)
            return [{"id": post, "user_id": user, "message": text, "create_at": at, "channel_id": channel, "file_ids": [each for each in files if each]}]  # fmt: skip
        case {"status_code": int()}:
            raise BadRecord("an error of Mattermost, not an answer")
        case {"status": str(), "seq_reply": int()}:  # the WebSocket's answer to what we asked of it
            return [{}]
        case {"id": str(), "create_at": at} if int_of(at) is not None:
            return [payload]
        case {"emoji_name": str(), "post_id": str()}:
            return [payload]
    raise BadRecord("neither a post nor an answer or event of Mattermost")


def _outgoing(at: int) -> int:
    """The time of an outgoing webhook in milliseconds: it is in seconds where the webhook is sent as a form."""
    return at if at > 100_000_000_000 else at * 1000


def _event(event: str, data: Raw, addressed: Raw) -> Raw:
    """What an event of the WebSocket carries: a post or a reaction as JSON inside JSON; whom it is addressed to tells its channel."""
    name = _EVENTS.get(event, "")
    try:
        carried = orjson.loads(str(data.get(name))) if name else {}
    except orjson.JSONDecodeError:
        raise BadRecord(f"an event '{name}' of Mattermost without its JSON") from None
    more: dict[str, Any] = {"channel_type": data.get("channel_type")}
    if event == "post_deleted":
        more["delete_at"] = int_of(carried.get("delete_at")) or int_of(carried.get("update_at")) or 1
    if event == "reaction_removed":
        more["removed"] = True
    if channel := text_of(addressed.get("channel_id")):
        more["channel_id"] = text_of(mapping_of(carried).get("channel_id")) or channel
    return {**mapping_of(carried), **more}


def _sign(post: Raw, row: Raw, **more: Any) -> Record:
    """A reaction; Mattermost keeps its time."""
    name, user, on = row.get("emoji_name"), row.get("user_id"), _id(post)
    made = sign(
        post,
        id=on,
        room=str(post.get("channel_id") or ""),
        name=name,
        user=user,
        at=int_of(row.get("create_at")),
        **more,
    )
    return Record("reaction", f"{on}/{name}/{user}", made)


def _reason(post: Raw) -> str:
    """Why a post is no statement; empty where it is one."""
    props = mapping_of(post.get("props"))
    if text_of(post.get("channel_type")) in _KINDS:
        return PRIVATE
    if post.get("original_id"):
        return "earlier form of an edited post"
    if post.get("program") or any(
        str(props.get(name)).lower() == "true" for name in ("from_bot", "from_webhook", "from_plugin")
    ):
        return PROGRAM
    return "" if text_of(post.get("type")) in {None, "me"} else SYSTEM


def _reactions(post: Raw) -> list[Raw]:
    return [row for row in rows_of(mapping_of(post.get("metadata")), "reactions") if not row.get("delete_at")]


def _people(posts: Iterable[Raw]) -> list[Any]:
    return [post.get("user_id") for post in posts]


_NAME = re.compile(r"(?<![\w@/])@([a-z0-9][a-z0-9._-]*[a-z0-9_-]|[a-z0-9])", re.IGNORECASE)


def _named(posts: Iterable[Raw]) -> set[str]:
    """Names that stand behind an @, of people or not."""
    texts = [post.get("message") for post in posts]
    return {name.lower() for text in texts if isinstance(text, str) for name in _NAME.findall(text)}


def _id(item: Raw) -> str:
    return text_of(item.get("id")) or (f"reaction {item.get('post_id')}" if "emoji_name" in item else "")


def _root(item: Raw) -> str | None:
    """Id of the post that opened the thread, or of the one reacted to; None for what opens one itself."""
    return text_of(item.get("post_id")) if "emoji_name" in item else text_of(item.get("root_id"))


def _at(item: Raw) -> int:
    return int_of(item.get("create_at")) or 0


def _changed(post: Raw, window: Window) -> bool:
    """Whether an older post was edited or deleted inside the window."""
    return any(
        _ms(window.start) <= (int_of(post.get(name)) or 0) < _ms(window.end) for name in ("edit_at", "delete_at")
    )


def _ms(moment: Any) -> int:
    return int(moment.timestamp() * 1000)
