"""My learning: for each employee one file with their own figures, their own statements and the rules behind them. Nobody else gets it.

A file is named by the pseudonym of the employee and may be read by the account that wrote it alone. It never lies in HR's folder and no index lists it.
What only the employee may see stands in it too: network, preferences, streaks. Nothing in it is fetched and nothing runs, as in the report.
"""

import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from leerstroom.classification import Rule, Rules
from leerstroom.errors import ConfigurationError
from leerstroom.indicators.events import GIVEN
from leerstroom.people import Directory, Pseudonyms
from leerstroom.people.directory import Employee
from leerstroom.publishing.communities import short_name
from leerstroom.publishing.definitions import base_id, indicator_texts, label, position, unit
from leerstroom.publishing.disclosure import Disclosure
from leerstroom.publishing.facts import KINDS, WHOLE
from leerstroom.publishing.pages import replace, style, template
from leerstroom.publishing.wording import LANGUAGES, NOTHING, Wording
from leerstroom.statements.vocabulary import verbs

logger = logging.getLogger(__name__)

DAYS = 35  # of statements, and of bars: what a night computes again
MOST_STATEMENTS = 400  # in one file, newest first; the export of a subject holds all
_AT_ONCE = 100  # employees whose rows are in memory
_OWN_FILE = re.compile(r"[a-z2-7]{26}\.html")
_KEPT_FROM_VIEW = "quality"  # figures about the data, not about the person
_SHORT = 200  # characters of a word or name that is remembered
MEMORY = "400MB"


@dataclass(frozen=True, slots=True)
class Own:
    """What a night's files are made of. `values` and `events` are the files of the indicators stage, `mirror` those of the mirror."""

    values: str
    events: str
    mirror: Sequence[str]
    directory: Directory
    rules: Rules
    pseudonyms: Pseudonyms
    as_of: date
    organisation: str
    disclosure: Disclosure
    names: Mapping[str, str]
    language: str = "nl"


@dataclass(frozen=True, slots=True)
class Line:
    """One figure in the windows that are computed: `cells` are written values, or in words why there is none."""

    name: str
    cells: Sequence[str]
    seen_by: str  # employee, group or hr
    reading: str
    misuse: str


@dataclass(frozen=True, slots=True)
class Deed:
    """One statement: when, what was done to what, how it was counted and by which rule. All is escaped already: the template takes it as it stands."""

    when: str
    verb: str
    thing: str
    platform: str
    kind: str  # formal, nonformal, informal, none
    counted: str
    rule: str


@dataclass(frozen=True, slots=True)
class Bar:
    """The minutes of one day: heights of formal, non-formal and informal, of 100."""

    day: str
    parts: Sequence[tuple[str, float, float]]  # kind, bottom, height
    told: Sequence[str]


@dataclass(frozen=True, slots=True)
class Page:
    """One person's file in one language."""

    wording: Wording
    figures: Sequence[tuple[str, Sequence[Line]]]
    windows: Sequence[int]
    bars: Sequence[Bar]
    deeds: Sequence[Deed]
    more: int
    rules: Sequence[tuple[str, str, str]]  # id, when it matches, how it counts


def write_my_learning(own: Own, out: Path, only: Iterable[str] | None = None) -> int:
    """Writes the files of everybody in service on the as-of date, or of the employee ids in `only`; answers how many.

    Files of people who are not in service any more, or no longer in the directory, are removed when everybody's are written.
    Raises ConfigurationError for an employee who is not in service.
    """
    staff = {each.employee_id: each for each in own.directory.employees if _is_in_service(each, own.as_of)}
    wanted = sorted(staff) if only is None else list(only)
    unknown = [each for each in wanted if each not in staff]
    if unknown:
        raise ConfigurationError(
            f"{len(unknown)} of the employees asked for are not in service on {own.as_of}; check their employee_id in the directory"
        )
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    out.chmod(0o700)
    written = {file_name(own.pseudonyms, each) for each in wanted}
    for employee_id, rows in _rows_of_everybody(own, wanted):
        html = _rendered(own, staff[employee_id], rows)
        replace(out / file_name(own.pseudonyms, employee_id), html, 0o600)
    if only is None:
        for path in out.iterdir():
            if _OWN_FILE.fullmatch(path.name) and path.name not in written:
                path.unlink()
    logger.info("my learning: %d files as of %s", len(written), own.as_of)
    return len(written)


