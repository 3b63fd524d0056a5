"""Somebody who knows who works where, keeps every table of every night, and sees what the policy shows of each person, takes sums apart.

The unknowns are the minutes and counts of each person. Every figure about a group is a linear equation over them: a sum, the parts of a
ratio, or a ratio alone, whose numerator less its value times the denominator is nothing. What nobody has to be told is known too: kinds add up to
the whole, a part is no more than what it is a part of. Linear programs then find the least and the most that a person can have, and which sums
follow at all. Truth comes from what each employee is shown, so the attack also tries its own equations.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leerstroom.classification import load_rules
from leerstroom.indicators import compute
from leerstroom.indicators.disclosure import fewest_in_service
from leerstroom.mirror.columns import to_table
from leerstroom.people import Directory, Employee
from leerstroom.publishing.disclosure import Disclosure
from leerstroom.publishing.facts import gather
from leerstroom.publishing.night import Edition, open_night
from leerstroom.publishing.tables import build, publish_tables
from leerstroom.statements.ids import name_uuid
from leerstroom.statements.vocabulary import extension, types, verbs

AS_OF = date(2026, 11, 20)
WINDOWS = (7, 28)
MINIMUM = 5
DOMINANT = 0.8
NARROW = 0.1  # of the truth: an interval as small as that tells a value
EXACT = 0.01
PERCENT = 0.01
SLACK = 1e-4  # published values are rounded
AMPLE = 10_000.0  # minutes that nobody has
ROOMS = ("a", "b", "c")
TOTAL, FORMAL, NONFORMAL, INFORMAL = (
    f"{each}_learning_minutes" if each != "total" else "learning_minutes_total"
    for each in ("total", "formal", "nonformal", "informal")
)
PARTS = tuple(f"{NONFORMAL}.{kind}" for kind in ("webinar", "offline"))
ADDITIVE = (TOTAL, FORMAL, NONFORMAL, INFORMAL, *PARTS, "questions_asked", "offline_encounters")
DIVIDED = {
    "generation_share": tuple(f"generation_share.{each}" for each in ("1.0", "2.0", "3.0")),
    "mode_70_20_10_share": tuple(f"mode_70_20_10_share.{each}" for each in ("70", "20", "10")),
}
OF_TOTAL = (
    *DIVIDED["generation_share"],
    *DIVIDED["mode_70_20_10_share"],
    "estimated_minutes_share",
    "mandatory_minutes_share.known",
)
OF_MINUTES = (*OF_TOTAL, "self_directed_share", "mandatory_minutes_share")  # a team's are told in whole percents
RATIOS = (
    *OF_TOTAL,
    "self_directed_share",
    "mandatory_minutes_share",
    "mandatory_on_time_rate",
    "formal_completion_rate",
)
COMPUTED = (
    TOTAL, FORMAL, NONFORMAL, INFORMAL, "questions_asked", "offline_encounters", "generation_share", "mode_70_20_10_share",
    "estimated_minutes_share", "self_directed_share", "mandatory_minutes_share", "mandatory_on_time_rate", "formal_completion_rate",
    "formal_completions", "question_answer_rate_72h", "unclassified_share", "unresolved_actor_share",
)  # fmt: skip
SUMS = {*ADDITIVE, *OF_TOTAL, *(f"questions in {room}" for room in ROOMS)}  # minutes, and what is said in rooms
Atom = tuple[str, str]  # what, of whom


@dataclass
class Company:
    """Few people in teams of one to nine, who come and go, and what each did: mostly a little, some of it by one alone."""

    seed: int
    directory: Directory = field(default_factory=Directory)
    statements: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        chance = random.Random(self.seed)
        sizes = [chance.choice((1, 2, 4, 5, 5, 6, 7, 9)) for _ in range(chance.randrange(1, 4))]
        is_young = chance.random() < 0.3  # most came lately, few were there before
        for number, team in enumerate(f"T{place}" for place, size in enumerate(sizes) for _ in range(size)):
            since, until = date(2020, 1, 1), None
            match chance.randrange(8):
                case 0:
                    since = AS_OF - timedelta(chance.choice((0, 1, 5, 20)))
                case 1:
                    until = AS_OF - timedelta(chance.choice((0, 1, 6, 7, 26, 27)))
            if is_young and number > chance.randrange(1, 4):
                since = max(since, AS_OF - timedelta(chance.choice((9, 26))))
            self.directory.employees.append(
                Employee(
                    f"P{number}", (f"p{number}@example.org",), team=team, in_service_from=since, in_service_to=until
                )
            )
        everybody = range(len(self.directory.employees))
        for deed in (self.studies, self.attends, self.meets, self.tries, self.asks):
            few = chance.choice((1, 2, 3, 6, len(everybody)))
            for number in chance.sample(everybody, min(few, len(everybody))):
                for ago in chance.sample(
                    (0, 1, 3, 6, 7, 12, 27), chance.randrange(1, 3)
                ):  # what overlaps adds up to less
                    deed(number, AS_OF - timedelta(ago), chance)

    def studies(self, number: int, day: date, chance: random.Random) -> None:
        minutes, stated = chance.choice((11, 23, 47, 230)), {"initiator": chance.choice(("self", "assigned"))}
        if chance.random() < 0.4:
            due = {"mandatory": True, "due": f"{AS_OF - timedelta(2)}T12:00:00Z"}
            self._tell(number, day, "completed", "course-2", "course", "lms", 8, None, {**stated, **due})
        self._tell(number, day, "progressed", "course-1", "course", "lms", 9, minutes / 4, stated)

    def attends(self, number: int, day: date, chance: random.Random) -> None:
        self._tell(number, day, "attended", "w1", "webinar", "webinar", 12, chance.choice((13, 31, 59)), {})

    def meets(self, number: int, day: date, chance: random.Random) -> None:
        sort = chance.choice(("workshop", "meeting"))
        self._tell(number, day, "attended", f"m-{sort}", sort, "offline", 15, chance.choice((17, 37, 61)), {})

    def tries(self, number: int, day: date, chance: random.Random) -> None:
        self._tell(number, day, "performed-offline", "t1", "task", "work", 17, chance.choice((19, 41)), {})

    def asks(self, number: int, day: date, chance: random.Random) -> None:
        self._tell(
            number, day, "asked", f"q{len(self.statements)}", "chat-message", "chat", 18, None, {}, chance.choice(ROOMS)
        )

    def _tell(
        self, number: int, day: date, verb: str, thing: str, sort: str, kind: str, hour: int, minutes: float | None, stated: dict[str, Any],
        room: str = "",
    ) -> None:  # fmt: skip
        at = datetime(day.year, day.month, day.day, hour, len(self.statements) % 50, tzinfo=UTC).isoformat()
        context: dict[str, Any] = {
            "extensions": {extension(name): value for name, value in {"source-kind": kind, **stated}.items()}
        }
        if room:
            context["contextActivities"] = {"grouping": [{"id": f"https://t.example/rooms/{room}"}]}
        self.statements.append({
            "id": name_uuid("sums", str(self.seed), str(len(self.statements))), "actor": {"mbox": f"mailto:p{number}@example.org"},
            "verb": verbs[verb].as_json(), "object": {"id": f"https://t.example/{thing}", "definition": {"type": types[sort]}},
            "timestamp": at, "result": {"duration": f"PT{round(minutes * 60)}S"} if minutes else {}, "context": context,
        })  # fmt: skip

    def serving(self, team: str | None, first: date, last: date) -> list[str]:
        """Ids of the people of a team, or of all, who were in service on a day of first to last."""
        return [
            each.employee_id
            for each in self.directory.employees
            if team in {None, each.team}
            and (each.in_service_from or date.min) <= last
            and (each.in_service_to or date.max) >= first
        ]

    def known_on(self, as_of: date) -> Directory:
        """The directory of that night: without those who came later, and without the end of those who had not left."""
        return Directory([
            each
            if (each.in_service_to or date.min) <= as_of
            else Employee(each.employee_id, each.emails, team=each.team, in_service_from=each.in_service_from)
            for each in self.directory.employees
            if (each.in_service_from or date.min) <= as_of
        ])


@dataclass
class Reading:
    """What a reader holds under one policy, and the truth that it must not give away."""

    rows: list[dict[str, Any]]  # of indicator_values, of all nights
    sums: dict[str, float]  # in the report of the newest night
    truth: list[dict[str, Any]]  # of persons, the newest night


def read(company: Company, folder: Path, policies: Sequence[str], nights: int) -> dict[str, Reading]:
    """Computes and publishes the nights until AS_OF and reads everything back."""
    import duckdb

    readings: dict[str, Reading] = {}
    for ago in reversed(range(nights)):
        as_of = AS_OF - timedelta(ago)
        directory = company.known_on(as_of)
        told = [each for each in company.statements if each["timestamp"][:10] <= as_of.isoformat()]
        with compute(
            to_table(told), directory, rules=load_rules(), coverage=None, from_=as_of, to=as_of, as_of=as_of, windows=WINDOWS, only=COMPUTED,
        ) as values:  # fmt: skip
            table = values.table
        for policy in policies:
            disclosure = Disclosure.load(policy)
            with open_night(table, directory, None, Edition(as_of, "x", None, {}), disclosure) as night:
                publish_tables(night, build(night), str(folder / f"{policy}.duckdb"), "en")
                readings[policy] = Reading([], gather(night).sums, table.to_pylist())
    for policy, reading in readings.items():
        with duckdb.connect(str(folder / f"{policy}.duckdb"), read_only=True) as connection:
            found = connection.execute("SELECT * FROM indicator_values")
            names = [column[0] for column in found.description]
            reading.rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return readings


def window_of(row: dict[str, Any]) -> int:
    return (row["period_end"] - row["period_start"]).days + 1


def atoms_of(indicator: str) -> tuple[str, str]:
    """What the numerator and the denominator of a ratio are sums of."""
    return indicator, TOTAL if indicator in OF_TOTAL else f"of {indicator}"


class Equations:
    """Linear equations over what each person has, none of it below nothing."""

    def __init__(self) -> None:
        self.places: dict[Atom, int] = {}
        self.equal: list[tuple[dict[Atom, float], float]] = []
        self.at_most: list[tuple[dict[Atom, float], float]] = []
        self.fixed: dict[Atom, float] = {}

    def knows(self, weights: dict[Atom, float], total: float) -> None:
        for atom in weights:
            self.places.setdefault(atom, len(self.places))
        self.equal.append((weights, total))

    def bounds(self, smaller: Atom, larger: Atom) -> None:
        for atom in (smaller, larger):
            self.places.setdefault(atom, len(self.places))
        self.at_most.append(({smaller: 1.0, larger: -1.0}, 0.0))

    def between(self, atoms: Iterable[Atom]) -> tuple[float, float]:
        """The least and the most that the atoms can be together."""
        import numpy as np
        from scipy.optimize import linprog
        from scipy.sparse import csr_array

        def matrix(rows: Sequence[tuple[dict[Atom, float], float]]) -> tuple[Any, Any]:
            cells = [
                (place, self.places[atom], weight)
                for place, (weights, _) in enumerate(rows)
                for atom, weight in weights.items()
            ]
            made = csr_array(
                ([weight for *_, weight in cells], ([row for row, *_ in cells], [at for _, at, _ in cells])),
                shape=(len(rows), len(self.places)),
            )
            return made, np.array([total for _, total in rows])

        goal = np.zeros(len(self.places))
        for atom in atoms:
            goal[self.places[atom]] += 1
        less, more = (
            [
                ({atom: sign * weight for atom, weight in weights.items()}, sign * total + SLACK)
                for weights, total in self.equal
            ]
            for sign in (1, -1)
        )
        a_ub, b_ub = matrix([*less, *more, *self.at_most])
        limits = [(self.fixed[atom], self.fixed[atom]) if atom in self.fixed else (0.0, AMPLE) for atom in self.places]
        ends = []
        for sign in (1, -1):
            found = linprog(sign * goal, A_ub=a_ub, b_ub=b_ub, bounds=limits)
            assert found.status == 0, f"what was published contradicts itself: {found.message}"
            ends.append(sign * found.fun)
        return ends[0], ends[1]


def equations_of(company: Company, reading: Reading, policy: str, days: int, truth: dict[Atom, float]) -> Equations:
    """Everything that the tables of the newest night and the report say about one window."""
    sees = Disclosure.load(policy).hr_sees
    first = AS_OF - timedelta(days - 1)
    everybody = company.serving(None, first, AS_OF)
    known = Equations()
    for who in everybody:
        known.knows({(TOTAL, who): 1.0, **{(kind, who): -1.0 for kind in (FORMAL, NONFORMAL, INFORMAL)}}, 0.0)
        known.knows({(NONFORMAL, who): 1.0, **{(part, who): -1.0 for part in PARTS}}, 0.0)
        for categories in DIVIDED.values():
            known.knows({(TOTAL, who): 1.0, **{(each, who): -1.0 for each in categories}}, 0.0)
        known.knows({("questions_asked", who): 1.0, **{(f"questions in {room}", who): -1.0 for room in ROOMS}}, 0.0)
        for ratio in RATIOS:
            known.bounds((atoms_of(ratio)[0], who), (atoms_of(ratio)[1], who))
        for ratio in ("self_directed_share", "mandatory_minutes_share"):
            known.bounds((f"of {ratio}", who), (TOTAL, who))
    shown = [row for row in reading.rows if row["period_end"] == AS_OF and window_of(row) == days]
    for row in shown:
        if row["status"] not in {"ok", "partial"}:
            continue
        indicator, subject = row["indicator_id"], row["subject"]
        if row["grain"] == "employee_window":
            if indicator in ADDITIVE and sees(indicator, row["grain"]):
                known.fixed[indicator, subject] = row["value"]
            elif indicator in RATIOS and row["denominator"] is not None:
                for name, part in zip(atoms_of(indicator), ("numerator", "denominator"), strict=True):
                    known.fixed[name, subject] = row[part]
            continue
        people = company.serving(None if subject == "ALL" else subject, first, AS_OF)
        if row["grain"] == "community_window":
            if indicator == "questions_asked":
                known.knows({(f"questions in {subject[-1]}", who): 1.0 for who in everybody}, row["value"])
        elif indicator in ADDITIVE and row["numerator"] is not None:
            known.knows({(indicator, who): 1.0 for who in people}, row["numerator"])
        elif indicator in RATIOS:
            numerator, denominator = atoms_of(indicator)
            weights = {(numerator, who): 1.0 for who in people}
            rounding = PERCENT / 2 if row["grain"] == "team_window" and indicator in OF_MINUTES else 0.0
            for sign in (1, -1):
                whole = {(denominator, who): -sign * (row["value"] + sign * rounding) for who in people}
                known.at_most.append(({**{atom: sign * weight for atom, weight in weights.items()}, **whole}, SLACK))
            for name, part in ((numerator, "numerator"), (denominator, "denominator")):
                if row[part] is not None:
                    known.knows({(name, who): 1.0 for who in people}, row[part])
    if days == max(WINDOWS):
        for indicator, total in reading.sums.items():
            if indicator in ADDITIVE:
                known.knows({(indicator, who): 1.0 for who in everybody}, total)
    for weights, limit in known.at_most:  # the equations are true, else an attack that fails would prove nothing
        assert sum(weight * truth.get(atom, 0.0) for atom, weight in weights.items()) <= limit + SLACK
    for weights, total in known.equal:
        assert sum(weight * truth.get(atom, 0.0) for atom, weight in weights.items()) == pytest.approx(total, abs=SLACK)
    return known


def truth_of(company: Company, reading: Reading, days: int) -> dict[Atom, float]:
    found: dict[Atom, float] = {}
    for row in reading.truth:
        if row["grain"] != "employee_window" or window_of(row) != days:
            continue
        indicator, who = row["indicator_id"], row["subject"]
        if indicator in ADDITIVE:
            found[indicator, who] = row["value"] or 0.0
        elif indicator in RATIOS:
            for name, part in zip(atoms_of(indicator), ("numerator", "denominator"), strict=True):
                found.setdefault((name, who), row[part] or 0.0)
    first = AS_OF - timedelta(days - 1)
    for each in company.statements:
        who, day = (
            each["actor"]["mbox"].removeprefix("mailto:").split("@")[0].upper(),
            date.fromisoformat(each["timestamp"][:10]),
        )
        if each["verb"]["id"] == verbs["asked"].iri and first <= day and who in company.serving(None, day, day):
            room = each["context"]["contextActivities"]["grouping"][0]["id"][-1]
            found[f"questions in {room}", who] = found.get((f"questions in {room}", who), 0.0) + 1
    return found


def told(company: Company, reading: Reading, policy: str) -> list[str]:
    """What follows about few people from one night: their values, and sums that are theirs."""
    found = []
    for days in WINDOWS:
        truth = truth_of(company, reading, days)
        known = equations_of(company, reading, policy, days, truth)
        whole: dict[str, dict[str, float]] = defaultdict(dict)
        for name, who in known.places:
            if (name, who) not in known.fixed:
                whole[name][who] = truth.get((name, who), 0.0)
        for name, amounts in whole.items():
            some = {who: amount for who, amount in amounts.items() if amount > 0}
            if not some or len(amounts) < len([who for each, who in known.places if each == name]):
                continue  # nobody has any, or the policy shows it of each person
            top = max(some, key=lambda who: (some[who], who))
            least, most = known.between([(name, who) for who in amounts])
            total = sum(amounts.values())
            is_ones = len(some) < MINIMUM or some[top] > DOMINANT * total
            if policy == "groups-only" and name in SUMS and is_ones and most - least <= EXACT * total:
                found.append(
                    f"{policy}, {days} days: {name} of all, of {len(some)}, {some[top] / total:.0%} of it one's"
                )
            for group, width in (([top], NARROW), (sorted(some), EXACT)):
                least, most = known.between([(name, who) for who in group])
                if len(group) < MINIMUM and most - least <= width * sum(some[who] for who in group):
                    found.append(f"{policy}, {days} days: {name} of {group} is {least:.2f} to {most:.2f}")
    return found


def days_that_follow(services: Sequence[tuple[int, int]], windows: Iterable[tuple[int, int]]) -> bool:
    """Whether sums of everybody in service over windows of days tell what fewer than five people did on some days."""
    import numpy as np

    days = range(max(last for _, last in services) + 1)
    serving = [sum(begins <= day <= ends for begins, ends in services) for day in days]
    matrix = np.array([[float(first <= day <= last and serving[day] > 0) for day in days] for first, last in windows])
    many = [day for day in days if serving[day] >= MINIMUM]
    return bool(np.linalg.matrix_rank(matrix) > np.linalg.matrix_rank(matrix[:, many]))


def attacked(seed: int, folder: Path, nights: int = 1) -> list[str]:
    company = Company(seed)
    readings = read(company, folder, ("per-employee", "groups-only"), nights)
    return [each for policy, reading in readings.items() for each in told(company, reading, policy)]


def windows_of(services: Sequence[tuple[int, int]], fewest: int) -> list[tuple[int, int]]:
    """The windows of all nights in which so many are in service on every day."""
    nights = range(max(last for _, last in services) + 1)
    every = [(night - length + 1, night) for night in nights for length in (7, 28, 90)]
    return [each for each in every if fewest_in_service(services, *each) >= fewest]


def test_windows_of_all_nights_would_tell_of_the_first_two() -> None:
    services = [(0, 160)] * 2 + [(60, 160)] * 6
    assert days_that_follow(services, windows_of(services, 1))
    assert windows_of(services, MINIMUM)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 150), st.integers(0, 160)), min_size=1, max_size=14))
def test_windows_of_all_nights_tell_nothing_of_days_with_few_in_service(drawn: list[tuple[int, int]]) -> None:
    services = [(begins, max(begins, ends)) for begins, ends in drawn]
    windows = windows_of(services, MINIMUM)
    assert not windows or not days_that_follow(services, windows)


def test_an_attack_takes_a_careless_publication_apart() -> None:
    known = Equations()
    people = ("anna", "bert", "carl")
    known.knows({("minutes", who): 1.0 for who in people}, 90.0)
    known.knows({**{("share", who): 1.0 for who in people}, **{("minutes", who): -0.5 for who in people}}, 0.0)
    for who in people:
        known.bounds(("share", who), ("minutes", who))
    known.fixed["minutes", "anna"] = known.fixed["minutes", "bert"] = 0.0
    assert known.between([("share", "carl")]) == pytest.approx((45.0, 45.0), abs=0.01)


@pytest.mark.parametrize("seed", [6, 12])
def test_nothing_about_few_people_follows_from_sums_and_shares(seed: int, tmp_path: Path) -> None:
    assert attacked(seed, tmp_path) == []


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_nothing_about_few_people_follows_from_sums_in_many_organisations(tmp_path: Path) -> None:
    found = {}
    for seed in range(10, 60):
        (tmp_path / str(seed)).mkdir()
        if follows := attacked(seed, tmp_path / str(seed), 2):
            found[seed] = follows
    assert found == {}
