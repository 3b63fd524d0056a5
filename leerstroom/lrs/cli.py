"""`leerstroom lrs …`: serve the embedded LRS, its credentials, backups, schema and erasures."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

if TYPE_CHECKING:
    from leerstroom.lrs.storage import Storage

DEFAULT_DATABASE = "var/data/lrs.sqlite"

app = typer.Typer(
    no_args_is_help=True, help="The embedded learning record store: serve it, its credentials, backups and erasures."
)
credentials = typer.Typer(no_args_is_help=True, help="Keys and secrets with their scopes.")
app.add_typer(credentials, name="credentials")

Database = Annotated[
    str,
    typer.Option(
        "--database", envvar="LEERSTROOM_LRS_DATABASE", help="A file, sqlite:///PATH or postgresql://USER@HOST/NAME."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


@app.command()
def serve(
    host: Annotated[
        str,
        typer.Option(
            envvar="LEERSTROOM_LRS_HOST",
            help="Address to listen on; others than loopback need a proxy with TLS in front.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar="LEERSTROOM_LRS_PORT", min=0, max=65535, help="Port; 0 takes a free one.")
    ] = 8765,
    database: Database = DEFAULT_DATABASE,
    workers: Annotated[
        int, typer.Option(envvar="LEERSTROOM_LRS_WORKERS", help="Server processes; more than one needs PostgreSQL.")
    ] = 1,
    root_path: Annotated[
        str, typer.Option(envvar="LEERSTROOM_LRS_ROOT_PATH", help="Path that a proxy puts before ours, such as /lrs.")
    ] = "",
    max_body: Annotated[
        int, typer.Option(envvar="LEERSTROOM_LRS_MAX_BODY", help="Largest body in MiB; 413 beyond it.")
    ] = 64,
    max_batch: Annotated[
        int, typer.Option(envvar="LEERSTROOM_LRS_MAX_BATCH", help="Most statements in a POST; 413 beyond it.")
    ] = 10_000,
    max_page: Annotated[
        int, typer.Option(envvar="LEERSTROOM_LRS_MAX_PAGE", help="Most statements in an answer.")
    ] = 10_000,
    read_timeout: Annotated[
        float,
        typer.Option(
            envvar="LEERSTROOM_LRS_READ_TIMEOUT", help="Seconds within which a body must arrive; 408 beyond them."
        ),
    ] = 60.0,
) -> None:
    """Serves the LRS until it is stopped.

    LEERSTROOM_LRS_KEY and LEERSTROOM_LRS_SECRET in the environment give a first credential.

    Example: leerstroom lrs serve --database var/data/lrs.sqlite --port 8765
    """
    from leerstroom.lrs.requests import Limits
    from leerstroom.lrs.server import serve as run

    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")  # unless the command line has done so
    logging.getLogger("leerstroom.lrs").setLevel(logging.INFO)  # a server says where it listens, quiet or not
    limits = Limits(body=max_body * 1024 * 1024, batch=max_batch, page=max_page, read_s=read_timeout)
    run(host, port, database, workers=workers, root_path=root_path, limits=limits)


@credentials.command("add")
def add(
    name: Annotated[str, typer.Option(help="What it is for; stands as the authority's name in statements.")] = "",
    scope: Annotated[list[str] | None, typer.Option(help="May be given several times; all when left out.")] = None,
    key: Annotated[str, typer.Option(help="A key of your own; made when left out.")] = "",
    database: Database = DEFAULT_DATABASE,
    as_json: AsJson = False,
) -> None:
    """Makes a credential and shows its secret, once.

    Scopes: statements/write, statements/read, statements/read/mine, state, profile, define, all/read, all.

    Example: leerstroom lrs credentials add --name mirror --scope statements/read
    """
    from leerstroom.lrs.access import Access

    with _store(database) as storage:
        made_key, secret = Access(storage).add(name, scope or ("all",), key)
    if as_json:
        typer.echo(orjson.dumps({"key": made_key, "secret": secret}).decode())
    else:
        typer.echo(f"key     {made_key}\nsecret  {secret}\nThe secret is not stored and not shown again.")


@credentials.command("list")
def list_(database: Database = DEFAULT_DATABASE, as_json: AsJson = False) -> None:
    """Lists the credentials: key, name, scopes, when they were made.

    Example: leerstroom lrs credentials list
    """
    from leerstroom.lrs.access import Access

    with _store(database) as storage:
        for each in Access(storage).list():
            if as_json:
                typer.echo(
                    orjson.dumps({
                        "key": each.key,
                        "name": each.name,
                        "scopes": each.scopes,
                        "created": each.created,
                    }).decode()
                )
            else:
                typer.echo(f"{each.key}  {each.name}  {' '.join(each.scopes)}  {each.created}")


@credentials.command()
def revoke(
    key: Annotated[str, typer.Argument(help="The key to revoke.")], database: Database = DEFAULT_DATABASE
) -> None:
    """Revokes a credential; running servers refuse it within five seconds.

    Example: leerstroom lrs credentials revoke lrs_0c2f6a
    """
    from leerstroom.lrs.access import Access

    with _store(database) as storage:
        if not Access(storage).revoke(key):
            typer.echo(f"there is no credential {key}; leerstroom lrs credentials list shows those there are", err=True)
            raise typer.Exit(1)
    typer.echo(f"revoked {key}")


@app.command()
def backup(target: Annotated[Path, typer.Argument(help="A new file.")], database: Database = DEFAULT_DATABASE) -> None:
    """Copies the store as it is at one moment, while it is in use.

    Example: leerstroom lrs backup backups/lrs-2026-11-24.sqlite
    """
    from leerstroom.lrs.storage import demand_existing, open_database

    demand_existing(database)
    open_database(database).backup(target)
    typer.echo(f"{target}  {target.stat().st_size:,} bytes")


@app.command()
def restore(source: Annotated[Path, typer.Argument(help="A backup.")], database: Database = DEFAULT_DATABASE) -> None:
    """Fills an empty store from a backup, whole or not at all.

    Example: leerstroom lrs restore backups/lrs-2026-11-24.sqlite --database var/data/new.sqlite
    """
    from leerstroom.lrs.storage import open_database

    open_database(database).restore(source)
    typer.echo(f"restored {source}")


@app.command()
def migrate(database: Database = DEFAULT_DATABASE) -> None:
    """Brings the tables to the version of this Leerstroom; serve does so too.

    Example: leerstroom lrs migrate --database postgresql://lrs@db/lrs
    """
    from leerstroom.lrs.storage import migrate as run
    from leerstroom.lrs.storage import open_database

    before, after = run(open_database(database))
    typer.echo(f"schema {after}" if before == after else f"schema {before} -> {after}")


@app.command()
def erase(
    agent: Annotated[
        str,
        typer.Argument(
            help="The Agent as JSON, or an identity as in the mirror: account|HOMEPAGE|NAME, mbox|ADDRESS …"
        ),
    ],
    database: Database = DEFAULT_DATABASE,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Deletes all that concerns one person for good: statements, documents, attachments, names. Leaves an audit line that names nobody.

    Example: leerstroom lrs erase 'mbox|anna@voorbeeldstad.example' --yes
    """
    from leerstroom.lrs.erasure import erase as run
    from leerstroom.lrs.erasure import identity_of
    from leerstroom.lrs.storage import demand_existing

    demand_existing(database)
    identity = identity_of(agent)
    if not yes:
        typer.confirm("This cannot be undone. Delete all that concerns this person?", abort=True)
    with _store(database) as storage:
        erased = run(storage, identity)
    if as_json:
        typer.echo(
            orjson.dumps({
                "statements": erased.statements,
                "documents": erased.documents,
                "attachments": erased.attachments,
            }).decode()
        )
    else:
        typer.echo(
            f"erased {erased.statements} statements, {erased.documents} documents, {erased.attachments} attachments"
        )


def _store(database: str) -> "_Open":
    return _Open(database)


class _Open:
    """An open store for the length of a command."""

    def __init__(self, database: str) -> None:
        from leerstroom.lrs.storage import Storage

        self._storage = Storage(database)

    def __enter__(self) -> "Storage":
        return self._storage

    def __exit__(self, *_: object) -> None:
        self._storage.close()
