"""Communities: rooms, channels and course forums in which people talk.

Their subject is the number that `Events.communities` gives the grouping activity; `groups` puts its id in the number's place.
"""

from typing import TYPE_CHECKING

from leerstroom.indicators.amounts import MINUTE_MS
from leerstroom.indicators.calendar import DAY_MS
from leerstroom.indicators.definition import COMMUNITY, ORGANISATION, TEAM, Grain, Indicator, indicator, register
from leerstroom.indicators.engine import union
from leerstroom.indicators.informal import net_reactions, shares, waiting_times
from leerstroom.indicators.scope import answering

if TYPE_CHECKING:
    from collections.abc import Callable

    import ibis.expr.types as ir

    from leerstroom.indicators.scope import Scope

GROUP = ("period", "subject")
FACILITATORS = ("trainer", "moderator", "presenter", "host", "organizer")
NEW_AFTER_DAYS = 90
MINIMUM_FOR_SPREAD = 10


def in_communities(messages: "ir.Table") -> "ir.Table":
    """The messages that stand in a community, with it as `subject`."""
    return messages.filter(messages.community.notnull()).mutate(subject=messages.community)


def contributors(scope: "Scope") -> "ir.Table":
    """period, subject, person, said, asked, by_facilitator, channel_kind: what each employee contributed to a community, in numbers of messages."""
    return scope.once("contributors", lambda: _contributors(in_communities(scope.contributions)))


def _contributors(said: "ir.Table") -> "ir.Table":
    return said.group_by(*GROUP, "person").agg(
        said=said.count(),
        asked=(said.verb == "asked").cast("int32").sum().cast("int64"),
        by_facilitator=_by_facilitator(said).sum().cast("int64"),
        channel_kind=said.channel_kind.max(),
    )


def community_sizes(scope: "Scope") -> "ir.Table":
    """period, subject (the id of the community), people: how many employees contributed."""
    sizes = contributors(scope).group_by(*GROUP).agg(people=lambda t: t.count())
    return with_ids(scope, sizes)


def with_ids(scope: "Scope", table: "ir.Table") -> "ir.Table":
    """The table with the ids of communities as `subject` instead of their numbers."""
    named = scope.computation.events.communities.select(subject="community", community_id="community_id")
    joined = table.inner_join(named, "subject")
    return joined.mutate(subject=joined.community_id).drop("community_id")


def few_contributors(scope: "Scope", first: int, last: int, minimum: int) -> "dict[str, set[int]]":
    """Community -> who contributed on the days first to last, of the communities where they are fewer than the minimum."""
    messages = scope.computation.messages
    whole = [period.number for period in scope.periods if (period.first, period.last) == (first, last)]
    if whole:
        pairs = contributors(scope)
        pairs = pairs.filter(pairs.period == whole[0]).select("subject", "person")
    else:
        said = in_communities(messages.filter(messages.is_contribution & messages.is_in_service))
        pairs = said.filter((said.day >= first) & (said.day <= last)).select("subject", "person").distinct()
    sizes = pairs.group_by("subject").agg(people=pairs.count())
    few = pairs.semi_join(sizes.filter(sizes.people < minimum), "subject")
    found: dict[str, set[int]] = {}
    for row in scope.workspace.rows(with_ids(scope, few)):
        found.setdefault(row["subject"], set()).add(row["person"])
    return found


def with_most(counted: "ir.Table", rows: "ir.Table", count: "Callable[[ir.Table], ir.Value]") -> "ir.Table":
    """Adds `most`: the largest part of what is counted that one person has. `count` counts in `rows`, which have a person."""
    by = [name for name in GROUP if name in counted.columns]
    each = rows.group_by(*by, "person").agg(part=count(rows))
    most = each.group_by(*by).agg(most=each.part.max())
    joined = counted.left_join(most, by)
    return joined.select(*counted.columns, most=joined.most.fill_null(0))


@indicator("community_active_contributors", kind="amount", needs="conversation", grains=(COMMUNITY,), of="group")
def community_active_contributors(scope: "Scope") -> "ir.Table":
    """Distinct employees who contributed."""
    return contributors(scope).group_by(*GROUP).agg(value=lambda t: t.count())


