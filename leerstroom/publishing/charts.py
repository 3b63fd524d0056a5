"""The charts of the report: Altair specifications, drawn to SVG by vl-convert without a browser, a script or a network.

Every chart exists wide and narrow, so letters keep their size on a telephone. Letters are set in the page's own fonts and colours repainted by
its style sheet. What a chart shows stands in a table behind it as well; the drawing itself is one image for a screen reader.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leerstroom.publishing.facts import DIRECTIONS, KINDS, Figure, Step
from leerstroom.publishing.palette import LIGHT
from leerstroom.publishing.wording import Wording

if TYPE_CHECKING:
    import altair as alt

WIDE, NARROW = 720, 348
FONT = "Inter, 'Segoe UI', system-ui, -apple-system, Roboto, 'Liberation Sans', sans-serif"
STEPS = ("step1", "step2", "step3")
_INNER = re.compile(r' (?:aria-[a-z]+|role|class|pointer-events|xmlns:xlink|xmlns|version)="[^"]*"')
_LONG = re.compile(r"(\d+\.\d{2})\d+")


@dataclass(frozen=True, slots=True)
class Series:
    """One row of small multiples over time."""

    label: str
    colour: str  # a name of the palette
    steps: Sequence[Step]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table of bars: a figure a column. `remark` stands instead of the bars when a group is not shown."""

    label: str
    figures: Sequence[Figure]
    strong: bool = False
    remark: str = ""


def draw(make: Callable[[int], "alt.TopLevelMixin"], name: str, title: str, wording: Wording) -> str:
    """Both sizes as inline SVG. `title` says in words what the picture shows; `name` must be unique on the page."""
    import vl_convert

    drawn = []
    for size, width in (("wide", WIDE), ("narrow", NARROW)):
        spec = make(width).to_dict(validate=False)
        svg = vl_convert.vegalite_to_svg(spec, format_locale=wording.locale if wording.language == "nl" else None)
        drawn.append(_inline(svg, f"{name}-{size}", title, size))
    return "".join(drawn)


def _inline(svg: str, name: str, title: str, size: str) -> str:
    head, body = svg.split(">", 1)
    box = re.search(r'viewBox="([^"]+)"', head)
    if box is None:
        raise ValueError("the drawing has no size")
    body = (
        _LONG
        .sub(r"\1", _INNER.sub("", body))
        .replace('id="clip', f'id="{name}-clip')
        .replace("url(#clip", f"url(#{name}-clip")
    )
    body = re.sub(r'<rect width="[^"]+" height="[^"]+" fill="(?:white|transparent)"/>', "", body, count=1)
    body = re.sub(r' font-family="[^"]*"', "", body)
    return f'<svg class="chart {size}" viewBox="{box[1]}" role="img" aria-labelledby="{name}-t"><title id="{name}-t">{_escape(title)}</title>{body}'


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _finish(chart: Any) -> Any:
    quiet = {
        "domain": False,
        "ticks": False,
        "labelColor": LIGHT["muted"],
        "labelFont": FONT,
        "labelFontSize": 12,
        "titleFont": FONT,
    }
    return (
        chart
        .configure(background="transparent", font=FONT, padding={"left": 0, "right": 2, "top": 2, "bottom": 2})
        .configure_view(stroke=None)
        .configure_axis(grid=True, gridColor=LIGHT["line"], gridWidth=0.7, title=None, **quiet)
        .configure_title(font=FONT, anchor="start", fontSize=13, offset=6, color=LIGHT["ink"])
        .configure_concat(spacing=14)
        .configure_text(font=FONT)
    )  # fmt: skip


