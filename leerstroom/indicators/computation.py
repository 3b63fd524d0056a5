"""The whole way from statements to values: events, minutes, indicators per person, groups, and what may not be published."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leerstroom.classification import Rules
from leerstroom.errors import ConfigurationError
from leerstroom.indicators.calendar import DAY_MS, Zones, day_number, day_of
from leerstroom.indicators.community import community_sizes
from leerstroom.indicators.definition import COMMUNITY, DAY, EMPLOYEE, NEEDS, ORGANISATION, TEAM, Indicator, catalogue
from leerstroom.indicators.disclosure import DOMINANCE_SHARE, DOMINATED, SUPPRESSED, verdicts
from leerstroom.indicators.engine import Workspace, union
from leerstroom.indicators.events import actor_table, build_events
from leerstroom.indicators.minutes import build_minutes
from leerstroom.indicators.scope import (
    ORGANISATION_SUBJECT,
    Computation,
    Coverage,
    Period,
    Scope,
    build_messages,
    build_ties,
)
from leerstroom.indicators.values import COLUMNS, IndicatorValues
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
) -> IndicatorValues:
    """Computes the catalogue, or the indicators named by `only` (ids, with or without category).

    `statements`: a table of MIRROR_SCHEMA or parquet files of it. `coverage`: date, source_kind, status. Days from_ to `to` are
    computed one by one (not after as_of); windows are the last 7, 28 and 90 days until as_of, or from_ to `to` when `windows` is None.
    Raises ConfigurationError for dates in the wrong order, an unknown engine, zone or indicator.
    """
    if not from_ <= to:
        raise ConfigurationError(f"the window ends ({to}) before it begins ({from_}); exchange --from and --to")
    chosen = _chosen(only)
    source = [statements] if isinstance(statements, str | Path) else statements
    workspace = Workspace(engine, memory_limit=memory_limit, threads=threads)
    try:
        return _compute(
            workspace, source, directory, rules, coverage, from_, min(to, as_of), as_of, time_zone,
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
        raise ConfigurationError(f"unknown indicators {', '.join(sorted(unknown))}; docs/indicators.md lists them")
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

    statements, mentions = workspace.statements(source)
    events = build_events(
        workspace, statements, people=people, employee_numbers=numbers, identities=identities, rules=rules, zones=zones,
        organisation_zone=organisation_zone, last_day=as_of_day,
    )  # fmt: skip
    bounds = workspace.give("day_bounds", zones.day_bounds(day_of(first_day - 2), day_of(as_of_day + 1)))
    minutes = build_minutes(
        workspace, events, people=people, zones=zones, rules=rules, days=bounds, first_day=first_day, last_day=as_of_day
    )
    messages = workspace.keep("messages", build_messages(events, rules))
    mentioned = workspace.arrow(mentions.select("mentioned").distinct())["mentioned"].to_pylist()
    mentioned_actors = workspace.give("mentioned_actors", actor_table(mentioned, numbers, identities))
    ties = workspace.keep("ties", build_ties(messages, mentions, mentioned_actors))
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
        ties=ties,
        coverage=_coverage(workspace, coverage, events, first_day, as_of_day),
        as_of_day=as_of_day,
        as_of_ms=int(workspace.rows(as_of_end)[0]["end_ms"]),
    )
    parts = (
        _person_parts(Scope(computation, day_periods, daily=True), [each for each in chosen if DAY in each.grains], DAY)
        if day_periods
        else []
    )
    window = Scope(computation, window_periods, daily=False)
    person_tables = {each: table for each, table in _person_tables(window, chosen)}
    parts += [
        _published(window, table, each, EMPLOYEE) for each, table in person_tables.items() if EMPLOYEE in each.grains
    ]
    parts += _group_parts(window, chosen, person_tables)
    computed_at = datetime.now(UTC).replace(microsecond=0)
    periods = workspace.give("period_dates", _period_dates(day_periods, window_periods))
    return IndicatorValues(workspace, _stamped(parts, periods, as_of, computed_at, rules), _event_rows(computation))


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
        triples = (
            zip(*(given[name].to_pylist() for name in ("date", "source_kind", "status")), strict=True)
            if hasattr(given, "column_names")
            else given
        )
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


# --- values per person ------------------------------------------------------------------------------------------------------


def _person_parts(scope: Scope, chosen: Sequence[Indicator], grain: str) -> "list[ir.Table]":
    return [_published(scope, table, each, grain) for each, table in _person_tables(scope, chosen)]


def _person_tables(scope: Scope, chosen: Sequence[Indicator]) -> "Iterable[tuple[Indicator, ir.Table]]":
    for number, each in enumerate(chosen):
        if each.of == "person":
            yield each, scope.workspace.keep(f"values_{scope.name}_{number}", _person_values(scope, each))


def _person_values(scope: Scope, indicator: Indicator) -> "ir.Table":
    """period, person, team, value, status, numerator, denominator, pool_numerator, pool_denominator, estimated_share for everyone."""
    import ibis

    found = _normal(indicator.compute(scope), indicator, ("period", "person"))
    people = scope.people
    joined = people.left_join(found, ["period", "person"])
    known = ibis.literal(0) if indicator.needs == "nothing" else joined[f"need_{indicator.needs}"]
    value = joined.value.fill_null(0.0) if indicator.kind == "amount" else joined.value
    status = ibis.cases(
        (joined.days == 0, "not_in_service"),
        (known == 2, "source_missing"),
        (value.isnull(), "no_denominator"),
        (known == 1, "partial"),
        else_="ok",
    )
    is_known = (joined.days > 0) & (known < 2) & value.notnull()
    if indicator.id.startswith("active_learning_days") and scope.is_daily:
        # one active source is enough to know that the day was active
        is_active = (joined.days > 0) & (value > 0)
        status = ibis.ifelse(is_active, "ok", status)
        is_known |= is_active
    nothing = ibis.null("float64")
    return joined.select(
        "period", "person", "employee_id", "team", "days",
        value=ibis.ifelse(is_known, value, nothing),
        status=status,
        **{name: ibis.ifelse(is_known, joined[name], nothing) for name in ("numerator", "denominator", "pool_numerator", "pool_denominator", "estimated_share")},
    )  # fmt: skip


_OPTIONAL = ("numerator", "denominator", "pool_numerator", "pool_denominator", "estimated_share")


def _normal(table: "ir.Table", indicator: Indicator, by: tuple[str, ...]) -> "ir.Table":
    """The expression's result with all columns, as floats."""
    import ibis

    held = set(table.columns)
    columns = {name: table[name].cast("float64") if name in held else ibis.null("float64") for name in _OPTIONAL}
    if indicator.kind == "ratio":
        columns["value"] = ibis.ifelse(
            columns["denominator"] > 0, columns["numerator"] / columns["denominator"].nullif(0.0), ibis.null("float64")
        )
        columns["pool_numerator"], columns["pool_denominator"] = columns["numerator"], columns["denominator"]
        is_case = columns["denominator"] > 0
        columns["numerator"] = ibis.ifelse(is_case, columns["numerator"], ibis.null("float64"))
        columns["denominator"] = ibis.ifelse(is_case, columns["denominator"], ibis.null("float64"))
    else:
        columns["value"] = table["value"].cast("float64")
    return table.select(*by, **columns)


