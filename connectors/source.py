"""What a source is: what a platform gives us, how it is pulled, what of it is kept, and how one record becomes statements.

```
platform ──pull──► Record ──minimise──► landing ──map──► outcomes (Built · Ignored · Retracted, or BadRecord)
```
A source is a class with declarations and pure functions; HTTP, retry, limits, landing, ids and the ledger are the engine's. It is found
through the entry-point group `leerstroom.sources`, so a package of a third party can ship one.
"""

import sys
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache, cached_property, partial, wraps
from importlib.metadata import EntryPoint, entry_points
from pathlib import PurePath
from typing import Any, ClassVar, TypeVar

import orjson

from connectors.http import Api
from connectors.paging import dig
from leerstroom.errors import BadRecord, BadRows, ConfigurationError, UnexpectedShape
from leerstroom.people import People, Pseudonyms
from leerstroom.statements import Outcome

LONGEST_TEXT = 100_000  # characters of an id, a title or an event's own JSON; a message is reduced to features before it is measured
_LONGEST_KEY = 200
_BITS = 64  # of a number that is an id
_MEASURED = 32  # records whose length is taken together
TOO_LONG = f"a field is longer than {LONGEST_TEXT} characters after its texts were reduced"
SHAPES = (
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    IndexError,
    ArithmeticError,
    RecursionError,
)  # what code that expects a shape raises on another one
UNREADABLE = "leerstroom:unreadable"  # field of a landed record of which nothing could be kept: the reason


class Kind(StrEnum):
    """Kind of platform; the `source-kind` of its statements."""

    LMS = "lms"
    MOOC = "mooc"
    WEBINAR = "webinar"
    CHAT = "chat"
    SOCIAL = "social"
    OFFLINE = "offline"
    WORK = "work"


class Verified(StrEnum):
    """How a source was proven."""

    SERVER = "against a real server"
    PAYLOADS = "with real or vendor-made payloads"
    DOCUMENTATION = "from documentation only"


class Record(dict[str, Any]):
    """One thing that a platform told us: the vendor's fields, plus `kind` (which list it came from) and `key` (the vendor's own id)."""

    __slots__ = ("key", "kind")

    def __init__(self, kind: str, key: str, fields: Mapping[str, Any]) -> None:
        self.update(fields)  # a third cheaper than `dict.__init__`, and each event makes two
        self.kind = kind
        self.key = key


@dataclass(frozen=True, slots=True)
class Setting:
    """A connection field, declared once: it makes the form, the help, the check and the documentation."""

    name: str
    title: str
    default: Any = None
    required: bool = True
    secret: bool = False
    many: bool = False  # a list; in a form, separated by commas
    kind: str = "text"  # text | url | number | flag | file | mapping | zone
    help: str = ""


COMMON_SETTINGS = (
    Setting(
        "requests_per_minute",
        "Requests a minute",
        kind="number",
        required=False,
        help="limit of this connection; empty: the platform's default",
    ),
    Setting(
        "tenant",
        "Tenant",
        kind="url",
        required=False,
        help="address that stands in ids and accounts; needed only when the platform moves to another host, then: the old one",
    ),
    Setting("verify_tls", "Verify TLS", default=True, kind="flag", required=False, help="false only for a test server"),
)


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open interval of time, aware: facts of `start` <= t < `end` are asked for."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ConfigurationError("a window needs times with a zone")
        if self.end < self.start:
            raise ConfigurationError(
                f"the window ends ({self.end:%Y-%m-%d %H:%M}) before it starts ({self.start:%Y-%m-%d %H:%M})"
            )

    def widened(self, look_back: timedelta) -> "Window":
        """The same window with an earlier start."""
        return Window(self.start - look_back, self.end)

    def holds(self, moment: datetime) -> bool:
        """Whether `moment` lies inside."""
        return self.start <= moment < self.end

    @property
    def name(self) -> str:
        """Name of the window in paths: `20261102T010000Z_20261103T010000Z`."""
        return f"{self.start.astimezone(UTC):%Y%m%dT%H%M%SZ}_{self.end.astimezone(UTC):%Y%m%dT%H%M%SZ}"


