"""The edge cases of indicators that no other file tells: coaching, practice, reading along, places, groups that form by themselves."""

from datetime import date
from typing import Any

import pytest

from leerstroom.statements.vocabulary import verbs


def coaches(world: Any, who: str, whom: str, at: str, *, verb: str = "coached", **more: Any) -> None:
    world.does(who, verb, "x", at, kind="offline", type=None, **more)
    world.statements[-1]["object"] = {"objectType": "Agent", "mbox": f"mailto:{whom.lower()}@example.org"}


# --- coaching ---------------------------------------------------------------------------------------------------------------


def test_both_sides_of_coaching_get_the_time(world: Any) -> None:
    world.employ("A", "B")
    coaches(world, "A", "B", "2026-11-03T10:00", minutes=45)
    found = world.values("coaching_minutes", "informal_learning_minutes", "active_learning_days")
    assert [found("coaching_minutes", who) for who in "AB"] == [45, 45]
    assert [found("coaching_minutes.giving", who) for who in "AB"] == [45, 0]
    assert [found("coaching_minutes.receiving", who) for who in "AB"] == [0, 45]
    assert [found("informal_learning_minutes", who) for who in "AB"] == [45, 45]
    assert [found("active_learning_days", who, 3) for who in "AB"] == [1, 1]


@pytest.mark.parametrize("whom", ["A", "outsider"])
def test_coaching_oneself_or_an_outsider_is_received_by_nobody(world: Any, whom: str) -> None:
    world.employ("A", "B")
    coaches(world, "A", whom, "2026-11-03T10:00", minutes=45)
    found = world.values("coaching_minutes")
    assert found("coaching_minutes.giving", "A") == 45
    assert [found("coaching_minutes.receiving", who) for who in "AB"] == [0, 0]


def test_coaching_without_a_length_is_estimated_on_both_sides(world: Any) -> None:
    world.employ("A", "B")
    coaches(world, "A", "B", "2026-11-03T10:00", verb="mentored")
    found = world.values("coaching_minutes", "estimated_minutes_share")
    assert [found("coaching_minutes", who) for who in "AB"] == [30, 30]
    assert [found("estimated_minutes_share", who) for who in "AB"] == [1, 1]


def test_coaching_that_is_voided_or_told_twice_counts_as_such(world: Any) -> None:
    world.employ("A", "B")
    coaches(world, "A", "B", "2026-11-03T10:00", minutes=45)
    coaches(world, "A", "B", "2026-11-03T10:00", minutes=45, platform="another")
    coaches(world, "A", "B", "2026-11-04T10:00", minutes=20)
    world.voids(world.statements[2]["id"])
    found = world.values("coaching_minutes")
    assert [found("coaching_minutes", who) for who in "AB"] == [45, 45]


def test_shadowing_and_guided_work_are_received_and_a_plain_talk_is_no_coaching(world: Any) -> None:
    world.employ("A")
    world.does("A", "shadowed", "ward", "2026-11-03T10:00", kind="offline", type="visit")
    world.does("A", "completed", "bench", "2026-11-04T10:00", kind="work", type="guided-on-the-job", minutes=90)
    world.does("A", "attended", "talk", "2026-11-05T10:00", kind="offline", type="meeting", minutes=25)
    found = world.values("coaching_minutes")
    assert found("coaching_minutes.receiving", "A") == 60 + 90
    assert found("coaching_minutes", "A") == 150


def test_coaching_a_person_twice_is_two_encounters_of_both_and_a_second_report_is_none(world: Any) -> None:
    world.employ("A", "B")
    for day in (3, 4):
        coaches(world, "A", "B", f"2026-11-0{day}T10:00", minutes=45)
    coaches(world, "A", "B", "2026-11-04T10:00", minutes=45, platform="another")
    found = world.values("offline_encounters")
    assert [found("offline_encounters", who) for who in "AB"] == [2, 2]


# --- practice, reading along ------------------------------------------------------------------------------------------------


def test_practising_and_discovering_count_and_receiving_does_not(world: Any) -> None:
    world.employ("A")
    world.does("A", "completed", "sim", "2026-11-03T10:00", kind="work", type="simulation")
    world.does("A", "searched", "how", "2026-11-03T11:00", kind="work")
    world.does("A", "viewed", "page", "2026-11-03T12:00", kind="work", type="article")
    world.does("A", "viewed", "lesson", "2026-11-03T13:00", kind="lms", type="page")
    assert world.values("practice_and_experiment_events")("practice_and_experiment_events", "A") == 2


