"""When people do things: by weekday and hour, and how streams of events that overlap become one stream in the order of time."""

import heapq
import random
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

T = TypeVar("T")
Stream = Iterator[tuple[int, T]]  # (epoch in ms, item), oldest first

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000  # in ms
_WEEKDAYS = (1.0, 1.15, 1.05, 1.1, 0.8, 0.08, 0.05)  # Monday first
_HOURS = (
    0.02, 0.01, 0.01, 0.01, 0.01, 0.03, 0.15, 0.5, 1.0, 1.3, 1.4, 1.2, 0.6, 1.1, 1.3, 1.2, 0.9, 0.4, 0.2, 0.3, 0.35, 0.3, 0.15, 0.05,
)  # fmt: skip


class Rhythm:
    """The hours of some local days, each with its share of all that happens. `start` and `end` (epoch in ms) are half-open."""

    def __init__(self, first: date, days: int, zone: ZoneInfo) -> None:
        hours = [
            (datetime.combine(first + timedelta(days=day), time(hour), zone), _WEEKDAYS[(first.weekday() + day) % 7] * _HOURS[hour])
            for day in range(days)
            for hour in range(24)
        ]  # fmt: skip
        self.start = _ms(hours[0][0])
        self.end = _ms(datetime.combine(first + timedelta(days=days), time(0), zone))
        self._hours = [_ms(begin) for begin, _ in hours]
        whole, so_far = sum(weight for _, weight in hours), 0.0
        self._shares = []
        for _, weight in hours:
            so_far += weight
            self._shares.append(so_far / whole)

    def moments(self, count: int, draw: random.Random) -> Iterator[int]:
        """So many moments in order; those of one hour are held at a time."""
        done = 0
        for begin, share in zip(self._hours, self._shares, strict=True):
            until = round(count * share)
            yield from sorted(begin + draw.randrange(HOUR) for _ in range(until - done))
            done = until

    def moment(self, draw: random.Random) -> int:
        """One moment."""
        hour = bisect_right(self._shares, draw.random())
        return self._hours[min(hour, len(self._hours) - 1)] + draw.randrange(HOUR)


def in_order(streams: Iterable[tuple[int, Stream[T]]]) -> Iterator[tuple[int, T]]:
    """All items in the order of time. `streams` come with their begins and in the order of these; only those that run are held."""
    running: list[tuple[int, int, T, Stream[T]]] = []

    def step() -> tuple[int, T]:
        moment, number, item, stream = running[0]
        if (following := next(stream, None)) is None:
            heapq.heappop(running)
        else:
            heapq.heapreplace(running, (following[0], number, following[1], stream))
        return moment, item

    for number, (begin, stream) in enumerate(streams):
        while running and running[0][0] < begin:
            yield step()
        if (first := next(stream, None)) is not None:
            heapq.heappush(running, (first[0], number, first[1], stream))
    while running:
        yield step()


def zulu(moment: int) -> str:
    """`2026-11-03T09:00:00Z`, to the second."""
    return f"{datetime.fromtimestamp(moment // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
