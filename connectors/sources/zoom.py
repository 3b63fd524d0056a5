"""Zoom: webinars, and the meetings that are meant for learning.

API         REST v2: reports (participants, Q&A, polls), past instances, registrants, absentees; next_page_token
Permission  server-to-server OAuth app; scopes report:read:admin, webinar:read:admin, meeting:read:admin, user:read:admin
People      registrant's or account's e-mail, Zoom user id, registrant id; a guest without any of them stays unresolved, never a name match
Attendance  one statement per person and occurrence (by UUID): the union of all joins; waiting rooms and failover copies do not count
Late facts  participants' reports change for a day; look back 3 days, settle 6 hours; a late row voids the statement and makes a new one
Not seen    meetings that are not on the list, chat and recordings; reports older than 6 months; times in breakout rooms of other meetings
Verified    with payloads of the vendor's reference
"""

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from typing import Any, ClassVar
from urllib.parse import quote

import requests

from connectors.http import Answer, Api, RequestRefused
from connectors.paging import by_cursor, dig
from connectors.source import Gathered, Kind, Record, Setting, Source, Verified, Window, maps
from leerstroom.errors import BadRecord, CredentialsRefused, LeerstroomError, UnexpectedShape
from leerstroom.people import ExcludedAccount, People
from leerstroom.statements import (
    Ignored,
    Outcome,
    activity,
    duration,
    name_uuid,
    parse_time,
    statement,
    types,
    utc_text,
    verbs,
)
from leerstroom.statements.intervals import union_seconds

logger = logging.getLogger(__name__)

_WEBINAR_TYPES = frozenset({5, 6, 9})
_IDENTITIES = ("user_email", "participant_user_id", "id", "registrant_id")
_PERSON = {
    "email": "email",
    "user_email": "email",
    "participant_user_id": "account",
    "id": "account",
    "registrant_id": "account",
    "user_id": "account",
}
_OCCURRENCE = (
    "occurrence",
    "meeting.id",
    "meeting.topic",
    "meeting.kind",
    "meeting.start",
    "meeting.end",
    "meeting.minutes",
    "role",
)
_RESTARTS = 2


