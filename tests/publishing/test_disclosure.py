"""Who sees which indicator, by the policies that ship."""

import pytest

from leerstroom.errors import ConfigurationError
from leerstroom.publishing.definitions import indicator_texts
from leerstroom.publishing.disclosure import POLICIES, Disclosure

PRIVATE = (
    "network_breadth",
    "help_tie_reciprocity",
    "preference_profile.discovery",
    "learning_streak_workdays",
    "quiet_learning_days",
    "generation_share.3.0",
)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("indicator", PRIVATE)
def test_networks_preferences_and_streaks_of_a_person_never_reach_hr(policy: str, indicator: str) -> None:
    assert not Disclosure.load(policy).hr_sees(indicator, "employee_window")


def test_the_default_gives_hr_formal_nonformal_and_informal_minutes_per_person() -> None:
    default = Disclosure.load("per-employee")
    assert all(
        default.hr_sees(f"{kind}_learning_minutes", grain)
        for kind in ("formal", "nonformal", "informal")
        for grain in ("employee_day", "employee_window")
    )


def test_groups_only_is_never_wider_than_per_employee() -> None:
    narrow, wide = Disclosure.load("groups-only"), Disclosure.load("per-employee")
    assert narrow.per_person < wide.per_person
    assert narrow.per_group <= wide.per_group


@pytest.mark.parametrize("policy", POLICIES)
def test_every_name_in_a_policy_is_an_indicator(policy: str) -> None:
    disclosure = Disclosure.load(policy)
    assert not (disclosure.per_person | disclosure.per_group) - set(indicator_texts())


def test_an_indicator_that_stands_nowhere_is_the_employees_own() -> None:
    assert Disclosure("x", frozenset(), frozenset()).audience("formal_learning_minutes") == "employee"


def test_an_unknown_policy_names_those_that_exist() -> None:
    with pytest.raises(ConfigurationError, match="groups-only, per-employee"):
        Disclosure.load("everyone")
