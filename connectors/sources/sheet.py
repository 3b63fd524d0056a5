"""Attendance sheets: face-to-face learning as trainers and teams write it down, CSV or XLSX as Dutch Excel saves them.

API         files on a disk or any store that fsspec knows; `;` or `,`, with or without BOM, UTF-8 or Windows-1252, dd-mm-yyyy, decimal comma
Permission  to read the files
People      by employee id, else by e-mail address; a name column is never read
Late facts  sheets come late and are corrected; the look-back is 35 days, and a corrected line replaces its statement
Rejects     a line that cannot be understood is quarantined with file, line number and reason; the others load
Not seen    what nobody wrote down; formulas are not computed, the values that Excel saved are read
Verified    with sheets as Dutch Excel writes them
"""

import csv
import io
import posixpath
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from typing import Any, ClassVar
from urllib.parse import quote
from zoneinfo import ZoneInfo

import fsspec

from connectors.http import Api
from connectors.source import Kind, Record, Setting, Source, Verified, Window, maps
from leerstroom.errors import BadRecord, ConfigurationError
from leerstroom.people import People
from leerstroom.statements import (
    Ignored,
    Outcome,
    Verb,
    activity,
    duration,
    name_uuid,
    statement,
    types,
    utc_text,
    verbs,
)

_LARGEST_FILE = 50 * 1024 * 1024
_LARGEST_UNPACKED = 500 * 1024 * 1024
_HEADER_WITHIN = 25  # lines of titles above the header

