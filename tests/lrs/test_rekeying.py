"""Re-keying in place: afterwards the store is as one that never held anything but the new forms, and no batch is lost or done twice."""

import random
from pathlib import Path
from typing import Any

import orjson
import pytest

from leerstroom.lrs import rekeying, terms, times
from leerstroom.lrs.storage import Storage
from leerstroom.lrs.storage.preparing import authority, prepare
from leerstroom.people import Pseudonyms, Rotation
from leerstroom.statements import name_uuid, voiding_id
from leerstroom.statements.vocabulary import CATEGORY, extension, verbs

KEYS = Pseudonyms("the first secret, long enough", "the second secret, long enough")
ROTATION = Rotation(KEYS.steps, {"whatsapp"})
BY = authority({"account": {"homePage": "https://lrs.example", "name": "k"}})
HOME = "https://people.example"


def stated(number: int, platform: str = "matrix", iri: str | None = None) -> dict[str, Any]:
    """A statement as the mapping makes it."""
    person = KEYS.first.actor(str(number % 7))
    return {
        "id": name_uuid("statement", str(number)),
        "actor": {"objectType": "Agent", "account": {"homePage": HOME, "name": person}},
        "verb": verbs.POSTED.stated,
        "object": {"objectType": "Activity", "id": iri or f"https://chat.example/{number}", "definition": {"type": "http://x.example/t"}},
        "context": {
            "registration": name_uuid("enrolment", person),
            "instructor": {"objectType": "Agent", "account": {"homePage": HOME, "name": KEYS.first.actor(str(number % 3))}},
            "contextActivities": {"grouping": [{"objectType": "Activity", "id": (iri or "https://chat.example") + "/room"}], "category": CATEGORY},
            "extensions": {extension("record"): name_uuid("record", str(number)), extension("source-kind"): "chat"},
            "platform": platform,
        },
        "timestamp": "2026-11-03T09:00:00.000Z",
        "version": "1.0.3",
    }  # fmt: skip


def voiding(statement_id: str) -> dict[str, Any]:
    return {
        "id": voiding_id(statement_id), "actor": {"objectType": "Agent", "account": {"homePage": HOME, "name": "leerstroom"}},
        "verb": verbs.VOIDED.as_json(), "object": {"objectType": "StatementRef", "id": statement_id},
        "timestamp": "2026-11-04T09:00:00.000Z", "version": "1.0.3",
    }  # fmt: skip


