"""What a message refers to: its chain up to the one that opened the conversation, in a pull and in `read`; it knows no platform.

`refers_to` gives the id of the message that another is about (a thread's root, the message replied to, the target of a reaction), `key` a
message's own id. A chain is [the message referred to, …, the one that opened the conversation], empty where there is none or none is known.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

Item = Mapping[str, Any]
LONGEST_CHAIN = 25  # replies to replies; longer ones are cut, so that a loop of forged messages ends
_MOST_REMEMBERED = 100_000  # messages that are kept for later payloads


def newest_first(
    items: Iterable[tuple[Item, bool]],
    *,
    key: Callable[[Item], str],
    refers_to: Callable[[Item], str | None],
    fetch: Callable[[str], Item | None],
) -> Iterator[tuple[Item, list[Item]]]:
    """(message, chain) of each message inside the window, out of a list of (message, whether it is inside) that tells the newest first.

    A message refers to one that comes later in such a list: whoever refers waits for it, and only those who wait are held. What the list does
    not bring is fetched, once; `fetch` gives None for what cannot be seen.
    """
    waiting: dict[str, list[tuple[Item, list[Item]]]] = {}

    def follow(item: Item, chain: list[Item]) -> list[Item] | None:
        wanted = refers_to(chain[-1] if chain else item)
        if wanted is None or len(chain) >= LONGEST_CHAIN:
            return chain
        waiting.setdefault(wanted, []).append((item, chain))
        return None

    for item, inside in items:
        for waiter, chain in waiting.pop(key(item), ()):
            if (whole := follow(waiter, [*chain, item])) is not None:
                yield waiter, whole
        if inside and (whole := follow(item, [])) is not None:
            yield item, whole
    while waiting:
        wanted, waiters = waiting.popitem()
        found = fetch(wanted)
        for waiter, chain in waiters:
            if found is None:
                yield waiter, chain
            elif (whole := follow(waiter, [*chain, found])) is not None:
                yield waiter, whole


class Remembered:
    """Messages that `read` saw before: context for what it sees next. Bounded; the oldest are forgotten first."""

    def __init__(self, *, key: Callable[[Item], str], refers_to: Callable[[Item], str | None]) -> None:
        self._key = key
        self._refers_to = refers_to
        self._seen: dict[str, Item] = {}

    def chains(self, items: Sequence[Item]) -> Iterator[tuple[Item, list[Item]]]:
        """(message, chain) of the messages of one payload, which may stand in any order."""
        here = {self._key(item): item for item in items}
        for item in items:
            chain: list[Item] = []
            while (
                len(chain) < LONGEST_CHAIN
                and (wanted := self._refers_to(chain[-1] if chain else item))
                and (found := here.get(wanted) or self._seen.get(wanted))
            ):
                chain.append(found)
            yield item, chain
        self._seen.update(here)
        while len(self._seen) > _MOST_REMEMBERED:
            self._seen.pop(next(iter(self._seen)))
