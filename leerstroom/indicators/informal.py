"""Informal learning: asking, answering, sharing, coaching, trying out; mostly estimated, and never a ranking."""

from typing import TYPE_CHECKING

from leerstroom.indicators.amounts import EVERYWHERE, MINUTE_MS, PER_WINDOW, minutes_of
from leerstroom.indicators.definition import DAY, EMPLOYEE, TEAM, indicator
from leerstroom.indicators.events import REACTIONS, SHARES, UNDONE_REACTIONS

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from leerstroom.indicators.scope import Scope


@indicator("informal_learning_minutes", kind="amount", needs="informal", grains=EVERYWHERE)
def informal_learning_minutes(scope: "Scope") -> "ir.Table":
    """Union of informal intervals plus informal estimates, those up to the ceiling of a day."""
    return minutes_of(scope, "informal")


@indicator("questions_asked", kind="amount", needs="conversation", grains=EVERYWHERE)
def questions_asked(scope: "Scope") -> "ir.Table":
    """Questions put to others; asking is good."""
    said = scope.contributions
    return said.filter(said.verb == "asked").group_by(*scope.by).agg(value=lambda t: t.count())


@indicator("questions_answered_for_others", kind="amount", needs="conversation", grains=(EMPLOYEE, TEAM))
def questions_answered_for_others(scope: "Scope") -> "ir.Table":
    """Distinct questions of other employees that the person replied to; many replies to one question are one."""
    said = scope.contributions
    answers = said.filter(said.parent_is_question & said.parent_person.notnull() & (said.parent_person != said.person))
    return answers.group_by(*scope.by).agg(value=answers.parent_id.nunique())


@indicator("help_received_rate", kind="ratio", needs="conversation", grains=(EMPLOYEE,))
def help_received_rate(scope: "Scope") -> "ir.Table":
    """Own questions that another employee replied to, of all own questions."""
    questions = scope.questions
    return questions.group_by(*scope.by).agg(
        numerator=questions.first_reply_ms.notnull().cast("int32").cast("int32").sum(), denominator=questions.count()
    )


@indicator("first_response_minutes_median", kind="measure", needs="conversation", grains=(EMPLOYEE,))
def first_response_minutes_median(scope: "Scope") -> "ir.Table":
    """Median clock minutes from own questions to the first reply of another employee; unanswered ones are not in it."""
    answered = waiting_times(scope)
    return answered.group_by(*scope.by).agg(value=answered.waited_ms.median() / MINUTE_MS)


def waiting_times(scope: "Scope") -> "ir.Table":
    """The answered questions of each period with waited_ms."""
    import ibis

    questions = scope.questions
    answered = questions.filter(questions.first_reply_ms.notnull())
    return answered.mutate(waited_ms=ibis.greatest(answered.first_reply_ms - answered.ts_ms, ibis.literal(0, "int64")))


@indicator("resources_shared", kind="amount", needs="conversation", grains=(EMPLOYEE, TEAM))
def resources_shared(scope: "Scope") -> "ir.Table":
    """Distinct resources shared with others; sharing one's own again adds nothing."""
    shared = shares(scope)
    return shared.group_by(*scope.by).agg(value=shared.object_id.nunique())


def shares(scope: "Scope") -> "ir.Table":
    """Messages that share a resource, in chats, social platforms and forums; not what the person had written or answers to it."""
    said = scope.messages
    own = (said.parent_person == said.person).fill_null(False)
    every = scope.computation.messages
    written = every.filter(every.is_contribution & ~every.verb.isin(SHARES)).select("person", "object_id").distinct()
    return said.filter(said.verb.isin(SHARES) & ~own).anti_join(written, ["person", "object_id"])


@indicator("reactions_given", kind="amount", needs="conversation", grains=(EMPLOYEE,), priority=2)
def reactions_given(scope: "Scope") -> "ir.Table":
    """Likes and the like, less those taken back: the weakest signal."""
    return net_reactions(scope.messages, scope.by)


def net_reactions(messages: "ir.Table", by: tuple[str, ...]) -> "ir.Table":
    """Reactions minus undone ones, at least 0."""
    import ibis

    reactions = messages.filter(messages.verb.isin((*REACTIONS, *UNDONE_REACTIONS)))
    sign = ibis.ifelse(reactions.verb.isin(REACTIONS), 1, -1)
    return reactions.group_by(*by).agg(value=ibis.greatest(sign.sum(), 0))


@indicator("coaching_minutes", kind="amount", needs="coaching", grains=PER_WINDOW, priority=2)
def coaching_minutes(scope: "Scope") -> "ir.Table":
    """Minutes of coaching, shadowing and guided work, on both sides."""
    totals = scope.totals
    value = (
        sum(totals[f"{kind}_coaching_{side}"] for kind in ("ms", "est") for side in ("giving", "receiving")) / MINUTE_MS
    )
    return totals.select(*scope.by, value=value)


@indicator("coaching_minutes.giving", kind="amount", needs="coaching", grains=(EMPLOYEE,), priority=2)
def coaching_minutes_given(scope: "Scope") -> "ir.Table":
    """Minutes of coaching given."""
    return minutes_of(scope, "coaching_giving")


@indicator("coaching_minutes.receiving", kind="amount", needs="coaching", grains=(EMPLOYEE,), priority=2)
def coaching_minutes_received(scope: "Scope") -> "ir.Table":
    """Minutes of coaching received."""
    return minutes_of(scope, "coaching_receiving")


@indicator("practice_and_experiment_events", kind="amount", needs="work", grains=PER_WINDOW, priority=2)
def practice_and_experiment_events(scope: "Scope") -> "ir.Table":
    """Active events of exercising or discovering."""
    events = scope.events
    tried = events.filter(events.is_active & events.pref.isin(("exercising", "discovery")))
    return tried.group_by(*scope.by).agg(value=tried.count())


@indicator("quiet_learning_days", kind="amount", needs="reading", grains=(EMPLOYEE,), priority=2)
def quiet_learning_days(scope: "Scope") -> "ir.Table":
    """Days on which a person read along and did nothing else that is informal; known only where reading is recorded."""
    daily = scope.daily
    quiet = daily.filter((daily.active_quiet > 0) & (daily.active_loud == 0))
    return quiet.group_by(*scope.by).agg(value=quiet.count())


__all__ = ["DAY", "net_reactions", "shares", "waiting_times"]
