"""What the embedded LRS does in a second: loading, sending again, queries, mirroring, memory and bytes on disk, beside bare SQLite on the same schema.

    python tests/bench/bench_lrs.py [--statements 100000] [--database URL] [--senders 2] [--json FILE]

Server and client share the machine. Statements are made up; half of them are about an activity of their own, as messages are.
"""

import argparse
import base64
import gc
import http.client
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import orjson

from leerstroom.lrs import Running, running
from leerstroom.lrs.storage import Storage, open_database
from leerstroom.lrs.storage.preparing import authority, prepare
from leerstroom.statements.validation import validate

BATCH = 500
ORGANISATION = "https://voorbeeldstad.example"
VERBS = [f"https://w3id.org/xapi/verbs/verb-{number}" for number in range(20)]

TARGETS = {
    "POST in batches of 500, statements/s": "≥ 5,000; ADL LRS 186",
    "ratio to bare SQLite": "stretch ≥ 0.8",
    "sending again / first load": "≥ 3",
    "agent+verb+since, limit 100, p95 ms": "≤ 10, stretch 5, at 1,000,000",
    "mirror, statements/s": "≥ 20,000",
    "read of 10 while two send, p99 ms": "≤ 100",
}


def statement(number: int, random_: random.Random) -> dict[str, Any]:
    """A statement as our sources make them, about 1.1 kB."""
    own = random_.random() < 0.5
    room = random_.randrange(300)
    activity = f"https://chat.voorbeeldstad.example/rooms/{room}" + (f"/messages/{number}" if own else "")
    return {
        "id": str(uuid.UUID(int=random_.getrandbits(128), version=5)),
        "actor": {
            "objectType": "Agent",
            "account": {"homePage": ORGANISATION, "name": f"p{random_.randrange(20_000):032x}"},
        },
        "verb": {
            "id": VERBS[min(19, int(random_.expovariate(0.4)))],
            "display": {"en": "answered", "nl": "beantwoordde"},
        },
        "object": {
            "objectType": "Activity",
            "id": activity,
            "definition": {"type": "http://id.tincanapi.com/activitytype/chat-message", "name": {"nl": "Bericht"}},
        },
        "result": {"duration": f"PT{random_.randrange(1, 600)}S", "completion": True},
        "context": {
            "registration": str(uuid.UUID(int=room, version=4)),
            "platform": "chat",
            "language": "nl",
            "contextActivities": {
                "category": [{"id": "https://w3id.org/leerstroom/profile"}],
                "grouping": [{"id": f"https://chat.voorbeeldstad.example/rooms/{room}"}],
                "parent": [{"id": f"https://chat.voorbeeldstad.example/rooms/{room}/threads/{random_.randrange(40)}"}],
            },
            "extensions": {
                "https://w3id.org/leerstroom/extensions/source-kind": "chat",
                "https://w3id.org/leerstroom/extensions/record": str(uuid.UUID(int=number)),
                "https://w3id.org/leerstroom/extensions/length": random_.randrange(5),
            },
        },
        "timestamp": f"2026-11-{1 + number % 28:02d}T{number % 24:02d}:{number % 60:02d}:12.345Z",
    }


def batches(count: int) -> Iterator[bytes]:
    """Bodies of POST requests, the same ones every time."""
    random_ = random.Random(7)
    for start in range(0, count, BATCH):
        yield orjson.dumps([statement(number, random_) for number in range(start, min(start + BATCH, count))])


