"""The validator: right on every case of the ADL suite, and it names what is wrong."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leerstroom.errors import InvalidStatement
from leerstroom.statements import validation
from leerstroom.statements.validation import validate


def good(**changes: object) -> dict:
    return {
        "id": "c40a7d5e-083c-52d4-8088-00915207de64",
        "actor": {"account": {"homePage": "https://o.example", "name": "x"}},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/asked", "display": {"nl": "vroeg"}},
        "object": {
            "id": "https://c.example/m/1",
            "definition": {"type": "http://id.tincanapi.com/activitytype/chat-message"},
        },
        "timestamp": "2026-11-03T09:00:00.000Z",
        **changes,
    }


def cases(shared: Path, version: str) -> list[dict]:
    """The cases of ADL's suite for a version, each with the answer that is expected; skips where they are not at hand."""
    path = shared / "peers" / "adl-conformance" / f"statement-cases-{version}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"no cases of {version}")
    with gzip.open(path) as stream:
        return [json.loads(line) for line in stream]


@pytest.mark.parametrize(("version", "number"), [("1.0.3", 856), ("2.0.0", 972)])
@pytest.mark.parametrize("judge", [validation.validate, validation.check], ids=["quick", "every-rule"])
def test_every_case_of_the_adl_suite_is_judged_right(
    shared: Path, version: str, number: int, judge: Callable[[dict, str], None]
) -> None:
    wrong, seen = [], 0
    for case in cases(shared, version):
        seen += 1
        try:
            judge(case["statement"], version)
            answer = 200
        except InvalidStatement:
            answer = 400
        if answer != case["expect"]:
            wrong.append((case["file"], case["name"]))
    assert seen == number
    assert wrong == []


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"id": "1"}, "id"),
        ({"id": None}, "id"),
        ({"actor": {"mbox": "anna@example.org"}}, "actor.mbox"),
        ({"actor": {}}, "actor"),
        ({"actor": {"objectType": "Group", "member": []}}, "actor.member"),
        ({"actor": {"account": {"homePage": "x", "name": "y"}}}, "actor.account.homePage"),
        ({"verb": {"id": "asked"}}, "verb.id"),
        ({"verb": {"id": "http://a.b/c", "display": {"not a tag": "x"}}}, "verb.display"),
        ({"object": {"objectType": "StatementRef", "id": "x"}}, "object"),
        ({"object": {"id": "https://x.example", "definition": {"choices": []}}}, "object.definition.choices"),
        ({"result": {"score": {"scaled": 1.5}}}, "result.score.scaled"),
        ({"result": {"score": {"raw": 5, "max": 4}}}, "result.score.raw"),
        ({"result": {"score": {"raw": float("nan")}}}, "result.score.raw"),
        ({"result": {"duration": "1h"}}, "result.duration"),
        ({"result": {"duration": "PT"}}, "result.duration"),
        ({"result": {"success": "yes"}}, "result.success"),
        ({"context": {"registration": "r"}}, "context.registration"),
        (
            {"context": {"contextActivities": {"parent": [{"objectType": "Activity"}]}}},
            "context.contextActivities.parent[0].id",
        ),
        ({"context": {"extensions": {"room": 1}}}, "context.extensions"),
        ({"context": {"contextAgents": []}}, "context"),
        ({"timestamp": "2026-02-29T09:00:00Z"}, "timestamp"),
        ({"timestamp": "2026-11-03T09:00:00-00:00"}, "timestamp"),
        ({"timestamp": 1}, "timestamp"),
        ({"attachments": [{"usageType": "https://x.example/u"}]}, "attachments[0].display"),
        ({"colour": "red"}, ""),
        ({"version": "2.0.0"}, "version"),
    ],
)
def test_a_refusal_names_the_property(changes: dict, path: str) -> None:
    with pytest.raises(InvalidStatement) as caught:
        validate(good(**changes))
    assert caught.value.property == path


def test_a_voiding_statement_points_at_a_statement() -> None:
    voiding = {"verb": {"id": "http://adlnet.gov/expapi/verbs/voided"}}
    with pytest.raises(InvalidStatement):
        validate(good(**voiding))
    validate(good(**voiding, object={"objectType": "StatementRef", "id": "c40a7d5e-083c-52d4-8088-00915207de64"}))


MENTOR = {
    "objectType": "contextAgent",
    "agent": {"mbox": "mailto:a@b.c"},
    "relevantTypes": ["https://x.example/mentor"],
}
CLASS = {
    "objectType": "contextGroup",
    "group": {"objectType": "Group", "member": [{"mbox": "mailto:a@b.c"}]},
    "relevantTypes": ["https://x.example/class"],
}