class Zoom(Source):
    """One Zoom account."""

    name: ClassVar[str] = "zoom"
    title: ClassVar[str] = "Zoom"
    kind: ClassVar[Kind] = Kind.WEBINAR
    verified: ClassVar[Verified] = Verified.PAYLOADS
    look_back: ClassVar[timedelta] = timedelta(days=3)
    settle: ClassVar[timedelta] = timedelta(hours=6)
    requests_per_minute: ClassVar[float | None] = 540  # reports are "heavy": 10 a second on the smallest plan
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("account_id", "Account id"),
        Setting("client_id", "Client id"),
        Setting("client_secret", "Client secret", secret=True),
        Setting("hosts", "Hosts", many=True, required=False, help="e-mail addresses or ids of hosts; empty: every user of the account"),
        Setting("webinars", "Webinars", default=True, kind="flag", required=False),
        Setting("meetings", "Learning meetings", many=True, required=False, help="meeting ids or topics (with *) that are meant for learning; empty: none"),
        Setting("assigned", "Assigned", many=True, required=False, help="ids or topics (with *) that people are sent to; others count as their own choice"),
        Setting("host", "API", default="https://api.zoom.us/v2", kind="url", required=False),
        Setting("oauth_host", "OAuth", default="https://zoom.us", kind="url", required=False),
    )  # fmt: skip
    record_kinds: ClassVar[tuple[str, ...]] = ("participant", "registrant", "absentee", "question", "poll_answer")
    keep: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "participant": (*_OCCURRENCE, "join_time", "leave_time", "status", "failover", *_IDENTITIES, "user_id"),
        "registrant": (*_OCCURRENCE, "create_time", "status", "id", "email"),
        "absentee": (*_OCCURRENCE, "id", "email"),
        "question": (*_OCCURRENCE, "question_id", "create_time", "user_id", "email"),
        "poll_answer": (*_OCCURRENCE, "polling_id", "number", "date_time", "email"),
    }
    content: ClassVar[Mapping[str, tuple[str, ...]]] = {"question": ("question",)}
    people: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "participant": {name: _PERSON[name] for name in (*_IDENTITIES, "user_id")},
        "registrant": {"id": "account", "email": "email"},
        "absentee": {"id": "account", "email": "email"},
        "question": {"user_id": "account", "email": "email"},
        "poll_answer": {"email": "email"},
    }

    @property
    def tenant(self) -> str:
        """The account, whatever address the API is reached by."""
        account = self.connection.get("account_id")
        return f"https://zoom.us/account/{account}" if account else "https://zoom.us"

    def auth(self) -> Any:
        """Server-to-server OAuth."""
        return ServerToServer(self.connection)

    @staticmethod
    def quota(status: int, body: Any) -> bool:
        """Whether a 429 is the daily limit, which all apps of the account share."""
        return status == 429 and isinstance(body, dict) and "daily" in str(body.get("message", "")).lower()

    # --- pull -------------------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """Everything about the occurrences that ended inside the window and have settled, occurrence by occurrence."""
        settled = (
            Window(window.start, max(window.start, window.end - self.settle))
            if window.end > _now() - self.settle
            else window
        )
        registered: set[str] = set()
        for occurrence in self._occurrences(api, settled):
            yield from self._of(api, occurrence, registered)

    def _occurrences(self, api: Api, window: Window) -> Iterator[dict[str, Any]]:
        seen: set[str] = set()
        for host in self._hosts(api):
            days = {
                "from": f"{window.start - timedelta(days=1):%Y-%m-%d}",
                "to": f"{window.end:%Y-%m-%d}",
                "page_size": 300,
            }
            for row in self._list(api, f"/report/users/{quote(host, safe='')}/meetings", "meetings", days):
                kind = "webinar" if row.get("type") in _WEBINAR_TYPES else "meeting"
                found = _occurrence(row, kind)
                if found["uuid"] not in seen and self._wanted(found) and _ended_inside(found, window):
                    seen.add(found["uuid"])
                    yield found
            if self.connection.get("webinars", True):
                yield from self._instances(api, host, window, seen)

    def _instances(self, api: Api, host: str, window: Window, seen: set[str]) -> Iterator[dict[str, Any]]:
        """Occurrences of webinars that the report leaves out; the plain id would show the latest one only."""
        for webinar in self._list(
            api, f"/users/{quote(host, safe='')}/webinars", "webinars", {"page_size": 300}, optional=True
        ):
            answer = api.get(f"/past_webinars/{webinar['id']}/instances", missing_ok=True).body
            for instance in dig(answer, "webinars") or dig(answer, "meetings") or ():
                if instance["uuid"] in seen:
                    continue
                detail = api.get(f"/report/webinars/{_escaped(instance['uuid'])}", missing_ok=True).body or {}
                found = _occurrence({**webinar, "scheduled": webinar.get("duration"), **detail, **instance}, "webinar")
                if _ended_inside(found, window):
                    seen.add(found["uuid"])
                    yield found

    def _hosts(self, api: Api) -> Iterator[str]:
        hosts = self.connection.get("hosts")
        if hosts:
            yield from hosts
            return
        for user in self._list(api, "/users", "users", {"status": "active", "page_size": 300}):
            yield str(user["id"])

    def _wanted(self, occurrence: Mapping[str, Any]) -> bool:
        if occurrence["kind"] == "webinar":
            return bool(self.connection.get("webinars", True))
        return _listed(self.connection.get("meetings") or (), occurrence)

    def _of(self, api: Api, occurrence: dict[str, Any], registered: set[str]) -> Iterator[Record]:
        kind, uuid, number = occurrence["kind"], _escaped(occurrence["uuid"]), occurrence["id"]
        if kind == "webinar" and not occurrence["minutes"]:
            occurrence["minutes"] = dig(api.get(f"/webinars/{number}", missing_ok=True).body, "duration")
        about = _about(occurrence)
        hosts = {str(occurrence[name]).casefold() for name in ("host_email", "host_id") if occurrence.get(name)}
        panel = self._panelists(api, occurrence) if kind == "webinar" else set()
        query = {"page_size": 300, "include_fields": "registrant_id"}
        rows = self._list(api, f"/report/{kind}s/{uuid}/participants", "participants", query, optional=True)
        if not rows:
            rows = self._list(
                api, f"/past_{kind}s/{uuid}/participants", "participants", {"page_size": 300}, optional=True
            )
        for row in rows:
            yield _row("participant", {**about, **row, "role": _role(row, hosts, panel)})
        if kind == "webinar":
            if number not in registered:
                registered.add(number)
                for row in self._list(
                    api,
                    f"/webinars/{number}/registrants",
                    "registrants",
                    {"page_size": 300, "status": "approved"},
                    optional=True,
                ):
                    yield _row("registrant", {**about, **row, "occurrence": f"webinar {number}"})
            for row in self._list(
                api, f"/past_webinars/{uuid}/absentees", "registrants", {"page_size": 300}, optional=True
            ):
                yield _row("absentee", {**about, **row})
        yield from _questions(api.get(f"/report/{kind}s/{uuid}/qa", missing_ok=True).body, about)
        yield from _poll_answers(api.get(f"/report/{kind}s/{uuid}/polls", missing_ok=True).body, about)

    def _panelists(self, api: Api, occurrence: Mapping[str, Any]) -> set[str]:
        answer = api.get(f"/webinars/{occurrence['id']}/panelists", missing_ok=True).body
        return {str(each["email"]).casefold() for each in dig(answer, "panelists") or () if each.get("email")}

    def _list(
        self, api: Api, path: str, items: str, query: Mapping[str, Any], *, optional: bool = False
    ) -> list[dict[str, Any]]:
        """A whole list. Its token lives 15 minutes: when it has died, the list is read anew, so nothing is doubled."""
        where = f"connection '{api.connection}' at {path.split('/')[1]}"

        def page(token: str | None) -> tuple[list[dict[str, Any]], str | None]:
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
                if optional and error.code in {"3001", "200", "404"}:
                    return []
                if error.status != 400 or error.code != "300" or turn == _RESTARTS:
                    raise
                logger.info("%s: the page token has expired; the list is read anew", where)
        raise AssertionError  # the last turn returns or raises

    def check(self, api: Api) -> str:
        """Gets a token and asks for one user."""
        users = dig(api.get("/users", {"page_size": 1}).body, "total_records")
        return f"the token is accepted, {users} users in the account" if users is not None else "the token is accepted"

    def read(self, payload: Any) -> Iterator[Record]:
        """A page of participants, registrants, absentees, Q&A or polls, a recorded exchange of one, or one record of ours."""
        if not isinstance(payload, dict):
            raise BadRecord("no payload of Zoom")
        if isinstance(payload.get("response"), dict):
            yield from self._exchange(payload)
            return
        about = _given(payload)
        lists = [name for name in ("participants", "registrants", "questions") if isinstance(payload.get(name), list)]
        if not lists:
            yield _single(payload)
            return
        for name in lists:
            if "occurrence" not in about and name != "registrants":
                raise BadRecord(
                    "the page does not say which occurrence it is of; add its uuid, or give the exchange with its path"
                )
            if name == "questions":
                yield from _questions(payload, about)
                yield from _poll_answers(payload, about)
            else:
                kind = "participant" if name == "participants" else "registrant"
                for row in payload[name]:
                    yield _row(
                        kind,
                        {"occurrence": f"webinar {about['meeting'].get('id')}", **about, **row}
                        if kind == "registrant"
                        else {**about, **row},
                    )

    def _exchange(self, payload: Mapping[str, Any]) -> Iterator[Record]:
        body = payload["response"].get("body", payload["response"])
        path = str(dig(payload, "request.path") or "").split("?")[0].strip("/").split("/")
        if not isinstance(body, dict):
            raise BadRecord("the exchange has no answer")
        if len(path) >= 3 and path[-3] in {"webinars", "meetings", "past_webinars", "past_meetings"}:
            from urllib.parse import unquote

            body = {
                "uuid": unquote(unquote(path[-2])),
                "kind": "webinar" if "webinar" in path[-3] else "meeting",
                **body,
            }
        yield from self.read(body)

    # --- map ------------------------------------------------------------------------------------------------------------------------

    @maps("participant", together="occurrence")
    def attendance(self, rows: list[Record], people: People) -> Gathered:
        """One `attended` per person of an occurrence, over the union of their intervals."""
        good: list[tuple[Record, tuple[datetime, datetime]]] = []
        for row in rows:
            try:
                if row.get("status") == "in_waiting_room":
                    yield [row], Ignored("only in the waiting room")
                elif row.get("failover") is True:
                    yield [row], Ignored("failover copy of another row")
                else:
                    good.append((row, _interval(row)))
            except BadRecord as error:
                yield [row], error
        for mine in _persons(good):
            members = [row for row, _ in mine]
            try:
                yield members, self._attended(members, [interval for _, interval in mine], people)
            except ExcludedAccount:
                yield members, Ignored("account on the exclusion list")
            except BadRecord as error:
                yield members, error

    def _attended(self, rows: list[Record], intervals: list[tuple[datetime, datetime]], people: People) -> Outcome:
        first = min(rows, key=lambda row: (row["join_time"], row.key))
        account = next(
            (
                row[name]
                for name in ("participant_user_id", "id", "registrant_id", "user_id")
                for row in rows
                if row.get(name)
            ),
            None,
        )
        email = next((row["user_email"] for row in rows if row.get("user_email")), None)
        seconds, last = union_seconds(intervals), max(end for _, end in intervals)
        roles = {row.get("role") for row in rows}
        meeting = _meeting(first)
        return statement(
            actor=people.actor(account, email=email),
            verb=verbs.ATTENDED,
            object=self._occurrence(first),
            result={"duration": duration(seconds)},
            grouping=self._series(first),
            timestamp=last,
            registration=name_uuid("occurrence", self.tenant, str(first["occurrence"])),
            extensions={
                "scheduled-minutes": meeting.get("minutes"),
                "initiator": "assigned" if _listed(self.connection.get("assigned") or (), meeting) else "self",
                "actor-role": "host" if "host" in roles else "presenter" if "presenter" in roles else "participant",
            },
            key=f"{first['occurrence']}/{email or account}",
            revision=f"{duration(seconds)} {utc_text(last)}",
        )

    @maps("registrant")
    def registrant(self, row: Record, people: People) -> Outcome:
        """`registered` for the webinar, all its occurrences."""
        if row.get("status") not in {None, "approved"}:
            return Ignored("registration that was not approved")
        return statement(
            actor=people.actor(row.get("id"), email=row.get("email")),
            verb=verbs.REGISTERED,
            object=self._series(row),
            timestamp=parse_time(row["create_time"]),
            extensions={
                "initiator": "assigned" if _listed(self.connection.get("assigned") or (), _meeting(row)) else "self"
            },
        )

    @maps("absentee")
    def absentee(self, row: Record, people: People) -> Outcome:
        """Absence is no statement."""
        return Ignored("registered but absent")

    @maps("question")
    def question(self, row: Record, people: People) -> Outcome:
        """`asked`, of a question in the Q&A; what it said is gone."""
        features = row["features"]
        return statement(
            actor=people.actor(row.get("user_id"), email=row.get("email")),
            verb=verbs.ASKED,
            object=activity(f"{self._iri(row)}/questions/{quote(str(row['question_id']), safe='')}", types.QUESTION),
            parent=self._occurrence(row),
            grouping=self._series(row),
            timestamp=parse_time(row.get("create_time") or _meeting(row)["start"]),
            registration=name_uuid("occurrence", self.tenant, str(row["occurrence"])),
            extensions={
                "text-length": features.get("length"),
                "text-language": features.get("language"),
                "is-question": True,
            },
        )

    @maps("poll_answer")
    def poll_answer(self, row: Record, people: People) -> Outcome:
        """`answered-poll`; the answer itself is not kept."""
        return statement(
            actor=people.actor(None, email=row.get("email")),
            verb=verbs.ANSWERED_POLL,
            object=activity(
                f"{self._iri(row)}/polls/{quote(str(row['polling_id']), safe='')}/{row['number']}",
                types["cmi.interaction"],
            ),
            parent=self._occurrence(row),
            grouping=self._series(row),
            timestamp=parse_time(row["date_time"]),
            registration=name_uuid("occurrence", self.tenant, str(row["occurrence"])),
        )

    def _iri(self, row: Mapping[str, Any]) -> str:
        return f"{self.tenant}/occurrences/{quote(str(row['occurrence']), safe='')}"

    def _occurrence(self, row: Mapping[str, Any]) -> dict[str, Any]:
        meeting = _meeting(row)
        kind = types.MEETING if meeting.get("kind") == "meeting" else types.VIRTUAL_CLASSROOM
        return activity(self._iri(row), kind, name=meeting.get("topic"))

    def _series(self, row: Mapping[str, Any]) -> dict[str, Any]:
        meeting = _meeting(row)
        kind = types.MEETING if meeting.get("kind") == "meeting" else types.WEBINAR
        return activity(
            f"{self.tenant}/{meeting.get('kind') or 'webinar'}s/{meeting.get('id') or quote(str(row['occurrence']), safe='')}",
            kind,
            name=meeting.get("topic"),
        )


