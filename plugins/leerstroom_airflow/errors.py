"""What our errors mean to Airflow: one table, used by every task.

| error | the task |
|---|---|
| NeedsOperator (settings, credentials, unknown shapes, endless cursors) | fails at once: trying again cannot help |
| QuotaExhausted | is skipped: the next night pulls this window again, because windows overlap by the look-back |
| RateLimited | is retried when the platform said, two minutes at least |
| TryLater (unreachable, broken answers) | is retried with back-off |
| anything else that was raised | is tried once more: a bug stays a bug |
| the worker died | is tried again, as Airflow does |
"""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from airflow.sdk import RetryDecision, RetryPolicy
from airflow.sdk.exceptions import AirflowSkipException

from leerstroom.errors import NeedsOperator, QuotaExhausted, RateLimited, TryLater

RETRIES = 4
_FIRST_DELAY = timedelta(minutes=2)
_LONGEST_DELAY = timedelta(minutes=30)


class ByKindOfError(RetryPolicy):
    """Decides by the kind of a LeerstroomError whether and when a task is tried again. Runs in the worker, with the error at hand."""

    def __init__(self, first_delay: timedelta = _FIRST_DELAY, longest_delay: timedelta = _LONGEST_DELAY) -> None:
        self.first_delay = first_delay
        self.longest_delay = longest_delay

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> RetryDecision:
        """Fail now, or retry at a time; the reason is the error's own text."""
        if isinstance(exception, NeedsOperator):
            return RetryDecision.fail(str(exception))
        if isinstance(exception, TryLater):
            delay = min(self.first_delay * 2 ** (try_number - 1), self.longest_delay)
            if isinstance(exception, RateLimited) and exception.retry_after_s:
                delay = max(delay, timedelta(seconds=exception.retry_after_s))
            return RetryDecision.retry(delay, str(exception))
        if try_number > 1:
            return RetryDecision.fail(f"{type(exception).__name__} for the second time")
        return RetryDecision.default()


@contextmanager
def deferring_quotas() -> Generator[None, None, None]:
    """A spent daily quota skips the task instead of failing it; every other error goes on to the retry policy."""
    try:
        yield
    except QuotaExhausted as error:
        raise AirflowSkipException(f"deferred to the next night: {error}") from error