HEADERS: Mapping[str, tuple[str, ...]] = {
    "person_id": (
        "person_id",
        "employee_id",
        "personeelsnummer",
        "personeelsnr",
        "medewerkernummer",
        "pers.nr",
        "persnr",
        "nummer",
    ),
    "email": ("email", "e-mail", "e-mailadres", "emailadres", "mail"),
    "session_id": ("session_id", "session", "sessie", "sessiecode", "code", "bijeenkomst"),
    "title": ("title", "titel", "onderwerp", "training", "naam bijeenkomst"),
    "date": ("date", "datum", "dag"),
    "start": ("start", "begin", "van", "starttijd", "begintijd", "aanvang"),
    "end": ("end", "eind", "einde", "tot", "eindtijd"),
    "hours": ("hours", "uren", "duur", "duur (uur)", "aantal uren"),
    "status": ("status", "aanwezig", "aanwezigheid", "present", "presentie"),
    "kind": ("kind", "soort", "type", "vorm", "werkvorm"),
    "role": ("role", "rol"),
    "initiator": ("initiator", "initiatief"),
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
_KINDS: Mapping[str, tuple[Verb, str]] = {
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
_COACHES = frozenset({"coach", "mentor", "praktijkbegeleider"})


class Sheet(Source):
    """Registers of an organisation, read from files."""

    name: ClassVar[str] = "sheet"
    title: ClassVar[str] = "Attendance sheets (CSV, XLSX)"
    kind: ClassVar[Kind] = Kind.OFFLINE
    verified: ClassVar[Verified] = Verified.PAYLOADS
    look_back: ClassVar[timedelta] = timedelta(days=35)
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("files", "Files", many=True, help="paths or addresses with *, such as registers/*.xlsx"),
        Setting("columns", "Columns", kind="mapping", required=False, help="ours: header in the sheet; usual Dutch and English headers are known"),
        Setting("worksheet", "Worksheet", required=False, help="of XLSX files; the first by default"),
        Setting("default_kind", "Kind", default="classroom", required=False, help="of sessions whose line names none: classroom, workshop, meeting, coaching …"),
        Setting("time_zone", "Time zone", default="Europe/Amsterdam", kind="zone", required=False),
        Setting("register", "Register", default="https://registers.leerstroom.example", kind="url", required=False, help="home page of sessions; never change it"),
    )  # fmt: skip
    record_kinds: ClassVar[tuple[str, ...]] = ("line",)
    keep: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "line": (*(name for name in HEADERS if name != "name"), "file", "line", "group_size"),
    }  # fmt: skip
    people: ClassVar[Mapping[str, Mapping[str, str]]] = {"line": {"person_id": "hr", "email": "email"}}

    @property
    def tenant(self) -> str:
        """The register."""
        return str(self.connection.get("register", "https://registers.leerstroom.example"))

    def api(self) -> Api:
        """Nothing is asked over HTTP; the object only counts zero requests."""
        return Api(self.tenant, connection=self.connection.name)

    # --- pull ----------------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """Lines of all files whose session lies in the window; a line without a date that can be read is given too, to be reported."""
        zone = ZoneInfo(str(self.connection.get("time_zone", "Europe/Amsterdam")))
        first, last = (
            window.start.astimezone(zone).date(),
            (window.end - timedelta(microseconds=1)).astimezone(zone).date(),
        )
        for path in self._paths():
            for record in self.read_file(path):
                day = _date(record.get("date"))
                if day is None or first <= day <= last:
                    yield record

    def _paths(self) -> list[str]:
        found: list[str] = []
        for pattern in self.connection["files"]:
            files, inside = fsspec.core.url_to_fs(str(pattern))
            scheme = str(pattern).split("://", 1)[0] + "://" if "://" in str(pattern) else ""
            matched = sorted(
                f"{scheme}{each}"
                for each in files.glob(inside)
                if not posixpath.basename(str(each)).startswith(("~$", "."))
            )
            if not matched and "*" not in str(pattern):
                raise ConfigurationError(
                    f"connection '{self.connection.name}': {pattern} does not exist; check 'files'"
                )
            found += matched
        return found

    def read_file(self, path: str) -> Iterator[Record]:
        """The lines of one file, with line numbers as Excel shows them. Raises BadRecord for a file that is no sheet, with what is wrong."""
        name = posixpath.basename(path)
        with fsspec.open(path, "rb") as stream:
            data = stream.read(_LARGEST_FILE + 1)
        if len(data) > _LARGEST_FILE:
            raise BadRecord(f"{name} is larger than {_LARGEST_FILE // 1024 // 1024} MB; split it")
        rows = _xlsx_rows(data, name, self.connection.get("worksheet")) if data[:2] == b"PK" else _csv_rows(data)
        lines = list(_lines(rows, name, self.connection.get("columns") or {}))
        present = Counter(_session(line) for line in lines if line.get("status") in {None, "present", "late"})
        for line in lines:
            yield Record("line", f"{name} line {line['line']}", {**line, "group_size": present[_session(line)]})

    def read(self, payload: Any) -> Iterator[Record]:
        """One line as an object, with our names or the sheet's headers."""
        if not isinstance(payload, dict):
            raise BadRecord("no line of a sheet")
        names = _names(list(payload), self.connection.get("columns") or {})
        fields = {ours: payload[theirs] for theirs, ours in zip(payload, names, strict=True) if ours}
        if not fields.keys() & {"person_id", "email"} or not fields.keys() & {"date", "session_id", "title"}:
            raise BadRecord("the line has no column for a person, or none for a session")
        if "status" in fields:
            fields["status"] = _status(fields["status"])
        for name in ("file", "line", "group_size"):
            if name in payload:
                fields[name] = payload[name]
        yield Record(
            "line",
            f"{payload.get('file', 'input')} line {payload.get('line', name_uuid(repr(sorted(map(str, payload.items())))))}",
            fields,
        )

    def check(self, api: Api) -> str:
        """Reads every file and says how many lines it holds."""
        paths = self._paths()
        lines = sum(1 for path in paths for _ in self.read_file(path))
        return f"{len(paths)} files with {lines} lines"

    # --- map --------------------------------------------------------------------------------------------------------------------

    @maps("line")
    def line(self, line: Record, people: People) -> Outcome:
        """`attended` (or coached, shadowed) for someone who was present."""
        try:
            return self._outcome(line, people)
        except BadRecord as error:
            raise BadRecord(f"{line.get('file', 'input')} line {line.get('line', '?')}: {error}") from error

    def _outcome(self, line: Record, people: People) -> Outcome:
        if line.get("status") == "absent":
            return Ignored("absent")
        if line.get("status") == "unknown":
            raise BadRecord("status is neither present nor absent")
        day = _date(line.get("date"))
        if day is None:
            raise BadRecord("date is no date like 03-11-2026")
        if not line.get("person_id") and not line.get("email"):
            raise BadRecord("employee id and e-mail address are both empty")
        verb, kind = self._kind(line)
        start, end, seconds = self._times(line, day)
        session, group = _session(line), line.get("group_size")
        role = str(line.get("role") or "").strip().lower()
        length = duration(seconds) if seconds is not None else None
        return statement(
            actor=people.actor(None, hr=line.get("person_id"), email=line.get("email")),
            verb=verbs.COACHED if role in _COACHES else verb,
            object=activity(
                f"{self.tenant}/sessions/{quote(session, safe='')}", kind, name=_text(line.get("title")), language="nl"
            ),
            result={"duration": length},
            grouping=f"{self.tenant}/series/{quote(_text(line.get('session_id')) or _text(line.get('title')) or session, safe='')}",
            timestamp=end or start,
            extensions={
                "initiator": _initiator(line.get("initiator")),
                "actor-role": "trainer" if role in _TRAINERS else None,
                "group-size": group if isinstance(group, int) and group > 0 else None,
            },
            key=f"{session}/{line.get('person_id') or line.get('email')}",
            revision=f"{verb.name} {kind} {length} {utc_text(end or start)} {role}",
        )

    def _kind(self, line: Mapping[str, Any]) -> tuple[Verb, str]:
        told = _text(line.get("kind")) or str(self.connection.get("default_kind", "classroom"))
        found = _KINDS.get(told.lower())
        if found is None:
            raise BadRecord("kind is not known; known are " + ", ".join(sorted(_KINDS)))
        return found

    def _times(self, line: Mapping[str, Any], day: date) -> tuple[datetime, datetime | None, float | None]:
        """(start, end, seconds). Without a clock time the session lies at noon; hours count before start and end."""
        zone = ZoneInfo(str(self.connection.get("time_zone", "Europe/Amsterdam")))
        begun, ended = _clock(line.get("start"), "start"), _clock(line.get("end"), "end")
        hours = _hours(line.get("hours"))
        start = datetime.combine(day, begun or clock(12), zone).astimezone(UTC)
        end = datetime.combine(day, ended, zone).astimezone(UTC) if ended else None
        if end is not None and begun and end <= start:
            raise BadRecord("end lies before start")
        if hours is not None:
            if not 0 < hours <= 24:
                raise BadRecord("hours must lie between 0 and 24")
            end = end or start + timedelta(hours=hours)
            return start, end, hours * 3600
        return start, end, (end - start).total_seconds() if end is not None and begun else None