@dataclass(frozen=True, slots=True)
class Connection:
    """A configured account at a platform: its name, its source and the fields that the source's settings declare."""

    name: str
    source: str
    fields: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]

    def get(self, name: str, default: Any = None) -> Any:
        """The field, or `default` where it is absent or empty."""
        value = self.fields.get(name)
        return default if value is None or value == "" else value

    def __repr__(self) -> str:
        return f"Connection({self.name!r}, {self.source!r})"  # never the fields: they hold secrets


_MOST_REFERENCES = 200_000  # that are remembered
_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Mapping_:  # ruff: ignore[invalid-class-name] - `Mapping` is the standard library's
    """Which records a map function takes: kind, required field values (dotted paths), and the field that gathers rows into one call."""

    kind: str
    match: tuple[tuple[str, Any], ...]
    together: str | None


def maps(kind: str, /, *, together: str | None = None, **match: Any) -> Callable[[_Function], _Function]:
    """Marks a method as the map function of `kind`; of several the first whose `match` holds takes the record.

    `type="m.room.message"` wants `record["type"]` to be that; `content__msgtype=` reaches deeper. Without `together` the method gets
    `(record, people)` and returns or yields outcomes. With `together="occurrence"` consecutive records of one value are
    gathered: it gets `(records, people)` and yields `(records, outcome)`, disposing of each record at least once; a BadRecord as
    outcome quarantines just those records.
    """

    def mark(function: _Function) -> _Function:
        marks = [
            *getattr(function, "_maps", ()),
            Mapping_(kind, tuple((name.replace("__", "."), value) for name, value in match.items()), together),
        ]
        function._maps = marks  # type: ignore[attr-defined]  # ruff: ignore[private-member-access] - a mark for Source.mappings
        return function

    return mark


