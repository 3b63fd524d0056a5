"""What platforms with a catalogue of courses share: they report one row a person and content, without an id and without events.

It knows no platform. A source gives rows with the fields that stand here, and says itself what a row's figures mean.

```
person    {account, email, hr}: what the platform says of who it is; an HR id may be an address, and then counts as one
key       person and content in the platform's words, and the day where the row is about one; it lands as a keyed reference
```
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from connectors import courses
from connectors.courses import Courses
from connectors.scores import number
from connectors.source import Connection, Kind, Record, Setting, Source, Window
from leerstroom.errors import BadRecord
from leerstroom.people import People, Pseudonyms
from leerstroom.statements import name_uuid, parse_time

PROGRESS = "https://w3id.org/xapi/cmi5/result/extensions/progress"  # whole per cents, 0 to 100
PERSON = ("person.account", "person.email", "person.hr")  # what lands of somebody
REFERENCES: Mapping[str, str] = {"person.account": "account", "person.email": "email", "person.hr": "hr"}
SETTINGS: tuple[Setting, ...] = (
    *(setting for setting in courses.SETTINGS if setting.name != "communities"),
    Setting("time_zone", "Time zone", default="Europe/Amsterdam", kind="zone", required=False, help="of due dates"),
)


class Catalogue(Source):
    """A platform with a catalogue of courses."""

    kind: ClassVar[Kind] = Kind.MOOC
    look_back: ClassVar[timedelta] = timedelta(days=3)

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.courses = Courses(connection)

    def minimise(self, record: Record, pseudonyms: Pseudonyms) -> Record:
        """The record as it may land; its key names a person, so it becomes a keyed reference as well."""
        kept = super().minimise(record, pseudonyms)
        return Record(kept.kind, pseudonyms.account(self.tenant, f"{record.kind} {record.key}"), kept)

    def registration(self, record: Record, content: Any) -> str | None:
        """One person in one course."""
        who = reference(record)
        return name_uuid("enrolment", self.tenant, str(content), who) if content and who else None


def person(account: Any = None, *, email: Any = None, hr: Any = None) -> dict[str, str | None]:
    """References of somebody. An HR id with an @ is the address that the platform puts where it knows none."""
    address, number_ = _word(email), _word(hr)
    if number_ and "@" in number_:
        address, number_ = address or number_, None
    return {"account": _word(account), "email": address, "hr": number_}


def reference(record: Record) -> str | None:
    """What names somebody: the account, else the HR id, else the address; None for nobody."""
    who: Mapping[str, str | None] = record["person"]
    return who.get("account") or who.get("hr") or who.get("email")


def agent(people: People, record: Record) -> dict[str, Any]:
    """The actor of a row."""
    who = record["person"]
    return people.actor(who.get("account"), email=who.get("email"), hr=who.get("hr"))


def answer_in(payload: Any) -> Any:
    """What a recorded exchange was answered with; a payload that is none as it is."""
    for name in ("response", "body"):
        if isinstance(payload, Mapping) and isinstance(payload.get(name), Mapping | list):
            payload = payload[name]
    return payload


def per_cent(value: Any) -> int:
    """Progress as whole per cents. Raises BadRecord for what is none."""
    found = number(value or 0)
    if not 0 <= found <= 100:
        raise BadRecord("the progress is no per cent")
    return int(found)


def minutes(value: Any) -> float | None:
    """Minutes that a platform counts, None for none. Raises BadRecord for what is no such number."""
    found = number(value or 0)
    if not 0 <= found < 1_000_000:
        raise BadRecord("the minutes are no length of time")
    return round(found, 1) or None


def moment(value: Any) -> datetime | None:
    """A platform's moment, in UTC where it names no zone; None where it tells none. Raises BadRecord for what is no time."""
    return parse_time(value, zone="UTC") if value not in (None, "", 0) else None


def happened_in(window: Window, *values: Any) -> bool:
    """Whether one of the moments lies in the window; what has a strange one is for the mapping to refuse."""
    try:
        told = [found for value in values if (found := moment(value))]
    except (BadRecord, TypeError, AttributeError):
        return True
    return not told or any(window.holds(each) for each in told)


def word(value: Any) -> str | None:
    """A name of a thing; None for what is no text."""
    return value if isinstance(value, str) and value.strip() else None


def _word(value: Any) -> str | None:
    if isinstance(value, bool | float | list | Mapping) or value is None:
        return None
    return str(value).strip() or None
