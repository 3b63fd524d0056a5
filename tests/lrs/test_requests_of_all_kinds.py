"""Ten thousand generated requests: wrong, odd, huge, deep. Whatever comes, the answer is one of the specification's, never a 500, and what is accepted comes back."""

import base64
import http.client
import json
import random
import string
import uuid
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leerstroom.lrs import Limits, running

EXPECTED = {200, 204, 303, 400, 401, 403, 404, 405, 408, 409, 412, 413, 415}
PATHS = [
    "statements",
    "activities/state",
    "activities/profile",
    "agents/profile",
    "activities",
    "agents",
    "about",
    "nothing",
    "",
]
NAMES = [
    "statementId", "voidedStatementId", "agent", "verb", "activity", "registration", "related_agents", "related_activities", "since", "until", "limit",
    "format", "attachments", "ascending", "cursor", "activityId", "stateId", "profileId", "method", "Limit",
]  # fmt: skip
VALUES = [
    "", "x", "0", "-1", "5", "99999999999999999999", "true", "false", "ids", "canonical", "2026-11-03T09:00:00Z", "2026-11-03", "not a time", "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00+14:00", "https://v.example/did", "mailto:", "null", "[]", "{}", '{"mbox":"mailto:a@b.nl"}', '{"mbox":"mailto:a@b.nl","mbox":"x"}', '{"mbox":1}',
    '{"account":{"homePage":"https://o.example","name":"ä\\u0000"}}', '{"objectType":"Group","member":[{}]}', '{"objectType":[]}', "\x00", "ÿ", "💥", "[" * 3000,
    "c40a7d5e-083c-52d4-8088-00915207de64", "GET", "PUT", "DELETE",
]  # fmt: skip


class Raw:
    """A connection that takes anything as path, header and body."""

    def __init__(self, lrs):
        self._address = urlsplit(lrs.endpoint).netloc
        self._authorization = "Basic " + base64.b64encode(f"{lrs.key}:{lrs.secret}".encode()).decode()
        self._connection = http.client.HTTPConnection(self._address, timeout=60)

    def __call__(self, method, path, body=None, **headers):
        told = {
            "Authorization": self._authorization,
            "X-Experience-API-Version": "1.0.3",
            "Content-Type": "application/json",
        }
        told |= {name.replace("_", "-"): value for name, value in headers.items()}
        for _ in range(2):
            try:
                self._connection.request(method, f"/xapi/{path}", body, told)
                answer = self._connection.getresponse()
                return answer.status, answer.read()
            except (http.client.HTTPException, ConnectionError):  # the server closed it after a refusal
                self._connection.close()
        raise AssertionError("the server gives no answer")


