"""What the LRS connector costs: client CPU a statement against a sink that only parses, beside `tincan.RemoteLRS`; and the mirror's rate and size.

    python tests/bench/bench_connector.py            sink: loader, tincan, latency; a mirror of 100,000
    python tests/bench/bench_connector.py mirror --statements 1000000
    python tests/bench/bench_connector.py memory     peak at 10,000, 100,000 and 1,000,000

Prints one line a measurement. CPU is user + system of this process (the sink is another one); ratios hold, absolute figures move with the machine.
"""

import argparse
import http.client
import itertools
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import requests

SINK = """
import asyncio, os, sys, orjson, uvicorn
TELLS, DELAY = os.environ["TELLS"] == "1", float(os.environ["DELAY"])
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    body = b"".join(parts)
    if DELAY:
        await asyncio.sleep(DELAY)
    out = orjson.dumps([each["id"] for each in orjson.loads(body)]) if body else b"[]"
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(out)).encode())]
    if TELLS and body:
        headers.append((b"x-leerstroom-stored", str(out.count(b",") + 1).encode()))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": out})
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", lifespan="off", http="httptools", access_log=False)
"""
TARGETS = {
    "loader_cpu_us": "≤ 6, stretch 3",
    "ratio": "≥ 12",
    "latency_ratio": "≤ 1.3",
    "mirror_per_s": "≥ 20,000",
    "size_ratio": "≤ 1.6",
}
VERBS = ("asked", "answered", "completed", "attended", "passed")


