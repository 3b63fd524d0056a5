"""Rows of Moodle's log, joined with the tables they refer to, as records: the facts that web services tell too, and events.

A batch of rows is joined at once, so that a page of the log costs a query a table and not a query a row. What a row's own columns say wins
where a table no longer has the thing: modules and posts are deleted, the log stays.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import phpserialize

from connectors.source import Record
from connectors.sources.moodle.events import says, silence
from connectors.sources.moodle.facts import OPENING
from connectors.sources.moodle.tables import DELETED_MODULES, Row, Tables
from connectors.sources.moodle.values import plain
from leerstroom.features import asks
from leerstroom.statements import duration, name_uuid

FRONT_PAGE = "1"  # the course that is the site itself
_ESSAY = "10"  # kind of a lesson's page
_LONGEST = 100_000  # characters of `other` that are looked at
_NOTHING: Row = {}
_VISITOR = "by a visitor or a program, not by a person"
_SOMEBODY_ELSE = "done by an administrator under this person's account"
_COPY = "copy of an older log out of a backup"
_ELSEWHERE = "of a course that is not read"
_PREPARED = "completion that was only prepared, nothing was undone"
_ABSENT = "did not come to the session"
_FRONT = "page of the site, not of a course"
_UNFINISHED = "status of a package that is not finished"
_ATTENDED = {"100", "90"}  # fully, partially


class Lookups:
    """Rows of tables by an id, each asked for once; ids that are fetched together cost one query."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._known: dict[tuple[str, str], dict[str, list[Row]]] = {}

    def fetch(self, table: str, ids: Iterable[Any], column: str = "id") -> None:
        """Asks for the rows of these ids that are not known yet."""
        known = self._known.setdefault((table, column), {})
        missing = {name for each in ids if (name := _id(each)) and name not in known}
        if missing:
            known.update({name: [] for name in missing})
            for row in self._tables.find(table, column, missing):
                known[str(row[column])].append(row)

    def all(self, table: str, number: Any, column: str = "id") -> list[Row]:
        """All rows of one id."""
        if (name := _id(number)) is None:
            return []
        self.fetch(table, (name,), column)
        return self._known[table, column][name]

    def one(self, table: str, number: Any, column: str = "id") -> Row:
        """The row of one id, an empty one where there is none."""
        return next(iter(self.all(table, number, column)), _NOTHING)


