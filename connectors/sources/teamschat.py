"""Microsoft Teams: the conversations in channels that are on the allow-list.

API         Graph v1.0: GET /teams/{team}/channels/{channel}/messages/delta with its replies, every reply chain that changed since the window's
            start; older than eight months: the plain list of the channel
Permission  an app with ChannelMessage.Read.Group in those teams (resource-specific consent), or ChannelMessage.Read.All, a protected API that
            Microsoft has to approve; and Channel.ReadBasic.All
People      Entra object id, as a keyed reference; display names are never kept. Posts of apps and bots are ignored
Content     subjects and bodies become features in the pull stage; the names in mentions are taken out first; attachments count by their kind only,
            a picture in the text as a file, a message that is passed on as a link
Late facts  edits, deletions and reactions change the message itself; look back 3 days. An edit replaces the statement, a deletion voids it
Questions   as in every conversation: rule question-in-text; replies of others answer (reply-to-question); the asker's check mark accepts
Limits      figures of Microsoft differ (60 a minute to 30 a second): 60 by default, and Retry-After is kept to
Not seen    chats, meetings' chats and private channels: never read; a reaction that was taken back; who was mentioned by a tag
Verified    with payloads of the vendor's documentation
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qs, quote, unquote, urlsplit

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
from connectors.graph import APP, HOSTS, NEXT, home_page, moment, named_in, token, values
from connectors.http import Api
from connectors.paging import dig
from connectors.source import Connection, Kind, Record, Setting, Source, Verified, Window, maps
from connectors.threads import Remembered
from leerstroom.errors import BadRecord, ConfigurationError
from leerstroom.features import asks, features
from leerstroom.people import People, Pseudonyms
from leerstroom.statements import Ignored, Outcome, name_uuid, types, utc_text

logger = logging.getLogger(__name__)

_DELTA_REACHES = timedelta(days=240)  # eight months
_PAGE = 50
_MENTION = re.compile(r"<at\b[^>]*>.*?</at>", re.IGNORECASE | re.DOTALL)
_PASTED = re.compile(r"<img\b[^>]*/hostedContents/", re.IGNORECASE)  # a screenshot in the text, which is no attachment

Post = Mapping[str, Any]


class TeamsChat(Source):
    """Channels of one Microsoft 365 tenant."""

    name: ClassVar[str] = "teamschat"
    title: ClassVar[str] = "Microsoft Teams (channels)"
    kind: ClassVar[Kind] = Kind.CHAT
    verified: ClassVar[Verified] = Verified.PAYLOADS
    look_back: ClassVar[timedelta] = timedelta(days=3)
    requests_per_minute: ClassVar[float | None] = 60
    settings: ClassVar[tuple[Setting, ...]] = (
        *APP,
        Setting("channels", "Allowed channels", many=True, help="the link to each channel (Get link to channel), or team id/channel id; nothing else is read"),
        channel_kinds_setting("channel id, or the channel as above"),
        *HOSTS,
    )  # fmt: skip
    looks_ahead: ClassVar[bool] = True
    record_kinds: ClassVar[tuple[str, ...]] = ("message", "reaction")
    content: ClassVar[Mapping[str, tuple[str, ...]]] = {"message": ("subject", "body.content", "summary")}
    people: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "message": {"from.user.id": "account"},
        "reaction": {"user.user.id": "account"},
    }

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._kinds = {_channel(name)[1] or name: kind for name, kind in channel_kinds(connection).items()}
        self._remembered = Remembered(key=_key, refers_to=_refers_to)

    @property
    def tenant(self) -> str:
        """The organisation's Microsoft 365."""
        return home_page(self.connection)

    def auth(self) -> Any:
        """The app's own token."""
        return token(self.connection)

    # --- pull ---------------------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """Messages of the allowed channels that were written before the window's end and touched since its start, each with its first one."""
        for team, channel in map(_required_channel, self.connection["channels"]):
            about = _described(api, team, channel)
            if about.get("membershipType") == "private":
                logger.warning("connection %s: a private channel is not read; take it off the list", api.connection)
                continue
            for root in self._chains(api, _path(team, channel), window):
                # what an edited or deleted question means for its replies, they say again
                turned = bool(root.get("lastEditedDateTime") or _is_deleted(root)) and _touched(root, window)
                for post in (root, *_replies(api, root)):
                    if _touched(post, window, always=turned):
                        here = {**post, "channelIdentity": {"teamId": team, "channelId": channel}}
                        yield from _records(here, [root] if post is not root else [], about.get("displayName"))

    def _chains(self, api: Api, place: str, window: Window) -> Iterator[dict[str, Any]]:
        """First messages, with their replies, of every chain that may have changed since the window's start."""
        query: dict[str, Any] = {"$top": _PAGE, "$expand": "replies"}
        if window.start < self.now() - _DELTA_REACHES:
            return values(api, f"{place}/messages", query)
        changed = f"lastModifiedDateTime gt {utc_text(window.start)}"
        return values(api, f"{place}/messages/delta", {**query, "$filter": changed})

    def check(self, api: Api) -> str:
        """Tries each allowed channel. Raises ConfigurationError for one that must not be read."""
        channels = [_required_channel(each) for each in self.connection["channels"]]
        for number, (team, channel) in enumerate(channels, 1):
            if _described(api, team, channel).get("membershipType") == "private":
                raise ConfigurationError(
                    f"connection '{api.connection}': channel {number} of the list is private; take it off the list"
                )
            api.get(f"{_path(team, channel)}/messages", {"$top": 1})
        return f"the token is accepted, {len(channels)} of {len(channels)} allowed channels can be read"

    # --- payloads ------------------------------------------------------------------------------------------------------------------

    def read(self, payload: Any) -> Iterator[Record]:
        """A message, a page of them (with or without replies), a change notification that holds one, or a recorded exchange of these."""
        context = ""
        if isinstance(payload, Mapping) and "response" in payload:
            context = dig(payload, "request.path") or dig(payload, "request.url") or payload.get("request") or ""
            payload = dig(payload, "response.body") or payload["response"]
        if not isinstance(payload, Mapping):
            raise BadRecord("no message of Microsoft Teams")
        where = {**named_in(context), **named_in(payload.get("@odata.context"))}
        rows = payload["value"] if isinstance(payload.get("value"), list) else [payload]
        posts = [post for row in rows for post in _unfolded(row, where)]
        if posts and not any(_is_post(post) for post in posts):
            raise BadRecord("no message of Microsoft Teams")
        for post, chain in self._remembered.chains(posts):
            yield from _records(post, chain, None)

    # --- at the edge ---------------------------------------------------------------------------------------------------------------

    def minimise(self, record: Record, pseudonyms: Pseudonyms) -> Record:
        """What lands: times, ids of things, keyed references of people, features; of the first message only who wrote it and whether it asked."""

        def person(value: Any) -> str | None:
            return self.reference(pseudonyms, "account", value) if isinstance(value, str) else None

        def brief(post: Any) -> dict[str, Any] | None:
            if not isinstance(post, Mapping):
                return None
            changed = bool(post.get("lastEditedDateTime") or post.get("deletedDateTime"))
            return Brief(
                _key(post), person(dig(post, "from.user.id")), _asks(post), _is_deleted(post), changed
            ).landed()

        chain = record.get("chain")
        root = brief(chain[-1]) if isinstance(chain, list) and chain else None
        kept: dict[str, Any] = {"channel": _place(record)[0], "room": _text(record.get("room")), "root": root}
        if record.kind == "reaction":
            who = person(dig(record, "user.user.id"))
            kept |= {
                "on": record.get("on"),
                "about": brief(record.get("about")),
                "sender": who,
                "at": record.get("createdDateTime"),
                "sign": sign_of(record.get("reactionType")),
            }
            key = f"{record.get('on')}/{who}/{name_uuid('sign', str(record.get('reactionType')))[:8]}"
        elif record.get("chatId") and not record.get("channelIdentity"):
            return Record(record.kind, record.key, {"is_private": True})
        else:
            mentions = record.get("mentions")
            kept |= {
                "sort": _sort(record),
                "deleted": _is_deleted(record),
                "sender": person(dig(record, "from.user.id")),
                "at": record.get("createdDateTime"),
                "edited": record.get("lastEditedDateTime"),
                "reply": bool(_refers_to(record)),
                "carries": "file" if _files(record) else None,
                "mentions": sorted(filter(None, {person(dig(each, "mentioned.user.id")) for each in (mentions if isinstance(mentions, list) else ())})),
                "features": _features(record),
            }  # fmt: skip
            key = record.key
        return Record(record.kind, key, {name: value for name, value in kept.items() if value not in (None, [], "", False)})  # fmt: skip

    # --- map -------------------------------------------------------------------------------------------------------------------------

    @maps("message", is_private=True)
    def private(self, post: Record, people: People) -> Outcome:
        """A message of a chat between people."""
        return Ignored("message of a private chat")

    @maps("message", deleted=True)
    def deleted(self, post: Record, people: People) -> Iterable[Outcome]:
        """What was made of a deleted message is taken back."""
        yield Ignored("deleted by its writer or a moderator")
        yield from gone(post.key)

    @maps("message", sort="system")
    def system(self, post: Record, people: People) -> Outcome:
        """Members added, names changed, calls begun."""
        return Ignored("system message")

    @maps("message", sort="application")
    def application(self, post: Record, people: People) -> Outcome:
        """Posts of apps, bots and connectors."""
        return Ignored("message of an application")

    @maps("message")
    def message(self, post: Record, people: People) -> Iterable[Outcome]:
        """A message: a question, an answer, another reply, something shared, or a post."""
        if not post.get("sender"):
            raise BadRecord("the message names no sender")  # nor does a row that is no message
        root = Brief.of(post.get("root"))
        return said(
            Message(
                id=post.key,
                sender=Person(post["sender"]),
                at=_at(post),
                room=self._room(post),
                features=post["features"],
                parent=_parent(post.key) if post.get("reply") else None,
                about=root,
                root=root,
                carries=types.FILE if post.get("carries") else None,
                mentions=map(Person, post.get("mentions", ())),
                revision=utc_text(edited) if (edited := moment(post.get("edited"))) else "",
            ),
            people,
        )

    @maps("reaction")
    def reaction(self, post: Record, people: People) -> Iterable[Outcome]:
        """A sign on somebody's message; the asker's check mark on an answer accepts it."""
        if not post.get("sender"):
            raise BadRecord("the reaction names nobody")
        about = Brief.of(post.get("about"))
        return signed(
            Sign(
                id=post.key,
                sender=Person(post["sender"]),
                at=_at(post),
                room=self._room(post),
                on=post["on"],
                meaning=post.get("sign"),
                about=about,
                root=Brief.of(post.get("root")) or about,
            ),
            people,
        )

    def _room(self, post: Record) -> Room:
        channel = post["channel"]
        return Room(
            iri=f"{self.tenant}/channels/{quote(channel, safe='')}",
            message_iri=self.message_iri,
            name=_text(post.get("room")),
            channel_kind=_text(self._kinds.get(channel)),
        )

    def message_iri(self, key: str) -> str:
        """IRI of a message: its channel, the first message of its chain, and the reply."""
        channel, *ids = key.split("/")
        first, *reply = (quote(each, safe="") for each in ids)
        below = f"/replies/{reply[0]}" if reply else ""
        return f"{self.tenant}/channels/{quote(channel, safe='')}/messages/{first}{below}"


