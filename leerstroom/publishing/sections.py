"""The sections of the report in one language: for each a title, a few sentences, pictures with the table behind them, and notes in the margin."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from leerstroom.publishing import charts
from leerstroom.publishing.charts import Row, Series
from leerstroom.publishing.facts import GENERATIONS, KINDS, MODES, Facts, Figure, Group, Step
from leerstroom.publishing.wording import Wording

DIMENSIONS = ("delivery", "direction", "goals", "ownership", "teacher_role", "place_time", "continuity")
MOST_DOTS = 240


@dataclass(frozen=True, slots=True)
class Table:
    """What a picture shows, in words and numbers; the first column names the row."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Picture:
    """An inline SVG in two sizes, its caption and its table."""

    svg: str
    caption: str
    table: Table
    legend: Sequence[tuple[str, str]] = ()  # (palette name or shape, text)


@dataclass(slots=True)
class Section:
    """One chapter of the report. `notes` are (heading, text) for the margin."""

    name: str
    title: str
    lede: str
    sentences: list[str] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    table: Table | None = None
    tiles: list[tuple[str, str, str]] = field(default_factory=list)  # (number, what, more)
    notes: list[tuple[str, str]] = field(default_factory=list)


def sections(facts: Facts, wording: Wording) -> list[Section]:
    """All chapters that this night has something to say about, in reading order."""
    makers: Sequence[Callable[[Facts, Wording], Section | None]] = (
        _time, _reach, _questions, _attendance, _generations, _modes, _teams, _communities, _maturity, _quality,
    )  # fmt: skip
    return [section for section in (make(facts, wording) for make in makers) if section is not None]


def section_named(name: str, wording: Wording, facts: Facts, *indicators: str, **blanks: Any) -> Section:
    """An empty chapter with its title, lede and the margin notes of its indicators' definitions."""
    section = Section(name, wording.text(f"sections.{name}.title"), wording.text(f"sections.{name}.lede", **blanks))
    for indicator in indicators:
        for definition in facts.definitions[wording.language]:
            if definition["indicator_id"] == indicator:
                if definition["reading"]:
                    section.notes.append((wording.text("how_to_read"), definition["reading"]))
                if definition["misuse"]:
                    section.notes.append((wording.text("beware"), definition["misuse"]))
    return section


def told(figure: Figure, wording: Wording, written: str) -> str:
    """The value as written, or in words why there is none; an incomplete value says so."""
    if not figure.shown:
        return wording.status(figure.status)
    return f"{written} *" if figure.status == "partial" else written


# --- chapters --------------------------------------------------------------------------------------------------------------------
def _time(facts: Facts, wording: Wording) -> Section | None:
    rows = [
        Series(wording.text(f"kinds.{kind}"), kind, facts.series.get(f"{kind}_learning_minutes", ())) for kind in KINDS
    ]
    rows = [row for row in rows if row.steps]
    if not rows:
        return None
    section = Section(
        "time",
        wording.text("sections.time.title"),
        wording.text(f"sections.time.lede_{'week' if facts.weekly else 'day'}"),
    )
    unit = "h" if wording.language == "en" else "u"
    labelled = [Series(f"{row.label} ({unit})", row.colour, row.steps) for row in rows]
    section.pictures.append(
        _picture(
            charts.over_time(labelled, wording, weekly=facts.weekly, minutes=True),
            "time",
            wording.text("sections.time.chart"),
            _steps(rows, facts, wording, wording.minutes),
            wording,
        )
    )
    if any(not step.loaded for row in rows for step in row.steps):
        section.notes.append((wording.text("how_to_read"), wording.text("sections.time.note")))
    section.notes += section_named("time", _Ledeless(wording), facts, "informal_learning_minutes").notes
    return section


class _Ledeless(Wording):
    """The same language for a chapter whose lede depends on the night."""

    def __init__(self, wording: Wording) -> None:
        super().__init__(wording.language)

    def text(self, key: str, **values: Any) -> str:
        return "" if key.endswith(".lede") else super().text(key, **values)