def _published(scope: Scope, table: "ir.Table", indicator: Indicator, grain: str) -> "ir.Table":
    import ibis

    return table.select(
        indicator_id=ibis.literal(indicator.id),
        grain=ibis.literal(grain),
        subject=table.employee_id,
        period=table.period,
        is_day=ibis.literal(scope.is_daily),
        **{name: table[name] for name in ("value", "status", "numerator", "denominator", "estimated_share")},
    )


# --- values of groups -------------------------------------------------------------------------------------------------------


def _group_parts(
    scope: Scope, chosen: Sequence[Indicator], person_tables: "Mapping[Indicator, ir.Table]"
) -> "list[ir.Table]":
    """Teams, communities and the organisation, with what may not be published taken out."""
    found: list[tuple[Indicator, str, str, ir.Table]] = []
    for each, table in person_tables.items():
        for grain in (TEAM, ORGANISATION):
            if grain in each.grains:
                found.extend((each, name, grain, rows) for name, rows in _aggregated(table, each, grain))
    for each in chosen:
        if each.of == "group":
            found.extend((each, each.id, grain, _group_rows(scope, each, grain)) for grain in each.grains)
    if not found:
        return []
    verdict = scope.workspace.give("verdicts", _verdicts(scope, {grain for _, _, grain, _ in found}))
    return [
        scope.workspace.keep(f"group_values_{number}", _judged(scope, rows, verdict, each, name, grain))
        for number, (each, name, grain, rows) in enumerate(found)
    ]


