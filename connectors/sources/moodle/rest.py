"""Moodle: enrolments, completions, quiz attempts, submissions, grades and forums of a site, through its web services.

API         REST web services (POST form, JSON), Moodle 4.1 and later; no plugin. A service holds the functions that `FUNCTIONS` names
Permission  a user of its own, enrolled nowhere, with a role at system level: webservice/rest:use, moodle/course:view, viewhiddencourses, viewhiddenactivities,
            viewparticipants, useremail, isincompletionreports, moodle/user:viewdetails, viewalldetails, viewhiddendetails, moodle/site:accessallgroups,
            viewuseridentity, report/completion:view, report/progress:view, moodle/grade:viewall, gradereport/user:view, mod/forum:viewdiscussion,
            viewqandawithoutposting, mod/quiz:view, viewreports, mod/assign:view, viewgrades. A right that lacks is an error here, never an empty list
People      user id, e-mail address and id number (as the HR id) as keyed references; names stay behind. A deleted user has only the user id left
Content     posts become features in the pull stage; submissions, feedback and answers to questions are not kept. Private replies are never counted
Late facts  look back 3 days. Asks only about people whose last visit to the site lies inside: the visit to the course is often older than what they
            did in it (12 % of the completions of the recorded site). Completions set by a trainer or by cron show without a visit; on Mondays everyone is asked, a week back
Enrolled    the services give no date: the start of the course or the person's first visit, the later (rule enrolment-date-estimated)
Mandatory   the setting mandatory_courses: id number or short name, and a due date or the number of days after enrolment
Passed      a quiz attempt against the quiz's pass mark (passed, failed; completed where there is none); a regrade voids and states anew
Questions   the first post of a discussion that asks (rule question-in-text) or opens a question-and-answer forum; replies of others that
            say more than thanks are answers (rule reply-to-question). What a trainer does in the own course carries the role trainer
Not seen    views, logins and time spent (only the log store has them); deleted posts and ended enrolments: they are simply gone, and what was stated stays
Verified    with recordings of a real Moodle 4.5
"""

import html
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from connectors.http import Api, RequestRefused
from connectors.source import Connection, Record, Setting, Verified, Window
from connectors.sources.moodle.facts import SETTINGS, Facts, names_of
from connectors.sources.moodle.service import FUNCTIONS, PERSON_GONE, Changes, Service, parts
from connectors.sources.moodle.site import UNKNOWN, Site
from connectors.sources.moodle.values import seconds
from leerstroom.errors import BadRecord, UnexpectedShape

_WEEK = timedelta(days=7)


