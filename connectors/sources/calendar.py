"""Calendars: who accepted an invitation to learn. An acceptance is an intention; nobody was present because of it.

API         iCalendar files (RFC 5545, series spread out); Microsoft Graph v1.0 calendarView; Google Calendar v3 events; one of them a connection
Permission  to read the files; Calendars.Read for an app, best limited to some mailboxes by an access policy; calendar.events.readonly for a
            service account with domain-wide delegation
Cost        free; one call for each calendar and 100 appointments
Allow-list  only appointments of a learning calendar, with a learning category, or with a learning word in the title are kept, the others are passed
            over when they are read; private and confidential ones always; texts of invitations, places and names are never asked for or kept
People      e-mail address of who was invited; rooms, devices, mailing lists that a file calls so, and who organises do not count
Copies      the organiser's copy alone tells who accepted; other copies of an appointment are ignored
Late facts  people accept until it begins; what ended in the window is read, with a look-back of 7 days; who declines later, or a session that is
            cancelled, takes the acceptance back
Kept        as long as the calendars; Outlook shows no trace of a meeting that its organiser deleted, so its acceptances stay
Not seen    presence: that is told by attendance sheets and by the platforms; when someone accepted, where the calendar does not say
Verified    with the events of Microsoft's documentation; files and Google from documentation only
"""

import logging
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote
from zoneinfo import ZoneInfo

from connectors import files, google, graph
from connectors.http import Api
from connectors.paging import dig
from connectors.sessions import fits
from connectors.source import Connection, Kind, Record, Setting, Source, Verified, Window, maps
from leerstroom.errors import BadRecord, ConfigurationError
from leerstroom.people import People, Pseudonyms
from leerstroom.statements import Ignored, Outcome, Retracted, activity, parse_time, statement, types, utc_text, verbs

logger = logging.getLogger(__name__)

_HOSTS = {"microsoft": "https://graph.microsoft.com/v1.0", "google": "https://www.googleapis.com/calendar/v3"}
_OAUTH = {"microsoft": "https://login.microsoftonline.com", "google": "https://oauth2.googleapis.com"}
_GOOGLE_SCOPE = "https://www.googleapis.com/auth/calendar.events.readonly"
# What is asked of an appointment: never its text, its place or its attachments.
_GRAPH_FIELDS = "id,iCalUId,subject,categories,sensitivity,isCancelled,isOrganizer,isAllDay,originalStart,start,end,attendees,organizer,createdDateTime,lastModifiedDateTime"
_GOOGLE_FIELDS = "nextPageToken,items(id,iCalUID,summary,status,visibility,created,updated,start,end,originalStartTime,recurringEventId,organizer(email,self),attendees(email,self,organizer,resource,responseStatus))"
_ANSWERS = {
    "accepted": "accepted",
    "declined": "declined",
    "tentative": "tentative",
    "tentativelyaccepted": "tentative",
}
_PRIVATE = frozenset({"private", "confidential", "personal"})
_TOO_OFTEN = ("SECONDLY", "MINUTELY", "HOURLY")
_SPREAD = timedelta(days=366)  # of a series that is read without a window
_MOST = 5_000  # occurrences of one file
_EVENT = (
    "event.uid",
    "event.begin",
    "event.start",
    "event.end",
    "event.all_day",
    "event.title",
    "event.created",
    "event.changed",
)


