"""Columns of the mirror: every producer's statement reads the same, and what is odd reads as null."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from leerstroom.errors import InvalidStatement
from leerstroom.mirror.columns import COLUMNS, MIRROR_SCHEMA, actor_string, duration_ms, to_table

ACTOR = {"objectType": "Agent", "account": {"homePage": "https://people.example", "name": "x1"}}
VERB = {"id": "http://adlnet.gov/expapi/verbs/completed"}
THING = {"id": "https://t.example/1"}


def row(**more: Any) -> dict[str, Any]:
    statement = {"actor": ACTOR, "verb": VERB, "object": THING, "timestamp": "2026-11-03T09:00:00Z", **more}
    return dict(to_table([statement]).to_pylist()[0])


def test_the_schema_has_the_columns_in_order() -> None:
    assert MIRROR_SCHEMA().names == [name for name, _, _ in COLUMNS]
    assert to_table([]).schema == MIRROR_SCHEMA()


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (ACTOR, "account|https://people.example|x1"),
        ({"mbox": "mailto:Anna@Example.org"}, "mbox|anna@example.org"),
        ({"mbox_sha1sum": "ABCDEF"}, "mbox_sha1sum|abcdef"),
        ({"openid": "https://id.example/anna"}, "openid|https://id.example/anna"),
        ({"objectType": "Group", "mbox": "mailto:team@example.org"}, "group|mbox|team@example.org"),
        ({"objectType": "Group", "member": []}, "group|"),
    ],
)
def test_every_identity_is_one_text(agent: dict[str, Any], expected: str) -> None:
    assert actor_string(agent) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PT1H", 3_600_000),
        ("PT20M30.5S", 1_230_500),
        ("P1DT2H", 93_600_000),
        ("P1W", 604_800_000),
        ("PT0S", 0),
        ("1H", None),
        ("P", None),
        ("PT", None),
    ],
)
def test_durations_are_milliseconds(text: str, expected: int | None) -> None:
    assert duration_ms(text) == expected


def test_names_are_canonical_and_extensions_are_read_by_any_of_their_names() -> None:
    read = row(
        verb={"id": "http://activitystrea.ms/complete"},
        object={"id": "https://t.example/1", "definition": {"type": "https://w3id.org/xapi/cmi5/activities/course"}},
        context={
            "extensions": {
                "https://example.org/xapi/ext/source-kind": "LMS",
                "https://w3id.org/xapi/leerstroom/extensions/due": "2026-11-10",
                "https://example.org/xapi/ext/mandatory": True,
                "http://id.tincanapi.com/extension/planned-duration": "PT1H30M",
            }
        },
    )
    assert (read["verb"], read["activity_type"], read["source_kind"]) == ("completed", "course", "lms")
    assert (read["due"], read["mandatory"], read["scheduled_minutes"]) == (date(2026, 11, 10), True, 90)


def test_a_duration_says_when_it_is_no_time_on_a_clock() -> None:
    stated = {"https://w3id.org/xapi/leerstroom/extensions/duration-basis": "content"}
    read = row(result={"duration": "PT10M"}, context={"extensions": stated})
    assert (read["duration_ms"], read["duration_basis"]) == (600_000, "content")
    assert row(result={"duration": "PT10M"})["duration_basis"] is None


def test_a_missing_timestamp_is_the_moment_of_storing_and_offsets_become_utc() -> None:
    assert row(timestamp=None, stored="2026-11-03T10:00:00Z")["timestamp"] == datetime(2026, 11, 3, 10, tzinfo=UTC)
    assert row(timestamp="2026-11-03T10:00:00.123456789+02:00")["timestamp"] == datetime(
        2026, 11, 3, 8, 0, 0, 123456, tzinfo=UTC
    )


def test_mentions_are_identities_once_each() -> None:
    mentions = ["mailto:B@example.org", "pseudonym1", {"mbox": "mailto:b@example.org"}, "@anna:server.example", "", 7]
    read = row(context={"extensions": {"https://w3id.org/xapi/leerstroom/extensions/mentions": mentions}})
    assert read["mentions"] == ["mbox|b@example.org", "account||pseudonym1", "account||@anna:server.example"]


def test_values_of_another_type_read_as_null() -> None:
    read = row(
        result={"duration": 60, "score": {"scaled": "high", "raw": True}, "completion": "perhaps"},
        context={"contextActivities": "x"},
    )
    assert [read[name] for name in ("duration_ms", "score_scaled", "score_raw", "completion", "parent_id")] == [
        None
    ] * 5


def test_parents_may_stand_alone_or_in_a_list() -> None:
    assert (
        row(context={"contextActivities": {"parent": {"id": "https://t.example/p"}}})["parent_id"]
        == "https://t.example/p"
    )
    assert (
        row(context={"contextActivities": {"parent": [{"id": "https://t.example/p"}, {"id": "q"}]}})["parent_id"]
        == "https://t.example/p"
    )


def test_voiding_names_the_statement_in_lower_case() -> None:
    read = row(
        verb={"id": "http://adlnet.gov/expapi/verbs/voided"},
        object={"objectType": "StatementRef", "id": "C40A7D5E-083C-52D4-8088-00915207DE64"},
    )
    assert (read["verb"], read["object_id"]) == ("voided", "c40a7d5e-083c-52d4-8088-00915207de64")


@pytest.mark.parametrize("statement", [b"[1]", b"not json", {"actor": ACTOR, "verb": VERB}])
def test_what_is_no_statement_is_refused(statement: Any) -> None:
    with pytest.raises(InvalidStatement):
        to_table([statement])
