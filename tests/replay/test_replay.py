"""The replay: platforms under a root, the vendor's refusals, faults, limits, time, and Matrix's paging as Synapse has it."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from leerstroom.errors import ConfigurationError
from leerstroom.replay import Fault, Running, create_app, running

RECORDINGS = Path(__file__).parents[1] / "recordings"
DEMO = RECORDINGS / "demo"
TOKEN = json.loads((DEMO / "matrix" / "server.json").read_text())["token"]
CLIENT = "/matrix/_matrix/client/v3"
LISTED = "#casus-zorg:voorbeeldstad.example"


@pytest.fixture(scope="module")
def shared_server() -> Iterator[Running]:
    with running(DEMO, only=("matrix",)) as server:
        yield server


@pytest.fixture
def server(shared_server: Running) -> Running:
    """The server without anything that an earlier test left."""
    requests.delete(f"{shared_server.url}/_control", timeout=5)
    return shared_server


def get(server: Running, path: str, token: str | None = TOKEN, **query: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.get(f"{server.url}{CLIENT}{path}", params=query, headers=headers, timeout=10)


def room(server: Running) -> str:
    return get(server, f"/directory/room/{quote(LISTED, safe='')}").json()["room_id"]


def all_events(server: Running, limit: int, direction: str = "b") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    query: dict[str, Any] = {"dir": direction, "limit": limit}
    where = f"/rooms/{quote(room(server), safe='')}/messages"
    while True:
        page = get(server, where, **query).json()
        found += page["chunk"]
        if "end" not in page:
            assert page["chunk"] == []
            return found
        query["from"] = page["end"]


def recorded(name: str) -> list[dict[str, Any]]:
    lines = (DEMO / "matrix" / "rooms" / f"{name}.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines[1:]]


def test_pages_of_any_size_and_direction_hold_every_event_once(server: Running) -> None:
    expected = [event["event_id"] for event in recorded("casus-zorg")]
    assert [event["event_id"] for event in all_events(server, 7)] == expected[::-1]
    assert [event["event_id"] for event in all_events(server, 1000, "f")] == expected


def test_a_cursor_is_opaque_and_belongs_to_its_room(server: Running) -> None:
    where = f"/rooms/{quote(room(server), safe='')}/messages"
    end = get(server, where, dir="b", limit=5).json()["end"]
    other = get(server, f"/directory/room/{quote('#data-en-ai:voorbeeldstad.example', safe='')}").json()["room_id"]
    assert get(server, f"/rooms/{quote(other, safe='')}/messages", **{"dir": "b", "from": end}).status_code == 400
    refused = get(server, where, **{"dir": "b", "from": "onzin"})
    assert (refused.status_code, refused.json()) == (
        400,
        {"errcode": "M_UNKNOWN", "error": "'from' parameter is invalid"},
    )


@pytest.mark.parametrize(
    ("token", "path", "status", "code"),
    [
        (None, "/account/whoami", 401, "M_MISSING_TOKEN"),
        ("wrong", "/account/whoami", 401, "M_UNKNOWN_TOKEN"),
        (TOKEN, "/rooms/!elsewhere/messages?dir=b", 403, "M_FORBIDDEN"),
        (TOKEN, "/directory/room/%23nowhere%3Ax.example", 404, "M_NOT_FOUND"),
        (TOKEN, "/nosuch", 404, "M_UNRECOGNIZED"),
    ],
)
def test_refusals_are_those_of_the_vendor(
    server: Running, token: str | None, path: str, status: int, code: str
) -> None:
    answer = get(server, path, token)
    assert (answer.status_code, answer.json()["errcode"]) == (status, code)


def test_a_room_that_the_reader_has_not_joined_is_closed(server: Running) -> None:
    direct = json.loads((DEMO / "matrix" / "rooms" / "direct.jsonl").read_text().splitlines()[0])["room_id"]
    assert direct not in get(server, "/joined_rooms").json()["joined_rooms"]
    assert get(server, f"/rooms/{quote(direct, safe='')}/messages", dir="b").status_code == 403


def test_what_lies_ahead_does_not_exist_yet(server: Running) -> None:
    until = datetime(2026, 11, 4, 12, 0, tzinfo=UTC)
    requests.put(f"{server.url}/_control", json={"until": until.isoformat()}, timeout=5)
    seen = all_events(server, 50)
    assert seen
    assert max(event["origin_server_ts"] for event in seen) <= until.timestamp() * 1000
    assert len(seen) < len(recorded("casus-zorg"))


def test_a_message_that_is_redacted_later_still_has_its_content_before(server: Running) -> None:
    for name in ("casus-zorg", "data-en-ai", "excel-hulplijn"):
        redactions = {
            event["content"]["redacts"]: event for event in recorded(name) if event["type"] == "m.room.redaction"
        }
        for event_id, redaction in redactions.items():
            where = f"/rooms/{quote(redaction['room_id'], safe='')}/event/{quote(event_id, safe='')}"
            server.world.until = datetime.fromtimestamp(redaction["origin_server_ts"] / 1000 - 0.001, UTC)
            before = get(server, where).json()
            server.world.until = None
            after = get(server, where).json()
            assert before["content"]["body"]
            assert "redacted_because" not in json.dumps(before)
            assert (after["content"], "before" in after) == ({}, False)


def test_relations_of_a_thread_page_with_next_batch(server: Running) -> None:
    events = recorded("casus-zorg")
    threads = [
        event["content"]["m.relates_to"]["event_id"]
        for event in events
        if event["content"].get("m.relates_to", {}).get("rel_type") == "m.thread"
    ]
    root = max(set(threads), key=threads.count)
    where = f"/rooms/{quote(room(server), safe='')}/relations/{quote(root, safe='')}/m.thread"
    first = get(server, where, limit=2).json()
    rest = get(server, where, limit=100, **{"from": first["next_batch"]}).json()
    assert len(first["chunk"]) + len(rest["chunk"]) == threads.count(root)
    assert "next_batch" not in rest


def test_too_many_requests_are_told_in_header_and_body(server: Running) -> None:
    server.faults.waiting[:] = [Fault("too_many", seconds=4.268)]
    answer = get(server, "/account/whoami")
    assert (answer.status_code, answer.headers["Retry-After"], answer.json()["retry_after_ms"]) == (429, "5", 4268)
    assert get(server, "/account/whoami").ok


def test_a_limit_holds_for_its_platform(server: Running) -> None:
    requests.put(f"{server.url}/_control", json={"limits": {"matrix": 3}}, timeout=5)
    assert [get(server, "/account/whoami").status_code for _ in range(5)] == [200, 200, 200, 429, 429]


def test_faults_come_after_the_good_answers_and_as_often_as_asked(server: Running) -> None:
    told = requests.put(
        f"{server.url}/_control",
        json={"faults": [{"kind": "status", "status": 502, "after": 1, "times": 2, "path": "whoami"}]},
        timeout=5,
    )
    assert told.json()["faults"][0]["kind"] == "status"
    assert [get(server, path).status_code for path in ("/joined_rooms", *["/account/whoami"] * 4)] == [
        200,
        200,
        502,
        502,
        200,
    ]


def test_a_cut_answer_breaks_off_and_a_truncated_one_is_no_json(server: Running) -> None:
    server.faults.waiting[:] = [Fault("cut")]
    with pytest.raises(requests.RequestException):
        get(server, "/joined_rooms")
    server.faults.waiting[:] = [Fault("truncated")]
    with pytest.raises(requests.JSONDecodeError):
        get(server, "/joined_rooms").json()


def test_a_slow_answer_is_late_and_right(server: Running) -> None:
    server.faults.waiting[:] = [Fault("slow", seconds=0.3)]
    started = time.monotonic()
    assert get(server, "/account/whoami").json()["user_id"] == "@leerstroom:voorbeeldstad.example"
    assert time.monotonic() - started >= 0.3


def test_a_stuck_list_gives_its_first_answer_for_ever(server: Running) -> None:
    server.faults.waiting[:] = [Fault("stuck", path="/messages")]
    where = f"/rooms/{quote(room(server), safe='')}/messages"
    first = get(server, where, dir="b", limit=3).json()
    assert get(server, where, **{"dir": "b", "limit": 3, "from": first["end"]}).json() == first


def test_control_tells_what_was_asked_and_refuses_nonsense(server: Running) -> None:
    get(server, "/account/whoami")
    told = requests.get(f"{server.url}/_control", timeout=5).json()
    assert told["platforms"] == ["matrix"]
    assert told["asked"][-1] == {"platform": "matrix", "method": "GET", "path": f"{CLIENT}/account/whoami"}
    for nonsense in ({"faults": [{"kind": "earthquake"}]}, {"until": "2026-11-03T02:00:00"}, {"faults": ["x"]}):
        assert requests.put(f"{server.url}/_control", json=nonsense, timeout=5).status_code == 400


def test_a_root_without_platforms_and_a_taken_port_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="holds no folder"):
        create_app(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=str(port)), running(DEMO, port, only=("matrix",)):
            pass


def test_serving_in_the_foreground_says_where_and_ends_when_it_is_interrupted(tmp_path: Path) -> None:
    import signal

    (tmp_path / "matrix" / "rooms").mkdir(parents=True)
    code = f"from pathlib import Path; from leerstroom.replay import serve; serve(Path({str(tmp_path)!r}), port=0)"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=RECORDINGS.parents[1]
    )
    try:
        assert process.stdout
        name, _, url = process.stdout.readline().strip().partition(": ")
        assert name == "matrix"
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                assert requests.get(f"{url}/_matrix/client/versions", timeout=1).json()["versions"]
                break
            except requests.RequestException:
                time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) in {0, -signal.SIGINT}
    finally:
        process.kill()
        process.wait()
