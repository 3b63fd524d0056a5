"""Attendance sheets: face-to-face learning as trainers and teams write it down, CSV or XLSX as Dutch Excel saves them.

API         files on a disk or any store that fsspec knows; `;` or `,`, with or without BOM, UTF-8 or Windows-1252, dd-mm-yyyy, decimal comma
Permission  to read the files
People      by employee id, else by e-mail address; a name column is never read, titles of talks between two people are not kept
Late facts  sheets come late and are corrected; the look-back is 35 days, and a corrected line replaces its statement
Rejects     a line that cannot be understood is quarantined with file, line number and reason; the others load, and so do the other files
Not seen    what nobody wrote down; lines that were deleted (mark them absent instead); formulas are not computed
Verified    with sheets as Dutch Excel writes them
"""

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from typing import Any, ClassVar
from urllib.parse import quote
from zoneinfo import ZoneInfo

import fsspec

from connectors.files import matching
from connectors.http import Api
from connectors.source import Kind, Record, Setting, Verified, Window, maps
from connectors.tables import HEADER_WITHIN, LARGEST_FILE, Row, TableSource, rows
from leerstroom.errors import BadRecord, ConfigurationError
from leerstroom.people import People, Pseudonyms
from leerstroom.statements import (
    Ignored,
    Outcome,
    Retracted,
    Verb,
    activity,
    duration,
    name_uuid,
    parse_time,
    statement,
    types,
    utc_text,
    verbs,
)

# Case, spaces and signs do not matter: `Employee ID` is employee_id.
HEADERS: Mapping[str, tuple[str, ...]] = {
    "person_id": (
        "person_id",
        "employee_id",
        "employee number",
        "personnel number",
        "personeelsnummer",
        "personeelsnr",
        "medewerkernummer",
        "pers.nr",
        "persnr",
        "nummer",
    ),
    "email": ("email", "email address", "emailadres", "mail"),
    "session_id": ("session_id", "session", "sessie", "sessiecode", "code", "bijeenkomst"),
    "title": ("title", "titel", "onderwerp", "training", "cursus", "course", "naam bijeenkomst"),
    "date": ("date", "datum", "dag"),
    "start": ("start", "start time", "begin", "van", "starttijd", "begintijd", "aanvang"),
    "end": ("end", "end time", "eind", "einde", "tot", "eindtijd"),
    "hours": ("hours", "uren", "duur", "duur (uur)", "aantal uren"),
    "status": ("status", "aanwezig", "aanwezigheid", "present", "presentie", "attended", "attendance"),
    "kind": ("kind", "soort", "type", "vorm", "werkvorm"),
    "role": ("role", "rol"),
    "initiator": ("initiator", "initiatief"),
    "registered_by": ("registered_by", "geregistreerd door", "opgegeven door", "bron", "source"),
}
_PRESENT = frozenset({"present", "aanwezig", "ja", "j", "x", "yes", "y", "1", "true", "waar", "✓", "v"})
_LATE = frozenset({"late", "laat", "te laat"})
_ABSENT = frozenset({
    "absent",
    "afwezig",
    "nee",
    "n",
    "no",
    "0",
    "false",
    "onwaar",
    "-",
    "afgemeld",
    "ziek",
    "verlof",
    "niet",
})
KINDS: Mapping[str, tuple[Verb, str]] = {
    **dict.fromkeys(("classroom", "klassikaal", "cursus", "training", "course", "les", "lesson"), (verbs.ATTENDED, types.CLASSROOM)),
    **dict.fromkeys(("workshop", "werkatelier"), (verbs.ATTENDED, types.WORKSHOP)),
    **dict.fromkeys(("role-play", "rollenspel"), (verbs.ATTENDED, types.ROLE_PLAY)),
    **dict.fromkeys(("conference", "congres", "conferentie", "symposium"), (verbs.ATTENDED, types.CONFERENCE)),
    **dict.fromkeys(("meeting", "overleg", "vergadering", "teamoverleg"), (verbs.ATTENDED, types.MEETING)),
    **dict.fromkeys(("peer", "intervisie", "leergesprek", "discussion", "casusbespreking"), (verbs.ATTENDED, types.FACE_TO_FACE_DISCUSSION)),
    **dict.fromkeys(("coaching", "coachgesprek", "mentoring"), (verbs.ATTENDED, types.FACE_TO_FACE_DISCUSSION)),
    **dict.fromkeys(("guided-on-the-job", "on the job", "werkplekleren", "inwerken"), (verbs.ATTENDED, types.GUIDED_ON_THE_JOB)),
    **dict.fromkeys(("shadowing", "meelopen", "meekijken"), (verbs.SHADOWED, types.VISIT)),
}  # fmt: skip
_TRAINERS = frozenset({"trainer", "docent", "begeleider", "facilitator", "host"})
_COACHES: Mapping[str, Verb] = {
    "coach": verbs.COACHED,
    "mentor": verbs.MENTORED,
    "praktijkbegeleider": verbs.MENTORED,
    "buddy": verbs.MENTORED,
}
_TALKS = frozenset({
    "coaching",
    "coachgesprek",
    "mentoring",
    "shadowing",
    "meelopen",
    "meekijken",
})  # their titles name people
_SELF = frozenset({"self", "zelf", "eigen", "eigen initiatief", "eigen opgave", "medewerker", "deelnemer"})
_ASSIGNED = frozenset({"assigned", "verplicht", "leidinggevende", "organisatie", "toegewezen"})
_UNREADABLE = "?"


