"""Open edX: one answer is one statement, the learner is the learner, and the statements are those of the platform's own exporter but for what we list."""

import gzip
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import isodate
import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_contract import KEY, RECORDINGS, SourceContract, check_pair, completed, landed, mapped, pairs, statements_of

from connectors.mapping import Quarantined
from connectors.source import Record, Window
from connectors.sources.openedx import KINDS, OpenEdx
from leerstroom.errors import BadRecord, ConfigurationError
from leerstroom.people import Directory, Employee
from leerstroom.statements import Retracted, types, verbs
from leerstroom.statements.validation import validate
from leerstroom.statements.vocabulary import extension

LOGS = RECORDINGS / "openedx" / "logs"
HOST = "https://leren.voorbeeldstad.example"
WINDOW = Window(datetime(2025, 11, 3, tzinfo=UTC), datetime(2025, 11, 5, tzinfo=UTC))
ROOT = Path(__file__).resolve().parents[3]
COURSE = "course-v1:edX+DemoX+Demo_Course"


class TestOpenEdx(SourceContract):
    source = OpenEdx
    window = WINDOW
    names = (
        "anouk.devries",
        "bas.jansen",
        "Mijn plan van aanpak",
        "verkeerd doet",
        "Alleen versleuteld",
        "datalek melden bij",
    )

    def connection(self, url: str | None) -> dict[str, Any]:
        return {"host": HOST, "files": [str(LOGS / "tracking.log*")]}


