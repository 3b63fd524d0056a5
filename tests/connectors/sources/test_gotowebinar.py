"""GoTo Webinar: the contract of all sources, the vendor's own description of its API, and keys of 19 digits."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from source_contract import RECORDINGS, SourceContract, check_pair, completed, landed, mapped, pairs, statements_of
from vendor_contract import Contract, asked

from connectors.mapping import Mapper
from connectors.source import Record, Window
from connectors.sources.gotowebinar import GoToWebinar
from leerstroom.errors import BadRecord, CredentialsRefused, RateLimited
from leerstroom.people import Directory, Employee
from leerstroom.replay import Fault, Running, running
from leerstroom.statements import verbs
from leerstroom.statements.vocabulary import EXTENSION_BASE

OPENAPI = (
    Path(__file__).resolve().parents[4] / "shared/recordings/gotowebinar/gotowebinar-v2-openapi-reporting-subset.yml"
)
WINDOW = Window(datetime(2026, 10, 26, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC))
CLOCK = datetime(2026, 11, 24, tzinfo=UTC)
ORGANIZER = "4200112233445566778"


def connection(url: str | None) -> dict[str, Any]:
    where = url or "http://127.0.0.1:9"
    return {
        "host": f"{where}/G2W/rest/v2",
        "oauth_host": where,
        "client_id": "leerstroom",
        "client_secret": "a-client-secret-for-tests",
        "refresh_token": "a-refresh-token-for-tests",
        "organizers": [ORGANIZER],
        "requests_per_minute": 60_000,
    }


class TestGoToWebinar(SourceContract):
    source = GoToWebinar
    recordings = RECORDINGS / "gotowebinar"
    window = WINDOW
    clock = CLOCK
    paged = "/registrants"
    names = ("Achternaam", "deelbesluiten", "Past u de Woo", "termijn")

    def connection(self, url: str | None) -> dict[str, Any]:
        return connection(url)

    def test_a_limit_beyond_patience_is_told_with_its_length(self, wire: Running) -> None:
        """The vendor never says how long."""
        wire.faults.waiting[:] = [Fault("too_many", times=100)]
        source = self.made(wire)
        with source.api() as api:
            api._tries = 3
            with pytest.raises(RateLimited) as caught:
                list(source.pull(api, self.window))
        assert caught.value.retry_after_s is None


@pytest.mark.parametrize("pair", pairs("gotowebinar"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(GoToWebinar, pair)


@pytest.fixture
def source() -> GoToWebinar:
    return completed(GoToWebinar, connection(None))


@pytest.fixture
def server() -> Any:
    with running(RECORDINGS, clock=CLOCK, only=("gotowebinar",)) as server:
        yield server


def pulled(server: Running, window: Window = WINDOW, **fields: Any) -> list[Record]:
    source = completed(GoToWebinar, {**connection(f"{server.url}/gotowebinar"), **fields})
    with source.api() as api:
        return list(source.pull(api, window))


def outcomes(source: GoToWebinar, *payloads: Any, directory: Directory | None = None) -> tuple[Mapper, list]:
    records = [record for payload in payloads for record in source.read(payload)]
    return mapped(source, landed(source, records), directory)


def attendee(*times: tuple[int, int], key: Any = 5012345678901234567, email: str = "a@x.nl", session: int = 7) -> Any:
    intervals = [
        {"joinTime": f"2026-10-01T07:{a:02d}:00Z", "leaveTime": f"2026-10-01T07:{b:02d}:00Z"} for a, b in times
    ]
    return {"registrantKey": key, "email": email, "firstName": "A", "lastName": "B", "attendanceTimeInSeconds": 1, "sessionKey": session, "attendance": intervals}  # fmt: skip


def durations(made: list[Any]) -> list[str]:
    return [each["result"]["duration"] for each in statements_of(made)]


# --- the vendor's description -------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not OPENAPI.exists(), reason="the vendor's description is not here")
def test_every_call_is_one_that_the_vendor_describes(server: Running) -> None:
    source = completed(GoToWebinar, connection(f"{server.url}/gotowebinar"))
    with source.api() as api, asked(api) as requests:
        list(source.pull(api, WINDOW))
        source.check(api)
    assert {str(request.path_url).rsplit("/", 1)[-1].split("?")[0] for request in requests} == {
        "sessions",
        "attendees",
        "questions",
        "polls",
        "registrants",
    }
    assert Contract.read(OPENAPI).faults(requests) == []


@pytest.mark.skipif(not OPENAPI.exists(), reason="the vendor's description is not here")
def test_what_the_replay_answers_has_the_shapes_that_the_vendor_describes() -> None:
    import jsonschema_rs
    import yaml

    description = yaml.safe_load(OPENAPI.read_text(encoding="utf-8"))
    data = json.loads((RECORDINGS / "gotowebinar" / "server.json").read_text(encoding="utf-8"))
    sessions = [session for webinar in data["webinars"] for session in webinar["sessions"]]
    rows = {
        "Attendee": [row for session in sessions for row in session["attendees"]],
        "Registrant": [row for webinar in data["webinars"] for row in webinar["registrants"]],
        "AttendeeQuestion": [row for session in sessions for row in session["questions"]],
        "PollAnswer": [row for session in sessions for several in session["polls"].values() for row in several],
    }
    for name, several in rows.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": description["components"]}
        assert several
        assert all(jsonschema_rs.is_valid(schema, row) for row in several), name


# --- keys --------------------------------------------------------------------------------------------------------------------------


def test_a_key_beyond_2_to_the_53_keeps_all_its_digits(source: GoToWebinar) -> None:
    text = orjson.dumps(attendee((0, 20), key=5012345678901234567, email=""))
    [record] = source.read(orjson.loads(text))
    assert record["registrantKey"] == "5012345678901234567"
    neighbours = [attendee((0, 20), key=5012345678901234567 + more, email="") for more in (0, 1)]
    _, made = outcomes(source, *neighbours)
    assert len({each["actor"]["account"]["name"] for each in made}) == 2


def test_a_key_that_lost_its_digits_names_nobody(source: GoToWebinar) -> None:
    with pytest.raises(BadRecord, match="lost digits"):
        list(source.read(attendee((0, 20), key=5.012345678901235e18)))


def test_a_key_as_text_is_the_same_key(source: GoToWebinar) -> None:
    _, as_number = outcomes(source, attendee((0, 20), key=5012345678901234567))
    _, as_text = outcomes(source, attendee((0, 20), key="5012345678901234567"))
    assert json.dumps(as_number) == json.dumps(as_text)


# --- attendance ----------------------------------------------------------------------------------------------------------------


def test_the_union_of_the_intervals_counts_not_the_vendors_total(source: GoToWebinar) -> None:
    _, made = outcomes(source, attendee((0, 20), (10, 30), (40, 50)))
    assert durations(made) == ["PT40M"]
    assert made[0]["timestamp"] == "2026-10-01T07:50:00.000Z"


def test_two_sessions_of_one_webinar_stay_two(source: GoToWebinar) -> None:
    first, second = attendee((0, 20)), {**attendee((0, 30)), "sessionKey": 777}
    _, made = outcomes(source, first, second)
    assert durations(made) == ["PT20M", "PT30M"]
    assert len({each["object"]["id"] for each in statements_of(made)}) == 2
    assert len({each["context"]["registration"] for each in statements_of(made)}) == 2


def test_who_registered_and_did_not_come_has_attended_nothing(source: GoToWebinar) -> None:
    mapper, made = outcomes(source, attendee())
    assert made == []
    assert mapper.counts.ignored == {"registered but absent": 1}


def test_without_an_address_nobody_is_guessed(source: GoToWebinar) -> None:
    directory = Directory([Employee("E1", emails=("a@x.nl",))])
    _, made = outcomes(source, attendee((0, 20), email=""), attendee((0, 30), key=2), directory=directory)
    assert {each["actor"]["account"]["homePage"] for each in made} == {
        source.tenant,
        "https://people.voorbeeldstad.example",
    }


@pytest.mark.parametrize(
    ("interval", "reason"),
    [
        ({"joinTime": "2026-10-01T07:00:00Z"}, "leaveTime: time is missing"),
        ({"joinTime": "soon", "leaveTime": "2026-10-01T07:00:00Z"}, "joinTime: time is not in ISO 8601"),
        ({"joinTime": "2026-10-01T07:10:00Z", "leaveTime": "2026-10-01T07:00:00Z"}, "leave_time lies before join_time"),
    ],
)
def test_an_interval_that_makes_no_sense_quarantines_its_row_alone(
    source: GoToWebinar, interval: dict[str, str], reason: str
) -> None:
    bad = {**attendee(key=1), "attendance": [interval]}
    mapper, made = outcomes(source, bad, attendee((0, 20), key=2, email="b@x.nl"))
    assert durations(made) == ["PT20M"]
    assert mapper.counts.quarantined == {reason: 1}


def test_joins_and_leaves_are_stated_when_asked_for() -> None:
    source = completed(GoToWebinar, {**connection(None), "intervals": True})
    mapper, made = outcomes(source, attendee((0, 20), (30, 50)))
    assert [each["verb"]["id"] for each in made] == [verbs.ATTENDED.iri, *[verbs.JOINED.iri, verbs.LEFT.iri] * 2]
    assert len({each["id"] for each in made}) == 5
    assert mapper.counts.balances


# --- registrations, questions, polls ------------------------------------------------------------------------------------------------


def registrant(**more: Any) -> dict[str, Any]:
    return {
        "registrantKey": 9,
        "email": "a@x.nl",
        "registrationDate": "2026-09-20T10:00:00Z",
        "status": "APPROVED",
        **more,
    }


def test_registrants_come_in_either_envelope_and_without(source: GoToWebinar) -> None:
    row = registrant(joinUrl="https://global.gotowebinar.com/join/6120988774411223001/1")
    path = {"path": "/G2W/rest/v2/organizers/1/webinars/6120988774411223001/registrants"}
    told = [
        json.dumps(outcomes(source, payload)[1])
        for payload in (
            row,
            [row],
            {"data": [row], "total": 1, "page": 0, "limit": 20, "pageSize": 1},
            {"request": path, "response": {"body": [registrant()]}},
        )
    ]
    assert len(set(told)) == 1
    assert "webinars/6120988774411223001" in told[0]


@pytest.mark.parametrize("status", ["WAITING", "DENIED"])
def test_a_registration_that_was_not_approved_is_none(source: GoToWebinar, status: str) -> None:
    mapper, made = outcomes(source, registrant(status=status, webinarKey="1"))
    assert made == []
    assert mapper.counts.ignored == {"registration that was not approved": 1}


def test_a_row_that_does_not_say_its_session_is_refused(source: GoToWebinar) -> None:
    for row in (registrant(), {"question": "?", "askerKey": "1", "dateAsked": "2026-10-01T07:00:00Z", "answers": []}):
        with pytest.raises(BadRecord, match="does not say"):
            list(source.read(row))


def question(text: str) -> dict[str, Any]:
    asked = {"askedBy": "a@x.nl", "askerKey": "1", "dateAsked": "2026-10-01T07:00:00Z"}
    answer = {"answer": "ja", "answeredBy": "2", "answererRole": "panelist", "answerTime": "2026-10-01T07:05:00Z", "answererEmail": "b@x.nl"}  # fmt: skip
    return {"sessionKey": "7", "question": text, **asked, "answers": [answer]}


def test_an_answer_names_its_question_and_who_leads_is_told(source: GoToWebinar) -> None:
    _, [asked, answered] = outcomes(source, question("hoe dan?"))
    assert answered["context"]["contextActivities"]["parent"][0]["id"] == asked["object"]["id"]
    assert answered["context"]["extensions"][EXTENSION_BASE + "actor-role"] == "presenter"


def test_two_questions_of_one_moment_are_two(source: GoToWebinar) -> None:
    _, made = outcomes(source, question("hoe dan?"), question("en waarom?"))
    assert len({each["object"]["id"] for each in made}) == 4


def test_a_poll_that_was_not_answered_is_ignored_and_one_that_was_names_its_rule(server: Running) -> None:
    source = completed(GoToWebinar, connection(f"{server.url}/gotowebinar"))
    records = [record for record in pulled(server) if record.kind == "poll_answer"]
    mapper, [made] = mapped(source, landed(source, records))
    assert mapper.counts.ignored == {"poll that was not answered": 1}
    assert made["timestamp"] == "2026-10-29T09:00:00.000Z"
    assert made["context"]["extensions"][EXTENSION_BASE + "rule"] == "end-of-session"


# --- the wire ------------------------------------------------------------------------------------------------------------------


def test_a_limit_without_any_header_is_waited_out_blindly(server: Running) -> None:
    calm = len(pulled(server))
    server.faults.waiting[:] = [Fault("too_many", after=2, times=3)]
    assert len(pulled(server)) == calm
    assert server.faults.waiting[0].times == 0


def test_all_pages_of_both_envelopes_are_read(server: Running) -> None:
    kinds = [record.kind for record in pulled(server)]
    assert kinds.count("session") == 3
    assert kinds.count("registrant") == 5


def test_polls_are_asked_only_of_sessions_that_had_some_and_never_when_switched_off(server: Running) -> None:
    pulled(server)
    assert sum(path.endswith("/polls") for _, _, path in server.faults.asked) == 3
    server.faults.asked.clear()
    pulled(server, polls=False)
    assert not any(path.endswith("/polls") for _, _, path in server.faults.asked)


def test_a_refresh_token_that_has_ended_is_told(server: Running) -> None:
    with pytest.raises(CredentialsRefused) as caught:
        pulled(server, refresh_token="one-that-was-not-used-for-a-month")
    assert "one-that" not in str(caught.value)
