"""Attendance: the union of what a person was there, once an occurrence, whoever reports it."""

from typing import Any

import pytest

ONLY = ("nonformal_learning_minutes", "nonformal_attendances", "webinar_presence_ratio")
PLANNED = {"scheduled-minutes": 60}


def attends(world: Any, who: str, verb: str, at: str, **more: Any) -> None:
    world.does(
        who,
        verb,
        more.pop("thing", "w"),
        f"2026-11-03T{at}",
        kind="webinar",
        type="virtual-classroom",
        **{"stated": PLANNED, **more},
    )


@pytest.mark.parametrize(
    ("moves", "minutes", "attendances"),
    [
        ("j09:00 l09:20 j09:30 l10:00", 50, 1),  # rejoin
        ("j09:00 j09:10 l09:30 l10:00", 60, 1),  # two devices that overlap
        ("j09:00 l09:30 j09:30 l10:00", 60, 1),  # leaves and comes back at the same moment
        ("j09:00", 0, 0),  # join without leave
        ("l09:30", 0, 0),  # leave without join
        ("l08:50 j09:00 l09:30", 30, 1),  # the leave of a join before the recording
        ("j09:00 j09:30 l10:00", 30, 1),  # a lost leave: the latest join is closed
        ("j09:00 l09:04", 0, 0),  # under five minutes
        ("j09:00 l09:05", 5, 1),  # exactly five minutes
        ("j09:00 l09:03 j09:10 l09:12", 5, 1),  # five minutes in two parts
    ],
)
def test_joins_and_leaves_in_order(world: Any, moves: str, minutes: int, attendances: int) -> None:
    world.employ("A")
    for move in moves.split():
        attends(world, "A", {"j": "joined", "l": "left"}[move[0]], move[1:])
    found = world.values(*ONLY)
    assert found("nonformal_learning_minutes", "A") == minutes
    assert found("nonformal_attendances", "A") == attendances
    assert found("webinar_presence_ratio", "A") == (pytest.approx(minutes / 60) if minutes else None)


def test_registrations_pair_joins_with_their_own_leaves(world: Any) -> None:
    world.employ("A")
    one, two = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
    attends(world, "A", "joined", "09:00", registration=one)
    attends(world, "A", "joined", "09:30", registration=two)
    attends(world, "A", "left", "09:40", registration=two)
    assert world.values(*ONLY)("nonformal_learning_minutes", "A") == 10  # the first join has no leave of its own


def test_a_summary_is_used_only_without_intervals(world: Any) -> None:
    world.employ("A", "B")
    attends(world, "A", "joined", "09:00")
    attends(world, "A", "left", "09:20")
    for who in ("A", "B"):
        attends(world, who, "attended", "10:00", minutes=60)
    found = world.values(*ONLY)
    assert [found("nonformal_learning_minutes", who) for who in "AB"] == [20, 60]
    assert [found("nonformal_attendances", who) for who in "AB"] == [1, 1]


def test_two_summaries_of_one_occurrence_are_one_attendance_and_their_union(world: Any) -> None:
    world.employ("A")
    attends(world, "A", "attended", "10:00", minutes=60)
    attends(world, "A", "attended", "10:10", minutes=60)
    found = world.values(*ONLY)
    assert found("nonformal_learning_minutes", "A") == 70
    assert found("nonformal_attendances", "A") == 1


def test_a_summary_under_five_minutes_is_no_attendance_and_no_active_day(world: Any) -> None:
    world.employ("A")
    attends(world, "A", "attended", "10:00", minutes=4)
    found = world.values(*ONLY, "active_learning_days")
    assert found("nonformal_attendances", "A") == 0
    assert found("active_learning_days", "A") == 0


def test_registering_alone_is_no_attendance(world: Any) -> None:
    world.employ("A")
    attends(world, "A", "registered", "08:00")
    assert world.values(*ONLY)("nonformal_attendances", "A") == 0


def test_presence_is_never_above_one_and_its_mean_is_over_occurrences(world: Any) -> None:
    world.employ("A")
    attends(world, "A", "attended", "10:00", minutes=90)
    attends(world, "A", "attended", "14:00", minutes=30, thing="second")
    assert world.values(*ONLY)("webinar_presence_ratio", "A") == pytest.approx(0.75)


def test_two_registers_of_one_meeting_are_one_encounter_and_one_estimate(world: Any) -> None:
    world.employ("A")
    for minute in (0, 7):
        world.does("A", "attended", "talk", f"2026-11-03T10:0{minute}", kind="offline", type="face-to-face-discussion")
    found = world.values("offline_encounters", "informal_learning_minutes")
    assert found("offline_encounters", "A") == 1
    assert found("informal_learning_minutes", "A") == 30


def test_a_plain_meeting_of_thirteen_is_work(world: Any) -> None:
    world.employ("A")
    world.does(
        "A",
        "attended",
        "large",
        "2026-11-03T10:00",
        kind="offline",
        type="meeting",
        minutes=60,
        stated={"group-size": 13},
    )
    world.does(
        "A",
        "attended",
        "small",
        "2026-11-03T14:00",
        kind="offline",
        type="meeting",
        minutes=60,
        stated={"group-size": 12},
    )
    assert world.values("offline_encounters")("offline_encounters", "A") == 1


def test_an_attendance_over_midnight_counts_on_the_day_of_its_end(world: Any) -> None:
    world.employ("A")
    attends(world, "A", "joined", "22:30")
    attends(world, "A", "left", "23:30")
    found = world.values(*ONLY)
    assert [found("nonformal_learning_minutes", "A", day) for day in (3, 4)] == [30, 30]
    assert [found("nonformal_attendances", "A", day) for day in (3, 4)] == [0, 1]