class Calendar(Source):
    """The calendars of those who organise."""

    name: ClassVar[str] = "calendar"
    title: ClassVar[str] = "Calendars (iCalendar, Microsoft 365, Google)"
    kind: ClassVar[Kind] = Kind.OFFLINE
    verified: ClassVar[Verified] = Verified.PAYLOADS
    look_back: ClassVar[timedelta] = timedelta(days=7)
    keyed_ids: ClassVar[bool] = True  # an appointment's id may be an address
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("service", "Service", default="files", required=False, help="files, microsoft or google"),
        Setting("files", "Files", many=True, required=False, help="paths or addresses with *, such as calendars/*.ics; also secret addresses that calendars publish"),
        Setting("calendars", "Calendars", many=True, required=False, help="mailboxes (microsoft) or calendar ids (google) of those who organise"),
        Setting("learning_calendars", "Learning calendars", many=True, required=False, help="of these all is learning: names, addresses or files (with *)"),
        Setting("categories", "Learning categories", many=True, required=False, help="such as Leren, Opleiding"),
        Setting("keywords", "Learning words", many=True, required=False, help="words of a title, or whole titles with *"),
        Setting("time_zone", "Time zone", default="Europe/Amsterdam", kind="zone", required=False, help="of times that name none"),
        *(replace(each, required=False) for each in (*graph.APP, *google.ACCOUNT)),
        Setting("register", "Register", default="https://calendars.leerstroom.example", kind="url", required=False, help="home page of appointments; never change it"),
        Setting("host", "API", default="", kind="url", required=False, help="empty: the service's own"),
        Setting("oauth_host", "OAuth", default="", kind="url", required=False, help="empty: the service's own"),
    )  # fmt: skip
    record_kinds: ClassVar[tuple[str, ...]] = ("invitation", "appointment")
    keep: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "invitation": (*_EVENT, "email", "answer", "at", "is_cancelled"),
        "appointment": ("event.uid", "event.begin", "why", "fault"),
    }
    people: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "invitation": {"email": "email", "event.uid": "account"},  # some programs put an address into the id
        "appointment": {"event.uid": "account"},
    }
    documents: ClassVar[tuple[str, ...]] = (".ics", ".ical", ".ifb")

    @property
    def tenant(self) -> str:
        """The register: an appointment is the same one in whatever calendar it is read."""
        told = self.connection.get("tenant") or self.connection.get("register")
        return str(told or "https://calendars.leerstroom.example").rstrip("/")

    @property
    def service(self) -> str:
        """files, microsoft or google. Raises ConfigurationError for another word, and where a field that it needs is missing."""
        told, fields = str(self.connection.get("service", "files")), self.connection
        needed = {
            "files": ("files",),
            "microsoft": ("calendars", *(each.name for each in graph.APP)),
            "google": ("calendars", *(each.name for each in google.ACCOUNT)),
        }
        if told not in needed:
            raise ConfigurationError(f"connection '{fields.name}': service is none of {', '.join(needed)}")
        missing = [name for name in needed[told] if not fields.get(name)]
        if missing:
            raise ConfigurationError(f"connection '{fields.name}': service {told} needs {', '.join(missing)}")
        return told

    def api(self) -> Api:
        """The way to the service; for files an object that only counts zero requests."""
        service = self.service
        host = self.connection.get("host") or _HOSTS.get(service, self.tenant)
        fields = {**self.connection.fields, "oauth_host": self.connection.get("oauth_host") or _OAUTH.get(service)}
        told = Connection(self.connection.name, self.connection.source, fields)
        auth: Any = None
        if service == "microsoft":
            auth = graph.token(told)
        elif service == "google":
            auth = google.Delegation(told, _GOOGLE_SCOPE)
        return Api(
            str(host),
            connection=self.connection.name,
            auth=auth,
            headers={"Prefer": 'outlook.timezone="UTC"'} if service == "microsoft" else None,
            requests_per_minute=self.connection.get("requests_per_minute", self.requests_per_minute),
            verify=self.connection.get("verify_tls", True),
            quota=google.quota if service == "google" else None,
        )

    # --- pull -------------------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """The invitations to learning that ended inside the window. What is not on the allow-list is passed over here."""
        if not any(self.connection.get(name) for name in ("learning_calendars", "categories", "keywords")):
            raise ConfigurationError(
                f"connection '{self.connection.name}': nothing says what is learning; name learning_calendars, categories or keywords"
            )
        passed, seen = 0, set[str]()
        for event in self._events(api, window):
            if "fault" in event:
                yield _fault(event)
            elif not self._is_learning(event):
                passed += 1
            elif window.holds(event["end"]):
                for record in _records(event):
                    if record.key not in seen:
                        seen.add(record.key)
                        yield record
        logger.info("connection '%s': %d appointments are not on the allow-list", self.connection.name, passed)

    def _events(self, api: Api, window: Window) -> Iterator[dict[str, Any]]:
        match self.service:
            case "microsoft":
                query = {
                    "startDateTime": utc_text(window.start),
                    "endDateTime": utc_text(window.end),
                    "$select": _GRAPH_FIELDS,
                    "$top": 100,
                }
                for calendar in self.connection["calendars"]:
                    for row in graph.values(api, f"/users/{quote(str(calendar), safe='@')}/calendarView", query):
                        yield _read(_of_graph, row, str(calendar))
            case "google":
                asked: dict[str, Any] = {
                    "timeMin": utc_text(window.start),
                    "timeMax": utc_text(window.end),
                    "singleEvents": "true",
                    "showDeleted": "true",
                    "maxResults": 250,
                    "fields": _GOOGLE_FIELDS,
                }
                for calendar in self.connection["calendars"]:
                    delegation = api.session.auth
                    if isinstance(delegation, google.Delegation):
                        delegation.subject = str(calendar)
                    path = f"/calendars/{quote(str(calendar), safe='@')}/events"
                    for row in google.rows(api, path, "items", asked):
                        yield _read(_of_google, row, str(calendar))
            case _:
                yield from self._filed(window)

    def _filed(self, window: Window) -> Iterator[dict[str, Any]]:
        """Appointments of files. Of several copies the organiser's counts, else the one that was changed last."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for path in self._paths():
            try:
                for event in self._in_file(files.read(path), path, window):
                    if "fault" in event:
                        yield event
                        continue
                    name = event["uid"], event["begin"]
                    if name not in found or _standing(event) > _standing(found[name]):
                        found[name] = event
            except BadRecord as error:
                yield {"fault": str(error), "name": posixpath.basename(path)}
        yield from found.values()

    def _paths(self) -> list[str]:
        return files.matching(self.connection["files"], connection=self.connection.name, suffixes=(".ics", ".ical"))

    def _in_file(self, data: bytes, path: str, window: Window | None = None) -> Iterator[dict[str, Any]]:
        zone = ZoneInfo(str(self.connection.get("time_zone", "Europe/Amsterdam")))
        yield from _of_icalendar(data, posixpath.basename(path), zone, window)

    def _is_learning(self, event: Mapping[str, Any]) -> bool:
        """Whether the allow-list names the appointment; a private one is never read."""
        get = self.connection.get
        if event["is_private"]:
            return False
        calendars, categories = (
            get("learning_calendars") or (),
            {str(each).casefold() for each in get("categories") or ()},
        )
        return (
            any(fits(pattern, each) for pattern in calendars for each in event["calendars"])
            or any(str(each).casefold() in categories for each in event["categories"])
            or any(_says(title, word) for word in get("keywords") or () for title in event["titles"])
        )

    def check(self, api: Api) -> str:
        """Reads the day and says how many appointments were found and how many of them are learning."""
        now = datetime.now(UTC)
        if self.service == "files":
            return f"{len(self._paths())} files"
        found = list(self._events(api, Window(now - timedelta(days=1), now)))
        learning = sum("fault" not in event and self._is_learning(event) for event in found)
        return f"{len(self.connection['calendars'])} calendars with {len(found)} appointments since yesterday, {learning} on the allow-list"

    # --- payloads ----------------------------------------------------------------------------------------------------------------

    def read(self, payload: Any) -> Iterator[Record]:
        """A page or an appointment of Microsoft Graph or Google Calendar, or a recorded exchange of one.

        Who hands it over says that it may be read; a title is kept only where the allow-list names it. Raises BadRecord for anything else.
        """
        body = dig(payload, "response.body") if isinstance(payload, dict) and "response" in payload else payload
        if isinstance(body, dict) and isinstance(body.get("event"), dict) and "uid" in body["event"]:
            yield _row(body["event"], {name: value for name, value in body.items() if name != "event"})
            return
        rows = body.get("value", body.get("items", [body])) if isinstance(body, dict) else None
        if not isinstance(rows, list):
            raise BadRecord("no appointment of a calendar")
        known = [self._appointment(row) for row in rows]
        if rows and all(records is None for records in known):
            raise BadRecord("no appointment of a calendar")
        for records in known:  # one row that is none stops no others
            yield from records if records is not None else (Record("appointment", "", {"fault": "no appointment of a calendar"}),)  # fmt: skip

    def _appointment(self, row: Any) -> list[Record] | None:
        """The records of a row of a list; None where it is no appointment of either service."""
        if not isinstance(row, dict):
            return None
        is_google = "iCalUID" in row or row.get("kind") == "calendar#event"
        if isinstance(row.get("@removed"), dict) or (row.get("status") == "cancelled" and not row.get("attendees")):
            return [Record("appointment", f"{row.get('id')}", {"event": {"uid": row.get("id")}, "why": "deleted, and nothing tells who had accepted"})]  # fmt: skip
        if not is_google and not row.keys() & {"iCalUId", "subject", "attendees"}:
            return None
        try:
            return list(self._handed(_of_google(row, "") if is_google else _of_graph(row, "")))
        except BadRecord as error:
            return [Record("appointment", "", {"fault": str(error)})]

    def read_document(self, data: bytes, name: str) -> Iterator[Record]:
        """An iCalendar file; a series without an end is spread out over a year."""
        for event in self._in_file(data, name):
            yield from (_fault(event),) if "fault" in event else self._handed(event)

    def _handed(self, event: dict[str, Any]) -> Iterator[Record]:
        allowed = any(self.connection.get(name) for name in ("learning_calendars", "categories", "keywords"))
        if allowed and not self._is_learning(event) and not event["is_private"]:
            yield _aside(event, "not on the allow-list")
        else:
            yield from _records(event if allowed else {**event, "title": None})

    # --- at the edge ---------------------------------------------------------------------------------------------------------------

    def minimise(self, record: Record, pseudonyms: Pseudonyms) -> Record:
        """The record as it may land. Its key is made of what landed: a hash of an address without a key would give it away."""
        kept = super().minimise(record, pseudonyms)
        return Record(kept.kind, kept.key if "fault" in kept else _key(kept), kept)

    # --- map ------------------------------------------------------------------------------------------------------------------------

    @maps("appointment")
    def appointment(self, row: Record, people: People) -> Outcome:
        """What tells of nobody."""
        if row.get("fault"):
            raise BadRecord(str(row["fault"]))
        return Ignored(str(row["why"]))

    @maps("invitation")
    def invitation(self, row: Record, people: People) -> Outcome | list[Outcome]:
        """`rsvp-yes` for an acceptance, when it was given; whatever else is told takes an earlier one back."""
        event = row["event"]
        if row.get("is_cancelled"):
            return [Ignored("cancelled"), Retracted(row.key, reason="the session was cancelled")]
        if row.get("answer") != "accepted":
            return [Ignored("invitation that was not accepted"), Retracted(row.key, reason="no longer accepted")]
        told = row.get("at")
        moment = parse_time(told or event.get("created") or event.get("changed"))
        start, end = parse_time(event["start"]), parse_time(event["end"])
        minutes = None if event.get("all_day") else round((end - start).total_seconds() / 60)
        extensions = {"starts": utc_text(start), "scheduled-minutes": minutes or None}
        series = f"{self.tenant}/series/{quote(str(event['uid']), safe='')}"
        where = f"/{quote(str(event['begin']), safe='')}" if event.get("begin") else ""
        return statement(
            actor=people.actor(email=row["email"]),
            verb=verbs.RSVP_YES,
            object=activity(
                f"{self.tenant}/appointments/{quote(str(event['uid']), safe='')}{where}",
                types.EVENT,
                name=event.get("title"),
            ),
            grouping=series,
            timestamp=moment,
            extensions=extensions,
            revision=f"{utc_text(moment)} {event.get('title')} {sorted(extensions.items())}",
            rule=None if told else "time-of-invitation",
            confidence=None if told else 0.5,
        )


# --- appointments into records ----------------------------------------------------------------------------------------------------------
#
# An appointment, whatever calendar it comes from: uid, begin (the planned start of an occurrence of a series, else ""), start and end (aware), all_day,
# title, titles and categories (for the allow-list, of the whole series), calendars (names of where it lies), is_private, is_cancelled, is_copy,
# created, changed, organizer, and guests: [{email, answer, at, is_thing}].


def _records(event: Mapping[str, Any]) -> Iterator[Record]:
    """An invitation for each guest; one record that says why where there is none."""
    if event["is_private"]:
        yield _aside(event, "private")
        return
    if event["is_copy"]:
        yield _aside(event, "copy of someone who was invited; the organiser's counts")
        return
    guests = [
        each
        for each in event["guests"]
        if each["email"] and not each["is_thing"] and each["email"].casefold() != str(event["organizer"]).casefold()
    ]
    if not guests:
        yield _aside(event, "appointment without guests")
        return
    told = {
        "uid": event["uid"],
        "begin": event["begin"],
        "start": utc_text(event["start"]),
        "end": utc_text(event["end"]),
        "all_day": event["all_day"] or None,
        "title": event["title"],
        "created": event["created"],
        "changed": event["changed"],
    }
    for guest in guests:
        yield _row(
            {name: value for name, value in told.items() if value is not None},
            {
                "email": guest["email"],
                "answer": guest["answer"],
                "at": guest["at"],
                "is_cancelled": event["is_cancelled"] or None,
            },
        )


def _row(event: Mapping[str, Any], fields: Mapping[str, Any]) -> Record:
    row = Record(
        "invitation", "", {"event": event, **{name: value for name, value in fields.items() if value is not None}}
    )
    return Record("invitation", _key(row), row)


def _key(row: Mapping[str, Any]) -> str:
    event = row.get("event")
    told = event if isinstance(event, Mapping) else {}
    return f"{told.get('uid')}/{told.get('begin')}/{row.get('email')}"


def _aside(event: Mapping[str, Any], why: str) -> Record:
    row = {"event": {"uid": event["uid"], "begin": event["begin"]}, "why": why}
    return Record("appointment", _key(row), row)


def _fault(event: Mapping[str, Any]) -> Record:
    return Record("appointment", str(event["name"]), {"fault": str(event["fault"])})


def _read(read: Any, row: Any, calendar: str) -> dict[str, Any]:
    """An appointment of a list, or what is wrong with it."""
    try:
        found: dict[str, Any] = read(row, calendar)
    except BadRecord as error:
        return {"fault": str(error), "name": f"{calendar} {row.get('id') if isinstance(row, dict) else ''}"}
    return found


def _standing(event: Mapping[str, Any]) -> tuple[bool, int, str]:
    """Of two copies of an appointment the greater one counts: the organiser's, else the later version."""
    return not event["is_copy"], event.get("sequence", 0), str(event["changed"] or "")


