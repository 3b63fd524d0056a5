"""The one writer: batches that wait together are committed together, each whole or not at all; the answer leaves after the commit is on disk.

What it remembers (terms and their numbers, what is known about activities) is bounded and dropped whenever a transaction fails or another process deletes terms.
"""

import logging
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from leerstroom.lrs import terms, times
from leerstroom.lrs.comparing import same
from leerstroom.lrs.definitions import merged
from leerstroom.lrs.storage.database import Connection, Database, Row
from leerstroom.lrs.storage.numbering import hash_of, numbers
from leerstroom.lrs.storage.preparing import Prepared

logger = logging.getLogger(__name__)

_TOGETHER = 64  # batches in a commit at most: bounds what a commit holds and how long the first of them waits
_REMEMBERED = 100_000  # terms and entries, about 25 MB
T = TypeVar("T")


class Conflict(Exception):
    """Another statement is stored under this id."""

    def __init__(self, statement_id: str) -> None:
        super().__init__(f"another statement is stored under the id {statement_id}")
        self.statement_id = statement_id


class Vanished(Exception):
    """A statement that was stored a moment ago was erased meanwhile."""


class Unavailable(Exception):
    """The database did not take the transaction; nothing of it is stored."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What a batch led to."""

    ids: list[str]
    new: int


