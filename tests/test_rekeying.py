"""A rotation of the pseudonym key over a real installation: nights before and after over HTTP, everything that is stored searched for the old names."""

import json
import re
import signal
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import select
from typer.testing import CliRunner

from leerstroom import nightly, rekeying, state
from leerstroom.cli import app
from leerstroom.cli.people import rekey_all
from leerstroom.errors import ConfigurationError
from leerstroom.lrs import running as running_lrs
from leerstroom.mirror import Mirror
from leerstroom.people import Pseudonyms
from leerstroom.replay import running as running_replay
from leerstroom.settings import Settings

DEMO = Path(__file__).parent / "recordings" / "demo"
POSTGRESQL = "postgresql://postgres@127.0.0.1:5432"
OLD, NEW, NEWER = (
    "the first key of the tests only",
    "the second key of the tests only",
    "the third key of the tests only",
)
_REFERENCE = re.compile(rb"(?=([a-z2-7]{26}))")
_UUID = re.compile(rb"(?=([0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}))")
_VERSION_5 = re.compile(rb"(?=[\x50-\x5f].[\x80-\xbf])", re.DOTALL)
FIRST, LAST = date(2026, 11, 2), date(2026, 11, 8)
HOME = "https://people.voorbeeldstad.example"
FOREIGN = {
    "id": "11111111-1111-4111-8111-111111111111",
    "actor": {"mbox": "mailto:somebody@elsewhere.example"},
    "verb": {"id": "http://adlnet.gov/expapi/verbs/completed"},
    "object": {"id": "https://elsewhere.example/course"},
}

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]


@dataclass
class Place:
    """One installation in a temporary folder."""

    folder: Path
    file: Path
    database: str

    def settings(self, *secrets: str) -> Settings:
        return Settings.load(self.file).model_copy(update={"pseudonym_key": SecretStr("\n".join(secrets))})

    def command(self, *secrets: str) -> list[str]:
        """Options of a command under this key."""
        values = json.loads(self.file.read_text())
        file = self.folder / "leerstroom-rotated.yaml"
        file.write_text(json.dumps({**values, "pseudonym_key": "\n".join(secrets)}))
        return ["--settings", str(file)]

    def stored(self) -> dict[str, dict[str, Any]]:
        """All that the LRS holds, voided ones too, by the time of storing."""
        from leerstroom.lrs.storage import Storage

        storage = Storage(self.database)
        try:
            rows = storage.reader.connection.rows("SELECT body, voided FROM statements ORDER BY seq")
        finally:
            storage.close()
        return {(read := orjson.loads(bytes(body)))["stored"]: {**read, "voided": voided} for body, voided in rows}


