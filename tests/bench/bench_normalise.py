"""What `leerstroom normalise openedx` costs, bytes in, bytes out: read, minimise, map, validate, serialise; beside ralph's converter and bare orjson.

    python tests/bench/bench_normalise.py            50,000 events of seven kinds that ralph converts too
    python tests/bench/bench_normalise.py --events 200000

The command itself runs, in this process, once its modules are loaded; so does ralph's converter (the code of `ralph convert`) in an environment of its own below
`var/bench`, made here when `ralph-malph==5.1.0` can be installed. All take turns in one run, CPU time, medians: the ratios hold, the figures move with the machine.
"""

import argparse
import io
import json
import os
import random
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from peers import RALPH, ralph

ROUNDS = 5
PEER_EVENTS = 2_000  # it takes about 0.15 ms for each
CONVERT = """
import itertools, logging, sys, time
logging.disable(logging.ERROR)
from ralph.models.converter import Converter
converter = Converter(uuid_namespace="ee241f8b-174f-5bdb-bae9-c09de5fe017f", platform_url="http://localhost:18000")
lines = list(itertools.islice(open(sys.argv[1]), int(sys.argv[2])))
list(converter.convert(lines[:200], True, False))
for _ in sys.stdin:
    started = time.process_time()
    made = sum(1 for each in converter.convert(lines, True, False))
    print((time.process_time() - started) / made, made, flush=True)
"""
AGENT = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_4) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/83.0.4103.116 Safari/537.36"
KINDS = {
    "load_video": 15, "play_video": 30, "pause_video": 25, "stop_video": 10, "seek_video": 15,
    "edx.course.enrollment.activated": 3, "edx.course.enrollment.deactivated": 2,
}  # fmt: skip


def events(count: int) -> Iterator[dict[str, Any]]:
    """Lines of a tracking log of about 1.1 KB, of 5,000 people in 40 courses; all different."""
    draw = random.Random(7)
    start = datetime(2026, 11, 1, tzinfo=UTC)
    for number in range(count):
        kind, user = draw.choices(list(KINDS), list(KINDS.values()))[0], draw.randint(1, 5000)
        course, block = f"course-v1:edX+Demo{draw.randint(1, 40)}+2026", f"{draw.getrandbits(128):032x}"
        page = f"http://localhost:18000/courses/{course}/courseware/{block}/edx_introduction/?activate_block_id=block-v1%3AedX%2BDemoX%2BDemo_Course%2Btype%40sequential%2Bblock%40edx_introduction"
        is_enrolment = kind.startswith("edx.")
        data: dict[str, Any] = {"code": "b7xgknqkQk8", "id": block, "duration": 195}
        if is_enrolment:
            data = {"course_id": course, "mode": "audit", "user_id": user}
        elif kind == "seek_video":
            data |= {"new_time": round(draw.random() * 195, 3), "old_time": round(draw.random() * 195, 3), "type": "onSlideSeek"}  # fmt: skip
        elif kind != "load_video":
            data["currentTime"] = round(draw.random() * 195, 6)
        where = {"course_id": course, "org_id": "edX", "path": "/change_enrollment" if is_enrolment else "/event", "user_id": user}  # fmt: skip
        yield {
            "username": f"user{user}",
            "ip": "172.18.0.1",
            "agent": AGENT,
            "host": "localhost:18000",
            "referer": page,
            "accept_language": "en-US,en;q=0.9",
            "context": where if is_enrolment else {**where, "course_user_tags": {}},
            "time": (start + timedelta(seconds=number * 1.7, microseconds=draw.randint(0, 999_999))).isoformat(timespec="microseconds"),
            "page": None if is_enrolment else page,
            "event_source": "server" if is_enrolment else "browser",
            "event_type": kind,
            "name": kind,
            "event": data,
            "session": f"{draw.getrandbits(128):032x}",
        }  # fmt: skip


def command(log: Path, count: int) -> Callable[[], float]:
    """Seconds of CPU an event that the command takes, its output thrown away."""
    from leerstroom.cli.statements import normalise

    def run() -> float:
        with (
            Path(os.devnull).open("wb") as nowhere,
            redirect_stdout(io.TextIOWrapper(nowhere)),
            redirect_stderr(io.StringIO()),
        ):
            started = time.process_time()
            normalise("openedx", [log], None, json.dumps({"host": "http://localhost:18000"}), "1.0.3")
            return (time.process_time() - started) / count

    return run


def bare(log: Path, count: int) -> float:
    """Seconds of CPU a line that orjson takes to read it and write it again."""
    with log.open("rb") as stream:
        started = time.process_time()
        for line in stream:
            orjson.dumps(orjson.loads(line))
        return (time.process_time() - started) / count


def main() -> None:
    """Measures in turns and prints the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    count: int = arguments.events
    os.environ.setdefault("LEERSTROOM_PSEUDONYM_KEY", "a key of the bench, sixteen bytes and more")
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "tracking.log"
        with log.open("wb") as stream:
            stream.writelines(orjson.dumps(each) + b"\n" for each in events(count))
        run, python = command(log, count), ralph()
        other = None
        if python:
            other = subprocess.Popen(
                [str(python), "-c", CONVERT, str(log), str(PEER_EVENTS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )  # fmt: skip
        ours, limits, theirs = [], [], []
        run()
        for _ in range(ROUNDS):
            limits.append(bare(log, count))
            ours.append(run())
            if other and other.stdin and other.stdout:
                other.stdin.write("\n")
                other.stdin.flush()
                theirs.append(float(other.stdout.readline().split()[0]))
        if other:
            other.communicate()
    found: dict[str, float] = {}
    our, limit = statistics.median(ours), statistics.median(limits)
    print(f"normalise + validate + serialise, {count:,} Open edX events: {1 / our:,.0f}/s, {our * 1e6:.1f} µs each")
    print(
        f"  orjson loads + dumps of the same lines: {1 / limit:,.0f}/s; we reach {limit / our:.1%} of that (target 12 %)"
    )
    found |= {"per_s": 1 / our, "loads_and_dumps_per_s": 1 / limit, "share_of_loads_and_dumps": limit / our}
    if theirs:
        peers = statistics.median(theirs)
        found |= {"ralph_per_s": 1 / peers, "times_ralph": peers / our}
        print(f"  ralph 5.1's converter: {1 / peers:,.0f}/s; we are {peers / our:.1f} times as fast (target 8)")
    else:
        print(f"  ralph's converter: skipped, {RALPH} cannot be installed here")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
