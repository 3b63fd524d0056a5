"""A Matrix homeserver out of recorded events: client-server API v3, read only, with Synapse's paging tokens and refusals.

```
server.json          {"user_id", "token", "name"}: whose token it is that reads
rooms/<name>.jsonl   first line {"room_id", "alias", "joined"}, then one event a line, oldest first, as `/messages` gives it;
                     "before" holds the content of an event that was redacted later
rooms/<name>/messages-back/*.json   or: recorded exchanges {request, response} of `/messages?dir=b`
```
Of a room only the places and times of its events are held, and its state; an event is read from its file when it is asked for.
"""

import mmap
import secrets
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from leerstroom.replay.world import Platform, World

Event = dict[str, Any]
_NO_STORE = {"Cache-Control": "no-cache, no-store, must-revalidate"}
_DEFAULT_LIMIT, _MOST = 10, 1000


def platform(folder: Path, world: World) -> Platform:
    """The homeserver whose recordings lie in `folder`."""
    server = Homeserver(folder, world)
    client, room = "/_matrix/client/v3", "/_matrix/client/v3/rooms/{room_id}"
    routes = [
        Route("/_matrix/client/versions", server.versions),
        Route(f"{client}/account/whoami", server.whoami),
        Route(f"{client}/joined_rooms", server.joined_rooms),
        Route(f"{client}/directory/room/{{alias}}", server.alias),
        Route(f"{room}/messages", server.messages),
        Route(f"{room}/event/{{event_id}}", server.event),
        Route(f"{room}/state", server.state),
        Route(f"{room}/state/{{type}}", server.state_of),
        Route(f"{room}/state/{{type}}/", server.state_of),
        Route(f"{room}/joined_members", server.joined_members),
        Route(f"{room}/relations/{{event_id}}", server.relations),
        Route(f"{room}/relations/{{event_id}}/{{rel_type}}", server.relations),
        Route("/{rest:path}", server.unrecognized),
    ]
    return Platform(
        routes,
        unauthorized=lambda: _refused(401, "M_UNKNOWN_TOKEN", "Invalid access token passed.", soft_logout=False),
        forbidden=lambda: _refused(403, "M_FORBIDDEN", "You are not allowed to do that"),
        too_many=_too_many,
    )


