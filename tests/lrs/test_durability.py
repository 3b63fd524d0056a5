"""A 200 means on disk: the server is killed in the middle of eight writers, and everything that was acknowledged is there, and nothing half."""

import json
import os
import random
import signal
import statistics
import threading
import time
import uuid

import psycopg
import pytest
import requests

from leerstroom.lrs import running

WRITERS = 8
VERSION = {"X-Experience-API-Version": "1.0.3"}


def batch(size):
    mark = uuid.uuid4().hex
    return mark, [
        {
            "id": str(uuid.uuid4()),
            "actor": {"account": {"homePage": "https://o.example", "name": f"w{number % 7}"}},
            "verb": {"id": "https://v.example/did"},
            "object": {"id": f"https://c.example/{mark}", "definition": {"name": {"en": mark}}},
        }
        for number in range(size)
    ]


def write_until_killed(lrs, acknowledged, stop):
    session = requests.Session()
    session.auth = (lrs.key, lrs.secret)
    random_ = random.Random()
    while not stop.is_set():
        mark, statements = batch(random_.choice([1, 5, 50]))
        try:
            answer = session.post(lrs.endpoint + "statements", json=statements, headers=VERSION, timeout=30)
        except requests.RequestException:
            return
        if answer.status_code == 200:
            acknowledged.append((mark, len(statements)))


def held(lrs):
    """Activity -> number of its statements, over all pages."""
    found, path = {}, "/xapi/statements?limit=5000&ascending=true"
    stored = []
    while path:
        page = requests.get(lrs.address + path, auth=(lrs.key, lrs.secret), headers=VERSION, timeout=60).json()
        for each in page["statements"]:
            mark = each["object"]["id"].rsplit("/", 1)[1]
            found[mark] = found.get(mark, 0) + 1
            stored.append(each["stored"])
        path = page["more"]
    assert stored == sorted(set(stored)), "stored rises strictly across restarts"
    return found


def survive(database, rounds, seconds):
    acknowledged = []
    for _ in range(rounds):
        with running(database, key="tests", secret="a secret of the tests") as lrs:
            stop = threading.Event()
            writers = [
                threading.Thread(target=write_until_killed, args=(lrs, acknowledged, stop)) for _ in range(WRITERS)
            ]
            for each in writers:
                each.start()
            time.sleep(seconds * random.uniform(0.7, 1.3))
            os.kill(lrs.pid, signal.SIGKILL)
            stop.set()
            for each in writers:
                each.join()
    with running(database, key="tests", secret="a secret of the tests") as lrs:
        found = held(lrs)
        sizes = {1, 5, 50}
        assert acknowledged
        assert {mark: found.get(mark) for mark, size in acknowledged if found.get(mark) != size} == {}, "lost or cut"
        assert set(found.values()) <= sizes, "no half batch, acknowledged or not"
        mark, size = acknowledged[0]
        asked = {"activity": f"https://c.example/{mark}"}
        answer = requests.get(
            lrs.endpoint + "statements", params=asked, auth=(lrs.key, lrs.secret), headers=VERSION, timeout=60
        ).json()
        assert len(answer["statements"]) == size, "the index survived too"
    return len(acknowledged)


def test_a_killed_server_keeps_what_it_acknowledged(database):
    assert survive(database, rounds=1, seconds=1.5) > 5


@pytest.mark.slow
def test_ten_kills_under_eight_writers_lose_nothing(database):
    assert survive(database, rounds=10, seconds=float(os.environ.get("LRS_KILL_SECONDS", "6"))) > 100


@pytest.mark.slow
def test_a_read_during_writes_is_not_held_up(tmp_path):
    with running(tmp_path / "lrs.sqlite", key="tests", secret="a secret of the tests") as lrs:
        stop, acknowledged = threading.Event(), []
        writers = [threading.Thread(target=write_until_killed, args=(lrs, acknowledged, stop)) for _ in range(WRITERS)]
        for each in writers:
            each.start()
        session, seconds = requests.Session(), []
        session.auth = (lrs.key, lrs.secret)
        agent = json.dumps({"account": {"homePage": "https://o.example", "name": "w1"}})
        until = time.monotonic() + 15
        while time.monotonic() < until:
            started = time.perf_counter()
            session.get(lrs.endpoint + "statements", params={"agent": agent, "limit": 20}, headers=VERSION, timeout=30)
            seconds.append(time.perf_counter() - started)
            time.sleep(0.01)
        stop.set()
        for each in writers:
            each.join()
    assert statistics.quantiles(seconds, n=100)[98] < 0.1


def test_after_postgresql_ended_every_connection_the_server_finds_its_way_back(make, caller, postgresql):
    with running(postgresql, key="tests", secret="a secret of the tests") as lrs:
        call = caller(lrs)
        call.store(make.statement())
        call.ids(verb=make.verb())
        with psycopg.connect(postgresql, autocommit=True) as server:
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'leerstroom-lrs' AND datname = current_database()"
            )
        told = make.statement()
        answers = [call("POST", "statements", json=told).status_code for _ in range(4)]
        assert set(answers) <= {200, 503}
        assert answers[-1] == 200
        reads = [call("GET", "statements", params={"statementId": told["id"]}).status_code for _ in range(20)]
        assert set(reads) <= {200, 503}
        assert reads[-5:] == [200] * 5
        assert len(call.ids(verb=make.verb())) == 2