class Rows:
    """Makes records of rows.

    `wanted` says of a course (id, idnumber, shortname) whether it is read. `sorts` remembers of which sort a module is (number -> sort), for
    what comes without tables and for modules that are gone: other rows of the log tell it.
    """

    def __init__(
        self,
        tables: Tables,
        *,
        trainers: Collection[str],
        wanted: Callable[[Row], bool] | None = None,
        sorts: dict[str, str] | None = None,
    ) -> None:
        self._tables = tables
        self._trainers = frozenset(trainers)
        self._wanted = wanted
        self._sorts = sorts if sorts is not None else {}

    def records(self, rows: Sequence[Row]) -> Iterator[Record]:
        """The records of a batch, in the order of its rows: one a row, of a register of attendance one a person."""
        look = Lookups(self._tables)
        known = [_Row(row) for row in rows]
        self._sorts.update({row.cmid: row.sort for row in known if row.cmid and row.sort})
        self._fetch(look, known)
        for row in known:
            yield from self._of(look, row)

    def _of(self, look: Lookups, row: "_Row") -> Iterator[Record]:
        maker = getattr(self, f"_{_FACTS[row.name]}") if row.name in _FACTS else self._event
        kept_out = self._kept_out(look, row)
        if kept_out:
            yield self._made(look, row, "event", None, {"name": row.name, "silence": kept_out})
        else:
            yield from maker(look, row)

    def _kept_out(self, look: Lookups, row: "_Row") -> str | None:
        """Why a row is nothing to look at, whatever its event."""
        if row.name not in _FACTS and says(row.name) is None and row.name != _STATUS:
            return silence(row.name)
        if row.get("origin") == "restore":
            return _COPY
        if _id(row.get("realuserid")):
            return _SOMEBODY_ELSE
        if self._wanted and row.course and not self._wanted(look.one("course", row.course) or {"id": row.course}):
            return _ELSEWHERE
        return None

    # --- asking for a batch together

    def _fetch(self, look: Lookups, rows: Sequence["_Row"]) -> None:
        used = [row for row in rows if row.name in _FACTS or says(row.name) is not None]
        look.fetch("user", (person for row in used for person in (row["userid"], row.get("relateduserid"))))
        look.fetch("course", (row.course for row in used))
        look.fetch("course_modules", (row.cmid for row in used))
        modules = [look.one("course_modules", row.cmid) for row in used]
        look.fetch("modules", (module.get("module") for module in modules))
        by_sort: dict[str, set[Any]] = {}
        for module in modules:
            if module:
                by_sort.setdefault(self._sort(look, module), set()).add(module.get("instance"))
        for sort, instances in by_sort.items():
            look.fetch(sort, instances)
        look.fetch(
            "role_assignments",
            (person for row in used for person in (row["userid"], row.get("relateduserid"))),
            "userid",
        )
        self._fetch_things(look, used)

    @staticmethod
    def _fetch_things(look: Lookups, rows: Sequence["_Row"]) -> None:
        def ids(*names: str) -> list[Any]:
            return [row.get("objectid") for row in rows if row.name in names]

        attempts = [row.attempt for row in rows if _FACTS.get(row.name) == "attempt"]
        look.fetch("quiz_attempts", attempts)
        found = [look.one("quiz_attempts", each) for each in attempts]
        look.fetch("grade_items", (each.get("quiz") for each in found), "iteminstance")
        look.fetch("question_attempts", (each.get("uniqueid") for each in found), "questionusageid")
        look.fetch(
            "question",
            (
                each.get("questionid")
                for one in found
                for each in look.all("question_attempts", one.get("uniqueid"), "questionusageid")
            ),
        )
        look.fetch("grade_grades", ids("core/user_graded"))
        look.fetch("grade_items", (row.other.get("itemid") for row in rows if row.name == "core/user_graded"))
        look.fetch("assign_submission", ids("mod_assign/assessable_submitted"))
        look.fetch("assign_grades", ids("mod_assign/submission_graded"))
        look.fetch("forum_discussions", (row.discussion for row in rows if _FACTS.get(row.name) == "post"))
        openings = [
            look.one("forum_discussions", row.discussion).get("firstpost")
            for row in rows
            if _FACTS.get(row.name) == "post"
        ]
        look.fetch(
            "forum_posts",
            (*openings, *ids("mod_forum/post_created", "mod_forum/post_updated", "mod_forum/post_deleted")),
        )
        look.fetch("course_modules_completion", ids("core/course_module_completion_updated"))
        look.fetch("user_enrolments", (row.learner for row in rows if row.name == "core/course_completed"), "userid")

    # --- facts

    def _enrolment(self, look: Lookups, row: "_Row") -> Iterator[Record]:
        key = f"{row.course}/{row.learner}/{row.get('objectid')}"
        methods = [str(row.other["enrol"])] if row.other.get("enrol") else None
        fields = {"id": key, "enrolled": row.at, "is_dated": True}
        yield self._made(look, row, "enrolment", row.learner, fields, methods=methods)

    def _completion(self, look: Lookups, row: "_Row") -> Iterator[Record]:
        """A state of 0 is mostly a line that Moodle prepared: undone is what the site's table still says is undone."""
        state, person = _number(row.other.get("completionstate")), row.learner
        now = look.one("course_modules_completion", row.get("objectid"))
        still = _number(now.get("completionstate")) == state
        if state == 0 and not still:
            yield self._made(look, row, "event", person, {"name": row.name, "silence": _PREPARED})
            return
        module = self._module(look, row)
        fields = {
            "id": f"{row.cmid}/{person}",
            "module": module,
            "state": state,
            "rules": self._rules(look, row, module, state),
        }
        yield self._made(look, row, "activity_completion", person, fields, at=row.written(now) if still else row.at)

    @staticmethod
    def _rules(look: Lookups, row: "_Row", module: Row, state: int | None) -> list[str]:
        """Which rules complete a quiz, by the names that the web services have for them; a pass is always one of grades."""
        if module["modname"] != "quiz":
            return []
        settings, quiz = look.one("course_modules", row.cmid), look.one("quiz", module["instance"])
        by_grade = state in {2, 3} or _id(settings.get("completiongradeitemnumber")) is not None
        return [
            *(["completionusegrade"] if by_grade else []),
            *(["completionminattempts"] if _number(quiz.get("completionminattempts")) else []),
            *(["completionattemptsexhausted"] if _number(quiz.get("completionattemptsexhausted")) else []),
        ]

    def _course_completion(self, look: Lookups, row: "_Row") -> Iterator[Record]:
        enrolments = look.all("user_enrolments", row.learner, "userid")
        look.fetch("enrol", (each.get("enrolid") for each in enrolments))
        dates = [
            date for each in enrolments
            if _id(look.one("enrol", each.get("enrolid")).get("courseid")) == row.course and (date := _number(each.get("timecreated")))
        ]  # fmt: skip
        fields = {
            "id": f"{row.course}/{row.learner}",
            "enrolled": max((date for date in dates if date <= (row.at or 0)), default=None),
        }
        yield self._made(look, row, "course_completion", row.learner, fields)

    def _attempt(self, look: Lookups, row: "_Row") -> Iterator[Record]:
        attempt = look.one("quiz_attempts", row.attempt)
        quiz = look.one("quiz", attempt.get("quiz"))
        item = next(
            (
                each
                for each in look.all("grade_items", attempt.get("quiz"), "iteminstance")
                if each.get("itemmodule") == "quiz"
            ),
            _NOTHING,
        )
        begun, ended = _number(attempt.get("timestart")) or 0, _number(attempt.get("timefinish")) or 0
        if not 0 < begun <= ended:  # no clock of a site: the log's time stands
            begun, ended = (row.at or 0) - max(0, ended - begun), row.at or 0
        changed = row.at if row.name != "mod_quiz/attempt_submitted" else _number(attempt.get("timemodified"))
        state = "abandoned" if row.name == "mod_quiz/attempt_abandoned" else attempt.get("state") or "finished"
        fields = {
            "id": str(row.attempt),
            "module": self._module(look, row),
            "preview": _number(attempt.get("preview")) or 0,
            "state": state,
            "timestart": begun,
            "timefinish": ended,
            "sumgrades": _decimal(attempt.get("sumgrades")),
            "quiz": {
                "sumgrades": _decimal(quiz.get("sumgrades")) or _decimal(item.get("grademax")),
                "grade": _decimal(quiz.get("grade")) or _decimal(item.get("grademax")),
                "pass_mark": _decimal(item.get("gradepass")) or None,
            },
            "questions": [
                self._question(look, each)
                for each in look.all("question_attempts", attempt.get("uniqueid"), "questionusageid")
                if _id(each.get("questionid"))
            ],
        }
        person = _id(attempt.get("userid")) or row.learner
        yield self._made(
            look, row, "quiz_attempt", person, fields, at=changed or ended if state == "finished" else row.at
        )

    @staticmethod
    def _question(look: Lookups, answered: Row) -> dict[str, Any]:
        """What is kept of an answer: whether there is one, and whether it is the right one where the site knows one."""
        given, right = answered.get("responsesummary"), answered.get("rightanswer")
        knows = right is not None and look.one("question", answered.get("questionid")).get("qtype") != "essay"
        return {
            "id": _id(answered.get("questionid")),
            "is_answered": bool(given),
            "is_right": (given is not None and str(given).strip().casefold() == str(right).strip().casefold())
            if knows
            else None,
        }

    def _submission(self, look: Lookups, row: "_Row") -> Iterator[Record]:
        submission = look.one("assign_submission", row.get("objectid"))
        is_of_a_group = bool(submission) and _number(submission.get("userid")) == 0
        fields = {
            "id": str(row.get("objectid")),
            "module": self._module(look, row),
            "status": submission.get("status") or "submitted",
        }
        writer = None if is_of_a_group else _id(row["userid"])
        yield self._made(look, row, "submission", writer, fields, at=row.written(submission))

    def _assignment_grade(self, look: Lookups, row: "_Row") -> Iterator[Record]:
        number = row.get("objectid")
        grade = look.one("assign_grades", number) or look.one(str(row.get("objecttable")), number)
        item = next(
            (
                each
                for each in look.all("grade_items", grade.get("assignment"), "iteminstance")
                if each.get("itemmodule") == "assign"
            ),
            _NOTHING,
        )
        grader = _id(row["userid"])
        fields = {
            "id": str(number),
            "module": self._module(look, row),
            "grade": _decimal(grade.get("grade")),
            "highest": _decimal(look.one("assign", grade.get("assignment")).get("grade"))
            or _decimal(item.get("grademax")),
            "pass_mark": _decimal(item.get("gradepass")) or None,
            "grader": self._person(look, grader) if grader and not _is_nobody(grader) else None,
        }
        yield self._made(look, row, "assignment_grade", _id(grade.get("userid")) or row.learner, fields)

    def _grade(self, look: Lookups, row: "_Row") -> Iterator[Record]:
        item = look.one("grade_items", row.other.get("itemid"))
        grade = look.one("grade_grades", row.get("objectid"))
        sort, instance = item.get("itemmodule"), _id(item.get("iteminstance"))
        cmid = (
            next(
                (
                    _id(each["id"])
                    for each in look.all("course_modules", instance, "instance")
                    if self._sort(look, each) == sort
                ),
                None,
            )
            if sort not in {None, "quiz", "assign", "forum"}
            else None
        )
        fields = {
            "id": str(row.get("objectid")),
            "module": {"cmid": cmid, "modname": sort, "instance": instance, "name": None, "section": None},
            "itemtype": item.get("itemtype"),
            "grade": _decimal(row.other.get("finalgrade", grade.get("finalgrade"))),
            "lowest": _decimal(item.get("grademin")),
            "highest": _decimal(item.get("grademax")),
        }
        yield self._made(look, row, "grade", row.learner, fields)

    def _post(self, look: Lookups, row: "_Row") -> Iterator[Record]:
        discussion = look.one("forum_discussions", row.discussion)
        first = _id(discussion.get("firstpost"))
        opens = row.name == "mod_forum/discussion_created"
        number = (first if opens else _id(row.get("objectid"))) or OPENING
        post, opening = look.one("forum_posts", number), look.one("forum_posts", first)
        module = self._module(look, row)
        by_forum = look.one("forum", module["instance"]).get("type") == "qanda"
        author = _id(post.get("userid")) or _id(row["userid"])
        parent = None if opens or number == first else _id(post.get("parent")) or first or OPENING
        if parent == "0":
            parent = None
        texts = [text for text in (opening.get("subject"), opening.get("message")) if isinstance(text, str)]
        is_private = _id(post.get("privatereplyto")) not in {None, "0"}
        created, changed = _number(post.get("created")) or row.at, _number(post.get("modified"))
        edited = changed if created and changed and changed > created else 0
        fields = {
            "id": number,
            "module": module,
            "forum": {name: module[name] for name in ("cmid", "instance", "name")},
            "discussion": row.discussion,
            "parent": parent,
            "root": parent and {
                "id": first or OPENING,
                "is_own": _id(opening.get("userid")) == author,
                "is_question": _number(opening.get("deleted")) in {None, 0} and bool(opening) and (by_forum or asks(texts)),
            },
            "created": created,
            "is_edited": bool(edited),
            "is_deleted": _number(post.get("deleted")) == 1,
            "is_private": is_private,
            "is_question_forum": by_forum,
            "subject": None if parent or is_private else post.get("subject"),
            "message": None if is_private else post.get("message"),
        }  # fmt: skip
        yield self._made(look, row, "forum_post", author, fields, at=edited or created)

    # --- events

    def _event(self, look: Lookups, row: "_Row") -> Iterator[Record]:
        if row.name == "mod_facetoface/take_attendance":
            yield from self._attendance(look, row)
            return
        name = row.name
        if name == _STATUS:
            name = f"{name}/{row.other.get('cmivalue')}"
        said = says(name)
        if said is None:
            yield self._made(look, row, "event", None, {"name": name, "silence": _UNFINISHED})
            return
        person = row.learner if said.of == "related" else _id(row["userid"])
        thing = self._thing(look, row)
        grader = None
        if row.name == "mod_lesson/essay_assessed":
            grader, person = _id(row["userid"]), _id(thing.get("learner")) or row.learner
        is_anonymous = _number(row.get("anonymous")) == 1 or self._is_anonymous(look, row)
        if not is_anonymous and (person is None or _is_nobody(person)):
            yield self._made(look, row, "event", None, {"name": name, "silence": _VISITOR})
            return
        if row.course is None and _id(row.get("courseid")) == FRONT_PAGE and row.name == "core/course_viewed":
            yield self._made(look, row, "event", None, {"name": name, "silence": _FRONT})
            return
        if row.name == "tool_usertours/tour_ended" and "page" not in thing:
            yield self._made(look, row, "event", None, {"name": name, "silence": _FRONT})
            return
        fields = {
            "name": name,
            "module": self._module(look, row),
            "thing": {key: value for key, value in thing.items() if key != "learner"},
            "result": self._result(look, row),
            "grader": self._person(look, grader) if grader and grader != person else None,
        }
        yield self._made(look, row, "event", person, fields, is_anonymous=is_anonymous)

    @staticmethod
    def _is_anonymous(look: Lookups, row: "_Row") -> bool:
        """What a feedback itself says; old rows of the log do not."""
        return (
            row.name == "mod_feedback/response_submitted"
            and _number(look.one("feedback_completed", row.get("objectid")).get("anonymous_response")) == 1
        )

    def _attendance(self, look: Lookups, row: "_Row") -> Iterator[Record]:
        """One record a person who signed up for the session; its end is when it was attended."""
        session = _id(row.get("objectid"))
        dates = look.all("facetoface_sessions_dates", session, "sessionid")
        hours = [(_number(each.get("timestart")) or 0, _number(each.get("timefinish")) or 0) for each in dates]
        seconds, end = (
            sum(max(0, stop - start) for start, stop in hours),
            max((stop for _, stop in hours), default=None),
        )
        signups = look.all("facetoface_signups", session, "sessionid")
        look.fetch("facetoface_signups_status", (each.get("id") for each in signups), "signupid")
        for signup in signups:
            states = [
                each
                for each in look.all("facetoface_signups_status", signup.get("id"), "signupid")
                if _number(each.get("superceded")) in {None, 0}
            ]
            code = next((_id(each.get("statuscode")) for each in states[::-1]), None)
            person = _id(signup.get("userid"))
            about = {"name": row.name} if code in _ATTENDED else {"name": row.name, "silence": _ABSENT}
            fields = {
                **about,
                "id": f"attendance {session} {person}",
                "module": self._module(look, row),
                "thing": {"session": session},
                "result": {"completion": code == "100", "duration": duration(seconds) if seconds else None},
            }
            yield self._made(look, row, "event", person, fields, at=end or row.at, part=str(signup.get("id")))
        if not signups:
            yield self._made(look, row, "event", None, {"name": row.name, "silence": _ABSENT})

    def _thing(self, look: Lookups, row: "_Row") -> dict[str, Any]:
        """The ids that an address needs; no text of anybody."""
        number, other = _id(row.get("objectid")), row.other
        component, _, event = row.name.partition("/")
        thing: dict[str, Any] = {
            "id": row.attempt if component == "mod_quiz" and event.startswith("attempt_") else number
        }
        if component == "mod_wiki":
            comment = look.one("comments", number) if event.startswith("comment_") else _NOTHING
            thing["page"] = _id(other.get("itemid")) or _id(comment.get("itemid")) or number
        elif component == "mod_forum":
            first = _id(look.one("forum_discussions", row.discussion).get("firstpost"))
            thing |= {"discussion": row.discussion} | ({"id": number or first} if event == "post_deleted" else {})
        elif component == "mod_book":
            thing["above"] = self._chapter_above(look, number)
        elif event.startswith("course_category_"):
            above = _id(look.one("course_categories", number).get("parent"))
            thing["above"] = above if above != "0" else None
        elif component == "mod_lesson":
            attempt = look.one("lesson_attempts", other.get("attemptid"))
            thing["learner"] = _id(attempt.get("userid"))
        elif component == "mod_survey":
            thing["action"] = other.get("action")
        elif component == "tool_certificate":
            thing["code"] = other.get("code") or number
        elif component == "tool_usertours":
            thing["page"] = _page(other.get("pageurl"))
        return {name: value for name, value in thing.items() if value is not None}

    @staticmethod
    def _chapter_above(look: Lookups, chapter: str | None) -> str | None:
        own = look.one("book_chapters", chapter)
        if _number(own.get("subchapter")) != 1:
            return None
        others = [
            each
            for each in look.all("book_chapters", own.get("bookid"), "bookid")
            if _number(each.get("subchapter")) != 1
        ]
        above = [each for each in others if (_number(each.get("pagenum")) or 0) < (_number(own.get("pagenum")) or 0)]
        return _id(max(above, key=lambda each: _number(each.get("pagenum")) or 0)["id"]) if above else None

    def _result(self, look: Lookups, row: "_Row") -> dict[str, Any] | None:
        """What came of an act, where the tables say: right or wrong, a score, the time of a lesson."""
        if row.name == "mod_lesson/question_answered":
            attempts = [
                each
                for each in look.all("lesson_attempts", row.get("objectid"), "pageid")
                if _id(each.get("userid")) in {row.learner, _id(row["userid"])}
            ]
            is_essay = _id(look.one("lesson_pages", row.get("objectid")).get("qtype")) == _ESSAY
            right = None if is_essay or not attempts else _number(attempts[-1].get("correct")) == 1
            return {"success": right, "duration": duration(0)}
        if row.name == "mod_lesson/essay_assessed":
            return {"score": self._essay_score(look, row)}
        if row.name == "mod_lesson/lesson_ended":
            timers = [
                each
                for each in look.all("lesson_timer", row.get("objectid"), "lessonid")
                if _id(each.get("userid")) == _id(row["userid"])
            ]
            begun = max(
                (
                    _number(each.get("starttime")) or 0
                    for each in timers
                    if (_number(each.get("starttime")) or 0) <= (row.at or 0)
                ),
                default=0,
            )
            return {"completion": True, "duration": duration((row.at or 0) - begun) if begun else None}
        if row.name == "mod_scorm/scoreraw_submitted":
            raw = _decimal(row.other.get("cmivalue"))
            return {"score": {"raw": raw}} if raw is not None else None
        if row.name == _STATUS:
            value = row.other.get("cmivalue")
            return {"completion": True, "success": {"passed": True, "failed": False}.get(str(value))}
        return None

    @staticmethod
    def _essay_score(look: Lookups, row: "_Row") -> dict[str, float] | None:
        answer = unpacked(look.one("lesson_attempts", row.other.get("attemptid")).get("useranswer"))
        raw, most = (
            _decimal(answer.get("score")),
            _decimal(look.one("lesson_answers", row.get("objectid"), "pageid").get("score")),
        )
        if raw is None or not most or raw > most:
            return None
        return {"scaled": round(raw / most, 5), "raw": raw, "min": 0.0, "max": most}

    # --- parts of records

    def _made(
        self, look: Lookups, row: "_Row", kind: str, person: str | None, fields: Mapping[str, Any], *,
        at: int | None = None, methods: list[str] | None = None, is_anonymous: bool = False, part: str = "",
    ) -> Record:  # fmt: skip
        if _is_nobody(person):
            kind, person, fields = "event", None, {"name": row.name, "silence": _VISITOR}
        course = look.one("course", row.course)
        about = {
            "id": row.course,
            "idnumber": course.get("idnumber"),
            "shortname": course.get("shortname"),
            "name": plain(course.get("fullname")),
            "methods": methods,
        }
        whose = {
            "course": about,
            "person": {"is_anonymous": True} if is_anonymous else self._person(look, person),
            "role": "trainer" if not is_anonymous and self._is_trainer(look, row.course, person) else None,
            "at": at if at is not None else row.at,
        }
        return Record(kind, f"{row.key}/{part}" if part else row.key, {"fact": kind, "id": row.key, **whose, **fields})

    @staticmethod
    def _person(look: Lookups, number: str | None) -> dict[str, Any]:
        if number is None:
            return {}
        known = look.one("user", number)
        address = str(known.get("email") or "")  # of a deleted user a hash stands there
        return {"account": number, "email": address if "@" in address else None, "hr": known.get("idnumber") or None}

    def _is_trainer(self, look: Lookups, course: str | None, person: str | None) -> bool:
        given = look.all("role_assignments", person, "userid") if course else []
        look.fetch("context", (each.get("contextid") for each in given))
        look.fetch("role", (each.get("roleid") for each in given))
        return any(
            _id(look.one("context", each.get("contextid")).get("instanceid")) == course
            and _id(look.one("context", each.get("contextid")).get("contextlevel")) == "50"
            and (look.one("role", each.get("roleid")).get("shortname") or each.get("role")) in self._trainers
            for each in given
        )

    def _module(self, look: Lookups, row: "_Row") -> dict[str, Any]:
        """The module of a row; of a deleted one the number stays, and its sort where the component or the log's own memory tells it."""
        module = look.one("course_modules", row.cmid)
        sort = self._sort(look, module) or row.sort or self._sorts.get(row.cmid or "") or self._deleted_sort(look, row)
        instance = _id(module.get("instance")) or (_id(row.get("objectid")) if row.get("objecttable") == sort else None)
        section = _id(module.get("section"))
        return {
            "cmid": row.cmid,
            "modname": sort,
            "instance": instance,
            "name": plain(look.one(sort, instance).get("name")) if sort and instance else None,
            "section": section if section != "0" else None,
        }

    @staticmethod
    def _sort(look: Lookups, module: Row) -> str:
        return str(look.one("modules", module.get("module")).get("name") or module.get("modname") or "")

    @staticmethod
    def _deleted_sort(look: Lookups, row: "_Row") -> str | None:
        if row.cmid is None:
            return None
        look.fetch(DELETED_MODULES, (row.course,), "courseid")
        told = [
            _Row(each)
            for each in look.all(DELETED_MODULES, row.course, "courseid")
            if _id(each.get("objectid")) == row.cmid
        ]
        return next((str(each.other["modulename"]) for each in told if each.other.get("modulename")), None)