class Source:
    """A platform. Subclasses declare; where declarations do not fit they override `pull`, `read`, `minimise` or `check`."""

    name: ClassVar[str]
    title: ClassVar[str]
    kind: ClassVar[Kind]
    verified: ClassVar[Verified]
    settings: ClassVar[tuple[Setting, ...]] = ()
    record_kinds: ClassVar[tuple[str, ...]] = ()
    look_back: ClassVar[timedelta] = timedelta(days=3)  # how late facts may arrive
    settle: ClassVar[timedelta] = timedelta(0)  # how long after its end a fact is still moving
    keep: ClassVar[Mapping[str, tuple[str, ...]]] = {}  # kind -> dotted paths that may land; lists are walked through
    content: ClassVar[
        Mapping[str, tuple[str, ...]]
    ] = {}  # kind -> dotted paths of texts, reduced to record["features"]
    people: ClassVar[
        Mapping[str, Mapping[str, str]]
    ] = {}  # kind -> {dotted path: account | email | hr}, replaced by keyed references
    requests_per_minute: ClassVar[float | None] = None
    looks_ahead: ClassVar[bool] = (
        False  # records refer to others: `normalise` has it read some payloads before they count
    )
    keyed_ids: ClassVar[bool] = False  # ids of activities hold keyed references, which a rotation of the key changes
    is_lrs: ClassVar[bool] = False  # it holds statements: the night calls `copy` and nothing of them lands
    reads_anew: ClassVar[bool] = False  # `read` keeps no record that it gave: `normalise` minimises it where it stands
    needs_addresses: ClassVar[bool] = False  # records name people by hashes of addresses; who pulls fills `addresses`
    addresses: Sequence[str] = ()  # all of the directory, to be compared at the edge and never kept
    documents: ClassVar[
        tuple[str, ...]
    ] = ()  # endings of files that are no JSON and that `read_document` reads as a whole

    def __init_subclass__(cls, **arguments: Any) -> None:
        """What a platform's own readers raise for a shape that they do not know is a BadRecord for whoever calls them, and the rest goes on."""
        super().__init_subclass__(**arguments)
        for name in ("read", "read_document", "read_file"):
            if name in vars(cls):
                setattr(cls, name, _telling(vars(cls)[name]))

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._references: defaultdict[str, dict[str | int, str]] = defaultdict(dict)  # sort -> value -> reference
        self._under: Pseudonyms | None = None  # the key that the remembered references were made with

    # --- what a platform's file says -------------------------------------------------------------------------------------

    @property
    def tenant(self) -> str:
        """The platform as a home page for accounts and for ids; the field `tenant`, so that ids outlive a move, else the host."""
        return self._tenant

    @cached_property
    def _tenant(self) -> str:
        return str(self.connection.get("tenant") or self.connection["host"]).rstrip("/")

    def api(self) -> Api:
        """The way to this platform; sources with a login override `auth`, those with habits of their own call `connected`."""
        return self.connected()

    def connected(self, **habits: Any) -> Api:
        """An Api with the connection's host, login and limits; `habits` are further arguments of Api (`headers`, `read` …)."""
        return Api(
            str(self.connection["host"]),
            connection=self.connection.name,
            auth=self.auth(),
            requests_per_minute=self.connection.get("requests_per_minute", self.requests_per_minute),
            verify=self.connection.get("verify_tls", True),
            quota=self.quota,
            meant=self.meant,
            **habits,
        )

    def auth(self) -> Any:
        """Authentication for requests; a bearer `token` by default, None without one."""
        token = self.connection.get("token")
        return BearerToken(token) if token else None

    def now(self) -> datetime:
        """The time: what has not settled yet, and what a platform no longer keeps, depend on it. A replay of the past has a time of its own."""
        return datetime.now(UTC)

    @staticmethod
    def quota(status: int, body: Any) -> bool:
        """Whether a refusal means that a daily quota is spent."""
        return False

    @staticmethod
    def meant(status: int, body: Any) -> int:
        """The status that an answer really means, where the platform says another one; `body` is bytes where it cannot be read."""
        return status

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """All records whose facts may lie in `window`, as the vendor gives them."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it is pulled")

    def recheck(self, api: Api, landed: Iterable[Record]) -> Iterator[Record]:
        """Records that say which of those that landed before are deleted by now, for platforms that tell nobody of a deletion.

        Called after `pull` and on the same object, with the minimised records of earlier pulls as long as the landing keeps them, the newest first.
        """
        return iter(())

    def parse(self, line: bytes) -> Any:
        """The payload in one line of a file or of standard input; JSON unless a platform writes its lines otherwise. Raises ValueError."""
        return orjson.loads(line)

    def parse_all(self, lines: Iterable[bytes]) -> list[Any]:
        """The payloads in lines that are all good, which nearly all are: `parse` for each. Raises ValueError where one is not."""
        return list(map(self.parse, lines))

    def read(self, payload: Any) -> Iterable[Record]:
        """Records out of a payload as the vendor sends it (a page, one record, or a recorded exchange), for `leerstroom normalise`.

        Raises BadRecord for a payload of no known shape.
        """
        raise BadRecord("no record of this platform")

    def read_document(self, data: bytes, name: str) -> Iterator[Record]:
        """Records out of something that is no JSON: XML, a calendar, a sheet, a signed text. `name` is for messages and keys.

        Raises BadRecord for a document of no known shape.
        """
        raise BadRecord(f"{name} is no JSON")

    def copy(self, target: Any, window: Window, *, on_rejection: Any = None) -> Any:
        """For a source that is a learning record store: copies what was stored inside the window into `target`; returns a LoadReport."""
        raise NotImplementedError(f"{type(self).__name__} holds no statements")

    def check(self, api: Api) -> str:
        """Tries the connection and says in one line what was found. Raises the errors of `connectors.http`."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it is checked")

    # --- at the edge ---------------------------------------------------------------------------------------------------------

    def minimise(self, record: Record, pseudonyms: Pseudonyms) -> Record:
        """The record as it may land: kept fields, keyed references for people, features for texts; nothing else."""
        return self._minimised(record, pseudonyms, in_place=False)

    def _minimised(self, record: Record, pseudonyms: Pseudonyms, *, in_place: bool) -> Record:
        edge = self._edges.get(record.kind, _NO_EDGE)
        whole = edge.is_flat and edge.kept.values.issuperset(record)
        if whole and in_place:
            kept = record
        else:
            kept = Record(record.kind, record.key, record if whole else _chosen(record, edge.kept))
        if edge.texts is not None:
            from leerstroom.features import features

            kept["features"] = features([text for path in edge.texts for text in _texts(record, path)])
        if pseudonyms is not self._under:
            self._forget(pseudonyms)
        for name, sort, known in edge.own:
            value = kept.get(name)
            if value is not None:
                made = known.get(value) if type(value) is str or type(value) is int else None
                kept[name] = made or self._referenced(pseudonyms, sort, value)
        for path, sort in edge.deep:
            _replace(kept, path, partial(self._referenced, pseudonyms, sort))
        return kept

    def reduced(self, record: Record, pseudonyms: Pseudonyms) -> Record:
        """`minimise` for whoever must go on with the next record: one of an unexpected shape keeps that fact only, and ends in quarantine."""
        return _measured(record, self._tried(record, pseudonyms))

    def all_reduced(self, records: list[Record], pseudonyms: Pseudonyms) -> list[Record]:
        """`reduced` for each of those that were just read; what they hold is measured for several at once, and one by one only where it is much."""
        in_place = self.reads_anew and type(self).minimise is Source.minimise
        found = [self._tried(record, pseudonyms, in_place=in_place) for record in records]
        for start in range(0, len(found), _MEASURED):
            if not _is_small(found[start : start + _MEASURED]):
                for number in range(start, min(start + _MEASURED, len(found))):
                    found[number] = _measured(records[number], found[number])
        return found

    def _tried(self, record: Record, pseudonyms: Pseudonyms, *, in_place: bool = False) -> Record:
        try:
            return self._minimised(record, pseudonyms, in_place=True) if in_place else self.minimise(record, pseudonyms)
        except BadRecord as error:
            return _unreadable(record, str(error))
        except SHAPES as error:
            return _unreadable(record, _unexpected(error))

    def _referenced(self, pseudonyms: Pseudonyms, sort: str, value: Any) -> Any:
        """`reference` of a value, or of each in a list."""
        if isinstance(value, list):
            return [self._reference_of(pseudonyms, sort, each) for each in value]
        return self._reference_of(pseudonyms, sort, value)

    def _reference_of(self, pseudonyms: Pseudonyms, sort: str, value: Any) -> str | None:
        """`reference`, remembered for texts and numbers that are as short as ids are, since people come back."""
        is_id = len(value) <= _LONGEST_KEY if type(value) is str else type(value) is int and value.bit_length() <= _BITS
        if not is_id:
            return self.reference(pseudonyms, sort, value)
        known = self._references[sort]
        made = known.get(value)
        if made is None:
            made = self.reference(pseudonyms, sort, value)
            if made:
                if len(known) >= _MOST_REFERENCES:
                    known.clear()
                known[value] = made
        return made

    def _forget(self, pseudonyms: Pseudonyms) -> None:
        """Starts anew under another key. The tables stay the same objects, which `_edges` hold."""
        for known in self._references.values():
            known.clear()
        self._under = pseudonyms

    @cached_property
    def _edges(self) -> Mapping[str, "_Edge"]:
        return {kind: _edge(self, kind, self._references) for kind in {*self.keep, *self.content, *self.people}}

    def reference(self, pseudonyms: Pseudonyms, sort: str, value: Any) -> str | None:
        """The keyed reference of an `account`, `email` or `hr` id; None for an empty one."""
        if value is None or value == "":
            return None
        if sort == "account":
            return pseudonyms.account(self.tenant, str(value))
        return pseudonyms.email(str(value)) if sort == "email" else pseudonyms.hr(str(value))

    # --- mapping ---------------------------------------------------------------------------------------------------------------

    @classmethod
    @cache
    def mappings(cls) -> tuple[tuple[Mapping_, str], ...]:
        """All (mapping, method name) in the order of the class body, inherited ones last."""
        found: list[tuple[Mapping_, str]] = []
        for owner in cls.__mro__:
            for name, function in vars(owner).items():
                found.extend((mark, name) for mark in getattr(function, "_maps", ()))
        return tuple(found)

    def mapping(self, record: Record) -> tuple[Mapping_, Callable[[Any, People], Any]] | tuple[None, None]:
        """The map function that takes this record, with its mark; twice None where there is none."""
        for found in self._functions.get(record.kind, ()):
            match = found[0].match
            if not match or all(dig(record, path) == value for path, value in match):
                return found
        return None, None

    @cached_property
    def simple(self) -> Mapping[str, Callable[[Any, People], Any]]:
        """The map functions of kinds that have one only, which takes each record alone."""
        return {
            kind: found[0][1]
            for kind, found in self._functions.items()
            if len(found) == 1 and not found[0][0].match and not found[0][0].together
        }

    @cached_property
    def _functions(self) -> Mapping[str, list[tuple[Mapping_, Callable[[Any, People], Any]]]]:
        found: dict[str, list[tuple[Mapping_, Callable[[Any, People], Any]]]] = {}
        for mark, name in self.mappings():
            found.setdefault(mark.kind, []).append((mark, getattr(self, name)))
        return found

    @classmethod
    def documentation(cls) -> str:
        """The platform's section of `docs/platforms.md`: the docstring of its module."""
        import inspect

        return inspect.getdoc(inspect.getmodule(cls)) or ""


