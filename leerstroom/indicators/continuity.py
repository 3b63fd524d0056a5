"""Pattern in time: active days, runs of workdays, regularity, and who started it."""

from typing import TYPE_CHECKING

from leerstroom.indicators.amounts import EVERYWHERE, PER_WINDOW, register_sensitivity, register_share
from leerstroom.indicators.calendar import day_number
from leerstroom.indicators.definition import EMPLOYEE, indicator
from leerstroom.indicators.formal import holidays

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from leerstroom.indicators.scope import Scope


@indicator("active_learning_days", kind="amount", needs="any", grains=EVERYWHERE)
def active_learning_days(scope: "Scope") -> "ir.Table":
    """Local days with learning minutes or an active event; a session over midnight makes two."""
    totals = scope.totals
    return totals.select(*scope.by, value=totals.active_days)


@indicator("learning_streak_workdays", kind="amount", needs="any", grains=(EMPLOYEE,), priority=2)
def learning_streak_workdays(scope: "Scope") -> "ir.Table":
    """The longest run of active workdays. Weekends, leave and holidays neither break nor lengthen it."""
    import ibis

    daily = scope.daily
    active = daily.filter(daily.is_active).select(*scope.by, "day")
    workdays = active.filter(((active.day + 3) % 7) < 5)
    if holidays(scope):
        workdays = workdays.filter(~workdays.day.isin([day_number(each) for each in holidays(scope)]))
    leave = scope.computation.leave
    workdays = workdays.anti_join(leave, ["person", "day"])
    # the place of a workday among the workdays of that person: workdays since a Monday, less leave and holidays until then
    monday = 4  # 1970-01-05
    since = workdays.day - monday
    number = (since // 7) * 5 + since % 7
    if holidays(scope):
        numbers = [day_number(each) for each in holidays(scope) if each.weekday() < 5]
        number -= sum((workdays.day > each).cast("int64") for each in numbers) if numbers else 0
    workdays = workdays.mutate(number=number)
    on_leave = leave.filter(((leave.day + 3) % 7) < 5)
    if holidays(scope):
        on_leave = on_leave.filter(~on_leave.day.isin([day_number(each) for each in holidays(scope)]))
    on_leave = on_leave.select(leave_person="person", leave_day="day")
    before = workdays.inner_join(
        on_leave, [workdays.person == on_leave.leave_person, workdays.day > on_leave.leave_day]
    )
    lost = before.group_by("period", "person", "day").agg(lost=before.count())
    placed = workdays.left_join(lost, ["period", "person", "day"])
    placed = placed.select("period", "person", "day", number=placed.number - placed.lost.fill_null(0))
    order = ibis.window(group_by=[placed.period, placed.person], order_by=[placed.number])
    runs = placed.mutate(run=placed.number - ibis.row_number().over(order))
    lengths = runs.group_by(*scope.by, "run").agg(length=runs.count())
    return lengths.group_by(*scope.by).agg(value=lengths.length.max())


@indicator("learning_regularity", kind="ratio", needs="any", grains=PER_WINDOW)
def learning_regularity(scope: "Scope") -> "ir.Table":
    """ISO weeks with an active day, of the ISO weeks with at least three days in scope."""
    import ibis

    people = scope.in_scope
    first_week, last_week = (people.first_day + 3) // 7, (people.last_day + 3) // 7
    weeks = max((period.days for period in scope.periods), default=0) // 7 + 2
    spread = people.mutate(first_week=first_week, last_week=last_week).cross_join(scope.workspace.steps(weeks))
    spread = spread.mutate(week=spread.first_week + spread.step)
    spread = spread.filter(spread.week <= spread.last_week)
    monday = spread.week * 7 - 3
    days = ibis.least(spread.last_day, monday + 6) - ibis.greatest(spread.first_day, monday) + 1
    counted = spread.filter(days >= 3).select(*scope.by, "week")
    daily = scope.daily
    active = daily.filter(daily.is_active).select(*scope.by, week=(daily.day + 3) // 7).distinct()
    joined = counted.left_join(active.mutate(is_active=ibis.literal(1)), [*scope.by, "week"])
    return joined.group_by(*scope.by).agg(numerator=joined.is_active.fill_null(0).sum(), denominator=joined.count())


@indicator("learning_gap_days_median", kind="measure", needs="any", grains=(EMPLOYEE,))
def learning_gap_days_median(scope: "Scope") -> "ir.Table":
    """Median number of days from one active day to the next: to be read beside the regularity."""
    import ibis

    daily = scope.daily
    active = daily.filter(daily.is_active).select(*scope.by, "day")
    order = ibis.window(group_by=[active[key] for key in scope.by], order_by=[active.day])
    gaps = active.mutate(gap=active.day - active.day.lag().over(order))
    gaps = gaps.filter(gaps.gap.notnull())
    return gaps.group_by(*scope.by).agg(value=gaps.gap.median())


@indicator("self_directed_share", kind="ratio", needs="any", grains=PER_WINDOW)
def self_directed_share(scope: "Scope") -> "ir.Table":
    """Minutes that the person started, of the minutes for which that is known; chat counts as self-started."""
    from leerstroom.indicators.amounts import share_of

    return share_of(scope, "self", ("self", "assigned"))


register_sensitivity("self_directed_share", "continuity", {"": "self"}, whole=("self", "assigned"))


@indicator("self_directed_share.without_chat", kind="ratio", needs="any", grains=PER_WINDOW)
def self_directed_share_without_chat(scope: "Scope") -> "ir.Table":
    """The same without chat and social platforms."""
    from leerstroom.indicators.amounts import share_of

    return share_of(scope, "self_without_chat", ("self_without_chat", "assigned_without_chat"))


__all__ = ["register_share"]
