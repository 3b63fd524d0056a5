"""Zoom: webinars, and the meetings that are meant for learning.

API         REST v2: reports (participants, Q&A, polls), past instances, registrants, absentees; next_page_token; a month at a time
Permission  server-to-server OAuth app; scopes report:read:admin, webinar:read:admin, meeting:read:admin, user:read:admin
People      registrant's or account's e-mail, Zoom user id, registrant id; a guest without any of them stays unresolved, never a name match
Attendance  one statement per person and occurrence (by UUID): the union of all joins; waiting rooms and failover copies do not count
Late facts  participants' reports change for a day; look back 3 days, settle 6 hours; a late row voids the statement and makes a new one
Not seen    meetings that are not on the list, recordings, and the chat (only webhooks tell it, which `normalise` takes: messages to everyone); reports
            older than 6 months; registrations for what is still to come
Verified    with payloads of the vendor's reference
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, ClassVar
from urllib.parse import quote, unquote, urlsplit

from connectors.attendance import Join, actor_of
from connectors.chat import PRIVATE
from connectors.http import Answer, Api, RequestRefused
from connectors.oauth import ClientCredentials
from connectors.paging import by_cursor, dig
from connectors.sessions import OCCURRENCE, SETTINGS, Sessions, listed, meeting_of
from connectors.source import Gathered, Record, Setting, Verified, Window, maps
from leerstroom.errors import BadRecord, CredentialsRefused, LeerstroomError, UnexpectedShape
from leerstroom.people import People, Pseudonyms
from leerstroom.statements import Ignored, Outcome, name_uuid, parse_time, utc_text

logger = logging.getLogger(__name__)

_WEBINAR_TYPES = frozenset({5, 6, 9})
_PERSON = {
    "email": "email",
    "user_email": "email",
    "registrant_email": "email",
    "participant_user_id": "account",
    "id": "account",
    "registrant_id": "account",
    "user_id": "account",
}
_JOINED_AS = ("user_email", "registrant_email", "participant_user_id", "id", "registrant_id", "user_id")
_RESTARTS = 2
_PAGE_EXPIRED = "300"
_NO_SCOPE = "4711"  # Zoom says it with 400
# Codes that say: there is no such list here. No webinar plan (200), registration or Q&A not switched on (300), no such
# occurrence or nothing to show of it (3000, 3001, 3003, 404), older than is kept (12702).
_NOTHING_THERE = frozenset({"200", "300", "404", "3000", "3001", "3003", "12702"})
_REPORT_DAYS = 30  # a report shows a month, however long the time that is asked for


class Zoom(Sessions):
    """One Zoom account."""

    name: ClassVar[str] = "zoom"
    title: ClassVar[str] = "Zoom"
    verified: ClassVar[Verified] = Verified.PAYLOADS
    requests_per_minute: ClassVar[float | None] = 540  # reports are "heavy": 10 a second on the smallest plan
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("account_id", "Account id"),
        Setting("client_id", "Client id"),
        Setting("client_secret", "Client secret", secret=True),
        Setting("hosts", "Hosts", many=True, required=False, help="e-mail addresses or ids of hosts; empty: every user of the account"),
        Setting("webinars", "Webinars", default=True, kind="flag", required=False),
        Setting("meetings", "Learning meetings", many=True, required=False, help="meeting ids, topics (with *) or hosts' addresses of meetings that are meant for learning; * for all; empty: none"),
        *SETTINGS,
        Setting("host", "API", default="https://api.zoom.us/v2", kind="url", required=False),
        Setting("oauth_host", "OAuth", default="https://zoom.us", kind="url", required=False),
    )  # fmt: skip
    record_kinds: ClassVar[tuple[str, ...]] = (
        "participant",
        "registrant",
        "absentee",
        "question",
        "answer",
        "poll_answer",
        "message",
        "event",
    )
    keep: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "participant": (*OCCURRENCE, "is_named_by_join", "join_time", "leave_time", "status", "failover", *_JOINED_AS),
        "registrant": (*OCCURRENCE, "create_time", "status", "id", "email"),
        "absentee": (*OCCURRENCE, "id", "email"),
        "question": (*OCCURRENCE, "question_id", "number", "create_time", "user_id", "email"),
        "answer": (*OCCURRENCE, "question_id", "number", "create_time", "user_id", "email"),
        "poll_answer": (*OCCURRENCE, "polling_id", "number", "date_time", "email"),
        "message": (*OCCURRENCE, "message_id", "date_time", "user_id", "email", "private"),
        "event": (*OCCURRENCE, "event"),
    }
    content: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "question": ("question",),
        "answer": ("content",),
        "message": ("message_content",),
    }
    people: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "participant": {name: _PERSON[name] for name in _JOINED_AS},
        "registrant": {"id": "account", "email": "email"},
        "absentee": {"id": "account", "email": "email"},
        "question": {"user_id": "account", "email": "email"},
        "answer": {"user_id": "account", "email": "email"},
        "poll_answer": {"email": "email"},
        "message": {"user_id": "account", "email": "email"},
    }

    @property
    def tenant(self) -> str:
        """The account, whatever address the API is reached by."""
        account = self.connection.get("account_id")
        default = f"https://zoom.us/account/{quote(str(account), safe='')}" if account else "https://zoom.us"
        return str(self.connection.get("tenant") or default).rstrip("/")

    def auth(self) -> Any:
        """Server-to-server OAuth."""
        fields = self.connection
        return ClientCredentials(
            f"{str(fields['oauth_host']).rstrip('/')}/oauth/token",
            str(fields["client_id"]),
            str(fields["client_secret"]),
            connection=fields.name,
            in_query=True,
            grant_type="account_credentials",
            extra={"account_id": str(fields["account_id"])},
            verify=fields.get("verify_tls", True),
        )

    @staticmethod
    def quota(status: int, body: Any) -> bool:
        """Whether a 429 is the daily limit, which all apps of the account share."""
        return status == 429 and isinstance(body, dict) and "daily" in str(body.get("message", "")).lower()

    # --- pull -------------------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """Everything about the occurrences that ended inside the window and have settled, occurrence by occurrence."""
        known: dict[tuple[str, str], _Series] = {}
        for occurrence in self._occurrences(api, self.settled(window, datetime.now(UTC))):
            name = occurrence["kind"], occurrence["id"]
            yield from self._of(api, occurrence, known.setdefault(name, _Series(self, api, *name)))

    def _occurrences(self, api: Api, window: Window) -> Iterator[dict[str, Any]]:
        seen: set[str] = set()
        for found in self._reported(api, window):
            if found["uuid"] not in seen and self._wanted(found) and self._ended_inside(api, found, window):
                seen.add(found["uuid"])
                yield found

    def _reported(self, api: Api, window: Window) -> Iterator[dict[str, Any]]:
        """What hosts' reports show, then the instances they leave out: some of webinars, and meetings with one person."""
        hosts = list(self._hosts(api))
        for host in hosts:
            for days in _months(window):
                path = f"/report/users/{quote(host, safe='')}/meetings"
                for row in self.listed(api, path, "meetings", {**days, "page_size": 300}):
                    yield _occurrence(row, "webinar" if row.get("type") in _WEBINAR_TYPES else "meeting")
        if self.connection.get("webinars", True):
            for host in hosts:
                path = f"/users/{quote(host, safe='')}/webinars"
                for row in self.listed(api, path, "webinars", {"page_size": 300}, optional=True):
                    yield from self._instances(api, {**row, "scheduled": row.get("duration")}, "webinar", window)
        for number in self.connection.get("meetings") or ():
            if str(number).isdecimal():
                yield from self._instances(api, {"id": number}, "meeting", window)

    def _instances(self, api: Api, series: Mapping[str, Any], kind: str, window: Window) -> Iterator[dict[str, Any]]:
        """Every occurrence of a series near the window; its plain id would show the latest one only."""
        answer = self.found(api, f"/past_{kind}s/{_required(series, 'id')}/instances")
        for instance in dig(answer, f"{kind}s") or dig(answer, "meetings") or ():
            start = _moment(instance.get("start_time"))
            if start is None or window.start - timedelta(days=1) <= start < window.end:
                yield _occurrence({**series, **instance, "duration": None}, kind)

    def _hosts(self, api: Api) -> Iterator[str]:
        hosts = self.connection.get("hosts")
        if hosts:
            yield from hosts
            return
        for user in self.listed(api, "/users", "users", {"status": "active", "page_size": 300}):
            yield str(_required(user, "id"))

    def _wanted(self, occurrence: Mapping[str, Any]) -> bool:
        if occurrence["kind"] == "webinar":
            return bool(self.connection.get("webinars", True))
        return listed(self.connection.get("meetings"), occurrence)

    def _ended_inside(self, api: Api, occurrence: dict[str, Any], window: Window) -> bool:
        """Whether it ended inside the window; asks for details where the list leaves the end out. One that still runs has none."""
        if not occurrence["end"]:
            kind, uuid = occurrence["kind"], _escaped(occurrence["uuid"])
            detail = self.found(api, f"/report/{kind}s/{uuid}") or self.found(api, f"/past_meetings/{uuid}") or {}
            for ours, theirs in (("start", "start_time"), ("end", "end_time"), ("topic", "topic"), ("host_email", "user_email"), ("host_id", "host_id")):  # fmt: skip
                occurrence[ours] = detail.get(theirs) or occurrence[ours]
        end = _moment(occurrence["end"])
        return end is not None and window.holds(end)

    def _of(self, api: Api, occurrence: dict[str, Any], series: "_Series") -> Iterator[Record]:
        kind, uuid = occurrence["kind"], _escaped(occurrence["uuid"])
        occurrence["minutes"] = occurrence["minutes"] or series.minutes
        about = _about(occurrence)
        hosts = {str(occurrence[name]).casefold() for name in ("host_email", "host_id") if occurrence.get(name)}
        rows = self._participants(api, kind, uuid)
        emails = {}
        if kind == "webinar" or any(row.get("registrant_id") for row in rows):
            emails = {str(row.get("id")): row.get("email") for row in series.registrants}
        for row in rows:
            told = emails.get(str(row.get("registrant_id") or "")) if not row.get("user_email") else None
            role = _role(row, hosts, series.panel)
            yield _row("participant", {**about, **row, "registrant_email": told, "role": role})
        for row in series.new_registrants():
            yield _row("registrant", {**about, **row, "occurrence": f"{kind} {occurrence['id']}"})
        if kind == "webinar":
            path = f"/past_webinars/{uuid}/absentees"
            for row in self.listed(api, path, "registrants", {"page_size": 300}, optional=True):
                yield _row("absentee", {**about, **row})
        for record in _questions(self.found(api, f"/report/{kind}s/{uuid}/qa"), about):
            record["role"] = _role(record, hosts, series.panel)
            yield record
        yield from _poll_answers(self.found(api, f"/report/{kind}s/{uuid}/polls"), about)

    def _participants(self, api: Api, kind: str, uuid: str) -> list[dict[str, Any]]:
        """The report; where there is none (a single person, a small plan), the past occurrence's own list."""
        query = {"page_size": 300, "include_fields": "registrant_id"}
        rows = self.listed(api, f"/report/{kind}s/{uuid}/participants", "participants", query, optional=True)
        path = f"/past_{kind}s/{uuid}/participants"
        return rows or self.listed(api, path, "participants", {"page_size": 300}, optional=True)

    def found(self, api: Api, path: str) -> Any:
        """The answer, or None where the platform has nothing there."""
        try:
            return api.get(path, missing_ok=True).body
        except RequestRefused as error:
            if error.code in _NOTHING_THERE:
                return None
            raise _explained(error) from error

    def listed(
        self, api: Api, path: str, items: str, query: Mapping[str, Any], *, optional: bool = False
    ) -> list[dict[str, Any]]:
        """A whole list. Its token lives 15 minutes: when it has died, the list is read anew, so nothing is doubled."""
        where = f"connection '{api.connection}' at {path.split('/')[1]}"
        paging = False

        def page(token: str | None) -> tuple[list[dict[str, Any]], str | None]:
            nonlocal paging
            paging = token is not None
            answer: Answer = api.get(path, {**query, "next_page_token": token} if token else query, missing_ok=optional)
            if optional and answer.body is None:
                return [], None
            rows = dig(answer.body, items)
            if not isinstance(rows, list):
                raise UnexpectedShape(
                    f"{where}: the answer holds no list '{items}'; the API has changed or the host is wrong"
                )
            return rows, dig(answer.body, "next_page_token") or None

        for turn in range(_RESTARTS + 1):
            try:
                return [row for rows in by_cursor(page, where=where) for row in rows]
            except RequestRefused as error:
                if not paging:
                    if optional and error.code in _NOTHING_THERE:
                        return []
                    raise _explained(error) from error
                if error.status != 400 or error.code != _PAGE_EXPIRED or turn == _RESTARTS:
                    raise
                logger.info("%s: the page token has expired; the list is read anew", where)
        raise AssertionError  # the last turn returns or raises

    def check(self, api: Api) -> str:
        """Gets a token and asks for one user."""
        try:
            users = dig(api.get("/users", {"page_size": 1}).body, "total_records")
        except RequestRefused as error:
            raise _explained(error) from error
        return f"the token is accepted, {users} users in the account" if users is not None else "the token is accepted"

    # --- payloads ------------------------------------------------------------------------------------------------------------------

    def read(self, payload: Any) -> Iterator[Record]:
        """A page of participants, registrants, absentees, Q&A or polls; a recorded exchange of one; a webhook; or one row.

        Rows of people need their occurrence: `uuid` (or `meeting_uuid`, `webinar_uuid`, `occurrence`) beside them, or the path of the
        exchange; the only page of a list of participants is one of its own, named by the series and start that it tells, else by its first
        moment, which is told as a rule. Pages of one occurrence belong one after the other.
        """
        if not isinstance(payload, dict):
            raise BadRecord("no payload of Zoom")
        if "response" in payload:
            yield from _exchange(payload)
        elif isinstance(payload.get("event"), str) and isinstance(payload.get("payload"), dict):
            told = payload["payload"].get("object")  # none in the one that asks whether the address is ours
            yield _webhook(payload["event"], told if isinstance(told, dict) else {}, payload.get("event_ts"))
        elif any(isinstance(payload.get(name), list) for name in _LISTS):
            yield from _page(payload)
        elif rows := [payload[name] for name in ("meetings", "webinars") if isinstance(payload.get(name), list)]:
            for row in rows[0]:  # of occurrences, each of which has lists of its own
                yield _row("event", {**_given(row, row.get("id")), "event": "listed"})
        else:
            yield _single(payload)

    # --- at the edge ---------------------------------------------------------------------------------------------------------------

    def minimise(self, record: Record, pseudonyms: Pseudonyms) -> Record:
        """The record as it may land. Its key is made of what landed: a hash of an address without a key would give the address away."""
        kept = super().minimise(record, pseudonyms)
        if kept.kind in {"participant", "message"} and record.get("user_id"):
            # Zoom counts these up from the same number in every occurrence: on its own it would make one person of many guests.
            kept["user_id"] = pseudonyms.account(self.tenant, f"{record.get('occurrence')}\x1f{record['user_id']}")
        return Record(kept.kind, _key(kept.kind, kept), kept)

    # --- map ------------------------------------------------------------------------------------------------------------------------

    @maps("participant", together="occurrence")
    def attendance(self, rows: list[Record], people: People) -> Gathered:
        """One `attended` per person of an occurrence, over the union of their intervals."""
        joins: list[Join] = []
        for records, outcome in _joins(rows):
            if isinstance(outcome, Join):
                joins.append(outcome)
            else:
                yield records, outcome
        inferred = {"rule": "first-join-names-occurrence", "confidence": 0.8} if rows[0].get("is_named_by_join") else {}
        yield from self.attended(joins, people, **inferred)

    @maps("registrant")
    def registrant(self, row: Record, people: People) -> Outcome:
        """`registered` for the series, all its occurrences."""
        if row.get("status") not in {None, "approved"}:
            return Ignored("registration that was not approved")
        actor = actor_of(people, row.get("id"), row.get("email"))
        return self.registered(row, actor, parse_time(row["create_time"]))

    @maps("absentee")
    def absentee(self, row: Record, people: People) -> Outcome:
        """Absence is no statement."""
        return Ignored("registered but absent")

    @maps("message", private=True)
    def private_message(self, row: Record, people: People) -> Outcome:
        """What is said to some only is nobody else's business."""
        return Ignored(PRIVATE)

    @maps("message")
    def message(self, row: Record, people: People) -> Outcome:
        """`posted` or `asked`, of a message in the chat to everyone; what it said is gone."""
        actor = actor_of(people, row.get("user_id"), row.get("email"))
        return self.posted(row, actor, row["message_id"], parse_time(row["date_time"]))

    @maps("event")
    def event(self, row: Record, people: People) -> Outcome:
        """Webhooks that tell of the occurrence, not of a person."""
        return Ignored("event or list that tells of nobody's attendance")

    @maps("question")
    def question(self, row: Record, people: People) -> Outcome:
        """`asked`, of a question in the Q&A; what it said is gone."""
        if not row.get("user_id") and not row.get("email"):
            return Ignored("question that was asked anonymously")
        actor = actor_of(people, row.get("user_id"), row.get("email"))
        moment = parse_time(row.get("create_time") or meeting_of(row)["start"])
        return self.asked(row, actor, row.get("question_id") or row.key, moment, _role_of(row))

    @maps("answer")
    def answer(self, row: Record, people: People) -> Outcome:
        """`answered`, of a written answer in the Q&A."""
        if not row.get("question_id"):
            return Ignored("answer to a question that has no id")
        if not row.get("user_id") and not row.get("email"):
            return Ignored("answer that was given anonymously")
        actor = actor_of(people, row.get("user_id"), row.get("email"))
        return self.answered(row, actor, row["question_id"], parse_time(row["create_time"]), _role_of(row))

    @maps("poll_answer")
    def poll_answer(self, row: Record, people: People) -> Outcome:
        """`answered-poll`; the answer itself is not kept."""
        if not row.get("email"):
            return Ignored("poll that was answered anonymously")
        actor, moment = actor_of(people, None, row.get("email")), parse_time(row["date_time"])
        return self.polled(row, actor, row["polling_id"], row["number"], moment=moment)


