"""One person's data: all that is held about them, and its erasure, in every store of ours but the LRS.

A person is found by keyed references (accounts on each configured platform, e-mail addresses, HR id) and by the account name in the LRS; none of
these reveals who they are. After erasure the references stand in the state database as *erased*, so that a later pull does not bring them back.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import orjson
from sqlalchemy import Engine, delete, insert, select

from leerstroom import state
from leerstroom.errors import ConfigurationError
from leerstroom.landing import PART, Store
from leerstroom.people import Directory, Pseudonyms

_LINES = ("landing", "statements", "quarantine")


@dataclass(frozen=True, slots=True)
class Subject:
    """The traces of one person: the account name in the LRS, and all references that landing files may hold, in every generation of the key."""

    actor: str
    references: frozenset[str]

    def is_in(self, line: bytes) -> bool:
        """Whether a line of JSON holds a trace of this person."""
        return any(reference.encode() in line for reference in (self.actor, *self.references))


@dataclass(slots=True)
class Erased:
    """How much was erased, by store; no trace of whom."""

    lines: int = 0
    facts: int = 0
    mirrored: int = 0
    values: int = 0
    lrs: int = 0
    left: list[str] = field(default_factory=list)  # what this command cannot reach, and who must


def subject_of(
    employee_id: str, directory: Directory, pseudonyms: Pseudonyms, tenants: Iterable[tuple[str, str, str]]
) -> Subject:
    """The traces of an employee; `tenants` are (source, connection, tenant). Raises ConfigurationError for an unknown id."""
    for employee in directory.employees:
        if employee.employee_id == employee_id:
            break
    else:
        raise ConfigurationError("the directory has no such employee_id; check it in the employees file")
    references = {pseudonyms.hr(employee_id), *(pseudonyms.email(address) for address in employee.emails)}
    for source, connection, tenant in tenants:
        references.update(
            pseudonyms.account(tenant, each) for name, each in employee.platform_ids if name in {source, connection}
        )
    references.add(pseudonyms.first.actor(employee_id))
    traces = {name for reference in references for name in pseudonyms.generations(reference)}
    return Subject(pseudonyms.actor(employee_id), frozenset(traces))


def held_lines(store: Store, subject: Subject) -> Iterator[dict[str, Any]]:
    """Every line of landing, statements and quarantine that holds the person: `{file, line}`."""
    for path in _files(store):
        for line in store.lines(path):
            if subject.is_in(line):
                yield {"file": path, "line": orjson.loads(line)}


def held_values(store: Store, employee_id: str) -> dict[str, list[dict[str, Any]]]:
    """What was computed of a person in the nights that are kept, their classified events among it: file -> rows. Also what nobody but they may see."""
    import pyarrow.parquet

    wanted: dict[str, list[tuple[str, str, Any]]] = {
        "indicator_values.parquet": [
            ("subject", "=", employee_id),
            ("grain", "in", ["employee_day", "employee_window"]),
        ],
        "events.parquet": [("employee_id", "=", employee_id)],
    }
    found = {}
    for path in store.files("indicators", ".parquet"):
        if filters := wanted.get(path.rpartition("/")[2]):
            with store.opened(path) as stream:
                found[path] = pyarrow.parquet.read_table(stream, filters=filters).to_pylist()
    return {path: rows for path, rows in found.items() if rows}


def held_facts(engine: Engine, statement_ids: Iterable[str]) -> list[dict[str, Any]]:
    """The facts that these statements stand for."""
    wanted, found = list(statement_ids), list[dict[str, Any]]()
    with engine.connect() as database:
        for start in range(0, len(wanted), 500):
            part = state.facts.c.statement_id.in_(wanted[start : start + 500])
            rows = database.execute(select(state.facts).where(part)).mappings()
            found += [{str(name): value for name, value in row.items()} for row in rows]
    return found


def erase_lines(store: Store, subject: Subject) -> tuple[int, set[str]]:
    """Rewrites the files between the stages without the person; returns how many lines went and the ids of the statements among them.

    What killed stages left half written goes too.
    """
    erased, ids = 0, set()
    for path in (part for folder in _LINES for part in store.files(folder, PART)):
        store.remove(path)  # of a stage that was killed: nobody reads it, and it may hold anybody
    for path in _files(store):
        if not any(subject.is_in(line) for line in store.lines(path)):
            continue
        with store.writer(path) as writer:
            for line in store.lines(path):
                if subject.is_in(line):
                    erased += 1
                    value = orjson.loads(line)
                    if isinstance(value, dict) and isinstance(value.get("id"), str):
                        ids.add(value["id"])
                else:
                    writer.write_bytes(line)
    return erased, ids


def erase_facts(engine: Engine, statement_ids: Iterable[str]) -> int:
    """Forgets which facts these statements stood for."""
    erased, wanted = 0, list(statement_ids)
    with engine.begin() as database:
        for start in range(0, len(wanted), 500):
            part = wanted[start : start + 500]
            erased += database.execute(delete(state.facts).where(state.facts.c.statement_id.in_(part))).rowcount
            database.execute(delete(state.voids).where(state.voids.c.statement_id.in_(part)))
    return erased


def suppress(engine: Engine, subject: Subject) -> None:
    """Notes that this person was erased: their references are excluded from now on."""
    known = erased_references(engine)
    rows = [
        {"reference": each, "at": datetime.now(UTC)} for each in sorted({subject.actor, *subject.references} - known)
    ]
    if rows:
        with engine.begin() as database:
            database.execute(insert(state.erased), rows)


def erased_references(engine: Engine) -> set[str]:
    """References of all who were erased."""
    with engine.connect() as database:
        return {row.reference for row in database.execute(select(state.erased.c.reference))}


def newest_values(store: Store) -> date | None:
    """The newest day for which indicators were computed."""
    days = [path.split("as_of=")[1].split("/")[0] for path in store.files("indicators", ".parquet") if "as_of=" in path]
    return date.fromisoformat(max(days)) if days else None


def _files(store: Store) -> list[str]:
    return [path for folder in _LINES for path in store.files(folder, ".jsonl.zst")]