class Moodle(Facts):
    """One Moodle site."""

    name: ClassVar[str] = "moodle"
    title: ClassVar[str] = "Moodle"
    verified: ClassVar[Verified] = Verified.PAYLOADS
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("host", "Site", kind="url", help="its address, with the path where it lives under one, such as https://moodle.example.org"),
        Setting("token", "Token", secret=True, help="of the user and the service that the documentation describes"),
        *SETTINGS,
    )  # fmt: skip

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._read = Site(trainers=self._trainers)  # what `read` saw before: context for what it sees next

    def auth(self) -> Any:
        """None: the token travels in the form, so that no address or log ever holds it."""
        return None

    # --- pull ---------------------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """Records whose last change lies inside the window, course by course; enrolments as they stand."""
        service = Service(api, str(self.connection["token"]))
        told = service.site_info()
        service.has(FUNCTIONS, told)
        site = Site(service.users(told), trainers=self._trainers)
        courses = self._wanted(service.courses(), site)
        site.know("quizzes", service.in_courses("mod_quiz_get_quizzes_by_courses", "quizzes", courses))
        site.know("forums", service.in_courses("mod_forum_get_forums_by_courses", "", courses))
        site.know("assignments", service.assignments(courses))
        for course in courses:
            yield from self._of_course(service, site, course, window)
        yield from _inside(window, self._assignments(service, site, window))

    def _wanted(self, courses: list[dict[str, Any]], site: Site) -> list[str]:
        """Ids of the courses that are read, the site's front page never."""
        found = [
            course for course in courses if course.get("format") != "site" and self.courses.is_wanted(names_of(course))
        ]
        if not found:
            raise UnexpectedShape(
                f"connection '{self.connection.name}': the token sees {len(courses)} courses and none that is to be read;"
                " give its role moodle/course:view at system level, or correct the setting 'courses'"
            )
        site.know("courses", found)
        return [str(course["id"]) for course in found]

    def _of_course(self, service: Service, site: Site, course: str, window: Window) -> Iterator[Record]:
        """All that belongs to one course, but for assignments: those are asked for at once."""
        roster = service.roster(course)
        site.enrol(course, roster)
        for record in site.enrolments(course, roster):
            if not isinstance(record["enrolled"], int) or record["enrolled"] < window.end.timestamp():
                yield record
        changed = service.changed(course, window.start)
        since, sweep = window.start.timestamp(), self._sweep(window)
        asked = [person for person in roster if sweep or _last_visit(person) >= since]
        if not asked and not changed:
            return
        site.furnish(course, service.contents(course))
        _all_visible(self.connection.name, site, course)
        yield from _inside(sweep or window, self._completions(service, site, course, asked))
        yield from _inside(window, self._attempts(service, site, course, roster, changed, since))
        yield from _inside(window, site.grades(service.grades(course)))
        for cmid, areas in changed.items():
            if forum := site.forum(cmid) if "discussions" in areas else None:
                yield from _inside(window, self._posts(service, site, str(forum["id"]), window))

    def _sweep(self, window: Window) -> Window | None:
        """The window of completions of everybody: on Mondays, and where the window itself is longer than a week."""
        zone = ZoneInfo(str(self.connection.get("time_zone", "Europe/Amsterdam")))
        if window.end - window.start >= _WEEK:
            return window
        if window.end.astimezone(zone).weekday() == 0:
            return Window(window.end - _WEEK - self.look_back, window.end)
        return None

    def _completions(
        self, service: Service, site: Site, course: str, people: Iterable[Mapping[str, Any]]
    ) -> Iterator[Record]:
        if site.courses[course].get("enablecompletion") == 0:
            return
        has_criteria = True
        for person in people:
            user = str(person["id"])
            arguments = {"courseid": course, "userid": user}
            try:
                answer = service.ask("core_completion_get_activities_completion_status", "statuses", **arguments)
                yield from site.activity_completions(course, user, answer)
                if has_criteria:
                    whole = service.ask("core_completion_get_course_completion_status", None, **arguments)
                    yield from site.course_completion(course, user, whole)
            except RequestRefused as error:
                if error.code in {"nocriteriaset", "completionnotenabled"}:
                    has_criteria = False
                elif error.code in PERSON_GONE:
                    yield Record("activity_completion", f"course {course}/{user}", {"gone": True})
                else:
                    raise

    def _attempts(
        self, service: Service, site: Site, course: str, roster: list[dict[str, Any]], changed: Changes, since: float
    ) -> Iterator[Record]:  # fmt: skip
        """The attempts that the site says have changed: of those who visited, and one by one where that leaves some."""
        for quiz in site.of_course("quizzes", course):
            missing = set(changed.get(str(quiz.get("coursemodule")), {}).get("userattempts", ()))
            if missing and roster:
                quiz["pass_mark"] = service.pass_mark(str(quiz["id"]), str(roster[0]["id"]))
            for person in roster:
                if missing and _last_visit(person) >= since:
                    for record in site.attempts(service.attempts(str(quiz["id"]), str(person["id"]))):
                        missing.discard(record.key)
                        yield record
            for attempt in sorted(missing):
                review = service.review(attempt)
                yield from site.attempts([review]) if review else [Record("quiz_attempt", attempt, {"gone": True})]

    def _posts(self, service: Service, site: Site, forum: str, window: Window) -> Iterator[Record]:
        """Posts of the discussions that changed since the window began. Pinned discussions stand first whatever their age."""
        for page in service.discussions(forum):
            site.discuss(forum, page)
            recent = [each for each in page if seconds(each.get("timemodified")) >= window.start.timestamp()]
            for discussion in recent:
                yield from site.posts(service.posts(str(discussion["discussion"])))
            if any(not each.get("pinned") and each not in recent for each in page):
                return

    def _assignments(self, service: Service, site: Site, window: Window) -> Iterator[Record]:
        since = int(window.start.timestamp())
        for ids in parts(list(site.assignments)):
            yield from site.submissions(
                service.ask("mod_assign_get_submissions", "assignments", assignmentids=ids, since=since)
            )
            yield from site.assignment_grades(
                service.ask("mod_assign_get_grades", "assignments", assignmentids=ids, since=since)
            )

    def check(self, api: Api) -> str:
        """Name and release of the site, how many users and courses the token sees. Raises ConfigurationError for functions that the service lacks."""
        service = Service(api, str(self.connection["token"]))
        told = service.site_info()
        service.has(FUNCTIONS, told)
        users, courses = service.users(told), self._wanted(service.courses(), Site())
        name, release = html.unescape(str(told.get("sitename"))), str(told.get("release", "")).split(" ")[0]
        return f"{name}, Moodle {release}: {len(users)} users and {len(courses)} courses can be read"

    # --- read -----------------------------------------------------------------------------------------------------------------------

    def read(self, payload: Any) -> Iterator[Record]:
        """A record of our own, an answer of one of `FUNCTIONS`, or an exchange {"function", "params", "response"} around it.

        Answers that say nothing of their course or person (completions, rosters) need the exchange. Lists of users, courses,
        quizzes, forums and assignments give no record; what follows is richer for them.
        """
        if not isinstance(payload, Mapping | list) or not payload:
            raise BadRecord(UNKNOWN)
        if isinstance(payload, Mapping) and payload.get("fact") in self.record_kinds and payload.get("id"):
            yield Record(str(payload["fact"]), str(payload["id"]), payload)
            return
        if isinstance(payload, Mapping) and "response" in payload:
            params = payload.get("params")
            yield from self._read.answer(
                str(payload.get("function", "")), params if isinstance(params, Mapping) else {}, payload["response"]
            )
            return
        yield from self._read.answer("", {}, payload)


