"""The night, stage by stage: pull → map → load per connection, then mirror → compute → publish, and the ledger that settles it.

Each function is one Airflow task and one step of `leerstroom nightly`. It takes settings and paths, leaves files or rows, and returns a small
dictionary of paths and counts. Any of them may be killed and run again.
"""

import logging
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import orjson

from connectors.mapping import Mapper, Quarantined, serialised
from connectors.source import UNREADABLE, Connection, Record, Source, Window, answered, connect
from connectors.source import load as load_source
from leerstroom import ledger, quality, rekeying
from leerstroom.errors import ConfigurationError, LeerstroomError, NeedsOperator, QuotaExhausted
from leerstroom.landing import Store
from leerstroom.memory import limit
from leerstroom.people import Directory, People, Pseudonyms, Rotation
from leerstroom.people.rotation import SYSTEM
from leerstroom.processes import Workers
from leerstroom.quarantine import VOIDS, Rewritten, rewriting
from leerstroom.revisions import Revisions, Stated, stated, voided_by, voiding, with_id
from leerstroom.settings import Settings
from leerstroom.state import open_state
from leerstroom.statements import Retracted, Statement, utc_text
from leerstroom.subjects import erased_references

if TYPE_CHECKING:
    from connectors.lrs import Lrs, Rejection
    from leerstroom.lrs.storage import Storage

logger = logging.getLogger(__name__)

RECOMPUTED_DAYS = 35  # late statements and corrections change the past: rule R12 of docs/indicators.md
WINDOWS_DAYS = (7, 28, 90)
_PLAN = 1000  # statements whose facts are looked up together

Progress = Callable[[int], None]


def _nothing(_: int) -> None:
    """Progress that nobody watches."""


# --- what stages need --------------------------------------------------------------------------------------------------------


def connection_of(settings: Settings, name: str) -> Connection:
    """A configured connection. Raises ConfigurationError for an unknown name."""
    fields = settings.connections.get(name)
    if fields is None:
        raise ConfigurationError(
            f"there is no connection '{name}' in the settings; there are {', '.join(settings.connections) or 'none'}"
        )
    return Connection(name, str(fields["source"]), {key: value for key, value in fields.items() if key != "source"})


def judge(settings: Settings, connections: Iterable[Callable[[], Connection]]) -> list[str]:
    """What is wrong with single connections, as far as it can be told without asking another system; `leerstroom check` tries the rest.

    Raises ConfigurationError that lists these and every fault of the whole installation at once where there is one of the latter: such a night is
    worthless, while a connection that fails leaves the others standing.
    """
    from leerstroom.classification import load_rules
    from leerstroom.publishing.disclosure import Disclosure

    common = _faults((
        lambda: pseudonyms_of(settings),
        lambda: full_directory_of(settings),
        lambda: connect_directory_of(settings),
        lambda: load_rules(settings.rules),
        lambda: Disclosure.load(settings.hr.policy, settings.organisation.minimum_group_size),
        lambda: settings.my_learning_folder,
    ))
    own = _faults(partial(lambda made: connect(made()), each) for each in connections)
    if common:
        raise ConfigurationError("the night cannot begin: " + "; ".join([*common, *own]))
    return own


def connect_directory_of(settings: Settings) -> object:
    """The configured directory service, None where there is none. Raises ConfigurationError that names every wrong field; asks nobody."""
    from connectors.directories import connect as connect_directory

    configured = settings.directory
    return connect_directory(configured.source, configured.fields) if configured.source else None


def _faults(tries: Iterable[Callable[[], object]]) -> list[str]:
    found = []
    for each in tries:
        try:
            each()
        except ConfigurationError as error:
            found.append(str(error))
    return found


def pseudonyms_of(settings: Settings) -> Pseudonyms:
    """The pseudonyms under the organisation's key. Raises ConfigurationError when no key is set, and when what is stored is not under this one."""
    pseudonyms = unchecked_pseudonyms_of(settings)
    rekeying.check(open_state(settings.state_url), pseudonyms)
    return pseudonyms