@indicator("community_active_contributors.new", kind="amount", needs="conversation", grains=(COMMUNITY,), of="group")
def new_contributors(scope: "Scope") -> "ir.Table":
    """Contributors who did not contribute in the 90 days before the window."""
    import ibis

    now = contributors(scope).select(*GROUP, "person")
    messages = scope.computation.messages
    earlier = in_communities(messages.filter(messages.is_contribution & messages.is_in_service))
    parts = []
    for period in scope.periods:
        before = earlier.filter((earlier.day < period.first) & (earlier.day >= period.first - NEW_AFTER_DAYS))
        parts.append(before.select("subject", "person", period=ibis.literal(period.number, "int32")))
    known = union(parts).distinct().mutate(is_known=ibis.literal(1))
    joined = now.left_join(known, [*GROUP, "person"])
    return joined.group_by(*GROUP).agg(value=joined.is_known.isnull().cast("int32").cast("int32").sum())


@indicator("questions_asked", kind="amount", needs="conversation", grains=(COMMUNITY,), of="group")
def questions_in_communities(scope: "Scope") -> "ir.Table":
    """Questions put in the community."""
    each = contributors(scope)
    return each.group_by(*GROUP).agg(value=each.asked.sum(), most=each.asked.max())


@indicator("questions_answered_for_others", kind="amount", needs="conversation", grains=(COMMUNITY,), of="group")
def questions_answered_in_communities(scope: "Scope") -> "ir.Table":
    """Distinct questions of the community that another employee replied to."""
    said = in_communities(scope.contributions)
    said = said.mutate(
        answered=said.parent_is_question & said.parent_person.notnull() & (said.parent_person != said.person)
    )
    return with_most(
        said.group_by(*GROUP).agg(value=said.parent_id.nunique(where=said.answered)),
        said.filter(said.answered),
        lambda t: t.parent_id.nunique(),
    )


@indicator("resources_shared", kind="amount", needs="conversation", grains=(COMMUNITY,), of="group")
def resources_shared_in_communities(scope: "Scope") -> "ir.Table":
    """Distinct resources shared in the community."""
    shared = in_communities(shares(scope))
    return with_most(
        shared.group_by(*GROUP).agg(value=shared.object_id.nunique()), shared, lambda t: t.object_id.nunique()
    )


@indicator("reactions_given", kind="amount", needs="conversation", grains=(COMMUNITY,), of="group", priority=2)
def reactions_in_communities(scope: "Scope") -> "ir.Table":
    """Reactions in the community, less those taken back."""
    return _reactions(in_communities(scope.messages), GROUP)


@indicator("reactions_given", kind="amount", needs="conversation", grains=(ORGANISATION,), of="group", priority=2)
def reactions_in_organisation(scope: "Scope") -> "ir.Table":
    """Reactions of everybody, less those taken back."""
    return _reactions(scope.messages, ("period",))


def _reactions(messages: "ir.Table", by: tuple[str, ...]) -> "ir.Table":
    each = net_reactions(messages, (*by, "person"))
    most = each.group_by(*by).agg(most=each.value.max())
    return net_reactions(messages, by).left_join(most, list(by)).select(*by, "value", "most")


# --- help -------------------------------------------------------------------------------------------------------------------


def _answer_rate(questions: "ir.Table", scope: "Scope", by: tuple[str, ...]) -> "ir.Table":
    """Questions with a reply within the maturity, of the questions that are older than that or have such a reply."""
    maturity_ms = round(scope.rules.parameters["answer_maturity_hours"] * 3_600_000)
    in_time = (questions.first_reply_ms - questions.ts_ms <= maturity_ms).fill_null(False)
    is_mature = questions.ts_ms <= scope.computation.as_of_ms - maturity_ms
    judged = questions.filter(in_time | is_mature)
    in_time = (judged.first_reply_ms - judged.ts_ms <= maturity_ms).fill_null(False)
    counted = judged.group_by(*by).agg(numerator=in_time.cast("int32").sum(), denominator=judged.count())
    return with_most(counted, judged, lambda t: t.count())


