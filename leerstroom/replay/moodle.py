"""A Moodle site out of its state tables: the web services that a connector reads, answered in the shapes of Moodle 4.5.

```
server.json   {"site", "sitename", "release", "token", "user", "powerless_token"}
*.csv         tables of the site without their prefix; NULL is an empty unquoted field
```
Errors come inside HTTP 200, as there. A token without rights gets what Moodle gives it: itself, empty lists, warnings. Facts later than the simulated time do not exist yet.
"""

import csv
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from leerstroom.replay.world import Platform, World

Row = dict[str, Any]
_TABLES = (
    "user", "course", "course_modules", "module_instances", "quiz", "grade_items", "course_completions", "course_modules_completion", "quiz_attempts",
    "assign_submission", "assign_grades", "forum_discussions", "forum_posts", "user_enrolments", "role_assignments", "grade_grades", "context",
)  # fmt: skip
_CRITERIA = ("page", "url", "quiz", "assign", "forum", "resource", "book")


class WebServiceError(Exception):
    """An error of a web service function: goes into an answer of HTTP 200."""

    def __init__(self, code: str, message: str, kind: str = "core\\exception\\moodle_exception") -> None:
        super().__init__(message)
        self.answer = {"exception": kind, "errorcode": code, "message": message}


def _value(text: str) -> Any:
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    return float(text) if re.fullmatch(r"-?\d+\.\d+", text) else text


