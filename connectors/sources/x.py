"""X (Twitter): conversations under the hashtags or searches, and posts of the accounts, that are on the allow-list.

API         v2: /2/tweets/search/recent (seven days, else /search/all), /2/users/{id}/tweets, newest first; /2/tweets?ids= for what was deleted
Permission  a bearer token of an app with credits; it sees public posts only
Cost        prepaid credits, no free tier: $0.005 a post that is read, $0.010 a user; at most 2 million posts a month. Posts that an answer
            includes and posts that are looked up again cost the same. `most_posts` ends a pull before it costs more
People      the author's id as a keyed reference; handles are never kept and users are not asked for. The directory's column id_x holds the number, not the handle
Limits      windows of 15 minutes for each endpoint; 429 tells their end in x-rate-limit-reset. Without credits the answer is 402
Late facts  look back 1 day. Each edit is a new post; edit_history_tweet_ids ties them: the first id is the fact, a later form replaces the earlier,
            and an answer to any form is one to the fact
Deleted     nobody is told: posts are looked up again after one, three, seven and fourteen days, as far as their landing is kept, and taken back when they are gone
Questions   a post outside a conversation that asks (rule question-in-text); replies of others to it are answers. A repost is shared; a quote is a post of its own
Not seen    likes, views, lists; protected accounts; replies to posts that no search finds; more than the API lets one page
Verified    with payloads of version 1.1, whose form is read too; version 2 from documentation
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar
from urllib.parse import quote

from connectors.chat import ChatSource, Told, id_of, list_of
from connectors.conversation import Room, channel_kinds_setting
from connectors.http import Api
from connectors.paging import by_cursor, dig
from connectors.source import Connection, Kind, Record, Setting, Verified, Window
from connectors.threads import Item, Remembered, newest_first
from leerstroom.errors import BadRecord, ConfigurationError, UnexpectedShape
from leerstroom.statements import parse_time, types

_FIELDS = "author_id,conversation_id,created_at,edit_history_tweet_ids,entities,attachments,referenced_tweets"
_RECENT = timedelta(days=7)
_SETTLED = timedelta(seconds=10)  # a search must end this long ago
_LOOKED_UP = 100  # ids of one request
_RECHECKED_DAYS = frozenset({1, 3, 7, 14})


class X(ChatSource):
    """Public posts."""

    name: ClassVar[str] = "x"
    title: ClassVar[str] = "X (Twitter)"
    kind: ClassVar[Kind] = Kind.SOCIAL
    verified: ClassVar[Verified] = Verified.PAYLOADS
    look_back: ClassVar[timedelta] = timedelta(days=1)
    record_kinds: ClassVar[tuple[str, ...]] = ("message",)
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("host", "Address", default="https://api.x.com", kind="url", required=False),
        Setting("token", "Bearer token", secret=True, help="of an app in the developer console"),
        Setting("searches", "Searches", many=True, required=False, help="hashtags or queries of X, such as #leercafe -is:retweet"),
        Setting("accounts", "Accounts", many=True, required=False, help="ids (numbers) of accounts of the organisation, or of people who agreed"),
        channel_kinds_setting("search or account as above"),
        Setting("most_posts", "Most posts", default=10_000, kind="number", required=False, help="that one pull may read; a thousand cost $5"),
    )  # fmt: skip

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._read_posts = 0
        self._included: dict[str, Item] = {}
        self._remembered = Remembered(key=_key, refers_to=_refers_to)

    @property
    def tenant(self) -> str:
        """The network, whichever address its API has."""
        return str(self.connection.get("tenant") or "https://x.com").rstrip("/")

    @staticmethod
    def quota(status: int, body: Any) -> bool:
        """Whether the month's cap is reached."""
        return status == 429 and "usage-capped" in str(dig(body, "type"))

    # --- pull ---------------------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """Posts of the window that the searches find or the accounts wrote, each once."""
        self._read_posts, seen = 0, set[str]()
        for room, path, query in self._lists(window):
            self._included = {}
            posts = ((post, True) for page in self._pages(api, path, query) for post in page)
            for post, chain in newest_first(posts, key=_key, refers_to=_refers_to, fetch=self._of_answers):
                if (key := _key(post)) not in seen:
                    seen.add(key)
                    yield Record("message", key, {**post, "room": room, "chain": chain})

    def _lists(self, window: Window) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """(search or account, path, query) of all that is asked."""
        now = datetime.now(UTC)
        start, end = window.start.astimezone(UTC), min(window.end.astimezone(UTC), now - _SETTLED)
        if start >= end:
            return
        within = {
            "start_time": f"{start:%Y-%m-%dT%H:%M:%SZ}",
            "end_time": f"{end:%Y-%m-%dT%H:%M:%SZ}",
            "max_results": 100,
        }
        asked = {**within, "tweet.fields": _FIELDS, "expansions": "referenced_tweets.id"}
        recent = "recent" if start > now - _RECENT else "all"
        for search in self.connection.get("searches") or ():
            yield search, f"/2/tweets/search/{recent}", {**asked, "query": search}
        for account in self.connection.get("accounts") or ():
            yield account, f"/2/users/{quote(account, safe='')}/tweets", asked

    def _pages(self, api: Api, path: str, query: Mapping[str, Any]) -> Iterator[list[Item]]:
        """The pages of a list, newest first; what posts refer to is kept aside."""

        def fetch(cursor: str | None) -> tuple[list[Item], str | None]:
            body = api.get(path, {**query, "pagination_token": cursor} if cursor else query).body
            if not isinstance(body, dict) or not {"data", "meta", "errors"} & body.keys():
                raise UnexpectedShape(f"connection '{api.connection}' at a list of posts: the answer holds none")
            posts: list[Item] = [post for post in list_of(body.get("data")) if isinstance(post, dict)]
            included = [post for post in list_of(dig(body, "includes.tweets")) if isinstance(post, dict)]
            self._included |= {_key(post): post for post in included}
            self._paid_for(len(posts) + len(included))
            firsts = _firsts([*posts, *included])
            return [_by_first_version(post, firsts) for post in posts], id_of(dig(body, "meta.next_token"))

        yield from by_cursor(fetch, where=f"connection '{api.connection}' at a list of posts")

    def _paid_for(self, posts: int) -> None:
        self._read_posts += posts
        if self._read_posts > float(self.connection.get("most_posts") or math.inf):
            raise ConfigurationError(
                f"connection '{self.connection.name}': one pull would read more than {self.connection.get('most_posts')} posts; narrow the searches or raise most_posts"
            )

    def _of_answers(self, post_id: str) -> Item | None:
        return self._included.get(post_id)

    def recheck(self, api: Api, landed: Iterable[Record]) -> Iterator[Record]:
        """The posts that landed one, three, seven or fourteen days ago and cannot be looked up any more: each look-up costs."""
        asked: dict[str, Record] = {}
        for record in landed:
            if not record.get("deleted") and _days_old(record) in _RECHECKED_DAYS:
                asked[record.key] = record
            if len(asked) == _LOOKED_UP:
                yield from self._gone(api, asked)
                asked = {}
        if asked:
            yield from self._gone(api, asked)

    def _gone(self, api: Api, asked: Mapping[str, Record]) -> Iterator[Record]:
        body = api.get("/2/tweets", {"ids": ",".join(asked), "tweet.fields": "edit_history_tweet_ids"}).body
        self._paid_for(len(list_of(dig(body, "data"))))
        gone = {
            id_of(dig(error, "resource_id")) or id_of(dig(error, "value"))
            for error in list_of(dig(body, "errors"))
            if _is_gone(error)
        }
        for key in asked:
            if key in gone:
                yield Record("message", key, {"id": key, "room": asked[key].get("room"), "gone": True})

    def check(self, api: Api) -> str:
        """Looks one post up, the cheapest request, and says how much a month is used. Raises ConfigurationError where nothing is on the list."""
        lists = [*(self.connection.get("searches") or ()), *(self.connection.get("accounts") or ())]
        if not lists:
            raise ConfigurationError(f"connection '{self.connection.name}': name at least one of searches and accounts")
        if names := [account for account in self.connection.get("accounts") or () if not account.isdecimal()]:
            raise ConfigurationError(
                f"connection '{self.connection.name}': {len(names)} accounts are no numbers; a handle can change hands, an id cannot"
            )
        used = dig(api.get("/2/usage/tweets").body, "data")
        return f"the token is accepted; {len(lists)} searches and accounts, {dig(used, 'project_usage') or 0} of {dig(used, 'project_cap') or '?'} posts of this month are used"

    # --- read ---------------------------------------------------------------------------------------------------------------------

    def read(self, payload: Any) -> Iterator[Record]:
        """A post, an answer of version 2 (`data`, `includes`, `errors`), an answer of version 1.1 (`statuses`), or a list of posts."""
        if isinstance(payload, dict) and "response" in payload and "request" in payload:
            payload = dig(payload, "response.body")
        posts, gone = list(_posts(payload)), list(_deletions(payload))
        if not any(posts) and not gone and not _is_empty(payload):
            raise BadRecord("no post of X")
        included = {_key(post): post for post in list_of(dig(payload, "includes.tweets")) if isinstance(post, dict)}
        firsts = _firsts([*posts, *included.values()])
        posts = [_by_first_version(post, firsts) for post in posts]
        known = [*posts, *(post for key, post in included.items() if key not in set(map(_key, posts)))]
        for post, chain in list(self._remembered.chains(known))[: len(posts)]:
            yield Record("message", _key(post), {**post, "chain": chain})
        yield from gone

    # --- what a post says -------------------------------------------------------------------------------------------------------------

    def told(self, message: Mapping[str, Any]) -> Told:
        """A post, a reply, a quote or a repost, in the form of version 2 or 1.1."""
        if message.get("gone"):
            return Told(id=_key(message), room=_room(message), at=None, sender=None, deleted=True)
        reposted, quoted = _reference(message, "retweeted"), _reference(message, "quoted")
        text = message.get("full_text") or dig(message, "note_tweet.text") or message.get("text")
        versions = list_of(message.get("edit_history_tweet_ids"))
        return Told(
            id=_key(message),
            room=_room(message),
            at=_time(message.get("created_at")),
            sender=id_of(message.get("author_id")) or id_of(dig(message, "user.id_str")) or id_of(dig(message, "user.id")),
            texts=(_without_addressees(text),) if isinstance(text, str) and not reposted else (),
            parent=_reference(message, "replied_to"),
            passes_on=reposted,
            carries=types.FILE if dig(message, "attachments.media_keys") or dig(message, "extended_entities.media") else types.MESSAGE if quoted else None,
            mentions=[user for each in list_of(dig(message, "entities.mentions")) + list_of(dig(message, "entities.user_mentions")) if (user := id_of(dig(each, "id")) or id_of(dig(each, "id_str")))],
            revision=f"version {len(versions)}" if len(versions) > 1 else "",
        )  # fmt: skip

    def room(self, record: Record) -> Room:
        """A search, an account, or the conversation where neither is known; posts by their ids."""
        room = str(record["room"])
        conversation = room.removeprefix("conversation ") if room.startswith("conversation ") else None
        where = (
            f"i/conversations/{conversation}"
            if conversation
            else f"i/user/{room}"
            if room.isdecimal()
            else f"search?q={quote(room, safe='')}"
        )
        return Room(
            iri=f"{self.tenant}/{where}",
            message_iri=lambda message: f"{self.tenant}/i/web/status/{quote(message, safe='')}",
            name=None if conversation or room.isdecimal() else room,
            channel_kind=self.channel_kind(room),
            type_iri=types.ONLINE_DISCUSSION if conversation else types.COMMUNITY_SITE,
            opening_type=types.MESSAGE,
            reply_type=types.MESSAGE,
        )


