"""The targets of the fuzzing that looks at coverage, without its engine: what they begin with ends well, and what was found once is found no more."""

import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from guided import fault_of, mutator, zip_changed
from targets import Target, targets, zipped

FOUND = Path(__file__).with_name("found")
TARGETS = targets()


@pytest.mark.parametrize("target", TARGETS.values(), ids=list(TARGETS))
def test_what_a_target_begins_with_ends_in_more_than_one_way_and_without_a_fault(target: Target) -> None:
    seeds = list(target.seeds())
    target.tried(seeds[0])  # loads what is loaded once a process
    assert [fault for data in seeds if (fault := fault_of(target.tried, data))] == []
    ends = {target.tried(data) for data in [*seeds, b"", b"\x00{", b"PK\x03\x04", b"\xff\xfe<"]}
    assert len(ends) > 1, f"all ends alike, so nothing is tried: {ends}"
    assert any(target.tried(data) not in {"nothing", "no JSON", "refused", "no payload of this platform", "no document of this platform"} for data in seeds)  # fmt: skip


@pytest.mark.parametrize("path", sorted(FOUND.glob("*/*")), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_was_found_ends_well_now(path: Path) -> None:
    target = TARGETS[path.parent.name]
    for data in target.seeds():
        target.tried(data)
        break
    assert fault_of(target.tried, path.read_bytes()) == ""


def test_an_exception_of_nobodys_and_a_slow_input_are_faults() -> None:
    def slow(_: bytes) -> str:
        return str(sum(number * number for number in range(30_000_000)))

    assert fault_of(lambda data: data.decode(), b"x") == ""
    assert "UnicodeDecodeError at tests/fuzz/test_targets.py:" in fault_of(lambda data: data.decode(), b"\xff")
    assert "s" in fault_of(slow, b"")


def test_an_input_that_takes_much_memory_is_a_fault() -> None:
    program = (  # in a process of its own: growth is told from the highest that a process ever held
        "import sys; sys.path.insert(0, sys.argv[1]); from guided import fault_of\n"
        "print(fault_of(lambda _: str(len(bytearray(b'x') * 600_000_000)), b''))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(Path(__file__).parent)], capture_output=True, text=True, check=True
    )
    assert re.fullmatch(r"takes 5\d\d MB\n", done.stdout), done.stdout


def test_an_archive_is_changed_inside_and_stays_an_archive() -> None:
    data = zipped({"a/b.json": b'{"a": [1, 2, 3]}', "c.txt": b"text"})
    change = zip_changed(lambda inside, most, draw: inside[::-1])
    made = {change(data, 10_000, random.Random(seed)) for seed in range(60)}
    assert len(made) > 4
    assert sum(each[:2] == b"PK" for each in made) > 3


def test_values_of_json_are_changed_behind_the_bytes_that_pick_a_connection() -> None:
    change = mutator("json", 1, [b'\x03{"a": {"b": 1}}'], lambda data, most: b"bytes")
    made = [change(b'\x03{"a": {"b": 1}}', 1000, seed) for seed in range(50)]
    assert sum(each[:1] == b"\x03" for each in made) > 20
    assert len(set(made)) > 10
    assert max(map(len, made)) <= 1000


def test_without_atheris_it_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['atheris'] = None\n")
    script = Path(__file__).with_name("guided.py")
    done = subprocess.run([sys.executable, str(script), "address"], capture_output=True, text=True, check=False, env={"PYTHONPATH": str(tmp_path)})  # fmt: skip
    assert done.returncode == 2
    assert "make fuzz-guided" in done.stderr
    assert "Traceback" not in done.stderr
