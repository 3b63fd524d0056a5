"""The stages as Airflow tasks: which days, which settings, which connection; the work itself is `leerstroom.nightly`.

A night is whole local days: the run at 02:00 pulls from midnight to midnight of the day before, so each day is asked for whole, and what a
platform delivers in the two hours after midnight is there already. Fields of a connection come from the Airflow connection of that name where
there is one (form, `AIRFLOW_CONN_…`, secrets back-end), else from the settings file.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import BaseHook, Variable, get_current_context
from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException
from pydantic import SecretStr

from connectors.source import Connection, connect
from leerstroom import nightly
from leerstroom.errors import ConfigurationError
from leerstroom.settings import Settings
from leerstroom_airflow import notifying, observing, provider
from leerstroom_airflow.errors import deferring_quotas
from leerstroom_airflow.fields import read
from leerstroom_airflow.hooks import HrDatabaseHook, LrsHook

logger = logging.getLogger(__name__)

CONNECTIONS_VARIABLE = "leerstroom_connections"
NIGHT_KEY = "night"  # XCom of the last task: how the night ended
NAMED = 30  # unfinished connections that a night names
_TOLD_EVERY_S = 10.0


# --- days ----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Days:
    """The local days of a run, both included."""

    first: date
    last: date

    def window(self, zone: str) -> tuple[datetime, datetime]:
        """From midnight of the first to midnight after the last, aware UTC."""
        return nightly.local_window(self.first, self.last, zone)


def days_of(interval: tuple[datetime, datetime] | None, params: Mapping[str, Any], zone: str, now: datetime) -> Days:
    """The days of a run: `from` and `to` when a person gave them, else the local days that ended inside the data interval, else yesterday.

    One of `from` and `to` alone is that one day. Raises ConfigurationError for dates that are none or end before they begin.
    """
    given = [params.get("from"), params.get("to")]
    if any(given):
        try:
            first, last = (date.fromisoformat(str(each or given[0] or given[1])) for each in given)
        except ValueError as error:
            raise ConfigurationError(f"'from' and 'to' need dates like 2026-11-02 ({error})") from None
        if last < first:
            raise ConfigurationError(
                f"the run's days end ({last}) before they begin ({first}); exchange 'from' and 'to'"
            )
        return Days(first, last)
    local = ZoneInfo(zone)
    if interval is None or interval[0] == interval[1]:
        yesterday = now.astimezone(local).date() - timedelta(days=1)
        return Days(yesterday, yesterday)
    last = interval[1].astimezone(local).date() - timedelta(days=1)
    return Days(min(interval[0].astimezone(local).date(), last), last)


# --- settings and connections ----------------------------------------------------------------------------------------------------


def settings() -> Settings:
    """The settings, with what the Airflow connections `leerstroom_lrs`, `leerstroom_hr` and `leerstroom_pseudonyms` say where they exist.

    Raises ConfigurationError when the last holds no key.
    """
    configured = Settings.load()
    changed: dict[str, Any] = {}
    if _found(provider.LRS_CONNECTION):
        changed["lrs"] = LrsHook().settings
    if _found(provider.HR_CONNECTION):
        changed["hr"] = configured.hr.model_copy(update={"database": HrDatabaseHook().url})
    if (keys := _found(provider.PSEUDONYMS_CONNECTION)) is not None:
        if not keys.password:
            raise ConfigurationError(
                f"Airflow connection '{provider.PSEUDONYMS_CONNECTION}' has no password; put the pseudonym key there"
            )
        changed["pseudonym_key"] = SecretStr(keys.password)
    return configured.model_copy(update=changed)


def connection_names() -> list[str]:
    """Names of the connections that a night pulls: those of the settings, and those of the Airflow variable `leerstroom_connections`."""
    names = list(Settings.load().connections)
    added = Variable.get(CONNECTIONS_VARIABLE, default="")
    names += [name.strip() for name in str(added).split(",") if name.strip() and name.strip() not in names]
    return names


def begin() -> list[str]:
    """Task: names of the connections that the night pulls, once the settings were judged: a fault of one connection is logged and fails there.

    Raises ConfigurationError that lists all faults at once when one of them concerns the whole installation.
    """
    configured, names = settings(), connection_names()
    for fault in nightly.judge(configured, (partial(connection, name, configured) for name in names)):
        logger.warning("this connection will fail: %s", fault)
    return names


def connection(name: str, configured: Settings) -> Connection:
    """One connection, of Airflow where it has one of that name, else of the settings. Raises ConfigurationError when neither has."""
    found = _found(name)
    if found is None:
        return nightly.connection_of(configured, name)
    source = provider.sources().get(found.conn_type or "")
    if source is None:
        raise ConfigurationError(
            f"Airflow connection '{name}' is of type '{found.conn_type}', which is none of ours; choose one of {', '.join(provider.sources())}"
        )
    return Connection(name, source.name, read(found, provider.settings_of(source)))


def _found(name: str) -> Any:
    try:
        return BaseHook.get_connection(name)
    except AirflowNotFoundException:
        return None


# --- tasks -------------------------------------------------------------------------------------------------------------------------


def directory() -> dict[str, Any]:
    """Task: refreshes the employees' file from the directory service; does nothing where none is configured."""
    configured = settings()
    if configured.directory.source is None:
        return {}
    return nightly.refresh_directory(configured, _run_id())


def pull(name: str) -> dict[str, Any]:
    """Task: pulls the run's days of one connection into the landing."""
    context = mapped_over(name)
    configured = settings()
    start, end = days(configured).window(configured.organisation.time_zone)
    found = connection(name, configured)
    with deferring_quotas():
        done = nightly.pull(
            found,
            start,
            end,
            settings=configured,
            run_id=context["run_id"],
            progress=told(f"{name}: records"),
        )
    return _seen("pull", done, [connect(found, complete=False).tenant], [_data(configured, done["path"])])