def _says(title: str, word: Any) -> bool:
    """Whether a title holds a word as a word of its own, or is as a pattern with * says."""
    if "*" in str(word):
        return fits(word, title)
    plain = " ".join("".join(each if each.isalnum() else " " for each in title.casefold()).split())
    return f" {' '.join(str(word).casefold().split())} " in f" {plain} "


def _answer(told: Any) -> str:
    return _ANSWERS.get(str(told or "").lower(), "none")


# --- Microsoft Graph ----------------------------------------------------------------------------------------------------------------------


def _of_graph(row: Mapping[str, Any], calendar: str) -> dict[str, Any]:
    uid = row.get("iCalUId") or row.get("id")
    start, end = graph.moment(row.get("start")), graph.moment(row.get("end"))
    has_guests = bool(row.get("attendees"))
    if not uid or ((start is None or end is None) and has_guests):
        raise BadRecord("the appointment has no id, or does not say when it is")
    return {
        "uid": str(uid),
        "begin": _utc(row.get("originalStart")),
        "start": start,
        "end": end,
        "all_day": row.get("isAllDay") is True,
        "title": _text(row.get("subject")),
        "titles": [_text(row.get("subject")) or ""],
        "categories": _listed(row.get("categories")),
        "calendars": [calendar],
        "is_private": str(row.get("sensitivity")).lower() in _PRIVATE,
        "is_cancelled": row.get("isCancelled") is True,
        "is_copy": row.get("isOrganizer") is False,
        "created": _utc(row.get("createdDateTime")) or None,
        "changed": _utc(row.get("lastModifiedDateTime")) or (utc_text(start) if start else None),
        "organizer": dig(row, "organizer.emailAddress.address"),
        "guests": [
            {
                "email": dig(each, "emailAddress.address"),
                "answer": _answer(dig(each, "status.response")),
                "at": _utc(dig(each, "status.time")) or None,
                "is_thing": each.get("type") == "resource",
            }
            for each in _listed(row.get("attendees"))
        ],
    }


