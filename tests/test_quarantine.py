"""Quarantine files: what a stage that runs again may take out of them, and what it may not."""

from pathlib import Path

import orjson
import pytest

from leerstroom.landing import Store
from leerstroom.quarantine import rewriting

PATH = "quarantine/sheet/registers/w/quarantine.jsonl.zst"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path)
    with rewriting(made, PATH) as file:
        for key in ("a", "b", "c"):
            file.write({"kind": "row", "key": key, "reason": "old"})
    return made


def held(store: Store) -> list[tuple[str, str]]:
    return [(entry["key"], entry["reason"]) for entry in map(orjson.loads, store.lines(PATH))]


def test_an_entry_goes_when_its_record_came_up_and_is_replaced_when_it_failed_again(store: Store) -> None:
    with rewriting(store, PATH) as file:
        file.came_up("a", "row")
        file.came_up("b", "row")
        file.write({"kind": "row", "key": "b", "reason": "new"})
    assert held(store) == [("b", "new"), ("c", "old")]


def test_a_record_of_another_kind_with_the_same_key_takes_nothing_out(store: Store) -> None:
    with rewriting(store, PATH) as file:
        file.came_up("a", "another kind")
        file.came_up("b")
    assert held(store) == [("a", "old"), ("b", "old"), ("c", "old")]


def test_a_stage_that_fails_leaves_the_file_as_it_was(store: Store) -> None:
    def fail() -> None:
        with rewriting(store, PATH) as file:
            file.write({"kind": "row", "key": "a", "reason": "new"})
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk"):
        fail()
    assert held(store) == [("a", "old"), ("b", "old"), ("c", "old")]