@pytest.fixture(scope="module")
def raw():
    with running(
        key="tests", secret="a secret of the tests", limits=Limits(body=2_000_000, batch=500, read_s=5)
    ) as lrs:
        yield Raw(lrs)


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(VALUES)
anything = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=8) | st.sampled_from(["id", "objectType", "account", "member"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)
PARTS = [
    "id",
    "actor",
    "verb",
    "object",
    "result",
    "context",
    "timestamp",
    "stored",
    "authority",
    "version",
    "attachments",
]


def right(identifier):
    return {
        "id": identifier,
        "actor": {
            "objectType": "Group",
            "name": "G",
            "member": [{"mbox": "mailto:a@b.nl"}, {"openid": "https://o.example/b"}],
        },
        "verb": {"id": "https://v.example/did", "display": {"en": "did"}},
        "object": {
            "id": "https://c.example/1",
            "definition": {"interactionType": "choice", "choices": [{"id": "a"}], "correctResponsesPattern": ["a"]},
        },
        "result": {
            "score": {"scaled": 0.5, "raw": 5, "min": 0, "max": 10},
            "duration": "PT1S",
            "extensions": {"https://e.example/x": None},
        },
        "context": {
            "registration": identifier,
            "contextActivities": {"parent": {"id": "https://c.example/2"}},
            "statement": {"objectType": "StatementRef", "id": identifier},
        },
        "timestamp": "2026-11-03T09:00:00Z",
        "version": "1.0.0",
        "authority": {"mbox": "mailto:a@b.nl"},
        "stored": "2026-11-03T09:00:00Z",
        "attachments": [
            {
                "usageType": "https://u.example/x",
                "display": {},
                "contentType": "a/b",
                "length": 1,
                "sha2": "0" * 64,
                "fileUrl": "https://f.example",
            }
        ],
    }


def places(value, path=()):
    """All paths into a value."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        yield from places(each, (*path, name))


def put(value, path, new):
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = put(copy[path[0]], path[1:], new)
    return copy


def answered(raw, body, version="1.0.3"):
    status, content = raw("POST", "statements", body, X_Experience_API_Version=version)
    assert status in {200, 400, 409, 413}, (status, content[:300], body[:300])
    if status == 400:
        assert json.loads(content)["error"]
    return status, content


@pytest.mark.slow
@settings(max_examples=4_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), version=st.sampled_from(["1.0.3", "2.0.0"]))
def test_a_statement_with_anything_in_the_place_of_a_part(raw, data, version):
    identifier = str(uuid.uuid4())
    statement = right(identifier)
    path = data.draw(st.sampled_from(list(places(statement))))
    body = json.dumps(put(statement, path, data.draw(anything))).encode("utf-8", "surrogatepass")
    status, content = answered(raw, body, version)
    if status == 200 and content.startswith(b'["'):
        for stored in json.loads(content):
            assert raw("GET", f"statements?statementId={stored}&format=canonical")[0] in {
                200,
                404,
            }  # 404: it voids itself


@pytest.mark.slow
@settings(max_examples=3_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    method=st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH"]),
    path=st.sampled_from(PATHS),
    parameters=st.lists(
        st.tuples(st.sampled_from(NAMES) | st.text(max_size=6), st.sampled_from(VALUES) | st.text(max_size=12)),
        max_size=5,
    ),
    content_type=st.sampled_from([
        "application/json",
        "text/plain",
        "multipart/mixed; boundary=b",
        "multipart/mixed",
        "application/x-www-form-urlencoded",
        "\x7f;=",
        "",
    ]),
    body=st.binary(max_size=40) | anything.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")),
    version=st.sampled_from(["1.0.3", "2.0.0", "1.0", "9", ""]),
    match=st.sampled_from([
        {},
        {"If_Match": "*"},
        {"If_None_Match": "*"},
        {"If_Match": '"x'},
        {"Accept_Language": ";q=x,,*"},
        {"Content_Encoding": "gzip"},
    ]),
)
def test_any_method_path_parameters_and_body(raw, method, path, parameters, content_type, body, version, match):
    query = "&".join(
        f"{quote(name.encode('utf-8', 'surrogatepass'))}={quote(value.encode('utf-8', 'surrogatepass'))}"
        for name, value in parameters
    )
    status, content = raw(
        method,
        f"{path}?{query}",
        body if method in {"PUT", "POST"} else None,
        Content_Type=content_type,
        X_Experience_API_Version=version,
        **match,
    )
    assert status in EXPECTED, (status, content[:300])


@pytest.mark.slow
def test_bodies_that_were_cut_flipped_or_blown_up(raw):
    random_ = random.Random(5)
    whole = json.dumps([right(str(uuid.uuid4())), right(str(uuid.uuid4()))]).encode()
    for _ in range(3_000):
        body = bytearray(whole)
        for _ in range(random_.randrange(1, 6)):
            kind, place = random_.randrange(5), random_.randrange(len(body) or 1)
            if kind == 0:
                body = body[:place] or bytearray(b"[")
            elif kind == 1:
                body[place : place + 1] = bytes([random_.randrange(256)])
            elif kind == 2:
                body[place:place] = random_.choice([
                    b"\xff",
                    b"\x00",
                    b"[",
                    b"{",
                    b'"',
                    b"\\u0000",
                    b"\\ud800",
                    b"NaN",
                    b"1e999",
                    b'"a":1,"a":1,',
                    b" " * 200_000,
                    b"[" * 2_000,
                ])
            elif kind == 3:
                body[place : place + random_.randrange(40)] = b""
            else:
                body[place:place] = random_.choice(string.printable).encode() * random_.randrange(300)
        answered(raw, bytes(body))


def test_texts_of_any_letters_come_back_as_they_were(raw):
    identifier = str(uuid.uuid4())
    statement = right(identifier)
    statement["result"]["response"] = "\x00\x01\u2028💥\ufffe" + "ä" * 10_000
    statement["actor"] = {"account": {"homePage": "https://o.example", "name": "nul\x00 and 💥"}}
    answered(raw, json.dumps(statement).encode())
    got = json.loads(raw("GET", f"statements?statementId={identifier}")[1])
    assert got["result"]["response"] == statement["result"]["response"]
    found = json.loads(raw("GET", "statements?agent=" + quote(json.dumps(statement["actor"])))[1])
    assert [each["id"] for each in found["statements"]] == [identifier]