def _aggregated(table: "ir.Table", indicator: Indicator, grain: str) -> "list[tuple[str, ir.Table]]":
    """Amounts as median and quartiles (and for the organisation the sum), everything else as the pooled ratio."""
    import ibis

    known = table.filter(table.value.notnull())
    if grain == TEAM:
        known = known.filter(known.team != "").mutate(subject=known.team)
    else:
        known = known.mutate(subject=ibis.literal(ORGANISATION_SUBJECT))
    by = ("period", "subject")
    nothing, no = ibis.null("float64"), ibis.literal(False)
    if indicator.kind == "amount":
        summed = known.group_by(*by).agg(
            median=known.value.median(), low=known.value.quantile(0.25), high=known.value.quantile(0.75), total=known.value.sum(),
            largest=known.value.max(), people=known.count(),
        )  # fmt: skip
        is_dominated = summed.largest > summed.total * DOMINANCE_SHARE
        total = ibis.ifelse(is_dominated, nothing, summed.total) if grain == ORGANISATION else nothing
        people = summed.people.cast("float64")
        rows = [
            (indicator.id, summed.median, total, people),
            (f"{indicator.id}.p25", summed.low, nothing, people),
            (f"{indicator.id}.p75", summed.high, nothing, people),
        ]
        return [
            (
                name,
                summed.select(
                    *by,
                    value=value.cast("float64"),
                    numerator=part,
                    denominator=whole,
                    estimated_share=nothing,
                    is_dominated=no,
                ),
            )
            for name, value, part, whole in rows
        ]
    pooled = known.group_by(*by).agg(
        part=known.pool_numerator.sum(), whole=known.pool_denominator.sum(), largest=known.pool_denominator.max()
    )
    value = ibis.ifelse(pooled.whole > 0, pooled.part / pooled.whole.nullif(0.0), nothing)
    shows_parts = grain == ORGANISATION or indicator.id.startswith("learning_reach")
    return [
        (
            indicator.id,
            pooled.select(
                *by,
                value=value,
                numerator=pooled.part if shows_parts else nothing,
                denominator=pooled.whole if shows_parts else nothing,
                estimated_share=nothing,
                is_dominated=(pooled.largest > pooled.whole * DOMINANCE_SHARE) & ~ibis.literal(indicator.is_quality),
            ),
        )
    ]


def _group_rows(scope: Scope, indicator: Indicator, grain: str) -> "ir.Table":
    import ibis

    table = indicator.compute(scope)
    if grain == ORGANISATION:
        table = table.mutate(subject=ibis.literal(ORGANISATION_SUBJECT))
    by = ("period", "subject")
    rows = _normal(table, indicator, by)
    return rows.select(
        *by, value=rows.value.fill_null(0.0) if indicator.kind == "amount" else rows.value, numerator=rows.numerator, denominator=rows.denominator,
        estimated_share=rows.estimated_share, is_dominated=ibis.literal(False),
    )  # fmt: skip


