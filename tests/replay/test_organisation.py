"""Generated organisations: the same plan gives the same bytes, and what they are said to tell is what the sources pull and map."""

import filecmp
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from leerstroom import ledger, nightly
from leerstroom.cli import app
from leerstroom.errors import ConfigurationError
from leerstroom.landing import Store
from leerstroom.people import Directory
from leerstroom.replay import running
from leerstroom.replay.organisation import PLATFORMS, Plan, generate
from leerstroom.settings import Settings
from leerstroom.state import open_state
from leerstroom.statements.vocabulary import canonical_verb

UNTIL = date(2025, 11, 23)
CONNECTIONS = {"matrix": "chat", "moodle": "academy", "zoom": "webinars", "openedx": "courses", "sheet": "registers"}


def plan(**changed: Any) -> Plan:
    return Plan(**{"employees": 40, "days": 10, "records": 900, "platforms": PLATFORMS, "until": UNTIL, **changed})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("organisation")
    generate(made, plan(records=1500, seed=7))
    return made


@pytest.fixture(scope="module")
def settings(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The settings that were generated, with secrets in the environment and the address of the replay."""
    with running(folder) as server, pytest.MonkeyPatch.context() as patch:
        for name in ("LEERSTROOM_LRS_KEY", "LEERSTROOM_LRS_SECRET", "LEERSTROOM_PSEUDONYM_KEY"):
            patch.setenv(name, "a secret of the tests only")
        file = folder / "leerstroom.yaml"
        file.write_text(file.read_text(encoding="utf-8").replace("http://127.0.0.1:8900", server.url), encoding="utf-8")
        loaded = Settings.load(file)
        yield loaded.model_copy(update={"data": str(tmp_path_factory.mktemp("data"))})


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_pull_of_all_days_finds_what_the_truth_says(platform: str, folder: Path, settings: Settings) -> None:
    told = json.loads((folder / "truth.json").read_bytes())["platforms"][platform]
    connection = nightly.connection_of(settings, CONNECTIONS[platform])
    start, end = nightly.local_window(plan().first_day, UNTIL, "Europe/Amsterdam")
    pulled = nightly.pull(connection, start, end, settings=settings, run_id=platform)
    mapped = nightly.map_landing(connection, pulled["path"], settings=settings, run_id=platform)
    found = Counter(
        canonical_verb(orjson.loads(line)["verb"]["id"])
        for line in Store(settings.data).lines(f"{mapped['path']}/statements.jsonl.zst")
    )
    assert mapped["counts"]["quarantined"] == {}
    assert found == told["statements"]
    assert mapped["counts"]["pulled"] == told["records"]
    assert sum(mapped["counts"]["ignored"].values()) == told["ignored"]
    assert len(ledger.check(open_state(settings.state_url), platform)) == 2


def test_everybody_who_did_something_is_in_the_directory(folder: Path, settings: Settings) -> None:
    employees = Directory.read(folder / "employees.csv").employees
    assert len({each.employee_id for each in employees}) == len({each.emails for each in employees}) == 40
    connection = nightly.connection_of(settings, "chat")
    start, end = nightly.local_window(plan().first_day, UNTIL, "Europe/Amsterdam")
    pulled = nightly.pull(connection, start, end, settings=settings, run_id="who")
    mapped = nightly.map_landing(connection, pulled["path"], settings=settings, run_id="who")
    homes = {
        orjson.loads(line)["actor"]["account"]["homePage"]
        for line in Store(settings.data).lines(f"{mapped['path']}/statements.jsonl.zst")
    }
    assert homes == {settings.organisation.home_page}


def test_the_same_plan_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("one", 3), ("again", 3), ("other", 4)):
        generate(tmp_path / name, plan(seed=seed))
    files = sorted(str(each.relative_to(tmp_path / "one")) for each in (tmp_path / "one").rglob("*") if each.is_file())
    assert filecmp.cmpfiles(tmp_path / "one", tmp_path / "again", files, shallow=False)[0] == files
    same, different, _ = filecmp.cmpfiles(tmp_path / "one", tmp_path / "other", files, shallow=False)
    assert {"employees.csv", "truth.json", "zoom/zoom.json"} <= set(different)
    assert "excluded_accounts.csv" in same


@pytest.mark.parametrize("records", [3000, 12_000])
def test_there_are_about_as_many_records_as_were_wished(records: int, tmp_path: Path) -> None:
    truth = generate(tmp_path / "made", plan(employees=200, days=28, records=records))
    assert truth["records"] == pytest.approx(records, rel=0.1)


def test_people_work_in_weeks_and_some_do_much(folder: Path) -> None:
    weekend, senders = 0, Counter[str]()
    events = [orjson.loads(line) for file in (folder / "matrix" / "rooms").glob("*") for line in file.open("rb")][1:]
    said = [each for each in events if each.get("type") == "m.room.message"]
    for each in said:
        senders[each["sender"]] += 1
        weekend += datetime.fromtimestamp(each["origin_server_ts"] / 1000, UTC).weekday() > 4
    assert weekend < len(said) * 0.2
    assert sum(count for _, count in senders.most_common(8)) > len(said) * 0.4


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(ConfigurationError, match="not empty"):
        generate(tmp_path, plan())
    assert [each.name for each in tmp_path.iterdir()] == ["note.txt"]


def test_a_platform_that_is_not_known_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="orkut"):
        generate(tmp_path / "made", plan(platforms=("matrix", "orkut")))


def test_the_command_writes_an_organisation_that_leerstroom_check_can_read(tmp_path: Path) -> None:
    wished = [
        "generate",
        str(tmp_path / "made"),
        "--employees",
        "30",
        "--days",
        "7",
        "--records",
        "400",
        "--until",
        "2025-11-23",
    ]
    done = CliRunner().invoke(app, [*wished, "--platforms", "openedx, sheet", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["plan"]["from"], told["plan"]["to"]) == ("2025-11-17", "2025-11-23")
    assert told == json.loads((tmp_path / "made" / "truth.json").read_bytes())
    assert sorted(each.name for each in (tmp_path / "made").iterdir() if each.is_dir()) == ["openedx", "sheet"]
    again = CliRunner().invoke(app, [*wished, "--platforms", "sheet"])
    assert isinstance(again.exception, ConfigurationError)
