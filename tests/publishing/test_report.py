"""The report as a reader, a screen reader and a careful works council would look at it."""

import itertools
import re
from dataclasses import replace
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from leerstroom.people import Directory
from leerstroom.publishing import palette, publish
from leerstroom.publishing.facts import gather
from leerstroom.publishing.wording import Wording


class Page(HTMLParser):
    """Collects what the tests ask for: tags with their attributes, ids, and the words of each language."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: dict[str, list[str]] = {"nl": [], "en": []}
        self._language, self._silent = "", 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        self._silent += tag in {"style", "script"}
        if tag == "div" and "edition" in (given.get("class") or ""):
            self._language = str(given["lang"])

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in {"style", "script"}

    def handle_data(self, data: str) -> None:
        if self._language and not self._silent and data.strip():
            self.words[self._language].append(data.strip())

    def text(self, language: str) -> str:
        return " ".join(" ".join(self.words[language]).replace("\N{NO-BREAK SPACE}", " ").split())


@pytest.fixture(scope="module")
def html(night: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("report")
    return publish(night.table(), **night.arguments(out)).report.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


# --- self-contained ---------------------------------------------------------------------------------------------------------------
def test_nothing_runs_and_nothing_is_fetched(page: Page, html: str) -> None:
    assert not [
        tag
        for tag, _ in page.tags
        if tag in {"script", "link", "iframe", "img", "object", "embed", "form", "image", "use"}
    ]
    assert not [given for _, given in page.tags if any(name.startswith("on") for name in given)]
    assert [given["href"] for tag, given in page.tags if tag == "a" and not str(given["href"]).startswith("#")] == []
    assert "url(" not in re.sub(r"url\(#", "", html)
    assert "@import" not in html
    assert "http://" not in html
    assert "https://" not in html
    assert "default-src 'none'" in html


def test_the_same_night_gives_the_same_bytes(night: Any, html: str, tmp_path: Path) -> None:
    from datetime import UTC, datetime

    again = publish(night.table(), **night.arguments(tmp_path, computed_at=datetime(2027, 1, 1, tzinfo=UTC)))
    assert again.report.read_text(encoding="utf-8") == html


# --- privacy -------------------------------------------------------------------------------------------------------------------------
def test_no_person_stands_in_it(night: Any, html: str) -> None:
    assert not [each.employee_id for each in night.directory.employees if re.search(rf"\b{each.employee_id}\b", html)]
    assert "@" not in re.sub(r"@(media|page|supports)", "", html)


def test_a_suppressed_team_says_why_and_shows_no_number(page: Page) -> None:
    text = page.text("nl")
    assert "Directie niet getoond: minder dan 5 mensen" in text
    assert "Financiën niet getoond: er zou een kleinere groep uit af te leiden zijn" in text


def test_an_organisation_of_four_shows_no_figures(night: Any, tmp_path: Path) -> None:
    import pyarrow as pa

    few = [each for each in night.directory.employees if each.team == "Directie"]
    ids = {each.employee_id for each in few}
    rows = [row for row in night.rows if row["subject"] in ids and row["grain"].startswith("employee")]
    report = publish(
        pa.Table.from_pylist(rows, schema=night.table().schema), **night.arguments(tmp_path, directory=Directory(few))
    ).report
    page = Page(report.read_text(encoding="utf-8"))
    assert "Te weinig mensen om cijfers te tonen" in page.text("nl")
    assert not [given for tag, given in page.tags if tag == "svg" and "time" in str(given.get("aria-labelledby"))]


def test_under_groups_only_days_become_weeks_and_a_week_of_one_person_is_not_shown(night: Any, tmp_path: Path) -> None:
    import pyarrow as pa

    from leerstroom.publishing.disclosure import Disclosure
    from leerstroom.publishing.night import Edition, open_night

    rows = [dict(row) for row in night.rows]
    for row in rows:
        if (
            row["grain"] == "employee_day"
            and row["indicator_id"] == "formal_learning_minutes"
            and row["value"] is not None
            and row["subject"] != "E001"
        ):
            row["value"] = 0.0
    with open_night(
        pa.Table.from_pylist(rows, schema=night.table().schema),
        night.directory,
        None,
        Edition(night.as_of, "x", None, {}),
        Disclosure.load("groups-only"),
    ) as opened:
        facts = gather(opened)
    assert facts.weekly
    assert all(step.day.weekday() == 0 for steps in facts.series.values() for step in steps)
    assert {step.value for step in facts.series["formal_learning_minutes"]} <= {None, 0.0}


def told(night: Any, rows: list[dict[str, Any]], disclosure: Any, directory: Any = None) -> Any:
    """The facts of a night with other rows."""
    import pyarrow as pa

    from leerstroom.publishing.night import Edition, open_night

    table = pa.Table.from_pylist(rows, schema=night.table().schema)
    with open_night(
        table, directory or night.directory, None, Edition(night.as_of, "x", None, {}), disclosure
    ) as opened:
        return gather(opened)


def test_the_smallest_group_is_that_of_the_settings(night: Any, tmp_path: Path) -> None:
    from leerstroom.publishing.disclosure import Disclosure

    few = [each for each in night.directory.employees if each.team == "Zorg Noord"]
    rows = [row for row in night.rows if row["subject"] in {each.employee_id for each in few}]
    assert told(night, rows, Disclosure.load("per-employee"), Directory(few)).sums
    raised = told(night, rows, Disclosure.load("per-employee", 9), Directory(few))
    assert (raised.sums, raised.series, raised.minutes_status) == ({}, {}, "suppressed")
    assert Disclosure.load("per-employee", 3).minimum_group == 5
    report = publish(night.table(), **night.arguments(tmp_path, minimum_group=10)).report.read_text(encoding="utf-8")
    assert "minder dan 10 mensen" in Page(report).text("nl")
    assert "fewer than 10 people" in Page(report).text("en")


def test_a_day_with_too_few_colleagues_in_service_has_no_sum_nor_has_one_beside_it(night: Any) -> None:
    from leerstroom.publishing.disclosure import Disclosure

    first = min(row["period_end"] for row in night.rows if row["grain"] == "employee_day")
    rows = [
        {**row, "status": "not_in_service", "value": None}
        if row["grain"] == "employee_day" and row["period_end"] == first and row["subject"] not in {"E001", "E002"}
        else {**row, "value": 30.0}
        if row["grain"] == "employee_day"
        and row["period_end"] == first
        and row["indicator_id"] == "formal_learning_minutes"
        else row
        for row in night.rows
    ]
    steps = told(night, rows, Disclosure.load("per-employee")).series["formal_learning_minutes"]
    assert steps[0].value is None
    assert [step.value for step in steps[1:]].count(
        None
    ) == 1  # else the sum over all days less the others would tell it
    assert sum(step.value is not None and step.value > 0 for step in steps) > 5


@pytest.mark.parametrize(("policy", "is_told"), [("groups-only", False), ("per-employee", True)])
def test_what_few_people_have_estimated_is_told_only_where_hr_sees_it_of_each(
    night: Any, policy: str, is_told: bool
) -> None:
    """Times the minutes of the kind, which are published, the share is the minutes of these few."""
    from leerstroom.publishing.disclosure import Disclosure

    rows = [
        {**row, "estimated_share": 0.5 if row["subject"] in {"E001", "E002", "E003"} else 0.0}
        if row["grain"] == "employee_window" and row["indicator_id"] == "informal_learning_minutes"
        else row
        for row in night.rows
    ]
    found = told(night, rows, Disclosure.load(policy)).minutes["informal"].estimated_share
    assert (found is not None) == is_told


def test_a_day_or_week_that_is_one_persons_has_no_sum_under_any_policy(night: Any) -> None:
    from leerstroom.publishing.disclosure import Disclosure

    last = night.as_of
    since = {"formal_learning_minutes": last, "questions_asked": last - timedelta(days=last.weekday())}  # a day, a week
    rows = [
        {**row, "value": 60.0 if row["subject"] == "E001" else 0.0}
        if row["grain"] == "employee_day" and row["period_end"] >= since.get(row["indicator_id"], date.max)
        else row
        for row in night.rows
    ]
    series = told(night, rows, Disclosure.load("per-employee")).series
    assert [series[each][-1].value for each in ("formal_learning_minutes", "questions_asked")] == [None, None]


def test_a_kind_that_is_one_persons_is_withheld_and_nothing_is_said_of_the_whole(night: Any) -> None:
    from leerstroom.publishing.disclosure import Disclosure
    from leerstroom.publishing.report import _edition

    rows = [
        {**row, "numerator": None}
        if row["grain"] == "organisation_window" and row["indicator_id"] == "nonformal_learning_minutes"
        else {**row, "value": 500.0 if row["subject"] == "E001" else 1.0}
        if row["grain"] == "employee_window" and row["indicator_id"] == "nonformal_learning_minutes"
        else row
        for row in night.rows
    ]
    facts = told(night, rows, Disclosure.load("per-employee"))
    assert facts.withheld == {"nonformal_learning_minutes": "suppressed_dominance"}
    edition = _edition(facts, Wording("en"))
    assert "at least" in edition.headline
    assert edition.standfirst == ""
    assert [share.percent for share in edition.shares] == ["", "", ""]
    assert edition.shares[1].details == ["not shown: nearly all of it comes from one person"]


def test_of_too_few_people_only_what_the_figures_rest_on_is_told(night: Any) -> None:
    from leerstroom.publishing.disclosure import Disclosure
    from leerstroom.publishing.report import _edition

    one = Directory([night.directory.employees[0]])
    rows = [row for row in night.rows if row["subject"] == "E001" or row["indicator_id"] == "unresolved_actor_share"]
    edition = _edition(told(night, rows, Disclosure.load("per-employee"), one), Wording("nl"))
    assert edition.headline == "Te weinig mensen om cijfers te tonen"
    assert "minder dan 5 mensen" in edition.standfirst
    assert [section.name for section in edition.sections] == ["quality"]
    assert edition.tiles == ()


# --- what it says ---------------------------------------------------------------------------------------------------------------------
def test_it_tells_the_night_in_both_languages(page: Page) -> None:
    assert "In drie weken leerden 45 collega’s samen" in page.text("nl")
    assert "In three weeks, 45 colleagues learned for" in page.text("en")
    for language, titles in {
        "nl": (
            "Wanneer wij leren",
            "Vragen en antwoorden",
            "Erbij zijn",
            "Leren 1.0, 2.0, 3.0",
            "Teams naast elkaar",
            "Hoe ver zijn wij?",
            "Waar deze cijfers op rusten",
        ),
        "en": (
            "When we learn",
            "Questions and answers",
            "Being there",
            "Learning 1.0, 2.0, 3.0",
            "Teams side by side",
            "How far are we?",
            "What these figures rest on",
        ),
    }.items():
        assert all(title in page.text(language) for title in titles)


def test_numbers_are_written_as_the_language_writes_them(page: Page) -> None:
    assert "2,1%" in page.text("nl")
    assert "2.1%" in page.text("en")
    assert "2.1%" not in page.text("nl")


def test_the_total_is_the_sum_of_everyone(night: Any, page: Page) -> None:
    minutes = sum(
        row["value"]
        for row in night.rows
        if row["grain"] == "employee_window" and row["indicator_id"] in {"formal_learning_minutes", "nonformal_learning_minutes", "informal_learning_minutes"}
        and (row["period_end"] - row["period_start"]).days == 27
    )  # fmt: skip
    assert f"samen {Wording('nl').number(minutes / 60)} uur" in page.text("nl")


def test_what_cannot_be_measured_is_said_and_not_drawn_as_a_value(page: Page) -> None:
    assert "Rol van de docent niet meetbaar met de aangesloten bronnen" in page.text("nl")


def test_a_day_without_its_source_is_marked_in_the_table(page: Page) -> None:
    assert "6 november 2026" in page.text("nl")
    assert "* onvolledig: op een deel van de dagen ontbrak een bron." in page.text("nl")


def test_teams_stand_in_alphabetical_order(page: Page) -> None:
    text = page.text("nl")
    table = text[text.index("Mediaan van de leertijd") :]
    places = [
        table.index(team)
        for team in ("Data", "Directie", "Financiën", "Klantenservice", "Leren & Ontwikkelen", "Zorg Noord")
    ]
    assert places == sorted(places)


# --- for everyone ---------------------------------------------------------------------------------------------------------------------
def test_ids_are_unique_and_every_reference_finds_its_place(page: Page) -> None:
    ids = [str(given["id"]) for _, given in page.tags if given.get("id")]
    assert len(ids) == len(set(ids))
    wanted = [str(given[name]) for _, given in page.tags for name in ("aria-labelledby", "for") if given.get(name)]
    wanted += [str(given["href"])[1:] for tag, given in page.tags if tag == "a"]
    assert not set(wanted) - set(ids)


def test_every_picture_has_a_title_and_a_table(page: Page) -> None:
    names = [tag for tag, _ in page.tags]
    pictures = [given for tag, given in page.tags if tag == "svg"]
    assert pictures
    assert all(given.get("role") == "img" and given.get("aria-labelledby") for given in pictures)
    assert len(pictures) == 2 * names.count("figure")  # wide and narrow
    figures = re.findall(r"<figure>.*?</figure>", "".join(f"<{name}>" for name in names))
    assert names.count("figure") <= names.count("table")
    assert not figures or all("table" in figure for figure in figures)


def test_headings_do_not_skip_a_level(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colours", [palette.LIGHT, palette.DARK], ids=["light", "dark"])
def test_letters_and_marks_can_be_told_from_the_paper(colours: dict[str, str]) -> None:
    for name in ("ink", "muted"):
        assert contrast(colours[name], colours["paper"]) >= 4.5
        assert contrast(colours[name], colours["soft"]) >= 4.5
    for name in ("formal", "nonformal", "step3", "answered", "doubt"):
        assert contrast(colours[name], colours["paper"]) >= 3.0, name


def test_every_colour_of_the_charts_is_repainted_in_the_dark(html: str) -> None:
    drawn = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]{6})"', html))
    assert drawn <= set(palette.LIGHT.values())
    assert palette.LIGHT.keys() == palette.DARK.keys()
    assert len(set(palette.LIGHT.values())) == len(palette.LIGHT)


# --- index ---------------------------------------------------------------------------------------------------------------------------
def test_the_index_lists_every_night_newest_first(night: Any, tmp_path: Path) -> None:
    publish(night.table(), **night.arguments(tmp_path))
    (tmp_path / "report-2026-11-13.html").write_text(
        '<meta name="leerstroom-headline-nl" content="Eerder &amp; minder">', encoding="utf-8"
    )
    publish(night.table(), **night.arguments(tmp_path))
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    hrefs = re.findall(r'href="([^"]+)"', html)
    assert hrefs[:3] == ["report-2026-11-20.html", "learning-2026-11-20.xlsx", "report-2026-11-13.html"]
    assert "Eerder &amp; minder" in html
    assert "In drie weken leerden 45 collega" in html


def test_a_name_with_markup_is_shown_as_text(night: Any, tmp_path: Path) -> None:
    staff = [replace(each, team="<b>Data</b>") if each.team == "Data" else each for each in night.directory.employees]
    rows = [dict(row, subject="<b>Data</b>") if row["subject"] == "Data" else row for row in night.rows]
    import pyarrow as pa

    table = pa.Table.from_pylist(rows, schema=night.table().schema)
    report = publish(
        table, **night.arguments(tmp_path, directory=Directory(staff), organisation='Zorg "<script>" & co')
    ).report
    html = report.read_text(encoding="utf-8")
    assert "<b>Data" not in html
    assert "<script" not in html
    assert "&lt;b&gt;Data" in html


def test_a_long_reason_stands_below_a_table_of_narrow_cells_and_its_number_in_them(night: Any) -> None:
    from leerstroom.publishing.disclosure import Disclosure
    from leerstroom.publishing.story import Teller

    teller = Teller(told(night, night.rows, Disclosure.load("per-employee")), Wording("nl"))
    secondary, dominance = (teller.wording.status(f"suppressed_{each}") for each in ("secondary", "dominance"))
    table = teller.table(
        ["", "a", "b", "c"], [["X", secondary, dominance, "3"], ["Y", dominance, "1", "2"], ["Z", secondary]]
    )
    assert table.rows == [
        ["X", "niet getoond¹", "niet getoond²", "3"],
        ["Y", "niet getoond²", "1", "2"],
        ["Z", secondary],
    ]
    assert table.note == f"¹ {secondary}. ² {dominance}."
    assert teller.table(["", "a"], [["X", secondary]]).rows == [["X", secondary]]
