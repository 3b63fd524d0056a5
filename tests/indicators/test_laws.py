"""Laws that hold for any statements: order, repetition, voids, sums, splitting, and other producers."""

import copy
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PEOPLE = ("A", "B", "C", "D", "E", "outsider")
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
    ]),
    st.integers(0, 4),  # which thing
    st.integers(0, 6 * 24 * 12),  # when, in steps of five minutes
    st.integers(1, 90),  # minutes
)


def tell(world: Any, many: list[tuple[str, str, int, int, int]]) -> None:
    world.employ(*PEOPLE[:3])
    world.employ(*PEOPLE[3:5], team="T2")
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
                    stated={"mentions": ["mailto:a@example.org"]},
                )
            case "share":
                world.does(who, "shared", f"s{thing}", at, channel="room")
            case "like":
                world.does(who, "liked", f"m{thing}", at, channel="room")
            case "edit" | "delete":
                world.does(who, "edited" if deed == "edit" else "deleted", f"m{thing}", at, channel="room")
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


def numbers(values: Any) -> dict[tuple[Any, ...], Any]:
    """Everything but the time of computing, rounded so that the order of a sum of floats does not show."""
    return {
        (row["indicator_id"], row["grain"], row["subject"], row["period_end"]): (
            row["status"],
            *(
                None if row[name] is None else round(row[name], 9)
                for name in ("value", "numerator", "denominator", "estimated_share")
            ),
        )
        for row in values.rows
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
    assert numbers(first.values()) == numbers(again.values())


@pytest.mark.slow
@LAWFUL
@given(st.lists(deeds, min_size=1, max_size=25), st.data())
def test_a_void_leaves_what_never_having_had_it_leaves(world: Any, many: list[Any], data: Any) -> None:
    gone = data.draw(st.integers(0, len(many) - 1))
    voided = fresh(world)
    tell(voided, many)
    target = voided.statements[gone]
    if any(other is not target and other["id"] == target["id"] for other in voided.statements):
        return
    voided.voids(target["id"])
    never = fresh(world)
    never.directory = voided.directory
    never.statements = [each for each in voided.statements[:-1] if each is not target]
    assert numbers(voided.values()) == numbers(never.values())


@LAWFUL
@given(st.lists(deeds, max_size=30))
def test_shares_sum_to_one_and_the_total_is_at_most_the_sum_of_its_classes(world: Any, many: list[Any]) -> None:
    told = fresh(world)
    tell(told, many)
    found = told.values(
        "mode_70_20_10_share",
        "generation_share",
        "preference_profile",
        "learning_minutes_total",
        "formal_learning_minutes",
        "nonformal_learning_minutes",
        "informal_learning_minutes",
    )
    for who in PEOPLE[:5]:
        for base, parts in {
            "mode_70_20_10_share": ("70", "20", "10"),
            "generation_share": ("1.0", "2.0", "3.0"),
            "preference_profile": ("acquisition", "participation", "exercising", "discovery", "apperception"),
        }.items():
            shares = [found(f"{base}.{part}", who) for part in parts]
            assert all(share is None for share in shares) or sum(shares) == pytest.approx(1)
        classes = [found(f"{name}_learning_minutes", who) for name in ("formal", "nonformal", "informal")]
        total = found("learning_minutes_total", who)
        assert max(classes) - 1e-6 <= total <= sum(classes) + 1e-6


@LAWFUL
@given(st.lists(deeds, max_size=20), st.integers(0, 6 * 24 * 12), st.integers(2, 200), st.data())
def test_splitting_a_session_in_two_adjacent_ones_leaves_the_minutes(
    world: Any, many: list[Any], when: int, minutes: int, data: Any
) -> None:
    cut = data.draw(st.integers(1, minutes - 1))
    end = START + timedelta(minutes=5 * when)

    def at(moment: datetime) -> str:
        return moment.strftime("%Y-%m-%dT%H:%M")

    whole, split = fresh(world), fresh(world)
    for each in (whole, split):
        tell(each, many)
    whole.does("A", "progressed", "x", at(end), kind="lms", type="course", minutes=minutes)
    split.does("A", "progressed", "x", at(end), kind="lms", type="course", minutes=cut)
    split.does(
        "A", "progressed", "x", at(end - timedelta(minutes=cut)), kind="lms", type="course", minutes=minutes - cut
    )
    names = ("formal_learning_minutes", "learning_minutes_total", "active_learning_days", "mode_70_20_10_share")
    assert numbers(whole.values(*names)) == numbers(split.values(*names))


@pytest.mark.slow
@LAWFUL
@given(st.lists(deeds, max_size=25))
def test_another_producer_of_the_same_facts_adds_nothing(world: Any, many: list[Any]) -> None:
    alone = fresh(world)
    tell(alone, many)
    both = fresh(world)
    both.directory = alone.directory
    both.statements = list(alone.statements)
    for number, each in enumerate(alone.statements):
        second = copy.deepcopy(each)
        second["id"] = f"00000000-0000-4000-8000-{number:012}"
        second["context"]["platform"] = "another"
        both.statements.append(second)
    counts_statements = {"unresolved_actor_share"}
    one, two = numbers(alone.values()), numbers(both.values())
    assert {k: v for k, v in one.items() if k[0] not in counts_statements} == {
        k: v for k, v in two.items() if k[0] not in counts_statements
    }
