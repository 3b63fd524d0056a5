"""`leerstroom load`, `query`, `sync`, `mirror`: statements into an LRS, out of it, to another one, and into Parquet."""

import csv
import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leerstroom.errors import ConfigurationError

if TYPE_CHECKING:
    from connectors.lrs.client import Lrs
    from connectors.lrs.report import LoadReport
    from leerstroom.settings import Settings

SettingsFile = Annotated[
    Path | None, typer.Option("--settings", help="Settings file; default: LEERSTROOM_SETTINGS or ./leerstroom.yaml.")
]
Json = Annotated[bool, typer.Option("--json", help="For a machine.")]
Agent = Annotated[str | None, typer.Option(help="Who: JSON, mailto:…, or account|home page|name.")]
VerbOption = Annotated[str | None, typer.Option(help="Verb: its IRI, or its name in the vocabulary (answered).")]
Activity = Annotated[str | None, typer.Option(help="IRI of the activity.")]
Registration = Annotated[str | None, typer.Option(help="UUID of a registration.")]
Since = Annotated[str | None, typer.Option(help="Stored after this moment: 2026-11-03 or 2026-11-03T09:00:00+01:00.")]
Until = Annotated[str | None, typer.Option(help="Stored at this moment or before.")]


class Format(StrEnum):
    """How statements are written."""

    TABLE = "table"
    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


def register(app: typer.Typer) -> None:
    """Adds the commands of the LRS connector."""
    app.command(epilog="Example: leerstroom load statements.jsonl --rejected letters.jsonl")(load)
    app.command(epilog="Example: leerstroom query --verb answered --since 2026-11-02 --format csv > answers.csv")(query)
    app.command(epilog="Example: leerstroom sync https://old.example/xapi/ lrs --since 2026-01-01")(sync)
    app.command(epilog="Example: leerstroom mirror")(mirror)


# --- load --------------------------------------------------------------------------------------------------------------------------


def load(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Statements, one a line (also .gz, .zst); default: standard input.")
    ] = None,
    rejected: Annotated[
        Path | None, typer.Option(help="Takes what the LRS refused, one a line, with its reason.")
    ] = None,
    settings: SettingsFile = None,
    json: Json = False,
) -> None:
    """Statements → LRS, however often. Prints what became of them; exit 1 when some were refused or are in conflict."""
    import orjson

    with _configured(settings) as lrs, rejected.open("wb") if rejected else _nowhere() as letters:

        def letter(rejection: Any, raw: bytes) -> None:
            letters.write(
                orjson.dumps({"id": rejection.id, "reason": rejection.reason, "text": raw.decode("utf-8", "replace")})
                + b"\n"
            )

        report = lrs.load(_lines(files or []), on_rejection=letter, on_batch=_progress("statements"))
    _tell(report, json)
    if report.rejected or report.conflicting:
        for each in report.rejections[:10]:
            typer.echo(f"refused {each.id}: {each.reason}", err=True)
        raise typer.Exit(1)


def _lines(files: list[Path]) -> Iterator[bytes]:
    for file in files:
        with _opened(file) as stream:
            for line in stream:
                if line.strip():
                    yield line.rstrip(b"\r\n")
    if not files:
        for line in sys.stdin.buffer:
            if line.strip():
                yield line.rstrip(b"\r\n")


def _opened(file: Path) -> Any:
    if not file.exists():
        raise ConfigurationError(f"{file} does not exist; check the path")
    if file.suffix == ".gz":
        import gzip

        return gzip.open(file, "rb")
    if file.suffix == ".zst":
        import io

        import zstandard

        return io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(file.open("rb"), closefd=True))
    return file.open("rb")


# --- query -------------------------------------------------------------------------------------------------------------------------


