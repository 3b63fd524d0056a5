"""Charts are valid Vega-Lite and show what they were given."""

import json
import re
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leerstroom.publishing import charts
from leerstroom.publishing.charts.drawing import NARROW, WIDE
from leerstroom.publishing.charts.time import _round_top
from leerstroom.publishing.facts import REACHES, Figure, Step
from leerstroom.publishing.wording import Wording

NL = Wording("nl")
FIRST = date(2026, 11, 2)


def steps(*values: float | None) -> list[Step]:
    return [Step(FIRST + timedelta(n), value, value is not None) for n, value in enumerate(values)]


def ok(value: float | None) -> Figure:
    return Figure(value, "ok" if value is not None else "not_measurable")


MAKERS: dict[str, Any] = {
    "time": charts.over_time([charts.Series("Formeel", "formal", steps(60, None, 0, 90))], NL, weekly=False, unit=60),
    "weeks": charts.over_time([charts.Series("Formeel", "formal", steps(*range(14)))], NL, weekly=True),
    "bars": charts.bars_table(
        [charts.Row("Alles", [ok(0.4), ok(None)], strong=True), charts.Row("Klein", [ok(None)] * 2, remark="niet getoond")],
        ["A", "B"], ("step1", "step2"), lambda figure: NL.percent(figure.value), shares=True,
    ),
    "spread": charts.spread(
        [charts.Row("Alles", [ok(0.4), ok(0.5)], strong=True), charts.Row("Klein", [ok(None)] * 2, remark="niet getoond"),
         *(charts.Row(f"T{number}", [ok(number / 50), ok(None)]) for number in range(50))],
        ["A", "B"], ("step1", "step2"), lambda figure: NL.percent(figure.value), shares=True,
    ),
    "reach": charts.reach({7: {kind: ok(0.3) for kind in REACHES}, 28: {kind: ok(0.6 if kind != "formal" else None) for kind in REACHES}}, 28, NL),
    "dots": charts.dots(19, 11, 1),
    "profile": charts.profile([("Vorm", "overdracht", "netwerk", ok(1.7)), ("Doelen", "vast", "ontdekt", ok(None))], NL),
    "coverage": charts.coverage([("lms", FIRST, "ok"), ("chat", FIRST, "missing"), ("chat", FIRST + timedelta(1), "suspect")], [("lms", "LMS"), ("chat", "Chat")], NL),
}  # fmt: skip


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("name", list(MAKERS))
def test_a_chart_is_valid_vega_lite(name: str, width: int) -> None:
    import altair as alt

    alt.Chart.from_dict(MAKERS[name](width), validate=True)


@pytest.mark.parametrize("name", list(MAKERS))
def test_a_chart_is_drawn_with_a_title_and_stays_within_its_width(name: str) -> None:
    drawn = charts.draw(MAKERS[name], f"nl-{name}", "Wat <dit> & dat toont", NL)
    assert drawn.count("<svg") == drawn.count("<title") == 2
    assert "Wat &lt;dit&gt; &amp; dat toont" in drawn
    for box, limit in zip(re.findall(r'viewBox="0 0 ([\d.]+) [\d.]+"', drawn), (WIDE, NARROW), strict=True):
        assert float(box) <= limit + 24
    assert "aria-roledescription" not in drawn
    assert "NaN" not in drawn


def test_a_value_that_is_not_known_has_no_bar() -> None:
    spec = json.dumps(MAKERS["bars"](WIDE), ensure_ascii=False)
    bars = [layer for layer in json.loads(spec)["layer"] if layer["mark"]["type"] == "bar"]
    assert sum(len(layer["data"]["values"]) for layer in bars) == 2  # one track and one bar
    assert "niet getoond" in spec


def test_of_many_groups_each_is_a_dot_and_none_has_a_name() -> None:
    layers = MAKERS["spread"](WIDE)["layer"]
    dots = [layer for layer in layers if layer["mark"].get("opacity") == 0.3]
    assert sum(len(layer["data"]["values"]) for layer in dots) == 50
    assert "T7" not in json.dumps(layers)


def test_a_long_name_stands_in_two_lines_and_only_a_longer_one_is_cut() -> None:
    from leerstroom.publishing.charts.drawing import in_lines

    assert in_lines("Vergunningen, Toezicht en Handhaving", 25) == ["Vergunningen, Toezicht en", "Handhaving"]
    assert in_lines("Data", 25) == ["Data"]
    assert in_lines("", 25) == [""]
    cut = in_lines("Maatschappelijke Ondersteuning, Vergunningverlening en Openbare Ruimte", 25)
    assert len(cut) == 2
    assert cut[1].endswith("…")


def test_the_bars_of_one_day_are_no_wall_and_the_day_is_named() -> None:
    spec = charts.over_time(
        [charts.Series("Formeel", "formal", [Step(date(2026, 11, 15), 60.0, True)])], NL, weekly=False
    )(WIDE)
    [bars] = [layer for layer in spec["vconcat"][0]["layer"] if layer["mark"]["type"] == "bar"]
    assert len(bars["encoding"]["x"]["scale"]["domain"]) == 14
    assert "15 nov" in json.dumps(bars["encoding"]["x"]["axis"], ensure_ascii=False).replace("\N{NO-BREAK SPACE}", " ")


def test_dots_are_as_many_as_questions() -> None:
    layers = MAKERS["dots"](WIDE)["layer"]
    assert [len(layer["data"]["values"]) for layer in layers] == [11, 8]


@given(st.one_of(st.just(0.0), st.floats(min_value=0.001, max_value=1e7)))
def test_the_scale_holds_every_bar_and_both_marks(highest: float) -> None:
    top, every = _round_top(highest)
    assert top >= highest
    assert 0 < 2 * every <= top
    assert highest <= 0 or 2.36 * every >= highest


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("name", ["profile", "coverage"])
def test_no_words_lie_on_others_or_on_a_mark_at_the_left_end(name: str, width: int) -> None:
    """A low value stands at the left, where a phone has the names of rows too."""
    lowest = charts.profile([(f"Vorm {number}", "vast", "ontdekt", ok(1.0)) for number in range(3)], NL)
    spec = (lowest if name == "profile" else MAKERS[name])(width)
    boxes = []
    for layer in spec["layer"]:
        mark = layer["mark"]
        for row in layer["data"]["values"]:
            if mark["type"] == "text":
                tall = mark["fontSize"] * 0.9
                wide = len(row["text"]) * mark["fontSize"] * 0.55
                left = row["x"] - {"left": 0, "center": wide / 2, "right": wide}[mark["align"]]
            elif mark["type"] == "point":
                wide = tall = mark["size"] ** 0.5 * (1 if mark.get("shape") == "square" else 1.13)
                left = row["x"] - wide / 2
            else:
                continue
            boxes.append((left, row["y"] - tall / 2, left + wide, row["y"] + tall / 2, row.get("text", "mark")))
    on = [
        (one[4], other[4])
        for number, one in enumerate(boxes)
        for other in boxes[number + 1 :]
        if one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
    ]
    assert on == []
