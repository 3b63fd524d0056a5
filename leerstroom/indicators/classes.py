"""Classes of events: each combination of facts that occurs is classified once, in Python, and joined back to the events.

A class holds all that its events have in common: the rule and what it sets, verb, types, role, initiator, device and the like.
So an event carries one number instead of twenty texts, and no rule ever runs per event.
"""

from typing import TYPE_CHECKING, Any

from leerstroom.classification import Facts, Rule, Rules
from leerstroom.classification.rules import SETTABLE
from leerstroom.indicators.engine import Workspace

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

TEXTS = ("source_kind", "verb", "activity_type", "channel_kind", "actor_role", "initiator", "device")
CODES = (
    "has_parent",
    "size",
    "is_mandatory",
    "is_complete",
    "is_received",
    "is_off_clock",
)  # whole numbers; -1 is not stated
KEYS = (*TEXTS, *CODES, "parent")
CLASS_COLUMNS = tuple(name for name in SETTABLE if name != "at")
_SELF_STARTED = ("chat", "social")
_STATED = {0: False, 1: True}

# What an event answers: 0 nothing, else 1 + 2 * (0 oneself, 1 another employee, 2 nobody known) + (1 if that was a question).
NO_PARENT, OWN, OTHERS, UNKNOWN = 0, 1, 3, 5
_AUTHORS = {OWN: "self", OTHERS: "other", UNKNOWN: "unknown"}


def keyed(events: "ir.Table", rules: Rules) -> "ir.Table":
    """The events with the facts that decide their class as keys without nulls; group sizes as the steps at which rules differ."""
    import ibis

    sizes = rules.group_sizes
    steps = sum((events.group_size >= size).cast("int32") for size in sizes) if sizes else ibis.literal(0)
    nowhere = ibis.literal(-1)
    texts = {name: events[name].fill_null("") for name in TEXTS}
    codes = {
        "has_parent": events.parent_id.notnull().cast("int32"),
        "size": ibis.ifelse(events.group_size.isnull(), nowhere, steps).cast("int32"),
        "is_mandatory": events.mandatory.cast("int32").fill_null(nowhere).cast("int32"),
        "is_complete": events.completion.cast("int32").fill_null(nowhere).cast("int32"),
        "is_received": events.is_received.cast("int32"),
        "is_off_clock": events.is_off_clock.cast("int32"),
    }
    return events.select(
        **{name: events[name] for name in events.columns if name not in {*TEXTS, *CODES}}, **texts, **codes
    )


def build_classes(workspace: Workspace, occurring: "ir.Table", rules: Rules) -> "tuple[ir.Table, ir.Table]":
    """The classes that occur (table `classes`), and class_id by KEYS (table `class_keys`). `occurring`: TEXTS and CODES as `keyed` makes them.

    More than occur do no harm: nothing is counted by class alone.
    """
    import pyarrow as pa

    found = workspace.rows(occurring.select(*TEXTS, *CODES).distinct())
    combinations = sorted(
        found, key=lambda each: tuple(each.values())
    )  # numbers do not depend on the order of statements
    keys: dict[str, list[Any]] = {name: [] for name in (*KEYS, "class_id")}
    classes: dict[tuple[Any, ...], int] = {}
    remembered: dict[Facts, Rule] = {}
    for each in combinations:
        for parent in (OWN, OWN + 1, OTHERS, OTHERS + 1, UNKNOWN, UNKNOWN + 1) if each["has_parent"] else (NO_PARENT,):
            facts = _facts(each, parent, rules)
            rule = remembered.get(facts) or remembered.setdefault(facts, rules.classify(facts))
            held = (rule.id, facts.source_kind, *_common(each, facts))
            for name in (*TEXTS, *CODES):
                keys[name].append(each[name])
            keys["parent"].append(parent)
            keys["class_id"].append(classes.setdefault(held, len(classes)))
    columns = {name: pa.array(keys[name], pa.string() if name in TEXTS else pa.int32()) for name in keys}
    return workspace.give("classes", _class_table(list(classes), rules)), workspace.give(
        "class_keys", pa.table(columns)
    )


def _facts(each: dict[str, Any], parent: int, rules: Rules) -> Facts:
    size, sizes = each["size"], rules.group_sizes
    return Facts(
        source_kind=rules.source_kind(each["source_kind"] or None, each["activity_type"] or None),
        verb=each["verb"] or None,
        activity_type=each["activity_type"] or None,
        channel_kind=each["channel_kind"] or None,
        actor_role=each["actor_role"] or None,
        has_parent=bool(each["has_parent"]),
        parent_is_question=None if parent == NO_PARENT else parent % 2 == 0,
        parent_author=None if parent == NO_PARENT else _AUTHORS[parent - (parent + 1) % 2],
        group_size=None if size < 0 else sizes[size - 1] if size else 0,
        mandatory=_STATED.get(each["is_mandatory"]),
    )


def _common(each: dict[str, Any], facts: Facts) -> tuple[Any, ...]:
    """verb, activity_type, channel_kind, actor_role, initiator, device, mandatory, completion, is_received, is_off_clock; chat counts as self-started."""
    initiator = each["initiator"] or ("self" if facts.source_kind in _SELF_STARTED else None)
    return (
        each["verb"], facts.activity_type, facts.channel_kind, facts.actor_role, initiator, each["device"] or None, facts.mandatory,
        _STATED.get(each["is_complete"]), each["is_received"], each["is_off_clock"],
    )  # fmt: skip


def _class_table(found: list[tuple[Any, ...]], rules: Rules) -> "pa.Table":
    import pyarrow as pa

    by_id = {rule.id: rule for rule in rules.rules}
    made = [by_id[each[0]] for each in found]
    kinds = [each[1] for each in found]
    texts = ("verb", "activity_type", "channel_kind", "actor_role", "initiator", "device")
    return pa.table({
        "class_id": pa.array(range(len(found)), pa.int32()),
        "rule_id": pa.array([rule.id for rule in made], pa.string()),
        "kind": pa.array(kinds, pa.string()),
        **{name: pa.array([each[2 + place] for each in found], pa.string()) for place, name in enumerate(texts)},
        "mandatory": pa.array([each[8] for each in found], pa.bool_()),
        "completion": pa.array([each[9] for each in found], pa.bool_()),
        **{name: pa.array([getattr(rule, name) for rule in made], pa.string()) for name in CLASS_COLUMNS},
        "role": pa.array(
            ["receiving" if each[10] else rule.role for each, rule in zip(found, made, strict=True)], pa.string()
        ),
        "estimate_ms": pa.array(
            [None if rule.minutes is None else round(rule.minutes * 60_000) for rule in made], pa.int64()
        ),
        "is_off_clock": pa.array([each[11] == 1 for each in found], pa.bool_()),
        "is_active": pa.array([rule.active for rule in made], pa.bool_()),
        "starts_at_timestamp": pa.array([rule.at == "start" for rule in made], pa.bool_()),
        "cap_ms": pa.array([rules.max_session_ms(kind) for kind in kinds], pa.int64()),
        "is_teaching": pa.array([rule.formality == "none" and rule.role == "giving" for rule in made], pa.bool_()),
        "is_received": pa.array([each[10] for each in found], pa.int32()),
        "is_unclassified": pa.array([not rule.match for rule in made], pa.bool_()),
    })