# --- channels and their messages -----------------------------------------------------------------------------------------------------


def _channel(allowed: Any) -> tuple[str, str]:
    """(team, channel) out of a link to a channel or `team/channel`; empty texts for what is neither."""
    told = str(allowed)
    if "://" in told:
        parts = urlsplit(told)
        path, team = [unquote(each) for each in parts.path.split("/")], parse_qs(parts.query).get("groupId", [""])[0]
        return team, next((each for each in path if each.startswith("19:")), "")
    team, _, channel = told.partition("/")
    return (team, channel) if channel else ("", told if told.startswith("19:") else "")


def _required_channel(allowed: Any) -> tuple[str, str]:
    team, channel = _channel(allowed)
    if not (team and channel):
        raise ConfigurationError("channels: each needs a team and a channel: the link to the channel, or team id/channel id")  # fmt: skip
    return team, channel


def _path(team: str, channel: str) -> str:
    return f"/teams/{quote(team, safe='')}/channels/{quote(channel, safe='')}"


def _described(api: Api, team: str, channel: str) -> dict[str, Any]:
    body = api.get(_path(team, channel), {"$select": "id,displayName,membershipType"}, missing_ok=True).body
    if not isinstance(body, dict):
        raise ConfigurationError(
            f"connection '{api.connection}': a channel of the list does not exist; correct the list"
        )
    return body


