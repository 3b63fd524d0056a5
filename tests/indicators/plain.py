"""The catalogue once more, slow and plain: loops over lists, written from docs/indicators.md and not from the engine.

`answers(...)` gives (indicator, grain, subject, start, end) -> (value, status, numerator, denominator) for one window and its days.
A part that is `...` was not worked out here and says nothing. Only what the statement says in plain xAPI is read.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import isodate

from leerstroom.statements.vocabulary import canonical_type, canonical_verb

EXT = "https://example.org/xapi/ext/"
SAID = ("asked", "replied", "answered", "commented", "posted", "shared")
SHARES = ("shared", "bookmarked", "uploaded", "retweeted")
REACTIONS = ("liked", "favorited", "applauded", "reacted", "voted-up")
TESTS = (
    "assessment", "question", "cmi.interaction", "survey", "attempt", "school-assignment", "essay", "project",
)  # fmt: skip
NOT_COMPLETED = (
    "page", "module", "file", "document", "link", "question", "cmi.interaction", "lms", "forum", "forum-topic",
)  # fmt: skip
STARTS = (
    "registered", "was-assigned", "launched", "initialized", "attempted", "resumed", "progressed", "completed", "passed",
    "failed", "terminated",
)  # fmt: skip
FACILITATORS = ("trainer", "moderator", "presenter", "host", "organizer")
ATTENDANCE = ("joined", "left", "attended")
NEEDS = {
    "formal": (("lms",), ("offline",)),
    "nonformal": (("webinar", "mooc"), ("offline",)),
    "informal": (("chat", "social", "offline"), ("lms", "mooc", "work")),
    "talk": (("chat", "social"), ("lms", "mooc")),
    "webinar": (("webinar",), ()),
    "offline": (("offline",), ()),
    "work": (("work",), ()),
    "coaching": (("offline", "work"), ()),
    "any": (("lms", "mooc", "webinar", "chat", "social", "offline", "work"), ()),
}
Answer = tuple[Any, Any, Any, Any]
Answers = dict[tuple[str, str, str, date, date], Answer]


@dataclass
class Person:
    id: str
    mbox: str
    team: str
    zone: ZoneInfo
    since: date
    until: date
    leave: set[date] = field(default_factory=set)

    def serves(self, day: date) -> bool:
        return self.since <= day <= self.until

    def local_day(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()


@dataclass
class Event:
    id: str
    who: Person
    verb: str
    type: str | None
    thing: str
    at: datetime
    day: date
    seconds: float | None
    score: float | None
    completion: bool | None
    registration: str | None
    parent: str | None
    room: str | None
    stated: dict[str, Any]
    rule: dict[str, Any] = field(default_factory=dict)
    parent_author: Person | None = None
    answers_question: bool = False

    @property
    def kind(self) -> str | None:
        return self.stated.get("source-kind")

    @property
    def learns(self) -> bool:
        return self.rule["formality"] != "none"

    @property
    def teaches(self) -> bool:
        return self.rule["formality"] == "none" and self.rule.get("role") == "giving"

    @property
    def serves(self) -> bool:
        return self.who.serves(self.day)


Interval = tuple[datetime, datetime, Event]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def read(
    statements: list[dict[str, Any]], people: Mapping[str, Person], excluded: set[str]
) -> tuple[list[Event], list[Any]]:
    """Events of employees that count, in any order; and (moment, is_known) of every statement that enters the share of unresolved."""
    voided = {s["object"]["id"].lower() for s in statements if is_voiding(s)}
    seen: dict[str, dict[str, Any]] = {}
    for s in statements:
        if not is_voiding(s) and s["id"].lower() not in voided:
            seen.setdefault(s["id"].lower(), s)
    counted = [s for s in seen.values() if mailbox(s) not in excluded]
    deleted = {s["object"]["id"] for s in seen.values() if canonical_verb(s["verb"]["id"]) in {"deleted", "retracted"}}
    authors: dict[str, tuple[datetime, Any]] = {}
    questions: set[str] = set()
    events: dict[tuple[Any, ...], Event] = {}
    for s in counted:
        verb, thing, at = canonical_verb(s["verb"]["id"]), s["object"].get("id", ""), moment(s["timestamp"])
        if thing in deleted and verb in {*SAID, *SHARES, *REACTIONS, "created", "tweeted"}:
            continue
        person = people.get(mailbox(s))
        if verb in {*SAID, *SHARES, "created", "tweeted"}:
            first = authors.get(thing)
            if first is None or at < first[0]:
                authors[thing] = (at, person)
            if verb == "asked":
                questions.add(thing)
        if person is None:
            continue
        event = as_event(s, person, verb, thing, at)
        key = (person.id, verb, thing, at)
        if key not in events or fuller(event, events[key]):
            events[key] = event
    for event in events.values():
        if event.parent in authors:
            event.parent_author = authors[event.parent][1]
            event.answers_question = event.parent in questions
    return list(events.values()), [(moment(s["timestamp"]), people.get(mailbox(s))) for s in counted]


def is_voiding(statement: Mapping[str, Any]) -> bool:
    return (
        canonical_verb(statement["verb"]["id"]) == "voided" and statement["object"].get("objectType") == "StatementRef"
    )


def mailbox(statement: Mapping[str, Any]) -> str:
    return str(statement["actor"].get("mbox", "")).removeprefix("mailto:").lower()


def fuller(one: Event, other: Event) -> bool:
    def rank(event: Event) -> Any:
        return (
            event.kind is None, event.seconds is None, -(event.seconds or 0), event.score is None,
            event.stated.get("mandatory") is None, event.parent is None, event.room is None, event.stated.get("due") is None,
            event.stated.get("scheduled-minutes") is None, event.registration is None, event.registration or "", event.id,
        )  # fmt: skip

    return bool(rank(one) < rank(other))


def as_event(s: Mapping[str, Any], person: Person, verb: str, thing: str, at: datetime) -> Event:
    context, result = s.get("context") or {}, s.get("result") or {}
    activities = context.get("contextActivities") or {}
    duration = result.get("duration")
    score = result.get("score") or {}
    scaled = score.get("scaled")
    if scaled is None and "raw" in score and score.get("max", 0) > score.get("min", 0):
        low = score.get("min", 0)
        scaled = (score["raw"] - low) / (score["max"] - low)
    type_iri = (s["object"].get("definition") or {}).get("type")
    return Event(
        id=s["id"],
        who=person,
        verb=verb,
        type=canonical_type(type_iri) if type_iri else None,
        thing=thing,
        at=at,
        day=person.local_day(at),
        seconds=isodate.parse_duration(duration).total_seconds() if duration else None,
        score=scaled,
        completion=result.get("completion"),
        registration=context.get("registration"),
        parent=next((each["id"] for each in activities.get("parent", [])), None),
        room=next((each["id"] for each in activities.get("grouping", [])), None),
        stated={name.removeprefix(EXT): value for name, value in (context.get("extensions") or {}).items()},
    )


def classify(event: Event, rules: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that the first matching rule sets."""
    author = None
    if event.parent:
        author = "unknown" if event.parent_author is None else "self" if event.parent_author is event.who else "other"
    facts = {
        "source_kind": event.kind, "verb": event.verb, "activity_type": event.type, "channel_kind": event.stated.get("channel-kind"),
        "actor_role": event.stated.get("actor-role"), "has_parent": event.parent is not None, "parent_author": author,
        "parent_is_question": event.answers_question if event.parent else None, "mandatory": event.stated.get("mandatory"),
    }  # fmt: skip
    size = event.stated.get("group-size")
    for rule in rules["rules"]:
        fits = True
        for column, wanted in rule["match"].items():
            if column == "group_size_min":
                fits = fits and size is not None and size >= wanted
            elif column == "group_size_max":
                fits = fits and size is not None and size <= wanted
            else:
                fits = fits and facts[column] in (wanted if isinstance(wanted, list) else [wanted])
        if fits:
            return {**rules["defaults"], **rule["set"], "id": rule["id"]}
    raise AssertionError("no rule")


