"""Nights of the real Dag with every source in every way that it can be read, whose texts, names and addresses have marks: Airflow keeps and shows none.

What is searched is all that Airflow has of a run: what tasks hand to each other, rendered fields, notes, names of mapped tasks, its whole database, logs, and
what it prints. `tests/test_marked_night.py` searches what the stages write.
"""

import csv
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from heard import heard
from marks import Marks
from organisation import Way, missing, organisation
from unpacked import everything

from connectors.source import Source
from leerstroom import ledger
from leerstroom.lrs import running as running_lrs
from leerstroom.settings import Settings
from leerstroom.state import open_state

PLATFORMS = "platforms"
NIGHTS = (  # the days of most recordings, and of those that are older
    (date(2026, 10, 19), date(2026, 11, 30)),
    (date(2025, 11, 3), date(2025, 11, 4)),
    (date(2018, 10, 1), date(2018, 10, 31)),
)

pytestmark = [pytest.mark.timeout(3600), pytest.mark.slow, pytest.mark.xdist_group("airflow-night")]


@contextmanager
def at_their_times(ways: Iterable[Way]) -> Iterator[None]:
    """Each platform is asked at the time of its recordings."""
    clocks: dict[type[Source], dict[str, datetime]] = defaultdict(dict)
    for way in ways:
        clocks[way.source][way.name] = way.clock or datetime.now(UTC)
    with ExitStack() as stack:
        for source, known in clocks.items():
            stack.enter_context(
                patch.object(
                    source, "now", lambda self, known=known: known.get(self.connection.name, datetime.now(UTC))
                )
            )
        yield


def employ(folder: Path, ways: Iterable[Way], marks: Marks) -> None:
    """Those whom a source must be asked for by address work here, and some of the others: as many as make tables, in no more time than that."""
    asked = {way.source.name for way in ways if way.source.needs_addresses}
    with (folder / PLATFORMS / "employees.csv").open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["employee_id", "emails", "team"])
        for number, address in enumerate(sorted({each.lower() for each in marks.addresses()})):
            known_at = {place[0] for mark in marks.found(address) for place in marks.places[mark]}
            if number % 9 == 0 or known_at & asked:
                rows.writerow([f"E{number:05}", address, f"Team {number % 3}"])


def of_nights(ways: Iterable[Way]) -> list[list[Way]]:
    """The ways of each night: of the first whose days its window has."""
    nights: list[list[Way]] = [[] for _ in NIGHTS]
    for way in ways:
        first, end = way.window.start.date(), way.window.end.date()
        nights[next(number for number, (begins, ends) in enumerate(NIGHTS) if first <= ends and begins < end)].append(
            way
        )
    return nights


@contextmanager
def installed(folder: Path, ways: list[Way], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Settings]]:
    """An installation with its LRS; `write(connections)` says which connections it has."""
    with running_lrs(database=f"sqlite:///{folder}/lrs.sqlite", key="k", secret="a secret of the test") as lrs:

        def write(connections: dict[str, Any]) -> Settings:
            (folder / "leerstroom.yaml").write_text(
                json.dumps({
                    "organisation": {"name": "Leerbedrijf", "home_page": "https://people.leerbedrijf.example"},
                    "data": "data",
                    "directory": {"employees": f"{PLATFORMS}/employees.csv"},
                    "lrs": {"endpoint": lrs.endpoint, "key": lrs.key, "secret": lrs.secret},
                    "hr": {"out": "hr", "language": "en"},
                    "connections": connections,
                })
            )
            return Settings.load(folder / "leerstroom.yaml")

        monkeypatch.setenv("LEERSTROOM_SETTINGS", str(folder / "leerstroom.yaml"))
        monkeypatch.setenv("LEERSTROOM_PSEUDONYM_KEY", "a pseudonym key for the tests only")
        with at_their_times(ways):
            yield write


def night(first: date, last: date) -> Any:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    assert bag.import_errors == {}
    at = datetime(last.year, last.month, last.day, 1, tzinfo=UTC) + timedelta(days=1)
    return bag.dags["learning_nightly"].test(
        logical_date=at, run_conf={"from": first.isoformat(), "to": last.isoformat()}
    )


def kept(found: Any) -> dict[str, list[str]]:
    """What Airflow's database holds of a run: what travelled, rendered fields, names of tasks."""
    from airflow.models.renderedtifields import RenderedTaskInstanceFields
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        xcom = select(XComModel).where(XComModel.run_id == found.run_id)
        rendered = select(RenderedTaskInstanceFields).where(RenderedTaskInstanceFields.run_id == found.run_id)
        return {
            "travelled": [json.dumps(each.value) for each in session.scalars(xcom)],
            "rendered": [json.dumps(each.rendered_fields) for each in session.scalars(rendered)],
            "tasks": [f"{ti.task_id} {ti.rendered_map_index} {ti.state}" for ti in found.get_task_instances()],
        }


def places(marks: Marks, text: str) -> list[str]:
    """The fields whose texts are found, with their source before them."""
    return sorted({".".join(place) for mark in marks.found(text) for place in marks.places[mark]})


def searched(told: dict[str, Any], marks: Marks, home: Path) -> dict[str, list[str]]:
    """Where marks are found."""
    there = {name: "\n".join(each) for name, each in told.items()}
    there |= {f"AIRFLOW_HOME {name}": data.decode("utf-8", "replace") for name, data in everything(home)}
    return {name: found for name, text in there.items() if (found := places(marks, text))}


def test_airflow_keeps_and_shows_no_mark_of_any_source(
    airflow_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    marks, told = Marks(), defaultdict[str, list[str]](list)
    mapped: set[str] = set()
    with (
        organisation(tmp_path / PLATFORMS, marks) as ways,
        installed(tmp_path, ways, monkeypatch) as write,
        heard() as log,
    ):
        assert missing(ways) == set()
        for (first, last), of_night in zip(NIGHTS, of_nights(ways), strict=True):
            employ(tmp_path, ways, marks)
            settings = write({way.name: {"source": way.source.name, **way.fields} for way in of_night})
            run = night(first, last)
            entries = ledger.check(open_state(settings.state_url), run.run_id)
            mapped |= {each.connection for each in entries if each.stage == "map" and each.counts["built"]}
            for name, found in kept(run).items():
                told[name] += found
        told["logged"] = log.lines
    told["printed"] = list(capfd.readouterr())
    assert len(told["travelled"]) > 3 * len(ways)
    assert len(told["rendered"]) > 3 * len(ways)
    assert len(told["logged"]) > 100
    assert {way.source.name for way in ways} - {way.source.name for way in ways if way.name in mapped} == set()
    assert searched({"planted": [json.dumps({"title": min(marks.places)})]}, marks, tmp_path / "nothing").keys() == {
        "planted"
    }
    assert searched(told, marks, airflow_home) == {}