_STATUS = "mod_scorm/status_submitted"
_FACTS = {
    "core/user_enrolment_created": "enrolment",
    "core/course_module_completion_updated": "completion",
    "core/course_completed": "course_completion",
    "core/user_graded": "grade",
    "mod_quiz/attempt_submitted": "attempt",
    "mod_quiz/attempt_abandoned": "attempt",
    "mod_quiz/attempt_regraded": "attempt",
    "mod_quiz/attempt_manual_grading_completed": "attempt",
    "mod_quiz/question_manually_graded": "attempt",
    "mod_assign/assessable_submitted": "submission",
    "mod_assign/submission_graded": "assignment_grade",
    "mod_forum/discussion_created": "post",
    "mod_forum/post_created": "post",
    "mod_forum/post_updated": "post",
}


class _Row(dict[str, Any]):
    """A row of the log with what it says about itself; `name` is empty where it names no event."""

    def __init__(self, fields: Row) -> None:
        super().__init__(fields)
        self.setdefault("userid", None)
        self.name = event_of(fields) or ""
        self.other = unpacked(fields.get("other"))
        self.at = _number(fields.get("timecreated"))
        course = _id(fields.get("courseid"))
        self.course = None if course in {"0", FRONT_PAGE} else course
        # rows of old exports say no level: then the number is that of a module wherever one can be meant
        is_module = _id(fields.get("contextlevel")) in {None, "70"}
        self.cmid = _id(fields.get("contextinstanceid")) if is_module else None
        if self.name in {"core/course_module_created", "core/course_module_updated", "core/course_module_deleted"}:
            self.cmid = _id(fields.get("objectid"))

    @property
    def key(self) -> str:
        """The row by time and number: numbers start anew when a site is moved, and then they mean other things."""
        number = _id(self.get("id")) or name_uuid(
            "row",
            *(
                f"{self.get(name)}"
                for name in ("eventname", "userid", "relateduserid", "contextinstanceid", "objectid")
            ),
        )
        return f"{self.at}/{number}"

    @property
    def sort(self) -> str | None:
        """The sort of module that the row is about, where it says so itself."""
        component = self.name.partition("/")[0]
        return component[4:] if component.startswith("mod_") else _text(self.other.get("modulename"))

    def written(self, thing: Row) -> int | None:
        """When the thing that the row tells of was written, as the web services tell it; the row's own time where it was changed since."""
        changed = _number(thing.get("timemodified"))
        return changed if changed and self.at and changed <= self.at else self.at

    @property
    def learner(self) -> str | None:
        """To whom it happened; who did it where it happened to nobody else."""
        return _id(self.get("relateduserid")) or _id(self["userid"])

    @property
    def attempt(self) -> str | None:
        """The attempt at a quiz; where a single question was graded the row is about that question."""
        return _id(self.other.get("attemptid")) or _id(self.get("objectid"))

    @property
    def discussion(self) -> str | None:
        """The discussion of a forum."""
        if self.name.partition("/")[2].startswith("discussion_"):
            return _id(self.get("objectid"))
        return _id(self.other.get("discussionid"))