def _with_subject(table: "ir.Table", scope: "Scope", grain: Grain) -> "tuple[ir.Table, tuple[str, ...]]":
    if grain == COMMUNITY:
        return in_communities(table), GROUP
    if grain == TEAM:
        return table.inner_join(scope.teams.select("person", subject="team"), "person"), GROUP
    return table, ("period",)


def _register_help(grain: Grain) -> None:
    def rate(scope: "Scope") -> "ir.Table":
        questions, by = _with_subject(scope.questions, scope, grain)
        return _answer_rate(questions, scope, by)

    def wait(scope: "Scope") -> "ir.Table":
        answered, by = _with_subject(waiting_times(scope), scope, grain)
        return answered.group_by(*by).agg(value=answered.waited_ms.median() / MINUTE_MS)

    register(Indicator("question_answer_rate_72h", "community", "ratio", "conversation", (grain,), rate, of="group"))
    if grain != TEAM:
        register(
            Indicator(
                "first_response_minutes_median", "community", "measure", "conversation", (grain,), wait, of="group"
            )
        )


for _grain in (TEAM, COMMUNITY, ORGANISATION):
    _register_help(_grain)


@indicator("help_tie_reciprocity", kind="ratio", needs="conversation", grains=(COMMUNITY,), of="group")
def reciprocity_in_communities(scope: "Scope") -> "ir.Table":
    """Pairs that turn to each other in the community, by reply or mention, of all pairs with a tie there."""
    import ibis

    told = (answering(scope.contributions), scope.within(scope.computation.mentioned))
    ties = union([in_communities(each).select(*GROUP, "person", "other") for each in told])
    pairs = ties.select(
        *GROUP,
        low=ibis.least(ties.person, ties.other),
        high=ibis.greatest(ties.person, ties.other),
        up=(ties.person < ties.other).cast("int32"),
    )
    dyads = pairs.group_by(*GROUP, "low", "high").agg(ways=pairs.up.nunique())
    return dyads.group_by(*GROUP).agg(numerator=(dyads.ways == 2).cast("int32").sum(), denominator=dyads.count())


# --- who speaks -------------------------------------------------------------------------------------------------------------


@indicator("community_facilitator_share", kind="ratio", needs="conversation", grains=(COMMUNITY,), of="group")
def community_facilitator_share(scope: "Scope") -> "ir.Table":
    """Contributions of trainers and moderators, of all."""
    each = contributors(scope)
    return each.group_by(*GROUP).agg(numerator=each.by_facilitator.sum(), denominator=each.said.sum())


def facilitator_share(said: "ir.Table", by: tuple[str, ...]) -> "ir.Table":
    """Numerator and denominator of contributions by facilitators."""
    return said.group_by(*by).agg(numerator=_by_facilitator(said).sum(), denominator=said.count())


def _by_facilitator(said: "ir.Table") -> "ir.IntegerColumn":
    return said.actor_role.isin(FACILITATORS).fill_null(False).cast("int32")


@indicator(
    "community_concentration",
    kind="measure",
    needs="conversation",
    grains=(COMMUNITY,),
    of="group",
    minimum_people=MINIMUM_FOR_SPREAD,
    priority=2,
)
def community_concentration(scope: "Scope") -> "ir.Table":
    """Gini coefficient of contributions over contributors; a few who say much is normal."""
    import ibis

    each = contributors(scope)
    order = ibis.window(group_by=[each.period, each.subject], order_by=[each.said, each.person])
    ranked = each.mutate(rank=ibis.row_number().over(order) + 1)
    summed = ranked.group_by(*GROUP).agg(
        weighted=(ranked.rank * ranked.said).sum(), whole=ranked.said.sum(), people=ranked.count()
    )
    gini = 2.0 * summed.weighted / (summed.people * summed.whole) - (summed.people + 1.0) / summed.people
    return summed.select(*GROUP, value=gini)


# --- direction of interaction -----------------------------------------------------------------------------------------------

_MAX_DEPTH = 24  # a chain of 2^24 replies: deeper threads end there


