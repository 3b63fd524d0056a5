"""Values of teams, communities and the organisation, with what may not be published taken out.

Amounts are published as median and quartiles of the people in scope (for the organisation with the sum), everything else as the
pooled ratio. Sums of teams are not published: what is left out of a whole must not follow by subtraction.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from leerstroom.indicators.community import community_sizes, few_contributors, with_ids
from leerstroom.indicators.definition import COMMUNITY, ORGANISATION, TEAM, Indicator
from leerstroom.indicators.disclosure import (
    DOMINANCE_SHARE,
    DOMINATED,
    SECONDARY,
    SUPPRESSED,
    fewest_in_service,
    verdicts,
)  # fmt: skip
from leerstroom.indicators.engine import union
from leerstroom.indicators.persons import PUBLISHED, normal
from leerstroom.indicators.scope import ORGANISATION_SUBJECT
from leerstroom.indicators.suppression import COUNTS_PEOPLE, counts_people, minimum_group, without_what_tells

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

    from leerstroom.indicators.scope import Scope

_GRAINS = (TEAM, COMMUNITY, ORGANISATION)
_OF_EVENTS = (
    "unresolved_actor_share",
    "unclassified_share",
)  # told of any organisation, but not of how many events where few work
_WITHOUT_PARTS = ("community_facilitator_share",)  # how much a facilitator said is one person's
FEWEST_FOR_QUARTILES = 2  # times the minimum: the quartiles of five are the values of the second and the fourth
_MEDIANS_AT_ONCE = 8  # indicators: the values of 50,000 people in three windows, twice, thrice
_VALUES = (
    "period",
    "subject",
    "value",
    "numerator",
    "denominator",
    "is_dominated",
    "contributors",
    "most",
    "rest_most",
)


def group_values(scope: "Scope", persons: "ir.Table", chosen: Sequence[Indicator]) -> "ir.Table":
    """PUBLISHED rows of all groups. `persons`: the values of `person_values` for the same indicators."""
    import ibis

    workspace = scope.workspace
    persons = workspace.view(
        "values_with_team", persons.inner_join(scope.computation.people.select("person", "team"), "person")
    )
    grouped = workspace.give("group_indicators", _group_table(scope, chosen))
    amounts = [number for number, each in enumerate(chosen) if each.of == "person" and each.kind == "amount"]
    ratios = [number for number, each in enumerate(chosen) if each.of == "person" and each.kind != "amount"]
    aggregated: list[tuple[dict[str, int], ir.Table]] = [
        (
            {},
            workspace.keep(
                f"group_amounts_{place}", _medians(scope, persons, grouped, amounts[place : place + _MEDIANS_AT_ONCE])
            ),
        )
        for place in range(0, len(amounts), _MEDIANS_AT_ONCE)
    ]
    aggregated.append(({}, workspace.keep("group_ratios", _pooled(persons, grouped, ratios, minimum_group(scope)))))
    values = workspace.stacked("group_values_of_persons", aggregated, ("indicator", "grain_number", "part", *_VALUES))
    own = [
        (
            {"indicator": number, "grain_number": _GRAINS.index(grain), "part": 0},
            workspace.keep(f"group_values_{number}_{grain}", _own(scope, each, grain)),
        )
        for number, each in enumerate(chosen)
        if each.of == "group"
        for grain in each.grains
    ]
    if own:
        values = union([values, workspace.stacked("group_values_own", own, _VALUES)])
    verdict = workspace.give("verdicts", _verdicts(scope))
    wanted = grouped.inner_join(verdict, "grain_number")
    wanted = wanted.filter(wanted.period >= wanted.minimum_days)
    joined = wanted.left_join(values, ["indicator", "grain_number", "part", "period", "subject"])
    value = ibis.ifelse(joined.is_zero_when_absent, joined.value.fill_null(0.0), joined.value)
    known = ibis.cases(
        *((joined.period == each.number, joined[f"known_{each.number}"]) for each in scope.periods), else_=0
    )
    verdict = ibis.ifelse(counts_people(joined), joined.verdict_of_shortest, joined.verdict)
    status = ibis.cases(
        (~joined.is_open & (verdict != ""), verdict),
        (~joined.is_open & (joined.people < joined.minimum_people), SUPPRESSED),
        (joined.counts_people & (joined.denominator < minimum_group(scope)).fill_null(False), SUPPRESSED),
        *(((_is_of_few(joined, minimum_group(scope)), SUPPRESSED),) if scope.is_published else ()),
        (known == 2, "source_missing"),
        (value.isnull(), joined.absent),
        (joined.is_dominated.fill_null(False) & ~joined.is_open, DOMINATED),
        (known == 1, "partial"),
        else_="ok",
    )
    columns = ("indicator_id", "grain", "subject", "period", "status", "value", "numerator", "denominator")
    nothing = ibis.null("float64")
    hides_parts = joined.is_of_events & (joined.verdict != "") if scope.is_published else ibis.literal(False)
    parts = {name: ibis.ifelse(hides_parts, nothing, joined[name]) for name in ("numerator", "denominator")}
    marked = joined.mutate(value=value, status=status, **parts).select(*columns, "most", "rest_most")
    marked = workspace.keep("group_values", marked)
    if scope.is_published:
        marked = without_what_tells(scope, marked, persons, chosen)
    is_public = marked.status.isin(("ok", "partial"))
    return marked.select(
        *columns[:5],
        is_day=ibis.literal(False),
        **{name: ibis.ifelse(is_public, marked[name], nothing) for name in ("value", "numerator", "denominator")},
        estimated_share=nothing,
    ).select(*PUBLISHED)


def _is_of_few(joined: "ir.Table", minimum: int) -> "ir.BooleanValue":
    """A ratio over fewer people than the minimum, or a quartile of so few that it is somebody's own value."""
    few = joined.contributors.between(1, minimum - 1).fill_null(False)
    is_somebodys = (joined.part > 0) & (joined.denominator < FEWEST_FOR_QUARTILES * minimum).fill_null(False)
    return ~joined.is_open & (few | is_somebodys)


