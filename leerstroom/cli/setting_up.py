"""`leerstroom init`, `check`: a start configuration, and everything that can be wrong with one, told at once."""

import contextlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leerstroom.cli.pipeline import Json, SettingsFile
from leerstroom.cli.terminal import print_json
from leerstroom.errors import ConfigurationError, LeerstroomError

if TYPE_CHECKING:
    from leerstroom.settings import Settings

LEAST_FREE_BYTES = 1 << 30  # a night of a million records takes less
_PROBE = ".leerstroom-check.json"


def register(app: typer.Typer) -> None:
    """Adds this room's commands."""
    app.command(epilog="Example: leerstroom check academy")(check)
    app.command(epilog="Example: leerstroom init leerstroom.yaml")(init)


# --- check -----------------------------------------------------------------------------------------------------------------------


class Look(Exception):
    """Not wrong, but a person should look at it before the first night; the text says at what."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; `state` is ok, look or FAIL."""

    state: str
    what: str
    text: str


Check = tuple[str, Callable[[], str]]


def check(
    only: Annotated[
        str | None, typer.Argument(help="Only this connection, or one of the other lines: lrs, directory, rules …")
    ] = None,
    settings: SettingsFile = None,
    json: Json = False,
) -> None:
    """Tries every connection, the LRS, directory, rules, disclosure, databases and disks: one line each; exit 1 if one fails."""
    found = []
    for each in findings(only, settings):
        found.append(each)
        if not json:
            typer.echo(f"{each.state:<4}  {each.what}: {each.text}")
    if json:
        print_json([asdict(each) for each in found])
    raise typer.Exit(1 if any(each.state == "FAIL" for each in found) else 0)


def findings(only: str | None, file: Path | None) -> Iterator[Finding]:
    """What every check found; with `only` a connection of that name, or one of the other checks. Without readable settings nothing can be tried."""
    from leerstroom.settings import Settings

    try:
        configured = Settings.load(file)
    except LeerstroomError as error:
        yield Finding("FAIL", "settings", str(error))
        return
    connections: list[Check] = [(name, partial(_connection, configured, name)) for name in configured.connections]
    checks = [*connections, *_installation(configured)]
    if only is not None:
        checks = [each for each in checks if each[0] == only][:1] or [(only, partial(_connection, configured, only))]
    for what, tried in checks:
        yield _found(what, tried)


def _found(what: str, tried: Callable[[], str]) -> Finding:
    try:
        return Finding("ok", what, tried())
    except Look as look:
        return Finding("look", what, str(look))
    except LeerstroomError as error:
        return Finding("FAIL", what, str(error))
    except Exception as error:  # noqa: BLE001 - one check that breaks must not hide what the others find; its text may hold what it read
        return Finding("FAIL", what, f"the check itself broke ({type(error).__name__}); tell us")


def _installation(configured: "Settings") -> Iterator[Check]:
    """Everything but the connections."""
    yield "lrs", partial(_lrs, configured)
    if not configured.connections:
        yield "connections", _no_connections
    if configured.directory.source:
        yield "directory service", partial(_directory_service, configured)
    yield "directory", partial(_directory, configured)
    yield "pseudonym key", partial(_pseudonym_key, configured)
    yield "rules", partial(_rules, configured)
    yield "disclosure", partial(_disclosure, configured)
    yield "state", partial(_state, configured)
    yield "hr database", partial(_hr_database, configured)
    yield "data root", partial(_data_root, configured)
    yield "hr folder", partial(_folder, configured.hr.out)
    if configured.my_learning.write:
        yield "my learning", lambda: _folder(configured.my_learning_folder)
    yield "package name", _package_name


def _connection(configured: "Settings", name: str) -> str:
    from connectors.source import connect, load
    from leerstroom.nightly import connection_of

    found = connection_of(configured, name)
    if not found.fields and any(setting.required for setting in load(found.source).settings):
        raise Look(f"its fields are not in this file; where Airflow keeps them: airflow connections test {name}")
    source = connect(found)
    with source.api() as api:
        return source.check(api)


def _no_connections() -> str:
    raise Look("none in this file: only those of Airflow's variable leerstroom_connections are pulled")


