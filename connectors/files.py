"""Files and archives that platforms export: which ones a setting names, how they are read, what an archive may hold.

Shared by all sources that read files instead of an API. It knows no platform. Paths and addresses are whatever fsspec knows; `.gz`, `.bz2`,
`.xz` and `.zst` are unpacked on the way. Files come from people, so nothing is believed: lengths are bounded, names inside an archive are
names and never places, and what cannot be read is a BadRecord that names the file and the reason, so that the other files load.
"""

import io
import logging
import posixpath
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import fsspec

from leerstroom.errors import BadRecord, ConfigurationError

logging.getLogger("fsspec.local").setLevel(
    logging.INFO
)  # its DEBUG lines name files, and exports are named after people
LARGEST_FILE = 200 * 1024 * 1024  # that is read as a whole
LONGEST_LINE = 16 * 1024 * 1024
LARGEST_MEMBER = 200 * 1024 * 1024  # of an archive, unpacked
_BUFFER = 256 * 1024  # bytes that are asked of a file at once
_MOST_MEMBERS = 200_000
_MOST_UNPACKED = 20 * 1024 * 1024 * 1024
_MOST_TIMES = 200  # an archive that unpacks to more than this many times its size, and to much, was built to do harm
_FREE_UNPACKED = 50 * 1024 * 1024
_PACKED = (".gz", ".bz2", ".xz", ".zst")


def matching(patterns: Iterable[str], *, connection: str, suffixes: tuple[str, ...]) -> list[str]:
    """Paths of all files that the patterns name, those changed last at the end, each once.

    A pattern is a path, one with `*`, or a folder, of which files with one of `suffixes` (also packed: `.log.gz`) are taken.
    Raises ConfigurationError for what cannot be listed, and for a plain path that does not exist.
    """
    found: list[tuple[float, str]] = []
    for pattern in map(str, patterns):
        try:
            files, inside = fsspec.core.url_to_fs(pattern)
            scheme = pattern.split("://", 1)[0] + "://" if "://" in pattern else ""
            folder = files.isdir(inside)
            names = files.find(inside) if folder else files.glob(inside)
            kept = [str(name) for name in names if _is_meant(str(name), suffixes if folder else ())]
            found += [(changed_s(files.info(name)), f"{scheme}{name}") for name in kept if not files.isdir(name)]
        except (OSError, ValueError, ImportError) as error:
            raise ConfigurationError(
                f"connection '{connection}': {pattern} cannot be listed ({type(error).__name__}); check 'files'"
            ) from error
        if not kept and "*" not in pattern and not folder:
            raise ConfigurationError(f"connection '{connection}': {pattern} does not exist; check 'files'")
    return list(dict.fromkeys(path for _, path in sorted(found)))


def _is_meant(path: str, suffixes: tuple[str, ...]) -> bool:
    """Not what editors leave beside a file that is open; with one of the suffixes, where there are any."""
    name = unpacked_name(path)
    return not name.startswith(("~$", ".~", ".")) and (not suffixes or name.lower().endswith(suffixes))


def changed_s(info: Mapping[str, Any]) -> float:
    """When a file was changed, in seconds since 1970, as the different stores of fsspec say it; 0 where they do not."""
    for name in ("mtime", "LastModified", "last_modified", "updated", "created"):
        value = info.get(name)
        if isinstance(value, datetime):
            return value.timestamp()
        if isinstance(value, int | float):
            return float(value)
        if isinstance(value, str):
            try:
                return datetime.fromisoformat(value).timestamp()
            except ValueError:
                continue
    return 0.0


def changed_at_s(path: str) -> float:
    """When the file at a path or address was changed, in seconds since 1970; 0 where its store does not say. Raises BadRecord when it is gone."""
    try:
        files, inside = fsspec.core.url_to_fs(path)
        return changed_s(files.info(inside))
    except OSError as error:
        raise BadRecord(f"{posixpath.basename(path)} cannot be read ({type(error).__name__})") from error


def unpacked_name(path: str) -> str:
    """The file's own name, without folders and without the suffix of its packing: `log/tracking.log-1.gz` → `tracking.log-1`."""
    name = posixpath.basename(path.replace("\\", "/"))
    return name.rsplit(".", 1)[0] if name.lower().endswith(_PACKED) else name


