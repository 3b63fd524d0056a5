"""The files between the stages: JSON lines under zstd, on a disk or any store that fsspec knows.

```
landing/{source}/{connection}/{window}/records.jsonl.zst      one minimised record a line: {"kind", "key", "record"}
statements/{source}/{connection}/{window}/statements.jsonl.zst, retractions.jsonl.zst
quarantine/{source}/{connection}/{window}/quarantine.jsonl.zst
```
A folder is complete when its `manifest.json` is there: data is written to a temporary place first and the manifest last, so a killed task
leaves nothing that looks finished, and running it again replaces the folder.
"""

import io
import shutil
import tempfile
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import fsspec
import orjson
import zstandard

from leerstroom.errors import ConfigurationError

MANIFEST = "manifest.json"
PART = ".part"  # end of the name of a file that is being put in its place
_LEVEL = 3  # faster than the disk and within some percent of the higher levels on this kind of text


class Store:
    """The data root: a local path or an fsspec URL (`s3://bucket/leerstroom`). Paths below it are relative, with `/`."""

    def __init__(self, root: str | Path) -> None:
        self.root = str(root).rstrip("/")
        try:
            self._files, self._base = fsspec.core.url_to_fs(self.root)
        except (ValueError, ImportError) as error:
            raise ConfigurationError(
                f"data root {self.root} cannot be opened ({error}); install the fsspec package of that store"
            ) from error

    def path(self, relative: str) -> str:
        """The whole path or URL of something below the root."""
        return f"{self.root}/{relative}"

    @contextmanager
    def writer(self, relative: str) -> Generator["LineWriter", None, None]:
        """A writer of JSON lines; the file appears under its name only when the block ends without an error."""
        with tempfile.TemporaryFile() as raw:  # without a name: a killed stage leaves nothing of it behind
            with zstandard.ZstdCompressor(level=_LEVEL).stream_writer(raw, closefd=False) as compressed:
                yield LineWriter(compressed)
            self._place(raw, relative)

    def lines(self, relative: str) -> Iterator[bytes]:
        """The lines of a file, without their ends. Raises ConfigurationError when it is not there."""
        try:
            with self._files.open(f"{self._base}/{relative}", "rb") as raw:
                reader = zstandard.ZstdDecompressor().stream_reader(raw)
                with io.BufferedReader(reader, 1 << 20) as text:
                    for line in text:
                        yield line.rstrip(b"\n")
        except FileNotFoundError as error:
            raise ConfigurationError(f"{self.path(relative)} does not exist; run the stage before it again") from error

    def opened(self, relative: str) -> IO[bytes]:
        """A file as it is, to be read and closed by the caller."""
        opened: IO[bytes] = self._files.open(f"{self._base}/{relative}", "rb")
        return opened

    def has(self, relative: str) -> bool:
        """Whether a file is there."""
        return bool(self._files.exists(f"{self._base}/{relative}"))

    def write_json(self, relative: str, value: Any) -> None:
        """Writes a small JSON file in one move."""
        with tempfile.TemporaryFile() as raw:
            raw.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))
            self._place(raw, relative)

    def read_json(self, relative: str) -> Any:
        """A small JSON file, or None when it is not there."""
        try:
            return orjson.loads(self._files.cat_file(f"{self._base}/{relative}"))
        except FileNotFoundError:
            return None

    def begin(self, folder: str) -> None:
        """Takes a folder's manifest away: from now on it is incomplete."""
        target = f"{self._base}/{folder}/{MANIFEST}"
        if self._files.exists(target):
            self._files.rm(target)

    def finish(self, folder: str, manifest: dict[str, Any]) -> None:
        """Writes the manifest: the folder is complete."""
        self.write_json(f"{folder}/{MANIFEST}", manifest)

    def manifest(self, folder: str) -> dict[str, Any]:
        """The manifest of a complete folder. Raises ConfigurationError when the folder is not complete."""
        manifest = self.read_json(f"{folder}/{MANIFEST}")
        if manifest is None:
            raise ConfigurationError(
                f"{self.path(folder)} is not complete (no {MANIFEST}); run the stage that writes it again"
            )
        return dict(manifest)

    def folders(self, below: str) -> list[str]:
        """All complete folders below a relative path, sorted."""
        found = self._files.glob(f"{self._base}/{below}/**/{MANIFEST}")
        return sorted(str(each)[len(self._base) + 1 : -len(MANIFEST) - 1] for each in found)

    def files(self, below: str, suffix: str) -> list[str]:
        """All files below a relative path whose names end so, sorted."""
        found = self._files.glob(f"{self._base}/{below}/**/*{suffix}")
        return sorted(str(each)[len(self._base) + 1 :] for each in found)

    def remove(self, relative: str) -> None:
        """Deletes a file or folder, when it is there."""
        target = f"{self._base}/{relative}"
        if self._files.exists(target):
            self._files.rm(target, recursive=True)

    def _place(self, raw: IO[bytes], relative: str) -> None:
        target = f"{self._base}/{relative}"
        raw.flush()
        raw.seek(0)  # also for who opens it by its number: some systems share the position
        if "file" in (self._files.protocol if isinstance(self._files.protocol, tuple) else (self._files.protocol,)):
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            beside = Path(f"{target}{PART}")
            try:
                with beside.open("wb") as stream:
                    shutil.copyfileobj(raw, stream, 1 << 20)
            except OSError as error:  # a write tells no name
                raise OSError(error.errno, error.strerror, str(beside)) from error
            beside.replace(target)
        else:
            self._files.put_file(
                f"/dev/fd/{raw.fileno()}", target
            )  # in pieces and whole or not at all, as fsspec does it


class LineWriter:
    """Counts and writes JSON lines into a compressed stream."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.lines = 0

    def write(self, value: Any) -> None:
        """One value as a line."""
        self.write_bytes(orjson.dumps(value))

    def write_bytes(self, line: bytes) -> None:
        """One line that is JSON already."""
        self._stream.write(line + b"\n")
        self.lines += 1

    def write_all(self, values: Iterable[Any]) -> None:
        """Each value as a line."""
        for value in values:
            self.write(value)
