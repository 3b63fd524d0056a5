"""`leerstroom indicators`, `leerstroom rules`: numbers from files alone, and which rule made which class."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from leerstroom.cli.pipeline import SettingsFile
from leerstroom.cli.terminal import print_json


def register(app: typer.Typer) -> None:
    """Adds this room's commands."""
    app.command(
        epilog="Example: leerstroom indicators --statements statements.json --employees employees.csv"
        " --from 2026-11-03 --to 2026-11-05 --as-of 2026-11-05 --out out"
    )(indicators)
    app.command("my-learning", epilog="Example: leerstroom my-learning --employee E01014 --out for-e01014")(my_learning)
    rules = typer.Typer(help="The rules of classification.", no_args_is_help=True)
    rules.command("check", epilog="Example: leerstroom rules check my-rules.yaml")(rules_check)
    rules.command("explain", epilog="Example: leerstroom rules explain statement.json")(rules_explain)
    app.add_typer(rules, name="rules")


def indicators(
    statements: Annotated[
        Path, typer.Option(help="Statements: a JSON array or JSON lines, plain or .zst.", exists=True)
    ],
    employees: Annotated[Path, typer.Option(help="Employee directory (CSV).", exists=True)],
    from_: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First local day of the window.")],
    to: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last local day of the window, included.")],
    as_of: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The day as of which things are due.")],
    out: Annotated[Path, typer.Option(help="Folder for indicator_values.csv.")],
    rules: Annotated[Path | None, typer.Option(help="Classification rules; default: ours.", exists=True)] = None,
    coverage: Annotated[
        Path | None,
        typer.Option(help="CSV: date, source_kind, status. Without it every source counts as loaded.", exists=True),
    ] = None,
    leave: Annotated[Path | None, typer.Option(help="CSV: employee_id, date.", exists=True)] = None,
    excluded: Annotated[Path | None, typer.Option(help="CSV of accounts that are no person.", exists=True)] = None,
    engine: Annotated[str, typer.Option(help="duckdb, or the URL of a PostgreSQL database.")] = "duckdb",
) -> None:
    """Indicators from files alone; writes indicator_values.csv."""
    from leerstroom.indicators import from_files

    values = from_files(
        statements=statements,
        employees=employees,
        rules=rules,
        coverage=coverage,
        leave=leave,
        excluded=excluded,
        from_=from_.date(),
        to=to.date(),
        as_of=as_of.date(),
        out=out,
        engine=engine,
    )
    typer.echo(f"{values.table.num_rows} values in {out / 'indicator_values.csv'}", err=True)


def my_learning(
    employee: Annotated[
        list[str] | None, typer.Option(help="Only of this employee_id; may be given several times.")
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The night to tell of; default: the newest that was computed."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Another folder than that of the settings; needs --employee.")
    ] = None,
    settings: SettingsFile = None,
) -> None:
    """Each employee's own figures, own statements and the rules behind them, in a file that is for them alone."""
    from leerstroom import nightly
    from leerstroom.errors import ConfigurationError
    from leerstroom.landing import Store
    from leerstroom.settings import Settings
    from leerstroom.subjects import newest_values

    if out is not None and not employee:
        raise typer.BadParameter("--out takes the files of some employees only; name them with --employee")
    configured = Settings.load(settings)
    day = as_of.date() if as_of else newest_values(Store(configured.data))
    if day is None:
        raise ConfigurationError("no night was computed yet; run leerstroom nightly first")
    done = nightly.my_learning(
        settings=configured, run_id=f"my-learning__{day}", as_of=day, only=employee or None, out=out
    )
    typer.echo(f"{done['counts']['files']} files in {done['folder']}")


def rules_check(file: Annotated[Path | None, typer.Argument(help="Rules to check; default: ours.")] = None) -> None:
    """Checks a file of rules: unknown columns or values, duplicate ids, unreachable rules; all faults at once."""
    from leerstroom.classification import load_rules

    typer.echo(f"ok: version {load_rules(file).version}")


def rules_explain(
    statement: Annotated[Path, typer.Argument(help="A statement as JSON.", exists=True, dir_okay=False)],
    rules: Annotated[Path | None, typer.Option(help="Classification rules; default: ours.", exists=True)] = None,
) -> None:
    """Which rule makes which class of a statement, and why."""
    import orjson

    from leerstroom.classification import explain, load_rules
    from leerstroom.errors import BadRecord

    try:
        told = orjson.loads(statement.read_bytes())
    except orjson.JSONDecodeError:
        told = None
    if not isinstance(told, dict):
        raise BadRecord(f"{statement} is no statement in JSON; give a file that holds one")
    print_json(explain(told, load_rules(rules)))
