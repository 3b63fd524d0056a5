"""What makes two copies of a statement the same, and times as numbers."""

import pytest

from leerstroom.lrs import times
from leerstroom.lrs.comparing import same

ONE = {
    "actor": {"mbox": "mailto:a@b.nl"},
    "verb": {"id": "https://v.example/did"},
    "object": {"id": "https://c.example/1"},
    "result": {"duration": "PT2M"},
    "context": {"registration": "c40a7d5e-083c-52d4-8088-00915207de64", "contextActivities": {"parent": [{"id": "https://c.example/2"}, {"id": "https://c.example/3"}]}},
    "timestamp": "2026-11-03T09:00:00Z",
}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"timestamp": "2026-11-03T10:00:00.000+01:00"},
        {"actor": {"objectType": "Agent", "name": "Anna", "mbox": "mailto:a@b.nl"}},
        {"verb": {"id": "https://v.example/did", "display": {"en": "did"}}},
        {"object": {"objectType": "Activity", "id": "https://c.example/1", "definition": {"name": {"en": "x"}}}},
        {"result": {"duration": "PT120.001S"}},
        {"version": "1.0.0", "stored": "2026-11-04T09:00:00Z", "authority": {"mbox": "mailto:x@y.nl"}},
        {"context": {"registration": "C40A7D5E-083C-52D4-8088-00915207DE64", "contextActivities": {"parent": [{"id": "https://c.example/3"}, {"id": "https://c.example/2", "objectType": "Activity"}]}}},
    ],
)  # fmt: skip
def test_what_may_differ_does_not_count(change):
    assert same({**ONE, **change}, ONE)


@pytest.mark.parametrize(
    "change",
    [
        {"timestamp": "2026-11-03T09:00:00.001Z"},
        {"timestamp": "0000-01-01T00:00:00Z"},
        {"actor": {"mbox": "mailto:b@b.nl"}},
        {"actor": {"objectType": "Group", "mbox": "mailto:a@b.nl"}},
        {"object": {"id": "https://c.example/9"}},
        {"result": {"duration": "PT121S"}},
        {"result": {"duration": "P1M"}},
        {"result": {"duration": "PT2M", "success": True}},
        {"context": {}},
    ],
)
def test_what_was_said_counts(change):
    assert not same({**ONE, **change}, ONE)


def test_a_timestamp_that_was_not_sent_equals_every_time():
    assert same({name: value for name, value in ONE.items() if name != "timestamp"}, ONE)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01", 0),
        ("1970-01-01T01:00:00.0000019+01:00", 1),
        ("1970-01-01t00:00:00,5z", 500_000),
        ("1970-01-01 00:01", 60_000_000),
    ],
)
def test_times_are_microseconds(text, number):
    assert times.microseconds(text) == number


def test_a_time_survives_its_text():
    assert times.microseconds(times.text(1_795_492_538_399_530)) == 1_795_492_538_399_530


@pytest.mark.parametrize("text", ["", "now", "2026-13-01", "0001-01-01T00:00:00+14:00", "2026-11-03T25:00:00Z"])
def test_what_is_no_time_is_told(text):
    with pytest.raises(ValueError):
        times.microseconds(text)
