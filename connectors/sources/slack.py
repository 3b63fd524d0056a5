"""Slack: the public channels of a workspace that are on the allow-list.

API         Web API: conversations.history (newest first, cursor), conversations.replies for each thread with replies in the window, users.info
Permission  an internal app's bot token, a member of the allowed channels: channels:read, channels:history, users:read, users:read.email
Cost        a request per 200 messages, one per thread that had replies, one per person; 50 a minute. An app that is sold outside Slack's
            Marketplace gets 1 request a minute and 15 messages each: make it an internal app, or set requests_per_minute to 1 and wait
People      users.info gives the address, which only serves to find the employee; names are never kept; bots and workflows are no people
Content     text becomes features in the pull stage; names of files and of emoji are dropped; a message that is passed on counts as a link
Kept        what the plan shows: 90 days on the free plan, else what the workspace's retention leaves
Late facts  edits are seen within the look-back of 3 days (each edit replaces the statement); late replies in threads up to `thread_days` old
Questions   as in every chat: `?` and the like outside a thread, answers in its thread, the asker's ✅; see conversation.py
Times       a reaction has no time of its own: it carries the message's (rule time-of-message)
Not seen    direct messages, group messages and private channels: never read; messages deleted without a trace (only Slack's events tell, and
            `normalise` takes those); reactions beyond the users that Slack lists for one sign; reactions that were taken back
Verified    with the vendor's example answers and recorded payloads, and its OpenAPI description for every request
"""

import html
import logging
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from connectors.chat import PRIVATE, PROGRAM, SYSTEM, ChatSource, Told, list_of, mapping_of, rows_of, sign, text_of
from connectors.conversation import Room, channel_kinds_setting
from connectors.http import Api, RequestRefused
from connectors.paging import by_cursor, dig
from connectors.source import Connection, Record, Setting, Verified, Window
from connectors.threads import Remembered
from leerstroom.errors import BadRecord, ConfigurationError, UnexpectedShape
from leerstroom.statements import types

logger = logging.getLogger(__name__)

_PAGE = 200  # Slack advises no more
_SPOKEN = frozenset({None, "file_share", "me_message", "thread_broadcast"})  # all other subtypes are notices
_STATUS = {
    **dict.fromkeys(
        ("invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "no_permission", "missing_scope", "access_denied", "ekm_access_denied",
         "org_login_required", "team_access_not_granted", "not_allowed_token_type"), 401,
    ),
    **dict.fromkeys(("internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"), 503),
    "ratelimited": 429,
}  # fmt: skip

Raw = Mapping[str, Any]


