"""Minutes: intervals of a person, cut at local midnight, counted once however they overlap, and estimates where none exist.

R3 the timestamp of a statement with a duration is its end. R4 attendance is the union of join and leave intervals; a summary
counts only without them; under the minimum it is no attendance. R5 a session over the cap is cut, counted from its start.
R6 minutes fall on local days. R7 minutes of a class are the union within the class plus its estimates.

The result is *portions*: stretches of clock time (`ms`) and estimates (`est`), in milliseconds, with flags for the classes in which they
count. Sums over any period and person give minutes of a class without counting anything twice. Most portions are of one class of
events; flags are looked up by it when all of a person and period are summed, so ten million rows carry one number instead of thirty.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leerstroom.classification import Rules
from leerstroom.classification.rules import SETTABLE
from leerstroom.indicators.calendar import DAY_MS, Zones
from leerstroom.indicators.engine import Workspace, union
from leerstroom.indicators.events import ATTENDANCE, Events, numbered

if TYPE_CHECKING:
    import ibis.expr.types as ir

_CARRIED = ("person", "zone", "class_id")
PREFERENCES = SETTABLE["pref"]


@dataclass(frozen=True, slots=True)
class Dimension:
    """One way to divide minutes. `column` gives the label of a row (null: in none); `labels` names label -> column suffix."""

    name: str
    column: "Callable[[ir.Table], ir.Value]"
    labels: Mapping[str, str]

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The column suffixes, without `ms_` or `est_`."""
        return tuple(self.labels.values())


def _learning(t: "ir.Table") -> "ir.BooleanColumn":
    return t.formality != "none"


def _when(condition: "ir.BooleanValue", value: "ir.Value | str") -> "ir.Value":
    import ibis

    return ibis.ifelse(condition, value, ibis.null("string"))


def _truth(t: "ir.Table", flag: "ir.BooleanColumn") -> "ir.Value":
    return _when(_learning(t), _yes_no(flag))


def _yes_no(flag: "ir.BooleanColumn") -> "ir.Value":
    import ibis

    return ibis.cases((flag, "yes"), (~flag, "no"), else_=ibis.null("string"))


def _place(t: "ir.Table") -> "ir.Value":
    import ibis

    return ibis.cases(
        (~_learning(t), ibis.null("string")),
        ((t.kind == "work") | t.device.isin(("mobile", "tablet")), "anywhere"),
        (t.kind.isin(("webinar", "offline")), "scheduled"),
        else_="own_time",
    )


def _coaching(t: "ir.Table") -> "ir.Value":
    return _when(t.cla.isin(("3.1.1", "3.1.2", "2.3")), t.role)