# --- over time -----------------------------------------------------------------------------------------------------------------
def over_time(
    rows: Sequence[Series], wording: Wording, *, weekly: bool, minutes: bool, height: int = 84
) -> Callable[[int], Any]:
    """Small multiples of bars, one above the other on one scale; steps with a missing source stand on a shaded ground."""

    def make(width: int) -> Any:
        import altair as alt

        unit = 60.0 if minutes else 1.0
        values = [
            {
                "row": series.label,
                "i": position,
                "v": None if step.value is None else step.value / unit,
                "loaded": step.loaded,
            }
            for series in rows
            for position, step in enumerate(series.steps)
        ]
        top = max((each["v"] or 0.0 for each in values), default=0.0) or 1.0
        steps = rows[0].steps
        every = (
            max(1, round(len(steps) / (8 if width == WIDE else 4)))
            if weekly
            else 7
            if width == WIDE or len(steps) <= 28
            else 14
        )
        marked = [
            position
            for position, step in enumerate(steps)
            if (position % every == 0 if weekly else step.day.weekday() == 0)
        ]
        if not weekly and every == 14:
            marked = marked[::2]
        names = {str(position): wording.short_day(steps[position].day) for position in marked}
        charts = []
        for number, series in enumerate(rows):
            data = alt.Data(values=[each for each in values if each["row"] == series.label])
            last = number == len(rows) - 1
            x = alt.X("i:O").scale(paddingInner=0.18, paddingOuter=0.05)
            axis = alt.Axis(
                values=marked,
                labelExpr=f"({_js(names)})[datum.value]",
                labelAngle=0,
                labelAlign="left",
                labelPadding=6,
                grid=False,
                labelOverlap=True,
            )
            x = x.axis(axis if last else None)
            y = alt.Y("v:Q").scale(domain=[0, top], nice=True)
            y = y.axis(alt.Axis(tickCount=3, format=",.0f" if top >= 3 else ",.1f", orient="right", labelPadding=4))
            ground = alt.Chart(data).mark_rect(color=LIGHT["gap"]).transform_filter("!datum.loaded").encode(x=x)
            bars = alt.Chart(data).mark_bar(color=LIGHT[series.colour], cornerRadiusEnd=1.5).encode(x=x, y=y)
            title = alt.TitleParams(series.label, color=LIGHT["ink"], fontWeight=600)
            charts.append(alt.layer(ground, bars).properties(width=width - 44, height=height, title=title))
        return _finish(alt.vconcat(*charts))

    return make


def _js(names: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"'{key}': '{value}'" for key, value in names.items()) + "}"


# --- bars side by side -----------------------------------------------------------------------------------------------------------
def bars_table(
    rows: Sequence[Row],
    columns: Sequence[str],
    colours: Sequence[str],
    show: Callable[[Figure], str],
    top: float | None = None,
) -> Callable[[int], Any]:
    """Rows of bars in columns, each column from its own base line and all on one scale, with the value at the end of the bar."""

    def make(width: int) -> Any:
        import altair as alt

        narrow = width == NARROW
        label = 0 if narrow else 190
        gap = 12 if narrow else 20
        column = (width - label - gap * (len(columns) - 1)) / len(columns)
        room = 46 if narrow else 58  # for the value behind the longest bar
        highest = top or max((figure.value or 0.0 for row in rows for figure in row.figures), default=0.0) or 1.0
        pitch, thick = (40, 11) if narrow else (30, 14)
        down = 15 if narrow else 0
        layers = []
        marks = [
            {
                "x": label + place * (column + gap),
                "x2": label + place * (column + gap) + max(1.0, (column - room) * (figure.value or 0.0) / highest),
                "y": number * pitch + down,
                "colour": colour,
                "text": show(figure),
                "shown": figure.shown,
                "strong": row.strong,
            }
            for number, row in enumerate(rows)
            if not row.remark
            for place, (figure, colour) in enumerate(zip(row.figures, colours, strict=True))
        ]
        words = [
            {
                "x": 0 if narrow else label - 14,
                "y": number * pitch + (0 if narrow else 0),
                "text": row.label,
                "strong": row.strong,
                "row": number,
            }
            for number, row in enumerate(rows)
        ]
        remarks = [
            {"x": label, "y": number * pitch + down, "text": row.remark}
            for number, row in enumerate(rows)
            if row.remark
        ]
        heads = [
            {"x": label + place * (column + gap), "y": -24 if narrow else -22, "text": name}
            for place, name in enumerate(columns)
        ]
        height = len(rows) * pitch + 22
        scale_x = alt.Scale(domain=[0, width], nice=False, zero=False)
        scale_y = alt.Scale(domain=[-32, height - 32], reverse=True, nice=False, zero=False)

        def at(field: str = "x") -> Any:
            return alt.X(f"{field}:Q", scale=scale_x, axis=None)

        def down_at(field: str = "y") -> Any:
            return alt.Y(f"{field}:Q", scale=scale_y, axis=None)

        for colour in dict.fromkeys(colours):
            data = alt.Data(values=[each for each in marks if each["colour"] == colour and each["shown"]])
            layers.append(
                alt
                .Chart(data)
                .mark_bar(color=LIGHT[colour], size=thick, cornerRadiusEnd=2)
                .encode(x=at(), x2="x2:Q", y=down_at())
            )
        values = alt.Data(values=[{**each, "end": each["x2"] if each["shown"] else each["x"]} for each in marks])
        for strong in (True, False):
            weight = 700 if strong else 400
            layers.append(
                alt.Chart(values).transform_filter(f"datum.shown && datum.strong === {_bool(strong)}")
                .mark_text(align="left", dx=5, fontSize=12, fontWeight=weight, color=LIGHT["ink"]).encode(x=at("end"), y=down_at(), text="text:N")
            )  # fmt: skip
            layers.append(
                alt.Chart(alt.Data(values=words)).transform_filter(f"datum.strong === {_bool(strong)}")
                .mark_text(align="left" if narrow else "right", fontSize=12.5, fontWeight=weight, color=LIGHT["ink"])
                .encode(x=at(), y=down_at(), text="text:N")
            )  # fmt: skip
        layers.append(
            alt.Chart(values).transform_filter("!datum.shown")
            .mark_text(align="left", fontSize=11.5, color=LIGHT["muted"], fontStyle="italic").encode(x=at("end"), y=down_at(), text="text:N")
        )  # fmt: skip
        layers.append(
            alt.Chart(alt.Data(values=remarks))
            .mark_text(align="left", fontSize=12, color=LIGHT["muted"], fontStyle="italic", limit=width - label).encode(x=at(), y=down_at(), text="text:N")
        )  # fmt: skip
        layers.append(
            alt.Chart(alt.Data(values=heads))
            .mark_text(align="left", fontSize=12, fontWeight=600, color=LIGHT["muted"], limit=column).encode(x=at(), y=down_at(), text="text:N")
        )  # fmt: skip
        return _finish(alt.layer(*layers).properties(width=width, height=height))

    return make


