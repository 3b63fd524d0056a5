"""The tables of a Moodle database: by SQL on PostgreSQL or MariaDB/MySQL (read only), out of exported CSV files, or out of a payload.

It knows which columns are read, and no more than these are: no names, no passwords, no messages. What rows mean is `rows`'s business.
"""

import csv
import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

import fsspec

from connectors.source import Window
from leerstroom.errors import ConfigurationError, CredentialsRefused, LeerstroomError, Unreachable

if TYPE_CHECKING:
    from sqlalchemy import Engine

Row = Mapping[str, Any]

LOG = "logstore_standard_log"
DELETED_MODULES = "modules that the log saw deleted"  # rows of the log by course, for which there is no table
_MODULE_DELETED = "\\core\\event\\course_module_deleted"
COLUMNS: Mapping[str, tuple[str, ...]] = {
    LOG: (
        "id", "eventname", "objecttable", "objectid", "contextlevel", "contextinstanceid", "userid", "courseid", "relateduserid", "anonymous", "other",
        "timecreated", "origin", "realuserid",
    ),
    "user": ("id", "email", "idnumber", "deleted"),
    "course": ("id", "shortname", "idnumber", "fullname"),
    "course_modules": (
        "id", "course", "module", "instance", "section", "completion", "completiongradeitemnumber", "completionpassgrade",
    ),
    "modules": ("id", "name"),
    "course_modules_completion": ("id", "completionstate", "timemodified"),
    "course_categories": ("id", "parent", "name"),
    "enrol": ("id", "courseid"),
    "user_enrolments": ("id", "enrolid", "userid", "timecreated"),
    "role_assignments": ("id", "roleid", "contextid", "userid"),
    "role": ("id", "shortname"),
    "context": ("id", "contextlevel", "instanceid"),
    "badge": ("id", "courseid", "type", "name"),
    "assign": ("id", "name", "grade"),
    "assign_submission": ("id", "assignment", "userid", "status", "timemodified"),
    "assign_grades": ("id", "assignment", "userid", "grade", "grader"),
    "quiz": ("id", "name", "sumgrades", "grade", "completionminattempts", "completionattemptsexhausted"),
    "quiz_attempts": ("id", "quiz", "userid", "uniqueid", "preview", "state", "timestart", "timefinish", "timemodified", "sumgrades"),
    "question_attempts": ("id", "questionusageid", "questionid", "responsesummary", "rightanswer"),
    "question": ("id", "qtype"),
    "grade_items": ("id", "courseid", "itemtype", "itemmodule", "iteminstance", "grademax", "grademin", "gradepass"),
    "grade_grades": ("id", "itemid", "userid", "rawgrade", "finalgrade"),
    "forum": ("id", "name", "type"),
    "forum_discussions": ("id", "forum", "firstpost", "userid"),
    "forum_posts": ("id", "discussion", "parent", "userid", "created", "modified", "subject", "message", "deleted", "privatereplyto"),
    "book_chapters": ("id", "bookid", "pagenum", "subchapter"),
    "lesson_attempts": ("id", "lessonid", "pageid", "userid", "correct", "useranswer", "timeseen"),
    "lesson_answers": ("id", "pageid", "score"),
    "lesson_pages": ("id", "lessonid", "qtype"),
    "lesson_timer": ("id", "lessonid", "userid", "starttime", "lessontime"),
    "feedback_completed": ("id", "feedback", "anonymous_response"),
    "facetoface_sessions": ("id", "facetoface"),
    "facetoface_sessions_dates": ("id", "sessionid", "timestart", "timefinish"),
    "facetoface_signups": ("id", "sessionid", "userid"),
    "facetoface_signups_status": ("id", "signupid", "statuscode", "superceded"),
    "comments": ("id", "itemid"),
}  # fmt: skip
_INSTANCE = ("id", "name")  # of the table of any kind of module
_PER_QUERY = 500
_PER_PAGE = 2000
_DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
}


class Tables(Protocol):
    """Where rows come from."""

    def find(self, table: str, column: str, values: Collection[str]) -> Iterable[Row]:
        """Rows of a table whose column holds one of the values; none where the site has no such table."""
        ...


