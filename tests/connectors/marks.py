"""Marks in texts, names and addresses, by which they are found again wherever they went: in payloads, in files that platforms export, and on the wire.

A text has one mark wherever it stands, so that what belongs together still does. What may be found are the names of things, listed below by field.
"""

import bz2
import csv
import gzip
import io
import json
import re
import sqlite3
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

_PERSON = re.compile(
    r"user|sender|author|e?mail|display|given|family|surname|firstname|lastname|fullname|principal|login|participant|attendee|member|phone|avatar|picture",
    re.IGNORECASE,
)
# Fields that hold what somebody wrote, and names of people, whatever stands in them: also a single word
_WRITTEN = re.compile(
    r"text|message|msg|body|content|cooked|raw|rich|plain|html|commentary|caption|quote|note|comment|feedback|bio|summary|subject|question|answers?|response"
    r"|formatted_?body|formatted_?text|argument_?text|fallback_?text|simple_answer|response_text|user_?name|nick_?name|first_?name|last_?name|full_?name|real_name"
    r"|short_name|sortable_name|given_name|family_name",
    re.IGNORECASE,
)
_A_PERSON = re.compile(
    r"from|u|users?|me|sender|author|creator|organizer|emailaddress|profile|actor|owner|editedby|resharer|plusoner",
    re.IGNORECASE,
)
_WORDS = re.compile(r"[^\W\d_]{2,}\s+[^\W\d_]{2,}")
_A_WORD = re.compile("[a-z_]{2,20}|[A-Z_]{2,20}")  # of a vendor's own list: "user", "HUMAN"
_A_THING = re.compile(
    r"urn:li:organization:|\w{3} \w{3} \d\d \d\d:|\{"
)  # a page, a time as X writes it, JSON in a string
_A_TIME = re.compile(r"^\d{4}-\d\d-\d\d|^\d\d?-\d\d?-\d{4}")
_MARK = re.compile(r"mrk\d{5}x", re.IGNORECASE)
_ASKED = re.compile(rb"mrk\d{5}x(?:%20|\+| )?")
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]*\w")

# Fields that name a thing (a course, a room, a meeting, a form of learning), not a person and not what somebody wrote; with a dot before it a whole place.
THINGS = {
    "bigbluebutton": {"name"},  # of a meeting
    "calendar": {
        "subject",
        "summary",
        "response",
    },  # of an event that the operator's words make one of learning; a word of the vendor's list
    "canvas": {"name"},  # of an assignment
    "googlechat": {".displayName"},  # of a space
    "googleplus": {"displayName"},  # of a community
    "gotowebinar": {"webinarName"},
    "kolibri": {"Channel name", "Content title"},
    "coursera": {"contentName", "programName"},
    "linkedin_learning": {".elements.contentDetails.name"},  # learners have a name as well
    "meet": {"topic"},  # of a meeting, out of the calendar that the operator connected
    "moodle": {  # of activities, topics and courses: people have a fullname as well
        "name",
        "title",
        "itemname",
        ".courses.fullname",
        ".courses.displayname",
        ".enrolledcourses.fullname",
    },
    "moodle_log": {"name", "fullname"},  # of activities and courses
    "openbadges": {".credentialSubject.achievement.name"},
    "openedx": {  # ids and names of parts of a course, roles in a forum
        "display_name",
        "usage_key",
        "problem_id",
        "user_forums_roles",
        "block_id",
        "component_usage_id",
        "exam_content_id",
        "exam_name",
        "id",
        "module_id",
    },
    "report": {"course_name", "training_title", "title"},
    "sheet": {"Titel", "Onderwerp"},
    "teams": {".value.subject", ".value.displayName", "id"},  # of a meeting or a webinar, whose id holds an @
    "teamschat": {"channelId", ".displayName"},  # of a channel
    "totara": {"name", "data"},  # of a seminar; cells of a report, the course among them
    "yammer": {"group_name"},
    "udemy": {"course_title", "item_title", "item_type"},
    "webex": {"title"},  # of a meeting
    "zoom": {"topic"},
    "zulip": {"display_recipient"},  # the channel
}

