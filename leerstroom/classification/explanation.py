"""Which rule made which class of a statement, in words that an employee or an operator can check."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from leerstroom.classification.rules import SETTABLE, Facts, Rule, Rules
from leerstroom.mirror.columns import COLUMNS, to_row


@dataclass(frozen=True, slots=True)
class Explanation:
    """The rule that decided, the class it set, and the facts it looked at."""

    rule: str
    note: str | None
    sets: Mapping[str, Any]
    facts: Mapping[str, Any]
    because: Mapping[str, Any]

    def __str__(self) -> str:
        reasons = ", ".join(f"{column} is {value}" for column, value in self.because.items()) or "no other rule fits"
        sets = ", ".join(f"{column} {value}" for column, value in self.sets.items() if value is not None)
        return f"{self.rule}: {reasons}; so {sets}" + (f" ({self.note})" if self.note else "")


def explain(
    statement: Mapping[str, Any],
    rules: Rules,
    *,
    parent_author: str | None = None,
    parent_is_question: bool | None = None,
) -> Explanation:
    """Which rule classifies the statement and why.

    A statement alone does not tell who wrote the message it answers: `parent_author` (self, other, unknown) and
    `parent_is_question` say so; without them the parent counts as unknown. Raises InvalidStatement without actor, verb or object.
    """
    facts = facts_of(statement, rules, parent_author=parent_author, parent_is_question=parent_is_question)
    rule = rules.classify(facts)
    return Explanation(
        rule=rule.id,
        note=rule.note,
        sets=_sets(rule),
        facts={name: value for name in Facts.__slots__ if (value := getattr(facts, name)) is not None},
        because={column: getattr(facts, column.removesuffix("_min").removesuffix("_max")) for column in rule.match},
    )


def facts_of(
    statement: Mapping[str, Any],
    rules: Rules,
    *,
    parent_author: str | None = None,
    parent_is_question: bool | None = None,
) -> Facts:
    """The facts of one statement that rules may look at."""
    row = dict(zip((name for name, _, _ in COLUMNS), to_row(statement, b""), strict=True))
    has_parent = row["parent_id"] is not None
    return Facts(
        source_kind=rules.source_kind(row["source_kind"], row["activity_type"]),
        verb=row["verb"],
        activity_type=row["activity_type"],
        channel_kind=row["channel_kind"],
        actor_role=row["actor_role"],
        has_parent=has_parent,
        parent_is_question=bool(parent_is_question) if has_parent else None,
        parent_author=(parent_author or "unknown") if has_parent else None,
        group_size=row["group_size"],
        mandatory=row["mandatory"],
    )


def _sets(rule: Rule) -> dict[str, Any]:
    sets = {column: getattr(rule, column) for column in SETTABLE if column != "at"}
    return {**sets, "min": rule.minutes, "min_src": rule.minutes_source, "active": rule.active}
