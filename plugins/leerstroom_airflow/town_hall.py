"""Gemeente Voorbeeldstad as an installation: a folder with its secrets, ports, settings and Airflow; what `demo` and `serve` both stand on.

```
var/demo/environment     variables for a shell, secrets included (mode 600): `set -a; . var/demo/environment`
         leerstroom.yaml settings, without a secret
         data/ lrs.sqlite hr/ airflow/ logs/
```
Nothing here imports Airflow.
"""

import base64
import fcntl
import json
import os
import secrets
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from leerstroom.errors import ConfigurationError
from leerstroom_airflow.processes import Processes, answers, free_ports

ROOT = Path(__file__).resolve().parents[2]
RECORDINGS = ROOT / "tests" / "recordings" / "demo"
FOLDER = Path("var") / "demo"
WEEKS = (
    (date(2026, 10, 26), date(2026, 11, 1)),
    (date(2026, 11, 2), date(2026, 11, 8)),
    (date(2026, 11, 9), date(2026, 11, 15)),
)
ZONE = "Europe/Amsterdam"
_ROOMS = {  # the allow-list; #vrijmibo and direct messages are not on it
    "data-en-ai": "set_up_community",
    "excel-hulplijn": "spontaneous_group",
    "nieuw-bij-ons": "course_community",
    "casus-zorg": "spontaneous_group",
}
_UNHURRIED = {"requests_per_minute": 60_000}  # a replay is nobody's server
_PORTS = {
    "lrs": 8765,
    "platforms": 8900,
    "airflow": 8080,
    "report": 8088,
}  # wanted; others are taken where these are not free
_SECRETS = ("LEERSTROOM_PSEUDONYM_KEY", "LEERSTROOM_LRS_KEY", "LEERSTROOM_LRS_SECRET")


def connections(platforms: str, recordings: Path = RECORDINGS) -> dict[str, dict[str, Any]]:
    """The four connections of the town hall: its chat, academy and webinars as replayed at `platforms`, and its registers on disk.

    Their tenants stand fast, so that ids do not depend on the port of the day.
    """
    chat = json.loads((recordings / "matrix" / "server.json").read_text(encoding="utf-8"))
    academy = json.loads((recordings / "moodle" / "server.json").read_text(encoding="utf-8"))
    zoom = json.loads((recordings / "zoom" / "zoom.json").read_text(encoding="utf-8"))
    return {
        "chat": {
            "source": "matrix",
            "host": f"{platforms}/matrix",
            "server_name": chat["name"],
            "token": chat["token"],
            "rooms": [f"#{name}:{chat['name']}" for name in _ROOMS],
            "channel_kinds": {f"#{name}:{chat['name']}": kind for name, kind in _ROOMS.items()},
            **_UNHURRIED,
        },
        "academy": {
            "source": "moodle",
            "host": f"{platforms}/moodle",
            "tenant": "https://academie.voorbeeldstad.example",
            "token": academy["token"],
            "mandatory_courses": {"AVG-2026": "2026-11-30", "ONB-2026": 30},
            "chosen_courses": ["LEI-2026"],
            "communities": ["COP-DATA"],
            **_UNHURRIED,
        },
        "webinars": {
            "source": "zoom",
            "host": f"{platforms}/zoom/v2",
            "oauth_host": f"{platforms}/zoom",
            **{name: zoom[name] for name in ("account_id", "client_id", "client_secret")},
            "meetings": ["Live chat*", "Intervisie*"],
            "live_chats": ["Live chat*", "Intervisie*"],
            "assigned": ["83155501003"],
            **_UNHURRIED,
        },
        "registers": {
            "source": "sheet",
            "files": [str(recordings / "sheet" / "*.csv"), str(recordings / "sheet" / "*.xlsx")],
        },
    }