class _Series:
    """What is asked once of all occurrences under one meeting id: planned minutes, panel, registrants."""

    def __init__(self, source: Zoom, api: Api, kind: str, number: str) -> None:
        self._source, self._api, self._kind, self._number = source, api, kind, number
        self._given = False

    @cached_property
    def minutes(self) -> Any:
        """Planned length; None when the series was deleted."""
        return dig(self._source.found(self._api, f"/{self._kind}s/{self._number}"), "duration")

    @cached_property
    def panel(self) -> set[str]:
        """Addresses and ids of a webinar's panelists, folded."""
        if self._kind == "meeting":
            return set()
        answer = self._source.found(self._api, f"/webinars/{self._number}/panelists")
        panel = dig(answer, "panelists") or ()
        return {str(each[name]).casefold() for each in panel for name in ("email", "id") if each.get(name)}

    @cached_property
    def registrants(self) -> list[dict[str, Any]]:
        """Everyone whose registration was approved."""
        query = {"page_size": 300, "status": "approved"}
        path = f"/{self._kind}s/{self._number}/registrants"
        return self._source.listed(self._api, path, "registrants", query, optional=True)

    def new_registrants(self) -> list[dict[str, Any]]:
        """The registrants, the first time; none where nobody asked for them."""
        if self._given or "registrants" not in vars(self):
            return []
        self._given = True
        return self.registrants


