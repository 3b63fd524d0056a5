"""A made-up organisation for the tests of publishing: 45 employees in 6 teams (one of four people), three weeks, always the same."""

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import orjson
import pytest

from leerstroom.people import Directory, Employee, Pseudonyms
from leerstroom.statements.ids import name_uuid
from leerstroom.statements.vocabulary import extension, types, verbs

AS_OF = date(2026, 11, 20)
FIRST = date(2026, 10, 31)
COMPUTED_AT = datetime(2026, 11, 21, 1, 30, tzinfo=UTC)
WINDOWS = (7, 28, 90)
HOME = "https://people.leerstroom.example"
KEYS = Pseudonyms("a pseudonym key for the tests only")
TEAMS = {"Klantenservice": 12, "Data": 9, "Zorg Noord": 8, "Financiën": 6, "Leren & Ontwikkelen": 6, "Directie": 4}
COMMUNITIES = {
    "!data:leer.example": "Data-vragen",
    "!lno:leer.example": "L&O praktijk",
    "!klant:leer.example": "Klantverhalen",
}
DIMENSIONS = ("delivery", "direction", "goals", "ownership", "teacher_role", "place_time", "continuity")


@dataclass
class Night:
    """Everything that publish() receives for one night."""

    rows: list[dict[str, Any]]
    directory: Directory
    coverage: list[dict[str, Any]]
    as_of: date = AS_OF
    computed_at: datetime = COMPUTED_AT
    days: dict[tuple[str, str], dict[date, float]] = field(
        default_factory=dict
    )  # (indicator, employee) -> day -> amount

    def table(self) -> Any:
        import pyarrow as pa

        return pa.Table.from_pylist(self.rows, schema=schema())

    def arguments(self, out: Path, **more: Any) -> dict[str, Any]:
        return {
            "directory": self.directory,
            "coverage": coverage_table(self.coverage),
            "as_of": self.as_of,
            "out": out,
            "database": None,
            "language": "nl",
            "policy": "per-employee",
            "organisation": "Waterland Zorg",
            "computed_at": self.computed_at,
            "names": COMMUNITIES,
            **more,
        }


def schema() -> Any:
    import pyarrow as pa

    return pa.schema([
        ("indicator_id", pa.string()), ("grain", pa.string()), ("subject", pa.string()), ("period_start", pa.date32()), ("period_end", pa.date32()),
        ("value", pa.float64()), ("status", pa.string()), ("numerator", pa.float64()), ("denominator", pa.float64()),
        ("as_of", pa.date32()), ("computed_at", pa.timestamp("us", tz="UTC")), ("rules_version", pa.string()), ("estimated_share", pa.float64()),
    ])  # fmt: skip


def coverage_table(rows: list[dict[str, Any]]) -> Any:
    import pyarrow as pa

    return pa.Table.from_pylist(
        rows, schema=pa.schema([("date", pa.date32()), ("source_kind", pa.string()), ("status", pa.string())])
    )


