"""Values per person: what each indicator found, and for everybody else why there is no value.

The reasons come in this order (R10): not_in_service, source_missing, no_denominator; then ok, or partial where a day of a
source lacks.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from leerstroom.indicators.definition import DAY, EMPLOYEE, NEEDS, Indicator

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

    from leerstroom.indicators.scope import Scope

FOUND = ("value", "numerator", "denominator", "pool_numerator", "pool_denominator", "estimated_share")
PUBLISHED = (
    "indicator_id",
    "grain",
    "subject",
    "period",
    "is_day",
    "value",
    "status",
    "numerator",
    "denominator",
    "estimated_share",
)
_UNKNOWN = 2  # see Coverage.status


def normal(table: "ir.Table", indicator: Indicator, by: tuple[str, ...]) -> "ir.Table":
    """The result of an indicator's expression with all columns of FOUND, as floats."""
    import ibis

    held = set(table.columns)
    columns = {name: table[name].cast("float64") if name in held else ibis.null("float64") for name in FOUND}
    if indicator.kind == "ratio":
        is_case = columns["denominator"] > 0
        columns["pool_numerator"], columns["pool_denominator"] = columns["numerator"], columns["denominator"]
        columns["value"] = columns["numerator"] / columns["denominator"].nullif(0.0)
        columns["numerator"] = ibis.ifelse(is_case, columns["numerator"], ibis.null("float64"))
        columns["denominator"] = ibis.ifelse(is_case, columns["denominator"], ibis.null("float64"))
    return table.select(*by, **columns)


def person_values(scope: "Scope", chosen: Sequence[Indicator]) -> "ir.Table":
    """Indicator (its place in `chosen`), period, person, employee_id, team, status and FOUND of everybody for each indicator."""
    import ibis

    workspace = scope.workspace
    numbers = {each: number for number, each in enumerate(chosen) if each.of == "person"}
    parts = [
        (
            {"indicator": number},
            workspace.keep(f"found_{scope.name}_{number}", normal(each.compute(scope), each, scope.by)),
        )
        for each, number in numbers.items()
    ]
    indicators = workspace.give(f"indicators_{scope.name}", _indicator_table(numbers, scope.is_daily))
    every = scope.people.cross_join(indicators)
    columns = (*scope.by, *FOUND)
    found = workspace.stacked(f"found_{scope.name}", parts, columns) if parts else None
    if found is None:
        nothing = {name: ibis.null("float64") for name in FOUND}
        joined = every.mutate(**nothing)
    else:
        joined = every.left_join(found, ["indicator", "period", "person"])
    known = ibis.cases(*((joined.need == name, joined[f"need_{name}"]) for name in NEEDS), else_=0)
    value = ibis.ifelse(joined.is_amount, joined.value.fill_null(0.0), joined.value)
    # for an active day one source is enough: it is active whatever the others would say
    is_certain = joined.is_certain_when_positive & (value > 0)
    status = ibis.cases(
        (joined.days == 0, "not_in_service"),
        (is_certain, "ok"),
        (known == _UNKNOWN, "source_missing"),
        (value.isnull(), "no_denominator"),
        (known == 1, "partial"),
        else_="ok",
    )
    shaped = joined.mutate(value=value, status=status)
    is_known = shaped.status.isin(("ok", "partial"))
    # numbers alone: the texts of ten million rows would cost more than the values
    values = shaped.select(
        "indicator", "period", "person", "status",
        **{name: ibis.ifelse(is_known, shaped[name], ibis.null("float64")) for name in FOUND},
    )  # fmt: skip
    name = f"person_values_{scope.name}"
    return workspace.view(name, values) if scope.is_daily else workspace.keep(name, values)


def published_persons(scope: "Scope", values: "ir.Table", chosen: Sequence[Indicator]) -> "ir.Table":
    """PUBLISHED rows of the indicators that have this grain for persons. `chosen`: as given to `person_values`."""
    import ibis
    import pyarrow as pa

    grain = DAY if scope.is_daily else EMPLOYEE
    shown = {number: each.id for number, each in enumerate(chosen) if each.of == "person" and grain in each.grains}
    names = scope.workspace.give(
        f"published_{scope.name}",
        pa.table({
            "indicator": pa.array(list(shown), pa.int32()),
            "indicator_id": pa.array(list(shown.values()), pa.string()),
        }),
    )
    named = values.inner_join(names, "indicator")
    named = named.inner_join(scope.computation.people.select("person", subject="employee_id"), "person")
    return named.mutate(grain=ibis.literal(grain), is_day=ibis.literal(scope.is_daily)).select(*PUBLISHED)


def _indicator_table(numbers: Mapping[Indicator, int], is_daily: bool) -> "pa.Table":
    import pyarrow as pa

    return pa.table({
        "indicator": pa.array(list(numbers.values()), pa.int32()),
        "need": pa.array([each.needs for each in numbers], pa.string()),
        "is_amount": pa.array([each.kind == "amount" for each in numbers], pa.bool_()),
        "is_certain_when_positive": pa.array(
            [is_daily and each.id == "active_learning_days" for each in numbers], pa.bool_()
        ),
    })
