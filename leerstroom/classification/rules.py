"""The table of rules: what one may say, what it means, and the refusal of everything else.

A rule matches on facts of a statement and sets columns of its event. Values of verbs and activity types are canonical names of
`schemas/vocabulary.yaml`. Refused, all faults at once: unknown columns or values, an id used twice, a rule that an earlier
one hides, and a table without the last rule `r99…` that catches everything.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

from leerstroom.errors import ConfigurationError
from leerstroom.schemas import folder, load_yaml, read_yaml

SETTABLE: Mapping[str, tuple[str, ...]] = {
    "formality": ("formal", "nonformal", "informal", "none"),
    "cla": (
        "1",
        "2.1",
        "2.2.1",
        "2.2.2",
        "2.2.3",
        "2.2.4",
        "2.3",
        "3.1.1",
        "3.1.2",
        "3.2.1",
        "3.2.2",
        "3.2.3",
        "3.2.4",
    ),
    "gen": ("1.0", "2.0", "3.0"),
    "mode": ("70", "20", "10"),
    "dir": ("one_way", "two_way", "multi"),
    "pref": ("acquisition", "participation", "exercising", "discovery", "apperception"),
    "role": ("receiving", "giving", "mutual", "none"),
    "goals": ("predefined", "partly", "emergent"),
    "owner": ("ld", "facilitator", "employee"),
    "at": ("start", "end"),
}
PARAMETERS: Mapping[str, Any] = {
    "time_zone": "Europe/Amsterdam",
    "min_attendance_minutes": 5,
    "max_session_minutes": {"default": 240},
    "max_estimated_minutes_per_day": 60,
    "answer_maturity_hours": 72,
    "min_group_size": 5,
    "message_contribution_verbs": ["asked", "replied", "answered", "commented", "posted", "shared"],
    "preference_min_active_days": 10,
    # ours, absent from older tables: what was not said is not applied
    "source_kind_by_activity_type": {},
    "holidays": [],
}
_EXTRA_SOURCE_KINDS = ("search", "library")  # kinds of the rules that no source of ours writes yet


@dataclass(frozen=True, slots=True)
class Facts:
    """What a rule may look at. None means that the statement does not say; only a rule without that column matches then."""

    source_kind: str | None = None
    verb: str | None = None
    activity_type: str | None = None
    channel_kind: str | None = None
    actor_role: str | None = None
    has_parent: bool | None = None
    parent_is_question: bool | None = None
    parent_author: str | None = (
        None  # self, other (an employee), unknown (not an employee, or not in the data); None: no parent
    )
    group_size: int | None = None
    mandatory: bool | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table. `match` maps a column to the values that it accepts; `minutes` is the estimate without duration."""

    id: str
    match: Mapping[str, Any]
    formality: str
    cla: str | None = None
    gen: str | None = None
    mode: str | None = None
    dir: str | None = None
    pref: str | None = None
    role: str | None = None
    goals: str | None = None
    owner: str | None = None
    minutes: float | None = None
    minutes_source: str | None = None
    active: bool = True
    at: str = "end"
    note: str | None = None

    def matches(self, facts: Facts) -> bool:
        """Whether every column of `match` accepts the facts."""
        return all(_accepts(column, wanted, facts) for column, wanted in self.match.items())


@dataclass(frozen=True, slots=True)
class Rules:
    """The whole table in its order. `version` = the table's own number and a hash of all that it says."""

    version: str
    parameters: Mapping[str, Any]
    rules: tuple[Rule, ...]

    def classify(self, facts: Facts) -> Rule:
        """The first rule that matches; the last one always does."""
        return next(rule for rule in self.rules if rule.matches(facts))

    def source_kind(self, source_kind: str | None, activity_type: str | None) -> str | None:
        """The kind of platform: as stated, else what the table says about activities of this type."""
        return source_kind or self.parameters["source_kind_by_activity_type"].get(activity_type)

    def max_session_ms(self, source_kind: str | None) -> int:
        """The longest session that counts, in milliseconds."""
        caps = self.parameters["max_session_minutes"]
        return round(float(caps.get(source_kind, caps["default"])) * 60_000)

    def for_groups_of(self, minimum: int) -> "Rules":
        """The table with no smaller groups than this: the settings may raise what the table says, never lower it."""
        raised = max(minimum, int(self.parameters["min_group_size"]))
        return replace(self, parameters={**self.parameters, "min_group_size": raised})

    @property
    def group_sizes(self) -> list[int]:
        """The group sizes at which some rule changes its mind, ascending."""
        sizes = {int(rule.match[name]) for rule in self.rules for name in ("group_size_min",) if name in rule.match}
        sizes |= {int(rule.match["group_size_max"]) + 1 for rule in self.rules if "group_size_max" in rule.match}
        return sorted(sizes)


