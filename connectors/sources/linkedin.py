"""LinkedIn: the page of the organisation; comments and reactions of people on its posts, through the Community Management API.

API         GET /rest/posts?q=author, /rest/socialActions/{post}/comments, /rest/reactions/(entity:{post})?q=entity; start and count, newest first.
            The header LinkedIn-Version names a month; each version lives a year and then answers 426
Permission  approval for the Community Management API, then r_organization_social_feed of an administrator of the page
Cost        none; a daily quota for each app and member, reset at midnight UTC: then the rest is pulled the next night
People      the member (urn:li:person:…) as a keyed reference, another one in every app; names are never asked for. No e-mail address is told
Late facts  comments come for weeks: posts of the last `post_days` days are read again with all that hangs on them
Organisation  what the page itself posts or answers is nobody's learning; a question of the page counts as one, so that answers to it are answers
Deleted     a comment that is gone from a post that is read again is taken back, as long as its landing is kept
Not seen    posts, comments and messages of employees elsewhere: no employer may read them; groups; who reposted; views by person
State       for partners that LinkedIn approves, 2026; versions up to 202508 have ended
Verified    from documentation
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from connectors.chat import ChatSource, Told, id_of, int_of, list_of, sign, without
from connectors.conversation import Room, channel_kinds_setting
from connectors.http import Api, RequestRefused
from connectors.oauth import RefreshToken
from connectors.paging import by_offset, dig
from connectors.source import Connection, Kind, Record, Setting, Verified, Window
from connectors.threads import Item, Remembered
from leerstroom.errors import BadRecord, ConfigurationError, UnexpectedShape
from leerstroom.statements import parse_time, types

ORGANISATION = "written by the organisation itself"
_PAGE = 100
_SIGNS = {
    "PRAISE": "👏",
    "EMPATHY": "❤",
    "APPRECIATION": "💪",
    "LIKE": "👍",
}  # celebrate, love, support; insightful and funny are other signs


class LinkedIn(ChatSource):
    """A page as one of its administrators sees it."""

    name: ClassVar[str] = "linkedin"
    title: ClassVar[str] = "LinkedIn (page of the organisation)"
    kind: ClassVar[Kind] = Kind.SOCIAL
    verified: ClassVar[Verified] = Verified.DOCUMENTATION
    look_back: ClassVar[timedelta] = timedelta(days=3)
    one_sign_each: ClassVar[bool] = True
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("host", "Address", default="https://api.linkedin.com", kind="url", required=False),
        Setting("rooms", "Allowed pages", many=True, help="numbers of the organisation's pages"),
        channel_kinds_setting("number as above"),
        Setting("version", "Version of the API", default="202609", required=False, help="YYYYMM; raise it within a year"),
        Setting("post_days", "Days of posts", default=30, kind="number", required=False, help="how long comments on a post are looked for"),
        Setting("token", "Access token", secret=True, required=False, help="ends after sixty days"),
        Setting("client_id", "Client id", required=False),
        Setting("client_secret", "Client secret", secret=True, required=False),
        Setting("refresh_token", "Refresh token", secret=True, required=False, help="of an administrator of the page; ends after a year"),
        Setting("login", "Token address", default="https://www.linkedin.com/oauth/v2/accessToken", kind="url", required=False),
    )  # fmt: skip

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._read: set[str] = set()  # posts and comments that the last pull saw
        self._remembered = Remembered(key=_key, refers_to=_refers_to)

    @property
    def tenant(self) -> str:
        """The network, whichever address its API has."""
        return str(self.connection.get("tenant") or "https://www.linkedin.com").rstrip("/")

    def api(self) -> Api:
        """The versioned API."""
        headers = {"LinkedIn-Version": str(self.connection["version"]), "X-Restli-Protocol-Version": "2.0.0"}
        return self.connected(headers=headers)

    def auth(self) -> Any:
        """The administrator's refresh token where there is one, else the plain token."""
        if not self.connection.get("refresh_token"):
            return super().auth()
        return RefreshToken.of(self.connection)

    @staticmethod
    def quota(status: int, body: Any) -> bool:
        """Whether the quota of the day is spent; without a length of time every limit here is one of the day."""
        return status == 429 and "DAY" in str(dig(body, "message")).upper()

    # --- pull ---------------------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """Comments and reactions of the window on recent posts, and the posts themselves, of which the organisation's are ignored."""
        self._read = set()
        since = window.start - timedelta(days=float(self.connection.get("post_days", 30)))
        for page in self.connection["rooms"]:
            organisation = f"urn:li:organization:{page}"
            for post in self._posts(api, organisation, since.timestamp() * 1000, window.end.timestamp() * 1000):
                for record in self._with_all(api, post, page):
                    if record.kind == "message":
                        self._read.add(record.key)
                    if _happened_in(record, window):
                        yield record

    def _posts(self, api: Api, organisation: str, since: float, until: float) -> Iterator[Item]:
        query = {"q": "author", "author": organisation, "sortBy": "CREATED"}
        for post in self._list(api, "/rest/posts", query):
            written = int_of(post.get("createdAt"))
            if written is not None and written < since:
                return
            if written is None or written < until:
                yield post

    def _with_all(self, api: Api, post: Item, page: str) -> Iterator[Record]:
        key = _key(post)
        own = {**post, "room": page}
        yield Record("message", key, {**own, "chain": []})
        yield from self._reactions(api, key, own, page)
        yield from self._comments(api, key, [own], page)

    def _comments(self, api: Api, of: str, chain: list[Item], page: str) -> Iterator[Record]:
        for comment in self._list(api, f"/rest/socialActions/{quote(of, safe='')}/comments", {}):
            own = {**comment, "room": page, "on": of}
            yield Record("message", _key(own), {**own, "chain": chain})
            if int_of(dig(comment, "likesSummary.totalLikes")):
                yield from self._reactions(api, _key(own), {**own, "chain": chain}, page)
            if int_of(dig(comment, "commentsSummary.totalFirstLevelComments")):
                yield from self._comments(api, _key(own), [own, *chain], page)

    def _reactions(self, api: Api, of: str, on: Item, page: str) -> Iterator[Record]:
        path = f"/rest/reactions/(entity:{quote(of, safe='')})"
        for reaction in self._list(api, path, {"q": "entity", "sort": "(value:REVERSE_CHRONOLOGICAL)"}):
            yield _reaction(reaction, of, on, page)

    def _list(self, api: Api, path: str, query: Mapping[str, Any]) -> Iterator[Item]:
        where = f"connection '{api.connection}' at {path.split('/urn')[0].split('/(')[0]}"

        def fetch(start: int) -> tuple[list[Item], int | None]:
            body = self._asked(api, path, {**query, "start": start, "count": _PAGE})
            if body is None:
                return [], 0  # no comments yet is 404 for some posts
            elements = dig(body, "elements")
            if not isinstance(elements, list):
                raise UnexpectedShape(f"{where}: the answer holds no list 'elements'")
            total = dig(body, "paging.total")
            return [each for each in elements if isinstance(each, dict)], total if isinstance(total, int) else None

        for page in by_offset(fetch, where=where):
            yield from page

    def _asked(self, api: Api, path: str, query: Mapping[str, Any]) -> Any:
        try:
            return api.get(path, query, missing_ok=True).body
        except RequestRefused as error:
            if error.status != 426:
                raise
            raise ConfigurationError(
                f"connection '{api.connection}': version {self.connection['version']} of the API has ended; set 'version' to a later month"
            ) from error

    def recheck(self, api: Api, landed: Iterable[Record]) -> Iterator[Record]:
        """Comments that landed before on a post that was read now, but are not there any more."""
        for record in landed:
            gone = record.kind == "message" and record.key not in self._read and not record.get("deleted")
            if gone and dig(record, "root.id") in self._read:
                yield Record("message", record.key, {"urn": record.key, "room": record.get("room"), "gone": True})

    def check(self, api: Api) -> str:
        """Asks for one post of each page."""
        for page in self.connection["rooms"]:
            query = {"q": "author", "author": f"urn:li:organization:{page}", "start": 0, "count": 1}
            if self._asked(api, "/rest/posts", query) is None:
                raise ConfigurationError(
                    f"connection '{api.connection}': there is no page {page}; correct the list of rooms"
                )
        return f"{len(self.connection['rooms'])} pages can be read with version {self.connection['version']}"

    # --- read ---------------------------------------------------------------------------------------------------------------------

    def read(self, payload: Any) -> Iterator[Record]:
        """A page of posts, comments or reactions (`elements`), one of them, a list, or a record as this source gives it."""
        if isinstance(payload, dict) and "response" in payload and "request" in payload:
            payload = dig(payload, "response.body")
        held = dig(payload, "elements")
        items = held if isinstance(held, list) else payload if isinstance(payload, list) else [payload]
        messages = [each for each in items if _is_message(each)]
        reactions = [each for each in items if _is_reaction(each)]
        if not messages and not reactions and held != []:
            raise BadRecord("no post, comment or reaction of LinkedIn")
        for number in range(len(items) - len(messages) - len(reactions)):
            yield Record("message", f"item {number + 1}", {})  # counted, as a comment that lacks everything
        for message, chain in self._remembered.chains(messages):
            known = chain or list_of(message.get("chain"))
            yield Record(
                "message", _key(message), {**message, "chain": [*known, *_unknown_post([message, *known][-1])]}
            )
        for reaction in reactions:
            if "user" in reaction:
                yield Record("reaction", f"{reaction['on']}/{reaction['user']}", reaction)
                continue
            # of a reaction to a comment the root is the post
            of = str(id_of(dig(reaction, "entity")) or _entity_of(reaction) or id_of(reaction.get("root")))
            [(_, chain)] = self._remembered.chains([{"commentUrn": f"reaction to {of}", "on": of}])
            yield _reaction(reaction, of, {**(chain[0] if chain else _known_by(of)), "chain": chain[1:]}, "")

    # --- what a message says --------------------------------------------------------------------------------------------------------

    def told(self, message: Mapping[str, Any]) -> Told:
        """A post of the page, or a comment on it."""
        text = message.get("commentary") or dig(message, "message.text")
        writer = id_of(dig(message, "created.actor")) or id_of(message.get("actor")) or id_of(message.get("author"))
        named = [(each, user) for each in list_of(dig(message, "message.attributes")) if (user := _named(each))]
        edited = int_of(dig(message, "lastModified.time")) or int_of(message.get("lastModifiedAt"))
        written = (
            int_of(dig(message, "created.time"))
            or int_of(message.get("publishedAt"))
            or int_of(message.get("createdAt"))
        )
        return Told(
            id=_key(message),
            room=_room(message),
            at=written,
            sender=writer,
            texts=(without(text, [(dig(each, "start"), dig(each, "length")) for each, _ in named]),) if isinstance(text, str) else (),
            has_link=isinstance(dig(message, "content.article"), dict),
            parent=_refers_to(message),
            carries=types.FILE if list_of(message.get("content")) or dig(message, "content.media") or dig(message, "content.multiImage") else None,
            mentions=[user for _, user in named],
            revision=str(edited) if _is_comment(message) and edited and written and edited > written + 1000 else "",
            deleted=bool(message.get("gone")),
            ignored=ORGANISATION if (writer or "").startswith("urn:li:organization:") and "chain" in message else "",
        )  # fmt: skip

    def room(self, record: Record) -> Room:
        """A page by its number, or the conversation where none is known; posts and comments by their URNs."""
        room = str(record["room"])
        conversation = room.removeprefix("conversation ") if room.startswith("conversation ") else None
        return Room(
            iri=f"{self.tenant}/conversations/{quote(conversation, safe=':')}"
            if conversation
            else f"{self.tenant}/company/{quote(room, safe='')}",
            message_iri=lambda message: f"{self.tenant}/feed/update/{quote(message, safe=':')}",
            channel_kind=self.channel_kind(room),
            type_iri=types.ONLINE_DISCUSSION if conversation else types.COMMUNITY_SITE,
            opening_type=types.MESSAGE,
            reply_type=types.COMMENT,
        )


