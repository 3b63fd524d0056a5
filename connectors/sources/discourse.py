"""Discourse: the public categories of a forum that are on the allow-list.

API         /c/{id}/l/latest (the last active first, pinned ones on top), /t/{id} with the ids of all posts, /t/{id}/posts from the last one back, /post_action_users
            for who likes a post
Permission  an API key; of a moderator to see what was deleted, of an admin for addresses
Cost        a request per 30 topics, per active topic and per 20 new posts in it, one per liked post (`likes`); 60 a minute
People      the user name, as a keyed reference; addresses of /admin/users only where `emails` says so (the forum's staff log notes it); names are never
            kept; the forum's own accounts are no people
Content     title and text become features in the pull stage; quotes and names of files are dropped; a picture in the text counts as a file
Late facts  edits, likes, acceptances and deletions are seen as long as the topic is active within the look-back of 7 days
Questions   a topic that asks in its title or first post, and every topic with an accepted answer; another person's post in it answers
Accepted    a fact: an accepted answer is an answer, and is voted up by whom the forum names, else by the one who asked
Times       neither a like nor an acceptance has a time of its own: they carry the post's (a like says so: rule time-of-message)
Not seen    private messages, categories for some groups and whispers of staff: never read; likes that were taken back; where a post was moved to;
            an acceptance that was taken back without another one
Verified    with recorded payloads of others and the vendor's documentation
"""

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import unquote

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
from connectors.conversation import Room, accepted, channel_kinds_setting
from connectors.http import Api
from connectors.paging import by_number, dig, listed
from connectors.source import Connection, Headers, Kind, Record, Setting, Verified, Window, maps
from connectors.threads import Memory
from leerstroom.errors import BadRecord, ConfigurationError, UnexpectedShape
from leerstroom.people import People, Pseudonyms
from leerstroom.statements import Outcome, parse_time, types

logger = logging.getLogger(__name__)

_POSTS, _LIKE = 20, 2  # posts a request; number of the action 'like'
_WHISPER = 4

Raw = Mapping[str, Any]