def _lrs(configured: "Settings") -> str:
    from leerstroom.nightly import lrs_of

    if not configured.lrs.key or not configured.lrs.secret.get_secret_value():
        raise ConfigurationError(
            "lrs.key and lrs.secret are empty; leerstroom lrs serve takes both from the environment"
        )
    return lrs_of(configured).check()


def _directory_service(configured: "Settings") -> str:
    from connectors.directories import connect

    return connect(str(configured.directory.source), configured.directory.fields).check()


def _directory(configured: "Settings") -> str:
    from leerstroom.nightly import directory_of

    directory = directory_of(configured)
    if not directory.employees:
        raise Look(
            "it holds no employee, so every statement stays with an account that nobody knows; see docs/directory.md"
        )
    teams = {employee.team for employee in directory.employees if employee.team}
    return f"{len(directory.employees)} employees in {len(teams)} teams, {len(directory.excluded_accounts)} accounts that are no person"


def _pseudonym_key(configured: "Settings") -> str:
    from sqlalchemy.exc import SQLAlchemyError

    from leerstroom.nightly import pseudonyms_of, unchecked_pseudonyms_of

    secrets = unchecked_pseudonyms_of(configured).fingerprints
    try:
        pseudonyms_of(configured)
    except (SQLAlchemyError, ImportError, OSError):
        raise Look("set; without the state database nobody can tell whether what is stored is under it") from None
    return "set" if len(secrets) == 1 else f"set, with {len(secrets)} secrets; what is stored is under them"


def _rules(configured: "Settings") -> str:
    from leerstroom.classification import load_rules

    return f"version {load_rules(configured.rules).version}"


def _disclosure(configured: "Settings") -> str:
    """The policy, and for whom it leaves nothing to see."""
    from leerstroom.nightly import directory_of
    from leerstroom.publishing.disclosure import Disclosure

    least = configured.organisation.minimum_group_size
    policy = Disclosure.load(configured.hr.policy, least)
    sizes = Counter(employee.team for employee in directory_of(configured).employees if employee.team)
    small = sum(size < policy.minimum_group for size in sizes.values())
    told = f"{configured.hr.policy}: HR sees {len(policy.per_person)} figures of each person and {len(policy.per_group)} of groups of {policy.minimum_group} and more"
    if sizes and small == len(sizes):
        raise Look(f"{told}; no team is that large, so HR sees no team at all")
    return told + (f"; {small} of {len(sizes)} teams are smaller" if small else "")


def _state(configured: "Settings") -> str:
    from sqlalchemy.exc import SQLAlchemyError

    from leerstroom.state import open_state

    try:
        engine = open_state(configured.state_url)
    except (SQLAlchemyError, ImportError, OSError) as error:
        raise ConfigurationError(
            f"the state database cannot be opened ({type(error).__name__}); check the setting state, and whether its server is up"
        ) from None
    return f"{engine.dialect.name} answers"


def _hr_database(configured: "Settings") -> str:
    from leerstroom.publishing.databases import is_postgres, target

    url = configured.hr_database
    if "://" not in url and not Path(url).exists():
        return "a DuckDB file, made by the first night"
    with target(url) as opened:
        if not is_postgres(opened):
            return "the DuckDB file can be written"
        if not opened.first("SELECT has_schema_privilege(current_schema(), 'CREATE')"):
            raise ConfigurationError("the user of hr.database may not make tables; grant CREATE on its schema")
    return "PostgreSQL answers, and tables can be made"


def _data_root(configured: "Settings") -> str:
    from leerstroom.landing import Store

    store = Store(configured.data)
    if "://" not in configured.data:
        return _folder(Path(configured.data))
    try:
        store.write_json(_PROBE, {"written": True})
        read = store.read_json(_PROBE)
        store.remove(_PROBE)
    except Exception as error:  # noqa: BLE001 - every kind of store has its own tree of errors
        raise ConfigurationError(
            f"{configured.data} cannot be written and read ({type(error).__name__}); check bucket, credentials and address"
        ) from None
    if read != {"written": True}:
        raise ConfigurationError(f"{configured.data} does not give back what was written")
    return f"{configured.data} can be written and read"


