"""Every indicator with its edge cases, each a small corner of one world that is computed once.

A case tells who does what and answers what must come out: {who: number, status, or (numerator, denominator)}; `(who, day)` is a day of
November 2026, `part:who` a category or part. The window is Monday the 2nd to Sunday the 8th, as-of the 8th, Amsterdam (UTC+1).
Cases of the whole organisation are computed alone.
"""

import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from leerstroom.indicators import catalogue
from leerstroom.statements.ids import name_uuid

POSTGRES = os.environ.get("LEERSTROOM_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
KINDS = ("lms", "mooc", "webinar", "chat", "social", "offline", "work")
QUESTION = {"type": "chat-message"}


@dataclass
class Corner:
    """The people, things and rooms of one case."""

    world: Any
    name: str
    count: int = 0

    def people(self, count: int = 1, **more: Any) -> list[str]:
        names = [f"{self.name}-{self.count + number}" for number in range(count)]
        self.count += count
        self.world.employ(*names, **{"team": "crowd", **more})
        return names

    def does(self, who: str, verb: str, thing: str, at: str, **more: Any) -> str:
        """`at` is `3 10:00` for the 3rd of November at ten UTC, or a whole moment."""
        for name in ("parent", "channel"):
            if more.get(name):
                more[name] = f"{self.name}/{more[name]}"
        if " " in at:
            day, time = at.split()
            at = f"2026-11-{int(day):02}T{time}"
        return str(self.world.does(who, verb, f"{self.name}/{thing}", at, **more))

    def learns(self, who: str, thing: str, at: str, minutes: float | None, **more: Any) -> str:
        return self.does(who, "progressed", thing, at, **{"kind": "lms", "type": "course", "minutes": minutes, **more})

    def coaches(self, who: str, whom: str, at: str, **more: Any) -> None:
        self.does(who, "coached", "x", at, kind="offline", **more)
        self.world.statements[-1]["object"] = {"objectType": "Agent", "mbox": f"mailto:{whom}@example.org"}

    def attends(self, who: str, moves: str, thing: str = "w", **more: Any) -> None:
        """`j09:00 l09:30`: joins and leaves on the 3rd."""
        for move in moves.split():
            verb = {"j": "joined", "l": "left"}[move[0]]
            self.does(who, verb, thing, f"3 {move[1:]}", **{"kind": "webinar", "type": "webinar", **more})

    def tells_again(self, statement: dict[str, Any], *, comes_first: bool, without: str) -> None:
        """Another producer tells the same with less; the order of ids decides between two that are equally full."""
        again = name_uuid("again", statement["id"])
        context = {key: value for key, value in statement["context"].items() if key != without}
        number = "0" if comes_first else "f"
        self.world.statements.append(statement | {"id": number * 8 + again[8:], "context": context})

    def room(self, name: str) -> str:
        return f"https://t.example/{self.name}/{name}"

    def team(self, name: str) -> str:
        return f"{self.name}/{name}"


Expected = dict[Any, Any]
Tell = Callable[[Corner], Expected]


@dataclass(frozen=True)
class Case:
    indicator: str
    tell: Tell
    is_alone: bool
    more: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.indicator}-{self.tell.__name__}".replace("_", "-")


CASES: list[Case] = []


def case(*indicators: str, alone: bool = False, **more: Any) -> Callable[[Tell], Tell]:
    """An edge case of indicators. `alone`: of the whole organisation; `more`: arguments of `World.values`."""

    def add(tell: Tell) -> Tell:
        CASES.extend(Case(each, tell, alone, more) for each in indicators)
        return tell

    return add


# --- formal -----------------------------------------------------------------------------------------------------------------


@case("formal_learning_minutes")
def an_idle_session_stops_at_the_cap_counted_from_its_start(w: Corner) -> Expected:
    [a] = w.people()
    w.learns(a, "c", "4 03:00", 480)  # 20:00 to 04:00 local
    return {a: 240, (a, 3): 240, (a, 4): 0}


@case("formal_learning_minutes")
def what_overlaps_lies_within_or_touches_counts_once(w: Corner) -> Expected:
    a, b, c = w.people(3)
    w.learns(a, "one", "3 10:00", 60)
    w.learns(a, "two", "3 10:30", 60)
    w.learns(b, "one", "3 10:00", 60)
    w.learns(b, "two", "3 09:40", 20)
    w.learns(c, "one", "3 10:00", 60)
    w.learns(c, "two", "3 10:30", 30)
    return {a: 90, b: 60, c: 90}


@case("formal_learning_minutes")
def the_first_and_last_midnight_of_the_window_cut(w: Corner) -> Expected:
    a, b = w.people(2)
    w.learns(a, "c", "1 23:30", 60)  # Sunday 23:30 to Monday 00:30 local
    w.learns(b, "c", "8 23:30", 60)  # Sunday 23:30 to Monday 00:30 local
    return {a: 30, (a, 2): 30, b: 30, (b, 8): 30}


@case("formal_learning_minutes")
def time_before_hire_and_after_the_last_day_does_not_count(w: Corner) -> Expected:
    [a] = w.people(since=date(2026, 11, 4))
    [b] = w.people(until=date(2026, 11, 4))
    for who, at in ((a, "3 23:30"), (b, "4 23:30")):  # an hour around local midnight
        w.learns(who, "c", at, 60)
    return {a: 30, (a, 3): "not_in_service", (a, 4): 30, b: 30, (b, 4): 30, (b, 5): "not_in_service"}


@case("formal_learning_minutes")
def a_page_without_length_is_estimated_and_one_with_none_at_all_is_not(w: Corner) -> Expected:
    a, b = w.people(2)
    w.does(a, "viewed", "p", "3 10:00", kind="lms", type="page")
    w.does(b, "viewed", "p", "3 10:00", kind="lms", type="page", minutes=0)
    return {a: 3, b: 0}


@case("formal_learning_minutes")
def the_same_simulation_is_formal_on_the_platform_and_informal_in_the_work(w: Corner) -> Expected:
    a, b = w.people(2)
    for who, kind in ((a, "lms"), (b, "work")):
        w.does(who, "completed", "s", "3 10:00", kind=kind, type="simulation", minutes=20)
    return {a: 20, b: 0}


@case("learning_minutes_total")
def it_is_less_than_its_classes_where_they_overlap_and_estimates_add(w: Corner) -> Expected:
    [a] = w.people()
    w.learns(a, "c", "3 10:00", 60)
    w.does(a, "watched", "v", "3 10:00", kind="mooc", type="video", minutes=30)
    w.does(a, "asked", "q", "3 09:30")
    return {a: 63, (a, 3): 63}


@case("learning_minutes_total", "teaching_minutes")
def teaching_and_learning_at_one_time_are_kept_apart(w: Corner) -> Expected:
    [a] = w.people()
    w.attends(a, "j09:00 l10:00", stated={"actor-role": "host"})
    return {a: 60 if w.name.startswith("teaching") else 0}


@case("teaching_minutes")
def a_host_of_three_minutes_has_not_taught(w: Corner) -> Expected:
    [a] = w.people()
    w.attends(a, "j09:00 l09:03", stated={"actor-role": "host"})
    return {a: 0, (a, 3): 0}


