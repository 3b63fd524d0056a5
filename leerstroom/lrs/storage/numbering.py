"""Terms as they lie in the database: found by a hash of eight bytes, told apart by their text."""

from collections.abc import Iterable, Mapping

from leerstroom.lrs.storage.database import Connection
from leerstroom.lrs.storage.preparing import digest


def hash_of(term: str) -> int:
    """The number under which a term is looked for."""
    return digest(term.encode())


def numbers(connection: Connection, terms: Mapping[str, int] | Iterable[str]) -> dict[str, int]:
    """Term -> its number, for those that are stored. A mapping gives their hashes too."""
    wanted = terms if isinstance(terms, Mapping) else {term: hash_of(term) for term in terms}
    found = {}
    for number, text in connection.lookup("SELECT term, text FROM terms", "hash", list(wanted.values())):
        term = text.decode()
        if term in wanted:
            found[term] = number
    return found


def about(connection: Connection, terms: Iterable[str]) -> dict[str, bytes | None]:
    """Term -> its definition or names as JSON, for those that occur in statements."""
    wanted = set(terms)
    listed = connection.lookup("SELECT text, about FROM terms", "hash", sorted({hash_of(each) for each in wanted}))
    found = {row[0].decode(): row[1] for row in listed}
    return {term: found[term] for term in wanted if term in found}
