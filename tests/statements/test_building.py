"""Times, durations, ids and the shape of what is built."""

import uuid
from datetime import UTC, datetime, timedelta, timezone

import isodate
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leerstroom.errors import BadRecord
from leerstroom.statements import (
    activity,
    duration,
    from_ms,
    name_uuid,
    namer,
    parse_time,
    record_id,
    statement,
    statement_id,
    types,
    utc_text,
    verbs,
    voiding_id,
)
from leerstroom.statements.vocabulary import canonical_type, canonical_verb, extension, extension_iris


@given(st.integers(0, 10_000_000))
def test_a_duration_reads_back_to_a_hundredth_of_a_second(hundredths: int) -> None:
    read = isodate.parse_duration(duration(hundredths / 100))
    assert abs(read.total_seconds() - hundredths / 100) < 0.005


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "PT0S"), (3600, "PT1H"), (1230, "PT20M30S"), (0.5, "PT0.5S"), (90061, "PT25H1M1S"), (59.999, "PT1M")],
)
def test_a_duration_is_written_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_negative_duration_is_a_bad_record() -> None:
    with pytest.raises(BadRecord):
        duration(-1)


@pytest.mark.parametrize(
    ("given_text", "instant"),
    [
        ("2026-11-03T09:00:00Z", "2026-11-03T09:00:00.000Z"),
        ("2022-03-23T06:58:09.0000000+00:00", "2022-03-23T06:58:09.000Z"),
        ("2026-11-03T09:00:00.6600000+00:00", "2026-11-03T09:00:00.660Z"),
        ("2026-11-03 10:00:00+0100", "2026-11-03T09:00:00.000Z"),
        ("2026-11-03T10:00:00.123456789+01:00", "2026-11-03T09:00:00.123Z"),
        (1793696400, "2026-11-03T09:00:00.000Z"),
        (1793696400123, "2026-11-03T09:00:00.123Z"),
        (1793696400.123, "2026-11-03T09:00:00.123Z"),
        ("1793696400", "2026-11-03T09:00:00.000Z"),
        ("1793696400.1239", "2026-11-03T09:00:00.124Z"),
        ("1712010112345", "2024-04-01T22:21:52.345Z"),
    ],
)
def test_times_of_vendors_in_each_of_their_forms(given_text: str | int, instant: str) -> None:
    assert utc_text(parse_time(given_text)) == instant


def test_a_time_without_a_zone_takes_the_connections_or_is_refused() -> None:
    assert utc_text(parse_time("2026-10-25T01:30:00", zone="Europe/Amsterdam")) == "2026-10-24T23:30:00.000Z"
    with pytest.raises(BadRecord):
        parse_time("2026-10-25T01:30:00")
    assert utc_text(parse_time("20261025", zone="Europe/Amsterdam")) == "2026-10-24T22:00:00.000Z"


@pytest.mark.parametrize("name", ["Mars/Olympus", "Europe", "../etc/passwd", "x" * 300])
def test_an_unknown_zone_is_a_bad_record(name: str) -> None:
    with pytest.raises(BadRecord, match="zone"):
        parse_time("2026-10-25T01:30:00", zone=name)


@pytest.mark.parametrize("nothing", [None, True, "", "soon", float("nan"), 10**30])
def test_what_is_no_time_is_a_bad_record(nothing: object) -> None:
    with pytest.raises(BadRecord):
        parse_time(nothing)


