"""Microsoft Teams: webinars and town halls, and the meetings that are meant for learning.

API         Graph v1.0: virtual events with their sessions, attendance reports (expanded one by one: the list shows no records), registrations;
            calendars of organisers, to find the meetings that are on the list
Permission  an app with VirtualEvent.Read.All and OnlineMeetingArtifact.Read.All, and an application access policy for each organiser: what
            others organise is left out without a word. Meetings also need OnlineMeetings.Read.All and Calendars.ReadBasic.All
People      Entra object id, e-mail (empty for guests), e-mail of the registration; a visitor or a telephone is a stranger of that session only
Attendance  one statement per person and report: the union of the intervals. A meeting that is opened again gives one more report: one more occurrence
Roles       organisers and presenters teach. Where a meeting lets everyone present, "Presenter" is a right and not a role: they take part
Late facts  a report is there hours after the end and never changes; look back 3 days, settle 6 hours
Kept        reports a year; of one meeting the 50 latest
Not seen    channel meetings, breakout rooms, questions, polls and chat; who was registered for a town hall; calls without a report: call records
            (kept 30 days) tell of everybody's calls, and are not read
Verified    with payloads of the vendor's documentation
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from connectors.attendance import Join, actor_of
from connectors.graph import APP, HOSTS, NEXT, home_page, is_object_id, moment, named_in, token, values
from connectors.http import Api
from connectors.paging import dig
from connectors.sessions import OCCURRENCE, SETTINGS, Sessions, listed
from connectors.source import Connection, Gathered, Record, Setting, Verified, Window, maps
from leerstroom.errors import BadRecord, ConfigurationError, CredentialsRefused, UnexpectedShape
from leerstroom.people import People, Pseudonyms
from leerstroom.statements import Ignored, Outcome, name_uuid, statement, utc_text, verbs

logger = logging.getLogger(__name__)

_EVENTS = "/solutions/virtualEvents"
_REOPENED = timedelta(days=14)  # how long after its planned end a session may be opened again
_AHEAD = timedelta(days=60)  # registrations are read from so long before a webinar
_ROLES = {"organizer": "organizer", "presenter": "presenter", "attendee": "participant", "none": "participant"}
_ALL_PRESENT = frozenset({"everyone", "organization"})  # whom a meeting lets present, when that is no role
_TAKEN = frozenset({None, "registered", "canceled"})  # states of a registration that was, at some time, accepted
_OTHERS = {
    "report": "report without its attendance records",
    "event": "webinar, session or meeting itself",
    "invitation": "invitation in a calendar: an intention, no presence",
    "call": "call record: attendance comes from the report of the meeting",
    "notification": "notification without its content",
}


class Teams(Sessions):
    """The virtual events and learning meetings of one Microsoft 365 tenant."""

    name: ClassVar[str] = "teams"
    title: ClassVar[str] = "Microsoft Teams (webinars, town halls, meetings)"
    verified: ClassVar[Verified] = Verified.PAYLOADS
    settings: ClassVar[tuple[Setting, ...]] = (
        *APP,
        Setting("organizers", "Organisers", many=True, required=False, help="object ids or addresses; empty: virtual events of everyone with an application access policy, and no meetings"),
        Setting("webinars", "Webinars", default=True, kind="flag", required=False),
        Setting("townhalls", "Town halls", default=True, kind="flag", required=False),
        Setting("meetings", "Learning meetings", many=True, required=False, help="titles (with *) or join addresses of the organisers' meetings that are meant for learning; empty: none"),
        *SETTINGS,
        *HOSTS,
    )  # fmt: skip
    record_kinds: ClassVar[tuple[str, ...]] = ("attendance", "registration", "other")
    keep: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "attendance": (
            *OCCURRENCE,
            "emailAddress",
            "registrant_email",
            "user",
            "guest",
            "is_application",
            "registrationId",
            "attendanceIntervals.joinDateTime",
            "attendanceIntervals.leaveDateTime",
            "totalAttendanceInSeconds",
        ),
        "registration": (*OCCURRENCE, "id", "user", "email", "status", "registrationDateTime", "cancelationDateTime"),
        "other": ("what",),
    }
    people: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "attendance": {"emailAddress": "email", "registrant_email": "email", "user": "account", "registrationId": "account"},
        "registration": {"id": "account", "user": "account", "email": "email"},
    }  # fmt: skip

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._seen: dict[str, dict[str, Any]] = {}  # webinars that `read` met, for the reports that it meets next

    @property
    def tenant(self) -> str:
        """The organisation's Microsoft 365."""
        return home_page(self.connection)

    def auth(self) -> Any:
        """The app's own token."""
        return token(self.connection)

    # --- pull -------------------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """Registrations of webinars near the window, and the reports of what ended inside it and has settled."""
        settled = self.settled(window, self.now())
        organizers = self._organizers(api)
        for event, path, meeting in self._virtual_events(api, organizers):
            start, end = _at(event, "start"), _at(event, "end")
            if (end and end + _REOPENED < window.start) or (start and start - _AHEAD > window.end):
                continue
            emails: dict[str, Any] = {}
            for row in values(api, f"{path}/registrations") if "/webinars/" in path else ():
                emails[str(row.get("id"))] = row.get("email")
                yield _registration(meeting, row)
            if not start or start - timedelta(days=1) < settled.end:
                for session in values(api, f"{path}/sessions"):
                    place = f"{path}/sessions/{_quoted(_required(session, 'id'))}"
                    yield from self._reports(api, place, lambda _, meeting=meeting: meeting, settled, emails)
        for organizer in organizers if self.connection.get("meetings") else ():
            yield from self._meetings(api, organizer, settled)

    def _organizers(self, api: Api) -> list[str]:
        """Object ids of the organisers. Raises ConfigurationError where meetings are asked for and nobody's."""
        organizers = self.connection.get("organizers") or []
        if self.connection.get("meetings") and not organizers:
            raise ConfigurationError(
                f"connection '{api.connection}': meetings needs organizers: whose calendars show them"
            )
        return [_object_id(api, each) for each in organizers]

    def _virtual_events(
        self, api: Api, organizers: Iterable[str]
    ) -> Iterator[tuple[dict[str, Any], str, dict[str, Any]]]:
        """(event, its path, what lands of it) of each published webinar and town hall that the app is shown, each once."""
        seen: set[str] = set()
        for kind in ("webinars", "townhalls"):
            if not self.connection.get(kind, True):
                continue
            lists = [f"/getByUserIdAndRole(userId='{each}',role='organizer')" for each in organizers] or [""]
            for event in (row for each in lists for row in values(api, f"{_EVENTS}/{kind}{each}")):
                number = str(_required(event, "id"))
                if number not in seen and event.get("status") not in {"draft", "canceled"}:
                    seen.add(number)
                    yield event, f"{_EVENTS}/{kind}/{_quoted(number)}", _planned(event)

    def _reports(
        self, api: Api, place: str, planned: Any, window: Window, emails: Mapping[str, Any]
    ) -> Iterator[Record]:
        """Everybody in the reports of one session or meeting that ended inside the window; `planned` says what was planned of a report."""
        for report in values(api, f"{place}/attendanceReports"):
            end = _at(report, "meetingEnd")
            if end is None or not window.holds(end):
                continue
            number = str(_required(report, "id"))
            about = {"occurrence": number, "meeting": planned(report)}
            rows = 0
            for row in _expanded(api, f"{place}/attendanceReports/{_quoted(number)}"):
                rows += 1
                yield _attendance(about, {**row, "registrant_email": emails.get(str(row.get("registrationId")))})
            if not rows and report.get("totalParticipantCount"):
                logger.warning("connection %s: report %s counts participants and shows none", api.connection, number)

    def _meetings(self, api: Api, organizer: str, window: Window) -> Iterator[Record]:
        """Attendance of an organiser's meetings that are on the list; the calendar tells which there were."""
        held: dict[str, list[dict[str, Any]]] = {}
        query = {
            "startDateTime": utc_text(window.start - timedelta(days=1)),
            "endDateTime": utc_text(window.end + timedelta(hours=1)),
            "$select": "id,subject,start,end,isCancelled,isOrganizer,onlineMeeting",
        }
        for event in values(api, f"/users/{organizer}/calendarView", query):
            address = dig(event, "onlineMeeting.joinUrl")
            known = {"id": address, "topic": event.get("subject")}
            if address and event.get("isOrganizer") is not False and not event.get("isCancelled") and listed(self.connection.get("meetings"), known):  # fmt: skip
                held.setdefault(str(address), []).append(event)
        for address, events in held.items():
            try:
                yield from self._held(api, organizer, address, events, window)
            except CredentialsRefused as error:
                raise CredentialsRefused(f"{error}; every organiser needs an application access policy") from error

    def _held(
        self, api: Api, organizer: str, address: str, events: list[dict[str, Any]], window: Window
    ) -> Iterator[Record]:
        query = {"$filter": f"JoinWebUrl eq '{address.replace(chr(39), chr(39) * 2)}'"}
        found = dig(api.get(f"/users/{organizer}/onlineMeetings", query, missing_ok=True).body, "value") or ()
        for meeting in found:
            number = str(_required(meeting, "id"))

            def planned(report: Mapping[str, Any], meeting: Mapping[str, Any] = meeting) -> dict[str, Any]:
                """The meeting, with the length of the appointment that lies nearest to the report."""
                began = _at(report, "meetingStart") or window.start
                nearest = min(events, key=lambda each: abs((_at(each, "start") or began) - began))
                return _planned({**nearest, **_series("onlineMeetings", meeting["id"]), "allowedPresenters": meeting.get("allowedPresenters")})  # fmt: skip

            place = f"/users/{organizer}/onlineMeetings/{_quoted(number)}"
            yield from self._reports(api, place, planned, window, {})

    def check(self, api: Api) -> str:
        """Gets a token and counts the virtual events that are shown."""
        shown = sum(1 for _ in self._virtual_events(api, self._organizers(api)))
        return f"the token is accepted, {shown} webinars and town halls are shown; those of organisers without an application access policy are left out without a word"

    # --- payloads ------------------------------------------------------------------------------------------------------------------

    def read(self, payload: Any) -> Iterator[Record]:
        """Any answer about attendance, registrations or virtual events: an object, a page, a batch, a recorded exchange, a notification.

        Whose report it is stands in the report, in `@odata.context` or in the path of the exchange. Records on their own are taken for one
        occurrence, named by when it began.
        """
        if not isinstance(payload, dict):
            raise BadRecord("no payload of Microsoft Graph")
        yield from self._read(payload, {})

    def _read(self, payload: Mapping[str, Any], ids: Mapping[str, str]) -> Iterator[Record]:
        ids = {**ids, **named_in(payload.get("@odata.context"))}
        if "response" in payload:
            yield from self._answer(payload["response"], {**ids, **named_in(_path(payload))})
        elif isinstance(payload.get("responses"), list):
            for each in payload["responses"]:
                yield from self._answer(each, ids)
        elif isinstance(payload.get("value"), list):
            yield from self._page(payload["value"], ids)
        elif (what := _what(payload)) == "unknown":
            raise BadRecord("no attendance record, report or registration of Microsoft Graph")
        else:
            yield from self._one(what, payload, ids, 0)

    def _answer(self, response: Any, ids: Mapping[str, str]) -> Iterator[Record]:
        body = response.get("body", response) if isinstance(response, Mapping) else None
        status = response.get("status") if isinstance(response, Mapping) else None
        if not isinstance(body, Mapping) or (isinstance(status, int) and status >= 400):
            raise BadRecord("the exchange has no answer")
        yield from self._read(body, ids)

    def _page(self, rows: list[Any], ids: Mapping[str, str]) -> Iterator[Record]:
        known = [row if isinstance(row, Mapping) else {} for row in rows]
        alone = {"attendanceReports": _began(known)}
        for number, row in enumerate(known):
            yield from self._one(_what(row), row, {**alone, **ids}, number)

    def _one(self, what: str, row: Mapping[str, Any], ids: Mapping[str, str], number: int) -> Iterator[Record]:
        if what == "attendance":
            yield _attendance(self._about(row, {"attendanceReports": _began([row]), **ids}), row)
        elif what == "registration":
            alone = {"webinars": f"of registration {row.get('id')}"}
            yield _registration(self._about(row, {**alone, **ids})["meeting"], row)
        elif what == "report" and row.get("attendanceRecords") and isinstance(row["attendanceRecords"], list):
            inside = {**ids, "attendanceReports": str(row.get("id") or _began(row["attendanceRecords"]))}
            for each in row["attendanceRecords"]:
                yield from self._one("attendance", each if isinstance(each, Mapping) else {}, inside, number)
        else:
            if what == "event" and row.get("id") and row.get("displayName"):
                self._seen[str(row["id"])] = _planned(row)
            yield Record("other", str(row.get("id") or number), {"what": what})

    def _about(self, row: Mapping[str, Any], ids: Mapping[str, str]) -> dict[str, Any]:
        """The occurrence and its series, as the row or its surroundings name them."""
        kind = next((name for name in ("webinars", "townhalls", "onlineMeetings") if name in ids), "")
        told = _series(kind, ids[kind]) if kind else {}
        seen = self._seen.get(ids.get(kind, ""), {})
        meeting = row.get("meeting")
        return {
            "occurrence": str(row.get("occurrence") or row.get("reportId") or ids.get("attendanceReports", "")),
            "meeting": {**told, **seen, **(meeting if isinstance(meeting, Mapping) else {})},
        }

    # --- at the edge ---------------------------------------------------------------------------------------------------------------

    def minimise(self, record: Record, pseudonyms: Pseudonyms) -> Record:
        """The record as it may land. A visitor's id or telephone number is kept as a stranger's of this occurrence only."""
        kept = super().minimise(record, pseudonyms)
        if record.get("guest"):
            kept["guest"] = pseudonyms.account(self.tenant, f"{record.get('occurrence')}\x1f{record['guest']}")
        if kept.kind == "other":
            return kept
        names = ("occurrence", "id", "emailAddress", "registrant_email", "email", "user", "guest", "registrationId", "attendanceIntervals")  # fmt: skip
        return Record(kept.kind, name_uuid("row", kept.kind, *(str(kept.get(name) or "") for name in names)), kept)

    # --- map ------------------------------------------------------------------------------------------------------------------------

    @maps("attendance", together="occurrence")
    def attendance(self, rows: list[Record], people: People) -> Gathered:
        """One `attended` per person of a report, over the union of their intervals."""
        joins: list[Join] = []
        for row in rows:
            try:
                if row.get("is_application"):
                    yield [row], Ignored("application, no person")
                elif not row["attendanceIntervals"] and not row.get("totalAttendanceInSeconds"):
                    yield [row], Ignored("listed, but never joined")
                else:
                    joins += _stays(row)
            except BadRecord as error:
                yield [row], error
            except (KeyError, TypeError, AttributeError):
                yield [row], BadRecord("attendanceIntervals: no list of intervals")
        yield from self.attended(joins, people)

    def stay(self, join: Join) -> str:
        """A row holds several stays."""
        return f"{join.row.key}/{utc_text(join.start)}"

    @maps("registration")
    def registration_of(self, row: Record, people: People) -> Iterable[Outcome]:
        """`registered` for the webinar, and `unregistered` where it was cancelled."""
        if row.get("status") not in _TAKEN:
            yield Ignored("registration that was not approved")
            return
        registered, cancelled = (moment(row.get(name)) for name in ("registrationDateTime", "cancelationDateTime"))
        if registered is None:
            raise BadRecord("registrationDateTime: time is missing")
        actor = actor_of(people, row.get("user"), row.get("email"))
        extensions = self.about(row)
        extensions.pop("channel-kind")
        for verb, at in ((verbs.REGISTERED, registered), (verbs.UNREGISTERED, cancelled)):
            if at:
                yield statement(
                    actor=actor,
                    verb=verb,
                    object=self.series(row),
                    timestamp=at,
                    extensions=extensions,
                    revision=f"{sorted(extensions.items())}",
                )

    @maps("other")
    def other(self, row: Record, people: People) -> Outcome:
        """What Graph tells that is nobody's act."""
        if row.get("what") not in _OTHERS:
            raise BadRecord("no attendance record, report or registration of Microsoft Graph")
        return Ignored(_OTHERS[row["what"]])