# --- time -------------------------------------------------------------------------------------------------------------------


def cap_s(event: Event, rules: Mapping[str, Any]) -> float:
    caps = rules["parameters"]["max_session_minutes"]
    return float(caps.get(event.kind, caps["default"])) * 60


def interval(event: Event, rules: Mapping[str, Any]) -> Interval:
    assert event.seconds
    start = event.at - timedelta(seconds=event.seconds)
    return start, start + timedelta(seconds=min(event.seconds, cap_s(event, rules))), event


def paired(events: Iterable[Event], rules: Mapping[str, Any]) -> list[Interval]:
    """Joins and leaves of one person and occurrence: a leave closes the latest open join of its registration."""
    found: list[Interval] = []
    opened: dict[str | None, list[Event]] = defaultdict(list)
    for event in sorted(events, key=lambda each: (each.at, each.verb != "left")):
        if event.verb == "joined":
            opened[event.registration].append(event)
        elif opened[event.registration]:
            begin = opened[event.registration].pop()
            end = min(event.at, begin.at + timedelta(seconds=cap_s(begin, rules)))
            if end > begin.at:
                found.append((begin.at, end, begin))
    return found


def length_s(parts: Iterable[tuple[datetime, datetime]]) -> float:
    """Seconds of the union."""
    whole, reached = 0.0, None
    for start, end in sorted(parts):
        if reached is None or start > reached:
            whole += (end - start).total_seconds()
            reached = end
        elif end > reached:
            whole += (end - reached).total_seconds()
            reached = end
    return whole


def midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


@dataclass
class Attended:
    who: Person
    thing: str
    day: date
    minutes: float | None
    event: Event
    scheduled: float | None


@dataclass
class Story:
    """What one person did: pieces of clock time by local day, estimates, attendances."""

    pieces: dict[date, list[tuple[datetime, datetime, Event]]] = field(default_factory=lambda: defaultdict(list))
    estimates: dict[date, list[tuple[float, Event]]] = field(default_factory=lambda: defaultdict(list))
    attended: list[Attended] = field(default_factory=list)


def story(person: Person, events: list[Event], rules: Mapping[str, Any]) -> Story:
    made = Story()
    mine = [event for event in events if event.learns or event.teaches]
    intervals = [interval(event, rules) for event in mine if event.verb not in ATTENDANCE and event.seconds]
    occurrences: dict[str, list[Event]] = defaultdict(list)
    for event in mine:
        if event.verb in ATTENDANCE:
            occurrences[event.thing].append(event)
    shortest = rules["parameters"]["min_attendance_minutes"]
    for thing, present in occurrences.items():
        steps = [event for event in present if event.verb in {"joined", "left"}]
        measured = paired(steps, rules) + [interval(event, rules) for event in steps if event.seconds]
        summaries = [event for event in present if event.verb == "attended"]
        if not measured:
            measured = [interval(event, rules) for event in summaries if event.seconds]
        planned = max(
            (event.stated["scheduled-minutes"] for event in present if "scheduled-minutes" in event.stated),
            default=None,
        )
        for is_teaching in (False, True):
            part = [each for each in measured if each[2].teaches == is_teaching]
            minutes = length_s((start, end) for start, end, _ in part) / 60
            if part and minutes >= shortest:
                intervals += part
                last = max(end for _, end, _ in part)
                made.attended.append(Attended(person, thing, person.local_day(last), minutes, part[0][2], planned))
        if not measured and summaries:
            first = min(summaries, key=lambda each: (each.at, each.id))
            made.attended.append(Attended(person, thing, first.day, None, first, planned))
    for start, end, event in intervals:
        day, last = person.local_day(start), person.local_day(end - timedelta(milliseconds=1))
        while day <= last:
            begin, finish = max(start, midnight(day, person.zone)), min(end, midnight(day + timedelta(1), person.zone))
            if person.serves(day) and finish > begin:
                made.pieces[day].append((begin, finish, event))
            day += timedelta(1)
    for event in mine:
        if (
            event.verb not in ATTENDANCE
            and event.seconds is None
            and event.serves
            and event.learns
            and event.rule.get("min")
        ):
            made.estimates[event.day].append((float(event.rule["min"]), event))
    made.attended = [each for each in made.attended if person.serves(each.day)]
    for each in made.attended:
        if each.minutes is None and each.event.learns and each.event.rule.get("min"):
            made.estimates[each.day].append((float(each.event.rule["min"]), each.event))
    ceiling = rules["parameters"]["max_estimated_minutes_per_day"]
    for day, found in made.estimates.items():
        informal = sum(minutes for minutes, event in found if event.rule["formality"] == "informal")
        factor = ceiling / informal if informal > ceiling else 1.0
        made.estimates[day] = [
            (minutes * (factor if event.rule["formality"] == "informal" else 1.0), event) for minutes, event in found
        ]
    return made


Filter = Callable[[Event], bool]