@pytest.mark.parametrize("pair", pairs("openedx"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(OpenEdx, pair)


# --- helpers -------------------------------------------------------------------------------------------------------------------------


def made(host: str = "http://localhost:18000", **fields: Any) -> OpenEdx:
    return completed(OpenEdx, {"host": host, "files": [], **fields})  # type: ignore[return-value]


def event(name: str = "play_video", **changes: Any) -> dict[str, Any]:
    """An event of a tracking log."""
    return {
        "name": name, "event_type": name, "event_source": "browser", "time": "2026-11-03T09:00:00.123456+00:00", "username": "anna", "session": "5e55",
        "context": {"course_id": COURSE, "user_id": 7}, "event": {"id": "abc", "currentTime": 1.5},
    } | changes  # fmt: skip


def told(*events: Any, source: OpenEdx | None = None, directory: Directory | None = None) -> list[dict[str, Any]]:
    """The statements of events."""
    source = source or made()
    return statements_of(
        mapped(source, landed(source, [r for each in events for r in source.read(each)]), directory)[1]
    )


def pulled(folder: Path, window: Window = WINDOW, **fields: Any) -> list[Record]:
    source = completed(OpenEdx, {"host": HOST, "files": [str(folder)], **fields})
    with source.api() as api:
        return list(source.pull(api, window))


# --- one answer, one statement ----------------------------------------------------------------------------------------------------------


def test_four_traces_of_one_answer_are_one_statement() -> None:
    source = completed(OpenEdx, {"host": HOST, "files": [str(LOGS / "tracking.log")]})
    with source.api() as api:
        records = [r for r in source.pull(api, WINDOW) if "09:20:00." in str(r.get("time", r.key))]
    mapper, outcomes = mapped(source, landed(source, records))
    answers = [each for each in statements_of(outcomes) if each["verb"]["id"] == verbs.EVALUATED.iri]
    assert len(answers) == 1
    assert mapper.counts.ignored == {"trace of an answer that the server's problem_check tells": 3}


def test_the_peers_log_gives_nine_events_of_which_one_is_an_answer(shared: Path, tmp_path: Path) -> None:
    """12 lines: 2 broken, 1 without time, 9 events; lines 4, 5, 7 and 8 are four traces of one answer, which line 7 tells."""
    rejected = tmp_path / "rest.jsonl"
    log = shared / "peers" / "openedx" / "tracking.log"
    done = normalise([str(log), "--quarantine", str(rejected), "--connection", '{"host": "http://localhost:18000"}'])
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [json.loads(line)["where"] for line in rejected.read_text().splitlines()] == [
        "tracking.log line 3",
        "tracking.log line 10",
        "tracking.log line 11",
    ]
    assert [verb_of(each) for each in found] == ["earned", "earned", "attempted", "evaluated", "earned", "failed"]
    assert "3 ignored, 3 quarantined" in done.stderr
    assert len({each["actor"]["account"]["name"] for each in found}) == 1, "user 6, by id where the name is empty"


def verb_of(statement: dict[str, Any]) -> str:
    return str(statement["verb"]["display"]["en"])


def normalise(arguments: list[str], given: bytes = b"") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LEERSTROOM_PSEUDONYM_KEY": "a key of sixteen bytes or more"}
    command = [str(Path(sys.executable).with_name("leerstroom")), "normalise", "openedx", *arguments]
    done = subprocess.run(command, input=given, capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return subprocess.CompletedProcess(done.args, 0, done.stdout.decode(), done.stderr.decode())


def test_two_things_at_one_moment_by_one_person_are_two_facts() -> None:
    """The peer makes ids of verb, actor and moment: two objects of one moment collide there."""
    pairs_of_one_moment = (
        (event(event={"id": "abc", "currentTime": 1}), event(event={"id": "abd", "currentTime": 1})),
        tuple(
            event(
                "edx.completion.block_completion.changed",
                event={"block_id": f"{COURSE}+type@html+block@{block}", "completion": 1.0},
            )
            for block in "ab"
        ),
        (event("edx.forum.thread.viewed", event={"id": "t1"}), event("edx.forum.thread.viewed", event={"id": "t2"})),
    )
    for several in pairs_of_one_moment:
        made = told(*several)
        assert len({each["id"] for each in made}) == len({each["object"]["id"] for each in made}) == 2
        assert len({(each["verb"]["id"], each["timestamp"]) for each in made}) == 1


def test_the_browsers_own_problem_check_is_no_answer_even_without_a_source() -> None:
    assert told(event("problem_check", event="input_1_2_1=choice_2")) == []
    assert told(event("problem_check", event="input_1_2_1=choice_2", event_source=None)) == []


# --- who ---------------------------------------------------------------------------------------------------------------------------------


def test_an_empty_user_name_falls_back_on_the_id_in_the_event() -> None:
    grade = {"user_id": "7", "course_id": COURSE}
    by_task = event("edx.course.grade.now_passed", username="", session="", context={"course_id": COURSE}, event=grade)
    [task], [click] = told(by_task), told(event())
    assert task["actor"] == click["actor"]


def test_the_learner_counts_and_not_who_set_it_off() -> None:
    source = made()
    enrolled = event("edx.course.enrollment.activated", event={"user_id": 12, "course_id": COURSE, "mode": "audit"})
    clerk = Directory([
        Employee("clerk", platform_ids=(("openedx", "anna"),)),
        Employee("learner", platform_ids=(("openedx", "12"),)),
    ])
    [statement] = told(enrolled, source=source, directory=clerk)
    [click] = told(event(), source=source, directory=clerk)
    assert statement["actor"] != click["actor"], "anna is the user name of who enrolled, not of user 12"
    assert "5e55" not in json.dumps(statement), "nor is the session the learner's"
    assert statement["context"]["extensions"][extension("initiator")] == "assigned"
    [own] = told(event("edx.course.enrollment.activated", event={"user_id": "7", "course_id": COURSE}))
    assert own["context"]["extensions"][extension("initiator")] == "self"
    assert statement["actor"]["account"]["homePage"].startswith("https://people.")


@pytest.mark.parametrize("known", ["7", "anna"])
def test_the_directory_may_know_the_id_or_the_user_name(known: str) -> None:
    [statement] = told(event(), directory=Directory([Employee("E1", platform_ids=(("openedx", known),))]))
    assert statement["actor"]["account"]["homePage"].startswith("https://people.")


def test_an_excluded_user_name_is_left_out_though_the_id_is_unknown() -> None:
    assert told(event(), directory=Directory(excluded_accounts=[("openedx", "anna")])) == []


def test_an_event_of_a_visitor_is_quarantined() -> None:
    source = made()
    _, [outcome] = mapped(source, landed(source, list(source.read(event(username="", context={"course_id": COURSE})))))
    assert isinstance(outcome, Quarantined)


# --- how events are written ------------------------------------------------------------------------------------------------------------------


def test_data_that_is_a_text_is_read_as_what_it_says() -> None:
    assert told(event(event=json.dumps({"id": "abc", "currentTime": 1.5}))) == told(event())


def test_a_log_and_event_tracking_tell_the_same_event_with_the_same_id() -> None:
    context = {"course_id": COURSE, "user_id": 7, "username": "anna", "session": "5e55"}
    tracked = {
        "name": "play_video",
        "timestamp": "2026-11-03T09:00:00.123456Z",
        "context": context,
        "data": {"id": "abc", "currentTime": 1.5},
    }
    assert told(tracked) == told(event())


def test_the_order_of_fields_and_fields_that_nobody_reads_change_nothing() -> None:
    shuffled = dict(reversed(event(ip="10.0.0.1", page="x").items()))
    assert told(shuffled) == told(event())


def test_a_line_may_have_the_loggers_prefix() -> None:
    source, line = made(), json.dumps(event()).encode()
    prefix = b"2026-11-03 10:00:00,123 INFO 20 [tracking] [user 7] [ip 10.0.0.1] logger.py:41 - "
    assert (
        list(source.read(source.parse(prefix + line)))
        == list(source.read(source.parse(line)))
        == list(source.read(event()))
    )


@pytest.mark.parametrize(
    "line", [b"", b"no brace", b"{", b'{"name": "play_video", "context": {"cour', b"Traceback (most recent call last):"]
)
def test_a_broken_line_is_no_event(line: bytes) -> None:
    with pytest.raises(ValueError):
        made().parse(line)


@pytest.mark.parametrize(
    "payload",
    [
        event(time=None),
        event(event_type=None, name="edx.x", time=None, timestamp="2026-11-03T09:00:00Z"),
        {"name": "x"},
    ],
)
def test_an_event_without_time_is_refused_also_when_nothing_would_be_made_of_it(payload: Any) -> None:
    with pytest.raises(BadRecord, match="without time"):
        list(made().read(payload))


@pytest.mark.parametrize(
    ("given", "stated"),
    [
        ("2026-11-03T09:00:00.123456+00:00", "2026-11-03T09:00:00.123456Z"),
        ("2026-11-03T09:00:00.5Z", "2026-11-03T09:00:00.500000Z"),
        ("2026-11-03T10:00:00+01:00", "2026-11-03T09:00:00Z"),
        ("2013-10-07T20:12:34", "2013-10-07T20:12:34Z"),
    ],
)
def test_times_are_kept_to_the_microsecond_in_utc(given: str, stated: str) -> None:
    [statement] = told(event(time=given))
    assert statement["timestamp"] == stated


def test_a_time_that_is_none_is_quarantined() -> None:
    source = made()
    _, [outcome] = mapped(source, landed(source, list(source.read(event(time="2026-13-45T09:00:00.000000+00:00")))))
    assert isinstance(outcome, Quarantined)
    assert "timestamp" in outcome.reason


@pytest.mark.parametrize("block", ["abc", f"{COURSE.replace('course', 'block')}+type@video+block@abc"])
def test_a_video_has_one_address_whichever_player_tells_of_it(block: str) -> None:
    [statement] = told(event(event={"id": block, "currentTime": 1}))
    assert (
        statement["object"]["id"] == "http://localhost:18000/xblock/block-v1:edX+DemoX+Demo_Course+type@video+block@abc"
    )


def test_a_platform_that_moved_keeps_its_ids() -> None:
    before, after = told(event()), told(event(), source=made("https://new.example", tenant="http://localhost:18000"))
    assert before == after


# --- what is not kept --------------------------------------------------------------------------------------------------------------------------


def answered(kind: str, answer: Any) -> dict[str, Any]:
    submission = {"p_2_1": {"question": "?", "answer": answer, "response_type": kind, "correct": True}}
    return event(
        "problem_check", event_source="server",
        event={"problem_id": "block-v1:a+type@problem+block@p", "grade": 1, "max_grade": 1, "success": "correct", "submission": submission},
    )  # fmt: skip


def test_what_was_typed_is_never_kept_and_what_was_chosen_only_when_wanted() -> None:
    source = made(answers=True)
    for typed in ("stringresponse", "numericalresponse", "formularesponse", "customresponse"):
        [record] = landed(source, list(source.read(answered(typed, "my own words"))))
        assert "my own words" not in json.dumps(record)
    assert told(answered("optionresponse", "blue"), source=made(answers=True))[0]["result"]["response"] == "blue"
    assert "response" not in told(answered("optionresponse", "blue"))[0]["result"]


@pytest.mark.parametrize(
    "target", ["mailto:anna@example.org", "javascript:void(0)", "http://x.example/u/anna", "http://x.example/u/anna/", "http://x.example/?q", None]
)  # fmt: skip
def test_a_link_to_a_person_is_passed_over(target: Any) -> None:
    found = told(event("edx.ui.lms.link_clicked", event={"target_url": target}))
    assert bool(found) == (target == "http://x.example/?q")


def test_an_address_in_a_link_is_cut_off_and_what_no_address_may_hold_is_escaped() -> None:
    def link(target: str) -> str:
        return str(told(event("edx.ui.lms.link_clicked", event={"target_url": target}))[0]["object"]["id"])

    assert link("https://x.example/form?mail=anna%40example.org") == "https://x.example/form"
    assert link('https://x.example/a b?q="c"') == "https://x.example/a%20b?q=%22c%22"
    kept = (
        "http://x.example/c/?activate_block_id=block-v1%3AedX%2BDemoX%2BDemo_Course%2Btype%40sequential%2Bblock%40abc"
    )
    assert link(kept) == kept


def test_courses_that_are_not_read_are_ignored_with_a_reason() -> None:
    source = made(courses=["course-v1:Other+*"])
    mapper, outcomes = mapped(source, landed(source, list(source.read(event()))))
    assert outcomes == []
    assert mapper.counts.ignored == {"course that is not read": 1}


def test_a_mandatory_course_says_so() -> None:
    [statement] = told(event(), source=made(mandatory_courses=["course-v1:edX+DemoX+*"]))
    assert {"initiator": "assigned", "mandatory": True}.items() <= {
        iri.rsplit("/", 1)[1]: value for iri, value in statement["context"]["extensions"].items()
    }.items()


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Firefox/128.0", "desktop"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148", "mobile"),
        ("Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/128.0 Mobile Safari/537.36", "mobile"),
        ("Mozilla/5.0 (Linux; Android 14; SM-X710) Chrome/128.0 Safari/537.36", "tablet"),
        ("Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X)", "tablet"),
        ("Dalvik/2.1.0 edX/org.edx.mobile/5.1", "mobile"),
        ("python-requests/2.32", None),
        ("", None),
    ],
)
def test_of_a_browser_only_the_kind_of_device_is_kept(agent: str, device: str | None) -> None:
    source = made()
    [record] = landed(source, list(source.read(event(agent=agent))))
    assert record["device"] == device
    assert not agent or agent not in json.dumps(record)


