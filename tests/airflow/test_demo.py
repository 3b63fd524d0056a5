"""The front door, as a stranger opens it: the demo twice, from any folder, and nothing left running."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("demo")]


def demo(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The demo with an empty home, in a folder of its own; `var/demo` appears there."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "LEERSTROOM"))}
    return subprocess.run(
        [sys.executable, "-m", "leerstroom_airflow.demo", *options],
        cwd=folder,
        env={**environment, "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=600,
    )


def below(folder: Path) -> list[str]:
    """Command lines of processes that know the folder."""
    found = []
    for each in Path("/proc").iterdir():
        try:
            line = (each / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(folder) in line:
                found.append(line)
        except OSError:
            continue
    return found


def summary(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "var" / "demo" / "summary.json").read_text())


@pytest.fixture(scope="module")
def played(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, list[subprocess.CompletedProcess[str]], list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("demo")
    runs, summaries = [], []
    for _ in range(2):
        runs.append(demo(folder))
        assert runs[-1].returncode == 0, runs[-1].stdout + runs[-1].stderr
        summaries.append(summary(folder))
    return folder, runs, summaries


def test_the_first_demo_stores_three_complete_weeks_of_all_four_platforms(played: Any) -> None:
    _, runs, (first, _) = played
    assert first["state"] == "complete"
    assert [week["state"] for week in first["weeks"]] == ["complete"] * 3
    assert first["statements_stored"] > 1000
    assert first["quarantined"] >= 3
    for name in ("chat", "academy", "webinars", "registers"):
        assert f"{name}: " in runs[0].stdout
    assert "The ledger" in runs[0].stdout
    assert "line 8" in runs[0].stdout


def test_report_workbook_and_tables_are_where_the_demo_says(played: Any) -> None:
    folder, runs, (first, _) = played
    for name in ("report", "workbook", "tables"):
        assert Path(first[name]).stat().st_size > 1000
        assert os.path.relpath(first[name], folder) in runs[0].stdout


def test_a_second_demo_adds_no_statement_and_changes_no_value(played: Any) -> None:
    _, _, (first, second) = played
    assert second["statements_stored"] == 0
    assert second["voids"] == 0
    assert second["statements_already_there"] > 0
    assert second["values_digest"] == first["values_digest"]
    assert second["values_changed"] is False


def test_secrets_are_their_owner_s_alone_and_in_no_log(played: Any) -> None:
    folder, runs, _ = played
    place = folder / "var" / "demo"
    for name in ("secrets.json", "environment", "airflow/passwords.json"):
        assert stat.S_IMODE((place / name).stat().st_mode) == 0o600
    secrets = json.loads((place / "secrets.json").read_text())
    texts = [run.stdout + run.stderr for run in runs] + [
        log.read_text(errors="replace") for log in (place / "logs").glob("*.log")
    ]
    assert [name for name, secret in secrets.items() if any(secret in text for text in texts)] == []
    assert not any(secret in (place / "leerstroom.yaml").read_text() for secret in secrets.values())


def test_nothing_is_left_running_and_nothing_is_put_into_the_home(played: Any) -> None:
    folder, _, _ = played
    assert below(folder) == []
    assert not (folder / "home" / "airflow").exists()


def test_an_interrupted_demo_leaves_nothing_running_and_goes_on_later(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    started = subprocess.Popen(
        [sys.executable, "-m", "leerstroom_airflow.demo"],
        cwd=tmp_path,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "LEERSTROOM"))},
            "HOME": str(home),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    state = tmp_path / "var" / "demo" / "data" / "landing"
    deadline = time.monotonic() + 120
    while not state.exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    started.send_signal(signal.SIGTERM)
    assert started.wait(30) == 130
    assert below(tmp_path) == []
    again = demo(tmp_path)
    assert again.returncode == 0, again.stdout
    assert summary(tmp_path)["state"] == "complete"


def test_two_demos_at_a_time_are_refused(tmp_path: Path) -> None:
    import fcntl

    place = tmp_path / "var" / "demo"
    place.mkdir(parents=True)
    with (place / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = demo(tmp_path)
    assert refused.returncode == 1
    assert "another make demo" in refused.stdout