def _folder(folder: Path) -> str:
    """Whether a folder can be written, and how much room there is."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".leerstroom-check-"):
            free = shutil.disk_usage(folder).free
    except OSError as error:
        raise ConfigurationError(
            f"{folder} cannot be written ({error.strerror}); give this user the right, or choose another"
        ) from None
    if free < LEAST_FREE_BYTES:
        raise ConfigurationError(
            f"{folder} has {free / 1e6:.0f} MB left; a night needs {LEAST_FREE_BYTES / 1e6:.0f} MB: make room"
        )
    return f"{folder} can be written, {free / 1e9:.0f} GB free"


def _package_name() -> str:
    from importlib.metadata import packages_distributions

    owners = set(packages_distributions().get("connectors", ())) - {"leerstroom"}
    if owners:
        raise ConfigurationError(
            f"{', '.join(sorted(owners))} also installs a package 'connectors'; remove it from this environment"
        )
    return "connectors is ours"


# --- init ------------------------------------------------------------------------------------------------------------------------

_START = """\
# Settings of Leerstroom. ${NAME} is read from the environment, so that no secret stands here. Try it: leerstroom check
organisation:
  name: Our organisation
  home_page: https://people.example.org     # home page of employees' accounts in the LRS; never change it once statements are stored
  time_zone: Europe/Amsterdam
  # minimum_group_size: 5                    # of groups that HR sees; never less than 5

data: var/data                               # landing, statements, quarantine, mirror; also s3://bucket/folder
# state: postgresql+psycopg://leerstroom@db/leerstroom    # ledger; a SQLite file in the data root by default
directory:
  employees: employees.csv                   # employee_id,emails,team,... see docs/directory.md
  # source: graph                            # or ldap, scim: leerstroom directory sources; its fields stand here too, and refresh the file
  # leave: leave.csv
  # excluded: excluded_accounts.csv          # robots, room devices, shared mailboxes

lrs:
  endpoint: http://127.0.0.1:8765/xapi/      # the embedded one: leerstroom lrs serve; or any that speaks xAPI 1.0.3 or 2.0
  key: ${LEERSTROOM_LRS_KEY}
  secret: ${LEERSTROOM_LRS_SECRET}
  # database: var/data/lrs.sqlite            # of the embedded one, as in lrs serve --database: erasure, retention and re-keying need it

hr:
  out: var/hr                                # report and workbook
  # database: postgresql://hr@db/hr          # tables; a DuckDB file in `out` by default
  language: nl                               # or en
  policy: per-employee                       # or groups-only; see docs/governance.md

# my_learning: {out: var/my-learning}        # for each employee a file about themselves; {write: false} for none
# retention: {landing_days: 14, quarantine_days: 90, lrs_months: 13}    # see docs/governance.md, section 6
# notify: {mail: {to: [operators@example.org]}}                         # under Airflow; see docs/operators.md

pseudonym_key: ${LEERSTROOM_PSEUDONYM_KEY}   # long and random, kept safe for ever; a rotation adds a line: docs/operators.md

connections: {}                              # leerstroom sources tells the fields of each; under Airflow they may live in its connections
  # academy: {source: moodle, host: https://moodle.example.org, token: "${MOODLE_TOKEN}"}
  # chat: {source: matrix, host: https://matrix.example.org, token: "${MATRIX_TOKEN}", rooms: ["!room:example.org"]}
  # webinars: {source: zoom, account_id: abc, client_id: "${ZOOM_ID}", client_secret: "${ZOOM_SECRET}"}
  # registers: {source: sheet, files: registers/*.xlsx}
"""
_EMPLOYEES = "employee_id,emails,team,manager,fte,in_service_from,in_service_to\n"


def init(
    file: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("leerstroom.yaml"),
) -> None:
    """Writes a commented start configuration and, beside it, an employees.csv with its columns; never over an existing file."""
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(_START)
    except FileExistsError:
        typer.echo(f"leerstroom: {file} exists already; choose another name", err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        typer.echo(f"leerstroom: {file} cannot be written ({error.strerror})", err=True)
        raise typer.Exit(1) from None
    with contextlib.suppress(FileExistsError), file.with_name("employees.csv").open("x", encoding="utf-8") as stream:
        stream.write(_EMPLOYEES)
    typer.echo(f"wrote {file}; fill in directory and connections, then run: leerstroom check")
