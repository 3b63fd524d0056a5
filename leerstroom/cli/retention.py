"""`leerstroom retention`: what the organisation keeps no longer goes."""

from typing import Annotated

import typer

from leerstroom.cli.pipeline import Json, SettingsFile
from leerstroom.cli.terminal import print_json


def register(app: typer.Typer) -> None:
    """Adds this room's command."""
    app.command(epilog="Example: leerstroom retention --dry-run")(retention)


def retention(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would go.")] = False,
    settings: SettingsFile = None,
    json: Json = False,
) -> None:
    """Removes what is older than the settings' section `retention` keeps, from every store. Safe to run again."""
    from leerstroom import ledger
    from leerstroom.retention import remove_outdated
    from leerstroom.settings import Settings

    configured = Settings.load(settings)
    counts = remove_outdated(configured, ledger.now(), dry_run=dry_run)
    if json:
        print_json(counts)
        return
    did = "would go" if dry_run else "went"
    typer.echo(
        f"{counts['landing']} windows of the landing, {counts['statements']} of statements, {counts['quarantine']} of quarantine, "
        f"{counts['indicators']} days of indicators and {counts['hr_rows']} rows of HR's tables {did}"
    )
    for name in ("mirror", "lrs"):
        if name in counts:
            typer.echo(f"{counts[name]} statements of the {name if name == 'mirror' else 'LRS'} {did}")
    if configured.retention.lrs_months is not None and "lrs" not in counts:
        typer.echo(
            "the LRS keeps its statements: set lrs.database for the embedded LRS, or ask the LRS's operator", err=True
        )
