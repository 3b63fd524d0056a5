"""Learning preferences after Simons and Ruijters, as days on which they show: a proxy, for the employee's own eyes."""

from typing import TYPE_CHECKING

from leerstroom.indicators.definition import EMPLOYEE, Indicator, register
from leerstroom.indicators.minutes import PREFERENCES

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from leerstroom.indicators.scope import Scope

_LONG_WINDOW_DAYS = 90  # the table of rules may ask for a minimum of active days in windows from this length


def _days(scope: "Scope") -> "ir.Table":
    """period, person, a column a preference with the days on which it shows, and `all`: their sum."""
    days = scope.preferences
    bits = days.select(*scope.by, **{name: (days.shows & 2**place) > 0 for place, name in enumerate(PREFERENCES)})
    counted = bits.group_by(*scope.by).agg(**{name: bits[name].cast("int32").sum() for name in PREFERENCES})
    return counted.mutate(all=sum(counted[name] for name in PREFERENCES))


def _profile(preference: str) -> None:
    def compute(scope: "Scope") -> "ir.Table":
        days = scope.once("preference_days", lambda: _days(scope))
        counted = days.select(*scope.by, numerator=days[preference], denominator=days["all"])
        minimum = scope.rules.parameters["preference_min_active_days"]
        long = [period.number for period in scope.periods if period.days >= _LONG_WINDOW_DAYS]
        if not minimum or not long:
            return counted
        totals = scope.totals.select(*scope.by, "active_days")
        joined = counted.inner_join(totals, list(scope.by))
        return joined.filter((joined.active_days >= minimum) | ~joined.period.isin(long)).drop("active_days")

    register(
        Indicator(f"preference_profile.{preference}", "preferences", "ratio", "any", (EMPLOYEE,), compute, priority=2)
    )


for _preference in PREFERENCES:
    _profile(_preference)