def _too_many(seconds: float) -> Response:
    made = JSONResponse(
        {"errcode": "M_LIMIT_EXCEEDED", "error": "Too Many Requests", "retry_after_ms": round(seconds * 1000)}, 429, _NO_STORE
    )  # fmt: skip
    made.headers["Retry-After"] = str(-(-round(seconds * 1000) // 1000))  # Synapse rounds up to whole seconds
    return made


class _Room:
    """A room and where its events lie, oldest first: `data` holds them a line each, behind the first `skipped` lines."""

    def __init__(
        self, room_id: str, alias: str, data: bytes | mmap.mmap, *, joined: bool = True, skipped: int = 0
    ) -> None:
        self.room_id, self.alias, self.joined = room_id, alias, joined
        self._data = data
        self._starts, self._times = array("Q"), array("q")
        self._state: list[int] = []  # places of the events that say how the room is
        self._redacted: dict[str, int] = {}  # event -> when it was taken away
        self._places: dict[str, int] | None = None
        start = 0
        for number, line in enumerate(
            iter(data.readline, b"") if isinstance(data, mmap.mmap) else data.splitlines(keepends=True)
        ):
            if number >= skipped and line.strip():
                self._note(start, orjson.loads(line))
            start += len(line)
        self._in_order = all(first <= second for first, second in pairwise(self._times))

    def _note(self, start: int, event: Event) -> None:
        if "state_key" in event:
            self._state.append(len(self._starts))
        if event["type"] == "m.room.redaction":
            self._redacted[_redacts(event)] = event["origin_server_ts"]
        self._starts.append(start)
        self._times.append(event["origin_server_ts"])

    def visible(self, now: datetime) -> Sequence[int]:
        """The places of the events that exist by then."""
        until = now.timestamp() * 1000
        if self._in_order:
            return range(bisect_right(self._times, until))
        return [place for place, moment in enumerate(self._times) if moment <= until]

    def events(self, places: Iterable[int], now: datetime) -> list[Event]:
        """The events at these places, each as it looks by then: redactions that lie ahead have not happened."""
        until = now.timestamp() * 1000
        found = []
        for place in places:
            end = self._data.find(b"\n", self._starts[place])
            event = orjson.loads(self._data[self._starts[place] : end if end >= 0 else None])
            gone_at = self._redacted.get(event["event_id"])
            found.append(_as_of(event, is_redacted=gone_at is not None and gone_at <= until))
        return found

    def state(self, now: datetime) -> list[Event]:
        """The events that say how the room is, oldest first."""
        until = now.timestamp() * 1000
        return self.events([place for place in self._state if self._times[place] <= until], now)

    def event(self, event_id: str, now: datetime) -> Event | None:
        """One event, where it exists by then."""
        if self._places is None:
            everything = self.events(range(len(self._starts)), now)
            self._places = {event["event_id"]: place for place, event in enumerate(everything)}
        place = self._places.get(event_id)
        if place is None or self._times[place] > now.timestamp() * 1000:
            return None
        return self.events([place], now)[0]


@dataclass(slots=True)
class _Cursors:
    """Opaque tokens: nobody can guess the next one, so a client must hand back what it was given."""

    places: dict[str, tuple[str, int]] = field(default_factory=dict)
    tokens: dict[tuple[str, int], str] = field(default_factory=dict)

    def token(self, room_id: str, place: int) -> str:
        token = self.tokens.get((room_id, place))
        if token is None:
            token = self.tokens[room_id, place] = f"t{place}-{secrets.token_hex(4)}_0_0_0_0_0_0_0_0_0_0_0_0_0"
            self.places[token] = (room_id, place)
        return token

    def place(self, room_id: str, token: str) -> int | None:
        held = self.places.get(token)
        return held[1] if held and held[0] == room_id else None


class Homeserver:
    """State of one replayed homeserver."""

    def __init__(self, folder: Path, world: World) -> None:
        self._world = world
        settings = folder / "server.json"
        told = orjson.loads(settings.read_bytes()) if settings.exists() else {}
        self._token = str(told.get("token", "replayed"))
        self._user_id = str(told.get("user_id", "@leerstroom:replayed.example"))
        self._rooms = {room.room_id: room for room in _rooms(folder)}
        self._cursors = _Cursors()

    # --- what is open, and to whom --------------------------------------------------------------------------------------------------

    def _refusal(self, request: Request) -> Response | None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ") or request.query_params.get(
            "access_token"
        )
        if not token:
            return _refused(401, "M_MISSING_TOKEN", "Missing access token")
        if token != self._token:
            return _refused(401, "M_UNKNOWN_TOKEN", "Invalid access token passed.", soft_logout=False)
        return None

    def _entered(self, request: Request) -> _Room | Response:
        if refusal := self._refusal(request):
            return refusal
        room = self._rooms.get(request.path_params["room_id"])
        if room is None or not room.joined:
            return _refused(
                403,
                "M_FORBIDDEN",
                f"User {self._user_id} not in room {request.path_params['room_id']}, and room previews are disabled",
            )
        return room

    # --- endpoints ----------------------------------------------------------------------------------------------------------------------

    async def versions(self, request: Request) -> Response:
        """Versions of the specification, open to all."""
        return _json({"versions": ["r0.6.1", "v1.1", "v1.11", "v1.15"], "unstable_features": {}})

    async def whoami(self, request: Request) -> Response:
        """Whose token it is."""
        return self._refusal(request) or _json({"user_id": self._user_id, "is_guest": False, "device_id": "REPLAY"})

    async def joined_rooms(self, request: Request) -> Response:
        """Rooms that the token's user has joined."""
        return self._refusal(request) or _json({
            "joined_rooms": [room.room_id for room in self._rooms.values() if room.joined]
        })

    async def alias(self, request: Request) -> Response:
        """The room behind an alias."""
        if refusal := self._refusal(request):
            return refusal
        for room in self._rooms.values():
            if room.alias and room.alias == request.path_params["alias"]:
                return _json({"room_id": room.room_id, "servers": [room.alias.partition(":")[2]]})
        return _refused(404, "M_NOT_FOUND", f"Room alias {request.path_params['alias']} not found")

    async def messages(self, request: Request) -> Response:
        """A page of a room's events; the end of the list is a page without events and without `end`."""
        room = self._entered(request)
        if isinstance(room, Response):
            return room
        query, now = request.query_params, self._world.now()
        seen = room.visible(now)
        backwards = query.get("dir") == "b"
        if query.get("dir") not in {"b", "f"}:
            return _refused(400, "M_MISSING_PARAM", "Missing required string parameter 'dir'")
        place: int | None = len(seen) if backwards else 0
        if "from" in query:
            place = self._cursors.place(room.room_id, query["from"])
        limit = _limit(query.get("limit"))
        if place is None or limit is None:
            return _refused(
                400,
                "M_UNKNOWN" if place is None else "M_INVALID_PARAM",
                f"'{'from' if place is None else 'limit'}' parameter is invalid",
            )
        places = seen[max(0, place - limit) : place][::-1] if backwards else seen[place : place + limit]
        chunk = room.events(places, now)
        answer: dict[str, Any] = {"chunk": chunk, "start": self._cursors.token(room.room_id, place)}
        if chunk:
            answer["end"] = self._cursors.token(room.room_id, place - len(chunk) if backwards else place + len(chunk))
        return _json(answer)

    async def event(self, request: Request) -> Response:
        """One event."""
        room = self._entered(request)
        if isinstance(room, Response):
            return room
        event = room.event(request.path_params["event_id"], self._world.now())
        return _json(event) if event else _refused(404, "M_NOT_FOUND", "Event not found.")

    async def relations(self, request: Request) -> Response:
        """Events that relate to one, newest first, with `next_batch` while there are more."""
        room = self._entered(request)
        if isinstance(room, Response):
            return room
        wanted, sort = request.path_params["event_id"], request.path_params.get("rel_type")
        now = self._world.now()
        found = [
            event
            for event in reversed(room.events(room.visible(now), now))
            if (relation := event["content"].get("m.relates_to", {})).get("event_id") == wanted
            and sort in {None, relation.get("rel_type")}
        ]
        place = self._cursors.place(wanted, request.query_params["from"]) if "from" in request.query_params else 0
        limit = _limit(request.query_params.get("limit", "5"))
        if place is None or limit is None:
            return _refused(400, "M_UNKNOWN", "'from' parameter is invalid")
        answer: dict[str, Any] = {"chunk": found[place : place + limit]}
        if place + limit < len(found):
            answer["next_batch"] = self._cursors.token(wanted, place + limit)
        return _json(answer)

    async def state(self, request: Request) -> Response:
        """The state of a room: the last event of each type and key."""
        room = self._entered(request)
        if isinstance(room, Response):
            return room
        last = {(event["type"], event["state_key"]): event for event in room.state(self._world.now())}
        return _json(list(last.values()))

    async def state_of(self, request: Request) -> Response:
        """The content of one state event without a key."""
        room = self._entered(request)
        if isinstance(room, Response):
            return room
        for event in reversed(room.state(self._world.now())):
            if event["type"] == request.path_params["type"] and event["state_key"] == "":
                return _json(event["content"])
        return _refused(404, "M_NOT_FOUND", "Event not found.")

    async def joined_members(self, request: Request) -> Response:
        """Who is in the room now, with the names that they show."""
        room = self._entered(request)
        if isinstance(room, Response):
            return room
        members = [event for event in room.state(self._world.now()) if event["type"] == "m.room.member"]
        last = {event["state_key"]: event["content"] for event in members}
        joined = {
            user: {"display_name": content.get("displayname"), "avatar_url": None}
            for user, content in last.items()
            if content.get("membership") == "join"
        }
        return _json({"joined": joined})

    async def unrecognized(self, request: Request) -> Response:
        """Whatever else is asked."""
        return _refused(404, "M_UNRECOGNIZED", "Unrecognized request")


# --- recordings -----------------------------------------------------------------------------------------------------------------------------


def _rooms(folder: Path) -> Iterator[_Room]:
    for file in sorted((folder / "rooms").glob("*.jsonl")):
        with file.open("rb") as stream:
            head = orjson.loads(stream.readline())
            lines = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        yield _Room(head["room_id"], head.get("alias", ""), lines, joined=head.get("joined", True), skipped=1)
    for pages in sorted((folder / "rooms").glob("*/messages-back")):
        newest_first = [
            event
            for page in sorted(pages.glob("*.json"))
            for event in orjson.loads(page.read_bytes())["response"]["body"]["chunk"]
        ]
        if newest_first:
            alias = next(
                (
                    event["content"].get("alias", "")
                    for event in newest_first
                    if event["type"] == "m.room.canonical_alias"
                ),
                "",
            )
            lines_back = b"".join(orjson.dumps(event) + b"\n" for event in reversed(newest_first))
            yield _Room(newest_first[0]["room_id"], alias, lines_back)


def _redacts(event: Event) -> str:
    return str(event.get("redacts") or event["content"].get("redacts"))


def _as_of(event: Event, *, is_redacted: bool) -> Event:
    if "before" not in event:
        return event
    shown = {name: value for name, value in event.items() if name != "before"}
    if not is_redacted:
        shown = {
            name: value for name, value in shown.items() if not name.startswith("redacted")
        }  # told twice by Synapse
        shown["content"] = event["before"]
        shown["unsigned"] = {
            name: value for name, value in event.get("unsigned", {}).items() if not name.startswith("redacted")
        }
    return shown


def _limit(text: str | None) -> int | None:
    if text is None:
        return _DEFAULT_LIMIT
    return min(int(text), _MOST) if text.isdecimal() and int(text) > 0 else None


def _json(value: Any) -> Response:
    return Response(orjson.dumps(value), media_type="application/json", headers=_NO_STORE)


def _refused(status: int, code: str, message: str, **more: Any) -> Response:
    return JSONResponse({"errcode": code, "error": message, **more}, status, _NO_STORE)
