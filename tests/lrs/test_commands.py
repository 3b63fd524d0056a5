"""`leerstroom lrs …` as an operator types it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from typer.testing import CliRunner

from leerstroom.errors import ConfigurationError
from leerstroom.lrs.cli import app


def run(*words, **more):
    return CliRunner().invoke(app, [*words], catch_exceptions=False, **more)


def test_credentials_are_added_listed_and_revoked(tmp_path):
    database = f"--database={tmp_path}/lrs.sqlite"
    made = json.loads(
        run("credentials", "add", "--name", "mirror", "--scope", "statements/read", "--json", database).output
    )
    [listed] = [json.loads(line) for line in run("credentials", "list", "--json", database).output.splitlines()]
    assert (listed["key"], listed["name"], listed["scopes"]) == (made["key"], "mirror", ["statements/read"])
    assert made["secret"] not in run("credentials", "list", database).output
    assert run("credentials", "revoke", made["key"], database).exit_code == 0
    assert run("credentials", "revoke", made["key"], database).exit_code == 1
    assert run("credentials", "list", database).output == ""


def test_backup_restore_migrate_and_erase(tmp_path):
    database, copy = tmp_path / "lrs.sqlite", tmp_path / "copy.sqlite"
    assert run("migrate", f"--database={database}").output == "schema 0 -> 1\n"
    assert run("backup", str(tmp_path / "b"), f"--database={database}").exit_code == 0
    assert run("restore", str(tmp_path / "b"), f"--database={copy}").exit_code == 0
    assert run("migrate", f"--database={copy}").output == "schema 1\n"
    assert run("erase", "mbox|a@b.nl", f"--database={copy}", input="n\n").exit_code == 1
    assert json.loads(run("erase", "mbox|a@b.nl", "--yes", "--json", f"--database={copy}").output) == {
        "statements": 0,
        "documents": 0,
        "attachments": 0,
    }


@pytest.mark.parametrize("words", [("backup", "b"), ("erase", "mbox|a@b.nl", "--yes")])
def test_a_database_that_is_not_there_is_not_made_by_mistake(tmp_path, words):
    with pytest.raises(ConfigurationError, match="no LRS database"):
        run(*words, f"--database={tmp_path}/absent.sqlite")
    assert not (tmp_path / "absent.sqlite").exists()


def serve(tmp_path, *words, port=0, **environment):
    environ = {name: value for name, value in os.environ.items() if not name.startswith("LEERSTROOM_")}
    return subprocess.Popen(
        [Path(sys.executable).with_name("leerstroom"), "lrs", "serve", "--port", str(port), "--database", str(tmp_path / "lrs.sqlite"), *words],
        env=environ | environment, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def address_told(process):
    """The line that says where it listens; port 0 took a free one."""
    for line in process.stderr:
        if told := re.search(r"LRS on (http://\S+)/xapi/", line):
            return told[1]
    raise AssertionError("the LRS did not say where it listens")


def test_serve_takes_its_first_credential_from_the_environment_and_ends_when_told(tmp_path):
    process = serve(tmp_path, LEERSTROOM_LRS_KEY="first", LEERSTROOM_LRS_SECRET="a first secret")
    try:
        address = address_told(process)
        assert requests.get(f"{address}/health", timeout=20).json()["status"] == "ok"
        headers = {"X-Experience-API-Version": "1.0.3"}
        private = {
            "actor": {"mbox": "mailto:geheim@o.example"},
            "verb": {"id": "bad verb geheim"},
            "object": {"id": "https://o.example/geheim"},
        }
        answer = requests.post(
            f"{address}/xapi/statements",
            json=private,
            auth=("first", "a first secret"),
            headers=headers,
            timeout=5,
        )
        assert answer.status_code == 400
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
    assert process.returncode in {0, -signal.SIGTERM}
    assert "geheim" not in errors
    assert "first secret" not in errors


@pytest.mark.parametrize(
    ("words", "environment", "told"),
    [((), {"LEERSTROOM_LRS_KEY": "only"}, "belong together"), (("--workers", "2"), {}, "need PostgreSQL")],
)
def test_serve_with_wrong_settings_says_so_and_ends(tmp_path, words, environment, told):
    process = serve(tmp_path, *words, **environment)
    _, errors = process.communicate(timeout=20)
    assert process.returncode != 0
    assert told in errors.replace("│", " ")


def test_a_port_that_is_taken_is_told(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = serve(tmp_path, port=taken.getsockname()[1])
        _, errors = process.communicate(timeout=20)
    assert process.returncode != 0
    assert "already in use" in errors.replace("│", " ")