def unchecked_pseudonyms_of(settings: Settings) -> Pseudonyms:
    """The pseudonyms under the organisation's key, whatever is stored. Raises ConfigurationError when no key is set."""
    if settings.pseudonym_key is None:
        raise ConfigurationError(
            "no pseudonym key is set; put a long random value into LEERSTROOM_PSEUDONYM_KEY and keep it: another key makes everyone a stranger"
        )
    return Pseudonyms.read(settings.pseudonym_key.get_secret_value())


def rotation_of(pseudonyms: Pseudonyms, platforms: Iterable[str], generation: int | None = None) -> Rotation:
    """What the key's rotations, or that to one `generation`, do to statements of these platforms. Raises ConfigurationError for one that is not installed."""
    steps = pseudonyms.steps if generation is None else pseudonyms.steps[generation - 2 : generation - 1]
    return Rotation(steps, [name for name in platforms if steps and load_source(name).keyed_ids])


def full_directory_of(settings: Settings) -> Directory:
    """The employee directory as HR keeps it; empty where none is configured."""
    if settings.directory.employees is None:
        return Directory()
    return Directory.read(settings.directory.employees, settings.directory.leave, settings.directory.excluded)


def refresh_directory(settings: Settings, run_id: str, *, accept_fewer: bool = False) -> dict[str, Any]:
    """Refreshes the employees' file from the configured directory service. Returns `{path, counts}`.

    Raises ConfigurationError when none is configured, and the errors of the service.
    """
    from connectors.directories import connect as connect_directory
    from leerstroom.people.refreshing import refresh

    configured = settings.directory
    if configured.source is None or configured.employees is None:
        raise ConfigurationError("no directory service is configured; set directory.source to graph, ldap or scim")
    service = connect_directory(configured.source, configured.fields)
    with _stage("directory", "directory", configured.source, settings, run_id) as stage:
        pulled = service.pull()
        today = ledger.now().astimezone(ZoneInfo(settings.organisation.time_zone)).date()
        done = refresh(pulled.people, configured.employees, today, accept_fewer=accept_fewer)
        stage.counts = {**done.as_json(), "left_out": dict(pulled.left_out)}
    return {"path": str(configured.employees), "counts": stage.counts}


def directory_of(settings: Settings) -> Directory:
    """The employee directory without people who were erased: no figure is made of them, not even a zero."""
    directory = full_directory_of(settings)
    erased = erased_references(open_state(settings.state_url))
    if erased:
        pseudonyms = pseudonyms_of(settings).first
        directory.employees = [each for each in directory.employees if pseudonyms.actor(each.employee_id) not in erased]
    return directory


def lrs_of(settings: Settings) -> "Lrs":
    """The connector to the configured LRS."""
    from connectors.lrs import Lrs

    return Lrs(
        settings.lrs.endpoint,
        settings.lrs.key,
        settings.lrs.secret.get_secret_value(),
        version=settings.lrs.version,
        name="lrs",
    )


@contextmanager
def lrs_storage_of(settings: Settings, database: str) -> "Generator[Storage, None, None]":
    """The database of the embedded LRS, open while the block runs.

    Raises ConfigurationError where it lacks the newest statement of the LRS at `lrs.endpoint`: a path that is wrong makes an empty store, and whoever
    erases a person there finds nothing and is content.
    """
    from leerstroom.lrs.storage import Storage
    from leerstroom.lrs.storage.preparing import uuid_key

    with lrs_of(settings) as lrs:
        newest = [uuid_key(each["id"]) for each in lrs.query(limit=1)]
    storage = Storage(database)
    try:
        if len(storage.reader.known(newest)) < len(newest):
            raise ConfigurationError("lrs.database is not the database of the LRS at lrs.endpoint; mend one of the two")
        yield storage
    finally:
        storage.close()


def people_of(source: Source, settings: Settings) -> People:
    """Resolution for one connection, in the first generation of the key: `load` takes the statements to the newest."""
    return People(
        pseudonyms_of(settings).first,
        tenant=source.tenant,
        source=source.name,
        connection=source.connection.name,
        directory=directory_of(settings),
        home_page=settings.organisation.home_page,
        erased=erased_references(open_state(settings.state_url)),
    )


