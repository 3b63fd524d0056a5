"""A night end to end: a generated organisation, served by replay, through every stage of the night into HR's tables.

    python tests/bench/bench_night.py                       1,000,000 records of 5,000 employees in four weeks
    python tests/bench/bench_night.py --records 10000       a small one
    python tests/bench/bench_night.py --growth              100,000 and 1,000,000, and how each stage grows
    python tests/bench/bench_night.py --only openedx,sheet  fewer platforms

The platforms and the LRS each run in a process of their own, and so does every stage, as an Airflow task does: start and imports are in its figures.
Two connections go on at a time (`--at-once`), as the Dag's do. Counts are checked against what was generated, and the ledger must balance.
Wall time moves with the machine; CPU is user + system. Memory is the peak of resident memory; `together` is that of the LRS and all stages that run, what they share counted once.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

UNTIL, DAYS, RECORDS_OF_ONE = date(2025, 11, 23), 28, 200
TARGETS = {  # of a night of a million; edge: pull, map and load; largest: the process that takes most
    "wall_s": 300.0,
    "edge_mb": 500.0,
    "largest_mb": 1000.0,
    "together_mb": 1000.0,
}
GROWTH = (100_000, 1_000_000)
CONNECTIONS = {"matrix": "chat", "moodle": "academy", "zoom": "webinars", "openedx": "courses", "sheet": "registers"}
EDGE = ("pull", "map", "load")
_TICK_S = 1.0  # walking the pages of a process holds it up


@dataclass
class Cost:
    """What one stage took: seconds on the clock and of CPU, and its peak in MB."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_mb: float = 0.0

    def add(self, other: "Cost") -> None:
        """The same stage of another connection: times add up, the higher peak counts."""
        self.wall_s += other.wall_s
        self.cpu_s += other.cpu_s
        self.peak_mb = max(self.peak_mb, other.peak_mb)


