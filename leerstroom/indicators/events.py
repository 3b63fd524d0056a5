"""From statements to classified events: one row for each thing that an employee did, counted once.

The order binds (docs/indicators.md, R1, R2, R8): voided and voiding statements go first, then excluded accounts, then actors who
are no employee (they only enter the share of unresolved actors); then what several producers said of one fact becomes one;
then messages that were deleted later go; then the rules classify what is left.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leerstroom.classification import Rules
from leerstroom.indicators.calendar import DAY_MS, Zones
from leerstroom.indicators.classes import CODES, KEYS, NO_PARENT, OTHERS, OWN, TEXTS, UNKNOWN, build_classes, keyed
from leerstroom.indicators.engine import Workspace, union

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from leerstroom.people.identities import Identities

REACTIONS = ("liked", "favorited", "applauded", "reacted", "voted-up")
UNDONE_REACTIONS = ("unliked", "unlike", "unfavorited", "unfavorite", "unreacted")
SHARES = ("shared", "bookmarked", "uploaded", "retweeted")
ATTENDANCE = ("joined", "left", "attended")
PRIVATE = ("direct", "private_group")
GIVEN = ("mentored", "coached")  # what one does for the person who is the object
STARTS = (
    "registered",
    "was-assigned",
    "launched",
    "initialized",
    "attempted",
    "resumed",
    "progressed",
    "completed",
    "passed",
    "failed",
    "terminated",
)  # what begins a programme, or shows that it was begun


@dataclass(frozen=True, slots=True)
class Events:
    """`table`: the events. `classes`: what each class_id means. `statements_per_day`: what was counted before people were known.

    `communities`: community, community_id: a number for each grouping activity, which is compared and counted faster than its id.
    """

    table: "ir.Table"
    classes: "ir.Table"
    classified: "ir.Table"  # every event with the columns of its class
    statements_per_day: "ir.Table"
    communities: "ir.Table"


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
    facts = workspace.keep("facts_per_day", _facts_per_day(included, people, zones, organisation_zone, rules))
    told = _with_receivers(
        workspace, statements, _without_messages(included, deleted, rules), employee_numbers, identities
    )
    parents = workspace.keep("parents", _parents(_without_deleted(included, deleted, rules), rules))
    groupings = statements.select(community_id="grouping_id")
    communities = workspace.keep("communities", numbered(groupings, "community_id", "community"))
    with_keys = workspace.view("keyed", keyed(told.filter(told.person.notnull()), rules))
    classes, keys = build_classes(workspace, _resolved(facts), rules)
    table = workspace.keep("events", _assembled(with_keys, parents, keys, people, communities, zones))
    table = _said_once(workspace, table, classes)
    if deleted is not None:
        table = workspace.without(table, _statements_of(deleted), "statement_id")
    classified = workspace.view("classified", table.join(classes, "class_id"))
    per_day = workspace.keep("statements_per_day", _statements_per_day(facts))
    return Events(table, classes, classified, per_day, communities)


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


def _facts_per_day(
    included: "ir.Table", people: "ir.Table", zones: Zones, organisation_zone: int, rules: Rules
) -> "ir.Table":
    """day, the facts that decide a class, is_coaching, statements, unresolved: after voids and excluded accounts, before anything is merged.

    What comes later is made of these few thousand rows; the statements are read for it once.
    """
    import ibis

    zoned = included.left_join(people.select("person", "zone"), "person").drop("person_right")
    zone = zoned.zone.fill_null(ibis.literal(organisation_zone, "int32"))
    dated = keyed(
        zoned.mutate(
            day=zones.day(zone, zoned.ts_ms),
            is_coaching=_is_coaching(zoned).fill_null(False),
            is_received=ibis.literal(0),
        ),
        rules,
    )
    return dated.group_by("day", *TEXTS, *CODES, "is_coaching").agg(
        statements=dated.count(), unresolved=dated.person.isnull().cast("int32").sum()
    )


def _statements_per_day(facts: "ir.Table") -> "ir.Table":
    """day, source_kind, statements, unresolved."""
    named = facts.mutate(source_kind=facts.source_kind.nullif(""))
    return named.group_by("day", "source_kind").agg(
        statements=named.statements.sum(), unresolved=named.unresolved.sum()
    )


def _resolved(facts: "ir.Table") -> "ir.Table":
    """The facts of employees' statements, and of what they receive when they are coached."""
    import ibis

    columns = (*TEXTS, *CODES)
    told = facts.filter(facts.statements > facts.unresolved)
    received = told.filter(told.is_coaching).mutate(is_received=ibis.literal(1, "int32"))
    return union([told.select(*columns), received.select(*columns)])


def _is_coaching(statements: "ir.Table") -> "ir.BooleanColumn":
    return statements.verb.isin(GIVEN) & (statements.object_type == "Agent")


def _said_once(workspace: Workspace, events: "ir.Table", classes: "ir.Table") -> "ir.Table":
    """R2: same person, verb, object and moment is one event, whoever reports it; the fullest report stays, time on a clock before other lengths.

    Two reports share person and moment, so only moments that occur twice are compared in full: the rest need no sort. They are looked for
    among the events that are kept already, two numbers a row: the statements themselves would be read from their files again.
    """
    import ibis

    moments = events.select(moment=_moment(events)).group_by("moment").agg(reports=lambda t: t.count())
    twice = workspace.keep("moments_twice", moments.filter(moments.reports > 1).select("moment"))
    if not _any(workspace, twice):
        return events
    double = events.mutate(moment=_moment(events)).semi_join(twice, "moment")
    double = double.inner_join(
        classes.select("class_id", "verb", "mandatory", "is_received", "is_off_clock"), "class_id"
    )
    double = double.filter(double.is_received == 0)  # what was received goes with the report that it was made of
    order = [
        ~double.names_source,
        double.duration_ms.isnull(),
        double.is_off_clock,
        double.duration_ms.desc(),
        double.score.isnull(),
        double.mandatory.isnull(),
        double.parent_id.isnull(),
        double.community.isnull(),
        double.due_day.isnull(),
        double.scheduled_minutes.isnull(),
        double.registration.isnull(),
        double.registration,  # of one producer for a join and its leave: else they would not be a pair
        double.statement_id,
    ]
    rank = ibis.row_number().over(
        ibis.window(group_by=[double.person, double.ts_ms, double.verb, double.object_id], order_by=order)
    )
    ranked = double.mutate(report=rank)
    again = workspace.keep("told_again", ranked.filter(ranked.report > 0).select("statement_id"))
    return workspace.without(events, again, "statement_id")


