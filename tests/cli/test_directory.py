"""`leerstroom directory pull` and the night: the employees' file out of a service, through the command line and the ledger."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from leerstroom import ledger, nightly
from leerstroom.cli import app
from leerstroom.errors import ConfigurationError
from leerstroom.people import Directory
from leerstroom.replay import Running, running
from leerstroom.settings import Settings
from leerstroom.state import open_state

RECORDINGS = Path(__file__).resolve().parents[1] / "recordings"


@pytest.fixture
def server() -> Iterator[Running]:
    with running(RECORDINGS, only=("scim",), clock=datetime(2026, 11, 3, tzinfo=UTC)) as started:
        yield started


@pytest.fixture
def file(server: Running, tmp_path: Path) -> Path:
    path = tmp_path / "leerstroom.yaml"
    directory = {"source": "scim", "host": f"{server.url}/scim", "token": "a-token-of-the-tests", "employees": "employees.csv"}  # fmt: skip
    path.write_text(json.dumps({"data": "data", "directory": directory, "pseudonym_key": "a key of sixteen bytes or more"}))  # fmt: skip
    return path


def run(*words: str) -> str:
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == 0, done.output
    return done.output


def test_a_pull_writes_the_file_that_the_night_reads(file: Path) -> None:
    said = run("directory", "pull", "--settings", str(file))
    assert "12 employees" in said
    assert "12 new, 0 left, 0 changed" in said
    assert "left out: 1 × account without an employee number" in said
    settings = Settings.load(file)
    assert len(nightly.directory_of(settings).employees) == 12
    again = json.loads(run("directory", "pull", "--json", "--settings", str(file)))
    assert again["counts"]["changed"] == again["counts"]["new"] == 0
    stages = [(entry.stage, entry.source, entry.state) for entry in ledger.entries(open_state(settings.state_url))]
    assert stages == [("directory", "scim", "done")] * 2


def test_no_address_stands_in_the_ledger_or_in_what_is_said(file: Path) -> None:
    said = run("directory", "pull", "--json", "--settings", str(file))
    settings = Settings.load(file)
    told = [json.dumps(dict(entry.counts)) for entry in ledger.entries(open_state(settings.state_url))]
    assert "@" not in said + "".join(told)


def test_the_check_tries_the_service_and_settings_show_no_secret(file: Path) -> None:
    said = CliRunner().invoke(app, ["check", "--settings", str(file)]).output
    assert "ok    directory service: the token is accepted, 13 users" in said
    assert "a-token-of-the-tests" not in repr(Settings.load(file))


def test_a_night_goes_on_with_the_file_of_the_day_before_when_the_service_is_away(
    file: Path, server: Running, tmp_path: Path
) -> None:
    from leerstroom.lrs import running as running_lrs

    with running_lrs(database=f"sqlite:///{tmp_path}/lrs.sqlite", key="k", secret="a secret of the test") as lrs:
        told = json.loads(file.read_text())
        (tmp_path / "sheets").mkdir()
        (tmp_path / "sheets" / "a.csv").write_text("naam;personeelsnummer;datum;titel;uren\n")
        told |= {"lrs": {"endpoint": lrs.endpoint, "key": lrs.key, "secret": lrs.secret}, "hr": {"out": "hr"}, "connections": {"registers": {"source": "sheet", "files": "sheets/*.csv"}}}  # fmt: skip
        file.write_text(json.dumps(told))
        start, end = datetime(2026, 11, 2, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC)
        good = nightly.run(Settings.load(file), start, end)
        assert good.failures == {}
        assert len(Directory.read(tmp_path / "employees.csv").employees) == 12
        told["directory"]["token"] = "another"
        file.write_text(json.dumps(told))
        bad = nightly.run(Settings.load(file), start, end)
    assert list(bad.failures) == ["directory"]
    assert "401" in bad.failures["directory"]
    assert len(Directory.read(tmp_path / "employees.csv").employees) == 12


def test_fields_of_a_service_need_its_source_and_a_source_needs_a_file(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    for directory, said in (({"employees": "e.csv", "token": "x"}, "unknown: token"), ({"source": "scim"}, "needs employees")):  # fmt: skip
        path.write_text(json.dumps({"directory": directory}))
        with pytest.raises(ConfigurationError, match=said):
            Settings.load(path)
    path.write_text("{}")
    done = CliRunner().invoke(app, ["directory", "pull", "--settings", str(path)])
    assert isinstance(done.exception, ConfigurationError)


def test_the_services_and_their_settings_are_shown() -> None:
    assert "Verified    against a real server (OpenLDAP)" in run("directory", "sources", "ldap")
    rows = json.loads(run("directory", "sources", "--json"))
    assert {row["directory"] for row in rows} == {"graph", "ldap", "scim"}
    assert {"directory": "scim", "setting": "token", "title": "Bearer token", "need": "required, secret", "meaning": ""} in rows  # fmt: skip