DIMENSIONS: tuple[Dimension, ...] = (
    Dimension("total", lambda t: _when(_learning(t), "all"), {"all": "total"}),
    Dimension(
        "formality",
        lambda t: _when(_learning(t), t.formality),
        {"formal": "formal", "nonformal": "nonformal", "informal": "informal"},
    ),
    Dimension("mode", lambda t: _when(_learning(t), t["mode"]), {"70": "mode_70", "20": "mode_20", "10": "mode_10"}),
    Dimension("gen", lambda t: _when(_learning(t), t.gen), {"1.0": "gen_1", "2.0": "gen_2", "3.0": "gen_3"}),
    Dimension("initiator", lambda t: _when(_learning(t), t.initiator), {"self": "self", "assigned": "assigned"}),
    Dimension(
        "initiator_without_chat",
        lambda t: _when(_learning(t) & ~t.kind.isin(("chat", "social")), t.initiator),
        {"self": "self_without_chat", "assigned": "assigned_without_chat"},
    ),
    Dimension("mandatory", lambda t: _truth(t, t.mandatory), {"yes": "mandatory", "no": "voluntary"}),
    Dimension(
        "device",
        lambda t: _when(_learning(t) & t.device.notnull(), _yes_no(t.device.isin(("mobile", "tablet")))),
        {"yes": "mobile", "no": "desktop"},
    ),
    Dimension(
        "nonformal_kind",
        lambda t: _when(t.formality == "nonformal", t.kind),
        {"webinar": "nonformal_webinar", "mooc": "nonformal_mooc", "offline": "nonformal_offline"},
    ),
    Dimension("coaching", _coaching, {"giving": "coaching_giving", "receiving": "coaching_receiving"}),
    Dimension("teaching", lambda t: _when(t.is_teaching, "all"), {"all": "teaching"}),
    Dimension(
        "goals",
        lambda t: _when(_learning(t), t.goals),
        {"predefined": "goals_1", "partly": "goals_2", "emergent": "goals_3"},
    ),
    Dimension(
        "owner",
        lambda t: _when(_learning(t), t.owner),
        {"ld": "owner_1", "facilitator": "owner_2", "employee": "owner_3"},
    ),
    Dimension("place", _place, {"scheduled": "place_1", "own_time": "place_2", "anywhere": "place_3"}),
)
SUFFIXES = tuple(suffix for dimension in DIMENSIONS for suffix in dimension.suffixes)
LABELS = tuple(f"in_{dimension.name}" for dimension in DIMENSIONS)
FLAGS = tuple(f"is_in_{suffix}" for suffix in SUFFIXES)


@dataclass(frozen=True, slots=True)
class Minutes:
    """`single`: person, day, class_id, ms, est of what overlaps nothing.

    `flags`: class_id, `alike` (the same number for classes with the same flags), FLAGS (1 or 0).
    `together`: person, day, ms, est, FLAGS of what overlaps. `daily`: one lean row a person and day, with what made it active.
    `attendance`: one row a person and occurrence; `occurrences`: occurrence, object_id. `preferences`: person, day, shows (see `_preferences`).
    """

    single: "ir.Table"
    flags: "ir.Table"
    together: "ir.Table | None"
    daily: "ir.Table"
    attendance: "ir.Table"
    occurrences: "ir.Table"
    preferences: "ir.Table"


def build_minutes(
    workspace: Workspace,
    events: Events,
    *,
    people: "ir.Table",
    zones: Zones,
    rules: Rules,
    days: "ir.Table",
    first_day: int,
    last_day: int,
) -> Minutes:
    """Keeps `attendance`, `pieces` and `daily` of the local days first_day to last_day, days in service only.

    `days`: the bounds of all local days (`Zones.day_bounds`).
    """
    classified = events.classified
    relevant = classified.filter(_learning(classified) | classified.is_teaching)
    attended = relevant.filter(relevant.verb.isin(ATTENDANCE) & relevant.object_id.notnull())
    occurrences = workspace.keep("occurrences", numbered(attended, "object_id", "occurrence"))
    sessions, attendance = _attendance(workspace, attended.inner_join(occurrences, "object_id"), people, zones, rules)
    timed = relevant.filter(~relevant.verb.isin(ATTENDANCE) & ~relevant.is_off_clock)
    intervals = union([sessions, _durations(timed, first_day)])
    pieces = workspace.keep(
        "pieces", _pieces(intervals, people, zones, days, workspace.steps(_longest_days(rules)), first_day, last_day)
    )
    classes = events.classes
    labels = workspace.keep(
        "class_labels", classes.select("class_id", **{f"in_{each.name}": each.column(classes) for each in DIMENSIONS})
    )
    flags = workspace.keep("class_flags", labels.select("class_id", alike=_alike(labels), **_flags(labels)))
    marked = workspace.keep("marked_pieces", _marked(pieces))
    estimates = workspace.keep("estimates", _estimates(relevant, attendance, classes, rules, first_day))
    single = workspace.view("single_portions", union([_alone(marked), estimates]))
    together = _together(workspace, marked.join(labels, "class_id"))
    daily = _daily(single, flags, together, _active(events.table, attendance, classes, first_day))
    preferences = _preferences(pieces, events.table, attendance, classes, first_day)
    return Minutes(
        single, flags, together, workspace.keep("daily", daily), attendance, occurrences, workspace.keep("preferences", preferences)
    )  # fmt: skip