def _rotation_to_load(settings: Settings, platform: str) -> Rotation:
    """What makes the newest generation of statements of the first; none needs a key before the first rotation."""
    if settings.pseudonym_key is None and not rekeying.reached(open_state(settings.state_url)):
        return Rotation(())
    return rotation_of(pseudonyms_of(settings), [platform])


def system_agent(settings: Settings) -> dict[str, Any]:
    """Who voids: ourselves."""
    return {"objectType": "Agent", "account": {"homePage": settings.organisation.home_page, "name": SYSTEM}}


@dataclass(slots=True)
class _Stage:
    """Counts of one stage of one connection on their way into the ledger."""

    counts: dict[str, Any] = field(default_factory=dict)


@contextmanager
def _stage(
    name: str,
    connection: str,
    source: str,
    settings: Settings,
    run_id: str,
    window: tuple[datetime, datetime] | None = None,
    kind: str = "",
) -> Generator[_Stage, None, None]:
    """Writes the stage's ledger entry, whether it ends well or not, and one line to the log.

    With a `kind` of source the days of the window are noted as missing when the stage fails: what did not reach the LRS is not zero.
    """
    engine = open_state(settings.state_url)
    stage, started, state = _Stage(), time.monotonic(), "failed"
    try:
        yield stage
        state = "done"
    except QuotaExhausted:
        state = "deferred"
        raise
    finally:
        seconds = time.monotonic() - started
        ledger.write(
            engine,
            ledger.Entry(
                run_id=run_id,
                connection=connection,
                source=source,
                stage=name,
                state=state,
                counts=stage.counts,
                at=ledger.now(),
                seconds=round(seconds),
                window_start=window[0] if window else None,
                window_end=window[1] if window else None,
            ),
        )
        if kind and window and state != "done":
            ledger.cover(engine, connection, kind, _days(*window, settings.organisation.time_zone), "missing")
        logger.info("%s %s: %s in %.1f s, %s", name, connection, state, seconds, orjson.dumps(stage.counts).decode())


def _days(start: datetime, end: datetime, zone: str) -> list[date]:
    """Local days that lie wholly or partly inside the window."""
    first, last = (
        start.astimezone(ZoneInfo(zone)).date(),
        (end - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).date(),
    )
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


# --- per connection ------------------------------------------------------------------------------------------------------------


def pull(
    connection: Connection,
    start: datetime,
    end: datetime,
    *,
    settings: Settings,
    run_id: str,
    progress: Progress = _nothing,
) -> dict[str, Any]:
    """Pulls a window, reduced at the edge, into the landing. Returns `{connection, source, path, counts}`."""
    source = connect(connection)
    window = Window(start, end)
    folder = f"landing/{source.name}/{connection.name}/{window.name}"
    store, pseudonyms = Store(settings.data), pseudonyms_of(settings)
    kind = str(source.kind)
    with _stage("pull", connection.name, source.name, settings, run_id, (start, end), kind) as stage:
        stage.counts = {"pulled": 0}
        as_of = Revisions(open_state(settings.state_url), connection.name).as_of(ledger.now())
        if source.needs_addresses:
            source.addresses = [each for employee in directory_of(settings).employees for each in employee.emails]
        store.begin(folder)
        with source.api() as api, store.writer(f"{folder}/records.jsonl.zst") as writer:
            pulled = () if source.is_lrs else source.pull(api, window.widened(source.look_back))
            for record in answered(source, chain(pulled, source.recheck(api, _landed_before(store, folder)))):
                kept = source.reduced(record, pseudonyms)
                writer.write({"kind": kept.kind, "key": kept.key, "record": kept})
                progress(writer.lines)
            stage.counts = {"pulled": writer.lines, "requests": api.requests_made}
        if source.is_lrs:
            stage.counts |= _copy(source, window.widened(source.look_back), settings, folder, as_of)
        store.finish(
            folder,
            {
                "connection": connection.name,
                "source": source.name,
                "kind": kind,
                "as_of": as_of,
                "start": utc_text(start),
                "end": utc_text(end),
                **stage.counts,
            },
        )
    return {"connection": connection.name, "source": source.name, "path": folder, "counts": stage.counts}


