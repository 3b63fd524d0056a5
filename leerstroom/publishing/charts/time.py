"""Small multiples over time: a row of bars a series, one above the other, on one scale so that heights may be compared."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from leerstroom.publishing.charts.drawing import WIDE, Maker, Spec, finished, lookup
from leerstroom.publishing.facts import Step
from leerstroom.publishing.palette import LIGHT
from leerstroom.publishing.wording import Wording

_AXIS = 44  # room for the numbers at the right
_FEWEST = 14  # steps that fill the width: the bars of a short series do not grow into walls


@dataclass(frozen=True, slots=True)
class Series:
    """One row of small multiples."""

    label: str
    colour: str  # a name of the palette
    steps: Sequence[Step]


def over_time(rows: Sequence[Series], wording: Wording, *, weekly: bool, unit: float = 1.0, height: int = 84) -> Maker:
    """Bars of value / `unit`. A step with a missing source stands on a shaded ground: its bar is a lower bound. A cross is a step that is withheld."""

    def make(width: int) -> Spec:
        top, every = _round_top(
            max(((step.value or 0.0) / unit for series in rows for step in series.steps), default=0.0)
        )
        steps = rows[0].steps
        marked = _marked(steps, width, weekly)
        days = {
            "values": marked, "labelExpr": lookup({str(position): wording.short_day(steps[position].day) for position in marked}),
            "labelAngle": 0, "labelAlign": "center" if weekly else "left", "labelPadding": 6, "grid": False, "labelOverlap": True,
        }  # fmt: skip
        numbers = {"values": [0, every, 2 * every], "format": ",.1~f", "orient": "right", "labelPadding": 4}
        value = {"field": "v", "type": "quantitative", "scale": {"domain": [0, top], "nice": False}, "axis": numbers}
        parts = []
        for number, series in enumerate(rows):
            place = {
                "field": "i",
                "type": "ordinal",
                "scale": {
                    "paddingInner": 0.2,
                    "paddingOuter": 0.1,
                    "domain": list(range(max(len(steps), _FEWEST))),
                },
                "axis": days if number == len(rows) - 1 else None,
            }
            ground = {
                "mark": {"type": "rect", "color": LIGHT["gap"], "width": {"band": 1.26}},
                "encoding": {"x": place},
                "transform": [{"filter": "!datum.loaded"}],
            }
            bars = {
                "mark": {"type": "bar", "color": LIGHT[series.colour], "cornerRadius": 1},
                "encoding": {"x": place, "y": value},
            }
            crosses = {
                "mark": {"type": "text", "text": "×", "baseline": "bottom", "color": LIGHT["muted"], "fontSize": 13},
                "encoding": {"x": place, "y": {"datum": 0, "type": "quantitative"}},
                "transform": [{"filter": "datum.withheld"}],
            }
            parts.append({
                "title": {"text": series.label, "fontWeight": 600}, "width": width - _AXIS, "height": height,
                "data": {"values": [_cell(position, step, unit) for position, step in enumerate(series.steps)]}, "layer": [ground, bars, crosses],
            })  # fmt: skip
        return finished({"vconcat": parts})

    return make


def _cell(position: int, step: Step, unit: float) -> dict[str, Any]:
    value = None if step.value is None else step.value / unit
    return {"i": position, "v": value, "loaded": step.loaded, "withheld": step.withheld}


def _round_top(highest: float) -> tuple[float, float]:
    """The upper end of the scale and the distance of its marks (0, one, two), easy to read and with the second mark within the scale."""
    if highest <= 0:
        return 1.0, 0.5
    power = 10.0 ** math.floor(math.log10(highest))
    every = next(size * power for size in (0.5, 1.0, 2.0, 2.5, 5.0) if 2.35 * size * power >= highest)
    return max(highest * 1.04, 2 * every), every


def _marked(steps: Sequence[Step], width: int, weekly: bool) -> list[int]:
    if weekly:
        every = max(1, round(len(steps) / (8 if width == WIDE else 4)))
        return list(range(0, len(steps), every))
    mondays = [position for position, step in enumerate(steps) if step.day.weekday() == 0]
    if not mondays:
        return [0]
    return mondays if width == WIDE or len(mondays) <= 4 else mondays[::2]
