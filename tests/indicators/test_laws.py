"""Laws that hold for any statements: order, repetition, voids, sums, splitting, and other producers."""

import copy
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leerstroom.publishing.definitions import indicator_texts

TEAMS = {"T1": "ABCDEF", "T2": "GHIJKL"}
EMPLOYEES = "".join(TEAMS.values())
PEOPLE = (*EMPLOYEES, "outsider")
START = datetime(2026, 11, 2, 0, 0, tzinfo=UTC)
LAWFUL = settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=True,
)

deeds = st.tuples(
    st.sampled_from(PEOPLE),
    st.sampled_from([
        "course",
        "clip",
        "join",
        "leave",
        "summary",
        "ask",
        "reply",
        "share",
        "like",
        "edit",
        "delete",
        "meet",
        "score",
        "coach",
        "practise",
        "read",
        "host",
        "what",
    ]),
    st.integers(0, 4),  # which thing
    st.integers(0, 6 * 24 * 12),  # when, in steps of five minutes
    st.integers(1, 90),  # minutes
)


def tell(world: Any, many: list[tuple[str, str, int, int, int]]) -> None:
    """The deeds, after a course, a question, an answer and a webinar of everybody: teams and the room are large enough to be shown."""
    for team, members in TEAMS.items():
        world.employ(*members, team=team)
    for number, who in enumerate(EMPLOYEES):
        started = {"device": ("mobile", "desktop")[number % 2], "initiator": ("self", "assigned")[number % 2]}
        world.does(who, "progressed", "all", "2026-11-02T10:00", kind="lms", type="course", minutes=30, stated=started)
        role = {"actor-role": "moderator"} if number == 0 else {}
        told = {"channel": "room", "stated": {"channel-kind": "spontaneous_group", **role}}
        world.does(who, "asked", f"hello{who}", f"2026-11-02T11:{number:02}", **told)
        world.does(
            who, "replied", f"hi{who}", f"2026-11-02T12:{number:02}", parent=f"hello{EMPLOYEES[number - 1]}", **told
        )
        for verb, at in (("joined", "13:00"), ("left", "13:40")):
            device = f"{number:08}-0000-4000-8000-000000000000"
            world.does(who, verb, "w9", f"2026-11-02T{at}", kind="webinar", type="webinar", registration=device)
    for who, deed, thing, when, minutes in many:
        at = (START + timedelta(minutes=5 * when)).strftime("%Y-%m-%dT%H:%M")
        match deed:
            case "course":
                world.does(
                    who,
                    "progressed",
                    f"c{thing}",
                    at,
                    kind="lms",
                    type="course",
                    minutes=minutes,
                    stated={"initiator": "assigned", "mandatory": thing < 2, "due": "2026-11-05"},
                )
            case "clip":
                world.does(who, "watched", f"v{thing}", at, kind="mooc", type="video", minutes=minutes)
            case "join" | "leave":
                world.does(who, "joined" if deed == "join" else "left", f"w{thing}", at, kind="webinar", type="webinar")
            case "summary":
                world.does(who, "attended", f"w{thing}", at, kind="webinar", type="webinar", minutes=minutes)
            case "ask":
                world.does(who, "asked", f"m{thing}", at, channel="room")
            case "reply":
                world.does(
                    who,
                    "replied",
                    f"r{thing}{who}{when}",
                    at,
                    channel="room",
                    parent=f"m{thing}",
                    stated={
                        "mentions": ["mailto:a@example.org", f"mailto:{EMPLOYEES[minutes % 12].lower()}@example.org"]
                    },
                )
            case "share":
                world.does(who, "shared", f"s{thing}", at, channel="room")
            case "like":
                world.does(who, "liked", f"m{thing}", at, channel="room")
            case "edit" | "delete":
                world.does(who, "edited" if deed == "edit" else "deleted", f"m{thing}", at, channel="room")
            case "coach":
                world.does(who, "coached", "x", at, kind="offline", minutes=minutes)
                mbox = f"mailto:{EMPLOYEES[thing].lower()}@example.org"
                world.statements[-1]["object"] = {"objectType": "Agent", "mbox": mbox}
            case "practise":
                world.does(who, "completed", f"t{thing}", at, kind="work", type="simulation")
            case "read":
                world.does(who, "read", f"m{thing}", at, channel="room")
            case "host":
                world.does(
                    who, "attended", f"w{thing}", at, kind="webinar", type="webinar", minutes=minutes, stated={"actor-role": "host"}
                )  # fmt: skip
            case "what":
                world.does(who, "interacted", f"x{thing}", at, kind=None)
            case "meet":
                world.does(
                    who, "attended", f"p{thing}", at, kind="offline", type="face-to-face-discussion", minutes=minutes
                )
            case "score":
                world.does(
                    who,
                    "completed",
                    f"c{thing}",
                    at,
                    kind="lms",
                    type="course",
                    result={"score": {"scaled": minutes / 90}},
                )


