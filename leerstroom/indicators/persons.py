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
_AT_ONCE = 16  # indicators that are joined with everybody together: the values of 50,000 people in three windows


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
    """Indicator (its place in `chosen`), period, person, status and FOUND of everybody for each indicator."""
    workspace = scope.workspace
    numbers = {number: each for number, each in enumerate(chosen) if each.of == "person"}
    parts: list[tuple[dict[str, int], ir.Table]] = []
    for place, at_once in enumerate(_in_parts(list(numbers), _AT_ONCE)):
        found = [
            (
                {"indicator": number},
                workspace.keep(
                    f"found_{scope.name}_{number}", normal(numbers[number].compute(scope), numbers[number], scope.by)
                ),
            )
            for number in at_once
        ]
        indicators = workspace.give(
            f"indicators_{scope.name}_{place}",
            _indicator_table({number: numbers[number] for number in at_once}, scope.is_daily),
        )
        values = _with_reasons(
            scope, workspace.stacked(f"found_{scope.name}_part_{place}", found, (*scope.by, *FOUND)), indicators
        )
        name = f"person_values_{scope.name}_{place}"
        parts.append(({}, workspace.view(name, values) if scope.is_daily else workspace.keep(name, values)))
    if not parts:
        nobody = workspace.give(f"indicators_{scope.name}", _indicator_table({}, scope.is_daily))
        return _with_reasons(scope, _nothing_found(scope), nobody)
    return workspace.stacked(f"person_values_{scope.name}", parts, ("indicator", *scope.by, "status", *FOUND))


def _with_reasons(scope: "Scope", found: "ir.Table", indicators: "ir.Table") -> "ir.Table":
    """Everybody's value of some indicators, or why there is none."""
    import ibis

    every = scope.people.cross_join(indicators)
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
    return shaped.select(
        "indicator", "period", "person", "status",
        **{name: ibis.ifelse(is_known, shaped[name], ibis.null("float64")) for name in FOUND},
    )  # fmt: skip


def _nothing_found(scope: "Scope") -> "ir.Table":
    import ibis

    people = scope.people.filter(False)
    return people.select(
        *scope.by, indicator=ibis.literal(0, "int32"), **{name: ibis.null("float64") for name in FOUND}
    )


def _in_parts(numbers: list[int], size: int) -> list[list[int]]:
    return [numbers[place : place + size] for place in range(0, len(numbers), size)]


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


def _indicator_table(numbers: Mapping[int, Indicator], is_daily: bool) -> "pa.Table":
    import pyarrow as pa

    made = numbers.values()
    return pa.table({
        "indicator": pa.array(list(numbers), pa.int32()),
        "need": pa.array([each.needs for each in made], pa.string()),
        "is_amount": pa.array([each.kind == "amount" for each in made], pa.bool_()),
        "is_certain_when_positive": pa.array(
            [is_daily and each.id == "active_learning_days" for each in made], pa.bool_()
        ),
    })
