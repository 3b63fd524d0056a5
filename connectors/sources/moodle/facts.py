"""The facts of a Moodle site and what is stated of them, whichever way they come: enrolments, completions, attempts, grades and posts.

A fact that both the web services and the log tell is a record of one kind with one map function, so it is stated in the same words.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from connectors import courses
from connectors.courses import Courses
from connectors.paging import dig
from connectors.scores import number, score
from connectors.source import Connection, Kind, Record, Setting, Source, maps
from connectors.sources.moodle.values import agent, digits, moment, reaches_pass_mark
from leerstroom.errors import BadRecord
from leerstroom.people import ExcludedAccount, People
from leerstroom.statements import (
    Ignored,
    Outcome,
    Retracted,
    Verb,
    activity,
    duration,
    name_uuid,
    statement,
    types,
    verbs,
)

TRAINERS = ("editingteacher", "teacher", "manager", "coursecreator")
MODULES = {
    "assign": types.SCHOOL_ASSIGNMENT, "book": types.BOOK, "chat": types.CHAT_CHANNEL, "choice": types.SURVEY, "feedback": types.SURVEY,
    "facetoface": types.FACE_TO_FACE_DISCUSSION, "folder": types.FILE, "forum": types.FORUM, "glossary": types.GLOSSARY, "h5pactivity": types.MEDIA, "label": types.WEBPAGE, "lesson": types.LESSON, "lti": types.MEDIA,
    "page": types.PAGE, "questionnaire": types.SURVEY, "quiz": types.ASSESSMENT, "resource": types.FILE, "survey": types.SURVEY, "url": types.LINK,
    "wiki": types.WIKI, "workshop": types.SCHOOL_ASSIGNMENT, "bigbluebuttonbn": types.VIRTUAL_CLASSROOM,
}  # fmt: skip

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
COURSE = ("course.id", "course.idnumber", "course.shortname", "course.name", "course.methods")
COMMON = ("id", *COURSE, "person.account", "person.email", "person.hr", "role", "at", "gone")
MODULE = ("module.cmid", "module.modname", "module.instance", "module.name", "module.section")
OPENING = "opening"  # in the place of a post's number
REFERENCES = {"person.account": "account", "person.email": "email", "person.hr": "hr"}


SETTINGS = (
    *courses.SETTINGS,
    Setting("trainer_roles", "Roles of trainers", default=TRAINERS, many=True, required=False, help="short names of roles"),
    Setting("time_zone", "Time zone", default="Europe/Amsterdam", kind="zone", required=False, help="of due dates and of Mondays"),
)  # fmt: skip


class Facts(Source):
    """A Moodle site as its facts show it; how they are pulled is its subclasses' business."""

    kind: ClassVar[Kind] = Kind.LMS
    look_back: ClassVar[timedelta] = timedelta(days=3)
    record_kinds: ClassVar[tuple[str, ...]] = (
        "enrolment", "activity_completion", "course_completion", "quiz_attempt", "submission", "assignment_grade", "grade", "forum_post",
    )  # fmt: skip
    keep: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "enrolment": (*COMMON, "enrolled", "is_dated"),
        "activity_completion": (*COMMON, *MODULE, "state", "rules"),
        "course_completion": (*COMMON, "enrolled"),
        "quiz_attempt": (
            *COMMON, *MODULE, "preview", "state", "timestart", "timefinish", "sumgrades", "quiz.sumgrades", "quiz.grade", "quiz.pass_mark",
            "attempt", "questions.id", "questions.is_answered", "questions.is_right",
        ),
        "submission": (*COMMON, *MODULE, "status"),
        "assignment_grade": (*COMMON, *MODULE, "grade", "highest", "pass_mark", "grader.account", "grader.email", "grader.hr"),
        "grade": (*COMMON, *MODULE, "itemtype", "grade", "lowest", "highest"),
        "forum_post": (
            *COMMON, "forum.cmid", "forum.instance", "forum.name", "discussion", "parent", "root.id", "root.is_own", "root.is_question", "created", "is_edited", "is_deleted",
            "is_private", "is_question_forum",
        ),
    }  # fmt: skip
    content: ClassVar[Mapping[str, tuple[str, ...]]] = {"forum_post": ("subject", "message")}
    people: ClassVar[Mapping[str, Mapping[str, str]]] = {
        **dict.fromkeys(record_kinds, REFERENCES),
        "assignment_grade": {**REFERENCES, "grader.account": "account", "grader.email": "email", "grader.hr": "hr"},
    }

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.courses = Courses(connection)
        self._trainers = frozenset(connection.get("trainer_roles") or TRAINERS)

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
        is_community, is_dated = self.is_community(record["course"]), record.get("is_dated") is True
        terms = self.terms(record)
        return statement(
            actor=agent(people, record["person"]),
            verb=verbs.JOINED if is_community else verbs.REGISTERED,
            object=self.course(record),
            timestamp=moment(record["enrolled"]),
            registration=self.registration(record),
            extensions=None if is_community else terms,
            key=fact_of(record),
            revision=f"{record['enrolled']}/{terms['due'] or ''}",
            rule=None if is_dated else "enrolment-date-estimated",
            confidence=None if is_dated else 0.5,
        )

    @maps("activity_completion")
    def activity_completion(self, record: Record, people: People) -> Iterable[Outcome]:
        """`completed` a module, with success where Moodle knows it; `failed` for complete without a pass; undone voids both."""
        state, module = record["state"], record["module"]
        failed = f"{fact_of(record)}/failed"
        if state not in {0, 1, 2, 3}:
            raise BadRecord("a completion without one of the states 0 to 3")
        if module["modname"] == "quiz" and _BY_ATTEMPT.intersection(record.get("rules") or ()):
            yield Ignored("completion of a quiz, told by its attempts")
            return
        if state == 0 and not record.get("at"):
            yield Ignored("module that was never touched")
            return
        if state == 0:
            yield Retracted(fact_of(record), reason="completion undone")
            yield Retracted(failed, reason="completion undone")
            return
        if state == 3:
            yield Retracted(fact_of(record), reason="completion became a fail")
        yield statement(
            actor=agent(people, record["person"]),
            verb=verbs.FAILED if state == 3 else verbs.COMPLETED,
            object=self.module(module),
            result={"completion": True, "success": {2: True, 3: False}.get(state)},
            parent=self.around(record),
            grouping=self.grouping(record),
            timestamp=moment(record["at"]),
            registration=self.registration(record),
            extensions=self.terms(record, due=False),
            key=failed if state == 3 else fact_of(record),
            revision=f"{state}/{record['at']}",
        )

    @maps("course_completion")
    def course_completion(self, record: Record, people: People) -> Outcome:
        """`completed` a course, at the moment of the last criterion that was needed."""
        terms = self.terms(record)
        return statement(
            actor=agent(people, record["person"]),
            verb=verbs.COMPLETED,
            object=self.course(record),
            result={"completion": True},
            timestamp=moment(record["at"]),
            registration=self.registration(record),
            extensions=terms,
            key=fact_of(record),
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
        passed = reaches_pass_mark(record) if is_finished else None
        verb = (
            verbs.ATTEMPTED if not is_finished
            else verbs.COMPLETED if passed is None
            else verbs.PASSED if passed
            else verbs.FAILED
        )  # fmt: skip
        end = record["timefinish"] if is_finished else record["at"]
        seconds = number(end) - number(record["timestart"])
        if seconds < 0:
            raise BadRecord("an attempt ends before it starts")
        yield statement(
            actor=agent(people, record["person"]),
            verb=verb,
            object=self.module(record["module"]),
            result={
                "score": score(record.get("sumgrades"), 0, dig(record, "quiz.sumgrades")) if is_finished else None,
                "success": passed,
                "completion": True if is_finished else None,
                "duration": duration(seconds) if seconds and is_finished else None,
            },
            parent=self.around(record),
            grouping=self.grouping(record),
            timestamp=moment(end),
            registration=self.registration(record),
            extensions=self.terms(record, due=False),
            key=f"{fact_of(record)}/{verb.name}",
            revision=f"{record.get('sumgrades')}/{dig(record, 'quiz.sumgrades')}/{record['at']}",
        )
        yield from self._answers(record, people, moment(end))
        if is_finished and record["at"] != record["timefinish"]:  # touched after its end: graded by hand, or again
            for other in _ATTEMPT_VERBS:
                if other is not verb:
                    yield Retracted(f"{fact_of(record)}/{other.name}", reason="attempt graded again")

    def _answers(self, record: Record, people: People, end: datetime) -> Iterable[Outcome]:
        """`answered`, one a question; what was answered is not kept. Its length is zero, since the attempt has all the time."""
        attempt = f"{self.tenant}/mod/quiz/attempt.php?attempt={fact_of(record)}&cmid={dig(record, 'module.cmid')}"
        for question in record.get("questions") or ():
            place = f"cmid={digits(record['module']['cmid'])}&id={digits(question['id'])}"
            yield statement(
                actor=agent(people, record["person"]),
                verb=verbs.ANSWERED,
                object=activity(f"{self.tenant}/question/question.php?{place}", types.CMI_INTERACTION),
                result={
                    "completion": question["is_answered"],
                    "success": question.get("is_right"),
                    "duration": duration(0),
                },
                parent=[activity(attempt, types.ATTEMPT), self.module(record["module"]), *self.around(record)],
                grouping=self.grouping(record),
                timestamp=end,
                registration=self.registration(record),
                key=f"{fact_of(record)}/question {question['id']}",
                revision=f"{question.get('is_right')}",
            )

    @maps("submission")
    def submission(self, record: Record, people: People) -> Outcome:
        """`submitted` an assignment; a submission that was changed is stated anew."""
        if record.get("status") != "submitted":
            return Ignored("submission that is no more than a draft")
        if record["person"].get("account") is None:
            return Ignored("submission of a group, whose writers are not known")
        return statement(
            actor=agent(people, record["person"]),
            verb=verbs.SUBMITTED,
            object=self.module(record["module"]),
            parent=self.around(record),
            grouping=self.grouping(record),
            timestamp=moment(record["at"]),
            registration=self.registration(record),
            extensions=self.terms(record, due=False),
            key=fact_of(record),
            revision=str(record["at"]),
        )

    @maps("assignment_grade")
    def assignment_grade(self, record: Record, people: People) -> Outcome | list[Outcome]:
        """`scored` for an assignment; the trainer stands in the context. A grade that is taken off is taken back."""
        grade, highest = number(record["grade"]), record.get("highest")
        if grade < 0:
            return [Ignored("not graded yet"), Retracted(fact_of(record), reason="no longer graded")]
        if highest is not None and number(highest) <= 0:
            return Ignored("graded in words of a scale, not in numbers")
        return self._scored(record, people, score(grade, 0, highest), instructor=_instructor(people, record))

    @maps("grade", itemtype="mod")
    def grade(self, record: Record, people: People) -> Outcome | list[Outcome]:
        """`scored` for a module of another sort (SCORM, H5P, lesson…). A grade that is taken off is taken back."""
        sort = record["module"]["modname"]
        if sort in {"quiz", "assign"}:
            return Ignored("grade of a quiz or assignment, told by attempt or grading")
        if sort == "forum":
            return Ignored("ratings of forum posts together")
        if record.get("grade") is None:
            return [Ignored("not graded yet"), Retracted(fact_of(record), reason="no longer graded")]
        return self._scored(record, people, score(record["grade"], record.get("lowest"), record.get("highest")))

    @maps("grade")
    def total(self, record: Record, people: People) -> Outcome:
        """Totals of courses and categories are computed from grades that count already."""
        return Ignored("total of grades that are counted one by one")

    def _scored(self, record: Record, people: People, score: Any, **told: Any) -> Outcome:
        return statement(
            actor=agent(people, record["person"]),
            verb=verbs.SCORED,
            object=self.module(record["module"]),
            result={"score": score, "success": self._is_enough(record)},
            parent=self.around(record),
            grouping=self.grouping(record),
            timestamp=moment(record["at"]),
            registration=self.registration(record),
            extensions=self.terms(record, due=False),
            key=fact_of(record),
            revision=f"{record['grade']}/{record['at']}",
            **told,
        )

    @staticmethod
    def _is_enough(record: Record) -> bool | None:
        """Whether a grade reaches the grade to pass, where the site has set one."""
        mark = record.get("pass_mark")
        return number(record["grade"]) >= number(mark) if mark else None

    @maps("forum_post", is_private=True)
    def private_reply(self, record: Record, people: People) -> Outcome:
        """A reply to one person only."""
        return Ignored("private reply")

    @maps("forum_post", is_deleted=True)
    def deleted_post(self, record: Record, people: People) -> Iterable[Outcome]:
        """A post whose content was deleted while its place stays."""
        return [
            Retracted(f"{fact_of(record)}/{verb.name}")
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
            yield Retracted(f"{fact_of(record)}/{other.name}", reason="edited into something else")

    def _said(
        self, record: Record, people: People, verb: Verb, type_iri: str, *, parent: Any = None, **inferred: Any
    ) -> Outcome:
        seen = record["features"]
        return statement(
            actor=agent(people, record["person"]),
            verb=verb,
            object=activity(self.post_iri(record, fact_of(record)), type_iri),
            parent=self.post_iri(record, parent) if parent else None,
            grouping=self.grouping(record),
            timestamp=moment(record["created"]),
            extensions={
                "channel-kind": "set_up_community" if self.is_community(record["course"]) else "course_community",
                "actor-role": "trainer" if record.get("role") == "trainer" else None,
                "text-length": seen["length"],
                "text-language": seen["language"],
                "has-link": seen["has_link"],
                "is-question": seen["is_question"],
                "is-thanks": seen["is_thanks"],
            },
            key=f"{fact_of(record)}/{verb.name}",
            revision=str(record["at"]) if record.get("is_edited") else "",
            **inferred,
        )

    # --- things and their addresses ------------------------------------------------------------------------------------------------

    def course(self, record: Record) -> dict[str, Any]:
        """A course, or a community of practice in the clothes of one."""
        course = record["course"]
        return activity(
            f"{self.tenant}/course/view.php?id={digits(course['id'])}",
            types.COMMUNITY_SITE if self.is_community(course) else types.COURSE,
            name=course.get("name") or None,
        )

    def grouping(self, record: Record) -> list[dict[str, Any]]:
        """The course first, then the forum; nothing where a payload does not say them."""
        course, forum = record["course"], record.get("forum")
        return [
            *([self.course(record)] if course.get("id") else ()),
            *([self.module({"modname": "forum", **forum})] if forum else ()),
        ]

    def around(self, record: Record) -> list[dict[str, Any]]:
        """What a module lies in, from near to far: section and course; nothing where the section is not known."""
        section = dig(record, "module.section")
        if not section:
            return []
        place = activity(f"{self.tenant}/course/section.php?id={digits(section)}", types.SECTION)
        return [place, *([self.course(record)] if record["course"].get("id") else ())]

    def is_community(self, course: Mapping[str, Any]) -> bool:
        """Whether a course is a community of practice, by the setting."""
        return self.courses.is_community(names_of(course))

    def module(self, module: Mapping[str, Any]) -> dict[str, Any]:
        """A module by its number in the course; by its number among its sort where a payload says no more."""
        sort = str(module.get("modname") or "")
        if not (sort.isascii() and sort.isalnum()):
            raise BadRecord("a module that is gone, of an unknown sort")
        place = f"id={digits(module['cmid'])}" if module.get("cmid") else f"instance={digits(module['instance'])}"
        return activity(
            f"{self.tenant}/mod/{sort}/view.php?{place}",
            MODULES.get(sort, types.MODULE),
            name=module.get("name") or None,
        )

    def post_iri(self, record: Record, post: Any) -> str:
        """A post in its discussion; the opening post whose number is not known is the discussion itself."""
        discussion = f"{self.tenant}/mod/forum/discuss.php?d={digits(record['discussion'])}"
        return discussion if post == OPENING else f"{discussion}#p{digits(post)}"

    def registration(self, record: Record) -> str | None:
        """One enrolment of one person."""
        course = record["course"].get("id")
        return (
            name_uuid("enrolment", self.tenant, str(course), str(record["person"].get("account"))) if course else None
        )

    def terms(self, record: Record, *, due: bool = True) -> dict[str, Any]:
        """Extensions `initiator` and `mandatory`, and `due` for the course as a whole."""
        course, enrolled = record["course"], record.get("enrolled")
        methods = set(course.get("methods") or ())
        by = "self" if methods == {"self"} else "assigned" if methods and methods <= _BY_OTHERS else None
        return self.courses.terms(names_of(course), enrolled=moment(enrolled) if enrolled else None, by=by, due=due)


def names_of(course: Mapping[str, Any]) -> tuple[Any, ...]:
    """By which names a course goes in the settings."""
    return course.get("idnumber"), course.get("shortname"), course.get("id")


def fact_of(record: Record) -> str:
    """The site's own number of a fact: the log tells of one fact in several rows, each a record of its own."""
    return str(record.get("id") or record.key)


def _instructor(people: People, record: Mapping[str, Any]) -> dict[str, Any] | None:
    grader = record.get("grader")
    try:
        return agent(people, grader) if grader else None
    except ExcludedAccount:
        return None