class Sheet(TableSource):
    """Registers of an organisation, read from files."""

    name: ClassVar[str] = "sheet"
    title: ClassVar[str] = "Attendance sheets (CSV, XLSX)"
    kind: ClassVar[Kind] = Kind.OFFLINE
    verified: ClassVar[Verified] = Verified.PAYLOADS
    look_back: ClassVar[timedelta] = timedelta(days=35)
    keyed_ids: ClassVar[bool] = (
        True  # a session without an id goes by its title, and that of a talk lands as a keyed reference
    )
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("files", "Files", many=True, help="paths or addresses with *, such as registers/*.xlsx"),
        Setting("columns", "Columns", kind="mapping", required=False, help="ours: header in the sheet; usual Dutch and English headers are known"),
        Setting("worksheet", "Worksheet", required=False, help="of XLSX files; * for all, the first by default"),
        Setting("default_kind", "Kind", default="classroom", required=False, help="of sessions whose line names none: classroom, workshop, meeting, coaching …"),
        Setting("language", "Language", default="nl", required=False, help="of the titles, BCP 47"),
        Setting("time_zone", "Time zone", default="Europe/Amsterdam", kind="zone", required=False),
        Setting("register", "Register", default="https://registers.leerstroom.example", kind="url", required=False, help="home page of sessions; never change it"),
    )  # fmt: skip
    record_kinds: ClassVar[tuple[str, ...]] = ("line",)
    keep: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "line": (*HEADERS, "file", "line", "worksheet", "group_size", "part", "repeated", "fault"),
    }
    people: ClassVar[Mapping[str, Mapping[str, str]]] = {"line": {"person_id": "hr", "email": "email"}}
    documents: ClassVar[tuple[str, ...]] = (".csv", ".xlsx")
    suffixes: ClassVar[tuple[str, ...]] = documents  # of the files in a folder
    headers: ClassVar[Mapping[str, tuple[str, ...]]] = HEADERS
    kinds: ClassVar[Mapping[str, tuple[Verb, str]]] = KINDS
    talks: ClassVar[frozenset[str]] = _TALKS

    @property
    def tenant(self) -> str:
        """The register."""
        register = self.connection.get("tenant") or self.connection.get("register")
        return str(register or "https://registers.leerstroom.example").rstrip("/")

    def api(self) -> Api:
        """Nothing is asked over HTTP; the object only counts zero requests."""
        return Api(self.tenant, connection=self.connection.name)

    # --- pull ----------------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """Lines of all files whose session lies in the window.

        A line without a readable date comes with the dated lines of its file, to be reported; a file that cannot be read is one
        record. Where several files tell of the same person in the same session, the file that was changed last counts.
        """
        zone = ZoneInfo(str(self.connection.get("time_zone", "Europe/Amsterdam")))
        first, last = (
            window.start.astimezone(zone).date(),
            (window.end - timedelta(microseconds=1)).astimezone(zone).date(),
        )
        told: list[Record] = []
        newest: dict[str, str] = {}
        for path in self._paths():
            try:
                records = list(self.read_file(path))
            except BadRecord as error:
                name = posixpath.basename(path)
                told.append(Record("line", name, {"file": name, "fault": str(error)}))
                continue
            days = {day for record in records if (day := day_of(record.get("date")))}
            inside = {day for day in days if first <= day <= last}
            for record in records:
                day = day_of(record.get("date"))
                if day in inside or (day is None and (inside or not days)):
                    told.append(record)
                    newest[_identity(record)] = record["file"]
        for record in told:
            if "fault" not in record and newest[_identity(record)] != record["file"]:
                record["repeated"] = "repeated in a newer sheet"
            yield record

    def _paths(self) -> list[str]:
        """All files, those that were changed last at the end."""
        return matching(self.connection["files"], connection=self.connection.name, suffixes=self.suffixes)

    def read_file(self, path: str) -> Iterator[Record]:
        """The lines of one file. Raises BadRecord for a file that is no sheet, with what is wrong."""
        name = posixpath.basename(path)
        try:
            with fsspec.open(path, "rb") as stream:
                data = stream.read(LARGEST_FILE + 1)
        except OSError as error:
            raise BadRecord(f"{name} cannot be opened ({type(error).__name__})") from error
        yield from self.read_document(data, name)

    def read_document(self, data: bytes, name: str) -> Iterator[Record]:
        """The lines of a sheet, with line numbers as Excel shows them. Raises BadRecord for what is none, with what is wrong."""
        worksheet = self.connection.get("worksheet")
        yield from self.lines(rows(data, name, lambda cells: _is_header(self.named(cells)), worksheet), name)

    def lines(self, found: Iterable[Row], name: str) -> Iterator[Record]:
        """The lines that rows hold below their header, each with what the others tell about it."""
        worksheet = self.connection.get("worksheet")
        zone = ZoneInfo(str(self.connection.get("time_zone", "Europe/Amsterdam")))
        lines = [_dated(line, zone) for line in _days_first(list(_lines(found, name, self.named)))]
        _number_parts(lines)
        present = _present(lines)
        for line in lines:
            sheet = f" {line['worksheet']}" if worksheet == "*" and line.get("worksheet") else ""
            yield Record("line", f"{name}{sheet} line {line['line']}", {**line, "group_size": present[_session(line)]})

    def read(self, payload: Any) -> Iterator[Record]:
        """One line as an object, with our names or the sheet's headers."""
        if not isinstance(payload, dict):
            raise BadRecord("no line of a sheet")
        names = self.named(list(payload))
        fields = {ours: payload[theirs] for theirs, ours in zip(payload, names, strict=True) if ours}
        if not fields.keys() & {"person_id", "email"} or not fields.keys() & {"date", "session_id", "title"}:
            raise BadRecord("the line has no column for a person, or none for a session")
        fields = _dated(fields, ZoneInfo(str(self.connection.get("time_zone", "Europe/Amsterdam"))))
        if "status" in fields:
            fields["status"] = _status(fields["status"])
        for name in ("file", "line", "worksheet", "group_size", "part", "repeated"):
            if name in payload:
                fields[name] = payload[name]
        what = payload.get("line") or name_uuid("line", *(str(fields.get(name)) for name in ("session_id", "title", "date", "start")))  # fmt: skip
        yield Record("line", f"{payload.get('file', 'input')} line {what}", fields)

    def named(self, cells: list[Any]) -> list[str | None]:
        """Our name of each column, None for those that are not read."""
        return _names(cells, self.connection.get("columns") or {}, self.headers)

    def check(self, api: Api) -> str:
        """Reads every file and says how many lines it holds. Raises ConfigurationError that names all files that cannot be read."""
        paths, lines, faults = self._paths(), 0, []
        for path in paths:
            try:
                lines += sum(1 for _ in self.read_file(path))
            except BadRecord as error:
                faults.append(str(error))
        if faults:
            raise ConfigurationError(f"connection '{self.connection.name}': " + "; ".join(faults))
        return f"{len(paths)} files with {lines} lines"

    # --- at the edge --------------------------------------------------------------------------------------------------------------

    def minimise(self, record: Record, pseudonyms: Pseudonyms) -> Record:
        """The line as it may land. What stands in a cell and cannot be read does not land either: it may be anything, also a name."""
        kept = super().minimise(record, pseudonyms)
        for name, readable in _READABLE.items():
            if not _is_empty(kept.get(name)) and not readable(kept[name]):
                kept[name] = _UNREADABLE
        if not _is_empty(kept.get("kind")) and _text(kept["kind"]).lower() not in self.kinds:
            kept["kind"] = _UNREADABLE
        kept_words = {
            "role": _word(kept.get("role"), _TRAINERS | _COACHES.keys()),
            "initiator": _initiator(kept.get("initiator")),
            "registered_by": "self" if _text(kept.get("registered_by")).lower() in _SELF else None,
        }
        for name, word in kept_words.items():
            if kept.pop(name, None) is not None and word:
                kept[name] = word
        if self.is_talk(kept) and kept.get("title"):
            kept["title"] = pseudonyms.account(self.tenant, _text(kept["title"]))
        return kept

    def is_talk(self, line: Mapping[str, Any]) -> bool:
        """Whether the title may name people, so that it is not kept."""
        return (_text(line.get("kind")) or str(self.connection.get("default_kind"))).lower() in self.talks

    # --- map --------------------------------------------------------------------------------------------------------------------

    @maps("line")
    def line(self, line: Record, people: People) -> Outcome | list[Outcome]:
        """`attended` (or coached, mentored, shadowed) for someone who was present."""
        if line.get("fault"):
            raise BadRecord(str(line["fault"]))
        try:
            return self._outcome(line, people)
        except BadRecord as error:
            raise BadRecord(f"{line.get('file', 'input')} line {line.get('line', '?')}: {error}") from error

    def _outcome(self, line: Record, people: People) -> Outcome | list[Outcome]:
        if line.get("repeated"):
            return Ignored(str(line["repeated"]))
        if line.get("status") == "absent":
            # A sheet that said present before is corrected by it.
            return [Ignored("absent"), Retracted(_fact(line), reason="the sheet says absent now")]
        if line.get("status") == "unknown":
            raise BadRecord("status is neither present nor absent")
        day = day_of(line.get("date"))
        if day is None:
            raise BadRecord("date is no date like 03-11-2026")
        if not line.get("person_id") and not line.get("email"):
            raise BadRecord("employee id and e-mail address are both empty")
        verb, kind = self._kind(line)
        start, end, seconds = self._times(line, day)
        session, role = _session(line), _text(line.get("role")).lower()
        verb = _COACHES.get(role, verb)
        length = duration(seconds) if seconds is not None else None
        size = line.get("group_size")
        extensions = {
            "initiator": _initiator(line.get("initiator")),
            "actor-role": "trainer" if role in _TRAINERS else None,
            "group-size": size if isinstance(size, int) and not isinstance(size, bool) and size > 0 else None,
            "self-reported": True if line.get("registered_by") == "self" else None,
        }
        series = _text(line.get("session_id")) or _text(line.get("title")) or session
        return statement(
            actor=people.actor(None, hr=line.get("person_id"), email=line.get("email")),
            verb=verb,
            object=activity(
                f"{self.tenant}/sessions/{quote(session, safe='')}",
                kind,
                name=None if self.is_talk(line) else _text(line.get("title")),
                language=str(self.connection.get("language") or "nl"),
            ),
            result={"duration": length},
            grouping=f"{self.tenant}/series/{quote(series, safe='')}",
            timestamp=end or start,
            extensions=extensions,
            key=_fact(line),
            revision=f"{verb.name} {kind} {length} {utc_text(end or start)} {sorted(extensions.items())}",
        )

    def days(self, line: Mapping[str, Any], day: date) -> int:
        """How many days a line tells of; in a register a course of three days is three lines."""
        return 1

    def _kind(self, line: Mapping[str, Any]) -> tuple[Verb, str]:
        told = _text(line.get("kind")) or str(self.connection.get("default_kind") or "")
        found = self.kinds.get(told.lower())
        if found is None:
            raise BadRecord("kind is not known; known are " + ", ".join(sorted(self.kinds)))
        return found

    def _times(self, line: Mapping[str, Any], day: date) -> tuple[datetime, datetime | None, float | None]:
        """(start, end, seconds). Without a clock time the session lies at noon; hours count before start and end."""
        zone = ZoneInfo(str(self.connection.get("time_zone", "Europe/Amsterdam")))
        begun, ended = _clock(line.get("start"), "start"), _clock(line.get("end"), "end")
        hours = _hours(line.get("hours"))
        start = datetime.combine(day, begun or clock(12), zone).astimezone(UTC)
        days = self.days(line, day)
        end = datetime.combine(day + timedelta(days=days - 1), ended, zone).astimezone(UTC) if ended else None
        if end is not None and begun and end <= start:
            raise BadRecord("end lies before start")
        if hours is not None:
            if not 0 < hours <= 24 * days:
                raise BadRecord(f"hours must lie between 0 and {24 * days}")
            last = hours if days == 1 else min(hours / days, 11)  # from noon: it ends on its last day
            end = end or start + timedelta(days=days - 1, hours=last)
            return start, end, hours * 3600
        return start, end, (end - start).total_seconds() if end is not None and begun else None