# --- Google Calendar ----------------------------------------------------------------------------------------------------------------------


def _of_google(row: Mapping[str, Any], calendar: str) -> dict[str, Any]:
    guests = [each for each in _listed(row.get("attendees")) if isinstance(each, Mapping)]
    start, end = _of_google_time(row.get("start")), _of_google_time(row.get("end"))
    uid = row.get("iCalUID") or row.get("id")
    is_cancelled = row.get("status") == "cancelled"
    if not uid or ((start is None or end is None) and not is_cancelled):
        raise BadRecord("the appointment has no id, or does not say when it is")
    begin = _of_google_time(row.get("originalStartTime"))
    organises = dig(row, "organizer.self") is True
    return {
        "uid": str(uid),
        "begin": utc_text(begin) if begin else "",
        "start": start or datetime.fromtimestamp(0, UTC),
        "end": end or datetime.fromtimestamp(0, UTC),
        "all_day": isinstance(row.get("start"), Mapping) and "date" in row["start"],
        "title": _text(row.get("summary")),
        "titles": [_text(row.get("summary")) or ""],
        "categories": [],
        "calendars": [calendar],
        "is_private": str(row.get("visibility")).lower() in _PRIVATE,
        "is_cancelled": is_cancelled,
        "is_copy": not organises and any(each.get("self") is True for each in guests),
        "created": _utc(row.get("created")) or None,
        "changed": _utc(row.get("updated")) or (utc_text(start) if start else None),
        "organizer": dig(row, "organizer.email"),
        "guests": [
            {
                "email": _text(each.get("email")),
                "answer": _answer(each.get("responseStatus")),
                "at": None,
                "is_thing": each.get("resource") is True or each.get("organizer") is True,
            }
            for each in guests
        ],
    }


