"""ADL's conformance suite against `leerstroom lrs serve`, for both versions of xAPI on both databases.

The suite (adlnet/lrs-conformance-test-suite) is on no package index, so it is not fetched: LEERSTROOM_ADL_SUITE names a folder where it lies
with its npm packages installed. Without that these tests skip; `make conformance SUITE=FOLDER` runs them.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

TESTS = {"1.0.3": 1_365, "2.0.0": 1_442}
MOST_S = 60.0


@pytest.fixture(scope="session")
def suite() -> Path:
    """The folder of the suite, ready to run."""
    told = os.environ.get("LEERSTROOM_ADL_SUITE", "")
    if not told:
        pytest.skip("LEERSTROOM_ADL_SUITE names no folder with ADL's conformance suite")
    folder = Path(told).expanduser().resolve()
    for needed in ("bin/console_runner.js", "node_modules/mocha"):
        assert (folder / needed).exists(), f"LEERSTROOM_ADL_SUITE: {needed} is not in {folder}; run npm install there"
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    return folder


@contextmanager
def serving(database: str, log: Path) -> Iterator[str]:
    """`leerstroom lrs serve` as an operator starts it; its endpoint."""
    with log.open("wb") as told:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("leerstroom"), "lrs", "serve", "--port", "0", "--database", database],
            env=os.environ | {"LEERSTROOM_LRS_KEY": "adl", "LEERSTROOM_LRS_SECRET": "a secret of the tests"},
            stdout=told,
            stderr=told,
        )
    try:
        yield _endpoint(process, log)
    finally:
        process.terminate()
        process.wait(30)


def _endpoint(process: "subprocess.Popen[bytes]", log: Path) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if address := re.search(r"http://[\d.]+:\d+/xapi", log.read_text("utf-8")):
            with urllib.request.urlopen(address[0].removesuffix("xapi") + "health", timeout=30) as answer:
                assert answer.status == 200
            return address[0]
        time.sleep(0.05)
    raise AssertionError(f"leerstroom lrs serve did not come up: {log.read_text('utf-8')}")


@pytest.mark.parametrize("version", TESTS)
def test_every_test_of_the_suite_passes(suite: Path, version: str, database: str, tmp_path: Path) -> None:
    with serving(database, tmp_path / "lrs.log") as endpoint:
        runner = [
            "node",
            "bin/console_runner.js",
            "-e",
            endpoint,
            "-a",
            "-u",
            "adl",
            "-p",
            "a secret of the tests",
            "-z",
        ]
        done = subprocess.run(
            [*runner, "-x", version], cwd=suite, capture_output=True, text=True, check=False, timeout=500
        )  # its exit code is the number of failures, cut to a byte: not looked at
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"total"')]
    assert lines, done.stdout + done.stderr
    took = re.search(r"Tests completed in ([\d.]+) seconds", done.stdout)
    assert took, done.stdout
    print(f"\nxAPI {version}, {database.split(':', 1)[0]}: {lines[-1]}, {took[1]} s")
    log = json.loads(Path(re.search(r"log written to (.*)", done.stdout)[1]).read_text("utf-8"))  # type: ignore[index]
    assert (lines[-1]["total"], lines[-1]["passed"], lines[-1]["failed"]) == (TESTS[version], TESTS[version], 0), [
        *_failures(log["log"])
    ]
    assert float(took[1]) <= MOST_S


def _failures(test: dict[str, Any] | None) -> Iterator[str]:
    if test is None:
        return
    if not test.get("tests"):
        yield f"{test['title']}: {test.get('error')}"
    for each in test.get("tests") or ():
        yield from _failures(each)
