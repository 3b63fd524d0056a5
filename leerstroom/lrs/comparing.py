"""Is it the same statement? What may differ between two copies (xAPI 1.0.3 part two, 2.3.1 "immutability") is left out before they are compared."""

from collections.abc import Mapping
from typing import Any

import isodate
import orjson

from leerstroom.lrs.times import microseconds

_NOT_COMPARED = frozenset({"id", "stored", "authority", "version", "timestamp", "attachments"})


def same(sent: Mapping[str, Any], stored: Mapping[str, Any]) -> bool:
    """Whether `sent` says what `stored` says. A timestamp that was not sent equals every time; names, displays and definitions may differ."""
    if "timestamp" in sent and _moment(sent["timestamp"]) != _moment(stored["timestamp"]):
        return False
    return _sorted(_immutable(sent)) == _sorted(_immutable(stored))


def _moment(text: str) -> int | str:
    """A time as a number; the year 0, which the validator's rule allows and no calendar here has, stays text."""
    try:
        return microseconds(text)
    except ValueError:
        return text


def _sorted(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _immutable(statement: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in statement.items() if name not in _NOT_COMPARED}
    kept["actor"] = _agent(statement["actor"])
    kept["verb"] = statement["verb"]["id"]
    kept["object"] = _object(statement["object"])
    if "result" in kept:
        kept["result"] = _result(kept["result"])
    if "context" in kept:
        kept["context"] = _context(kept["context"])
    if "attachments" in statement:
        kept["attachments"] = sorted(each["sha2"] for each in statement["attachments"])
    return kept


def _agent(agent: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in agent.items() if name not in {"name", "member"}}
    kept.setdefault("objectType", "Agent")
    if "member" in agent:
        kept["member"] = sorted((_agent(each) for each in agent["member"]), key=_sorted)
    return kept


def _object(value: Mapping[str, Any]) -> dict[str, Any]:
    kind = value.get("objectType", "Activity")
    if kind == "Activity":
        return {"objectType": "Activity", "id": value["id"]}
    if kind in {"Agent", "Group"}:
        return _agent(value)
    if kind == "SubStatement":
        kept = _immutable(value)
        if "timestamp" in value:
            kept["timestamp"] = _moment(value["timestamp"])
        return kept
    return {**value, "id": value["id"].lower()}


def _result(result: Mapping[str, Any]) -> dict[str, Any]:
    kept = dict(result)
    if "duration" in kept:
        try:
            # a hundredth of a second is what counts (part two, 4.6); years and months have no length: compared as text
            kept["duration"] = round(isodate.parse_duration(kept["duration"]).total_seconds(), 2)
        except (AttributeError, ValueError, OverflowError):
            kept["duration"] = result["duration"]
    return kept


def _context(context: Mapping[str, Any]) -> dict[str, Any]:
    kept = dict(context)
    for name in ("instructor", "team"):
        if name in kept:
            kept[name] = _agent(kept[name])
    if "registration" in kept:
        kept["registration"] = kept["registration"].lower()
    activities = kept.pop("contextActivities", None) or {}
    listed = {
        name: sorted({each["id"] for each in (value if isinstance(value, list) else [value])})
        for name, value in activities.items()
        if value
    }
    if listed:
        kept["contextActivities"] = listed
    return kept
