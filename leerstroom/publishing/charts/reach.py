"""How many took part: a line a kind of learning from the shortest to the longest window, the headline window as the large dot."""

from collections.abc import Mapping

from leerstroom.publishing.charts.drawing import NARROW, Maker, Plane, Spec
from leerstroom.publishing.facts import REACHES, Figure
from leerstroom.publishing.wording import Wording

_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def reach(by_days: Mapping[int, Mapping[str, Figure]], headline: int, wording: Wording) -> Maker:
    """Window length -> kind -> share of employees, 0 to 1."""

    def make(width: int) -> Spec:
        narrow = width == NARROW
        label = 4 if narrow else 130
        pitch = 74 if narrow else 56
        span = width - label - 22
        tops = {kind: number * pitch for number, kind in enumerate(REACHES)}
        bottom = max(tops.values()) + 34
        plane = Plane(width, -40 if narrow else -32, bottom + 22)
        plane.rules([{"x": label + span * tick, "y": -20, "y2": bottom} for tick in _TICKS], "line", strokeWidth=0.7)
        plane.words(
            [{"x": label + span * tick, "y": bottom + 12, "text": wording.percent(tick)} for tick in _TICKS],
            "muted",
            align="center",
            fontSize=11.5,
        )
        known = {
            kind: {days: figures[kind].value or 0.0 for days, figures in sorted(by_days.items()) if figures[kind].shown}
            for kind in REACHES
        }
        for kind, y in tops.items():
            plane.words(
                [{"x": 0, "y": y - (30 if narrow else 0), "text": wording.text(f"kinds.{kind}")}],
                fontSize=13,
                fontWeight=600,
            )
            if known[kind]:
                ends = min(known[kind].values()), max(known[kind].values())
                plane.rules(
                    [{"x": label + span * ends[0], "x2": label + span * ends[1], "y": y}],
                    _colour(kind),
                    strokeWidth=4,
                    opacity=0.35,
                )
            else:
                reason = wording.status(next(iter(by_days.values()))[kind].status)
                plane.words([{"x": label, "y": y, "text": reason}], "muted", fontStyle="italic")
        for kind, y in tops.items():  # marks after all lines: they lie on top
            _marks(
                plane,
                {days: (label + span * value, value) for days, value in known[kind].items()},
                y,
                kind,
                headline,
                wording,
            )
        return plane.done()

    return make


def _colour(kind: str) -> str:
    return "ink" if kind == "any" else kind


def _marks(
    plane: Plane, places: Mapping[int, tuple[float, float]], y: float, kind: str, headline: int, wording: Wording
) -> None:
    taken: list[float] = []
    for days in sorted(places, key=lambda each: each != headline):
        x, value = places[days]
        if days == headline:
            plane.points([{"x": x, "y": y}], _colour(kind), size=240)
            plane.words(
                [{"x": x, "y": y - 19, "text": wording.percent(value)}], align="center", fontSize=15, fontWeight=700
            )
        elif all(abs(x - other) > 12 for other in taken):
            plane.points([{"x": x, "y": y}], "paper", size=90)
            plane.points([{"x": x, "y": y}], _colour(kind), size=80, filled=False, strokeWidth=2)
        if all(abs(x - other) > 52 for other in taken):  # two notes on one spot cannot be read
            plane.words(
                [{"x": x, "y": y + 18, "text": wording.counted("sections.reach.days", days)}],
                "muted",
                align="center",
                fontSize=11,
            )
        taken.append(x)
