"""How many took part: a line a kind of learning from the shortest to the longest window, the headline window as the large dot."""

from collections.abc import Mapping

from leerstroom.publishing.charts.drawing import NARROW, Maker, Plane, Spec
from leerstroom.publishing.facts import KINDS, Figure
from leerstroom.publishing.wording import Wording

_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def reach(by_days: Mapping[int, Mapping[str, Figure]], headline: int, wording: Wording) -> Maker:
    """Window length -> kind -> share of employees, 0 to 1."""

    def make(width: int) -> Spec:
        narrow = width == NARROW
        label = 4 if narrow else 130
        pitch = 74 if narrow else 56
        span = width - label - 22
        tops = {kind: number * pitch for number, kind in enumerate(KINDS)}
        bottom = max(tops.values()) + 34
        plane = Plane(width, -40 if narrow else -32, bottom + 22)
        plane.rules([{"x": label + span * tick, "y": -20, "y2": bottom} for tick in _TICKS], "line", strokeWidth=0.7)
        plane.words(
            [{"x": label + span * tick, "y": bottom + 12, "text": wording.percent(tick)} for tick in _TICKS],
            "muted",
            align="center",
            fontSize=11.5,
        )
        for kind, y in tops.items():
            known = {days: figures[kind].value for days, figures in sorted(by_days.items()) if figures[kind].shown}
            plane.words(
                [{"x": 0, "y": y - (30 if narrow else 0), "text": wording.text(f"kinds.{kind}")}],
                fontSize=13,
                fontWeight=600,
            )
            if not known:
                plane.words(
                    [{"x": label, "y": y, "text": wording.status(next(iter(by_days.values()))[kind].status)}],
                    "muted",
                    fontStyle="italic",
                )
                continue
            places = {days: label + span * (value or 0.0) for days, value in known.items()}
            plane.rules(
                [{"x": min(places.values()), "x2": max(places.values()), "y": y}], kind, strokeWidth=4, opacity=0.35
            )
            taken: list[float] = []
            for days in sorted(places, key=lambda each: each != headline):
                x, large = places[days], days == headline
                plane.points([{"x": x, "y": y}], kind if large else "card", size=240 if large else 90)
                if not large:
                    plane.points([{"x": x, "y": y}], kind, size=80, filled=False, strokeWidth=2)
                else:
                    plane.words(
                        [{"x": x, "y": y - 19, "text": wording.percent(known[days])}],
                        align="center",
                        fontSize=15,
                        fontWeight=700,
                    )
                if all(abs(x - other) > 52 for other in taken):  # two notes on one spot cannot be read
                    plane.words(
                        [{"x": x, "y": y + 18, "text": wording.text("sections.reach.days", days=days)}],
                        "muted",
                        align="center",
                        fontSize=11,
                    )
                    taken.append(x)
        return plane.done()

    return make