# --- files into lines -----------------------------------------------------------------------------------------------------------------


def _csv_rows(data: bytes) -> Iterator[tuple[int, list[Any]]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    head = "\n".join(text.splitlines()[:_HEADER_WITHIN])
    delimiter = max(";,\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for row in reader:
            yield reader.line_num, list(row)
    except csv.Error as error:
        raise BadRecord(f"line {reader.line_num} is no CSV: {error}") from error


def _xlsx_rows(data: bytes, name: str, worksheet: str | None) -> Iterator[tuple[int, list[Any]]]:
    import openpyxl

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _LARGEST_UNPACKED:
                raise BadRecord(f"{name} unpacks to more than {_LARGEST_UNPACKED // 1024 // 1024} MB; it is refused")
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        sheet = book[worksheet] if worksheet else book.worksheets[0]
        for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
            yield number, list(row)
        book.close()
    except BadRecord:
        raise
    except KeyError as error:
        raise BadRecord(f"{name} has no worksheet '{worksheet}'") from error
    except Exception as error:
        raise BadRecord(f"{name} is no XLSX file that can be read ({type(error).__name__})") from error


def _lines(rows: Iterator[tuple[int, list[Any]]], name: str, columns: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    names: list[str | None] = []
    for number, row in rows:
        if not names:
            found = _names(row, columns)
            if {"person_id", "email"} & set(found) and {"date", "session_id"} & set(found):
                names = found
            elif number >= _HEADER_WITHIN:
                break
            continue
        cells = {
            ours: value
            for ours, value in zip(names, row, strict=False)
            if ours and value is not None and str(value).strip()
        }
        first = str(next((value for value in row if value not in {None, ""}), "")).strip().lower()
        if not cells or first.startswith(("totaal", "total")):
            continue
        line = {key: _plain(value) for key, value in cells.items()}
        if "status" in names:
            line["status"] = _status(line.get("status"))
        yield {**line, "file": name, "line": number}
    if not names:
        raise BadRecord(
            f"{name} has no header with a person (employee id or e-mail) and a date or session; name them in 'columns'"
        )


def _names(row: list[Any], columns: Mapping[str, str]) -> list[str | None]:
    """Our name of each column, None for those that are not read."""
    ours = {str(header).strip().lower(): name for name, header in columns.items()}
    known = {header: name for name, headers in HEADERS.items() for header in headers}
    made: list[str | None] = []
    for cell in row:
        header = " ".join(str(cell or "").split()).lower().rstrip(":*")
        name = ours.get(header) or (known.get(header) if known.get(header) not in columns else None)
        made.append(None if name in made else name)
    return made


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


def _session(line: Mapping[str, Any]) -> str:
    """A session is its id (or title) on its day: a course of three days is three sessions."""
    day = _date(line.get("date"))
    return f"{_text(line.get('session_id')) or _text(line.get('title')) or 'session'} {day.isoformat() if day else ''}".strip()


_DUTCH_DATE = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{2}|\d{4})(?:[ T].*)?").fullmatch
_ISO_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T].*)?").fullmatch


