"""The chapters of the report in reading order: each says what the night knows about one question, or is left out when it knows nothing."""

from collections.abc import Callable, Sequence

from leerstroom.publishing import charts
from leerstroom.publishing.charts import Series
from leerstroom.publishing.facts import DIRECTIONS, GENERATIONS, KINDS, MODES, REACHES, Facts
from leerstroom.publishing.story import Picture, Section, Teller, Write
from leerstroom.publishing.wording import Wording

DIMENSIONS = ("delivery", "direction", "goals", "ownership", "teacher_role", "place_time", "continuity")
MOST_DOTS = 240
STEPS = ("step1", "step2", "step3")


def chapters(facts: Facts, wording: Wording) -> list[Section]:
    """All chapters that this night has something to say about; of too few people only what the figures rest on."""
    teller = Teller(facts, wording)
    told = (chapter(teller) for chapter in (_CHAPTERS if facts.is_told else (_quality,)))
    return [section for section in told if section is not None]


def _time(teller: Teller) -> Section | None:
    facts, wording = teller.facts, teller.wording
    rows = [
        Series(teller.text(f"kinds.{kind}"), kind, facts.series[f"{kind}_learning_minutes"])
        for kind in KINDS
        if f"{kind}_learning_minutes" in facts.series
    ]
    if not rows:
        return None
    section = teller.open("time", "informal_learning_minutes", lede="lede_week" if facts.weekly else "lede_day")
    suffix = f", {teller.text('hours')}"
    section.pictures.append(
        teller.over_time(rows, "time", teller.text("sections.time.chart"), wording.minutes, unit=60, suffix=suffix)
    )
    return section


def _reach(teller: Teller) -> Section | None:
    facts, wording = teller.facts, teller.wording
    if all(figure.status == "not_computed" for figures in facts.reach.values() for figure in figures.values()):
        return None
    section = teller.open("reach", "learning_reach")
    head = ["", *(wording.counted("sections.reach.days", days) for days in facts.reach)]
    rows = [
        [
            teller.text(f"kinds.{kind}"),
            *(teller.told(figures[kind], wording.percent) for figures in facts.reach.values()),
        ]
        for kind in REACHES
    ]
    table = teller.table(head, rows)
    shown = {days: figures for days, figures in facts.reach.items() if any(figure.shown for figure in figures.values())}
    if shown:
        headline = facts.days if facts.days in shown else max(shown)
        section.pictures.append(
            teller.picture(charts.reach(shown, headline, wording), "reach", teller.text("sections.reach.chart"), table)
        )
    else:
        section.table = table
    return section


def _questions(teller: Teller) -> Section | None:
    facts, wording = teller.facts, teller.wording
    section = teller.open("questions", "questions_asked", "question_answer_rate_72h")
    helped = facts.whole["question_answer_rate_72h"]
    asked = (
        facts.whole["questions_asked"].value
        if facts.whole["questions_asked"].shown
        else facts.sums.get("questions_asked")
    )
    if helped.value is not None and helped.denominator:
        answered = helped.numerator if helped.numerator is not None else helped.value * helped.denominator
        if helped.denominator == 1:
            section.sentences.append(teller.text(f"sections.questions.only_{'answered' if answered else 'open'}"))
        else:
            blanks = {"asked": wording.number(helped.denominator), "share": wording.percent(helped.value)}
            section.sentences.append(wording.counted("sections.questions.sentence", answered, **blanks))
        section.sentences.append(teller.text("sections.questions.young"))
        section.pictures.append(_dots(round(helped.denominator), round(answered), teller))
    elif asked is not None:
        section.sentences.append(wording.counted("sections.questions.sentence_plain", asked))
        section.sentences.append(f"{teller.text('sections.questions.rate')}: {wording.status(helped.status)}.")
    given = facts.sums.get("questions_answered_for_others")
    if given:
        section.sentences.append(wording.counted("sections.questions.given", given))
    wait = facts.whole["first_response_minutes_median"]
    if wait.shown:
        section.sentences.append(teller.text("sections.questions.wait", time=wording.minutes(wait.value)))
    steps = facts.series.get("questions_asked")
    if steps and any(step.value for step in steps):
        rows = [Series(teller.text("sections.questions.asked"), "answered", steps)]
        section.pictures.append(
            teller.over_time(
                rows,
                "asked",
                teller.text("sections.questions.chart_time"),
                wording.number,
                weekly="questions_asked" in facts.in_weeks,
            )
        )
    return section if section.sentences or section.pictures else None


