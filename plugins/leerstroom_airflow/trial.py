"""Runs the real Dag in this process, task by task, without a scheduler: `python -m leerstroom_airflow.trial 2026-10-26..2026-11-01 …`.

For the demo and for trying a settings file. Airflow's metadata database is made when there is none. Appends one JSON line a run to `--results`:
run id, state, how the night ended, and what was published. Without days it only makes the database and the pool of the Dag.
"""

import argparse
import json
import sys
import urllib.request
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from leerstroom_airflow.run_notes import DAG_ID

POOL = "learning_apis"
POOL_SLOTS = 4


def main() -> int:
    """Runs the days of each argument; 0 when every run ended well."""
    parser = argparse.ArgumentParser(prog="python -m leerstroom_airflow.trial", description=__doc__)
    parser.add_argument("days", nargs="*", type=_days, help="first and last local day: 2026-10-26..2026-11-01")
    parser.add_argument(
        "--clock", help="control address of a replay server whose time is set to two hours after each last day"
    )
    parser.add_argument(
        "--not-before", type=datetime.fromisoformat, help="the replayed time never goes back before this"
    )
    parser.add_argument("--results", type=Path, default=Path("/dev/stdout"), help="file that takes a JSON line a run")
    parser.add_argument("--zone", default="Europe/Amsterdam")
    asked = parser.parse_args()
    _make_database()
    if not asked.days:
        return 0
    dag = _dag()
    ended_well = True
    for first, last in asked.days:
        moment = datetime.combine(last + timedelta(days=1), datetime.min.time(), ZoneInfo(asked.zone)) + timedelta(
            hours=2
        )
        if asked.clock:
            _set_clock(asked.clock, max(moment, asked.not_before) if asked.not_before else moment)
        # a machine whose clock is behind the recordings knows no run of the future; the run's days come from its parameters anyway
        run = dag.test(
            logical_date=moment if moment <= datetime.now(UTC) else None,
            run_conf={"from": first.isoformat(), "to": last.isoformat()},
        )
        told = {
            "run_id": run.run_id,
            "first": first.isoformat(),
            "last": last.isoformat(),
            "state": str(run.state),
            **_left(run.run_id),
        }
        with asked.results.open("a", encoding="utf-8") as results:
            results.write(json.dumps(told) + "\n")
        ended_well &= str(run.state) == "success"
    return 0 if ended_well else 1


def _days(text: str) -> tuple[date, date]:
    first, _, last = text.partition("..")
    return date.fromisoformat(first), date.fromisoformat(last or first)


def _make_database() -> None:
    """Airflow's tables, when this version of Airflow has not made them here yet."""
    from airflow import __version__
    from airflow.configuration import conf

    url = conf.get("database", "sql_alchemy_conn")
    marker = Path(url.removeprefix("sqlite:///")).with_suffix(".version") if url.startswith("sqlite:///") else None
    if marker and marker.exists() and marker.read_text() == __version__:
        return
    from airflow.models.pool import Pool
    from airflow.utils.db import initdb

    initdb()
    Pool.create_or_update_pool(
        POOL, POOL_SLOTS, "Connections of Leerstroom that are asked at the same time", include_deferred=False
    )
    if marker:
        marker.write_text(__version__)


def _dag() -> Any:
    from airflow.configuration import conf
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=conf.get("core", "dags_folder"))
    if DAG_ID not in bag.dags:
        raise SystemExit(f"{DAG_ID} cannot be loaded: {bag.import_errors}")
    return bag.dags[DAG_ID]


def _set_clock(control: str, moment: datetime) -> None:
    body = json.dumps({"until": moment.isoformat()}).encode()
    request = urllib.request.Request(control, body, {"Content-Type": "application/json"}, method="PUT")  # noqa: S310 - our own loopback address
    with urllib.request.urlopen(request, timeout=10):  # noqa: S310 - the same
        pass


def _left(run_id: str) -> dict[str, Any]:
    """How the night ended (`settle` says it also when it fails) and what `publish` wrote."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    from leerstroom_airflow.nights import NIGHT_KEY

    found: dict[str, Any] = {}
    with create_session() as session:
        for task, key in (("settle", NIGHT_KEY), ("publish", "return_value")):
            row = session.execute(XComModel.get_many(run_id=run_id, task_ids=task, dag_ids=DAG_ID, key=key)).scalar()
            if row is not None:
                found[task] = XComModel.deserialize_value(row)
    return found


if __name__ == "__main__":
    sys.exit(main())
