"""Webex: webinars, and the meetings that are meant for learning.

API         REST v1: meetings in state ended, meetingParticipants with the devices of each, registrants, Q&A and poll results; Link header
Permission  an integration's refresh token; scopes meeting:schedules_read and meeting:participants_read for one's own meetings, their admin_
            forms for those of the named hosts; Q&A and polls are shown to the host alone
Cost        part of the plan; one call for 100 participants; requests a minute are not told, Retry-After is
People      e-mail of the participant; who came without one stays a guest of that one meeting, never a name match
Attendance  one statement per person and meeting instance: the union of the times of all devices; the lobby does not count
Late facts  details come 15 minutes after the end, times of devices may come later; look back 3 days, settle 6 hours
Kept        the vendor says nothing; the refresh token ends when it is not used for 90 days
Not seen    meetings that are not on the list; when a question was asked or a poll answered by whom (the end stands for it); Slido; chat; personal
            rooms; registrations more than 90 days before
Verified    every call against the vendor's OpenAPI; the rest from documentation only
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from connectors.attendance import Join, actor_of
from connectors.http import Api
from connectors.oauth import RefreshToken
from connectors.paging import by_link, dig
from connectors.sessions import OCCURRENCE, SETTINGS, Sessions, listed, meeting_of, text
from connectors.source import Gathered, Record, Setting, Verified, Window, maps
from leerstroom.errors import BadRecord
from leerstroom.people import People, Pseudonyms
from leerstroom.statements import (
    Ignored,
    Outcome,
    name_uuid,
    parse_time,
    utc_text,
)

_PAGE = 100
_SPAN = timedelta(days=7)  # of meetings: the length that the vendor itself takes when it is told none
_REGISTERED_BEFORE = timedelta(days=90)  # the longest span of registrations; without one the vendor shows a week
_NEVER = datetime(1970, 1, 2, tzinfo=UTC)  # a running meeting has 1970-01-01 for what has not happened yet
_AT_THE_END: Mapping[str, Any] = {"rule": "end-of-session", "confidence": 0.9}
_TIMES = ("joinedTime", "leftTime")


class Webex(Sessions):
    """The meetings and webinars of some hosts of a Webex site."""

    name: ClassVar[str] = "webex"
    title: ClassVar[str] = "Webex"
    verified: ClassVar[Verified] = Verified.DOCUMENTATION
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("client_id", "Client id"),
        Setting("client_secret", "Client secret", secret=True),
        Setting("refresh_token", "Refresh token", secret=True, help="of the integration, or of a service app"),
        Setting("hosts", "Hosts", many=True, help="e-mail addresses of hosts; without admin scopes the one who gave the token"),
        Setting("webinars", "Webinars", default=True, kind="flag", required=False),
        Setting("meetings", "Learning meetings", many=True, required=False, help="meeting numbers, titles (with *) or hosts' addresses of meetings that are meant for learning; * for all; empty: none"),
        Setting("questions", "Questions and polls", default=False, kind="flag", required=False, help="shown to the host alone, so only where the token is the host's own"),
        *SETTINGS,
        Setting("host", "API", default="https://webexapis.com/v1", kind="url", required=False),
    )  # fmt: skip
    record_kinds: ClassVar[tuple[str, ...]] = (
        "participant",
        "registrant",
        "question",
        "answer",
        "poll_answer",
        "meeting",
    )
    keep: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "participant": (*OCCURRENCE, "id", "email", "state", "host", "coHost", *_TIMES, *(f"devices.{each}" for each in _TIMES)),
        "registrant": (*OCCURRENCE, "id", "email", "status", "registrationTime"),
        "question": (*OCCURRENCE, "question_id", "email"),
        "answer": (*OCCURRENCE, "question_id", "email", "number"),
        "poll_answer": (*OCCURRENCE, "poll_id", "question_id", "email", "at"),
        "meeting": OCCURRENCE,
    }  # fmt: skip
    content: ClassVar[Mapping[str, tuple[str, ...]]] = {"question": ("question",), "answer": ("answer",)}
    people: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "participant": {"id": "account", "email": "email"},
        "registrant": {"id": "account", "email": "email"},
        "question": {"email": "email"},
        "answer": {"email": "email"},
        "poll_answer": {"email": "email"},
    }

    @property
    def tenant(self) -> str:
        """The vendor: ids of meetings are its own, whatever site they are on."""
        return str(self.connection.get("tenant") or "https://webex.com").rstrip("/")

    def auth(self) -> Any:
        """The consent that was given once."""
        fields = self.connection
        return RefreshToken(
            f"{str(fields['host']).rstrip('/')}/access_token",
            str(fields["client_id"]),
            str(fields["client_secret"]),
            str(fields["refresh_token"]),
            connection=fields.name,
            in_body=True,
            verify=fields.get("verify_tls", True),
        )

    # --- pull -------------------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """Everything about the meetings that ended inside the window and have settled, meeting by meeting."""
        settled = self.settled(window, datetime.now(UTC))
        asked: set[str] = set()
        for meeting in self._ended(api, settled):
            yield Record("meeting", meeting["occurrence"], meeting)
            yield from self._of(api, meeting)
            series = str(meeting["meeting"]["id"])
            if series not in asked and meeting["meeting"]["kind"] == "webinar":
                asked.add(series)
                yield from self._registrants(api, meeting, settled)

    def _ended(self, api: Api, window: Window) -> Iterator[dict[str, Any]]:
        """Instances that ended inside the window. A host's list also shows meetings that the host was only invited to."""
        hosts = {str(host).casefold() for host in self.connection["hosts"]}
        seen: set[str] = set()
        for host in self.connection["hosts"]:
            for times in _spans(window):
                query = {"meetingType": "meeting", "state": "ended", "hostEmail": str(host), "max": _PAGE, **times}
                for row in self._listed(api, "/meetings", query):
                    found = _meeting(row)
                    end = _moment(found["meeting"].get("end"))
                    mine = str(row.get("hostEmail") or host).casefold() in hosts
                    if found["occurrence"] in seen or not mine or end is None or not window.holds(end):
                        continue
                    seen.add(found["occurrence"])
                    if self._wanted(row):
                        yield {**found, "host_email": row.get("hostEmail") or host}

    def _wanted(self, row: Mapping[str, Any]) -> bool:
        if row.get("scheduledType") == "webinar":
            return bool(self.connection.get("webinars", True))
        names = {"id": row.get("meetingNumber"), "topic": row.get("title"), "host_email": row.get("hostEmail")}
        return listed(self.connection.get("meetings"), names)

    def _of(self, api: Api, meeting: Mapping[str, Any]) -> Iterator[Record]:
        about = {name: meeting[name] for name in ("occurrence", "meeting")}
        query = {"meetingId": meeting["occurrence"], "max": _PAGE}
        for row in self._listed(api, "/meetingParticipants", {**query, "hostEmail": meeting["host_email"]}):
            yield _row("participant", {**row, **about})
        if not self.connection.get("questions"):
            return
        for row in self._listed(api, "/meetings/q_and_a", query):
            path = f"/meetings/q_and_a/{quote(str(row.get('id')), safe='')}/answers"
            yield from _questions(self._whole(api, row, "answers", path, query), about)
        for row in self._listed(api, "/meetings/pollResults", query):
            poll = quote(str(row.get("id")), safe="")
            for question in row.get("questions") or ():
                path = f"/meetings/polls/{poll}/questions/{quote(str(question.get('id')), safe='')}/respondents"
                whole = self._whole(api, question, "respondents", path, query)
                yield from _poll_answers({**row, "questions": [whole]}, about)

    def _whole(
        self, api: Api, row: Mapping[str, Any], name: str, path: str, query: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The row with all of a list inside it that may show only its beginning."""
        inside = row.get(name)
        more = dig(inside, "links.next")
        return {**row, name: {"items": list(self._listed(api, path, query))} if more else inside}

    def _registrants(self, api: Api, meeting: Mapping[str, Any], window: Window) -> Iterator[Record]:
        series = meeting["meeting"]
        query = {
            "registrationTimeFrom": _iso(window.end - _REGISTERED_BEFORE),
            "registrationTimeTo": _iso(window.end),
            "hostEmail": meeting["host_email"],
            "max": _PAGE,
        }
        for row in self._listed(api, f"/meetings/{quote(str(series['id']), safe='')}/registrants", query):
            yield _registrant(row, series)

    @staticmethod
    def _listed(api: Api, path: str, query: Mapping[str, Any]) -> Iterator[Any]:
        for rows, _ in by_link(api, path, query, items="items"):
            yield from rows

    def check(self, api: Api) -> str:
        """Gets a token and asks for the last week's ended meetings."""
        now = datetime.now(UTC)
        found = len(list(self._ended(api, Window(now - timedelta(days=7), now))))
        return f"the token is accepted, {found} sessions in the last week"

    # --- payloads ----------------------------------------------------------------------------------------------------------------

    def read(self, payload: Any) -> Iterator[Record]:
        """A page or a row of participants, registrants, Q&A, poll results or meetings; a recorded exchange of one; or a webhook.

        A registrant needs the series: `meetingSeriesId` beside it, or the path of the exchange. Raises BadRecord for anything else.
        """
        if not isinstance(payload, dict):
            raise BadRecord("nothing that Webex sends")
        if "response" in payload:
            request = payload.get("request")
            path = request if isinstance(request, str) else dig(request, "path") or dig(request, "url")
            body = dig(payload, "response.body")
            yield from self._rows(body if body is not None else payload["response"], _series_of(str(path or "")))
        elif payload.get("resource") in {"meetingParticipants", "meetings"} and isinstance(payload.get("data"), dict):
            yield from self._rows(payload["data"], "")
        else:
            yield from self._rows(payload, "")

    def _rows(self, body: Any, series: str) -> Iterator[Record]:
        rows = body.get("items", [body]) if isinstance(body, dict) else body
        if not isinstance(rows, list):
            raise BadRecord("nothing that Webex sends")
        for row in rows:
            yield from _row_of(row, series)

    # --- at the edge ---------------------------------------------------------------------------------------------------------------

    def minimise(self, record: Record, pseudonyms: Pseudonyms) -> Record:
        """The record as it may land. Its key is made of what landed: a hash of an address without a key would give it away."""
        kept = super().minimise(record, pseudonyms)
        return Record(kept.kind, _key(kept.kind, kept), kept)

    # --- map ------------------------------------------------------------------------------------------------------------------------

    @maps("meeting")
    def meeting(self, row: Record, people: People) -> Outcome:
        """A meeting on a list tells of nobody."""
        return Ignored("meeting, not a person")

    @maps("participant", together="occurrence")
    def attendance(self, rows: list[Record], people: People) -> Gathered:
        """One `attended` per person of a meeting, over the union of the times of all their devices."""
        yield from self.gathered(rows, _joins, people)

    def role(self, joins: Any, people: People) -> str:
        """Host and co-hosts lead."""
        return "host" if any(join.row.get("host") or join.row.get("coHost") for join in joins) else "participant"

    def stay(self, join: Join) -> str:
        """A row holds all devices of a person."""
        return f"{join.row.key} {utc_text(join.start)}"

    @maps("registrant")
    def registrant(self, row: Record, people: People) -> Outcome:
        """`registered` for the series, all its occurrences."""
        if row.get("status") not in {None, "approved"}:
            return Ignored("registration that was not approved")
        actor = actor_of(people, row.get("id"), row.get("email"))
        return self.registered(row, actor, parse_time(row["registrationTime"]))

    @maps("question")
    def question(self, row: Record, people: People) -> Outcome:
        """`asked`; when is not told."""
        if not row.get("email"):
            return Ignored("question that was asked anonymously")
        return self.asked(row, people.actor(email=row["email"]), row["question_id"], _end(row), **_AT_THE_END)

    @maps("answer")
    def answer(self, row: Record, people: People) -> Outcome:
        """`answered`, of a written answer in the Q&A; when is not told."""
        if not row.get("email"):
            return Ignored("answer that was given anonymously")
        return self.answered(row, people.actor(email=row["email"]), row["question_id"], _end(row), **_AT_THE_END)

    @maps("poll_answer")
    def poll_answer(self, row: Record, people: People) -> Outcome:
        """`answered-poll`, when the poll ended."""
        if not row.get("email"):
            return Ignored("poll that was answered anonymously")
        actor = people.actor(email=row["email"])
        return self.polled(row, actor, row["poll_id"], row["question_id"], moment=_time(row, "at"))


# --- what the vendor's rows mean ------------------------------------------------------------------------------------------------------


def _iso(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _spans(window: Window) -> Iterator[dict[str, str]]:
    """`from` (inclusive) and `to` (exclusive) of lists over the window, and a day before it for what ends after midnight."""
    first = window.start - timedelta(days=1)
    while first < window.end:
        until = min(first + _SPAN, window.end)
        yield {"from": _iso(first), "to": _iso(until)}
        first = until


def _moment(told: Any) -> datetime | None:
    """A time; None where there is none, and for 1970, which stands for what has not happened yet."""
    try:
        found = parse_time(told) if isinstance(told, str) and told else None
    except BadRecord:
        return None
    return found if found is not None and found > _NEVER else None


def _end(row: Mapping[str, Any]) -> datetime:
    end = _moment(meeting_of(row).get("end"))
    if end is None:
        raise BadRecord("when the meeting ended is not told, and the question has no time of its own")
    return end


def _time(row: Mapping[str, Any], name: str) -> datetime:
    found = _moment(row.get(name))
    if found is None:
        raise BadRecord(f"{name}: time is missing or not in ISO 8601")
    return found


def _row(kind: str, fields: Mapping[str, Any]) -> Record:
    return Record(kind, _key(kind, fields), fields)


def _key(kind: str, row: Mapping[str, Any]) -> str:
    """What tells rows apart: an id where there is one, else who it was in which question."""
    if kind == "meeting":
        return str(row.get("occurrence"))
    where = meeting_of(row).get("id") if kind == "registrant" else row.get("occurrence")
    names = ("id", "poll_id", "question_id", "email", "number")
    return name_uuid("row", kind, str(where), *(str(row.get(name) or "") for name in names))


def _meeting(row: Mapping[str, Any]) -> dict[str, Any]:
    """An instance of a meeting: it has an id of its own, beside that of its series."""
    if not isinstance(row.get("id"), str) or not row["id"]:
        raise BadRecord("the meeting has no id")
    kind = "webinar" if row.get("scheduledType") == "webinar" else "meeting"
    meeting = {
        "id": row.get("meetingSeriesId") or row.get("meetingNumber") or row["id"],
        "topic": text(row.get("title")),
        "kind": kind,
        "start": row.get("start"),
        "end": row.get("end"),
    }
    return {"occurrence": row["id"], "meeting": {name: value for name, value in meeting.items() if value}}


def _registrant(row: Mapping[str, Any], series: Mapping[str, Any]) -> Record:
    about = {name: series[name] for name in ("id", "topic", "kind") if series.get(name)}
    return _row("registrant", {**row, "meeting": about})


def _questions(row: Mapping[str, Any], about: Mapping[str, Any]) -> Iterator[Record]:
    """A question, and each answer that was written to it; `answered: false` is one that was not given."""
    question = row.get("id")
    yield _row(
        "question", {**about, "question_id": question, "email": row.get("email"), "question": row.get("question")}
    )
    for number, each in enumerate(dig(row, "answers.items") or (), 1):
        if each.get("answered") is not False:
            told = {"question_id": question, "email": each.get("email"), "answer": each.get("answer"), "number": number}
            yield _row("answer", {**about, **told})


def _poll_answers(row: Mapping[str, Any], about: Mapping[str, Any]) -> Iterator[Record]:
    for question in row.get("questions") or ():
        for each in dig(question, "respondents.items") or ():
            told = {"poll_id": row.get("id"), "question_id": question.get("id"), "email": each.get("email")}
            yield _row("poll_answer", {**about, **told, "at": row.get("endTime") or row.get("startTime")})


def _series_of(path: str) -> str:
    """The id of the series in the path of a request for registrants; empty for other paths."""
    parts = urlsplit(path.rsplit(" ", 1)[-1]).path.strip("/").split("/")
    return parts[-2] if len(parts) > 1 and parts[-1] == "registrants" else ""


def _row_of(row: Any, series: str) -> Iterator[Record]:
    """One row as what it is, by its fields."""
    if not isinstance(row, dict):
        raise BadRecord("no row of Webex")
    told = dict(meeting_of(row))
    occurrence = row.get("occurrence") or row.get("meetingId")
    about = {"occurrence": str(occurrence), "meeting": told or _series(row, str(occurrence))}
    if "registrationTime" in row:
        number = told.get("id") or row.get("meetingSeriesId") or series
        if not number:
            raise BadRecord("the registrant does not say of which series; give the exchange with its path")
        yield _registrant(row, {"kind": "webinar", **told, "id": str(number)})
    elif "meetingType" in row or "meetingSeriesId" in row:
        found = _meeting(row)
        yield Record("meeting", found["occurrence"], found)
    elif not occurrence:
        raise BadRecord("the row does not say of which meeting it is")
    elif "devices" in row or "joinedTime" in row or "leftTime" in row:
        yield _row("participant", {**row, **about})
    elif "answers" in row and "question" in row:
        yield from _questions(row, about)
    elif "questions" in row:
        yield from _poll_answers(row, about)
    else:
        raise BadRecord("no row of Webex")


def _series(row: Mapping[str, Any], occurrence: str) -> dict[str, Any]:
    """What a row alone tells of its meeting: the id of an instance begins with that of its series."""
    return {
        "id": occurrence.partition("_I_")[0],
        **({"start": row["meetingStartTime"]} if row.get("meetingStartTime") else {}),
    }


def _joins(row: Record) -> list[Join] | Ignored:
    """The time of each device as a stay, or that of the participant where no device is told.

    A device without an end left with the participant, or when the meeting ended.
    """
    if row.get("state") == "lobby":
        return Ignored("only in the lobby")
    last = _moment(row.get("leftTime")) or _moment(meeting_of(row).get("end"))
    devices = [each for each in row.get("devices") or () if isinstance(each, Mapping)] or [row]
    stays: list[Join] = []
    for device in devices:
        start, end = _moment(device.get("joinedTime")), _moment(device.get("leftTime")) or last
        if end is None:
            continue
        if start is None:
            raise BadRecord("joinedTime: time is missing or not in ISO 8601")
        emails = (str(row["email"]),) if row.get("email") else ()
        stays.append(Join([row], start, end, emails=emails, guest=str(row.get("id") or "")))
    return stays or Ignored("the meeting still runs")
