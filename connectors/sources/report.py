"""Reports of any LMS: who was enrolled until when, and who completed what, by the columns of an export or a reporting API.

API         files (CSV, XLSX, JSON) on anything that fsspec knows; or reports over HTTP: OData v4 (`value`, @odata.nextLink), OData v2 (`d.results`,
            __next with $skiptoken), JSON with a list anywhere, numbered pages
Permission  to read the files; or whatever the report asks for: a token, a user's password, or an app's id and secret
Columns     usual English and Dutch headers are known, and those of the systems below; others are named in the connection, in JSON with dots
People      employee id, else the system's own user id (directory column id_report), else e-mail address; names are never read
Late facts  completions are entered late: look back 35 days; a changed score or length replaces its statement, a withdrawal takes the enrolment back
Rejects     a row that cannot be understood is quarantined with its file and line; the others load
Not seen    attempts, time and content inside a course; what the report leaves out (Cornerstone's transcript search leaves out leavers: take the
            OData view); corrections of a completion date, which make a second completion unless the report numbers its rows
Verified    from documentation only

| system | report | settings |
|---|---|---|
| SAP SuccessFactors | learning history as a file, or OData with $format=json | files, or host, paths and client_id … |
| Cornerstone | /services/api/x/odata/api/views/vw_rpt_transcript?$filter=user_lo_last_modified_dt ge {from} | host, paths, token_url, client_id, client_secret |
| Docebo | /course/v1/courses/enrollments?updated_from={from_date}&page_size=200 | host, paths, page_parameter: page, more: data.has_more_data |
| Workday | a report as a service with format=json; rows in Report_Entry | host, paths, username, password |
"""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from functools import cached_property
from itertools import chain, count
from typing import Any, ClassVar
from urllib.parse import quote, urljoin
from zoneinfo import ZoneInfo

import orjson

from connectors import courses, files
from connectors.courses import Courses
from connectors.http import Api
from connectors.oauth import ClientCredentials
from connectors.paging import by_cursor, by_number, dig, named
from connectors.source import (
    BearerToken,
    Kind,
    Record,
    Setting,
    Verified,
    Window,
    every_row,
    maps,
)
from connectors.sources.sheet import day_of, spelled_seconds
from connectors.tables import HEADER_WITHIN, Row, TableSource, rows
from leerstroom.errors import BadRecord, ConfigurationError, UnexpectedShape
from leerstroom.people import People, Pseudonyms
from leerstroom.statements import (
    Built,
    Ignored,
    Outcome,
    Retracted,
    activity,
    duration,
    name_uuid,
    parse_time,
    statement,
    types,
    utc_text,
    verbs,
)

