"""Tasks of the Dags beside the night: what to look at, what is kept no longer, quarantine again, one LRS into another, a person's erasure. The work is the engine's."""

import logging
from collections.abc import Mapping
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowFailException

from leerstroom import nightly
from leerstroom.errors import ConfigurationError
from leerstroom.settings import Settings
from leerstroom_airflow import nights
from leerstroom_airflow.hooks import LrsHook

logger = logging.getLogger(__name__)


def with_connections(configured: Settings) -> Settings:
    """The settings with every connection's fields, also those that live in Airflow."""
    named = {name: nights.connection(name, configured) for name in nights.connection_names()}
    fields = {name: {"source": each.source, **each.fields} for name, each in named.items()}
    return configured.model_copy(update={"connections": fields})


# --- quality ---------------------------------------------------------------------------------------------------------------------


def check_quality() -> dict[str, int]:
    """Task: says in the log what to look at and fails when there is something; returns how much of each kind."""
    configured = nights.settings()
    found = nightly.check_quality(settings=configured, as_of=nights.days(configured).last)
    for each in found:
        logger.warning("%s of %s: %s", each.kind, each.subject, each.text)
    counts = {str(each.kind): sum(other.kind == each.kind for other in found) for each in found}
    if found:
        raise AirflowFailException("to look at: " + ", ".join(f"{number} of {kind}" for kind, number in counts.items()))
    return counts


def remove_outdated() -> dict[str, int]:
    """Task: removes what is kept no longer; returns how much of each store went."""
    from leerstroom import ledger
    from leerstroom.retention import remove_outdated as remove

    configured = nights.settings()
    if configured.retention.lrs_months is not None and not configured.lrs.database:
        logger.warning("the LRS keeps its statements: set lrs.database for the embedded LRS, or ask the LRS's operator")
    return remove(configured, ledger.now())


# --- quarantine ------------------------------------------------------------------------------------------------------------------


def held_connections() -> list[str]:
    """Task: the connections of which quarantine is tried again: the one that was asked for, else all that hold something."""
    from leerstroom.landing import Store
    from leerstroom.quarantine import held

    wanted = get_current_context()["params"].get("connection")
    found = sorted({each.connection for each in held(Store(nights.settings().data))})
    return [name for name in found if not wanted or name == wanted]


def replay_quarantine(name: str) -> dict[str, Any]:
    """Task: maps and loads the windows of a connection anew of which something is held. Returns `{connection, held_before, held_after}`."""
    from leerstroom.landing import Store
    from leerstroom.quarantine import can_be_replayed, held

    context = nights.mapped_over(name)
    configured = nights.settings()
    store = Store(configured.data)
    before = held(store, name)
    for each in before:
        if can_be_replayed(store, each):
            nightly.replay_quarantine(
                nights.connection(name, configured),
                each.landing,
                settings=configured,
                run_id=f"{context['run_id']}__{each.window}",
                progress=nights.told(f"{name}: statements"),
            )
        else:
            logger.warning("%s: the landing of %s is gone; trigger learning_nightly for its days", name, each.window)
    after = sum(each.records for each in held(store, name))
    return {"connection": name, "held_before": sum(each.records for each in before), "held_after": after}


# --- one LRS into another --------------------------------------------------------------------------------------------------------


def sync(params: Mapping[str, Any]) -> dict[str, int]:
    """Task: copies what matches the run's parameters from one LRS connection to another; what is there already stays."""
    from connectors.lrs import sync as copy

    source, target = (LrsHook(connection_id=str(params[name])).client for name in ("from", "to"))
    filters = {name: params[name] for name in ("verb", "activity", "since", "profile") if params.get(name)}
    report = copy(source, target, **filters, on_batch=nights.told("statements"))
    if report.rejected or report.conflicting:
        logger.warning(
            "%d statements were refused and %d conflict with what is there", report.rejected, report.conflicting
        )
    return {
        "stored": report.stored,
        "already_there": report.already_there,
        "conflicting": report.conflicting,
        "rejected": report.rejected,
    }


# --- a person's erasure ------------------------------------------------------------------------------------------------------------


def find_subject(pseudonym: str) -> dict[str, int]:
    """Task: how much is held of a person. Raises ConfigurationError when the directory has nobody of this pseudonym."""
    from leerstroom.cli.subject import traces
    from leerstroom.subjects import held_lines

    configured = with_connections(nights.settings())
    subject, store = traces(configured, _employee_of(pseudonym, configured))
    agent = {"account": {"homePage": configured.organisation.home_page, "name": subject.actor}}
    statements = sum(1 for _ in nightly.lrs_of(configured).query(agent=agent))
    return {"statements": statements, "lines": sum(1 for _ in held_lines(store, subject))}


def erase_subject(pseudonym: str) -> dict[str, Any]:
    """Task: erases a person from every store. Returns how much; fails, after all was tried, when something is left to others."""
    from leerstroom.cli.subject import erase_subject as erase

    configured = with_connections(nights.settings())
    done = erase(configured, _employee_of(pseudonym, configured))
    for left in done.left:
        logger.warning("left: %s", left)
    counts = {"lrs": done.lrs, "mirror": done.mirrored, "lines": done.lines, "facts": done.facts, "rows": done.values}
    if any("statements of account" in left for left in done.left):
        raise AirflowFailException("the statements in the LRS are left; its operator must delete them, see the log")
    return counts


def _employee_of(pseudonym: str, configured: Settings) -> str:
    pseudonyms = nightly.pseudonyms_of(configured)
    for employee in nightly.full_directory_of(configured).employees:
        if pseudonyms.actor(employee.employee_id) == pseudonym:
            return employee.employee_id
    raise ConfigurationError(
        "the directory has nobody of this pseudonym; get it with: leerstroom subject pseudonym EMPLOYEE"
    )