# --- files into lines -----------------------------------------------------------------------------------------------------------------


def _lines(found: Iterable[Row], name: str, named: Callable[[list[Any]], list[str | None]]) -> Iterator[dict[str, Any]]:
    names: list[str | None] = []
    sheet, seen = "", False
    for worksheet, number, row in found:
        if worksheet != sheet:
            sheet, names = worksheet, []
        header = named(row)
        if _is_header(header):  # also a second one further down, above another block
            names, seen = header, True
        elif names:
            cells = {ours: value for ours, value in zip(names, row, strict=False) if ours and not _is_empty(value)}
            if not _is_total(row, cells):
                line = {key: _plain(value) for key, value in cells.items()}
                if "status" in names:
                    line["status"] = _status(line.get("status"))
                yield {**line, "file": name, "line": number, **({"worksheet": worksheet} if worksheet else {})}
        elif number >= HEADER_WITHIN and not worksheet:
            break
    if not seen:
        raise BadRecord(
            f"{name} has no header with a person (employee id or e-mail) and a date or session; name them in 'columns'"
        )


def _days_first(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines with 11/30/2026 as 30-11-2026: a file shows itself that its months come first, where a date can be nothing else."""
    found = {
        (number, name): day
        for number, line in enumerate(lines)
        for name in ("date", "start", "end")
        if (day := _SLASHED_DATE(str(line.get(name))))
    }
    if not found or not max(int(day[1]) for day in found.values()) <= 12 < max(int(day[2]) for day in found.values()):
        return lines
    told = [dict(line) for line in lines]
    for (number, name), day in found.items():
        told[number][name] = f"{day[2]}-{day[1]}-{day[3]}"
    return told


_SLASHED_DATE = re.compile(r"\s*(\d{1,2})/(\d{1,2})/((?:\d{4}|\d{2})\b.*)").fullmatch


def _is_empty(value: Any) -> bool:
    return value is None or not str(value).strip()


_TOTAL = re.compile(r"\s*(?:sub)?tota(?:al|len|ls?)\b", re.IGNORECASE).match


def _is_total(row: list[Any], cells: Mapping[str, Any]) -> bool:
    first = next((value for value in row if not _is_empty(value)), "")
    return _TOTAL(str(first)) is not None and day_of(cells.get("date")) is None


def _is_header(names: list[str | None]) -> bool:
    found = set(names)
    return bool({"person_id", "email"} & found) and bool({"date", "session_id"} & found or {"title", "start"} <= found)


def _names(row: list[Any], columns: Mapping[str, str], headers: Mapping[str, tuple[str, ...]]) -> list[str | None]:
    ours = {str(header).strip().lower(): name for name, header in columns.items()}
    known = {_letters(header): name for name, several in headers.items() for header in several}
    made: list[str | None] = []
    for cell in row:
        header = " ".join(str(cell or "").split()).lower().rstrip(":*")
        usual = known.get(_letters(header))
        name = ours.get(header) or (usual if usual not in columns else None)
        made.append(None if name in made else name)
    return made


def _letters(header: str) -> str:
    return re.sub(r"[\W_]+", "", header)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date | clock):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"{value.total_seconds() / 3600:.4f}"
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int | float | bool) else str(value).strip()


# --- lines among each other ---------------------------------------------------------------------------------------------------------------


def _session(line: Mapping[str, Any]) -> str:
    """A session is its id (or title) on its day: a course of three days is three sessions."""
    day = day_of(line.get("date"))
    return f"{_text(line.get('session_id')) or _text(line.get('title')) or 'session'} {day.isoformat() if day else ''}".strip()


def _fact(line: Mapping[str, Any]) -> str:
    """What a line is about, wherever it stands: session, person and, for who came twice that day, which part."""
    part = line.get("part")
    return f"{_session(line)}/{line.get('person_id') or line.get('email')}{f'/{part}' if part else ''}"


def _identity(line: Mapping[str, Any]) -> str:
    """The fact of a raw line; a line of nobody or no day is only itself."""
    if _is_empty(line.get("person_id") or line.get("email")) or day_of(line.get("date")) is None:
        return f"{line.get('file')} {line.get('worksheet')} {line.get('line')}"
    return _fact(line).casefold()


def _number_parts(lines: list[dict[str, Any]]) -> None:
    """Tells the morning from the afternoon of one person in one session, and a line that is repeated from one that counts.

    Of lines that say the same person, session and start the last counts.
    """
    starts: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for line in lines:
        starts.setdefault(_identity(line), {}).setdefault(_sorting(line.get("start")), []).append(line)
    for by_start in starts.values():
        for part, (_, same) in enumerate(sorted(by_start.items()), 1):
            for line in same:
                if part > 1:
                    line["part"] = part
            for line in same[:-1]:
                line["repeated"] = "repeated further down in the sheet"


def _sorting(start: Any) -> str:
    try:
        found = _clock(start, "start")
    except BadRecord:
        found = None
    return found.isoformat() if found else ""


def _present(lines: list[dict[str, Any]]) -> dict[str, int]:
    """How many people were present, by session."""
    people: dict[str, set[str]] = {_session(line): set() for line in lines}
    for number, line in enumerate(lines):
        if line.get("status") in {None, "present", "late"}:
            people[_session(line)].add(str(line.get("person_id") or line.get("email") or number).casefold())
    return {session: len(found) for session, found in people.items()}


# --- cells -----------------------------------------------------------------------------------------------------------------------------


def _status(value: Any) -> str:
    """present, late, absent or unknown; what else stood there (why someone was absent) is nobody's business."""
    text = " ".join(str(value if value is not None else "").split()).lower()
    if text in _PRESENT:
        return "present"
    if text in _LATE:
        return "late"
    return "absent" if not text or text in _ABSENT else "unknown"


def _text(value: Any) -> str:
    return " ".join(str(value).split()) if value is not None and not isinstance(value, dict | list) else ""


_DUTCH_DATE = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{2}|\d{4})(?:[ t].*)?").fullmatch
_ISO_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[ t].*)?").fullmatch
_WORDS_DATE = re.compile(r"(?:[a-z]+\.? )?(\d{1,2})[- ]([a-z]{3})[a-z]*\.?[- ](\d{2}|\d{4})").fullmatch
_MONTHS = {name: number for number, names in enumerate(("jan", "feb", "mrt maa mar", "apr", "mei may", "jun", "jul", "aug", "sep", "okt oct", "nov", "dec"), 1) for name in names.split()}  # fmt: skip


