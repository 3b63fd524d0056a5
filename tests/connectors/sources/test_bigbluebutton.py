"""BigBlueButton: the contract of all sources, the vendor's own 19 statements, and persons by id, never by name."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from source_contract import (
    KEY,
    RECORDINGS,
    SourceContract,
    check_pair,
    completed,
    landed,
    mapped,
    pairs,
    people_of,
    statements_of,
)

from connectors.mapping import Mapper
from connectors.source import Window
from connectors.sources.bigbluebutton import BigBlueButton
from leerstroom.errors import BadRecord, CredentialsRefused, UnexpectedShape
from leerstroom.people import Directory, Employee
from leerstroom.replay import Running, running
from leerstroom.statements import types, verbs
from leerstroom.statements.vocabulary import EXTENSION_BASE, canonical_verb

SHARED = Path(__file__).resolve().parents[4] / "shared"
FIELDS = {
    "secret": "a-shared-secret-of-the-test-server",
    "published": ["/learning/{meeting}/learning_dashboard_data.json", "/learning/{meeting}/events.xml"],
}
WINDOW = Window(datetime(2026, 10, 26, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC))


class TestBigBlueButton(SourceContract):
    source = BigBlueButton
    fields = FIELDS
    recordings = RECORDINGS / "bigbluebutton"
    window = WINDOW
    clock = datetime(2026, 11, 24, tzinfo=UTC)
    names = ("Samira Haddou", "Piet de Boer", "Trainer Ooms", "oud dossier", "geavanceerd zoeken", "Nog niet")


@pytest.mark.parametrize("pair", pairs("bigbluebutton"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(BigBlueButton, pair)


@pytest.fixture
def source() -> BigBlueButton:
    return completed(BigBlueButton, {"host": "https://bbb.example.com"})


def outcomes(source: BigBlueButton, *payloads: Any, directory: Directory | None = None) -> tuple[Mapper, list]:
    mapper = Mapper(source, people_of(source, directory))
    read = [
        source.read_document(each, "events.xml") if isinstance(each, bytes) else source.read(each) for each in payloads
    ]
    return mapper, list(mapper.statements([source.minimise(record, KEY) for records in read for record in records]))


def extension(statement: dict[str, Any], name: str) -> Any:
    return statement["context"]["extensions"].get(EXTENSION_BASE + name)


# --- the vendor's own exporter ---------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not (SHARED / "peers" / "bigbluebutton").exists(), reason="the vendor's events are not here")
def test_the_events_of_the_vendor_give_its_19_statements_with_ids_of_persons(source: BigBlueButton) -> None:
    folder = SHARED / "peers" / "bigbluebutton"
    lines = (folder / "mapped-events.jsonl").read_text(encoding="utf-8").splitlines()
    theirs = {
        (each["line"], each["statement"]["verb"]["id"], each["statement"]["object"]["definition"]["type"])
        for each in json.loads((folder / "peer-statements.json").read_text(encoding="utf-8"))
    }
    records = [(number, record) for number, line in enumerate(lines, 1) for record in source.read(json.loads(line))]
    line_of = {source.minimise(record, KEY).key: number for number, record in records}
    mapper = Mapper(source, people_of(source))
    kept = [source.minimise(record, KEY) for _, record in records]
    made = list(mapper.statements(kept))
    keys = {_record_id(source, record.key): line_of[record.key] for record in kept}
    ours = {
        (keys[extension(each, "record")], each["verb"]["id"], each["object"]["definition"]["type"]) for each in made
    }
    assert len(made) == 19
    assert ours == theirs
    assert mapper.counts.ignored.total() == 5
    assert "John Doe" not in json.dumps(made)
    by_person = {each["actor"]["account"]["name"] for each in made} - {"bigbluebutton"}
    assert by_person == {KEY.account(source.tenant, "w_xfsb9gxtlfom"), KEY.account(source.tenant, "w_uxw0dzhtvk0l")}


def _record_id(source: BigBlueButton, key: str) -> str:
    from leerstroom.statements import record_id

    return record_id(source.name, source.tenant, f"event\x1f{key}")


@pytest.mark.skipif(not (SHARED / "recordings" / "bigbluebutton").exists(), reason="the vendor's payloads are not here")
def test_everything_that_the_vendor_documents_is_read(source: BigBlueButton) -> None:
    folder = SHARED / "recordings" / "bigbluebutton"
    payloads = [
        path.read_bytes() for path in [*(folder / "events_xml").glob("*.xml"), *(folder / "api_xml").glob("get*.xml")]
    ]
    payloads += [
        json.loads(line) for path in (folder / "webhooks").glob("*.jsonl") for line in path.read_text().splitlines()
    ]
    mapper, made = outcomes(source, *payloads)
    assert mapper.counts.quarantined.total() == 0
    assert mapper.counts.balances
    assert len(made) >= 2 * 19


def test_sharing_a_screen_has_the_iri_of_the_profile_and_is_read_as_shared() -> None:
    assert canonical_verb("http://activitystrea.ms/share") == "shared"


# --- attendance ----------------------------------------------------------------------------------------------------------------

START = 1_790_845_200_000  # 2026-10-01 09:00 UTC


def session(start: int, end: int | None) -> dict[str, int]:
    return {"registeredOn": START + start * 1000, "leftOn": 0 if end is None else START + end * 1000}


def dashboard(*users: tuple[str, str, dict[str, Any]], **more: Any) -> dict[str, Any]:
    """A learning dashboard of an hour; users are (external id, name, {internal id: visit})."""
    made = {
        f"u{number}": {"extId": external, "name": name, "isModerator": False, "intIds": visits}
        for number, (external, name, visits) in enumerate(users)
    }
    return {"intId": f"m-{START}", "extId": "room", "name": "Webinar", "users": made, "polls": {}, "createdOn": START, "endedOn": START + 3_600_000, **more}  # fmt: skip


def visit(internal: str, *sessions: dict[str, int]) -> dict[str, Any]:
    return {internal: {"intId": internal, "sessions": list(sessions)}}


def seconds(made: list[Any]) -> dict[str, str]:
    return {each["actor"]["account"]["name"]: each["result"]["duration"] for each in statements_of(made)}


@pytest.mark.skipif(not (SHARED / "recordings" / "bigbluebutton").exists(), reason="the worked example is not here")
def test_the_worked_numbers_come_out(source: BigBlueButton) -> None:
    file = SHARED / "recordings" / "bigbluebutton" / "learning_dashboard_data.SYNTHETIC.json"
    _, made = outcomes(source, json.loads(file.read_text(encoding="utf-8")))
    got = seconds([each for each in made if each["verb"]["id"] == verbs.ATTENDED.iri])
    wanted = {"e1001": "PT58M", "e1002": "PT53M20S", "w_c1": "PT54M50S", "e1003": "PT1H"}
    assert got == {KEY.account(source.tenant, who): length for who, length in wanted.items()}


def test_two_sessions_under_two_internal_ids_are_one_person(source: BigBlueButton) -> None:
    visits = visit("w_a1", session(0, 1200)) | visit("w_a2", session(1320, 3600))
    _, made = outcomes(source, dashboard(("e1001", "Fatima", visits)))
    assert seconds(made) == {KEY.account(source.tenant, "e1001"): "PT58M"}
    assert made[0]["timestamp"] == "2026-10-01T10:00:00.000Z"


def test_two_meetings_under_one_external_id_stay_two(source: BigBlueButton) -> None:
    stay = ("e1001", "Fatima", visit("w_a1", session(0, 600)))
    _, made = outcomes(source, dashboard(stay), dashboard(stay, intId=f"m-{START + 1}"))
    assert len({each["object"]["id"] for each in statements_of(made)}) == 2
    assert len({each["context"]["registration"] for each in statements_of(made)}) == 2


def test_an_external_id_that_is_the_internal_one_names_nobody_of_the_directory(source: BigBlueButton) -> None:
    directory = Directory([Employee("E1", emails=("a@x.nl",))])
    _, made = outcomes(source, dashboard(("w_a1", "Anna", visit("w_a1", session(0, 600)))), directory=directory)
    assert {each["actor"]["account"]["homePage"] for each in statements_of(made)} == {source.tenant}


def test_two_people_of_one_name_stay_two(source: BigBlueButton) -> None:
    people = [(f"w_{each}", "Jan Jansen", visit(f"w_{each}", session(0, 600))) for each in ("c1", "c2")]
    _, made = outcomes(source, dashboard(*people))
    assert len(seconds(made)) == 2


def test_who_was_still_in_when_the_meeting_ended_left_then(source: BigBlueButton) -> None:
    _, made = outcomes(source, dashboard(("e1", "A", visit("w_a", session(310, None)))))
    assert list(seconds(made).values()) == ["PT54M50S"]


def test_a_meeting_that_still_runs_gives_no_attendance_yet(source: BigBlueButton) -> None:
    mapper, made = outcomes(source, dashboard(("e1", "A", visit("w_a", session(310, None))), endedOn=0))
    assert made == []
    assert mapper.counts.ignored == {"the meeting still runs": 1}


def test_the_older_forms_of_a_dashboard_are_read_alike(source: BigBlueButton) -> None:
    newest = dashboard(("e1", "A", visit("w_a", session(0, 1200))))
    older = dashboard(("e1", "A", {"w_a": {"intId": "w_a", **session(0, 1200)}}))
    oldest = dashboard()
    oldest["users"] = {"w_a": {"intId": "w_a", "extId": "e1", "isModerator": False, **session(0, 1200)}}
    told = [[json.dumps(each) for each in outcomes(source, payload)[1]] for payload in (newest, older, oldest)]
    assert told[0] == told[1] == told[2]
    assert len(told[0]) == 1


def test_the_external_id_leads_to_the_employee(source: BigBlueButton) -> None:
    directory = Directory([Employee("E7", platform_ids=(("bigbluebutton", "e1001"),))])
    _, made = outcomes(source, dashboard(("e1001", "A", visit("w_a", session(0, 1200)))), directory=directory)
    assert made[0]["actor"]["account"]["name"] == KEY.actor("E7")


def test_an_external_id_that_is_an_address_leads_to_the_employee_and_does_not_land(source: BigBlueButton) -> None:
    directory = Directory([Employee("E7", emails=("anna@x.nl",))])
    payload = dashboard(("anna@x.nl", "A", visit("w_a", session(0, 1200))))
    _, made = outcomes(source, payload, directory=directory)
    assert made[0]["actor"]["account"]["name"] == KEY.actor("E7")
    assert "anna" not in json.dumps(landed(source, list(source.read(payload))))


def test_a_moderator_is_told_apart(source: BigBlueButton) -> None:
    payload = dashboard(("e1", "A", visit("w_a", session(0, 1200))))
    payload["users"]["u0"]["isModerator"] = True
    assert extension(outcomes(source, payload)[1][0], "actor-role") == "moderator"


def test_the_analytics_callback_gives_attendance_too(source: BigBlueButton) -> None:
    attendee = {
        "ext_user_id": "e1",
        "name": "Anna",
        "moderator": False,
        "joins": ["2026-10-01T09:00:00.000+00:00", "2026-10-01T09:30:00.000+00:00"],
        "leaves": ["2026-10-01T09:20:00.000+00:00"],
    }
    data = {"metadata": {"meetingName": "Webinar"}, "finish": "2026-10-01T10:00:00.000+00:00", "attendees": [attendee]}
    payload = {"version": "1.0", "meeting_id": "room", "internal_meeting_id": f"m-{START}", "data": data}
    _, made = outcomes(source, payload)
    assert list(seconds(made).values()) == ["PT50M"]
    assert made[0]["object"] == outcomes(source, dashboard(("e1", "A", visit("w_a", session(0, 1200)))))[1][0]["object"]


# --- events.xml ----------------------------------------------------------------------------------------------------------------


def events_xml(*events: tuple[int, str, str, str], breakout: str = "false", old: bool = False) -> bytes:
    """Events as (second, module, name, children)."""
    told = "".join(
        f'<event timestamp="{900_000 + at * 1000}" module="{module}" eventname="{name}">{inside}'
        + ("" if old else f"<timestampUTC>{START + at * 1000}</timestampUTC>")
        + "</event>"
        for at, module, name, inside in events
    )
    head = f'<meeting id="m-{START}" externalId="room" name="Webinar" breakout="{breakout}"/>'
    return f'<recording meeting_id="m-{START}">{head}{told}</recording>'.encode()


def joins(at: int, internal: str, external: str) -> tuple[int, str, str, str]:
    inside = f"<userId>{internal}</userId><externalUserId>{external}</externalUserId><role>VIEWER</role>"
    return at, "PARTICIPANT", "ParticipantJoinEvent", inside


END = (3600, "PARTICIPANT", "EndAndKickAllEvent", "")


def test_leaving_the_voice_conference_is_not_leaving_the_meeting(source: BigBlueButton) -> None:
    hangs_up = (600, "VOICE", "ParticipantLeftEvent", "<participant>w_a</participant>")
    _, made = outcomes(source, events_xml(joins(0, "w_a", "e1"), hangs_up, END))
    assert list(seconds(made).values()) == ["PT1H"]


def test_events_without_a_time_of_day_are_counted_from_the_begin_of_the_meeting(source: BigBlueButton) -> None:
    _, old = outcomes(source, events_xml(joins(0, "w_a", "e1"), END, old=True))
    _, new = outcomes(source, events_xml(joins(0, "w_a", "e1"), END))
    assert json.dumps(old) == json.dumps(new)
    assert new[0]["timestamp"] == "2026-10-01T10:00:00.000Z"


def test_a_message_is_stated_of_the_external_id_and_a_question_is_asked(source: BigBlueButton) -> None:
    said = (60, "CHAT", "PublicChatEvent", "<senderId>w_a</senderId><message>Hoe werkt dit?</message>")
    _, made = outcomes(source, events_xml(joins(0, "w_a", "e1"), said, END))
    [asked] = [each for each in made if each["verb"]["id"] == verbs.ASKED.iri]
    assert asked["actor"]["account"]["name"] == KEY.account(source.tenant, "e1")
    assert extension(asked, "rule") == "question-in-text"
    assert "Hoe werkt" not in json.dumps(made)


def test_a_vote_in_an_anonymous_poll_stays_anonymous(source: BigBlueButton) -> None:
    poll = (60, "POLL", "PollStartedRecordEvent", "<pollId>p1</pollId><secretPoll>true</secretPoll>")
    vote = (
        70,
        "POLL",
        "UserRespondedToPollRecordEvent",
        "<pollId>p1</pollId><userId>w_a</userId><answerId>0</answerId>",
    )
    mapper, made = outcomes(source, events_xml(joins(0, "w_a", "e1"), poll, vote, END))
    assert verbs.ANSWERED.iri not in {each["verb"]["id"] for each in statements_of(made)}
    assert mapper.counts.ignored["vote in an anonymous poll"] == 1


def test_a_breakout_room_is_not_counted_beside_the_main_room(source: BigBlueButton) -> None:
    mapper, made = outcomes(source, events_xml(joins(0, "w_a", "e1"), END, breakout="true"))
    assert made == []
    assert mapper.counts.ignored == {"breakout room: its people are in the main room too": 1}


@pytest.mark.parametrize(
    "text",
    [
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><recording><meeting id="&b;"/></recording>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><recording/>',
        b"<recording><event></recording>",
        b"<html><body>404</body></html>",
    ],
)
def test_xml_that_is_broken_or_built_to_do_harm_is_a_bad_record(source: BigBlueButton, text: bytes) -> None:
    with pytest.raises(BadRecord):
        list(source.read_document(text, "events.xml"))


# --- webhooks ------------------------------------------------------------------------------------------------------------------


def hook(event: str, at: int, visit: str = "", meeting: str = f"m-{START}", **told: Any) -> dict[str, Any]:
    attributes: dict[str, Any] = {"meeting": {"internal-meeting-id": meeting, "external-meeting-id": "room"}, **told}
    if visit:
        attributes["user"] = {"internal-user-id": visit, "external-user-id": f"ext-{visit}", **told.get("user", {})}
    return {"data": {"type": "event", "id": event, "attributes": attributes, "event": {"ts": START + at * 1000}}}


def chat(room: str, sender: str) -> dict[str, Any]:
    message = {"id": "1-a", "message": "tussen ons", "sender": {"internal-user-id": sender, "time": START + 60_000}}
    return hook("chat-group-message-sent", 60, **{"chat-message": message, "chat-id": room})


def test_a_message_that_names_a_visit_is_stated_of_the_person_behind_it(source: BigBlueButton) -> None:
    _, made = outcomes(source, hook("user-joined", 0, "w_a"), chat("MAIN-PUBLIC-GROUP-CHAT", "w_a"))
    assert {each["actor"]["account"]["name"] for each in made} == {KEY.account(source.tenant, "ext-w_a")}


def test_private_chat_is_counted_and_nothing_of_it_is_kept(source: BigBlueButton) -> None:
    mapper, made = outcomes(source, chat("w_a-w_b", "w_a"))
    assert made == []
    assert mapper.counts.ignored == {"private chat": 1}
    [kept] = landed(source, list(source.read(chat("w_a-w_b", "w_a"))))
    assert kept.keys() == {"occurrence", "meeting", "event", "at", "is_private"}


def test_a_webhook_that_is_sent_twice_gives_one_fact(source: BigBlueButton) -> None:
    _, made = outcomes(source, hook("user-joined", 0, "w_a"), hook("user-joined", 0, "w_a"))
    assert made[0]["id"] == made[1]["id"]


def test_a_webhook_is_read_as_it_is_posted(source: BigBlueButton) -> None:
    posted = {"event": json.dumps([hook("user-joined", 0, "w_a"), hook("user-left", 60, "w_a")]), "timestamp": "1"}
    _, made = outcomes(source, posted)
    assert [each["verb"]["id"] for each in made] == [verbs.JOINED.iri, verbs.LEFT.iri]


def test_who_only_listens_has_started_no_microphone(source: BigBlueButton) -> None:
    mapper, made = outcomes(source, hook("user-audio-voice-enabled", 1, "w_a", user={"sharing-mic": False}))
    assert made == []
    assert mapper.counts.ignored == {"listens only": 1}


def test_in_raw_messages_the_voter_is_in_the_body_not_in_the_header(source: BigBlueButton) -> None:
    core = {
        "header": {"meetingId": f"m-{START}", "userId": "w_presenter"},
        "body": {"pollId": "p1", "userId": "w_voter", "answerIds": [0, 2]},
    }
    _, [made] = outcomes(source, {"envelope": {"name": "UserRespondedToPollRespMsg", "timestamp": START}, "core": core})
    assert made["actor"]["account"]["name"] == KEY.account(source.tenant, "w_voter")
    assert made["result"]["response"] == "0[,]2"
    assert made["object"]["definition"] == {"type": types["cmi.interaction"], "interactionType": "choice"}


# --- the API and files -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Any:
    with running(RECORDINGS, clock=datetime(2026, 11, 24, tzinfo=UTC), only=("bigbluebutton",)) as server:
        yield server


def pulled(fields: dict[str, Any], window: Window = WINDOW) -> list[Any]:
    source = completed(BigBlueButton, fields)
    with source.api() as api:
        return list(source.pull(api, window))


def test_a_wrong_secret_is_refused_though_the_server_says_200(server: Running) -> None:
    with pytest.raises(CredentialsRefused, match="checksumError") as caught:
        pulled({"host": f"{server.url}/bigbluebutton", **FIELDS, "secret": "wrong-secret-of-nobody"})
    assert "wrong-secret" not in str(caught.value)


def test_all_pages_of_recordings_are_read_and_each_with_the_file_that_exists(server: Running) -> None:
    records = pulled({"host": f"{server.url}/bigbluebutton", **FIELDS})
    assert [record.kind for record in records].count("meeting") == 3
    assert {record["occurrence"] for record in records if record.kind == "stay"} == {
        record["occurrence"] for record in records if record.kind == "meeting"
    }


def test_a_server_that_knows_no_pages_is_read_once() -> None:
    source = completed(BigBlueButton, {"host": "http://127.0.0.1:9", **FIELDS})
    from xml.etree.ElementTree import fromstring

    everything = fromstring(
        "<response><recordings><recording><recordID>r1</recordID></recording></recordings></response>"
    )
    asked = []

    class OldServer(BigBlueButton):
        def called(self, api: Any, call: str, query: Any) -> Any:
            asked.append(query["offset"])
            return everything

    assert len(list(OldServer(source.connection)._recordings(None))) == 1  # type: ignore[arg-type]
    assert asked == [0, 1]


def test_only_rooms_on_the_list_are_read(server: Running) -> None:
    records = pulled({"host": f"{server.url}/bigbluebutton", **FIELDS, "rooms": ["*archief*"]})
    assert {record["meeting"]["id"] for record in records} == {"room-archiefwet"}


def test_an_answer_of_another_server_is_told(server: Running) -> None:
    with pytest.raises(UnexpectedShape):
        pulled({"host": f"{server.url}/bigbluebutton/learning/x/y", **FIELDS})


def test_a_meeting_over_midnight_is_told_as_a_whole_from_two_files(tmp_path: Path) -> None:
    for name, hooks in (
        ("a.jsonl", [hook("user-joined", 0, "w_a")]),
        ("b.jsonl", [chat("MAIN-PUBLIC-GROUP-CHAT", "w_a"), hook("user-left", 900, "w_a"), hook("user-joined", 90_000, "w_b", "m2-1")]),
    ):  # fmt: skip
        (tmp_path / name).write_text("\n".join(json.dumps(each) for each in hooks), encoding="utf-8")
    fields = {"host": "http://127.0.0.1:9", "files": [f"{tmp_path}/*.jsonl"]}
    window = Window(datetime(2026, 10, 1, 9, 10, tzinfo=UTC), datetime(2026, 10, 2, tzinfo=UTC))
    records = pulled(fields, window)
    assert [record["event"] for record in records] == ["user-joined", "chat-group-message-sent", "user-left"]


def test_a_bad_line_and_a_bad_file_are_reported_and_the_rest_is_read(tmp_path: Path) -> None:
    (tmp_path / "hooks.jsonl").write_text(
        json.dumps(hook("user-joined", 0, "w_a")) + "\n{broken\n" + json.dumps(hook("user-left", 900, "w_a"))
    )
    (tmp_path / "events.xml").write_text("<recording>")
    source = completed(BigBlueButton, {"host": "http://127.0.0.1:9", "files": [f"{tmp_path}/*"]})
    window = Window(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 2, tzinfo=UTC))
    with source.api() as api:
        records = list(source.pull(api, window))
    mapper, made = mapped(source, landed(source, records))
    assert [each["verb"]["id"] for each in statements_of(made)] == [verbs.JOINED.iri, verbs.LEFT.iri]
    assert sorted(reason.split(":")[0] for reason in mapper.counts.quarantined) == ["events.xml", "hooks.jsonl line 2"]