@case("formal_completions")
def completing_again_counts_once_a_window_and_on_each_day(w: Corner) -> Expected:
    [a] = w.people()
    for day in (3, 5):
        w.does(a, "completed", "c", f"{day} 10:00", kind="lms", type="course")
    w.does(a, "passed", "d", "5 10:00", kind="lms", type="assessment")
    return {a: 2, (a, 3): 1, (a, 4): 0, (a, 5): 2}


@case("formal_completions")
def failed_is_none_and_a_result_may_say_completed(w: Corner) -> Expected:
    a, b = w.people(2)
    w.does(a, "failed", "c", "3 10:00", kind="lms", type="assessment", result={"completion": True})
    w.does(b, "terminated", "c", "3 10:00", kind="lms", type="course", result={"completion": True})
    w.does(b, "terminated", "d", "3 10:00", kind="lms", type="course", result={"completion": False})
    return {a: 0, b: 1}


@case("formal_completions")
def a_mooc_and_a_task_in_the_work_are_not_formal_and_a_classroom_is(w: Corner) -> Expected:
    a, b = w.people(2)
    w.does(a, "completed", "m", "3 10:00", kind="mooc", type="course")
    w.does(a, "completed", "t", "3 10:00", kind="work", type="task")
    w.does(b, "completed", "c", "3 10:00", kind="offline", type="course")
    return {a: 0, b: 1}


@case("formal_completions")
def the_window_is_of_local_days(w: Corner) -> Expected:
    a, b, c, d = w.people(4)
    moments = ("2026-11-01T22:59", "2026-11-01T23:00", "2026-11-08T22:59", "2026-11-08T23:00")
    for who, at in zip((a, b, c, d), moments, strict=True):
        w.does(who, "completed", "c", at, kind="lms", type="course")
    return {a: 0, b: 1, (b, 2): 1, c: 1, (c, 8): 1, d: 0}


@case("formal_completion_rate")
def what_began_exactly_28_days_ago_is_judged_and_a_day_later_not(w: Corner) -> Expected:
    a, b = w.people(2)
    w.does(a, "registered", "c", "2026-10-11T21:59", kind="lms", type="course")
    w.does(b, "registered", "c", "2026-10-11T22:00", kind="lms", type="course")  # the 12th, local summer time
    return {a: (0, 1), b: "no_denominator"}


@case("formal_completion_rate")
def assigned_and_begun_is_one_start_and_what_is_done_needs_no_start(w: Corner) -> Expected:
    a, b = w.people(2)
    w.does(a, "was-assigned", "c", "2026-09-01T10:00", kind="lms", type="course")
    w.does(a, "launched", "c", "2026-11-03T10:00", kind="lms", type="course")
    w.does(b, "completed", "c", "2026-09-01T10:00", kind="lms", type="course")
    return {a: (0, 1), b: (1, 1)}


@case("formal_completion_rate")
def browsing_a_mooc_is_no_start(w: Corner) -> Expected:
    [a] = w.people()
    w.does(a, "registered", "m", "2026-09-01T10:00", kind="mooc", type="course")
    return {a: "no_denominator"}


@case("assessment_score_mean")
def the_best_of_each_test_whatever_the_order_of_attempts(w: Corner) -> Expected:
    a, b = w.people(2)
    for who, scores in ((a, (0.9, 0.5)), (b, (0.5, 0.9))):
        for hour, score in enumerate(scores, 9):
            w.does(
                who,
                "failed",
                "t",
                f"3 {hour:02}:00",
                kind="lms",
                type="assessment",
                result={"score": {"scaled": score}},
            )
        w.does(who, "passed", "u", "3 12:00", kind="lms", type="assessment", result={"score": {"scaled": 0.1}})
    return {a: 0.5, b: 0.5}


@case("assessment_score_mean")
def raw_without_a_maximum_is_none_and_below_zero_is_kept(w: Corner) -> Expected:
    a, b, c, d = w.people(4)
    for who, score in (
        (a, {"raw": 8}), (b, {"scaled": -0.5}), (c, {"raw": 6, "min": 1, "max": 11}), (d, {"scaled": 0.2, "raw": 9, "max": 10}),
    ):  # fmt: skip
        w.does(who, "passed", "t", "3 10:00", kind="lms", type="assessment", result={"score": score})
    return {a: "no_denominator", b: -0.5, c: 0.5, d: 0.2}


def _due(w: Corner, who: str, verb: str, at: str, due: str | None, **more: Any) -> None:
    stated = {"mandatory": True, "due": due} if due else {"mandatory": True}
    w.does(who, verb, "safety", at, kind="lms", type="course", stated=stated, **more)


@case("mandatory_on_time_rate")
def due_on_the_as_of_day_counts_and_the_day_after_does_not(w: Corner) -> Expected:
    a, b = w.people(2)
    _due(w, a, "was-assigned", "2 10:00", "2026-11-08")
    _due(w, b, "was-assigned", "2 10:00", "2026-11-09")
    return {a: (0, 1), b: "no_denominator"}


@case("mandatory_on_time_rate")
def the_local_date_of_completion_decides(w: Corner) -> Expected:
    a, b = w.people(2)
    _due(w, a, "completed", "4 22:59", "2026-11-04")
    _due(w, b, "completed", "4 23:00", "2026-11-04")
    return {a: (1, 1), b: (0, 1)}


@case("mandatory_on_time_rate")
def leave_and_hire_move_the_due_date_to_the_first_working_day(w: Corner) -> Expected:
    a, b = w.people(2)
    [c] = w.people(since=date(2026, 11, 5))
    # Friday the 30th of October in leave: Monday the 2nd is the first working day after it
    w.world.directory.leave += [(a, date(2026, 10, 30)), (b, date(2026, 10, 30))]
    for who, day in ((a, 2), (b, 3)):
        _due(w, who, "was-assigned", "2026-10-01T10:00", "2026-10-30")
        _due(w, who, "completed", f"{day} 10:00", None)
    _due(w, c, "was-assigned", "2 10:00", "2026-11-03")
    _due(w, c, "completed", "5 10:00", None)
    return {a: (1, 1), b: (0, 1), c: (1, 1)}


@case("mandatory_on_time_rate")
def leave_that_lasts_beyond_the_as_of_day_leaves_the_item_out(w: Corner) -> Expected:
    [a] = w.people()
    w.world.directory.leave += [(a, date(2026, 11, day)) for day in range(4, 12)]
    _due(w, a, "was-assigned", "2 10:00", "2026-11-04")
    return {a: "no_denominator"}


@case("mandatory_on_time_rate")
def what_returns_every_year_is_done_anew_and_counts_for_its_own_term(w: Corner) -> Expected:
    a, b = w.people(2)
    for who in (a, b):
        for due in ("2025-11-04", "2026-11-04"):
            _due(w, who, "was-assigned", f"{due[:4]}-10-01T10:00", due)
        _due(w, who, "completed", "2025-11-03T10:00", None)
    _due(w, a, "completed", "3 10:00", None)
    return {a: (2, 2), b: (1, 2)}