def without(value: dict, name: str) -> dict:
    return {each: value[each] for each in value if each != name}


@pytest.mark.parametrize(
    "context",
    [
        {"contextAgents": [MENTOR, without(MENTOR, "relevantTypes")], "contextGroups": [CLASS]},
        {"contextAgents": []},
        {"contextGroups": [{**CLASS, "group": {"objectType": "Group", "mbox": "mailto:class@b.c"}}]},
    ],
)
def test_version_two_knows_agents_and_groups_of_the_context_and_version_one_does_not(context: dict) -> None:
    whole = good(context=context)
    inside = good(
        object={**without(without(whole, "id"), "object"), "objectType": "SubStatement", "object": whole["object"]}
    )
    for statement in (whole, inside):
        validate(statement, "2.0.0")
        with pytest.raises(InvalidStatement, match="context has no property"):
            validate(statement, "1.0.3")


@pytest.mark.parametrize(
    ("context", "path"),
    [
        ({"contextAgents": MENTOR}, "context.contextAgents"),
        ({"contextAgents": ["mentor"]}, "context.contextAgents[0]"),
        ({"contextAgents": [MENTOR, without(MENTOR, "agent")]}, "context.contextAgents[1].agent"),
        ({"contextAgents": [without(MENTOR, "objectType")]}, "context.contextAgents[0]"),
        ({"contextAgents": [{**MENTOR, "objectType": "contextGroup"}]}, "context.contextAgents[0]"),
        ({"contextAgents": [{**MENTOR, "agent": CLASS["group"]}]}, "context.contextAgents[0].agent"),
        ({"contextAgents": [{**MENTOR, "agent": {"mbox": "a@b.c"}}]}, "context.contextAgents[0].agent.mbox"),
        ({"contextAgents": [{**MENTOR, "relevantTypes": []}]}, "context.contextAgents[0].relevantTypes"),
        ({"contextAgents": [{**MENTOR, "relevantTypes": ["mentor"]}]}, "context.contextAgents[0].relevantTypes"),
        ({"contextAgents": [{**MENTOR, "name": "x"}]}, "context.contextAgents[0]"),
        ({"contextGroups": [MENTOR]}, "context.contextGroups[0]"),
        ({"contextGroups": [without(CLASS, "group")]}, "context.contextGroups[0].group"),
        ({"contextGroups": [{**CLASS, "group": MENTOR["agent"]}]}, "context.contextGroups[0].group"),
        ({"contextGroups": [{**CLASS, "group": {"objectType": "Group"}}]}, "context.contextGroups[0].group"),
        ({"contextGroups": [{**CLASS, "relevantTypes": "x"}]}, "context.contextGroups[0].relevantTypes"),
    ],
)
def test_a_wrong_agent_or_group_of_the_context_is_named(context: dict, path: str) -> None:
    with pytest.raises(InvalidStatement) as caught:
        validate(good(context=context), "2.0.0")
    assert caught.value.property == path


@pytest.mark.parametrize("version", ["1.0", "1.0.3", "2.0", "2.0.0", "2.0.9"])
def test_version_two_takes_statements_of_both(version: str) -> None:
    validate(good(version=version), "2.0.0")


@pytest.mark.parametrize("version", ["0.95", "1.1.0", "2.1.0", "3.0.0", "2.0.0-beta", 2, None])
def test_version_two_takes_no_other(version: object) -> None:
    with pytest.raises(InvalidStatement) as caught:
        validate(good(version=version), "2.0.0")
    assert caught.value.property == "version"


def test_a_message_never_repeats_a_value() -> None:
    with pytest.raises(InvalidStatement) as caught:
        validate(good(actor={"mbox": "anna.jansen at example.org"}))
    assert "anna" not in str(caught.value)


def _schema() -> object:
    import jsonschema_rs

    from leerstroom.schemas import folder

    return jsonschema_rs.validator_for(json.loads((folder() / "statement.schema.json").read_text(encoding="utf-8")))


def test_the_json_schema_refuses_nothing_valid_and_misses_only_the_rules_that_it_names(shared: Path) -> None:
    schema, told = _schema(), cases(shared, "1.0.3")
    assert [case["name"] for case in told if case["expect"] == 200 and not schema.is_valid(case["statement"])] == []
    missed = {case["name"] for case in told if case["expect"] == 400 and schema.is_valid(case["statement"])}
    assert all(any(word in name for word in ('"revision"', '"platform"', '"raw"', '"min"', '"max"')) for name in missed)


