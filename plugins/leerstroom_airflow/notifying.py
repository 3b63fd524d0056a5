"""Tells people by mail or Slack what a person must know: a task that failed for good, a partial night, HR's tables that are late.

Whom to tell stands in the section `notify` of the settings; credentials are Airflow connections. Nothing is told where the section is empty. A
message says which Dag, task and connection, never what an error quotes.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from leerstroom.errors import ConfigurationError, LeerstroomError

if TYPE_CHECKING:
    from leerstroom.settings import NotifySettings

logger = logging.getLogger(__name__)


def notifiers(settings: "NotifySettings", subject: str, text: str) -> list[Any]:
    """Airflow's notifiers for one message. Raises ConfigurationError when the provider of a way is not installed."""
    found: list[Any] = []
    if settings.mail:
        from airflow.providers.smtp.notifications.smtp import SmtpNotifier

        found.append(
            SmtpNotifier(
                smtp_conn_id=settings.mail.connection,
                to=list(settings.mail.to),
                subject=subject,
                html_content=f"<p>{text}</p>",
            )
        )
    if settings.slack:
        try:
            from airflow.providers.slack.notifications.slack import SlackNotifier
        except ImportError as error:
            raise ConfigurationError(
                "notify.slack needs Airflow's Slack provider; install apache-airflow-providers-slack"
            ) from error
        found.append(
            SlackNotifier(
                slack_conn_id=settings.slack.connection, channel=settings.slack.channel, text=f"*{subject}*\n{text}"
            )
        )
    return found


def tell(subject: str, text: str) -> None:
    """Sends one message every configured way; a way that fails is logged and stops nothing."""
    from leerstroom.settings import Settings  # not above: each Dag file imports this module each time that it is read

    try:
        found = notifiers(Settings.load().notify, subject, text)
    except LeerstroomError as error:
        logger.warning("nobody is told: %s", error)
        return
    for notifier in found:
        try:
            notifier.notify({})
        except Exception as error:  # ruff: ignore[blind-except] - a mail server that is away must not fail a task that is done
            logger.warning(
                "%s could not be sent (%s); check its connection", type(notifier).__name__, type(error).__name__
            )


def task_failed(context: Mapping[str, Any]) -> None:
    """Callback of tasks: one failed and is not tried again."""
    instance = context["ti"]
    what = f"{instance.dag_id}.{instance.task_id}"
    mapped = getattr(instance, "rendered_map_index", None) or context.get("connection")
    of = f" of connection {mapped}" if mapped else ""
    kind = type(context.get("exception")).__name__ if context.get("exception") is not None else "no reason known"
    tell(
        f"Leerstroom: {what} failed",
        f"Task {what}{of} failed ({kind}) in run {context['run_id']}. Its log says what to do.",
    )


def night_is_partial(night: Mapping[str, Any]) -> None:
    """After a night that ended without some of its connections."""
    tell("Leerstroom: a partial night", f"Run {night['run_id']} ended without {', '.join(night['unfinished'])}.")


async def late(context: Mapping[str, Any] | None = None, **_: Any) -> None:
    """Callback of the deadline: HR's tables are not there in time. Runs in the triggerer."""
    run = (context or {}).get("dag_run") or {}
    name = run.get("dag_run_id") or run.get("run_id") if isinstance(run, Mapping) else getattr(run, "run_id", "")
    logger.warning("HR's tables are late: run %s has not ended", name)
    await asyncio.to_thread(
        tell, "Leerstroom: HR's tables are late", f"Run {name} of learning_nightly has not ended in time."
    )
