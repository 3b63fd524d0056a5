"""Credentials: made by command, hashed, scoped, revoked."""

import base64
import sqlite3
import time

import pytest
import requests

from leerstroom.errors import ConfigurationError
from leerstroom.lrs.access import MOST_WRONG, Access, Scope, TooManyTries, WrongSecrets
from leerstroom.lrs.storage import Storage


@pytest.fixture(scope="module")
def scoped(sqlite_lrs, caller):
    """A function that gives a caller with certain scopes."""
    storage = Storage(sqlite_lrs.database)

    def with_scopes(*scopes):
        key, secret = Access(storage).add("scoped", scopes)
        return caller(sqlite_lrs, key=key, secret=secret)

    yield with_scopes
    storage.close()


@pytest.mark.parametrize(
    "header",
    [None, "", "Basic", "Basic !!!", "Basic:dGVzdHM6eA==", "Bearer x", "Basic dGVzdHM=", "Basic dGVzdHM6d3Jvbmc=", "Basic " + base64.b64encode(b"\xff\xfe:\xfd").decode()],
)  # fmt: skip
def test_whoever_is_not_known_is_refused(lrs, header):
    headers = {"X-Experience-API-Version": "1.0.3"} | ({"Authorization": header} if header is not None else {})
    answer = requests.get(lrs.endpoint + "statements", headers=headers, timeout=10)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


def test_a_new_store_lets_nobody_in(tmp_path):
    storage = Storage(tmp_path / "lrs.sqlite")
    access = Access(storage)
    for pair in ("admin:admin", "root:", "lrs:lrs", ":"):
        assert access.check("Basic " + base64.b64encode(pair.encode()).decode()) is None
    storage.close()


def test_a_secret_is_stored_as_a_salted_hash_only(tmp_path):
    storage = Storage(tmp_path / "lrs.sqlite")
    access = Access(storage)
    pairs = [access.add(secret="the very same secret") for _ in range(2)]
    storage.close()
    rows = sqlite3.connect(tmp_path / "lrs.sqlite").execute("SELECT salt, secret FROM credentials").fetchall()
    assert rows[0][0] != rows[1][0]
    assert rows[0][1] != rows[1][1]
    assert b"the very same secret" not in b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert all(secret == "the very same secret" for _, secret in pairs)


def test_a_secret_with_any_letters_works(tmp_path):
    storage = Storage(tmp_path / "lrs.sqlite")
    access = Access(storage)
    key, secret = access.add(secret="pässwörd: ✓ 123")
    right = access.check("Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode())
    assert right is not None
    assert right.key == key
    assert access.check("Basic " + base64.b64encode(f"{key}:{secret} ".encode()).decode()) is None
    storage.close()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"scopes": ("everything",)}, "unknown scope"), ({"scopes": ()}, "none given"), ({"key": "a:b"}, "colon"), ({"secret": "short"}, "at least 8")],
)  # fmt: skip
def test_a_useless_credential_is_not_made(tmp_path, arguments, words):
    storage = Storage(tmp_path / "lrs.sqlite")
    with pytest.raises(ConfigurationError, match=words):
        Access(storage).add(**arguments)
    storage.close()


def test_scopes_open_what_they_name_and_nothing_else(scoped, make):
    statement, state = (
        make.statement(),
        {"activityId": make.activity()["id"], "agent": '{"mbox":"mailto:a@b.nl"}', "stateId": "s"},
    )
    profile = {"activityId": make.activity()["id"], "profileId": "p"}
    expected = {
        Scope.STATEMENTS_WRITE: (200, 403, 403, 403),
        Scope.STATEMENTS_READ: (403, 200, 403, 403),
        Scope.STATEMENTS_READ_MINE: (403, 200, 403, 403),
        Scope.STATE: (403, 403, 204, 403),
        Scope.PROFILE: (403, 403, 403, 204),
        Scope.DEFINE: (403, 403, 403, 403),
        Scope.ALL_READ: (403, 200, 403, 403),
        Scope.ALL: (200, 200, 204, 204),
    }
    for scope, statuses in expected.items():
        call = scoped(scope)
        told = (
            call("POST", "statements", json=statement).status_code,
            call("GET", "statements", params={"limit": 1}).status_code,
            call("POST", "activities/state", params=state, json={"a": 1}).status_code,
            call("POST", "activities/profile", params=profile, json={"a": 1}).status_code,
        )
        assert told == statuses, scope
    read_all = scoped(Scope.ALL_READ)
    read_all("GET", "activities/state", 200, params=state)
    read_all("GET", "activities/profile", 200, params=profile)


