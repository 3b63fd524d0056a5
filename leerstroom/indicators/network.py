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
        numerator=(pairs.own_team != pairs.other_team).cast("int32").sum(), denominator=pairs.count()
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


# --- bridges ----------------------------------------------------------------------------------------------------------------

MINIMUM_NODES = 10
SAMPLED_NODES = (
    500  # of a larger organisation a fixed sample: the median needs no more, and paths grow with the square of contacts
)


def constraints(pairs: "ir.Table", nodes: "ir.Table") -> "ir.Table":
    """period, subject, person, constraint (Burt 1992) of the nodes; 1 and more is possible in small nets.

    `pairs`: period, subject, person, alter, weight, each pair from both sides. `nodes`: period, subject, person.
    """
    strength = pairs.group_by("period", "subject", "person").agg(strength=pairs.weight.sum().cast("float64"))
    part = pairs.inner_join(strength, ["period", "subject", "person"])
    part = part.select("period", "subject", "person", "alter", part=part.weight / part.strength)
    mine = part.semi_join(nodes, ["period", "subject", "person"])
    onward = part.select("period", "subject", alter="person", beyond="alter", onward="part")
    through = mine.inner_join(onward, ["period", "subject", "alter"])
    through = through.filter(through.beyond != through.person)
    indirect = through.mutate(product=through.part * through.onward)
    indirect = indirect.group_by("period", "subject", "person", "beyond").agg(indirect=indirect["product"].sum())
    both = mine.left_join(
        indirect.select("period", "subject", "person", "indirect", alter="beyond"),
        ["period", "subject", "person", "alter"],
    )
    whole = both.part + both.indirect.fill_null(0.0)
    return (
        both
        .mutate(square=whole * whole)
        .group_by("period", "subject", "person")
        .agg(constraint=lambda t: t.square.sum())
    )


def _brokerage(scope: "Scope", pairs: "ir.Table", name: str) -> "ir.Table":
    """period, subject, value for groups with enough nodes of two contacts or more."""
    import ibis

    pairs = scope.workspace.keep(f"pairs_{name}", pairs)
    contacts = pairs.group_by("period", "subject", "person").agg(contacts=pairs.count())
    nodes = contacts.filter(contacts.contacts >= 2)
    scrambled = (nodes.person.cast("int64") * 2_654_435_761) % 4_294_967_296
    place = ibis.row_number().over(
        ibis.window(group_by=[nodes.period, nodes.subject], order_by=[scrambled, nodes.person])
    )
    sampled = nodes.mutate(place=place)
    sampled = scope.workspace.keep(
        f"nodes_{name}", sampled.filter(sampled.place < SAMPLED_NODES).select("period", "subject", "person")
    )
    found = constraints(pairs, sampled)
    found = found.mutate(clipped=ibis.least(found["constraint"], ibis.literal(1.0)))
    summed = found.group_by("period", "subject").agg(nodes=found.count(), median=found.clipped.median())
    value = ibis.ifelse(summed.nodes >= MINIMUM_NODES, 1.0 - summed["median"], ibis.null("float64"))
    return summed.select("period", "subject", value=value)


@indicator(
    "network_brokerage",
    kind="measure",
    needs="conversation",
    grains=(ORGANISATION,),
    of="group",
    minimum_people=MINIMUM_NODES,
    priority=2,
)
def brokerage_of_organisation(scope: "Scope") -> "ir.Table":
    """One minus the median constraint of people with two contacts or more, in the network of everybody."""
    import ibis

    pairs = scope.alters.select("period", "person", "alter", "weight", subject=ibis.literal("ALL"))
    return _brokerage(scope, pairs, "organisation").drop("subject")


@indicator(
    "network_brokerage",
    kind="measure",
    needs="conversation",
    grains=(TEAM,),
    of="group",
    minimum_people=MINIMUM_NODES,
    priority=2,
)
def brokerage_of_teams(scope: "Scope") -> "ir.Table":
    """The same within the team's own network."""
    teams = scope.teams
    pairs = scope.alters.inner_join(teams.select("person", subject="team"), "person")
    pairs = pairs.inner_join(teams.select(alter="person", alter_team="team"), "alter")
    inside = pairs.filter(pairs.subject == pairs.alter_team).select("period", "person", "alter", "weight", "subject")
    return _brokerage(scope, inside, "teams")


@indicator(
    "network_brokerage.centralisation", kind="measure", needs="conversation", grains=(ORGANISATION,), of="group",
    minimum_people=MINIMUM_NODES, priority=2,
)  # fmt: skip
def centralisation(scope: "Scope") -> "ir.Table":
    """Freeman's centralisation of betweenness: 0 where all stand alike, 1 where every path runs through one. Up to 500 people."""
    import networkx as nx
    import pyarrow as pa

    alters = scope.alters
    sizes = scope.workspace.rows(alters.group_by("period").agg(nodes=alters.person.nunique()))
    small = [each["period"] for each in sizes if MINIMUM_NODES <= each["nodes"] <= SAMPLED_NODES]
    found: dict[int, float] = {}
    for period in small:
        edges = scope.workspace.rows(
            alters.filter((alters.period == period) & (alters.person < alters.alter)).select("person", "alter")
        )
        graph = nx.Graph([(each["person"], each["alter"]) for each in edges])
        between = nx.betweenness_centrality(graph).values()
        found[period] = sum(max(between) - each for each in between) / (len(graph) - 1)
    table = pa.table({
        "period": pa.array(list(found), pa.int32()),
        "value": pa.array(list(found.values()), pa.float64()),
    })
    return scope.workspace.give(f"centralisation_{scope.name}", table)
