"""Indicators from files alone: statements as JSON, employees as CSV; nothing is configured and no LRS is needed."""

import csv
import io
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leerstroom.classification import Rules, load_rules
from leerstroom.errors import ConfigurationError, InvalidStatement
from leerstroom.indicators.computation import compute
from leerstroom.indicators.values import IndicatorValues
from leerstroom.people.directory import Directory

if TYPE_CHECKING:
    import pyarrow as pa


def from_files(
    statements: Path | str,
    employees: Path | str,
    *,
    from_: date,
    to: date,
    as_of: date | None = None,
    rules: Path | str | Rules | None = None,
    coverage: Path | str | None = None,
    leave: Path | str | None = None,
    excluded: Path | str | None = None,
    out: Path | str | None = None,
    time_zone: str | None = None,
    engine: str = "duckdb",
) -> IndicatorValues:
    """Computes the catalogue for the window from_ to `to`; with `out`, writes `indicator_values.csv` there.

    `statements`: a JSON array or JSON lines, plain or `.zst`. Without `coverage`, every source that the statements show counts
    as loaded. The time zone is that of the rules unless given. Raises ConfigurationError for what cannot be read.
    """
    table = read_statements(Path(statements))
    directory = Directory.read(Path(employees), Path(leave) if leave else None, Path(excluded) if excluded else None)
    given = rules if isinstance(rules, Rules) else load_rules(rules)
    values = compute(
        table,
        directory,
        rules=given,
        coverage=read_coverage(Path(coverage)) if coverage else None,
        from_=from_,
        to=to,
        as_of=as_of or to,
        time_zone=time_zone or given.parameters["time_zone"],
        engine=engine,
        windows=None,
    )
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        values.write_csv(folder / "indicator_values.csv")
    return values


def read_statements(path: Path) -> "pa.Table":
    """The statements of a JSON array or JSON lines file as MIRROR_SCHEMA; the same statement twice is read once.

    Raises ConfigurationError for a file that is missing, no JSON, or holds what is no statement.
    """
    from leerstroom.mirror.columns import to_table

    seen: dict[str, Any] = {}
    for number, statement in enumerate(_values(path), 1):
        if not isinstance(statement, dict):
            raise ConfigurationError(f"{path} holds something that is no statement at place {number}")
        identity = statement.get("id")
        seen.setdefault(identity.lower() if isinstance(identity, str) else f"place {number}", statement)
    try:
        return to_table(seen.values())
    except InvalidStatement as error:
        raise ConfigurationError(f"{path} holds what is no statement: {error}") from error


def _values(path: Path) -> Iterator[Any]:
    import orjson

    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}; check --statements") from error
    if path.suffix == ".zst":
        import zstandard

        content = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(content)).read()
    content = content.removeprefix(b"\xef\xbb\xbf").strip()
    try:
        if content.startswith(b"["):
            yield from orjson.loads(content)
            return
        try:
            whole = orjson.loads(content) if content else []
        except orjson.JSONDecodeError:
            whole = None
        if whole is not None:  # one object: a single statement, or an answer of an LRS
            yield from whole.get("statements", [whole]) if isinstance(whole, dict) else whole
            return
        for line in content.splitlines():
            if line.strip():
                yield orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ConfigurationError(f"{path} is neither a JSON array nor JSON lines: {error}") from error


def read_coverage(path: Path) -> list[tuple[date, str, str]]:
    """date, source_kind, status of a CSV file. Raises ConfigurationError that lists every wrong line."""
    rows: list[tuple[date, str, str]] = []
    faults: list[str] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            for number, row in enumerate(csv.DictReader(stream), 2):
                try:
                    rows.append((
                        date.fromisoformat(row["date"].strip()),
                        row["source_kind"].strip().lower(),
                        row["status"].strip().lower(),
                    ))
                except (KeyError, ValueError, AttributeError):
                    faults.append(f"line {number}")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}; check --coverage") from error
    if faults:
        raise ConfigurationError(f"{path.name} needs date, source_kind, status; wrong: {', '.join(faults)}")
    return rows
