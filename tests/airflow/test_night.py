"""The real Dag over the real LRS and replayed platforms, through HTTP, task by task through Airflow's own execution interface."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from leerstroom import ledger, nightly
from leerstroom.errors import ConfigurationError
from leerstroom.lrs import running as running_lrs
from leerstroom.people import Pseudonyms
from leerstroom.replay import running as running_replay
from leerstroom.settings import Settings
from leerstroom.state import open_state
from leerstroom_airflow.town_hall import RECORDINGS, connections

FIRST, LAST = date(2026, 11, 2), date(2026, 11, 8)
SECRETS = {"LEERSTROOM_PSEUDONYM_KEY": "a pseudonym key for the tests only"}

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("airflow-night")]


@dataclass
class Place:
    """One installation with its LRS and platforms; `write` changes its settings."""

    folder: Path
    values: dict[str, Any]

    def write(self, **changed: Any) -> Settings:
        self.values |= changed
        (self.folder / "leerstroom.yaml").write_text(json.dumps(self.values))
        return self.settings

    @property
    def settings(self) -> Settings:
        return Settings.load(self.folder / "leerstroom.yaml")

    def statements(self) -> dict[str, bytes]:
        """Everything that the LRS answers, voidings too, by id, without the time at which it was stored."""
        found = {}
        for raw in nightly.lrs_of(self.settings).query_raw():
            statement = json.loads(raw)
            statement.pop("stored")
            found[statement["id"]] = json.dumps(statement, sort_keys=True).encode()
        return found


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with (
        running_replay(RECORDINGS, clock=datetime(2026, 11, 9, 2, tzinfo=UTC)) as replay,
        running_lrs(database=f"sqlite:///{tmp_path}/lrs.sqlite", key="k", secret="a secret of the test") as lrs,
    ):
        made = Place(
            tmp_path,
            {
                "organisation": {"name": "Gemeente Voorbeeldstad", "home_page": "https://people.voorbeeldstad.example"},
                "data": "data",
                "directory": {"employees": str(RECORDINGS / "employees.csv")},
                "lrs": {"endpoint": lrs.endpoint, "key": lrs.key, "secret": lrs.secret},
                "hr": {"out": "hr", "language": "en"},
                "connections": connections(replay.url),
            },
        )
        monkeypatch.setenv("LEERSTROOM_SETTINGS", str(tmp_path / "leerstroom.yaml"))
        for name, value in SECRETS.items():
            monkeypatch.setenv(name, value)
        made.write()
        yield made


@pytest.fixture(scope="module")
def dag(airflow_home: Path) -> Any:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    assert bag.import_errors == {}
    return bag.dags["learning_nightly"]


@pytest.fixture
def run(dag: Any) -> Callable[..., Any]:
    def start(first: date = FIRST, last: date = LAST) -> Any:
        return dag.test(
            logical_date=datetime(last.year, last.month, last.day + 1, 1, tzinfo=UTC),
            run_conf={"from": first.isoformat(), "to": last.isoformat()},
        )

    return start


def states(found: Any) -> dict[tuple[str, str], str]:
    """(task, what it is mapped over) -> state."""
    return {(ti.task_id, ti.rendered_map_index or ""): str(ti.state) for ti in found.get_task_instances()}


def asset_events() -> list[tuple[str, dict[str, Any]]]:
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        return [
            (event.asset.name, event.extra) for event in session.scalars(select(AssetEvent).order_by(AssetEvent.id))
        ]


def note_of(found: Any) -> str:
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        return session.scalar(select(DagRun).where(DagRun.id == found.id)).note or ""


def what_travelled(found: Any) -> list[str]:
    """Everything that tasks of a run handed to each other, as JSON."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        return [
            json.dumps(row.value) for row in session.scalars(select(XComModel).where(XComModel.run_id == found.run_id))
        ]


def test_a_night_is_green_balances_tells_every_asset_once_and_a_second_one_adds_nothing(
    place: Place, run: Callable[..., Any]
) -> None:
    told_before = len(asset_events())
    first = run()
    assert first.state == "success"
    names = set(place.settings.connections)
    for stage in ("pull", "map", "load"):
        assert {name for task, name in states(first) if task == f"source.{stage}"} == names
    assert set(states(first).values()) == {"success"}
    events = asset_events()[told_before:]
    assert sorted(name for name, _ in events) == [
        "leerstroom_hr_tables", "leerstroom_indicator_values", "leerstroom_mirror", "leerstroom_statements",
    ]  # fmt: skip
    entries = ledger.check(open_state(place.settings.state_url), first.run_id)
    stored = sum(entry.counts["stored"] for entry in entries if entry.stage == "load")
    assert stored > 300
    assert events[0][1]["stored"] == stored
    assert "Complete night" in note_of(first)
    assert f"{stored} stored" in note_of(first)
    assert list((place.folder / "hr").rglob("*.html"))
    statements = place.statements()
    assert len(statements) == stored
    travelled = what_travelled(first)
    assert len(travelled) >= 3 * len(names)
    assert max(map(len, travelled)) < 4096
    assert [text for text in travelled if "features" in text or "@" in text or "demo-token" in text] == []
    second = run()
    assert second.state == "success"
    entries = ledger.check(open_state(place.settings.state_url), second.run_id)
    assert sum(entry.counts["stored"] for entry in entries if entry.stage == "load") == 0
    assert place.statements() == statements


