"""Data quality: what every table must say about itself. These are published for the organisation whatever its size."""

from typing import TYPE_CHECKING

from leerstroom.indicators.amounts import MINUTE_MS, PER_WINDOW
from leerstroom.indicators.definition import NEEDS, ORGANISATION, Indicator, indicator, register

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from leerstroom.indicators.scope import Scope


def _coverage(kind: str) -> None:
    def compute(scope: "Scope") -> "ir.Table":
        import pyarrow as pa

        coverage = scope.computation.coverage
        periods = scope.periods if kind in coverage.loaded else ()
        table = pa.table({
            "period": pa.array([each.number for each in periods], pa.int32()),
            "numerator": pa.array([coverage.days_loaded(kind, each.first, each.last) for each in periods], pa.int64()),
            "denominator": pa.array([each.days for each in periods], pa.int64()),
        })
        return scope.workspace.give(f"coverage_{kind}_{scope.name}", table)

    register(
        Indicator(
            f"source_coverage.{kind}",
            "quality",
            "ratio",
            "nothing",
            (ORGANISATION,),
            compute,
            of="group",
            is_quality=True,
        )
    )


for _kind in NEEDS["any"][0]:
    _coverage(_kind)


@indicator("unresolved_actor_share", kind="ratio", needs="nothing", grains=(ORGANISATION,), of="group", is_quality=True)
def unresolved_actor_share(scope: "Scope") -> "ir.Table":
    """Statements of actors that are no employee, of all statements that are neither voided nor of excluded accounts."""
    counted = scope.within(scope.computation.events.statements_per_day)
    return counted.group_by("period").agg(numerator=counted.unresolved.sum(), denominator=counted.statements.sum())


@indicator("estimated_minutes_share", kind="ratio", needs="nothing", grains=PER_WINDOW, is_quality=True)
def estimated_minutes_share(scope: "Scope") -> "ir.Table":
    """Estimated minutes, of all learning minutes."""
    totals = scope.totals
    return totals.select(
        *scope.by, numerator=totals.est_total / MINUTE_MS, denominator=(totals.ms_total + totals.est_total) / MINUTE_MS
    )


@indicator("unclassified_share", kind="ratio", needs="nothing", grains=(ORGANISATION,), of="group", is_quality=True)
def unclassified_share(scope: "Scope") -> "ir.Table":
    """Events that only the last rule caught, of all events: a rising number means that a rule is missing."""
    events = scope.within(scope.computation.events.classified)
    return events.group_by("period").agg(
        numerator=events.is_unclassified.cast("int32").sum(), denominator=events.count()
    )
