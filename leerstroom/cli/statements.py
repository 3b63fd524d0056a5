"""`leerstroom normalise`, `load`, `query`, `sync`: records into statements, statements into and out of an LRS."""

import os
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from leerstroom.cli.payloads import payloads, reason, told
from leerstroom.errors import BadRecord, ConfigurationError


def register(app: typer.Typer) -> None:
    """Adds this room's commands."""
    app.command(
        epilog="Example: leerstroom normalise matrix messages.jsonl --quarantine rest.jsonl > statements.jsonl"
    )(normalise)


def normalise(
    source: Annotated[str, typer.Argument(help="Name of the source; see leerstroom sources.")],
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="Records, one JSON value a line or one in all, or a file that the platform exports; default: standard input.",
        ),
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
    from leerstroom.people import People, Pseudonyms, Rotation

    fields = _fields(connection)
    if any(each.name == "host" and each.default is None for each in load(source).settings):
        fields.setdefault("host", f"https://{source}.example")
    made = connect(Connection(fields.pop("name", source), source, fields), complete=False)
    key = os.environ.get("LEERSTROOM_PSEUDONYM_KEY")
    if not key:
        typer.echo("leerstroom: LEERSTROOM_PSEUDONYM_KEY is not set; the pseudonyms of this run fit no other", err=True)
    pseudonyms = Pseudonyms.read(key) if key else Pseudonyms.random()
    rotation = Rotation(pseudonyms.steps, [source] if made.keyed_ids else ())
    mapper = Mapper(
        made,
        People(pseudonyms.first, tenant=made.tenant, source=source, connection=made.connection.name),
        version=xapi_version,
    )
    unreadable = 0

    with quarantine.open("wb") if quarantine else _nowhere() as rejected:

        def refuse(value: dict[str, Any]) -> None:
            rejected.write(orjson.dumps(value) + b"\n")

        def records() -> Iterator[Record]:
            """Step by step, a batch at a time: what one step needs stays in the processor's cache, which saves a sixth."""
            nonlocal unreadable
            read, reduced, cut = made.read, made.reduced, payloads(files or [], made)
            while batch := list(islice(cut, _BATCH)):
                found: list[Record] = []
                for place, payload in batch:
                    try:
                        if isinstance(payload, BadRecord):
                            raise payload
                        found.extend((payload,) if isinstance(payload, Record) else read(payload))
                    except BadRecord as error:
                        unreadable += 1
                        refuse({"where": told(place), "reason": reason(error, payload)})
                yield from [reduced(record, pseudonyms) for record in found]

        def rotated(statement: Any) -> Any:
            """As the LRS knows it; one of another producer stays as it is."""
            return rotation.statement(statement) or statement

        write = sys.stdout.buffer.write
        for outcome in mapper.statements(records()):
            if type(outcome) is dict:
                write(serialised(rotated(outcome) if rotation.steps else outcome) + b"\n")
            elif isinstance(outcome, Quarantined):
                refuse(outcome.as_json())
        sys.stdout.buffer.flush()
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


_BATCH = 128  # payloads that go through one step before the next
