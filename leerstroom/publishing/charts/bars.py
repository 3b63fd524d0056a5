"""A table of bars: a row a group, a column a measure, each column from its own base line and all on one scale, the value behind the bar."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from leerstroom.publishing.charts.drawing import NARROW, Maker, Plane, Spec, in_lines
from leerstroom.publishing.facts import Figure

_LETTERS = 25  # that fit beside the bars


@dataclass(frozen=True, slots=True)
class Row:
    """One row: a figure a column. `remark` stands instead of the bars when a group is not shown; `strong` sets the whole apart."""

    label: str
    figures: Sequence[Figure]
    strong: bool = False
    remark: str = ""


def bars_table(
    rows: Sequence[Row],
    columns: Sequence[str],
    colours: Sequence[str],
    show: Callable[[Figure], str],
    *,
    shares: bool = False,
) -> Maker:
    """Bars in columns. With `shares` every bar lies on a track that is the whole."""

    def make(width: int) -> Spec:
        narrow = width == NARROW
        label, gap = (0, 14) if narrow else (176, 24)
        column = (width - label - gap * (len(columns) - 1)) / len(columns)
        longest = column - (50 if narrow else 60)  # room for the value behind the longest bar
        highest = (
            1.0 if shares else max((figure.value or 0.0 for row in rows for figure in row.figures), default=0.0) or 1.0
        )
        places = [label + place * (column + gap) for place in range(len(columns))]
        pitch, thickness, below = (42, 10, 15) if narrow else (30, 14, 0)
        tops = [number * pitch + (10 if number and rows[0].strong else 0) for number in range(len(rows))]
        plane = Plane(width, -34, tops[-1] + below + 16)
        plane.words(
            [{"x": x, "y": -24, "text": name} for x, name in zip(places, columns, strict=True)],
            "muted",
            fontWeight=600,
            limit=column + gap - 2,
        )
        for row, y in zip(rows, tops, strict=True):
            lines = [row.label] if narrow else in_lines(row.label, _LETTERS)
            size = 12.5 if len(lines) == 1 else 11.5  # two lines fit the height of a row
            plane.words(
                [
                    {"x": 0, "y": y + 13 * (place - (len(lines) - 1) / 2), "text": line}
                    for place, line in enumerate(lines)
                ],
                fontSize=size,
                fontWeight=700 if row.strong else 400,
                limit=width if narrow else label - 8,
            )
            if row.remark:
                plane.words(
                    [{"x": label, "y": y + below, "text": row.remark}], "muted", fontStyle="italic", limit=width - label
                )
                continue
            for x, figure, colour in zip(places, row.figures, colours, strict=True):
                _bar(
                    plane,
                    x,
                    y + below,
                    figure,
                    colour,
                    longest=longest,
                    share=(figure.value or 0.0) / highest,
                    thickness=thickness,
                    track=shares,
                    text=show(figure),
                    strong=row.strong,
                )
        if rows[0].strong and len(rows) > 1:
            plane.rules([{"x": 0, "x2": width, "y": tops[1] - (19 if not narrow else 16)}], "line", strokeWidth=0.8)
        return plane.done()

    return make


def _bar(
    plane: Plane,
    x: float,
    y: float,
    figure: Figure,
    colour: str,
    *,
    longest: float,
    share: float,
    thickness: int,
    track: bool,
    text: str,
    strong: bool,
) -> None:
    place: dict[str, Any] = {"x": x, "y": y}
    if not figure.shown:
        plane.words([{**place, "text": text}], "muted", fontStyle="italic", fontSize=11.5)
        return
    if track:
        plane.bars([{**place, "x2": x + longest}], "soft", thickness, cornerRadius=2)
    end = x + max(1.0 if share else 0.0, longest * share)
    plane.bars([{**place, "x2": end}], colour, thickness, cornerRadius=2)
    plane.words([{"x": (x + longest if track else end) + 6, "y": y, "text": text}], fontWeight=700 if strong else 400)
