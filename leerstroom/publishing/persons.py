"""One person in HR's tables: everything that is held about them, and its erasure. Group values stay: they name nobody."""

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from leerstroom.publishing.databases import Target, forget_before, target

_HELD = {
    "indicator_values": "subject = ? AND grain IN ('employee_day', 'employee_window')",
    "hr_employee_nightly": "employee_id = ?",
    "employee_values": "subject = ?",
    "employee_logins": "employee_id = ?",
}


def export_person(database: str, employee_id: str) -> dict[str, list[dict[str, Any]]]:
    """Table -> rows about this employee, dates as ISO text. Raises Unreachable when the database cannot be opened."""
    with target(database) as opened:
        return {
            table: [
                {name: _text(value) for name, value in zip(opened.columns(table), row, strict=True)}
                for row in opened.all(f"SELECT * FROM {table} WHERE {condition} ORDER BY 1, 2", employee_id)
            ]
            for table, condition in _present(opened)
        }


def erase_person(database: str, employee_id: str) -> int:
    """Removes every row about this employee and answers how many there were. A database that was never published to holds none."""
    removed = 0
    with target(database) as opened:
        for table, condition in _present(opened):
            removed += int(opened.first(f"SELECT count(*) FROM {table} WHERE {condition}", employee_id))
            opened.run(f"DELETE FROM {table} WHERE {condition}", employee_id)
    return removed


def forget_rows(database: str, ends: Mapping[str, date], *, dry_run: bool = False) -> int:
    """Removes rows about persons whose period ended before the date of their grain, or only counts them; answers how many.

    A DuckDB file that is not there yet is not made.
    """
    if "://" not in database and not Path(database).exists():
        return 0
    with target(database) as opened:
        rows = forget_before(opened, ends, dry_run=dry_run)
    if rows and not dry_run:
        rewrite(database)
    return rows


def rewrite(database: str) -> None:
    """Writes a DuckDB file anew without its free blocks: they would keep what was deleted. Comments come back with the next publishing."""
    import duckdb

    path = Path(database)
    if "://" in database or not path.exists():
        return
    fresh = path.with_suffix(".rewritten")
    fresh.unlink(missing_ok=True)
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{_quoted(path)}' AS old (READ_ONLY)")
        connection.execute(f"ATTACH '{_quoted(fresh)}' AS fresh")
        connection.execute("COPY FROM DATABASE old TO fresh")
        connection.execute("DETACH fresh")
    fresh.replace(path)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _present(opened: Target) -> list[tuple[str, str]]:
    return [(table, condition) for table, condition in _HELD.items() if opened.columns(table)]


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value
