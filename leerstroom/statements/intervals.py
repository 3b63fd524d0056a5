"""Time that was spent, out of intervals that overlap: joins from two devices and rejoins count once."""

from collections.abc import Iterable
from datetime import datetime


def union_seconds(intervals: Iterable[tuple[datetime, datetime]]) -> float:
    """Length in seconds of the union of half-open intervals.

    Intervals with end <= start are dropped. Raises ValueError for a naive time. Rule R4 of docs/indicators.md.
    """
    ordered = sorted(intervals)
    if any(moment.tzinfo is None for interval in ordered for moment in interval):
        raise ValueError("an interval needs times with a zone")
    total, reached = 0.0, None
    for start, end in ordered:
        if end <= start:
            continue
        begin = start if reached is None or start > reached else reached
        if end > begin:
            total += (end - begin).total_seconds()
            reached = end
    return total