def day_of(value: Any) -> date | None:
    """A day: dd-mm-yyyy, yyyy-mm-dd, 3 november 2026, or Excel's serial number; None for anything else."""
    if isinstance(value, bool) or value is None:
        return None
    text = str(value).strip().lower()
    try:
        if found := _ISO_DATE(text):
            return date(int(found[1]), int(found[2]), int(found[3]))
        if found := _DUTCH_DATE(text):
            return date(_year(found[3]), int(found[2]), int(found[1]))
        if found := _WORDS_DATE(text):
            return date(_year(found[3]), _MONTHS[found[2]], int(found[1]))
        serial = float(text)
        return date(1899, 12, 30) + timedelta(days=int(serial)) if 20_000 < serial < 80_000 else None
    except (ValueError, OverflowError, KeyError):
        return None


def _year(text: str) -> int:
    return int(text) + (2000 if len(text) == 2 else 0)


_CLOCK = re.compile(
    r"(?:\d{4}-\d\d-\d\d[ T])?(\d{1,2})[:.u](\d{2})(?:[:.]\d{2}(?:\.\d+)?)?(?: ?uur)?\s*(?:([ap])\.?m\.?)?",
    re.IGNORECASE,
).fullmatch
_HOUR = re.compile(r"(\d{1,2}) ?(?:u|uur|h)", re.IGNORECASE).fullmatch


