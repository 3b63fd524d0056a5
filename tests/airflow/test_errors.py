"""What each kind of error does to a task."""

from datetime import timedelta

import pytest

from connectors.http import RequestRefused
from leerstroom import errors
from leerstroom.ledger import LedgerOutOfBalance


def decided(error: BaseException, try_number: int = 1) -> tuple[str, timedelta | None]:
    from leerstroom_airflow.errors import ByKindOfError

    decision = ByKindOfError().evaluate(error, try_number, 4)
    return decision.action.value, decision.retry_delay


def subclasses(root: type[BaseException]) -> list[type[BaseException]]:
    return [each for below in root.__subclasses__() for each in (below, *subclasses(below))]


@pytest.mark.parametrize(
    "error",
    sorted({*subclasses(errors.NeedsOperator), LedgerOutOfBalance} - {RequestRefused}, key=lambda each: each.__name__),
    ids=lambda each: each.__name__,
)
def test_what_needs_an_operator_fails_at_once(error: type[BaseException]) -> None:
    assert decided(error("renew the token")) == ("fail", None)


def test_a_request_that_is_refused_fails_at_once() -> None:
    assert decided(RequestRefused("the request is refused (400)", 400)) == ("fail", None)


@pytest.mark.parametrize("error", [errors.Unreachable, errors.TryLater], ids=lambda each: each.__name__)
def test_what_may_work_later_is_tried_later_each_time(error: type[BaseException]) -> None:
    delays = [decided(error("no answer"), number)[1] for number in range(1, 7)]
    assert delays == [timedelta(minutes=minutes) for minutes in (2, 4, 8, 16, 30, 30)]


def test_a_limit_is_waited_out_as_long_as_the_platform_said() -> None:
    assert decided(errors.RateLimited("patience", 3600)) == ("retry", timedelta(hours=1))
    assert decided(errors.RateLimited("patience", 1)) == ("retry", timedelta(minutes=2))


def test_an_error_that_is_not_ours_is_tried_once_more() -> None:
    assert decided(KeyError("x")) == ("default", None)
    assert decided(KeyError("x"), 2) == ("fail", None)


def test_a_spent_quota_skips_the_task_and_says_when_it_goes_on() -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    from leerstroom_airflow.errors import deferring_quotas

    with pytest.raises(AirflowSkipException, match="next night"), deferring_quotas():
        raise errors.QuotaExhausted("10,000 of 10,000 calls used")
    with pytest.raises(errors.Unreachable), deferring_quotas():
        raise errors.Unreachable("no answer")