# --- what the vendor's rows mean ----------------------------------------------------------------------------------------------------


def _quoted(value: Any) -> str:
    return quote(str(value), safe="")


def _required(row: Mapping[str, Any], name: str) -> Any:
    if row.get(name):
        return row[name]
    raise UnexpectedShape(f"Microsoft Graph gives a row without '{name}'; the API has changed or the host is wrong")


def _object_id(api: Api, organizer: str) -> str:
    """The organiser's object id, which virtual events ask for."""
    if is_object_id(organizer):
        return organizer
    return str(_required(api.get(f"/users/{_quoted(organizer)}", {"$select": "id"}).body or {}, "id"))


def _expanded(api: Api, place: str) -> Iterator[dict[str, Any]]:
    """The attendance records of a report: expanded, and of a large one the pages behind it."""
    body = api.get(place, {"$expand": "attendanceRecords"}).body
    rows = dig(body, "attendanceRecords")
    if not isinstance(rows, list):
        raise UnexpectedShape(
            f"connection '{api.connection}': an attendance report cannot be expanded; the API has changed"
        )
    yield from rows
    if following := body.get(f"attendanceRecords{NEXT}"):
        yield from values(api, str(following))


def _series(kind: str, number: Any) -> dict[str, Any]:
    """Id and kind. The id of a meeting holds the organiser's, so it is not kept as it is."""
    if kind == "onlineMeetings":
        return {"id": name_uuid("onlineMeeting", str(number)), "kind": "meeting"}
    return {"id": str(number), "kind": "webinar"}