# Headers without spaces, signs and case. The first that is there counts.
HEADERS: Mapping[str, tuple[str, ...]] = {
    "person_id": ("employeeid", "employeenumber", "personid", "personidexternal", "personnelnumber", "personeelsnummer", "personeelsnr", "medewerkernummer", "workerid", "studentid", "studid", "userref", "employeeref", "externalid"),
    "email": ("email", "emailaddress", "useremail", "emailadres", "mail", "workemail", "primaryworkemail", "userprincipalname"),
    "account": ("userid", "username", "login", "loginname", "transcuserid", "learnerid", "iduser", "gebruikersnaam"),
    "course_id": ("courseid", "coursecode", "courseuid", "itemid", "cpntid", "componentid", "loid", "transcobjectid", "trainingid", "learningobjectid", "contentid", "cursuscode", "idcourse", "code"),
    "course": ("coursename", "coursetitle", "course", "itemtitle", "cpnttitle", "componenttitle", "trainingtitle", "lotitle", "learningcontent", "contenttitle", "cursus", "cursusnaam", "training", "title", "titel"),
    "type": ("coursetype", "lotype", "trainingtype", "itemtype", "learningtype", "contenttype", "componenttypeid", "cpnttypid", "soort", "type"),
    "status": ("completionstatus", "enrollmentstatus", "enrolmentstatus", "transcriptstatus", "learningstatus", "registrationstatus", "userlostatus", "cmplstatid", "status"),
    "registered": ("registrationdate", "enrollmentdate", "enrolmentdate", "enrolleddate", "enrollmentcreatedat", "assigneddate", "assignmentdate", "userloassigneddt", "userloregdt", "dateenrolled", "registereddate", "registeredon", "enrolledon", "assignedon", "courseenrollmentdate", "courseenrolldate", "enrollmenttime", "transcriptregistrationdate", "inschrijfdatum", "toegewezenop"),
    "completed": ("completiondate", "completeddate", "completedat", "completedon", "completedutc", "completedatutc", "completiontime", "coursecompletiondate", "transcriptcompleteddate", "transcriptcompletiondate", "completionmoment", "datecompleted", "enrollmentcompletiondate", "datecomplete", "userlocompdt", "compldte", "finishdate", "afrondingsdatum", "afgerondop", "datumafgerond", "behaaldop"),
    "due": ("duedate", "transcriptduedate", "userlominduedate", "requireddate", "reqdte", "deadline", "uiterlijk", "uiterstedatum"),
    "modified": ("lastmodified", "lastmodifieddate", "userlolastmodifieddt", "enrollmentdatelastupdated", "updatedat"),
    "mandatory": ("mandatory", "required", "isrequired", "verplicht"),
    "assigned": ("assigned", "isassigned", "toegewezen"),
    "score": ("score", "transcriptscore", "coursegrade", "userloscore", "enrollmentscore", "finalscore", "scorepercentage", "grade", "cijfer"),
    "score_max": ("maxscore", "maximumscore", "scoremax"),
    "passed": ("passed", "pass", "userlopass", "ispassed", "success", "geslaagd"),
    "hours": ("hours", "totalhours", "traininghours", "durationhours", "tothrs", "uren", "studielast"),
    "minutes": ("minutes", "durationminutes", "timespentminutes", "minuten"),
    "seconds": ("seconds", "timespentseconds", "enrollmenttimespent", "seconden"),
    "length": ("duration", "totaltime", "timespent", "duur"),
    "level": ("enrollmentlevel", "enrolmentlevel", "courselevel", "usercourselevel"),
    "instance": ("registrationid", "enrollmentid", "enrolmentid", "transcriptid", "registrationnumber", "userloregnum"),
}  # fmt: skip
_WORDS: Mapping[str, str] = {
    **dict.fromkeys(("completed", "complete", "completed equivalent", "completed late", "finished", "done", "attended", "credited", "voltooid", "afgerond", "behaald"), "completed"),
    **dict.fromkeys(("passed", "pass", "geslaagd", "voldoende"), "passed"),
    **dict.fromkeys(("failed", "fail", "not passed", "gezakt", "niet geslaagd", "onvoldoende"), "failed"),
    **dict.fromkeys(("registered", "enrolled", "assigned", "subscribed", "not started", "in progress", "started", "approved", "incomplete", "not activated", "past due", "overdue", "ingeschreven", "toegewezen", "niet gestart", "bezig"), "enrolled"),
    **dict.fromkeys(("pending", "pending approval", "waiting", "waiting list", "waitlisted", "requested", "aangevraagd", "wachtlijst"), "waiting"),
    **dict.fromkeys(("withdrawn", "cancelled", "canceled", "removed", "dropped", "denied", "unenrolled", "no show", "exempt", "geannuleerd", "uitgeschreven", "afgewezen"), "withdrawn"),
}  # fmt: skip
_KINDS: Mapping[str, str] = {
    **dict.fromkeys(("certification", "certificering", "certificate", "certificaat"), types.CERTIFICATION),
    **dict.fromkeys(("test", "exam", "assessment", "toets", "examen", "quiz"), types.ASSESSMENT),
    **dict.fromkeys(("module", "lesson", "e learning module"), types.MODULE),
    **dict.fromkeys(("video",), types.VIDEO),
    **dict.fromkeys(("document", "material", "file", "pdf"), types.DOCUMENT),
    **dict.fromkeys(("webinar", "virtual classroom", "vilt"), types.WEBINAR),
    **dict.fromkeys(("ilt", "classroom", "instructor led", "instructor led training", "event", "session", "klassikaal"), types.CLASSROOM),
}  # fmt: skip
_TEACHES = frozenset({"tutor", "instructor", "coach", "teacher", "trainer", "docent"})
_TRUE = frozenset({"true", "yes", "y", "1", "ja", "j", "waar", "x"})
_FALSE = frozenset({"false", "no", "n", "0", "nee", "onwaar", ""})
_LISTS = ("value", "d.results", "d", "Report_Entry", "data.items", "items", "data", "results", "records", "rows")
_LINKS = ("@odata.nextLink", "d.__next", "__next", "odata.nextLink", "next", "links.next")
_DATES = ("registered", "completed", "due", "modified")
_NUMBERS = ("score", "score_max", "hours", "minutes", "seconds")
_UNREADABLE = "?"


