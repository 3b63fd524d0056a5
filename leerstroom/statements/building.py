"""Builds statements as plain dictionaries, so that a map function looks like the statement it makes."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypedDict

import msgspec

from leerstroom.errors import BadRecord
from leerstroom.statements import validation
from leerstroom.statements.vocabulary import CATEGORY, EXTENSIONS, Verb

_MOST_TYPES = 1000


class Statement(TypedDict, total=False):
    """An xAPI statement as JSON (xAPI 1.0.3 part two, section 2)."""

    id: str
    actor: dict[str, Any]
    verb: dict[str, Any]
    object: dict[str, Any]
    result: dict[str, Any]
    context: dict[str, Any]
    timestamp: str
    stored: str
    authority: dict[str, Any]
    version: str
    attachments: list[dict[str, Any]]


class Built(msgspec.Struct, gc=False):  # a dataclass takes three times as long to make, and each statement makes one
    """The parts of a statement as `statement()` makes them, without id and version: `place` are its contextActivities, `extensions` those of its context.

    `revision` tells versions of one fact apart, `""` for a fact that never changes. `key` names the fact where it is not the
    record's own key: one attendance made of several rows.
    """

    actor: dict[str, Any]
    verb: dict[str, Any]
    object: dict[str, Any]
    result: dict[str, Any] | None
    place: dict[str, list[dict[str, Any]]]
    extensions: dict[str, Any]
    timestamp: str
    registration: str | None = None
    instructor: dict[str, Any] | None = None
    language: str | None = None
    revision: str = ""
    key: str = ""

    @property
    def context(self) -> dict[str, Any]:
        """The statement's context, made anew."""
        made: dict[str, Any] = {}
        if self.registration:
            made["registration"] = self.registration
        if self.instructor:
            made["instructor"] = self.instructor
        if self.language:
            made["language"] = self.language
        made["contextActivities"] = self.place
        made["extensions"] = self.extensions
        return made

    @property
    def statement(self) -> Statement:
        """The statement as far as it goes, made anew."""
        made: Statement = {"actor": self.actor, "verb": self.verb, "object": self.object}
        if self.result:
            made["result"] = self.result
        made["context"] = self.context
        made["timestamp"] = self.timestamp
        return made


@dataclass(frozen=True, slots=True)
class Ignored:
    """A record that is rightly no statement; `reason` is counted in the ledger, so it names a kind of case, not the case."""

    reason: str


@dataclass(frozen=True, slots=True)
class Retracted:
    """The source deleted record `key`: whatever was made of it is voided. The record that says so counts as mapped.

    `kind` is the kind of the deleted record where it differs from the kind of the one that says so.
    """

    key: str
    kind: str = ""
    reason: str = "deleted at the source"


@dataclass(frozen=True, slots=True)
class Copied:
    """A statement of another producer: it stays as it is, id and all; nothing is added to it."""

    statement: Statement


Outcome = Built | Ignored | Retracted | Copied


def statement(
    *,
    actor: dict[str, Any],
    verb: Verb,
    object: dict[str, Any],  # ruff: ignore[builtin-argument-shadowing] - xAPI's own word
    timestamp: datetime | str,
    result: dict[str, Any] | None = None,
    parent: str | dict[str, Any] | Iterable[str | dict[str, Any]] | None = None,
    grouping: str | dict[str, Any] | Iterable[str | dict[str, Any]] | None = None,
    place: dict[str, list[dict[str, Any]]] | None = None,
    registration: str | None = None,
    instructor: dict[str, Any] | None = None,
    language: str | None = None,
    extensions: Mapping[str, Any] | None = None,
    revision: str = "",
    key: str = "",
    rule: str | None = None,
    confidence: float | None = None,
) -> Built:
    """A statement about one fact; the engine adds id, platform, category, source kind and record.

    `extensions` are short names of `schemas/vocabulary.yaml` (`channel-kind`, not its IRI); None values are left out. `parent`
    and `grouping` take an activity, its IRI, or several; many statements may share both as one `place`, made by `shared_place`. A fact that was inferred names its `rule` and `confidence`.
    """
    if place is None:
        place = {}
        if parent:
            place["parent"] = _activities(parent)
        if grouping:
            place["grouping"] = _activities(grouping)
    stated: dict[str, Any] = {}
    if extensions:
        for name, value in extensions.items():
            if value is not None:
                stated[EXTENSIONS[name]] = value
    if rule:
        stated[EXTENSIONS["rule"]] = rule
        if confidence is not None:
            stated[EXTENSIONS["confidence"]] = confidence
    if result and None in result.values():
        result = {name: value for name, value in result.items() if value is not None}
    moment = timestamp if type(timestamp) is str else utc_text(timestamp)  # type: ignore[arg-type]
    return Built(actor, verb.stated, object, result or None, place, stated, moment, registration, instructor, language, revision, key)  # fmt: skip


def shared_place(
    parent: str | dict[str, Any] | Iterable[str | dict[str, Any]],
    grouping: str | dict[str, Any] | Iterable[str | dict[str, Any]],
) -> dict[str, list[dict[str, Any]]]:
    """Parent and grouping of many statements, checked once; nobody may change it. Raises InvalidStatement."""
    return validation.shared_place({
        "parent": _activities(parent),
        "grouping": _activities(grouping),
        "category": CATEGORY,
    })


