"""Fuzzing that looks at coverage: atheris changes inputs and keeps those that reach new places in our code.

`python tests/fuzz/guided.py --seconds 60 [TARGET ...]` runs each target for so many seconds in a process of its own, all of them by default. What it learnt stays in
`var/fuzz/TARGET/corpus` and is where the next run begins. An input that ends as nobody expected, takes more than a second of the processor or too much memory is kept in
`var/fuzz/TARGET/found`, is tried again without instruments (they cost time, and the memory of a long run is not that of one input), and only then is told.
A find becomes a test by moving its file to `tests/fuzz/found/TARGET/`.
"""

import argparse
import hashlib
import importlib.util
import io
import os
import random
import re
import resource
import subprocess
import sys
import time
import traceback
import zipfile
from collections import deque
from collections.abc import Callable
from contextlib import redirect_stderr, suppress
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RUNS = ROOT / "var" / "fuzz"
sys.path[:0] = [str(HERE), str(ROOT / "tests" / "connectors"), str(ROOT)]

OURS = ["connectors", "leerstroom"]
LARGEST = 64 * 1024
HANGS_S = 120  # of the clock: other processes may have the processor
MOST_KEPT = 40  # finds of one run
Mutate = Callable[[bytes, int], bytes]
Change = Callable[[bytes, int, random.Random], bytes]


def main() -> int:
    """Runs targets, `--jobs` at a time; 1 when something was found that stands without instruments, 2 when nothing can be run."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="names, or parts of names; all by default")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--jobs", type=int, default=2, help="targets at a time")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--list", action="store_true", help="only the names")
    parser.add_argument(
        "--again", nargs="+", metavar="FILE", help="these inputs of TARGET once more, without instruments"
    )
    asked = parser.parse_args()
    if asked.again:
        return again(asked.targets[0], asked.again)
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed here; it has wheels for Linux and Python 3.11 to 3.13: make fuzz-guided asks for one", file=sys.stderr)  # fmt: skip
        return 2
    import atheris

    with atheris.instrument_imports(include=OURS), redirect_stderr(io.StringIO()):  # it names every module
        from targets import targets

    names = deque(name for name in targets() if not asked.targets or any(part in name for part in asked.targets))
    if asked.list or not names:
        print("\n".join(names) or f"no target is named like {' or '.join(asked.targets)}")
        return 0 if names else 2
    running: dict[int, str] = {}
    stands = 0
    while names or running:
        while names and len(running) < asked.jobs:
            running |= started(names.popleft(), asked.seconds, asked.seed)
        pid, status = os.wait()
        stands += told(running.pop(pid), os.waitstatus_to_exitcode(status))
    return 1 if stands else 0


def started(name: str, seconds: int, seed: int) -> dict[int, str]:
    """Forks the process of one target, whose words go to `var/fuzz/TARGET/log`; {its id: name}."""
    folder = RUNS / name
    for each in (folder / "corpus", folder / "found"):
        each.mkdir(parents=True, exist_ok=True)
    pid = os.fork()
    if pid == 0:
        with (folder / "log").open("wb") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        try:
            fuzz(name, seconds, seed)
        except BaseException:
            traceback.print_exc()
        os._exit(1)  # atheris ends the process itself when the time is over
    return {pid: name}


def told(name: str, code: int) -> int:
    """Prints a line of a target that ended; how many of its finds stand, the end of the process itself among them."""
    log = (RUNS / name / "log").read_text(encoding="utf-8", errors="replace")
    lines = re.findall(r"^#(\d+)\s.*?cov: (\d+) ft: \d+ corp: (\d+)", log, re.MULTILINE)
    inputs, places, corpus = lines[-1] if lines else ("no", "no", "0")
    found = [str(each) for each in sorted((RUNS / name / "found").iterdir()) if each.suffix != ".txt"]
    standing = 0
    if found:
        words = [sys.executable, __file__, name, "--again", *found]
        standing = subprocess.run(words, check=False).returncode
    print(f"{name}: {inputs} inputs, {places} places in our code, a corpus of {corpus}, {standing} of {len(found)} finds stand", flush=True)  # fmt: skip
    if code and not standing:
        print(f"{name}: ended with {code}, see {RUNS / name / 'log'}\n{log[-1500:]}", file=sys.stderr)
        return 1
    return standing


def again(name: str, paths: list[str]) -> int:
    """Tries inputs as they are and tells those that do not end as they should; how many, at most 100."""
    from targets import targets

    target, count = targets()[name], 0
    for data in target.seeds():
        with suppress(Exception):
            target.tried(data)  # what is loaded once a process is no find
    for path in paths:
        if fault := fault_of(target.tried, Path(path).read_bytes()):
            count += 1
            print(f"{name}: {path}: {fault}")
    return min(count, 100)


def fault_of(tried: Callable[[bytes], str], data: bytes) -> str:
    """What is wrong with the way that an input takes, in a line; empty when nothing is."""
    import ways

    height, started = _height(), time.process_time()
    try:
        tried(data)
    except Exception as error:
        places = [each for each in traceback.extract_tb(error.__traceback__) if str(ROOT) in each.filename]
        ours = [each for each in places if str(HERE) not in each.filename and "site-packages" not in each.filename]
        place = (ours or places)[-1]
        return f"{type(error).__name__} at {Path(place.filename).relative_to(ROOT)}:{place.lineno} ({str(error)[:120]})"
    took_s = time.process_time() - started
    if took_s > ways.MOST_S:
        return f"takes {took_s:.1f} s"
    grown = _height() - height
    return f"takes {grown >> 20} MB" if grown > ways.MOST_BYTES else ""


def _height() -> int:
    """The most that this process ever held, in bytes. VmHWM, unlike ru_maxrss, does not begin with that of the process that started this one."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("this system does not tell how much memory a process held")


