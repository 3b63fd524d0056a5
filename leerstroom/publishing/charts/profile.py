"""How far: a track from 1.0 to 3.0 a dimension, with a mark; a broken track where the connected sources cannot tell."""

from collections.abc import Sequence

from leerstroom.publishing.charts.drawing import NARROW, Maker, Plane, Spec
from leerstroom.publishing.facts import Figure
from leerstroom.publishing.wording import Wording


def profile(rows: Sequence[tuple[str, str, str, Figure]], wording: Wording) -> Maker:
    """(name, left end, right end, figure) a row."""

    def make(width: int) -> Spec:
        narrow = width == NARROW
        label = 0 if narrow else 176
        pitch = 70 if narrow else 48  # on a phone the name stands above the value, which may be at the left end too
        left, right = label + 8.0, width - 10.0
        last = (len(rows) - 1) * pitch
        plane = Plane(width, -68 if narrow else -40, last + 26)
        thirds = [left, (left + right) / 2, right]
        plane.rules([{"x": x, "y": -26 if narrow else -22, "y2": last + 8} for x in thirds], "line", strokeWidth=0.8)
        for x, stage in zip(
            thirds, ("1.0", "2.0", "3.0"), strict=True
        ):  # names of stages, so with a point in Dutch too
            plane.words([{"x": x, "y": -58 if narrow else -32, "text": stage}], "muted", align="center", fontWeight=600)
        for number, (name, low, high, figure) in enumerate(rows):
            y = number * pitch
            plane.words([{"x": 0, "y": y - (34 if narrow else 0), "text": name}], fontSize=13, fontWeight=600)
            plane.words([{"x": left, "y": y + 16, "text": low}], "muted", fontSize=11.5)
            plane.words([{"x": right, "y": y + 16, "text": high}], "muted", fontSize=11.5, align="right")
            if figure.value is None:
                plane.rules([{"x": left, "x2": right, "y": y}], "muted", strokeWidth=1.5, strokeDash=[2, 5])
                plane.words(
                    [{"x": thirds[1], "y": y - 11, "text": wording.text("sections.maturity.unmeasured")}],
                    "muted",
                    align="center",
                    fontStyle="italic",
                )
                continue
            x = left + (right - left) * (min(max(figure.value, 1.0), 3.0) - 1) / 2
            plane.rules([{"x": left, "x2": right, "y": y}], "line", strokeWidth=6, strokeCap="round")
            plane.rules([{"x": left, "x2": x, "y": y}], "step2", strokeWidth=6, strokeCap="round")
            plane.points([{"x": x, "y": y}], "step3", size=260)
            plane.words(
                [{"x": x, "y": y - 17, "text": wording.number(figure.value, 1)}],
                align="center",
                fontSize=14,
                fontWeight=700,
            )
        return plane.done()

    return make
