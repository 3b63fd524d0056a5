"""Minutes and shares of minutes: the two forms that most indicators take over the totals of a period."""

from typing import TYPE_CHECKING

from leerstroom.indicators.definition import DAY, EMPLOYEE, ORGANISATION, TEAM, Grain, Indicator, register

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from leerstroom.indicators.scope import Scope

MINUTE_MS = 60_000
EVERYWHERE: tuple[Grain, ...] = (DAY, EMPLOYEE, TEAM, ORGANISATION)
PER_WINDOW: tuple[Grain, ...] = (EMPLOYEE, TEAM, ORGANISATION)


def minutes(totals: "ir.Table", suffix: str) -> "ir.FloatingValue":
    """Clock time plus estimates of one class, in minutes."""
    return (totals[f"ms_{suffix}"] + totals[f"est_{suffix}"]) / MINUTE_MS


def minutes_of(scope: "Scope", suffix: str) -> "ir.Table":
    """period, person, value in minutes, estimated_share."""
    import ibis

    totals = scope.totals
    value = minutes(totals, suffix)
    return totals.select(
        *scope.by,
        value=value,
        estimated_share=ibis.ifelse(value > 0, totals[f"est_{suffix}"] / MINUTE_MS / value, ibis.null("float64")),
    )


def share_of(scope: "Scope", suffix: str, suffixes: tuple[str, ...]) -> "ir.Table":
    """period, person, numerator, denominator in minutes, estimated_share. The denominator is the sum over the categories."""
    import ibis

    totals = scope.totals
    whole = sum(minutes(totals, each) for each in suffixes)
    estimated = sum(totals[f"est_{each}"] for each in suffixes) / MINUTE_MS
    return totals.select(
        *scope.by,
        numerator=minutes(totals, suffix),
        denominator=whole,
        estimated_share=ibis.ifelse(whole > 0, estimated / whole, ibis.null("float64")),
    )


def register_share(
    base: str,
    family: str,
    suffixes: dict[str, str],
    *,
    needs: str = "any",
    grains: tuple[Grain, ...] = PER_WINDOW,
    priority: int = 1,
) -> None:
    """Registers one ratio a category: `base.category`, for category -> column suffix."""
    for category, suffix in suffixes.items():

        def compute(scope: "Scope", suffix: str = suffix) -> "ir.Table":
            return share_of(scope, suffix, tuple(suffixes.values()))

        register(Indicator(f"{base}.{category}", family, "ratio", needs, grains, compute, priority=priority))
