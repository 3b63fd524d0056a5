"""Every statement that the sources write conforms to our profile: its words are in the vocabulary, its template's rules hold."""

from datetime import UTC, datetime
from typing import Any

import pytest
from source_contract import RECORDINGS, completed, landed, mapped, statements_of

from connectors.source import Window, load
from leerstroom.replay import running
from leerstroom.statements import types, verbs
from leerstroom.statements.profile import profile
from leerstroom.statements.validation import validate
from leerstroom.statements.vocabulary import EXTENSION_BASE, PROFILE, extension

WINDOW = Window(datetime(2026, 10, 26, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC))
CLOCK = datetime(2026, 11, 24, tzinfo=UTC)
VERBS = {verbs[name].iri for name in verbs}
TYPES = {types[name] for name in types}


@pytest.fixture(scope="module")
def written() -> list[dict[str, Any]]:
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


def _types(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = (
            {value["definition"]["type"]}
            if isinstance(value.get("definition"), dict) and "type" in value["definition"]
            else set()
        )
        return own.union(*(_types(each) for each in value.values()))
    return set().union(*(_types(each) for each in value)) if isinstance(value, list) else set()


def test_every_platform_writes_and_every_statement_is_valid(written: list[dict[str, Any]]) -> None:
    assert {each["context"]["platform"] for each in written} == {"matrix", "moodle", "zoom", "sheet"}
    for statement in written:
        validate(statement)


def test_verbs_and_activity_types_are_in_the_vocabulary(written: list[dict[str, Any]]) -> None:
    assert {each["verb"]["id"] for each in written} <= VERBS
    assert _types(written) <= TYPES


def test_extensions_are_in_the_vocabulary_with_values_that_it_allows(written: list[dict[str, Any]]) -> None:
    from leerstroom.schemas import read_yaml

    allowed = {
        EXTENSION_BASE + name: set(entry.get("values", ()))
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


def test_the_rules_of_the_template_hold(written: list[dict[str, Any]]) -> None:
    [template] = profile()["templates"]
    assert len(template["rules"]) > 3
    for statement in written:
        for rule in template["rules"]:
            values = _at(statement, rule["location"])
            assert values or rule.get("presence") != "included", rule
            assert not rule.get("any") or set(rule["any"]) & set(values), rule


def test_our_own_words_are_concepts_of_the_profile() -> None:
    concepts = {each["id"] for each in profile()["concepts"]}
    assert {iri for iri in VERBS | TYPES if iri.startswith(PROFILE)} <= concepts
    assert extension("record") in concepts