class Client:
    """A connection that stays open."""

    def __init__(self, lrs: Running) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(lrs.endpoint).netloc, timeout=120)
        pair = base64.b64encode(f"{lrs.key}:{lrs.secret}".encode()).decode()
        self._headers = {
            "Authorization": f"Basic {pair}",
            "X-Experience-API-Version": "1.0.3",
            "Content-Type": "application/json",
        }

    def send(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """The answer's body; anything but success ends the bench."""
        self._connection.request(method, path, body, self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status not in {200, 204}:
            raise SystemExit(f"{method} {path[:60]}: {answer.status} {content[:300]!r}")
        return content


def load(lrs: Running, bodies: list[bytes], senders: int) -> float:
    """Seconds to send all bodies over several connections."""
    clients = [Client(lrs) for _ in range(senders)]
    waiting = iter(bodies)
    lock = threading.Lock()

    def work(client: Client) -> None:
        while True:
            with lock:
                body = next(waiting, None)
            if body is None:
                return
            client.send("POST", "/xapi/statements", body)

    started = time.perf_counter()
    with ThreadPoolExecutor(senders) as pool:
        list(pool.map(work, clients))
    return time.perf_counter() - started


def bare(count: int, folder: Path) -> tuple[float, float]:
    """(statements a second, microseconds of CPU a statement) of the same rows, made beforehand, into the same schema by the same SQL in commits of 500."""
    gc.disable()  # as the server does, nearly: it would only make the reference look slower
    storage = Storage(folder / "bare.sqlite")
    by = authority({"objectType": "Agent", "account": {"homePage": ORGANISATION, "name": "bench"}})
    seconds = cpu = 0.0
    for body in batches(count):
        made = orjson.loads(body)
        prepared = [prepare(each, orjson.dumps(each), by, "1.0.3") for each in made]
        started, started_cpu = time.perf_counter(), time.process_time()
        storage.writer.submit(lambda writing, prepared=prepared: writing.store(prepared)).result()  # type: ignore[misc]
        seconds += time.perf_counter() - started
        cpu += time.process_time() - started_cpu
    storage.close()
    gc.enable()
    return count / seconds, cpu / count * 1e6


def quantiles(work: Callable[[int], None], times: int) -> tuple[float, float]:
    """(median, 95th percentile) in milliseconds."""
    seconds = []
    for number in range(times):
        started = time.perf_counter()
        work(number)
        seconds.append((time.perf_counter() - started) * 1000)
    return statistics.median(seconds), statistics.quantiles(seconds, n=20)[18]


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> float:
    """Memory of a process in MB."""
    return (
        int(
            next(
                line.split()[1]
                for line in Path(f"/proc/{pid}/status").read_text().splitlines()
                if line.startswith("VmRSS")
            )
        )
        / 1024
    )


def queries(lrs: Running, found: dict[str, Any]) -> None:
    """Latency of the queries that people and pipelines make."""
    client, random_ = Client(lrs), random.Random(3)

    def actor() -> str:
        return json.dumps({"account": {"homePage": ORGANISATION, "name": f"p{random_.randrange(20_000):032x}"}})

    def ask(**parameters: str) -> None:
        client.send("GET", "/xapi/statements?" + urlencode(parameters, quote_via=quote))

    since = "2026-01-01T00:00:00Z"
    asked: dict[str, Callable[[int], None]] = {
        "agent+verb+since": lambda n: ask(agent=actor(), verb=VERBS[n % 20], since=since, limit="100"),
        "agent": lambda _: ask(agent=actor(), limit="100"),
        "verb+since": lambda n: ask(verb=VERBS[n % 20], since=since, limit="100"),
        "related activity": lambda n: ask(
            activity=f"https://chat.voorbeeldstad.example/rooms/{n % 300}", related_activities="true", limit="100"
        ),
        "newest 100": lambda _: ask(limit="100"),
    }
    for name, work in asked.items():
        before = cpu_seconds(lrs.pid)
        found[f"{name}, limit 100, p50 ms"], found[f"{name}, limit 100, p95 ms"] = quantiles(work, 300)
        found[f"{name}, limit 100, ms of CPU of the server"] = (cpu_seconds(lrs.pid) - before) / 300 * 1000


def mirror(lrs: Running) -> tuple[float, int]:
    """(seconds, statements) of reading everything, oldest first, in big pages."""
    client = Client(lrs)
    path, count = "/xapi/statements?ascending=true&limit=5000", 0
    started = time.perf_counter()
    while path:
        page = orjson.loads(client.send("GET", path))
        count += len(page["statements"])
        path = page["more"]
    return time.perf_counter() - started, count


def reads_while_writing(lrs: Running, bodies: list[bytes]) -> float:
    """99th percentile in milliseconds of a small read while two senders load."""
    done, client, seconds = threading.Event(), Client(lrs), []
    sender = threading.Thread(target=lambda: (load(lrs, bodies, 2), done.set()))
    sender.start()
    while not done.is_set():
        started = time.perf_counter()
        client.send("GET", "/xapi/statements?limit=10")
        seconds.append((time.perf_counter() - started) * 1000)
        time.sleep(0.005)
    sender.join()
    return statistics.quantiles(seconds, n=100)[98]


def main() -> int:
    """Runs everything and prints a table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--statements", type=int, default=100_000)
    arguments.add_argument("--senders", type=int, default=2)
    arguments.add_argument("--database", default="")
    arguments.add_argument("--json", type=Path)
    options = arguments.parse_args()
    count: int = options.statements
    found: dict[str, Any] = {"statements": count}
    with tempfile.TemporaryDirectory(prefix="leerstroom-bench-", dir=os.environ.get("BENCH_DIR")) as folder:
        sample = [orjson.dumps(each) for body in batches(20_000) for each in orjson.loads(body)]
        started = time.process_time()
        for each in sample:
            validate(orjson.loads(each))
        found["parse and validate, statements/s of CPU"] = len(sample) / (time.process_time() - started)
        found["bytes of a statement as sent"] = sum(map(len, sample)) / len(sample)
        reference = min(count, 100_000)
        found["bare SQLite, same schema, statements/s"], found["bare SQLite, µs of CPU a statement"] = bare(
            reference, Path(folder)
        )
        with running(options.database or Path(folder) / "lrs.sqlite") as lrs:
            memory = []
            seconds, step = 0.0, max(BATCH, count // 10)
            last, cpu = 0.0, cpu_seconds(lrs.pid)
            for start, bodies in _slices(count, step):
                last = load(lrs, bodies, options.senders)
                seconds += last
                memory.append(resident(lrs.pid))
                if start == 0:
                    first = bodies
                    found["POST, first tenth, statements/s"] = step / last
            found["POST in batches of 500, statements/s"] = count / seconds
            found["POST, last tenth, statements/s"] = step / last
            found["POST, µs of CPU of the server a statement"] = (cpu_seconds(lrs.pid) - cpu) / count * 1e6
            found["ratio to bare SQLite"] = (
                found["POST in batches of 500, statements/s"] / found["bare SQLite, same schema, statements/s"]
            )
            found["one sender, one batch at a time, statements/s"] = 20 * BATCH / load(lrs, _fresh(20), 1)
            again = load(lrs, first, options.senders)
            found["sending again, statements/s"] = step / again
            found["sending again / first load"] = (
                found["sending again, statements/s"] / found["POST in batches of 500, statements/s"]
            )
            queries(lrs, found)
            cpu = cpu_seconds(lrs.pid)
            mirror_s, read = mirror(lrs)
            found["mirror, statements/s"] = read / mirror_s
            found["mirror, µs of CPU of the server a statement"] = (cpu_seconds(lrs.pid) - cpu) / read * 1e6
            found["read of 10 while two send, p99 ms"] = reads_while_writing(lrs, _fresh(100))
            memory.append(resident(lrs.pid))
            found["memory of the server, MB, first tenth"], found["memory of the server, MB, end"] = (
                memory[0],
                memory[-1],
            )
            found["bytes on disk of a statement"] = open_database(lrs.database).size() / (read + 100 * BATCH)
    for name, value in found.items():
        told = f"{name:48s} {value:14,.2f}" if isinstance(value, float) else f"{name:48s} {value:14,}"
        print(told + (f"   {TARGETS[name]}" if name in TARGETS else ""))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    return 0


def _slices(count: int, step: int) -> Iterator[tuple[int, list[bytes]]]:
    """Bodies by the tenth, so that the bench itself stays small."""
    pending: list[bytes] = []
    start = 0
    for body in batches(count):
        pending.append(body)
        if len(pending) * BATCH >= step:
            yield start, pending
            start += len(pending) * BATCH
            pending = []
    if pending:
        yield start, pending


def _fresh(number: int) -> list[bytes]:
    """Batches that were never sent."""
    random_ = random.Random()
    return [orjson.dumps([statement(random_.randrange(10**9), random_) for _ in range(BATCH)]) for _ in range(number)]


if __name__ == "__main__":
    sys.exit(main())
