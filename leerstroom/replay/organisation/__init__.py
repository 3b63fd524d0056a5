"""An organisation of any size that never was: its people, and what they did on its platforms, as recordings that `leerstroom replay` serves.

```
employees.csv     the employee directory            excluded_accounts.csv   robots
leerstroom.yaml   settings with all connections     truth.json              what a pull of all days must find
matrix/ moodle/ zoom/   recordings of the platforms that are asked over HTTP
openedx/ sheet/         files as those platforms write them
```
The same plan gives the same bytes. Everything streams: what is held grows with people and courses, not with records. A platform is one
module here: its `write` takes a share of the records and says in `Told` what it wrote.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
import yaml

from leerstroom.errors import ConfigurationError
from leerstroom.replay.organisation import matrix, moodle, openedx, sheet, zoom
from leerstroom.replay.organisation.plan import Organisation, Plan, Told

Progress = Callable[[int], None]
_PLATFORMS = {"matrix": matrix, "moodle": moodle, "zoom": zoom, "openedx": openedx, "sheet": sheet}
_SHARES = {"matrix": 0.28, "moodle": 0.05, "zoom": 0.04, "openedx": 0.62, "sheet": 0.01}  # a log tells of every click
PLATFORMS = tuple(_PLATFORMS)
ADDRESS = "http://127.0.0.1:8900"  # where `leerstroom replay` listens unless it is told otherwise


def generate(
    folder: Path, plan: Plan, *, address: str = ADDRESS, progress: Progress = lambda _: None
) -> dict[str, Any]:
    """Writes the recordings of a plan into an empty or absent folder; returns what stands in `truth.json`.

    `address` is where the recordings will be served. `progress` is told how many records were written so far. Raises ConfigurationError
    for a folder that holds something, and for a platform that cannot be generated.
    """
    unknown = [name for name in plan.platforms if name not in _PLATFORMS]
    if unknown or not plan.platforms:
        raise ConfigurationError(f"cannot generate {', '.join(unknown) or 'nothing'}; choose of {', '.join(PLATFORMS)}")
    if folder.exists() and any(folder.iterdir()):
        raise ConfigurationError(f"{folder} is not empty; choose another folder, or remove it")
    organisation = Organisation(plan)
    folder.mkdir(parents=True, exist_ok=True)
    organisation.write_directory(folder)
    whole, before = sum(_SHARES[name] for name in plan.platforms), 0
    told: dict[str, Told] = {}
    connections: dict[str, dict[str, Any]] = {}
    for name in plan.platforms:
        (folder / name).mkdir()
        so_far = before

        def count(records: int, so_far: int = so_far) -> None:
            progress(so_far + records)

        told[name] = Told(count)
        share = round(plan.records * _SHARES[name] / whole)
        connections |= _PLATFORMS[name].write(folder / name, organisation, share, told[name], f"{address}/{name}")
        before += told[name].records
    truth = {
        "plan": plan.as_json(),
        "records": before,
        "platforms": {name: each.as_json() for name, each in told.items()},
    }
    (folder / "leerstroom.yaml").write_text(_settings(organisation, connections), encoding="utf-8")
    (folder / "truth.json").write_bytes(orjson.dumps(truth, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
    return truth


def _settings(organisation: Organisation, connections: Mapping[str, Any]) -> str:
    """Settings beside which all paths are relative, so that the folder may be moved."""
    values = {
        "organisation": {
            "name": organisation.name,
            "home_page": f"https://people.{organisation.domain}",
            "time_zone": organisation.zone.key,
        },
        "data": "data",
        "directory": {"employees": "employees.csv", "excluded": "excluded_accounts.csv"},
        "lrs": {"key": "${LEERSTROOM_LRS_KEY}", "secret": "${LEERSTROOM_LRS_SECRET}"},
        "hr": {"out": "hr"},
        "pseudonym_key": "${LEERSTROOM_PSEUDONYM_KEY}",
        "connections": dict(connections),
    }
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


__all__ = ["ADDRESS", "PLATFORMS", "Plan", "Told", "generate"]
