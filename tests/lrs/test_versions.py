"""Versions, the alternate request syntax, CORS, methods and paths."""

import json
from urllib.parse import urlencode

import pytest
import requests

from leerstroom.lrs import running


@pytest.mark.parametrize(
    ("told", "status", "answered"),
    [("1.0", 200, "1.0.3"), ("1.0.0", 200, "1.0.3"), ("1.0.9", 200, "1.0.3"), ("2.0.0", 200, "2.0.0"), ("2.0", 200, "2.0.0"),
     ("1.1.0", 400, "1.0.3"), ("0.95", 400, "1.0.3"), ("3.0", 400, "1.0.3"), ("x", 400, "1.0.3"), (None, 400, "0.9")],
)  # fmt: skip
def test_a_version_is_answered_in_kind(lrs, told, status, answered):
    headers = {"X-Experience-API-Version": told} if told else {}
    answer = requests.get(
        lrs.endpoint + "statements", params={"limit": 1}, auth=(lrs.key, lrs.secret), headers=headers, timeout=10
    )
    assert (answer.status_code, answer.headers["X-Experience-API-Version"]) == (status, answered)


def test_2_0_knows_context_agents_and_1_0_does_not(lrs, make, caller):
    context = {
        "contextAgents": [
            {"objectType": "contextAgent", "agent": make.agent("ben"), "relevantTypes": ["https://r.example/mentor"]}
        ]
    }
    sent = make.statement(context=context)
    caller(lrs, "1.0.3").store(sent, expect=400)
    two = caller(lrs, "2.0.0")
    two.store(sent)
    assert two.ids(agent=make.agent("ben"), related_agents="true") == [sent["id"]]
    got = two("GET", "statements", params={"statementId": sent["id"]}).json()
    assert (got["version"], got["context"]) == ("2.0.0", context)


def alternate(lrs, method, form, version="1.0.3"):
    import base64

    pair = base64.b64encode(f"{lrs.key}:{lrs.secret}".encode()).decode()
    form = {"Authorization": f"Basic {pair}", "X-Experience-API-Version": version, **form}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return requests.post(
        lrs.endpoint + f"statements?method={method}", data=urlencode(form), headers=headers, timeout=10
    )


def test_the_alternate_request_syntax_carries_headers_parameters_and_content_in_a_form(lrs, make):
    sent = make.statement()
    put = alternate(
        lrs, "PUT", {"statementId": sent["id"], "content": json.dumps(sent), "Content-Type": "application/json"}
    )
    assert put.status_code == 204, put.text
    assert alternate(lrs, "GET", {"statementId": sent["id"]}).json()["id"] == sent["id"]
    assert alternate(lrs, "GET", {"statementId": sent["id"]}, "2.0.0").status_code == 400
    assert alternate(lrs, "PUT", {"statementId": sent["id"]}).status_code == 400
    assert alternate(lrs, "PATCH", {}).status_code == 400
    assert alternate(lrs, "GET&limit=1", {}).status_code == 400


def test_a_browser_on_another_site_may_ask(lrs):
    answer = requests.options(lrs.endpoint + "statements", headers={"Origin": "https://page.example"}, timeout=10)
    assert answer.status_code == 204
    assert "X-Experience-API-Version" in answer.headers["Access-Control-Allow-Headers"]
    assert "PUT" in answer.headers["Access-Control-Allow-Methods"]
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_other_methods_and_paths_are_refused(call):
    assert "GET" in call("DELETE", "statements", 405).headers["Allow"]
    call("PUT", "about", 405)
    call("GET", "nothing", 404)
    call("GET", "/nothing", 404)


def test_behind_a_proxy_with_a_path_of_its_own_more_and_links_lead_through_it(make, caller):
    with running(key="tests", secret="a secret of the tests", root_path="/lrs") as lrs:
        call = caller(lrs)
        call.store(make.statement(), make.statement())
        more = call("GET", "statements", 200, params={"limit": 1}).json()["more"]
        assert more.startswith("/lrs/xapi/statements?")
        assert call("GET", more.removeprefix("/lrs"), 200).json()["more"] == ""
        assert 'action="/lrs/browse"' in call("GET", "/browse", 200).text