def covered_ms(pieces: "ir.Table", keys: "list[str]") -> "ir.Table":
    """The pieces with `covered_ms`: what each adds to the union of those before it within the keys; their sum is its length."""
    import ibis

    before = pieces.end_ms.max().over(
        ibis.window(group_by=[pieces[key] for key in keys], order_by=[pieces.start_ms, pieces.end_ms], rows=(None, -1))
    )
    start = ibis.greatest(pieces.start_ms, before.fill_null(pieces.start_ms))
    return pieces.mutate(covered_ms=ibis.greatest(pieces.end_ms - start, ibis.literal(0, "int64")))


# --- attendance -------------------------------------------------------------------------------------------------------------


def _attendance(
    workspace: Workspace, attended: "ir.Table", people: "ir.Table", zones: Zones, rules: Rules
) -> "tuple[ir.Table, ir.Table]":
    """The intervals of attended occurrences, and the occurrences themselves (union_ms is null when no length is known)."""
    import ibis

    present = workspace.keep(
        "present",
        attended.select(
            *_CARRIED, "occurrence", "registration", "statement_id", "ts_ms", "day", "verb", "duration_ms", "cap_ms", "starts_at_timestamp",
            "is_teaching", "scheduled_minutes", "is_in_service",
        ),
    )  # fmt: skip
    steps = present.filter(present.verb.isin(("joined", "left")))
    measured = union([_pairs(steps), _durations(steps, None, "occurrence", "is_teaching")])
    measured = workspace.keep("measured", measured)
    seen = measured.select("person", "occurrence").distinct()
    summaries = present.filter(present.verb == "attended").anti_join(seen, ["person", "occurrence"])
    sessions = union([measured, _durations(summaries, None, "occurrence", "is_teaching")])
    sessions = workspace.keep("sessions", sessions)
    covered = covered_ms(sessions, ["person", "occurrence", "is_teaching"])
    lengths = covered.group_by("person", "occurrence", "is_teaching").agg(
        union_ms=covered.covered_ms.sum().cast("int64"),
        end_ms=covered.end_ms.max(),
        zone=covered.zone.max(),
        class_id=covered.class_id.min(),
    )
    shortest = round(rules.parameters["min_attendance_minutes"] * 60_000)
    long_enough = workspace.keep("attended_long_enough", lengths.filter(lengths.union_ms >= shortest))
    kept = sessions.semi_join(long_enough, ["person", "occurrence", "is_teaching"])

    unmeasured = summaries.filter(summaries.duration_ms.isnull()).anti_join(
        sessions.select("person", "occurrence").distinct(), ["person", "occurrence"]
    )
    first = unmeasured.mutate(
        place=ibis.row_number().over(
            ibis.window(
                group_by=[unmeasured.person, unmeasured.occurrence],
                order_by=[unmeasured.ts_ms, unmeasured.statement_id],
            )
        )
    )
    first = first.filter(first.place == 0)
    stated = present.group_by("person", "occurrence").agg(scheduled_minutes=present.scheduled_minutes.max())
    unknown = ibis.null("int64")
    together = union([
        long_enough.select(
            "person",
            "occurrence",
            "is_teaching",
            "class_id",
            "union_ms",
            day=zones.day(long_enough.zone, long_enough.end_ms),
        ),
        first.select("person", "occurrence", "is_teaching", "class_id", union_ms=unknown, day=first.day),
    ])
    served = together.inner_join(people.select("person", "from_day", "to_day"), "person")
    served = served.filter((served.day >= served.from_day) & (served.day <= served.to_day)).drop("from_day", "to_day")
    attendance = served.inner_join(stated, ["person", "occurrence"])
    return kept.select(*_CARRIED, "start_ms", "end_ms"), workspace.keep("attendance", attendance)


