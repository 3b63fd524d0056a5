"""Matrix against a real Synapse: a conversation is written and pulled, an answer is redacted and pulled again."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from homeserver import Homeserver, homeserver
from source_contract import completed, landed, mapped, statements_of

from connectors.source import Window
from connectors.sources.matrix import Matrix
from leerstroom.errors import CredentialsRefused
from leerstroom.statements import Retracted
from leerstroom.statements.vocabulary import EXTENSION_BASE, canonical_verb, verbs

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]
START = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
WINDOW = Window(START - timedelta(days=1), START + timedelta(days=2))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homeserver]:
    with homeserver(tmp_path_factory.mktemp("synapse"), START - timedelta(hours=1)) as server:
        for name in ("anna", "bram", "cas", "reader", "outsider"):
            server.register(name, name.title())
        yield server


def thread(root: str, last: str) -> dict[str, Any]:
    return {"rel_type": "m.thread", "event_id": root, "is_falling_back": True, "m.in_reply_to": {"event_id": last}}


def text(body: str, relation: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"msgtype": "m.text", "body": body, **({"m.relates_to": relation} if relation else {}), **more}


def source_of(server: Homeserver, room: str, token: str = "") -> Matrix:
    fields = {
        "host": server.url,
        "token": token or server.login("reader"),
        "rooms": [room],
        "server_name": server.server_name,
    }
    made = completed(Matrix, fields, "live")
    assert isinstance(made, Matrix)
    return made


def outcomes(source: Matrix) -> tuple[list[Any], list[dict[str, Any]]]:
    with source.api() as api:
        records = list(source.pull(api, WINDOW))
    kept = landed(source, records)
    landing = json.dumps(kept, ensure_ascii=False)
    assert not any(secret in landing for secret in ("Anna", "@anna", "knop links", "notulen"))
    mapper, found = mapped(source, kept)
    assert mapper.counts.balances
    return found, statements_of(found)


def test_a_conversation_becomes_statements_and_a_redaction_voids_its_own(server: Homeserver) -> None:
    room = server.create_room("anna", "hulp", name="Hulp")
    for name in ("bram", "cas", "reader"):
        server.join(name, room)
    server.set_time(START)
    question = server.send("anna", room, text("Weet iemand hoe ik de notulen deel?"))
    server.send(
        "anna",
        room,
        text(
            "* Weet iemand hoe je notulen deelt?",
            {"rel_type": "m.replace", "event_id": question},
            **{"m.new_content": text("Weet iemand hoe je notulen deelt?")},
        ),
    )
    answer = server.send("bram", room, text("Met de knop links.", thread(question, question)))
    wrong = server.send("cas", room, text("Dat kan helemaal niet in deze versie.", thread(question, answer)))
    server.send("anna", room, text("Dankjewel, opgelost!", thread(question, wrong)))
    server.send(
        "anna", room, {"m.relates_to": {"rel_type": "m.annotation", "event_id": answer, "key": "✅"}}, "m.reaction"
    )
    server.send("cas", room, text("Handig: https://example.org/notulen"))
    source = source_of(server, f"#hulp:{server.server_name}")
    with source.api() as api:
        assert "1 of 1" in source.check(api)
    _, before = outcomes(source)
    assert Counter(canonical_verb(each["verb"]["id"]) for each in before) == {
        "asked": 1,
        "answered": 2,
        "replied": 1,
        "voted-up": 1,
        "shared": 1,
    }

    server.set_time(START + timedelta(hours=3))
    server.redact("cas", room, wrong, "klopt niet")
    found, after = outcomes(source)
    retracted = {each.key for each in found if isinstance(each, Retracted)}
    record = EXTENSION_BASE + "record"
    gone = [each for each in before if each["context"]["extensions"][record] in retracted]
    assert [each["verb"]["id"] for each in gone] == [verbs.ANSWERED.iri]
    assert sorted(each["id"] for each in after) == sorted(each["id"] for each in before if each not in gone)


def test_an_encrypted_room_and_a_direct_chat_are_not_read(server: Homeserver) -> None:
    encryption = {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
    encrypted = server.create_room("anna", "dicht", initial_state=[encryption])
    direct = server.create_room(
        "anna", preset="trusted_private_chat", is_direct=True, invite=[server.user_id("reader")]
    )
    for name in ("bram", "reader"):
        server.join(name, encrypted)
    server.join("reader", direct)
    for room in (encrypted, direct):
        server.send("anna", room, text("Onder ons"))
        source = source_of(server, room)
        with source.api() as api:
            assert list(source.pull(api, WINDOW)) == []


def test_a_wrong_token_and_a_room_not_joined_are_refused(server: Homeserver) -> None:
    room = server.create_room("anna", "open")
    source = source_of(server, room, token="wrong")
    with source.api() as api, pytest.raises(CredentialsRefused, match="M_UNKNOWN_TOKEN"):
        source.check(api)
    source = source_of(server, room, token=server.login("outsider"))
    with source.api() as api, pytest.raises(CredentialsRefused, match="M_FORBIDDEN"):
        list(source.pull(api, WINDOW))


def test_a_long_room_comes_in_pages_and_each_event_once(server: Homeserver, tmp_path: Path) -> None:
    room = server.create_room("anna", "lang")
    for name in ("bram", "reader"):
        server.join(name, room)
    server.set_time(START + timedelta(hours=5))
    written = {server.send("bram", room, text(f"Bericht {number} van vandaag")) for number in range(300)}
    source = source_of(server, room)
    with source.api() as api:
        records = list(source.pull(api, WINDOW))
        assert api.requests_made >= 5
    assert written <= {record.key for record in records}
    assert len({record.key for record in records}) == len(records)
