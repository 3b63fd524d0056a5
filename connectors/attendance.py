"""Who was there and how often: the stays of one occurrence of a webinar or meeting, gathered into persons.

Shared by all sources that tell of joining and leaving. It knows no platform: a source makes a `Join` of each row, with references as they
landed (keyed, no address). What a person's time adds up to is `leerstroom.statements.intervals`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.source import Record
from leerstroom.errors import BadRecord
from leerstroom.people import People
from leerstroom.statements.intervals import union_seconds


@dataclass(frozen=True, slots=True, eq=False)
class Join:
    """One stay of one person: the records that tell of it, from when to when (aware), and the references they name.

    `invitation` is an id that is handed on with a forwarded link; `guest` one that means something in this occurrence only.
    Raises BadRecord for a stay that ends before it begins, and for one of nobody.
    """

    records: Sequence[Record]
    start: datetime
    end: datetime
    emails: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    invitation: str = ""
    guest: str = ""
    is_copy: bool = False  # the platform may have written the same stay twice

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise BadRecord("leave_time lies before join_time")
        if not self.reference:
            raise BadRecord("the row names no account, registrant or e-mail address")

    @property
    def row(self) -> Record:
        """The record that tells most: the first."""
        return self.records[0]

    @property
    def is_identified(self) -> bool:
        """Whether it names an address or an account."""
        return bool(self.emails or self.accounts)

    @property
    def reference(self) -> str:
        """What this stay on its own would call the person."""
        return next(iter((*self.emails, *self.accounts)), "") or self.invitation or self.guest

    @property
    def interval(self) -> tuple[datetime, datetime]:
        """(start, end), half-open."""
        return self.start, self.end


def persons(joins: Iterable[Join], people: People) -> list[list[Join]]:
    """The stays of each person, each list by time.

    Stays that share an e-mail address, an account or the employee behind them are one person's. An invitation counts only where
    there is nothing better, because links are forwarded. A guest's id stands for itself; a name is never looked at.
    """
    ordered = sorted(joins, key=lambda join: (join.start, join.end, join.row.key))
    leader = list(range(len(ordered)))

    def find(number: int) -> int:
        while leader[number] != number:
            leader[number] = number = leader[leader[number]]
        return number

    first_with: dict[str, int] = {}
    invited: dict[str, set[int]] = {}
    for number, join in enumerate(ordered):
        for mark in _marks(join, people):
            leader[find(number)] = find(first_with.setdefault(mark, number))
        if join.invitation and join.is_identified:
            invited.setdefault(join.invitation, set()).add(number)
    for number, join in enumerate(ordered):
        if not join.is_identified:
            owners = {find(other) for other in invited.get(join.invitation, ())}
            mark = f"invitation:{join.invitation}" if join.invitation else f"guest:{join.guest}"
            leader[find(number)] = owners.pop() if len(owners) == 1 else find(first_with.setdefault(mark, number))
    groups: dict[int, list[Join]] = {}
    for number, join in enumerate(ordered):
        groups.setdefault(find(number), []).append(join)
    return list(groups.values())


def _marks(join: Join, people: People) -> Iterator[str]:
    yield from (f"email:{email}" for email in join.emails)
    yield from (f"account:{account}" for account in join.accounts)
    known = {people.known(account) for account in join.accounts} | {people.known(email=email) for email in join.emails}
    yield from (f"employee:{name}" for name in known if name)


def without_copies(joins: Sequence[Join]) -> list[Join]:
    """One person's stays without copies of what the others tell. A copy that tells more is no copy; a guest's only copy is nobody."""
    real = [join for join in joins if not join.is_copy]
    if not real:
        return [join for join in joins if join.is_identified or join.invitation]
    stayed = union_seconds(join.interval for join in real)
    return [
        join for join in joins if not join.is_copy or union_seconds(each.interval for each in (*real, join)) > stayed
    ]


class Person:
    """All that the stays of one person say of who it is; the earliest stay speaks first, an e-mail address before an account.

    `reference` names the fact of this person's attendance. `earlier_references` are those under which it may have gone before a row came
    that told more: what was made under them is to be retracted.
    """

    def __init__(self, joins: Sequence[Join]) -> None:
        self._emails = list(dict.fromkeys(email for join in joins for email in join.emails))
        self._accounts = list(dict.fromkeys(account for join in joins for account in join.accounts))
        self._others = [other for join in joins if (other := join.invitation or join.guest)]
        self.reference = next(iter((*self._emails, *self._accounts, *self._others)))
        told = dict.fromkeys(join.reference for join in joins)
        self.earlier_references = [reference for reference in told if reference != self.reference]

    def actor(self, people: People) -> dict[str, Any]:
        """The employee whom any of the references names, else the platform's own reference. Raises ExcludedAccount."""
        for reference in (*self._accounts, *self._others):
            people.actor(reference)
        for email in self._emails:
            people.actor(email=email)
        for account in self._accounts:
            if people.known(account):
                return people.actor(account)
        for email in self._emails:
            if people.known(email=email):
                return people.actor(email=email)
        return people.actor(email=self._emails[0]) if self._emails else people.actor(self.reference)


def actor_of(people: People, account: str | None, email: str | None) -> dict[str, Any]:
    """The employee, else the e-mail's reference before the account's: who comes by invitation gets another account each time.

    Raises ExcludedAccount, and BadRecord when neither is given.
    """
    actor = people.actor(account, email=email)
    return people.actor(email=email) if email and not people.known(account, email=email) else actor
