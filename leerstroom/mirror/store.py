"""The mirror on disk: what an LRS holds, as partitions of Parquet that anything can read, each statement once.

```
<root>/manifest.json                    which files count, and up to where the LRS is mirrored; written last, in one move
<root>/date=2026-11-03/<name>.parquet   day (UTC) of `stored`; MIRROR_SCHEMA, zstd
```
A file counts when the manifest names it. So a killed writer leaves nothing half done: the next one removes what no manifest names and goes on
from the position that was reached. Files that were merged stay until the next writer comes, for readers that hold their names.
"""

import gc
import logging
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec
import orjson

from leerstroom.errors import ConfigurationError, InvalidStatement, TryLater
from leerstroom.mirror.columns import MIRROR_SCHEMA, to_table

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger(__name__)

MANIFEST = "manifest.json"
MERGED_ABOVE = 8  # files of one day; more are merged into one
FILE_ROWS = 250_000
GROUP_ROWS = 50_000  # rows that are compressed together
_ZSTD_LEVEL = 9  # 4 µs a statement more than level 3, on the other core, for 5 % of the disk
_PAGE_BYTES = 4 << 20  # zstd sees a whole page at once: large pages find more that repeats
_RANDOM = ("raw", "statement_id", "record")  # no two alike: a dictionary only costs
_COMPRESSING = ThreadPoolExecutor(1, thread_name_prefix="mirror-compress")
_RISING = ("stored",)  # nearly sorted: differences are small


@dataclass(frozen=True, slots=True)
class Position:
    """How far the mirror follows its LRS: everything stored up to `stored` is in it. The rest is what was learned about the LRS."""

    stored: datetime | None = None
    promises: bool = False  # the LRS says up to where it is consistent
    since_is_stored: bool = True


