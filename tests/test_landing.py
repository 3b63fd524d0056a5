"""Files between stages: complete or absent, on a disk and on another store."""

from pathlib import Path

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leerstroom.errors import ConfigurationError
from leerstroom.landing import Store


@pytest.fixture(params=["disk", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "disk":
        return Store(tmp_path / "data")
    fsspec.filesystem("memory").store.clear()
    return Store("memory://bucket/data")


def test_lines_come_back_as_they_were_written(store: Store) -> None:
    with store.writer("landing/x/records.jsonl.zst") as writer:
        writer.write_all([{"a": "é\n"}, 1, "☕"])
        assert writer.lines == 3
    assert list(store.lines("landing/x/records.jsonl.zst")) == ['{"a":"é\\n"}'.encode(), b"1", '"☕"'.encode()]


def test_a_writer_that_dies_leaves_nothing_behind(store: Store) -> None:
    def dies() -> None:
        with store.writer("landing/x/records.jsonl.zst") as writer:
            writer.write(1)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        dies()
    with pytest.raises(ConfigurationError, match="does not exist"):
        list(store.lines("landing/x/records.jsonl.zst"))


def test_a_folder_is_complete_only_with_its_manifest(store: Store) -> None:
    with pytest.raises(ConfigurationError, match="not complete"):
        store.manifest("landing/x")
    store.finish("landing/x", {"pulled": 3})
    assert store.manifest("landing/x") == {"pulled": 3}
    assert store.folders("landing") == ["landing/x"]
    store.begin("landing/x")
    assert store.folders("landing") == []


def test_what_is_removed_is_gone_and_removing_twice_is_fine(store: Store) -> None:
    store.finish("landing/x", {})
    store.remove("landing/x")
    store.remove("landing/x")
    assert store.read_json("landing/x/manifest.json") is None


def test_an_unknown_kind_of_store_says_what_is_missing() -> None:
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        Store("nostore://bucket/x")


@given(
    st.lists(
        st.dictionaries(
            st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=5), st.integers(-(2**53), 2**53)
        ),
        max_size=30,
    )
)
def test_any_lines_survive(tmp_path_factory: pytest.TempPathFactory, values: list[dict]) -> None:
    import orjson

    store = Store(tmp_path_factory.mktemp("store"))
    with store.writer("f") as writer:
        writer.write_all(values)
    assert [orjson.loads(line) for line in store.lines("f")] == values
