"""Coursera for Business: enrolments, progress and completions of an organisation's programs.

API         enterprise API, businesses.v1/{organisation}/enrollmentReports, or those of single programs; start and limit, and the answer says where the next page starts
Permission  an app of an administrator of the organisation (OAuth client credentials); an app of a personal account sees nothing and is refused with 403
People      external id (an HR id; Coursera puts the e-mail address where the organisation gave none), e-mail address; full names are left behind
A row       is the state of today of a person, a content and a program: enrolled, last active, completed are moments in it. Progress is told by its last day, one fact a
            row and day, so that earlier days of learning remain
Hours       approximate hours of the learner in all, without days: they stand as total-minutes on the progress and the completion, never as a duration
Late facts  reports run up to 24 hours behind; look back 3 days
Cost        the list cannot be asked by date alone without losing who enrolled and did nothing yet: all rows are read each night, 100 a page
Kept        as long as the contract
Not seen    single videos, quizzes and forum posts; when somebody learned before the last day. An enrolment that ends has no moment of its own but deletedAt
Verified    from documentation only
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote

from connectors.catalogue import (
    PERSON,
    PROGRESS,
    REFERENCES,
    SETTINGS,
    Catalogue,
    agent,
    answer_in,
    happened_in,
    minutes,
    moment,
    per_cent,
    person,
    reference,
    word,
)
from connectors.http import Api
from connectors.oauth import ClientCredentials
from connectors.paging import by_cursor, dig
from connectors.scores import number, score
from connectors.source import Record, Setting, Verified, Window, maps
from leerstroom.errors import BadRecord, UnexpectedShape
from leerstroom.people import People
from leerstroom.statements import Ignored, Outcome, activity, statement, types, utc_text, verbs

_PER_PAGE = 100
_UNKNOWN = "no enrolment report of Coursera"
_SORTS: Mapping[str, tuple[str, str]] = {  # contentType -> its place in addresses, type
    "course": ("learn", types.COURSE),
    "project": ("projects", types.COURSE),
    "guidedproject": ("projects", types.COURSE),
    "specialization": ("specializations", types.PROGRAM),
    "professionalcertificate": ("specializations", types.PROGRAM),
    "video": ("videos", types.VIDEO),
    "clip": ("videos", types.VIDEO),
    "lesson": ("lessons", types.LESSON),
}
_MOMENTS = ("enrolledAt", "lastActivityAt", "completedAt", "deletedAt")


class Coursera(Catalogue):
    """One organisation's Coursera for Business."""

    name: ClassVar[str] = "coursera"
    title: ClassVar[str] = "Coursera for Business"
    verified: ClassVar[Verified] = Verified.DOCUMENTATION
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("organization_id", "Organization id", help="stands on the page of the organisation's settings"),
        Setting("client_id", "Client id"),
        Setting("client_secret", "Client secret", secret=True),
        Setting("programs", "Programs", many=True, required=False, help="ids of the programs that are read; empty: the whole organisation"),
        *SETTINGS,
        Setting("host", "API", default="https://api.coursera.com", kind="url", required=False),
    )  # fmt: skip
    record_kinds: ClassVar[tuple[str, ...]] = ("enrolment",)
    keep: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "enrolment": (
            *PERSON, *_MOMENTS, "contentId", "contentType", "contentName", "contentSlug", "programId", "programName",
            "isCompleted", "overallProgress", "grade", "approxTotalCourseHrs", "approxTotalLearningHours",
        )
    }  # fmt: skip
    people: ClassVar[Mapping[str, Mapping[str, str]]] = {"enrolment": REFERENCES}

    @property
    def tenant(self) -> str:
        """Coursera, whatever address the API is reached by: a course is one thing for all organisations."""
        return str(self.connection.get("tenant") or "https://www.coursera.org").rstrip("/")

    def auth(self) -> Any:
        """OAuth client credentials."""
        fields = self.connection
        return ClientCredentials(
            f"{str(fields['host']).rstrip('/')}/oauth2/client_credentials/token",
            str(fields["client_id"]),
            str(fields["client_secret"]),
            connection=fields.name,
            verify=fields.get("verify_tls", True),
        )

    # --- pull ---------------------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """Rows that something happened to in the window."""
        told: set[str] = set()  # a list that grows while it is read shifts rows to the next page
        for path in self._paths():
            for row in _rows(api, path):
                record = _record(row)
                if record.key not in told and happened_in(window, *(record.get(name) for name in _MOMENTS)):
                    told.add(record.key)
                    yield record

    def _paths(self) -> list[str]:
        place = f"/ent/api/businesses.v1/{quote(str(self.connection['organization_id']), safe='')}"
        programs = self.connection.get("programs") or ()
        return [f"{place}/programs/{quote(str(each), safe='')}/enrollmentReports" for each in programs] or [f"{place}/enrollmentReports"]  # fmt: skip

    def check(self, api: Api) -> str:
        """Asks for a row of each list."""
        totals = [dig(api.get(path, {"start": 0, "limit": 1}).body, "paging.total") for path in self._paths()]
        known = [each for each in totals if isinstance(each, int)]
        return f"reports can be read, {sum(known) if len(known) == len(totals) else 'an unknown number of'} enrolments"

    # --- read -----------------------------------------------------------------------------------------------------------------------

    def read(self, payload: Any) -> Iterator[Record]:
        """A page of a report, a recorded exchange of one, or one row."""
        payload = answer_in(payload)
        if isinstance(payload, Mapping) and isinstance(payload.get("elements"), list):
            yield from map(_record, payload["elements"])
            return
        rows = payload if isinstance(payload, list) else [payload]
        if not rows or not all(isinstance(row, Mapping) and "contentId" in row for row in rows):
            raise BadRecord(_UNKNOWN)
        yield from map(_record, rows)

    # --- map -------------------------------------------------------------------------------------------------------------------------

    @maps("enrolment")
    def enrolment(self, record: Record, people: People) -> Iterable[Outcome]:
        """`registered`, `progressed` on the last day, `completed` and `unregistered`, as far as the row has their moments."""
        if not self.courses.is_wanted(_names(record)):
            return [Ignored("of a course that is not read")]
        enrolled, ended = moment(record.get("enrolledAt")), moment(record.get("deletedAt"))
        completed = moment(record.get("completedAt")) if record.get("isCompleted") is True else None
        progress, spent = per_cent(record.get("overallProgress")), _spent(record)
        active = moment(record.get("lastActivityAt")) if progress or spent else None
        grade = {"completion": True, "score": _grade(record.get("grade"))}
        told: list[tuple[Any, datetime | None, dict[str, Any] | None, float | None]] = [
            (verbs.REGISTERED, enrolled, None, None),
            (verbs.PROGRESSED, active, {"extensions": {PROGRESS: progress}}, spent),
            (verbs.COMPLETED, completed, grade, spent),
            (verbs.UNREGISTERED, ended, None, None),
        ]
        terms = self.courses.terms(_names(record), enrolled=enrolled)
        has_term = (verbs.REGISTERED, verbs.COMPLETED)
        made = [
            statement(
                actor=agent(people, record),
                verb=verb,
                object=self._content(record),
                result=result,
                grouping=self._program(record),
                timestamp=at,
                registration=self.registration(record, record["contentId"]),
                extensions={**terms, "total-minutes": total, "due": terms["due"] if verb in has_term else None},
                key=f"{record.key} {verb.name}"
                + (f" {at.astimezone(UTC):%Y-%m-%d}" if verb is verbs.PROGRESSED else ""),
                revision=f"{utc_text(at)}/{terms['due'] or ''}/{result or ''}/{total or ''}",
            )
            for verb, at, result, total in told
            if at
        ]
        return made or [Ignored("enrolment that nothing happened in yet")]

    def _content(self, record: Record) -> dict[str, Any]:
        """A content by its id; a slug may change."""
        place, type_iri = _SORTS.get(
            str(record.get("contentType")).casefold().replace("_", ""), ("learn", types.COURSE)
        )
        return activity(
            f"{self.tenant}/{place}/{_id(record['contentId'])}", type_iri, name=word(record.get("contentName"))
        )

    def _program(self, record: Record) -> dict[str, Any] | None:
        program = record.get("programId")
        if not program:
            return None
        return activity(f"{self.tenant}/programs/{_id(program)}", types.PROGRAM, name=word(record.get("programName")))


