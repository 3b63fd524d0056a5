"""Calendars of a Google Workspace out of one file, as Calendar v3 shows them.

```
googlecalendar.json   {"client_email", "users": {address: id}, "calendars": {address: [event as Google gives it]}}
```
As at the vendor a person's token shows that person's calendar, series come as single events when that is asked for, what was deleted only when that is,
and a list ends where no page token follows. The public key of the service account lies beside it, as with all of Google's.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from leerstroom.replay.google import Workspace, error
from leerstroom.replay.world import Platform, World


class Calendars(Workspace):
    """The workspace's calendars."""

    page = 2
    scope = "https://www.googleapis.com/auth/calendar.events.readonly"

    def answer(self, request: Request, parts: list[str], subject: str) -> Response:
        """What `subject` is answered."""
        match parts:
            case ["calendars", address, "events"] if address == subject:
                return self.listed(request, "items", self._events(request, self.data["calendars"].get(address, [])))
        return error(404, "notFound", "Not Found")

    def _events(self, request: Request, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        query = request.query_params
        start, end = (datetime.fromisoformat(query[name]) for name in ("timeMin", "timeMax"))
        return [
            event
            for event in events
            if (query.get("singleEvents") == "true" or "recurringEventId" not in event)
            and (query.get("showDeleted") == "true" or event["status"] != "cancelled")
            and datetime.fromisoformat(event["start"]["dateTime"]) < end
            and datetime.fromisoformat(event["end"]["dateTime"]) > start
        ]


def platform(folder: Path, world: World) -> Platform:
    """The calendars that lie in `folder`, below `/calendar/v3`; OAuth at `/token`."""
    return Calendars(folder, "googlecalendar.json", world).platform("calendar/v3")
