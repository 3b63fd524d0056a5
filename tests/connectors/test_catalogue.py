"""What catalogues share: keys that name nobody, ids that are addresses, and figures that are what they say."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from source_contract import KEY, completed

from connectors.catalogue import Catalogue, answer_in, happened_in, minutes, moment, per_cent, person, reference
from connectors.source import Record, Window
from leerstroom.errors import BadRecord
from leerstroom.people import Pseudonyms

DAY = Window(datetime(2026, 11, 3, tzinfo=UTC), datetime(2026, 11, 4, tzinfo=UTC))


class Library(Catalogue):
    name = "library"
    title = "Library"
    verified = "from documentation only"  # type: ignore[assignment]
    keep: ClassVar[Mapping[str, tuple[str, ...]]] = {"row": ("person.account", "person.email", "person.hr")}
    people: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "row": {"person.account": "account", "person.email": "email", "person.hr": "hr"}
    }


def record(who: dict[str, Any], key: str = "jan@x.example course 1") -> Record:
    return Record("row", key, {"person": who})


def test_a_key_that_names_somebody_lands_as_a_keyed_reference() -> None:
    source = completed(Library, {"host": "https://x.example"})
    landed = source.minimise(record(person(email="jan@x.example")), KEY)
    again = source.minimise(record(person(email="jan@x.example")), KEY)
    other = source.minimise(record(person(email="jan@x.example")), Pseudonyms("another key of sixteen bytes"))
    assert "jan" not in landed.key
    assert landed.key == again.key != other.key
    assert landed.key != source.minimise(record(person(email="jan@x.example"), "jan@x.example course 2"), KEY).key


def test_a_registration_is_one_person_in_one_course() -> None:
    source = completed(Library, {"host": "https://x.example"})
    assert isinstance(source, Library)
    jan, piet = record(person(hr="E1")), record(person(hr="E2"))
    assert source.registration(jan, 7) == source.registration(jan, "7") != source.registration(piet, 7)
    assert source.registration(jan, None) is None
    assert source.registration(record(person()), 7) is None


@pytest.mark.parametrize(
    ("told", "who"),
    [
        ({"hr": "E1", "email": "a@x.example"}, {"account": None, "email": "a@x.example", "hr": "E1"}),
        ({"hr": "a@x.example"}, {"account": None, "email": "a@x.example", "hr": None}),
        ({"hr": "b@x.example", "email": "a@x.example"}, {"account": None, "email": "a@x.example", "hr": None}),
        ({"hr": 90071992547409931, "email": " "}, {"account": None, "email": None, "hr": "90071992547409931"}),
        ({"hr": True, "email": ["a"]}, {"account": None, "email": None, "hr": None}),
    ],
)
def test_an_hr_id_that_is_an_address_is_an_address(told: dict[str, Any], who: dict[str, Any]) -> None:
    assert person(**told) == who
    assert reference(record(who)) == (who["hr"] or who["email"])


def test_figures_are_what_they_say_or_refused() -> None:
    assert (per_cent(37.9), per_cent("40"), per_cent(None)) == (37, 40, 0)
    assert (minutes(12.34), minutes(0), minutes(None)) == (12.3, None, None)
    for value in (101, -1, "much", True):
        with pytest.raises(BadRecord):
            per_cent(value)
    with pytest.raises(BadRecord):
        minutes(-1)


def test_a_moment_without_a_zone_is_in_utc() -> None:
    assert moment("2026-11-03T09:00:00") == moment("2026-11-03T10:00:00+01:00") == datetime(2026, 11, 3, 9, tzinfo=UTC)
    assert moment(1793696400000) == datetime(2026, 11, 3, 9, tzinfo=UTC)
    assert moment("") is moment(None) is moment(0) is None


def test_a_row_with_a_moment_that_is_none_is_left_to_the_mapping() -> None:
    assert happened_in(DAY, None, "2026-11-03T09:00:00Z")
    assert not happened_in(DAY, "2026-11-02T09:00:00Z", "2026-11-04T00:00:00Z")
    assert happened_in(DAY, "one day")
    assert happened_in(DAY, None)


def test_a_recorded_exchange_holds_an_answer() -> None:
    page = {"elements": []}
    assert answer_in({"response": {"body": page}}) == answer_in({"response": page}) == answer_in({"body": page}) == page
    assert answer_in(page) is page
    assert answer_in("text") == "text"
