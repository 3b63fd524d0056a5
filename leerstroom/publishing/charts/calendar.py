"""Which source was loaded when: a square a day, filled when loaded, open when not, a dot when doubtful. Shape tells it as well as colour."""

from collections.abc import Sequence
from datetime import date

from leerstroom.publishing.charts.drawing import NARROW, Maker, Plane, Spec
from leerstroom.publishing.wording import Wording

_FEWEST = 14  # days that fill the width: squares of a short series do not grow into tiles


def coverage(cells: Sequence[tuple[str, date, str]], names: Sequence[tuple[str, str]], wording: Wording) -> Maker:
    """(source kind, day, status) a cell; `names` gives the rows in order as (source kind, what to call it)."""

    def make(width: int) -> Spec:
        narrow = width == NARROW
        label = 0 if narrow else 176
        days = sorted({day for _, day, _ in cells})
        pitch_x = (width - label) / max(len(days), _FEWEST)
        pitch_y = 50 if narrow else 28
        side = min(20.0, pitch_x - 2)
        below = 21 if narrow else 0
        places = {day: label + (position + 0.5) * pitch_x for position, day in enumerate(days)}
        tops = {kind: number * pitch_y for number, (kind, _) in enumerate(names)}
        bottom = max(tops.values(), default=0) + below + 24
        plane = Plane(width, -16, bottom + 10)
        plane.words([{"x": 0, "y": tops[kind], "text": name} for kind, name in names], fontSize=12.5)
        at = [{"x": places[day], "y": tops[kind] + below, "status": status} for kind, day, status in cells]
        plane.points([each for each in at if each["status"] == "ok"], "step2", shape="square", size=side**2)
        plane.points(
            [each for each in at if each["status"] == "missing"],
            "doubt",
            shape="square",
            size=(side * 0.85) ** 2,
            filled=False,
            strokeWidth=1.5,
        )
        plane.points(
            [each for each in at if each["status"] not in {"ok", "missing"}],
            "doubt",
            shape="circle",
            size=side**2 * 0.45,
        )
        mondays = [day for day in days if day.weekday() == 0]
        if narrow and len(mondays) > 3:
            mondays = mondays[::2]
        plane.words(
            [{"x": places[day] - side / 2, "y": bottom, "text": wording.short_day(day)} for day in mondays],
            "muted",
            fontSize=11.5,
        )
        return plane.done()

    return make
