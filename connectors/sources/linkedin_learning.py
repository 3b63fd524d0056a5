"""LinkedIn Learning: what employees watched, read and completed, a day at a time.

API         GET /v2/learningActivityReports, by person and content, windows of one day of Los Angeles (where LinkedIn's days begin); 100 rows a page, the next page's
            address in the body. A window of more than 14 days is refused with error 500, so none is asked
Permission  a key for "Access content and reports via API" that an administrator of the organisation makes (two-legged OAuth); needs LinkedIn Learning Hub or Pro
People      profile (account), e-mail address, unique user id (an HR id, or the address again); names and custom attributes are left behind
A day       rows are sums of a day, not events: one fact a person, content and day, stated anew when the figures move; first and last engagement tell when
Minutes     seconds of content that was played: a video at double speed counts in full. The duration says so (duration-basis: content). A video whose course counts
            its seconds in the same report has none of its own
Late facts  a day is read when LinkedIn says that it is complete (latestDataAt), else a later night; look back 14 days
Once        contents go by LinkedIn's own urn, as in the xAPI statements that it can send itself, so that a completion that comes both ways is one
Cost        a request a day and 100 rows: 15 and more each night; LinkedIn limits the calls of a day
Kept        LinkedIn does not say how long
Not seen    single views and pauses, who enrolled, comments and questions; what was assigned; sums of the account or a group (they are ignored)
Verified    with the vendor's reference and its recorded answers; no organisation of our own
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, time, timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from connectors.catalogue import PERSON, REFERENCES, SETTINGS, Catalogue, agent, answer_in, person, reference, word
from connectors.http import Api
from connectors.oauth import ClientCredentials
from connectors.paging import by_cursor, dig
from connectors.scores import number
from connectors.source import Record, Setting, Verified, Window, maps
from leerstroom.errors import BadRecord, UnexpectedShape
from leerstroom.people import People
from leerstroom.statements import (
    Ignored,
    Outcome,
    Retracted,
    Verb,
    activity,
    duration,
    from_ms,
    statement,
    types,
    utc_text,
    verbs,
)

logger = logging.getLogger(__name__)

_REPORTS = "/v2/learningActivityReports"
_ZONE = ZoneInfo("America/Los_Angeles")
_ABOUT = {
    "q": "criteria",
    "timeOffset.unit": "DAY",
    "aggregationCriteria.primary": "INDIVIDUAL",
    "aggregationCriteria.secondary": "CONTENT",
    "contentSource": "ALL_SOURCES",
}
_PER_PAGE = 100
_LAST_MINUTE = timedelta(minutes=1)  # a complete day is complete until 23:59
_FASTEST = 2  # seconds of content in a second
_SORTS: Mapping[str, str] = {
    "COURSE": types.COURSE,
    "VIDEO": types.VIDEO,
    "ARTICLE": types.ARTICLE,
    "AUDIO": types.MEDIA,
    "BOOK": types.BOOK,
    "DOCUMENT": types.DOCUMENT,
    "EVENT": types.EVENT,
    "LEARNING_PATH": types.PROGRAM,
    "LEARNING_COLLECTION": types.PROGRAM,
}
_PLAYED = frozenset({types.COURSE, types.VIDEO, types.MEDIA})
_URN = re.compile(r"urn:[a-z0-9-]{1,32}:[A-Za-z]\w*:[^\s\"<>\\^`{|}]{1,300}").fullmatch
_VIDEO_OF = re.compile(r"urn:li:lyndaVideo:\((urn:li:lyndaCourse:\d+),\d+\)").fullmatch
_ENGAGEMENT = ("engagementType", "engagementValue", "engagementMetricQualifier", "assetType", "firstEngagedAt", "lastEngagedAt")  # fmt: skip


class LinkedInLearning(Catalogue):
    """One organisation's LinkedIn Learning."""

    name: ClassVar[str] = "linkedin_learning"
    title: ClassVar[str] = "LinkedIn Learning"
    verified: ClassVar[Verified] = Verified.PAYLOADS
    look_back: ClassVar[timedelta] = timedelta(days=14)
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("client_id", "Client id"),
        Setting("client_secret", "Client secret", secret=True),
        *SETTINGS,
        Setting("host", "API", default="https://api.linkedin.com", kind="url", required=False),
        Setting("oauth_host", "OAuth", default="https://www.linkedin.com", kind="url", required=False),
    )
    record_kinds: ClassVar[tuple[str, ...]] = ("activity", "total")
    keep: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "activity": (
            *PERSON, "window.start", "window.days", "content.urn", "content.name", "content.course", "course_counts",
            *(f"activities.{name}" for name in _ENGAGEMENT),
        ),
        "total": ("of",),
    }  # fmt: skip
    people: ClassVar[Mapping[str, Mapping[str, str]]] = {"activity": REFERENCES}

    @property
    def tenant(self) -> str:
        """LinkedIn Learning, whatever address the API is reached by; profiles say themselves of which account they are."""
        return str(self.connection.get("tenant") or "https://www.linkedin.com/learning").rstrip("/")

    def auth(self) -> Any:
        """Two-legged OAuth."""
        fields = self.connection
        return ClientCredentials(
            f"{str(fields['oauth_host']).rstrip('/')}/oauth/v2/accessToken",
            str(fields["client_id"]),
            str(fields["client_secret"]),
            connection=fields.name,
            in_body=True,
            verify=fields.get("verify_tls", True),
        )

    @staticmethod
    def quota(status: int, body: Any) -> bool:
        """Whether a 429 is the limit of the day."""
        return status == 429 and isinstance(body, Mapping) and "day limit" in str(body.get("message", "")).lower()

    # --- pull ---------------------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """Rows of each day that the window touches, that has ended and that LinkedIn calls complete."""
        for start, end in _days(window):
            if end > self.now():
                return
            records = list(_records(list(self._rows(api, start)), {"start": utc_text(start), "days": 1}))
            told = [latest for record in records if (latest := record.get("latest"))]
            if told and min(told) < end - _LAST_MINUTE:
                logger.info("connection '%s': %s is not complete yet and is read a later night", api.connection, start.date())  # fmt: skip
                return
            yield from records

    def _rows(self, api: Api, start: datetime) -> Iterator[Mapping[str, Any]]:
        where = f"connection '{api.connection}' at {_REPORTS}"

        def page(address: str | None) -> tuple[list[Any], str | None]:
            body = (api.get(address) if address else api.get(_REPORTS, {**_question(start), "count": _PER_PAGE})).body
            rows = dig(body, "elements")
            if not isinstance(rows, list):
                raise UnexpectedShape(f"{where}: the answer holds no list 'elements'")
            return rows, _next_page(body, len(rows))

        for rows in by_cursor(page, where=where):
            yield from rows

    def check(self, api: Api) -> str:
        """Asks for a row of a day that is complete."""
        day = datetime.combine(self.now().astimezone(_ZONE).date() - timedelta(days=3), time(), _ZONE)
        total = dig(api.get(_REPORTS, {**_question(day), "count": 1}).body, "paging.total")
        return (
            f"reports can be read, {total if isinstance(total, int) else 'an unknown number of'} rows on {day.date()}"
        )

    # --- read -----------------------------------------------------------------------------------------------------------------------

    def read(self, payload: Any) -> Iterator[Record]:
        """An answer of the API, a recorded exchange of one, or one element. The window is that of the request where a link repeats it."""
        payload = answer_in(payload)
        if isinstance(payload, Mapping) and isinstance(payload.get("elements"), list):
            yield from _records(payload["elements"], _window_of(payload))
            return
        rows = payload if isinstance(payload, list) else [payload]
        if not rows or not all(isinstance(row, Mapping) for row in rows):
            raise BadRecord(_UNKNOWN)
        if len(rows) == 1 and {"person", "content", "activities"} <= rows[0].keys():  # a record of our own
            yield _with_key(rows[0])
            return
        if not all({"learnerDetails", "activities"} & row.keys() for row in rows):
            raise BadRecord(_UNKNOWN)
        yield from _records(rows, None)

    # --- map -------------------------------------------------------------------------------------------------------------------------

    @maps("total")
    def total(self, record: Record, people: People) -> Outcome:
        """Sums say nothing of one person and one thing."""
        return Ignored(f"sum of {record.get('of') or 'nobody in particular'}, not of a person and a content")

    @maps("activity")
    def activity(self, record: Record, people: People) -> Iterable[Outcome]:
        """`completed`, `watched` and `viewed`, as far as the figures of the day say so; a figure that went back to zero is taken back."""
        content = record["content"]
        if not self.courses.is_wanted(_names(content)):
            return [Ignored("of a course that is not read")]
        told = [outcome for figure in _figures(record["activities"]) for outcome in self._of(figure, record, people)]
        return told or [Ignored("figures that say nothing of learning something")]

    def _of(self, figure: Mapping[str, Any], record: Record, people: People) -> Iterator[Outcome]:
        engagement = figure["engagementType"]
        verb = _VERBS.get(engagement)
        sort = _sort(figure, record)
        if verb is None or (verb is verbs.VIEWED and sort in _PLAYED):
            return
        if engagement == "SECONDS_VIEWED" and record.get("course_counts"):
            yield Ignored("video whose course counts its seconds")
            yield Retracted(_key(record, engagement), reason="its course counts the seconds")
        elif number(figure["engagementValue"]) <= 0:
            yield Ignored("nothing of it happened that day")
            yield Retracted(_key(record, engagement), reason="the figure went back to zero")
        else:
            yield self._stated(verb, sort, figure, record, people)

    def _stated(self, verb: Verb, sort: str, figure: Mapping[str, Any], record: Record, people: People) -> Outcome:
        content, is_played = record["content"], verb is verbs.WATCHED
        end, course = _end(figure), content.get("course")
        terms = self.courses.terms(_names(content), due=verb is verbs.COMPLETED and not course)
        return statement(
            actor=agent(people, record),
            verb=verb,
            object=activity(_urn(content["urn"]), sort, name=word(content.get("name"))),
            result={
                "completion": True if verb is verbs.COMPLETED else None,
                "duration": duration(_seconds(figure, record)) if is_played else None,
            },
            grouping=activity(_urn(course), types.COURSE) if course else None,
            timestamp=end,
            registration=self.registration(record, course or content["urn"]),
            extensions={
                **terms,
                "duration-basis": "content" if is_played else None,
                "self-reported": True if figure["engagementType"] == "MARKED_AS_DONE" else None,
            },
            key=_key(record, figure["engagementType"]),
            revision=f"{figure['engagementValue']}/{utc_text(end)}",
        )


