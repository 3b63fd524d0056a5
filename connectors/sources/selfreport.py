"""Self-reports: what people say they learned elsewhere, out of the forms in which they tell it.

API         files on a disk or any store that fsspec knows: exports of Microsoft Forms, Google Forms and the like as CSV, XLSX or JSON
Permission  to read the files
People      the employee id that is asked for, or the e-mail address under which the form was sent; a name is never read
Kept        no title: it can hold anything that a person wrote. With the setting `titles` those of things that have one (conferences, courses, books);
            what people write about talks, tasks and reflections never is
Counts as   reported by oneself, and marked so in every statement: figures can be shown with and without it
Late facts  people report late and mend what they wrote; the look-back is 92 days, and a corrected report replaces its statement
Rejects     a report that cannot be understood is quarantined with file, line number and reason; the others load
Not seen    whether it is true; what nobody reported; when the form was filled in
Verified    from documentation only, with exports made as Microsoft Forms and Google Forms write them
"""

import posixpath
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any, ClassVar

import orjson

from connectors import files
from connectors.source import Record, Setting, Verified
from connectors.sources.sheet import HEADERS, KINDS, Sheet, day_of
from leerstroom.errors import BadRecord
from leerstroom.people import Pseudonyms
from leerstroom.statements import Verb, types, verbs

_TASKS = ("on-the-job", "nieuwe taak", "new task", "klus", "stretch assignment", "project")
_CONVERSATIONS = ("community", "kennisgroep", "community of practice", "buddygesprek", "feedbackgesprek")
_VISITS = ("visit", "werkbezoek", "bedrijfsbezoek", "excursie", "site visit")
_REPORTED: Mapping[str, tuple[Verb, str]] = {
    **KINDS,
    **dict.fromkeys(("webinar", "livestream", "online sessie"), (verbs.ATTENDED, types.WEBINAR)),
    **dict.fromkeys(("e-learning", "elearning", "mooc", "online cursus", "online course"), (verbs.COMPLETED, types.COURSE)),
    **dict.fromkeys(("book", "boek"), (verbs.READ, types.BOOK)),
    **dict.fromkeys(("article", "artikel", "vakliteratuur", "vakblad", "reading", "lezen"), (verbs.READ, types.ARTICLE)),
    **dict.fromkeys(("video", "documentaire", "documentary"), (verbs.WATCHED, types.VIDEO)),
    **dict.fromkeys(("podcast",), (verbs.EXPERIENCED, types.MEDIA)),
    **dict.fromkeys(("self-study", "zelfstudie"), (verbs.EXPERIENCED, types.RESOURCE)),
    **dict.fromkeys(_TASKS, (verbs.PERFORMED_OFFLINE, types.TASK)),
    **dict.fromkeys(_CONVERSATIONS, (verbs.ATTENDED, types.FACE_TO_FACE_DISCUSSION)),
    **dict.fromkeys(_VISITS, (verbs.ATTENDED, types.VISIT)),
    **dict.fromkeys(("reflection", "reflectie", "terugblik"), (verbs.REFLECTED, types.NOTE)),
}  # fmt: skip
_HAVE_TITLES = frozenset({types.CONFERENCE, types.CLASSROOM, types.WORKSHOP, types.WEBINAR, types.COURSE, types.BOOK, types.ARTICLE, types.VIDEO, types.MEDIA})  # fmt: skip
_LISTS = ("responses", "value", "items", "data")


