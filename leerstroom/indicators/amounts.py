"""Minutes and shares of minutes: the two forms that most indicators take over the totals of a period."""

from typing import TYPE_CHECKING

from leerstroom.indicators.definition import DAY, EMPLOYEE, ORGANISATION, TEAM, Grain, Indicator, register
from leerstroom.indicators.disclosure import DOMINANCE_SHARE

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
    register_sensitivity(base, family, suffixes, needs=needs)


SENSITIVITY = {"estimates_half": 0.5, "estimates_double": 2.0}


def register_sensitivity(
    base: str, family: str, suffixes: dict[str, str], *, whole: tuple[str, ...] = (), needs: str = "any"
) -> None:
    """Registers what the organisation's shares were if every estimate were half, or twice: `base.category.estimates_half`.

    Most estimates are assumptions; a share that hardly moves does not lean on them. `whole`: what a share is divided by, by default the
    sum over its categories; a category may be empty, for a share that has none.
    """
    for category, suffix in suffixes.items():
        for name, factor in SENSITIVITY.items():

            def compute(scope: "Scope", suffix: str = suffix, factor: float = factor) -> "ir.Table":
                return _share_with(scope, suffix, whole or tuple(suffixes.values()), factor)

            part = f"{category}.{name}" if category else name
            register(Indicator(f"{base}.{part}", family, "ratio", needs, (ORGANISATION,), compute, of="group"))


def _share_with(scope: "Scope", suffix: str, suffixes: tuple[str, ...], factor: float) -> "ir.Table":
    """period, numerator, denominator in minutes, largest: the most that one person has of the denominator.

    Beside the share itself this one tells how much of it is estimated: where that is one person's, so is all of it as far as publishing goes.
    """
    import ibis

    totals = scope.totals

    def minutes_with(each: str) -> "ir.FloatingValue":
        return (totals[f"ms_{each}"] + totals[f"est_{each}"] * factor) / MINUTE_MS

    whole = sum(minutes_with(each) for each in suffixes)
    summed = totals.group_by("period").agg(
        numerator=minutes_with(suffix).sum(),
        denominator=whole.sum(),
        largest=whole.max(),
        estimated=totals[f"est_{suffix}"].sum(),
        estimated_most=totals[f"est_{suffix}"].max(),
    )
    is_ones = summed.estimated_most > summed.estimated * DOMINANCE_SHARE
    largest = ibis.ifelse(is_ones, summed.denominator, summed.largest) if scope.is_published else summed.largest
    return summed.select("period", "numerator", "denominator", largest=largest)
