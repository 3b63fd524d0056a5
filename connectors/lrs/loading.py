"""Loading: statements in batches, several requests in flight, and an account of every statement whatever the LRS answers.

The fast path touches bytes only: the id is cut out of the text, the batch joined and sent. Everything else is what real LRSs made
necessary; docs/lrs-connector.md has the list with its evidence. How *stored* is told from *already there*:

1. the LRS says so (`X-Leerstroom-Stored`, the number of statements of a batch that are new: the embedded LRS does), or
2. the statements are read back: what is new was stored after the *mark*, the newest `stored` before the batch was sent, or
3. where nothing can be read (a write-only key), the answer is taken at its word.
"""

import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

import msgspec
import orjson

from connectors.lrs.comparing import differences
from connectors.lrs.reading import Reader, consistent_through, exact_text, moment, plain_reason, refused, stamp
from connectors.lrs.report import KEPT_REJECTIONS, LoadReport, Rejection
from connectors.lrs.transport import Reply, TimedOut, Transport, is_too_large
from leerstroom.errors import UnexpectedShape, Unreachable
from leerstroom.statements import name_uuid

logger = logging.getLogger(__name__)

STORED_HEADER = "X-Leerstroom-Stored"
MAX_BYTES = 1_000_000  # a body that proxies and Django take by default; lrs.md section 8.5
_JSON = {"Content-Type": "application/json"}
_GROW_AFTER = 20  # batches that went well before a shrunken batch size grows again
_CLOCK_LAG_S = 2.1
_LAG_S = (0.2, 0.5, 1.0)  # patience with an LRS that shows statements late

OnBatch = Callable[[int], None]
OnRejection = Callable[[Rejection, bytes], None]


@dataclass(slots=True)
class Memory:
    """What was learned about one LRS; kept from load to load. Threads share it, each value is replaced whole."""

    size: int
    body: int = MAX_BYTES  # bytes a request
    too_large: int = 0  # smallest body that was refused as too large
    good: int = 0  # batches in a row that went well
    is_readable: bool = True
    since_is_stored: bool = True  # whether `since` compares `stored`, as it should
    leaves_out: bool = False  # it answers a batch with the ids of what is new only
    proof: bytes = b""  # a statement that this LRS took: whether it still takes it tells a fault of the LRS from one of a statement


@dataclass(slots=True)
class Batch:
    """Statements on their way: ids (lower case) and texts side by side, and the mark they are sent under."""

    ids: list[str]
    raws: list[bytes]
    mark: str = ""

    def part(self, start: int, end: int) -> "Batch":
        """A slice of the batch."""
        return Batch(self.ids[start:end], self.raws[start:end], self.mark)

    def only(self, wanted: set[str]) -> "Batch":
        """The statements of these ids."""
        kept = [number for number, each in enumerate(self.ids) if each in wanted]
        return Batch([self.ids[number] for number in kept], [self.raws[number] for number in kept], self.mark)


@dataclass(slots=True)
class Outcome:
    """What became of one batch, and what happened on the way."""

    deadline: float
    stored: int = 0
    already_there: int = 0
    conflicting: int = 0
    rejected: int = 0
    refusals: list[tuple[Rejection, bytes]] = field(default_factory=list)
    lost: bool = False  # an answer was lost: the LRS may hold statements that it was never seen to take
    accepted: bool = False
    is_split: bool = False  # a 500 that stays was seen: parts are tried once
    suspects: list[Batch] = field(default_factory=list)  # single statements that the LRS answered 5xx to
    resent: set[str] = field(default_factory=set)

    def refuse(self, statement_id: str, reason: str, raw: bytes, *, conflict: bool = False) -> None:
        """Notes a statement that is not in the LRS as given."""
        if conflict:
            self.conflicting += 1
            reason = f"conflict: {reason}"
        else:
            self.rejected += 1
        self.refusals.append((Rejection(statement_id, reason), raw))


