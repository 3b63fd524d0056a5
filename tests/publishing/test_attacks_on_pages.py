"""A reader takes the report and the workbook apart: every number in them, in texts, labels and drawings, and sets those of days beside those of windows.

`test_attacks_on_sums` has the tables. Here it is what publishing itself makes of values: sums over everybody, series over time, and words.
"""

import random
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from leerstroom.classification import load_rules
from leerstroom.indicators import compute
from leerstroom.mirror.columns import to_table
from leerstroom.people import Directory, Employee
from leerstroom.publishing import publish
from leerstroom.publishing.disclosure import POLICIES, Disclosure
from leerstroom.publishing.wording import Wording
from leerstroom.statements.ids import name_uuid
from leerstroom.statements.vocabulary import extension, types, verbs

AS_OF = date(2026, 11, 20)
FIRST = AS_OF - timedelta(days=34)
WINDOWS = (7, 28)
MINIMUM = 5
DOMINANT = 0.8
CANARY = 86753  # no sum, share or count of the made-up night
WORDS = Wording("en")
HEADS = {  # of the tables over time, and what they are of
    **{WORDS.text(f"kinds.{kind}"): f"{kind}_learning_minutes" for kind in ("formal", "nonformal", "informal")},
    WORDS.text("sections.questions.asked"): "questions_asked",
    WORDS.text("sections.attendance.online"): "nonformal_attendances",
    WORDS.text("sections.attendance.offline"): "offline_encounters",
}
DAYS = {WORDS.day(FIRST + timedelta(days=number - 7)): FIRST + timedelta(days=number - 7) for number in range(60)}