class Slack(ChatSource):
    """A workspace as a bot in the allowed channels sees it."""

    name: ClassVar[str] = "slack"
    title: ClassVar[str] = "Slack"
    verified: ClassVar[Verified] = Verified.PAYLOADS
    look_back: ClassVar[timedelta] = timedelta(days=3)
    requests_per_minute: ClassVar[float | None] = 50.0  # tier 3
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("workspace", "Workspace", kind="url", required=False, help="its address, such as https://ourteam.slack.com"),
        Setting("token", "Bot token", secret=True, help="xoxb-…, of an internal app that was added to the allowed channels"),
        Setting("rooms", "Allowed channels", many=True, help="ids of public channels (C…); nothing else is read"),
        channel_kinds_setting("channel as above"),
        Setting("thread_days", "Days of threads", default=30, kind="number", help="late replies are looked for in threads that began in this many days before"),
        Setting("host", "Slack's host", default="https://slack.com", kind="url", required=False, help="another one only for GovSlack"),
    )  # fmt: skip
    needs_room: ClassVar[bool] = False
    content: ClassVar[Mapping[str, tuple[str, ...]]] = {"message": ("text",)}
    people: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "message": {"user": "account"},
        "reaction": {"user": "account"},
    }

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._remembered = Remembered(key=_key, refers_to=_thread)

    @property
    def tenant(self) -> str:
        """The workspace's address where it is configured, else Slack's."""
        return str(self.connection.get("tenant") or self.connection.get("workspace") or self.connection["host"]).rstrip("/")  # fmt: skip

    @staticmethod
    def meant(status: int, body: Any) -> int:
        """Slack says `"ok": false` and a code in an answer 200."""
        if status == 200 and isinstance(body, dict) and body.get("ok") is False:
            return _STATUS.get(str(body.get("error")), 400)
        return status

    # --- pull -----------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """Messages of the allowed channels inside the window with their reactions; of late replies also those in older threads."""
        users = _Users(api)
        for channel in self.connection["rooms"]:
            told = self._channel(api, channel)
            if _is_private(told):
                logger.warning("connection %s: channel %s is private and is not read", self.connection.name, channel)
                continue
            for message in self._messages(api, channel, window):
                known = {"channel": channel, "room_name": told.get("name")}
                yield from self._records({**message, **known}, users)

    def _messages(self, api: Api, channel: str, window: Window) -> Iterator[dict[str, Any]]:
        """Messages inside the window, replies with their `chain`: conversations.history leaves the replies of threads out."""
        since = window.start - timedelta(days=float(self.connection.get("thread_days", 30)))
        threads: dict[str, None] = {}
        for message in self._pages(api, "conversations.history", channel, since, window.end):
            if _thread(message):
                threads[str(message["thread_ts"])] = (
                    None  # a reply that is shown in the channel too: its thread brings it
                )
                continue
            if message.get("reply_count") and _moment(message.get("latest_reply")) >= window.start:
                threads[_ts(message.get("ts"))] = None
            if _within(window, message):
                yield message
        for thread in threads:
            root: dict[str, Any] | None = None
            for message in self._pages(api, "conversations.replies", channel, window.start, window.end, ts=thread):
                if _ts(message.get("ts")) == thread:
                    root = {**message, "channel": channel}
                elif _within(window, message):
                    yield {**message, "chain": [root] if root else []}

    def _pages(self, api: Api, method: str, channel: str, start: datetime, end: datetime, **query: str) -> Iterator[dict[str, Any]]:  # fmt: skip
        where = f"connection '{api.connection}' at {method}"
        asked = {**query, "channel": channel, "oldest": _seconds(start), "latest": _seconds(end), "inclusive": "true", "limit": _PAGE}  # fmt: skip

        def fetch(cursor: str | None) -> tuple[list[dict[str, Any]], str | None]:
            body = _asked(api, method, {**asked, "cursor": cursor} if cursor else asked)
            messages = body.get("messages")
            if not isinstance(messages, list) or not all(isinstance(each, dict) for each in messages):
                raise UnexpectedShape(f"{where}: the answer holds no list 'messages'")
            following = dig(body, "response_metadata.next_cursor")
            if body.get("has_more") and not following:
                raise UnexpectedShape(f"{where}: Slack says that there is more but not where")
            return messages, str(following) if following else None

        for page in by_cursor(fetch, where=where):
            yield from page

    def _records(self, message: dict[str, Any], users: "_Users") -> Iterator[Record]:
        program = users.is_program(message.get("user"))
        signs = [(row.get("name"), user) for row in rows_of(message, "reactions") for user in list_of(row.get("users"))]
        emails = users.emails(message.get("user"), *_mentioned(message), *(user for _, user in signs))
        yield Record("message", _key(message), {**message, "emails": emails, "program": program})
        for name, user in signs:
            yield self._sign(
                message, name, user, emails=emails, **({"ignored": PROGRAM} if users.is_program(user) else {})
            )

    @staticmethod
    def _sign(message: Raw, name: Any, user: Any, **more: Any) -> Record:
        fields = {"at": _milliseconds(message.get("ts")), "timed": False, "room_name": message.get("room_name"), **more}
        made = sign(
            message, id=_key(message), room=text_of(message.get("channel")) or "", name=name, user=user, **fields
        )
        return Record("reaction", f"{_key(message)}/{name}/{user}", made)

    def _channel(self, api: Api, channel: str) -> dict[str, Any]:
        try:
            told = _asked(api, "conversations.info", {"channel": channel}).get("channel")
        except RequestRefused as error:
            raise ConfigurationError(
                f"connection '{api.connection}': Slack shows no channel {channel} ({error.code}); correct the list, or add the app to the channel"
            ) from error
        return told if isinstance(told, dict) else {}

    def check(self, api: Api) -> str:
        """Which workspace it is, and that the allowed channels can be read. Raises ConfigurationError for one that must not be."""
        team = _asked(api, "auth.test", {}).get("team_id")
        now = datetime.now(UTC)
        for channel in self.connection["rooms"]:
            if _is_private(self._channel(api, channel)):
                raise ConfigurationError(f"connection '{api.connection}': channel {channel} is private; take it off the list of channels")  # fmt: skip
            next(self._pages(api, "conversations.history", channel, now - timedelta(days=1), now), None)
        rooms = len(self.connection["rooms"])
        return f"the token is accepted by workspace {team}, {rooms} of {rooms} allowed channels can be read"

    # --- read ------------------------------------------------------------------------------------------------------------

    def read(self, payload: Any) -> Iterator[Record]:
        """A message, a page of history or of replies, reactions, an event of the Events API, or a recorded exchange of these."""
        for item, chain in self._remembered.chains(_items(payload)):
            if text_of(item.get("type")) in _REACTED:
                yield self._event(item, chain)
            elif "ts" in item:
                message = {"chain": chain, **item}
                yield Record("message", _key(item), message)
                for row in rows_of(item, "reactions"):
                    for user in list_of(row.get("users")):
                        yield self._sign(message, row.get("name"), user)
            else:
                kind = text_of(item.get("type")) or "answer"
                yield Record(
                    kind if kind.isidentifier() else "other", "", {}
                )  # lists of people, channels, other events

    def _event(self, event: Raw, chain: list[Raw]) -> Record:
        """A reaction of the Events API, which alone tells when it was given."""
        item = mapping_of(event.get("item"))
        on = chain[0] if chain else {**item, "user": event.get("item_user")}
        return self._sign(
            {**on, "chain": chain[1:]}, event.get("reaction"), event.get("user"),
            at=_milliseconds(event.get("event_ts")), timed=True, removed=event.get("type") == "reaction_removed",
            ignored="" if "ts" in item else "reaction to a file, not to a message",
        )  # fmt: skip

    # --- what a message says -----------------------------------------------------------------------------------------------

    def told(self, message: Raw) -> Told:
        """A message of Slack. `ts` is its id in the channel and its time, kept as text: a float loses the end of it."""
        text, subtype = message.get("text"), text_of(message.get("subtype"))
        thread = _thread(message)
        return Told(
            id=_key(message),
            room=text_of(message.get("channel")) or "",
            at=_milliseconds(message.get("ts")),
            sender=text_of(message.get("user")),
            texts=[_plain(text)] if isinstance(text, str) else [],
            has_link=any(each.get("is_share") is True for each in rows_of(message, "attachments")),  # passed on
            parent=thread,
            carries=types.FILE if rows_of(message, "files") or message.get("upload") else None,
            mentions=_mentioned(message),
            revision=_ts(mapping_of(message.get("edited")).get("ts")),
            deleted=subtype in {"tombstone", "message_deleted"},
            ignored=_reason(message, subtype),
        )

    def room(self, record: Record) -> Room:
        """The channel."""
        channel, name = record.get("room") or "unknown", record.get("room_name")
        return Room(f"{self.tenant}/archives/{channel}", self.message_iri, name, self.channel_kind(channel, name))

    def message_iri(self, message_id: str) -> str:
        """The permanent link that Slack itself gives to a message: channel and `ts` without its point."""
        channel, _, ts = message_id.rpartition("/")
        return f"{self.tenant}/archives/{channel or 'unknown'}/p{ts.replace('.', '')}"


