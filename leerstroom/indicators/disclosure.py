"""Which groups may be published: none under the minimum, and none from which one under the minimum follows by subtraction.

Teams divide the organisation. What is left out of a published whole must itself be at least the minimum: if the suppressed
groups together (people without a team among them) are fewer, the next smallest group goes too, until they are not.
"""

from collections.abc import Mapping

SUPPRESSED = "suppressed"
SECONDARY = "suppressed_secondary"
DOMINATED = "suppressed_dominance"
DOMINANCE_SHARE = 0.8  # nobody's part of a published sum may be larger


def verdicts(sizes: Mapping[str, int], minimum: int, *, others: int = 0) -> dict[str, str]:
    """Status of each group that may not be published; `sizes` is people per group, `others` people of the whole in no group."""
    found = {subject: SUPPRESSED for subject, people in sizes.items() if people < minimum}
    hidden = sum(sizes[subject] for subject in found) + others
    remaining = sorted((people, subject) for subject, people in sizes.items() if subject not in found)
    for people, subject in remaining:
        if hidden == 0 or hidden >= minimum:
            break
        found[subject] = SECONDARY
        hidden += people
    return found
