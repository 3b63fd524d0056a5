"""Kolibri: what learners watched, read, practised and completed on a learning server, out of its exported logs and its API.

API         cookie session of an administrator: facilities, people, and answered questions (attemptlog); numbered pages, whose end is the number of pages. The
            logs of sessions and completions have no address in the API
Files       the two CSV exports of the facility page, made each night by `kolibri manage exportlogs --log-type session` (and summary) `--start_date 2000-01-01T00:00:00
            --end_date 2100-01-01T00:00:00 --overwrite --output-file FILE` (0.19.5 fails without dates); the file starts with a byte order mark, headers and kinds of users are in the server's language (then columns are told by their place)
Permission  a user who is administrator of the facility; without that right the lists are empty with no error, which is an error here
People      user name (facility/name: names repeat in other facilities), HR id where the id number of the user is one, address only where it is the user name.
            The exports name nobody else, so the API is asked for id numbers where a password is configured
Once        an export holds what earlier exports held; of one session the row of the newest file counts, and a row that grew is stated anew
Time        a session has its time; a completion has none of its own, since its sessions have it all
Late facts  devices without a network synchronise later: look back 7 days. An export filters by the start of a session, so give it an early one
Content     answers, hints and histories of questions are not kept
Cost        the API has no filter by time: all answered questions are read each night, 1,000 a page; switch `attempts` off where only completions count
Not seen    who left a class; quizzes of a coach as a whole (their questions are seen); what happened on devices that never synchronised
Verified    against a real server (Kolibri 0.19.5), live and with its exports
"""

import csv
import posixpath
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from connectors import courses, files
from connectors.catalogue import answer_in
from connectors.courses import Courses
from connectors.http import Api
from connectors.paging import by_cursor
from connectors.scores import number
from connectors.source import Connection, Kind, Record, Setting, Source, Verified, Window, every_row, maps
from leerstroom.errors import BadRecord, ConfigurationError, UnexpectedShape
from leerstroom.people import People
from leerstroom.statements import (
    Ignored,
    Outcome,
    Verb,
    activity,
    duration,
    name_uuid,
    parse_time,
    statement,
    types,
    verbs,
)

_UNKNOWN = "neither a row of Kolibri's logs nor an answer of its API"
_PER_PAGE = 1000
_LONGEST_ITEM = 200  # characters: of a quiz the exercise and the question in it
_LONGEST_S = 86_400 * 7
_COLUMNS = {  # header of an export -> our name
    "facility name": "facility", "username": "user", "user type": "user_type", "channel id": "channel", "channel name": "channel_name", "content id": "content",
    "content title": "title", "time of first interaction": "start", "time of last interaction": "end", "time of completion": "completed", "time spent (sec)": "spent",
    "progress (0-1)": "progress", "content kind": "content_kind",
}  # fmt: skip
_FIRST = ("facility", "user", "user_type", "channel", "channel_name", "content", "title")  # by place, from the left
_SESSION = ("start", "end", "spent", "progress", "content_kind")  # and from the right; folders stand between
_SUMMARY = ("start", "end", "completed", "spent", "progress", "content_kind")
_TRAINERS = frozenset({
    "coach",
    "facility coach",
    "class coach",
    "assignable coach",
    "admin",
    "super admin",
    "superuser",
})
_SORTS: Mapping[str, tuple[Verb, str]] = {  # kind of content -> what one does with it, what it is
    "video": (verbs.WATCHED, types.VIDEO),
    "audio": (verbs.WATCHED, types.MEDIA),
    "exercise": (verbs.ATTEMPTED, types.ASSESSMENT),
    "quiz": (verbs.ATTEMPTED, types.ASSESSMENT),
    "document": (verbs.VIEWED, types.DOCUMENT),
    "slideshow": (verbs.VIEWED, types.DOCUMENT),
    "html5": (verbs.VIEWED, types.MEDIA),
    "h5p": (verbs.VIEWED, types.MEDIA),
    "zim": (verbs.VIEWED, types.MEDIA),
}
_PERSON = {"person.account": "account", "person.email": "email", "person.hr": "hr"}
_COMMON = ("person.account", "person.email", "person.hr", "role", "start", "end", "spent")
_CONTENT = ("content", "title", "channel", "channel_name", "content_kind", "progress")