# --- small readings -----------------------------------------------------------------------------------------------------------------------

_UNKNOWN = "no answer of LinkedIn's activity reports"
_VERBS: Mapping[str, Verb] = {
    "COMPLETIONS": verbs.COMPLETED,
    "MARKED_AS_DONE": verbs.COMPLETED,
    "SECONDS_VIEWED": verbs.WATCHED,
    "VIEWS": verbs.VIEWED,
}


def _days(window: Window) -> Iterator[tuple[datetime, datetime]]:
    """The days of Los Angeles that a window touches, as aware UTC-comparable intervals."""
    day = window.start.astimezone(_ZONE).date()
    while (start := datetime.combine(day, time(), _ZONE)) < window.end:
        day += timedelta(days=1)
        yield start, datetime.combine(day, time(), _ZONE)


def _question(start: datetime) -> dict[str, Any]:
    return {**_ABOUT, "startedAt": int(start.timestamp() * 1000), "timeOffset.duration": 1}


def _next_page(body: Any, came: int) -> str | None:
    """Address of the next page. LinkedIn names one even on the last page, so the total ends the list."""
    first, total = dig(body, "paging.start"), dig(body, "paging.total")
    if not came or (isinstance(first, int) and isinstance(total, int) and first + came >= total):
        return None
    return next((str(link["href"]) for link in _links(body) if link.get("rel") == "next" and link.get("href")), None)


