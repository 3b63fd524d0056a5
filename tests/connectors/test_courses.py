"""What the settings say about courses, whatever the platform."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from connectors.courses import Courses
from connectors.source import Connection
from leerstroom.errors import ConfigurationError

NAMES = ("veilig", "VW-2026", "3")
ENROLLED = datetime(2026, 11, 1, 23, 30, tzinfo=UTC)  # the second of November in Amsterdam


def courses(**fields: Any) -> Courses:
    return Courses(Connection("here", "somewhere", fields))


def test_without_settings_all_is_read_and_nothing_is_known() -> None:
    made = courses()
    assert made.is_wanted(NAMES)
    assert not made.is_community(NAMES)
    assert made.terms(NAMES) == {"initiator": None, "mandatory": None, "due": None}


@pytest.mark.parametrize(("pattern", "is_wanted"), [("veilig", True), ("VW-*", True), ("3", True), ("VW", False), ("vw-*", False)])  # fmt: skip
def test_a_course_goes_by_any_of_its_names(pattern: str, is_wanted: bool) -> None:
    assert courses(courses=[pattern]).is_wanted(NAMES) is is_wanted
    assert courses(communities=[pattern]).is_community(NAMES) is is_wanted


def test_numbers_in_settings_are_names_too() -> None:
    assert courses(courses=[3]).is_wanted(NAMES)
    assert courses(mandatory_courses={3: 14}).terms((None, "", 3))["mandatory"] is True


@pytest.mark.parametrize("due", ["2026-12-01", date(2026, 12, 1), datetime(2026, 12, 1, 8, tzinfo=UTC), " 2026-12-01 "])
def test_a_mandatory_course_is_due_on_a_date(due: Any) -> None:
    assert courses(mandatory_courses={"veilig": due}).terms(NAMES) == {"initiator": "assigned", "mandatory": True, "due": "2026-12-01"}  # fmt: skip


@pytest.mark.parametrize("days", [14, "14"])
def test_days_count_from_the_enrolment_in_the_zone_of_the_connection(days: Any) -> None:
    settings = {"mandatory_courses": {"veilig": days}}
    assert courses(**settings).terms(NAMES, enrolled=ENROLLED)["due"] == "2026-11-16"
    assert courses(**settings, time_zone="UTC").terms(NAMES, enrolled=ENROLLED)["due"] == "2026-11-15"
    assert courses(**settings).terms(NAMES)["due"] is None, "it is unknown since when"
    assert courses(**settings).terms(NAMES, enrolled=ENROLLED, due=False)["due"] is None, (
        "only the course itself has one"
    )


def test_who_began_is_told_by_the_platform_or_the_settings_and_mandatory_wins() -> None:
    assert courses().terms(NAMES, by="assigned") == {"initiator": "assigned", "mandatory": None, "due": None}
    assert courses().terms(NAMES, by="self") == {"initiator": "self", "mandatory": False, "due": None}
    assert courses(chosen_courses=["veilig"]).terms(NAMES, by="assigned")["initiator"] == "self"
    both = courses(chosen_courses=["veilig"], mandatory_courses={"veilig": 14})
    assert (both.terms(NAMES, by="self")["initiator"], both.terms(NAMES)["mandatory"]) == ("assigned", True)


def test_all_wrong_due_dates_are_told_at_once() -> None:
    with pytest.raises(ConfigurationError, match=r"'here'.*veilig, ander"):
        courses(mandatory_courses={"veilig": "1 december", "goed": "2026-12-01", "ander": "-3"})
