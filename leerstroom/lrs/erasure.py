"""Erasure: all that concerns one person leaves the store for good, and an audit line without personal data stays.

"Concerns" is wide on purpose: every statement in which the person stands as actor, object, member of a group, instructor, team, context agent or inside a
SubStatement, the person's state and profile documents, attachments that no other statement needs, and the names that were heard. Statements that the person merely
stored (as the credential behind the authority) are others'.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from leerstroom.errors import ConfigurationError, InvalidStatement
from leerstroom.lrs import terms, times
from leerstroom.lrs.documents import Kind
from leerstroom.lrs.storage import Storage, Writing
from leerstroom.lrs.storage.numbering import numbers
from leerstroom.statements.validation import validate_actor

_AT_ONCE = 500  # statements in a transaction: others write in between


@dataclass(frozen=True, slots=True)
class Erased:
    """How much was deleted."""

    statements: int
    documents: int
    attachments: int


def identity_of(text: str) -> str:
    """An Agent as JSON, or an identity as the mirror writes it, as an identity. Raises ConfigurationError for what is neither."""
    if text.startswith(("account|", "mbox|", "mbox_sha1sum|", "openid|")):
        kind, _, rest = text.partition("|")
        return f"mbox|{rest.lower()}" if kind == "mbox" else text
    try:
        agent = orjson.loads(text)
        validate_actor(agent)
        identity = terms.agent_identity(agent)
    except (orjson.JSONDecodeError, InvalidStatement):
        identity = None
    if identity is None:
        raise ConfigurationError(
            "name the person as an Agent in JSON, or as account|HOMEPAGE|NAME, mbox|ADDRESS, mbox_sha1sum|HASH or openid|IRI"
        )
    return identity


def held_documents(storage: Storage, identity: str) -> list[dict[str, Any]]:
    """The person's state and profile documents: their resource, activity, name, type and content (text, or bytes as Latin-1)."""
    rows = storage.reader.connection.rows(
        "SELECT kind, activity, name, content_type, content FROM documents WHERE agent = ? ORDER BY 1, 2, 3",
        (terms.person(identity).encode(),),
    )
    return [
        {
            "resource": Kind(kind).name.lower(),
            "activity": activity.decode()[1:],  # without the letter that says which sort of term it is
            "id": name.decode(),
            "content_type": content_type,
            "content": _readable(bytes(content)),
        }
        for kind, activity, name, content_type, content in rows
    ]