# --- posts, comments, reactions --------------------------------------------------------------------------------------------------------------


def _key(message: Mapping[str, Any]) -> str:
    """The URN; of a comment the whole one, which holds its post."""
    return str(
        id_of(message.get("commentUrn"))
        or id_of(message.get("urn"))
        or id_of(message.get("$URN"))
        or id_of(message.get("id"))
    )


def _is_comment(message: Mapping[str, Any]) -> bool:
    return "commentUrn" in message or isinstance(message.get("message"), dict) or "parentComment" in message


def _is_message(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and ("commentary" in item or _is_comment(item) or bool(item.get("gone")))
        and not _is_reaction(item)
    )


def _is_reaction(item: Any) -> bool:
    return isinstance(item, dict) and ("reactionType" in item or {"user", "on", "name"} <= item.keys())


def _refers_to(message: Mapping[str, Any]) -> str | None:
    """The comment or post that a comment is on."""
    if not _is_comment(message):
        return None
    return id_of(message.get("on")) or id_of(message.get("parentComment")) or id_of(message.get("object"))


def _named(attribute: Any) -> str | None:
    """The member whom a part of a text names. The older form has a name with points in it as its key, which `dig` would take for a path."""
    older = dig(attribute, "value")
    member = dig(older.get("com.linkedin.common.MemberAttributedEntity"), "member") if isinstance(older, dict) else None
    return id_of(dig(attribute, "value.person.person")) or id_of(member)


