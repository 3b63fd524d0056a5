"""Numbers and scores as platforms write them."""

from typing import Any

import pytest

from connectors.scores import number, score
from leerstroom.errors import BadRecord


@pytest.mark.parametrize(("told", "is_number"), [("8.00000", 8.0), (7, 7.0), (-0.5, -0.5), ("1e2", 100.0), (" 3 ", 3.0)])  # fmt: skip
def test_numbers_also_come_as_text(told: Any, is_number: float) -> None:
    assert number(told) == is_number


@pytest.mark.parametrize("junk", [None, True, False, "", "acht", "8,5", [], {}, float("nan"), float("inf"), "nan", 10**400])  # fmt: skip
def test_what_is_no_number_is_a_bad_record(junk: Any) -> None:
    with pytest.raises(BadRecord):
        number(junk)


def test_a_score_is_scaled_between_its_bounds() -> None:
    assert score("8.0", "0", "10.0") == {"scaled": 0.8, "raw": 8.0, "min": 0.0, "max": 10.0}
    assert score(3, 1, 5) == {"scaled": 0.5, "raw": 3.0, "min": 1.0, "max": 5.0}
    assert score(2, 0, 3) == {"scaled": 0.66667, "raw": 2.0, "min": 0.0, "max": 3.0}


def test_without_a_raw_score_there_is_none_and_zero_is_one() -> None:
    assert score(None, 0, 10) is None
    assert score(0, None, 10) == {"scaled": 0.0, "raw": 0.0, "min": 0.0, "max": 10.0}


@pytest.mark.parametrize("highest", [None, 0, "0.00000", -1])
def test_without_a_maximum_there_is_a_raw_score_only(highest: Any) -> None:
    assert score(8, 0, highest) == {"raw": 8.0}


def test_extra_credit_and_penalties_move_the_bounds_since_a_raw_score_must_lie_between_them() -> None:
    assert score(11, 0, 10) == {"scaled": 1.0, "raw": 11.0, "min": 0.0, "max": 11.0}
    assert score(-1, 0, 10) == {"scaled": 0.0, "raw": -1.0, "min": -1.0, "max": 10.0}
