"""Google Meet: the conferences in meeting spaces that are on the list.

API         Meet v2: conference records that ended in the window, newest first; their participants, and each one's sessions (one a device and join)
Permission  a service account with domain-wide delegation, scope meetings.space.readonly, acting for people who own the spaces or take part
People      the Google id of who is signed in, never an address: the directory's column id_meet. Who is anonymous or dials in is a stranger of that
            conference only. A room device is signed in like a person: put its id on the exclusion list
Attendance  one statement per person and conference: the union of all sessions; a laptop and a telephone overlap and count once
Roles       co-hosts of the space teach, where the directory knows their address; Meet tells no other role
Late facts  sessions are final when the conference has ended; look back 3 days, settle 6 hours
Cost        a call per conference and one per participant; 600 a minute per person
Kept        30 days after the end; older windows are empty
Not seen    titles (give them under titles), who was invited, chat, questions and polls; a conference that still runs waits for its end
Verified    from the discovery document
"""

import logging
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from connectors import google
from connectors.attendance import Join
from connectors.http import Api, RequestRefused
from connectors.paging import dig
from connectors.sessions import OCCURRENCE, SETTINGS, Sessions, listed, text
from connectors.source import Connection, Gathered, Record, Setting, Verified, Window, maps
from leerstroom.errors import BadRecord, CredentialsRefused
from leerstroom.people import People, Pseudonyms
from leerstroom.statements import Ignored, Outcome, parse_time, utc_text

logger = logging.getLogger(__name__)

_SCOPE = "https://www.googleapis.com/auth/meetings.space.readonly"
_KEPT = timedelta(days=30)
_NAME = re.compile(r"conferenceRecords/([^/]+)(?:/participants/([^/]+)(?:/participantSessions/[^/]+)?)?$").match
_SORTS = ("signedinUser", "anonymousUser", "phoneUser")