def _unknown_post(message: Item) -> Iterator[Item]:
    """What is known of the post that a comment is on where it is not told: its URN."""
    if _is_comment(message) and (post := id_of(message.get("object"))):
        yield {"urn": post}


def _known_by(urn: str) -> dict[str, Any]:
    """What the URN of a post or comment tells: `urn:li:comment:(urn:li:activity:A,1)` is one on that activity."""
    on = urn.removeprefix("urn:li:comment:(").rpartition(",")[0] if urn.startswith("urn:li:comment:(") else ""
    return {"commentUrn": urn, "object": on} if on else {"urn": urn}


def _room(message: Mapping[str, Any]) -> str:
    author = id_of(message.get("author")) or ""
    page = id_of(message.get("room")) or author.removeprefix("urn:li:organization:")
    return page or f"conversation {id_of(message.get('object')) or _key(message)}"


def _reaction(reaction: Item, of: str, on: Item, page: str) -> Record:
    user, sort = id_of(dig(reaction, "created.actor")), str(dig(reaction, "reactionType"))
    ours = (user or "").startswith("urn:li:organization:")
    fields = sign(on, id=of, room=page or _room(on), name=_SIGNS.get(sort, sort.lower()), user=user, at=dig(reaction, "created.time"), ignored=ORGANISATION if ours else "")  # fmt: skip
    return Record("reaction", f"{of}/{user}", fields)


def _entity_of(reaction: Item) -> str | None:
    """`urn:li:reaction:(urn:li:person:A,urn:li:activity:B)` → `urn:li:activity:B`; a comment's URN has brackets of its own."""
    inside = (id_of(reaction.get("id")) or "").partition("(")[2].removesuffix(")")
    return inside.partition(",")[2] or None


def _happened_in(record: Record, window: Window) -> bool:
    """By when it was written; without a readable time it comes along, to be reported."""
    at = (
        record.get("at")
        if record.kind == "reaction"
        else dig(record, "created.time") or record.get("publishedAt") or record.get("createdAt")
    )
    try:
        return window.holds(parse_time(at))  # type: ignore[arg-type]  # None is a BadRecord
    except (BadRecord, AttributeError):
        return True
