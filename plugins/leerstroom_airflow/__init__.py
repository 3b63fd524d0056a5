"""What Airflow sees of Leerstroom: connection types, hooks, errors and the ledger's page. Thin wrappers; nothing here computes."""

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Entry point `apache_airflow_provider`: our connection types and their forms.

    Airflow calls it while it is still importing itself, so nothing below it may import Airflow.
    """
    from leerstroom_airflow.provider import provider_info

    return provider_info()