@dataclass(frozen=True, slots=True)
class MirrorFile:
    """One file of the mirror: path below the root, rows, first and last `stored`."""

    path: str
    rows: int
    first: datetime | None
    last: datetime | None

    @property
    def day(self) -> str:
        """The partition."""
        return self.path.rsplit("/", 1)[0]


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files that count, and the position that they stand for."""

    files: tuple[MirrorFile, ...] = ()
    position: Position = Position()

    def in_order(self) -> list[MirrorFile]:
        """The files by day and first `stored`."""
        return sorted(self.files, key=lambda each: (each.day, _text(each.first) or "", each.path))


@dataclass(frozen=True, slots=True)
class Arrived:
    """Statements of one page as a table, in the order given: how many could not be read, first and last `stored`, whether it never steps back."""

    table: "pa.Table"
    unreadable: int = 0
    first: datetime | None = None
    last: datetime | None = None
    is_ordered: bool = True


class Mirror:
    """The mirror below `root`, a local path or an fsspec URL. Reading needs no lock; one writer at a time (`writing`)."""

    def __init__(self, root: str | Path) -> None:
        self.root = str(root).rstrip("/")
        try:
            self._files, base = fsspec.core.url_to_fs(self.root)
        except (ValueError, ImportError) as error:
            raise ConfigurationError(
                f"the mirror's place {self.root} cannot be opened ({error}); install the fsspec package of that store"
            ) from error
        self._base = str(base).rstrip("/")
        protocol = self._files.protocol
        self.is_local = "file" in (protocol if isinstance(protocol, tuple) else (protocol,))

    # --- readers -----------------------------------------------------------------------------------------------------------------

    def manifest(self) -> Manifest:
        """What the mirror consists of now; empty where there is none yet."""
        try:
            value = orjson.loads(self._files.cat_file(f"{self._base}/{MANIFEST}"))
        except FileNotFoundError:
            return Manifest()
        position = value["position"]
        return Manifest(
            tuple(
                MirrorFile(each["path"], each["rows"], _moment(each["first"]), _moment(each["last"]))
                for each in value["files"]
            ),
            Position(_moment(position["stored"]), position["promises"], position["since_is_stored"]),
        )

    def files(self) -> list[str]:
        """Paths or URLs of all files, by day, for `read_parquet` of DuckDB, pandas, Polars or Spark. Each statement is in them once."""
        return [self.path(each.path) for each in self.manifest().in_order()]

    def path(self, relative: str) -> str:
        """The whole path or URL of something below the root."""
        return f"{self.root}/{relative}"

    @property
    def rows(self) -> int:
        """How many statements the mirror holds."""
        return sum(each.rows for each in self.manifest().files)

    def table(self, columns: Sequence[str] | None = None, *, with_voided: bool = True) -> "pa.Table":
        """All statements as one Arrow table, or only these columns of them; without the voided ones when `with_voided` is False.

        Raises ConfigurationError for a column that the mirror does not have.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        schema = MIRROR_SCHEMA()
        names = list(columns) if columns is not None else schema.names
        unknown = set(names) - set(schema.names)
        if unknown:
            raise ConfigurationError(
                f"the mirror has no column {', '.join(sorted(unknown))}; see leerstroom.mirror.columns.COLUMNS"
            )
        read = names if with_voided else [*names, *({"statement_id"} - set(names))]
        parts = [self.read(each, read) for each in self.manifest().in_order()]
        table = pa.concat_tables(parts) if parts else pa.schema([schema.field(name) for name in read]).empty_table()
        if not with_voided:
            voided = pa.array(sorted(self.voided()), pa.string())
            table = table.filter(pc.invert(pc.is_in(table.column("statement_id"), value_set=voided)))
        return table.select(names)

    def voided(self) -> set[str]:
        """Ids of the statements that are voided; a voiding statement itself cannot be (xAPI 1.0.3 part two, 2.3.2)."""
        found: set[str] = set()
        voiding: set[str] = set()
        for each in self.manifest().files:
            table = self.read(each, ["statement_id", "verb", "object_type", "object_id"])
            rows = table.filter((_field("verb") == "voided") & (_field("object_type") == "StatementRef"))
            found.update(rows.column("object_id").to_pylist())
            voiding.update(rows.column("statement_id").to_pylist())
        return found - voiding

    def read(self, file: MirrorFile, columns: Sequence[str] | None = None) -> "pa.Table":
        """One file as a table of MIRROR_SCHEMA; a column that is younger than the file is empty."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = MIRROR_SCHEMA()
        with self._files.open(f"{self._base}/{file.path}", "rb") as stream:
            table = pq.ParquetFile(stream).read(columns=None if columns is None else list(columns))
        wanted = schema if columns is None else pa.schema([schema.field(name) for name in columns])
        for each in wanted:
            if each.name not in table.column_names:
                table = table.append_column(each, pa.nulls(table.num_rows, each.type))
        return table.select(wanted.names)

    # --- writers -----------------------------------------------------------------------------------------------------------------

    @contextmanager
    def writing(self) -> Generator["Writer", None, None]:
        """A writer; what it added counts from each `commit` on. Raises TryLater while another process writes (on a local disk)."""
        with self._lock():
            self._remove_strays()
            writer = Writer(self)
            try:
                yield writer
            finally:
                writer.discard()

    def clear(self) -> None:
        """Removes everything: the next writer mirrors the LRS from its beginning. Raises TryLater while another process writes."""
        with self._lock():
            self.place(Manifest())
            self._remove_strays()

    def held(self, holds: Callable[[bytes], bool]) -> list[bytes]:
        """The statements, as JSON, whose JSON `holds` says True of."""
        return [
            raw
            for file in self.manifest().files
            for raw in self.read(file, ["raw"]).column("raw").to_pylist()
            if holds(raw)
        ]

    def erase(self, holds: Callable[[bytes], bool]) -> tuple[int, set[str]]:
        """Removes the statements whose JSON `holds` says True of; returns how many, and their ids. For the erasure of a person."""
        import pyarrow as pa

        ids: set[str] = set()
        with self.writing() as writer:
            manifest = self.manifest()
            kept: list[MirrorFile] = []
            for file in manifest.files:
                table = self.read(file)
                goes = [holds(raw) for raw in table.column("raw").to_pylist()]
                if not any(goes):
                    kept.append(file)
                    continue
                gone = table.filter(pa.array(goes))
                ids.update(gone.column("statement_id").to_pylist())
                rest = table.filter(pa.array([not each for each in goes]))
                if rest.num_rows:
                    kept.append(writer.written(file.day, [rest]))
            self.place(Manifest(tuple(kept), manifest.position))
            self._remove_strays()  # erased means gone: no file stays for readers here
        return len(ids), ids

    def forget(self, before: datetime, *, dry_run: bool = False) -> int:
        """Removes the files whose last statement was stored before `before`, or only counts; returns how many statements. The position stays."""
        with self.writing():
            manifest = self.manifest()
            kept = tuple(each for each in manifest.files if each.last is None or each.last >= before)
            if not dry_run and len(kept) < len(manifest.files):
                self.place(Manifest(kept, manifest.position))
                self._remove_strays()
        return sum(each.rows for each in manifest.files) - sum(each.rows for each in kept)

    def place(self, manifest: Manifest) -> None:
        """Makes a manifest the one that counts, in one move."""
        position = manifest.position
        value = {
            "position": {
                "stored": _text(position.stored),
                "promises": position.promises,
                "since_is_stored": position.since_is_stored,
            },
            "files": [
                {"path": each.path, "rows": each.rows, "first": _text(each.first), "last": _text(each.last)}
                for each in manifest.files
            ],
        }
        with tempfile.NamedTemporaryFile(prefix="leerstroom-mirror-", delete=False) as temporary:
            temporary.write(orjson.dumps(value, option=orjson.OPT_INDENT_2))
        self.put(Path(temporary.name), MANIFEST)

    def put(self, temporary: Path, relative: str) -> None:
        """Moves a local file to its place below the root; on a local disk it is on the platter before it has its name."""
        target = f"{self._base}/{relative}"
        try:
            if not self.is_local:
                self._files.put_file(str(temporary), target)
                return
            place = Path(target)
            place.parent.mkdir(parents=True, exist_ok=True)
            beside = place.with_name(f".{place.name}.part")
            shutil.copyfile(temporary, beside)
            with beside.open("rb+") as stream:
                os.fsync(stream.fileno())
            beside.replace(place)
        finally:
            temporary.unlink(missing_ok=True)

    def _remove_strays(self) -> None:
        """Removes what no manifest names: the remains of a killed writer, and files that were merged."""
        named = {each.path for each in self.manifest().files}
        for each in [
            *self._files.glob(f"{self._base}/date=*/*.parquet"),
            *self._files.glob(f"{self._base}/date=*/.*.part"),
        ]:
            if str(each)[len(self._base) + 1 :] not in named:
                self._files.rm_file(str(each))

    @contextmanager
    def _lock(self) -> Generator[None, None, None]:
        if not self.is_local:  # object stores have no locks: one scheduled writer is the operator's task
            yield
            return
        import fcntl

        Path(self._base).mkdir(parents=True, exist_ok=True)
        with (Path(self._base) / ".lock").open("w") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise TryLater(f"another process writes to the mirror {self.root}; wait for it to end") from error
            yield  # a killed process loses its lock with its life


@dataclass(slots=True)
class _Open:
    """A file that is being written, on the local disk until it is whole."""

    path: Path
    writer: Any
    rows: int = 0
    first: datetime | None = None
    last: datetime | None = None
    waiting: list["pa.Table"] = field(default_factory=list)
    waiting_rows: int = 0
    under_way: "Future[None] | None" = None

    def write(self, table: "pa.Table") -> None:
        """Adds rows; they are written in groups, since small groups compress badly."""
        self.waiting.append(table)
        self.waiting_rows += table.num_rows
        if self.waiting_rows >= GROUP_ROWS:
            self.flush()
        first, last, _ = _order(table)
        self.rows += table.num_rows
        self.first = min((each for each in (self.first, first) if each), default=None)
        self.last = max((each for each in (self.last, last) if each), default=None)

    def flush(self) -> None:
        """Has another thread write what waits: compressing takes a third of the time, and needs no interpreter."""
        import pyarrow as pa

        if self.waiting:
            self.settle()
            table = pa.concat_tables(self.waiting)
            self.under_way = _COMPRESSING.submit(self.writer.write_table, table, row_group_size=2 * GROUP_ROWS)
            self.waiting, self.waiting_rows = [], 0

    def settle(self) -> None:
        """Waits for that thread, and raises what it raised."""
        if self.under_way is not None:
            under_way, self.under_way = self.under_way, None
            under_way.result()

    def close(self) -> None:
        """Finishes the file."""
        self.flush()
        self.settle()
        self.writer.close()

    def drop(self) -> None:
        """Gives the file up."""
        with suppress(Exception):
            self.settle()
            self.writer.close()
        self.path.unlink(missing_ok=True)


@dataclass(slots=True)
class Writer:
    """Adds statements to a mirror. Made by `Mirror.writing`."""

    mirror: Mirror
    remembers_all: bool = False  # for an LRS that keeps no order: an id may come again at any time
    _open: dict[str, _Open] = field(default_factory=dict)
    _known: set[str] = field(default_factory=set)
    _recent: set[str] = field(default_factory=set)

    def remember(self, since: datetime | None) -> None:
        """Takes in the ids that the mirror holds from `since` on (all, when it is None), so that they are not added again."""
        for file in self.mirror.manifest().files:
            if since is not None and file.last is not None and file.last < since:
                continue
            table = self.mirror.read(file, ["statement_id", "stored"])
            if since is not None and file.first is not None and file.first < since:
                table = table.filter(_field("stored") >= since)
            self._known.update(table.column("statement_id").to_pylist())

    def add(self, arrived: Arrived) -> tuple[int, int]:
        """Adds statements, those apart that the mirror holds: (new ones, voiding ones among these). They count after the next `commit`."""
        import pyarrow as pa

        table = arrived.table
        ids = table.column("statement_id").to_pylist()
        # An id can come again with the overlap, at the seam of two pages, or twice in a page of a loose LRS.
        fresh = set(ids)
        if len(fresh) < len(ids) or not fresh.isdisjoint(self._known) or not fresh.isdisjoint(self._recent):
            seen, keep = set[str](), []
            for each in ids:
                keep.append(each not in seen and each not in self._known and each not in self._recent)
                seen.add(each)
            table = table.filter(pa.array(keep))
        if self.remembers_all:
            self._known |= fresh
        else:
            self._recent = fresh
        for day, part in _by_day(table):
            self._append(day, part)
        voiding = table.filter((_field("verb") == "voided") & (_field("object_type") == "StatementRef")).num_rows
        return table.num_rows, voiding

    def commit(self, position: Position) -> None:
        """Everything added so far counts, and the mirror stands at `position`. Days with many files are merged into one."""
        fresh = []
        for day, each in list(self._open.items()):
            del self._open[day]
            each.close()
            name = f"{day}/{uuid.uuid4().hex}.parquet"
            self.mirror.put(each.path, name)
            fresh.append(MirrorFile(name, each.rows, each.first, each.last))
        manifest = self.mirror.manifest()
        files = (*manifest.files, *fresh)
        if fresh or manifest.position != position:
            self.mirror.place(Manifest(self._merged(files), position))

    def discard(self) -> None:
        """Drops what was added and not committed."""
        for each in self._open.values():
            each.drop()
        self._open.clear()

    def written(self, day: str, tables: Iterable["pa.Table"]) -> MirrorFile:
        """A new file of that partition, put in its place; it counts when a manifest names it."""
        opened = self._opened()
        for table in tables:
            opened.write(table)
        opened.close()
        name = f"{day}/{uuid.uuid4().hex}.parquet"
        self.mirror.put(opened.path, name)
        return MirrorFile(name, opened.rows, opened.first, opened.last)

    def _merged(self, files: tuple[MirrorFile, ...]) -> tuple[MirrorFile, ...]:
        days: dict[str, list[MirrorFile]] = {}
        for each in files:
            days.setdefault(each.day, []).append(each)
        kept: list[MirrorFile] = []
        for day, held in days.items():
            small = [each for each in held if each.rows < FILE_ROWS]
            if len(held) <= MERGED_ABOVE or len(small) < 2:
                kept += held
                continue
            kept += [each for each in held if each.rows >= FILE_ROWS]
            small.sort(key=lambda each: each.first or datetime.min.replace(tzinfo=UTC))
            kept.append(self.written(day, (self.mirror.read(each) for each in small)))
        return tuple(kept)

    def _append(self, day: str, table: "pa.Table") -> None:
        if day not in self._open:
            self._open[day] = self._opened()
        self._open[day].write(table)

    @staticmethod
    def _opened() -> _Open:
        import pyarrow.parquet as pq

        schema = MIRROR_SCHEMA()
        with tempfile.NamedTemporaryFile(prefix="leerstroom-mirror-", suffix=".parquet", delete=False) as temporary:
            path = Path(temporary.name)
        writer = pq.ParquetWriter(
            path,
            schema,
            compression="zstd",
            compression_level=_ZSTD_LEVEL,
            use_dictionary=[name for name in schema.names if name not in _RANDOM + _RISING],
            column_encoding=dict.fromkeys(_RISING, "DELTA_BINARY_PACKED"),
            write_statistics=[name for name in schema.names if name not in _RANDOM],
            data_page_size=_PAGE_BYTES,
        )
        return _Open(path, writer)


def arrived(statements: Sequence[bytes]) -> Arrived:
    """A page of an LRS, read. A statement that cannot be read does not keep the others out.

    The garbage collector rests meanwhile: among thousands of fresh values, none in a cycle, it takes twice the time of the reading.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        return _arrived(statements)
    finally:
        if was_on:
            gc.enable()