def test_a_day_of_reading_along_alone_is_quiet_and_one_with_a_word_is_not(world: Any) -> None:
    world.employ("A", "B")
    for who, day in (("A", 3), ("A", 4), ("B", 3)):
        world.does(who, "read", f"m{day}", f"2026-11-0{day}T10:00", type="chat-message", channel="room")
    world.does("A", "posted", "own", "2026-11-04T11:00", type="chat-message", channel="room")
    found = world.values("quiet_learning_days", "active_learning_days")
    assert [found("quiet_learning_days", who) for who in "AB"] == [1, 1]
    assert found("active_learning_days", "A") == 2


@pytest.mark.parametrize(
    ("verb", "more"),
    [
        ("liked", {"type": "chat-message", "channel": "room"}),
        ("attended", {"kind": "offline", "type": "meeting", "minutes": 45}),
        ("attended", {"kind": "offline", "type": "meeting"}),
        ("authored", {"kind": "work", "type": "article"}),
    ],
)
def test_a_day_with_anything_informal_but_receiving_is_not_quiet(world: Any, verb: str, more: dict[str, Any]) -> None:
    world.employ("A")
    world.does("A", "read", "m", "2026-11-03T10:00", type="chat-message", channel="room")
    world.does("A", verb, "thing", "2026-11-03T11:00", **more)
    assert world.values("quiet_learning_days")("quiet_learning_days", "A") == 0


def test_searching_and_shadowing_leave_a_day_of_reading_quiet_and_so_does_a_course(world: Any) -> None:
    world.employ("A")
    world.does("A", "read", "m", "2026-11-03T10:00", type="chat-message", channel="room")
    world.does("A", "searched", "how", "2026-11-03T11:00", kind="work")
    world.does("A", "completed", "c", "2026-11-03T12:00", kind="lms", type="course", minutes=30)
    world.does("A", "shadowed", "ward", "2026-11-04T10:00", kind="offline", type="visit")
    assert world.values("quiet_learning_days")("quiet_learning_days", "A") == 2


def test_where_reading_is_not_recorded_nobody_is_quiet_rather_than_zero(world: Any) -> None:
    world.employ("A")
    world.does("A", "posted", "own", "2026-11-04T11:00", type="chat-message", channel="room")
    assert world.values("quiet_learning_days").status("quiet_learning_days", "A") == "source_missing"


# --- places, presence -------------------------------------------------------------------------------------------------------


def test_minutes_whose_device_is_not_known_are_in_neither_part_of_the_place_independent_share(world: Any) -> None:
    world.employ(*(f"P{number}" for number in range(6)))
    for number in range(6):
        for hour, device, minutes in ((10, "tablet", 10), (11, "desktop", 30), (12, None, 60)):
            stated = {"device": device} if device else {}
            world.does(
                f"P{number}",
                "progressed",
                f"c{hour}",
                f"2026-11-03T{hour}:00",
                kind="lms",
                type="course",
                minutes=minutes,
                stated=stated,
            )
    found = world.values("place_independent_share")
    assert found("place_independent_share", "ALL") == pytest.approx(10 / 40)
    assert not [
        row for row in found.rows if row["grain"].startswith("employee")
    ]  # hours and places of a person are nobody's business


def test_a_webinar_without_a_planned_length_has_no_presence(world: Any) -> None:
    world.employ("A", "B")
    for who, stated in (("A", {}), ("B", {"scheduled-minutes": 0})):
        world.does(who, "attended", "w", "2026-11-03T10:00", kind="webinar", type="webinar", minutes=30, stated=stated)
    found = world.values("webinar_presence_ratio", "nonformal_attendances")
    assert {found.status("webinar_presence_ratio", who) for who in "AB"} == {"no_denominator"}
    assert found("nonformal_attendances", "A") == 1


def test_a_recording_that_is_viewed_is_no_attendance(world: Any) -> None:
    world.employ("A")
    world.does("A", "watched", "w", "2026-11-03T10:00", kind="webinar", type="recording", minutes=30)
    found = world.values("nonformal_attendances", "nonformal_learning_minutes")
    assert found("nonformal_attendances", "A") == 0
    assert found("nonformal_learning_minutes", "A") == 30
    assert found("nonformal_learning_minutes.webinar", "A") == 30


# --- programmes -------------------------------------------------------------------------------------------------------------


def test_a_mooc_that_is_left_and_a_page_that_is_seen_are_nothing_to_complete(world: Any) -> None:
    world.employ("A")
    world.does("A", "registered", "mooc", "2026-10-01T10:00", kind="mooc", type="course")
    world.does("A", "progressed", "page", "2026-10-01T10:00", kind="lms", type="page")
    assert world.values("formal_completion_rate").status("formal_completion_rate", "A") == "no_denominator"


