"""`leerstroom normalise`: records as vendors send them, from files and pipes; what cannot be read is told with its place and stops nothing."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from leerstroom.cli import app

EVENT = {
    "name": "play_video",
    "event": {"id": "abc", "currentTime": 1},
    "context": {"course_id": "course-v1:a+b+c", "user_id": 7},
}


def event(minute: int) -> dict[str, Any]:
    return {**EVENT, "time": f"2026-11-03T{9 + minute // 60:02d}:{minute % 60:02d}:00+00:00"}


def lines(*values: Any) -> bytes:
    return b"".join((each if isinstance(each, bytes) else json.dumps(each).encode()) + b"\n" for each in values)


@pytest.fixture
def normalise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`normalise(what is given, *files, source="openedx")` -> (statements, what was quarantined)."""
    monkeypatch.setenv("LEERSTROOM_PSEUDONYM_KEY", "a key of sixteen bytes or more")

    def run(
        given: bytes | None, *files: Path, source: str = "openedx"
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        rest = tmp_path / "rest.jsonl"
        arguments = ["normalise", source, *map(str, files), "--quarantine", str(rest)]
        done = CliRunner().invoke(app, arguments, input=given or b"", catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return [json.loads(line) for line in done.stdout.splitlines()], [
            json.loads(line) for line in rest.read_text().splitlines()
        ]

    return run


def minutes(statements: list[dict[str, Any]]) -> list[int]:
    return [int(each["timestamp"][11:13]) * 60 + int(each["timestamp"][14:16]) - 540 for each in statements]


def test_lines_come_out_in_their_order_however_many(normalise: Any) -> None:
    made, rest = normalise(lines(*map(event, range(300))))
    assert minutes(made) == list(range(300))
    assert rest == []


@pytest.mark.parametrize("place", [0, 1, 130, 299])
def test_a_broken_line_is_told_with_its_number_and_the_rest_goes_on(normalise: Any, place: int) -> None:
    given: list[Any] = list(map(event, range(300)))
    given[place] = b'{"name": "play_vi'
    made, rest = normalise(lines(*given))
    assert [each["where"] for each in rest] == [f"standard input line {place + 1}"]
    assert minutes(made) == [each for each in range(300) if each != place]


def test_two_broken_lines_at_the_start_stop_nothing(normalise: Any) -> None:
    made, rest = normalise(lines(b"{", b"{", event(2), event(3)))
    assert minutes(made) == [2, 3]
    assert [each["where"] for each in rest] == ["standard input line 1", "standard input line 2"]


def test_one_value_over_many_lines_is_one_payload(normalise: Any) -> None:
    made, rest = normalise(json.dumps([event(1), event(2), {"name": "x"}], indent=1).encode())
    assert minutes(made) == [1, 2]
    assert [each["where"] for each in rest] == ["standard input item 3"]


def test_a_list_in_a_line_is_told_by_line_and_item(normalise: Any) -> None:
    made, rest = normalise(lines(event(1), [event(2), 7]))
    assert minutes(made) == [1, 2]
    assert [each["where"] for each in rest] == ["standard input line 2 item 2"]


def said(number: int, text: str, answers: int | None = None) -> dict[str, Any]:
    """A message of a Matrix room."""
    relation = {"m.relates_to": {"m.in_reply_to": {"event_id": f"${answers}"}}} if answers else {}
    return {"type": "m.room.message", "event_id": f"${number}", "room_id": "!r", "sender": f"@{number % 7}:x.example", "origin_server_ts": 1793700000000 + number, "content": {"msgtype": "m.text", "body": text, **relation}}  # fmt: skip


@pytest.mark.parametrize("form", ["lines", "list", "list over many lines", "lines and a broken one"])
def test_an_answer_may_come_long_before_its_question_for_lists_tell_the_newest_first(normalise: Any, form: str) -> None:
    between = [said(number, "Het rooster staat klaar.") for number in range(300, 1, -1)]
    told = [said(301, "Onder Bestand, links bovenaan.", 1), *between, said(1, "Weet iemand hoe dit werkt?")]
    given = {
        "lines": lines(*told),
        "list": json.dumps(told).encode(),
        "list over many lines": json.dumps(told, indent=2).encode(),
        "lines and a broken one": lines(told[0], b"{", *told[1:]),
    }
    made, rest = normalise(given[form], source="matrix")
    assert (made[0]["verb"]["display"]["en"], made[-1]["verb"]["display"]["en"]) == ("answered", "asked")
    assert made[0]["context"]["contextActivities"]["parent"][0]["id"] == made[-1]["object"]["id"]
    assert (len(made), len(rest)) == (301, form == "lines and a broken one")


@pytest.mark.parametrize(
    ("source", "row", "wrap"),
    [
        ("kolibri", {"id": "a1", "user": "u1", "item": "i", "start_timestamp": "2026-11-03T09:00:00Z", "completion_timestamp": "2026-11-03T09:01:00Z", "complete": True, "correct": 1, "time_spent": 60}, lambda rows: {"page": 1, "results": rows}),
        ("report", {"Employee_ID": "20417", "Learning_Content": "Feedback", "Completion_Date": "2026-11-04", "Completion_Status": "Completed"}, lambda rows: {"Report_Entry": rows}),
        ("xapi", {"actor": {"mbox": "mailto:a@x.example"}, "verb": {"id": "http://x.example/v"}, "object": {"id": "http://x.example/o"}, "timestamp": "2026-11-03T09:00:00Z"}, lambda rows: {"statements": rows, "more": ""}),
        ("canvas", {"metadata": {"event_name": "course_completed"}, "body": {"user": {"id": "1"}, "course": {"id": "2"}, "progress": {"completed_at": "2026-11-03T09:00:00Z"}}}, lambda rows: {"response": {"status": 200, "body": rows}}),
        ("udemy", {"user_id": 1, "course_id": 2, "course_enroll_date": "2026-11-03T09:00:00Z"}, lambda rows: {"results": rows}),
    ],
    ids=["kolibri", "report", "xapi", "canvas", "udemy"],
)  # fmt: skip
def test_a_bad_row_of_a_page_costs_no_other_and_an_empty_page_holds_nothing(
    normalise: Any, source: str, row: dict[str, Any], wrap: Any
) -> None:
    alone, rest = normalise(lines(row), source=source)
    assert (len(alone), rest) == (1, [])
    made, rest = normalise(lines(wrap([row, 7, {"x": 1}, row])), source=source)
    assert made == alone * 2
    assert rest
    assert normalise(lines(wrap([])), source=source) == ([], [])


def test_files_may_be_packed_and_one_that_is_damaged_stops_no_other(normalise: Any, tmp_path: Path) -> None:
    (tmp_path / "a.log.gz").write_bytes(gzip.compress(lines(event(1))))
    (tmp_path / "b.log.gz").write_bytes(gzip.compress(lines(*map(event, range(200))))[:60])
    (tmp_path / "c.log").write_bytes(lines(event(3)))
    made, rest = normalise(None, *(tmp_path / name for name in ("a.log.gz", "b.log.gz", "c.log")))
    assert (minutes(made)[0], minutes(made)[-1]) == (1, 3)
    assert [each["where"] for each in rest] == ["b.log.gz"]


def test_nothing_gives_nothing(normalise: Any) -> None:
    assert normalise(b"") == ([], [])
    assert normalise(b"\n\n\n") == ([], [])


@pytest.mark.parametrize(
    ("source", "answer", "told"),
    [
        ("zoom", {"code": 3001, "message": "Meeting of Anna de Vries does not exist"}, "the platform answered with an error (3001)"),
        ("teams", {"error": {"code": "Forbidden", "message": "No policy for anna@example.org"}}, "the platform answered with an error"),
        ("facebook", {"error": {"code": 190, "message": "Anna de Vries logged out"}}, "the platform answered with an error (190)"),
        ("meet", {"error": {"code": 404, "status": "NOT_FOUND"}}, "the platform answered with an error (NOT_FOUND)"),
        ("canvas", {"errors": [{"message": "Anna de Vries may not"}]}, "the platform answered with an error"),
        ("slack", {"ok": False, "error": "channel_not_found"}, "an error of Slack, not an answer"),
    ],
)  # fmt: skip
def test_an_error_inside_an_answer_is_called_so_with_its_code_and_none_of_its_words(
    normalise: Any, source: str, answer: dict[str, Any], told: str
) -> None:
    made, [refused] = normalise(lines(answer), source=source)
    assert made == []
    assert refused["reason"].endswith(told)
    assert "Anna" not in json.dumps(refused)
    assert "anna" not in json.dumps(refused)


def test_a_single_word_of_an_error_may_be_a_name_and_is_not_repeated(normalise: Any) -> None:
    _, [refused] = normalise(lines({"error": "Anna"}), source="zoom")
    assert "Anna" not in json.dumps(refused)


def test_a_number_larger_than_json_writers_take_goes_to_quarantine_and_the_rest_goes_on(normalise: Any) -> None:
    def played(video: Any) -> dict[str, Any]:
        return {"name": "play_video", "event_type": "play_video", "event_source": "browser", "time": "2025-11-03T18:30:00+00:00", "context": {"course_id": "course-v1:V+A+2025", "user_id": 13}, "event": {"id": video, "currentTime": 3}}  # fmt: skip

    made, rest = normalise(lines(played(2**70), played("0" * 32)), source="openedx")
    assert len(made) == 1
    assert "unexpected type, size or depth" in rest[0]["reason"]


GONE = {
    "personId": "E1",
    "courseId": "C1",
    "title": "Lezen",
    "status": "completed",
    "completed": "2026-11-03T10:00:00Z",
}


@pytest.mark.parametrize(
    ("source", "page", "wrong"),
    [
        ("report", {"value": [GONE, {"title": "a"}, GONE | {"courseId": "C2"}, {"title": "b"}, {"title": "c"}]}, 3),
        ("kolibri", {"results": [{"nothing": number} for number in range(25)]}, 25),
        ("canvas", {"data": [1, {"actor": 2}, 3]}, 3),
        ("canvas", {"response": {"body": [{"nothing": 1}, [{"nothing": 2}, {"nothing": 3}]]}}, 3),
        ("xapi", {"statements": [1, 2], "more": ""}, 2),
    ],
)
def test_each_bad_row_of_a_page_is_a_record_in_quarantine(tmp_path: Path, source: str, page: Any, wrong: int) -> None:
    """Else a page with thirty bad rows looks like one with a single one, and of most of them nobody learns why."""
    rest = tmp_path / "rest.jsonl"
    done = CliRunner().invoke(app, ["normalise", source, "--quarantine", str(rest)], input=lines(page))
    refused = [json.loads(line)["reason"] for line in rest.read_text().splitlines()]
    assert len({each.partition(":")[0] for each in refused}) == len(refused) or source == "canvas"
    assert len(refused) == wrong
    [said] = [line for line in done.stderr.splitlines() if "quarantined" in line]
    pulled, mapped, _, _, ignored, quarantined = map(int, re.findall(r"\d+", said))
    assert (pulled, quarantined) == (mapped + ignored + quarantined, wrong)
