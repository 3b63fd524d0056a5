"""The whole night without Airflow: recorded platforms over HTTP, the real LRS over HTTP, tables and report at the end."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard

from leerstroom import ledger, nightly
from leerstroom.errors import ConfigurationError
from leerstroom.lrs import running as running_lrs
from leerstroom.replay import running as running_replay
from leerstroom.settings import Settings
from leerstroom.state import open_state

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "tests" / "recordings" / "demo"
CONTENT_FIELDS = {"body", "formatted_body", "displayname", "message", "user_name", "question", "answer"}
FIRST, LAST = date(2026, 11, 2), date(2026, 11, 8)

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("night")]


@dataclass
class Place:
    """One installation in a temporary folder."""

    folder: Path
    settings: Settings
    file: Path


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[str, str]]:
    with running_replay(DEMO) as replay:
        yield replay.url, ""


@pytest.fixture
def place(tmp_path: Path, servers: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    from leerstroom_airflow.town_hall import connections

    with running_lrs(database=f"sqlite:///{tmp_path}/lrs.sqlite", key="k", secret="a secret of the test") as lrs:
        values = {
            "organisation": {"name": "Gemeente Voorbeeldstad", "home_page": "https://people.voorbeeldstad.example"},
            "data": "data",
            "directory": {"employees": str(DEMO / "employees.csv")},
            "lrs": {"endpoint": lrs.endpoint, "key": lrs.key, "secret": lrs.secret},
            "hr": {"out": "hr", "language": "en"},
            "pseudonym_key": "a pseudonym key for the tests only",
            "connections": connections(servers[0], DEMO),
        }
        file = tmp_path / "leerstroom.yaml"
        file.write_text(json.dumps(values))
        yield Place(tmp_path, Settings.load(file), file)


def night(place: Place) -> nightly.Night:
    start, end = nightly.local_window(FIRST, LAST, "Europe/Amsterdam")
    return nightly.run(place.settings, start, end)


def everything_written(folder: Path) -> Iterator[tuple[Path, bytes]]:
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name == "leerstroom.yaml":
            continue
        data = path.read_bytes()
        if path.name.endswith(".zst"):
            data = zstandard.ZstdDecompressor().decompressobj().decompress(data)
        if path.suffix == ".xlsx":
            import zipfile

            with zipfile.ZipFile(path) as archive:
                data = b"".join(archive.read(name) for name in archive.namelist())
        yield path, data


def test_a_night_ends_complete_balances_and_a_second_one_adds_nothing(place: Place) -> None:
    first = night(place)
    assert first.failures == {}
    assert first.settled["state"] == "complete"
    assert first.settled["counts"]["stored"] > 300
    values = Path(place.settings.data) / f"indicators/as_of={LAST}/indicator_values.parquet"
    before = values.read_bytes()
    report = Path(first.published["report"]).read_bytes()
    second = night(place)
    assert second.settled["counts"]["stored"] == 0
    assert second.settled["counts"]["built"] == first.settled["counts"]["built"]
    assert _without_clock(values) == _without_clock_bytes(before, place.folder)
    assert Path(second.published["report"]).read_bytes() == report


def test_connections_in_processes_of_their_own_give_what_one_process_gives(place: Place) -> None:
    start, end = nightly.local_window(FIRST, LAST, "Europe/Amsterdam")
    heard: list[str] = []
    apart = nightly.run(place.settings, start, end, at_once=2, announce=heard.append)
    assert apart.failures == {}
    assert apart.settled["state"] == "complete"
    assert {f"{name}: pull" for name in place.settings.connections} < set(heard)
    values = Path(place.settings.data) / f"indicators/as_of={LAST}/indicator_values.parquet"
    before, report = values.read_bytes(), Path(apart.published["report"]).read_bytes()
    here = night(place)
    assert here.settled["counts"] == {
        **apart.settled["counts"],
        "stored": 0,
        "already_there": apart.settled["counts"]["stored"],
    }
    assert here.published == apart.published
    assert _without_clock(values) == _without_clock_bytes(before, place.folder)
    assert Path(here.published["report"]).read_bytes() == report


def _without_clock(path: Path) -> list[tuple]:
    import duckdb

    return duckdb.sql(f"select * exclude (computed_at) from '{path}' order by all").fetchall()


def _without_clock_bytes(data: bytes, folder: Path) -> list[tuple]:
    path = folder / "before.parquet"
    path.write_bytes(data)
    return _without_clock(path)


def test_no_text_address_or_name_is_in_anything_that_was_written(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    night(place)
    needles: set[bytes] = {b"@example.org"}
    with (DEMO / "employees.csv").open() as stream:
        for row in csv.DictReader(stream):
            needles.add(row["emails"].encode())
            needles.add(row["id_matrix"].encode())
            needles.add(row["emails"].split("@")[0].encode())
    needles |= _texts_of_the_recordings()
    assert len(needles) > 300
    written = [(path.relative_to(place.folder), data) for path, data in everything_written(place.folder)]
    assert sum(len(data) for _, data in written) > 1_000_000
    written.append((Path("the log"), caplog.text.encode()))
    assert {(str(path), needle) for path, data in written for needle in needles if needle in data} == set()


def _texts_of_the_recordings() -> set[bytes]:
    """Message texts and display names of the demo's platforms: sentences of four words and more."""
    found: set[str] = set()

    def walk(value: object, name: str = "") -> None:
        if isinstance(value, dict):
            for key, each in value.items():
                walk(each, key)
        elif isinstance(value, list):
            for each in value:
                walk(each, name)
        elif (
            isinstance(value, str)
            and name
            in {
                "body",
                "formatted_body",
                "displayname",
                "message",
                "name",
                "user_name",
                "question",
                "answer",
            }
            and len(value.split()) >= 4
        ):
            found.add(value[:60])

    for path in sorted((DEMO / "matrix").rglob("*.jsonl*")) + sorted((DEMO / "zoom").rglob("*.json*")):
        data = path.read_bytes()
        if path.suffix == ".zst":
            data = zstandard.ZstdDecompressor().decompressobj().decompress(data)
        for line in data.splitlines() if ".jsonl" in path.name else [data]:
            try:
                walk(orjson.loads(line))
            except orjson.JSONDecodeError:
                continue
    with (DEMO / "moodle" / "course.csv").open(encoding="utf-8", newline="") as stream:
        courses = {row["fullname"] for row in csv.DictReader(stream)}
    return {text.encode() for text in found - courses}  # a room may be called after a course: the name of a thing