def _bool(value: bool) -> str:
    return "true" if value else "false"


# --- reach -----------------------------------------------------------------------------------------------------------------------
def reach(by_days: Mapping[int, Mapping[str, Figure]], headline: int, wording: Wording) -> Callable[[int], Any]:
    """A line a kind of learning: how many took part within each window. The headline window is the large dot."""

    def make(width: int) -> Any:
        import altair as alt

        narrow = width == NARROW
        label = 0 if narrow else 130
        dots = [
            {"kind": kind, "days": days, "v": figures[kind].value, "large": days == headline, "y": KINDS.index(kind) * 52,
             "text": wording.percent(figures[kind].value), "note": wording.text("sections.reach.days", days=days)}
            for days, figures in by_days.items() for kind in KINDS if figures[kind].shown
        ]  # fmt: skip
        y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[-26, 130], reverse=True, nice=False, zero=False))
        x = alt.X("v:Q").scale(domain=[0, 1]).axis(alt.Axis(format=".0%", tickCount=5, grid=True, labelFlush=True))
        layers = []
        for kind in KINDS:
            data = alt.Data(values=[each for each in dots if each["kind"] == kind])
            colour = LIGHT[kind]
            layers.append(
                alt.Chart(data).mark_line(color=colour, strokeWidth=3, opacity=0.35).encode(x=x, y=y, order="days:Q")
            )
            small = alt.Chart(data).transform_filter("!datum.large")
            layers.append(
                small.mark_point(
                    color=colour, filled=False, fill=LIGHT["card"], size=70, strokeWidth=2, opacity=1
                ).encode(x=x, y=y)
            )
            large = alt.Chart(data).transform_filter("datum.large")
            layers.append(large.mark_point(color=colour, filled=True, size=230, opacity=1).encode(x=x, y=y))
            layers.append(
                large.mark_text(dy=-19, fontSize=15, fontWeight=700, color=LIGHT["ink"]).encode(x=x, y=y, text="text:N")
            )
            layers.append(small.mark_text(dy=17, fontSize=11, color=LIGHT["muted"]).encode(x=x, y=y, text="note:N"))
        names = alt.Data(
            values=[
                {"y": KINDS.index(kind) * 52 - (26 if narrow else 0), "text": wording.text(f"kinds.{kind}")}
                for kind in KINDS
            ]
        )
        layers.append(
            alt.Chart(names).mark_text(align="left", dx=0 if narrow else -label, fontSize=13, fontWeight=600, color=LIGHT["ink"])
            .encode(x=alt.value(0), y=y, text="text:N")
        )  # fmt: skip
        return _finish(alt.layer(*layers).properties(width=width - label - 8, height=190 if not narrow else 210))

    return make


