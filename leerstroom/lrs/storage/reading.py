"""Queries of statements: the index gives the rows in stored order, newest or oldest first; nothing is sorted, nothing is counted."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from leerstroom.lrs import terms
from leerstroom.lrs.storage.database import Connection, Database, Row
from leerstroom.lrs.storage.numbering import about, numbers
from leerstroom.lrs.storage.preparing import uuid_key

_PROBE = 2_000  # how far two conditions are counted to see which is the rarer


@dataclass(frozen=True, slots=True)
class Filter:
    """A statements query. `agent` is a term with its roles, and so on; `after` and `until` bound `seq`: after < seq <= until."""

    agent: tuple[str, tuple[int, ...]] | None = None
    activity: tuple[str, tuple[int, ...]] | None = None
    verb: str | None = None
    registration: str | None = None
    after: int | None = None
    until: int | None = None
    ascending: bool = False
    limit: int = 100
    authority: str | None = None  # only statements that this authority stored


@dataclass(frozen=True, slots=True)
class Document:
    """A stored document; `updated` in microseconds."""

    name: bytes
    updated: int
    etag: str
    content_type: str
    content: bytes


class Reader:
    """Reads from any thread; each has a connection of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._local = threading.local()
        self._all: list[Connection] = []

    @property
    def connection(self) -> Connection:
        """The connection of the thread that asks."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None or not connection.usable:
            if connection is not None and connection in self._all:
                self._all.remove(connection)
            connection = self._local.connection = self._database.connect()
            self._all.append(connection)
        return connection

    def close(self) -> None:
        """Closes all connections."""
        for each in self._all:
            each.close()

    # --- statements ------------------------------------------------------------------------------------------------------------------------

    def one(self, statement_id: str, *, voided: bool) -> tuple[int, bytes] | None:
        """(seq, body) of the statement with this id, among the voided or the others; None when there is none."""
        found = self.connection.rows(
            "SELECT seq, body FROM statements WHERE id = ? AND voided = ?", (uuid_key(statement_id), int(voided))
        )
        return (found[0][0], found[0][1]) if found else None

    def known(self, keys: Sequence[bytes]) -> dict[bytes, int]:
        """Key -> digest of those that are stored."""
        return {row[0]: row[1] for row in self.connection.lookup("SELECT id, digest FROM statements", "id", keys)}

    def find(self, query: Filter) -> list[Row]:
        """(seq, body) of the statements that match and are not voided, in stored order, at most `limit`."""
        order = "ASC" if query.ascending else "DESC"
        conditions = self._conditions(query)
        if conditions is None:
            return []
        if not conditions and query.authority is None:
            span = _span(query, "s")
            return self.connection.rows(
                f"SELECT s.seq, s.body FROM statements AS s WHERE s.voided = 0{span} ORDER BY s.seq {order} LIMIT {query.limit}"
            )
        if query.authority is not None and not conditions:
            [number] = self._numbers([query.authority]) or [0]
            conditions = [(number, (terms.AUTHORITY,))]
        sql, values = self._sql(query, conditions, order)
        return self.connection.rows(sql, values)

    def _conditions(self, query: Filter) -> list[tuple[int, tuple[int, ...]]] | None:
        """(number of the term, roles) of each condition, the one to start from first; None when a term is unknown: nothing matches."""
        asked: list[tuple[str, tuple[int, ...]]] = []
        if query.agent:
            asked.append(query.agent)
        if query.registration:
            asked.append((query.registration, (terms.REGISTRATION,)))
        if query.activity:
            asked.append(query.activity)
        if query.verb:
            asked.append((query.verb, (terms.VERB,)))
        numbers = self._numbers([term for term, _ in asked])
        if numbers is None:
            return None
        found = [(number, roles) for number, (_, roles) in zip(numbers, asked, strict=True)]
        if len(found) > 1:
            rarity = {each: self._probe(each, query) for each in found}
            found.sort(key=rarity.__getitem__)
        return found

    def _numbers(self, asked: Sequence[str]) -> list[int] | None:
        found = numbers(self.connection, asked) if asked else {}
        return [found[each] for each in asked] if all(each in found for each in asked) else None

    def _probe(self, condition: tuple[int, tuple[int, ...]], query: Filter) -> int:
        number, roles = condition
        count = 0
        for role in roles:
            count += self.connection.rows(
                f"SELECT count(*) FROM (SELECT 1 FROM found_by AS f WHERE f.entry = ?{_span(query, 'f')} LIMIT {_PROBE}) AS probe",
                (number * 8 + role,),
            )[0][0]
        return count

    def _sql(
        self, query: Filter, conditions: Sequence[tuple[int, tuple[int, ...]]], order: str
    ) -> tuple[str, list[Any]]:
        (number, roles), others = conditions[0], conditions[1:]
        tests, test_values = "", []
        for place, (other, other_roles) in enumerate(others):
            if other_roles == (terms.VERB,):
                tests += " AND f.verb = ?"
                test_values.append(other)
                continue
            listed = ",".join("?" * len(other_roles))
            tests += f" AND EXISTS (SELECT 1 FROM found_by AS t{place} WHERE t{place}.entry IN ({listed}) AND t{place}.seq = f.seq AND t{place}.via = f.via)"
            test_values += [other * 8 + role for role in other_roles]
        if query.authority is not None:
            [mine] = self._numbers([query.authority]) or [0]
            tests += " AND EXISTS (SELECT 1 FROM found_by AS m WHERE m.entry = ? AND m.seq = f.seq AND m.via = 0)"
            test_values.append(mine * 8 + terms.AUTHORITY)
        span = _span(query, "f")
        parts, values = [], []
        for role in roles:
            parts.append(
                f"SELECT DISTINCT f.seq FROM found_by AS f CROSS JOIN statements AS s WHERE f.entry = ?{span}{tests} AND s.seq = f.seq AND s.voided = 0"
                f" ORDER BY f.seq {order} LIMIT {query.limit}"
            )
            values += [number * 8 + role, *test_values]
        if len(parts) == 1:
            inner = parts[0]
        else:
            inner = (
                " UNION ".join(f"SELECT seq FROM ({part}) AS p{place}" for place, part in enumerate(parts))
                + f" ORDER BY seq {order} LIMIT {query.limit}"
            )
        return (
            f"SELECT seq, body FROM statements WHERE seq IN (SELECT seq FROM ({inner}) AS found) ORDER BY seq {order}",
            values,
        )

    def newest(self) -> int:
        """`seq` of the last statement, 0 without one."""
        return int(self.connection.rows("SELECT coalesce(max(seq), 0) FROM statements")[0][0])

    # --- what is known ----------------------------------------------------------------------------------------------------------------

    def about(self, wanted: Sequence[str]) -> dict[str, bytes | None]:
        """Term -> its definition or names as JSON, for those that occur in statements."""
        return about(self.connection, wanted)

    def attachments(self, seqs: Sequence[int]) -> list[tuple[str, str, bytes]]:
        """(sha2, content type, content) of what these statements need, each once."""
        listed = self.connection.lookup("SELECT sha2 FROM attached", "seq", seqs)
        names = sorted({row[0] for row in listed})
        return [
            (row[0], row[1], row[2])
            for row in self.connection.lookup("SELECT sha2, content_type, content FROM attachments", "sha2", names)
        ]

    def held_attachments(self, names: Sequence[str]) -> set[str]:
        """Those of these SHA-2 whose content is stored."""
        return {row[0] for row in self.connection.lookup("SELECT sha2 FROM attachments", "sha2", names)}

    # --- documents ---------------------------------------------------------------------------------------------------------------------

    def document(self, kind: int, activity: bytes, agent: bytes, registration: bytes, name: bytes) -> Document | None:
        """One document."""
        return read_document(self.connection, kind, activity, agent, registration, name)

    def documents(
        self, kind: int, activity: bytes, agent: bytes, registration: bytes | None, after: int | None
    ) -> list[tuple[bytes, int]]:
        """(name, updated) of the documents of an activity or agent, changed after `after`; with a registration only its own."""
        sql = "SELECT name, updated FROM documents WHERE kind = ? AND activity = ? AND agent = ?"
        values: list[Any] = [kind, activity, agent]
        if registration is not None:
            sql += " AND registration = ?"
            values.append(registration)
        if after is not None:
            sql += " AND updated > ?"
            values.append(after)
        return [(row[0], row[1]) for row in self.connection.rows(sql + " ORDER BY updated, name", values)]


def read_document(
    connection: Connection, kind: int, activity: bytes, agent: bytes, registration: bytes, name: bytes
) -> Document | None:
    """One document, through any connection."""
    found = connection.rows(
        "SELECT name, updated, etag, content_type, content FROM documents WHERE kind = ? AND activity = ? AND agent = ? AND registration = ? AND name = ?",
        (kind, activity, agent, registration, name),
    )
    return Document(*found[0]) if found else None


def _span(query: Filter, table: str) -> str:
    span = ""
    if query.after is not None:
        span += f" AND {table}.seq > {int(query.after)}"
    if query.until is not None:
        span += f" AND {table}.seq <= {int(query.until)}"
    return span
