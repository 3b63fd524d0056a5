"""The contract of all sources, with the recordings of this checkout; what it demands stands in `connectors.contract`."""

from pathlib import Path

import pytest

from connectors import contract
from connectors.contract import HOME_PAGE, KEY, check_pair, completed, landed, mapped, people_of, statements_of
from connectors.contract import pairs as pairs_of
from leerstroom.replay import Running

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


class SourceContract(contract.SourceContract):
    """The contract of ours, whose recordings must tell of two moments: a test that proves nothing would be passed over."""

    def test_the_look_back_brings_again_what_was_there_under_the_same_ids(self, server: Running | None) -> None:
        try:
            super().test_the_look_back_brings_again_what_was_there_under_the_same_ids(server)
        except pytest.skip.Exception as passed_over:
            pytest.fail(str(passed_over))
