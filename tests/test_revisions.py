"""Facts that change or go: what is sent, what is voided, whatever is killed or loaded again."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import starmap
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planned import planned
from sqlalchemy import Engine

from leerstroom.revisions import Revisions, Stated, stated, voiding, with_id
from leerstroom.state import open_state
from leerstroom.statements import name_uuid, record_id, statement_id, verbs
from leerstroom.statements.vocabulary import EXTENSION_BASE


def made(key: str, revision: str) -> dict:
    record = record_id("test", "https://t.example", key)
    return {
        "id": statement_id(record, "p", verbs.ATTENDED.iri, "https://t.example/o", revision),
        "verb": {"id": verbs.ATTENDED.iri},
        "object": {"id": "https://t.example/o"},
        "context": {"extensions": {EXTENSION_BASE + "record": record}},
        "_is": (key, revision),
    }


class Lrs:
    """Remembers what arrived; a statement counts when it was stored and never voided."""

    def __init__(self) -> None:
        self.stored: dict[str, tuple[str, str]] = {}
        self.voided: set[str] = set()

    def visible(self) -> set[tuple[str, str]]:
        return {what for sid, what in self.stored.items() if sid not in self.voided}


def as_of(number: int) -> str:
    return f"2026-11-{number:02d}T00:00:00.000Z"


def load(
    revisions: Revisions,
    lrs: Lrs,
    facts: list[tuple[str, str]],
    gone: list[str],
    number: int,
    kill_after: int | None = None,
) -> None:
    """One load as the night does it; `kill_after` statements it dies."""
    left = [10_000 if kill_after is None else kill_after]

    def arrives(store) -> None:
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        store()

    for sid, _ in list(revisions.unsent()):
        arrives(lambda sid=sid: lrs.voided.add(sid))
    plan = planned(revisions, list(starmap(made, facts)), as_of(number))
    for statement in plan.send:
        arrives(lambda s=statement: lrs.stored.__setitem__(s["id"], tuple(s["_is"])))
    void = plan.void + revisions.retract([record_id("test", "https://t.example", key) for key in gone], as_of(number))
    for sid, _ in void:
        arrives(lambda sid=sid: lrs.voided.add(sid))
    revisions.confirm()


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return open_state(f"sqlite:///{tmp_path}/state.sqlite")


def test_the_same_fact_again_sends_the_same_statement_and_voids_nothing(engine: Engine) -> None:
    revisions = Revisions(engine, "c")
    first = planned(revisions, [made("a", "1")], as_of(1))
    again = planned(revisions, [made("a", "1")], as_of(2))
    assert [s["id"] for s in first.send] == [s["id"] for s in again.send]
    assert again.void == []


def test_a_changed_fact_voids_exactly_its_earlier_statement(engine: Engine) -> None:
    revisions, lrs = Revisions(engine, "c"), Lrs()
    load(revisions, lrs, [("a", "1"), ("b", "1")], [], 1)
    load(revisions, lrs, [("a", "2"), ("b", "1")], [], 2)
    assert lrs.visible() == {("a", "2"), ("b", "1")}
    assert len(lrs.voided) == 1


def test_a_fact_that_returns_to_an_earlier_form_counts_again(engine: Engine) -> None:
    revisions, lrs = Revisions(engine, "c"), Lrs()
    for number, revision in enumerate(("7", "8", "7", "8", "7"), 1):
        load(revisions, lrs, [("grade", revision)], [], number)
        assert lrs.visible() == {("grade", revision)}


def test_an_older_pull_loaded_later_changes_nothing(engine: Engine) -> None:
    revisions, lrs = Revisions(engine, "c"), Lrs()
    load(revisions, lrs, [("a", "1")], [], 1)
    load(revisions, lrs, [("a", "2")], [], 3)
    load(revisions, lrs, [("a", "1")], [], 2)
    assert lrs.visible() == {("a", "2")}


def test_a_retracted_record_stays_gone_when_its_old_pull_is_loaded_again(engine: Engine) -> None:
    revisions, lrs = Revisions(engine, "c"), Lrs()
    load(revisions, lrs, [("a", "1"), ("b", "1")], [], 1)
    load(revisions, lrs, [], ["a"], 2)
    load(revisions, lrs, [("a", "1"), ("b", "1")], [], 1)
    assert lrs.visible() == {("b", "1")}


def test_of_a_fact_that_comes_twice_in_a_pull_the_later_form_counts_every_night(engine: Engine) -> None:
    revisions, lrs = Revisions(engine, "c"), Lrs()
    for number in range(1, 4):
        load(revisions, lrs, [("a", "1"), ("a", "2")], [], number)
        assert lrs.visible() == {("a", "2")}
    assert lrs.voided == set()


def test_connections_do_not_void_each_other(engine: Engine) -> None:
    lrs = Lrs()
    load(Revisions(engine, "one"), lrs, [("a", "1")], [], 1)
    load(Revisions(engine, "two"), lrs, [("a", "2")], [], 2)
    assert lrs.visible() == {("a", "1"), ("a", "2")}


def test_a_voiding_is_the_same_statement_when_it_is_sent_again() -> None:
    assert voiding("x", as_of(1), {"a": 1}) == voiding("x", as_of(1), {"a": 1})


keys = st.sampled_from("abc")
pulls = st.lists(
    st.tuples(
        st.dictionaries(keys, st.sampled_from("123"), max_size=3),
        st.sets(keys, max_size=1),
        st.one_of(st.none(), st.integers(0, 4)),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(pulls)
def test_killed_anywhere_and_run_again_the_lrs_equals_a_calm_night(
    tmp_path_factory: pytest.TempPathFactory, history
) -> None:
    folder = tmp_path_factory.mktemp("state")
    calm, wild = Lrs(), Lrs()
    calm_state = Revisions(open_state(f"sqlite:///{folder}/calm.sqlite"), "c")
    wild_state = Revisions(open_state(f"sqlite:///{folder}/wild.sqlite"), "c")
    for number, (facts, gone, kill_after) in enumerate(history, 1):
        present = [(key, revision) for key, revision in sorted(facts.items()) if key not in gone]
        load(calm_state, calm, present, sorted(gone), number)
        if kill_after is not None:
            with suppress(KeyboardInterrupt):
                load(wild_state, wild, present, sorted(gone), number, kill_after)
        load(wild_state, wild, present, sorted(gone), number)
        assert wild.visible() == calm.visible()


def test_a_clock_that_was_turned_back_does_not_make_a_later_pull_older(tmp_path: Path) -> None:
    revisions = Revisions(open_state(f"sqlite:///{tmp_path}/clock.sqlite"), "c")
    now = datetime(2026, 11, 3, 1, tzinfo=UTC)
    assert revisions.as_of(now) == "2026-11-03T01:00:00.000Z"
    planned(revisions, [made("a", "1")], revisions.as_of(now))
    turned = revisions.as_of(now - timedelta(days=2))
    assert turned == "2026-11-03T01:00:00.001Z"
    plan = planned(revisions, [made("a", "2")], turned)
    assert (len(plan.send), len(plan.void), plan.superseded) == (1, 1, 0)
    assert Revisions(open_state(f"sqlite:///{tmp_path}/clock.sqlite"), "other").as_of(now) == "2026-11-03T01:00:00.000Z"
    assert revisions.as_of(now + timedelta(days=1)) == "2026-11-04T01:00:00.000Z"


def test_a_line_stands_for_what_its_statement_stands_for() -> None:
    statement = made("a", "1") | {"result": {"score": {"raw": 7}}}
    record, verb = statement["context"]["extensions"][EXTENSION_BASE + "record"], verbs.ATTENDED.iri
    fact = name_uuid("fact", record, verb, "https://t.example/o")
    assert stated(orjson.dumps(statement)) == Stated(fact, record, statement["id"])
    about_a_person = statement | {"object": {"objectType": "Agent", "mbox": "mailto:a@example.org"}}
    assert stated(orjson.dumps(about_a_person)) == Stated(name_uuid("fact", record, verb, ""), record, statement["id"])
    with pytest.raises(ValueError, match="extensions"):
        stated(orjson.dumps(statement | {"context": {}}))


def test_another_id_changes_nothing_else_of_a_line() -> None:
    statement = made("a", "1")
    line = with_id(orjson.dumps(statement), "another")
    assert line == orjson.dumps({**statement, "id": "another"})


def test_a_load_that_keeps_its_connection_decides_the_same_and_others_see_it(engine: Engine) -> None:
    with Revisions(engine, "c") as kept:
        planned(kept, [made("a", "1"), made("b", "1")], as_of(1))
        changed = planned(kept, [made("a", "2")], as_of(2))
        assert changed.void == [(made("a", "1")["id"], as_of(2))]
        assert list(Revisions(engine, "c").unsent()) == list(kept.unsent()) == changed.void
        kept.confirm()
        assert len(kept.retract([made("b", "1")["context"]["extensions"][EXTENSION_BASE + "record"]], as_of(3))) == 1
    assert len(list(Revisions(engine, "c").unsent())) == 1
    assert planned(Revisions(engine, "c"), [made("b", "1")], as_of(2)).superseded == 1
