"""Once through everything that `make serve` starts: a real scheduler, workers as processes, the API, a connection made as the form makes it.

One installation serves all tests, because starting one costs as much as a night. Airflow's own database is PostgreSQL where the machine has one. The
LocalExecutor runs the nights; at the end the scheduler is started anew with Celery over Redis, for one night more. Nights follow from one another
as fixtures: by schedule, seven days backwards, their week as one, a partial one. While that one waits to ask a platform again, the same nights go
without Airflow.
"""

import json
import shutil
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from patience import wait_for
from rich.console import Console

from leerstroom import ledger, nightly
from leerstroom.lrs import running as running_lrs
from leerstroom.nightly import full_directory_of, lrs_of, pseudonyms_of
from leerstroom.settings import LrsSettings, Settings
from leerstroom.state import open_state
from leerstroom_airflow.processes import Processes, free_ports, processes
from leerstroom_airflow.serve import start_airflow
from leerstroom_airflow.town_hall import ROOT, ZONE, TownHall

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600), pytest.mark.xdist_group("demo")]
DAG = "/api/v2/dags/learning_nightly"
DAYS = [date(2026, 11, 2) + timedelta(days=number) for number in range(7)]
POSTGRESQL = "postgresql+psycopg://postgres@127.0.0.1:5432"
# Nobody edits a Dag here: reading all of them every half minute takes of the processor what the nights want. And the second that the scheduler sleeps
# when it finds nothing to do would lie between any two tasks.
BUSY = {
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
}