def _all_visible(connection: str, site: Site, course: str) -> None:
    """Raises UnexpectedShape where a course shows modules that the list of their sort leaves out: Moodle hides them with no error."""
    for modname, what, capability in (
        ("forum", "forums", "mod/forum:viewdiscussion"),
        ("quiz", "quizzes", "mod/quiz:view"),
        ("assign", "assignments", "mod/assign:view"),
    ):
        hidden = site.instances(course, modname) - {str(each["id"]) for each in site.of_course(what, course)}
        if hidden:
            raise UnexpectedShape(
                f"connection '{connection}': course {course} shows {len(hidden)} {what} that Moodle does not list for this token; give its role {capability}"
            )


def _inside(window: Window, records: Iterable[Record]) -> Iterator[Record]:
    """Records that last changed in the window; one without a time is no fact yet, one with a strange time is for the mapping to refuse."""
    start, end = window.start.timestamp(), window.end.timestamp()
    for record in records:
        at = record.get("at")
        is_undated = record.kind == "course_completion" and not at  # complete, it says, but not since when
        if record.get("gone") or is_undated or (at and (not isinstance(at, int | float) or start <= at < end)):
            yield record


def _last_visit(person: Mapping[str, Any]) -> float:
    """When somebody was last seen; a site that hides that from the token makes everybody count as seen just now."""
    told = [person[name] for name in ("lastaccess", "lastcourseaccess") if name in person]
    return max((seconds(each) for each in told), default=float("inf"))
