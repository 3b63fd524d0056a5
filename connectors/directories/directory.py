"""What a directory service is, and what all of them share: from accounts with attributes to people with columns.

```
service ──accounts──► {attribute: value} ──columns──► Listed(employee_id, columns, in_service)
```
A column names the attributes that may fill it, separated by spaces; the first that holds something does, for `emails` all of them do. Attributes
are dotted paths. Whoever has no employee number is left out and counted: rooms, service accounts, guests.
"""

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any, ClassVar

from connectors.paging import named
from connectors.source import Connection, Setting, checked
from leerstroom.errors import ConfigurationError
from leerstroom.people.refreshing import Listed

COLUMNS = Setting(
    "columns", "Columns", kind="mapping", required=False,
    help="attribute by column of the employee directory, over the defaults: {team: extensionAttribute3, id_moodle: uid, fte: …}",
)  # fmt: skip
_KNOWN = re.compile(r"employee_id|emails|team|manager|location|time_zone|fte|in_service_from|in_service_to|id_[a-z][a-z0-9_-]*").fullmatch  # fmt: skip
_ADDRESS = re.compile(
    r"(?:smtp:)?([^\s:;,<>]+@[^\s:;,<>]+)", re.IGNORECASE
).fullmatch  # other protocols are no addresses
_DAY = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)").match  # ISO 8601, and the generalised time of LDAP
_FIRST_YEAR = "1901"  # services write 0001-01-01 or 1601-01-01 where there is no date


@dataclass(slots=True)
class Pulled:
    """The people of a directory service, and how many accounts were left out, by reason."""

    people: list[Listed] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


class EmployeeDirectory(ABC):
    """One directory service. Subclasses declare settings and columns and list accounts."""

    name: ClassVar[str]
    title: ClassVar[str]
    settings: ClassVar[tuple[Setting, ...]]
    columns: ClassVar[Mapping[str, str]]  # column of the CSV -> attributes

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._columns = {**self.columns, **(connection.get("columns") or {})}
        if unknown := sorted(str(name) for name in self._columns if not _KNOWN(str(name))):
            raise ConfigurationError(
                f"directory: 'columns' knows those of schemas/employee-directory.yaml and id_NAME, not {', '.join(unknown)}"
            )

    @abstractmethod
    def accounts(self) -> Iterator[Mapping[str, Any]]:
        """All accounts with the attributes that the columns name. Raises the errors of `leerstroom.errors`."""

    @abstractmethod
    def reference(self, account: Mapping[str, Any]) -> str:
        """How others name this account as their manager."""

    @abstractmethod
    def check(self) -> str:
        """Tries the service and says in one line what was found."""

    def left_out(self, account: Mapping[str, Any]) -> str | None:
        """Why an account is no person, or None."""
        return None

    def is_active(self, account: Mapping[str, Any]) -> bool:
        """Whether the person is in service, as far as the account tells."""
        return True

    def attributes(self) -> list[str]:
        """All attributes that are needed, each once."""
        return list(dict.fromkeys(name for spec in self._columns.values() for name in str(spec).split()))

    def pull(self) -> Pulled:
        """Everybody with an employee number. A manager is named by their employee number, once all are known."""
        pulled, numbers = Pulled(), {}
        found: list[tuple[Listed, str]] = []
        for account in self.accounts():
            number = next(iter(self._values(account, "employee_id")), "")
            if reason := self.left_out(account) or (None if number else "account without an employee number"):
                pulled.left_out[reason] += 1
                continue
            numbers[self.reference(account)] = number
            manager = next(iter(self._values(account, "manager")), "")
            found.append((Listed(number, self._row(account), self.is_active(account)), manager))
        for person, manager in found:
            person.columns["manager"] = numbers.get(self.manager(manager), "") if manager else ""
        pulled.people = [person for person, _ in found]
        return pulled

    def manager(self, value: str) -> str:
        """The reference that the manager attribute holds."""
        return value

    def _row(self, account: Mapping[str, Any]) -> dict[str, str]:
        row: dict[str, str] = {}
        for column in self._columns:
            told = self._values(account, column)
            if column == "emails":
                addresses = (match[1] for value in told if (match := _ADDRESS(value)))
                row[column] = ";".join(dict.fromkeys(addresses))
            elif column.startswith("in_service_"):
                row[column] = _day(next(iter(told), ""))
            elif column not in {"employee_id", "manager"}:
                row[column] = next(iter(told), "")
        return row

    def _values(self, account: Mapping[str, Any], column: str) -> list[str]:
        """What the attributes of a column hold, as texts; in the order in which they are named."""
        return [text for name in str(self._columns.get(column, "")).split() for text in _texts(named(account, name))]


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, list | tuple):
        return [text for each in value for text in _texts(each)]
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return [told] if isinstance(value, str | int | float) and (told := str(value).strip()) else []


def _day(text: str) -> str:
    match = _DAY(text)
    return "-".join(match.groups()) if match and match[1] >= _FIRST_YEAR else ""


# --- finding directories -----------------------------------------------------------------------------------------------------------


def installed() -> dict[str, EntryPoint]:
    """Names of all installed directory services; nothing is imported."""
    found = entry_points(group="leerstroom.directories")
    return {entry.name: entry for entry in sorted(found, key=lambda entry: entry.name)}


def connect(source: str, fields: Mapping[str, Any]) -> EmployeeDirectory:
    """The directory service `source` with its fields, checked and completed. Raises ConfigurationError that names every fault at once."""
    entry = installed().get(source)
    if entry is None:
        raise ConfigurationError(
            f"directory: there is no source '{source}'; installed are {', '.join(installed()) or 'none'}"
        )
    loaded: type[EmployeeDirectory] = entry.load()
    return loaded(checked(Connection("directory", source, fields), loaded.settings))