@contextmanager
def databases(kind: str, folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    if kind == "sqlite":
        yield f"sqlite:///{folder}/lrs.sqlite", {}
        return
    try:
        server = psycopg.connect(f"{POSTGRESQL}/postgres", autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        pytest.skip(f"no PostgreSQL at {POSTGRESQL}")
    names = [f"leerstroom_rekey_{store}_{uuid.uuid4().hex[:8]}" for store in ("lrs", "state")]
    with server:
        for name in names:
            server.execute(f"CREATE DATABASE {name}")
        try:
            lrs, held = (f"{POSTGRESQL}/{name}" for name in names)
            yield lrs, {"state": held.replace("://", "+psycopg://")}
        finally:
            for name in names:
                server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    from leerstroom_airflow.town_hall import connections

    with (
        databases(request.param, tmp_path) as (database, others),
        running_replay(DEMO) as replay,
        running_lrs(database=database, key="k", secret="a secret of the test") as lrs,
    ):
        values = {
            "organisation": {"home_page": HOME},
            "data": "data",
            "directory": {"employees": str(DEMO / "employees.csv")},
            "lrs": {"endpoint": lrs.endpoint, "key": lrs.key, "secret": lrs.secret, "database": database},
            "hr": {"out": "hr", "language": "en"},
            **others,
            "connections": {
                name: fields for name, fields in connections(replay.url, DEMO).items() if name != "academy"
            },
        }
        file = tmp_path / "leerstroom.yaml"
        file.write_text(json.dumps(values))
        yield Place(tmp_path, file, database)


def night(settings: Settings) -> nightly.Night:
    start, end = nightly.local_window(FIRST, LAST, "Europe/Amsterdam")
    return nightly.run(settings, start, end)


def loaded(settings: Settings) -> int:
    """Pulls, maps and loads the same days, without what follows; returns how many statements were stored or voided."""
    start, end = nightly.local_window(FIRST, LAST, "Europe/Amsterdam")
    stored = 0
    for name in settings.connections:
        connection = nightly.connection_of(settings, name)
        pulled = nightly.pull(connection, start, end, settings=settings, run_id="x")
        made = nightly.map_landing(connection, pulled["path"], settings=settings, run_id="x")
        counts = nightly.load(name, made["path"], settings=settings, run_id="x")["counts"]
        stored += counts["stored"] + counts["voids"]
        assert counts["rejected"] == counts["conflicting"] == 0
    return stored


def values(settings: Settings) -> list[tuple]:
    import duckdb

    path = Path(settings.data) / f"indicators/as_of={LAST}/indicator_values.parquet"
    return duckdb.sql(f"select * exclude (computed_at) from '{path}' order by all").fetchall()


def next_forms(stored: dict[str, dict[str, Any]], settings: Settings) -> dict[str, dict[str, Any]]:
    """What the last rotation must make of what is stored."""
    from connectors.source import installed

    pseudonyms = nightly.unchecked_pseudonyms_of(settings)
    rotation = nightly.rotation_of(pseudonyms, installed(), len(pseudonyms.fingerprints))
    return {at: dict(rotation.statement(each) or each) for at, each in stored.items()}


def prepared(place: Place, *, whole: bool = False) -> dict[str, dict[str, Any]]:
    """Days under the first key, a `whole` night or up to the LRS; a foreign statement, a fact that was voided, and documents. Returns all that is then stored."""
    settings = place.settings(OLD)
    if whole:
        assert night(settings).failures == {}
    else:
        assert loaded(settings) > 300
    someone = {"account": {"homePage": HOME, "name": nightly.pseudonyms_of(settings).actor("E01014")}}
    with nightly.lrs_of(settings) as lrs:
        [one, *_] = lrs.query(agent=someone)
        from leerstroom.revisions import voiding

        lrs.load(iter([orjson.dumps(FOREIGN), orjson.dumps(voiding(one["id"], "2026-11-09T00:00:00.000Z", nightly.system_agent(settings)))]))  # fmt: skip
    document(place, settings, "PUT", someone)
    nightly.mirror(settings=settings, run_id="again")
    if whole:
        nightly.recompute(settings=settings, run_id="again", as_of=LAST)
    return place.stored()


def document(place: Place, settings: Settings, method: str, agent: dict[str, Any]) -> int:
    import base64
    import urllib.error
    import urllib.parse
    import urllib.request

    query = urllib.parse.urlencode({"activityId": "https://x.example/a", "agent": json.dumps(agent), "stateId": "s"})
    login = base64.b64encode(f"{settings.lrs.key}:{settings.lrs.secret.get_secret_value()}".encode()).decode()
    request = urllib.request.Request(
        f"{settings.lrs.endpoint}activities/state?{query}", method=method, data=b"{}" if method == "PUT" else None,
        headers={"Authorization": f"Basic {login}", "X-Experience-API-Version": "1.0.3", "Content-Type": "application/json"},
    )  # fmt: skip
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def everything(place: Place) -> Iterator[tuple[str, bytes]]:
    """All that is stored and is not of the first generation on purpose: landing, statements, quarantine."""
    for path in sorted(place.folder.rglob("*")):
        name = str(path.relative_to(place.folder))
        if not path.is_file() or path.suffix == ".yaml" or name.startswith(("data/landing/", "data/statements/", "data/quarantine/")):  # fmt: skip
            continue
        data = path.read_bytes()
        if path.suffix == ".parquet":
            import pyarrow.parquet

            data = json.dumps(pyarrow.parquet.read_table(path).to_pylist(), default=str).encode()
        elif path.suffix == ".xlsx":
            import zipfile

            with zipfile.ZipFile(path) as archive:
                data = b"".join(archive.read(each) for each in archive.namelist())
        yield name, name.encode() + data
    if place.database.startswith("postgresql"):
        for url in (place.database, json.loads(place.file.read_text())["state"].replace("+psycopg", "")):
            with psycopg.connect(url) as connection:
                tables = connection.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'").fetchall()  # fmt: skip
                for (table,) in tables:
                    rows = connection.execute(f'SELECT to_jsonb(t)::text FROM "{table}" t').fetchall()
                    hexes = (bytes.fromhex(part) for (row,) in rows for part in _bytes_in(row))
                    yield table, "\n".join(row for (row,) in rows).encode() + b"\n".join(hexes)


def _bytes_in(row: str) -> list[str]:
    return re.findall(r'"\\\\x([0-9a-f]*)"', row)


def old_traces(place: Place, before: dict[str, dict[str, Any]]) -> set[tuple[str, str]]:
    """(where, what) of all names and ids of the first generation that are still found."""
    if place.database.startswith("sqlite"):
        for name in ("lrs.sqlite", "data/state.sqlite"):
            connection = sqlite3.connect(place.folder / name)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.close()
    needles: set[str] = set()
    for each in before.values():
        if each["id"] != FOREIGN["id"]:
            needles |= {each["id"], str(each["actor"].get("account", {}).get("name", "leerstroom"))}
            needles |= {str(value) for name, value in each.get("context", {}).get("extensions", {}).items() if name.endswith("/record")}  # fmt: skip
    needles -= {"leerstroom"}
    assert len(needles) > 600
    return {(name, needle) for name, data in everything(place) for needle in needles & told_in(data)}


def told_in(data: bytes) -> set[str]:
    """Everything in these bytes that looks like a reference or a UUID, also one of 16 bytes."""
    found = {each.decode() for pattern in (_REFERENCE, _UUID) for each in pattern.findall(data)}
    return found | {str(uuid.UUID(bytes=data[place - 6 : place + 10])) for place in (each.start() for each in _VERSION_5.finditer(data)) if 6 <= place <= len(data) - 10}  # fmt: skip


def statements_folder(settings: Settings) -> str:
    from leerstroom.landing import Store

    return Store(settings.data).folders("statements/matrix/chat")[0]


def facts(settings: Settings) -> set[tuple]:
    """Facts and voidings, without when they were pulled last."""
    told = [each for each in state.facts.c if each.name != "as_of"]
    with state.open_state(settings.state_url).connect() as database:
        return {tuple(row) for columns in (told, state.voids.c) for row in database.execute(select(*columns))}


def test_what_is_stored_goes_under_the_new_secret_and_a_window_pulled_again_changes_nothing(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    before = prepared(place, whole=True)
    figures = values(place.settings(OLD))
    assert old_traces(place, before)
    rotated, runner = place.settings(OLD, NEW), CliRunner()
    with pytest.raises(
        ConfigurationError, match="holds 2 secrets, and what is stored is under one secret; run leerstroom people rekey"
    ):
        nightly.compute(settings=rotated, run_id="x", as_of=LAST)
    with pytest.raises(ConfigurationError, match="people rekey"):
        nightly.load("chat", statements_folder(rotated), settings=rotated, run_id="x")

    dry = runner.invoke(app, ["people", "rekey", "--dry-run", "--json", *place.command(OLD, NEW)])
    assert dry.exit_code == 0, dry.output
    assert json.loads(dry.stdout)["statements"] == len(before) - 1
    assert place.stored() == before
    done = runner.invoke(app, ["people", "rekey", "--json", *place.command(OLD, NEW)])
    assert done.exit_code == 0, (done.output, done.exception)
    counts = json.loads(done.stdout)
    assert counts["statements"] == len(before) - 1
    assert counts["documents"] == 1
    assert counts["facts"] >= len(before) - 3

    after = place.stored()
    assert list(after) == list(before), "the times of storing stay"
    assert after == next_forms(before, rotated)
    assert [each for each in after.values() if each["id"] == FOREIGN["id"]] == [each for each in before.values() if each["id"] == FOREIGN["id"]]  # fmt: skip
    assert sum(each["voided"] for each in after.values()) == sum(each["voided"] for each in before.values()) == 1
    assert old_traces(place, before) == set()
    assert values(rotated) == figures
    assert Mirror(f"{rotated.data}/mirror").rows == len(before) - 1, "an LRS does not list what is voided"

    someone = {"account": {"homePage": HOME, "name": nightly.pseudonyms_of(rotated).actor("E01014")}}
    with nightly.lrs_of(rotated) as lrs:
        found = {each["id"] for each in lrs.query(agent=someone)}
        assert {each["stored"] for each in after.values() if each["id"] in found} == {
            stored for stored, each in before.items()
            if each["actor"] == {"objectType": "Agent", "account": {"homePage": HOME, "name": Pseudonyms(OLD).actor("E01014")}} and not each["voided"]
        } | {stored for stored, each in before.items() if each["verb"]["id"].endswith("/voided")}  # fmt: skip
        strangers = {"account": {"homePage": HOME, "name": Pseudonyms(OLD).actor("E01014")}}
        assert list(lrs.query(agent=strangers, related_agents=True)) == []
    assert document(place, rotated, "GET", someone) == 200
    assert document(place, rotated, "GET", strangers) == 404
    names = {name.name for name in rotated.my_learning_folder.glob("*.html")}
    assert f"{someone['account']['name']}.html" in names
    assert f"{strangers['account']['name']}.html" not in names

    held = facts(rotated)
    assert loaded(rotated) == 0
    assert place.stored() == after
    assert facts(rotated) == held
    told = caplog.text + dry.output + done.output
    assert OLD not in told
    assert NEW not in told

    once_more = runner.invoke(app, ["people", "rekey", "--json", *place.command(OLD, NEW)])
    assert json.loads(once_more.stdout)["statements"] == 0
    assert place.stored() == after


KILLED = """
import os, signal, sys
from leerstroom.cli.people import rekey_all
from leerstroom import rekeying
from leerstroom.lrs import rekeying as lrs_rekeying
from leerstroom.settings import Settings
rekeying._AT_ONCE = lrs_rekeying._AT_ONCE = 80
left = int(sys.argv[2])
def progress(_):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
rekey_all(Settings.load(sys.argv[1]), progress)
"""


def test_killed_at_any_point_and_run_again_it_ends_up_the_same(place: Place) -> None:
    before = prepared(place)
    rotated = place.settings(OLD, NEW)
    file = place.command(OLD, NEW)[1]
    killed = 0
    for steps in range(40):
        # each process gets one batch further than the one before: through the LRS, then through the facts
        done = subprocess.run(
            [sys.executable, "-c", KILLED, file, str(steps)], capture_output=True, timeout=120, check=False
        )
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()[-2000:]
        killed += 1
        with pytest.raises(ConfigurationError, match="did not reach its end; run leerstroom people rekey"):
            nightly.pseudonyms_of(rotated)
    assert killed > 3
    assert place.stored() == next_forms(before, rotated)
    assert old_traces(place, before) == set()
    assert loaded(rotated) == 0
    assert len(place.stored()) == len(before)


def test_a_second_rotation_follows_the_first_and_both_at_once_are_the_same(place: Place, tmp_path: Path) -> None:
    before = prepared(place)
    rekey_all(place.settings(OLD, NEW), lambda _: None)
    rekey_all(place.settings(OLD, NEW, NEWER), lambda _: None)
    rotated = place.settings(OLD, NEW, NEWER)
    middle = next_forms(before, place.settings(OLD, NEW))
    assert place.stored() == next_forms(middle, rotated)
    assert loaded(rotated) == 0
    with pytest.raises(
        ConfigurationError, match="holds 2 secrets, and what is stored is under 3 secrets; put the missing one back"
    ):
        nightly.pseudonyms_of(place.settings(OLD, NEW))
    for wrong in ((OLD, NEWER, NEW), (NEW, OLD, NEWER)):
        with pytest.raises(ConfigurationError, match="is another one than what is stored was made under") as told:
            nightly.pseudonyms_of(place.settings(*wrong))
        assert not any(secret in str(told.value) for secret in wrong)


def test_erasure_finds_a_person_in_every_generation(place: Place) -> None:
    before = prepared(place)
    rotated = place.settings(OLD, NEW)
    rekey_all(rotated, lambda _: None)
    someone = "E01014"
    names = nightly.pseudonyms_of(rotated).generations(Pseudonyms(OLD).actor(someone))
    done = CliRunner().invoke(app, ["subject", "erase", someone, "--yes", *place.command(OLD, NEW)])
    assert done.exit_code in {0, 1}, (done.output, done.exception)
    left = place.stored()
    assert 0 < len(left) < len(before)
    assert not any(name in str(each) for each in left.values() for name in names)
    assert loaded(rotated) == 0
    assert not any(name in str(each) for each in place.stored().values() for name in names), (
        "a later night brings nobody back"
    )


def test_a_key_without_a_new_secret_and_an_lrs_of_others_are_refused(place: Place) -> None:
    with pytest.raises(ConfigurationError, match="holds one secret; add a new one behind"):
        rekey_all(place.settings(OLD), lambda _: None)
    settings = place.settings(OLD, NEW)
    elsewhere = settings.model_copy(update={"lrs": settings.lrs.model_copy(update={"database": None})})
    with pytest.raises(ConfigurationError, match="only the embedded LRS can be re-keyed"):
        rekey_all(elsewhere, lambda _: None)
    assert loaded(place.settings(OLD)) > 300
    other = settings.model_copy(
        update={"lrs": settings.lrs.model_copy(update={"database": f"{place.folder}/other.sqlite"})}
    )
    with pytest.raises(ConfigurationError, match=r"lrs\.database is not the database of the LRS at lrs\.endpoint"):
        rekey_all(other, lambda _: None)
    assert rekeying.reached(state.open_state(settings.state_url)) == []
