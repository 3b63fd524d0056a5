"""Which statement stands for which fact, and what must be voided when a fact changes or goes.

A *fact* is (record, verb, object). A source tells the current state of its facts; statements are immutable. So when a fact comes with another
statement id than before, the new one is sent and the old one voided, and a retracted record voids all that was made of it. What is
planned is written down before it is sent: a killed load, run again, sends the same statements under the same ids.

Files that are loaded again out of order do no harm: what was pulled earlier than the fact we hold is *superseded*. A fact that returns to
an earlier form (a grade 7 → 8 → 7) gets a fresh id, because a voided id never counts again.
"""

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self

import msgspec
import orjson
from sqlalchemy import ColumnElement, Connection, Engine, bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from leerstroom import state
from leerstroom.statements import Statement, name_uuid, utc_text, voiding_id
from leerstroom.statements.vocabulary import EXTENSION_BASE, verbs

_RECORD = EXTENSION_BASE + "record"
_A_TICK = timedelta(milliseconds=1)  # what `as_of` is written to


class Stated(NamedTuple):
    """What a statement of ours stands for: its fact, the record of that, and the id that it has so far."""

    fact: str
    record: str
    statement_id: str


@dataclass(frozen=True, slots=True)
class Decided:
    """What one batch leads to: (place in the batch, final id) of what to send, ids to void with the time of voiding, how many were superseded."""

    send: list[tuple[int, str]]
    void: list[tuple[str, str]]
    superseded: int


class _Named(msgspec.Struct, gc=False):
    id: str = ""


class _Extensions(msgspec.Struct, gc=False):
    record: str = msgspec.field(name=_RECORD)


class _Context(msgspec.Struct, gc=False):
    extensions: _Extensions


class _Line(msgspec.Struct, gc=False):
    id: str
    verb: _Named
    object: _Named
    context: _Context


_decode = msgspec.json.Decoder(_Line).decode


def stated(line: bytes) -> Stated:
    """What one of our own statements stands for, out of its JSON; nothing else of it is read. Raises ValueError for a foreign one."""
    read = _decode(line)
    record = read.context.extensions.record
    return Stated(name_uuid("fact", record, read.verb.id, read.object.id), record, read.id)


def with_id(line: bytes, statement_id: str) -> bytes:
    """The JSON of a statement under another id."""
    statement = orjson.loads(line)
    statement["id"] = statement_id
    return orjson.dumps(statement)


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
    """The facts of one connection in the state database. As a context manager it keeps one connection to it: opening costs more than a batch."""

    def __init__(self, engine: Engine, connection: str) -> None:
        self._engine = engine
        self._connection = connection
        self._is_sqlite = engine.dialect.name == "sqlite"
        self._insert = (postgresql if engine.dialect.name == "postgresql" else sqlite).insert
        self._held: Connection | None = None

    def __enter__(self) -> Self:
        self._held = self._engine.connect()
        return self

    def __exit__(self, *_: object) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None

    @contextmanager
    def _begin(self) -> Generator[Connection, None, None]:
        """A transaction, on the connection that is kept or on one of its own."""
        if self._held is None:
            with self._engine.begin() as database:
                yield database
        else:
            with self._held.begin():
                yield self._held

    def as_of(self, now: datetime) -> str:
        """When a pull that begins `now` counts as made: after every pull that was loaded before it, even if the clock was turned back meanwhile."""
        with self._engine.connect() as database:
            newest = database.execute(
                select(func.max(state.facts.c.as_of)).where(state.facts.c.connection == self._connection)
            ).scalar()
        text = utc_text(now)
        return text if newest is None or newest < text else utc_text(datetime.fromisoformat(newest) + _A_TICK)

    def decide(self, batch: Sequence[Stated], as_of: str) -> Decided:
        """Decides for a batch and writes it down. `as_of` is when the records were pulled (`2026-11-03T01:00:00.000Z`)."""
        facts = state.facts
        send: list[tuple[int, str]] = []
        void: list[tuple[str, str]] = []
        newest = {
            each.fact: place for place, each in enumerate(batch)
        }  # a fact that comes twice: the later form counts
        superseded = len(batch) - len(newest)
        with self._begin() as database:
            known = {
                row.fact: row
                for row in database.execute(
                    select(facts.c.fact, facts.c.statement_id, facts.c.base_id, facts.c.as_of, facts.c.voided).where(
                        facts.c.connection == self._connection, self._is_among(facts.c.fact, newest)
                    )
                )
            }
            rows: dict[str, dict[str, Any]] = {}
            for fact, place in newest.items():
                row, base = known.get(fact), batch[place].statement_id
                statement_id = base
                if row is not None:
                    if row.as_of > as_of or (row.voided and row.as_of == as_of):
                        superseded += 1
                        continue
                    if row.base_id == base and not row.voided:
                        statement_id = row.statement_id
                    elif row.as_of == as_of and base in self._voided(database, fact):
                        superseded += 1  # an earlier form within the same pull, loaded again after a kill
                        continue
                    else:
                        if not row.voided:
                            void.append((row.statement_id, as_of))
                        statement_id = self._fresh(database, fact, base, [old for old, _ in void])
                send.append((place, statement_id))
                rows[fact] = {
                    "connection": self._connection,
                    "fact": fact,
                    "record": batch[place].record,
                    "statement_id": statement_id,
                    "base_id": base,
                    "as_of": as_of,
                    "voided": False,
                }
            named = {row.statement_id: fact for fact, row in known.items()} if void else {}
            self._write(database, list(rows.values()), void, named)
        return Decided(send, void, superseded)

    def _is_among(self, column: ColumnElement[str], values: Iterable[str]) -> ColumnElement[bool]:
        """`column IN values`; on SQLite as one parameter, since a thousand of them cost more than the look-up."""
        if not self._is_sqlite:
            return column.in_(list(values))
        given = func.json_each(orjson.dumps(list(values)).decode()).table_valued("value")
        return column.in_(select(given.c.value))

    def retract(self, records: Iterable[str], as_of: str) -> list[tuple[str, str]]:
        """Plans the voiding of all that was made of these records; returns (statement id, time)."""
        facts, wanted = state.facts, list(records)
        void: list[tuple[str, str]] = []
        with self._begin() as database:
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
        with self._begin() as database:
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
        rows: list[dict[str, Any]],
        void: list[tuple[str, str]],
        facts_by_statement: dict[Any, str],
    ) -> None:
        if void:
            database.execute(
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
            upsert = upsert.on_conflict_do_update(
                index_elements=["connection", "fact"],
                set_={name: upsert.excluded[name] for name in ("record", "statement_id", "base_id", "as_of", "voided")},
            )
            if not self._is_sqlite:
                database.execute(upsert, rows)
                return
            # the driver takes rows as they are; SQLAlchemy would look at each value of each
            text = str(upsert.compile(dialect=self._engine.dialect, column_keys=list(rows[0])))
            database.exec_driver_sql(text, [tuple(row.values()) for row in rows])
