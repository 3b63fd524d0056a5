"""What an indicator is: an id, what it needs, where it is published, and one expression. The families register theirs here.

The words (name, question, formula, reading, misuse) in English and Dutch stand in `schemas/indicators.yaml`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from leerstroom.indicators.scope import Scope

Grain = Literal["employee_day", "employee_window", "team_window", "community_window", "organisation_window"]
DAY: Grain = "employee_day"
EMPLOYEE: Grain = "employee_window"
TEAM: Grain = "team_window"
COMMUNITY: Grain = "community_window"
ORGANISATION: Grain = "organisation_window"

Kind = Literal["amount", "ratio", "measure"]

# Which sources must have been loaded for a number to be known: the first list, or where none of it is connected the second.
NEEDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "formal": (("lms",), ("offline",)),
    "nonformal": (("webinar", "mooc"), ("offline",)),
    "informal": (("chat", "social", "offline"), ("lms", "mooc", "work")),
    "conversation": (("chat", "social"), ("lms", "mooc")),
    "webinar": (("webinar",), ()),
    "offline": (("offline",), ()),
    "work": (("work",), ()),
    "coaching": (("offline", "work"), ()),
    "reading": (("chat", "social"), ()),  # and only where reading is recorded at all
    "any": (("lms", "mooc", "webinar", "chat", "social", "offline", "work", "search", "library"), ()),
}


@dataclass(frozen=True, slots=True)
class Indicator:
    """One published number (a category of a share is one of its own, `mode_70_20_10_share.70`).

    `compute` gives a row a period and subject (person, or team, community, organisation for `of="group"`):
    amount: `value`, 0 where no row is; ratio: `numerator` and `denominator`; measure: `value`, and `pool_numerator`,
    `pool_denominator` where groups are published. Groups of amounts are medians with quartiles, of the others the pooled ratio.
    """

    id: str
    family: str
    kind: Kind
    needs: str
    grains: tuple[Grain, ...]
    compute: "Callable[[Scope], ir.Table]"
    of: Literal["person", "group"] = "person"
    is_quality: bool = False
    minimum_people: int = 0
    minimum_days: int = 0  # shorter windows have no row
    absent: str = "no_denominator"  # status of a group without value
    priority: int = 1

    @property
    def base(self) -> str:
        """The id without category, as `schemas/indicators.yaml` knows it."""
        return self.id.split(".", 1)[0]


_CATALOGUE: dict[tuple[str, str], Indicator] = {}


def register(indicator: Indicator) -> None:
    """Adds to the catalogue; the same id may stand for persons and for groups once each. Raises ValueError for a third."""
    key = (indicator.id, "+".join(indicator.grains))
    if key in _CATALOGUE:
        raise ValueError(f"indicator {indicator.id} is defined twice for {key[1]}")
    _CATALOGUE[key] = indicator


def indicator(id: str, **settings: Any) -> "Callable[[Callable[[Scope], ir.Table]], Callable[[Scope], ir.Table]]":  # noqa: A002 - the catalogue's own word
    """Registers the decorated expression as an indicator of its module's family."""

    def add(compute: "Callable[[Scope], ir.Table]") -> "Callable[[Scope], ir.Table]":
        register(Indicator(id=id, family=compute.__module__.rsplit(".", 1)[-1], compute=compute, **settings))
        return compute

    return add


def catalogue() -> tuple[Indicator, ...]:
    """Every indicator, in the order of the families."""
    from leerstroom.indicators import families

    families.load()
    return tuple(_CATALOGUE.values())
