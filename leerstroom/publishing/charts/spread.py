"""Many groups at once: a line a measure, a small dot a group, the whole organisation as the large one. Names stand in the table behind it."""

from collections.abc import Callable, Sequence

from leerstroom.publishing.charts.bars import Row
from leerstroom.publishing.charts.drawing import NARROW, Maker, Plane, Spec
from leerstroom.publishing.facts import Figure


def spread(
    rows: Sequence[Row],
    columns: Sequence[str],
    colours: Sequence[str],
    show: Callable[[Figure], str],
    *,
    shares: bool = False,
) -> Maker:
    """A dot for every row that has a figure; all columns on one scale, which is the whole with `shares`."""

    def make(width: int) -> Spec:
        narrow = width == NARROW
        label, pitch = (6, 66) if narrow else (130, 58)
        span = width - label - 30
        every = [figure.value or 0.0 for row in rows for figure in row.figures if figure.shown]
        highest = 1.0 if shares else max(every, default=0.0) or 1.0
        bottom = (len(columns) - 1) * pitch + 26
        plane = Plane(width, -40, bottom + 18)
        ends = [(place, show(Figure(highest * place, "ok"))) for place in (0.0, 0.5, 1.0)]
        plane.rules([{"x": label + span * place, "y": -18, "y2": bottom} for place, _ in ends], "line", strokeWidth=0.7)
        plane.words(
            [{"x": label + span * place, "y": bottom + 10, "text": text} for place, text in ends],
            "muted",
            align="center",
            fontSize=11.5,
        )
        for number, (name, colour) in enumerate(zip(columns, colours, strict=True)):
            y = number * pitch
            plane.words(
                [{"x": 0, "y": y - (28 if narrow else 0), "text": name}],
                fontSize=12.5,
                fontWeight=600,
                limit=width if narrow else label - 8,
            )
            plane.rules([{"x": label, "x2": label + span, "y": y}], "line", strokeWidth=0.8)
            figures = [
                (row.strong, row.figures[number]) for row in rows if not row.remark and row.figures[number].shown
            ]
            places = [(strong, label + span * (figure.value or 0.0) / highest, figure) for strong, figure in figures]
            plane.points([{"x": x, "y": y} for strong, x, _ in places if not strong], colour, size=70, opacity=0.3)
            for x, figure in ((x, figure) for strong, x, figure in places if strong):
                plane.points([{"x": x, "y": y}], "paper", size=330)
                plane.points([{"x": x, "y": y}], colour, size=240)
                plane.words([{"x": x, "y": y - 19, "text": show(figure)}], align="center", fontSize=14, fontWeight=700)
        return plane.done()

    return make
