"""Google Chat: the conversations in spaces that are on the allow-list.

API         Chat v1: messages of a space by time of creation, deleted ones included; space events for edits, deletions and reactions
Permission  a service account with domain-wide delegation, acting for a member of the spaces (chat.messages.readonly, chat.spaces.readonly,
            chat.messages.reactions.readonly), or as a Chat app that an administrator approved (chat.app.messages.readonly, chat.app.spaces.readonly)
People      the Google id, the directory's column id_googlechat; an address only where Google shows one. Apps are ignored
Content     texts become features in the pull stage; mentioned names are cut out first; cards, attachments' names and quoted texts are dropped
Late facts  edits, deletions and reactions are events that Google keeps for 28 days; look back 3 days. An edit replaces the statement
Questions   as in every conversation: rule question-in-text; replies of others answer (reply-to-question); the asker's check mark accepts
Kept        events 28 days: an older window brings messages as they are now, without reactions
Not seen    direct messages, group chats and messages to one person: never read, whatever the allow-list says; reactions to what is older
            than 28 days
Verified    from the discovery document
"""

import logging
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote

import orjson

from connectors import google
from connectors.chat import spoken, without
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
from connectors.http import Api
from connectors.paging import dig
from connectors.source import Connection, Kind, Record, Setting, Source, Verified, Window, maps
from connectors.threads import LONGEST_CHAIN, Remembered
from leerstroom.errors import BadRecord, ConfigurationError, UnexpectedShape
from leerstroom.features import asks, features
from leerstroom.people import People, Pseudonyms
from leerstroom.statements import Ignored, Outcome, parse_time, types, utc_text

logger = logging.getLogger(__name__)

_BASE = "https://www.googleapis.com/auth/"
_AS_MEMBER = " ".join(f"{_BASE}{each}" for each in ("chat.messages.readonly", "chat.spaces.readonly", "chat.messages.reactions.readonly"))  # fmt: skip
_AS_APP = f"{_BASE}chat.app.messages.readonly {_BASE}chat.app.spaces.readonly"
_EVENTS_KEPT = timedelta(days=28)
_EVENT = "google.workspace.chat."
_OF_SPACES = (f"{_EVENT}space.", f"{_EVENT}membership.")
_PRIVATE = frozenset({"DIRECT_MESSAGE", "GROUP_CHAT", "DM"})
_PAGE = 1000

Post = Mapping[str, Any]