class _Users:
    """Whom the workspace knows by which address, and who of them is a program; each is asked for once."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._known: dict[str, Raw] = {}

    def _user(self, user: str) -> Raw:
        if user not in self._known:
            try:
                self._known[user] = mapping_of(_asked(self._api, "users.info", {"user": user}).get("user"))
            except RequestRefused:  # user_not_found: of another workspace in a shared channel
                self._known[user] = {}
        return self._known[user]

    def is_program(self, user: Any) -> bool:
        return isinstance(user, str) and bool(user) and (self._user(user).get("is_bot") is True or user == "USLACKBOT")

    def emails(self, *users: Any) -> dict[str, str]:
        """Account id -> address, of those that have one."""
        found = {user: dig(self._user(user), "profile.email") for user in users if isinstance(user, str) and user}
        return {user: email for user, email in found.items() if isinstance(email, str) and email}


def _asked(api: Api, method: str, query: Raw) -> dict[str, Any]:
    body = api.get(f"/api/{method}", query).body
    if not isinstance(body, dict) or body.get("ok") is not True:
        raise UnexpectedShape(f"connection '{api.connection}' at {method}: no answer of Slack; check the host of the connection")  # fmt: skip
    return body


# --- payloads -------------------------------------------------------------------------------------------------------------------

_REACTED = frozenset({"reaction_added", "reaction_removed"})
_LISTS = ("channels", "channel", "members", "user", "users", "team", "file")  # answers that hold no message


def _items(payload: Any, channel: str = "") -> list[Raw]:
    """Messages and events of a payload, each with its channel where that is known. Raises BadRecord for a payload of another shape."""
    if isinstance(payload, list) and payload:
        return [item for each in payload for item in _items(each, channel)]
    if not isinstance(payload, dict):
        raise BadRecord("neither a message nor an answer or event of Slack")
    if payload.get("ok") is False:
        raise BadRecord("an error of Slack, not an answer")
    if "response" in payload and "request" in payload:
        query = parse_qs(urlsplit(str(dig(payload, "request.url") or dig(payload, "request.path"))).query)
        return _items(dig(payload, "response.body"), next(iter(query.get("channel", ())), ""))
    told = payload.get("channel")
    channel = text_of(told) or text_of(dig(told, "id")) or channel
    if isinstance(told, dict):
        payload = {**payload, "channel": channel, **({"channel_type": "group"} if _is_private(told) else {})}
    match payload:
        case {"messages": [*messages]}:
            # whatever it is, it is counted, as a message that lacks everything
            return [{"channel": channel, "ts": "", **each} if isinstance(each, dict) else {"channel": channel, "ts": ""} for each in messages]  # fmt: skip
        case {"event": {"type": str()} as event}:
            return _items(event)
        case {"type": "reaction_added" | "reaction_removed"}:
            return [payload]
        case {"type": "message", "subtype": "message_deleted", "deleted_ts": ts}:
            return [{"channel": channel, "ts": ts, "subtype": "message_deleted"}]
        case {"message": {"ts": _} as message} if (
            payload.get("type", "message") == "message"
        ):  # message_changed, message_replied, reactions.get; a click on a message is none
            return [{"channel": channel, "channel_type": payload.get("channel_type"), **message}]
        case {"ts": str() | float() | int()} if payload.get("type", "message") == "message":
            return [{**payload, "channel": channel}]
        case {"type": str()}:
            return [{"type": payload["type"]}]
    if payload.get("ok") is True and any(name in payload for name in _LISTS):
        return [{"type": "answer"}]
    raise BadRecord("neither a message nor an answer or event of Slack")


def _reason(message: Raw, subtype: str | None) -> str:
    """Why a message is no statement; empty where it is one."""
    if str(message.get("channel_type")) in {"im", "mpim", "group"} or str(message.get("channel", "")).startswith("D"):
        return PRIVATE
    if (
        message.get("program")
        or message.get("bot_id")
        or subtype == "bot_message"
        or message.get("user") == "USLACKBOT"
    ):
        return PROGRAM
    if subtype == "file_comment":
        return "comment on a file, which Slack gave up in 2018"
    return "" if subtype in _SPOKEN else SYSTEM


def _is_private(channel: Raw) -> bool:
    return any(channel.get(name) is True for name in ("is_private", "is_im", "is_mpim", "is_group"))


def _key(item: Raw) -> str:
    return f"{text_of(item.get('channel')) or ''}/{_ts(item.get('ts') or item.get('event_ts'))}"


def _thread(item: Raw) -> str | None:
    """Key of the message that opened the thread, or of the one reacted to; None for what opens one itself."""
    if text_of(item.get("type")) in _REACTED:
        return _key(mapping_of(item.get("item")))
    thread = _ts(item.get("thread_ts"))
    return f"{text_of(item.get('channel')) or ''}/{thread}" if thread and thread != _ts(item.get("ts")) else None


def _ts(value: Any) -> str:
    """An id in time as text; empty for none. What came as a number gets its six digits back."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:.6f}"
    return value if isinstance(value, str) else ""


