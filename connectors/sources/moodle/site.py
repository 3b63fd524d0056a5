"""What is known about a site, and the records that are made of the answers of its web services."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from connectors.paging import dig
from connectors.source import Record
from connectors.sources.moodle.facts import TRAINERS
from connectors.sources.moodle.service import error_code
from connectors.sources.moodle.values import assignments_of, objects, plain, seconds, text
from leerstroom.errors import BadRecord, UnexpectedShape
from leerstroom.features import asks

UNKNOWN = "neither a record nor an answer of Moodle's web services"


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
            for module in objects(section, "modules"):
                cmid = str(module.get("id"))
                self._modules[cmid] = {
                    "cmid": cmid,
                    "modname": module.get("modname"),
                    "instance": str(module.get("instance")),
                    "name": plain(module.get("name")),
                    "course": course,
                }

    def enrol(self, course: str, roster: Iterable[Mapping[str, Any]]) -> None:
        """Takes in the people of a course."""
        begin = seconds(self.courses.get(course, {}).get("startdate"))
        for person in roster:
            user = str(person.get("id"))
            self.users.setdefault(user, person)
            self._enrolled[course, user] = {
                "enrolled": max(begin, seconds(person.get("firstaccess"))),
                "roles": [str(role.get("shortname")) for role in objects(person, "roles")],
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
            raise BadRecord(UNKNOWN)
        if "exception" in response:
            raise BadRecord(f"an error of Moodle, not an answer ({error_code(response) or 'without code'})")
        match _shape(response):
            case "users" | "quizzes" | "courses" as what:
                self._learn(what, objects(response, what))
            case "attempts" | "posts" | "usergrades" as what:
                makers = {"attempts": self.attempts, "posts": self.posts, "usergrades": self.grades}
                yield from makers[what](objects(response, what))
            case "attempt":
                yield from self.attempts([response["attempt"]])
            case "discussions":
                self.discuss(str(params.get("forumid") or ""), objects(response, "discussions"))
                yield from self.posts([_opening(each) for each in objects(response, "discussions")])
            case "assignments":
                yield from self.submissions(objects(response, "assignments"))
                yield from self.assignment_grades(objects(response, "assignments"))
            case "statuses" | "completionstatus":
                yield from self._completion(params, response)
            case "row":
                yield from self._row(response)
            case _:
                raise BadRecord(UNKNOWN)

    def _completion(self, params: Mapping[str, Any], response: Mapping[str, Any]) -> Iterator[Record]:
        course, user = text(params.get("courseid")), text(params.get("userid"))
        if not course or not user:
            raise BadRecord(
                'a completion says not whose it is; give it as {"function", "params": {"courseid", "userid"}, "response"}'
            )
        if "statuses" in response:
            yield from self.activity_completions(course, user, objects(response, "statuses"))
        else:
            yield from self.course_completion(course, user, response)

    def _learn(self, what: str, found: list[Mapping[str, Any]]) -> None:
        if what == "users":
            self.users.update({str(user.get("id")): user for user in found})
        elif what == "courses" and any("assignments" in each for each in found):
            self.know("assignments", assignments_of(found))
            self.know("courses", found)
        else:
            self.know(what, found)

    def _answer_list(self, function: str, course: str, rows: list[Any]) -> Iterator[Record]:
        if not rows or not all(isinstance(row, Mapping) for row in rows):
            raise BadRecord(UNKNOWN)
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
                "rules": [str(rule.get("rulename")) for rule in objects(status, "details")],
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
            seconds(each.get("timecompleted")) for each in objects(status, "completions") if each.get("timecompleted")
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
            for item in objects(person, "gradeitems"):
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
            discussion, parent = str(post.get("discussionid")), text(post.get("parentid"))
            forum = self.forums.get(self._forum_of.get(discussion, ""), {})
            opening = self._openings.get(discussion) if parent else None
            is_private = post.get("isprivatereply") is True
            created = post.get("timecreated")
            edited = max(_edited(post), opening["edited"] if opening and opening["edited"] > seconds(created) else 0)
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
            "id": text(post.get("id")),
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
            "name": plain(known.get("fullname")),
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
            "cmid": text(cmid),
            "modname": modname or known.get("modname"),
            "instance": text(instance),
            "name": known.get("name") or plain(name),
        }

    def _forum(self, forum: Mapping[str, Any]) -> dict[str, Any] | None:
        return self._module(forum.get("cmid"), "forum", forum.get("id"), forum.get("name")) if forum else None

    def _assignment(self, assignment: str) -> dict[str, Any]:
        known = self.assignments.get(assignment, {})
        return self._module(known.get("cmid"), "assign", assignment, known.get("name"))

    def _course_of(self, assignment: str) -> str:
        return str(self.assignments.get(assignment, {}).get("course") or "")


def _edited(post: Mapping[str, Any]) -> int:
    """When a post was edited; 0 when it never was."""
    changed = seconds(post.get("timemodified"))
    return changed if changed > seconds(post.get("timecreated")) else 0


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


def _nested(assignments: Iterable[Mapping[str, Any]], name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for assignment in assignments:
        for row in objects(assignment, name):
            yield str(assignment.get("assignmentid")), row
