"""Makes the exchanges of this folder out of our recording of a real Moodle 4.5 site with invented people: `python make.py RECORDING`.

One file a function, one exchange a line: {"function", "params", "auth", "status", "response"}; the form is flat as it was sent, without token. Left out: the questions
inside reviews of attempts, summaries of courses, functions that the source does not call.
"""

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FUNCTIONS = (
    "core_webservice_get_site_info", "core_user_get_users", "core_user_get_users_by_field", "core_user_create_users", "core_course_get_courses_by_field",
    "core_course_get_contents", "core_course_get_updates_since", "core_enrol_get_enrolled_users", "core_completion_get_activities_completion_status",
    "core_completion_get_course_completion_status", "gradereport_user_get_grade_items", "mod_quiz_get_quizzes_by_courses", "mod_quiz_get_user_attempts",
    "mod_quiz_get_user_best_grade", "mod_quiz_get_attempt_review", "mod_assign_get_assignments", "mod_assign_get_submissions", "mod_assign_get_grades",
    "mod_forum_get_forums_by_courses", "mod_forum_get_forum_discussions", "mod_forum_get_discussion_posts", "does_not_exist",
)  # fmt: skip


def main(recording: Path) -> None:
    calls = json.loads((recording / "manifest.json").read_text(encoding="utf-8"))["calls"]
    for function in FUNCTIONS:
        lines = [
            json.dumps(exchange(recording, call), ensure_ascii=False) for call in calls if call["function"] == function
        ]
        (HERE / f"{function}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def exchange(recording: Path, call: dict[str, Any]) -> dict[str, Any]:
    text = (recording / call["file"]).read_text(encoding="utf-8")
    is_json = call["file"].endswith(".json") and call["http_status"] == 200
    return {
        "function": call["function"],
        "params": call["params"],
        "auth": call["auth"].split(" ")[0],
        "status": call["http_status"],
        "response": reduced(json.loads(text)) if is_json else text,
    }


def reduced(answer: Any) -> Any:
    if isinstance(answer, dict) and "attempt" in answer and "questions" in answer:
        return {**answer, "questions": []}
    if isinstance(answer, dict) and "courses" in answer:
        lorem = {"summary": "", "courseimage": "", "filters": []}
        return {
            **answer,
            "courses": [{name: lorem.get(name, value) for name, value in each.items()} for each in answer["courses"]],
        }
    return answer


if __name__ == "__main__":
    main(Path(sys.argv[1]))