@dataclass
class Night:
    """The figures of one night."""

    records: int
    statements: int = 0
    employees: int = 0
    wall_s: float = 0.0
    together_mb: float = 0.0
    costs: dict[str, Cost] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain values, rounded."""
        costs = {name: {key: round(value, 2) for key, value in vars(cost).items()} for name, cost in self.costs.items()}
        return {
            "records": self.records, "statements": self.statements, "employees": self.employees, "wall_s": round(self.wall_s, 1),
            "edge_mb": round(self.edge_mb, 1), "largest_mb": round(self.largest_mb, 1), "together_mb": round(self.together_mb, 1), "stages": costs,
        }  # fmt: skip

    @property
    def edge_mb(self) -> float:
        """The highest peak of pull, map and load."""
        return max(cost.peak_mb for name, cost in self.costs.items() if name.split()[0] in EDGE)

    @property
    def largest_mb(self) -> float:
        """The highest peak of one process; the platforms and what generates them are not ours to count."""
        return max(cost.peak_mb for name, cost in self.costs.items() if name not in {"(generate)", "(platforms)"})


# --- a stage, in a process of its own -----------------------------------------------------------------------------------------------


def stage(asked: dict[str, Any]) -> None:
    """Runs one stage and prints its result with what it took."""
    from leerstroom import nightly
    from leerstroom.settings import Settings

    settings, run_id, name = Settings.load(asked["settings"]), "bench", asked["stage"]
    as_of = date.fromisoformat(asked["to"])
    shared: dict[str, Any] = {"settings": settings, "run_id": run_id}
    if name == "pull":
        start, end = nightly.local_window(date.fromisoformat(asked["from"]), as_of, settings.organisation.time_zone)
        found = nightly.pull(nightly.connection_of(settings, asked["connection"]), start, end, **shared)
    elif name == "map":
        found = nightly.map_landing(nightly.connection_of(settings, asked["connection"]), asked["path"], **shared)
    elif name == "load":
        found = nightly.load(asked["connection"], asked["path"], **shared)
    elif name == "settle":
        found = nightly.settle(**shared, expected=list(settings.connections))
    elif name == "mirror":
        found = nightly.mirror(**shared)
    else:
        found = {"indicators": nightly.compute, "publish": nightly.publish, "my_learning": nightly.my_learning}[name](
            **shared, as_of=as_of
        )
    used, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = used.ru_utime + used.ru_stime + children.ru_utime + children.ru_stime
    print(json.dumps({"found": found, "cpu_s": cpu_s, "peak_mb": _own_peak_mb()}, default=str))


def generate(asked: dict[str, Any]) -> None:
    """Writes the organisation."""
    from leerstroom.replay.organisation import Plan
    from leerstroom.replay.organisation import generate as generate_organisation

    plan = Plan(
        employees=asked["employees"], days=asked["days"], records=asked["records"], platforms=tuple(asked["platforms"]), until=UNTIL, seed=asked["seed"],
    )  # fmt: skip
    found = generate_organisation(Path(asked["folder"]), plan, address=asked["address"])
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"found": found, "cpu_s": used.ru_utime + used.ru_stime, "peak_mb": _own_peak_mb()}))


def _own_peak_mb() -> float:
    return _peak_mb(os.getpid())


def _peak_mb(pid: int) -> float:
    """VmHWM: unlike ru_maxrss it does not begin with the peak of the process that started this one."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _share_mb(pid: int) -> float:
    """PSS: what processes share, such as libraries, counts once for all of them."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# --- the night --------------------------------------------------------------------------------------------------------------------------


class Watch:
    """Runs stages and watches what the processes that count hold together."""

    def __init__(self, environment: dict[str, str], lrs: int) -> None:
        self._environment, self._counted = environment, {lrs}
        self.together_mb = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def run(self, asked: dict[str, Any]) -> tuple[Any, Cost]:
        """One stage; its result and its cost. Raises RuntimeError that names the stage."""
        begun = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, __file__, "--stage", json.dumps(asked)], stdout=subprocess.PIPE, env=self._environment
        )
        self._counted.add(process.pid)
        out, _ = process.communicate()
        self._counted.discard(process.pid)
        if process.returncode:
            raise RuntimeError(f"{asked['stage']} {asked.get('connection', '')} failed")
        told = json.loads(out.splitlines()[-1])
        return told["found"], Cost(time.perf_counter() - begun, told["cpu_s"], told["peak_mb"])

    def close(self) -> None:
        """Stops watching."""
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(_TICK_S):
            held = 0.0
            for pid in list(self._counted):
                try:
                    held += _share_mb(pid)
                except OSError:
                    continue
            self.together_mb = max(self.together_mb, held)


def night(records: int, employees: int, platforms: list[str], folder: Path, *, at_once: int, seed: int = 1) -> Night:
    """Generates, serves, pulls, loads, computes and publishes; checks the counts."""
    from leerstroom.lrs import running

    first = UNTIL - timedelta(days=DAYS - 1)
    port = _free_port()
    wished = {
        "employees": employees, "days": DAYS, "records": records, "platforms": platforms, "seed": seed, "folder": str(folder / "made"),
        "address": f"http://127.0.0.1:{port}",
    }  # fmt: skip
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, __file__, "--generate", json.dumps(wished)], stdout=subprocess.PIPE, check=True
    )
    made = json.loads(done.stdout)
    truth = made["found"]
    costs = {"(generate)": Cost(time.perf_counter() - begun, made["cpu_s"], made["peak_mb"])}
    with _served(folder / "made", port) as replay, running(f"sqlite:///{folder}/lrs.sqlite") as lrs:
        environment = {
            **os.environ,
            "LEERSTROOM_LRS__ENDPOINT": lrs.endpoint,
            "LEERSTROOM_LRS_KEY": lrs.key,
            "LEERSTROOM_LRS_SECRET": lrs.secret,
            "LEERSTROOM_PSEUDONYM_KEY": "a key of the bench only",
        }
        watch = Watch(environment, lrs.pid)
        shared = {
            "settings": str(folder / "made" / "leerstroom.yaml"),
            "from": first.isoformat(),
            "to": UNTIL.isoformat(),
        }
        begun, found = time.perf_counter(), _Checked(truth)

        def chain(platform: str) -> None:
            connection = {**shared, "connection": CONNECTIONS[platform]}
            pulled, cost = watch.run({**connection, "stage": "pull"})
            found.add(f"pull {platform}", cost)
            mapped, cost = watch.run({**connection, "stage": "map", "path": pulled["path"]})
            found.add(f"map {platform}", cost)
            loaded, cost = watch.run({**connection, "stage": "load", "path": mapped["path"]})
            found.add(f"load {platform}", cost)
            found.check(platform, pulled["counts"], mapped["counts"], loaded["counts"])

        try:
            with ThreadPoolExecutor(at_once) as pool:
                for each in [pool.submit(chain, platform) for platform in _longest_first(truth)]:
                    each.result()
            lrs_cpu_s = _cpu_s(lrs.pid)
            costs["(lrs: loading)"] = Cost(0.0, lrs_cpu_s, _peak_mb(lrs.pid))
            told: dict[str, Any] = {}

            def one(name: str) -> None:
                told[name], cost = watch.run({**shared, "stage": name})
                found.add(name, cost)

            one("mirror")
            assert told["mirror"]["counts"]["new"] == found.in_lrs, (told["mirror"], found.in_lrs)
            costs["(lrs: mirror)"] = Cost(0.0, _cpu_s(lrs.pid) - lrs_cpu_s, _peak_mb(lrs.pid))
            one("indicators")
            with ThreadPoolExecutor(at_once) as pool:  # as in the Dag, where neither waits for the other
                list(pool.map(one, ("publish", "my_learning")))
            assert Path(told["publish"]["report"]).stat().st_size > 10_000
            assert told["my_learning"]["counts"]["files"] == employees
            one("settle")
            assert told["settle"]["state"] == "complete", told["settle"]
            assert told["settle"]["counts"]["pulled"] == truth["records"]
        finally:
            watch.close()
        wall_s = time.perf_counter() - begun
        costs["(platforms)"] = Cost(0.0, _cpu_s(replay), _peak_mb(replay))
    return Night(truth["records"], found.in_lrs, employees, wall_s, watch.together_mb, {**found.costs, **costs})


def _longest_first(truth: dict[str, Any]) -> list[str]:
    return sorted(truth["platforms"], key=lambda name: -truth["platforms"][name]["records"])


class _Checked:
    """Costs by stage, and the counts of the connections against what was generated."""

    def __init__(self, truth: dict[str, Any]) -> None:
        self._truth = truth
        self.costs: dict[str, Cost] = {}
        self.in_lrs = 0
        self._lock = threading.Lock()

    def add(self, name: str, cost: Cost) -> None:
        """One more stage; those of connections also under the name of the stage."""
        with self._lock:
            for each in dict.fromkeys((name.split()[0], name)):
                self.costs.setdefault(each, Cost()).add(cost)

    def check(self, platform: str, pulled: dict[str, Any], mapped: dict[str, Any], loaded: dict[str, Any]) -> None:
        """Raises AssertionError when a count differs from the truth."""
        told = self._truth["platforms"][platform]
        assert pulled["pulled"] == mapped["pulled"] == told["records"], (platform, pulled, told)
        assert mapped["built"] == sum(told["statements"].values()), (platform, mapped, told)
        assert sum(mapped["ignored"].values()) == told["ignored"], (platform, mapped, told)
        assert not mapped["quarantined"], (platform, mapped)
        assert loaded["stored"] == loaded["built"] + loaded["voids"] - loaded["superseded"], (platform, loaded)
        with self._lock:
            self.in_lrs += loaded["stored"]


@contextmanager
def _served(folder: Path, port: int) -> Iterator[int]:
    """The recordings as the platforms' APIs, in a process of its own, whose number is given."""
    import urllib.request

    command = [str(Path(sys.executable).with_name("leerstroom")), "replay", str(folder), "--port", str(port)]
    if not any((folder / name).is_dir() for name in ("matrix", "moodle", "zoom")):
        command = [sys.executable, "-c", "import time; time.sleep(1e6)"]  # files alone need no server
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        for _ in range(1200):
            if "replay" not in command:
                break
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_control", timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- the command line -----------------------------------------------------------------------------------------------------------------------


