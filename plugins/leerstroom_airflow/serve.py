"""`make serve`: the demo organisation left running on loopback: Airflow, the LRS, the platforms, the report; `python -m leerstroom_airflow.serve`.

Plays the demo first where it has not been played yet. Ctrl-C ends everything.
"""

import sys
import time
from pathlib import Path

from rich.console import Console

from leerstroom.errors import LeerstroomError
from leerstroom_airflow.demo import play, read_summary, screen
from leerstroom_airflow.processes import DidNotStart, Processes, answers, processes
from leerstroom_airflow.town_hall import Installation, alone

_AIRFLOW = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),  # its log server would listen on all interfaces
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}


def main() -> int:
    """Entry point; 0 when it was ended by Ctrl-C."""
    console = screen()
    try:
        with alone():
            installation = Installation.prepare()
            with processes(installation.folder / "logs") as running:
                return _serve(installation, running, console)
    except LeerstroomError as error:
        console.print(f"\nServing ended: {error}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("\nEverything that was started has been ended.")
        return 0


def _serve(installation: Installation, running: Processes, console: Console) -> int:
    if read_summary(installation) is None:
        play(installation, running, console)
        running.running.pop("airflow", None)
        console.print()
    else:
        installation.start_lrs(running)
        installation.start_platforms(running)
    start_airflow(installation, running, console)
    report = f"http://127.0.0.1:{installation.ports['report']}/"
    running.start(
        "report",
        [
            sys.executable,
            "-m",
            "leerstroom_airflow.report_server",
            installation.folder / "hr",
            str(installation.ports["report"]),
        ],
    )
    running.wait_until("report", answers(report), 30)
    _tell(installation, console, report)
    while True:
        if name := running.ended():
            raise DidNotStart(f"{name} has ended; see {running.log(name)}{running.tail(name)}")
        time.sleep(1)


def start_airflow(installation: Installation, running: Processes, console: Console) -> None:
    """Starts Airflow's four processes, their database and pool first, and waits until all say that they are well."""
    installation.prepare_airflow()
    environment = installation.airflow_environment()
    console.print("Starting Airflow; this takes half a minute …")
    running.start("airflow-database", [sys.executable, "-m", "leerstroom_airflow.trial"], environment)
    if running.wait("airflow-database", 120) != 0:
        raise DidNotStart(
            f"Airflow's database cannot be made; see {running.log('airflow-database')}{running.tail('airflow-database')}"
        )
    del running.running["airflow-database"]
    airflow = Path(sys.executable).with_name("airflow")
    for name, command in _AIRFLOW.items():
        running.start(name, [airflow, *command], environment)
    health = f"http://127.0.0.1:{installation.ports['airflow']}/api/v2/monitor/health"
    running.wait_until("api-server", lambda: _healthy(health), 120)


def _healthy(url: str) -> bool:
    """Whether all of Airflow's processes say that they are well."""
    import json
    import urllib.request

    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - our own loopback address
            found = json.loads(response.read())
    except (OSError, ValueError):
        return False
    return all(
        (found.get(name) or {}).get("status") == "healthy"
        for name in ("metadatabase", "scheduler", "triggerer", "dag_processor")
    )


def _tell(installation: Installation, console: Console, report: str) -> None:
    airflow = f"http://127.0.0.1:{installation.ports['airflow']}"
    for name, what in (
        ("Airflow", f"{airflow}   user admin, password {installation.secrets['admin']}"),
        ("", f"{airflow}/dags/learning_nightly   trigger it with from 2026-11-09 and to 2026-11-15"),
        ("Ledger", f"{airflow}/plugin/leerstroom-ledger   once you are logged in"),
        ("Report", report),
        (
            "LRS",
            f"{installation.lrs}   key {installation.secrets['LEERSTROOM_LRS_KEY']}, secret {installation.secrets['LEERSTROOM_LRS_SECRET']}",
        ),
        ("Platforms", f"{installation.platforms}/_control"),
        ("Shell", f"set -a; . {installation.folder / 'environment'}; set +a; leerstroom ledger"),
    ):
        console.print(f"  {name:<10} {what}", markup=False)
    console.print("\nCtrl-C ends everything.")


if __name__ == "__main__":
    sys.exit(main())
