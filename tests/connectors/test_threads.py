"""Chains of what messages refer to: in lists that tell the newest first, and out of payloads that were read before."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connectors.threads import LONGEST_CHAIN, Memory, Remembered, newest_first

WAYS: dict[str, Any] = {"key": lambda item: item["id"], "refers_to": lambda item: item.get("to")}


def chained(items: list[tuple[dict[str, Any], bool]], stored: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    found = newest_first(items, fetch=stored.get, **WAYS)
    return {item["id"]: [each["id"] for each in chain] for item, chain in found}


@given(st.lists(st.integers(0, 9), max_size=20), st.integers(0, 20))
def test_wherever_the_window_starts_a_message_has_the_same_chain(steps: list[int], start: int) -> None:
    """Message n refers to message n - 1 - step, if there is one."""
    messages = [
        {"id": str(number), **({"to": str(number - 1 - step)} if number - 1 - step >= 0 else {})}
        for number, step in enumerate(steps)
    ]
    stored = {each["id"]: each for each in messages}
    whole = chained([(each, True) for each in reversed(messages)], {})
    part = chained([(each, number >= start) for number, each in reversed(list(enumerate(messages)))], {})
    cut = chained([(each, True) for each in reversed(messages[start:])], stored)
    assert part == cut == {name: chain for name, chain in whole.items() if int(name) >= start}
    assert list(whole) == list(whole)


def test_what_cannot_be_seen_leaves_the_chain_short() -> None:
    assert chained([({"id": "2", "to": "1"}, True)], {}) == {"2": []}


def test_a_message_outside_is_fetched_once_for_all_who_refer_to_it() -> None:
    asked: list[str] = []

    def fetch(name: str) -> dict[str, Any]:
        asked.append(name)
        return {"id": name}

    items = [({"id": str(number), "to": "old"}, True) for number in range(5)]
    assert len(list(newest_first(items, fetch=fetch, **WAYS))) == 5
    assert asked == ["old"]


def test_a_loop_of_forged_messages_ends() -> None:
    loop = {"1": {"id": "1", "to": "2"}, "2": {"id": "2", "to": "1"}}
    found = chained([(each, True) for each in loop.values()], loop)
    assert set(found) == {"1", "2"}
    assert max(map(len, found.values())) <= LONGEST_CHAIN


def test_read_finds_context_in_the_same_payload_in_any_order_and_in_earlier_ones() -> None:
    remembered = Remembered(**WAYS)
    first = list(remembered.chains([{"id": "2", "to": "1"}, {"id": "1"}]))
    assert [[each["id"] for each in chain] for _, chain in first] == [["1"], []]
    [(_, chain)] = remembered.chains([{"id": "3", "to": "2"}])
    assert [each["id"] for each in chain] == ["2", "1"]


def test_what_is_remembered_is_bounded_by_number_and_by_weight_and_the_oldest_are_forgotten_first() -> None:
    few, light = Memory(most=2), Memory(most_bytes=110)
    for number in range(4):
        few.keep(str(number), {"id": str(number)})
        light.keep(str(number), {"id": str(number), "files": [{"name": "x" * 30}], "at": 1})
    assert [name for name in "0123" if few.get(name)] == ["2", "3"]
    assert [name for name in "0123" if light.get(name)] == ["2", "3"]


def test_a_message_that_is_remembered_anew_counts_once_and_one_over_the_limit_leaves_nothing() -> None:
    memory = Memory(most_bytes=100)
    for _ in range(50):
        memory.keep("1", {"text": "x" * 60})
    memory.keep("2", {"text": "x"})
    assert memory.get("1")
    assert memory.get("2")
    memory.keep("3", {"text": "x" * 200})
    assert [memory.get(name) for name in "123"] == [None, None, None]
    memory.keep("4", {"text": "x" * 60})
    assert memory.get("4")


def test_long_messages_are_remembered_to_64_megabytes_and_not_to_a_hundred_thousand_of_them() -> None:
    remembered = Remembered(**WAYS)
    for number in range(70):
        list(remembered.chains([{"id": str(number), "text": "x" * 1024 * 1024}]))
    [(_, early)] = remembered.chains([{"id": "a", "to": "1"}])
    [(_, late)] = remembered.chains([{"id": "b", "to": "69"}])
    assert (early, [each["id"] for each in late]) == ([], ["69"])
