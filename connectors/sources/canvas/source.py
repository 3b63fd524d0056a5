"""Canvas: enrolments, completions, submissions, grades, discussions and (if wished) page views, by its API or out of files of Live Events.

API         REST v1: courses of an account, then a course at a time its enrolments, submissions (submitted_since, graded_since), bulk_user_progress, discussion
            topics with entries and replies; page views a person at a time. Lists continue by the Link header, whose addresses are followed as they are
Events      the setting events: files of Live Events (JSON lines, also .gz), in the vendor's form or in Caliper's, as a queue or a webhook leaves them. Where it is
            set the API is not asked. Without a subscription in Canvas there are none, and what was not subscribed cannot be fetched later
Permission  a token of a user with a role in the account: view courses, rosters, all grades, discussions; for page views "view usage reports". No admin rights
People      the user id as the site itself writes it, SIS id (as the HR id) and login (where it is an address) as keyed references. The global id
            21070000000000123, the short form 2107~123 and the local id 123 are one person; only visitors of another shard keep their shard
Learner     whom the record is about; of an event the body, never the metadata: that names the administrator who enrolled, or the teacher who graded
Content     entries and topics become features in the pull stage; submissions, comments and conversations are not kept
Limits      a cost per request out of a bucket (X-Rate-Limit-Remaining); one request at a time is rarely throttled. An emptied bucket is 429, on older
            servers 403 "Rate Limit Exceeded", which is a limit here and not a refusal
Cost        per course 5 lists, per changed discussion 1 and its replies; page views 1 list a learner, so they are off by default
Late facts  look back 3 days; an event may come before the moment that it tells (a course is completed at completed_at)
Viewed      off by default. Page views come newest first and are read until the window's start; their seconds are the vendor's estimate (rule time-on-page)
Not seen    earlier attempts by the API (only the last is shown; events have all); deleted entries by events; New Quizzes' questions
Verified    with the vendor's example events and page view; the API from its documentation
"""

import itertools
import logging
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, ClassVar

import orjson

from connectors import courses, files
from connectors.courses import Courses
from connectors.http import Api, RequestRefused
from connectors.paging import by_link, dig
from connectors.scores import number, score
from connectors.source import Connection, Kind, Record, Setting, Source, Verified, Window, maps, reasons
from connectors.sources.canvas import rest
from connectors.sources.canvas.facts import LEARNER, TRAINERS, fact, local
from leerstroom.errors import BadRecord, ConfigurationError, UnexpectedShape
from leerstroom.features import asks
from leerstroom.people import ExcludedAccount, People
from leerstroom.statements import (
    Ignored,
    Outcome,
    Retracted,
    Verb,
    activity,
    duration,
    name_uuid,
    parse_time,
    statement,
    types,
    utc_text,
    verbs,
)

logger = logging.getLogger(__name__)

V1 = "/api/v1"
_SPENT = b"rate limit exceeded"
_PER_PAGE = 100
_LONGEST_VIEW_S = 86_400
_MOST_REMEMBERED = 100_000  # discussions that `read` keeps for later payloads
_POST_VERBS = (verbs.ASKED, verbs.POSTED, verbs.ANSWERED, verbs.REPLIED)
_GONE = frozenset({"deleted", "rejected", "inactive"})
_PERSON = {"person.account": "account", "person.email": "email", "person.hr": "hr"}
_COMMON = ("id", "person.account", "person.email", "person.hr", "course.id", "course.name", "course.sis", "at", "role")
_ASSETS = {  # sort of an asset -> (its place in addresses, type)
    "assignment": ("assignments", types.SCHOOL_ASSIGNMENT),
    "attachment": ("files", types.FILE),
    "file": ("files", types.FILE),
    "calendar_event": ("calendar_events", types.CALENDAR_EVENT),
    "collaboration": ("collaborations", types.DOCUMENT),
    "content_tag": ("external_tools", types.LINK),
    "context_external_tool": ("external_tools", types.LINK),
    "context_module": ("modules", types.MODULE),
    "discussion": ("discussion_topics", types.DISCUSSION),
    "discussion_topic": ("discussion_topics", types.DISCUSSION),
    "discussiontopic": ("discussion_topics", types.DISCUSSION),
    "quiz": ("quizzes", types.ASSESSMENT),
    "quizzes:quiz": ("quizzes", types.ASSESSMENT),
    "web_conference": ("conferences", types.VIRTUAL_CLASSROOM),
    "wiki_page": ("pages", types.PAGE),
    "wikipage": ("pages", types.PAGE),
}
_PEOPLE = frozenset({"user", "enrollment"})