def _date(value: Any) -> date | None:
    """A day: dd-mm-yyyy, yyyy-mm-dd, or Excel's serial number; None for anything else."""
    if isinstance(value, bool) or value is None:
        return None
    text = str(value).strip()
    try:
        if found := _ISO_DATE(text):
            return date(int(found[1]), int(found[2]), int(found[3]))
        if found := _DUTCH_DATE(text):
            year = int(found[3]) + (2000 if len(found[3]) == 2 else 0)
            return date(year, int(found[2]), int(found[1]))
        serial = float(text)
        return date(1899, 12, 30) + timedelta(days=int(serial)) if 20_000 < serial < 80_000 else None
    except (ValueError, OverflowError):
        return None


_CLOCK = re.compile(
    r"(?:\d{4}-\d\d-\d\d[ T])?(\d{1,2})[:.u](\d{2})(?:[:.]\d{2}(?:\.\d+)?)?(?: ?uur)?", re.IGNORECASE
).fullmatch


def _clock(value: Any, name: str) -> clock | None:
    """A time of day: 13:30, 13.30, or Excel's fraction of a day. Raises BadRecord for anything else that is not empty."""
    if value is None or value == "":
        return None
    try:
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1:
            minutes = round(value * 1440)
            return clock(minutes // 60, minutes % 60)
        if found := _CLOCK(str(value).strip()):
            return clock(int(found[1]), int(found[2]))
    except ValueError:
        pass
    raise BadRecord(f"{name} is no time like 13:30")


def _hours(value: Any) -> float | None:
    """Hours: 1,5 or 1.5 or 1:30. Raises BadRecord for anything else that is not empty."""
    if value is None or value == "" or isinstance(value, bool):
        return None
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


def _initiator(value: Any) -> str | None:
    text = _text(value).lower()
    if text in {"self", "zelf", "eigen", "eigen initiatief"}:
        return "self"
    return "assigned" if text in {"assigned", "verplicht", "leidinggevende", "organisatie", "toegewezen"} else None
