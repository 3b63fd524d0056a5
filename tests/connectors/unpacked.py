"""What files hold, unpacked, for searches: lines, rows and parts as text, whatever they were packed in, and the bytes of the file beside them."""

import gzip
import io
import json
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import zstandard


def everything(folder: Path, *passed_over: str) -> Iterator[tuple[str, bytes]]:
    """(path below the folder, what it holds and how it is called) of all files but those below these names."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not name.startswith(passed_over):
            yield name, content(path) + f"\n{name}".encode()


def content(path: Path) -> bytes:
    """What a file holds: its own bytes, and what can be read in them."""
    data = path.read_bytes()
    if path.suffix in {".sqlite", ".db"}:
        return data + _rows(path)
    if path.suffix == ".duckdb":  # its strings are packed in the file
        import duckdb

        with duckdb.connect(path, read_only=True) as database:
            tables = [name for (name,) in database.sql("SELECT table_name FROM information_schema.tables").fetchall()]
            assert tables
            return data + json.dumps([database.table(name).fetchall() for name in tables], default=str, ensure_ascii=False).encode()  # fmt: skip
    return unpacked(data, path.name)


def unpacked(data: bytes, name: str) -> bytes:
    """What these bytes hold, by the end of their name: of archives every member, of tables every row."""
    if name.endswith((".zst", ".zst.part")):
        return zstandard.ZstdDecompressor().decompressobj().decompress(data) if data else data
    if name.endswith(".gz"):
        return gzip.decompress(data)
    if name.endswith((".xlsx", ".zip")):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return b"\n".join(unpacked(archive.read(each), each) + each.encode() for each in archive.namelist())
    if name.endswith(".parquet"):
        import pyarrow.parquet

        rows = pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist()
        return json.dumps(rows, default=str, ensure_ascii=False).encode()
    return data


def _rows(path: Path) -> bytes:
    """Every row of a SQLite file; what stands in its log is read too."""
    told = []
    with closing(sqlite3.connect(path, timeout=10)) as database:
        database.text_factory = lambda text: text.decode("utf-8", "replace")
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in database.execute(f'SELECT * FROM "{table}"'):
                told += [unpacked_cell(cell) for cell in row if cell is not None]
    return b"\n".join(told)


def unpacked_cell(cell: object) -> bytes:
    """A cell of a table as bytes; one that is packed, unpacked."""
    if not isinstance(cell, bytes):
        return str(cell).encode()
    if cell.startswith(b"\x28\xb5\x2f\xfd"):
        return zstandard.ZstdDecompressor().decompressobj().decompress(cell)
    return cell