# --- conversations, votes, bookmarks -------------------------------------------------------------------------------------------------------------


def test_a_deleted_post_is_taken_back_under_the_key_that_made_it() -> None:
    source = made()
    post = event(
        "edx.forum.thread.created",
        event_source="server",
        event={"id": "t1", "thread_type": "discussion", "title": "x", "body": "y"},
    )
    gone = event(
        "edx.forum.thread.deleted", event_source="server", event={"id": "t1"}, time="2026-11-03T10:00:00+00:00"
    )
    _, outcomes = mapped(source, landed(source, [*source.read(post), *source.read(gone)]))
    [said] = [each for each in statements_of(outcomes) if verb_of(each) == "posted"]
    [back] = [each for each in outcomes if isinstance(each, Retracted)]
    assert back.key == said["context"]["extensions"][extension("record")]


def test_a_vote_and_its_undoing_are_about_one_fact() -> None:
    source = made()
    votes = [
        event("edx.forum.response.voted", event={"id": "r1", "vote_value": "up", "undo_vote": undone})
        for undone in (False, True)
    ]
    _, [cast, back] = mapped(source, landed(source, [r for each in votes for r in source.read(each)]))
    assert isinstance(back, Retracted)
    assert back.key == cast["context"]["extensions"][extension("record")]  # type: ignore[index]