def _judged(
    scope: Scope, rows: "ir.Table", verdict: "ir.Table", indicator: Indicator, name: str, grain: str
) -> "ir.Table":
    """Every group of the grain with its value or the reason why it has none."""
    import ibis

    groups = verdict.filter(verdict.grain == grain)
    joined = groups.left_join(rows, ["period", "subject"])
    if indicator.kind == "amount" and indicator.of == "group":
        joined = joined.mutate(value=joined.value.fill_null(0.0))
    coverage = scope.computation.coverage
    missing = [
        each.number
        for each in scope.periods
        if indicator.needs != "nothing" and coverage.status(indicator.needs, each.first, each.last) == 2
    ]
    partial = [
        each.number
        for each in scope.periods
        if indicator.needs != "nothing" and coverage.status(indicator.needs, each.first, each.last) == 1
    ]
    is_open = ibis.literal(indicator.is_quality and grain == ORGANISATION)
    status = ibis.cases(
        (~is_open & (joined.verdict != ""), joined.verdict),
        (~is_open & (joined.people < indicator.minimum_people), SUPPRESSED),
        (joined.period.isin(missing) if missing else ibis.literal(False), "source_missing"),
        (joined.value.isnull(), "no_denominator"),
        (joined.is_dominated.fill_null(False), DOMINATED),
        (joined.period.isin(partial) if partial else ibis.literal(False), "partial"),
        else_="ok",
    )
    marked = joined.mutate(status=status)
    is_public = marked.status.isin(("ok", "partial"))
    return marked.select(
        "grain",
        "subject",
        "period",
        indicator_id=ibis.literal(name),
        is_day=ibis.literal(False),
        status=marked.status,
        **{
            name: ibis.ifelse(is_public, marked[name], ibis.null("float64"))
            for name in ("value", "numerator", "denominator", "estimated_share")
        },
    )


def _verdicts(scope: Scope, grains: set[str]) -> "pa.Table":
    """grain, subject, period, people, verdict ("" where it may be published) of every group."""
    import pyarrow as pa

    minimum = int(scope.rules.parameters["min_group_size"])
    in_scope = scope.in_scope
    sizes = scope.workspace.rows(in_scope.group_by("period", "team").agg(people=in_scope.count()))
    rows: list[tuple[str, str, int, int, str]] = []
    for period in scope.periods:
        teams = {each["team"]: each["people"] for each in sizes if each["period"] == period.number}
        total = sum(teams.values())
        others = teams.pop("", 0)
        rows.append((ORGANISATION, ORGANISATION_SUBJECT, period.number, total, SUPPRESSED if total < minimum else ""))
        found = verdicts(teams, minimum, others=others)
        rows.extend((TEAM, team, period.number, people, found.get(team, "")) for team, people in teams.items())
    if COMMUNITY in grains:
        contributors = scope.workspace.rows(community_sizes(scope))
        for period in scope.periods:
            communities = {each["subject"]: each["people"] for each in contributors if each["period"] == period.number}
            found = verdicts(communities, minimum)
            rows.extend(
                (COMMUNITY, name, period.number, people, found.get(name, "")) for name, people in communities.items()
            )
    columns = list(zip(*rows, strict=True))
    return pa.table({
        "grain": pa.array(columns[0], pa.string()),
        "subject": pa.array(columns[1], pa.string()),
        "period": pa.array(columns[2], pa.int32()),
        "people": pa.array(columns[3], pa.int64()),
        "verdict": pa.array(columns[4], pa.string()),
    })


# --- output -----------------------------------------------------------------------------------------------------------------


def _stamped(
    parts: "list[ir.Table]", periods: "ir.Table", as_of: date, computed_at: datetime, rules: Rules
) -> "ir.Table":
    import ibis

    values = union([part.select(*_PART) for part in parts]).inner_join(periods, ["is_day", "period"])
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


_PART = (
    "indicator_id",
    "grain",
    "subject",
    "period",
    "is_day",
    "value",
    "status",
    "numerator",
    "denominator",
    "estimated_share",
)


def _event_rows(computation: Computation) -> "ir.Table":
    classified = computation.events.classified
    return classified.join(computation.people.select("person", "employee_id"), "person")


__all__ = ["COLUMNS", "DAY_MS", "NEEDS", "WINDOWS", "compute"]
