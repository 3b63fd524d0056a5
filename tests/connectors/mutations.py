"""Seeded spoiling of JSON values and of bytes."""

import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from connectors.contract import spots

JUNK: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 10**6, 2**53, 2**63, -(2**63), 2**64 - 1, 10**15, -(10**12), 0.1, -0.0, 1e308, -1e308,
    "", " ", "x", "0", "-1", "null", "NaN", "1e999", "9" * 400, "2026-13-45T99:99:99Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999+14:00",
    "2026-11-03", "2026-11-03T10:00:00", "24:00", "P1Y", "PT99999999999999999999S", "\u202eabc\u2066", "\x00\x07", "e\u0301\u200d\U0001f469", "a@b", "@", "://", "http://[::1",
    "https://example.org/" + "a/" * 2000, "=cmd|'/c calc'!A0", "../../etc/passwd", "<b>" * 3000, "&lt;" * 2000, "?" * 5000, "a " * 20_000,
    [], {}, [None], [[]], [{}], {"x": None}, {"": {}}, ["x", 1, {}], [[[[[[]]]]]], {"id": {"id": {"id": []}}},
)  # fmt: skip
HUGE = ("x" * 10_000_000, "woord " * 1_500_000, "<p>" * 1_000_000)
_DEEP = 300


def deep() -> Any:
    """Deeper than orjson writes, and than people nest."""
    value: Any = "x"
    for _ in range(_DEEP):
        value = [value]
    return value


def spoiled(value: Any, draw: random.Random, others: list[Any]) -> Any:
    """A copy of `value` with one to four spots changed: junk, another place's value, gone, doubled, another form of the same."""
    holder = [_copied(value)]
    for _ in range(draw.choice((1, 1, 1, 2, 2, 3, 4))):
        _spoil_one(holder, draw, others)
    return holder[0]


def _spoil_one(holder: list[Any], draw: random.Random, others: list[Any]) -> None:
    here, key = draw.choice(spots(holder))
    kinds: tuple[Callable[[], None], ...] = (
        lambda: here.__setitem__(key, _copied(draw.choice(JUNK))),  # a copy: what is spoiled next may be in it
        lambda: here.__setitem__(key, _copied(draw.choice(JUNK))),  # a copy: what is spoiled next may be in it
        lambda: here.__setitem__(key, _other_form(here[key], draw)),
        lambda: here.__setitem__(key, _copied(draw.choice(others))),
        lambda: _remove(here, key),
        lambda: (
            here.extend(_copied(here)) if isinstance(here, list) and here is not holder and len(here) < 50 else None
        ),
        lambda: here.__setitem__(key, deep()) if draw.random() < 0.3 else None,
        lambda: here.__setitem__(key, draw.choice(HUGE)) if draw.random() < 0.01 else None,
    )
    with suppress(RecursionError):  # what was made deep four times is deeper than Python copies
        draw.choice(kinds)()


def _remove(here: Any, key: Any) -> None:
    if isinstance(here, dict) or len(here) > 1:
        del here[key]


def _other_form(value: Any, draw: random.Random) -> Any:
    """The same, as another vendor or version would write it."""
    if isinstance(value, str):
        at = draw.randint(0, len(value))
        cut = (
            value[:at],
            value[at:],
            value.upper(),
            value + value,
            [value],
            {"value": value},
            value[:at] + draw.choice("\x00\u202e'\"@:;,\n") + value[at:],
        )
        return draw.choice(cut)
    if isinstance(value, bool) or value is None:
        return draw.choice((0, 1, "true", "false", "", [value]))
    if isinstance(value, int | float):
        return draw.choice((str(value), -value, value * 1000, value / 1000, float(value), [value]))
    if isinstance(value, list):
        return draw.choice((
            value[:1] and value[0],
            {"value": value},
            {str(number): each for number, each in enumerate(value)},
        ))
    return draw.choice(([value], list(value.values()), str(value)[:200]))


def spoiled_bytes(data: bytes, draw: random.Random) -> bytes:
    """A copy with some stretches changed, cut, doubled or swapped."""
    out = bytearray(data)
    for _ in range(draw.randint(1, 6)):
        at, length = draw.randint(0, max(len(out) - 1, 0)), draw.choice((1, 1, 2, 8, 64, 512))
        match draw.randrange(5):
            case 0:
                out[at : at + length] = draw.randbytes(length)
            case 1:
                del out[at : at + length]
            case 2:
                out[at:at] = out[at : at + length] * draw.randint(1, 20)
            case 3:
                out[at:at] = draw.choice((
                    b'"',
                    b";",
                    b"\x00",
                    b"\r",
                    b"\xff\xfe",
                    b"9" * 50,
                    "\u202e".encode(),
                    b"=1+1",
                    b'""""',
                ))
            case _:
                del out[at:]
    return bytes(out)


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copied(each) for name, each in value.items()}
    return [_copied(each) for each in value] if isinstance(value, list) else value
