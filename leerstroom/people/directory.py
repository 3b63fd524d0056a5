"""The employee directory: who works here, since when, in which team, and under which ids the platforms know them.

Columns of the CSV are described in `schemas/employee-directory.yaml`; only `employee_id` is required. Several e-mail addresses
or aliases stand in one cell, separated by `;`. A column `id_<connection or source>` holds the person's id on that platform.
`mbox` (an address, with or without `mailto:`) is read as an e-mail.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from leerstroom.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Employee:
    """One person in service. Dates are inclusive and local; None means open."""

    employee_id: str
    emails: tuple[str, ...] = ()
    platform_ids: tuple[tuple[str, str], ...] = ()  # (connection or source name, id there)
    team: str = ""
    manager: str = ""
    location: str = ""
    time_zone: str = "Europe/Amsterdam"
    fte: float = 1.0
    in_service_from: date | None = None
    in_service_to: date | None = None


@dataclass(slots=True)
class Directory:
    """Employees, leave days and accounts that are no person (robots, room devices, shared mailboxes)."""

    employees: list[Employee] = field(default_factory=list)
    leave: list[tuple[str, date]] = field(default_factory=list)
    excluded_accounts: list[tuple[str, str]] = field(
        default_factory=list
    )  # ("email", address) or (connection or source, id)

    @classmethod
    def read(cls, employees: Path, leave: Path | None = None, excluded: Path | None = None) -> "Directory":
        """Reads the CSV files. Raises ConfigurationError that lists every wrong line at once."""
        faults: list[str] = []
        directory = cls()
        seen: set[str] = set()
        for number, row in rows(employees, "employee_id"):
            try:
                employee = _employee(row)
            except ValueError as error:
                faults.append(f"{employees.name} line {number}: {error}")
                continue
            if employee.employee_id in seen:
                faults.append(f"{employees.name} line {number}: employee_id occurs twice")
            seen.add(employee.employee_id)
            directory.employees.append(employee)
        if leave is not None:
            for number, row in rows(leave):
                try:
                    directory.leave.append((row["employee_id"].strip(), date.fromisoformat(row["date"].strip())))
                except (KeyError, ValueError):
                    faults.append(f"{leave.name} line {number}: needs employee_id and date (YYYY-MM-DD)")
        if excluded is not None:
            for _, row in rows(excluded):
                directory.excluded_accounts.extend(_excluded(row))
        if faults:
            raise ConfigurationError("the employee directory has faults: " + "; ".join(faults))
        return directory


def rows(path: Path, needs: str = "") -> Iterator[tuple[int, dict[str, str]]]:
    """(number of the line, value by column) of a CSV file of ours. Raises ConfigurationError for what cannot be read, or lacks the column `needs`."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            sample = stream.read(4096)
            stream.seek(0)
            delimiter = ";" if sample.split("\n", 1)[0].count(";") > sample.split("\n", 1)[0].count(",") else ","
            reader = csv.DictReader(stream, delimiter=delimiter)
            if needs and needs not in {str(name).strip().lower() for name in reader.fieldnames or ()}:
                raise ConfigurationError(f"{path} has no column {needs}; its first line names the columns")
            for row in reader:
                yield (
                    reader.line_num,
                    {
                        (key or "").strip().lower(): (value or "")
                        for key, value in row.items()
                        if isinstance(value, str | None)
                    },
                )
    except FileNotFoundError as error:
        raise ConfigurationError(f"{path} does not exist; check the directory setting") from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error.strerror}); check the path and its rights") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(f"{path} is no UTF-8 CSV: {error}") from error


def _employee(row: dict[str, str]) -> Employee:
    employee_id = row.get("employee_id", "").strip()
    if not employee_id:
        raise ValueError("employee_id is empty")
    addresses = [each for column in ("mbox", "email", "emails", "aliases") for each in row.get(column, "").split(";")]
    return Employee(
        employee_id=employee_id,
        emails=tuple(dict.fromkeys(_address(each) for each in addresses if each.strip())),
        platform_ids=tuple(
            (name[3:], value.strip()) for name, value in row.items() if name.startswith("id_") and value.strip()
        ),
        team=row.get("team", "").strip(),
        manager=row.get("manager", "").strip(),
        location=row.get("location", "").strip(),
        time_zone=row.get("time_zone", "").strip() or "Europe/Amsterdam",
        fte=_number(row.get("fte", "")),
        in_service_from=_date(row.get("in_service_from", ""), "in_service_from"),
        in_service_to=_date(row.get("in_service_to", ""), "in_service_to"),
    )


def _address(text: str) -> str:
    return text.strip().removeprefix("mailto:")


def _number(text: str) -> float:
    try:
        return float(text.strip().replace(",", ".")) if text.strip() else 1.0
    except ValueError:
        raise ValueError("fte is no number") from None


def _date(text: str, column: str) -> date | None:
    try:
        return date.fromisoformat(text.strip()) if text.strip() else None
    except ValueError:
        raise ValueError(f"{column} is no date like 2026-11-03") from None


def _excluded(row: dict[str, str]) -> Iterable[tuple[str, str]]:
    for column in ("mbox", "email"):
        yield from (("email", _address(each)) for each in row.get(column, "").split(";") if each.strip())
    for name, value in row.items():
        if name.startswith("id_") and value.strip():
            yield name[3:], value.strip()
