"""Gemeente Voorbeeldstad as an installation: a folder with its secrets, ports, settings and Airflow; what `demo` and `serve` both stand on.

```
var/demo/environment     variables for a shell, secrets included (mode 600): `set -a; . var/demo/environment`
         leerstroom.yaml settings, without a secret
         data/ lrs.sqlite hr/ airflow/ logs/
```
Nothing here imports Airflow.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import yaml

from leerstroom.errors import ConfigurationError
from leerstroom_airflow.installation import CLI, ROOT, Installation
from leerstroom_airflow.processes import Processes, answers

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


@dataclass(frozen=True, slots=True)
class TownHall(Installation):
    """One town hall on disk, with the ports of this day."""

    PORTS: ClassVar[Mapping[str, int]] = {"lrs": 8765, "platforms": 8900, "airflow": 8080, "report": 8088}

    @classmethod
    def prepare(cls, folder: Path = FOLDER) -> "TownHall":
        """Makes the folder, its secrets when there are none yet, and its settings. Raises ConfigurationError outside a checkout."""
        if not (RECORDINGS / "employees.csv").exists():
            raise ConfigurationError(
                f"the recorded town hall is not at {RECORDINGS}; run this in a checkout of Leerstroom"
            )
        folder = folder.resolve()
        made = cls.prepared(folder, folder / "leerstroom.yaml", {})  # its secrets are its own, whatever a shell holds
        made.settings_file.write_text(yaml.safe_dump(made.settings(), sort_keys=False, allow_unicode=True))
        return made

    @property
    def platforms(self) -> str:
        """Address of the replayed platforms."""
        return f"http://127.0.0.1:{self.ports['platforms']}"

    @property
    def lrs(self) -> str:
        """Endpoint of the LRS."""
        return f"http://127.0.0.1:{self.ports['lrs']}/xapi/"

    def start_platforms(self, running: Processes) -> None:
        """Starts the replayed platforms and waits until they answer."""
        running.start("platforms", [*CLI, "replay", RECORDINGS, "--port", str(self.ports["platforms"])])
        running.wait_until("platforms", answers(f"{self.platforms}/_control"), 30)

    def settings(self) -> dict[str, Any]:
        """What its settings file says; secrets as names of variables."""
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
