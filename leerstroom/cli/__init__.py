"""The command line: one command a job, each with an example, progress on a terminal, quiet in a pipe, `--json` for machines.

Exit codes: 0 done, 1 something failed, 2 wrong use. An error is one sentence that says what, where and what to do.
"""

import sys

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
    import logging

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


if __name__ == "__main__":
    main()
