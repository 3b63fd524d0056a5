"""Bad inputs for everything that reads: none crashes, hangs or fills the memory; each ends in quarantine or in a clear error.

`LEERSTROOM_FUZZ=1000000 pytest tests/fuzz` makes a million of them; by default some thousands. `LEERSTROOM_FUZZ_SEED` makes others. A failure names the input's
number and shows it: the same seed and number make it again.
"""

import gc
import os
import random
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from mutations import spoiled, spoiled_bytes
from recorded import payloads
from source_contract import RECORDINGS, completed
from ways import MOST_BYTES, MOST_S, as_line, inner, of_document, of_line, of_statement

from connectors.source import installed, load
from leerstroom.features import features

INPUTS = int(os.environ.get("LEERSTROOM_FUZZ", "6000"))
SEED = int(os.environ.get("LEERSTROOM_FUZZ_SEED", "1"))

pytestmark = [pytest.mark.timeout(0 if INPUTS > 100_000 else 300)]


def held_bytes() -> int:
    """What the process holds now; 0 where the system does not say."""
    try:
        with Path("/proc/self/statm").open("rb") as stream:
            return int(stream.read().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


base_bytes = (
    held_bytes()
)  # what was there before: Python, pytest, recordings, whatever other tests of this process left


@contextmanager
def bounded(what: Callable[[], str]) -> Iterator[None]:
    """Fails with the input when it took more than a second of the processor, or the process a new height of memory."""
    gc.disable()  # a look through the heap of a large test process takes a second and is no fault of an input
    height, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    try:
        yield
    except Exception as error:
        pytest.fail(f"{type(error).__name__}: {str(error)[:200]} on {what()}", pytrace=True)
    finally:
        took_s = time.process_time() - started
        gc.enable()
    assert took_s < MOST_S, f"too long: {what()}"
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - height) * 1024
    assert grown < MOST_BYTES, f"{grown >> 20} MB: {what()}"
    held = held_bytes()
    assert held < MOST_BYTES + base_bytes, f"{held >> 20} MB are held after {what()}"


@pytest.fixture(autouse=True, scope="module")
def warm() -> None:
    """The model that tells languages takes seconds to load, once a process; memory is counted from here."""
    global base_bytes
    assert features(["Een zin om mee te beginnen."])
    base_bytes = held_bytes()


def shown(number: int, value: Any) -> Callable[[], str]:
    return lambda: f"input {number} of seed {SEED}: {repr(value)[:3000]}"


@pytest.mark.parametrize("name", list(installed()))
def test_no_payload_stops_a_source(name: str) -> None:
    cls = load(name)
    if cls.is_lrs:
        pytest.skip("its statements are copied as they are, never mapped")
    known = [(fields, payload) for _, fields, payload in payloads(cls) if len(orjson.dumps(payload)) < 200_000]
    others = [each for _, payload in known[:200] for each in inner(payload)]
    draw, ends = random.Random(f"{SEED} {name}"), dict[str, int]()
    for number in range(INPUTS // (len(installed()) + 2)):
        fields, payload = draw.choice(known)
        value = spoiled(payload, draw, others)
        line = as_line(value)
        if draw.random() < 0.03:
            line = spoiled_bytes(line, draw)
        source = completed(cls, fields)
        with bounded(shown(number, value)):
            end = of_line(source, line)
        ends[end] = ends.get(end, 0) + 1
    assert ends.get("mapped", 0) + ends.get("mapped, quarantined", 0) > 0, (
        f"nothing went through, so nothing is tried: {ends}"
    )
    assert len(ends) > 2, ends


SHEETS = sorted((RECORDINGS / "demo" / "sheet").glob("*.*"))


@pytest.mark.parametrize(
    "path", [each for each in SHEETS if each.suffix in {".csv", ".xlsx"}], ids=lambda path: path.name
)
def test_no_sheet_stops_its_reader(path: Any) -> None:
    source = completed(load("sheet"), {})
    draw, data = random.Random(f"{SEED} {path.name}"), path.read_bytes()
    for number in range(INPUTS // (len(installed()) + 2) // (2 if path.suffix == ".csv" else 20) // len(SHEETS)):
        spoilt = spoiled_bytes(data, draw)
        with bounded(shown(number, spoilt[:300])):
            of_document(source, spoilt, path.name)


def test_no_statement_stops_the_validator() -> None:
    known = []
    for path in sorted(RECORDINGS.glob("*/pairs/*.json")):
        known += [each for each in orjson.loads(path.read_bytes())["outcomes"] if "verb" in each]
    others = [each for statement in known for each in inner(statement)]
    draw, refused = random.Random(f"{SEED} statements"), 0
    count = INPUTS // (len(installed()) + 2)
    for number in range(count):
        value = spoiled(draw.choice(known), draw, others)
        if not isinstance(value, dict):
            continue
        with bounded(shown(number, value)):
            refused += of_statement(value, draw.choice(("1.0.3", "2.0.0"))) == "refused"
    assert count / 4 < refused < count