def _reach(facts: Facts, wording: Wording) -> Section | None:
    shown = {days: figures for days, figures in facts.reach.items() if any(figure.shown for figure in figures.values())}
    section = section_named("reach", wording, facts, "learning_reach")
    head = ["", *(wording.text("sections.reach.days", days=days) for days in facts.reach)]
    table = Table(
        head,
        [
            [
                wording.text(f"kinds.{kind}"),
                *(
                    told(figures[kind], wording, wording.percent(figures[kind].value))
                    for figures in facts.reach.values()
                ),
            ]
            for kind in KINDS
        ],
    )
    if shown:
        headline = facts.days if facts.days in shown else max(shown)
        section.pictures.append(
            _picture(
                charts.reach(shown, headline, wording), "reach", wording.text("sections.reach.chart"), table, wording
            )
        )
    elif any(figure.status != "not_computed" for figures in facts.reach.values() for figure in figures.values()):
        section.table = table
    else:
        return None
    return section


def _questions(facts: Facts, wording: Wording) -> Section | None:
    section = section_named("questions", wording, facts, "help_received_rate", "questions_asked")
    helped = facts.whole["help_received_rate"]
    if not helped.shown and helped.status == "not_computed":
        helped = facts.whole["question_answer_rate_72h"]
    asked = (
        facts.whole["questions_asked"].value
        if facts.whole["questions_asked"].shown
        else facts.sums.get("questions_asked")
    )
    if helped.shown and helped.denominator:
        answered = helped.numerator if helped.numerator is not None else (helped.value or 0) * helped.denominator
        section.sentences.append(
            wording.text(
                "sections.questions.sentence",
                asked=wording.number(helped.denominator),
                answered=wording.number(answered),
                share=wording.percent(helped.value),
            )
        )
        section.pictures.append(_dots(round(helped.denominator), round(answered), wording))
    elif asked is not None:
        section.sentences.append(wording.text("sections.questions.sentence_plain", asked=wording.number(asked)))
        section.sentences.append(wording.status(helped.status).capitalize() + ".")
    given = facts.sums.get("questions_answered_for_others")
    if given:
        section.sentences.append(wording.text("sections.questions.given", count=wording.number(given)))
    wait = facts.whole["first_response_minutes_median"]
    if wait.shown:
        section.sentences.append(wording.text("sections.questions.wait", time=wording.minutes(wait.value)))
    steps = facts.series.get("questions_asked")
    if steps:
        rows = [Series(wording.text("sections.questions.chart_time"), "informal", steps)]
        section.pictures.append(
            _picture(
                charts.over_time(rows, wording, weekly=facts.weekly, minutes=False, height=96),
                "asked", wording.text("sections.questions.chart_time"), _steps(rows, facts, wording, wording.number), wording,
            )
        )  # fmt: skip
    return section if section.sentences or section.pictures else None


