"""The one plugin file: a page with the ledger, and the note on a run. Everything else is the installed package `leerstroom_airflow`."""

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from leerstroom_airflow import ledger_page, run_notes


class LeerstroomPlugin(AirflowPlugin):
    """Leerstroom in Airflow's user interface."""

    name = "leerstroom"
    listeners: ClassVar[list[Any]] = [run_notes]
    fastapi_apps: ClassVar[list[Any]] = [
        {"app": ledger_page.app, "url_prefix": "/leerstroom", "name": "leerstroom ledger"}
    ]
    external_views: ClassVar[list[Any]] = [
        {
            "name": "Learning ledger",
            "href": "/leerstroom/",
            "url_route": "leerstroom-ledger",
            "destination": "nav",
            "category": "browse",
        }
    ]
