"""One installation on this machine: a folder with its secrets, its ports of the day, and what Leerstroom and Airflow read from the environment.

```
FOLDER/environment     variables for a shell, secrets included (mode 600): `set -a; . FOLDER/environment`
       secrets.json    made once and kept (mode 600): another pseudonym key makes everyone a stranger
       airflow/ logs/
```
`make serve` with a settings file stands on this one, the demo's town hall on an `Installation` of its own. Nothing here imports Airflow.
"""

import base64
import fcntl
import json
import os
import secrets
import shlex
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self
from urllib.parse import urlsplit

from leerstroom.errors import ConfigurationError
from leerstroom_airflow.processes import Processes, answers, free_ports

ROOT = Path(__file__).resolve().parents[2]
CLI = (Path(sys.executable).with_name("leerstroom"),)
_SECRETS = ("LEERSTROOM_PSEUDONYM_KEY", "LEERSTROOM_LRS_KEY", "LEERSTROOM_LRS_SECRET")


@contextmanager
def alone(folder: Path) -> Generator[None, None, None]:
    """Holds the folder for this process. Raises ConfigurationError while another demo or serve uses it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(f"another make demo or make serve uses {folder}; end it first") from None
        yield


@dataclass(frozen=True, slots=True)
class Installation:
    """A settings file of somebody's own, served from a folder."""

    folder: Path
    settings_file: Path
    ports: Mapping[str, int]
    secrets: Mapping[str, str]
    airflow: Mapping[str, str] = field(
        default_factory=dict
    )  # variables of Airflow that win over ours: another executor or database

    PORTS: ClassVar[Mapping[str, int]] = {"airflow": 8080}  # wanted; others are taken where these are not free

    @classmethod
    def of(cls, settings_file: Path) -> Self:
        """Beside a settings file, in `var/serve`. Raises ConfigurationError where there is no such file."""
        if not settings_file.is_file():
            raise ConfigurationError(
                f"there is no settings file {settings_file}; leerstroom init {settings_file} writes one"
            )
        file = settings_file.resolve()
        return cls.prepared(
            file.parent / "var" / "serve", file, {name: os.environ[name] for name in _SECRETS if os.environ.get(name)}
        )

    @classmethod
    def prepared(cls, folder: Path, settings_file: Path, given: Mapping[str, str]) -> Self:
        """Makes the folder, and its secrets when there are none yet; of those that are `given`, the given one counts."""
        folder.mkdir(parents=True, exist_ok=True)
        ports = dict(zip(cls.PORTS, free_ports(len(cls.PORTS), list(cls.PORTS.values())), strict=True))
        kept = _secrets(folder / "secrets.json")
        made = cls(folder, settings_file, ports, {name: given.get(name) or value for name, value in kept.items()})
        lines = [f"{name}={shlex.quote(value)}\n" for name, value in made.airflow_environment().items()]
        write_privately(folder / "environment", "".join(lines))
        return made

    @property
    def airflow_home(self) -> Path:
        """Airflow's own folder."""
        return self.folder / "airflow"

    @property
    def airflow_address(self) -> str:
        """Where Airflow answers."""
        return f"http://127.0.0.1:{self.ports['airflow']}"

    def environment(self) -> dict[str, str]:
        """Variables that Leerstroom reads, secrets included."""
        return {"LEERSTROOM_SETTINGS": str(self.settings_file), **{name: self.secrets[name] for name in _SECRETS}}

    def airflow_environment(self) -> dict[str, str]:
        """Variables that Airflow reads, and Leerstroom's."""
        address = self.airflow_address
        return {
            **self.environment(),
            "AIRFLOW_HOME": str(self.airflow_home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "4",  # each is a process of its own
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__CORE__FERNET_KEY": self.secrets["fernet"],
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.airflow_home / "passwords.json"),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.airflow_home / 'airflow.db'}",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "15",
            # a server that has just started answers its first task late; five seconds failed it, and it was tried again only two minutes later
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.ports["airflow"]),
            "AIRFLOW__API__BASE_URL": address,
            "AIRFLOW__API__SECRET_KEY": self.secrets["session"],
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API_AUTH__JWT_SECRET": self.secrets["jwt"],
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.airflow_home / "logs"),
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            **self.airflow,
        }

    def prepare_airflow(self) -> None:
        """Airflow's folder, and the password of its user `admin`."""
        self.airflow_home.mkdir(exist_ok=True)
        write_privately(self.airflow_home / "passwords.json", json.dumps({"admin": self.secrets["admin"]}) + "\n")

    def start_lrs(self, running: Processes, endpoint: str) -> bool:
        """Starts the embedded LRS where `endpoint` is on this machine and nothing answers there; False where it is not ours to start."""
        at = urlsplit(endpoint)
        if at.hostname not in {"127.0.0.1", "localhost"} or answers(f"{endpoint}about")():
            return False
        running.start(
            "lrs",
            [*CLI, "lrs", "serve", "--port", str(at.port or 80), "--database", self.folder / "lrs.sqlite"],
            self.environment(),
        )
        running.wait_until("lrs", answers(f"{endpoint}about"), 30)
        return True


def _secrets(file: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    wanted = {
        **{name: secrets.token_urlsafe(24) for name in _SECRETS},
        "jwt": secrets.token_hex(32),
        "session": secrets.token_hex(32),
        "fernet": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        "admin": secrets.token_urlsafe(12),
    }
    if set(wanted) - set(found):
        found = {**wanted, **found}
        write_privately(file, json.dumps(found, indent=1) + "\n")
    return found


def write_privately(file: Path, text: str) -> None:
    """Writes a file that only its owner may read, from its first byte on."""
    beside = file.with_name(f".{file.name}.part")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)
    beside.replace(file)
