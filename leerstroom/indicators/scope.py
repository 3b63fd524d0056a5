"""What an indicator sees: the tables of a computation, cut into periods, with one row a period and subject in scope.

A *period* is a local day (grain employee_day) or a window of 7, 28 or 90 days; its number is the day, or the length of the window.
Rows outside a person's service are never in sight.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from leerstroom.classification import Rules
from leerstroom.indicators.definition import NEEDS
from leerstroom.indicators.engine import Workspace, union
from leerstroom.indicators.events import PRIVATE, SHARES, Events
from leerstroom.indicators.minutes import ACTIVE, FLAGS, Minutes, sums

if TYPE_CHECKING:
    import ibis.expr.types as ir

BY = ("period", "person")
ORGANISATION_SUBJECT = "ALL"
_TESTS = ("assessment", "question", "cmi.interaction", "survey", "attempt", "school-assignment", "essay", "project")


@dataclass(frozen=True, slots=True)
class Period:
    """Days first to last, inclusive; `number` is its key within one grain."""

    number: int
    first: int
    last: int

    @property
    def days(self) -> int:
        """How many days it has."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Computation:
    """The tables that all grains share. `people`: person, employee_id, team, zone, from_day, to_day; `leave`: person, day."""

    workspace: Workspace
    rules: Rules
    people: "ir.Table"
    leave: "ir.Table"
    employees: Sequence[tuple[int, int]]  # from_day, to_day of each person
    events: Events
    minutes: Minutes
    messages: "ir.Table"
    mentioned: "ir.Table"
    ties: "ir.Table"
    coverage: "Coverage"
    as_of_day: int
    as_of_ms: int


