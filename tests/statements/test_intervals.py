"""Unions of intervals."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leerstroom.statements.intervals import union_seconds

START = datetime(2026, 11, 3, 9, tzinfo=UTC)


def minutes(*pairs: tuple[int, int]) -> list[tuple[datetime, datetime]]:
    return [(START + timedelta(minutes=a), START + timedelta(minutes=b)) for a, b in pairs]


@pytest.mark.parametrize(
    ("pairs", "length"),
    [
        ([], 0),
        ([(0, 20), (30, 60)], 50),
        ([(0, 60), (10, 20)], 60),
        ([(0, 30), (20, 50)], 50),
        ([(0, 10), (10, 20)], 20),
        ([(10, 0)], 0),
        ([(5, 5), (0, 1)], 1),
    ],
)
def test_rejoins_add_and_overlaps_count_once(pairs: list, length: int) -> None:
    assert union_seconds(minutes(*pairs)) == length * 60


pairs_of_minutes = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), max_size=12)


@given(pairs_of_minutes)
def test_it_is_the_number_of_minutes_that_lie_in_any_interval(pairs: list) -> None:
    covered = {minute for a, b in pairs for minute in range(a, b)}
    assert union_seconds(minutes(*pairs)) == 60 * len(covered)


@given(pairs_of_minutes, st.randoms())
def test_order_and_repetition_change_nothing(pairs: list, random) -> None:
    again = pairs * 2
    random.shuffle(again)
    assert union_seconds(minutes(*again)) == union_seconds(minutes(*pairs))


def test_parts_of_a_second_add_up_exactly() -> None:
    tenth = timedelta(milliseconds=100)
    assert union_seconds((START + 2 * number * tenth, START + (2 * number + 1) * tenth) for number in range(30)) == 3.0


@pytest.mark.parametrize("other", [[], [(START, START)]])
def test_a_naive_time_is_refused(other: list) -> None:
    with pytest.raises(ValueError, match="zone"):
        union_seconds([(datetime(2026, 11, 3), datetime(2026, 11, 4)), *other])
