"""Values of teams, communities and the organisation, with what may not be published taken out.

Amounts are published as median and quartiles of the people in scope (for the organisation with the sum), everything else as the
pooled ratio. Sums of teams are not published: what is left out of a whole must not follow by subtraction.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from leerstroom.indicators.community import community_sizes, few_contributors
from leerstroom.indicators.definition import COMMUNITY, ORGANISATION, TEAM, Indicator
from leerstroom.indicators.disclosure import (
    DOMINANCE_SHARE,
    DOMINATED,
    SECONDARY,
    SUPPRESSED,
    Reached,
    fewest_in_service,
    is_ones,
    telling,
    tells,
    verdicts,
)  # fmt: skip
from leerstroom.indicators.engine import union
from leerstroom.indicators.persons import PUBLISHED, normal
from leerstroom.indicators.scope import ORGANISATION_SUBJECT

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

    from leerstroom.indicators.scope import Scope

_GRAINS = (TEAM, COMMUNITY, ORGANISATION)
_COUNTS_PEOPLE = "learning_reach"  # its parts are numbers of people, so they may be shown for teams
_OF_EVENTS = (
    "unresolved_actor_share",
    "unclassified_share",
)  # told of any organisation, but not of how many events where few work
_SEEN_OF_EACH = "formal_completions"
_REACHED_BY_COMPLETING = ("learning_reach.formal", "learning_reach.any")
FEWEST_FOR_QUARTILES = 2  # times the minimum: the quartiles of five are the values of the second and the fourth
_MEDIANS_AT_ONCE = 8  # indicators: the values of 50,000 people in three windows, twice, thrice
_VALUES = (
    "period",
    "subject",
    "value",
    "numerator",
    "denominator",
    "is_dominated",
    "contributors",
    "most",
    "rest_most",
)


def group_values(scope: "Scope", persons: "ir.Table", chosen: Sequence[Indicator]) -> "ir.Table":
    """PUBLISHED rows of all groups. `persons`: the values of `person_values` for the same indicators."""
    import ibis

    workspace = scope.workspace
    persons = workspace.view(
        "values_with_team", persons.inner_join(scope.computation.people.select("person", "team"), "person")
    )
    grouped = workspace.give("group_indicators", _group_table(scope, chosen))
    amounts = [number for number, each in enumerate(chosen) if each.of == "person" and each.kind == "amount"]
    ratios = [number for number, each in enumerate(chosen) if each.of == "person" and each.kind != "amount"]
    aggregated: list[tuple[dict[str, int], ir.Table]] = [
        (
            {},
            workspace.keep(
                f"group_amounts_{place}", _medians(scope, persons, grouped, amounts[place : place + _MEDIANS_AT_ONCE])
            ),
        )
        for place in range(0, len(amounts), _MEDIANS_AT_ONCE)
    ]
    aggregated.append(({}, workspace.keep("group_ratios", _pooled(persons, grouped, ratios, _minimum(scope)))))
    values = workspace.stacked("group_values_of_persons", aggregated, ("indicator", "grain_number", "part", *_VALUES))
    own = [
        (
            {"indicator": number, "grain_number": _GRAINS.index(grain), "part": 0},
            workspace.keep(f"group_values_{number}_{grain}", _own(scope, each, grain)),
        )
        for number, each in enumerate(chosen)
        if each.of == "group"
        for grain in each.grains
    ]
    if own:
        values = union([values, workspace.stacked("group_values_own", own, _VALUES)])
    verdict = workspace.give("verdicts", _verdicts(scope))
    wanted = grouped.inner_join(verdict, "grain_number")
    wanted = wanted.filter(wanted.period >= wanted.minimum_days)
    joined = wanted.left_join(values, ["indicator", "grain_number", "part", "period", "subject"])
    value = ibis.ifelse(joined.is_zero_when_absent, joined.value.fill_null(0.0), joined.value)
    known = ibis.cases(
        *((joined.period == each.number, joined[f"known_{each.number}"]) for each in scope.periods), else_=0
    )
    verdict = ibis.ifelse(_counts_people(joined), joined.verdict_of_shortest, joined.verdict)
    status = ibis.cases(
        (~joined.is_open & (verdict != ""), verdict),
        (~joined.is_open & (joined.people < joined.minimum_people), SUPPRESSED),
        (joined.counts_people & (joined.denominator < _minimum(scope)).fill_null(False), SUPPRESSED),
        *(((_is_of_few(joined, _minimum(scope)), SUPPRESSED),) if scope.is_published else ()),
        (known == 2, "source_missing"),
        (value.isnull(), joined.absent),
        (joined.is_dominated.fill_null(False) & ~joined.is_open, DOMINATED),
        (known == 1, "partial"),
        else_="ok",
    )
    columns = ("indicator_id", "grain", "subject", "period", "status", "value", "numerator", "denominator")
    nothing = ibis.null("float64")
    hides_parts = joined.is_of_events & (joined.verdict != "") if scope.is_published else ibis.literal(False)
    parts = {name: ibis.ifelse(hides_parts, nothing, joined[name]) for name in ("numerator", "denominator")}
    marked = joined.mutate(value=value, status=status, **parts).select(*columns, "most", "rest_most")
    marked = workspace.keep("group_values", marked)
    if scope.is_published:
        marked = _without_telling(scope, marked, _completers(scope, persons, chosen))
        marked = _without_remainder(scope, _without_categories(scope, marked))
    is_public = marked.status.isin(("ok", "partial"))
    return marked.select(
        *columns[:5],
        is_day=ibis.literal(False),
        **{name: ibis.ifelse(is_public, marked[name], nothing) for name in ("value", "numerator", "denominator")},
        estimated_share=nothing,
    ).select(*PUBLISHED)


def _is_of_few(joined: "ir.Table", minimum: int) -> "ir.BooleanValue":
    """A ratio over fewer people than the minimum, or a quartile of so few that it is somebody's own value."""
    few = joined.contributors.between(1, minimum - 1).fill_null(False)
    is_somebodys = (joined.part > 0) & (joined.denominator < FEWEST_FOR_QUARTILES * minimum).fill_null(False)
    return ~joined.is_open & (few | is_somebodys)