class Canvas(Source):
    """One institution's Canvas."""

    name: ClassVar[str] = "canvas"
    title: ClassVar[str] = "Canvas"
    kind: ClassVar[Kind] = Kind.LMS
    verified: ClassVar[Verified] = Verified.PAYLOADS
    look_back: ClassVar[timedelta] = timedelta(days=3)
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("host", "Site", kind="url", help="such as https://canvas.example.org"),
        Setting("token", "Access token", secret=True, required=False, help="of a user with a role in the account; not needed with events"),
        Setting("account", "Account", default="self", required=False, help="number of the account whose courses are read; self is that of the token's user"),
        Setting("events", "Files of Live Events", many=True, required=False, help="paths or addresses with *, such as s3://bucket/canvas/*.jsonl.gz"),
        Setting("page_views", "Page views", default=False, kind="flag", required=False, help="read what every learner looked at; one list a learner"),
        *courses.SETTINGS,
        Setting("time_zone", "Time zone", default="Europe/Amsterdam", kind="zone", required=False, help="of due dates"),
    )  # fmt: skip
    record_kinds: ClassVar[tuple[str, ...]] = (
        "enrolment", "course_completion", "submission", "grade", "post", "view", "session", "event",
    )  # fmt: skip
    keep: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "enrolment": (*_COMMON, "enrolled", "state", "by"),
        "course_completion": (*_COMMON, "done", "of"),
        "submission": (*_COMMON, "assignment.id", "assignment.name", "sort", "state", "attempt"),
        "grade": (*_COMMON, "assignment.id", "assignment.name", "score", "highest", "grader.account", "grader.email", "grader.hr"),
        "post": (*_COMMON, "topic", "entry", "above", "is_deleted", "edited", "root.is_question", "root.is_own"),
        "view": (*_COMMON, "asset.sort", "asset.id", "asset.name", "list", "level", "device", "seconds", "by_other"),
        "session": (*_COMMON, "name"),
        "event": ("id", "name", "at", "silence"),
    }  # fmt: skip
    content: ClassVar[Mapping[str, tuple[str, ...]]] = {"post": ("subject", "message")}
    people: ClassVar[Mapping[str, Mapping[str, str]]] = {
        **dict.fromkeys(record_kinds, _PERSON),
        "grade": {**_PERSON, "grader.account": "account", "grader.email": "email", "grader.hr": "hr"},
    }

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.courses = Courses(connection)
        self._topics: dict[str, dict[str, Any]] = {}  # discussion -> who opened it, and whether with a question

    @staticmethod
    def meant(status: int, body: Any) -> int:
        """Older servers say that the bucket is empty by 403 and these words."""
        words = body if isinstance(body, bytes) else orjson.dumps(body)
        return 429 if status == 403 and _SPENT in words.lower() else status

    # --- pull ---------------------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """Facts of the window: out of the files of events where they are named, else asked for course by course."""
        if self.connection.get("events"):
            yield from self._from_files(window)
            return
        self._need_a_token()
        views: dict[str, dict[str, Any]] = {}
        for course in self._courses(api):
            roster = self._enrolments(api, course)
            yield from (each for each in roster if _inside(window, each["at"]))
            known = {each["person"]["account"]: each["person"] for each in roster}
            trainers = {each["person"]["account"] for each in roster if each["role"] in TRAINERS}
            views |= {account: who for account, who in known.items() if account and account not in trainers}
            yield from self._submissions(api, course, known, window)
            yield from self._completions(api, course, known, window)
            yield from self._posts(api, course, known, trainers, window)
        if self.connection.get("page_views"):
            for account, who in views.items():
                yield from self._views(api, account, who, window)

    def _need_a_token(self) -> None:
        if not self.connection.get("token"):
            raise ConfigurationError(
                f"connection '{self.connection.name}': neither a token for the API nor files of Live Events; fill in 'token' or 'events'"
            )

    def _from_files(self, window: Window) -> Iterator[Record]:
        """The events of all files whose moment lies in the window, each once: queues deliver more than once."""
        seen: set[tuple[str, str, str]] = set()
        for path in self._paths():
            for record in self.read_file(path):
                mark = (record.kind, record.key, str(record.get("at")))
                if mark not in seen and _inside(window, record.get("at")):
                    seen.add(mark)
                    yield record

    def _paths(self) -> list[str]:
        return files.matching(
            self.connection["events"], connection=self.connection.name, suffixes=(".json", ".jsonl", ".log", ".txt")
        )

    def _courses(self, api: Api) -> Iterator[dict[str, Any]]:
        """Courses that are read, each as {id, name, sis}."""
        query = {"per_page": _PER_PAGE, "state[]": ["available", "completed"]}
        found = 0
        for row in _rows(api, f"{V1}/accounts/{self.connection.get('account') or 'self'}/courses", query):
            found += 1
            if self.courses.is_wanted((row.get("sis_course_id"), row.get("course_code"), row.get("id"))):
                yield {"id": local(row.get("id"), 0), "name": row.get("name"), "sis": row.get("sis_course_id")}
        if not found:
            raise UnexpectedShape(
                f"connection '{self.connection.name}': the token sees no course of the account; give its user a role there, or correct 'account'"
            )

    def _enrolments(self, api: Api, course: Mapping[str, Any]) -> list[Record]:
        states = ["active", "invited", "creation_pending", "completed", "inactive", "deleted"]
        rows = _rows(api, f"{V1}/courses/{course['id']}/enrollments", {"per_page": _PER_PAGE, "state[]": states})
        return [rest.enrolment(row, course) for row in rows]

    def _submissions(
        self, api: Api, course: Mapping[str, Any], known: Mapping[Any, dict[str, Any]], window: Window
    ) -> Iterator[Record]:
        """Submissions handed in, and those graded, in the window; one that was both is asked for twice and told once."""
        told: set[tuple[str, str]] = set()
        for since in ("submitted_since", "graded_since"):
            query = {
                "student_ids[]": "all",
                "include[]": "assignment",
                "per_page": _PER_PAGE,
                since: utc_text(window.start),
            }
            for row in _rows(api, f"{V1}/courses/{course['id']}/students/submissions", query):
                for record in rest.submission(row, course, known):
                    if _inside(window, record["at"]) and (record.kind, record.key) not in told:
                        told.add((record.kind, record.key))
                        yield record

    def _completions(
        self, api: Api, course: Mapping[str, Any], known: Mapping[Any, dict[str, Any]], window: Window
    ) -> Iterator[Record]:
        """Who has met all requirements; a course without modules that require something has none."""
        try:
            for row in _rows(api, f"{V1}/courses/{course['id']}/bulk_user_progress", {"per_page": _PER_PAGE}):
                record = rest.progress(row, course, known)
                if record["at"] and _inside(window, record["at"]):
                    yield record
        except RequestRefused as error:
            if error.status not in {400, 404}:
                raise

    def _posts(
        self,
        api: Api,
        course: Mapping[str, Any],
        known: Mapping[Any, dict[str, Any]],
        trainers: set[Any],
        window: Window,
    ) -> Iterator[Record]:
        """Topics and entries of the window; topics come with the latest activity first."""
        place = f"{V1}/courses/{course['id']}/discussion_topics"
        for row in _rows(api, place, {"order_by": "recent_activity", "per_page": _PER_PAGE}):
            topic = self._remembered(rest.topic(row, course, known, trainers))
            if _inside(window, topic["at"]):
                yield topic
            if not _since(window, row.get("last_reply_at") or row.get("posted_at")):
                continue
            for entry in _rows(api, f"{place}/{topic['topic']}/entries", {"per_page": _PER_PAGE}):
                replies: Iterable[Mapping[str, Any]] = _listed(entry.get("recent_replies"))
                if entry.get("has_more_replies"):
                    replies = _rows(
                        api, f"{place}/{topic['topic']}/entries/{entry.get('id')}/replies", {"per_page": _PER_PAGE}
                    )
                for each in itertools.chain((entry,), replies):
                    record = self._rooted(rest.entry(each, topic["topic"], course, known, trainers))
                    if _inside(window, record["at"]):
                        yield record

    def _views(self, api: Api, account: str, who: Mapping[str, Any], window: Window) -> Iterator[Record]:
        """What somebody looked at, newest first."""
        query = {"start_time": utc_text(window.start), "end_time": utc_text(window.end), "per_page": _PER_PAGE}
        for page, _ in by_link(api, f"{V1}/users/{account}/page_views", query):
            records = [rest.page_view(row, who) for row in page if isinstance(row, Mapping)]
            yield from (record for record in records if _inside(window, record["at"]))
            if records and not any(_since(window, record["at"]) for record in records):
                return

    def check(self, api: Api) -> str:
        """How many courses the token sees, or how many files of events there are. Raises ConfigurationError where neither is given."""
        if self.connection.get("events"):
            paths = self._paths()
            found = sum(1 for path in paths[-1:] for _ in self.read_file(path))
            return f"{len(paths)} files of events, the last holds {found}"
        self._need_a_token()
        return f"{sum(1 for _ in self._courses(api))} courses can be read"

    # --- read -----------------------------------------------------------------------------------------------------------------------

    def read(self, payload: Any) -> Iterator[Record]:
        """A Live Event (the vendor's form or an envelope of Caliper's), an object of the API, a page of them, or a message around one of these."""
        if isinstance(payload, Mapping) and payload.get("fact") in self.record_kinds and payload.get("id"):
            yield Record(str(payload["fact"]), str(payload["id"]), payload)
            return
        holds_nothing = dig(payload, "response.body") != []
        for record in rest.records(payload):
            holds_nothing = False
            yield self._rooted(self._remembered(record)) if record.kind == "post" else record
        if holds_nothing:
            raise BadRecord(rest.UNKNOWN)

    def read_file(self, path: str) -> Iterator[Record]:
        """The events of one file, a JSON value a line. A line that cannot be read becomes a record that says so; the rest goes on."""
        for line, text in files.lines(path):
            try:
                yield from self.read(orjson.loads(text))
            except (BadRecord, ValueError) as error:
                place = f"{path.rsplit('/', 1)[-1]} line {line}"
                for number, reason in enumerate(
                    reasons(error) if isinstance(error, BadRecord) else ("the line is no JSON",)
                ):
                    key = f"{place}, {number + 1}" if number else place
                    yield fact("event", key, {}, None, None, fault=reason)

    def _remembered(self, record: Record) -> Record:
        """Keeps of a topic who asked it, for its entries."""
        if not record.get("entry") and record.get("topic"):
            texts = [text for text in (record.get("subject"), record.get("message")) if isinstance(text, str)]
            is_question = asks(texts) and record.get("is_deleted") is not True
            self._topics[str(record["topic"])] = {"author": record["person"]["account"], "is_question": is_question}
            while len(self._topics) > _MOST_REMEMBERED:
                self._topics.pop(next(iter(self._topics)))
        return record

    def _rooted(self, record: Record) -> Record:
        """An entry with what is known of its topic."""
        known = self._topics.get(str(record.get("topic"))) if record.get("entry") else None
        if known:
            is_own = known["author"] == record["person"]["account"]
            record["root"] = {"is_question": known["is_question"], "is_own": is_own}
        return record

    # --- map -------------------------------------------------------------------------------------------------------------------------

    @maps("event")
    def event(self, record: Record, people: People) -> Outcome:
        """What says nothing of anybody's learning."""
        if record.get("silence"):
            return Ignored(str(record["silence"]))
        raise BadRecord("an event that cannot be read")

    @maps("enrolment")
    def enrolment(self, record: Record, people: People) -> Outcome:
        """`registered` for a course, `joined` a community, `unregistered` where it ended."""
        if record.get("role") in TRAINERS:
            return Ignored("enrolled as a trainer")
        if record.get("role") != LEARNER:
            return Ignored("enrolled to watch")
        is_community, has_ended = self._is_community(record), record.get("state") in _GONE
        moment = parse_time(record["at"] if has_ended else record["enrolled"])
        terms = self._terms(record, enrolled=record.get("enrolled"), by=record.get("by"))
        return statement(
            actor=_agent(people, record["person"]),
            verb=(verbs.LEFT if is_community else verbs.UNREGISTERED)
            if has_ended
            else verbs.JOINED
            if is_community
            else verbs.REGISTERED,
            object=self._course(record),
            timestamp=moment,
            registration=self._registration(record),
            extensions=None if is_community or has_ended else terms,
            key=f"{record.get('id')}/{'ended' if has_ended else 'begun'}",
            revision=f"{utc_text(moment)}/{terms['due'] or ''}",
        )

    @maps("course_completion")
    def course_completion(self, record: Record, people: People) -> Outcome:
        """`completed` a course, when the last of its requirements was met."""
        if not record.get("at"):
            return Ignored("course that is not complete yet")
        moment = parse_time(record["at"])
        terms = self._terms(record)
        return statement(
            actor=_agent(people, record["person"]),
            verb=verbs.COMPLETED,
            object=self._course(record),
            result={"completion": True},
            timestamp=moment,
            registration=self._registration(record),
            extensions=terms,
            key=str(record.get("id") or record.key),
            revision=f"{utc_text(moment)}/{terms['due'] or ''}",
        )

    @maps("submission", sort="discussion_topic")
    def discussed(self, record: Record, people: People) -> Outcome:
        """A graded discussion is handed in by taking part."""
        return Ignored("submission of a discussion, told by its entries")

    @maps("submission")
    def submission(self, record: Record, people: People) -> Outcome:
        """`submitted` an assignment, `completed` a quiz; each attempt is a fact of its own."""
        if not record.get("at") or record.get("state") in {"unsubmitted", "deleted"}:
            return Ignored("nothing was handed in")
        is_quiz = record.get("sort") in {"online_quiz", "external_quiz"}
        return statement(
            actor=_agent(people, record["person"]),
            verb=verbs.COMPLETED if is_quiz else verbs.SUBMITTED,
            object=self._assignment(record, types.ASSESSMENT if is_quiz else types.SCHOOL_ASSIGNMENT),
            result={"completion": True} if is_quiz else None,
            grouping=self._grouping(record),
            timestamp=parse_time(record["at"]),
            registration=self._registration(record),
            extensions=self._terms(record, due=False),
            key=f"{record.get('id')}/attempt {record.get('attempt') or 1}",
            revision=utc_text(parse_time(record["at"])),
        )

    @maps("grade")
    def grade(self, record: Record, people: People) -> Outcome | list[Outcome]:
        """`scored` for an assignment or quiz; who graded stands in the context, nobody where Canvas did. A grade that is taken off is taken back."""
        key = f"{record.get('id')}/grade"
        if record.get("score") is None or not record.get("at"):
            return [Ignored("not graded yet"), Retracted(key, reason="no longer graded")]
        highest = record.get("highest")
        moment = parse_time(record["at"])
        return statement(
            actor=_agent(people, record["person"]),
            verb=verbs.SCORED,
            object=self._assignment(record, types.SCHOOL_ASSIGNMENT),
            result={"score": score(record["score"], 0, highest)},
            grouping=self._grouping(record),
            timestamp=moment,
            registration=self._registration(record),
            instructor=_instructor(people, record),
            extensions=self._terms(record, due=False),
            key=key,
            revision=f"{number(record['score']):g}/{highest}/{utc_text(moment)}",
        )

    @maps("post", is_deleted=True)
    def deleted_post(self, record: Record, people: People) -> Iterable[Outcome]:
        """A topic or entry that was taken away; whatever it was stated as."""
        return [Retracted(f"{record.get('id')}/{verb.name}") for verb in _POST_VERBS]

    @maps("post")
    def post(self, record: Record, people: People) -> Iterable[Outcome]:
        """A question or contribution that opens a discussion, an answer, or another reply; an edit may make it another one."""
        seen, root = record["features"], record.get("root") or {}
        nods = seen["is_acknowledgement"] or (
            seen["is_thanks"] and seen["length"] in {"none", "short"} and not seen["has_link"]
        )
        topic = self._address("discussion_topics", record["topic"])
        if not record.get("entry"):
            asked = seen["is_question"]
            verb, other = (verbs.ASKED, verbs.POSTED) if asked else (verbs.POSTED, verbs.ASKED)
            yield self._said(record, people, verb, rule="question-in-text" if asked else None, confidence=0.9)
        elif root.get("is_question") is True and root.get("is_own") is False and not nods:
            verb, other = verbs.ANSWERED, verbs.REPLIED
            confidence = 0.6 if seen["is_only_question"] else 0.8
            yield self._said(record, people, verb, parent=topic, rule="reply-to-question", confidence=confidence)
        else:
            verb, other = verbs.REPLIED, verbs.ANSWERED
            above = record.get("above")
            yield self._said(record, people, verb, parent=f"{topic}#entry-{_number(above)}" if above else topic)
        if record.get("edited"):
            yield Retracted(f"{record.get('id')}/{other.name}", reason="edited into something else")

    def _said(
        self, record: Record, people: People, verb: Verb, *, parent: str | None = None, **inferred: Any
    ) -> Outcome:
        seen, entry = record["features"], record.get("entry")
        topic = self._address("discussion_topics", record["topic"])
        return statement(
            actor=_agent(people, record["person"]),
            verb=verb,
            object=activity(f"{topic}#entry-{_number(entry)}", types.FORUM_REPLY)
            if entry
            else activity(topic, types.FORUM_TOPIC),
            parent=parent,
            grouping=[*self._grouping(record), activity(topic, types.FORUM_TOPIC)] if entry else self._grouping(record),
            timestamp=parse_time(record["at"]),
            extensions={
                "channel-kind": "set_up_community" if self._is_community(record) else "course_community",
                "actor-role": "trainer" if record.get("role") in {"trainer", *TRAINERS} else None,
                "text-length": seen["length"],
                "text-language": seen["language"],
                "has-link": seen["has_link"],
                "is-question": seen["is_question"],
                "is-thanks": seen["is_thanks"],
            },
            key=f"{record.get('id')}/{verb.name}",
            revision=str(record.get("edited") or ""),
            **inferred,
        )

    @maps("view", by_other=True)
    def viewed_by_other(self, record: Record, people: People) -> Outcome:
        """Looked at under somebody's account."""
        return Ignored("done by somebody else under this person's account")

    @maps("view")
    def view(self, record: Record, people: People) -> Outcome:
        """`viewed` a thing of a course; the seconds are the vendor's estimate, and with them the moment is the end."""
        asset, person_ = record["asset"], record["person"]
        sort = str(asset.get("sort") or "").lower()
        if sort in _PEOPLE:
            return Ignored("looks at a person")
        if not person_.get("account"):
            return Ignored("by a visitor or a program, not by a person")
        if record.get("level") in {"participate", "submit"}:
            return Ignored("told by what was done there")
        if sort in _ASSETS and asset.get("id") and not record.get("list"):
            place, type_iri = _ASSETS[sort]
            thing = activity(self._address(place, asset["id"]), type_iri, name=_text(asset.get("name")))
        elif record["course"].get("id"):
            thing = self._course(record)
        else:
            return Ignored("page of the site, not of a course")
        seconds = number(record["seconds"]) if record.get("seconds") else 0.0
        if not 0 <= seconds <= _LONGEST_VIEW_S:
            raise BadRecord("the seconds of a page view are none")
        is_test = thing["definition"]["type"] == types.ASSESSMENT
        return statement(
            actor=_agent(people, person_),
            verb=verbs.VIEWED,
            object=thing,
            result={"duration": duration(seconds) if seconds or is_test else None},
            grouping=self._grouping(record),
            timestamp=parse_time(record["at"]) + timedelta(seconds=seconds),
            registration=self._registration(record),
            extensions={
                "actor-role": "trainer" if record.get("role") in {"trainer", *TRAINERS} else None,
                "device": record.get("device"),
            },
            key=str(record.get("id") or record.key),
            rule="time-on-page" if seconds else None,
            confidence=0.6,
        )

    @maps("session")
    def session(self, record: Record, people: People) -> Outcome:
        """`logged-in` and `logged-out`."""
        return statement(
            actor=_agent(people, record["person"]),
            verb=verbs.LOGGED_IN if record["name"] == "logged_in" else verbs.LOGGED_OUT,
            object=activity(self.tenant, types.LMS),
            timestamp=parse_time(record["at"]),
            key=str(record.get("id") or record.key),
        )

    # --- things and their addresses ------------------------------------------------------------------------------------------------

    def _address(self, place: str, value: Any) -> str:
        """A thing by its number, which is its own in the whole site: records do not always say of which course it is."""
        return f"{self.tenant}/{place}/{_number(value)}"

    def _course(self, record: Record) -> dict[str, Any]:
        course = record["course"]
        type_iri = types.COMMUNITY_SITE if self._is_community(record) else types.COURSE
        return activity(self._address("courses", course["id"]), type_iri, name=_text(course.get("name")))

    def _assignment(self, record: Record, type_iri: str) -> dict[str, Any]:
        assignment = record["assignment"]
        return activity(self._address("assignments", assignment["id"]), type_iri, name=_text(assignment.get("name")))

    def _grouping(self, record: Record) -> list[dict[str, Any]]:
        return [self._course(record)] if record["course"].get("id") else []

    def _names(self, record: Record) -> tuple[Any, ...]:
        course = record["course"]
        return course.get("sis"), course.get("name"), course.get("id")

    def _is_community(self, record: Record) -> bool:
        return self.courses.is_community(self._names(record))

    def _terms(self, record: Record, *, enrolled: Any = None, by: Any = None, due: bool = True) -> dict[str, Any]:
        begun = parse_time(enrolled) if enrolled else None
        return self.courses.terms(self._names(record), enrolled=begun, by=by, due=due)

    def _registration(self, record: Record) -> str | None:
        """One person in one course."""
        course, account = record["course"].get("id"), record["person"].get("account")
        return name_uuid("enrolment", self.tenant, str(course), str(account)) if course and account else None


