"""The store: statements, documents and credentials in one SQLite file or one PostgreSQL database. Knows nothing of HTTP."""

from pathlib import Path

from leerstroom.errors import ConfigurationError
from leerstroom.lrs import times
from leerstroom.lrs.storage.database import Database, migrate, open_database
from leerstroom.lrs.storage.reading import Document, Filter, Reader
from leerstroom.lrs.storage.writing import Conflict, Stored, Unavailable, Vanished, Writer, Writing

__all__ = [
    "Conflict",
    "Document",
    "Filter",
    "Reader",
    "Storage",
    "Stored",
    "Unavailable",
    "Vanished",
    "Writer",
    "Writing",
    "demand_existing",
    "migrate",
    "open_database",
]


def demand_existing(url: str | Path) -> None:
    """Raises ConfigurationError where the SQLite file is not there: who erases or reads in a store that a wrong path just made finds nothing, and is content."""
    path = str(url).removeprefix("sqlite:///")
    if "://" not in path and not Path(path).exists():
        raise ConfigurationError(f"there is no LRS database {path}; name the one that leerstroom lrs serve has")


class Storage:
    """One database, one writer, readers for every thread. Makes or migrates its tables. Raises ConfigurationError when it cannot."""

    def __init__(self, url: str | Path) -> None:
        self.database: Database = open_database(url)
        migrate(self.database)
        self.reader = Reader(self.database)
        self.writer = Writer(self.database)
        self.broken: tuple[type[Exception], ...] = self.reader.connection.broken
        """What reading raises when the database, not the caller, is at fault."""

    def consistent_through(self) -> int:
        """The time in microseconds up to which every later answer is complete: nothing can still be stored at or before it."""
        present = times.now() - 1
        if self.database.kind == "sqlite":
            return max(self.writer.newest, present) if self.writer.idle else self.writer.newest
        return self.database.quiet_through(self.reader.connection, self.reader.newest())

    def close(self) -> None:
        """Ends writer and readers."""
        self.writer.close()
        self.reader.close()