def minutes_of(told: Story, days: Iterable[date], belongs: Filter) -> float:
    return clock_of(told, days, belongs) + estimated_of(told, days, belongs)


def clock_of(told: Story, days: Iterable[date], belongs: Filter) -> float:
    return sum(
        length_s((start, end) for start, end, event in told.pieces.get(day, ()) if belongs(event)) for day in days
    ) / 60  # fmt: skip


def estimated_of(told: Story, days: Iterable[date], belongs: Filter) -> float:
    return sum(minutes for day in days for minutes, event in told.estimates.get(day, ()) if belongs(event))


# --- the whole --------------------------------------------------------------------------------------------------------------


@dataclass
class World:
    people: list[Person]
    events: list[Event]
    stories: dict[str, Story]
    coverage: dict[str, set[date]]
    rules: Mapping[str, Any]
    as_of: date
    zone: ZoneInfo
    counted: list[Any]

    def known(self, need: str, first: date, last: date) -> str:
        kinds = next(
            ([k for k in part if k in self.coverage] for part in NEEDS[need] if any(k in self.coverage for k in part)),
            [],
        )
        days = [first + timedelta(n) for n in range((last - first).days + 1)]
        loaded = [sum(day in self.coverage[kind] for day in days) for kind in kinds]
        if not any(loaded):
            return "source_missing"
        if all(count == len(days) for count in loaded):
            return "ok"
        return "source_missing" if len(days) == 1 else "partial"


def answers(
    statements: list[dict[str, Any]],
    employees: list[dict[str, str]],
    *,
    rules: Mapping[str, Any],
    coverage: list[tuple[date, str, str]],
    leave: list[tuple[str, date]],
    excluded: Iterable[str],
    first: date,
    last: date,
    as_of: date,
) -> Answers:
    """Every answer that is worked out here, of the days first to last and of the window that they are."""
    zone = ZoneInfo(rules["parameters"]["time_zone"])
    people = [
        Person(
            each["employee_id"], each["mbox"].lower(), each["team"], ZoneInfo(each.get("time_zone") or zone.key),
            date.fromisoformat(each["in_service_from"]) if each.get("in_service_from") else date.min,
            date.fromisoformat(each["in_service_to"]) if each.get("in_service_to") else date.max,
            {day for who, day in leave if who == each["employee_id"]},
        )
        for each in employees
    ]  # fmt: skip
    events, counted = read(statements, {each.mbox: each for each in people}, {each.lower() for each in excluded})
    for event in events:
        event.rule = classify(event, rules)
    covered: dict[str, set[date]] = defaultdict(set)
    for day, kind, status in coverage:
        covered[kind].update({day} if status == "ok" else ())
    by_person: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        by_person[event.who.id].append(event)
    stories = {each.id: story(each, by_person[each.id], rules) for each in people}
    world = World(people, events, stories, dict(covered), rules, as_of, zone, counted)
    days = [first + timedelta(n) for n in range((last - first).days + 1)]
    found: Answers = {}
    for person in people:
        for day in days:
            daily(world, person, day, found)
        windowed(world, person, days, found)
    organisation(world, days, found)
    return found


def put(
    world: World, found: Answers, name: str, need: str, person: Person, days: list[date], grain: str,
    value: float | None, numerator: Any = ..., denominator: Any = ...,
) -> None:  # fmt: skip
    mine = [day for day in days if person.serves(day)]
    key = (name, grain, person.id, days[0], days[-1])
    if not mine:
        found[key] = (None, "not_in_service", None, None)
        return
    known = "ok" if need == "nothing" else world.known(need, mine[0], mine[-1])
    if name == "active_learning_days" and grain == "employee_day" and value:
        known = "ok"
    if known == "source_missing":
        found[key] = (None, "source_missing", None, None)
    elif value is None:
        found[key] = (None, "no_denominator", None, None)
    else:
        found[key] = (value, known, numerator, denominator)


def is_active(world: World, person: Person, day: date) -> bool:
    told = world.stories[person.id]
    return (
        minutes_of(told, [day], lambda event: event.learns) > 0
        or any(
            event.who is person
            and event.day == day
            and event.serves
            and event.rule["active"]
            and event.verb not in ATTENDANCE
            for event in world.events
        )
        or any(each.day == day and each.minutes is None and each.event.rule["active"] for each in told.attended)
    )


def has_done(event: Event) -> bool:
    return event.verb in {"completed", "passed"} or (bool(event.completion) and event.verb != "failed")