def test_who_was_assigned_and_never_began_is_part_of_the_completion_rate(world: Any) -> None:
    world.employ("A")
    world.does("A", "was-assigned", "one", "2026-10-01T10:00", kind="lms", type="course")
    world.does("A", "passed", "two", "2026-10-05T10:00", kind="lms", type="course")
    row = world.values("formal_completion_rate").row("formal_completion_rate", "A")
    assert (row["numerator"], row["denominator"]) == (1, 2)


def test_a_result_that_says_completed_completes_what_was_begun_whatever_its_verb(world: Any) -> None:
    world.employ("A")
    world.does("A", "launched", "one", "2026-10-01T10:00", kind="lms", type="course")
    world.does("A", "experienced", "one", "2026-11-03T10:00", kind="lms", type="course", result={"completion": True})
    world.does("A", "launched", "two", "2026-10-01T10:00", kind="lms", type="course")
    world.does("A", "failed", "two", "2026-10-02T10:00", kind="lms", type="course", result={"completion": True})
    found = world.values("formal_completion_rate", "formal_completions")
    row = found.row("formal_completion_rate", "A")
    assert (row["numerator"], row["denominator"]) == (1, 2)
    assert found("formal_completions", "A") == 1


def test_a_length_of_what_was_played_is_an_estimate_and_no_time_on_the_clock(world: Any) -> None:
    world.employ("A")
    played = {"duration-basis": "content"}
    world.does("A", "watched", "v1", "2026-11-03T10:00", kind="mooc", type="video", minutes=20, stated=played)
    world.does("A", "watched", "v2", "2026-11-03T10:10", kind="mooc", type="video", minutes=20, stated=played)
    world.does("A", "completed", "c", "2026-11-03T10:10", kind="mooc", type="course", minutes=10)
    found = world.values("nonformal_learning_minutes", "estimated_minutes_share", "active_learning_days")
    assert found("nonformal_learning_minutes", "A") == 20 + 20 + 10  # played at one time: each in full
    assert found("estimated_minutes_share", "A") == pytest.approx(40 / 50)
    assert found("active_learning_days", "A", 3) == 1


def test_what_was_played_stops_at_the_cap_and_not_at_the_ceiling_of_guesses(world: Any) -> None:
    world.employ("A")
    played = {"duration-basis": "content"}
    world.does("A", "watched", "v", "2026-11-03T10:00", kind="work", type="video", minutes=600, stated=played)
    assert world.values("informal_learning_minutes")("informal_learning_minutes", "A") == 240


def test_time_on_the_clock_is_believed_before_the_length_of_what_was_played(world: Any) -> None:
    world.employ("A")
    world.does(
        "A",
        "completed",
        "v",
        "2026-11-03T10:00",
        kind="mooc",
        type="video",
        minutes=30,
        stated={"duration-basis": "content"},
    )
    world.does("A", "completed", "v", "2026-11-03T10:00", kind="mooc", type="video", minutes=15, platform="another")
    found = world.values("nonformal_learning_minutes", "estimated_minutes_share")
    assert (found("nonformal_learning_minutes", "A"), found("estimated_minutes_share", "A")) == (15, 0)


def test_whether_something_was_mandatory_is_unknown_unless_it_is_said(world: Any) -> None:
    world.employ("A")
    world.does("A", "progressed", "c", "2026-11-03T10:00", kind="lms", type="course", minutes=30)
    found = world.values("mandatory_minutes_share")
    assert found.status("mandatory_minutes_share", "A") == "no_denominator"
    assert found("mandatory_minutes_share.known", "A") == 0


# --- conversation -----------------------------------------------------------------------------------------------------------


def test_the_response_is_the_median_over_answered_questions_at_any_hour(world: Any) -> None:
    world.employ("A", "B")
    for number, (asked, answered) in enumerate((
        ("08:00", "08:10"),
        ("22:00", "22:40"),
        ("09:00", None),
        ("03:00", "05:00"),
    )):
        world.does("A", "asked", f"q{number}", f"2026-11-03T{asked}", channel="room")
        if answered:
            world.does("B", "replied", f"r{number}", f"2026-11-03T{answered}", channel="room", parent=f"q{number}")
    found = world.values("first_response_minutes_median", "help_received_rate")
    assert found("first_response_minutes_median", "A") == 40
    assert found("help_received_rate", "A") == pytest.approx(3 / 4)


