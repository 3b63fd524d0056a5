"""Formal learning: programmes of the employer, their completion, their tests, and what is mandatory."""

from datetime import date
from typing import TYPE_CHECKING

from leerstroom.indicators.amounts import (
    EVERYWHERE,
    MINUTE_MS,
    PER_WINDOW,
    minutes_of,
    register_sensitivity,
    share_of,
)
from leerstroom.indicators.calendar import day_number
from leerstroom.indicators.definition import DAY, EMPLOYEE, indicator
from leerstroom.indicators.engine import union
from leerstroom.indicators.events import STARTS

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from leerstroom.indicators.scope import Scope

MATURITY_DAYS = 28
_MOST_DAYS_AWAY = 400  # after longer leave an item is not judged
_NOT_A_THING_TO_COMPLETE = (
    "page",
    "module",
    "file",
    "document",
    "link",
    "question",
    "cmi.interaction",
    "lms",
    "forum",
    "forum-topic",
    "camera",
    "micro",
)


def is_completion(events: "ir.Table") -> "ir.BooleanColumn":
    """Completed or passed, or a result that says so; failed is none."""
    stated = events.completion.fill_null(False) & (events.verb != "failed")
    return events.verb.isin(("completed", "passed")) | stated


@indicator("formal_learning_minutes", kind="amount", needs="formal", grains=EVERYWHERE)
def formal_learning_minutes(scope: "Scope") -> "ir.Table":
    """Union of formal intervals plus formal estimates."""
    return minutes_of(scope, "formal")


@indicator("learning_minutes_total", kind="amount", needs="any", grains=EVERYWHERE)
def learning_minutes_total(scope: "Scope") -> "ir.Table":
    """Union of all intervals plus all estimates: at most the sum of the classes."""
    return minutes_of(scope, "total")


@indicator("teaching_minutes", kind="amount", needs="any", grains=(DAY, EMPLOYEE))
def teaching_minutes(scope: "Scope") -> "ir.Table":
    """Time as presenter, host or trainer: teaching is no learning of the teacher."""
    return minutes_of(scope, "teaching")


@indicator("formal_completions", kind="amount", needs="formal", grains=EVERYWHERE)
def formal_completions(scope: "Scope") -> "ir.Table":
    """Distinct formal activities completed; again in the same period counts once."""
    events = scope.events
    done = events.filter(is_completion(events) & (events.formality == "formal"))
    return done.group_by(*scope.by).agg(value=done.object_id.nunique())


@indicator("formal_completion_rate", kind="ratio", needs="formal", grains=PER_WINDOW)
def formal_completion_rate(scope: "Scope") -> "ir.Table":
    """Of what was started or assigned at least 28 days before the as-of day, the part that is completed by then."""
    computation = scope.computation
    classified = computation.events.classified
    mine = classified.filter(classified.is_in_service & (classified.day <= computation.as_of_day))
    is_thing = ~mine.activity_type.isin(_NOT_A_THING_TO_COMPLETE).fill_null(False) & mine.object_id.notnull()
    is_programme = (mine.formality == "formal") | ((mine.formality == "none") & (mine.kind == "lms"))
    things = mine.filter(is_thing & is_programme & (mine.verb.isin(STARTS) | is_completion(mine)))
    each = things.group_by("person", "object_id").agg(
        started_day=things.day.min(),
        is_done=(is_completion(things) & (things.formality == "formal")).cast("int32").max(),
    )
    mature = scope.workspace.keep(
        f"mature_{scope.name}", each.filter(each.started_day <= computation.as_of_day - MATURITY_DAYS)
    )
    people = scope.in_scope
    joined = people.inner_join(mature, "person")
    return joined.group_by(*scope.by).agg(numerator=joined.is_done.sum(), denominator=joined.count())


@indicator("assessment_score_mean", kind="measure", needs="formal", grains=PER_WINDOW)
def assessment_score_mean(scope: "Scope") -> "ir.Table":
    """Mean over activities of the best score. A raw score without maximum is none; below zero is legal."""
    events = scope.events
    scored = events.filter(events.score.notnull() & (events.formality != "none"))
    best = scored.group_by(*scope.by, "object_id").agg(score=scored.score.max())
    return best.group_by(*scope.by).agg(
        value=best.score.mean(), pool_numerator=best.score.sum(), pool_denominator=best.count()
    )


@indicator("mandatory_on_time_rate", kind="ratio", needs="formal", grains=PER_WINDOW)
def mandatory_on_time_rate(scope: "Scope") -> "ir.Table":
    """Of the mandatory items that were due by the as-of day, the part completed by then and on time."""
    items = mandatory_items(scope)
    joined = scope.in_scope.inner_join(items, "person")
    return joined.group_by(*scope.by).agg(numerator=joined.is_on_time.sum(), denominator=joined.count())