def everything(world: Any) -> dict[tuple[Any, ...], Any]:
    """Every indicator of the days and of 90 days; all but the time of computing, rounded so that the order of a sum of floats does not show."""
    return {
        (row["indicator_id"], row["grain"], row["subject"], row["period_start"], row["period_end"]): (
            row["status"],
            *(
                None if row[name] is None else round(row[name], 9)
                for name in ("value", "numerator", "denominator", "estimated_share")
            ),
        )
        for row in world.values(windows=(90,)).rows
    }


def fresh(world: Any) -> Any:
    made = copy.copy(world)
    made.directory = copy.deepcopy(world.directory)
    made.statements = []
    return made


@pytest.mark.slow
@LAWFUL
@given(st.lists(deeds, max_size=25), st.randoms(use_true_random=False))
def test_order_and_repetition_change_nothing(world: Any, many: list[Any], chance: random.Random) -> None:
    first = fresh(world)
    tell(first, many)
    again = fresh(world)
    again.directory = first.directory
    again.statements = [*first.statements, *first.statements[: len(many) // 2]]
    chance.shuffle(again.statements)
    assert everything(first) == everything(again)


@pytest.mark.slow
@LAWFUL
@given(st.lists(deeds, min_size=1, max_size=25), st.data())
def test_a_void_leaves_what_never_having_had_it_leaves(world: Any, many: list[Any], data: Any) -> None:
    voided = fresh(world)
    tell(voided, many)
    target = data.draw(st.sampled_from(voided.statements[-len(many) :]))
    never = fresh(world)
    never.directory = voided.directory
    never.statements = [each for each in voided.statements if each["id"] != target["id"]]
    voided.voids(target["id"])
    assert everything(voided) == everything(never)


PARTITIONS = ("mode_70_20_10_share", "generation_share", "preference_profile", "interaction_direction_share")
SHARES = {name for name, text in indicator_texts().items() if text["unit"] in {"share", "ratio"}}


@pytest.mark.slow
@LAWFUL
@given(st.lists(deeds, max_size=30))
def test_shares_sum_to_one_and_none_is_outside_of_nought_to_one(world: Any, many: list[Any]) -> None:
    told = fresh(world)
    tell(told, many)
    wholes: dict[tuple[Any, ...], list[float | None]] = defaultdict(list)
    seen = set()
    for (name, grain, subject, *period), (status, value, numerator, denominator, _) in everything(told).items():
        base, _, category = name.partition(".")
        if base in SHARES and value is not None:
            seen.add(base)
            assert 0 <= value <= 1 + 1e-9, (name, grain, subject)
            assert (
                numerator is None
                or not denominator
                or base == "webinar_presence_ratio"
                or numerator <= denominator + 1e-9
            )
        if base in PARTITIONS:
            variant = category.rpartition(".")[2] if "estimates" in category else ""
            wholes[base, grain, subject, *period, variant].append(value)
        assert (value is None) == (status not in {"ok", "partial"}), (name, grain, subject, status)
    assert {key[0] for key in wholes} == set(PARTITIONS)
    assert {*PARTITIONS[:2], "interaction_direction_share", "learning_reach"} <= seen
    for key, shares in wholes.items():
        assert all(each is None for each in shares) or sum(shares) == pytest.approx(1), key


@LAWFUL
@given(st.lists(deeds, max_size=30))
def test_the_total_is_at_most_the_sum_of_its_classes_and_at_least_the_largest(world: Any, many: list[Any]) -> None:
    told = fresh(world)
    tell(told, many)
    classes = [f"{name}_learning_minutes" for name in ("formal", "nonformal", "informal")]
    found = told.values("learning_minutes_total", *classes)
    for row in found.rows:
        is_person = row["indicator_id"] == "learning_minutes_total" and row["grain"].startswith("employee")
        if is_person and row["value"] is not None:
            day = row["period_end"].day if row["grain"] == "employee_day" else None
            parts = [found(name, row["subject"], day) for name in classes]
            if None not in parts:
                assert max(parts) - 1e-6 <= row["value"] <= sum(parts) + 1e-6
    sums = [found.row(name, "ALL")["numerator"] for name in ("learning_minutes_total", *classes)]
    assert None in sums or sums[0] <= sum(sums[1:]) + 1e-6


COUNTS_STATEMENTS = {"unresolved_actor_share", "unclassified_share"}


def of_facts(values: dict[tuple[Any, ...], Any], *but: str) -> dict[tuple[Any, ...], Any]:
    return {key: value for key, value in values.items() if key[0] not in but}


@pytest.mark.slow
@LAWFUL
@given(st.lists(deeds, max_size=20), st.integers(0, 6 * 24 * 12), st.integers(2, 200), st.booleans(), st.data())
def test_splitting_a_session_in_two_adjacent_ones_leaves_every_value(
    world: Any, many: list[Any], when: int, minutes: int, is_attendance: bool, data: Any
) -> None:
    cut = data.draw(st.integers(1, minutes - 1))
    end = START + timedelta(minutes=5 * when)
    whole, split = fresh(world), fresh(world)
    for each in (whole, split):
        tell(each, many)

    def session(told: Any, begin: int, length: int) -> None:
        """`begin` minutes before the end, so many minutes long."""
        moments = [(end - timedelta(minutes=each)).strftime("%Y-%m-%dT%H:%M") for each in (begin, begin - length)]
        if is_attendance:
            for verb, at in zip(("joined", "left"), moments, strict=True):
                told.does("A", verb, "x", at, kind="webinar", type="webinar", stated={"scheduled-minutes": 60})
        else:
            told.does("A", "progressed", "x", moments[1], kind="lms", type="course", minutes=length)

    session(whole, minutes, minutes)
    session(split, minutes, minutes - cut)
    session(split, cut, cut)
    assert of_facts(everything(whole), *COUNTS_STATEMENTS) == of_facts(everything(split), *COUNTS_STATEMENTS)


LEFT_OUT = (None, ("result",), ("context", "contextActivities"), ("context", "extensions"), ("context", "registration"))


@pytest.mark.slow
@LAWFUL
@given(st.lists(deeds, max_size=25), st.data())
def test_another_producer_of_the_same_facts_adds_nothing_however_little_it_tells(
    world: Any, many: list[Any], data: Any
) -> None:
    alone = fresh(world)
    tell(alone, many)
    both = fresh(world)
    both.directory = alone.directory
    both.statements = list(alone.statements)
    for number, each in enumerate(alone.statements):
        second = copy.deepcopy(each)
        second["id"] = f"{'0f'[number % 2] * 8}-0000-4000-8000-{number:012}"
        second["context"]["platform"] = "another"
        left_out = data.draw(st.sampled_from(LEFT_OUT))
        if left_out:
            place = second if len(left_out) == 1 else second[left_out[0]]
            place.pop(left_out[-1], None)
        both.statements.append(second)
    one, two = (of_facts(everything(each), "unresolved_actor_share") for each in (alone, both))
    assert one == two
