"""The report of a night: one self-contained HTML file in English and Dutch, and the index of all nights.

Nothing in it is fetched and nothing runs: charts are SVG, the language switch is a pair of radio buttons that the style sheet reads. The same
night gives the same bytes, so the report says nothing about when it was written.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from html import unescape
from pathlib import Path
from typing import Any

from leerstroom.publishing.chapters import chapters
from leerstroom.publishing.facts import KINDS, Facts
from leerstroom.publishing.pages import replace, style, template
from leerstroom.publishing.story import Section
from leerstroom.publishing.wording import LANGUAGES, NOTHING, Wording, whole_percents

_REPORT = re.compile(r"report-(\d{4}-\d{2}-\d{2})\.html")
_HEADLINE = re.compile(r'<meta name="leerstroom-headline-(en|nl)" content="([^"]*)">')


@dataclass(frozen=True, slots=True)
class Share:
    """One kind of learning in the opening: its share of the time and its figures in words."""

    kind: str
    name: str
    meaning: str
    percent: str
    width: float  # of the bar, 0 to 100
    total: str
    details: Sequence[str]


@dataclass(frozen=True, slots=True)
class Edition:
    """The report in one language."""

    language: str
    wording: Wording
    headline: str
    shares: Sequence[Share]
    share_sentence: str
    measured_note: str
    tiles: Sequence[tuple[str, str, str]]
    sections: Sequence[Section]
    definitions: Sequence[dict[str, Any]]


def write_report(facts: Facts, out: Path, language: str) -> Path:
    """Writes `report-YYYY-MM-DD.html` with `language` in front, and brings `index.html` up to date; answers the report's path."""
    out.mkdir(parents=True, exist_ok=True)
    editions = [
        _edition(facts, Wording(each, facts.minimum_group))
        for each in (language, *(other for other in LANGUAGES if other != language))
    ]
    html = template("report.html.j2").render(facts=facts, editions=editions, style=style())
    path = out / f"report-{facts.as_of.isoformat()}.html"
    replace(path, html)
    write_index(out, language, facts.organisation)
    return path


def write_index(out: Path, language: str, organisation: str) -> Path:
    """Writes `index.html` over the reports and workbooks that lie in the folder, newest first."""
    nights = []
    for path in sorted(out.glob("report-*.html"), reverse=True):
        found = _REPORT.fullmatch(path.name)
        if found:
            day = date.fromisoformat(found[1])
            workbook = out / f"learning-{day.isoformat()}.xlsx"
            headlines = {
                each: unescape(text) for each, text in _HEADLINE.findall(path.read_text(encoding="utf-8")[:4000])
            }
            nights.append({
                "day": day,
                "href": path.name,
                "workbook": workbook.name if workbook.exists() else "",
                "headlines": headlines,
            })
    languages = [language, *(other for other in LANGUAGES if other != language)]
    html = template("index.html.j2").render(
        nights=nights, organisation=organisation, wordings=[Wording(each) for each in languages], style=style()
    )
    path = out / "index.html"
    replace(path, html)
    return path


def _edition(facts: Facts, wording: Wording) -> Edition:
    shown = bool(facts.minutes) and facts.total > 0
    shares = _shares(facts, wording) if shown else []
    informal = next((share.percent for share in shares if share.kind == "informal"), "")
    return Edition(
        language=wording.language,
        wording=wording,
        headline=_headline(facts, wording) if shown else wording.text("hero.hidden"),
        shares=shares,
        share_sentence=wording.text("hero.share", informal=informal) if informal else "",
        measured_note=wording.text("measured_note", measured=facts.measured, days=facts.days)
        if facts.measured < facts.days
        else "",
        tiles=_tiles(facts, wording),
        sections=chapters(facts, wording),
        definitions=facts.definitions[wording.language],
    )


def _headline(facts: Facts, wording: Wording) -> str:
    """The night in one sentence; it speaks of the days that were measured, not of the length of the window."""
    weeks, rest = divmod(facts.measured, 7)
    period = (
        wording.text("hero.weeks", count=wording.in_words(weeks))
        if weeks > 1 and not rest
        else wording.text("hero.days", count=facts.measured)
    )
    unit, amount = ("hours", facts.total / 60) if facts.total >= 120 else ("minutes", facts.total)
    total = wording.text(f"hero.{unit}", count=wording.number(amount))
    return wording.text("hero.headline", period=period, people=wording.number(facts.people), total=total)


def _shares(facts: Facts, wording: Wording) -> list[Share]:
    kinds = [kind for kind in KINDS if kind in facts.minutes]
    percents = whole_percents([facts.minutes[kind].total for kind in kinds])
    return [_share(facts, kind, percent, wording) for kind, percent in zip(kinds, percents, strict=True)]


def _share(facts: Facts, kind: str, percent: int, wording: Wording) -> Share:
    minutes = facts.minutes[kind]
    details = [wording.text("hero.per_person", value=wording.minutes(minutes.total / facts.people / facts.weeks))]
    reach = facts.whole[f"learning_reach.{kind}"]
    if reach.shown:
        details.append(wording.text("hero.reached", share=wording.percent(reach.value)))
    if minutes.estimated_share:
        details.append(wording.text("estimated", share=wording.percent(minutes.estimated_share)))
    share = minutes.total / facts.total
    return Share(
        kind,
        wording.text(f"kinds.{kind}"),
        wording.text(f"kinds_meaning.{kind}"),
        f"{percent}%",
        round(share * 100, 2),
        wording.minutes(minutes.total),
        details,
    )


def _tiles(facts: Facts, wording: Wording) -> list[tuple[str, str, str]]:
    tiles = []
    for name, indicator, more, figure in (
        ("questions", "questions_asked", "answered", facts.whole["question_answer_rate_72h"]),
        ("attendances", "nonformal_attendances", "presence", facts.whole["webinar_presence_ratio"]),
        ("encounters", "offline_encounters", "encounters_note", None),
        ("completions", "formal_completions", "mandatory", facts.whole["mandatory_on_time_rate"]),
    ):
        if indicator not in facts.sums:
            reason = facts.whole[indicator].status
            tiles.append((NOTHING, wording.text(f"tiles.{name}"), wording.status(reason)))
            continue
        if figure is None:
            note = wording.text(f"tiles.{more}")
        else:
            note = wording.text(f"tiles.{more}", share=wording.percent(figure.value)) if figure.shown else ""
        tiles.append((wording.number(facts.sums[indicator]), wording.text(f"tiles.{name}"), note))
    return tiles
