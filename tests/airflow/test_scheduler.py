"""Once through everything that `make serve` starts: a real scheduler, workers as processes, the API, a connection made as the form makes it.

Airflow's own database is PostgreSQL where the machine has one (LocalExecutor), and once more with Celery over Redis.
"""

import json
import shutil
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from leerstroom import ledger
from leerstroom.nightly import full_directory_of, lrs_of, pseudonyms_of
from leerstroom.settings import Settings
from leerstroom.state import open_state
from leerstroom_airflow.processes import Processes, free_ports, processes
from leerstroom_airflow.serve import start_airflow
from leerstroom_airflow.town_hall import ROOT, Installation

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200), pytest.mark.xdist_group("demo")]
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
        deadline = time.monotonic() + 600
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


POSTGRESQL = "postgresql+psycopg://postgres@127.0.0.1:5432"


@contextmanager
def metadata_database() -> Iterator[dict[str, str]]:
    """Variables that give Airflow an empty PostgreSQL database; none, and so SQLite, where there is no server."""
    import psycopg

    name = f"airflow_{uuid.uuid4().hex[:12]}"
    try:
        server = psycopg.connect("postgresql://postgres@127.0.0.1:5432/postgres", autocommit=True, connect_timeout=3)
    except psycopg.Error:
        yield {}
        return
    with server:
        server.execute(f'CREATE DATABASE "{name}"')
        url = f"{POSTGRESQL}/{name}"
        try:
            yield {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": url}
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def serving(folder: Path, variables: Mapping[str, str], worker: Sequence[str] = ()) -> Iterator[Served]:
    """A whole installation; with `worker` also a process that takes tasks from a queue."""
    installation = replace(Installation.prepare(folder), airflow=variables)
    with processes(folder / "logs") as running:
        installation.start_lrs(running)
        installation.start_platforms(running)
        start_airflow(installation, running, Console(quiet=True))
        if worker:
            running.start("worker", worker, installation.airflow_environment())
        made = Served(installation)
        deadline = time.monotonic() + 90
        while len(made.ask("GET", "/api/v2/dags")["dags"]) < len(list((ROOT / "dags").glob("*.py"))):
            assert time.monotonic() < deadline, "not every Dag was found"
            time.sleep(1)
        made.ask("PATCH", DAG, {"is_paused": False})
        yield made
        _nothing_listens_outside(running)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Airflow with the LocalExecutor."""
    with metadata_database() as variables, serving(tmp_path_factory.mktemp("served"), variables) as made:
        yield made


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
            "to_date": "2026-11-09T00:00:00+01:00",
            "run_backwards": True,
            "reprocess_behavior": "none",
            "max_active_runs": 1,
        },
    )
    deadline = time.monotonic() + 800
    while not (found := served.ask("GET", f"/api/v2/backfills/{backfill['id']}"))["completed_at"]:
        assert time.monotonic() < deadline, found
        time.sleep(2)
    runs = served.ask("GET", f"{DAG}/dagRuns?run_type=backfill&limit=50")["dag_runs"]
    assert len(runs) >= 7
    assert {run["state"] for run in runs} == {"success"}
    assert {statement["id"] for statement in lrs_of(settings).query()} == before
    names = {run["dag_run_id"] for run in runs}
    entries = ledger.entries(open_state(settings.state_url))
    assert len({entry.window_start for entry in entries if entry.run_id in names and entry.stage == "pull"}) == len(
        runs
    )


def wait_for(ask: Callable[[], Any], within_s: float = 480) -> Any:
    """What `ask` gives as soon as it gives something."""
    deadline = time.monotonic() + within_s
    while not (found := ask()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(1)
    return found


def test_hr_s_tables_start_the_check_of_quality(served: Served, week: dict[str, Any]) -> None:
    served.ask("PATCH", "/api/v2/dags/learning_quality", {"is_paused": False})

    def ended() -> list[dict[str, Any]]:
        runs = served.ask("GET", "/api/v2/dags/learning_quality/dagRuns?run_type=asset_triggered")["dag_runs"]
        return [run for run in runs if run["state"] in {"success", "failed"}]

    wait_for(ended)


def test_a_person_is_erased_once_somebody_has_approved_it(
    served: Served, week: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in served.installation.environment().items():
        monkeypatch.setenv(name, value)
    settings = Settings.load(served.installation.settings_file)
    employee = full_directory_of(settings).employees[0].employee_id
    agent = {"account": {"homePage": settings.organisation.home_page, "name": pseudonyms_of(settings).actor(employee)}}
    assert list(lrs_of(settings).query(agent=agent))
    dag = "/api/v2/dags/learning_erasure"
    served.ask("PATCH", dag, {"is_paused": False})
    conf = {"subject": agent["account"]["name"]}
    run = f"{dag}/dagRuns/{served.ask('POST', f'{dag}/dagRuns', {'logical_date': None, 'conf': conf})['dag_run_id']}"

    def state(task: str) -> str | None:
        found = served.ask("GET", f"{run}/taskInstances")["task_instances"]
        return next((each["state"] for each in found if each["task_id"] == task), None)

    wait_for(lambda: state("approve") in {"awaiting_input", "deferred"})
    assert list(lrs_of(settings).query(agent=agent)), "nothing goes before it is approved"
    detail = served.ask("GET", f"{run}/taskInstances/approve/-1/hitlDetails")
    assert conf["subject"] in detail["body"]
    assert " statements in the LRS" in detail["body"]
    served.ask("PATCH", f"{run}/taskInstances/approve/-1/hitlDetails", {"chosen_options": ["Approve"]})
    wait_for(lambda: served.ask("GET", run)["state"] in {"success", "failed"})
    assert state("erase") == "success"
    assert list(lrs_of(settings).query(agent=agent)) == []


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="no Redis on this machine")
def test_a_night_by_celery_workers(tmp_path: Path) -> None:
    pytest.importorskip("airflow.providers.celery")
    [port] = free_ports(1)
    airflow = str(Path(sys.executable).with_name("airflow"))
    with processes(tmp_path / "redis") as running, metadata_database() as variables:
        running.start(
            "redis", ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
        )
        celery = {
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CELERY__BROKER_URL": f"redis://127.0.0.1:{port}/0",
            "AIRFLOW__CELERY__RESULT_BACKEND": f"redis://127.0.0.1:{port}/1",
            "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "86400",
        }
        worker = [airflow, "celery", "worker", "--concurrency", "2", "--skip-serve-logs"]
        with serving(tmp_path / "served", {**variables, **celery}, worker) as served:
            run = served.run(**{"from": "2026-11-02", "to": "2026-11-08"})
            assert run["state"] == "success", served.tasks(run)
            assert run["note"].startswith("**Complete night**")