class Discourse(ChatSource):
    """A forum as a member sees it."""

    name: ClassVar[str] = "discourse"
    title: ClassVar[str] = "Discourse"
    kind: ClassVar[Kind] = Kind.SOCIAL
    verified: ClassVar[Verified] = Verified.PAYLOADS
    needs_room: ClassVar[bool] = False
    look_back: ClassVar[timedelta] = timedelta(days=7)
    requests_per_minute: ClassVar[float | None] = 60.0
    record_kinds: ClassVar[tuple[str, ...]] = ("message", "reaction", "acceptance")
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("host", "Forum", kind="url", help="such as https://forum.example.org"),
        Setting("token", "API key", secret=True),
        Setting("username", "User of the key", help="in whose name it reads"),
        Setting("rooms", "Allowed categories", many=True, help="ids of public categories; nothing else is read"),
        channel_kinds_setting("category id or name"),
        Setting("likes", "Who likes what", default=True, kind="flag", required=False, help="false: a request less for each liked post"),
        Setting("emails", "Find employees by address", default=False, kind="flag", required=False, help="needs the key of an admin"),
    )  # fmt: skip
    content: ClassVar[Mapping[str, tuple[str, ...]]] = {"message": ("cooked", "raw", "topic_title")}

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._seen = Memory()

    def auth(self) -> Any:
        """Two headers: the key and in whose name it reads."""
        return Headers({"Api-Key": str(self.connection["token"]), "Api-Username": str(self.connection["username"])})

    # --- pull -----------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """Posts written inside the window, in topics that were active since its start; their likes; acceptances in these topics."""
        emails: dict[str, str] | None = None
        for room in self.connection["rooms"]:
            category = self._category(api, room)
            if category.get("read_restricted") is not False:
                logger.warning("connection %s: category %s is private and is not read", self.connection.name, room)
                continue
            if emails is None:
                emails = _emails(api) if self.connection.get("emails") else {}
            known = {"category_id": category.get("id"), "room_name": category.get("name"), "emails": emails}
            for topic in self._topics(api, room, window):
                yield from self._records(api, topic, window, known)

    def _topics(self, api: Api, room: str, window: Window) -> Iterator[Raw]:
        """The topics that were active since the window's start. Pinned topics come first, whenever they were active."""
        path, more = f"/c/{room}/l/latest.json", True

        def page(number: int) -> list[Raw]:
            nonlocal more
            told = mapping_of(dig(api.get(path, {"page": number}).body, "topic_list"))
            if not isinstance(told.get("topics"), list):
                raise UnexpectedShape(f"connection '{api.connection}' at {path}: the answer holds no list of topics")
            more = bool(told.get("more_topics_url"))
            return rows_of(told, "topics")

        for topics in by_number(page, where=f"connection '{api.connection}' at {path}"):
            for topic in topics:
                active = (_moment(topic.get("bumped_at")) or window.start) >= window.start
                began = _moment(topic.get("created_at")) or window.start
                if active and began < window.end:
                    yield topic
                elif not active and not topic.get("pinned"):
                    return
            if not more:
                return

    def _records(self, api: Api, row: Raw, window: Window, known: Raw) -> Iterator[Record]:
        """What a topic of the list tells. With an accepted answer its question and that answer are told whenever they were written."""
        topic = str(row.get("id"))
        body = api.get(f"/t/{topic}.json", {"show_deleted": "true"}, missing_ok=True).body
        if body is None:
            return  # deleted since the list was told
        posts = {_id(post): post for post in self._posts(api, topic, body, window)}
        again = _again(window, posts.values())
        best = f"{topic}/{_solution(body)}"
        solved = _solution(body) is not None and _inside(window, row.get("bumped_at"))
        if solved and best not in posts:
            found = api.get(f"/posts/by_number/{best}.json", missing_ok=True).body
            posts |= {best: found} if isinstance(found, dict) else {}
        about = {
            **known,
            "topic_title": body.get("title"),
            "topic_archetype": body.get("archetype"),
            "solution": _solution(body),
        }
        for key, post in posts.items():
            whole = {**post, **about, "chain": [{**each, **about} for each in _chain(post, posts.get)]}
            if again or _told(window, post) or (solved and key in {best, f"{topic}/1"}):
                yield Record("message", key, whole)
            if solved and key == best:
                yield _acceptance(whole, emails=known["emails"])
            if self.connection.get("likes", True) and _liked(post) and _inside(window, post.get("created_at")):
                query = {"id": post.get("id"), "post_action_type_id": _LIKE}
                for user in rows_of(mapping_of(api.get("/post_action_users.json", query).body), "post_action_users"):
                    yield _sign(whole, user.get("username"), emails=known["emails"])

    def _posts(self, api: Api, topic: str, body: Any, window: Window) -> Iterator[Raw]:
        """The first post and those of the window, all where the first was edited in it, in their order."""
        stream = list_of(dig(body, "post_stream.stream"))
        found = {post.get("id"): post for post in rows_of(mapping_of(dig(body, "post_stream")), "posts")}
        if not found:
            raise UnexpectedShape(f"connection '{api.connection}' at /t/…: the answer holds no posts")
        left = [each for each in stream if each not in found]
        again = _again(window, found.values())
        while left:
            part, left = left[-_POSTS:], left[:-_POSTS]
            answer = api.get(f"/t/{topic}/posts.json", {"post_ids[]": part, "show_deleted": "true"}).body
            posts = rows_of(mapping_of(dig(answer, "post_stream")), "posts")
            found |= {post.get("id"): post for post in posts}
            if (
                not again
                and posts
                and all((_moment(post.get("created_at")) or window.start) < window.start for post in posts)
            ):
                break  # the ids stand in the order of writing
        return iter([found[each] for each in stream if each in found] or found.values())

    def _category(self, api: Api, room: str) -> Raw:
        found = dig(api.get(f"/c/{room}/show.json", missing_ok=True).body, "category")
        if not isinstance(found, Mapping):
            raise ConfigurationError(
                f"connection '{api.connection}': the forum shows no category {room}; correct the list of categories, which are ids"
            )
        return found

    def check(self, api: Api) -> str:
        """In whose name the key reads, and that the allowed categories can be read. Raises ConfigurationError for one that must not be."""
        if not dig(api.get("/session/current.json").body, "current_user"):
            raise UnexpectedShape(
                f"connection '{api.connection}': no answer of Discourse; check the host of the connection"
            )
        rooms = self.connection["rooms"]
        for room in rooms:
            if self._category(api, room).get("read_restricted") is not False:
                raise ConfigurationError(
                    f"connection '{api.connection}': category {room} is private; take it off the list of categories"
                )
        return f"the key is accepted, {len(rooms)} of {len(rooms)} allowed categories can be read"

    # --- read ------------------------------------------------------------------------------------------------------------

    def read(self, payload: Any) -> Iterator[Record]:
        """A post, a topic, the latest posts, who likes a post, a webhook, or a recorded exchange of these."""
        items = list(_items(payload))
        here = {_id(item): item for item in items if _is_post(item)}

        def known(name: str) -> Raw | None:
            return here.get(name) or self._seen.get(name)

        for item in items:
            if "liked" in item:
                on = known(str(item["liked"])) or mapping_of(item.get("post"))
                yield _sign({**on, "chain": _chain(on, known)}, item.get("username"))
            elif _is_post(item):
                whole = {"chain": _chain(item, known), **item}
                yield Record("message", _id(item), whole)
                if item.get("accepted_answer") is True:
                    yield _acceptance(whole)
            else:
                yield Record("answer", "", {})  # topics in lists, people, categories
        for name, item in here.items():
            self._seen.keep(name, item)

    # --- at the edge and on ---------------------------------------------------------------------------------------------------

    def told(self, message: Raw) -> Told:
        """A post of Discourse. It is known by topic and number, as replies and links know it; people go by their user names."""
        text = text_of(message.get("cooked")) or text_of(message.get("raw")) or ""
        title = text_of(message.get("topic_title")) if message.get("post_number") == 1 else None
        opens, solved = message.get("post_number") == 1, bool(message.get("solution"))
        best = message.get("accepted_answer") is True
        edited = (
            "" if message.get("updated_at") in (None, message.get("created_at")) else str(message.get("updated_at"))
        )
        at = _moment(message.get("created_at"))
        return Told(
            id=_id(message),
            room=str(message.get("category_id") or ""),
            at=at.isoformat() if at else None,
            sender=text_of(message.get("username")),
            texts=[each for each in (title, _QUOTE.sub(" ", text)) if each],
            parent=None if opens else _key(message, message.get("reply_to_post_number")) or _key(message, 1),
            carries=types.FILE if 'class="attachment"' in text or _PICTURE.search(_ASIDE.sub("", text)) else None,
            mentions=sorted({unquote(each) for each in _MENTION.findall(text)}),
            marked="question" if opens and solved else "answer" if best and not opens else None,
            # with an accepted answer a topic becomes a question and a reply an answer, whatever they were before
            revision="/".join(each for each in (edited, "solved" if solved or best else "", "opens" if opens and "accepted_answer" in message else "") if each),
            deleted=bool(message.get("deleted_at")) or message.get("user_deleted") is True,
            ignored=_reason(message),
        )  # fmt: skip

    def minimise(self, record: Record, pseudonyms: Pseudonyms) -> Record:
        """As every chat; an acceptance lands as a reaction does."""
        if record.kind != "acceptance":
            return super().minimise(record, pseudonyms)
        kept = super().minimise(Record("reaction", record.key, record), pseudonyms)
        return Record(record.kind, str(kept.get("on") or ""), kept)

    @maps("acceptance")
    def acceptance(self, record: Record, people: People) -> Outcome:
        """The forum's own mark on an answer: a fact, by whom it names or by the one who asked."""
        return accepted(self.sign(record), people)

    def room(self, record: Record) -> Room:
        """The category; the forum as a whole where a payload names none."""
        category, name = record.get("room"), record.get("room_name")
        return Room(
            iri=f"{self.tenant}/c/{category}" if category else f"{self.tenant}/categories",
            message_iri=self.message_iri,
            name=name,
            channel_kind=self.channel_kind(category, name),
            type_iri=types.FORUM,
            opening_type=types.FORUM_TOPIC,
            reply_type=types.FORUM_REPLY,
        )

    def message_iri(self, message_id: str) -> str:
        """The permanent link to a post: its topic and its number."""
        return f"{self.tenant}/t/{message_id}"


