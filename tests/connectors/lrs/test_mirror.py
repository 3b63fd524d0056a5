"""The mirror follows its LRS: nothing missed, nothing twice, whatever order and promises the LRS keeps."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.lrs import mirror
from leerstroom.errors import Unreachable
from leerstroom.mirror import Mirror


@pytest.fixture
def target(tmp_path: Path) -> Mirror:
    return Mirror(tmp_path / "mirror")


def ids(target: Mirror) -> list[str]:
    return sorted(target.table(["statement_id"]).column(0).to_pylist())


def test_a_run_brings_everything_and_the_next_only_what_is_new(
    fake: Any, connect: Any, statement: Any, target: Mirror
) -> None:
    server = fake()
    server.put(*(statement(number) for number in range(250)))
    lrs = connect(server)
    first = mirror(lrs, target, page=100)
    assert (first.fetched, first.new) == (250, 250)
    server.put(*(statement(number) for number in range(250, 260)))
    second = mirror(lrs, target, page=100)
    assert second.new == 10
    assert ids(target) == sorted(server.held)
    assert mirror(lrs, target).new == 0


def test_statements_that_share_a_time_are_all_there(fake: Any, connect: Any, statement: Any, target: Mirror) -> None:
    server = fake()
    server.put(*(statement(number) for number in range(30)))
    mirror(connect(server), target, page=7)
    stamp = next(iter(server.held.values()))["stored"]
    for number in range(30, 40):
        server.put(statement(number))
        server.held[statement(number)["id"]]["stored"] = stamp
    assert mirror(connect(server), target).new == 10
    assert ids(target) == sorted(server.held)


def test_the_position_does_not_pass_what_the_lrs_calls_consistent(
    fake: Any, connect: Any, statement: Any, target: Mirror
) -> None:
    server = fake()
    server.put(*(statement(number) for number in range(10)))
    early = (server.clock - timedelta(hours=1)).isoformat()
    real = server.page

    def page(*args: Any) -> Any:
        status, headers, body = real(*args)
        return status, headers | {"X-Experience-API-Consistent-Through": early}, body

    server.page = page
    report = mirror(connect(server), target)
    assert report.new == 10
    assert datetime.fromisoformat(report.position) == datetime.fromisoformat(early)
    server.put(statement(11))
    server.held[statement(11)["id"]]["stored"] = (server.clock - timedelta(minutes=30)).isoformat()
    assert mirror(connect(server), target).new == 1


def test_a_statement_that_becomes_visible_late_is_found_on_an_lrs_that_promises_nothing(
    fake: Any, connect: Any, statement: Any, target: Mirror
) -> None:
    server = fake(consistent_through=False)
    server.put(*(statement(number) for number in range(10)))
    mirror(connect(server), target)
    server.put(statement(11))
    server.held[statement(11)["id"]]["stored"] = (server.clock - timedelta(minutes=10)).isoformat()
    assert mirror(connect(server), target).new == 1


def test_an_lrs_that_keeps_no_order_is_mirrored_whole(fake: Any, connect: Any, statement: Any, target: Mirror) -> None:
    server = fake(ignores_ascending=True)
    for number in range(60):
        server.put(statement(number))
    assert mirror(connect(server), target, page=10).new == 60
    server.put(statement(60))
    assert mirror(connect(server), target, page=10).new == 1
    assert ids(target) == sorted(server.held)


def test_a_run_that_breaks_off_in_the_middle_goes_on_there(
    fake: Any, connect: Any, statement: Any, target: Mirror
) -> None:
    server = fake()
    for number in range(100):
        server.put(statement(number))
        server.held[statement(number)["id"]]["stored"] = (
            datetime(2026, 11, 20, tzinfo=UTC) + timedelta(minutes=number)
        ).isoformat()
    pages = 0

    def intrude(_: Any, method: str, path: str) -> Any:
        nonlocal pages
        pages += 1
        return (502, {}, b"") if pages > 5 else None

    server.intrude = intrude
    with pytest.raises(Unreachable):
        mirror(connect(server, tries=1), target, page=10, commit_rows=20)
    assert 0 < target.rows < 100
    server.intrude = None
    report = mirror(connect(server), target, page=10)
    assert report.new == 100 - 40
    assert report.fetched < 70
    assert ids(target) == sorted(server.held)


def test_a_mirror_follows_voiding(fake: Any, connect: Any, statement: Any, target: Mirror) -> None:
    server = fake()
    server.put(statement(1), statement(2))
    mirror(connect(server), target)
    void = statement(
        3,
        verb={"id": "http://adlnet.gov/expapi/verbs/voided"},
        object={"objectType": "StatementRef", "id": statement(1)["id"]},
    )
    server.put(void)
    report = mirror(connect(server), target)
    assert (report.new, report.voided) == (1, 1)
    assert target.voided() == {statement(1)["id"]}
    assert statement(1)["id"] not in target.table(["statement_id"], with_voided=False).column(0).to_pylist()


FOREIGN = [
    {"actor": {"mbox": "mailto:Someone@Example.org"}},
    {"actor": {"mbox_sha1sum": "EBD31E95054C018B10727CCFFD2EF2EC3A016EE9"}},
    {"actor": {"openid": "https://someone.openid.example/"}},
    {"actor": {"objectType": "Group", "member": [{"mbox": "mailto:a@example.org"}, {"mbox": "mailto:b@example.org"}]}},
    {"actor": {"objectType": "Group", "account": {"homePage": "https://g.example", "name": "team"}, "member": []}},
    {"object": {"objectType": "Agent", "mbox": "mailto:a@example.org"}},
    {
        "object": {
            "objectType": "SubStatement",
            "actor": {"mbox": "mailto:a@example.org"},
            "verb": {"id": "http://example.org/v"},
            "object": {"id": "http://example.org/o"},
        }
    },
    {
        "attachments": [
            {
                "usageType": "http://adlnet.gov/expapi/attachments/signature",
                "display": {"en": "s"},
                "contentType": "text/plain",
                "length": 3,
                "sha2": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                "fileUrl": "https://files.example/1",
            }
        ]
    },
    {"context": {"contextAgents": [{"objectType": "contextAgent", "agent": {"mbox": "mailto:a@example.org"}}]}},
    {"x-own": {"nested": [1, None, {"deep": 1.50}]}},
]


def test_foreign_statements_go_through_untouched(fake: Any, connect: Any, statement: Any, target: Mirror) -> None:
    server = fake()
    server.put(*(statement(number, **changes) for number, changes in enumerate(FOREIGN)))
    mirror(connect(server), target)
    raws = [orjson.loads(raw) for raw in target.table(["raw"]).column(0).to_pylist()]
    assert sorted(raws, key=lambda each: each["id"]) == sorted(server.held.values(), key=lambda each: each["id"])
    actors = dict(zip(ids_in_order(target), target.table(["actor"]).column(0).to_pylist(), strict=True))
    assert actors[statement(0)["id"]] == "mbox|someone@example.org"
    assert actors[statement(1)["id"]] == "mbox_sha1sum|ebd31e95054c018b10727ccffd2ef2ec3a016ee9"
    assert actors[statement(2)["id"]] == "openid|https://someone.openid.example/"
    assert actors[statement(4)["id"]] == "group|account|https://g.example|team"


def ids_in_order(target: Mirror) -> list[str]:
    return target.table(["statement_id"]).column(0).to_pylist()


def test_a_mirror_that_is_killed_again_and_again_has_no_gap_and_no_double(
    fake: Any, statement: Any, tmp_path: Path, connect: Any
) -> None:
    server = fake(delay_s=0.01)
    for number in range(3000):
        server.put(statement(number))
        server.held[statement(number)["id"]]["stored"] = (
            datetime(2026, 11, 20, tzinfo=UTC) + timedelta(seconds=number)
        ).isoformat()
    root = tmp_path / "mirror"
    code = (
        "import sys; from connectors.lrs import Lrs, mirror; from leerstroom.mirror import Mirror;"
        "import pyarrow.parquet; lrs = Lrs(sys.argv[1], 'k', 's'); print('go', flush=True);"
        "print(mirror(lrs, Mirror(sys.argv[2]), page=50, commit_rows=100))"
    )
    kills = 0
    for attempt in range(40):
        process = subprocess.Popen([sys.executable, "-c", code, server.endpoint, str(root)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.12 + 0.03 * (attempt % 5))
        if process.poll() is None and kills < 3:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
            process.wait()
            continue
        assert process.wait(60) == 0
        break
    assert kills == 3
    held = ids(Mirror(root))
    assert held == sorted(server.held)
