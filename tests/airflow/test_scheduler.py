"""Once through everything that `make serve` starts: a real scheduler, workers as processes, the API, a connection made as the form makes it."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from leerstroom import ledger
from leerstroom.nightly import lrs_of
from leerstroom.settings import Settings
from leerstroom.state import open_state
from leerstroom_airflow.processes import Processes, processes
from leerstroom_airflow.serve import start_airflow
from leerstroom_airflow.town_hall import Installation

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("demo")]
DAG = "/api/v2/dags/learning_nightly"


class Served:
    """A running installation and its API as user admin."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.address = f"http://127.0.0.1:{installation.ports['airflow']}"
        self.token = ""
        self.token = self.ask("POST", "/auth/token", {"username": "admin", "password": installation.secrets["admin"]})[
            "access_token"
        ]

    def ask(self, method: str, path: str, body: Any = None, *, anonymous: bool = False) -> Any:
        request = urllib.request.Request(
            self.address + path,
            json.dumps(body).encode() if body is not None else None,
            {"Content-Type": "application/json"} | ({} if anonymous else {"Authorization": f"Bearer {self.token}"}),
            method=method,
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            text = response.read().decode()
        return json.loads(text) if text.startswith(("{", "[")) else text

    def run(self, **conf: str) -> dict[str, Any]:
        """Triggers a run as the form does, and waits for its end."""
        started = self.ask("POST", f"{DAG}/dagRuns", {"logical_date": None, "conf": conf})
        deadline = time.monotonic() + 300
        while True:
            found = self.ask("GET", f"{DAG}/dagRuns/{started['dag_run_id']}")
            if found["state"] in {"success", "failed"} and (found["note"] or found["state"] == "failed"):
                return found
            assert time.monotonic() < deadline, f"the run is still {found['state']}"
            time.sleep(1)

    def tasks(self, run: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
        """(task, what it is mapped over) -> task instance."""
        found = self.ask("GET", f"{DAG}/dagRuns/{run['dag_run_id']}/taskInstances?limit=100")["task_instances"]
        return {(each["task_id"], each["rendered_map_index"] or ""): each for each in found}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    installation = Installation.prepare(folder)
    with processes(folder / "logs") as running:
        installation.start_lrs(running)
        installation.start_platforms(running)
        start_airflow(installation, running, Console(quiet=True))
        made = Served(installation)
        deadline = time.monotonic() + 90
        while not made.ask("GET", "/api/v2/dags")["dags"]:
            assert time.monotonic() < deadline, "the Dag was not found"
            time.sleep(1)
        made.ask("PATCH", DAG, {"is_paused": False})
        yield made
        _nothing_listens_outside(running)


def _nothing_listens_outside(running: Processes) -> None:
    """No process of ours may be reached from another machine."""
    groups = {process.pid for process in running.running.values()}
    mine = set()
    for each in Path("/proc").glob("[0-9]*"):
        try:
            if int((each / "stat").read_text().rsplit(")", 1)[1].split()[2]) in groups:
                mine |= {
                    link.readlink().name
                    for link in (each / "fd").iterdir()
                    if str(link.readlink()).startswith("socket:")
                }
        except OSError:
            continue
    for table, wildcard in (("tcp", "00000000"), ("tcp6", "0" * 32)):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[1].split(":")[0] == wildcard:
                assert f"socket:[{fields[9]}]" not in mine, f"a process of ours listens on all interfaces: {fields[1]}"


@pytest.fixture(scope="module")
def week(served: Served) -> dict[str, Any]:
    """The run of a whole week."""
    return served.run(**{"from": "2026-11-02", "to": "2026-11-08"})


@pytest.fixture(scope="module")
def partial(served: Served, week: dict[str, Any]) -> dict[str, Any]:
    """A run with one connection, made as the form makes it, whose token is refused."""
    chat = {"conn_type": "leerstroom_matrix", "host": f"{served.installation.platforms}/matrix", "password": "wrong"}
    served.ask(
        "POST", "/api/v2/connections", {"connection_id": "second", **chat, "extra": json.dumps({"rooms": "#a:b"})}
    )
    served.ask("POST", "/api/v2/variables", {"key": "leerstroom_connections", "value": "second"})
    run = served.run(**{"from": "2026-11-08"})
    served.ask("DELETE", "/api/v2/variables/leerstroom_connections")
    return run


def test_a_night_through_the_scheduler_is_green_and_says_so(served: Served, week: dict[str, Any]) -> None:
    run = week
    assert run["state"] == "success", served.tasks(run)
    assert run["note"].startswith("**Complete night**")
    tasks = served.tasks(run)
    for name in ("chat", "academy", "webinars", "registers"):
        for stage in ("pull", "map", "load"):
            assert tasks[f"source.{stage}", name]["state"] == "success"
    events = served.ask("GET", "/api/v2/assets/events?limit=100")["asset_events"]
    ours = [event for event in events if event["source_run_id"] == run["dag_run_id"]]
    assert len(ours) == 4
    assert {event["extra"]["state"] for event in ours} == {"complete"}


def test_a_connection_of_the_form_that_is_refused_makes_a_partial_night_without_a_second_try(
    served: Served, partial: dict[str, Any]
) -> None:
    run = partial
    assert run["state"] == "success"
    assert run["note"].startswith("**Partial night**: second (pull failed)")
    tasks = served.tasks(run)
    assert tasks["source.pull", "second"]["state"] == "failed"
    assert tasks["source.pull", "second"]["try_number"] == 1
    assert tasks["source.load", "chat"]["state"] == "success"


@pytest.mark.usefixtures("partial")
def test_the_ledger_s_page_shows_the_nights_and_is_closed_to_the_anonymous(served: Served) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        served.ask("GET", "/leerstroom/", anonymous=True)
    assert refused.value.code == 401
    page = served.ask("GET", "/leerstroom/")
    for said in ("Gemeente Voorbeeldstad", "2026-11-02 – 2026-11-08", "second", "complete", "partial"):
        assert said in page


@pytest.mark.usefixtures("partial")
def test_secrets_of_a_connection_are_not_shown(served: Served) -> None:
    shown = json.dumps(served.ask("GET", "/api/v2/connections"))
    assert "wrong" not in shown


def test_the_form_s_test_button_tells_what_is_wrong(served: Served) -> None:
    body = {"connection_id": "third", "conn_type": "leerstroom_matrix", "host": f"{served.installation.platforms}/matrix", "password": "wrong", "extra": '{"rooms": "#a:b"}'}  # fmt: skip
    told = served.ask("POST", "/api/v2/connections/test", body)
    assert told["status"] is False
    assert "401" in told["message"] or "refused" in told["message"]


@pytest.mark.usefixtures("week")
def test_days_by_backfill_backwards_add_nothing_to_the_week_that_was_pulled_as_one(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in served.installation.environment().items():
        monkeypatch.setenv(name, value)
    settings = Settings.load(served.installation.settings_file)
    before = {statement["id"] for statement in lrs_of(settings).query()}
    assert before
    backfill = served.ask(
        "POST",
        "/api/v2/backfills",
        {
            "dag_id": "learning_nightly",
            "from_date": "2026-11-02T00:00:00+01:00",
            "to_date": "2026-11-05T00:00:00+01:00",
            "run_backwards": True,
            "reprocess_behavior": "none",
            "max_active_runs": 1,
        },
    )
    deadline = time.monotonic() + 400
    while not (found := served.ask("GET", f"/api/v2/backfills/{backfill['id']}"))["completed_at"]:
        assert time.monotonic() < deadline, found
        time.sleep(2)
    runs = served.ask("GET", f"{DAG}/dagRuns?run_type=backfill&limit=50")["dag_runs"]
    assert len(runs) >= 3
    assert {run["state"] for run in runs} == {"success"}
    assert {statement["id"] for statement in lrs_of(settings).query()} == before
    names = {run["dag_run_id"] for run in runs}
    entries = ledger.entries(open_state(settings.state_url))
    assert len({entry.window_start for entry in entries if entry.run_id in names and entry.stage == "pull"}) == len(
        runs
    )
