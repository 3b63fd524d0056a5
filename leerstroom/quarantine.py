"""Quarantine: what could not become a statement or was refused by the LRS, window by window, with the reasons.

Nothing leaves it by a rerun alone: an entry goes when its record or statement came up again and went well, else it stays until its retention ends.
"""

from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import orjson

from leerstroom.landing import MANIFEST, LineWriter, Store

VOIDS = "voids"  # field of an entry: the statement that a refused voiding was to void


@dataclass(slots=True)
class Held:
    """What quarantine holds of one pulled window: `reasons` counts records by (stage, reason)."""

    source: str
    connection: str
    window: str
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def landing(self) -> str:
        """The landing folder of the window, relative to the data root."""
        return f"landing/{self.source}/{self.connection}/{self.window}"

    @property
    def records(self) -> int:
        """How many records are held."""
        return self.reasons.total()


def held(store: Store, connection: str | None = None) -> list[Held]:
    """All windows of which something is held, of one connection or of all, the oldest first."""
    found: dict[str, Held] = {}
    for path in store.files("quarantine", ".jsonl.zst"):
        _, source, name, window, _ = path.split("/")
        if connection is not None and name != connection:
            continue
        for line in store.lines(path):
            entry = orjson.loads(line)
            one = found.setdefault(f"{source}/{name}/{window}", Held(source, name, window))
            one.reasons[str(entry.get("stage")), str(entry.get("reason"))] += 1
    return sorted(found.values(), key=lambda each: (each.window, each.connection))


def can_be_replayed(store: Store, one: Held) -> bool:
    """Whether the window's landing is still there: a record is mapped among its neighbours, never alone."""
    return store.read_json(f"{one.landing}/{MANIFEST}") is not None


class Rewritten:
    """A quarantine file while its stage runs again: new entries, and the old ones of which nothing was heard."""

    def __init__(self, writer: LineWriter, waiting: set[tuple[str, str]]) -> None:
        self._writer = writer
        self.waiting = waiting  # (kind, key) of old entries that did not come up yet; a statement has no kind

    def came_up(self, key: str, kind: str = "") -> None:
        """The record or statement is tried again: its old entry no longer counts."""
        self.waiting.discard((kind, key))

    def write(self, entry: Mapping[str, object]) -> None:
        """A new entry; it takes the place of the old one."""
        self.waiting.discard(_identity(entry))
        self._writer.write(entry)


@contextmanager
def rewriting(store: Store, path: str) -> Generator[Rewritten, None, None]:
    """Replaces a quarantine file when the block ends well. Old entries that did not come up are kept as they are, after the new ones.

    A refused voiding is kept by the facts, which send it again with each load until it is accepted, so its old entry goes.
    """
    waiting = {_identity(entry) for line in _old(store, path) if VOIDS not in (entry := orjson.loads(line))}
    with store.writer(path) as writer:
        rewritten = Rewritten(writer, waiting)
        yield rewritten
        for line in _old(store, path) if rewritten.waiting else ():
            if _identity(orjson.loads(line)) in rewritten.waiting:
                writer.write_bytes(line)


def _identity(entry: Mapping[str, object]) -> tuple[str, str]:
    return str(entry.get("kind", "")), str(entry["key"])


def _old(store: Store, path: str) -> Iterator[bytes]:
    return store.lines(path) if store.has(path) else iter(())
