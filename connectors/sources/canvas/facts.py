"""What Canvas tells, whichever way it tells it: ids of one form, people, courses, and the records that the source maps.

Canvas writes the same person as 123 (local), as 21070000000000123 (global: shard × 10¹³ + local) and as 2107~123. Here everything of the
site's own shard is local, and only a visitor from another shard keeps it: `2107~123`.
"""

import re
from collections.abc import Mapping
from typing import Any

from connectors.source import Record

SHARD = 10_000_000_000_000
LEARNER = "StudentEnrollment"
TRAINERS = frozenset({"TeacherEnrollment", "TaEnrollment", "DesignerEnrollment"})
_SHORT = re.compile(r"(\d+)~(\d+)").fullmatch
_URN = re.compile(r"urn:instructure:canvas:([A-Za-z_]+):(\d+)(?::.*)?").fullmatch


def shard_of(value: Any) -> int | None:
    """The shard that a global id names; None for a local id and for none."""
    number = str(value) if value is not None else ""
    return (int(number) // SHARD or None) if number.isdecimal() else None


def local(value: Any, own: int | None = None) -> str | None:
    """An id as this site writes it. `own` is the site's shard; where it is not known, a global id is taken to be the site's own.

    None for no id. A REST answer writes its own ids local, so there `own` is 0: what is global is a visitor's.
    """
    if value is None or isinstance(value, bool | float | Mapping | list):
        return None
    text = str(value)
    if found := _SHORT(text):
        shard, number = int(found[1]), int(found[2])
    elif text.isascii() and text.isdecimal():
        shard, number = divmod(int(text), SHARD)
    else:
        return None
    return str(number) if not shard or own in {None, shard} else f"{shard}~{number}"


def urn(value: Any) -> tuple[str, str]:
    """(kind, id) of an address as Caliper events write them, such as `urn:instructure:canvas:user:21070000000000123`; empty for none."""
    found = _URN(str(value)) if isinstance(value, str) else None
    return (found[1], found[2]) if found else ("", "")


def person(account: str | None, *, email: Any = None, hr: Any = None) -> dict[str, Any]:
    """References of somebody; a login counts as an address where it is one."""
    address = email if isinstance(email, str) and "@" in email else None
    return {"account": account, "email": address, "hr": str(hr) if hr else None}


def fact(
    kind: str, key: str | None, who: Mapping[str, Any], course: Mapping[str, Any] | None, at: Any, **fields: Any
) -> Record:
    """One record; `key` names the fact, so that it is the same fact by whatever way it came."""
    about = {"id": None, "name": None, "sis": None, **(course or {})}
    return Record(
        kind, str(key), {"fact": kind, "id": str(key), "person": dict(who), "course": about, "at": at, **fields}
    )