# --- posts ---------------------------------------------------------------------------------------------------------------------------------


def _posts(payload: Any) -> Iterator[Item]:
    if isinstance(payload, list):
        for each in payload:
            yield from list(_posts(each)) or [{}]  # whatever it is, it is counted, as a post that lacks everything
    elif isinstance(payload, dict):
        for name in ("data", "statuses"):
            if isinstance(payload.get(name), list | dict):
                yield from _posts(payload[name])
        if id_of(payload.get("id")) and ({"text", "full_text"} & payload.keys() or payload.get("gone")):
            yield payload


def _deletions(payload: Any) -> Iterator[Record]:
    """Posts of which an answer to a look-up says that they are not there."""
    for error in list_of(dig(payload, "errors")):
        if (
            _is_gone(error)
            and dig(error, "parameter") in {None, "ids", "id"}
            and (post := id_of(dig(error, "resource_id")) or id_of(dig(error, "value")))
        ):
            yield Record("message", post, {"id": post, "gone": True})


def _is_gone(error: Any) -> bool:
    return str(dig(error, "type")).endswith("resource-not-found") and str(dig(error, "resource_type") or "tweet") in {
        "tweet",
        "post",
    }


def _is_empty(payload: Any) -> bool:
    return isinstance(payload, dict) and (dig(payload, "meta.result_count") == 0 or payload.get("statuses") == [])


