"""All settings, typed: one YAML file, then the environment (`LEERSTROOM_LRS__ENDPOINT`), every fault reported at once.

`${NAME}` in the file is replaced by the environment variable of that name, so no secret needs to stand in it.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from leerstroom.errors import ConfigurationError
from leerstroom.people.resolution import DEFAULT_HOME_PAGE
from leerstroom.schemas import load_yaml

DEFAULT_FILE = "leerstroom.yaml"
FILE_VARIABLE = "LEERSTROOM_SETTINGS"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OrganisationSettings(_Part):
    """Who we are: the name on the report and the home page of employees' accounts in the LRS."""

    name: str = "Our organisation"
    home_page: str = DEFAULT_HOME_PAGE
    time_zone: str = "Europe/Amsterdam"
    minimum_group_size: int = Field(default=5, ge=5)

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            raise ValueError("no time zone of the IANA list, such as Europe/Amsterdam") from None
        return name


class DirectorySettings(BaseModel):
    """CSV files of the employee directory; with a `source` (graph, ldap, scim) and its fields a service refreshes `employees`."""

    model_config = ConfigDict(extra="allow", frozen=True)

    employees: Path | None = None
    leave: Path | None = None
    excluded: Path | None = None
    source: str | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of the source, which it checks itself."""
        return dict(self.model_extra or {})

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.source is None and self.fields:
            raise ValueError(f"unknown: {', '.join(self.fields)}; fields of a directory service need its source")
        if self.source is not None and self.employees is None:
            raise ValueError("a source needs employees: the file that it refreshes")
        return self

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Never the fields: they hold secrets."""
        return ((name, getattr(self, name)) for name in type(self).model_fields)


class LrsSettings(_Part):
    """The learning record store that statements go to."""

    endpoint: str = Field(default="http://127.0.0.1:8765/xapi/", pattern=r"^https?://[^/\s]")
    key: str = ""
    secret: SecretStr = SecretStr("")
    version: Literal["1.0.3", "2.0.0"] = "1.0.3"
    database: str | None = None  # the embedded LRS behind it, where it can be reached: to erase, forget, re-key


class HrSettings(_Part):
    """What HR receives: folder of report and workbook, database of the tables (a DuckDB file there, or `postgresql://…`)."""

    out: Path = Path("var/hr")
    database: str | None = None
    language: Literal["en", "nl"] = "nl"
    policy: Literal["per-employee", "groups-only"] = "per-employee"


class MailSettings(_Part):
    """Mail to those who operate; `connection` is Airflow's of type SMTP."""

    connection: str = "smtp_default"
    to: tuple[str, ...] = Field(min_length=1)


class SlackSettings(_Part):
    """Messages to a channel; `connection` is Airflow's of type Slack API."""

    connection: str = "slack_api_default"
    channel: str


class NotifySettings(_Part):
    """Who is told of failed tasks, partial nights and late tables, under Airflow."""

    mail: MailSettings | None = None
    slack: SlackSettings | None = None


class RetentionSettings(_Part):
    """How long each store keeps what it holds; empty keeps for ever. The Dag `learning_retention` and every publication hold to it."""

    landing_days: int | None = Field(default=14, ge=1)
    statements_days: int | None = Field(default=14, ge=1)
    quarantine_days: int | None = Field(default=90, ge=1)
    mirror_months: int | None = Field(
        default=None, ge=5
    )  # figures look back 90 days over 35 days that are computed anew
    lrs_months: int | None = Field(default=None, ge=5)
    day_rows_days: int | None = Field(default=90, ge=1)
    window_rows_days: int | None = Field(default=730, ge=1)

    @property
    def rows(self) -> dict[str, int | None]:
        """Days by grain of HR's rows."""
        return {"employee_day": self.day_rows_days, "employee_window": self.window_rows_days}


class MyLearningSettings(_Part):
    """What each employee receives about themselves: a folder of files that nobody else gets; by default `my-learning` beside HR's folder."""

    write: bool = True
    out: Path | None = None