def test_mine_is_what_this_credential_stored(scoped, make):
    one, other = scoped(Scope.STATEMENTS_WRITE, Scope.STATEMENTS_READ_MINE), scoped(Scope.STATEMENTS_WRITE)
    own, foreign = make.statement(), make.statement()
    one.store(own)
    other.store(foreign)
    pointing = make.statement(
        object={"objectType": "StatementRef", "id": foreign["id"]}, verb={"id": make.verb("noted")}
    )
    other.store(pointing)
    assert one.ids() == [own["id"]]
    assert one.ids(agent=make.agent()) == [own["id"]]
    assert one.ids(agent=make.agent(), verb=make.verb(), related_agents="true") == [own["id"]]
    one("GET", "statements", 200, params={"statementId": own["id"]})
    one("GET", "statements", 404, params={"statementId": foreign["id"]})
    one("GET", f"/browse/statements/{foreign['id']}", 404)
    assert one("GET", "/browse", 200).text.count("/browse/statements/") == 1


def test_without_define_a_statement_changes_no_definition(scoped, call, make):
    scoped(Scope.STATEMENTS_WRITE).store(make.statement(object=make.activity(name={"en": "Changed"})))
    reader = scoped(Scope.STATEMENTS_READ)
    assert reader("GET", "activities", 200, params={"activityId": make.activity()["id"]}).json() == make.activity()


def test_a_revoked_credential_is_refused_within_seconds(sqlite_lrs, caller):
    storage = Storage(sqlite_lrs.database)
    access = Access(storage)
    key, secret = access.add("short")
    call = caller(sqlite_lrs, key=key, secret=secret)
    call("GET", "statements", 200, params={"limit": 1})
    assert access.revoke(key)
    assert not access.revoke(key)
    deadline = time.monotonic() + 8
    while call("GET", "statements", params={"limit": 1}).status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.25)
    storage.close()


def test_checking_again_is_quick(call):
    call("GET", "about", 200)
    started = time.perf_counter()
    for _ in range(20):
        call("GET", "agents", 200, params={"agent": '{"mbox":"mailto:a@b.nl"}'})
    assert (time.perf_counter() - started) / 20 < 0.04, "the slow hash is not worked out for every request"


def test_guessing_a_secret_is_slowed_down_and_locks_out_nobody_who_knows_it(sqlite_lrs, caller):
    storage = Storage(sqlite_lrs.database)
    key, secret = Access(storage).add("guessed")
    storage.close()
    right = caller(sqlite_lrs, key=key, secret=secret)
    right("GET", "statements", 200, params={"limit": 1})
    guesses = [
        caller(sqlite_lrs, key=key, secret=f"a guess {number}")("GET", "statements") for number in range(MOST_WRONG + 3)
    ]
    assert [each.status_code for each in guesses] == [401] * MOST_WRONG + [429] * 3
    assert 1 <= int(guesses[-1].headers["Retry-After"]) <= 60
    right("GET", "statements", 200, params={"limit": 1})
    assert caller(sqlite_lrs)("GET", "statements", params={"limit": 1}).status_code == 200, (
        "other keys are not concerned"
    )


def test_wrong_secrets_are_forgotten_after_a_minute_and_few_keys_are_kept():
    now = [0.0]
    wrong = WrongSecrets(lambda: now[0])
    for _ in range(MOST_WRONG):
        wrong.note("k")
    with pytest.raises(TooManyTries) as told:
        wrong.check("k")
    assert told.value.retry_after_s == 60
    wrong.check("another")
    now[0] = 60.0
    wrong.check("k")
    for number in range(20_000):
        wrong.note(str(number))
    assert len(wrong._wrong) == 10_000
