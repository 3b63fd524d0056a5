"""What the validator judges right, and what a statement costs it: ADL's statement cases, statements like ours, ralph's models beside it.

    python tests/bench/bench_validator.py [--cases FILE.jsonl.gz] [--statements 20000] [--json FILE]

`--cases` holds lines of {"statement", "expect": 200 or 400}; without it, those beside the checkout, where they are. Parsing is part of what is timed. CPU, medians,
in turns. The statements of ours are all different in what differs in life (id, actor, object, time), so what the validator remembers is what it would remember.
"""

import argparse
import gzip
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
from bench_connector import statements
from peers import RALPH, ROOT, ralph

from leerstroom.errors import InvalidStatement
from leerstroom.statements.validation import validate

CASES = ROOT.parent / "shared" / "peers" / "adl-conformance" / "statement-cases-1.0.3.jsonl.gz"
ROUNDS = 5
PEER_STATEMENTS = 2_000
PEER = """
import itertools, json, logging, sys, time
logging.disable(logging.ERROR)
from pydantic import ValidationError
from ralph.models.xapi.base.statements import BaseXapiStatement
def right(line):
    try:
        BaseXapiStatement(**json.loads(line))
    except (ValidationError, ValueError, TypeError):
        return False
    return True
lines = open(sys.argv[1], "rb").read().splitlines()
for line in lines[:200]:
    right(line)
for asked in sys.stdin:
    started = time.process_time()
    for line in lines:
        right(line)
    print((time.process_time() - started) / len(lines), flush=True)
"""


def judged(lines: Iterable[bytes]) -> int:
    """How many are valid."""
    good = 0
    for line in lines:
        try:
            validate(orjson.loads(line))
        except InvalidStatement:
            continue
        good += 1
    return good


def wrong(cases: list[dict[str, Any]]) -> int:
    """Cases that the validator judges otherwise than ADL's suite does."""
    return sum(judged([json.dumps(case["statement"]).encode()]) != (case["expect"] == 200) for case in cases)


def timed(lines: list[bytes]) -> float:
    """Seconds of CPU a statement."""
    started = time.process_time()
    judged(lines)
    return (time.process_time() - started) / len(lines)


def measured(lines: list[bytes]) -> dict[str, float]:
    """Rates of the validator, and of ralph's where it can be installed, in turns."""
    found: dict[str, float] = {}
    python = ralph()
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        sample = Path(folder) / "statements.jsonl"
        sample.write_bytes(b"\n".join(lines[:PEER_STATEMENTS]))
        other = None
        if python:
            other = subprocess.Popen([python, "-c", PEER, sample], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # fmt: skip
        timed(lines)
        for _ in range(ROUNDS):
            ours.append(timed(lines))
            if other and other.stdin and other.stdout:
                other.stdin.write("\n")
                other.stdin.flush()
                theirs.append(float(other.stdout.readline()))
        if other:
            other.communicate()
    found["statements_per_s"] = 1 / statistics.median(ours)
    if theirs:
        found["ralph_per_s"] = 1 / statistics.median(theirs)
        found["times_ralph"] = statistics.median(theirs) / statistics.median(ours)
    return found


def main() -> None:
    """Prints what it found and, with --json, writes it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=Path, default=CASES)
    parser.add_argument("--statements", type=int, default=20_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found: dict[str, float] = {}
    if arguments.cases.exists():
        with gzip.open(arguments.cases) as stream:
            cases = [json.loads(line) for line in stream]
        found |= {"cases": len(cases), "wrong": wrong(cases)}
        print(f"{found['wrong']} of {len(cases)} cases of ADL's suite judged wrong (target 0)")
    else:
        print(f"the cases of ADL's suite are not at {arguments.cases}; --cases names them")
    found |= measured(list(statements(arguments.statements)))
    print(f"parse and validate: {found['statements_per_s']:,.0f}/s of CPU")
    if "times_ralph" in found:
        print(f"  ralph's models: {found['ralph_per_s']:,.0f}/s; ours are {found['times_ralph']:.1f} times as fast (target 8)")  # fmt: skip
    else:
        print(f"  ralph's models: skipped, {RALPH} cannot be installed here")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2))
    sys.exit(found.get("wrong", 0) > 0)


if __name__ == "__main__":
    main()
