"""Landing, statements, quarantine, mirror and indicators on object storage: a server that speaks S3 over HTTP."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import requests

from leerstroom import nightly
from leerstroom.landing import Store
from leerstroom.lrs import running as running_lrs
from leerstroom.quarantine import held
from leerstroom.settings import Settings

pytest.importorskip("s3fs")
FIRST, LAST = date(2026, 11, 2), date(2026, 11, 8)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty bucket; where it answers and with which key stands in the environment, as fsspec reads it."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "leerstroom",
        "AWS_SECRET_ACCESS_KEY": "a secret of the test",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }.items():
        monkeypatch.setenv(name, value)
    requests.post(f"http://{host}:{port}/moto-api/reset", timeout=10)
    where = {"LocationConstraint": "eu-central-1"}
    boto3.client("s3").create_bucket(Bucket="leerstroom", CreateBucketConfiguration=where)
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    yield "s3://leerstroom/data"
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


@pytest.fixture
def settings(tmp_path: Path, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.setenv("LEERSTROOM_PSEUDONYM_KEY", "a pseudonym key for the tests only")
    (tmp_path / "employees.csv").write_text("employee_id;emails;team\nE1;a@example.org;Zorg\nE2;b@example.org;Zorg\n")
    (tmp_path / "register.csv").write_text(
        "employee_id;titel;datum;uren\nE1;Les;03-11-2026;1,5\nE2;Les;03-11-2026;2\nE2;Les;04-11-2026;x\n"
    )
    with running_lrs(database=f"sqlite:///{tmp_path}/lrs.sqlite", key="k", secret="a secret of the test") as lrs:
        values = {
            "data": bucket,
            "state": f"sqlite:///{tmp_path}/state.sqlite",
            "directory": {"employees": "employees.csv"},
            "lrs": {"endpoint": lrs.endpoint, "key": lrs.key, "secret": lrs.secret},
            "hr": {"out": "hr"},
            "connections": {"registers": {"source": "sheet", "files": "register.csv"}},
        }
        (tmp_path / "leerstroom.yaml").write_text(json.dumps(values))
        yield Settings.load(tmp_path / "leerstroom.yaml")


def test_a_night_on_object_storage_is_complete_and_a_second_one_adds_nothing(settings: Settings) -> None:
    start, end = nightly.local_window(FIRST, LAST, "Europe/Amsterdam")
    first = nightly.run(settings, start, end)
    assert first.settled["state"] == "complete"
    assert first.settled["counts"]["stored"] == 2
    assert Path(first.published["report"]).exists()
    store = Store(settings.data)
    assert len(store.folders("landing")) == len(store.folders("statements")) == 1
    assert [each.records for each in held(store)] == [1]
    second = nightly.run(settings, start, end)
    assert (second.settled["counts"]["stored"], second.settled["counts"]["already_there"]) == (0, 2)


def test_a_killed_writer_leaves_nothing_that_looks_finished(settings: Settings) -> None:
    store = Store(settings.data)

    class Killed(Exception):
        """In the middle of a file."""

    def half() -> None:
        with store.writer("landing/sheet/registers/w/records.jsonl.zst") as writer:
            writer.write({"kind": "line"})
            raise Killed

    with pytest.raises(Killed):
        half()
    assert store.files("landing", ".zst") == []
    assert store.folders("landing") == []
