"""What a person sees: tables and progress on a terminal, plain lines in a pipe."""

import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any

import orjson
import typer

Progress = Callable[[int], None]


def print_json(value: Any) -> None:
    """A value as JSON on standard output, for machines."""
    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode())


def print_table(title: str, columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    """A table on a terminal, tab-separated lines in a pipe."""
    names, lines = list(columns), [["" if value is None else str(value) for value in row] for row in rows]
    if not sys.stdout.isatty():
        for line in (names, *lines):
            typer.echo("\t".join(line))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*names, title=title, title_justify="left")
    for line in lines:
        table.add_row(*line)
    Console().print(table)


@contextmanager
def progress(what: str) -> Generator[Progress, None, None]:
    """A counter with its rate on standard error while the block runs; silent in a pipe."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    with Bar(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.completed:,.0f}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    ) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done: bar.update(task, completed=done)
