"""Nights among faults: platforms and the LRS that fail, a disk that is full, a clock that is turned, stages killed in their middle and run again.

The oracle is the calm night: the LRS, the mirror, the ledger, the coverage and the quarantine of a faulted night hold the same, none lost and none
doubled; so do the indicators, HR's tables and each employee's file of some. Each night is planned by its number, so `make soak ARGS='-k "[17]"'` runs the seventeenth again.
`make soak NIGHTS=10` runs the first ten, as CI does; LEERSTROOM_SOAK_SEED plans other nights.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from fault_proxy import FaultProxy

from connectors.lrs import Lrs
from leerstroom import ledger, nightly
from leerstroom.landing import Store
from leerstroom.lrs import running as running_lrs
from leerstroom.mirror import Mirror
from leerstroom.quarantine import held as held_in_quarantine
from leerstroom.replay import Fault, Running
from leerstroom.replay import running as running_replay
from leerstroom.state import open_state
from leerstroom_airflow.town_hall import connections

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "tests" / "recordings" / "demo"
STAGES = Path(__file__).with_name("stages.py")
SECRET = "a secret of the test"
FIRST, LAST = date(2026, 11, 2), date(2026, 11, 8)
MIDWEEK = datetime(2026, 11, 5, 20, 0, tzinfo=UTC)
# What a night does: (connection, the platforms' time). Chat comes twice: what was edited or deleted meanwhile is voided.
NIGHTS = (
    (("chat", MIDWEEK), ("chat", None), ("webinars", None)),
    (("academy", None), ("registers", None)),
)
PLATFORMS = {"chat": "matrix", "academy": "moodle", "webinars": "zoom", "registers": "sheet"}
COMPUTED = 50  # of so many nights the ninth computes and publishes too: that takes longer than all the rest
MADE_AT = {"computed_at", "published_at", "loaded_at"}
TRIES = 12
MOST_S = 60 * float(os.environ.get("LEERSTROOM_SOAK_MINUTES", "20"))
STARTED = time.monotonic()
NUMBERS = int(os.environ.get("LEERSTROOM_SOAK_NIGHTS", "200"))
SEED = os.environ.get("LEERSTROOM_SOAK_SEED", "")

pytestmark = [pytest.mark.timeout(600), pytest.mark.soak]


@dataclass(frozen=True)
class Told:
    """How one try of a stage ended."""

    code: int
    result: dict[str, Any] | None
    error: str


class Stages:
    """The warm process that forks stages."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(STAGES)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(folder / "tmp"), "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}"},
        )

    def run(self, **asked: Any) -> Told:
        """One try of a stage."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(
            json.dumps({"kill_after_s": None, "full_after_s": None, "clock_s": 0, **asked}) + "\n"
        )
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        return Told(told["code"], told.get("result"), f"{told.get('error', '')} {told.get('text', '')}".strip())

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)


@dataclass(frozen=True)
class Outcome:
    """What a night leaves behind, without what may differ: clocks, and how many tries it took."""

    statements: dict[str, str]
    mirrored: list[str]
    ledger: dict[tuple[str, str], dict[str, Any]]
    coverage: list[Any]
    quarantine: list[Any]
    values: list[tuple[Any, ...]]
    tables: dict[str, list[tuple[Any, ...]]]
    own: dict[str, bytes]  # each employee's file


class Plan:
    """All that goes wrong in the night of this number; None: nothing does."""

    def __init__(self, number: int | None) -> None:
        self.number = number
        self.draw = random.Random(f"{SEED} {number}" if SEED and number is not None else number)

    def platform_faults(self, platform: str) -> list[Fault]:
        """Faults of a platform during one stage's tries."""
        if self.number is None:
            return []
        draw, kinds = self.draw, ("status", "html", "cut", "truncated", "slow", "too_many", "unauthorized")
        return [
            Fault(
                draw.choice(kinds),
                platform=platform,
                after=draw.randint(0, 25),
                times=draw.choice((1, 1, 2, 3)),
                status=draw.choice((500, 502, 503, 504)),
                seconds=draw.uniform(0.0, 0.3),
            )
            for _ in range(draw.randint(0, 4))
        ]

    def lrs_fault(self, _: int, method: str) -> Any:
        """What befalls this request to the LRS."""
        if self.number is None or self.draw.random() > 0.15:
            return None
        answers = [
            (429, {"Retry-After": "0"}, b""),
            (500, {}, b"oops"),
            (502, {}, b"<html>bad gateway</html>"),
            (503, {}, b""),
        ]
        return self.draw.choice([
            "cut-before",
            "cut-after",
            "cut-in-answer",
            "wrong-json",
            "half-json",
            "slow",
            *answers,
        ])

    def stage_faults(self, tried: int) -> dict[str, Any]:
        """A kill, a full disk or a turned clock for this try; ever fewer, so that the night ends."""
        if self.number is None or self.draw.random() > 0.6 - tried / TRIES:
            return {}
        sort = self.draw.choice(("kill", "kill", "disk", "clock"))
        if sort == "kill":
            return {"kill_after_s": self.draw.choice((0.05, 0.3, 1.0)) * self.draw.random()}
        if sort == "disk":
            return {"full_after_s": self.draw.choice((0.0, 0.1, 0.5)) * self.draw.random()}
        return {"clock_s": self.draw.choice((-172_800, -3600, -1, 60, 86_400))}


