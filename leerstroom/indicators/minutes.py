"""Minutes: intervals of a person, cut at local midnight, counted once however they overlap, and estimates where none exist.

R3 the timestamp of a statement with a duration is its end. R4 attendance is the union of join and leave intervals; a summary
counts only without them; under the minimum it is no attendance. R5 a session over the cap is cut, counted from its start.
R6 minutes fall on local days. R7 minutes of a class are the union within the class plus its estimates.

The result is one wide row a person and day: `ms_<class>` (clock time) and `est_<class>` (estimated), in milliseconds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leerstroom.classification import Rules
from leerstroom.indicators.calendar import DAY_MS, Zones
from leerstroom.indicators.engine import Workspace, union
from leerstroom.indicators.events import ATTENDANCE, Events

if TYPE_CHECKING:
    import ibis.expr.types as ir

_CARRIED = ("person", "zone", "class_id", "initiator", "mandatory", "device")


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

    return ibis.cases((flag == True, "yes"), (flag == False, "no"), else_=ibis.null("string"))  # noqa: E712 - an expression


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


@dataclass(frozen=True, slots=True)
class Minutes:
    """`daily`: person, day, ms_*, est_*, active_*. `attendance`: one row a person and occurrence. `preferences`: person, day, pref."""

    daily: "ir.Table"
    attendance: "ir.Table"
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
    sessions, attendance = _attendance(workspace, relevant, people, zones, rules)
    intervals = union([sessions, _durations(relevant.filter(~relevant.verb.isin(ATTENDANCE)), first_day)])
    pieces = workspace.keep(
        "pieces", _pieces(intervals, people, zones, days, workspace.steps(_longest_days(rules)), first_day, last_day)
    )
    marked = workspace.keep("marked_pieces", _marked(pieces.join(events.classes, "class_id")))
    estimates = workspace.keep("estimates", _estimates(relevant, attendance, events.classes, rules, first_day))
    active = _active(classified, attendance, events.classes, first_day)
    daily = _daily([_alone(marked), *_together(workspace, marked), estimates, active])
    preferences = _preferences(
        pieces.join(events.classes, "class_id"), classified, attendance.join(events.classes, "class_id"), first_day
    )
    return Minutes(workspace.keep("daily", daily), attendance, workspace.keep("preferences", preferences))


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
    workspace: Workspace, relevant: "ir.Table", people: "ir.Table", zones: Zones, rules: Rules
) -> "tuple[ir.Table, ir.Table]":
    """The intervals of attended occurrences, and the occurrences themselves (union_ms is null when no length is known)."""
    import ibis

    present = workspace.keep(
        "present",
        relevant.filter(relevant.verb.isin(ATTENDANCE) & relevant.object_id.notnull()).select(
            *_CARRIED, "object_id", "registration", "statement_id", "ts_ms", "day", "verb", "duration_ms", "cap_ms", "starts_at_timestamp",
            "is_teaching", "scheduled_minutes", "is_in_service",
        ),
    )  # fmt: skip
    steps = present.filter(present.verb.isin(("joined", "left")))
    measured = union([_pairs(steps), _durations(steps, None, "object_id", "is_teaching")])
    measured = workspace.keep("measured", measured)
    seen = measured.select("person", "object_id").distinct()
    summaries = present.filter(present.verb == "attended").anti_join(seen, ["person", "object_id"])
    sessions = union([measured, _durations(summaries, None, "object_id", "is_teaching")])
    sessions = workspace.keep("sessions", sessions)
    covered = covered_ms(sessions, ["person", "object_id", "is_teaching"])
    lengths = covered.group_by("person", "object_id", "is_teaching").agg(
        union_ms=covered.covered_ms.sum().cast("int64"),
        end_ms=covered.end_ms.max(),
        zone=covered.zone.max(),
        class_id=covered.class_id.min(),
    )
    shortest = round(rules.parameters["min_attendance_minutes"] * 60_000)
    long_enough = workspace.keep("attended_long_enough", lengths.filter(lengths.union_ms >= shortest))
    kept = sessions.semi_join(long_enough, ["person", "object_id", "is_teaching"])

    unmeasured = summaries.filter(summaries.duration_ms.isnull()).anti_join(
        sessions.select("person", "object_id").distinct(), ["person", "object_id"]
    )
    first = unmeasured.mutate(
        place=ibis.row_number().over(
            ibis.window(
                group_by=[unmeasured.person, unmeasured.object_id], order_by=[unmeasured.ts_ms, unmeasured.statement_id]
            )
        )
    )
    first = first.filter(first.place == 0)
    stated = present.group_by("person", "object_id").agg(
        scheduled_minutes=present.scheduled_minutes.max(),
        initiator=present.initiator.max(),
        mandatory=present.mandatory.cast("int32").max(),
        device=present.device.max(),
    )
    unknown = ibis.null("int64")
    together = union([
        long_enough.select(
            "person",
            "object_id",
            "is_teaching",
            "class_id",
            "union_ms",
            day=zones.day(long_enough.zone, long_enough.end_ms),
        ),
        first.select("person", "object_id", "is_teaching", "class_id", union_ms=unknown, day=first.day),
    ])
    served = together.inner_join(people.select("person", "from_day", "to_day"), "person")
    served = served.filter((served.day >= served.from_day) & (served.day <= served.to_day)).drop("from_day", "to_day")
    described = served.inner_join(stated, ["person", "object_id"])
    attendance = described.mutate(mandatory=described.mandatory == 1)
    return kept.select(*_CARRIED, "start_ms", "end_ms"), workspace.keep("attendance", attendance)


def _pairs(steps: "ir.Table") -> "ir.Table":
    """Intervals from joins and leaves: a leave closes the latest join of the same registration that is still open.

    Joins without leave, and leaves without join, give nothing. Depth = how many devices are inside; a join and the leave that
    follows it at the same depth belong together, so devices may overlap.
    """
    import ibis

    group = [steps.person, steps.object_id, steps.registration]
    order = [steps.ts_ms, steps.verb.desc(), steps.statement_id]  # left before joined at one moment
    running = {"group_by": group, "order_by": order, "rows": (None, 0)}
    stepped = steps.mutate(inside=ibis.ifelse(steps.verb == "joined", 1, -1).sum().over(ibis.window(**running)))
    running = {
        "group_by": [stepped.person, stepped.object_id, stepped.registration],
        "order_by": [stepped.ts_ms, stepped.verb.desc(), stepped.statement_id],
    }
    lowest = stepped.inside.min().over(ibis.window(**running, rows=(None, 0)))
    deep = stepped.mutate(depth=(stepped.inside - ibis.least(lowest, ibis.literal(0, "int64"))).cast("int64"))
    running = {
        "group_by": [deep.person, deep.object_id, deep.registration],
        "order_by": [deep.ts_ms, deep.verb.desc(), deep.statement_id],
    }
    before = deep.depth.lag().over(ibis.window(**running)).fill_null(ibis.literal(0, "int64"))
    levelled = deep.mutate(level=ibis.ifelse(deep.verb == "joined", deep.depth, before))
    levelled = levelled.filter(levelled.level > 0)
    window = ibis.window(
        group_by=[levelled.person, levelled.object_id, levelled.registration, levelled.level],
        order_by=[levelled.ts_ms, levelled.verb.desc(), levelled.statement_id],
    )
    opened = {
        f"opened_{name}": levelled[name].lag().over(window)
        for name in ("ts_ms", "verb", "class_id", "initiator", "mandatory", "device", "cap_ms", "is_teaching")
    }
    closed = levelled.mutate(**opened)
    closed = closed.filter(
        (closed.verb == "left") & (closed.opened_verb == "joined") & (closed.ts_ms > closed.opened_ts_ms)
    )
    return closed.select(
        "person",
        "zone",
        class_id=closed.opened_class_id,
        initiator=closed.opened_initiator,
        mandatory=closed.opened_mandatory,
        device=closed.opened_device,
        object_id=closed.object_id,
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
    """The pieces with `is_alone` (it overlaps no other piece of the person) and the label of each dimension.

    Most pieces are alone and need no further sort: their length counts in each of their classes.
    """
    import ibis

    order = [pieces.start_ms, pieces.end_ms]
    before = pieces.end_ms.max().over(ibis.window(group_by=[pieces.person], order_by=order, rows=(None, -1)))
    after = pieces.start_ms.lead().over(ibis.window(group_by=[pieces.person], order_by=order))
    is_alone = (before.isnull() | (before <= pieces.start_ms)) & (after.isnull() | (after >= pieces.end_ms))
    labels = {dimension.name: dimension.column(pieces) for dimension in DIMENSIONS}
    return pieces.select(
        "person",
        "day",
        "start_ms",
        "end_ms",
        is_alone=is_alone,
        **{f"in_{name}": label for name, label in labels.items()},
    )


def _alone(marked: "ir.Table") -> "ir.Table":
    alone = marked.filter(marked.is_alone).mutate(length_ms=lambda t: t.end_ms - t.start_ms)
    return alone.group_by("person", "day").agg(**_sums(alone, alone.length_ms, "ms"))


def _together(workspace: Workspace, marked: "ir.Table") -> "list[ir.Table]":
    """The union of overlapping pieces, dimension by dimension."""
    pieces = workspace.keep("overlapping_pieces", marked.filter(~marked.is_alone))
    if not workspace.rows(pieces.limit(1)):
        return []
    found = []
    for dimension in DIMENSIONS:
        label = f"in_{dimension.name}"
        covered = covered_ms(pieces.filter(pieces[label].notnull()), ["person", "day", label])
        sums = {
            f"ms_{suffix}": covered.covered_ms.sum(where=covered[label] == value).cast("int64")
            for value, suffix in dimension.labels.items()
        }
        found.append(covered.group_by("person", "day").agg(**sums))
    return found


def _sums(table: "ir.Table", amount: "ir.NumericColumn", prefix: str) -> dict[str, Any]:
    kind = "int64" if prefix == "ms" else "float64"
    return {
        f"{prefix}_{suffix}": amount.sum(where=table[f"in_{dimension.name}"] == value).cast(kind)
        for dimension in DIMENSIONS
        for value, suffix in dimension.labels.items()
    }


# --- estimates and active days ----------------------------------------------------------------------------------------------


def _estimates(
    relevant: "ir.Table", attendance: "ir.Table", classes: "ir.Table", rules: Rules, first_day: int
) -> "ir.Table":
    """Estimated minutes of what has no duration; informal estimates of one person and day shrink in proportion to the ceiling."""
    import ibis

    columns = ("person", "day", "class_id", "initiator", "mandatory", "device")
    served = relevant.filter(relevant.is_in_service & (relevant.day >= first_day))
    said = served.filter(served.duration_ms.isnull() & ~served.verb.isin(ATTENDANCE) & (served.estimate_ms > 0)).select(
        columns
    )
    present = attendance.filter(attendance.union_ms.isnull() & (attendance.day >= first_day)).select(columns)
    estimated = union([said, present]).join(classes, "class_id")
    estimated = estimated.filter(_learning(estimated) & (estimated.estimate_ms > 0))
    labels = {f"in_{dimension.name}": dimension.column(estimated) for dimension in DIMENSIONS}
    labelled = estimated.select("person", "day", "estimate_ms", is_informal=estimated.formality == "informal", **labels)
    summed = labelled.group_by("person", "day", "is_informal").agg(
        all_ms=labelled.estimate_ms.sum(), **_sums(labelled, labelled.estimate_ms, "est")
    )
    ceiling = ibis.literal(rules.parameters["max_estimated_minutes_per_day"] * 60_000.0)
    factor = ibis.ifelse(summed.is_informal & (summed.all_ms > ceiling), ceiling / summed.all_ms, ibis.literal(1.0))
    scaled = summed.mutate(**{f"est_{suffix}": summed[f"est_{suffix}"].fill_null(0.0) * factor for suffix in SUFFIXES})
    return scaled.group_by("person", "day").agg(**{
        f"est_{suffix}": scaled[f"est_{suffix}"].sum() for suffix in SUFFIXES
    })


_ACTIVE = ("formal", "nonformal", "informal", "any", "quiet", "loud")


def _active(classified: "ir.Table", attendance: "ir.Table", classes: "ir.Table", first_day: int) -> "ir.Table":
    """How many active events of each formality a person had on a day; attendance is active by its minutes."""
    served = classified.filter(
        classified.is_in_service
        & classified.is_active
        & (classified.day >= first_day)
        & ~classified.verb.isin(ATTENDANCE)
    )
    columns = ("person", "day", "formality", "dir", "role", "verb")
    present = attendance.filter(attendance.union_ms.isnull() & (attendance.day >= first_day)).join(classes, "class_id")
    present = present.filter(present.is_active).mutate(verb=_text("attended"))
    found = union([served.select(columns), present.select(columns)])
    is_reading = (
        (found.formality == "informal")
        & (found["dir"] == "one_way")
        & (found.role == "receiving")
        & found.verb.isin(("viewed", "read", "opened"))
    )
    return found.group_by("person", "day").agg(
        active_formal=(found.formality == "formal").cast("int64").sum().cast("int64"),
        active_nonformal=(found.formality == "nonformal").cast("int64").sum().cast("int64"),
        active_informal=(found.formality == "informal").cast("int64").sum().cast("int64"),
        active_any=found.count().cast("int64"),
        active_quiet=is_reading.cast("int64").sum().cast("int64"),
        active_loud=(~is_reading & (found.formality == "informal")).cast("int64").sum().cast("int64"),
    )


def _text(value: str) -> "ir.StringScalar":
    import ibis

    return ibis.literal(value)


def _daily(parts: "list[ir.Table]") -> "ir.Table":
    """One row a person and day out of partial rows that each hold some of the columns."""
    import ibis

    columns = (
        {f"ms_{suffix}": "int64" for suffix in SUFFIXES}
        | {f"est_{suffix}": "float64" for suffix in SUFFIXES}
        | {f"active_{name}": "int64" for name in _ACTIVE}
    )

    def filled(part: "ir.Table") -> "ir.Table":
        held = set(part.columns)
        return part.select(
            "person",
            "day",
            **{name: part[name].cast(kind) if name in held else ibis.null(kind) for name, kind in columns.items()},
        )

    rows = union([filled(part) for part in parts])
    summed = rows.group_by("person", "day").agg(**{
        name: rows[name].sum().fill_null(0).cast(kind) for name, kind in columns.items()
    })
    active = (summed.ms_total > 0) | (summed.est_total > 0) | (summed.active_any > 0)
    return summed.mutate(is_active=active)


def _preferences(pieces: "ir.Table", classified: "ir.Table", attendance: "ir.Table", first_day: int) -> "ir.Table":
    """person, day, pref: the days on which a preference shows, by minutes or by an active event."""
    columns = ("person", "day", "pref")
    by_minutes = pieces.filter(_learning(pieces)).select(columns)
    acted = classified.filter(
        classified.is_in_service
        & classified.is_active
        & (classified.day >= first_day)
        & ~classified.verb.isin(ATTENDANCE)
    )
    present = attendance.filter(attendance.union_ms.isnull() & attendance.is_active & (attendance.day >= first_day))
    found = union([by_minutes, acted.select(columns), present.select(columns)])
    return found.filter(found.pref.notnull()).distinct()