def _landed_before(store: Store, folder: str) -> Iterator[Record]:
    """The records of other windows of the same connection, each once, as the newest window has it."""
    seen: set[tuple[str, str]] = set()
    for other in sorted(store.folders(folder.rpartition("/")[0]), reverse=True):
        for record in landed(store, other) if other != folder else ():
            if (record.kind, record.key) not in seen and UNREADABLE not in record:
                seen.add((record.kind, record.key))
                yield record


def _copy(source: Source, window: Window, settings: Settings, folder: str, as_of: str) -> dict[str, int]:
    """Copies the statements of another store into ours, as they are: the landing stays empty. What is refused goes to quarantine by id."""
    connection, (_, _, rest) = source.connection.name, folder.partition("/")
    path, store = f"quarantine/{rest}/not_copied.jsonl.zst", Store(settings.data)
    with rewriting(store, path) as refused, lrs_of(settings) as lrs:

        def refuse(rejection: "Rejection", _: bytes) -> None:
            told = {"stage": "pull", "key": rejection.id, "reason": rejection.reason, "at": as_of}
            refused.write({"connection": connection, **told})

        report = source.copy(lrs, window, on_rejection=refuse)
        for _, statement_id in sorted(refused.waiting):
            if lrs.statement(statement_id) is not None:
                refused.came_up(statement_id)
    names = ("stored", "already_there", "conflicting", "rejected")
    return {"copied": report.sent, **{name: getattr(report, name) for name in names}}


def landed(store: Store, folder: str) -> Iterator[Record]:
    """The records of a landing folder."""
    for line in store.lines(f"{folder}/records.jsonl.zst"):
        value = orjson.loads(line)
        yield Record(value["kind"], value["key"], value["record"])


def map_landing(
    connection: Connection, path: str, *, settings: Settings, run_id: str, progress: Progress = _nothing
) -> dict[str, Any]:
    """Maps a landing folder into statements, retractions and quarantine. Returns `{connection, source, path, counts}`."""
    source = connect(connection, complete=False)
    store = Store(settings.data)
    manifest = store.manifest(path)
    _, _, rest = path.partition("/")
    folder, quarantine = f"statements/{rest}", f"quarantine/{rest}"
    mapper = Mapper(source, people_of(source, settings), version=settings.lrs.version, written=True)
    window, kind = _window(manifest), str(source.kind)
    with _stage("map", connection.name, source.name, settings, run_id, window, kind) as stage:
        store.begin(folder)
        with (
            store.writer(f"{folder}/statements.jsonl.zst") as statements,
            store.writer(f"{folder}/retractions.jsonl.zst") as retractions,
            rewriting(store, f"{quarantine}/quarantine.jsonl.zst") as rejected,
        ):

            def records() -> Iterator[Record]:
                for record in landed(store, path):
                    rejected.came_up(record.key, record.kind)
                    yield record

            for outcome in mapper.statements(records()):
                if isinstance(outcome, Quarantined):
                    rejected.write({
                        **outcome.as_json(),
                        "connection": connection.name,
                        "stage": "map",
                        "at": manifest["as_of"],
                    })
                elif isinstance(outcome, Retracted):
                    retractions.write(outcome.key)
                else:
                    statements.write_bytes(serialised(outcome))
                    progress(statements.lines)
        stage.counts = mapper.counts.as_json()
        store.finish(quarantine, {**manifest, "quarantined": sum(mapper.counts.quarantined.values())})
        store.finish(folder, {**manifest, **stage.counts, "landing": path})
    return {"connection": connection.name, "source": source.name, "path": folder, "counts": stage.counts}


def _window(manifest: Mapping[str, Any]) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(manifest["start"]), datetime.fromisoformat(manifest["end"])


