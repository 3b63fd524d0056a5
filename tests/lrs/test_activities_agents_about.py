"""Activities, agents and about."""

import json

import pytest
import requests


def test_an_activity_is_all_that_statements_say_about_it(call, make):
    call.store(
        make.statement(object=make.activity(name={"en": "Course"}, type="https://t.example/course")),
        make.statement(
            context={
                "contextActivities": {
                    "other": [make.activity(name={"nl": "Cursus"}, extensions={"https://e.example/x": 1})]
                }
            },
            object=make.activity("else"),
        ),
    )
    got = call("GET", "activities", 200, params={"activityId": make.activity()["id"]}).json()
    definition = {
        "name": {"en": "Course", "nl": "Cursus"},
        "type": "https://t.example/course",
        "extensions": {"https://e.example/x": 1},
    }
    assert got == {"objectType": "Activity", "id": make.activity()["id"], "definition": definition}
    call.store(make.statement(object=make.activity(name={"en": "Renamed"})))
    assert call("GET", "activities", params={"activityId": make.activity()["id"]}).json()["definition"]["name"] == {
        "en": "Renamed",
        "nl": "Cursus",
    }


def test_an_activity_that_nobody_mentions_has_no_definition(call, make):
    assert call("GET", "activities", 200, params={"activityId": make.activity()["id"]}).json() == make.activity()
    call("GET", "activities", 400)
    call("GET", "activities", 400, params={"activityId": "x"})


def test_a_person_has_all_the_names_that_were_heard(call, make):
    call.store(
        make.statement(actor={**make.agent(), "name": "Anna"}),
        make.statement(actor={**make.agent(), "name": "A. Jansen"}),
    )
    got = call("GET", "agents", 200, params={"agent": json.dumps(make.agent())}).json()
    assert got == {"objectType": "Person", "name": ["Anna", "A. Jansen"], "account": [make.agent()["account"]]}
    unknown = call("GET", "agents", 200, params={"agent": json.dumps(make.agent("nobody"))}).json()
    assert unknown == {"objectType": "Person", "account": [make.agent("nobody")["account"]]}
    call("GET", "agents", 400, params={"agent": "{}"})


def test_about_is_open_and_names_the_versions(lrs):
    answer = requests.get(lrs.endpoint + "about", timeout=10)
    assert answer.status_code == 200
    assert {"1.0.3", "2.0.0"} <= set(answer.json()["version"])
    assert answer.headers["X-Experience-API-Version"] == "1.0.3"


@pytest.mark.parametrize(
    ("asked", "named"),
    [("1.0.3", ["1.0.0", "1.0.1", "1.0.2", "1.0.3"]), ("2.0.0", ["1.0.0", "1.0.1", "1.0.2", "1.0.3", "2.0.0"])],
)
def test_about_names_no_version_that_is_later_than_the_asker_knows(lrs, caller, asked, named):
    assert caller(lrs, asked)("GET", "about", 200).json()["version"] == named