def _emails(api: Api) -> dict[str, str]:
    """User name -> address of all active users."""
    path = "/admin/users/list/active.json"

    def page(number: int) -> list[Raw]:
        return listed(api, path, "", {"show_emails": "true", "page": number})

    pages = by_number(page, first=1, where=f"connection '{api.connection}' at {path}")
    users = [(text_of(user.get("username")), text_of(user.get("email"))) for users in pages for user in users]
    return {name: email for name, email in users if name and email}


# --- payloads -------------------------------------------------------------------------------------------------------------------

_ANSWERS = ("topic_list", "topic", "user", "users", "category", "categories", "category_list", "current_user")
_POST_URL = re.compile(r"/t/(?:[^/]*/)?(\d+)/(\d+)$")


def _items(payload: Any) -> Iterable[Raw]:
    """Posts and likes of a payload. Raises BadRecord for a payload of another shape."""
    match payload:
        case [_, *_]:
            return [item for each in payload for item in _items(each)]
        case {"request": _, "response": {"body": body}}:
            return _items(body)
        case {"errors": _}:
            raise BadRecord("an error of Discourse, not an answer")
        case {"post_stream": {"posts": [*posts]}}:
            about = {
                "topic_title": payload.get("title"),
                "topic_archetype": payload.get("archetype"),
                "category_id": payload.get("category_id"),
                "solution": _solution(payload),
            }
            told = {name: value for name, value in about.items() if value is not None}
            return [{"topic_id": payload.get("id"), **each, **told} for each in posts if isinstance(each, Mapping)]
        case {"latest_posts": [*posts]}:
            return [each for each in posts if isinstance(each, Mapping)]
        case {"post_action_users": [*users]}:
            return [
                {**each, "liked": f"{url[1]}/{url[2]}"}
                if isinstance(each, Mapping) and (url := _POST_URL.search(str(each.get("post_url"))))
                else {"liked": ""}  # who likes what is not told, which is counted
                for each in users
            ]
        case {"like": {"post": Mapping() as post, "user": Mapping() as user}}:  # webhooks
            return [{"liked": _id(post), "post": post, "username": user.get("username")}]
        case {"post": Mapping() as post} if _is_post(post):
            return [post]
        case {"solved": Mapping() as post} if _is_post(post):
            return [{**post, "accepted_answer": True}]
        case Mapping() if _is_post(payload):
            return [payload]
        case Mapping() if any(name in payload for name in _ANSWERS):
            return [{}]
    raise BadRecord("neither a post nor an answer or webhook of Discourse")


