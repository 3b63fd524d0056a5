"""The result of a computation: tidy values, one row an indicator, grain, subject and period, and the events behind them."""

import tempfile
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leerstroom.indicators.calendar import day_number
from leerstroom.indicators.engine import Workspace

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

COLUMNS = (
    "indicator_id", "grain", "subject", "period_start", "period_end", "value", "status", "numerator", "denominator",
    "as_of", "computed_at", "rules_version", "estimated_share",
)  # fmt: skip
EVENT_COLUMNS = (
    "employee_id", "statement_id", "ts_ms", "day", "verb", "object_id", "activity_type", "kind", "community", "rule_id", "formality",
    "role", "duration_ms", "estimate_ms",
)  # fmt: skip
_NUMBERS = ("value", "numerator", "denominator", "estimated_share")
_DECIMALS = 9  # sums of floats differ behind the 11th decimal with the order in which threads add; the same data must give the same values


class IndicatorValues:
    """Values and events of one computation. Close it when done; the tables behind it go then."""

    def __init__(self, workspace: Workspace, values: "ir.Table", events: "ir.Table") -> None:
        self._workspace = workspace
        rounded = {name: values[name].round(_DECIMALS) for name in _NUMBERS}
        self._values = values.mutate(**rounded).select(*COLUMNS)
        self._events = events
        self._table: pa.Table | None = None

    def __enter__(self) -> "IndicatorValues":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Drops the tables of the computation."""
        self._workspace.close()

    @property
    def table(self) -> "pa.Table":
        """All values as Arrow, sorted by grain, subject, period and indicator."""
        if self._table is None:
            self._table = self._workspace.arrow(self._sorted())
        return self._table

    @property
    def count(self) -> int:
        """How many values there are, without fetching them."""
        return int(self._workspace.rows(self._values.aggregate(rows=self._values.count()))[0]["rows"])

    @property
    def events(self) -> "pa.Table":
        """The classified events as Arrow: statement_id, employee_id, timestamp, day, verb, object_id, rule_id, class columns, minutes."""
        return self._workspace.arrow(self._events)

    def write_parquet(self, path: Path | str) -> None:
        """Writes the values, compressed with zstd, without holding them in memory where the engine is DuckDB."""
        self._copy(self._values, path, "FORMAT parquet, COMPRESSION zstd")

    def write_events(self, path: Path | str, first: date) -> None:
        """Writes EVENT_COLUMNS of the classified events since a local day as parquet: what an employee is shown of themselves."""
        events = self._events
        recent = events.filter(events.day >= day_number(first)).select(*EVENT_COLUMNS)
        self._copy(recent.order_by("employee_id", "ts_ms", "statement_id"), path, "FORMAT parquet, COMPRESSION zstd")

    def write_csv(self, path: Path | str) -> None:
        """Writes the values as CSV with a head; an empty value is NULL and the status says why."""
        import pyarrow.csv

        pyarrow.csv.write_csv(self.table, Path(path), pyarrow.csv.WriteOptions(quoting_style="needed"))

    def rows(self) -> list[dict[str, Any]]:
        """All values as dictionaries: for tests and small organisations."""
        return list(self.table.to_pylist())

    def _sorted(self) -> "ir.Table":
        values = self._values
        return values.order_by(
            values.grain, values.subject, values.period_end, values.period_start, values.indicator_id
        )

    def _copy(self, table: "ir.Table", path: Path | str, options: str) -> None:
        if "://" in str(path):
            import fsspec

            with tempfile.TemporaryDirectory() as folder:
                local = Path(folder) / "values"
                self._copy(table, local, options)
                filesystem, target = fsspec.core.url_to_fs(str(path))
                filesystem.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
                filesystem.put(str(local), target)
        elif self._workspace.engine == "duckdb":
            target = str(path).replace("'", "''")
            self._workspace.run(f"COPY ({self._workspace.sql(table)}) TO '{target}' ({options})")
        else:
            import pyarrow.parquet as pq

            pq.write_table(self._workspace.arrow(table), Path(path), compression="zstd")
