"""Microsoft Teams: the contract of all sources, and every trap of attendance reports by its name."""

import json
import logging
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
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

from connectors.mapping import Mapper
from connectors.source import Record, Window
from connectors.sources.teams import Teams
from leerstroom.errors import BadRecord, ConfigurationError, CredentialsRefused
from leerstroom.people import Directory, Employee
from leerstroom.replay import Fault, Running, running
from leerstroom.statements import types, verbs
from leerstroom.statements.vocabulary import EXTENSION_BASE

TENANT = "5d1f0c6e-8a3b-4c1d-9e77-0a6d2f4b9c10"
DATA = json.loads((RECORDINGS / "teams" / "teams.json").read_text())
USERS = {each["mail"].split("@")[0]: each for each in DATA["users"]}
FIELDS = {"tenant_id": TENANT, "client_id": "leerstroom", "client_secret": "a-secret-of-the-tests"}
WINDOW = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC))
CLOCK = datetime(2026, 11, 24, tzinfo=UTC)
ORGANIZER = USERS["carla.visser"]["id"]


def connection(url: str | None, **fields: Any) -> dict[str, Any]:
    where = url or "http://127.0.0.1:9"
    return {"host": f"{where}/v1.0", "oauth_host": where, **FIELDS, "requests_per_minute": 60_000, **fields}


class TestTeams(SourceContract):
    source = Teams
    recordings = RECORDINGS / "teams"
    window = WINDOW
    clock = CLOCK
    paged = "/registrations"
    names = ("Anouk Jansen", "Jan Jansen", "Iris van Dalen", "teamsvisitor", "31612345678", "Aangeboden door")

    def connection(self, url: str | None) -> dict[str, Any]:
        organizers = [USERS[name]["id"] for name in ("anouk.jansen", "bas.de.groot", "carla.visser")]
        return connection(url, organizers=organizers, meetings=["Leerlunch*", "masterclass*"])