def _readable(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def erase(storage: Storage, identity: str) -> Erased:
    """Deletes what concerns the person; the rows are overwritten where the database can. Safe to run again after an interruption."""
    term = terms.person(identity)
    statements = attachments = 0
    while True:
        gone, files = storage.writer.submit(lambda writing: _some(writing, term)).result()
        statements, attachments = statements + gone, attachments + files
        if gone < _AT_ONCE:
            break
    documents = storage.writer.submit(lambda writing: _rest(writing, term, statements)).result()
    storage.database.erase_traces()
    return Erased(statements, documents, attachments)


def erase_before(storage: Storage, moment: datetime, *, dry_run: bool = False) -> int:
    """Deletes statements that were stored before `moment` (aware), or only counts them; returns how many. Documents stay: they are the present state."""
    before = int(moment.timestamp() * 1_000_000)

    def some(writing: Writing) -> int:
        seqs = [
            row[0]
            for row in writing.connection.rows(
                f"SELECT seq FROM statements WHERE seq < ? ORDER BY seq LIMIT {_AT_ONCE}", (before,)
            )
        ]
        _delete(writing, seqs)
        return len(seqs)

    def number(writing: Writing) -> int:
        return int(writing.connection.rows("SELECT count(*) FROM statements WHERE seq < ?", (before,))[0][0])

    def audit(writing: Writing) -> None:
        writing.connection.run("UPDATE meta SET value = value + 1 WHERE name = 'forgotten'")
        writing.forget()
        detail = f"retention: {statements} statements stored before {moment:%Y-%m-%d}"
        writing.connection.insert("audit", "at, what, detail", [(times.now(), "erasure", detail)])

    statements = storage.writer.submit(number).result()
    if statements and not dry_run:
        while storage.writer.submit(some).result() == _AT_ONCE:
            pass
        storage.writer.submit(audit).result()
        storage.database.erase_traces()
    return statements


def _number(writing: Writing, term: str) -> int | None:
    return numbers(writing.connection, [term]).get(term)


def _some(writing: Writing, term: str) -> tuple[int, int]:
    """Deletes up to 500 statements; (how many, how many attachments went with them)."""
    number = _number(writing, term)
    if number is None:
        return 0, 0
    entries = (number * 8 + terms.AGENT, number * 8 + terms.RELATED_AGENT)
    seqs = [
        row[0]
        for row in writing.connection.rows(
            f"SELECT DISTINCT seq FROM found_by WHERE entry IN (?, ?) AND via = 0 LIMIT {_AT_ONCE}", entries
        )
    ]
    return len(seqs), _delete(writing, seqs)


def _delete(writing: Writing, seqs: Sequence[int]) -> int:
    """Deletes these statements with all that finds them; how many attachments went with them."""
    if not seqs:
        return 0
    files = {row[0] for row in writing.connection.lookup("SELECT sha2 FROM attached", "seq", seqs)}
    for seq, key, body, verb in writing.connection.lookup("SELECT seq, id, body, verb FROM statements", "seq", seqs):
        statement = orjson.loads(body)
        _forget_place(writing, statement, verb, [(seq, 0)])
        _forget_references(writing, seq, key, statement, verb)
        writing.connection.run("DELETE FROM attached WHERE seq = ?", (seq,))
        writing.connection.run("DELETE FROM statements WHERE seq = ?", (seq,))
    unneeded = [
        sha2 for sha2 in files if not writing.connection.rows("SELECT 1 FROM attached WHERE sha2 = ? LIMIT 1", (sha2,))
    ]
    for sha2 in unneeded:
        writing.connection.run("DELETE FROM attachments WHERE sha2 = ?", (sha2,))
    return len(unneeded)


def _entries(writing: Writing, statement: dict[str, Any], verb: int) -> list[int]:
    wanted = terms.entries(statement) | terms.authorities(statement)
    found = numbers(writing.connection, {entry[1:] for entry in wanted})
    return [found[entry[1:]] * 8 + int(entry[0]) for entry in wanted if entry[1:] in found] + [verb * 8 + terms.VERB]


def _forget_place(writing: Writing, statement: dict[str, Any], verb: int, places: Iterable[tuple[int, int]]) -> None:
    for entry in _entries(writing, statement, verb):
        for seq, via in places:
            writing.connection.run("DELETE FROM found_by WHERE entry = ? AND seq = ? AND via = ?", (entry, seq, via))


def _forget_references(writing: Writing, seq: int, key: bytes, statement: dict[str, Any], verb: int) -> None:
    """Statements that pointed here are no longer found by what stood here; what was found through this one is no longer found by what it pointed at."""
    above: Sequence[int] = writing.pointing(key)
    if above:
        _forget_place(writing, statement, verb, [(each, seq) for each in above])
    for via, pointed in writing.chain_from(seq):
        inherited_verb = writing.connection.rows("SELECT verb FROM statements WHERE seq = ?", (via,))[0][0]
        _forget_place(writing, pointed, inherited_verb, [(seq, via), *((each, via) for each in above)])


def _rest(writing: Writing, term: str, statements: int) -> int:
    """Documents, the term with its names, and the audit line."""
    documents = writing.connection.run("DELETE FROM documents WHERE agent = ?", (term.encode(),))
    number = _number(writing, term)
    if number is not None:
        left = writing.connection.rows(
            "SELECT 1 FROM found_by WHERE entry = ? LIMIT 1", (number * 8 + terms.AUTHORITY,)
        )
        if left:
            writing.connection.run("UPDATE terms SET about = NULL WHERE term = ?", (number,))
        else:
            writing.connection.run("DELETE FROM terms WHERE term = ?", (number,))
    writing.connection.run("UPDATE meta SET value = value + 1 WHERE name = 'forgotten'")
    writing.forget()
    reference = hashlib.blake2b(str(times.now()).encode(), digest_size=6).hexdigest()
    detail = f"one person: {statements} statements, {documents} documents; reference {reference}"
    writing.connection.insert("audit", "at, what, detail", [(times.now(), "erasure", detail)])
    return documents