def test_a_thread_is_asked_by_its_type_or_by_its_text_and_replies_name_what_they_answer() -> None:
    def verb(name: str, **data: Any) -> str:
        return verb_of(told(event(name, event={"id": "x", "title": "", "body": "", **data}))[0])

    assert verb("edx.forum.thread.created", thread_type="question") == "asked"
    assert verb("edx.forum.thread.created", thread_type="discussion", body="Weet iemand hoe dit werkt?") == "asked"
    assert verb("edx.forum.thread.created", thread_type="discussion", body="Hier is mijn verslag.") == "posted"
    assert verb("edx.forum.response.created", discussion={"id": "t"}) == "replied"


# --- files -----------------------------------------------------------------------------------------------------------------------------------------


def write(path: Path, *lines: Any) -> Path:
    text = "\n".join(each if isinstance(each, str) else json.dumps(each) for each in lines) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def at(time: str) -> dict[str, Any]:
    return event(time=f"2025-11-{time}+00:00")


def test_a_window_takes_what_happened_in_it_from_plain_and_packed_files(tmp_path: Path) -> None:
    write(tmp_path / "tracking.log-20251104-1.gz", at("02T23:59:59.999999"), at("03T00:00:00.000000"))
    write(tmp_path / "tracking.log", at("04T23:59:59.999999"), at("05T00:00:00.000000"))
    assert sorted(record["time"] for record in pulled(tmp_path)) == [
        "2025-11-03T00:00:00.000000Z",
        "2025-11-04T23:59:59.999999Z",
    ]