def night(
    plan: Plan,
    order: tuple[tuple[str, datetime | None], ...],
    folder: Path,
    replay: Running,
    stages: Stages,
    *,
    publishes: bool = False,
) -> Outcome:
    """One night in an installation of its own, stage by stage, each tried until it ends well."""
    start, end = nightly.local_window(FIRST, LAST, "Europe/Amsterdam")
    calm_from = TRIES - 3

    def tried(stage: str, *arguments: str) -> dict[str, Any]:
        told = None
        for number in range(TRIES):
            if number == calm_from:
                replay.faults.waiting.clear()
            faults = plan.stage_faults(number) if number < calm_from else {}
            told = stages.run(settings=str(file), stage=stage, arguments=arguments, **faults)
            if told.code == 0 and told.result is not None:
                return told.result
        raise AssertionError(f"{stage} {arguments[0]} never ended well; at last: {told}")

    with ExitStack() as stack:
        lrs = stack.enter_context(running_lrs(database=f"sqlite:///{folder}/lrs.sqlite", key="k", secret=SECRET))
        proxy = FaultProxy(lrs.endpoint, plan.lrs_fault)
        stack.callback(proxy.close)
        known = connections(replay.url, DEMO)
        values = {
            "organisation": {"name": "Gemeente Voorbeeldstad", "home_page": "https://people.voorbeeldstad.example"},
            "data": str(folder / "data"),
            "hr": {"out": str(folder / "hr")},
            "directory": {"employees": str(DEMO / "employees.csv")},
            "lrs": {"endpoint": proxy.endpoint, "key": "k", "secret": SECRET},
            "pseudonym_key": "a pseudonym key for the tests only",
            "connections": {name: known[name] for name, _ in order},
        }
        file = folder / "leerstroom.yaml"
        file.write_text(json.dumps(values))
        settings = nightly.Settings.load(file)
        for name, until in order:
            replay.world.until = until
            replay.faults.waiting[:] = plan.platform_faults(PLATFORMS[name])
            pulled = tried("pull", name, start.isoformat(), end.isoformat())
            replay.faults.waiting.clear()
            mapped = tried("map", name, pulled["path"])
            tried("load", name, mapped["path"])
        tried("mirror", "lrs")
        computed: list[tuple[Any, ...]] = []
        published: dict[str, list[tuple[Any, ...]]] = {}
        own: dict[str, bytes] = {}
        if publishes:
            import duckdb

            path = tried("compute", LAST.isoformat())["path"]
            computed = duckdb.sql(f"select * exclude (computed_at) from '{path}' order by all").fetchall()
            published = rows(tried("publish", LAST.isoformat())["tables"])
            written = Path(tried("my_learning", LAST.isoformat())["folder"])
            own = {path.name: path.read_bytes() for path in written.iterdir()}
        with Lrs(lrs.endpoint, "k", SECRET) as straight:
            statements = held(straight)
        return Outcome(
            statements,
            sorted(Mirror(f"{settings.data}/mirror").table(["statement_id"]).column(0).to_pylist()),
            {
                (entry.connection, entry.stage): totals(entry)
                for entry in ledger.check(open_state(settings.state_url), "night")
                if entry.stage in {"pull", "map", "load"}
            },
            ledger.coverage(open_state(settings.state_url)),
            [(each.landing, sorted(each.reasons.items())) for each in held_in_quarantine(Store(settings.data))],
            computed,
            published,
            own,
        )


