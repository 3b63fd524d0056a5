"""Moodle by its log: all that people did on a site, views and deletions too, out of its database.

API         read-only SQL on the standard log store and the tables that its rows refer to: PostgreSQL, MariaDB or MySQL; no plugin, no web service.
            Pages of 2,000 rows by time and id, then one query a table for what a page refers to
Permission  a user of the database with SELECT on the log and on the tables that `COLUMNS` in tables.py names, and no other right; the setting
            prefix where the tables are not called mdl_. The standard log must be switched on
People      the learner: whom it happened to (relateduserid) for enrolments, completions, grades, badges; else who did it. Never cron (0, -1), nor an
            administrator who was logged in as somebody else. User id, e-mail address and id number as keyed references; a deleted user has only the id
Anonymous   answers to an anonymous feedback are stated of nobody: actor `anonymous`, and the landing holds no reference
Content     posts become features in the pull stage; answers, texts and comments are never read, or only to see whether they are right. Private
            messages, notes about people and who looked at whose profile are counted and nothing else
Once        of several rows of one act one is told: an upload, a subscription or an "about to submit" beside a post adds nothing. A fact that the web services
            tell too (`moodle`) has the same verb, object and time here, so both may run: the indicators count it once
Late facts  look back 3 days: a row is written at the end of a request and may come after younger ones. Its id is made of time and number, so a log that
            was started anew makes no statement of another fact
Deleted     a deleted post, comment or entry and a revoked badge void what was stated; a module that is gone keeps its number
Kept        by the setting "keep logs for" of the site; never is Moodle's default
Cost        a query of 2,000 rows and some 15 small ones, on an index by time; use a replica where the site is busy
Not seen    who rated a post; what apps do offline until they synchronise; texts of any kind
Verified    with the log of a real Moodle 4.5 on PostgreSQL and MariaDB, and with the cases of the plugin logstore_xapi (docs/moodle-differences.md)
"""

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import islice
from typing import Any, ClassVar

from connectors.http import Api
from connectors.source import Connection, Record, Setting, Verified, Window, maps
from connectors.sources.moodle.events import Says, says
from connectors.sources.moodle.facts import COMMON, MODULE, REFERENCES, SETTINGS, Facts, names_of
from connectors.sources.moodle.rows import Rows, event_of
from connectors.sources.moodle.tables import LOG, Database, Exported, Given, Tables, exported
from connectors.sources.moodle.values import agent, moment
from leerstroom.errors import BadRecord, ConfigurationError
from leerstroom.people import ExcludedAccount, People
from leerstroom.statements import Ignored, Outcome, Retracted, duration, statement, types, verbs

_UNKNOWN = "no row of Moodle's log"
_BATCH = 2000
_ORGANIZER = "organizer"  # the role of who runs a platform or course: nothing that they learn
_GRADER = {"grader.account": "account", "grader.email": "email", "grader.hr": "hr"}


