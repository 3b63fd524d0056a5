"""Which statement stands for which fact, and what must be voided when a fact changes or goes.

A *fact* is (record, verb, object). A source tells the current state of its facts; statements are immutable. So when a fact comes with another
statement id than before, the new one is sent and the old one voided, and a retracted record voids all that was made of it. What is
planned is written down before it is sent: a killed load, run again, sends the same statements under the same ids.

Files that are loaded again out of order do no harm: what was pulled earlier than the fact we hold is *superseded*. A fact that returns to
an earlier form (a grade 7 → 8 → 7) gets a fresh id, because a voided id never counts again.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from leerstroom import state
from leerstroom.statements import Statement, name_uuid, utc_text, voiding_id
from leerstroom.statements.vocabulary import EXTENSION_BASE, verbs

_RECORD = EXTENSION_BASE + "record"
_A_TICK = timedelta(milliseconds=1)  # what `as_of` is written to


@dataclass(frozen=True, slots=True)
class Planned:
    """What one batch leads to: statements to send (ids final), ids to void with the time of voiding, and how many were superseded."""

    send: list[Statement]
    void: list[tuple[str, str]]
    superseded: int


def fact_of(statement: Statement) -> tuple[str, str]:
    """(fact, record) of one of our own statements. Raises KeyError for a foreign one."""
    record = statement["context"]["extensions"][_RECORD]
    return name_uuid("fact", record, statement["verb"]["id"], statement["object"].get("id", "")), record


def voiding(statement_id: str, at: str, authority: dict[str, object]) -> Statement:
    """The statement that voids `statement_id`; `at` is part of what was planned, so that it is the same when sent again."""
    return {
        "id": voiding_id(statement_id),
        "actor": authority,
        "verb": verbs.VOIDED.as_json(),
        "object": {"objectType": "StatementRef", "id": statement_id},
        "timestamp": at,
        "version": "1.0.3",
    }


def voided_by(statement: Mapping[str, Any]) -> str | None:
    """The id of the statement that this one voids; None when it voids nothing."""
    if statement["verb"]["id"] != verbs.VOIDED.iri:
        return None
    return str(statement["object"]["id"])


class Revisions:
    """The facts of one connection in the state database."""

    def __init__(self, engine: Engine, connection: str) -> None:
        self._engine = engine
        self._connection = connection
        self._insert = (postgresql if engine.dialect.name == "postgresql" else sqlite).insert

    def as_of(self, now: datetime) -> str:
        """When a pull that begins `now` counts as made: after every pull that was loaded before it, even if the clock was turned back meanwhile."""
        with self._engine.connect() as database:
            newest = database.execute(
                select(func.max(state.facts.c.as_of)).where(state.facts.c.connection == self._connection)
            ).scalar()
        text = utc_text(now)
        return text if newest is None or newest < text else utc_text(datetime.fromisoformat(newest) + _A_TICK)

    def plan(self, statements: Sequence[Statement], as_of: str) -> Planned:
        """Decides for a batch and writes it down. `as_of` is when the records were pulled (`2026-11-03T01:00:00.000Z`)."""
        facts, send, void = state.facts, [], []
        newest = {
            fact_of(statement): statement for statement in statements
        }  # a fact that comes twice: the later form counts
        identified = list(newest.items())
        superseded = len(statements) - len(identified)
        with self._engine.begin() as database:
            known = {
                row.fact: row
                for row in database.execute(
                    select(facts).where(
                        facts.c.connection == self._connection, facts.c.fact.in_([fact for (fact, _), _ in identified])
                    )
                )
            }
            rows: dict[str, dict[str, object]] = {}
            for (fact, record), statement in identified:
                row = known.get(fact)
                base = statement["id"]
                if row is not None:
                    if row.as_of > as_of or (row.voided and row.as_of == as_of):
                        superseded += 1
                        continue
                    if row.base_id == base and not row.voided:
                        statement["id"] = row.statement_id
                    elif row.as_of == as_of and base in self._voided(database, fact):
                        superseded += 1  # an earlier form within the same pull, loaded again after a kill
                        continue
                    else:
                        if not row.voided:
                            void.append((row.statement_id, as_of))
                        statement["id"] = self._fresh(database, fact, base, [old for old, _ in void])
                send.append(statement)
                rows[fact] = {
                    "connection": self._connection,
                    "fact": fact,
                    "record": record,
                    "statement_id": statement["id"],
                    "base_id": base,
                    "as_of": as_of,
                    "voided": False,
                }
            self._write(
                database,
                list(rows.values()),
                void,
                {row["statement_id"]: fact for fact, row in rows.items()}
                | {r.statement_id: f for f, r in known.items()},
            )
        return Planned(send, void, superseded)

    def retract(self, records: Iterable[str], as_of: str) -> list[tuple[str, str]]:
        """Plans the voiding of all that was made of these records; returns (statement id, time)."""
        facts, wanted = state.facts, list(records)
        void: list[tuple[str, str]] = []
        with self._engine.begin() as database:
            for start in range(0, len(wanted), 500):
                part = wanted[start : start + 500]
                mine = (facts.c.connection == self._connection) & facts.c.record.in_(part)
                rows = database.execute(select(facts).where(mine, facts.c.voided.is_(False))).all()
                gone = [row for row in rows if row.as_of <= as_of]
                void += [(row.statement_id, as_of) for row in gone]
                self._write(
                    database,
                    [],
                    [(row.statement_id, as_of) for row in gone],
                    {row.statement_id: row.fact for row in gone},
                )
                if gone:
                    database.execute(
                        update(facts)
                        .where(facts.c.connection == self._connection, facts.c.fact == bindparam("this"))
                        .values(voided=True, as_of=as_of),
                        [{"this": row.fact} for row in gone],
                    )
        return void

    def unsent(self, as_of: str = "") -> Iterator[tuple[str, str]]:
        """Voidings that were planned but not confirmed, and all that were planned as of this pull: (statement id, time).

        Those of the pull go again whenever it is loaded again, so that its ledger tells of them however often it was tried.
        """
        voids = state.voids
        with self._engine.connect() as database:
            for row in database.execute(
                select(voids.c.statement_id, voids.c.at).where(
                    voids.c.connection == self._connection, voids.c.done.is_(False) | (voids.c.at == as_of)
                )
            ):
                yield row.statement_id, row.at

    def confirm(self, refused: Collection[str] = ()) -> None:
        """All planned voidings of this connection reached the LRS but those of the statements `refused`: the next load sends them again."""
        voids = state.voids
        mine = (voids.c.connection == self._connection) & voids.c.done.is_(False)
        with self._engine.begin() as database:
            if refused:
                open_ = {row.statement_id for row in database.execute(select(voids.c.statement_id).where(mine))}
                if settled := [{"this": each} for each in sorted(open_.difference(refused))]:
                    database.execute(
                        update(voids).where(voids.c.statement_id == bindparam("this")).values(done=True), settled
                    )
            else:
                database.execute(update(voids).where(mine).values(done=True))

    def _fresh(self, database: Connection, fact: str, base: str, about_to_void: list[str]) -> str:
        gone = self._voided(database, fact) | set(about_to_void)
        candidate, turn = base, 0
        while candidate in gone:
            turn += 1
            candidate = name_uuid("again", base, str(turn))
        return candidate

    @staticmethod
    def _voided(database: Connection, fact: str) -> set[str]:
        voids = state.voids
        return {row.statement_id for row in database.execute(select(voids.c.statement_id).where(voids.c.fact == fact))}

    def _write(
        self,
        database: Connection,
        rows: list[dict[str, object]],
        void: list[tuple[str, str]],
        facts_by_statement: dict[object, str],
    ) -> None:
        execute = database.execute
        if void:
            execute(
                self._insert(state.voids).on_conflict_do_nothing(),
                [
                    {
                        "statement_id": old,
                        "connection": self._connection,
                        "fact": facts_by_statement.get(old, ""),
                        "at": at,
                        "done": False,
                    }
                    for old, at in void
                ],
            )
        if rows:
            upsert = self._insert(state.facts)
            execute(
                upsert.on_conflict_do_update(
                    index_elements=["connection", "fact"],
                    set_={
                        name: upsert.excluded[name] for name in ("record", "statement_id", "base_id", "as_of", "voided")
                    },
                ),
                rows,
            )
