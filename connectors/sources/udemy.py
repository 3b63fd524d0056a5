"""Udemy Business: enrolments, progress and completions of courses, and what was watched and tested in them.

API         reporting API v2: user-course-activity (one row a person and course) and user-progress (one row a person and lecture, quiz or test) of an organisation, by date;
            the next page's address stands in the answer
Permission  an API client of the organisation (id and secret, basic authentication), made by an administrator; Enterprise plan
People      user id (account), external id (an HR id, or an address), e-mail address; names, roles and who assigned a course are left behind. Leavers stay in the reports
A row       is the state of today, not an event: its moments (enrolled, started, first completed, item finished) are facts that stay. Progress is told by its last day, one
            fact a person, course and day, so that earlier days of learning remain
Minutes     Udemy counts minutes of a course in all, without days: they stand as total-minutes on the progress, never as a duration. What was watched on a day is taken
            from lectures: from start to finish where that is an hour at most (rule start-to-finish), else without a duration
Completed   when the course was completed first; that new lectures lower the ratio later changes nothing
Late facts  reports run up to 6 hours behind; look back 3 days
Limits      429 with Retry-After in seconds
Cost        two lists, 100 rows a page; switch `items` off where courses suffice
Kept        as long as the organisation has its account
Not seen    how long a quiz took; questions and answers; learning paths; what is assigned before somebody opens it
Verified    from documentation only
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from connectors.catalogue import (
    PERSON,
    PROGRESS,
    REFERENCES,
    SETTINGS,
    Catalogue,
    agent,
    answer_in,
    minutes,
    moment,
    per_cent,
    person,
    reference,
    word,
)
from connectors.http import Api
from connectors.paging import by_link, dig
from connectors.scores import number, score
from connectors.source import Record, Setting, Verified, Window, maps
from leerstroom.errors import BadRecord
from leerstroom.people import People
from leerstroom.statements import Ignored, Outcome, activity, duration, statement, types, utc_text, verbs

_PER_PAGE = 100
_LONGEST = timedelta(hours=1)  # from start to finish of a lecture; longer, and there was a pause in it
_UNKNOWN = "no row of Udemy's course activity or progress"
_COURSE = ("course_id", "course_title")
_MOMENTS = ("course_enroll_date", "course_start_date", "course_completion_date", "course_first_completion_date", "course_last_accessed_date")  # fmt: skip
_ITEM = ("item_id", "item_type", "item_title", "item_start_time", "item_completion_time", "item_final_result", "item_marked_complete")  # fmt: skip


class Udemy(Catalogue):
    """One organisation's Udemy Business."""

    name: ClassVar[str] = "udemy"
    title: ClassVar[str] = "Udemy Business"
    verified: ClassVar[Verified] = Verified.DOCUMENTATION
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("host", "Site", kind="url", help="such as https://academy.udemy.com"),
        Setting("organization_id", "Organization id", help="number in the addresses of the API"),
        Setting("client_id", "Client id"),
        Setting("client_secret", "Client secret", secret=True),
        Setting("items", "Lectures and quizzes", default=True, kind="flag", required=False, help="read what was watched and tested inside courses"),
        *SETTINGS,
    )  # fmt: skip
    record_kinds: ClassVar[tuple[str, ...]] = ("course", "item")
    keep: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "course": (*PERSON, *_COURSE, *_MOMENTS, "completion_ratio", "num_video_consumed_minutes", "is_assigned"),
        "item": (*PERSON, *_COURSE, *_ITEM),
    }
    people: ClassVar[Mapping[str, Mapping[str, str]]] = dict.fromkeys(record_kinds, REFERENCES)

    def auth(self) -> Any:
        """Basic authentication with the client's id and secret."""
        return str(self.connection["client_id"]), str(self.connection["client_secret"])

    # --- pull ---------------------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """Rows of people who were active in the window's days."""
        yield from self._listed(api, "user-course-activity", window)
        if self.connection.get("items") is not False:
            yield from self._listed(api, "user-progress", window)

    def _listed(self, api: Api, report: str, window: Window) -> Iterator[Record]:
        days = {"from_date": f"{window.start.astimezone(UTC):%Y-%m-%d}", "to_date": f"{window.end.astimezone(UTC):%Y-%m-%d}"}  # fmt: skip
        told: set[str] = set()  # a list that grows while it is read shifts rows to the next page
        for rows, _ in by_link(api, self._path(report), {**days, "page_size": _PER_PAGE}, items="results", link="next"):
            for row in rows:
                record = _record(row)
                if record.key not in told:
                    told.add(record.key)
                    yield record

    def _path(self, report: str) -> str:
        return f"/api-2.0/organizations/{self.connection['organization_id']}/analytics/{report}/"

    def check(self, api: Api) -> str:
        """Asks for a row of today."""
        today = f"{self.now().astimezone(UTC):%Y-%m-%d}"
        answer = api.get(self._path("user-course-activity"), {"from_date": today, "to_date": today, "page_size": 1})
        count = dig(answer.body, "count")
        return f"reports can be read, {count if isinstance(count, int) else 'an unknown number of'} courses were used today"

    # --- read -----------------------------------------------------------------------------------------------------------------------

    def read(self, payload: Any) -> Iterator[Record]:
        """A page of either report, a recorded exchange of one, or one row."""
        payload = answer_in(payload)
        if isinstance(payload, Mapping) and isinstance(payload.get("results"), list):
            yield from map(_record, payload["results"])
            return
        rows = payload if isinstance(payload, list) else [payload]
        if not rows or not all(isinstance(row, Mapping) and "course_id" in row for row in rows):
            raise BadRecord(_UNKNOWN)
        yield from map(_record, rows)

    # --- map -------------------------------------------------------------------------------------------------------------------------

    @maps("course")
    def course(self, record: Record, people: People) -> Iterable[Outcome]:
        """`registered`, `initialized`, `progressed` on the last day, and `completed`, as far as the row has their moments."""
        if not self.courses.is_wanted(_names(record)):
            return [Ignored("of a course that is not read")]
        enrolled = moment(record.get("course_enroll_date"))
        completed = moment(record.get("course_first_completion_date") or record.get("course_completion_date"))
        told: list[tuple[Any, datetime | None, dict[str, Any] | None, dict[str, Any]]] = [
            (verbs.REGISTERED, enrolled, None, {}),
            (verbs.INITIALIZED, moment(record.get("course_start_date")), None, {}),
            (verbs.PROGRESSED, *self._progress(record)),
            (verbs.COMPLETED, completed, {"completion": True}, {}),
        ]
        terms = self._terms(record, enrolled)
        made = [
            statement(
                actor=agent(people, record),
                verb=verb,
                object=self._course(record),
                result=result,
                timestamp=at,
                registration=self.registration(record, record["course_id"]),
                extensions={**terms, **more, "due": None if verb is verbs.PROGRESSED else terms["due"]},
                key=f"{record.key} {verb.name}"
                + (f" {at.astimezone(UTC):%Y-%m-%d}" if verb is verbs.PROGRESSED else ""),
                revision=f"{utc_text(at)}/{terms['due'] or ''}/{result or ''}/{more or ''}",
            )
            for verb, at, result, more in told
            if at
        ]
        return made or [Ignored("course that nothing happened in yet")]

    def _progress(self, record: Record) -> tuple[datetime | None, dict[str, Any], dict[str, Any]]:
        """When the course was used last, how far it is, and the minutes in all; no moment where it was only opened."""
        ratio, counted = per_cent(record.get("completion_ratio")), minutes(record.get("num_video_consumed_minutes"))
        last = moment(record.get("course_last_accessed_date")) if ratio or counted else None
        return last, {"extensions": {PROGRESS: ratio}}, {"total-minutes": counted}

    @maps("item")
    def item(self, record: Record, people: People) -> Outcome:
        """`watched` a video, `completed` a quiz or test, `viewed` another lecture, when it was finished."""
        if not self.courses.is_wanted(_names(record)):
            return Ignored("of a course that is not read")
        end = moment(record.get("item_completion_time"))
        if end is None:
            return Ignored("lecture or quiz that is not finished yet")
        sort = str(record["item_type"]).casefold()
        is_test = any(each in sort for each in ("quiz", "test", "exam", "assessment"))
        is_video = not is_test and "video" in sort and not sort.startswith("non")
        seconds = _seconds(record, end) if is_video else None
        terms = self._terms(record, None)
        return statement(
            actor=agent(people, record),
            verb=verbs.COMPLETED if is_test else verbs.WATCHED if is_video else verbs.VIEWED,
            object=activity(
                f"{self.tenant}/course/{_number(record['course_id'])}/{'quiz' if is_test else 'lecture'}/{_number(record['item_id'])}",
                types.ASSESSMENT if is_test else types.VIDEO if is_video else types.LESSON,
                name=word(record.get("item_title")),
            ),
            result={
                "completion": True,
                "score": _score(record.get("item_final_result")) if is_test else None,
                "duration": duration(seconds) if seconds is not None else None,
            },
            grouping=self._course(record),
            timestamp=end,
            registration=self.registration(record, record["course_id"]),
            extensions={
                **terms,
                "due": None,
                "self-reported": True if record.get("item_marked_complete") is True else None,
            },
            key=record.key,
            revision=f"{utc_text(end)}/{record.get('item_final_result')}",
            rule="start-to-finish" if seconds is not None else None,
            confidence=0.6,
        )

    def _course(self, record: Record) -> dict[str, Any]:
        address = f"{self.tenant}/course/{_number(record['course_id'])}"
        return activity(address, types.COURSE, name=word(record.get("course_title")))

    def _terms(self, record: Record, enrolled: datetime | None) -> dict[str, Any]:
        by = {True: "assigned", False: "self"}.get(record.get("is_assigned"))  # type: ignore[arg-type]  # None and junk are neither
        return self.courses.terms(_names(record), enrolled=enrolled, by=by)


