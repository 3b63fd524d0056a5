"""Times of the LRS as whole microseconds since 1970, UTC: the key under which statements lie, and the texts that stand in them."""

import re
import time
from datetime import UTC, datetime
from functools import lru_cache

_FRACTION = re.compile(r"[.,](\d+)")


def now() -> int:
    """The present in microseconds."""
    return time.time_ns() // 1000


def text(moment: int) -> str:
    """Microseconds as the text of a statement's `stored`: `2026-11-03T09:00:00.000000Z`."""
    seconds, micro = divmod(moment, 1_000_000)
    return f"{_second(seconds)}.{micro:06d}Z"


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def http(moment: int) -> str:
    """Microseconds as a date of HTTP, cut to the second."""
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(moment // 1_000_000))


def microseconds(moment: str) -> int:
    """A time of ISO 8601 in microseconds; without zone it is UTC. Raises ValueError for what is no time.

    More than six digits of a second are cut; second 60 counts as 59.
    """
    cleaned = moment.strip().upper().replace(" ", "T", 1)
    cleaned = _FRACTION.sub(lambda found: "." + found[1][:6].ljust(6, "0"), cleaned, count=1)
    cleaned = re.sub(r"(T\d\d:\d\d):60", r"\1:59", cleaned)
    parsed = datetime.fromisoformat(cleaned)
    try:
        parsed = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except OverflowError:
        raise ValueError("before the year 1 or after 9999") from None
    difference = parsed - datetime(1970, 1, 1, tzinfo=UTC)
    return (difference.days * 86_400 + difference.seconds) * 1_000_000 + difference.microseconds