@case("mandatory_minutes_share")
def minutes_of_which_it_is_unknown_are_in_neither_part(w: Corner) -> Expected:
    [a] = w.people()
    for hour, mandatory, minutes in ((10, True, 10), (11, False, 30), (12, None, 40)):
        w.learns(a, f"c{hour}", f"3 {hour}:00", minutes, stated={"mandatory": mandatory})
    return {a: (10, 40), f"known:{a}": (40, 80)}


@case("mandatory_minutes_share")
def nothing_known_is_no_denominator(w: Corner) -> Expected:
    [a] = w.people()
    w.learns(a, "c", "3 10:00", 40)
    return {a: "no_denominator", f"known:{a}": 0}


# --- non-formal -------------------------------------------------------------------------------------------------------------


@case("nonformal_learning_minutes")
def webinars_moocs_and_workshops_by_kind_and_a_forum_of_a_mooc_is_informal(w: Corner) -> Expected:
    [a] = w.people()
    w.attends(a, "j09:00 l09:30")
    w.does(a, "watched", "v", "4 10:00", kind="mooc", type="video", minutes=20)
    w.does(a, "attended", "shop", "5 10:00", kind="offline", type="workshop", minutes=90)
    w.does(a, "posted", "m", "5 12:00", kind="mooc", type="discussion")
    return {a: 140, (a, 3): 30, f"webinar:{a}": 30, f"mooc:{a}": 20, f"offline:{a}": 90}


@case("nonformal_attendances")
def rejoining_two_devices_and_a_second_report_are_one(w: Corner) -> Expected:
    a, b, c = w.people(3)
    w.attends(a, "j09:00 l09:20 j09:30 l10:00")
    w.attends(b, "j09:00 j09:10 l09:30 l10:00")
    w.attends(c, "j09:00 l10:00")
    w.does(c, "attended", "w", "3 10:05", kind="webinar", type="webinar", minutes=65)
    return {a: 1, b: 1, c: 1, (c, 3): 1}


@case("nonformal_attendances", "nonformal_learning_minutes")
def a_producer_that_leaves_the_registration_out_of_one_end_breaks_no_pair(w: Corner) -> Expected:
    [a] = w.people()
    one = "11111111-1111-4111-8111-111111111111"
    w.attends(a, "j09:00 l10:00", registration=one)
    joined, left = w.world.statements[-2:]
    w.tells_again(joined, comes_first=True, without="registration")
    w.tells_again(left, comes_first=False, without="registration")
    return {a: 1 if w.name.startswith("nonformal-attendances") else 60}


@case("nonformal_attendances")
def registering_watching_the_recording_and_under_five_minutes_are_none(w: Corner) -> Expected:
    a, b, c, d = w.people(4)
    w.does(a, "registered", "w", "3 08:00", kind="webinar", type="webinar")
    w.does(b, "watched", "w", "3 12:00", kind="webinar", type="recording", minutes=40)
    w.does(c, "attended", "w", "3 10:00", kind="webinar", type="webinar", minutes=4.99)
    w.does(d, "attended", "w", "3 10:00", kind="webinar", type="webinar", minutes=5)
    return {a: 0, b: 0, c: 0, d: 1}


@case("nonformal_attendances")
def the_same_occurrence_on_two_days_is_one_in_the_window(w: Corner) -> Expected:
    [a] = w.people()
    for day in (3, 4):
        w.does(a, "attended", f"day{day}", f"{day} 10:00", kind="webinar", type="webinar", minutes=30)
    w.does(a, "attended", "day4", "4 11:00", kind="webinar", type="webinar", minutes=30)
    return {a: 2, (a, 3): 1, (a, 4): 1}


@case("webinar_presence_ratio")
def the_mean_over_webinars_each_at_most_one_without_a_plan_none(w: Corner) -> Expected:
    a, b = w.people(2)
    planned = {"scheduled-minutes": 60}
    w.does(a, "attended", "long", "3 12:00", kind="webinar", type="webinar", minutes=120, stated=planned)
    w.does(a, "attended", "half", "4 12:00", kind="webinar", type="webinar", minutes=30, stated=planned)
    w.does(a, "attended", "open", "5 12:00", kind="webinar", type="webinar", minutes=30)
    w.does(b, "attended", "open", "5 12:00", kind="webinar", type="webinar", minutes=30)
    return {a: 0.75, b: "no_denominator"}


@case("webinar_presence_ratio")
def who_hosts_is_not_measured(w: Corner) -> Expected:
    [a] = w.people()
    w.attends(a, "j09:00 l10:00", stated={"actor-role": "host", "scheduled-minutes": 60})
    return {a: "no_denominator"}


@case("offline_encounters")
def two_registers_are_one_and_an_agenda_is_none(w: Corner) -> Expected:
    a, b = w.people(2)
    for minute in (0, 5):
        w.does(a, "attended", "talk", f"3 10:0{minute}", kind="offline", type="meeting", minutes=30)
    for verb in ("scheduled", "rsvp-yes"):
        w.does(b, verb, "talk", "3 10:00", kind="offline", type="meeting")
    return {a: 1, (a, 3): 1, b: 0}


@case("offline_encounters")
def a_meeting_of_thirteen_and_giving_a_course_are_none_and_taking_it_is_one(w: Corner) -> Expected:
    a, b, c = w.people(3)
    w.does(a, "attended", "large", "3 10:00", kind="offline", type="meeting", minutes=60, stated={"group-size": 13})
    w.does(b, "attended", "day", "3 10:00", kind="offline", type="course", minutes=60, stated={"actor-role": "trainer"})
    w.does(c, "attended", "day", "3 10:00", kind="offline", type="course", minutes=60)
    return {a: 0, b: 0, c: 1}


# --- informal ---------------------------------------------------------------------------------------------------------------


@case("informal_learning_minutes")
def estimates_stop_at_an_hour_a_day_and_time_on_a_clock_does_not(w: Corner) -> Expected:
    [a] = w.people()
    for minute in range(13):
        w.does(a, "posted", f"m{minute}", f"3 10:{minute:02}")
    w.does(a, "attended", "talk", "3 14:00", kind="offline", type="meeting", minutes=45)
    w.does(a, "posted", "next", "4 10:00")
    return {a: 110, (a, 3): 105, (a, 4): 5}


@case("informal_learning_minutes")
def likes_edits_and_answers_to_oneself_take_no_time(w: Corner) -> Expected:
    [a] = w.people()
    w.does(a, "asked", "q", "3 10:00")
    w.does(a, "replied", "r", "3 10:01", parent="q")
    w.does(a, "edited", "q", "3 10:02")
    w.does(a, "liked", "other", "3 10:03")
    return {a: 3}


@case("questions_asked")
def in_private_deleted_or_edited_is_none_and_in_a_forum_is_one(w: Corner) -> Expected:
    a, b, c = w.people(3)
    w.does(a, "asked", "private", "3 10:00", stated={"channel-kind": "direct"})
    w.does(b, "asked", "gone", "3 10:00")
    w.does(b, "deleted", "gone", "5 10:00")
    w.does(b, "asked", "kept", "3 11:00")
    w.does(b, "edited", "kept", "3 11:05")
    w.does(c, "asked", "forum", "3 10:00", kind="lms", type="forum-topic")
    return {a: 0, b: 1, (b, 3): 1, (b, 5): 0, c: 1}