def _is_post(value: Raw) -> bool:
    return int_of(value.get("post_number")) is not None and "topic_id" in value and "username" in value


def _sign(post: Raw, user: Any, **more: Any) -> Record:
    """A like; Discourse keeps no time of it."""
    at = _moment(post.get("created_at"))
    fields = {"at": at.isoformat() if at else None, "timed": False, "room_name": post.get("room_name"), **more}
    if _reason(post) == PRIVATE:
        fields["ignored"] = PRIVATE
    made = sign(post, id=_id(post), room=str(post.get("category_id") or ""), name="like", user=user, **fields)
    return Record("reaction", f"{_id(post)}/like/{user}", made)


def _acceptance(post: Raw, **more: Any) -> Record:
    """The mark on an accepted answer; in a topic's own account of it newer forums name who made it."""
    asker = next(
        (each.get("username") for each in reversed(rows_of(post, "chain")) if each.get("post_number") == 1), None
    )
    made = _sign(post, post.get("accepter_username") or asker, **more)
    return Record("acceptance", _id(post), {**made, "timed": True})


def _solution(topic: Raw) -> int | None:
    """Number of the accepted answer of a topic."""
    told = topic.get("accepted_answer")
    return int_of(mapping_of(told).get("post_number"))


def _chain(post: Raw, known: Callable[[str], Raw | None]) -> list[Raw]:
    """[the post that is replied to, the first post of the topic], as far as they are known; a reply itself tells to whom it replies."""
    if post.get("post_number") == 1:
        return []
    wanted = (_key(post, post.get("reply_to_post_number")), _key(post, 1))
    user = mapping_of(post.get("reply_to_user")).get("username")
    told = {"topic_id": post.get("topic_id"), "post_number": post.get("reply_to_post_number"), "username": user}
    fallback = {wanted[0]: told} if user and wanted[0] != wanted[1] else {}
    return [
        found for each in dict.fromkeys(wanted) if each and (found := known(each) or fallback.get(each)) is not None
    ]


