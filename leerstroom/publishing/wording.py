"""Numbers, dates and sentences as a reader in English or Dutch expects them: 1.234,5 and 20 november 2026, or 1,234.5 and 20 November 2026."""

import math
from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import Any

from leerstroom.schemas import read_yaml

LANGUAGES = ("nl", "en")
_MONTHS = {
    "en": [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    "nl": [
        "januari",
        "februari",
        "maart",
        "april",
        "mei",
        "juni",
        "juli",
        "augustus",
        "september",
        "oktober",
        "november",
        "december",
    ],
}
_DAYS = {
    "en": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    "nl": ["maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag"],
}
NO_BREAK = "\N{NO-BREAK SPACE}"
NOTHING = "\N{EN DASH}"


@cache
def _texts() -> Any:
    return read_yaml("report.yaml")


@cache
def _sentence(key: str, language: str) -> str:
    found: Any = _texts()
    rest = key
    while rest and rest not in found:  # categories hold a dot themselves: generations.2.0
        part, _, rest = rest.partition(".")
        found = found[part]
    found = found[rest] if rest else found
    return str(found[language])


class Wording:
    """One language: `text("minutes.title", days=28)` looks up a sentence of `schemas/report.yaml`; the rest formats values.

    `minimum_group` fills the blank `{minimum}` wherever a sentence tells how small a group may be.
    """

    def __init__(self, language: str, minimum_group: int = 5) -> None:
        if language not in LANGUAGES:
            raise ValueError(f"language must be one of {', '.join(LANGUAGES)}, not {language!r}")
        self.language = language
        self.minimum_group = minimum_group

    def text(self, key: str, **values: Any) -> str:
        """The sentence `key` (dots go deeper) with its blanks filled. Raises KeyError for a sentence that does not exist."""
        sentence = _sentence(key, self.language)
        return sentence.format(**{"minimum": self.minimum_group, **values}) if "{" in sentence else sentence

    def counted(self, key: str, many: float, written: str = "", **values: Any) -> str:
        """The sentence `key` about so many things; about exactly one it is the sentence `key_one`. {count} is the number, as `written` or else plain."""
        return self.text(f"{key}_one" if many == 1 else key, count=written or self.number(many), **values)

    def status(self, status: str) -> str:
        """A status in words; a status without words of its own is shown by its name."""
        return self.text(f"status.{status}") if status in _texts()["status"] else status.replace("_", " ")

    def number(self, value: float | None, digits: int = 0) -> str:
        """`1.234,5` or `1,234.5`; halves go up, a missing value is a dash, never 0."""
        if value is None or math.isnan(value):
            return NOTHING
        scaled = math.floor(abs(value) * 10**digits + 0.5 + 1e-9) / 10**digits
        written = f"{scaled:,.{digits}f}"
        if self.language == "nl":
            written = written.translate(str.maketrans(",.", ".,"))
        return f"\N{MINUS SIGN}{written}" if value < 0 and scaled else written

    def percent(self, share: float | None, digits: int = 0) -> str:
        """0.873 as `87%`. A share that is small but not nothing never becomes 0 %."""
        if share is not None and 0 < share < 0.5 / 10 ** (digits + 2):
            return "<\N{NARROW NO-BREAK SPACE}" + self.number(1 / 10**digits, digits) + "%"
        return NOTHING if share is None else self.number(share * 100, digits) + "%"

    def in_words(self, count: int) -> str:
        """Small whole numbers as running text writes them: three, drie."""
        words = _texts()["number_words"][self.language].split()
        return str(words[count - 1]) if 0 < count <= len(words) else self.number(count)

    def minutes(self, value: float | None) -> str:
        """Minutes as people say them: 45 min, 3 h 20 (Dutch: 3 u 20), 312 h."""
        if value is None:
            return NOTHING
        hour = "u" if self.language == "nl" else "h"
        whole = math.floor(value + 0.5)
        if whole < 120:
            return f"{whole}{NO_BREAK}min"
        if whole < 600:
            return f"{whole // 60}{NO_BREAK}{hour}{NO_BREAK}{whole % 60:02d}"
        return f"{self.number(value / 60)}{NO_BREAK}{hour}"

    def day(self, day: date, *, weekday: bool = False, year: bool = True) -> str:
        """`20 november 2026`, with the weekday before it when asked."""
        written = f"{day.day}{NO_BREAK}{_MONTHS[self.language][day.month - 1]}"
        if year:
            written += f"{NO_BREAK}{day.year}"
        return f"{_DAYS[self.language][day.weekday()]}{NO_BREAK}{written}" if weekday else written

    def short_day(self, day: date) -> str:
        """`20 nov`; the Dutch March is `mrt`."""
        month = _MONTHS[self.language][day.month - 1]
        return f"{day.day}{NO_BREAK}{'mrt' if month == 'maart' else month[:3]}"

    def period(self, start: date, end: date) -> str:
        """`1 – 20 november 2026`; the year or month is said once when both days share it."""
        if start == end:
            return self.day(end)
        if (start.year, start.month) == (end.year, end.month):
            return f"{start.day}{NO_BREAK}{NOTHING}{NO_BREAK}{self.day(end)}"
        return f"{self.day(start, year=start.year != end.year)} {NOTHING} {self.day(end)}"


def whole_percents(amounts: Sequence[float]) -> list[int]:
    """Whole percents that add up to 100, by largest remainder; a list without any amount gives zeros."""
    total = sum(amounts)
    if total <= 0:
        return [0] * len(amounts)
    exact = [100 * amount / total for amount in amounts]
    percents = [math.floor(each) for each in exact]
    behind = sorted(range(len(exact)), key=lambda place: (percents[place] - exact[place], place))
    for place in behind[: 100 - sum(percents)]:
        percents[place] += 1
    return percents
