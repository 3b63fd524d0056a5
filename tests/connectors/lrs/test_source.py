"""Another learning record store as a source: its statements are copied as they are, and nothing of them lies between the two stores."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.mapping import Mapper, serialised
from connectors.source import COMMON_SETTINGS, Connection, Window
from connectors.sources.xapi import Xapi
from leerstroom import ledger, nightly
from leerstroom.errors import BadRecord, ConfigurationError
from leerstroom.people import People, Pseudonyms
from leerstroom.settings import Settings
from leerstroom.state import open_state

VOIDED = "http://adlnet.gov/expapi/verbs/voided"
EVER = Window(datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
ANNA = {"objectType": "Agent", "name": "Anna Jansen", "mbox": "mailto:anna@voorbeeldstad.example"}


def source(**fields: Any) -> Xapi:
    defaults = {setting.name: setting.default for setting in (*Xapi.settings, *COMMON_SETTINGS)}
    return Xapi(Connection("scorm_cloud", "xapi", {**defaults, "key": "key", "secret": "a secret", **fields}))


def settings(folder: Path, ours: Any, theirs: Any) -> Settings:
    return Settings(
        organisation={"name": "Voorbeeldstad", "home_page": "https://people.voorbeeldstad.example"},
        data=str(folder / "data"),
        state=f"sqlite:///{folder}/state.sqlite",
        pseudonym_key="a key of sixteen bytes or more",
        lrs={"endpoint": ours.endpoint, "key": "key", "secret": "a secret"},
        connections={"scorm_cloud": {"source": "xapi", "host": theirs.endpoint, "key": "key", "secret": "a secret"}},
    )


def without_lrs(statement: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in statement.items() if name not in {"stored", "authority"}}


def night(configured: Settings) -> dict[str, Any]:
    """The three stages of the connection; the counts of the first."""
    connection, run_id = nightly.connection_of(configured, "scorm_cloud"), "manual__night"
    pulled = nightly.pull(connection, EVER.start, EVER.end, settings=configured, run_id=run_id)
    mapped = nightly.map_landing(connection, pulled["path"], settings=configured, run_id=run_id)
    nightly.load(connection.name, mapped["path"], settings=configured, run_id=run_id)
    ledger.check(open_state(configured.state_url), run_id)
    counts: dict[str, Any] = pulled["counts"]
    return counts


def test_a_night_copies_statements_as_they_are_and_only_once(fake: Any, statement: Any, tmp_path: Path) -> None:
    theirs, ours = fake(tells_stored=True), fake(tells_stored=True)
    theirs.put(*(statement(number, actor=ANNA) for number in range(30)))
    configured = settings(tmp_path, ours, theirs)
    first, second = night(configured), night(configured)
    assert (first["copied"], first["stored"], first["pulled"]) == (30, 30, 0)
    assert (second["stored"], second["already_there"]) == (0, 30)
    assert [without_lrs(each) for each in ours.held.values()] == [without_lrs(each) for each in theirs.held.values()]


def test_between_two_real_stores_a_night_copies_what_a_course_wrote(statement: Any, tmp_path: Path) -> None:
    from connectors.lrs import Lrs
    from leerstroom.lrs import running

    written = [statement(number, actor=ANNA) for number in range(12)]
    with (
        running(f"sqlite:///{tmp_path}/theirs.sqlite") as theirs,
        running(f"sqlite:///{tmp_path}/ours.sqlite") as ours,
        Lrs(theirs.endpoint, theirs.key, theirs.secret) as there,
        Lrs(ours.endpoint, ours.key, ours.secret) as here,
    ):
        there.load(written)
        made = source(host=theirs.endpoint, key=theirs.key, secret=theirs.secret)
        assert made.copy(here, EVER).stored == 12
        assert made.copy(here, EVER).already_there == 12
        found = {each["id"]: each for each in here.query()}
        assert [found[each["id"]]["actor"] for each in written] == [ANNA] * 12
        with made.api() as api:
            assert "answers" in made.check(api)


def test_nothing_of_the_statements_lies_between_the_stores(
    fake: Any, statement: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import zstandard

    caplog.set_level("DEBUG")
    theirs, ours = fake(tells_stored=True), fake(tells_stored=True)
    theirs.put(statement(1, actor=ANNA), statement(2, actor=ANNA))
    ours.put(statement(2, actor={**ANNA, "name": "Somebody Else"}, object={"id": "https://lms.example/other"}))
    counts = night(settings(tmp_path, ours, theirs))
    assert (counts["stored"], counts["conflicting"]) == (1, 1)
    written = ""
    for path in tmp_path.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            is_packed = path.suffix == ".zst"
            written += (zstandard.ZstdDecompressor().stream_reader(data).read() if is_packed else data).decode(
                "latin-1"
            )
    assert statement(2)["id"] in written
    assert not re.search("anna", written + caplog.text, re.IGNORECASE)


def test_only_what_was_stored_inside_the_window_is_copied(fake: Any, connect: Any, statement: Any) -> None:
    theirs, ours = fake(tells_stored=True), fake(tells_stored=True)
    theirs.put(statement(1), statement(2))
    past = Window(datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 2, tzinfo=UTC))
    assert source(host=theirs.endpoint).copy(connect(ours), past).stored == 0
    assert source(host=theirs.endpoint).copy(connect(ours), EVER).stored == 2


def test_what_was_voided_there_is_void_here_whatever_is_chosen(fake: Any, connect: Any, statement: Any) -> None:
    theirs, ours = fake(tells_stored=True), fake(tells_stored=True)
    theirs.put(*(statement(number) for number in range(9)))
    asked = source(host=theirs.endpoint, verb="answered")
    assert asked.copy(connect(ours), EVER).stored == 3
    gone = next(iter(ours.held))
    theirs.put(statement(99, verb={"id": VOIDED}, object={"objectType": "StatementRef", "id": gone}))
    asked.copy(connect(ours), EVER)
    assert gone in ours.voided


def test_our_own_store_is_no_source(fake: Any, connect: Any) -> None:
    ours = fake(tells_stored=True)
    with pytest.raises(ConfigurationError, match="our own store"):
        source(host=ours.endpoint).copy(connect(ours), EVER)


def test_the_check_says_what_answers(fake: Any, statement: Any) -> None:
    theirs = fake(tells_stored=True)
    theirs.put(statement(1))
    made = source(host=theirs.endpoint)
    with made.api() as api:
        said = made.check(api)
    assert "answers" in said
    assert "a secret" not in said


def test_what_is_pulled_for_looking_at_is_the_same(fake: Any, statement: Any) -> None:
    theirs = fake(tells_stored=True)
    theirs.put(*(statement(number) for number in range(3)))
    made = source(host=theirs.endpoint)
    with made.api() as api:
        records = list(made.pull(api, EVER))
    assert [record.key for record in records] == list(theirs.held)


# --- normalise ---------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def mapper() -> Callable[..., tuple[Mapper, list[Any]]]:
    def run(*payloads: Any) -> tuple[Mapper, list[Any]]:
        made = source(host="https://lrs.example/xapi")
        key = Pseudonyms("a key of sixteen bytes or more")
        running = Mapper(made, People(key, tenant=made.tenant, source="xapi"))
        records = [made.minimise(record, key) for payload in payloads for record in made.read(payload)]
        return running, list(running.statements(records))

    return run


def test_a_statement_is_handed_on_as_it_is(mapper: Any, statement: Any) -> None:
    told = statement(1, actor=ANNA, stored="2026-11-03T10:00:00.000Z", authority=ANNA)
    _, [made] = mapper(told)
    assert serialised(made) == orjson.dumps(told)


@pytest.mark.parametrize("wrap", [lambda each: each, lambda each: [each], lambda each: {"statements": [each], "more": ""}, lambda each: {"request": "GET /statements", "response": {"body": {"statements": [each]}}}])  # fmt: skip
def test_statements_come_in_every_envelope(mapper: Any, statement: Any, wrap: Any) -> None:
    _, made = mapper(wrap(statement(1)))
    assert made == [statement(1)]


def test_a_statement_that_is_none_is_quarantined_and_the_rest_goes_on(mapper: Any, statement: Any) -> None:
    running, made = mapper(statement(1, verb={"id": "no iri"}), statement(2))
    assert [each for each in made if isinstance(each, dict)] == [statement(2)]
    assert running.counts.quarantined.total() == 1
    assert running.counts.balances


def test_a_row_of_an_answer_that_is_no_statement_costs_no_other(statement: Any) -> None:
    read: list[Any] = []
    with pytest.raises(BadRecord, match="row 2: no xAPI statement"):
        read.extend(source(host="https://lrs.example/xapi").read({"statements": [statement(1), 7, statement(2)]}))
    assert read == [statement(1), statement(2)]


def test_an_empty_answer_of_a_store_holds_nothing() -> None:
    assert list(source(host="https://lrs.example/xapi").read({"statements": [], "more": ""})) == []


@pytest.mark.parametrize(
    "payload", [{}, [], "text", None, {"actor": {}}, {"statements": [7]}, {"response": {"body": None}}]
)
def test_what_is_no_statement_is_a_bad_record(payload: Any) -> None:
    with pytest.raises(BadRecord):
        list(source(host="https://lrs.example/xapi").read(payload))


def test_it_says_what_it_reads() -> None:
    told = Xapi.documentation()
    for line in ("API", "Permission", "Late facts", "Not seen", "Verified"):
        assert re.search(rf"^{line}\b", told, re.MULTILINE)
    assert all(setting.title for setting in Xapi.settings)