def mandatory_items(scope: "Scope") -> "ir.Table":
    """person, object_id, due_day (moved to the first working day after leave or before hire), is_on_time; due by the as-of day.

    A completion that names its due date belongs to that item; one that names none belongs to the item whose term it falls in.
    """
    import ibis

    computation = scope.computation
    events = computation.events.classified
    events = events.filter(events.day <= computation.as_of_day)
    stated = events.filter((events["mandatory"] == True) & events.due_day.notnull() & events.object_id.notnull())  # noqa: E712 - an expression
    items = stated.select("person", "object_id", "due_day").distinct()
    order = ibis.window(group_by=[items.person, items.object_id], order_by=[items.due_day])
    items = items.mutate(previous_due=items.due_day.lag().over(order).fill_null(-1))
    items = _moved_due_days(scope, items)
    items = scope.workspace.keep(f"mandatory_{scope.name}", items.filter(items.last_day <= computation.as_of_day))
    completed = events.filter(is_completion(events) & events.object_id.notnull())
    completed = completed.semi_join(items, ["person", "object_id"])
    done = completed.select("person", "object_id", done_day="day", done_due="due_day").distinct()
    candidates = items.left_join(done, ["person", "object_id"]).drop("person_right", "object_id_right")
    belongs = (candidates.done_due == candidates.due_day) | (
        candidates.done_due.isnull() & (candidates.done_day > candidates.previous_due)
    )
    is_on_time = ibis.ifelse((belongs & (candidates.done_day <= candidates.last_day)).fill_null(False), 1, 0)
    judged = candidates.mutate(is_on_time=is_on_time)
    return judged.group_by("person", "object_id", "due_day").agg(is_on_time=judged.is_on_time.max())


def _moved_due_days(scope: "Scope", items: "ir.Table") -> "ir.Table":
    """Adds last_day: the due day, or the first working day after it where it falls in leave or before the person was in service."""
    import ibis

    computation = scope.computation
    people = computation.people.select("person", "from_day")
    joined = items.inner_join(people, "person")
    leave = computation.leave.select(leave_person="person", leave_day="day")
    on_leave = joined.left_join(leave, [joined.person == leave.leave_person, joined.due_day == leave.leave_day])
    is_moved = on_leave.leave_day.notnull() | (on_leave.due_day < on_leave.from_day)
    plain = on_leave.filter(~is_moved).select("person", "object_id", "due_day", "previous_due", last_day="due_day")
    moved = on_leave.filter(is_moved).select(
        "person", "object_id", "due_day", "previous_due", after=ibis.greatest(on_leave.due_day, on_leave.from_day)
    )
    tried = moved.cross_join(scope.workspace.steps(_MOST_DAYS_AWAY)).mutate(candidate=lambda t: t.after + t.step)
    tried = tried.filter(((tried.candidate + 3) % 7) < 5)  # 1970-01-01 was a Thursday: Monday is 0
    tried = tried.filter(
        ~tried.candidate.isin([day_number(each) for each in holidays(scope)]) if holidays(scope) else ibis.literal(True)
    )
    free = tried.anti_join(leave, [tried.person == leave.leave_person, tried.candidate == leave.leave_day])
    found = free.group_by("person", "object_id", "due_day", "previous_due").agg(
        last_day=free.candidate.min().cast("int32")
    )
    return union([plain, found])


def holidays(scope: "Scope") -> "list[date]":
    """The dates of the parameter `holidays`."""
    return [
        each if isinstance(each, date) else date.fromisoformat(str(each)) for each in scope.rules.parameters["holidays"]
    ]


@indicator("mandatory_minutes_share", kind="ratio", needs="any", grains=PER_WINDOW)
def mandatory_minutes_share(scope: "Scope") -> "ir.Table":
    """Minutes of what is mandatory, of the minutes for which that is known."""
    return share_of(scope, "mandatory", ("mandatory", "voluntary"))


register_sensitivity("mandatory_minutes_share", "formal", {"": "mandatory"}, whole=("mandatory", "voluntary"))


@indicator("mandatory_minutes_share.known", kind="ratio", needs="any", grains=PER_WINDOW)
def mandatory_minutes_known(scope: "Scope") -> "ir.Table":
    """The part of all minutes for which it is known whether they were mandatory."""
    totals = scope.totals
    known = sum(totals[f"{kind}_{suffix}"] for kind in ("ms", "est") for suffix in ("mandatory", "voluntary"))
    whole = totals.ms_total + totals.est_total
    return totals.select(*scope.by, numerator=known / MINUTE_MS, denominator=whole / MINUTE_MS)
