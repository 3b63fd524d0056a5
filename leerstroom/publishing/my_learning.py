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
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from markupsafe import Markup, escape

from leerstroom.classification import Rule, Rules
from leerstroom.errors import ConfigurationError
from leerstroom.indicators.events import GIVEN
from leerstroom.memory import limit
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
_REMEMBERED = 20_000  # pieces of HTML that files have in common


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
class Bar:
    """The minutes of one day: heights of formal, non-formal and informal, of 100."""

    day: str
    parts: Sequence[tuple[str, float, float]]  # kind, bottom, height
    told: Sequence[str]


@dataclass(frozen=True, slots=True)
class Page:
    """One person's file in one language. Rows of its tables are written here, because there are a thousand in a file, and escaped already."""

    wording: Wording
    figures: Sequence[
        tuple[str, Sequence[str]]
    ]  # family, a row for each figure: its name, values in the windows or why there is none, who sees it
    windows: Sequence[int]
    bars: Sequence[Bar]
    highest: str  # the minutes of the highest bar; empty where there is none
    deeds: Sequence[str]  # a row for each statement, newest first
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
    languages = [own.language, *(each for each in LANGUAGES if each != own.language)]
    tellers = [_Teller(own, Wording(each, own.disclosure.minimum_group)) for each in languages]
    for employee_id, rows in _rows_of_everybody(own, wanted):
        html = _rendered(own, tellers, ZoneInfo(staff[employee_id].time_zone), rows)
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
            object_type, names
        FROM newest LEFT JOIN (
            SELECT statement_id, object_type, CAST(json_extract(decode(raw), '$.object.definition.name') AS VARCHAR) AS names
            FROM mirrored SEMI JOIN newest USING (statement_id)
        ) USING (statement_id)
        ORDER BY employee_id, ts_ms DESC, statement_id""",
}
_ORDERS = {
    "deeds": "ts_ms DESC, statement_id"
}  # a table that was written in order is not read in order: threads share it
Rows = Mapping[str, Sequence[Mapping[str, Any]]]


def _rows_of_everybody(own: Own, wanted: Sequence[str]) -> Iterator[tuple[str, Rows]]:
    """Each wanted employee with the rows of _QUERIES; some hundred people at a time are in memory."""
    import duckdb

    with (
        TemporaryDirectory(prefix="leerstroom-own-") as folder,
        duckdb.connect(str(Path(folder) / "own.duckdb"), config={"temp_directory": folder}) as connection,
    ):
        _reach(connection, [own.values, own.events, *own.mirror])
        for name, files in (("own_values", [own.values]), ("own_events", [own.events]), ("mirrored", own.mirror)):
            listed = ", ".join("'" + each.replace("'", "''") + "'" for each in files)
            relation = f"read_parquet([{listed}], union_by_name = true)" if files else _NO_STATEMENTS
            connection.execute(f"CREATE VIEW {name} AS SELECT * FROM {relation}")
        events = connection.sql("SELECT count(*) FROM own_events").fetchall()[0][0]
        connection.execute(f"SET memory_limit = '{limit(events, of_a_core_mb=70, rows_of_an_mb=8_000)}'")
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


_NO_STATEMENTS = "(SELECT NULL::VARCHAR AS statement_id, NULL::VARCHAR AS object_type, NULL::BLOB AS raw)"


def _reach(connection: Any, names: Sequence[str]) -> None:
    protocols = {name.split("://", 1)[0] for name in names if "://" in name} - {"file"}
    if protocols:
        import fsspec

        for protocol in sorted(protocols):
            connection.register_filesystem(fsspec.filesystem(protocol))


# --- pages ------------------------------------------------------------------------------------------------------------------


def _rendered(own: Own, tellers: "Sequence[_Teller]", zone: ZoneInfo, rows: Rows) -> str:
    moments = [datetime.fromtimestamp(row["ts_ms"] / 1000, UTC).astimezone(zone) for row in rows["deeds"]]
    return str(
        template("my_learning.html.j2").render(
            pages=[teller.page(rows, moments) for teller in tellers],
            organisation=own.organisation,
            as_of=own.as_of,
            rules_version=own.rules.version,
            policy=own.disclosure.policy,
            style=style(),
        )
    )


class _Teller:
    """Tells everybody's rows in one language. What many files repeat (texts of an indicator, names of things) is remembered, ready for HTML."""

    def __init__(self, own: Own, wording: Wording) -> None:
        self.own, self.wording = own, wording
        self._line = lru_cache(None)(self._make_line)
        self._value = lru_cache(_REMEMBERED)(self._make_value)
        self._thing = lru_cache(_REMEMBERED)(self._make_thing)
        self._place = lru_cache(_REMEMBERED)(self._make_place)
        self._deed = lru_cache(_REMEMBERED)(self._make_deed)
        self._counted = lru_cache(_REMEMBERED)(self._make_counted)

    def page(self, rows: Rows, moments: Sequence[datetime]) -> Page:
        """One person's rows; `moments` are the local times of their deeds."""
        told = rows["deeds"]
        used = {row["rule_id"] for row in told}
        windows = sorted({row["days"] for row in rows["figures"]})
        return Page(
            self.wording,
            list(self._figures(rows["figures"], windows)),
            windows,
            *self._bars(rows["days"]),
            list(map(self._row, told, moments)),
            (told[0]["of_all"] if told else 0) - len(told),
            [(rule.id, self._matches(rule), self._counts(rule)) for rule in self.own.rules.rules if rule.id in used],
        )

    def _figures(self, rows: Sequence[Mapping[str, Any]], windows: Sequence[int]) -> Iterator[tuple[str, list[str]]]:
        found: dict[str, dict[int, Mapping[str, Any]]] = defaultdict(dict)
        for row in rows:
            found[row["indicator_id"]][row["days"]] = row
        families: dict[str, list[str]] = {}
        for indicator in sorted(found, key=position):
            family, measured_in, begin, end = self._line(indicator)
            if family != _KEPT_FROM_VIEW:
                cells = "</td><td>".join([self._cell(found[indicator].get(days), measured_in) for days in windows])
                families.setdefault(family, []).append(f"{begin}<td>{cells}</td>{end}")
        for family, lines in families.items():
            yield self.wording.text(f"my_learning.families.{family}"), lines

    def _make_line(self, indicator: str) -> tuple[str, str, Markup, Markup]:
        """Its family, what it is measured in, and its row before and after the values."""
        texts = indicator_texts().get(base_id(indicator))
        if texts is None:
            return _KEPT_FROM_VIEW, "", Markup(), Markup()
        words, seen_by = texts[self.wording.language], self._seen_by(indicator)
        reading = (
            Markup()
            if "." in indicator
            else Markup('<span class="reading">{} {}</span>').format(words["reading"], words["misuse"])
        )
        begin = Markup('<tr><th scope="row">{}{}</th>').format(label(indicator, self.wording.language), reading)
        audience = self.wording.text(f"my_learning.audience.{seen_by}")
        end = Markup('<td class="seen {}">{}</td></tr>').format(seen_by, audience)
        return texts["family"], unit(indicator), begin, end

    def _cell(self, row: Mapping[str, Any] | None, measured_in: str) -> str:
        if row is None or row["status"] == "no_denominator":
            return NOTHING
        return self._value(row["value"], row["status"], measured_in)

    def _make_value(self, value: float | None, status: str, measured_in: str) -> str:
        if value is None:
            return escape(self.wording.status(status))
        match measured_in:
            case "minutes":
                written = self.wording.minutes(value)
            case "share" | "ratio":
                written = self.wording.percent(value)
            case "count" | "days":
                written = self.wording.number(value, 0 if value == int(value) else 1)
            case _:
                written = self.wording.number(value, 2)
        return escape(f"{written}*" if status == "partial" else written)

    def _seen_by(self, indicator: str) -> str:
        sees = self.own.disclosure.hr_sees
        return (
            "hr"
            if sees(indicator, "employee_window")
            else "group"
            if sees(indicator, "organisation_window")
            else "employee"
        )

    def _bars(self, rows: Sequence[Mapping[str, Any]]) -> tuple[list[Bar], str]:
        minutes: dict[date, dict[str, float]] = defaultdict(dict)
        for row in rows:
            minutes[row["day"]][row["indicator_id"].removesuffix("_learning_minutes")] = row["value"]
        days = [self.own.as_of - timedelta(DAYS - 1 - number) for number in range(DAYS)]
        highest = max(sum(minutes[day].values()) for day in days)
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
        return bars, self.wording.minutes(highest) if highest else ""

    def _row(self, row: Mapping[str, Any], moment: datetime) -> str:
        """When, what was done to what, on which platform, how it was counted and by which rule."""
        when = f"{self.wording.short_day(moment)} {moment.hour:02d}:{moment.minute:02d}"
        thing = self._thing(row["object_type"], row["names"], row["community"], row["object_id"])
        done = self._deed(row["verb"], row["role"], row["kind"])
        counted = self._counted(row["formality"], row["duration_ms"], row["estimate_ms"], row["rule_id"])
        return f'<tr><th scope="row">{when}</th><td>{done[0]} <strong>{thing}</strong></td><td>{done[1]}</td>{counted}</tr>'

    def _make_deed(self, verb: str, role: str, kind: str) -> tuple[Markup, Markup]:
        """What was done, and where."""
        said = self.wording.text("my_learning.coached") if verb in GIVEN and role == "receiving" else self._verb(verb)
        return escape(said), escape(self._named("source_kinds", kind))

    def _verb(self, name: str) -> str:
        return verbs[name].display[self.wording.language] if name in verbs else name.replace("-", " ")

    def _make_thing(self, sort: str | None, told: str | None, community: str | None, object_id: str | None) -> str:
        """The name of the activity; of a message, which has none, the community it stands in; of a person nothing."""
        if sort in {"Agent", "Group"}:
            return escape(self.wording.text("my_learning.colleague"))
        names = orjson.loads(told or "{}") or {}
        for language in (self.wording.language, "en", "en-US", "nl", "und", *names):
            if names.get(language):
                return escape(str(names[language]))
        return (self._place(community) if community else "") or self._place(object_id or WHOLE)

    def _make_place(self, subject: str) -> Markup:
        return escape(self.own.names.get(subject) or short_name(subject))

    def _make_counted(self, formality: str, duration_ms: int | None, estimate_ms: int | None, rule: str) -> Markup:
        """Two cells: how it was counted, and the rule that says so."""
        cells = Markup('<td><span class="shape {}"></span>{}</td><td><a href="#{}-{}">{}</a></td>')
        return cells.format(
            formality, self._minutes(formality, duration_ms, estimate_ms), self.wording.language, rule, rule
        )

    def _minutes(self, formality: str, duration_ms: int | None, estimate_ms: int | None) -> str:
        if formality == "none":
            return self.wording.text("my_learning.not_counted")
        kind = self.wording.text(f"kinds.{formality}")
        if duration_ms:
            return f"{kind}, {self.wording.minutes(duration_ms / 60_000)}"
        if estimate_ms:
            return (
                f"{kind}, {self.wording.text('my_learning.about', minutes=self.wording.minutes(estimate_ms / 60_000))}"
            )
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
                self.wording.counted(
                    "my_learning.estimate",
                    rule.minutes,
                    self.wording.number(rule.minutes, 1 if rule.minutes % 1 else 0),
                    source=source,
                )
            )
        return "; ".join(parts)
