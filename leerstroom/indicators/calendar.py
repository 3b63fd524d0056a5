"""Local days: every moment is milliseconds UTC, every day a number (days since 1970-01-01), zones are a few offsets.

The offsets of the zones that occur are worked out here once, so that no engine needs a zone database and days of 23 and 25
hours come out the same everywhere.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from leerstroom.errors import ConfigurationError

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1)


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


def day_of(number: int) -> date:
    """The date of a day number."""
    return _EPOCH + timedelta(days=number)


class Zones:
    """The time zones that occur, as numbers, with their offsets between two dates (the nearest offset outside).

    Raises ConfigurationError for a name that is no zone.
    """

    def __init__(self, names: Iterable[str], first: date, last: date) -> None:
        self.names = sorted(set(names))
        self._offsets = [_offsets(name, first, last) for name in self.names]

    def number(self, name: str) -> int:
        """The number that stands for the zone."""
        return self.names.index(name)

    def day(self, zone: "ir.IntegerColumn", ts_ms: "ir.IntegerColumn") -> "ir.IntegerColumn":
        """The local day of moments."""
        return ((ts_ms + self.offset(zone, ts_ms)) // DAY_MS).cast("int32")

    def offset(self, zone: "ir.IntegerColumn", ts_ms: "ir.IntegerColumn") -> "ir.IntegerColumn":
        """Local time minus UTC at the moments, in milliseconds."""
        import ibis

        branches = []
        for number, offsets in enumerate(self._offsets):
            is_zone = None if len(self._offsets) == 1 else zone == number
            for until, offset in offsets:
                before = None if until is None else ts_ms < until
                condition = before if is_zone is None else is_zone if before is None else is_zone & before
                if condition is not None:
                    branches.append((condition, offset))
        default = self._offsets[-1][-1][1]
        return ibis.cases(*branches, else_=default) if branches else ibis.literal(default, "int64")

    def day_bounds(self, first: date, last: date) -> "pa.Table":
        """zone, day, start_ms, end_ms of every local day from first to last inclusive."""
        import pyarrow as pa

        rows: dict[str, list[int]] = {"zone": [], "day": [], "start_ms": [], "end_ms": []}
        for number, name in enumerate(self.names):
            zone = ZoneInfo(name)
            for offset in range((last - first).days + 1):
                day = first + timedelta(days=offset)
                rows["zone"].append(number)
                rows["day"].append(day_number(day))
                rows["start_ms"].append(_midnight_ms(day, zone))
                rows["end_ms"].append(_midnight_ms(day + timedelta(days=1), zone))
        return pa.table({
            "zone": pa.array(rows["zone"], pa.int32()),
            "day": pa.array(rows["day"], pa.int32()),
            "start_ms": pa.array(rows["start_ms"], pa.int64()),
            "end_ms": pa.array(rows["end_ms"], pa.int64()),
        })


def _midnight_ms(day: date, zone: ZoneInfo) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)


def _offsets(name: str, first: date, last: date) -> Sequence[tuple[int | None, int]]:
    """(until, offset) pairs in ascending order; the last one is without end."""
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigurationError(f"unknown time zone {name}; use a name like Europe/Amsterdam") from error
    moment = datetime(first.year, first.month, first.day, tzinfo=UTC) - timedelta(days=2)
    end = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=2)
    found: list[tuple[int | None, int]] = []
    current = _offset_ms(moment, zone)
    while moment < end:
        following = moment + timedelta(days=1)
        if _offset_ms(following, zone) != current:
            change = _change(moment, following, zone)
            found.append((round(change.timestamp() * 1000), current))
            current = _offset_ms(following, zone)
        moment = following
    return [*found, (None, current)]


def _change(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The minute at which the offset changes between two moments."""
    before = _offset_ms(low, zone)
    while high - low > timedelta(minutes=1):
        middle = low + timedelta(minutes=((high - low) // timedelta(minutes=1)) // 2)
        low, high = (middle, high) if _offset_ms(middle, zone) == before else (low, middle)
    return high


def _offset_ms(moment: datetime, zone: ZoneInfo) -> int:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return offset // timedelta(milliseconds=1)
