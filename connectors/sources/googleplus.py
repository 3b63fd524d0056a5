"""Google+: communities out of an archive that somebody took home in time.

API         none any more. Takeout archives (.zip) with JSON: posts with their comments, +1s and reshares, each with where it was shared
Permission  to read the archive; whoever made it gave it away for this
People      the profile (users/…) as a keyed reference; names and addresses of pictures are never kept
Rooms       communities and collections by id or name; of posts outside them only public ones, as the room "public". What was shared with circles or people is not read
Times       +1s and reshares have none: the post's (rule time-of-message)
Late facts  none come any more; a window picks what happened in it
Kept        the consumer network ended on 2 April 2019, Currents, which followed for organisations, in 2023; nothing can be asked for again
Not seen    what the owner of the archive could not see; deleted posts; votes
State       dead since 2019: an archive of the past, so that what was learnt there counts
Verified    from documentation: the fields that public readers of such archives read
"""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar
from urllib.parse import quote

import orjson

from connectors import files
from connectors.chat import PRIVATE, ChatSource, Told, id_of, sign
from connectors.conversation import Room, channel_kinds_setting
from connectors.http import Api
from connectors.paging import dig
from connectors.source import Kind, Record, Setting, Verified, Window
from leerstroom.errors import BadRecord, ConfigurationError
from leerstroom.statements import parse_time, types

PUBLIC = "public"
_PUBLIC_CIRCLES = frozenset({"CIRCLE_TYPE_PUBLIC"})


class GooglePlus(ChatSource):
    """Archives of people who took part."""

    name: ClassVar[str] = "googleplus"
    title: ClassVar[str] = "Google+ (Takeout)"
    kind: ClassVar[Kind] = Kind.SOCIAL
    verified: ClassVar[Verified] = Verified.DOCUMENTATION
    look_back: ClassVar[timedelta] = timedelta(0)
    personal_ids: ClassVar[bool] = True
    keyed_ids: ClassVar[bool] = True
    documents: ClassVar[tuple[str, ...]] = (".zip",)
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("files", "Archives", many=True, help="Takeout archives (.zip) or folders of their JSON files"),
        Setting("rooms", "Allowed communities", many=True, help=f"ids or names of communities and collections, or {PUBLIC}; nothing else is read"),
        channel_kinds_setting("id or name as above"),
    )  # fmt: skip

    @property
    def tenant(self) -> str:
        """The network."""
        return str(self.connection.get("tenant") or "https://plus.google.com").rstrip("/")

    def api(self) -> Api:
        """Nothing is asked over HTTP; the object only counts zero requests."""
        return Api(self.tenant, connection=self.connection.name)

    # --- pull ---------------------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """What was written in allowed communities inside the window. Two archives may hold the same post: it comes once."""
        allowed, seen = frozenset(map(str, self.connection["rooms"])), set[tuple[str, str]]()
        for record in self._records():
            moment = _moment(record)
            if (
                {str(record.get("room")), str(record.get("room_name"))} & allowed
                and (moment is None or window.holds(moment))
                and (record.kind, record.key) not in seen
            ):
                seen.add((record.kind, record.key))
                yield record

    def _records(self) -> Iterator[Record]:
        paths = files.matching(self.connection["files"], connection=self.connection.name, suffixes=(".zip", ".json"))
        for path in paths:
            read = self.read_document if path.lower().endswith(".zip") else partial(_of_file, self)
            yield from read(files.read(path, files.LARGEST_FILE * 10), path)

    def check(self, api: Api) -> str:
        """Reads the archives. Raises ConfigurationError for one that cannot be read."""
        try:
            found = sum(1 for _ in self._records())
        except BadRecord as error:
            raise ConfigurationError(f"connection '{self.connection.name}': {error}") from error
        return f"the archives hold {found} posts, comments, +1s and reshares"

    # --- read ---------------------------------------------------------------------------------------------------------------------

    def read_document(self, data: bytes, name: str) -> Iterator[Record]:
        """The posts of a Takeout archive. Raises BadRecord for one without any."""
        found = False
        with files.Archive(name, data) as archive:
            for member in archive.members(".json"):
                try:
                    yield from self.read(orjson.loads(archive.read(member)))
                except (BadRecord, orjson.JSONDecodeError):
                    continue  # profiles, circles, settings: Takeout names folders in the language of its owner
                found = True
        if not found:
            raise BadRecord(
                f"{name.rsplit('/', 1)[-1]} holds no post of Google+ as JSON; ask Takeout for JSON, not HTML"
            )

    def read(self, payload: Any) -> Iterator[Record]:
        """A post with all that hangs on it, a list of posts, or one record as this source gives it."""
        found = [list(_records(post)) for post in (payload if isinstance(payload, list) else [payload])]
        if not any(found):
            raise BadRecord("no post of Google+")
        for number, records in enumerate(found, 1):
            yield from records or [Record("message", f"item {number}", {})]  # counted, as a post that lacks everything

    # --- what a post says -----------------------------------------------------------------------------------------------------------

    def told(self, message: Mapping[str, Any]) -> Told:
        """A post, a comment on it, or a reshare of it."""
        kind, post = message.get("_kind"), message.get("_post")
        updated, written = message.get("updateTime"), message.get("creationTime")
        text = message.get("content")
        return Told(
            id=_key(message),
            room=str(message.get("room") or PUBLIC),
            at=written,
            timed=kind != "reshare",
            sender=_profile(message.get("resharer") if kind == "reshare" else message.get("author")),
            texts=(_PROFILE.sub(" ", text),) if isinstance(text, str) else (),
            has_link=isinstance(message.get("link"), dict),
            parent=str(post) if kind == "comment" else None,
            passes_on=str(post) if kind == "reshare" else None,
            carries=types.FILE
            if any(message.get(each) for each in ("media", "album", "photo"))
            else types.MESSAGE
            if isinstance(message.get("resharedPost"), dict)
            else None,
            mentions=_MENTION.findall(text) if isinstance(text, str) else (),
            revision=str(updated) if updated and updated != written else "",
            ignored=PRIVATE if message.get("private") else "",
        )

    def room(self, record: Record) -> Room:
        """A community or collection by its id; posts by theirs."""
        room, name = str(record["room"]), record.get("room_name")
        return Room(
            iri=f"{self.tenant}/{quote(room)}",
            message_iri=lambda message: f"{self.tenant}/posts/{message}",
            name=name,
            channel_kind=self.channel_kind(room, name),
            type_iri=types.COMMUNITY_SITE,
            opening_type=types.MESSAGE,
            reply_type=types.COMMENT,
        )