def foreign(number: int, about: str | None = None) -> dict[str, Any]:
    target = {"objectType": "StatementRef", "id": about} if about else {"objectType": "Activity", "id": f"https://x.example/{number}"}  # fmt: skip
    return {
        "id": name_uuid("foreign", str(number)), "actor": {"mbox": f"mailto:p{number % 3}@x.example"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/commented"}, "object": target, "timestamp": "2026-11-04T09:00:00.000Z", "version": "1.0.3",
    }  # fmt: skip


def organisation(seed: int) -> list[dict[str, Any]]:
    """Statements of ours, of others, voidings before and after what they void, and references in any order."""
    chance = random.Random(seed)
    rooms = [KEYS.account("https://wa.me", str(number)) for number in range(3)]
    ours = [stated(number) for number in range(40)]
    ours += [
        stated(100 + number, "whatsapp", f"https://wa.me/groups/{chance.choice(rooms)}/messages/{number}")
        for number in range(20)
    ]
    voided = [each["id"] for each in chance.sample(ours, 12)]
    others = [foreign(number) for number in range(10)]
    told = [*ours, *others, *(voiding(each) for each in voided)]
    chance.shuffle(told)
    return told


def store(storage: Storage, statements: list[dict[str, Any]], *, define: bool = True) -> None:
    for each in statements:
        prepared = prepare(orjson.loads(orjson.dumps(each)), orjson.dumps(each), BY, "1.0.3", define=define)
        storage.writer.submit(lambda writing, prepared=prepared: writing.store([prepared])).result()


def content(storage: Storage) -> dict[str, Any]:
    """All that is stored, by what it means: places instead of times, terms instead of their numbers."""
    rows = storage.reader.connection.rows
    texts = {
        number: (bytes(text).decode(), about and bytes(about))
        for number, text, about in rows("SELECT term, text, about FROM terms")
    }
    statements = rows("SELECT seq, id, digest, voided, voiding, verb, target, body FROM statements ORDER BY seq")
    place = {row[0]: number for number, row in enumerate(statements)} | {0: 0 - 1}
    bodies = [orjson.loads(bytes(row[7])) for row in statements]
    return {
        "terms": sorted(texts.values(), key=str),
        "statements": [(bytes(r[1]), r[2], r[3], r[4], texts[r[5]][0], r[6] and bytes(r[6])) for r in statements],
        "bodies": [{name: value for name, value in body.items() if name != "stored"} for body in bodies],
        "times": [body["stored"] == times.text(row[0]) for body, row in zip(bodies, statements, strict=True)],
        "found_by": sorted(
            (entry % 8, texts[entry // 8][0], place[seq], place[via], texts[verb][0])
            for entry, seq, via, verb in rows("SELECT entry, seq, via, verb FROM found_by")
        ),
    }


def forms(statements: list[dict[str, Any]]) -> list[dict[str, Any] | None]:
    return [ROTATION.statement(each) for each in statements]  # type: ignore[misc]


@pytest.mark.parametrize("define", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_the_store_is_as_if_it_had_held_the_new_forms_only(
    tmp_path: Path, seed: int, define: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rekeying, "_AT_ONCE", 7)
    told = organisation(seed)
    old, new = Storage(tmp_path / "old.sqlite"), Storage(tmp_path / "new.sqlite")
    try:
        store(old, told, define=define)
        assert rekeying.count(old, forms) == sum(not each["actor"].get("mbox") for each in told)
        done = rekeying.rekey(old, 2, forms, ROTATION.identity)
        assert done.statements == sum(not each["actor"].get("mbox") for each in told)
        assert rekeying.generation_of(old) == 2
        store(new, [ROTATION.statement(each) or each for each in told], define=define)
        assert content(old) == content(new)
        assert all(content(old)["times"])
        assert rekeying.rekey(old, 2, forms, ROTATION.identity) == rekeying.Done(0, 0)
        store(old, [ROTATION.statement(each) or each for each in told])
        assert content(old)["bodies"] == content(new)["bodies"], "what is sent again is there already"
    finally:
        old.close()
        new.close()


def test_references_of_others_keep_what_they_are_found_by_until_they_are_rewritten(tmp_path: Path) -> None:
    storage, ours = Storage(tmp_path / "lrs.sqlite"), stated(1)
    try:
        store(storage, [ours, foreign(1, about=ours["id"])])
        rekeying.rekey(storage, 2, forms, ROTATION.identity)
        names = {bytes(row[0]).decode() for row in storage.reader.connection.rows("SELECT text FROM terms")}
        assert not any(KEYS.first.actor(str(number)) in name for number in range(7) for name in names)
    finally:
        storage.close()


def test_a_batch_that_fails_is_undone_and_the_next_run_goes_on_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rekeying, "_AT_ONCE", 7)
    told, calls = organisation(9), 0
    storage, whole = Storage(tmp_path / "lrs.sqlite"), Storage(tmp_path / "whole.sqlite")

    def failing(statements: list[dict[str, Any]]) -> list[dict[str, Any] | None]:
        nonlocal calls
        calls += 1
        if calls % 3 == 0:
            raise RuntimeError
        return forms(statements)

    try:
        store(storage, told)
        store(whole, told)
        failed = 0
        while rekeying.generation_of(storage) < 2:
            try:
                rekeying.rekey(storage, 2, failing, ROTATION.identity)
            except RuntimeError:
                failed += 1
        assert failed > 3
        rekeying.rekey(whole, 2, forms, ROTATION.identity)
        assert content(storage) == content(whole)
    finally:
        storage.close()
        whole.close()


def test_documents_go_with_their_agent(tmp_path: Path) -> None:
    storage = Storage(tmp_path / "lrs.sqlite")
    old = terms.person(f"account|{HOME}|{KEYS.first.actor('1')}").encode()
    stranger = terms.person(f"account|https://elsewhere.example|{'k' * 26}").encode()
    rows = [
        (kind, b"", agent, b"", b"n", 1, "e", "application/json", b"{}")
        for kind, agent in ((1, old), (2, b""), (0, b"pmbox|a@x.example"), (0, stranger))
    ]
    columns = "kind, activity, agent, registration, name, updated, etag, content_type, content"
    try:
        store(storage, [stated(1)])
        storage.writer.submit(lambda writing: writing.connection.insert("documents", columns, rows)).result()
        assert rekeying.rekey(storage, 2, forms, ROTATION.identity).documents == 1
        found = {bytes(row[0]) for row in storage.reader.connection.rows("SELECT agent FROM documents")}
        assert found == {
            terms.person(f"account|{HOME}|{KEYS.actor('1')}").encode(),
            b"",
            b"pmbox|a@x.example",
            stranger,
        }
    finally:
        storage.close()
