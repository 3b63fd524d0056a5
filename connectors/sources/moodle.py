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
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from fnmatch import fnmatch
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from connectors.http import Api, RequestRefused
from connectors.paging import by_number, dig
from connectors.source import Connection, Kind, Record, Setting, Source, Verified, Window, maps
from leerstroom.errors import BadRecord, ConfigurationError, CredentialsRefused, UnexpectedShape, Unreachable
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
    verbs,
)

REST = "/webservice/rest/server.php"
FUNCTIONS = (
    "core_webservice_get_site_info", "core_user_get_users", "core_course_get_courses_by_field", "core_course_get_contents", "core_course_get_updates_since",
    "core_enrol_get_enrolled_users", "core_completion_get_activities_completion_status", "core_completion_get_course_completion_status",
    "gradereport_user_get_grade_items", "mod_quiz_get_quizzes_by_courses", "mod_quiz_get_user_attempts", "mod_quiz_get_user_best_grade", "mod_quiz_get_attempt_review",
    "mod_assign_get_assignments", "mod_assign_get_submissions", "mod_assign_get_grades", "mod_forum_get_forums_by_courses", "mod_forum_get_forum_discussions",
    "mod_forum_get_discussion_posts",
)  # fmt: skip
ATTEMPTS_SINCE_5 = "mod_quiz_get_user_quiz_attempts"  # Moodle 5.0 renames mod_quiz_get_user_attempts
TRAINERS = ("editingteacher", "teacher", "manager", "coursecreator")
MODULES = {
    "assign": types.SCHOOL_ASSIGNMENT, "book": types.BOOK, "chat": types.CHAT_CHANNEL, "choice": types.SURVEY, "feedback": types.SURVEY,
    "folder": types.FILE, "forum": types.FORUM, "glossary": types.RESOURCE, "h5pactivity": types.MEDIA, "label": types.WEBPAGE, "lesson": types.LESSON,
    "page": types.PAGE, "questionnaire": types.SURVEY, "quiz": types.ASSESSMENT, "resource": types.FILE, "survey": types.SURVEY, "url": types.LINK,
    "wiki": types.RESOURCE, "workshop": types.SCHOOL_ASSIGNMENT, "bigbluebuttonbn": types.VIRTUAL_CLASSROOM,
}  # fmt: skip

_UNKNOWN = "neither a record nor an answer of Moodle's web services"
_WEEK = timedelta(days=7)
_PER_CALL = 100  # ids asked for in one call
_PER_PAGE = 100
_REFUSED = frozenset({
    "invalidtoken", "accessexception", "requireloginerror", "errorcoursecontextnotvalid", "nopermissions", "accessdenied", "servicenotavailable", "servicerequireslogin",
    "forbiddenwsuser", "passwordisexpired", "usernotconfirmed", "usernotconfirmedprotected", "wsaccessuserdeleted", "wsaccessusersuspended", "wsaccessuserexpired",
    "wsaccessusernologin", "sitepolicynotagreed", "enablewsdescription", "cannotuseservice", "usernotallowed", "cannotaccess", "notingroup",
})  # fmt: skip
_PASSING = frozenset({
    "sitemaintenance", "upgraderunning", "dbconnectionfailed", "dmlreadexception", "dmlwriteexception", "dmltransactionexception", "locktimeout",
})  # fmt: skip
_PERSON_GONE = frozenset({"userdeleted", "invaliduser", "invaliduserid", "notenroled", "usernotenrolled"})
_BY_ATTEMPT = frozenset({
    "completionusegrade", "completionpassgrade", "completionminattempts", "completionattemptsexhausted", "completionpassorattemptsexhausted",
})  # fmt: skip
_BY_OTHERS = frozenset({
    "cohort",
    "meta",
    "database",
    "ldap",
    "flatfile",
    "imsenterprise",
    "category",
})  # enrolment methods
_ATTEMPT_VERBS = (verbs.PASSED, verbs.FAILED, verbs.COMPLETED, verbs.ATTEMPTED)
_COURSE = ("course.id", "course.idnumber", "course.shortname", "course.name", "course.methods")
_COMMON = (*_COURSE, "person.account", "person.email", "person.hr", "role", "at", "gone")
_MODULE = ("module.cmid", "module.modname", "module.instance", "module.name")
_REFERENCES = {"person.account": "account", "person.email": "email", "person.hr": "hr"}

Changes = Mapping[str, Mapping[str, list[str]]]  # module -> area -> ids that changed


