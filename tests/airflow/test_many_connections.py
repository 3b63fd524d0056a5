"""Two hundred connections: the Dag is read as quickly, few tasks go at a time, little travels between them, and it is one night."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from leerstroom import ledger, nightly
from leerstroom.lrs import running as running_lrs
from leerstroom.settings import Settings
from leerstroom.state import open_state
from leerstroom_airflow.town_hall import RECORDINGS

ROOT = Path(__file__).resolve().parents[2]
NAMES = [f"register-{number:03}" for number in range(200)]
DAY = date(2026, 11, 3)
PARSED_WITHIN_S = 1.0
AT_A_TIME = 100
LARGEST_XCOM = 4096

pytestmark = [pytest.mark.xdist_group("airflow-night")]

_PARSE = """
import sys, time
from airflow.dag_processing.dagbag import DagBag
import airflow.sdk
started = time.process_time()
bag = DagBag(dag_folder=sys.argv[1])
print(time.process_time() - started if not bag.import_errors and "learning_nightly" in bag.dags else bag.import_errors)
"""


@pytest.fixture
def settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An organisation whose 200 departments each keep one attendance sheet in one folder."""
    registers = tmp_path / "registers"
    registers.mkdir()
    for number, name in enumerate(NAMES):
        (registers / f"{name}.csv").write_text(
            "Personeelsnummer;Sessie;Titel;Datum;Van;Tot;Aanwezig;Soort\n"
            f"E{number:05};S-{number};Workshop {number};03-11-2026;09:30;11:00;ja;workshop\n"
        )
    file = tmp_path / "leerstroom.yaml"
    connections = {name: {"source": "sheet", "files": f"registers/{name}.csv"} for name in NAMES}
    file.write_text(
        json.dumps({
            "data": "data",
            "directory": {"employees": str(RECORDINGS / "employees.csv")},
            "hr": {"out": "hr", "language": "en"},
            "my_learning": {"write": False},
            "connections": connections,
        })
    )
    monkeypatch.setenv("LEERSTROOM_SETTINGS", str(file))
    monkeypatch.setenv("LEERSTROOM_PSEUDONYM_KEY", "a pseudonym key for the tests only")
    return file


def test_the_dag_is_parsed_within_a_second_of_cpu(airflow_home: Path, settings_file: Path) -> None:
    def parsed() -> float:
        dag = str(ROOT / "dags" / "learning_nightly.py")
        done = subprocess.run([sys.executable, "-c", _PARSE, dag], capture_output=True, text=True, check=True)
        return float(done.stdout.strip().splitlines()[-1])

    assert parsed() <= PARSED_WITHIN_S or parsed() <= PARSED_WITHIN_S  # once more, on a busy machine


def test_a_night_in_which_all_of_them_failed_is_told_in_few_words() -> None:
    from leerstroom_airflow.nights import shortened

    night = {"run_id": "r", "state": "partial", "unfinished": [f"{'x' * 61} (pull failed)"] * 200, "counts": {}}
    told = shortened(night)
    assert len(json.dumps(told)) < LARGEST_XCOM
    assert told["unfinished"][-1] == "and 170 more"
    few = {**night, "unfinished": ["chat (pull failed)"]}
    assert shortened(few) == few


