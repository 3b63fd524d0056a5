"""`leerstroom subject export|erase|pseudonym`: all that is held about one person (GDPR 15), and its erasure (GDPR 17), the LRS included."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from leerstroom.cli.pipeline import SettingsFile

if TYPE_CHECKING:
    from leerstroom.settings import Settings
    from leerstroom.subjects import Erased, Subject

EmployeeId = Annotated[str, typer.Argument(help="The person's employee_id in the directory.")]


def register(app: typer.Typer) -> None:
    """Adds this room's commands."""
    subject = typer.Typer(help="One person's data: all that is held, and its erasure.", no_args_is_help=True)
    subject.command("export", epilog="Example: leerstroom subject export E01014 --out E01014.json")(export)
    subject.command("erase", epilog="Example: leerstroom subject erase E01014")(erase)
    subject.command("pseudonym", epilog="Example: leerstroom subject pseudonym E01014")(pseudonym)
    app.add_typer(subject, name="subject")


def pseudonym(employee_id: EmployeeId, settings: SettingsFile = None) -> None:
    """The account name under which the LRS knows a person; the Dag learning_erasure asks for it."""
    from leerstroom.nightly import pseudonyms_of
    from leerstroom.settings import Settings

    typer.echo(pseudonyms_of(Settings.load(settings)).actor(employee_id))


def export(
    employee_id: EmployeeId,
    out: Annotated[Path | None, typer.Option(help="A new file; default: standard output.")] = None,
    settings: SettingsFile = None,
) -> None:
    """Everything that is held about a person: statements and documents in the LRS, lines between the stages, mirror, values, HR's tables, their own file.

    Documents need lrs.database, as an erasure does.
    """
    from leerstroom.mirror import Mirror
    from leerstroom.nightly import lrs_of, pseudonyms_of
    from leerstroom.publishing.my_learning import file_name
    from leerstroom.publishing.persons import export_person
    from leerstroom.settings import Settings
    from leerstroom.state import open_state
    from leerstroom.subjects import held_facts, held_lines, held_values

    configured = Settings.load(settings)
    subject, store = traces(configured, employee_id)
    agent = {"account": {"homePage": configured.organisation.home_page, "name": subject.actor}}
    own = configured.my_learning_folder / file_name(pseudonyms_of(configured), employee_id)
    mirrored = Mirror(f"{configured.data.rstrip('/')}/mirror").held(subject.is_in)
    held: dict[str, Any] = {
        "employee_id": employee_id,
        "statements": list(lrs_of(configured).query(agent=agent, related_agents=True)),
        "documents": _documents_in_lrs(configured, subject),
        "files": list(held_lines(store, subject)),
        "mirror": [orjson.loads(raw) for raw in mirrored],
        "values": held_values(store, employee_id),
        "tables": export_person(configured.hr_database, employee_id),
        "my_learning": own.read_text(encoding="utf-8") if own.exists() else None,
    }
    ids = {each["id"] for each in (*held["statements"], *held["mirror"])}
    held["facts"] = held_facts(open_state(configured.state_url), sorted(ids))
    text = orjson.dumps(held, option=orjson.OPT_INDENT_2, default=str)
    if out is None:
        typer.echo(text.decode())
        return
    with out.open("xb") as stream:
        stream.write(text)
    out.chmod(0o600)
    typer.echo(f"{len(held['statements'])} statements and {len(held['files'])} lines in {out}", err=True)


def erase(
    employee_id: EmployeeId,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    settings: SettingsFile = None,
) -> None:
    """Deletes a person from every store for good, keeps later pulls from bringing them back, and publishes HR's figures anew.

    The directory is HR's own; take the person out of it there. Safe to run again after an interruption.
    """
    from leerstroom.settings import Settings

    configured = Settings.load(settings)
    if not yes:
        typer.confirm("This cannot be undone. Delete all that concerns this person?", abort=True)
    done = erase_subject(configured, employee_id)
    typer.echo(
        f"erased {done.lrs} statements in the LRS, {done.mirrored} in the mirror, {done.lines} lines between the stages, "
        f"{done.facts} facts and {done.values} rows of HR's tables"
    )
    for left in done.left:
        typer.echo(f"left: {left}", err=True)
    raise typer.Exit(1 if done.left else 0)


def erase_subject(settings: "Settings", employee_id: str) -> "Erased":
    """Erases one person; says what it could not reach.

    Raises ConfigurationError for an unknown employee id, and where `lrs.database` is not the database of the LRS.
    """
    from leerstroom import nightly
    from leerstroom.lrs.erasure import erase as erase_actor
    from leerstroom.mirror import Mirror
    from leerstroom.publishing.my_learning import file_name
    from leerstroom.publishing.persons import erase_person, rewrite
    from leerstroom.state import open_state
    from leerstroom.subjects import Erased, erase_facts, erase_lines, newest_values, suppress

    subject, store = traces(settings, employee_id)
    engine, done = open_state(settings.state_url), Erased()
    database, home_page = settings.lrs.database, settings.organisation.home_page
    with nightly.lrs_storage_of(settings, database) if database else nullcontext() as storage:
        suppress(engine, subject)  # first: what is pulled meanwhile no longer counts for this person
        if storage is not None:
            done.lrs = erase_actor(storage, f"account|{home_page}|{subject.actor}").statements
        else:
            done.left.append(
                f"statements of account {subject.actor} at {home_page} in the LRS; set lrs.database for the embedded LRS, or ask the LRS's operator"
            )
    done.mirrored, mirrored = Mirror(f"{settings.data.rstrip('/')}/mirror").erase(subject.is_in)
    done.lines, written = erase_lines(store, subject)
    steps = nightly.rotation_of(
        nightly.pseudonyms_of(settings), ()
    )  # files are of the first generation of the key, facts of the newest
    done.facts = erase_facts(engine, mirrored | {steps.id(each) for each in written})
    done.values = erase_person(settings.hr_database, employee_id)
    rewrite(settings.hr_database)
    own = settings.my_learning_folder / file_name(nightly.pseudonyms_of(settings), employee_id)
    for each in (own, own.with_suffix(".part")):  # the second of a stage that was killed
        each.unlink(missing_ok=True)
    newest = newest_values(store)
    store.remove("indicators")
    if newest is not None:
        nightly.recompute(settings=settings, run_id="erasure", as_of=newest)
    for old in sorted(settings.hr.out.glob("*-????-??-??.*")):
        if newest is None or newest.isoformat() not in old.name:
            old.unlink()
            done.left.append(
                f"{old.name} was deleted: it showed the person, and only the newest night is published anew"
            )
    return done


def traces(settings: "Settings", employee_id: str) -> tuple["Subject", Any]:
    """The traces of an employee on every configured connection, and the store to look for them. Raises ConfigurationError for an unknown id."""
    from connectors.source import connect
    from leerstroom.landing import Store
    from leerstroom.nightly import connection_of, full_directory_of, pseudonyms_of
    from leerstroom.subjects import subject_of

    tenants = []
    for name in settings.connections:
        source = connect(connection_of(settings, name), complete=False)
        tenants.append((source.name, name, source.tenant))
    return subject_of(employee_id, full_directory_of(settings), pseudonyms_of(settings), tenants), Store(settings.data)


def _documents_in_lrs(settings: "Settings", subject: "Subject") -> list[dict[str, Any]]:
    from leerstroom.lrs.erasure import held_documents
    from leerstroom.nightly import lrs_storage_of

    if not settings.lrs.database:
        return []
    with lrs_storage_of(settings, settings.lrs.database) as storage:
        return held_documents(storage, f"account|{settings.organisation.home_page}|{subject.actor}")