def _of_google_time(told: Any) -> datetime | None:
    """A time, or the midnight of a whole day in UTC."""
    if not isinstance(told, Mapping):
        return None
    if told.get("dateTime"):
        return parse_time(told["dateTime"], zone=str(told.get("timeZone") or "UTC"))
    return parse_time(told["date"], zone=str(told.get("timeZone") or "UTC")) if told.get("date") else None


# --- iCalendar ----------------------------------------------------------------------------------------------------------------------------


def _of_icalendar(data: bytes, name: str, zone: ZoneInfo, window: Window | None) -> Iterator[dict[str, Any]]:
    """Appointments of a file, a series as its occurrences. Raises BadRecord for what is no calendar."""
    import icalendar
    from icalendar.timezone import tzp

    tzp.use_zoneinfo()  # forgets the zones that another file defined: two programs may mean two zones by one name
    try:
        calendars = icalendar.Calendar.from_ical(data, multiple=True)
    except (ValueError, IndexError, KeyError, AttributeError, OSError) as error:
        # OSError: a time zone that bears the name of a folder, as Europe
        raise BadRecord(f"{name} is no iCalendar file ({type(error).__name__})") from error
    if not any(each.name == "VCALENDAR" for each in calendars):
        raise BadRecord(f"{name} is no iCalendar file")
    for calendar in calendars:
        yield from _of_one(calendar, name, zone, window)