def test_the_json_schema_and_the_validator_agree_on_our_own_statements() -> None:
    assert _schema().is_valid(good())
    assert not _schema().is_valid(good(verb={"id": "asked"}))


def test_the_profile_is_made_out_of_the_vocabulary() -> None:
    from leerstroom.schemas import folder
    from leerstroom.statements.profile import serialised_profile

    assert (folder() / "profile.jsonld").read_bytes() == serialised_profile()


PLAIN = good(
    version="1.0.3",
    actor={"objectType": "Agent", "name": "A", "account": {"homePage": "https://o.example", "name": "x"}},
    result={"score": {"scaled": 0.5, "raw": 5, "min": 0, "max": 10}, "success": True, "duration": "PT1S", "response": "r", "extensions": {"https://e.example/x": 1}},
    context={
        "registration": "c40a7d5e-083c-52d4-8088-00915207de64",
        "instructor": {"mbox": "mailto:a@b.nl"},
        "platform": "chat",
        "language": "nl-NL",
        "contextActivities": {"parent": [{"id": "https://c.example/1", "objectType": "Activity", "definition": {"name": {"nl": "n"}, "moreInfo": "https://c.example"}}]},
        "extensions": {"https://e.example/x": {"a": None}},
    },
)  # fmt: skip


def test_what_our_sources_make_takes_the_quick_way() -> None:
    assert validation._plain(PLAIN)
    assert validation._plain(good())


def test_the_quick_way_accepts_no_case_that_must_be_refused(shared: Path) -> None:
    refused = [case for case in cases(shared, "1.0.3") if case["expect"] == 400]
    assert [case["name"] for case in refused if validation._plain(case["statement"])] == []


_odd = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12), st.just([]), st.just({}),
    st.sampled_from([
        "mailto:a@b.nl", "mailto:", "https://x.example", "no iri", "PT", "P1D", "2026-11-03", "2026-11-03T09:00:00Z", "2026-02-30T09:00:00Z", "2026-11-03T24:00:00Z",
        "2026-11-03T09:00:60Z", "2026-11-03T09:00:00.Z", "2026-11-03T09:00:00,5Z", "20261103T090000Z00000", "2026-W45-2T09:00:00Z", "c40a7d5e-083c-52d4-8088-00915207de64",
        "c40a7d5e083c-52d4-8088-0091-5207de64-", "http://adlnet.gov/expapi/verbs/voided", "Activity", "Agent", "Group", "1.0", "en-something", "en",
    ]),
    st.dictionaries(st.sampled_from(["id", "objectType", "name", "mbox", "account", "homePage", "en", "not a tag", "https://x.example"]), st.sampled_from(["x", "https://x.example", 1, None]), max_size=3),
)  # fmt: skip


def _paths(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(each for name, part in inner for each in _paths(part, (*path, name)))]


def _changed(value: object, path: tuple[object, ...], new: object) -> object:
    if not path:
        return new
    copy: dict | list = dict(value) if isinstance(value, dict) else list(value)  # type: ignore[call-overload]
    copy[path[0]] = _changed(copy[path[0]], path[1:], new)
    return copy


@settings(max_examples=1_500, deadline=None)
@given(data=st.data(), extra=st.sampled_from(["", "id", "name", "mbox", "x", "definition", "member"]))
def test_whatever_the_quick_way_accepts_all_rules_accept(data: st.DataObject, extra: str) -> None:
    changed: object = PLAIN
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(_paths(changed)))
        changed = _changed(changed, place, data.draw(_odd))
    if extra and isinstance(changed, dict) and isinstance(changed.get("object"), dict):
        changed = {**changed, "object": {**changed["object"], extra: data.draw(_odd)}}
    if validation._plain(changed):  # type: ignore[arg-type]
        validation.check(changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "tag",
    [
        "nl",
        "nl-NL",
        "zh-Hant-TW",
        "sr-Latn",
        "de-1996",
        "sl-rozaj-biske",
        "en-a-bbb-x-a",
        "x-own",
        "i-klingon",
        "es-419",
        "und",
        "zh-min-nan",
    ],
)
def test_language_tags_of_rfc_5646_are_known(tag: str) -> None:
    assert validation.is_language(tag)


@pytest.mark.parametrize(
    "tag",
    [
        "",
        "n",
        "not a tag",
        "en_US",
        "zh-something-ccc",
        "en-something-AU",
        "zh-z-aaa-z-bbb-c-ccc",
        "de-419-DE",
        "a12345678",
        "en-",
    ],
)
def test_what_is_no_language_tag_is_told(tag: str) -> None:
    assert not validation.is_language(tag)
