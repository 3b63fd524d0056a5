"""The note on a run: how the night ended and what it counted, written by the scheduler when the run ends.

A task cannot write it (no way leads there from a worker), a listener in the scheduler can. The summary is the XCom of the last task.
"""

import logging
from collections.abc import Mapping
from typing import Any

from airflow.listeners import hookimpl

logger = logging.getLogger(__name__)

DAG_ID = "learning_nightly"


def note(night: Mapping[str, Any]) -> str:
    """The night in three lines of Markdown."""
    counts = night["counts"]
    lines = [
        f"**{str(night['state']).capitalize()} night**"
        + (f": {', '.join(night['unfinished'])}" if night["unfinished"] else ""),
        f"{counts.get('pulled', 0)} records pulled, {counts.get('ignored', 0)} ignored, {counts.get('quarantined', 0)} in quarantine",
        f"{counts.get('built', 0)} statements built, {counts.get('stored', 0)} stored, {counts.get('already_there', 0)} already there, "
        f"{counts.get('voids', 0)} voided",
    ]
    return "  \n".join(lines)


@hookimpl
def on_dag_run_success(dag_run: Any, msg: str) -> None:
    """A complete or partial night."""
    _write(dag_run)


@hookimpl
def on_dag_run_failed(dag_run: Any, msg: str) -> None:
    """A night that did not balance or was not published."""
    _write(dag_run)


def _write(dag_run: Any) -> None:
    if dag_run.dag_id != DAG_ID:
        return
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy.orm import object_session

    session = object_session(dag_run)
    if session is not None:
        _note(dag_run, session)
        return
    with create_session() as own:  # a run outside a scheduler comes without a session
        found = own.get(DagRun, dag_run.id)
        if found is not None:
            _note(found, own)


def _note(dag_run: Any, session: Any) -> None:
    from airflow.models.xcom import XComModel

    from leerstroom_airflow.nights import NIGHT_KEY

    row = session.execute(
        XComModel.get_many(run_id=dag_run.run_id, key=NIGHT_KEY, task_ids="settle", dag_ids=DAG_ID, limit=1)
    ).scalar()
    if row is not None:
        night = XComModel.deserialize_value(row)
        logger.info("night %s is %s", dag_run.run_id, night["state"])
        dag_run.note = note(night)
