"""Erasure: nothing that concerns the person is left in the store, everything else is."""

import hashlib
import json
import sqlite3

import pytest

from leerstroom.errors import ConfigurationError
from leerstroom.lrs import running
from leerstroom.lrs.erasure import Erased, erase, identity_of
from leerstroom.lrs.storage import Storage

HEADERS = {"Content-Type": "multipart/mixed; boundary=b"}


def with_content(statement, content):
    sha2 = hashlib.sha256(content).hexdigest()
    about = {
        "usageType": "https://u.example/x",
        "display": {},
        "contentType": "text/plain",
        "length": len(content),
        "sha2": sha2,
    }
    head = f"Content-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\nX-Experience-API-Hash: {sha2}"
    first = json.dumps([statement | {"attachments": [about]}])
    return (
        f"--b\r\nContent-Type: application/json\r\n\r\n{first}\r\n--b\r\n{head}\r\n\r\n".encode()
        + content
        + b"\r\n--b--\r\n"
    )


@pytest.fixture
def erased(database, make, caller):
    """A store in which Anna was erased: (caller, statements that stay, what was counted)."""
    anna, ben = make.agent("anna"), make.agent("ben")
    with running(database, key="tests", secret="a secret of the tests") as lrs:
        call = caller(lrs)
        plain = make.statement(actor={**anna, "name": "Anna Geheim"})
        gone = [
            plain,
            make.statement(actor=ben, object=anna),
            make.statement(actor={"objectType": "Group", "member": [ben, anna]}),
            make.statement(actor=ben, context={"instructor": anna}),
            make.statement(
                actor=ben,
                object={
                    "objectType": "SubStatement",
                    "actor": anna,
                    "verb": {"id": make.verb()},
                    "object": make.activity(),
                },
            ),
        ]
        stay = [
            make.statement(actor=ben),
            make.statement(
                actor=ben, verb={"id": make.verb("noted")}, object={"objectType": "StatementRef", "id": plain["id"]}
            ),
        ]
        call.store(*gone, *stay)
        for statement, content in (
            (make.statement(actor=anna), b"only Anna's"),
            (make.statement(actor=anna), b"shared"),
            (make.statement(actor=ben), b"shared"),
        ):
            call("POST", "statements", 200, data=with_content(statement, content), headers=HEADERS)
            (gone if statement["actor"] == anna else stay).append(statement)
        for agent in (anna, ben):
            call(
                "POST",
                "activities/state",
                204,
                params={"activityId": make.activity()["id"], "agent": json.dumps(agent), "stateId": "s"},
                json={"a": 1},
            )
            call("POST", "agents/profile", 204, params={"agent": json.dumps(agent), "profileId": "p"}, json={"a": 1})
        storage = Storage(database)
        told = erase(storage, identity_of(json.dumps(anna)))
        storage.close()
        yield call, gone, stay, told, anna, ben


def test_all_that_concerns_the_person_is_gone_and_the_rest_is_not(erased, make, tmp_path, database):
    call, gone, stay, told, anna, ben = erased
    assert told == Erased(statements=len(gone), documents=2, attachments=1)
    for each in gone:
        call("GET", "statements", 404, params={"statementId": each["id"]})
    assert set(call.ids()) == {each["id"] for each in stay}
    assert call.ids(agent=anna, related_agents="true") == []
    assert set(call.ids(agent=ben)) == {each["id"] for each in stay}, (
        "who pointed at an erased statement is no longer found through it"
    )
    assert call.ids(agent=ben, verb=make.verb("noted")) == [stay[1]["id"]]
    assert call("GET", "agents", 200, params={"agent": json.dumps(anna)}).json() == {
        "objectType": "Person",
        "account": [anna["account"]],
    }
    assert call("GET", "agents/profile", 200, params={"agent": json.dumps(anna)}).json() == []
    assert call("GET", "agents/profile", 200, params={"agent": json.dumps(ben)}).json() == ["p"]
    later = make.statement(actor=anna)
    call.store(later)
    assert call.ids(agent=anna) == [later["id"]], "the server doesn't remember the deleted term"


def test_the_file_holds_no_trace_and_the_audit_line_names_nobody(tmp_path, make, caller):
    path = tmp_path / "lrs.sqlite"
    with running(path, key="tests", secret="a secret of the tests") as lrs:
        caller(lrs).store(
            make.statement(actor={**make.agent(), "name": "Anna Geheim"}), make.statement(actor=make.agent("ben"))
        )
    storage = Storage(path)
    erase(storage, identity_of(f"account|https://o.example|anna-{make.mark}"))
    storage.close()
    content = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert f"ben-{make.mark}".encode() in content
    assert f"anna-{make.mark}".encode() not in content
    assert b"Anna Geheim" not in content
    [(what, detail)] = sqlite3.connect(path).execute("SELECT what, detail FROM audit").fetchall()
    assert what == "erasure"
    assert detail.startswith("one person: 1 statements, 0 documents")


def test_erasing_more_than_fits_in_a_transaction_takes_all(tmp_path, make, caller):
    with running(tmp_path / "lrs.sqlite", key="tests", secret="a secret of the tests") as lrs:
        caller(lrs).store(*[make.statement() for _ in range(1_203)])
        storage = Storage(lrs.database)
        assert erase(storage, f"account|https://o.example|anna-{make.mark}").statements == 1_203
        assert erase(storage, f"account|https://o.example|anna-{make.mark}").statements == 0
        storage.close()


@pytest.mark.parametrize(
    ("text", "identity"),
    [
        ('{"mbox":"mailto:Anna@O.example"}', "mbox|anna@o.example"),
        ("mbox|Anna@O.example", "mbox|anna@o.example"),
        ("account|https://o.example|X", "account|https://o.example|X"),
        ('{"openid":"https://o.example/a"}', "openid|https://o.example/a"),
    ],
)
def test_a_person_is_named_as_agent_or_as_identity(text, identity):
    assert identity_of(text) == identity


@pytest.mark.parametrize(
    "text",
    ["Anna", "{", '{"name":"Anna"}', '{"objectType":"Group","member":[]}', "0387a993-8551-47d0-987c-09857f04639f"],
)
def test_whoever_is_not_named_is_not_erased(text):
    with pytest.raises(ConfigurationError):
        identity_of(text)
