"""The catalogue is whole: the indicators of the design are all there, described, computed, and each stands in a test."""

import re
from pathlib import Path
from typing import Any

import pytest

from leerstroom.indicators import catalogue
from leerstroom.publishing.definitions import indicator_texts

FORTY = [
    "formal_learning_minutes",
    "nonformal_learning_minutes",
    "learning_minutes_total",
    "formal_completions",
    "formal_completion_rate",
    "assessment_score_mean",
    "mandatory_on_time_rate",
    "mandatory_minutes_share",
    "nonformal_attendances",
    "webinar_presence_ratio",
    "informal_learning_minutes",
    "questions_asked",
    "questions_answered_for_others",
    "help_received_rate",
    "first_response_minutes_median",
    "resources_shared",
    "reactions_given",
    "network_breadth",
    "help_tie_reciprocity",
    "cross_team_tie_share",
    "network_brokerage",
    "offline_encounters",
    "coaching_minutes",
    "practice_and_experiment_events",
    "quiet_learning_days",
    "active_learning_days",
    "learning_streak_workdays",
    "learning_regularity",
    "self_directed_share",
    "mode_70_20_10_share",
    "generation_share",
    "preference_profile",
    "place_independent_share",
    "interaction_direction_share",
    "community_active_contributors",
    "community_facilitator_share",
    "community_concentration",
    "spontaneous_group_share",
    "learning_reach",
    "learning_maturity_profile",
]
QUALITY = ["source_coverage", "unresolved_actor_share", "estimated_minutes_share", "unclassified_share"]
BESIDE = {"teaching_minutes", "learning_gap_days_median", "question_answer_rate_72h"}  # what others are to be read with
HERE = Path(__file__).parent


def test_the_forty_and_the_four_are_in_the_catalogue_and_nothing_unexplained_is() -> None:
    assert len(FORTY) == 40
    assert {each.base for each in catalogue()} == {*FORTY, *QUALITY, *BESIDE}
    assert set(indicator_texts()) == {*FORTY, *QUALITY, *BESIDE}


def test_every_indicator_is_computed_at_every_grain_that_it_claims(world: Any) -> None:
    world.employ(*(f"P{number}" for number in range(6)))
    for number in range(6):
        world.does(f"P{number}", "posted", f"m{number}", f"2026-11-03T10:0{number}", channel="room")
    rows = world.values(windows=(90,)).rows
    computed = {(row["indicator_id"].split(".", 1)[0], row["grain"]) for row in rows}
    assert computed == {(each.base, grain) for each in catalogue() for grain in each.grains}


@pytest.mark.parametrize("indicator", [*FORTY, *QUALITY, *sorted(BESIDE)])
def test_every_indicator_stands_in_a_test(indicator: str) -> None:
    told = [
        path.name
        for path in HERE.glob("test_*.py")
        if path.name != Path(__file__).name and re.search(rf"\b{indicator}\b", path.read_text())
    ]
    assert told, f"no test speaks of {indicator}"
