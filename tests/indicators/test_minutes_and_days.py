"""Minutes: intervals, midnight, clock changes, caps, estimates, active days."""

from datetime import date
from typing import Any

import pytest

MINUTES = (
    "formal_learning_minutes",
    "nonformal_learning_minutes",
    "informal_learning_minutes",
    "learning_minutes_total",
)


def test_a_session_over_local_midnight_is_cut_and_its_completion_falls_on_the_later_day(world: Any) -> None:
    world.employ("A")
    world.does("A", "completed", "course", "2026-11-03T23:30", kind="lms", type="course", minutes=60)
    found = world.values("formal_learning_minutes", "formal_completions", "active_learning_days")
    assert [found("formal_learning_minutes", "A", day) for day in (3, 4, 5)] == [30, 30, 0]
    assert [found("formal_completions", "A", day) for day in (3, 4)] == [0, 1]
    assert found("active_learning_days", "A") == 2


@pytest.mark.parametrize(
    ("day", "midnight", "expected"),
    [
        (date(2026, 10, 25), "2026-10-25T23:00:00Z", 25 * 60),  # the day of 25 hours ends at 23:00 UTC
        (date(2027, 3, 28), "2027-03-28T22:00:00Z", 23 * 60),  # the day of 23 hours ends at 22:00 UTC
    ],
)
def test_days_of_23_and_25_hours_have_their_own_length(world: Any, day: date, midnight: str, expected: int) -> None:
    world.employ("A")
    world.first = world.last = day
    world.coverage = None
    world.rules = _uncapped(world.rules)
    world.does("A", "progressed", "course", midnight, kind="lms", type="course", minutes=30 * 60)
    rows = world.values("formal_learning_minutes").rows
    assert [row["value"] for row in rows if row["grain"] == "employee_day"] == [expected]


def _uncapped(rules: Any) -> Any:
    from dataclasses import replace

    return replace(rules, parameters={**rules.parameters, "max_session_minutes": {"default": 6000}})


def test_days_are_those_of_the_employees_own_zone(world: Any) -> None:
    world.employ("A")
    world.employ("B", zone="America/New_York")
    for who in ("A", "B"):
        world.does(who, "completed", f"course-{who}", "2026-11-05T02:00", kind="lms", type="course", minutes=30)
    found = world.values("formal_learning_minutes")
    assert [found("formal_learning_minutes", "A", day) for day in (4, 5)] == [0, 30]
    assert [found("formal_learning_minutes", "B", day) for day in (4, 5)] == [30, 0]


def test_a_session_over_the_cap_is_cut_from_its_start(world: Any) -> None:
    world.employ("A")
    # 20:00 to 04:00 local; the cap of 240 minutes leaves 20:00 to 24:00, all on the first day
    world.does("A", "terminated", "course", "2026-11-04T03:00", kind="lms", type="course", minutes=480)
    found = world.values("formal_learning_minutes")
    assert [found("formal_learning_minutes", "A", day) for day in (3, 4)] == [240, 0]


def test_overlapping_intervals_count_once_in_a_class_and_in_the_total(world: Any) -> None:
    world.employ("A")
    world.does("A", "progressed", "one", "2026-11-03T10:00", kind="lms", type="course", minutes=60)
    world.does("A", "progressed", "two", "2026-11-03T10:30", kind="lms", type="course", minutes=60)
    world.does("A", "watched", "clip", "2026-11-03T10:30", kind="mooc", type="video", minutes=30)
    found = world.values(*MINUTES)
    assert found("formal_learning_minutes", "A") == 90
    assert found("nonformal_learning_minutes", "A") == 30
    assert found("learning_minutes_total", "A") == 90


def test_one_fact_of_two_producers_counts_once_and_the_fuller_report_stays(world: Any) -> None:
    world.employ("A")
    for platform, minutes in (("lms", None), ("cmi5", 45)):
        world.does(
            "A",
            "completed",
            "course",
            "2026-11-03T10:00",
            kind="lms",
            type="course",
            minutes=minutes,
            platform=platform,
        )
    found = world.values("formal_learning_minutes", "formal_completions")
    assert found("formal_learning_minutes", "A") == 45
    assert found("formal_completions", "A") == 1


