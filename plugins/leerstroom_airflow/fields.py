"""Where a setting lives in an Airflow connection: `host`, `login` and `password` take what they were made for, the rest are fields of `extra`.

```
host      the setting `host`
login     the first of `login`, `username`, `user`, `client_id`, `key`
password  the first secret setting
extra     every other setting, under its own name; a setting named there wins over the standard field
```
The same table makes the form and reads the connection, so the two cannot disagree. Knows nothing of Airflow but the names of its fields.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from connectors.source import Setting
from leerstroom.errors import ConfigurationError

_LOGINS = ("login", "username", "user", "client_id", "key")
_STANDARD = ("description", "schema", "login", "password", "port", "host")
_TYPES = {"number": "number", "flag": "boolean", "mapping": "object"}


class StandardFields(Protocol):
    """The part of `airflow.sdk.Connection` that is read here."""

    conn_id: str
    host: str | None
    schema: str | None
    login: str | None
    password: str | None
    port: int | None

    @property
    def extra_dejson(self) -> dict[str, Any]:
        """The fields of the form."""


def places(settings: Iterable[Setting]) -> dict[str, str]:
    """Setting name -> standard field of an Airflow connection; settings that are absent live in `extra`."""
    found: dict[str, str] = {}
    by_name = {setting.name: setting for setting in settings}
    if "host" in by_name:
        found["host"] = "host"
    login = next((name for name in _LOGINS if name in by_name and not by_name[name].secret), None)
    if login:
        found[login] = "login"
    password = next((setting.name for setting in by_name.values() if setting.secret), None)
    if password:
        found[password] = "password"
    return found


def form(settings: Sequence[Setting]) -> dict[str, Any]:
    """The `conn-fields` and `ui-field-behaviour` of a connection type."""
    standard = places(settings)
    fields = {setting.name: _field(setting) for setting in settings if setting.name not in standard}
    used = set(standard.values())
    by_name = {setting.name: setting for setting in settings}
    behaviour = {
        "hidden-fields": [name for name in _STANDARD if name not in used and name != "description"],
        "relabeling": {field: by_name[name].title for name, field in standard.items()},
        "placeholders": {
            field: _placeholder(by_name[name]) for name, field in standard.items() if _placeholder(by_name[name])
        },
    }
    return {"conn-fields": fields, "ui-field-behaviour": behaviour}


def _placeholder(setting: Setting) -> str:
    if not _empty(setting.default) and not setting.secret:
        return str(setting.default)
    return "https://…" if setting.kind == "url" else setting.help


def _field(setting: Setting) -> dict[str, Any]:
    kind = _TYPES.get(setting.kind, "string") if not setting.many else "string"
    needed = setting.required and setting.default is None
    schema: dict[str, Any] = {"type": kind if needed else [kind, "null"]}
    if setting.default is not None and not setting.many:
        schema["default"] = setting.default
    if setting.many and setting.default:
        schema["default"] = ", ".join(map(str, setting.default))
    if setting.secret:
        schema["format"] = "password"
    described = setting.help + (" (separated by commas)" if setting.many else "")
    return {"label": setting.title, "schema": schema} | ({"description": described.strip()} if described else {})


def read(connection: StandardFields, settings: Iterable[Setting]) -> dict[str, Any]:
    """The fields of a source (or of the LRS) out of an Airflow connection; empty ones are left out."""
    declared = {setting.name: setting for setting in settings}
    values: dict[str, Any] = {name: getattr(connection, field) for name, field in places(declared.values()).items()}
    values |= {name: value for name, value in connection.extra_dejson.items() if not _empty(value)}
    if values.get("host") and (setting := declared.get("host")) and setting.kind == "url":
        values["host"] = address(connection, str(values["host"]))
    for name, value in values.items():
        if isinstance(value, str) and name in declared and declared[name].kind == "mapping":
            values[name] = _table(connection.conn_id, name, value)
    return {name: value for name, value in values.items() if not _empty(value)}


def _empty(value: Any) -> bool:
    return value is None or value == ""


def address(connection: StandardFields, host: str) -> str:
    """The host as an address: a URI connection says `matrix.example.org`, schema and port beside it; https where it says nothing."""
    if "://" in host:
        return host
    scheme = connection.schema if connection.schema in {"http", "https"} else "https"
    return f"{scheme}://{host}" + (f":{connection.port}" if connection.port else "")


def _table(connection: str, name: str, value: str) -> Mapping[str, Any]:
    try:
        parsed = json.loads(value)
    except ValueError as error:
        raise ConfigurationError(f"connection '{connection}': field '{name}' is no JSON object") from error
    if not isinstance(parsed, Mapping):
        raise ConfigurationError(f"connection '{connection}': field '{name}' is no JSON object")
    return parsed
