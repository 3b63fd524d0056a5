"""Which groups may be published: none under the minimum, and none from which one under the minimum follows by subtraction.

Two ways of subtracting are closed. *Over groups*: what is left out of a published whole must itself be at least the minimum, else the
next smallest group goes too; and where people are counted it may be neither nobody nor everybody of those who are left out. *Over
periods*: what a longer window has beyond a shorter one must come from nobody or from the minimum of people.
"""

from collections.abc import Iterable, Mapping
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