@case("questions_asked")
def a_room_has_its_own_and_a_team_the_median(w: Corner) -> Expected:
    five = w.people(5, team=w.team("t"))
    for number, who in enumerate(five):
        for time in range(number):
            w.does(who, "asked", f"q{number}{time}", f"3 1{time}:0{number}", channel="room")
        w.does(who, "posted", f"p{number}", f"3 09:0{number}", channel="room")
    return {w.room("room"): 10, w.team("t"): 2, f"p25:{w.team('t')}": 1}


@case("questions_answered_for_others")
def many_replies_to_one_are_one_to_oneself_to_a_link_and_to_a_stranger_none(w: Corner) -> Expected:
    a, b, c, d = w.people(4)
    w.does(a, "asked", "q", "2026-10-20T10:00")  # asked before the window, answered in it
    w.does(a, "asked", "q2", "3 10:00")
    w.does(a, "shared", "link", "3 10:00", type="link")
    w.does("stranger", "asked", "strange", "3 10:00")
    for minute, (verb, parent) in enumerate((("replied", "q"), ("commented", "q"), ("answered", "q2"))):
        w.does(b, verb, f"b{minute}", f"3 11:0{minute}", parent=parent)
    w.does(a, "replied", "own", "3 12:00", parent="q2")
    w.does(c, "replied", "c", "3 12:00", parent="link")
    w.does(d, "replied", "d", "3 12:00", parent="strange")
    return {a: 0, b: 2, c: 0, d: 0}


@case("questions_answered_for_others")
def a_room_counts_its_questions_once_whoever_answers(w: Corner) -> Expected:
    five = w.people(5)
    w.does(five[0], "asked", "q", "3 10:00", channel="room")
    w.does(five[0], "asked", "alone", "3 10:00", channel="room")
    for number, who in enumerate(five[1:]):
        w.does(who, "replied", f"r{number}", f"3 11:0{number}", channel="room", parent="q")
    return {w.room("room"): 1}


@case("questions_answered_for_others", "help_received_rate")
def a_producer_that_leaves_out_what_is_answered_hides_no_answer(w: Corner) -> Expected:
    a, b = w.people(2)
    w.does(a, "asked", "q", "3 10:00")
    w.does(b, "replied", "r", "3 11:00", parent="q")
    w.tells_again(w.world.statements[-1], comes_first=True, without="contextActivities")
    return {a: (1, 1)} if "help" in w.name else {b: 1}


@case("help_received_rate")
def oneself_strangers_and_robots_give_no_help_and_two_replies_are_one(w: Corner) -> Expected:
    a, b, c, d = w.people(4)
    w.world.directory.excluded_accounts.append(("email", "robot@example.org"))
    for who in (a, b):
        w.does(who, "asked", f"q{who}", "3 10:00")
        w.does(who, "asked", f"p{who}", "3 10:30")
    for minute, who in enumerate((a, "stranger", "robot")):
        w.does(who, "replied", f"r{minute}", f"3 11:0{minute}", parent=f"q{a}")
    for minute, who in enumerate((c, c, a)):
        w.does(who, "replied", f"s{minute}", f"3 11:0{minute}", parent=f"q{b}")
    return {a: (0, 2), b: (1, 2), d: "no_denominator"}


@case("first_response_minutes_median")
def the_first_reply_of_a_colleague_over_night_and_the_unanswered_left_out(w: Corner) -> Expected:
    a, b, c = w.people(3)
    w.world.directory.excluded_accounts.append(("email", "robot@example.org"))
    for thing, at in (("q", "3 22:00"), ("p", "4 10:00"), ("never", "4 11:00")):
        w.does(a, "asked", thing, at)
    for number, (who, at, parent) in enumerate((
        ("robot", "3 22:01", "q"), ("stranger", "3 22:02", "q"), (a, "3 22:03", "q"), (c, "4 00:00", "q"), (b, "3 23:30", "q"),
        (b, "4 10:10", "p"),
    )):  # fmt: skip
        w.does(who, "replied", f"r{number}", at, parent=parent)
    return {a: 50, b: "no_denominator"}


@case("first_response_minutes_median")
def an_answer_to_an_answer_is_no_response_and_in_a_room_it_is_the_median_of_its_questions(w: Corner) -> Expected:
    five = w.people(5)
    for number, (who, wait) in enumerate(zip(five, (10, 20, 30, 40, None), strict=True)):
        w.does(who, "asked", f"q{number}", "3 10:00", channel="room")
        if wait:
            w.does(five[number - 1], "replied", f"r{number}", f"3 10:{wait}", channel="room", parent=f"q{number}")
            w.does(five[number - 2], "replied", f"s{number}", "3 10:01", channel="room", parent=f"r{number}")
    return {five[0]: 10, five[4]: "no_denominator", w.room("room"): 25}


@case("question_answer_rate_72h")
def an_answer_at_72_hours_is_in_time_and_a_young_question_without_one_is_left_out(w: Corner) -> Expected:
    five = w.people(5, team=w.team("t"))
    told = (("in", "2 10:00", "5 10:00"), ("late", "2 10:00", "5 10:01"), ("old", "5 22:59", None), ("young", "5 23:01", None), ("quick", "8 10:00", "8 10:05"))  # fmt: skip
    for number, (thing, asked, answered) in enumerate(told):
        w.does(five[number], "asked", thing, asked, channel="room")
        if answered:
            w.does(five[number - 1], "replied", f"r-{thing}", answered, channel="room", parent=thing)
    return {w.room("room"): (2, 4), w.team("t"): 0.5}


@case("resources_shared")
def the_same_again_ones_own_homework_and_private_add_nothing(w: Corner) -> Expected:
    a, b, c, d = w.people(4)
    for minute, (verb, thing) in enumerate((("shared", "x"), ("bookmarked", "x"), ("uploaded", "y"))):
        w.does(a, verb, thing, f"3 10:0{minute}", type="link")
    w.does(b, "posted", "mine", "2 10:00")
    w.does(b, "shared", "mine", "3 10:00")
    w.does(c, "uploaded", "essay", "3 10:00", kind="lms", type="school-assignment")
    w.does(d, "shared", "z", "3 10:00", type="link", stated={"channel-kind": "direct"})
    return {a: 2, b: 0, c: 0, d: 0}


@case("resources_shared")
def a_room_has_each_resource_once(w: Corner) -> Expected:
    for number, who in enumerate(w.people(5)):
        w.does(who, "shared", "x" if number else "y", f"3 10:0{number}", type="link", channel="room")
    return {w.room("room"): 2}


