"""Teams and the organisation: how many people learning reaches, and how far they are on seven dimensions."""

from typing import TYPE_CHECKING

from leerstroom.indicators.amounts import minutes
from leerstroom.indicators.community import GROUP, directions, facilitator_share
from leerstroom.indicators.continuity import learning_regularity
from leerstroom.indicators.definition import ORGANISATION, TEAM, Grain, Indicator, register

if TYPE_CHECKING:
    from collections.abc import Callable

    import ibis.expr.types as ir

    from leerstroom.indicators.scope import Scope

PROFILE_DAYS = 90
PROFILE_TEAM = 20
MOST_ESTIMATED = 0.5
FEWEST_KINDS = 2


def _reach(category: str, need: str) -> None:
    def compute(scope: "Scope") -> "ir.Table":
        import ibis

        totals = scope.totals
        suffix = "total" if category == "any" else category
        reached = (totals[f"ms_{suffix}"] > 0) | (totals[f"est_{suffix}"] > 0) | (totals[f"active_{category}"] > 0)
        people = scope.lasting
        joined = people.left_join(totals.select(*scope.by, is_reached=reached.cast("int32")), list(scope.by))
        return joined.select(
            "period", "person", numerator=joined.is_reached.fill_null(0), denominator=ibis.literal(1, "int64")
        )

    register(Indicator(f"learning_reach.{category}", "organisation", "ratio", need, (TEAM, ORGANISATION), compute))


for _category, _need in (("formal", "formal"), ("nonformal", "nonformal"), ("informal", "informal"), ("any", "any")):
    _reach(_category, _need)


# --- how far are we? --------------------------------------------------------------------------------------------------------


def _in_groups(table: "ir.Table", scope: "Scope", grain: Grain) -> "tuple[ir.Table, tuple[str, ...]]":
    if grain == TEAM:
        return table.inner_join(scope.teams.select("person", subject="team"), "person"), GROUP
    return table, ("period",)


def _of_minutes(scope: "Scope", grain: Grain, stages: tuple[str, str, str]) -> "ir.Table":
    """1, 2 and 3 times the share of minutes of each stage; nothing where half of the minutes or more are estimated."""
    import ibis

    totals, by = _in_groups(scope.totals, scope, grain)
    sums = {f"stage_{number}": minutes(totals, suffix).sum() for number, suffix in enumerate(stages, 1)}
    estimated = sum(totals[f"est_{suffix}"] for suffix in stages)
    known = sum(totals[f"ms_{suffix}"] for suffix in stages)
    summed = totals.group_by(*by).agg(**sums, estimated=estimated.sum(), known=known.sum())
    whole = summed.stage_1 + summed.stage_2 + summed.stage_3
    stage = (summed.stage_1 + 2 * summed.stage_2 + 3 * summed.stage_3) / whole.nullif(0.0)
    is_measured = summed.estimated < MOST_ESTIMATED * (summed.estimated + summed.known)
    return summed.select(*by, value=ibis.ifelse(is_measured, stage, ibis.null("float64")))


def _direction(scope: "Scope", grain: Grain) -> "ir.Table":
    counted = directions(scope, grain)
    by = GROUP if grain == TEAM else ("period",)
    return counted.select(*by, value=(counted.one_way + 2 * counted.two_way + 3 * counted.multi) / counted.units)


def _teacher_role(scope: "Scope", grain: Grain) -> "ir.Table":
    said, by = _in_groups(scope.contributions, scope, grain)
    counted = facilitator_share(said, by)
    return counted.select(*by, value=3.0 - 2.0 * counted.numerator / counted.denominator)


def _continuity(scope: "Scope", grain: Grain) -> "ir.Table":
    weeks, by = _in_groups(learning_regularity(scope), scope, grain)
    summed = weeks.group_by(*by).agg(active=weeks.numerator.sum(), weeks=weeks.denominator.sum())
    return summed.select(*by, value=1.0 + 2.0 * summed.active / summed.weeks)


_DIMENSIONS: "dict[str, tuple[str, Callable[[Scope, Grain], ir.Table]]]" = {
    "delivery": ("any", lambda scope, grain: _of_minutes(scope, grain, ("gen_1", "gen_2", "gen_3"))),
    "direction": ("any", _direction),
    "goals": ("any", lambda scope, grain: _of_minutes(scope, grain, ("goals_1", "goals_2", "goals_3"))),
    "ownership": ("any", lambda scope, grain: _of_minutes(scope, grain, ("owner_1", "owner_2", "owner_3"))),
    "teacher_role": ("conversation", _teacher_role),
    "place_time": ("any", lambda scope, grain: _of_minutes(scope, grain, ("place_1", "place_2", "place_3"))),
    "continuity": ("any", _continuity),
}


def _profile(name: str, grain: Grain) -> None:
    need, measure = _DIMENSIONS[name]

    def compute(scope: "Scope") -> "ir.Table":
        table = measure(scope, grain)
        is_connected = len(scope.computation.coverage.kinds("any")) >= FEWEST_KINDS
        return table if is_connected else table.filter(False)

    register(
        Indicator(
            f"learning_maturity_profile.{name}", "organisation", "measure", need, (grain,), compute, of="group",
            minimum_people=PROFILE_TEAM if grain == TEAM else 0, minimum_days=PROFILE_DAYS, absent="not_measurable", priority=2,
        )
    )  # fmt: skip


for _name in _DIMENSIONS:
    for _grain in (TEAM, ORGANISATION):
        _profile(_name, _grain)