class Loader:
    """One load. `run` goes through the statements in the caller's thread; requests are made by `in_flight` others."""

    def __init__(
        self,
        transport: Transport,
        reader: Reader,
        memory: Memory,
        *,
        batch: int,
        in_flight: int,
        patience_s: float,
        on_batch: OnBatch | None = None,
        on_rejection: OnRejection | None = None,
    ) -> None:
        self._transport, self._reader, self._memory = transport, reader, memory
        self._batch, self._in_flight, self._patience_s = batch, in_flight, patience_s
        self._on_batch, self._on_rejection = on_batch, on_rejection
        self._url = transport.address("statements")
        self._lock = threading.Lock()
        self._mark = ""
        self._tells_stored = False
        self._done = self._sent = self._bytes = 0
        self._counts = [0, 0, 0, 0]
        self._rejections: list[Rejection] = []

    def run(self, statements: Iterable[Any]) -> LoadReport:
        """Loads them all. Raises the errors of `Transport.send`; what was sent before stays, and loading again settles the rest."""
        started, requests_before = time.monotonic(), self._transport.requests_made
        pending: dict[Future[Outcome], tuple[Batch, list[tuple[str, bytes]]]] = {}
        is_first = True
        with ThreadPoolExecutor(self._in_flight, thread_name_prefix="lrs-load") as pool:
            try:
                for batch, repeats in self._batches(statements):
                    if is_first:
                        self._mark, is_first = self._newest(), False
                    # One batch waits beside those in flight, so that no connection idles while the next is put together.
                    while len(pending) > self._in_flight or (
                        pending and not self._tells_stored and self._overlaps(batch, pending)
                    ):
                        self._harvest(pending)
                    batch.mark = self._mark
                    pending[pool.submit(self._delivered, batch, repeats)] = (batch, repeats)
                while pending:
                    self._harvest(pending)
            except BaseException:
                for future in pending:
                    future.cancel()
                raise
        stored, already_there, conflicting, rejected = self._counts
        return LoadReport(
            self._sent,
            stored,
            already_there,
            conflicting,
            rejected,
            self._bytes,
            time.monotonic() - started,
            self._transport.requests_made - requests_before,
            self._rejections,
        )

    # --- batches -----------------------------------------------------------------------------------------------------------------

    def _batches(self, statements: Iterable[Any]) -> Iterator[tuple[Batch, list[tuple[str, bytes]]]]:
        """Batches under the limits, each id once; a repeated id comes beside its batch."""
        memory = self._memory
        ids: list[str] = []
        raws: list[bytes] = []
        repeats: list[tuple[str, bytes]] = []
        seen: set[str] = set()
        size = 0
        for each in statements:
            # Our own statements begin with their id: cutting it out costs a tenth of parsing.
            if type(each) is bytes and each[:7] == b'{"id":"' and each[43:44] == b'"':
                raw, statement_id = each, each[7:43].decode("latin-1").lower()
            else:
                raw, statement_id, fault = identified(each)
                if fault:
                    self._sent += 1
                    self._bytes += len(raw)
                    self._refused_here(statement_id, fault, raw)
                    continue
            self._sent += 1
            self._bytes += len(raw)
            if ids and size + len(raw) + 1 > memory.body:
                yield Batch(ids, raws), repeats
                ids, raws, repeats, seen, size = [], [], [], set(), 0
            if statement_id in seen:
                repeats.append((statement_id, raw))
                continue
            seen.add(statement_id)
            ids.append(statement_id)
            raws.append(raw)
            size += len(raw) + 1
            if len(ids) >= memory.size:
                yield Batch(ids, raws), repeats
                ids, raws, repeats, seen, size = [], [], [], set(), 0
        if ids:
            yield Batch(ids, raws), repeats

    def _refused_here(self, statement_id: str, reason: str, raw: bytes) -> None:
        self._counts[3] += 1
        self._done += 1
        self._tell(Rejection(statement_id, reason), raw)

    def _tell(self, rejection: Rejection, raw: bytes) -> None:
        if len(self._rejections) < KEPT_REJECTIONS:
            self._rejections.append(rejection)
        if self._on_rejection:
            self._on_rejection(rejection, raw)

    def _newest(self) -> str:
        """The newest `stored` in the LRS before this load, empty when it holds nothing; learns whether the LRS can be read at all."""
        page = self._reader.first({"limit": "1"})
        self._memory.is_readable = page is not None
        newest = stamp(page.statements[0]).stored if page and page.statements else ""
        if newest and page and page.consistent_through is None:
            # An LRS that breaks one rule may break another: Ralph gives its oldest statement first. So its clock says what is new: the header
            # Date, which lags by up to two seconds and never leads. What was stored before these two lies before it, what is sent now after it.
            time.sleep(_CLOCK_LAG_S)
            later = self._reader.first({"limit": "1"})
            if later and later.clock:
                newest = _later(newest, exact_text(later.clock))
        return newest

    @staticmethod
    def _overlaps(batch: Batch, pending: dict[Any, tuple[Batch, Any]]) -> bool:
        ids = set(batch.ids)
        return any(not ids.isdisjoint(other.ids) for other, _ in pending.values())

    def _harvest(self, pending: dict[Future[Outcome], tuple[Batch, list[tuple[str, bytes]]]]) -> None:
        done, _ = wait(pending, return_when=FIRST_COMPLETED)
        for future in done:
            batch, repeats = pending.pop(future)
            outcome = future.result()
            for number, count in enumerate((
                outcome.stored,
                outcome.already_there,
                outcome.conflicting,
                outcome.rejected,
            )):
                self._counts[number] += count
            for rejection, raw in outcome.refusals:
                self._tell(rejection, raw)
            self._done += len(batch.ids) + len(repeats)
            if self._on_batch:
                self._on_batch(self._done)

    # --- one batch ---------------------------------------------------------------------------------------------------------------

    def _delivered(self, batch: Batch, repeats: list[tuple[str, bytes]]) -> Outcome:
        outcome = Outcome(time.monotonic() + self._patience_s)
        self._deliver(batch, outcome)
        self._judge_suspects(outcome)
        if repeats:
            self._repeats(batch, repeats, outcome)
        return outcome

    def _deliver(self, batch: Batch, outcome: Outcome) -> None:
        """Sends a batch, in smaller parts where it must, until each of its statements has its outcome."""
        count = len(batch.ids)
        body = b"[" + b",".join(batch.raws) + b"]"
        try:
            reply = self._transport.send(
                "POST",
                self._url,
                body,
                _JSON,
                settles=_answers,
                tries_of_500=1 if outcome.is_split else 3,
                waits_out_timeouts=count == 1,
            )
        except TimedOut:
            if count == 1 or time.monotonic() > outcome.deadline:
                raise
            outcome.lost = True
            self._shrink(count, 0)
            self._halves(batch, outcome)
            return
        outcome.lost = outcome.lost or reply.lost > 0
        if reply.is_fine:
            outcome.accepted = True
            self._went_well(batch)
            self._settle(batch, reply, outcome)
        elif reply.status == 409:
            self._conflict(batch, outcome)
        elif reply.status in {404, 405}:
            raise refused(self._transport, self._url, reply)
        elif count == 1:
            if reply.status >= 500:
                outcome.suspects.append(batch)
            else:
                outcome.refuse(
                    batch.ids[0], f"{reply.status}: {plain_reason(reply.content, batch.raws[0])}", batch.raws[0]
                )
        else:
            if is_too_large(reply):
                self._shrink(count, len(body))
                self._halves(batch, outcome)
                return
            if reply.status >= 500 and not self._takes_statements(outcome):
                raise Unreachable(
                    f"{self._transport.where(self._url)}: the LRS answers {reply.status} to everything; it may be down"
                )
            outcome.is_split = outcome.is_split or reply.status >= 500
            self._bisect(batch, reply, outcome)

    def _halves(self, batch: Batch, outcome: Outcome) -> None:
        middle = (len(batch.ids) + 1) // 2
        self._deliver(batch.part(0, middle), outcome)
        self._deliver(batch.part(middle, len(batch.ids)), outcome)

    def _bisect(self, batch: Batch, reply: Reply, outcome: Outcome) -> None:
        """Goes on with halves, or, where the LRS names a statement, with that one alone and the rest."""
        index = named_index(reply.content)
        count = len(batch.ids)
        if index is None or index >= count:
            self._halves(batch, outcome)
            return
        self._deliver(batch.part(index, index + 1), outcome)
        rest = Batch(
            batch.ids[:index] + batch.ids[index + 1 :], batch.raws[:index] + batch.raws[index + 1 :], batch.mark
        )
        self._deliver(rest, outcome)

    def _takes_statements(self, outcome: Outcome) -> bool:
        """Whether a 500 may be about a statement: the LRS took others meanwhile, or still takes one that it took before."""
        if outcome.accepted or not self._memory.proof:
            return True
        reply = self._transport.send(
            "POST", self._url, b"[" + self._memory.proof + b"]", _JSON, tries=2, tries_of_500=2
        )
        return reply.is_fine or reply.status == 409

    def _judge_suspects(self, outcome: Outcome) -> None:
        """Single statements that were answered 5xx: refused for good when the LRS takes others, else the LRS is at fault."""
        suspects, outcome.suspects = outcome.suspects, []
        if not suspects:
            return
        if not outcome.accepted and not (self._memory.proof and self._takes_statements(outcome)):
            raise Unreachable(f"{self._transport.where(self._url)}: the LRS answers 500 to everything; it may be down")
        for batch in suspects:
            self._deliver(batch, outcome)
        for batch in outcome.suspects:
            outcome.refuse(batch.ids[0], "500: the LRS fails on this statement and takes others", batch.raws[0])
        outcome.suspects = []

    def _repeats(self, batch: Batch, repeats: list[tuple[str, bytes]], outcome: Outcome) -> None:
        """An id that came again: the same statement has the same fate, another one under that id is a conflict."""
        refused_ids = {rejection.id for rejection, _ in outcome.refusals}
        first = dict(zip(batch.ids, batch.raws, strict=True))
        for statement_id, raw in repeats:
            differs = raw != first[statement_id] and bool(_differences(raw, first[statement_id]))
            if statement_id in refused_ids:
                self._deliver(Batch([statement_id], [raw], batch.mark), outcome)
                self._judge_suspects(outcome)
            elif differs:
                outcome.refuse(statement_id, "another statement under the same id in the same load", raw, conflict=True)
            else:
                outcome.already_there += 1

    # --- batch size --------------------------------------------------------------------------------------------------------------

    def _shrink(self, count: int, refused_bytes: int) -> None:
        memory = self._memory
        with self._lock:
            memory.good = 0
            if refused_bytes:
                memory.too_large = min(memory.too_large or refused_bytes, refused_bytes)
                memory.body = max(min(memory.body, refused_bytes // 2), 1)
            else:
                memory.size = max(min(memory.size, (count + 1) // 2), 1)
            logger.info(
                "LRS connection '%s': batches shrink to %d statements, %d bytes",
                self._transport.name,
                memory.size,
                memory.body,
            )

    def _went_well(self, batch: Batch) -> None:
        memory = self._memory
        memory.proof = memory.proof or batch.raws[0]
        if memory.size >= self._batch and memory.body >= MAX_BYTES:
            return
        with self._lock:
            memory.good += 1
            if memory.good >= _GROW_AFTER:
                memory.good = 0
                memory.size = min(memory.size * 2, self._batch)
                ceiling = memory.too_large * 9 // 10 if memory.too_large else MAX_BYTES
                memory.body = min(memory.body + memory.body // 4, ceiling, MAX_BYTES)

    # --- what an answer means ----------------------------------------------------------------------------------------------------

    def _settle(self, batch: Batch, reply: Reply, outcome: Outcome) -> None:
        """Counts the statements of an accepted batch."""
        count, told = len(batch.ids), reply.headers.get(STORED_HEADER, "")
        if told.isdigit() and int(told) <= count:
            self._tells_stored = True
            new = int(told)
            if new < count and outcome.lost:  # the lost try may have stored the rest
                new = self._stored_after(batch)
            outcome.stored += new
            outcome.already_there += count - new
            through = consistent_through(reply.headers)
            if through:
                with self._lock:
                    self._mark = _later(self._mark, exact_text(through))
            return
        answered = _ids_of(reply)
        if not self._memory.is_readable:
            confirmed = count if answered is None else len(answered.intersection(batch.ids))
            if confirmed < count:
                logger.warning(
                    "LRS connection '%s': %d of %d statements are not confirmed and cannot be read back with this key; counted as already there",
                    self._transport.name, count - confirmed, count,
                )  # fmt: skip
            outcome.stored += confirmed
            outcome.already_there += count - confirmed
            return
        self._classify(batch, answered or set(), outcome)

    def _stored_after(self, batch: Batch) -> int:
        """How many statements of the batch were stored after its mark."""
        mark = moment(batch.mark) if batch.mark else None
        found = self._reader.located(batch.ids)
        return sum(_is_after(raw, mark) for raw in found.values())

    def _classify(self, batch: Batch, answered: set[str], outcome: Outcome) -> None:
        """Reads back what is new since the mark; the others were there before, or must be looked for."""
        new, rest = self._seen_since(batch, answered)
        outcome.stored += len(new)
        if self._memory.since_is_stored:
            unsure = rest - answered
            outcome.already_there += len(rest) - len(unsure)
            self._look_for(batch, unsure, outcome)
            return
        # Ralph: `since` is of no use, and known statements are left out of the answer. Once that was seen, the answer says what is new.
        confirmed = rest & answered
        held = self._reader.located(each for each in batch.ids if each in rest - confirmed)
        if confirmed and held and held.keys() == rest - confirmed:
            self._memory.leaves_out = True
        if not self._memory.leaves_out or outcome.lost:
            self._look_for(batch, rest, outcome)
            return
        outcome.stored += len(confirmed)
        outcome.already_there += len(held)
        missing = rest - confirmed - held.keys()
        if missing:
            self._again(batch.only(missing), outcome)

    def _look_for(self, batch: Batch, unsure: set[str], outcome: Outcome) -> None:
        """Asks for statements by their ids and counts them by when they were stored; what is not there is sent again."""
        if not unsure:
            return
        mark = moment(batch.mark) if batch.mark else None
        found = self._reader.located(each for each in batch.ids if each in unsure)
        for raw in found.values():
            if _is_after(raw, mark):
                outcome.stored += 1
            else:
                outcome.already_there += 1
        with self._lock:
            for raw in found.values():
                self._mark = _later(self._mark, stamp(raw).stored)
        missing = unsure - found.keys()
        if missing:
            self._again(batch.only(missing), outcome)

    def _seen_since(self, batch: Batch, answered: set[str]) -> tuple[set[str], set[str]]:
        """(ids stored after the mark, ids that were not seen). One of the latter is asked for, to see whether `since` can be trusted."""
        wanted, new = set(batch.ids), set[str]()
        mark = moment(batch.mark) if batch.mark else None
        newest = batch.mark
        for pause_s in (*_LAG_S, None):
            if not self._memory.since_is_stored:
                break
            for raw in self._reader.since(batch.mark):
                each = stamp(raw)
                if each.id in wanted and _is_after(raw, mark):
                    new.add(each.id)
                newest = _later(newest, each.stored)
                if len(new) == len(wanted):
                    break
            late = self._shown_late(wanted - new, answered, mark, new)
            if not late:
                break
            if pause_s is None:
                self._memory.since_is_stored = False
                logger.warning(
                    "LRS connection '%s': since does not find what was just stored; each statement is asked for alone, which is slow",
                    self._transport.name,
                )
            else:
                time.sleep(pause_s)
        with self._lock:
            self._mark = _later(self._mark, newest)
        return new, wanted - new

    def _shown_late(self, rest: set[str], answered: set[str], mark: Any, new: set[str]) -> bool:
        """Whether a statement that the LRS confirmed is new and yet was not among those stored since the mark."""
        for each in sorted(rest & answered):
            raw, is_voided = self._reader.found(each)
            if raw is None:
                return True
            if not _is_after(raw, mark):
                return False
            if not is_voided:  # a voided statement is in no list
                return True
            new.add(each)
        return False

    def _again(self, batch: Batch, outcome: Outcome) -> None:
        """Statements that the LRS accepted and does not hold: sent once more, then it is no LRS."""
        if outcome.resent & set(batch.ids):
            raise UnexpectedShape(
                f"{self._transport.where(self._url)}: the LRS accepts statements and does not keep them; is this the address of the endpoint?"
            )
        outcome.resent.update(batch.ids)
        self._deliver(batch, outcome)

    def _conflict(self, batch: Batch, outcome: Outcome) -> None:
        """409: some statements are there already, equal or not, and nothing of the batch may have been stored. Compares and sends the rest."""
        if not self._memory.is_readable:
            if len(batch.ids) > 1:
                self._halves(batch, outcome)
            else:
                outcome.refuse(
                    batch.ids[0], "the id is in use, and this key may not read what for", batch.raws[0], conflict=True
                )
            return
        mark = moment(batch.mark) if batch.mark else None
        found = self._reader.located(batch.ids)
        for number, statement_id in enumerate(batch.ids):
            theirs = found.get(statement_id)
            if theirs is None:
                continue
            differs = _differences(batch.raws[number], theirs)
            if differs:
                outcome.refuse(
                    statement_id, f"the LRS holds another statement under this id; {', '.join(differs)} differ", batch.raws[number],
                    conflict=True,
                )  # fmt: skip
            elif outcome.lost and _is_after(theirs, mark):
                outcome.stored += 1
            else:
                outcome.already_there += 1
        missing = [each for each in batch.ids if each not in found]
        if not missing:
            return
        rest = batch.only(set(missing))
        if found:
            self._deliver(rest, outcome)
        elif len(missing) > 1:
            self._halves(rest, outcome)
        else:
            outcome.refuse(
                missing[0], "the LRS says that the id is in use, and does not show it", rest.raws[0], conflict=True
            )


# --- values -------------------------------------------------------------------------------------------------------------------------


class _Identity(msgspec.Struct):
    id: str = ""


_IDENTITY = msgspec.json.Decoder(_Identity)


def identified(statement: Any) -> tuple[bytes, str, str]:
    """(text, id in lower case, fault) of a statement in any form.

    One without an id gets one that is derived from its content, so that sending it again is sending the same statement.
    """
    if isinstance(statement, str):
        statement = statement.encode()
    if isinstance(statement, bytes | bytearray | memoryview):
        raw = bytes(statement).strip()
        try:
            statement_id = _IDENTITY.decode(raw).id
        except msgspec.ValidationError:
            return raw, "", "the statement is no JSON object, or its id is no text"
        except msgspec.DecodeError as error:
            return raw, "", f"the statement is no JSON: {error}"
        if statement_id:
            return raw, statement_id.lower(), ""
        value = orjson.loads(raw)
    elif hasattr(statement, "to_json"):
        value = orjson.loads(statement.to_json())
    else:
        value = dict(statement)
    if not value.get("id"):
        value["id"] = name_uuid("statement without id", orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode())
    try:
        return orjson.dumps(value), str(value["id"]).lower(), ""
    except TypeError:
        return b"", str(value["id"]).lower(), "the statement holds what JSON cannot say"


_INDEX = re.compile(rb'statements?[ ._\[]+(\d{1,5})|"index"\s*:\s*(\d{1,5})|index (\d{1,5})', re.IGNORECASE)


def named_index(content: bytes) -> int | None:
    """Position of the statement that a refusal names, None when it names none. A hint: a wrong one costs two requests."""
    found = _INDEX.search(content[:4000])
    return int(next(group for group in found.groups() if group)) if found else None


def _answers(reply: Reply) -> bool:
    """Whether a 2xx answer to a batch can be one: nothing, or a list in JSON."""
    content = reply.content
    return not content or (content[:1] == b"[" and _list(content) is not None)


def _list(content: bytes) -> list[Any] | None:
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, list) else None


def _ids_of(reply: Reply) -> set[str] | None:
    """Ids that the LRS confirms, in lower case; None when it says nothing."""
    told = _list(reply.content) if reply.content else None
    return {each.lower() for each in told if isinstance(each, str)} if told else None


def _is_after(raw: bytes, mark: Any) -> bool:
    stored = moment(stamp(raw).stored)
    return mark is None or (stored is not None and stored > mark)


def _later(first: str, second: str) -> str:
    if not first or not second:
        return first or second
    one, two = moment(first), moment(second)
    return second if one is None or (two is not None and two > one) else first


def _differences(ours: bytes, theirs: bytes) -> list[str]:
    try:
        return differences(ours, theirs)
    except orjson.JSONDecodeError:
        return ["text"]
