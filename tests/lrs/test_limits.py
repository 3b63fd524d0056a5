"""What a request may cost: size, number, depth, time."""

import gzip
import json
import socket
import time
from urllib.parse import urlsplit

import pytest


@pytest.fixture
def small(sqlite_lrs, caller):
    return caller(sqlite_lrs)  # 4 MB, 2,000 statements, pages of 500, 2 seconds


JSON = {"Content-Type": "application/json"}


def test_a_body_beyond_the_limit_is_413_told_or_not(small):
    small("POST", "statements", 413, data=b" " * 4_000_001, headers=JSON)

    def parts():
        for _ in range(50):
            yield b" " * 100_000

    small("POST", "statements", 413, data=parts(), headers=JSON)


def test_a_batch_beyond_the_limit_is_413(small):
    small("POST", "statements", 413, data=b"[" + b"1," * 2_000 + b"1]", headers=JSON)


def test_a_gzip_body_is_unpacked_up_to_the_limit(small, make):
    sent = make.statement()
    packed = JSON | {"Content-Encoding": "gzip"}
    small("POST", "statements", 200, data=gzip.compress(json.dumps(sent).encode()), headers=packed)
    assert small.ids(verb=make.verb()) == [sent["id"]]
    small("POST", "statements", 413, data=gzip.compress(b" " * 50_000_000), headers=packed)
    small("POST", "statements", 400, data=b"no gzip", headers=packed)
    small("POST", "statements", 400, data=gzip.compress(b"[]" * 5_000)[:-9], headers=packed)
    small("POST", "statements", 415, data=b"[]", headers=JSON | {"Content-Encoding": "br"})


def test_a_body_that_comes_too_slowly_is_408(small):
    address = urlsplit(small.lrs.endpoint)
    head = small.session.prepare_request(
        __import__("requests").Request("POST", small.lrs.endpoint + "statements", headers=JSON)
    ).headers
    with socket.create_connection((address.hostname, address.port)) as connection:
        told = f"POST /xapi/statements HTTP/1.1\r\nHost: x\r\nAuthorization: {head['Authorization']}\r\nX-Experience-API-Version: 1.0.3\r\n"
        connection.sendall((told + "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n[").encode())
        started = time.monotonic()
        connection.settimeout(10)
        answer = connection.recv(4096)
    assert answer.startswith(b"HTTP/1.1 408")
    assert 1.5 < time.monotonic() - started < 6


def test_a_page_has_at_most_what_the_server_gives(small, make):
    small.store(*[make.statement() for _ in range(700)])
    for limit in ({"limit": "0"}, {"limit": "100000"}, {}):
        answer = small("GET", "statements", 200, params={"verb": make.verb(), **limit}).json()
        assert len(answer["statements"]) == 500
        assert answer["more"]
    assert len(small.ids(verb=make.verb(), limit="0")) == 700


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"1", b'"x"', b"[1]", b"[[]]", b"\xff\xfe", b'{"actor":"\xff"}', b"[NaN]", b'[{"result":{"score":{"raw":Infinity}}}]', b"[1e400]",
     b"[" * 100_000, b"[" * 500 + b"]" * 500, b'{"a":1,"a":2}', b'{"a":{"b\\u003a":1,"c":2,"c":3}}', b'"\\ud800"', b"\xef\xbb\xbf[]", b'{"id":"\x00"}'],
    ids=lambda body: repr(body[:24]),
)  # fmt: skip
def test_what_is_no_statement_is_400(small, body):
    assert small("POST", "statements", 400, data=body, headers=JSON).json()["error"]


def test_an_empty_batch_stores_nothing(small):
    assert small("POST", "statements", 200, data=b"[]", headers=JSON).json() == []


def test_a_colon_in_a_text_or_an_escape_is_no_double_name(small, make):
    sent = make.statement(
        result={"response": 'a":b::{"a":1,"a":2} \\u003a'}, context={"extensions": {"https://e.example/x:y": ":"}}
    )
    body = json.dumps(sent).replace("::", "\\u003a\\u003A").encode()
    small("POST", "statements", 200, data=body, headers=JSON)
    assert small("GET", "statements", params={"statementId": sent["id"]}).json()["result"] == sent["result"]