def test_a_file_that_did_not_change_since_the_window_began_is_not_opened(tmp_path: Path) -> None:
    old = write(tmp_path / "tracking.log-old", at("03T10:00:00.000000"))
    assert len(pulled(tmp_path)) == 1
    os.utime(old, (WINDOW.start.timestamp() - 1,) * 2)
    assert pulled(tmp_path) == []


def test_malformed_lines_go_to_quarantine_with_file_and_line_and_the_rest_goes_on(tmp_path: Path) -> None:
    log = write(
        tmp_path / "tracking.log",
        at("03T10:00:00.000000"),
        '{"name": "play_vi',
        event(time=None),
        at("03T11:00:00.000000"),
    )
    records = pulled(log)
    source = made()
    mapper, outcomes = mapped(source, landed(source, records))
    assert [each.reason for each in outcomes if isinstance(each, Quarantined)] == [
        "tracking.log line 2: the line is no JSON",
        "tracking.log line 3: an event without time",
    ]
    assert len(statements_of(outcomes)) == 2
    assert mapper.counts.balances


def test_a_broken_line_outside_the_window_is_not_reported_again(tmp_path: Path) -> None:
    log = write(tmp_path / "tracking.log", at("01T10:00:00.000000"), "{broken", at("03T11:00:00.000000"))
    assert [record.kind for record in pulled(log)] == ["video"]