def _pairs(steps: "ir.Table") -> "ir.Table":
    """Intervals from joins and leaves: a leave closes the latest join of the same registration that is still open.

    Joins without leave, and leaves without join, give nothing. Depth = how many devices are inside; a join and the leave that
    follows it at the same depth belong together, so devices may overlap.
    """
    import ibis

    group = [steps.person, steps.occurrence, steps.registration]
    order = [steps.ts_ms, steps.verb.desc(), steps.statement_id]  # left before joined at one moment
    running = {"group_by": group, "order_by": order, "rows": (None, 0)}
    stepped = steps.mutate(inside=ibis.ifelse(steps.verb == "joined", 1, -1).sum().over(ibis.window(**running)))
    running = {
        "group_by": [stepped.person, stepped.occurrence, stepped.registration],
        "order_by": [stepped.ts_ms, stepped.verb.desc(), stepped.statement_id],
    }
    lowest = stepped.inside.min().over(ibis.window(**running, rows=(None, 0)))
    deep = stepped.mutate(depth=(stepped.inside - ibis.least(lowest, ibis.literal(0, "int64"))).cast("int64"))
    running = {
        "group_by": [deep.person, deep.occurrence, deep.registration],
        "order_by": [deep.ts_ms, deep.verb.desc(), deep.statement_id],
    }
    before = deep.depth.lag().over(ibis.window(**running)).fill_null(ibis.literal(0, "int64"))
    levelled = deep.mutate(level=ibis.ifelse(deep.verb == "joined", deep.depth, before))
    levelled = levelled.filter(levelled.level > 0)
    window = ibis.window(
        group_by=[levelled.person, levelled.occurrence, levelled.registration, levelled.level],
        order_by=[levelled.ts_ms, levelled.verb.desc(), levelled.statement_id],
    )
    opened = {
        f"opened_{name}": levelled[name].lag().over(window)
        for name in ("ts_ms", "verb", "class_id", "cap_ms", "is_teaching")
    }
    closed = levelled.mutate(**opened)
    closed = closed.filter(
        (closed.verb == "left") & (closed.opened_verb == "joined") & (closed.ts_ms > closed.opened_ts_ms)
    )
    return closed.select(
        "person",
        "zone",
        class_id=closed.opened_class_id,
        occurrence=closed.occurrence,
        is_teaching=closed.opened_is_teaching,
        start_ms=closed.opened_ts_ms,
        end_ms=ibis.least(closed.ts_ms, closed.opened_ts_ms + closed.opened_cap_ms),
    )


def _durations(events: "ir.Table", first_day: int | None, *more: str) -> "ir.Table":
    """Intervals of statements with a duration; what ends before first_day is left out."""
    import ibis

    timed = events.filter(events.duration_ms > 0)
    if first_day is not None:
        timed = timed.filter(timed.ts_ms >= (first_day - 1) * DAY_MS)
    start = ibis.ifelse(timed.starts_at_timestamp, timed.ts_ms, timed.ts_ms - timed.duration_ms)
    return timed.select(*_CARRIED, *more, start_ms=start, end_ms=start + ibis.least(timed.duration_ms, timed.cap_ms))


# --- pieces and their union -------------------------------------------------------------------------------------------------


def _longest_days(rules: Rules) -> int:
    """How many local days the longest session can touch."""
    return int(max(rules.parameters["max_session_minutes"].values())) // (23 * 60) + 2


