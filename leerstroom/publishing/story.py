"""What the report is built of: sections with sentences, pictures, the table behind each picture, and notes in the margin."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from leerstroom.publishing import charts
from leerstroom.publishing.charts import Row, Series
from leerstroom.publishing.facts import Facts, Figure, Group, Step
from leerstroom.publishing.wording import NOTHING, Wording

Write = Callable[[float | None], str]
_STAR = "\N{NO-BREAK SPACE}*"
_NARROW = 4  # columns; of more than three each is too narrow for a sentence
_RAISED = "¹²³⁴⁵⁶⁷⁸⁹"
_REASONS = ("suppressed", "suppressed_secondary", "suppressed_dominance", "not_measurable", "source_missing")
MOST_ROWS = 40  # more bars than that are a list and no picture


@dataclass(frozen=True, slots=True)
class Table:
    """What a picture shows, in words and numbers; the first column names the row. A row that is too short ends in a remark over the rest."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """An inline SVG in two sizes, its caption, its table and its legend of (shape or colour, text)."""

    svg: str
    caption: str
    table: Table
    legend: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Note:
    """A definition in the margin: how to read it and what it is not for."""

    name: str
    reading: str
    misuse: str


@dataclass(slots=True)
class Section:
    """One chapter of the report."""

    name: str
    title: str
    lede: str
    sentences: list[str] = field(default_factory=list)
    asides: list[str] = field(default_factory=list)  # what to know beside the pictures, below them
    tiles: list[tuple[str, str]] = field(default_factory=list)  # (number, what)
    table: Table | None = None
    pictures: list[Picture] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


class Teller:
    """Tells the facts in one language: opens sections and makes the parts that several of them need."""

    def __init__(self, facts: Facts, wording: Wording) -> None:
        self.facts = facts
        self.wording = wording
        self.text = wording.text

    def open(self, section: str, *indicators: str, lede: str = "lede", **blanks: Any) -> Section:
        """An empty section with its title, its lede, and the definitions of its indicators in the margin."""
        opened = Section(
            section, self.text(f"sections.{section}.title"), self.text(f"sections.{section}.{lede}", **blanks)
        )
        texts = {definition["indicator_id"]: definition for definition in self.facts.definitions[self.wording.language]}
        for indicator in indicators:
            found = texts.get(indicator)
            if found and (found["reading"] or found["misuse"]):
                opened.notes.append(Note(found["name"], found["reading"] or "", found["misuse"] or ""))
        return opened

    def named(self, key: str, instead: str) -> str:
        """The text of a key, or what to show when the schema has no words for it."""
        try:
            return self.text(key)
        except KeyError:
            return instead

    def told(self, figure: Figure, write: Write) -> str:
        """The value as written, starred when incomplete, or in words why there is none; a dash when there was nothing to count."""
        if figure.status == "no_denominator":
            return NOTHING
        if not figure.shown:
            return self.wording.status(figure.status)
        return write(figure.value) + (_STAR if figure.status == "partial" else "")

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
        """A table whose stars and reasons are explained once, below it; stars on every figure are replaced by the explanation alone."""
        made = self._starred(head, rows)
        if len(head) < _NARROW:
            return made
        reasons: dict[str, str] = {}

        def cell(text: str) -> str:
            short = self._short.get(text)
            if short is None:
                return text
            return short + reasons.setdefault(text, _RAISED[len(reasons) % len(_RAISED)])

        short = [[row[0], *map(cell, row[1:])] if len(row) == len(head) else row for row in made.rows]
        notes = [f"{mark} {text}." for text, mark in reasons.items()]
        return Table(head, short, " ".join([*([made.note] if made.note else []), *notes]))

    @cached_property
    def _short(self) -> dict[str, str]:
        """Reasons that are too long for a narrow cell, and what stands there instead."""
        return {
            self.wording.status(status): self.text("not_shown" if status.startswith("suppressed") else "not_known")
            for status in _REASONS
        }

    def _starred(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
        cells = [cell for row in rows for cell in row[1:]]
        nothing = f" {NOTHING} {self.wording.status('no_denominator')}." if NOTHING in cells else ""
        starred = [cell for cell in cells if cell.endswith(_STAR)]
        if not starred:
            return Table(head, rows, nothing.strip())
        meaning = self.wording.status("partial")
        if len(starred) == sum(
            any(letter.isdigit() for letter in cell) and not cell.startswith(self.text("not_shown")) for cell in cells
        ):
            return Table(
                head,
                [[cell.removesuffix(_STAR) for cell in row] for row in rows],
                f"{self.text('all_figures')} {meaning}.{nothing}",
            )
        return Table(head, rows, f"* {meaning}.{nothing}")

    def picture(
        self, make: Callable[[int], Any], name: str, title: str, table: Table, legend: Sequence[tuple[str, str]] = ()
    ) -> Picture:
        """Draws a chart under a name that is unique on the page."""
        return Picture(charts.draw(make, f"{self.wording.language}-{name}", title, self.wording), title, table, legend)

    def over_time(
        self,
        rows: Sequence[Series],
        name: str,
        title: str,
        write: Write,
        *,
        unit: float = 1.0,
        height: int = 84,
        suffix: str = "",
        weekly: bool | None = None,
    ) -> Picture:
        """Small multiples over time with their table; `suffix` names the unit behind each label. `weekly` says it of steps unlike those of the report."""
        weekly = self.facts.weekly if weekly is None else weekly
        drawn = [Series(row.label + suffix, row.colour, row.steps) for row in rows]
        head = [self.text("week_of" if weekly else "day"), *(row.label for row in rows)]
        cells = [
            [self.wording.day(step.day), *(self._step(row.steps[n], write) for row in rows)]
            for n, step in enumerate(rows[0].steps)
        ]
        shaded = any(not step.loaded for row in rows for step in row.steps)
        legend = [("gap", self.text("gap_week" if weekly else "gap_day"))] if shaded else []
        if any(step.withheld for row in rows for step in row.steps):
            legend.append(("cross", self.text("withheld")))
        make = charts.over_time(drawn, self.wording, weekly=weekly, unit=unit, height=height)
        return self.picture(make, name, title, self.table(head, cells), legend)

    def _step(self, step: Step, write: Write) -> str:
        if step.value is None:
            return self.text("not_shown") if step.withheld else self.wording.status("missing")
        return write(step.value) + ("" if step.loaded else _STAR)

    def bars(
        self,
        rows: Sequence[Row],
        columns: Sequence[str],
        colours: Sequence[str],
        name: str,
        title: str,
        write: Write,
        *,
        shares: bool = False,
    ) -> Picture:
        """A table of bars with its table; of very many groups their spread, with a dot for each."""

        def show(figure: Figure) -> str:
            if figure.shown:
                return write(figure.value)
            if figure.status == "no_denominator":
                return NOTHING
            return self.text("not_shown" if figure.status.startswith("suppressed") else "not_known")

        cells = [
            [row.label, row.remark]
            if row.remark
            else [row.label, *(self.told(figure, write) for figure in row.figures)]
            for row in rows
        ]
        chart = charts.bars_table if len(rows) <= MOST_ROWS else charts.spread
        make = chart(rows, columns, colours, show, shares=shares)
        caption = title if len(rows) <= MOST_ROWS else f"{title}. {self._spread(rows)}"
        return self.picture(make, name, caption, self.table(["", *columns], cells))

    def _spread(self, rows: Sequence[Row]) -> str:
        groups = [row for row in rows if not row.strong]
        hidden = sum(bool(row.remark) for row in groups)
        told = self.wording.counted("spread", len(groups) - hidden)
        return f"{told} {self.wording.counted('spread_hidden', hidden)}" if hidden else told

    def group_rows(self, ids: Sequence[str]) -> list[Row]:
        """The whole organisation first, then the teams by alphabet; a team that may not be shown says why."""
        rows = [Row(self.text("whole"), [self.facts.whole[each] for each in ids], strong=True)]
        teams = [
            team
            for team in self.facts.teams
            if any(each in team.figures for each in ids) or team.hidden.startswith("suppressed")
        ]
        return rows + [self.row(team, ids) for team in teams]

    def row(self, group: Group, ids: Sequence[str]) -> Row:
        """One group; when none of its figures can be shown, the reason stands in their place."""
        figures = [group[each] for each in ids]
        if any(figure.shown for figure in figures):
            return Row(group.name, figures)
        reasons = [figure.status for figure in figures if figure.status != "not_computed"]
        return Row(
            group.name, figures, remark=self.wording.status(reasons[0] if reasons else group.hidden or "not_computed")
        )