def says(event: Event) -> bool:
    return event.serves and is_contribution(event)


def is_contribution(event: Event) -> bool:
    return (
        event.verb in SAID
        and event.stated.get("channel-kind") not in {"direct", "private_group"}
        and event.type not in TESTS
    )


def daily(world: World, person: Person, day: date, found: Answers) -> None:
    told = world.stories[person.id]

    def add(name: str, need: str, value: float) -> None:
        put(world, found, name, need, person, [day], "employee_day", value)

    for kind in ("formal", "nonformal", "informal"):
        add(
            f"{kind}_learning_minutes",
            kind,
            minutes_of(told, [day], lambda event, kind=kind: event.rule["formality"] == kind),
        )
    add("learning_minutes_total", "any", minutes_of(told, [day], lambda event: event.learns))
    add("teaching_minutes", "any", minutes_of(told, [day], lambda event: event.teaches))
    counts(world, person, [day], add)


def counts(world: World, person: Person, days: list[date], add: Callable[[str, str, float], None]) -> None:
    """What is counted by the day and by the window alike."""
    told = world.stories[person.id]
    mine = [event for event in world.events if event.who is person and event.day in days and event.serves]
    attended = [each for each in told.attended if each.day in days and each.event.learns]
    add("formal_completions", "formal", len({e.thing for e in mine if has_done(e) and e.rule["formality"] == "formal"}))
    add(
        "nonformal_attendances",
        "nonformal",
        len({a.thing for a in attended if a.event.rule["formality"] == "nonformal"}),
    )
    met = {a.thing for a in attended if a.event.kind == "offline"}
    met |= {e.thing for e in mine if e.kind == "offline" and e.learns and e.verb not in ATTENDANCE}
    add("offline_encounters", "offline", len(met))
    add("questions_asked", "talk", sum(e.verb == "asked" and says(e) for e in mine))
    add("active_learning_days", "any", sum(person.serves(day) and is_active(world, person, day) for day in days))


def windowed(world: World, person: Person, days: list[date], found: Answers) -> None:
    told = world.stories[person.id]
    mine = [event for event in world.events if event.who is person and event.day in days and event.serves]

    def add(name: str, need: str, value: float | None, numerator: Any = ..., denominator: Any = ...) -> None:
        put(world, found, name, need, person, days, "employee_window", value, numerator, denominator)

    def ratio(name: str, need: str, numerator: float, denominator: float) -> None:
        add(name, need, numerator / denominator if denominator > 0 else None, numerator, denominator)

    def shares(name: str, column: Callable[[Event], Any], labels: Mapping[str, Any]) -> None:
        parts = {
            label: minutes_of(told, days, lambda event, value=value: event.learns and column(event) == value)
            for label, value in labels.items()
        }
        for label, part in parts.items():
            ratio(f"{name}.{label}", "any", part, sum(parts.values()))

    for kind in ("formal", "nonformal", "informal"):
        add(
            f"{kind}_learning_minutes",
            kind,
            minutes_of(told, days, lambda event, kind=kind: event.rule["formality"] == kind),
        )
    add("learning_minutes_total", "any", minutes_of(told, days, lambda event: event.learns))
    add("teaching_minutes", "any", minutes_of(told, days, lambda event: event.teaches))
    ratio(
        "estimated_minutes_share", "nothing", estimated_of(told, days, lambda event: event.learns),
        minutes_of(told, days, lambda event: event.learns),
    )  # fmt: skip
    counts(world, person, days, add)
    attended = [each for each in told.attended if each.day in days and each.event.learns]
    planned = [
        a
        for a in attended
        if a.event.kind == "webinar" and a.event.rule["formality"] == "nonformal" and a.minutes and a.scheduled
    ]
    present = [min(1.0, a.minutes / a.scheduled) for a in planned if a.minutes and a.scheduled]
    add(
        "webinar_presence_ratio", "webinar", sum(present) / len(present) if present else None,
        sum(a.minutes or 0 for a in planned), sum(a.scheduled or 0 for a in planned),
    )  # fmt: skip

    shares("mode_70_20_10_share", lambda e: e.rule.get("mode"), {each: each for each in ("70", "20", "10")})
    shares("generation_share", lambda e: e.rule.get("gen"), {each: each for each in ("1.0", "2.0", "3.0")})

    def started(event: Event) -> Any:
        return event.stated.get("initiator") or ("self" if event.kind in {"chat", "social"} else None)

    own = minutes_of(told, days, lambda e: e.learns and started(e) == "self")
    given = minutes_of(told, days, lambda e: e.learns and started(e) == "assigned")
    ratio("self_directed_share", "any", own, own + given)
    must = minutes_of(told, days, lambda e: e.learns and e.stated.get("mandatory") is True)
    may = minutes_of(told, days, lambda e: e.learns and e.stated.get("mandatory") is False)
    ratio("mandatory_minutes_share", "any", must, must + may)
    coach = {"3.1.1", "3.1.2", "2.3"}
    add("coaching_minutes", "coaching", sum(
        minutes_of(told, days, lambda e, role=role: e.learns and e.rule.get("cla") in coach and e.rule.get("role") == role)
        for role in ("giving", "receiving")
    ))  # fmt: skip
    add(
        "practice_and_experiment_events",
        "work",
        sum(bool(e.rule["active"]) and e.rule.get("pref") in {"exercising", "discovery"} for e in mine),
    )

    best: dict[str, float] = {}
    for event in mine:
        if event.score is not None and event.learns:
            best[event.thing] = max(event.score, best.get(event.thing, event.score))
    add("assessment_score_mean", "formal", sum(best.values()) / len(best) if best else None)
    completion_rate(world, person, ratio)
    mandatory(world, person, ratio)
    talk(world, person, days, mine, add, ratio)
    pattern(world, person, days, add, ratio)


