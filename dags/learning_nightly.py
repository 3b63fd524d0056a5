"""A night of Leerstroom.

Pulls the day before from every connection, maps it into xAPI statements, loads them into the learning record store, mirrors the store, computes
the learning indicators and gives HR its tables, workbook and report.

| task | does | when it fails |
|---|---|---|
| `directory` | refreshes the employees' file from the directory service, where one is configured | the file of the day before counts; the night is *partial* |
| `connections` | names the connections: settings file, and the variable `leerstroom_connections`; judges all settings | nothing is pulled; its message lists every fault |
| `source.pull`, `source.map`, `source.load` | one row a connection | only that connection: the night is *partial*, and the day counts as missing there |
| `mirror`, `indicators`, `publish` | the LRS → columns → values → HR | HR keeps what it has |
| `my_learning` | a file for each employee about themselves | employees keep what they have; the night is *partial* |
| `settle` | checks that every record is accounted for, writes the run's note, tells the assets | the ledger does not balance: look there before you trust the night |

**Errors** Credentials and settings fail at once; limits and outages are tried again, later each time; a spent daily quota skips the connection until
the next night, which asks for these days again.
**Again** Every task may be killed, cleared and run again, and every day pulled again: the LRS ends up the same.
**Other days** *Trigger* with `from` and `to`, or a backfill: `airflow backfill create --dag-id learning_nightly --from-date … --to-date …`.
**Late** With `LEERSTROOM_LATE_AFTER_HOURS` in the environment a run that has not ended by then tells those who stand in `notify` of the settings; a task
that fails for good and a partial night tell them too.
**Pool** `learning_apis` says how many connections are asked at the same time.
"""

import os
from datetime import timedelta

from airflow.sdk import (
    Asset,
    AsyncCallback,
    CronDataIntervalTimetable,
    DeadlineAlert,
    DeadlineReference,
    Param,
    dag,
    task,
    task_group,
)

STATEMENTS = Asset("leerstroom_statements")
MIRROR = Asset("leerstroom_mirror")
INDICATORS = Asset("leerstroom_indicator_values")
HR_TABLES = Asset("leerstroom_hr_tables")
ASSETS = {asset.name: asset for asset in (STATEMENTS, MIRROR, INDICATORS, HR_TABLES)}
POOL = "learning_apis"
LATE_AFTER_HOURS = os.environ.get(
    "LEERSTROOM_LATE_AFTER_HOURS"
)  # unset: no deadline, which dag.test() of Airflow 3.3 needs
LATE = LATE_AFTER_HOURS and DeadlineAlert(
    name="HR's tables are late",
    reference=DeadlineReference.DAGRUN_QUEUED_AT,
    interval=timedelta(hours=float(LATE_AFTER_HOURS)),
    callback=AsyncCallback("leerstroom_airflow.notifying.late"),
)


@dag(
    schedule=CronDataIntervalTimetable("0 2 * * *", timezone="Europe/Amsterdam"),
    catchup=False,
    max_active_runs=1,
    max_active_tasks=16,
    dagrun_timeout=timedelta(hours=8),
    deadline=LATE or None,
    doc_md=__doc__,
    tags=["leerstroom", "learning"],
    params={
        "from": Param(
            None,
            type=["string", "null"],
            format="date",
            title="From",
            description="First local day to pull; empty: the day before the run",
        ),
        "to": Param(
            None,
            type=["string", "null"],
            format="date",
            title="To",
            description="Last local day, included; empty: the same as From",
        ),
    },
)
def learning_nightly() -> None:
    """Order, pools and retries; the work is `leerstroom.nightly`."""
    from leerstroom_airflow.errors import RETRIES, ByKindOfError
    from leerstroom_airflow.notifying import task_failed

    patient = {
        "retries": RETRIES,
        "retry_delay": timedelta(minutes=2),
        "retry_policy": ByKindOfError(),
        "on_failure_callback": task_failed,
    }

    @task(multiple_outputs=False, **patient, pool=POOL)
    def directory() -> dict:
        """Refreshes the employees' file from the configured directory service."""
        from leerstroom_airflow import nights

        return nights.directory()

    @task(**patient, trigger_rule="all_done")
    def connections() -> list[str]:
        """Names of the connections that this night pulls; tells all faults of the settings at once."""
        from leerstroom_airflow import nights

        return nights.begin()

    @task(multiple_outputs=False, **patient, pool=POOL, map_index_template="{{ connection }}")
    def pull(connection: str) -> dict:
        """Pulls the run's days, reduced at the edge, into the landing."""
        from leerstroom_airflow import nights

        return nights.pull(connection)

    @task(task_id="map", multiple_outputs=False, **patient, map_index_template="{{ connection }}")
    def map_landing(pulled: dict) -> dict:
        """Maps records into statements; what cannot be mapped goes to quarantine with its reason."""
        from leerstroom_airflow import nights

        return nights.map_landing(pulled)

    @task(multiple_outputs=False, **patient, map_index_template="{{ connection }}")
    def load(mapped: dict) -> dict:
        """Loads statements into the LRS and voids what they replace."""
        from leerstroom_airflow import nights

        return nights.load(mapped)

    @task_group
    def source(connection: str) -> None:
        """One connection; in a mapped group one that fails does not stop the others."""
        load(map_landing(pull(connection)))

    @task(multiple_outputs=False, **patient, trigger_rule="all_done")
    def mirror() -> dict:
        """Brings the columns on disk up to the LRS, also with what other tools wrote there."""
        from leerstroom_airflow import nights

        return nights.mirror()

    @task(multiple_outputs=False, **patient)
    def indicators() -> dict:
        """Computes the indicators of the last 35 days and of the windows that end with this run's last day."""
        from leerstroom_airflow import nights

        return nights.indicators()

    @task(multiple_outputs=False, **patient)
    def publish(computed: dict) -> dict:
        """Tables, workbook and report for HR."""
        from leerstroom_airflow import nights

        return nights.publish(computed)

    @task(multiple_outputs=False, **patient)
    def my_learning(computed: dict) -> dict:
        """For each employee: own figures, own statements, the rules behind them."""
        from leerstroom_airflow import nights

        return nights.my_learning(computed)

    @task(multiple_outputs=False, **patient, trigger_rule="all_done", outlets=list(ASSETS.values()))
    def settle(published: dict | None, expected: list[str] | None) -> dict:
        """The balance of the ledger, the run's note, and the one place that tells the assets."""
        from leerstroom_airflow import nights

        return nights.settle(published, expected, ASSETS)

    names = connections()
    directory() >> names
    sources = source.expand(connection=names)
    computed = indicators()
    sources >> mirror() >> computed
    my_learning(computed) >> settle(publish(computed), names)


learning_nightly()
