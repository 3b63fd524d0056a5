"""Makes the organisation of this folder, in the shape of Coursera's enrolment reports and with invented people: `python make.py`.

Eight learners from 2026-10-26 to 2026-11-14 in two programs: courses, a specialization and a video; some without an external id, one in both programs.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FIRST = datetime(2026, 10, 26, 9, tzinfo=UTC)
PEOPLE = (
    "anouk.devries",
    "fatima.elamrani",
    "jan.jansen",
    "margriet.bakker",
    "noor.smit",
    "piet.devries",
    "sem.peters",
    "yara.elidrissi",
)
CONTENTS = (
    ("r0GnHOZaEees-Q6jQMxlrg", "Course", "learning-how-to-learn", "Leren leren"),
    ("Zt5vWk8REeqbSg7rkN2y0w", "Course", "data-analyse", "Data-analyse voor iedereen"),
    ("kP9sD3fQEeuQ1hL6o0aXcA", "Specialization", "leidinggeven", "Leidinggeven in de praktijk"),
    ("vD2mB7nAEeyM9pK4s5tRfQ", "Video", "generatieve-ai-in-het-kort", "Generatieve AI in het kort"),
)
PROGRAMS = {"gywzv9MFEeml3w46OqZe-A": "Voorbeeldstad leert", "pL8xQ2wTEe6vB5nM1cKdZg": "Digitale vaardigheden"}


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def row(number: int, which: int, program: str) -> dict[str, Any]:
    content, sort, slug, name = CONTENTS[which]
    address = f"{PEOPLE[number]}@voorbeeldstad.example"
    external = f"E0{1000 + number}" if number % 4 else address
    begun = FIRST + timedelta(days=(number + 4 * which) % 15, minutes=7 * number)
    is_active, is_done = (number + which) % 5 != 4, (number + which) % 3 == 0
    last = begun + timedelta(days=3, hours=2)
    hours = round(0.4 + 1.3 * number, 2)
    told = {
        "id": f"{external}~{content}~{program}", "externalId": external, "email": address, "fullName": PEOPLE[number].replace(".", " ").title(), "contentId": content, "contentType": sort,
        "contentSlug": slug, "contentName": name, "partnerNames": ["Hogeschool Voorbeeld"], "programId": program, "programName": PROGRAMS[program], "programSlug": "p", "membershipState": "MEMBER",
        "enrolledAt": ms(begun), "isCompleted": is_active and is_done, "overallProgress": (100 if is_done else 10 + 9 * number) if is_active else 0,
        "grade": round(0.7 + number / 50, 3) if is_active and is_done and sort == "Course" else None, "approxTotalLearningHours" if sort == "Video" else "approxTotalCourseHrs": hours if is_active else 0,
    }  # fmt: skip
    if is_active:
        told["lastActivityAt"] = ms(last)
    if is_active and is_done:
        told["completedAt"] = ms(last - timedelta(minutes=20))
    if (number, which) == (5, 1):
        told["deletedAt"] = ms(begun + timedelta(days=6))
    return told


def main() -> None:
    rows = [
        row(number, which, list(PROGRAMS)[which % 2]) for number in range(len(PEOPLE)) for which in range(len(CONTENTS))
    ]
    rows.append(row(1, 1, next(iter(PROGRAMS))))
    served = {
        "organization_id": "vB7oRbEe1dStAdLeeRtXyZ",
        "client_id": "coursera-app-of-voorbeeldstad",
        "client_secret": "coursera-secret-of-the-contract",
        "rows": rows,
    }
    (HERE / "coursera.json").write_text(json.dumps(served, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