def _clock(value: Any, name: str) -> clock | None:
    """A time of day: 13:30, 13.30, 13u30, 9 uur, or Excel's fraction of a day. Raises BadRecord for anything else that is not empty."""
    if value is None or value == "":
        return None
    try:
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1:
            minutes = round(value * 1440)
            return clock(minutes // 60, minutes % 60)
        if found := _CLOCK(str(value).strip()):
            hour = int(found[1]) % 12 + 12 * (found[3].lower() == "p") if found[3] else int(found[1])
            return clock(hour, int(found[2]))
        if found := _HOUR(str(value).strip()):
            return clock(int(found[1]))
    except ValueError:
        pass
    raise BadRecord(f"{name} is no time like 13:30")


def _hours(value: Any) -> float | None:
    """Hours: 1,5 or 1.5 or 1:30 or 90 min. Raises BadRecord for anything else that is not empty."""
    if value is None or value == "" or isinstance(value, bool):
        return None
    if (seconds := spelled_seconds(value)) is not None:
        return seconds / 3600
    text = str(value).strip().lower().removesuffix("uur").removesuffix("u").strip()
    if found := re.fullmatch(r"(\d{1,2}):(\d{2})(?::\d{2})?", text):
        return int(found[1]) + int(found[2]) / 60
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        raise BadRecord("hours is no number like 1,5") from None
    if number != number:
        raise BadRecord("hours is no number like 1,5")
    return number


_SPELLED = re.compile(
    r"(?:(\d{1,4}) ?(?:h|hr|hrs|hours?|u|uur|uren)\b\.?,? ?)?(?:(\d{1,5}) ?(?:m|min|mins|minutes?|minuten|minuut)\b\.?,? ?)?(?:(\d{1,5}) ?(?:s|sec|secs|seconds?|seconden)\b\.?)?"
).fullmatch


def spelled_seconds(value: Any) -> float | None:
    """A length whose units are written: 1h 30m, 90 min, 2 uur 15 minuten; None for anything else."""
    text = " ".join(str(value).split()).lower()
    found = _SPELLED(text) if text else None
    if found is None:
        return None
    hours, minutes, seconds = (int(each or 0) for each in found.groups())
    return float(hours * 3600 + minutes * 60 + seconds)


_MOMENT = re.compile(
    r"(.+?),?[ T](\d{1,2}[:.]\d{2})(?:[:.]\d{2}(?:[.,]\d+)?)? ?(Z|[+-]\d{2}:?\d{2})?", re.IGNORECASE
).fullmatch


def _moment(value: Any, zone: ZoneInfo) -> datetime | None:
    """A day with its time in one cell, in the zone of the sheet also where the cell names an offset; None for anything else."""
    found = _MOMENT(str(value).strip())
    day = day_of(found[1]) if found else None
    if found is None or day is None:
        return None
    try:
        told = datetime.combine(day, _clock(found[2], "start") or clock(0))
        return parse_time(f"{told.isoformat()}{(found[3] or '').upper()}", zone=zone.key).astimezone(zone)
    except (BadRecord, OverflowError):
        return None


def _dated(line: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """The line with a date, where there is no column for it because start and end say the day as well."""
    start, end = _moment(line.get("start"), zone), _moment(line.get("end"), zone)
    if not _is_empty(line.get("date")) or start is None:
        return line
    told: dict[str, Any] = {"date": start.date().isoformat(), "start": f"{start:%H:%M}"}
    if end is not None and end.date() == start.date():
        told["end"] = f"{end:%H:%M}"
    elif end is not None:  # over midnight: only the hours tell how long
        length = (end.astimezone(UTC) - start.astimezone(UTC)).total_seconds() / 3600
        told |= {"end": None, "hours": length if _is_empty(line.get("hours")) else line["hours"]}
    return {**line, **told}


def _initiator(value: Any) -> str | None:
    text = _text(value).lower()
    return "self" if text in _SELF else "assigned" if text in _ASSIGNED else None


def _word(value: Any, known: Iterable[str]) -> str | None:
    text = _text(value).lower()
    return text if text in set(known) else None


def _reads(read: Callable[[Any], object]) -> Callable[[Any], bool]:
    def readable(value: Any) -> bool:
        try:
            return read(value) is not None
        except BadRecord:
            return False

    return readable


_READABLE: Mapping[str, Callable[[Any], bool]] = {
    "date": _reads(day_of),
    "start": _reads(lambda value: _clock(value, "start")),
    "end": _reads(lambda value: _clock(value, "end")),
    "hours": _reads(_hours),
}
