"""`make serve`: everything left running on loopback, Airflow, the LRS and the report; `python -m leerstroom_airflow.serve [SETTINGS]`.

Without a settings file the demo organisation and its replayed platforms, played first where that has not been done yet. With one, an organisation of
one's own: secrets that the environment does not hold are made and kept in `var/serve` beside the file. Ctrl-C ends everything.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console

from leerstroom.errors import LeerstroomError
from leerstroom.settings import Settings
from leerstroom_airflow.demo import play, read_summary, screen
from leerstroom_airflow.installation import Installation, alone
from leerstroom_airflow.processes import DidNotStart, Processes, answers, processes
from leerstroom_airflow.town_hall import FOLDER, TownHall

_PATIENCE_S = 300.0  # half a minute on a machine that does nothing else
_AIRFLOW = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),  # its log server would listen on all interfaces
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}


def main() -> int:
    """Entry point; 0 when it was ended by Ctrl-C."""
    parser = argparse.ArgumentParser(prog="make serve", description="Airflow, the LRS and the report, left running.")
    parser.add_argument("settings", nargs="?", type=Path, help="a settings file of your own; without one, the demo")
    asked = parser.parse_args()
    console = screen()
    try:
        if asked.settings:
            _serve_own(Installation.of(asked.settings), console)
        else:
            _serve_demo(console)
    except LeerstroomError as error:
        console.print(f"\nServing ended: {error}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("\nEverything that was started has been ended.")
    return 0


def _serve_demo(console: Console) -> None:
    with alone(FOLDER):
        installation = TownHall.prepare()
        with processes(installation.folder / "logs") as running:
            if read_summary(installation) is None:
                play(installation, running, console)
                running.running.pop("airflow", None)
                console.print()
            else:
                installation.start_lrs(running, installation.lrs)
                installation.start_platforms(running)
            start_airflow(installation, running, console)
            _start_report(installation, running, installation.folder / "hr")
            nightly = f"{installation.airflow_address}/dags/learning_nightly"
            _tell(console, [
                *_of_airflow(installation, f"{nightly}   trigger it with from 2026-11-09 and to 2026-11-15"),
                ("LRS", _of_lrs(installation, installation.lrs)),
                ("Platforms", f"{installation.platforms}/_control"),
                ("Shell", _shell(installation)),
            ])  # fmt: skip
            _watch(running)


def _serve_own(installation: Installation, console: Console) -> None:
    with alone(installation.folder), processes(installation.folder / "logs") as running:
        os.environ.update(installation.environment())
        settings = Settings.load(installation.settings_file)
        if installation.start_lrs(running, settings.lrs.endpoint):
            lrs = _of_lrs(installation, settings.lrs.endpoint)
        else:
            lrs = f"{settings.lrs.endpoint}   not started here"
        start_airflow(installation, running, console)
        connections = f"{installation.airflow_address}/connections"
        _tell(console, [
            *_of_airflow(installation, f"{installation.airflow_address}/dags/learning_nightly   unpause it for a night every night"),
            ("", f"{connections}   a connection a platform; docs/first-day.md"),
            ("Report", f"{settings.hr.out}   after the first night, as files: no server shows them, because it would ask nobody who they are"),
            ("LRS", lrs),
            ("Shell", _shell(installation)),
            ("Keep", f"{installation.folder / 'secrets.json'}   another pseudonym key makes everyone a stranger"),
        ])  # fmt: skip
        _watch(running)


def _watch(running: Processes) -> None:
    """Stays until a process ends, which is an error, or Ctrl-C."""
    while True:
        if name := running.ended():
            raise DidNotStart(f"{name} has ended; see {running.log(name)}{running.tail(name)}")
        time.sleep(1)


def _start_report(installation: Installation, running: Processes, folder: Path) -> None:
    port = installation.ports["report"]
    running.start("report", [sys.executable, "-m", "leerstroom_airflow.report_server", folder, str(port)])
    running.wait_until("report", answers(_report(installation)), 30)


def _report(installation: Installation) -> str:
    return f"http://127.0.0.1:{installation.ports['report']}/"


def start_airflow(installation: Installation, running: Processes, console: Console) -> None:
    """Starts Airflow's four processes, their database and pool first, and waits until all say that they are well."""
    installation.prepare_airflow()
    environment = installation.airflow_environment()
    console.print("Starting Airflow; this takes half a minute …")
    running.start("airflow-database", [sys.executable, "-m", "leerstroom_airflow.trial"], environment)
    if running.wait("airflow-database", _PATIENCE_S) != 0:
        raise DidNotStart(
            f"Airflow's database cannot be made; see {running.log('airflow-database')}{running.tail('airflow-database')}"
        )
    del running.running["airflow-database"]
    airflow = Path(sys.executable).with_name("airflow")
    for name, command in _AIRFLOW.items():
        running.start(name, [airflow, *command], environment)
    health = f"{installation.airflow_address}/api/v2/monitor/health"
    running.wait_until("api-server", lambda: _healthy(health), _PATIENCE_S)


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


def _of_airflow(installation: Installation, nightly: str) -> list[tuple[str, str]]:
    airflow = installation.airflow_address
    return [
        ("Airflow", f"{airflow}   user admin, password {installation.secrets['admin']}"),
        ("", nightly),
        ("Ledger", f"{airflow}/plugin/leerstroom-ledger   once you are logged in"),
    ]


def _of_lrs(installation: Installation, endpoint: str) -> str:
    key, secret = (installation.secrets[name] for name in ("LEERSTROOM_LRS_KEY", "LEERSTROOM_LRS_SECRET"))
    return f"{endpoint}   key {key}, secret {secret}"


def _shell(installation: Installation) -> str:
    return f"set -a; . {installation.folder / 'environment'}; set +a; leerstroom ledger"


def _tell(console: Console, lines: Iterable[tuple[str, str]]) -> None:
    for name, what in lines:
        console.print(f"  {name:<10} {what}", markup=False)
    console.print("\nCtrl-C ends everything.")


if __name__ == "__main__":
    sys.exit(main())