def _pieces(
    intervals: "ir.Table",
    people: "ir.Table",
    zones: Zones,
    days: "ir.Table",
    steps: "ir.Table",
    first_day: int,
    last_day: int,
) -> "ir.Table":
    """The intervals cut at local midnight, within the days asked for and the person's service."""
    import ibis

    dated = intervals.mutate(
        day=zones.day(intervals.zone, intervals.start_ms), until_day=zones.day(intervals.zone, intervals.end_ms - 1)
    )
    columns = [name for name in (*_CARRIED, "day", "start_ms", "end_ms") if name != "zone"]
    whole = dated.filter(dated.day == dated.until_day).select(columns)
    crossing = dated.filter(dated.day != dated.until_day)
    spread = crossing.cross_join(steps)
    spread = spread.mutate(piece_day=(spread.day + spread.step).cast("int32")).filter(
        lambda t: t.piece_day <= t.until_day
    )
    bounds = days.select(bounds_zone="zone", bounds_day="day", midnight_ms="start_ms", next_midnight_ms="end_ms")
    cut = spread.inner_join(bounds, [spread.zone == bounds.bounds_zone, spread.piece_day == bounds.bounds_day])
    parts = cut.mutate(
        day=cut.piece_day,
        start_ms=ibis.greatest(cut.start_ms, cut.midnight_ms),
        end_ms=ibis.least(cut.end_ms, cut.next_midnight_ms),
    ).select(columns)
    pieces = union([whole, parts])
    served = pieces.inner_join(people.select("person", "from_day", "to_day"), "person")
    within = (
        (served.day >= served.from_day)
        & (served.day <= served.to_day)
        & (served.day >= first_day)
        & (served.day <= last_day)
    )
    return served.filter(within & (served.end_ms > served.start_ms)).select(columns)


def _marked(pieces: "ir.Table") -> "ir.Table":
    """The pieces with `is_alone`: it overlaps no other piece of the person.

    Most pieces are alone and need no further sort: their length counts in each of their classes.
    """
    import ibis

    order = [pieces.start_ms, pieces.end_ms]
    keys = [pieces.person, pieces.day]
    before = pieces.end_ms.max().over(ibis.window(group_by=keys, order_by=order, rows=(None, -1)))
    after = pieces.start_ms.lead().over(ibis.window(group_by=keys, order_by=order))
    is_alone = (before.isnull() | (before <= pieces.start_ms)) & (after.isnull() | (after >= pieces.end_ms))
    return pieces.select("person", "day", "class_id", "start_ms", "end_ms", is_alone=is_alone)


def _alone(marked: "ir.Table") -> "ir.Table":
    import ibis

    alone = marked.filter(marked.is_alone)
    return alone.select("person", "day", "class_id", ms=alone.end_ms - alone.start_ms, est=ibis.literal(0.0))


def _flags(labelled: "ir.Table", only: str | None = None) -> "dict[str, ir.IntegerValue]":
    """FLAGS of rows with LABELS: 1 where they count, of one dimension alone when `only` names its label."""
    import ibis

    return {
        f"is_in_{suffix}": ibis.ifelse((labelled[name] == label).fill_null(False), 1, 0).cast("int32")
        if only in {None, name}
        else ibis.literal(0, "int32")
        for dimension in DIMENSIONS
        for name in (f"in_{dimension.name}",)
        for label, suffix in dimension.labels.items()
    }


def _alike(labelled: "ir.Table") -> "ir.IntegerColumn":
    """The same number for classes whose minutes count alike: verbs and completions divide events, not minutes."""
    import ibis

    return ibis.dense_rank().over(ibis.window(order_by=[labelled[name] for name in LABELS])).cast("int32")


def _together(workspace: Workspace, marked: "ir.Table") -> "ir.Table | None":
    """What overlapping pieces add to each dimension: a portion of a dimension counts in that one alone. None where nothing overlaps."""
    import ibis

    pieces = workspace.keep("overlapping_pieces", marked.filter(~marked.is_alone))
    if not workspace.rows(pieces.limit(1)):
        return None
    found = []
    for label in LABELS:
        covered = covered_ms(pieces.filter(pieces[label].notnull()), ["person", "day", label])
        covered = covered.filter(covered.covered_ms > 0)
        found.append(
            covered.select("person", "day", ms=covered.covered_ms, est=ibis.literal(0.0), **_flags(covered, label))
        )
    return workspace.keep("overlapping_portions", union(found))


