"""Removes what the organisation keeps no longer.

Runs every Sunday. How long each store is kept stands in the settings, section `retention`:

| store | kept | setting |
|---|---|---|
| landing | 14 days; as long as quarantine holds records of its window | `landing_days` |
| statements on disk | 14 days | `statements_days` |
| quarantine | 90 days | `quarantine_days` |
| indicators on disk, HR's rows per employee and day | 90 days | `day_rows_days` |
| HR's rows per employee and window | 2 years | `window_rows_days` |
| mirror | for ever, unless set | `mirror_months` |
| LRS, the embedded one | for ever, unless set | `lrs_months` |

The same without Airflow: `leerstroom retention`; with `--dry-run` it only counts.
"""

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, dag, task


@dag(
    schedule=CronTriggerTimetable("0 12 * * 0", timezone="Europe/Amsterdam"),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["leerstroom", "learning"],
)
def learning_retention() -> None:
    """One task; the work is `leerstroom.retention.remove_outdated`."""
    from leerstroom_airflow.errors import RETRIES, ByKindOfError
    from leerstroom_airflow.notifying import task_failed

    @task(
        retries=RETRIES,
        retry_delay=timedelta(minutes=10),  # a night may be writing to the mirror
        retry_policy=ByKindOfError(),
        on_failure_callback=task_failed,
        multiple_outputs=False,
    )
    def remove() -> dict:
        """How much of each store went."""
        from leerstroom_airflow import care

        return care.remove_outdated()

    remove()


learning_retention()