def _completers(scope: "Scope", persons: "ir.Table", chosen: Sequence[Indicator]) -> dict[tuple[str, int], int]:
    """(Team, period) -> how many of its people completed something formal: under every policy HR sees that of each person.

    They are known to be reached, so counts of people are looked at without them.
    """
    numbers = [number for number, each in enumerate(chosen) if each.id == _SEEN_OF_EACH and each.of == "person"]
    done = persons.filter(persons.indicator.isin(numbers or [-1]) & (persons.value > 0))
    done = scope.lasting.semi_join(done, ["period", "person"])
    counted = scope.workspace.rows(done.group_by("period", "team").agg(people=done.count()))
    return {(each["team"], each["period"]): each["people"] for each in counted}


def _without_telling(scope: "Scope", marked: "ir.Table", completers: Mapping[tuple[str, int], int]) -> "ir.Table":
    """Takes out the counts of people in teams that tell who was reached in the teams that are left out, or of the few not known anyway."""
    import ibis
    import pyarrow as pa

    minimum = _minimum(scope)
    everybody: dict[int, int] = defaultdict(int)
    for (_, period), people in completers.items():
        everybody[period] += people
    counts = marked.filter(_counts_people(marked) & marked.status.isin(("ok", "partial")))
    teams: dict[str, dict[tuple[str, int], Reached]] = defaultdict(dict)
    whole: dict[str, dict[int, Reached]] = defaultdict(dict)
    columns = ("indicator_id", "grain", "subject", "period", "numerator", "denominator")
    for row in scope.workspace.rows(counts.select(*columns)):
        team, period = row["subject"], row["period"]
        found = Reached(round(row["numerator"]), round(row["denominator"]))
        if row["indicator_id"] in _REACHED_BY_COMPLETING:
            known = completers.get((team, period), 0) if row["grain"] == TEAM else everybody[period]
            known = min(known, found.reached)
            found = Reached(found.reached - known, found.people - known)
        if row["grain"] == TEAM:
            teams[row["indicator_id"]][row["subject"], row["period"]] = found
        else:
            whole[row["indicator_id"]][row["period"]] = found
    hidden = {(each, TEAM, team) for each in teams for team in telling(teams[each], whole[each], minimum)}
    hidden |= {
        (each, ORGANISATION, ORGANISATION_SUBJECT)
        for each, found in whole.items()
        if any(tells(counted.people, minimum) for counted in found.values())
    }
    if not hidden:
        return marked
    table = scope.workspace.give(
        "telling",
        pa.table({
            name: pa.array([each[place] for each in sorted(hidden)], pa.string())
            for place, name in enumerate(("hidden_id", "hidden_grain", "hidden_subject"))
        }),
    )
    joined = marked.left_join(
        table,
        [
            marked.indicator_id == table.hidden_id,
            marked.grain == table.hidden_grain,
            marked.subject == table.hidden_subject,
        ],
    )
    is_hidden = joined.hidden_id.notnull() & joined.status.isin(("ok", "partial"))
    status = ibis.ifelse(is_hidden, SECONDARY, joined.status)
    return scope.workspace.keep("group_values_shown", joined.mutate(status=status).select(*marked.columns))