# Settings by which an operator lets more through. Here they stand as they do by default.
ALLOWED_BY_THE_OPERATOR = {"openedx": {"answers"}, "selfreport": {"titles"}}

Place = tuple[str, ...]
Change = Callable[[Place, str], str]


def strings(value: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Every string of a payload, and where it stands; places of lists do not count their elements."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from strings(each, (*place, name))
    elif isinstance(value, list):
        for each in value:
            yield from strings(each, place)
    elif isinstance(value, str):
        yield place, value


def changed(value: Any, change: Change, place: Place = ()) -> Any:
    """The payload with each string changed."""
    if isinstance(value, dict):
        return {name: changed(each, change, (*place, name)) for name, each in value.items()}
    if isinstance(value, list):
        return [changed(each, change, place) for each in value]
    return change(place, value) if isinstance(value, str) else value


def is_secret(place: Place, text: str) -> bool:
    """Whether a string looks like a text, a name or an address."""
    if _is_written(place, text):
        return True
    if (
        not text
        or _A_WORD.fullmatch(text)
        or (place and place[-1].lower().endswith(("type", "status")))
        or _A_THING.match(text)
        or _A_TIME.match(text)
        or (place and place[-1] in {"@odata.type", "@odata.context"})
    ):
        return False
    return bool(
        _WORDS.search(text)
        or "@" in text
        or (place and _PERSON.search(place[-1]) and "://" not in text and re.search("[A-Za-z]{3}", text))
    )


def _is_written(place: Place, text: str) -> bool:
    """Whether the field is one for texts or names of people; an id or an address in it is none."""
    if not place or not re.search("[^\\W\\d_]{2}", text) or re.match(r"[a-z]+/[\w/.-]+$|m\.\w+|\{|\w+://", text):
        return False
    *above, last = [each for each in place if not each.isdigit()] or [""]
    return bool(
        _WRITTEN.fullmatch(last) or (last.lower() in {"name", "label"} and above and _A_PERSON.fullmatch(above[-1]))
    )


def is_thing(source: str, place: Place) -> bool:
    """Whether the field names a thing at this source."""
    return not THINGS.get(source, set()).isdisjoint(("." + ".".join(place), place[-1] if place else ""))


class Marks:
    """Gives out marks and remembers where each was put. With `apart` each place has a mark of its own, whatever stands there."""

    def __init__(self, *, apart: bool = False) -> None:
        self.places: defaultdict[str, set[Place]] = defaultdict(set)
        self._of: dict[Any, str] = {}
        self._apart = apart

    def put(self, place: Place, text: str) -> str:
        """The text with a mark in it; a form that a vendor's ids and addresses have stays."""
        if _MARK.search(text):
            return text
        mark = self._of.setdefault((len(self._of), text) if self._apart else text, f"mrk{len(self._of):05}x")
        self.places[mark].add(place)
        start = re.search(r"[^\W_]", text)
        at = start.start() if start else 0
        return text[:at] + mark + (" " if " " in text else "") + text[at:]

    def marked(self, source: str, place: Place, text: str) -> str:
        """The text with a mark, unless it is none that must not be found; lists of addresses have one in each."""
        if is_thing(source, place) or not is_secret(place, text):
            return text
        if text.count("@") > 1 and " " not in text and ";" in text:
            return ";".join(self.put((source, *place), each) for each in text.split(";"))
        return self.put((source, *place), text)

    def found(self, text: str) -> set[str]:
        """The marks that are in this text."""
        return {mark for each in _MARK.findall(text) if (mark := each.lower()) in self.places}

    def addresses(self) -> set[str]:
        """All e-mail addresses that have a mark, with it."""
        marked = (
            self.put(place, text) for text in list(self._of) for place in [next(iter(self.places[self._of[text]]))]
        )
        return {address for text in marked for address in _ADDRESS.findall(text) if _MARK.match(address)}


# --- files ------------------------------------------------------------------------------------------------------------------------


def file(data: bytes, name: str, mark: Change) -> bytes:
    """A file that a platform exports, with marks in it. Raises ValueError for one of a form that is not known here."""
    lower = name.lower()
    for ending, packed in {".gz": gzip, ".bz2": bz2}.items():
        if lower.endswith(ending):
            return packed.compress(file(packed.decompress(data), name[: -len(ending)], mark))
    for ending, form in _FORMS.items():
        if re.search(ending, lower):
            return form(data, mark)
    raise ValueError(f"nobody knows how a file like {name} is marked")


def _json(data: bytes, mark: Change) -> bytes:
    return json.dumps(changed(json.loads(data), mark), ensure_ascii=False).encode()


def _json_lines(data: bytes, mark: Change) -> bytes:
    def line(text: bytes) -> bytes:
        head, brace, rest = text.partition(b"{")  # a log may have something before it
        try:
            return head + _json(brace + rest, mark)
        except ValueError:
            return text  # some lines are none on purpose

    return b"\n".join(map(line, data.split(b"\n")))


def _table(data: bytes, mark: Change) -> bytes:
    text = data.decode("utf-8-sig")
    separator = max(",;\t", key=text.count)
    made = io.StringIO(newline="")
    csv.writer(made, delimiter=separator).writerows(_cells(csv.reader(io.StringIO(text, newline=""), delimiter=separator), mark))  # fmt: skip
    return made.getvalue().encode("utf-8-sig")


def _cells(rows: Iterable[Sequence[Any]], mark: Change) -> Iterator[list[Any]]:
    """Rows with marks: the first of many cells names the columns, what stands above is a title."""
    header: list[str] = []
    for row in rows:
        if not header:
            header = list(map(str, row)) if sum(cell not in {"", None} for cell in row) > 2 else []
            yield [mark(("title",), cell) if isinstance(cell, str) and not header else cell for cell in row]
        else:
            yield [mark((name,), cell) if isinstance(cell, str) else cell for name, cell in zip(header, row, strict=False)]  # fmt: skip


def _workbook(data: bytes, mark: Change) -> bytes:
    import openpyxl

    book, made = openpyxl.load_workbook(io.BytesIO(data)), io.BytesIO()
    for sheet in book.worksheets:
        rows = list(_cells(list(sheet.iter_rows(values_only=True)), mark))
        for number, row in enumerate(rows, 1):
            for column, cell in enumerate(row, 1):
                sheet.cell(number, column).value = cell
    book.save(made)
    return made.getvalue()


def _archive(data: bytes, mark: Change) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.infolist():
            inside = old.read(member)
            with suppress(ValueError):
                inside = file(inside, member.filename, mark)
            new.writestr(member, inside)
    return made.getvalue()


def _calendar(data: bytes, mark: Change) -> bytes:
    def line(match: re.Match[str]) -> str:
        name, rest = match[1].lower(), match[2]
        if name in {"attendee", "organizer"}:
            return match[1] + re.sub(r'(CN="?|mailto:)([^";:\r]+)', lambda each: each[1] + mark((name,), each[2]), rest, flags=re.IGNORECASE)  # fmt: skip
        return match[1] + re.sub(r"(?<=:).*", lambda each: mark((name,), each[0]), rest, count=1)

    names = "ATTENDEE|ORGANIZER|DESCRIPTION|LOCATION|COMMENT|CONTACT|X-ALT-DESC|X-WR-CALNAME"
    return re.sub(rf"^({names})([;:][^\r\n]*)", line, re.sub(r"\r?\n[ \t]", "", data.decode()), flags=re.MULTILINE).encode()  # fmt: skip


def _chat(data: bytes, mark: Change) -> bytes:
    """An exported chat of WhatsApp: names of senders, what they wrote, and the lines that follow."""

    def line(match: re.Match[str]) -> str:
        head, sender, text = match.groups()
        return f"{head}{mark(('sender',), sender)}: {mark(('text',), text)}" if sender else head + mark(("text",), text)

    told = re.compile(
        r"^(\W*\d[\d/.-]+,? \d[\d:.]+(?:\s?[AaPp]\.?[Mm]\.?)?(?:\]| -) )?(?:([^:\n\r]{1,40}): )?([^\r\n]+)",
        re.MULTILINE,
    )
    return told.sub(lambda match: line(match) if match[1] else mark(("text",), match[0]), data.decode()).encode()


def _xml(data: bytes, mark: Change) -> bytes:
    text = re.sub(r"<(\w+)>(?!\s*<\w)(<!\[CDATA\[)?([^<\]]+)", lambda each: f"<{each[1]}>{each[2] or ''}{mark((each[1],), each[3])}", data.decode())  # fmt: skip
    return re.sub(r'(\w+)="([^"]+)"', lambda each: f'{each[1]}="{mark((each[1],), each[2])}"', text).encode()


def database(path: Path, mark: Change) -> None:
    """Marks every text in the tables of a SQLite file, in its place."""
    with closing(sqlite3.connect(path)) as opened, opened:
        for (table,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for _, column, *_ in opened.execute(f'PRAGMA table_info("{table}")').fetchall():
                for (text,) in opened.execute(f'SELECT DISTINCT "{column}" FROM "{table}" WHERE typeof("{column}") = \'text\'').fetchall():  # fmt: skip
                    opened.execute(f'UPDATE "{table}" SET "{column}" = ? WHERE "{column}" = ?', (_cell(column, text, mark), text))  # fmt: skip


def _cell(column: str, text: str, mark: Change) -> str:
    return _json(text.encode(), mark).decode() if text[:1] in {"{", "["} else mark((column,), text)


_FORMS: dict[str, Callable[[bytes, Change], bytes]] = {
    r"\.json$": _json,
    r"\.jsonl$|\.log": _json_lines,
    r"\.csv$": _table,
    r"\.xlsx$": _workbook,
    r"\.zip$": _archive,
    r"\.ics$": _calendar,
    r"\.txt$": _chat,
    r"\.xml$": _xml,
}


# --- on the wire --------------------------------------------------------------------------------------------------------------------


class Wire:
    """An ASGI app whose answers have marks, and who is asked without: what stands in an address or a question is known to the app by its old name."""

    def __init__(self, app: Any, mark: Change) -> None:
        self._app = app
        self._mark = mark

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        plain = {name: _ASKED.sub(b"", scope[name] or b"") for name in ("raw_path", "query_string") if name in scope}
        started: list[Any] = []
        body = bytearray()

        async def asked() -> Any:
            told = await receive()
            return {**told, "body": _ASKED.sub(b"", told["body"])} if told.get("body") else told

        async def answer(told: Any) -> None:
            if told["type"] == "http.response.start":
                started.append(told)
                return
            body.extend(told.get("body", b""))
            if not told.get("more_body"):
                kept = [each for each in started[0]["headers"] if each[0] != b"content-length"]
                sent = self._marked(bytes(body), dict(kept).get(b"content-type", b""))
                await send({**started[0], "headers": [*kept, (b"content-length", str(len(sent)).encode())]})
                await send({"type": "http.response.body", "body": sent})

        headers = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
        path = _ASKED.sub(b"", scope["path"].encode()).decode()
        return await self._app({**scope, **plain, "path": path, "headers": headers}, asked, answer)

    def _marked(self, body: bytes, kind: bytes) -> bytes:
        form = next((form for name, form in ((b"json", _json), (b"xml", _xml), (b"csv", _table)) if name in kind), None)
        with suppress(ValueError):
            return form(body, self._mark) if form and body else body
        return body
