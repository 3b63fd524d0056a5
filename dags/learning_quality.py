"""What a person should look at after a night.

Runs when HR was served, and is red when there is something to look at: its log says what, with which connection, and what to do.

| kind | found when |
|---|---|
| coverage | days of the last 35 are missing of a kind of source |
| balance | a stage's counts do not add up |
| drift | a workday holds less than half of the statements that are usual: the day is *suspect* until the rest has come |
| quarantine | more than a twentieth of a connection's records is in quarantine |

The same without Airflow: `leerstroom quality`.
"""

from datetime import timedelta

from airflow.sdk import Asset, dag, task


@dag(
    schedule=[Asset("leerstroom_hr_tables")],
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["leerstroom", "learning"],
)
def learning_quality() -> None:
    """One task; the work is `leerstroom.nightly.check_quality`."""
    from leerstroom_airflow.errors import RETRIES, ByKindOfError
    from leerstroom_airflow.notifying import task_failed

    @task(
        retries=RETRIES,
        retry_delay=timedelta(minutes=2),
        retry_policy=ByKindOfError(),
        on_failure_callback=task_failed,
        multiple_outputs=False,
    )
    def check() -> dict:
        """Coverage, balance, drift and quarantine as of the last day."""
        from leerstroom_airflow import care

        return care.check_quality()

    check()


learning_quality()