def test_a_connection_that_fails_leaves_the_others_standing_and_its_days_missing(place: Place) -> None:
    broken = place.settings.model_copy(
        update={
            "connections": {
                **place.settings.connections,
                "chat": {**place.settings.connections["chat"], "token": "wrong"},
            }
        }
    )
    start, end = nightly.local_window(FIRST, LAST, "Europe/Amsterdam")
    done = nightly.run(broken, start, end)
    assert list(done.failures) == ["chat"]
    assert "leerstroom check chat" in done.failures["chat"]
    assert done.settled["state"] == "partial"
    kinds = {kind: status for day, kind, status in ledger.coverage(open_state(broken.state_url)) if day == FIRST}
    assert kinds["chat"] == "missing"
    assert kinds["lms"] == kinds["webinar"] == "ok"


@pytest.mark.parametrize("delay_s", [0.15, 0.6])
def test_a_load_killed_in_its_middle_and_run_again_leaves_the_same_lrs(place: Place, delay_s: float) -> None:
    start, end = nightly.local_window(FIRST, LAST, "Europe/Amsterdam")
    connection = nightly.connection_of(place.settings, "chat")
    pulled = nightly.pull(connection, start, end, settings=place.settings, run_id="r")
    mapped = nightly.map_landing(connection, pulled["path"], settings=place.settings, run_id="r")
    code = (
        "import sys; from leerstroom import nightly; from leerstroom.settings import Settings; s = Settings.load(sys.argv[1]);"
        "from connectors.lrs import Lrs; print('go', flush=True);"
        "nightly.load('chat', sys.argv[2], settings=s, run_id='r', lrs=Lrs(s.lrs.endpoint, s.lrs.key, s.lrs.secret.get_secret_value(), batch=5))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(place.file), mapped["path"]], stdout=subprocess.PIPE, env={**os.environ}
    )
    assert process.stdout is not None
    process.stdout.readline()
    try:
        process.wait(delay_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    done = nightly.load("chat", mapped["path"], settings=place.settings, run_id="r")
    lrs = nightly.lrs_of(place.settings)
    expected = {orjson.loads(line)["id"] for line in _statements(place, mapped["path"])}
    held = {statement["id"] for statement in lrs.query()}
    assert expected <= held
    assert done["counts"]["rejected"] == done["counts"]["conflicting"] == 0
    again = nightly.load("chat", mapped["path"], settings=place.settings, run_id="r")
    assert again["counts"]["stored"] == 0


def _statements(place: Place, path: str) -> list[bytes]:
    from leerstroom.landing import Store

    return list(Store(place.settings.data).lines(f"{path}/statements.jsonl.zst"))


def test_quarantine_is_replayed_once_its_cause_is_mended(place: Place) -> None:
    from typer.testing import CliRunner

    from leerstroom.cli import app
    from leerstroom.landing import Store
    from leerstroom.quarantine import held

    start, end = nightly.local_window(FIRST, LAST, "Europe/Amsterdam")
    register = place.folder / "register.csv"
    register.write_text("employee_id;titel;datum;uren;soort\nE1;Les;03-11-2026;1,5;\nE2;Les;03-11-2026;x;\n")
    right = {"source": "sheet", "files": str(register)}
    wrong = place.settings.model_copy(update={"connections": {"registers": {**right, "default_kind": "unheard of"}}})
    connection = nightly.connection_of(wrong, "registers")
    pulled = nightly.pull(connection, start, end, settings=wrong, run_id="r")
    mapped = nightly.map_landing(connection, pulled["path"], settings=wrong, run_id="r")
    assert mapped["counts"]["built"] == 0
    [before] = held(Store(wrong.data), "registers")
    assert (before.records, before.landing) == (2, pulled["path"])

    place.file.write_text(json.dumps({**json.loads(place.file.read_text()), "connections": {"registers": right}}))
    done = CliRunner().invoke(app, ["quarantine", "replay", "registers", "--settings", str(place.file), "--json"])
    assert json.loads(done.stdout) == {"windows": 1, "held_before": 2, "held_after": 1, "landing_gone": []}
    assert done.exit_code == 1
    listed = CliRunner().invoke(app, ["quarantine", "list", "--settings", str(place.file), "--json"])
    assert [row["records"] for row in json.loads(listed.stdout)] == [1]
    assert "hours is no number" in listed.stdout
    assert len(list(nightly.lrs_of(place.settings).query())) == 1

    Store(wrong.data).remove(pulled["path"])
    gone = CliRunner().invoke(app, ["quarantine", "replay", "registers", "--settings", str(place.file)])
    assert gone.exit_code == 1
    assert "leerstroom pull registers" in gone.stderr


def test_what_is_deleted_at_a_platform_that_tells_nobody_is_taken_back_the_next_night(place: Place) -> None:
    """Facebook lists what is there; a comment that landed before and is not listed any more was deleted."""
    from leerstroom.landing import Store

    page = {"source": "facebook", "token": "token-of-the-page", "rooms": ["7700000000000001"]}
    store, comment = Store(place.settings.data), "9000000000000001_6"
    with running_replay(ROOT / "tests" / "recordings", only=("facebook",)) as replay:
        settings = place.settings.model_copy(
            update={"connections": {"page": {**page, "host": f"{replay.url}/facebook"}}}
        )
        connection = nightly.connection_of(settings, "page")
        landed = []
        for until, first, last in ((date(2026, 11, 10), FIRST, LAST), (date(2026, 11, 25), date(2026, 11, 24), date(2026, 11, 24))):  # fmt: skip
            replay.world.until = datetime.combine(until, time(12), UTC)
            pulled = nightly.pull(
                connection,
                *nightly.local_window(first, last, "Europe/Amsterdam"),
                settings=settings,
                run_id=f"night of {until}",
            )
            landed.append({record.key: record for record in nightly.landed(store, pulled["path"])})
    assert not landed[0][comment].get("deleted")
    assert {key: record.get("deleted") for key, record in landed[1].items()} == {comment: True}
    mapped = nightly.map_landing(connection, pulled["path"], settings=settings, run_id="r")
    assert (mapped["counts"]["built"], mapped["counts"]["retracted"] > 0) == (0, True)


def _of_register(place: Place, *rows: str) -> tuple[Settings, nightly.Connection]:
    """The settings and the connection of an attendance sheet with these rows."""
    register = place.folder / "register.csv"
    register.write_text("\n".join(["employee_id;titel;datum;uren;soort", *rows, ""]))
    settings = place.settings.model_copy(
        update={"connections": {"registers": {"source": "sheet", "files": str(register)}}}
    )
    return settings, nightly.connection_of(settings, "registers")


def _pulled_and_mapped(settings: Settings, connection: nightly.Connection) -> str:
    window = nightly.local_window(FIRST, LAST, "Europe/Amsterdam")
    pulled = nightly.pull(connection, *window, settings=settings, run_id="r")
    return nightly.map_landing(connection, pulled["path"], settings=settings, run_id="r")["path"]


def _held(settings: Settings) -> list[dict]:
    from leerstroom.landing import Store

    store = Store(settings.data)
    return [orjson.loads(line) for path in store.files("quarantine", ".jsonl.zst") for line in store.lines(path)]


def test_a_record_in_quarantine_stays_there_when_its_window_is_pulled_again_without_it(place: Place) -> None:
    """What a platform no longer gives is nowhere else; what it gives again is judged anew."""
    settings, connection = _of_register(place, "E1;Les;03-11-2026;x;", "E2;Les;03-11-2026;y;")
    _pulled_and_mapped(settings, connection)
    _, gone = _held(settings)  # a line that cannot be read is known by its number
    for row in ("E1;Les;03-11-2026;y;", "E1;Les;03-11-2026;1,5;", "E1;Les;03-11-2026;1,5;"):
        path = _pulled_and_mapped(*_of_register(place, row))
        assert [each for each in _held(settings) if each["key"] == gone["key"]] == [gone]
    assert _held(settings) == [gone]
    nightly.load("registers", path, settings=settings, run_id="r")
    assert nightly.settle(settings=settings, run_id="r")["counts"]["stored"] == 1


def test_a_refused_statement_stays_in_quarantine_until_it_is_taken(place: Place) -> None:
    from leerstroom.landing import Store

    settings, connection = _of_register(place, "E1;Les;03-11-2026;1,5;", "E2;Les;03-11-2026;1,5;")
    path = _pulled_and_mapped(settings, connection)
    [first, _] = [orjson.loads(line) for line in Store(settings.data).lines(f"{path}/statements.jsonl.zst")]
    lrs = nightly.lrs_of(settings)
    lrs.load([{**first, "verb": {"id": "https://verbs.example/other"}}])  # another statement holds its id
    assert nightly.load("registers", path, settings=settings, run_id="r")["counts"]["conflicting"] == 1
    refused = _held(settings)
    assert [each["key"] for each in refused] == [first["id"]]

    _of_register(place, "E2;Les;03-11-2026;1,5;")
    assert _pulled_and_mapped(settings, connection) == path
    assert nightly.load("registers", path, settings=settings, run_id="r")["counts"]["conflicting"] == 0
    assert _held(settings) == refused


def test_a_refused_voiding_is_sent_with_every_load_until_it_is_taken(place: Place) -> None:
    """Else what a source has corrected or deleted counts for ever."""
    from leerstroom.landing import Store
    from leerstroom.statements import voiding_id

    settings, connection = _of_register(place, "E1;Les;03-11-2026;1,5;")
    path = _pulled_and_mapped(settings, connection)
    [first] = [orjson.loads(line) for line in Store(settings.data).lines(f"{path}/statements.jsonl.zst")]
    nightly.load("registers", path, settings=settings, run_id="r")
    nightly.lrs_of(settings).load([
        {**first, "id": voiding_id(first["id"])}
    ])  # another statement holds the voiding's id

    settings, connection = _of_register(place, "E1;Les;03-11-2026;2,5;")
    path = _pulled_and_mapped(settings, connection)
    for _ in range(3):
        counts = nightly.load("registers", path, settings=settings, run_id="r")["counts"]
        assert (counts["voids"], counts["conflicting"]) == (1, 1)
        assert [(each["key"], each["voids"]) for each in _held(settings)] == [(voiding_id(first["id"]), first["id"])]
    nightly.settle(settings=settings, run_id="r")


def test_a_load_that_is_run_again_tells_of_the_same_voidings(place: Place) -> None:
    """A stage may be killed after it sent all and before its ledger entry was written."""
    settings, connection = _of_register(place, "E1;Les;03-11-2026;1,5;")
    nightly.load("registers", _pulled_and_mapped(settings, connection), settings=settings, run_id="r")
    path = _pulled_and_mapped(*_of_register(place, "E1;Les;03-11-2026;2,5;"))
    first, second = (nightly.load("registers", path, settings=settings, run_id="r")["counts"] for _ in range(2))
    assert (first["voids"], first["stored"], first["already_there"]) == (1, 2, 0)
    assert (second["voids"], second["stored"], second["already_there"]) == (1, 0, 2)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """The folder of the installation as a disk of its own, which can be full; only root may make one."""
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(tmp_path)], capture_output=True, check=False)  # fmt: skip
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Not a byte is left for the length of the block."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as stream, suppress(OSError):
        for size in (1 << 20, 1):
            with suppress(OSError):
                while stream.write(b"x" * size):
                    pass
    yield
    filler.unlink()


