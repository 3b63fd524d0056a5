"""Which local days a run asks for."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leerstroom.errors import ConfigurationError

ZONE = "Europe/Amsterdam"
NOW = datetime(2026, 11, 10, 23, 30, tzinfo=UTC)  # already the 11th in Amsterdam


def days_of(interval: Any, params: dict[str, Any]) -> tuple[date, date]:
    from leerstroom_airflow.nights import days_of

    found = days_of(interval, params, ZONE, NOW)
    return found.first, found.last


def at(day: date, hour: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=ZoneInfo(ZONE))


@given(st.dates(date(2020, 1, 1), date(2030, 12, 30)))
def test_the_interval_of_a_night_is_the_day_that_ended_in_it(day: date) -> None:
    following = date.fromordinal(day.toordinal() + 1)
    assert days_of((at(day, 2).astimezone(UTC), at(following, 2).astimezone(UTC)), {}) == (day, day)


def test_seven_nights_ask_for_seven_days_once_each() -> None:
    asked = [days_of((at(date(2026, 10, day), 2), at(date(2026, 10, day + 1), 2)), {}) for day in range(22, 29)]
    assert asked == [(date(2026, 10, day), date(2026, 10, day)) for day in range(22, 29)]


def test_the_window_of_a_day_on_which_the_clock_goes_back_has_25_hours() -> None:
    from leerstroom_airflow.nights import Days

    start, end = Days(date(2026, 10, 25), date(2026, 10, 25)).window(ZONE)
    assert (end - start).total_seconds() == 25 * 3600


def test_without_an_interval_a_run_asks_for_yesterday_where_the_employees_are() -> None:
    assert days_of(None, {}) == (date(2026, 11, 10), date(2026, 11, 10))


def test_days_that_a_person_gave_win_over_the_interval() -> None:
    interval = (at(date(2026, 11, 3), 2), at(date(2026, 11, 4), 2))
    assert days_of(interval, {"from": "2026-10-26", "to": "2026-11-01"}) == (date(2026, 10, 26), date(2026, 11, 1))


@pytest.mark.parametrize("params", [{"from": "2026-11-02"}, {"to": "2026-11-02", "from": None}])
def test_one_date_alone_is_that_one_day(params: dict[str, Any]) -> None:
    assert days_of(None, params) == (date(2026, 11, 2), date(2026, 11, 2))


@pytest.mark.parametrize("params", [{"from": "2026-11-09", "to": "2026-11-02"}, {"from": "next week"}])
def test_days_that_are_none_or_end_before_they_begin_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        days_of(None, params)