def _links(body: Any) -> list[Mapping[str, Any]]:
    links = dig(body, "paging.links")
    return [link for link in links if isinstance(link, Mapping)] if isinstance(links, list) else []


def _window_of(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """The window that was asked for, out of a link of the answer; None where no link tells it."""
    for link in _links(body):
        asked = parse_qs(urlsplit(str(link.get("href"))).query)
        start, length = asked.get("startedAt", [""])[0], asked.get("timeOffset.duration", ["1"])[0]
        begun = _known(int(start)) if start.isdecimal() else None
        if begun and length.isdecimal() and asked.get("timeOffset.unit", ["DAY"])[0] == "DAY":
            return {"start": utc_text(begun), "days": int(length)}
    return None


def _records(rows: Iterable[Any], window: Mapping[str, Any] | None) -> Iterator[Record]:
    """Records of a window's rows. A video whose course has seconds of the same person in the same rows gives its own up."""
    records = [_record(row, window) for row in rows]
    counting = {
        (reference(each), str(each["content"]["urn"])) for each in records if "content" in each and _plays(each)
    }
    for record in records:
        if "content" in record:
            record["course_counts"] = (reference(record), record["content"]["course"]) in counting
        yield record


def _record(row: Any, window: Mapping[str, Any] | None) -> Record:
    if not isinstance(row, Mapping):
        return Record("activity", f"unreadable row of {window}", {})  # for the mapping to refuse, it alone
    learner, content = _table(row.get("learnerDetails")), _table(row.get("contentDetails"))
    entity = _table(learner.get("entity"))
    who = person(entity.get("profileUrn"), email=learner.get("email"), hr=learner.get("uniqueUserId"))
    urn = content.get("contentUrn")
    figures = [each for each in row.get("activities") or () if isinstance(each, Mapping)] if isinstance(row.get("activities"), list) else []  # fmt: skip
    if not any(who.values()) or not urn:
        of = "a person" if any(who.values()) else "a content" if urn else "a group" if entity.get("groupUrn") else "the account"  # fmt: skip
        return Record("total", f"{entity.get('accountUrn') or entity.get('groupUrn') or ''} {urn} {window} {len(figures)} {row.get('latestDataAt')}", {"of": of})  # fmt: skip
    course = _VIDEO_OF(str(urn))
    return _with_key({
        "person": who,
        "window": dict(window) if window else _day_of(figures),
        "content": {"urn": urn, "name": content.get("name"), "course": course[1] if course else None},
        "course_counts": False,
        "activities": figures,
        "latest": _known(row.get("latestDataAt")),
    })


def _with_key(fields: Mapping[str, Any]) -> Record:
    record = Record("activity", "", fields)
    window = _table(record.get("window"))
    record.key = f"{reference(record)} {record['content'].get('urn')} {window.get('start')} {window.get('days')}"
    return record


def _day_of(figures: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The day of Los Angeles of the last engagement, where nothing says which window was asked for."""
    last = max((found for each in figures if (found := _known(each.get("lastEngagedAt")))), default=None)
    if last is None:
        return {"start": None, "days": 1}
    return {"start": utc_text(datetime.combine(last.astimezone(_ZONE).date(), time(), _ZONE)), "days": 1}


def _known(value: Any) -> datetime | None:
    """A moment in milliseconds; None for none, and for what cannot be one: that is for the mapping to refuse."""
    try:
        return from_ms(value) if isinstance(value, int) and value > 0 else None
    except BadRecord:
        return None


def _figures(activities: Any) -> list[Mapping[str, Any]]:
    """One figure an engagement: of a total and a number of unique ones the total, and a completion rather than a mark of one's own."""
    found: dict[str, Mapping[str, Any]] = {}
    for each in activities:
        name = str(each["engagementType"])
        if name not in found or each.get("engagementMetricQualifier") == "TOTAL":
            found[name] = each
    if {"COMPLETIONS", "MARKED_AS_DONE"} <= found.keys():  # two ways to the same fact
        found.pop("MARKED_AS_DONE" if number(found["COMPLETIONS"]["engagementValue"]) > 0 else "COMPLETIONS")
    return list(found.values())


def _sort(figure: Mapping[str, Any], record: Record) -> str:
    """The type of the content: as the figure says, else as the urn does."""
    named: str | None = _SORTS.get(str(figure.get("assetType")))
    urn = str(record["content"].get("urn")).casefold()
    guessed = (
        type_iri for word_, type_iri in _SORTS.items() if word_.replace("_", "").casefold() in urn.split(":(")[0]
    )
    return named or next(guessed, types.RESOURCE)


def _plays(record: Record) -> bool:
    return any(
        each.get("engagementType") == "SECONDS_VIEWED"
        and isinstance(value := each.get("engagementValue"), int)
        and value > 0
        for each in record["activities"]
    )


def _names(content: Mapping[str, Any]) -> tuple[Any, ...]:
    """By which a course goes; its videos go by its urn as well."""
    return content.get("urn"), content.get("name"), content.get("course")


def _end(figure: Mapping[str, Any]) -> datetime:
    last = number(figure.get("lastEngagedAt"))
    if last <= 0:
        raise BadRecord("the figure does not say when the last engagement was")
    return from_ms(int(last))


def _seconds(figure: Mapping[str, Any], record: Record) -> float:
    seconds = number(figure["engagementValue"])
    if seconds > number(_table(record.get("window")).get("days") or 1) * 86_400 * _FASTEST:
        raise BadRecord("more seconds were viewed than the window holds")
    return seconds


def _urn(value: Any) -> str:
    if not isinstance(value, str) or not _URN(value):
        raise BadRecord("the content has no urn")
    return value


def _key(record: Record, engagement: str) -> str:
    return f"{record.key} {'COMPLETIONS' if engagement == 'MARKED_AS_DONE' else engagement}"


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
