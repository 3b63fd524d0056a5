"""Tries quarantine again, once the cause is mended: a setting, the directory, a newer version.

The whole window of each held record is mapped and loaded anew from the landing, because records of one occurrence belong together; what was right
before gives the same statements, so nothing doubles. Trigger it for one `connection`, or for all; the page *Learning ledger* does it with a button.
What is loaded counts from the next night on. The same without Airflow: `leerstroom quarantine replay`.
"""

from datetime import timedelta

from airflow.sdk import Param, dag, task


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["leerstroom", "learning"],
    params={
        "connection": Param(
            None,
            type=["string", "null"],
            title="Connection",
            description="Only this connection; empty: all that hold something",
        )
    },
)
def learning_quarantine() -> None:
    """A row a connection; the work is `leerstroom.nightly.replay_quarantine`."""
    from leerstroom_airflow.errors import RETRIES, ByKindOfError
    from leerstroom_airflow.notifying import task_failed

    patient = {
        "retries": RETRIES,
        "retry_delay": timedelta(minutes=2),
        "retry_policy": ByKindOfError(),
        "on_failure_callback": task_failed,
    }

    @task(**patient)
    def held() -> list[str]:
        """Names of the connections whose quarantine is tried again."""
        from leerstroom_airflow import care

        return care.held_connections()

    @task(**patient, multiple_outputs=False, map_index_template="{{ connection }}")
    def replay(connection: str) -> dict:
        """Maps and loads a connection's held windows anew."""
        from leerstroom_airflow import care

        return care.replay_quarantine(connection)

    replay.expand(connection=held())


learning_quarantine()
