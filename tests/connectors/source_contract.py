"""The contract of all sources, with the recordings of this checkout; what it demands stands in `connectors.contract`."""

from pathlib import Path

from connectors.contract import (
    HOME_PAGE,
    KEY,
    SourceContract,
    check_pair,
    completed,
    landed,
    mapped,
    people_of,
    statements_of,
)
from connectors.contract import pairs as pairs_of

RECORDINGS = Path(__file__).resolve().parents[1] / "recordings"

__all__ = [
    "HOME_PAGE",
    "KEY",
    "RECORDINGS",
    "SourceContract",
    "check_pair",
    "completed",
    "landed",
    "mapped",
    "pairs",
    "people_of",
    "statements_of",
]


def pairs(source: str) -> list[Path]:
    """The pairs of one of our sources: `tests/recordings/<source>/pairs/*.json`."""
    return pairs_of(RECORDINGS / source)
