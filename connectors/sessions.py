"""What sources of webinars and meetings share: which sessions count as what, and the statements about who was there.

It knows no platform. A source gives rows with the fields that stand here; it says itself what a row's stays are (`connectors.attendance.Join`).

```
occurrence   the platform's id of this one time; everything about it carries the same registration
meeting      {id, topic, kind: webinar | meeting, start, end, minutes}: the series, and what was planned
role         organizer | host | presenter | participant, where the platform or its payload tells
```
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, ClassVar
from urllib.parse import quote

from connectors.attendance import Join, Person, persons, without_copies
from connectors.source import Gathered, Kind, Record, Setting, Source, Window
from leerstroom.errors import BadRecord
from leerstroom.people import ExcludedAccount, People
from leerstroom.statements import (
    Ignored,
    Outcome,
    Retracted,
    Verb,
    activity,
    duration,
    name_uuid,
    statement,
    types,
    utc_text,
    verbs,
)
from leerstroom.statements.intervals import union_seconds

OCCURRENCE = (
    "occurrence",
    "meeting.id",
    "meeting.topic",
    "meeting.kind",
    "meeting.start",
    "meeting.end",
    "meeting.minutes",
    "role",
)  # what lands of a session beside a row about somebody
SETTINGS = (
    Setting("live_chats", "Live chats", many=True, required=False, help="ids or topics (with *) of sessions that a community appoints for itself, such as live chats and peer groups; they count as informal"),
    Setting("assigned", "Assigned", many=True, required=False, help="ids or topics (with *) that people are sent to; others count as their own choice"),
    Setting("mandatory", "Mandatory", many=True, required=False, help="ids or topics (with *) that the organisation or the law requires"),
    Setting("intervals", "Joins and leaves", default=False, kind="flag", required=False, help="also a statement for each time that someone joins or leaves"),
)  # fmt: skip
_ROLES = ("organizer", "host", "presenter", "moderator", "participant")  # who leads is not taken for a listener


class Sessions(Source):
    """A platform of webinars and meetings."""

    kind: ClassVar[Kind] = Kind.WEBINAR
    look_back: ClassVar[timedelta] = timedelta(days=3)
    settle: ClassVar[timedelta] = timedelta(hours=6)
    keyed_ids: ClassVar[bool] = (
        True  # an answer or a message without an id goes by its row's key, which is made of who wrote it
    )

    def settled(self, window: Window, now: datetime) -> Window:
        """The part of the window whose reports no longer move; what ended after it waits for the next window, which looks back."""
        if window.end <= now - self.settle:
            return window
        return Window(window.start, max(window.start, window.end - self.settle))

    # --- who was there ------------------------------------------------------------------------------------------------------------

    def attended(self, joins: Iterable[Join], people: People, **inferred: Any) -> Gathered:
        """One `attended` per person of an occurrence, over the union of their stays; `inferred` are its `rule` and `confidence`."""
        for stays in persons(joins, people):
            counted = without_copies(stays)
            copies = [record for join in stays if join not in counted for record in join.records]
            if copies:
                yield copies, Ignored("failover copy of another row")
            records = [record for join in counted for record in join.records]
            try:
                for made in self._attended(counted, people, inferred) if counted else ():
                    yield records, made
            except ExcludedAccount:
                yield records, Ignored("account on the exclusion list")
            except BadRecord as error:
                yield records, error
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                yield records, BadRecord(f"a field is missing or has an unexpected type ({type(error).__name__})")

    def _attended(self, joins: list[Join], people: People, inferred: Mapping[str, Any]) -> Iterator[Outcome]:
        first, who = joins[0].row, Person(joins)
        actor, extensions = who.actor(people), {**self.about(first), "actor-role": self.role(joins, people)}
        planned = meeting_of(first).get("minutes")
        seconds, last = union_seconds(join.interval for join in joins), max(join.end for join in joins)
        yield statement(
            actor=actor,
            verb=verbs.ATTENDED,
            object=self.occurrence(first),
            result={"duration": duration(seconds)},
            grouping=self.series(first),
            timestamp=last,
            registration=self.registration(first),
            extensions={**extensions, "scheduled-minutes": planned},
            key=f"{first['occurrence']}/{who.reference}",
            revision=f"{duration(seconds)} {utc_text(last)} {planned} {sorted(extensions.items())}",
            **inferred,
        )
        for reference in who.earlier_references:
            yield Retracted(f"{first['occurrence']}/{reference}", reason="the person is known by another reference now")
        if self.connection.get("intervals"):
            for join in joins:
                yield self._passed(join, verbs.JOINED, join.start, actor, extensions)
                yield self._passed(join, verbs.LEFT, join.end, actor, extensions)

    def _passed(
        self, join: Join, verb: Verb, moment: datetime, actor: dict[str, Any], extensions: Mapping[str, Any]
    ) -> Outcome:
        """`joined` or `left`, a fact of its own row and stay."""
        return statement(
            actor=actor,
            verb=verb,
            object=self.occurrence(join.row),
            grouping=self.series(join.row),
            timestamp=moment,
            registration=self.registration(join.row),
            extensions=extensions,
            key=self.stay(join),
            revision=f"{sorted(extensions.items())}",
        )

    def gathered(
        self, rows: Iterable[Record], stays: Callable[[Record], list[Join] | Ignored], people: People
    ) -> Gathered:
        """Attendance of rows of which each is read for itself: as its stays, as ignored, or as bad."""
        joins: list[Join] = []
        for row in rows:
            try:
                found = stays(row)
            except BadRecord as error:
                yield [row], error
                continue
            if isinstance(found, Ignored):
                yield [row], found
            else:
                joins += found
        yield from self.attended(joins, people)

    def stay(self, join: Join) -> str:
        """Names one stay: its row, where a row is a stay; sources whose rows hold several say which."""
        return join.row.key

    def role(self, joins: Iterable[Join], people: People) -> str:
        """The highest role in which one person was there."""
        told = {str(join.row.get("role")) for join in joins}
        return next((role for role in _ROLES if role in told), "participant")

    # --- what else people did -----------------------------------------------------------------------------------------------------

    def registered(self, row: Mapping[str, Any], actor: dict[str, Any], moment: datetime) -> Outcome:
        """`registered` for the series, all its occurrences."""
        extensions = self.about(row)
        extensions.pop("channel-kind")
        return statement(
            actor=actor,
            verb=verbs.REGISTERED,
            object=self.series(row),
            timestamp=moment,
            extensions=extensions,
            revision=f"{sorted(extensions.items())}",
        )

    def asked(
        self, row: Mapping[str, Any], actor: dict[str, Any], question: Any, moment: datetime, role: str = "", **inferred: Any
    ) -> Outcome:  # fmt: skip
        """`asked`, of a question in the Q&A; what it said is gone. `question` is its id within the occurrence."""
        return statement(
            actor=actor,
            verb=verbs.ASKED,
            object=activity(self.question_iri(row, question), types.QUESTION),
            parent=self.occurrence(row),
            grouping=self.series(row),
            timestamp=moment,
            registration=self.registration(row),
            extensions={**self.said(row, role), "is-question": True},
            revision=role,
            **inferred,
        )

    def posted(self, row: Mapping[str, Any], actor: dict[str, Any], message: Any, moment: datetime) -> Outcome:
        """`posted`, or `asked` where it asks, of a message in the chat to everyone; `message` is its id within the occurrence."""
        features = row["features"]
        asks = bool(features["is_question"])
        return statement(
            actor=actor,
            verb=verbs.ASKED if asks else verbs.POSTED,
            object=activity(f"{self.iri(row)}/messages/{quote(str(message), safe='')}", types.MESSAGE),
            parent=self.occurrence(row),
            grouping=self.series(row),
            timestamp=moment,
            registration=self.registration(row),
            extensions={
                **self.said(row),
                "has-link": features["has_link"],
                "is-question": asks,
                "is-thanks": features["is_thanks"],
            },
            rule="question-in-text" if asks else None,
            confidence=0.9 if asks else None,
        )

    def answered(
        self, row: Record, actor: dict[str, Any], question: Any, moment: datetime, role: str = "", **inferred: Any
    ) -> Outcome:
        """`answered`, of a written answer in the Q&A; its own record names it."""
        asked = self.question_iri(row, question)
        return statement(
            actor=actor,
            verb=verbs.ANSWERED,
            object=activity(f"{asked}/answers/{row.key}", types.MESSAGE),
            parent=activity(asked, types.QUESTION),
            grouping=self.series(row),
            timestamp=moment,
            registration=self.registration(row),
            extensions=self.said(row, role),
            revision=role,
            **inferred,
        )

    def polled(
        self, row: Mapping[str, Any], actor: dict[str, Any], *poll: Any, moment: datetime, **inferred: Any
    ) -> Outcome:
        """`answered-poll`; the answer itself is not kept. `poll` are the ids of the poll and its question within the occurrence."""
        place = "/".join(quote(str(each), safe="") for each in poll)
        return statement(
            actor=actor,
            verb=verbs.ANSWERED_POLL,
            object=activity(f"{self.iri(row)}/polls/{place}", types["cmi.interaction"]),
            parent=self.occurrence(row),
            grouping=self.series(row),
            timestamp=moment,
            registration=self.registration(row),
            extensions={"channel-kind": self.about(row)["channel-kind"]},
            **inferred,
        )

    def question_iri(self, row: Mapping[str, Any], question: Any) -> str:
        """IRI of a question in the Q&A."""
        return f"{self.iri(row)}/questions/{quote(str(question), safe='')}"

    def said(self, row: Mapping[str, Any], role: str = "") -> dict[str, Any]:
        """What is kept of something that was written, and as whom."""
        features = row["features"]
        return {
            "channel-kind": self.about(row)["channel-kind"],
            "actor-role": role or None,
            "text-length": features.get("length"),
            "text-language": features.get("language"),
        }

    # --- what a session is --------------------------------------------------------------------------------------------------------

    def about(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """What the connection's settings say about the session."""
        get, meeting = self.connection.get, meeting_of(row)
        mandatory = listed(get("mandatory"), meeting)
        return {
            "initiator": "assigned" if mandatory or listed(get("assigned"), meeting) else "self",
            "mandatory": True if mandatory else None,
            "channel-kind": "live_chat" if listed(get("live_chats"), meeting) else None,
        }

    def iri(self, row: Mapping[str, Any]) -> str:
        """IRI of the occurrence."""
        return f"{self.tenant}/occurrences/{quote(str(row['occurrence']), safe='')}"

    def registration(self, row: Mapping[str, Any]) -> str:
        """UUID that all statements about one occurrence share."""
        return name_uuid("occurrence", self.tenant, str(row["occurrence"]))

    def occurrence(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The one time that it took place."""
        meeting = meeting_of(row)
        kind = types.MEETING if meeting.get("kind") == "meeting" else types.VIRTUAL_CLASSROOM
        return activity(self.iri(row), kind, name=text(meeting.get("topic")))

    def series(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """What people register for: the webinar or meeting with all its occurrences."""
        meeting = meeting_of(row)
        kind = "meeting" if meeting.get("kind") == "meeting" else "webinar"
        number = quote(str(meeting.get("id") or row["occurrence"]), safe="")
        return activity(f"{self.tenant}/{kind}s/{number}", types[kind], name=text(meeting.get("topic")))


def meeting_of(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a row says about its session; empty where it says nothing."""
    meeting = row.get("meeting")
    return meeting if isinstance(meeting, Mapping) else {}


def text(value: Any) -> str | None:
    """A text that is one, and not empty."""
    return value if isinstance(value, str) and value else None


def listed(patterns: Any, occurrence: Mapping[str, Any]) -> bool:
    """Whether id, topic or host of an occurrence is on a list of settings; only * is special, and case does not matter."""
    names = [occurrence.get(name) for name in ("id", "topic", "host_email")]
    return any(fits(pattern, name) for pattern in patterns or () for name in names)


def fits(pattern: Any, name: Any) -> bool:
    """Whether a name is as a setting says it."""
    wanted = str(pattern).casefold().replace("[", "[[]").replace("?", "[?]")
    return bool(name) and fnmatchcase(str(name).casefold(), wanted)