def load_rules(path: Path | str | None = None) -> Rules:
    """The rules of a YAML file, by default our own. Raises ConfigurationError that lists every fault at once."""
    where = Path(path) if path is not None else folder() / "classification.yaml"
    content = load_yaml(where)
    if not isinstance(content, dict) or not isinstance(content.get("rules"), list):
        raise ConfigurationError(f"{where} is no table of rules: it needs a list `rules`")
    faults: list[str] = []
    parameters = _parameters(content.get("parameters") or {}, faults)
    defaults = content.get("defaults") or {}
    faults.extend(f"defaults: {fault}" for fault in _set_faults(defaults))
    rules: list[Rule] = []
    seen: set[str] = set()
    for number, entry in enumerate(content["rules"], 1):
        name = entry.get("id") if isinstance(entry, dict) else None
        label = str(name or f"rule {number}")
        found = list(_rule_faults(entry))
        if name in seen:
            found.append("the id is used twice")
        faults.extend(f"{label}: {fault}" for fault in found)
        if found:
            continue
        seen.add(str(name))
        rules.append(_rule(entry, defaults))
    faults.extend(f"{later.id}: never reached, {earlier.id} catches all of it" for earlier, later in _hidden(rules))
    if not rules or rules[-1].match or not rules[-1].id.startswith("r99"):
        faults.append("the last rule must be r99… with an empty match, so that nothing goes unseen")
    if faults:
        raise ConfigurationError(f"{where.name} is refused: " + "; ".join(faults))
    return Rules(_version(content), parameters, tuple(rules))


@cache
def known_values(column: str) -> frozenset[str]:
    """The values that a rule may name in a column of its match; empty for columns that are no list of words."""
    vocabulary = read_yaml("vocabulary.yaml")
    stated = vocabulary["extensions"]
    values: Mapping[str, Any] = {
        "verb": vocabulary["verbs"],
        "activity_type": vocabulary["activity_types"],
        "source_kind": (*stated["source-kind"]["values"], *_EXTRA_SOURCE_KINDS),
        "channel_kind": stated["channel-kind"]["values"],
        "actor_role": stated["actor-role"]["values"],
        "parent_author": ("self", "other", "unknown"),
    }
    return frozenset(values.get(column, ()))


_LISTS = ("source_kind", "verb", "activity_type", "channel_kind", "actor_role", "parent_author")
_BOOLEANS = ("has_parent", "parent_is_question", "mandatory")
_NUMBERS = ("group_size_min", "group_size_max")
MATCHABLE = (*_LISTS, *_BOOLEANS, *_NUMBERS)


def _accepts(column: str, wanted: Any, facts: Facts) -> bool:
    if column == "group_size_min":
        return facts.group_size is not None and facts.group_size >= wanted
    if column == "group_size_max":
        return facts.group_size is not None and facts.group_size <= wanted
    value = getattr(facts, column)
    return value in wanted if isinstance(wanted, frozenset) else value is wanted


def _rule_faults(entry: Any) -> Iterator[str]:
    if not isinstance(entry, dict):
        yield "is no mapping"
        return
    for key in entry.keys() - {"id", "match", "set", "note"}:
        yield f"unknown key {key}"
    if not isinstance(entry.get("id"), str) or not re.fullmatch(r"r\d+\w*", entry["id"]):
        yield "needs an id like r10_name"
    match, setting = entry.get("match"), entry.get("set")
    if not isinstance(match, dict) or not isinstance(setting, dict):
        yield "needs match and set"
        return
    for column, wanted in match.items():
        yield from _match_faults(column, wanted)
    yield from _set_faults(setting)
    if "formality" not in setting:
        yield "sets no formality"


