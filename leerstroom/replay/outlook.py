"""Calendars of a Microsoft 365 tenant out of one file, as Graph v1.0 shows them.

```
outlook.json   {"tenant_id", "client_id", "client_secret", "mailboxes": {address: [event as Graph gives it, times in UTC]}}
```
As at the vendor a calendar view shows what overlaps the time that is asked for, only the fields that are selected, and times in the zone that is preferred;
without the header it would be another one, which this replay refuses to guess.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from leerstroom.replay.graph import Tenant, error
from leerstroom.replay.world import Platform, World


class Mailboxes(Tenant):
    """The tenant's calendars."""

    page = 2

    def answer(self, request: Request, parts: list[str]) -> Response:
        """What the tenant answers to a path below the version."""
        match parts:
            case ["users", address, "calendarView"] if address in self.data["mailboxes"]:
                if 'outlook.timezone="UTC"' not in request.headers.get("prefer", ""):
                    return error(400, "ErrorInvalidTimeZone", "This replay knows its times in UTC alone.")
                return self.listed(request, self._view(request, self.data["mailboxes"][address]))
            case ["users", *_]:
                return error(404, "ErrorInvalidUser", "The requested user is invalid.")
        return error(404, "BadRequest", "Resource not found for the segment.")

    def _view(self, request: Request, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        query = request.query_params
        if "startDateTime" not in query:  # a later page: its token says the rest
            return self._shown
        start, end = (datetime.fromisoformat(query[name]) for name in ("startDateTime", "endDateTime"))
        fields = query.get("$select", "").split(",")
        self._shown = [
            {name: value for name, value in event.items() if fields == [""] or name in fields}
            for event in events
            if datetime.fromisoformat(f"{event['start']['dateTime'][:19]}+00:00") < end
            and datetime.fromisoformat(f"{event['end']['dateTime'][:19]}+00:00") > start
        ]
        return self._shown

    _shown: list[dict[str, Any]] = []  # noqa: RUF012 - replaced, never changed


def platform(folder: Path, world: World) -> Platform:
    """The calendars that lie in `folder`."""
    return Mailboxes(orjson.loads((folder / "outlook.json").read_bytes()), world).platform()
