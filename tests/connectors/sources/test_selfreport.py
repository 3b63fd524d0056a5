"""Self-reports: marked as what people say of themselves; titles of things are kept where the operator allows it, what is written about people never."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from source_contract import RECORDINGS, SourceContract, check_pair, completed, landed, mapped, pairs, statements_of

from connectors.mapping import Mapper
from connectors.source import Window
from connectors.sources.selfreport import SelfReport
from leerstroom.statements import types, verbs
from leerstroom.statements.vocabulary import EXTENSION_BASE

FILE = RECORDINGS / "selfreport" / "microsoft-forms.csv"
FIELDS: dict[str, Any] = {"files": [str(FILE)]}
WINDOW = Window(datetime(2026, 10, 25, 23, tzinfo=UTC), datetime(2026, 11, 15, 23, tzinfo=UTC))


class TestSelfReport(SourceContract):
    source = SelfReport
    fields = FIELDS
    window = WINDOW
    names = ("Weergavenaam", "aanpak", "zelf afgerond", "Dutje")


@pytest.mark.parametrize("pair", pairs("selfreport"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(SelfReport, pair)


def report(**answers: Any) -> dict[str, Any]:
    return {"email": "a@x.nl", "title": "Iets", "date": "03-11-2026", "kind": "conference", **answers}


def outcomes(*payloads: dict[str, Any], **fields: Any) -> tuple[Mapper, list]:
    source = completed(SelfReport, {"files": [], **fields})
    return mapped(source, landed(source, [record for payload in payloads for record in source.read(payload)]))


def loaded(path: Path, **fields: Any) -> tuple[Mapper, list]:
    source = completed(SelfReport, {"files": [str(path)], **fields})
    with source.api() as api:
        records = list(source.pull(api, WINDOW))
    return mapped(source, landed(source, records))


def extension(statement: dict[str, Any], name: str) -> Any:
    return statement["context"]["extensions"].get(EXTENSION_BASE + name)


@pytest.mark.parametrize(
    ("kind", "verb", "type_iri"),
    [
        ("Congres", verbs.ATTENDED, types.CONFERENCE),
        ("coaching", verbs.ATTENDED, types.FACE_TO_FACE_DISCUSSION),
        ("On the job", verbs.ATTENDED, types.GUIDED_ON_THE_JOB),
        ("nieuwe taak", verbs.PERFORMED_OFFLINE, types.TASK),
        ("Boek", verbs.READ, types.BOOK),
        ("e-learning", verbs.COMPLETED, types.COURSE),
        ("Meelopen", verbs.SHADOWED, types.VISIT),
        ("reflectie", verbs.REFLECTED, types.NOTE),
    ],
)
def test_each_kind_has_its_verb_and_is_marked_as_reported_by_oneself(kind: str, verb: Any, type_iri: str) -> None:
    _, [made] = outcomes(report(kind=kind, hours="2"))
    assert (made["verb"]["id"], made["object"]["definition"]["type"]) == (verb.iri, type_iri)
    assert extension(made, "self-reported") is True
    assert made["result"]["duration"] == "PT2H"


@pytest.mark.parametrize(("kind", "kept"), [("congres", True), ("boek", True), ("coaching", False), ("nieuwe taak", False), ("intervisie", False)])  # fmt: skip
def test_a_title_is_kept_where_the_operator_allows_it_of_things_and_never_of_talks_tasks_and_reflections(
    kind: str, kept: bool
) -> None:
    for allowed in (True, False):
        _, [made] = outcomes(report(kind=kind, title="Met Anna over haar team"), titles=allowed)
        assert ("Anna" in json.dumps(made)) is (kept and allowed)


def test_when_the_form_was_filled_in_is_not_when_it_happened() -> None:
    _, [made] = outcomes({**report(hours="2"), "Begintijd": "09-11-2026 08:00", "Start time": "09-11-2026 08:00"})
    assert made["timestamp"].startswith("2026-11-03T")


def test_a_conference_of_three_days_is_one_report() -> None:
    mapper, [made] = outcomes(report(until="05-11-2026", hours="40"))
    assert made["result"]["duration"] == "PT40H"
    assert made["timestamp"] == "2026-11-05T22:00:00.000Z"
    assert mapper.counts.built == 1
    assert outcomes(report(hours="40"))[0].counts.quarantined.total() == 1


def test_two_reports_of_one_day_are_two_when_the_form_numbers_them(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("Id;E-mail;Titel;Soort;Datum;Uren\n1;a@x.nl;Gesprek;coaching;03-11-2026;1\n2;a@x.nl;Gesprek;coaching;03-11-2026;1\n")  # fmt: skip
    assert len(statements_of(loaded(tmp_path / "f.csv")[1])) == 2


def test_people_at_one_conference_do_not_make_a_group(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("E-mail;Titel;Soort;Datum\na@x.nl;Dag;congres;03-11-2026\nb@x.nl;Dag;congres;03-11-2026\n")  # fmt: skip
    made = statements_of(loaded(tmp_path / "f.csv")[1])
    assert [extension(each, "group-size") for each in made] == [None, None]
    assert len({each["object"]["id"] for each in made}) == 1


def test_a_report_that_is_mended_replaces_its_statement() -> None:
    _, [before] = outcomes(report(hours="2"))
    _, [after] = outcomes(report(hours="3"))
    assert extension(before, "record") == extension(after, "record")
    assert before["id"] != after["id"]


def test_an_export_as_json_is_read_like_one_as_csv(tmp_path: Path) -> None:
    lines = [{"Id": 1, "E-mail": "a@x.nl", "Titel": "Dag", "Soort": "congres", "Datum": "03-11-2026", "Uren": "1,5"}]
    (tmp_path / "a.json").write_text(json.dumps({"responses": lines}))
    (tmp_path / "a.csv").write_text(";".join(lines[0]) + "\n" + ";".join(map(str, lines[0].values())))
    assert json.dumps(loaded(tmp_path / "a.json")[1]) == json.dumps(loaded(tmp_path / "a.csv")[1])


def test_a_workbook_of_microsoft_forms_is_read(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (
        ["Id", "Start time", "Completion time", "Email", "Name", "Activity", "Type of activity", "Date", "Hours"],
        [7, datetime(2026, 11, 9, 8), datetime(2026, 11, 9, 9), "a@x.nl", "A B", "Data Day", "conference", datetime(2026, 11, 3), 6],
    ):  # fmt: skip
        book.active.append(row)
    stream = io.BytesIO()
    book.save(stream)
    (tmp_path / "f.xlsx").write_bytes(stream.getvalue())
    [made] = statements_of(loaded(tmp_path / "f.xlsx", titles=True)[1])
    assert made["timestamp"][:10] == "2026-11-03"
    assert made["object"]["definition"]["name"] == {"nl": "Data Day"}


@pytest.mark.parametrize("text", ["{", "[1]", '{"nothing": 1}'])
def test_json_that_is_no_export_is_reported_with_its_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.json").write_text(text)
    mapper, made = loaded(tmp_path / "bad.json")
    assert made
    assert all(reason.startswith("bad.json") for reason in mapper.counts.quarantined)


def test_bad_reports_are_named_by_line_and_the_others_load() -> None:
    mapper, made = loaded(FILE)
    assert len(statements_of(made)) == 4
    assert sorted(reason.split(":")[0] for reason in mapper.counts.quarantined) == [
        "microsoft-forms.csv line 6",
        "microsoft-forms.csv line 7",
    ]