def test_a_tie_is_mutual_when_each_turned_to_the_other(world: Any) -> None:
    world.employ("A", "B", "C")
    world.does(
        "A",
        "posted",
        "m",
        "2026-11-03T08:00",
        channel="room",
        stated={"mentions": ["mailto:b@example.org", "mailto:c@example.org"]},
    )
    world.does("B", "replied", "r", "2026-11-03T09:00", channel="room", parent="m")
    found = world.values("help_tie_reciprocity", "network_breadth")
    assert [found("help_tie_reciprocity", who) for who in "ABC"] == [0.5, 1, 0]
    assert [found("network_breadth", who) for who in "ABC"] == [2, 1, 1]


def test_the_median_gap_between_active_days_stands_beside_the_regularity(world: Any) -> None:
    world.employ("A", "B")
    for day in (2, 3, 7):
        world.does("A", "posted", f"m{day}", f"2026-11-0{day}T10:00", channel="room")
    world.does("B", "posted", "once", "2026-11-03T10:00", channel="room")
    found = world.values("learning_gap_days_median")
    assert found("learning_gap_days_median", "A") == 2.5
    assert found.status("learning_gap_days_median", "B") == "no_denominator"


# --- groups -----------------------------------------------------------------------------------------------------------------


def test_concentration_needs_ten_contributors(world: Any) -> None:
    world.employ(*(f"P{number}" for number in range(9)))
    for number in range(9):
        world.does(f"P{number}", "posted", f"m{number}", f"2026-11-03T10:0{number}", channel="room")
    found = world.values("community_concentration", "community_active_contributors")
    assert found.status("community_concentration", "https://t.example/room") == "suppressed"
    assert found("community_active_contributors", "https://t.example/room") == 9


def test_direction_of_an_occurrence_is_that_of_its_rule_and_counts_once_a_group(world: Any) -> None:
    world.employ(*(f"P{number}" for number in range(5)))
    for number in range(5):
        world.does(f"P{number}", "attended", "w", "2026-11-03T10:00", kind="webinar", type="webinar", minutes=30)
        world.does(f"P{number}", "attended", "shop", "2026-11-04T10:00", kind="offline", type="workshop", minutes=60)
    found = world.values("interaction_direction_share")
    assert [found(f"interaction_direction_share.{name}", "ALL") for name in ("one_way", "two_way", "multi")] == [
        0.5,
        0,
        0.5,
    ]
    assert [found(f"interaction_direction_share.{name}", "T1") for name in ("one_way", "two_way", "multi")] == [
        0.5,
        0,
        0.5,
    ]


def test_a_thread_belongs_to_the_window_of_its_first_message(world: Any) -> None:
    world.employ(*(f"P{number}" for number in range(5)))
    world.does("P0", "asked", "old", "2026-10-20T10:00", channel="room")
    world.does("P1", "replied", "late", "2026-11-03T10:00", channel="room", parent="old")
    world.does("P2", "asked", "new", "2026-11-04T10:00", channel="room")
    found = world.values("interaction_direction_share")
    assert found.row("interaction_direction_share.one_way", "ALL")["denominator"] == 1
    assert found("interaction_direction_share.one_way", "ALL") == 1


def test_reach_counts_people_and_needs_something_active(world: Any) -> None:
    world.employ(*(f"P{number}" for number in range(5)))
    world.does("P0", "posted", "m", "2026-11-03T10:00", channel="room")
    world.does("P0", "posted", "n", "2026-11-03T11:00", channel="room")
    world.does("P1", "liked", "m", "2026-11-03T12:00", channel="room")
    world.does("P2", "registered", "c", "2026-11-03T12:00", kind="lms", type="course")
    found = world.values("learning_reach")
    assert [found(f"learning_reach.{kind}", "ALL") for kind in ("informal", "formal", "any")] == [0.2, 0, 0.2]


def test_what_is_taken_back_never_makes_reactions_negative(world: Any) -> None:
    world.employ("A")
    world.does("A", "liked", "m", "2026-11-03T10:00", channel="room")
    world.statements[-1]["verb"] = {"id": "http://activitystrea.ms/unlike"}
    assert verbs["liked"].iri != world.statements[-1]["verb"]["id"]
    assert world.values("reactions_given")("reactions_given", "A") == 0


def test_a_day_loaded_in_part_is_no_day_of_coverage(world: Any) -> None:
    world.employ("A")
    world.loads("lms", "chat", missing=((3, "lms"), (4, "lms")))
    found = world.values("source_coverage")
    assert found("source_coverage.lms", "ALL") == pytest.approx(5 / 7)
    assert found("source_coverage.chat", "ALL") == 1
    assert found.status("source_coverage.webinar", "ALL") == "no_denominator"  # not connected
    assert world.last == date(2026, 11, 8)
