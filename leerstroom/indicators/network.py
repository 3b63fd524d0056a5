"""Ties between employees: replies and mentions, in either direction. Names of brokers are nobody's business."""

from typing import TYPE_CHECKING

from leerstroom.indicators.amounts import PER_WINDOW
from leerstroom.indicators.definition import EMPLOYEE, ORGANISATION, TEAM, indicator

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from leerstroom.indicators.scope import Scope


@indicator("network_breadth", kind="amount", needs="conversation", grains=PER_WINDOW)
def network_breadth(scope: "Scope") -> "ir.Table":
    """Distinct employees with a tie to or from the person."""
    alters = scope.alters
    return alters.group_by(*scope.by).agg(value=alters.count())


@indicator("help_tie_reciprocity", kind="ratio", needs="conversation", grains=(EMPLOYEE,))
def help_tie_reciprocity(scope: "Scope") -> "ir.Table":
    """Of the employees with a tie, those with one in both directions."""
    alters = scope.alters
    return alters.group_by(*scope.by).agg(
        numerator=(alters.goes_out * alters.comes_in).sum(), denominator=alters.count()
    )


@indicator("cross_team_tie_share", kind="ratio", needs="conversation", grains=PER_WINDOW)
def cross_team_tie_share(scope: "Scope") -> "ir.Table":
    """Of the employees with a tie whose team is known, those of another team."""
    teams = scope.teams
    own = teams.select("person", own_team="team")
    others = teams.select(alter="person", other_team="team")
    pairs = scope.alters.inner_join(own, "person").inner_join(others, "alter")
    return pairs.group_by(*scope.by).agg(
        numerator=(pairs.own_team != pairs.other_team).cast("int64").sum(), denominator=pairs.count()
    )


def _dyads(scope: "Scope") -> "ir.Table":
    """period, person (the lower number), alter, is_reciprocal: each pair once."""
    alters = scope.alters
    once = alters.filter(alters.person < alters.alter)
    return once.mutate(is_reciprocal=(once.goes_out * once.comes_in).cast("int64"))


@indicator("help_tie_reciprocity", kind="ratio", needs="conversation", grains=(ORGANISATION,), of="group")
def reciprocity_of_organisation(scope: "Scope") -> "ir.Table":
    """Reciprocal pairs of all pairs."""
    dyads = _dyads(scope)
    return dyads.group_by("period").agg(numerator=dyads.is_reciprocal.sum(), denominator=dyads.count())


@indicator("help_tie_reciprocity", kind="ratio", needs="conversation", grains=(TEAM,), of="group")
def reciprocity_of_teams(scope: "Scope") -> "ir.Table":
    """Reciprocal pairs of the pairs with both ends in the team."""
    teams = scope.teams
    dyads = _dyads(scope).inner_join(teams.select("person", subject="team"), "person")
    inside = dyads.inner_join(teams.select(alter="person", alter_team="team"), "alter")
    inside = inside.filter(inside.subject == inside.alter_team)
    return inside.group_by("period", "subject").agg(numerator=inside.is_reciprocal.sum(), denominator=inside.count())
