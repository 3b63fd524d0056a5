"""How lists continue: a cursor or a link in the body, a Link header, page numbers, offsets. A list ends where the vendor says so, never on a short page.

Every pager guards against a cursor that repeats (`CursorRepeated`): such a list would never end.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urljoin

from requests.utils import parse_header_links

from connectors.http import Api, shown_path
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


def by_link(
    api: Api,
    path: str,
    query: Mapping[str, Any] | None = None,
    *,
    items: str = "",
    link: str = "",
) -> Iterator[tuple[list[Any], Any]]:
    """(items, whole body) of each page of a list that names its next page.

    The address stands under the dotted path `link` in the body (`@odata.nextLink`), or in the Link header (RFC 8288) where `link` is
    empty; it is followed as it is. `items` is the dotted path of the list, empty where the body is the list. Raises CursorRepeated, and UnexpectedShape where the
    items are no list or the address leads to another host.
    """
    where = f"connection '{api.connection}' at {shown_path(path)}"
    address, asked, seen = path, dict(query or {}), set[str]()
    while True:
        answer = api.get(address, asked or None)
        found = named(answer.body, items) if items else answer.body
        if not isinstance(found, list):
            raise UnexpectedShape(f"{where}: the answer holds no list{f' {items!r}' if items else ''}")
        yield found, answer.body
        following = named(answer.body, link) if link else next_link(answer.headers.get("Link", ""))
        if not following:
            return
        if following in seen:
            raise CursorRepeated(
                f"{where}: the list names the same next page twice and would never end; report it to the vendor"
            )
        seen.add(str(following))
        address, asked = urljoin(answer.url, str(following)), {}


def next_link(header: str) -> str | None:
    """The address that a Link header calls `next` (RFC 8288), or None."""
    for each in parse_header_links(header) if header else ():
        if "next" in str(each.get("rel", "")).split():
            return str(each["url"])
    return None


def by_offset(
    fetch: Callable[[int], tuple[list[Item], int | None]], *, first: int = 0, most: int = 10_000_000, where: str
) -> Iterator[list[Item]]:
    """Pages of `fetch(offset) -> (items, total or None)` until the total is reached, or until an empty page where no total is told.

    The offset moves by what came, so a platform may give less than was asked for. Raises CursorRepeated when a page equals the one before.
    """
    offset, before = first, None
    while offset - first < most:
        items, total = fetch(offset)
        if not items:
            return
        if items == before:
            raise CursorRepeated(f"{where}: the page at {offset} equals the page before it; the list would never end")
        yield items
        before, offset = items, offset + len(items)
        if total is not None and offset - first >= total:
            return


def listed(api: Api, path: str, items: str, query: Mapping[str, Any] | None = None) -> list[Mapping[str, Any]]:
    """The mappings in the list under the dotted path `items` of one answer, empty where the answer is the list. Raises UnexpectedShape for no list."""
    body = api.get(path, query).body
    found = dig(body, items) if items else body
    if not isinstance(found, list):
        raise UnexpectedShape(
            f"connection '{api.connection}' at {path}: the answer holds no list{f' {items!r}' if items else ''}"
        )
    return [each for each in found if isinstance(each, Mapping)]


def named(value: Any, path: str) -> Any:
    """Like `dig`, for names that may hold dots themselves (`@odata.nextLink`): a name of the outermost table wins."""
    return value[path] if isinstance(value, Mapping) and path in value else dig(value, path)


def dig(value: Any, path: str) -> Any:
    """The value under a dotted path of dictionaries, or None where the path ends."""
    for name in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value