# --- small readings -----------------------------------------------------------------------------------------------------------------------


def _record(row: Any) -> Record:
    """A row with its person gathered; what is no row is for the mapping to refuse, it alone."""
    if not isinstance(row, Mapping):
        return Record("course", "unreadable row", {})
    known = row.get("person")
    who = known if isinstance(known, Mapping) else person(row.get("user_id"), email=row.get("user_email"), hr=row.get("user_external_id"))  # fmt: skip
    is_item = "item_id" in row or "item_type" in row
    record = Record("item" if is_item else "course", "", {**row, "person": dict(who)})
    item = f" {row.get('item_type')} {row.get('item_id')}" if is_item else ""
    record.key = f"{reference(record)} {row.get('course_id')}{item}"
    return record


def _names(record: Record) -> tuple[Any, ...]:
    return record["course_id"], record.get("course_title")


def _seconds(record: Record, end: datetime) -> float | None:
    """From start to finish of a lecture; None where it was not done in one go."""
    start = moment(record.get("item_start_time"))
    return (end - start).total_seconds() if start and timedelta(0) < end - start <= _LONGEST else None


def _score(result: Any) -> dict[str, float] | None:
    """A result in per cents; a practice test may have none, or a word."""
    try:
        found = number(result)
    except BadRecord:
        return None
    return score(found, 0, 100) if 0 <= found <= 100 else None


def _number(value: Any) -> str:
    """An id inside an address. Raises BadRecord."""
    text = str(value)
    if not (text.isascii() and text.isdecimal()):
        raise BadRecord("a course, lecture or quiz has no number")
    return text
