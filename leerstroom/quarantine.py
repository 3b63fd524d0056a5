"""Quarantine: what could not become a statement or was refused by the LRS, window by window, with the reasons. Counts and reasons only, no record."""

from collections import Counter
from dataclasses import dataclass, field

import orjson

from leerstroom.landing import MANIFEST, Store


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