def make_night(as_of: date = AS_OF, seed: int = 7) -> Night:
    """Amounts per employee and day are drawn first; every window and group value is then the plain sum, mean or median of them."""
    dice = random.Random(seed)
    employees = [
        Employee(
            f"E{number:03d}", team=team, fte=dice.choice((1.0, 1.0, 0.8, 0.6)), emails=(f"person{number}@waterland.example",),
            in_service_from=date(2026, 11, 9) if number == 17 else date(2020, 1, 1),
        )
        for number, team in enumerate((team for team, size in TEAMS.items() for _ in range(size)), start=1)
    ]  # fmt: skip
    days = [FIRST + timedelta(n) for n in range((as_of - FIRST).days + 1)]
    amounts: dict[tuple[str, str], dict[date, float]] = defaultdict(lambda: defaultdict(float))
    for employee in employees:
        appetite = {"Data": 1.5, "Leren & Ontwikkelen": 1.9, "Klantenservice": 0.7}.get(
            employee.team, 1.0
        ) * dice.lognormvariate(0, 0.6)
        for day in days:
            if employee.in_service_from and day < employee.in_service_from:
                continue
            weight = 0.06 if day.weekday() >= 5 else appetite
            weight *= 1 + 0.35 * ((day - FIRST).days / 21)
            if dice.random() < 0.16 * weight:
                amounts["formal_learning_minutes", employee.employee_id][day] += round(dice.lognormvariate(3.3, 0.6))
                if dice.random() < 0.3:
                    amounts["formal_completions", employee.employee_id][day] += 1
            if day.weekday() in {1, 3} and dice.random() < 0.22 * weight:
                amounts["nonformal_learning_minutes", employee.employee_id][day] += dice.choice((45, 52, 58, 60, 88))
                amounts["nonformal_attendances", employee.employee_id][day] += 1
            if day == date(2026, 11, 12) and dice.random() < 0.4:
                amounts["informal_learning_minutes", employee.employee_id][day] += 90
                amounts["offline_encounters", employee.employee_id][day] += 1
            for _ in range(int(dice.expovariate(1 / (0.9 * weight)))):
                kind = dice.random()
                amounts["informal_learning_minutes", employee.employee_id][day] += 3 if kind < 0.3 else 5
                if kind < 0.25:
                    amounts["questions_asked", employee.employee_id][day] += 1
                elif kind < 0.7:
                    amounts["questions_answered_for_others", employee.employee_id][day] += 1
                elif kind < 0.8:
                    amounts["resources_shared", employee.employee_id][day] += 1
    rows: list[dict[str, Any]] = []

    def add(
        indicator: str,
        grain: str,
        subject: str,
        start: date,
        end: date,
        value: float | None,
        status: str = "ok",
        **more: Any,
    ) -> None:
        rows.append({
            "indicator_id": indicator, "grain": grain, "subject": subject, "period_start": start, "period_end": end, "value": value, "status": status,
            "numerator": None, "denominator": None, "as_of": as_of, "computed_at": COMPUTED_AT, "rules_version": "1:3f9a", "estimated_share": None, **more,
        })  # fmt: skip

    daily = ("formal_learning_minutes", "nonformal_learning_minutes", "informal_learning_minutes", "formal_completions", "nonformal_attendances",
             "questions_asked", "offline_encounters")  # fmt: skip
    for employee in employees:
        for day in days:
            absent = bool(employee.in_service_from and day < employee.in_service_from)
            for indicator in daily:
                state = "not_in_service" if absent else _state(indicator, day)
                amount = amounts[indicator, employee.employee_id].get(day, 0.0)
                add(
                    indicator,
                    "employee_day",
                    employee.employee_id,
                    day,
                    day,
                    amount if state in {"ok", "partial"} else None,
                    state,
                )
    for length in WINDOWS:
        start = as_of - timedelta(length - 1)
        _window(add, employees, amounts, start, as_of, "ok" if length == 7 else "partial", dice)
    return Night(rows, Directory(employees), list(_coverage(days)), as_of, days=dict(amounts))


def _state(indicator: str, day: date) -> str:
    if indicator == "offline_encounters" and day < date(2026, 11, 7):
        return "source_missing"
    return "partial" if indicator.startswith("nonformal") and day == date(2026, 11, 6) else "ok"


