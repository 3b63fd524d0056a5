"""Meeting spaces and conferences of a Google Workspace out of one file, as Meet v2 shows them.

```
meet.json   {"client_email", "users": {address: id},
             "spaces":      [{name, meetingCode, …, _owner: address, _members: [{email, role}]}],
             "conferences": [{name, space, startTime, endTime, _participants: [{name, signedinUser | anonymousUser | phoneUser,
                              _sessions: [{name, startTime, endTime}]}]}]}
```
As at the vendor only owners and participants see a conference, the newest comes first, one that still runs has no end, and what ended
30 days ago is gone.
"""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from leerstroom.replay.google import Workspace, error, shown
from leerstroom.replay.world import Platform, World

_KEPT = timedelta(days=30)
_BOUND = re.compile(r'(start_time|end_time)(>=|<=|<|>|=)"([^"]+)"')


class Conferences(Workspace):
    """The workspace's conferences."""

    page = 3
    scope = "https://www.googleapis.com/auth/meetings.space.readonly"

    def answer(self, request: Request, parts: list[str], subject: str) -> Response:
        """One request."""
        match parts:
            case ["conferenceRecords"]:
                return self._conferences(request, subject)
            case ["conferenceRecords", conference, "participants"]:
                found = self._participants(conference, subject)
                return self.listed(request, "participants", [self._participant(each) for each in found])
            case ["conferenceRecords", conference, "participants", participant, "participantSessions"]:
                mine = [
                    session
                    for each in self._participants(conference, subject)
                    if each["name"].endswith(f"/{participant}")
                    for session in each["_sessions"]
                    if self._is_past(session["startTime"])
                ]
                return self.listed(request, "participantSessions", [self._so_far(each) for each in mine][::-1])
            case ["spaces", name, *rest]:
                space = next((each for each in self.data["spaces"] if each["name"] == f"spaces/{name}"), None)
                return self._space(request, space, rest, subject) if space else error(404, "NOT_FOUND")
        return error(404, "NOT_FOUND")

    def _is_past(self, text: str) -> bool:
        return self.world.is_past(datetime.fromisoformat(text))

    def _visible(self, subject: str) -> list[dict[str, Any]]:
        owned = {each["name"] for each in self.data["spaces"] if each["_owner"] == subject}
        mine = f"users/{self.data['users'].get(subject)}"
        return [
            each
            for each in self.data["conferences"]
            if (each["space"] in owned or any(who.get("signedinUser", {}).get("user") == mine for who in each["_participants"]))
            and self._is_past(each["startTime"])
            and datetime.fromisoformat(each["endTime"]) + _KEPT > self.world.now()
        ]  # fmt: skip

    def _so_far(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row without an end that has not come."""
        return {name: value for name, value in shown(row).items() if name != "endTime" or self._is_past(value)}

    def _conferences(self, request: Request, subject: str) -> Response:
        wanted = request.query_params.get("filter", "")
        if wanted and re.sub(r"\s*AND\s*", "", _BOUND.sub("", wanted)).strip():
            return error(400, "INVALID_ARGUMENT", "The filter is not valid.")
        rows = [self._so_far(each) for each in self._visible(subject)]
        for field, sign, value in _BOUND.findall(wanted):
            name, bound = field.split("_")[0] + "Time", datetime.fromisoformat(value)
            rows = [row for row in rows if name in row and _holds(datetime.fromisoformat(row[name]), sign, bound)]
        return self.listed(request, "conferenceRecords", sorted(rows, key=lambda row: row["startTime"], reverse=True))

    def _participants(self, conference: str, subject: str) -> list[dict[str, Any]]:
        found = [each for each in self._visible(subject) if each["name"] == f"conferenceRecords/{conference}"]
        return [who for each in found for who in each["_participants"]]

    def _participant(self, row: dict[str, Any]) -> dict[str, Any]:
        told = shown(row)
        sessions = [self._so_far(each) for each in row["_sessions"] if self._is_past(each["startTime"])]
        if sessions:
            told["earliestStartTime"] = min(each["startTime"] for each in sessions)
            if all("endTime" in each for each in sessions):
                told["latestEndTime"] = max(each["endTime"] for each in sessions)
        return told

    def _space(self, request: Request, space: dict[str, Any], rest: list[str], subject: str) -> Response:
        if rest == ["members"]:
            if space["_owner"] != subject:
                return error(403, "PERMISSION_DENIED")
            return self.listed(request, "members", space.get("_members", []))
        return JSONResponse(shown(space)) if not rest else error(404, "NOT_FOUND")


def _holds(moment: datetime, sign: str, bound: datetime) -> bool:
    return {
        ">=": moment >= bound,
        "<=": moment <= bound,
        ">": moment > bound,
        "<": moment < bound,
        "=": moment == bound,
    }[sign]


def platform(folder: Path, world: World) -> Platform:
    """The workspace that lies in `folder`, below `/v2`; OAuth at `/token`."""
    return Conferences(folder, "meet.json", world).platform("v2")