def _of_one(calendar: Any, name: str, zone: ZoneInfo, window: Window | None) -> Iterator[dict[str, Any]]:
    """Appointments of a calendar, each series for itself: one that cannot be read is told of and costs no other."""
    series: dict[str, list[Any]] = {}
    for number, each in enumerate(calendar.walk("VEVENT"), 1):
        series.setdefault(str(each["UID"]) if each.get("UID") else f"without an id {number}", []).append(each)
    names = [name, _text(str(calendar.get("X-WR-CALNAME") or ""))]
    cancels = str(calendar.get("METHOD") or "").upper() == "CANCEL"
    left = _MOST
    for number, whole in enumerate(series.values(), 1):
        try:
            events = [
                _of_event(each, whole, names, zone, cancels=cancels)
                for each in _spread(whole, zone, window)[: left + 1]
            ]
        except BadRecord as error:
            yield {"fault": f"{name}: appointment {number} {error}", "name": f"{name} {number}"}
            continue
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            why = f"cannot be read ({type(error).__name__})"
            yield {"fault": f"{name}: appointment {number} {why}", "name": f"{name} {number}"}
            continue
        yield from events[:left]
        left -= len(events)
        if left < 0:
            yield {"fault": f"{name} holds more than {_MOST} appointments; split it", "name": name}
            return