def _window(
    add: Any, employees: list[Employee], amounts: Any, start: date, end: date, status: str, dice: random.Random
) -> None:
    length = (end - start).days + 1
    sums: dict[str, dict[str, float]] = defaultdict(dict)
    for indicator in ("formal_learning_minutes", "nonformal_learning_minutes", "informal_learning_minutes", "formal_completions",
                      "nonformal_attendances", "offline_encounters", "questions_asked", "questions_answered_for_others", "resources_shared"):  # fmt: skip
        for employee in employees:
            value = sum(
                amount for day, amount in amounts[indicator, employee.employee_id].items() if start <= day <= end
            )
            sums[indicator][employee.employee_id] = value
            add(
                indicator,
                "employee_window",
                employee.employee_id,
                start,
                end,
                value,
                status,
                estimated_share=0.82 if indicator.startswith("informal") else None,
            )
    for employee in employees:
        who = employee.employee_id
        total = sum(sums[f"{each}_learning_minutes"][who] for each in ("formal", "nonformal", "informal"))
        add("learning_minutes_total", "employee_window", who, start, end, total, status)
        active = len({
            day
            for indicator in sums
            for day, amount in amounts[indicator, who].items()
            if amount and start <= day <= end
        })
        add("active_learning_days", "employee_window", who, start, end, active, status)
        due = dice.randrange(0, 4)
        on_time = sum(dice.random() < 0.88 for _ in range(due))
        add(
            "mandatory_on_time_rate",
            "employee_window",
            who,
            start,
            end,
            on_time / due if due else None,
            status if due else "no_denominator",
            numerator=on_time,
            denominator=due,
        )
        add("network_breadth", "employee_window", who, start, end, dice.randrange(0, 12), status)
        add("learning_streak_workdays", "employee_window", who, start, end, dice.randrange(0, 9), status)
        add("preference_profile.participation", "employee_window", who, start, end, 0.4, status)
    groups: list[tuple[str, str, list[Employee]]] = [("organisation_window", "ALL", employees)]
    groups += [("team_window", team, [each for each in employees if each.team == team]) for team in TEAMS]
    for grain, subject, members in groups:
        hidden = "suppressed" if len(members) < 5 else "suppressed_secondary" if subject == "Financiën" else None
        _group(add, grain, subject, [each.employee_id for each in members], sums, start, end, status, hidden)
    for number, community in enumerate(COMMUNITIES):
        asked = (58, 21, 9)[number] * min(length, 21) // 21
        answered = round(asked * (0.86, 0.71, 0.55)[number])
        add(
            "community_active_contributors",
            "community_window",
            community,
            start,
            end,
            (19, 11, 3)[number] if number < 2 else None,
            status if number < 2 else "suppressed",
        )
        add(
            "questions_asked",
            "community_window",
            community,
            start,
            end,
            asked if number < 2 else None,
            status if number < 2 else "suppressed",
        )
        add(
            "questions_answered_for_others",
            "community_window",
            community,
            start,
            end,
            answered if number < 2 else None,
            status if number < 2 else "suppressed",
        )
        if number < 2:
            add(
                "question_answer_rate_72h",
                "community_window",
                community,
                start,
                end,
                answered / asked if asked else None,
                status,
                numerator=answered,
                denominator=asked,
            )
            add(
                "first_response_minutes_median", "community_window", community, start, end, (24.0, 96.5)[number], status
            )
            add("community_facilitator_share", "community_window", community, start, end, (0.12, 0.46)[number], status)
            add("help_tie_reciprocity", "community_window", community, start, end, (0.38, 0.22)[number], status)
            for kind, share in zip(
                ("one_way", "two_way", "multi"), ((0.2, 0.34, 0.46), (0.48, 0.31, 0.21))[number], strict=True
            ):
                add(f"interaction_direction_share.{kind}", "community_window", community, start, end, share, status)
    for dimension, value in zip(DIMENSIONS, (1.72, 2.24, 1.41, 1.88, None, None, 2.35), strict=True):
        add(
            f"learning_maturity_profile.{dimension}",
            "organisation_window",
            "ALL",
            start,
            end,
            value,
            status if value else "not_measurable",
        )
    add("unresolved_actor_share", "organisation_window", "ALL", start, end, 0.021, "ok", numerator=41, denominator=1952)
    add("unclassified_share", "organisation_window", "ALL", start, end, 0.004, "ok", numerator=8, denominator=1952)
    for kind, share in {"lms": 1.0, "webinar": 0.952, "chat": 1.0, "offline": 0.667}.items():
        add(
            f"source_coverage.{kind}",
            "organisation_window",
            "ALL",
            start,
            end,
            share,
            "ok",
            numerator=round(share * 21),
            denominator=21,
        )