class Report(TableSource):
    """One report of a learning management system."""

    name: ClassVar[str] = "report"
    title: ClassVar[str] = "Reports of any LMS (CSV, XLSX, JSON, OData)"
    kind: ClassVar[Kind] = Kind.LMS
    verified: ClassVar[Verified] = Verified.DOCUMENTATION
    look_back: ClassVar[timedelta] = timedelta(days=35)
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("files", "Files", many=True, required=False, help="paths or addresses with *, such as exports/*.csv"),
        Setting("host", "Server", kind="url", required=False, default="", help="of reports over HTTP"),
        Setting("paths", "Reports", many=True, required=False, help="paths on the server with their query; {from}, {to} (times), {from_date}, {to_date} are those of the window"),
        Setting("token", "Access token", secret=True, required=False),
        Setting("username", "User", required=False),
        Setting("password", "Password", secret=True, required=False),
        Setting("token_url", "Address of tokens", kind="url", required=False),
        Setting("client_id", "Client id", required=False),
        Setting("client_secret", "Client secret", secret=True, required=False),
        Setting("scope", "Scope", required=False),
        Setting("items", "List", required=False, help="where the rows stand in an answer, with dots; usual places are known"),
        Setting("page_parameter", "Page parameter", required=False, help="of numbered pages, from 1; empty: the answer names its next page"),
        Setting("more", "More pages", required=False, help="where an answer says whether pages follow, with dots; empty: an empty page ends the list"),
        Setting("columns", "Columns", kind="mapping", required=False, help="ours: header, in JSON with dots; ours are " + ", ".join(HEADERS)),
        Setting("words", "Words", kind="mapping", required=False, help="a status of the report: completed, passed, failed, enrolled, waiting or withdrawn"),
        Setting("worksheet", "Worksheet", required=False, help="of XLSX files; * for all, the first by default"),
        Setting("date_order", "Order of dates", required=False, help="dmy or mdy, of dates that begin with neither a year nor a name; empty: mdy in a file with a date that can be nothing else, else dmy"),
        Setting("time_zone", "Time zone", default="Europe/Amsterdam", kind="zone", required=False),
        Setting("language", "Language", default="und", required=False, help="of the titles, BCP 47"),
        Setting("register", "Register", default="", kind="url", required=False, help="home page of courses; empty: the server; never change it"),
        *courses.SETTINGS,
    )  # fmt: skip
    record_kinds: ClassVar[tuple[str, ...]] = ("row",)
    keep: ClassVar[Mapping[str, tuple[str, ...]]] = {"row": (*HEADERS, "where", "fault")}
    people: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "row": {"person_id": "hr", "email": "email", "account": "account"}
    }
    documents: ClassVar[tuple[str, ...]] = (".csv", ".xlsx")

    @property
    def tenant(self) -> str:
        """The LMS."""
        told = self.connection.get("tenant") or self.connection.get("register") or self.connection.get("host")
        return str(told or "https://reports.leerstroom.example").rstrip("/")

    @cached_property
    def zone(self) -> ZoneInfo:
        """Of dates and of times that name none."""
        return ZoneInfo(str(self.connection.get("time_zone", "Europe/Amsterdam")))

    def api(self) -> Api:
        """The server; for files an object that only counts zero requests."""
        return Api(
            str(self.connection.get("host") or self.tenant),
            connection=self.connection.name,
            auth=self.auth(),
            requests_per_minute=self.connection.get("requests_per_minute", self.requests_per_minute),
            verify=self.connection.get("verify_tls", True),
        )

    def auth(self) -> Any:
        """An app's id and secret, a user's password, a token, or nothing: the first that is set."""
        get = self.connection.get
        if get("token_url"):
            return ClientCredentials(
                str(get("token_url")),
                str(get("client_id", "")),
                str(get("client_secret", "")),
                connection=self.connection.name,
                scope=str(get("scope", "")),
                in_body=True,
                verify=get("verify_tls", True),
            )
        if get("username"):
            return str(get("username")), str(get("password", ""))
        return BearerToken(str(get("token"))) if get("token") else None

    # --- pull ----------------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """Rows that tell of something inside the window, by any of their dates; a row without a readable date is reported."""
        seen: set[str] = set()
        for row in chain(self._filed(), self._asked(api, window)):
            told = [
                moment
                for name in ("registered", "completed", "modified")
                if (moment := self._moment(row.get(name), row.get("date_order")))
            ]
            if row.key not in seen and (not told or any(window.holds(moment) for moment in told)):
                seen.add(row.key)
                yield row

    def _paths(self) -> list[str]:
        patterns = self.connection.get("files") or ()
        return files.matching(patterns, connection=self.connection.name, suffixes=(".csv", ".xlsx", ".json", ".jsonl"))

    def _filed(self) -> Iterator[Record]:
        for path in self._paths():
            name = posixpath.basename(path)
            try:
                yield from self.read_file(path)
            except BadRecord as error:
                yield Record("row", name, {"fault": str(error)})

    def read_file(self, path: str) -> Iterator[Record]:
        """The rows of one file. Raises BadRecord for a file that is no report, with what is wrong."""
        name = posixpath.basename(path)
        if not files.unpacked_name(path).lower().endswith((".json", ".jsonl")):
            yield from self.read_document(files.read(path), name)
            return
        is_lines = files.unpacked_name(path).lower().endswith(".jsonl")
        told = [line for _, line in files.lines(path)] if is_lines else [files.read(path)]
        for number, text in enumerate(told, 1):
            try:
                body = orjson.loads(text)
            except orjson.JSONDecodeError as error:
                raise BadRecord(f"{name} line {number} is no JSON") from error
            found = [body] if is_lines else self._rows(body)
            if found is None:
                raise BadRecord(f"{name} holds no list of rows; name it in 'items'")
            for place, row in enumerate(found, number):
                yield self._row(row, f"{name} line {place}" if is_lines else f"{name} row {place}")

    def read_document(self, data: bytes, name: str) -> Iterator[Record]:
        """The rows of a sheet, with line numbers as Excel shows them."""
        header: list[str] = []
        is_text = data[:2] != b"PK"  # a workbook knows its days
        order = _order(rows(data, name, self._is_header)) if is_text and not self.connection.get("date_order") else None
        for sheet, number, cells in rows(data, name, self._is_header, self.connection.get("worksheet")):
            if self._is_header(cells):
                header = [str(cell or "").strip() for cell in cells]
            elif header:
                told = {title: cell for title, cell in zip(header, cells, strict=False) if title}
                row = self._row(told, f"{name}{f' {sheet}' if sheet else ''} line {number}")
                yield Record(row.kind, row.key, {**row, "date_order": order})
            elif number >= HEADER_WITHIN:
                break
        if not header:
            raise BadRecord(f"{name} has no header with a person and a course; name them in 'columns'")

    def _is_header(self, cells: list[Any]) -> bool:
        found = set(self._columns([str(cell or "") for cell in cells]))
        return bool(found & {"person_id", "email", "account"}) and bool(found & {"course_id", "course"})

    def _asked(self, api: Api, window: Window) -> Iterator[Record]:
        """Rows of the reports that the server makes, page after page."""
        dates = {"{from}": _iso(window.start), "{to}": _iso(window.end)}
        dates |= {
            "{from_date}": f"{window.start.astimezone(self.zone):%Y-%m-%d}",
            "{to_date}": f"{window.end.astimezone(self.zone):%Y-%m-%d}",
        }
        for path in self.connection.get("paths") or ():
            address = str(path)
            for name, value in dates.items():
                address = address.replace(name, value)
            for page in self._pages(api, address):
                for row in page:
                    yield self._row(row, f"report {str(path).partition('?')[0].rsplit('/', 1)[-1]}")

    def _pages(self, api: Api, address: str) -> Iterator[list[Any]]:
        where = f"connection '{api.connection}' at {address.partition('?')[0].rsplit('/', 1)[-1]}"
        parameter, more = self.connection.get("page_parameter"), self.connection.get("more")

        def found(body: Any) -> list[Any]:
            listed = self._rows(body)
            if listed is None:
                raise UnexpectedShape(
                    f"{where}: the answer holds no list of rows; name it in 'items' of the connection"
                )
            return listed

        if not parameter:

            def fetch(cursor: str | None) -> tuple[list[Any], str | None]:
                answer = api.get(cursor or address)
                link = next(
                    (link for name in _LINKS if (link := named(answer.body, name)) and isinstance(link, str)), None
                )
                return found(answer.body), urljoin(answer.url, link) if link else None

            yield from by_cursor(fetch, where=where)
            return
        ended = False
        numbers = count(1)

        def page(_: int) -> list[Any]:
            nonlocal ended
            if ended:
                return []
            body = api.get(address, {str(parameter): next(numbers)}).body
            ended = bool(more) and dig(body, str(more)) in {False, None}
            return found(body)

        yield from by_number(page, where=where)

    def _rows(self, body: Any) -> list[Any] | None:
        """The list of rows in a body: where the setting says, else in the usual places; None where there is none."""
        told = self.connection.get("items")
        if isinstance(body, list):
            return body
        for place in [str(told)] if told else _LISTS:
            if isinstance(found := named(body, place), list):
                return found
        return None

    def check(self, api: Api) -> str:
        """Reads the files, and the reports of one day. Raises ConfigurationError where nothing can be read, with what is wrong."""
        if not self.connection.get("files") and not self.connection.get("paths"):
            raise ConfigurationError(f"connection '{self.connection.name}': neither files nor paths are set")
        now = datetime.now(UTC)
        read = [*self._filed(), *self._asked(api, Window(now - timedelta(days=1), now))]
        faults = [str(row["fault"]) for row in read if "fault" in row]
        if faults and len(faults) == len(read):
            raise ConfigurationError(f"connection '{self.connection.name}': " + "; ".join(faults[:20]))
        told = f"{len(self._paths())} files and {len(self.connection.get('paths') or ())} reports with {len(read)} rows"
        return f"{told}, {len(faults)} of them name no person or no course" if faults else told

    # --- payloads ----------------------------------------------------------------------------------------------------------------

    def read(self, payload: Any) -> Iterator[Record]:
        """A page of a report, one row, or a recorded exchange. Raises BadRecord for what names no person or no course."""
        body = dig(payload, "response.body") if isinstance(payload, dict) and "response" in payload else payload
        listed = self._rows(body) if not isinstance(body, list) or body else None
        if listed is None:
            yield self._row(body, "row", strict=True)
        else:
            yield from every_row(listed, lambda row, place: [self._row(row, place, strict=True)])

    def _columns(self, headers: Iterable[str]) -> list[str | None]:
        """Our name of each header, None for those that are not read."""
        headers = [header.strip() for header in headers]
        told = {name: name for name in HEADERS}
        told |= {str(theirs): ours for ours, theirs in (self.connection.get("columns") or {}).items()}
        plain, wanted = [_plain(header) for header in headers], dict[str, str]()
        for ours, known in HEADERS.items():
            if not any(told.get(header) == ours for header in headers):
                first = next((each for each in known if each in plain), None)
                if first is not None:
                    wanted.setdefault(first, ours)
        return [told.get(header) or wanted.get(each) for header, each in zip(headers, plain, strict=True)]

    def _other_dates(self, flat: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """Dates in other known columns: what was not assigned has no date of assignment, and may have one of registration."""
        told = {_plain(header.strip()): value for header, value in flat.items() if not _is_nothing(value)}
        named_ones = self.connection.get("columns") or {}
        for name in _DATES:
            yield from ((name, told[each]) for each in HEADERS[name] if each in told and name not in named_ones)

    def _row(self, row: Any, where: str, *, strict: bool = False) -> Record:
        """A row in our words; what no column of ours names is left where it was."""
        flat = dict(_flat(row)) if isinstance(row, Mapping) else {}
        ours: dict[str, Any] = {}
        for name, (_, value) in zip(self._columns(flat), flat.items(), strict=True):
            if name and name not in ours and not _is_nothing(value):
                ours[name] = value
        for name, value in self._other_dates(flat):
            ours.setdefault(name, value)
        has_person, has_course = ours.keys() & {"person_id", "email", "account"}, ours.keys() & {"course_id", "course"}
        if not has_person or not has_course:
            reason = f"{where} names no {'person' if not has_person else 'course'}; name its column in 'columns'"
            if strict:
                raise BadRecord(reason)
            return Record("row", where, {"fault": reason})
        for name in ("person_id", "account", "course_id", "instance"):
            if name in ours:
                ours[name] = _id(ours[name])
        if "@" in ours.get("account", "") and "email" not in ours:
            ours["email"] = ours["account"]
        return Record("row", _key(ours), {**ours, "where": where})

    # --- at the edge ---------------------------------------------------------------------------------------------------------------

    def minimise(self, record: Record, pseudonyms: Pseudonyms) -> Record:
        """The row as it may land. A cell that cannot be read does not land: it may be anything, also a name."""
        kept = super().minimise(record, pseudonyms)
        readable = {
            **dict.fromkeys(_DATES, lambda value: self._moment(value, record.get("date_order"))),
            **dict.fromkeys(_NUMBERS, _number),
            "length": _seconds,
            "status": self._status,
            "level": lambda value: "trainer" if _said(value) in _TEACHES else "learner",
            "type": lambda value: _KINDS.get(_said(value)) or ("course" if value else None),
            **dict.fromkeys(("mandatory", "assigned", "passed"), _flag),
        }
        for name, read in readable.items():
            if name in kept:
                found = read(kept[name])
                kept[name] = _UNREADABLE if found is None else utc_text(found) if isinstance(found, datetime) else found
        if str(record.get("score")).strip().endswith("%"):
            kept.setdefault("score_max", 100.0)
        if isinstance(kept.get("due"), str) and (due := self._moment(record.get("due"), record.get("date_order"))):
            kept["due"] = due.astimezone(self.zone).date().isoformat()
        return Record(kept.kind, record.key if "fault" in kept else _key(kept), kept)

    def _status(self, value: Any) -> str | None:
        words = {_said(theirs): str(ours) for theirs, ours in (self.connection.get("words") or {}).items()}
        said = _said(value)
        return words.get(said) or _WORDS.get(said) or _WORDS.get(said.removesuffix(" past due"))

    def _moment(self, value: Any, order: Any = None) -> datetime | None:
        """A time in UTC, as reports write it; a day is its noon. `order` is that of its file's dates. None for what is none."""
        try:
            return _time(value, self.zone, str(self.connection.get("date_order") or order or "dmy"))
        except (BadRecord, ValueError, OverflowError, KeyError, TypeError):
            return None

    # --- map ------------------------------------------------------------------------------------------------------------------------

    @maps("row")
    def row(self, row: Record, people: People) -> list[Outcome]:
        """`registered`, and `completed`, `passed` or `failed`; a withdrawal takes back the first."""
        if row.get("fault"):
            raise BadRecord(str(row["fault"]))
        try:
            return self._outcomes(row, people)
        except BadRecord as error:
            raise BadRecord(f"{row.get('where', 'row')}: {error}") from error

    def _outcomes(self, row: Record, people: People) -> list[Outcome]:
        # A grade may be a letter, and then it is no score; whatever else cannot be read makes the row doubtful.
        needed = (*_DATES, "hours", "minutes", "seconds", "length", "status", "passed")
        wrong = [name for name in needed if row.get(name) == _UNREADABLE]
        if wrong:
            dates = "; say in 'date_order' whether days or months come first" if {*wrong} & {*_DATES} else ""
            words = "; say in 'words' what it means" if "status" in wrong else ""
            raise BadRecord(f"{', '.join(wrong)} cannot be read{words}{dates}")
        status, completed = row.get("status"), row.get("completed")
        if status is None:
            status = "completed" if completed else "enrolled"
        if status == "withdrawn":
            return [Ignored("withdrawn"), Retracted(_fact(row, "registered"), reason="withdrawn")]
        if row.get("level") == "trainer":
            return [Ignored("enrolled to teach")]
        if status == "waiting":
            return [Ignored("not approved yet")]
        made: list[Outcome] = [self._registered(row, people)] if row.get("registered") else []
        if status in {"completed", "passed", "failed"}:
            if not completed:
                raise BadRecord(f"{status}, but when is not told")
            made.append(self._completed(row, people, status))
        return made or [Ignored("enrolment without a date, nothing completed")]

    def _registered(self, row: Record, people: People) -> Built:
        terms = self._terms(row)
        return statement(
            actor=self._who(row, people),
            verb=verbs.REGISTERED,
            object=self._course(row),
            timestamp=str(row["registered"]),
            registration=self._registration(row),
            extensions=terms,
            key=_fact(row, "registered"),
            revision=f"{row['registered']} {sorted(terms.items(), key=str)}",
        )

    def _completed(self, row: Record, people: People, status: str) -> Built:
        told = row.get("passed") if isinstance(row.get("passed"), bool) else None
        passed = {"passed": True, "failed": False}.get(status, told)
        # Who completed a course without a test has passed none: that is no failure unless the report says so.
        has_failed = passed is False and row.get("status") != "completed"
        verb = verbs.PASSED if passed else verbs.FAILED if has_failed else verbs.COMPLETED
        seconds, terms = _length(row), self._terms(row)
        result = {
            "completion": True,
            "success": passed,
            "score": _score(row),
            "duration": duration(seconds) if seconds else None,
        }
        return statement(
            actor=self._who(row, people),
            verb=verb,
            object=self._course(row),
            result=result,
            timestamp=str(row["completed"]),
            registration=self._registration(row),
            extensions=terms,
            key=_fact(row, "completed"),
            revision=f"{row['completed']} {sorted(result.items(), key=str)} {sorted(terms.items(), key=str)}",
        )

    @staticmethod
    def _who(row: Record, people: People) -> dict[str, Any]:
        return people.actor(row.get("account"), hr=row.get("person_id"), email=row.get("email"))

    @cached_property
    def _courses(self) -> Courses:
        return Courses(self.connection)

    def _terms(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """`initiator`, `mandatory` and `due`: as the row tells them, else as the settings say."""
        assigned, mandatory, due = row.get("assigned"), row.get("mandatory"), row.get("due")
        by = "assigned" if assigned is True or mandatory is True else "self" if assigned is False else None
        enrolled = parse_time(row["registered"]) if row.get("registered") else None
        told = self._courses.terms((row.get("course_id"), row.get("course")), enrolled=enrolled, by=by)
        return {
            **told,
            **({"mandatory": mandatory} if isinstance(mandatory, bool) else {}),
            **({"due": due} if due else {}),
        }

    def _course(self, row: Mapping[str, Any]) -> dict[str, Any]:
        told, title = row.get("course_id"), row.get("course")
        name = title if isinstance(title, str) else None
        number = quote(str(told), safe="") if told else name_uuid("course", str(title))
        kind = row.get("type")
        return activity(
            f"{self.tenant}/courses/{number}",
            kind if isinstance(kind, str) and "://" in kind else types.COURSE,
            name=name,
            language=str(self.connection.get("language") or "und"),
        )

    def _registration(self, row: Mapping[str, Any]) -> str:
        return name_uuid("enrolment", self.tenant, _enrolment(row))


# --- what rows are about ------------------------------------------------------------------------------------------------------------------


def _enrolment(row: Mapping[str, Any]) -> str:
    """One person's one enrolment: by its number, else by the course and the day of registration."""
    who = row.get("person_id") or row.get("email") or row.get("account")
    what = row.get("course_id") or row.get("course")
    return f"{who}/{what}/{row.get('instance') or str(row.get('registered') or '')[:10]}"


def _fact(row: Mapping[str, Any], sort: str) -> str:
    """A completion without a number of its own is that of its day: who is certified each year completes each year."""
    day = "" if row.get("instance") or sort == "registered" else f"/{str(row.get('completed'))[:10]}"
    return f"{_enrolment(row)}/{sort}{day}"


def _key(row: Mapping[str, Any]) -> str:
    return f"{_enrolment(row)}/{str(row.get('completed') or '')[:10]}"


# --- cells ---------------------------------------------------------------------------------------------------------------------------------


def _plain(header: str) -> str:
    return re.sub(r"[\W_]+", "", header.rsplit(".", 1)[-1].casefold())


def _said(value: Any) -> str:
    return " ".join(re.sub(r"[\W_]+", " ", str(value).casefold()).split())


def _flat(row: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Fields of a row by their dotted paths; of a list of tables the first counts."""
    for name, value in row.items():
        path = f"{prefix}{name}"
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            yield from _flat(value[0], f"{path}.")
        elif isinstance(value, Mapping):
            yield from _flat(value, f"{path}.")
        elif not isinstance(value, list):
            yield path, value


def _is_nothing(value: Any) -> bool:
    """Whether a cell says that there is nothing to say, as exports do: empty, a dash, N/A, the day 0 of MySQL."""
    return value is None or str(value).strip().casefold() in _NOTHING or str(value).strip().startswith("0000-00-00")


_NOTHING = frozenset({"", "-", "--", "n/a", "null", "none", "n.v.t.", "nvt"})


def _id(value: Any) -> str:
    """An id as a text; one that Excel made a decimal number is whole again where nothing was lost."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value).strip()


def _flag(value: Any) -> bool | None:
    told = str(value).strip().casefold()
    return True if told in _TRUE else False if told in _FALSE else None


def _number(value: Any) -> float | None:
    """A number, also with a decimal comma or a percent sign."""
    if isinstance(value, bool):
        return None
    try:
        found = float(str(value).strip().removesuffix("%").strip().replace(",", "."))
    except ValueError:
        return None
    return found if found == found and abs(found) < 1e9 else None


_CLOCK_LENGTH = re.compile(r"(\d{1,4}):(\d{2})(?::(\d{2}))?").fullmatch
_ISO_LENGTH = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?").fullmatch


def _seconds(value: Any) -> float | None:
    """A length: 1:30, 01:30:00, PT1H30M, 1h 30m, or minutes as a number."""
    if isinstance(value, timedelta):
        return value.total_seconds() if value >= timedelta(0) else None
    told = str(value).strip()
    if (spelled := spelled_seconds(told)) is not None:
        return spelled
    if found := _CLOCK_LENGTH(told):
        return int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3] or 0)
    if (found := _ISO_LENGTH(told)) and len(told) > 2:
        days, hours, minutes, seconds = (float(each or 0) for each in found.groups())
        return days * 86_400 + hours * 3600 + minutes * 60 + seconds
    number = _number(value)
    return number * 60 if number is not None and number >= 0 else None


def _length(row: Mapping[str, Any]) -> float | None:
    """Seconds, by whichever column tells them. Raises BadRecord for a length that no course has."""
    units = (("length", 1.0), ("seconds", 1.0), ("minutes", 60.0), ("hours", 3600.0))
    for name, factor in units:
        value = row.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and value:
            if not 0 < value * factor <= 2_000 * 3600:
                raise BadRecord(f"{name} is no length of a course")
            return value * factor
    return None


def _score(row: Mapping[str, Any]) -> dict[str, float] | None:
    """Raw, and scaled where the maximum is told. Raises BadRecord for more than the maximum."""
    raw, most = row.get("score"), row.get("score_max")
    if not isinstance(raw, int | float) or isinstance(raw, bool):
        return None
    if not isinstance(most, int | float) or isinstance(most, bool) or most <= 0:
        return {"raw": raw}
    if raw > most:
        raise BadRecord("score lies above its maximum")
    return {"raw": raw, "max": most, "scaled": round(max(-1.0, raw / most), 4), **({"min": 0} if raw >= 0 else {})}


_ODATA_2 = re.compile(r"/Date\((-?\d+)(?:[+-]\d{4})?\)/").fullmatch
_NUMBERED = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})").fullmatch
_MONTH_NAMED = re.compile(r"([A-Za-z]{3,9})\.? (\d{1,2}),? (\d{4})").fullmatch
_TIMED = re.compile(
    r"(.*?\d{2,4}),?(?:[ T]+(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?(?:\.\d+)?\s*([AaPp][Mm])?(?:\s+([A-Za-z]+/[A-Za-z_/ ]+|UTC|GMT|Z))?)?"
).fullmatch