def _planned(event: Mapping[str, Any]) -> dict[str, Any]:
    """What lands of a webinar, town hall or appointment; its description does not."""
    start, end = (_at(event, name) for name in ("start", "end"))
    told = {
        "id": str(event.get("id")),
        "topic": event.get("displayName") or event.get("subject"),
        "kind": event.get("kind") or "webinar",
        "start": utc_text(start) if start else None,
        "end": utc_text(end) if end else None,
        "minutes": round((end - start).total_seconds() / 60) if start and end and end > start else None,
        "presenters": event.get("allowedPresenters"),
    }
    return {name: value for name, value in told.items() if value is not None}


def _at(event: Mapping[str, Any], name: str) -> datetime | None:
    """The time under `<name>DateTime` or `<name>`, None where it cannot be read: a planned time may be in a zone that nobody knows."""
    try:
        return moment(event.get(f"{name}DateTime") or event.get(name))
    except BadRecord:
        return None


def _attendance(about: Mapping[str, Any], row: Mapping[str, Any]) -> Record:
    identity = row.get("identity")
    identity = identity if isinstance(identity, Mapping) else {}
    number = str(identity.get("id") or identity.get("azureCommunicationServicesResourceId") or "").removeprefix("8:orgid:")  # fmt: skip
    role = str(row.get("role") or "").casefold()
    presents_as_all = dig(about, "meeting.presenters") in _ALL_PRESENT
    fields = {
        **row,
        **about,
        "user": number if is_object_id(number) else row.get("user"),
        "guest": row.get("guest") or (number if not is_object_id(number) else "") or (None if _is_named(row, number) else _began([row])),
        "role": "participant" if role == "presenter" and presents_as_all else _ROLES.get(role, role or "participant"),
        "is_application": "application" in str(identity.get("@odata.type", "")).casefold() or None,
    }  # fmt: skip
    told = (
        about["occurrence"],
        number,
        row.get("emailAddress"),
        row.get("registrationId"),
        row.get("id"),
        _began([row]),
    )
    return Record("attendance", name_uuid("row", *map(str, told)), fields)


