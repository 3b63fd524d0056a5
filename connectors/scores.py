"""XAPI scores out of the numbers that platforms write, also as text. It knows no platform."""

from typing import Any

from leerstroom.errors import BadRecord


def number(value: Any) -> float:
    """A number, also one that came as text ("8.00000"). Raises BadRecord for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise BadRecord("a number is missing")
    try:
        found = float(value)
    except (ValueError, OverflowError) as error:
        raise BadRecord("a number is none") from error
    if found - found != 0:
        raise BadRecord("a number is none")
    return found


def score(raw: Any, lowest: Any, highest: Any) -> dict[str, float] | None:
    """XAPI score, `scaled` from 0 to 1; None without a raw one. Extra credit goes past the maximum, which then gives way."""
    if raw is None:
        return None
    value, least = number(raw), number(lowest or 0)
    if highest is None or number(highest) <= least:
        return {"raw": value}
    most = max(number(highest), value)
    least = min(least, value)
    return {"scaled": round((value - least) / (most - least), 5), "raw": value, "min": least, "max": most}
