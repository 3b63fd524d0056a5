"""The recorded Moodle site in a database as Moodle lays it out: SQLite always, PostgreSQL and MariaDB where they run on this machine.

The export has some tables flattened (names of roles and of ways to enrol in the place of their numbers, the instances of all modules in one file);
here they are what they are in Moodle: `mdl_role`, `mdl_enrol`, `mdl_page`, `mdl_quiz` …
"""

import csv
import gzip
import json
import os
import uuid
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sql

RECORDINGS = Path(__file__).resolve().parents[1] / "recordings"
SITE, LOG = RECORDINGS / "demo" / "moodle", RECORDINGS / "moodle_log"
POSTGRESQL = os.environ.get("LEERSTROOM_TEST_POSTGRESQL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
MARIADB = os.environ.get(
    "LEERSTROOM_TEST_MARIADB", "mysql+pymysql://root@localhost/mysql?unix_socket=/run/mysqld/mysqld.sock"
)

Table = list[dict[str, Any]]


def exported(path: Path) -> Table:
    """Rows of an exported table; an empty field is NULL."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as stream:
        return [{name: value or None for name, value in row.items()} for row in csv.DictReader(stream)]


def log() -> Table:
    """The log, as it was exported."""
    return exported(LOG / "logstore_standard_log.csv.gz")


def tables() -> dict[str, Table]:
    """All tables of the site by name, as Moodle lays them out."""
    found: dict[str, Table] = {
        path.stem: exported(path) for folder in (SITE, LOG) for path in sorted(folder.glob("*.csv"))
    }
    found["logstore_standard_log"] = log()
    numbers = {row["name"]: row["id"] for row in found["modules"]}
    for row in found["course_modules"]:
        row["module"] = numbers[row.pop("modname")]
    details: dict[str, dict[str, dict[str, Any]]] = {
        "quiz": {row["id"]: {"grade": row["grade"], "sumgrades": row["sumgrades"]} for row in found.pop("quiz")},
        "forum": {str(each["id"]): {"type": each["type"]} for each in _json("forums")},
        "assign": {
            str(each["id"]): {"grade": each["grade"]}
            for course in _json("assignments")
            for each in course["assignments"]
        },
    }
    for row in found.pop("module_instances"):
        more = details.get(row["modname"], {}).get(row["instance"], {})
        instance = {"id": row["instance"], "course": row["course"], "name": row["name"], **more}
        found.setdefault(row["modname"], []).append(instance)
    found["role"] = _numbered(found["role_assignments"], ("role",), "roleid", lambda role: {"shortname": role[0]})
    found["enrol"] = _numbered(
        found["user_enrolments"], ("courseid", "enrol"), "enrolid", lambda way: {"courseid": way[0], "enrol": way[1]}
    )
    return found


def _json(name: str) -> Any:
    return json.loads((SITE / f"{name}.json").read_text(encoding="utf-8"))


def _numbered(rows: Table, names: tuple[str, ...], number: str, shape: Any) -> Table:
    """Takes columns out of rows into a table of their own; `number` refers to it."""
    known: dict[tuple[Any, ...], int] = {}
    for row in rows:
        row[number] = known.setdefault(tuple(row.pop(name) for name in names), len(known) + 1)
    return [{"id": each, **shape(value)} for value, each in known.items()]


def fill(url: str, content: dict[str, Table] | None = None, prefix: str = "mdl_") -> None:
    """Creates the tables in an empty database and puts the rows in, numbers as numbers."""
    engine, metadata = sql.create_engine(url), sql.MetaData()
    filled = {}
    for name, rows in (content or tables()).items():
        columns = {column: _kind([row.get(column) for row in rows]) for column in rows[0]}
        table = sql.Table(
            prefix + name,
            metadata,
            *(
                sql.Column(column, kind, primary_key=column == "id", autoincrement=False)
                for column, kind in columns.items()
            ),
        )
        filled[table] = [
            {
                column: int(value) if isinstance(kind, sql.BigInteger) and value is not None else value
                for column, kind in columns.items()
                for value in [row.get(column)]
            }
            for row in rows
        ]
    with engine.begin() as database:
        metadata.create_all(database)
        for table, values in filled.items():
            database.execute(table.insert(), values)
    engine.dispose()


def _kind(values: Iterable[Any]) -> Any:
    given = [str(value) for value in values if value is not None]
    if given and all(value.lstrip("-").isdecimal() for value in given):
        return sql.BigInteger()
    if given and all(value.lstrip("-").replace(".", "", 1).isdecimal() for value in given):
        return sql.Numeric(20, 5)
    return sql.Text()


@contextmanager
def empty_database(kind: str, folder: Path) -> Generator[str, None, None]:
    """The URL of an empty database of a kind; skips where no such server runs."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/moodle.sqlite"
        return
    address = sql.make_url({"postgresql": POSTGRESQL, "mariadb": MARIADB}[kind])
    server = sql.create_engine(address, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3})
    name = f"moodle_{uuid.uuid4().hex[:12]}"
    try:
        connection = server.connect()
    except sql.exc.SQLAlchemyError:
        pytest.skip(f"no {kind} that these tests may use")
    with connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}" + (" CHARACTER SET utf8mb4" if kind == "mariadb" else ""))
        try:
            yield address.set(database=name).render_as_string(hide_password=False)
        finally:
            connection.exec_driver_sql(f"DROP DATABASE {name}" + (" WITH (FORCE)" if kind == "postgresql" else ""))
    server.dispose()


@contextmanager
def moodle(kind: str, folder: Path) -> Iterator[str]:
    """The URL of a database that holds the recorded site."""
    with empty_database(kind, folder) as url:
        fill(url)
        yield url
