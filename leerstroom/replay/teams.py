"""Virtual events and online meetings of a Microsoft 365 tenant out of one file, as Graph v1.0 shows them.

```
teams.json   {"tenant_id", "client_id", "client_secret", "users": [{"id", "mail"}],
              "events":   [webinar or town hall as Graph gives it, with _kind: "webinars" | "townhalls", _organizer: user id,
                           _registrations: [row], _sessions: [{…, _reports: [{…, _records: [row]}]}]}],
              "meetings": [{…, _organizer, _calendar: [appointment], _reports: [{…, _records: [row]}]}],
              "granted":  [user id of each organiser with an application access policy]}
```
As at the vendor a report exists some time after its end, lists of reports show no records, large reports go on behind a link, events of organisers without
a policy are left out and their meetings refused.
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from leerstroom.replay.graph import Tenant, error, shown
from leerstroom.replay.world import Platform, World

_READY = timedelta(minutes=15)  # after the end of a meeting its report can be had


class VirtualEvents(Tenant):
    """The tenant's sessions."""

    page = 10

    def answer(self, request: Request, parts: list[str]) -> Response:
        """One request."""
        match parts:
            case ["users", user]:
                found = [each for each in self.data["users"] if user in {each["id"], each["mail"]}]
                return JSONResponse({"id": found[0]["id"]}) if found else error(404, "Request_ResourceNotFound")
            case ["users", user, "calendarView"]:
                return self._calendar(request, user)
            case ["users", user, "onlineMeetings"]:
                return self._meeting(request, user)
            case ["users", user, "onlineMeetings", number, *rest]:
                return self._reports(request, self._meetings(user, number), rest) if self._granted(user) else _no_policy()  # fmt: skip
            case ["solutions", "virtualEvents", ("webinars" | "townhalls") as kind]:
                return self.listed(request, [shown(each) for each in self._events(kind)])
            case ["solutions", "virtualEvents", ("webinars" | "townhalls") as kind, function] if function.startswith(
                "getBy"
            ):
                user = function.split("userId='")[1].split("'")[0]
                if not self._granted(user):
                    return _no_policy()
                return self.listed(request, [shown(each) for each in self._events(kind) if each["_organizer"] == user])
            case ["solutions", "virtualEvents", ("webinars" | "townhalls") as kind, number, *rest]:
                found = [each for each in self._events(kind) if each["id"] == number]
                return self._event(request, found[0], rest) if found else error(404, "NotFound")
        return error(400, "BadRequest", "Resource not found for the segment.")

    def _granted(self, user: str) -> bool:
        return user in self.data["granted"]

    def _events(self, kind: str) -> list[dict[str, Any]]:
        return [each for each in self.data["events"] if each["_kind"] == kind and self._granted(each["_organizer"])]

    def _event(self, request: Request, event: dict[str, Any], rest: list[str]) -> Response:
        match rest:
            case []:
                return JSONResponse(shown(event))
            case ["registrations"] if event["_kind"] == "webinars":
                rows = [
                    row
                    for row in event.get("_registrations", ())
                    if self.is_past(f"{row['registrationDateTime']}+00:00")
                ]
                return self.listed(request, self.seen(rows))
            case ["sessions"]:
                return self.listed(request, [shown(each) for each in event["_sessions"]])
            case ["sessions", number, *more]:
                return self._reports(request, [each for each in event["_sessions"] if each["id"] == number], more)
        return error(404, "NotFound")

    def _meetings(self, user: str, number: str) -> list[dict[str, Any]]:
        return [each for each in self.data["meetings"] if each["_organizer"] == user and each["id"] == number]

    def _meeting(self, request: Request, user: str) -> Response:
        if not self._granted(user):
            return _no_policy()
        wanted = request.query_params.get("$filter", "")
        found = [each for each in self.data["meetings"] if wanted == f"JoinWebUrl eq '{each['joinWebUrl']}'" and each["_organizer"] == user]  # fmt: skip
        return JSONResponse({"value": [shown(each) for each in found]}) if found else error(404, "NotFound")

    def _calendar(self, request: Request, user: str) -> Response:
        query = request.query_params
        if "startDateTime" not in query or "endDateTime" not in query:
            return error(400, "ErrorInvalidParameter")
        first, last = (datetime.fromisoformat(query[name]) for name in ("startDateTime", "endDateTime"))
        rows = []
        for meeting in self.data["meetings"]:
            for each in meeting["_calendar"] if meeting["_organizer"] == user else ():
                began = datetime.fromisoformat(f"{each['start']['dateTime'][:19]}+00:00")
                if first <= began < last and self.world.is_past(began):
                    rows.append({"subject": meeting["subject"], "isOrganizer": True, "isCancelled": False, "onlineMeeting": {"joinUrl": meeting["joinWebUrl"]}, **each})  # fmt: skip
        return self.listed(request, rows)

    def _reports(self, request: Request, places: list[dict[str, Any]], rest: list[str]) -> Response:
        if not places:
            return error(404, "NotFound")
        reports = [
            each
            for each in places[0].get("_reports", ())
            if self.world.is_past(datetime.fromisoformat(each["meetingEndDateTime"]) + _READY)
        ]
        match rest:
            case ["attendanceReports"]:
                return self.listed(request, [{**shown(each), "attendanceRecords": []} for each in reports])
            case ["attendanceReports", number, *more]:
                return next((self._report(request, each, more) for each in reports if each["id"] == number), error(404, "NotFound"))  # fmt: skip
        return error(404, "NotFound")

    def _report(self, request: Request, report: dict[str, Any], rest: list[str]) -> Response:
        rows = self.seen(report["_records"])
        if rest == ["attendanceRecords"]:
            return self.listed(request, rows)
        if request.query_params.get("$expand") != "attendanceRecords":
            return JSONResponse(shown(report))
        behind = self.following(request, 0, rows, f"{request.scope['path']}/attendanceRecords", "attendanceRecords@odata.nextLink")  # fmt: skip
        return JSONResponse({**shown(report), "attendanceRecords": rows[: self.page], **behind})


def _no_policy() -> Response:
    return error(403, "Forbidden", "No application access policy found for this app.")


def platform(folder: Path, world: World) -> Platform:
    """The tenant that lies in `folder`, below `/v1.0`; OAuth at `/<tenant id>/oauth2/v2.0/token`."""
    return VirtualEvents(orjson.loads((folder / "teams.json").read_bytes()), world).platform()
