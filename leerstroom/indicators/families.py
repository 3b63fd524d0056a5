"""The families of the catalogue: importing them registers their indicators, in the order in which they are published."""

from functools import cache
from importlib import import_module

NAMES = (
    "formal", "nonformal", "informal", "network", "continuity", "modes", "generations", "preferences", "community", "organisation", "quality",
)  # fmt: skip


@cache
def load() -> None:
    """Imports every family once."""
    for name in NAMES:
        import_module(f"leerstroom.indicators.{name}")