@contextmanager
def alone(folder: Path = FOLDER) -> Generator[None, None, None]:
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
    """One town hall on disk, with the ports of this day."""

    folder: Path
    ports: Mapping[str, int]
    secrets: Mapping[str, str]
    airflow: Mapping[str, str] = field(
        default_factory=dict
    )  # variables of Airflow that win over ours: another executor or database

    @classmethod
    def prepare(cls, folder: Path = FOLDER) -> "Installation":
        """Makes the folder, its secrets when there are none yet, and its settings. Raises ConfigurationError outside a checkout."""
        if not (RECORDINGS / "employees.csv").exists():
            raise ConfigurationError(
                f"the recorded town hall is not at {RECORDINGS}; run this in a checkout of Leerstroom"
            )
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        ports = dict(zip(_PORTS, free_ports(len(_PORTS), list(_PORTS.values())), strict=True))
        made = cls(folder, ports, _secrets(folder / "secrets.json"))
        made.settings_file.write_text(yaml.safe_dump(made._settings(), sort_keys=False, allow_unicode=True))
        _private(folder / "environment", "".join(f"{name}={value}\n" for name, value in made.environment().items()))
        return made

    @property
    def settings_file(self) -> Path:
        """The settings of Leerstroom."""
        return self.folder / "leerstroom.yaml"

    @property
    def airflow_home(self) -> Path:
        """Airflow's own folder."""
        return self.folder / "airflow"

    @property
    def platforms(self) -> str:
        """Address of the replayed platforms."""
        return f"http://127.0.0.1:{self.ports['platforms']}"

    @property
    def lrs(self) -> str:
        """Endpoint of the LRS."""
        return f"http://127.0.0.1:{self.ports['lrs']}/xapi/"

    def environment(self) -> dict[str, str]:
        """Variables that Leerstroom reads, secrets included."""
        return {"LEERSTROOM_SETTINGS": str(self.settings_file), **{name: self.secrets[name] for name in _SECRETS}}

    def airflow_environment(self) -> dict[str, str]:
        """Variables that Airflow reads, and Leerstroom's."""
        address = f"http://127.0.0.1:{self.ports['airflow']}"
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
        _private(self.airflow_home / "passwords.json", json.dumps({"admin": self.secrets["admin"]}) + "\n")

    def start_lrs(self, running: Processes) -> None:
        """Starts the LRS and waits until it answers."""
        running.start(
            "lrs",
            [*_CLI, "lrs", "serve", "--port", str(self.ports["lrs"]), "--database", self.folder / "lrs.sqlite"],
            self.environment(),
        )
        running.wait_until("lrs", answers(f"{self.lrs}about"), 30)

    def start_platforms(self, running: Processes) -> None:
        """Starts the replayed platforms and waits until they answer."""
        running.start("platforms", [*_CLI, "replay", RECORDINGS, "--port", str(self.ports["platforms"])])
        running.wait_until("platforms", answers(f"{self.platforms}/_control"), 30)

    def _settings(self) -> dict[str, Any]:
        directory = {"employees": str(RECORDINGS / "employees.csv")}
        for name, file in (("leave", "leave.csv"), ("excluded", "excluded_accounts.csv")):
            if (RECORDINGS / file).exists():
                directory[name] = str(RECORDINGS / file)
        return {
            "organisation": {
                "name": "Gemeente Voorbeeldstad",
                "home_page": "https://people.voorbeeldstad.example",
                "time_zone": ZONE,
            },
            "data": "data",
            "directory": directory,
            "lrs": {
                "endpoint": self.lrs,
                "key": "${LEERSTROOM_LRS_KEY}",
                "secret": "${LEERSTROOM_LRS_SECRET}",
                "database": str(self.folder / "lrs.sqlite"),
            },
            "hr": {"out": "hr", "language": "en"},
            "pseudonym_key": "${LEERSTROOM_PSEUDONYM_KEY}",
            "connections": connections(self.platforms),
        }


_CLI = (Path(sys.executable).with_name("leerstroom"),)


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
        _private(file, json.dumps(found, indent=1) + "\n")
    return found


def _private(file: Path, text: str) -> None:
    """Writes a file that only its owner may read, from its first byte on."""
    beside = file.with_name(f".{file.name}.part")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)
    beside.replace(file)
