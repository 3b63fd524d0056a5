"""The command line: one command a job, each with an example, progress on a terminal, quiet in a pipe, `--json` for machines.

Exit codes: 0 done, 1 something failed, 2 wrong use. An error is one sentence that says what, where and what to do.
"""

import logging
import sys
import traceback
from pathlib import PurePath
from typing import NoReturn

import typer

from leerstroom import __version__
from leerstroom.cli import (
    directory,
    indicators,
    lrs,
    people,
    pipeline,
    quarantine,
    retention,
    setting_up,
    sources,
    statements,
    subject,
)
from leerstroom.errors import LeerstroomError

app = typer.Typer(
    name="leerstroom",
    help="See how an organisation really learns: activity of every platform as xAPI, learning indicators each night.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

for room in (
    setting_up,
    sources,
    pipeline,
    quarantine,
    statements,
    indicators,
    lrs,
    directory,
    subject,
    people,
    retention,
):
    room.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"leerstroom {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and stop."
    ),
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Log each stage to standard error."),
) -> None:
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )


def main() -> None:
    """Entry point `leerstroom`."""
    try:
        app()
    except LeerstroomError as error:
        sys.stderr.write(f"leerstroom: {error}\n")
        sys.exit(1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        if error.strerror is None:
            _unexpected(error)
        where = f"{error.filename}: " if error.filename else ""
        sys.stderr.write(f"leerstroom: {where}{error.strerror}; check the path, its rights and the disk\n")
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - whatever it is, it ends in a sentence
        _unexpected(error)


_OF_THE_DISK = {
    ("sqlite3", "OperationalError"),
    ("_duckdb", "IOException"),
    ("duckdb", "IOException"),
}  # they tell of files, not of what is in them


def _unexpected(error: Exception) -> NoReturn:
    """Where it happened and no more: the text of an error that nobody expected may quote a person. With --verbose all of it."""
    if logging.getLogger().isEnabledFor(logging.INFO):
        raise error
    root = PurePath(__file__).parents[2]
    own = (str(root / "leerstroom"), str(root / "connectors"))
    frames = traceback.extract_tb(error.__traceback__)
    frame = next((each for each in reversed(frames) if each.filename.startswith(own)), frames[-1])
    place = f"{PurePath(frame.filename).name}:{frame.lineno}"
    if (type(error).__module__, type(error).__name__) in _OF_THE_DISK:
        sys.stderr.write(f"leerstroom: a database at {place}: {error}; check the disk and the rights\n")
        sys.exit(1)
    sys.stderr.write(
        f"leerstroom: an error that nobody expected ({type(error).__name__} in {place}); run it again with leerstroom --verbose in front to see all of it, and report it\n"
    )
    sys.exit(1)


if __name__ == "__main__":
    main()
