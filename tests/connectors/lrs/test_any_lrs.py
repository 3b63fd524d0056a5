"""The same against every real LRS: the embedded one, Learning Locker's statements service (live), and whatever the environment names (live).

`LEERSTROOM_TEST_LRS=https://key:secret@host/xapi/` adds an LRS; it must be empty enough to be written to: nothing is ever deleted there.
"""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import orjson
import pytest
import requests

from connectors.lrs import Lrs, mirror, sync
from leerstroom.lrs import running
from leerstroom.mirror import Mirror
from leerstroom.statements import name_uuid

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("any-lrs")]

VOIDED = "http://adlnet.gov/expapi/verbs/voided"
COUNT = 20_000
SERVICE = "@learninglocker/xapi-statements"
VERSION = "7.8.0"
LOOPBACK_ONLY = """
const net = require("net"), listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, ...rest) {
  if (typeof port === "number" || typeof port === "string")
    return listen.call(this, {port: Number(port), host: "127.0.0.1"}, rest.find((each) => typeof each === "function"));
  return listen.call(this, port, ...rest);
};
"""


@dataclass
class Server:
    """A real LRS; `run` tells this run's statements from others that it may hold."""

    endpoint: str
    key: str
    secret: str
    run: str

    def connect(self, **options: Any) -> Lrs:
        return Lrs(self.endpoint, self.key, self.secret, **options)

    def statement(self, number: int, **changes: Any) -> dict[str, Any]:
        verb = ("asked", "answered", "completed")[number % 3]
        return {
            "id": name_uuid(self.run, str(number)),
            "actor": {
                "objectType": "Agent",
                "account": {"homePage": f"https://people.example/{self.run}", "name": f"p{number % 7}"},
            },
            "verb": {"id": f"http://adlnet.gov/expapi/verbs/{verb}", "display": {"en": verb}},
            "object": {"objectType": "Activity", "id": f"https://lms.example/{self.run}/{number % 11}"},
            "result": {"duration": "PT90.25S", "completion": True},
            "context": {
                "registration": name_uuid(self.run, "registration", str(number % 5)),
                "platform": "moodle",
                "contextActivities": {
                    "grouping": [{"objectType": "Activity", "id": f"https://lms.example/{self.run}/course"}]
                },
            },
            "timestamp": f"2026-10-{number % 28 + 1:02d}T09:00:00.000Z",
        } | changes