_KEYS = ("indicator", "grain_number", "period", "subject")


def _placed(persons: "ir.Table", grouped: "ir.Table", indicators: Sequence[int]) -> "ir.Table":
    """The known values of some indicators, once for each group that they enter."""
    import ibis

    flags = grouped.filter(grouped.is_of_persons & (grouped.part == 0)).select(
        "indicator", "grain_number", "shows_parts"
    )
    known = persons.filter(persons.value.notnull() & persons.indicator.isin(list(indicators) or [-1]))
    team = _GRAINS.index(TEAM)
    placed = known.inner_join(flags, "indicator")
    placed = placed.filter((placed.grain_number != team) | (placed.team != ""))
    return placed.mutate(subject=ibis.ifelse(placed.grain_number == team, placed.team, ORGANISATION_SUBJECT))


def _medians(scope: "Scope", persons: "ir.Table", grouped: "ir.Table", indicators: Sequence[int]) -> "ir.Table":
    """Amounts: indicator, grain_number, part (0 median, 1 and 2 the quartiles) and _VALUES. An exact median holds every value."""
    import ibis

    placed = _placed(persons, grouped, indicators)
    summed = placed.group_by(*_KEYS, "shows_parts").agg(
        median=placed.value.median(),
        low=placed.value.quantile(0.25),
        high=placed.value.quantile(0.75),
        total=placed.value.sum(),
        largest=placed.value.max(),
        people=placed.count(),
        contributors=(placed.value > 0).cast("int32").sum(),
    )
    nothing = ibis.null("float64")
    is_shown = summed.shows_parts & (summed.largest <= summed.total * DOMINANCE_SHARE)
    if scope.is_published:
        is_shown &= ~summed.contributors.between(1, minimum_group(scope) - 1)
    spread = summed.mutate(shown=ibis.ifelse(is_shown, summed.total, nothing)).cross_join(
        grouped.filter(grouped.part <= len(("low", "high"))).select(quartile="part").distinct()
    )
    return spread.select(
        *_KEYS,
        part=spread.quartile.cast("int32"),
        value=ibis.cases(
            (spread.quartile == 0, spread["median"]), (spread.quartile == 1, spread.low), else_=spread.high
        ).cast("float64"),
        numerator=ibis.ifelse(spread.quartile == 0, spread.shown, nothing),
        denominator=spread.people.cast("float64"),
        is_dominated=ibis.literal(False),
        contributors=ibis.null("int64"),
        most=nothing,
        rest_most=nothing,
    )