# --- questions -------------------------------------------------------------------------------------------------------------------
def dots(asked: int, answered: int, each: int) -> Callable[[int], Any]:
    """A dot for every `each` questions; filled dots got an answer."""

    def make(width: int) -> Any:
        import altair as alt

        count = max(1, round(asked / each))
        filled = round(count * answered / asked) if asked else 0
        pitch = 17
        across = int(width // pitch)
        values = [{"x": n % across, "y": n // across, "filled": n < filled} for n in range(count)]
        x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[-0.5, across - 0.5], nice=False, zero=False))
        rows = (count - 1) // across + 1
        y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[-0.5, rows - 0.5], reverse=True, nice=False, zero=False))
        full = alt.Chart(alt.Data(values=[each for each in values if each["filled"]]))
        open_ = alt.Chart(alt.Data(values=[each for each in values if not each["filled"]]))
        return _finish(
            alt.layer(
                full.mark_point(color=LIGHT["answered"], filled=True, size=120, opacity=1).encode(x=x, y=y),
                open_.mark_point(color=LIGHT["answered"], filled=False, size=95, strokeWidth=1.6, opacity=1).encode(
                    x=x, y=y
                ),
            ).properties(width=across * pitch, height=rows * pitch)
        )

    return make


# --- shares in one bar -----------------------------------------------------------------------------------------------------------
def directions(rows: Sequence[Row], wording: Wording) -> Callable[[int], Any]:
    """How conversations run, one row a community."""
    names = [wording.text(f"directions.{each}") for each in DIRECTIONS]
    return bars_table(rows, names, STEPS, lambda figure: wording.percent(figure.value), top=1.0)


# --- how far -----------------------------------------------------------------------------------------------------------------------
def maturity(profile: Sequence[tuple[str, str, str, Figure]], wording: Wording) -> Callable[[int], Any]:
    """(name, left end, right end, figure) a row: a track from 1.0 to 3.0 with a mark, or a broken track where nothing can be measured."""

    def make(width: int) -> Any:
        import altair as alt

        narrow = width == NARROW
        label = 0 if narrow else 190
        pitch = 58 if narrow else 46
        rows = [
            {
                "y": n * pitch,
                "name": name,
                "low": low,
                "high": high,
                "v": figure.value,
                "text": wording.number(figure.value, 1),
                "one": 1.0,
                "three": 3.0,
            }
            for n, (name, low, high, figure) in enumerate(profile)
        ]
        height = len(rows) * pitch + 22
        x_scale = alt.Scale(domain=[0.97, 3.03], nice=False, zero=False)
        y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[-30, height - 30], reverse=True, nice=False, zero=False))
        axis = alt.Axis(values=[1, 2, 3], format=".1f", orient="top", grid=True, labelFontSize=12, labelFontWeight=600)
        x = alt.X("v:Q", scale=x_scale, axis=axis)
        known = alt.Chart(alt.Data(values=[each for each in rows if each["v"] is not None]))
        unknown = alt.Chart(alt.Data(values=[each for each in rows if each["v"] is None]))
        every = alt.Chart(alt.Data(values=rows))
        one, three = alt.X("one:Q", scale=x_scale, axis=axis), alt.X2("three:Q")
        ends = {"fontSize": 11.5, "color": LIGHT["muted"], "dy": 14}
        layers = [
            known.mark_rule(color=LIGHT["line"], strokeWidth=6, strokeCap="round").encode(x=one, x2=three, y=y),
            unknown.mark_rule(color=LIGHT["line"], strokeWidth=2, strokeDash=[2, 5]).encode(x=one, x2=three, y=y),
            known.mark_rule(color=LIGHT["step2"], strokeWidth=6, strokeCap="round").encode(x=one, x2="v:Q", y=y),
            known.mark_point(color=LIGHT["step3"], filled=True, size=260, opacity=1).encode(x=x, y=y),
            known.mark_text(color=LIGHT["ink"], fontSize=14, fontWeight=700, dy=-16).encode(x=x, y=y, text="text:N"),
            every.mark_text(align="left", **ends).encode(x=one, y=y, text="low:N"),
            every.mark_text(align="right", **ends).encode(x=alt.X("three:Q", scale=x_scale, axis=axis), y=y, text="high:N"),
            unknown.mark_text(color=LIGHT["muted"], fontStyle="italic", fontSize=12, dy=-11)
            .encode(x=alt.XDatum(2), y=y, text=alt.TextDatum(wording.text("sections.maturity.unmeasured"))),
            every.mark_text(align="left", fontSize=13, fontWeight=600, color=LIGHT["ink"], dx=0 if narrow else -label, dy=-16 if narrow else 0)
            .encode(x=alt.value(0), y=y, text="name:N"),
        ]  # fmt: skip
        return _finish(alt.layer(*layers).properties(width=width - label - 10, height=height))

    return make