def _replies(api: Api, root: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    found = root.get("replies")
    yield from (each for each in (found if isinstance(found, list) else ()) if isinstance(each, dict))
    if following := root.get(f"replies{NEXT}"):
        yield from values(api, str(following))


def _touched(post: Post, window: Window, *, always: bool = False) -> bool:
    """Whether a message was written before the end and, unless `always`, last touched after the start.

    One whose times cannot be read is given, so that it is quarantined.
    """
    try:
        written, touched = moment(post.get("createdDateTime")), moment(post.get("lastModifiedDateTime"))
    except BadRecord:
        return True
    touched = touched or written
    return written is None or touched is None or (written < window.end and (always or touched >= window.start))


def _records(post: Post, chain: list[Any], room: str | None) -> Iterator[Record]:
    """The message, and each reaction to it."""
    own = {name: value for name, value in post.items() if not name.startswith("replies")}
    yield Record("message", _key(post), {**own, "chain": chain, "room": room})
    reactions = post.get("reactions")
    for each in reactions if isinstance(reactions, list) and not _is_deleted(post) else ():
        if isinstance(each, Mapping):
            fields = {**each, "on": _key(post), "about": post, "channelIdentity": post.get("channelIdentity"), "chain": chain, "room": room}  # fmt: skip
            yield Record("reaction", f"{_key(post)}/{dig(each, 'user.user.id')}/{each.get('reactionType')}", fields)


def _unfolded(row: Any, where: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """A message and its replies; out of a notification, the message that it holds."""
    if not isinstance(row, Mapping):
        yield {}
        return
    told = row.get("resourceData")
    post = dict(told if isinstance(told, Mapping) and "body" in told else row)
    if not post.get("channelIdentity") and not post.get("chatId"):
        post["channelIdentity"] = {"teamId": where.get("teams"), "channelId": where.get("channels")}
    first = where.get("messages", "")
    if first.isdecimal() and not post.get("replyToId") and post.get("id") != first:
        post["replyToId"] = first
    yield post
    found = row.get("replies")
    for each in found if isinstance(found, list) else ():
        if isinstance(each, Mapping):
            yield {"replyToId": row.get("id"), "channelIdentity": post.get("channelIdentity"), **each}


# --- what a message says ---------------------------------------------------------------------------------------------------------------


def _is_post(post: Post) -> bool:
    return isinstance(post.get("messageType"), str) or isinstance(post.get("body"), Mapping) or "@removed" in post


def _place(post: Post) -> tuple[str, str]:
    """(channel, message's own id). An id is a time in milliseconds, so it names a message only within its channel."""
    return str(dig(post, "channelIdentity.channelId") or post.get("chatId") or "unknown"), str(post.get("id") or "")


def _key(post: Post) -> str:
    channel, own = _place(post)
    first = _text(post.get("replyToId"))
    return f"{channel}/{first}/{own}" if first and first != own else f"{channel}/{own}"


def _refers_to(post: Post) -> str | None:
    """Key of the first message of the chain, for a reply."""
    key = _key(post)
    return _parent(key) if key.count("/") > 1 else None


def _parent(key: str) -> str:
    return key.rsplit("/", 1)[0]


def _sort(post: Post) -> str | None:
    """`system` or `application` for what nobody wrote."""
    if post.get("messageType", "message") != "message" or isinstance(post.get("eventDetail"), Mapping):
        return "system"
    sender = post.get("from")
    known = isinstance(sender, Mapping) and sender.get("user") is None and sender.get("application") is not None
    return "application" if known else None


def _is_deleted(post: Post) -> bool:
    return bool(post.get("deletedDateTime")) or "@removed" in post


def _own_text(post: Post) -> list[str]:
    """Subject and body without the names of those who are mentioned."""
    body = dig(post, "body.content")
    return [_MENTION.sub(" ", text) for text in (post.get("subject"), body) if isinstance(text, str)]


def _asks(post: Post) -> bool:
    """Whether the message is a question that replies may answer: it opens a chain, and a person wrote it."""
    return not _refers_to(post) and _sort(post) is None and asks(_own_text(post))


def _features(post: Post) -> dict[str, Any]:
    """Features of the text; a message that is passed on is a link to it."""
    told = features(_own_text(post))
    return {**told, "has_link": told["has_link"] or "forwardedMessageReference" in _attached(post)}


def _attached(post: Post) -> list[str]:
    """The sorts of what hangs on the message."""
    attached = post.get("attachments")
    return [str(each.get("contentType")) for each in (attached if isinstance(attached, list) else ()) if isinstance(each, Mapping)]  # fmt: skip


def _files(post: Post) -> bool:
    """Whether a file hangs on the message or a picture stands in it; cards and quoted messages are attachments too, and are none."""
    body = dig(post, "body.content")
    return (isinstance(body, str) and _PASTED.search(body) is not None) or any(
        sort == "reference" or sort.startswith(("image/", "video/", "audio/")) for sort in _attached(post)
    )


def _at(post: Post) -> datetime:
    found = moment(post.get("at"))
    if found is None:
        raise BadRecord("createdDateTime: time is missing")
    return found


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
