"""How much memory DuckDB may take: something for each core, since each has partitions of its own, and more with the rows.

What does not fit goes to its temporary folder. Too little ends a query, so what a stage needs was measured, on two cores, at 50,000, 760,000 and ten million rows.
"""

import os
import re

_KEPT_PERCENT = 40


def limit(rows: int, *, of_a_core_mb: int, rows_of_an_mb: int) -> str:
    """DuckDB's `memory_limit` for so many rows, such as `484MB`."""
    return f"{of_a_core_mb * (os.cpu_count() or 1) + rows // rows_of_an_mb}MB"


def kept(limit: str) -> str:
    """The part of a `memory_limit` that DuckDB keeps for its blocks, whatever they hold: getting it anew for each table took a twentieth of a night."""
    amount, unit = re.fullmatch(r"(\d+)([KMGT]i?B)", limit).groups()  # type: ignore[union-attr]
    return f"{int(amount) * _KEPT_PERCENT // 100}{unit}"
