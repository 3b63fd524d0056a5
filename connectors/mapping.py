"""From records to statements: finds the map function, gives ids and context, validates, and accounts for each record.

Each record ends exactly once as mapped, ignored (with a reason) or quarantined (with a reason), so the ledger balances. One bad record
never stops the others. Everything streams: a group of gathered records is the most that is held.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from connectors.source import UNREADABLE, Mapping_, Record, Source
from leerstroom.errors import BadRecord
from leerstroom.people import ExcludedAccount, People
from leerstroom.statements import Built, Copied, Ignored, Outcome, Retracted, Statement, namer
from leerstroom.statements.plain import Agent, Place, Verb
from leerstroom.statements.validation import plain_parts, validate
from leerstroom.statements.vocabulary import CATEGORY, extension

_SHAPES = (
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    IndexError,
    ArithmeticError,  # numbers too large for a clock or a duration
)  # what a map function meets in a record that is not as expected
_SOURCE_KIND, _RECORD = extension("source-kind"), extension("record")


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record that could not become a statement: why, and the minimised record, to be replayed when the cause is mended."""

    kind: str
    key: str
    reason: str
    record: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """One line of a quarantine file."""
        return {"kind": self.kind, "key": self.key, "reason": self.reason, "record": dict(self.record)}


@dataclass(slots=True)
class MapCounts:
    """What became of the records: pulled = mapped + ignored + quarantined; `built` counts statements, `retracted` deletions."""

    pulled: int = 0
    mapped: int = 0
    built: int = 0
    retracted: int = 0
    ignored: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)

    @property
    def balances(self) -> bool:
        """Whether every record has exactly one end."""
        return self.pulled == self.mapped + self.ignored.total() + self.quarantined.total()

    def as_json(self) -> dict[str, Any]:
        """Plain values, reasons by frequency."""
        return {
            "pulled": self.pulled,
            "mapped": self.mapped,
            "built": self.built,
            "retracted": self.retracted,
            "ignored": dict(self.ignored.most_common()),
            "quarantined": dict(self.quarantined.most_common()),
        }


Mapped = Statement | Retracted | Quarantined


