"""`leerstroom normalise`, `load`, `query`, `sync`: records into statements, statements into and out of an LRS."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from leerstroom.errors import BadRecord, ConfigurationError

_UNKNOWN_SHAPE = (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError)


def register(app: typer.Typer) -> None:
    """Adds this room's commands."""
    app.command(
        epilog="Example: leerstroom normalise matrix messages.jsonl --quarantine rest.jsonl > statements.jsonl"
    )(normalise)


def normalise(
    source: Annotated[str, typer.Argument(help="Name of the source; see leerstroom sources.")],
    files: Annotated[
        list[Path] | None, typer.Argument(help="Records, one JSON value a line or one in all; default: standard input.")
    ] = None,
    quarantine: Annotated[
        Path | None, typer.Option(help="Takes what cannot become a statement, with the reason.")
    ] = None,
    connection: Annotated[
        str | None, typer.Option(help='Fields of the connection as JSON, such as {"host": "https://…"}.')
    ] = None,
    xapi_version: Annotated[
        str, typer.Option("--version", help="xAPI version of the statements: 1.0.3 or 2.0.0.")
    ] = "1.0.3",
) -> None:
    """Records as the vendor sends them (a page or one record a line) → statements as JSON lines. Never stops at a bad record.

    Works without any configuration: everyone is unresolved, and without LEERSTROOM_PSEUDONYM_KEY a random key is used.
    """
    from connectors.mapping import Mapper, Quarantined, serialised
    from connectors.source import Connection, Record, connect, load
    from leerstroom.people import People, Pseudonyms
    from leerstroom.statements import Retracted

    fields = _fields(connection)
    if any(each.name == "host" and each.default is None for each in load(source).settings):
        fields.setdefault("host", f"https://{source}.example")
    made = connect(Connection(fields.pop("name", source), source, fields), complete=False)
    key = os.environ.get("LEERSTROOM_PSEUDONYM_KEY")
    if not key:
        typer.echo("leerstroom: LEERSTROOM_PSEUDONYM_KEY is not set; the pseudonyms of this run fit no other", err=True)
    pseudonyms = Pseudonyms(key) if key else Pseudonyms.random()
    mapper = Mapper(
        made,
        People(pseudonyms, tenant=made.tenant, source=source, connection=made.connection.name),
        version=xapi_version,
    )
    unreadable = 0

    with quarantine.open("wb") if quarantine else _nowhere() as rejected:

        def refuse(value: dict[str, Any]) -> None:
            rejected.write(orjson.dumps(value) + b"\n")

        def records() -> Iterator[Record]:
            nonlocal unreadable
            for where, payload in _payloads(files or [], made):
                if isinstance(payload, BadRecord):
                    unreadable += 1
                    refuse({"where": where, "reason": str(payload)})
                    continue
                try:
                    for record in [payload] if isinstance(payload, Record) else made.read(payload):
                        yield made.reduced(record, pseudonyms)
                except BadRecord as error:
                    unreadable += 1
                    refuse({"where": where, "reason": str(error)})
                except _UNKNOWN_SHAPE as error:
                    unreadable += 1
                    refuse({"where": where, "reason": f"unknown shape ({type(error).__name__})"})

        out = sys.stdout.buffer
        for outcome in mapper.statements(records()):
            if isinstance(outcome, Quarantined):
                refuse(outcome.as_json())
            elif not isinstance(outcome, Retracted):
                out.write(serialised(outcome) + b"\n")
        out.flush()
    counts = mapper.counts
    typer.echo(
        f"{counts.pulled + unreadable} records: {counts.mapped} mapped into {counts.built} statements and {counts.retracted} retractions, "
        f"{counts.ignored.total()} ignored, {counts.quarantined.total() + unreadable} quarantined",
        err=True,
    )


def _fields(connection: str | None) -> dict[str, Any]:
    try:
        fields = orjson.loads(connection) if connection else {}
    except orjson.JSONDecodeError as error:
        raise ConfigurationError("--connection is no JSON object") from error
    if not isinstance(fields, dict):
        raise ConfigurationError("--connection is no JSON object")
    return fields


def _nowhere() -> Any:
    return Path(os.devnull).open("wb")


def _payloads(files: list[Path], source: Any) -> Iterator[tuple[str, Any]]:
    for file in files:
        if hasattr(source, "read_file") and file.suffix.lower() in {".csv", ".xlsx", ".txt", ".zip"}:
            yield from _recorded(file.name, source.read_file(str(file)))
        elif file.name.lower().endswith(source.documents):
            yield from _recorded(file.name, source.read_document(file.read_bytes(), file.name))
        else:
            with file.open("rb") as stream:
                yield from _lines(file.name, stream, source)
    if not files:
        yield from _standard_input(source)


def _standard_input(source: Any) -> Iterator[tuple[str, Any]]:
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


def _recorded(name: str, records: Iterator[Any]) -> Iterator[tuple[str, Any]]:
    """The records of a document; what stops it in the middle is the last item."""
    number = 0
    try:
        for number, record in enumerate(records, 1):
            yield f"{name} record {number}", record
    except BadRecord as error:
        yield f"{name} after record {number}", error
    except _UNKNOWN_SHAPE as error:
        yield f"{name} after record {number}", BadRecord(f"unknown shape ({type(error).__name__})")


def _lines(name: str, stream: Any, source: Any) -> Iterator[tuple[str, Any]]:
    first = stream.readline()
    try:
        value = orjson.loads(first)
    except orjson.JSONDecodeError:
        rest = first + stream.read()  # one value over many lines, a document, or lines of which the first is bad
        try:
            value = orjson.loads(rest)
        except orjson.JSONDecodeError:
            yield from _document_or_lines(name, rest, source)
            return
        yield from _spread(name, value)
        return
    yield from _spread(f"{name} line 1", value)
    for number, line in enumerate(stream, 2):
        yield from _line(name, number, line)


def _document_or_lines(name: str, data: bytes, source: Any) -> Iterator[tuple[str, Any]]:
    if source.documents:
        found = _recorded(name, source.read_document(data, name))
        where, first = next(found, (name, BadRecord("the document holds nothing")))
        is_json = any(line.lstrip().startswith(b"{") for line in data.splitlines())
        if not isinstance(first, BadRecord) or not is_json:
            yield where, first
            yield from found
            return
    for number, line in enumerate(data.splitlines(), 1):
        yield from _line(name, number, line)


def _line(name: str, number: int, line: bytes) -> Iterator[tuple[str, Any]]:
    if line.strip():
        try:
            yield f"{name} line {number}", orjson.loads(line)
        except orjson.JSONDecodeError:
            yield f"{name} line {number}", BadRecord("the line is no JSON")


def _spread(where: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list):
        for number, each in enumerate(value, 1):
            yield f"{where} item {number}", each
    else:
        yield where, value
