"""Sums a day stand beside sums of windows: what is hidden of the one must not follow from the other."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from leerstroom.publishing.facts import DOMINANT, Contributed, Step, _stretches, _with_companions

AS_OF = date(2026, 11, 20)
WINDOWS = (7, 28, 90)
amounts = st.lists(
    st.tuples(st.integers(0, 90), st.integers(0, 100), st.integers(1, 9)), min_size=1, max_size=60
)  # (of all, per cent of the one who has most, how many have something)


def drawn(many: list[tuple[int, int, int]], fewest: int = 0) -> tuple[dict[date, Step], Contributed]:
    told = {AS_OF - timedelta(days=number): each for number, each in enumerate(many)}
    largest = {day: total * share / 100 for day, (total, share, _) in told.items()}
    people = {day: people if total else 0 for day, (total, _, people) in told.items()}
    return {day: Step(day, float(each[0])) for day, each in told.items()}, Contributed(largest, people, fewest)


def test_stretches_are_what_windows_differ_by() -> None:
    day = AS_OF.fromordinal
    last = AS_OF.toordinal()
    assert _stretches(WINDOWS, AS_OF) == [
        (day(last - 6), AS_OF), (day(last - 27), day(last - 7)), (day(last - 89), day(last - 28)), (date.min, day(last - 90)),
    ]  # fmt: skip


@given(amounts, st.sampled_from([0, 5]))
def test_no_hidden_day_follows_from_a_window_less_what_is_shown(many: list[tuple[int, int, int]], fewest: int) -> None:
    steps, known = drawn(many, fewest)
    hidden = {
        day
        for day, step in steps.items()
        if step.value and (known.largest[day] > DOMINANT * step.value or known.people[day] < fewest)
    }
    gone = _with_companions(steps, known, hidden, _stretches(WINDOWS, AS_OF))
    assert gone >= hidden
    for first, last in _stretches(WINDOWS, AS_OF):
        inside = {day for day in gone if first <= day <= last}
        if not inside & hidden:
            assert not inside  # nothing is hidden without need
            continue
        rest = [day for day, step in steps.items() if first <= day <= last and day not in inside and step.value]
        total = sum(steps[day].value or 0.0 for day in inside)
        is_shared = len(inside) > 1 and sum(known.largest[day] for day in inside) <= DOMINANT * total
        assert not rest or (is_shared and max(known.people[day] for day in inside) >= fewest)


def test_two_hidden_days_of_the_same_few_take_a_day_of_many_with_them() -> None:
    steps, known = drawn([(4, 50, 2), (6, 50, 3), (9, 30, 4), (20, 20, 5), (30, 10, 9)], fewest=5)
    hidden = {day for day, people in known.people.items() if people < 5}
    gone = _with_companions(steps, known, hidden, _stretches(WINDOWS, AS_OF))
    assert sorted((AS_OF - day).days for day in gone) == [0, 1, 2, 3]


def test_a_hidden_day_takes_the_smallest_that_is_enough_out_of_its_own_week() -> None:
    shares = [(50, 100), (5, 20), (300, 20), (400, 10), (10, 10), (10, 10), (10, 10), (6, 10), (6, 10)]
    steps, known = drawn([(total, share, 9) for total, share in shares])
    gone = _with_companions(steps, known, {AS_OF}, _stretches(WINDOWS, AS_OF))
    assert sorted((AS_OF - day).days for day in gone) == [0, 2]