# --- what the vendor's rows mean ------------------------------------------------------------------------------------------------------


def _explained(error: RequestRefused) -> LeerstroomError:
    if error.code == _NO_SCOPE:
        return CredentialsRefused(f"{error}: the app lacks a scope; add the scopes of leerstroom sources zoom to it")
    return error


def _escaped(uuid: str) -> str:
    """A UUID as a path segment: encoded twice when it begins with / or holds //, as the vendor asks."""
    once = quote(str(uuid), safe="")
    return quote(once, safe="") if str(uuid).startswith("/") or "//" in str(uuid) else once


def _required(row: Mapping[str, Any], name: str) -> Any:
    try:
        return row[name]
    except (KeyError, TypeError):
        raise UnexpectedShape(f"Zoom gives a row without '{name}'; the API has changed or the host is wrong") from None


def _moment(text: Any) -> datetime | None:
    try:
        return parse_time(text) if text else None
    except (BadRecord, AttributeError):
        return None


def _months(window: Window) -> Iterator[dict[str, str]]:
    """`from` and `to` of reports over the window, and a day before it for what ends after midnight."""
    first, last = (window.start - timedelta(days=1)).date(), window.end.date()
    while first <= last:
        until = min(first + timedelta(days=_REPORT_DAYS - 1), last)
        yield {"from": first.isoformat(), "to": until.isoformat()}
        first = until + timedelta(days=1)


