"""Numbers and dates as Dutch and English readers write them."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leerstroom.publishing.wording import NO_BREAK, Wording, _texts, whole_percents

NL, EN = Wording("nl"), Wording("en")


def plain(text: str) -> str:
    return text.replace(NO_BREAK, " ")


@pytest.mark.parametrize(("value", "digits", "nl", "en"), [(1234.5, 1, "1.234,5", "1,234.5"), (0, 0, "0", "0"), (2.5, 0, "3", "3"), (-3.25, 1, "−3,3", "−3.3"), (None, 0, "–", "–"), (float("nan"), 0, "–", "–")])  # fmt: skip
def test_numbers(value: float | None, digits: int, nl: str, en: str) -> None:
    assert (NL.number(value, digits), EN.number(value, digits)) == (nl, en)


@pytest.mark.parametrize(("value", "nl", "en"), [(0, "0 min", "0 min"), (119.4, "119 min", "119 min"), (133, "2 u 13", "2 h 13"), (599.6, "10 u", "10 h"), (75_000, "1.250 u", "1,250 h"), (None, "–", "–")])  # fmt: skip
def test_minutes(value: float | None, nl: str, en: str) -> None:
    assert (plain(NL.minutes(value)), plain(EN.minutes(value))) == (nl, en)


def test_days_and_periods() -> None:
    assert plain(NL.day(date(2026, 11, 20), weekday=True)) == "vrijdag 20 november 2026"
    assert plain(EN.day(date(2026, 3, 1))) == "1 March 2026"
    assert plain(NL.short_day(date(2026, 3, 1))) == "1 mrt"
    assert plain(NL.period(date(2026, 11, 1), date(2026, 11, 20))) == "1 – 20 november 2026"
    assert plain(EN.period(date(2025, 12, 30), date(2026, 1, 2))) == "30 December 2025 – 2 January 2026"


@given(st.floats(min_value=1e-12, max_value=1))
def test_something_is_never_written_as_nothing(share: float) -> None:
    assert NL.percent(share) != "0%"


@given(st.floats(min_value=0, max_value=1e9))
def test_minutes_never_show_sixty(value: float) -> None:
    assert not plain(NL.minutes(value)).endswith(" 60")


def test_every_sentence_exists_in_both_languages_with_the_same_blanks() -> None:
    import string

    def leaves(node: object, path: str = "") -> list[tuple[str, dict[str, str]]]:
        assert isinstance(node, dict), path
        if set(node) == {"en", "nl"}:
            return [(path, node)]
        return [leaf for name, child in node.items() for leaf in leaves(child, f"{path}.{name}")]

    for path, words in leaves(_texts()):
        blanks = {
            language: {name for _, name, _, _ in string.Formatter().parse(words[language]) if name}
            for language in ("en", "nl")
        }
        assert blanks["en"] == blanks["nl"], path
        assert all(words.values()), path


@pytest.mark.parametrize(
    ("key", "many", "nl", "en"),
    [
        ("hero.days", 1, "één dag", "one day"),
        ("hero.days", 5, "5 dagen", "5 days"),
        ("hero.hours", 1, "één uur", "one hour"),
        ("people", 1, "één medewerker", "one employee"),
        ("people", 0, "0 medewerkers", "0 employees"),
        ("tiles.questions", 1, "vraag gesteld", "question asked"),
        ("sections.reach.days", 1, "1 dag", "1 day"),
        (
            "sections.questions.given",
            1,
            "Er is één antwoord op een vraag van een ander gegeven.",
            "One answer to another’s question was given.",
        ),
    ],
)
def test_one_is_singular_and_all_else_is_plural(key: str, many: float, nl: str, en: str) -> None:
    assert (NL.counted(key, many), EN.counted(key, many)) == (nl, en)


def test_every_sentence_that_counts_has_its_singular() -> None:
    def keys(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
        for name, child in node.items():
            if "en" in child:
                yield f"{path}{name}", child["en"]
            else:
                yield from keys(child, f"{path}{name}.")

    found = dict(keys(_texts()))
    counting = {key for key, text in found.items() if "{count}" in text and not key.endswith("_one")}
    assert counting
    assert {key for key in counting if f"{key}_one" not in found} == set()


def test_a_status_without_words_is_shown_by_its_name() -> None:
    assert NL.status("suppressed") == "niet getoond: minder dan 5 mensen"
    assert NL.status("too_new_to_tell") == "too new to tell"


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="nl, en"):
        Wording("fr")


@given(st.lists(st.floats(min_value=0, max_value=1e6), min_size=1, max_size=6).filter(any))
def test_whole_percents_add_up_and_stay_near(amounts: list[float]) -> None:
    percents = whole_percents(amounts)
    assert sum(percents) == 100
    assert all(
        abs(percent - 100 * amount / sum(amounts)) < 1 for percent, amount in zip(percents, amounts, strict=True)
    )
