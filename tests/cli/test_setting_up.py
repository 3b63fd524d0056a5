"""`leerstroom init` and `check`: the start configuration is accepted, and everything that is wrong is told at once."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from leerstroom.cli import app, setting_up
from leerstroom.lrs import running as running_lrs
from leerstroom.replay import running as running_replay
from leerstroom_airflow.town_hall import RECORDINGS, connections

SECRETS = {
    "LEERSTROOM_LRS_KEY": "a-key-of-the-test",
    "LEERSTROOM_LRS_SECRET": "a-secret-of-the-test",
    "LEERSTROOM_PSEUDONYM_KEY": "a-pseudonym-key-of-the-test",
}


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def lrs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    database = f"sqlite:///{tmp_path_factory.mktemp('lrs')}/lrs.sqlite"
    key, secret = SECRETS["LEERSTROOM_LRS_KEY"], SECRETS["LEERSTROOM_LRS_SECRET"]
    with running_lrs(database=database, key=key, secret=secret) as running:
        yield running


@pytest.fixture
def started(tmp_path: Path, lrs: Any) -> Path:
    """What init writes, with the LRS of the test."""
    file = tmp_path / "leerstroom.yaml"
    assert CliRunner().invoke(app, ["init", str(file)]).exit_code == 0
    file.write_text(file.read_text().replace("http://127.0.0.1:8765/xapi/", lrs.endpoint))
    return file


def changed(file: Path, **sections: Any) -> Path:
    """The file with sections of its own."""
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **sections}))
    return file


def check(file: Path, *words: str) -> tuple[int, dict[str, tuple[str, str]]]:
    """Exit code, and what was checked -> (state, text)."""
    done = CliRunner().invoke(app, ["check", *words, "--settings", str(file), "--json"])
    assert not any(secret in done.output for secret in SECRETS.values())
    return done.exit_code, {each["what"]: (each["state"], each["text"]) for each in json.loads(done.stdout)}


def test_the_start_configuration_is_accepted_once_its_secrets_are_set(started: Path) -> None:
    code, found = check(started)
    assert code == 0, found
    assert {what for what, (state, _) in found.items() if state == "look"} == {"connections", "directory"}
    assert {"lrs", "rules", "disclosure", "state", "hr database", "data root", "hr folder", "my learning"} <= set(found)


def test_every_commented_line_of_the_start_configuration_is_a_setting(started: Path) -> None:
    """Without its comment signs the file is still valid: no example in it is out of date."""
    lines = []
    for line in started.read_text().splitlines():
        bare = line.strip().removeprefix("# ")
        commented = line.strip().startswith("# ") and ": " in bare.split("  ")[0] and not bare.startswith("Settings of")
        lines.append(line.replace("# ", "", 1) if commented else line)
    text = "\n".join(lines).replace("connections: {}", "connections:").replace("  source: graph ", "  # source: graph ")
    for name in ("MOODLE_TOKEN", "MATRIX_TOKEN", "ZOOM_ID", "ZOOM_SECRET"):
        text = text.replace(f"${{{name}}}", "x")
    started.write_text(text)
    from leerstroom.settings import Settings

    settings = Settings.load(started)
    assert set(settings.connections) == {"academy", "chat", "webinars", "registers"}
    assert settings.retention.lrs_months == 13
    assert settings.notify.mail is not None


def test_a_secret_that_is_not_set_is_named(started: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.delenv(name)
    code, found = check(started)
    assert code == 1
    assert set(found) == {"settings"}
    for name in SECRETS:
        assert name in found["settings"][1]


def test_real_platforms_and_employees_are_told_in_one_line_each(started: Path) -> None:
    with running_replay(RECORDINGS) as replay:
        changed(
            started, connections=connections(replay.url), directory={"employees": str(RECORDINGS / "employees.csv")}
        )
        code, found = check(started)
    assert code == 0, found
    assert "4 of 4 allowed rooms can be read" in found["chat"][1]
    assert "employees in" in found["directory"][1]
    assert "groups of 5 and more" in found["disclosure"][1]
    assert {state for state, _ in found.values()} == {"ok"}


def test_everything_that_is_wrong_is_told_at_once(started: Path) -> None:
    blocked = started.with_name("a-file")
    blocked.write_text("in the way")
    (started.with_name("rules.yaml")).write_text("rules: nonsense\n")
    with running_replay(RECORDINGS) as replay:
        known = connections(replay.url)
        changed(
            started,
            connections={
                "good": known["chat"],
                "refused": {**known["chat"], "token": "wrong"},
                "misspelt": {"source": "moodle", "hots": "https://moodle.example.org"},
                "unknown": {"source": "nothing", "host": "https://x.example"},
                "away": {"source": "sheet", "files": str(started.with_name("none") / "*.csv")},
            },
            directory={"employees": "nobody.csv"},
            lrs={"endpoint": yaml.safe_load(started.read_text())["lrs"]["endpoint"], "key": "k", "secret": "wrong"},
            rules="rules.yaml",
            state="postgresql+psycopg://nobody:hidden@127.0.0.1:9/leerstroom",
            data="a-file/data",
            hr={"out": "a-file/hr", "database": "postgresql://nobody:hidden@127.0.0.1:9/hr"},
        )
        code, found = check(started)
    assert code == 1
    assert found["good"][0] == "ok"
    failed = {what for what, (state, _) in found.items() if state == "FAIL"}
    assert failed >= {
        "refused", "misspelt", "unknown", "lrs", "directory", "rules", "state", "hr database", "data root", "hr folder",
    }  # fmt: skip
    assert "hots" in found["misspelt"][1]
    assert "401" in found["refused"][1] or "refused" in found["refused"][1]
    assert "nobody.csv" in found["directory"][1]
    assert not any("hidden" in text for _, text in found.values())
    assert not any("the check itself broke" in text for _, text in found.values())


def test_one_line_alone_by_its_name(started: Path) -> None:
    assert {what: state for what, (state, _) in check(started, "lrs")[1].items()} == {"lrs": "ok"}
    code, found = check(started, "chat")
    assert code == 1
    assert "there is no connection 'chat'" in found["chat"][1]


def test_a_connection_whose_fields_live_in_airflow_is_no_fault(started: Path) -> None:
    changed(started, connections={"academy": {"source": "moodle"}})
    code, found = check(started)
    assert code == 0
    state, text = found["academy"]
    assert state == "look"
    assert "airflow connections test academy" in text


def test_a_disk_that_is_nearly_full_is_a_fault(started: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setting_up, "LEAST_FREE_BYTES", 1 << 62)
    code, found = check(started)
    assert code == 1
    assert {what for what, (state, _) in found.items() if state == "FAIL"} == {"data root", "hr folder", "my learning"}
    assert "make room" in found["data root"][1]


def test_what_an_employee_alone_may_see_does_not_lie_in_hr_s_folder(started: Path) -> None:
    changed(started, my_learning={"out": "var/hr/people"})
    code, found = check(started)
    assert code == 1
    assert found["my learning"][0] == "FAIL"


def test_teams_that_are_too_small_to_be_seen_are_told(started: Path) -> None:
    people = "\n".join(f"E{number},team-{number // 2}" for number in range(8))
    started.with_name("employees.csv").write_text(f"employee_id,team\n{people}\n")
    state, text = check(started, "disclosure")[1]["disclosure"]
    assert state == "look"
    assert "no team is that large" in text


def test_object_storage_is_written_and_read(started: Path) -> None:
    changed(started, data=f"memory://{uuid.uuid4().hex}", state=f"sqlite:///{started.parent}/state.sqlite")
    code, found = check(started)
    assert code == 0, found
    assert "can be written and read" in found["data root"][1]


def test_a_user_who_may_not_make_tables_is_told_before_the_first_night(started: Path, postgresql_server: Any) -> None:
    name = f"check_{uuid.uuid4().hex[:12]}"
    postgresql_server.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'x'")
    postgresql_server.execute(f"CREATE DATABASE {name}")
    try:
        changed(started, hr={"out": "var/hr", "database": f"postgresql://{name}:x@127.0.0.1:5432/{name}"})
        refused = check(started, "hr database")
        postgresql_server.execute(f"ALTER DATABASE {name} OWNER TO {name}")
        allowed = check(started, "hr database")
    finally:
        postgresql_server.execute(f"DROP DATABASE {name} WITH (FORCE)")
        postgresql_server.execute(f"DROP ROLE {name}")
    assert refused[0] == 1
    assert "may not make tables" in refused[1]["hr database"][1]
    assert allowed[0] == 0


def test_a_person_reads_a_line_each(started: Path) -> None:
    done = CliRunner().invoke(app, ["check", "--settings", str(started)])
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert all(line.startswith(("ok    ", "look  ")) for line in lines)
    assert len(lines) >= 11


def test_init_writes_over_nothing(tmp_path: Path) -> None:
    (tmp_path / "employees.csv").write_text("employee_id\nE1\n")
    file = tmp_path / "leerstroom.yaml"
    assert CliRunner().invoke(app, ["init", str(file)]).exit_code == 0
    assert (tmp_path / "employees.csv").read_text() == "employee_id\nE1\n"
    file.write_text("mine")
    assert CliRunner().invoke(app, ["init", str(file)]).exit_code == 1
    assert file.read_text() == "mine"
    assert CliRunner().invoke(app, ["init", str(tmp_path / "no" / "folder.yaml")]).exit_code == 1
