"""What a third party writes when it adds a source; type-checked, and used by the tests of mapping."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import ClassVar

from connectors.http import Api
from connectors.paging import Pages
from connectors.source import Gathered, Kind, Record, Setting, Source, Verified, Window, maps
from leerstroom.errors import BadRecord
from leerstroom.people import People
from leerstroom.statements import Ignored, Outcome, Retracted, activity, duration, parse_time, statement, types, verbs


class Library(Source):
    """A library that lends books and holds reading circles."""

    name: ClassVar[str] = "library"
    title: ClassVar[str] = "Library"
    kind: ClassVar[Kind] = Kind.WORK
    verified: ClassVar[Verified] = Verified.DOCUMENTATION
    look_back: ClassVar[timedelta] = timedelta(days=1)
    settings = (Setting("host", "Address", kind="url"), Setting("token", "Token", secret=True))
    record_kinds = ("loan", "seat")
    keep: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "loan": ("id", "book", "at", "reader.id", "reader.mail", "state"),
        "seat": ("circle", "reader.id", "from", "to"),
    }
    content: ClassVar[Mapping[str, tuple[str, ...]]] = {"loan": ("remark",)}
    people: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "loan": {"reader.id": "account", "reader.mail": "email"},
        "seat": {"reader.id": "account"},
    }
    loans = Pages("/loans", items="loans", cursor="next", ask="page")

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        for page in self.loans.of(api):
            for loan in page:
                if window.holds(parse_time(loan["at"])):
                    yield Record("loan", str(loan["id"]), loan)

    @maps("loan", state="returned")
    def returned(self, loan: Record, people: People) -> Outcome:
        return Ignored("a returned book teaches nothing more")

    @maps("loan", state="cancelled")
    def cancelled(self, loan: Record, people: People) -> Outcome:
        return Retracted(loan.key)

    @maps("loan")
    def loan(self, loan: Record, people: People) -> Outcome:
        return statement(
            actor=people.actor(loan["reader"]["id"], email=loan["reader"].get("mail")),
            verb=verbs.READ,
            object=activity(f"{self.tenant}/books/{loan['book']}", types.BOOK),
            timestamp=parse_time(loan["at"]),
            extensions={"initiator": "self"},
        )

    @maps("seat", together="circle")
    def circle(self, seats: list[Record], people: People) -> Gathered:
        by_reader: dict[str, list[Record]] = {}
        for seat in seats:
            by_reader.setdefault(seat["reader"]["id"], []).append(seat)
        for reader, mine in by_reader.items():
            if not reader:
                raise BadRecord("a seat without a reader")
            yield (
                mine,
                statement(
                    actor=people.actor(reader),
                    verb=verbs.ATTENDED,
                    object=activity(f"{self.tenant}/circles/{mine[0]['circle']}", types.MEETING),
                    timestamp=max(parse_time(seat["to"]) for seat in mine),
                    result={"duration": duration(sum(length(mine)))},
                    key=f"{mine[0]['circle']}/{reader}",
                    revision=str(sum(length(mine))),
                ),
            )


def length(seats: Iterable[Record]) -> list[float]:
    """Seconds of each seat."""
    return [(parse_time(seat["to"]) - parse_time(seat["from"])).total_seconds() for seat in seats]
