"""What is handed to `leerstroom normalise`, read into records: a payload a line, one value over many lines, or a file that a platform exports.

Each payload has its place (file, unit, number), so that what is wrong with one can be told; what cannot be read is refused with its place and the
rest goes on. Streams where there are lines: in blocks, because a step costs least where what it needs lies in the processor's cache from the record before.
"""

import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

from connectors.files import opened
from connectors.http import error_code, is_error
from connectors.source import Record, Source, reasons
from leerstroom.errors import BadRecord

Place = tuple[str, str, int]  # a file, what it was cut into (lines, items, records), and which of them; 0 is the whole
Payload = tuple[Place, Any]  # where it stands, and the payload, or a record, or what is wrong with it
Refuse = Callable[[Place, BadRecord, Any], None]  # where, what is wrong with it, and the payload where there is one
Batches = Iterator[list[Record]]

_BATCH = 128  # lines that are read before any of them is mapped
_AHEAD = 2_000_000  # bytes of lines that are, where one may refer to a later one


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


def every_reason(error: BadRecord, payload: Any = None) -> list[str]:
    """Likewise for each record that a payload held and that cannot be read, all of which count."""
    return [reason(BadRecord(each), payload) for each in reasons(error)]


_CODE = re.compile(
    r"[0-9]+|[A-Z0-9]+(?:_[A-Z0-9]+)+|[a-z0-9]+(?:[_.][a-z0-9_]+)+|(?:[A-Z][a-z]+){3,}"
)  # what cannot be a name


def records(files: Iterable[Path], source: Source, refuse: Refuse) -> Batches:
    """The records of files, or of standard input where there are none, a batch at a time; `refuse` is told what cannot be read, and where."""
    nothing = True
    for file in files:
        nothing = False
        if hasattr(source, "read_file") and file.suffix.lower() in {".csv", ".xlsx", ".txt", ".zip"}:
            yield from _read(_recorded(file.name, source.read_file(str(file))), source, refuse)
        elif file.name.lower().endswith(source.documents):
            yield from _read(_recorded(file.name, source.read_document(file.read_bytes(), file.name)), source, refuse)
        else:
            try:
                with opened(str(file)) as stream:
                    yield from _lines(file.name, stream, source, refuse)
            except BadRecord as error:
                refuse((file.name, "", 0), error, None)
    if nothing:
        yield from _standard_input(source, refuse)


def _standard_input(source: Source, refuse: Refuse) -> Batches:
    """JSON, or a file that the platform exports (CSV, XLSX), where the source reads such files: told by its first byte."""
    name, stream = "standard input", sys.stdin.buffer
    start = stream.peek(16)[:16] if hasattr(stream, "peek") else b""
    is_json = start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in {b"{", b"["}
    if not hasattr(source, "read_file") or not start or is_json:
        yield from _lines(name, stream, source, refuse)
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "standard input.csv"
        with file.open("wb") as spooled:
            shutil.copyfileobj(stream, spooled)
        found = _recorded(name, source.read_file(str(file)))
        first = next(found, None)
        if first is None or isinstance(first[1], BadRecord):  # lines after all, and the first is a bad one
            with file.open("rb") as lines:
                yield from _lines(name, lines, source, refuse)
            return
        yield from _read(chain((first,), found), source, refuse)


def _read(payloads: Iterator[Payload], source: Source, refuse: Refuse) -> Batches:
    """The records in payloads that have their places."""
    while batch := list(islice(payloads, _BATCH)):
        found: list[Record] = []
        for place, payload in batch:
            try:
                if isinstance(payload, BadRecord):
                    raise payload
                found += (payload,) if isinstance(payload, Record) else source.read(payload)
            except BadRecord as error:
                refuse(place, error, payload)
        yield found


def _recorded(name: str, records: Iterable[Record]) -> Iterator[Payload]:
    """The records of a document; what stops it in the middle is the last item."""
    number = 0
    try:
        for number, record in enumerate(records, 1):
            yield (name, "record", number), record
    except BadRecord as error:
        yield (name, "after record", number), error


