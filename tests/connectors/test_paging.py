"""Lists that continue, and lists that would never end."""

import pytest

from connectors.paging import by_cursor, by_number, dig
from leerstroom.errors import CursorRepeated


def test_a_list_ends_when_there_is_no_next_cursor_not_on_a_short_or_empty_page() -> None:
    pages = {None: ([1, 2], "a"), "a": ([], "b"), "b": ([3], None)}
    assert list(by_cursor(lambda cursor: pages[cursor], where="x")) == [[1, 2], [], [3]]


def test_a_cursor_that_repeats_is_an_error_that_names_the_place() -> None:
    with pytest.raises(CursorRepeated, match="academy"):
        list(by_cursor(lambda _: ([1], "same"), where="connection 'academy'"))


def test_a_cycle_of_cursors_is_an_error() -> None:
    following = {None: "a", "a": "b", "b": "a"}
    with pytest.raises(CursorRepeated):
        list(by_cursor(lambda cursor: ([cursor], following[cursor]), where="x"))


def test_numbered_pages_end_on_an_empty_one() -> None:
    pages = [[1], [2], []]
    assert list(by_number(pages.__getitem__, where="x")) == [[1], [2]]


def test_a_server_that_ignores_the_page_number_is_found_out() -> None:
    with pytest.raises(CursorRepeated):
        list(by_number(lambda _: [1, 2], where="x"))


def test_dig_stops_where_the_path_ends() -> None:
    assert dig({"a": {"b": 1}}, "a.b") == 1
    assert dig({"a": 1}, "a.b") is None
