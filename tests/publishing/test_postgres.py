"""HR's tables on a real PostgreSQL server: the same rows as on DuckDB, comments, and what each role may read."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from leerstroom.errors import Unreachable

psycopg = pytest.importorskip("psycopg")

pytestmark = pytest.mark.slow


def _program(name: str) -> str | None:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(found[-1]) if found else None)


def _run(*words: str) -> None:
    """Runs a program of the server, which refuses to be root."""
    before = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*before, *words], check=True, capture_output=True, timeout=120)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an empty server: the one that LEERSTROOM_TEST_POSTGRES names, or one of our own on a socket in a temporary folder."""
    given = os.environ.get("LEERSTROOM_TEST_POSTGRES")
    if given:
        yield given
        return
    initdb, control = _program("initdb"), _program("pg_ctl")
    if not initdb or not control or (os.geteuid() == 0 and not shutil.which("runuser")):
        pytest.skip("there is no PostgreSQL to start; set LEERSTROOM_TEST_POSTGRES")
    home = Path("/tmp") / f"leerstroom-pg-{os.getpid()}"  # a socket's path must be short
    home.mkdir(mode=0o777)
    home.chmod(0o777)
    try:
        _run(initdb, "-D", str(home / "data"), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync")
        _run(
            control,
            "-D",
            str(home / "data"),
            "-w",
            "-l",
            str(home / "log"),
            "-o",
            f"-k {home} -c listen_addresses='' -c fsync=off",
            "start",
        )
        try:
            yield f"postgresql://postgres@/postgres?host={home}"
        finally:
            _run(control, "-D", str(home / "data"), "-m", "immediate", "stop")
    finally:
        _run("rm", "-rf", str(home / "data"))
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def database(server: str) -> str:
    """A fresh database on the server."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS leerstroom_hr_test WITH (FORCE)")
        connection.execute("CREATE DATABASE leerstroom_hr_test")
    return server.replace("/postgres?", "/leerstroom_hr_test?", 1)


def ask(url: str, sql: str, role: str = "") -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        if role:
            connection.execute(f"SET SESSION AUTHORIZATION {role}")
        return list(connection.execute(sql).fetchall())


def test_both_databases_hold_the_same(night: Any, tables_only: Any, database: str, tmp_path: Path) -> None:
    import duckdb

    from leerstroom.publishing.contract import contract

    rows = tables_only(night.table(), **night.arguments(tmp_path, database=database))
    assert rows == tables_only(night.table(), **night.arguments(tmp_path))
    with duckdb.connect(str(tmp_path / "hr.duckdb"), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name, table in contract().tables.items():
            key = ", ".join(
                f'"{each}" COLLATE "C"' if each not in {"date", "period_start", "period_end"} else each
                for each in table.key
            )
            ours = connection.execute(f"SELECT * FROM {name} ORDER BY {', '.join(table.key)}").fetchall()
            with psycopg.connect(database) as other:
                other.execute("SET TIME ZONE 'UTC'")
                theirs = other.execute(f"SELECT * FROM {name} ORDER BY {key}").fetchall()
            assert [tuple(map(_plain, row)) for row in theirs] == [tuple(map(_plain, row)) for row in ours], name


def _plain(value: Any) -> Any:
    return (
        value.timestamp()
        if hasattr(value, "timestamp")
        else pytest.approx(value)
        if isinstance(value, float)
        else value
    )


def test_every_column_has_its_comment(night: Any, tables_only: Any, database: str, tmp_path: Path) -> None:
    tables_only(night.table(), **night.arguments(tmp_path, database=database))
    missing = ask(
        database,
        """SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
           WHERE c.relkind = 'r' AND (c.relname LIKE 'hr_%' OR c.relname IN ('indicator_values', 'coverage', 'indicator_definitions'))
             AND col_description(c.oid, a.attnum) IS NULL""",
    )
    assert missing == []


def test_publishing_again_and_later_behaves_as_on_duckdb(
    night: Any, tables_only: Any, database: str, tmp_path: Path
) -> None:
    import pyarrow as pa

    arguments = night.arguments(tmp_path, database=database)
    tables_only(night.table(), **arguments)
    before = ask(database, "SELECT * FROM indicator_values ORDER BY 1, 2, 3, 4, 5")
    tables_only(night.table(), **arguments)
    assert ask(database, "SELECT * FROM indicator_values ORDER BY 1, 2, 3, 4, 5") == before
    later = night.as_of + timedelta(days=1)
    rows = [
        dict(row, as_of=later, value=row["value"] and row["value"] + 1)
        for row in night.rows
        if row["grain"] == "employee_day" and row["subject"] != "E001"
    ]
    rows.append(dict(rows[0], period_start=later, period_end=later))
    tables_only(pa.Table.from_pylist(rows, schema=night.table().schema), **(arguments | {"as_of": later}))
    assert ask(database, "SELECT count(*) FROM indicator_values WHERE subject = 'E001' AND grain = 'employee_day'") == [
        (0,)
    ]
    tables_only(night.table(), **arguments)
    assert ask(database, "SELECT count(*) FROM indicator_values WHERE subject = 'E001' AND grain = 'employee_day'") == [
        (0,)
    ]


def test_a_night_that_fails_leaves_the_old_one(night: Any, tables_only: Any, database: str, tmp_path: Path) -> None:
    tables_only(night.table(), **night.arguments(tmp_path, database=database))
    before = ask(database, "SELECT count(*) FROM indicator_values")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "CREATE VIEW holds_on AS SELECT formal_minutes_28d FROM hr_employee_nightly"
        )  # its table cannot be dropped now
    with pytest.raises(psycopg.Error):
        tables_only(night.table(), **night.arguments(tmp_path, database=database, policy="groups-only"))
    assert ask(database, "SELECT count(*) FROM indicator_values") == before


def test_hr_reads_its_tables_and_not_what_is_private(
    night: Any, tables_only: Any, database: str, tmp_path: Path
) -> None:
    tables_only(night.table(), **night.arguments(tmp_path, database=database))
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS someone_of_hr")
        connection.execute("CREATE ROLE someone_of_hr LOGIN IN ROLE leerstroom_hr")
    assert ask(database, "SELECT count(*) FROM hr_employee_nightly", "someone_of_hr") == [(45,)]
    for sql in ("SELECT * FROM employee_values", "SELECT * FROM employee_logins", "DELETE FROM hr_employee_nightly"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ask(database, sql, "someone_of_hr")


def test_an_employee_reads_own_rows_private_ones_too_and_nobody_elses(
    night: Any, tables_only: Any, database: str, tmp_path: Path
) -> None:
    tables_only(night.table(), **night.arguments(tmp_path, database=database))
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS colleague")
        connection.execute("CREATE ROLE colleague LOGIN IN ROLE leerstroom_employee")
        connection.execute("INSERT INTO employee_logins VALUES ('colleague', 'E005')")
    assert ask(database, "SELECT DISTINCT subject FROM employee_values", "colleague") == [("E005",)]
    private = ask(
        database, "SELECT count(*) FROM employee_values WHERE indicator_id = 'learning_streak_workdays'", "colleague"
    )
    assert private[0][0] > 0
    for sql in ("SELECT * FROM hr_employee_nightly", "SELECT * FROM indicator_values", "SELECT * FROM employee_logins"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ask(database, sql, "colleague")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DELETE FROM employee_logins")
    assert ask(database, "SELECT count(*) FROM employee_values", "colleague") == [(0,)]


def test_a_login_without_the_right_to_make_roles_still_publishes(
    night: Any, tables_only: Any, database: str, tmp_path: Path, caplog: Any
) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        for role in ("leerstroom_hr", "leerstroom_employee"):
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone():
                connection.execute(f"DROP OWNED BY {role}")
                for each in ("someone_of_hr", "colleague"):
                    connection.execute(f"DROP ROLE IF EXISTS {each}")
                connection.execute(f"DROP ROLE {role}")
        connection.execute("DROP ROLE IF EXISTS publisher")
        connection.execute("CREATE ROLE publisher LOGIN")
        connection.execute(
            "GRANT ALL ON DATABASE leerstroom_hr_test TO publisher; GRANT ALL ON SCHEMA public TO publisher"
        )
    url = database.replace("postgres@", "publisher@", 1)
    assert tables_only(night.table(), **night.arguments(tmp_path, database=url)) > 0
    assert "may not create the role leerstroom_hr" in caplog.text


def test_a_server_that_does_not_answer_may_be_tried_again(night: Any, tables_only: Any, tmp_path: Path) -> None:
    url = "postgresql://hr:very-secret@127.0.0.1:1/hr"
    with pytest.raises(Unreachable) as caught:
        tables_only(night.table(), **night.arguments(tmp_path, database=url))
    assert "very-secret" not in str(caught.value)


def test_the_address_that_is_reported_has_no_password() -> None:
    from leerstroom.publishing import without_password

    assert without_password("postgresql://hr:very-secret@db/hr") == "postgresql://hr@db/hr"
    assert without_password("/var/hr.duckdb") == "/var/hr.duckdb"


def test_the_roles_of_the_document_can_do_their_own_work_and_nothing_else(
    night: Any, tables_only: Any, server: str, tmp_path: Path
) -> None:
    """The SQL of docs/deploy.md as an administrator runs it: each login opens its own database and no other."""
    from connectors.lrs import Lrs
    from leerstroom.lrs import running
    from leerstroom.state import open_state

    document = (Path(__file__).resolve().parents[2] / "docs" / "deploy.md").read_text(encoding="utf-8")
    once, in_store = re.findall(r"^```sql\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)
    names = ("leerstroom_lrs", "leerstroom_state", "leerstroom_tables")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS leerstroom_hr_test WITH (FORCE)")  # holds grants to the roles
        for role in ("someone_of_hr", "colleague", "leerstroom_hr", "leerstroom_employee"):
            connection.execute(f"DROP ROLE IF EXISTS {role}")
        for statement in re.sub(r"--.*", "", once).split(";"):
            if statement.strip():
                connection.execute(statement)
        connection.execute("CREATE ROLE anna LOGIN IN ROLE leerstroom_hr")

    def url(role: str, name: str) -> str:
        return server.replace("://postgres@", f"://{role}@", 1).replace("/postgres?", f"/{name}?", 1)

    said = {"actor": {"mbox": "mailto:a@x.example"}, "verb": {"id": "https://v.example/v"}, "object": {"id": "https://o.example/o"}}  # fmt: skip
    with running(url("leerstroom_lrs", "leerstroom_lrs"), key="k", secret="a secret of the test") as lrs:
        assert Lrs(lrs.endpoint, "k", "a secret of the test").load([said]).stored == 1
        with psycopg.connect(url("leerstroom_lrs", "leerstroom_lrs")) as connection:
            connection.execute(in_store)
    open_state(url("leerstroom_state", "leerstroom_state").replace("postgresql://", "postgresql+psycopg://")).dispose()
    tables_only(night.table(), **night.arguments(tmp_path, database=url("leerstroom_publisher", "leerstroom_tables")))

    assert ask(url("leerstroom_mirror", "leerstroom_lrs"), "SELECT count(*) FROM statements") == [(1,)]
    assert ask(url("anna", "leerstroom_tables"), "SELECT count(*) FROM hr_employee_nightly") == [(45,)]
    for role, name, sql in (
        ("leerstroom_mirror", "leerstroom_lrs", "SELECT * FROM credentials"),
        ("leerstroom_mirror", "leerstroom_lrs", "SELECT * FROM documents"),
        ("leerstroom_mirror", "leerstroom_lrs", "DELETE FROM statements"),
        ("leerstroom_mirror", "leerstroom_lrs", "CREATE TABLE mine (x int)"),
        ("anna", "leerstroom_tables", "SELECT * FROM employee_values"),
        ("anna", "leerstroom_tables", "DELETE FROM hr_employee_nightly"),
        ("leerstroom_publisher", "leerstroom_tables", "CREATE ROLE somebody"),
        ("leerstroom_lrs", "leerstroom_lrs", "CREATE ROLE somebody"),
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ask(url(role, name), sql)
    own = {"leerstroom_lrs": names[0], "leerstroom_state": names[1], "leerstroom_publisher": names[2], "leerstroom_mirror": names[0], "anna": names[2]}  # fmt: skip
    for role, mine in own.items():
        for name in set(names) - {mine}:
            with pytest.raises(psycopg.OperationalError, match="CONNECT"):
                psycopg.connect(url(role, name))