def _match_faults(column: str, wanted: Any) -> Iterator[str]:
    if column not in MATCHABLE:
        yield f"unknown column {column} in match (known: {', '.join(MATCHABLE)})"
    elif column in _BOOLEANS:
        if not isinstance(wanted, bool) and not (
            isinstance(wanted, list) and wanted and all(isinstance(each, bool) for each in wanted)
        ):
            yield f"{column} must be true or false"
    elif column in _NUMBERS:
        if not isinstance(wanted, int) or isinstance(wanted, bool) or wanted < 1:
            yield f"{column} must be a whole number above 0"
    elif not isinstance(wanted, list) or not wanted:
        yield f"{column} needs a list of values"
    else:
        known = known_values(column)
        for value in wanted:
            if value not in known:
                yield f"unknown value {value!r} of {column}"


def _set_faults(setting: Mapping[str, Any]) -> Iterator[str]:
    for column, value in setting.items():
        if column in SETTABLE:
            if value is not None and value not in SETTABLE[column]:
                hint = (
                    " (put it between quotation marks)"
                    if isinstance(value, int | float) and not isinstance(value, bool)
                    else ""
                )
                yield f"unknown value {value!r} of {column}{hint}"
        elif column == "min":
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or value < 0):
                yield "min must be null or a number of minutes from 0"
        elif column == "active":
            if not isinstance(value, bool):
                yield "active must be true or false"
        elif column != "min_src":
            yield f"unknown column {column} in set (known: {', '.join(SETTABLE)}, min, min_src, active)"


def _rule(entry: Mapping[str, Any], defaults: Mapping[str, Any]) -> Rule:
    setting = {**defaults, **entry["set"]}
    named = {field.name for field in fields(Rule)}
    match = {
        column: (frozenset(wanted) if isinstance(wanted, list) else wanted) for column, wanted in entry["match"].items()
    }
    minutes = setting.pop("min", None)
    return Rule(
        id=entry["id"],
        match=match,
        minutes=None if minutes is None else float(minutes),
        minutes_source=setting.pop("min_src", None),
        note=entry.get("note"),
        **{name: value for name, value in setting.items() if name in named},
    )


def _hidden(rules: list[Rule]) -> Iterator[tuple[Rule, Rule]]:
    """Pairs (earlier, later) where everything that the later rule matches is matched by the earlier one."""
    for position, later in enumerate(rules):
        for earlier in rules[:position]:
            if all(
                column in later.match and _within(column, later.match[column], wanted)
                for column, wanted in earlier.match.items()
            ):
                yield earlier, later
                break


def _within(column: str, narrow: Any, wide: Any) -> bool:
    if column == "group_size_min":
        return bool(narrow >= wide)
    if column == "group_size_max":
        return bool(narrow <= wide)
    return _set(narrow) <= _set(wide)


def _set(value: Any) -> frozenset[Any]:
    return value if isinstance(value, frozenset) else frozenset((value,))


def _parameters(given: Mapping[str, Any], faults: list[str]) -> dict[str, Any]:
    for name, value in given.items():
        if name not in PARAMETERS:
            faults.append(f"parameters: unknown {name} (known: {', '.join(PARAMETERS)})")
        elif not _like(value, PARAMETERS[name]):
            faults.append(f"parameters: {name} must be {_KIND[type(PARAMETERS[name])]}")
    parameters = {**PARAMETERS, **given}
    caps = parameters["max_session_minutes"]
    if isinstance(caps, dict):
        parameters["max_session_minutes"] = {**PARAMETERS["max_session_minutes"], **caps}
        if not all(isinstance(value, int | float) and value > 0 for value in caps.values()):
            faults.append("parameters: max_session_minutes needs a number of minutes for each kind")
    if isinstance(parameters["min_group_size"], int) and parameters["min_group_size"] < PARAMETERS["min_group_size"]:
        faults.append(f"parameters: min_group_size may be raised, never be under {PARAMETERS['min_group_size']}")
    return parameters


_KIND = {str: "a text", int: "a number from 0", dict: "a mapping", list: "a list"}


def _like(value: Any, example: Any) -> bool:
    if isinstance(example, int):
        return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
    return isinstance(value, type(example))


def _version(content: Mapping[str, Any]) -> str:
    text = json.dumps(
        {name: content.get(name) for name in ("parameters", "defaults", "rules")}, sort_keys=True, default=str
    )
    return f"{content.get('version', 0)}+{hashlib.sha256(text.encode()).hexdigest()[:12]}"