_WITHOUT_PARTS = ("community_facilitator_share",)  # how much a facilitator said is one person's
_DIVIDED = ("generation_share", "mode_70_20_10_share")  # shares whose categories are the whole together
_KINDS = tuple(f"{kind}_learning_minutes" for kind in ("formal", "nonformal", "informal"))
_PARTS = tuple(f"nonformal_learning_minutes.{kind}" for kind in ("webinar", "mooc", "offline"))
_SHARES_OF_MINUTES = (
    "mode_70_20_10_share", "generation_share", "self_directed_share", "mandatory_minutes_share", "place_independent_share",
    "estimated_minutes_share",
)  # fmt: skip
_COUNTED_IN_ROOMS = (
    ("questions_asked", "question_answer_rate_72h"),
    ("reactions_given",),
)  # what rooms and the organisation both have a sum of; questions are counted in two indicators
_OF_COMMUNITIES = tuple(name for names in _COUNTED_IN_ROOMS for name in names)


def _without_categories(scope: "Scope", marked: "ir.Table") -> "ir.Table":
    """Takes out the organisation's shares of minutes that are nearly all one person's: times all minutes, which are published, they are a sum.

    What is left of one tells the last category: so the smallest others go too, until nobody has nearly all of what is left out. Without its
    estimated part no share is told with other estimates.
    """
    import ibis

    is_share = ibis.or_(*(marked.indicator_id.startswith(each) for each in _SHARES_OF_MINUTES))
    is_known = marked.status.isin(("ok", "partial")) & (marked.numerator.notnull())
    found: dict[tuple[int, str], dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in scope.workspace.rows(marked.filter(is_share & is_known & (marked.grain == ORGANISATION))):
        base, _, category = row["indicator_id"].partition(".")
        if "estimates_" not in category:
            found[row["period"], base if base in _DIVIDED else row["indicator_id"]][row["indicator_id"]] = row
    gone: set[tuple[str, int]] = set()
    for (period, _), shares in found.items():
        hidden = {name for name, row in shares.items() if is_ones([(row["numerator"], row["most"])])}
        rest = [(row["denominator"] - row["numerator"], row["rest_most"]) for row in shares.values()]
        if len(shares) == 1 and is_ones(rest):
            hidden = set(shares)
        others = sorted(shares.keys() - hidden, key=lambda name: (shares[name]["numerator"], name))
        while (
            hidden
            and others
            and (len(hidden) == 1 or is_ones([(shares[name]["numerator"], shares[name]["most"]) for name in hidden]))
        ):
            hidden.add(others.pop(0))
        gone |= {(name, period) for name in hidden}
    parts = {name: ibis.ifelse(is_share, ibis.null("float64"), marked[name]) for name in ("numerator", "denominator")}
    # with exact shares of a few teams and the minutes of all one could solve for the minutes of each team
    in_percents = ibis.ifelse(is_share & (marked.grain == TEAM), marked.value.round(2), marked.value)
    marked = marked.mutate(value=in_percents, **parts)
    if not gone:
        return marked
    is_gone = ibis.or_(*(
        (marked.period == period) & ((marked.indicator_id == name) | marked.indicator_id.startswith(f"{name}.estimates_"))
        for name, period in sorted(gone)
    ))  # fmt: skip
    leans = [period for name, period in gone if name == "estimated_minutes_share"]
    is_gone |= marked.period.isin(leans or [-1]) & marked.indicator_id.contains(".estimates_")
    is_gone &= (marked.grain == ORGANISATION) & marked.status.isin(("ok", "partial"))
    return scope.workspace.keep(
        "group_values_of_categories", marked.mutate(status=ibis.ifelse(is_gone, DOMINATED, marked.status))
    )


def _without_remainder(scope: "Scope", marked: "ir.Table") -> "ir.Table":
    """Takes out the sums from which another would follow that may not be shown.

    The minutes of a kind are the whole less the other kinds: so the smallest other kind goes too, with every whole and what nonformal learning
    is made of. What nonformal learning is made of is shown whole or not at all. What everybody has of a count goes where no rooms could go for it.
    """
    import ibis
    import pyarrow as pa

    is_public = marked.status.isin(("ok", "partial"))
    is_whole = (marked.grain == ORGANISATION) & is_public
    sums: dict[int, dict[str, float | None]] = defaultdict(dict)
    part_is_hidden: set[int] = set()
    for row in scope.workspace.rows(marked.filter(is_whole & marked.indicator_id.isin((*_KINDS, *_PARTS)))):
        if row["indicator_id"] in _PARTS:
            part_is_hidden |= {row["period"]} if row["numerator"] is None else set()
        else:
            sums[row["period"]][row["indicator_id"]] = row["numerator"]
    marked, from_rooms = _without_rooms(scope, marked)
    hidden: dict[int, set[str]] = {}
    for period, kinds in sums.items():
        others = {name: total for name, total in kinds.items() if total}
        if None in kinds.values():
            companion = (
                [min(others, key=lambda name: (others[name], name))]
                if list(kinds.values()).count(None) == 1 and others
                else []
            )
            hidden[period] = {name for name, total in kinds.items() if total is None} | {*companion}
    places = [(period, name) for period, names in sorted(hidden.items()) for name in sorted(names)]
    places += sorted({*from_rooms, *((period, name) for period in part_is_hidden for name in _PARTS)})
    if not places:
        return marked
    table = scope.workspace.give(
        "remainders",
        pa.table({
            "hidden_period": pa.array([period for period, _ in places], pa.int32()),
            "hidden_id": pa.array([name for _, name in places], pa.string()),
        }),
    )
    joined = marked.left_join(table, [marked.period == table.hidden_period, marked.indicator_id == table.hidden_id])
    name, nothing = joined.indicator_id, ibis.null("float64")
    without_nonformal = [period for period, names in hidden.items() if _KINDS[1] in names]
    is_part = name.isin(_PARTS) & joined.period.isin(without_nonformal or [-1])
    is_total = (name == "learning_minutes_total") & joined.period.isin(list(hidden) or [-1])
    is_of_rooms = joined.hidden_id.isin(_OF_COMMUNITIES).fill_null(False)
    is_hidden = (joined.grain == ORGANISATION) & (joined.hidden_id.notnull() | is_part | is_total)
    parts = {
        "numerator": ibis.ifelse(is_hidden, nothing, joined.numerator),
        "denominator": ibis.ifelse(is_hidden & is_of_rooms, nothing, joined.denominator),
    }
    is_sum = is_hidden & (joined.hidden_id == "reactions_given").fill_null(False)  # its value is the sum
    status = ibis.ifelse(is_sum & joined.status.isin(("ok", "partial")), SECONDARY, joined.status)
    shown = joined.mutate(**parts, status=status)
    return scope.workspace.keep("group_values_without_remainder", shown.select(*marked.columns))


def _without_rooms(scope: "Scope", marked: "ir.Table") -> "tuple[ir.Table, set[tuple[int, str]]]":
    """Without the rooms that would tell, with the sum of everybody, what one person did in another; and (period, indicator) of sums that go instead.

    Of a room that is nearly all one person's the smallest others go too, until it is not nearly all of what is left out. Where none are left, the
    sum itself must go.
    """
    import ibis
    import pyarrow as pa

    rooms = marked.filter((marked.grain == COMMUNITY) & marked.indicator_id.isin(_OF_COMMUNITIES))
    rooms = rooms.select("indicator_id", "period", "subject", "status", amount=rooms.denominator.coalesce(rooms.value))
    found: dict[tuple[int, str], dict[str, tuple[str, float]]] = defaultdict(dict)
    for row in scope.workspace.rows(rooms):
        found[row["period"], row["indicator_id"]][row["subject"]] = (row["status"], row["amount"] or 0.0)
    gone: set[tuple[str, int, str]] = set()
    sums: set[tuple[int, str]] = set()
    for period in sorted({period for period, _ in found}):
        for names in _COUNTED_IN_ROOMS:
            counted = [found[period, name] for name in names]
            order = sorted(
                {room for each in counted for room in each}, key=lambda room: (counted[0].get(room, ("", 0.0))[1], room)
            )
            left_out = [
                {room for room, (status, _) in each.items() if status not in {"ok", "partial"}} for each in counted
            ]
            others = [
                room
                for room in order
                if any(
                    each.get(room, ("", 0.0))[1] and room not in out
                    for each, out in zip(counted, left_out, strict=True)
                )
            ]
            while others and any(map(_are_ones, counted, left_out)):
                room = others.pop(0)
                gone |= {(name, period, room) for name in names}
                for each, out in zip(counted, left_out, strict=True):
                    out |= {room} & each.keys()
            sums |= {
                (period, name) for name, each, out in zip(names, counted, left_out, strict=True) if _are_ones(each, out)
            }
    if not gone:
        return marked, sums
    columns = list(zip(*sorted(gone), strict=True))
    table = scope.workspace.give(
        "rooms_gone",
        pa.table({
            "gone_id": pa.array(columns[0], pa.string()),
            "gone_period": pa.array(columns[1], pa.int32()),
            "gone_room": pa.array(columns[2], pa.string()),
        }),
    )
    same = [marked.indicator_id == table.gone_id, marked.period == table.gone_period, marked.subject == table.gone_room]
    joined = marked.left_join(table, same)
    is_gone = joined.gone_id.notnull() & (joined.grain == COMMUNITY) & joined.status.isin(("ok", "partial"))
    shown = joined.mutate(status=ibis.ifelse(is_gone, SECONDARY, joined.status))
    return scope.workspace.keep("group_values_without_rooms", shown.select(*marked.columns)), sums


def _are_ones(rooms: Mapping[str, tuple[str, float]], left_out: set[str]) -> bool:
    """Whether rooms that are nearly all one person's are nearly all of what is left out."""
    whole = sum(rooms[room][1] for room in left_out)
    ones = sum(rooms[room][1] for room in left_out if rooms[room][0] == DOMINATED)
    return ones > DOMINANCE_SHARE * whole


def _counts_people(table: "ir.Table") -> "ir.BooleanColumn":
    return table.indicator_id.startswith(f"{_COUNTS_PEOPLE}.")


def _minimum(scope: "Scope") -> int:
    return int(scope.rules.parameters["min_group_size"])


_KEYS = ("indicator", "grain_number", "period", "subject")


def _placed(persons: "ir.Table", grouped: "ir.Table", indicators: Sequence[int]) -> "ir.Table":
    """The known values of some indicators, once for each group that they enter."""
    import ibis

    flags = grouped.filter(grouped.is_of_persons & (grouped.part == 0)).select(
        "indicator", "grain_number", "shows_parts"
    )
    known = persons.filter(persons.value.notnull() & persons.indicator.isin(list(indicators) or [-1]))
    team = _GRAINS.index(TEAM)
    placed = known.inner_join(flags, "indicator")
    placed = placed.filter((placed.grain_number != team) | (placed.team != ""))
    return placed.mutate(subject=ibis.ifelse(placed.grain_number == team, placed.team, ORGANISATION_SUBJECT))


def _medians(scope: "Scope", persons: "ir.Table", grouped: "ir.Table", indicators: Sequence[int]) -> "ir.Table":
    """Amounts: indicator, grain_number, part (0 median, 1 and 2 the quartiles) and _VALUES. An exact median holds every value."""
    import ibis

    placed = _placed(persons, grouped, indicators)
    summed = placed.group_by(*_KEYS, "shows_parts").agg(
        median=placed.value.median(),
        low=placed.value.quantile(0.25),
        high=placed.value.quantile(0.75),
        total=placed.value.sum(),
        largest=placed.value.max(),
        people=placed.count(),
        contributors=(placed.value > 0).cast("int32").sum(),
    )
    nothing = ibis.null("float64")
    is_shown = summed.shows_parts & (summed.largest <= summed.total * DOMINANCE_SHARE)
    if scope.is_published:
        is_shown &= ~summed.contributors.between(1, _minimum(scope) - 1)
    spread = summed.mutate(shown=ibis.ifelse(is_shown, summed.total, nothing)).cross_join(
        grouped.filter(grouped.part <= len(("low", "high"))).select(quartile="part").distinct()
    )
    return spread.select(
        *_KEYS,
        part=spread.quartile.cast("int32"),
        value=ibis.cases(
            (spread.quartile == 0, spread["median"]), (spread.quartile == 1, spread.low), else_=spread.high
        ).cast("float64"),
        numerator=ibis.ifelse(spread.quartile == 0, spread.shown, nothing),
        denominator=spread.people.cast("float64"),
        is_dominated=ibis.literal(False),
        contributors=ibis.null("int64"),
        most=nothing,
        rest_most=nothing,
    )


def _most(amounts: "ir.NumericColumn", minimum: int) -> "ir.NumericScalar":
    """The most that one person has of a sum: all of it where fewer than the minimum have any."""
    import ibis

    return ibis.ifelse((amounts > 0).cast("int32").sum() < minimum, amounts.sum(), amounts.max())


def _pooled(persons: "ir.Table", grouped: "ir.Table", indicators: Sequence[int], minimum: int) -> "ir.Table":
    """Everything else: the sum of the persons' parts."""
    import ibis

    placed = _placed(persons, grouped, indicators)
    summed = placed.group_by(*_KEYS, "shows_parts").agg(
        numerator=placed.pool_numerator.sum(),
        denominator=placed.pool_denominator.sum(),
        largest=placed.pool_denominator.max(),
        contributors=(placed.pool_denominator > 0).cast("int32").sum().cast("int64"),
        most=_most(placed.pool_numerator, minimum),
        rest_most=_most(placed.pool_denominator - placed.pool_numerator, minimum),
    )
    nothing = ibis.null("float64")
    return summed.select(
        *_KEYS,
        part=ibis.literal(0, "int32"),
        value=summed.numerator / summed.denominator.nullif(0.0),
        numerator=ibis.ifelse(summed.shows_parts, summed.numerator, nothing),
        denominator=ibis.ifelse(summed.shows_parts, summed.denominator, nothing),
        is_dominated=summed.largest > summed.denominator * DOMINANCE_SHARE,
        contributors=summed.contributors,
        most=summed.most,
        rest_most=summed.rest_most,
    )


def _own(scope: "Scope", indicator: Indicator, grain: str) -> "ir.Table":
    """What an indicator of groups found itself.

    `largest` of a share, or `most` of what is counted and published, is what one person has of it.
    """
    import ibis

    table = indicator.compute(scope)
    if grain == ORGANISATION:
        table = table.mutate(subject=ibis.literal(ORGANISATION_SUBJECT))
    named = ("largest", "most") if scope.is_published else ("largest",)
    of_one = [name for name in named if name in table.columns]
    rows = normal(table, indicator, ("period", "subject", *of_one))
    nothing = ibis.null("float64")
    hides_parts = grain == TEAM or (scope.is_published and indicator.base in _WITHOUT_PARTS)
    parts = {name: nothing if hides_parts else rows[name] for name in ("numerator", "denominator")}
    whole = rows.denominator.coalesce(rows.value)
    is_dominated = rows[of_one[0]] > whole * DOMINANCE_SHARE if of_one else ibis.literal(False)
    return rows.select(
        "period", "subject", "value", **parts, is_dominated=is_dominated, contributors=ibis.null("int64"), most=nothing, rest_most=nothing
    )  # fmt: skip


def _group_table(scope: "Scope", chosen: Sequence[Indicator]) -> "pa.Table":
    """One row a published id and grain: what it needs, and what is known of its sources in each period."""
    import pyarrow as pa

    rows = [
        (number, each, grain, part, each.id + suffix)
        for number, each in enumerate(chosen)
        for grain in each.grains
        if grain in _GRAINS
        for part, suffix in enumerate(("", ".p25", ".p75") if each.kind == "amount" and each.of == "person" else ("",))
    ]
    coverage = scope.computation.coverage

    def known(each: Indicator, first: int, last: int) -> int:
        return 0 if each.needs == "nothing" else coverage.status(each.needs, first, last)

    kinds = [(each, grain) for _, each, grain, _, _ in rows]
    return pa.table({
        "indicator": pa.array([number for number, *_ in rows], pa.int32()),
        "indicator_id": pa.array([name for *_, name in rows], pa.string()),
        "grain": pa.array([grain for _, grain in kinds], pa.string()),
        "grain_number": pa.array([_GRAINS.index(grain) for _, grain in kinds], pa.int32()),
        "part": pa.array([part for _, _, _, part, _ in rows], pa.int32()),
        "is_of_persons": pa.array([each.of == "person" for each, _ in kinds], pa.bool_()),
        "is_amount": pa.array([each.kind == "amount" for each, _ in kinds], pa.bool_()),
        "is_zero_when_absent": pa.array(
            [each.kind == "amount" and each.of == "group" for each, _ in kinds], pa.bool_()
        ),
        "shows_parts": pa.array(
            [grain == ORGANISATION or each.base == _COUNTS_PEOPLE for each, grain in kinds], pa.bool_()
        ),
        "counts_people": pa.array(
            [each.of == "person" and (each.kind == "amount" or each.base == _COUNTS_PEOPLE) for each, _ in kinds],
            pa.bool_(),
        ),
        "is_open": pa.array(
            [
                each.is_quality and grain == ORGANISATION and (each.of == "group" or not scope.is_published)
                for each, grain in kinds
            ],
            pa.bool_(),
        ),
        "is_of_events": pa.array([each.id in _OF_EVENTS for each, _ in kinds], pa.bool_()),
        "minimum_days": pa.array([each.minimum_days for each, _ in kinds], pa.int32()),
        "absent": pa.array([each.absent for each, _ in kinds], pa.string()),
        "minimum_people": pa.array([each.minimum_people for each, _ in kinds], pa.int64()),
        **{
            f"known_{period.number}": pa.array(
                [known(each, period.first, period.last) for each, _ in kinds], pa.int32()
            )
            for period in scope.periods
        },
    })


def _verdicts(scope: "Scope") -> "pa.Table":
    """grain_number, subject, period, people, verdict ("" where it may be published) and verdict_of_shortest of every group.

    The last is the verdict of the shortest window: where people are counted, a group is the same people in all windows.
    """
    import pyarrow as pa

    minimum = _minimum(scope)
    in_scope = scope.in_scope
    sizes = scope.workspace.rows(in_scope.group_by("period", "team").agg(people=in_scope.count()))
    contributors = scope.workspace.rows(community_sizes(scope))
    rows: list[tuple[int, str, int, int, str]] = []
    few = _few_of_communities(scope, contributors, minimum)
    for period in sorted(scope.periods, key=lambda each: each.days):
        teams = {each["team"]: each["people"] for each in sizes if each["period"] == period.number}
        total = sum(teams.values())
        others = teams.pop("", 0)
        is_told = (
            scope.is_published and fewest_in_service(scope.computation.employees, period.first, period.last) < minimum
        )
        verdict = SUPPRESSED if total < minimum else SECONDARY if is_told else ""
        rows.append((_GRAINS.index(ORGANISATION), ORGANISATION_SUBJECT, period.number, total, verdict))
        found = verdicts(teams, minimum, others=others)
        rows.extend(
            (_GRAINS.index(TEAM), team, period.number, people, found.get(team, "")) for team, people in teams.items()
        )
        communities = {each["subject"]: each["people"] for each in contributors if each["period"] == period.number}
        of_few = few[period.number]
        found = verdicts(communities, minimum, told=of_few, together=len(set().union(*of_few.values())))
        rows.extend(
            (_GRAINS.index(COMMUNITY), name, period.number, people, found.get(name, ""))
            for name, people in communities.items()
        )
    shortest = min(period.number for period in scope.periods)
    of_shortest = {(grain, subject): verdict for grain, subject, period, _, verdict in rows if period == shortest}
    columns = list(zip(*rows, strict=True))
    return pa.table({
        "verdict_of_shortest": pa.array([of_shortest.get(row[:2], SUPPRESSED) for row in rows], pa.string()),
        "grain_number": pa.array(columns[0], pa.int32()),
        "subject": pa.array(columns[1], pa.string()),
        "period": pa.array(columns[2], pa.int32()),
        "people": pa.array(columns[3], pa.int64()),
        "verdict": pa.array(columns[4], pa.string()),
    })


def _few_of_communities(
    scope: "Scope", contributors: Sequence[Mapping[str, Any]], minimum: int
) -> dict[int, dict[str, set[int]]]:
    """Period -> the communities that may not be published, each with the few people whom it would tell of.

    Few contributed in the whole period, or in what a shorter window that is shown lacks of it.
    """
    sizes = {(each["period"], each["subject"]): each["people"] for each in contributors}
    ordered = sorted(scope.periods, key=lambda each: each.days)
    hidden: dict[int, dict[str, set[int]]] = {}
    for place, longer in enumerate(ordered):
        hidden[longer.number] = few_contributors(scope, longer.first, longer.last, minimum)
        for shorter in ordered[:place]:
            for subject, people in few_contributors(scope, longer.first, shorter.first - 1, minimum).items():
                is_shown = (shorter.number, subject) in sizes and subject not in hidden[shorter.number]
                if is_shown and subject not in hidden[longer.number]:
                    hidden[longer.number][subject] = people
    return hidden
