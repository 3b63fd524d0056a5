"""`leerstroom people rekey`: what is stored goes under the secret that a rotation added to the pseudonym key."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leerstroom.cli.pipeline import Json, SettingsFile
from leerstroom.cli.terminal import Progress, print_json, progress

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from leerstroom.lrs.storage import Storage
    from leerstroom.people import Rotation
    from leerstroom.settings import Settings


@dataclass(slots=True)
class Rekeyed:
    """How much was re-keyed, or would be, by store. `generation` is that of the whole key."""

    generation: int
    statements: int = 0
    documents: int = 0
    facts: int = 0
    refused: int = 0
    mirrored: int = 0


def register(app: typer.Typer) -> None:
    """Adds this room's commands."""
    people = typer.Typer(help="The pseudonyms of all people.", no_args_is_help=True)
    people.command("rekey", epilog="Example: leerstroom people rekey --dry-run")(rekey)
    app.add_typer(people, name="people")
    people.callback()(lambda: None)  # with one command only it would not be a group


def rekey(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be re-keyed.")] = False,
    settings: SettingsFile = None,
    json: Json = False,
) -> None:
    """Re-keys all that is stored, after a secret was added to the pseudonym key; then mirrors, computes and publishes anew.

    No night may run meanwhile. Safe to run again after an interruption, from where it was.
    """
    from leerstroom.settings import Settings

    configured = Settings.load(settings)
    with progress("statements") as counter:
        done = count(configured) if dry_run else rekey_all(configured, counter)
    if json:
        print_json(asdict(done))
        return
    told = "would be re-keyed" if dry_run else "re-keyed"
    typer.echo(
        f"generation {done.generation} of the pseudonym key: {done.statements} statements, {done.documents} documents, {done.facts} facts and voidings, "
        f"{done.refused} refused statements {told}"
    )


def count(settings: "Settings") -> Rekeyed:
    """Counts what `rekey_all` would re-key; changes nothing, and raises as it does."""
    from leerstroom import nightly, rekeying
    from leerstroom.lrs import rekeying as lrs_rekeying
    from leerstroom.state import open_state

    pseudonyms, engine = nightly.unchecked_pseudonyms_of(settings), open_state(settings.state_url)
    done = Rekeyed(len(pseudonyms.fingerprints))
    with _opened(settings) as storage:
        following = lrs_rekeying.generation_of(storage) + 1
        if following <= done.generation:
            rotation = nightly.rotation_of(pseudonyms, _platforms(), following)
            done.statements = lrs_rekeying.count(storage, _forms(settings, engine, rotation))
    if len(rekeying.reached(engine)) < done.generation > 1 or not rekeying.is_usable(engine):
        done.facts = rekeying.count_state(engine)
    return done


def rekey_all(settings: "Settings", progress: Progress) -> Rekeyed:
    """Re-keys every store, generation by generation; goes on where it was interrupted.

    Raises ConfigurationError when the key holds no new secret or not all the old ones, when the LRS's database is not reached, and when a source is not installed of which
    there are statements.
    """
    from leerstroom import ledger, nightly, rekeying
    from leerstroom.landing import Store
    from leerstroom.lrs import rekeying as lrs_rekeying
    from leerstroom.mirror import Mirror
    from leerstroom.state import open_state
    from leerstroom.subjects import newest_values

    run_id = f"rekey__{ledger.now():%Y-%m-%dT%H:%M:%SZ}"
    pseudonyms, engine, store = nightly.unchecked_pseudonyms_of(settings), open_state(settings.state_url), Store(settings.data)  # fmt: skip
    with _opened(settings):  # before anything is noted
        rekeying.begin(engine, pseudonyms)
    reached = [each for _, each in rekeying.reached(engine)]
    done = Rekeyed(len(reached))
    for generation, each in enumerate(reached, 1):
        if each not in {"begun", "lrs"}:
            continue
        rotation = nightly.rotation_of(pseudonyms, _platforms(), generation)
        if each == "begun":
            with _opened(settings) as storage:
                lrs = lrs_rekeying.rekey(storage, generation, _forms(settings, engine, rotation), rotation.identity, progress)  # fmt: skip
            done.statements, done.documents = done.statements + lrs.statements, done.documents + lrs.documents
            rekeying.mark(engine, "lrs", generation)
        done.refused += rekeying.rekey_quarantine(store, rotation, generation)
        done.facts += rekeying.rekey_state(engine, rotation, generation, progress)
    if not {"mirror", "done"}.issuperset(reached):
        mirror = Mirror(f"{settings.data.rstrip('/')}/mirror")
        mirror.clear()
        nightly.mirror(settings=settings, run_id=run_id)
        done.mirrored = mirror.rows
        rekeying.mark(engine, "mirror")
    if {"done"} != set(reached):
        if (newest := newest_values(store)) is not None:
            nightly.recompute(settings=settings, run_id=run_id, as_of=newest)
        for path in store.files("indicators", "/events.parquet"):
            if f"as_of={newest}/" not in path:
                store.remove(path)  # they name statements by ids that are no more
        rekeying.mark(engine, "done")
    return done


@contextmanager
def _opened(settings: "Settings") -> Generator["Storage", None, None]:
    """The store behind the LRS. Raises ConfigurationError where the settings do not say where it is, or name another one."""
    from leerstroom.errors import ConfigurationError
    from leerstroom.nightly import lrs_storage_of

    if not settings.lrs.database:
        raise ConfigurationError(
            "only the embedded LRS can be re-keyed, and lrs.database does not say where its database is; another LRS keeps every statement that it has, under the old names: "
            "begin a new store there, and load it from the platforms under a new key"
        )
    with lrs_storage_of(settings, settings.lrs.database) as storage:
        yield storage


def _platforms() -> list[str]:
    from connectors.source import installed

    return list(installed())


def _forms(
    settings: "Settings", engine: "Engine", rotation: "Rotation"
) -> Callable[[Sequence[dict[str, Any]]], list[dict[str, Any] | None]]:
    """The next forms of statements of ours. Where statements of other stores are copied, ours are those that the state database knows: another Leerstroom's look the same."""
    from connectors.source import load
    from leerstroom import rekeying
    from leerstroom.errors import ConfigurationError
    from leerstroom.people.rotation import is_ours
    from leerstroom.revisions import voided_by

    installed = frozenset(_platforms())
    copies = any(load(str(fields["source"])).is_lrs for fields in settings.connections.values())

    def forms(statements: Sequence[dict[str, Any]]) -> list[dict[str, Any] | None]:
        for each in statements:
            if is_ours(each) and each["context"]["platform"] not in installed:
                raise ConfigurationError(
                    f"there are statements of the source '{each['context']['platform']}', which is not installed; install it: it knows whether its ids hold references"
                )
        ids = [voided_by(each) or each["id"] for each in statements]
        ours = rekeying.known(engine, ids) if copies else set(ids)
        return [rotation.statement(each) if key in ours else None for key, each in zip(ids, statements, strict=True)]  # type: ignore[misc]

    return forms
