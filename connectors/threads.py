"""What a message refers to: its chain up to the one that opened the conversation, in a pull and in `read`; it knows no platform.

`refers_to` gives the id of the message that another is about (a thread's root, the message replied to, the target of a reaction), `key` a
message's own id. A chain is [the message referred to, …, the one that opened the conversation], empty where there is none or none is known.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

Item = Mapping[str, Any]
LONGEST_CHAIN = 25  # replies to replies; longer ones are cut, so that a loop of forged messages ends


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


class Memory:
    """Messages by id that are kept for later payloads, by number and by what they weigh; the oldest are forgotten first.

    A message is weighed by the characters and the numbers in it, each as a byte and eight: what Python holds is a few times that.
    """

    def __init__(self, *, most: int = 100_000, most_bytes: int = 64 * 1024 * 1024) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._held: dict[str, tuple[Item, int]] = {}
        self._bytes = 0

    def get(self, name: str) -> Item | None:
        """The message as it was last kept."""
        held = self._held.get(name)
        return held[0] if held else None

    def keep(self, name: str, item: Item) -> None:
        """Keeps a message in the place of an earlier form, and forgets the oldest beyond the limits; one over them all by itself at once."""
        weight = len(name) + _weight(item)
        self._bytes += weight - self._held.get(name, (item, 0))[1]
        self._held[name] = item, weight
        while len(self._held) > self._most or self._bytes > self._most_bytes:
            self._bytes -= self._held.pop(next(iter(self._held)))[1]


def _weight(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(_weight(name) + _weight(each) for name, each in value.items())
    return sum(map(_weight, value)) if isinstance(value, list) else 8


class Remembered:
    """Messages that `read` saw before: context for what it sees next, as far as a `Memory` reaches."""

    def __init__(self, *, key: Callable[[Item], str], refers_to: Callable[[Item], str | None]) -> None:
        self._key = key
        self._refers_to = refers_to
        self._seen = Memory()

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
        for name, item in here.items():
            self._seen.keep(name, item)