# --- coverage ----------------------------------------------------------------------------------------------------------------------
def coverage(cells: Sequence[tuple[str, Any, str]], wording: Wording) -> Callable[[int], Any]:
    """A square a source and day: filled when loaded, hollow when not, a dot when doubtful; shape and colour both tell."""

    def make(width: int) -> Any:
        import altair as alt

        narrow = width == NARROW
        label = 0 if narrow else 190
        days = sorted({day for _, day, _ in cells})
        kinds = list(dict.fromkeys(kind for kind, _, _ in cells))
        pitch_x = (width - label - 6) / max(len(days), 12)
        size = min(20.0, pitch_x - 2)
        pitch_y = 44 if narrow else 28
        values = [
            {"x": days.index(day), "y": kinds.index(kind) * pitch_y + (13 if narrow else 0), "status": "ok" if status == "ok" else "missing" if status == "missing" else "doubt"}
            for kind, day, status in cells
        ]  # fmt: skip
        height = len(kinds) * pitch_y + 6
        x_scale = alt.Scale(domain=[-0.5, max(len(days), 12) - 0.5], nice=False, zero=False)
        marked = [position for position, day in enumerate(days) if day.weekday() == 0]
        if narrow and len(marked) > 4:
            marked = marked[::2]
        names = {str(position): wording.short_day(days[position]) for position in marked}
        x = alt.X(
            "x:Q",
            scale=x_scale,
            axis=alt.Axis(
                values=marked, grid=False, labelExpr=f"({_js(names)})[datum.value]", labelAlign="left", labelPadding=4
            ),
        )
        y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[-16, height - 16], reverse=True, nice=False, zero=False))
        squares = alt.Chart(alt.Data(values=values))
        area = size * size
        words = alt.Data(values=[
            {"y": n * pitch_y - (4 if narrow else 0), "text": _or_name(f"source_kinds.{kind}", kind, wording)} for n, kind in enumerate(kinds)
        ])  # fmt: skip
        layers = [
            squares.transform_filter("datum.status === 'ok'").mark_point(shape="square", filled=True, size=area, color=LIGHT["step2"], opacity=1).encode(x=x, y=y),
            squares.transform_filter("datum.status === 'missing'")
            .mark_point(shape="square", filled=False, size=area * 0.72, strokeWidth=1.5, color=LIGHT["doubt"], opacity=1).encode(x=x, y=y),
            squares.transform_filter("datum.status === 'doubt'").mark_point(shape="circle", filled=True, size=area * 0.45, color=LIGHT["doubt"], opacity=1)
            .encode(x=x, y=y),
            alt.Chart(words).mark_text(align="left", fontSize=12.5, color=LIGHT["ink"], dx=0 if narrow else -label).encode(x=alt.value(0), y=y, text="text:N"),
        ]  # fmt: skip
        return _finish(alt.layer(*layers).properties(width=width - label - 6, height=height))

    return make


def _or_name(key: str, name: str, wording: Wording) -> str:
    try:
        return wording.text(key)
    except KeyError:
        return name