def table(nights: list[Night], tell: Callable[[str], None] = print) -> None:
    """The costs of each stage; of two nights also how they grow."""
    for each in nights:
        tell(f"{each.records:,} records, {each.statements:,} statements, {each.employees:,} employees: {each.wall_s:.0f} s; pull, map and load {each.edge_mb:.0f} MB, the largest process {each.largest_mb:.0f} MB, all together {each.together_mb:.0f} MB")  # fmt: skip
        tell(f"{'stage':24}{'wall s':>9}{'CPU s':>9}{'peak MB':>9}")
        for name, cost in each.costs.items():
            indent = "  " if " " in name and name[0] != "(" else ""
            tell(f"{indent + name:24}{cost.wall_s:9.1f}{cost.cpu_s:9.1f}{cost.peak_mb:9.0f}")
    if len(nights) == 2:
        small, large = nights
        tell(f"from {small.records:,} to {large.records:,} records (x {large.records / small.records:.1f}): CPU, peak")
        for name, cost in large.costs.items():
            before = small.costs[name]
            if before.cpu_s:
                tell(f"{name:24}{cost.cpu_s / before.cpu_s:8.1f} x{cost.peak_mb / max(before.peak_mb, 1):8.1f} x")
        tell(f"{'wall':24}{large.wall_s / small.wall_s:8.1f} x")
    last = nights[-1].as_json()
    for name, most in TARGETS.items():
        tell(f"{name:24}{last[name]:10,.0f}   ≤ {most:,.0f} at 1,000,000")


def main() -> None:
    """Reads the options, runs the nights, prints and writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=GROWTH[-1])
    parser.add_argument("--employees", type=int, help=f"one for {RECORDS_OF_ONE} records by default")
    parser.add_argument("--only", default=",".join(CONNECTIONS), help="platforms")
    parser.add_argument("--at-once", type=int, default=2, help="connections at a time")
    parser.add_argument("--growth", action="store_true", help="100,000 and 1,000,000")
    parser.add_argument("--keep", type=Path, help="a folder that is kept, for a closer look")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    parser.add_argument("--generate", help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.stage or told.generate:
        (stage if told.stage else generate)(json.loads(told.stage or told.generate))
        return
    nights = []
    for records in GROWTH if told.growth else (told.records,):
        folder = told.keep or Path(tempfile.mkdtemp(prefix="leerstroom-night-"))
        folder.mkdir(parents=True, exist_ok=True)
        try:
            employees = told.employees or max(20, records // RECORDS_OF_ONE)
            nights.append(night(records, employees, told.only.split(","), folder, at_once=told.at_once))
        finally:
            if not told.keep:
                shutil.rmtree(folder, ignore_errors=True)
    table(nights)
    if told.json:
        told.json.write_text(json.dumps([each.as_json() for each in nights], indent=1) + "\n")


if __name__ == "__main__":
    main()
