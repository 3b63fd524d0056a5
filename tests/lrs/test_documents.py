"""State, agent profiles and activity profiles."""

import hashlib
import json
import uuid

import pytest

KINDS = ["activities/state", "agents/profile", "activities/profile"]


@pytest.fixture(params=KINDS)
def place(request, make):
    """(path, parameters) of a document in each of the three resources."""
    agent = json.dumps(make.agent())
    activity = make.activity()["id"]
    return request.param, {
        "activities/state": {"activityId": activity, "agent": agent, "stateId": "ö/1"},
        "agents/profile": {"agent": agent, "profileId": "ö/1"},
        "activities/profile": {"activityId": activity, "profileId": "ö/1"},
    }[request.param]


NEW = {"If-None-Match": "*"}


def test_a_document_comes_back_as_it_was_sent(call, place):
    path, where = place
    content = bytes(range(256))
    call("PUT", path, 204, params=where, data=content, headers=NEW | {"Content-Type": "image/x-own; v=1"})
    answer = call("GET", path, 200, params=where)
    assert answer.content == content
    assert answer.headers["Content-Type"] == "image/x-own; v=1"
    assert answer.headers["ETag"] == f'"{hashlib.sha1(content).hexdigest()}"'
    assert answer.headers["Last-Modified"].endswith("GMT")
    call("HEAD", path, 200, params=where)


def test_posting_merges_json_objects_by_name(call, place):
    path, where = place
    call("POST", path, 204, params=where, json={"a": 1, "b": {"x": 1}})
    call("POST", path, 204, params=where, json={"b": {"y": 2}, "c": 3})
    assert call("GET", path, 200, params=where).json() == {"a": 1, "b": {"y": 2}, "c": 3}


@pytest.mark.parametrize(
    ("first", "second"), [("[1]", '{"a":1}'), ('{"a":1}', "[1]"), ("text", '{"a":1}'), ('{"a":1}', "text")]
)
def test_only_json_objects_are_merged_and_a_refusal_changes_nothing(call, place, first, second):
    path, where = place

    def headers(text):
        return {"Content-Type": "text/plain" if text == "text" else "application/json"}

    call("PUT", path, 204, params=where, data=first, headers=NEW | headers(first))
    call("POST", path, 400, params=where, data=second, headers=headers(second))
    assert call("GET", path, 200, params=where).text == first


def test_preconditions_hold(call, place):
    path, where = place
    call("PUT", path, 412, params=where, json={}, headers={"If-Match": '"0"'})
    call("PUT", path, 204, params=where, json={"a": 1}, headers=NEW)
    call("PUT", path, 412, params=where, json={}, headers=NEW)
    etag = call("GET", path, params=where).headers["ETag"]
    call("POST", path, 412, params=where, json={}, headers={"If-Match": '"0"'})
    call("DELETE", path, 412, params=where, headers={"If-Match": '"0"'})
    call("PUT", path, 204, params=where, json={"a": 2}, headers={"If-Match": f'"x", {etag}'})
    assert call("GET", path, params=where).json() == {"a": 2}


def test_a_profile_is_not_replaced_blindly_a_state_is_in_1_0_only(lrs, place, caller):

    path, where = place
    for version in ("1.0.3", "2.0.0"):
        call = caller(lrs, version)
        call("DELETE", path, 204, params=where)
        state = path == "activities/state"
        call("PUT", path, 204 if state else 400, params=where, json={"a": 1})
        call("POST", path, 204, params=where, json={"a": 1})
        call("PUT", path, 204 if state and version == "1.0.3" else 409, params=where, json={"a": 2})


def test_ids_are_listed_also_those_that_changed_since(call, place):
    path, where = place
    name = "stateId" if "stateId" in where else "profileId"
    call("POST", path, 204, params=where, json={"a": 1})
    since = call("GET", "statements", 200, params={"limit": 1}).headers["X-Experience-API-Consistent-Through"]
    call("POST", path, 204, params=where | {name: "second"}, json={"a": 1})
    listed = {each: value for each, value in where.items() if each != name}
    assert call("GET", path, 200, params=listed).json() == ["ö/1", "second"]
    assert call("GET", path, 200, params=listed | {"since": since}).json() == ["second"]
    call("DELETE", path, 204, params=where)
    call("GET", path, 404, params=where)
    assert call("GET", path, 200, params=listed).json() == ["second"]


def test_state_is_kept_by_registration_and_deleted_at_once(call, make):
    where = {"activityId": make.activity()["id"], "agent": json.dumps(make.agent())}
    registration = str(uuid.uuid4())
    call("POST", "activities/state", 204, params=where | {"stateId": "s"}, json={"of": "none"})
    call(
        "POST",
        "activities/state",
        204,
        params=where | {"stateId": "s", "registration": registration},
        json={"of": "one"},
    )
    assert call("GET", "activities/state", params=where | {"stateId": "s"}).json() == {"of": "none"}
    assert call(
        "GET", "activities/state", params=where | {"stateId": "s", "registration": registration.upper()}
    ).json() == {"of": "one"}
    call("DELETE", "activities/state", 204, params=where | {"registration": registration})
    assert call("GET", "activities/state", params=where).json() == ["s"]
    call("DELETE", "activities/state", 204, params=where)
    assert call("GET", "activities/state", params=where).json() == []


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
def test_what_must_be_there_must_be_there_and_nothing_else(call, place, method):
    path, where = place
    arguments = {"json": {}, "headers": NEW if method == "PUT" else {}}
    for missing in where:
        if (method, missing) != ("DELETE", "stateId"):  # that deletes all
            call(
                method, path, 400, params={name: value for name, value in where.items() if name != missing}, **arguments
            )
    call(method, path, 400, params=where | {"Extra": "1"}, **arguments)


def test_two_people_do_not_share_documents(call, make):
    for name in ("anna", "ben"):
        call(
            "POST",
            "agents/profile",
            204,
            params={"agent": json.dumps(make.agent(name)), "profileId": "p"},
            json={"who": name},
        )
    assert call("GET", "agents/profile", params={"agent": json.dumps(make.agent("anna")), "profileId": "p"}).json() == {
        "who": "anna"
    }