class Given:
    """Rows that came along, such as {"user": [{"id": 1, …}]}."""

    def __init__(self, tables: Mapping[str, Any]) -> None:
        self._tables = tables

    def find(self, table: str, column: str, values: Collection[str]) -> Iterable[Row]:
        """See Tables."""
        found = self._tables.get(table)
        rows = found if isinstance(found, list) else []
        return [row for row in rows if isinstance(row, Mapping) and str(row.get(column)) in values]


class Exported:
    """CSV files with the columns of the tables, beside an exported log: `course.csv`, `mdl_user.csv` … Read when first asked for."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._by_value: dict[tuple[str, str], dict[str, list[Row]]] = {}

    def find(self, table: str, column: str, values: Collection[str]) -> Iterable[Row]:
        """See Tables."""
        if (table, column) not in self._by_value:
            known: dict[str, list[Row]] = {}
            is_log = table == DELETED_MODULES
            for row in exported(self._file(LOG if is_log else table)):
                if is_log and row.get("eventname") != _MODULE_DELETED:
                    continue
                known.setdefault(str(row.get(column)), []).append(row)
            self._by_value[table, column] = known
        known = self._by_value[table, column]
        return [row for value in values for row in known.get(value, ())]

    def _file(self, table: str) -> str | None:
        names = self._names
        return next((names[name] for name in (f"{table}.csv", f"mdl_{table}.csv") if name in names), None)

    @cached_property
    def _names(self) -> Mapping[str, str]:
        files, inside = fsspec.core.url_to_fs(self._folder or ".")
        scheme = self._folder.split("://", 1)[0] + "://" if "://" in self._folder else ""
        return {posixpath.basename(str(name)): f"{scheme}{name}" for name in files.ls(inside, detail=False)}


def exported(path: str | None) -> Iterator[Row]:
    """Rows of one CSV file with a header; an empty field is NULL, as Moodle's own export and psql write it."""
    if path is None:
        return
    with fsspec.open(path, "rt", encoding="utf-8-sig", newline="") as stream:
        for row in csv.DictReader(stream):
            yield {name: value or None for name, value in row.items() if name}


