"""The ledger's page: closed to those who may not see runs, and true to the ledger."""

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from leerstroom import ledger
from leerstroom.landing import Store
from leerstroom.ledger import Entry
from leerstroom.state import open_state

pytestmark = pytest.mark.xdist_group("airflow-web")  # one application for all of them


@pytest.fixture(scope="module")
def web(airflow_home: Path) -> Iterator[Any]:
    """Airflow's own web application with its own auth manager and our plugin."""
    from airflow.api_fastapi.app import create_app
    from starlette.testclient import TestClient

    with TestClient(create_app(apps="core")) as client:
        yield client


def token(role: str | None) -> str:
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    return get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="someone", role=role))


@pytest.fixture
def settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "leerstroom.yaml"
    file.write_text("organisation: {name: Gemeente <Voorbeeldstad>}\ndata: data\n")
    monkeypatch.setenv("LEERSTROOM_SETTINGS", str(file))
    return file


def write_a_partial_night(file: Path) -> None:
    engine = open_state(f"sqlite:///{file.parent / 'data' / 'state.sqlite'}")
    window = (datetime(2026, 11, 1, 23, tzinfo=UTC), datetime(2026, 11, 2, 23, tzinfo=UTC))
    mapped = {"pulled": 412, "mapped": 400, "built": 410, "ignored": {"edit": 9}, "quarantined": {"line 7: no date": 3}}
    loaded = {
        "built": 410,
        "voids": 0,
        "stored": 410,
        "already_there": 0,
        "conflicting": 0,
        "rejected": 0,
        "superseded": 0,
    }
    for name, stage, state, counts in (
        ("chat", "pull", "done", {"pulled": 412}),
        ("chat", "map", "done", mapped),
        ("chat", "load", "done", loaded),
        ("academy", "pull", "failed", {"pulled": 0}),
    ):
        ledger.write(engine, Entry("night-1", name, "matrix", stage, state, counts, datetime.now(UTC), 3, *window))
    with Store(file.parent / "data").writer("quarantine/matrix/chat/w/quarantine.jsonl.zst") as held:
        held.write_all([{"stage": "map", "reason": "line 7: no date"}] * 3)
    ledger.cover(engine, "chat", "chat", [date(2026, 11, 2)], "ok")
    ledger.cover(engine, "academy", "lms", [date(2026, 11, 2)], "missing")


@pytest.mark.parametrize("path", ["/leerstroom/", "/leerstroom/docs", "/leerstroom/openapi.json", "/leerstroom/redoc"])
def test_nobody_gets_anything_without_a_token(web: Any, settings_file: Path, path: str) -> None:
    response = web.get(path)
    assert response.status_code in {401, 404}
    assert "Gemeente" not in response.text


def test_the_page_itself_answers_401_to_the_anonymous(web: Any) -> None:
    assert web.get("/leerstroom/").status_code == 401


def test_a_user_without_a_role_is_refused(web: Any, settings_file: Path) -> None:
    response = web.get("/leerstroom/", headers={"Authorization": f"Bearer {token(None)}"})
    assert response.status_code == 403
    assert "Gemeente" not in response.text


def test_who_may_see_runs_sees_counts_coverage_and_reasons(web: Any, settings_file: Path) -> None:
    write_a_partial_night(settings_file)
    response = web.get("/leerstroom/", headers={"Authorization": f"Bearer {token('viewer')}"})
    assert response.status_code == 200
    assert "Gemeente &lt;Voorbeeldstad&gt;" in response.text
    for said in (
        "2026-11-02",
        "partial",
        "412",
        "410",
        "pull failed",
        "line 7: no date",
        "2026-11-02 missing",
        "2026-11-02 ok",
    ):
        assert said in response.text
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert "<button" not in response.text, "a viewer may trigger nothing"


def test_a_night_is_complete_only_once_it_was_published() -> None:
    from leerstroom_airflow.ledger_page import nights_shown

    def told(connection: str, stage: str) -> Entry:
        return Entry("night", connection, "matrix", stage, "done", {}, datetime.now(UTC))

    loaded = [told("lrs", "mirror")]
    assert [night.state for night in nights_shown(loaded, "Europe/Amsterdam")] == ["not published yet"]
    published = [*loaded, told("hr", "publish")]
    assert [night.state for night in nights_shown(published, "Europe/Amsterdam")] == ["complete"]


@pytest.fixture(scope="module")
def known_dags(airflow_home: Path) -> None:
    """The Dags of the folder, in the database as a dag-processor leaves them."""
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.session import create_session

    with create_session() as session:
        session.merge(DagBundleModel(name="leerstroom"))
    sync_bag_to_db(DagBag(dag_folder=os.environ["AIRFLOW__CORE__DAGS_FOLDER"]), "leerstroom", None)


def replays() -> list[Any]:
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        return [
            (run.conf, run.triggering_user_name)
            for run in session.scalars(select(DagRun).where(DagRun.dag_id == "learning_quarantine").order_by(DagRun.id))
        ]


def test_who_may_trigger_tries_quarantine_again_with_a_button(web: Any, settings_file: Path, known_dags: None) -> None:
    write_a_partial_night(settings_file)
    mine = {"Authorization": f"Bearer {token('admin')}"}
    before = replays()
    page = web.get("/leerstroom/", headers=mine)
    assert 'action="quarantine/chat"' in page.text
    assert web.post("/leerstroom/quarantine/chat").status_code == 401
    assert (
        web.post("/leerstroom/quarantine/chat", headers={"Authorization": f"Bearer {token('viewer')}"}).status_code
        == 403
    )
    assert web.post("/leerstroom/quarantine/chat", headers={**mine, "Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert replays() == before
    done = web.post("/leerstroom/quarantine/chat", headers=mine, follow_redirects=True)
    assert done.status_code == 200
    assert "Quarantine of chat is tried again" in done.text
    assert replays()[len(before) :] == [({"connection": "chat"}, "someone")]


def test_a_fault_of_the_settings_is_one_sentence_on_the_page(web: Any, settings_file: Path) -> None:
    settings_file.write_text("nonsense: 1\n")
    response = web.get("/leerstroom/", headers={"Authorization": f"Bearer {token('viewer')}"})
    assert response.status_code == 200
    assert "nonsense" in response.text


def test_the_connection_form_shows_our_types(web: Any) -> None:
    response = web.get("/ui/connections/hook_meta", headers={"Authorization": f"Bearer {token('admin')}"})
    assert response.status_code == 200
    found = {each["connection_type"]: each for each in response.json()}
    assert found["leerstroom_lrs"]["standard_fields"]["host"]["title"] == "xAPI endpoint"
    assert found["leerstroom_lrs"]["extra_fields"]["version"]["schema"]["enum"] == ["1.0.3", "2.0.0"]