def _dots(asked: int, answered: int, wording: Wording) -> Picture:
    each = max(1, -(-asked // MOST_DOTS))
    title = (
        wording.text("sections.questions.chart_dots")
        if each == 1
        else wording.text("sections.questions.chart_dots_many", each=each)
    )
    table = Table(
        ["", wording.text("value")],
        [
            [wording.text("sections.questions.answered"), wording.number(answered)],
            [wording.text("sections.questions.open"), wording.number(asked - answered)],
        ],
    )
    legend = (
        ("dot-full", wording.text("sections.questions.answered")),
        ("dot-open", wording.text("sections.questions.open")),
    )
    return _picture(charts.dots(asked, answered, each), "dots", title, table, wording, legend)


def _attendance(facts: Facts, wording: Wording) -> Section | None:
    section = section_named("attendance", wording, facts, "nonformal_attendances", "webinar_presence_ratio")
    rows = []
    for indicator, label, colour in (
        ("nonformal_attendances", "online", "nonformal"),
        ("offline_encounters", "offline", "formal"),
    ):
        if any(step.value for step in facts.series.get(indicator, ())):
            rows.append(Series(wording.text(f"sections.attendance.{label}"), colour, facts.series[indicator]))
        elif indicator in facts.whole.figures or indicator in facts.sums:
            section.sentences.append(
                f"{wording.text(f'sections.attendance.{label}')}: {_count_or_reason(facts, indicator, wording)}."
            )
    presence = facts.whole["webinar_presence_ratio"]
    if presence.shown:
        section.sentences.append(wording.text("sections.attendance.presence", share=wording.percent(presence.value)))
    if rows:
        section.pictures.append(
            _picture(
                charts.over_time(rows, wording, weekly=facts.weekly, minutes=False, height=72),
                "attendance", wording.text("sections.attendance.chart"), _steps(rows, facts, wording, wording.number), wording,
            )
        )  # fmt: skip
    return section if rows or section.sentences else None


def _count_or_reason(facts: Facts, indicator: str, wording: Wording) -> str:
    if indicator in facts.sums:
        return wording.number(facts.sums[indicator])
    return wording.status(facts.whole[indicator].status)


def _generations(facts: Facts, wording: Wording) -> Section | None:
    return _shares(facts, wording, "generations", "generation_share", GENERATIONS)


def _modes(facts: Facts, wording: Wording) -> Section | None:
    return _shares(facts, wording, "modes", "mode_70_20_10_share", MODES)


def _shares(facts: Facts, wording: Wording, name: str, indicator: str, categories: Sequence[str]) -> Section | None:
    ids = [f"{indicator}.{category}" for category in categories]
    if not any(each in facts.whole.figures for each in ids):
        return None
    section = section_named(name, wording, facts, indicator)
    columns = [wording.text(f"{name}.{category}") for category in categories]
    rows = _group_rows(facts, wording, ids)
    section.pictures.append(
        _bars(
            rows, columns, charts.STEPS, name, wording.text(f"sections.{name}.chart"), wording.percent, wording, top=1.0
        )
    )
    return section


def _group_rows(facts: Facts, wording: Wording, ids: Sequence[str], *, whole: bool = True) -> list[Row]:
    rows = [Row(wording.text("whole"), [facts.whole[each] for each in ids], strong=True)] if whole else []
    return rows + [
        _row(team, ids, wording)
        for team in facts.teams
        if any(each in team.figures for each in ids) or team.hidden.startswith("suppressed")
    ]


def _row(group: Group, ids: Sequence[str], wording: Wording) -> Row:
    figures = [group[each] for each in ids]
    if any(figure.shown for figure in figures):
        return Row(group.name, figures)
    reasons = [figure.status for figure in figures if figure.status != "not_computed"]
    return Row(group.name, figures, remark=wording.status(reasons[0] if reasons else group.hidden or "not_computed"))


def _teams(facts: Facts, wording: Wording) -> Section | None:
    section = section_named("teams", wording, facts)
    minutes = [f"{kind}_learning_minutes" for kind in KINDS]
    reach = [f"learning_reach.{kind}" for kind in KINDS]
    kinds = [wording.text(f"kinds.{kind}") for kind in KINDS]
    if any(each in team.figures for team in facts.teams for each in minutes):
        section.pictures.append(
            _bars(
                _group_rows(facts, wording, minutes),
                kinds,
                KINDS,
                "teams",
                wording.text("sections.teams.chart"),
                wording.minutes,
                wording,
            )
        )
    if any(each in team.figures for team in facts.teams for each in reach):
        section.pictures.append(
            _bars(
                _group_rows(facts, wording, reach),
                kinds,
                KINDS,
                "teamreach",
                wording.text("sections.teams.chart_reach"),
                wording.percent,
                wording,
                top=1.0,
            )
        )
    return section if section.pictures else None


def _communities(facts: Facts, wording: Wording) -> Section | None:
    section = section_named("communities", wording, facts, "community_active_contributors")
    if not facts.communities:
        section.sentences.append(wording.text("sections.communities.none"))
        return section
    columns: Sequence[tuple[str, str, Callable[[float | None], str]]] = (
        ("contributors", "community_active_contributors", wording.number),
        ("asked", "questions_asked", wording.number),
        ("helped", "help_received_rate", wording.percent),
        ("wait", "first_response_minutes_median", wording.minutes),
        ("facilitator", "community_facilitator_share", wording.percent),
        ("reciprocity", "help_tie_reciprocity", wording.percent),
    )
    used = [column for column in columns if any(column[1] in community.figures for community in facts.communities)]
    rows = []
    for community in facts.communities:
        if community.hidden:
            rows.append([community.name, wording.status(community.hidden), *([""] * (len(used) - 1))])
        else:
            rows.append([
                community.name,
                *(
                    told(community[indicator], wording, write(community[indicator].value))
                    for _, indicator, write in used
                ),
            ])
    head = [
        wording.text("sections.communities.community"),
        *(wording.text(f"sections.communities.{name}") for name, _, _ in used),
    ]
    section.table = Table(head, rows)
    ids = [f"interaction_direction_share.{each}" for each in charts.DIRECTIONS]
    bars = [
        _row(community, ids, wording)
        for community in facts.communities
        if any(each in community.figures for each in ids)
    ]
    if bars:
        columns_ = [wording.text(f"directions.{each}") for each in charts.DIRECTIONS]
        section.pictures.append(
            _bars(
                bars,
                columns_,
                charts.STEPS,
                "directions",
                wording.text("sections.communities.chart"),
                wording.percent,
                wording,
                top=1.0,
            )
        )
    return section


def _maturity(facts: Facts, wording: Wording) -> Section | None:
    if not facts.maturity:
        return None
    days = next(iter(facts.maturity.values())).days
    section = section_named("maturity", wording, facts, "learning_maturity_profile", days=days)
    order = [each for each in DIMENSIONS if each in facts.maturity] + sorted(set(facts.maturity) - set(DIMENSIONS))
    profile = [
        (
            _or(wording, f"dimensions.{name}.name", name.replace("_", " ").capitalize()),
            _or(wording, f"dimensions.{name}.low", ""),
            _or(wording, f"dimensions.{name}.high", ""),
            facts.maturity[name],
        )
        for name in order
    ]
    table = Table(
        ["", "1.0–3.0"],
        [[name, told(figure, wording, wording.number(figure.value, 1))] for name, _, _, figure in profile],
    )
    section.pictures.append(
        _picture(charts.maturity(profile, wording), "maturity", wording.text("sections.maturity.chart"), table, wording)
    )
    return section


def _quality(facts: Facts, wording: Wording) -> Section | None:
    section = section_named("quality", wording, facts)
    for name in ("unresolved_actor_share", "estimated_minutes_share", "unclassified_share"):
        figure = facts.quality.get(name)
        if figure is not None:
            section.tiles.append((
                wording.percent(figure.value, 1) if figure.shown else wording.status(figure.status),
                wording.text(f"sections.quality.{name}"),
                "",
            ))
    if facts.coverage:
        kinds = list(dict.fromkeys(kind for kind, _, _ in facts.coverage))
        rows = []
        for kind in kinds:
            states = [status for each, _, status in facts.coverage if each == kind]
            gaps = [
                f"{wording.short_day(day)} ({wording.status(status)})"
                for each, day, status in facts.coverage
                if each == kind and status != "ok"
            ]
            rows.append([
                _or(wording, f"source_kinds.{kind}", kind),
                f"{states.count('ok')} / {len(states)}",
                ", ".join(gaps),
            ])
        table = Table(
            [
                wording.text("sections.quality.source"),
                wording.text("sections.quality.days_loaded"),
                wording.text("status_head"),
            ],
            rows,
        )
        legend = (
            ("square-full", wording.status("ok")),
            ("square-open", wording.status("missing")),
            ("dot-doubt", wording.status("suspect")),
        )
        section.pictures.append(
            _picture(
                charts.coverage(facts.coverage, wording),
                "coverage",
                wording.text("sections.quality.chart"),
                table,
                wording,
                legend,
            )
        )
    return section if section.tiles or section.pictures else None


# --- parts -----------------------------------------------------------------------------------------------------------------------
def _picture(
    make: Callable[[int], Any],
    name: str,
    title: str,
    table: Table,
    wording: Wording,
    legend: Sequence[tuple[str, str]] = (),
) -> Picture:
    return Picture(charts.draw(make, f"{wording.language}-{name}", title, wording), title, table, legend)


def _bars(
    rows: Sequence[Row], columns: Sequence[str], colours: Sequence[str], name: str, title: str,
    write: Callable[[float | None], str], wording: Wording, top: float | None = None,
) -> Picture:  # fmt: skip
    def show(figure: Figure) -> str:
        return write(figure.value) if figure.shown else wording.text("not_shown")

    table = Table(
        ["", *columns],
        [[row.label, *(told(figure, wording, write(figure.value)) for figure in row.figures)] for row in rows],
    )
    return _picture(charts.bars_table(rows, columns, colours, show, top), name, title, table, wording)


def _steps(rows: Sequence[Series], facts: Facts, wording: Wording, write: Callable[[float | None], str]) -> Table:
    head = [wording.text("week_of" if facts.weekly else "day"), *(row.label for row in rows)]
    days = [step.day for step in rows[0].steps]
    return Table(
        head, [[wording.day(day), *(_step(row.steps[n], wording, write) for row in rows)] for n, day in enumerate(days)]
    )


def _step(step: Step, wording: Wording, write: Callable[[float | None], str]) -> str:
    if step.value is None:
        return wording.status("suppressed" if step.loaded else "missing")
    return write(step.value) if step.loaded else f"{write(step.value)} *"


def _or(wording: Wording, key: str, instead: str) -> str:
    try:
        return wording.text(key)
    except KeyError:
        return instead