class Kolibri(Source):
    """One Kolibri server."""

    name: ClassVar[str] = "kolibri"
    title: ClassVar[str] = "Kolibri"
    kind: ClassVar[Kind] = Kind.LMS
    verified: ClassVar[Verified] = Verified.SERVER
    look_back: ClassVar[timedelta] = timedelta(days=7)
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("host", "Server", kind="url", help="such as https://kolibri.example.org"),
        Setting("files", "Exported logs", many=True, required=False, help="paths or addresses with *, such as /var/kolibri/export/*.csv"),
        Setting("user", "User", required=False, help="an administrator of the facility; empty: only the files are read"),
        Setting("password", "Password", secret=True, required=False),
        Setting("facility", "Facility", required=False, help="name of the facility that is read; empty: all that the user administers"),
        Setting("attempts", "Answered questions", default=True, kind="flag", required=False, help="read every answered question through the API"),
        *courses.SETTINGS,
    )  # fmt: skip
    record_kinds: ClassVar[tuple[str, ...]] = ("session", "summary", "attempt", "user")
    keep: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "session": (*_COMMON, *_CONTENT, "fault"),
        "summary": (*_COMMON, *_CONTENT, "completed"),
        "attempt": (*_COMMON, "id", "item", "complete", "correct", "error", "mastery", "completed"),
        "user": (),
    }
    people: ClassVar[Mapping[str, Mapping[str, str]]] = dict.fromkeys(record_kinds, _PERSON)

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.courses = Courses(connection)
        self._facilities: dict[str, str] = {}  # id -> name
        self._names: dict[str, str] = {}  # id of a user -> facility/name
        self._hr: dict[str, str] = {}  # facility/name -> id number
        self._trainers: set[str] = set()  # facility/name of those who have a role

    def auth(self) -> Any:
        """None: the session is a cookie."""
        return None

    # --- pull ---------------------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """Rows of the exports whose session ended, or content was completed, in the window; then the questions answered in it."""
        if not self.connection.get("files") and not self.connection.get("user"):
            raise ConfigurationError(
                f"connection '{self.connection.name}': neither exported logs nor a user of the API; fill in 'files', or 'user' and 'password'"
            )
        if self.connection.get("user"):
            self._know_people(api)
        yield from self._newest_rows(window)
        if self.connection.get("user") and self.connection.get("attempts") is not False:
            yield from self._attempts(api, window)

    def _newest_rows(self, window: Window) -> Iterator[Record]:
        """Each session and completion once, as the file says that was changed last."""
        newest: dict[tuple[str, ...], Record] = {}
        for path in self._paths():
            try:
                for record in self.read_file(path):
                    if _inside(window, record.get("completed" if record.kind == "summary" else "end")):
                        newest[
                            record.kind, *(str(record.get(name)) for name in ("facility", "user", "content", "start"))
                        ] = record
            except BadRecord as error:
                name = posixpath.basename(path)
                newest[name, str(error)] = Record("session", name, {"fault": str(error)})
        yield from newest.values()

    def _paths(self) -> list[str]:
        patterns = self.connection.get("files") or ()
        return files.matching(patterns, connection=self.connection.name, suffixes=(".csv",)) if patterns else []

    def _log_in(self, api: Api) -> None:
        """A cookie session. Raises CredentialsRefused."""
        found = api.get("/api/public/v1/facility/").body
        facilities = [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
        wanted = self.connection.get("facility")
        mine = next((each for each in facilities if not wanted or each.get("name") == wanted), None)
        if mine is None:
            raise ConfigurationError(
                f"connection '{self.connection.name}': the server has no facility{f' called {wanted!r}' if wanted else ''}; check 'host' and 'facility'"
            )
        self._facilities = {str(each.get("id")): str(each.get("name")) for each in facilities}
        form = {
            "username": self.connection["user"], "password": self.connection.get("password") or "", "facility": mine["id"],
        }  # fmt: skip
        api.get("/api/public/info/")  # hands out the cookie against forged requests
        token = api.session.cookies.get("kolibri_csrftoken") or ""
        api.request("POST", "/api/auth/session/", json=form, headers={"X-CSRFToken": token})

    def _know_people(self, api: Api) -> None:
        """Names and id numbers of all users. Raises UnexpectedShape where there is nobody: that is how Kolibri says that a right lacks."""
        self._log_in(api)
        people = [self._known(row) for row in self._rows(api, "/api/auth/facilityuser/")]
        if len(people) < 2:
            raise UnexpectedShape(
                f"connection '{self.connection.name}': the user sees nobody but itself; make it an administrator of the facility"
            )

    def _known(self, row: Mapping[str, Any]) -> str:
        """Takes in a user; gives facility/name."""
        facility = self._facilities.get(str(row.get("facility")), str(row.get("facility") or ""))
        name = f"{facility}/{row.get('username')}"
        self._names[str(row.get("id"))] = name
        if row.get("id_number"):
            self._hr[name] = str(row["id_number"])
        if row.get("roles") or row.get("is_superuser"):
            self._trainers.add(name)
        return name

    def _attempts(self, api: Api, window: Window) -> Iterator[Record]:
        """Answered questions of the window, each once: the list has no order, so a page may repeat what another held."""
        told: set[str] = set()
        for row in self._rows(api, "/api/logger/attemptlog/"):
            record = self._attempt(row)
            if record.key not in told and _inside(window, record.get("end")):
                told.add(record.key)
                yield record

    def _rows(self, api: Api, path: str) -> Iterator[Mapping[str, Any]]:
        where = f"connection '{self.connection.name}' at {path}"

        def page(at: str | None) -> tuple[list[Mapping[str, Any]], str | None]:
            body = api.get(path, {"page_size": _PER_PAGE, "page": at or "1"}).body
            if isinstance(body, list):  # a user without rights, or an older server that gives all at once
                return body, None
            rows = body.get("results") if isinstance(body, Mapping) else None
            if not isinstance(rows, list):
                raise UnexpectedShape(f"{where}: the answer holds no list 'results'")
            last, here = body.get("total_pages"), body.get("page")
            more = isinstance(last, int) and isinstance(here, int) and here < last
            return rows, str(here + 1) if more else None

        for rows in by_cursor(page, where=where):
            yield from (row for row in rows if isinstance(row, Mapping))

    def check(self, api: Api) -> str:
        """How many people the user sees, and how many rows the exports hold."""
        said = []
        if self.connection.get("user"):
            self._know_people(api)
            said.append(f"{len(self._names)} users can be read")
        if self.connection.get("files"):
            paths = self._paths()
            said.append(f"{len(paths)} exports with {sum(1 for path in paths for _ in self.read_file(path))} rows")
        if not said:
            raise ConfigurationError(f"connection '{self.connection.name}': neither 'files' nor 'user' is filled in")
        return ", ".join(said)

    # --- read -----------------------------------------------------------------------------------------------------------------------

    def read(self, payload: Any) -> Iterator[Record]:
        """A row of an export as an object, an answer or row of attemptlog, or a list of users, which makes what follows richer; or an exchange of one."""
        payload = answer_in(payload)
        if isinstance(payload, Mapping) and isinstance(payload.get("results"), list):
            yield from every_row(payload["results"], self._of_row)
        elif isinstance(payload, list) and payload:
            yield from every_row(payload, self._of_row)
        else:
            yield from self._of_row(payload)

    def _of_row(self, row: Any, place: str = "") -> Iterator[Record]:
        if not isinstance(row, Mapping):
            raise BadRecord(_UNKNOWN)
        named = {_COLUMNS[word]: value for name, value in row.items() if (word := _header(name)) in _COLUMNS}
        if {"user", "content", "start"} <= named.keys():
            key = name_uuid("kolibri row", *(str(named.get(name)) for name in ("content", "start", "end", "spent")))
            yield self._row(named, key)
        elif {"facility", "user", "content", "start"} <= row.keys():  # a record of our own, before it was reduced
            yield self._row(
                row, name_uuid("kolibri row", *(str(row.get(name)) for name in ("content", "start", "end")))
            )
        elif {"item", "start_timestamp", "correct"} <= row.keys():
            yield self._attempt(row)
        elif {"item", "correct", "mastery"} <= row.keys():
            yield Record("attempt", str(row.get("id")), row)
        elif {"username", "facility", "id"} <= row.keys():
            self._known(row)
        else:
            raise BadRecord(_UNKNOWN)

    def read_file(self, path: str) -> Iterator[Record]:
        """The rows of one export. Raises BadRecord for a file that is none."""
        name = posixpath.basename(path)
        columns: list[str | None] = []
        with files.opened(path) as stream:
            lines = (
                line.decode("utf-8-sig" if number_ == 0 else "utf-8", "replace") for number_, line in enumerate(stream)
            )
            header: list[str] = []
            for line, cells in enumerate(csv.reader(lines), 1):
                if line == 1:
                    header = cells
                    continue
                if not columns:
                    columns = _places(header, cells)
                    if not columns:
                        raise BadRecord(f"{name} is no export of Kolibri's session or summary logs")
                row = {column: cell for column, cell in zip(columns, cells, strict=False) if column}
                yield self._row(row, f"{name} line {line}")
            if not columns and _header(header[0] if header else "") not in _COLUMNS:
                raise BadRecord(f"{name} is no export of Kolibri's session or summary logs")

    def _row(self, row: Mapping[str, Any], key: str) -> Record:
        """A row of a session, or of what became of a content: the latter has a column for its completion."""
        name = f"{row.get('facility')}/{row.get('user')}"
        is_trainer = str(row.get("user_type") or "").strip().casefold() in _TRAINERS or name in self._trainers
        fields = {**row, "person": self._person(name), "role": "trainer" if is_trainer else None}
        return Record("summary" if "completed" in row else "session", key, fields)

    def _attempt(self, row: Mapping[str, Any]) -> Record:
        user = row.get("user")
        name = self._names.get(str(user), str(user)) if user else None
        fields = {
            "id": str(row.get("id")), "item": row.get("item"), "start": row.get("start_timestamp"), "end": row.get("end_timestamp"), "completed": row.get("completion_timestamp"),
            "spent": row.get("time_spent"), "complete": row.get("complete"), "correct": row.get("correct"), "error": row.get("error"), "mastery": row.get("masterylog"),
            "person": self._person(name), "role": "trainer" if name in self._trainers else None,
        }  # fmt: skip
        return Record("attempt", str(row.get("id")), fields)

    def _person(self, name: str | None) -> dict[str, Any]:
        if not name:
            return {}
        login = name.rpartition("/")[2]
        return {"account": name, "email": login if "@" in login else None, "hr": self._hr.get(name)}

    # --- map -------------------------------------------------------------------------------------------------------------------------

    @maps("session")
    def session(self, record: Record, people: People) -> Outcome:
        """`watched`, `viewed` or `attempted` for as long as it took; a session that grew is stated anew."""
        if record.get("fault"):
            raise BadRecord(str(record["fault"]))
        refused = self._not_read(record)
        if refused:
            return refused
        verb, type_iri = _sort(record)
        end = parse_time(record.get("end") or record["start"])
        seconds = _seconds(record.get("spent"))
        return statement(
            actor=_agent(people, record),
            verb=verb,
            object=self._content(record, type_iri),
            result={"duration": duration(seconds), "completion": True if _progress(record) == 1 else None},
            grouping=self._channel(record),
            timestamp=end,
            extensions=self._extensions(record),
            key=f"session {record['person'].get('account')} {record['content']} {record['start']}",
            revision=f"{record.get('end')}/{record.get('spent')}/{record.get('progress')}",
        )

    @maps("summary")
    def summary(self, record: Record, people: People) -> Outcome:
        """`completed` a content. Its time stands in its sessions, so a test says zero and the others nothing."""
        refused = self._not_read(record)
        if refused:
            return refused
        if not record.get("completed"):
            return Ignored("content that is not completed yet")
        _, type_iri = _sort(record)
        return statement(
            actor=_agent(people, record),
            verb=verbs.COMPLETED,
            object=self._content(record, type_iri),
            result={"completion": True, "duration": duration(0) if type_iri == types.ASSESSMENT else None},
            grouping=self._channel(record),
            timestamp=parse_time(record["completed"]),
            extensions=self._extensions(record),
            key=f"completed {record['person'].get('account')} {record['content']}",
            revision=str(record["completed"]),
        )

    @maps("attempt")
    def attempt(self, record: Record, people: People) -> Outcome:
        """`answered` a question of an exercise; right where the first answer was."""
        if not record["person"].get("account"):
            return Ignored("by a visitor or a program, not by a person")
        if record.get("error"):
            return Ignored("question that could not be shown")
        if not record.get("complete"):
            return Ignored("question that is still open")
        item = str(record["item"] or "")
        if not item or len(item) > _LONGEST_ITEM:
            raise BadRecord("the row does not say which question it is about")
        mastery = record.get("mastery")
        return statement(
            actor=_agent(people, record),
            verb=verbs.ANSWERED,
            object=activity(f"{self.tenant}/questions/{quote(item, safe='')}", types.CMI_INTERACTION),
            result={
                "completion": True,
                "success": number(record["correct"]) == 1,
                "duration": duration(_seconds(record.get("spent"))),
            },
            parent=activity(f"{self.tenant}/attempts/{_hex(mastery, 'attempt')}", types.ATTEMPT) if mastery else None,
            timestamp=parse_time(record.get("completed") or record["end"]),
            extensions={"actor-role": record.get("role")},
            key=str(record.get("id") or record.key),
            revision=f"{record.get('completed') or record['end']}/{record['correct']}",
        )

    def _not_read(self, record: Record) -> Ignored | None:
        if not self.courses.is_wanted((record.get("channel_name"), record.get("channel"))):
            return Ignored("of a channel that is not read")
        return None

    def _content(self, record: Record, type_iri: str) -> dict[str, Any]:
        address = f"{self.tenant}/content/{_hex(record['content'], 'content')}"
        return activity(address, type_iri, name=_text(record.get("title")))

    def _channel(self, record: Record) -> list[dict[str, Any]]:
        channel = record.get("channel")
        if not channel:
            return []
        address = f"{self.tenant}/channels/{_hex(channel, 'channel')}"
        return [activity(address, types.COURSE, name=_text(record.get("channel_name")))]

    def _extensions(self, record: Record) -> dict[str, Any]:
        terms = self.courses.terms((record.get("channel_name"), record.get("channel")), due=False)
        return {**terms, "actor-role": record.get("role")}


# --- small readings -------------------------------------------------------------------------------------------------------------------------


def _header(name: Any) -> str:
    return str(name).removeprefix("\ufeff").strip().casefold()


def _places(header: list[str], cells: list[str]) -> list[str | None]:
    """Our name of each column: by its header where that is English, else by its place; none for a file of another kind."""
    named = [_COLUMNS.get(_header(each)) for each in header]
    if {"user", "content", "start"} <= set(named):
        return named
    if len(cells) < len(_FIRST) + len(_SESSION) or not _is_hex(cells[5]):
        return []
    last = next((names for names in (_SUMMARY, _SESSION) if _is_time(cells[-len(names)])), None)
    if last is None:
        return []
    between: list[str | None] = [None] * (len(cells) - len(_FIRST) - len(last))
    return [*_FIRST, *between, *last]


def _is_hex(text: str) -> bool:
    return len(text) == 32 and all(letter in "0123456789abcdef" for letter in text)


def _is_time(text: str) -> bool:
    try:
        return bool(parse_time(text, zone="UTC"))
    except BadRecord:
        return False


def _hex(value: Any, what: str) -> str:
    """An id inside an address. Raises BadRecord."""
    text = str(value)
    if (
        not text
        or not all(letter.isascii() and (letter.isalnum() or letter in "-_") for letter in text)
        or len(text) > 64
    ):
        raise BadRecord(f"the row does not say which {what} it is about")
    return text


def _inside(window: Window, at: Any) -> bool:
    if not at:
        return True
    try:
        return window.holds(parse_time(at))
    except (BadRecord, TypeError, AttributeError):
        return True


def _sort(record: Record) -> tuple[Verb, str]:
    return _SORTS.get(str(record.get("content_kind")), (verbs.VIEWED, types.MEDIA))


def _seconds(value: Any) -> float:
    seconds = number(value or 0)
    if not 0 <= seconds <= _LONGEST_S:
        raise BadRecord("the time spent is none")
    return seconds


def _progress(record: Record) -> float:
    return number(record.get("progress") or 0)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _agent(people: People, record: Record) -> dict[str, Any]:
    who = record["person"]
    return people.actor(who.get("account"), email=who.get("email"), hr=who.get("hr"))