def rows(path: str) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of HR's tables, without when they were made."""
    import duckdb

    with duckdb.connect(path, read_only=True) as database:
        found = {}
        for (name,) in database.sql(
            "select table_name from information_schema.tables where table_type = 'BASE TABLE'"
        ).fetchall():
            kept = [each for each in database.table(name).columns if each not in MADE_AT]
            found[name] = database.table(name).project(", ".join(f'"{each}"' for each in kept)).order("all").fetchall()
        return found


def held(lrs: Lrs) -> dict[str, str]:
    """All statements of the LRS by id, without what its clock and ours put there; a voiding tells when its records were pulled."""
    found = {}
    for statement in lrs.query():
        left_out = {"stored"} | ({"timestamp"} if statement["verb"]["id"].endswith("/voided") else set())
        found[statement["id"]] = json.dumps(
            {name: each for name, each in statement.items() if name not in left_out}, sort_keys=True
        )
    return found


def totals(entry: ledger.Entry) -> dict[str, Any]:
    """The counts of an entry that do not depend on how often its stage was tried."""
    counts = dict(entry.counts)
    counts.pop("requests", None)
    if entry.stage == "load":
        counts["in the LRS"] = counts.pop("stored") + counts.pop("already_there")
    return {"state": entry.state, **counts}


@pytest.fixture(scope="module")
def replay() -> Iterator[Running]:
    with running_replay(DEMO) as server:
        yield server


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stages]:
    process = Stages(tmp_path_factory.mktemp("stages"))
    yield process
    process.close()


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory, replay: Running, stages: Stages) -> Callable[..., Outcome]:
    """The calm night of each order, made once."""
    made: dict[tuple[int, bool], Outcome] = {}

    def of(order: int, publishes: bool = False) -> Outcome:
        if (order, publishes) not in made:
            folder = tmp_path_factory.mktemp("calm")
            made[order, publishes] = night(Plan(None), NIGHTS[order], folder, replay, stages, publishes=publishes)
        return made[order, publishes]

    return of


@pytest.mark.parametrize("number", range(NUMBERS))
def test_a_faulted_night_equals_the_calm_one(
    number: int, calm: Callable[..., Outcome], replay: Running, stages: Stages, tmp_path: Path
) -> None:
    if time.monotonic() - STARTED > MOST_S:
        pytest.skip(f"{MOST_S / 60:.0f} minutes are over: this night was not tried; LEERSTROOM_SOAK_MINUTES gives more")
    order, publishes = number % len(NIGHTS), number % COMPUTED == 8
    expected = calm(order, publishes)
    found = night(Plan(number), NIGHTS[order], tmp_path, replay, stages, publishes=publishes)
    assert sorted(found.statements) == sorted(expected.statements)
    assert found.statements == expected.statements
    assert found.mirrored == expected.mirrored == sorted(found.statements)
    assert found.ledger == expected.ledger
    assert found.coverage == expected.coverage
    assert found.quarantine == expected.quarantine
    assert found.values == expected.values
    assert found.tables == expected.tables
    assert sorted(found.own) == sorted(expected.own), "also what a killed stage began is gone"
    assert found.own == expected.own


def test_the_calm_nights_hold_what_the_faults_could_spoil(calm: Callable[..., Outcome]) -> None:
    chat, academy = calm(0, publishes=True), calm(1)
    assert any("/voided" in text for text in chat.statements.values())
    assert len(chat.statements) > 500
    assert len(academy.statements) > 250
    assert academy.quarantine
    assert len(chat.values) > 1000
    assert sum(map(len, chat.tables.values())) > 1000
    assert len(chat.own) > 10