def _milliseconds(ts: Any) -> int | None:
    seconds, _, fraction = _ts(ts).partition(".")
    return (
        int(seconds) * 1000 + int(f"{fraction:0<3}"[:3])
        if seconds.isdecimal() and (fraction or "0").isdecimal()
        else None
    )


def _moment(ts: Any) -> datetime:
    return datetime.fromtimestamp(max(0, min(_milliseconds(ts) or 0, 4_000_000_000_000)) / 1000, UTC)


def _seconds(moment: datetime) -> str:
    return f"{moment.timestamp():.6f}"


def _within(window: Window, message: Raw) -> bool:
    return _milliseconds(message.get("ts")) is None or window.holds(
        _moment(message.get("ts"))
    )  # no time: mapping will refuse it, and say so


# --- Slack's own mark-up ----------------------------------------------------------------------------------------------------------

_MENTION = re.compile(r"<@([UW]\w+)(?:\|[^>]*)?>")
_LINK = re.compile(r"<(https?://[^|>\s]+)(?:\|([^>]*))?>")
_MARKUP = re.compile(r"<[@#!][^>]*>|<mailto:[^>]*>")


def _plain(text: str) -> str:
    """The text as its reader sees it, links behind their labels; mentions of people, channels and groups are left out."""
    return html.unescape(_MARKUP.sub(" ", _LINK.sub(lambda found: f"{found[2] or ''} {found[1]}", text)))


def _mentioned(message: Raw) -> list[str]:
    text = message.get("text")
    return sorted(set(_MENTION.findall(text))) if isinstance(text, str) else []