class GoogleChat(Source):
    """Spaces of one Google Workspace."""

    name: ClassVar[str] = "googlechat"
    title: ClassVar[str] = "Google Chat"
    kind: ClassVar[Kind] = Kind.CHAT
    verified: ClassVar[Verified] = Verified.DOCUMENTATION
    look_back: ClassVar[timedelta] = timedelta(days=3)
    requests_per_minute: ClassVar[float | None] = 600
    settings: ClassVar[tuple[Setting, ...]] = (
        *google.ACCOUNT,
        Setting("user", "Acts for", required=False, help="address of a member of the spaces; empty: as an approved Chat app"),
        Setting("spaces", "Allowed spaces", many=True, help="spaces/… as in the address of a space; nothing else is read"),
        channel_kinds_setting("space as above"),
        Setting("host", "API", default="https://chat.googleapis.com", kind="url", required=False),
        google.OAUTH,
    )  # fmt: skip
    looks_ahead: ClassVar[bool] = True
    record_kinds: ClassVar[tuple[str, ...]] = ("message", "reaction", "other")
    content: ClassVar[Mapping[str, tuple[str, ...]]] = {"message": ("text", "formattedText", "argumentText", "fallbackText")}  # fmt: skip
    people: ClassVar[Mapping[str, Mapping[str, str]]] = {"message": {"sender.name": "account", "sender.email": "email"}}

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._kinds = {_space(name): kind for name, kind in channel_kinds(connection).items()}
        self._remembered = Remembered(key=_name, refers_to=lambda post: _refers_to(self._placed(post)))
        self._firsts: dict[str, str] = {}  # thread -> the message that opened it, as far as `read` met them

    @property
    def tenant(self) -> str:
        """Ids of spaces and people are Google's, the same for all customers."""
        return str(self.connection.get("tenant") or "https://chat.google.com").rstrip("/")

    def auth(self) -> Any:
        """A token for a member of the spaces, or for the app itself."""
        user = self.connection.get("user", "")
        return google.Delegation(self.connection, _AS_MEMBER if user else _AS_APP, user)

    quota = staticmethod(google.quota)

    # --- pull ---------------------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """Messages of the allowed spaces that were written in the window, and what became of others in it."""
        for space in map(_space, self.connection["spaces"]):
            about = _described(api, space)
            if _is_private(about):
                logger.warning("connection %s: a direct message or group chat is not read; take it off the list", api.connection)  # fmt: skip
                continue
            room = {"space": {"name": space}, "room": about.get("displayName")}
            yield from _Space(api, space, room).records(window, self.now())

    def check(self, api: Api) -> str:
        """Tries each allowed space. Raises ConfigurationError for one that must not be read."""
        spaces = [_space(each) for each in self.connection["spaces"]]
        for number, space in enumerate(spaces, 1):
            if _is_private(_described(api, space)):
                raise ConfigurationError(
                    f"connection '{api.connection}': number {number} of the spaces is a direct message or group chat; take it off the list"
                )
            api.get(f"/v1/{space}/messages", {"pageSize": 1})
        return f"the token is accepted, {len(spaces)} of {len(spaces)} allowed spaces can be read"

    # --- payloads ------------------------------------------------------------------------------------------------------------------

    def read(self, payload: Any) -> Iterator[Record]:
        """A page of messages, space events or reactions, one of these, an event that a Chat app or a subscription receives, or a recorded exchange."""
        if isinstance(payload, Mapping) and "response" in payload:
            payload = dig(payload, "response.body") if isinstance(dig(payload, "response.body"), Mapping) else payload["response"]  # fmt: skip
        found = list(_told(payload))
        if payload != {} and not _is_empty_list(payload) and all(sort == "unknown" for sort, _ in found):
            raise BadRecord("no message, reaction or event of Google Chat")
        posts = [self._placed(fields) for sort, fields in found if sort == "message"]
        chains = {id(post): chain for post, chain in self._remembered.chains(posts)}
        following = iter(posts)
        for sort, fields in found:
            if sort == "message":
                post = next(following)
                yield Record("message", _name(post), {**post, "chain": chains[id(post)]})
            elif sort == "reaction":
                [(_, chain)] = self._remembered.chains([_pointer(fields)])
                yield _reaction(fields, chain)
            else:
                yield Record("other", sort, {"what": sort})

    def _placed(self, post: Post) -> Post:
        """The message, with the one that opened its thread where that was met before."""
        thread = _text(dig(post, "thread.name")) or ""
        if thread and not post.get("threadReply"):
            self._firsts.setdefault(thread, _name(post))
        first = self._firsts.get(thread)
        return {**post, "opened_by": first} if first and post.get("threadReply") else post

    # --- at the edge ---------------------------------------------------------------------------------------------------------------

    def minimise(self, record: Record, pseudonyms: Pseudonyms) -> Record:
        """What lands: times, ids of things, keyed references of people, features; of what is referred to only who wrote it and whether it asked."""

        def person(user: Any) -> str | None:
            number = google.user_id(user.get("name")) if isinstance(user, Mapping) else None
            return self.reference(pseudonyms, "account", number)

        def brief(post: Any) -> dict[str, Any] | None:
            if not isinstance(post, Mapping):
                return None
            changed = bool(post.get("lastUpdateTime") or post.get("deleteTime"))
            return Brief(_name(post), person(post.get("sender")), _asks(post), _is_deleted(post), changed).landed()

        if record.kind == "other":
            return Record(record.kind, record.key, {"what": record.get("what")})
        if _is_private(record.get("space")) or record.get("privateMessageViewer"):
            return Record(record.kind, pseudonyms.account(self.tenant, record.key), {"is_private": True})
        chain = record.get("chain")
        briefs = [brief(each) for each in chain] if isinstance(chain, list) else []
        space = _name(record).split("/messages")[0]
        kept: dict[str, Any] = {
            "space": space,
            "room": _text(record.get("room")),
            "about": briefs[0] if briefs else None,
            "root": briefs[-1] if briefs else None,
        }
        if record.kind == "reaction":
            kept |= {
                "on": _text(record.get("on")),
                "sender": person(record.get("user")),
                "at": record.get("eventTime"),
                "written": record.get("written"),
                "deleted": bool(record.get("deleted")),
                "sign": sign_of(dig(record, "emoji.unicode") or dig(record, "emoji.customEmoji.emojiName")),
            }
            key = f"{kept['on']}/{pseudonyms.account(self.tenant, record.key)}"
        else:
            email = dig(record, "sender.email")
            mentioned = {person(dig(each, "userMention.user")) for each in _annotations(record, "USER_MENTION") if dig(each, "userMention.user.type") != "BOT"}  # fmt: skip
            kept |= {
                "deleted": _is_deleted(record),
                "is_application": dig(record, "sender.type") == "BOT",
                "sender": person(record.get("sender")),
                "email": self.reference(pseudonyms, "email", email) if isinstance(email, str) else None,
                "at": record.get("createTime"),
                "edited": record.get("lastUpdateTime"),
                "refers_to": _refers_to(record),
                "carries": bool(_files(record)),
                "mentions": sorted(filter(None, mentioned)),
                "features": _features(record),
            }
            key = record.key
        return Record(record.kind, key, {name: value for name, value in kept.items() if value not in (None, [], "", False)})  # fmt: skip

    # --- map -------------------------------------------------------------------------------------------------------------------------

    @maps("message", is_private=True)
    @maps("reaction", is_private=True)
    def private(self, post: Record, people: People) -> Outcome:
        """What people say to each other alone."""
        return Ignored("message of a private conversation")

    @maps("message", deleted=True)
    def deleted(self, post: Record, people: People) -> Iterable[Outcome]:
        """What was made of a deleted message is taken back."""
        yield Ignored("deleted by its writer or a manager")
        yield from gone(post.key)

    @maps("message", is_application=True)
    def application(self, post: Record, people: People) -> Outcome:
        """Posts of Chat apps."""
        return Ignored("message of an application")

    @maps("message")
    def message(self, post: Record, people: People) -> Iterable[Outcome]:
        """A message: a question, an answer, another reply, something shared, or a post."""
        if not post.get("sender"):
            raise BadRecord("the message names no sender")
        return said(
            Message(
                id=post.key,
                sender=Person(post["sender"], post.get("email")),
                at=_time(post, "at"),
                room=self._room(post),
                features=post["features"],
                parent=post.get("refers_to"),
                about=Brief.of(post.get("about")),
                root=Brief.of(post.get("root")),
                carries=types.FILE if post.get("carries") else None,
                mentions=map(Person, post.get("mentions", ())),
                revision=utc_text(_time(post, "edited")) if post.get("edited") else "",
            ),
            people,
        )

    @maps("reaction", deleted=True)
    def reaction_taken_back(self, post: Record, people: People) -> Iterable[Outcome]:
        """A reaction that somebody took back."""
        yield Ignored("reaction that was taken back")
        yield from gone(post.key, edits=False)

    @maps("reaction")
    def reaction(self, post: Record, people: People) -> Iterable[Outcome]:
        """A sign on somebody's message; a list of reactions has no times, then the message's stands for it."""
        if not post.get("sender"):
            raise BadRecord("the reaction names nobody")
        timed = bool(post.get("at"))
        if not timed and not post.get("written"):
            raise BadRecord("neither the time of the reaction nor its message is known")
        return signed(
            Sign(
                id=post.key,
                sender=Person(post["sender"]),
                at=_time(post, "at" if timed else "written"),
                room=self._room(post),
                on=post.get("on"),
                meaning=post.get("sign"),
                about=Brief.of(post.get("about")),
                root=Brief.of(post.get("root")),
                timed=timed,
            ),
            people,
        )

    @maps("other")
    def other(self, post: Record, people: People) -> Outcome:
        """Changes of the space and of its members; what we do not know is no such event."""
        if post.get("what") in {None, "unknown"}:
            raise BadRecord("no message, reaction or event of Google Chat")
        return Ignored("event of the space or its members")

    def _room(self, post: Record) -> Room:
        space = post["space"]
        return Room(
            iri=self.message_iri(space),
            message_iri=self.message_iri,
            name=_text(post.get("room")),
            channel_kind=_text(self._kinds.get(space)),
        )

    def message_iri(self, name: str) -> str:
        """IRI of a space or a message: its resource name below Chat's address."""
        return f"{self.tenant}/{quote(name)}"


