"""The employee directory made new out of a directory service: what the service tells wins, what it does not know stays.

The CSV of `schemas/employee-directory.yaml` may hold more than the service does: ids on learning platforms, contract hours, addresses of former days.
A refresh keeps these, adds who is new, and gives who is gone a last day in service instead of forgetting them, for what they learned
stays theirs. A list that is suddenly much shorter is taken for a mistake, and nothing is written.
"""

import csv
import logging
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from leerstroom.errors import NeedsOperator
from leerstroom.people.directory import Directory, rows

logger = logging.getLogger(__name__)

_FIRST = ("employee_id", "emails")
_LAST = ("team", "manager", "location", "time_zone", "fte", "in_service_from", "in_service_to")
_MOST_GONE = 0.2  # of those in service; more in one night is no reorganisation but a wrong filter
_FEW = 5


@dataclass(frozen=True, slots=True)
class Listed:
    """One person as a directory service lists them: columns of the CSV without `employee_id`, empty where it knows nothing."""

    employee_id: str
    columns: dict[str, str]
    in_service: bool = True


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh changed, in numbers."""

    employees: int = 0
    new: int = 0
    left: int = 0
    changed: int = 0

    def as_json(self) -> dict[str, int]:
        """Plain values."""
        return {"employees": self.employees, "new": self.new, "left": self.left, "changed": self.changed}


def refresh(people: Iterable[Listed], file: Path, today: date, *, accept_fewer: bool = False) -> Refreshed:
    """Brings the CSV `file` up to what a service lists, in one step or not at all.

    Raises NeedsOperator when more than a fifth of those in service are gone, unless `accept_fewer`, and ConfigurationError for a file with faults.
    """
    before = {row["employee_id"].strip(): row for _, row in rows(file)} if file.exists() else {}
    yesterday = (today - timedelta(days=1)).isoformat()
    after: dict[str, dict[str, str]] = {}
    listed = sorted(people, key=lambda person: person.in_service)  # of two accounts the one in use speaks last
    active = {person.employee_id for person in listed if person.in_service}
    for person in listed:
        known = after.get(person.employee_id) or before.get(person.employee_id, {"employee_id": person.employee_id})
        after[person.employee_id] = _merged(known, person, person.employee_id in active, yesterday)
    gone = {name: row for name, row in before.items() if name not in after}
    left = {name for name, row in gone.items() if _is_open(row, today)}
    left |= {name for name, row in after.items() if name in before and _is_open(before[name], today) and not _is_open(row, today)}  # fmt: skip
    in_service = sum(_is_open(row, today) for row in before.values())
    if not after or (len(left) > max(_FEW, in_service * _MOST_GONE) and not accept_fewer):
        raise NeedsOperator(
            f"the directory service lists {len(after)} people and {len(left)} of {in_service} in service would have left; nothing was written."
            " Check its filter; if it is true, say so: leerstroom directory pull --accept-fewer"
        )
    kept = {name: {**row, "in_service_to": row.get("in_service_to") or yesterday} for name, row in gone.items()}
    _write(file, {**kept, **after})
    changed = sum(name in before and _filled(row) != _filled(before[name]) for name, row in {**kept, **after}.items())
    told = Refreshed(len(after), sum(name not in before for name in after), len(left), changed)
    logger.info("%s: %d people, %d new, %d left, %d changed", file.name, *told.as_json().values())
    return told


def _merged(known: dict[str, str], person: Listed, in_service: bool, yesterday: str) -> dict[str, str]:
    """What was known, under what the service tells; addresses add up, because records of former days name them."""
    merged = {**known, **{column: value for column, value in person.columns.items() if value}}
    addresses: dict[str, str] = {}
    for each in f"{person.columns.get('emails', '')};{known.get('emails', '')}".split(";"):
        if each.strip():
            addresses.setdefault(each.strip().casefold(), each.strip())
    merged["emails"] = ";".join(addresses.values())
    if not in_service:
        merged["in_service_to"] = merged.get("in_service_to") or yesterday
    elif not person.columns.get("in_service_to") and known.get("in_service_to", "~") <= yesterday:
        merged["in_service_to"] = ""  # came back
    return merged


def _filled(row: dict[str, str]) -> dict[str, str]:
    return {column: value for column, value in row.items() if value}


def _is_open(row: dict[str, str], today: date) -> bool:
    """Whether the person is in service on that day."""
    return row.get("in_service_to", "").strip() >= today.isoformat() or not row.get("in_service_to", "").strip()


def _write(file: Path, people: dict[str, dict[str, str]]) -> None:
    """Replaces the file whole, readable for its owner only: it holds addresses."""
    columns = {column for row in people.values() for column in row if column}
    middle = sorted(columns - {*_FIRST, *_LAST}, key=lambda name: (not name.startswith("id_"), name))
    order = [*_FIRST, *middle, *(column for column in _LAST if column in columns)]
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    fresh = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, order, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(people[employee_id] for employee_id in sorted(people))
        Directory.read(fresh)  # what cannot be read again never takes the place of what can
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)
