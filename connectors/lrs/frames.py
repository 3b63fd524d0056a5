"""Statements as frames and counts, for analysts."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from leerstroom.errors import ConfigurationError, InvalidStatement
from leerstroom.mirror.columns import COLUMNS, MIRROR_SCHEMA, to_table

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_CHUNK = 5000


def tables(statements: Iterable[bytes], *, chunk: int = _CHUNK) -> Iterator["pa.Table"]:
    """The statements as tables of MIRROR_SCHEMA without `raw`, a chunk at a time. What is no statement is left out."""
    rest = iter(statements)
    while part := list(islice(rest, chunk)):
        try:
            table = to_table(part)
        except InvalidStatement:
            table = to_table([each for each in part if _is_statement(each)])
        yield table.drop_columns(["raw"])


def table(statements: Iterable[bytes]) -> "pa.Table":
    """All statements as one table."""
    import pyarrow as pa

    found = list(tables(statements))
    schema = MIRROR_SCHEMA()
    return pa.concat_tables(found) if found else schema.remove(schema.get_field_index("raw")).empty_table()


def frame(statements: Iterable[bytes]) -> "pd.DataFrame":
    """All statements as a frame with nullable types; `timestamp` and `stored` are aware, in UTC."""
    import pandas as pd
    import pyarrow as pa

    kinds = {
        pa.string(): pd.StringDtype(),
        pa.int64(): pd.Int64Dtype(),
        pa.float64(): pd.Float64Dtype(),
        pa.bool_(): pd.BooleanDtype(),
    }
    made: pd.DataFrame = table(statements).to_pandas(types_mapper=kinds.get)
    return made


_KEYS = {"verb": "verb", "activity": "object_id", "actor": "actor", "day": "timestamp"}


def counts(statements: Iterable[bytes], by: str) -> Counter[str]:
    """How many statements by canonical verb, activity, actor or UTC day. Raises ConfigurationError for anything else."""
    if by not in _KEYS:
        raise ConfigurationError(f"statements are counted by {', '.join(_KEYS)}, not by '{by}'")
    counted: Counter[str] = Counter()
    for part in tables(statements):
        if by == "activity":
            counted.update(
                each
                for each, kind in zip(_column(part, "object_id"), _column(part, "object_type"), strict=True)
                if kind == "Activity" and each
            )
        elif by == "day":
            counted.update(f"{each:%Y-%m-%d}" for each in _column(part, "timestamp") if each)
        else:
            counted.update(_column(part, _KEYS[by]))
    return counted


def _column(part: "pa.Table", name: str) -> list[Any]:
    return list(part.column(name).to_pylist())


def _is_statement(raw: bytes) -> bool:
    try:
        to_table([raw])
    except InvalidStatement:
        return False
    return True


COLUMN_NAMES = [name for name, _, _ in COLUMNS if name != "raw"]
