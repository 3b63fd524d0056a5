"""The checker of requests finds what is wrong; and Zoom is asked as Zoom describes it."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from source_contract import RECORDINGS, completed
from vendor_contract import Contract, asked, digest

from connectors.source import Window
from connectors.sources.zoom import Zoom
from leerstroom.replay import running

SPEC: dict[str, Any] = {
    "openapi": "3.0.0",
    "info": {"version": "1"},
    "components": {"parameters": {"size": {"name": "size", "in": "query", "description": "How many.", "schema": {"type": "integer", "minimum": 1}}}},
    "paths": {
        "/rooms/{room}": {
            "parameters": [{"name": "room", "in": "path", "required": True, "schema": {"type": "string"}}],
            "get": {
                "parameters": [
                    {"$ref": "#/components/parameters/size"},
                    {"name": "since", "in": "query", "required": True, "schema": {"oneOf": [{"type": "number"}, {"type": "string", "enum": ["newest"]}]}},
                    {"name": "narrow", "in": "query", "content": {"application/json": {"schema": {"type": "array"}}}},
                ]
            },
        },
    },
}  # fmt: skip


def sent(address: str, method: str = "GET") -> requests.PreparedRequest:
    return requests.Request(method, f"https://x.example/api{address}").prepare()


@pytest.mark.parametrize(
    ("request_", "fault"),
    [
        (sent("/rooms/1?since=newest&size=3&narrow=[]"), None),
        (sent("/rooms/1?since=12.5"), None),
        (sent("/room/1?since=1"), "GET /api/room/1: no such path"),
        (sent("/rooms/1?since=1", "POST"), "POST /rooms/{room}: no such method"),
        (sent("/rooms/1?since=1&limit=5"), "/rooms/{room}: no parameter limit in query"),
        (sent("/rooms/1?since=oldest"), "/rooms/{room}: since is no number"),
        (sent("/rooms/1"), "/rooms/{room}: since is required"),
        (sent("/rooms/1?since=1&size=many"), "/rooms/{room}: size is no integer"),
        (sent("/rooms/1?since=1&size=0"), "/rooms/{room}: size is out of range"),
        (sent("/rooms/1?since=1&narrow={}"), "/rooms/{room}: narrow is no JSON array"),
        (sent("/rooms/1?since=1&narrow=x"), "/rooms/{room}: narrow is no JSON"),
    ],
)
def test_a_request_that_is_not_described_is_found(request_: requests.PreparedRequest, fault: str | None) -> None:
    for contract in (Contract(SPEC), Contract(digest(SPEC, SPEC["paths"]))):
        assert contract.faults([request_]) == ([fault] if fault else [])


def test_a_digest_holds_no_word_of_the_vendors_text() -> None:
    assert "How many" not in json.dumps(digest(SPEC, SPEC["paths"]))


def test_what_is_sent_inside_the_block_is_kept(serve) -> None:
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    from connectors.http import Api

    app = Starlette(routes=[Route("/{rest:path}", lambda request: JSONResponse({}))])
    with Api(serve(app), connection="c") as api:
        with asked(api) as found:
            api.get("/one", {"a": 1})
        api.get("/two")
    assert [request.path_url for request in found] == ["/one?a=1"]


# The description that Zoom published is of 2021 and was cut to reports, past sessions and webinars; these stand in its reference of today.
NEWER = (
    r"GET .*/v2/users: no such path",
    r"GET .*/v2/meetings/\d+: no such path",
    r"GET .*/v2/report/meetings/[^/]+/qa: no such path",
    r"GET .*/v2/past_webinars/[^/]+/absentees: no such path",
    r"/report/(meetings|webinars)/{\w+}/participants: no parameter include_fields in query",
    r"/webinars/{webinarId}/registrants: no parameter next_page_token in query",
)


def test_zoom_is_asked_as_zoom_describes_it() -> None:
    contract = Contract.read(RECORDINGS / "zoom" / "openapi.json")
    demo = json.loads((RECORDINGS / "demo" / "zoom" / "zoom.json").read_text())
    fields = {name: demo[name] for name in ("account_id", "client_id", "client_secret")}
    with running(RECORDINGS / "demo", only=("zoom",)) as server:
        hosts = {"host": f"{server.url}/zoom/v2", "oauth_host": f"{server.url}/zoom"}
        source = completed(Zoom, {**fields, **hosts, "meetings": ["*"]}, "zoom")
        with source.api() as api, asked(api) as found:
            list(source.pull(api, Window(datetime(2026, 10, 26, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC))))
    assert len(found) > 50
    assert [fault for fault in contract.faults(found) if not any(re.fullmatch(each, fault) for each in NEWER)] == []
    assert {each for each in NEWER if any(re.fullmatch(each, fault) for fault in contract.faults(found))} == set(NEWER)