class SelfReport(Sheet):
    """The answers to a form."""

    name: ClassVar[str] = "selfreport"
    title: ClassVar[str] = "Self-reports (CSV, XLSX, JSON)"
    verified: ClassVar[Verified] = Verified.DOCUMENTATION
    look_back: ClassVar[timedelta] = timedelta(days=92)
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("files", "Files", many=True, help="paths or addresses with *, such as forms/*.xlsx"),
        Setting("columns", "Columns", kind="mapping", required=False, help="ours: the question in the form; person_id, email, title, date, until, hours, kind, role, initiator and status are ours"),
        Setting("words", "Kinds", kind="mapping", required=False, help="an answer of the form: conference, coaching, on-the-job, book, article, e-learning, reflection … as we call it"),
        Setting("worksheet", "Worksheet", required=False, help="of XLSX files; * for all, the first by default"),
        Setting("default_kind", "Kind", default="", required=False, help="of reports that name none"),
        Setting("titles", "Titles", default=False, kind="flag", required=False, help="keep the titles of conferences, courses and books that people report"),
        Setting("language", "Language", default="nl", required=False, help="of the titles, BCP 47"),
        Setting("time_zone", "Time zone", default="Europe/Amsterdam", kind="zone", required=False),
        Setting("register", "Register", default="https://selfreports.leerstroom.example", kind="url", required=False, help="home page of reports, another one for each form; never change it"),
    )  # fmt: skip
    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".xlsx", ".json")
    kinds: ClassVar[Mapping[str, tuple[Verb, str]]] = _REPORTED
    # Of a form `Begintijd` and `Start time` are when somebody began to fill it in.
    headers: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **HEADERS,
        "email": (*HEADERS["email"], "email address", "e-mail address", "gebruikersnaam", "username"),
        "session_id": ("id", "response id", "responseid", "antwoord-id", "reactie-id"),
        "title": (*HEADERS["title"], "activiteit", "naam activiteit", "naam van de activiteit", "activity", "wat heb je gedaan?"),
        "date": (*HEADERS["date"], "begindatum", "startdatum", "start date", "datum activiteit", "wanneer was het?"),
        "until": ("until", "einddatum", "end date", "tot en met", "t/m"),
        "start": ("starttijd activiteit",),
        "end": ("eindtijd activiteit",),
        "hours": (*HEADERS["hours"], "aantal uur", "hoeveel uur?", "uren besteed", "time spent (hours)"),
        "kind": (*HEADERS["kind"], "soort activiteit", "leervorm", "activity type", "type of activity"),
    }  # fmt: skip
    keep: ClassVar[Mapping[str, tuple[str, ...]]] = {"line": (*Sheet.keep["line"], "until")}

    @property
    def tenant(self) -> str:
        """The form."""
        told = self.connection.get("tenant") or self.connection.get("register")
        return str(told or "https://selfreports.leerstroom.example").rstrip("/")

    # --- pull ----------------------------------------------------------------------------------------------------------------

    def read_file(self, path: str) -> Iterator[Record]:
        """The reports of one file. Raises BadRecord for a file that is no export, with what is wrong."""
        name = posixpath.basename(path)
        if not name.lower().endswith(".json"):
            yield from super().read_file(path)
            return
        try:
            found = orjson.loads(files.read(path))
        except orjson.JSONDecodeError as error:
            raise BadRecord(f"{name} is no JSON") from error
        listed = next((found[each] for each in _LISTS if isinstance(found.get(each), list)), None) if isinstance(found, dict) else found  # fmt: skip
        if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
            raise BadRecord(f"{name} holds no list of reports")
        header = list(dict.fromkeys(question for report in listed for question in report))
        rows = ((number, [report.get(question) for question in header]) for number, report in enumerate(listed, 1))
        yield from self.lines([("", 0, header), *(("", number, cells) for number, cells in rows)], name)

    # --- at the edge --------------------------------------------------------------------------------------------------------------

    def minimise(self, record: Record, pseudonyms: Pseudonyms) -> Record:
        """The report as it may land, in our words; who reported is who learned, and others are not counted with them."""
        words = {str(theirs).lower(): ours for theirs, ours in (self.connection.get("words") or {}).items()}
        told = " ".join(str(record.get("kind") or "").split()).lower()
        ours = Record(record.kind, record.key, {**record, **({"kind": words[told]} if told in words else {})})
        kept = super().minimise(ours, pseudonyms)
        kept.pop("group_size", None)
        if day_of(kept.get("until")) is None:
            kept.pop("until", None)
        return Record(kept.kind, kept.key, {**kept, **({} if "fault" in kept else {"registered_by": "self"})})

    def is_talk(self, line: Mapping[str, Any]) -> bool:
        """Whether the title may be something that a person wrote about a person or the work, and no title of a thing."""
        if not self.connection.get("titles", False):
            return True
        told = " ".join(str(line.get("kind") or self.connection.get("default_kind") or "").split()).lower()
        _, kind = self.kinds.get(told, (None, ""))
        return kind not in _HAVE_TITLES

    def days(self, line: Mapping[str, Any], day: date) -> int:
        """A conference may last days and is reported once."""
        last = day_of(line.get("until"))
        return max(1, (last - day).days + 1) if last else 1
