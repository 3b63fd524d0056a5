"""`leerstroom lrs …`, `load`, `query`, `sync`: the embedded LRS and the connector to any LRS."""

import typer


def register(app: typer.Typer) -> None:
    """Adds this room's commands."""
    from connectors.lrs import commands
    from leerstroom.lrs.cli import app as embedded

    app.add_typer(embedded, name="lrs")
    commands.register(app)
