"""`make demo`: three recorded weeks of a town hall through the real Dag, in plain words; `python -m leerstroom_airflow.demo [--clean]`.

Starts the embedded LRS and the replayed platforms as processes, runs `learning_nightly` once a week of recordings through Airflow, and tells what
happened, with the ledger and the places of report, workbook and tables. `var/demo/summary.json` says the same for a machine. A second time
everything is there already: it adds nothing and changes no value.
"""

import argparse
import hashlib
import json
import os
import shutil
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from leerstroom import ledger, nightly
from leerstroom.errors import LeerstroomError
from leerstroom.ledger import Entry
from leerstroom.settings import Settings
from leerstroom.state import open_state
from leerstroom_airflow import telling
from leerstroom_airflow.installation import alone
from leerstroom_airflow.processes import Processes, processes
from leerstroom_airflow.town_hall import FOLDER, WEEKS, ZONE, TownHall, connections

_LONGEST_S = 900.0
_SUMMARY = "summary.json"
_RESULTS = ("report", "workbook", "tables")


def main() -> int:
    """Entry point; 0 when all three weeks are complete."""
    parser = argparse.ArgumentParser(
        prog="make demo", description="Three recorded weeks of a town hall through the real Dag."
    )
    parser.add_argument("--clean", action="store_true", help="forget the demo before it starts")
    asked = parser.parse_args()
    console = screen()
    try:
        with alone(FOLDER):
            if asked.clean:
                forget()
            installation = TownHall.prepare()
            with processes(installation.folder / "logs") as running:
                return play(installation, running, console)
    except LeerstroomError as error:
        console.print(f"\nThe demo did not succeed: {error}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("\nInterrupted. Everything that was started has been ended; make demo goes on where it was.")
        return 130


def screen() -> Console:
    """A console wide enough for the ledger, also in a pipe."""
    return Console(width=max(Console().width, 132), highlight=False, soft_wrap=True)


def forget() -> None:
    """Empties the folder of the demo, its lock apart."""
    for path in FOLDER.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != ".lock":
            path.unlink()


@dataclass(frozen=True, slots=True)
class Played:
    """What the weeks did: a dictionary a run, as `trial` tells it, the ledger's entries of these runs, and the code Airflow ended with."""

    runs: list[dict[str, Any]]
    entries: list[Entry]
    code: int


def play(installation: TownHall, running: Processes, console: Console) -> int:
    """Plays all weeks, tells what happened and writes `summary.json`; 0 when every week is complete."""
    started = time.monotonic()
    before = read_summary(installation)
    console.print(
        "[bold]Leerstroom[/bold]: three recorded weeks of Gemeente Voorbeeldstad, a town hall that does not exist.\n"
    )
    installation.start_lrs(running, installation.lrs)
    installation.start_platforms(running)
    console.print(f"The learning record store answers at {installation.lrs}")
    console.print(f"The platforms are replayed at {installation.platforms}; the registers are files.")
    console.print(
        f"Airflow runs the Dag learning_nightly once a week of recordings; its log: {_shown(running.log('airflow'))}"
    )
    played = _weeks(installation, running, console, again=before is not None)
    summary = _summary(installation, played, before, time.monotonic() - started)
    (installation.folder / _SUMMARY).write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
    _conclude(console, installation, played, summary)
    return 0 if summary["state"] == "complete" else 1


def read_summary(installation: TownHall) -> dict[str, Any] | None:
    """What an earlier demo wrote here, or None."""
    file = installation.folder / _SUMMARY
    return dict(json.loads(file.read_text())) if file.exists() else None


def _weeks(installation: TownHall, running: Processes, console: Console, *, again: bool) -> Played:
    installation.prepare_airflow()
    os.environ.update(installation.environment())
    engine = open_state(Settings.load(installation.settings_file).state_url)
    results = running.logs / "runs.jsonl"
    results.unlink(missing_ok=True)
    # once all weeks have been seen, time does not go back: a week is asked for again, not lived again
    last_moment = nightly.local_window(*WEEKS[-1], ZONE)[1] + timedelta(hours=2)
    begun = datetime.now(UTC)
    running.start(
        "airflow",
        [
            *(sys.executable, "-m", "leerstroom_airflow.trial"),
            *(f"{first}..{last}" for first, last in WEEKS),
            *("--results", results, "--clock", f"{installation.platforms}/_control"),
            *(("--not-before", last_moment.isoformat()) if again else ()),
        ],
        installation.airflow_environment(),
    )

    def entries() -> list[Entry]:
        return [entry for entry in ledger.entries(engine) if telling.aware(entry.at) >= begun]

    tell = telling.narrator(console, ZONE)
    code = running.wait("airflow", _LONGEST_S, meanwhile=lambda: tell(entries()))
    runs = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    if len(runs) < len(WEEKS):
        raise LeerstroomError(
            f"Airflow ran {len(runs)} of {len(WEEKS)} weeks and ended with code {code}; see {running.log('airflow')}{running.tail('airflow')}"
        )
    return Played(runs, entries(), code)


def _summary(installation: TownHall, played: Played, before: dict[str, Any] | None, seconds: float) -> dict[str, Any]:
    nights = [
        run.get("settle") or {"state": run["state"], "unfinished": ["settle did not run"], "counts": {}}
        for run in played.runs
    ]
    published = played.runs[-1].get("publish") or {}
    digest = _digest(installation)
    complete = played.code == 0 and all(night["state"] == "complete" for night in nights)

    def counted(name: str) -> int:
        return sum(night["counts"].get(name, 0) for night in nights)

    return {
        "state": "complete" if complete else "partial",
        "statements_stored": counted("stored"),
        "statements_already_there": counted("already_there"),
        "quarantined": counted("quarantined"),
        "records_pulled": counted("pulled"),
        "ignored": counted("ignored"),
        "voids": counted("voids"),
        **{name: published.get(name) for name in _RESULTS},
        "seconds": round(seconds, 1),
        "values_digest": digest,
        "values_changed": before is not None and before.get("values_digest") != digest,
        "weeks": [
            {"from": run["first"], "to": run["last"], "run_id": run["run_id"], "airflow": run["state"], **night}
            for run, night in zip(played.runs, nights, strict=True)
        ],
    }


def _digest(installation: TownHall) -> str | None:
    """SHA-256 of the indicator values as of the last day, in a fixed order and without the time at which they were computed."""
    file = installation.folder / "data" / "indicators" / f"as_of={WEEKS[-1][1]}" / "indicator_values.parquet"
    if not file.exists():
        return None
    import duckdb

    with duckdb.connect() as database:
        rows = database.execute(
            "select * exclude (computed_at) from read_parquet(?, hive_partitioning = false) order by all", [str(file)]
        ).fetchall()
    return hashlib.sha256("\n".join(map(repr, rows)).encode()).hexdigest()


def _conclude(console: Console, installation: TownHall, played: Played, summary: dict[str, Any]) -> None:
    console.print()
    console.print(telling.table(played.entries, ZONE))
    if reasons := telling.quarantine(played.entries):
        console.print("In quarantine, with the reason:")
        for connection, reason, number in reasons[:12]:
            console.print(f"  {number:,} of {connection}: {reason}", markup=False)
    console.print(
        f"\n{summary['records_pulled']:,} records became {summary['statements_stored']:,} new statements; "
        f"{summary['statements_already_there']:,} were there already. {summary['ignored']:,} records were ignored and "
        f"{summary['quarantined']:,} are in quarantine, each with its reason. The ledger balances."
        if summary["state"] == "complete"
        else "\n[red]Not every week is complete:[/red] "
        + "; ".join(
            f"{week['from']}: {', '.join(week['unfinished'])}" for week in summary["weeks"] if week["unfinished"]
        )
    )
    if summary["values_changed"]:
        console.print("[red]Indicator values differ from those of the demo before.[/red]")
    for name in _RESULTS:
        console.print(f"  {name:<9} {_shown(Path(summary[name])) if summary[name] else 'was not written'}")
    console.print(f"  {'summary':<9} {_shown(installation.folder / _SUMMARY)}")
    console.print(
        f"\nDone in {summary['seconds']:.0f} s. make demo again adds nothing; make serve leaves it running; make demo CLEAN=1 starts anew."
    )


def _shown(path: Path) -> str:
    """A path as short as a person at this prompt needs it."""
    return os.path.relpath(path) if path.resolve().is_relative_to(Path.cwd()) else str(path)


__all__ = ["connections", "main", "play"]

if __name__ == "__main__":
    sys.exit(main())
