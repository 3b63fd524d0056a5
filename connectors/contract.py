"""What every source must hold to, as a test class to inherit; ours pass it, and a source of your own can.

```python
from connectors.contract import SourceContract, check_pair, pairs

class TestLibrary(SourceContract):
    source = Library
    fields = {"token": "a-secret-of-the-test"}                            # `host` is filled in with the replay's address
    recordings = HERE / "recordings" / "library"                         # a folder that a replay serves
    replays = {"library": replay.platform}                               # yours; those of leerstroom.replay are found by the folder's name
    window = Window(datetime(2026, 10, 26, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC))
    names = ("Anouk de Vries",)                                          # display names that occur there

@pytest.mark.parametrize("pair", pairs(HERE / "recordings" / "library"), ids=lambda path: path.stem)
def test_pair(pair): check_pair(Library, pair)
```
A pair is a file {"why", "connection", "payload", "outcomes"}: what the vendor sends, and what we make of it. Sources without HTTP leave
`recordings` None and override `connection()`; the tests of the wire then skip. Needs pytest; the only module here that does.
"""

import json
import logging
import os
import random
import re
import traceback
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import pytest

from connectors.mapping import Mapped, Mapper, Quarantined, serialised
from connectors.paging import dig
from connectors.source import COMMON_SETTINGS, Connection, Record, Source, Window, answered
from leerstroom.errors import (
    BadRecord,
    CredentialsRefused,
    CursorRepeated,
    LeerstroomError,
    QuotaExhausted,
    RateLimited,
    Unreachable,
)
from leerstroom.people import Directory, People, Pseudonyms
from leerstroom.people.rotation import Rotation
from leerstroom.replay import Fault, Platform, Running, World, running
from leerstroom.statements import Retracted
from leerstroom.statements.building import altered_definitions

KEY = Pseudonyms("a key of sixteen bytes or more")
HOME_PAGE = "https://people.voorbeeldstad.example"
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]*\w")
_JUNK: tuple[Any, ...] = (None, "", "x", -1, 10**20, 1.5, True, [], {}, [None], [{}], {"x": None})


def completed(source: type[Source], fields: dict[str, Any], name: str = "contract") -> Source:
    """A source whose connection has `fields` and the defaults of the rest."""
    defaults = {setting.name: setting.default for setting in (*source.settings, *COMMON_SETTINGS)}
    return source(Connection(name, source.name, {**defaults, **fields}))


def people_of(source: Source, directory: Directory | None = None) -> People:
    """Resolution under the tests' key; nobody is known without a directory."""
    return People(
        KEY,
        tenant=source.tenant,
        source=source.name,
        connection=source.connection.name,
        directory=directory,
        home_page=HOME_PAGE,
    )


def landed(source: Source, records: list[Record]) -> list[Record]:
    """The records as they come out of the landing: minimised, and once through JSON."""
    kept = [source.minimise(record, KEY) for record in records]
    return [Record(each.kind, each.key, json.loads(json.dumps(each))) for each in kept]


def mapped(source: Source, records: list[Record], directory: Directory | None = None) -> tuple[Mapper, list[Mapped]]:
    """The mapper (for its counts) and all outcomes of landed records."""
    mapper = Mapper(source, people_of(source, directory))
    outcomes = list(mapper.statements(records))
    assert altered_definitions() == [], "a map function wrote into what activity() returned: tell activity() instead"
    return mapper, outcomes


def statements_of(outcomes: list[Mapped]) -> list[Any]:
    """Only the statements, as JSON values."""
    return [each for each in outcomes if not isinstance(each, Quarantined | Retracted)]


class _Blank:
    """A rotation that leaves no trace of references: what differs afterwards is out of its reach."""

    def name(self, reference: str) -> str:
        """The same for every reference."""
        return "a" * 26

    def id(self, uuid: str) -> str:
        """The same for every UUID."""
        return "00000000-0000-5000-8000-000000000000"


