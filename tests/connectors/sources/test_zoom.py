"""Zoom: the contract of all sources, and attendance as the union of what was recorded."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from planned import planned
from source_contract import (  # fmt: skip
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
from vendor_contract import asked

from connectors.mapping import Mapper
from connectors.source import Record, Window
from connectors.sources.zoom import Zoom, _escaped
from leerstroom.errors import BadRecord, CredentialsRefused, UnexpectedShape
from leerstroom.people import Directory, Employee
from leerstroom.replay import Running, running
from leerstroom.revisions import Revisions
from leerstroom.state import open_state
from leerstroom.statements import Retracted, types, verbs
from leerstroom.statements.vocabulary import EXTENSION_BASE

FIELDS = {"account_id": "voorbeeldstad", "client_id": "leerstroom", "client_secret": "a-secret-of-the-demo"}
WINDOW = Window(datetime(2026, 10, 26, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC))
CLOCK = datetime(2026, 11, 24, tzinfo=UTC)


def connection(url: str | None) -> dict[str, Any]:
    where = (
        {"host": f"{url}/v2", "oauth_host": url}
        if url
        else {"host": "http://127.0.0.1:9", "oauth_host": "http://127.0.0.1:9"}
    )
    return {
        **where,
        **FIELDS,
        "meetings": ["Live chat*", "Intervisie*"],
        "assigned": ["83155501003"],
        "live_chats": ["live chat*"],
        "requests_per_minute": 60_000,
    }


class TestZoom(SourceContract):
    source = Zoom
    recordings = RECORDINGS / "demo" / "zoom"
    window = WINDOW
    clock = CLOCK
    paged = "/webinars/83155501001/registrants"
    has_quota = True
    names = (
        "Dat staat op intranet",
        "Anouk Devries",
        "Jan Jansen",
        "Iris",
        "adviesbureau",
        "(telefoon)",
        "richtlijn voor het gebruik",
    )

    def connection(self, url: str | None) -> dict[str, Any]:
        return connection(url)


@pytest.mark.parametrize("pair", pairs("zoom"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(Zoom, pair)


# --- attendance, row by row ------------------------------------------------------------------------------------------------------


def row(start: int, end: int, uuid: str = "u1==", **fields: Any) -> dict[str, Any]:
    at = datetime(2026, 11, 3, 9, tzinfo=UTC)
    return {
        "uuid": uuid,
        "id": fields.pop("id", ""),
        "user_id": fields.pop("user_id", f"{start}{end}"),
        "name": "Anna Jansen",
        "user_email": fields.pop("email", ""),
        "join_time": (at + timedelta(minutes=start)).isoformat(),
        "leave_time": (at + timedelta(minutes=end)).isoformat(),
        "status": "in_meeting",
        "failover": False,
        **fields,
    }


@pytest.fixture
def zoom() -> Zoom:
    return completed(Zoom, connection(None))


def outcomes(zoom: Zoom, *rows: dict[str, Any], directory: Directory | None = None) -> tuple[Mapper, list]:
    mapper = Mapper(zoom, people_of(zoom, directory))
    records = [zoom.minimise(record, KEY) for each in rows for record in zoom.read(each)]
    return mapper, list(mapper.statements(records))


def durations(made: list) -> list[str]:
    return [each["result"]["duration"] for each in statements_of(made)]


def extension(statement: dict[str, Any], name: str) -> Any:
    return statement["context"]["extensions"].get(EXTENSION_BASE + name)


def test_a_rejoin_counts_once_and_adds_up(zoom: Zoom) -> None:
    mapper, made = outcomes(zoom, row(0, 20, email="a@x.nl"), row(30, 60, email="A@X.nl"))
    assert durations(made) == ["PT50M"]
    assert made[0]["timestamp"] == "2026-11-03T10:00:00.000Z"
    assert mapper.counts.mapped == 2


@pytest.mark.parametrize("told", [20, 1200, 0, None])
def test_the_vendors_duration_is_not_believed_in_whatever_unit_it_is(zoom: Zoom, told: int | None) -> None:
    _, made = outcomes(zoom, row(0, 20, email="a@x.nl", duration=told))
    assert durations(made) == ["PT20M"]


def test_a_breakout_room_and_a_second_device_lie_within_the_stay(zoom: Zoom) -> None:
    rows = (row(0, 60, email="a@x.nl"), row(20, 40, email="a@x.nl", bo_mtg_id="27423744"), row(50, 70, email="a@x.nl"))
    _, made = outcomes(zoom, *rows)
    assert durations(made) == ["PT1H10M"]


def test_who_never_registered_or_did_so_after_the_start_was_there_all_the_same(zoom: Zoom) -> None:
    late = {"webinar_id": 99, "registrants": [{"id": "r1", "email": "a@x.nl", "create_time": "2026-11-03T09:15:00Z", "status": "approved"}]}  # fmt: skip
    about = {"webinar_id": 99, "registrant_id": ""}
    _, made = outcomes(zoom, late, row(16, 60, email="a@x.nl", **{**about, "registrant_id": "r1"}), row(0, 60, email="b@x.nl", **about))  # fmt: skip
    verbs_made = [each["verb"]["id"] for each in statements_of(made)]
    assert verbs_made.count(verbs.REGISTERED.iri) == 1
    assert verbs_made.count(verbs.ATTENDED.iri) == 2


def test_who_registered_and_was_absent_has_attended_nothing(zoom: Zoom) -> None:
    exchange = {"request": {"path": "/v2/past_webinars/u1%3D%3D/absentees"}, "response": {"registrants": [{"id": "r1", "email": "a@x.nl"}]}}  # fmt: skip
    mapper, made = outcomes(zoom, exchange)
    assert (made, mapper.counts.ignored) == ([], {"registered but absent": 1})


def test_the_zone_of_a_meeting_is_for_display_and_its_times_are_utc(zoom: Zoom) -> None:
    _, made = outcomes(zoom, row(0, 20, email="a@x.nl", timezone="America/Los_Angeles"))
    assert made[0]["timestamp"] == "2026-11-03T09:20:00.000Z"


def test_a_meeting_in_the_night_of_a_clock_change_takes_as_long_as_it_took(zoom: Zoom) -> None:
    for begun, ended in (("2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"), ("2026-03-29T02:30:00+02:00", "2026-03-29T03:30:00+02:00")):  # fmt: skip
        _, made = outcomes(zoom, {**row(0, 1, email="a@x.nl"), "join_time": begun, "leave_time": ended})
        assert durations(made) == ["PT1H"]


def test_a_uuid_with_slashes_is_encoded_twice_as_a_path() -> None:
    assert (_escaped("/ajXp=="), _escaped("a//b"), _escaped("a/b==")) == ("%252FajXp%253D%253D", "a%252F%252Fb", "a%2Fb%3D%3D")  # fmt: skip


def test_pages_are_asked_for_with_the_same_query_until_there_is_no_token(server: Running) -> None:
    zoom = completed(Zoom, connection(f"{server.url}/zoom"))
    with zoom.api() as api, asked(api) as sent:
        list(zoom.pull(api, WINDOW))
    by_list: dict[str, set[str]] = {}
    for request in sent:
        path, _, query = request.path_url.partition("?")
        if "from=" not in query:  # months of a report have queries of their own
            by_list.setdefault(path, set()).add("&".join(sorted(part for part in query.split("&") if not part.startswith("next_page_token"))))  # fmt: skip
    assert any("next_page_token" in request.path_url for request in sent)
    assert {path: queries for path, queries in by_list.items() if len(queries) > 1} == {}
    assert all("include_fields=registrant_id" in request.path_url for request in sent if "/participants" in request.path_url and "/report/" in request.path_url)  # fmt: skip


def test_a_number_of_a_meeting_keeps_all_its_digits(zoom: Zoom) -> None:
    _, [made] = outcomes(zoom, row(0, 20, email="a@x.nl", meeting_id=2**53 + 1))
    assert made["context"]["contextActivities"]["grouping"][0]["id"].endswith("s/9007199254740993")


def test_two_devices_at_once_count_once(zoom: Zoom) -> None:
    _, made = outcomes(zoom, row(0, 40, email="a@x.nl"), row(20, 60, email="a@x.nl", id="z1"))
    assert durations(made) == ["PT1H"]


def test_rows_are_one_person_when_any_identity_links_them(zoom: Zoom) -> None:
    _, made = outcomes(zoom, row(0, 10, id="z1"), row(10, 20, email="a@x.nl"), row(20, 30, email="a@x.nl", id="z1"))
    assert durations(made) == ["PT30M"]


def test_the_order_of_the_rows_changes_nothing(zoom: Zoom) -> None:
    rows = [row(0, 20, email="a@x.nl"), row(30, 60, email="a@x.nl", id="z1"), row(10, 40, id="z1"), row(5, 9)]
    first, second = (sorted(json.dumps(each) for each in statements_of(outcomes(zoom, *order)[1])) for order in (rows, rows[::-1]))  # fmt: skip
    assert first == second


def test_a_late_row_gives_one_new_statement_and_one_voiding(zoom: Zoom, tmp_path: Path) -> None:
    _, [before] = outcomes(zoom, row(0, 20, email="a@x.nl"))
    _, [after] = outcomes(zoom, row(30, 60, email="a@x.nl"), row(0, 20, email="a@x.nl"))
    assert before["id"] != after["id"]
    assert extension(before, "record") == extension(after, "record")
    assert after["result"]["duration"] == "PT50M"
    revisions = Revisions(open_state(f"sqlite:///{tmp_path}/state.sqlite"), "webinars")
    first, again, late = [
        planned(revisions, [dict(made)], f"2026-11-0{day}T01:00:00.000Z")
        for day, made in ((4, before), (5, before), (6, after))
    ]
    assert [len(each.send) for each in (first, again, late)] == [1, 1, 1]
    assert (first.void, again.void) == ([], [])
    assert [void for void, _ in late.void] == [before["id"]]
    assert late.send[0]["id"] == after["id"]


def test_a_late_row_that_tells_who_it_was_retracts_what_went_under_the_account(zoom: Zoom) -> None:
    _, [before] = outcomes(zoom, row(0, 20, id="z1"))
    _, [after, retracted] = outcomes(zoom, row(0, 20, id="z1"), row(30, 60, id="z1", email="a@x.nl"))
    assert after["result"]["duration"] == "PT50M"
    assert isinstance(retracted, Retracted)
    assert retracted.key == extension(before, "record")
    assert retracted.key != extension(after, "record")


def test_two_addresses_of_one_employee_are_one_person(zoom: Zoom) -> None:
    directory = Directory([Employee("E1", emails=("anna@x.nl", "a.jansen@x.nl"))])
    _, made = outcomes(zoom, row(0, 40, email="anna@x.nl"), row(20, 60, email="a.jansen@x.nl"), directory=directory)
    assert durations(made) == ["PT1H"]


def test_a_forwarded_invitation_does_not_make_one_person_of_two(zoom: Zoom) -> None:
    _, made = outcomes(
        zoom,
        row(0, 20, email="a@x.nl", registrant_id="r1"),
        row(0, 30, email="b@x.nl", registrant_id="r1"),
        row(0, 10, registrant_id="r2"),
        row(10, 40, registrant_id="r2", email="c@x.nl"),
    )
    assert sorted(durations(made)) == ["PT20M", "PT30M", "PT40M"]


def test_guests_of_two_occurrences_are_strangers_though_zoom_counts_them_alike(zoom: Zoom) -> None:
    _, made = outcomes(zoom, row(0, 20, user_id="16778240"), row(0, 20, "u2==", user_id="16778240"))
    assert len({each["actor"]["account"]["name"] for each in made}) == 2


def test_two_occurrences_under_one_meeting_id_stay_two(zoom: Zoom) -> None:
    _, made = outcomes(
        zoom, row(0, 20, email="a@x.nl", meeting={"id": "99"}), row(0, 30, "u2==", email="a@x.nl", meeting={"id": "99"})
    )
    assert durations(made) == ["PT20M", "PT30M"]
    assert len({each["object"]["id"] for each in made}) == 2
    assert len({each["context"]["contextActivities"]["grouping"][0]["id"] for each in made}) == 1


def test_without_an_e_mail_nobody_is_guessed_from_a_name(zoom: Zoom) -> None:
    directory = Directory([Employee("E1", emails=("anna@x.nl",))])
    _, made = outcomes(
        zoom, row(0, 20, user_id="1"), row(0, 30, user_id="2"), row(0, 40, email="Anna@x.nl"), directory=directory
    )
    assert [each["actor"]["account"]["homePage"] for each in made] == [
        zoom.tenant,
        zoom.tenant,
        "https://people.voorbeeldstad.example",
    ]
    assert len({each["actor"]["account"]["name"] for each in made}) == 3


def test_waiting_rooms_and_failover_copies_do_not_count(zoom: Zoom) -> None:
    mapper, made = outcomes(
        zoom,
        row(0, 5, email="a@x.nl", status="in_waiting_room"),
        row(5, 40, email="a@x.nl"),
        row(5, 30, email="a@x.nl", failover=True),
        row(5, 30, failover=True),
    )
    assert durations(made) == ["PT35M"]
    assert mapper.counts.ignored == {"only in the waiting room": 1, "failover copy of another row": 2}


def test_a_stay_after_a_failover_is_no_copy(zoom: Zoom) -> None:
    _, made = outcomes(zoom, row(0, 20, email="a@x.nl"), row(20, 60, email="a@x.nl", failover=True))
    assert durations(made) == ["PT1H"]


def test_a_row_that_makes_no_sense_is_quarantined_alone(zoom: Zoom) -> None:
    running_on = row(0, 9, email="a@x.nl")
    del running_on["leave_time"]
    mapper, made = outcomes(
        zoom,
        row(0, 20, email="a@x.nl"),
        row(50, 40, email="a@x.nl"),
        {**row(0, 9, email="a@x.nl"), "join_time": "soon"},
        {**row(0, 9, email="a@x.nl"), "join_time": ["2026"]},
        running_on,
        {**row(0, 9), "user_id": ""},
    )
    assert durations(made) == ["PT20M"]
    assert mapper.counts.quarantined == {
        "leave_time lies before join_time": 1,
        "join_time: time is not in ISO 8601": 2,
        "leave_time: time is missing": 1,
        "the row names no account, registrant or e-mail address": 1,
    }


def test_seven_digits_of_a_second_are_read(zoom: Zoom) -> None:
    times = {"join_time": "2022-03-23T06:58:09.6600000+00:00", "leave_time": "2022-03-23T07:02:28.6600000+00:00"}
    _, [made] = outcomes(zoom, {**row(0, 1, email="a@x.nl"), **times})
    assert made["result"]["duration"] == "PT4M19S"
    assert made["timestamp"] == "2022-03-23T07:02:28.660Z"


def test_settings_say_what_is_assigned_required_or_appointed_by_a_community() -> None:
    zoom = completed(
        Zoom, {**connection(None), "assigned": ["AI*"], "mandatory": ["99"], "live_chats": ["live [chat]*"]}
    )
    told = [
        tuple(extension(each, name) for name in ("initiator", "mandatory", "channel-kind"))
        for meeting in ({"topic": "ai voor iedereen"}, {"id": "99"}, {"topic": "Live [chat] over data"}, {"topic": "Live c"})
        for each in statements_of(outcomes(zoom, row(0, 20, email="a@x.nl", meeting=meeting))[1])
    ]  # fmt: skip
    assert told == [
        ("assigned", None, None),
        ("assigned", True, None),
        ("self", None, "live_chat"),
        ("self", None, None),
    ]


def test_joins_and_leaves_are_stated_when_asked_for() -> None:
    zoom = completed(Zoom, {**connection(None), "intervals": True})
    mapper, made = outcomes(zoom, row(0, 20, email="a@x.nl"), row(30, 60, email="a@x.nl"))
    assert [each["verb"]["id"] for each in made] == [verbs.ATTENDED.iri, *[verbs.JOINED.iri, verbs.LEFT.iri] * 2]
    assert len({each["id"] for each in made}) == 5
    assert len({each["context"]["registration"] for each in made}) == 1
    assert mapper.counts.balances


def test_events_of_joining_and_leaving_are_paired(zoom: Zoom) -> None:
    def event(name: str, minute: int, user_id: str = "1", **person: Any) -> dict[str, Any]:
        at = f"2026-11-03T09:{minute:02d}:00Z"
        time = {"join_time" if name.endswith("joined") else "leave_time": at}
        about = {"id": "99", "uuid": "u1==", "topic": "t", "start_time": "2026-11-03T09:00:00Z"}
        return {"event": name, "payload": {"object": {**about, "participant": {"user_id": user_id, **time, **person}}}}

    mapper, made = outcomes(
        zoom,
        event("webinar.participant_joined", 0, email="a@x.nl"),
        event("webinar.participant_joined", 1, "2", email="b@x.nl"),
        event("webinar.participant_left", 20, email="a@x.nl"),
        event("webinar.participant_joined", 30, email="a@x.nl"),
        event("webinar.participant_left", 50, email="a@x.nl"),
        event("webinar.participant_left", 55, "3", email="c@x.nl"),
    )
    assert durations(made) == ["PT40M"]
    assert mapper.counts.quarantined == {
        "somebody joined, but no leaving is known": 1,
        "somebody left who had not joined": 1,
    }
    assert mapper.counts.balances


def test_a_key_that_lands_cannot_be_recomputed_from_an_address(zoom: Zoom) -> None:
    [record] = zoom.read(row(0, 20, email="a@x.nl"))
    kept = zoom.minimise(record, KEY)
    assert kept.key != record.key
    assert zoom.minimise(record, KEY).key == kept.key


def nameless(*rows: dict[str, Any], **envelope: Any) -> dict[str, Any]:
    return {"participants": [{key: value for key, value in each.items() if key != "uuid"} for each in rows], **envelope}


def test_one_page_of_many_that_does_not_say_its_occurrence_is_refused(zoom: Zoom) -> None:
    page = nameless(row(0, 20), total_records=31, next_page_token="t")
    for payload in (
        page,
        {"meeting_id": 99, **page},
        {"request": {"path": "/v2/report/meetings/99/participants"}, "response": page},
    ):
        with pytest.raises(BadRecord, match="occurrence"):
            list(zoom.read(payload))


@pytest.mark.parametrize("envelope", [{}, {"total_records": 3, "next_page_token": "x"}, {"next_page_token": ""}])
def test_the_only_page_of_an_occurrence_that_it_does_not_name_is_one_of_its_own(
    zoom: Zoom, envelope: dict[str, Any]
) -> None:
    rows = (row(5, 20, email="a@x.nl"), row(30, 40, email="a@x.nl"), row(0, 40, email="b@x.nl"))
    _, made = outcomes(zoom, nameless(*rows, **envelope))
    assert sorted(durations(made)) == ["PT25M", "PT40M"]
    assert {each["object"]["id"] for each in statements_of(made)} == {f"{zoom.tenant}/occurrences/began%202026-11-03T09%3A00%3A00%2B00%3A00"}  # fmt: skip
    assert {(extension(each, "rule"), extension(each, "confidence")) for each in statements_of(made)} == {("first-join-names-occurrence", 0.8)}  # fmt: skip
    _, other = outcomes(zoom, nameless(row(5, 20, email="a@x.nl")))
    assert other[0]["object"]["id"] != made[0]["object"]["id"]


def test_a_late_row_with_an_earlier_join_leaves_a_page_its_occurrence_where_series_and_start_are_told(
    zoom: Zoom,
) -> None:
    meeting = {"id": 99, "start_time": "2026-11-03T09:00:00Z"}
    came = (row(5, 20, email="a@x.nl"), row(6, 40, email="b@x.nl"))
    _, before = outcomes(zoom, nameless(*came, meeting=meeting))
    _, after = outcomes(zoom, nameless(*came, row(1, 40, email="c@x.nl"), meeting=meeting))
    assert {each["id"] for each in before} < {each["id"] for each in after}
    assert len({each["object"]["id"] for each in after}) == 1
    assert {extension(each, "rule") for each in after} == {None}
    _, next_week = outcomes(zoom, nameless(*came, meeting={**meeting, "start_time": "2026-11-10T09:00:00Z"}))
    assert next_week[0]["object"]["id"] != before[0]["object"]["id"]


def test_an_empty_page_holds_nothing_whatever_it_does_not_say(zoom: Zoom) -> None:
    for name in ("participants", "registrants", "questions"):
        assert list(zoom.read({"page_count": 0, "total_records": 0, "next_page_token": "", name: []})) == []


def test_an_event_of_leaving_that_tells_the_whole_stay_is_paired_all_the_same(zoom: Zoom) -> None:
    def event(name: str, **person: Any) -> dict[str, Any]:
        return {"event": name, "payload": {"object": {"id": "99", "uuid": "u1==", "participant": {"user_id": "1", "email": "a@x.nl", **person}}}}  # fmt: skip

    joined, left = "2026-11-03T09:00:00Z", "2026-11-03T09:40:00Z"
    whole = event("meeting.participant_left", join_time=joined, leave_time=left)
    for events in ((whole,), (event("meeting.participant_joined", join_time=joined), whole)):
        mapper, made = outcomes(zoom, *events)
        assert durations(made) == ["PT40M"]
        assert mapper.counts.quarantined.total() == 0


def test_a_registration_of_an_event_has_the_time_of_the_event(zoom: Zoom) -> None:
    registrant = {"id": "r1", "first_name": "Anna", "email": "a@x.nl", "status": "approved"}
    event = {"event": "webinar.registration_created", "event_ts": 1793700000123, "payload": {"object": {"id": 99, "uuid": "u1==", "topic": "t", "registrant": registrant}}}  # fmt: skip
    _, [made] = outcomes(zoom, event)
    assert (made["verb"]["id"], made["timestamp"]) == (verbs.REGISTERED.iri, "2026-11-03T10:00:00.123Z")
    assert made["object"]["id"] == f"{zoom.tenant}/webinars/99"


def test_a_message_to_everyone_is_posted_and_one_to_some_lands_without_a_word(zoom: Zoom) -> None:
    def event(recipients: str, text: str = "Dank, dit is helder.") -> dict[str, Any]:
        message = {"date_time": "2026-11-03T09:10:00Z", "sender_session_id": "16778240", "sender_name": "Anna", "sender_email": "a@x.nl", "sender_type": "host", "recipient_type": recipients, "message_id": f"m {text}", "message_content": text}  # fmt: skip
        return {"event": "webinar.chat_message_sent", "event_ts": 1793700000123, "payload": {"object": {"id": 99, "uuid": "u1==", "chat_message": message}}}  # fmt: skip

    _, said = outcomes(zoom, event("everyone"), event("everyone", "Hoe werkt dat?"))
    assert [each["verb"]["id"] for each in said] == [verbs.POSTED.iri, verbs.ASKED.iri]
    assert {each["context"]["contextActivities"]["parent"][0]["id"] for each in said} == {f"{zoom.tenant}/occurrences/u1%3D%3D"}  # fmt: skip
    _, [there] = outcomes(zoom, row(0, 20, email="a@x.nl"))
    assert {each["actor"]["account"]["name"] for each in said} == {there["actor"]["account"]["name"]}
    [kept] = [zoom.minimise(record, KEY) for record in zoom.read(event("guest"))]
    assert kept["features"]["length"] == "none"
    mapper, none = outcomes(zoom, event("guest"))
    assert (none, mapper.counts.ignored) == ([], {"direct message or private group: never counted": 1})


def test_events_and_lists_that_tell_of_nobodys_attendance_are_no_fault(zoom: Zoom) -> None:
    event = {"event": "meeting.participant_role_changed", "payload": {"object": {"id": "99", "uuid": "u1==", "participant": {"user_id": "1"}}}}  # fmt: skip
    mapper, made = outcomes(zoom, event, {"page_size": 30, "meetings": [{"uuid": "u1==", "id": 99, "topic": "t"}]})
    assert made == []
    assert mapper.counts.ignored == {"event or list that tells of nobody's attendance": 2}


def test_an_event_that_asks_whether_the_address_is_ours_is_no_fault(zoom: Zoom) -> None:
    mapper, made = outcomes(zoom, {"event": "endpoint.url_validation", "payload": {"plainToken": "abc"}, "event_ts": 1})
    assert (made, mapper.counts.quarantined) == ([], {})


def test_an_event_knows_the_host_by_the_id_that_it_names(zoom: Zoom) -> None:
    def event(person: str, name: str, **time: str) -> dict[str, Any]:
        who = {"user_id": person, "id": person, "participant_user_id": person, **time}
        about = {"id": "99", "uuid": "u1==", "host_id": "HostOfThis", "participant": who}
        return {"event": f"meeting.participant_{name}", "payload": {"object": about}}

    events = [
        each
        for person in ("HostOfThis", "Somebody")
        for each in (
            event(person, "joined", join_time="2026-11-03T09:00:00Z"),
            event(person, "left", leave_time="2026-11-03T10:00:00Z"),
        )
    ]
    _, made = outcomes(zoom, *events)
    assert sorted(extension(each, "actor-role") for each in made) == ["host", "participant"]


@pytest.mark.parametrize("body", ["body", None])
def test_the_path_of_an_exchange_says_what_it_is_about(zoom: Zoom, body: str | None) -> None:
    def read(path: str, answer: dict[str, Any]) -> list[Record]:
        exchange = {"request": {"path": path}, "response": {"body": answer} if body else answer}
        return list(zoom.read(exchange))

    person = {"participants": [row(0, 20, email="a@x.nl")]}
    [joined] = read(
        "https://api.zoom.us/v2/report/webinars/%252Fu%252F%252Fx%253D%253D/participants?page_size=300", person
    )
    assert (joined.kind, joined["occurrence"], joined["meeting"]["kind"]) == ("participant", "/u//x==", "webinar")
    listed = {"registrants": [{"id": "r1", "email": "a@x.nl", "create_time": "2026-11-01T09:00:00Z"}]}
    [registered] = read("/v2/webinars/99/registrants", listed)
    assert (registered.kind, registered["occurrence"], registered["meeting"]["id"]) == (
        "registrant",
        "webinar 99",
        "99",
    )
    [absent] = read("/v2/past_webinars/u1%3D%3D/absentees", listed)
    assert (absent.kind, absent["occurrence"]) == ("absentee", "u1==")
    with pytest.raises(BadRecord, match="list"):
        read("/v2/report/users/me/meetings", {"meetings": []})
    with pytest.raises(BadRecord):
        list(zoom.read({"response": {"status": 404, "body": {"code": 3001}}}))


def test_a_row_of_its_own_does_not_take_its_account_for_a_meeting(zoom: Zoom) -> None:
    [record] = zoom.read(row(0, 20, id="z1"))
    assert "z1" not in json.dumps(zoom.minimise(record, KEY))


def test_an_answer_names_its_question_and_who_leads_the_session_is_marked(server: Running) -> None:
    zoom, records = pull(server)
    made = statements_of(mapped(zoom, landed(zoom, records))[1])
    asked = {each["object"]["id"] for each in made if each["verb"]["id"] == verbs.ASKED.iri}
    answered = [each for each in made if each["verb"]["id"] == verbs.ANSWERED.iri]
    assert len(answered) > 10
    assert {each["context"]["contextActivities"]["parent"][0]["id"] for each in answered} <= asked
    assert {extension(each, "actor-role") for each in answered} >= {"host", "participant"}


def test_questions_and_polls_of_nobody_are_ignored_and_the_rest_counts(zoom: Zoom) -> None:
    page = {
        "uuid": "u1==", "id": 99, "start_time": "2026-11-03T09:00:00Z",
        "questions": [
            {"user_id": "", "email": "", "question_details": [{"question_id": "q1", "question": "Waarom?"}]},
            {"user_id": "", "email": "", "question_details": [{"polling_id": "p1", "question": "Eens?", "answer": "Ja", "date_time": "2026-11-03T09:10:00Z"}]},
            {"email": "a@x.nl", "question_details": [{"question": "Hoe dan?"}, {"question": "En wanneer?"}]},
            {"email": "b@x.nl", "question_details": [{"question": "Hoe dan?"}]},
            {"email": "a@x.nl", "question_details": [
                {"polling_id": "p1", "question": "Eens?", "answer": "Ja", "date_time": "2026-11-03T09:10:00Z"},
                {"polling_id": "p1", "question": "Vaker?", "answer": "Nee", "date_time": "2026-11-03T09:10:00Z"},
            ]},
            {"email": "b@x.nl", "question_details": [{"polling_id": "p1", "question": "Vaker?", "answer": "Ja", "date_time": "2026-11-03T09:10:00Z"}]},
        ],
    }  # fmt: skip
    mapper, made = outcomes(zoom, page)
    assert mapper.counts.ignored == {"question that was asked anonymously": 1, "poll that was answered anonymously": 1}
    asked = [each for each in made if each["verb"]["id"] == verbs.ASKED.iri]
    assert len({each["object"]["id"] for each in asked}) == 3
    polled = [each["object"]["id"] for each in made if each["verb"]["id"] == verbs.ANSWERED_POLL.iri]
    assert len(polled) == 3
    assert len(set(polled)) == 2, "who skips a question answers the same one as others"


# --- against the replay --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def server():
    with running(RECORDINGS / "demo", only=("zoom",), clock=CLOCK) as started:
        yield started


def pull(server: Running, window: Window = WINDOW, **fields: Any) -> tuple[Zoom, list[Record]]:
    zoom = completed(Zoom, {**connection(f"{server.url}/zoom"), **fields})
    with zoom.api() as api:
        return zoom, list(zoom.pull(api, window))


def test_every_occurrence_of_a_series_is_pulled_and_only_what_is_meant_for_learning(server: Running) -> None:
    _, records = pull(server)
    topics = {record["meeting"]["topic"]: set() for record in records if record.kind == "participant"}
    for record in records:
        if record.kind == "participant":
            topics[record["meeting"]["topic"]].add(record["occurrence"])
    assert len(topics["AI op de werkvloer: wat mag en wat niet"]) == 3
    assert "Weekstart ICT" not in topics
    assert "Live chat Community Data en AI" in topics


def test_hosts_and_panelists_carry_their_role(server: Running) -> None:
    zoom, records = pull(server)
    made = statements_of(mapped(zoom, landed(zoom, records))[1])
    roles = [extension(each, "actor-role") for each in made if each["verb"]["id"] == verbs.ATTENDED.iri]
    assert roles.count("host") == len({record["occurrence"] for record in records if record.kind == "participant"})
    assert roles.count("presenter") > 3
    assert roles.count("participant") > 100


def test_a_registrant_who_came_by_the_link_is_known_by_the_address_of_the_registration(server: Running) -> None:
    zoom, records = pull(server)
    by_link = [
        record
        for record in records
        if record.kind == "participant" and record["registrant_id"] and not record["user_email"]
    ]
    assert len(by_link) > 5
    assert all(record["registrant_email"] for record in by_link)
    directory = Directory([Employee("E1", emails=(by_link[0]["registrant_email"],))])
    one = [record for record in landed(zoom, records) if record["occurrence"] == by_link[0]["occurrence"]]
    made = statements_of(mapped(zoom, one, directory)[1])
    mine = [each for each in made if each["actor"]["account"]["homePage"].startswith("https://people")]
    assert verbs.ATTENDED.iri in {each["verb"]["id"] for each in mine}


def test_a_report_of_many_months_is_asked_for_month_by_month(server: Running) -> None:
    _, year = pull(server, Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC)))
    _, weeks = pull(server)
    assert {record.key for record in year} == {record.key for record in weeks}


def test_meetings_that_are_named_by_id_are_found_even_when_the_report_leaves_them_out(
    server: Running, tmp_path: Path
) -> None:
    data = json.loads((RECORDINGS / "demo" / "zoom" / "zoom.json").read_text())
    meeting = next(each for each in data["occurrences"] if each["kind"] == "meeting")
    meeting["participants"] = meeting["participants"][:1]
    data["occurrences"] = [meeting]
    (tmp_path / "zoom").mkdir()
    (tmp_path / "zoom" / "zoom.json").write_text(json.dumps(data))
    with running(tmp_path, clock=CLOCK) as alone:
        _, nothing = pull(alone, meetings=["*"])
        _, found = pull(alone, meetings=[meeting["id"]])
    assert nothing == []
    assert [record.kind for record in found] == ["participant"]
    assert found[0]["meeting"]["minutes"] == meeting["scheduled"]


def test_live_chats_of_a_community_say_so(server: Running) -> None:
    zoom, records = pull(server)
    made = statements_of(mapped(zoom, landed(zoom, records))[1])
    chats = {each["object"]["definition"]["name"]["und"] for each in made if extension(each, "channel-kind") == "live_chat"}  # fmt: skip
    assert chats == {"Live chat Community Data en AI"}
    kinds = {each["object"]["definition"]["type"] for each in made if extension(each, "channel-kind") == "live_chat"}
    assert kinds == {types.MEETING}


def test_scheduled_minutes_are_those_that_were_planned(server: Running) -> None:
    _, records = pull(server)
    planned = {
        record["meeting"]["topic"]: record["meeting"].get("minutes")
        for record in records
        if record.kind == "participant"
    }
    assert planned["Gezond achter je scherm"] == 30


def test_an_expired_page_token_reads_the_list_anew_without_doubles(server: Running) -> None:
    zoom = completed(Zoom, connection(f"{server.url}/zoom"))
    with zoom.api() as api:
        calm = zoom.listed(api, "/webinars/83155501001/registrants", "registrants", {"page_size": 5})
        original, expired = api.get, []

        def get(path: str, params: Any = None, **options: Any) -> Any:
            if params and params.get("next_page_token") and not expired:
                expired.append(requests.post(f"{server.url}/zoom/_test/expire", timeout=5).status_code)
            return original(path, params, **options)

        api.get = get  # type: ignore[method-assign]
        again = zoom.listed(api, "/webinars/83155501001/registrants", "registrants", {"page_size": 5})
    assert expired == [200]
    assert again == calm


def test_a_token_that_has_expired_is_renewed_once(server: Running) -> None:
    zoom = completed(Zoom, connection(f"{server.url}/zoom"))
    with zoom.api() as api:
        assert "users" in zoom.check(api)
        requests.post(f"{server.url}/zoom/_test/revoke", timeout=5)
        assert "users" in zoom.check(api)


def test_a_wrong_secret_is_told_without_showing_it(server: Running) -> None:
    with pytest.raises(CredentialsRefused) as caught:
        pull(server, client_secret="not the secret")
    assert "contract" in str(caught.value)
    assert "not the secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "said"), [({"code": 4711, "message": "no scopes"}, "scope"), ({"code": 4999}, "4999")]
)
def test_a_refusal_that_means_something_is_no_empty_list(
    server: Running, body: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoom = completed(Zoom, connection(f"{server.url}/zoom"))
    from starlette.responses import JSONResponse

    from leerstroom.replay.zoom import Account

    monkeypatch.setattr(Account, "_no_registration", staticmethod(lambda _: JSONResponse(body, 400)))
    with zoom.api() as api:
        query = {"page_size": 300}
        with pytest.raises((CredentialsRefused, UnexpectedShape), match=said):
            zoom.listed(api, "/meetings/83155502001/registrants", "registrants", query, optional=True)


def test_a_webinar_without_registration_and_a_host_without_a_plan_are_no_errors(server: Running) -> None:
    zoom = completed(Zoom, connection(f"{server.url}/zoom"))
    with zoom.api() as api:
        for path, items in (
            ("/meetings/83155502001/registrants", "registrants"),
            ("/users/nobody/webinars", "webinars"),
        ):
            assert zoom.listed(api, path, items, {"page_size": 300}, optional=True) == []
        assert api.requests_made == 2, "asked once, not as if a page had expired"


def test_what_has_not_settled_waits_for_the_next_window(zoom: Zoom) -> None:
    night = Window(datetime(2026, 11, 3, tzinfo=UTC), datetime(2026, 11, 4, tzinfo=UTC))
    at_two = datetime(2026, 11, 4, 2, tzinfo=UTC)
    assert zoom.settled(night, at_two) == Window(night.start, datetime(2026, 11, 3, 18, tzinfo=UTC))
    assert zoom.settled(night, at_two + timedelta(hours=4)) == night
    short = Window(night.start, night.start + timedelta(hours=1))
    assert zoom.settled(short, short.end) == Window(short.start, short.start)
    assert zoom.look_back >= timedelta(days=2)


def test_what_has_not_settled_is_not_pulled(server: Running) -> None:
    ahead = datetime.now(UTC) + timedelta(days=365)
    data = json.loads((RECORDINGS / "demo" / "zoom" / "zoom.json").read_text())
    ended = {each["uuid"]: each["end_time"] for each in data["occurrences"]}
    zoom = completed(Zoom, connection(f"{server.url}/zoom"))
    end = datetime(2026, 10, 27, 12, tzinfo=UTC)
    unsettled = zoom.settled(Window(WINDOW.start, end), min(ahead, end))
    with zoom.api() as api:
        found = [each["uuid"] for each in zoom._occurrences(api, unsettled)]
    assert found == []
    with zoom.api() as api:
        found = [each["uuid"] for each in zoom._occurrences(api, Window(WINDOW.start, end))]
    assert [ended[uuid] for uuid in found] == ["2026-10-27T10:03:00Z"]


def test_a_row_that_comes_days_late_changes_just_that_persons_attendance(server: Running) -> None:
    friday = Window(datetime(2026, 10, 30, tzinfo=UTC), datetime(2026, 10, 31, tzinfo=UTC))
    server.world.until = datetime(2026, 11, 2, 1, tzinfo=UTC)
    zoom, early = pull(server, friday)
    server.world.until = CLOCK
    _, late = pull(server, friday)

    def attended(records: list[Record]) -> dict[str, dict[str, Any]]:
        made = statements_of(mapped(zoom, landed(zoom, records))[1])
        return {extension(each, "record"): each for each in made if each["verb"]["id"] == verbs.ATTENDED.iri}

    before, after = attended(early), attended(late)
    assert set(before) == set(after) != set()
    changed = [fact for fact in after if before[fact]["id"] != after[fact]["id"]]
    assert len(changed) == 1
    assert before[changed[0]]["result"]["duration"] != after[changed[0]]["result"]["duration"]


_VENDOR = (
    "report-webinars-{webinarId}-participants_GET",
    "report-meetings-{meetingId}-participants_GET",
    "past_webinars-{webinarId}-participants_GET",
    "webinars-{webinarId}-registrants_GET",
    "report-webinars-{webinarId}-qa_GET",
    "report-meetings-{meetingId}-qa_GET",
    "past_webinars-{webinarId}-qa_GET",
    "report-webinars-{webinarId}-polls_GET",
    "report-meetings-{meetingId}-polls_GET",
    "past_meetings-{meetingId}-polls_GET",
)


@pytest.mark.parametrize("name", _VENDOR)
def test_the_vendors_own_examples_are_read(shared: Path, zoom: Zoom, name: str) -> None:
    file = shared / "recordings" / "zoom" / "endpoints" / f"{name}.json"
    if not file.exists():
        pytest.skip("the vendor's examples are not here")
    mapper, made = outcomes(zoom, {"uuid": "4444AAAiAAAAAiAiAiiAii==", **json.loads(file.read_text())})
    assert mapper.counts.quarantined.total() == 0
    assert mapper.counts.built == (2 if name.startswith("report") and name.endswith("qa_GET") else 1)
    assert "jchill" not in json.dumps(made)
    assert "Jill" not in json.dumps(made)


def test_the_vendors_own_events_are_read(shared: Path, zoom: Zoom) -> None:
    folder = shared / "recordings" / "zoom" / "webhooks"
    if not folder.exists():
        pytest.skip("the vendor's examples are not here")
    names = ("webinar.participant_joined", "webinar.participant_left", "webinar.ended", "meeting.started", "webinar.registration_denied", "webinar.chat_message_sent")  # fmt: skip
    mapper, made = outcomes(zoom, *(json.loads((folder / f"{name}.json").read_text()) for name in names))
    assert durations(made) == ["PT1H6M"]
    assert mapper.counts.ignored == {
        "event or list that tells of nobody's attendance": 2,
        "direct message or private group: never counted": 1,
        "registration that was not approved": 1,
    }
    assert mapper.counts.quarantined.total() == 0


# --- through the LRS -------------------------------------------------------------------------------------------------------------------


def test_a_late_row_becomes_one_voiding_and_one_new_statement_in_the_lrs(server: Running, tmp_path: Path) -> None:
    from leerstroom import nightly
    from leerstroom.lrs import running as running_lrs
    from leerstroom.settings import Settings

    fields = connection(f"{server.url}/zoom")
    with running_lrs(database=f"sqlite:///{tmp_path}/lrs.sqlite", key="k", secret="a secret of the test") as lrs:
        file = tmp_path / "leerstroom.yaml"
        file.write_text(
            json.dumps({
                "organisation": {"name": "Voorbeeldstad", "home_page": "https://people.voorbeeldstad.example"},
                "data": str(tmp_path / "data"),
                "directory": {"employees": str(RECORDINGS / "demo" / "employees.csv")},
                "lrs": {"endpoint": lrs.endpoint, "key": lrs.key, "secret": lrs.secret},
                "hr": {"out": str(tmp_path / "hr")},
                "pseudonym_key": "a pseudonym key for the tests only",
                "connections": {"webinars": {"source": "zoom", **fields}},
            })
        )
        settings = Settings.load(file)

        def night(until: datetime) -> dict[str, Any]:
            server.world.until = until
            start = datetime(2026, 10, 30, tzinfo=UTC)
            which = nightly.connection_of(settings, "webinars")
            pulled = nightly.pull(which, start, start + timedelta(days=1), settings=settings, run_id=str(until))
            made = nightly.map_landing(which, pulled["path"], settings=settings, run_id=str(until))
            return nightly.load("webinars", made["path"], settings=settings, run_id=str(until))["counts"]

        def held() -> list[dict[str, Any]]:
            found = nightly.lrs_of(settings).query(verb=verbs.ATTENDED.iri)  # and what refers to them: voidings
            return [each for each in found if each["verb"]["id"] == verbs.ATTENDED.iri]

        nights = []
        for day in (1, 2, 4, 5):  # the row comes on the third; registrations come on every day
            voids = night(datetime(2026, 11, day, tzinfo=UTC))["voids"]
            nights.append((voids, {each["id"] for each in held()}))
    (_, first), (_, again), (_, late), (_, repeated) = nights
    assert [voids for voids, _ in nights] == [0, 0, 1, 0]
    assert first == again
    assert late == repeated
    assert (len(late - first), len(first - late)) == (1, 1)
