"""A night of an organisation in which every text, name and address that a platform tells or exports has a mark: none is found in anything that is written.

Every source takes part in every way that it can be read; which ways there are follows from the sources themselves, so that a new one without marks fails here.
"""

import csv
import json
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from heard import Heard, heard
from marks import Marks
from organisation import Way, missing, organisation
from unpacked import everything

from leerstroom import ledger, nightly
from leerstroom.landing import Store
from leerstroom.lrs import running as running_lrs
from leerstroom.quarantine import held
from leerstroom.settings import Settings
from leerstroom.state import open_state

RUN = "marked"
AS_OF = date(2026, 11, 15)
PLATFORMS = "platforms"  # what was told us: nothing of it is ours

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow, pytest.mark.xdist_group("marked-night")]


@dataclass
class Told:
    """The night: what its stages returned, which is what travels between tasks, what they raised, and what was logged."""

    folder: Path
    marks: Marks
    ways: list[Way]
    settings: Settings
    heard: Heard
    returned: dict[str, Any] = field(default_factory=dict)
    raised: list[str] = field(default_factory=list)

    def tried(self, name: str, stage: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """A stage, as its task runs it."""
        try:
            self.returned[name] = stage(*arguments, settings=self.settings, run_id=RUN, **named)
        except Exception as error:
            self.raised.append(f"{name}: " + "".join(traceback.format_exception(error)))
        return self.returned.get(name)

    def employ(self) -> None:
        """Puts everybody whose address is known by now into the directory: a person whom nobody knows reaches no table."""
        with (self.folder / PLATFORMS / "employees.csv").open("w", newline="") as stream:
            rows = csv.writer(stream)
            rows.writerow(["employee_id", "emails", "team"])
            for number, address in enumerate(sorted({each.lower() for each in self.marks.addresses()})):
                rows.writerow([f"E{number:05}", address, f"Team {number % 3}"])


def night(told: Told) -> None:
    """Every connection, then all together: the stages in the order of the Dag."""
    told.employ()
    for way in sorted(told.ways, key=lambda each: each.source.needs_addresses):
        if way.source.needs_addresses:
            told.employ()
        with way.at_its_time():
            told.tried(f"pull {way.name}", nightly.pull, way.connection, way.window.start, way.window.end)
    told.employ()
    for way in told.ways:
        pulled = told.returned.get(f"pull {way.name}")
        mapped = pulled and told.tried(f"map {way.name}", nightly.map_landing, way.connection, pulled["path"])
        _ = mapped and told.tried(f"load {way.name}", nightly.load, way.name, mapped["path"])
    told.tried("mirror", nightly.mirror)
    computed = told.tried("compute", nightly.compute, as_of=AS_OF)
    for stage in (nightly.publish, nightly.my_learning):
        told.tried(stage.__name__, stage, as_of=AS_OF, values=computed["path"])
    told.tried("settle", nightly.settle, expected=[way.name for way in told.ways])
    told.returned["quality"] = [each.text for each in nightly.check_quality(settings=told.settings, as_of=AS_OF)]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder, given = tmp_path_factory.mktemp("marked"), Marks()
    database = f"sqlite:///{folder}/lrs.sqlite"
    with (
        running_lrs(database=database, key="k", secret="a secret of the test") as lrs,
        organisation(folder / PLATFORMS, given) as ways,
    ):
        file = folder / "leerstroom.yaml"
        file.write_text(
            json.dumps({
                "organisation": {"name": "Leerbedrijf", "home_page": "https://people.leerbedrijf.example"},
                "data": "data",
                "directory": {"employees": f"{PLATFORMS}/employees.csv"},
                "lrs": {"endpoint": lrs.endpoint, "key": lrs.key, "secret": lrs.secret, "database": database},
                "hr": {"out": "hr", "language": "en"},
                "pseudonym_key": "a pseudonym key for the tests only",
            })
        )
        with heard() as log:
            made = Told(folder, given, ways, Settings.load(file), log)
            night(made)
        yield made


def places(told: Told, text: str) -> list[str]:
    """The fields whose texts are found, with their source before them."""
    return sorted({".".join(place) for mark in told.marks.found(text) for place in told.marks.places[mark]})


def test_every_source_takes_part_in_every_way_that_it_can_be_read(told: Told) -> None:
    assert missing(told.ways) == set()
    marked = {place[0] for of_mark in told.marks.places.values() for place in of_mark if place}
    assert {way.source.name for way in told.ways} - marked == set()
    assert told.raised == []
    counts = {name: value["counts"] for name, value in told.returned.items() if name.startswith("map ")}
    assert {name for name, each in counts.items() if not each["built"]} == set()
    quarantined = {name: each["quarantined"] for name, each in counts.items() if sum(each["quarantined"].values()) > each["built"]}  # fmt: skip
    assert quarantined == {}, "the marks spoil what is told, so nothing is proven"


def test_nothing_that_is_written_holds_a_mark(told: Told) -> None:
    written = list(everything(told.folder, PLATFORMS, "leerstroom.yaml"))
    kinds = {Path(name).suffix for name, _ in written}
    assert {".zst", ".parquet", ".sqlite", ".duckdb", ".xlsx", ".html", ".json"} <= kinds
    found = {name: places(told, data.decode("utf-8", "replace")) for name, data in written}
    assert sorted({f"{each} in {name}" for name, of_file in found.items() for each in of_file}) == []


def test_nothing_that_travels_between_tasks_is_raised_or_logged_holds_a_mark(told: Told) -> None:
    assert len(told.heard.lines) > 100
    assert len(told.returned) > 3 * len(told.ways)
    assert places(told, json.dumps(told.returned, default=str)) == []
    assert places(told, "\n".join(told.heard.lines)) == []


def test_the_people_of_the_night_reach_tables_and_files_of_their_own(told: Told) -> None:
    """Else the tables hold nothing that could be found."""
    assert len(list((told.folder / "my-learning").glob("*.html"))) > 30
    assert told.returned["publish"]["counts"]["rows"] > 1000
    assert ledger.entries(open_state(told.settings.state_url))
    assert held(Store(told.settings.data))
