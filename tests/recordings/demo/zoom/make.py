"""Writes zoom.json: three weeks of webinars and learning meetings of the town hall, in the vendor's shapes. Seeded; the people are invented.

python tests/recordings/demo/zoom/make.py
"""

import base64
import csv
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

HERE = Path(__file__).parent
RANDOM = random.Random(20261102)
WEEKS = [datetime(2026, 10, 26), datetime(2026, 11, 2), datetime(2026, 11, 9)]
OFFSET = timedelta(hours=1)  # Amsterdam, winter time
# topic, kind, number, host, weekday, hour, minutes, share of people, weeks
PLAN = [
    ("AI op de werkvloer: wat mag en wat niet", "webinar", "83155501001", 28, 1, 10, 60, 0.55, (0, 1, 2)),
    ("Datagedreven werken, open college", "webinar", "83155501002", 29, 3, 14, 60, 0.40, (0, 2)),
    ("Privacy in de wijkteams", "webinar", "83155501003", 28, 2, 9, 45, 0.30, (1,)),
    ("Gezond achter je scherm", "webinar", "83155501004", 18, 4, 11, 30, 0.35, (0, 1, 2)),
    ("Omgevingswet: vraag en antwoord", "webinar", "83155501005", 16, 0, 15, 60, 0.28, (2,)),
    ("Live chat Community Data en AI", "meeting", "83155502001", 25, 3, 16, 45, 0.22, (0, 1, 2)),
    ("Intervisie teamcoaches", "meeting", "83155502002", 3, 2, 13, 60, 0.14, (0, 2)),
    ("Leerlunch Communicatie", "meeting", "83155502003", 12, 4, 12, 45, 0.16, (1, 2)),
    ("Weekstart ICT", "meeting", "83155509001", 15, 0, 9, 30, 0.18, (0, 1, 2)),
]
QUESTIONS = [
    "Waar vind ik de richtlijn voor het gebruik van taalmodellen?",
    "Geldt dit ook voor documenten die al openbaar zijn?",
    "Kan de opname later worden teruggekeken?",
    "Hoe vragen we toestemming bij een keukentafelgesprek?",
    "Wie kan meedenken over een eerste dashboard voor ons team?",
]


ADVISER = {"zoom": "adviser", "emails": "iris@adviesbureau.example", "name": "Iris van Dalen"}