def test_a_damaged_file_is_reported_and_the_others_are_read(tmp_path: Path) -> None:
    whole = gzip.compress((json.dumps(at("03T10:00:00.000000")) + "\n").encode() * 50)
    (tmp_path / "a.gz").write_bytes(whole[: len(whole) // 2])
    write(tmp_path / "b.log", at("03T11:00:00.000000"))
    kinds = [record.kind for record in pulled(tmp_path)]
    assert "line" in kinds
    assert "video" in kinds


def test_a_log_that_was_copied_gives_the_same_ids(tmp_path: Path) -> None:
    for name in ("tracking.log", "tracking.log.copy"):
        write(tmp_path / name, at("03T10:00:00.000000"))
    source = made()
    statements = statements_of(mapped(source, landed(source, pulled(tmp_path)))[1])
    assert len(statements) == 2
    assert statements[0] == statements[1]


def test_a_missing_file_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        pulled(tmp_path / "nothing.log")


def test_the_check_tells_files_and_the_newest_event() -> None:
    source = completed(OpenEdx, {"host": HOST, "files": [str(LOGS / "tracking.log*")]})
    with source.api() as api:
        assert re.fullmatch(r"2 log files; the newest event of the last one is of 2025-11-0\dT.*Z", source.check(api))


# --- laws -----------------------------------------------------------------------------------------------------------------------------------------------

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(name=st.sampled_from(sorted(KINDS)), data=st.dictionaries(st.sampled_from(["id", "problem_id", "course_id", "completion", "submission", "user_id", "discussion", "body"]), JUNK, max_size=5), changes=st.dictionaries(st.sampled_from(["context", "session", "agent", "username", "event_source", "time"]), JUNK, max_size=3))  # fmt: skip
def test_whatever_an_event_holds_it_ends_once_and_what_is_stated_is_valid(name: str, data: Any, changes: Any) -> None:
    source = made()
    try:
        records = list(source.read(event(name, event=data) | changes))
    except (BadRecord, ValueError, TypeError, AttributeError, KeyError):
        return
    mapper, outcomes = mapped(source, [source.minimise(record, KEY) for record in records])
    assert mapper.counts.balances
    for each in statements_of(outcomes):
        validate(each)


# --- beside the peer ------------------------------------------------------------------------------------------------------------------------------------


def pairs_of_the_peer(shared: Path) -> Iterator[tuple[str, Any, list[dict[str, Any]]]]:
    folder = shared / "peers" / "openedx"
    for raw in sorted((folder / "raw").glob("*.json")):
        expected = json.loads((folder / "expected" / raw.name).read_text(encoding="utf-8"))
        yield (
            raw.stem,
            json.loads(raw.read_text(encoding="utf-8")),
            expected if isinstance(expected, list) else [expected],
        )


def facts(statement: dict[str, Any] | None) -> dict[str, Any]:
    """What is compared: verb, object, its kind and type, parent, moment, and every part of the result; lengths as seconds."""
    if statement is None:
        return {"statement": "none"}
    result, thing = statement.get("result", {}), statement["object"]
    parents = statement.get("context", {}).get("contextActivities", {}).get("parent", [])
    found = {
        "verb": statement["verb"]["id"],
        "object": thing["id"],
        "object kind": thing.get("objectType", "Activity"),
        "type": thing.get("definition", {}).get("type"),
        "parent": parents[0]["id"] if parents else None,
        "timestamp": datetime.fromisoformat(statement["timestamp"]),
    }
    found |= {f"result.{name}": result[name] for name in ("success", "completion", "response") if name in result}
    found |= {f"result.score.{name}": value for name, value in result.get("score", {}).items()}
    found |= {
        f"result.extensions.{iri.rsplit('/', 1)[1]}": value for iri, value in result.get("extensions", {}).items()
    }
    if "duration" in result:
        found["result.duration"] = isodate.parse_duration(result["duration"]).total_seconds()
    return found


def test_every_pair_of_the_peer_is_equal_but_for_the_differences_that_the_document_lists(shared: Path) -> None:
    """The document lists exactly the differences that exist: (event, what is compared)."""
    found: set[tuple[str, str]] = set()
    compared = 0
    for name, raw, expected in pairs_of_the_peer(shared):
        ours = told(raw, source=made(answers=True))
        assert len(ours) in {0, len(expected)}, name
        for number, theirs in enumerate(expected):
            mine, other = facts(ours[number] if ours else None), facts(theirs if ours else None)
            if not ours:
                mine, other = {"statement": "none"}, {"statement": "one"}
            compared += len(mine.keys() | other.keys())
            found |= {(name, what) for what in mine.keys() | other.keys() if mine.get(what) != other.get(what)}
    table = re.findall(
        r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|$",
        (ROOT / "docs" / "openedx-differences.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    listed = {(name, what.strip()) for name, parts, _ in table for what in parts.split(",")}
    assert found == listed
    assert all(len(reason.strip()) > 7 for _, _, reason in table), "each difference has its reason"
    assert compared > 300


@pytest.mark.parametrize("name", ["postion_changed_video", "play_video.required.only.data", "edx.video.closed_captions.hidden.null.duration", "edx.grades.problem.submitted.weighted_possible_null"])  # fmt: skip
def test_what_the_peer_has_no_statement_for_is_stated(shared: Path, name: str) -> None:
    raw = json.loads(
        (shared / "peers" / "openedx" / "raw_without_expected" / f"{name}.json").read_text(encoding="utf-8")
    )
    [statement] = told(raw)
    validate(statement)


def test_the_words_of_the_other_peers_video_statements_are_ours(shared: Path) -> None:
    """ralph's sample of a MOOC: each of its verbs and types is one that we write for the same events."""
    with gzip.open(shared / "peers" / "ralph" / "video-statements-sample.jsonl.gz") as stream:
        theirs = [json.loads(line) for line in stream]
    clip = {
        "id": "abc",
        "currentTime": 1,
        "duration": 9,
        "old_time": 1,
        "new_time": 2,
        "old_speed": "1.0",
        "new_speed": "1.5",
    }
    ours = told(*(event(name, event=clip) for name in KINDS if KINDS[name] == "video"))
    strange = {each["verb"]["id"] for each in theirs} - {each["verb"]["id"] for each in ours}
    assert strange == {verbs.DOWNLOADED.iri}, "of a player that Open edX's logs do not know"
    assert {each["object"]["definition"]["type"] for each in theirs} <= {types.VIDEO}
