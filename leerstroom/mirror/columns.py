"""The columns of the mirror: what is lifted out of a statement so that nobody parses JSON twice, and how.

One row a statement, in the order given. Nothing is judged here: a property that is missing, or of another type than
xAPI says, reads as null, and the statement itself stays in `raw`. What the columns mean stands in `COLUMNS`.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from leerstroom.errors import InvalidStatement
from leerstroom.statements.ids import name_uuid
from leerstroom.statements.vocabulary import canonical_type, canonical_verb, extension_iris

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("statement_id", "string", "id of the statement, lower case"),
    ("stored", "timestamp", "when the LRS stored it; the timestamp where a file of statements has none"),
    ("timestamp", "timestamp", "when it happened; `stored` where the producer said nothing"),
    (
        "actor",
        "string",
        "who: account|<homePage>|<name>, mbox|<address>, mbox_sha1sum|<hash>, openid|<uri>; groups begin with group|",
    ),
    ("verb_id", "string", "IRI of the verb"),
    ("verb", "string", "canonical name of the verb"),
    ("object_type", "string", "Activity, Agent, Group, StatementRef or SubStatement"),
    ("object_id", "string", "id of the activity or of the statement referred to; the actor string of an agent"),
    ("activity_type", "string", "canonical name of the activity's type"),
    ("duration_ms", "int64", "result.duration in milliseconds"),
    ("duration_basis", "string", "extension duration-basis: what the duration measures where it is no time on a clock"),
    ("score_scaled", "double", "result.score.scaled"),
    ("score_raw", "double", "result.score.raw"),
    ("score_min", "double", "result.score.min"),
    ("score_max", "double", "result.score.max"),
    ("success", "bool", "result.success"),
    ("completion", "bool", "result.completion"),
    ("registration", "string", "context.registration, lower case"),
    ("parent_id", "string", "id of the first parent activity"),
    ("grouping_id", "string", "id of the first grouping activity"),
    ("category", "strings", "ids of the category activities"),
    ("platform", "string", "context.platform"),
    ("source_kind", "string", "extension source-kind"),
    ("channel_kind", "string", "extension channel-kind"),
    ("actor_role", "string", "extension actor-role"),
    ("initiator", "string", "extension initiator"),
    ("device", "string", "extension device"),
    ("mandatory", "bool", "extension mandatory"),
    ("due", "date", "extension due: last local date on which it is on time"),
    ("scheduled_minutes", "double", "extension scheduled-minutes"),
    ("group_size", "int64", "extension group-size"),
    ("mentions", "strings", "extension mentions as actor strings; a bare account name reads as account||<name>"),
    ("rule", "string", "extension rule: what inferred this fact"),
    ("confidence", "double", "extension confidence"),
    ("record", "string", "extension record: UUID of the source record"),
    ("authority", "string", "who asserted it, as an actor string"),
    ("raw", "binary", "the statement's JSON as stored"),
)


def MIRROR_SCHEMA() -> "pa.Schema":  # ruff: ignore[invalid-function-name] - a constant that is made late, since pyarrow is heavy
    """The pyarrow schema of the mirror: `COLUMNS` with times in microseconds UTC."""
    return _schema()


@cache
def _schema() -> "pa.Schema":
    import pyarrow as pa

    kinds = {
        "string": pa.string(),
        "timestamp": pa.timestamp("us", tz="UTC"),
        "int64": pa.int64(),
        "double": pa.float64(),
        "bool": pa.bool_(),
        "strings": pa.list_(pa.string()),
        "date": pa.date32(),
        "binary": pa.binary(),
    }
    return pa.schema([pa.field(name, kinds[kind], metadata={"description": text}) for name, kind, text in COLUMNS])


def to_table(statements: Iterable[bytes | str | Mapping[str, Any]]) -> "pa.Table":
    """The statements (JSON text or plain values) as a table of MIRROR_SCHEMA, in the order given.

    Raises InvalidStatement for JSON that is no object, and for a statement without actor, verb or object.
    """
    import orjson
    import pyarrow as pa

    rows: list[tuple[Any, ...]] = []
    for statement in statements:
        if isinstance(statement, bytes | str):
            raw = statement if isinstance(statement, bytes) else statement.encode()
            try:
                value = orjson.loads(raw)
            except orjson.JSONDecodeError as error:
                raise InvalidStatement(f"statement {len(rows) + 1} is no JSON: {error}") from error
        else:
            value, raw = statement, orjson.dumps(statement)
        if not isinstance(value, dict):
            raise InvalidStatement(f"statement {len(rows) + 1} is no JSON object")
        rows.append(to_row(value, raw))
    schema = MIRROR_SCHEMA()
    columns = zip(*rows, strict=True) if rows else ([] for _ in schema)
    return pa.Table.from_arrays(
        [pa.array(column, type=field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    )


def to_row(statement: Mapping[str, Any], raw: bytes) -> tuple[Any, ...]:
    """The values of one statement in the order of `COLUMNS`. Raises InvalidStatement without actor, verb or object."""
    actor, verb, thing = statement.get("actor"), statement.get("verb"), statement.get("object")
    if not (isinstance(actor, dict) and isinstance(verb, dict) and isinstance(thing, dict)):
        raise InvalidStatement("a statement needs actor, verb and object", "actor, verb, object")
    verb_id = _text(verb.get("id")) or ""
    stored, timestamp = _moment(statement.get("stored")), _moment(statement.get("timestamp"))
    result = _object(statement.get("result"))
    score = _score(result.get("score"))
    context = _object(statement.get("context"))
    activities = _object(context.get("contextActivities"))
    stated = _extensions(context.get("extensions")).get
    object_type = _text(thing.get("objectType")) or "Activity"
    definition = _object(thing.get("definition"))
    type_iri = definition.get("type") if object_type == "Activity" else None
    duration = result.get("duration")
    registration = _text(context.get("registration"))
    return (
        (_text(statement.get("id")) or name_uuid("statement without id", raw.decode("utf-8", "replace"))).lower(),
        stored or timestamp,
        timestamp or stored,
        actor_string(actor),
        verb_id,
        _verb(verb_id),
        object_type,
        actor_string(thing) if object_type in {"Agent", "Group"} else _object_id(thing, object_type),
        _type(type_iri) if isinstance(type_iri, str) and type_iri else None,
        duration_ms(duration) if isinstance(duration, str) else None,
        stated("duration-basis"),
        *score,
        _boolean(result.get("success")),
        _boolean(result.get("completion")),
        registration.lower() if registration else None,
        _first_id(activities.get("parent")),
        _first_id(activities.get("grouping")),
        _ids(activities.get("category")),
        _text(context.get("platform")),
        stated("source-kind"),
        stated("channel-kind"),
        stated("actor-role"),
        stated("initiator"),
        stated("device"),
        stated("mandatory"),
        stated("due"),
        stated("scheduled-minutes"),
        stated("group-size"),
        stated("mentions", []),
        stated("rule"),
        stated("confidence"),
        stated("record"),
        actor_string(authority) if isinstance(authority := statement.get("authority"), dict) else None,
        raw,
    )


def actor_string(agent: Mapping[str, Any]) -> str:
    """One text for one identity: `account|<homePage>|<name>`, `mbox|<address>`, `mbox_sha1sum|<hash>`, `openid|<uri>`.

    Addresses and hashes are in lower case. Groups begin with `group|`; an anonymous one is `group|` alone.
    """
    prefix = "group|" if agent.get("objectType") == "Group" else ""
    account = agent.get("account")
    if isinstance(account, dict):
        return f"{prefix}account|{account.get('homePage', '')}|{account.get('name', '')}"
    mbox = agent.get("mbox")
    if isinstance(mbox, str):
        return f"{prefix}mbox|{mailbox(mbox)}"
    for name in ("mbox_sha1sum", "openid"):
        value = agent.get(name)
        if isinstance(value, str):
            return f"{prefix}{name}|{value.lower() if name == 'mbox_sha1sum' else value}"
    return prefix


def mailbox(address: str) -> str:
    """An address or `mailto:` IRI as the mirror writes it: without scheme, in lower case."""
    address = address.strip().lower()
    return address.removeprefix("mailto:")


_DURATION = re.compile(
    r"P(?:(?P<w>\d+(?:[.,]\d+)?)W)?(?:(?P<y>\d+(?:[.,]\d+)?)Y)?(?:(?P<mo>\d+(?:[.,]\d+)?)M)?(?:(?P<d>\d+(?:[.,]\d+)?)D)?"
    r"(?:T(?:(?P<h>\d+(?:[.,]\d+)?)H)?(?:(?P<m>\d+(?:[.,]\d+)?)M)?(?:(?P<s>\d+(?:[.,]\d+)?)S)?)?"
)
_PART_MS = {
    "w": 604_800_000,
    "y": 31_536_000_000,
    "mo": 2_592_000_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1000,
}


@lru_cache(maxsize=100_000)
def duration_ms(text: str) -> int | None:
    """Milliseconds of an ISO 8601 duration, a year as 365 and a month as 30 days; None for what is none."""
    found = _DURATION.fullmatch(text.strip())
    if found is None or text.strip() in {"P", "PT"}:
        return None
    return round(
        sum(float(value.replace(",", ".")) * _PART_MS[name] for name, value in found.groupdict().items() if value)
    )


# --- values -----------------------------------------------------------------------------------------------------------------

_verb = lru_cache(maxsize=10_000)(canonical_verb)
_type = lru_cache(maxsize=10_000)(canonical_type)


@cache
def _extension_readers() -> dict[str, tuple[str, Callable[[Any], Any]]]:
    """IRI -> (name, how it is read). Most statements have two or three of these: the others cost nothing."""
    readers: dict[str, Callable[[Any], Any]] = {
        "duration-basis": _word,
        "source-kind": _word,
        "channel-kind": _word,
        "actor-role": _word,
        "initiator": _word,
        "device": _word,
        "mandatory": _boolean,
        "due": _day,
        "scheduled-minutes": _minutes,
        "group-size": _whole,
        "mentions": _mentions,
        "rule": _text,
        "confidence": _number,
        "record": _text,
    }
    return {iri: (name, read) for name, read in readers.items() for iri in extension_iris(name)}


def _extensions(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {}
    readers, found = _extension_readers(), {}
    for iri, held in value.items():
        if iri in readers and held is not None:
            name, read = readers[iri]
            found[name] = read(held)
    return found


_NO_SCORE = (None, None, None, None)


def _score(value: Any) -> tuple[float | None, ...]:
    if not isinstance(value, dict):
        return _NO_SCORE
    return tuple(_number(value.get(name)) for name in ("scaled", "raw", "min", "max"))


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _object_id(thing: Mapping[str, Any], object_type: str) -> str | None:
    identity = _text(thing.get("id"))
    return identity.lower() if identity and object_type == "StatementRef" else identity


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _word(value: Any) -> str | None:
    return value.strip().lower() or None if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _minutes(value: Any) -> float | None:
    """Minutes as a number, or as an ISO 8601 duration: other producers plan in those."""
    if isinstance(value, str):
        length = duration_ms(value)
        return None if length is None else length / 60_000
    return _number(value)


_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def _boolean(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    return _TRUTH.get(str(value).strip().lower()) if isinstance(value, str | int) else None


def _day(value: Any) -> date | None:
    """The local date as written; of a moment with an offset, the date in that offset."""
    try:
        return date.fromisoformat(value.strip()[:10]) if isinstance(value, str) else None
    except ValueError:
        return None


def _moment(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return _odd_moment(value)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _odd_moment(value: str) -> datetime | None:
    """Offsets without colon beyond what the library reads, and lower case: legal, and rare enough to be slow."""
    from leerstroom.errors import BadRecord
    from leerstroom.statements.building import parse_time

    try:
        return parse_time(value.upper(), zone="UTC")
    except BadRecord:
        return None


def _activities(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else (value,) if isinstance(value, dict) else ()


def _first_id(value: Any) -> str | None:
    for each in _activities(value):
        if isinstance(each, dict) and isinstance(each.get("id"), str):
            return str(each["id"])
    return None


def _ids(value: Any) -> list[str]:
    return [each["id"] for each in _activities(value) if isinstance(each, dict) and isinstance(each.get("id"), str)]


def _mentions(value: Any) -> list[str]:
    many = value if isinstance(value, list) else [value] if value else []
    found = (_mention(each) for each in many)
    return list(dict.fromkeys(each for each in found if each))


def _mention(value: Any) -> str | None:
    if isinstance(value, dict):
        return actor_string(value)
    if not isinstance(value, str) or not value.strip():
        return None
    text = value.strip()
    is_address = text.lower().startswith("mailto:") or ("@" in text[1:] and ":" not in text and "/" not in text)
    return f"mbox|{mailbox(text)}" if is_address else f"account||{text}"