class Mapper:
    """Maps the records of one connection; iterate `statements(records)` and read `counts` afterwards.

    With `written` the parts that many statements share are given as they stand in a line of JSON: for who does nothing with a statement but write it.
    """

    def __init__(
        self,
        source: Source,
        people: People,
        *,
        version: str = "1.0.3",
        check: Callable[..., object] = validate,
        written: bool = False,
    ) -> None:
        self.source = source
        self.people = people
        self.counts = MapCounts()
        self._version, self._written = version, written
        self._check = check
        self._is_plain = plain_parts if check is validate else _never
        self._name, self._kind = source.name, str(source.kind)
        self._record_id, self._statement_id = namer("record", source.name, source.tenant), namer("statement")

    def statements(self, records: Iterable[Record]) -> Iterator[Mapped]:
        """Statements ready for the LRS, retractions (with the record's UUID as key) and quarantine entries, in the order of the records."""
        gathered: list[Record] = []
        gathering: tuple[Mapping_, Any, Callable[..., Any]] | None = None
        mapping, simple, counts, people = self.source.mapping, self.source.simple, self.counts, self.people
        stated = self._stated
        for record in records:
            counts.pulled += 1
            if UNREADABLE in record:
                yield self._quarantine(record, str(record[UNREADABLE]))
                continue
            function = simple.get(record.kind) if gathering is None else None
            if function is None:
                mark, function = mapping(record)
                value = record.get(mark.together) if mark is not None and mark.together else None
                if gathering and (mark is not gathering[0] or value != gathering[1]):
                    yield from self._group(gathered, gathering[2])
                    gathered, gathering = [], None
                if mark is None or function is None:
                    counts.ignored[f"nothing is mapped from {record.kind} records of this type"] += 1
                    continue
                if mark.together:
                    gathering = gathering or (mark, value, function)
                    gathered.append(record)
                    continue
            try:
                outcomes = function(record, people)
                if type(outcomes) is Built:  # as nearly all are: nothing to weigh
                    made = stated(record, outcomes)
                    counts.mapped += 1
                    counts.built += 1
                    yield made
                    continue
                if isinstance(outcomes, Outcome):
                    outcomes = (outcomes,)
                finished = [self._finished(record, each) for each in outcomes]
            except ExcludedAccount:
                finished = [Ignored("account on the exclusion list")]
            except BadRecord as error:
                yield self._quarantine(record, str(error))
                continue
            except _SHAPES as error:
                yield self._quarantine(record, _shape(error))
                continue
            yield from self._account([record], finished)
        if gathering:
            yield from self._group(gathered, gathering[2])

    def _group(self, records: list[Record], function: Callable[..., Any]) -> Iterator[Mapped]:
        left = {id(record): record for record in records}
        try:
            for covered, outcome in function(records, self.people):
                members = list(covered)
                fresh = [left.pop(id(member)) for member in members if id(member) in left]
                if isinstance(outcome, BadRecord):
                    for member in fresh:
                        yield self._quarantine(member, str(outcome))
                    continue
                try:
                    finished = self._finished(members[0], outcome)
                except BadRecord as error:
                    for member in fresh:
                        yield self._quarantine(member, str(error))
                    continue
                yield from self._account(fresh, [finished])
        except ExcludedAccount:
            yield from self._account(list(left.values()), [Ignored("account on the exclusion list")])
            return
        except BadRecord as error:
            for record in left.values():
                yield self._quarantine(record, str(error))
            return
        except _SHAPES as error:
            for record in left.values():
                yield self._quarantine(record, _shape(error))
            return
        for record in left.values():
            yield self._quarantine(record, "the map function left this record out")

    def _account(self, records: list[Record], outcomes: list[Statement | Retracted | Ignored]) -> Iterator[Mapped]:
        counts = self.counts
        kept = [outcome for outcome in outcomes if not isinstance(outcome, Ignored)]
        reasons = [outcome.reason for outcome in outcomes if isinstance(outcome, Ignored)]
        if any(not isinstance(outcome, Retracted) for outcome in kept) or (kept and not reasons):
            counts.mapped += len(records)
        elif records:  # also one that is ignored and takes back what an earlier form of it made
            counts.ignored[reasons[0] if reasons else "no statement follows from it"] += len(records)
        for outcome in kept:
            if isinstance(outcome, Retracted):
                counts.retracted += 1
            else:
                counts.built += 1
            yield outcome

    def _finished(self, record: Record, outcome: Outcome) -> Statement | Retracted | Ignored:
        if isinstance(outcome, Ignored):
            return outcome
        if isinstance(outcome, Copied):
            self._check(outcome.statement)
            return outcome.statement
        if isinstance(outcome, Retracted):
            return Retracted(self._record_id(f"{outcome.kind or record.kind}\x1f{outcome.key}"), reason=outcome.reason)
        if not isinstance(outcome, Built):
            raise BadRecord(f"the map function returned {type(outcome).__name__}, not an outcome")
        return self._stated(record, outcome)

    def _stated(self, record: Record, built: Built) -> Statement:
        """The statement with its id and what all statements of a source have in common, validated."""
        actor: Any = built.actor
        verb: Any = built.verb
        place: Any = built.place
        thing, result, extensions = built.object, built.result, built.extensions
        identity = self._record_id(f"{record.kind}\x1f{built.key or record.key}")
        if "category" not in place:
            place["category"] = CATEGORY
        if _SOURCE_KIND not in extensions:
            extensions[_SOURCE_KIND] = self._kind
        extensions[_RECORD] = identity
        who = actor.who if type(actor) is Agent else None
        if not who:
            account = actor["account"]
            who = f"{account['homePage']}\x1f{account['name']}"
        fact = f"{identity}\x1f{who}\x1f{verb['id']}\x1f{thing.get('id', '')}\x1f{built.revision}"
        moment, version = built.timestamp, self._version
        registration, instructor, language = built.registration, built.instructor, built.language
        if not self._is_plain(actor, verb, thing, result, place, extensions, moment, registration, instructor, language):  # fmt: skip
            self._check({**built.statement, "context": {**built.context, "platform": self._name}})
        if self._written:
            actor = actor.written if type(actor) is Agent else actor
            verb = verb.written if type(verb) is Verb else verb
            place = place.written if type(place) is Place else place
        if registration is None and instructor is None and language is None:
            # as in most: written out, since asking for it costs twice as much
            context = {"contextActivities": place, "extensions": extensions, "platform": self._name}
        else:
            context = {**built.context, "contextActivities": place, "platform": self._name}
        if result:
            return {"id": self._statement_id(fact), "actor": actor, "verb": verb, "object": thing, "result": result, "context": context, "timestamp": moment, "version": version}  # fmt: skip
        return {"id": self._statement_id(fact), "actor": actor, "verb": verb, "object": thing, "context": context, "timestamp": moment, "version": version}  # fmt: skip

    def _quarantine(self, record: Record, reason: str) -> Quarantined:
        self.counts.quarantined[reason] += 1
        return Quarantined(record.kind, record.key, reason, record)


def serialised(statement: Statement) -> bytes:
    """The statement as JSON, without a line's end."""
    return orjson.dumps(statement)


def as_line(statement: Statement) -> bytes:
    """The statement as a line of JSON."""
    return orjson.dumps(statement, option=orjson.OPT_APPEND_NEWLINE)


def _never(*_: object) -> bool:
    return False


def _shape(error: Exception) -> str:
    if isinstance(error, KeyError):
        return (
            f"field {error.args[0]!r} is missing"
            if error.args and isinstance(error.args[0], str) and len(error.args[0]) < 60
            else "a field is missing"
        )
    return f"a field has an unexpected type or value ({type(error).__name__})"