# --- small readings -----------------------------------------------------------------------------------------------------------------------


def _rows(api: Api, path: str, query: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for page, _ in by_link(api, path, query):
        for row in page:
            if not isinstance(row, Mapping):
                raise UnexpectedShape(f"connection '{api.connection}': a list holds what is no object of Canvas")
            yield row


def _listed(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _inside(window: Window, at: Any) -> bool:
    """Whether a moment lies in the window; what has a strange one is for the mapping to refuse."""
    if not at:
        return True
    try:
        return window.holds(parse_time(at))
    except (BadRecord, TypeError, AttributeError):
        return True


def _since(window: Window, at: Any) -> bool:
    try:
        return not at or parse_time(at) >= window.start
    except (BadRecord, TypeError, AttributeError):
        return True


def _number(value: Any) -> str:
    """An id inside an address. Raises BadRecord."""
    text = str(value)
    if not (text.isascii() and text.replace("~", "", 1).isdecimal()):
        raise BadRecord("a thing has no number")
    return text


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _agent(people: People, who: Mapping[str, Any]) -> dict[str, Any]:
    return people.actor(who.get("account"), email=who.get("email"), hr=who.get("hr"))


def _instructor(people: People, record: Record) -> dict[str, Any] | None:
    try:
        return _agent(people, record["grader"]) if record.get("grader") else None
    except ExcludedAccount:
        return None
