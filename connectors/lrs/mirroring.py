"""Brings a mirror up to its LRS: what was stored since, each statement once, whatever order and promises the LRS keeps.

- `since` on `stored`, oldest first, with an overlap that is told apart by id: statements that share a time or become visible late are not missed.
- The position never passes what the LRS calls consistent (`X-Experience-API-Consistent-Through`); an LRS that promises nothing gets a wide overlap.
- Pages are committed with the position reached, so a killed run goes on where it was.
- An LRS that keeps no order moves the position only at the end of a walk; one whose `since` looks at `timestamp` is walked whole each time.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import orjson

from connectors.lrs.reading import Page, exact_text, moment, parameters, stamp
from leerstroom.mirror import Mirror, Position
from leerstroom.mirror.store import Arrived, arrived

if TYPE_CHECKING:
    from connectors.lrs.client import Lrs
    from leerstroom.mirror.store import Writer

logger = logging.getLogger(__name__)

PAGE = 5000
OVERLAP_S = 2.0  # of an LRS that says up to where it is consistent
WIDE_OVERLAP_S = 900.0  # of one that does not
COMMIT_ROWS = 100_000
COMMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class MirrorReport:
    """What a run brought: statements fetched, new in the mirror, voiding ones among these, unreadable ones; the position reached."""

    fetched: int = 0
    new: int = 0
    voided: int = 0
    unreadable: int = 0
    position: str | None = None
    seconds: float = 0.0

    def __str__(self) -> str:
        rate = self.fetched / self.seconds if self.seconds else 0
        return (
            f"{self.fetched} fetched, {self.new} new ({self.voided} voiding), mirrored up to {self.position or 'the beginning'}; "
            f"{self.seconds:.1f} s ({rate:,.0f} statements/s)"
        )


def mirror(
    lrs: "Lrs",
    target: Mirror,
    *,
    page: int = PAGE,
    overlap_s: float | None = None,
    commit_rows: int = COMMIT_ROWS,
    on_page: Callable[[int], None] | None = None,
) -> MirrorReport:
    """Brings `target` up to the LRS and says what was new. It may be killed at any time and run again.

    `overlap_s` widens the overlap for an LRS that is known to show statements later than that. Raises TryLater while another process writes to
    the mirror, and what `Lrs.query` raises.
    """
    started = time.monotonic()
    with target.writing() as writer:
        walk = _Walk(writer, target.manifest().position, commit_rows, overlap_s)
        pages = lrs.reader.pages(parameters(since=walk.begin(lrs), ascending=True, limit=page))
        for each in _ahead(pages):
            walk.take(each)
            if on_page:
                on_page(walk.fetched)
        position = walk.end()
    return MirrorReport(
        walk.fetched,
        walk.new,
        walk.voided,
        walk.unreadable,
        exact_text(position.stored) if position.stored else None,
        time.monotonic() - started,
    )


class _Walk:
    """One way through the pages, and how far it may say that the mirror has come."""

    def __init__(self, writer: "Writer", position: Position, commit_rows: int, overlap_s: float | None) -> None:
        self._writer, self._position, self._commit_rows, self._overlap_s = writer, position, commit_rows, overlap_s
        self.fetched = self.new = self.voided = self.unreadable = 0
        self._uncommitted, self._committed_at = 0, time.monotonic()
        self._latest: datetime | None = None
        self._ceiling: datetime | None = None  # beyond it statements may still become visible
        self._is_ordered = True

    def begin(self, lrs: "Lrs") -> str | None:
        """The time to ask from; takes in the ids that will come again."""
        before = self._position
        stored = before.stored
        if stored is None:
            return None
        if not before.promises and before.since_is_stored and since_is_timestamp(lrs):
            self._position = before = replace(before, since_is_stored=False)
        if not before.since_is_stored:
            logger.warning(
                "LRS connection '%s': since looks at timestamp, so late statements would be missed; everything is read again", lrs.name
            )  # fmt: skip
            self._writer.remembers_all = True
            self._writer.remember(None)
            return None
        overlap_s = self._overlap_s if self._overlap_s is not None else OVERLAP_S if before.promises else WIDE_OVERLAP_S
        since = stored - timedelta(seconds=overlap_s)
        self._writer.remember(since)
        return exact_text(since)

    def take(self, page: Page) -> None:
        """Adds a page and, from time to time, commits."""
        page_read = arrived(page.statements)
        self._notice_order(page_read)
        new, voiding = self._writer.add(page_read)
        self.fetched += len(page.statements)
        self.new += new
        self.voided += voiding
        self.unreadable += page_read.unreadable
        self._uncommitted += new
        promised = page.consistent_through
        self._position = replace(self._position, promises=promised is not None)
        if promised is not None and (page.is_last or (page_read.last is not None and page_read.last > promised)):
            self._ceiling = min(self._ceiling, promised) if self._ceiling else promised
        if self._uncommitted >= self._commit_rows or time.monotonic() - self._committed_at > COMMIT_S:
            self._commit(self._reached() if self._is_ordered else self._position)

    def _notice_order(self, page: Arrived) -> None:
        if page.first is None or page.last is None:
            return
        if self._is_ordered and (not page.is_ordered or (self._latest is not None and page.first < self._latest)):
            logger.info("the LRS does not keep to the order of storing; the position moves at the end only")
            self._is_ordered = False
            self._writer.remembers_all = True
            self._commit(self._position)
            self._writer.remember(None)
        self._latest = max(self._latest, page.last) if self._latest else page.last

    def _reached(self) -> Position:
        stored = max((each for each in (self._latest, self._position.stored) if each), default=None)
        if stored is not None and self._ceiling is not None:
            stored = min(stored, self._ceiling)
        return replace(self._position, stored=stored)

    def _commit(self, position: Position) -> None:
        self._writer.commit(position)
        self._uncommitted, self._committed_at = 0, time.monotonic()

    def end(self) -> Position:
        """Commits the rest; all pages were seen, so the position moves whatever their order was."""
        position = self._reached()
        self._commit(position)
        return position


def since_is_timestamp(lrs: "Lrs") -> bool:
    """Whether `since` of this LRS looks at `timestamp` instead of `stored` (Ralph; docs/lrs-connector.md, 9).

    Tried on a statement that was stored later than it happened: asked for what was stored from just before it on, oldest first, an LRS that looks
    at `stored` gives it before any later one. Where all were stored as they happened there is nothing to see: False.
    """
    page = next(iter(lrs.reader.pages(parameters(limit=50))))
    for raw in page.statements:
        value = orjson.loads(raw)
        stored, happened = moment(value.get("stored") or ""), moment(value.get("timestamp") or "")
        if stored is not None and happened is not None and stored - happened >= timedelta(seconds=2):
            break
    else:
        return False
    before = exact_text(stored - timedelta(milliseconds=1))
    for answer in lrs.reader.pages(parameters(since=before, ascending=True, limit=500)):
        for each in map(stamp, answer.statements):
            if each.id == str(value["id"]).lower():
                return False
            given = moment(each.stored)
            if given is None or given > stored:
                return True
    return True


def _ahead(pages: Iterable[Page], depth: int = 2) -> Iterator[Page]:
    """The pages, fetched by another thread while the caller works on the one before."""
    waiting: queue.Queue[Page | BaseException | None] = queue.Queue(depth)
    stopped = threading.Event()

    def hand(value: Page | BaseException | None) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(value, timeout=0.2)
                return True
            except queue.Full:
                continue
        return False

    def fetch() -> None:
        try:
            for page in pages:
                if not hand(page):
                    return
            hand(None)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the other thread raises it
            hand(error)

    thread = threading.Thread(target=fetch, name="lrs-pages", daemon=True)
    thread.start()
    try:
        while (value := waiting.get()) is not None:
            if isinstance(value, BaseException):
                raise value
            yield value
    finally:
        stopped.set()
        thread.join()
