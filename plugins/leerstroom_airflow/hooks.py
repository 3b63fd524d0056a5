"""Hooks: an Airflow connection as one of our objects, and a way to try it. `MoodleHook(connection_id="academy").source`.

Each installed source has a hook, named for it (`MatrixHook`, `ZoomHook` …) and made on demand, because Airflow wants one class a connection type.
"""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseHook

from connectors.source import Connection, Source, connect
from leerstroom.errors import ConfigurationError, LeerstroomError
from leerstroom_airflow import provider
from leerstroom_airflow.fields import read

if TYPE_CHECKING:
    from connectors.lrs import Lrs
    from leerstroom.settings import LrsSettings


class SourceHook(BaseHook):
    """A connection of a source. `source` is ready to pull and map; `connection` is what the stages take."""

    conn_name_attr = "connection_id"
    default_conn_name = ""
    conn_type = ""
    hook_name = ""
    source_class: ClassVar[type[Source]]

    def __init__(self, connection_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.connection_id = connection_id

    @cached_property
    def connection(self) -> Connection:
        """The connection as the stages take it."""
        found = self.get_connection(self.connection_id)
        return Connection(
            self.connection_id, self.source_class.name, read(found, provider.settings_of(self.source_class))
        )

    @cached_property
    def source(self) -> Source:
        """The source, its fields checked. Raises ConfigurationError that names every wrong field."""
        return connect(self.connection)

    def get_conn(self) -> Source:
        """The source; Airflow's name for it."""
        return self.source

    def test_connection(self) -> tuple[bool, str]:
        """Tries the platform; what was found, or what is wrong and what to do."""
        try:
            with self.source.api() as api:
                return True, self.source.check(api)
        except LeerstroomError as error:
            return False, str(error)


class LrsHook(BaseHook):
    """A learning record store. `client` loads, queries and mirrors."""

    conn_name_attr = "connection_id"
    default_conn_name = provider.LRS_CONNECTION
    conn_type = provider.LRS_CONNECTION
    hook_name = "Learning record store (Leerstroom)"

    def __init__(self, connection_id: str = provider.LRS_CONNECTION, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.connection_id = connection_id

    @cached_property
    def settings(self) -> "LrsSettings":
        """The connection as the section `lrs` of our settings."""
        from pydantic import ValidationError

        from leerstroom.settings import LrsSettings

        fields = read(self.get_connection(self.connection_id), provider.LRS_SETTINGS)
        fields["endpoint"] = fields.pop("host", "")
        missing = [name for name in ("endpoint", "key", "secret") if not fields.get(name)]
        if missing:
            raise ConfigurationError(f"connection '{self.connection_id}': {', '.join(missing)} missing")
        try:
            return LrsSettings(**fields)
        except ValidationError as error:
            faults = "; ".join(f"{each['loc'][0]}: {each['msg']}" for each in error.errors())
            raise ConfigurationError(f"connection '{self.connection_id}': {faults}") from None

    @cached_property
    def client(self) -> "Lrs":
        """The LRS connector."""
        from connectors.lrs import Lrs

        found = self.settings
        return Lrs(
            found.endpoint, found.key, found.secret.get_secret_value(), version=found.version, name=self.connection_id
        )

    def get_conn(self) -> "Lrs":
        """The LRS connector; Airflow's name for it."""
        return self.client

    def test_connection(self) -> tuple[bool, str]:
        """Asks the LRS for its versions and for one statement."""
        try:
            return True, str(self.client.check())
        except LeerstroomError as error:
            return False, str(error)


class HrDatabaseHook(BaseHook):
    """The database of HR's tables: PostgreSQL when the connection names a host, else a DuckDB file."""

    conn_name_attr = "connection_id"
    default_conn_name = provider.HR_CONNECTION
    conn_type = provider.HR_CONNECTION
    hook_name = "HR database (Leerstroom)"

    def __init__(self, connection_id: str = provider.HR_CONNECTION, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.connection_id = connection_id

    @cached_property
    def url(self) -> str:
        """`postgresql://…`, or the path of the DuckDB file, as the setting `hr.database` takes it."""
        from sqlalchemy import URL

        found = self.get_connection(self.connection_id)
        if not found.schema:
            raise ConfigurationError(f"connection '{self.connection_id}': the database's name (or path) is missing")
        if not found.host:
            return str(found.schema)
        made = URL.create("postgresql", found.login, found.password, found.host, found.port, found.schema)
        return made.render_as_string(hide_password=False)

    def get_conn(self) -> Any:
        """An open connection: of psycopg, or of duckdb in read-only mode."""
        if self.url.startswith("postgresql:"):
            import psycopg

            return psycopg.connect(self.url, connect_timeout=10)
        import duckdb

        return duckdb.connect(self.url, read_only=True)

    def test_connection(self) -> tuple[bool, str]:
        """Opens the database; a DuckDB file that is not there yet is fine when its folder is."""
        try:
            if not self.url.startswith("postgresql:") and not Path(self.url).exists():
                folder = Path(self.url).resolve().parent
                return folder.is_dir(), (
                    f"{self.url} will be made" if folder.is_dir() else f"there is no folder {folder}; make it"
                )
            with self.get_conn() as opened:
                opened.execute("select 1")
        except LeerstroomError as error:
            return False, str(error)
        except Exception as error:  # noqa: BLE001 - two drivers, each with its own tree of errors; none may reach the form as a traceback
            return (
                False,
                f"cannot open the HR database ({type(error).__name__}); check host, database, user and password",
            )
        return True, "the HR database answers"


def __getattr__(name: str) -> type[SourceHook]:
    """The hook of an installed source, by its name."""
    for kind, source in provider.sources().items() if name.endswith("Hook") else ():
        if provider.hook_class(source.name) == name:
            made = type(
                name,
                (SourceHook,),
                {
                    "__doc__": f"A connection of {source.title}.",
                    "__module__": __name__,
                    "conn_type": kind,
                    "hook_name": f"{source.title} (Leerstroom)",
                    "source_class": source,
                },
            )
            globals()[name] = made
            return made
    raise AttributeError(name)


__all__ = ["HrDatabaseHook", "LrsHook", "SourceHook"]
