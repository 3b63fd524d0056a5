"""Every case of the plugin logstore_xapi against our statements: equal, but for the differences that docs/moodle-differences.md lists with a reason."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from source_contract import KEY, completed, landed, mapped, statements_of

from connectors.mapping import Quarantined
from connectors.sources.moodle import MoodleLog
from leerstroom.statements.vocabulary import canonical_type, canonical_verb

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "moodle-differences.md"
PEER = ROOT.parent / "shared" / "peers" / "logstore_xapi"
SITE = "http://www.example.org"
ANONYMOUS = "anonymous"

pytestmark = pytest.mark.skipif(
    not (PEER / "index.json").exists(), reason="the plugin's cases are not beside the checkout"
)

Statement = dict[str, Any]


def merged(below: Any, above: Any) -> Any:
    """Objects key by key, the upper one wins."""
    if isinstance(below, dict) and isinstance(above, dict):
        return {**below, **{name: merged(below.get(name), value) for name, value in above.items()}}
    return above


def _read(*parts: str) -> Any:
    return json.loads(PEER.joinpath(*parts).read_text(encoding="utf-8"))


@cache
def cases() -> list[tuple[str, str, list[Statement], list[Statement], list[str]]]:
    """(case, event, what the plugin states, what we state, reasons of quarantine) of all cases."""
    data, common = _read("common", "data.json"), _read("common", "statement.json")
    found = []
    for entry in _read("index.json"):
        case = entry["case"]
        row = merged(_read("common", "event.json"), _read("cases", case, "event.json"))
        payload = {"event": row, "data": merged(data, _read("cases", case, "data.json"))}
        theirs = [merged(common, each) for each in _read("cases", case, "statements.json")]
        source = completed(MoodleLog, {"host": SITE})
        _, outcomes = mapped(source, landed(source, list(source.read(payload))))
        refused = [each.reason for each in outcomes if isinstance(each, Quarantined)]
        _, component, _, event = (
            row["eventname"].split("\\") if row["eventname"].startswith("\\") else ("", *row["eventname"].split("\\"))
        )
        found.append((case, f"{component}/{event}", theirs, statements_of(outcomes), refused))
    return found


def differences(theirs: list[Statement], ours: list[Statement]) -> Iterator[str]:
    """In what two lists of statements differ: words are compared as words, whichever address they are written under."""
    if not ours:
        yield "not stated"
    elif len(ours) < len(theirs):
        yield "fewer statements"
    elif len(ours) > len(theirs):
        yield "more statements"
    for their, our in zip(theirs, ours, strict=False):
        pairs = {
            "verb": (canonical_verb(their["verb"]["id"]), canonical_verb(our["verb"]["id"])),
            "object": (their["object"]["id"], our["object"]["id"]),
            "type": (_word(their), _word(our)),
            "parent": (_parents(their), _parents(our)),
            "time": (their["timestamp"], our["timestamp"]),
            "actor": (_actor(their["actor"]["account"]["name"]), our["actor"]["account"]["name"]),
        }
        yield from (name for name, (one, other) in pairs.items() if one != other)
        result, own = their.get("result", {}), our.get("result", {})
        yield from (f"result.{name}" for name in sorted({*result, *own}) if result.get(name) != own.get(name))


def _word(statement: Statement) -> str | None:
    told = statement["object"].get("definition", {}).get("type")
    return canonical_type(told) if told else None


def _parents(statement: Statement) -> list[str]:
    return [each["id"] for each in statement.get("context", {}).get("contextActivities", {}).get("parent", [])]


def _actor(name: str) -> str:
    return ANONYMOUS if name == ANONYMOUS else KEY.account(SITE, name)


def rows(heading: str) -> list[list[str]]:
    """Cells of the table below a heading of the page, its head left out."""
    text = PAGE.read_text(encoding="utf-8").split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def _marked(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_no_case_is_refused() -> None:
    assert [(case, reasons) for case, _, _, _, reasons in cases() if reasons] == []


def test_the_page_lists_exactly_the_differences_that_exist() -> None:
    exist = {(event, each) for _, event, theirs, ours, _ in cases() for each in differences(theirs, ours)}
    listed = [
        (event, each)
        for events, aspects, _ in rows("What differs")
        for event in _marked(events)
        for each in _marked(aspects)
    ]
    assert sorted(set(listed) ^ exist) == []
    assert len(listed) == len(set(listed)), "a difference is listed twice"


def test_every_difference_has_a_reason() -> None:
    assert all(len(reason) > 20 for _, _, reason in rows("What differs"))


def test_the_page_lists_exactly_the_words_that_are_written_under_other_addresses() -> None:
    exist = set()
    for _, _, theirs, ours, _ in cases():
        for their, our in zip(theirs, ours, strict=False):
            exist.add((their["verb"]["id"], our["verb"]["id"])) if canonical_verb(
                their["verb"]["id"]
            ) == canonical_verb(our["verb"]["id"]) else None
            if _word(their) == _word(our) is not None:
                exist.add((their["object"]["definition"]["type"], our["object"]["definition"]["type"]))
    assert {(their, our) for their, our in exist if their != our} == {
        (theirs, ours)
        for cells in rows("The same words under other addresses")
        for [theirs], [ours] in [(_marked(cells[0]), _marked(cells[1]))]
    }


def test_half_of_the_cases_are_equal_to_the_letter_of_the_table() -> None:
    equal = [case for case, _, theirs, ours, _ in cases() if not list(differences(theirs, ours))]
    assert len(cases()) == 86
    assert len(equal) >= 45
