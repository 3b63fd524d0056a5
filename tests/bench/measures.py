"""Every measure that the design sets, beside its reference and target, in one run; as a table and as JSON, with the machine.

    make bench                    all, at full size: about forty minutes on two cores
    make bench QUICK=1            a tenth of the size: says whether something is badly off, not whether a target holds
    python tests/bench/measures.py --only lrs indicators --json var/bench/measures.json

Each bench runs by itself, so that one does not disturb another; ratios are of one process beside another in turns, so they hold on a busy machine, and rates move with it.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from charts import whole_stages
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
Figures = Any  # JSON: an object, or a list of nights


@dataclass(frozen=True)
class Measure:
    """A line of the table. `found` takes the figure from what the bench wrote; it holds when at least (or at most) `target`, None: nothing is asked of it."""

    what: str
    bench: str
    found: Callable[[Figures], float]
    target: float | None
    at_least: bool
    reference: str
    stretch: str = ""

    def holds(self, value: float) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None:
            return None
        return value >= self.target if self.at_least else value <= self.target


def key(*path: str | int) -> Callable[[Figures], float]:
    """A figure by its place in what the bench wrote."""

    def at(figures: Figures) -> float:
        value: Any = figures
        for name in path:
            value = value[name]
        return float(value)

    return at


def night_growth(figures: Figures) -> float:
    """CPU of all stages and of the LRS in the larger night over that of the smaller one."""
    small, large = (sum(cost["cpu_s"] for cost in whole_stages(night).values()) for night in figures)
    return float(large / small)


MEASURES = (
    Measure("normalise Open edX, times ralph", "normalise", key("times_ralph"), 8, True, "ralph 5.1: 6,900/s", "12"),
    Measure("normalise, share of orjson loads + dumps", "normalise", key("share_of_loads_and_dumps"), 0.12, True, "450,000/s", "0.18"),
    Measure("validator, of 856 cases wrong", "validator", key("wrong"), 0, False, "jsonschema-rs 11, ralph 67"),
    Measure("validator, times ralph", "validator", key("times_ralph"), 8, True, "ralph: 6,500/s", "100,000/s"),
    Measure("LRS on SQLite, POST of 500, statements/s: the first tenth", "lrs", key("POST, first tenth, statements/s"), 5_000, True, "ADL LRS: 186/s"),
    Measure("LRS on SQLite, POST of 500, statements/s: the last tenth", "lrs", key("POST, last tenth, statements/s"), None, True, ""),
    Measure("LRS, ratio to bare SQLite on the same schema", "lrs", key("ratio to bare SQLite"), None, True, "bare: 1", "0.8"),
    Measure("LRS, agent + verb + since, limit 100, p95 ms", "lrs", key("agent+verb+since, limit 100, p95 ms"), 10, False, "bare SQLite: 0.2", "5"),
    Measure("LRS, sending again / first load", "lrs", key("sending again / first load"), 3, True, ""),
    Measure("LRS, read of 10 while two send, p99 ms", "lrs", key("read of 10 while two send, p99 ms"), 100, False, ""),
    Measure("LRS, everything read in pages, statements/s", "lrs", key("mirror, statements/s"), 20_000, True, ""),
    Measure("loader, µs of CPU a statement", "connector", key("loader_cpu_us"), 6, False, "http.client: 0.64", "3"),
    Measure("loader, times less than tincan.RemoteLRS", "connector", key("ratio"), 12, True, "tincan: 69 µs"),
    Measure("loader at 50 ms, wall / (answers x latency / in flight)", "connector", key("latency_ratio"), 1.3, False, "1"),
    Measure("mirror out of the LRS, statements/s", "connector", key("mirror_per_s"), 20_000, True, ""),
    Measure("mirror on disk / JSON lines under zstd 3", "connector", key("size_ratio"), 1.6, False, "84 B a statement"),
    Measure("eight indicators, CPU / SQL by hand", "indicators", key("eight", "all", "ratio"), 1.5, False, "pandas 1.5, Spark 11", "1.2"),
    Measure("whole catalogue, s of wall", "indicators", key("catalogue", "wall_s"), 60, False, "", "30"),
    Measure("whole catalogue, peak MB", "indicators", key("catalogue", "peak_mb"), 2_000, False, ""),
    Measure("catalogue, CPU for ten times the events", "indicators", key("growth_cpu"), 15, False, "a cliff seen elsewhere: 160", "10"),
    Measure("the indicator that grows most, CPU for ten times the events", "indicators", key("worst_growth", "times"), 15, False, "", "10"),
    Measure("the table that grows most, CPU for ten times the events", "indicators", key("worst_table", "times"), None, False, ""),
    Measure("night end to end, s of wall", "night", key(-1, "wall_s"), 300, False, "", "180"),
    Measure("night, pull to load, peak MB of a process", "night", key(-1, "edge_mb"), 500, False, ""),
    Measure("night, largest process, peak MB", "night", key(-1, "largest_mb"), 1_000, False, ""),
    Measure("night, CPU for ten times the records", "night", night_growth, 11, False, "", "10"),
    Measure("import of a Dag file over airflow.sdk, s of CPU", "dags", key("slowest_s"), 0.2, False, "pandas + duckdb + ibis: 2.7"),
)  # fmt: skip


def commands(*, quick: bool) -> dict[str, list[str]]:
    """Bench -> its arguments, at full size or a tenth of it."""
    part = 10 if quick else 1
    return {
        "dags": [],
        "normalise": ["--events", f"{50_000 // part}"],
        "validator": ["--statements", f"{20_000 // part}"],
        "connector": ["--statements", f"{1_000_000 // part}"],
        "lrs": ["--statements", f"{1_000_000 // part}"],
        "indicators": ["--rows", f"{10_000_000 // part}", "--employees", f"{50_000 // part}"],
        "night": ["--records", "100000"] if quick else ["--growth"],
    }


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    cpu = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), platform.processor()) if Path("/proc/cpuinfo").exists() else platform.processor()  # fmt: skip
    return {
        "when": datetime.now(UTC).isoformat(timespec="minutes"),
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "load_before": os.getloadavg()[0],
        "python": platform.python_version(),
        "system": platform.platform(),
        "leerstroom": version("leerstroom"),
    }


def run(bench: str, arguments: list[str], console: Console) -> Figures:
    """What a bench wrote; None when it failed, its last lines shown."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "figures.json"
        began = time.perf_counter()
        with console.status(f"{bench} {' '.join(arguments)}"):
            done = subprocess.run(
                [sys.executable, HERE / f"bench_{bench}.py", *arguments, "--json", target], capture_output=True, text=True, check=False
            )  # fmt: skip
        console.print(f"{bench}: {time.perf_counter() - began:.0f} s")
        if done.returncode or not target.exists():
            console.print(done.stdout[-1_000:] + done.stderr[-2_000:], style="red", markup=False)
            return None
        return json.loads(target.read_text())