def _spread(whole: list[Any], zone: ZoneInfo, window: Window | None) -> list[Any]:
    """The occurrences of one series, inside the window or of a year. Raises BadRecord for what cannot be spread out."""
    import icalendar
    import recurring_ical_events

    alone = icalendar.Calendar()
    for each in whole:
        if not each.get("UID") or not each.get("DTSTART"):
            raise BadRecord("has no id, or does not say when it is")
        if (ends := _told(each, "DTEND")) and _aware(ends, zone) < _aware(each["DTSTART"].dt, zone):
            raise BadRecord("ends before it begins")
        rules = each.get("RRULE")
        for rule in rules if isinstance(rules, list) else [rules] if rules else []:
            if {str(frequency).upper() for frequency in rule.get("FREQ", ())} & set(_TOO_OFTEN):
                raise BadRecord("repeats within the hour; it is refused")
        alone.add_component(each)
    begins = [_aware(each["DTSTART"].dt, zone) for each in whole]
    start, end = (window.start, window.end) if window else (min(begins), max(begins) + _SPREAD)
    found: list[Any] = recurring_ical_events.of(alone).between(start, end + timedelta(seconds=1))
    return found


def _of_event(
    event: Any, whole: list[Any], names: list[str | None], zone: ZoneInfo, *, cancels: bool
) -> dict[str, Any]:
    """One occurrence; `whole` are all components of its series, which the allow-list looks at together."""
    repeats = len(whole) > 1 or any(each.get("RRULE") or each.get("RDATE") for each in whole)
    begin = event.get("RECURRENCE-ID")
    # a change of this one and all that follow names the first of them in each
    planned = event.start if begin and "RANGE" in begin.params else begin.dt if begin else None
    organizer, owner = _address(event.get("ORGANIZER")), next((each for each in names if each and "@" in each), None)
    owned = owner.removesuffix(".ics").casefold() if owner else None
    changed = _told(event, "LAST-MODIFIED") or _told(event, "DTSTAMP")
    told = event.get("ATTENDEE")
    return {
        "uid": str(event["UID"]),
        "begin": utc_text(_aware(planned, zone)) if repeats and planned else "",
        "start": _aware(event.start, zone),
        "end": _aware(event.end, zone),
        "all_day": not isinstance(event.start, datetime),
        "title": _text(str(event.get("SUMMARY") or "")),
        "titles": [str(each.get("SUMMARY") or "") for each in whole],
        "categories": [str(word) for each in whole for word in each.categories],
        "calendars": names,
        "is_private": str(event.get("CLASS") or "").lower() in _PRIVATE,
        "is_cancelled": cancels or str(event.get("STATUS") or "").upper() == "CANCELLED",
        "is_copy": bool(owned and organizer) and owned != str(organizer).casefold(),
        "sequence": int(event.get("SEQUENCE") or 0),
        "created": utc_text(_aware(created, zone)) if (created := _told(event, "CREATED")) else None,
        "changed": utc_text(_aware(changed or event.start, zone)),
        "organizer": organizer,
        "guests": [
            {
                "email": _address(each),
                "answer": _answer(each.params.get("PARTSTAT")),
                "at": None,
                "is_thing": str(each.params.get("CUTYPE", "")).upper() in {"ROOM", "RESOURCE", "GROUP"},
            }
            for each in (told if isinstance(told, list) else [told] if told else [])
        ],
    }


def _told(event: Any, name: str) -> Any:
    """When something happened to an appointment; None where that is not told, or cannot be read: it is the session's time that counts."""
    try:
        return event[name].dt
    except (KeyError, ValueError, AttributeError):
        return None


def _address(value: Any) -> str | None:
    """The e-mail address of an attendee: the value itself, or its parameter EMAIL."""
    told = str(value or "")
    if told.lower().startswith("mailto:") and "@" in told:
        return told[7:].strip()
    email = getattr(value, "params", {}).get("EMAIL")
    return str(email) if email else None


def _aware(value: date | datetime, zone: ZoneInfo) -> datetime:
    """A time; one without a zone lies in the connection's, a day begins at its midnight."""
    moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)  # noqa: DTZ001 - the zone follows
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


# --- fields -------------------------------------------------------------------------------------------------------------------------------


def _utc(told: Any) -> str:
    """A time as text in UTC; empty for none, and for the year 1 that Graph writes where there is none."""
    try:
        found = graph.moment(told)
    except BadRecord:
        return ""
    return utc_text(found) if found else ""


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _listed(value: Any) -> Iterable[Any]:
    return [each for each in value if each is not None] if isinstance(value, list) else []