def load(
    connection: str,
    path: str,
    *,
    settings: Settings,
    run_id: str,
    lrs: "Lrs | None" = None,
    progress: Progress = _nothing,
) -> dict[str, Any]:
    """Loads a statements folder into the LRS, voiding what it replaces or retracts. Returns `{connection, path, counts}`.

    The folder is of the first generation of the pseudonym key, the LRS and the facts are of the newest.
    """
    store = Store(settings.data)
    manifest = store.manifest(path)
    rotation = _rotation_to_load(settings, str(manifest["source"]))
    as_of, agent = manifest["as_of"], system_agent(settings)
    revisions = Revisions(open_state(settings.state_url), connection)
    planned = {"built": 0, "voids": 0, "superseded": 0}

    def voids(wanted: Iterable[tuple[str, str]]) -> Iterator[bytes]:
        for statement_id, at in wanted:
            planned["voids"] += 1
            yield serialised(voiding(statement_id, at, agent))

    def outgoing(refused: Rewritten) -> Iterator[bytes]:
        yield from voids(list(revisions.unsent(as_of)))
        lines = store.lines(f"{path}/statements.jsonl.zst")
        while batch := list(islice(lines, _PLAN)):
            planned["built"] += len(batch)
            facts = [stated(line) for line in batch]
            if rotation.steps:
                facts = [Stated(*map(rotation.id, each)) for each in facts]
                batch = [orjson.dumps(rotation.statement(orjson.loads(line))) for line in batch]
            decided = revisions.decide(facts, as_of)
            planned["superseded"] += decided.superseded
            for place, statement_id in decided.send:
                line = batch[place]
                refused.came_up(statement_id)
                yield line if statement_id == facts[place].statement_id else with_id(line, statement_id)
            yield from voids(decided.void)
        retracted = [rotation.id(orjson.loads(line)) for line in store.lines(f"{path}/retractions.jsonl.zst")]
        yield from voids(revisions.retract(retracted, as_of))

    window, kind = _window(manifest), str(manifest["kind"])
    with _stage("load", connection, str(manifest["source"]), settings, run_id, window, kind) as stage:
        _, _, rest = path.partition("/")
        unvoided: set[str] = set()
        with rewriting(store, f"quarantine/{rest}/refused.jsonl.zst") as refused, revisions:

            def refuse(rejection: "Rejection", raw: bytes) -> None:
                told = {"stage": "load", "key": rejection.id, "reason": rejection.reason, "at": as_of}
                if rotation.steps:
                    told["generation"] = len(rotation.steps) + 1
                if (voided := voided_by(orjson.loads(raw))) is not None:
                    unvoided.add(voided)
                    told[VOIDS] = voided
                refused.write({"connection": connection, **told})

            report = (lrs or lrs_of(settings)).load(outgoing(refused), on_batch=progress, on_rejection=refuse)
        revisions.confirm(unvoided)
        stage.counts = {
            **planned,
            "stored": report.stored,
            "already_there": report.already_there,
            "conflicting": report.conflicting,
            "rejected": report.rejected,
        }
        days = _days(*window, settings.organisation.time_zone)
        ledger.cover(open_state(settings.state_url), connection, kind, days, "ok")
    return {"connection": connection, "path": path, "counts": stage.counts}


def replay_quarantine(
    connection: Connection,
    landing: str,
    *,
    settings: Settings,
    run_id: str,
    lrs: "Lrs | None" = None,
    progress: Progress = _nothing,
) -> dict[str, Any]:
    """Maps and loads a landed window anew, once the cause of its quarantine was mended. Returns `{connection, path, counts}`.

    The whole window goes, because records of one occurrence are mapped together; what was right before gives the same statements, so nothing
    doubles. `counts` are those of both stages. Raises ConfigurationError when the landing is gone: then pull the window again.
    """
    mapped = map_landing(connection, landing, settings=settings, run_id=run_id, progress=progress)
    loaded = load(connection.name, mapped["path"], settings=settings, run_id=run_id, lrs=lrs, progress=progress)
    return {**loaded, "counts": {**mapped["counts"], **loaded["counts"]}}


# --- over all connections ----------------------------------------------------------------------------------------------------------


def mirror(*, settings: Settings, run_id: str, lrs: "Lrs | None" = None) -> dict[str, Any]:
    """Brings the mirror up to the LRS. Returns `{path, counts}`."""
    from connectors.lrs import mirror as bring
    from leerstroom.mirror import Mirror

    target = Mirror(f"{settings.data.rstrip('/')}/mirror")
    with _stage("mirror", "lrs", "lrs", settings, run_id) as stage:
        report = bring(lrs or lrs_of(settings), target)
        stage.counts = {"fetched": report.fetched, "new": report.new}
    return {"path": target.root, "counts": stage.counts}