@contextmanager
def learning_locker() -> Iterator[str]:
    """Learning Locker's statements service from npm, in memory, kept on loopback; its endpoint."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("Node is not installed")
    cache = (
        Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
        / "leerstroom-tests"
        / f"xapi-statements-{VERSION}"
    )
    main = cache / "node_modules" / SERVICE / "dist" / "index.js"
    if not main.exists():
        cache.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [
                "npm",
                "install",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
                "--loglevel=error",
                "--prefix",
                str(cache),
                f"{SERVICE}@{VERSION}",
            ],
            check=True,
            capture_output=True,
            timeout=300,
        )
    (cache / "loopback.js").write_text(LOOPBACK_ONLY)
    port, redis_port = _free_port(), _free_port()
    redis = shutil.which("redis-server")
    if redis is None:
        pytest.skip("Redis is not installed")
    events = subprocess.Popen(
        [redis, "--port", str(redis_port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
        stdout=subprocess.DEVNULL,
    )
    process = subprocess.Popen(
        ["node", "-r", str(cache / "loopback.js"), str(main)],
        cwd=cache,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={
            **os.environ,
            "EXPRESS_PORT": str(port),
            "MODELS_REPO": "memory",
            "AUTH_REPO": "test",
            "EVENTS_REPO": "redis",
            "STORAGE_REPO": "local",
            "SERVICE_AWAIT_UPDATES": "true",
            "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
        },
    )
    endpoint = f"http://127.0.0.1:{port}/xAPI/"
    try:
        for _ in range(150):
            try:
                if (
                    requests.get(
                        endpoint + "about", timeout=1, headers={"X-Experience-API-Version": "1.0.3"}
                    ).status_code
                    < 500
                ):
                    break
            except requests.RequestException:
                time.sleep(0.2)
        else:
            pytest.fail("Learning Locker's service did not start")
        yield endpoint
    finally:
        for each in (process, events):
            each.terminate()
        for each in (process, events):
            each.wait(10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(
    scope="module",
    params=[
        "embedded",
        pytest.param("learning-locker", marks=pytest.mark.live),
        pytest.param("named-by-environment", marks=pytest.mark.live),
    ],
)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    run = uuid4().hex[:12]
    if request.param == "embedded":
        with running(f"sqlite:///{tmp_path_factory.mktemp('lrs')}/lrs.sqlite") as embedded:
            yield Server(embedded.endpoint, embedded.key, embedded.secret, run)
    elif request.param == "learning-locker":
        with learning_locker() as endpoint:
            yield Server(endpoint, "key", "secret", run)
    else:
        named = os.environ.get("LEERSTROOM_TEST_LRS")
        if not named:
            pytest.skip("LEERSTROOM_TEST_LRS names no LRS")
        parts = urlsplit(named)
        yield Server(
            parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(),
            parts.username or "",
            parts.password or "",
            run,
        )


@pytest.fixture(scope="module")
def loaded(server: Server) -> Server:
    """The server with 20,000 statements of this run."""
    with server.connect() as lrs:
        report = lrs.load(server.statement(number) for number in range(COUNT))
        print(f"\n{server.endpoint}: {report}")
        assert (report.sent, report.stored, report.already_there, report.conflicting, report.rejected) == (
            COUNT,
            COUNT,
            0,
            0,
            0,
        )
    return server


@pytest.fixture
def lrs(loaded: Server) -> Iterator[Lrs]:
    with loaded.connect() as connected:
        yield connected


def test_loading_again_stores_nothing_and_new_ones_are_told_apart(loaded: Server, lrs: Lrs) -> None:
    report = lrs.load(loaded.statement(number) for number in range(COUNT - 1000, COUNT + 500))
    assert (report.stored, report.already_there) == (500, 1000)
    assert lrs.load(loaded.statement(number) for number in range(COUNT - 1000, COUNT + 500)).already_there == 1500


def test_a_different_statement_under_a_known_id_is_a_conflict_and_the_rest_is_stored(loaded: Server, lrs: Lrs) -> None:
    other = loaded.statement(5, object={"id": "https://lms.example/other"})
    report = lrs.load([loaded.statement(4), other, loaded.statement(100_001)])
    assert (report.stored, report.already_there, report.conflicting) == (1, 1, 1)
    assert [each.id for each in report.rejections] == [other["id"]]


def test_one_bad_statement_in_a_batch_is_refused_with_a_reason(loaded: Server, lrs: Lrs) -> None:
    batch = [loaded.statement(200_000 + number) for number in range(20)]
    batch[13]["actor"] = {"mbox": "not an address"}
    report = lrs.load(batch)
    assert (report.stored, report.rejected) == (19, 1)
    assert report.rejections[0].id == batch[13]["id"]
    assert len(report.rejections[0].reason) > 10


def test_a_batch_with_the_same_statement_twice_is_delivered(loaded: Server, lrs: Lrs) -> None:
    batch = [loaded.statement(300_000 + number % 3) for number in range(9)]
    report = lrs.load(batch)
    assert (report.stored, report.already_there) == (3, 6)


def test_every_filter(loaded: Server, lrs: Lrs) -> None:
    run = loaded.run
    home = f"https://people.example/{run}"
    agent = f"account|{home}|p3"
    course = f"https://lms.example/{run}/course"
    found = list(lrs.query(agent=agent, verb="answered", activity=f"https://lms.example/{run}/4", limit=5))
    assert len(found) == 5
    for each in found:
        assert each["actor"]["account"] == {"homePage": home, "name": "p3"}
        assert each["verb"]["id"].endswith("/answered")
        assert each["object"]["id"].endswith("/4")
    registration = name_uuid(run, "registration", "2")
    assert {each["context"]["registration"] for each in lrs.query(registration=registration, limit=30)} == {
        registration
    }
    assert list(lrs.query(activity=course, limit=3)) == []
    assert len(list(lrs.query(activity=course, related_activities=True, limit=250))) == 250
    assert len(list(lrs.query(agent=agent, related_agents=True, limit=7))) == 7
    up = [each["stored"] for each in lrs.query(agent=agent, ascending=True, limit=150)]
    down = [each["stored"] for each in lrs.query(agent=agent, limit=150)]
    assert up == sorted(up)
    assert down == sorted(down, reverse=True)
    middle = up[75]
    assert all(each["stored"] > middle for each in lrs.query(agent=agent, since=middle, ascending=True, limit=40))
    assert all(each["stored"] <= middle for each in lrs.query(agent=agent, until=middle, limit=40))
    assert next(iter(lrs.query(agent=agent, format="ids", limit=1)))["object"]["id"].startswith("https://lms.example/")


def test_all_pages_of_a_filter_are_read(loaded: Server) -> None:
    with loaded.connect(page=700) as small:
        ids = [
            each["id"]
            for each in small.query(agent=f"account|https://people.example/{loaded.run}|p6", until="2030-01-01")
        ]
    expected = {name_uuid(loaded.run, str(number)) for number in range(COUNT) if number % 7 == 6}
    assert expected <= set(ids)
    assert len(ids) == len(set(ids))


def test_frames_counts_and_objects(loaded: Server, lrs: Lrs) -> None:
    frame = lrs.frame(agent=f"account|https://people.example/{loaded.run}|p1", verb="asked", limit=100)
    assert len(frame) == 100
    assert set(frame["duration_ms"]) == {90_250}
    assert set(lrs.counts("verb", limit=300, agent=f"account|https://people.example/{loaded.run}|p1")) <= {
        "asked",
        "answered",
        "completed",
    }
    assert next(lrs.statements(limit=1)).id is not None


def test_foreign_statements_come_back_as_they_went(loaded: Server, lrs: Lrs, tmp_path: Path) -> None:
    actors = [
        {"objectType": "Agent", "mbox": "mailto:someone@example.org"},
        {"objectType": "Agent", "mbox_sha1sum": "ebd31e95054c018b10727ccffd2ef2ec3a016ee9"},
        {"objectType": "Agent", "openid": "https://someone.openid.example/"},
        {
            "objectType": "Group",
            "name": "pair",
            "member": [
                {"objectType": "Agent", "mbox": "mailto:a@example.org"},
                {"objectType": "Agent", "mbox": "mailto:b@example.org"},
            ],
        },
        {"objectType": "Group", "account": {"homePage": "https://g.example", "name": "team"}},
    ]
    things = [
        {
            "objectType": "SubStatement",
            "actor": actors[0],
            "verb": {"id": "http://example.org/v"},
            "object": {"objectType": "Activity", "id": "http://example.org/o"},
        },
        {"objectType": "Agent", "mbox": "mailto:a@example.org"},
    ]
    sent = [loaded.statement(400_000 + number, actor=each) for number, each in enumerate(actors)]
    sent += [loaded.statement(400_100 + number, object=each, context={}) for number, each in enumerate(things)]
    assert lrs.load(sent).stored == len(sent)
    for each in sent:
        held = lrs.statement(each["id"])
        assert held is not None
        assert {name: held[name] for name in ("actor", "verb", "object")} == {
            name: each[name] for name in ("actor", "verb", "object")
        }
    assert lrs.load(sent).already_there == len(sent)


def test_voiding_hides_a_statement_and_its_resend_is_already_there(loaded: Server, lrs: Lrs) -> None:
    target = loaded.statement(500_000)
    void = loaded.statement(
        500_001,
        verb={"id": VOIDED, "display": {"en": "voided"}},
        object={"objectType": "StatementRef", "id": target["id"]},
        context={},
    )
    void.pop("result")
    assert lrs.load([target]).stored == 1
    assert lrs.load([void]).stored == 1
    found = [each["id"] for each in lrs.query(limit=20)]
    assert void["id"] in found
    assert target["id"] not in found
    assert lrs.statement(target["id"])["id"] == target["id"]
    again = lrs.load([target, void])
    assert (again.stored, again.already_there) == (0, 2)


def test_the_mirror_holds_everything_once_and_follows(loaded: Server, lrs: Lrs, tmp_path: Path) -> None:
    target = Mirror(tmp_path / "mirror")
    first = mirror(lrs, target)
    print(f"\n{loaded.endpoint}: {first}")
    fresh = [loaded.statement(600_000 + number) for number in range(300)]
    lrs.load(fresh)
    void = loaded.statement(
        600_999,
        verb={"id": VOIDED, "display": {"en": "voided"}},
        object={"objectType": "StatementRef", "id": fresh[0]["id"]},
        context={},
    )
    void.pop("result")
    lrs.load([void])
    second = mirror(lrs, target)
    third = mirror(lrs, target)
    held = target.table(["statement_id"]).column(0).to_pylist()
    assert len(held) == len(set(held))
    assert {name_uuid(loaded.run, str(number)) for number in range(COUNT)} <= set(held)
    assert {each["id"] for each in fresh[1:]} <= set(held)
    assert second.new in {300, 301}, "a voided statement may be gone from the lists before the mirror comes"
    assert third.new == 0
    assert fresh[0]["id"] in target.voided()


def test_sync_brings_it_into_another_lrs_and_again_nothing(loaded: Server, lrs: Lrs, tmp_path: Path) -> None:
    with running(f"sqlite:///{tmp_path}/other.sqlite") as other, Lrs(other.endpoint, other.key, other.secret) as target:
        agent = f"account|https://people.example/{loaded.run}|p2"
        first = sync(lrs, target, agent=agent, verb="asked")
        assert first.rejected == first.conflicting == 0
        assert first.stored > 900
        # A voiding statement comes twice: by itself, and with the filter that its target matches.
        assert first.already_there <= 1
        second = sync(lrs, target, agent=agent, verb="asked")
        assert (second.stored, second.already_there) == (0, second.sent)
        theirs = {each["id"] for each in target.query(agent=agent, verb="asked")}
    # Statements that only point at a matching one match as well, as long as what they point at is there.
    ours = {each["id"] for each in lrs.query(agent=agent, verb="asked") if each["verb"]["id"].endswith("/asked")}
    assert theirs == ours


def test_tincans_own_methods_work(loaded: Server, lrs: Lrs) -> None:
    import tincan

    one = tincan.Statement.from_json(json.dumps(loaded.statement(700_000)))
    two = tincan.Statement.from_json(
        orjson.dumps({name: value for name, value in loaded.statement(700_001).items() if name != "id"}).decode()
    )
    assert lrs.save_statement(one).success
    assert lrs.save_statements([one, two]).success
    assert two.id is not None
    assert str(lrs.retrieve_statement(str(two.id)).content.id) == str(two.id)
    page = lrs.query_statements({"verb": tincan.Verb(id="http://adlnet.gov/expapi/verbs/asked"), "limit": 2})
    assert len(page.content.statements) == 2
    assert len(lrs.more_statements(page.content).content.statements) == 2
    assert "1.0.3" in lrs.about().content.version


def test_check_answers_in_one_line(loaded: Server, lrs: Lrs) -> None:
    assert "newest statement stored" in lrs.check()
