"""One set of expressions, the same numbers on every engine. `make test-spark` runs them all: those of Spark skip where pyspark or Java is absent."""

import importlib.util
import os
import random
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from leerstroom.classification import load_rules
from leerstroom.errors import ConfigurationError
from leerstroom.indicators import compute, from_files
from leerstroom.people.directory import Directory, Employee

POSTGRES = os.environ.get("LEERSTROOM_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
EXAMPLE = Path(__file__).resolve().parents[3] / "shared" / "examples" / "indicators"
FIRST, LAST = date(2026, 11, 2), date(2026, 11, 8)


def reachable() -> bool:
    try:
        import psycopg
    except ImportError:
        return False
    try:
        psycopg.connect(POSTGRES, connect_timeout=2).close()
    except psycopg.Error:
        return False
    return True


def java_path() -> str:
    """Where pyspark looks for Java."""
    home = os.environ.get("JAVA_HOME")
    return str(Path(home, "bin")) if home else os.environ.get("PATH", "")


needs_postgres = pytest.mark.skipif(not reachable(), reason="no PostgreSQL at LEERSTROOM_TEST_POSTGRES")
needs_spark = pytest.mark.skipif(
    importlib.util.find_spec("pyspark") is None or shutil.which("java", path=java_path()) is None,
    reason="the extra spark, or Java, is not installed; make test-spark",
)

ENGINES = [
    pytest.param(POSTGRES, marks=needs_postgres, id="postgresql"),
    pytest.param("spark", marks=[needs_spark, pytest.mark.slow], id="spark"),
]


@pytest.fixture(autouse=True)
def _started(request: pytest.FixtureRequest) -> None:
    """Spark is started for the tests that are about it, and for no others."""
    if "[spark" in request.node.name:
        request.getfixturevalue("spark")


def values(engine: str, statements: Any, directory: Directory, **more: Any) -> dict[tuple[Any, ...], dict[str, Any]]:
    settings = {"from_": FIRST, "to": LAST, "as_of": LAST, "coverage": None, **more}
    with compute(statements, directory, rules=load_rules(), engine=engine, **settings) as found:
        return by_key(found.rows())


def by_key(rows: list[dict[str, Any]]) -> dict[tuple[Any, ...], dict[str, Any]]:
    return {
        (row["indicator_id"], row["grain"], row["subject"], row["period_start"], row["period_end"]): row for row in rows
    }


def differences(one: dict[tuple[Any, ...], dict[str, Any]], two: dict[tuple[Any, ...], dict[str, Any]]) -> list[str]:
    found = [f"only once: {key}" for key in one.keys() ^ two.keys()]
    for key in one.keys() & two.keys():
        if one[key]["status"] != two[key]["status"]:
            found.append(f"{key}: {one[key]['status']} and {two[key]['status']}")
        for name in ("value", "numerator", "denominator", "estimated_share"):
            first, second = one[key][name], two[key][name]
            if (first is None) != (second is None) or (
                first is not None and abs(first - second) > 1e-9 * max(1, abs(first))
            ):
                found.append(f"{key} {name}: {first} and {second}")
    return found


@pytest.fixture(scope="module")
def spark() -> Iterator[None]:
    """A local session for hundreds of small queries that end with the tests.

    Compiling each query would take longer than interpreting it, and the second compiler of Java longer than the first leaves to gain: it took a third
    of the time, collecting garbage beside the work a seventh.
    """
    from importlib import import_module

    settings = {
        "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.driver.host": "127.0.0.1", "spark.driver.memory": "2g",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    }  # fmt: skip
    builder = import_module("pyspark.sql").SparkSession.builder.master("local[2]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield
    session.stop()


def small_world(world: Any) -> None:
    chance = random.Random(3)
    names = [f"P{number:02}" for number in range(16)]
    world.employ(*names[:8], team="T1")
    world.employ(*names[8:15], team="T2")
    world.employ(names[15], team="", zone="Asia/Tokyo")
    world.directory.leave.append((names[0], date(2026, 11, 4)))
    for number in range(300):
        who = chance.choice([*names, "guest"])
        at = (datetime(2026, 11, 1, 20, tzinfo=UTC) + timedelta(minutes=chance.randrange(7 * 1440))).strftime(
            "%Y-%m-%dT%H:%M"
        )
        match number % 6:
            case 0:
                world.does(
                    who,
                    "progressed",
                    f"c{number % 9}",
                    at,
                    kind="lms",
                    type="course",
                    minutes=chance.randrange(1, 300),
                    stated={"mandatory": True, "due": "2026-11-05", "device": "mobile", "initiator": "assigned"},
                )
            case 1:
                world.does(
                    who,
                    "asked",
                    f"q{number}",
                    at,
                    channel=f"room{number % 2}",
                    stated={"channel-kind": "spontaneous_group"},
                )
            case 2:
                world.does(
                    who,
                    "replied",
                    f"r{number}",
                    at,
                    channel="room0",
                    parent=f"q{chance.randrange(0, number, 1) // 6 * 6 + 1}",
                    stated={"mentions": [f"mailto:{names[number % 15].lower()}@example.org"]},
                )
            case 3:
                world.does(
                    who,
                    chance.choice(["joined", "left"]),
                    f"w{number % 5}",
                    at,
                    kind="webinar",
                    type="webinar",
                    stated={"scheduled-minutes": 60},
                )
            case 4:
                world.does(
                    who,
                    "passed",
                    f"t{number % 7}",
                    at,
                    kind="lms",
                    type="assessment",
                    result={"score": {"scaled": chance.random()}},
                )
            case 5:
                world.does(
                    who,
                    chance.choice(["liked", "edited", "deleted"]),
                    f"q{chance.randrange(number) // 6 * 6 + 1}",
                    at,
                    channel="room1",
                )
    world.voids(world.statements[0]["id"])


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_small_world_is_the_same_on_every_engine(engine: str, world: Any) -> None:
    from leerstroom.mirror.columns import to_table

    small_world(world)
    table = to_table(world.statements)
    assert differences(values("duckdb", table, world.directory), values(engine, table, world.directory)) == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not EXAMPLE.is_dir(), reason="the example lies beside the checkout")
@pytest.mark.parametrize("engine", ENGINES)
def test_the_worked_example_is_the_same_on_every_engine(engine: str) -> None:
    assert differences(worked_example("duckdb"), worked_example(engine)) == []


@cache
def worked_example(engine: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    files = {name: EXAMPLE / f"{name}.csv" for name in ("employees", "coverage", "leave")}
    dates = {"from_": date(2026, 11, 3), "to": date(2026, 11, 5), "as_of": date(2026, 11, 5)}
    rules, excluded = EXAMPLE / "classification_rules.yaml", EXAMPLE / "excluded_accounts.csv"
    with from_files(
        EXAMPLE / "statements.json", engine=engine, rules=rules, excluded=excluded, **files, **dates
    ) as found:
        return by_key(found.rows())


class Events(NamedTuple):
    """Random statements of a thousand employees, and what DuckDB says of them."""

    path: Path
    directory: Directory
    dates: dict[str, date]
    values: dict[tuple[Any, ...], dict[str, Any]]


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Events:
    spec = importlib.util.spec_from_file_location(
        "bench_indicators", Path(__file__).parents[1] / "bench" / "bench_indicators.py"
    )
    assert spec is not None
    assert spec.loader is not None
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    path = tmp_path_factory.mktemp("events") / "statements.parquet"
    bench.generate(path, 200_000, 1000)
    directory = Directory([Employee(f"E{number:06}", team=f"T{number // 12:05}") for number in range(1000)])
    dates = {"from_": bench.AS_OF, "to": bench.AS_OF, "as_of": bench.AS_OF}
    return Events(path, directory, dates, values("duckdb", [path], directory, **dates))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("engine", ENGINES)
def test_two_hundred_thousand_events_are_the_same_on_every_engine(engine: str, events: Events) -> None:
    found = values(engine, [events.path], events.directory, **events.dates)
    assert len(found) > 100_000
    assert differences(events.values, found) == []


@needs_spark
@pytest.mark.slow
@pytest.mark.usefixtures("spark")
def test_what_the_session_of_the_process_says_counts_and_stays_its_own() -> None:
    import pyarrow as pa
    from pyspark.sql import SparkSession

    from leerstroom.indicators.engine import Workspace

    session = SparkSession.builder.getOrCreate()
    session.conf.set("spark.sql.session.timeZone", "Asia/Tokyo")
    try:
        with Workspace("spark") as one, Workspace("spark") as other:
            assert one._con.conf.get("spark.sql.shuffle.partitions") == "2"
            mine, theirs = (each.give("rows", pa.table({"n": [n]})) for n, each in enumerate((one, other)))
            assert (one.rows(mine), other.rows(theirs)) == ([{"n": 0}], [{"n": 1}])
            session.conf.set("spark.sql.shuffle.partitions", "7")
            with Workspace("spark") as later:
                said = [later._con.conf.get(f"spark.sql.{name}") for name in ("shuffle.partitions", "session.timeZone")]
                assert said == ["7", "UTC"]
        assert session.conf.get("spark.sql.session.timeZone") == "Asia/Tokyo"
        assert session.catalog.listTables() == []
    finally:
        session.conf.unset("spark.sql.session.timeZone")
        session.conf.unset("spark.sql.shuffle.partitions")


@pytest.mark.parametrize("engine", ["duckdb", *ENGINES])
def test_rows_that_go_are_gone_and_the_others_stay_as_they_were(engine: str) -> None:
    import pyarrow as pa

    from leerstroom.indicators.engine import Workspace

    with Workspace(engine) as workspace:
        given = workspace.give("given_rows", pa.table({"name": ["a", "b", "c", None], "number": [1, 2, 3, 4]}))
        kept = workspace.keep("kept_rows", given.mutate(double=given.number * 2))
        gone = workspace.give("gone_rows", pa.table({"name": ["b", "x"], "number": [1, 4]}))
        left = workspace.without(kept, gone.filter(gone.number < 4), "name")
        assert sorted(workspace.rows(left), key=lambda row: row["number"]) == [
            {"name": "a", "number": 1, "double": 2},
            {"name": "c", "number": 3, "double": 6},
            {"name": None, "number": 4, "double": 8},
        ]


def test_translating_leaves_the_options_of_ibis_to_whoever_set_them(world: Any) -> None:
    import ibis

    world.employ("A")
    for fuses in (True, False):
        ibis.options.sql.fuse_selects = fuses
        try:
            world.values("questions_asked")
            assert ibis.options.sql.fuse_selects is fuses
        finally:
            ibis.options.sql.fuse_selects = True


def test_an_unknown_engine_is_refused(world: Any) -> None:
    world.employ("A")
    with pytest.raises(ConfigurationError, match="unknown engine abacus"):
        world.values("questions_asked", engine="abacus")
