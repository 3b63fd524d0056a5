"""Courses as an organisation sees them: which are read, which are required and until when, which are a community rather than a course.

Shared by all sources with courses. It knows no platform: a source says by which names a course goes (id number, short name, number), when
somebody was enrolled and how. The settings are the same words in every connection.
"""

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from fnmatch import fnmatch
from typing import Any
from zoneinfo import ZoneInfo

from connectors.source import Connection, Setting
from leerstroom.errors import ConfigurationError

SETTINGS = (
    Setting("courses", "Courses", many=True, required=False, help="id numbers or short names (with *) of the courses that are read; empty: all"),
    Setting(
        "mandatory_courses", "Mandatory courses", kind="mapping", required=False,
        help="id number or short name as above: the due date (2026-12-01), or the number of days after enrolment",
    ),
    Setting("chosen_courses", "Chosen courses", many=True, required=False, help="courses that people enrol in themselves; of others that are not mandatory it is unknown"),
    Setting("communities", "Communities", many=True, required=False, help="courses that are a community of practice: to belong to one is no task to complete"),
)  # fmt: skip


class Courses:
    """What the settings of a connection say about courses. Raises ConfigurationError that names every wrong due date."""

    def __init__(self, connection: Connection) -> None:
        self._wanted = tuple(map(str, connection.get("courses") or ("*",)))
        self._chosen = tuple(map(str, connection.get("chosen_courses") or ()))
        self._communities = tuple(map(str, connection.get("communities") or ()))
        self._mandatory = _due_rules(connection)
        self._zone = ZoneInfo(str(connection.get("time_zone") or "Europe/Amsterdam"))

    def is_wanted(self, names: Iterable[Any]) -> bool:
        """Whether a course is read."""
        return goes_by(self._wanted, names)

    def is_community(self, names: Iterable[Any]) -> bool:
        """Whether a course is a community of practice."""
        return goes_by(self._communities, names)

    def terms(
        self, names: Collection[Any], *, enrolled: datetime | None = None, by: str | None = None, due: bool = True
    ) -> dict[str, Any]:
        """Extensions `initiator` and `mandatory`, and `due` for the course as a whole.

        `by` is who began where the platform tells it: `self` or `assigned`. A due date in days needs to know when somebody was enrolled.
        """
        rule = next((rule for name, rule in self._mandatory.items() if goes_by((name,), names)), None)
        if rule is None:
            is_chosen = by == "self" or goes_by(self._chosen, names)
            return {"initiator": "self" if is_chosen else by, "mandatory": False if is_chosen else None, "due": None}
        last = rule if isinstance(rule, date) else None
        if last is None and enrolled is not None:
            last = (enrolled.astimezone(self._zone) + timedelta(days=int(rule))).date()  # type: ignore[arg-type]  # a date or a number
        return {"initiator": "assigned", "mandatory": True, "due": last.isoformat() if due and last else None}


def goes_by(patterns: Iterable[str], names: Iterable[Any]) -> bool:
    """Whether one of the names fits one of the patterns; `*` stands for anything."""
    given = [str(name) for name in names if name]
    return any(fnmatch(name, pattern) for pattern in patterns for name in given)


def _due_rules(connection: Connection) -> dict[str, date | int]:
    """The setting mandatory_courses: name -> due date or days."""
    rules: dict[str, date | int] = {}
    wrong = []
    for name, value in (connection.get("mandatory_courses") or {}).items():
        try:
            if isinstance(value, datetime):
                rules[str(name)] = value.date()
            elif isinstance(value, date):
                rules[str(name)] = value
            else:
                text = str(value).strip()
                rules[str(name)] = int(text) if text.isdecimal() else date.fromisoformat(text)
        except ValueError:
            wrong.append(str(name))
    if wrong:
        raise ConfigurationError(
            f"connection '{connection.name}': mandatory_courses needs a date like 2026-12-01 or a number of days for {', '.join(wrong)}"
        )
    return rules
