"""Teams and the organisation: how many people learning reaches, and how far the organisation is."""

from typing import TYPE_CHECKING

from leerstroom.indicators.definition import ORGANISATION, TEAM, Indicator, register

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from leerstroom.indicators.scope import Scope


def _reach(category: str, need: str) -> None:
    def compute(scope: "Scope") -> "ir.Table":
        import ibis

        totals = scope.totals
        suffix = "total" if category == "any" else category
        reached = (totals[f"ms_{suffix}"] > 0) | (totals[f"est_{suffix}"] > 0) | (totals[f"active_{category}"] > 0)
        people = scope.in_scope
        joined = people.left_join(totals.select(*scope.by, is_reached=reached.cast("int64")), list(scope.by))
        return joined.select(
            "period", "person", numerator=joined.is_reached.fill_null(0), denominator=ibis.literal(1, "int64")
        )

    register(Indicator(f"learning_reach.{category}", "organisation", "ratio", need, (TEAM, ORGANISATION), compute))


for _category, _need in (("formal", "formal"), ("nonformal", "nonformal"), ("informal", "informal"), ("any", "any")):
    _reach(_category, _need)
