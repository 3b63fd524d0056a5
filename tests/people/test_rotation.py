"""A rotation of the key is a map of values: the same for what is stored and for what comes, step by step, and nobody goes back without the new secret."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import completed
from connectors.mapping import Mapper
from connectors.source import Record
from connectors.sources.sheet import Sheet
from leerstroom.errors import ConfigurationError
from leerstroom.people import People, Pseudonyms, Rotation
from leerstroom.statements import record_id, voiding_id

OLD, NEW, NEWER = "the first secret, long enough", "the second secret, long enough", "the third secret, long enough"
RING = Pseudonyms(OLD, NEW, NEWER)
ENDS = st.text(max_size=40)


@given(ENDS)
def test_each_generation_is_made_of_the_one_before_and_of_nothing_else(employee: str) -> None:
    two, three = Pseudonyms(OLD, NEW), RING
    first, second, third = three.generations(Pseudonyms(OLD).actor(employee))
    assert [first, second, third][:2] == two.generations(first)
    assert (two.actor(employee), three.actor(employee)) == (second, third)
    assert len({first, second, third}) == 3
    assert all(re.fullmatch("[a-z2-7]{26}", each) for each in (first, second, third))
    assert three.account("t", employee) == Pseudonyms(OLD).account("t", employee), (
        "references at the edge stay those of the first secret"
    )


@given(ENDS, ENDS)
def test_what_differs_still_differs_and_ids_stay_uuids(one: str, other: str) -> None:
    rotation, ids = Rotation(RING.steps), (record_id("s", "t", one), record_id("s", "t", other))
    made = [rotation.id(each) for each in ids]
    assert (made[0] == made[1]) is (one == other)
    assert all(
        re.fullmatch("[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", each) for each in made
    )
    assert set(made).isdisjoint(ids)


def test_another_second_secret_gives_other_names() -> None:
    assert Pseudonyms(OLD, NEW).actor("E1") != Pseudonyms(OLD, NEWER).actor("E1")
    assert Pseudonyms(OLD, NEW).actor("E1") not in {Pseudonyms(each).actor("E1") for each in (OLD, NEW)}


def stated(fields: dict[str, Any] | None = None) -> dict[str, Any]:
    """A talk without an id, of a register that keeps no title: its reference stands in the ids of the activities."""
    source = completed(Sheet, {"files": "x.csv"})
    line = {"title": "Ontwikkelgesprek met Jan", "date": "2026-11-03", "person_id": "E1", "status": "present", "kind": "coaching", "hours": 1, **(fields or {})}  # fmt: skip
    kept = source.minimise(Record("line", "x.csv line 2", line), Pseudonyms(OLD))
    mapper = Mapper(source, People(Pseudonyms(OLD), tenant=source.tenant))
    [made] = [each for each in mapper.statements([kept]) if isinstance(each, dict)]
    return made


def test_all_that_names_a_person_changes_and_the_rest_stays_as_it_is() -> None:
    before = stated()
    after = Rotation(RING.steps, {"sheet"}).statement(before)
    assert after is not None
    old = {before["id"], before["actor"]["account"]["name"], *re.findall("[a-z2-7]{26}", before["object"]["id"])}
    assert len(old) == 3
    assert not any(each in str(after) for each in old)
    assert list(after) == list(before)
    assert (after["verb"], after["timestamp"], after["result"]) == (
        before["verb"],
        before["timestamp"],
        before["result"],
    )
    assert before == stated(), "agents and places are shared between statements, so nothing may be written into them"


def test_two_rotations_are_one_after_the_other() -> None:
    first, second = RING.steps
    halfway = Rotation([first], {"sheet"}).statement(stated())
    assert halfway is not None
    assert Rotation([second], {"sheet"}).statement(halfway) == Rotation([first, second], {"sheet"}).statement(stated())


def test_a_voiding_points_at_what_it_voided_and_has_that_ones_id() -> None:
    rotation, voided = Rotation(RING.steps), stated()["id"]
    voiding = {
        "id": voiding_id(voided), "actor": {"account": {"homePage": "https://x.example", "name": "leerstroom"}},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/voided"}, "object": {"objectType": "StatementRef", "id": voided},
    }  # fmt: skip
    after = rotation.statement(voiding)
    assert after is not None
    assert (after["id"], after["object"]["id"]) == (voiding_id(rotation.id(voided)), rotation.id(voided))
    assert after["actor"] == voiding["actor"]
    assert rotation.statement({**voiding, "id": record_id("another", "producer", "1")}) is None


def test_statements_of_other_producers_stay_as_they_are() -> None:
    ours = stated()
    foreign = {**ours, "context": {name: value for name, value in ours["context"].items() if name != "extensions"}}
    assert Rotation(RING.steps).statement(foreign) is None
    assert Rotation(RING.steps).statement({"id": ours["id"], "actor": ours["actor"], "verb": ours["verb"], "object": ours["object"]}) is None  # fmt: skip


def test_a_name_that_is_no_reference_stays() -> None:
    rotation = Rotation(RING.steps)
    assert [rotation.name(each) for each in ("leerstroom", "E1", "a" * 25, "A" * 26, "1" * 26)] == ["leerstroom", "E1", "a" * 25, "A" * 26, "1" * 26]  # fmt: skip


def test_several_secrets_stand_one_a_line_and_one_alone_is_taken_as_it_is() -> None:
    assert Pseudonyms.read(f"{OLD}\n{NEW}\n").fingerprints == Pseudonyms(OLD, NEW).fingerprints
    assert Pseudonyms.read(f"{OLD}\r\n\n{NEW}").fingerprints == Pseudonyms(OLD, NEW).fingerprints
    assert Pseudonyms.read(f"{OLD}, with a comma\n").actor("E1") == Pseudonyms(f"{OLD}, with a comma\n").actor("E1")
    with pytest.raises(ConfigurationError, match="5 bytes") as told:
        Pseudonyms.read(f"{OLD}\nshort")
    assert OLD not in str(told.value)
    assert "short" not in str(told.value)
