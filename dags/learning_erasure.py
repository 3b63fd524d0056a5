"""Erases one person from every store for good, once somebody has approved it.

1. `leerstroom subject pseudonym EMPLOYEE` gives the person's pseudonym; trigger this Dag with it. No name or employee number is kept in Airflow.
2. `find` counts what is held.
3. `approve` waits, a week at most, until somebody who may do so answers *Approve* or *Reject* under *Required Actions*.
4. `erase` deletes statements, lines between the stages, mirror, facts and rows of HR's tables, keeps later pulls from bringing the person back, and
   publishes HR's figures anew. It may be run again.

Take the person out of the employee directory yourself: it is HR's own. The same without Airflow: `leerstroom subject erase`.
"""

from datetime import timedelta

from airflow.sdk import Param, dag, task


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=1,
    render_template_as_native_obj=True,
    doc_md=__doc__,
    tags=["leerstroom", "learning", "privacy"],
    params={
        "subject": Param(
            "",
            type="string",
            title="Pseudonym",
            description="26 letters and digits, from: leerstroom subject pseudonym EMPLOYEE",
            pattern="^[a-z2-7]{26}$",
        )
    },
)
def learning_erasure() -> None:
    """Find, approve, erase; the work is `leerstroom subject erase`."""
    from airflow.providers.standard.operators.hitl import ApprovalOperator

    from leerstroom_airflow.errors import RETRIES, ByKindOfError
    from leerstroom_airflow.notifying import task_failed

    patient = {
        "retries": RETRIES,
        "retry_delay": timedelta(minutes=2),
        "retry_policy": ByKindOfError(),
        "on_failure_callback": task_failed,
    }

    @task(**patient, multiple_outputs=False)
    def find(params: dict | None = None) -> dict:
        """Counts what is held of the person."""
        from leerstroom_airflow import care

        return care.find_subject((params or {})["subject"])

    @task(**patient, multiple_outputs=False)
    def erase(params: dict | None = None) -> dict:
        """Deletes the person from every store."""
        from leerstroom_airflow import care

        return care.erase_subject((params or {})["subject"])

    found = find()
    approve = ApprovalOperator(
        task_id="approve",
        subject="Erase one person from every store? This cannot be undone.",
        body="Person {{ params.subject }}: {{ ti.xcom_pull(task_ids='find')['statements'] }} statements in the LRS and "
        "{{ ti.xcom_pull(task_ids='find')['lines'] }} lines between the stages.",
        response_timeout=timedelta(days=7),
    )
    found >> approve >> erase()


learning_erasure()