def _lines(name: str, stream: IO[bytes], source: Source, refuse: Refuse) -> Batches:
    """A payload a line, or one that is written over many lines. The second line decides: of those it is no payload of its own."""
    first, second = stream.readline(), stream.readline()
    blocks = _blocks(chain((first, second), stream), source)
    if first.strip() in {b"{", b"["} or not (_parses(first, source.parse) or _parses(second, source.parse)):
        whole = first + second + stream.read()
        try:
            payload = source.parse(whole)
        except ValueError:
            lines = whole.splitlines()
        else:
            yield from _read(_spread((name, "", 0), payload, source), source, refuse)
            return
        document = _document(name, whole, source, any(line.lstrip().startswith(b"{") for line in lines))
        if document is not None:
            yield from _read(document, source, refuse)
            return
        blocks = iter((lines,))
    number = 0
    for block in blocks:
        yield _of_block(name, number, block, source, refuse)
        number += len(block)


def _blocks(lines: Iterator[bytes], source: Source) -> Iterator[list[bytes]]:
    """Lines by the hundred, or by what they weigh where one may refer to a later one; where reading fails, those before it come first."""
    while True:
        block: list[bytes] = []
        try:
            block.extend(_weighed(lines) if source.looks_ahead else islice(lines, _BATCH))
        except Exception:
            if block:
                yield block
            raise
        if not block:
            return
        yield block


def _weighed(lines: Iterator[bytes]) -> Iterator[bytes]:
    weight = 0
    for line in lines:
        yield line
        weight += len(line)
        if weight > _AHEAD:
            return


def _look_ahead(payloads: Iterable[Any], source: Source) -> None:
    """Reads payloads for what the source remembers of them: lists of messages often tell the newest first, an answer before its question."""
    if source.looks_ahead:
        for payload in payloads:
            with suppress(BadRecord):
                for _ in source.read(payload):
                    pass


def _of_block(name: str, before: int, lines: list[bytes], source: Source, refuse: Refuse) -> list[Record]:
    """The records of lines that follow on `before` others. A place is made up only for what is refused: most lines need none."""
    try:
        payloads = source.parse_all(lines)
    except ValueError:
        return _of_lines(name, before, lines, source, refuse)
    _look_ahead(payloads if len(payloads) > 1 else (), source)
    found: list[Record] = []
    read = source.read
    for number, payload in enumerate(payloads, before + 1):
        try:
            found += (
                read(payload)
                if type(payload) is not list
                else _of_list((name, "line", number), payload, source, refuse)
            )
        except BadRecord as error:
            refuse((name, "line", number), error, payload)
    return found


def _of_lines(name: str, before: int, lines: list[bytes], source: Source, refuse: Refuse) -> list[Record]:
    """Likewise, one by one, where a line is empty or no payload."""
    found: list[Record] = []
    _look_ahead((source.parse(line) for line in lines if _parses(line, source.parse)), source)
    for number, line in enumerate(lines, before + 1):
        if _parses(line, source.parse):
            found += _of_block(name, number - 1, [line], source, refuse)
        elif line.strip():
            refuse((name, "line", number), BadRecord("the line is no JSON"), None)
    return found


def _of_list(place: Place, payloads: list[Any], source: Source, refuse: Refuse) -> list[Record]:
    """The records of a line that holds several payloads."""
    return [record for batch in _read(_spread(place, payloads, source), source, refuse) for record in batch]


def _document(name: str, data: bytes, source: Source, may_be_lines: bool) -> Iterator[Payload] | None:
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


def _spread(place: Place, value: Any, source: Source) -> Iterator[Payload]:
    if isinstance(value, list):
        _look_ahead(value, source)
        for number, each in enumerate(value, 1):
            yield (told(place), "item", number), each
    else:
        yield place, value