def threads(scope: "Scope") -> "ir.Table":
    """root_id, person (who began), day, community, authors, direction of every thread, from all messages by the as-of day."""
    import ibis

    workspace = scope.workspace
    messages = scope.computation.messages
    said = messages.filter(messages.is_contribution & messages.object_id.notnull())
    said = workspace.keep(
        f"thread_messages_{scope.name}",
        said.select("person", "day", "ts_ms", "community", "parent_id", message_id=said.object_id),
    )
    ids = said.select("message_id").distinct()
    links = said.filter(said.parent_id.notnull() & (said.parent_id != said.message_id)).select(
        "message_id", "parent_id"
    )
    links = links.inner_join(ids.select(parent_id="message_id"), "parent_id")
    links = links.group_by("message_id").agg(root_id=links.parent_id.min())
    current = workspace.keep(f"thread_roots_{scope.name}_0", links)
    for step in range(1, _MAX_DEPTH):
        above = current.select(root_id="message_id", higher_id="root_id")
        further = current.inner_join(above, "root_id")
        if not workspace.rows(further.limit(1)):
            break
        lifted = current.left_join(above, "root_id")
        current = workspace.keep(
            f"thread_roots_{scope.name}_{step}",
            lifted.select("message_id", root_id=lifted.higher_id.coalesce(lifted.root_id)),
        )
    rooted = said.left_join(current, "message_id")
    rooted = rooted.select(
        "person", "day", "ts_ms", "community", "message_id", root_id=rooted.root_id.coalesce(rooted.message_id)
    )
    first = rooted.mutate(
        place=ibis.row_number().over(
            ibis.window(group_by=[rooted.root_id], order_by=[rooted.ts_ms, rooted.message_id, rooted.person])
        )
    )
    first = first.filter(first.place == 0).select("root_id", "person", "day", "community")
    counted = rooted.group_by("root_id").agg(authors=rooted.person.nunique())
    joined = first.inner_join(counted, "root_id")
    direction = ibis.cases((joined.authors == 1, "one_way"), (joined.authors == 2, "two_way"), else_="multi")
    return joined.mutate(direction=direction)


def directions(scope: "Scope", grain: Grain) -> "ir.Table":
    """period, [subject], one_way, two_way, multi: threads, and beyond communities the occurrences that people attended."""
    return scope.once(f"directions_of_{grain}", lambda: _directions(scope, grain))


def _directions(scope: "Scope", grain: Grain) -> "ir.Table":
    found, by = _with_subject(scope.within(scope.once("threads", lambda: threads(scope))), scope, grain)
    units = found.select(*by, "direction")
    if grain != COMMUNITY:
        attended, by = _with_subject(scope.attendance, scope, grain)
        attended = attended.filter(attended["dir"].notnull())
        occurrences = attended.select(*by, "occurrence", direction=attended["dir"]).distinct()
        units = union([units, occurrences.drop("occurrence")])
    return units.group_by(*by).agg(
        **{name: (units.direction == name).cast("int32").sum() for name in ("one_way", "two_way", "multi")},
        units=units.count(),
    )


def _register_direction(direction: str, grain: Grain) -> None:
    def compute(scope: "Scope") -> "ir.Table":
        counted = directions(scope, grain)
        by = GROUP if grain != ORGANISATION else ("period",)
        return counted.select(*by, numerator=counted[direction], denominator=counted.units)

    register(
        Indicator(
            f"interaction_direction_share.{direction}", "community", "ratio", "any", (grain,), compute, of="group"
        )
    )


for _direction in ("one_way", "two_way", "multi"):
    for _grain in (COMMUNITY, TEAM, ORGANISATION):
        _register_direction(_direction, _grain)


@indicator(
    "spontaneous_group_share", kind="ratio", needs="conversation", grains=(ORGANISATION,), of="group", priority=2
)
def spontaneous_group_share(scope: "Scope") -> "ir.Table":
    """Active channels (three contributors or more) that nobody set up, of all active channels: a lower bound, private ones are unseen."""
    each = contributors(scope)
    channels = each.group_by(*GROUP).agg(people=each.count(), channel_kind=each.channel_kind.max())
    active = channels.filter(channels.people >= 3)
    is_spontaneous = (active.channel_kind == "spontaneous_group").fill_null(False)
    return active.group_by("period").agg(numerator=is_spontaneous.cast("int32").sum(), denominator=active.count())


__all__ = ["DAY_MS", "community_sizes", "directions", "facilitator_share", "threads"]
