"""`leerstroom sources`, `check`, `replay`, `generate`, `init`: what there is, whether it answers, and platforms to try it on."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from leerstroom.cli.terminal import print_json, print_table, progress
from leerstroom.errors import LeerstroomError


def register(app: typer.Typer) -> None:
    """Adds this room's commands."""
    app.command(epilog="Example: leerstroom sources zoom")(sources)
    app.command(epilog="Example: leerstroom check academy")(check)
    app.command(epilog="Example: leerstroom replay tests/recordings/demo --port 8900")(replay)
    app.command(epilog="Example: leerstroom generate load --employees 1000 --days 28 --records 100000")(generate)
    app.command(epilog="Example: leerstroom init leerstroom.yaml")(init)


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


def check(
    connection: Annotated[str | None, typer.Argument(help="Only this connection.")] = None,
    settings: Annotated[
        Path | None, typer.Option(help="Settings file; default: LEERSTROOM_SETTINGS or ./leerstroom.yaml.")
    ] = None,
) -> None:
    """Tries every configured connection, the LRS, the directory and the rules: one line each; exit 1 if one fails."""
    from importlib.metadata import packages_distributions

    from connectors.source import connect
    from leerstroom.classification import load_rules
    from leerstroom.nightly import connection_of, directory_of, lrs_of, pseudonyms_of
    from leerstroom.settings import Settings

    configured = Settings.load(settings)
    failed = False

    def line(what: str, answer: object) -> None:
        nonlocal failed
        try:
            said = answer() if callable(answer) else answer
        except LeerstroomError as error:
            failed = True
            typer.echo(f"FAIL  {what}: {error}")
        else:
            typer.echo(f"ok    {what}: {said}")

    def tried(name: str) -> str:
        source = connect(connection_of(configured, name))
        with source.api() as api:
            return source.check(api)

    def service(name: str, fields: dict[str, object]) -> str:
        from connectors.directories import connect as connect_directory

        return connect_directory(name, fields).check()

    for name in [connection] if connection else configured.connections:
        line(name, lambda name=name: tried(name))
    if not connection:
        line("lrs", lambda: lrs_of(configured).check())
        if configured.directory.source:
            line("directory service", lambda: service(str(configured.directory.source), configured.directory.fields))
        line("directory", lambda: f"{len(directory_of(configured).employees)} employees")
        line("pseudonym key", lambda: pseudonyms_of(configured) and "set")
        line("rules", lambda: f"version {load_rules(configured.rules).version}")
        owners = set(packages_distributions().get("connectors", ())) - {"leerstroom"}
        if owners:
            failed = True
            typer.echo(
                f"FAIL  package name: {', '.join(owners)} also installs a package 'connectors'; remove it from this environment"
            )
    raise typer.Exit(1 if failed else 0)


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


_START = """\
# Settings of Leerstroom. ${NAME} is read from the environment, so that no secret stands here. Try it: leerstroom check
organisation:
  name: Our organisation
  home_page: https://people.example.org     # home page of employees' accounts in the LRS; never change it once statements are stored
  time_zone: Europe/Amsterdam

data: var/data                               # landing, statements, quarantine, mirror; also s3://bucket/folder
directory:
  employees: employees.csv                   # employee_id;emails;team;... see docs/operators.md
  # source: graph                            # or ldap, scim: leerstroom directory sources; its fields stand here too, and refresh the file
  # leave: leave.csv
  # excluded: excluded_accounts.csv          # robots, room devices, shared mailboxes

lrs:
  endpoint: http://127.0.0.1:8765/xapi/
  key: ${LEERSTROOM_LRS_KEY}
  secret: ${LEERSTROOM_LRS_SECRET}

hr:
  out: var/hr                                # report and workbook
  # database: postgresql://hr@db/hr          # tables; a DuckDB file in `out` by default
  language: nl
  policy: per-employee                       # or groups-only; see docs/governance.md

# retention: {landing_days: 14, quarantine_days: 90, lrs_months: 13}    # see docs/governance.md, section 6

pseudonym_key: ${LEERSTROOM_PSEUDONYM_KEY}   # long and random; another key makes everyone a stranger

connections: {}
  # academy: {source: moodle, host: https://moodle.example.org, token: "${MOODLE_TOKEN}"}
  # chat: {source: matrix, host: https://matrix.example.org, token: "${MATRIX_TOKEN}", rooms: ["!room:example.org"]}
  # webinars: {source: zoom, account_id: abc, client_id: "${ZOOM_ID}", client_secret: "${ZOOM_SECRET}"}
  # registers: {source: sheet, files: registers/*.xlsx}
"""


def init(
    file: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("leerstroom.yaml"),
) -> None:
    """Writes a commented start configuration; never over an existing file."""
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(_START)
    except FileExistsError:
        typer.echo(f"leerstroom: {file} exists already; choose another name", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"wrote {file}; fill in directory and connections, then run: leerstroom check")