class Meet(Sessions):
    """The conferences that some people of a Google Workspace hold or join."""

    name: ClassVar[str] = "meet"
    title: ClassVar[str] = "Google Meet"
    verified: ClassVar[Verified] = Verified.DOCUMENTATION
    requests_per_minute: ClassVar[float | None] = 540  # 600 a minute and person
    settings: ClassVar[tuple[Setting, ...]] = (
        *google.ACCOUNT,
        Setting("users", "Acts for", many=True, help="addresses of people who own or join the meetings"),
        Setting("meetings", "Learning meetings", many=True, help="meeting codes (abc-mnop-xyz), spaces (spaces/…) or titles (with *) of what is meant for learning; * for all of these people's"),
        Setting("titles", "Titles", kind="mapping", required=False, help="title by meeting code: Meet tells none"),
        *SETTINGS,
        Setting("host", "API", default="https://meet.googleapis.com", kind="url", required=False),
        google.OAUTH,
    )  # fmt: skip
    record_kinds: ClassVar[tuple[str, ...]] = ("participant", "conference", "unknown")
    keep: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "participant": (
            *OCCURRENCE,
            "user",
            "leaders",
            "earliestStartTime",
            "latestEndTime",
            "sessions.startTime",
            "sessions.endTime",
        ),
        "conference": ("endTime",),
    }
    people: ClassVar[Mapping[str, Mapping[str, str]]] = {"participant": {"user": "account", "leaders": "email"}}

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._conferences: dict[str, dict[str, Any]] = {}  # what `read` met, for the participants that it meets next
        self._participants: dict[str, dict[str, Any]] = {}

    @property
    def tenant(self) -> str:
        """Ids of conferences, spaces and people are Google's, the same for all customers."""
        return str(self.connection.get("tenant") or "https://meet.google.com").rstrip("/")

    def auth(self) -> Any:
        """A token for one person at a time."""
        return google.Delegation(self.connection, _SCOPE, next(iter(self.connection.get("users") or ()), ""))

    quota = staticmethod(google.quota)

    # --- pull -------------------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """Participants of the conferences that ended inside the window and have settled, conference by conference."""
        now = self.now()
        if window.start < now - _KEPT:
            logger.warning("connection %s: Meet keeps conferences 30 days; older ones are not shown", api.connection)
        settled, seen = self.settled(window, now), set[str]()
        spaces: dict[str, dict[str, Any]] = {}
        for _ in self._people(api):
            query = {
                "filter": f'end_time>="{utc_text(settled.start)}" AND end_time<"{utc_text(settled.end)}"',
                "pageSize": 100,
            }
            for conference in google.rows(api, "/v2/conferenceRecords", "conferenceRecords", query):
                name = str(conference.get("name"))
                if name in seen or not conference.get("endTime"):
                    continue
                seen.add(name)
                space = str(conference.get("space"))
                if space not in spaces:
                    spaces[space] = self._space(api, space)
                if self._wanted(spaces[space]):
                    yield from self._of(api, conference, spaces[space])

    def _people(self, api: Api) -> Iterator[int]:
        """Acts for one person after another; says for the how-many-th."""
        for number, user in enumerate(self.connection["users"], 1):
            api.session.auth.subject = user  # type: ignore[union-attr]
            yield number

    def _space(self, api: Api, name: str) -> dict[str, Any]:
        """A meeting space with the addresses of its co-hosts. Whoever only takes part may not see them, nor a space that is gone."""
        found: dict[str, Any] = {"name": name}
        try:
            found |= api.get(f"/v2/{name}", missing_ok=True).body or {}
            members = google.rows(api, f"/v2/{name}/members", "members", {"pageSize": 100})
            found["leaders"] = [each["email"] for each in members if each.get("role") == "COHOST" and each.get("email")]
        except (RequestRefused, CredentialsRefused) as error:
            logger.info("connection %s: a space does not show its co-hosts (%s)", api.connection, type(error).__name__)
        return found

    def _wanted(self, space: Mapping[str, Any]) -> bool:
        names = (space.get("meetingCode"), space["name"], self._title(space))
        return any(listed(self.connection.get("meetings"), {"id": each}) for each in names if each)

    def _title(self, space: Mapping[str, Any]) -> str | None:
        titles = self.connection.get("titles") or {}
        return text(titles.get(space.get("meetingCode")))

    def _of(self, api: Api, conference: Mapping[str, Any], space: Mapping[str, Any]) -> Iterator[Record]:
        about = self._about(conference, space)
        place = f"/v2/{conference['name']}"
        # the whole list first: a page token does not live for as long as a large conference takes
        for participant in list(google.rows(api, f"{place}/participants", "participants", {"pageSize": 250})):
            stays = google.rows(api, f"/v2/{participant.get('name')}/participantSessions", "participantSessions", {"pageSize": 250})  # fmt: skip
            yield _participant(about, {**participant, "sessions": list(stays)})

    def _about(self, conference: Mapping[str, Any], space: Mapping[str, Any]) -> dict[str, Any]:
        meeting = {
            "id": str(conference.get("space") or "").removeprefix("spaces/") or None,
            "topic": self._title(space) or space.get("meetingCode"),
            "kind": "meeting",
            "start": conference.get("startTime"),
            "end": conference.get("endTime"),
        }
        return {
            "occurrence": str(conference.get("name", "")).removeprefix("conferenceRecords/"),
            "meeting": {name: value for name, value in meeting.items() if value is not None},
            "leaders": space.get("leaders") or [],
        }

    def check(self, api: Api) -> str:
        """Gets a token for each person and asks for one conference. Raises CredentialsRefused that says for which of the list."""
        for number in self._people(api):
            try:
                api.get("/v2/conferenceRecords", {"pageSize": 1})
            except CredentialsRefused as error:
                raise CredentialsRefused(f"{error} (acting for number {number} of the list of users)") from error
        return f"the service account may act for {len(self.connection['users'])} people"

    # --- payloads ------------------------------------------------------------------------------------------------------------------

    def read(self, payload: Any) -> Iterator[Record]:
        """Lists of conferences, participants or sessions, one of these, or a recorded exchange. What was read before tells whose a session is.

        A participant whose sessions are not given is taken to have stayed from the first join to the last leave, and the statement says so.
        """
        if isinstance(payload, Mapping) and "response" in payload:
            answer = payload["response"]
            payload = answer.get("body", answer) if isinstance(answer, Mapping) else None
        if not isinstance(payload, Mapping) or (payload and not any(name in payload for name in (*_LISTS, "name"))):
            raise BadRecord("no conference, participant or session of Google Meet")
        if "name" in payload:
            if not _NAME(str(payload["name"])):
                raise BadRecord("no conference, participant or session of Google Meet")
            yield from self._one(payload)
        for name in _LISTS:
            for row in payload[name] if isinstance(payload.get(name), list) else ():
                yield from self._one(row if isinstance(row, Mapping) else {})

    def _one(self, row: Mapping[str, Any]) -> Iterator[Record]:
        found = _NAME(str(row.get("name")))
        if found is None:  # one row that is none stops no others
            yield Record("unknown", "", {})
            return
        conference, participant = found.groups()
        if participant is None:
            self._conferences[conference] = dict(row)
            yield Record("conference", str(row["name"]), row)
            return
        about = self._about(self._conferences.get(conference, {"name": conference}), {})
        if isinstance(row.get("meeting"), Mapping):  # as it was pulled
            about |= {name: row[name] for name in ("occurrence", "meeting", "leaders") if name in row}
        name = f"conferenceRecords/{conference}/participants/{participant}"
        if "/participantSessions/" in str(row["name"]):
            yield _participant(about, {**self._participants.get(name, {}), "name": name, "sessions": [row]})
        else:
            self._participants[name] = {each: row[each] for each in _SORTS if each in row}
            yield _participant(about, row)

    # --- at the edge ---------------------------------------------------------------------------------------------------------------

    def minimise(self, record: Record, pseudonyms: Pseudonyms) -> Record:
        """The record as it may land. The name of a participant may hold the person's id, so it becomes a reference too."""
        kept = super().minimise(record, pseudonyms)
        if kept.kind == "participant":
            kept["guest"] = pseudonyms.account(self.tenant, str(record.get("name") or record.key))
            return Record(kept.kind, "/".join((kept["guest"], *_starts(kept))), kept)
        return kept

    # --- map ------------------------------------------------------------------------------------------------------------------------

    @maps("participant", together="occurrence")
    def attendance(self, rows: list[Record], people: People) -> Gathered:
        """One `attended` per person of a conference, over the union of their sessions."""
        mine: dict[str, list[Record]] = {}
        for row in rows:
            mine.setdefault(str(row.get("guest")), []).append(row)
        known: list[Join] = []
        guessed: list[Join] = []
        for records in mine.values():
            try:
                if stays := _stays(records):
                    known += stays
                elif records[0].get("latestEndTime"):
                    guessed.append(_join(records, records[0], "earliestStartTime", "latestEndTime"))
                else:
                    yield records, Ignored("participant who has not left yet")
            except BadRecord as error:
                yield records, error
            except (KeyError, TypeError, AttributeError):
                yield records, BadRecord("sessions: no list of times")
        yield from self.attended(known, people)
        yield from self.attended(guessed, people, rule="first-join-to-last-leave", confidence=0.6)

    def stay(self, join: Join) -> str:
        """A participant has several stays."""
        return f"{join.row['guest']}/{utc_text(join.start)}"

    def role(self, joins: Any, people: People) -> str:
        """`host` for a co-host of the space whom the directory knows."""
        joins = list(joins)
        leaders = {people.known(email=each) for join in joins for each in join.row.get("leaders") or ()} - {None}
        mine = {people.known(account) for join in joins for account in join.accounts}
        return "host" if mine & leaders else super().role(joins, people)

    @maps("conference")
    def conference(self, row: Record, people: People) -> Outcome:
        """The conference itself: who was there is told by its participants."""
        return Ignored("conference itself" if row.get("endTime") else "conference that still runs")

    @maps("unknown")
    def unknown(self, row: Record, people: People) -> Outcome:
        """A row of a list that is nothing that we know."""
        raise BadRecord("no conference, participant or session of Google Meet")


