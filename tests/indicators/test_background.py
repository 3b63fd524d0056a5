"""Queries that run while the next ones are written: order by what they read, errors where somebody waits, memory in turns."""

import threading
import time

import pytest

from leerstroom.indicators.background import Background

duckdb = pytest.importorskip("duckdb")


@pytest.fixture(params=[0, 1, 2])
def background(request: pytest.FixtureRequest) -> Background:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    made = Background(connection, request.param)
    made.connection = connection
    yield made
    made.close()
    connection.close()


def made(name: str, query: str) -> str:
    return f"CREATE OR REPLACE TABLE {name} AS {query}"


def test_a_table_is_made_after_those_that_it_reads(background: Background) -> None:
    background.start("numbers", made("numbers", "SELECT hash(i) AS h FROM range(2000000) AS t(i) ORDER BY h"), [])
    background.start("other", made("other", "SELECT 1 AS one"), [])
    background.start("counted", made("counted", "SELECT count(*) AS n FROM numbers, other"), ["numbers", "other"])
    background.start("seen", "CREATE OR REPLACE VIEW seen AS SELECT n + 1 AS n FROM counted", ["counted"])
    background.wait(["seen"])
    assert background.connection.sql("SELECT n FROM seen").fetchall() == [(2_000_001,)]


def test_many_that_wait_for_one_another_all_come(background: Background) -> None:
    background.start("t0", made("t0", "SELECT 0 AS n"), [])
    for number in range(1, 60):
        background.start(f"t{number}", made(f"t{number}", f"SELECT n + 1 AS n FROM t{number - 1}"), [f"t{number - 1}"])
    background.wait()
    assert background.connection.sql("SELECT n FROM t59").fetchall() == [(59,)]


def test_a_name_that_is_taken_again_means_the_new_one(background: Background) -> None:
    background.start("t", made("t", "SELECT 1 AS n"), [])
    background.start("t", made("t", "SELECT 2 AS n"), [])
    background.wait(["t"])
    assert background.connection.sql("SELECT n FROM t").fetchall() == [(2,)]


def test_an_error_is_raised_where_its_table_is_waited_for_and_by_all_that_read_it() -> None:
    with duckdb.connect() as connection:
        background = Background(connection, 2)
        background.start("wrong", made("wrong", "SELECT error('no such day')"), [])
        background.start("after", made("after", "SELECT * FROM wrong"), ["wrong"])
        background.start("beside", made("beside", "SELECT 1"), [])
        background.wait(["beside"])
        for name in ("wrong", "after"):
            with pytest.raises(duckdb.InvalidInputException, match="no such day"):
                background.wait([name])
        background.close()


def test_times_are_in_utc_on_every_connection(background: Background) -> None:
    background.start("t", made("t", "SELECT CAST(TIMESTAMPTZ '2026-01-01 00:30:00+01' AS VARCHAR) AS said"), [])
    background.wait()
    assert background.connection.sql("SELECT said FROM t").fetchall() == [("2025-12-31 23:30:00+00",)]


def test_what_has_too_little_memory_beside_another_is_made_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from leerstroom.indicators import background as room

    running, most, lock = 0, 0, threading.Lock()
    tried: list[str] = []

    def run(name: str, connection: object, sql: str) -> None:
        nonlocal running, most
        with lock:
            running += 1
            tried.append(name)
            is_crowded = running > 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            is_crowded |= running > 1
            running -= 1
        if is_crowded and name.startswith("large"):
            raise duckdb.OutOfMemoryException("could not allocate block")

    monkeypatch.setattr(room, "run", run)
    with duckdb.connect() as connection:
        background = Background(connection, 2)
        for number in range(4):
            background.start(f"large{number}", "", [])
            background.start(f"small{number}", "", [])
        background.wait()
        background.close()
    assert most == 2
    assert set(tried) == {f"{size}{number}" for size in ("large", "small") for number in range(4)}
    assert len(tried) > 8, "nothing was tried again"


def test_closing_ends_what_runs() -> None:
    with duckdb.connect() as connection:
        background = Background(connection, 2)
        endless = "SELECT count(*) FROM range(10000000) AS a(i), range(10000000) AS b(j) WHERE hash(i) = hash(j + 1)"
        background.start("endless", made("endless", endless), [])
        background.start("after", made("after", "SELECT * FROM endless"), ["endless"])
        time.sleep(0.3)
        began = time.monotonic()
        background.close()
        assert time.monotonic() - began < 20