class Served:
    """A running installation and its API as user admin."""

    def __init__(self, installation: TownHall, running: Processes) -> None:
        self.installation = installation
        self.running = running
        self.token = ""
        self.token = self.ask("POST", "/auth/token", {"username": "admin", "password": installation.secrets["admin"]})[
            "access_token"
        ]

    @property
    def settings(self) -> Settings:
        """Its settings; the test has its secrets in the environment."""
        return Settings.load(self.installation.settings_file)

    def ask(self, method: str, path: str, body: Any = None, *, anonymous: bool = False) -> Any:
        request = urllib.request.Request(
            self.installation.airflow_address + path,
            json.dumps(body).encode() if body is not None else None,
            {"Content-Type": "application/json"} | ({} if anonymous else {"Authorization": f"Bearer {self.token}"}),
            method=method,
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            text = response.read().decode()
        return json.loads(text) if text.startswith(("{", "[")) else text

    def start(self, **conf: str) -> dict[str, Any]:
        """Triggers a run as the form does."""
        return dict(self.ask("POST", f"{DAG}/dagRuns", {"logical_date": None, "conf": conf}))

    def run(self, **conf: str) -> dict[str, Any]:
        """Triggers a run and waits for its end."""
        return self.ended(f"{DAG}/dagRuns/{self.start(**conf)['dag_run_id']}")

    def ended(self, path: str) -> dict[str, Any]:
        """A run of the nightly Dag once it has ended and has its note."""

        def ended() -> dict[str, Any] | None:
            found = self.ask("GET", path)
            return found if found["state"] == "failed" or (found["state"] == "success" and found["note"]) else None

        return dict(wait_for(ended, f"the end of {path}"))

    def tasks(self, run: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
        """(task, what it is mapped over) -> task instance."""
        found = self.ask("GET", f"{DAG}/dagRuns/{run['dag_run_id']}/taskInstances?limit=100")["task_instances"]
        return {(each["task_id"], each["rendered_map_index"] or ""): each for each in found}

    def statements(self) -> dict[str, bytes]:
        """What the LRS holds."""
        return statements_of(self.settings)


def statements_of(settings: Settings) -> dict[str, bytes]:
    """Everything that an LRS answers, by id, without when and by whom it was stored; of a voiding only what it voids, because it tells when it was made."""
    found = {}
    for raw in lrs_of(settings).query_raw():
        statement = json.loads(raw)
        kept = (
            ("actor", "verb", "object")
            if "voided" in statement["verb"]["id"]
            else set(statement) - {"stored", "authority"}
        )
        found[statement["id"]] = json.dumps({name: statement[name] for name in kept}, sort_keys=True).encode()
    return found


def values_of(settings: Settings, as_of: date) -> list[Any]:
    """The indicator values of a night, in a fixed order and without the time at which they were computed."""
    import duckdb

    file = f"{settings.data}/indicators/as_of={as_of}/indicator_values.parquet"
    with duckdb.connect() as database:
        return database.execute(
            "select * exclude (computed_at) from read_parquet(?, hive_partitioning = false) order by all", [file]
        ).fetchall()


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


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Everything that `make serve` starts; the nightly Dag and the one that waits for it run by themselves."""
    folder = tmp_path_factory.mktemp("served")
    with (
        metadata_database() as variables,
        processes(folder / "logs") as running,
        pytest.MonkeyPatch.context() as environment,
    ):
        installation = replace(TownHall.prepare(folder), airflow=BUSY | variables)
        for name, value in installation.environment().items():
            environment.setenv(name, value)
        installation.start_lrs(running, installation.lrs)
        installation.start_platforms(running)
        start_airflow(installation, running, Console(quiet=True))
        made = Served(installation, running)
        files = len(list((ROOT / "dags").glob("*.py")))
        wait_for(lambda: len(made.ask("GET", "/api/v2/dags")["dags"]) == files, "the reading of every Dag")
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
def scheduled(served: Served) -> dict[str, Any]:
    """The night that the schedule starts as soon as the Dag is no longer paused."""
    runs = wait_for(lambda: served.ask("GET", f"{DAG}/dagRuns?run_type=scheduled")["dag_runs"], "a scheduled night")
    return served.ended(f"{DAG}/dagRuns/{runs[0]['dag_run_id']}")


@dataclass(frozen=True)
class Backfilled:
    """Seven runs, and what the LRS held after them."""

    runs: list[dict[str, Any]]
    statements: dict[str, bytes]


@pytest.fixture(scope="module")
def backfilled(served: Served, scheduled: dict[str, Any]) -> Backfilled:
    """Seven days, the newest first, into an LRS that knows but the scheduled night."""
    known = len(served.statements())
    first, after = DAYS[0], DAYS[-1] + timedelta(days=1)
    asked = {
        "dag_id": "learning_nightly",
        "from_date": f"{first}T00:00:00+01:00",  # the run at 02:00 of a day takes the day before it
        "to_date": f"{after}T00:00:00+01:00",
        "run_backwards": True,
        "reprocess_behavior": "none",
        "max_active_runs": 1,
    }
    backfill = served.ask("POST", "/api/v2/backfills", asked)
    wait_for(
        lambda: served.ask("GET", f"/api/v2/backfills/{backfill['id']}")["completed_at"], "the end of the backfill"
    )
    runs = served.ask("GET", f"{DAG}/dagRuns?run_type=backfill&limit=50&order_by=start_date")["dag_runs"]
    stored = served.statements()
    assert len(stored) > known + 300
    return Backfilled(runs, stored)


@pytest.fixture(scope="module")
def week(served: Served, backfilled: Backfilled) -> dict[str, Any]:
    """The run of the whole week, over days that are there already."""
    return served.run(**{"from": str(DAYS[0]), "to": str(DAYS[-1])})


@pytest.fixture(scope="module")
def values(served: Served, week: dict[str, Any]) -> list[Any]:
    """The indicator values of the whole week."""
    return values_of(served.settings, DAYS[-1])


@dataclass(frozen=True)
class InOrder:
    """What the LRS and the indicators hold after nights without Airflow."""

    statements: dict[str, bytes]
    values: list[Any]


@pytest.fixture(scope="module")
def in_order(served: Served, scheduled: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> InOrder:
    """The nights in order, without Airflow, through the same stages, into another store: first the scheduled one, as there."""
    folder = tmp_path_factory.mktemp("in_order")
    yesterday = datetime.fromisoformat(scheduled["data_interval_end"]).date() - timedelta(days=1)
    with running_lrs(database=f"sqlite:///{folder}/lrs.sqlite", key="k", secret="a secret of the test") as lrs:
        store = LrsSettings(endpoint=lrs.endpoint, key=lrs.key, secret=lrs.secret)
        other = served.settings.model_copy(update={"data": str(folder / "data"), "lrs": store})
        for day in (yesterday, *DAYS):
            start, end = nightly.local_window(day, day, ZONE)
            for name in other.connections:
                found = nightly.connection_of(other, name)
                pulled = nightly.pull(found, start, end, settings=other, run_id=str(day))
                mapped = nightly.map_landing(found, pulled["path"], settings=other, run_id=str(day))
                nightly.load(name, mapped["path"], settings=other, run_id=str(day))
        nightly.mirror(settings=other, run_id="last")
        nightly.compute(settings=other, run_id="last", as_of=DAYS[-1])
        return InOrder(statements_of(other), values_of(other, DAYS[-1]))


@pytest.fixture(scope="module")
def partial(served: Served, values: list[Any], request: pytest.FixtureRequest) -> dict[str, Any]:
    """A run with one connection, made as the form makes it, whose token is refused, and a platform that is away at first."""
    # it doubts days that are thinner than usual, so it sleeps until the values are compared; who is asleep when an asset is told never hears of it
    served.ask("PATCH", "/api/v2/dags/learning_quality", {"is_paused": False})
    platforms = served.installation.platforms
    chat = {"conn_type": "leerstroom_matrix", "host": f"{platforms}/matrix", "password": "wrong"}
    served.ask(
        "POST", "/api/v2/connections", {"connection_id": "second", **chat, "extra": json.dumps({"rooms": "#a:b"})}
    )
    served.ask("POST", "/api/v2/variables", {"key": "leerstroom_connections", "value": "second"})
    control(platforms, "PUT", {"faults": [{"kind": "status", "status": 503, "platform": "zoom", "times": TRIES}]})
    run = served.start(**{"from": str(DAYS[-1])})

    def is_asked_again_later() -> bool:
        pull = served.tasks(run).get(("source.pull", "webinars"))
        return pull is not None and pull["state"] in {"up_for_retry", "success", "failed"}

    wait_for(is_asked_again_later, "the first try")
    request.getfixturevalue("in_order")  # two minutes in which nothing else happens
    run = served.ended(f"{DAG}/dagRuns/{run['dag_run_id']}")
    served.ask("DELETE", "/api/v2/variables/leerstroom_connections")
    control(platforms, "PUT", {"faults": []})
    return run


TRIES = 6  # of one request, until the task gives up


def control(platforms: str, method: str, body: Any) -> None:
    """Tells the replayed platforms what to do wrong."""
    request = urllib.request.Request(
        f"{platforms}/_control", json.dumps(body).encode(), {"Content-Type": "application/json"}, method=method
    )
    urllib.request.urlopen(request, timeout=10).close()


def test_the_schedule_starts_the_night_of_the_day_before(served: Served, scheduled: dict[str, Any]) -> None:
    assert scheduled["state"] == "success", served.tasks(scheduled)
    assert scheduled["note"].startswith("**Complete night**")
    end = datetime.fromisoformat(scheduled["data_interval_end"])
    assert end - datetime.fromisoformat(scheduled["data_interval_start"]) == timedelta(days=1)
    assert 0 < (datetime.fromisoformat(scheduled["start_date"]) - end).total_seconds() < 90_000


@pytest.mark.usefixtures("partial")  # meanwhile they went in order
def test_seven_days_backwards_equal_seven_nights_in_order(
    backfilled: Backfilled, values: list[Any], in_order: InOrder
) -> None:
    assert backfilled.statements == in_order.statements
    assert values == in_order.values
    assert len(values) > 1000


def test_a_backfill_pulls_each_day_once_and_the_newest_first(served: Served, backfilled: Backfilled) -> None:
    assert {run["state"] for run in backfilled.runs} == {"success"}
    windows = {
        entry.run_id: entry.window_start.replace(tzinfo=UTC)  # SQLite keeps no zone
        for entry in ledger.entries(open_state(served.settings.state_url))
        if entry.stage == "pull" and entry.window_start
    }
    midnights = [nightly.local_window(day, day, ZONE)[0] for day in reversed(DAYS)]
    assert [windows[run["dag_run_id"]] for run in backfilled.runs] == midnights


def test_their_week_as_one_is_green_says_so_and_adds_nothing(
    served: Served, backfilled: Backfilled, week: dict[str, Any]
) -> None:
    assert week["state"] == "success", served.tasks(week)
    assert week["note"].startswith("**Complete night**")
    assert ", 0 stored, " in week["note"]
    tasks = served.tasks(week)
    for name in ("chat", "academy", "webinars", "registers"):
        for stage in ("pull", "map", "load"):
            assert tasks[f"source.{stage}", name]["state"] == "success"
    events = served.ask("GET", "/api/v2/assets/events?limit=100")["asset_events"]
    ours = [event for event in events if event["source_run_id"] == week["dag_run_id"]]
    assert len(ours) == 4
    assert {event["extra"]["state"] for event in ours} == {"complete"}


def test_a_connection_that_is_refused_makes_a_partial_night_without_a_second_try(
    served: Served, partial: dict[str, Any]
) -> None:
    assert partial["state"] == "success"
    assert partial["note"].startswith("**Partial night**: second (pull failed)  ")
    tasks = served.tasks(partial)
    assert tasks["source.pull", "second"]["state"] == "failed"
    assert tasks["source.pull", "second"]["try_number"] == 1
    assert tasks["source.load", "chat"]["state"] == "success"


def test_a_platform_that_is_away_is_asked_again_two_minutes_later(served: Served, partial: dict[str, Any]) -> None:
    pull = served.tasks(partial)["source.pull", "webinars"]
    assert (pull["state"], pull["try_number"]) == ("success", 2)
    path = f"{DAG}/dagRuns/{partial['dag_run_id']}/taskInstances/source.pull/{pull['map_index']}/tries"
    first, second = served.ask("GET", path)["task_instances"]
    assert first["state"] in {"up_for_retry", "failed"}  # which of them depends on when Airflow wrote the try down
    waited = datetime.fromisoformat(second["start_date"]) - datetime.fromisoformat(first["end_date"])
    assert timedelta(minutes=2) <= waited


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


@pytest.mark.usefixtures("partial")
def test_hr_s_tables_start_the_check_of_quality(served: Served) -> None:
    def ended() -> list[dict[str, Any]]:
        runs = served.ask("GET", "/api/v2/dags/learning_quality/dagRuns?run_type=asset_triggered")["dag_runs"]
        return [run for run in runs if run["state"] in {"success", "failed"}]

    wait_for(ended, "a check of quality")


def test_a_person_is_erased_once_somebody_has_approved_it(served: Served, partial: dict[str, Any]) -> None:
    settings = served.settings
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

    wait_for(lambda: state("approve") in {"awaiting_input", "deferred"}, "the wait for approval")
    assert list(lrs_of(settings).query(agent=agent)), "nothing goes before it is approved"
    detail = served.ask("GET", f"{run}/taskInstances/approve/-1/hitlDetails")
    assert conf["subject"] in detail["body"]
    assert " statements in the LRS" in detail["body"]
    time.sleep(
        5
    )  # a person reads first; an answer within the second is taken for a task that was killed, before the executor has told that it waits
    served.ask("PATCH", f"{run}/taskInstances/approve/-1/hitlDetails", {"chosen_options": ["Approve"]})
    wait_for(lambda: served.ask("GET", run)["state"] in {"success", "failed"}, "the erasure")
    assert state("erase") == "success"
    assert list(lrs_of(settings).query(agent=agent)) == []


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="no Redis on this machine")
def test_a_night_by_celery_workers(served: Served, partial: dict[str, Any], tmp_path: Path) -> None:
    """The scheduler is started anew with the other executor; the database, the API and the Dags stay."""
    pytest.importorskip("airflow.providers.celery")
    redis = pytest.importorskip("redis")
    [port] = free_ports(1)
    running, airflow = served.running, str(Path(sys.executable).with_name("airflow"))
    server = ("redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path))
    celery = {
        **served.installation.airflow_environment(),
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CELERY__BROKER_URL": f"redis://127.0.0.1:{port}/0",
        "AIRFLOW__CELERY__RESULT_BACKEND": f"redis://127.0.0.1:{port}/1",
        "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "86400",
    }
    running.end("scheduler")
    running.start("redis", server)
    running.start("worker", [airflow, "celery", "worker", "--concurrency", "2", "--skip-serve-logs"], celery)
    running.start("scheduler", [airflow, "scheduler", "--skip-serve-logs"], celery)
    run = served.run(**{"from": str(DAYS[0]), "to": str(DAYS[-1])})
    assert run["state"] == "success", served.tasks(run)
    assert run["note"].startswith("**Complete night**")
    assert {each["executor"] for each in served.tasks(run).values()} <= {None, "CeleryExecutor"}
    told = redis.Redis(port=port, db=1).keys("celery-task-meta-*")  # what the worker says of each task that it ended
    assert len(told) >= len(served.tasks(run))
