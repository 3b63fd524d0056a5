"""Writes meet.json: two weeks of conferences of a small school in Google Meet, in the shapes of Meet v2. Seeded; the people are invented.

python tests/recordings/meet/make.py
"""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RANDOM = random.Random(20261104)
NAMES = ["Anja Bakker", "Bilal Amrani", "Cor de Wit", "Dewi Sari", "Esra Demir", "Frank Post", "Greet Kuipers", "Henk Vos", "Ilse Maas", "Jan Jansen", "Kim de Boer", "Loes Prins", "Milan Horvat"]  # fmt: skip
IDS = {name: str(10**20 + 7919 * 10**12 * number) for number, name in enumerate(NAMES, 1)}
ROOM = "Overlegruimte 2"
IDS[ROOM] = "100000000000000999999"


def address(name: str) -> str:
    return f"{name.lower().replace(' ', '.')}@voorbeeldschool.example"


def zulu(moment: datetime) -> str:
    """Google cuts zeros off: none, three, six or nine digits of a second."""
    digits = f"{moment.microsecond:06d}"
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + ("" if digits == "000000" else f".{digits}{RANDOM.choice(['', '789'])}") + "Z"  # fmt: skip


def participant(
    conference: str, number: int, start: datetime, *stays: tuple[float, float], **who: Any
) -> dict[str, Any]:
    signed_in = who.get("signedinUser")
    name = f"conferenceRecords/{conference}/participants/{signed_in['user'].removeprefix('users/') if signed_in else 10**20 + number}"
    moments = [[start + timedelta(minutes=at, microseconds=RANDOM.choice([0, RANDOM.randrange(10**6)])) for at in stay] for stay in stays]  # fmt: skip
    sessions = [{"name": f"{name}/participantSessions/{each}", "startTime": zulu(first), "endTime": zulu(last)} for each, (first, last) in enumerate(moments, 1)]  # fmt: skip
    return {"name": name, **who, "_sessions": sessions}


def conference(
    number: int, space: str, start: datetime, minutes: int, people: list[tuple[str, list[tuple[float, float]]]]
) -> dict[str, Any]:
    name = f"conf-{number:02d}-{RANDOM.randrange(16**8):08x}"
    rows = []
    for each, (who, stays) in enumerate(people):
        if who in IDS:
            told: dict[str, Any] = {"signedinUser": {"user": f"users/{IDS[who]}", "displayName": who}}
        else:
            told = {"phoneUser" if who.startswith("+") else "anonymousUser": {"displayName": who}}
        rows.append(participant(name, each, start, *stays, **told))
    end = start + timedelta(minutes=minutes)
    return {
        "name": f"conferenceRecords/{name}",
        "startTime": zulu(start - timedelta(minutes=5)),
        "endTime": zulu(end),
        "expireTime": zulu(end + timedelta(days=30)),
        "space": f"spaces/{space}",
        "_participants": rows,
    }


def main() -> None:
    webinar, circle, lesson, staff = "jQCFfuBOdN5z", "kR7dMzzQpA1x", "w0PqT3nYbV8c", "zZ9yHq2LmN4d"
    days = [datetime(2026, 11, day, 14, tzinfo=UTC) for day in (3, 10)]
    crowd = [(name, [(RANDOM.randrange(5), 50 + RANDOM.randrange(10))]) for name in NAMES[1:12]]
    data = {
        "client_email": "leerstroom@voorbeeldschool.iam.gserviceaccount.example",
        "users": {address(name): IDS[name] for name in NAMES},
        "spaces": [
            {"name": f"spaces/{webinar}", "meetingUri": "https://meet.google.com/abc-mnop-xyz", "meetingCode": "abc-mnop-xyz", "config": {"accessType": "TRUSTED"},
             "_owner": address(NAMES[0]), "_members": [{"name": f"spaces/{webinar}/members/1", "email": address(NAMES[1]), "role": "COHOST"}, {"name": f"spaces/{webinar}/members/2", "email": address(NAMES[2]), "role": "ROLE_UNSPECIFIED"}]},
            {"name": f"spaces/{circle}", "meetingUri": "https://meet.google.com/kri-ngle-ren", "meetingCode": "kri-ngle-ren", "config": {"accessType": "TRUSTED"}, "_owner": address(NAMES[3])},
            {"name": f"spaces/{lesson}", "meetingUri": "https://meet.google.com/les-sena-xyz", "meetingCode": "les-sena-xyz", "config": {"accessType": "TRUSTED"}, "_owner": address(NAMES[4])},
            {"name": f"spaces/{staff}", "meetingUri": "https://meet.google.com/eve-nbij-ptn", "meetingCode": "eve-nbij-ptn", "config": {"accessType": "TRUSTED"}, "_owner": address(NAMES[0])},
        ],
        "conferences": [
            conference(1, webinar, days[0], 61, [(NAMES[0], [(-4, 60)]), *crowd, ("Jan Jansen (gast)", [(0, 30)]), ("Gast", [(1, 20)]), ("Gast", [(2, 40)]), ("+31 6 ●●●● ●●12", [(3, 55)]), (ROOM, [(0, 60)])]),
            conference(2, webinar, days[1], 60, [(NAMES[0], [(0, 60)]), (NAMES[5], [(0, 25), (20, 40), (45, 58)]), (NAMES[6], [(0, 58)])]),
            conference(3, circle, days[0] + timedelta(days=1), 45, [(NAMES[3], [(0, 45)]), (NAMES[7], [(1, 44)]), (NAMES[0], [(5, 44)])]),
            conference(4, lesson, days[1] + timedelta(days=1), 50, [(NAMES[4], [(0, 50)]), (NAMES[8], [(0, 49)])]),
            conference(5, staff, days[1] + timedelta(days=2), 20, [(NAMES[0], [(0, 20)]), (NAMES[9], [(0, 20)])]),
        ],
    }  # fmt: skip
    (HERE / "meet.json").write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