def _key(post: Mapping[str, Any]) -> str:
    """Id of the fact: that of a post's first version."""
    versions = list_of(post.get("edit_history_tweet_ids"))
    return str(id_of(versions[0] if versions else None) or id_of(post.get("id_str")) or id_of(post.get("id")))


def _firsts(posts: Iterable[Item]) -> dict[str, str]:
    """The first version of each later one."""
    versions = ([id_of(each) for each in list_of(post.get("edit_history_tweet_ids"))] for post in posts)
    return {later: of[0] for of in versions if of and of[0] for later in of[1:] if later}


def _by_first_version(post: Item, firsts: Mapping[str, str]) -> Item:
    """The post, what it refers to named by its first version: people answer a version, and the fact is that of the first."""
    told = [each for each in list_of(post.get("referenced_tweets")) if isinstance(each, dict)]
    if not any(id_of(each.get("id")) in firsts for each in told):
        return post
    return {**post, "referenced_tweets": [{**each, "id": firsts.get(str(id_of(each.get("id"))), each.get("id"))} for each in told]}  # fmt: skip


def _refers_to(post: Mapping[str, Any]) -> str | None:
    return _reference(post, "replied_to")


def _reference(post: Mapping[str, Any], sort: str) -> str | None:
    """Id of the post that this one replies to, quotes or reposts."""
    for each in list_of(post.get("referenced_tweets")):
        if dig(each, "type") == sort:
            return id_of(dig(each, "id"))
    if sort == "replied_to":
        return id_of(post.get("in_reply_to_status_id_str")) or id_of(post.get("in_reply_to_status_id"))
    older = post.get(f"{sort}_status")
    return _key(older) if isinstance(older, dict) else None


def _room(post: Mapping[str, Any]) -> str:
    first = _reference(post, "retweeted") or id_of(post.get("conversation_id")) or _refers_to(post) or _key(post)
    return id_of(post.get("room")) or f"conversation {first}"


def _without_addressees(text: str) -> str:
    """A reply begins with the handles of all whom it reaches; they are none of the writer's words."""
    words = text.split(" ")
    while words and words[0].startswith("@"):
        words.pop(0)
    return " ".join(words)


def _days_old(record: Record) -> int | None:
    try:
        return (datetime.now(UTC) - parse_time(record["at"])).days
    except (BadRecord, KeyError, AttributeError, TypeError):
        return None


_LONGEST_TIME = 60


def _time(value: Any) -> Any:
    """ISO 8601; version 1.1 writes `Sat Jun 09 02:38:00 +0000 2018`."""
    if isinstance(value, str) and len(value) < _LONGEST_TIME and value[:3].isalpha():
        try:
            day, month, date, clock, offset, year = value.split(" ")
            return parsedate_to_datetime(f"{day}, {date} {month} {year} {clock} {offset}").isoformat()
        except ValueError:
            return value
    return value
