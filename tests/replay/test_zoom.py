"""The replayed Zoom account refuses, pages and forgets as the vendor does."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from leerstroom.replay import Running, running

DEMO = Path(__file__).resolve().parents[1] / "recordings" / "demo"
DATA = json.loads((DEMO / "zoom" / "zoom.json").read_text(encoding="utf-8"))
CLOCK = datetime(2026, 11, 24, tzinfo=UTC)
APP = (DATA["client_id"], DATA["client_secret"])
SERIES = "83155501001"


@pytest.fixture(scope="module")
def shared_server() -> Iterator[Running]:
    with running(DEMO, only=("zoom",), clock=CLOCK) as started:
        yield started


@pytest.fixture
def server(shared_server: Running) -> Running:
    shared_server.world.until = CLOCK
    return shared_server


def sign_in(server: Running, account: str = DATA["account_id"], app: tuple[str, str] = APP) -> requests.Response:
    query = {"grant_type": "account_credentials", "account_id": account}
    return requests.post(f"{server.url}/zoom/oauth/token", params=query, auth=app, timeout=5)


def get(server: Running, path: str, **query: Any) -> requests.Response:
    token = sign_in(server).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{server.url}/zoom/v2{path}", params=query, headers=headers, timeout=5)


def rows(server: Running, path: str, name: str, **query: Any) -> list[dict[str, Any]]:
    found, token = [], ""
    while True:
        page = get(server, path, **query, **({"next_page_token": token} if token else {})).json()
        found += page[name]
        token = page["next_page_token"]
        if not token:
            return found


def escaped(uuid: str) -> str:
    return quote(quote(uuid, safe=""), safe="")


def test_a_token_is_given_to_the_app_of_the_account_alone(server: Running) -> None:
    assert sign_in(server).json()["expires_in"] == 3600
    assert sign_in(server, app=("leerstroom", "guessed")).status_code == 401
    assert sign_in(server, account="another").status_code == 400
    assert requests.get(f"{server.url}/zoom/v2/users", timeout=5).json()["code"] == 124


@pytest.mark.parametrize("size", [1, 7, 300])
def test_pages_of_any_size_hold_every_row_once(server: Running, size: int) -> None:
    uuid = max(DATA["occurrences"], key=lambda each: len(each["participants"]))["uuid"]
    found = rows(server, f"/report/webinars/{escaped(uuid)}/participants", "participants", page_size=size)
    whole = rows(server, f"/report/webinars/{escaped(uuid)}/participants", "participants")
    assert found == whole
    assert len(found) > 30, "more than one page, whatever was asked for"


def test_a_page_token_dies_and_belongs_to_its_question(server: Running) -> None:
    path = f"/webinars/{SERIES}/registrants"
    token = get(server, path, page_size=5).json()["next_page_token"]
    assert get(server, path, page_size=6, next_page_token=token).json()["code"] == 300
    assert get(server, path, page_size=5, next_page_token=token).ok
    requests.post(f"{server.url}/zoom/_test/expire", timeout=5)
    assert get(server, path, page_size=5, next_page_token=token).status_code == 400


def test_a_plain_id_means_the_latest_occurrence_and_instances_name_them_all(server: Running) -> None:
    instances = get(server, f"/past_webinars/{SERIES}/instances").json()["webinars"]
    assert len(instances) == 3
    latest = max(instances, key=lambda each: each["start_time"])
    assert get(server, f"/report/webinars/{SERIES}").json()["uuid"] == latest["uuid"]


def test_a_uuid_that_begins_with_a_slash_must_be_encoded_twice(server: Running) -> None:
    uuid = next(each["uuid"] for each in DATA["occurrences"] if each["uuid"].startswith("/"))
    assert get(server, f"/report/webinars/{quote(uuid, safe='')}").status_code == 404
    assert get(server, f"/report/webinars/{escaped(uuid)}").json()["uuid"] == uuid


def test_a_report_covers_a_month_at_most(server: Running) -> None:
    host = next(each["host"] for each in DATA["occurrences"] if each["kind"] == "webinar")
    query = {"from": "2026-01-01", "to": "2026-11-30", "page_size": 300}
    year = rows(server, f"/report/users/{host}/meetings", "meetings", **query)
    month = rows(server, f"/report/users/{host}/meetings", "meetings", **{**query, "from": "2026-10-31"})
    assert year == month != []


def test_what_lies_ahead_does_not_exist_yet(server: Running) -> None:
    late = next(each for each in DATA["occurrences"] if any("_since" in row for row in each["participants"]))
    path = f"/report/webinars/{escaped(late['uuid'])}/participants"
    server.world.until = datetime(2026, 10, 30, 9, tzinfo=UTC)
    assert get(server, path).status_code == 404
    server.world.until = datetime(2026, 10, 31, tzinfo=UTC)
    before = rows(server, path, "participants")
    server.world.until = CLOCK
    after = rows(server, path, "participants")
    assert len(after) == len(before) + 1
    assert not any(name.startswith("_") for row in after for name in row)


def test_what_is_not_there_is_refused_as_the_vendor_does(server: Running) -> None:
    assert get(server, "/users/nobody/webinars").json()["code"] == 200
    assert get(server, "/meetings/83155502001/registrants").json()["code"] == 300
    assert get(server, "/report/webinars/nothing/participants").json()["code"] == 3001
    assert get(server, "/phone/call_logs").json()["code"] == 2300


def test_the_demo_is_told_the_same_way_each_time(tmp_path: Path) -> None:
    import shutil
    import subprocess
    import sys

    (tmp_path / "zoom").mkdir()
    shutil.copy(DEMO / "employees.csv", tmp_path)
    shutil.copy(DEMO / "zoom" / "make.py", tmp_path / "zoom")
    subprocess.run([sys.executable, tmp_path / "zoom" / "make.py"], check=True, capture_output=True)
    assert json.loads((tmp_path / "zoom" / "zoom.json").read_text()) == DATA
