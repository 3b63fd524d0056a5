"""What is generated, of whom, and the account of it: the plan, the organisation's people with their habits, and what was told."""

import csv
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from leerstroom.errors import ConfigurationError
from leerstroom.replay.organisation.rhythm import Rhythm

FEWEST_EMPLOYEES = 20  # a conversation needs several people, and a figure of fewer is shown to nobody
_FIRST = """
    anouk bas carlijn daan eline floor gijs hanneke imane jorrit kim lars mila noor oumaima petra quinten roos stijn tess umar vera wouter xandra yara zoe
    amir bilal chen dewi emre fatma guus hidde ilse joris koen lotte maud niels
    """.split()  # noqa: SIM905 - a list of words reads best as words
_LAST = """
    jansen devries bakker visser smit meijer mulder degroot bos vos peters hendriks dekker brouwer dewit dijkstra smits degraaf vandermeer kok jacobs vandam
    vermeulen vandenberg schouten willems hoekstra koster prins huisman postma kuipers veenstra yilmaz kaya elidrissi amrani nguyen kovacevic haddad
    """.split()  # noqa: SIM905
_TEAMS = """
    Burgerzaken Belastingen Communicatie Facilitair Financien Handhaving HR ICT Inkoop Jeugd Juridisch Milieu Participatie Ruimte Sport Verkeer
    Vergunningen Werk Zorg
    """.split()  # noqa: SIM905
_LOCATIONS = ("Stadhuis", "Werf", "Stadskantoor", "Wijkhuis Noord")
_TEAM_SIZE = 12
_MOST_TIMES = 40.0  # the busiest person does so many times what the idlest does


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How large: `employees`, `days` up to and with the local day `until`, about so many `records` on `platforms`; `seed` makes it another one."""

    employees: int
    days: int
    records: int
    platforms: tuple[str, ...]
    until: date
    seed: int = 1

    def __post_init__(self) -> None:
        if self.employees < FEWEST_EMPLOYEES or self.days < 1 or self.records < 1:
            raise ConfigurationError(f"an organisation needs {FEWEST_EMPLOYEES} employees, 1 day and 1 record at least")

    @property
    def first_day(self) -> date:
        """The first local day."""
        return self.until - timedelta(days=self.days - 1)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "employees": self.employees,
            "days": self.days,
            "records": self.records,
            "platforms": list(self.platforms),
            "from": self.first_day.isoformat(),
            "to": self.until.isoformat(),
            "seed": self.seed,
        }


@dataclass(slots=True)
class Told:
    """What a platform was made to tell: records as a pull of all days counts them, and what becomes of them.

    `statements` counts by verb; `ignored` and `retracting` count records of which no statement is made. `progress` hears of every thousandth.
    """

    progress: Callable[[int], None] = field(default=lambda _: None, repr=False)
    records: int = 0
    ignored: int = 0
    retracting: int = 0
    statements: Counter[str] = field(default_factory=Counter)

    def record(self, *verbs: str, rows: int = 1) -> None:
        """So many records of which together these statements are made; `ignored` and `retracting` are said in the place of a verb."""
        self.records += rows
        if verbs == ("ignored",):
            self.ignored += rows
        elif verbs == ("retracting",):
            self.retracting += rows
        else:
            self.statements.update(verbs)
        if self.records % 1000 < rows:
            self.progress(self.records)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "records": self.records,
            "ignored": self.ignored,
            "retracting": self.retracting,
            "statements": dict(sorted(self.statements.items())),
        }


class Group:
    """People (numbers of employees) of whom some do much and many do little."""

    def __init__(self, members: Sequence[int], weights: Sequence[float]) -> None:
        self.members = members
        self._sums = list(accumulate(weights[member] for member in members))

    def someone(self, draw: random.Random, but: int | None = None) -> int:
        """One of them, and not `but`."""
        while True:
            [found] = draw.choices(self.members, cum_weights=self._sums)
            if found != but:
                return found

    def some(self, draw: random.Random, count: int) -> list[int]:
        """So many different ones, at most all, by number."""
        if count * 3 >= len(self.members):
            return sorted(draw.sample(self.members, min(count, len(self.members))))
        found: set[int] = set()
        while len(found) < count:
            found.update(draw.choices(self.members, cum_weights=self._sums, k=count - len(found)))
        return sorted(found)


class Organisation:
    """The people of a plan and when they work. People are numbers from 0; what they are called follows from the number."""

    name = "Gemeente Voorbeeldstad"
    domain = "voorbeeldstad.example"
    zone = ZoneInfo("Europe/Amsterdam")

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.rhythm = Rhythm(plan.first_day, plan.days, self.zone)
        draw = self.draw("habits")
        self.weights = [min(draw.paretovariate(1.2), _MOST_TIMES) for _ in range(plan.employees)]
        self.everyone = Group(range(plan.employees), self.weights)

    def draw(self, *names: object) -> random.Random:
        """Chance for one purpose: what else is generated does not change it."""
        return random.Random(f"{self.plan.seed} {' '.join(map(str, names))}")  # noqa: S311 - repeatable on purpose

    def group(self, draw: random.Random, count: int) -> Group:
        """Some of the people."""
        return Group(self.everyone.some(draw, count), self.weights)

    # --- one person ---------------------------------------------------------------------------------------------------------------

    @staticmethod
    def username(number: int) -> str:
        """A name that nobody else has."""
        again, which = divmod(number, len(_FIRST) * len(_LAST))
        return f"{_FIRST[which % len(_FIRST)]}.{_LAST[which // len(_FIRST)]}{again or ''}"

    def full_name(self, number: int) -> str:
        """The name that platforms show."""
        return self.username(number).replace(".", " ").title()

    def email(self, number: int) -> str:
        """The address at work."""
        return f"{self.username(number)}@{self.domain}"

    @staticmethod
    def employee_id(number: int) -> str:
        """The number in HR's books."""
        return f"E{number + 100_000}"

    def matrix_id(self, number: int) -> str:
        """The account in the chat."""
        return f"@{self.username(number)}:{self.domain}"

    @property
    def robot(self) -> str:
        """The account of a program in the chat."""
        return f"@vragenrobot:{self.domain}"

    # --- the directory ------------------------------------------------------------------------------------------------------------

    def write_directory(self, folder: Path) -> None:
        """`employees.csv` and `excluded_accounts.csv`."""
        draw, start = self.draw("directory"), self.plan.first_day
        with (folder / "employees.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow((
                "employee_id", "emails", "id_matrix", "id_moodle", "id_openedx", "team", "manager", "fte", "location", "time_zone", "in_service_from", "in_service_to",
            ))  # fmt: skip
            for number in range(self.plan.employees):
                team = number // _TEAM_SIZE
                since = start - timedelta(days=draw.randrange(30, 4000))
                writer.writerow((
                    self.employee_id(number), self.email(number), self.matrix_id(number), moodle_id(number), openedx_id(number),
                    f"{_TEAMS[team % len(_TEAMS)]} {team // len(_TEAMS) + 1}", self.employee_id(team * _TEAM_SIZE) if number % _TEAM_SIZE else "",
                    draw.choice(("1.0", "1.0", "0.8", "0.6")), draw.choice(_LOCATIONS), self.zone.key, since.isoformat(), "",
                ))  # fmt: skip
        (folder / "excluded_accounts.csv").write_text(f"id_matrix\n{self.robot}\n", encoding="utf-8")


def moodle_id(number: int) -> int:
    """The number of an employee in the academy; the first ones are those of the site itself."""
    return number + 10


def openedx_id(number: int) -> int:
    """The number of an employee at the course platform."""
    return number + 1000
