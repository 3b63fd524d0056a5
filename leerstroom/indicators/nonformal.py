"""Non-formal learning: webinars, MOOCs, workshops; attended, not merely registered for."""

from typing import TYPE_CHECKING

from leerstroom.indicators.amounts import EVERYWHERE, MINUTE_MS, minutes_of
from leerstroom.indicators.definition import DAY, EMPLOYEE, ORGANISATION, Indicator, indicator, register

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from leerstroom.indicators.scope import Scope


@indicator("nonformal_learning_minutes", kind="amount", needs="nonformal", grains=EVERYWHERE)
def nonformal_learning_minutes(scope: "Scope") -> "ir.Table":
    """Union of non-formal intervals plus non-formal estimates."""
    return minutes_of(scope, "nonformal")


def _minutes_of_kind(kind: str) -> None:
    def compute(scope: "Scope") -> "ir.Table":
        return minutes_of(scope, f"nonformal_{kind}")

    need = {"mooc": "nonformal", "webinar": "webinar", "offline": "offline"}[kind]
    register(
        Indicator(f"nonformal_learning_minutes.{kind}", "nonformal", "amount", need, (EMPLOYEE, ORGANISATION), compute)
    )


for _kind in ("webinar", "mooc", "offline"):
    _minutes_of_kind(_kind)


@indicator("nonformal_attendances", kind="amount", needs="nonformal", grains=EVERYWHERE)
def nonformal_attendances(scope: "Scope") -> "ir.Table":
    """Distinct occurrences attended for the minimum of minutes; rejoins, devices and a second report are one."""
    attendance = scope.attendance
    attended = attendance.filter(attendance.formality == "nonformal")
    return attended.group_by(*scope.by).agg(value=attended.occurrence.nunique())


@indicator("webinar_presence_ratio", kind="measure", needs="webinar", grains=(EMPLOYEE, ORGANISATION), priority=2)
def webinar_presence_ratio(scope: "Scope") -> "ir.Table":
    """Mean over webinars of the part of the planned time that the person was connected, at most 1."""
    import ibis

    attendance = scope.attendance
    planned = attendance.filter(
        (attendance.kind == "webinar")
        & (attendance.formality == "nonformal")
        & attendance.union_ms.notnull()
        & (attendance.scheduled_minutes > 0)
    )
    present = planned.mutate(minutes=planned.union_ms / MINUTE_MS)
    present = present.mutate(ratio=ibis.least(present.minutes / present.scheduled_minutes, ibis.literal(1.0)))
    return present.group_by(*scope.by).agg(
        value=present.ratio.mean(),
        numerator=present.minutes.sum(),
        denominator=present.scheduled_minutes.sum(),
        pool_numerator=present.ratio.sum(),
        pool_denominator=present.count(),
    )


@indicator("offline_encounters", kind="amount", needs="offline", grains=EVERYWHERE)
def offline_encounters(scope: "Scope") -> "ir.Table":
    """Distinct offline occurrences that were learning; two registers of one are one. Coaching a person is an encounter each time."""
    import ibis

    from leerstroom.indicators.engine import union
    from leerstroom.indicators.events import ATTENDANCE

    attendance, events = scope.attendance, scope.events
    columns = (*scope.by, "object_id")
    attended = attendance.filter((attendance.kind == "offline") & (attendance.formality != "none"))
    attended = attended.inner_join(scope.computation.minutes.occurrences, "occurrence")
    other = events.filter((events.kind == "offline") & (events.formality != "none") & ~events.verb.isin(ATTENDANCE))
    is_person = other.object_id.contains("|")  # the actor string of an agent; no IRI holds that character
    occurrence = ibis.ifelse(is_person, other.statement_id, other.object_id)
    met = union([attended.select(columns), other.select(*scope.by, object_id=occurrence)])
    return met.group_by(*scope.by).agg(value=met.object_id.nunique())


__all__ = ["DAY", "nonformal_attendances", "nonformal_learning_minutes", "offline_encounters", "webinar_presence_ratio"]
