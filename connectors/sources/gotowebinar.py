"""GoTo Webinar: who attended which session and how long, registrations, questions with their answers, polls.

API         G2W REST v2: organizers' sessions, attendees, registrants, questions, polls; pages of two kinds (`_embedded` and `data`)
Permission  an app with scope collab: and the refresh token of a person who agreed once; organizers are named by their keys
Cost        part of the plan; 10 calls a second; one call for each attendee of a session with polls, which the setting can switch off
People      registrant's e-mail, else the registrant key, which is another one in each webinar; names are never read
Attendance  one statement per person and session: the union of all times of joining and leaving; the vendor's own total is not used
Late facts  sessions are listed when they have ended; look back 3 days, settle 6 hours; a late interval voids the statement and makes a new one
Limits      429 comes without any word how long to wait: back-off with jitter
Kept        the vendor says nothing; the refresh token ends when it is not used for 30 days
Not seen    organizers and panelists, who are no registrants; when someone answered a poll (the end of the session stands for it); registrations
            for what is still to come
Verified    every call against the vendor's OpenAPI, payloads made after its schemas; the rest from documentation only
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from connectors.attendance import Join, actor_of
from connectors.http import Api
from connectors.oauth import RefreshToken
from connectors.paging import by_offset, dig
from connectors.sessions import OCCURRENCE, SETTINGS, Sessions, meeting_of
from connectors.source import Gathered, Record, Setting, Verified, Window, maps
from leerstroom.errors import BadRecord, UnexpectedShape
from leerstroom.people import People, Pseudonyms
from leerstroom.statements import (
    Ignored,
    Outcome,
    name_uuid,
    parse_time,
    utc_text,
)

_PAGE = 200
_ROLES = {"organizer": "organizer", "co-organizer": "organizer", "co_organizer": "organizer", "panelist": "presenter"}
_PERSON = {"email": "email", "registrantKey": "account"}
_ASKED = {"askedBy": "email", "askerKey": "account"}


class GoToWebinar(Sessions):
    """The webinars of one or more organizers."""

    name: ClassVar[str] = "gotowebinar"
    title: ClassVar[str] = "GoTo Webinar"
    verified: ClassVar[Verified] = Verified.DOCUMENTATION
    requests_per_minute: ClassVar[float | None] = 540
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("client_id", "Client id"),
        Setting("client_secret", "Client secret", secret=True),
        Setting("refresh_token", "Refresh token", secret=True, help="of a person who agreed once; the vendor's guide shows how to get it"),
        Setting("organizers", "Organizers", many=True, help="their keys, numbers of about 19 digits"),
        Setting("polls", "Polls", default=True, kind="flag", required=False, help="who answered a poll; one call for each attendee of a session that had polls"),
        *SETTINGS,
        Setting("host", "API", default="https://api.getgo.com/G2W/rest/v2", kind="url", required=False),
        Setting("oauth_host", "OAuth", default="https://authentication.logmeininc.com", kind="url", required=False),
    )  # fmt: skip
    record_kinds: ClassVar[tuple[str, ...]] = ("attendee", "registrant", "question", "answer", "poll_answer", "session")
    keep: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "attendee": (*OCCURRENCE, *_PERSON, "attendance.joinTime", "attendance.leaveTime"),
        "registrant": (*OCCURRENCE, *_PERSON, "registrationDate", "status"),
        "question": (*OCCURRENCE, *_ASKED, "dateAsked"),
        "answer": (*OCCURRENCE, *_ASKED, "dateAsked", "answeredBy", "answererEmail", "answererRole", "answerTime"),
        "poll_answer": (*OCCURRENCE, *_PERSON, "poll", "answered"),
        "session": OCCURRENCE,
    }
    content: ClassVar[Mapping[str, tuple[str, ...]]] = {"question": ("question",), "answer": ("answer",)}
    people: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "attendee": _PERSON,
        "registrant": _PERSON,
        "question": _ASKED,
        "answer": {**_ASKED, "answeredBy": "account", "answererEmail": "email"},
        "poll_answer": _PERSON,
    }

    @property
    def tenant(self) -> str:
        """The vendor: keys of webinars and registrants are its own, whichever organizer shows them."""
        return str(self.connection.get("tenant") or "https://gotowebinar.com").rstrip("/")

    def auth(self) -> Any:
        """A person's consent, given once."""
        fields = self.connection
        return RefreshToken(
            f"{str(fields['oauth_host']).rstrip('/')}/oauth/token",
            str(fields["client_id"]),
            str(fields["client_secret"]),
            str(fields["refresh_token"]),
            connection=fields.name,
            verify=fields.get("verify_tls", True),
        )

    # --- pull -------------------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """Everything about the sessions that ended inside the window and have settled, session by session."""
        settled = self.settled(window, datetime.now(UTC))
        asked: set[str] = set()
        for organizer in self.connection["organizers"]:
            for session in self._sessions(api, str(organizer), settled):
                webinar = str(session["meeting"]["id"])
                here = f"/organizers/{quote(str(organizer), safe='')}/webinars/{quote(webinar, safe='')}"
                yield session
                yield from self._of(api, here, session)
                if webinar not in asked:
                    asked.add(webinar)
                    for row in self._listed(api, f"{here}/registrants", "data", "total", "limit"):
                        yield _registrant(row, session["meeting"])

    def _sessions(self, api: Api, organizer: str, window: Window) -> Iterator[Record]:
        """Sessions that ended inside the window. It is not said which of their times the API compares, so a day more is asked for."""
        query = {
            "fromTime": f"{(window.start - timedelta(days=1)).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "toTime": f"{(window.end + timedelta(days=1)).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        }
        path = f"/organizers/{quote(organizer, safe='')}/sessions"
        for row in self._listed(api, path, "_embedded.sessionInfoResources", "page.totalElements", "size", query):
            session = _session(row)
            if window.holds(parse_time(session["meeting"]["end"])):
                yield session

    def _of(self, api: Api, webinar: str, session: Record) -> Iterator[Record]:
        path = f"{webinar}/sessions/{quote(str(session['occurrence']), safe='')}"
        about = {"occurrence": session["occurrence"], "meeting": session["meeting"]}
        attendees = [_attendee(row, about) for row in self._all(api, f"{path}/attendees")]
        yield from attendees
        for row in self._all(api, f"{path}/questions", missing_ok=True):
            yield from _questions(row, about)
        if session.get("polls") and self.connection.get("polls", True):
            for attendee in attendees:
                key = quote(str(attendee["registrantKey"]), safe="")
                for row in self._all(api, f"{path}/attendees/{key}/polls", missing_ok=True):
                    yield _poll_answer(row, attendee)

    def _all(self, api: Api, path: str, *, missing_ok: bool = False) -> list[Any]:
        """A list that comes as a whole."""
        body = api.get(path, missing_ok=missing_ok).body
        if not isinstance(body, list) and not (missing_ok and body is None):
            raise UnexpectedShape(f"connection '{api.connection}': the answer is no list; the API has changed")
        return body or []

    def _listed(
        self, api: Api, path: str, items: str, total: str, size: str, query: Mapping[str, Any] | None = None
    ) -> Iterator[Any]:
        """A list in pages, numbered from 0; registrants may also come as a whole, and an empty list without `_embedded`."""
        numbers = count()
        where = f"connection '{api.connection}' at {path.rsplit('/', 1)[-1]}"

        def page(_: int) -> tuple[list[Any], int | None]:
            body = api.get(path, {**(query or {}), "page": next(numbers), size: _PAGE}).body
            if isinstance(body, list):
                return body, len(body)
            told, rows = dig(body, total), dig(body, items)
            if not isinstance(rows, list) and told != 0:
                raise UnexpectedShape(f"{where}: the answer holds no list '{items}'; the API has changed")
            return rows or [], told

        for rows in by_offset(page, where=where):
            yield from rows

    def check(self, api: Api) -> str:
        """Gets a token and asks for the last week of each organizer."""
        now = datetime.now(UTC)
        found = sum(
            len(list(self._sessions(api, str(organizer), Window(now - timedelta(days=7), now))))
            for organizer in self.connection["organizers"]
        )
        return f"the token is accepted, {found} sessions in the last week"

    # --- payloads ----------------------------------------------------------------------------------------------------------------

    def read(self, payload: Any) -> Iterator[Record]:
        """A page or a row of attendees, registrants or sessions; a recorded exchange, whose path says what a row is of; or a webhook.

        A registrant alone is known by the webinar in its link. Questions and polls need their session: `sessionKey` beside them, or
        the path of the exchange. Raises BadRecord for anything else.
        """
        if isinstance(payload, dict) and "response" in payload:
            body = dig(payload, "response.body")
            request = payload.get("request")
            path = request if isinstance(request, str) else dig(request, "path") or dig(request, "url")
            yield from self._rows(body if body is not None else payload["response"], _named(str(path or "")))
        else:
            yield from self._rows(payload, {})

    def _rows(self, body: Any, given: Mapping[str, Any]) -> Iterator[Record]:
        rows = _listed(body)
        if rows is None or (rows == body and not rows and not given):
            raise BadRecord("nothing that GoTo Webinar sends")
        for row in rows:
            yield from _row_of(row, given)

    # --- at the edge ---------------------------------------------------------------------------------------------------------------

    def minimise(self, record: Record, pseudonyms: Pseudonyms) -> Record:
        """The record as it may land. Questions have no id; who asked when, and a keyed hash of the words, tell them apart."""
        kept = super().minimise(record, pseudonyms)
        if kept.kind in {"question", "answer"}:
            words = pseudonyms.account(self.tenant, str(record.get("question")))
            told = (kept.get("occurrence"), kept.get("askerKey") or kept.get("askedBy"), kept.get("dateAsked"), words)
            kept["question_id"] = name_uuid("question", *map(str, told))
        return Record(kept.kind, _key(kept.kind, kept), kept)

    # --- map ------------------------------------------------------------------------------------------------------------------------

    @maps("session")
    def session(self, row: Record, people: People) -> Outcome:
        """A session on a list tells of nobody."""
        return Ignored("session, not a person")

    @maps("attendee", together="occurrence")
    def attendance(self, rows: list[Record], people: People) -> Gathered:
        """One `attended` per person of a session, over the union of their intervals."""
        yield from self.gathered(rows, _joins, people)

    def stay(self, join: Join) -> str:
        """A row holds all intervals of a person."""
        return f"{join.row.key} {utc_text(join.start)}"

    @maps("registrant")
    def registrant(self, row: Record, people: People) -> Outcome:
        """`registered` for the webinar, all its sessions."""
        if row.get("status") not in {None, "APPROVED"}:
            return Ignored("registration that was not approved")
        actor = actor_of(people, row.get("registrantKey"), row.get("email"))
        return self.registered(row, actor, parse_time(row["registrationDate"]))

    @maps("question")
    def question(self, row: Record, people: People) -> Outcome:
        """`asked`; a question has no id, so one was made of who asked when."""
        actor = actor_of(people, row.get("askerKey"), row.get("askedBy"))
        return self.asked(row, actor, row["question_id"], parse_time(row["dateAsked"]))

    @maps("answer")
    def answer(self, row: Record, people: People) -> Outcome:
        """`answered`, of a written answer by those who lead."""
        role = _ROLES.get(str(row.get("answererRole") or "").lower(), "")
        actor = actor_of(people, row.get("answeredBy"), row.get("answererEmail"))
        return self.answered(row, actor, row["question_id"], parse_time(row["answerTime"]), role)

    @maps("poll_answer")
    def poll_answer(self, row: Record, people: People) -> Outcome:
        """`answered-poll`; when the answer was given is not told."""
        if not row.get("answered"):
            return Ignored("poll that was not answered")
        actor, moment = actor_of(people, row.get("registrantKey"), row.get("email")), parse_time(meeting_of(row)["end"])
        return self.polled(row, actor, row["poll"], moment=moment, rule="end-of-session", confidence=0.9)


# --- what the vendor's rows mean ------------------------------------------------------------------------------------------------------


def _id(row: Mapping[str, Any], name: str) -> str:
    """A key as a text. Keys have up to 19 digits: as a decimal number one has lost its last ones and names somebody else."""
    value = row.get(name)
    if isinstance(value, float):
        raise BadRecord(f"{name} came as a decimal number and has lost digits; export keys as whole numbers or texts")
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        raise BadRecord(f"field '{name}' is missing")
    return str(value)


def _row(kind: str, fields: Mapping[str, Any]) -> Record:
    return Record(kind, _key(kind, fields), fields)


def _key(kind: str, row: Mapping[str, Any]) -> str:
    """The vendor's rows have no id of their own, so the key is made of what tells them apart."""
    if kind == "session":
        return str(row.get("occurrence"))
    webinar = meeting_of(row).get("id") if kind == "registrant" else row.get("occurrence")
    names = ("registrantKey", "askerKey", "dateAsked", "question_id", "question", "answeredBy", "answerTime", "poll")
    return name_uuid("row", kind, str(webinar), *(str(row.get(name) or "") for name in names))


def _session(row: Mapping[str, Any]) -> Record:
    """A session of a webinar that has ended."""
    meeting = {
        "id": _id(row, "webinarKey"),
        "topic": row.get("webinarName"),
        "start": row.get("startTime"),
        "end": row.get("endTime"),
    }
    return _row(
        "session", {"occurrence": _id(row, "sessionKey"), "meeting": meeting, "polls": row.get("totalPollCount")}
    )


def _attendee(row: Mapping[str, Any], about: Mapping[str, Any]) -> Record:
    return _row("attendee", {"occurrence": _id(row, "sessionKey") if row.get("sessionKey") else None, **row, **about, "registrantKey": _id(row, "registrantKey")})  # fmt: skip


def _registrant(row: Mapping[str, Any], meeting: Mapping[str, Any]) -> Record:
    """Someone who registered for the webinar, all its sessions."""
    series = {name: meeting[name] for name in ("id", "topic") if meeting.get(name)}
    return _row("registrant", {**row, "registrantKey": _id(row, "registrantKey"), "meeting": series})


def _questions(row: Mapping[str, Any], about: Mapping[str, Any]) -> Iterator[Record]:
    """A question, and each answer that was written to it."""
    asked = {name: row.get(name) for name in ("question", "askedBy", "askerKey", "dateAsked")} | dict(about)
    yield _row("question", asked)
    for answer in row.get("answers") or ():
        yield _row("answer", {**asked, **answer})


def _poll_answer(row: Mapping[str, Any], attendee: Mapping[str, Any]) -> Record:
    """Whether someone answered a question of a poll; only its words tell which it was."""
    names = ("occurrence", "meeting", "registrantKey", "email")
    given = row.get("answers") or ([row["answer"]] if row.get("answer") else [])
    poll = name_uuid("poll", str(attendee.get("occurrence")), str(row.get("question")))
    told = {name: attendee[name] for name in names if name in attendee}
    return _row("poll_answer", {**told, "poll": poll, "answered": bool(given)})


def _listed(body: Any) -> list[Any] | None:
    """The rows of a body: a list, a page of either kind, or one row; None for anything else."""
    if isinstance(body, list):
        return body
    if not isinstance(body, dict):
        return None
    embedded = body.get("_embedded")
    if isinstance(embedded, dict):
        return [row for each in embedded.values() if isinstance(each, list) for row in each]
    if isinstance(body.get("data"), list):
        return list(body["data"])
    return [] if isinstance(body.get("page"), dict) else [body]


def _named(path: str) -> dict[str, str]:
    """The keys that the path of a request names: webinar, session, attendee, and what was asked for."""
    parts = urlsplit(path.rsplit(" ", 1)[-1]).path.strip("/").split("/")
    pairs = dict(pairwise(parts))
    found = {"list": parts[-1], "webinar": pairs.get("webinars", ""), "session": pairs.get("sessions", "")}
    found["registrant"] = pairs.get("attendees", "")
    return {name: value for name, value in found.items() if value and (name == "list" or value.isdecimal())}


def _row_of(row: Any, given: Mapping[str, Any]) -> Iterator[Record]:
    """One row as what it is, by its fields."""
    if not isinstance(row, dict):
        raise BadRecord("no row of GoTo Webinar")
    told = dict(meeting_of(row))
    webinar = told.get("id") or row.get("webinarKey") or given.get("webinar")
    session = row.get("occurrence") or row.get("sessionKey") or given.get("session")
    meeting = {**told, **({"id": str(webinar)} if webinar else {})}
    about = {"occurrence": str(session), "meeting": meeting} if session else {"meeting": meeting}
    if "webinarName" in row and "sessionKey" in row:
        yield _session(row)
    elif "attendance" in row:
        if not session:
            raise BadRecord("the attendee does not say of which session")
        yield _attendee(row, about)
    elif row.get("eventName") == "registrant.joined":
        raise BadRecord("the event tells of joining only; the attendees of the session tell how long")
    elif "registrationDate" in row:
        if not webinar and (found := re.search(r"/(?:join|register)/(\d+)", str(row.get("joinUrl")))):
            meeting["id"] = found[1]
        if not meeting.get("id"):
            raise BadRecord("the registrant does not say of which webinar; give the exchange with its path")
        yield _registrant(row, meeting)
    elif "askerKey" in row or "dateAsked" in row:
        if not session:
            raise BadRecord(
                "the question does not say of which session; add its sessionKey, or give the exchange with its path"
            )
        yield from _questions(row, about)
    elif "question" in row and ("answers" in row or "answer" in row):
        person = row.get("registrantKey") or given.get("registrant")
        if not session or not person:
            raise BadRecord("the poll does not say who answered it in which session; give the exchange with its path")
        yield _poll_answer(
            row, {**about, "registrantKey": str(person), **({"email": row["email"]} if "email" in row else {})}
        )
    else:
        raise BadRecord("no row of GoTo Webinar")


def _joins(row: Record) -> list[Join] | Ignored:
    """Every interval of an attendee as a stay."""
    intervals = row.get("attendance")
    if not isinstance(intervals, list):
        raise BadRecord("field 'attendance' is no list")
    if not intervals:
        return Ignored("registered but absent")
    return [
        Join(
            [row],
            _time(each, "joinTime"),
            _time(each, "leaveTime"),
            emails=(str(row["email"]),) if row.get("email") else (),
            accounts=(str(row["registrantKey"]),) if row.get("registrantKey") else (),
        )
        for each in intervals
    ]


def _time(interval: Any, name: str) -> datetime:
    if not isinstance(interval, Mapping) or not isinstance(interval.get(name), str):
        raise BadRecord(f"{name}: time is missing")
    try:
        return parse_time(interval[name])
    except BadRecord as error:
        raise BadRecord(f"{name}: {error}") from error
