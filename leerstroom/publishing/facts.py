"""What the report and the summary sheet say, drawn from one night: figures with their status, never a sentence and never a person.

A figure without a value keeps the reason. Sums over the organisation are made from the employees' own values and only when enough people are in
scope; team and community figures are taken as they were computed, suppressed ones included.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from leerstroom.publishing.communities import short_name
from leerstroom.publishing.night import Night

KINDS = ("formal", "nonformal", "informal")
REACHES = ("any", *KINDS)
GENERATIONS = ("1.0", "2.0", "3.0")
MODES = ("10", "20", "70")
DIRECTIONS = ("one_way", "two_way", "multi")
DOMINANT = 0.8  # a sum that rests on one person for more than this is that person's
DAYS_BEFORE_WEEKS = 42  # a longer series is summed a week at a time: bars thinner than this cannot be read
WHOLE = "ALL"  # the subject of values about the whole organisation


@dataclass(frozen=True, slots=True)
class Figure:
    """One value with its reason; `days` is the length of the window it is about."""

    value: float | None = None
    status: str = "not_computed"
    numerator: float | None = None
    denominator: float | None = None
    estimated_share: float | None = None
    days: int = 0

    @property
    def shown(self) -> bool:
        """Whether there is a value to show."""
        return self.value is not None


@dataclass(frozen=True, slots=True)
class Minutes:
    """Learning time of one kind: sum over everyone in scope, and how it is spread over them."""

    total: float
    people: int  # with at least one minute
    median: float
    quartiles: tuple[float, float]
    estimated_share: float | None


@dataclass(frozen=True, slots=True)
class Step:
    """One bar of a series: a day, or the week that begins on that day. `loaded` is False where a source was missing."""

    day: date
    value: float | None
    loaded: bool = True

    @property
    def withheld(self) -> bool:
        """Whether there is a sum that may not be shown."""
        return self.value is None and self.loaded


@dataclass(frozen=True, slots=True)
class Group:
    """A team or community: figures by indicator id. `hidden` is the status when nothing of it is shown."""

    subject: str
    name: str
    figures: dict[str, Figure]
    hidden: str = ""

    def __getitem__(self, indicator: str) -> Figure:
        return self.figures.get(indicator, Figure())


@dataclass(slots=True)
class Facts:
    """One night, ready to be told. `days` is the headline window, `measured` how many of its days had a source loaded."""

    as_of: date
    organisation: str
    people: int
    days: int
    start: date
    measured: int
    weekly: bool
    group_policy: bool
    rules_version: str
    minimum_group: int
    whole: Group
    reach: dict[int, dict[str, Figure]]
    minutes: dict[str, Minutes] = field(default_factory=dict)
    minutes_status: str = "not_computed"
    series: dict[str, list[Step]] = field(default_factory=dict)
    in_weeks: frozenset[str] = frozenset()  # series whose steps are weeks
    sums: dict[str, float] = field(default_factory=dict)
    withheld: dict[str, str] = field(default_factory=dict)  # status of a sum that there is and that may not be shown
    teams: list[Group] = field(default_factory=list)
    communities: list[Group] = field(default_factory=list)
    coverage: list[tuple[str, date, str]] = field(default_factory=list)
    maturity: dict[str, Figure] = field(default_factory=dict)
    quality: dict[str, Figure] = field(default_factory=dict)
    definitions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """Learning minutes of all kinds together, as the sum of the kinds."""
        return sum(each.total for each in self.minutes.values())

    @property
    def is_told(self) -> bool:
        """Whether enough people are in service for anything to be said of them."""
        return self.people >= self.minimum_group

    def why_no_sum(self, indicator: str) -> str:
        """The status that stands in the place of a sum."""
        return self.withheld.get(indicator) or self.whole[indicator].status

    @property
    def weeks(self) -> float:
        """Weeks that were measured, for figures a week."""
        return max(self.measured, 1) / 7


def gather(night: Night) -> Facts:
    """Draws the facts of a night."""
    windows = [
        row["days"]
        for row in night.rows(
            "SELECT DISTINCT days FROM v WHERE ends_with(grain, '_window') AND period_end = ? ORDER BY days",
            night.as_of,
        )
    ]
    days = _headline(windows)
    start = night.as_of - timedelta(days=days - 1)
    measured = night.scalar(
        "SELECT count(DISTINCT date) FROM coverage WHERE status <> 'missing' AND date BETWEEN ? AND ?",
        start,
        night.as_of,
    )
    versions = night.rows(
        "SELECT DISTINCT rules_version FROM v WHERE period_end = ? AND rules_version IS NOT NULL ORDER BY 1",
        night.as_of,
    )
    wholes = {length: _figures(night, "organisation_window", [length]).get(WHOLE, {}) for length in windows}
    facts = Facts(
        as_of=night.as_of,
        organisation=night.edition.organisation,
        people=int(night.scalar("SELECT count(*) FROM employees") or 0),
        days=days,
        start=start,
        measured=int(measured or 0) or days,
        weekly=night.disclosure.policy == "groups-only",
        group_policy=night.disclosure.policy == "groups-only",
        rules_version=", ".join(row["rules_version"] for row in versions),
        minimum_group=night.disclosure.minimum_group,
        whole=Group(WHOLE, night.edition.organisation, _first_of(wholes, _preference(windows, days))),
        reach={
            length: {kind: wholes[length].get(f"learning_reach.{kind}", Figure()) for kind in REACHES}
            for length in _distinct(night, windows, days)
        },
    )
    if facts.is_told:
        _add_sums(night, facts)
        _add_series(night, facts, _stretches(windows, night.as_of))
    else:
        facts.minutes_status = "suppressed"
    _add_groups(night, facts, _preference(windows, days))
    _add_coverage(night, facts)
    facts.maturity = {
        name.split(".", 1)[1]: figure
        for name, figure in facts.whole.figures.items()
        if name.startswith("learning_maturity_profile.")
    }
    facts.quality = {
        name: figure
        for name, figure in facts.whole.figures.items()
        if name.split(".", 1)[0]
        in {"source_coverage", "unresolved_actor_share", "estimated_minutes_share", "unclassified_share"}
    }
    for language in ("en", "nl"):
        facts.definitions[language] = night.rows(
            "SELECT * FROM definitions WHERE language = ? ORDER BY position", language
        )
    return facts


def _headline(windows: Sequence[int]) -> int:
    """Four weeks where they are computed, else the longest window that is shorter, else the shortest there is."""
    shorter = [length for length in windows if length <= 28]
    return max(shorter) if shorter else min(windows, default=1)


def _distinct(night: Night, windows: Sequence[int], days: int) -> list[int]:
    """Windows that tell something: a longer one without more loaded days says the same again. Without coverage all of them."""
    loaded = {
        length: night.scalar(
            "SELECT count(DISTINCT date) FROM coverage WHERE status <> 'missing' AND date BETWEEN ? AND ?",
            night.as_of - timedelta(days=length - 1),
            night.as_of,
        )
        for length in windows
    }
    longer = {length: max((loaded[each] for each in windows if each < length), default=-1) for length in windows}
    return [
        length
        for length in windows
        if length == days
        or not any(loaded.values())
        or (loaded[length] > longer[length] and loaded[length] != loaded[days])
    ]


def _preference(windows: Iterable[int], days: int) -> list[int]:
    return [days, *sorted((length for length in windows if length != days), reverse=True)]


def _figures(night: Night, grain: str, lengths: Iterable[int]) -> dict[str, dict[str, Figure]]:
    """Subject -> indicator -> figure; of several windows the first one that has the indicator."""
    found: dict[str, dict[str, Figure]] = {}
    for length in lengths:
        for row in night.rows(
            "SELECT subject, indicator_id, value, status, numerator, denominator, estimated_share FROM published"
            " WHERE grain = ? AND period_end = ? AND days = ? ORDER BY ALL",
            grain,
            night.as_of,
            length,
        ):
            figure = Figure(
                row["value"], row["status"], row["numerator"], row["denominator"], row["estimated_share"], length
            )
            found.setdefault(row["subject"], {}).setdefault(row["indicator_id"], figure)
    return found


def _first_of(wholes: dict[int, dict[str, Figure]], lengths: Iterable[int]) -> dict[str, Figure]:
    merged: dict[str, Figure] = {}
    for length in lengths:
        for indicator, figure in wholes[length].items():
            merged.setdefault(indicator, figure)
    return merged


SUMMED = (
    "formal_learning_minutes", "nonformal_learning_minutes", "informal_learning_minutes", "learning_minutes_total", "questions_asked",
    "questions_answered_for_others", "nonformal_attendances", "offline_encounters", "formal_completions", "resources_shared",
)  # fmt: skip


def _add_sums(night: Night, facts: Facts) -> None:
    """Totals over everyone in scope: they say nothing about one person, so they are there under every policy.

    The value of the organisation carries the sum as its numerator, or none when it may not be shown. An amount that is computed for persons
    only is summed here, by the same rules: five people in scope, five with anything to add, and nobody with more than 80 % of it.
    """
    for row in night.rows(
        """
        SELECT indicator_id, sum(value) AS total, max(value) AS largest, count(*) FILTER (value > 0) AS people, median(value) AS middle,
               quantile_cont(value, 0.25) AS first, quantile_cont(value, 0.75) AS third, sum(value * estimated_share) AS estimated, max(value * estimated_share) AS most_estimated,
               count(*) FILTER (value * estimated_share > 0) AS estimating,
               count(estimated_share) AS known, bool_or(status = 'partial') AS partial, count(value) AS measured
        FROM (SELECT * FROM v WHERE grain = 'employee_window' AND period_end = $as_of AND days = $days ORDER BY indicator_id, subject)
        WHERE list_contains($wanted, indicator_id) GROUP BY indicator_id ORDER BY indicator_id""",
        as_of=night.as_of,
        days=facts.days,
        wanted=list(SUMMED),
    ):
        whole = facts.whole[row["indicator_id"]]
        if row["measured"] < facts.minimum_group or 0 < row["people"] < facts.minimum_group:
            reason = "suppressed"
        elif whole.status.startswith("suppressed"):
            reason = whole.status
        elif row["largest"] > DOMINANT * row["total"]:
            reason = "suppressed_dominance"
        elif whole.shown and whole.numerator is None and row["total"]:
            reason = "suppressed_secondary"
        else:
            reason = ""
        if reason:
            facts.withheld[row["indicator_id"]] = reason
            continue
        facts.sums[row["indicator_id"]] = row["total"]
        kind = row["indicator_id"].removesuffix("_learning_minutes")
        if kind in KINDS:
            is_of_few = row["known"] and row["most_estimated"] > DOMINANT * row["estimated"]
            if not night.disclosure.hr_sees("estimated_minutes_share", "employee_window"):
                is_of_few |= 0 < row["estimating"] < facts.minimum_group
            share = row["estimated"] / row["total"] if row["known"] and row["total"] and not is_of_few else None
            facts.minutes[kind] = Minutes(
                row["total"], row["people"], row["middle"], (row["first"], row["third"]), share
            )
            facts.minutes_status = "partial" if row["partial"] or facts.minutes_status == "partial" else "ok"


SERIES = (
    "formal_learning_minutes", "nonformal_learning_minutes", "informal_learning_minutes", "questions_asked", "nonformal_attendances",
    "offline_encounters",
)  # fmt: skip


def _add_series(night: Night, facts: Facts, stretches: Sequence[tuple[date, date]]) -> None:
    """Sums a day over everyone, or a week when the days are many or when only groups may be seen.

    A step counts as loaded when no value in it lacks a source. A step with fewer people in service than a group may have has no sum, nor have the
    steps beside it. A step that comes for more than 80 % from one person has none either: the report is about nobody, whatever HR sees elsewhere.
    Neither has a week to which fewer people contributed, where the policy does not show their days: questions always, under groups-only all.
    """
    first = night.scalar("SELECT min(period_end) FROM v WHERE grain = 'employee_day' AND value IS NOT NULL")
    known = night.scalar("SELECT min(date) FROM coverage WHERE status <> 'missing'")
    if first is None:
        return
    first = max(first, night.as_of - timedelta(days=364), known or first)
    facts.weekly = facts.weekly or (night.as_of - first).days >= DAYS_BEFORE_WEEKS
    facts.in_weeks = frozenset(
        each for each in SERIES if facts.weekly or not night.disclosure.hr_sees(each, "employee_day")
    )
    for weekly in (False, True):
        names = [each for each in SERIES if (each in facts.in_weeks) == weekly]
        if names:
            _add_steps(night, facts, names, first - timedelta(days=first.weekday() if weekly else 0), stretches)


def _add_steps(
    night: Night, facts: Facts, names: Sequence[str], first: date, stretches: Sequence[tuple[date, date]]
) -> None:
    step = 7 if names[0] in facts.in_weeks else 1
    sees = night.disclosure.hr_sees
    found: dict[str, dict[date, Step]] = {}
    hidden: dict[str, set[date]] = {}
    largest: dict[str, dict[date, float]] = {}
    people: dict[str, dict[date, int]] = {}
    for row in night.rows(
        """
        SELECT indicator_id, day, sum(total) AS total, max(total) AS largest, count(*) FILTER (total > 0) AS people, count(*) AS in_scope,
               bool_and(loaded) AS loaded
        FROM (SELECT indicator_id, subject, $first::DATE + CAST((date_diff('day', $first::DATE, period_end) // $step) * $step AS INTEGER) AS day,
                     sum(value) AS total, bool_and(status NOT IN ('partial', 'source_missing', 'suspect')) AS loaded
              FROM v WHERE grain = 'employee_day' AND period_end >= $first::DATE AND status <> 'not_in_service'
              GROUP BY ALL ORDER BY ALL)
        WHERE list_contains($names, indicator_id)
        GROUP BY ALL ORDER BY ALL""",
        first=first,
        step=step,
        names=list(names),
    ):
        total = row["total"]
        is_of_few = row["in_scope"] < facts.minimum_group
        if total:
            is_of_few |= row["largest"] > DOMINANT * total
            is_of_few |= row["people"] < facts.minimum_group and not sees(row["indicator_id"], "employee_day")
        if total and is_of_few:
            hidden.setdefault(row["indicator_id"], set()).add(row["day"])
        found.setdefault(row["indicator_id"], {})[row["day"]] = Step(row["day"], total, row["loaded"])
        largest.setdefault(row["indicator_id"], {})[row["day"]] = row["largest"] or 0.0
        people.setdefault(row["indicator_id"], {})[row["day"]] = row["people"]
    bins = [first + timedelta(days=each) for each in range(0, (night.as_of - first).days + 1, step)]
    for indicator, steps in found.items():
        fewest = 0 if sees(indicator, "employee_day") else facts.minimum_group
        contributed = Contributed(largest[indicator], people[indicator], fewest)
        gone = _with_companions(steps, contributed, hidden.get(indicator, set()), stretches)
        facts.series[indicator] = [
            Step(day, None, steps[day].loaded) if day in gone else steps.get(day, Step(day, None, loaded=False))
            for day in bins
        ]


@dataclass(frozen=True, slots=True)
class Contributed:
    """Who made a series, step by step: the most that one person has, how many have something, and how few of them may not be told."""

    largest: dict[date, float]
    people: dict[date, int]
    fewest: int = 0


def _with_companions(
    steps: dict[date, Step], contributed: Contributed, hidden: set[date], stretches: Sequence[tuple[date, date]]
) -> set[date]:
    """The hidden steps, and those beside them without which sums of windows would tell what is hidden.

    A window less a shorter one is the sum of a stretch of days. What is hidden in a stretch is therefore two steps at least, of which together
    nobody has more than 80 %, and one of which enough people have something: those of several steps may be the same few.
    """

    def is_of_few(days: set[date]) -> bool:
        most = sum(contributed.largest[day] for day in days)
        enough = max(contributed.people[day] for day in days) >= contributed.fewest
        return not enough or most > DOMINANT * sum(steps[day].value or 0.0 for day in days)

    gone = set(hidden)
    for first, last in stretches:
        inside = {day for day in hidden if first <= day <= last}
        others = sorted(
            (day for day, step in steps.items() if first <= day <= last and day not in inside and step.value),
            key=lambda day: (steps[day].value, day),
        )
        while inside and others and (len(inside) == 1 or is_of_few(inside)):
            enough = next((day for day in others if not is_of_few({*inside, day})), others[-1])
            others.remove(enough)
            inside.add(enough)
        gone |= inside
    return gone


def _stretches(windows: Sequence[int], as_of: date) -> list[tuple[date, date]]:
    """The days of the shortest window, of the next one less that, and so on back to the beginning."""
    ends = [as_of - timedelta(days=days) for days in (0, *sorted(windows))]
    starts = [*(end + timedelta(days=1) for end in ends[1:]), date.min]
    return list(zip(starts, ends, strict=True))


def _add_groups(night: Night, facts: Facts, lengths: list[int]) -> None:
    teams = _figures(night, "team_window", lengths)
    sizes = {
        row["team"]: row["people"]
        for row in night.rows("SELECT team, count(*) AS people FROM employees WHERE team IS NOT NULL GROUP BY team")
    }
    for name in sorted({*teams, *sizes}, key=str.casefold):
        figures = teams.get(name, {})
        facts.teams.append(Group(name, name, figures, _hidden(figures, sizes.get(name, 0), facts.minimum_group)))
    names = night.edition.community_names
    for subject, figures in _figures(night, "community_window", lengths).items():
        facts.communities.append(Group(subject, names.get(subject) or short_name(subject), figures, _hidden(figures)))
    facts.communities.sort(key=lambda each: each.name.casefold())


def _hidden(figures: dict[str, Figure], size: int | None = None, minimum: int = 0) -> str:
    """The reason why nothing of a group can be seen, or nothing."""
    if any(figure.shown for figure in figures.values()):
        return ""
    reasons = sorted({figure.status for figure in figures.values() if figure.status.startswith("suppressed")})
    if reasons:
        return reasons[0]
    if size is not None and size < minimum:
        return "suppressed"
    return "" if figures else "not_computed"


def _add_coverage(night: Night, facts: Facts) -> None:
    first = night.scalar("SELECT min(date) FROM coverage WHERE status <> 'missing'") or facts.start
    first = max(first, night.as_of - timedelta(days=34))
    facts.coverage = [
        (row["source_kind"], row["date"], row["status"])
        for row in night.rows(
            "SELECT source_kind, date, status FROM coverage WHERE date BETWEEN ? AND ? ORDER BY ALL", first, night.as_of
        )
    ]