def test_verbs_of_other_producers_are_read_by_alias(world: Any) -> None:
    world.employ("A")
    world.does("A", "completed", "course", "2026-11-03T10:00", kind="lms", type="course", minutes=10)
    world.statements[0]["verb"] = {"id": "http://activitystrea.ms/complete"}
    assert world.values("formal_completions")("formal_completions", "A") == 1


def test_a_statement_without_timestamp_happened_when_it_was_stored(world: Any) -> None:
    world.employ("A")
    world.does("A", "completed", "course", "2026-11-03T10:00", kind="lms", type="course", minutes=10)
    del world.statements[0]["timestamp"]
    world.statements[0]["stored"] = "2026-11-04T10:00:00Z"
    found = world.values("formal_learning_minutes")
    assert [found("formal_learning_minutes", "A", day) for day in (3, 4)] == [0, 10]


def test_informal_estimates_stop_at_the_ceiling_of_a_day(world: Any) -> None:
    world.employ("A")
    for minute in range(15):
        world.does("A", "posted", f"m{minute}", f"2026-11-03T10:{minute:02}", channel="room")
    world.does("A", "posted", "next", "2026-11-04T10:00", channel="room")
    found = world.values("informal_learning_minutes", "learning_minutes_total", "generation_share")
    assert [found("informal_learning_minutes", "A", day) for day in (3, 4)] == [60, 5]
    assert found("learning_minutes_total", "A") == 65
    assert found("generation_share.3.0", "A") == 1


def test_formal_estimates_have_no_ceiling(world: Any) -> None:
    world.employ("A")
    for minute in range(30):
        world.does("A", "viewed", f"page{minute}", f"2026-11-03T10:{minute:02}", kind="lms", type="page")
    assert world.values("formal_learning_minutes")("formal_learning_minutes", "A") == 90


def test_what_has_a_duration_is_not_estimated_as_well(world: Any) -> None:
    world.employ("A")
    world.does("A", "viewed", "page", "2026-11-03T10:00", kind="lms", type="page", minutes=0.5)
    assert world.values("formal_learning_minutes")("formal_learning_minutes", "A") == 0.5


def test_days_before_hire_and_after_leaving_have_no_value_and_their_events_do_not_count(world: Any) -> None:
    world.employ("A", since=date(2026, 11, 4), until=date(2026, 11, 5))
    for day in (3, 4, 6):
        world.does("A", "completed", f"c{day}", f"2026-11-0{day}T10:00", kind="lms", type="course", minutes=10)
    found = world.values("formal_learning_minutes", "formal_completions")
    assert [found.status("formal_learning_minutes", "A", day) for day in (3, 4, 5, 6)] == [
        "not_in_service",
        "ok",
        "ok",
        "not_in_service",
    ]
    assert found("formal_learning_minutes", "A") == 10
    assert found("formal_completions", "A") == 1


def test_a_like_an_edit_and_a_registration_make_no_active_day(world: Any) -> None:
    world.employ("A", "B")
    world.does("B", "posted", "m", "2026-11-02T10:00", channel="room")
    world.does("A", "liked", "m", "2026-11-03T10:00", channel="room")
    world.does("A", "edited", "m", "2026-11-04T10:00", channel="room")
    world.does("A", "registered", "course", "2026-11-05T10:00", kind="lms", type="course")
    world.does("A", "replied", "r", "2026-11-06T10:00", channel="room", parent="m")
    found = world.values("active_learning_days")
    assert [found("active_learning_days", "A", day) for day in (3, 4, 5, 6)] == [0, 0, 0, 1]


@pytest.mark.parametrize("kind", ["lms", "mooc"])
def test_the_grade_that_a_trainer_gives_makes_no_active_day_of_the_learner_and_its_score_counts(
    world: Any, kind: str
) -> None:
    world.employ("A")
    world.does("A", "submitted", "essay", "2026-11-03T10:00", kind=kind, type="school-assignment")
    world.does(
        "A",
        "scored",
        "essay",
        "2026-11-06T16:00",
        kind=kind,
        type="school-assignment",
        result={"score": {"scaled": 0.8}},
    )
    found = world.values(
        "active_learning_days", "assessment_score_mean", "learning_streak_workdays", "preference_profile"
    )
    assert [found("active_learning_days", "A", day) for day in (3, 6)] == [1, 0]
    assert found("assessment_score_mean", "A") == 0.8
    assert found("learning_streak_workdays", "A") == 1


