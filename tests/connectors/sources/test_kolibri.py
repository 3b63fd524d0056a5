"""Kolibri: the contract on its API and its exports, and the traps of both."""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from source_contract import KEY, RECORDINGS, SourceContract, check_pair, completed, landed, mapped, pairs, statements_of

from connectors.mapping import Quarantined
from connectors.source import Record, Window
from connectors.sources.kolibri import Kolibri
from leerstroom.errors import BadRecord, ConfigurationError, CredentialsRefused, UnexpectedShape
from leerstroom.replay import Running, running
from leerstroom.statements import types
from leerstroom.statements.vocabulary import EXTENSION_BASE, canonical_verb

FOLDER = RECORDINGS / "kolibri"
TENANT = "https://kolibri.example.org"
FIELDS = {
    "tenant": TENANT,
    "user": "beheer",
    "password": "een-lang-wachtwoord",
    "files": [str(FOLDER / "exports" / "*.csv")],
}
WHOLE = Window(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
AFTER = datetime(2026, 11, 24, 8, tzinfo=UTC)
NAME = "jan_jansen"


class TestKolibri(SourceContract):
    source = Kolibri
    fields = FIELDS
    recordings = FOLDER
    clock = AFTER
    names = ("Jan_Jansen", "het antwoord van mij", "fatima_elamrani")

    @pytest.fixture(autouse=True)
    def _in_order(self) -> None:
        order_of_age()


def order_of_age() -> None:
    """The exports by their number: a checkout gives all files one age."""
    for number, file in enumerate(sorted((FOLDER / "exports").glob("*.csv"))):
        os.utime(file, (1_794_000_000 + number, 1_794_000_000 + number))


@pytest.mark.parametrize("pair", pairs("kolibri"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(Kolibri, pair)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    order_of_age()
    with running(RECORDINGS, only=("kolibri",), clock=AFTER) as started:
        yield started


def connect(host: str = TENANT, **fields: Any) -> Kolibri:
    return completed(Kolibri, {"host": host, **FIELDS, **fields})  # type: ignore[return-value]


def pull(url: str, window: Window = WHOLE, **fields: Any) -> tuple[Kolibri, list[Record]]:
    source = connect(url, **fields)
    with source.api() as api:
        return source, list(source.pull(api, window))


@pytest.fixture(scope="module")
def whole(server: Running) -> tuple[Kolibri, list[Record]]:
    return pull(f"{server.url}/kolibri")


@pytest.fixture(scope="module")
def stated(whole: tuple[Kolibri, list[Record]]) -> list[dict[str, Any]]:
    return statements_of(mapped(whole[0], landed(*whole))[1])


def verb_of(statement: dict[str, Any]) -> str:
    return canonical_verb(statement["verb"]["id"])


def extension(statement: dict[str, Any], name: str) -> Any:
    return statement["context"]["extensions"].get(EXTENSION_BASE + name)


def export(name: str) -> list[dict[str, str]]:
    with (FOLDER / "exports" / f"{name}.csv").open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def said(*payloads: Any, **fields: Any) -> list[dict[str, Any]]:
    source = connect(**fields)
    return statements_of(
        mapped(source, landed(source, [record for payload in payloads for record in source.read(payload)]))[1]
    )


# --- exports and the API together ------------------------------------------------------------------------------------------------------


def test_statements_agree_with_the_exports_and_the_answered_questions(stated: list[dict[str, Any]]) -> None:
    first, second, summary = (
        export(name) for name in ("1_content_session_logs", "2_content_session_logs", "content_summary_logs")
    )
    sessions = {(row["Username"], row["Content id"], row["Time of first interaction"]) for row in (*first, *second)}
    told = Counter(verb_of(each) for each in stated)
    assert told["watched"] + told["viewed"] + told["attempted"] == len(sessions)
    assert told["completed"] == sum(row["Time of completion"] != "" for row in summary)
    assert told["answered"] == 16


def test_a_session_that_later_exports_repeat_is_one_and_counts_as_the_newest_says(
    whole: tuple[Kolibri, list[Record]], stated: list[dict[str, Any]]
) -> None:
    grown = export("2_content_session_logs")[0]
    [record] = [
        each
        for each in whole[1]
        if each.kind == "session"
        and each["user"] == grown["Username"]
        and each["start"] == grown["Time of first interaction"]
    ]
    assert record["spent"] == "900.0"
    assert "PT15M" in {each["result"].get("duration") for each in stated}


def test_a_session_that_grew_is_another_form_of_the_same_fact() -> None:
    row = payload("a-video-is-watched")
    [before], [after] = (
        said(row),
        said({**row, "Time Spent (sec)": "900.0", "Time of last interaction": "2026-11-21 23:27:52.716391+00:00"}),
    )
    assert extension(before, "record") == extension(after, "record")
    assert before["id"] != after["id"]


def payload(name: str) -> Any:
    return json.loads((FOLDER / "pairs" / f"{name}.json").read_text(encoding="utf-8"))["payload"]


def test_the_name_of_an_export_and_the_id_of_the_api_are_one_person(stated: list[dict[str, Any]]) -> None:
    mine = {
        verb_of(each)
        for each in stated
        if each["actor"]["account"]["name"] == KEY.account(TENANT, f"Leerhuis BV/{NAME}")
    }
    assert {"watched", "answered"} <= mine


def test_the_same_name_in_another_facility_is_another_person() -> None:
    row = payload("a-video-is-watched")
    here, elsewhere = said(row, {**row, "\ufeffFacility name": "Leerhuis Noord"})
    assert here["actor"] != elsewhere["actor"]


def test_an_id_number_is_the_hr_id_and_a_user_name_that_is_an_address_the_address(
    whole: tuple[Kolibri, list[Record]],
) -> None:
    people = {record["person"]["account"]: record["person"] for record in whole[1] if record["person"]}
    assert people["Leerhuis BV/fatima_elamrani"]["hr"] == "E01001"
    assert people["Leerhuis BV/jan_jansen"]["hr"] is None
    assert all(person["email"] is None or "@" in person["email"] for person in people.values())


def test_a_coach_does_not_learn_by_looking(stated: list[dict[str, Any]]) -> None:
    coach = [each for each in stated if each["actor"]["account"]["name"] == KEY.account(TENANT, "Leerhuis BV/coach")]
    assert {extension(each, "actor-role") for each in coach} == {"trainer"}


def test_a_completion_has_no_time_of_its_own(stated: list[dict[str, Any]]) -> None:
    for each in stated:
        if verb_of(each) == "completed":
            expected = "PT0S" if each["object"]["definition"]["type"] == types.ASSESSMENT else None
            assert each["result"].get("duration") == expected


def test_open_and_broken_questions_and_those_of_visitors_are_no_answers(whole: tuple[Kolibri, list[Record]]) -> None:
    counts = mapped(whole[0], landed(*whole))[0].counts
    assert counts.balances
    assert not counts.quarantined
    for reason in (
        "question that is still open",
        "question that could not be shown",
        "by a visitor or a program, not by a person",
    ):
        assert counts.ignored[reason] == 1


def test_a_night_holds_only_what_ended_in_it(server: Running) -> None:
    window = Window(datetime(2026, 10, 28, tzinfo=UTC), datetime(2026, 10, 29, tzinfo=UTC))
    records = pull(f"{server.url}/kolibri", window)[1]
    assert {record.kind for record in records} == {"session", "summary", "attempt"} - (
        {"summary"} if not any(each.kind == "summary" and each.get("completed") for each in records) else set()
    )
    for record in records:
        moment = record.get("completed") if record.kind == "summary" else record["end"]
        assert not moment or window.holds(datetime.fromisoformat(moment))


# --- the files -----------------------------------------------------------------------------------------------------------------------------


def test_a_byte_order_mark_at_the_start_is_no_part_of_a_header() -> None:
    assert (FOLDER / "exports" / "content_summary_logs.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    [first, *_] = connect().read_file(str(FOLDER / "exports" / "content_summary_logs.csv"))
    assert first["facility"] == "Leerhuis BV"


def test_times_with_six_digits_and_an_offset_are_read() -> None:
    [made] = said(payload("a-video-is-watched"))
    assert made["timestamp"] == "2026-11-21T23:22:52.716Z"


@pytest.mark.parametrize("folders", [0, 3])
@pytest.mark.parametrize("name", ["1_content_session_logs", "content_summary_logs"])
def test_headers_in_the_servers_language_are_told_by_their_place(tmp_path: Path, name: str, folders: int) -> None:
    rows = list(csv.reader((FOLDER / "exports" / f"{name}.csv").open(encoding="utf-8-sig", newline="")))
    header, *body = [[*row[:7], *["Map"] * folders, *row[7:]] for row in rows]
    with (tmp_path / "export.csv").open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream).writerows([[f"Kop {number}" for number in range(len(header))], *body])
    source = connect()
    told, known = (
        [
            (each.kind, each["user"], each["content"], each["start"], each.get("completed"), each["spent"])
            for each in source.read_file(str(file))
        ]
        for file in (tmp_path / "export.csv", FOLDER / "exports" / f"{name}.csv")
    )
    assert told == known


def test_a_file_that_is_no_export_is_reported_and_the_others_load(server: Running, tmp_path: Path) -> None:
    shutil.copy(FOLDER / "exports" / "1_content_session_logs.csv", tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("naam;uren\nJan;3\n", encoding="utf-8")
    source, records = pull(f"{server.url}/kolibri", files=[str(tmp_path)], attempts=False)
    made = mapped(source, landed(source, records))[1]
    assert [each.reason for each in made if isinstance(each, Quarantined)] == [
        "b.csv is no export of Kolibri's session or summary logs"
    ]
    assert len(statements_of(made)) == 20


def test_files_alone_need_no_password() -> None:
    source, records = pull("https://nowhere.example", user=None, password=None)
    assert {record.kind for record in records} == {"session", "summary"}
    with source.api() as api:
        assert source.check(api) == "3 exports with 46 rows"


def test_neither_files_nor_a_user_is_told_before_anything_is_asked() -> None:
    with pytest.raises(ConfigurationError, match="files"):
        pull("https://nowhere.example", user=None, files=None)


def test_an_export_on_standard_input_is_read_as_a_file() -> None:
    with (FOLDER / "exports" / "content_summary_logs.csv").open("rb") as stream:
        done = subprocess.run(
            [str(Path(sys.executable).with_name("leerstroom")), "normalise", "kolibri"],
            stdin=stream,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    completions = [json.loads(line) for line in done.stdout.splitlines()]
    assert {verb_of(each) for each in completions} == {"completed"}
    assert NAME not in done.stdout
    assert "0 quarantined" in done.stderr


# --- the API -------------------------------------------------------------------------------------------------------------------------------


def test_a_user_without_rights_gets_empty_lists_and_that_is_told(server: Running) -> None:
    with pytest.raises(UnexpectedShape, match="administrator"):
        pull(f"{server.url}/kolibri", user="jan_jansen", password="van-jan")


def test_a_wrong_password_is_refused_at_once(server: Running) -> None:
    with pytest.raises(CredentialsRefused) as caught:
        pull(f"{server.url}/kolibri", password="geraden")
    assert "geraden" not in str(caught.value)


def test_another_facility_than_the_servers_is_told(server: Running) -> None:
    with pytest.raises(ConfigurationError, match="Noord"):
        pull(f"{server.url}/kolibri", facility="Leerhuis Noord")


def test_pages_end_where_the_server_says_so(server: Running) -> None:
    server.faults.asked.clear()
    pull(f"{server.url}/kolibri")
    assert sum(path.endswith("attemptlog/") for _, _, path in server.faults.asked) == 5, (
        "19 questions, four to a page; a page past the end would be 404"
    )


def test_a_page_comes_in_a_recorded_exchange_too() -> None:
    page = {"count": 1, "results": [{"id": "a1", "user": "u1", "item": "i", "start_timestamp": "2026-11-03T09:00:00Z", "correct": 1}]}  # fmt: skip
    exchange = {"request": {"path": "/api/logger/attemptlog/"}, "response": {"status": 200, "body": page}}
    assert [record.key for record in connect().read(exchange)] == ["a1"]


@pytest.mark.parametrize("value", [{"a": 1}, [], [3], {"results": [{"a": 1}]}, "x", None])
def test_what_is_nothing_of_kolibris_is_a_bad_record(value: Any) -> None:
    with pytest.raises(BadRecord):
        list(connect().read(value))


def test_the_recorded_exports_of_a_real_server_are_read(shared: Path) -> None:
    for name, verbs in (("content_session_logs", {"watched": 3}), ("content_summary_logs", {"completed": 2})):
        file = shared / "recordings" / "kolibri" / f"{name}.csv"
        if not file.exists():
            pytest.skip("the recorded exports are not here")
        source = connect()
        mapper, made = mapped(source, landed(source, list(source.read_file(str(file)))))
        assert Counter(verb_of(each) for each in statements_of(made)) == verbs
        assert mapper.counts.balances
        assert not mapper.counts.quarantined