def _arrived(statements: Sequence[bytes]) -> Arrived:
    try:
        table, unreadable = to_table(statements), 0
    except InvalidStatement:
        kept = []
        for each in statements:
            try:
                to_table([each])
                kept.append(each)
            except InvalidStatement as error:
                logger.warning("a statement of the LRS is left out of the mirror: %s", error)
        table, unreadable = to_table(kept), len(statements) - len(kept)
    return Arrived(table, unreadable, *_order(table))


def _field(name: str) -> Any:
    import pyarrow.compute as pc

    return pc.field(name)


def _order(table: "pa.Table") -> tuple[datetime | None, datetime | None, bool]:
    """(earliest, latest, whether `stored` never steps back)."""
    import pyarrow.compute as pc

    stored = table.column("stored")
    ends = pc.min_max(stored).as_py()
    if stored.null_count:
        return ends["min"], ends["max"], False
    ticks = stored.cast("int64").to_numpy()
    return ends["min"], ends["max"], bool((ticks[1:] >= ticks[:-1]).all())


def _by_day(table: "pa.Table") -> list[tuple[str, "pa.Table"]]:
    import pyarrow.compute as pc

    if not table.num_rows:
        return []
    days = pc.strftime(table.column("stored"), format="%Y-%m-%d")
    names = days.unique().to_pylist()
    if len(names) == 1:
        return [(f"date={names[0] or 'unknown'}", table)]
    parts = []
    for name in names:
        mask = pc.is_null(days) if name is None else pc.equal(days, name)
        parts.append((f"date={name or 'unknown'}", table.filter(pc.fill_null(mask, False))))
    return parts


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="microseconds")


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
