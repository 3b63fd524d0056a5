"""Under which generation of the pseudonym key the stores are, and the re-keying of the state database and of quarantine.

A generation is re-keyed store after store, and how far it is stands in the table `generations`: `begun`, `lrs`, `state`, `mirror`, `done`. Until the mirror is there nothing
else may run: a night would load statements beside their own older form. Each part can be killed at any point and run again.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import Column, Engine, Table, bindparam, delete, func, insert, select, update

from leerstroom import state
from leerstroom.errors import ConfigurationError
from leerstroom.landing import Store
from leerstroom.people import Pseudonyms, Rotation
from leerstroom.quarantine import VOIDS

COMMAND = "leerstroom people rekey"
_USABLE = frozenset({"mirror", "done"})
_MOVED = (
    " re-keyed"  # behind the name of a connection: its rows are of the next generation; no connection can be called so
)
_AT_ONCE = 1000


def check(engine: Engine, pseudonyms: Pseudonyms) -> None:
    """Raises ConfigurationError unless what is stored is under this key, all its secrets, and no re-keying is under way."""
    held, known = reached(engine), pseudonyms.fingerprints
    if not held and len(known) == 1:
        return
    if len(known) < len(held):
        raise ConfigurationError(
            f"the pseudonym key holds {_secrets(len(known))}, and what is stored is under {_secrets(len(held))}; put the missing one back: a rotation adds a secret and takes none away"
        )
    _same_secrets(held, known)
    if not is_usable(engine):
        raise ConfigurationError(f"a re-keying was begun and did not reach its end; run {COMMAND}")
    if len(known) > max(1, len(held)):
        raise ConfigurationError(
            f"the pseudonym key holds {_secrets(len(known))}, and what is stored is under {_secrets(max(1, len(held)))}; run {COMMAND}"
        )


def reached(engine: Engine) -> list[tuple[str, str]]:
    """(fingerprint, how far its re-keying is) of each generation, the first one first; empty before the first rotation."""
    table = state.generations
    with engine.connect() as database:
        rows = database.execute(select(table).order_by(table.c.generation)).all()
    return [(row.fingerprint, row.reached) for row in rows]


def is_usable(engine: Engine) -> bool:
    """Whether no re-keying is under way."""
    return all(each in _USABLE for _, each in reached(engine))


def begin(engine: Engine, pseudonyms: Pseudonyms) -> None:
    """Notes the generations of the key that are not known yet. Raises ConfigurationError when a secret that is known is another one or is missing."""
    held, known = reached(engine), pseudonyms.fingerprints
    if len(known) < max(2, len(held)):
        raise ConfigurationError(
            f"the pseudonym key holds {_secrets(len(known))}; add a new one behind those that are there, each on a line of its own, before {COMMAND}"
        )
    _same_secrets(held, known)
    rows = [
        {
            "generation": number,
            "fingerprint": each,
            "reached": "done" if number == 1 else "begun",
            "at": datetime.now(UTC),
        }
        for number, each in enumerate(known, 1)
        if number > len(held)
    ]
    if rows:
        with engine.begin() as database:
            database.execute(insert(state.generations), rows)


def mark(engine: Engine, stage: str, generation: int | None = None) -> None:
    """Notes how far the re-keying of a generation is, or of all that are not done."""
    table = state.generations
    changed = update(table).where(table.c.reached != "done").values(reached=stage, at=datetime.now(UTC))
    with engine.begin() as database:
        database.execute(changed if generation is None else changed.where(table.c.generation == generation))


# --- the state database --------------------------------------------------------------------------------------------------------


def rekey_state(engine: Engine, rotation: Rotation, generation: int, progress: Callable[[int], None]) -> int:
    """Takes facts and voids to the next generation; returns how many of both there are.

    Rows that are done wait under a name that no connection has, some thousand in a transaction; the last transaction gives all their names back and marks the generation.
    """
    done = 0
    for table, ids in (
        (state.facts, ("fact", "record", "statement_id", "base_id")),
        (state.voids, ("statement_id", "fact")),
    ):
        for connection in _connections(engine, table):
            while moved := _move(engine, table, connection, ids, rotation):
                done += moved
                progress(done)
    with engine.begin() as database:
        for table in (state.facts, state.voids):
            column = table.c.connection
            for (name,) in database.execute(select(column).where(column.endswith(_MOVED)).distinct()).all():
                database.execute(update(table).where(column == name).values(connection=name.removesuffix(_MOVED)))
        database.execute(
            update(state.generations).where(state.generations.c.generation == generation).values(reached="state")
        )
    _erase_traces(engine)
    return done


def count_state(engine: Engine) -> int:
    """How many facts and voids there are that are not re-keyed yet."""
    with engine.connect() as database:
        return sum(
            database.execute(select(func.count()).where(~table.c.connection.endswith(_MOVED))).scalar_one()
            for table in (state.facts, state.voids)
        )


def _connections(engine: Engine, table: Table) -> list[str]:
    with engine.connect() as database:
        names = database.execute(select(table.c.connection).distinct()).scalars().all()
    return sorted(name for name in names if not name.endswith(_MOVED))


def _move(engine: Engine, table: Table, connection: str, ids: Sequence[str], rotation: Rotation) -> int:
    key: list[Column[Any]] = list(table.primary_key)
    with engine.begin() as database:
        if engine.dialect.name == "sqlite":
            database.exec_driver_sql("PRAGMA secure_delete=ON")
        rows = database.execute(select(table).where(table.c.connection == connection).limit(_AT_ONCE)).mappings().all()
        if not rows:
            return 0
        gone = delete(table)
        for column in key:
            gone = gone.where(column == bindparam(f"old_{column.name}"))
        database.execute(gone, [{f"old_{column.name}": row[column.name] for column in key} for row in rows])
        fresh = [{**row, **{name: rotation.id(row[name]) for name in ids if row[name]}} for row in rows]
        database.execute(insert(table), [{**row, "connection": connection + _MOVED} for row in fresh])
    return len(rows)


def _erase_traces(engine: Engine) -> None:
    """Leaves no copy of the old ids in the database's own files, as far as it can."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as database:
        if engine.dialect.name == "sqlite":
            for command in ("PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
                database.exec_driver_sql(command).close()
        else:
            for table in (state.facts, state.voids):
                database.exec_driver_sql(f"VACUUM (FULL) {table.name}")


def known(engine: Engine, statement_ids: Sequence[str]) -> set[str]:
    """Those of these ids that statements of ours have or had, as the state database tells."""
    found: set[str] = set()
    with engine.connect() as database:
        for table in (state.facts, state.voids):
            for start in range(0, len(statement_ids), 500):
                part = statement_ids[start : start + 500]
                column = table.c.statement_id
                found.update(database.execute(select(column).where(column.in_(part))).scalars())
    return found


# --- quarantine ----------------------------------------------------------------------------------------------------------------


def rekey_quarantine(store: Store, rotation: Rotation, generation: int) -> int:
    """Takes the ids of refused statements to the next generation, so that they are known when they come up again; returns how many.

    An entry says of which generation it is, so that it goes once.
    """
    done = 0
    for path in store.files("quarantine", "/refused.jsonl.zst"):
        entries = [orjson.loads(line) for line in store.lines(path)]
        outdated = [each for each in entries if each.get("generation", 1) < generation]
        for each in outdated:
            each |= {name: rotation.id(each[name]) for name in ("key", VOIDS) if name in each} | {
                "generation": generation
            }
        if outdated:
            with store.writer(path) as writer:
                writer.write_all(entries)
        done += len(outdated)
    return done


def _same_secrets(held: Sequence[tuple[str, str]], known: Sequence[str]) -> None:
    for number, ((fingerprint, _), secret) in enumerate(zip(held, known, strict=False), 1):
        if fingerprint != secret:
            raise ConfigurationError(
                f"secret {number} of the pseudonym key is another one than what is stored was made under; put the old one back: new ones go behind those that are there"
            )


def _secrets(number: int) -> str:
    return "one secret" if number == 1 else f"{number} secrets"


__all__ = [
    "COMMAND",
    "begin",
    "check",
    "count_state",
    "is_usable",
    "known",
    "mark",
    "reached",
    "rekey_quarantine",
    "rekey_state",
]