class SourceContract:
    """Inherit, fill in, and the source is tried; override a hook where a platform is different."""

    source: ClassVar[type[Source]]
    fields: ClassVar[dict[str, Any]] = {}
    recordings: ClassVar[Path | None] = None  # a folder that leerstroom.replay serves; None: the source needs no server
    window: ClassVar[Window] = Window(datetime(2026, 10, 26, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC))
    empty: ClassVar[Window] = Window(datetime(2019, 1, 7, tzinfo=UTC), datetime(2019, 1, 8, tzinfo=UTC))
    empty_gives_nothing: ClassVar[bool] = True  # False where the platform's lists know no time
    paged: ClassVar[str | None] = None  # part of the path of a list with cursors; None: lists end by themselves
    has_quota: ClassVar[bool] = False  # the platform has a daily quota that its replay can refuse with
    names: ClassVar[tuple[str, ...]] = ()  # display names and phrases that must never be found in what lands
    clock: ClassVar[datetime | None] = None
    replays: ClassVar[Mapping[str, Callable[[Path, World], Platform]]] = {}  # folder name -> what serves it

    # --- hooks -----------------------------------------------------------------------------------------------------------------

    def connection(self, url: str | None) -> dict[str, Any]:
        """Fields of the connection; `url` is where the replay serves the platform."""
        return {**({"host": url} if url else {}), **self.fields}

    def secrets(self, record: Record) -> Iterator[str]:
        """Texts of a raw record that must not land: contents, e-mail addresses, account ids (not mere numbers)."""
        for path in self.source.content.get(record.kind, ()):
            yield from (text for text in _texts(_at(record, path)) if len(text) > 12)
        for path in self.source.people.get(record.kind, {}):
            yield from (text for text in _texts(_at(record, path)) if len(text) > 6 and not text.isdecimal())
        yield from _ADDRESS.findall(json.dumps(record, ensure_ascii=False, default=str))

    # --- how the tests get at it ---------------------------------------------------------------------------------------------

    @pytest.fixture
    def server(self) -> Iterator[Running | None]:
        if self.recordings is None:
            yield None
            return
        with running(
            self.recordings.parent, clock=self.clock, only=(self.recordings.name,), platforms=self.replays
        ) as server:
            yield server

    @pytest.fixture
    def wire(self, server: Running | None) -> Running:
        """The server, or a skip for sources that need none."""
        if server is None:
            pytest.skip("this source reads no API")
        return server

    def made(self, server: Running | None) -> Source:
        """The source, connected to the replay."""
        assert self.recordings is None or server is not None
        url = f"{server.url}/{self.recordings.name}" if server and self.recordings else None
        return completed(self.source, self.connection(url))

    def pulled(self, server: Running | None, window: Window | None = None) -> list[Record]:
        """All raw records of a window."""
        source = self.made(server)
        with source.api() as api:
            return list(source.pull(api, window or self.window))

    def _secret_fields(self) -> list[str]:
        connection = self.connection(None)
        return [
            str(connection[each.name]) for each in self.source.settings if each.secret and connection.get(each.name)
        ]

    # --- pulling ----------------------------------------------------------------------------------------------------------------

    def test_a_pull_gives_records_of_declared_kinds_and_each_once(self, server: Running | None) -> None:
        records = self.pulled(server)
        assert records
        assert {record.kind for record in records} <= set(self.source.record_kinds)
        assert len({(record.kind, record.key) for record in records}) == len(records)

    def test_a_second_pull_gives_the_same_statements(self, server: Running | None) -> None:
        source = self.made(server)
        first, second = [
            sorted(serialised(each) for each in statements_of(mapped(source, landed(source, self.pulled(server)))[1]))
            for _ in range(2)
        ]
        assert first
        assert first == second
        assert len({json.loads(line)["id"] for line in first}) == len(first)

    def test_the_look_back_brings_again_what_was_there_under_the_same_ids(self, server: Running | None) -> None:
        """A night asks for its window widened by the look-back: what an earlier night stated comes again, and is known."""
        source, end = self.made(server), self.window.end

        def stated(start: datetime, end: datetime) -> set[str]:
            records = self.pulled(server, Window(start, end))
            return {each["id"] for each in statements_of(mapped(source, landed(source, records))[1])}

        least = cut = self.window.start
        most, whole = end, len(stated(cut, end))
        earlier, night = set[str](), set[str]()
        for _ in range(20):  # half of the window, then towards its first fact: before that a night states all of them
            if night and (earlier or not self.source.look_back):
                break
            cut = least + (most - least) / 2
            night, earlier = stated(cut, end), stated(cut - self.source.look_back, cut)
            least, most = (cut, most) if len(night) == whole else (least, cut)
        else:
            pytest.skip("the recordings tell of one moment only: two nights cannot both have something of it")
        assert earlier | night == stated(cut - self.source.look_back, end)

    def test_an_empty_window_is_no_error(self, server: Running | None) -> None:
        records = self.pulled(server, self.empty)
        source = self.made(server)
        mapper, outcomes = mapped(source, landed(source, records))
        assert mapper.counts.balances
        if self.empty_gives_nothing:
            assert statements_of(outcomes) == []

    @pytest.mark.parametrize("kind", ["status", "html", "cut", "truncated", "slow"])
    def test_a_passing_fault_changes_nothing(self, wire: Running, kind: str) -> None:
        calm = sorted((record.kind, record.key) for record in self.pulled(wire))
        wire.faults.waiting[:] = [Fault(kind, after=1, seconds=0.1)]
        assert sorted((record.kind, record.key) for record in self.pulled(wire)) == calm

    def test_too_many_requests_are_waited_out(self, wire: Running) -> None:
        calm = len(self.pulled(wire))
        wire.faults.waiting[:] = [Fault("too_many", after=1, times=2, seconds=0.1)]
        assert len(self.pulled(wire)) == calm
        assert wire.faults.waiting[0].times == 0

    def test_a_limit_beyond_patience_is_told_with_its_length(self, wire: Running) -> None:
        wire.faults.waiting[:] = [Fault("too_many", times=100, seconds=86_400)]
        with pytest.raises((RateLimited, QuotaExhausted)) as caught:
            self.pulled(wire)
        assert not isinstance(caught.value, RateLimited) or caught.value.retry_after_s == pytest.approx(
            86_400, rel=0.01
        )

    @pytest.mark.parametrize("kind", ["unauthorized", "forbidden"])
    def test_refused_credentials_fail_at_once_and_name_the_connection(self, wire: Running, kind: str) -> None:
        wire.faults.waiting[:] = [Fault(kind, times=100, after=1)]
        with pytest.raises(CredentialsRefused) as caught:
            self.pulled(wire)
        assert "contract" in str(caught.value)
        assert wire.faults.waiting[0].times >= 98, "it must not be tried again and again"
        assert not any(secret in str(caught.value) for secret in self._secret_fields())

    def test_a_spent_quota_defers(self, wire: Running) -> None:
        if not self.has_quota:
            pytest.skip("the platform has no daily quota")
        wire.faults.waiting[:] = [Fault("quota", after=1, times=100)]
        with pytest.raises(QuotaExhausted):
            self.pulled(wire)

    def test_a_cursor_that_repeats_ends_the_pull(self, wire: Running) -> None:
        if self.paged is None:
            pytest.skip("the platform's lists have no cursors")
        wire.faults.waiting[:] = [Fault("stuck", path=self.paged)]
        with pytest.raises(CursorRepeated):
            self.pulled(wire)

    @pytest.mark.parametrize("seed", range(int(os.environ.get("LEERSTROOM_SPOILED_ANSWERS", "2"))))
    def test_an_answer_with_something_else_in_it_ends_in_records_or_an_error_of_ours(
        self, wire: Running, seed: int
    ) -> None:
        source, draw = self.made(wire), random.Random(f"{self.source.name} {seed}")

        def spoil(response: Any, **_: Any) -> Any:
            body = response.content
            if draw.random() < 0.3 and body[:1] in {b"{", b"["}:
                response._content = json.dumps(_spoiled(json.loads(body), draw)).encode()
            return response

        with source.api() as api:
            api._tries = 2
            api.session.hooks["response"].append(spoil)
            records, told = list[Record](), ""
            try:
                records += islice(answered(source, source.pull(api, self.window)), 20_000)
            except LeerstroomError as error:
                told = str(error)
        assert not any(secret in told for secret in self._secret_fields())
        mapper, _ = mapped(source, [source.reduced(record, KEY) for record in records])
        assert mapper.counts.balances

    @pytest.mark.parametrize("status", [200, 400, 404, 409, 500])
    def test_what_a_platform_says_of_an_error_is_never_quoted(
        self, wire: Running, status: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A vendor's message may name a person or repeat what was asked; a traceback shows every error that led to ours."""
        caplog.set_level(logging.DEBUG)
        said, source, told = "Anna Jansen (anna@x.example): ziek", self.made(wire), ""
        body = {
            "message": said,
            "detail": said,
            "error_description": said,
            "error": {"message": said},
            "errors": [said],
        }

        def refuse(response: Any, **_: Any) -> None:
            response.status_code, response._content = status, json.dumps(body).encode()

        with source.api() as api:
            api._tries = 1
            api.session.hooks["response"].append(refuse)
            try:
                list(islice(answered(source, source.pull(api, self.window)), 1000))
            except LeerstroomError as error:
                told = "".join(traceback.format_exception(error))
        assert told or status in {200, 404}
        assert not [word for word in ("Anna", "anna@", "ziek") if word in told + caplog.text]

    def test_a_server_that_stays_away_is_unreachable(self) -> None:
        if self.recordings is None:
            pytest.skip("this source reads no API")
        source = completed(self.source, self.connection("http://127.0.0.1:9"))
        with source.api() as api:
            api._tries = 2
            with pytest.raises(Unreachable):
                list(source.pull(api, self.window))

    # --- checking -----------------------------------------------------------------------------------------------------------

    def test_the_check_says_one_line(self, server: Running | None) -> None:
        source = self.made(server)
        with source.api() as api:
            said = source.check(api)
        assert said
        assert "\n" not in said
        assert not any(secret in said for secret in self._secret_fields())

    def test_the_check_tells_refused_credentials(self, wire: Running) -> None:
        wire.faults.waiting[:] = [Fault("unauthorized", times=100)]
        source = self.made(wire)
        with source.api() as api, pytest.raises(CredentialsRefused):
            source.check(api)

    # --- mapping ----------------------------------------------------------------------------------------------------------------

    def test_every_record_has_exactly_one_end(self, server: Running | None) -> None:
        source, records = self.made(server), self.pulled(server)
        mapper, outcomes = mapped(source, landed(source, records))
        assert mapper.counts.pulled == len(records)
        assert mapper.counts.balances
        assert mapper.counts.built == len(statements_of(outcomes)) > 0

    def test_a_bad_record_goes_to_quarantine_or_is_ignored_and_the_rest_goes_on(self, server: Running | None) -> None:
        source = self.made(server)
        for record in _one_of_each(source, landed(source, self.pulled(server))):
            spoiled = [
                Record(record.kind, f"{record.key}/{name}/{number}", {**record, name: junk})
                for name in record
                for number, junk in enumerate(_JUNK)
            ]
            lacking = [
                Record(
                    record.kind, f"{record.key}/{name}", {each: value for each, value in record.items() if each != name}
                )
                for name in record
            ]
            mapper, outcomes = mapped(source, [*spoiled, Record(record.kind, "empty", {}), *lacking, record])
            assert mapper.counts.balances
            assert mapper.counts.pulled == len(spoiled) + len(lacking) + 2
            last = statements_of(outcomes)
            assert not statements_of(mapped(source, [record])[1]) or last, "a bad record stopped the others"

    def test_a_record_of_unknown_shape_never_stops_the_pull(self, server: Running | None) -> None:
        source = self.made(server)
        for record in _one_of_each(source, self.pulled(server)):
            for name in record:
                for junk in _JUNK:
                    source.minimise(Record(record.kind, record.key, {**record, name: junk}), KEY)
            source.minimise(Record(record.kind, record.key, {}), KEY)

    def test_a_payload_of_unknown_shape_is_a_bad_record(self, server: Running | None) -> None:
        source = self.made(server)
        unknown: tuple[Any, ...] = (
            {"nothing": "known"},
            [],
            "text",
            7,
            None,
            {"chunk": 3},
            {"response": {"body": None}},
        )
        for payload in unknown:
            with pytest.raises(BadRecord):
                list(source.read(payload))

    def test_the_vendors_own_records_can_be_read_one_by_one(self, server: Running | None) -> None:
        source = self.made(server)
        read = 0
        for record in self.pulled(server)[:200]:
            try:
                read += len(list(source.read(dict(record))))
            except BadRecord:
                continue
        assert read > 0

    # --- privacy ----------------------------------------------------------------------------------------------------------------

    def test_a_rotation_of_the_key_reaches_all_that_depends_on_it(self, server: Running | None) -> None:
        source, records, blank = self.made(server), self.pulled(server), _Blank()
        rotation = Rotation([blank], {source.name} if source.keyed_ids else ())
        told: list[list[str]] = []
        for key in (KEY, Pseudonyms("another key, just as long as it")):
            mapper = Mapper(source, People(key, tenant=source.tenant, source=source.name, home_page=HOME_PAGE))
            kept = [source.minimise(record, key) for record in records]
            made = [rotation.statement(each) for each in statements_of(list(mapper.statements(kept)))]
            assert None not in made, "is_ours does not know a statement that the mapping made"
            told.append(sorted(json.dumps(each, sort_keys=True) for each in made))
        assert told[0]
        assert told[0] == told[1], (
            "a reference or an id made of one stands where a rotation does not look; see Source.keyed_ids"
        )

    def test_no_content_name_or_address_lands_or_is_stated_or_logged(
        self, server: Running | None, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        source, records = self.made(server), self.pulled(server)
        kept = landed(source, records)
        _, outcomes = mapped(source, kept)
        written = "\n".join((
            *(json.dumps([record.kind, record.key, record], ensure_ascii=False) for record in kept),
            *(json.dumps(each, ensure_ascii=False) for each in statements_of(outcomes)),
            *(json.dumps(each.as_json(), ensure_ascii=False) for each in outcomes if isinstance(each, Quarantined)),
            caplog.text,
        ))
        unwanted = {text for record in records for text in self.secrets(record)} | set(self.names)
        assert unwanted
        found = sorted(text for text in unwanted if text in written)
        assert found == []

    # --- what it says of itself -----------------------------------------------------------------------------------------------

    def test_it_says_what_it_reads_and_how_that_was_verified(self) -> None:
        told = self.source.documentation()
        for line in ("API", "Permission", "Late facts", "Not seen", "Verified"):
            assert re.search(rf"^{line}\b", told, re.MULTILINE), f"the module's docstring lacks the line '{line}'"
        assert self.source.record_kinds
        assert all(setting.title for setting in self.source.settings)


def _spoiled(value: Any, draw: random.Random) -> Any:
    """The value with junk in one place."""
    holder = [value]
    here, key = draw.choice(spots(holder))
    here[key] = draw.choice(_JUNK)
    return holder[0]


def spots(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a value of JSON, as (table or list, name or number in it)."""
    found: list[tuple[Any, Any]] = []
    stack: list[Any] = [value]
    while stack:
        here = stack.pop()
        for key in list(here) if isinstance(here, dict) else range(len(here)):
            found.append((here, key))
            if isinstance(here[key], dict | list):
                stack.append(here[key])
    return found


def _one_of_each(source: Source, records: list[Record]) -> list[Record]:
    """A record of each kind and map function, the fullest of the first hundred."""
    best: dict[tuple[str, str], Record] = {}
    for record in records:
        found = source.mapping(record)
        sort = (record.kind, getattr(found[1], "__name__", "") if found else "")
        if sort not in best or len(json.dumps(record, default=str)) > len(json.dumps(best[sort], default=str)):
            best[sort] = record
    return list(best.values())


def _at(record: Any, path: str) -> Any:
    if isinstance(record, list):
        return [_at(each, path) for each in record]
    name, _, rest = path.partition(".")
    value = dig(record, name)
    return _at(value, rest) if rest else value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str):
        yield value


# --- pairs ------------------------------------------------------------------------------------------------------------------------


def pairs(folder: Path) -> list[Path]:
    """The pairs below a folder of recordings: `<folder>/pairs/*.json`."""
    found = sorted((folder / "pairs").glob("*.json"))
    assert found, f"no pairs in {folder}"
    return found


def check_pair(source: type[Source], path: Path) -> None:
    """Reads, minimises and maps the payload and compares every outcome. With UPDATE_PAIRS=1 the outcomes are written instead."""
    pair = json.loads(path.read_text(encoding="utf-8"))
    made = completed(source, pair["connection"], "pair")
    mapper, outcomes = mapped(made, landed(made, list(made.read(pair["payload"]))))
    got: list[Any] = [_outcome(each) for each in outcomes]
    got += [{"ignored": reason} for reason in mapper.counts.ignored.elements()]
    if os.environ.get("UPDATE_PAIRS"):
        path.write_text(json.dumps({**pair, "outcomes": got}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    assert got == pair["outcomes"], pair["why"]


def _outcome(outcome: Mapped) -> Any:
    if isinstance(outcome, Quarantined):
        return {"quarantined": outcome.reason}
    if isinstance(outcome, Retracted):
        return {"retracted": outcome.key}
    return outcome
