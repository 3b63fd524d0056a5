"""The provider's description: one connection type for each installed source, one for the LRS, one for the HR database.

A form is made out of a source's `settings`; a third party's source gets its connection type by being installed.
"""

import logging
import re
from typing import Any

from connectors.source import COMMON_SETTINGS, Setting, Source, installed, load
from leerstroom import __version__
from leerstroom.errors import ConfigurationError
from leerstroom_airflow.fields import form

logger = logging.getLogger(__name__)

LRS_CONNECTION = "leerstroom_lrs"
HR_CONNECTION = "leerstroom_hr"
PSEUDONYMS_CONNECTION = "leerstroom_pseudonyms"  # of any type; its password is the pseudonym key
PREFIX = "leerstroom_"

LRS_SETTINGS = (
    Setting("host", "xAPI endpoint", kind="url", help="https://lrs.example.org/xapi/"),
    Setting("key", "Key"),
    Setting("secret", "Secret", secret=True),
    Setting("version", "xAPI version", default="1.0.3", required=False, help="1.0.3 or 2.0.0"),
)


def provider_info() -> dict[str, Any]:
    """What `get_provider_info` answers. A source that cannot be imported loses its own connection type only."""
    return {
        "package-name": "leerstroom",
        "name": "Leerstroom",
        "description": "Learning activity of every platform as xAPI, and learning indicators each night",
        "versions": [__version__],
        "hooks": [{"integration-name": "Leerstroom", "python-modules": ["leerstroom_airflow.hooks"]}],
        "integrations": [
            {"integration-name": "Leerstroom", "external-doc-url": "https://xapi.com", "tags": ["service"]}
        ],
        "connection-types": [*_sources(), _lrs(), _hr()],
    }


def connection_type(source: str) -> str:
    """The connection type of a source: `leerstroom_moodle`."""
    return PREFIX + re.sub(r"[^a-z0-9]+", "_", source.lower())


def hook_class(source: str) -> str:
    """The name of a source's hook in `leerstroom_airflow.hooks`: `MoodleHook`."""
    return "".join(part.capitalize() for part in re.split(r"[^A-Za-z0-9]+", source)) + "Hook"


def sources() -> dict[str, type[Source]]:
    """Connection type -> source, for every source that can be imported."""
    found = {}
    for name in installed():
        try:
            found[connection_type(name)] = load(name)
        except ConfigurationError as error:
            logger.warning("no connection type for source %s: %s", name, error)
    return found


def settings_of(source: type[Source]) -> tuple[Setting, ...]:
    """All settings of a source, its own first."""
    return (*source.settings, *COMMON_SETTINGS)


def _sources() -> list[dict[str, Any]]:
    return [
        {
            "connection-type": kind,
            "hook-class-name": f"leerstroom_airflow.hooks.{hook_class(source.name)}",
            "hook-name": f"{source.title} (Leerstroom)",
            **form(settings_of(source)),
        }
        for kind, source in sources().items()
    ]


def _lrs() -> dict[str, Any]:
    made = form(LRS_SETTINGS)
    made["conn-fields"]["version"]["schema"] |= {"enum": ["1.0.3", "2.0.0"]}
    return {
        "connection-type": LRS_CONNECTION,
        "hook-class-name": "leerstroom_airflow.hooks.LrsHook",
        "hook-name": "Learning record store (Leerstroom)",
        **made,
    }


def _hr() -> dict[str, Any]:
    return {
        "connection-type": HR_CONNECTION,
        "hook-class-name": "leerstroom_airflow.hooks.HrDatabaseHook",
        "hook-name": "HR database (Leerstroom)",
        "conn-fields": {},
        "ui-field-behaviour": {
            "hidden-fields": [],
            "relabeling": {"host": "PostgreSQL host", "schema": "Database", "login": "User"},
            "placeholders": {
                "host": "empty: a DuckDB file",
                "port": "5432",
                "schema": "name of the database, or path of the DuckDB file",
            },
        },
    }
