"""Is it the same statement? What may differ between two copies (xAPI 1.0.3 part two, 4.1 "statement immutability") is left out before they are compared."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import isodate
import orjson

_OURS = frozenset({"id", "stored", "authority", "version", "timestamp", "attachments"})


def digest(statement: Mapping[str, Any]) -> bytes:
    """16 bytes of all that is immutable but the timestamp: names, displays and definitions of activities may differ."""
    return hashlib.blake2b(orjson.dumps(_immutable(statement), option=orjson.OPT_SORT_KEYS), digest_size=16).digest()


def instant(statement: Mapping[str, Any]) -> str | None:
    """The timestamp that was given, as UTC to the millisecond; None when none was given, which equals every time."""
    text = statement.get("timestamp")
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return str(text)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds")


def _immutable(statement: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in statement.items() if name not in _OURS}
    kept["actor"] = _agent(statement["actor"])
    kept["verb"] = statement["verb"]["id"]
    kept["object"] = _object(statement["object"])
    if "result" in kept:
        kept["result"] = _result(kept["result"])
    if "context" in kept:
        kept["context"] = _context(kept["context"])
    return kept


def _agent(agent: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in agent.items() if name not in {"name", "member"}}
    kept.setdefault("objectType", "Agent")
    if "member" in agent:
        kept["member"] = sorted(
            (_agent(each) for each in agent["member"]), key=lambda each: orjson.dumps(each, option=orjson.OPT_SORT_KEYS)
        )
    return kept


def _object(value: Mapping[str, Any]) -> dict[str, Any]:
    kind = value.get("objectType", "Activity")
    if kind == "Activity":
        return {"objectType": "Activity", "id": value["id"]}
    if kind in {"Agent", "Group"}:
        return _agent(value)
    if kind == "SubStatement":
        return {"objectType": kind, **_immutable(value)}
    return dict(value)


def _result(result: Mapping[str, Any]) -> dict[str, Any]:
    kept = dict(result)
    if "duration" in kept:
        with suppress(AttributeError, ValueError, OverflowError):  # years and months have no length: compared as text
            kept["duration"] = round(
                isodate.parse_duration(kept["duration"]).total_seconds(), 2
            )  # 1/100 s, part two, 4.6
    return kept


def _context(context: Mapping[str, Any]) -> dict[str, Any]:
    kept = dict(context)
    for name in ("instructor", "team"):
        if name in kept:
            kept[name] = _agent(kept[name])
    if "registration" in kept:
        kept["registration"] = kept["registration"].lower()
    if "contextActivities" in kept:
        kept["contextActivities"] = {
            name: sorted(each["id"] for each in (listed if isinstance(listed, list) else [listed]))
            for name, listed in kept["contextActivities"].items()
            if listed
        }
        if not kept["contextActivities"]:
            del kept["contextActivities"]
    return kept