@case("reactions_given")
def taken_back_counts_less_never_below_zero_and_voting_down_takes_nothing_back(w: Corner) -> Expected:
    a, b, c = w.people(3)
    for minute, (who, verb) in enumerate(((a, "liked"), (a, "favorited"), (c, "liked"))):
        w.does(who, verb, f"m{minute}", f"3 10:0{minute}")
    for who, thing, iri in ((a, "m1", "http://activitystrea.ms/unfavorite"), (b, "m1", "http://activitystrea.ms/unlike"), (c, "m1", "http://id.tincanapi.com/verb/voted-down")):  # fmt: skip
        w.does(who, "liked", thing, "3 11:00")
        w.world.statements[-1]["verb"] = {"id": iri}
    return {a: 1, b: 0, c: 1}


@case("reactions_given")
def a_room_has_those_of_everybody(w: Corner) -> Expected:
    for number, who in enumerate(w.people(5)):
        w.does(who, "posted", f"m{number}", f"3 10:0{number}", channel="room")
        w.does(who, "liked", "m0", f"3 11:0{number}", channel="room")
    return {w.room("room"): 5}


@case("reactions_given", alone=True)
def the_organisation_has_the_sum(w: Corner) -> Expected:
    for number, who in enumerate(w.people(5)):
        w.does(who, "liked", f"m{number % 2}", f"3 11:0{number}")
    return {"ALL": 5}


@case("coaching_minutes")
def both_sides_get_the_time_and_a_talk_is_none(w: Corner) -> Expected:
    a, b, c = w.people(3)
    w.coaches(a, b, "3 10:00", minutes=45)
    w.coaches(a, b, "4 10:00")  # estimated
    w.does(c, "attended", "talk", "3 10:00", kind="offline", type="meeting", minutes=45)
    w.does(c, "shadowed", "ward", "3 12:00", kind="offline", type="visit", minutes=20)
    return {a: 75, b: 75, f"giving:{a}": 75, f"receiving:{b}": 75, f"giving:{b}": 0, c: 20}


@case("practice_and_experiment_events")
def exercising_and_discovering_count_each_time_and_receiving_does_not(w: Corner) -> Expected:
    [a] = w.people()
    for hour in (9, 10):
        w.does(a, "completed", "sim", f"3 {hour:02}:00", kind="work", type="simulation")
    w.does(a, "shared", "x", "3 11:00", type="link")  # passing on a find in a free room is discovering
    w.does(a, "viewed", "p", "3 12:00", kind="lms", type="page")
    return {a: 3}


@case("quiet_learning_days")
def a_day_of_reading_is_quiet_and_a_word_or_a_like_makes_it_loud(w: Corner) -> Expected:
    [a] = w.people()
    for day in (2, 3, 4, 5):
        w.does(a, "read", f"m{day}", f"{day} 10:00")
    w.does(a, "posted", "own", "3 11:00")
    w.does(a, "liked", "m4", "4 11:00")
    w.learns(a, "c", "5 12:00", 30)  # formal: says nothing of how loud the informal day was
    return {a: 2}


# --- network ----------------------------------------------------------------------------------------------------------------


@case("network_breadth")
def either_direction_once_a_colleague_and_no_strangers_robots_likes_or_oneself(w: Corner) -> Expected:
    a, b, c, d = w.people(4)
    w.world.directory.excluded_accounts.append(("email", "robot@example.org"))
    mentions = [f"mailto:{who}@example.org" for who in (a, b, b, "stranger", "robot")]
    w.does(a, "posted", "m", "3 10:00", stated={"mentions": mentions})
    w.does(c, "replied", "r", "3 10:01", parent="m")
    w.does(d, "liked", "m", "3 10:02")
    return {a: 2, b: 1, c: 1, d: 0}


@case("help_tie_reciprocity")
def a_tie_is_mutual_when_each_turned_to_the_other_and_none_without_ties(w: Corner) -> Expected:
    a, b, c, d = w.people(4)
    w.does(a, "posted", "m", "3 10:00", stated={"mentions": [f"mailto:{who}@example.org" for who in (b, c)]})
    w.does(b, "replied", "r", "3 10:01", parent="m")
    return {a: (1, 2), b: (1, 1), c: (0, 1), d: "no_denominator"}


@case("help_tie_reciprocity")
def a_team_has_the_pairs_within_it_and_a_room_those_of_replies_and_mentions_there(w: Corner) -> Expected:
    five = w.people(5, team=w.team("t"))
    [outside] = w.people()
    w.does(five[0], "posted", "m", "3 10:00", channel="room", stated={"mentions": [f"mailto:{five[1]}@example.org"]})
    w.does(five[1], "replied", "r1", "3 10:01", channel="room", parent="m")
    for number, who in ((2, five[2]), (3, five[3]), (4, outside)):
        w.does(who, "replied", f"r{number}", f"3 10:0{number}", channel="room", parent="m")
    return {w.team("t"): 1 / 3, w.room("room"): (1, 4)}


@case("cross_team_tie_share")
def colleagues_without_a_team_are_left_out(w: Corner) -> Expected:
    a, b = w.people(2)
    [c] = w.people(team=w.team("t"))
    w.people(4, team=w.team("t"))
    w.does(a, "posted", "m", "3 10:00", stated={"mentions": [f"mailto:{who}@example.org" for who in (b, c)]})
    return {a: (1, 2), b: (0, 1), c: (1, 1)}


@case("cross_team_tie_share", alone=True)
def where_the_team_of_either_is_unknown_there_is_no_share(w: Corner) -> Expected:
    a, b = w.people(2)
    [c] = w.people(team="")
    w.does(a, "posted", "m", "3 10:00", stated={"mentions": [f"mailto:{who}@example.org" for who in (b, c)]})
    return {a: (0, 1), c: "no_denominator"}


def _ring(w: Corner, twice: bool) -> list[str]:
    """Twelve people, each of whom answers the two before; the first four answer the first of these once more."""
    names = w.people(12)
    for number, who in enumerate(names):
        w.does(who, "posted", f"m{number}", f"3 08:{number:02}")
    for number, who in enumerate(names):
        for step in (1, 2):
            told = names[number - step]
            mentions = {"stated": {"mentions": [f"mailto:{told}@example.org"] * 2}} if twice else {}
            w.does(
                who,
                "replied",
                f"r{number}{step}",
                f"3 1{step}:{number:02}",
                parent=f"m{(number - step) % 12}",
                **mentions,
            )
        if number < 4:
            w.does(who, "replied", f"again{number}", f"3 15:{number:02}", parent=f"m{(number - 1) % 12}")
    return names