def file_name(pseudonyms: Pseudonyms, employee_id: str) -> str:
    """The name of somebody's file."""
    return f"{pseudonyms.actor(employee_id)}.html"


def _is_in_service(employee: Employee, day: date) -> bool:
    return (employee.in_service_from or date.min) <= day <= (employee.in_service_to or date.max)


# --- rows -------------------------------------------------------------------------------------------------------------------
_QUERIES = {
    "figures": """
        SELECT subject, indicator_id, date_diff('day', period_start, period_end) + 1 AS days, value, status, numerator, denominator
        FROM own_values WHERE grain = 'employee_window' AND period_end = $as_of ORDER BY subject""",
    "days": """
        SELECT subject, indicator_id, period_end AS day, value
        FROM own_values WHERE grain = 'employee_day' AND value > 0 AND ends_with(indicator_id, 'formal_learning_minutes') ORDER BY subject""",
    "deeds": f"""
        WITH newest AS (
            SELECT *, count(*) OVER (PARTITION BY employee_id) AS of_all FROM own_events
            QUALIFY row_number() OVER (PARTITION BY employee_id ORDER BY ts_ms DESC, statement_id) <= {MOST_STATEMENTS}
        )
        SELECT employee_id AS subject, ts_ms, statement_id, verb, object_id, activity_type, kind, community, rule_id, formality, role, duration_ms, estimate_ms, of_all,
            CAST(json_extract(decode(raw), '$.object') AS VARCHAR) AS object
        FROM newest LEFT JOIN (SELECT statement_id, raw FROM mirrored SEMI JOIN newest USING (statement_id)) USING (statement_id)
        ORDER BY employee_id, ts_ms DESC, statement_id""",
}
_ORDERS = {
    "deeds": "ts_ms DESC, statement_id"
}  # a table that was written in order is not read in order: threads share it
Rows = Mapping[str, Sequence[Mapping[str, Any]]]


def _rows_of_everybody(own: Own, wanted: Sequence[str]) -> Iterator[tuple[str, Rows]]:
    """Each wanted employee with the rows of _QUERIES; some hundred people at a time are in memory."""
    import duckdb

    with TemporaryDirectory(prefix="leerstroom-own-") as folder:
        options: Any = {"memory_limit": MEMORY, "temp_directory": folder}
        with duckdb.connect(str(Path(folder) / "own.duckdb"), config=options) as connection:
            _reach(connection, [own.values, own.events, *own.mirror])
            for name, files in (("own_values", [own.values]), ("own_events", [own.events]), ("mirrored", own.mirror)):
                listed = ", ".join("'" + each.replace("'", "''") + "'" for each in files)
                relation = f"read_parquet([{listed}], union_by_name = true)" if files else _NO_STATEMENTS
                connection.execute(f"CREATE VIEW {name} AS SELECT * FROM {relation}")
            for name, query in _QUERIES.items():
                connection.execute(f"CREATE TABLE {name} AS {query}", {"as_of": own.as_of} if "$as_of" in query else {})
            for place in range(0, len(wanted), _AT_ONCE):
                batch = wanted[place : place + _AT_ONCE]
                found: dict[str, dict[str, list[dict[str, Any]]]] = {each: defaultdict(list) for each in batch}
                for name in _QUERIES:
                    in_order = f"ORDER BY {_ORDERS[name]}" if name in _ORDERS else ""
                    cursor = connection.execute(
                        f"SELECT * FROM {name} WHERE subject IN (SELECT unnest(?)) {in_order}", [batch]
                    )
                    columns = [column[0] for column in cursor.description]
                    for row in cursor.fetchall():
                        found[row[0]][name].append(dict(zip(columns, row, strict=True)))
                yield from found.items()


_NO_STATEMENTS = "(SELECT NULL::VARCHAR AS statement_id, NULL::BLOB AS raw)"


def _reach(connection: Any, names: Sequence[str]) -> None:
    protocols = {name.split("://", 1)[0] for name in names if "://" in name} - {"file"}
    if protocols:
        import fsspec

        for protocol in sorted(protocols):
            connection.register_filesystem(fsspec.filesystem(protocol))