def activity(
    iri: str,
    type_iri: str | None = None,
    *,
    name: str | None = None,
    language: str = "und",
    interaction: str | None = None,
    extensions: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """An Activity object. `name` is for things (courses, rooms, webinars), never for what a person wrote.

    `interaction` is the interactionType of a question; `extensions` are those of the definition, whole IRIs, None values left out.
    """
    if type_iri and not (name or interaction or extensions):
        return {"objectType": "Activity", "id": iri, "definition": _TYPED.get(type_iri) or _typed(type_iri)}
    definition: dict[str, Any] = {}
    if type_iri:
        definition["type"] = type_iri
    if name:
        definition["name"] = {language: name}
    if interaction:
        definition["interactionType"] = interaction
    if extensions and (kept := {iri: value for iri, value in extensions.items() if value is not None}):
        definition["extensions"] = kept
    made: dict[str, Any] = {"objectType": "Activity", "id": iri}
    if definition:
        made["definition"] = definition
    return made


_TYPED: dict[str, dict[str, Any]] = {}  # definitions that say the type alone: all activities of a type share theirs


def _typed(type_iri: str) -> dict[str, Any]:
    if len(_TYPED) > _MOST_TYPES:
        _TYPED.clear()
    _TYPED[type_iri] = validation.shared_definition({"type": type_iri})
    return _TYPED[type_iri]


def altered_definitions() -> list[str]:
    """The types whose shared definition a map function wrote into: every later statement about such an activity would say the same."""
    return [iri for iri, definition in _TYPED.items() if definition != {"type": iri}]


def _activities(value: str | dict[str, Any] | Iterable[str | dict[str, Any]]) -> list[dict[str, Any]]:
    if isinstance(value, str):
        return [{"objectType": "Activity", "id": value}]
    if isinstance(value, dict):
        return [value]
    return [{"objectType": "Activity", "id": each} if isinstance(each, str) else each for each in value]


# --- times ------------------------------------------------------------------------------------------------------------------


def utc_text(moment: datetime) -> str:
    """An aware time as `2026-11-03T09:00:00.000Z`, milliseconds always. Raises ValueError for a naive time."""
    if moment.tzinfo is None:
        raise ValueError("naive time: say in which zone it is")
    moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def from_ms(milliseconds: int) -> datetime:
    """Aware UTC time of an epoch in milliseconds. Raises BadRecord for what cannot be one."""
    try:
        return datetime.fromtimestamp(milliseconds // 1000, UTC) + timedelta(milliseconds=milliseconds % 1000)
    except (OverflowError, OSError, ValueError, TypeError) as error:
        raise BadRecord("time is no epoch in milliseconds") from error


_OFFSET_WITHOUT_COLON = re.compile(r"([+-]\d\d)(\d\d)$")
_EPOCH = re.compile(r"(?:[0-9]{9,10}|[0-9]{13})(?:\.[0-9]{1,9})?")  # eight digits are a day in ISO 8601


_MOST_EPOCH = 1e15  # in milliseconds, the year 33658


def parse_time(text: str | int | float, *, zone: str | None = None) -> datetime:
    """A vendor's time: ISO 8601 with any fraction digits, or epoch in seconds or milliseconds, also as text. The offset given is kept.

    `zone` (IANA name) is used only where the text has none. Raises BadRecord for no time, and for one without a zone when
    `zone` is None.
    """
    if isinstance(text, bool) or text is None:
        raise BadRecord("time is missing")
    if isinstance(text, int | float):
        if not math.isfinite(text) or abs(text) > _MOST_EPOCH:
            raise BadRecord("time is no epoch in seconds or milliseconds")
        return from_ms(round(text if text > 100_000_000_000 else text * 1000))
    if text[4:5] != "-" and _EPOCH.fullmatch(text):  # Python would read 13 digits as a day of another century
        return parse_time(float(text) if "." in text else int(text))
    try:
        moment = datetime.fromisoformat(_OFFSET_WITHOUT_COLON.sub(r"\1:\2", text.strip()))
    except ValueError as error:
        raise BadRecord("time is not in ISO 8601") from error
    if moment.tzinfo is None:
        if zone is None:
            raise BadRecord("time has no zone and the connection names none")
        moment = moment.replace(tzinfo=_zone(zone))
    return moment


@lru_cache(maxsize=64)
def _zone(name: str) -> Any:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # a name can be too long for a file
        raise BadRecord("the time zone is unknown") from error


def duration(seconds: float) -> str:
    """ISO 8601 duration of whole or fractional seconds, to 1/100 s as xAPI compares them: `PT1H`, `PT20M30S`, `PT0S`.

    Raises BadRecord for a negative length.
    """
    hundredths = round(seconds * 100)
    if hundredths < 0:
        raise BadRecord("a duration cannot be negative")
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    text = "PT"
    if hours:
        text += f"{hours}H"
    if minutes:
        text += f"{minutes}M"
    if rest or text == "PT":
        whole, part = divmod(rest, 100)
        text += f"{whole}S" if not part else f"{f'{rest / 100:.2f}'.rstrip('0')}S"
    return text