def _bridging(links: list[tuple[int, int]]) -> float:
    import networkx as nx

    graph = nx.Graph()
    for one, other in links:
        graph.add_edge(one, other, weight=graph.get_edge_data(one, other, {"weight": 0})["weight"] + 1)
    found = sorted(min(1.0, each) for each in nx.constraint(graph, weight="weight").values())
    return 1 - (found[(len(found) - 1) // 2] + found[len(found) // 2]) / 2


@case("network_brokerage", alone=True)
def a_message_that_answers_and_mentions_a_colleague_is_one_message(w: Corner) -> Expected:
    _ring(w, twice=True)
    links = [(number, (number - step) % 12) for number in range(12) for step in (1, 2)]
    return {"ALL": _bridging([*links, *((number, (number - 1) % 12) for number in range(4))])}


@case("network_brokerage", alone=True)
def constraint_above_one_is_one(w: Corner) -> Expected:
    names = w.people(12)
    # two triangles, where everybody is at 1.125, and a ring of six, where everybody is at 0.5: the median lies between
    triangles = [(base + one, base + other) for base in (0, 3) for one, other in ((0, 1), (1, 2), (0, 2))]
    every = [*triangles, *((6 + number, 6 + (number + 1) % 6) for number in range(6))]
    for number, (one, other) in enumerate(every):
        mention = {"mentions": [f"mailto:{names[other]}@example.org"]}
        w.does(names[one], "posted", f"m{number}", f"3 10:{number:02}", stated=mention)
    return {"ALL": _bridging(every)}


@case("network_brokerage", alone=True)
def nine_people_are_too_few(w: Corner) -> Expected:
    for number, who in enumerate(w.people(9)):
        w.does(who, "posted", f"m{number}", f"3 10:0{number}")
    return {"ALL": "suppressed"}


# --- pattern ----------------------------------------------------------------------------------------------------------------


@case("active_learning_days")
def a_session_over_midnight_is_two_days_and_likes_edits_and_registrations_none(w: Corner) -> Expected:
    a, b = w.people(2)
    w.learns(a, "c", "3 23:30", 60)
    w.does(b, "liked", "m", "3 10:00")
    w.does(b, "edited", "m", "4 10:00")
    w.does(b, "registered", "c", "5 10:00", kind="lms", type="course")
    return {a: 2, (a, 3): 1, (a, 4): 1, b: 0}


@case("active_learning_days")
def what_ends_at_midnight_is_of_the_day_before_alone(w: Corner) -> Expected:
    [a] = w.people()
    w.does(a, "attended", "talk", "3 23:00", kind="offline", type="meeting", minutes=60)
    return {a: 1, (a, 3): 1, (a, 4): 0}


@case("active_learning_days")
def a_completion_without_any_length_is_active(w: Corner) -> Expected:
    [a] = w.people()
    w.does(a, "completed", "c", "3 10:00", kind="lms", type="course")
    return {a: 1}


@case("learning_streak_workdays")
def weekend_and_leave_neither_break_nor_lengthen(w: Corner) -> Expected:
    a, b, c = w.people(3)
    w.world.directory.leave += [(a, date(2026, 11, 4))]
    for who, days in ((a, (3, 4, 5)), (b, (3, 5)), (c, (6, 7, 8))):
        for day in days:
            w.does(who, "posted", f"{who}{day}", f"{day} 10:00")
    return {a: 2, b: 1, c: 1}


@case("learning_regularity")
def a_week_needs_three_days_in_scope(w: Corner) -> Expected:
    [a] = w.people(since=date(2026, 11, 6))
    [b] = w.people(since=date(2026, 11, 7))
    [c] = w.people()
    for who in (a, b):
        w.does(who, "posted", f"{who}", "8 10:00")
    w.does(c, "liked", "m", "3 10:00")
    return {a: (1, 1), b: "no_denominator", c: (0, 1)}


@case("learning_gap_days_median")
def two_active_days_make_one_gap_and_one_day_none(w: Corner) -> Expected:
    a, b = w.people(2)
    for who, day in ((a, 2), (a, 3), (a, 8), (b, 3)):
        w.does(who, "posted", f"{who}{day}", f"{day} 10:00")
    return {a: 3, b: "no_denominator"}


@case("self_directed_share")
def unknown_is_in_neither_part_and_chat_is_self_started_unless_assigned(w: Corner) -> Expected:
    a, b = w.people(2)
    for hour, initiator, minutes in ((10, "self", 10), (11, "assigned", 30), (12, None, 40)):
        w.learns(a, f"c{hour}", f"3 {hour}:00", minutes, stated={"initiator": initiator})
    w.does(a, "posted", "m", "3 14:00")
    w.does(b, "posted", "m2", "3 14:00", stated={"initiator": "assigned"})
    return {a: (15, 45), f"without_chat:{a}": (10, 40), b: (0, 5), f"without_chat:{b}": "no_denominator"}


@case("mode_70_20_10_share")
def work_others_and_programmes_and_what_is_no_learning_in_none(w: Corner) -> Expected:
    [a, b] = w.people(2)
    w.learns(a, "c", "3 10:00", 60)
    w.does(a, "replied", "r", "3 11:00", parent="unknown")
    w.does(a, "completed", "sim", "3 12:00", kind="work", type="simulation")
    w.attends(a, "j13:00 l14:00", stated={"actor-role": "host"})
    w.does(b, "registered", "c", "3 10:00", kind="lms", type="course")
    return {f"70:{a}": (15, 80), f"20:{a}": (5, 80), f"10:{a}": (60, 80), f"70:{b}": "no_denominator"}


@case("generation_share")
def the_room_decides_between_exchanged_and_in_the_network(w: Corner) -> Expected:
    [a] = w.people()
    w.learns(a, "c", "3 10:00", 10)
    w.does(a, "posted", "m", "3 11:00", stated={"channel-kind": "set_up_community"})
    w.does(a, "posted", "n", "3 12:00", stated={"channel-kind": "spontaneous_group"})
    return {f"1.0:{a}": (10, 20), f"2.0:{a}": (5, 20), f"3.0:{a}": (5, 20)}


@case("preference_profile")
def days_count_and_not_how_much_was_done_on_them(w: Corner) -> Expected:
    [a] = w.people()
    for minute in range(9):
        w.does(a, "posted", f"m{minute}", f"3 10:0{minute}")
    w.learns(a, "c", "3 12:00", 10)
    w.learns(a, "c", "4 23:30", 60)  # two days
    return {f"participation:{a}": (1, 4), f"acquisition:{a}": (3, 4), f"discovery:{a}": (0, 4)}


@case("preference_profile", alone=True, windows=(90,))
def over_ninety_days_nine_active_days_are_too_few(w: Corner) -> Expected:
    w.world.coverage = None
    a, b = w.people(2)
    for who, days in ((a, 10), (b, 9)):
        for day in range(1, days + 1):
            w.does(who, "posted", f"{who}{day}", f"2026-10-{day:02}T10:00")
    return {f"participation:{a}": (10, 10), f"participation:{b}": "no_denominator"}


@case("place_independent_share")
def phone_and_tablet_of_what_is_known(w: Corner) -> Expected:
    for who in w.people(5, team=w.team("t")):
        for hour, device in ((9, "mobile"), (10, "tablet"), (11, "desktop"), (12, None)):
            w.learns(who, f"c{hour}", f"3 {hour:02}:00", 10, stated={"device": device})
    return {w.team("t"): 2 / 3}


@case("place_independent_share", alone=True)
def no_known_device_is_no_denominator(w: Corner) -> Expected:
    for who in w.people(5):
        w.learns(who, "c", "3 10:00", 10)
    return {"ALL": "no_denominator"}


# --- communities, teams, the organisation -----------------------------------------------------------------------------------


@case("interaction_direction_share")
def a_thread_goes_by_its_authors_and_belongs_where_it_began(w: Corner) -> Expected:
    five = w.people(5)
    threads = {"alone": [0, 0], "pair": [1, 2, 1], "many": [2, 3, 4]}
    for name, authors in threads.items():
        for number, author in enumerate(authors):
            parent = f"{name}{number - 1}" if number else None
            w.does(
                five[author],
                "replied" if number else "posted",
                f"{name}{number}",
                f"3 10:0{number}",
                channel="room",
                parent=parent,
            )
    w.does(five[0], "posted", "old", "2026-10-20T10:00", channel="room")
    w.does(five[1], "replied", "new", "3 12:00", channel="room", parent="old")
    room = w.room("room")
    return {f"one_way:{room}": (1, 3), f"two_way:{room}": (1, 3), f"multi:{room}": (1, 3)}


@case("interaction_direction_share")
def an_occurrence_goes_by_its_rule_once_a_team(w: Corner) -> Expected:
    for who in w.people(5, team=w.team("t")):
        w.does(who, "attended", "talk", "3 10:00", kind="offline", type="meeting", minutes=30)
        w.does(who, "attended", "w", "4 10:00", kind="webinar", type="webinar", minutes=30)
        w.does(who, "attended", "short", "5 10:00", kind="webinar", type="webinar", minutes=3)
    return {f"one_way:{w.team('t')}": 0.5, f"multi:{w.team('t')}": 0.5}


@case("community_active_contributors")
def who_likes_or_edits_does_not_contribute_and_who_said_something_in_ninety_days_is_not_new(w: Corner) -> Expected:
    six = w.people(6)
    for number, who in enumerate(six[:5]):
        w.does(who, "posted", f"m{number}", f"3 10:0{number}", channel="room")
    w.does(six[5], "liked", "m0", "3 11:00", channel="room")
    w.does(six[0], "posted", "before", "2026-08-04T10:00", channel="room")  # 90 days before the 2nd
    w.does(six[1], "posted", "long ago", "2026-08-03T10:00", channel="room")
    return {w.room("room"): 5, f"new:{w.room('room')}": 4}


@case("community_active_contributors")
def four_contributors_are_not_told_of(w: Corner) -> Expected:
    for room in ("one", "two"):
        for number, who in enumerate(w.people(4)):
            w.does(who, "posted", f"{room}{number}", f"3 10:0{number}", channel=room)
    return {w.room("one"): "suppressed", w.room("two"): "suppressed"}


@case("community_facilitator_share")
def trainers_and_moderators_of_all_who_contribute(w: Corner) -> Expected:
    for number, who in enumerate(w.people(5)):
        role = {0: "trainer", 1: "moderator"}.get(number)
        w.does(who, "posted", f"m{number}", f"3 10:0{number}", channel="room", stated={"actor-role": role})
        w.does(who, "liked", "m4", f"3 11:0{number}", channel="room", stated={"actor-role": role})
    return {w.room("room"): (2, 5)}


@case("community_concentration")
def everybody_alike_is_zero_and_nine_are_too_few(w: Corner) -> Expected:
    for number, who in enumerate(w.people(10)):
        w.does(who, "posted", f"m{number}", f"3 10:0{number}", channel="ten")
        if number < 9:
            w.does(who, "posted", f"n{number}", f"3 11:0{number}", channel="nine")
    return {w.room("ten"): 0, w.room("nine"): "suppressed"}


@case("community_concentration")
def one_who_says_half_of_it(w: Corner) -> Expected:
    for number, who in enumerate(w.people(10)):
        for time in range(1 if number else 9):
            w.does(who, "posted", f"m{number}{time}", f"3 1{time}:0{number}", channel="room")
    return {w.room("room"): 0.4}  # 2 * (1 + … + 9 + 10 * 9) / (10 * 18) - 11 / 10


@case("spontaneous_group_share", alone=True)
def two_contributors_are_no_group_and_a_room_of_unknown_kind_is_one_that_somebody_set_up(w: Corner) -> Expected:
    people = w.people(6)
    for room, count, kind in (("set", 3, "set_up_community"), ("own", 4, "spontaneous_group"), ("pair", 2, "spontaneous_group"), ("odd", 5, None), ("private", 5, "private_group")):  # fmt: skip
        for number, who in enumerate(people[:count]):
            w.does(who, "posted", f"{room}{number}", f"3 10:0{number}", channel=room, stated={"channel-kind": kind})
    return {"ALL": (1, 3)}


@case("spontaneous_group_share", alone=True)
def no_active_channel_is_no_denominator(w: Corner) -> Expected:
    w.people(5)
    return {"ALL": "no_denominator"}


@case("learning_reach")
def people_with_something_active_of_those_in_scope(w: Corner) -> Expected:
    five = w.people(5, team=w.team("t"))
    w.people(1, team=w.team("t"), until=date(2026, 11, 1))  # has left: not in scope
    w.does(five[0], "posted", "m", "3 10:00")
    w.does(five[0], "posted", "n", "3 10:01")
    w.does(five[1], "liked", "m", "3 10:00")
    w.does(five[2], "registered", "c", "3 10:00", kind="lms", type="course")
    w.does(five[3], "attended", "w", "3 10:00", kind="webinar", type="webinar", minutes=3)
    team = w.team("t")
    return {f"informal:{team}": (1, 5), f"formal:{team}": (0, 5), f"nonformal:{team}": (0, 5), f"any:{team}": (1, 5)}


@case("learning_maturity_profile", alone=True, windows=(90,))
def each_dimension_by_hand(w: Corner) -> Expected:
    w.world.coverage = None
    for number, who in enumerate(w.people(20, since=date(2026, 10, 26))):
        w.learns(who, "c", "3 10:00", 60, stated={"device": "mobile"})
        w.does(who, "attended", "talk", "4 10:00", kind="offline", type="meeting", minutes=20)
        role = {"actor-role": "moderator"} if number < 5 else {}
        w.does(who, "posted", f"m{number}", f"3 11:{number:02}", channel="room", stated=role)
    profile = {
        "delivery": (60 + 3 * (15 * 5 / 20 + 20)) / (80 + 15 * 5 / 20),  # what moderators say is teaching
        "teacher_role": 3 - 2 * 5 / 20,
        "place_time": (3 * 60 + 20 + 2 * 15 * 5 / 20) / (80 + 15 * 5 / 20),
        "continuity": 1 + 2 * 1 / 2,  # one of two weeks
        "direction": (20 + 3) / 21,  # twenty threads of one author, one meeting of many
    }
    return {f"{name}:{subject}": value for name, value in profile.items() for subject in ("ALL", "crowd")}


@case("learning_maturity_profile", alone=True, windows=(90,))
def one_kind_of_source_or_nineteen_people_of_a_team_measure_nothing(w: Corner) -> Expected:
    w.world.loads("lms")
    for who in w.people(19):
        w.learns(who, "c", "3 10:00", 60)
    return {"delivery:ALL": "not_measurable", "continuity:ALL": "not_measurable", "delivery:crowd": "suppressed"}


# --- data quality -----------------------------------------------------------------------------------------------------------


@case("source_coverage", alone=True)
def a_failed_day_is_not_loaded_and_what_is_not_connected_has_no_share(w: Corner) -> Expected:
    w.people(1)
    w.world.loads("lms", "chat", missing=((3, "lms"),))
    return {"lms:ALL": (6, 7), "chat:ALL": (7, 7), "webinar:ALL": "no_denominator"}


@case("unresolved_actor_share", alone=True)
def voided_statements_and_excluded_accounts_are_in_neither_part(w: Corner) -> Expected:
    [a] = w.people()
    w.world.directory.excluded_accounts.append(("email", "robot@example.org"))
    for number, who in enumerate((a, a, "guest", "robot", "guest")):
        statement = w.does(who, "posted", f"m{number}", f"3 10:0{number}")
    w.world.voids(statement, at="2026-11-04T10:00:00Z")
    w.does("guest", "posted", "later", "2026-11-08T23:00")  # the 9th, local
    return {"ALL": (1, 3)}


@case("estimated_minutes_share")
def it_is_of_all_minutes_and_nothing_without_minutes(w: Corner) -> Expected:
    a, b = w.people(2)
    w.learns(a, "c", "3 10:00", 15)
    w.does(a, "posted", "m", "3 11:00")
    w.does(b, "liked", "m", "3 11:00")
    return {a: (5, 20), b: "no_denominator"}


@case("unclassified_share", alone=True)
def what_only_the_last_rule_caught_of_the_events_of_employees(w: Corner) -> Expected:
    [a] = w.people()
    w.does(a, "interacted", "x", "3 10:00", kind=None)
    w.does(a, "interacted", "x", "3 10:00", kind=None, platform="another")  # the same fact
    w.does(a, "liked", "m", "3 10:00")
    w.does("guest", "interacted", "x", "3 10:00", kind=None)
    return {"ALL": (1, 2)}


# --- what comes out ---------------------------------------------------------------------------------------------------------


def tells(each: Case, world: Any) -> Expected:
    return each.tell(Corner(world, each.name.lower()))


@pytest.fixture(scope="module")
def together(make_world: Callable[..., Any]) -> tuple[Any, dict[str, Expected]]:
    """The values of all cases that share a world, and what each expects."""
    world = make_world(*KINDS)
    expected = {each.name: tells(each, world) for each in CASES if not each.is_alone}
    return world.values(), expected


def faults(values: Any, indicator: str, expected: Expected) -> list[str]:
    found = []
    for key, wanted in expected.items():
        subject, day = key if isinstance(key, tuple) else (key, None)
        part, _, who = (
            subject.partition(":") if ":" in subject and not subject.startswith("http") else ("", "", subject)
        )
        row = values.row(f"{indicator}.{part}" if part else indicator, who, day)
        told = {"value": row["value"], "status": row["status"]}
        if isinstance(wanted, str):
            is_so = row["status"] == wanted and row["value"] is None
        elif isinstance(wanted, tuple):
            told |= {"of": (row["numerator"], row["denominator"])}
            is_so = (row["numerator"], row["denominator"]) == pytest.approx(wanted) and row["status"] == "ok"
        else:
            is_so = row["value"] == pytest.approx(wanted) and row["status"] == "ok"
        if not is_so:
            found.append(f"{indicator} of {key}: {told} instead of {wanted}")
    return found


@pytest.mark.parametrize("each", [pytest.param(each, id=each.name) for each in CASES if not each.is_alone])
def test_edge_case(each: Case, together: tuple[Any, dict[str, Expected]]) -> None:
    values, expected = together
    assert faults(values, each.indicator, expected[each.name]) == []


@pytest.mark.parametrize("each", [pytest.param(each, id=each.name) for each in CASES if each.is_alone])
def test_edge_case_of_an_organisation(each: Case, make_world: Callable[..., Any]) -> None:
    world = make_world(*KINDS)
    expected = tells(each, world)
    assert faults(world.values(each.indicator, **each.more), each.indicator, expected) == []


@pytest.mark.slow
@pytest.mark.usefixtures("postgresql_server")
def test_every_edge_case_is_the_same_on_postgresql(make_world: Callable[..., Any]) -> None:
    world = make_world(*KINDS)
    expected = {each.name: (each.indicator, tells(each, world)) for each in CASES if not each.is_alone}
    values = world.values(engine=POSTGRES)
    assert [fault for indicator, wanted in expected.values() for fault in faults(values, indicator, wanted)] == []


def nobody_learns(world: Any) -> None:
    world.employ(*(f"P{number}" for number in range(20)))
    world.employ("left", until=date(2026, 11, 1))


WITHOUT_CASES = {"amount": (0, "ok"), "ratio": (None, "no_denominator"), "measure": (None, "no_denominator")}


def test_where_nothing_happened_counts_are_zero_and_ratios_have_no_denominator(make_world: Callable[..., Any]) -> None:
    world = make_world(*KINDS)
    nobody_learns(world)
    values = world.values()
    for each in (each for each in catalogue() if each.minimum_days == 0 and each.base != "source_coverage"):
        for grain in each.grains:
            if grain == "community_window":  # there is none where nobody said anything
                continue
            subject = {"team_window": "T1", "organisation_window": "ALL"}.get(grain, "P0")
            row = values.row(each.id, subject, 3 if grain == "employee_day" else None, grain)
            wanted = WITHOUT_CASES[each.kind]
            if each.needs == "reading":
                wanted = (None, "source_missing")  # nobody reads where reading is not recorded
            elif each.base in {"learning_reach", "learning_regularity"}:
                wanted = (0, "ok")  # of people, of weeks: these are there without any event
            assert (row["value"], row["status"]) == wanted, (each.id, grain)
            if grain.startswith("employee"):
                assert values.status(each.id, "left", 3 if grain == "employee_day" else None, grain) == "not_in_service"


def test_where_no_source_was_loaded_nothing_is_known_but_who_was_in_service(make_world: Callable[..., Any]) -> None:
    world = make_world(*KINDS)
    nobody_learns(world)
    world.coverage = [(day, kind, "failed") for day, kind, _ in world.coverage]
    world.does("P0", "posted", "m", "2026-11-03T10:00")
    found = world.values()
    certain = {"active_learning_days"}  # on the day itself: what was seen was seen
    told = [
        (row["indicator_id"], row["grain"], row["subject"], row["status"])
        for row in found.rows
        if row["value"] is not None and not is_quality(row["indicator_id"])
    ]
    assert {(name, subject) for name, _, subject, _ in told} == {(name, "P0") for name in certain}
    assert {row["status"] for row in found.rows if row["subject"] == "left"} == {"not_in_service"}


def is_quality(indicator: str) -> bool:
    return any(each.is_quality for each in catalogue() if each.id == indicator)


@pytest.mark.parametrize("indicator", sorted({each.base for each in catalogue()}))
def test_every_indicator_has_edge_cases_of_its_own(indicator: str) -> None:
    names = [each.name for each in CASES if each.indicator == indicator]
    assert names, f"{indicator} has no edge case in {inspect.getfile(Corner)}"
    assert len(set(names)) == len(names)