def _reason(post: Raw) -> str:
    """Why a post is no statement; empty where it is one."""
    sort, user = int_of(post.get("post_type")), int_of(post.get("user_id"))
    if post.get("topic_archetype") == "private_message" or sort == _WHISPER:
        return PRIVATE
    if user is not None and user < 0:
        return PROGRAM
    if sort not in {None, 1} or post.get("action_code"):
        return SYSTEM
    return "hidden by moderators" if post.get("hidden") is True else ""


def _liked(post: Raw) -> bool:
    return any(row.get("id") == _LIKE and int_of(row.get("count")) for row in rows_of(post, "actions_summary"))


_QUOTE = re.compile(r'<aside class="quote.*?</aside>|\[quote.*?\[/quote\]', re.DOTALL)
_ASIDE = re.compile(r"<aside\b.*?</aside>", re.DOTALL)  # what is quoted, and how the page behind a link looks
_PICTURE = re.compile(r'<img\b(?![^<>]*class="(?:emoji|avatar))')  # that somebody put into the text
_MENTION = re.compile(r'class="mention" href="/(?:u|users)/([^"/?]+)"')


def _id(post: Raw) -> str:
    return _key(post, post.get("post_number")) or ""


def _key(post: Raw, number: Any) -> str | None:
    topic = post.get("topic_id")
    return f"{topic}/{number}" if isinstance(topic, int | str) and int_of(number) is not None else None


def _moment(value: Any) -> datetime | None:
    try:
        return parse_time(value).astimezone(UTC) if isinstance(value, str) else None
    except (BadRecord, OverflowError):
        return None


def _inside(window: Window, value: Any) -> bool:
    moment = _moment(value)
    return moment is not None and window.holds(moment)


def _again(window: Window, posts: Iterable[Raw]) -> bool:
    """Whether the first post is older than the window and was edited in it: what its replies are may have changed with it."""
    first: Raw = next((post for post in posts if post.get("post_number") == 1), {})
    return _inside(window, first.get("updated_at")) and not _inside(window, first.get("created_at"))


def _told(window: Window, post: Raw) -> bool:
    """Whether the post was written, edited or deleted inside the window. Without a time mapping will refuse it, and say so."""
    times = (post.get("created_at"), post.get("updated_at"), post.get("deleted_at"))
    return any(_inside(window, each) for each in times) or _moment(times[0]) is None
