"""The charts of the report: Vega-Lite specifications, one form a module, drawn to SVG by vl-convert without a browser, a script or a network.

Every chart exists wide and narrow, so letters keep their size on a telephone. Letters are set in the page's own fonts and colours repainted by
its style sheet. What a chart shows stands in a table behind it as well; the drawing itself is one image for a screen reader.
"""

from leerstroom.publishing.charts.bars import Row, bars_table
from leerstroom.publishing.charts.calendar import coverage
from leerstroom.publishing.charts.dots import dots
from leerstroom.publishing.charts.drawing import draw
from leerstroom.publishing.charts.profile import profile
from leerstroom.publishing.charts.reach import reach
from leerstroom.publishing.charts.spread import spread
from leerstroom.publishing.charts.time import Series, over_time

__all__ = ["Row", "Series", "bars_table", "coverage", "dots", "draw", "over_time", "profile", "reach", "spread"]
