"""Statements: what they are made of, their ids, and the outcome of reading one record.

A source's map function returns or yields *outcomes*: `statement(...)`, `Ignored(reason)` or `Retracted(key)`; an error
(`BadRecord`) sends its record to quarantine. Building is cheap and pure; validation and serialisation are in `validation`.
"""

from leerstroom.statements.building import (
    Built,
    Copied,
    Ignored,
    Outcome,
    Retracted,
    Statement,
    activity,
    duration,
    from_ms,
    parse_time,
    shared_place,
    statement,
    utc_text,
)
from leerstroom.statements.ids import name_uuid, namer, record_id, statement_id, voiding_id
from leerstroom.statements.vocabulary import PROFILE, Verb, extension, types, verbs

__all__ = [
    "PROFILE",
    "Built",
    "Copied",
    "Ignored",
    "Outcome",
    "Retracted",
    "Statement",
    "Verb",
    "activity",
    "duration",
    "extension",
    "from_ms",
    "name_uuid",
    "namer",
    "parse_time",
    "record_id",
    "shared_place",
    "statement",
    "statement_id",
    "types",
    "utc_text",
    "verbs",
    "voiding_id",
]