def test_a_run_of_workdays_steps_over_weekend_and_leave(world: Any) -> None:
    world.employ("A", "B")
    world.first, world.last = date(2026, 11, 2), date(2026, 11, 11)
    world.coverage = None
    world.directory.leave += [("A", date(2026, 11, 9))]
    for who in ("A", "B"):
        for day in (5, 6, 10):  # Thursday, Friday, Tuesday; Monday is A's leave
            world.does(who, "posted", f"{who}{day}", f"2026-11-{day:02}T10:00", channel="room")
    found = world.values("learning_streak_workdays", "active_learning_days")
    assert found("learning_streak_workdays", "A") == 3
    assert found("learning_streak_workdays", "B") == 2


def test_a_holiday_is_neutral_in_a_run(world: Any) -> None:
    from dataclasses import replace

    world.employ("A")
    world.rules = replace(world.rules, parameters={**world.rules.parameters, "holidays": ["2026-11-04"]})
    for day in (3, 5):
        world.does("A", "posted", f"m{day}", f"2026-11-0{day}T10:00", channel="room")
    assert world.values("learning_streak_workdays")("learning_streak_workdays", "A") == 2


def test_regularity_counts_weeks_with_at_least_three_days_in_scope(world: Any) -> None:
    world.first, world.last = date(2026, 11, 5), date(2026, 11, 17)  # Thu..Sun = 4 days, a whole week, Mon+Tue = 2 days
    world.coverage = None
    world.employ("A")
    for day in ("06", "16"):
        world.does("A", "posted", f"m{day}", f"2026-11-{day}T10:00", channel="room")
    row = world.values("learning_regularity").row("learning_regularity", "A")
    assert (row["numerator"], row["denominator"]) == (1, 2)


def test_the_presenter_teaches_and_does_not_learn(world: Any) -> None:
    world.employ("A")
    world.does(
        "A", "joined", "w", "2026-11-03T10:00", kind="webinar", type="webinar", stated={"actor-role": "presenter"}
    )
    world.does("A", "left", "w", "2026-11-03T11:00", kind="webinar", type="webinar", stated={"actor-role": "presenter"})
    found = world.values(
        "teaching_minutes", "nonformal_learning_minutes", "nonformal_attendances", "active_learning_days"
    )
    assert found("teaching_minutes", "A") == 60
    assert found("nonformal_learning_minutes", "A") == 0
    assert found("nonformal_attendances", "A") == 0
    assert found("active_learning_days", "A") == 0


def test_shares_know_self_started_mode_and_device(world: Any) -> None:
    world.employ("A")
    world.does(
        "A",
        "progressed",
        "c",
        "2026-11-03T10:00",
        kind="lms",
        type="course",
        minutes=30,
        stated={"initiator": "assigned", "device": "desktop", "mandatory": True},
    )
    world.does("A", "asked", "q", "2026-11-03T12:00", channel="room")
    world.does(
        "A",
        "progressed",
        "s",
        "2026-11-03T14:00",
        kind="work",
        type="simulation",
        minutes=27,
        stated={"initiator": "self", "device": "mobile", "mandatory": False},
    )
    found = world.values("self_directed_share", "mode_70_20_10_share", "mandatory_minutes_share", "generation_share")
    assert found("self_directed_share", "A") == pytest.approx(30 / 60)
    assert found("self_directed_share.without_chat", "A") == pytest.approx(27 / 57)
    assert [found(f"mode_70_20_10_share.{mode}", "A") for mode in (70, 20, 10)] == pytest.approx([
        27 / 60,
        3 / 60,
        30 / 60,
    ])
    assert found("mandatory_minutes_share", "A") == pytest.approx(30 / 57)
    assert found("mandatory_minutes_share.known", "A") == pytest.approx(57 / 60)