class _Space:
    """One space in one pull: what was given already, and the messages that opened its threads."""

    def __init__(self, api: Api, space: str, room: Mapping[str, Any]) -> None:
        self._api, self._space, self._about = api, space, room
        self._given: set[str] = set()
        self._firsts: dict[str, dict[str, Any] | None] = {}
        self._by_name: dict[str, dict[str, Any]] = {}

    def records(self, window: Window, now: datetime) -> Iterator[Record]:
        """Changes first: they hold the messages as they are now."""
        since, until = max(window.start, now - _EVENTS_KEPT + timedelta(minutes=5)), min(window.end, now)
        if since < until:
            yield from self._changed(since, until)
        query = f'create_time > "{_before(window.start)}" AND create_time < "{utc_text(window.end)}"'
        for post in self._messages(query):
            yield from self._message(post)
        if since < until:
            yield from self._reactions(since, until)

    def _changed(self, since: datetime, until: datetime) -> Iterator[Record]:
        """Messages that were edited or deleted; replies say again what they are when their question was edited."""
        for event in self._events(since, until, "message.v1.updated", "message.v1.deleted"):
            for sort, post in _told(event):
                if sort != "message":
                    continue
                yield from self._message(post)
                thread = dig(post, "thread.name")
                if thread and not post.get("threadReply"):
                    for each in self._messages(f"thread.name = {thread}"):
                        yield from self._message(each)

    def _message(self, post: dict[str, Any]) -> Iterator[Record]:
        if _name(post) not in self._given:
            self._given.add(_name(post))
            placed = self._placed(post)
            yield Record("message", _name(post), {**placed, **self._about, "chain": self._chain(placed)})

    def _reactions(self, since: datetime, until: datetime) -> Iterator[Record]:
        """Reactions, and those that were taken back; one that came and went leaves only that it went."""
        left = {
            str(fields.get("name")): fields
            for event in self._events(since, until, "reaction.v1.deleted")
            for sort, fields in _told(event)
            if sort == "reaction"
        }
        for fields in left.values():
            yield _reaction({**fields, **self._about}, [])
        for event in self._events(since, until, "reaction.v1.created"):
            for sort, fields in _told(event):
                if (
                    sort == "reaction"
                    and str(fields.get("name")) not in left
                    and str(fields.get("name")) not in self._given
                ):
                    self._given.add(str(fields.get("name")))
                    yield _reaction({**fields, **self._about}, self._chain(_pointer(fields)))

    def _events(self, since: datetime, until: datetime, *sorts: str) -> Iterator[dict[str, Any]]:
        wanted = " OR ".join(f'event_types:"{_EVENT}{sort}"' for sort in sorts)
        # the start is exclusive, the end is not
        query = f'start_time="{_before(since)}" AND end_time="{_before(until)}" AND ({wanted})'
        yield from google.rows(self._api, f"/v1/{self._space}/spaceEvents", "spaceEvents", {"filter": query, "pageSize": 100})  # fmt: skip

    def _messages(self, query: str, most: int = _PAGE) -> Iterator[dict[str, Any]]:
        asked = {"filter": query, "showDeleted": "true", "pageSize": most}
        for post in google.rows(self._api, f"/v1/{self._space}/messages", "messages", asked):
            thread = _text(dig(post, "thread.name"))
            if thread and not post.get("threadReply"):
                self._firsts[thread] = self._by_name[_name(post)] = post
            yield post

    def _placed(self, post: dict[str, Any]) -> dict[str, Any]:
        """The message, with the name of the one that opened its thread."""
        thread = _text(dig(post, "thread.name"))
        if not thread or not post.get("threadReply"):
            return post
        if thread not in self._firsts:
            self._firsts[thread] = next(self._messages(f"thread.name = {thread}", 1), None)
        first = self._firsts[thread]
        return {**post, "opened_by": _name(first)} if first else post

    def _chain(self, post: Post) -> list[dict[str, Any]]:
        """What the message refers to, up to the one that opened the conversation."""
        chain: list[dict[str, Any]] = []
        here: Post = post
        while (name := _refers_to(here)) and "/messages/" in name and len(chain) < LONGEST_CHAIN:
            if name not in self._by_name:
                self._by_name[name] = self._api.get(f"/v1/{name}", missing_ok=True).body or {}
            found = self._by_name[name]
            if not found:
                break
            here = self._placed(found)
            chain.append(dict(here))
        return chain


