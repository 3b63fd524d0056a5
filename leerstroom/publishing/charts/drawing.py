"""From a Vega-Lite specification to an inline SVG in two sizes; and what all charts share: fonts, quiet axes, the plane that marks are placed on.

Specifications are plain values. Building the same ones with Altair took 15 s of the 18 s of a report: it copies and checks every part at each
step. The tests check them against Vega-Lite's schema by way of Altair instead.
"""

import re
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from leerstroom.publishing.palette import LIGHT
from leerstroom.publishing.wording import Wording

WIDE, NARROW = 720, 348
FONT = "Inter, 'Segoe UI', system-ui, -apple-system, Roboto, 'Liberation Sans', sans-serif"
Spec = dict[str, Any]
Maker = Callable[[int], Spec]  # width -> specification

_SPEAKING = re.compile(r' (?:aria-[a-z]+|role|class|pointer-events|xmlns:xlink|xmlns|version|font-family)="[^"]*"')
_LONG = re.compile(r"(\d+\.\d{2})\d+")
_CLIP = re.compile(r'id="clip(\d+)"')
_GROUND = re.compile(r'<rect width="[^"]+" height="[^"]+" fill="(?:white|transparent)"/>')
_LOOK: Spec = {
    "background": "transparent",
    "font": FONT,
    "padding": {"left": 0, "right": 2, "top": 2, "bottom": 2},
    "view": {"stroke": None},
    "axis": {
        "domain": False, "ticks": False, "title": None, "grid": True, "gridColor": LIGHT["line"], "gridWidth": 0.7,
        "labelColor": LIGHT["muted"], "labelFont": FONT, "labelFontSize": 12,
    },
    "title": {"font": FONT, "anchor": "start", "fontSize": 13, "offset": 6, "color": LIGHT["ink"]},
    "concat": {"spacing": 14},
    "text": {"font": FONT},
}  # fmt: skip


def draw(make: Maker, name: str, title: str, wording: Wording) -> str:
    """Both sizes as inline SVG. `title` says in words what the picture shows; `name` must be unique on the page."""
    import vl_convert

    drawn = []
    for size, width in (("wide", WIDE), ("narrow", NARROW)):
        svg = vl_convert.vegalite_to_svg(
            make(width), vl_version="v6.4", format_locale="nl-NL" if wording.language == "nl" else "en-GB"
        )
        drawn.append(_inline(svg, f"{name}-{size}", title, size))
    return "".join(drawn)


def _inline(svg: str, name: str, title: str, size: str) -> str:
    head, body = svg.split(">", 1)
    box = re.search(r'viewBox="([^"]+)"', head)
    if box is None:
        raise ValueError("the drawing has no size")
    body = _GROUND.sub("", _LONG.sub(r"\1", _SPEAKING.sub("", body)), count=1)
    for number, clip in enumerate(dict.fromkeys(_CLIP.findall(body))):  # Vega counts on from one drawing to the next
        body = re.sub(rf"\bclip{clip}\b", f"{name}-clip-{number}", body)
    return f'<svg class="chart {size}" viewBox="{box[1]}" role="img" aria-labelledby="{name}-t"><title id="{name}-t">{_escaped(title)}</title>{body}'


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def finished(spec: Spec) -> Spec:
    """The specification with the look that all charts share."""
    return {"$schema": "https://vega.github.io/schema/vega-lite/v6.json", "config": _LOOK, **spec}


class Plane:
    """A picture whose marks are placed by their own coordinates in pixels; y grows downwards.

    A row is a dictionary with `x`, `y` and, where the mark needs them, `x2`, `y2` or `text`. Marks of one look become one layer, whatever their colour, in the
    order in which the looks were first used: every layer costs Vega some milliseconds.
    """

    def __init__(self, width: float, top: float, bottom: float) -> None:
        self.width, self.height = width, bottom - top
        self._x = {"domain": [0, width], "nice": False, "zero": False}
        self._y = {"domain": [top, bottom], "reverse": True, "nice": False, "zero": False}
        self._layers: dict[str, tuple[Spec, list[Spec]]] = {}

    def bars(self, rows: list[Spec], colour: str, thickness: float, **look: Any) -> None:
        """Horizontal bars from `x` to `x2`."""
        self._add({"type": "bar", "size": thickness, **look}, colour, rows)

    def words(self, rows: list[Spec], colour: str = "ink", **look: Any) -> None:
        """Texts (`text`) at their places."""
        self._add({"type": "text", "align": "left", "fontSize": 12, **look}, colour, rows)

    def points(self, rows: list[Spec], colour: str, **look: Any) -> None:
        """Marks of a shape; `filled=False` draws the outline."""
        self._add({"type": "point", "opacity": 1, "filled": True, **look}, colour, rows)

    def rules(self, rows: list[Spec], colour: str, **look: Any) -> None:
        """Lines from `x` to `x2` on `y`, or down from `y` to `y2` on `x`."""
        self._add({"type": "rule", **look}, colour, rows)

    def done(self) -> Spec:
        """The finished specification."""
        return finished({
            "width": self.width,
            "height": self.height,
            "layer": [self._layer(*each) for each in self._layers.values()],
        })

    def _add(self, mark: Spec, colour: str, rows: list[Spec]) -> None:
        for row in rows:
            key = repr((mark, sorted(row)))
            self._layers.setdefault(key, (mark, []))[1].append({**row, "colour": LIGHT[colour]})

    def _layer(self, mark: Spec, rows: list[Spec]) -> Spec:
        encoding: Spec = {
            "x": {"field": "x", "type": "quantitative", "scale": self._x, "axis": None},
            "y": {"field": "y", "type": "quantitative", "scale": self._y, "axis": None},
            "color": {"field": "colour", "type": "nominal", "scale": None},
        }
        for end in ("x2", "y2"):
            if end in rows[0]:
                encoding[end] = {"field": end}
        if "text" in rows[0]:
            encoding["text"] = {"field": "text", "type": "nominal"}
        return {"data": {"values": rows}, "mark": mark, "encoding": encoding}


def in_lines(text: str, letters: int) -> list[str]:
    """The text in one line or two of so many letters; only what is longer still is cut."""
    return textwrap.wrap(text, letters, max_lines=2, placeholder="…") or [""]


def lookup(names: Mapping[str, str]) -> str:
    """A Vega expression that gives an axis label by its value."""
    return "({" + ", ".join(f"'{key}': '{value}'" for key, value in names.items()) + "})[datum.value]"