class Scope:
    """One grain of one computation: its tables with a column `period`, and who is in scope."""

    by = BY

    def __init__(self, computation: Computation, periods: Sequence[Period], *, daily: bool) -> None:
        self.computation = computation
        self.periods = tuple(periods)
        self.is_daily = daily
        self.name = "day" if daily else "window"
        self.workspace = computation.workspace
        self.rules = computation.rules
        self._shared: dict[str, ir.Table] = {}

    @property
    def is_published(self) -> bool:
        """Whether its groups are published night after night; one window from files is an answer to one question."""
        return len(self.periods) > 1

    def once(self, name: str, make: "Callable[[], ir.Table]") -> "ir.Table":
        """What several indicators are made of: kept when the first of them asks, as `name` and that of the scope."""
        if name not in self._shared:
            self._shared[name] = self.workspace.keep(f"{name}_{self.name}", make())
        return self._shared[name]

    def within(self, table: "ir.Table", day: str = "day") -> "ir.Table":
        """The rows of each period, with its number; a row may stand in several windows."""
        import ibis

        if self.is_daily:
            first, last = min(each.first for each in self.periods), max(each.last for each in self.periods)
            inside = table.filter((table[day] >= first) & (table[day] <= last))
            return inside.mutate(period=inside[day].cast("int32"))
        parts = []
        for period in self.periods:
            inside = table.filter((table[day] >= period.first) & (table[day] <= period.last))
            parts.append(inside.mutate(period=ibis.literal(period.number, "int32")))
        return union(parts)

    @cached_property
    def people(self) -> "ir.Table":
        """period, person, employee_id, team, first_day, last_day, days (0: not in service), and `need_…`: 0 known, 1 partly, 2 not."""
        import ibis

        people = self.computation.people
        spans = self.workspace.give(f"spans_{self.name}", self._spans())
        periods = self.workspace.give(f"periods_{self.name}", self._period_table())
        every = people.cross_join(periods)
        every = every.mutate(
            first_day=ibis.greatest(every.from_day, every.first), last_day=ibis.least(every.to_day, every.last)
        )
        joined = every.left_join(spans, ["period", "first_day", "last_day"])
        needs = {f"need_{name}": joined[f"need_{name}"].fill_null(2) for name in NEEDS}
        days = ibis.greatest(joined.last_day - joined.first_day + 1, ibis.literal(0)).cast("int32")
        shaped = joined.select("period", "person", "employee_id", "team", "first_day", "last_day", days=days, **needs)
        return self.workspace.keep(f"people_{self.name}", shaped)

    @cached_property
    def in_scope(self) -> "ir.Table":
        """period, person, team, days, first_day, last_day of the people who were in service."""
        people = self.people
        return self._view(
            "in_scope",
            people.filter(people.days > 0).select("period", "person", "team", "days", "first_day", "last_day"),
        )

    @cached_property
    def lasting(self) -> "ir.Table":
        """Those of `in_scope` who were in service in the shortest period too.

        Counts of people are made of them: with a few people more in the longer windows, subtracting would tell what those few did.
        """
        shortest = min(self.periods, key=lambda each: each.days).number
        people = self.in_scope
        return people.semi_join(people.filter(people.period == shortest), "person")

    @cached_property
    def daily(self) -> "ir.Table":
        """The wide minutes of each day (see `minutes`)."""
        return self._view("daily", self.within(self.computation.minutes.daily))

    @cached_property
    def totals(self) -> "ir.Table":
        """ms_*, est_* and active_* of each period, and active_days; by the day only the classes that `daily` has."""
        if self.is_daily:
            daily = self.daily
            return daily.mutate(active_days=daily.is_active.cast("int32"))
        minutes = self.workspace.keep(f"minutes_{self.name}", self._minutes())
        daily = self.daily
        flags = {f"active_{name}": daily[f"active_{name}"].max() for name in ACTIVE}
        acted = daily.group_by(*BY).agg(active_days=daily.is_active.cast("int32").sum().cast("int64"), **flags)
        joined = acted.left_join(minutes, [*BY])  # who has minutes has a day
        filled = {name: joined[name].fill_null(0) for name in minutes.columns if name not in BY}
        return self.workspace.keep(f"totals_{self.name}", joined.select(*BY, "active_days", *flags, **filled))

    def _minutes(self) -> "ir.Table":
        """ms_* and est_* of each period and person: summed by what counts alike first, which leaves few rows for the many classes of minutes."""
        minutes = self.computation.minutes
        columns = (*BY, "ms", "est", *FLAGS)
        single = minutes.single.join(minutes.flags.select("class_id", "alike"), "class_id")
        single = self.within(single.select("person", "day", "alike", "ms", "est"))
        single = single.group_by(*BY, "alike").agg(ms=single.ms.sum(), est=single.est.sum())
        single = self.workspace.keep(f"alike_{self.name}", single)
        parts = [single.join(minutes.flags.select("alike", *FLAGS).distinct(), "alike").select(columns)]
        if minutes.together is not None:
            parts.append(self.within(minutes.together).select(columns))
        portions = union(parts)
        return portions.group_by(*BY).agg(**sums(portions))

    @cached_property
    def events(self) -> "ir.Table":
        """Classified events in service."""
        classified = self.computation.events.classified
        return self._view("events", self.within(classified.filter(classified.is_in_service)))

    @cached_property
    def messages(self) -> "ir.Table":
        """Contributions, reactions and shares in service."""
        messages = self.computation.messages
        return self._view("messages", self.within(messages.filter(messages.is_in_service)))

    @cached_property
    def contributions(self) -> "ir.Table":
        """Messages that say something: no reactions, no edits, no private rooms, no answers in a test."""
        messages = self.messages
        return self._view("contributions", messages.filter(messages.is_contribution))

    @cached_property
    def attendance(self) -> "ir.Table":
        """Attended occurrences with their class; not those of presenters."""
        attendance = self.computation.minutes.attendance.join(
            self.computation.events.classes, "class_id", rname="{name}_of_class"
        )
        return self._view("attendance", self.within(attendance.filter(~attendance.is_teaching)))

    @cached_property
    def preferences(self) -> "ir.Table":
        """period, person, day, shows (see `minutes`)."""
        return self._view("preferences", self.within(self.computation.minutes.preferences))

    @cached_property
    def questions(self) -> "ir.Table":
        """Questions asked in each period: person, message_id, community, ts_ms, first_reply_ms of another employee by the as-of day."""
        messages = self.computation.messages
        asked = messages.filter(
            messages.is_contribution
            & (messages.verb == "asked")
            & messages.is_in_service
            & messages.object_id.notnull()
        )
        replies = messages.filter(
            messages.is_contribution
            & messages.parent_is_question
            & messages.parent_person.notnull()
            & (messages.parent_person != messages.person)
        )
        first = replies.group_by("parent_id").agg(first_reply_ms=replies.ts_ms.min())
        answered = asked.left_join(first, asked.object_id == first.parent_id)
        kept = answered.select("person", "day", "ts_ms", "community", "first_reply_ms", message_id=answered.object_id)
        return self._view("questions_asked", self.within(self.workspace.keep(f"questions_{self.name}", kept)))

    @cached_property
    def alters(self) -> "ir.Table":
        """period, person, alter, goes_out, comes_in, weight: one row a pair of employees with a tie, seen from each side.

        Distinct pairs come first: joining teams to single ties made a plan that grew out of all proportion.
        """
        import ibis

        ties = self.within(self.computation.ties)
        pairs = ties.group_by("period", "person", "other").agg(weight=ties.count())
        out = pairs.select(
            "period", "person", alter="other", weight="weight", goes_out=ibis.literal(1), comes_in=ibis.literal(0)
        )
        back = pairs.select(
            "period",
            person="other",
            alter="person",
            weight="weight",
            goes_out=ibis.literal(0),
            comes_in=ibis.literal(1),
        )
        both = union([out, back])
        seen = both.group_by("period", "person", "alter").agg(
            goes_out=both.goes_out.max(), comes_in=both.comes_in.max(), weight=both.weight.sum().cast("int64")
        )
        return self.workspace.keep(f"alters_{self.name}", seen)

    @cached_property
    def teams(self) -> "ir.Table":
        """person, team of those whose team is known."""
        people = self.computation.people
        return people.filter(people.team != "").select("person", "team")

    def _view(self, name: str, table: "ir.Table") -> "ir.Table":
        return self.workspace.view(f"{name}_of_{self.name}", table)

    def _period_table(self) -> Any:
        import pyarrow as pa

        return pa.table({
            "period": pa.array([each.number for each in self.periods], pa.int32()),
            "first": pa.array([each.first for each in self.periods], pa.int32()),
            "last": pa.array([each.last for each in self.periods], pa.int32()),
        })

    def _spans(self) -> Any:
        """Every stretch of days that somebody has in scope, and what was loaded in it."""
        import pyarrow as pa

        spans: set[tuple[int, int, int]] = set()
        services = set(self.computation.employees)
        for period in self.periods:
            for from_day, to_day in services:
                first, last = max(from_day, period.first), min(to_day, period.last)
                if first <= last:
                    spans.add((period.number, first, last))
        rows = sorted(spans)
        columns: dict[str, Any] = {
            name: pa.array([row[place] for row in rows], pa.int32())
            for place, name in enumerate(("period", "first_day", "last_day"))
        }
        for need in NEEDS:
            known = [self.computation.coverage.status(need, first, last) for _, first, last in rows]
            columns[f"need_{need}"] = pa.array(known, pa.int32())
        return pa.table(columns)


