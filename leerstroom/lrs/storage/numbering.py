"""Terms as they lie in the database: found by a hash of eight bytes, told apart by their text."""

from collections.abc import Iterable

from leerstroom.lrs.storage.database import Connection
from leerstroom.lrs.storage.preparing import digest


def hash_of(term: str) -> int:
    """The number under which a term is looked for."""
    return digest(term.encode())


def numbers(connection: Connection, terms: Iterable[str]) -> dict[str, int]:
    """Term -> its number, for those that are stored."""
    wanted = set(terms)
    listed = connection.lookup("SELECT term, text FROM terms", "hash", sorted({hash_of(each) for each in wanted}))
    found = {row[1].decode(): row[0] for row in listed}
    return {term: found[term] for term in wanted if term in found}


def about(connection: Connection, terms: Iterable[str]) -> dict[str, bytes | None]:
    """Term -> its definition or names as JSON, for those that occur in statements."""
    wanted = set(terms)
    listed = connection.lookup("SELECT text, about FROM terms", "hash", sorted({hash_of(each) for each in wanted}))
    found = {row[0].decode(): row[1] for row in listed}
    return {term: found[term] for term in wanted if term in found}
