"""Makes the server and the exports of this folder, in Kolibri's own shapes and with invented people: `python make.py`.

Nine learners and a coach of one facility, 2026-10-26 to 2026-11-12; two exports of sessions, of which the second holds what the first held and a session that grew,
and one of completions.
"""

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

HERE = Path(__file__).parent
FACILITY = {"id": uuid5(NAMESPACE_DNS, "facility").hex, "name": "Leerhuis BV"}
NAMES = (
    "jan_jansen",
    "fatima_elamrani",
    "piet_devries",
    "anouk.devries",
    "margriet_bakker",
    "yara_elidrissi",
    "sem@example.org",
    "noor_smit",
    "bram_peters",
)
CHANNEL = uuid5(NAMESPACE_DNS, "channel").hex
CONTENTS = {kind: uuid5(NAMESPACE_DNS, kind).hex for kind in ("video", "document", "exercise", "html5")}
START = datetime(2026, 10, 26, 9, 15, 52, 716391, tzinfo=UTC)


def user(name: str, number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": uuid5(NAMESPACE_DNS, name).hex, "username": name, "full_name": name.title(), "facility": FACILITY["id"], "id_number": f"E010{number:02d}" if number % 3 else "",
        "gender": "", "birth_year": "", "extra_demographics": None, "date_joined": "2026-10-01T08:00:00.000000Z", "is_superuser": False, "roles": [], **more,
    }  # fmt: skip


def session(name: str, kind: str, day: int, seconds: float, progress: float, sort: str = "Learner") -> list[str]:
    begun = START + timedelta(days=day, minutes=len(name) * 7)
    ended = begun + timedelta(seconds=seconds)
    return [
        FACILITY["name"],
        name,
        sort,
        CHANNEL,
        "Veilig werken",
        CONTENTS[kind],
        f"Les over {kind}",
        str(begun),
        str(ended),
        f"{seconds:.1f}",
        f"{progress:.4f}",
        kind,
    ]


def attempt(name: str, number: int, day: int, correct: float, **more: Any) -> dict[str, Any]:
    begun = START + timedelta(days=day, minutes=number)
    ended = begun + timedelta(seconds=41)
    moments = {
        f"{which}_timestamp": f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"
        for which, moment in (("start", begun), ("end", ended), ("completion", ended))
    }
    return {
        "id": uuid5(NAMESPACE_DNS, f"{name} {number}").hex, "item": f"q{number % 4}", **moments, "time_spent": 41.0, "complete": True, "correct": correct, "hinted": False,
        "answer": {"value": "het antwoord van mij"}, "simple_answer": "het antwoord van mij", "interaction_history": [], "user": uuid5(NAMESPACE_DNS, name).hex, "error": False,
        "masterylog": uuid5(NAMESPACE_DNS, f"mastery {name}").hex, "sessionlog": uuid5(NAMESPACE_DNS, f"session {name}").hex, **more,
    }  # fmt: skip


HEADER = [
    "Facility name", "Username", "User type", "Channel id", "Channel name", "Content id", "Content title", "Time of first interaction", "Time of last interaction", "Time Spent (sec)",
    "Progress (0-1)", "Content kind",
]  # fmt: skip
SESSIONS = [
    session(name, kind, day % 14, 300 + 30 * day, min(1, day / 6))
    for day, (name, kind) in enumerate([(name, kind) for name in NAMES for kind in CONTENTS][:20])
]
GROWN = [
    *SESSIONS[:4],
    session("anouk.devries", "document", 16, 600, 0.5),
    session("coach", "video", 3, 120, 1, "Class coach"),
]


def main() -> None:
    users = [user(name, number) for number, name in enumerate(NAMES)]
    coach = user(
        "coach",
        99,
        roles=[{"kind": "classroom assignable coach", "collection": uuid5(NAMESPACE_DNS, "class").hex, "id": "x"}],
    )
    admin = user("beheer", 98, is_superuser=True, roles=[{"kind": "admin", "collection": FACILITY["id"], "id": "y"}])
    attempts = [attempt(name, number, number % 9, float(number % 2)) for name in NAMES[:4] for number in range(4)]
    attempts += [
        attempt("noor_smit", 50, 2, 0.0, complete=False, completion_timestamp=None),
        attempt("noor_smit", 51, 2, 0.0, error=True),
        attempt("x", 52, 2, 1.0, user=None),
    ]
    server = {
        "facility": FACILITY, "user": "beheer", "password": "een-lang-wachtwoord", "powerless": {"user": "jan_jansen", "password": "van-jan"}, "users": [*users, coach, admin],
        "attempts": attempts,
    }  # fmt: skip
    (HERE / "kolibri.json").write_text(json.dumps(server, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    completed = [[*row[:9], row[8] if row[10] == "1.0000" else "", *row[9:]] for row in SESSIONS]
    grown = [list(row) for row in GROWN]
    grown[0][8], grown[0][9] = (
        str(datetime.fromisoformat(grown[0][7]) + timedelta(seconds=900)),
        "900.0",
    )  # went on after the first export
    for name, header, rows in (
        ("1_content_session_logs", HEADER, SESSIONS),
        ("2_content_session_logs", HEADER, grown),
        ("content_summary_logs", [*HEADER[:9], "Time of completion", *HEADER[9:]], completed),
    ):
        with (HERE / "exports" / f"{name}.csv").open("w", encoding="utf-8-sig", newline="") as stream:
            csv.writer(stream).writerows([header, *rows])


if __name__ == "__main__":
    main()