class Coverage:
    """Which source kinds were loaded on which day. A kind that is named nowhere is not connected.

    Without a table, the kinds that statements show count as loaded on every day: there is nothing better to know.
    """

    def __init__(
        self, rows: Iterable[tuple[int, str, str]] | None, seen_kinds: Iterable[str], first_day: int, last_day: int
    ) -> None:
        """`rows`: day, source kind, status (`ok` is loaded, anything else is not)."""
        self.has_reading = False
        if rows is None:
            self.loaded = {kind: set(range(first_day, last_day + 1)) for kind in seen_kinds}
        else:
            self.loaded = {}
            for day, kind, status in rows:
                days = self.loaded.setdefault(kind, set())
                if status == "ok":
                    days.add(day)

    def kinds(self, need: str) -> list[str]:
        """The connected kinds that a need asks for."""
        first, second = NEEDS[need]
        return [kind for kind in first if kind in self.loaded] or [kind for kind in second if kind in self.loaded]

    def status(self, need: str, first: int, last: int) -> int:
        """0 every kind loaded on every day; 1 a day of a kind lacks; 2 nothing is known. A single day that lacks a kind is not known."""
        if need == "reading" and not self.has_reading:
            return 2
        kinds = self.kinds(need)
        loaded = [sum(day in self.loaded[kind] for day in range(first, last + 1)) for kind in kinds]
        days = last - first + 1
        if not kinds or not any(loaded):
            return 2
        if all(count == days for count in loaded):
            return 0
        return 2 if days == 1 else 1

    def days_loaded(self, kind: str, first: int, last: int) -> int:
        """Days of first to last on which the kind was loaded."""
        return sum(day in self.loaded[kind] for day in range(first, last + 1))


