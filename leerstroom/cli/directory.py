"""`leerstroom directory pull` and `leerstroom directory sources`: the employee directory made new out of the organisation's own service."""

from typing import TYPE_CHECKING, Annotated

import typer

from leerstroom.cli.pipeline import Json, SettingsFile
from leerstroom.cli.terminal import print_json, print_table

if TYPE_CHECKING:
    from connectors.source import Setting

rooms = typer.Typer(help="The employee directory, out of Microsoft Entra ID, LDAP or SCIM.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Adds this room's commands."""
    rooms.command("pull", epilog="Example: leerstroom directory pull")(pull)
    rooms.command("sources", epilog="Example: leerstroom directory sources ldap")(sources)
    app.add_typer(rooms, name="directory")


def pull(
    accept_fewer: Annotated[
        bool, typer.Option("--accept-fewer", help="Write even when more than a fifth of those in service are gone.")
    ] = False,
    settings: SettingsFile = None,
    json: Json = False,
) -> None:
    """Refreshes the employees' file: adds who is new, ends who left, keeps what the service does not know."""
    from leerstroom import ledger
    from leerstroom import nightly as night
    from leerstroom.settings import Settings

    run_id = f"directory__{ledger.now().isoformat()}"
    done = night.refresh_directory(Settings.load(settings), run_id, accept_fewer=accept_fewer)
    if json:
        print_json(done)
        return
    counts = done["counts"]
    typer.echo(f"{counts['employees']} employees in {done['path']}: {counts['new']} new, {counts['left']} left, {counts['changed']} changed")  # fmt: skip
    for reason, number in counts["left_out"].items():
        typer.echo(f"left out: {number} × {reason}")


def sources(name: Annotated[str | None, typer.Argument(help="Show one in full.")] = None, json: Json = False) -> None:
    """The directory services that can be asked, with their settings."""
    import inspect

    from connectors.directories import installed
    from leerstroom.errors import ConfigurationError

    if name and name not in installed():
        raise ConfigurationError(f"there is no directory source '{name}'; installed are {', '.join(installed())}")
    loaded = {each: entry.load() for each, entry in installed().items() if name in {None, each}}
    if name:
        typer.echo(inspect.getdoc(inspect.getmodule(loaded[name])) or "")
        typer.echo("")
    rows = [
        (each, setting.name, setting.title, _need(setting), setting.help)
        for each, service in loaded.items()
        for setting in service.settings
    ]  # fmt: skip
    columns = ("directory", "setting", "title", "", "meaning")
    if json:
        print_json([dict(zip(("directory", "setting", "title", "need", "meaning"), row, strict=True)) for row in rows])
    else:
        print_table("Settings", columns, rows)


def _need(setting: "Setting") -> str:
    words = ("required" if setting.required and setting.default is None else "", "secret" if setting.secret else "")
    return ", ".join(filter(None, words))
