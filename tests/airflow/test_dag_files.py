"""The Dag files: light to import, free of errors, and documented."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "dags").glob("*.py"))
HEAVY = (
    "pandas",
    "duckdb",
    "ibis",
    "pyarrow",
    "altair",
    "polars",
    "networkx",
    "openpyxl",
    "leerstroom.nightly",
    "sqlalchemy.orm.decl_api",
)
BUDGET_S = 0.2

_MEASURE = """
import json, runpy, sys, time
import airflow.sdk
before = set(sys.modules)
started = time.process_time()
runpy.run_path(sys.argv[1], run_name="a_dag_file")
print(json.dumps({"seconds": time.process_time() - started, "new": sorted(set(sys.modules) - before)}))
"""


def measured(path: Path) -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-c", _MEASURE, str(path)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def bag(airflow_home: Path) -> Any:
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(dag_folder=str(ROOT / "dags"))


def test_there_are_dag_files() -> None:
    assert FILES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_dag_file_costs_less_than_its_budget_over_the_sdk_and_loads_nothing_heavy(path: Path) -> None:
    run = measured(path)
    assert [name for name in HEAVY if name in run["new"]] == []
    assert run["seconds"] <= BUDGET_S or measured(path)["seconds"] <= BUDGET_S  # once more, on a busy machine


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_dag_file_imports_only_the_sdk_and_the_standard_library_at_its_top(path: Path) -> None:
    named = []
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            named += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            named.append(str(node.module))
    assert [name for name in named if name.split(".")[0] not in sys.stdlib_module_names and name != "airflow.sdk"] == []


def test_every_dag_file_loads_without_an_error(bag: Any) -> None:
    assert bag.import_errors == {}
    assert "learning_nightly" in bag.dags


def test_every_dag_is_documented_tagged_and_does_not_catch_up(bag: Any) -> None:
    for dag in bag.dags.values():
        assert dag.doc_md.strip()
        assert "leerstroom" in dag.tags
        assert not dag.catchup


def test_every_task_says_what_it_does_and_knows_the_kinds_of_errors(bag: Any) -> None:
    from leerstroom_airflow.errors import ByKindOfError

    for task in bag.dags["learning_nightly"].tasks:
        assert task.retries >= 1, task.task_id
        assert isinstance(task.retry_policy, ByKindOfError), task.task_id
        function = getattr(task, "python_callable", None) or task.partial_kwargs.get("python_callable")
        assert function is None or function.__doc__, task.task_id


def test_one_task_that_is_not_mapped_tells_all_assets(bag: Any) -> None:
    from airflow.sdk.definitions.mappedoperator import MappedOperator

    tasks = bag.dags["learning_nightly"].tasks
    telling = [task for task in tasks if getattr(task, "outlets", None)]
    assert [task.task_id for task in telling] == ["settle"]
    assert not isinstance(telling[0], MappedOperator)
    assert telling[0].get_closest_mapped_task_group() is None
    assert {asset.name for asset in telling[0].outlets} == {
        "leerstroom_statements",
        "leerstroom_mirror",
        "leerstroom_indicator_values",
        "leerstroom_hr_tables",
    }


def test_the_night_runs_at_two_for_the_day_before_it(bag: Any) -> None:
    import pendulum
    from airflow.serialization.encoders import coerce_to_core_timetable

    timetable = coerce_to_core_timetable(bag.dags["learning_nightly"].timetable)
    interval = timetable.infer_manual_data_interval(run_after=pendulum.datetime(2026, 11, 3, 9, tz="Europe/Amsterdam"))
    assert interval.start == pendulum.datetime(2026, 11, 2, 2, tz="Europe/Amsterdam")
    assert interval.end == pendulum.datetime(2026, 11, 3, 2, tz="Europe/Amsterdam")


def test_a_night_has_a_deadline_where_the_environment_says_so(
    airflow_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.dag_processing.dagbag import DagBag

    monkeypatch.setenv("LEERSTROOM_LATE_AFTER_HOURS", "4.5")
    found = DagBag(dag_folder=str(ROOT / "dags" / "learning_nightly.py"))
    assert found.import_errors == {}
    [deadline] = found.dags["learning_nightly"].deadline
    assert deadline.interval.total_seconds() == 4.5 * 3600
    assert deadline.callback.path == "leerstroom_airflow.notifying.late"


def test_airflow_does_not_run_the_files_of_the_provider_as_plugins() -> None:
    from airflow._shared.module_loading.file_discovery import find_path_from_directory

    found = {
        Path(path).relative_to(ROOT / "plugins").as_posix()
        for path in find_path_from_directory(str(ROOT / "plugins"), ".airflowignore", "glob")
    }
    assert {path for path in found if path.endswith(".py")} == {"leerstroom_plugin.py"}