def sums(portions: "ir.Table", suffixes: tuple[str, ...] = SUFFIXES) -> dict[str, Any]:
    """The aggregates `ms_<suffix>` and `est_<suffix>` of portions with FLAGS.

    Milliseconds are added as floats, which hold whole numbers up to 2^53 (285,000 years) exactly: engines add whole numbers of 64 bits in 128
    or as decimals, which took half as long again.
    """
    ms = portions.ms.cast("float64")
    clock = {f"ms_{suffix}": (ms * portions[f"is_in_{suffix}"]).sum().cast("int64") for suffix in suffixes}
    return clock | {f"est_{suffix}": (portions.est * portions[f"is_in_{suffix}"]).sum() for suffix in suffixes}


# --- estimates and active days ----------------------------------------------------------------------------------------------


def _estimates(
    relevant: "ir.Table", attendance: "ir.Table", classes: "ir.Table", rules: Rules, first_day: int
) -> "ir.Table":
    """Estimated minutes of what has no duration; informal estimates of one person and day shrink in proportion to the ceiling.

    A duration that is no time on a clock, such as the length of a video that was played, is an estimate too: the producer's, so without ceiling.
    """
    import ibis

    columns = ("person", "day", "class_id")
    served = relevant.filter(relevant.is_in_service & (relevant.day >= first_day))
    said = served.filter(served.duration_ms.isnull() & ~served.verb.isin(ATTENDANCE) & (served.estimate_ms > 0)).select(
        columns
    )
    present = attendance.filter(attendance.union_ms.isnull() & (attendance.day >= first_day)).select(columns)
    estimated = union([said, present]).join(classes, "class_id")
    estimated = estimated.filter(_learning(estimated) & (estimated.estimate_ms > 0))
    is_informal = estimated.formality == "informal"
    of_day = ibis.window(group_by=[estimated.person, estimated.day])
    informal_ms = estimated.estimate_ms.sum(where=is_informal).over(of_day)
    ceiling = ibis.literal(rules.parameters["max_estimated_minutes_per_day"] * 60_000.0)
    factor = ibis.ifelse(is_informal & (informal_ms > ceiling), ceiling / informal_ms, ibis.literal(1.0))
    nothing = ibis.literal(0, "int64")
    told = served.filter(
        served.is_off_clock & (served.duration_ms > 0) & ~served.verb.isin(ATTENDANCE) & _learning(served)
    )
    return union([
        estimated.select(*columns, ms=nothing, est=estimated.estimate_ms * factor),
        told.select(*columns, ms=nothing, est=ibis.least(told.duration_ms, told.cap_ms).cast("float64")),
    ])


ACTIVE = ("formal", "nonformal", "informal", "any", "quiet", "loud")
_OF_DAYS = ("total", "formal", "nonformal", "informal", "teaching")


def _active(events: "ir.Table", attendance: "ir.Table", classes: "ir.Table", first_day: int) -> "ir.Table":
    """person, day, acts: of what kind an event was, as the sum of 2 to the place in ACTIVE; attendance is active by its minutes.

    `quiet` is informal learning that only receives, `loud` any other informal event, active or not: a like is no reading along.
    """
    import ibis

    counting = classes.filter((classes.is_active | (classes.formality == "informal")) & ~classes.verb.isin(ATTENDANCE))
    served = events.filter(events.is_in_service & (events.day >= first_day))
    present = attendance.filter(attendance.day >= first_day)
    found = [
        served.join(_acts(counting, counting.is_active), "class_id"),
        present.filter(present.union_ms.isnull()).join(_acts(classes, classes.is_active), "class_id"),
        present.filter(present.union_ms.notnull()).join(_acts(classes, ibis.literal(False)), "class_id"),
    ]
    return union([each.select("person", "day", "acts") for each in found])


