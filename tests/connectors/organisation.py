"""An organisation that uses every installed source in every way that the source can be read, with marks in what its platforms tell and export.

A way is a contract of a source (`SourceContract`), with the replay or the files that it names, or one of the exports below that no contract reads. Which
there must be follows from the sources themselves: see `missing`.
"""

import csv
import importlib.util
import io
import os
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

import marks
import moodle_database
import orjson
import targets
from recorded import payloads
from source_contract import SourceContract
from starlette.routing import Mount, Router

from connectors.source import Connection, Source, Window, installed, load
from leerstroom.replay import Platform, World, running

WIDE = Window(datetime(2025, 10, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
_ALIKE = {".ical": ".ics", ".ifb": ".ics", ".jws": ".jwt"}  # other names of one form
_FILED = ("files", "events")  # settings that name exports


@dataclass(frozen=True)
class Way:
    """One way into a source: fields of its connection, the days to ask for, the time that it is, and the names of the files that it reads."""

    name: str
    source: type[Source]
    fields: Mapping[str, Any]
    window: Window
    clock: datetime | None = None
    files: tuple[str, ...] = ()

    @property
    def connection(self) -> Connection:
        """The connection that a night knows it by."""
        return Connection(self.name, self.source.name, self.fields)

    @contextmanager
    def at_its_time(self) -> Generator[None]:
        """Platforms forget: what a replay holds is asked for at the time of its recordings."""
        if self.clock is None:
            yield
            return
        with patch.object(self.source, "now", lambda _: self.clock):
            yield


@cache
def contracts() -> tuple[type[SourceContract], ...]:
    """The contracts of all sources of this checkout."""
    found = []
    for file in sorted((Path(__file__).parent / "sources").glob("test_*.py")):
        spec = importlib.util.spec_from_file_location(f"contracts_of_{file.stem}", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found += [
            each
            for each in vars(module).values()
            if isinstance(each, type) and issubclass(each, SourceContract) and each.__module__ == module.__name__
        ]
    return tuple(found)


@contextmanager
def organisation(folder: Path, given: marks.Marks) -> Generator[list[Way]]:
    """All ways, their platforms served for the length of the block and their files written below `folder`."""
    with ExitStack() as stack:
        ways = [_of_contract(stack, folder, given, number, each) for number, each in enumerate(contracts())]
        ways += [_of_export(folder, given, name, made) for name, made in EXPORTS.items()]
        yield ways


def missing(ways: Iterable[Way]) -> set[str]:
    """What no way reaches: a source, its API, its exports, or one form of them."""
    read: dict[str, set[str]] = {}
    for way in ways:
        forms = {Path(name).suffix.lower() for name in way.files}
        read.setdefault(way.source.name, set()).update(forms or {"api"})
    wanted = set()
    for name in installed():
        source = load(name)
        named = {setting.name for setting in source.settings}
        if source.is_lrs:
            continue  # its statements are copied as they are, and nothing of them lands
        wanted |= {f"{name} {_ALIKE.get(form, form)}" for form in source.documents}
        wanted |= {f"{name} files"} if named & set(_FILED) else {f"{name} api"}
    there = {f"{name} {form}" for name, forms in read.items() for form in forms}
    there |= {f"{name} files" for name, forms in read.items() if forms - {"api"}}
    return wanted - there


# --- contracts ----------------------------------------------------------------------------------------------------------------------


def _of_contract(
    stack: ExitStack, folder: Path, given: marks.Marks, number: int, contract: type[SourceContract]
) -> Way:
    source, made = contract.source, contract()
    name, mark = f"{source.name}_{number}", partial(given.marked, source.name)
    beside = folder / name
    beside.mkdir(parents=True)
    url = None
    if contract.recordings is not None:
        serve = contract.replays.get(contract.recordings.name) or import_module(f"leerstroom.replay.{contract.recordings.name}").platform  # fmt: skip
        server = stack.enter_context(
            running(
                contract.recordings.parent,
                clock=contract.clock,
                only=(contract.recordings.name,),
                platforms={contract.recordings.name: partial(_marked, serve, mark)},
            )
        )
        url = f"{server.url}/{contract.recordings.name}"
    elif source.name == "moodle_log":
        made._url = stack.enter_context(moodle_database.moodle("sqlite", beside))  # type: ignore[attr-defined]
        marks.database(beside / "moodle.sqlite", mark)
    fields, files = dict(made.connection(url)), list[str]()
    compared = (
        set() if fields.get("service") == "google" else {"hosts", "calendars"}
    )  # Google's tokens are signed for addresses
    for field in compared & fields.keys():
        fields[field] = [mark((field,), each) for each in fields[field]]
    for field in set(_FILED) & fields.keys():
        files += copied(fields[field], beside, mark)
        fields[field] = [str(beside / "*")]
    return Way(name, source, fields, contract.window, contract.clock, tuple(files))


def _marked(serve: Callable[[Path, World], Platform], mark: marks.Change, folder: Path, world: World) -> Platform:
    """The platform, which tells everything with marks."""
    plain = serve(folder, world)
    return replace(plain, routes=[Mount("", marks.Wire(Router(list(plain.routes)), mark))])


def copied(patterns: Iterable[str], folder: Path, mark: marks.Change) -> list[str]:
    """Writes the files that the patterns name into a folder, with marks, from the oldest to the newest; their names."""
    found = [each for pattern in patterns for each in sorted(Path(pattern).parent.glob(Path(pattern).name))]
    names = []
    for path in [inner for each in found for inner in (sorted(each.glob("[!.]*.[!j]*")) if each.is_dir() else [each])]:
        with suppress(ValueError):  # what lies beside the exports: a README, a program that made them
            data = marks.file(path.read_bytes(), path.name, mark)
            (folder / path.name).write_bytes(data)
            os.utime(folder / path.name, (time.time() + len(names),) * 2)
            names.append(path.name)
    return names


# --- exports that no contract reads ---------------------------------------------------------------------------------------------------


def _of_export(folder: Path, given: marks.Marks, name: str, made: Callable[[marks.Change], Mapping[str, bytes]]) -> Way:
    source, mark = load(name), partial(given.marked, name)
    beside = folder / f"{name}_exports"
    beside.mkdir(parents=True)
    written = made(mark)
    for file, data in written.items():
        (beside / file).write_bytes(data)
    fields = next((dict(fields) for _, fields, _ in payloads(source)), {})
    rooms = next((each.fields["rooms"] for each in contracts() if each.source is source and "rooms" in each.fields), None)  # fmt: skip
    fields |= {"rooms": rooms} if rooms else {}
    kept = {field: each for field, each in fields.items() if field not in marks.ALLOWED_BY_THE_OPERATOR.get(name, ())}
    field = next(each.name for each in source.settings if each.name in _FILED)
    return Way(f"{name}_exports", source, {**kept, field: [str(beside / "*")]}, WIDE, None, tuple(written))


def _workbook(table: Path, mark: marks.Change) -> bytes:
    import openpyxl

    book, made = openpyxl.Workbook(), io.BytesIO()
    text = table.read_text(encoding="utf-8-sig")
    for row in csv.reader(io.StringIO(text, newline=""), delimiter=";"):
        book.active.append(row)
    book.save(made)
    return marks.file(made.getvalue(), "x.xlsx", mark)


def _live_events(mark: marks.Change) -> dict[str, bytes]:
    told = [payload for _, _, payload in payloads(load("canvas")) if isinstance(payload, dict)]
    lines = b"\n".join(orjson.dumps(each) for each in told)
    import gzip

    return {"events.jsonl.gz": marks.file(gzip.compress(lines), "events.jsonl.gz", mark)}


def _badges(mark: marks.Change) -> dict[str, bytes]:
    text = orjson.dumps(marks.changed(targets.badge(), mark))
    signed = targets._jwt(marks.changed(targets.badge(), mark))
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" xmlns:openbadges="http://openbadges.org"><openbadges:credential><![CDATA[' + text + b"]]></openbadges:credential></svg>"  # fmt: skip
    return {"badge.png": targets.png(text), "packed.png": targets.png(text, packed=True), "badge.svg": svg, "badge.jwt": signed}  # fmt: skip


def _group(mark: marks.Change) -> dict[str, bytes]:
    """A group of Workplace as it was exported."""
    post = {"message": "Wie weet hoe de nieuwe scanner werkt?", "created_time": "2026-11-03T09:00:00+0000", "from": {"id": "12", "name": "Bram Jansen", "email": "bram@leerbedrijf.example"}}  # fmt: skip
    answer = {**post, "id": "1_1", "message": "Ik leg het je morgen even uit bij de koffie."}
    room = next(each.fields["rooms"][0] for each in contracts() if each.source.name == "facebook")
    group = {
        "id": room,
        "name": "Werkvloer",
        "feed": {"data": [{**post, "id": f"{room}_1", "comments": {"data": [answer]}}]},
    }
    data = targets.zipped({f"groups/{room}.json": orjson.dumps(group), "profile.json": b"{}"})
    return {"export.zip": marks.file(data, "export.zip", mark)}


EXPORTS: dict[str, Callable[[marks.Change], Mapping[str, bytes]]] = {
    "bigbluebutton": lambda mark: {"events.xml": marks.file(targets._MEETING, "events.xml", mark)},
    "canvas": _live_events,
    "facebook": _group,
    "openbadges": _badges,
    "report": lambda mark: {"export.xlsx": _workbook(targets.RECORDINGS / "report" / "export.csv", mark)},
    "selfreport": lambda mark: {
        "forms.xlsx": _workbook(targets.RECORDINGS / "selfreport" / "microsoft-forms.csv", mark)
    },
    "yammer": lambda mark: {"export.zip": marks.file(next(targets._yammer()), "export.zip", mark)},
}