class MoodleLog(Facts):
    """One Moodle site as its log shows it."""

    name: ClassVar[str] = "moodle_log"
    title: ClassVar[str] = "Moodle (log store)"
    verified: ClassVar[Verified] = Verified.PAYLOADS
    look_back: ClassVar[timedelta] = timedelta(days=3)
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("host", "Site", kind="url", help="its address as people see it, such as https://moodle.example.org; the same as in a connection of its web services"),
        Setting("database", "Database", kind="url", secret=True, help="such as postgresql://reader:password@host/moodle or mariadb://reader:password@host/moodle"),
        Setting("prefix", "Prefix of tables", default="mdl_", required=False),
        *SETTINGS,
    )  # fmt: skip
    record_kinds: ClassVar[tuple[str, ...]] = (*Facts.record_kinds, "event")
    keep: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **Facts.keep,
        "event": (
            *COMMON, *MODULE, "person.is_anonymous", "name", "silence", "result", *_GRADER,
            *(f"thing.{name}" for name in ("id", "above", "action", "code", "discussion", "page", "session")),
        ),
    }  # fmt: skip
    people: ClassVar[Mapping[str, Mapping[str, str]]] = {
        **Facts.people,
        "event": {
            **REFERENCES,
            **_GRADER,
            "thing.code": "account",
        },  # with the code of a certificate anybody sees whose it is
    }

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._sorts: dict[str, str] = {}  # module -> its sort, as rows that were seen before tell it

    def api(self) -> Api:
        """Nothing is asked over HTTP; the object only counts zero requests."""
        return Api(self.tenant, connection=self.connection.name)

    def _database(self) -> Database:
        return Database(
            str(self.connection["database"]),
            prefix=str(self.connection.get("prefix") or "mdl_"),
            connection=self.connection.name,
        )

    def _rows(self, tables: Tables) -> Rows:
        return Rows(
            tables,
            trainers=self._trainers,
            wanted=(lambda course: self.courses.is_wanted(names_of(course)))
            if self.connection.get("courses")
            else None,
            sorts=self._sorts,
        )

    # --- pull and read --------------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """The rows of the window, each as one record."""
        with self._database() as database:
            rows = self._rows(database)
            for page in database.log(window):
                yield from rows.records(page)

    def check(self, api: Api) -> str:
        """Reads a row of the log and the tables. Raises ConfigurationError for an empty log."""
        with self._database() as database:
            newest = database.newest()
            if newest is None:
                raise ConfigurationError(
                    f"connection '{self.connection.name}': the log is empty; switch on the standard log in Moodle"
                )
            lacking = database.lacking()
        hint = f"; not granted: {', '.join(lacking)}" if lacking else ""
        return f"the log can be read, its last row is of {newest:%Y-%m-%d %H:%M} UTC{hint}"

    def read(self, payload: Any) -> Iterator[Record]:
        """A row of the log, a row with the tables it refers to ({"event": row, "data": {table: rows}}), tables with the log among them, or a list of rows."""
        if isinstance(payload, Mapping) and payload.get("fact") in self.record_kinds and payload.get("id"):
            yield Record(str(payload["fact"]), str(payload["id"]), payload)
            return
        rows, tables = _given(payload)
        if not rows or not all(isinstance(row, Mapping) and event_of(row) for row in rows):
            raise BadRecord(_UNKNOWN)
        yield from self._rows(Given(tables)).records(rows)

    def read_file(self, path: str) -> Iterator[Record]:
        """An exported log; tables exported beside it are used where a row refers to them. Raises BadRecord for a file that is none."""
        try:
            found = exported(path)
            rows = self._rows(Exported(posixpath.dirname(path)))
            while batch := list(islice(found, _BATCH)):
                if not all(event_of(row) for row in batch[:1]):
                    raise BadRecord(f"{posixpath.basename(path)} is no export of Moodle's log")
                yield from rows.records(batch)
        except (OSError, UnicodeDecodeError) as error:
            raise BadRecord(f"{posixpath.basename(path)} cannot be read ({type(error).__name__})") from error

    # --- map -------------------------------------------------------------------------------------------------------------------------

    @maps("event")
    def event(self, record: Record, people: People) -> Iterable[Outcome]:
        """What `EVENTS` says about the event, of whom it says it."""
        if record.get("silence"):
            return [Ignored(str(record["silence"]))]
        said = says(str(record["name"]))
        if said is None:
            raise BadRecord("the row names no event that can be stated")
        path = said.place(self, record)
        if not path:
            raise BadRecord("the row does not say which course it is about")
        thing, *around = path
        is_trainer = said.runs or record.get("role") == "trainer"
        names = {"id": "", "page": "", **record["thing"], "person": record["person"].get("account") or ""}
        taken_back = [each.format_map(names) for each in said.voids]
        is_post = record["name"] == "mod_forum/post_deleted"
        if said.verb is None:
            return [Ignored("something that was taken back"), *(Retracted(key) for key in taken_back)]
        return [
            statement(
                actor=self._actor(people, record),
                verb=said.verb,
                object=thing,
                result=record.get("result") or _no_time(said, thing),
                parent=around,
                grouping=self.grouping(record),
                timestamp=moment(record["at"]),
                registration=None if record["person"].get("is_anonymous") else self.registration(record),
                instructor=self._grader(people, record),
                extensions={
                    **(self.terms(record, due=False) if said.of == "user" and not said.runs else {}),
                    "actor-role": (_ORGANIZER if said.runs else "trainer") if is_trainer else None,
                    "source-kind": said.kind,
                },
                key=said.fact.format_map(names) or str(record.get("id") or ""),
            ),
            *(Retracted(key, kind="forum_post" if is_post else "") for key in taken_back),
        ]

    def _actor(self, people: People, record: Record) -> dict[str, Any]:
        """The learner; of what was said anonymously nobody, under a name that no account has."""
        if record["person"].get("is_anonymous") is True:
            return {"objectType": "Agent", "account": {"homePage": self.tenant, "name": "anonymous"}}
        return agent(people, record["person"])

    @staticmethod
    def _grader(people: People, record: Record) -> dict[str, Any] | None:
        try:
            return agent(people, record["grader"]) if record.get("grader") else None
        except ExcludedAccount:
            return None


def _no_time(said: Says, thing: Mapping[str, Any]) -> dict[str, Any] | None:
    """A test that is only looked at takes no time: its attempts have it all, and without a length it would count as ten minutes of exercise."""
    is_test = thing.get("definition", {}).get("type") == types.ASSESSMENT
    return {"duration": duration(0)} if said.verb is verbs.VIEWED and is_test else None


def _given(payload: Any) -> tuple[list[Any], Mapping[str, Any]]:
    """(rows of the log, tables) of a payload; no rows where it is none of ours."""
    if isinstance(payload, list):
        return payload, {}
    if not isinstance(payload, Mapping):
        return [], {}
    if "eventname" in payload:
        return [payload], {}
    tables = {name.removeprefix("mdl_"): rows for name, rows in payload.items() if isinstance(name, str)}
    row = next((payload[name] for name in ("event", "row", "log") if isinstance(payload.get(name), Mapping)), None)
    if row is not None:
        beside = next((payload[name] for name in ("data", "tables") if isinstance(payload.get(name), Mapping)), tables)
        return [row], beside
    rows = tables.get(LOG)
    return (rows, tables) if isinstance(rows, list) else ([], {})
