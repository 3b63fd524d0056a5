"""Marked secrets: every text, name and address in every payload that we have of every installed source gets a mark of its own, and none is found again.

A payload goes the whole way: read, minimised, landed, mapped, stated or quarantined. Then everything that was written is searched: landing, statements,
quarantine, reasons, exceptions and logs. What may be found are the names of things, listed below by field; a new source that lets another text through
fails here until it is mended or the field is shown to name a thing.
"""

import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from recorded import payloads
from source_contract import KEY, completed, people_of

from connectors.mapping import Mapper, Quarantined
from connectors.source import Source, installed, load
from leerstroom.errors import LeerstroomError

_PERSON = re.compile(
    r"user|sender|author|e?mail|display|given|family|surname|firstname|lastname|fullname|principal|login|participant|attendee|member|phone|avatar|picture",
    re.IGNORECASE,
)
# Fields that hold what somebody wrote, and names of people, whatever stands in them: also a single word
_WRITTEN = re.compile(
    r"text|message|msg|body|content|cooked|raw|rich|plain|html|commentary|caption|quote|note|comment|feedback|bio|summary|subject|question|answers?|response"
    r"|formatted_?body|formatted_?text|argument_?text|fallback_?text|simple_answer|response_text|user_?name|nick_?name|first_?name|last_?name|full_?name|real_name"
    r"|short_name|sortable_name|given_name|family_name",
    re.IGNORECASE,
)
_A_PERSON = re.compile(
    r"from|u|users?|me|sender|author|creator|organizer|emailaddress|profile|actor|owner|editedby|resharer|plusoner",
    re.IGNORECASE,
)
_WORDS = re.compile(r"[^\W\d_]{2,}\s+[^\W\d_]{2,}")
_MARK = re.compile(r"mrk\d{5}x")
_A_WORD = re.compile("[a-z_]{2,20}|[A-Z_]{2,20}")  # of a vendor's own list: "user", "HUMAN"
_A_THING = re.compile(
    r"urn:li:organization:|\w{3} \w{3} \d\d \d\d:|\{"
)  # a page, a time as X writes it, JSON in a string
_A_TIME = re.compile(r"^\d{4}-\d\d-\d\d|^\d\d?-\d\d?-\d{4}")

# Fields that name a thing (a course, a room, a meeting, a form of learning), not a person and not what somebody wrote.
THINGS = {
    "bigbluebutton": {"name"},  # of a meeting
    "calendar": {"subject"},  # of an event that the operator's words make one of learning
    "canvas": {"name"},  # of an assignment
    "googleplus": {"displayName"},  # of a community
    "kolibri": {"Channel name"},
    "coursera": {"contentName", "programName"},
    "linkedin_learning": {"elements.contentDetails.name"},  # the whole place: learners have a name as well
    "meet": {"topic"},  # of a meeting, out of the calendar that the operator connected
    "moodle_log": {"name", "fullname"},  # of activities and courses
    "openedx": {  # ids and names of parts of a course, roles in a forum
        "display_name",
        "usage_key",
        "problem_id",
        "user_forums_roles",
        "block_id",
        "component_usage_id",
        "exam_content_id",
        "exam_name",
        "id",
        "module_id",
    },
    "report": {"course_name", "training_title", "title"},
    "sheet": {"Titel"},
    "teamschat": {"channelId"},
    "totara": {"name", "data"},  # of a seminar; cells of a report, the course among them
    "yammer": {"group_name"},
    "udemy": {"course_title", "item_title", "item_type"},
    "zoom": {"topic"},
    "zulip": {"display_recipient"},  # the channel
}

# Settings by which an operator lets more through. Here they stand as they do by default.
ALLOWED_BY_THE_OPERATOR = {"openedx": {"answers"}, "selfreport": {"titles"}}

Place = tuple[str, ...]


def strings(value: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Every string of a payload, and where it stands; places of lists do not count their elements."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from strings(each, (*place, name))
    elif isinstance(value, list):
        for each in value:
            yield from strings(each, place)
    elif isinstance(value, str):
        yield place, value


def changed(value: Any, change: Callable[[Place, str], str], place: Place = ()) -> Any:
    """The payload with each string changed."""
    if isinstance(value, dict):
        return {name: changed(each, change, (*place, name)) for name, each in value.items()}
    if isinstance(value, list):
        return [changed(each, change, place) for each in value]
    return change(place, value) if isinstance(value, str) else value


def is_secret(place: Place, text: str) -> bool:
    """Whether a string looks like a text, a name or an address."""
    if _is_written(place, text):
        return True
    if (
        not text
        or _A_WORD.fullmatch(text)
        or (place and place[-1].lower().endswith("type"))
        or _A_THING.match(text)
        or _A_TIME.match(text)
        or (place and place[-1] in {"@odata.type", "@odata.context"})
    ):
        return False
    return bool(
        _WORDS.search(text)
        or "@" in text
        or (place and _PERSON.search(place[-1]) and "://" not in text and re.search("[A-Za-z]{3}", text))
    )


def _is_written(place: Place, text: str) -> bool:
    """Whether the field is one for texts or names of people; an id or an address in it is none."""
    if not place or not re.search("[^\\W\\d_]{2}", text) or re.match(r"[a-z]+/[\w/.-]+$|m\.\w+|\{|\w+://", text):
        return False
    *above, last = [each for each in place if not each.isdigit()] or [""]
    return bool(
        _WRITTEN.fullmatch(last) or (last.lower() in {"name", "label"} and above and _A_PERSON.fullmatch(above[-1]))
    )


class Marks:
    """Gives out marks and remembers where each was put."""

    def __init__(self) -> None:
        self.places: dict[str, Place] = {}

    def put(self, place: Place, text: str) -> str:
        """The text with a mark in it; a form that a vendor's ids and addresses have stays."""
        mark = f"mrk{len(self.places):05}x"
        self.places[mark] = place
        start = re.search(r"[^\W_]", text)
        at = start.start() if start else 0
        return text[:at] + mark + (" " if " " in text else "") + text[at:]

    def found(self, text: str) -> set[Place]:
        """Where the marks stood that are in this text."""
        return {self.places[mark] for mark in _MARK.findall(text) if mark in self.places}


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


def dotted(places: set[Place]) -> set[str]:
    return {".".join(place) for place in places}


@pytest.fixture(params=list(installed()))
def source(request: pytest.FixtureRequest) -> type[Source]:
    loaded = load(request.param)
    if loaded.is_lrs:
        pytest.skip("its statements are copied as they are, never mapped")
    return loaded


def test_no_marked_text_name_or_address_is_found_again(source: type[Source], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    marks, leaks, stated, calm = Marks(), set[Place](), 0, 0
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
    allowed = THINGS.get(source.name, set())
    assert {place for place in dotted(leaks) if allowed.isdisjoint((place, place.rsplit(".", 1)[-1]))} == set()


def test_a_value_that_cannot_be_read_is_not_quoted(source: type[Source], caplog: pytest.LogCaptureFixture) -> None:
    """Any field may hold a text that somebody typed into the wrong place: a reason names the field, never the value."""
    caplog.set_level(logging.DEBUG)
    marks, quoted = Marks(), set[Place]()
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
    assert dotted(quoted | marks.found(caplog.text)) == set()