def statements(count: int) -> Iterator[bytes]:
    """Statements of about 0.9 KB, as our own sources make them; all different."""
    draw = random.Random(5)
    base = "https://w3id.org/xapi/leerstroom/extensions/"
    for number in range(count):
        yield orjson.dumps({
            "id": str(uuid.UUID(int=draw.getrandbits(128), version=4)),
            "actor": {"objectType": "Agent", "account": {"homePage": "https://hr.example.org", "name": f"emp{draw.randint(0, 49999):06d}"}},
            "verb": {"id": "http://adlnet.gov/expapi/verbs/" + draw.choice(VERBS), "display": {"en": "did", "nl": "deed"}},
            "object": {
                "objectType": "Activity",
                "id": f"https://lms.example.org/xblock/{draw.randint(0, 4999)}",
                "definition": {"type": "http://adlnet.gov/expapi/activities/module", "name": {"und": f"Module {number % 5000}"}},
            },
            "result": {"duration": f"PT{draw.randint(1, 59)}M", "completion": True},
            "context": {
                "registration": str(uuid.UUID(int=draw.getrandbits(24), version=4)),
                "platform": "moodle",
                "contextActivities": {
                    "category": [{"id": "https://w3id.org/xapi/leerstroom"}],
                    "grouping": [{"id": f"https://lms.example.org/course/{number % 100}"}],
                },
                "extensions": {base + "source-kind": "lms", base + "record": str(uuid.UUID(int=number // 3, version=4))},
            },
            "timestamp": f"2026-10-{number % 28 + 1:02d}T{number % 24:02d}:{number % 60:02d}:00.000Z",
            "version": "1.0.3",
        })  # fmt: skip


@contextmanager
def sink(*, tells: bool = True, delay_s: float = 0.0) -> Iterator[str]:
    """A sink in a process of its own; its endpoint."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", SINK, str(port)], env={**os.environ, "TELLS": str(int(tells)), "DELAY": str(delay_s)}
    )
    endpoint = f"http://127.0.0.1:{port}/xapi/"
    try:
        for _ in range(200):
            try:
                requests.get(endpoint, timeout=1)
                break
            except requests.RequestException:
                time.sleep(0.05)
        yield endpoint
    finally:
        process.terminate()
        process.wait()


def loader_us(endpoint: str, lines: list[bytes], in_flight: int = 2) -> tuple[float, float]:
    """(CPU in µs, wall in µs) a statement of `Lrs.load`, median of five; pre-serialised, batches of 500."""
    from connectors.lrs import Lrs

    taken = []
    with Lrs(endpoint, "key", "secret", in_flight=in_flight) as lrs:
        lrs.load(lines[:500])
        for _ in range(5):
            cpu, wall = time.process_time(), time.perf_counter()
            report = lrs.load(lines)
            assert report.balances
            assert report.stored == len(lines)
            taken.append((
                (time.process_time() - cpu) / len(lines) * 1e6,
                (time.perf_counter() - wall) / len(lines) * 1e6,
            ))
    return sorted(taken)[2]


def tincan_us(endpoint: str, lines: list[bytes]) -> float:
    """CPU in µs a statement of `tincan.RemoteLRS.save_statements` with ready objects, batches of 500, median of three."""
    import tincan

    lrs = tincan.RemoteLRS(endpoint=endpoint, version="1.0.3", username="key", password="secret")
    objects = [tincan.Statement.from_json(line.decode()) for line in lines]
    taken = []
    for _ in range(3):
        cpu = time.process_time()
        for start in range(0, len(objects), 500):
            assert lrs.save_statements(objects[start : start + 500]).success
        taken.append((time.process_time() - cpu) / len(objects) * 1e6)
    return sorted(taken)[1]


def measured(count: int = 50_000) -> dict[str, float]:
    """All figures against the sink."""
    lines = list(statements(count))
    found: dict[str, float] = {}
    with sink() as endpoint:
        found["loader_cpu_us"], found["loader_wall_us"] = loader_us(endpoint, lines)
        found["tincan_cpu_us"] = tincan_us(endpoint, lines[:5000])
    with sink(tells=False) as endpoint:
        found["loader_without_header_cpu_us"], _ = loader_us(endpoint, lines)
    found["ratio"] = found["tincan_cpu_us"] / found["loader_cpu_us"]
    with sink(delay_s=0.05) as endpoint:
        from connectors.lrs import Lrs

        with Lrs(endpoint, "key", "secret", in_flight=4) as lrs:
            report = lrs.load(lines * 4)
        found["latency_ratio"] = report.seconds / (report.requests * 0.05 / 4)
        found["http_client_latency_ratio"] = http_client_s(endpoint, lines * 4) / (4 * count / 500 * 0.05 / 4)
    return found


def http_client_s(endpoint: str, lines: list[bytes], in_flight: int = 4) -> float:
    """Seconds of the barest client there is for the same batches: what the sink itself allows."""
    bodies = iter([b"[" + b",".join(lines[start : start + 500]) + b"]" for start in range(0, len(lines), 500)])
    lock = threading.Lock()

    def send() -> None:
        connection = http.client.HTTPConnection(urlsplit(endpoint).netloc)
        while True:
            with lock:
                body = next(bodies, None)
            if body is None:
                return
            connection.request("POST", "/xapi/statements", body, {"Content-Type": "application/json"})
            connection.getresponse().read()

    started = time.perf_counter()
    with ThreadPoolExecutor(in_flight) as pool:
        list(pool.map(lambda _: send(), range(in_flight)))
    return time.perf_counter() - started


def peak_mb(count: int) -> float:
    """Peak resident memory of a process that loads so many statements into a sink."""
    code = (
        "import resource, sys; sys.path.insert(0, sys.argv[3]); from bench_connector import statements; import itertools;"
        "from connectors.lrs import Lrs; some = list(statements(1000)); lrs = Lrs(sys.argv[1], 'k', 's');"
        'report = lrs.load(b\'{"id":"%08d\' % n + s[15:] for n, s in enumerate(itertools.islice(itertools.cycle(some), int(sys.argv[2]))));'
        "assert report.stored == int(sys.argv[2]); print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    with sink() as endpoint:
        done = subprocess.run(
            [sys.executable, "-c", code, endpoint, str(count), str(Path(__file__).parent)],
            capture_output=True,
            text=True,
            check=True,
        )
    return float(done.stdout)


def mirror_rate(count: int) -> dict[str, float]:
    """Loads into the embedded LRS, mirrors it, and weighs the mirror against JSON lines under zstd 3."""
    import zstandard

    from connectors.lrs import Lrs, mirror
    from leerstroom.lrs import running
    from leerstroom.mirror import Mirror

    with tempfile.TemporaryDirectory() as folder, running(f"sqlite:///{folder}/lrs.sqlite") as server:
        target = Mirror(f"{folder}/mirror")
        with Lrs(server.endpoint, server.key, server.secret) as lrs:
            loaded = lrs.load(statements(count))
            assert loaded.stored == count
            cpu = time.process_time()
            brought = mirror(lrs, target)
            cpu = time.process_time() - cpu
            assert brought.new == count == target.rows
            packed = itertools.count()
            size = 0
            compressor = zstandard.ZstdCompressor(level=3).compressobj()
            for raw in lrs.query_raw(ascending=True):
                size += len(compressor.compress(raw + b"\n"))
                next(packed)
            size += len(compressor.flush())
        on_disk = sum(Path(each).stat().st_size for each in target.files())
        return {
            "load_per_s": count / loaded.seconds,
            "mirror_per_s": count / brought.seconds,
            "mirror_cpu_us": cpu / count * 1e6,
            "mirror_bytes": on_disk / count,
            "jsonl_zstd_bytes": size / count,
            "size_ratio": on_disk / size,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }


def main() -> None:
    """Prints one line a figure and, with --json, writes them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", choices=("sink", "mirror", "memory"))
    parser.add_argument("--statements", type=int, default=100_000, help="how many the mirror brings")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    figures: dict[str, float] = {}
    if arguments.part in {None, "sink"}:
        figures |= measured()
    if arguments.part in {None, "mirror"}:
        figures |= mirror_rate(arguments.statements)
    if arguments.part == "memory":
        figures |= {f"peak_mb_{count}": peak_mb(count) for count in (10_000, 100_000, 1_000_000)}
    for name, value in figures.items():
        print(f"{name:32s} {value:12,.2f}   {TARGETS.get(name, '')}".rstrip())
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