def query(
    agent: Agent = None,
    verb: VerbOption = None,
    activity: Activity = None,
    registration: Registration = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[
        int | None, typer.Option(min=0, help="At most so many; default: 50 for a table, else all.")
    ] = None,
    related: Annotated[
        bool, typer.Option(help="Also where agent or activity stand elsewhere in the statement.")
    ] = False,
    ascending: Annotated[bool, typer.Option(help="Oldest first.")] = False,
    count: Annotated[str | None, typer.Option(help="Only count, by verb, activity, actor or day.")] = None,
    format: Annotated[Format, typer.Option(help="How they are written.")] = Format.TABLE,  # noqa: A002 - the option's own name
    out: Annotated[Path | None, typer.Option(help="File to write; default: standard output.")] = None,
    settings: SettingsFile = None,
) -> None:
    """Statements out of the LRS that match all that is given, newest first."""
    filters = {
        "agent": agent, "verb": verb, "activity": activity, "registration": registration, "since": since, "until": until,
        "related_agents": related and bool(agent), "related_activities": related and bool(activity), "ascending": ascending,
    }  # fmt: skip
    with _configured(settings) as lrs:
        if count:
            counted = lrs.counts(count, limit=limit, **filters)  # type: ignore[arg-type] # an unknown word is refused there
            most_first = sorted(counted.items(), key=lambda each: (-each[1], each[0]))
            _print_rows((count, "statements"), most_first)
            return
        if limit is None and format is Format.TABLE:
            limit = 50
        statements = lrs.query_raw(limit=limit, **filters)
        with out.open("wb") if out else _stdout() as stream:
            _WRITERS[format](statements, stream)


def _write_jsonl(statements: Iterable[bytes], stream: Any) -> None:
    for raw in statements:
        stream.write(raw.replace(b"\n", b" ") + b"\n")


def _write_csv(statements: Iterable[bytes], stream: Any) -> None:
    import io

    from connectors.lrs.frames import COLUMN_NAMES, tables

    text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMN_NAMES)
    for table in tables(statements):
        for row in table.to_pylist():
            writer.writerow([_cell(row[name]) for name in COLUMN_NAMES])
    text.flush()
    text.detach()


def _write_parquet(statements: Iterable[bytes], stream: Any) -> None:
    import pyarrow.parquet as pq

    from connectors.lrs.frames import tables
    from leerstroom.mirror.columns import MIRROR_SCHEMA

    if stream.isatty():
        raise ConfigurationError("Parquet is not for a terminal; give --out FILE or a pipe")
    schema = MIRROR_SCHEMA()
    with pq.ParquetWriter(stream, schema.remove(schema.get_field_index("raw")), compression="zstd") as writer:
        for table in tables(statements, chunk=20_000):
            writer.write_table(table)


_SHOWN = ("timestamp", "actor", "verb", "object_id", "platform")


def _write_table(statements: Iterable[bytes], stream: Any) -> None:
    from connectors.lrs.frames import tables

    rows = [[_cell(row[name]) for name in _SHOWN] for table in tables(statements) for row in table.to_pylist()]
    if stream.isatty():
        _print_rows(_SHOWN, rows)
    else:
        stream.write("".join("\t".join(map(str, line)) + "\n" for line in (_SHOWN, *rows)).encode())


_WRITERS = {
    Format.JSONL: _write_jsonl,
    Format.CSV: _write_csv,
    Format.PARQUET: _write_parquet,
    Format.TABLE: _write_table,
}


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, list):
        return "|".join(map(str, value))
    return value.isoformat().replace("+00:00", "Z") if hasattr(value, "isoformat") else value


# --- sync and mirror -----------------------------------------------------------------------------------------------------------------


