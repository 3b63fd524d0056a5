"""From records to statements with a source that a third party might write: ids, context, accounting, privacy."""

import importlib.util
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.mapping import Mapper, Quarantined, serialised
from connectors.source import LONGEST_TEXT, UNREADABLE, Connection, Record, Setting, Window, connect, installed, load
from leerstroom.errors import ConfigurationError
from leerstroom.people import Directory, Employee, People, Pseudonyms
from leerstroom.statements import Retracted
from leerstroom.statements.vocabulary import EXTENSION_BASE, PROFILE

_spec = importlib.util.spec_from_file_location(
    "third_party_source", Path(__file__).parents[1] / "typing" / "third_party_source.py"
)
third_party = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(third_party)

KEY = Pseudonyms("a key of sixteen bytes or more")
DIRECTORY = Directory(
    employees=[Employee("E1", emails=("anna@example.org",)), Employee("E2", platform_ids=(("library", "r2"),))],
    excluded_accounts=[("library", "robot")],
)


@pytest.fixture
def library():
    return third_party.Library(Connection("lib", "library", {"host": "https://library.example"}))


def people_of(source) -> People:
    return People(
        KEY,
        tenant=source.tenant,
        source="library",
        connection="lib",
        directory=DIRECTORY,
        home_page="https://org.example",
    )


def loan(number: int = 1, **fields) -> Record:
    return Record(
        "loan",
        str(number),
        {
            "id": number,
            "book": "b",
            "at": "2026-11-03T09:00:00Z",
            "reader": {"id": "r1", "mail": "Anna@Example.org", "name": "Anna"},
            **fields,
        },
    )


def mapped(source, records):
    mapper = Mapper(source, people_of(source))
    return mapper, list(mapper.statements(source.minimise(record, KEY) for record in records))


def test_a_record_lands_without_names_addresses_and_text(library) -> None:
    kept = library.minimise(loan(remark="Wie weet hoe dit moet? bel 06-12345678", note="secret"), KEY)
    text = json.dumps(kept)
    for secret in ("Anna", "anna", "example.org", "06-12345678", "secret", "r1"):
        assert secret not in text
    assert kept["features"]["is_question"] is True


def test_a_statement_has_platform_profile_kind_and_record(library) -> None:
    _, [made] = mapped(library, [loan()])
    assert made["context"]["platform"] == "library"
    assert made["context"]["contextActivities"]["category"][0]["id"] == PROFILE
    assert made["context"]["extensions"][EXTENSION_BASE + "source-kind"] == "work"
    assert made["actor"]["account"] == {"homePage": "https://org.example", "name": KEY.actor("E1")}


def test_someone_unknown_keeps_the_platforms_account_as_a_pseudonym(library) -> None:
    _, [made] = mapped(library, [loan(reader={"id": "stranger"})])
    assert made["actor"]["account"]["homePage"] == "https://library.example"
    assert "stranger" not in json.dumps(made)


def test_the_platform_id_wins_over_the_e_mail(library) -> None:
    _, [made] = mapped(library, [loan(reader={"id": "r2", "mail": "anna@example.org"})])
    assert made["actor"]["account"]["name"] == KEY.actor("E2")


def test_an_excluded_account_is_ignored_with_a_reason(library) -> None:
    mapper, made = mapped(library, [loan(reader={"id": "robot"})])
    assert made == []
    assert mapper.counts.ignored == {"account on the exclusion list": 1}


def test_the_first_mapping_that_matches_takes_the_record(library) -> None:
    mapper, made = mapped(library, [loan(1, state="returned"), loan(2, state="cancelled"), loan(3)])
    assert [type(each) for each in made] == [Retracted, dict]
    assert mapper.counts.as_json() == {
        "pulled": 3,
        "mapped": 2,
        "built": 1,
        "retracted": 1,
        "ignored": {"a returned book teaches nothing more": 1},
        "quarantined": {},
    }


def test_one_bad_record_goes_to_quarantine_and_the_rest_goes_on(library) -> None:
    mapper, made = mapped(
        library, [loan(1), loan(2, at="yesterday"), loan(3, reader="nobody"), Record("loan", "4", {}), loan(5)]
    )
    assert [each["object"]["id"] for each in made if not isinstance(each, Quarantined)] == [
        "https://library.example/books/b"
    ] * 2
    assert [each.key for each in made if isinstance(each, Quarantined)] == ["2", "3", "4"]
    assert mapper.counts.balances


def test_a_record_that_cannot_be_reduced_lands_as_that_and_ends_in_quarantine(library) -> None:
    deep: object = "x"
    for _ in range(300):
        deep = [deep]
    small = [library.reduced(each, KEY) for each in (loan(1, book=deep), loan(2))]
    landed = [Record(each.kind, each.key, json.loads(json.dumps(each))) for each in small]
    assert "reader" not in landed[0]
    mapper = Mapper(library, people_of(library))
    first, second = mapper.statements(landed)
    assert isinstance(first, Quarantined)
    assert "unexpected type, size or depth" in first.reason
    assert second["verb"]
    assert mapper.counts.balances