# --- spaces ------------------------------------------------------------------------------------------------------------------------------


def _space(allowed: Any) -> str:
    """`spaces/AAA` out of that, of its id or of the address of the space."""
    told = str(allowed).rstrip("/")
    for mark in ("/room/", "/space/", "spaces/"):
        if mark in told:
            return f"spaces/{told.rsplit(mark, 1)[1].partition('?')[0].partition('/')[0]}"
    return f"spaces/{told}"


def _described(api: Api, space: str) -> dict[str, Any]:
    body = api.get(f"/v1/{space}", missing_ok=True).body
    if body is None:
        raise ConfigurationError(
            f"connection '{api.connection}': a space of the list does not exist or is not shown; correct the list"
        )
    if not isinstance(body, dict) or "name" not in body:
        raise UnexpectedShape(f"connection '{api.connection}': the answer is no space; check the host")
    return body


def _is_private(space: Any) -> bool:
    return isinstance(space, Mapping) and (
        not _PRIVATE.isdisjoint((str(space.get("spaceType")), str(space.get("type"))))
        or space.get("singleUserBotDm") is True
    )


def _before(moment: datetime) -> str:
    """Just before a moment, for filters that leave their bound out."""
    return (moment.astimezone(UTC) - timedelta(microseconds=1)).isoformat()


