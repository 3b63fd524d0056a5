"""The ways that input takes through what reads, each as one function of bytes or values that answers how it ended.

Shared by the million spoiled inputs (`test_readers.py`) and by the fuzzing that looks at coverage (`guided.py`). What is expected of an input is told here and
nowhere else: it ends in statements, ignored, in quarantine or in an error of ours; every other exception leaves the function and is a finding.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from source_contract import KEY, people_of

from connectors.mapping import Mapper, Quarantined, serialised
from connectors.source import Record, Source
from leerstroom.errors import BadRecord, InvalidStatement
from leerstroom.statements import Retracted
from leerstroom.statements.validation import validate

MOST_S = 1.0  # of the processor for one input
MOST_BYTES = 500 * 1024 * 1024


def of_line(source: Source, line: bytes) -> str:
    """The way of one line: parsed, read, minimised, landed, mapped, written."""
    try:
        payload = source.parse(line)
    except ValueError:
        return "no JSON"
    try:
        read = list(source.read(payload))
    except BadRecord:
        return "no payload of this platform"
    return landed_and_mapped(source, read)


def of_document(source: Source, data: bytes, name: str) -> str:
    """The way of one exported file: a night reads it, so what it cannot read must be told as a BadRecord."""
    read = []
    try:
        read.extend(source.read_document(data, name))
    except BadRecord:
        return "no document of this platform" if not read else f"damaged, {landed_and_mapped(source, read)}"
    return landed_and_mapped(source, read)


def landed_and_mapped(source: Source, read: Iterable[Record]) -> str:
    """What becomes of records: how they ended, in words."""
    kept = []
    for record in read:
        small = source.reduced(record, KEY)
        value = orjson.loads(orjson.dumps({"kind": small.kind, "key": small.key, "record": small}))
        kept.append(Record(value["kind"], value["key"], value["record"]))
    mapper = Mapper(source, people_of(source))
    ends = set()
    for outcome in mapper.statements(kept):
        if isinstance(outcome, Quarantined):
            orjson.dumps(outcome.as_json())
            ends.add("quarantined")
        elif isinstance(outcome, Retracted):
            orjson.dumps(outcome.key)
        else:
            serialised(outcome)
            ends.add("mapped")
    assert mapper.counts.balances, mapper.counts
    assert mapper.counts.pulled == len(kept)
    return ", ".join(sorted(ends)) or "ignored"


def of_statement(value: Any, version: str) -> str:
    """The judgement on a statement that may be one."""
    try:
        validate(value, version)
    except InvalidStatement:
        return "refused"
    return "valid"


def as_line(value: Any) -> bytes:
    """As JSON; orjson writes nothing that is nested deeper than 254, but reads it."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value).encode()


def inner(value: Any) -> Iterator[Any]:
    """The values inside a payload, for other places."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value[:3]:
            yield each
            yield from inner(each)
