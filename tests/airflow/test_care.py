"""The Dags beside the night: quality, quarantine again, one LRS into another, a person's erasure; over real LRSs, through HTTP."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from leerstroom import ledger, nightly
from leerstroom.lrs import running as running_lrs
from leerstroom.settings import Settings
from leerstroom.state import open_state

FIRST, LAST = date(2026, 11, 2), date(2026, 11, 8)
KEY = "a pseudonym key for the tests only"

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("airflow-care")]


@dataclass
class Place:
    """One installation with a register and an LRS."""

    folder: Path
    values: dict[str, Any]

    def write(self, **changed: Any) -> Settings:
        self.values |= changed
        (self.folder / "leerstroom.yaml").write_text(json.dumps(self.values))
        return Settings.load(self.folder / "leerstroom.yaml")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with running_lrs(database=f"sqlite:///{tmp_path}/lrs.sqlite", key="k", secret="a secret of the test") as lrs:
        (tmp_path / "employees.csv").write_text(
            "employee_id;emails;team\nE1;a@example.org;Zorg\nE2;b@example.org;Zorg\n"
        )
        (tmp_path / "register.csv").write_text(
            "employee_id;titel;datum;uren;soort\nE1;Les;03-11-2026;1,5;\nE2;Les;03-11-2026;2;\nE2;Les;04-11-2026;x;\n"
        )
        monkeypatch.setenv("LEERSTROOM_SETTINGS", str(tmp_path / "leerstroom.yaml"))
        monkeypatch.setenv("LEERSTROOM_PSEUDONYM_KEY", KEY)
        made = Place(
            tmp_path,
            {
                "data": "data",
                "directory": {"employees": "employees.csv"},
                "lrs": {
                    "endpoint": lrs.endpoint,
                    "key": lrs.key,
                    "secret": lrs.secret,
                    "database": f"sqlite:///{tmp_path}/lrs.sqlite",
                },
                "hr": {"out": "hr"},
                "connections": {"registers": {"source": "sheet", "files": "register.csv"}},
            },
        )
        made.write()
        yield made


@pytest.fixture(scope="module")
def dags(airflow_home: Path) -> Any:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    assert bag.import_errors == {}
    return bag.dags


def run(dag: Any, **params: Any) -> dict[tuple[str, str], tuple[str, Any]]:
    """(task, what it is mapped over) -> (state, what it returned)."""
    done = dag.test(logical_date=datetime(2026, 11, 9, 1, tzinfo=UTC), run_conf=params)
    return {
        (ti.task_id, ti.rendered_map_index or ""): (
            str(ti.state),
            ti.xcom_pull(task_ids=ti.task_id, map_indexes=ti.map_index),
        )
        for ti in done.get_task_instances()
    }


def pulled_night(settings: Settings) -> None:
    nightly.run(settings, *nightly.local_window(FIRST, LAST, "Europe/Amsterdam"))


def test_quarantine_is_tried_again_and_only_what_is_bad_stays(place: Place, dags: Any) -> None:
    registers = place.values["connections"]["registers"]
    wrong = place.write(connections={"registers": {**registers, "default_kind": "unheard of"}})
    start, end = nightly.local_window(FIRST, LAST, "Europe/Amsterdam")
    connection = nightly.connection_of(wrong, "registers")
    pulled = nightly.pull(connection, start, end, settings=wrong, run_id="r")
    nightly.map_landing(connection, pulled["path"], settings=wrong, run_id="r")
    right = place.write(connections={"registers": registers})
    found = run(dags["learning_quarantine"])
    assert found["replay", "registers"] == (
        "success",
        {"connection": "registers", "held_before": 3, "held_after": 1},
    )
    assert len(list(nightly.lrs_of(right).query())) == 2


def test_quality_is_red_and_says_what_to_look_at(place: Place, dags: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings = place.write()
    pulled_night(settings)
    assert run(dags["learning_quality"])["check", ""][0] == "failed"  # a third of the lines is in quarantine
    (place.folder / "register.csv").write_text("employee_id;titel;datum;uren;soort\nE1;Les;03-11-2026;1,5;\n")
    pulled_night(settings)
    assert run(dags["learning_quality"])["check", ""] == ("success", {})
    ledger.cover(open_state(settings.state_url), "chat", "chat", [date(2026, 11, 7)], "missing")
    assert run(dags["learning_quality"])["check", ""][0] == "failed"


def test_one_lrs_goes_into_another_and_a_second_time_adds_nothing(
    place: Place, dags: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = place.write()
    pulled_night(settings)
    with running_lrs(
        database=f"sqlite:///{tmp_path}/other.sqlite", key="o", secret="another secret of the test"
    ) as other:
        for name, lrs in (("HERE", settings.lrs), ("THERE", other)):
            secret = lrs.secret if isinstance(lrs.secret, str) else lrs.secret.get_secret_value()
            value = {"conn_type": "leerstroom_lrs", "host": lrs.endpoint, "login": lrs.key, "password": secret}
            monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(value))
        params = {"from": "here", "to": "there"}
        first = run(dags["learning_sync"], **params)["sync", ""]
        assert first == ("success", {"stored": 2, "already_there": 0, "conflicting": 0, "rejected": 0})
        assert run(dags["learning_sync"], **params)["sync", ""][1]["already_there"] == 2
        nothing = run(dags["learning_sync"], **params, verb="http://adlnet.gov/expapi/verbs/asked")
        assert nothing["sync", ""][1]["stored"] == 0


def test_an_erasure_finds_by_pseudonym_and_leaves_nobody_else_out(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    from leerstroom.errors import ConfigurationError
    from leerstroom.people import Pseudonyms
    from leerstroom_airflow import care

    settings = place.write()
    pulled_night(settings)
    pseudonym = Pseudonyms(KEY).actor("E1")
    assert care.find_subject(pseudonym) == {"statements": 1, "lines": 2}
    done = care.erase_subject(pseudonym)
    assert (done["lrs"], done["lines"], done["facts"]) == (1, 2, 1)
    assert care.find_subject(pseudonym) == {"statements": 0, "lines": 0}
    assert len(list(nightly.lrs_of(settings).query())) == 1
    with pytest.raises(ConfigurationError, match="leerstroom subject pseudonym"):
        care.find_subject("a" * 26)


def test_an_erasure_waits_for_an_approval_and_takes_no_name(dags: Any) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    dag = dags["learning_erasure"]
    assert dag.get_task("find").downstream_task_ids == {"approve"}
    assert dag.get_task("erase").upstream_task_ids == {"approve"}
    with pytest.raises(ParamValidationError):
        dag.params.get_param("subject").resolve("Jan Jansen")


def test_what_is_kept_no_longer_goes(dags: Any, place: Place) -> None:
    from leerstroom.landing import Store

    store = Store(place.write().data)
    for window in ("20200101T230000Z_20200102T230000Z", "29991231T230000Z_30000101T230000Z"):
        with store.writer(f"landing/sheet/registers/{window}/records.jsonl.zst") as writer:
            writer.write({"kind": "row"})
    state, counts = run(dags["learning_retention"])["remove", ""]
    assert state == "success"
    assert counts == {"landing": 1, "statements": 0, "quarantine": 0, "indicators": 0, "hr_rows": 0}
    assert len(store.files("landing", ".zst")) == 1
