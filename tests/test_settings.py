"""Settings: a file, the environment over it, all faults at once, no secret in a message."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from leerstroom.errors import ConfigurationError
from leerstroom.settings import Settings

GOOD = """
organisation: {name: Voorbeeldstad, home_page: "https://people.voorbeeldstad.example"}
data: data
directory: {employees: employees.csv}
lrs: {endpoint: "http://127.0.0.1:1/xapi/", key: k, secret: "${LRS_SECRET_OF_TEST}", database: data/lrs.sqlite}
hr: {database: tables/hr.duckdb}
connections:
  registers: {source: sheet, files: "sheets/*.csv,sheets/*.xlsx"}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "leerstroom.yaml"
    path.write_text(GOOD)
    return path


def test_paths_lie_beside_the_file_and_secrets_come_from_the_environment(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LRS_SECRET_OF_TEST", "s3cret")
    settings = Settings.load(file)
    assert settings.directory.employees == file.parent / "employees.csv"
    assert settings.data == str(file.parent / "data")
    assert settings.lrs.database == str(file.parent / "data" / "lrs.sqlite")
    assert settings.hr_database == str(file.parent / "tables" / "hr.duckdb")
    assert settings.lrs.secret.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(settings)
    assert settings.connections["registers"]["files"] == f"{file.parent}/sheets/*.csv,{file.parent}/sheets/*.xlsx"


def test_the_environment_wins_over_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LRS_SECRET_OF_TEST", "x")
    monkeypatch.setenv("LEERSTROOM_LRS__ENDPOINT", "https://lrs.example/xapi/")
    settings = Settings.load(file)
    assert settings.lrs.endpoint == "https://lrs.example/xapi/"
    assert settings.lrs.key == "k"


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(
        "organisation: {minimum_group_size: 3, time_zone: Mars/Olympus}\nhr: {policy: nosy}\ncolour: red\npseudonym_key_file: nowhere\n"
        "connections: {Chat: {source: matrix}, zoom: {}}\nlrs: {secret: '${NOT_SET_ANYWHERE}', endpoint: 'ftp://lrs.example/'}\n"
    )
    with pytest.raises(ConfigurationError) as caught:
        Settings.load(path)
    for part in ("minimum_group_size", "time_zone", "policy", "colour", "nowhere", "Chat", "'zoom'", "NOT_SET_ANYWHERE", "lrs.endpoint"):  # fmt: skip
        assert part in str(caught.value)


def test_a_file_that_is_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nothing\.yaml"):
        Settings.load(tmp_path / "nothing.yaml")


def test_the_start_configuration_is_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from leerstroom.cli import app

    for name in ("LEERSTROOM_LRS_KEY", "LEERSTROOM_LRS_SECRET", "LEERSTROOM_PSEUDONYM_KEY"):
        monkeypatch.setenv(name, "x" * 20)
    path = tmp_path / "leerstroom.yaml"
    assert CliRunner().invoke(app, ["init", str(path)]).exit_code == 0
    assert Settings.load(path).organisation.minimum_group_size == 5
    assert CliRunner().invoke(app, ["init", str(path)]).exit_code == 1


def test_the_pseudonym_key_may_lie_in_a_file_of_a_secrets_back_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LEERSTROOM_PSEUDONYM_KEY", raising=False)
    (tmp_path / "key").write_text("a long key of a file, with a line's end\n")
    (tmp_path / "leerstroom.yaml").write_text("pseudonym_key_file: key\n")
    found = Settings.load(tmp_path / "leerstroom.yaml")
    assert found.pseudonym_key is not None
    assert found.pseudonym_key.get_secret_value() == "a long key of a file, with a line's end"
    assert "a long key" not in repr(found)
    assert "a long key" not in found.model_dump_json()
    monkeypatch.setenv("LEERSTROOM_PSEUDONYM_KEY", "one of the environment wins over it")
    assert Settings.load(tmp_path / "leerstroom.yaml").pseudonym_key.get_secret_value().startswith("one of")  # type: ignore[union-attr]


def test_a_key_file_that_is_not_there_is_told_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEERSTROOM_PSEUDONYM_KEY", raising=False)
    (tmp_path / "leerstroom.yaml").write_text("pseudonym_key_file: nowhere\n")
    with pytest.raises(ConfigurationError, match=r"nowhere cannot be read \(FileNotFoundError\)"):
        Settings.load(tmp_path / "leerstroom.yaml")