@pytest.mark.slow
def test_every_stage_on_a_full_disk_says_so_and_completes_once_there_is_space(
    small_disk: Path, place: Place, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Landing, statements, LRS, mirror, values, tables, workbook and own files, one after the other."""
    settings, connection = _of_register(place, *(f"E010{number};Les;03-11-2026;1,5;" for number in range(10, 40)))
    elsewhere = tmp_path_factory.mktemp("state")  # else the ledger is what meets the full disk
    settings = settings.model_copy(update={"state": f"sqlite:///{elsewhere}/state.sqlite"})
    window, run = nightly.local_window(FIRST, LAST, "Europe/Amsterdam"), {"settings": settings, "run_id": "r"}
    told: dict[str, str] = {}

    def tried(name: str, stage: Any) -> dict[str, Any]:
        with filled(small_disk), pytest.raises(Exception) as caught:
            stage()
        told[name] = f"{type(caught.value).__name__}: {caught.value}"
        return stage()

    pulled = tried("pull", lambda: nightly.pull(connection, *window, **run))
    mapped = tried("map", lambda: nightly.map_landing(connection, pulled["path"], **run))
    loaded = tried("load", lambda: nightly.load("registers", mapped["path"], **run))
    tried("mirror", lambda: nightly.mirror(**run))
    values = tried("compute", lambda: nightly.compute(as_of=LAST, **run))["path"]
    published = tried("publish", lambda: nightly.publish(as_of=LAST, values=values, **run))
    own = tried("my learning", lambda: nightly.my_learning(as_of=LAST, values=values, **run))["folder"]
    assert "503" in told.pop("load"), "the LRS is another's disk; its own log says why"
    assert {
        name: text for name, text in told.items() if "No space left" not in text or str(small_disk) not in text
    } == {}
    assert (loaded["counts"]["built"], loaded["counts"]["rejected"], loaded["counts"]["conflicting"]) == (30, 0, 0)
    assert len(list(nightly.lrs_of(settings).query())) == 30
    assert nightly.settle(**run)["state"] == "complete"
    before = {path.name: path.read_bytes() for path in Path(own).iterdir()}
    values_before, report = _without_clock(Path(values)), Path(published["report"]).read_bytes()
    calm = night(replace(place, settings=settings))
    assert (calm.settled["counts"]["stored"], calm.settled["counts"]["already_there"]) == (0, 30)
    assert _without_clock(Path(values)) == values_before
    assert Path(calm.published["report"]).read_bytes() == report
    assert {path.name: path.read_bytes() for path in Path(own).iterdir()} == before
    assert list(small_disk.rglob("*.part")) == []


def wrong(tmp_path: Path, **more: Any) -> Settings:
    """Settings that can be read and of which much is wrong."""
    (tmp_path / "rules.yaml").write_text("- 1")
    (tmp_path / "employees.csv").write_text("employee_id,email,fte\n,a@x.example,1\nE2,b@x.example,lots\n")
    values = {
        "pseudonym_key": "a pseudonym key for the tests only",
        "my_learning": {"out": "hr/own"},
        "hr": {"out": "hr"},
        "rules": "rules.yaml",
        "directory": {"employees": "employees.csv", "source": "graph", "hots": "x"},
        "connections": {"chat": {"source": "matrixx"}, "rooms": {"source": "matrix", "hots": "x"}},
    }
    path = tmp_path / "leerstroom.yaml"
    path.write_text(json.dumps({**values, **more}))
    return Settings.load(path)


def test_a_night_does_not_begin_with_wrong_settings_and_tells_all_of_them_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LEERSTROOM_PSEUDONYM_KEY", raising=False)
    settings = wrong(tmp_path, pseudonym_key=None)
    with pytest.raises(ConfigurationError) as told:
        nightly.judge(settings, [partial(nightly.connection_of, settings, name) for name in (*settings.connections, "gone")])  # fmt: skip
    for part in (
        "no pseudonym key", "line 2: employee_id is empty", "line 3: fte is no number", "rules.yaml is no table of rules", "lies in HR's folder",
        "unknown field 'hots'", "there is no source 'matrixx'", "'rooms' (matrix): unknown field 'hots'", "field 'token'", "there is no connection 'gone'",
    ):  # fmt: skip
        assert part in str(told.value), part


def test_a_night_begins_when_only_a_connection_is_wrong(tmp_path: Path) -> None:
    settings = wrong(tmp_path, rules=None, my_learning={}, directory={})
    assert len(nightly.judge(settings, [partial(nightly.connection_of, settings, name) for name in settings.connections])) == 2  # fmt: skip


def test_a_whole_night_stops_before_it_asks_anybody(tmp_path: Path) -> None:
    start, end = nightly.local_window(FIRST, LAST, "Europe/Amsterdam")
    settings = wrong(tmp_path, directory={})
    with pytest.raises(ConfigurationError, match=r"the night cannot begin: .*rules"):
        nightly.run(settings, start, end)
    assert ledger.entries(open_state(settings.state_url)) == []