def map_landing(pulled: Mapping[str, Any]) -> dict[str, Any]:
    """Task: maps what a pull left into statements and quarantine."""
    context = mapped_over(pulled["connection"])
    configured = settings()
    done = nightly.map_landing(
        connection(pulled["connection"], configured),
        pulled["path"],
        settings=configured,
        run_id=context["run_id"],
        progress=told(f"{pulled['connection']}: statements"),
    )
    return _seen("map", done, [_data(configured, pulled["path"])], [_data(configured, done["path"])])


def load(mapped: Mapping[str, Any]) -> dict[str, Any]:
    """Task: loads what a map left into the LRS."""
    context = mapped_over(mapped["connection"])
    configured = settings()
    with deferring_quotas():
        done = nightly.load(
            mapped["connection"],
            mapped["path"],
            settings=configured,
            run_id=context["run_id"],
            progress=told(f"{mapped['connection']}: statements answered by the LRS"),
        )
    return _seen("load", done, [_data(configured, mapped["path"])], [configured.lrs.endpoint])


def mirror() -> dict[str, Any]:
    """Task: brings the mirror up to the LRS."""
    configured = settings()
    done = nightly.mirror(settings=configured, run_id=_run_id())
    return _seen("mirror", done, [configured.lrs.endpoint], [done["path"]])


def indicators() -> dict[str, Any]:
    """Task: computes all indicators as of the run's last day."""
    configured = settings()
    of_run = days(configured)
    start = min(of_run.first, of_run.last - timedelta(days=nightly.RECOMPUTED_DAYS - 1))
    done = nightly.compute(settings=configured, run_id=_run_id(), as_of=of_run.last, start=start)
    return _seen("indicators", done, [_data(configured, "mirror")], [done["path"]])


def publish(computed: Mapping[str, Any]) -> dict[str, Any]:
    """Task: gives HR its tables, workbook and report as of the run's last day."""
    configured = settings()
    done = nightly.publish(settings=configured, run_id=_run_id(), as_of=days(configured).last, values=computed["path"])
    written = [configured.hr_database, done["report"], done["workbook"]]
    return _seen("publish", done, [str(computed["path"])], written)


def my_learning(computed: Mapping[str, Any]) -> dict[str, Any]:
    """Task: gives each employee their own figures, statements and rules as of the run's last day."""
    configured = settings()
    return nightly.my_learning(
        settings=configured, run_id=_run_id(), as_of=days(configured).last, values=computed["path"]
    )


def settle(
    published: Mapping[str, Any] | None, expected: Iterable[str] | None, assets: Mapping[str, Any]
) -> dict[str, Any]:
    """Task: the ledger must balance, and HR must have been served; then, and only then, the assets are told.

    `expected` are the names of the connections. Returns how the night ended. Raises LedgerOutOfBalance, or AirflowFailException when nothing was published.
    """
    context = get_current_context()
    night = shortened(nightly.settle(settings=settings(), run_id=_run_id(), expected=list(expected or ())))
    context["ti"].xcom_push(NIGHT_KEY, night)
    if published is None:
        raise AirflowFailException(
            f"nothing was published ({', '.join(night['unfinished']) or 'a task before it did not run'}); clear the failed tasks to go on"
        )
    if night["unfinished"]:
        logger.warning("the night is partial: %s", ", ".join(night["unfinished"]))
        notifying.night_is_partial(night)
    told = {"run_id": night["run_id"], "state": night["state"], **night["counts"]}
    for asset in assets.values():
        context["outlet_events"][asset].extra = told
    return night


def shortened(night: Mapping[str, Any]) -> dict[str, Any]:
    """How a night ended, small enough for XCom and for a note also when most of many connections failed; the ledger names all of them."""
    named, rest = night["unfinished"][:NAMED], len(night["unfinished"]) - NAMED
    return {**night, "unfinished": [*named, f"and {rest} more"] if rest > 0 else named}


def _seen(stage: str, done: dict[str, Any], inputs: Iterable[str], outputs: Iterable[str]) -> dict[str, Any]:
    """Tells metrics and lineage of a stage that is done, and hands on what it returned."""
    observing.count(
        stage, done.get("counts", {}), connection=str(done.get("connection", "")), source=str(done.get("source", ""))
    )
    observing.lineage([observing.address(each) for each in inputs], [observing.address(each) for each in outputs])
    return done


def _data(configured: Settings, relative: str) -> str:
    return f"{configured.data.rstrip('/')}/{relative}"


def _run_id() -> str:
    return str(get_current_context()["run_id"])


def mapped_over(name: str) -> Any:
    """The task's context, with the connection's name for `map_index_template`."""
    context = get_current_context()
    context["connection"] = name  # type: ignore[typeddict-unknown-key] # Airflow's way to name a mapped task
    return context


def days(configured: Settings) -> Days:
    """The days of the task's run."""
    context = get_current_context()
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    return days_of(
        (start, end) if start and end else None,
        context["params"],
        configured.organisation.time_zone,
        datetime.now(ZoneInfo("UTC")),
    )


def told(what: str) -> Callable[[int], None]:
    """Progress for the task's log: how many, and how many a second, every ten seconds."""
    started = last = time.monotonic()

    def tell(done: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _TOLD_EVERY_S:
            last = now
            logger.info("%s: %d so far, %.0f/s", what, done, done / (now - started))

    return tell