# --- payloads ------------------------------------------------------------------------------------------------------------------------------

_LISTS = ("messages", "spaceEvents", "reactions")


def _is_empty_list(payload: Any) -> bool:
    return isinstance(payload, Mapping) and any(payload.get(name) == [] for name in _LISTS)


def _told(payload: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """(message, reaction or a kind of event; its fields) of whatever Chat sends; when it happened and that it was deleted stand with it."""
    if not isinstance(payload, Mapping):
        return
    event_type = str(payload.get("eventType") or payload.get("type") or "")
    when = {"eventTime": payload["eventTime"]} if isinstance(payload.get("eventTime"), str) else {}
    deleted = event_type.lower().endswith("deleted")
    name = str(payload.get("name") or "")
    if "/reactions/" in name:
        yield "reaction", dict(payload)
    elif "/messages/" in name:
        yield "message", dict(payload)
    elif isinstance(pushed := dig(payload, "message.data"), str) and isinstance(dig(payload, "message.attributes"), Mapping):  # fmt: skip
        yield from _told(_subscribed(pushed, payload["message"]["attributes"]))
    elif isinstance(payload.get("chat"), Mapping):  # of an app that is an add-on
        yield from _added_on(payload["chat"])
    elif isinstance(payload.get("message"), Mapping):  # of an app, a subscription, or inside an event
        post = _spaced(payload["message"], payload.get("space"))
        if deleted and "deleteTime" not in post:
            post["deleteTime"] = when.get("eventTime", "")
        yield from (("message", post),) if "/messages/" in str(post.get("name")) else ()
    elif isinstance(payload.get("reaction"), Mapping):
        yield "reaction", {**payload["reaction"], **when, **({"deleted": True} if deleted else {})}
    elif datas := [value for key, value in payload.items() if key.endswith("EventData") and isinstance(value, Mapping)]:
        for each in datas:
            yield from list(_told({**each, **when, "eventType": event_type})) or [(event_type, {})]
    elif (
        (name and "/spaceEvents/" in name)
        or event_type.startswith(_OF_SPACES)
        or event_type in {"ADDED_TO_SPACE", "REMOVED_FROM_SPACE"}
    ):
        yield event_type or "event", {}
    else:
        for listed in _LISTS:
            for each in payload[listed] if isinstance(payload.get(listed), list) else ():
                inherited = {**when, "eventType": event_type} if when else {}
                told = list(_told({**inherited, **each} if isinstance(each, Mapping) else None))
                yield from told or [("unknown", {})]  # one row that is none stops no others, and is not lost


def _added_on(chat: Post) -> Iterator[tuple[str, dict[str, Any]]]:
    """What an app that is an add-on of Google Workspace is told: a message, or that somebody clicked, which holds the app's own message."""
    for name, payload in chat.items():
        if name.endswith("Payload") and isinstance(payload, Mapping):
            told = _told({"message": payload.get("message"), "space": payload.get("space")}) if name == "messagePayload" else ()  # fmt: skip
            yield from list(told) or [(name, {})]


def _spaced(message: Post, space: Any) -> dict[str, Any]:
    """The message in its space: an event may tell of the space what the message leaves out, such as that two people talk there."""
    own = message.get("space")
    told = {**(space if isinstance(space, Mapping) else {}), **(own if isinstance(own, Mapping) else {})}
    return {**message, "space": told or own}


def _subscribed(data: str, attributes: Post) -> dict[str, Any]:
    """A Google Workspace event as Pub/Sub hands it on: JSON in base64, its sort and time among the attributes."""
    try:
        event = orjson.loads(b64decode(data, validate=True))
    except ValueError as error:
        raise BadRecord("an event of a subscription without its JSON") from error
    told = {"eventType": attributes.get("ce-type"), "eventTime": attributes.get("ce-time")}
    return {**(event if isinstance(event, dict) else {}), **{name: value for name, value in told.items() if value}}


def _pointer(reaction: Post) -> dict[str, Any]:
    """The reaction as a message that refers to the one it is on."""
    return {"name": reaction.get("name"), "on": str(reaction.get("name", "")).partition("/reactions/")[0]}


def _reaction(fields: Post, chain: list[Any]) -> Record:
    on = _pointer(fields)["on"]
    written = chain[0].get("createTime") if chain else None
    return Record("reaction", str(fields.get("name")), {**fields, "on": on, "chain": chain, "written": written})


# --- what a message says ---------------------------------------------------------------------------------------------------------------


def _name(post: Post) -> str:
    return str(post.get("name") or "")


def _refers_to(post: Post) -> str | None:
    """Name of what this message is about: the one it quotes, the first of its thread, else the thread; of a reaction, its message."""
    if on := _text(post.get("on")):
        return on
    quoted = post.get("quotedMessageMetadata")
    if isinstance(quoted, Mapping) and quoted.get("quoteType", "REPLY") == "REPLY" and _text(quoted.get("name")):
        return str(quoted["name"])
    return _text(post.get("opened_by")) or _text(dig(post, "thread.name")) if post.get("threadReply") else None


def _is_deleted(post: Post) -> bool:
    return "deleteTime" in post or bool(post.get("deletionMetadata"))


def _annotations(post: Post, sort: str) -> list[Mapping[str, Any]]:
    found = post.get("annotations")
    return [each for each in (found if isinstance(found, list) else ()) if isinstance(each, Mapping) and each.get("type") == sort]  # fmt: skip


def _own_text(post: Post) -> str:
    """The text without the names of those who are mentioned, and without emoji of the organisation's own, which stand in it by their names."""
    text = post.get("text")
    if not isinstance(text, str):
        return ""
    named = _annotations(post, "USER_MENTION")
    return spoken(without(text, [(each.get("startIndex", 0), each.get("length", 0)) for each in named]))


def _features(post: Post) -> dict[str, Any]:
    """Features of the text; a chip is a link too."""
    told = features([_own_text(post)])
    return {**told, "has_link": told["has_link"] or bool(_annotations(post, "RICH_LINK"))}


def _asks(post: Post) -> bool:
    """Whether the message is a question that replies may answer: it opens a conversation, and a person wrote it."""
    return not post.get("threadReply") and not _refers_to(post) and dig(post, "sender.type") != "BOT" and asks([_own_text(post)])  # fmt: skip


def _files(post: Post) -> bool:
    attached = post.get("attachment")
    chips = _annotations(post, "RICH_LINK")
    return bool(isinstance(attached, list) and attached) or any(dig(each, "richLinkMetadata.richLinkType") == "DRIVE_FILE" for each in chips)  # fmt: skip


def _time(post: Post, name: str) -> datetime:
    value = post.get(name)
    if not isinstance(value, str) or not value:
        raise BadRecord("createTime: time is missing")
    return parse_time(value)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