def compute(*, settings: Settings, run_id: str, as_of: date, start: date | None = None) -> dict[str, Any]:
    """Computes all indicators as of a day: the days from `start` (35 days back by default) and the windows. Returns `{path, counts}`."""
    from leerstroom.classification import load_rules
    from leerstroom.indicators import compute as compute_indicators
    from leerstroom.mirror import Mirror

    source = Mirror(f"{settings.data.rstrip('/')}/mirror")
    target = f"indicators/as_of={as_of.isoformat()}"
    with _stage("compute", "indicators", "indicators", settings, run_id) as stage:
        values = compute_indicators(
            source.files(),
            directory_of(settings),
            rules=load_rules(settings.rules),
            coverage=ledger.coverage(open_state(settings.state_url)),
            from_=start or as_of - timedelta(days=RECOMPUTED_DAYS - 1),
            to=as_of,
            as_of=as_of,
            windows=WINDOWS_DAYS,
            time_zone=settings.organisation.time_zone,
            pseudonyms=pseudonyms_of(settings),
            home_page=settings.organisation.home_page,
            minimum_group=settings.organisation.minimum_group_size,
            memory_limit=memory_of(source.rows),
        )
        path = Store(settings.data).path(f"{target}/indicator_values.parquet")
        if "://" not in path:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        values.write_parquet(path)
        if settings.my_learning.write:
            values.write_events(events_beside(path), as_of - timedelta(days=RECOMPUTED_DAYS - 1))
        stage.counts = {"values": values.count}
        values.close()
    return {"path": path, "counts": stage.counts}


def memory_of(rows: int) -> str:
    """What DuckDB may take for the indicators of so many statements."""
    return limit(rows, of_a_core_mb=175, rows_of_an_mb=11_000)


def events_beside(values: str) -> str:
    """Where the classified events of a night lie: beside its values."""
    return f"{values.rsplit('/', 1)[0]}/events.parquet"


def publish(*, settings: Settings, run_id: str, as_of: date, values: str | None = None) -> dict[str, Any]:
    """Publishes the values of a day to HR: tables, workbook, report. Returns `{report, workbook, tables, counts}`."""
    from leerstroom import publishing

    path = values or Store(settings.data).path(f"indicators/as_of={as_of.isoformat()}/indicator_values.parquet")
    with _stage("publish", "hr", "hr", settings, run_id) as stage:
        published = publishing.publish(
            path,
            directory=directory_of(settings),
            coverage=ledger.coverage(open_state(settings.state_url)),
            as_of=as_of,
            out=settings.hr.out,
            database=settings.hr_database,
            language=settings.hr.language,
            policy=settings.hr.policy,
            organisation=settings.organisation.name,
            names=publishing.community_names(f"{settings.data.rstrip('/')}/mirror"),
            retention=settings.retention.rows,
            minimum_group=settings.organisation.minimum_group_size,
        )
        stage.counts = {"rows": published.rows}
    return {
        "report": str(published.report),
        "workbook": str(published.workbook),
        "tables": str(published.tables),
        "counts": stage.counts,
    }