class Site:
    """The tables and the functions over them."""

    def __init__(self, folder: Path, world: World) -> None:
        self._world = world
        self.server: Row = orjson.loads((folder / "server.json").read_bytes())
        self._tables: dict[str, list[Row]] = {}
        for name in _TABLES:
            with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
                self._tables[name] = [
                    {key: _value(value) if value else None for key, value in row.items()}
                    for row in csv.DictReader(stream)
                ]
        self.functions: dict[str, Callable[[Row], Any]] = {
            "core_webservice_get_site_info": self.site_info,
            "core_user_get_users": self.users,
            "core_course_get_courses": self.courses,
            "core_enrol_get_enrolled_users": self.enrolled,
            "core_course_get_updates_since": self.updates,
            "core_completion_get_activities_completion_status": self.activities,
            "core_completion_get_course_completion_status": self.course_completion,
            "gradereport_user_get_grade_items": self.grade_items,
            "mod_forum_get_forums_by_courses": self.forums,
            "mod_forum_get_forum_discussions": self.discussions,
            "mod_forum_get_discussion_posts": self.posts,
            "mod_quiz_get_quizzes_by_courses": self.quizzes,
            "mod_quiz_get_user_attempts": self.attempts,
            "mod_assign_get_assignments": self.assignments,
            "mod_assign_get_submissions": self.submissions,
            "mod_assign_get_grades": self.assignment_grades,
        }

    def rows(self, table: str, **wanted: Any) -> list[Row]:
        """Rows of a table with these values."""
        return [row for row in self._tables[table] if all(row[name] == value for name, value in wanted.items())]

    def one(self, table: str, **wanted: Any) -> Row:
        """One row. Raises the vendor's error where there is none."""
        found = self.rows(table, **wanted)
        if not found:
            raise WebServiceError(
                "invalidrecord", "Can't find data record in database.", "dml_missing_record_exception"
            )
        return found[0]

    def _exists(self, epoch_s: Any) -> bool:
        return isinstance(epoch_s, int) and 0 < epoch_s <= self._world.now().timestamp()

    def _url(self, path: str) -> str:
        return f"{self.server['site']}{path}"

    # --- functions --------------------------------------------------------------------------------------------------------------

    def site_info(self, _: Row) -> Any:
        user = self.one("user", id=self.server["user"])
        return {
            "sitename": self.server["sitename"], "username": user["username"], "fullname": f"{user['firstname']} {user['lastname']}", "lang": "en",
            "userid": user["id"], "siteurl": self.server["site"], "release": self.server["release"],
            "functions": [{"name": name, "version": "2024100706"} for name in self.functions],
        }  # fmt: skip

    def _user(self, row: Row) -> Row:
        made = {
            "id": row["id"], "username": row["username"], "firstname": row["firstname"], "lastname": row["lastname"],
            "fullname": f"{row['firstname']} {row['lastname']}", "email": row["email"], "department": row["department"] or "",
            "firstaccess": 0, "lastaccess": row["lastaccess"] if self._exists(row["lastaccess"]) else 0, "suspended": bool(row["suspended"]),
        }  # fmt: skip
        return {**made, "idnumber": row["idnumber"]} if row["idnumber"] else made

    def users(self, asked: Row) -> Any:
        own = self.server["user"] if asked["_powerless"] else None
        return {
            "users": [self._user(row) for row in self.rows("user", deleted=0) if own in {None, row["id"]}],
            "warnings": [],
        }

    def courses(self, _: Row) -> Any:
        return [
            {"id": row["id"], "shortname": row["shortname"], "fullname": row["fullname"], "displayname": row["fullname"], "idnumber": row["idnumber"] or "",
             "startdate": row["startdate"], "enddate": row["enddate"], "format": row["format"]}
            for row in self._tables["course"]
        ]  # fmt: skip

    def _course(self, asked: Row) -> Row:
        return self.one("course", id=int(asked.get("courseid") or 0))

    def enrolled(self, asked: Row) -> Any:
        course = self._course(asked)
        if asked["_powerless"]:
            raise WebServiceError(
                "requireloginerror", "Course or activity not accessible.", "core\\exception\\require_login_exception"
            )
        options = {each["name"]: each["value"] for each in asked.get("options", ())}
        context = self.one("context", contextlevel=50, instanceid=course["id"])
        found = []
        for user in sorted({
            row["userid"]
            for row in self.rows("user_enrolments", courseid=course["id"])
            if self._exists(row["timecreated"])
        }):
            row = self.one("user", id=user)
            if row["deleted"]:
                continue
            roles = [
                {"roleid": 5, "name": "", "shortname": role["role"], "sortorder": 0}
                for role in self.rows("role_assignments", contextid=context["id"], userid=user)
            ]
            mine = [each["courseid"] for each in self.rows("user_enrolments", userid=user)]
            enrolled = [
                {"id": each["id"], "fullname": each["fullname"], "shortname": each["shortname"]}
                for each in self._tables["course"]
                if each["id"] in mine
            ]
            made = self._user(row)
            found.append({**made, "lastcourseaccess": made["lastaccess"], "roles": roles, "enrolledcourses": enrolled})
        start = int(options.get("limitfrom", 0))
        return (
            found[start : start + int(options["limitnumber"])] if int(options.get("limitnumber", 0)) else found[start:]
        )

    def updates(self, asked: Row) -> Any:
        course, since = self._course(asked), int(asked["since"])

        def new(epoch_s: Any) -> bool:
            return self._exists(epoch_s) and epoch_s > since

        instances = []
        for module in self.rows("course_modules", course=course["id"]):
            instance, changed = module["instance"], []
            if module["modname"] == "quiz":
                changed.append((
                    "userattempts",
                    [row["id"] for row in self.rows("quiz_attempts", quiz=instance) if new(row["timemodified"])],
                ))
            elif module["modname"] == "assign":
                changed.append((
                    "usersubmissions",
                    [
                        row["id"]
                        for row in self.rows("assign_submission", assignment=instance)
                        if new(row["timemodified"])
                    ],
                ))
                changed.append((
                    "usergrades",
                    [row["id"] for row in self.rows("assign_grades", assignment=instance) if new(row["timemodified"])],
                ))
            elif module["modname"] == "forum":
                discussions = {row["id"]: row for row in self.rows("forum_discussions", forum=instance)}
                fresh = {
                    row["discussion"]
                    for row in self._tables["forum_posts"]
                    if row["discussion"] in discussions and new(row["modified"])
                }
                changed.append((
                    "discussions",
                    [discussions[each]["firstpost"] for each in sorted(fresh)],
                ))  # ids of first posts, as there
            told = [{"name": name, "itemids": ids} for name, ids in changed if ids]
            if told:
                instances.append({"contextlevel": "module", "id": module["id"], "updates": told})
        return {"instances": instances, "warnings": []}

    def _enrolled(self, course: int, user: int) -> None:
        if self.one("user", id=user)["deleted"]:
            raise WebServiceError("userdeleted", "error/userdeleted")
        if not self.rows("user_enrolments", courseid=course, userid=user):
            raise WebServiceError("notenroled", "You are not enrolled in this course")

    def activities(self, asked: Row) -> Any:
        course, user = self._course(asked)["id"], int(asked["userid"])
        self._enrolled(course, user)
        statuses = []
        for module in self.rows("course_modules", course=course):
            if not module["completion"]:
                continue
            done = next(
                (
                    row
                    for row in self.rows("course_modules_completion", coursemoduleid=module["id"], userid=user)
                    if self._exists(row["timemodified"])
                ),
                None,
            )
            viewed = module["modname"] in {"page", "resource", "book"} and module["completion"] == 2
            details = (
                [{"rulename": "completionview", "rulevalue": {"status": 1 if done else 0, "description": "View"}}]
                if viewed
                else []
            )
            statuses.append({
                "cmid": module["id"], "modname": module["modname"], "instance": module["instance"], "state": done["completionstate"] if done else 0,
                "timecompleted": done["timemodified"] if done else 0, "tracking": module["completion"], "overrideby": None, "hascompletion": True,
                "isautomatic": module["completion"] == 2, "istrackeduser": True, "uservisible": True, "details": details,
                "isoverallcomplete": bool(done and done["completionstate"] in {1, 2}),
            })  # fmt: skip
        return {"statuses": statuses, "warnings": []}

    def course_completion(self, asked: Row) -> Any:
        course, user = self._course(asked)["id"], int(asked["userid"])
        self._enrolled(course, user)
        done = self.rows("course_completions", course=course, userid=user)
        finished = next((row["timecompleted"] for row in done if self._exists(row["timecompleted"])), None)
        if not self.rows("course_completions", course=course):
            raise WebServiceError("nocriteriaset", "No completion criteria set for this course")
        criteria = [
            {
                "type": 4,
                "title": "Activity completion",
                "status": "Yes" if finished else "No",
                "complete": bool(finished),
                "timecompleted": finished,
            }
        ]
        return {
            "completionstatus": {"completed": bool(finished), "aggregation": 1, "completions": criteria},
            "warnings": [],
        }

    def grade_items(self, asked: Row) -> Any:
        course = self._course(asked)["id"]
        items = self.rows("grade_items", courseid=course)
        modules = {(row["modname"], row["instance"]): row["id"] for row in self.rows("course_modules", course=course)}
        usergrades = []
        for user in sorted({row["userid"] for row in self.rows("user_enrolments", courseid=course)}):
            row = self.one("user", id=user)
            if row["deleted"]:
                continue
            graded = []
            for item in items:
                grade = next(
                    (
                        each
                        for each in self.rows("grade_grades", itemid=item["id"], userid=user)
                        if self._exists(each["timemodified"])
                    ),
                    None,
                )
                graded.append({
                    "id": item["id"], "itemname": item["itemname"], "itemtype": item["itemtype"], "itemmodule": item["itemmodule"],
                    "iteminstance": item["iteminstance"], "cmid": modules.get((item["itemmodule"], item["iteminstance"])),
                    "graderaw": grade["finalgrade"] if grade else None, "gradedategraded": grade["timemodified"] if grade else None,
                    "grademin": item["grademin"], "grademax": item["grademax"],
                })  # fmt: skip
            usergrades.append({
                "courseid": course,
                "userid": user,
                "userfullname": f"{row['firstname']} {row['lastname']}",
                "useridnumber": row["idnumber"] or "",
                "gradeitems": graded,
            })
        return {"usergrades": usergrades, "warnings": []}

    def forums(self, asked: Row) -> Any:
        return [] if asked["_powerless"] else [
            {"id": module["instance"], "course": module["course"], "type": "general", "name": self._module_name(module), "cmid": module["id"]}
            for module in self.rows("course_modules", modname="forum") if module["course"] in self._ids(asked, "courseids")
        ]  # fmt: skip

    def discussions(self, asked: Row) -> Any:
        found = []
        for row in self.rows("forum_discussions", forum=int(asked["forumid"])):
            posts = [
                post
                for post in self.rows("forum_posts", discussion=row["id"])
                if self._exists(post["created"]) and not post["deleted"]
            ]
            if not posts:
                continue
            first = self.one("forum_posts", id=row["firstpost"])
            found.append({
                "id": row["firstpost"], "name": row["name"], "timemodified": max(post["modified"] for post in posts), "discussion": row["id"], "parent": 0,
                "userid": row["userid"], "created": first["created"], "subject": first["subject"], "message": first["message"],
                "userfullname": "…", "numreplies": len(posts) - 1, "pinned": False, "locked": False,
            })  # fmt: skip
        found.sort(key=lambda each: -int(each["timemodified"]))
        size = int(asked.get("perpage", 0)) or len(found) or 1
        start = int(asked.get("page", 0)) * size
        return {"discussions": found[start : start + size], "warnings": []}

    def posts(self, asked: Row) -> Any:
        discussion = int(asked["discussionid"])
        posts = []
        for row in self.rows("forum_posts", discussion=discussion):
            if not self._exists(row["created"]) or row["deleted"]:
                continue
            author = self.one("user", id=row["userid"])
            posts.append({
                "id": row["id"], "subject": row["subject"], "message": row["message"], "messageformat": 1,
                "author": {"id": author["id"], "fullname": f"{author['firstname']} {author['lastname']}", "isdeleted": bool(author["deleted"])},
                "discussionid": discussion, "hasparent": bool(row["parent"]), "parentid": row["parent"] or None, "timecreated": row["created"],
                "timemodified": row["modified"], "isdeleted": False, "isprivatereply": False,
            })  # fmt: skip
        return {
            "posts": posts,
            "forumid": self.one("forum_discussions", id=discussion)["forum"],
            "ratinginfo": None,
            "warnings": [],
        }

    def quizzes(self, asked: Row) -> Any:
        wanted = self._ids(asked, "courseids")
        if asked["_powerless"]:
            return {
                "quizzes": [],
                "warnings": [
                    {
                        "item": "course",
                        "itemid": each,
                        "warningcode": "1",
                        "message": "No access rights in course context",
                    }
                    for each in wanted
                ],
            }
        modules = {row["instance"]: row for row in self.rows("course_modules", modname="quiz")}
        return {
            "quizzes": [
                {"id": row["id"], "coursemodule": modules[row["id"]]["id"], "course": row["course"], "name": row["name"], "sumgrades": row["sumgrades"], "grade": row["grade"]}
                for row in self._tables["quiz"] if row["course"] in wanted and row["id"] in modules
            ],
            "warnings": [],
        }  # fmt: skip

    def attempts(self, asked: Row) -> Any:
        found = []
        for row in self.rows("quiz_attempts", quiz=int(asked["quizid"]), userid=int(asked["userid"])):
            if self._exists(row["timestart"]):
                done = self._exists(row["timefinish"])
                late = (
                    {}
                    if done or not row["timefinish"]
                    else {"state": "inprogress", "timefinish": 0, "timemodified": row["timestart"], "sumgrades": None}
                )
                found.append({**row, **late, "layout": "1,0"})
        if asked.get("status", "finished") == "finished":
            found = [row for row in found if row["state"] == "finished"]
        return {"attempts": found, "warnings": []}

    def assignments(self, asked: Row) -> Any:
        wanted = self._ids(asked, "courseids")
        if asked["_powerless"] or not int(asked.get("includenotenrolledcourses", 0)):
            return {
                "courses": [],
                "warnings": [
                    {
                        "item": "course",
                        "itemid": each,
                        "warningcode": "2",
                        "message": "User is not enrolled or does not have requested capability",
                    }
                    for each in wanted
                ],
            }
        courses = []
        for course in self._tables["course"]:
            modules = self.rows("course_modules", course=course["id"], modname="assign")
            if course["id"] in wanted and modules:
                maxima = {
                    row["iteminstance"]: row["grademax"]
                    for row in self.rows("grade_items", courseid=course["id"], itemmodule="assign")
                }
                courses.append({
                    "id": course["id"], "fullname": course["fullname"], "shortname": course["shortname"],
                    "assignments": [
                        {"id": each["instance"], "cmid": each["id"], "course": course["id"], "name": self._module_name(each), "grade": maxima.get(each["instance"])}
                        for each in modules
                    ],
                })  # fmt: skip
        return {"courses": courses, "warnings": []}

    def submissions(self, asked: Row) -> Any:
        since, before = int(asked.get("since", 0)), int(asked.get("before", 0)) or 10**12
        return self._per_assignment(
            asked, "assign_submission", "submissions", lambda row: since <= row["timemodified"] <= before
        )

    def assignment_grades(self, asked: Row) -> Any:
        since = int(asked.get("since", 0))
        return self._per_assignment(asked, "assign_grades", "grades", lambda row: row["timemodified"] >= since)

    def _per_assignment(self, asked: Row, table: str, name: str, wanted: Callable[[Row], bool]) -> Any:
        made = []
        for assignment in self._ids(asked, "assignmentids"):
            rows = [
                row
                for row in self.rows(table, assignment=assignment)
                if self._exists(row["timemodified"]) and wanted(row)
            ]
            if rows:
                made.append({
                    "assignmentid": assignment,
                    name: [{key: value for key, value in row.items() if key != "assignment"} for row in rows],
                })
        return {"assignments": made, "warnings": []}

    def _module_name(self, module: Row) -> str:
        return str(self.one("module_instances", modname=module["modname"], instance=module["instance"])["name"])

    @staticmethod
    def _ids(asked: Row, name: str) -> list[int]:
        return [int(each) for each in asked.get(name, ())]


