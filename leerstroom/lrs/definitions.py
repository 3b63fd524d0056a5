"""What is known about an activity or a person, merged from all statements: the canonical definition (xAPI 1.0.3 part two, 2.4.4.1)."""

from collections.abc import Mapping
from typing import Any

_MAPS = ("name", "description", "extensions")


def merged(known: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """What is known after one more statement: languages and extensions add up, lists of names too, the rest is the latest word."""
    result = dict(known)
    for name, value in said.items():
        before = result.get(name)
        if isinstance(before, dict) and isinstance(value, dict) and name in _MAPS:
            result[name] = {**before, **value}
        elif name == "name" and isinstance(before, list) and isinstance(value, list):
            result[name] = before + [each for each in value if each not in before]
        else:
            result[name] = value
    return result