# --- small readings -----------------------------------------------------------------------------------------------------------------------


def _rows(api: Api, path: str) -> Iterator[Any]:
    """All rows of a list. It ends where the answer names no next start, or where the total is reached."""
    where = f"connection '{api.connection}' at enrollmentReports"

    def page(start: str | None) -> tuple[list[Any], str | None]:
        body = api.get(path, {"start": start or "0", "limit": _PER_PAGE}).body
        rows, following, total = dig(body, "elements"), dig(body, "paging.next"), dig(body, "paging.total")
        if not isinstance(rows, list):
            raise UnexpectedShape(f"{where}: the answer holds no list 'elements'")
        is_number = str(following).isdecimal()
        if not following or (is_number and isinstance(total, int) and int(following) >= total):
            return rows, None
        return rows, str(following)

    for rows in by_cursor(page, where=where):
        yield from rows


def _record(row: Any) -> Record:
    """A row with its person gathered; what is no row is for the mapping to refuse, it alone."""
    if not isinstance(row, Mapping):
        return Record("enrolment", "unreadable row", {})
    known = row.get("person")
    who = known if isinstance(known, Mapping) else person(email=row.get("email"), hr=row.get("externalId"))
    record = Record("enrolment", "", {**row, "person": dict(who)})
    record.key = f"{reference(record)} {row.get('contentId')} {row.get('programId')}"
    return record


def _names(record: Record) -> tuple[Any, ...]:
    return record["contentId"], record.get("contentSlug"), record.get("contentName")


def _spent(record: Record) -> float | None:
    """Minutes of the learner in all. Courses and videos say their hours under two names."""
    hours = record.get("approxTotalCourseHrs")
    if hours is None:
        hours = record.get("approxTotalLearningHours")
    return minutes(number(hours) * 60) if hours is not None else None


def _grade(value: Any) -> dict[str, float] | None:
    """A grade from 0 to 1; what is more is one in per cents. Raises BadRecord for another one."""
    if value is None:
        return None
    found = number(value)
    if not 0 <= found <= 100:
        raise BadRecord("the grade is none")
    return score(found, 0, 1 if found <= 1 else 100)


def _id(value: Any) -> str:
    """An id inside an address. Raises BadRecord."""
    if not isinstance(value, str) or not value.strip() or len(value) > 200:
        raise BadRecord("a content or program has no id")
    return quote(value, safe="~")