def completion_rate(world: World, person: Person, ratio: Callable[..., None]) -> None:
    things: dict[str, list[Event]] = defaultdict(list)
    for event in world.events:
        is_start = (event.verb in STARTS or has_done(event)) and (
            event.rule["formality"] == "formal" or (event.rule["formality"] == "none" and event.kind == "lms")
        )
        if (
            event.who is person
            and event.serves
            and event.day <= world.as_of
            and is_start
            and event.type not in NOT_COMPLETED
        ):
            things[event.thing].append(event)
    mature = [each for each in things.values() if min(e.day for e in each) <= world.as_of - timedelta(28)]
    done = sum(any(has_done(e) and e.rule["formality"] == "formal" for e in each) for each in mature)
    ratio("formal_completion_rate", "formal", done, len(mature))


def mandatory(world: World, person: Person, ratio: Callable[..., None]) -> None:
    mine = [e for e in world.events if e.who is person and e.day <= world.as_of]
    items = {
        (e.thing, date.fromisoformat(e.stated["due"]))
        for e in mine
        if e.stated.get("mandatory") is True and "due" in e.stated
    }
    judged = in_time = 0
    for thing, due in items:
        last = due
        if due in person.leave or due < person.since:
            last = max(due, person.since)
            while last.weekday() >= 5 or last in person.leave:
                last += timedelta(1)
        if last > world.as_of:
            continue
        judged += 1
        before = max((other for name, other in items if name == thing and other < due), default=date.min)
        for event in mine:
            if event.thing == thing and has_done(event) and event.day <= last:
                named = event.stated.get("due")
                if (named == due.isoformat()) or (named is None and event.day > before):
                    in_time += 1
                    break
    ratio("mandatory_on_time_rate", "formal", in_time, judged)


