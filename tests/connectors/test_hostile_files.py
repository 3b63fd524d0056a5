"""Files that were built to do harm: each guard of the readers has a test here that fails without it."""

import csv
import gc
import gzip
import io
import re
import struct
import time
import traceback
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import clear_cache

import openpyxl
import orjson
import pytest
import zstandard
from recorded import payloads
from source_contract import KEY, completed, people_of

from connectors import files, tables
from connectors.mapping import Mapper, Quarantined
from connectors.source import Connection, Kind, Record, Source, Window, answered, installed, load
from leerstroom.errors import BadRecord, InvalidStatement, UnexpectedShape
from leerstroom.features import features
from leerstroom.statements.validation import validate

MB = 1024 * 1024


def archive(*members: tuple[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in members:
            opened.writestr(name, data)
    return made.getvalue()


# --- archives ---------------------------------------------------------------------------------------------------------------------


def test_an_archive_that_unpacks_to_far_more_than_its_size_is_refused() -> None:
    with pytest.raises(BadRecord, match="unpacks to more"):
        files.Archive("bomb.zip", archive(("a.json", b"0" * (60 * MB))))


def test_an_archive_that_lies_about_the_size_of_a_member_gives_no_more_than_it_said() -> None:
    """The directory says 10 bytes; the member holds 50 MB of zeros."""
    data = bytearray(archive(("a.json", b"0" * (50 * MB))))
    at = data.rindex(b"PK\x01\x02")
    struct.pack_into("<L", data, at + 24, 10)
    tracemalloc.start()
    with files.Archive("liar.zip", bytes(data)) as opened, pytest.raises(BadRecord, match="damaged"):
        opened.read("a.json")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 5 * MB


def test_a_member_larger_than_what_is_read_is_refused() -> None:
    with (
        files.Archive("large.zip", archive(("a.json", bytes(range(256)) * 4096))) as opened,
        pytest.raises(BadRecord, match="larger"),
    ):
        opened.read("a.json", most=MB - 1)


@pytest.mark.parametrize(
    "name",
    ["../../outside.json", "/etc/outside.json", "..\\..\\outside.json", "C:\\outside.json", "a/../../outside.json"],
)
def test_a_member_whose_name_leads_elsewhere_is_read_and_never_written(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    with files.Archive("x.zip", archive((name, b"{}"))) as opened:
        [member] = opened.members(".json")
        assert opened.read(member) == b"{}"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert not Path("/etc/outside.json").exists()


def test_a_packed_file_is_unpacked_no_further_than_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log.json.gz"
    path.write_bytes(gzip.compress(b"0" * (40 * MB)))
    tracemalloc.start()
    with pytest.raises(BadRecord, match="larger than 2 MB"):
        files.read(str(path), 2 * MB)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 10 * MB


def test_a_file_packed_with_zstandard_is_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "log.json.zst"
    path.write_bytes(zstandard.compress(b'{"a": 1}\n' * 3))
    assert [number for number, _ in files.lines(str(path))] == [1, 2, 3]


def test_a_line_without_end_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    path.write_bytes(b"x" * (40 * MB) + b"\n{}\n")
    assert [(number, len(line)) for number, line in files.lines(str(path))] == [(1, 1024), (2, 2)]


# --- workbooks and tables -----------------------------------------------------------------------------------------------------------


def workbook(change: dict[str, bytes] | None = None, renamed: dict[str, str] | None = None) -> bytes:
    """A workbook of one row; `change` puts bytes before a part, `renamed` gives a part another name wherever it stands."""
    made = io.BytesIO()
    book = openpyxl.Workbook()
    book.active.append(["employee_id", "date"])
    book.save(made)
    with zipfile.ZipFile(made) as opened:
        parts = [(part.filename, opened.read(part)) for part in opened.infolist()]
    out = []
    for name, data in parts:
        for old, new in (renamed or {}).items():
            name, data = name.replace(old, new), data.replace(old.encode(), new.encode())
        out.append((name, (change or {}).get(name, b"") + data))
    return archive(*out)


def read(data: bytes) -> list[tables.Row]:
    return list(tables.rows(data, "x.xlsx", lambda cells: True))


ENTITIES = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'


def test_the_workbook_that_the_others_are_made_of_is_read() -> None:
    assert [cells[:2] for _, _, cells in read(workbook())] == [["employee_id", "date"]]


@pytest.mark.parametrize(
    "before",
    [ENTITIES, b"<!-- " + b"x" * 100_000 + b" -->" + ENTITIES, b"\n" * 5000 + ENTITIES],
    ids=["at once", "behind a comment", "behind space"],
)
@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/styles.xml", "xl/workbook.xml"])
def test_entities_in_any_part_are_refused_wherever_they_stand(before: bytes, part: str) -> None:
    with pytest.raises(BadRecord, match="entities"):
        read(workbook({part: before}))


def test_entities_are_refused_in_a_sheet_by_another_name() -> None:
    with pytest.raises(BadRecord, match="entities"):
        read(workbook({"xl/worksheets/sheet1.png": ENTITIES}, {"sheet1.xml": "sheet1.png"}))


def test_a_cell_at_the_foot_of_a_sheet_costs_no_time() -> None:
    made = io.BytesIO()
    book = openpyxl.Workbook()
    book.active.append(["employee_id", "date"])
    book.active["XFD1048576"] = "x"
    book.save(made)
    started = time.process_time()
    assert len(read(made.getvalue())) == 1
    assert time.process_time() - started < 3


def test_a_quotation_mark_that_nobody_closes_does_not_swallow_the_file() -> None:
    lines = ["employee_id;date", '"E1;2026-11-03', *(f"E{number};2026-11-03" for number in range(50_000))]
    started = time.process_time()
    found = list(tables.rows("\n".join(lines).encode(), "x.csv", lambda cells: "date" in cells))
    assert time.process_time() - started < 3
    assert len(found) > 49_000


def test_a_cell_of_ten_megabytes_is_no_reason_to_stop() -> None:
    text = io.StringIO()
    csv.writer(text).writerows([["a", "b"], ["1", "x" * 10_000_000], ["2", "y"]])
    assert [row["a"] for row in tables.exported(text.getvalue().encode())] == ["1", "2"]


# --- texts --------------------------------------------------------------------------------------------------------------------------


@pytest.fixture(params=[name for name in installed() if not load(name).is_lrs])
def source(request: pytest.FixtureRequest) -> type[Source]:
    return load(request.param)


def ends(cls: type[Source], fields: dict, payload: object) -> list[str]:
    """How a payload's records end: statements, or reasons."""
    made = completed(cls, fields)
    try:
        records = [made.reduced(each, KEY) for each in made.read(payload)]
    except (BadRecord, KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        return [f"refused: {type(error).__name__}"]
    mapper = Mapper(made, people_of(made))
    found = [each.reason if isinstance(each, Quarantined) else str(each) for each in mapper.statements(records)]
    assert mapper.counts.balances
    return found


def places(value: object) -> list[tuple[object, object]]:
    """(container, key) of every text in a payload."""
    found: list[tuple[object, object]] = []
    for key, each in (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    ):
        found += [(value, key)] if isinstance(each, str) else places(each)
    return found


# \u202e turns what follows around, \u2066 hides it; a lone surrogate is half a character that JSON can write and UTF-8 cannot
@pytest.mark.parametrize("mark", ["\u202e\u2066x\u2069", "\ud83d", "\udc00x\ud800", "\x00\x1b[2J"], ids=ascii)
def test_characters_that_are_no_text_stop_no_source(source: type[Source], mark: str) -> None:
    """Each text of one payload in turn: what follows is a statement or a reason, and both can be written as UTF-8."""
    _, fields, payload = next(iter(payloads(source)))
    for holder, key in places(payload)[:60]:
        whole = holder[key]
        holder[key] = mark + whole
        assert not [end for end in ends(source, fields, payload) if end.encode("utf-8", "replace").decode() != end]
        holder[key] = whole


def test_a_text_of_ten_megabytes_stops_no_source_and_takes_less_than_a_second(source: type[Source]) -> None:
    assert features(["Een zin om mee te beginnen."])  # the model is loaded once a process
    _, fields, payload = next(iter(payloads(source)))
    for holder, key in places(payload)[:12]:
        whole = holder[key]
        holder[key] = "woord " * 1_700_000
        times = []
        for _ in range(2):  # the first may load a table of time zones
            started = time.process_time()
            found = ends(source, fields, payload)
            times.append(time.process_time() - started)
        assert max(map(len, found), default=0) < 200_000, f"{key} travels whole"
        assert min(times) < 1, key
        holder[key] = whole


def kept_by(work: Callable[[], None]) -> int:
    """Bytes that are still held when the work is done. Python's own `urlsplit` remembers 128 addresses, whatever their length; those are not counted."""
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    work()
    clear_cache()
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return after - before


def test_no_long_value_is_remembered(source: type[Source]) -> None:
    """References, IRIs and tags that come back are remembered; thousands of them of a megabyte would fill the memory."""
    _, fields, payload = next(iter(payloads(source)))

    def work(turn: str) -> None:
        for number, (holder, key) in enumerate(places(payload)[:12]):
            whole = holder[key]
            holder[key] = f"{turn}{number}" + "x" * MB
            ends(source, fields, payload)
            holder[key] = whole

    work("first")  # what is loaded once a process
    features(["Een zin om mee te beginnen."])
    assert kept_by(lambda: work("second")) < MB


def test_the_validator_remembers_no_long_value() -> None:
    def judged(number: int) -> None:
        long = f"{number}" + "x" * MB
        for part in (
            {"verb": {"id": f"https://v.example/{long}"}},
            {"verb": {"id": "https://v.example/v", "display": {f"nl-{'abcdefgh-' * 100_000}{number:08}": "x"}}},
            {"result": {"duration": f"PT{long.replace('x', '1')}S"}},
        ):
            with suppress(InvalidStatement):
                validate({"actor": {"mbox": "mailto:a@x.nl"}, "verb": {"id": "https://v.example/v"}, "object": {"id": "https://o.example/o"}, **part})  # fmt: skip

    assert kept_by(lambda: [judged(number) for number in range(3)] and None) < MB


# --- shapes that a source does not know -----------------------------------------------------------------------------------------------


class Stumbling(Source):
    """A source that expects what does not come, and whose own words would quote a person."""

    name, title, kind = "stumbling", "Stumbling", Kind.CHAT

    def read(self, payload: Any) -> Iterator[Record]:
        yield Record("message", "1", {})
        yield Record("message", str(int(payload["text"])), {})

    def pull(self, api: Any, window: Any) -> Iterator[Record]:
        yield from (Record("message", str(int(text)), {}) for text in ("1", "Anna Jansen"))


@pytest.mark.parametrize("payload", [{}, {"text": "Anna Jansen"}, [], None, {"text": []}])
def test_what_a_reader_raises_for_an_unknown_shape_is_a_bad_record_that_quotes_nothing(payload: Any) -> None:
    read = Stumbling(Connection("hr", "stumbling")).read(payload)
    assert next(read).key == "1"
    with pytest.raises(BadRecord, match=r"^unknown shape \(\w+\)$"):
        next(read)


def test_a_pull_that_stumbles_tells_where_without_a_value_of_the_answer() -> None:
    source = Stumbling(Connection("hr", "stumbling"))
    records = answered(source, source.pull(None, None))
    assert next(records).key == "1"
    with pytest.raises(UnexpectedShape) as told:
        next(records)
    assert re.search(r"'hr'.*ValueError in test_hostile_files.py:\d+", str(told.value))
    assert "Anna" not in "".join(traceback.format_exception(told.value))


def test_a_webhook_of_unknown_shape_does_not_stop_the_others_of_its_file(tmp_path: Path) -> None:
    lines = [{"entry": [{"changes": 7}]}, {"entry": [{"changes": [{"value": {"messages": [{"id": "1", "from": "31", "timestamp": "1762160400", "type": "text", "text": {"body": "Ja"}}], "metadata": {"phone_number_id": "5"}}}]}]}]  # fmt: skip
    path = tmp_path / "hooks.jsonl"
    path.write_bytes(b"\n".join(map(orjson.dumps, lines)))
    source = completed(load("whatsapp"), {"files": [str(path)], "rooms": ["5"]})
    window = Window(datetime(2025, 11, 1, tzinfo=UTC), datetime(2025, 12, 1, tzinfo=UTC))
    with source.api() as api:
        found = list(source.pull(api, window))
    assert [record.kind for record in found if record.kind == "message"] == ["message"]
