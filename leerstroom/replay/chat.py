"""What the replayed chat platforms share: messages with the forms that they had over time, opaque cursors, and rendering.

```
server.json      who may read, people and rooms, in the vendor's shape
messages.jsonl   a line a message: {"room", "versions": [[since, the vendor's message, or null while it shows nothing]]}, oldest first
```
This is no platform: nothing here is served by itself.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from starlette.responses import Response

from leerstroom.replay.world import World

Message = dict[str, Any]


class Archive:
    """The messages of one platform as they look at the simulated time."""

    def __init__(self, folder: Path, world: World) -> None:
        self.server: dict[str, Any] = orjson.loads((folder / "server.json").read_bytes())
        lines = [orjson.loads(line) for line in (folder / "messages.jsonl").read_bytes().splitlines()]
        self._lines = [
            (str(line["room"]), [(datetime.fromisoformat(since), shown) for since, shown in line["versions"]])
            for line in lines
        ]
        self._world = world

    def messages(self, room: str | None = None) -> list[Message]:
        """What the room (all rooms without one) shows now, oldest first."""
        found = []
        for where, versions in self._lines:
            shown = [form for since, form in versions if self._world.is_past(since)]
            if shown and shown[-1] is not None and room in {None, where}:
                found.append(shown[-1])
        return found

    def changed(self, room: str) -> list[tuple[datetime, Message | None, Message]]:
        """(last change, what it shows now, what it showed first) of each message of the room."""
        found = []
        for where, versions in self._lines:
            past = [(since, form) for since, form in versions if self._world.is_past(since)]
            if past and where == room:
                found.append((past[-1][0], past[-1][1], versions[0][1]))
        return found


@dataclass(slots=True)
class Cursors:
    """Opaque tokens for (question, place): nobody can guess the next one, and one belongs to its question only."""

    places: dict[str, tuple[str, int]] = field(default_factory=dict)

    def token(self, question: str, place: int) -> str:
        """A new token."""
        made = secrets.token_urlsafe(9)
        self.places[made] = (question, place)
        return made

    def place(self, question: str, token: str | None) -> int | None:
        """The place that the token stands for, 0 without one, None for a token of another question."""
        if not token:
            return 0
        asked, place = self.places.get(token, ("", 0))
        return place if asked == question else None


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """JSON as it stands."""
    return Response(orjson.dumps(value), status, headers, "application/json")


def whole(text: str | None, default: int, most: int) -> int:
    """A whole number out of a query, within 1 and `most`."""
    return max(1, min(int(text), most)) if text and text.isdecimal() else default
