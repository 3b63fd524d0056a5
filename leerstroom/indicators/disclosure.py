"""Which groups may be published: none under the minimum, and none from which one under the minimum follows by subtraction.

Three ways of subtracting are closed. *Over groups*: what is left out of a published whole must itself be at least the minimum, else the
next smallest group goes too; and where people are counted it may be neither nobody nor everybody of those who are left out. *Over
periods*: what a longer window has beyond a shorter one must come from nobody or from the minimum of people. *Over parts*: what is left out of
a whole, of shares or of rooms, must not be nearly all one person's. `suppression` has the values that these rules are for.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

SUPPRESSED = "suppressed"
SECONDARY = "suppressed_secondary"
DOMINATED = "suppressed_dominance"
DOMINANCE_SHARE = 0.8  # nobody's part of a published sum may be larger


def verdicts(
    sizes: Mapping[str, int],
    minimum: int,
    *,
    others: int = 0,
    told: Iterable[str] = (),
    together: int | None = None,
) -> dict[str, str]:
    """Status of each group that may not be published; `sizes` is people per group, `others` people of the whole in no group.

    `told`: groups that another figure would tell few people of; they are hidden too. `together`: where one person may stand in several
    groups, how many different people the hidden ones would tell of.
    """
    found = {subject: SUPPRESSED for subject, people in sizes.items() if people < minimum}
    found |= {subject: SECONDARY for subject in told if subject in sizes and subject not in found}
    hidden = (sum(sizes[subject] for subject in found) if together is None else together) + others
    remaining = sorted((people, subject) for subject, people in sizes.items() if subject not in found)
    for people, subject in remaining:
        if hidden == 0 or hidden >= minimum:
            break
        found[subject] = SECONDARY
        hidden += people
    return found


def tells(people_between: int, minimum: int) -> bool:
    """Whether a longer window less a shorter one is the sum of fewer people than the minimum."""
    return 0 < people_between < minimum


def fewest_in_service(services: Iterable[tuple[int, int]], first: int, last: int) -> int:
    """How many are in service on the day with fewest, of the days first to last on which anybody is; 0 where there is none.

    `services`: first and last day of each person. Sums of two nights, or of two windows of one, may differ by that day alone.
    """
    changes = [0] * (last - first + 2)
    for begins, ends in services:
        if max(begins, first) <= min(ends, last):
            changes[max(begins, first) - first] += 1
            changes[min(ends, last) + 1 - first] -= 1
    return min((people for people in accumulate(changes[:-1]) if people), default=0)


def is_ones(sums: Iterable[tuple[float, float]]) -> bool:
    """Whether one person may have more than DOMINANCE_SHARE of all sums together; each comes with the most that one person has of it."""
    whole, most = (sum(each) for each in zip(*sums, strict=True))
    return bool(most > DOMINANCE_SHARE * whole)


class Share(NamedTuple):
    """A share's part of a whole and the rest of it, each with the most that one person has."""

    part: float
    most: float
    rest: float
    rest_most: float


def dividing(shares: Mapping[str, Share]) -> set[str]:
    """Which of the shares that divide a whole go because one is nearly all one person's.

    What is left of one tells the last: so the smallest others go too, until nobody has nearly all of what is left out. A share alone has its rest
    for another.
    """
    hidden = {name for name, each in shares.items() if is_ones([(each.part, each.most)])}
    if len(shares) == 1 and is_ones([(each.rest, each.rest_most) for each in shares.values()]):
        hidden = set(shares)
    others = sorted(
        shares.keys() - hidden, key=lambda name: (shares[name].part, name), reverse=True
    )  # the smallest last
    while hidden and others and (len(hidden) == 1 or is_ones([shares[name][:2] for name in hidden])):
        hidden.add(others.pop())
    return hidden


class Count(NamedTuple):
    """What was counted in a room, whether it is shown, and whether it is left out because it is nearly all one person's."""

    amount: float
    is_shown: bool
    is_ones: bool


def with_companions(counts: Sequence[Mapping[str, Count]]) -> tuple[set[str], list[bool]]:
    """Which rooms go beside those that are nearly all one person's: the smallest, until these are not nearly all of what is left out.

    `counts`: room -> what was counted there, of one thing or of several that go together. Also answers, of each, whether no room is left that
    could go, so that the sum of everybody must.
    """
    hidden = [{room for room, each in count.items() if not each.is_shown} for count in counts]
    shown = {room for count in counts for room, each in count.items() if each.is_shown and each.amount}
    nothing = Count(0.0, False, False)
    others = sorted(
        shown, key=lambda room: (counts[0].get(room, nothing).amount, room), reverse=True
    )  # the smallest last
    gone: set[str] = set()
    while others and any(map(_are_ones, counts, hidden)):
        gone.add(room := others.pop())
        for count, left_out in zip(counts, hidden, strict=True):
            left_out |= {room} & count.keys()
    return gone, list(map(_are_ones, counts, hidden))


def _are_ones(count: Mapping[str, Count], left_out: Iterable[str]) -> bool:
    amounts = [count[room] for room in left_out]
    ones = sum(each.amount for each in amounts if each.is_ones)
    return ones > DOMINANCE_SHARE * sum(each.amount for each in amounts)


class Reached(NamedTuple):
    """How many people of a group were reached."""

    reached: int
    people: int

    def less(self, other: "Reached", times: int = 1) -> "Reached":
        """The counts without those of a part; with them where `times` is -1."""
        return Reached(self.reached - times * other.reached, self.people - times * other.people)


_NOBODY = Reached(0, 0)


def telling(teams: Mapping[tuple[str, int], Reached], whole: Mapping[int, Reached], minimum: int) -> set[str]:
    """The teams to hide because what is left out of the whole would tell that nobody, or everybody, of the hidden ones was reached.

    `teams`: (team, period) -> the counts that would be shown; `whole`: period -> that of the organisation. Both are without those who are
    known to be reached anyway: a team with few others tells of these. In all periods a group is the same people, and the same teams are
    hidden: who is left out cannot be told apart, however periods are combined.
    """
    sizes: dict[str, int] = {}
    for (team, _), each in teams.items():
        sizes[team] = max(each.people, sizes.get(team, 0))
    hidden = {team for (team, _), each in teams.items() if tells(each.people, minimum)}
    kept = sorted(sizes.keys() - hidden, key=lambda team: (sizes[team], team), reverse=True)  # the smallest last
    left = dict(whole)
    for (team, period), each in teams.items():
        if team not in hidden and period in left:
            left[period] = left[period].less(each)
    while kept and any(_tells(left[period], each, minimum) for period, each in whole.items()):
        hidden.add(team := kept.pop())
        for period in left:
            left[period] = left[period].less(teams.get((team, period), _NOBODY), -1)
    return hidden


def _tells(left: Reached, whole: Reached, minimum: int) -> bool:
    if left.people == 0 or whole.reached in {
        0,
        whole.people,
    }:  # nothing is left out, or the whole itself says it of everybody
        return False
    return left.people < minimum or left.reached in {0, left.people}