class ServerToServer(requests.auth.AuthBase):
    """Bearer token of a server-to-server OAuth app; fetched when needed, renewed before its hour is over and once after a 401."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._token, self._until = "", 0.0

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Adds the header, and a second try with a fresh token when the platform refuses a token that was good before."""
        fresh = self._ensure()
        request.headers["Authorization"] = f"Bearer {self._token}"
        if not fresh:
            request.register_hook("response", self._renewed)  # type: ignore[no-untyped-call]
        return request

    def _renewed(self, response: requests.Response, **arguments: Any) -> requests.Response:
        if response.status_code != 401:
            return response
        response.content  # noqa: B018 - read it, so that the connection can be used again
        again = response.request.copy()
        self._until = 0.0
        self._ensure()
        again.headers["Authorization"] = f"Bearer {self._token}"
        return response.connection.send(again, **arguments)

    def _ensure(self) -> bool:
        with self._lock:
            if time.monotonic() < self._until:
                return False
            fields = self._connection
            basic = (str(fields["client_id"]), str(fields["client_secret"]))
            with Api(
                str(fields["oauth_host"]),
                connection=fields.name,
                auth=basic,
                verify=fields.get("verify_tls", True),
                tries=1,
            ) as api:
                try:
                    body = api.post(
                        "/oauth/token", params={"grant_type": "account_credentials", "account_id": fields["account_id"]}
                    ).body
                except RequestRefused as error:
                    raise CredentialsRefused(
                        f"connection '{fields.name}': Zoom refuses the app's credentials ({error.status} {error.code}); check account id, client id and secret"
                    ) from error
            if not isinstance(body, dict) or not body.get("access_token"):
                raise UnexpectedShape(f"connection '{fields.name}': the answer to the token request holds no token")
            self._token = str(body["access_token"])
            self._until = time.monotonic() + max(0.0, float(body.get("expires_in", 3600)) - 120)
            return True