def _moment(events: "ir.Table") -> "ir.IntegerColumn":
    """Person and moment in one number: half the work of two where ten million of them are told apart."""
    return events.ts_ms * _PERSONS + events.person


def _without_messages(events: "ir.Table", deleted: "ir.Table | None", rules: Rules) -> "ir.Table":
    """R8: a deleted message is treated as if it had never been there, with what was said about it."""
    if deleted is None:
        return events
    verbs = {*rules.parameters["message_contribution_verbs"], *SHARES, *REACTIONS, "created", "tweeted"}
    messages = deleted.filter(deleted.object_type == "Activity").select("gone_id")
    said = events.verb.isin(sorted(verbs))
    remaining = events.filter(said).anti_join(messages, [("object_id", "gone_id")])
    return union([events.filter(~said), remaining])


def _without_deleted(events: "ir.Table", deleted: "ir.Table | None", rules: Rules) -> "ir.Table":
    """R8: without deleted messages, and without statements that were deleted by their own id."""
    if deleted is None:
        return events
    return _without_messages(events, deleted, rules).anti_join(_statements_of(deleted), "statement_id")


def _statements_of(deleted: "ir.Table") -> "ir.Table":
    return deleted.filter(deleted.object_type == "StatementRef").select(statement_id="gone_id")


def _with_receivers(
    workspace: Workspace, statements: "ir.Table", events: "ir.Table", numbers: dict[str, int], identities: "Identities"
) -> "ir.Table":
    """The events with `is_received`, and those of coaching once more for the employee who was coached: both sides get the time."""
    import ibis

    def coaching(table: "ir.Table") -> "ir.Table":
        return table.filter(_is_coaching(table))

    mine = events.mutate(is_received=ibis.literal(0))
    objects = workspace.arrow(coaching(statements).select("object_id").distinct())["object_id"].to_pylist()
    if not objects:
        return mine
    people = workspace.give("coached", actor_table(objects, numbers, identities))
    people = people.filter(people.person.notnull()).select(object_id="actor", coached="person")
    given = coaching(events).inner_join(people, "object_id")
    received = given.filter(given.person.notnull() & (given.person != given.coached))
    return union([mine, received.mutate(person=received.coached, is_received=ibis.literal(1)).select(*mine.columns)])


def _parents(events: "ir.Table", rules: Rules) -> "ir.Table":
    """message_id, parent_person, parent_is_question of every message that something answers; one that is told twice is the same."""
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


def looked_back_for(rules: Rules) -> set[str]:
    """The verbs of statements that count however long ago: what was voided or deleted, what later messages answer, what was begun, and who was there.

    What is left, views and plays, is most of a platform's statements.
    """
    return {*_messages(rules), *STARTS, *ATTENDANCE, "voided", "deleted", "retracted"}


_PERSONS = 2**21  # more employees than that would need another way to hold a person and a moment in one number


def _messages(rules: Rules) -> list[str]:
    return sorted({
        *rules.parameters["message_contribution_verbs"],
        "created",
        "tweeted",
        "retweeted",
        "bookmarked",
        "uploaded",
    })


def numbered(table: "ir.Table", column: str, number: str) -> "ir.Table":
    """A number for each text of a column, from 0 in their order: what is compared millions of times is compared as a number."""
    import ibis

    texts = table.filter(table[column].notnull()).select(column).distinct()
    return texts.mutate(**{number: ibis.row_number().over(ibis.window(order_by=[texts[column]])).cast("int32")})


def _assembled(
    events: "ir.Table",
    parents: "ir.Table",
    keys: "ir.Table",
    people: "ir.Table",
    communities: "ir.Table",
    zones: Zones,
) -> "ir.Table":
    """The columns that differ from event to event; what a class has in common stands in `classes`."""
    import ibis

    mine = events.inner_join(people.select("person", "zone", "from_day", "to_day"), "person")
    mine = mine.left_join(parents, mine.parent_id == parents.message_id).drop("message_id")
    mine = mine.left_join(communities, mine.grouping_id == communities.community_id).drop("community_id")
    author = ibis.cases((mine.parent_person == mine.person, OWN), (mine.parent_person.notnull(), OTHERS), else_=UNKNOWN)
    asked = mine.parent_is_question.fill_null(False).cast("int32")
    mine = mine.mutate(parent=ibis.ifelse(mine.has_parent == 1, author + asked, NO_PARENT).cast("int32"))
    matched = mine.inner_join(keys, list(KEYS))
    matched = matched.mutate(day=zones.day(matched.zone, matched.ts_ms))
    return matched.select(
        "person", "zone", "statement_id", "ts_ms", "day", "class_id", "object_id", "parent_id", "parent_person", "duration_ms", "score",
        "registration", "due_day", "scheduled_minutes", "community",
        parent_is_question=matched.parent_is_question.fill_null(False),
        names_source=matched.source_kind != "",
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
    "numbered",
]
