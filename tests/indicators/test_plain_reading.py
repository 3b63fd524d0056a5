"""Random weeks of random organisations, in the form of the worked example: the command line and the plain reading must agree."""

import csv
import json
import random
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from leerstroom.indicators import from_files
from leerstroom.schemas import folder, load_yaml
from leerstroom.statements.ids import name_uuid
from leerstroom.statements.vocabulary import types, verbs

sys.path.insert(0, str(Path(__file__).parent))
from plain import EXT, Answers, answers

TOLERANCE = 0.00006
HEADS = {"employees": ("employee_id", "mbox", "team", "fte", "in_service_from", "in_service_to", "time_zone")}
# what happens on the platforms: source kind, verbs, types, how many things there are
LIFE: tuple[tuple[str, tuple[str, ...], tuple[str | None, ...], int], ...] = (
    ("lms", ("progressed", "completed", "passed", "failed", "launched", "registered", "was-assigned"), ("course", "module", "assessment"), 9),
    ("lms", ("viewed", "downloaded"), ("page", "file", "forum-topic"), 6),
    ("lms", ("submitted",), ("school-assignment",), 3),
    ("lms", ("asked", "replied", "posted"), ("discussion", "forum-topic"), 4),
    ("mooc", ("watched", "completed", "viewed"), ("video", "course"), 5),
    ("webinar", ("joined", "left", "joined", "left", "attended"), ("webinar",), 4),
    ("webinar", ("asked", "posted", "raised-hand"), ("webinar",), 4),
    ("chat", ("asked", "replied", "replied", "answered", "shared", "posted", "liked", "edited", "deleted", "read"), ("chat-message",), 12),
    ("social", ("asked", "commented", "posted", "bookmarked", "liked"), ("message", None), 5),
    ("offline", ("attended",), ("face-to-face-discussion", "meeting", "workshop", "course", "conference"), 5),
    ("offline", ("mentored", "observed"), ("performance",), 2),
    ("work", ("completed", "searched", "performed-offline", "authored"), ("simulation", "task", "article"), 5),
)  # fmt: skip


