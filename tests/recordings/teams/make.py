"""Writes teams.json: two weeks of webinars, a town hall and meetings of a small organisation, in the shapes of Microsoft Graph. Seeded; the people are invented.

python tests/recordings/teams/make.py
"""

import json
import random
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RANDOM = random.Random(20261103)
TENANT = "5d1f0c6e-8a3b-4c1d-9e77-0a6d2f4b9c10"
NAMES = [
    "Anouk Jansen", "Bas de Groot", "Carla Visser", "Daan Bakker", "Elif Yilmaz", "Femke Smit", "Gijs Mulder", "Hanna Bos", "Ivo Peters",
    "Jan Jansen", "Karin Dekker", "Lotte Vos", "Mehmet Kaya", "Nina Kok", "Omar Haddad", "Petra Blom", "Rik Schouten", "Sanne Prins",
]  # fmt: skip


def made(*parts: object) -> str:
    return str(uuid.UUID(bytes=random.Random(repr(parts)).randbytes(16), version=4))


USERS = [
    {"id": made("user", name), "displayName": name, "mail": f"{name.lower().replace(' ', '.')}@voorbeeldzorg.example"}
    for name in NAMES
]


def graph_time(moment: datetime) -> str:
    """Seven digits of a second, as Graph writes them."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond:06d}7Z"


def stay(start: datetime, first: float, last: float) -> dict[str, Any]:
    join, leave = (start + timedelta(minutes=at, microseconds=RANDOM.randrange(10**6)) for at in (first, last))
    return {"joinDateTime": graph_time(join), "leaveDateTime": graph_time(leave), "durationInSeconds": round((leave - join).total_seconds())}  # fmt: skip


def record(
    who: dict[str, Any], intervals: list[dict[str, Any]], role: str = "Attendee", *, email: bool = True, **more: Any
) -> dict[str, Any]:
    return {
        "id": made("record", who["id"], intervals[0]["joinDateTime"]),
        "emailAddress": who["mail"] if email else "",
        "totalAttendanceInSeconds": sum(each["durationInSeconds"] for each in intervals),
        "role": role,
        "identity": {
            "@odata.type": "#microsoft.graph.communicationsUserIdentity",
            "id": who["id"], "displayName": who["displayName"], "tenantId": TENANT,
        },
        "registrationId": None,
        "attendanceIntervals": intervals,
        **more,
    }  # fmt: skip


def visitor(name: str, intervals: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    guest = {"id": f"teamsvisitor:{made('visitor', name)[:32].replace('-', '')}", "displayName": name, "mail": ""}
    return record(guest, intervals, email=False, **more)


def report(start: datetime, minutes: float, records: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": made("report", start),
        "totalParticipantCount": len(records),
        "meetingStartDateTime": graph_time(start - timedelta(minutes=5)),
        "meetingEndDateTime": graph_time(start + timedelta(minutes=minutes)),
        "_records": records,
    }


def event(title: str, kind: str, organizer: int, start: datetime, minutes: int, reports: list[Any], **more: Any) -> dict[str, Any]:  # fmt: skip
    """`start` is UTC; what is planned is told in the zone of Amsterdam, by its Windows name."""
    planned = [{"dateTime": (start + timedelta(hours=1, minutes=at)).strftime("%Y-%m-%dT%H:%M:%S"), "timeZone": "W. Europe Standard Time"} for at in (0, minutes)]  # fmt: skip
    who = {"id": USERS[organizer]["id"], "displayName": USERS[organizer]["displayName"], "tenantId": TENANT}
    return {
        "id": f"{made('event', title)}@{TENANT}",
        "status": "published",
        "displayName": title,
        "description": {"contentType": "html", "content": f"<p>Aangeboden door {USERS[organizer]['displayName']}</p>"},
        "startDateTime": planned[0],
        "endDateTime": planned[1],
        "createdBy": {"application": None, "device": None, "user": who},
        "audience": "organization",
        "coOrganizers": [],
        "_kind": kind,
        "_organizer": USERS[organizer]["id"],
        "_sessions": [{"id": made("session", title), "subject": title, "startDateTime": planned[0], "endDateTime": planned[1], "_reports": reports}],
        **more,
    }  # fmt: skip


def registration(who: dict[str, Any], at: datetime, **more: Any) -> dict[str, Any]:
    first, _, last = who["displayName"].partition(" ")
    return {
        "@odata.type": "#microsoft.graph.virtualEventRegistration",
        "id": made("registration", who["mail"], at),
        "userId": who.get("id"),
        "firstName": first,
        "lastName": last,
        "email": who["mail"],
        "status": "registered",
        "registrationDateTime": at.strftime("%Y-%m-%dT%H:%M:%S"),
        "cancelationDateTime": None,
        "registrationQuestionAnswers": [],
        **more,
    }


def main() -> None:
    first, second, hall = (datetime(2026, 11, day, hour, tzinfo=UTC) for day, hour in ((3, 9), (11, 13), (5, 14)))
    outsider = {"displayName": "Iris van Dalen", "mail": "iris@adviesbureau.example"}
    registered = [registration(who, first - timedelta(days=9 - number % 5, minutes=7 * number)) for number, who in enumerate(USERS[2:14])]  # fmt: skip
    link = registration(outsider, first - timedelta(days=2), userId=None)
    cancelled = registration(
        USERS[14], first - timedelta(days=4), status="canceled", cancelationDateTime="2026-11-01T10:00:00"
    )
    waiting = registration(USERS[15], first - timedelta(days=1), status="waitlisted")
    prompts = report(first, 63, [
        record(USERS[0], [stay(first, -4, 62)], "Organizer"),
        record(USERS[1], [stay(first, -3, 61)], "Presenter"),
        *(record(who, [stay(first, number % 4, 30 + 2 * number)], registrationId=row["id"], email=number % 3 > 0) for number, (who, row) in enumerate(zip(USERS[2:12], registered, strict=False))),
        record(USERS[12], [stay(first, 0, 20), stay(first, 15, 45), stay(first, 50, 60)], registrationId=registered[10]["id"]),
        visitor("Iris van Dalen", [stay(first, 1, 60)], registrationId=link["id"]),
        visitor("Jan Jansen", [stay(first, 2, 40)]),
        visitor("Jan Jansen (2)", [stay(first, 3, 50)]),
    ])  # fmt: skip
    reopened = report(first + timedelta(hours=3), 20, [record(USERS[2], [stay(first + timedelta(hours=3), 0, 18)])])
    safety = report(second, 45, [
        record(USERS[1], [stay(second, -5, 44)], "Organizer"),
        *(record(who, [stay(second, 1, 40)], email=False) for who in USERS[3:9]),
        {**visitor("+31 6 1234", [stay(second, 0, 30)]), "identity": {"id": "4:+31612345678", "displayName": "+31 6 1234", "tenantId": None}},
        {**record(USERS[0], [stay(second, 0, 44)]), "identity": {"@odata.type": "#microsoft.graph.communicationsApplicationIdentity", "id": made("bot"), "displayName": "Notulist"}, "emailAddress": ""},
    ])  # fmt: skip
    town = report(hall, 60, [record(USERS[0], [stay(hall, -2, 58)], "Organizer"), *(record(who, [stay(hall, 0, 55)]) for who in USERS[1:16])])  # fmt: skip
    weekly = [datetime(2026, 11, day, 12, tzinfo=UTC) for day in (4, 11)]
    meeting_id = "MSo1ZDFmMGM2ZSpvcmdhbml6ZXIqMCoqMTk6bWVldGluZ19s"
    join = "https://teams.microsoft.com/l/meetup-join/19%3ameeting_{}%40thread.v2/0?context=%7b%22Oid%22%3a%22" + USERS[2]["id"] + "%22%7d"  # fmt: skip

    def appointment(start: datetime, minutes: int) -> dict[str, Any]:
        times = [{"dateTime": (start + timedelta(minutes=at)).strftime("%Y-%m-%dT%H:%M:%S.0000000"), "timeZone": "UTC"} for at in (0, minutes)]  # fmt: skip
        return {"id": made("appointment", start), "start": times[0], "end": times[1]}

    def meeting(title: str, presenters: str, starts: list[datetime], who: list[int]) -> dict[str, Any]:
        roles = ["Organizer"] + ["Presenter"] * (len(who) - 1)
        return {
            "id": f"{meeting_id}{made('meeting', title)[:8]}",
            "joinWebUrl": join.format(made("meeting", title)[:8]),
            "subject": title,
            "allowedPresenters": presenters,
            "_organizer": USERS[2]["id"],
            "_calendar": [appointment(start, 45) for start in starts],
            "_reports": [report(start, 45, [record(USERS[n], [stay(start, 0, 43)], role) for n, role in zip(who, roles, strict=True)]) for start in starts],
        }  # fmt: skip

    data = {
        "tenant_id": TENANT,
        "client_id": "leerstroom",
        "client_secret": "a-secret-of-the-tests",
        "granted": [USERS[number]["id"] for number in (0, 1, 2)],
        "users": [{"id": who["id"], "mail": who["mail"]} for who in USERS],
        "events": [
            event("Prompts die werken", "webinars", 0, first, 60, [prompts, reopened], _registrations=[*registered, link, cancelled, waiting]),
            event("Veilig tillen", "webinars", 1, second, 45, [safety], _registrations=[]),
            event("Jaarplan in een uur", "townhalls", 0, hall, 60, [town]),
            event("Nog niet klaar", "webinars", 0, second, 30, [], status="draft", _registrations=[]),
            event("Van een organisator zonder beleid", "webinars", 9, second, 30, [], _registrations=[]),
        ],
        "meetings": [
            meeting("Leerlunch Wijkzorg", "everyone", weekly, [2, 3, 4, 5]),
            meeting("Masterclass Wondzorg", "roleIsPresenter", [datetime(2026, 11, 6, 8, tzinfo=UTC)], [2, 6]),
            meeting("Teamoverleg", "everyone", [datetime(2026, 11, 9, 8, 30, tzinfo=UTC)], [2, 3]),
        ],
    }  # fmt: skip
    (HERE / "teams.json").write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
