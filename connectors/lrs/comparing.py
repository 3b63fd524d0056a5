"""Whether two statements say the same: what an LRS adds, drops or rewrites without changing the meaning is left out.

Compared is what xAPI calls immutable (1.0.3 part two, 2.3.1): not `id`, `stored`, `authority`, `version`, nor what describes instead of
tells (displays, activity definitions). Times are equal as moments to the millisecond, durations to a hundredth of a second.
"""

from collections.abc import Mapping
from datetime import UTC
from typing import Any

import orjson

from leerstroom.errors import BadRecord
from leerstroom.mirror.columns import duration_ms
from leerstroom.statements import parse_time

_ADDED = frozenset({"id", "stored", "authority", "version"})
_DESCRIBING = frozenset({"display", "definition", "name", "description"})
_IDENTIFIERS = ("account", "mbox", "mbox_sha1sum", "openid")


def differences(ours: bytes | Mapping[str, Any], theirs: bytes | Mapping[str, Any]) -> list[str]:
    """Names of the top-level properties in which two statements differ; empty when they say the same."""
    first, second = _meaning(ours), _meaning(theirs)
    if "timestamp" not in first or "timestamp" not in second:  # the LRS fills it in
        first.pop("timestamp", None)
        second.pop("timestamp", None)
    return sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))


def _meaning(statement: bytes | Mapping[str, Any]) -> dict[str, Any]:
    value = orjson.loads(statement) if isinstance(statement, bytes) else statement
    return {name: _canonical(name, each) for name, each in value.items() if name not in _ADDED and each is not None}


def _canonical(name: str, value: Any) -> Any:
    if name == "extensions":
        return value
    if name == "attachments":
        return sorted((str(each.get("sha2")) for each in value), key=str) if isinstance(value, list) else value
    if isinstance(value, dict):
        if name == "verb":
            return value.get("id")
        return _object(name, value)
    if isinstance(value, list):
        # Members of a group and context activities are sets: LRSs hand them back in their own order.
        return sorted((_canonical("", each) for each in value), key=_sorting)
    if name == "timestamp" and isinstance(value, str):
        return _moment(value)
    if name == "duration" and isinstance(value, str):
        milliseconds = duration_ms(value)
        return value if milliseconds is None else milliseconds // 10
    if name in {"registration", "mbox_sha1sum"} and isinstance(value, str):
        return value.lower()
    return value


def _object(name: str, value: dict[str, Any]) -> Any:
    kind = value.get("objectType")
    is_agent = kind in {"Agent", "Group"} or any(each in value for each in _IDENTIFIERS)
    if is_agent and any(each in value for each in _IDENTIFIERS):
        # An identified agent or group is its identifier; names and members describe.
        return {each: _canonical(each, value[each]) for each in _IDENTIFIERS if each in value}
    if name == "contextActivities":
        return {
            each: _canonical(each, held if isinstance(held, list) else [held]) for each, held in value.items() if held
        }
    if kind == "StatementRef":
        return {"ref": str(value.get("id")).lower()}
    if kind == "SubStatement":
        return {each: _canonical(each, held) for each, held in value.items() if each != "objectType"}
    if name == "account":
        return {"homePage": value.get("homePage"), "name": value.get("name")}
    if "id" in value and kind in {None, "Activity"}:
        return value["id"]
    kept = {
        each: _canonical(each, held)
        for each, held in value.items()
        if held is not None and each not in _DESCRIBING and each != "objectType"
    }
    return {each: held for each, held in kept.items() if held not in ({}, [])}


def _sorting(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _moment(text: str) -> Any:
    try:
        moment = parse_time(text, zone="UTC").astimezone(UTC)
    except BadRecord:
        return text
    return moment.isoformat(timespec="milliseconds")
