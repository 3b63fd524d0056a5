"""What `leerstroom normalise` makes of every recorded file, as digests: two checkouts whose lists are equal write the same bytes.

    python tests/bench/outputs.py > before.tsv          in one checkout
    python tests/bench/outputs.py > after.tsv           in the other; then cmp before.tsv after.tsv
    python tests/bench/outputs.py --openedx FOLDER      further events of Open edX

All sources, each recording by itself: statements, quarantine and counts; and the 50,000 events of bench_normalise.py.
"""

import argparse
import hashlib
import io
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import orjson
from bench_normalise import events

from connectors.source import installed
from leerstroom.cli.statements import normalise
from leerstroom.errors import LeerstroomError

RECORDINGS = Path(__file__).parents[1] / "recordings"
LARGEST = 3_000_000  # bytes
HOST = {"host": "http://localhost:18000"}
OPENEDX: tuple[dict[str, Any], ...] = (
    HOST,
    {**HOST, "answers": True, "mandatory_courses": ["*"]},
    {**HOST, "courses": ["*Demo*"]},
)


def digests(source: str, file: Path, fields: dict[str, Any], folder: Path) -> str:
    """Length and digest of the statements and of the quarantine, and what the command says at its end."""
    made, said, rejected = io.TextIOWrapper(io.BytesIO()), io.StringIO(), folder / "quarantine.jsonl"
    rejected.write_bytes(b"")
    try:
        with redirect_stdout(made), redirect_stderr(said):
            normalise(source, [file], rejected, json.dumps(fields), "1.0.3")
    except LeerstroomError as error:
        said.write(type(error).__name__)
    buffer = made.detach()
    both = (buffer.getvalue(), rejected.read_bytes()) if isinstance(buffer, io.BytesIO) else ()
    return "\t".join((*(f"{len(each)} {hashlib.sha256(each).hexdigest()}" for each in both), said.getvalue().strip()))


def recorded(folder: Path) -> Iterator[Path]:
    """Files that may hold records."""
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.suffix not in {".py", ".md"} and file.stat().st_size < LARGEST:
            yield file


def main() -> None:
    """Prints a line a file and connection."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--openedx", type=Path, nargs="*", default=[])
    arguments = parser.parse_args()
    os.environ["LEERSTROOM_PSEUDONYM_KEY"] = "a key of the bench, sixteen bytes and more"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        log = folder / "tracking.log"
        with log.open("wb") as stream:
            stream.writelines(orjson.dumps(each) + b"\n" for each in events(50_000))
        print("openedx", log.name, digests("openedx", log, HOST, folder), sep="\t")
        for source in installed():
            more = arguments.openedx if source == "openedx" else []
            for root in (RECORDINGS / source, *more):
                for file in recorded(root):
                    for fields in OPENEDX if source == "openedx" else ({},):
                        print(source, file.relative_to(root), *fields, digests(source, file, fields, folder), sep="\t")


if __name__ == "__main__":
    main()