@contextmanager
def opened(path: str) -> Iterator[IO[bytes]]:
    """The file as a stream of bytes, unpacked where its name says so. Raises BadRecord that names the file and what is wrong."""
    name = posixpath.basename(path)
    try:
        with _unpacked(path) as stream:
            # the reader of Zstandard gives bytes but no lines
            yield io.BufferedReader(stream) if path.lower().endswith(".zst") else stream
    except BadRecord:
        raise
    except (OSError, EOFError, ValueError) as error:
        raise BadRecord(f"{name} cannot be read ({type(error).__name__})") from error
    except Exception as error:  # each packing has errors of its own
        if type(error).__module__.split(".")[0] not in {"zlib", "lzma", "_lzma", "zstandard", "zstd", "compression"}:
            raise
        raise BadRecord(f"{name} is damaged ({type(error).__name__})") from error


def _unpacked(path: str) -> AbstractContextManager[Any]:
    if path.lower().endswith(_PACKED):
        return fsspec.open(path, "rb", compression="infer")  # type: ignore[no-any-return]
    if "://" in path or "::" in path:
        return fsspec.open(path, "rb")  # type: ignore[no-any-return]
    return Path(path).expanduser().open("rb", buffering=_BUFFER)  # lines come in half the time of those of fsspec


def read(path: str, most: int = LARGEST_FILE) -> bytes:
    """A whole file, unpacked. Raises BadRecord for one that cannot be read or is larger than `most` bytes."""
    with opened(path) as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise BadRecord(f"{posixpath.basename(path)} is larger than {most // 1024 // 1024} MB; split it")
    return data


def lines(path: str) -> Iterator[tuple[int, bytes]]:
    """(number from 1, line without its end) of a file, unpacked, streaming; empty lines are left out.

    A line longer than 16 MB is passed over with its first bytes only, so that whoever parses it reports it. Raises BadRecord for a file
    that cannot be read; what came before its damage was given.
    """
    with opened(path) as stream:
        number = 0
        while line := stream.readline(LONGEST_LINE):
            number += 1
            if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                while (rest := stream.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                    pass
                line = line[:1024]
            if line.strip():
                yield number, line.rstrip(b"\r\n")


class Archive:
    """A ZIP file whose members are asked for by name; a context manager. Raises BadRecord for what is no archive or built to do harm."""

    def __init__(self, path: str, data: bytes | None = None) -> None:
        """`data` is the archive where it was read already; `path` only names it then."""
        self.name = posixpath.basename(path)
        self._opened: AbstractContextManager[IO[bytes]] = (
            opened(path) if data is None else nullcontext(io.BytesIO(data))
        )
        stream = self._opened.__enter__()
        try:
            self._zip = zipfile.ZipFile(stream)
            self._members = {
                info.filename.replace("\\", "/"): info for info in self._zip.infolist() if not info.is_dir()
            }
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            self._opened.__exit__(None, None, None)
            raise BadRecord(f"{self.name} is no ZIP archive that can be read ({type(error).__name__})") from error
        size = sum(info.file_size for info in self._members.values())
        packed = sum(info.compress_size for info in self._members.values())
        if (
            len(self._members) > _MOST_MEMBERS
            or size > _MOST_UNPACKED
            or (size > _FREE_UNPACKED and size > packed * _MOST_TIMES)
        ):
            self.close()
            raise BadRecord(f"{self.name} unpacks to more than an export does; it is refused")

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        if hasattr(self, "_zip"):
            self._zip.close()
        self._opened.__exit__(None, None, None)

    def members(self, *endings: str) -> list[str]:
        """Names of members that end so, in the order of the alphabet; names only: nothing is ever written where they point."""
        return sorted(name for name in self._members if not endings or name.lower().endswith(endings))

    def read(self, member: str, most: int = LARGEST_MEMBER) -> bytes:
        """One member, unpacked. Raises BadRecord for one that is encrypted, damaged, absent or larger than `most` bytes."""
        info = self._members.get(member)
        if info is None:
            raise BadRecord(f"{self.name} holds no such member")
        if info.flag_bits & 0x1:
            raise BadRecord(f"{self.name} is protected by a password; export it without")
        if info.file_size > most:
            raise BadRecord(f"a member of {self.name} is larger than {most // 1024 // 1024} MB")
        try:
            with self._zip.open(info) as stream:
                data = stream.read(info.file_size + 1)  # a member that holds more than it says is not unpacked further
        except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
            raise BadRecord(f"a member of {self.name} is damaged ({type(error).__name__})") from error
        except Exception as error:
            if type(error).__module__ not in {"zlib", "lzma", "_lzma"}:
                raise
            raise BadRecord(f"a member of {self.name} is damaged ({type(error).__name__})") from error
        if len(data) > most:
            raise BadRecord(f"a member of {self.name} is larger than it says")
        return data
