"""The checker of requests finds what is wrong; and Zoom is asked as Zoom describes it."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from source_contract import RECORDINGS, completed
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from vendor_contract import Contract, asked, digest

from connectors.http import Api
from connectors.source import Window
from connectors.sources.zoom import Zoom
from leerstroom.replay import running

SPEC: dict[str, Any] = {
    "openapi": "3.0.0",
    "info": {"version": "1"},
    "components": {
        "parameters": {"size": {"name": "size", "in": "query", "description": "How many.", "schema": {"type": "integer", "minimum": 1}}},
        "schemas": {
            "Name": {"type": "string", "description": "How many.", "nullable": True},
            "Query": {
                "type": "object",
                "required": ["rooms"],
                "properties": {
                    "rooms": {"type": "array", "items": {"$ref": "#/components/schemas/Name"}},
                    "within": {"$ref": "#/components/schemas/Query"},
                },
            },
        },
    },
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
        "/search": {
            "post": {
                "parameters": [
                    {"name": "X-Size", "in": "header", "required": True, "schema": {"type": "integer"}},
                    {"name": "Accept", "in": "header", "required": True, "schema": {"enum": ["of no account"]}},
                ],
                "requestBody": {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Query"}}}},
            }
        },
        "/token": {
            "post": {
                "requestBody": {
                    "content": {
                        "application/x-www-form-urlencoded": {
                            "schema": {
                                "type": "object",
                                "required": ["grant_type"],
                                "properties": {"grant_type": {"type": "string", "enum": ["client_credentials"]}, "hours": {"type": "integer"}},
                            }
                        }
                    }
                }
            }
        },
    },
}  # fmt: skip
# The same two calls as OpenAPI 2 describes them.
OLD: dict[str, Any] = {
    "swagger": "2.0",
    "info": {"version": "1"},
    "definitions": SPEC["components"]["schemas"],
    "paths": {
        "/search": {
            "post": {
                "parameters": [
                    {"name": "X-Size", "in": "header", "required": True, "type": "integer"},
                    {"name": "body", "in": "body", "required": True, "schema": {"type": "object", "required": ["rooms"], "properties": {"rooms": {"type": "array", "items": {"type": ["string", "null"]}}, "within": {}}}},
                ],
            }
        },
        "/token": {
            "post": {
                "parameters": [
                    {"name": "grant_type", "in": "formData", "required": True, "type": "string", "enum": ["client_credentials"]},
                    {"name": "hours", "in": "formData", "type": "integer"},
                ]
            }
        },
    },
}  # fmt: skip


def sent(address: str, method: str = "GET", **more: Any) -> requests.PreparedRequest:
    return requests.Request(method, f"https://x.example/api{address}", **more).prepare()


def searched(headers: Any = None, **body: Any) -> requests.PreparedRequest:
    return sent("/search", "POST", headers={"X-Size": "3"} if headers is None else headers, **body)


def token(**fields: Any) -> requests.PreparedRequest:
    return sent("/token", "POST", data=fields)


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


@pytest.mark.parametrize(
    ("request_", "fault"),
    [
        (searched(json={"rooms": ["a", None]}), None),
        (searched(json={"rooms": ["a", 1]}), "/search: body/rooms/1 breaks properties/rooms/items/type"),
        (searched(json={"rooms": "a"}), "/search: body/rooms breaks properties/rooms/type"),
        (searched(json={"within": {"rooms": []}}), "/search: body breaks required"),
        (searched(json={"rooms": [], "room": "a"}), "/search: no field room in the body"),
        (searched(json=["a"]), "/search: body breaks type"),
        (searched({"X-Size": "3", "Content-Type": "application/json"}, data=b"rooms"), "/search: the body is no JSON"),
        (searched(data={"rooms": "a"}), "/search: no body of type application/x-www-form-urlencoded"),
        (searched(data=b"{}"), "/search: no body of type unknown"),
        (searched(), "/search: a body is required"),
        (searched({}, json={"rooms": []}), "/search: X-Size is required"),
        (searched({"x-size": "many"}, json={"rooms": []}), "/search: X-Size is no integer"),
        (token(grant_type="client_credentials", hours=2), None),
        (token(grant_type="password"), "/token: grant_type is none of client_credentials"),
        (token(hours=2), "/token: grant_type is required"),
        (token(grant_type="client_credentials", hours="two"), "/token: hours is no integer"),
        (token(grant_type="client_credentials", scope="all"), "/token: no field scope in the form"),
        (sent("/token", "POST", json={}), "/token: no body of type application/json"),
    ],
)
def test_a_body_or_header_that_is_not_described_is_found(request_: requests.PreparedRequest, fault: str | None) -> None:
    for contract in (Contract(each) for spec in (SPEC, OLD) for each in (spec, digest(spec, spec["paths"]))):
        assert contract.faults([request_]) == ([fault] if fault else [])


def test_a_body_where_none_is_described_is_found() -> None:
    request = sent("/rooms/1?since=1", data={"a": "b"})
    assert Contract(SPEC).faults([request]) == ["/rooms/{room}: no body is described"]


def test_a_credential_is_no_field_that_the_form_must_have() -> None:
    assert Contract(OLD, credentials={"grant_type"}).faults([token(hours=2)]) == []


def test_a_digest_holds_no_word_of_the_vendors_text() -> None:
    assert "How many" not in json.dumps(digest(SPEC, SPEC["paths"]))


def test_what_is_sent_inside_the_block_is_kept(serve) -> None:
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

# They are in that description too, and were cut out of ours.
CUT = (
    r"GET .*/v2/meetings/\d+/registrants: no such path",
    r"GET .*/v2/past_webinars/[^/]+/participants: no such path",
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
            source.check(api)
    assert len(found) > 50
    assert [fault for fault in contract.faults(found) if not any(re.fullmatch(each, fault) for each in NEWER)] == []
    assert {each for each in NEWER if any(re.fullmatch(each, fault) for fault in contract.faults(found))} == set(NEWER)


def barely(request: Request) -> Response:
    """A Zoom that has no report of anything, so that everything else is asked that the source knows: ends, participants, registrants."""
    path, at = request.url.path.removeprefix("/zoom/v2"), "2026-11-03T10:00:00Z"
    if path.endswith("/token"):
        return JSONResponse({"access_token": "t", "token_type": "bearer", "expires_in": 3600})
    if re.fullmatch(r"/report/(webinars|meetings)/[^/]+", path):
        return JSONResponse({"code": 3001, "message": "no report"}, 404)
    if re.fullmatch(r"/past_meetings/[^/]+", path):
        return JSONResponse({"start_time": at, "end_time": at})
    came = [{"id": "a", "registrant_id": "r", "user_email": "", "join_time": at, "leave_time": at}]
    kind = "w" if "webinars" in path else "m"
    return JSONResponse({
        "users": [{"id": "u"}], "webinars": [{"id": 83, "uuid": "w==", "start_time": at}], "meetings": [{"id": 84, "uuid": f"{kind}==", "start_time": at}],
        "participants": came if path.startswith("/past_") else [], "registrants": [], "panelists": [], "questions": [], "duration": 60, "next_page_token": "",
    })  # fmt: skip


def test_every_call_that_zoom_may_be_asked_is_made_somewhere_here(serve) -> None:
    """With the one above: all paths that the source knows, and no others."""
    contract = Contract.read(RECORDINGS / "zoom" / "openapi.json")
    url = serve(Starlette(routes=[Route("/{rest:path}", barely, methods=["GET", "POST"])]))
    fields = {"account_id": "a", "client_id": "c", "client_secret": "a-secret-of-the-test", "host": f"{url}/zoom/v2", "oauth_host": f"{url}/zoom", "meetings": ["84"]}  # fmt: skip
    source = completed(Zoom, fields, "zoom")
    with source.api() as api, asked(api) as found:
        list(source.pull(api, Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 5, tzinfo=UTC))))
    known = {each for each in contract.called(found) if "{" in each}
    assert known >= {
        f"GET /{each}"
        for each in (
            "report/users/{userId}/meetings", "users/{userId}/webinars", "past_webinars/{webinarId}/instances", "past_meetings/{meetingId}/instances",
            "report/webinars/{webinarId}", "report/meetings/{meetingId}", "past_meetings/{meetingUUID}", "report/webinars/{webinarId}/participants",
            "report/meetings/{meetingId}/participants", "past_meetings/{meetingUUID}/participants", "webinars/{webinarId}/registrants",
            "webinars/{webinarId}/panelists", "webinars/{webinarId}", "report/webinars/{webinarId}/qa", "report/webinars/{webinarId}/polls", "report/meetings/{meetingId}/polls",
        )
    }  # fmt: skip
    assert [fault for fault in contract.faults(found) if not any(re.fullmatch(each, fault) for each in (*NEWER, *CUT))] == []  # fmt: skip
    assert {each for each in CUT if any(re.fullmatch(each, fault) for fault in contract.faults(found))} == set(CUT)
