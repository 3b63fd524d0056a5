"""The workbook that HR opens in Excel or LibreOffice: `learning-YYYY-MM-DD.xlsx`, the same numbers as the tables.

Dates and numbers are native, every sheet has a filter and a frozen head, and nothing in it is a formula: text from outside is written as text,
whatever character it begins with.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from leerstroom.publishing.contract import Column, TableContract
from leerstroom.publishing.definitions import base_id, label, position, unit
from leerstroom.publishing.facts import SUMMED, Facts, Figure
from leerstroom.publishing.tables import Built, Rows
from leerstroom.publishing.wording import Wording

SHARES = (
    "share",
    "ratio",
    "rate",
    "reach",
    "generation",
    "mode",
    "direction",
    "facilitator",
    "reciprocity",
    "regularity",
    "score",
)
WIDEST = 60
_LINE = 15  # points
_LETTERS = 105  # of an explanation that fit a line
MOST_ON_A_PAGE = 16  # columns; more than these cannot be read when a sheet is printed one page wide
_ILLEGAL = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF])  # characters that XML cannot hold


def write_workbook(built: Built, facts: Facts, out: Path, language: str) -> Path:
    """Writes the workbook and answers its path. The same night gives the same bytes: its dates are the as-of date."""
    import xlsxwriter

    out.mkdir(parents=True, exist_ok=True)
    path = out / f"learning-{facts.as_of.isoformat()}.xlsx"
    beside = path.with_suffix(".part")
    wording = Wording(language, facts.minimum_group)
    # Strings are written as strings: xlsxwriter would turn "=1+1" into a formula and an address into a link.
    options = {
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "constant_memory": True,  # 50,000 employees are three million cells
        "default_date_format": "yyyy-mm-dd",
    }
    book = xlsxwriter.Workbook(str(beside), options)
    try:
        moment = datetime(facts.as_of.year, facts.as_of.month, facts.as_of.day)  # noqa: DTZ001 - the file format keeps no zone
        book.set_properties({
            "title": wording.text("title"),
            "company": facts.organisation,
            "author": "Leerstroom",
            "created": moment,
        })
        formats = _formats(book)
        _summary(book, formats, facts, wording)
        for sheet, table in (
            ("employees", "hr_employee_nightly"),
            ("teams", "hr_team_nightly"),
            ("communities", "hr_community_nightly"),
        ):
            _table(
                book,
                formats,
                wording.text(f"workbook.{sheet}"),
                wording.text(f"workbook.{sheet}_note"),
                *built[table],
                language,
            )
        for each in ("en", "nl"):
            _definitions(book, formats, facts, Wording(each))
        _table(
            book,
            formats,
            wording.text("workbook.coverage"),
            wording.text("workbook.coverage_note"),
            *built["coverage"],
            language,
        )
    finally:
        book.close()
    beside.replace(path)
    return path


def _formats(book: Any) -> dict[str, Any]:
    make = book.add_format
    return {
        "title": make({"bold": True, "font_size": 16}),
        "note": make({"font_color": "#586472", "italic": True}),
        "head": make({
            "bold": True,
            "text_wrap": True,
            "valign": "top",
            "bg_color": "#E7EDF1",
            "bottom": 1,
            "bottom_color": "#27567F",
        }),
        "text": make({"valign": "top"}),
        "after": make({"valign": "top", "indent": 1}),  # behind a number, which stands at the right
        "told": make({"valign": "top", "indent": 1, "text_wrap": True}),
        "wrapped": make({"valign": "top", "text_wrap": True}),
        "strong": make({"bold": True, "valign": "top"}),
        "date": make({"num_format": "dd-mm-yyyy", "valign": "top", "align": "left"}),
        "integer": make({"num_format": "#,##0", "valign": "top"}),
        "double": make({"num_format": "#,##0.0", "valign": "top"}),
        "fine": make({"num_format": "#,##0.00", "valign": "top"}),
        "percent": make({"num_format": "0.0%", "valign": "top"}),
    }


def _opened(book: Any, formats: dict[str, Any], name: str, title: str, note: str) -> Any:
    sheet = book.add_worksheet(name[:31])
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.hide_gridlines(2)
    sheet.write_string(0, 0, _clean(title), formats["title"])
    sheet.write_string(1, 0, _clean(note), formats["note"])
    return sheet


def _framed(sheet: Any, head_row: int, last_row: int, columns: int, frozen_columns: int) -> None:
    sheet.autofilter(head_row, 0, max(last_row, head_row), columns - 1)
    sheet.freeze_panes(head_row + 1, frozen_columns)
    sheet.repeat_rows(head_row)
    if columns <= MOST_ON_A_PAGE:
        sheet.fit_to_pages(1, 0)
    else:
        sheet.repeat_columns(0, max(frozen_columns - 1, 0))


def _clean(text: str) -> str:
    return text.translate(_ILLEGAL)[:32767]


# --- sheets ----------------------------------------------------------------------------------------------------------------------
def _table(
    book: Any, formats: dict[str, Any], name: str, note: str, table: TableContract, rows: Rows, language: str
) -> None:
    sheet = _opened(book, formats, name, name, note)
    columns = list(table.columns)
    widths = [max(9.0, min(16.0, len(column.head(language)) * 0.62)) for column in columns]
    for place, column in enumerate(columns):
        sheet.write_string(3, place, column.head(language), formats["head"])
        if column.type == "text" and not column.window:
            longest = rows.longest(column.name)
            widths[place] = max(10.0, min(float(WIDEST), longest * 1.05 + 2))
        sheet.set_column(place, place, widths[place])
    sheet.set_row(3, 48)
    at = 4
    for batch in rows.ordered():
        for row in zip(*(batch.column(column.name).to_pylist() for column in columns), strict=True):
            for place, (column, value) in enumerate(zip(columns, row, strict=True)):
                _cell(sheet, at, place, value, column, formats)
            at += 1
    _framed(sheet, 3, at - 1, len(columns), _frozen(columns))


def _frozen(columns: Sequence[Column]) -> int:
    return sum(
        1
        for column in columns
        if not column.window and column.name in {"as_of", "employee_id", "team", "community", "name"}
    )


def _cell(sheet: Any, row: int, place: int, value: Any, column: Column, formats: dict[str, Any]) -> None:
    if value is None:
        return
    if column.type == "text":
        sheet.write_string(row, place, _clean(value), formats["text"])
    elif column.type == "date":
        sheet.write_datetime(row, place, datetime(value.year, value.month, value.day), formats["date"])  # noqa: DTZ001
    elif column.type == "integer":
        sheet.write_number(row, place, value, formats["integer"])
    else:
        sheet.write_number(row, place, value, formats["percent" if _is_share(column.name) else "double"])


def _is_share(name: str) -> bool:
    return name.split("_", 1)[0] in SHARES or any(word in name.split("_") for word in SHARES)


def _summary(book: Any, formats: dict[str, Any], facts: Facts, wording: Wording) -> None:
    text = wording.text
    title = f"{facts.organisation}: {text('title')}"
    sheet = _opened(book, formats, text("workbook.summary"), title, text("night", day=wording.day(facts.as_of)))
    sheet.write_string(2, 0, text("use.purpose"), formats["note"])
    heads = [
        text("indicator"),
        text("value"),
        text("workbook.unit"),
        text("workbook.days"),
        text("status_head"),
        text("workbook.explanation"),
    ]
    for place, head in enumerate(heads):
        sheet.write_string(4, place, head, formats["head"])
    at = 5
    for name, figure, measured_in, note in _summary_rows(facts, wording):
        # a program that opens the file need not make room for what is wrapped
        sheet.set_row(at, _LINE * max(1, -(-len(note) // _LETTERS), -(-len(wording.status(figure.status)) // 54)))
        sheet.write_string(at, 0, _clean(name), formats["strong"])
        if figure.value is not None:
            sheet.write_number(at, 1, figure.value, formats[_number_format(figure.value, measured_in)])
        sheet.write_string(at, 2, text(f"units.{measured_in}") if measured_in else "", formats["after"])
        sheet.write_number(at, 3, figure.days, formats["integer"])
        sheet.write_string(at, 4, wording.status(figure.status), formats["told"])
        sheet.write_string(at, 5, _clean(note), formats["wrapped"])
        at += 1
    for place, width in enumerate((72, 12, 16, 8, 52, 100)):
        sheet.set_column(place, place, width)
    _framed(sheet, 4, at - 1, len(heads), 1)


def _number_format(value: float, measured_in: str) -> str:
    if measured_in == "share":
        return "percent"
    if measured_in in {"score", "ratio", "stage"}:
        return "fine"
    return "integer" if value == int(value) else "double"


def _summary_rows(facts: Facts, wording: Wording) -> list[tuple[str, Figure, str, str]]:
    """(name, figure, unit, explanation): the opening of the report as numbers, then every figure of the whole organisation."""
    texts = {definition["indicator_id"]: definition for definition in facts.definitions[wording.language]}

    def explained(indicator: str) -> str:
        found = texts.get(base_id(indicator), {})
        return " ".join(part for part in (found.get("reading"), found.get("misuse")) if part)

    def summed(indicator: str) -> Figure:
        value = facts.sums.get(indicator)
        return Figure(
            value, facts.minutes_status if value is not None else facts.whole[indicator].status, days=facts.days
        )

    rows = [(wording.text("workbook.people"), Figure(facts.people, "ok", days=1), "count", "")]
    together = [each for each in SUMMED if each in facts.sums or each in facts.whole.figures]
    rows += [
        (
            wording.text("workbook.together", name=label(each, wording.language)),
            summed(each),
            unit(each),
            explained(each),
        )
        for each in together
    ]
    for indicator, figure in sorted(facts.whole.figures.items(), key=lambda each: position(each[0])):
        name = label(indicator, wording.language)
        if indicator in SUMMED:
            name = wording.text("workbook.median", name=name)
        rows.append((name, figure, unit(indicator), explained(indicator)))
    return rows


def _definitions(book: Any, formats: dict[str, Any], facts: Facts, wording: Wording) -> None:
    name = wording.text(f"workbook.definitions_{wording.language}")
    sheet = _opened(book, formats, name, name, wording.text("sections.definitions.lede"))
    fields = ("indicator_id", "name", "question", "formula", "reading", "misuse", "unit", "audience")
    heads = ["id", wording.text("indicator"), *(wording.text(f"sections.definitions.{each}") for each in fields[2:])]
    for place, (head, width) in enumerate(zip(heads, (30, 28, 38, 52, 52, 52, 18, 30), strict=True)):
        sheet.write_string(3, place, head, formats["head"])
        sheet.set_column(place, place, width)
    for at, definition in enumerate(facts.definitions[wording.language], start=4):
        words = {**definition, "unit": wording.text(f"units.{definition['unit']}") if definition["unit"] else ""}
        words["audience"] = wording.text(f"audiences.{definition['audience']}")
        for place, each in enumerate(fields):
            sheet.write_string(
                at, place, _clean(str(words[each] or "")), formats["strong" if each == "name" else "wrapped"]
            )
    _framed(sheet, 3, 3 + len(facts.definitions[wording.language]), len(fields), 2)