def _acts(classes: "ir.Table", counts: "ir.BooleanValue") -> "ir.Table":
    """class_id, acts. `counts`: whether an event of the class makes a day active."""
    import ibis

    is_informal = classes.formality == "informal"
    receives = (classes["dir"] == "one_way") & (classes.role == "receiving")
    kinds = {
        "formal": counts & (classes.formality == "formal"),
        "nonformal": counts & (classes.formality == "nonformal"),
        "informal": counts & is_informal,
        "any": counts,
        "quiet": is_informal & receives,
        "loud": is_informal & ~receives.fill_null(False),
    }
    bits = (ibis.ifelse(kinds[name].fill_null(False), 2**place, 0) for place, name in enumerate(ACTIVE))
    return classes.select("class_id", acts=sum(bits).cast("int32"))


def _daily(single: "ir.Table", flags: "ir.Table", together: "ir.Table | None", active: "ir.Table") -> "ir.Table":
    """One row a person and day: ms_ and est_ of the classes that are published by the day, active_*, is_active.

    What made the day active is one number of six bits until the end: a group of the three million holds one state instead of six.
    """
    import ibis

    shown = [f"is_in_{suffix}" for suffix in _OF_DAYS]
    columns = ("person", "day", "ms", "est", *shown)
    timed = [single.join(flags.select("class_id", *shown), "class_id"), *([] if together is None else [together])]
    acted = active.select(
        "person", "day", ms=ibis.literal(0, "int64"), est=ibis.literal(0.0), **{name: ibis.literal(0, "int32") for name in shown},
        acts=active.acts,
    )  # fmt: skip
    rows = union([*(each.select(*columns, acts=ibis.literal(0, "int32")) for each in timed), acted])
    summed = rows.group_by("person", "day").agg(**sums(rows, _OF_DAYS), acts=_any_bits(rows.acts))
    flags_of_day = {
        f"active_{name}": ibis.ifelse((summed.acts & 2**place) > 0, 1, 0).cast("int16")
        for place, name in enumerate(ACTIVE)
    }
    days = summed.mutate(**flags_of_day).drop("acts")
    return days.mutate(is_active=(days.ms_total > 0) | (days.est_total > 0) | (days.active_any > 0))


def _any_bits(column: "ir.IntegerColumn") -> "ir.IntegerValue":
    """The bits that any row has. Called by its name, which all engines know: Ibis has no translation of its own for Spark."""
    import ibis

    @ibis.udf.agg.builtin(name="bit_or", signature=(("int32",), "int32"))
    def bit_or(bits):  # type: ignore[no-untyped-def]
        """Computed by the engine."""

    return bit_or(column)


def _preferences(
    pieces: "ir.Table", events: "ir.Table", attendance: "ir.Table", classes: "ir.Table", first_day: int
) -> "ir.Table":
    """person, day, shows: the preferences that show on a day, by minutes or by an active event, as the sum of 2 to their place in PREFERENCES."""
    import ibis

    shown = classes.filter(classes.pref.isin(PREFERENCES))
    bits = ibis.cases(*((shown.pref == name, 2**place) for place, name in enumerate(PREFERENCES)), else_=0)
    shown = shown.mutate(shows=bits.cast("int32"))

    def of(rows: "ir.Table", told: "ir.Table") -> "ir.Table":
        return rows.join(told.select("class_id", "shows"), "class_id").select("person", "day", "shows")

    active = shown.filter(shown.is_active)
    acted = events.filter(events.is_in_service & (events.day >= first_day))
    present = attendance.filter(attendance.union_ms.isnull() & (attendance.day >= first_day))
    found = union([
        of(pieces, shown.filter(_learning(shown))),
        of(acted, active.filter(~active.verb.isin(ATTENDANCE))),
        of(present, active),
    ])
    return found.group_by("person", "day").agg(shows=_any_bits(found.shows))
