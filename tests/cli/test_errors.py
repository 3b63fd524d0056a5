"""What goes wrong on the command line ends in one sentence and code 1: no traceback, no secret, no address."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leerstroom import cli

SECRET = "a-secret-of-this-test-only"
ADDRESS = "anna.jansen@voorbeeld.example"
DAYS = ("--from", "2026-11-02", "--to", "2026-11-03")

Run = Callable[..., str]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with settings that are right, and nothing that answers."""
    monkeypatch.chdir(tmp_path)
    for name in ("LEERSTROOM_SETTINGS", "LEERSTROOM_PSEUDONYM_KEY"):
        monkeypatch.delenv(name, raising=False)
    values = {
        "data": "data",
        "directory": {"employees": "employees.csv"},
        "lrs": {"endpoint": "http://127.0.0.1:9/xapi/", "key": "k", "secret": SECRET},
        "pseudonym_key": SECRET,
        "connections": {"registers": {"source": "sheet", "files": "*.sheet.csv"}},
    }
    (tmp_path / "leerstroom.yaml").write_text(json.dumps(values))
    (tmp_path / "employees.csv").write_text(f"employee_id,emails\nE1,{ADDRESS}\n")
    return tmp_path


@pytest.fixture
def run(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`run(*words)` -> what a person reads; it must be one sentence, and the code 1."""

    def ran(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["leerstroom", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = "".join(capsys.readouterr())
        assert ended.value.code == 1, told
        assert "Traceback" not in told
        assert SECRET not in told
        assert ADDRESS not in told
        [sentence] = [line for line in told.splitlines() if line.startswith(("leerstroom: ", "FAIL  settings: "))]
        return sentence

    return ran


@pytest.mark.parametrize("command", [("check",), ("ledger",), ("nightly", *DAYS)])
def test_settings_that_are_a_folder(place: Path, run: Run, command: tuple[str, ...]) -> None:
    (place / "leerstroom.yaml").unlink()
    (place / "leerstroom.yaml").mkdir()
    assert "leerstroom.yaml cannot be read (Is a directory)" in run(*command)


def test_broken_settings_name_the_line_in_one_sentence(place: Path, run: Run) -> None:
    (place / "leerstroom.yaml").write_text("data: data\nlrs: [\n")
    assert "leerstroom.yaml is no valid YAML" in (told := run("ledger"))
    assert "line 3" in told


def test_a_state_database_that_is_none(place: Path, run: Run) -> None:
    (place / "data").mkdir()
    (place / "data" / "state.sqlite").write_bytes(b"no database at all, " * 100)
    assert "state.sqlite: file is not a database" in run("ledger")


def test_a_state_database_in_a_file_instead_of_a_folder(place: Path, run: Run) -> None:
    (place / "data").write_text("")
    assert "check the path and its rights" in run("ledger")


@pytest.mark.parametrize("url", ["postgresql://anna:{}@127.0.0.1:9/x", "postgresql+psycopg://anna:{}@127.0.0.1:9/x"])
def test_a_state_database_that_does_not_answer_is_named_without_its_password(place: Path, run: Run, url: str) -> None:
    pytest.importorskip("psycopg")
    values = json.loads((place / "leerstroom.yaml").read_text())
    (place / "leerstroom.yaml").write_text(json.dumps({**values, "state": url.format(SECRET)}))
    assert "127.0.0.1:9/x" in run("ledger")


@pytest.mark.parametrize("text", ["", "<html>", '{"a": 1', "name,emails\nAnna,anna@voorbeeld.example\n"])
def test_employees_without_their_column(place: Path, run: Run, text: str) -> None:
    """Else everybody would be a stranger, and the night would be green."""
    (place / "employees.csv").write_text(text)
    (place / "statements.jsonl").write_text("")
    files = ("--statements", "statements.jsonl", "--employees", "employees.csv", "--out", "out")
    told = run("indicators", *files, *DAYS, "--as-of", "2026-11-03")
    assert "employees.csv has no column employee_id" in told


@pytest.mark.parametrize("text", [b"", b"\xff\xfe", b'{"a": 1', b"[1]"])
def test_a_statement_to_explain_that_is_none(place: Path, run: Run, text: bytes) -> None:
    (place / "statement.json").write_bytes(text)
    assert "statement.json is no statement in JSON" in run("rules", "explain", "statement.json")


def test_an_error_that_nobody_expected_tells_its_place_and_no_value(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise KeyError(ADDRESS)

    monkeypatch.setattr("leerstroom.ledger.entries", broken)
    assert "an error that nobody expected (KeyError in pipeline.py:" in run("ledger")


def test_a_disk_that_is_full_is_told_with_the_file(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device", "/data/landing/part")

    monkeypatch.setattr("leerstroom.ledger.entries", full)
    assert "/data/landing/part: No space left on device" in run("ledger")


def test_days_that_end_before_they_begin_are_told_before_the_night_begins(run: Run) -> None:
    assert "end (2026-11-03) before they begin (2026-11-05)" in run(
        "nightly", "--from", "2026-11-05", "--to", "2026-11-03"
    )


def test_a_connection_that_is_not_there_is_told_before_the_night_begins(run: Run) -> None:
    assert "no connection 'nobody' in the settings" in run("nightly", *DAYS, "--only", "nobody")


def test_a_version_of_xapi_that_there_is_not(run: Run) -> None:
    assert "1.0.3 or 2.0.0" in run("normalise", "zoom", "--version", "9")