# --- archives -----------------------------------------------------------------------------------------------------------------------------

_MENTION = re.compile(r"plus\.google\.com/(\d{10,})")
_PROFILE = re.compile(
    r"<a\s[^<>]*plus\.google\.com/\d{10,}[^<>]*>[^<]*</a>|https?://plus\.google\.com/\d{10,}\S*"
)  # a name, and no link that is shared


def _of_file(source: GooglePlus, data: bytes, path: str) -> Iterator[Record]:
    try:
        yield from source.read(orjson.loads(data))
    except (BadRecord, orjson.JSONDecodeError):
        return  # a folder holds other files of the archive too


def _records(post: Any) -> Iterator[Record]:
    if not isinstance(post, dict):
        return
    if "on" in post and "user" in post:
        yield Record("reaction", f"{post['on']}/{post['user']}", post)
    elif "_post" in post:
        yield Record("message", _key(post), post)
    elif "creationTime" in post and isinstance(post.get("author"), dict):
        yield from _spread(post)


def _spread(post: Mapping[str, Any]) -> Iterator[Record]:
    """The post, its comments, its +1s and its reshares."""
    room, name, private = _place(post)
    place = {"room": room, "room_name": name, "private": private}
    own = {
        **{each: value for each, value in post.items() if each not in {"comments", "plusOnes", "reshares"}},
        **place,
        "_kind": "post",
        "_post": _key(post),
    }
    key, at = _key(post), post.get("creationTime")
    yield Record("message", key, {**own, "chain": []})
    for comment in _listed(post.get("comments")):
        made = {**comment, **place, "_kind": "comment", "_post": key, "chain": [own]}
        yield Record("message", _key(made), made)
    for reshare in _listed(post.get("reshares")):
        made = {
            "resharer": reshare.get("resharer"),
            "creationTime": at,
            **place,
            "_kind": "reshare",
            "_post": key,
            "chain": [],
        }
        yield Record("message", _key(made), made)
    for plus_one in _listed(post.get("plusOnes")):
        user = _profile(plus_one.get("plusOner"))
        fields = sign(
            own,
            id=key,
            room=room,
            name="like",
            user=user,
            at=at,
            timed=False,
            room_name=name,
            ignored=PRIVATE if private else "",
        )
        yield Record("reaction", f"{key}/{user}", fields)


def _place(post: Mapping[str, Any]) -> tuple[str, str | None, bool]:
    """(room, its name, whether it was shared with a few only)."""
    acl = post.get("postAcl") if isinstance(post.get("postAcl"), dict) else {}
    for place in ("community", "collection"):
        found = dig(acl, f"{place}Acl.{place}")
        if isinstance(found, dict) and (room := id_of(found.get("resourceName"))):
            return room, id_of(found.get("displayName")), False
    circles = {dig(each, "type") for each in _listed(dig(acl, "visibleToStandardAcl.circles"))}
    is_public = dig(acl, "isPublic") is True or bool(circles & _PUBLIC_CIRCLES)
    return PUBLIC, None, not is_public


def _key(message: Mapping[str, Any]) -> str:
    """Id of a post or comment; where an archive gives none, its address or who wrote it when."""
    if message.get("_kind") == "reshare":
        return f"{message.get('_post')}/reshares/{_profile(message.get('resharer'))}"
    found = id_of(message.get("resourceName")) or (
        id_of(message.get("url")) if "_post" not in message or message.get("_kind") == "post" else None
    )
    return found or f"{message.get('_post') or 'post'}/{_profile(message.get('author'))}/{message.get('creationTime')}"


def _profile(person: Any) -> str | None:
    """The number of a profile, however the archive names it."""
    found = id_of(dig(person, "resourceName")) or id_of(dig(person, "profilePageUrl"))
    return found.rstrip("/").rsplit("/", 1)[-1] if found else None


def _moment(record: Record) -> Any:
    try:
        return parse_time(record.get("at") if record.kind == "reaction" else record.get("creationTime"))  # type: ignore[arg-type]  # None is a BadRecord
    except (BadRecord, AttributeError):
        return None


def _listed(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
