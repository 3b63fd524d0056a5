"""All that is held about one person, and its erasure: proven by a search through every file and every table afterwards."""

import json
import re
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from typer.testing import CliRunner
from unpacked import everything

from leerstroom import nightly
from leerstroom.cli import app
from leerstroom.lrs import running as running_lrs
from leerstroom.people import Pseudonyms
from leerstroom.replay import running as running_replay
from leerstroom.settings import Settings

DEMO = Path(__file__).resolve().parents[1] / "recordings" / "demo"
KEY = "a pseudonym key for the tests only"
SOMEONE = "E01014"
POSTGRESQL = "postgresql://postgres@127.0.0.1:5432"

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]


@contextmanager
def databases(kind: str, folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The LRS's database, and the settings of the other two."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/lrs.sqlite", {"hr": {"out": "hr"}}
        return
    try:
        server = psycopg.connect(f"{POSTGRESQL}/postgres", autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        pytest.skip(f"no PostgreSQL at {POSTGRESQL}")
    names = [f"leerstroom_subject_{store}_{uuid.uuid4().hex[:8]}" for store in ("lrs", "state", "hr")]
    with server:
        for name in names:
            server.execute(f"CREATE DATABASE {name}")
        lrs, state, hr = (f"{POSTGRESQL}/{name}" for name in names)
        try:
            yield lrs, {"state": state.replace("://", "+psycopg://"), "hr": {"out": "hr", "database": hr}}
        finally:
            for name in names:
                server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def installation(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    from leerstroom_airflow.town_hall import connections

    folder = tmp_path_factory.mktemp("subject")
    with (
        databases(request.param, folder) as (database, others),
        running_replay(DEMO) as replay,
        running_lrs(database=database, key="k", secret="a secret of the test") as lrs,
    ):
        values = {
            "organisation": {"home_page": "https://people.voorbeeldstad.example"},
            "data": "data",
            "directory": {"employees": str(DEMO / "employees.csv")},
            "lrs": {"endpoint": lrs.endpoint, "key": lrs.key, "secret": lrs.secret, "database": database},
            **others,
            "pseudonym_key": KEY,
            "connections": {
                name: fields for name, fields in connections(replay.url, DEMO).items() if name in {"chat", "registers"}
            }
            | {"own": {"source": "sheet", "files": "register.csv"}},
        }
        (folder / "register.csv").write_text(
            f"employee_id;titel;datum;uren;soort\n{SOMEONE};Les;03-11-2026;1,5;\n{SOMEONE};Les;04-11-2026;x;\n"
        )
        file = folder / "leerstroom.yaml"
        file.write_text(json.dumps(values))
        night(file)
        remember(lrs.endpoint)
        yield file


def remember(endpoint: str) -> None:
    """Documents that other tools keep of the person in the LRS."""
    account = {"homePage": "https://people.voorbeeldstad.example", "name": Pseudonyms(KEY).actor(SOMEONE)}
    of = {"agent": json.dumps({"account": account})}
    headers = {"X-Experience-API-Version": "1.0.3", "If-None-Match": "*"}
    for resource, more in (
        ("activities/state", {"activityId": "https://lms.example/course/1", "stateId": "place"}),
        ("agents/profile", {"profileId": "taste"}),
    ):
        url = f"{endpoint.rstrip('/')}/{resource}"
        answer = requests.put(url, json={"said": resource}, params={**of, **more}, auth=("k", "a secret of the test"), headers=headers, timeout=10)  # fmt: skip
        assert answer.status_code == 204, answer.text


def night(file: Path) -> nightly.Night:
    start, end = nightly.local_window(date(2026, 11, 2), date(2026, 11, 8), "Europe/Amsterdam")
    return nightly.run(Settings.load(file), start, end)


def traces(folder: Path, *needles: str) -> list[str]:
    """(file: needle) of all that the installation wrote; the settings, the register and the export of the tests are none of it."""
    written = everything(folder, "leerstroom.yaml", "export", "register")
    return [f"{name}: {needle}" for name, data in written for needle in needles if needle.encode() in data]


def is_in_lrs_file(folder: Path, needle: str) -> bool:
    """Whether the bytes of the LRS's own files hold it, its log among them."""
    return any(needle.encode() in path.read_bytes() for path in folder.glob("lrs.sqlite*"))


def in_tables(file: Path, *needles: str) -> set[tuple[str, str]]:
    """(table, needle) in every row of every table of the installation's PostgreSQL databases."""
    values, found = json.loads(file.read_text()), set()
    for url in (values["lrs"]["database"], values.get("state", ""), values["hr"].get("database", "")):
        if not url.startswith("postgresql"):
            continue
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            tables = connection.execute(
                "SELECT table_schema, table_name FROM information_schema.tables"
                " WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')"
            ).fetchall()
            assert tables
            for schema, table in tables:
                rows = connection.execute(f'SELECT to_jsonb(t)::text FROM "{schema}"."{table}" t').fetchall()
                text = "\n".join(_readable(row) for (row,) in rows)
                found |= {(table, needle) for needle in needles if needle in text}
    return found


def _readable(row: str) -> str:
    """The row, with what it holds as bytes decoded beside it."""
    return row + "".join(
        bytes.fromhex(each).decode("utf-8", "replace") for each in re.findall(r'"\\\\x([0-9a-f]*)"', row)
    )


def test_an_erasure_in_another_database_than_that_of_the_lrs_is_refused(
    installation: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEERSTROOM_LRS__DATABASE", f"{tmp_path}/other.sqlite")
    done = CliRunner().invoke(app, ["subject", "erase", SOMEONE, "--yes", "--settings", str(installation)])
    assert done.exit_code == 1
    assert "lrs.database is not the database of the LRS" in str(done.exception)


def test_export_then_erase_leaves_no_trace_and_a_later_night_brings_nobody_back(installation: Path) -> None:
    folder, runner = installation.parent, CliRunner()
    keys = Pseudonyms(KEY)
    needles = (
        SOMEONE,
        keys.actor(SOMEONE),
        keys.hr(SOMEONE),
        keys.account("https://voorbeeldstad.example", "@anouk.devries:voorbeeldstad.example"),
        keys.email("anouk.devries@example.org"),
        "anouk.devries",
        "Anouk",
    )
    held = runner.invoke(
        app, ["subject", "export", SOMEONE, "--settings", str(installation), "--out", str(folder / "export.json")]
    )
    assert held.exit_code == 0, held.output
    exported = json.loads((folder / "export.json").read_text())
    assert exported["statements"]
    assert {each["file"].split("/")[0] for each in exported["files"]} == {"landing", "statements", "quarantine"}
    assert exported["tables"]["hr_employee_nightly"]
    assert {each["id"] for each in exported["statements"]} <= {each["id"] for each in exported["mirror"]}
    assert {each["statement_id"] for each in exported["facts"]} <= {each["id"] for each in exported["mirror"]}
    assert {path.rpartition("/")[2] for path in exported["values"]} == {"events.parquet", "indicator_values.parquet"}
    assert {each["indicator_id"] for rows in exported["values"].values() for each in rows if "indicator_id" in each} > {
        each["indicator_id"] for each in exported["tables"]["indicator_values"]
    }, "what only the person may see is held too"
    assert "<html" in exported["my_learning"]
    assert [(each["resource"], each["activity"], each["id"]) for each in exported["documents"]] == [
        ("state", "https://lms.example/course/1", "place"),
        ("agent_profile", "", "taste"),
    ]
    assert [json.loads(each["content"]) for each in exported["documents"]] == [{"said": "activities/state"}, {"said": "agents/profile"}]  # fmt: skip
    told = (folder / "export.json").read_text()
    stores = {f"data/{each}" for each in ("landing", "statements", "quarantine", "mirror", "indicators")}
    assert stores <= {"/".join(each.split("/")[:2]) for each in traces(folder, *needles)}
    assert all(needle in told for needle in needles[:5])
    held_in = {each.rsplit(":", 1)[0].split("/")[0] for each in traces(folder, *needles)}
    assert {"data", "hr", "my-learning"} <= held_in
    assert is_in_lrs_file(folder, needles[1]) is ("sqlite" in installation.read_text())
    is_postgresql = "postgresql" in installation.read_text()
    assert bool(in_tables(installation, *needles)) is is_postgresql
    killed = folder / "data" / "landing" / "matrix" / "chat" / "w" / "records.jsonl.zst.part"
    killed.parent.mkdir(parents=True)
    killed.write_bytes(keys.hr(SOMEONE).encode())
    (folder / "my-learning" / f"{keys.actor(SOMEONE)}.part").write_bytes(b"<html")

    done = runner.invoke(app, ["subject", "erase", SOMEONE, "--yes", "--settings", str(installation)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    if not is_postgresql:
        connection = sqlite3.connect(folder / "lrs.sqlite")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
    assert not is_in_lrs_file(folder, needles[1])
    allowed = {f"data/state.sqlite: {needle}" for needle in needles} | {
        f"data/state.sqlite-wal: {needle}" for needle in needles
    }
    assert (
        set(traces(folder, *needles)) - allowed == set()
    )  # the erased references stay as such, to keep later pulls out
    assert {table for table, _ in in_tables(installation, *needles)} <= {"erased"}

    again = night(installation)
    assert again.failures == {}
    assert set(traces(folder, needles[0], needles[1])) - allowed == set()
    assert {table for table, _ in in_tables(installation, *needles)} <= {"erased"}


def test_an_unknown_employee_is_told(installation: Path) -> None:
    done = CliRunner().invoke(app, ["subject", "export", "E99999", "--settings", str(installation)])
    assert done.exit_code == 1
    assert "no such employee_id" in str(done.exception)