def test_a_connection_that_is_refused_leaves_the_others_standing_and_the_run_says_so(
    place: Place, run: Callable[..., Any]
) -> None:
    chat = place.values["connections"]["chat"]
    employees = place.folder / "employees.csv"
    employees.write_bytes((RECORDINGS / "employees.csv").read_bytes())
    with running_replay(RECORDINGS.parent, only=("scim",)) as service:
        settings = place.write(
            connections={"chat": chat, "second": {**chat, "token": "wrong"}},
            directory={"source": "scim", "host": f"{service.url}/scim", "token": "wrong", "employees": str(employees)},
        )
        started = time.monotonic()
        found = run()
    assert found.state == "success"
    assert time.monotonic() - started < 100, "credentials that are refused must not be tried again"
    by_task = states(found)
    assert by_task["directory", ""] == "failed"
    assert by_task["source.pull", "second"] == "failed"
    assert by_task["source.load", "chat"] == "success"
    assert by_task["settle", ""] == "success"
    assert "Partial night" in note_of(found)
    assert "second (pull failed)" in note_of(found)
    assert "directory (directory failed)" in note_of(found)
    assert employees.read_bytes() == (RECORDINGS / "employees.csv").read_bytes()
    covered = {kind: status for day, kind, status in ledger.coverage(open_state(settings.state_url)) if day == FIRST}
    assert covered["chat"] == "missing"


@pytest.mark.slow
def test_fields_of_the_airflow_connection_win_over_the_settings_file(
    place: Place, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    key = "a pseudonym key out of a connection of Airflow"
    monkeypatch.setenv("AIRFLOW_CONN_LEERSTROOM_PSEUDONYMS", json.dumps({"conn_type": "generic", "password": key}))
    chat = place.values["connections"]["chat"]
    lrs = place.values["lrs"]
    place.write(
        connections={"chat": {"source": "matrix"}},
        lrs={"endpoint": "http://127.0.0.1:9/xapi/", "key": "nobody", "secret": "nothing"},
    )
    monkeypatch.setenv(
        "AIRFLOW_CONN_CHAT",
        json.dumps({
            "conn_type": "leerstroom_matrix",
            "host": chat["host"],
            "password": chat["token"],
            "extra": {"rooms": ", ".join(chat["rooms"]), "server_name": chat["server_name"]},
        }),
    )
    monkeypatch.setenv(
        "AIRFLOW_CONN_LEERSTROOM_LRS",
        json.dumps({
            "conn_type": "leerstroom_lrs",
            "host": lrs["endpoint"],
            "login": lrs["key"],
            "password": lrs["secret"],
        }),
    )
    found = run(FIRST, FIRST)
    assert found.state == "success"
    entries = ledger.check(open_state(place.settings.state_url), found.run_id)
    assert {entry.connection: entry.counts["stored"] > 0 for entry in entries if entry.stage == "load"} == {
        "chat": True
    }
    place.write(lrs=lrs)
    known = {Pseudonyms(key).actor(each.employee_id) for each in nightly.directory_of(place.settings).employees}
    actors = {json.loads(each)["actor"]["account"]["name"] for each in place.statements().values()}
    assert known & actors
    assert key not in "".join(capfd.readouterr())


def test_the_first_task_tells_all_faults_of_the_settings_at_once(
    airflow_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from leerstroom_airflow import nights

    file = tmp_path / "leerstroom.yaml"
    monkeypatch.setenv("LEERSTROOM_SETTINGS", str(file))
    monkeypatch.setenv("AIRFLOW_VAR_LEERSTROOM_CONNECTIONS", "added")
    connections = {"chat": {"source": "matrix", "hots": "x"}}
    file.write_text(json.dumps({"rules": "nowhere.yaml", "directory": {"employees": "nobody.csv"}, "connections": connections, "pseudonym_key": "a long enough key for the tests"}))  # fmt: skip
    with pytest.raises(ConfigurationError) as told:
        nights.begin()
    for part in ("nowhere.yaml", "nobody.csv", "unknown field 'hots'", "there is no connection 'added'"):
        assert part in str(told.value)
    file.write_text(json.dumps({"connections": connections, "pseudonym_key": "a long enough key for the tests"}))
    assert nights.begin() == ["chat", "added"]
    assert caplog.text.count("this connection will fail") == 2


_LOAD = """
import json, sys
from leerstroom import nightly
from leerstroom.settings import Settings
print("begun", flush=True)
nightly.load("chat", sys.argv[1], settings=Settings.load(), run_id="killed")
print("done", flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("delay_s", [0.0, 0.05, 0.15])
def test_the_load_task_killed_in_its_middle_and_run_again_leaves_the_same_lrs(
    place: Place, run: Callable[..., Any], delay_s: float
) -> None:
    settings = place.settings
    start, end = nightly.local_window(FIRST, LAST, "Europe/Amsterdam")
    pulled = nightly.pull(nightly.connection_of(settings, "chat"), start, end, settings=settings, run_id="killed")
    mapped = nightly.map_landing(
        nightly.connection_of(settings, "chat"), pulled["path"], settings=settings, run_id="killed"
    )
    child = subprocess.Popen([sys.executable, "-c", _LOAD, mapped["path"]], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline().strip() == "begun"
    time.sleep(delay_s)
    child.send_signal(signal.SIGKILL)
    child.wait(10)
    child.stdout.close()
    again = run()
    assert again.state == "success"
    entries = ledger.check(open_state(settings.state_url), again.run_id)
    built = sum(entry.counts["built"] for entry in entries if entry.stage == "load" and entry.connection == "chat")
    ours = place.statements()
    chat_only = sum(
        entry.counts["stored"] + entry.counts["already_there"]
        for entry in entries
        if entry.stage == "load" and entry.connection == "chat"
    )
    assert chat_only == built
    assert len(ours) >= built
    assert run().state == "success"
    assert place.statements() == ours