def test_records_that_are_reduced_together_come_out_as_each_by_itself(library) -> None:
    deep: object = "x"
    for _ in range(300):
        deep = [deep]
    odd = {3: {"book": deep}, 40: {"book": "x" * (LONGEST_TEXT + 1)}, 41: {"book": 2**70}, 70: {"book": "\ud800"}}
    together = library.all_reduced([loan(number, **odd.get(number, {})) for number in range(100)], KEY)
    alone = [library.reduced(loan(number, **odd.get(number, {})), KEY) for number in range(100)]
    assert [(each.kind, each.key, each) for each in together] == [(each.kind, each.key, each) for each in alone]
    assert [number for number, each in enumerate(together) if UNREADABLE in each] == list(odd)


def test_a_source_that_keeps_no_record_has_it_reduced_where_it_stands_and_minimise_never_does() -> None:
    source = connect(Connection("openedx", "openedx", {"host": "https://lms.example"}), complete=False)
    fields = {"name": "play_video", "user_id": "7", "username": "anna", "course_id": "course-v1:a+b+c", "id": "v"}
    record, minimised = Record("video", "k", fields), source.minimise(Record("video", "k", fields), KEY)
    assert source.minimise(record, KEY) == minimised != record
    assert record == fields
    assert source.all_reduced([record], KEY) == [minimised]
    assert record == minimised


def test_parts_that_statements_share_are_written_as_they_are_stated(library) -> None:
    records = [library.minimise(loan(number), KEY) for number in range(3)]
    stated, written = (Mapper(library, people_of(library), written=each).statements(records) for each in (False, True))
    assert [serialised(each) for each in written] == [serialised(each) for each in stated]


@pytest.mark.parametrize(
    ("sort", "value"), [("account", 7), ("account", "7"), ("account", 2**80), ("hr", [7, "7", None])]
)
def test_a_reference_is_the_same_whether_it_is_remembered_or_not(library, sort: str, value: object) -> None:
    first, again = (library._referenced(KEY, sort, value) for _ in range(2))
    values = value if isinstance(value, list) else [value]
    assert first == again
    assert (first if isinstance(value, list) else [first]) == [library.reference(KEY, sort, each) for each in values]


def test_a_record_of_unknown_kind_is_ignored_not_lost(library) -> None:
    mapper, made = mapped(library, [Record("fine", "1", {})])
    assert made == []
    assert mapper.counts.balances


def seat(reader: str, start: int, end: int, circle: str = "c1") -> Record:
    return Record(
        "seat",
        f"{circle}{reader}{start}",
        {
            "circle": circle,
            "reader": {"id": reader},
            "from": f"2026-11-03T09:{start:02d}:00Z",
            "to": f"2026-11-03T09:{end:02d}:00Z",
        },
    )


def test_gathered_rows_make_one_statement_and_count_each_row(library) -> None:
    mapper, made = mapped(library, [seat("r1", 0, 10), seat("r2", 0, 10), seat("r1", 20, 30), seat("r1", 0, 5, "c2")])
    assert [each["result"]["duration"] for each in made] == ["PT20M", "PT10M", "PT5M"]
    assert mapper.counts.mapped == 4
    assert mapper.counts.built == 3


def test_a_late_row_changes_the_id_but_not_the_record(library) -> None:
    _, [before] = mapped(library, [seat("r1", 0, 10)])
    _, [after] = mapped(library, [seat("r1", 20, 30), seat("r1", 0, 10)])
    name = EXTENSION_BASE + "record"
    assert before["id"] != after["id"]
    assert before["context"]["extensions"][name] == after["context"]["extensions"][name]


def test_a_bad_group_is_quarantined_whole_and_the_next_group_goes_on(library) -> None:
    mapper, made = mapped(library, [seat("r1", 0, 10), Record("seat", "x", {"circle": "c1"}), seat("r1", 0, 10, "c2")])
    assert [isinstance(each, Quarantined) for each in made] == [True, True, False]
    assert mapper.counts.balances


@given(st.permutations([loan(number) for number in range(6)]))
def test_the_order_of_records_changes_no_id(records) -> None:
    source = third_party.Library(Connection("lib", "library", {"host": "https://library.example"}))
    _, made = mapped(source, records)
    _, calm = mapped(source, [loan(number) for number in range(6)])
    assert {each["id"] for each in made} == {each["id"] for each in calm}


def test_all_faults_of_a_connection_are_told_at_once_without_its_secret() -> None:
    with pytest.raises(ConfigurationError) as caught:
        connect(Connection("chat", "matrix", {"tokn": "s3cret", "host": "no-scheme"}))
    text = str(caught.value)
    assert "tokn" in text
    assert "host" in text
    assert "s3cret" not in text


def test_the_four_sources_are_installed_and_load() -> None:
    assert {"matrix", "moodle", "zoom", "sheet"} <= set(installed())
    for name in installed():
        source = load(name)
        assert source.name == name
        assert source.documentation()
        assert all(isinstance(setting, Setting) for setting in source.settings)


def test_an_unknown_source_names_those_that_are_there() -> None:
    with pytest.raises(ConfigurationError, match="matrix"):
        load("fax")


def test_a_connection_never_prints_its_fields() -> None:
    assert "s3cret" not in repr(Connection("chat", "matrix", {"token": "s3cret"}))


def test_a_window_needs_zones_and_an_order() -> None:
    from datetime import UTC, datetime, timedelta

    noon = datetime(2026, 11, 3, 12, tzinfo=UTC)
    with pytest.raises(ConfigurationError):
        Window(noon, noon - timedelta(seconds=1))
    with pytest.raises(ConfigurationError):
        Window(datetime(2026, 11, 3), noon)
    assert Window(noon, noon + timedelta(days=1)).name == "20261103T120000Z_20261104T120000Z"