class Database:
    """A Moodle database, read only. Raises errors that name the connection and say which right lacks; none holds an address or a password."""

    def __init__(self, url: str, *, prefix: str, connection: str) -> None:
        self._prefix = prefix
        self._connection = connection
        self._engine = _engine(url, connection)
        self._columns_of: dict[str, list[str]] = {}

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()

    def find(self, table: str, column: str, values: Collection[str]) -> Iterator[Row]:
        """See Tables."""
        import sqlalchemy as sql

        names = self._columns(LOG if table == DELETED_MODULES else table)
        if column not in names:
            return
        if table == DELETED_MODULES:
            log = sql.table(self._prefix + LOG, *map(sql.column, names))
            courses = log.c.courseid.in_([int(value) for value in values if value.isdecimal()])
            yield from self._rows(sql.select(log).where(courses, log.c.eventname == _MODULE_DELETED))
            return
        here = sql.table(self._prefix + table, *map(sql.column, names))
        wanted = iter(sorted(int(value) for value in values if value.lstrip("-").isdecimal()))
        while part := list(islice(wanted, _PER_QUERY)):
            yield from self._rows(sql.select(here).where(here.c[column].in_(part)))

    def log(self, window: Window) -> Iterator[list[Row]]:
        """The log of a window in pages, by time and id: rows share their second, and the index of the log is by time."""
        import sqlalchemy as sql

        log = sql.table(self._prefix + LOG, *map(sql.column, self._columns(LOG)))
        start, end = (int(-(-moment.timestamp() // 1)) for moment in (window.start, window.end))
        at, number = start, -1
        while True:
            after = sql.or_(log.c.timecreated > at, sql.and_(log.c.timecreated == at, log.c.id > number))
            inside = sql.and_(log.c.timecreated >= at, log.c.timecreated < end, after)
            page = list(
                self._rows(sql.select(log).where(inside).order_by(log.c.timecreated, log.c.id).limit(_PER_PAGE))
            )
            if not page:
                return
            yield page
            at, number = page[-1]["timecreated"], page[-1]["id"]

    def newest(self) -> datetime | None:
        """When the last row of the log was written; None for an empty log. Raises ConfigurationError where there is none."""
        import sqlalchemy as sql

        log = sql.table(self._prefix + LOG, *map(sql.column, self._columns(LOG)))
        [row] = self._rows(sql.select(sql.func.max(log.c.timecreated).label("at")))
        return datetime.fromtimestamp(row["at"], UTC) if row["at"] else None

    def lacking(self) -> list[str]:
        """Tables of every Moodle that this user may not see."""
        return [table for table in ("user", "course", "course_modules", "modules") if not self._columns(table)]

    def _columns(self, table: str) -> list[str]:
        """The columns that are read of a table and that this site has; none where it has no such table."""
        if table not in self._columns_of:
            import sqlalchemy as sql

            wanted = COLUMNS.get(table, _INSTANCE)
            try:
                there = {each["name"] for each in sql.inspect(self._engine).get_columns(self._prefix + table)}
            except sql.exc.NoSuchTableError:
                there = set()
            except sql.exc.SQLAlchemyError as error:
                raise self._sorted(error) from None
            self._columns_of[table] = [name for name in wanted if name in there]
            if table == LOG and not there:
                raise ConfigurationError(
                    f"connection '{self._connection}': the database has no table {self._prefix}{LOG} that this user may see; check the prefix,"
                    " grant SELECT on it, and switch on the standard log in Moodle"
                )
        return self._columns_of[table]

    def _rows(self, query: Any) -> Iterator[Row]:
        import sqlalchemy as sql

        try:
            with self._engine.connect() as database:
                found = database.execute(query).mappings().all()
        except sql.exc.SQLAlchemyError as error:
            raise self._sorted(error) from None
        for row in found:
            yield {name: float(value) if isinstance(value, Decimal) else value for name, value in row.items()}

    def _sorted(self, error: Exception) -> LeerstroomError:
        """Our error for one of the database's; its text is not repeated, it may hold addresses and values."""
        where = f"connection '{self._connection}' at the database"
        text = str(getattr(error, "orig", error)).lower()
        if any(words in text for words in ("authentication failed", "access denied for user", "no password supplied")):
            return CredentialsRefused(
                f"{where}: user or password is refused; then run leerstroom check {self._connection}"
            )
        if any(words in text for words in ("permission denied", "command denied", "insufficient")):
            return CredentialsRefused(
                f"{where}: the user may not read a table; grant SELECT on those that the documentation names"
            )
        if any(words in text for words in ("does not exist", "unknown database")):
            return ConfigurationError(f"{where}: there is no such database; check the address")
        return Unreachable(f"{where}: no answer ({type(error).__name__}); check the address and the network")


def _engine(url: str, connection: str) -> "Engine":
    """An engine that can only read. Raises ConfigurationError for an address that is none, or whose driver is not installed."""
    import sqlalchemy as sql

    try:
        address = sql.make_url(url)
        kind = address.get_backend_name()
        if kind not in {*_DRIVERS, "sqlite"}:
            raise ConfigurationError(
                f"connection '{connection}': the database is neither PostgreSQL nor MariaDB nor MySQL"
            )
        reading: dict[str, Any] = {
            "sqlite": {},
            "postgresql+psycopg": {"options": "-c default_transaction_read_only=on", "connect_timeout": 15},
            "mysql+pymysql": {"init_command": "SET SESSION TRANSACTION READ ONLY", "connect_timeout": 15},
        }[_DRIVERS.get(kind, "sqlite")]
        return sql.create_engine(
            address.set(drivername=_DRIVERS.get(kind, "sqlite")), connect_args=reading, pool_pre_ping=True
        )
    except sql.exc.ArgumentError:
        raise ConfigurationError(
            f"connection '{connection}': the database is no address like postgresql://user:password@host/moodle"
        ) from None
    except ImportError as error:
        raise ConfigurationError(
            f"connection '{connection}': the driver of the database is missing; install leerstroom[postgres] or leerstroom[mysql]"
        ) from error