@given(st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_an_instant_is_the_same_in_every_zone(moment: datetime, minutes: int) -> None:
    aware = moment.replace(tzinfo=UTC)
    assert utc_text(aware) == utc_text(aware.astimezone(timezone(timedelta(minutes=minutes))))


def test_a_naive_time_is_never_written() -> None:
    with pytest.raises(ValueError, match="zone"):
        utc_text(datetime(2026, 11, 3))


def test_epoch_milliseconds_keep_their_milliseconds() -> None:
    assert utc_text(from_ms(1793696400999)) == "2026-11-03T09:00:00.999Z"


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_an_id_is_a_uuid_of_version_five(parts: list[str]) -> None:
    made = uuid.UUID(name_uuid(*parts))
    assert (made.version, made.variant) == (5, uuid.RFC_4122)


def test_an_id_is_what_the_standard_library_makes() -> None:
    namespace = uuid.UUID("8f1d7ac2-4b0e-5c53-9d37-6a1b4a0c7e11")
    assert name_uuid("record", "matrix", "é") == str(uuid.uuid5(namespace, "record\x1fmatrix\x1fé"))


def test_ids_differ_by_each_of_their_parts() -> None:
    record = record_id("zoom", "https://zoom.us", "k")
    ids = {
        statement_id(record, "p", "v", "o"),
        statement_id(record, "q", "v", "o"),
        statement_id(record, "p", "w", "o"),
        statement_id(record, "p", "v", "x"),
        statement_id(record, "p", "v", "o", "2"),
        record_id("zoom", "https://zoom.us", "l"),
        record_id("zoom", "https://other.us", "k"),
        voiding_id(record),
        record,
    }
    assert len(ids) == 9


def test_ids_never_change_between_releases() -> None:
    assert record_id("zoom", "https://zoom.us", "k") == "2ce61b75-ca28-5d38-b192-a56a60dc797d"


def test_a_statement_looks_like_what_was_asked_for() -> None:
    built = statement(
        actor={"objectType": "Agent", "account": {"homePage": "https://o.example", "name": "x"}},
        verb=verbs.ANSWERED,
        object=activity("https://c.example/m/2", types.CHAT_MESSAGE),
        timestamp=datetime(2026, 11, 3, 9, tzinfo=UTC),
        parent="https://c.example/m/1",
        grouping=activity("https://c.example/r", types.CHAT_CHANNEL, name="Data en AI", language="nl"),
        extensions={"channel-kind": "set_up_community", "due": None},
        result={"success": True, "score": None},
        rule="thread-reply",
        confidence=0.9,
    )
    made = built.statement
    assert made["context"]["contextActivities"]["parent"] == [{"objectType": "Activity", "id": "https://c.example/m/1"}]
    assert made["context"]["contextActivities"]["grouping"][0]["definition"]["name"] == {"nl": "Data en AI"}
    assert made["context"]["extensions"] == {
        extension("channel-kind"): "set_up_community",
        extension("rule"): "thread-reply",
        extension("confidence"): 0.9,
    }
    assert made["result"] == {"success": True}


def test_other_producers_words_read_as_ours() -> None:
    assert canonical_verb("https://w3id.org/xapi/tla/verbs/attended") == "attended"
    assert canonical_verb("http://activitystrea.ms/schema/1.0/create") == "created"
    assert canonical_verb("https://vendor.example/verbs/Pondered/") == "pondered"
    assert canonical_type("https://w3id.org/xapi/cmi5/activities/course") == "course"
    assert "https://example.org/xapi/ext/due" in extension_iris("due")


def test_an_unknown_word_of_ours_is_an_error() -> None:
    with pytest.raises(AttributeError):
        _ = verbs.PONDERED
    with pytest.raises(KeyError):
        extension("shoe-size")


@given(st.lists(st.text(max_size=20), min_size=1, max_size=4), st.text(max_size=40))
def test_a_namer_names_as_name_uuid_does(first: list[str], rest: str) -> None:
    assert namer(*first)(rest) == name_uuid(*first, rest)


def test_an_extension_of_another_profile_keeps_its_iri() -> None:
    made = statement(
        actor={}, verb=verbs.PLAYED, object={}, timestamp="x", extensions={"video-length": 195.0, "due": None}
    )
    assert made.statement["context"]["extensions"] == {"https://w3id.org/xapi/video/extensions/length": 195.0}
    assert extension("due").startswith("https://w3id.org/xapi/leerstroom/")


def test_an_activity_may_say_more_of_itself() -> None:
    made = activity(
        "https://x.example/q",
        types.CMI_INTERACTION,
        interaction="choice",
        extensions={"https://x.example/e": 1, "https://x.example/n": None},
    )
    assert made["definition"] == {
        "type": types.CMI_INTERACTION,
        "interactionType": "choice",
        "extensions": {"https://x.example/e": 1},
    }