def _order(told: Iterable[Row]) -> str | None:
    """Mdy where a cell of the file can be no other date and none contradicts it; which of both it is shows on the whole file only."""
    firsts, seconds = 0, 0
    for _, _, cells in told:
        for cell in cells:
            timed = _TIMED(cell.strip()) if isinstance(cell, str) and len(cell) < 60 else None
            found = _NUMBERED(timed[1]) if timed else None
            if found and (len(found[4]) == 4 or found[2] == "/"):  # 1.20.30 may be a version
                firsts, seconds = max(firsts, int(found[1])), max(seconds, int(found[3]))
    return "mdy" if firsts <= 12 < seconds else None


def _time(value: Any, zone: ZoneInfo, order: str) -> datetime | None:
    """A time in UTC. A day without a time is its noon, where it stays the same day in all zones of Europe."""
    if value is None or isinstance(value, bool) or value == "":
        return None
    if isinstance(value, datetime) and value.tzinfo is None and value.time() == clock():
        value = value.date()  # of a day alone a workbook says that it is midnight
    if isinstance(value, datetime):
        return (value if value.tzinfo else _at(value.date(), value.time(), zone)).astimezone(UTC)
    if isinstance(value, date):
        return _at(value, clock(12), zone)
    told = str(value).strip()
    if found := _ODATA_2(told):
        return parse_time(int(found[1])) if int(found[1]) > 100_000_000_000 else datetime.fromtimestamp(int(found[1]) / 1000, UTC)  # fmt: skip
    if isinstance(value, int | float) and value > 100_000_000:
        return parse_time(value)
    if found := re.fullmatch(
        r"(\d{4}-\d{2}-\d{2})(?:Z|[+-]\d{2}:\d{2})", told
    ):  # a day with a zone, as Workday writes it
        told = found[1]
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}[T ].+", told):
        return parse_time(told, zone=zone.key).astimezone(UTC)
    found = _TIMED(told)
    if found is None and order == "mdy" and told[:1].isdecimal() and not isinstance(value, float):
        return None
    day = _day(found[1], order) if found else day_of(value)
    if day is None or found is None or found[2] is None:
        return _at(day, clock(12), zone) if day else None
    hour = int(found[2]) % 12 + 12 * (found[5].lower() == "pm") if found[5] else int(found[2])
    where = "UTC" if found[6] == "Z" else found[6].strip().replace(" ", "_") if found[6] else zone.key
    moment = datetime.combine(day, clock(hour, int(found[3]), int(found[4] or 0)))
    return parse_time(moment.isoformat(), zone=where).astimezone(UTC)


def _day(told: str, order: str) -> date | None:
    """A day as `day_of` reads it, also one whose month comes first: in numbers where the order says so, or by its name."""
    if (found := _NUMBERED(told)) and order == "mdy":
        year = int(found[4]) + (2000 if len(found[4]) == 2 else 0)
        return date(year, int(found[1]), int(found[3]))
    if found := _MONTH_NAMED(told):
        return day_of(f"{found[2]} {found[1]} {found[3]}")
    return day_of(told)


def _at(day: date, moment: clock, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, moment, zone).astimezone(UTC)


def _iso(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
