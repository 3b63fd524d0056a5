"""Time that was spent, out of intervals that overlap: joins from two devices and rejoins count once."""

from collections.abc import Iterable
from datetime import datetime, timedelta


def union_seconds(intervals: Iterable[tuple[datetime, datetime]]) -> float:
    """Length in seconds of the union of half-open intervals.

    Intervals with end <= start are dropped. Raises ValueError for a naive time. Rule R4 of docs/indicators.md.
    """
    given = list(intervals)
    if any(moment.tzinfo is None for interval in given for moment in interval):
        raise ValueError("an interval needs times with a zone")
    total, reached = timedelta(), None
    for start, end in sorted(given):
        begin = start if reached is None or start > reached else reached
        if end > begin:
            total += end - begin
            reached = end
    return total.total_seconds()
