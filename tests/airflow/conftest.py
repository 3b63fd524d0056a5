"""Airflow for tests: a home and a database of its own, set before anything imports Airflow."""

import importlib.util
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
collect_ignore_glob = [] if importlib.util.find_spec("airflow") else ["test_*.py"]
_home = Path(tempfile.mkdtemp(prefix="leerstroom-airflow-test-"))

assert "airflow" not in sys.modules, "Airflow was imported before its settings for tests were made"
os.environ.update({
    "AIRFLOW_HOME": str(_home),
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "boss:admin,reader:viewer",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_home}/airflow.db",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
    "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
})


@pytest.fixture(scope="session")
def airflow_home() -> Iterator[Path]:
    """A migrated metadata database; its folder goes when the tests end."""
    from airflow.utils.db import initdb

    initdb()
    yield _home
    shutil.rmtree(_home, ignore_errors=True)
