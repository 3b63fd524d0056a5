"""Makes the tables of this folder out of the recording of a real Moodle 4.5 site with invented people: `python make.py RECORDING`.

RECORDING holds `ws/` (answers of the web services) and `db/` (exported tables). What never changes is kept as it was answered; what
happened is kept as tables, so that the replay can answer for any moment. Left out: the log, messages, blogs, and the summaries of courses.
"""

import csv
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
COURSES = (2, 3, 4, 5, 6)
TOKENS = {"token": "demo-token-of-the-academy", "powerless_token": "demo-token-without-rights", "powerless_user": 31}
TABLES = (
    "assign_grades", "context", "course", "course_completions", "course_modules", "course_modules_completion", "forum_discussions", "forum_posts",
    "grade_grades", "grade_items", "quiz_attempts", "role_assignments", "user", "user_enrolments",
)  # fmt: skip
REPLAYED = (
    "core_webservice_get_site_info", "core_user_get_users", "core_user_get_users_by_field", "core_course_get_courses_by_field", "core_course_get_contents",
    "core_course_get_updates_since", "core_enrol_get_enrolled_users", "core_completion_get_activities_completion_status",
    "core_completion_get_course_completion_status", "gradereport_user_get_grade_items", "mod_quiz_get_quizzes_by_courses", "mod_quiz_get_user_attempts",
    "mod_quiz_get_user_best_grade", "mod_quiz_get_attempt_review", "mod_assign_get_assignments", "mod_assign_get_submissions", "mod_assign_get_grades",
    "mod_forum_get_forums_by_courses", "mod_forum_get_forum_discussions", "mod_forum_get_discussion_posts",
)  # fmt: skip


def main(recording: Path) -> None:
    def answer(name: str) -> Any:
        return json.loads((recording / "ws" / f"{name}.json").read_text(encoding="utf-8"))

    def table(name: str) -> list[dict[str, str]]:
        with (recording / "db" / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))

    info = answer("core_webservice_get_site_info")
    version = info["functions"][0]["version"]
    info["functions"] = [{"name": name, "version": version} for name in REPLAYED]
    write_json("server", {**TOKENS, "info": info, "outside_the_service": ["core_user_create_users"]})
    users = answer("core_user_get_users__all")["users"]
    deleted = answer("core_user_get_users_by_field__deleted_user")
    write_json("users", {"users": users, "deleted": deleted})
    courses = answer("core_course_get_courses_by_field__all")["courses"]
    write_json("courses", [{**course, "summary": "", "courseimage": "", "filters": []} for course in courses])
    write_json("contents", {str(course): answer(f"core_course_get_contents__course{course}") for course in COURSES})
    write_json("quizzes", answer("mod_quiz_get_quizzes_by_courses")["quizzes"])
    write_json("forums", answer("mod_forum_get_forums_by_courses"))
    write_json("assignments", answer("mod_assign_get_assignments")["courses"])
    write_json("criteria", {str(course): criteria(answer, course) for course in COURSES if course != 6})

    access = [
        {"course": course, "userid": person["id"], "lastcourseaccess": person["lastcourseaccess"]}
        for course in COURSES
        for person in answer(f"core_enrol_get_enrolled_users__course{course}")
    ]
    write_table("course_access", access)
    texts = {
        each["id"]: each["plugins"][0]["editorfields"][0]["text"]
        for assignment in answer("mod_assign_get_submissions__all")["assignments"]
        for each in assignment["submissions"]
    }
    write_table("assign_submission", [{**row, "text": texts[int(row["id"])]} for row in table("assign_submission")])
    for name in TABLES:
        (HERE / f"{name}.csv").write_bytes((recording / "db" / f"{name}.csv").read_bytes())


def criteria(answer: Any, course: int) -> list[dict[str, Any]]:
    """The criteria of a course as everybody's answer shows them, without anybody's state."""
    some = {2: 3, 3: 3, 4: 3, 5: 27}[course]
    found = answer(f"core_completion_get_course_completion_status__course{course}_user{some}")
    return [
        {**each, "status": "No", "complete": False, "timecompleted": None}
        for each in found["completionstatus"]["completions"]
    ]


def write_json(name: str, value: Any) -> None:
    (HERE / f"{name}.json").write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def write_table(name: str, rows: list[dict[str, Any]]) -> None:
    with (HERE / f"{name}.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