def _occurrence(row: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {
        "uuid": str(_required(row, "uuid")),
        "id": str(row.get("id", "")),
        "topic": row.get("topic"),
        "kind": kind,
        "start": row.get("start_time"),
        "end": row.get("end_time"),
        "minutes": row.get("scheduled"),  # `duration` of a report is how long it took, not what was planned
        "host_email": row.get("user_email") or row.get("host_email"),
        "host_id": row.get("host_id"),
    }


def _about(occurrence: Mapping[str, Any]) -> dict[str, Any]:
    names = ("id", "topic", "kind", "start", "end", "minutes")
    return {
        "occurrence": occurrence["uuid"],
        "meeting": {name: occurrence.get(name) for name in names if occurrence.get(name) is not None},
    }


def _role(row: Mapping[str, Any], hosts: set[str], panel: set[str]) -> str:
    names = ("user_email", "email", "id", "participant_user_id", "user_id")
    told = {str(row[name]).casefold() for name in names if row.get(name)}
    if told & hosts:
        return "host"
    return "presenter" if told & panel else "participant"


def _role_of(row: Mapping[str, Any]) -> str:
    """The role that the pull found out; a payload on its own tells none."""
    return str(row["role"]) if row.get("role") in {"host", "presenter", "participant"} else ""


# --- payloads into rows -----------------------------------------------------------------------------------------------------------------

_LISTS = ("participants", "registrants", "questions")
_UUIDS = ("uuid", "meeting_uuid", "webinar_uuid", "occurrence")
_KIND_OF_LIST = {"participants": "participant", "registrants": "registrant", "absentees": "absentee"}


def _row(kind: str, fields: Mapping[str, Any]) -> Record:
    return Record(kind, _key(kind, fields), fields)


def _key(kind: str, fields: Mapping[str, Any]) -> str:
    """The vendor's rows have no id, so the key is made of what tells them apart."""
    names = ("occurrence", *_PERSON, "join_time", "leave_time", "question_id", "polling_id", "number", "date_time", "create_time", "event")  # fmt: skip
    names += ("message_id",) if kind == "message" else ()  # what came later must not change the keys of others
    return name_uuid("row", kind, *(str(fields.get(name) or "") for name in names))


def _questions(body: Any, about: Mapping[str, Any]) -> Iterator[Record]:
    """Questions of the Q&A, each with the answers that were written to it."""
    for asker, number, detail in _details(body):
        if "polling_id" in detail:
            continue
        question_id = detail.get("question_id")
        person = {"user_id": asker.get("user_id"), "email": asker.get("email")}
        yield _row("question", {**about, "number": None if question_id else number, **detail, **person})
        for each, answer in enumerate(detail.get("answer_details") or (), 1):
            yield _row("answer", {**about, "question_id": question_id, "number": each, **answer})


def _poll_answers(body: Any, about: Mapping[str, Any]) -> Iterator[Record]:
    for person, _, detail in _details(body):
        if "polling_id" in detail:
            # A poll asks several questions under one id, and who skips one has fewer answers: only its words tell which it was.
            number = name_uuid("poll question", str(detail["polling_id"]), str(detail.get("question")))[:8]
            yield _row("poll_answer", {**about, **detail, "number": number, "email": person.get("email")})


def _details(body: Any) -> Iterator[tuple[Mapping[str, Any], int, Mapping[str, Any]]]:
    for person in dig(body, "questions") or ():
        for number, detail in enumerate(person.get("question_details") or (), 1):
            yield person, number, detail


def _given(payload: Mapping[str, Any], meeting_id: Any) -> dict[str, Any]:
    """Occurrence and meeting as a payload tells them, on its top level or in an object `meeting` or `webinar`."""
    nested: Mapping[str, Any] = next(
        (payload[name] for name in ("meeting", "webinar") if isinstance(payload.get(name), dict)), {}
    )
    told = {**payload, **nested}
    uuid = next((told[name] for name in _UUIDS if told.get(name)), None)
    number = nested.get("id") or meeting_id
    kind = told.get("kind")
    if kind not in {"webinar", "meeting"}:
        kind = "webinar" if told.get("webinar_uuid") or told.get("webinar_id") else "meeting" if told.get("meeting_uuid") else None  # fmt: skip
    meeting = {
        "id": str(number) if number else None,
        "topic": told.get("topic"),
        "kind": kind,
        "start": told.get("start_time") or told.get("start"),
        "end": told.get("end_time") or told.get("end"),
        "minutes": nested.get("minutes"),
    }
    about: dict[str, Any] = {"meeting": {name: value for name, value in meeting.items() if value is not None}}
    return {"occurrence": str(uuid), **about} if uuid else about


def _page(payload: Mapping[str, Any]) -> Iterator[Record]:
    about = _given(payload, payload.get("meeting_id") or payload.get("webinar_id") or payload.get("id"))
    listed = payload.get("list")
    for name in _LISTS:
        if not isinstance(payload.get(name), list):
            continue
        kind = _KIND_OF_LIST.get(str(listed) if name == "registrants" and listed else name, "")
        mine = about
        if kind == "registrant" and about["meeting"].get("id"):  # they register for the series
            mine = {**about, "occurrence": f"{about['meeting'].get('kind') or 'webinar'} {about['meeting']['id']}"}
        if not payload[name]:
            continue
        if "occurrence" not in mine and name == "participants" and _is_whole(payload):
            mine = {**mine, **_unnamed(about["meeting"], payload[name])}
        if "occurrence" not in mine:
            raise BadRecord(
                "the page does not say which occurrence it is of; add its uuid, or give the exchange with its path"
            )
        if name == "questions":
            yield from _questions(payload, mine)
            yield from _poll_answers(payload, mine)
        else:
            for row in payload[name]:
                yield _row(kind, {**mine, **row})


def _is_whole(page: Mapping[str, Any]) -> bool:
    """Whether a page of participants is all there is: none of its people can be on another one under another occurrence."""
    total = page.get("total_records")
    return isinstance(total, int) and total <= len(page["participants"]) if total else not page.get("next_page_token")


def _unnamed(meeting: Mapping[str, Any], rows: Iterable[Any]) -> dict[str, Any]:
    """A name for an occurrence that a page does not name: its series and its start, which no late row moves.

    Where it tells neither, the first moment of who came: the same each time the page is read, yet an earlier row that comes late gives
    another, so what is stated of it names that rule.
    """
    number, start = meeting.get("id"), _moment(meeting.get("start"))
    if number and start:
        return {"occurrence": f"{number} began {utc_text(start)}"}
    told = sorted(str(row["join_time"]) for row in rows if isinstance(row, dict) and row.get("join_time"))
    first = " ".join((*((str(number),) if number else ()), "began", told[0] if told else "at no time"))
    return {"occurrence": first, "is_named_by_join": True}


def _exchange(payload: Mapping[str, Any]) -> Iterator[Record]:
    request, response = payload.get("request"), payload["response"]
    path = request if isinstance(request, str) else dig(request, "path") or dig(request, "url") or payload.get("path")
    body = response.get("body", response) if isinstance(response, dict) else None
    status = response.get("status") if isinstance(response, dict) else None
    if not isinstance(body, dict) or (isinstance(status, int) and status >= 400):
        raise BadRecord("the exchange has no answer")
    parts = urlsplit(str(path or "").rsplit(" ", 1)[-1]).path.strip("/").split("/")
    known = {"webinars", "meetings", "past_webinars", "past_meetings"}
    at = next((number for number, part in enumerate(parts[:-1]) if part in known), None)
    if at is not None:
        name = unquote(unquote(parts[at + 1]))
        kind = "webinar" if "webinar" in parts[at] else "meeting"
        # A number is the series; which occurrence the answer was about depends on the day it was asked.
        body = {"id" if name.isdecimal() else "uuid": name, "kind": kind, "list": parts[-1], **body}
    if not any(isinstance(body.get(name), list) for name in _LISTS):
        raise BadRecord("the answer is no list of participants, registrants, absentees, questions or polls")
    yield from _page(body)


def _webhook(event: str, told: Mapping[str, Any], at: Any) -> Record:
    """The one thing that an event tells; `at` is when, in epoch milliseconds, for what has no time of its own."""
    about = _given({**told, "kind": event.split(".")[0]}, told.get("id"))
    person = told.get("participant")
    if event.endswith((".participant_joined", ".participant_left")) and isinstance(person, dict):
        if "occurrence" not in about:
            raise BadRecord("the event does not say which occurrence it is of")
        leads = _role(person, {str(told["host_id"]).casefold()}, set()) == "host" if told.get("host_id") else False
        role = {"role": "host"} if leads else {}
        return _row("participant", {**about, **person, **role, "user_email": person.get("email"), "status": "event"})
    registrant = told.get("registrant")
    if isinstance(registrant, dict):
        status = "approved" if event.endswith((".registration_created", ".registration_approved")) else "not approved"
        series = f"{about['meeting'].get('kind')} {about['meeting'].get('id')}"
        registrant = {"create_time": at, **registrant}
        return _row("registrant", {**about, **registrant, "status": registrant.get("status", status) if status == "approved" else status, "occurrence": series})  # fmt: skip
    message = told.get("chat_message")
    if isinstance(message, dict):
        if "occurrence" not in about:
            raise BadRecord("the event does not say which occurrence it is of")
        private = message.get("recipient_type") != "everyone"
        said = {"message_content": message.get("message_content")} if not private else {"private": True}
        named = {name: message.get(f"sender_{name}") for name in ("session_id", "email")}
        return _row("message", {**about, "message_id": message.get("message_id"), "date_time": message.get("date_time"), "user_id": named["session_id"], "email": named["email"], **said})  # fmt: skip
    return _row("event", {**about, "event": event})


def _single(payload: Mapping[str, Any]) -> Record:
    about = {**payload, **_given(payload, payload.get("meeting_id") or payload.get("webinar_id"))}
    if "polling_id" in payload:
        kind = "poll_answer"
        about.setdefault("number", "1")
    elif "question_id" in payload or "question" in payload:
        kind = "question" if "question" in payload else "answer"
    elif "join_time" in payload or "leave_time" in payload:
        kind = "participant"
    elif "create_time" in payload and "email" in payload:
        kind = "registrant"
    else:
        raise BadRecord("no row of a list of Zoom")
    if "occurrence" not in about:
        raise BadRecord("the row does not say which occurrence it is of; add its uuid")
    return _row(kind, about)


# --- rows into stays --------------------------------------------------------------------------------------------------------------------


def _joins(rows: Iterable[Record]) -> Iterator[tuple[list[Record], Join | Ignored | BadRecord]]:
    """Each row as a stay, as ignored or as bad; events of joining and leaving are paired by the occurrence's own user id."""
    waiting: dict[str, list[tuple[Record, datetime]]] = {}
    for row in sorted(rows, key=_event_time):
        guest = str(row.get("user_id"))
        try:
            if row.get("status") == "in_waiting_room":
                yield [row], Ignored("only in the waiting room")
            elif row.get("status") != "event":
                yield [row], _join([row], _time(row, "join_time"), _time(row, "leave_time"))
            elif not row.get("leave_time"):
                waiting.setdefault(guest, []).append((row, _time(row, "join_time")))
            elif waiting.get(guest):
                joined, start = waiting[guest].pop(0)
                yield [joined, row], _join([joined, row], start, _time(row, "leave_time"))
            elif row.get("join_time"):  # an event of leaving may tell the whole stay
                yield [row], _join([row], _time(row, "join_time"), _time(row, "leave_time"))
            else:
                yield [row], BadRecord("somebody left who had not joined")
        except BadRecord as error:
            yield [row], error
    for joined, _ in (each for several in waiting.values() for each in several):
        yield [joined], BadRecord("somebody joined, but no leaving is known")


def _join(records: list[Record], start: datetime, end: datetime) -> Join:
    row = records[0]
    email = row.get("user_email") or row.get("registrant_email")
    accounts = (row.get(name) for name in ("participant_user_id", "id"))
    return Join(
        records,
        start,
        end,
        emails=(str(email),) if email else (),
        accounts=tuple(dict.fromkeys(str(account) for account in accounts if account)),
        invitation=str(row.get("registrant_id") or ""),
        guest=str(row.get("user_id") or ""),
        is_copy=row.get("failover") is True,
    )


def _event_time(row: Mapping[str, Any]) -> str:
    """Sorts events by time, and leaves other rows in their order, behind them."""
    return str(row.get("leave_time") or row.get("join_time")) if row.get("status") == "event" else "~"


def _time(row: Mapping[str, Any], name: str) -> datetime:
    try:
        return parse_time(row[name])
    except BadRecord as error:
        raise BadRecord(f"{name}: {error}") from error
    except KeyError:
        raise BadRecord(f"{name}: time is missing") from None
    except (AttributeError, TypeError, ValueError, OverflowError):
        raise BadRecord(f"{name}: time is not in ISO 8601") from None
