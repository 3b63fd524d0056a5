"""Totara: completions of courses, programs and certifications, and who attended which seminar (face to face), out of its external API.

API         GraphQL at /api/graphql.php (Totara 19.1 or later), an API client's id and secret (OAuth2); lists with opaque cursors, reports with numbered pages
Permission  an API client whose service account may see all users (moodle/user:viewalldetails), mod/facetoface:view, viewallsessions and signup, and who is given
            the reports. No site administrator: Totara refuses that
People      user id, HR id (idnumber) and e-mail address, as keyed references; an address that a person hides is none
Reports     the API tells nobody else's completions, so an administrator makes reports of the sources "Course completion", "Program completion" and
            "Certification completion" and names them here. Columns: a user's ID, username, ID number or e-mail; the course's or program's ID; Completion Date; and where
            wanted date enrolled or assigned, due date, status, ID number. Dates arrive as epochs; in a format of their own Totara makes of an empty one today, so none is asked for
Seminars    past events of the window, and for each the booking of each user: Totara has no list of attendees.
            One `attended` a session for who attended all, one without a length for who attended a part
Late facts  attendance is taken after the event: look back 14 days; an attendance that is corrected voids its statement. A completion at another time is another
            one, since a renewed certification resets its courses; so is one whose date an administrator corrects
Cost        one request for 100 bookings, about 9 points each of the 250,000 that a client may spend a minute; a report's page is as long as the administrator made it.
            A report has no filter by time: give a saved search with it (12/5) that leaves out old rows
Content     notes of prior learning, names and custom fields are not kept
Not seen    when somebody signed up for a seminar, attendance of single sessions, Totara Engage and Perform, SCORM and quiz attempts; Totara 18 and older
Verified    from documentation only: the vendor's help pages, and its published source of the API
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from connectors import courses
from connectors.courses import Courses
from connectors.http import Api
from connectors.oauth import ClientCredentials
from connectors.paging import dig
from connectors.source import Connection, Kind, Record, Setting, Source, Verified, Window, maps
from connectors.sources.totara import questions, reports
from connectors.sources.totara.questions import number
from leerstroom.errors import BadRecord, ConfigurationError, UnexpectedShape
from leerstroom.people import People
from leerstroom.statements import (  # fmt: skip
    Ignored,
    Outcome,
    Retracted,
    activity,
    duration,
    name_uuid,
    parse_time,
    statement,
    types,
    utc_text,
    verbs,
)

_REPORT_NAME = re.compile(r"([0-9]{1,18})(?:/([0-9]{1,18}))?")  # with a saved search, or without
_LONGEST_EVENT = timedelta(days=31)
_ANSWERS = frozenset({"items", "rows", "booking"})  # by these the parts of an answer are told apart
_UNKNOWN = "no answer of Totara's API"
_ATTENDED = frozenset({"FULLY_ATTENDED", "PARTIALLY_ATTENDED"})
_AWAY = frozenset({"NO_SHOW", "UNABLE_TO_ATTEND", "USER_CANCELLED", "EVENT_CANCELLED", "DECLINED"})
_WITHOUT_SEAT = frozenset({"WAITLISTED", "REQUESTED", "REQUESTED_ROLE", "REQUESTED_ADMIN", "REQUESTEDROLE", "REQUESTEDADMIN", "NOT_SET"})  # fmt: skip
_WHO = {"person.account": "account", "person.email": "email", "person.hr": "hr"}


class Totara(Source):
    """One Totara site."""

    name: ClassVar[str] = "totara"
    title: ClassVar[str] = "Totara"
    kind: ClassVar[Kind] = Kind.LMS
    verified: ClassVar[Verified] = Verified.DOCUMENTATION
    look_back: ClassVar[timedelta] = timedelta(days=14)
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("host", "Site", kind="url", help="such as https://totara.example.org"),
        Setting("client_id", "Client id", help="of an API client: Quick-access menu > Development > API > Clients"),
        Setting("client_secret", "Client secret", secret=True),
        Setting("reports", "Reports", many=True, required=False, help="numbers of the reports of completions; 12/5 is report 12 with its saved search 5"),
        Setting("seminars", "Seminars", default=True, kind="flag", required=False, help="ask for bookings of past seminar events"),
        *courses.SETTINGS,
        Setting("time_zone", "Time zone", default="Europe/Amsterdam", kind="zone", required=False, help="of due dates"),
    )  # fmt: skip
    record_kinds: ClassVar[tuple[str, ...]] = ("completion", "booking")
    keep: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "completion": (*_WHO, "sort", "id", "name", "idnumber", "shortname", "assigned", "completed", "due", "is_granted", "fault"),
        "booking": (*_WHO, "state", "event", "start", "finish", "sessions.id", "sessions.start", "sessions.finish", "seminar", "name", "course", "idnumber", "shortname"),
    }  # fmt: skip
    people: ClassVar[Mapping[str, Mapping[str, str]]] = dict.fromkeys(record_kinds, _WHO)

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.courses = Courses(connection)
        self._users: dict[str, Mapping[str, Any]] = {}  # by id
        self._known_as: dict[str, str] = {}  # username, ID number or address -> id
        self._named: dict[str, Mapping[str, Any]] = {}  # courses by id
        self._events: dict[str, Mapping[str, Any]] = {}  # by id
        self._untold: set[str] = set()  # users of whom the site does not tell

    def auth(self) -> Any:
        """A token of the API client, for as long as the administrator lets it last."""
        return ClientCredentials(
            f"{str(self.connection['host']).rstrip('/')}/totara/oauth2/token.php",
            str(self.connection["client_id"]),
            str(self.connection["client_secret"]),
            connection=self.connection.name,
            in_body=True,
            verify=self.connection.get("verify_tls", True),
        )

    @staticmethod
    def meant(status: int, body: Any) -> int:
        """Errors come inside an answer 200."""
        return questions.meant(status, body)

    # --- pull ----------------------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """Rows of the reports with a date in the window, then bookings of events that ended in it."""
        wanted = self._reports()
        if not wanted and not self.connection.get("seminars", True):
            raise ConfigurationError(
                f"connection '{self.connection.name}': neither reports nor seminars are read; name reports of completions, or switch 'seminars' on"
            )
        self._know(questions.listed(api, *questions.USERS))
        self._know(questions.listed(api, *questions.COURSES))
        for report in wanted:
            yield from (record for record in self._completions(api, *report) if _has_date_in(window, record))
        if self.connection.get("seminars", True):
            yield from self._bookings(api, window)

    def _know(self, things: Iterable[Mapping[str, Any]]) -> None:
        """Takes in users (they have a username), seminar events (they have sessions) and courses."""
        for thing in things:
            own = str(thing.get("id"))
            if "username" in thing or "email" in thing:
                self._users[own] = thing
                self._known_as.update(
                    (str(thing[name]).casefold(), own) for name in ("username", "idnumber", "email") if thing.get(name)
                )
            elif "sessions" in thing:
                self._events[own] = thing
            else:
                self._named[own] = thing

    def _reports(self) -> list[tuple[str, str | None]]:
        """(report, saved search), as the setting names them. Raises ConfigurationError that names all wrong ones."""
        named = {
            str(each).strip(): _REPORT_NAME.fullmatch(str(each).strip())
            for each in self.connection.get("reports") or ()
        }
        if wrong := [name for name, match in named.items() if match is None]:
            raise ConfigurationError(
                f"connection '{self.connection.name}': reports are numbers like 12, or 12/5 with a saved search, not {', '.join(wrong)}"
            )
        return [(match[1], match[2]) for match in named.values() if match]

    def _completions(self, api: Api, report: str, search: str | None) -> Iterator[Record]:
        for at, page in questions.report_pages(api, report, search):
            try:
                yield from self._rows(page, f"report {report} page {at}")
            except BadRecord as error:
                raise ConfigurationError(f"connection '{self.connection.name}', report {report}: {error}") from error

    def _bookings(self, api: Api, window: Window) -> Iterator[Record]:
        """The booking of each user for each event that ended in the window; of an event without booked seats nobody is asked."""
        first, last = int((window.start - _LONGEST_EVENT).timestamp()), int(window.end.timestamp())
        filters = f"filters: {{ tense: PAST, starts_after: {first}, finishes_on_or_before: {last} }}"
        for event in questions.listed(api, *questions.EVENTS, filters):
            if not _is_inside(window, event.get("finish_date")) or event.get("seats_booked") == 0:
                continue
            self._know([event])
            users = [user for user in self._users if user not in self._untold]
            for start in range(0, len(users), questions.PER_PAGE):
                asked = users[start : start + questions.PER_PAGE]
                answers = questions.bookings(api, str(event["id"]), asked, self._untold)
                if not answers and len(asked) > 1:
                    raise UnexpectedShape(
                        f"connection '{self.connection.name}': nobody's booking of event {event['id']} is told; give the API user mod/facetoface:signup, and see the site's log"
                    )
                yield from self._booked(answers)

    def check(self, api: Api) -> str:
        """How many users are seen, and that each report has the columns that are needed."""
        wanted = self._reports()
        self._know(questions.listed(api, *questions.USERS))
        if len(self._users) < 2:
            raise UnexpectedShape(
                f"connection '{self.connection.name}': the API user sees nobody but itself; give its role moodle/user:viewalldetails"
            )
        for report in wanted:
            next(self._completions(api, *report), None)
        return f"{len(self._users)} users and {len(wanted)} reports can be read"

    # --- read -------------------------------------------------------------------------------------------------------------------------

    def read(self, payload: Any) -> Iterator[Record]:
        """An answer {"data": …} with bookings or a report, or a record of our own. Lists of users, courses and events make what follows richer."""
        for around in ("response", "body"):  # a recorded exchange
            if isinstance(payload, Mapping) and isinstance(payload.get(around), Mapping):
                payload = payload[around]
        if not isinstance(payload, Mapping):
            raise BadRecord(_UNKNOWN)
        if payload.keys() >= {"person", "sort", "id"}:
            yield Record("completion", f"{payload['sort']} {payload['id']} {dig(payload, 'person.account')}", payload)
            return
        if payload.keys() >= {"person", "state", "event"}:
            yield Record("booking", f"{payload['event']}/{dig(payload, 'person.account')}", payload)
            return
        data = payload["data"] if isinstance(payload.get("data"), Mapping) else payload
        if "columns" in data and "rows" in data:
            data = {questions.REPORT: data}
        known = [
            (name, value) for name, value in data.items() if isinstance(value, Mapping) and value.keys() & _ANSWERS
        ]
        if not known:
            raise BadRecord(_UNKNOWN)
        for name, value in known:
            if isinstance(value.get("items"), list):
                self._know(each for each in value["items"] if isinstance(each, Mapping))
            elif "rows" in value:
                yield from self._rows(value, "report")
            else:
                yield from self._booked({name: value})

    def _rows(self, report: Any, where: str) -> Iterator[Record]:
        for place, row in enumerate(reports.rows(report), 1):
            person = {"person": self._person(row.pop("who"))} if "who" in row else {}
            yield Record("completion", f"{where} row {place}", {**row, **person})

    def _booked(self, answers: Mapping[str, Any]) -> Iterator[Record]:
        """Bookings out of one answer. Whose and for what stands in the name that we gave to each part, since Totara hides users who left a course."""
        for name, answer in answers.items():
            booking = dig(answer, "booking")
            if not isinstance(booking, Mapping):
                continue  # nobody booked, or the user may not be asked about
            ours = questions.BOOKING.fullmatch(name)
            event_id, user_id = ours.groups() if ours else (None, None)
            event = {**self._events.get(str(event_id), {"id": event_id}), **(dig(booking, "event") or {})}
            user = {**self._users.get(str(user_id), {"id": user_id}), **(dig(booking, "user") or {})}
            if not event.get("id"):
                raise BadRecord("the booking does not say for which event it is")
            sessions = event.get("sessions") or []
            if not isinstance(sessions, list):
                raise BadRecord("the sessions of an event are no list")
            course = str(dig(event, "seminar.course_id") or "")
            known = self._named.get(course, {})
            fields = {
                "event": str(event["id"]), "start": event.get("start_date"), "finish": event.get("finish_date"), "state": dig(booking, "state.key"),
                "sessions": [
                    {"id": str(each.get("id")), "start": each.get("timestart"), "finish": each.get("timefinish")} for each in sessions if isinstance(each, Mapping)
                ],
                "seminar": dig(event, "seminar.id"), "name": dig(event, "seminar.name"), "course": course or None, "idnumber": known.get("idnumber"),
                "shortname": known.get("shortname"), "person": self._person(user),
            }  # fmt: skip
            yield Record("booking", f"{event['id']}/{user.get('id')}", fields)

    def _person(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """Account, address and HR id, completed by what is known of the user."""
        account = told.get("id") or next(
            (self._known_as[name] for each in told.values() if (name := str(each).casefold()) in self._known_as), None
        )
        whole = {**self._users.get(str(account), {}), **told}
        email = str(whole.get("email") or "")
        return {
            "account": str(account) if account else None,
            "email": email if "@" in email else None,  # Totara puts a sentence where an address is hidden
            "hr": str(whole["idnumber"]) if whole.get("idnumber") else None,
        }

    # --- map --------------------------------------------------------------------------------------------------------------------------

    @maps("completion")
    def completion(self, record: Record, people: People) -> Iterable[Outcome]:
        """`registered` for a course or `was-assigned` a program, and `completed` it: again at another time, since a renewed certification resets its courses."""
        if record.get("fault"):
            raise BadRecord(str(record["fault"]))
        if not self.courses.is_wanted(_names(record)):
            return [Ignored("of a course that is not read")]
        assigned, completed = _moment(record.get("assigned")), _moment(record.get("completed"))
        if assigned is None and completed is None:
            return [Ignored("neither assigned nor completed at a known time")]
        sort, who = record["sort"], next((str(each) for each in record["person"].values() if each), "")
        fact, terms = f"{sort} {record['id']} {who}", self._terms(record, assigned)
        common: dict[str, Any] = {
            "actor": _agent(people, record),
            "object": self._thing(record),
            "registration": name_uuid("enrolment", self.tenant, sort, str(record["id"]), who),
            "extensions": terms,
        }
        told: list[Outcome] = []
        if assigned is not None:
            verb = verbs.REGISTERED if sort == "course" else verbs.WAS_ASSIGNED
            told.append(
                statement(
                    **common,
                    verb=verb,
                    timestamp=assigned,
                    key=f"{fact} assigned",
                    revision=f"{record['assigned']}/{terms['due']}",
                )
            )
        if completed is not None and record.get("is_granted") is True:
            told.append(Ignored("completion that was granted for prior learning"))
        elif completed is not None:
            told.append(
                statement(
                    **common,
                    verb=verbs.COMPLETED,
                    result={"completion": True},
                    timestamp=completed,
                    key=f"{fact} completed {record['completed']}",
                    revision=str(terms["due"]),
                )
            )
        return told

    @maps("booking")
    def booking(self, record: Record, people: People) -> Iterable[Outcome]:
        """`attended` each session of a seminar event; of who attended a part of it one statement, since nobody knows which part."""
        state, key = record["state"], f"event {record['event']} {record['person'].get('account')}"
        if record.get("course") and not self.courses.is_wanted(_course_names(record)):
            return [Ignored("of a course that is not read")]
        if state == "BOOKED":
            return [Ignored("booked, and attendance is not taken yet")]
        if state in _WITHOUT_SEAT:
            return [Ignored("no seat at the event")]
        sessions = {f"{key} session {each['id']}": each for each in record.get("sessions") or ()}
        if state in _AWAY:
            gone = [Retracted(each, reason="attendance corrected: did not attend") for each in (key, *sessions)]
            return [Ignored("did not attend"), *gone]
        if state not in _ATTENDED:
            raise BadRecord("a booking in an unknown state")
        spans = {each: (_needed(told["start"]), _needed(told["finish"])) for each, told in sessions.items()}
        if any(end < start for start, end in spans.values()):
            raise BadRecord("a session ends before it starts")
        if state == "PARTIALLY_ATTENDED" or not spans:
            end = max((end for _, end in spans.values()), default=None) or _needed(record.get("finish"))
            gone = [Retracted(each, reason="attendance corrected: a part") for each in spans]
            return [self._attended(record, people, key, end, state), *gone]
        told = [
            self._attended(record, people, each, end, state, (end - start).total_seconds())
            for each, (start, end) in spans.items()
        ]
        return [*told, Retracted(key, reason="attendance corrected: the whole")]

    def _attended(
        self, record: Record, people: People, key: str, end: datetime, state: str, seconds: float | None = None
    ) -> Outcome:
        course, seminar = record.get("course"), record.get("seminar")
        page = f"{self.tenant}/mod/facetoface"
        return statement(
            actor=_agent(people, record),
            verb=verbs.ATTENDED,
            object=activity(
                f"{page}/eventinfo.php?s={number(record['event'])}", types.CLASSROOM, name=_text(record.get("name"))
            ),
            result={"duration": duration(seconds) if seconds else None},
            grouping=[
                *([activity(f"{self.tenant}/course/view.php?id={number(course)}", types.COURSE)] if course else ()),
                *([activity(f"{page}/view.php?f={number(seminar)}")] if seminar else ()),
            ],
            timestamp=end,
            registration=name_uuid("seminar", self.tenant, str(record["event"])),
            extensions={
                **self.courses.terms(_course_names(record), due=False),
                "source-kind": "offline",
                "scheduled-minutes": round(seconds / 60) if seconds else None,
            },
            key=key,
            revision=f"{state}/{utc_text(end)}/{seconds}",
        )

    def _thing(self, record: Record) -> dict[str, Any]:
        """Courses have the addresses that Moodle gives them too."""
        page, sort = {
            "course": ("course/view.php", types.COURSE),
            "program": ("totara/program/view.php", types.PROGRAM),
            "certification": ("totara/program/view.php", types.CERTIFICATION),
        }[record["sort"]]
        return activity(f"{self.tenant}/{page}?id={number(record['id'])}", sort, name=_text(record.get("name")))

    def _terms(self, record: Record, assigned: datetime | None) -> dict[str, Any]:
        """What the settings say of it; a program's own due date counts before theirs."""
        terms = self.courses.terms(
            _names(record), enrolled=assigned, by=None if record["sort"] == "course" else "assigned"
        )
        due = _moment(record.get("due"))
        zone = ZoneInfo(str(self.connection.get("time_zone") or "Europe/Amsterdam"))
        return {**terms, "due": due.astimezone(zone).date().isoformat()} if due else terms


