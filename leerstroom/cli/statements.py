"""`leerstroom normalise`, `load`, `query`, `sync`: records into statements, statements into and out of an LRS."""

import gc
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

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
    from connectors.mapping import Mapped, Mapper, Quarantined, as_line
    from connectors.source import Connection, connect, load
    from leerstroom.cli.payloads import Place, every_reason, records, told
    from leerstroom.people import People, Pseudonyms, Rotation

    if xapi_version not in _VERSIONS:
        raise ConfigurationError(f"--version {xapi_version}: statements are written in {' or '.join(_VERSIONS)}")
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
        written=not rotation.steps,
    )
    unreadable = 0

    with quarantine.open("wb") if quarantine else _nowhere() as rejected, _calm_collector():

        def refuse(value: dict[str, Any]) -> None:
            rejected.write(orjson.dumps(value) + b"\n")

        def unread(place: Place, error: BadRecord, payload: Any) -> None:
            nonlocal unreadable
            for why in every_reason(error, payload):
                unreadable += 1
                refuse({"where": told(place), "reason": why})

        def stated(outcomes: Iterable[Mapped]) -> Iterator[bytes]:
            """Lines of statements as the LRS knows them, some at a time: writing each by itself costs four times as much."""
            lines: list[bytes] = []
            steps = rotation.steps
            for outcome in outcomes:
                if type(outcome) is dict:
                    lines.append(as_line(rotation.statement(outcome) or outcome if steps else outcome))
                    if len(lines) == _WRITTEN:
                        yield b"".join(lines)
                        lines.clear()
                elif isinstance(outcome, Quarantined):
                    refuse(outcome.as_json())
            yield b"".join(lines)

        landed = chain.from_iterable(
            made.all_reduced(batch, pseudonyms) for batch in records(files or [], made, unread)
        )
        sys.stdout.buffer.writelines(stated(mapper.statements(landed)))
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


_VERSIONS = ("1.0.3", "2.0.0")
_WRITTEN = 64  # lines that are written at once
_MOST_YOUNG = 50_000  # objects made and not yet gone before the collector looks for rings among them


@contextmanager
def _calm_collector() -> Iterator[None]:
    """Has Python look seldom for rings of objects, and not among those that are there already: of what streams by, nearly nothing forms any.

    Looking took a twentieth of the time. What does form rings is still found, so memory stays flat.
    """
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_MOST_YOUNG, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()
