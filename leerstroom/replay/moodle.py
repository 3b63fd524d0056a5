"""A Moodle site out of its tables: the web services that a connector reads, answered as a real Moodle 4.5 answered them.

```
server.json     {"token", "powerless_token", "powerless_user", "info": answer of core_webservice_get_site_info, "outside_the_service": functions}
users.json      {"users", "deleted"}: people as the services show them     courses, contents, quizzes, forums, assignments, criteria.json: what never changes
*.csv           tables of the site without their prefix (NULL is an empty field): what happened, and when
```
Errors come inside HTTP 200, as there; XML where no format is asked. A token without rights gets what Moodle gives it: itself, empty lists, warnings.
Facts later than the simulated time do not exist yet; who is enrolled, suspended or deleted is as on the last day.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from leerstroom.replay.world import Platform, World

Row = dict[str, Any]
_TABLES = (
    "user", "course", "user_enrolments", "role_assignments", "context", "course_access", "course_modules", "course_completions", "course_modules_completion",
    "quiz_attempts", "assign_submission", "assign_grades", "forum_discussions", "forum_posts", "grade_items", "grade_grades",
)  # fmt: skip
_ANSWERS = ("server", "users", "courses", "contents", "quizzes", "forums", "assignments", "criteria")
_COURSE_LEVEL, _MODULE_LEVEL = 50, 70
_ROLES = {"editingteacher": (3, 0), "student": (5, 0)}  # id and sort order of the roles of the recorded site
_OF_PARTICIPANTS = (
    "id", "username", "firstname", "lastname", "fullname", "email", "department", "institution", "idnumber", "firstaccess", "lastaccess", "city", "country",
    "profileimageurlsmall", "profileimageurl",
)  # fmt: skip
_DONE = frozenset({1, 2})  # complete, complete with a pass; 3 is complete with a fail
_NO_RIGHT_TO_POST = {
    "view": True, "edit": False, "delete": False, "split": False, "reply": False, "selfenrol": False, "export": False,
    "controlreadstatus": False, "canreplyprivately": False,
}  # fmt: skip


class VendorError(Exception):
    """An error of a function: goes into an answer of HTTP 200. An empty code is left out, as Moodle does for faults of its own."""

    def __init__(self, code: str, message: str, kind: str = "core\\exception\\moodle_exception") -> None:
        super().__init__(message)
        self.answer = {"exception": kind, **({"errorcode": code} if code else {}), "message": message}


def _invalid_parameter() -> VendorError:
    return VendorError("invalidparameter", "Invalid parameter value detected", "core\\exception\\invalid_parameter_exception")  # fmt: skip


def _unknown(table: str) -> VendorError:
    return VendorError(
        "invalidrecord", f"Can't find data record in database table {table}.", "dml_missing_record_exception"
    )


def _no_access() -> VendorError:
    return VendorError(
        "requireloginerror", "Course or activity not accessible. (Not enrolled)", "core\\exception\\require_login_exception"
    )  # fmt: skip


class Site:
    """The tables and the functions over them."""

    def __init__(self, folder: Path, world: World) -> None:
        self._world = world
        self._tables = {name: _table(folder / f"{name}.csv") for name in _TABLES}
        self._answers = {name: orjson.loads((folder / f"{name}.json").read_bytes()) for name in _ANSWERS}
        self.server: Row = self._answers["server"]
        self._users: dict[int, Row] = {each["id"]: each for each in self._answers["users"]["users"]}
        self._deleted: dict[int, Row] = {each["id"]: each for each in self._answers["users"]["deleted"]}
        self._courses: dict[int, Row] = {each["id"]: each for each in self._answers["courses"]}
        self._index: dict[tuple[str, str | tuple[str, ...]], dict[Any, list[Row]]] = {}
        self._quizzes: dict[int, Row] = {each["id"]: each for each in self._answers["quizzes"]}
        self._contexts = {
            row["instanceid"]: row["id"] for row in self._tables["context"] if row["contextlevel"] == _COURSE_LEVEL
        }
        modules = {row["id"]: row["instance"] for row in self._tables["course_modules"] if row["modname"] == "forum"}
        self._contexts_of_modules = {
            modules[row["instanceid"]]: row["id"]
            for row in self._tables["context"]
            if row["contextlevel"] == _MODULE_LEVEL and row["instanceid"] in modules
        }
        self._acts = self._all_acts()
        site: dict[str, tuple[dict[str, bool], Callable[[Row], Any], Callable[[Row], Any] | None]] = {
            # function: parameters (required or not), the answer, the answer without rights (None: refused)
            "core_webservice_get_site_info": ({}, self.site_info, self.site_info),
            "core_user_get_users": ({"criteria": True}, self.users, self.only_oneself),
            "core_user_get_users_by_field": ({"field": True, "values": True}, self.users_by_field, lambda _: []),
            "core_course_get_courses_by_field": ({"field": False, "value": False}, self.courses, self.courses),
            "core_course_get_contents": ({"courseid": True, "options": False}, self.contents, None),
            "core_course_get_updates_since": ({"courseid": True, "since": True, "filter": False}, self.updates, None),
            "core_enrol_get_enrolled_users": ({"courseid": True, "options": False}, self.enrolled, None),
            "core_completion_get_activities_completion_status": ({"courseid": True, "userid": True}, self.activities, None),
            "core_completion_get_course_completion_status": ({"courseid": True, "userid": True}, self.course_completion, None),
            "gradereport_user_get_grade_items": ({"courseid": True, "userid": False, "groupid": False}, self.gradebook, None),
            "mod_quiz_get_quizzes_by_courses": ({"courseids": False}, self.quizzes, _only_warnings("quizzes")),
            "mod_quiz_get_user_attempts": ({"quizid": True, "userid": False, "status": False, "includepreviews": False}, self.attempts, None),
            "mod_quiz_get_user_best_grade": ({"quizid": True, "userid": False}, self.best_grade, None),
            "mod_quiz_get_attempt_review": ({"attemptid": True, "page": False}, self.review, None),
            "mod_assign_get_assignments": (
                {"courseids": False, "capabilities": False, "includenotenrolledcourses": False}, self.assignments, _only_warnings("courses"),
            ),
            "mod_assign_get_submissions": ({"assignmentids": True, "status": False, "since": False, "before": False}, self.submissions, _only_warnings("assignments")),
            "mod_assign_get_grades": ({"assignmentids": True, "since": False}, self.assignment_grades, _only_warnings("assignments")),
            "mod_forum_get_forums_by_courses": ({"courseids": False}, self.forums, lambda _: []),
            "mod_forum_get_forum_discussions": (
                {"forumid": True, "sortorder": False, "page": False, "perpage": False, "groupid": False}, self.discussions, None,
            ),
            "mod_forum_get_discussion_posts": (
                {"discussionid": True, "sortby": False, "sortdirection": False, "includeinlineattachments": False}, self.posts, None,
            ),
        }  # fmt: skip
        self.functions = site

    def call(self, token: str, function: str, form: Mapping[str, str]) -> Any:
        """The answer to one call, an error of the vendor's included."""
        try:
            return self._call(token, function, form)
        except VendorError as error:
            return error.answer

    def _call(self, token: str, function: str, form: Mapping[str, str]) -> Any:
        if token not in {self.server["token"], self.server["powerless_token"]}:
            raise VendorError("invalidtoken", "Invalid token - token not found")
        if function in self.server["outside_the_service"]:
            raise VendorError("accessexception", "Access control exception", "webservice_access_exception")
        if function not in self.functions:
            raise _unknown("external_functions")
        parameters, full, powerless = self.functions[function]
        asked = nested(form)
        if not (
            asked.keys() <= parameters.keys() and {name for name, must in parameters.items() if must} <= asked.keys()
        ):
            raise _invalid_parameter()
        may = token == self.server["token"]
        answer = full if may else powerless
        if answer is None:
            raise _no_access()
        try:
            return answer({**asked, "_user": self.server["info"]["userid"] if may else self.server["powerless_user"]})
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise _invalid_parameter() from error

    # --- rows and time ------------------------------------------------------------------------------------------------------------

    def _rows(self, table: str, column: str | tuple[str, ...], value: Any) -> list[Row]:
        """Rows of a table with this value in a column, or these in several."""
        place = (table, column)
        if place not in self._index:
            found: dict[Any, list[Row]] = defaultdict(list)
            key = itemgetter(*((column,) if isinstance(column, str) else column))
            for row in self._tables[table]:
                found[key(row)].append(row)
            self._index[place] = found
        return self._index[place].get(value, [])

    def _is_past(self, epoch_s: Any) -> bool:
        return isinstance(epoch_s, int) and 0 < epoch_s <= self._world.now().timestamp()

    def _past(self, rows: Iterable[Row], column: str) -> list[Row]:
        return [row for row in rows if self._is_past(row[column])]

    def _all_acts(self) -> dict[int, list[int]]:
        """When each person did something: what they were last seen by at a moment before the last day."""
        acts: dict[int, list[int]] = defaultdict(list)
        for table, columns in (
            ("course_modules_completion", ("timemodified",)),
            ("quiz_attempts", ("timestart", "timefinish")),
            ("assign_submission", ("timecreated", "timemodified")),
            ("forum_posts", ("created",)),
        ):
            for row in self._tables[table]:
                acts[row["userid"]].extend(row[column] for column in columns)
        return acts

    def _seen(self, user: int, last: int) -> int:
        """The last visit before now, of somebody whose very last one was at `last`."""
        if not last or self._is_past(last):
            return last
        return max((each for each in self._acts[user] if each <= last and self._is_past(each)), default=0)

    # --- people and courses -----------------------------------------------------------------------------------------------------------

    def site_info(self, asked: Row) -> Any:
        """What the site says of itself; `functions` are those that are replayed."""
        info = self.server["info"]
        names = [{"name": name, "version": info["functions"][0]["version"]} for name in self.functions]
        if asked["_user"] == info["userid"]:
            return {**info, "functions": names}
        told = {name: self._users[asked["_user"]][name] for name in ("username", "firstname", "lastname", "fullname")}
        return {**info, "functions": names, **told, "userid": asked["_user"]}

    def _user(self, user: Row) -> Row:
        return {
            **user,
            "firstaccess": user["firstaccess"] if self._is_past(user["firstaccess"]) else 0,
            "lastaccess": self._seen(user["id"], user["lastaccess"]),
        }

    def users(self, asked: Row) -> Any:
        """Everybody but the deleted; of the criteria only `email` with `%` is known."""
        if [(each["key"], each["value"]) for each in asked["criteria"]] != [("email", "%")]:
            raise _invalid_parameter()
        return {"users": [self._user(each) for each in self._users.values()], "warnings": []}

    def only_oneself(self, asked: Row) -> Any:
        """What a token without rights gets for everybody."""
        return {"users": [self._user(self._users[asked["_user"]])], "warnings": []}

    def users_by_field(self, asked: Row) -> Any:
        """By `id` also the deleted, whose address is a hash by then."""
        field, wanted = asked["field"], set(asked["values"])
        everybody = {**self._users, **self._deleted} if field == "id" else self._users
        return [
            {name: value for name, value in self._user(each).items() if name != "preferences"}
            for each in everybody.values()
            if str(each.get(field)) in wanted
        ]

    def courses(self, asked: Row) -> Any:
        """All courses, the front page first; of fields none is known."""
        if asked.get("field"):
            raise _invalid_parameter()
        return {"courses": self._answers["courses"], "warnings": []}

    def _course(self, asked: Row) -> int:
        course = int(asked["courseid"])
        if course not in self._courses:
            raise _unknown("course")
        return course

    def contents(self, asked: Row) -> Any:
        """Sections with modules."""
        return self._answers["contents"][str(self._course(asked))]

    def _roster(self, course: int) -> list[int]:
        rows = self._past(self._rows("user_enrolments", "courseid", course), "timecreated")
        return sorted({row["userid"] for row in rows} & self._users.keys())

    def _roles(self, course: int, user: int) -> list[str]:
        rows = self._rows("role_assignments", ("contextid", "userid"), (self._contexts[course], user))
        return [row["role"] for row in rows]

    def enrolled(self, asked: Row) -> Any:
        """The roster, with the options limitfrom, limitnumber and userfields."""
        course = self._course(asked)
        options = {each["name"]: each["value"] for each in asked.get("options", ())}
        first, most = int(options.get("limitfrom", 0)), int(options.get("limitnumber", 0))
        people = [self._enrolled_user(course, user) for user in self._roster(course)][first:]
        people = people[:most] if most else people
        if "userfields" not in options:
            return people
        wanted = {*options["userfields"].split(","), "fullname"}
        return [{name: value for name, value in each.items() if name in wanted} for each in people]

    def _enrolled_user(self, course: int, user: int) -> Row:
        known = self._user(self._users[user])
        access = self._rows("course_access", ("course", "userid"), (course, user))[0]
        mine = {row["courseid"] for row in self._past(self._rows("user_enrolments", "userid", user), "timecreated")}
        courses = [self._courses[each] for each in sorted(mine, reverse=True)]
        return {
            **{name: known[name] for name in _OF_PARTICIPANTS if name in known},
            "lastcourseaccess": self._seen(user, access["lastcourseaccess"]),
            "roles": [
                {"roleid": _ROLES[role][0], "name": "", "shortname": role, "sortorder": _ROLES[role][1]}
                for role in self._roles(course, user)
            ],
            "enrolledcourses": [{name: each[name] for name in ("id", "fullname", "shortname")} for each in courses],
        }

    def updates(self, asked: Row) -> Any:
        """Ids of what changed after `since`: attempts, discussions (by their first posts), submissions and grades of assignments."""
        course, since = self._course(asked), int(asked["since"])

        def ids(rows: Iterable[Row], time: str, name: str = "id") -> list[int]:
            return [row[name] for row in self._past(rows, time) if row[time] > since]

        instances = []
        for module in self._rows("course_modules", "course", course):
            areas: dict[str, list[int]] = {}
            instance = module["instance"]
            match module["modname"]:
                case "quiz":
                    attempts = [self._attempt(row) for row in self._rows("quiz_attempts", "quiz", instance)]
                    areas["userattempts"] = ids(filter(None, attempts), "timemodified")
                case "forum":
                    shown = [self._discussion(row) for row in self._rows("forum_discussions", "forum", instance)]
                    areas["discussions"] = ids(filter(None, shown), "timemodified")
                case "assign":
                    written = [self._submission(row) for row in self._rows("assign_submission", "assignment", instance)]
                    areas["usersubmissions"] = ids(filter(None, written), "timemodified")
                    areas["usergrades"] = ids(self._rows("assign_grades", "assignment", instance), "timemodified")
            told = [{"name": name, "itemids": found} for name, found in areas.items() if found]
            if told:
                instances.append({"contextlevel": "module", "id": module["id"], "updates": told})
        return {"instances": instances, "warnings": []}

    # --- completion ---------------------------------------------------------------------------------------------------------------------

    def _participant(self, asked: Row) -> tuple[int, int]:
        course, user = self._course(asked), int(asked["userid"])
        if user in self._deleted:
            raise VendorError("userdeleted", "error/userdeleted")
        if user not in self._users:
            raise VendorError("invaliduser", "Invalid user", "dml_missing_record_exception")
        return course, user

    def _state(self, cmid: int, user: int) -> Row | None:
        rows = self._rows("course_modules_completion", ("coursemoduleid", "userid"), (cmid, user))
        return next(iter(self._past(rows, "timemodified")), None)

    def activities(self, asked: Row) -> Any:
        """The state of one person in the modules of a course that have completion."""
        course, user = self._participant(asked)
        modules = [each for section in self._answers["contents"][str(course)] for each in section["modules"]]
        roster = self._roster(course)
        statuses = []
        for module in modules:
            if not module.get("completion"):
                continue
            row = self._state(module["id"], user)
            state = row["completionstate"] if row else 0
            statuses.append({
                "cmid": module["id"], "modname": module["modname"], "instance": module["instance"], "state": state,
                "timecompleted": row["timemodified"] if row else 0, "tracking": module["completion"], "overrideby": row["overrideby"] if row else None,
                "valueused": False, "hascompletion": True, "isautomatic": module["completion"] == 2, "istrackeduser": user in roster, "uservisible": True,
                "details": [_detail(each, state) for each in module["completiondata"]["details"]], "isoverallcomplete": state in _DONE,
            })  # fmt: skip
        return {"statuses": statuses, "warnings": []}

    def course_completion(self, asked: Row) -> Any:
        """The criteria of a course and how one person stands."""
        course, user = self._participant(asked)
        if str(course) not in self._answers["criteria"]:
            raise VendorError("nocriteriaset", "No completion criteria set for this course")
        if not self._rows("user_enrolments", ("courseid", "userid"), (course, user)):
            raise VendorError("notenroled", "You are not enrolled in this course")
        criteria = []
        for each in self._answers["criteria"][str(course)]:
            found = re.search(r"id=(\d+)", each["details"]["criteria"])
            row = self._state(int(found[1]), user) if found else None
            if row and row["completionstate"] in _DONE:
                criteria.append({**each, "status": "Yes", "complete": True, "timecompleted": row["timemodified"]})
            else:
                criteria.append(each)
        done = bool(self._past(self._rows("course_completions", ("course", "userid"), (course, user)), "timecompleted"))
        return {"completionstatus": {"completed": done, "aggregation": 1, "completions": criteria}, "warnings": []}

    # --- quizzes ------------------------------------------------------------------------------------------------------------------------

    def quizzes(self, asked: Row) -> Any:
        """Quizzes of the courses asked for."""
        wanted = _numbers(asked, "courseids")
        return {"quizzes": [each for each in self._answers["quizzes"] if each["course"] in wanted], "warnings": []}

    def _attempt(self, row: Row) -> Row | None:
        """An attempt as it was at this moment: not begun, open, or over."""
        if not self._is_past(row["timestart"]):
            return None
        if row["timefinish"] and not self._is_past(row["timefinish"]):
            row = {**row, "state": "inprogress", "timefinish": 0, "timemodified": row["timestart"], "sumgrades": None}
        questions = int(self._quizzes[row["quiz"]]["sumgrades"])
        is_over = row["state"] == "finished"
        return {
            **{name: row[name] for name in ("id", "quiz", "userid", "attempt", "uniqueid")},
            "layout": ",".join(str(number) for number in (*range(1, questions + 1), 0)),
            "currentpage": 0,
            **{name: row[name] for name in ("preview", "state", "timestart", "timefinish", "timemodified")},
            "timemodifiedoffline": row["timemodified"],
            "timecheckstate": None,
            "sumgrades": row["sumgrades"],
            "gradeitemmarks": [],
            "gradednotificationsenttime": row["timefinish"] if is_over else None,
        }

    def attempts(self, asked: Row) -> Any:
        """Attempts of one person, the finished ones unless others are asked for."""
        user = int(asked["userid"])
        if user in self._deleted:
            raise VendorError("userdeleted", "error/userdeleted")
        mine = self._rows("quiz_attempts", ("quiz", "userid"), (int(asked["quizid"]), user))
        rows, wanted = map(self._attempt, mine), asked.get("status", "finished")
        found = [
            row for row in rows if row and (wanted == "all" or (row["state"] == "finished") == (wanted == "finished"))
        ]
        return {"attempts": found, "warnings": []}

    def _quiz_item(self, quiz: int) -> Row:
        return self._rows("grade_items", ("itemmodule", "iteminstance"), ("quiz", quiz))[0]

    def best_grade(self, asked: Row) -> Any:
        """A person's grade for a quiz, and the grade to pass it."""
        item = self._quiz_item(int(asked["quizid"]))
        mine = self._grade(item, int(asked["userid"]))
        told = {"hasgrade": True, "grade": mine["finalgrade"]} if mine else {"hasgrade": False}
        return {**told, "gradetopass": item["gradepass"], "warnings": []}

    def review(self, asked: Row) -> Any:
        """A finished attempt, without its questions."""
        rows = self._rows("quiz_attempts", "id", int(asked["attemptid"]))
        attempt = self._attempt(rows[0]) if rows else None
        if attempt is None:
            raise _unknown("quiz_attempts")
        if attempt["state"] != "finished":
            raise VendorError("attemptclosed", "Attempt has not closed yet", "mod_quiz\\exception\\moodle_exception")
        quiz = self._quizzes[attempt["quiz"]]
        grade = attempt["sumgrades"] / quiz["sumgrades"] * quiz["grade"]
        return {"grade": _plain(grade), "attempt": attempt, "additionaldata": [], "questions": [], "warnings": []}

    # --- assignments and grades ----------------------------------------------------------------------------------------------------------

    def assignments(self, asked: Row) -> Any:
        """Assignments of the courses asked for; a connector is enrolled in none of them."""
        wanted = _numbers(asked, "courseids")
        if not int(asked.get("includenotenrolledcourses", 0)):
            return _warned("courses", wanted)
        return {"courses": [each for each in self._answers["assignments"] if each["id"] in wanted], "warnings": []}

    def _submission(self, row: Row) -> Row | None:
        """A submission as it was at this moment: not there, as first written, or as last changed."""
        if not self._is_past(row["timecreated"]):
            return None
        if not self._is_past(row["timemodified"]):
            row = {**row, "timemodified": row["timecreated"]}
        grades = self._rows("assign_grades", ("assignment", "userid"), (row["assignment"], row["userid"]))
        is_graded = bool(self._past(grades, "timemodified"))
        field = {
            "name": "onlinetext",
            "description": "Online text submissions",
            "text": row["text"],
            "format": 1,
        }
        files = [{"area": "submissions_onlinetext", "files": []}]
        return {
            **{name: row[name] for name in ("id", "userid", "attemptnumber", "timecreated", "timemodified")},
            "timestarted": None,
            "status": row["status"],
            "groupid": 0,
            "plugins": [
                {"type": "onlinetext", "name": "Online text", "fileareas": files, "editorfields": [field]},
                {"type": "comments", "name": "Submission comments"},
            ],
            "gradingstatus": "graded" if is_graded else "notgraded",
        }

    def submissions(self, asked: Row) -> Any:
        """Submissions changed from `since` to `before`."""
        since, before = int(asked.get("since", 0)), int(asked.get("before", 0)) or 10**12
        found = []
        for assignment in _numbers(asked, "assignmentids"):
            rows = [self._submission(row) for row in self._rows("assign_submission", "assignment", assignment)]
            rows = [row for row in rows if row and since <= row["timemodified"] <= before]
            found.append({"assignmentid": assignment, "submissions": rows})
        return _with_warnings("submissions", found)

    def assignment_grades(self, asked: Row) -> Any:
        """Grades given since `since`; Moodle writes them as text."""
        since = int(asked.get("since", 0))
        found = []
        for assignment in _numbers(asked, "assignmentids"):
            rows = self._past(self._rows("assign_grades", "assignment", assignment), "timemodified")
            names = ("id", "userid", "attemptnumber", "timecreated", "timemodified", "grader", "grade")
            grades = [
                {name: row[name] if name != "grade" else f"{row[name]:.5f}" for name in names}
                for row in rows
                if row["timemodified"] >= since
            ]
            found.append({"assignmentid": assignment, "grades": grades})
        return _with_warnings("grades", found)

    def _grade(self, item: Row, user: int) -> Row | None:
        rows = self._past(self._rows("grade_grades", ("itemid", "userid"), (item["id"], user)), "timemodified")
        return next((row for row in rows if row["finalgrade"] is not None), None)

    def gradebook(self, asked: Row) -> Any:
        """Everybody's grades of a course (userid 0), in the order of family names; of one person otherwise."""
        course, user = self._course(asked), int(asked.get("userid", 0))
        items = self._rows("grade_items", "courseid", course)
        items = [row for row in items if row["itemtype"] != "course"] + [
            row for row in items if row["itemtype"] == "course"
        ]
        names = {row["id"]: (str(row["lastname"]), str(row["firstname"])) for row in self._tables["user"]}
        learners = [each for each in self._roster(course) if self._roles(course, each) == ["student"]]
        return {
            "usergrades": [
                {
                    "courseid": course,
                    "courseidnumber": self._rows("course", "id", course)[0]["idnumber"] or "",
                    "userid": each,
                    "userfullname": self._users[each]["fullname"],
                    "useridnumber": self._users[each].get("idnumber", ""),
                    "maxdepth": 2,
                    "gradeitems": [self._grade_item(item, each) for item in items],
                }
                for each in sorted(learners, key=lambda each: names[each])
                if user in {0, each}
            ],
            "warnings": [],
        }

    def _grade_item(self, item: Row, user: int) -> Row:
        grade, place = self._grade(item, user), (item["iteminstance"], item["itemmodule"])
        module = next(iter(self._rows("course_modules", ("instance", "modname"), place)), None)
        raw, most = grade["finalgrade"] if grade else None, (grade or {}).get("rawgrademax") or item["grademax"]
        return {
            "id": item["id"], "itemname": item["itemname"], "itemtype": item["itemtype"], "itemmodule": item["itemmodule"], "iteminstance": item["iteminstance"],
            "itemnumber": 0 if module else None, "idnumber": _grade_number(module) if module else None, "categoryid": item["courseid"] - 1 if module else None,
            "outcomeid": None, "scaleid": None, "locked": False, **({"cmid": module["id"]} if module else {}),
            **({} if grade or not module else {"status": "novalue"}),
            "graderaw": raw, "gradedatesubmitted": grade["timecreated"] if grade else None, "gradedategraded": grade["timemodified"] if grade else None,
            "gradehiddenbydate": False, "gradeneedsupdate": False, "gradeishidden": False, "gradeislocked": False, "gradeisoverridden": False,
            "gradeformatted": "-" if raw is None else f"{raw:.2f}", "grademin": item["grademin"], "grademax": most, "rangeformatted": f"{item['grademin']}&ndash;{most}",
            "percentageformatted": "-" if raw is None else f"{100 * raw / most:.2f} %", "feedback": "", "feedbackformat": 2,
        }  # fmt: skip

    # --- forums -------------------------------------------------------------------------------------------------------------------------

    def forums(self, asked: Row) -> Any:
        """Forums of the courses asked for."""
        wanted = _numbers(asked, "courseids")
        return [each for each in self._answers["forums"] if each["course"] in wanted]

    def _shown(self, discussion: int) -> list[Row]:
        posts = self._past(self._rows("forum_posts", "discussion", discussion), "created")
        return [row if self._is_past(row["modified"]) else {**row, "modified": row["created"]} for row in posts]

    def _discussion(self, row: Row) -> Row | None:
        """A discussion as it was at this moment; its id in lists of changes is that of its first post."""
        posts = self._shown(row["id"])
        first = next((post for post in posts if post["id"] == row["firstpost"]), None)
        if first is None:
            return None
        changed, changer = row["timemodified"], row["usermodified"]
        if not self._is_past(changed):
            latest = max(posts, key=lambda post: (post["created"], post["id"]))
            changed, changer = latest["created"], latest["userid"]
        picture = self.server["info"]["siteurl"]
        return {
            "id": first["id"], "name": row["name"], "groupid": -1, "timemodified": changed, "usermodified": changer, "timestart": 0, "timeend": 0,
            "discussion": row["id"], "parent": 0, "userid": row["userid"], "created": first["created"], "modified": first["modified"], "mailed": 0,
            "subject": first["subject"], "message": first["message"], "messageformat": 1, "messagetrust": 0, "attachment": False, "totalscore": 0, "mailnow": 0,
            "userfullname": self._fullname(row["userid"]), "usermodifiedfullname": self._fullname(changer),
            "userpictureurl": f"{picture}/theme/image.php/boost/core/1/u/f2", "usermodifiedpictureurl": f"{picture}/theme/image.php/boost/core/1/u/f2",
            "numreplies": len(posts) - 1, "numunread": 0, "pinned": False, "locked": False, "starred": False, "canreply": False, "canlock": False, "canfavourite": True,
        }  # fmt: skip

    def _fullname(self, user: int) -> str:
        return str((self._users.get(user) or self._deleted[user])["fullname"])

    def discussions(self, asked: Row) -> Any:
        """Discussions, the latest changed first; a page past the end is empty."""
        shown = [self._discussion(row) for row in self._rows("forum_discussions", "forum", int(asked["forumid"]))]
        found = sorted(filter(None, shown), key=lambda each: (-each["timemodified"], -each["id"]))
        size = int(asked.get("perpage", 0))
        start = max(0, int(asked.get("page", 0))) * size
        return {"discussions": found[start : start + size] if size else found, "warnings": []}

    def posts(self, asked: Row) -> Any:
        """Posts of a discussion; an unknown one is a fault inside the vendor, which comes without a code."""
        number = int(asked["discussionid"])
        rows = self._rows("forum_discussions", "id", number)
        posts = self._shown(number)
        if not rows or not posts:
            raise VendorError("", "Call to a member function get_forum_id() on null", "Error")
        row, newest_first = rows[0], asked.get("sortdirection", "DESC") == "DESC"
        posts.sort(key=lambda post: (post["created"], post["id"]), reverse=newest_first)
        return {
            "posts": [self._post(post, row["course"]) for post in posts],
            "forumid": row["forum"],
            "courseid": row["course"],
            "ratinginfo": _rating_info(posts, self._contexts_of_modules.get(row["forum"])),
            "warnings": [],
        }

    def _post(self, row: Row, course: int) -> Row:
        site, here = self.server["info"]["siteurl"], f"/mod/forum/discuss.php?d={row['discussion']}"
        parent = row["parent"] or None
        unoffered = ("edit", "delete", "split", "reply", "export", "markasread", "markasunread")
        topic = str(row["subject"]).removeprefix("Re: ")
        is_gone = row["userid"] in self._deleted
        name = "Deleted user" if is_gone else self._fullname(row["userid"])
        return {
            "id": row["id"], "subject": row["subject"], "replysubject": f"Re: {topic}", "message": row["message"], "messageformat": 1,
            "author": {
                "id": row["userid"], "fullname": name, "isdeleted": is_gone, "groups": [],
                "urls": {"profile": f"{site}/user/view.php?id={row['userid']}&course={course}", "profileimage": f"{site}/theme/image.php/boost/core/1/u/f1"},
            },
            "discussionid": row["discussion"], "hasparent": parent is not None, "parentid": parent, "timecreated": row["created"], "timemodified": row["modified"],
            "unread": None, "isdeleted": bool(row["deleted"]), "isprivatereply": False, "haswordcount": False, "wordcount": None, "charcount": None,
            "capabilities": _NO_RIGHT_TO_POST,
            "urls": {
                "view": f"{site}{here}#p{row['id']}", "viewisolated": f"{site}{here}&parent={row['id']}", "viewparent": f"{site}{here}#p{parent}" if parent else None,
                **dict.fromkeys(unoffered), "discuss": f"{site}{here}",
            },
            "attachments": [], "messageinlinefiles": [], "tags": [],
            "html": {"rating": "", "taglist": None, "authorsubheading": f"by {escape(name)}"},
        }  # fmt: skip


