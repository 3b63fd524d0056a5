"""What is logged while something runs, down to the least, with the values that each line was made of and the exceptions in it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class Heard(logging.Handler):
    """Keeps every line."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter())

    def emit(self, record: logging.LogRecord) -> None:
        """One line."""
        self.lines.append(f"{record.name} {self.format(record)} {record.args}")


@contextmanager
def heard() -> Iterator[Heard]:
    """All that is logged in this process within."""
    made, root = Heard(), logging.getLogger()
    level = root.level
    root.addHandler(made)
    root.setLevel(logging.DEBUG)
    try:
        yield made
    finally:
        root.setLevel(level)
        root.removeHandler(made)
