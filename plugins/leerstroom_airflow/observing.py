"""What a finished stage tells the outside: counters for StatsD or OpenTelemetry, and lineage for OpenLineage. Counts and addresses only.

Both go through Airflow's own doors, so they are on when Airflow's `[metrics]` is on, or when the OpenLineage provider is installed, and cost nothing else.

| metric | tags |
|---|---|
| `leerstroom.<stage>.<count>`: pulled, mapped, ignored, quarantined, built, stored, already_there, voids, rejected, fetched, values, rows | connection, source |
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

logger = logging.getLogger(__name__)


def count(stage: str, counts: Mapping[str, Any], *, connection: str = "", source: str = "") -> None:
    """Adds a stage's counts to the metrics; counts by reason are summed."""
    from airflow.sdk.observability import stats

    tags = {name: value for name, value in (("connection", connection), ("source", source)) if value}
    for name, value in counts.items():
        number = sum(value.values()) if isinstance(value, Mapping) else value
        if isinstance(number, int) and not isinstance(number, bool) and number:
            stats.incr(f"leerstroom.{stage}.{name}", number, tags=tags)


def lineage(inputs: Sequence[str], outputs: Sequence[str], collector: Any = None) -> None:
    """Tells what a task read and what it wrote, as addresses without credentials; to Airflow's own collector by default."""
    from airflow.sdk import BaseHook
    from airflow.sdk.lineage import get_hook_lineage_collector

    collector, hook = collector or get_hook_lineage_collector(), BaseHook()
    try:
        for address in inputs:
            collector.add_input_asset(hook, uri=address)
        for address in outputs:
            collector.add_output_asset(hook, uri=address)
    except ValueError as error:  # an address of a form that Airflow refuses must not end a night
        logger.debug("lineage is not told: %s", type(error).__name__)


def address(place: str) -> str:
    """A path, URL or database as an address for lineage: absolute, without user, password and query."""
    if "://" not in place:
        return Path(place).resolve().as_uri()
    parts = urlsplit(place)
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    scheme = "postgres" if parts.scheme.startswith("postgresql") else parts.scheme
    if scheme == "postgres":
        port = port or ":5432"
        return f"postgres://{host}{port}{parts.path}/public/indicator_values"
    return f"{scheme}://{host}{port}{parts.path}"