# --- what the vendor's rows mean ----------------------------------------------------------------------------------------------------

_LISTS = ("conferenceRecords", "participants", "participantSessions")


def _participant(about: Mapping[str, Any], row: Mapping[str, Any]) -> Record:
    fields = {**row, **about, "user": google.user_id(dig(row, "signedinUser.user")) or row.get("user")}
    return Record("participant", "/".join((str(row.get("name")), *_starts(row))), fields)


def _starts(row: Mapping[str, Any]) -> list[str]:
    """When the sessions of a row began: two pages of one participant's sessions are two records."""
    sessions = row.get("sessions")
    return [str(each.get("startTime")) for each in (sessions if isinstance(sessions, list) else ()) if isinstance(each, Mapping)]  # fmt: skip


def _stays(records: list[Record]) -> list[Join]:
    """All sessions of one participant. Raises BadRecord for one that cannot be read: the union without it would be too short."""
    return [
        _join(records, session, "startTime", "endTime")
        for record in records
        for session in record.get("sessions") or ()
    ]


def _join(records: list[Record], told: Mapping[str, Any], start: str, end: str) -> Join:
    users = [str(record["user"]) for record in records if record.get("user")]
    return Join(
        records,
        _time(told, start),
        _time(told, end),
        accounts=tuple(dict.fromkeys(users)),
        guest=str(records[0]["guest"]),
    )


def _time(row: Mapping[str, Any], name: str) -> datetime:
    value = row.get(name)
    if not value:
        raise BadRecord(f"{name}: time is missing")
    if not isinstance(value, str):
        raise BadRecord(f"{name}: time is no text")
    try:
        return parse_time(value)
    except BadRecord as error:
        raise BadRecord(f"{name}: {error}") from error
