"""`leerstroom sources`, `replay`, `generate`: what platforms there are, and recorded or made ones to try it on."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from leerstroom.cli.terminal import print_json, print_table, progress
from leerstroom.errors import LeerstroomError


def register(app: typer.Typer) -> None:
    """Adds this room's commands."""
    app.command(epilog="Example: leerstroom sources zoom")(sources)
    app.command(epilog="Example: leerstroom replay tests/recordings/demo --port 8900")(replay)
    app.command(epilog="Example: leerstroom generate load --employees 1000 --days 28 --records 100000")(generate)


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
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one and prints it.")] = 8900,
) -> None:
    """Serves recorded exchanges as the platforms' APIs, statefully: paging, cursors, limits, faults."""
    from leerstroom.replay import serve

    serve(recordings, host=host, port=port)


def generate(
    folder: Annotated[Path, typer.Argument(help="Where to write it; a folder that does not exist yet, or is empty.")],
    employees: Annotated[int, typer.Option(help="How many people, 20 at least.", min=20)] = 1000,
    days: Annotated[int, typer.Option(help="How many days.", min=1)] = 28,
    records: Annotated[int, typer.Option(help="About how many records in all.", min=1)] = 100_000,
    platforms: Annotated[
        str, typer.Option(help="Which platforms, separated by commas.")
    ] = "matrix,moodle,zoom,openedx,sheet",
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last local day; yesterday by default.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another number makes another organisation.")] = 1,
    address: Annotated[str, typer.Option(help="Where the recordings will be served.")] = "http://127.0.0.1:8900",
    json: Annotated[bool, typer.Option("--json", help="For a machine.")] = False,
) -> None:
    """Writes an organisation that never was: recordings for `leerstroom replay`, employees, settings, and truth.json with what must be found."""
    from leerstroom.replay.organisation import Plan
    from leerstroom.replay.organisation import generate as generate_organisation

    plan = Plan(
        employees=employees,
        days=days,
        records=records,
        platforms=tuple(each.strip() for each in platforms.split(",") if each.strip()),
        until=until.date() if until else date.today() - timedelta(days=1),  # noqa: DTZ011 - local days
        seed=seed,
    )
    with progress("records") as counter:
        truth = generate_organisation(folder, plan, address=address, progress=counter)
    if json:
        print_json(truth)
        return
    typer.echo(
        f"{truth['records']} records of {plan.first_day} to {plan.until} in {folder}; truth.json says what must be found"
    )
    typer.echo(f"serve them: leerstroom replay {folder}   pull them: leerstroom nightly --settings {folder}/leerstroom.yaml --from {plan.first_day} --to {plan.until}")  # fmt: skip
