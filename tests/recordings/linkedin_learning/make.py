"""Makes the organisation of this folder, in the shape of LinkedIn's activity reports and with invented people: `python make.py`.

Eight learners from 2026-10-26 to 2026-11-13: courses with their videos, articles, a learning path; a day with more rows than a page holds, and figures that move.
"""

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

HERE = Path(__file__).parent
ZONE = ZoneInfo("America/Los_Angeles")
FIRST = date(2026, 10, 26)
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
COURSES = {
    1001: "Excel voor gevorderden",
    1002: "Feedback geven",
    1003: "Inleiding informatiebeveiliging",
    1004: "Projectmatig werken",
}
ARTICLE = ("urn:li:lyndaArticle:2001", "Zeven tips voor een goed gesprek")
PATH = ("urn:li:lyndaLearningPath:3001", "Word leidinggevende")


def learner(name: str) -> dict[str, Any]:
    number = PEOPLE.index(name) + 1
    known = f"E0{1000 + number}" if number % 2 else f"{name}@voorbeeldstad.example"
    return {
        "name": name.replace(".", " ").title(), "enterpriseGroups": ["Voorbeeldstad"], "email": "" if number == 3 else f"{name}@voorbeeldstad.example",
        "entity": {"profileUrn": f"urn:li:enterpriseProfile:(urn:li:enterpriseAccount:7001,{90_000 + number})"}, "customAttributes": {}, "uniqueUserId": known,
    }  # fmt: skip


def content(urn: str, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "contentProviderName": "LinkedIn",
        "contentUrn": urn,
        "locale": {"country": "NL", "language": "nl"},
    }


def figure(
    sort: str, asset: str, value: int, first: datetime, last: datetime, qualifier: str = "TOTAL"
) -> dict[str, Any]:
    moments = {
        f"{which}EngagedAt": int(moment.timestamp() * 1000) for which, moment in (("first", first), ("last", last))
    }
    return {
        "engagementType": sort,
        "engagementValue": value,
        "engagementMetricQualifier": qualifier,
        "assetType": asset,
        **moments,
    }


def row(
    name: str, about: dict[str, Any], day: int, *figures: tuple[Any, ...], hour: float = 9.5, **more: Any
) -> dict[str, Any]:
    """A row of a day; its figures are (sort, asset, value), engaged with for half an hour."""
    when = FIRST + timedelta(days=day)
    first = datetime.combine(when, datetime.min.time(), ZONE) + timedelta(hours=hour)
    told = [figure(*each[:3], first, first + timedelta(minutes=30), *each[3:]) for each in figures]
    return {
        "_day": when.isoformat(),
        "learnerDetails": learner(name),
        "contentDetails": content(*about) if isinstance(about, tuple) else about,
        "activities": told,
        **more,
    }


def main() -> None:
    rows = []
    for number, name in enumerate(PEOPLE):
        for day, (course, title) in enumerate(COURSES.items()):
            urn = f"urn:li:lyndaCourse:{course}"
            seconds = 600 + 120 * number + 60 * day
            done = int((number + day) % 3 == 0)
            figures = [
                ("VIEWS", "COURSE", 1),
                ("SECONDS_VIEWED", "COURSE", seconds),
                ("COMPLETIONS", "COURSE", done),
                ("VIEWS", "COURSE", 1, "UNIQUE"),
            ]
            rows.append(row(name, (urn, title), (number + 3 * day) % 19, *figures))
            video = f"urn:li:lyndaVideo:({urn},{course}{day})"
            rows.append(
                row(
                    name,
                    (video, f"{title}: begin"),
                    (number + 3 * day) % 19,
                    ("SECONDS_VIEWED", "VIDEO", seconds // 2),
                    ("COMPLETIONS", "VIDEO", 1),
                )
            )
        rows.append(
            row(name, ARTICLE, 7 + number % 2, ("VIEWS", "ARTICLE", 1 + number % 2), ("COMPLETIONS", "ARTICLE", 0))
        )
    rows.append(row("noor.smit", PATH, 12, ("COMPLETIONS", "LEARNING_PATH", 1), ("VIEWS", "LEARNING_PATH", 2)))
    rows.append(
        row("sem.peters", ("urn:li:externalContent:44", "Podcast over zorg"), 5, ("MARKED_AS_DONE", "AUDIO", 1))
    )
    # the evening of a day of Los Angeles is the next day in the Netherlands
    rows.append(
        row(
            "piet.devries",
            ("urn:li:lyndaCourse:1004", "Projectmatig werken"),
            16,
            ("SECONDS_VIEWED", "COURSE", 300),
            hour=22.0,
        )
    )
    # known three days late, and it changes what an earlier night was told
    late = datetime(2026, 11, 8, 9, tzinfo=ZONE).isoformat()
    rows.append(
        row(
            "yara.elidrissi",
            ("urn:li:lyndaCourse:1001", "Excel voor gevorderden"),
            10,
            ("SECONDS_VIEWED", "COURSE", 240),
            hour=8.0,
        )
    )
    rows.append(
        row(
            "yara.elidrissi",
            ("urn:li:lyndaCourse:1001", "Excel voor gevorderden"),
            10,
            ("SECONDS_VIEWED", "COURSE", 360),
            hour=15.0,
            _since=late,
        )
    )
    # more than a page holds
    rows.extend(
        row(
            PEOPLE[number % 8],
            (f"urn:li:lyndaVideo:(urn:li:lyndaCourse:1009,{5000 + number})", f"Les {number}"),
            2,
            ("SECONDS_VIEWED", "VIDEO", 45 + number),
            hour=10 + number / 60,
        )
        for number in range(130)
    )
    server = {
        "client_id": "linkedin-app-of-voorbeeldstad",
        "client_secret": "linkedin-secret-of-the-contract",
        "rows": rows,
    }
    (HERE / "linkedin_learning.json").write_text(
        json.dumps(server, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
