"""The table of rules: what it refuses, which rule wins, and that it says why."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from leerstroom.classification import Facts, explain, load_rules
from leerstroom.classification.rules import MATCHABLE, SETTABLE
from leerstroom.errors import ConfigurationError
from leerstroom.schemas import folder

EXAMPLE = Path(__file__).resolve().parents[3] / "shared" / "examples" / "indicators"
LAST = {"id": "r99_rest", "match": {}, "set": {"formality": "none", "role": "none", "active": False}}


def table(tmp_path: Path, *rules: dict[str, Any], last: bool = True, **more: Any) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"version": 1, "rules": [*rules, *([LAST] if last else [])], **more}))
    return path


def rule(name: str = "r10_one", **more: Any) -> dict[str, Any]:
    return {"id": name, "match": {"source_kind": ["lms"]}, "set": {"formality": "formal"}, **more}


OURS = {
    "r09_lms_graded",
    "r21b_mooc_graded",
    "r18b_lms_book",
}  # a trainer's grade makes no active day; what is read like a page


def test_our_table_has_every_rule_of_the_catalogue() -> None:
    rules = load_rules()
    assert len(rules.rules) == 53 + len(OURS)
    assert rules.rules[-1].id == "r99_unclassified"


@pytest.mark.skipif(not EXAMPLE.is_dir(), reason="the example lies beside the checkout")
def test_our_table_means_what_the_example_means() -> None:
    of_the_example = [rule for rule in load_rules().rules if rule.id not in OURS]
    assert of_the_example == list(load_rules(EXAMPLE / "classification_rules.yaml").rules)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        rule(match={"source_kind": ["lms"], "colour": ["red"]}),
        rule("r11_two", match={"verb": ["danced"]}),
        rule("r12_three", set={"formality": "formal", "gen": 2.0}),
        rule("r12_three"),
        rule("no_number"),
    )
    with pytest.raises(ConfigurationError) as caught:
        load_rules(path)
    text = str(caught.value)
    for part in (
        "unknown column colour",
        "unknown value 'danced' of verb",
        "unknown value 2.0 of gen (put it between quotation marks)",
        "needs an id like",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("rules", "last", "message"),
    [
        ([rule(), rule()], True, "the id is used twice"),
        (
            [rule(), rule("r11_b", match={"source_kind": ["lms"], "verb": ["viewed"]})],
            True,
            "r11_b: never reached, r10_one catches all of it",
        ),
        (
            [rule(match={"group_size_min": 5}), rule("r11_b", match={"group_size_min": 13})],
            True,
            "r11_b: never reached",
        ),
        ([rule()], False, "the last rule must be r99"),
        ([rule(set={"role": "giving"})], True, "sets no formality"),
        ([rule(set={"formality": "formal", "min": -1})], True, "min must be null or a number"),
        ([rule(match={"verb": []})], True, "verb needs a list of values"),
        ([rule(match={"has_parent": "yes"})], True, "has_parent must be true or false"),
    ],
)
def test_wrong_tables_are_refused(tmp_path: Path, rules: list[Any], last: bool, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message.replace("(", r"\(")):
        load_rules(table(tmp_path, *rules, last=last))


def test_a_narrower_rule_may_stand_before_a_wider_one(tmp_path: Path) -> None:
    loaded = load_rules(table(tmp_path, rule(match={"source_kind": ["lms"], "verb": ["viewed"]}), rule("r11_b")))
    assert [each.id for each in loaded.rules] == ["r10_one", "r11_b", "r99_rest"]


def test_the_minimum_group_may_be_raised_never_lowered(tmp_path: Path) -> None:
    assert load_rules(table(tmp_path, parameters={"min_group_size": 10})).parameters["min_group_size"] == 10
    with pytest.raises(ConfigurationError, match="never be under 5"):
        load_rules(table(tmp_path, parameters={"min_group_size": 4}))
    with pytest.raises(ConfigurationError, match="unknown happiness"):
        load_rules(table(tmp_path, parameters={"happiness": 4}))


def test_the_version_tells_tables_apart(tmp_path: Path) -> None:
    one = load_rules(table(tmp_path, rule())).version
    assert one == load_rules(table(tmp_path, rule())).version
    assert one != load_rules(table(tmp_path, rule(set={"formality": "nonformal"}))).version
    assert one.startswith("1+")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (Facts(source_kind="lms", verb="completed", activity_type="course"), "r19_lms_course"),
        (Facts(source_kind="lms", verb="completed", activity_type="certification"), "r10_lms_accredited"),
        (Facts(source_kind="chat", verb="asked", channel_kind="set_up_community"), "r43_question_setup"),
        (Facts(source_kind="chat", verb="asked"), "r44_question_spont"),
        (Facts(source_kind="chat", verb="asked", channel_kind="direct"), "r41_direct_message"),
        (Facts(source_kind="chat", verb="replied", parent_author="self"), "r42_self_reply"),
        (Facts(source_kind="chat", verb="replied", actor_role="moderator"), "r02_teaching"),
        (Facts(source_kind="offline", verb="attended", activity_type="meeting", group_size=13), "r66_meeting_large"),
        (Facts(source_kind="offline", verb="attended", activity_type="meeting", group_size=12), "r67_meeting_learning"),
        (Facts(source_kind="offline", verb="attended", activity_type="meeting"), "r67_meeting_learning"),
        (Facts(source_kind="work", verb="completed", activity_type="simulation"), "r70_work_simulation"),
        (Facts(source_kind="lms", verb="completed", activity_type="simulation"), "r12_lms_simulation"),
        (Facts(verb="interacted"), "r99_unclassified"),
    ],
)
def test_the_first_rule_that_matches_wins(facts: Facts, expected: str) -> None:
    assert load_rules().classify(facts).id == expected


def test_a_platform_that_does_not_say_its_kind_is_read_by_the_type_of_activity() -> None:
    statement = {
        "actor": {"mbox": "mailto:a@example.org"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/completed"},
        "object": {
            "id": "https://cmi5.example/au/1",
            "definition": {"type": "https://w3id.org/xapi/cmi5/activities/course"},
        },
    }
    explanation = explain(statement, load_rules())
    assert explanation.rule == "r19_lms_course"
    assert explanation.sets["formality"] == "formal"
    assert "source_kind is lms" in str(explanation)


def test_an_explanation_names_the_facts_of_its_rule() -> None:
    statement = {
        "actor": {"mbox": "mailto:a@example.org"},
        "verb": {"id": "http://id.tincanapi.com/verb/replied"},
        "object": {"id": "https://chat.example/2"},
        "context": {
            "contextActivities": {"parent": [{"id": "https://chat.example/1"}]},
            "extensions": {"https://w3id.org/xapi/leerstroom/extensions/source-kind": "chat"},
        },
    }
    assert explain(statement, load_rules(), parent_author="self").rule == "r42_self_reply"
    answer = explain(statement, load_rules(), parent_author="other", parent_is_question=True)
    assert answer.rule == "r46_reply_spont"
    assert answer.because == {"source_kind": "chat", "verb": "replied"}
    assert answer.facts["parent_is_question"] is True


def test_the_file_explains_every_column_it_uses() -> None:
    text = (folder() / "classification.yaml").read_text()
    head = text[: text.index("parameters:")]
    assert [name for name in (*MATCHABLE, *SETTABLE) if name not in head] == []
    assert json.dumps(load_rules().parameters["holidays"]) == "[]"
