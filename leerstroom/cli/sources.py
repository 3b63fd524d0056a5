"""`leerstroom sources`, `replay`: what platforms there are, and recorded ones to try it on."""

from pathlib import Path
from typing import Annotated

import typer

from leerstroom.cli.terminal import print_json, print_table
from leerstroom.errors import LeerstroomError


def register(app: typer.Typer) -> None:
    """Adds this room's commands."""
    app.command(epilog="Example: leerstroom sources zoom")(sources)
    app.command(epilog="Example: leerstroom replay tests/recordings/demo --port 8900")(replay)


def sources(
    name: Annotated[str | None, typer.Argument(help="Show one source in full.")] = None,
    json: Annotated[bool, typer.Option("--json", help="For a machine.")] = False,
) -> None:
    """The sources: record kinds, settings, and how each was verified."""
    from connectors.source import installed, load

    if name:
        typer.echo(load(name).documentation())
        return
    found = []
    for each in installed():
        try:
            source = load(each)
            found.append({
                "name": each,
                "title": source.title,
                "kind": str(source.kind),
                "records": list(source.record_kinds),
                "settings": [setting.name for setting in source.settings],
                "verified": str(source.verified),
            })
        except LeerstroomError as error:
            found.append({
                "name": each,
                "title": str(error),
                "kind": "",
                "records": [],
                "settings": [],
                "verified": "broken",
            })
    if json:
        print_json(found)
    else:
        print_table(
            "Sources",
            ("name", "platform", "kind", "records", "verified"),
            ((row["name"], row["title"], row["kind"], ", ".join(row["records"]), row["verified"]) for row in found),
        )


def replay(
    recordings: Annotated[
        Path, typer.Argument(help="Folder of recorded platforms, a folder each.", exists=True, file_okay=False)
    ],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one and prints it.")] = 8900,
) -> None:
    """Serves recorded exchanges as the platforms' APIs, statefully: paging, cursors, limits, faults."""
    from leerstroom.replay import serve

    serve(recordings, host=host, port=port)