def fuzz(name: str, seconds: int, seed: int) -> None:
    """Fuzzes one target in this process, which ends when the time is over. Our packages were imported with instruments, or are here."""
    import atheris

    folder = RUNS / name
    corpus, found = folder / "corpus", folder / "found"
    with atheris.instrument_imports(include=OURS):
        from targets import targets

        target = targets()[name]
        seeds = list(target.seeds())
        for data in seeds:
            (corpus / hashlib.sha256(data).hexdigest()[:20]).write_bytes(data)
            with suppress(Exception):
                target.tried(data)  # what is loaded late is loaded now, and its memory counts as there before
    known: set[str] = set()

    def one(data: bytes) -> None:
        fault = fault_of(target.tried, data)
        sort = re.sub(r"\(.*|\d\.\d s|\d+ MB", "", fault)
        if fault and sort not in known and len(known) < MOST_KEPT:
            known.add(sort)
            kept = found / hashlib.sha256(data).hexdigest()[:20]
            kept.write_bytes(data)
            kept.with_suffix(".txt").write_text(f"{fault}\n")

    held_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    options = [
        sys.argv[0], str(corpus), f"-max_total_time={seconds}", f"-timeout={HANGS_S}", f"-report_slow_units={HANGS_S}", f"-rss_limit_mb={held_mb + 500}", f"-max_len={LARGEST}",
        f"-artifact_prefix={found}/", f"-seed={seed}", "-print_final_stats=1",
    ]  # fmt: skip
    atheris.Setup(
        options,
        one,
        custom_mutator=mutator(target.form, target.skipped, seeds, lambda data, most: atheris.Mutate(data, most)),
    )
    atheris.Fuzz()


def mutator(form: str, skipped: int, seeds: list[bytes], mutate: Mutate) -> Callable[[bytes, int, int], bytes]:
    """How inputs of a form are changed: what is inside an archive or behind a head, and values of JSON as well as bytes."""
    import orjson
    from mutations import spoiled
    from ways import as_line, inner

    values: list[Any] = []
    for data in seeds[:100]:
        with suppress(orjson.JSONDecodeError):
            values += inner(orjson.loads(data[skipped:]))

    def bytes_changed(data: bytes, most: int, draw: random.Random) -> bytes:
        return mutate(data, most)

    def json_changed(data: bytes, most: int, draw: random.Random) -> bytes:
        if draw.random() < 0.7:
            with suppress(orjson.JSONDecodeError, RecursionError):
                changed = as_line(spoiled(orjson.loads(data[skipped:]), draw, values or [None]))
                if len(changed) + skipped <= most:
                    return data[:skipped] + changed
        return mutate(data, most)

    def request_changed(data: bytes, most: int, draw: random.Random) -> bytes:
        head, gap, body = data.partition(b"\n\n")
        if gap and draw.random() < 0.5:
            with suppress(orjson.JSONDecodeError, RecursionError):
                body = as_line(spoiled(orjson.loads(body), draw, [None, [], {}, "x"]))
                return (head + gap + body)[:most]
            return head + gap + mutate(body, most - len(head) - 2)
        return mutate(head, most) + gap + body if gap and draw.random() < 0.7 else mutate(data, most)

    changed = {"json": json_changed, "request": request_changed, "zip": zip_changed(json_changed)}.get(
        form, bytes_changed
    )
    return lambda data, most, seed: changed(data, most, random.Random(seed))[:most]


def zip_changed(inside: Change) -> Change:
    """Changes a member of an archive, its name, or now and then the archive's own bytes: its checksums would hide what is behind them."""
    from targets import zipped

    hostile = ("../../x", "/etc/x", "a\\..\\x", "\u202ex", "x" * 200, "")

    def changed(data: bytes, most: int, draw: random.Random) -> bytes:
        if draw.random() < 0.1:
            return inside(data, most, draw)
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                members = {each.filename: archive.read(each) for each in archive.infolist()[:50]}
        except Exception:
            return inside(data, most, draw)
        if members:
            name = draw.choice(list(members))
            match draw.randrange(8):
                case 0:
                    members[(draw.choice(hostile) + Path(name).suffix) or "x"] = members.pop(name)
                case 1:
                    members.pop(name)
                case _:
                    members[name] = inside(members[name], most, draw)
        made = zipped(members)
        return made if len(made) <= most else data

    return changed


if __name__ == "__main__":
    os.environ.setdefault("PYTHONHASHSEED", "0")
    sys.exit(main())