class Organisation:
    """People, sources and statements of one seed, written to a folder as the command line reads them."""

    def __init__(self, seed: int, events: int) -> None:
        self.chance = random.Random(seed)
        self.first = self.chance.choice((
            date(2026, 11, 2),
            date(2026, 10, 22),
            date(2027, 3, 24),
        ))  # the last two change the clock
        self.last = self.first + timedelta(self.chance.choice((4, 8, 13)))
        self.as_of = self.last
        self.days = [self.first + timedelta(n) for n in range((self.last - self.first).days + 1)]
        self.employees = [self.person(number) for number in range(self.chance.choice((4, 9, 17)))]
        self.leave = [
            (each["employee_id"], day) for each in self.employees[:3] for day in self.days if self.chance.random() < 0.2
        ]
        self.excluded = ["robot@example.org"]
        kinds = [
            "lms",
            "mooc",
            "webinar",
            "chat",
            "offline",
            *(["social", "work"] if self.chance.random() < 0.6 else []),
        ]
        self.coverage = [
            (day, kind, "ok" if self.chance.random() < 0.97 else "failed")
            for kind in kinds
            for day in (self.first - timedelta(1) + timedelta(n) for n in range(len(self.days) + 2))
        ]
        self.statements: list[dict[str, Any]] = []
        for number in range(events):
            self.happens(number)
        self.afterthoughts()

    def person(self, number: int) -> dict[str, str]:
        chance = self.chance
        since = chance.choice((date(2024, 1, 1), date(2024, 1, 1), date(2024, 1, 1), self.first + timedelta(3)))
        until = chance.choice(("", "", "", "", (self.last - timedelta(2)).isoformat()))
        zone = chance.choice(("Europe/Amsterdam",) * 5 + ("America/New_York", "Asia/Kolkata"))
        team = chance.choice(("T1", "T1", "T2", "T2", "T3", ""))
        return {
            "employee_id": f"E{number}", "mbox": f"person{number}@example.org", "team": team, "fte": "1.0",
            "in_service_from": since.isoformat(), "in_service_to": until, "time_zone": zone,
        }  # fmt: skip

    def happens(self, number: int) -> None:
        chance = self.chance
        kind, doings, sorts, things = chance.choice(LIFE)
        verb, thing = chance.choice(doings), chance.randrange(things)
        sort = sorts[thing % len(sorts)]
        is_said = verb in {"asked", "replied", "answered", "commented", "posted", "shared"}
        steps = (len(self.days) + 2) * 96
        at = datetime(self.first.year, self.first.month, self.first.day, tzinfo=UTC) - timedelta(days=1)
        if chance.random() < 0.1:
            at -= timedelta(days=40)
        at += timedelta(minutes=15 * chance.randrange(steps))
        who = chance.choice([
            *(each["mbox"] for each in self.employees),
            "robot@example.org",
            "guest@elsewhere.example",
        ])
        stated: dict[str, Any] = {"source-kind": kind}
        result: dict[str, Any] = {}
        context: dict[str, Any] = {"platform": chance.choice(("a", "b"))}
        identity = f"https://{kind}.example.org/{sort}/{thing}"
        if kind in {"chat", "social"} or (kind == "lms" and is_said):
            room = f"{kind}-{chance.randrange(3)}" if is_said else f"{kind}-0"
            stated["channel-kind"] = ("set_up_community", "spontaneous_group", "direct")[
                int(room[-1]) if kind != "lms" else 0
            ]
            context["contextActivities"] = {"grouping": [{"id": f"https://{kind}.example.org/rooms/{room}"}]}
            if is_said:
                identity = f"https://{kind}.example.org/m/{chance.randrange(30)}"
                if verb in {"replied", "answered", "commented"} and chance.random() < 0.9:
                    context["contextActivities"]["parent"] = [
                        {"id": f"https://{kind}.example.org/m/{chance.randrange(30)}"}
                    ]
            elif verb in {"liked", "edited", "deleted"}:
                identity = f"https://{kind}.example.org/m/{chance.randrange(30)}"
            if verb in {"posted", "shared"} and chance.random() < 0.3:
                stated["mentions"] = [f"mailto:{chance.choice(self.employees)['mbox']}"]
        elif (
            verb not in {"registered", "was-assigned", "asked", "posted", "raised-hand", "joined", "left"}
            and chance.random() < 0.7
        ):
            result["duration"] = f"PT{chance.choice((3, 5, 20, 45, 90, 300, 700))}M{chance.choice(('', '30S'))}"
        if kind == "webinar":
            stated["scheduled-minutes"] = 60
            if chance.random() < 0.15:
                stated["actor-role"] = "presenter"
            if verb in {"joined", "left"} and chance.random() < 0.3:
                context["registration"] = f"11111111-1111-4111-8111-11111111111{chance.randrange(2)}"
        elif chance.random() < 0.4:
            stated["initiator"] = chance.choice(("self", "assigned"))
        if is_said and chance.random() < 0.1:
            stated["actor-role"] = "moderator"
        if kind == "lms" and not is_said:
            if thing < 4:
                stated["mandatory"] = thing < 3
            if thing < 2 and chance.random() < 0.8:
                stated["due"] = (self.first + timedelta(chance.choice((1, 3, 30)))).isoformat()
            if verb in {"passed", "failed", "completed"} and chance.random() < 0.7:
                result["score"] = chance.choice((
                    {"scaled": 0.4},
                    {"scaled": -0.5},
                    {"raw": 7, "max": 10},
                    {"raw": 3},
                    {"raw": 6, "min": 1, "max": 11},
                ))
            if verb in {"completed", "failed"} and chance.random() < 0.5:
                result["completion"] = True
        made: dict[str, Any] = {
            "id": name_uuid("random", str(number), str(chance.random())), "actor": {"mbox": f"mailto:{who}"}, "verb": {"id": verbs[verb].iri},
            "object": {"id": identity, **({"definition": {"type": types[sort]}} if sort else {})}, "timestamp": at.isoformat().replace("+00:00", "Z"),
            "context": {**context, "extensions": {EXT + name: value for name, value in stated.items()}},
        }  # fmt: skip
        if result:
            made["result"] = result
        self.statements.append(made)

    def afterthoughts(self) -> None:
        """Some statements are voided, some told a second time by another producer, some sent twice."""
        chance = self.chance
        for each in chance.sample(self.statements, len(self.statements) // 20):
            self.statements.append({
                "id": name_uuid("void", each["id"]), "actor": {"mbox": "mailto:robot@example.org"}, "verb": {"id": verbs["voided"].iri},
                "object": {"objectType": "StatementRef", "id": each["id"]}, "timestamp": "2026-11-04T10:30:00Z",
            })  # fmt: skip
        for each in chance.sample(self.statements, len(self.statements) // 15):
            twice = json.loads(json.dumps(each))
            twice["id"] = name_uuid("second", each["id"])
            if "result" in twice and chance.random() < 0.5:
                twice["result"].pop("duration", None)
            self.statements.append(twice)
        self.statements += chance.sample(self.statements, len(self.statements) // 30)
        chance.shuffle(self.statements)

    def write(self, out: Path) -> dict[str, Any]:
        """Writes the files; answers the arguments of `from_files`."""

        def table(name: str, head: tuple[str, ...], rows: Any) -> Path:
            with (out / f"{name}.csv").open("w", newline="") as stream:
                csv.writer(stream).writerows([head, *rows])
            return out / f"{name}.csv"

        (out / "statements.json").write_text(json.dumps(self.statements))
        return {
            "statements": out / "statements.json",
            "employees": table("employees", HEADS["employees"], ([each[name] for name in HEADS["employees"]] for each in self.employees)),
            "coverage": table("coverage", ("date", "source_kind", "status"), self.coverage),
            "leave": table("leave", ("employee_id", "date", "kind"), ((who, day, "leave") for who, day in self.leave)),
            "excluded": table("excluded", ("mbox", "kind"), ((each, "system") for each in self.excluded)),
            "from_": self.first, "to": self.last, "as_of": self.as_of,
        }  # fmt: skip

    def expected(self, rules: Any) -> Answers:
        return answers(
            self.statements, self.employees, rules=rules, coverage=self.coverage, leave=self.leave, excluded=self.excluded,
            first=self.first, last=self.last, as_of=self.as_of,
        )  # fmt: skip


def disagreements(organisation: Organisation, out: Path, rules_file: Path) -> list[str]:
    with from_files(**organisation.write(out), rules=rules_file) as values:
        computed = {
            (r["indicator_id"], r["grain"], r["subject"], r["period_start"], r["period_end"]): r for r in values.rows()
        }
    found = []
    for key, (value, status, numerator, denominator) in sorted(organisation.expected(load_yaml(rules_file)).items()):
        row = computed.get(key)
        if row is None:
            found.append(f"{key} is not computed")
            continue
        if status is not ... and row["status"] != status:
            found.append(f"{key}: {row['status']} where the plain reading says {status}")
            continue
        for name, wanted in (("value", value), ("numerator", numerator), ("denominator", denominator)):
            if wanted is ...:
                continue
            mine = row[name]
            if ((mine is None) != (wanted is None) and not (name != "value" and value is not None and wanted == 0)) or (
                mine is not None and wanted is not None and abs(mine - wanted) > TOLERANCE
            ):
                found.append(f"{key}: {name} {mine} where the plain reading says {wanted}")
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_a_random_organisation_is_counted_as_the_plain_reading_counts_it(seed: int, tmp_path: Path) -> None:
    assert disagreements(Organisation(seed, 400), tmp_path, folder() / "classification.yaml") == []


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(3, 23))
def test_many_random_organisations_are_counted_as_the_plain_reading_counts_them(seed: int, tmp_path: Path) -> None:
    assert disagreements(Organisation(seed, 700), tmp_path, folder() / "classification.yaml") == []