# --- parts of answers ---------------------------------------------------------------------------------------------------------------------


def _table(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as stream:
        return [{name: _value(value) for name, value in row.items()} for row in csv.DictReader(stream)]


def _value(text: str) -> Any:
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    if re.fullmatch(r"-?\d+\.\d+", text):
        return _plain(float(text))
    return text or None


def _plain(number: float) -> int | float:
    """A number as Moodle's JSON writes it: whole ones without a fraction, others to five places."""
    return int(number) if number == int(number) else round(number, 5)


def _detail(detail: Row, state: int) -> Row:
    """A rule of completion and how it stands: a grade is received (1) or received and passed (2), and a pass mark missed is 3."""
    told = {"completionusegrade": {2: 2, 3: 1}, "completionpassgrade": {2: 2, 3: 3}}.get(detail["rulename"], {2: 1})
    return {**detail, "rulevalue": {**detail["rulevalue"], "status": told.get(state, state)}}


def _grade_number(module: Row) -> str:
    """The id number of a grade item; ratings of a forum carry the module's number instead."""
    return str(module["id"] if module["modname"] == "forum" else module["idnumber"])


def _rating_info(posts: list[Row], context: int | None) -> Row:
    nothing = {"scaleid": None, "userid": None, "rating": None, "canrate": False, "canviewaggregate": False}
    return {
        "contextid": context, "component": "mod_forum", "ratingarea": "post", "canviewall": True, "canviewany": False, "scales": [],
        "ratings": [{"itemid": post["id"], **nothing} for post in posts],
    }  # fmt: skip


def _numbers(asked: Row, name: str) -> list[int]:
    return [int(each) for each in asked.get(name, ())]


def _warned(name: str, courses: Iterable[int]) -> Row:
    message = "User is not enrolled or does not have requested capability"
    return {
        name: [],
        "warnings": [{"item": "course", "itemid": each, "warningcode": "2", "message": message} for each in courses],
    }


def _only_warnings(name: str) -> Callable[[Row], Any]:
    return lambda asked: _warned(name, _numbers(asked, "courseids"))


def _with_warnings(name: str, assignments: list[Row]) -> Row:
    """Assignments that hold something; those that hold nothing are warned about."""
    empty = [each["assignmentid"] for each in assignments if not each[name]]
    warnings = [{"item": "module", "itemid": each, "warningcode": "3", "message": f"No {name} found"} for each in empty]
    return {"assignments": [each for each in assignments if each[name]], "warnings": warnings}


# --- the protocol -----------------------------------------------------------------------------------------------------------------------------


def nested(form: Mapping[str, str]) -> Row:
    """Parameters of the REST protocol as nested values: `options[0][name]=x` → `{"options": [{"name": "x"}]}`."""
    made: Row = {}
    for name, value in form.items():
        parts = re.findall(r"[^\[\]]+", name)
        target = made
        for part in parts[:-1]:
            target = target.setdefault(part, {})
        target[parts[-1]] = value
    return {name: _lists(value) for name, value in made.items()}


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if all(name.isdigit() for name in value):
        return [_lists(value[name]) for name in sorted(value, key=int)]
    return {name: _lists(each) for name, each in value.items()}


def as_xml(answer: Any) -> str:
    """An answer in the protocol's own format, which it uses where none is asked for."""
    head = '<?xml version="1.0" encoding="UTF-8" ?>\n'
    if isinstance(answer, dict) and "exception" in answer:
        code = f"<ERRORCODE>{escape(answer['errorcode'])}</ERRORCODE>\n" if "errorcode" in answer else ""
        message = f"<MESSAGE>{escape(answer['message'])}</MESSAGE>\n"
        return f'{head}<EXCEPTION class="{escape(answer["exception"])}">\n{code}{message}</EXCEPTION>\n'
    return f"{head}<RESPONSE>\n{_xml(answer)}</RESPONSE>\n"


def _xml(value: Any) -> str:
    if isinstance(value, dict):
        keys = "".join(f'<KEY name="{escape(str(name))}">{_xml(each)}</KEY>\n' for name, each in value.items())
        return f"<SINGLE>\n{keys}</SINGLE>\n"
    if isinstance(value, list):
        return f"<MULTIPLE>\n{''.join(_xml(each) for each in value)}</MULTIPLE>\n"
    if value is None:
        return '<VALUE null="null"/>\n'
    return f"<VALUE>{escape(str(int(value) if isinstance(value, bool) else value))}</VALUE>\n"


def platform(folder: Path, world: World) -> Platform:
    """The site whose tables lie in `folder`."""
    site = Site(folder, world)

    async def rest(request: Request) -> Response:
        given = {**request.query_params, **(await request.form() if request.method == "POST" else {})}
        form = {str(name): str(value) for name, value in given.items()}
        token, function = form.pop("wstoken", ""), form.pop("wsfunction", "")
        wanted = form.pop("moodlewsrestformat", "xml")
        answer = site.call(token, function, form)
        if wanted != "json":
            return Response(as_xml(answer), media_type="application/xml; charset=utf-8")
        return Response(orjson.dumps(answer), media_type="application/json")

    refused = VendorError("invalidtoken", "Invalid token - token not found").answer
    return Platform(
        [Route("/webservice/rest/server.php", rest, methods=["GET", "POST"])],
        unauthorized=lambda: JSONResponse(refused),
        forbidden=lambda: Response(status_code=403),  # the REST protocol is switched off
        too_many=lambda seconds: Response(
            "", 429, {"Retry-After": f"{seconds:.3f}"}
        ),  # of a proxy: Moodle has no limit
    )
