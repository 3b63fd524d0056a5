"""`leerstroom quarantine list` and `leerstroom quarantine replay`: what could not become a statement, and another try when its cause is mended."""

from typing import Annotated

import typer

from leerstroom.cli.pipeline import Json, SettingsFile
from leerstroom.cli.terminal import print_json, print_table, progress

rooms = typer.Typer(
    help="What could not become a statement, and another try when its cause is mended.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Adds this room's commands."""
    rooms.command("list", epilog="Example: leerstroom quarantine list academy")(listed)
    rooms.command("replay", epilog="Example: leerstroom quarantine replay academy")(replayed)
    app.add_typer(rooms, name="quarantine")


def listed(
    connection: Annotated[str | None, typer.Argument(help="Only this connection.")] = None,
    settings: SettingsFile = None,
    json: Json = False,
) -> None:
    """Windows of which records or statements are held, with reason and number."""
    from leerstroom.landing import Store
    from leerstroom.quarantine import held
    from leerstroom.settings import Settings

    found = held(Store(Settings.load(settings).data), connection)
    rows = [
        (each.connection, each.window, *key, number) for each in found for key, number in each.reasons.most_common()
    ]
    columns = ("connection", "window", "stage", "reason", "records")
    if json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        print_table("Quarantine", columns, rows)


def replayed(
    connection: Annotated[str, typer.Argument(help="Name of the connection.")],
    settings: SettingsFile = None,
    json: Json = False,
) -> None:
    """Maps and loads the windows anew of which something is held; exit 1 when something is still held afterwards."""
    from leerstroom import nightly as night
    from leerstroom.landing import Store
    from leerstroom.quarantine import can_be_replayed, held
    from leerstroom.settings import Settings

    configured = Settings.load(settings)
    store, lrs = Store(configured.data), night.lrs_of(configured)
    before, gone = held(store, connection), []
    with progress(f"{connection}: statements") as counter:
        for each in before:
            if not can_be_replayed(store, each):
                gone.append(each.window)
                continue
            night.replay_quarantine(
                night.connection_of(configured, connection),
                each.landing,
                settings=configured,
                run_id=f"quarantine__{each.window}",
                lrs=lrs,
                progress=counter,
            )
    after = held(store, connection)
    told = {
        "windows": len(before),
        "held_before": sum(each.records for each in before),
        "held_after": sum(each.records for each in after),
        "landing_gone": gone,
    }
    if json:
        print_json(told)
    else:
        typer.echo(
            f"{connection}: {told['windows']} windows again; {told['held_before']} records were held, {told['held_after']} still are."
        )
    for window in gone:
        typer.echo(
            f"the landing of {window} is gone; pull it again: leerstroom pull {connection} --from … --to …", err=True
        )
    raise typer.Exit(1 if after else 0)
