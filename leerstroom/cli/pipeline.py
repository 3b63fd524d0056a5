"""`leerstroom pull`, `nightly`, `ledger`, `quality`: the stages by hand, the whole night without Airflow, and what to look at after it."""

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from leerstroom.cli.terminal import print_json, print_table, progress

SettingsFile = Annotated[
    Path | None, typer.Option("--settings", help="Settings file; default: LEERSTROOM_SETTINGS or ./leerstroom.yaml.")
]
Json = Annotated[bool, typer.Option("--json", help="For a machine.")]


def register(app: typer.Typer) -> None:
    """Adds this room's commands."""
    app.command(epilog="Example: leerstroom pull academy --from 2026-11-02 --to 2026-11-08")(pull)
    app.command(epilog="Example: leerstroom nightly --from 2026-11-02 --to 2026-11-08")(nightly)
    app.command(epilog="Example: leerstroom ledger --run manual__2026-11-02T00:00:00.000Z__2026-11-03T00:00:00.000Z")(
        ledger
    )
    app.command(epilog="Example: leerstroom quality --as-of 2026-11-08")(quality)


def pull(
    connection: Annotated[str, typer.Argument(help="Name of the connection, or of a source that has just one.")],
    from_: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First local day.")],
    to: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last local day, included.")],
    settings: SettingsFile = None,
    json: Json = False,
) -> None:
    """Pulls a window into the landing."""
    from leerstroom import nightly as night
    from leerstroom.settings import Settings

    configured = Settings.load(settings)
    named = [name for name, fields in configured.connections.items() if fields["source"] == connection]
    name = named[0] if connection not in configured.connections and len(named) == 1 else connection
    start, end = night.local_window(from_.date(), to.date(), configured.organisation.time_zone)
    with progress(f"{name}: records") as counter:
        done = night.pull(
            night.connection_of(configured, name),
            start,
            end,
            settings=configured,
            run_id=f"pull__{start}__{end}",
            progress=counter,
        )
    if json:
        print_json(done)
    else:
        typer.echo(f"{done['counts']['pulled']} records in {done['path']}")


def nightly(
    from_: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First local day.")],
    to: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last local day, included.")],
    only: Annotated[list[str] | None, typer.Option(help="Only these connections.")] = None,
    at_once: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Connections at a time, each in a process of its own; default: one a core. 1: all in this process.",
        ),
    ] = None,
    settings: SettingsFile = None,
    json: Json = False,
) -> None:
    """The whole pipeline without Airflow: pull, map, load, mirror, indicators, publish; exit 1 when a connection failed."""
    from leerstroom import nightly as night
    from leerstroom.settings import Settings

    configured = Settings.load(settings)
    start, end = night.local_window(from_.date(), to.date(), configured.organisation.time_zone)
    connections = only or list(configured.connections)
    for name in connections:
        night.connection_of(configured, name)  # one that is not there is told before a night without it begins
    done = night.run(
        configured,
        start,
        end,
        only=connections,
        at_once=at_once or min(os.cpu_count() or 1, len(connections)),
        announce=lambda text: typer.echo(text, err=True),
    )
    if json:
        print_json({**done.settled, **done.published, "failures": done.failures})
    else:
        typer.echo(f"The night is {done.settled['state']}.")
        print_table("Totals", ("what", "count"), done.settled["counts"].items())
        for name in ("report", "workbook", "tables", "my_learning"):
            if done.published[name]:
                typer.echo(f"{name.replace('_', ' ')}: {done.published[name]}")
    if done.failures:
        raise typer.Exit(1)


def ledger(
    run: Annotated[str | None, typer.Option(help="Only this run.")] = None,
    settings: SettingsFile = None,
    json: Json = False,
) -> None:
    """What the runs counted, stage by stage; exit 1 when something does not balance."""
    from leerstroom import ledger as book
    from leerstroom.settings import Settings
    from leerstroom.state import open_state

    found = book.entries(open_state(Settings.load(settings).state_url), run)
    faults = [fault for entry in found for fault in book.imbalances(entry)]
    if json:
        print_json([
            {
                "run": e.run_id,
                "connection": e.connection,
                "stage": e.stage,
                "state": e.state,
                "at": e.at,
                "counts": dict(e.counts),
            }
            for e in found
        ])
    else:
        print_table(
            "Ledger",
            ("run", "connection", "stage", "state", "counts"),
            (
                (
                    e.run_id,
                    e.connection,
                    e.stage,
                    e.state,
                    ", ".join(f"{k} {sum(v.values()) if isinstance(v, dict) else v}" for k, v in e.counts.items()),
                )
                for e in found
            ),
        )
    for fault in faults:
        typer.echo(f"out of balance: {fault}", err=True)
    raise typer.Exit(1 if faults else 0)


def quality(
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", formats=["%Y-%m-%d"], help="The last day that is looked at; default: yesterday."),
    ] = None,
    settings: SettingsFile = None,
    json: Json = False,
) -> None:
    """What a person should look at: missing days, counts out of balance, sources that fell silent, full quarantine; exit 1 when there is something."""
    from leerstroom import nightly as night
    from leerstroom.settings import Settings

    configured = Settings.load(settings)
    yesterday = datetime.now(ZoneInfo(configured.organisation.time_zone)).date() - timedelta(days=1)
    found = night.check_quality(settings=configured, as_of=as_of.date() if as_of else yesterday)
    if json:
        print_json([each.as_json() for each in found])
    else:
        print_table("To look at", ("kind", "what", "why"), ((each.kind, each.subject, each.text) for each in found))
    raise typer.Exit(1 if found else 0)