# --- what the vendor's rows mean ------------------------------------------------------------------------------------------------------


def _now() -> datetime:
    return datetime.now(UTC)


def _escaped(uuid: str) -> str:
    """A UUID as a path segment: encoded twice when it begins with / or holds //, as the vendor asks."""
    once = quote(str(uuid), safe="")
    return quote(once, safe="") if str(uuid).startswith("/") or "//" in str(uuid) else once


def _occurrence(row: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {
        "uuid": str(row["uuid"]),
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


def _given(payload: Mapping[str, Any]) -> dict[str, Any]:
    uuid = (
        payload.get("uuid") or payload.get("meeting_uuid") or payload.get("webinar_uuid") or payload.get("occurrence")
    )
    meeting = {
        "id": str(payload["id"]) if payload.get("id") else None,
        "topic": payload.get("topic"),
        "kind": payload.get("kind") or ("webinar" if payload.get("webinar_uuid") else None),
        "start": payload.get("start_time"),
        "end": payload.get("end_time"),
    }
    about: dict[str, Any] = {"meeting": {name: value for name, value in meeting.items() if value is not None}}
    if isinstance(payload.get("meeting"), dict):
        about["meeting"].update(payload["meeting"])
    return {"occurrence": str(uuid), **about} if uuid else about


def _single(payload: Mapping[str, Any]) -> Record:
    about = {**payload, **_given(payload)}
    if "join_time" in payload:
        if "occurrence" not in about:
            raise BadRecord("the row does not say which occurrence it is of; add its uuid")
        return _row("participant", about)
    if "polling_id" in payload:
        return _row("poll_answer", about)
    if "question_id" in payload:
        return _row("question", about)
    if "create_time" in payload and "email" in payload:
        return _row("registrant", {"occurrence": "webinar", **about})
    raise BadRecord("no row of a list of Zoom")


def _row(kind: str, fields: Mapping[str, Any]) -> Record:
    """A record; the vendor's rows have no id, so the key is made of what tells them apart, and says nothing."""
    told = [
        str(fields.get(name) or "")
        for name in (*_PERSON, "join_time", "question_id", "polling_id", "number", "create_time")
    ]
    if kind == "participant":
        told.append(str(fields.get("leave_time") or ""))
    return Record(kind, name_uuid("row", kind, str(fields.get("occurrence", "")), *told), fields)


def _questions(body: Any, about: Mapping[str, Any]) -> Iterator[Record]:
    for asker in dig(body, "questions") or ():
        for number, detail in enumerate(asker.get("question_details") or ()):
            if "polling_id" in detail:
                continue
            fields = {
                "question_id": f"{number}",
                **detail,
                "user_id": asker.get("user_id"),
                "email": asker.get("email"),
            }
            yield _row("question", {**about, **fields})


def _poll_answers(body: Any, about: Mapping[str, Any]) -> Iterator[Record]:
    for person in dig(body, "questions") or ():
        for number, detail in enumerate(person.get("question_details") or ()):
            if "polling_id" in detail:
                yield _row("poll_answer", {**about, **detail, "number": number, "email": person.get("email")})


def _role(row: Mapping[str, Any], hosts: set[str], panel: set[str]) -> str:
    told = {str(row[name]).casefold() for name in ("user_email", "id", "participant_user_id") if row.get(name)}
    if told & hosts:
        return "host"
    return "presenter" if told & panel else "participant"


def _interval(row: Mapping[str, Any]) -> tuple[datetime, datetime]:
    start, end = parse_time(row["join_time"]), parse_time(row["leave_time"])
    if end < start:
        raise BadRecord("leave_time lies before join_time")
    if not any(row.get(name) for name in (*_IDENTITIES, "user_id")):
        raise BadRecord("the row names no account, registrant or e-mail address")
    return start, end


_Timed = tuple[Record, tuple[datetime, datetime]]


def _persons(rows: list[_Timed]) -> list[list[_Timed]]:
    """Rows of one person together: those that share an e-mail, account or registrant; a bare occurrence-scoped id stands for itself."""
    leader = list(range(len(rows)))

    def find(number: int) -> int:
        while leader[number] != number:
            leader[number] = number = leader[leader[number]]
        return number

    first_with: dict[str, int] = {}
    for number, (row, _) in enumerate(rows):
        marks = [f"{name}:{row[name]}" for name in ("user_email", "registrant_id") if row.get(name)]
        marks += [f"account:{row[name]}" for name in ("participant_user_id", "id") if row.get(name)]
        for mark in marks or [f"guest:{row['user_id']}"]:
            leader[find(number)] = find(first_with.setdefault(mark, number))
    groups: dict[int, list[_Timed]] = {}
    for number, timed in enumerate(rows):
        groups.setdefault(find(number), []).append(timed)
    return list(groups.values())


def _ended_inside(occurrence: Mapping[str, Any], window: Window) -> bool:
    """Whether it has ended, and inside the window; one that still runs has no end."""
    if not occurrence["end"]:
        return False
    try:
        return window.holds(parse_time(occurrence["end"]))
    except LeerstroomError:
        return False


def _meeting(row: Mapping[str, Any]) -> Mapping[str, Any]:
    meeting = row.get("meeting")
    return meeting if isinstance(meeting, Mapping) else {}


def _listed(patterns: Any, occurrence: Mapping[str, Any]) -> bool:
    names = [str(occurrence.get(name) or "") for name in ("id", "topic")]
    return any(fnmatch(name, pattern) for pattern in patterns for name in names if name)