def talk(
    world: World,
    person: Person,
    days: list[date],
    mine: list[Event],
    add: Callable[..., None],
    ratio: Callable[..., None],
) -> None:
    said = [event for event in world.events if says(event)]
    heard = [
        e for e in world.events if is_contribution(e) and e.day <= world.as_of
    ]  # a reply helps, whoever has left since
    own = [e for e in said if e.who is person and e.day in days]
    answered = {e.parent for e in own if e.answers_question and e.parent_author and e.parent_author is not person}
    add("questions_answered_for_others", "talk", len(answered))
    written = {e.thing for e in heard if e.who is person and e.verb not in SHARES}
    shared = {
        e.thing for e in mine
        if e.verb in SHARES and e.stated.get("channel-kind") not in {"direct", "private_group"} and e.type not in TESTS
        and e.parent_author is not person and e.thing not in written
    }  # fmt: skip
    add("resources_shared", "talk", len(shared))
    public = [
        e for e in mine if e.stated.get("channel-kind") not in {"direct", "private_group"} and e.type not in TESTS
    ]
    add(
        "reactions_given",
        "talk",
        max(0, sum(e.verb in REACTIONS for e in public) - sum(e.verb == "unlike" for e in public)),
    )
    questions = [e for e in own if e.verb == "asked"]
    waits = []
    for question in questions:
        replies = [
            e.at for e in heard
            if e.parent == question.thing and e.answers_question and e.parent_author and e.parent_author is not e.who
        ]  # fmt: skip
        if replies:
            waits.append(max(0.0, (min(replies) - question.at).total_seconds() / 60))
    ratio("help_received_rate", "talk", len(waits), len(questions))
    add("first_response_minutes_median", "talk", median(waits) if waits else None)
    by_mbox = {each.mbox: each for each in world.people}
    goes: set[str] = set()
    comes: set[str] = set()
    for event in said:
        if event.day not in days:
            continue
        others = [by_mbox.get(each.removeprefix("mailto:").lower()) for each in event.stated.get("mentions", [])]
        for other in [*others, event.parent_author]:
            if other is not None and other is not event.who:
                if event.who is person:
                    goes.add(other.id)
                if other is person:
                    comes.add(event.who.id)
    alters = goes | comes
    add("network_breadth", "talk", len(alters))
    ratio("help_tie_reciprocity", "talk", len(goes & comes), len(alters))
    teams = {each.id: each.team for each in world.people}
    known = [each for each in alters if teams[each] and person.team]
    ratio("cross_team_tie_share", "talk", sum(teams[each] != person.team for each in known), len(known))


def pattern(
    world: World, person: Person, days: list[date], add: Callable[..., None], ratio: Callable[..., None]
) -> None:
    active = [day for day in days if person.serves(day) and is_active(world, person, day)]
    longest = run = 0
    for day in days:
        if day.weekday() >= 5 or day in person.leave:
            continue
        run = run + 1 if day in active else 0
        longest = max(longest, run)
    add("learning_streak_workdays", "any", longest)
    gaps = [(two - one).days for one, two in pairwise(active)]
    add("learning_gap_days_median", "any", median(gaps) if gaps else None)
    weeks: dict[tuple[int, int], list[date]] = defaultdict(list)
    for day in days:
        if person.serves(day):
            weeks[day.isocalendar()[:2]].append(day)
    long = [each for each in weeks.values() if len(each) >= 3]
    ratio("learning_regularity", "any", sum(any(day in active for day in each) for each in long), len(long))
    told = world.stories[person.id]
    shown: dict[str, set[date]] = {
        each: set() for each in ("acquisition", "participation", "exercising", "discovery", "apperception")
    }
    for day in days:
        for _, _, event in told.pieces.get(day, ()):
            if event.learns and event.rule.get("pref"):
                shown[event.rule["pref"]].add(day)
    for event in world.events:
        is_mine = event.who is person and event.serves and event.day in days and event.verb not in ATTENDANCE
        if is_mine and event.rule["active"] and event.rule.get("pref"):
            shown[event.rule["pref"]].add(event.day)
    for each in told.attended:
        if each.minutes is None and each.day in days and each.event.rule["active"] and each.event.rule.get("pref"):
            shown[each.event.rule["pref"]].add(each.day)
    for name, on in shown.items():
        ratio(f"preference_profile.{name}", "any", len(on), sum(map(len, shown.values())))


# --- teams, communities, the organisation -----------------------------------------------------------------------------------


def hidden(sizes: Mapping[str, int], minimum: int, others: int = 0, together: int | None = None) -> dict[str, str]:
    """`together`: how many different people are in groups under the minimum, where one may be in several."""
    found = {name: "suppressed" for name, people in sizes.items() if people < minimum}
    left_out = others + (sum(sizes[name] for name in found) if together is None else together)
    for name in sorted(sizes, key=lambda each: (sizes[each], each)):
        if name not in found and 0 < left_out < minimum:
            found[name] = "suppressed_secondary"
            left_out += sizes[name]
    return found


