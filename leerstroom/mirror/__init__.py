"""The mirror: the LRS as columns on disk, and the columns themselves."""

from leerstroom.mirror.store import Mirror, Position

__all__ = ["Mirror", "Position"]