def _most(amounts: "ir.NumericColumn", minimum: int) -> "ir.NumericScalar":
    """The most that one person has of a sum: all of it where fewer than the minimum have any."""
    import ibis

    return ibis.ifelse((amounts > 0).cast("int32").sum() < minimum, amounts.sum(), amounts.max())


def _pooled(persons: "ir.Table", grouped: "ir.Table", indicators: Sequence[int], minimum: int) -> "ir.Table":
    """Everything else: the sum of the persons' parts."""
    import ibis

    placed = _placed(persons, grouped, indicators)
    summed = placed.group_by(*_KEYS, "shows_parts").agg(
        numerator=placed.pool_numerator.sum(),
        denominator=placed.pool_denominator.sum(),
        largest=placed.pool_denominator.max(),
        contributors=(placed.pool_denominator > 0).cast("int32").sum().cast("int64"),
        most=_most(placed.pool_numerator, minimum),
        rest_most=_most(placed.pool_denominator - placed.pool_numerator, minimum),
    )
    nothing = ibis.null("float64")
    return summed.select(
        *_KEYS,
        part=ibis.literal(0, "int32"),
        value=summed.numerator / summed.denominator.nullif(0.0),
        numerator=ibis.ifelse(summed.shows_parts, summed.numerator, nothing),
        denominator=ibis.ifelse(summed.shows_parts, summed.denominator, nothing),
        is_dominated=summed.largest > summed.denominator * DOMINANCE_SHARE,
        contributors=summed.contributors,
        most=summed.most,
        rest_most=summed.rest_most,
    )


def _own(scope: "Scope", indicator: Indicator, grain: str) -> "ir.Table":
    """What an indicator of groups found itself.

    `largest` of a share, or `most` of what is counted and published, is what one person has of it.
    """
    import ibis

    table = indicator.compute(scope)
    if grain == ORGANISATION:
        table = table.mutate(subject=ibis.literal(ORGANISATION_SUBJECT))
    elif grain == COMMUNITY:
        table = with_ids(scope, table)
    named = ("largest", "most") if scope.is_published else ("largest",)
    of_one = [name for name in named if name in table.columns]
    rows = normal(table, indicator, ("period", "subject", *of_one))
    nothing = ibis.null("float64")
    hides_parts = grain == TEAM or (scope.is_published and indicator.base in _WITHOUT_PARTS)
    parts = {name: nothing if hides_parts else rows[name] for name in ("numerator", "denominator")}
    whole = rows.denominator.coalesce(rows.value)
    is_dominated = rows[of_one[0]] > whole * DOMINANCE_SHARE if of_one else ibis.literal(False)
    return rows.select(
        "period", "subject", "value", **parts, is_dominated=is_dominated, contributors=ibis.null("int64"), most=nothing, rest_most=nothing
    )  # fmt: skip


def _group_table(scope: "Scope", chosen: Sequence[Indicator]) -> "pa.Table":
    """One row a published id and grain: what it needs, and what is known of its sources in each period."""
    import pyarrow as pa

    rows = [
        (number, each, grain, part, each.id + suffix)
        for number, each in enumerate(chosen)
        for grain in each.grains
        if grain in _GRAINS
        for part, suffix in enumerate(("", ".p25", ".p75") if each.kind == "amount" and each.of == "person" else ("",))
    ]
    coverage = scope.computation.coverage

    def known(each: Indicator, first: int, last: int) -> int:
        return 0 if each.needs == "nothing" else coverage.status(each.needs, first, last)

    kinds = [(each, grain) for _, each, grain, _, _ in rows]
    return pa.table({
        "indicator": pa.array([number for number, *_ in rows], pa.int32()),
        "indicator_id": pa.array([name for *_, name in rows], pa.string()),
        "grain": pa.array([grain for _, grain in kinds], pa.string()),
        "grain_number": pa.array([_GRAINS.index(grain) for _, grain in kinds], pa.int32()),
        "part": pa.array([part for _, _, _, part, _ in rows], pa.int32()),
        "is_of_persons": pa.array([each.of == "person" for each, _ in kinds], pa.bool_()),
        "is_amount": pa.array([each.kind == "amount" for each, _ in kinds], pa.bool_()),
        "is_zero_when_absent": pa.array(
            [each.kind == "amount" and each.of == "group" for each, _ in kinds], pa.bool_()
        ),
        "shows_parts": pa.array(
            [grain == ORGANISATION or each.base == COUNTS_PEOPLE for each, grain in kinds], pa.bool_()
        ),
        "counts_people": pa.array(
            [each.of == "person" and (each.kind == "amount" or each.base == COUNTS_PEOPLE) for each, _ in kinds],
            pa.bool_(),
        ),
        "is_open": pa.array(
            [
                each.is_quality and grain == ORGANISATION and (each.of == "group" or not scope.is_published)
                for each, grain in kinds
            ],
            pa.bool_(),
        ),
        "is_of_events": pa.array([each.id in _OF_EVENTS for each, _ in kinds], pa.bool_()),
        "minimum_days": pa.array([each.minimum_days for each, _ in kinds], pa.int32()),
        "absent": pa.array([each.absent for each, _ in kinds], pa.string()),
        "minimum_people": pa.array([each.minimum_people for each, _ in kinds], pa.int64()),
        **{
            f"known_{period.number}": pa.array(
                [known(each, period.first, period.last) for each, _ in kinds], pa.int32()
            )
            for period in scope.periods
        },
    })


