"""Makes the site of this folder, in the shapes of Totara's documentation and with invented people: `python make.py`.

Ten learners, a guest and an administrator; three seminars' events between 2026-10-26 and 2026-11-12, and reports of completions of courses, a program and a certification.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
NAMES = (
    "jjansen",
    "felamrani",
    "pdevries",
    "adevries",
    "mbakker",
    "yelidrissi",
    "ssmit",
    "nsmit",
    "bpeters",
    "kvisser",
)
WRONG_NUMBER = 9_007_199_254_740_993  # more than a double can hold


def at(day: int, hour: int = 9, minute: int = 0, month: int = 11) -> str:
    return str(int(datetime(2026, month, day, hour, minute, tzinfo=UTC).timestamp()))


def user(number: int, name: str, **more: Any) -> dict[str, Any]:
    place = NAMES.index(name) if name in NAMES else 0
    return {
        "id": number,
        "username": name,
        "email": f"{name}@example.org",
        "idnumber": f"E020{place:02d}",
        "fullname": name.title(),
        **more,
    }


USERS = [
    user(1, "guest", email="root@localhost", idnumber=""), user(2, "beheer", idnumber=""), *(user(number, name) for number, name in enumerate(NAMES[:9], 11)),
    user(WRONG_NUMBER, NAMES[9], idnumber="", email="Het e-mailadres is verborgen"),
]  # fmt: skip
COURSES = [
    {"id": 3, "fullname": "Veilig werken", "shortname": "VW", "idnumber": "veilig", "completion": {"statuskey": "complete", "progress": 100, "timecompleted": at(2)}},
    {"id": 4, "fullname": "Gespreksvoering", "shortname": "GV", "idnumber": "gesprek", "completion": None},
    *({"id": number, "fullname": f"Cursus {number}", "shortname": f"C{number}", "idnumber": "", "completion": None} for number in range(5, 9)),
]  # fmt: skip


def event(number: int, *sessions: tuple[str, str], booked: int) -> dict[str, Any]:
    return {
        "id": number, "start_date": sessions[0][0] if sessions else None, "finish_date": sessions[-1][1] if sessions else None, "seats_booked": booked, "seats_available": 12 - booked,
        "seminar": {"id": 7, "name": "Moeilijke gesprekken", "description": "<p>Oefenen met een acteur</p>", "course_id": 4},
        "sessions": [{"id": number * 10 + place, "timestart": begin, "timefinish": end} for place, (begin, end) in enumerate(sessions)],
    }  # fmt: skip


EVENTS = [
    event(31, (at(3, 8), at(3, 11)), (at(4, 12), at(4, 15)), booked=5),
    event(32, (at(11, 13), at(11, 16, 30)), booked=3),
    event(33, (at(1, 8, month=12), at(1, 11, month=12)), booked=4),
    event(34, (at(5, 8), at(5, 11)), booked=0),
    event(35, booked=1),
]


def booking(number: int, who: int, state: str, since: str) -> dict[str, Any]:
    return {"event": number, "user": who, "state": state, "_since": int(since)}


BOOKINGS = [
    *(booking(31, who, "BOOKED", at(20, month=10)) for who in (11, 12, 13, 14, 15)),
    booking(31, 11, "FULLY_ATTENDED", at(5)), booking(31, 12, "PARTIALLY_ATTENDED", at(5)), booking(31, 13, "NO_SHOW", at(5)), booking(31, 14, "FULLY_ATTENDED", at(5)),
    booking(31, 15, "USER_CANCELLED", at(1)), booking(31, 14, "NO_SHOW", at(12)),
    booking(32, 11, "FULLY_ATTENDED", at(12)), booking(32, 16, "BOOKED", at(1)), booking(32, 17, "WAITLISTED", at(1)), booking(32, WRONG_NUMBER, "FULLY_ATTENDED", at(12)),
    booking(33, 11, "BOOKED", at(1)),
]  # fmt: skip


def report(
    at_: int, columns: list[tuple[str, str]], rows: list[list[str | None]], **searches: list[int]
) -> dict[str, Any]:
    return {
        "columns": [{"key": key, "label": label} for key, label in columns], "rows": rows, "at": at_,
        "searches": {number.removeprefix("search_"): numbers for number, numbers in searches.items()},
    }  # fmt: skip


COURSE_COLUMNS = [
    ("course_fullname", "Naam van de cursus"), ("user_id", "Gebruikers-ID"), ("course_completion_enrolleddate", "Datum van inschrijving"),
    ("course_completion_completeddate", "Voltooid op"), ("course_completion_status", "Status"), ("course_completion_rplnote", "Notitie"), ("course_id", "Cursus-ID"), ("course_idnumber", "ID-nummer"),
]  # fmt: skip
COURSE_ROWS: list[list[str | None]] = [
    ["Veilig werken", "11", at(1, month=10), at(27, 14, 5, month=10), "Voltooid", "", "3", "veilig"],
    ["Veilig werken", "12", at(1, month=10), at(2, 10), "Voltooid", "", "3", "veilig"],
    ["Veilig werken", "13", at(28, month=10), "", "Bezig", None, "3", "veilig"],
    ["Veilig werken", "14", at(1, month=10), at(3, 15), "Complete via RPL", "diploma van vroeger gezien", "3", "veilig"],
    ["Gespreksvoering", "11", at(20, month=10), at(4, 16), "Voltooid", "", "4", "gesprek"],
    ["Gespreksvoering", "15", at(29, month=10), "0", "Nog niet begonnen", "", "4", "gesprek"],
    ["Gespreksvoering", "16", "4 nov 2026", at(9), "Voltooid", "", "4", "gesprek"],
]  # fmt: skip
PROGRAM_COLUMNS = [
    ("user_username", "Username"), ("prog_id", "Program ID"), ("prog_fullname", "Program Name"), ("progcompletion_assigneddate", "Date Assigned"),
    ("progcompletion_completeddate", "Completion Date"), ("progcompletion_duedate", "Due Date"), ("progcompletion_status", "Status"),
]  # fmt: skip
PROGRAM_ROWS: list[list[str | None]] = [
    ["jjansen", "21", "Inwerken", at(26, month=10), at(6, 11), at(30, 22, 59), "Complete"],
    ["felamrani", "21", "Inwerken", at(26, month=10), None, at(30, 22, 59), "Incomplete"],
]
CERTIFICATION_COLUMNS = [
    ("user_email", "E-mail"), ("prog_id", "ID"), ("prog_fullname", "Certification Name"), ("progcompletion_completeddate", "Completion Date"),
    ("progcompletion_duedate", "Due Date"), ("certcompletion_status", "Status"),
]  # fmt: skip
CERTIFICATION_ROWS: list[list[str | None]] = [
    ["pdevries@example.org", "22", "BHV", at(7, 12), at(7, 22, 59), "Certified"],
    ["pdevries@example.org", "22", "BHV", at(7, 12, month=5), at(7, 22, 59, month=5), "Certified"],
]


def main() -> None:
    site = {
        "client_id": "leerstroom", "client_secret": "een-lang-geheim", "users": USERS, "courses": COURSES, "events": EVENTS, "bookings": BOOKINGS, "secret_users": [18],
        "reports": {
            "12": report(2, COURSE_COLUMNS, COURSE_ROWS, search_5=[1, 4]), "13": report(3, PROGRAM_COLUMNS, PROGRAM_ROWS), "14": report(3, CERTIFICATION_COLUMNS, CERTIFICATION_ROWS),
            "15": report(0, [("status_timecreated", "Time"), ("user_fullname", "Naam")], [[at(1), "Jan Jansen"]]),
        },
    }  # fmt: skip
    (HERE / "totara.json").write_text(json.dumps(site, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
