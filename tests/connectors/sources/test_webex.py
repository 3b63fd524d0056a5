"""Webex: the contract of all sources, the vendor's own description of its API, and the times of devices."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from source_contract import RECORDINGS, SourceContract, check_pair, completed, landed, mapped, pairs, statements_of
from vendor_contract import Contract, asked

from connectors.mapping import Mapper
from connectors.source import Record, Window
from connectors.sources.webex import Webex
from leerstroom.errors import BadRecord
from leerstroom.people import Directory, Employee
from leerstroom.replay import Running, running
from leerstroom.statements import types, verbs
from leerstroom.statements.vocabulary import EXTENSION_BASE

WINDOW = Window(datetime(2026, 10, 26, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC))
CLOCK = datetime(2026, 11, 24, tzinfo=UTC)
HOST = "opleidingen@voorbeeldstad.example"


def connection(url: str | None) -> dict[str, Any]:
    return {
        "host": f"{url}/v1" if url else "http://127.0.0.1:9/v1",
        "client_id": "leerstroom",
        "client_secret": "a-client-secret-for-tests",
        "refresh_token": "a-refresh-token-for-tests",
        "hosts": [HOST],
        "meetings": ["Intervisie*"],
        "live_chats": ["intervisie*"],
        "questions": True,
    }


class TestWebex(SourceContract):
    source = Webex
    recordings = RECORDINGS / "webex"
    window = WINDOW
    clock = CLOCK
    paged = "/meetingParticipants"
    names = ("Weergavenaam", "Achternaam", "monumenten", "Werkt u er al mee", "Wekelijks overleg")

    def connection(self, url: str | None) -> dict[str, Any]:
        return connection(url)


@pytest.mark.parametrize("pair", pairs("webex"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(Webex, pair)


@pytest.fixture
def source() -> Webex:
    return completed(Webex, connection(None))


@pytest.fixture
def server() -> Any:
    with running(RECORDINGS, clock=CLOCK, only=("webex",)) as server:
        yield server


def pulled(server: Running, window: Window = WINDOW, **fields: Any) -> list[Record]:
    source = completed(Webex, {**connection(f"{server.url}/webex"), **fields})
    with source.api() as api:
        return list(source.pull(api, window))


def outcomes(source: Webex, *payloads: Any, directory: Directory | None = None) -> tuple[Mapper, list]:
    records = [record for payload in payloads for record in source.read(payload)]
    return mapped(source, landed(source, records), directory)


def participant(*devices: tuple[str, str], email: str = "a@x.nl", **more: Any) -> dict[str, Any]:
    times = [{"joinedTime": start, "leftTime": end} for start, end in devices]
    return {"id": f"p-{email}", "meetingId": "m_I_1", "email": email, "state": "end", "devices": times, **more}


def at(minute: int) -> str:
    return f"2026-11-03T09:{minute:02d}:00.000Z"


NEVER = "1970-01-01T00:00:00.000Z"


def durations(made: list[Any]) -> list[str]:
    return [each["result"]["duration"] for each in statements_of(made)]


def test_every_call_is_one_that_the_vendor_describes(server: Running) -> None:
    source = completed(Webex, connection(f"{server.url}/webex"))
    with source.api() as api, asked(api) as requests:
        list(source.pull(api, WINDOW))
        source.check(api)
    contract = Contract.read(RECORDINGS / "webex" / "openapi.json")
    # `offset` stands in the Link header of our replay; the vendor's links are followed as they are, whatever they hold.
    faults = [fault for fault in contract.faults(requests) if not fault.endswith("no parameter offset in query")]
    assert len({request.path_url.split("?")[0] for request in requests}) >= 6
    assert faults == []


# --- times of devices ------------------------------------------------------------------------------------------------------------


def test_two_devices_at_once_count_once(source: Webex) -> None:
    _, made = outcomes(source, participant((at(0), at(40)), (at(20), at(59))))
    assert durations(made) == ["PT59M"]
    assert made[0]["timestamp"] == at(59)


def test_two_meetings_of_one_series_stay_two(source: Webex) -> None:
    _, made = outcomes(source, participant((at(0), at(40))), participant((at(0), at(20)), meetingId="m_I_2"))
    assert sorted(durations(made)) == ["PT20M", "PT40M"]
    assert len({each["object"]["id"] for each in statements_of(made)}) == 2
    assert len({each["context"]["contextActivities"]["grouping"][0]["id"] for each in statements_of(made)}) == 1


def test_1970_is_no_time_of_leaving(source: Webex) -> None:
    mapper, made = outcomes(source, participant((at(0), NEVER), leftTime=NEVER))
    assert made == []
    assert mapper.counts.ignored == {"the meeting still runs": 1}


@pytest.mark.parametrize("left", [NEVER, None])
def test_a_device_without_an_end_left_with_the_participant_or_when_the_meeting_ended(source: Webex, left: Any) -> None:
    _, with_participant = outcomes(source, participant((at(0), left), leftTime=at(30)))
    _, with_meeting = outcomes(source, participant((at(0), left), meeting={"end": at(50)}))
    assert durations(with_participant) == ["PT30M"]
    assert durations(with_meeting) == ["PT50M"]


def test_without_devices_the_times_of_the_participant_count(source: Webex) -> None:
    _, made = outcomes(source, participant(joinedTime=at(0), leftTime=at(25)))
    assert durations(made) == ["PT25M"]


def test_the_lobby_does_not_count(source: Webex) -> None:
    mapper, made = outcomes(source, participant((at(0), at(10)), state="lobby"))
    assert made == []
    assert mapper.counts.ignored == {"only in the lobby": 1}


def test_a_guest_without_an_address_is_nobody_of_the_directory(source: Webex) -> None:
    directory = Directory([Employee("E1", emails=("a@x.nl",))])
    _, made = outcomes(
        source,
        participant((at(0), at(10)), email=""),
        {**participant((at(0), at(20)), email=""), "id": "p-2"},
        participant((at(0), at(30)), email="A@X.nl"),
        directory=directory,
    )
    assert len({each["actor"]["account"]["name"] for each in made}) == 3
    assert [each["actor"]["account"]["homePage"] for each in made].count(source.tenant) == 2


@pytest.mark.parametrize("who", ["host", "coHost"])
def test_who_leads_is_told_apart(source: Webex, who: str) -> None:
    _, [made] = outcomes(source, participant((at(0), at(10)), **{who: True}))
    assert made["context"]["extensions"][EXTENSION_BASE + "actor-role"] == "host"


def test_a_device_that_left_before_it_joined_quarantines_its_row_alone(source: Webex) -> None:
    mapper, made = outcomes(
        source, participant((at(30), at(10))), participant((at(0), at(20)), email="b@x.nl"), participant((NEVER, at(9)), email="c@x.nl")
    )  # fmt: skip
    assert durations(made) == ["PT20M"]
    assert mapper.counts.quarantined == {
        "leave_time lies before join_time": 1,
        "joinedTime: time is missing or not in ISO 8601": 1,
    }


def test_a_registrant_that_does_not_say_its_series_is_refused(source: Webex) -> None:
    with pytest.raises(BadRecord, match="series"):
        list(source.read({"id": "r1", "email": "a@x.nl", "status": "approved", "registrationTime": at(0)}))


def test_a_webhook_of_a_participant_is_read(source: Webex) -> None:
    hook = {"resource": "meetingParticipants", "event": "left", "data": participant((at(0), at(12)))}
    _, made = outcomes(source, hook)
    assert durations(made) == ["PT12M"]


# --- pulling ---------------------------------------------------------------------------------------------------------------------


def test_webinars_count_and_of_meetings_only_those_on_the_list(server: Running) -> None:
    topics = {record["meeting"]["topic"] for record in pulled(server)}
    assert topics == {"Webinar Omgevingswet", "Intervisie handhaving"}
    assert {record["meeting"]["topic"] for record in pulled(server, webinars=False)} == {"Intervisie handhaving"}


def test_a_meeting_to_which_a_host_was_only_invited_is_not_the_hosts(server: Running) -> None:
    assert all("ander" not in str(record["meeting"].get("topic")) for record in pulled(server))
    both = pulled(server, hosts=[HOST, "ander@elders.example"])
    assert sum(record.kind == "meeting" and "ander" in record["meeting"]["topic"] for record in both) == 1


def test_a_window_longer_than_the_vendors_default_is_asked_for_in_spans(server: Running) -> None:
    meetings = [record for record in pulled(server) if record.kind == "meeting"]
    assert [record["meeting"]["start"][:10] for record in meetings] == ["2026-10-29", "2026-11-05", "2026-11-11"]


def test_a_meeting_over_midnight_belongs_to_the_day_on_which_it_ended(server: Running) -> None:
    first = Window(datetime(2026, 11, 11, tzinfo=UTC), datetime(2026, 11, 12, tzinfo=UTC))
    second = Window(datetime(2026, 11, 12, tzinfo=UTC), datetime(2026, 11, 13, tzinfo=UTC))
    assert [record.kind for record in pulled(server, first)] == []
    assert [record.kind for record in pulled(server, second)] == ["meeting", "participant"]


def test_registrations_of_weeks_ago_are_seen_once_though_the_series_met_twice(server: Running) -> None:
    registrants = [record["id"] for record in pulled(server) if record.kind == "registrant"]
    assert sorted(registrants) == ["registrant-0001", "registrant-0002", "registrant-0003"]


def test_answers_beyond_the_beginning_are_fetched_and_name_their_question(server: Running) -> None:
    source = completed(Webex, connection(f"{server.url}/webex"))
    records = [record for record in pulled(server) if record.kind in {"question", "answer"}]
    _, [asked_, answered] = mapped(source, landed(source, records))
    assert [each["verb"]["id"] for each in (asked_, answered)] == [verbs.ASKED.iri, verbs.ANSWERED.iri]
    assert answered["context"]["contextActivities"]["parent"][0]["id"] == asked_["object"]["id"]
    assert asked_["timestamp"] == "2026-10-29T10:00:00.000Z"
    assert asked_["context"]["extensions"][EXTENSION_BASE + "rule"] == "end-of-session"


def test_a_meeting_of_a_community_is_a_live_chat_and_a_meeting(server: Running) -> None:
    source = completed(Webex, connection(f"{server.url}/webex"))
    records = [record for record in pulled(server) if record.kind == "participant"]
    made = [each for each in statements_of(mapped(source, landed(source, records))[1]) if each["object"]["definition"]["type"] == types.MEETING]  # fmt: skip
    assert [each["context"]["extensions"][EXTENSION_BASE + "channel-kind"] for each in made] == ["live_chat"]


def test_questions_are_not_asked_for_unless_the_host_gave_the_token(server: Running) -> None:
    pulled(server, questions=False)
    assert not any("q_and_a" in path or "poll" in path for _, _, path in server.faults.asked)