def build_messages(workspace: Workspace, events: Events, rules: Rules, as_of_day: int) -> "ir.Table":
    """What was said, shared or reacted by the as-of day: the events that conversation indicators look at.

    Kept with the number of their class (table `said`); the texts of a class are looked up where they are asked for.
    """
    saying, table = _saying(events.classes, rules), events.table
    columns = (
        "person", "day", "ts_ms", "object_id", "parent_id", "parent_person", "parent_is_question", "community", "is_in_service",
    )  # fmt: skip
    said = table.filter(table.day <= as_of_day).semi_join(saying, "class_id")
    kept = workspace.keep("said", said.select(*columns, "class_id"))
    return workspace.view("messages", kept.join(saying, "class_id").drop("class_id"))


def _saying(classes: "ir.Table", rules: Rules) -> "ir.Table":
    """The classes of messages: class_id, the columns that conversation indicators ask for, is_contribution."""
    from leerstroom.indicators.events import REACTIONS, UNDONE_REACTIONS

    contributions = rules.parameters["message_contribution_verbs"]
    is_private = classes.channel_kind.isin(PRIVATE).fill_null(False)
    is_test = classes.activity_type.isin((*_TESTS, "screen")).fill_null(False)  # showing a screen shares no resource
    is_said = classes.verb.isin(sorted({*contributions, *SHARES, *REACTIONS, *UNDONE_REACTIONS}))
    saying = classes.filter(is_said & ~is_private & ~is_test)
    return saying.select(
        "class_id", "verb", "activity_type", "kind", "channel_kind", "actor_role", "formality",
        is_contribution=saying.verb.isin(list(contributions)),
    )  # fmt: skip


def build_mentioned(
    events: Events, rules: Rules, as_of_day: int, mentions: "ir.Table", actors: "ir.Table"
) -> "ir.Table":
    """person, other, day, community: the employees whom a message mentions, each once, but for the one whom it answers: that is a tie already.

    `mentions`: statement_id, mentioned; `actors`: actor, person. Few messages mention somebody, so these are found among the events by
    their statement: messages that carried its id would be a third larger.
    """
    known = mentions.inner_join(
        actors.filter(actors.person.notnull()).select(mentioned="actor", other="person"), "mentioned"
    )
    saying, table = _saying(events.classes, rules), events.table
    mentioned = table.inner_join(known.select("statement_id", "other").distinct(), "statement_id")
    is_answered = (mentioned.parent_person == mentioned.other).fill_null(False)
    mentioned = mentioned.filter(
        mentioned.is_in_service & (mentioned.day <= as_of_day) & (mentioned.other != mentioned.person) & ~is_answered
    )
    mentioned = mentioned.semi_join(saying.filter(saying.is_contribution), "class_id")
    return mentioned.select("person", "other", "day", "community")


def answering(messages: "ir.Table") -> "ir.Table":
    """Those of the messages that answer another employee, with that one as `other`."""
    answers = messages.filter(messages.parent_person.notnull() & (messages.parent_person != messages.person))
    return answers.mutate(other=answers.parent_person)


def build_ties(messages: "ir.Table", mentioned: "ir.Table") -> "ir.Table":
    """R9: person, other, day: one row a message and employee it answers or mentions; never reactions, never being in one meeting."""
    said = messages.filter(messages.is_contribution & messages.is_in_service)
    return union([each.select("person", "other", "day") for each in (answering(said), mentioned)])