def _is_named(row: Mapping[str, Any], number: str) -> bool:
    return bool(number or row.get("user") or any(row.get(name) for name in ("emailAddress", "registrant_email", "registrationId")))  # fmt: skip


def _registration(meeting: Mapping[str, Any], row: Mapping[str, Any]) -> Record:
    user = str(row.get("userId") or row.get("user") or "")
    fields = {**row, "meeting": meeting, "user": user if is_object_id(user) else None}
    return Record("registration", name_uuid("row", str(meeting.get("id")), str(row.get("id"))), fields)


def _began(rows: Any) -> str:
    """When the first of the rows joined, as it is written: a name for an occurrence or a stranger that has no other."""
    told = [row.get("attendanceIntervals") for row in rows if isinstance(row, Mapping)]
    joined = [
        str(each.get("joinDateTime"))
        for intervals in told
        for each in (intervals if isinstance(intervals, list) else ())
        if isinstance(each, Mapping)
    ]
    return f"began {min(joined)}" if joined else ""


def _what(row: Mapping[str, Any]) -> str:
    """Which kind of thing a row of Graph is; by what it holds, because types are often left out."""
    sort = str(row.get("@odata.type", ""))
    if "attendanceIntervals" in row or sort.endswith(".attendanceRecord"):
        return "attendance"
    if "attendanceRecords" in row or "meetingStartDateTime" in row:
        return "report"
    if "registrationDateTime" in row or sort.endswith(".virtualEventRegistration"):
        return "registration"
    if "subscriptionId" in row:
        return "notification"
    if "modalities" in row:
        return "call"
    if any(name in row for name in ("attendees", "responseStatus", "iCalUId", "bodyPreview")):
        return "invitation"
    return "event" if "startDateTime" in row or "joinWebUrl" in row else "unknown"


def _path(payload: Mapping[str, Any]) -> Any:
    request = payload.get("request")
    told = request if isinstance(request, str) else dig(request, "path") or dig(request, "url") or payload.get("path")
    return str(told or "").rsplit(" ", 1)[-1]


def _stays(row: Record) -> list[Join]:
    """Each interval as a stay. Raises BadRecord for one that cannot be read: the union without it would be too short."""
    email = row.get("emailAddress") or row.get("registrant_email")
    stays = []
    for interval in row["attendanceIntervals"]:
        start, end = (_time(interval, name) for name in ("joinDateTime", "leaveDateTime"))
        stays.append(
            Join(
                [row],
                start,
                end,
                emails=(str(email),) if email else (),
                accounts=(str(row["user"]),) if row.get("user") else (),
                invitation=str(row.get("registrationId") or ""),
                guest=str(row.get("guest") or ""),
            )
        )
    if not stays:
        raise BadRecord("attendanceIntervals: none, though the record counts seconds")
    return stays


def _time(interval: Mapping[str, Any], name: str) -> datetime:
    try:
        found = moment(interval.get(name))
    except BadRecord as error:
        raise BadRecord(f"{name}: {error}") from error
    if found is None:
        raise BadRecord(f"{name}: time is missing")
    return found
