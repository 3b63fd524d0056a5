"""Which actors of an LRS are which employee: all names under which one person may appear, and the way back.

The LRS holds statements of other producers too, so an employee may be a pseudonym, an HR id, an e-mail address or its hash.
Actor strings are those of `leerstroom.mirror.columns.actor_string`. Nothing is matched by display name, and an identity that
two employees share belongs to nobody.
"""

import hashlib
from collections.abc import Iterator

from leerstroom.people.directory import Directory, Employee
from leerstroom.people.pseudonyms import Pseudonyms
from leerstroom.people.resolution import DEFAULT_HOME_PAGE


def actor_strings(employee: Employee, pseudonyms: Pseudonyms | None = None, home_page: str | None = None) -> list[str]:
    """Every actor string by which the employee may appear: mbox, mbox_sha1sum, account with pseudonym, account with HR id.

    Pseudonyms of earlier generations of the key count too: what other producers stated under them is not re-keyed. An account without home page (`account||name`) is how the mirror writes a mention that gives the name alone.
    """
    found: list[str] = []
    for address in employee.emails:
        lower = address.lower()
        found.append(f"mbox|{lower}")
        found.extend(f"mbox_sha1sum|{_sha1(each)}" for each in (lower, address))
    names = [employee.employee_id]
    if pseudonyms is not None:
        names = [*reversed(pseudonyms.generations(pseudonyms.first.actor(employee.employee_id))), *names]
    for name in names:
        found.extend((f"account|{home_page or DEFAULT_HOME_PAGE}|{name}", f"account||{name}"))
    return list(dict.fromkeys(found))


class Identities:
    """Actor string -> employee id, for one directory. `pseudonyms` and `home_page` are those the statements were made with."""

    def __init__(
        self, directory: Directory, pseudonyms: Pseudonyms | None = None, home_page: str | None = None
    ) -> None:
        self._employees: dict[str, str] = {}
        shared: set[str] = set()
        for employee in directory.employees:
            for actor in actor_strings(employee, pseudonyms, home_page):
                if self._employees.setdefault(actor, employee.employee_id) != employee.employee_id:
                    shared.add(actor)
        for actor in shared:
            del self._employees[actor]
        self._excluded = {each for name, value in directory.excluded_accounts for each in _excluded(name, value)}

    def employee(self, actor: str | None) -> str | None:
        """The employee behind an actor string, or None: outsider, group, excluded account, or an identity of two people."""
        return None if actor is None or self.excluded(actor) else self._employees.get(actor)

    def excluded(self, actor: str | None) -> bool:
        """True for a robot, a room device or a shared account of the exclusion list."""
        if actor is None or not self._excluded:
            return False
        return actor in self._excluded or (
            actor.startswith("account|") and f"account||{actor.rsplit('|', 1)[-1]}" in self._excluded
        )


def _excluded(name: str, value: str) -> Iterator[str]:
    if name != "email":
        yield f"account||{value}"
        return
    yield f"mbox|{value.lower()}"
    for each in (value, value.lower()):
        yield f"mbox_sha1sum|{_sha1(each)}"


def _sha1(address: str) -> str:
    return hashlib.sha1(f"mailto:{address}".encode(), usedforsecurity=False).hexdigest()
