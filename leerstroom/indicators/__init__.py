"""Indicators: from classified events to tidy values, one expression an indicator, on DuckDB, PostgreSQL or Spark.

`compute` works on the mirror or on a table of statements, `from_files` on files alone. docs/indicators.md has the rules.
"""

from leerstroom.indicators.computation import WINDOWS, compute
from leerstroom.indicators.definition import Indicator, catalogue
from leerstroom.indicators.files import from_files
from leerstroom.indicators.values import IndicatorValues

__all__ = ["WINDOWS", "Indicator", "IndicatorValues", "catalogue", "compute", "from_files"]
