"""Calls of a site's web services; errors that come inside an answer 200 are sorted into ours."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from connectors.http import Api, RequestRefused
from connectors.paging import by_number
from connectors.sources.moodle.values import assignments_of, objects
from leerstroom.errors import ConfigurationError, CredentialsRefused, UnexpectedShape, Unreachable

REST = "/webservice/rest/server.php"
FUNCTIONS = (
    "core_webservice_get_site_info", "core_user_get_users", "core_course_get_courses_by_field", "core_course_get_contents", "core_course_get_updates_since",
    "core_enrol_get_enrolled_users", "core_completion_get_activities_completion_status", "core_completion_get_course_completion_status",
    "gradereport_user_get_grade_items", "mod_quiz_get_quizzes_by_courses", "mod_quiz_get_user_attempts", "mod_quiz_get_user_best_grade", "mod_quiz_get_attempt_review",
    "mod_assign_get_assignments", "mod_assign_get_submissions", "mod_assign_get_grades", "mod_forum_get_forums_by_courses", "mod_forum_get_forum_discussions",
    "mod_forum_get_discussion_posts",
)  # fmt: skip
ATTEMPTS_SINCE_5 = "mod_quiz_get_user_quiz_attempts"  # Moodle 5.0 renames mod_quiz_get_user_attempts

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
PERSON_GONE = frozenset({"userdeleted", "invaliduser", "invaliduserid", "notenroled", "usernotenrolled"})

Changes = Mapping[str, Mapping[str, list[str]]]  # module -> area -> ids that changed


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
        form = {"wstoken": self._token, "wsfunction": function, "moodlewsrestformat": "json", **nested_form(params)}
        where = f"connection '{self._api.connection}' at {function}"
        body = self._api.post(REST, data=form).body
        if isinstance(body, dict) and "exception" in body:
            raise _sorted_error(where, error_code(body), self._api.connection)
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
        held = {str(each.get("name")) for each in objects(told, "functions")}
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
        for ids in parts(courses):
            body = self.ask(function, None, courseids=ids, **more)
            rows = body if not items else body.get(items) if isinstance(body, dict) else None
            if not isinstance(rows, list):
                raise UnexpectedShape(f"connection '{self._api.connection}' at {function}: the answer holds no list")
            found += rows
            warned |= {str(each.get("itemid")) for each in objects(body, "warnings")}
        if courses and not found and warned.issuperset(courses):
            raise UnexpectedShape(
                f"connection '{self._api.connection}' at {function}: Moodle warns that the token may read none of the {len(courses)} courses;"
                " give its role the capabilities that the documentation names"
            )
        return found

    def assignments(self, courses: list[str]) -> list[dict[str, Any]]:
        """All assignments; the connector is enrolled nowhere, so it must ask for courses that it is not enrolled in."""
        found = self.in_courses("mod_assign_get_assignments", "courses", courses, includenotenrolledcourses=True)
        return assignments_of(found)

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
                for update in objects(row, "updates")
            }
            for row in rows
            if row.get("contextlevel") == "module"
        }

    def attempts(self, quiz: str, user: str) -> list[dict[str, Any]]:
        """All attempts of one person; none for one who is gone."""
        try:
            return list(self.ask(self._attempts_function, "attempts", quizid=quiz, userid=user, status="all"))
        except RequestRefused as error:
            if error.code in PERSON_GONE:
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
            if error.code in PERSON_GONE:
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


def nested_form(params: Mapping[str, Any]) -> dict[str, str]:
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


def error_code(body: Mapping[str, Any]) -> str:
    """The error code of an answer, where it is one; never a message, it may name people."""
    code = body.get("errorcode")
    return code if isinstance(code, str) and len(code) <= 60 and code.replace("_", "").isalnum() else ""


def parts(ids: list[str]) -> Iterator[list[str]]:
    """The ids in parts that fit into one call."""
    for start in range(0, len(ids), _PER_CALL):
        yield ids[start : start + _PER_CALL]
