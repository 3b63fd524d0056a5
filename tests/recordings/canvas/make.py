"""Makes the site of this folder, in the vendor's shapes and with invented people: `python make.py`.

Two courses and a community of a town hall from 2026-10-26 on: a trainer, seven learners, one visitor of another shard, an observer; assignments, a quiz, a graded
discussion, questions with and without answers, a deleted and an edited entry.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PEOPLE = {
    11: ("Anouk de Vries", "E01014", "anouk.devries@example.org"), 12: ("Ruben van Dijk", "E01015", "ruben.vandijk@example.org"),
    13: ("Yara El Idrissi", "E01175", "yara.elidrissi@example.org"), 14: ("Margriet Bakker-Hofman", "E01020", "m.bakker@example.org"),
    15: ("Sem Visser", None, "semvisser"), 16: ("Fatima Amrani", "E01031", "f.amrani@example.org"), 17: ("Jan Jansen", "E01040", "jan.jansen@example.org"),
    21070000000000123: ("Jan Jansen", None, "jan@elders.example.org"), 30: ("Trainer Tessa", "E00990", "tessa@example.org"), 31: ("Meekijker", None, "meekijker@example.org"),
}  # fmt: skip
START = datetime(2026, 10, 26, 8, tzinfo=UTC)


def at(day: int, hour: int = 9, minute: int = 0) -> str:
    """A moment of the recording, day 0 being 26 October 2026."""
    return f"{START.replace(hour=hour) + timedelta(days=day, minutes=minute):%Y-%m-%dT%H:%M:%SZ}"


def enrolment(
    number: int,
    course: int,
    user: int,
    day: int,
    sort: str = "StudentEnrollment",
    state: str = "active",
    changed: int | None = None,
) -> dict[str, Any]:
    name, sis, login = PEOPLE[user]
    return {
        "id": number, "user_id": user, "course_id": course, "type": sort, "role": sort, "created_at": at(day), "updated_at": at(day if changed is None else changed),
        "enrollment_state": state, "sis_user_id": sis, "user": {"id": user, "name": name, "sortable_name": name, "short_name": name, "login_id": login, "sis_user_id": sis},
    }  # fmt: skip


def submission(
    number: int,
    course: int,
    assignment: int,
    user: int,
    day: int,
    sort: str,
    score: float | None = None,
    graded: int | None = None,
    grader: int | None = None,
    **more: Any,
) -> dict[str, Any]:
    names = {501: ("Mijn reflectie", 10.0), 502: ("Eindtoets", 8.0), 503: ("Discussie over privacy", 5.0)}
    name, points = names[assignment]
    return {
        "id": number, "assignment_id": assignment, "user_id": user, "submitted_at": at(day, 10, number % 50), "attempt": 1, "submission_type": sort, "late": False, "missing": False,
        "body": "<p>Ik heb geleerd om eerder hulp te vragen.</p>" if sort == "online_text_entry" else None, "workflow_state": "graded" if score is not None else "submitted",
        "score": score, "grade": None if score is None else str(score), "graded_at": None if graded is None else at(graded, 15), "grader_id": grader, "excused": False,
        "assignment": {"id": assignment, "course_id": course, "name": name, "points_possible": points, "submission_types": [sort]}, **more,
    }  # fmt: skip


def entry(
    number: int,
    user: int,
    day: int,
    text: str,
    parent: int | None = None,
    replies: list[dict[str, Any]] | None = None,
    **more: Any,
) -> dict[str, Any]:
    made = at(day, 11, number % 50)
    return {
        "id": number, "user_id": user, "user_name": PEOPLE[user][0], "parent_id": parent, "message": f"<p>{text}</p>", "created_at": made, "updated_at": made, "read_state": "read",
        **({"replies": replies} if replies is not None else {}), **more,
    }  # fmt: skip


def topic(number: int, user: int, day: int, title: str, text: str) -> dict[str, Any]:
    return {
        "id": number, "title": title, "message": f"<p>{text}</p>", "posted_at": at(day, 9, number % 50), "author": {"id": user, "display_name": PEOPLE[user][0]},
        "discussion_type": "threaded", "discussion_subentry_count": 0, "workflow_state": "active",
    }  # fmt: skip


def view(
    number: int, user: int, course: int, sort: str, asset: int, day: int, seconds: float, **more: Any
) -> dict[str, Any]:
    return {
        "id": f"3e246700-e305-0130-51de-{number:012d}", "url": f"https://canvas.example.org/courses/{course}/x/{asset}", "context_type": "Course", "asset_type": sort, "controller": "x", "action": "show",
        "contributed": False, "interaction_seconds": seconds, "created_at": at(day, 12, number), "user_request": True, "participated": False, "http_method": "GET", "remote_ip": "192.0.2.7",
        "user_agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148", "links": {"user": user, "context": course, "asset": asset, "real_user": None, "account": 1}, **more,
    }  # fmt: skip


SITE = {
    "token": "canvas-token-of-the-academy",
    "courses": [
        {"id": 2, "name": "Onboarding", "course_code": "ONB-2026", "sis_course_id": "LRN-001", "workflow_state": "available"},
        {"id": 3, "name": "Privacy in de praktijk", "course_code": "AVG-2026", "sis_course_id": "LRN-002", "workflow_state": "available"},
        {"id": 6, "name": "Community Data", "course_code": "COP-DATA", "sis_course_id": None, "workflow_state": "available"},
    ],
    "enrollments": {
        "2": [enrolment(100 + number, 2, user, 0) for number, user in enumerate((11, 12, 13, 14, 15, 16, 21070000000000123))]
        + [enrolment(120, 2, 30, 0, "TeacherEnrollment"), enrolment(121, 2, 31, 0, "ObserverEnrollment"), enrolment(122, 2, 17, 0, state="deleted", changed=9)],
        "3": [enrolment(200 + number, 3, user, 1) for number, user in enumerate((11, 12, 16))] + [enrolment(220, 3, 30, 1, "TeacherEnrollment")],
        "6": [enrolment(300 + number, 6, user, 2) for number, user in enumerate((11, 13, 15))],
    },
    "submissions": {
        "2": [
            submission(1001, 2, 501, 11, 3, "online_text_entry", 8.0, 5, 30), submission(1002, 2, 501, 12, 4, "online_text_entry", 12.0, 5, 30),
            submission(1003, 2, 501, 13, 6, "online_upload"), submission(1004, 2, 501, 14, 6, "online_text_entry", submitted_at=None, workflow_state="unsubmitted"),
        ],
        "3": [
            submission(1101, 3, 502, 11, 7, "online_quiz", 7.0, 7, -502), submission(1102, 3, 502, 12, 7, "online_quiz", 3.0, 7, None, attempt=2),
            submission(1103, 3, 503, 16, 8, "discussion_topic", 5.0, 9, 30),
        ],
    },
    "progress": {
        "2": [
            {"id": user, "display_name": PEOPLE[user][0], "progress": {"requirement_count": 4, "requirement_completed_count": 4 if day else 2, "next_requirement_url": None, "completed_at": at(day, 16) if day else None}}
            for user, day in ((11, 6), (12, 8), (13, 0), (14, 0), (15, 10), (16, 0))
        ],
        "3": [{"id": 11, "display_name": PEOPLE[11][0], "progress": {"requirement_count": 1, "requirement_completed_count": 1, "next_requirement_url": None, "completed_at": at(7, 13)}}],
    },
    "topics": {
        "2": [topic(701, 30, 1, "Stel je voor", "Vertel kort wie je bent."), topic(702, 12, 3, "Verlof", "Weet iemand hoe je verlof van vorig jaar overboekt?")],
        "6": [topic(703, 11, 4, "Wat ik leerde over dashboards", "Begin met de vraag en niet met de cijfers.")],
    },
    "entries": {
        "701": [entry(801, 11, 2, "Ik ben nieuw bij Burgerzaken."), entry(802, 13, 2, "Ik werk bij Sociaal Domein.", deleted=True)],
        "702": [
            entry(
                803, 14, 4, "Via Zelfbediening, tabblad Verlof, en dan Overboeken.",
                replies=[
                    entry(804, 12, 5, "Bedankt, het is gelukt!", 803), entry(805, 16, 5, "Bij ons gaat dat nog met een formulier van P&O.", 803),
                    entry(806, 30, 6, "Het formulier vervalt per januari, zie het intranet.", 803),
                ],
            ),
            entry(807, 15, 5, "Dank je!"),
        ],
        "703": [entry(808, 13, 5, "Mooi, ik teken die vraag tegenwoordig eerst uit.", updated_at=at(7), editor_id=13)],
    },
    "page_views": {
        "11": [view(number, 11, 2, "WikiPage", 901, number % 9, 30.5 + number) for number in range(1, 13)] + [view(20, 11, 3, "Quizzes::Quiz", 902, 7, 0), view(21, 11, 2, "User", 12, 7, 4.0)],
        "12": [view(30, 12, 2, "DiscussionTopic", 702, 5, 61.0), view(31, 12, 2, "WikiPage", 901, 5, 12.0, links={"user": 12, "context": 2, "asset": 901, "real_user": 30, "account": 1})],
    },
}  # fmt: skip

if __name__ == "__main__":
    (HERE / "canvas.json").write_text(json.dumps(SITE, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