def _verdicts(scope: "Scope") -> "pa.Table":
    """grain_number, subject, period, people, verdict ("" where it may be published) and verdict_of_shortest of every group.

    The last is the verdict of the shortest window: where people are counted, a group is the same people in all windows.
    """
    import pyarrow as pa

    minimum = minimum_group(scope)
    in_scope = scope.in_scope
    sizes = scope.workspace.rows(in_scope.group_by("period", "team").agg(people=in_scope.count()))
    contributors = scope.workspace.rows(community_sizes(scope))
    rows: list[tuple[int, str, int, int, str]] = []
    few = _few_of_communities(scope, contributors, minimum)
    for period in sorted(scope.periods, key=lambda each: each.days):
        teams = {each["team"]: each["people"] for each in sizes if each["period"] == period.number}
        total = sum(teams.values())
        others = teams.pop("", 0)
        is_told = (
            scope.is_published and fewest_in_service(scope.computation.employees, period.first, period.last) < minimum
        )
        verdict = SUPPRESSED if total < minimum else SECONDARY if is_told else ""
        rows.append((_GRAINS.index(ORGANISATION), ORGANISATION_SUBJECT, period.number, total, verdict))
        found = verdicts(teams, minimum, others=others)
        rows.extend(
            (_GRAINS.index(TEAM), team, period.number, people, found.get(team, "")) for team, people in teams.items()
        )
        communities = {each["subject"]: each["people"] for each in contributors if each["period"] == period.number}
        of_few = few[period.number]
        found = verdicts(communities, minimum, told=of_few, together=len(set().union(*of_few.values())))
        rows.extend(
            (_GRAINS.index(COMMUNITY), name, period.number, people, found.get(name, ""))
            for name, people in communities.items()
        )
    shortest = min(period.number for period in scope.periods)
    of_shortest = {(grain, subject): verdict for grain, subject, period, _, verdict in rows if period == shortest}
    columns = list(zip(*rows, strict=True))
    return pa.table({
        "verdict_of_shortest": pa.array([of_shortest.get(row[:2], SUPPRESSED) for row in rows], pa.string()),
        "grain_number": pa.array(columns[0], pa.int32()),
        "subject": pa.array(columns[1], pa.string()),
        "period": pa.array(columns[2], pa.int32()),
        "people": pa.array(columns[3], pa.int64()),
        "verdict": pa.array(columns[4], pa.string()),
    })


def _few_of_communities(
    scope: "Scope", contributors: Sequence[Mapping[str, Any]], minimum: int
) -> dict[int, dict[str, set[int]]]:
    """Period -> the communities that may not be published, each with the few people whom it would tell of.

    Few contributed in the whole period, or in what a shorter window that is shown lacks of it.
    """
    sizes = {(each["period"], each["subject"]): each["people"] for each in contributors}
    ordered = sorted(scope.periods, key=lambda each: each.days)
    hidden: dict[int, dict[str, set[int]]] = {}
    for place, longer in enumerate(ordered):
        hidden[longer.number] = few_contributors(scope, longer.first, longer.last, minimum)
        for shorter in ordered[:place]:
            for subject, people in few_contributors(scope, longer.first, shorter.first - 1, minimum).items():
                is_shown = (shorter.number, subject) in sizes and subject not in hidden[shorter.number]
                if is_shown and subject not in hidden[longer.number]:
                    hidden[longer.number][subject] = people
    return hidden
