"""The whole way from statements to values: events, minutes, indicators per person, groups, and what may not be published."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leerstroom.classification import Rules
from leerstroom.errors import ConfigurationError
from leerstroom.indicators.calendar import Zones, day_number, day_of
from leerstroom.indicators.definition import DAY, Indicator, catalogue
from leerstroom.indicators.engine import Workspace, union
from leerstroom.indicators.events import actor_table, build_events, looked_back_for
from leerstroom.indicators.groups import group_values
from leerstroom.indicators.minutes import build_minutes
from leerstroom.indicators.persons import person_values, published_persons
from leerstroom.indicators.scope import (
    Computation,
    Coverage,
    Period,
    Scope,
    build_mentioned,
    build_messages,
    build_ties,
)
from leerstroom.indicators.values import IndicatorValues
from leerstroom.people.directory import Directory
from leerstroom.people.identities import Identities
from leerstroom.people.pseudonyms import Pseudonyms

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

WINDOWS = (7, 28, 90)
_BEGINNING, _END = -100_000, 200_000  # day numbers of "since ever" and "until further notice"
_HISTORY_DAYS = 800


def compute(
    statements: "pa.Table | Sequence[str | Path] | str | Path",
    directory: Directory,
    *,
    rules: Rules,
    coverage: "pa.Table | Iterable[tuple[date, str, str]] | None",
    from_: date,
    to: date,
    as_of: date,
    time_zone: str = "Europe/Amsterdam",
    pseudonyms: Pseudonyms | None = None,
    home_page: str | None = None,
    engine: str = "duckdb",
    only: Iterable[str] | None = None,
    windows: Sequence[int] | None = WINDOWS,
    memory_limit: str | None = None,
    threads: int | None = None,
    minimum_group: int = 0,
) -> IndicatorValues:
    """Computes the catalogue, or the indicators named by `only` (ids, with or without category).

    `statements`: a table of MIRROR_SCHEMA or parquet files of it. `coverage`: date, source_kind, status. Days from_ to `to` are
    computed one by one (not after as_of); windows are the last 7, 28 and 90 days until as_of, or from_ to `to` when `windows` is None.
    `minimum_group` raises what the rules say about the smallest group that is published.
    Raises ConfigurationError for dates in the wrong order, an unknown engine, zone or indicator.
    """
    if not from_ <= to:
        raise ConfigurationError(f"the window ends ({to}) before it begins ({from_}); exchange --from and --to")
    chosen = _chosen(only)
    source = [statements] if isinstance(statements, str | Path) else statements
    workspace = Workspace(engine, memory_limit=memory_limit, threads=threads)
    try:
        return _compute(
            workspace, source, directory, rules.for_groups_of(minimum_group), coverage, from_, min(to, as_of), as_of, time_zone,
            Identities(directory, pseudonyms, home_page), chosen, windows if windows is not None else None,
        )  # fmt: skip
    except BaseException:
        workspace.close()
        raise


def _chosen(only: Iterable[str] | None) -> tuple[Indicator, ...]:
    every = catalogue()
    if only is None:
        return every
    names = set(only)
    unknown = names - {each.id for each in every} - {each.base for each in every}
    if unknown:
        raise ConfigurationError(f"unknown indicators {', '.join(sorted(unknown))}; schemas/indicators.yaml lists them")
    return tuple(each for each in every if each.id in names or each.base in names)


def _compute(
    workspace: Workspace,
    source: "pa.Table | Sequence[str | Path]",
    directory: Directory,
    rules: Rules,
    coverage: "pa.Table | Iterable[tuple[date, str, str]] | None",
    from_: date,
    to: date,
    as_of: date,
    time_zone: str,
    identities: Identities,
    chosen: Sequence[Indicator],
    windows: Sequence[int] | None,
) -> IndicatorValues:
    as_of_day = day_number(as_of)
    day_periods = [Period(day, day, day) for day in range(day_number(from_), day_number(to) + 1)]
    window_periods = (
        [Period(day_number(to) - day_number(from_) + 1, day_number(from_), day_number(to))]
        if windows is None
        else [Period(length, as_of_day - length + 1, as_of_day) for length in sorted(set(windows))]
    )
    first_day = min((each.first for each in (*day_periods, *window_periods)), default=as_of_day)
    zones = Zones(
        {time_zone, *(each.time_zone for each in directory.employees)}, as_of - timedelta(days=_HISTORY_DAYS), as_of
    )
    ordered = sorted(directory.employees, key=lambda each: each.employee_id)
    numbers = {each.employee_id: number for number, each in enumerate(ordered)}
    people = workspace.give("people", _people_table(ordered, zones))
    leave = workspace.give("leave_days", _leave_table(directory, numbers))
    organisation_zone = zones.number(time_zone)

    # two days more: a session of the day before may end in the first, whatever the zone
    since = datetime.combine(day_of(first_day - 2), datetime.min.time(), UTC)
    statements, mentions = workspace.statements(source, since, looked_back_for(rules))
    events = build_events(
        workspace, statements, people=people, employee_numbers=numbers, identities=identities, rules=rules, zones=zones,
        organisation_zone=organisation_zone, last_day=as_of_day,
    )  # fmt: skip
    bounds = workspace.give("day_bounds", zones.day_bounds(day_of(first_day - 2), day_of(as_of_day + 1)))
    minutes = build_minutes(
        workspace, events, people=people, zones=zones, rules=rules, days=bounds, first_day=first_day, last_day=as_of_day
    )
    messages = build_messages(workspace, events, rules, as_of_day)
    mentioned = workspace.arrow(mentions.select("mentioned").distinct())["mentioned"].to_pylist()
    mentioned_actors = workspace.give("mentioned_actors", actor_table(mentioned, numbers, identities))
    told = workspace.keep("mentioned", build_mentioned(events, rules, as_of_day, mentions, mentioned_actors))
    ties = workspace.keep("ties", build_ties(messages, told))
    as_of_end = bounds.filter((bounds.zone == organisation_zone) & (bounds.day == as_of_day))
    computation = Computation(
        workspace=workspace,
        rules=rules,
        people=people,
        leave=leave,
        employees=[_service(each) for each in ordered],
        events=events,
        minutes=minutes,
        messages=messages,
        mentioned=told,
        ties=ties,
        coverage=_coverage(workspace, coverage, events, first_day, as_of_day),
        as_of_day=as_of_day,
        as_of_ms=int(workspace.rows(as_of_end)[0]["end_ms"]),
    )
    window = Scope(computation, window_periods, daily=False)
    values = person_values(window, chosen)
    parts = [published_persons(window, values, chosen), group_values(window, values, chosen)]
    daily = [each for each in chosen if DAY in each.grains]
    if day_periods and daily:
        day = Scope(computation, day_periods, daily=True)
        parts.append(published_persons(day, person_values(day, daily), daily))
    periods = workspace.give("period_dates", _period_dates(day_periods, window_periods))
    stamped = _stamped(union(parts), periods, as_of, datetime.now(UTC).replace(microsecond=0), rules)
    return IndicatorValues(workspace, stamped, _event_rows(computation))


# --- inputs -----------------------------------------------------------------------------------------------------------------


def _service(employee: Any) -> tuple[int, int]:
    return (
        day_number(employee.in_service_from) if employee.in_service_from else _BEGINNING,
        day_number(employee.in_service_to) if employee.in_service_to else _END,
    )


def _people_table(employees: Sequence[Any], zones: Zones) -> "pa.Table":
    import pyarrow as pa

    services = [_service(each) for each in employees]
    zone_numbers = {name: number for number, name in enumerate(zones.names)}
    return pa.table({
        "person": pa.array(range(len(employees)), pa.int32()),
        "employee_id": pa.array([each.employee_id for each in employees], pa.string()),
        "team": pa.array([each.team for each in employees], pa.string()),
        "zone": pa.array([zone_numbers[each.time_zone] for each in employees], pa.int32()),
        "from_day": pa.array([first for first, _ in services], pa.int32()),
        "to_day": pa.array([last for _, last in services], pa.int32()),
    })


def _leave_table(directory: Directory, numbers: Mapping[str, int]) -> "pa.Table":
    import pyarrow as pa

    days = sorted({(numbers[employee], day_number(day)) for employee, day in directory.leave if employee in numbers})
    return pa.table({
        "person": pa.array([person for person, _ in days], pa.int32()),
        "day": pa.array([day for _, day in days], pa.int32()),
    })


def _coverage(
    workspace: Workspace,
    given: "pa.Table | Iterable[tuple[date, str, str]] | None",
    events: Any,
    first_day: int,
    last_day: int,
) -> Coverage:
    rows = None
    if given is not None:
        import pyarrow as pa

        columns = (
            [given[name].to_pylist() for name in ("date", "source_kind", "status")]
            if isinstance(given, pa.Table)
            else []
        )
        triples = zip(*columns, strict=True) if columns else given
        rows = [(day_number(day), str(kind), str(status)) for day, kind, status in triples]
    seen: list[str] = []
    if rows is None:
        counted = events.statements_per_day
        seen = [
            each["source_kind"]
            for each in workspace.rows(counted.select("source_kind").distinct())
            if each["source_kind"]
        ]
    covered = Coverage(rows, seen, first_day, last_day)
    classified = events.classified
    reading = classified.filter(
        classified.verb.isin(("viewed", "read", "opened")) & classified.kind.isin(("chat", "social"))
    )
    covered.has_reading = bool(workspace.rows(reading.limit(1)))
    return covered


# --- output -----------------------------------------------------------------------------------------------------------------


def _stamped(parts: "ir.Table", periods: "ir.Table", as_of: date, computed_at: datetime, rules: Rules) -> "ir.Table":
    import ibis

    values = parts.inner_join(periods, ["is_day", "period"])
    return values.mutate(
        as_of=ibis.literal(as_of),
        computed_at=ibis.literal(computed_at.isoformat()).cast("timestamp('UTC')"),
        rules_version=ibis.literal(rules.version),
    )


def _period_dates(days: Sequence[Period], windows: Sequence[Period]) -> "pa.Table":
    import pyarrow as pa

    every = [(True, each) for each in days] + [(False, each) for each in windows]
    return pa.table({
        "is_day": pa.array([is_day for is_day, _ in every], pa.bool_()),
        "period": pa.array([each.number for _, each in every], pa.int32()),
        "period_start": pa.array([day_of(each.first) for _, each in every], pa.date32()),
        "period_end": pa.array([day_of(each.last) for _, each in every], pa.date32()),
    })


def _event_rows(computation: Computation) -> "ir.Table":
    events = computation.events
    classified = events.classified.rename(community_number="community")
    named = classified.left_join(events.communities, classified.community_number == events.communities.community)
    named = named.drop("community", "community_number").rename(community="community_id")
    return named.join(computation.people.select("person", "employee_id"), "person")


__all__ = ["WINDOWS", "compute"]