def sync(
    from_: Annotated[str, typer.Argument(metavar="FROM", help="Endpoint, or lrs for the configured one.")],
    to: Annotated[str, typer.Argument(metavar="TO", help="Endpoint, or lrs for the configured one.")],
    agent: Agent = None,
    verb: VerbOption = None,
    activity: Activity = None,
    registration: Registration = None,
    since: Since = None,
    until: Until = None,
    profile: Annotated[str | None, typer.Option(help="IRI of the xAPI profile that the statement names.")] = None,
    from_key: Annotated[str, typer.Option(envvar="LEERSTROOM_FROM_KEY", help="Key of FROM.")] = "",
    from_secret: Annotated[
        str, typer.Option(envvar="LEERSTROOM_FROM_SECRET", help="Secret of FROM; better in the environment.")
    ] = "",
    to_key: Annotated[str, typer.Option(envvar="LEERSTROOM_TO_KEY", help="Key of TO.")] = "",
    to_secret: Annotated[
        str, typer.Option(envvar="LEERSTROOM_TO_SECRET", help="Secret of TO; better in the environment.")
    ] = "",
    settings: SettingsFile = None,
    json: Json = False,
) -> None:
    """Copies statements from one LRS to another, however often: what is there already stays. Exit 1 when some were refused."""
    from connectors.lrs.syncing import sync as copy

    if from_.rstrip("/") == to.rstrip("/"):
        raise ConfigurationError("FROM and TO are the same LRS")
    with (
        _named(from_, from_key, from_secret, settings, "from") as source,
        _named(to, to_key, to_secret, settings, "to") as target,
    ):
        report = copy(
            source, target, agent=agent, verb=verb, activity=activity, registration=registration, since=since, until=until,
            profile=profile, on_batch=_progress("statements"),
        )  # fmt: skip
    _tell(report, json)
    if report.rejected or report.conflicting:
        raise typer.Exit(1)


def mirror(
    to: Annotated[
        str | None, typer.Option(help="Folder or URL of the mirror; default: mirror below the data root.")
    ] = None,
    settings: SettingsFile = None,
    json: Json = False,
) -> None:
    """Brings the mirror (Parquet, a folder a day) up to the LRS; may be stopped at any time and run again."""
    from dataclasses import asdict

    import orjson

    from connectors.lrs.mirroring import mirror as bring
    from leerstroom.mirror import Mirror

    configured = _settings(settings)
    with _lrs(configured) as lrs:
        report = bring(lrs, Mirror(to or f"{configured.data.rstrip('/')}/mirror"), on_page=_progress("statements"))
    typer.echo(orjson.dumps(asdict(report)).decode() if json else str(report))


# --- values ----------------------------------------------------------------------------------------------------------------------------


def _settings(file: Path | None) -> "Settings":
    from leerstroom.settings import Settings

    return Settings.load(file)


def _lrs(settings: "Settings") -> "Lrs":
    from connectors.lrs.client import Lrs

    return Lrs(
        settings.lrs.endpoint,
        settings.lrs.key,
        settings.lrs.secret.get_secret_value(),
        version=settings.lrs.version,
        name="lrs",
    )


def _configured(file: Path | None) -> "Lrs":
    return _lrs(_settings(file))


def _named(what: str, key: str, secret: str, settings: Path | None, name: str) -> "Lrs":
    from connectors.lrs.client import Lrs

    if what == "lrs":
        return _configured(settings)
    if not what.startswith(("http://", "https://")):
        raise ConfigurationError(
            f"'{what}' is neither an endpoint nor lrs; give the address that ends before /statements"
        )
    return Lrs(what, key, secret, name=name)


def _tell(report: "LoadReport", as_json: bool) -> None:
    import orjson

    if as_json:
        names = ("sent", "stored", "already_there", "conflicting", "rejected", "bytes", "seconds", "requests")
        typer.echo(orjson.dumps({name: getattr(report, name) for name in names}).decode())
    else:
        typer.echo(str(report))


def _progress(what: str) -> Any:
    """A counter on standard error for a person who waits; None in a pipe."""
    if not sys.stderr.isatty():
        return None

    def tell(done: int) -> None:
        sys.stderr.write(f"\r{done:,} {what}")
        sys.stderr.flush()

    return tell


def _print_rows(names: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    listed = [[str(value) for value in row] for row in rows]
    if not sys.stdout.isatty():
        for line in (list(names), *listed):
            typer.echo("\t".join(line))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*names)
    for line in listed:
        table.add_row(*line)
    Console().print(table)


def _nowhere() -> Any:
    import os

    return Path(os.devnull).open("wb")


def _stdout() -> Any:
    from contextlib import nullcontext

    return nullcontext(sys.stdout.buffer)
