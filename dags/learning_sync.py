"""Copies statements from one LRS to another, as they are and however often: what is there already stays.

Choose two connections of type *Learning record store*, and what to copy. Voiding statements always go along. Trigger it by hand, or give it a
schedule of your own in a Dag that triggers it. The same without Airflow: `leerstroom sync`.
"""

from datetime import timedelta

from airflow.sdk import Param, dag, task


def _filter(title: str, description: str, **more: str) -> Param:
    return Param(None, type=["string", "null"], title=title, description=description, **more)


@dag(
    schedule=None,
    catchup=False,
    doc_md=__doc__,
    tags=["leerstroom", "learning"],
    params={
        "from": Param("leerstroom_lrs", type="string", title="From", description="Connection of the LRS that is read"),
        "to": Param("", type="string", title="To", description="Connection of the LRS that is written", minLength=1),
        "verb": _filter("Verb", "Only statements of this verb: its IRI"),
        "activity": _filter("Activity", "Only statements about this activity: its IRI"),
        "profile": _filter("Profile", "Only statements of this xAPI profile: its IRI"),
        "since": _filter("Since", "Only statements stored at or after this time", format="date-time"),
    },
)
def learning_sync() -> None:
    """One task; the work is `connectors.lrs.sync`."""
    from leerstroom_airflow.errors import RETRIES, ByKindOfError
    from leerstroom_airflow.notifying import task_failed

    @task(
        retries=RETRIES,
        retry_delay=timedelta(minutes=2),
        retry_policy=ByKindOfError(),
        on_failure_callback=task_failed,
        multiple_outputs=False,
    )
    def sync(params: dict | None = None) -> dict:
        """Copies what matches; progress is in the log."""
        from leerstroom_airflow import care

        return care.sync(params or {})

    sync()


learning_sync()
