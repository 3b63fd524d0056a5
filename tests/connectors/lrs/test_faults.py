"""A way to the LRS that breaks in every manner: nothing is lost, nothing doubled, and the report is exact."""

import random
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.lrs import mirror
from leerstroom.errors import Unreachable
from leerstroom.mirror import Mirror

FAULTS = ("cut-before", "cut-after", "cut-in-answer", "wrong-json", "half-json", "slow")


def retry_after_date() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)


def answers() -> list[Any]:
    return [
        (429, {"Retry-After": "0"}, b""),
        (429, {"Retry-After": retry_after_date()}, b""),
        (429, {}, b'{"retry_after": 0.1}'),
        (500, {}, b"oops"),
        (502, {}, b"<html>bad gateway</html>"),
        (503, {}, b""),
        (504, {}, b""),
    ]


@pytest.mark.parametrize("tells_stored", [True, False], ids=["tells-stored", "read-back"])
@pytest.mark.parametrize("fault", [*FAULTS, *range(len(answers()))])
def test_each_fault_alone_is_survived_with_an_exact_report(
    fake: Any, connect: Any, line: Any, broken: Any, fault: Any, tells_stored: bool
) -> None:
    server = fake(tells_stored=tells_stored)
    connect(server).load(line(number) for number in range(0, 300, 3))
    faulty = iter([False, True, False, True] + [False] * 1000)
    kind = answers()[fault] if isinstance(fault, int) else fault
    proxy = broken(server.endpoint, lambda _, method: kind if method == "POST" and next(faulty) else None)
    report = connect(proxy.endpoint, batch=50, in_flight=1).load(line(number) for number in range(300))
    assert proxy.faults == 2
    assert (report.sent, report.stored, report.already_there) == (300, 200, 100)
    assert len(server.held) == 300


@pytest.mark.parametrize("identical", ["accept", "refuse", "leave-out"])
def test_a_lost_answer_is_resolved_by_asking_whatever_the_lrs_says_to_a_resend(
    fake: Any, connect: Any, line: Any, broken: Any, identical: str
) -> None:
    server = fake(identical=identical)
    connect(server).load(line(number) for number in range(10))
    proxy = broken(server.endpoint, lambda number, method: "cut-after" if method == "POST" and number < 4 else None)
    report = connect(proxy.endpoint, batch=500).load(line(number) for number in range(5, 60))
    assert (report.stored, report.already_there, report.conflicting) == (50, 5, 0)


@pytest.mark.parametrize("fault", ["cut-before", "cut-in-answer", "half-json", (500, {}, b"oops"), (503, {}, b"")])
def test_a_fault_of_the_first_question_makes_no_report_less_exact(
    fake: Any, connect: Any, line: Any, broken: Any, fault: Any
) -> None:
    server = fake(identical="refuse")
    connect(server).load(line(number) for number in range(10))
    proxy = broken(server.endpoint, lambda number, _: fault if number == 1 else None)
    report = connect(proxy.endpoint).load(line(number) for number in range(5, 60))
    assert (report.stored, report.already_there, report.conflicting) == (50, 5, 0)


def test_a_500_after_other_faults_is_tried_again_and_one_that_stays_is_for_later(
    fake: Any, connect: Any, statement: Any, broken: Any
) -> None:
    server = fake()
    server.put(statement(1))
    faults = ["cut-before", (503, {}, b""), (500, {}, b"oops"), (500, {}, b"oops")]
    proxy = broken(server.endpoint, lambda number, _: faults[number - 1] if number <= len(faults) else None)
    lrs = connect(proxy.endpoint)
    assert lrs.statement(statement(1)["id"]) is not None
    ailing = broken(server.endpoint, lambda *_: (500, {}, b"oops"))
    with pytest.raises(Unreachable, match="500"):
        next(iter(connect(ailing.endpoint, tries=4).query()), None)


def everything(seed: int, share: float) -> Any:
    """Faults at random, a burst of 5xx now and then, never the same request for ever."""
    draw = random.Random(seed)
    lock = threading.Lock()
    burst = [0]

    def fault(_: int, __: str) -> Any:
        with lock:
            if burst[0]:
                burst[0] -= 1
                return (503, {}, b"")
            roll = draw.random()
            if roll < share / 10:
                burst[0] = 2
            if roll < share:
                return draw.choice([*FAULTS, *answers()])
            return None

    return fault


def test_all_faults_together(fake: Any, connect: Any, line: Any, broken: Any) -> None:
    server = fake(tells_stored=True)
    proxy = broken(server.endpoint, everything(1, 0.2))
    report = connect(proxy.endpoint, batch=50, in_flight=2, tries=12).load(line(number) for number in range(3000))
    assert (report.sent, report.stored, report.already_there) == (3000, 3000, 0)
    assert len(server.held) == 3000
    assert proxy.faults > 5


def test_a_mirror_over_a_broken_way_is_whole(
    fake: Any, connect: Any, statement: Any, broken: Any, tmp_path: Path
) -> None:
    server = fake(cap=40)
    server.put(*(statement(number) for number in range(1000)))
    proxy = broken(server.endpoint, everything(2, 0.2))
    target = Mirror(tmp_path)
    for _ in range(5):
        try:
            mirror(connect(proxy.endpoint, tries=8), target, page=40)
            break
        except Unreachable:
            continue
    assert sorted(target.table(["statement_id"]).column(0).to_pylist()) == sorted(server.held)


@pytest.mark.slow
def test_fifty_thousand_through_all_faults_into_the_embedded_lrs(
    connect: Any, line: Any, broken: Any, tmp_path: Path
) -> None:
    from connectors.lrs import Lrs
    from leerstroom.lrs import running

    with running(f"sqlite:///{tmp_path}/lrs.sqlite") as server:
        proxy = broken(server.endpoint, everything(3, 0.15))
        with Lrs(proxy.endpoint, server.key, server.secret, batch=200, tries=15) as lrs:
            first = lrs.load(line(number) for number in range(50_000))
            second = lrs.load(line(number) for number in range(49_000, 51_000))
        with Lrs(server.endpoint, server.key, server.secret) as straight:
            held = [raw[7:43] for raw in straight.query_raw()]
    assert (first.sent, first.stored, first.already_there) == (50_000, 50_000, 0)
    assert (second.stored, second.already_there) == (1000, 1000)
    assert len(held) == 51_000
    assert proxy.faults > 20
