"""Rows of CSV and XLSX files as offices make them. It knows no column: who reads a sheet says which row is its header.

Files come from people, so nothing is believed: encodings and separators are tried, an archive says how much it unpacks to before it is
opened, entities are refused, formulas are not computed (the values that Excel saved are read).
"""

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

from defusedxml import DTDForbidden, ElementTree

from connectors.source import TOO_LONG, Record, Source, holds_long_text
from leerstroom.errors import BadRecord
from leerstroom.people import Pseudonyms

LARGEST_FILE = 50 * 1024 * 1024
_LARGEST_UNPACKED = 200 * 1024 * 1024
_MOST_PARTS = 5_000
_MOST_ROWS = 200_000
_MOST_COLUMNS = 200
_LONGEST_CELL_LINES = 20  # a cell with more line breaks is a quotation mark that nobody closed
_BEFORE_XML = b"\xef\xbb\xbf\xff\xfe \t\r\n"  # marks of byte order, and space
HEADER_WITHIN = 25  # rows of titles above the header

Row = tuple[str, int, list[Any]]  # worksheet ("" in CSV), number of the row as Excel shows it, cells


class TableSource(Source):
    """A source whose records are rows of tables; subclasses read cells after `super().minimise`."""

    def minimise(self, record: Record, pseudonyms: Pseudonyms) -> Record:
        """The row as it may land. Raises BadRecord for a cell too long to be one, which is measured before anybody reads it as a date or a number."""
        if holds_long_text(record):
            raise BadRecord(TOO_LONG)
        return super().minimise(record, pseudonyms)


def rows(data: bytes, name: str, is_header: Callable[[list[Any]], bool], worksheet: str | None = None) -> Iterator[Row]:
    """All rows of a file, empty ones left out. `worksheet` is a title, `*` for all, or None for the first.

    Raises BadRecord that names the file for what is no sheet, is protected, too large or built to do harm.
    """
    if len(data) > LARGEST_FILE:
        raise BadRecord(f"{name} is larger than {LARGEST_FILE // 1024 // 1024} MB; split it")
    if data[:2] == b"PK":
        found = _xlsx(data, name, worksheet)
    elif data[:4] == b"\xd0\xcf\x11\xe0":
        raise BadRecord(f"{name} is an old or a protected workbook; save it as XLSX without a password")
    else:
        found = _csv(data, is_header)
    for sheet, number, cells in found:
        if all(cell is None or cell == "" for cell in cells):
            continue
        if number > _MOST_ROWS:
            raise BadRecord(f"{name} has more than {_MOST_ROWS} rows; split it")
        yield sheet, number, cells


# --- CSV ------------------------------------------------------------------------------------------------------------------------------


def _csv(data: bytes, is_header: Callable[[list[Any]], bool]) -> Iterator[Row]:
    lines = re.split(r"\r\n|\n|\r", decoded(data))
    delimiter = next((each for each in ";,\t" if _has_header(lines, each, is_header)), ";")
    for number, cells in _records(lines, delimiter):
        yield "", number, cells


def decoded(data: bytes) -> str:
    """Text of a file that somebody saved: UTF-8 with or without mark, UTF-16 with one, else Windows-1252."""
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _has_header(lines: list[str], delimiter: str, is_header: Callable[[list[Any]], bool]) -> bool:
    """Whether the header is found when cells are separated so; counting separators would be fooled by `Jansen, J.` and `2,5`."""
    return any(is_header(cells) for _, cells in _records(lines[:HEADER_WITHIN], delimiter))


def _records(lines: list[str], delimiter: str) -> Iterator[tuple[int, list[Any]]]:
    """(number of the first line, cells). A quotation mark that is never closed spoils its own line only."""
    at = 0
    while at < len(lines):
        text, last = lines[at], at
        while text.count('"') % 2 and last + 1 < len(lines) and last - at < _LONGEST_CELL_LINES:
            last += 1
            text += "\n" + lines[last]
        quoting: Any = csv.QUOTE_MINIMAL
        if text.count('"') % 2:
            text, last, quoting = lines[at], at, csv.QUOTE_NONE
        try:
            cells = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting), [])
        except csv.Error as error:
            raise BadRecord(f"line {at + 1} is no CSV: {error}") from error
        yield at + 1, list(cells)
        at = last + 1


def exported(data: bytes) -> Iterator[dict[str, str]]:
    """Rows of a CSV file that a program wrote, by the names of its first row: comma, quotes where needed, cells of any length.

    `null` and empty cells are left out. Raises BadRecord for what is no CSV, at the row where it ends being one.
    """
    csv.field_size_limit(LARGEST_FILE)
    reader = csv.DictReader(io.StringIO(decoded(data), newline=""))
    try:
        for row in reader:
            yield {
                name: cell for name, cell in row.items() if isinstance(cell, str) and name and cell not in {"", "null"}
            }
    except csv.Error as error:
        raise BadRecord(f"line {reader.line_num} is no CSV") from error


# --- XLSX -----------------------------------------------------------------------------------------------------------------------------


def _xlsx(data: bytes, name: str, worksheet: str | None) -> Iterator[Row]:
    import openpyxl

    try:
        _inspect(data, name)
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        if worksheet not in {None, "", "*"} and worksheet not in book.sheetnames:
            raise BadRecord(f"{name} has no worksheet '{worksheet}'")
        sheets = book.worksheets if worksheet == "*" else [book[worksheet]] if worksheet else book.worksheets[:1]
        for sheet in sheets:
            blank: tuple[Any, ...] | None = None
            for number, row in enumerate(sheet.iter_rows(values_only=True, max_col=_MOST_COLUMNS), 1):
                # openpyxl fills a gap with one object: a cell at the foot of the sheet would cost 20 s without this test.
                if row is blank or row.count(None) == len(row):
                    blank = row
                else:
                    yield sheet.title, number, list(row)
        book.close()
    except BadRecord:
        raise
    except Exception as error:  # openpyxl and the parser below it fail in many ways on files that are no workbooks
        raise BadRecord(f"{name} is no XLSX file that can be read ({type(error).__name__})") from error


def _inspect(data: bytes, name: str) -> None:
    """Raises BadRecord for an archive that unpacks to too much, or whose parts define entities."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = archive.infolist()
        if len(parts) > _MOST_PARTS or sum(part.file_size for part in parts) > _LARGEST_UNPACKED:
            raise BadRecord(f"{name} unpacks to more than {_LARGEST_UNPACKED // 1024 // 1024} MB; it is refused")
        for part in parts:  # whatever its name: a workbook says itself which part is a sheet
            with archive.open(part) as stream:
                if stream.read(64).replace(b"\0", b"").lstrip(_BEFORE_XML)[:1] not in {b"<", b""}:
                    continue
            with archive.open(part) as stream:
                try:
                    next(ElementTree.iterparse(stream, events=("start",), forbid_dtd=True), None)
                except DTDForbidden:
                    raise BadRecord(f"{name} defines entities in its XML; no Excel does, it is refused") from None
