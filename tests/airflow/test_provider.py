"""The provider: a connection type, a form and a hook for every source, the LRS and the HR database."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from connectors.source import Setting, connect, installed, load
from leerstroom.errors import ConfigurationError


@pytest.fixture(scope="module")
def info() -> dict[str, Any]:
    from leerstroom_airflow import get_provider_info

    return get_provider_info()


@pytest.fixture(scope="module")
def types(info: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["connection-type"]: each for each in info["connection-types"]}


def airflow_connection(**fields: Any) -> Any:
    from airflow.sdk import Connection

    extra = fields.pop("extra", None)
    return Connection(conn_id="a", extra=json.dumps(extra) if extra is not None else None, **fields)


def test_every_installed_source_the_lrs_and_the_hr_database_have_a_connection_type(types: dict[str, Any]) -> None:
    assert set(types) == {f"leerstroom_{name}" for name in installed()} | {"leerstroom_lrs", "leerstroom_hr"}


def test_every_setting_of_a_source_has_one_place_in_its_form(types: dict[str, Any]) -> None:
    from leerstroom_airflow.fields import places
    from leerstroom_airflow.provider import settings_of, sources

    for kind, source in sources().items():
        settings = settings_of(source)
        fields = types[kind]["conn-fields"]
        standard = places(settings)
        assert {setting.name for setting in settings} == set(fields) | set(standard)
        assert set(fields) & set(standard) == set()
        hidden = set(types[kind]["ui-field-behaviour"]["hidden-fields"])
        assert hidden & set(standard.values()) == set()


def test_every_secret_is_a_password_field_and_masked_wherever_airflow_shows_it(types: dict[str, Any]) -> None:
    from airflow._shared.secrets_masker import should_hide_value_for_key

    from leerstroom_airflow.fields import places
    from leerstroom_airflow.provider import LRS_SETTINGS, settings_of, sources

    for kind, settings in {**{k: settings_of(s) for k, s in sources().items()}, "leerstroom_lrs": LRS_SETTINGS}.items():
        for setting in settings:
            if setting.secret and places(settings).get(setting.name) != "password":
                assert types[kind]["conn-fields"][setting.name]["schema"]["format"] == "password"
                assert should_hide_value_for_key(setting.name), f"{kind}: Airflow would show '{setting.name}' in clear"


def test_airflow_accepts_the_provider_and_finds_every_hook(types: dict[str, Any]) -> None:
    from airflow.providers_manager import ProvidersManager

    found = ProvidersManager()
    assert "leerstroom" in found.providers
    for kind, described in types.items():
        hook = found.hooks[kind]
        assert hook is not None
        assert hook.hook_class_name == described["hook-class-name"]
        assert hook.connection_testable


def test_describing_the_provider_needs_no_airflow_and_nothing_heavy() -> None:
    code = (
        "import sys; from leerstroom_airflow import get_provider_info; get_provider_info();"
        "print([m for m in ('airflow','pandas','duckdb','pyarrow','ibis','sqlalchemy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


SETTINGS = (
    Setting("host", "Address", kind="url"),
    Setting("client_id", "Client"),
    Setting("client_secret", "Secret", secret=True),
    Setting("rooms", "Rooms", many=True),
    Setting("columns", "Columns", kind="mapping", required=False),
    Setting("verify_tls", "Verify", kind="flag", default=True, required=False),
)


def test_a_connection_from_the_form_and_one_from_the_environment_read_the_same() -> None:
    from airflow.sdk import Connection

    from leerstroom_airflow.fields import read

    typed = airflow_connection(
        conn_type="x",
        host="https://chat.example.org:8448",
        login="me",
        password="s3cret/&",
        extra={"rooms": "a, b", "columns": '{"naam": "name"}'},
    )
    uri = Connection.from_uri(
        "x://me:s3cret%2F%26@chat.example.org:8448/?rooms=a%2C+b&columns=%7B%22naam%22%3A+%22name%22%7D", conn_id="a"
    )
    expected = {
        "host": "https://chat.example.org:8448",
        "client_id": "me",
        "client_secret": "s3cret/&",
        "rooms": "a, b",
        "columns": {"naam": "name"},
    }
    assert read(typed, SETTINGS) == expected
    assert read(uri, SETTINGS) == expected


def test_a_field_in_extra_wins_and_an_empty_one_does_not() -> None:
    from leerstroom_airflow.fields import read

    found = read(
        airflow_connection(conn_type="x", password="old", extra={"client_secret": "new", "rooms": ""}), SETTINGS
    )
    assert found == {"client_secret": "new"}


def test_a_table_that_is_no_json_is_said_by_connection_and_field_without_its_value() -> None:
    from leerstroom_airflow.fields import read

    with pytest.raises(ConfigurationError, match="connection 'a': field 'columns'") as caught:
        read(airflow_connection(conn_type="x", extra={"columns": "p@ss"}), SETTINGS)
    assert "p@ss" not in str(caught.value)


def test_every_source_can_be_connected_from_a_form_that_is_filled_in() -> None:
    """What the form asks for is enough: no source needs a field that its form does not show."""
    from leerstroom_airflow.fields import places, read

    for name in installed():
        source = load(name)
        values: dict[str, Any] = {"conn_type": "x", "extra": {}}
        filled = {
            "url": "https://example.org",
            "number": 1,
            "flag": True,
            "mapping": {"a": "b"},
            "zone": "Europe/Amsterdam",
        }
        for setting in source.settings:
            if not setting.required or setting.default is not None:
                continue
            value = filled.get(setting.kind, "x.csv" if setting.kind == "file" else "x")
            standard = places(source.settings).get(setting.name)
            if standard:
                values[standard] = str(value)
            else:
                values["extra"][setting.name] = value
        from connectors.source import Connection

        connect(Connection("a", name, read(airflow_connection(**values), source.settings)))


class TestHooks:
    def test_a_hook_gives_the_source_of_its_connection(
        self, airflow_home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from leerstroom_airflow import hooks

        monkeypatch.setenv(
            "AIRFLOW_CONN_CHAT",
            json.dumps({
                "conn_type": "leerstroom_matrix",
                "host": "http://127.0.0.1:9",
                "password": "t",
                "extra": {"rooms": "!a:b"},
            }),
        )
        hook = hooks.MatrixHook("chat")
        assert hook.source.name == "matrix"
        assert hook.source.connection["rooms"] == ["!a:b"]
        assert hook.get_conn() is hook.source

    def test_trying_a_connection_that_is_refused_says_so_and_does_not_raise(
        self, airflow_home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from leerstroom_airflow import hooks

        monkeypatch.setenv(
            "AIRFLOW_CONN_CHAT", json.dumps({"conn_type": "leerstroom_matrix", "host": "http://127.0.0.1:9"})
        )
        done, said = hooks.MatrixHook("chat").test_connection()
        assert not done
        assert "connection 'chat' (matrix)" in said

    def test_the_lrs_hook_names_every_missing_field(self, airflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from leerstroom_airflow.hooks import LrsHook

        monkeypatch.setenv(
            "AIRFLOW_CONN_LEERSTROOM_LRS", json.dumps({"conn_type": "leerstroom_lrs", "host": "http://lrs/xapi"})
        )
        with pytest.raises(ConfigurationError, match="key, secret missing"):
            LrsHook().settings  # noqa: B018 - reading it is the test

    def test_the_hr_hook_makes_a_url_for_postgresql_and_a_path_for_duckdb(
        self, airflow_home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        from leerstroom_airflow.hooks import HrDatabaseHook

        monkeypatch.setenv(
            "AIRFLOW_CONN_LEERSTROOM_HR",
            json.dumps({
                "conn_type": "leerstroom_hr",
                "host": "db",
                "port": 5433,
                "schema": "hr",
                "login": "u",
                "password": "p@/",
            }),
        )
        assert HrDatabaseHook().url == "postgresql://u:p%40%2F@db:5433/hr"
        monkeypatch.setenv(
            "AIRFLOW_CONN_LEERSTROOM_HR",
            json.dumps({"conn_type": "leerstroom_hr", "schema": str(tmp_path / "hr.duckdb")}),
        )
        assert HrDatabaseHook().test_connection() == (True, f"{tmp_path / 'hr.duckdb'} will be made")

    def test_an_unknown_hook_is_an_attribute_error(self) -> None:
        from leerstroom_airflow import hooks

        with pytest.raises(AttributeError):
            hooks.NowhereHook  # noqa: B018 - reading it is the test
