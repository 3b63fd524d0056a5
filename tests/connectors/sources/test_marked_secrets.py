"""Marked secrets: every text, name and address in every payload that we have of every installed source gets a mark of its own, and none is found again.

A payload goes the whole way: read, minimised, landed, mapped, stated or quarantined. Then everything that was written is searched: landing, statements,
quarantine, reasons, exceptions and logs. What may be found are the names of things, listed in `marks` by field; a new source that lets another text through
fails here until it is mended or the field is shown to name a thing.
"""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from marks import ALLOWED_BY_THE_OPERATOR, Marks, changed, is_secret, is_thing, strings
from recorded import payloads
from source_contract import KEY, completed, people_of

from connectors.mapping import Mapper, Quarantined
from connectors.source import Source, installed, load
from leerstroom.errors import LeerstroomError


def way(source: Source, payload: Any) -> tuple[list[str], list[str]]:
    """What is written on the whole way: (landing, statements and quarantine; reasons, keys and exceptions)."""
    written, told = [], []
    try:
        records = list(source.read(payload))
    except LeerstroomError as error:
        return [], [str(error)]
    kept = []
    for record in records:
        try:
            kept.append(source.minimise(record, KEY))
        except LeerstroomError as error:
            told.append(str(error))
    written += [json.dumps([each.kind, each.key, each], ensure_ascii=False, default=str) for each in kept]
    mapper = Mapper(source, people_of(source))
    for outcome in mapper.statements(kept):
        if isinstance(outcome, Quarantined):
            written.append(json.dumps(outcome.as_json(), ensure_ascii=False, default=str))
            told.append(outcome.reason)
        else:
            written.append(json.dumps(outcome, ensure_ascii=False, default=str))
    told.append(json.dumps(mapper.counts.as_json(), ensure_ascii=False))
    return written, told


def by_default(source: type[Source]) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """All payloads, without what an operator may allow."""
    for name, fields, payload in payloads(source):
        more = ALLOWED_BY_THE_OPERATOR.get(source.name, set())
        yield name, {field: value for field, value in fields.items() if field not in more}, payload


@pytest.fixture(params=list(installed()))
def source(request: pytest.FixtureRequest) -> type[Source]:
    loaded = load(request.param)
    if loaded.is_lrs:
        pytest.skip("its statements are copied as they are, never mapped")
    return loaded


def test_no_marked_text_name_or_address_is_found_again(source: type[Source], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    marks, leaks, stated, calm = Marks(apart=True), set[str](), 0, 0
    for _, fields, payload in by_default(source):
        marked = changed(payload, lambda place, text: marks.put(place, text) if is_secret(place, text) else text)
        written, told = way(completed(source, fields), marked)
        stated += sum('"verb"' in each for each in written)
        calm += sum('"verb"' in each for each in way(completed(source, fields), payload)[0])
        leaks |= marks.found("\n".join([*written, *told]))
    leaks |= marks.found(caplog.text)
    assert calm > 0
    assert stated >= 0.5 * calm, "the marks spoil the payloads, so nothing is proven"
    assert len(marks.places) >= 3
    places = {place for mark in leaks for place in marks.places[mark]}
    assert {".".join(place) for place in places if not is_thing(source.name, place)} == set()


def test_a_value_that_cannot_be_read_is_not_quoted(source: type[Source], caplog: pytest.LogCaptureFixture) -> None:
    """Any field may hold a text that somebody typed into the wrong place: a reason names the field, never the value."""
    caplog.set_level(logging.DEBUG)
    marks, quoted = Marks(apart=True), set[str]()
    for name, fields, payload in by_default(source):
        if ":" in name:
            continue
        for place in {each for each, _ in strings(payload)}:
            spoiled = changed(
                payload, lambda here, text, place=place: marks.put(here, "tekst van iemand") if here == place else text
            )
            _, told = way(completed(source, fields), spoiled)
            quoted |= marks.found("\n".join(told))
    assert marks.places
    assert {".".join(place) for mark in quoted | marks.found(caplog.text) for place in marks.places[mark]} == set()