@pytest.mark.parametrize("pair", pairs("teams"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(Teams, pair)


# --- reports, record by record ------------------------------------------------------------------------------------------------------

START = datetime(2026, 11, 3, 9, tzinfo=UTC)
ANNA = "0b5cbb1c-3a70-4f7e-8a53-2d8c7b1b1a01"


def interval(first: float, last: float) -> dict[str, Any]:
    joined, left = ((START + timedelta(minutes=at)).strftime("%Y-%m-%dT%H:%M:%S.0000001Z") for at in (first, last))
    return {"joinDateTime": joined, "leaveDateTime": left, "durationInSeconds": round(60 * (last - first))}


def person(
    *intervals: tuple[float, float], user: str | None = ANNA, email: str = "", role: str = "Attendee", **more: Any
) -> dict[str, Any]:
    return {
        "emailAddress": email,
        "totalAttendanceInSeconds": 60,
        "role": role,
        "identity": {"id": user, "displayName": "Anna Jansen", "tenantId": None},
        "attendanceIntervals": [interval(*each) for each in intervals],
        **more,
    }


def report(*records: dict[str, Any], id: str = "r1", place: str = "solutions/virtualEvents/webinars('w1')/sessions('s1')") -> dict[str, Any]:  # fmt: skip
    return {
        "@odata.context": f"https://graph.microsoft.com/v1.0/$metadata#{place}/attendanceReports('{id}')",
        "id": id,
        "totalParticipantCount": len(records),
        "meetingStartDateTime": "2026-11-03T09:00:00.945Z",
        "meetingEndDateTime": "2026-11-03T10:00:00.77Z",
        "attendanceRecords": list(records),
    }


@pytest.fixture
def teams() -> Teams:
    return completed(Teams, connection(None))


def outcomes(teams: Teams, *payloads: Any, directory: Directory | None = None) -> tuple[Mapper, list]:
    mapper = Mapper(teams, people_of(teams, directory))
    records = [teams.minimise(record, KEY) for each in payloads for record in teams.read(each)]
    return mapper, list(mapper.statements(records))


def durations(made: list) -> list[str]:
    return [each["result"]["duration"] for each in statements_of(made)]


def extension(statement: dict[str, Any], name: str) -> Any:
    return statement["context"]["extensions"].get(EXTENSION_BASE + name)


def test_intervals_of_a_person_are_united_and_the_vendors_total_is_not_believed(teams: Teams) -> None:
    _, made = outcomes(teams, report(person((0, 20), (10, 30), (40, 50), totalAttendanceInSeconds=9999)))
    assert durations(made) == ["PT40M"]
    assert made[0]["timestamp"] == "2026-11-03T09:50:00.000Z"


def test_a_meeting_that_was_reopened_is_one_more_occurrence_of_the_same_webinar(teams: Teams) -> None:
    _, made = outcomes(teams, report(person((0, 20))), report(person((90, 100)), id="r2"))
    assert durations(made) == ["PT20M", "PT10M"]
    assert len({each["object"]["id"] for each in made}) == len({each["context"]["registration"] for each in made}) == 2
    assert len({each["context"]["contextActivities"]["grouping"][0]["id"] for each in made}) == 1


def test_a_list_of_reports_without_records_is_no_empty_meeting(teams: Teams) -> None:
    page = {"value": [{**report(), "@odata.context": ""}, {**report(id="r2"), "@odata.context": ""}]}
    mapper, made = outcomes(teams, page)
    assert made == []
    assert mapper.counts.ignored == {"report without its attendance records": 2}


def test_an_empty_address_is_nobodys_and_the_object_id_stands_for_the_person(teams: Teams) -> None:
    directory = Directory([Employee("E1", platform_ids=(("teams", ANNA),), emails=("anna@x.nl",))])
    other = "1d6f3a52-9a0c-4c8e-8f60-7b8de5a3c002"
    _, made = outcomes(teams, report(person((0, 20)), person((0, 30), user=other), person((5, 40), user=other, email="anna@x.nl")), directory=directory)  # fmt: skip
    assert durations(made) == ["PT40M"], "the directory knows that both are one"
    _, made = outcomes(teams, report(person((0, 20)), person((0, 30), user=other)))
    assert len({each["actor"]["account"]["name"] for each in made}) == 2


def test_visitors_of_one_name_stay_strangers_and_of_this_occurrence_only(teams: Teams) -> None:
    first, second = (person((0, 20), user=f"teamsvisitor:{each}") for each in ("a1", "b2"))
    directory = Directory([Employee("E1", emails=("anna@x.nl",), platform_ids=(("teams", "teamsvisitor:a1"),))])
    _, made = outcomes(teams, report(first, second), report(first, id="r2"), directory=directory)
    assert len({each["actor"]["account"]["name"] for each in made}) == 3
    assert {each["actor"]["account"]["homePage"] for each in made} == {teams.tenant}
    assert "teamsvisitor" not in json.dumps(made)


def test_somebody_without_any_id_is_a_stranger_and_not_lost(teams: Teams) -> None:
    nobody = person((0, 20), user=None)
    _, made = outcomes(teams, report(nobody, {**person((3, 20)), "identity": None}))
    assert durations(made) == ["PT20M", "PT17M"]
    assert len({each["actor"]["account"]["name"] for each in made}) == 2


def test_who_organises_or_presents_teaches_and_does_not_take_part(teams: Teams) -> None:
    others = ["Organizer", "Presenter", "Attendee", "None"]
    rows = [person((0, 20), user=ANNA[:-1] + str(number), role=role) for number, role in enumerate(others)]
    _, made = outcomes(teams, report(*rows))
    assert sorted(extension(each, "actor-role") for each in made) == ["organizer", "participant", "participant", "presenter"]  # fmt: skip
    assert {each["verb"]["id"] for each in made} == {verbs.ATTENDED.iri}


def test_an_application_is_no_person(teams: Teams) -> None:
    robot = person((0, 20))
    robot["identity"]["@odata.type"] = "#microsoft.graph.communicationsApplicationIdentity"
    mapper, made = outcomes(teams, report(robot))
    assert made == []
    assert mapper.counts.ignored == {"application, no person": 1}


def test_seven_digits_of_a_second_and_no_zone_are_read(teams: Teams) -> None:
    page = {
        "value": [{"id": "g1", "email": "a@x.nl", "userId": "String", "registrationDateTime": "2023-03-07T22:04:17"}]
    }
    _, [made] = outcomes(teams, page)
    assert made["timestamp"] == "2023-03-07T22:04:17.000Z", "Graph writes UTC and leaves the Z out"
    times = {"joinDateTime": "2021-10-05T04:38:27.6027225Z", "leaveDateTime": "2021-10-05T04:43:49.7702391Z"}
    _, [made] = outcomes(teams, report({**person(), "attendanceIntervals": [times]}))
    assert made["result"]["duration"] == "PT5M22.17S"


@pytest.mark.parametrize(("zone", "minutes"), [("Pacific Standard Time", 420), ("W. Europe Standard Time", 420), ("Europe/Amsterdam", 420), ("Customized Time Zone", None)])  # fmt: skip
def test_names_of_windows_time_zones_are_understood_and_unknown_ones_stop_nothing(
    teams: Teams, zone: str, minutes: int | None
) -> None:
    webinar = {
        "id": "w1", "status": "published", "displayName": "Techniek",
        "startDateTime": {"dateTime": "2023-03-30T10:00:00", "timeZone": zone},
        "endDateTime": {"dateTime": "2023-03-30T17:00:00", "timeZone": zone},
    }  # fmt: skip
    _, [made] = outcomes(teams, {"value": [webinar]}, report(person((0, 20))))
    assert extension(made, "scheduled-minutes") == minutes
    assert made["object"]["definition"]["name"] == {"und": "Techniek"}


def test_a_clock_change_between_start_and_end_is_counted(teams: Teams) -> None:
    night = {
        "id": "w1", "displayName": "Nachtdienst",
        "startDateTime": {"dateTime": "2026-10-25T01:00:00", "timeZone": "W. Europe Standard Time"},
        "endDateTime": {"dateTime": "2026-10-25T04:00:00", "timeZone": "W. Europe Standard Time"},
    }  # fmt: skip
    _, [made] = outcomes(teams, {"value": [night]}, report(person((0, 20))))
    assert extension(made, "scheduled-minutes") == 240


def test_registrations_that_were_cancelled_or_never_approved(teams: Teams) -> None:
    told = {"email": "a@x.nl", "registrationDateTime": "2026-11-01T09:00:00Z"}
    rows = [
        {"id": "g1", "status": "canceled", "cancelationDateTime": "2026-11-02T10:00:00", **told},
        {"id": "g2", "status": "waitlisted", **told},
        {"id": "g3", "status": "pendingApproval", **told},
        {"id": "g4", "status": "registered", **told, "registrationDateTime": "0001-01-01T00:00:00Z"},
    ]
    context = "https://graph.microsoft.com/v1.0/$metadata#solutions/virtualEvents/webinars('w1')/registrations"
    mapper, made = outcomes(teams, {"@odata.context": context, "value": rows})
    assert [(each["verb"]["id"], each["timestamp"][:13]) for each in statements_of(made)] == [
        (verbs.REGISTERED.iri, "2026-11-01T09"),
        (verbs.UNREGISTERED.iri, "2026-11-02T10"),
    ]
    assert {each["object"]["id"] for each in statements_of(made)} == {f"{teams.tenant}/webinars/w1"}
    assert mapper.counts.ignored == {"registration that was not approved": 2}
    assert mapper.counts.quarantined == {"registrationDateTime: time is missing": 1}


def test_a_record_that_makes_no_sense_is_quarantined_alone(teams: Teams) -> None:
    def told(**more: Any) -> dict[str, Any]:
        return {**person((0, 20)), **more}

    half = [{"joinDateTime": "2026-11-03T09:00:00Z"}]
    mapper, made = outcomes(
        teams,
        report(
            told(),
            told(attendanceIntervals=[interval(20, 10)]),
            told(attendanceIntervals=half),
            told(attendanceIntervals=[{"joinDateTime": "soon", "leaveDateTime": "later"}]),
            told(attendanceIntervals=7),
            told(attendanceIntervals=[]),
            told(attendanceIntervals=[], totalAttendanceInSeconds=0),
            {"nothing": "known"},
        ),
    )
    assert durations(made) == ["PT20M"]
    assert mapper.counts.ignored == {"listed, but never joined": 1}
    assert mapper.counts.quarantined == {
        "leave_time lies before join_time": 1,
        "leaveDateTime: time is missing": 1,
        "joinDateTime: time is not in ISO 8601": 1,
        "attendanceIntervals: no list of intervals": 2,
        "attendanceIntervals: none, though the record counts seconds": 1,
    }
    assert mapper.counts.balances


def test_an_invitation_a_call_and_a_notification_are_nobodys_presence(teams: Teams) -> None:
    rows = [
        {"id": "e1", "subject": "Training", "attendees": [{"status": {"response": "accepted"}}], "start": {}},
        {"id": "c1", "type": "groupCall", "modalities": ["audio"], "participants": []},
        {"subscriptionId": "s", "changeType": "created", "resource": "x", "resourceData": {}},
        {"id": "w1", "displayName": "Webinar", "startDateTime": None},
    ]
    mapper, made = outcomes(teams, {"value": rows})
    assert made == []
    assert mapper.counts.ignored.total() == 4
    assert len(mapper.counts.ignored) == 4


def test_a_batch_and_an_exchange_are_read_and_the_path_says_whose_report_it_is(teams: Teams) -> None:
    page = {"value": [person((0, 20))]}
    path = "/v1.0/solutions/virtualEvents/webinars/w1%40t/sessions/s1/attendanceReports/r1/attendanceRecords"
    for payload in (
        {"request": {"method": "GET", "path": path}, "response": {"status": 200, "body": page}},
        {"request": f"GET https://graph.microsoft.com{path}?$top=50", "response": page},
        {"request": {"path": path}, "response": {"responses": [{"id": "1", "status": 200, "body": page}]}},
    ):
        [record] = teams.read(payload)
        assert (record["occurrence"], record["meeting"]) == ("r1", {"id": "w1@t", "kind": "webinar"})
    with pytest.raises(BadRecord):
        list(teams.read({"request": path, "response": {"status": 404, "body": {"error": {"code": "NotFound"}}}}))


def test_records_without_a_report_are_one_occurrence_and_again_the_same(teams: Teams) -> None:
    page = {"value": [person((0, 20)), person((5, 30), user=None, email="b@x.nl")]}
    first, second = (statements_of(outcomes(teams, page)[1]) for _ in range(2))
    assert first == second
    assert len({each["context"]["registration"] for each in first}) == 1


def test_the_id_of_a_meeting_holds_its_organiser_and_does_not_land(teams: Teams) -> None:
    place = f"users('{ANNA}')/onlineMeetings('MSowYjVjYmIxYw')"
    _, [made] = outcomes(teams, report(person((0, 20)), place=place))
    assert made["object"]["definition"]["type"] == types.MEETING
    assert made["context"]["contextActivities"]["grouping"][0]["definition"]["type"] == types.MEETING
    assert "MSowYjVjYmIxYw" not in json.dumps(made)
    assert ANNA not in json.dumps(made)


def test_joins_and_leaves_are_stated_for_each_interval_when_asked_for() -> None:
    teams = completed(Teams, connection(None, intervals=True))
    mapper, made = outcomes(teams, report(person((0, 20), (30, 60))))
    assert [each["verb"]["id"] for each in made] == [verbs.ATTENDED.iri, *[verbs.JOINED.iri, verbs.LEFT.iri] * 2]
    assert len({each["id"] for each in made}) == len({extension(each, "record") for each in made}) + 2 == 5
    assert mapper.counts.balances


# --- against the replay --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def server():
    with running(RECORDINGS, only=("teams",), clock=CLOCK) as started:
        yield started


def pull(server: Running, window: Window = WINDOW, **fields: Any) -> tuple[Teams, list[Record]]:
    teams = completed(Teams, connection(f"{server.url}/teams", **fields))
    with teams.api() as api:
        return teams, list(teams.pull(api, window))


def made_of(teams: Teams, records: list[Record], directory: Directory | None = None) -> list[dict[str, Any]]:
    return statements_of(mapped(teams, landed(teams, records), directory)[1])


def topics(records: list[Record]) -> Counter[str]:
    return Counter(record["meeting"]["topic"] for record in records if record.kind == "attendance")


def test_every_report_is_expanded_to_its_last_page(server: Running) -> None:
    _, records = pull(server)
    assert topics(records) == {"Prompts die werken": 17, "Veilig tillen": 9, "Jaarplan in een uur": 16}
    asked = [path for _, _, path in server.faults.asked if path.endswith("/attendanceRecords")]
    assert len(asked) == 2, "two reports go on behind a link"


def test_registrations_are_read_before_the_webinar_and_cancelled_ones_too(server: Running) -> None:
    before = Window(datetime(2026, 10, 26, tzinfo=UTC), datetime(2026, 10, 27, tzinfo=UTC))
    server.world.until = before.end
    teams, records = pull(server, before)
    early = made_of(teams, records)
    assert {each["verb"]["id"] for each in early} == {verbs.REGISTERED.iri}
    server.world.until = CLOCK
    teams, records = pull(server)
    late = [each for each in made_of(teams, records) if each["verb"]["id"] != verbs.ATTENDED.iri]
    assert len(early) < len(late) == 15
    assert {each["id"] for each in early} <= {each["id"] for each in late}
    assert sum(each["verb"]["id"] == verbs.UNREGISTERED.iri for each in late) == 1


def test_who_came_by_the_link_of_a_registration_is_known_by_its_address(server: Running) -> None:
    directory = Directory([Employee("E1", emails=("iris@adviesbureau.example",))])
    teams, records = pull(server)
    mine = [each for each in made_of(teams, records, directory) if each["actor"]["account"]["homePage"].startswith("https://people")]  # fmt: skip
    assert {each["verb"]["id"] for each in mine} == {verbs.REGISTERED.iri, verbs.ATTENDED.iri}


def test_only_meetings_on_the_list_are_read_and_only_their_organisers_calendar(server: Running) -> None:
    _, records = pull(server, organizers=[ORGANIZER], meetings=["leerlunch*"])
    assert topics(records) == {"Leerlunch Wijkzorg": 8}
    assert {record["meeting"]["minutes"] for record in records} == {45}
    calendars = [path for _, _, path in server.faults.asked if "calendarView" in path]
    assert calendars == [f"/teams/v1.0/users/{ORGANIZER}/calendarView"]


def test_where_everyone_may_present_a_presenter_takes_part(server: Running) -> None:
    teams, records = pull(server, organizers=[USERS["carla.visser"]["mail"]], meetings=["*"])
    roles = Counter(
        (each["object"]["definition"]["name"]["und"], extension(each, "actor-role")) for each in made_of(teams, records)
    )
    assert roles == {
        ("Leerlunch Wijkzorg", "organizer"): 2,
        ("Leerlunch Wijkzorg", "participant"): 6,
        ("Masterclass Wondzorg", "organizer"): 1,
        ("Masterclass Wondzorg", "presenter"): 1,
        ("Teamoverleg", "organizer"): 1,
        ("Teamoverleg", "participant"): 1,
    }


def test_two_occurrences_of_one_recurring_meeting_stay_two(server: Running) -> None:
    teams, records = pull(server, organizers=[ORGANIZER], meetings=["leerlunch*"])
    made = made_of(teams, records)
    assert len({each["object"]["id"] for each in made}) == 2
    assert len({each["context"]["contextActivities"]["grouping"][0]["id"] for each in made}) == 1


def test_an_organiser_without_an_access_policy_is_left_out_and_the_check_says_so(server: Running) -> None:
    teams, records = pull(server)
    assert "Van een organisator zonder beleid" not in topics(records)
    with teams.api() as api:
        said = teams.check(api)
    assert said.startswith("the token is accepted, 3 webinars and town halls are shown")
    assert "without an application access policy are left out" in said


def test_a_meeting_of_an_organiser_without_a_policy_says_what_to_do(server: Running) -> None:
    server.faults.waiting[:] = [Fault("forbidden", path="/onlineMeetings", times=9)]
    with pytest.raises(CredentialsRefused, match=r"403 Forbidden.*application access policy"):
        pull(server, organizers=[ORGANIZER], meetings=["*"])


def test_meetings_without_organisers_are_told(server: Running) -> None:
    with pytest.raises(ConfigurationError, match="whose calendars"):
        pull(server, meetings=["*"])


def test_a_wrong_secret_is_told_without_showing_it(server: Running) -> None:
    with pytest.raises(CredentialsRefused) as caught:
        pull(server, client_secret="not the secret")
    assert "contract" in str(caught.value)
    assert "not the secret" not in str(caught.value)


def test_a_report_that_counts_people_and_shows_none_is_noticed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = json.loads(json.dumps(DATA))
    for event in data["events"]:
        for session in event["_sessions"]:
            for each in session["_reports"]:
                each["_records"] = []
    (tmp_path / "teams").mkdir()
    (tmp_path / "teams" / "teams.json").write_text(json.dumps(data))
    caplog.set_level(logging.WARNING)
    with running(tmp_path, clock=CLOCK) as alone:
        _, records = pull(alone)
    assert topics(records) == {}
    assert sum("counts participants and shows none" in each.getMessage() for each in caplog.records) == 4


def test_what_has_not_settled_waits_for_the_next_window(teams: Teams) -> None:
    night = Window(datetime(2026, 11, 3, tzinfo=UTC), datetime(2026, 11, 4, tzinfo=UTC))
    at_two = datetime(2026, 11, 4, 2, tzinfo=UTC)
    assert teams.settled(night, at_two) == Window(night.start, datetime(2026, 11, 3, 18, tzinfo=UTC))
    assert teams.settled(night, at_two + timedelta(hours=4)) == night


@pytest.mark.parametrize(
    ("name", "built", "ignored"),
    [
        ("attendanceRecords-list", 2, 0),
        ("attendanceReports-list", 0, 2),
        ("callRecord-get-1", 0, 1),
        ("callRecord-get-2", 0, 1),
        ("event-delta-1", 0, 1),
        ("event-get-1", 0, 1),
        ("events-list-1", 0, 1),
        ("virtualEvent-registrations-list", 1, 0),
        ("virtualEvent-webinars-list", 0, 1),
    ],
)
def test_the_vendors_own_examples_are_read(shared: Path, teams: Teams, name: str, built: int, ignored: int) -> None:
    file = shared / "recordings" / "teams-graph" / f"{name}.json"
    if not file.exists():
        pytest.skip("the vendor's examples are not here")
    mapper, made = outcomes(teams, json.loads(file.read_text()))
    assert (mapper.counts.built, mapper.counts.ignored.total()) == (built, ignored)
    assert mapper.counts.quarantined.total() == 0
    assert "contoso" not in json.dumps(made)
    assert "Cormier" not in json.dumps(made)