class Settings(BaseSettings):
    """One installation. `connections` maps a name to `{source: …, and the fields of that source}`."""

    model_config = SettingsConfigDict(env_prefix="LEERSTROOM_", env_nested_delimiter="__", extra="forbid", frozen=True)

    organisation: OrganisationSettings = OrganisationSettings()
    data: str = "var/data"
    state: str = ""
    directory: DirectorySettings = DirectorySettings()
    lrs: LrsSettings = LrsSettings()
    hr: HrSettings = HrSettings()
    notify: NotifySettings = NotifySettings()
    retention: RetentionSettings = RetentionSettings()
    my_learning: MyLearningSettings = MyLearningSettings()
    rules: Path | None = None
    pseudonym_key: SecretStr | None = None
    pseudonym_key_file: Path | None = (
        None  # a file that a secrets back-end mounts (Docker, Kubernetes, Vault's agent); read once
    )
    connections: dict[str, dict[str, Any]] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _key_of_a_file(cls, values: dict[str, Any]) -> dict[str, Any]:
        if not values.get("pseudonym_key") and (file := values.get("pseudonym_key_file")):
            with suppress(OSError, ValueError):  # told with the faults of the other fields
                values = {**values, "pseudonym_key": Path(file).read_text(encoding="utf-8").strip()}
        return values

    @field_validator("pseudonym_key_file")
    @classmethod
    def _readable(cls, file: Path | None, info: ValidationInfo) -> Path | None:
        if file is not None and not info.data.get("pseudonym_key"):
            try:
                file.read_text(encoding="utf-8")
            except (OSError, ValueError) as error:
                raise ValueError(f"{file} cannot be read ({type(error).__name__})") from None
        return file

    @field_validator("connections")
    @classmethod
    def _named_sources(cls, value: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        faults = [
            f"connection name '{name}' needs lower-case letters, digits, - and _"
            for name in value
            if not re.fullmatch(r"[a-z][a-z0-9_-]{0,60}", name)
        ]
        faults += [f"connection '{name}' names no source" for name, fields in value.items() if not fields.get("source")]
        if faults:
            raise ValueError(", ".join(faults))
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file."""
        return env_settings, init_settings

    @classmethod
    def load(cls, path: str | Path | None = None) -> "Settings":
        """From `path`, else from the file that `LEERSTROOM_SETTINGS` names, else from ./leerstroom.yaml where it exists.

        Relative paths in the file are relative to it. Raises ConfigurationError that lists every fault.
        """
        named = path or os.environ.get(FILE_VARIABLE)
        file = Path(named) if named else Path(DEFAULT_FILE)
        values: dict[str, Any] = {}
        missing: list[str] = []
        if named or file.exists():
            loaded = load_yaml(file)
            if not isinstance(loaded, dict | None):
                raise ConfigurationError(f"{file} is no table of settings")
            values = _expanded(loaded or {}, missing)
            _beside(values, file.resolve().parent)
        try:
            settings = cls(**values)
        except ValidationError as error:
            faults = [
                f"{'.'.join(str(part) for part in each['loc']) or 'file'}: {each['msg']}" for each in error.errors()
            ]
            faults += [f"environment variable {name} is not set" for name in missing]
            raise ConfigurationError(f"the settings ({file}) have faults: " + "; ".join(faults)) from None
        if missing:
            raise ConfigurationError(f"{file} names environment variables that are not set: {', '.join(missing)}")
        return settings

    @property
    def state_url(self) -> str:
        """URL of the state database; a SQLite file in the data root by default."""
        return self.state or f"sqlite:///{Path(self.data).resolve() / 'state.sqlite'}"

    @property
    def my_learning_folder(self) -> Path:
        """Where each employee's own file goes. Raises ConfigurationError for a place inside HR's folder."""
        folder, hr = self.my_learning.out or self.hr.out.parent / "my-learning", self.hr.out.resolve()
        if folder.resolve() == hr or hr in folder.resolve().parents:
            raise ConfigurationError(
                f"my_learning.out ({folder}) lies in HR's folder ({self.hr.out}); what only an employee may see must lie elsewhere"
            )
        return folder

    @property
    def hr_database(self) -> str:
        """URL or path of the database with HR's tables."""
        return self.hr.database or str(self.hr.out / "hr.duckdb")


_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def _expanded(value: Any, missing: list[str]) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _expanded(each, missing) for name, each in value.items()}
    if isinstance(value, list):
        return [_expanded(each, missing) for each in value]
    if isinstance(value, str):

        def variable(match: re.Match[str]) -> str:
            if match[1] not in os.environ:
                missing.append(match[1])
            return os.environ.get(match[1], "")

        return _VARIABLE.sub(variable, value)
    return value


def _beside(values: dict[str, Any], folder: Path) -> None:
    for section, names in (
        ("directory", ("employees", "leave", "excluded")),
        ("lrs", ("database",)),
        ("hr", ("out", "database")),
        ("my_learning", ("out",)),
    ):
        part = values.get(section)
        if isinstance(part, dict):
            for name in names:
                if part.get(name) and "://" not in str(part[name]):
                    part[name] = str(folder / str(part[name]))
    for name in ("data", "rules", "pseudonym_key_file"):
        if values.get(name) and "://" not in str(values[name]):
            values[name] = str(folder / str(values[name]))
    for fields in (values.get("connections") or {}).values():
        if isinstance(fields, dict) and isinstance(fields.get("files"), str) and "://" not in fields["files"]:
            fields["files"] = ",".join(str(folder / each.strip()) for each in fields["files"].split(","))