def my_learning(
    *,
    settings: Settings,
    run_id: str,
    as_of: date,
    values: str | None = None,
    only: Iterable[str] | None = None,
    out: Path | None = None,
) -> dict[str, Any]:
    """Writes each employee's own file, or those of the employee ids in `only`; in the settings' folder, or in `out`. Returns `{folder, counts}`.

    Raises ConfigurationError when nothing was computed as of that day, or when the folder is HR's.
    """
    from leerstroom.classification import load_rules
    from leerstroom.mirror import Mirror
    from leerstroom.publishing import community_names
    from leerstroom.publishing.disclosure import Disclosure
    from leerstroom.publishing.my_learning import Own, write_my_learning

    if not settings.my_learning.write and only is None:
        return {"folder": "", "counts": {"files": 0}}
    folder, store = out or settings.my_learning_folder, Store(settings.data)
    computed = f"indicators/as_of={as_of.isoformat()}"
    path = values or store.path(f"{computed}/indicator_values.parquet")
    with _stage("my learning", "employees", "employees", settings, run_id) as stage:
        stage.counts = {"files": 0}
        if f"{computed}/events.parquet" not in store.files(computed, ".parquet"):
            raise ConfigurationError(
                f"no events were kept as of {as_of}; compute that night with my_learning.write on: leerstroom nightly"
            )
        mirrored = f"{settings.data.rstrip('/')}/mirror"
        own = Own(
            values=path,
            events=events_beside(path),
            mirror=Mirror(mirrored).files(),
            directory=directory_of(settings),
            rules=load_rules(settings.rules),
            pseudonyms=pseudonyms_of(settings),
            as_of=as_of,
            organisation=settings.organisation.name,
            disclosure=Disclosure.load(settings.hr.policy, settings.organisation.minimum_group_size),
            names=community_names(mirrored),
            language=settings.hr.language,
        )
        stage.counts = {"files": write_my_learning(own, folder, only)}
    return {"folder": str(folder), "counts": stage.counts}


def recompute(*, settings: Settings, run_id: str, as_of: date) -> None:
    """Computes and publishes a day again, and writes each employee's own file anew."""
    computed = compute(settings=settings, run_id=run_id, as_of=as_of)
    publish(settings=settings, run_id=run_id, as_of=as_of, values=computed["path"])
    my_learning(settings=settings, run_id=run_id, as_of=as_of, values=computed["path"])


def settle(*, settings: Settings, run_id: str, expected: Iterable[str] = ()) -> dict[str, Any]:
    """Checks that the run's ledger balances and says how the night ended: complete, or partial with what failed.

    A connection of `expected` that left no entry at all (its settings are wrong, its worker died) is unfinished too.
    Raises LedgerOutOfBalance when records went in that came out nowhere.
    """
    entries = ledger.check(open_state(settings.state_url), run_id)
    unfinished = {f"{entry.connection} ({entry.stage} {entry.state})" for entry in entries if entry.state != "done"}
    known = {entry.connection for entry in entries if entry.state != "done" or entry.stage == "load"}
    unfinished |= {f"{name} (not loaded)" for name in expected if name not in known}
    totals: dict[str, int] = {}
    for entry in entries:
        for name in ("pulled", "built", "stored", "already_there", "voids", "rejected", "conflicting"):
            if entry.stage == {"pulled": "pull", "built": "map"}.get(name, "load") and isinstance(
                entry.counts.get(name), int
            ):
                totals[name] = totals.get(name, 0) + entry.counts[name]
        if entry.stage == "map":
            for name in ("ignored", "quarantined"):
                totals[name] = totals.get(name, 0) + sum(entry.counts.get(name, {}).values())
    return {
        "run_id": run_id,
        "state": "partial" if unfinished else "complete",
        "unfinished": sorted(unfinished),
        "counts": totals,
    }


def check_quality(*, settings: Settings, as_of: date) -> list[quality.Finding]:
    """What a person should look at as of a day; marks days with far less than usual as suspect, and takes back what has come since."""
    from leerstroom.mirror import Mirror

    engine = open_state(settings.state_url)
    first = as_of - timedelta(days=quality.LOOKED_AT_DAYS - 1)
    files = Mirror(f"{settings.data.rstrip('/')}/mirror").files()
    counted = quality.daily_statements(
        files, settings.organisation.time_zone, first - timedelta(days=quality.USUAL_DAYS)
    )
    covered = ledger.coverage(engine)
    entries = [each for each in ledger.entries(engine) if each.at.date() >= first]
    suspects = quality.suspect_days(counted, covered, as_of)
    ledger.doubt(engine, [(kind, day) for kind, day, _, _ in suspects], first)
    return [
        *quality.missing_days(covered, as_of),
        *quality.out_of_balance(entries),
        *quality.drifting(suspects),
        *quality.full_quarantine(entries),
    ]


