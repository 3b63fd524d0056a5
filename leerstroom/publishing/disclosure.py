"""Who may see which indicator: the policies of `schemas/disclosure.yaml`, asked with an indicator and a grain.

What only the employee may see is absent from everything HR receives under every policy. Groups are seen whole or suppressed; that is decided
where the values are computed, and this module only says whether the indicator may appear at all.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from leerstroom.errors import ConfigurationError
from leerstroom.publishing.definitions import base_id
from leerstroom.schemas import read_yaml

POLICIES = ("per-employee", "groups-only")
MINIMUM_GROUP = 5  # people; the settings may raise it, nothing lowers it


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One policy, and the fewest people of whom a figure is shown. An indicator that it does not name is shown to nobody but the employee."""

    policy: str
    per_person: frozenset[str]
    per_group: frozenset[str]
    minimum_group: int = MINIMUM_GROUP

    @classmethod
    def load(cls, policy: str, minimum_group: int = MINIMUM_GROUP) -> "Disclosure":
        """The policy from `schemas/disclosure.yaml`. Raises ConfigurationError for an unknown policy."""
        return cls.parse(read_yaml("disclosure.yaml"), policy, minimum_group)

    @classmethod
    def parse(cls, raw: Mapping[str, Any], policy: str, minimum_group: int = MINIMUM_GROUP) -> "Disclosure":
        """The policy from plain YAML values. Raises ConfigurationError for an unknown policy."""
        policies = raw["policies"]
        if policy not in policies:
            raise ConfigurationError(
                f"disclosure policy '{policy}' does not exist; choose one of {', '.join(sorted(policies))}"
            )
        body = policies[policy]
        return cls(policy, _ids(body["hr_per_person"]), _ids(body["hr_per_group"]), max(minimum_group, MINIMUM_GROUP))

    def hr_sees(self, indicator_id: str, grain: str) -> bool:
        """Whether HR sees the indicator at a grain such as employee_day or team_window."""
        allowed = self.per_person if grain.startswith("employee") else self.per_group
        return indicator_id in allowed or base_id(indicator_id) in allowed

    def audience(self, indicator_id: str) -> str:
        """The widest audience per person: `hr`, `group` (only as a group figure) or `employee`."""
        if self.hr_sees(indicator_id, "employee_window"):
            return "hr"
        return "group" if self.hr_sees(indicator_id, "organisation_window") else "employee"


def _ids(given: Iterable[str]) -> frozenset[str]:
    return frozenset(map(str, given))