def nested(form: Mapping[str, Any]) -> Row:
    """Parameters of the REST protocol as nested values: `options[0][name]=x` → `{"options": [{"name": "x"}]}`."""
    made: Row = {}
    for name, value in form.items():
        parts = re.findall(r"[^\[\]]+", name)
        target: Any = made
        for part in parts[:-1]:
            target = target.setdefault(part, {})
        target[parts[-1]] = value
    return {name: _lists(value) for name, value in made.items()}


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if all(key.isdigit() for key in value):
        return [_lists(value[key]) for key in sorted(value, key=int)]
    return {key: _lists(each) for key, each in value.items()}


def platform(folder: Path, world: World) -> Platform:
    """The site whose tables lie in `folder`."""
    site = Site(folder, world)

    async def rest(request: Request) -> Response:
        form = {
            str(name): str(value)
            for name, value in {
                **request.query_params,
                **(await request.form() if request.method == "POST" else {}),
            }.items()
        }
        token, function = form.pop("wstoken", ""), form.pop("wsfunction", "")
        shape = form.pop("moodlewsrestformat", "xml")
        answer = _answer(site, token, function, form)
        if shape != "json":
            text = answer.get("errorcode", "") if isinstance(answer, dict) else ""
            return Response(
                f'<?xml version="1.0" encoding="UTF-8" ?><EXCEPTION><ERRORCODE>{text}</ERRORCODE></EXCEPTION>',
                media_type="application/xml",
            )
        return JSONResponse(answer)

    refused = WebServiceError("invalidtoken", "Invalid token - token not found").answer
    return Platform(
        [Route("/webservice/rest/server.php", rest, methods=["GET", "POST"])],
        unauthorized=lambda: JSONResponse(refused),
        forbidden=lambda: Response(status_code=403),
        too_many=lambda seconds: HTMLResponse("Too many requests", 429, {"Retry-After": f"{seconds:.0f}"}),
    )


def _answer(site: Site, token: str, function: str, form: Row) -> Any:
    try:
        if token not in {site.server["token"], site.server["powerless_token"]}:
            raise WebServiceError("invalidtoken", "Invalid token - token not found")
        if function not in site.functions:
            raise WebServiceError("accessexception", "Access control exception", "webservice_access_exception")
        try:
            return site.functions[function]({**nested(form), "_powerless": token == site.server["powerless_token"]})
        except (KeyError, ValueError, TypeError) as error:
            raise WebServiceError(
                "invalidparameter", "Invalid parameter value detected", "invalid_parameter_exception"
            ) from error
    except WebServiceError as error:
        return error.answer
