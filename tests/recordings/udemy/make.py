"""Makes the organisation of this folder, in the shape of Udemy's reports and with invented people: `python make.py`.

Nine learners from 2026-10-26 to 2026-11-14: courses that were chosen and assigned, completed or not, and the lectures and quizzes in them.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FIRST = datetime(2026, 10, 26, 8, 30, tzinfo=UTC)
PEOPLE = (
    "anouk.devries",
    "fatima.elamrani",
    "jan.jansen",
    "margriet.bakker",
    "noor.smit",
    "piet.devries",
    "sem.peters",
    "yara.elidrissi",
    "bram.vermeer",
)
COURSES = {4100001: "Python voor beginners", 4100002: "Timemanagement", 4100003: "Omgaan met verandering"}


def at(moment: datetime | None) -> str | None:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else None


def user(number: int) -> dict[str, Any]:
    first, _, last = PEOPLE[number].partition(".")
    address = f"{PEOPLE[number]}@voorbeeldstad.example"
    return {
        "user_id": 880_100 + number, "user_name": first.title(), "user_surname": last.title(), "user_email": address, "user_role": "student",
        "user_external_id": f"E0{1000 + number}" if number % 3 else "", "user_is_deactivated": number == 8,
    }  # fmt: skip


def course(number: int, which: int) -> dict[str, Any]:
    begun = FIRST + timedelta(days=(number * 2 + which * 3) % 16, minutes=number)
    is_done = (number + which) % 3 == 0
    is_opened = (number + which) % 4 != 3
    last = begun + timedelta(days=2, hours=5) if is_opened else None
    return {
        **user(number), "course_id": list(COURSES)[which], "course_title": list(COURSES.values())[which], "course_category": "Persoonlijke ontwikkeling", "course_duration": 310.0,
        "completion_ratio": (100 if is_done else 20 + 10 * number % 70) if is_opened else 0, "num_video_consumed_minutes": 35.5 + 10 * number if is_opened else 0.0,
        "course_enroll_date": at(begun), "course_start_date": at(begun + timedelta(minutes=4) if is_opened else None),
        "course_completion_date": at(last if is_done and is_opened else None), "course_first_completion_date": at(last if is_done and is_opened else None),
        "course_last_accessed_date": at(last), "is_assigned": which == 1, "assigned_by": "beheer@voorbeeldstad.example" if which == 1 else None, "lms_user_id": None,
    }  # fmt: skip


def item(number: int, which: int) -> dict[str, Any]:
    sort = ("video lecture", "quiz", "non-video lecture", "practice test")[which % 4]
    begun = FIRST + timedelta(days=(number + which) % 17, hours=1, minutes=which)
    spent = timedelta(minutes=6 + which) if number % 4 else timedelta(hours=20)
    is_done = (number + which) % 6 != 5
    return {
        **user(number), "course_id": list(COURSES)[which % 3], "course_title": list(COURSES.values())[which % 3], "course_category": "Persoonlijke ontwikkeling",
        "item_type": sort, "item_id": 55_000 + which, "item_title": f"Onderdeel {which}", "item_start_time": at(begun), "item_completion_time": at(begun + spent if is_done else None),
        "item_views": 1 + number % 3, "item_completion_ratio": 100 if is_done else 40, "item_final_result": 60 + 5 * number if is_done and which % 2 else None, "item_marked_complete": which == 6,
    }  # fmt: skip


def main() -> None:
    site = {
        "organization_id": "7001", "client_id": "udemy-client-of-voorbeeldstad", "client_secret": "udemy-secret-of-the-contract",
        "courses": [course(number, which) for number in range(len(PEOPLE)) for which in range(len(COURSES))],
        "items": [item(number, which) for number in range(len(PEOPLE)) for which in range(8)],
    }  # fmt: skip
    (HERE / "udemy.json").write_text(json.dumps(site, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
