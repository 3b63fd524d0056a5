"""From statements to classified events: one row for each thing that an employee did, counted once.

The order binds (docs/indicators.md, R1, R2, R8): voided and voiding statements go first, then excluded accounts, then actors who
are no employee (they only enter the share of unresolved actors); then what several producers said of one fact becomes one;
then messages that were deleted later go; then the rules classify what is left.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leerstroom.classification import Facts, Rules
from leerstroom.indicators.calendar import DAY_MS, Zones
from leerstroom.indicators.engine import Workspace, union

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from leerstroom.people.identities import Identities

REACTIONS = ("liked", "favorited", "applauded", "reacted", "voted-up")
UNDONE_REACTIONS = ("unliked", "unlike", "unfavorited", "unfavorite", "unreacted", "voted-down")
SHARES = ("shared", "bookmarked", "uploaded", "retweeted")
ATTENDANCE = ("joined", "left", "attended")
PRIVATE = ("direct", "private_group")
CLASS_COLUMNS = ("formality", "cla", "gen", "mode", "dir", "pref", "role", "goals", "owner")


@dataclass(frozen=True, slots=True)
class Events:
    """`table`: the events. `classes`: what each class_id means. `statements_per_day`: what was counted before people were known."""

    table: "ir.Table"
    classes: "ir.Table"
    classified: "ir.Table"  # every event with the columns of its class
    statements_per_day: "ir.Table"


def build_events(
    workspace: Workspace,
    statements: "ir.Table",
    *,
    people: "ir.Table",
    employee_numbers: dict[str, int],
    identities: "Identities",
    rules: Rules,
    zones: Zones,
    organisation_zone: int,
    last_day: int,
) -> Events:
    """Builds the events of all statements up to and with the local day `last_day` and keeps them as table `events`.

    Two days more are in it: what ends after that day may have begun on it. Counts look at `day`.

    `people`: person, zone, from_day, to_day. Person numbers are those of `employee_numbers` (employee id -> number).
    """
    valid = _without_voided(workspace, statements)
    deleted = _deleted(workspace, valid)
    actors = _actors(workspace, valid, employee_numbers, identities)
    known = valid.filter(valid.ts_ms < (last_day + 4) * DAY_MS).left_join(actors, "actor").drop("actor_right")
    included = workspace.view("included", known.filter(~known.is_excluded.fill_null(False)))
    statements_per_day = workspace.keep(
        "statements_per_day", _statements_per_day(included, people, zones, organisation_zone)
    )
    single = _said_once(workspace, included)
    kept = workspace.view("said_once", _without_deleted(single, deleted, rules))
    classes, keys = _classes(workspace, kept, rules)
    parents = workspace.keep("parents", _parents(kept, rules))
    table = workspace.keep("events", _assembled(kept, parents, keys, people, zones, rules))
    classified = workspace.view("classified", table.join(classes, "class_id"))
    return Events(table, classes, classified, statements_per_day)


def _without_voided(workspace: Workspace, statements: "ir.Table") -> "ir.Table":
    """R1: neither the voided statements nor the voiding ones; a voiding statement itself cannot be voided (xAPI 1.0.3, 2.3.2)."""
    is_voiding = (statements.verb == "voided") & (statements.object_type == "StatementRef")
    voids = workspace.keep("voids", statements.filter(is_voiding).select(voided_id="object_id").distinct())
    rest = statements.filter((statements.verb != "voided") | (statements.object_type != "StatementRef"))
    if not _any(workspace, voids):
        return rest
    return rest.anti_join(voids, rest.statement_id == voids.voided_id)


def _deleted(workspace: Workspace, statements: "ir.Table") -> "ir.Table | None":
    """What was deleted at its source: ids of messages and of statements. Whoever did it, a moderator or a robot."""
    gone = statements.filter(statements.verb.isin(("deleted", "retracted")) & statements.object_id.notnull())
    table = workspace.keep("deleted", gone.select("object_type", gone_id="object_id").distinct())
    return table if _any(workspace, table) else None


def _actors(
    workspace: Workspace, statements: "ir.Table", numbers: dict[str, int], identities: "Identities"
) -> "ir.Table":
    """actor, person, is_excluded for the actors that are employees or excluded."""
    actors = workspace.arrow(statements.select("actor").distinct())["actor"].to_pylist()
    return workspace.give("actors", actor_table(actors, numbers, identities))


def actor_table(actors: Iterable[str | None], numbers: dict[str, int], identities: "Identities") -> Any:
    """Arrow table actor, person, is_excluded of the actor strings that are employees or excluded accounts."""
    import pyarrow as pa

    rows: list[tuple[str, int | None, bool]] = []
    for actor in actors:
        if actor is None:
            continue
        excluded = identities.excluded(actor)
        employee = identities.employee(actor)
        if excluded or employee is not None:
            rows.append((actor, None if employee is None else numbers[employee], excluded))
    return pa.table({
        "actor": pa.array([each[0] for each in rows], pa.string()),
        "person": pa.array([each[1] for each in rows], pa.int32()),
        "is_excluded": pa.array([each[2] for each in rows], pa.bool_()),
    })


def _statements_per_day(included: "ir.Table", people: "ir.Table", zones: Zones, organisation_zone: int) -> "ir.Table":
    """day, source_kind, statements, unresolved: after voids and excluded accounts, before anything is merged."""
    import ibis

    zoned = included.left_join(people.select("person", "zone"), "person").drop("person_right")
    zone = zoned.zone.fill_null(ibis.literal(organisation_zone, "int32"))
    dated = zoned.select(day=zones.day(zone, zoned.ts_ms), source_kind=zoned.source_kind, person=zoned.person)
    return dated.group_by("day", "source_kind").agg(
        statements=dated.count(), unresolved=dated.person.isnull().cast("int32").cast("int32").sum()
    )


def _said_once(workspace: Workspace, included: "ir.Table") -> "ir.Table":
    """R2: same person, verb, object and moment is one event, whoever reports it; the fullest report stays.

    Two reports share person and moment, so only moments that occur twice are compared in full: the rest need no sort.
    """
    import ibis

    resolved = included.filter(included.person.notnull())
    moments = resolved.group_by("person", "ts_ms").agg(reports=resolved.count())
    twice = workspace.keep("moments_twice", moments.filter(moments.reports > 1).select("person", "ts_ms"))
    if not _any(workspace, twice):
        return included
    unresolved = included.filter(included.person.isnull())
    alone = resolved.anti_join(twice, ["person", "ts_ms"])
    double = resolved.semi_join(twice, ["person", "ts_ms"])
    order = [
        double.source_kind.isnull(),
        double.duration_ms.isnull(),
        double.duration_ms.desc(),
        double.score.isnull(),
        double.mandatory.isnull(),
        double.statement_id,
    ]
    rank = ibis.row_number().over(
        ibis.window(group_by=[double.person, double.ts_ms, double.verb, double.object_id], order_by=order)
    )
    first = double.mutate(report=rank)
    return union([alone, first.filter(first.report == 0).drop("report"), unresolved])


def _without_deleted(events: "ir.Table", deleted: "ir.Table | None", rules: Rules) -> "ir.Table":
    """R8: a deleted message is treated as if it had never been there, with what was said about it."""
    if deleted is None:
        return events
    verbs = {*rules.parameters["message_contribution_verbs"], *SHARES, *REACTIONS, "created", "tweeted"}
    messages = deleted.filter(deleted.object_type == "Activity").select("gone_id")
    statements = deleted.filter(deleted.object_type == "StatementRef").select("gone_id")
    said = events.verb.isin(sorted(verbs))
    remaining = events.filter(said).anti_join(messages, [("object_id", "gone_id")])
    kept = union([events.filter(~said), remaining])
    return kept.anti_join(statements, [("statement_id", "gone_id")])


def _parents(events: "ir.Table", rules: Rules) -> "ir.Table":
    """message_id, parent_person, parent_is_question of every message that something answers."""
    import ibis

    answered = events.filter(events.parent_id.notnull()).select(message_id="parent_id").distinct()
    said = events.filter(events.verb.isin(_messages(rules)))
    said = said.semi_join(answered, said.object_id == answered.message_id)
    # the earliest report wins, of one moment the lowest person: both in one number, so that one pass without a sort finds them
    first = said.ts_ms * _PERSONS + ibis.ifelse(said.person.isnull(), 0, said.person + 1)
    found = said.group_by(message_id=said.object_id).agg(
        first=first.min(), asked=(said.verb == "asked").cast("int32").max()
    )
    number = found.first % _PERSONS
    return found.select(
        "message_id",
        parent_person=ibis.ifelse(number == 0, ibis.null("int32"), (number - 1).cast("int32")),
        parent_is_question=found.asked > 0,
    )


_PERSONS = 2**21  # more employees than that would need another way to find the first author


def _messages(rules: Rules) -> list[str]:
    return sorted({
        *rules.parameters["message_contribution_verbs"],
        "created",
        "tweeted",
        "retweeted",
        "bookmarked",
        "uploaded",
    })


# --- classes ----------------------------------------------------------------------------------------------------------------

_TEXTS = ("source_kind", "verb", "activity_type", "channel_kind", "actor_role")


def _classes(workspace: Workspace, events: "ir.Table", rules: Rules) -> "tuple[ir.Table, ir.Table]":
    """The classes that occur, and the facts that lead to them. Python looks at each combination once, never at each event."""
    import pyarrow as pa

    resolved = events.filter(events.person.notnull())
    found_facts = _keyed(resolved, rules).select(*_TEXTS, "has_parent", "size", "is_mandatory").distinct()
    combinations = sorted(
        workspace.rows(found_facts), key=lambda each: tuple(each.values())
    )  # numbers do not depend on order
    sizes = rules.group_sizes
    numbers: dict[tuple[str, str | None], int] = {}
    keys: dict[str, list[Any]] = {
        name: [] for name in (*_TEXTS, "has_parent", "size", "is_mandatory", "parent", "class_id")
    }
    for each in combinations:
        source_kind = rules.source_kind(each["source_kind"] or None, each["activity_type"] or None)
        for parent, (author, is_question) in _PARENTS.items() if each["has_parent"] else ((0, (None, None)),):
            facts = Facts(
                source_kind=source_kind,
                **{name: each[name] or None for name in _TEXTS[1:]},
                has_parent=bool(each["has_parent"]),
                parent_is_question=is_question,
                parent_author=author,
                group_size=sizes[each["size"] - 1] if each["size"] > 0 else 0 if each["size"] == 0 else None,
                mandatory={0: False, 1: True}.get(each["is_mandatory"]),
            )
            found = (rules.classify(facts).id, source_kind)
            for name in (*_TEXTS, "has_parent", "size", "is_mandatory"):
                keys[name].append(each[name])
            keys["parent"].append(parent)
            keys["class_id"].append(numbers.setdefault(found, len(numbers)))
    texts = {name: pa.array(keys[name], pa.string()) for name in _TEXTS}
    integers = {
        name: pa.array(keys[name], pa.int32()) for name in ("has_parent", "size", "is_mandatory", "parent", "class_id")
    }
    return workspace.give("classes", _class_table(numbers, rules)), workspace.give(
        "class_keys", pa.table({**texts, **integers})
    )


_PARENTS = {
    1 + 2 * place + asked: (author, bool(asked))
    for place, author in enumerate(("self", "other", "unknown"))
    for asked in (0, 1)
}


def _keyed(events: "ir.Table", rules: Rules) -> "ir.Table":
    """The events with the facts that decide their class as plain keys: no nulls, group sizes as a step of the rules."""
    import ibis

    steps = (
        sum((events.group_size >= size).cast("int32") for size in rules.group_sizes)
        if rules.group_sizes
        else ibis.literal(0)
    )
    texts = {name: events[name].fill_null("") for name in _TEXTS}
    return (
        events
        .mutate(
            **{f"key_{name}": value for name, value in texts.items()},
            has_parent=events.parent_id.notnull().cast("int32"),
            size=ibis.ifelse(events.group_size.isnull(), ibis.literal(-1), steps).cast("int32"),
            is_mandatory=events.mandatory.cast("int32").fill_null(ibis.literal(-1)).cast("int32"),
        )
        .drop(*_TEXTS)
        .rename({name: f"key_{name}" for name in _TEXTS})
    )


def _class_table(numbers: dict[tuple[str, str | None], int], rules: Rules) -> Any:
    import pyarrow as pa

    by_id = {rule.id: rule for rule in rules.rules}
    ordered = sorted(numbers.items(), key=lambda item: item[1])
    found = [(by_id[rule], kind) for (rule, kind), _ in ordered]
    texts = {name: pa.array([getattr(rule, name) for rule, _ in found], pa.string()) for name in CLASS_COLUMNS}
    return pa.table({
        "class_id": pa.array([number for _, number in ordered], pa.int32()),
        "rule_id": pa.array([rule.id for rule, _ in found], pa.string()),
        "kind": pa.array([kind for _, kind in found], pa.string()),
        **texts,
        "estimate_ms": pa.array(
            [None if rule.minutes is None else round(rule.minutes * 60_000) for rule, _ in found], pa.int64()
        ),
        "is_active": pa.array([rule.active for rule, _ in found], pa.bool_()),
        "starts_at_timestamp": pa.array([rule.at == "start" for rule, _ in found], pa.bool_()),
        "cap_ms": pa.array([rules.max_session_ms(kind) for _, kind in found], pa.int64()),
        "is_teaching": pa.array([rule.formality == "none" and rule.role == "giving" for rule, _ in found], pa.bool_()),
        "is_unclassified": pa.array([not rule.match for rule, _ in found], pa.bool_()),
    })


# --- the table --------------------------------------------------------------------------------------------------------------


def _assembled(
    events: "ir.Table",
    parents: "ir.Table",
    keys: "ir.Table",
    people: "ir.Table",
    zones: Zones,
    rules: Rules,
) -> "ir.Table":
    import ibis

    mine = _keyed(events, rules)
    mine = mine.inner_join(people.select("person", "zone", "from_day", "to_day"), "person")
    mine = mine.left_join(parents, mine.parent_id == parents.message_id).drop("message_id")
    author = ibis.cases(
        (mine.parent_person == mine.person, 1), (mine.parent_person.notnull(), 3), else_=5
    ) + mine.parent_is_question.fill_null(False).cast("int32")
    mine = mine.mutate(parent=ibis.ifelse(mine.has_parent == 1, author, 0).cast("int32"))
    matched = mine.inner_join(keys, [*_TEXTS, "has_parent", "size", "is_mandatory", "parent"])
    matched = matched.mutate(day=zones.day(matched.zone, matched.ts_ms))
    return matched.select(
        "person", "zone", "statement_id", "ts_ms", "class_id", "verb", "object_id", "object_type", "activity_type", "parent_id",
        "parent_person", "actor_role", "channel_kind", "duration_ms", "score", "success", "completion", "registration", "device",
        "mandatory", "due_day", "scheduled_minutes", "day",
        community=matched.grouping_id,
        parent_is_question=matched.parent_is_question.fill_null(False),
        initiator=matched.initiator.coalesce(ibis.ifelse(matched.source_kind.isin(("chat", "social")), "self", None)),
        is_in_service=(matched.day >= matched.from_day) & (matched.day <= matched.to_day),
    )  # fmt: skip


def _any(workspace: Workspace, table: "ir.Table") -> bool:
    return bool(workspace.rows(table.limit(1)))


__all__ = [
    "ATTENDANCE",
    "DAY_MS",
    "PRIVATE",
    "REACTIONS",
    "SHARES",
    "UNDONE_REACTIONS",
    "Events",
    "actor_table",
    "build_events",
]