class Printed(HTMLParser):
    """Tables of the English edition, as lists of rows of cells."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self._is_english = self._is_cell = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "div" and "edition" in (given.get("class") or ""):
            self._is_english = given.get("lang") == "en"
        if not self._is_english:
            return
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in {"td", "th"}:
            self.tables[-1][-1].append("")
            self._is_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._is_cell = False

    def handle_data(self, data: str) -> None:
        if self._is_english and self._is_cell:
            self.tables[-1][-1][-1] += data


# --- what is hidden in the values stands nowhere ---------------------------------------------------------------------------------


def spoken(html: str) -> str:
    """Everything that the file holds, attributes, drawings and comments too, without what separates thousands."""
    return re.sub(r"(?<=\d)[.,\s\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}](?=\d{3}\b)", "", html)


def cells(workbook: Path) -> Iterator[str]:
    import openpyxl

    for sheet in openpyxl.load_workbook(workbook).worksheets:
        for row in sheet.iter_rows():
            for cell in row:
                yield str(cell.value)
                yield str(cell.comment.text if cell.comment else "")


def forms(amount: int) -> tuple[str, ...]:
    """How an amount may be written: plain, as hours, as per cent."""
    return str(amount), str(round(amount / 60)), str(amount * 100)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_value_that_reaches_publishing_by_mistake_stands_nowhere(night: Any, tmp_path: Path, policy: str) -> None:
    """The stage before empties what is suppressed. Should it once not, the report, the workbook and the tables do not tell."""
    import pyarrow as pa

    sees = Disclosure.load(policy).hr_sees
    summed = {"questions_asked", "questions_answered_for_others", "resources_shared", *HEADS.values()}
    rows = [
        {**row, "value": float(CANARY), "numerator": float(CANARY), "denominator": float(CANARY)}
        if str(row["status"]).startswith("suppressed")
        or (
            row["grain"].startswith("employee")
            and not sees(row["indicator_id"], row["grain"])
            and row["indicator_id"].split(".")[0] not in summed | {"learning_minutes_total", "formal_completions"}
        )
        else row
        for row in night.rows
    ]
    assert sum(row["value"] == CANARY for row in rows) > 10
    made = publish(pa.Table.from_pylist(rows, schema=night.table().schema), **night.arguments(tmp_path, policy=policy))
    for text in (spoken(made.report.read_text()), spoken((tmp_path / "index.html").read_text()), *cells(made.workbook)):
        assert not [form for form in forms(CANARY) if re.search(rf"(?<![\d.]){form}(?!\d)", text)]


# --- series beside windows ---------------------------------------------------------------------------------------------------------


@dataclass
class Asking:
    """Two dozen people of whom a few or many ask, attend and study on a day."""

    seed: int
    directory: Directory = field(default_factory=Directory)
    statements: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        chance = random.Random(self.seed)
        people = range(24)
        self.directory.employees += [
            Employee(f"P{number}", (f"p{number}@example.org",), team=f"T{number % 3}", in_service_from=date(2020, 1, 1))
            for number in people
        ]
        some = chance.sample(people, chance.choice((3, 4, 6, 12)))
        for ago in range(32):
            for deed in (self.asks, self.attends, self.meets, self.studies):
                for number in chance.sample(some, min(len(some), chance.choice((0, 0, 1, 2, 3, 5, 9)))):
                    for _ in range(chance.choice((1, 1, 2, 9))):
                        deed(number, AS_OF - timedelta(days=ago), chance)

    def asks(self, number: int, day: date, _: random.Random) -> None:
        self._tell(number, day, "asked", f"q{len(self.statements)}", "chat-message", "chat", None)

    def attends(self, number: int, day: date, chance: random.Random) -> None:
        self._tell(number, day, "attended", f"w{day}", "webinar", "webinar", chance.choice((13, 31, 59)))

    def meets(self, number: int, day: date, chance: random.Random) -> None:
        self._tell(number, day, "attended", f"m{day}", "workshop", "offline", chance.choice((17, 61)))

    def studies(self, number: int, day: date, chance: random.Random) -> None:
        self._tell(number, day, "progressed", "course-1", "course", "lms", chance.choice((11, 47, 230)) / 4)

    def _tell(self, number: int, day: date, verb: str, thing: str, sort: str, kind: str, minutes: float | None) -> None:
        at = datetime(day.year, day.month, day.day, 8 + len(self.statements) % 9, len(self.statements) % 50, tzinfo=UTC)
        self.statements.append({
            "id": name_uuid("pages", str(self.seed), str(len(self.statements))), "actor": {"mbox": f"mailto:p{number}@example.org"},
            "verb": verbs[verb].as_json(), "object": {"id": f"https://t.example/{thing}", "definition": {"type": types[sort]}},
            "timestamp": at.isoformat(), "result": {"duration": f"PT{round(minutes * 60)}S"} if minutes else {},
            "context": {"extensions": {extension("source-kind"): kind}},
        })  # fmt: skip


Amounts = Mapping[str, float]  # person -> what they have


def told_of(amounts: list[Amounts], sees: bool) -> str:
    """What is wrong with a sum that is shown, or that follows; nothing where nobody has any."""
    whole: dict[str, float] = defaultdict(float)
    for each in amounts:
        for who, amount in each.items():
            whole[who] += amount
    has = {who: amount for who, amount in whole.items() if amount > 0}
    if not has or (max(has.values()) <= DOMINANT * sum(has.values()) and (sees or len(has) >= MINIMUM)):
        return ""
    return f"{len(has)} people, {max(has.values()) / sum(has.values()):.0%} of it one's"


def found(asking: Asking, policy: str, out: Path) -> tuple[list[str], int]:
    """What the series of the report tell of few people, by themselves or with the sums of windows; and how many steps were shown."""
    with compute(
        to_table(asking.statements), asking.directory, rules=load_rules(), coverage=None, from_=FIRST, to=AS_OF, as_of=AS_OF, windows=WINDOWS,
    ) as values:  # fmt: skip
        table = values.table
    done = publish(
        table, directory=asking.directory, coverage=None, as_of=AS_OF, out=out, language="en", policy=policy, organisation="x"
    )  # fmt: skip
    rows = table.to_pylist()
    by_day: dict[str, dict[date, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        if row["grain"] == "employee_day" and row["value"]:
            by_day[row["indicator_id"]][row["period_end"]][row["subject"]] = row["value"]
    known = {
        (row["indicator_id"], (row["period_end"] - row["period_start"]).days + 1)
        for row in rows
        if row["grain"] == "organisation_window" and row["period_end"] == AS_OF and row["numerator"] is not None
    }
    sees, wrong, shown = Disclosure.load(policy).hr_sees, [], 0
    for printed in Printed(done.report.read_text(encoding="utf-8")).tables:
        if printed[0][0] not in {WORDS.text("day"), WORDS.text("week_of")}:
            continue
        length = 7 if printed[0][0] == WORDS.text("week_of") else 1
        for column, head in enumerate(printed[0][1:], 1):
            indicator, hidden = HEADS[head], []
            is_seen = sees(indicator, "employee_day")
            for line in printed[1:]:
                first = DAYS[line[0]]
                step = [by_day[indicator][first + timedelta(days=number)] for number in range(length)]
                if line[column].startswith(WORDS.text("not_shown")):
                    hidden.append((first, step))
                elif why := told_of(step, is_seen):
                    wrong.append(f"{policy}: {indicator} on {first}: {line[column]} of {why}")
                else:
                    shown += any(step)
            ends = [0, *(days for days in WINDOWS if (indicator, days) in known)]
            for shorter, longer in ((a, b) for a in ends for b in ends if a < b):
                begin, end = AS_OF - timedelta(days=longer - 1), AS_OF - timedelta(days=shorter)
                inside = [
                    step for first, step in hidden if begin <= first and first + timedelta(days=length - 1) <= end
                ]
                is_cut = any(first < begin <= first + timedelta(days=length - 1) or first <= end < first + timedelta(days=length - 1) for first, _ in hidden)  # fmt: skip
                shows = any(any(by_day[indicator][day].values()) for day in by_day[indicator] if begin <= day <= end and not any(first <= day < first + timedelta(days=length) for first, _ in hidden))  # fmt: skip
                why = told_of([each for step in inside for each in step], is_seen)
                if inside and shows and not is_cut and length == 1 and why:
                    wrong.append(f"{policy}: {indicator}, {longer} days less {shorter}, less what is shown: {why}")
    return wrong, shown


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("seed", [5, 9])  # six people do things, and twelve
def test_series_tell_of_enough_people_by_themselves_and_beside_windows(seed: int, policy: str, tmp_path: Path) -> None:
    wrong, shown = found(Asking(seed), policy, tmp_path)
    assert wrong == []
    assert shown > 3


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_series_of_many_organisations_tell_of_enough_people(tmp_path: Path) -> None:
    told = {}
    for seed in range(10, 40):
        for policy in POLICIES:
            if wrong := found(Asking(seed), policy, tmp_path / f"{seed}-{policy}")[0]:
                told[seed, policy] = wrong
    assert told == {}
