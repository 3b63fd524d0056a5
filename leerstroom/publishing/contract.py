"""The contract of HR's tables, read from `schemas/hr-tables.yaml`: names, types, keys, and a comment on every column.

A measure stands for one column a window. Which measures a table really has depends on the disclosure policy: a column that HR may not see
is not there at all, rather than empty.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from leerstroom.errors import ConfigurationError
from leerstroom.schemas import read_yaml

TYPES = ("text", "date", "timestamp", "integer", "double")
STATUS_ORDER = (
    "not_in_service",
    "source_missing",
    "suppressed",
    "suppressed_secondary",
    "suppressed_dominance",
    "suspect",
    "partial",
    "not_measurable",
    "no_denominator",
    "ok",
)
NO_REMARK = ("ok", "no_denominator", "not_measurable")  # no cases is an answer, not a defect of the data


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its type is one of TYPES; comments by language. A measure knows its indicator and its window."""

    name: str
    type: str
    comments: Mapping[str, str]
    indicator: str = ""
    window: str = ""
    heads: Mapping[str, str] = field(default_factory=dict)  # short names for a sheet, by language

    def head(self, language: str) -> str:
        """What stands above the column in a sheet: `Formeel, minuten · 28 d`."""
        short = self.heads.get(language, self.name)
        return (
            f"{short} · {self.window.removesuffix('d')} d"
            if self.window.endswith("d")
            else f"{short} · 1 d"
            if self.window
            else short
        )


@dataclass(frozen=True, slots=True)
class TableContract:
    """One table: `subject` names the grain of its measures (employee, team, community, organisation) or is empty."""

    name: str
    key: tuple[str, ...]
    comments: Mapping[str, str]
    columns: tuple[Column, ...]
    subject: str = ""

    @property
    def measures(self) -> tuple[Column, ...]:
        """The columns that come from an indicator."""
        return tuple(column for column in self.columns if column.indicator)

    @property
    def statuses(self) -> tuple[Column, ...]:
        """The columns `status_<window>`."""
        return tuple(column for column in self.columns if column.window and not column.indicator)

    def seen_by(self, allows: Callable[[str, str], bool]) -> "TableContract":
        """The same table without the measures that `allows(indicator, subject)` refuses, and without statuses of windows left empty."""
        kept = [column for column in self.columns if not column.indicator or allows(column.indicator, self.subject)]
        windows = {column.window for column in kept if column.indicator}
        columns = tuple(column for column in kept if column.indicator or not column.window or column.window in windows)
        return TableContract(self.name, self.key, self.comments, columns, self.subject)


@dataclass(frozen=True, slots=True)
class Contract:
    """All tables, the windows (label to days) and how long rows stay (grain to days)."""

    tables: Mapping[str, TableContract]
    windows: Mapping[str, int]
    retention: Mapping[str, int]
    purpose: str
    version: int = field(default=1)


@cache
def contract() -> Contract:
    """Reads and checks the contract. Raises ConfigurationError that lists every fault at once."""
    return parse(read_yaml("hr-tables.yaml"))


def parse(raw: Mapping[str, Any]) -> Contract:
    """The contract of plain YAML values. Raises ConfigurationError that lists every fault at once."""
    faults: list[str] = []
    tables = {}
    for name, table in raw["tables"].items():
        columns = tuple(_columns(raw, name, table, faults))
        names = [column.name for column in columns]
        faults += [
            f"{name}: column {each} occurs twice" for each in sorted({each for each in names if names.count(each) > 1})
        ]
        faults += [f"{name}: key column {each} is no column" for each in table["key"] if each not in names]
        tables[name] = TableContract(
            name, tuple(table["key"]), _comments(table, name, faults), columns, table.get("subject", "")
        )
    if faults:
        raise ConfigurationError("schemas/hr-tables.yaml has faults: " + "; ".join(faults))
    windows = {label: int(window["days"]) for label, window in raw["windows"].items()}
    return Contract(tables, windows, dict(raw["retention"]), raw["purpose"], raw["version"])


def _columns(raw: Mapping[str, Any], table: str, body: Mapping[str, Any], faults: list[str]) -> Iterator[Column]:
    for name, column in body["columns"].items():
        where = f"{table}.{name}"
        if column.get("type") not in TYPES:
            faults.append(f"{where}: type must be one of {', '.join(TYPES)}")
        yield Column(
            name, column.get("type", "text"), _comments(column, where, faults), heads=raw["heads"].get(name, {})
        )
    used: list[str] = []
    for name, measure in body.get("measures", {}).items():
        for window in measure["windows"]:
            if window not in raw["windows"]:
                faults.append(f"{table}.{name}: window {window} is not declared")
                continue
            used.append(window)
            comments = _in_window(_comments(measure, f"{table}.{name}", faults), raw["windows"][window])
            yield Column(
                f"{name}_{window}",
                measure.get("type", "double"),
                comments,
                measure["indicator"],
                window,
                raw["heads"].get(name, {}),
            )
    for window in raw["windows"]:
        if window in used:
            yield Column(
                f"status_{window}", "text", _in_window(raw["status_comment"], raw["windows"][window]), window=window
            )


def _comments(body: Mapping[str, Any], where: str, faults: list[str]) -> dict[str, str]:
    faults += [f"{where}: no comment in {language}" for language in ("en", "nl") if not body.get(language)]
    return {language: body.get(language, "") for language in ("en", "nl")}


def _in_window(comments: Mapping[str, str], window: Mapping[str, str]) -> dict[str, str]:
    return {language: comments[language].format(window=window[language]) for language in ("en", "nl")}
