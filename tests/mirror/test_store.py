"""The mirror on disk: what counts is what the manifest names, and each statement is there once."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from leerstroom.errors import ConfigurationError, TryLater
from leerstroom.mirror import Mirror, Position
from leerstroom.mirror.columns import MIRROR_SCHEMA
from leerstroom.mirror.store import MERGED_ABOVE, arrived
from leerstroom.statements import name_uuid

START = datetime(2026, 11, 20, 23, 59, tzinfo=UTC)


def stored(number: int, *, seconds: float = 1.0, **changes: Any) -> bytes:
    at = START + timedelta(seconds=number * seconds)
    return orjson.dumps(
        {
            "id": name_uuid("mirror", str(number)),
            "actor": {"account": {"homePage": "https://people.example", "name": f"p{number % 5}"}},
            "verb": {"id": "http://adlnet.gov/expapi/verbs/answered"},
            "object": {"id": f"https://lms.example/{number % 3}"},
            "timestamp": "2026-11-01T08:00:00Z",
            "stored": at.isoformat(),
        }
        | changes
    )


def voiding(number: int, target: int) -> bytes:
    return stored(
        number,
        verb={"id": "http://adlnet.gov/expapi/verbs/voided"},
        object={"objectType": "StatementRef", "id": name_uuid("mirror", str(target))},
    )


def fill(mirror: Mirror, *pages: list[bytes]) -> None:
    with mirror.writing() as writer:
        last = None
        for page in pages:
            read = arrived(page)
            writer.add(read)
            last = read.last
        writer.commit(Position(last, promises=True))


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    return Mirror(tmp_path / "mirror")


def test_an_empty_mirror_has_no_files_and_an_empty_table(mirror: Mirror) -> None:
    assert mirror.files() == []
    assert mirror.rows == 0
    assert mirror.table().schema == MIRROR_SCHEMA()
    assert mirror.table(["verb"]).column_names == ["verb"]


def test_statements_lie_by_the_day_they_were_stored_and_any_reader_finds_them(mirror: Mirror) -> None:
    import duckdb

    fill(mirror, [stored(number) for number in range(120)])
    days = sorted(Path(each).parent.name for each in mirror.files())
    assert days == ["date=2026-11-20", "date=2026-11-21"]
    counted = duckdb.sql(
        f"select count(*), count(distinct statement_id) from read_parquet({mirror.files()!r})"
    ).fetchall()
    assert counted == [(120, 120)]
    assert mirror.table(["statement_id"]).num_rows == mirror.rows == 120


def test_raw_is_the_statement_byte_for_byte(mirror: Mirror) -> None:
    odd = stored(1).replace(b'"timestamp":', b' "unknown" : [1.50, 1e2], "timestamp" :')
    fill(mirror, [odd])
    assert mirror.table(["raw"]).column("raw").to_pylist() == [odd]


def test_what_comes_again_is_added_once(mirror: Mirror) -> None:
    fill(mirror, [stored(1), stored(2), stored(1)], [stored(2), stored(3)])
    with mirror.writing() as writer:
        writer.remember(START)
        assert writer.add(arrived([stored(3), stored(4)])) == (1, 0)
        writer.commit(Position(START + timedelta(seconds=4)))
    ids = mirror.table(["statement_id"]).column(0).to_pylist()
    assert sorted(ids) == sorted(name_uuid("mirror", str(number)) for number in (1, 2, 3, 4))


def test_only_ids_from_the_overlap_on_are_remembered(mirror: Mirror) -> None:
    fill(mirror, [stored(number) for number in range(10)])
    with mirror.writing() as writer:
        writer.remember(START + timedelta(seconds=8))
        assert len(writer._known) == 2


def test_what_was_not_committed_does_not_count_and_leaves_nothing(mirror: Mirror, tmp_path: Path) -> None:
    fill(mirror, [stored(1)])
    with mirror.writing() as writer:
        writer.add(arrived([stored(2)]))
    assert mirror.rows == 1
    assert len(list((tmp_path / "mirror").rglob("*.parquet"))) == 1


def test_remains_of_a_killed_writer_are_removed_by_the_next(mirror: Mirror, tmp_path: Path) -> None:
    fill(mirror, [stored(1)])
    stray = tmp_path / "mirror" / "date=2026-11-20" / "stray.parquet"
    part = tmp_path / "mirror" / "date=2026-11-20" / ".stray.parquet.part"
    stray.write_bytes(b"half")
    part.write_bytes(b"half")
    assert str(stray) not in mirror.files()
    with mirror.writing():
        pass
    assert not stray.exists()
    assert not part.exists()
    assert mirror.rows == 1


def test_a_second_writer_is_told_to_wait(mirror: Mirror) -> None:
    with mirror.writing(), pytest.raises(TryLater, match="another process"), Mirror(mirror.root).writing():
        pass


def test_a_writer_that_died_holds_no_lock(mirror: Mirror) -> None:
    if child := os.fork():
        _, status = os.waitpid(child, 0)
    else:
        mirror.writing().__enter__()
        os._exit(9)
    assert status >> 8 == 9
    fill(mirror, [stored(1)])
    assert mirror.rows == 1


def test_many_small_files_of_a_day_become_one_and_readers_keep_theirs(mirror: Mirror) -> None:
    for number in range(MERGED_ABOVE):
        fill(mirror, [stored(100 + number)])
    held = mirror.files()
    assert len(held) == MERGED_ABOVE
    fill(mirror, [stored(100 + MERGED_ABOVE)])
    assert len(mirror.files()) == 1
    assert mirror.rows == MERGED_ABOVE + 1
    assert all(Path(each).exists() for each in held)
    stamps = mirror.table(["stored"]).column(0).to_pylist()
    assert stamps == sorted(stamps)
    with mirror.writing():
        pass
    assert not any(Path(each).exists() for each in held)


def test_voided_statements_are_known_and_can_be_left_out(mirror: Mirror) -> None:
    fill(mirror, [stored(1), stored(2), voiding(3, 1), voiding(4, 99), voiding(5, 3)])
    assert mirror.voided() == {name_uuid("mirror", "1"), name_uuid("mirror", "99")}
    left = mirror.table(["statement_id"], with_voided=False).column(0).to_pylist()
    assert name_uuid("mirror", "1") not in left
    assert len(left) == 4
    assert mirror.table(["verb"], with_voided=False).column_names == ["verb"]


def test_a_statement_that_cannot_be_read_does_not_keep_the_others_out(mirror: Mirror) -> None:
    read = arrived([stored(1), b'{"id":"x"}', stored(2)])
    assert read.unreadable == 1
    assert read.table.num_rows == 2


def test_order_of_a_page_is_seen() -> None:
    assert arrived([stored(1), stored(2)]).is_ordered
    assert not arrived([stored(2), stored(1)]).is_ordered


def test_the_position_is_kept_with_what_was_learned(mirror: Mirror) -> None:
    position = Position(START + timedelta(microseconds=7), promises=True, since_is_stored=False)
    with mirror.writing() as writer:
        writer.commit(position)
    assert Mirror(mirror.root).manifest().position == position


def test_a_file_that_is_older_than_a_column_reads_it_as_empty(mirror: Mirror) -> None:
    import pyarrow.parquet as pq

    fill(mirror, [stored(1)])
    [path] = mirror.files()
    pq.write_table(pq.read_table(path, partitioning=None).drop_columns(["duration_basis"]), path)
    fill(mirror, [stored(2)])
    assert mirror.table(["statement_id", "duration_basis"]).column("duration_basis").to_pylist() == [None, None]
    assert mirror.table().column_names == MIRROR_SCHEMA().names


def test_erasing_removes_every_trace_from_the_files(mirror: Mirror, tmp_path: Path) -> None:
    fill(mirror, [stored(number) for number in range(20)])
    count, ids = mirror.erase(lambda raw: b'"p3"' in raw)
    assert count == 4
    assert ids == {name_uuid("mirror", str(number)) for number in (3, 8, 13, 18)}
    assert mirror.rows == 16
    assert "account|https://people.example|p3" not in mirror.table(["actor"]).column(0).to_pylist()
    assert {str(each) for each in (tmp_path / "mirror").rglob("*.parquet")} == set(mirror.files())


def test_the_mirror_lives_on_any_store_that_fsspec_knows() -> None:
    mirror = Mirror("memory://mirror-of-a-test")
    fill(mirror, [stored(1), stored(2)])
    fill(mirror, [stored(3)])
    assert mirror.rows == 3
    assert mirror.table(["statement_id"]).num_rows == 3
    assert all(each.startswith("memory://mirror-of-a-test/date=") for each in mirror.files())


def test_a_place_or_column_that_does_not_exist_is_named(mirror: Mirror) -> None:
    with pytest.raises(ConfigurationError, match="nosuch"):
        Mirror("nosuch://bucket/mirror")
    with pytest.raises(ConfigurationError, match="shoe_size"):
        mirror.table(["shoe_size"])