def _group(
    add: Any,
    grain: str,
    subject: str,
    members: list[str],
    sums: Any,
    start: date,
    end: date,
    status: str,
    hidden: str | None,
) -> None:
    """As the indicators stage gives them: amounts as median and quartiles (the sum as numerator for the organisation), the rest as pooled ratios."""
    whole = grain == "organisation_window"

    def publish(indicator: str, value: float | None, state: str = status, **more: Any) -> None:
        if hidden:
            add(indicator, grain, subject, start, end, None, hidden)
        else:
            add(indicator, grain, subject, start, end, value, state, **more)

    for indicator, amounts in sums.items():
        each = sorted(amounts[who] for who in members)
        publish(indicator, median(each), numerator=sum(each) if whole else None, denominator=len(each))
        publish(f"{indicator}.p25", each[len(each) // 4], denominator=len(each))
        publish(f"{indicator}.p75", each[len(each) * 3 // 4], denominator=len(each))
    minutes = {
        kind: [sums[f"{kind}_learning_minutes"][who] for who in members] for kind in ("formal", "nonformal", "informal")
    }
    reached = {kind: sum(1 for value in each if value) for kind, each in minutes.items()}
    reached["any"] = sum(1 for each in zip(*minutes.values(), strict=True) if any(each))
    for kind, count in reached.items():
        publish(f"learning_reach.{kind}", count / len(members), numerator=count, denominator=len(members))
    total = sum(map(sum, minutes.values())) or 1
    first, third = sum(minutes["formal"]) / total, sum(minutes["informal"]) * 0.4 / total
    for category, share in {"1.0": first, "2.0": 1 - first - third, "3.0": third}.items():
        publish(f"generation_share.{category}", share)
    for category, share in {"70": third * 0.2, "20": 1 - first - third * 0.2, "10": first}.items():
        publish(f"mode_70_20_10_share.{category}", share)
    asked = round(sum(sums["questions_asked"][who] for who in members) * 0.9)
    answered = round(asked * 0.81)
    publish(
        "question_answer_rate_72h",
        answered / asked if asked else None,
        status if asked else "no_denominator",
        numerator=answered,
        denominator=asked,
    )
    publish("mandatory_on_time_rate", 61 / 67, numerator=61, denominator=67)
    publish("self_directed_share", 0.43)
    publish("estimated_minutes_share", 0.34)
    if whole:
        publish("webinar_presence_ratio", 0.873)
        publish("first_response_minutes_median", 31.0)
        publish("cross_team_tie_share", None, "source_missing")


def _coverage(days: list[date]) -> Iterator[dict[str, Any]]:
    for day in days:
        for kind in ("lms", "webinar", "chat", "offline"):
            status = "ok"
            if kind == "webinar" and day == date(2026, 11, 6):
                status = "missing"
            if kind == "offline" and day < date(2026, 11, 7):
                status = "missing"
            if kind == "chat" and day == date(2026, 11, 14):
                status = "suspect"
            yield {"date": day, "source_kind": kind, "status": status}


@pytest.fixture(scope="session")
def night() -> Night:
    return make_night()


@pytest.fixture(scope="session")
def tables_only() -> Any:
    """publish() without workbook and report, for tests that only look at the tables."""
    from leerstroom.publishing.disclosure import Disclosure
    from leerstroom.publishing.night import Edition, open_night
    from leerstroom.publishing.tables import build, publish_tables

    def publish(values: Any, *, out: Path, policy: str, database: str | None, language: str, **given: Any) -> int:
        edition = Edition(given["as_of"], given["organisation"], given["computed_at"], given["names"])
        with open_night(values, given["directory"], given["coverage"], edition, Disclosure.load(policy)) as opened:
            return publish_tables(opened, build(opened), database or str(out / "hr.duckdb"), language)

    return publish


@pytest.fixture(scope="session")
def workbook_only() -> Any:
    """publish() without tables and report, for tests that only look at the workbook."""
    from leerstroom.publishing.disclosure import Disclosure
    from leerstroom.publishing.facts import gather
    from leerstroom.publishing.night import Edition, open_night
    from leerstroom.publishing.tables import build
    from leerstroom.publishing.workbook import write_workbook

    def publish(values: Any, *, out: Path, policy: str, language: str, **given: Any) -> Path:
        edition = Edition(given["as_of"], given["organisation"], given["computed_at"], given["names"])
        with open_night(values, given["directory"], given["coverage"], edition, Disclosure.load(policy)) as opened:
            return write_workbook(build(opened), gather(opened), out, language)

    return publish


# --- what an employee receives ------------------------------------------------------------------------------------------------


def statement(who: str, verb: str, thing: str, sort: str, at: str, kind: str, **more: Any) -> dict[str, Any]:
    name = {"name": {"nl": more["title"], "en": more["title"]}} if "title" in more else {}
    context: dict[str, Any] = {"extensions": {extension("source-kind"): kind}}
    if "room" in more:
        context["contextActivities"] = {"grouping": [{"id": more["room"]}]}
    return {
        "id": name_uuid("own", who, verb, thing, at), "actor": {"account": {"homePage": HOME, "name": KEYS.actor(who)}},
        "verb": verbs[verb].as_json(), "object": {"id": f"https://t.example/{thing}", "definition": {"type": types[sort], **name}},
        "timestamp": at, "stored": at, "result": {"duration": more["duration"]} if "duration" in more else {}, "context": context,
    }  # fmt: skip


def own_of(folder: Path) -> Any:
    """Three colleagues: one who did things, one who answered, one who is gone."""
    from leerstroom.classification import load_rules
    from leerstroom.indicators import compute
    from leerstroom.mirror import Mirror
    from leerstroom.mirror.store import Position, arrived
    from leerstroom.publishing.disclosure import Disclosure
    from leerstroom.publishing.my_learning import Own

    directory = Directory([
        Employee("E1", team="T1"),
        Employee("E2", team="T1"),
        Employee("E3", team="T1", in_service_to=date(2026, 11, 1)),
    ])
    told = [
        statement("E1", "progressed", "course-1", "course", "2026-11-18T10:00:00Z", "lms", title="Privacy <basis>", duration="PT45M"),
        statement("E1", "asked", "m1", "chat-message", "2026-11-19T09:00:00Z", "chat", room="!data:leer.example"),
        statement("E2", "replied", "m2", "chat-message", "2026-11-19T09:20:00Z", "chat", room="!data:leer.example"),
        statement("E1", "registered", "course-2", "course", "2026-11-19T23:30:00Z", "lms", title="Excel"),
        statement("E1", "progressed", "course-1", "course", "2026-09-01T10:00:00Z", "lms", title="Lang geleden", duration="PT45M"),
        statement("E1", "joined", "w1", "webinar", "2026-11-17T13:00:00Z", "webinar", title="Veilig digitaal werken"),
        statement("E1", "left", "w1", "webinar", "2026-11-17T14:00:00Z", "webinar", title="Veilig digitaal werken"),
        statement("E1", "attended", "p1", "face-to-face-discussion", "2026-11-12T14:30:00Z", "offline", title="Intervisie", duration="PT90M"),
        *(statement("E1", "posted", f"n{day}", "chat-message", f"2026-11-{day:02}T08:00:00Z", "chat", room="!data:leer.example") for day in (2, 3, 5, 9, 10, 16)),
        {**statement("E1", "coached", "x", "task", "2026-11-13T09:00:00Z", "offline"), "object": {"objectType": "Agent", "account": {"homePage": HOME, "name": KEYS.actor("E2")}}},
    ]  # fmt: skip
    told[2]["context"]["contextActivities"]["parent"] = [{"id": "https://t.example/m1"}]
    mirror = Mirror(folder / "mirror")
    with mirror.writing() as writer:
        read = arrived([orjson.dumps(each) for each in told])
        writer.add(read)
        writer.commit(Position(read.last, promises=True))
    values = compute(
        mirror.files(), directory, rules=load_rules(), coverage=None, from_=date(2026, 10, 17), to=AS_OF, as_of=AS_OF, windows=(7, 28, 90),
        pseudonyms=KEYS,
    )  # fmt: skip
    with values:
        values.write_parquet(folder / "values.parquet")
        values.write_events(folder / "events.parquet", date(2026, 10, 17))
    return Own(
        str(folder / "values.parquet"), str(folder / "events.parquet"), mirror.files(), directory, load_rules(), KEYS, AS_OF,
        "Waterland Zorg", Disclosure.load("per-employee"), {"!data:leer.example": "Data-vragen"},
    )  # fmt: skip


@pytest.fixture(scope="session")
def own(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What "my learning" of three colleagues is made of."""
    return own_of(tmp_path_factory.mktemp("own"))