class Moodle(Source):
    """One Moodle site."""

    name: ClassVar[str] = "moodle"
    title: ClassVar[str] = "Moodle"
    kind: ClassVar[Kind] = Kind.LMS
    verified: ClassVar[Verified] = Verified.PAYLOADS
    look_back: ClassVar[timedelta] = timedelta(days=3)
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("host", "Site", kind="url", help="its address, with the path where it lives under one, such as https://moodle.example.org"),
        Setting("token", "Token", secret=True, help="of the user and the service that the documentation describes"),
        Setting("courses", "Courses", many=True, required=False, help="id numbers or short names (with *) of the courses that are read; empty: all"),
        Setting(
            "mandatory_courses", "Mandatory courses", kind="mapping", required=False,
            help="id number or short name as above: the due date (2026-12-01), or the number of days after enrolment",
        ),
        Setting("chosen_courses", "Chosen courses", many=True, required=False, help="courses that people enrol in themselves; of others that are not mandatory it is unknown"),
        Setting("communities", "Communities", many=True, required=False, help="courses that are a community of practice: to belong to one is no task to complete"),
        Setting("trainer_roles", "Roles of trainers", default=TRAINERS, many=True, required=False, help="short names of roles"),
        Setting("time_zone", "Time zone", default="Europe/Amsterdam", kind="zone", required=False, help="of due dates and of Mondays"),
    )  # fmt: skip
    record_kinds: ClassVar[tuple[str, ...]] = (
        "enrolment", "activity_completion", "course_completion", "quiz_attempt", "submission", "assignment_grade", "grade", "forum_post",
    )  # fmt: skip
    keep: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "enrolment": (*_COMMON, "enrolled", "is_dated"),
        "activity_completion": (*_COMMON, *_MODULE, "state", "rules"),
        "course_completion": (*_COMMON, "enrolled"),
        "quiz_attempt": (
            *_COMMON, *_MODULE, "preview", "state", "timestart", "timefinish", "sumgrades", "quiz.sumgrades", "quiz.grade", "quiz.pass_mark",
        ),
        "submission": (*_COMMON, *_MODULE, "status"),
        "assignment_grade": (*_COMMON, *_MODULE, "grade", "highest", "grader.account", "grader.email", "grader.hr"),
        "grade": (*_COMMON, *_MODULE, "itemtype", "grade", "lowest", "highest"),
        "forum_post": (
            *_COMMON, "forum.cmid", "forum.instance", "forum.name", "discussion", "parent", "root.id", "root.is_own", "root.is_question", "created", "is_edited", "is_deleted",
            "is_private", "is_question_forum",
        ),
    }  # fmt: skip
    content: ClassVar[Mapping[str, tuple[str, ...]]] = {"forum_post": ("subject", "message")}
    people: ClassVar[Mapping[str, Mapping[str, str]]] = {
        **dict.fromkeys(record_kinds, _REFERENCES),
        "assignment_grade": {**_REFERENCES, "grader.account": "account", "grader.email": "email", "grader.hr": "hr"},
    }

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._mandatory = _due_rules(connection)
        self._trainers = frozenset(connection.get("trainer_roles") or TRAINERS)
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

    def _wanted(self, courses: list[dict[str, Any]], site: "Site") -> list[str]:
        """Ids of the courses that are read, the site's front page never."""
        patterns = self.connection.get("courses") or ("*",)
        found = [course for course in courses if course.get("format") != "site" and _named(patterns, course)]
        if not found:
            raise UnexpectedShape(
                f"connection '{self.connection.name}': the token sees {len(courses)} courses and none that is to be read;"
                " give its role moodle/course:view at system level, or correct the setting 'courses'"
            )
        site.know("courses", found)
        return [str(course["id"]) for course in found]

    def _of_course(self, service: "Service", site: "Site", course: str, window: Window) -> Iterator[Record]:
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
        self, service: "Service", site: "Site", course: str, people: Iterable[Mapping[str, Any]]
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
                elif error.code in _PERSON_GONE:
                    yield Record("activity_completion", f"course {course}/{user}", {"gone": True})
                else:
                    raise

    def _attempts(
        self, service: "Service", site: "Site", course: str, roster: list[dict[str, Any]], changed: Changes, since: float
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

    def _posts(self, service: "Service", site: "Site", forum: str, window: Window) -> Iterator[Record]:
        """Posts of the discussions that changed since the window began. Pinned discussions stand first whatever their age."""
        for page in service.discussions(forum):
            site.discuss(forum, page)
            recent = [each for each in page if _seconds(each.get("timemodified")) >= window.start.timestamp()]
            for discussion in recent:
                yield from site.posts(service.posts(str(discussion["discussion"])))
            if any(not each.get("pinned") and each not in recent for each in page):
                return

    def _assignments(self, service: "Service", site: "Site", window: Window) -> Iterator[Record]:
        since = int(window.start.timestamp())
        for ids in _parts(list(site.assignments)):
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
            raise BadRecord(_UNKNOWN)
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

    # --- map -------------------------------------------------------------------------------------------------------------------------

    @maps("quiz_attempt", gone=True)
    @maps("activity_completion", gone=True)
    def gone(self, record: Record, people: People) -> Outcome:
        """What belonged to somebody who is no longer there."""
        return Ignored("of a person who left, so that Moodle does not show it")

    @maps("enrolment")
    def enrolment(self, record: Record, people: People) -> Outcome:
        """`registered` for a course, `joined` a community."""
        if record.get("role") == "trainer":
            return Ignored("enrolled as a trainer")
        is_community, is_dated = self._is_community(record["course"]), record.get("is_dated") is True
        terms = self._terms(record)
        return statement(
            actor=_agent(people, record["person"]),
            verb=verbs.JOINED if is_community else verbs.REGISTERED,
            object=self._course(record),
            timestamp=_moment(record["enrolled"]),
            registration=self._registration(record),
            extensions=None if is_community else terms,
            revision=f"{record['enrolled']}/{terms['due'] or ''}",
            rule=None if is_dated else "enrolment-date-estimated",
            confidence=None if is_dated else 0.5,
        )

    @maps("activity_completion")
    def activity_completion(self, record: Record, people: People) -> Iterable[Outcome]:
        """`completed` a module, with success where Moodle knows it; `failed` for complete without a pass; undone voids both."""
        state, module = record["state"], record["module"]
        failed = f"{record.key}/failed"
        if state not in {0, 1, 2, 3}:
            raise BadRecord("a completion without one of the states 0 to 3")
        if module["modname"] == "quiz" and _BY_ATTEMPT.intersection(record.get("rules") or ()):
            yield Ignored("completion of a quiz, told by its attempts")
            return
        if state == 0 and not record.get("at"):
            yield Ignored("module that was never touched")
            return
        if state == 0:
            yield Retracted(record.key, reason="completion undone")
            yield Retracted(failed, reason="completion undone")
            return
        if state == 3:
            yield Retracted(record.key, reason="completion became a fail")
        yield statement(
            actor=_agent(people, record["person"]),
            verb=verbs.FAILED if state == 3 else verbs.COMPLETED,
            object=self._module(module),
            result={"completion": True, "success": {2: True, 3: False}.get(state)},
            grouping=self._grouping(record),
            timestamp=_moment(record["at"]),
            registration=self._registration(record),
            extensions=self._terms(record, due=False),
            key=failed if state == 3 else "",
            revision=f"{state}/{record['at']}",
        )

    @maps("course_completion")
    def course_completion(self, record: Record, people: People) -> Outcome:
        """`completed` a course, at the moment of the last criterion that was needed."""
        terms = self._terms(record)
        return statement(
            actor=_agent(people, record["person"]),
            verb=verbs.COMPLETED,
            object=self._course(record),
            result={"completion": True},
            timestamp=_moment(record["at"]),
            registration=self._registration(record),
            extensions=terms,
            revision=f"{record['at']}/{terms['due'] or ''}",
        )

    @maps("quiz_attempt")
    def quiz_attempt(self, record: Record, people: People) -> Iterable[Outcome]:
        """One attempt: `passed` or `failed` against the pass mark, `completed` without one, `attempted` when it was abandoned."""
        if record.get("preview"):
            yield Ignored("preview of a quiz by a trainer")
            return
        if record["state"] in {"inprogress", "overdue", "notstarted", "submitted"}:
            yield Ignored("attempt that is still open")
            return
        if record["state"] not in {"finished", "abandoned"}:
            raise BadRecord("an attempt in an unknown state")
        is_finished = record["state"] == "finished"
        passed = _passed(record) if is_finished else None
        verb = (
            verbs.ATTEMPTED if not is_finished
            else verbs.COMPLETED if passed is None
            else verbs.PASSED if passed
            else verbs.FAILED
        )  # fmt: skip
        end = record["timefinish"] if is_finished else record["at"]
        seconds = _number(end) - _number(record["timestart"])
        if seconds < 0:
            raise BadRecord("an attempt ends before it starts")
        yield statement(
            actor=_agent(people, record["person"]),
            verb=verb,
            object=self._module(record["module"]),
            result={
                "score": _score(record.get("sumgrades"), 0, dig(record, "quiz.sumgrades")) if is_finished else None,
                "success": passed,
                "completion": True if is_finished else None,
                "duration": duration(seconds) if seconds and is_finished else None,
            },
            grouping=self._grouping(record),
            timestamp=_moment(end),
            registration=self._registration(record),
            extensions=self._terms(record, due=False),
            key=f"{record.key}/{verb.name}",
            revision=f"{record.get('sumgrades')}/{dig(record, 'quiz.sumgrades')}/{record['at']}",
        )
        if is_finished and record["at"] != record["timefinish"]:  # touched after its end: graded by hand, or again
            for other in _ATTEMPT_VERBS:
                if other is not verb:
                    yield Retracted(f"{record.key}/{other.name}", reason="attempt graded again")

    @maps("submission")
    def submission(self, record: Record, people: People) -> Outcome:
        """`submitted` an assignment; a submission that was changed is stated anew."""
        if record.get("status") != "submitted":
            return Ignored("submission that is no more than a draft")
        if record["person"].get("account") is None:
            return Ignored("submission of a group, whose writers are not known")
        return statement(
            actor=_agent(people, record["person"]),
            verb=verbs.SUBMITTED,
            object=self._module(record["module"]),
            grouping=self._grouping(record),
            timestamp=_moment(record["at"]),
            registration=self._registration(record),
            extensions=self._terms(record, due=False),
            revision=str(record["at"]),
        )

    @maps("assignment_grade")
    def assignment_grade(self, record: Record, people: People) -> Outcome:
        """`scored` for an assignment; the trainer stands in the context."""
        grade, highest = _number(record["grade"]), record.get("highest")
        if grade < 0:
            return Ignored("not graded yet")
        if highest is not None and _number(highest) <= 0:
            return Ignored("graded in words of a scale, not in numbers")
        return self._scored(record, people, _score(grade, 0, highest), instructor=_instructor(people, record))

    @maps("grade", itemtype="mod")
    def grade(self, record: Record, people: People) -> Outcome:
        """`scored` for a module of another sort (SCORM, H5P, lesson…)."""
        sort = record["module"]["modname"]
        if sort in {"quiz", "assign"}:
            return Ignored("grade of a quiz or assignment, told by attempt or grading")
        if sort == "forum":
            return Ignored("ratings of forum posts together")
        if record.get("grade") is None:
            return Ignored("not graded yet")
        return self._scored(record, people, _score(record["grade"], record.get("lowest"), record.get("highest")))

    @maps("grade")
    def total(self, record: Record, people: People) -> Outcome:
        """Totals of courses and categories are computed from grades that count already."""
        return Ignored("total of grades that are counted one by one")

    def _scored(self, record: Record, people: People, score: Any, **told: Any) -> Outcome:
        return statement(
            actor=_agent(people, record["person"]),
            verb=verbs.SCORED,
            object=self._module(record["module"]),
            result={"score": score},
            grouping=self._grouping(record),
            timestamp=_moment(record["at"]),
            registration=self._registration(record),
            extensions=self._terms(record, due=False),
            revision=f"{record['grade']}/{record['at']}",
            **told,
        )

    @maps("forum_post", is_private=True)
    def private_reply(self, record: Record, people: People) -> Outcome:
        """A reply to one person only."""
        return Ignored("private reply")

    @maps("forum_post", is_deleted=True)
    def deleted_post(self, record: Record, people: People) -> Iterable[Outcome]:
        """A post whose content was deleted while its place stays."""
        return [
            Retracted(f"{record.key}/{verb.name}")
            for verb in (verbs.ASKED, verbs.POSTED, verbs.ANSWERED, verbs.REPLIED)
        ]

    @maps("forum_post")
    def forum_post(self, record: Record, people: People) -> Iterable[Outcome]:
        """A question or contribution that opens a discussion, an answer, or another reply; an edit may make it another one."""
        seen, root = record["features"], record.get("root") or {}
        if not record.get("parent"):
            by_forum = record.get("is_question_forum") is True
            asked = by_forum or seen["is_question"]
            verb, other = (verbs.ASKED, verbs.POSTED) if asked else (verbs.POSTED, verbs.ASKED)
            rule = "question-and-answer-forum" if by_forum else "question-in-text" if asked else None
            yield self._said(record, people, verb, types.FORUM_TOPIC, rule=rule, confidence=0.9)
        elif (
            root.get("is_question") is True
            and root.get("is_own") is False
            and not (
                seen["is_acknowledgement"]
                or (seen["is_thanks"] and seen["length"] in {"none", "short"} and not seen["has_link"])
            )
        ):
            verb, other = verbs.ANSWERED, verbs.REPLIED
            yield self._said(
                record, people, verb, types.FORUM_REPLY, parent=root["id"], rule="reply-to-question",
                confidence=0.6 if seen["is_only_question"] else 0.8,
            )  # fmt: skip
        else:
            verb, other = verbs.REPLIED, verbs.ANSWERED
            yield self._said(record, people, verb, types.FORUM_REPLY, parent=record["parent"])
        if record.get("is_edited"):
            yield Retracted(f"{record.key}/{other.name}", reason="edited into something else")

    def _said(
        self, record: Record, people: People, verb: Verb, type_iri: str, *, parent: Any = None, **inferred: Any
    ) -> Outcome:
        seen = record["features"]
        return statement(
            actor=_agent(people, record["person"]),
            verb=verb,
            object=activity(self._post_iri(record, record.key), type_iri),
            parent=self._post_iri(record, parent) if parent else None,
            grouping=self._grouping(record),
            timestamp=_moment(record["created"]),
            extensions={
                "channel-kind": "set_up_community" if self._is_community(record["course"]) else "course_community",
                "actor-role": "trainer" if record.get("role") == "trainer" else None,
                "text-length": seen["length"],
                "text-language": seen["language"],
                "has-link": seen["has_link"],
                "is-question": seen["is_question"],
                "is-thanks": seen["is_thanks"],
            },
            key=f"{record.key}/{verb.name}",
            revision=str(record["at"]) if record.get("is_edited") else "",
            **inferred,
        )

    # --- things and their addresses ------------------------------------------------------------------------------------------------

    def _course(self, record: Record) -> dict[str, Any]:
        """A course, or a community of practice in the clothes of one."""
        course = record["course"]
        return activity(
            f"{self.tenant}/course/view.php?id={_id(course['id'])}",
            types.COMMUNITY_SITE if self._is_community(course) else types.COURSE,
            name=course.get("name") or None,
        )

    def _grouping(self, record: Record) -> list[dict[str, Any]]:
        """The course first, then the forum; nothing where a payload does not say them."""
        course, forum = record["course"], record.get("forum")
        return [
            *([self._course(record)] if course.get("id") else ()),
            *([self._module({"modname": "forum", **forum})] if forum else ()),
        ]

    def _is_community(self, course: Mapping[str, Any]) -> bool:
        return _named(self.connection.get("communities") or (), course)

    def _module(self, module: Mapping[str, Any]) -> dict[str, Any]:
        """A module by its number in the course; by its number among its sort where a payload says no more."""
        sort = str(module["modname"])
        place = f"id={_id(module['cmid'])}" if module.get("cmid") else f"instance={_id(module['instance'])}"
        return activity(
            f"{self.tenant}/mod/{sort}/view.php?{place}",
            MODULES.get(sort, types.MODULE),
            name=module.get("name") or None,
        )

    def _post_iri(self, record: Record, post: Any) -> str:
        return f"{self.tenant}/mod/forum/discuss.php?d={_id(record['discussion'])}#p{_id(post)}"

    def _registration(self, record: Record) -> str | None:
        """One enrolment of one person."""
        course = record["course"].get("id")
        return (
            name_uuid("enrolment", self.tenant, str(course), str(record["person"].get("account"))) if course else None
        )

    def _terms(self, record: Record, *, due: bool = True) -> dict[str, Any]:
        """Extensions `initiator` and `mandatory`, and `due` for the course as a whole."""
        course = record["course"]
        rule = next((rule for name, rule in self._mandatory.items() if _named((name,), course)), None)
        if rule is None:
            methods = set(course.get("methods") or ())
            is_chosen = methods == {"self"} or _named(self.connection.get("chosen_courses") or (), course)
            is_assigned = bool(methods) and methods <= _BY_OTHERS
            initiator = "self" if is_chosen else "assigned" if is_assigned else None
            return {"initiator": initiator, "mandatory": False if is_chosen else None, "due": None}
        last = rule if isinstance(rule, date) else None
        if due and last is None:
            zone = ZoneInfo(str(self.connection.get("time_zone", "Europe/Amsterdam")))
            last = (_moment(record["enrolled"]).astimezone(zone) + timedelta(days=int(rule))).date()  # type: ignore[arg-type]  # a date or a number
        return {"initiator": "assigned", "mandatory": True, "due": last.isoformat() if due and last else None}


# --- what is known about a site -----------------------------------------------------------------------------------------------------------


class Site:
    """Courses, modules and people of a site, and the records that are made of its answers with their help.

    `pull` learns by calls, `read` from whatever payloads come by; an id that is not known stays an id.
    """

    def __init__(self, users: Iterable[Mapping[str, Any]] = (), *, trainers: Collection[str] = TRAINERS) -> None:
        self._trainers = frozenset(trainers)
        self.users: dict[str, Mapping[str, Any]] = {str(user.get("id")): user for user in users}
        self.courses: dict[str, dict[str, Any]] = {}
        self.quizzes: dict[str, dict[str, Any]] = {}
        self.forums: dict[str, dict[str, Any]] = {}
        self.assignments: dict[str, dict[str, Any]] = {}
        self._modules: dict[str, dict[str, Any]] = {}  # cmid -> {cmid, modname, instance, name, course}
        self._forum_of: dict[str, str] = {}  # discussion -> forum
        self._openings: dict[
            str, dict[str, Any]
        ] = {}  # discussion -> id, author, is_question, edited of its first post
        self._enrolled: dict[tuple[str, str], dict[str, Any]] = {}  # (course, user) -> {enrolled, roles}

    # --- learning

    def know(self, what: str, found: Iterable[Mapping[str, Any]]) -> None:
        """Takes in `courses`, `quizzes`, `forums` or `assignments`."""
        getattr(self, what).update({
            str(each["id"]): dict(each) for each in found if isinstance(each, Mapping) and each.get("id")
        })

    def furnish(self, course: str, sections: Iterable[Mapping[str, Any]]) -> None:
        """Takes in the modules of a course."""
        for section in sections:
            for module in _rows(section, "modules"):
                cmid = str(module.get("id"))
                self._modules[cmid] = {
                    "cmid": cmid,
                    "modname": module.get("modname"),
                    "instance": str(module.get("instance")),
                    "name": _plain(module.get("name")),
                    "course": course,
                }

    def enrol(self, course: str, roster: Iterable[Mapping[str, Any]]) -> None:
        """Takes in the people of a course."""
        begin = _seconds(self.courses.get(course, {}).get("startdate"))
        for person in roster:
            user = str(person.get("id"))
            self.users.setdefault(user, person)
            self._enrolled[course, user] = {
                "enrolled": max(begin, _seconds(person.get("firstaccess"))),
                "roles": [str(role.get("shortname")) for role in _rows(person, "roles")],
            }

    def discuss(self, forum: str, discussions: Iterable[Mapping[str, Any]]) -> None:
        """Takes in the discussions of a forum."""
        self._forum_of.update({str(each.get("discussion")): forum for each in discussions})

    def of_course(self, what: str, course: str) -> list[dict[str, Any]]:
        """The `quizzes`, `forums` or `assignments` of a course."""
        return [each for each in getattr(self, what).values() if str(each.get("course")) == course]

    def forum(self, cmid: str) -> dict[str, Any] | None:
        """The forum that is this module."""
        return next((each for each in self.forums.values() if str(each.get("cmid")) == cmid), None)

    def instances(self, course: str, modname: str) -> set[str]:
        """Numbers among their sort of the modules that a course shows."""
        return {
            module["instance"]
            for module in self._modules.values()
            if module["course"] == course and module["modname"] == modname
        }

    # --- answers into records

    def answer(self, function: str, params: Mapping[str, Any], response: Any) -> Iterator[Record]:
        """The records of any answer, told by its shape. Raises BadRecord for an error, for no known shape, and where it lacks whose it is."""
        if isinstance(response, list):
            yield from self._answer_list(function, str(params.get("courseid") or ""), response)
            return
        if not isinstance(response, Mapping):
            raise BadRecord(_UNKNOWN)
        if "exception" in response:
            raise BadRecord(f"an error of Moodle, not an answer ({_code(response) or 'without code'})")
        match _shape(response):
            case "users" | "quizzes" | "courses" as what:
                self._learn(what, _rows(response, what))
            case "attempts" | "posts" | "usergrades" as what:
                makers = {"attempts": self.attempts, "posts": self.posts, "usergrades": self.grades}
                yield from makers[what](_rows(response, what))
            case "attempt":
                yield from self.attempts([response["attempt"]])
            case "discussions":
                self.discuss(str(params.get("forumid") or ""), _rows(response, "discussions"))
                yield from self.posts([_opening(each) for each in _rows(response, "discussions")])
            case "assignments":
                yield from self.submissions(_rows(response, "assignments"))
                yield from self.assignment_grades(_rows(response, "assignments"))
            case "statuses" | "completionstatus":
                yield from self._completion(params, response)
            case "row":
                yield from self._row(response)
            case _:
                raise BadRecord(_UNKNOWN)

    def _completion(self, params: Mapping[str, Any], response: Mapping[str, Any]) -> Iterator[Record]:
        course, user = _text(params.get("courseid")), _text(params.get("userid"))
        if not course or not user:
            raise BadRecord(
                'a completion says not whose it is; give it as {"function", "params": {"courseid", "userid"}, "response"}'
            )
        if "statuses" in response:
            yield from self.activity_completions(course, user, _rows(response, "statuses"))
        else:
            yield from self.course_completion(course, user, response)

    def _learn(self, what: str, found: list[Mapping[str, Any]]) -> None:
        if what == "users":
            self.users.update({str(user.get("id")): user for user in found})
        elif what == "courses" and any("assignments" in each for each in found):
            self.know("assignments", _with_course(found))
            self.know("courses", found)
        else:
            self.know(what, found)

    def _answer_list(self, function: str, course: str, rows: list[Any]) -> Iterator[Record]:
        if not rows or not all(isinstance(row, Mapping) for row in rows):
            raise BadRecord(_UNKNOWN)
        first = rows[0]
        if "modules" in first and course:
            self.furnish(course, rows)
        elif "cmid" in first and "type" in first:
            self.know("forums", rows)
        elif "format" in first and "shortname" in first:
            self.know("courses", rows)
        elif "roles" in first or function == "core_enrol_get_enrolled_users":
            if not course:
                raise BadRecord(
                    'a list of enrolled users says not of which course; give it as {"function", "params": {"courseid"}, "response"}'
                )
            self.enrol(course, rows)
            yield from self.enrolments(course, rows)
        elif "username" in first:
            self._learn("users", rows)
        else:
            for row in rows:
                yield from self.answer("", {}, row)

    def _row(self, row: Mapping[str, Any]) -> Iterator[Record]:
        """One row of a list."""
        if "quiz" in row:
            yield from self.attempts([row])
        elif "author" in row:
            yield from self.posts([row])
        elif "grader" in row:
            yield from self.assignment_grades([{"assignmentid": row.get("assignment"), "grades": [row]}])
        else:
            yield from self.submissions([{"assignmentid": row.get("assignment"), "submissions": [row]}])

    def enrolments(self, course: str, roster: Iterable[Mapping[str, Any]]) -> Iterator[Record]:
        """One a person and course."""
        for person in roster:
            user = str(person.get("id"))
            fields = {"enrolled": self._enrolled[course, user]["enrolled"], "is_dated": False}
            yield self._made("enrolment", f"{course}/{user}", course, user, None, fields)

    def activity_completions(self, course: str, user: str, statuses: Iterable[Mapping[str, Any]]) -> Iterator[Record]:
        """One a person and module that was ever touched; a state of 0 with a time is one that was undone or has just begun."""
        for status in statuses:
            cmid = str(status.get("cmid"))
            fields = {
                "module": self._module(cmid, status.get("modname"), status.get("instance")),
                "state": status.get("state"),
                "rules": [str(rule.get("rulename")) for rule in _rows(status, "details")],
            }
            yield self._made("activity_completion", f"{cmid}/{user}", course, user, status.get("timecompleted"), fields)

    def course_completion(self, course: str, user: str, answer: Any) -> Iterator[Record]:
        """One where the course is complete. Its date is that of the criterion that made it so: the last of all, or the first of any."""
        status = answer.get("completionstatus") if isinstance(answer, Mapping) else None
        if not isinstance(status, Mapping):
            raise UnexpectedShape(
                "the answer to core_completion_get_course_completion_status holds no completionstatus"
            )
        if status.get("completed") is not True:
            return
        times = [
            _seconds(each.get("timecompleted")) for each in _rows(status, "completions") if each.get("timecompleted")
        ]
        at = (min if status.get("aggregation") == 2 else max)(times, default=0)
        enrolled = self._enrolled.get((course, user), {}).get("enrolled")
        yield self._made("course_completion", f"{course}/{user}", course, user, at, {"enrolled": enrolled})

    def attempts(self, attempts: Iterable[Mapping[str, Any]]) -> Iterator[Record]:
        """One an attempt, with what the quiz is measured by."""
        for attempt in attempts:
            quiz = self.quizzes.get(str(attempt.get("quiz")), {})
            fields = {
                "module": self._module(quiz.get("coursemodule"), "quiz", attempt.get("quiz"), quiz.get("name")),
                **{name: attempt.get(name) for name in ("preview", "state", "timestart", "timefinish", "sumgrades")},
                "quiz": {name: quiz.get(name) for name in ("sumgrades", "grade", "pass_mark")},
            }
            course, user, at = str(quiz.get("course") or ""), attempt.get("userid"), attempt.get("timemodified")
            yield self._made("quiz_attempt", str(attempt.get("id")), course, user, at, fields)

    def submissions(self, assignments: Iterable[Mapping[str, Any]]) -> Iterator[Record]:
        """One a submission; that of a group names no person."""
        for assignment, row in _nested(assignments, "submissions"):
            fields = {"module": self._assignment(assignment), "status": row.get("status")}
            yield self._made(
                "submission", str(row.get("id")), self._course_of(assignment), row.get("userid") or None, row.get("timemodified"), fields
            )  # fmt: skip

    def assignment_grades(self, assignments: Iterable[Mapping[str, Any]]) -> Iterator[Record]:
        """One a graded submission, with who graded it."""
        for assignment, row in _nested(assignments, "grades"):
            grader = row.get("grader")
            fields = {
                "module": self._assignment(assignment),
                "grade": row.get("grade"),
                "highest": self.assignments.get(assignment, {}).get("grade"),
                "grader": self._person(grader) if isinstance(grader, int) and grader > 0 else None,
            }
            yield self._made(
                "assignment_grade", str(row.get("id")), self._course_of(assignment), row.get("userid"), row.get("timemodified"), fields
            )  # fmt: skip

    def grades(self, usergrades: Iterable[Mapping[str, Any]]) -> Iterator[Record]:
        """One a person and item of the gradebook that holds a grade."""
        for person in usergrades:
            course, user = str(person.get("courseid") or ""), str(person.get("userid"))
            for item in _rows(person, "gradeitems"):
                if item.get("graderaw") is None:
                    continue
                fields = {
                    "module": self._module(item.get("cmid"), item.get("itemmodule"), item.get("iteminstance")),
                    "itemtype": item.get("itemtype"),
                    "grade": item.get("graderaw"),
                    "lowest": item.get("grademin"),
                    "highest": item.get("grademax"),
                }
                yield self._made("grade", f"{item.get('id')}/{user}", course, user, item.get("gradedategraded"), fields)

    def posts(self, posts: Iterable[Mapping[str, Any]]) -> Iterator[Record]:
        """One a post, each with whether the opening post of its discussion asks, where that was seen."""
        together = list(posts)
        for post in together:
            if not post.get("parentid"):
                self._open(post)
        for post in together:
            discussion, parent = str(post.get("discussionid")), _text(post.get("parentid"))
            forum = self.forums.get(self._forum_of.get(discussion, ""), {})
            opening = self._openings.get(discussion) if parent else None
            is_private = post.get("isprivatereply") is True
            created = post.get("timecreated")
            edited = max(_edited(post), opening["edited"] if opening and opening["edited"] > _seconds(created) else 0)
            fields = {
                "forum": self._forum(forum),
                "discussion": discussion,
                "parent": parent,
                "root": opening and {**opening, "is_own": opening["author"] == dig(post, "author.id")},
                "created": created,
                "is_edited": edited > 0,
                "is_deleted": post.get("isdeleted") is True,
                "is_private": is_private,
                "is_question_forum": forum.get("type") == "qanda",
                "subject": None if parent or is_private else post.get("subject"),
                "message": None if is_private else post.get("message"),
            }
            course, author = str(forum.get("course") or ""), dig(post, "author.id")
            yield self._made("forum_post", str(post.get("id")), course, author, edited or created, fields)

    def _open(self, post: Mapping[str, Any]) -> None:
        discussion = str(post.get("discussionid"))
        forum = self.forums.get(self._forum_of.get(discussion, ""), {})
        texts = [text for text in (post.get("subject"), post.get("message")) if isinstance(text, str)]
        is_question = forum.get("type") == "qanda" or asks(texts)
        self._openings[discussion] = {
            "id": _text(post.get("id")),
            "author": dig(post, "author.id"),
            "is_question": is_question and post.get("isdeleted") is not True,
            "edited": _edited(post),
        }

    # --- parts of records

    def _made(self, kind: str, key: str, course: str, user: Any, at: Any, fields: Mapping[str, Any]) -> Record:
        known = self.courses.get(course, {})
        roles = self._enrolled.get((course, str(user)), {}).get("roles", ())
        about = {
            "id": course or None,
            "idnumber": known.get("idnumber"),
            "shortname": known.get("shortname"),
            "name": _plain(known.get("fullname")),
            "methods": known.get("enrollmentmethods"),
        }
        role = "trainer" if self._trainers.intersection(roles) else None
        whose = {"course": about, "person": self._person(user), "role": role, "at": at}
        return Record(kind, key, {"fact": kind, "id": key, **whose, **fields})

    def _person(self, user: Any) -> dict[str, Any]:
        """The references of a user; a deleted one has a hash in the place of the address, which is no address."""
        if user is None or isinstance(user, dict | list):
            return {}
        known = self.users.get(str(user), {})
        address = str(known.get("email") or "")
        return {
            "account": str(user),
            "email": address if "@" in address else None,
            "hr": known.get("idnumber") or None,
        }

    def _module(self, cmid: Any, modname: Any, instance: Any, name: Any = None) -> dict[str, Any]:
        known = self._modules.get(str(cmid), {})
        return {
            "cmid": _text(cmid),
            "modname": modname or known.get("modname"),
            "instance": _text(instance),
            "name": known.get("name") or _plain(name),
        }

    def _forum(self, forum: Mapping[str, Any]) -> dict[str, Any] | None:
        return self._module(forum.get("cmid"), "forum", forum.get("id"), forum.get("name")) if forum else None

    def _assignment(self, assignment: str) -> dict[str, Any]:
        known = self.assignments.get(assignment, {})
        return self._module(known.get("cmid"), "assign", assignment, known.get("name"))

    def _course_of(self, assignment: str) -> str:
        return str(self.assignments.get(assignment, {}).get("course") or "")


# --- the web services ---------------------------------------------------------------------------------------------------------------------


class Service:
    """Calls of a site's web services; errors that come inside an answer 200 are sorted into ours."""

    def __init__(self, api: Api, token: str) -> None:
        self._api = api
        self._token = token
        self._attempts_function = "mod_quiz_get_user_attempts"

    def ask(self, function: str, items: str | None, **params: Any) -> Any:
        """The list `items` of the answer (""; the answer is the list itself; None: the answer as it is).

        Raises CredentialsRefused, Unreachable, RequestRefused with Moodle's error code, or UnexpectedShape.
        """
        form = {"wstoken": self._token, "wsfunction": function, "moodlewsrestformat": "json", **_form(params)}
        where = f"connection '{self._api.connection}' at {function}"
        body = self._api.post(REST, data=form).body
        if isinstance(body, dict) and "exception" in body:
            raise _sorted_error(where, _code(body), self._api.connection)
        found = body if not items else body.get(items) if isinstance(body, dict) else None
        if items is not None and not (isinstance(found, list) and all(isinstance(each, dict) for each in found)):
            raise UnexpectedShape(f"{where}: the answer holds no list{f' {items!r}' if items else ''}")
        return found

    def site_info(self) -> dict[str, Any]:
        """What the site says of itself and of the token's service."""
        told = self.ask("core_webservice_get_site_info", None)
        if not isinstance(told, dict) or "functions" not in told:
            raise UnexpectedShape(
                f"connection '{self._api.connection}': no answer of a Moodle site; check the host of the connection"
            )
        return told

    def has(self, functions: Iterable[str], told: Mapping[str, Any]) -> None:
        """Raises ConfigurationError that names every function that the service lacks."""
        held = {str(each.get("name")) for each in _rows(told, "functions")}
        if ATTEMPTS_SINCE_5 in held:
            self._attempts_function = ATTEMPTS_SINCE_5
            held.add("mod_quiz_get_user_attempts")
        lacking = [each for each in functions if each not in held]
        if lacking:
            raise ConfigurationError(
                f"connection '{self._api.connection}': the token's service lacks {', '.join(lacking)}; add them in Moodle under External services"
            )

    def users(self, told: Mapping[str, Any]) -> list[dict[str, Any]]:
        """All users. Raises UnexpectedShape where the token sees none but itself, which Moodle says with no error."""
        found = self.ask("core_user_get_users", "users", criteria=[{"key": "email", "value": "%"}])
        if not any(each.get("id") != told.get("userid") for each in found):
            raise UnexpectedShape(
                f"connection '{self._api.connection}' at core_user_get_users: the token sees no user but itself;"
                " give its role moodle/user:viewalldetails and moodle/user:viewdetails at system level"
            )
        return list(found)

    def courses(self) -> list[dict[str, Any]]:
        """All courses, the front page among them."""
        return list(self.ask("core_course_get_courses_by_field", "courses"))

    def in_courses(self, function: str, items: str, courses: list[str], **more: Any) -> list[dict[str, Any]]:
        """A list asked for by courses. Raises UnexpectedShape where warnings say that not one of the courses may be read."""
        found: list[dict[str, Any]] = []
        warned: set[str] = set()
        for ids in _parts(courses):
            body = self.ask(function, None, courseids=ids, **more)
            rows = body if not items else body.get(items) if isinstance(body, dict) else None
            if not isinstance(rows, list):
                raise UnexpectedShape(f"connection '{self._api.connection}' at {function}: the answer holds no list")
            found += rows
            warned |= {str(each.get("itemid")) for each in _rows(body, "warnings")}
        if courses and not found and warned.issuperset(courses):
            raise UnexpectedShape(
                f"connection '{self._api.connection}' at {function}: Moodle warns that the token may read none of the {len(courses)} courses;"
                " give its role the capabilities that the documentation names"
            )
        return found

    def assignments(self, courses: list[str]) -> list[dict[str, Any]]:
        """All assignments; the connector is enrolled nowhere, so it must ask for courses that it is not enrolled in."""
        found = self.in_courses("mod_assign_get_assignments", "courses", courses, includenotenrolledcourses=True)
        return _with_course(found)

    def roster(self, course: str) -> list[dict[str, Any]]:
        """Everybody who is enrolled in a course."""
        return list(self.ask("core_enrol_get_enrolled_users", "", courseid=course))

    def contents(self, course: str) -> list[dict[str, Any]]:
        """Sections with modules."""
        return list(self.ask("core_course_get_contents", "", courseid=course))

    def changed(self, course: str, since: datetime) -> Changes:
        """Module -> area -> ids that changed at `since` or later (Moodle itself asks: later than)."""
        rows = self.ask("core_course_get_updates_since", "instances", courseid=course, since=int(since.timestamp()) - 1)
        return {
            str(row.get("id")): {
                str(update.get("name")): [str(each) for each in update.get("itemids") or ()]
                for update in _rows(row, "updates")
            }
            for row in rows
            if row.get("contextlevel") == "module"
        }

    def attempts(self, quiz: str, user: str) -> list[dict[str, Any]]:
        """All attempts of one person; none for one who is gone."""
        try:
            return list(self.ask(self._attempts_function, "attempts", quizid=quiz, userid=user, status="all"))
        except RequestRefused as error:
            if error.code in _PERSON_GONE:
                return []
            raise

    def review(self, attempt: str) -> dict[str, Any] | None:
        """One attempt, whoever made it; None where Moodle does not show it (still open, or its maker is gone)."""
        try:
            found = self.ask("mod_quiz_get_attempt_review", None, attemptid=attempt)
        except (RequestRefused, CredentialsRefused):
            return None
        shown = found.get("attempt") if isinstance(found, dict) else None
        return shown if isinstance(shown, dict) else None

    def pass_mark(self, quiz: str, user: str) -> float | None:
        """The grade to pass of a quiz, None without one; Moodle tells it beside a person's best grade."""
        try:
            told = self.ask("mod_quiz_get_user_best_grade", None, quizid=quiz, userid=user)
        except RequestRefused as error:
            if error.code in _PERSON_GONE:
                return None
            raise
        mark = told.get("gradetopass") if isinstance(told, dict) else None
        return float(mark) if isinstance(mark, int | float) and mark > 0 else None

    def grades(self, course: str) -> list[dict[str, Any]]:
        """The gradebook of a course, everybody's."""
        return list(self.ask("gradereport_user_get_grade_items", "usergrades", courseid=course, userid=0))

    def discussions(self, forum: str) -> Iterator[list[dict[str, Any]]]:
        """Pages of discussions, the latest changed first, until an empty one. Raises CursorRepeated."""

        def page(number: int) -> list[dict[str, Any]]:
            return list(
                self.ask("mod_forum_get_forum_discussions", "discussions", forumid=forum, sortorder=1, page=number, perpage=_PER_PAGE)
            )  # fmt: skip

        return by_number(page, where=f"connection '{self._api.connection}' at mod_forum_get_forum_discussions")

    def posts(self, discussion: str) -> list[dict[str, Any]]:
        """All posts of a discussion."""
        return list(self.ask("mod_forum_get_discussion_posts", "posts", discussionid=discussion, sortby="created", sortdirection="ASC"))  # fmt: skip


def _sorted_error(where: str, code: str, connection: str) -> Exception:
    """Moodle's error codes in our tree; its messages are not repeated, they may name people."""
    if code in _REFUSED:
        hint = {
            "invalidtoken": "the token is unknown or not allowed from this address",
            "accessexception": "the token has expired, or its service lacks this function",
        }.get(code, "the token's user may not do this; give its role the capabilities that the documentation names")
        return CredentialsRefused(f"{where}: refused ({code}): {hint}; then run leerstroom check {connection}")
    if code in _PASSING:
        return Unreachable(f"{where}: the site cannot answer now ({code})")
    told = code or "an error without code, a fault inside Moodle"
    return RequestRefused(f"{where}: Moodle answers {told}", 200, code)


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


def _form(params: Mapping[str, Any]) -> dict[str, str]:
    """Nested parameters as Moodle's form wants them: a[0][b]=c, booleans as 1 and 0."""

    def flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
        if isinstance(value, Mapping):
            for key, each in value.items():
                yield from flat(f"{name}[{key}]", each)
        elif isinstance(value, list | tuple):
            for number, each in enumerate(value):
                yield from flat(f"{name}[{number}]", each)
        else:
            yield name, str(int(value)) if isinstance(value, bool) else str(value)

    return dict(pair for name, value in params.items() for pair in flat(name, value))


def _code(body: Mapping[str, Any]) -> str:
    code = body.get("errorcode")
    return code if isinstance(code, str) and len(code) <= 60 and code.replace("_", "").isalnum() else ""


# --- what the vendor's values mean ----------------------------------------------------------------------------------------------------------


def _inside(window: Window, records: Iterable[Record]) -> Iterator[Record]:
    """Records that last changed in the window; one without a time is no fact yet, one with a strange time is for the mapping to refuse."""
    start, end = window.start.timestamp(), window.end.timestamp()
    for record in records:
        at = record.get("at")
        is_undated = record.kind == "course_completion" and not at  # complete, it says, but not since when
        if record.get("gone") or is_undated or (at and (not isinstance(at, int | float) or start <= at < end)):
            yield record


def _named(patterns: Iterable[Any], course: Mapping[str, Any]) -> bool:
    """Whether a course goes by one of these id numbers or short names; `*` stands for anything."""
    names = [str(course.get(name)) for name in ("idnumber", "shortname", "id") if course.get(name)]
    return any(fnmatch(name, str(pattern)) for pattern in patterns for name in names)


def _due_rules(connection: Connection) -> dict[str, date | int]:
    """The setting mandatory_courses: name -> due date or days. Raises ConfigurationError that names every wrong one."""
    rules: dict[str, date | int] = {}
    wrong = []
    for name, value in (connection.get("mandatory_courses") or {}).items():
        try:
            if isinstance(value, datetime):
                rules[str(name)] = value.date()
            elif isinstance(value, date):
                rules[str(name)] = value
            else:
                text = str(value).strip()
                rules[str(name)] = int(text) if text.isdecimal() else date.fromisoformat(text)
        except ValueError:
            wrong.append(str(name))
    if wrong:
        raise ConfigurationError(
            f"connection '{connection.name}': mandatory_courses needs a date like 2026-12-01 or a number of days for {', '.join(wrong)}"
        )
    return rules


def _last_visit(person: Mapping[str, Any]) -> float:
    """When somebody was last seen; a site that hides that from the token makes everybody count as seen just now."""
    told = [person[name] for name in ("lastaccess", "lastcourseaccess") if name in person]
    return max((_seconds(each) for each in told), default=float("inf"))


def _moment(seconds: Any) -> datetime:
    """Aware time of an epoch in seconds; Moodle writes 0 for never. Raises BadRecord."""
    if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds <= 0:
        raise BadRecord("time is missing or no epoch in seconds")
    return parse_time(seconds)


def _seconds(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _number(value: Any) -> float:
    """A number as Moodle writes it, also as text ("8.00000"). Raises BadRecord."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise BadRecord("a number is missing")
    try:
        return float(value)
    except (ValueError, OverflowError) as error:
        raise BadRecord("a number is none") from error


def _score(raw: Any, lowest: Any, highest: Any) -> dict[str, float] | None:
    """XAPI score; None without a raw one. Extra credit goes past the maximum, which then gives way."""
    if raw is None:
        return None
    value, least = _number(raw), _number(lowest or 0)
    if highest is None or _number(highest) <= least:
        return {"raw": value}
    most = max(_number(highest), value)
    least = min(least, value)
    return {"scaled": round((value - least) / (most - least), 5), "raw": value, "min": least, "max": most}


def _passed(record: Mapping[str, Any]) -> bool | None:
    """Whether an attempt reaches the pass mark, on the scale of the quiz's grade; None where there is no mark or no score."""
    mark, best, scale = (dig(record, f"quiz.{name}") for name in ("pass_mark", "sumgrades", "grade"))
    if mark is None or record.get("sumgrades") is None or not best:
        return None
    return _number(record["sumgrades"]) / _number(best) * _number(scale) >= _number(mark) - 1e-6


def _agent(people: People, person: Mapping[str, Any]) -> dict[str, Any]:
    return people.actor(person.get("account"), email=person.get("email"), hr=person.get("hr"))


def _instructor(people: People, record: Mapping[str, Any]) -> dict[str, Any] | None:
    grader = record.get("grader")
    try:
        return _agent(people, grader) if grader else None
    except ExcludedAccount:
        return None


def _id(value: Any) -> str:
    """A number of Moodle's inside an address. Raises BadRecord."""
    text = str(value)
    if not (text.isascii() and text.isdecimal()):
        raise BadRecord("a thing has no number")
    return text


def _plain(name: Any) -> str | None:
    """The name of a course or module; Moodle sends it as HTML."""
    return html.unescape(name) if isinstance(name, str) and name else None


def _text(value: Any) -> str | None:
    return None if value is None or value == "" or isinstance(value, dict | list) else str(value)


def _edited(post: Mapping[str, Any]) -> int:
    """When a post was edited; 0 when it never was."""
    changed = _seconds(post.get("timemodified"))
    return changed if changed > _seconds(post.get("timecreated")) else 0


def _opening(discussion: Mapping[str, Any]) -> dict[str, Any]:
    """The opening post of a discussion, out of the list of discussions, in the shape of a post."""
    return {
        **{name: discussion.get(name) for name in ("id", "subject", "message")},
        "discussionid": discussion.get("discussion"),
        "author": {"id": discussion.get("userid")},
        "parentid": None,
        "timecreated": discussion.get("created"),
        "timemodified": discussion.get("modified"),
    }


def _shape(answer: Mapping[str, Any]) -> str:
    """Which answer this is: the name of the list that makes it out, `row` for one row of such a list, or nothing."""
    lists = ("users", "quizzes", "courses", "attempts", "posts", "discussions", "assignments", "usergrades", "statuses")
    if found := next((name for name in lists if isinstance(answer.get(name), list)), None):
        return found
    if found := next((name for name in ("attempt", "completionstatus") if isinstance(answer.get(name), Mapping)), None):
        return found
    is_row = {"quiz", "timestart"} <= answer.keys() or {"discussionid", "author"} <= answer.keys()
    return "row" if is_row or ({"attemptnumber", "userid"} <= answer.keys() and "timemodified" in answer) else ""


def _rows(answer: Any, name: str) -> list[Mapping[str, Any]]:
    """The objects of a list inside an answer; nothing where there is no such list."""
    found = answer.get(name) if isinstance(answer, Mapping) else None
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _nested(assignments: Iterable[Mapping[str, Any]], name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for assignment in assignments:
        for row in _rows(assignment, name):
            yield str(assignment.get("assignmentid")), row


def _with_course(courses: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{"course": course.get("id"), **each} for course in courses for each in _rows(course, "assignments")]


def _parts(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), _PER_CALL):
        yield ids[start : start + _PER_CALL]