# --- small readings ----------------------------------------------------------------------------------------------------------------------------


def _moment(value: Any) -> datetime | None:
    """A time as an epoch (also as text), or in ISO 8601; None for 0 or nothing, which is never. Raises BadRecord for a date in words."""
    if value in (None, "", 0, "0"):
        return None
    try:
        return parse_time(int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() else value)
    except BadRecord as error:
        raise BadRecord(
            "a date is neither an epoch nor in ISO 8601; show the column without a format of its own"
        ) from error


def _needed(value: Any) -> datetime:
    found = _moment(value)
    if found is None:
        raise BadRecord("time is missing")
    return found


def _is_inside(window: Window, value: Any) -> bool:
    """Also for what cannot be read, which then ends in the quarantine."""
    try:
        found = _moment(value)
    except BadRecord:
        return True
    return found is not None and window.holds(found)


def _has_date_in(window: Window, record: Record) -> bool:
    return "fault" in record or any(_is_inside(window, record.get(name)) for name in ("assigned", "completed"))


def _names(record: Record) -> list[str]:
    return [str(record[name]) for name in ("idnumber", "shortname", "id") if record.get(name)]


def _course_names(booking: Record) -> list[str]:
    return [str(booking[name]) for name in ("idnumber", "shortname", "course") if booking.get(name)]


def _text(value: Any) -> str | None:
    return str(value) if isinstance(value, str) and value else None


def _agent(people: People, record: Record) -> dict[str, Any]:
    person = record["person"]
    return people.actor(person.get("account"), email=person.get("email"), hr=person.get("hr"))
