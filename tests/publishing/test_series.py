"""Sums a day stand beside sums of windows: what is hidden of the one must not follow from the other."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from leerstroom.publishing.facts import DOMINANT, Step, _stretches, _with_companions

AS_OF = date(2026, 11, 20)
WINDOWS = (7, 28, 90)
amounts = st.lists(
    st.tuples(st.integers(0, 90), st.integers(0, 100)), min_size=1, max_size=60
)  # (of all, per cent of the one who has most)


def drawn(many: list[tuple[int, int]]) -> tuple[dict[date, Step], dict[date, float]]:
    days = [AS_OF - timedelta(days=number) for number in range(len(many))]
    steps = {day: Step(day, float(total)) for day, (total, _) in zip(days, many, strict=True)}
    return steps, {day: total * share / 100 for day, (total, share) in zip(days, many, strict=True)}


def test_stretches_are_what_windows_differ_by() -> None:
    day = AS_OF.fromordinal
    last = AS_OF.toordinal()
    assert _stretches(WINDOWS, AS_OF) == [
        (day(last - 6), AS_OF), (day(last - 27), day(last - 7)), (day(last - 89), day(last - 28)), (date.min, day(last - 90)),
    ]  # fmt: skip


@given(amounts)
def test_no_hidden_day_follows_from_a_window_less_what_is_shown(many: list[tuple[int, int]]) -> None:
    steps, largest = drawn(many)
    hidden = {day for day, step in steps.items() if step.value and largest[day] > DOMINANT * step.value}
    gone = _with_companions(steps, largest, hidden, _stretches(WINDOWS, AS_OF))
    assert gone >= hidden
    for first, last in _stretches(WINDOWS, AS_OF):
        inside = {day for day in gone if first <= day <= last}
        if not inside & hidden:
            assert not inside  # nothing is hidden without need
            continue
        rest = [day for day, step in steps.items() if first <= day <= last and day not in inside and step.value]
        total = sum(steps[day].value or 0.0 for day in inside)
        assert not rest or (len(inside) > 1 and sum(largest[day] for day in inside) <= DOMINANT * total)


def test_a_hidden_day_takes_the_smallest_that_is_enough_out_of_its_own_week() -> None:
    many = [(50, 100), (5, 20), (300, 20), (400, 10), (10, 10), (10, 10), (10, 10), (6, 10), (6, 10)]
    steps, largest = drawn(many)
    gone = _with_companions(steps, largest, {AS_OF}, _stretches(WINDOWS, AS_OF))
    assert sorted((AS_OF - day).days for day in gone) == [0, 2]
