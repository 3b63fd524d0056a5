"""A small world to tell stories in: employees, what they did, and the values that follow."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest

from leerstroom.classification import Rules, load_rules
from leerstroom.indicators import compute
from leerstroom.mirror.columns import to_table
from leerstroom.people.directory import Directory, Employee
from leerstroom.statements.ids import name_uuid
from leerstroom.statements.vocabulary import extension, types, verbs

RULES = load_rules()


@dataclass
class World:
    """Statements and people of one test. Moments are `2026-11-03T09:00` in UTC."""

    first: date = date(2026, 11, 2)  # a Monday
    last: date = date(2026, 11, 8)
    directory: Directory = field(default_factory=Directory)
    statements: list[dict[str, Any]] = field(default_factory=list)
    coverage: list[tuple[date, str, str]] | None = None
    rules: Rules = RULES

    def employ(
        self,
        *names: str,
        team: str = "T1",
        since: date | None = None,
        until: date | None = None,
        zone: str = "Europe/Amsterdam",
    ) -> None:
        for name in names:
            self.directory.employees.append(
                Employee(
                    name,
                    (f"{name.lower()}@example.org",),
                    team=team,
                    in_service_from=since,
                    in_service_to=until,
                    time_zone=zone,
                )
            )

    def does(
        self, who: str, verb: str, thing: str, at: str, *, kind: str | None = "chat", type: str | None = None, parent: str | None = None,
        channel: str | None = None, minutes: float | None = None, result: dict[str, Any] | None = None, registration: str | None = None,
        platform: str = "test", id: str | None = None, stated: dict[str, Any] | None = None,
    ) -> str:  # fmt: skip
        made: dict[str, Any] = {
            "actor": {"objectType": "Agent", "mbox": f"mailto:{who.lower()}@example.org"},
            "verb": verbs[verb].as_json(),
            "object": {"objectType": "Activity", "id": f"https://t.example/{thing}"},
            "timestamp": f"{at}:00Z" if len(at) == 16 else at,
            "context": {"platform": platform, "contextActivities": {}, "extensions": {}},
            "result": dict(result or {}),
        }
        if type:
            made["object"]["definition"] = {"type": types[type]}
        if minutes is not None:
            made["result"]["duration"] = f"PT{minutes}M"
        if registration:
            made["context"]["registration"] = registration
        activities = made["context"]["contextActivities"]
        if parent:
            activities["parent"] = [{"id": f"https://t.example/{parent}"}]
        if channel:
            activities["grouping"] = [{"id": f"https://t.example/{channel}"}]
        facts = {"source-kind": kind, **(stated or {})}
        made["context"]["extensions"] = {extension(name): value for name, value in facts.items() if value is not None}
        made["id"] = id or name_uuid("test", str(len(self.statements)), who, verb, thing, at)
        self.statements.append(made)
        return str(made["id"])

    def voids(self, statement: str, at: str = "2026-11-08T12:00:00Z") -> None:
        self.statements.append({
            "id": name_uuid("void", statement),
            "actor": {"mbox": "mailto:lrs@example.org"},
            "verb": verbs["voided"].as_json(),
            "object": {"objectType": "StatementRef", "id": statement},
            "timestamp": at,
        })

    def loads(self, *kinds: str, missing: tuple[tuple[int, str], ...] = ()) -> None:
        """Coverage of November days first to last: every kind on every day, except (day of the month, kind)."""
        self.coverage = [
            (date(2026, 11, day), kind, "failed" if (day, kind) in missing else "ok")
            for day in range(self.first.day, self.last.day + 1)
            for kind in kinds
        ]

    def values(
        self, *only: str, as_of: date | None = None, windows: tuple[int, ...] | None = None, engine: str = "duckdb"
    ) -> "Values":
        with compute(
            to_table(self.statements), self.directory, rules=self.rules, coverage=self.coverage, from_=self.first, to=self.last,
            as_of=as_of or self.last, only=only or None, windows=windows, engine=engine,
        ) as found:  # fmt: skip
            return Values(found.rows())


class Values:
    """Rows, looked up by indicator and subject; the window unless a day of November is named."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows
        self._rows = {(each["indicator_id"], each["grain"], each["subject"], each["period_end"]): each for each in rows}
        self._last = max((each["period_end"] for each in rows), default=date.min)

    def row(self, indicator: str, subject: str, day: int | None = None, grain: str | None = None) -> dict[str, Any]:
        if day is not None:
            return self._rows[indicator, "employee_day", subject, date(2026, 11, day)]
        found = [
            row
            for (name, at, who, end), row in self._rows.items()
            if name == indicator
            and who == subject
            and end == self._last
            and at != "employee_day"
            and grain in {None, at}
        ]
        assert len(found) == 1, f"{indicator} of {subject}: {len(found)} rows"
        return found[0]

    def row_of(self, indicator: str, days: int, subject: str = "ALL") -> dict[str, Any]:
        """The row of one of several windows."""
        [found] = [
            row
            for row in self.rows
            if row["indicator_id"] == indicator
            and row["subject"] == subject
            and (row["period_end"] - row["period_start"]).days + 1 == days
        ]
        return found

    def __call__(self, indicator: str, subject: str, day: int | None = None, grain: str | None = None) -> float | None:
        value = self.row(indicator, subject, day, grain)["value"]
        return None if value is None else float(value)

    def status(self, indicator: str, subject: str, day: int | None = None, grain: str | None = None) -> str:
        return str(self.row(indicator, subject, day, grain)["status"])


@pytest.fixture
def world() -> World:
    """An organisation without people; every source counts as loaded."""
    made = World()
    made.loads("lms", "mooc", "webinar", "chat", "offline", "work")
    return made


@pytest.fixture(scope="session")
def make_world() -> Callable[..., World]:
    """`make_world("lms", "chat")`: a world of its own in which these kinds of source are loaded on every day."""

    def make(*kinds: str) -> World:
        made = World()
        made.loads(*kinds)
        return made

    return make