class Writing:
    """What a job may do inside the writer's transaction."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.newest = 0
        self.present = 0
        self._terms: dict[str, int] = {}  # entries too: term number * 8 + role
        self._about: dict[int, int] = {}  # term -> hash of the last description seen
        self._next_term = 0
        self._forgotten = -1
        self._has_references = False

    def enter(self, present: int) -> None:
        """At the start of each transaction: sees what other processes did meanwhile."""
        self.present = present
        newest, forgotten, next_term, references = self.connection.rows(
            "SELECT (SELECT max(seq) FROM statements), (SELECT value FROM meta WHERE name = 'forgotten'), (SELECT max(term) FROM terms),"
            " (SELECT 1 FROM statements WHERE target IS NOT NULL LIMIT 1)"
        )[0]
        self.newest = max(self.newest, newest or 0)
        self._next_term = (next_term or 0) + 1
        self._has_references = bool(references)
        if forgotten != self._forgotten or len(self._terms) > _REMEMBERED:
            self._forgotten = forgotten
            self.forget()

    def forget(self) -> None:
        """Drops what is remembered, which may not be so any more."""
        self._terms.clear()
        self._about.clear()

    def tick(self) -> int:
        """The next `seq`: now, and more than any before."""
        self.newest = max(self.newest + 1, self.present, times.now() if self.present else 0)
        return self.newest

    # --- statements ----------------------------------------------------------------------------------------------------------------

    def store(self, batch: Sequence[Prepared], contents: Sequence[tuple[str, str, bytes]] = ()) -> Stored:
        """Stores a batch: known and equal statements are accepted silently, a different one raises Conflict.

        `contents` are (sha2, content type, content) of attachments.
        """
        known = {
            row[0]: row
            for row in self.connection.lookup(
                "SELECT id, digest, seq FROM statements", "id", [each.key for each in batch]
            )
        }
        fresh = [each for each in batch if each.key not in known]
        if known:
            self._compare(batch, known)
        if not fresh:
            return Stored([each.id for each in batch], 0)
        if not all(each.body for each in fresh):
            raise Vanished
        known_terms = self._numbers(fresh)
        rows: list[Row] = []
        index: list[Row] = []
        for each in fresh:
            seq = self.tick()
            stored = times.text(seq).encode()
            end = b',"stored":"' + stored + b'"}'
            if not each.timed:
                end = b',"timestamp":"' + stored + b'"' + end
            verb = known_terms[each.verb]
            rows.append((seq, each.key, each.digest, 0, int(each.voiding), verb, each.target, each.body + end))
            index.append((verb * 8 + terms.VERB, seq, 0, verb))
            for entry in each.entries:
                index.append((known_terms[entry], seq, 0, verb))  # noqa: PERF401 - measured: no faster as a comprehension
        index.sort()  # neighbours in the tree one after another: fewer pages in the hand at once
        self.connection.insert("statements", "seq, id, digest, voided, voiding, verb, target, body", rows)
        self.connection.insert("found_by", "entry, seq, via, verb", index)
        self._attach(fresh, rows, contents)
        if self._has_references or any(each.target for each in fresh):
            self._has_references = True
            self._link(fresh, rows)
        return Stored([each.id for each in batch], len(fresh))

    def _compare(self, batch: Iterable[Prepared], known: dict[bytes, Row]) -> None:
        for each in batch:
            held = known.get(each.key)
            if held is not None and held[1] != each.digest:
                [(body,)] = self.connection.rows("SELECT body FROM statements WHERE seq = ?", (held[2],))
                if not same(each.statement, orjson.loads(body)):
                    raise Conflict(each.id)

    def _attach(
        self, fresh: Sequence[Prepared], rows: Sequence[Row], contents: Sequence[tuple[str, str, bytes]]
    ) -> None:
        if contents:
            held = {
                row[0]
                for row in self.connection.lookup(
                    "SELECT sha2 FROM attachments", "sha2", [each[0] for each in contents]
                )
            }
            self.connection.insert(
                "attachments", "sha2, content_type, content", [each for each in contents if each[0] not in held]
            )
        links = {(row[0], sha2) for each, row in zip(fresh, rows, strict=True) for sha2 in each.attachments}
        self.connection.insert("attached", "seq, sha2", sorted(links))

    def replace(self, replaced: Sequence[tuple[int, set[str], Prepared]]) -> None:
        """Puts statements in the places of others: (its `seq`, the entries of the old one without its verb, the new one, of the same verb).

        Time of storing, attachments and whether it is voided stay. What pointed at the old one points at the new one as soon as it is replaced too, whichever comes first.
        """
        known = self._numbers([each for _, _, each in replaced])
        for seq, before, each in replaced:
            [(key, body)] = self.connection.rows("SELECT id, body FROM statements WHERE seq = ?", (seq,))
            stored = orjson.loads(body)["stored"]
            gone = numbers(self.connection, {entry[1:] for entry in before - each.entries})
            out = [gone[entry[1:]] * 8 + int(entry[0]) for entry in before - each.entries if entry[1:] in gone]
            into = [known[entry] for entry in each.entries - before]
            places = [(seq, 0)]
            if self._has_references:
                above = dict.fromkeys((*self.pointing(key), *self.pointing(each.key)))
                places += [(number, seq) for number in above if number != seq]
            for number, via in places:
                for entry in out:
                    self.connection.run(
                        "DELETE FROM found_by WHERE entry = ? AND seq = ? AND via = ?", (entry, number, via)
                    )
            verb = known[each.verb]
            rows = sorted((entry, number, via, verb) for number, via in places for entry in into)
            self.connection.insert("found_by", "entry, seq, via, verb", rows)
            self.connection.run(
                "UPDATE statements SET id = ?, digest = ?, target = ?, body = ? WHERE seq = ?",
                (each.key, each.digest, each.target, each.body + b',"stored":"' + stored.encode() + b'"}', seq),
            )

    # --- terms ------------------------------------------------------------------------------------------------------------------------

    def _numbers(self, fresh: Sequence[Prepared]) -> dict[str, int]:
        """The number of every entry and verb; new terms get one. What statements say about activities and people is merged into what is known."""
        remembered = self._terms
        entries = [entry for each in fresh for entry in each.entries if entry not in remembered]
        verbs = [each.verb for each in fresh if each.verb not in remembered]
        if entries or verbs:
            self._number({entry[1:] for entry in entries}.union(verbs), fresh)
            for entry in entries:
                remembered[entry] = remembered[entry[1:]] * 8 + int(entry[0])
        said: dict[str, list[bytes]] = {}
        for each in fresh:
            for term, what in each.about:
                number = remembered.get(term)
                if number is None:
                    number = self._number({term}, ())[term]
                if self._about.get(number) != hash(what):
                    said.setdefault(term, []).append(what)
        if said:
            self._learn(said)
        return remembered

    def _number(self, wanted: set[str], fresh: Sequence[Prepared]) -> dict[str, int]:
        """Numbers for terms that are not remembered, new ones with what the batch says about them."""
        remembered = self._terms
        hashes = {term: hash_of(term) for term in wanted if term not in remembered}
        remembered.update(numbers(self.connection, hashes))
        missing = [term for term in hashes if term not in remembered]
        if not missing:
            return remembered
        said: dict[str, list[bytes]] = {term: [] for term in missing}
        for each in fresh:
            for term, what in each.about:
                if term in said and what not in said[term]:
                    said[term].append(what)
        rows: list[Row] = []
        for number, term in enumerate(missing, self._next_term):
            remembered[term] = number
            heard = said[term]
            if heard:
                self._about[number] = hash(heard[-1])
            rows.append((number, hashes[term], term.encode(), _together(None, heard)))
        self._next_term += len(rows)
        self.connection.insert("terms", "term, hash, text, about", rows)
        return remembered

    def _learn(self, said: dict[str, list[bytes]]) -> None:
        heard_of = {self._terms[term]: heard for term, heard in said.items()}
        for number, before in self.connection.lookup("SELECT term, about FROM terms", "term", list(heard_of)):
            heard = heard_of[number]
            after = _together(before, heard)
            if after != before:
                self.connection.run("UPDATE terms SET about = ? WHERE term = ?", (after, number))
            self._about[number] = hash(heard[-1])
        if len(self._about) > _REMEMBERED:
            self._about.clear()

    # --- references ----------------------------------------------------------------------------------------------------------------------

    def _link(self, fresh: Sequence[Prepared], rows: Sequence[Row]) -> None:
        """Applies voidings, and lets statements that point at others be found by what those are found by, in whatever order they came."""
        keys = [each.key for each in fresh]
        pointed = {row[0] for row in self.connection.lookup("SELECT target FROM statements", "target", keys)}
        for each, row in zip(fresh, rows, strict=True):
            seq = row[0]
            if each.target is not None:
                if each.voiding:
                    self.connection.run("UPDATE statements SET voided = 1 WHERE id = ? AND voiding = 0", (each.target,))
                self._inherit([seq], self._chain(each.target, {each.key}))
            if each.key in pointed:
                if not each.voiding and self.connection.rows(
                    "SELECT 1 FROM statements WHERE target = ? AND voiding = 1", (each.key,)
                ):
                    self.connection.run("UPDATE statements SET voided = 1 WHERE seq = ?", (seq,))
                above = [number for number in self.pointing(each.key) if number != seq]
                self._inherit(above, self._chain(each.key, set()))

    def _chain(self, key: bytes | None, seen: set[bytes]) -> list[tuple[int, dict[str, Any]]]:
        """(seq, statement) of the statement and of those that it points at, one after another."""
        found = []
        while key is not None and key not in seen:
            seen.add(key)
            listed = self.connection.rows("SELECT seq, body, target FROM statements WHERE id = ?", (key,))
            if not listed:
                break
            seq, body, key = listed[0]
            found.append((seq, orjson.loads(body)))
        return found

    def chain_from(self, seq: int) -> list[tuple[int, dict[str, Any]]]:
        """(seq, statement) of those that a statement points at, one after another, without itself."""
        [(key, target)] = self.connection.rows("SELECT id, target FROM statements WHERE seq = ?", (seq,))
        return self._chain(target, {key})

    def pointing(self, key: bytes) -> list[int]:
        """All that point at a statement, directly or through others."""
        found, below, seen = [], [key], {key}
        while below:
            for seq, upper in self.connection.rows("SELECT seq, id FROM statements WHERE target = ?", (below.pop(),)):
                if upper not in seen:
                    seen.add(upper)
                    below.append(upper)
                    found.append(seq)
        return found

    def _inherit(self, seqs: Sequence[int], chain: Sequence[tuple[int, dict[str, Any]]]) -> None:
        for via, statement in chain:
            verb_term = terms.verb(statement["verb"]["id"])
            entries = terms.entries(statement) | terms.authorities(statement)
            known = self._number({entry[1:] for entry in entries} | {verb_term}, ())
            verb = known[verb_term]
            inherited = [known[entry[1:]] * 8 + int(entry[0]) for entry in entries] + [verb * 8 + terms.VERB]
            for seq in seqs:
                if seq == via:
                    continue
                listed = ",".join(map(str, inherited))
                held = {
                    row[0]
                    for row in self.connection.rows(
                        f"SELECT entry FROM found_by WHERE entry IN ({listed}) AND seq = ? AND via = ?", (seq, via)
                    )
                }
                self.connection.insert(
                    "found_by",
                    "entry, seq, via, verb",
                    sorted((entry, seq, via, verb) for entry in inherited if entry not in held),
                )


def _together(before: bytes | None, heard: Sequence[bytes]) -> bytes | None:
    if before is None and len(heard) < 2:
        return heard[0] if heard else None
    known = orjson.loads(before) if before else {}
    for each in heard:
        known = merged(known, orjson.loads(each))
    return orjson.dumps(known)


Job = Callable[[Writing], Any]


class Writer:
    """A thread with the only writing connection of this process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs: queue.SimpleQueue[tuple[Job, Future[Any]] | None] = queue.SimpleQueue()
        self._connection = database.connect(writing=True)
        self._writing = Writing(self._connection)
        self._busy = False
        self.newest: int = self._connection.rows("SELECT coalesce(max(seq), 0) FROM statements")[0][0]
        self._thread = threading.Thread(target=self._loop, name="lrs-writer", daemon=True)
        self._thread.start()

    def submit(self, job: "Callable[[Writing], T]") -> "Future[T]":
        """Runs a job in a transaction; the future is done after the commit. An exception of the job undoes what the job did, nothing else."""
        future: Future[T] = Future()
        self._jobs.put((job, future))
        return future

    @property
    def alive(self) -> bool:
        """Whether writes are taken."""
        return self._thread.is_alive()

    @property
    def idle(self) -> bool:
        """Whether nothing is being written or waits for it."""
        return not self._busy and self._jobs.empty()

    def close(self) -> None:
        """Ends after what waits was written."""
        self._jobs.put(None)
        self._thread.join(30)

    def _loop(self) -> None:
        ending = False
        while not ending:
            self._busy = False
            first = self._jobs.get()
            self._busy = True
            if first is None:
                break
            waiting = [first]
            while len(waiting) < _TOGETHER:
                try:
                    following = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    ending = True
                    break
                waiting.append(following)
            self._together(waiting)
        self._connection.close()

    def _together(self, waiting: Sequence[tuple[Job, "Future[Any]"]]) -> None:
        outcomes: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            self._writing.enter(self._connection.begin())
            for job, future in waiting:
                outcomes.append((future, *self._attempt(job)))
            self._connection.commit()
        except BaseException as error:  # noqa: BLE001 - whatever happens, those who wait are told
            self._failed(error, waiting)
            return
        self.newest = self._writing.newest
        for future, result, failure in outcomes:
            if failure is None:
                future.set_result(result)
            else:
                future.set_exception(failure)

    def _attempt(self, job: Job) -> tuple[Any, BaseException | None]:
        """(result, failure) of a job inside its savepoint."""
        self._connection.savepoint()
        try:
            result = job(self._writing)
        except self._connection.broken:
            raise
        except Exception as error:  # noqa: BLE001 - told to the one who asked; the others' batches stand
            self._connection.undo()
            self._connection.release()
            self._writing.forget()
            return None, error
        self._connection.release()
        return result, None

    def _failed(self, error: BaseException, waiting: Sequence[tuple[Job, "Future[Any]"]]) -> None:
        logger.error("a transaction of %d jobs failed and was undone: %s", len(waiting), type(error).__name__)
        self._writing.forget()
        try:
            self._connection.rollback()
            usable = self._connection.usable
        except Exception:  # noqa: BLE001 - the connection is gone; a new one follows
            usable = False
        if not usable:
            self._reconnect()
        for _, future in waiting:
            failure = Unavailable("the database did not take the transaction; nothing of it is stored, send it again")
            failure.__cause__ = error
            future.set_exception(failure)

    def _reconnect(self) -> None:
        try:
            self._connection.close()
            self._connection = self._database.connect(writing=True)
            self._writing = Writing(self._connection)
        except Exception as error:  # noqa: BLE001 - the next transaction tries again
            logger.error("no connection to the database: %s", type(error).__name__)  # noqa: TRY400 - the trace may hold values
