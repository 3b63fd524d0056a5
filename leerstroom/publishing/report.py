"""The report of a night: one self-contained HTML file in English and Dutch, and the index of all nights.

Nothing in it is fetched and nothing runs: charts are SVG, the language switch is a pair of radio buttons that the style sheet reads. The same
night gives the same bytes, so the report says nothing about when it was written.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from html import unescape
from pathlib import Path
from typing import Any

from leerstroom.publishing.chapters import chapters
from leerstroom.publishing.facts import KINDS, Facts, Figure
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
    percent: str  # empty where another kind is withheld: the whole is not known then
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
    standfirst: str
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
    shown = facts.total > 0
    shares = _shares(facts, wording) if shown else []
    informal = next((share.percent for share in shares if share.kind == "informal"), "")
    return Edition(
        language=wording.language,
        wording=wording,
        headline=_headline(facts, wording)
        if shown
        else wording.text("hero.hidden" if facts.withheld or not facts.is_told else "hero.nothing"),
        shares=shares,
        standfirst=_standfirst(facts, informal, wording),
        measured_note=wording.text("measured_note", measured=facts.measured, days=facts.days)
        if facts.measured < facts.days
        else "",
        tiles=_tiles(facts, wording) if facts.is_told else (),
        sections=chapters(facts, wording),
        definitions=facts.definitions[wording.language],
    )


def _standfirst(facts: Facts, informal: str, wording: Wording) -> str:
    if not facts.is_told:
        return wording.text("hero.hidden_why")
    return wording.text("hero.share", informal=informal) if informal else ""


def _headline(facts: Facts, wording: Wording) -> str:
    """The night in one sentence; it speaks of the days that were measured, not of the length of the window."""
    weeks, rest = divmod(facts.measured, 7)
    unit, count = ("weeks", weeks) if weeks > 1 and not rest else ("days", facts.measured)
    period = wording.counted(f"hero.{unit}", count, wording.in_words(count))
    unit, amount = ("hours", facts.total / 60) if facts.total >= 120 else ("minutes", facts.total)
    total = wording.counted(f"hero.{unit}", math.floor(amount + 0.5))
    sentence = "hero.headline_least" if _withheld(facts) else "hero.headline"
    return wording.text(sentence, period=period, people=wording.number(facts.people), total=total)


def _withheld(facts: Facts) -> list[str]:
    """The kinds whose sum may not be shown: what is left is not the whole."""
    return [kind for kind in KINDS if f"{kind}_learning_minutes" in facts.withheld]


def _shares(facts: Facts, wording: Wording) -> list[Share]:
    kinds = [kind for kind in KINDS if kind in facts.minutes]
    withheld = _withheld(facts)
    percents = (
        [""] * len(kinds)
        if withheld
        else [f"{each}%" for each in whole_percents([facts.minutes[kind].total for kind in kinds])]
    )
    told = {kind: _share(facts, kind, percent, wording) for kind, percent in zip(kinds, percents, strict=True)}
    told |= {kind: _share_withheld(facts, kind, wording) for kind in withheld}
    return [told[kind] for kind in KINDS if kind in told]


def _share_withheld(facts: Facts, kind: str, wording: Wording) -> Share:
    reason = wording.status(facts.withheld[f"{kind}_learning_minutes"])
    return Share(kind, wording.text(f"kinds.{kind}"), wording.text(f"kinds_meaning.{kind}"), "", 0.0, NOTHING, [reason])


def _share(facts: Facts, kind: str, percent: str, wording: Wording) -> Share:
    minutes = facts.minutes[kind]
    details = [wording.text("hero.per_person", value=wording.minutes(minutes.total / facts.people / facts.weeks))]
    reach = facts.whole[f"learning_reach.{kind}"]
    if reach.shown:
        details.append(wording.text("hero.reached", share=wording.percent(reach.value)))
    if minutes.estimated_share:
        details.append(wording.text("estimated", share=wording.percent(minutes.estimated_share)))
    return Share(
        kind,
        wording.text(f"kinds.{kind}"),
        wording.text(f"kinds_meaning.{kind}"),
        percent,
        round(minutes.total / facts.total * 100, 2),
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
            tiles.append((NOTHING, wording.text(f"tiles.{name}"), wording.status(facts.why_no_sum(indicator))))
            continue
        amount = facts.sums[indicator]
        tiles.append((
            wording.number(amount),
            wording.counted(f"tiles.{name}", amount),
            _tile_note(more, figure, wording),
        ))
    return tiles


def _tile_note(name: str, figure: Figure | None, wording: Wording) -> str:
    """The small line of a tile: fixed, or a share with what it is a share of where that is said."""
    if figure is None:
        return wording.text(f"tiles.{name}")
    if not figure.shown:
        return ""
    share = wording.percent(figure.value)
    if name == "mandatory":
        return wording.counted("tiles.mandatory", figure.denominator, share=share) if figure.denominator else ""
    return wording.text(f"tiles.{name}", share=share)
