"""How lists continue: a cursor in the body, page numbers, offsets. A list ends where the vendor says so, never on a short page.

Every pager guards against a cursor that repeats (`CursorRepeated`): such a list would never end.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from connectors.http import Api
from leerstroom.errors import CursorRepeated, UnexpectedShape

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Pages:
    """A list that continues by a cursor inside the answer: `items` and `cursor` are dotted paths, `ask` the query parameter."""

    path: str
    items: str
    cursor: str
    ask: str
    query: Mapping[str, Any] = field(default_factory=dict)

    def of(self, api: Api, start: str | None = None, **names: str) -> Iterator[list[dict[str, Any]]]:
        """The pages of the list; `names` fill the path. Raises CursorRepeated, and UnexpectedShape where `items` is no list."""
        path = self.path.format(**names)

        def fetch(cursor: str | None) -> tuple[list[dict[str, Any]], str | None]:
            query = {**self.query, self.ask: cursor} if cursor else dict(self.query)
            body = api.get(path, query).body
            items = dig(body, self.items)
            if not isinstance(items, list):
                raise UnexpectedShape(
                    f"connection '{api.connection}' at {path}: the answer holds no list '{self.items}'"
                )
            following = dig(body, self.cursor)
            return items, str(following) if following else None

        yield from by_cursor(fetch, start, where=f"connection '{api.connection}' at {path}")


def by_cursor(
    fetch: Callable[[str | None], tuple[list[Item], str | None]], start: str | None = None, *, where: str
) -> Iterator[list[Item]]:
    """Pages of `fetch(cursor) -> (items, next cursor)` until there is no next cursor. Raises CursorRepeated."""
    cursor, seen = start, {start} if start else set()
    while True:
        items, cursor = fetch(cursor)
        yield items
        if not cursor:
            return
        if cursor in seen:
            raise CursorRepeated(
                f"{where}: the list hands out the same cursor twice and would never end; report it to the vendor"
            )
        seen.add(cursor)


def by_number(
    fetch: Callable[[int], list[Item]], *, first: int = 0, most: int = 100_000, where: str
) -> Iterator[list[Item]]:
    """Pages of `fetch(number)` until an empty one, for APIs that end so. Raises CursorRepeated when a page equals the one before."""
    before: list[Item] | None = None
    for number in range(first, first + most):
        items = fetch(number)
        if not items:
            return
        if items == before:
            raise CursorRepeated(f"{where}: page {number} equals the page before it; the list would never end")
        yield items
        before = items


def dig(value: Any, path: str) -> Any:
    """The value under a dotted path of dictionaries, or None where the path ends."""
    for name in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value
