"""What is handed to `leerstroom normalise`, cut into payloads: a payload a line, one value over many lines, or a file that a platform exports.

Each comes with its place (file, unit, number), so that what is wrong with one can be told; what cannot be read is a BadRecord in its place and the
rest goes on. Streams where there are lines.
"""

import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Any

from connectors.files import opened
from connectors.http import error_code, is_error
from leerstroom.errors import BadRecord

Place = tuple[str, str, int]  # a file, what it was cut into (lines, items, records), and which of them; 0 is the whole
Payload = tuple[Place, Any]  # where it stands, and the payload or what is wrong with it


def told(place: Place) -> str:
    """A place in words: `events.log line 3`."""
    name, unit, number = place
    return f"{name} {unit} {number}" if number else name


def reason(error: BadRecord, payload: Any = None) -> str:
    """Why a payload cannot be read, without quoting it; an answer in which the platform tells of an error of its own is called so, with its code."""
    said = str(error)
    if "error" in said or not is_error(payload):
        return said
    code = error_code(payload)
    return f"{said}: the platform answered with an error" + (f" ({code})" if _CODE.fullmatch(code) else "")


_CODE = re.compile(
    r"[0-9]+|[A-Z0-9]+(?:_[A-Z0-9]+)+|[a-z0-9]+(?:[_.][a-z0-9_]+)+|(?:[A-Z][a-z]+){3,}"
)  # what cannot be a name


def payloads(files: Iterable[Path], source: Any) -> Iterator[Payload]:
    """The payloads of files, or of standard input where there are none."""
    nothing = True
    for file in files:
        nothing = False
        if hasattr(source, "read_file") and file.suffix.lower() in {".csv", ".xlsx", ".txt", ".zip"}:
            yield from _recorded(file.name, source.read_file(str(file)))
        elif file.name.lower().endswith(source.documents):
            yield from _recorded(file.name, source.read_document(file.read_bytes(), file.name))
        else:
            try:
                with opened(str(file)) as stream:
                    yield from _lines(file.name, stream, source)
            except BadRecord as error:
                yield (file.name, "", 0), error
    if nothing:
        yield from _standard_input(source)


def _standard_input(source: Any) -> Iterator[Payload]:
    """JSON, or a file that the platform exports (CSV, XLSX), where the source reads such files: told by its first byte."""
    name, stream = "standard input", sys.stdin.buffer
    start = stream.peek(16)[:16] if hasattr(stream, "peek") else b""
    is_json = start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in {b"{", b"["}
    if not hasattr(source, "read_file") or not start or is_json:
        yield from _lines(name, stream, source)
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "standard input.csv"
        with file.open("wb") as spooled:
            shutil.copyfileobj(stream, spooled)
        found = _recorded(name, source.read_file(str(file)))
        first = next(found, None)
        if first is None or isinstance(first[1], BadRecord):  # lines after all, and the first is a bad one
            with file.open("rb") as lines:
                yield from _lines(name, lines, source)
            return
        yield first
        yield from found


def _recorded(name: str, records: Iterator[Any]) -> Iterator[Payload]:
    """The records of a document; what stops it in the middle is the last item."""
    number = 0
    try:
        for number, record in enumerate(records, 1):
            yield (name, "record", number), record
    except BadRecord as error:
        yield (name, "after record", number), error


def _lines(name: str, stream: IO[bytes], source: Any) -> Iterator[Payload]:
    """A payload a line, or one that is written over many lines. The second line decides: of those it is no payload of its own."""
    parse: Callable[[bytes], Any] = source.parse
    first, second = stream.readline(), stream.readline()
    numbered = enumerate(chain((first, second), stream), 1)
    if first.strip() in {b"{", b"["} or not (_parses(first, parse) or _parses(second, parse)):
        whole = first + second + stream.read()
        try:
            yield from _spread((name, "", 0), parse(whole))
            return
        except ValueError:
            lines = whole.splitlines()
        document = _document(name, whole, source, any(line.lstrip().startswith(b"{") for line in lines))
        if document is not None:
            yield from document
            return
        numbered = enumerate(lines, 1)
    for number, line in numbered:
        try:
            payload = parse(line)
        except ValueError:
            if line.strip():
                yield (name, "line", number), BadRecord("the line is no JSON")
            continue
        if type(payload) is list:
            yield from _spread((name, "line", number), payload)
        else:
            yield (name, "line", number), payload


def _document(name: str, data: bytes, source: Any, may_be_lines: bool) -> Iterator[Payload] | None:
    """The records of a document that is no JSON, where the source reads such; None where it rather is lines of which some are bad."""
    if not source.documents:
        return None
    found = _recorded(name, source.read_document(data, name))
    first = next(found, ((name, "", 0), BadRecord("the document holds nothing")))
    return None if isinstance(first[1], BadRecord) and may_be_lines else chain((first,), found)


def _parses(line: bytes, parse: Callable[[bytes], Any]) -> bool:
    try:
        parse(line)
    except ValueError:
        return False
    return True


def _spread(place: Place, value: Any) -> Iterator[Payload]:
    if isinstance(value, list):
        for number, each in enumerate(value, 1):
            yield (told(place), "item", number), each
    else:
        yield place, value
