"""What is kept no longer goes from every store; what a rerun still needs stays."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from leerstroom.cli import app
from leerstroom.errors import ConfigurationError
from leerstroom.landing import Store
from leerstroom.retention import outdated, remove_outdated
from leerstroom.settings import RetentionSettings, Settings

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
WINDOW = "20261101T230000Z_20261102T230000Z"


def ago(days: int) -> str:
    return (NOW - timedelta(days=days)).isoformat()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


def folder(store: Store, path: str, pulled: int | None, lines: int = 1) -> str:
    """A folder of one file; `pulled` days ago, or never finished."""
    with store.writer(f"{path}/records.jsonl.zst") as writer:
        writer.write_all({"stage": "map", "reason": "no date"} for _ in range(lines))
    if pulled is not None:
        store.finish(path, {"as_of": ago(pulled)})
    return path


def gone(store: Store, **kept: int | None) -> set[str]:
    return {each.path for each in outdated(store, RetentionSettings(**kept), NOW)}


def test_a_window_goes_when_it_was_pulled_longer_ago_than_its_store_keeps(store: Store) -> None:
    old = {folder(store, f"{name}/zoom/webinars/{WINDOW}", 15) for name in ("landing", "statements")}
    folder(store, "landing/zoom/webinars/20251101T230000Z_20251102T230000Z", 13)  # an old window, pulled again lately
    folder(store, f"quarantine/sheet/registers/{WINDOW}", 89)
    assert gone(store) == old


def test_a_folder_that_was_never_finished_goes_by_the_end_of_its_window(store: Store) -> None:
    old = folder(store, f"landing/zoom/webinars/{WINDOW}", None)
    folder(store, "landing/zoom/webinars/20261119T230000Z_20261120T230000Z", None)
    assert gone(store) == {old}


def test_a_landing_stays_as_long_as_quarantine_holds_records_of_it(store: Store) -> None:
    landing = folder(store, f"landing/sheet/registers/{WINDOW}", 60)
    quarantine = folder(store, f"quarantine/sheet/registers/{WINDOW}", 60)
    other = folder(store, f"landing/sheet/other/{WINDOW}", 60)
    folder(store, f"quarantine/sheet/other/{WINDOW}", 60, lines=0)
    assert gone(store) == {other}
    assert gone(store, quarantine_days=30) >= {landing, quarantine, other}


def test_none_keeps_for_ever(store: Store) -> None:
    folder(store, f"landing/zoom/webinars/{WINDOW}", 1000)
    assert gone(store, landing_days=None) == set()


def test_indicators_go_with_the_rows_per_day_that_they_hold(store: Store) -> None:
    for day in ("2026-08-28", "2026-08-30"):
        path = Path(store.path(f"indicators/as_of={day}"))
        path.mkdir(parents=True)
        (path / "indicator_values.parquet").write_bytes(b"values")
    assert gone(store) == {"indicators/as_of=2026-08-28"}


def test_a_folder_whose_name_tells_no_time_is_not_ours(store: Store) -> None:
    folder(store, "landing/zoom/webinars/kept-by-hand", None)
    assert gone(store) == set()


@pytest.fixture
def configured(tmp_path: Path) -> Settings:
    values: dict[str, Any] = {"data": "data", "hr": {"out": "hr"}}
    (tmp_path / "leerstroom.yaml").write_text(json.dumps(values))
    return Settings.load(tmp_path / "leerstroom.yaml")


def test_a_dry_run_counts_the_same_and_removes_nothing(configured: Settings, store: Store) -> None:
    landing = folder(store, f"landing/zoom/webinars/{WINDOW}", 15)
    told = remove_outdated(configured, NOW, dry_run=True)
    assert told == {"landing": 1, "statements": 0, "quarantine": 0, "indicators": 0, "hr_rows": 0}
    assert store.manifest(landing)
    assert remove_outdated(configured, NOW) == told
    assert store.files("landing", ".zst") == []
    assert remove_outdated(configured, NOW)["landing"] == 0
    assert not configured.hr.out.exists(), "a database that was never published to is not made"


def test_rows_of_hr_go_by_the_end_of_their_period(configured: Settings) -> None:
    import duckdb

    configured.hr.out.mkdir()
    with duckdb.connect(configured.hr_database) as database:
        database.execute("CREATE TABLE indicator_values (grain TEXT, period_end DATE)")
        rows = [
            (grain, date(2026, 11, 27) - timedelta(days=days))
            for grain, days in (
                ("employee_day", 91),
                ("employee_day", 90),
                ("employee_window", 731),
                ("employee_window", 91),
            )
        ]
        database.executemany(
            "INSERT INTO indicator_values VALUES (?, ?)", [*rows, ("community_window", date(2020, 1, 1))]
        )
    assert remove_outdated(configured, NOW)["hr_rows"] == 2
    with duckdb.connect(configured.hr_database) as database:
        left = database.execute("SELECT grain, period_end FROM indicator_values ORDER BY ALL").fetchall()
    assert left == sorted([rows[1], rows[3], ("community_window", date(2020, 1, 1))])


def statement(number: int, of: str | None = None) -> dict[str, Any]:
    from leerstroom.statements import name_uuid

    target = {"objectType": "StatementRef", "id": of} if of else {"id": "https://example.org/course/1"}
    return {
        "id": name_uuid("retention", str(number)),
        "actor": {"account": {"homePage": "https://people.example.org", "name": f"a{number}"}},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/" + ("voided" if of else "completed")},
        "object": target,
        "timestamp": "2026-11-03T10:00:00.000Z",
    }


def test_mirror_and_lrs_forget_what_was_stored_before(tmp_path: Path, configured: Settings) -> None:
    from connectors.lrs import Lrs
    from connectors.lrs import mirror as bring
    from leerstroom.lrs import running
    from leerstroom.mirror import Mirror

    database = f"sqlite:///{tmp_path}/lrs.sqlite"
    settings = configured.model_copy(
        update={
            "lrs": configured.lrs.model_copy(update={"database": database}),
            "retention": RetentionSettings(mirror_months=5, lrs_months=6),
        }
    )
    with running(database) as server, Lrs(server.endpoint, server.key, server.secret) as lrs:
        lrs.load(json.dumps(statement(number)).encode() for number in range(3))
        lrs.load([json.dumps(statement(9, of=statement(0)["id"])).encode()])
        bring(lrs, Mirror(f"{settings.data}/mirror"))
    mirrored = Mirror(f"{settings.data}/mirror")
    assert mirrored.rows >= 3
    real = datetime.now(UTC)
    early = remove_outdated(settings, real + timedelta(days=30))
    assert (early["lrs"], early["mirror"]) == (0, 0)
    later = real + timedelta(days=200)
    told = remove_outdated(settings, later, dry_run=True)
    assert (told["lrs"], told["mirror"]) == (4, mirrored.rows)
    assert mirrored.rows >= 3
    assert remove_outdated(settings, later) == told
    assert mirrored.rows == 0
    with running(database) as server, Lrs(server.endpoint, server.key, server.secret) as lrs:
        assert list(lrs.query()) == []
        assert lrs.statement(statement(0)["id"]) is None
        assert lrs.load(json.dumps(statement(number)).encode() for number in range(3)).stored == 3
        assert bring(lrs, mirrored).new == 3, "the mirror goes on from where it stood"


def test_an_lrs_database_that_is_not_there_is_told_and_not_made(tmp_path: Path, configured: Settings) -> None:
    settings = configured.model_copy(
        update={
            "lrs": configured.lrs.model_copy(update={"database": f"{tmp_path}/elsewhere.sqlite"}),
            "retention": RetentionSettings(lrs_months=6),
        }
    )
    with pytest.raises(ConfigurationError, match=r"no LRS database .*elsewhere\.sqlite"):
        remove_outdated(settings, NOW)
    assert not (tmp_path / "elsewhere.sqlite").exists()


def test_fewer_months_than_figures_look_back_are_refused() -> None:
    with pytest.raises(ValueError, match="mirror_months"):
        RetentionSettings(mirror_months=4)


def test_the_command_says_what_went_and_what_it_cannot_reach(tmp_path: Path, store: Store) -> None:
    file = tmp_path / "leerstroom.yaml"
    file.write_text(json.dumps({"data": "data", "hr": {"out": "hr"}, "retention": {"lrs_months": 13}}))
    folder(store, "landing/zoom/webinars/20200101T230000Z_20200102T230000Z", None)
    dry = CliRunner().invoke(app, ["retention", "--dry-run", "--settings", str(file)])
    assert dry.exit_code == 0
    assert "1 windows of the landing" in dry.stdout
    assert "set lrs.database" in dry.stderr
    done = CliRunner().invoke(app, ["retention", "--settings", str(file), "--json"])
    assert json.loads(done.stdout)["landing"] == 1
    assert store.files("landing", ".zst") == []


def test_a_setting_that_is_no_number_of_days_is_told(tmp_path: Path) -> None:
    file = tmp_path / "leerstroom.yaml"
    file.write_text(json.dumps({"retention": {"landing_days": 0}}))
    with pytest.raises(ConfigurationError, match=r"retention\.landing_days"):
        Settings.load(file)