def escaped(text: str) -> str:
    """The text as HTML shows it. Deeds repeat the same few words, and to escape each anew was half of the time of all files."""
    return _escaped(text) if len(text) <= _SHORT else _escaped.__wrapped__(text)


@lru_cache(20_000)
def _escaped(text: str) -> str:
    from markupsafe import escape

    return str(escape(text))


# --- pages ------------------------------------------------------------------------------------------------------------------


def _rendered(own: Own, employee: Employee, rows: Rows) -> str:
    languages = [own.language, *(each for each in LANGUAGES if each != own.language)]
    pages = [_Teller(own, employee, rows, Wording(each, own.disclosure.minimum_group)).page() for each in languages]
    return str(
        template("my_learning.html.j2").render(
            pages=pages,
            organisation=own.organisation,
            as_of=own.as_of,
            rules_version=own.rules.version,
            policy=own.disclosure.policy,
            style=style(),
        )
    )


class _Teller:
    """Tells one person's rows in one language."""

    def __init__(self, own: Own, employee: Employee, rows: Rows, wording: Wording) -> None:
        self.own, self.rows, self.wording = own, rows, wording
        self.zone = ZoneInfo(employee.time_zone)

    def page(self) -> Page:
        """All of it."""
        told = self.rows["deeds"]
        used = {row["rule_id"] for row in told}
        return Page(
            self.wording,
            list(self._figures()),
            self.windows,
            self._bars(),
            [self._deed(row) for row in told],
            (told[0]["of_all"] if told else 0) - len(told),
            [(rule.id, self._matches(rule), self._counts(rule)) for rule in self.own.rules.rules if rule.id in used],
        )

    @cached_property
    def windows(self) -> list[int]:
        """The lengths of the windows, ascending."""
        return sorted({row["days"] for row in self.rows["figures"]})

    def _figures(self) -> Iterator[tuple[str, list[Line]]]:
        found: dict[str, dict[int, Mapping[str, Any]]] = defaultdict(dict)
        for row in self.rows["figures"]:
            found[row["indicator_id"]][row["days"]] = row
        families: dict[str, list[Line]] = {}
        for indicator in sorted(found, key=position):
            texts = indicator_texts().get(base_id(indicator))
            if texts is None or texts["family"] == _KEPT_FROM_VIEW:
                continue
            words = texts[self.wording.language]
            has_part = "." in indicator
            families.setdefault(texts["family"], []).append(
                Line(
                    label(indicator, self.wording.language),
                    [self._cell(found[indicator].get(days), unit(indicator)) for days in self.windows],
                    self._seen_by(indicator),
                    "" if has_part else words["reading"],
                    "" if has_part else words["misuse"],
                )
            )
        for family, lines in families.items():
            yield self.wording.text(f"my_learning.families.{family}"), lines

    def _cell(self, row: Mapping[str, Any] | None, measured_in: str) -> str:
        if row is None or row["status"] == "no_denominator":
            return NOTHING
        value = row["value"]
        if value is None:
            return self.wording.status(row["status"])
        match measured_in:
            case "minutes":
                written = self.wording.minutes(value)
            case "share":
                written = self.wording.percent(value)
            case "count" | "days":
                written = self.wording.number(value, 0 if value == int(value) else 1)
            case _:
                written = self.wording.number(value, 2)
        return f"{written}*" if row["status"] == "partial" else written

    def _seen_by(self, indicator: str) -> str:
        sees = self.own.disclosure.hr_sees
        return (
            "hr"
            if sees(indicator, "employee_window")
            else "group"
            if sees(indicator, "organisation_window")
            else "employee"
        )

    def _bars(self) -> list[Bar]:
        minutes: dict[date, dict[str, float]] = defaultdict(dict)
        for row in self.rows["days"]:
            minutes[row["day"]][row["indicator_id"].removesuffix("_learning_minutes")] = row["value"]
        days = [self.own.as_of - timedelta(DAYS - 1 - number) for number in range(DAYS)]
        highest = max((sum(minutes[day].values()) for day in days), default=0.0) or 1.0
        bars = []
        for day in days:
            bottom, parts, told = 0.0, [], []
            for kind in KINDS:
                value = minutes[day].get(kind, 0.0)
                if value:
                    height = value / highest * 100
                    parts.append((kind, round(bottom, 2), round(height, 2)))
                    told.append(f"{self.wording.text(f'kinds.{kind}')} {self.wording.minutes(value)}")
                    bottom += height
            bars.append(Bar(self.wording.day(day, weekday=True, year=False), parts, told))
        return bars

    def _deed(self, row: Mapping[str, Any]) -> Deed:
        thing = orjson.loads(row["object"]) if row["object"] else {}
        moment = datetime.fromtimestamp(row["ts_ms"] / 1000, UTC).astimezone(self.zone)
        return Deed(
            f"{self.wording.short_day(moment)}{moment: %H:%M}",
            escaped(self._said(row)),
            escaped(self._thing(thing, row)),
            escaped(self._named("source_kinds", row["kind"])),
            escaped(row["formality"]),
            escaped(self._minutes(row)),
            escaped(row["rule_id"]),
        )

    def _said(self, row: Mapping[str, Any]) -> str:
        if row["verb"] in GIVEN and row["role"] == "receiving":
            return self.wording.text("my_learning.coached")
        return self._verb(row["verb"])

    def _verb(self, name: str) -> str:
        return verbs[name].display[self.wording.language] if name in verbs else name.replace("-", " ")

    def _thing(self, thing: Mapping[str, Any], row: Mapping[str, Any]) -> str:
        """The name of the activity; of a message, which has none, the community it stands in; of a person nothing."""
        if thing.get("objectType") in {"Agent", "Group"}:
            return self.wording.text("my_learning.colleague")
        definition = thing.get("definition") or {}
        names = definition.get("name") or {}
        for language in (self.wording.language, "en", "en-US", "nl", "und", *names):
            if names.get(language):
                return str(names[language])
        community = row["community"]
        where = self.own.names.get(community) or short_name(community) if community else ""
        return where or short_name(row["object_id"] or WHOLE)

    def _minutes(self, row: Mapping[str, Any]) -> str:
        if row["formality"] == "none":
            return self.wording.text("my_learning.not_counted")
        kind = self.wording.text(f"kinds.{row['formality']}")
        if row["duration_ms"]:
            return f"{kind}, {self.wording.minutes(row['duration_ms'] / 60_000)}"
        if row["estimate_ms"]:
            return f"{kind}, {self.wording.text('my_learning.about', minutes=self.wording.minutes(row['estimate_ms'] / 60_000))}"
        return kind

    # --- rules in words ---

    def _named(self, section: str, value: str | None) -> str:
        if value is None:
            return ""
        try:
            return self.wording.text(f"{section}.{value}")
        except KeyError:
            return value

    def _matches(self, rule: Rule) -> str:
        if not rule.match:
            return self.wording.text("my_learning.no_other_rule")
        return "; ".join(
            f"{self.wording.text(f'my_learning.columns.{column}')} {self._values(column, wanted)}"
            for column, wanted in rule.match.items()
        )

    def _values(self, column: str, wanted: Any) -> str:
        if isinstance(wanted, bool):
            return self.wording.text("my_learning.yes" if wanted else "my_learning.no")
        if not isinstance(wanted, frozenset):
            return str(wanted)
        words = sorted(
            self._verb(each)
            if column == "verb"
            else self._named("source_kinds", each)
            if column == "source_kind"
            else str(each).replace("_", " ")
            for each in wanted
        )
        return f" {self.wording.text('my_learning.or')} ".join(words)

    def _counts(self, rule: Rule) -> str:
        if rule.formality == "none":
            return self.wording.text("my_learning.teaching" if rule.role == "giving" else "my_learning.not_counted")
        parts = [self.wording.text(f"kinds.{rule.formality}")]
        parts += [self.wording.text(f"generations.{rule.gen}")] if rule.gen else []
        parts += [self.wording.text(f"modes.{rule.mode}")] if rule.mode else []
        if rule.minutes:
            source = (
                self.wording.text("my_learning.assumption")
                if rule.minutes_source in {None, "A"}
                else rule.minutes_source
            )
            parts.append(
                self.wording.text(
                    "my_learning.estimate",
                    minutes=self.wording.number(rule.minutes, 1 if rule.minutes % 1 else 0),
                    source=source,
                )
            )
        return "; ".join(parts)
