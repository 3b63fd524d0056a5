"""The small database that the stages share: ledger, facts, voids, coverage, runs and generations of the key. SQLite by default, PostgreSQL by URL.

It holds counts, ids and dates, never a record or a person. Losing it loses no learning: the LRS is the source of truth.
"""

from functools import cache
from pathlib import Path

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    DateTime,
    Engine,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    inspect,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import NullPool

from leerstroom.errors import ConfigurationError, Unreachable

metadata = MetaData()
_MAKING_TABLES = 7_233_517  # any number that nobody else locks in this database

ledger = Table(
    "ledger",
    metadata,
    Column("run_id", String(250), primary_key=True),
    Column("connection", String(100), primary_key=True),
    Column("stage", String(20), primary_key=True),
    Column("source", String(100), nullable=False),
    Column("window_start", DateTime(timezone=True)),
    Column("window_end", DateTime(timezone=True)),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("seconds", Integer, nullable=False, default=0),
    Column("state", String(20), nullable=False),  # done | failed | deferred
    Column("counts", Text, nullable=False),  # JSON
)

facts = Table(
    "facts",
    metadata,
    Column("connection", String(100), primary_key=True),
    Column("fact", String(36), primary_key=True),
    Column("record", String(36), nullable=False),
    Column("statement_id", String(36), nullable=False),
    Column("base_id", String(36), nullable=False),
    Column("as_of", String(32), nullable=False),
    Column("voided", Boolean, nullable=False, default=False),
    Index("facts_by_record", "connection", "record"),
    sqlite_with_rowid=False,  # the rows lie in the tree of their key: one tree less to write to
)

voids = Table(
    "voids",
    metadata,
    Column("statement_id", String(36), primary_key=True),
    Column("connection", String(100), nullable=False),
    Column("fact", String(36), nullable=False),
    Column("at", String(32), nullable=False),
    Column("done", Boolean, nullable=False, default=False),
    Index("voids_to_send", "connection", "done"),
)

coverage = Table(
    "coverage",
    metadata,
    Column("date", Date, primary_key=True),
    Column("connection", String(100), primary_key=True),
    Column("source_kind", String(20), nullable=False),
    Column("status", String(20), nullable=False),  # ok | missing | suspect
)

erased = Table(
    "erased",
    metadata,
    Column("reference", String(40), primary_key=True),  # a keyed reference: it says nothing without the key
    Column("at", DateTime(timezone=True), nullable=False),
)


generations = Table(
    "generations",
    metadata,
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("fingerprint", String(16), nullable=False),  # of the secret that made it
    Column("reached", String(10), nullable=False),  # which stores are re-keyed: see leerstroom.rekeying
    Column("at", DateTime(timezone=True), nullable=False),
)


@cache
def open_state(url: str) -> Engine:
    """The engine of a state database, its tables made where they are missing. SQLite runs in WAL mode and waits for locks.

    Raises ConfigurationError for a file that is no such database or may not be written, Unreachable for a server that does not answer.
    """
    shown = make_url(url).render_as_string(hide_password=True)
    try:
        return _opened(url)
    except OperationalError as error:
        if url.startswith("sqlite:"):
            raise ConfigurationError(
                f"state database {shown}: {error.orig}; check the path, its rights and the disk"
            ) from None
        raise Unreachable(f"state database {shown}: no answer; check that it runs, and the setting 'state'") from None
    except DatabaseError as error:
        raise ConfigurationError(
            f"state database {shown}: {error.orig}; move it away or mend the setting 'state'"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"state database {shown}: {error.strerror}; check the path and its rights") from None


def _opened(url: str) -> Engine:
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": 60})

        @event.listens_for(engine, "connect")
        def _pragmas(connection: object, _: object) -> None:
            cursor = connection.cursor()  # type: ignore[attr-defined]
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=NORMAL")
            cursor.execute("PRAGMA cache_size=-32768")  # 32 MB: keys come in no order, and each may touch another page
            cursor.close()

    else:
        engine = create_engine(url, pool_pre_ping=True)
    _make_tables(engine)
    return engine


def _make_tables(engine: Engine) -> None:
    """One process at a time: the first tasks of the first night open the database in the same moment."""
    if set(metadata.tables) <= set(inspect(engine).get_table_names()):
        return
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MAKING_TABLES})")
        metadata.create_all(connection)
