"""Re-keying of the store: statements take their next form in the place of the old one, with its time of storing, and no trace of the old one stays.

What a statement's next form is, others say; this room knows nothing of keys. Each batch is one transaction, which also notes how far it came: killed at any point and run
again, every statement goes exactly once. Readers that follow `since` see nothing new, so a mirror must be made anew.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from leerstroom.lrs import terms, times
from leerstroom.lrs.storage import Storage, Writing
from leerstroom.lrs.storage.numbering import about, numbers
from leerstroom.lrs.storage.preparing import Prepared, authority, prepare

_AT_ONCE = 500  # statements in a transaction: others write in between
_TERMS_AT_ONCE = 50_000
_GENERATION, _THROUGH = "generation", "rekeyed_through"

Rekeyed = Callable[[Sequence[dict[str, Any]]], Sequence[dict[str, Any] | None]]
"""The next forms of statements, None for those that stay as they are."""


@dataclass(frozen=True, slots=True)
class Done:
    """How much took its next form."""

    statements: int
    documents: int


def generation_of(storage: Storage) -> int:
    """The generation of keys that the store is under, 1 before the first rotation."""
    return storage.writer.submit(lambda writing: _meta(writing, _GENERATION, 1)).result()


def count(storage: Storage, rekeyed: Rekeyed) -> int:
    """How many statements would take another form, those apart that a run which was killed has done."""
    found, through = 0, storage.writer.submit(lambda writing: _meta(writing, _THROUGH, 0)).result()
    while rows := storage.reader.connection.rows(
        f"SELECT seq, body FROM statements WHERE seq > ? ORDER BY seq LIMIT {_AT_ONCE}", (through,)
    ):
        found += sum(each is not None for each in rekeyed([orjson.loads(row[1]) for row in rows]))
        through = rows[-1][0]
    return found


def rekey(
    storage: Storage,
    generation: int,
    rekeyed: Rekeyed,
    identity: Callable[[str], str],
    progress: Callable[[int], None] = lambda _: None,
) -> Done:
    """Takes the store to `generation`; nothing happens when it is there.

    `identity` gives the next form of an identity; documents go with their Agent where re-keyed statements name the next form, since others' Agents may look like ours.

    Waits for no reader, and others may write meanwhile: what they store comes last.
    """
    if generation_of(storage) >= generation:
        return Done(0, 0)
    statements = 0
    while True:
        seen, done = storage.writer.submit(lambda writing: _some(writing, rekeyed)).result()
        statements += done
        progress(statements)
        if not seen:
            break
    newest = storage.writer.submit(_newest_term).result()
    for first in range(0, newest + 1, _TERMS_AT_ONCE):
        storage.writer.submit(partial(_forget_terms, first=first)).result()
    documents = storage.writer.submit(lambda writing: _rest(writing, generation, identity, statements)).result()
    storage.database.erase_traces()
    return Done(statements, documents)


def _some(writing: Writing, rekeyed: Rekeyed) -> tuple[int, int]:
    """The next 500 statements; (how many were looked at, how many took another form)."""
    rows = writing.connection.rows(
        f"SELECT seq, body FROM statements WHERE seq > ? ORDER BY seq LIMIT {_AT_ONCE}", (_meta(writing, _THROUGH, 0),)
    )
    if not rows:
        return 0, 0
    read = [orjson.loads(row[1]) for row in rows]
    replaced = []
    for (seq, _), old, new in zip(rows, read, rekeyed(read), strict=True):
        if new is not None:
            before = terms.entries(old) | terms.authorities(old)
            replaced.append((seq, before, _prepared(writing, new, before)))
    writing.replace(replaced)
    _set(writing, _THROUGH, rows[-1][0])
    return len(rows), len(replaced)


def _prepared(writing: Writing, new: dict[str, Any], before: set[str]) -> Prepared:
    """The rows of the next form. What it says of activities counts where what the old one said did."""
    by, statement = authority(new["authority"]), {name: value for name, value in new.items() if name not in {"stored", "authority"}}  # fmt: skip
    gone = {entry[1:] for entry in before - terms.entries(statement) if entry[1] == "a"}
    define = any(about(writing.connection, gone).values()) if gone else False
    return prepare(statement, orjson.dumps(statement), by, statement["version"], define=define)


def _newest_term(writing: Writing) -> int:
    return int(writing.connection.rows("SELECT coalesce(max(term), 0) FROM terms")[0][0])


def _forget_terms(writing: Writing, first: int) -> None:
    """Deletes terms of a range that find nothing any more."""
    gone = writing.connection.run(
        "DELETE FROM terms WHERE term >= ? AND term < ? AND NOT EXISTS"
        " (SELECT 1 FROM found_by WHERE entry >= term * 8 AND entry < term * 8 + 8)",
        (first, first + _TERMS_AT_ONCE),
    )
    if gone:
        writing.connection.run("UPDATE meta SET value = value + 1 WHERE name = 'forgotten'")
        writing.forget()


def _rest(writing: Writing, generation: int, identity: Callable[[str], str], statements: int) -> int:
    """Documents, the mark that the store is there, and the audit line."""
    documents = 0
    for (agent,) in writing.connection.rows("SELECT DISTINCT agent FROM documents"):
        told = bytes(agent).decode()
        new = terms.person(identity(told[1:]))
        if new != told and numbers(writing.connection, [new]):
            documents += writing.connection.run("UPDATE documents SET agent = ? WHERE agent = ?", (new.encode(), agent))
    _set(writing, _GENERATION, generation)
    writing.connection.run("DELETE FROM meta WHERE name = ?", (_THROUGH,))
    detail = f"generation {generation} of the pseudonym key: {statements} statements, {documents} documents"
    writing.connection.insert("audit", "at, what, detail", [(times.now(), "re-keying", detail)])
    return documents


def _meta(writing: Writing, name: str, otherwise: int) -> int:
    found = writing.connection.rows("SELECT value FROM meta WHERE name = ?", (name,))
    return int(found[0][0]) if found else otherwise


def _set(writing: Writing, name: str, value: int) -> None:
    if not writing.connection.run("UPDATE meta SET value = ? WHERE name = ?", (value, name)):
        writing.connection.insert("meta", "name, value", [(name, value)])
