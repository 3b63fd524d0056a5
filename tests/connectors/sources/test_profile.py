"""Every statement that the sources write conforms to our profile: the profile documents its words, and the rules of its templates hold.

Statements are those of the town hall's three weeks and of the pairs of every source.
"""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from source_contract import RECORDINGS, completed, landed, mapped, statements_of

from connectors.source import Window, load
from leerstroom.replay import running
from leerstroom.statements import types, verbs
from leerstroom.statements.profile import profile
from leerstroom.statements.validation import validate
from leerstroom.statements.vocabulary import extension

WINDOW = Window(datetime(2026, 10, 26, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC))
CLOCK = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture(scope="module")
def town_hall() -> list[dict[str, Any]]:
    """All statements of the town hall's three weeks."""
    from leerstroom_airflow.town_hall import connections

    found: list[dict[str, Any]] = []
    with running(RECORDINGS / "demo", clock=CLOCK) as server:
        for fields in connections(server.url, RECORDINGS / "demo").values():
            source = completed(
                load(fields["source"]), {name: value for name, value in fields.items() if name != "source"}
            )
            with source.api() as api:
                records = list(source.pull(api, WINDOW))
            found += statements_of(mapped(source, landed(source, records))[1])
    return found


@pytest.fixture(scope="module")
def written(town_hall: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The statements of the town hall and of all pairs."""
    outcomes = [
        outcome
        for path in RECORDINGS.glob("*/pairs/*.json")
        for outcome in json.loads(path.read_text(encoding="utf-8"))["outcomes"]
    ]
    of_pairs = [each for each in outcomes if "verb" in each]
    assert len(of_pairs) > 10
    return town_hall + of_pairs


def _types(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = (
            {value["definition"]["type"]}
            if isinstance(value.get("definition"), dict) and "type" in value["definition"]
            else set()
        )
        return own.union(*(_types(each) for each in value.values()))
    return set().union(*(_types(each) for each in value)) if isinstance(value, list) else set()


def test_every_platform_of_the_town_hall_writes(town_hall: list[dict[str, Any]]) -> None:
    assert {each["context"]["platform"] for each in town_hall} == {"matrix", "moodle", "zoom", "sheet"}


def test_every_statement_is_valid(written: list[dict[str, Any]]) -> None:
    for statement in written:
        validate(statement)


def test_verbs_and_activity_types_are_concepts_of_the_profile(written: list[dict[str, Any]]) -> None:
    assert {each["verb"]["id"] for each in written} <= _concepts("Verb")
    assert _types(written) <= _concepts("ActivityType")


def test_extensions_are_in_the_vocabulary_with_values_that_it_allows(written: list[dict[str, Any]]) -> None:
    from leerstroom.schemas import read_yaml

    allowed = {
        extension(name): set(entry.get("values", ()))
        for name, entry in read_yaml("vocabulary.yaml")["extensions"].items()
    }
    for statement in written:
        for iri, value in statement["context"]["extensions"].items():
            assert iri in allowed
            assert not allowed[iri] or value in allowed[iri], iri


def _at(statement: Any, location: str) -> list[Any]:
    """Values at a location of a statement template: the parts of JSONPath that the profile uses."""
    import re

    values = [statement]
    for name, quoted, every in re.findall(r"\.(\w+)|\['([^']+)'\]|(\[\*\])", location):
        if every:
            values = [each for value in values if isinstance(value, list) for each in value]
        else:
            values = [
                value[name or quoted] for value in values if isinstance(value, dict) and (name or quoted) in value
            ]
    return values


def test_the_rules_of_the_templates_hold(written: list[dict[str, Any]]) -> None:
    listed = profile()["templates"]
    used = set()
    for statement in written:
        for template in listed:
            if template.get("verb", statement["verb"]["id"]) != statement["verb"]["id"]:
                continue
            used.add(template["id"])
            for rule in template["rules"]:
                values = _at(statement, rule["location"])
                assert values or rule.get("presence") != "included", (template["id"], rule)
                assert not rule.get("any") or set(rule["any"]) & set(values), (template["id"], rule)
    assert len(used) > 4


def _concepts(kind: str) -> set[str]:
    return {each["id"] for each in profile()["concepts"] if each["type"] == kind}


def test_the_profile_documents_every_word_once() -> None:
    listed = [each["id"] for each in profile()["concepts"]]
    assert len(listed) == len(set(listed))
    assert {verbs[name].iri for name in verbs} == _concepts("Verb")
    assert {types[name] for name in types} == _concepts("ActivityType")
    assert extension("record") in _concepts("ContextExtension")


def test_templates_are_for_verbs_of_the_profile_and_have_ids_of_their_own() -> None:
    listed = profile()["templates"]
    assert len({each["id"] for each in listed}) == len(listed)
    assert {each["verb"] for each in listed if "verb" in each} <= _concepts("Verb")
