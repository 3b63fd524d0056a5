"""Which generation of the key the stores are under: what is refused, and what goes once however often it is tried."""

from pathlib import Path

import orjson
import pytest
from sqlalchemy import Engine, insert, select

from leerstroom import rekeying, state
from leerstroom.errors import ConfigurationError
from leerstroom.landing import Store
from leerstroom.people import Pseudonyms, Rotation
from leerstroom.statements import name_uuid

OLD, NEW, NEWER = "the first secret, long enough", "the second secret, long enough", "the third secret, long enough"


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return state.open_state(f"sqlite:///{tmp_path}/state.sqlite")


def test_before_the_first_rotation_nothing_is_noted_and_one_secret_is_right(engine: Engine) -> None:
    rekeying.check(engine, Pseudonyms(OLD))
    rekeying.check(engine, Pseudonyms(NEW))
    assert rekeying.reached(engine) == []
    with pytest.raises(ConfigurationError, match="holds 2 secrets, and what is stored is under one secret; run leerstroom people rekey"):  # fmt: skip
        rekeying.check(engine, Pseudonyms(OLD, NEW))
    with pytest.raises(ConfigurationError, match="holds one secret; add a new one behind"):
        rekeying.begin(engine, Pseudonyms(OLD))


@pytest.mark.parametrize("stage", ["begun", "lrs", "state"])
def test_nothing_runs_while_a_rekeying_is_under_way(engine: Engine, stage: str) -> None:
    rekeying.begin(engine, Pseudonyms(OLD, NEW))
    rekeying.mark(engine, stage)
    with pytest.raises(ConfigurationError, match="did not reach its end"):
        rekeying.check(engine, Pseudonyms(OLD, NEW))
    rekeying.mark(engine, "mirror")
    rekeying.check(engine, Pseudonyms(OLD, NEW))


@pytest.mark.parametrize("secrets", [(OLD,), (NEW,), (OLD, NEWER), (NEW, OLD), (NEWER, NEW), (OLD, NEWER, NEW)])
def test_a_secret_that_is_missing_or_another_one_is_refused_and_not_told(
    engine: Engine, secrets: tuple[str, ...]
) -> None:
    rekeying.begin(engine, Pseudonyms(OLD, NEW))
    rekeying.mark(engine, "done")
    rekeying.check(engine, Pseudonyms(OLD, NEW))
    for asked in (rekeying.check, rekeying.begin):
        with pytest.raises(ConfigurationError) as told:
            asked(engine, Pseudonyms(*secrets))
        assert not any(secret in str(told.value) for secret in secrets)
    assert [each for _, each in rekeying.reached(engine)] == ["done", "done"]


def test_facts_and_voids_go_once_and_keep_their_connections(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rekeying, "_AT_ONCE", 3)
    rotation = Rotation(Pseudonyms(OLD, NEW).steps)
    held = [
        {"connection": f"c{number % 2}", "fact": name_uuid("f", str(number)), "record": name_uuid("r", str(number)), "statement_id": name_uuid("s", str(number)),
         "base_id": name_uuid("b", str(number)), "as_of": "2026-11-03T01:00:00.000Z", "voided": number == 3}
        for number in range(10)
    ]  # fmt: skip
    voided = [{"statement_id": name_uuid("v", str(number)), "connection": "c1", "fact": fact, "at": "2026-11-03T01:00:00.000Z", "done": False}
              for number, fact in enumerate(["", held[1]["fact"]])]  # fmt: skip
    with engine.begin() as database:
        database.execute(insert(state.facts), held)
        database.execute(insert(state.voids), voided)
    rekeying.begin(engine, Pseudonyms(OLD, NEW))
    calls = 0

    def failing(_: int) -> None:
        nonlocal calls
        calls += 1
        if calls % 2 == 0:
            raise KeyboardInterrupt

    interrupted = 0
    assert rekeying.count_state(engine) == 12
    while [each for _, each in rekeying.reached(engine)] != ["done", "state"]:
        try:
            rekeying.rekey_state(engine, rotation, 2, failing)
        except KeyboardInterrupt:
            interrupted += 1
    assert interrupted >= 2
    with engine.connect() as database:
        facts, voids = (database.execute(select(table)).mappings().all() for table in (state.facts, state.voids))
    new = dict.fromkeys(("fact", "record", "statement_id", "base_id"), rotation.id)
    expected = [{name: new[name](value) if name in new and value else value for name, value in row.items()} for row in held]  # fmt: skip
    assert sorted(map(dict, facts), key=str) == sorted(expected, key=str)
    expected = [{name: new[name](value) if name in new and value else value for name, value in row.items()} for row in voided]  # fmt: skip
    assert sorted(map(dict, voids), key=str) == sorted(expected, key=str)
    assert rekeying.known(engine, [rotation.id(held[0]["statement_id"]), held[0]["statement_id"]]) == {rotation.id(held[0]["statement_id"])}  # fmt: skip


def test_refused_statements_are_known_by_their_new_ids_and_go_once(tmp_path: Path) -> None:
    store, (first, second) = Store(tmp_path), Pseudonyms(OLD, NEW, NEWER).steps
    path, old = "quarantine/matrix/chat/w/refused.jsonl.zst", name_uuid("s", "1")
    with store.writer(path) as writer:
        writer.write({"connection": "chat", "stage": "load", "key": old, "reason": "no", "voids": old})
        writer.write({"connection": "chat", "stage": "load", "key": first.id(old), "reason": "no", "generation": 2})
    assert rekeying.rekey_quarantine(store, Rotation([first]), 2) == 1
    assert rekeying.rekey_quarantine(store, Rotation([first]), 2) == 0
    assert rekeying.rekey_quarantine(store, Rotation([second]), 3) == 2
    entries = [orjson.loads(line) for line in store.lines(path)]
    assert {each["key"] for each in entries} == {entries[0]["voids"]} == {second.id(first.id(old))}