def event_of(row: Row) -> str | None:
    r"""The event of a row as `component/event` (`\\mod_quiz\\event\\attempt_started` → `mod_quiz/attempt_started`); None where it names none."""
    words = [word for word in str(row.get("eventname") or "").split("\\") if word]
    return f"{words[0]}/{words[2]}" if len(words) == 3 and words[1] == "event" else None


def unpacked(value: Any) -> Mapping[str, Any]:
    """The column `other`: JSON, on old rows serialised by PHP; nothing where it is neither."""
    if isinstance(value, Mapping):
        return value
    if not isinstance(value, str) or not value or len(value) > _LONGEST:
        return {}
    try:
        found = orjson.loads(value)
    except ValueError:
        try:
            found = phpserialize.loads(value.encode(), decode_strings=True, object_hook=lambda _, fields: fields)
        except (ValueError, TypeError, AttributeError, RecursionError):
            return {}
    return {str(name): each for name, each in found.items()} if isinstance(found, Mapping) else {}


def _page(address: Any) -> str | None:
    """The address of a course or module with its number; None for other pages: their addresses name people, too."""
    parts = urlsplit(str(address or ""))
    number = parse_qs(parts.query).get("id", [""])[0]
    if (
        not parts.path.endswith("/view.php")
        or not ("/course/" in parts.path or "/mod/" in parts.path)
        or not number.isdecimal()
    ):
        return None
    return f"{parts.path}?id={number}"


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _id(value: Any) -> str | None:
    """An id as text; None for none. A number that came as a float is still that number."""
    if value is None or value == "" or isinstance(value, bool | Mapping | list):
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _is_nobody(person: str | None) -> bool:
    """Whether it is the number of a visitor or of cron: 0, or one below it."""
    return person is not None and (person == "0" or person.startswith("-"))


def _number(value: Any) -> int | None:
    number = _decimal(value)
    return None if number is None else int(number)


def _decimal(value: Any) -> float | None:
    if value is None or value == "" or isinstance(value, bool | Mapping | list):
        return None
    try:
        number = float(value)
    except (ValueError, TypeError):
        return None
    return number if number - number == 0 else None
