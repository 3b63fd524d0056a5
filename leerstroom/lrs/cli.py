"""`leerstroom lrs …`: serve the embedded LRS, and make and revoke its credentials."""

from typing import Annotated

import typer

app = typer.Typer(help="The embedded learning record store.", no_args_is_help=True)
credentials = typer.Typer(
    help="Credentials of the LRS; secrets are shown once and stored hashed.", no_args_is_help=True
)
app.add_typer(credentials, name="credentials")

Database = Annotated[str, typer.Option(help="SQLite file or sqlite:/// URL.")]


@app.command(epilog="Example: leerstroom lrs serve --port 8765 --database var/lrs.sqlite")
def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; loopback unless a proxy needs another.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port.")] = 8765,
    database: Database = "var/lrs.sqlite",
) -> None:
    """Serves the LRS at http://HOST:PORT/xapi/. LEERSTROOM_LRS_KEY and LEERSTROOM_LRS_SECRET give a first credential."""
    from leerstroom.lrs.server import serve as run

    typer.echo(f"xAPI at http://{host}:{port}/xapi/", err=True)
    run(host, port, database)


@credentials.command("add", epilog="Example: leerstroom lrs credentials add reports --scope statements/read")
def add(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    scope: Annotated[
        list[str],
        typer.Option(
            help="all, all/read, statements/write, statements/read, statements/read/mine, state, profile or define."
        ),
    ],
    database: Database = "var/lrs.sqlite",
) -> None:
    """Makes a credential and prints its key and secret, once."""
    from leerstroom.lrs import access
    from leerstroom.lrs.server import database_path
    from leerstroom.lrs.storage import Storage

    storage = Storage(database_path(database))
    try:
        key, secret = access.add(storage, name, tuple(scope))
    finally:
        storage.close()
    typer.echo(f"key    {key}\nsecret {secret}")


@credentials.command("list", epilog="Example: leerstroom lrs credentials list")
def listed(database: Database = "var/lrs.sqlite") -> None:
    """Shows keys, names and scopes."""
    from leerstroom.lrs import access
    from leerstroom.lrs.server import database_path
    from leerstroom.lrs.storage import Storage

    storage = Storage(database_path(database))
    try:
        for key, name, scopes in access.listed(storage):
            typer.echo(f"{key}\t{name}\t{scopes}")
    finally:
        storage.close()


@credentials.command("revoke", epilog="Example: leerstroom lrs credentials revoke 3f1c…")
def revoke(
    key: Annotated[str, typer.Argument(help="The credential's key.")], database: Database = "var/lrs.sqlite"
) -> None:
    """Takes a credential away; a running LRS forgets it when it starts anew."""
    from leerstroom.lrs import access
    from leerstroom.lrs.server import database_path
    from leerstroom.lrs.storage import Storage

    storage = Storage(database_path(database))
    try:
        there = access.revoke(storage, key)
    finally:
        storage.close()
    if not there:
        typer.echo("leerstroom: there is no such credential", err=True)
        raise typer.Exit(1)