def organisation(world: World, days: list[date], found: Answers) -> None:
    first, last = days[0], days[-1]
    minimum = world.rules["parameters"]["min_group_size"]
    serving = [each for each in world.people if any(each.serves(day) for day in days)]
    sizes: dict[str, int] = defaultdict(int)
    for person in serving:
        sizes[person.team] += 1
    others = sizes.pop("", 0)
    verdicts = hidden(sizes, minimum, others)
    groups: list[tuple[str, str, list[Person], str]] = [
        ("team_window", team, [each for each in serving if each.team == team], verdicts.get(team, "")) for team in sizes
    ]
    groups.append(("organisation_window", "ALL", serving, "suppressed" if len(serving) < minimum else ""))
    for grain, subject, members, verdict in groups:
        pooled(world, days, found, grain, subject, members, verdict)
    whole = [
        known
        for at, known in world.counted
        if first <= at.astimezone(known.zone if known else world.zone).date() <= last
    ]
    unknown = sum(each is None for each in whole)
    key = ("organisation_window", "ALL", first, last)
    found["unresolved_actor_share", *key] = (
        (unknown / len(whole), "ok", unknown, len(whole)) if whole else (None, "no_denominator", None, None)
    )
    inside = [e for e in world.events if e.day in days]
    loose = sum(e.rule["id"].startswith("r99") for e in inside)
    found["unclassified_share", *key] = (
        (loose / len(inside), "ok", loose, len(inside)) if inside else (None, "no_denominator", None, None)
    )
    communities(world, days, found, minimum)


def pooled(
    world: World, days: list[date], found: Answers, grain: str, subject: str, members: list[Person], verdict: str
) -> None:  # fmt: skip
    first, last = days[0], days[-1]
    for kind, belongs in {
        "formal": lambda e: e.rule["formality"] == "formal", "nonformal": lambda e: e.rule["formality"] == "nonformal",
        "informal": lambda e: e.rule["formality"] == "informal", "any": lambda e: e.learns,
    }.items():  # fmt: skip
        known = world.known(kind, first, last)
        reached = measured = 0
        for person in members:
            mine = [day for day in days if person.serves(day)]
            if world.known(kind, mine[0], mine[-1]) == "source_missing":
                continue
            measured += 1
            told = world.stories[person.id]
            reached += minutes_of(told, days, belongs) > 0 or any(
                e.who is person and e.day in days and e.serves and e.rule["active"] and e.verb not in ATTENDANCE and (kind == "any" or belongs(e))
                for e in world.events
            ) or any(
                each.minutes is None and each.day in days and each.event.rule["active"] and (kind == "any" or belongs(each.event))
                for each in told.attended
            )  # fmt: skip
        key = (f"learning_reach.{kind}", grain, subject, first, last)
        if verdict:
            found[key] = (None, verdict, None, None)
        elif known == "source_missing":
            found[key] = (None, "source_missing", None, None)
        elif not measured:
            found[key] = (None, "no_denominator", None, None)
        else:
            found[key] = (reached / measured, known, reached, measured)
    for name in (
        "formal_learning_minutes",
        "informal_learning_minutes",
        "formal_completions",
        "questions_asked",
        "active_learning_days",
    ):
        if verdict:
            found[name, grain, subject, first, last] = (None, verdict, None, None)
            continue
        values = [found[name, "employee_window", each.id, first, last][0] for each in members]
        values = [each for each in values if each is not None]
        if values:
            found[name, grain, subject, first, last] = (median(values), ..., ..., ...)


def communities(world: World, days: list[date], found: Answers, minimum: int) -> None:
    first, last = days[0], days[-1]
    known = world.known("talk", first, last)
    rooms: dict[str, list[Event]] = defaultdict(list)
    for event in world.events:
        if says(event) and event.day in days and event.room:
            rooms[event.room].append(event)
    members = {room: {event.who.id for event in said} for room, said in rooms.items()}
    few = set().union(*(each for each in members.values() if len(each) < minimum))
    verdicts = hidden({room: len(each) for room, each in members.items()}, minimum, together=len(few))
    for room, said in rooms.items():

        def add(name: str, value: float, room: str = room) -> None:
            verdict = verdicts.get(room, "")
            status = verdict or known
            is_seen = status in {"ok", "partial"}
            found[name, "community_window", room, first, last] = (value if is_seen else None, status, ..., ...)

        add("community_active_contributors", len({e.who.id for e in said}))
        add("questions_asked", sum(e.verb == "asked" for e in said))
        add("community_facilitator_share", sum(e.stated.get("actor-role") in FACILITATORS for e in said) / len(said))
        add("questions_answered_for_others", len({
            e.parent for e in said if e.answers_question and e.parent_author and e.parent_author is not e.who
        }))  # fmt: skip
