"""`tincan.RemoteLRS`, the client others wrote, works with every method it has."""

import uuid

import pytest
import tincan


@pytest.fixture
def remote(lrs):
    return tincan.RemoteLRS(endpoint=lrs.endpoint, username=lrs.key, password=lrs.secret, version="1.0.3")


@pytest.fixture
def course(make):
    return tincan.Activity(
        id=make.activity()["id"], definition=tincan.ActivityDefinition(name=tincan.LanguageMap({"en": "Course"}))
    )


@pytest.fixture
def anna(make):
    return tincan.Agent(account=tincan.AgentAccount(home_page="https://o.example", name=make.mark), name="Anna")


def did(anna, course, **more):
    return tincan.Statement(
        id=str(uuid.uuid4()), actor=anna, verb=tincan.Verb(id="https://v.example/did"), object=course, **more
    )


def well(response):
    assert response.success, response.data
    return response.content


def etag(response):
    """Tincan looks for the ETag in a list of pairs and never finds it; the answer has it."""
    well(response)
    return response.response.getheader("ETag")


def test_about(remote):
    assert "1.0.3" in well(remote.about()).version  # tincan refuses a list with 2.0.0 in it


def test_statements(remote, anna, course, make):
    first, second = did(anna, course), did(anna, course, result=tincan.Result(success=True))
    assert well(remote.save_statement(first)).id == first.id
    saved = well(remote.save_statements([first, second]))
    assert [str(each.id) for each in saved] == [str(first.id), str(second.id)]
    got = well(remote.retrieve_statement(str(second.id)))
    assert got.result.success is True
    assert got.stored is not None
    page = well(remote.query_statements({"agent": anna, "limit": 1}))
    assert [str(each.id) for each in page.statements] == [str(second.id)]
    following = well(remote.more_statements(page))
    assert [str(each.id) for each in following.statements] == [str(first.id)]
    voiding = did(anna, tincan.StatementRef(id=str(first.id)))
    voiding.verb = tincan.Verb(id="http://adlnet.gov/expapi/verbs/voided")
    well(remote.save_statement(voiding))
    assert not remote.retrieve_statement(str(first.id)).success
    assert str(well(remote.retrieve_voided_statement(str(first.id))).id) == str(first.id)


def test_state(remote, anna, course):
    state = tincan.StateDocument(
        id="place", activity=course, agent=anna, content=bytearray(b'{"page":3}'), content_type="application/json"
    )
    well(remote.save_state(state))
    assert well(remote.retrieve_state_ids(course, anna)) == ["place"]
    got = well(remote.retrieve_state(course, anna, "place"))
    assert got.content == b'{"page":3}'
    state.content = bytearray(b'{"page":4}')
    well(remote.save_state(state))  # without its ETag: this method sends every request twice, and the second would fail
    state.etag = etag(remote.retrieve_state(course, anna, "place"))
    well(remote.delete_state(state))
    well(
        remote.save_state(
            state := tincan.StateDocument(
                id="other", activity=course, agent=anna, content=bytearray(b"x"), content_type="text/plain"
            )
        )
    )
    well(remote.clear_state(course, anna))
    assert well(remote.retrieve_state_ids(course, anna)) == []
    assert remote.retrieve_state(course, anna, "place").response.status == 404


# tincan sends no If-None-Match, so by the specification (part three, 3.1) it can replace a profile but not make one: the first is posted.


def test_activity_profiles(remote, course, call):
    profile = tincan.ActivityProfileDocument(
        id="p", activity=course, content=bytearray(b'{"a":2}'), content_type="application/json"
    )
    assert not remote.save_activity_profile(profile).success
    call("POST", "activities/profile", 204, params={"activityId": course.id, "profileId": "p"}, json={"a": 1})
    assert well(remote.retrieve_activity_profile_ids(course)) == ["p"]
    profile.etag = etag(remote.retrieve_activity_profile(course, "p"))
    well(remote.save_activity_profile(profile))
    got = well(remote.retrieve_activity_profile(course, "p"))
    assert got.content == b'{"a":2}'
    well(remote.delete_activity_profile(got))
    assert well(remote.retrieve_activity_profile_ids(course)) == []


def test_agent_profiles(remote, anna, call):
    profile = tincan.AgentProfileDocument(
        id="p", agent=anna, content=bytearray(b'{"a":2}'), content_type="application/json"
    )
    assert not remote.save_agent_profile(profile).success
    call("POST", "agents/profile", 204, params={"agent": anna.to_json(remote.version), "profileId": "p"}, json={"a": 1})
    assert well(remote.retrieve_agent_profile_ids(anna)) == ["p"]
    profile.etag = etag(remote.retrieve_agent_profile(anna, "p"))
    well(remote.save_agent_profile(profile))
    got = well(remote.retrieve_agent_profile(anna, "p"))
    assert got.content == b'{"a":2}'
    well(remote.delete_agent_profile(got))
    assert well(remote.retrieve_agent_profile_ids(anna)) == []