def table(found: dict[str, Figures]) -> tuple[Table, list[dict[str, Any]]]:
    """The lines for eyes, and for machines."""
    shown = Table("what", "measured", "target", "stretch", "reference", "")
    lines = []
    for each in MEASURES:
        if each.bench not in found:
            continue
        try:
            value: float | None = each.found(found[each.bench] or {})
        except (KeyError, IndexError, ValueError):
            value = None
        holds = None if value is None else each.holds(value)
        target = "" if each.target is None else f"{'≥' if each.at_least else '≤'} {each.target:,g}"
        word = {None: "[yellow]not measured" if value is None else "", True: "[green]holds", False: "[red]misses"}[
            holds
        ]
        shown.add_row(each.what, "" if value is None else f"{value:,.4g}" if value < 1000 else f"{value:,.0f}", target, each.stretch, each.reference, word)  # fmt: skip
        lines.append({"what": each.what, "value": value, "target": target, "stretch": each.stretch, "reference": each.reference, "holds": holds})  # fmt: skip
    return shown, lines


def main() -> int:
    """Runs the benches one after another. 1 when a full-size target is missed or a bench failed."""
    every = commands(quick=False)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the size")
    parser.add_argument("--only", nargs="+", choices=list(every), metavar="BENCH", help=f"some of: {', '.join(every)}")
    parser.add_argument("--json", type=Path, default=ROOT / "var" / "bench" / "measures.json")
    arguments = parser.parse_args()
    console, on = Console(width=None if sys.stdout.isatty() else 160), machine()
    console.print(f"{on['cpu']}, {on['cores']} cores, {on['memory_gb']} GB, Python {on['python']}, load {on['load_before']:.1f}")  # fmt: skip
    if on["load_before"] > 1:
        console.print("the machine is busy: rates and wall times will be worse than they are", style="yellow")
    found = {
        bench: run(bench, options, console)
        for bench, options in commands(quick=arguments.quick).items()
        if not arguments.only or bench in arguments.only
    }
    shown, lines = table(found)
    console.print(shown)
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps({"machine": on, "quick": arguments.quick, "measures": lines, "figures": found}, indent=2))  # fmt: skip
    console.print(f"written: {arguments.json}")
    return int(None in found.values() or (not arguments.quick and any(line["holds"] is False for line in lines)))


if __name__ == "__main__":
    sys.exit(main())
