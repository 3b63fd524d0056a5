"""What Moodle's values mean: its numbers that come as text, times of which 0 is never, scores, and names in HTML."""

import html
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from connectors.paging import dig
from connectors.scores import number
from leerstroom.errors import BadRecord
from leerstroom.people import People
from leerstroom.statements import parse_time


def moment(seconds: Any) -> datetime:
    """Aware time of an epoch in seconds; Moodle writes 0 for never. Raises BadRecord."""
    if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds <= 0:
        raise BadRecord("time is missing or no epoch in seconds")
    return parse_time(seconds)


def seconds(value: Any) -> int:
    """An epoch in seconds; 0 for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def reaches_pass_mark(record: Mapping[str, Any]) -> bool | None:
    """Whether an attempt reaches the pass mark, on the scale of the quiz's grade; None where there is no mark or no score."""
    mark, best, scale = (dig(record, f"quiz.{name}") for name in ("pass_mark", "sumgrades", "grade"))
    if mark is None or record.get("sumgrades") is None or not best:
        return None
    return number(record["sumgrades"]) / number(best) * number(scale) >= number(mark) - 1e-6


def agent(people: People, person: Mapping[str, Any]) -> dict[str, Any]:
    """The actor that references at the edge stand for. Raises ExcludedAccount and BadRecord."""
    return people.actor(person.get("account"), email=person.get("email"), hr=person.get("hr"))


def digits(value: Any) -> str:
    """A number of Moodle's inside an address. Raises BadRecord."""
    text = str(value)
    if not (text.isascii() and text.isdecimal()):
        raise BadRecord("a thing has no number")
    return text


def plain(name: Any) -> str | None:
    """The name of a course or module; Moodle sends it as HTML."""
    return html.unescape(name) if isinstance(name, str) and name else None


def text(value: Any) -> str | None:
    """A plain value as text; None for an empty one."""
    return None if value is None or value == "" or isinstance(value, dict | list) else str(value)


def objects(answer: Any, name: str) -> list[Mapping[str, Any]]:
    """The objects of a list inside an answer; nothing where there is no such list."""
    found = answer.get(name) if isinstance(answer, Mapping) else None
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def assignments_of(courses: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The assignments of a list of courses, each with its course."""
    return [{"course": course.get("id"), **each} for course in courses for each in objects(course, "assignments")]