def zulu(moment: datetime) -> str:
    return (moment - OFFSET).replace(tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def token(*parts: object) -> str:
    return base64.b64encode(random.Random(repr(parts)).randbytes(16)).decode()


def short(*parts: object) -> str:
    return base64.urlsafe_b64encode(random.Random(repr(parts)).randbytes(12)).decode()


def people() -> list[dict]:
    with (HERE.parent / "employees.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        row["zoom"] = short("user", row["employee_id"])
        row["name"] = row["emails"].split("@")[0].replace(".", " ").title()
    return rows


def in_service(person: dict, day: datetime) -> bool:
    since, until = person["in_service_from"] or "0", person["in_service_to"] or "9"
    return since <= f"{day:%Y-%m-%d}" <= until


def row(person: dict, uuid: str, start: datetime, end: datetime, device: int = 0) -> dict:
    return {
        "id": person["zoom"],
        "participant_user_id": person["zoom"],
        "user_id": str(16_778_000 + RANDOM.randrange(9000)),
        "registrant_id": "",
        "name": person["name"] + (" (telefoon)" if device else ""),
        "user_email": person["emails"],
        "join_time": zulu(start),
        "leave_time": zulu(end),
        "duration": int((end - start).total_seconds()),
        "status": "in_meeting",
        "failover": False,
        "bo_mtg_id": "",
        "customer_key": "",
        "_occurrence": uuid,
    }


def guest(name: str, start: datetime, end: datetime) -> dict:
    made = row({"zoom": "", "name": name, "emails": ""}, "", start, end)
    return {**made, "id": "", "participant_user_id": "", "user_email": ""}


def occurrence(staff: list[dict], plan: tuple, week: int) -> dict:
    topic, kind, number, host_id, weekday, hour, minutes, share, _ = plan
    uuid = (
        token(number, week) if (number, week) != ("83155501001", 1) else "/" + token(number, week)[1:]
    )  # one that must be encoded twice
    start = WEEKS[week] + timedelta(days=weekday, hours=hour, minutes=RANDOM.randrange(0, 4))
    end = start + timedelta(minutes=minutes + RANDOM.randrange(-3, 9))
    host = next(person for person in staff if person["id_moodle"] == str(host_id))
    others = [person for person in staff if person is not host and in_service(person, start)]
    present = RANDOM.sample(others, max(4, round(share * len(others))))
    rows = [row(host, uuid, start - timedelta(minutes=8), end)]
    for person in present:
        joined = start + timedelta(seconds=RANDOM.randrange(-240, 420))
        left = end - timedelta(seconds=RANDOM.choice([0, 0, 0, 30, 90, 600, 1500]))
        chance = RANDOM.random()
        if chance < 0.15:  # the connection broke: two rows
            cut = joined + (left - joined) * RANDOM.uniform(0.3, 0.6)
            rows += [
                row(person, uuid, joined, cut),
                row(person, uuid, min(cut + timedelta(minutes=RANDOM.randrange(1, 6)), left), left),
            ]
        elif chance < 0.25:  # telephone beside the laptop
            rows += [
                row(person, uuid, joined, left),
                row(person, uuid, joined + timedelta(minutes=5), left - timedelta(minutes=3), 1),
            ]
        elif chance < 0.30:  # looked in for two minutes
            rows.append(row(person, uuid, joined, joined + timedelta(minutes=2)))
        else:
            rows.append(row(person, uuid, joined, left))
        if RANDOM.random() < 0.1:
            rows.append({**row(person, uuid, joined - timedelta(minutes=2), joined), "status": "in_waiting_room"})
    if RANDOM.random() < 0.5:
        rows.append(guest("Iris (adviesbureau)", start + timedelta(minutes=1), end))
    if (number, week) == ("83155501001", 0):
        rows += [guest("Jan Jansen", start, end), guest("Jan Jansen", start + timedelta(minutes=10), end)]
    if (number, week) == ("83155501004", 0):  # the report of a Friday is still missing a rejoin on Monday
        first = next(each for each in rows[1:] if each["participant_user_id"] == present[0]["zoom"])
        first["leave_time"] = zulu(start + timedelta(minutes=9))
        late = row(present[0], uuid, start + timedelta(minutes=12), end)
        rows = [each for each in rows if each is first or each["participant_user_id"] != present[0]["zoom"]]
        rows.append({**late, "_since": zulu(datetime(2026, 11, 3, 10))})
    rows.sort(key=lambda each: each["join_time"])
    made = {
        "uuid": uuid, "id": number, "kind": kind, "topic": topic, "host": host["zoom"], "start_time": zulu(start), "end_time": zulu(end),
        "duration": round((end - start).total_seconds() / 60), "scheduled": minutes,
        "participants": [{name: value for name, value in each.items() if name != "_occurrence"} for each in rows],
    }  # fmt: skip
    if kind == "webinar":
        absent = RANDOM.sample([person for person in others if person not in present], 5)
        registered = [*present[: len(present) * 3 // 4], *absent, ADVISER]
        made["registrants"] = [registrant(person, number, start) for person in registered]
        ids = {person["zoom"]: short("r", number, person["zoom"]) for person in registered}
        by_link = {person["zoom"] for person in present[3 : len(present) * 3 // 4] if RANDOM.random() < 0.12}
        for each in made["participants"]:
            each["registrant_id"] = ids.get(each["participant_user_id"], "")
            if each["participant_user_id"] in by_link:  # came by the link of the invitation, without an account
                each.update({"id": "", "participant_user_id": "", "user_email": ""})
        if week == 1:
            came = guest("Iris (adviesbureau)", start + timedelta(minutes=2), end)
            made["participants"].append({**came, "registrant_id": ids[ADVISER["zoom"]]})
        made["absentees"] = [registrant(person, number, start) for person in absent]
        made["panelists"] = [{"id": present[0]["zoom"], "email": present[0]["emails"], "name": present[0]["name"]}]
        made["questions"] = [
            {
                "user_id": person["zoom"], "email": person["emails"], "name": person["name"],
                "question_details": [{
                    "question_id": short("q", number, week, person["zoom"]), "question": text, "answer": "", "question_status": "answered",
                    "create_time": zulu(start + timedelta(minutes=RANDOM.randrange(10, 25))), "answer_details": answers(host, present, turn, start),
                }],
            }
            for turn, (person, text) in enumerate(zip(RANDOM.sample(present[1:], min(3, len(present) - 1)), RANDOM.sample(QUESTIONS, 3), strict=False))
        ]  # fmt: skip
        if week == 2:
            made["questions"].append({
                "user_id": "", "email": "", "name": "Anonymous Attendee",
                "question_details": [{
                    "question_id": short("q", number, week, "anonymous"), "question": QUESTIONS[0], "answer": "", "question_status": "open",
                    "create_time": zulu(start + timedelta(minutes=20)), "answer_details": [],
                }],
            })  # fmt: skip
        made["polls"] = [
            {
                "email": person["emails"], "name": person["name"], "first_name": "", "last_name": "",
                "question_details": [{
                    "polling_id": short("p", number, week), "question": "Gebruikt u dit al in uw werk?", "answer": RANDOM.choice(["Ja", "Nee", "Soms"]),
                    "date_time": zulu(start + timedelta(minutes=15, seconds=RANDOM.randrange(60))),
                }],
            }
            for person in RANDOM.sample(present, len(present) // 2)
        ]  # fmt: skip
    return made


def answers(host: dict, present: list[dict], turn: int, start: datetime) -> list[dict]:
    """The first question is answered by the host, the second by a colleague in the audience, the third by nobody."""
    if turn > 1:
        return []
    person = host if turn == 0 else present[-1]
    text = (
        "Dat staat op intranet onder Werken met data."
        if turn == 0
        else "Wij hebben dit bij Zorg al geprobeerd, kom gerust langs."
    )
    return [{
        "user_id": person["zoom"], "email": person["emails"], "name": person["name"], "content": text, "type": "default",
        "create_time": zulu(start + timedelta(minutes=27 + turn)),
    }]  # fmt: skip


def registrant(person: dict, number: str, start: datetime) -> dict:
    return {
        "id": short("r", number, person["zoom"]), "email": person["emails"], "first_name": person["name"].split()[0], "last_name": "",
        "status": "approved", "create_time": zulu(start - timedelta(days=random.Random(person["zoom"] + number).randrange(2, 9))), "join_url": "https://zoom.example/j/1",
    }  # fmt: skip


def main() -> None:
    staff = people()
    occurrences = [occurrence(staff, plan, week) for plan in PLAN for week in plan[8]]
    hosts = {each["host"] for each in occurrences}
    made = {
        "account_id": "voorbeeldstad",
        "client_id": "leerstroom",
        "client_secret": "a-secret-of-the-demo",
        "users": [{"id": person["zoom"], "email": person["emails"]} for person in staff if person["zoom"] in hosts],
        "occurrences": sorted(occurrences, key=lambda each: each["start_time"]),
    }
    (HERE / "zoom.json").write_text(json.dumps(made, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    print(len(occurrences), "occurrences,", sum(len(each["participants"]) for each in occurrences), "rows")


if __name__ == "__main__":
    main()
