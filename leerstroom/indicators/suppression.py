"""Takes out of the values of groups what would tell of few people together with others: suppression of cells.

`groups` says of each value by itself whether it may be shown. Here they are looked at together: which go is found by the plain rules of
`disclosure`, and all go the same way, as cells of an indicator, grain, subject and period.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from leerstroom.indicators.definition import COMMUNITY, ORGANISATION, TEAM, Indicator
from leerstroom.indicators.disclosure import (
    DOMINATED,
    SECONDARY,
    Count,
    Reached,
    Share,
    dividing,
    telling,
    tells,
    with_companions,
)
from leerstroom.indicators.scope import ORGANISATION_SUBJECT

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from leerstroom.indicators.scope import Scope

Cell = tuple[str, str, str, int]  # indicator id, grain, subject, period

COUNTS_PEOPLE = "learning_reach"  # its parts are numbers of people, so they may be shown for teams
_SEEN_OF_EACH = "formal_completions"
_REACHED_BY_COMPLETING = ("learning_reach.formal", "learning_reach.any")
_TOTAL = "learning_minutes_total"
_NONFORMAL = "nonformal_learning_minutes"
_KINDS = ("formal_learning_minutes", _NONFORMAL, "informal_learning_minutes")
_PARTS = tuple(f"{_NONFORMAL}.{kind}" for kind in ("webinar", "mooc", "offline"))
_DIVIDED = ("generation_share", "mode_70_20_10_share")  # shares whose categories are the whole together
_ESTIMATED = "estimated_minutes_share"
_SHARES_OF_MINUTES = (
    *_DIVIDED,
    "self_directed_share",
    "mandatory_minutes_share",
    "place_independent_share",
    _ESTIMATED,
)
_COUNTED_IN_ROOMS = (
    ("questions_asked", "question_answer_rate_72h"),
    ("reactions_given",),
)  # what rooms and the organisation both have a sum of; questions are counted in two indicators
_OF_ROOMS = tuple(name for names in _COUNTED_IN_ROOMS for name in names)
_VALUE_IS_SUM = "reactions_given"


def without_what_tells(
    scope: "Scope", marked: "ir.Table", persons: "ir.Table", chosen: Sequence[Indicator]
) -> "ir.Table":
    """The values of groups without what would tell of few people. `persons`: the values of `person_values`, with the team of each person."""
    marked = _without_reach(scope, marked, _completers(scope, persons, chosen))
    marked = _without_shares(scope, marked)
    marked, sums = _without_rooms(scope, marked)
    return _without_remainder(scope, marked, sums)


def counts_people(table: "ir.Table") -> "ir.BooleanColumn":
    """Whether a value counts people."""
    return table.indicator_id.startswith(f"{COUNTS_PEOPLE}.")


def minimum_group(scope: "Scope") -> int:
    """The smallest group that is told of."""
    return int(scope.rules.parameters["min_group_size"])


# --- cells ------------------------------------------------------------------------------------------------------------------


def _is_public(table: "ir.Table") -> "ir.BooleanColumn":
    return table.status.isin(("ok", "partial"))


def _found(scope: "Scope", marked: "ir.Table", name: str, cells: Collection[Cell]) -> "ir.Table":
    """The values with `is_found`: whether a value is one of the cells."""
    import pyarrow as pa

    columns = list(zip(*sorted(cells), strict=True))
    kinds = {"indicator_id": pa.string(), "grain": pa.string(), "subject": pa.string(), "period": pa.int32()}
    table = scope.workspace.give(
        name,
        pa.table({
            f"found_{key}": pa.array(column, kind) for (key, kind), column in zip(kinds.items(), columns, strict=True)
        }),
    )
    joined = marked.left_join(table, [marked[key] == table[f"found_{key}"] for key in kinds])
    return joined.select(*marked.columns, is_found=joined.found_period.notnull())


def _hidden(scope: "Scope", marked: "ir.Table", name: str, cells: Collection[Cell], status: str) -> "ir.Table":
    """The values with another status for the cells that would be shown."""
    import ibis

    if not cells:
        return marked
    found = _found(scope, marked, name, cells)
    shown = found.mutate(status=ibis.ifelse(found.is_found & _is_public(found), status, found.status))
    return scope.workspace.keep(f"group_values_without_{name}", shown.select(*marked.columns))


# --- what tells -------------------------------------------------------------------------------------------------------------


def _completers(scope: "Scope", persons: "ir.Table", chosen: Sequence[Indicator]) -> dict[tuple[str, int], int]:
    """(Team, period) -> how many of its people completed something formal: under every policy HR sees that of each person.

    They are known to be reached, so counts of people are looked at without them.
    """
    numbers = [number for number, each in enumerate(chosen) if each.id == _SEEN_OF_EACH and each.of == "person"]
    done = persons.filter(persons.indicator.isin(numbers or [-1]) & (persons.value > 0))
    done = scope.lasting.semi_join(done, ["period", "person"])
    counted = scope.workspace.rows(done.group_by("period", "team").agg(people=done.count()))
    return {(each["team"], each["period"]): each["people"] for each in counted}


def _without_reach(scope: "Scope", marked: "ir.Table", completers: Mapping[tuple[str, int], int]) -> "ir.Table":
    """Without the counts of people in teams that tell who was reached in the teams that are left out, or of the few not known anyway."""
    minimum = minimum_group(scope)
    everybody: dict[int, int] = defaultdict(int)
    for (_, period), people in completers.items():
        everybody[period] += people
    counts = marked.filter(counts_people(marked) & _is_public(marked))
    teams: dict[str, dict[tuple[str, int], Reached]] = defaultdict(dict)
    whole: dict[str, dict[int, Reached]] = defaultdict(dict)
    columns = ("indicator_id", "grain", "subject", "period", "numerator", "denominator")
    for row in scope.workspace.rows(counts.select(*columns)):
        team, period = row["subject"], row["period"]
        found = Reached(round(row["numerator"]), round(row["denominator"]))
        if row["indicator_id"] in _REACHED_BY_COMPLETING:
            known = completers.get((team, period), 0) if row["grain"] == TEAM else everybody[period]
            known = min(known, found.reached)
            found = found.less(Reached(known, known))
        if row["grain"] == TEAM:
            teams[row["indicator_id"]][team, period] = found
        else:
            whole[row["indicator_id"]][period] = found
    hidden = {(each, TEAM, team) for each in teams for team in telling(teams[each], whole[each], minimum)}
    hidden |= {
        (each, ORGANISATION, ORGANISATION_SUBJECT)
        for each, found in whole.items()
        if any(tells(counted.people, minimum) for counted in found.values())
    }
    cells = {(*each, period.number) for each in hidden for period in scope.periods}
    return _hidden(scope, marked, "reach", cells, SECONDARY)


def _without_shares(scope: "Scope", marked: "ir.Table") -> "ir.Table":
    """Without the organisation's shares of minutes that are nearly all one person's: times all minutes, which are published, they are a sum.

    Without its estimated part no share is told with other estimates.
    """
    import ibis

    is_share = ibis.or_(*(marked.indicator_id.startswith(each) for each in _SHARES_OF_MINUTES))
    rows = scope.workspace.rows(marked.filter(is_share & _is_public(marked) & (marked.grain == ORGANISATION)))
    divided: dict[tuple[int, str], dict[str, Share]] = defaultdict(dict)
    for row in rows:
        name, period = row["indicator_id"], row["period"]
        base = name.partition(".")[0]
        if row["numerator"] is not None and ".estimates_" not in name:
            share = Share(row["numerator"], row["most"], row["denominator"] - row["numerator"], row["rest_most"])
            divided[period, base if base in _DIVIDED else name][name] = share
    gone = {(name, period) for (period, _), shares in divided.items() for name in dividing(shares)}
    cells = set()
    for row in rows:
        name, _, estimates = row["indicator_id"].partition(".estimates_")
        if (name, row["period"]) in gone or (estimates and (_ESTIMATED, row["period"]) in gone):
            cells.add((row["indicator_id"], ORGANISATION, row["subject"], row["period"]))
    parts = {name: ibis.ifelse(is_share, ibis.null("float64"), marked[name]) for name in ("numerator", "denominator")}
    # with exact shares of a few teams and the minutes of all one could solve for the minutes of each team
    in_percents = ibis.ifelse(is_share & (marked.grain == TEAM), marked.value.round(2), marked.value)
    return _hidden(scope, marked.mutate(value=in_percents, **parts), "shares", cells, DOMINATED)


def _without_rooms(scope: "Scope", marked: "ir.Table") -> "tuple[ir.Table, set[tuple[str, int]]]":
    """Without the rooms that would tell, with the sum of everybody, what one person did in another; and (indicator, period) of sums that go instead."""
    rooms = marked.filter((marked.grain == COMMUNITY) & marked.indicator_id.isin(_OF_ROOMS))
    rooms = rooms.select("indicator_id", "period", "subject", "status", amount=rooms.denominator.coalesce(rooms.value))
    found: dict[tuple[str, int], dict[str, Count]] = defaultdict(dict)
    for row in scope.workspace.rows(rooms):
        count = Count(row["amount"] or 0.0, row["status"] in {"ok", "partial"}, row["status"] == DOMINATED)
        found[row["indicator_id"], row["period"]][row["subject"]] = count
    cells: set[Cell] = set()
    sums: set[tuple[str, int]] = set()
    for period in {period for _, period in found}:
        for names in _COUNTED_IN_ROOMS:
            gone, is_told = with_companions([found[name, period] for name in names])
            cells |= {(name, COMMUNITY, room, period) for name in names for room in gone}
            sums |= {(name, period) for name, told in zip(names, is_told, strict=True) if told}
    return _hidden(scope, marked, "rooms", cells, SECONDARY), sums


def _without_remainder(scope: "Scope", marked: "ir.Table", sums: set[tuple[str, int]]) -> "ir.Table":
    """Without the sums of everybody from which another would follow that may not be shown, and without those of `sums`.

    The minutes of a kind are the whole less the other kinds: so the smallest other kind goes too, with every whole and what nonformal learning
    is made of, which is shown whole or not at all.
    """
    import ibis

    minutes: dict[int, dict[str, float | None]] = defaultdict(dict)
    gone = set(sums)
    is_minutes = (marked.grain == ORGANISATION) & marked.indicator_id.isin((*_KINDS, *_PARTS))
    for row in scope.workspace.rows(marked.filter(is_minutes & _is_public(marked))):
        if row["indicator_id"] in _KINDS:
            minutes[row["period"]][row["indicator_id"]] = row["numerator"]
        elif row["numerator"] is None:
            gone |= {(part, row["period"]) for part in _PARTS}
    for period, kinds in minutes.items():
        unknown = {name for name, total in kinds.items() if total is None}
        if not unknown:
            continue
        others = [(total, name) for name, total in kinds.items() if total]
        hidden = unknown | ({min(others)[1]} if len(unknown) == 1 and others else set())
        gone |= {(name, period) for name in (*hidden, _TOTAL, *(_PARTS if _NONFORMAL in hidden else ()))}
    if not gone:
        return marked
    cells = {(name, ORGANISATION, ORGANISATION_SUBJECT, period) for name, period in gone}
    found, nothing = _found(scope, marked, "remainder", cells), ibis.null("float64")
    is_sum = found.is_found & (found.indicator_id == _VALUE_IS_SUM)
    shown = found.mutate(
        numerator=ibis.ifelse(found.is_found, nothing, found.numerator),
        denominator=ibis.ifelse(found.is_found & found.indicator_id.isin(_OF_ROOMS), nothing, found.denominator),
        status=ibis.ifelse(is_sum & _is_public(found), SECONDARY, found.status),
    )
    return scope.workspace.keep("group_values_without_remainder", shown.select(*marked.columns))