def _dots(asked: int, answered: int, teller: Teller) -> Picture:
    each = max(1, -(-asked // MOST_DOTS))
    title = (
        teller.text("sections.questions.chart_dots")
        if each == 1
        else teller.text("sections.questions.chart_dots_many", each=each)
    )
    with_answer, without = teller.text("sections.questions.answered"), teller.text("sections.questions.open")
    rows = [[with_answer, teller.wording.number(answered)], [without, teller.wording.number(asked - answered)]]
    legend = (("dot-full", with_answer), ("dot-open", without))
    return teller.picture(
        charts.dots(asked, answered, each), "dots", title, teller.table(["", teller.text("value")], rows), legend
    )


def _attendance(teller: Teller) -> Section | None:
    facts, wording = teller.facts, teller.wording
    section = teller.open("attendance", "nonformal_attendances", "webinar_presence_ratio", "offline_encounters")
    rows = []
    for indicator, label in (("nonformal_attendances", "online"), ("offline_encounters", "offline")):
        name = teller.text(f"sections.attendance.{label}")
        if any(step.value for step in facts.series.get(indicator, ())):
            rows.append(Series(name, "answered", facts.series[indicator]))
        elif indicator in facts.sums:
            section.sentences.append(f"{name}: {wording.number(facts.sums[indicator])}.")
        elif indicator in facts.whole.figures:
            section.sentences.append(f"{name}: {wording.status(facts.why_no_sum(indicator))}.")
    presence = facts.whole["webinar_presence_ratio"]
    if presence.shown:
        section.sentences.append(teller.text("sections.attendance.presence", share=wording.percent(presence.value)))
    if rows:
        section.pictures.append(
            teller.over_time(rows, "attendance", teller.text("sections.attendance.chart"), wording.number, height=72)
        )
    return section if rows or section.sentences else None


def _generations(teller: Teller) -> Section | None:
    return _shares(teller, "generations", "generation_share", GENERATIONS)


def _modes(teller: Teller) -> Section | None:
    return _shares(teller, "modes", "mode_70_20_10_share", MODES)


def _shares(teller: Teller, name: str, indicator: str, categories: Sequence[str]) -> Section | None:
    ids = [f"{indicator}.{category}" for category in categories]
    if not any(each in teller.facts.whole.figures for each in ids):
        return None
    section = teller.open(name, indicator)
    columns = [teller.text(f"{name}.{category}") for category in categories]
    title = teller.text(f"sections.{name}.chart")
    section.asides += _sensitivity(teller, ids, columns)
    section.pictures.append(
        teller.bars(teller.group_rows(ids), columns, STEPS, name, title, teller.wording.percent, shares=True)
    )
    return section


def _sensitivity(teller: Teller, ids: Sequence[str], names: Sequence[str]) -> list[str]:
    """What the shares were with half or twice the estimates, when that is known."""
    ranges = []
    for each, name in zip(ids, names, strict=True):
        ends = [teller.facts.whole[f"{each}.{part}"].value for part in ("estimates_half", "estimates_double")]
        known = sorted(end for end in ends if end is not None)
        if len(known) == len(ends):
            low, high = (teller.wording.percent(end) for end in known)
            ranges.append(f"{name} {low}" if low == high else f"{name} {low}–{high}")
    return [teller.text("sensitivity", ranges=", ".join(ranges))] if ranges else []


def _teams(teller: Teller) -> Section | None:
    facts, wording = teller.facts, teller.wording
    section = teller.open("teams")
    columns = [teller.text(f"kinds.{kind}") for kind in KINDS]
    for name, ids, write in (
        ("chart", [f"{kind}_learning_minutes" for kind in KINDS], wording.minutes),
        ("chart_reach", [f"learning_reach.{kind}" for kind in KINDS], wording.percent),
    ):
        if any(each in team.figures for team in facts.teams for each in ids):
            title = teller.wording.counted(f"sections.teams.{name}", facts.days)
            section.pictures.append(
                teller.bars(
                    teller.group_rows(ids), columns, KINDS, f"teams-{name}", title, write, shares=name == "chart_reach"
                )
            )
    return section if section.pictures else None


def _communities(teller: Teller) -> Section | None:
    facts, wording = teller.facts, teller.wording
    section = teller.open("communities", "community_active_contributors", "community_facilitator_share")
    if not facts.communities:
        section.sentences.append(teller.text("sections.communities.none"))
        return section

    def reach(contributors: float | None) -> str:
        """Who contributed, of everybody: the reach of a pilot in one community."""
        return wording.percent(min(1.0, (contributors or 0.0) / facts.people))

    columns: Sequence[tuple[str, str, Write]] = (
        ("contributors", "community_active_contributors", wording.number),
        ("reach", "community_active_contributors", reach),
        ("asked", "questions_asked", wording.number),
        ("helped", "question_answer_rate_72h", wording.percent),
        ("wait", "first_response_minutes_median", wording.minutes),
        ("facilitator", "community_facilitator_share", wording.percent),
        ("reciprocity", "help_tie_reciprocity", wording.percent),
    )
    used = [column for column in columns if any(column[1] in community.figures for community in facts.communities)]
    head = [
        teller.text("sections.communities.community"),
        *(teller.text(f"sections.communities.{name}") for name, _, _ in used),
    ]
    rows = [
        [community.name, wording.status(community.hidden)]
        if community.hidden
        else [community.name, *(teller.told(community[indicator], write) for _, indicator, write in used)]
        for community in facts.communities
    ]
    section.table = teller.table(head, rows)
    ids = [f"interaction_direction_share.{each}" for each in DIRECTIONS]
    bars = [
        teller.row(community, ids) for community in facts.communities if any(each in community.figures for each in ids)
    ]
    if bars:
        names = [teller.text(f"directions.{each}") for each in DIRECTIONS]
        section.pictures.append(
            teller.bars(
                bars,
                names,
                STEPS,
                "directions",
                teller.text("sections.communities.chart"),
                wording.percent,
                shares=True,
            )
        )
    return section


def _maturity(teller: Teller) -> Section | None:
    facts, wording = teller.facts, teller.wording
    if not facts.maturity:
        return None
    section = teller.open("maturity", "learning_maturity_profile", days=next(iter(facts.maturity.values())).days)
    order = [each for each in DIMENSIONS if each in facts.maturity] + sorted(set(facts.maturity) - set(DIMENSIONS))
    rows = [
        (
            teller.named(f"dimensions.{each}.name", each.replace("_", " ").capitalize()),
            teller.named(f"dimensions.{each}.low", ""),
            teller.named(f"dimensions.{each}.high", ""),
            facts.maturity[each],
        )
        for each in order
    ]
    cells = [[name, teller.told(figure, lambda value: wording.number(value, 1))] for name, _, _, figure in rows]
    table = teller.table([teller.text("sections.maturity.dimension"), "1.0–3.0"], cells)
    section.pictures.append(
        teller.picture(charts.profile(rows, wording), "maturity", teller.text("sections.maturity.chart"), table)
    )
    return section


def _quality(teller: Teller) -> Section | None:
    facts, wording = teller.facts, teller.wording
    section = teller.open("quality")
    for name in ("unresolved_actor_share", "estimated_minutes_share", "unclassified_share"):
        figure = facts.quality.get(name)
        if figure is not None:
            section.tiles.append((
                wording.percent(figure.value, 1) if figure.shown else wording.status(figure.status),
                teller.text(f"sections.quality.{name}"),
            ))
    if facts.coverage:
        kinds = {kind: teller.named(f"source_kinds.{kind}", kind) for kind, _, _ in facts.coverage}
        rows = []
        for kind, name in kinds.items():
            states = [(day, status) for each, day, status in facts.coverage if each == kind]
            gaps = [f"{wording.short_day(day)} ({wording.status(status)})" for day, status in states if status != "ok"]
            rows.append([name, f"{len(states) - len(gaps)} / {len(states)}", ", ".join(gaps)])
        head = [
            teller.text("sections.quality.source"),
            teller.text("sections.quality.days_loaded"),
            teller.text("sections.quality.other_days"),
        ]
        found = {status for _, _, status in facts.coverage}
        meanings = {
            "ok": teller.text("sections.quality.loaded"),
            "missing": wording.status("missing"),
            "suspect": wording.status("suspect"),
        }
        shapes = {"ok": "square-full", "missing": "square-open", "suspect": "dot-doubt"}
        legend = [(shapes[status], meaning) for status, meaning in meanings.items() if status in found]
        make = charts.coverage(facts.coverage, list(kinds.items()), wording)
        section.pictures.append(
            teller.picture(make, "coverage", teller.text("sections.quality.chart"), teller.table(head, rows), legend)
        )
    return section if section.tiles or section.pictures else None


_CHAPTERS: Sequence[Callable[[Teller], Section | None]] = (
    _time, _reach, _questions, _attendance, _generations, _modes, _teams, _communities, _maturity, _quality,
)  # fmt: skip
