"""The statements resource as a client meets it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest
import requests
import tincan

from leerstroom.lrs import running

VOIDED = "http://adlnet.gov/expapi/verbs/voided"


def agent(statement: dict) -> str:
    return json.dumps(statement["actor"])


def test_a_statement_comes_back_as_it_was_sent_with_what_an_lrs_adds(client, make) -> None:
    statement = make(context={"contextActivities": {"parent": {"id": "https://c.example/q"}}})
    client.store(statement)
    [held] = client.found(agent=agent(statement))
    assert {name: held[name] for name in ("id", "actor", "verb", "object", "timestamp")} == {
        name: statement[name] for name in ("id", "actor", "verb", "object", "timestamp")
    }
    assert held["context"]["contextActivities"]["parent"] == [{"id": "https://c.example/q"}]
    assert {"stored", "authority", "version"} <= set(held)


def test_sending_the_same_again_is_accepted_and_stores_nothing(client, make) -> None:
    statement = make()
    client.store(statement)
    again = client("POST", "statements", json=[statement, make()])
    assert again.status_code == 200
    assert again.headers["X-Leerstroom-Stored"] == "1"
    assert len(client.found(agent=agent(statement))) == 1


def test_another_statement_under_a_known_id_is_a_conflict_and_the_batch_is_not_stored(client, make) -> None:
    statement, other = make(), make()
    client.store(statement)
    answer = client(
        "POST", "statements", json=[other, {**statement, "verb": {"id": "http://adlnet.gov/expapi/verbs/answered"}}]
    )
    assert answer.status_code == 409
    assert client("GET", "statements", params={"statementId": other["id"]}).status_code == 404


def test_what_may_differ_does_not_conflict(client, make) -> None:
    statement = make(result={"duration": "PT2M"})
    client.store(statement)
    again = {
        **statement,
        "verb": {**statement["verb"], "display": {"fr": "demanda"}},
        "result": {"duration": "PT120S"},
        "timestamp": "2026-11-03T10:00:00.000+01:00",
    }
    assert client("POST", "statements", json=again).status_code == 200


def test_a_batch_is_stored_whole_or_not_at_all_and_the_refusal_names_statement_and_property(client, make) -> None:
    good, bad = make(), make(actor={"mbox": "anna"})
    answer = client("POST", "statements", json=[good, bad])
    assert answer.status_code == 400
    assert "statement 1: actor.mbox" in answer.json()["error"]
    assert client("GET", "statements", params={"statementId": good["id"]}).status_code == 404


def test_the_same_id_twice_in_a_batch_is_refused(client, make) -> None:
    statement = make()
    assert client("POST", "statements", json=[statement, statement]).status_code == 400


def test_put_stores_under_the_id_of_the_query(client, make) -> None:
    statement = make()
    answer = client(
        "PUT",
        "statements",
        params={"statementId": statement["id"]},
        json={k: v for k, v in statement.items() if k != "id"},
    )
    assert answer.status_code == 204
    assert client("GET", "statements", params={"statementId": statement["id"]}).json()["id"] == statement["id"]
    assert client("PUT", "statements", params={"statementId": str(uuid.uuid4())}, json=statement).status_code == 400


def test_voiding_hides_a_statement_whichever_comes_first(client, make) -> None:
    early, late = make(), make()
    for target in (early, late):
        voiding = make(verb={"id": VOIDED}, object={"objectType": "StatementRef", "id": target["id"]})
        client.store(*((target, voiding) if target is early else (voiding, target)))
        assert client("GET", "statements", params={"statementId": target["id"]}).status_code == 404
        assert client("GET", "statements", params={"voidedStatementId": target["id"]}).json()["id"] == target["id"]
        assert [each["id"] for each in client.found(agent=agent(target))] == [voiding["id"]]


def test_a_voiding_statement_cannot_be_voided(client, make) -> None:
    target = make()
    voiding = make(verb={"id": VOIDED}, object={"objectType": "StatementRef", "id": target["id"]})
    client.store(target)
    client.store(voiding)
    client.store(make(verb={"id": VOIDED}, object={"objectType": "StatementRef", "id": voiding["id"]}))
    assert client("GET", "statements", params={"statementId": voiding["id"]}).status_code == 200
    assert client("GET", "statements", params={"statementId": target["id"]}).status_code == 404


def test_what_points_at_a_statement_is_found_by_what_that_is_found_by(client, make) -> None:
    target = make()
    first = make(object={"objectType": "StatementRef", "id": target["id"]})
    second = make(object={"objectType": "StatementRef", "id": first["id"]})
    client.store(second)
    client.store(target)
    client.store(first)
    assert {each["id"] for each in client.found(agent=agent(target))} == {target["id"], first["id"], second["id"]}
    assert {each["id"] for each in client.found(activity=target["object"]["id"])} == {
        target["id"],
        first["id"],
        second["id"],
    }


def test_every_filter_finds_its_statement_and_no_other(client, make) -> None:
    registration = str(uuid.uuid4())
    person = {"mbox": f"mailto:{uuid.uuid4()}@x.example"}
    course = f"https://c.example/course/{uuid.uuid4()}"
    one = make(
        verb={"id": f"https://v.example/{uuid.uuid4()}"},
        context={
            "registration": registration,
            "instructor": person,
            "contextActivities": {"grouping": [{"id": course}]},
        },
    )
    client.store(one, make())

    def ids(**query: str) -> list[str]:
        return [each["id"] for each in client.found(**query)]

    assert ids(verb=one["verb"]["id"]) == [one["id"]]
    assert ids(registration=registration.upper()) == [one["id"]]
    assert ids(activity=one["object"]["id"], agent=agent(one)) == [one["id"]]
    assert ids(activity=course) == []
    assert ids(activity=course, related_activities="true") == [one["id"]]
    assert ids(agent=json.dumps(person)) == []
    assert ids(agent=json.dumps(person), related_agents="true") == [one["id"]]
    assert ids(agent=agent(one), verb="https://v.example/none") == []


def test_since_and_until_look_at_stored_and_leave_out_and_take_in_their_ends(client, make) -> None:
    person = make()["actor"]
    statements = [make(actor=person, timestamp=f"20{20 - number}-01-01T00:00:00Z") for number in range(3)]
    for statement in statements:
        client.store(statement)
    stored = [each["stored"] for each in client.found(agent=json.dumps(person), ascending="true")]
    assert stored == sorted(set(stored))
    assert len(client.found(agent=json.dumps(person), since=stored[0])) == 2
    assert len(client.found(agent=json.dumps(person), until=stored[1])) == 2


@pytest.mark.parametrize("ascending", ["true", "false"])
@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_more_leads_through_all_pages_once_in_order(client, make, ascending: str, limit: int) -> None:
    person = make()["actor"]
    sent = [
        statement["id"]
        for statement in [make(actor=person) for _ in range(6)]
        if client.store({**statement, "actor": person})
    ]
    seen, answer = (
        [],
        client(
            "GET", "statements", params={"agent": json.dumps(person), "limit": limit, "ascending": ascending}
        ).json(),
    )
    while True:
        seen += [each["id"] for each in answer["statements"]]
        if not answer["more"]:
            break
        answer = client.session.get(client.lrs.endpoint.split("/xapi")[0] + answer["more"]).json()
    assert seen == (sent if ascending == "true" else sent[::-1])


def test_formats_reduce_a_statement_without_changing_what_it_says(client, make) -> None:
    statement = make(object={"id": "https://c.example/x", "definition": {"name": {"nl": "Vraag", "en": "Question"}}})
    client.store(statement)
    [ids] = client.found(agent=agent(statement), format="ids")
    assert ids["verb"] == {"id": statement["verb"]["id"]}
    assert ids["object"] == {"id": "https://c.example/x"}
    answer = client(
        "GET",
        "statements",
        params={"agent": agent(statement), "format": "canonical"},
        headers={"Accept-Language": "nl-NL, en;q=0.5"},
    )
    assert answer.json()["statements"][0]["object"]["definition"]["name"] == {"nl": "Vraag"}


@pytest.mark.parametrize(
    "query",
    [
        {"statementId": "1"},
        {"agent": "anna"},
        {"agent": "{}"},
        {"limit": "-1"},
        {"limit": "many"},
        {"since": "yesterday"},
        {"registration": "r"},
        {"format": "pretty"},
        {"ascending": "yes"},
        {"colour": "red"},
        {"more": "xx"},
        {"statementId": str(uuid.uuid4()), "verb": "http://x.example/v"},
    ],
)
def test_a_wrong_query_is_a_400_that_says_why(client, query: dict) -> None:
    answer = client("GET", "statements", params=query)
    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1]", b'"x"', b"null", b"\xff\xfe", b'[{"a": NaN}]', b"[" * 5000, b'{"id": 1}']
)
def test_a_broken_body_is_a_400(client, body: bytes) -> None:
    assert client("POST", "statements", data=body, headers={"Content-Type": "application/json"}).status_code == 400


def test_versions_are_negotiated_and_about_needs_none(client, lrs) -> None:
    bare = requests.get(lrs.endpoint + "statements", auth=(lrs.key, lrs.secret), timeout=10)
    assert bare.status_code == 400
    assert bare.headers["X-Experience-API-Version"]
    two = client("GET", "statements", params={"limit": 1}, headers={"X-Experience-API-Version": "2.0.0"})
    assert two.headers["X-Experience-API-Version"] == "2.0.0"
    assert {"1.0.3", "2.0.0"} <= set(requests.get(lrs.endpoint + "about", timeout=10).json()["version"])
    assert two.headers["X-Experience-API-Consistent-Through"]


def test_nobody_comes_in_without_a_credential(lrs) -> None:
    header = {"X-Experience-API-Version": "1.0.3"}
    for auth in (None, (lrs.key, "wrong"), ("nobody", lrs.secret)):
        assert requests.get(lrs.endpoint + "statements", auth=auth, headers=header, timeout=10).status_code == 401


def test_tincans_own_client_stores_and_finds(client, lrs, make) -> None:
    remote = tincan.RemoteLRS(endpoint=lrs.endpoint, username=lrs.key, password=lrs.secret)
    statement = tincan.Statement(make())
    assert remote.save_statement(statement).success
    answer = remote.retrieve_statement(statement.id)
    assert answer.success
    assert str(answer.content.id) == str(statement.id)
    found = remote.query_statements({"agent": statement.actor, "limit": 5})
    assert [str(each.id) for each in found.content.statements] == [str(statement.id)]


def test_readers_do_not_wait_for_writers(client, lrs, make) -> None:
    stop, slow = threading.Event(), []

    def write() -> None:
        session = requests.Session()
        session.auth = (lrs.key, lrs.secret)
        while not stop.is_set():
            session.post(
                lrs.endpoint + "statements",
                json=[make() for _ in range(200)],
                headers={"X-Experience-API-Version": "1.0.3"},
                timeout=30,
            )

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(40):
            started = time.perf_counter()
            client("GET", "statements", params={"limit": 1})
            slow.append(time.perf_counter() - started)
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert sorted(slow)[len(slow) // 2] < 0.25


def test_every_acknowledged_statement_survives_a_kill(tmp_path: Path, make) -> None:
    database = f"sqlite:///{tmp_path}/kill.sqlite"
    acknowledged: list[list[str]] = []
    with running(database, key="k", secret="s" * 20) as lrs:

        def write() -> None:
            session = requests.Session()
            session.auth = (lrs.key, lrs.secret)
            session.headers["X-Experience-API-Version"] = "1.0.3"
            try:
                while True:
                    batch = [make() for _ in range(20)]
                    if session.post(lrs.endpoint + "statements", json=batch, timeout=10).status_code == 200:
                        acknowledged.append([each["id"] for each in batch])
            except requests.RequestException:
                return

        writers = [threading.Thread(target=write) for _ in range(4)]
        for writer in writers:
            writer.start()
        time.sleep(2)
        os.kill(lrs.pid, signal.SIGKILL)
        for writer in writers:
            writer.join()
    assert len(acknowledged) > 5
    with running(database, key="k", secret="s" * 20) as lrs:
        code = (
            "import sys, sqlite3; c = sqlite3.connect(sys.argv[1]);"
            "print(c.execute('select count(*) from statements').fetchone()[0], c.execute('pragma integrity_check').fetchone()[0])"
        )
        told = subprocess.run(
            [sys.executable, "-c", code, f"{tmp_path}/kill.sqlite"], capture_output=True, text=True, check=True
        ).stdout.split()
        assert told[1] == "ok"
        assert int(told[0]) % 20 == 0
        session = requests.Session()
        session.auth = (lrs.key, lrs.secret)
        session.headers["X-Experience-API-Version"] = "1.0.3"
        for batch in acknowledged:
            assert (
                session.get(lrs.endpoint + "statements", params={"statementId": batch[-1]}, timeout=10).status_code
                == 200
            )