@pytest.fixture
def waiting(airflow_home: Path, settings_file: Path) -> Iterator[Any]:
    """A session in which one run has all its pulls ready to go, as a scheduler sees it."""
    from airflow.api.common.trigger_dag import trigger_dag
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.models.dag import DagModel
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.dagrun import DagRun
    from airflow.models.pool import Pool
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.models.taskmap import TaskMap
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState, TaskInstanceState
    from airflow.utils.types import DagRunTriggeredByType

    with create_session() as session:
        session.merge(DagBundleModel(name="leerstroom"))
    sync_bag_to_db(DagBag(dag_folder=os.environ["AIRFLOW__CORE__DAGS_FOLDER"]), "leerstroom", None)
    Pool.create_or_update_pool("learning_apis", AT_A_TIME * 10, "as many as somebody may set", include_deferred=False)
    made = trigger_dag("learning_nightly", triggered_by=DagRunTriggeredByType.TEST, conf={"from": DAY.isoformat()})
    with create_session() as session:
        session.get(DagModel, "learning_nightly").is_paused = False
        run = session.get(DagRun, made.id)
        run.dag = SerializedDagModel.get_dag("learning_nightly", session=session)
        run.state = DagRunState.RUNNING
        [names] = [ti for ti in run.get_task_instances(session=session) if ti.task_id == "connections"]
        where = {"task_id": "connections", "dag_id": run.dag_id, "run_id": run.run_id, "map_index": -1}
        XComModel.set(key="return_value", value=NAMES, session=session, **where)
        session.merge(TaskMap(**where, length=len(NAMES), keys=None))
        names.state = TaskInstanceState.SUCCESS
        session.flush()
        ready, _ = run.update_state(session=session, execute_callbacks=False)
        run.schedule_tis(ready, session=session)
        session.flush()
        yield session
        session.delete(run)


def test_however_many_a_pool_lets_in_few_are_given_to_workers_at_a_time(waiting: Any) -> None:
    """The real scheduler's choice among all pulls that are ready."""
    from airflow.jobs.job import Job
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import select

    ready = waiting.scalars(select(TaskInstance).where(TaskInstance.state == "scheduled")).all()
    assert Counter(ti.task_id for ti in ready if ti.task_id != "directory") == {"source.pull": len(NAMES)}
    chosen = SchedulerJobRunner(Job())._executable_task_instances_to_queued(max_tis=1000, session=waiting)
    assert 4 <= len(chosen) <= AT_A_TIME
    assert "source.pull" in {ti.task_id for ti in chosen}


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_hundred_connections_are_one_night_and_little_travels_between_its_tasks(
    airflow_home: Path, settings_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    dag = DagBag(dag_folder=os.environ["AIRFLOW__CORE__DAGS_FOLDER"]).dags["learning_nightly"]
    with running_lrs(database=f"sqlite:///{tmp_path}/lrs.sqlite", key="k", secret="a secret of the test") as lrs:
        for name, value in (("ENDPOINT", lrs.endpoint), ("KEY", lrs.key), ("SECRET", lrs.secret)):
            monkeypatch.setenv(f"LEERSTROOM_LRS__{name}", value)
        (tmp_path / "registers" / f"{NAMES[7]}.csv").unlink()  # one of them fails
        run = dag.test(
            logical_date=datetime(DAY.year, DAY.month, DAY.day + 1, 1, tzinfo=UTC), run_conf={"from": DAY.isoformat()}
        )
        stored = sum(1 for _ in nightly.lrs_of(Settings.load(settings_file)).query_raw())
    assert run.state == "success"
    states = Counter((ti.task_id, str(ti.state)) for ti in run.get_task_instances())
    for stage, failed in (("pull", "failed"), ("map", "upstream_failed"), ("load", "upstream_failed")):
        assert states[f"source.{stage}", "success"] == len(NAMES) - 1
        assert states[f"source.{stage}", failed] == 1
    entries = ledger.check(open_state(Settings.load(settings_file).state_url), run.run_id)
    loaded = {entry.connection: entry.counts["stored"] for entry in entries if entry.stage == "load"}
    assert set(loaded) == set(NAMES) - {NAMES[7]}
    assert sum(loaded.values()) == stored >= len(NAMES) - 1
    with create_session() as session:
        rows = session.scalars(select(XComModel).where(XComModel.run_id == run.run_id)).all()
        sizes = {(row.task_id, row.key): len(json.dumps(row.value)) for row in rows}
    assert len(rows) > 3 * (len(NAMES) - 1)
    assert max(sizes.values()) < LARGEST_XCOM, sizes