class BearerToken:
    """`Authorization: Bearer …` for requests."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: Any) -> Any:
        """Adds the header."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Headers:
    """Headers of the platform's own that say who asks, for requests."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = dict(headers)

    def __call__(self, request: Any) -> Any:
        """Adds the headers."""
        request.headers.update(self._headers)
        return request


Gathered = Iterable[tuple[Iterable[Record], Outcome | BadRecord]]


# --- finding sources and checking connections ----------------------------------------------------------------------------------------


def installed() -> dict[str, EntryPoint]:
    """Names of all installed sources; nothing is imported, so a broken one harms itself only."""
    return {
        entry.name: entry for entry in sorted(entry_points(group="leerstroom.sources"), key=lambda entry: entry.name)
    }


def load(name: str) -> type[Source]:
    """The class of source `name`. Raises ConfigurationError for an unknown or broken one."""
    entry = installed().get(name)
    if entry is None:
        raise ConfigurationError(f"there is no source '{name}'; installed are {', '.join(installed()) or 'none'}")
    try:
        loaded = entry.load()
    except Exception as error:
        raise ConfigurationError(
            f"source '{name}' cannot be imported ({type(error).__name__}); reinstall {entry.dist.name if entry.dist else entry.value}"
        ) from error
    if not (isinstance(loaded, type) and issubclass(loaded, Source)):
        raise ConfigurationError(f"source '{name}' is no subclass of connectors.source.Source")
    return loaded


def connect(connection: Connection, *, complete: bool = True) -> Source:
    """The source of a connection, its fields checked and completed. Raises ConfigurationError that names every wrong field at once.

    With `complete=False` missing required fields are allowed: mapping needs no token.
    """
    source = load(connection.source)
    return source(checked(connection, source.settings, complete=complete))


def checked(connection: Connection, settings: Iterable[Setting], *, complete: bool = True) -> Connection:
    """The connection with its fields typed and completed after what `settings` declare. Raises ConfigurationError that names every fault."""
    fields, faults = dict(connection.fields), []
    declared = {setting.name: setting for setting in (*settings, *COMMON_SETTINGS)}
    faults += [f"unknown field '{name}'" for name in fields if name not in declared]
    for setting in declared.values():
        value = fields.get(setting.name)
        if value is None or value == "":
            fields[setting.name] = setting.default
            if setting.required and setting.default is None and complete:
                faults.append(f"field '{setting.name}' ({setting.title}) is missing")
            continue
        try:
            fields[setting.name] = _typed(setting, value)
        except ValueError as error:
            faults.append(f"field '{setting.name}': {error}")
    if faults:
        raise ConfigurationError(f"connection '{connection.name}' ({connection.source}): " + "; ".join(faults))
    return Connection(connection.name, connection.source, fields)


def _typed(setting: Setting, value: Any) -> Any:
    if setting.many:
        return [each.strip() for each in value.split(",") if each.strip()] if isinstance(value, str) else list(value)
    match setting.kind:
        case "number":
            try:
                return float(value) if "." in str(value) else int(value)
            except ValueError:
                raise ValueError("needs a number") from None
        case "flag":
            if isinstance(value, bool):
                return value
            if str(value).lower() in {"true", "yes", "1", "on"}:
                return True
            if str(value).lower() in {"false", "no", "0", "off"}:
                return False
            raise ValueError("needs true or false")
        case "mapping":
            if not isinstance(value, Mapping):
                raise ValueError("needs a table of names and values")  # noqa: TRY004 - gathered with the other faults of fields
            return dict(value)
        case "url":
            if "://" not in str(value):
                raise ValueError("needs an address like https://host")
            return str(value).rstrip("/")
    return value


def _telling(reads: Callable[..., Iterable[Record]]) -> Callable[..., Iterable[Record]]:
    """The same reader, with a BadRecord for what an unknown shape raises: the sort of error only, its text may quote a person."""

    @wraps(reads)
    def told(self: Source, payload: Any, *more: Any) -> Iterable[Record]:
        try:
            found = reads(self, payload, *more) if more else reads(self, payload)  # each line comes here
        except SHAPES as error:
            raise _unknown(error) from None
        return found if type(found) is tuple else one_by_one(found)  # what was read already needs no second frame

    def one_by_one(records: Iterable[Record]) -> Iterator[Record]:
        try:
            yield from records
        except SHAPES as error:
            raise _unknown(error) from None

    return told


def _unknown(error: Exception) -> BadRecord:
    return BadRecord(f"unknown shape ({type(error).__name__})")


def every_row(rows: Iterable[Any], read: Callable[[Any, str], Iterable[Record]]) -> Iterator[Record]:
    """The records of all rows of an answer, `read(row, "row 3")` each. Raises BadRows behind the last for those that cannot be read: no other is lost."""
    wrong: list[str] = []
    for number, row in enumerate(rows, 1):
        place = f"row {number}"
        try:
            yield from read(row, place)
        except (BadRecord, *SHAPES) as error:
            told = reasons(error if isinstance(error, BadRecord) else _unknown(error))
            wrong += (each if each.startswith(f"{place} ") else f"{place}: {each}" for each in told)
    if wrong:
        raise BadRows(wrong)


def reasons(error: BadRecord) -> Sequence[str]:
    """Why records cannot be read, a text for each of them."""
    return error.rows if isinstance(error, BadRows) else (str(error),)


def answered(source: Source, records: Iterator[Record]) -> Iterator[Record]:
    """What a source pulls. Raises UnexpectedShape for an answer that it stumbles over, with the place in its code and without a value of it."""
    try:
        yield from records
    except SHAPES as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = str(PurePath(str(getattr(sys.modules.get(type(source).__module__), "__file__", ""))).parent)
        frame = next((each for each in reversed(frames) if each.filename.startswith(own)), frames[-1])
        place = f"{PurePath(frame.filename).name}:{frame.lineno}"
        raise UnexpectedShape(
            f"connection '{source.connection.name}': an answer or a file of {source.title} has a shape that nobody expected "
            f"({type(error).__name__} in {place}); report it with the time, and what the platform changed"
        ) from None


def _is_small(records: list[Record]) -> bool:
    """Whether all of these can be written and are, with their keys, together no longer than a text may be: so nearly all are."""
    try:
        return len(orjson.dumps([records, [each.key for each in records]])) <= LONGEST_TEXT
    except SHAPES:
        return False


def _measured(record: Record, kept: Record) -> Record:
    """What was kept of a record, unless a text in it is too long or a line of landing or quarantine cannot hold it."""
    try:
        # as deep, and with numbers as large, as they are written there; orjson and msgspec read more than that
        size = len(orjson.dumps([[kept]]))
    except SHAPES as error:
        return _unreadable(record, _unexpected(error))
    is_too_long = len(kept.key) > LONGEST_TEXT or (size > LONGEST_TEXT and holds_long_text(kept))
    return _unreadable(record, TOO_LONG) if is_too_long else kept


def _unexpected(error: Exception) -> str:
    return f"a field has an unexpected type, size or depth ({type(error).__name__})"


def _unreadable(record: Record, reason: str) -> Record:
    """What lands of a record of which nothing can be kept; a key that is too long to be one is told by its beginning."""
    return Record(record.kind, record.key[:_LONGEST_KEY], {UNREADABLE: reason})


def holds_long_text(value: Any) -> bool:
    """Whether a value of JSON holds a text or a name longer than `LONGEST_TEXT`."""
    if isinstance(value, dict):
        return any(len(name) > LONGEST_TEXT or holds_long_text(each) for name, each in value.items())
    if isinstance(value, list):
        return any(map(holds_long_text, value))
    return isinstance(value, str) and len(value) > LONGEST_TEXT


# --- walking records -------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Tree:
    """What is kept of a table: values as they are, and of other tables (or lists of them) what their trees say."""

    values: frozenset[str] = frozenset()
    tables: "tuple[tuple[str, _Tree], ...]" = ()


@dataclass(frozen=True, slots=True)
class _Edge:
    """`keep`, `content` and `people` of one kind of record, their dotted paths taken apart once."""

    kept: _Tree = _Tree()
    is_flat: bool = True  # nothing is kept of a table but a table as it is
    texts: tuple[list[str], ...] | None = None
    own: tuple[
        tuple[str, str, dict[str | int, str]], ...
    ] = ()  # fields of the record itself that name people; what is known of theirs
    deep: tuple[tuple[list[str], str], ...] = ()  # and those further down


_NO_EDGE = _Edge()


def _edge(source: Source, kind: str, references: Mapping[str, dict[str | int, str]]) -> _Edge:
    named = [(path.split("."), sort) for path, sort in source.people.get(kind, {}).items()]
    kept = _tree([path.split(".") for path in source.keep.get(kind, ())])
    return _Edge(
        kept,
        not kept.tables,
        tuple(path.split(".") for path in source.content[kind]) if kind in source.content else None,
        tuple((path[0], sort, references[sort]) for path, sort in named if len(path) == 1),
        tuple((path, sort) for path, sort in named if len(path) > 1),
    )


def _tree(paths: Iterable[list[str]]) -> _Tree:
    below: dict[str, list[list[str]]] = {}
    for name, *rest in paths:
        below.setdefault(name, []).append(rest)
    whole = frozenset(name for name, rests in below.items() if [] in rests)
    return _Tree(whole, tuple((name, _tree(rests)) for name, rests in below.items() if [] not in rests))


def _chosen(fields: Mapping[str, Any], tree: _Tree) -> dict[str, Any]:
    """The fields that a tree names, lists walked through; nothing of a value that is no table where one is expected."""
    kept = {name: value for name, value in fields.items() if name in tree.values}
    for name, below in tree.tables:
        value = fields.get(name)
        if isinstance(value, dict):
            kept[name] = _chosen(value, below)
        elif isinstance(value, list):
            kept[name] = [_chosen(each, below) if isinstance(each, dict) else {} for each in value]
    return kept


def _texts(value: Any, path: list[str]) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _texts(each, path)
    elif not path:
        if isinstance(value, str):
            yield value
    elif isinstance(value, Mapping):
        yield from _texts(value.get(path[0]), path[1:])


def _replace(value: Any, path: list[str], change: Callable[[Any], Any]) -> None:
    name, rest = path[0], path[1:]
    if isinstance(value, list):
        for each in value:
            _replace(each, path, change)
    elif isinstance(value, dict) and name in value:
        if rest:
            _replace(value[name], rest, change)
        elif isinstance(value[name], list):
            value[name] = [change(each) for each in value[name]]
        else:
            value[name] = change(value[name])