@dataclass(slots=True)
class Night:
    """What `run` did."""

    run_id: str
    settled: dict[str, Any]
    published: dict[str, Any]
    failures: dict[str, str] = field(default_factory=dict)


def run(
    settings: Settings,
    start: datetime,
    end: datetime,
    *,
    only: Iterable[str] = (),
    at_once: int = 1,
    announce: Callable[[str], None] = logger.info,
) -> Night:
    """The whole night without Airflow. A connection that fails does not stop the others; its reason is in `failures`. Raises what `judge` raises.

    With `at_once` above 1 so many connections go on at a time, and they and the stages after them have processes of their own, as under Airflow.
    """
    run_id = f"manual__{utc_text(start)}__{utc_text(end)}"
    shared: dict[str, Any] = {"settings": settings, "run_id": run_id}
    names = list(only or settings.connections)
    stale, failures = _refreshed(settings, run_id, announce), {}
    judge(settings, (partial(connection_of, settings, name) for name in names))

    with Workers(at_once) as workers:

        def bring_in(name: str) -> None:
            try:
                workers.do(_bring_in, announce=announce, name=name, start=start, end=end, **shared)
            except LeerstroomError as error:
                failures[name] = str(error)
                announce(f"{name}: {error}")

        workers.all(*(partial(bring_in, name) for name in names))
        announce("mirror")
        workers.do(mirror, **shared)
        as_of = (end - timedelta(microseconds=1)).astimezone(ZoneInfo(settings.organisation.time_zone)).date()
        announce(f"indicators as of {as_of}")
        values = workers.do(compute, as_of=as_of, **shared)["path"]
        announce("publish, and my learning")
        published, own = workers.all(
            *(partial(workers.do, stage, as_of=as_of, values=values, **shared) for stage in (publish, my_learning))
        )
    settled = settle(**shared, expected=names)
    if failures and len(failures) == len(names):
        raise NeedsOperator(
            "every connection failed: " + "; ".join(f"{name}: {reason}" for name, reason in failures.items())
        )
    return Night(run_id, settled, {**published, "my_learning": own["folder"]}, {**stale, **failures})


def _bring_in(
    name: str, start: datetime, end: datetime, *, settings: Settings, run_id: str, announce: Callable[[str], None]
) -> None:
    """Pull, map and load of one connection."""
    connection = connection_of(settings, name)
    announce(f"{name}: pull")
    pulled = pull(connection, start, end, settings=settings, run_id=run_id)
    announce(f"{name}: {pulled['counts']['pulled']} records; map")
    mapped = map_landing(connection, pulled["path"], settings=settings, run_id=run_id)
    announce(f"{name}: {mapped['counts']['built']} statements; load")
    load(name, mapped["path"], settings=settings, run_id=run_id)


def _refreshed(settings: Settings, run_id: str, announce: Callable[[str], None]) -> dict[str, str]:
    """Refreshes the directory where a service is configured; the night goes on with the file of the day before when it fails."""
    if settings.directory.source is None:
        return {}
    announce(f"directory: {settings.directory.source}")
    try:
        refresh_directory(settings, run_id)
    except LeerstroomError as error:
        announce(f"directory: {error}")
        return {"directory": str(error)}
    return {}


def local_window(from_: date, to: date, zone: str) -> tuple[datetime, datetime]:
    """The window of the local days `from_` to `to`, both inclusive, as aware UTC times. Raises ConfigurationError where they end before they begin."""
    if to < from_:
        raise ConfigurationError(f"the days end ({to}) before they begin ({from_}); exchange the two")
    midnight = datetime.min.time()
    start = datetime.combine(from_, midnight, ZoneInfo(zone))
    end = datetime.combine(to + timedelta(days=1), midnight, ZoneInfo(zone))
    return start.astimezone(UTC), end.astimezone(UTC)


__all__ = [
    "Night",
    "Statement",
    "check_quality",
    "compute",
    "connection_of",
    "directory_of",
    "landed",
    "load",
    "local_window",
    "lrs_of",
    "map_landing",
    "mirror",
    "my_learning",
    "people_of",
    "publish",
    "pull",
    "replay_quarantine",
    "run",
    "settle",
]
