"""Google Meet: the contract of all sources, and every trap of conferences by its name."""

import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from source_contract import (  # fmt: skip
    KEY,
    SourceContract,
    check_pair,
    completed,
    landed,
    mapped,
    pairs,
    people_of,
    statements_of,
)
from workspace import account, recordings

from connectors.mapping import Mapper
from connectors.source import Record, Window
from connectors.sources.meet import Meet
from leerstroom.errors import BadRecord, CredentialsRefused, QuotaExhausted
from leerstroom.people import Directory, Employee
from leerstroom.replay import Fault, Running, running
from leerstroom.statements import types, verbs
from leerstroom.statements.vocabulary import EXTENSION_BASE

FOLDER = recordings("meet")
DATA = json.loads((FOLDER / "meet.json").read_text())
IDS = {address.split("@")[0]: number for address, number in DATA["users"].items()}
WINDOW = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC))
CLOCK = datetime(2026, 11, 24, tzinfo=UTC)
ANJA, DEWI = (f"{name}@voorbeeldschool.example" for name in ("anja.bakker", "dewi.sari"))


def connection(url: str | None, **fields: Any) -> dict[str, Any]:
    titles = {"abc-mnop-xyz": "Webinar toetsing", "kri-ngle-ren": "Leerkring rekenen"}
    mine = {"users": [ANJA, DEWI], "meetings": ["webinar*", "kri-ngle-ren"], "titles": titles}
    return {**account(url), **mine, **fields}


class TestMeet(SourceContract):
    source = Meet
    recordings = FOLDER
    window = WINDOW
    clock = CLOCK
    paged = f"/{DATA['conferences'][0]['name']}/participants"
    has_quota = True
    names = ("Anja Bakker", "Jan Jansen", "Overlegruimte", "31 6", *IDS.values())

    def connection(self, url: str | None) -> dict[str, Any]:
        return connection(url)

    def test_a_limit_beyond_patience_is_told_with_its_length(self, wire: Running) -> None:
        """Google never says how long; that a day is spent stands in words."""
        wire.faults.waiting[:] = [Fault("too_many", path="/v2/", times=100, seconds=86_400)]
        with pytest.raises(QuotaExhausted):
            self.pulled(wire)


@pytest.mark.parametrize("pair", pairs("meet"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(Meet, pair)


# --- conferences, participant by participant -----------------------------------------------------------------------------------------

START = datetime(2026, 11, 3, 14, tzinfo=UTC)
SIGNED_IN = {"signedinUser": {"user": "users/111", "displayName": "Anna"}}


def at(minute: float) -> str:
    return (START + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%S.123456789Z")


def participants(*rows: dict[str, Any], conference: str = "r1") -> dict[str, Any]:
    names = (row.pop("name", f"p{number}") for number, row in enumerate(rows, 1))
    return {"participants": [{"name": f"conferenceRecords/{conference}/participants/{name}", **row} for name, row in zip(names, rows, strict=True)]}  # fmt: skip


def sessions(participant: str, *stays: tuple[float, float | None], conference: str = "r1") -> dict[str, Any]:
    place = f"conferenceRecords/{conference}/participants/{participant}/participantSessions"
    return {
        "participantSessions": [
            {
                "name": f"{place}/s{number}",
                "startTime": at(first),
                **({"endTime": at(last)} if last is not None else {}),
            }
            for number, (first, last) in enumerate(stays)
        ]
    }


@pytest.fixture
def meet() -> Meet:
    return completed(Meet, connection(None))


def outcomes(meet: Meet, *payloads: Any, directory: Directory | None = None) -> tuple[Mapper, list]:
    mapper = Mapper(meet, people_of(meet, directory))
    records = [meet.minimise(record, KEY) for each in payloads for record in meet.read(each)]
    return mapper, list(mapper.statements(records))


def durations(made: list) -> list[str]:
    return [each["result"]["duration"] for each in statements_of(made)]


def extension(statement: dict[str, Any], name: str) -> Any:
    return statement["context"]["extensions"].get(EXTENSION_BASE + name)


def test_sessions_of_two_devices_overlap_and_count_once(meet: Meet) -> None:
    mapper, [made] = outcomes(meet, participants(dict(SIGNED_IN)), sessions("p1", (0, 30), (20, 40), (50, 55)))
    assert made["result"]["duration"] == "PT45M"
    assert made["timestamp"] == "2026-11-03T14:55:00.123Z"
    assert extension(made, "rule") is None
    assert mapper.counts.balances


def test_two_conferences_of_one_person_stay_two_and_nine_digits_of_a_second_are_read(meet: Meet) -> None:
    told = [part for name in ("r1", "r2") for part in (participants(dict(SIGNED_IN), conference=name), sessions("p1", (0, 30), conference=name))]  # fmt: skip
    _, made = outcomes(meet, *told)
    assert durations(made) == ["PT30M", "PT30M"]
    assert len({each["object"]["id"] for each in statements_of(made)}) == 2
    assert {each["timestamp"] for each in statements_of(made)} == {"2026-11-03T14:30:00.123Z"}


def test_pages_of_sessions_are_one_persons_in_any_order(meet: Meet) -> None:
    pages = [sessions("p1", (0, 30)), participants(dict(SIGNED_IN)), sessions("p1", (30, 40))]
    [first], [second] = (outcomes(completed(Meet, connection(None)), *order)[1] for order in (pages, pages[::-1]))
    assert (durations([first]), durations([second])) == (["PT40M"], ["PT40M"])
    assert first["actor"] == second["actor"]


def test_without_sessions_the_time_between_is_a_guess_and_says_so(meet: Meet) -> None:
    _, [made] = outcomes(meet, participants({**SIGNED_IN, "earliestStartTime": at(0), "latestEndTime": at(50)}))
    assert (made["result"]["duration"], extension(made, "rule"), extension(made, "confidence")) == ("PT50M", "first-join-to-last-leave", 0.6)  # fmt: skip


def test_a_conference_that_still_runs_makes_no_statement(meet: Meet) -> None:
    running_on = {"conferenceRecords": [{"name": "conferenceRecords/r1", "startTime": at(0), "space": "spaces/x"}]}
    present = participants({**SIGNED_IN, "earliestStartTime": at(0)})
    mapper, made = outcomes(meet, running_on, present)
    assert made == []
    assert mapper.counts.ignored == {"conference that still runs": 1, "participant who has not left yet": 1}
    mapper, made = outcomes(meet, participants(dict(SIGNED_IN)), sessions("p1", (0, 10), (20, None)))
    assert statements_of(made) == []
    assert mapper.counts.quarantined == {"endTime: time is missing": 3}, "a union without it would be too short"


def test_anonymous_people_and_telephones_are_strangers_of_this_conference_only(meet: Meet) -> None:
    told = [{"anonymousUser": {"displayName": "Jan"}}, {"anonymousUser": {"displayName": "Jan"}}, {"phoneUser": {"displayName": "+31 6 ●●●● ●●12"}}]  # fmt: skip
    payloads = [
        payload
        for conference in ("r1", "r2")
        for payload in (
            participants(*(dict(each) for each in told), conference=conference),
            *(sessions(f"p{number}", (0, 20), conference=conference) for number in (1, 2, 3)),
        )
    ]
    directory = Directory([Employee("E1", emails=("jan@x.nl",), platform_ids=(("meet", "Jan"),))])
    _, made = outcomes(meet, *payloads, directory=directory)
    assert len(made) == len({each["actor"]["account"]["name"] for each in made}) == 6
    assert {each["actor"]["account"]["homePage"] for each in made} == {meet.tenant}


def test_the_directory_knows_people_by_their_google_id_and_never_by_an_address(meet: Meet) -> None:
    directory = Directory([Employee("E1", platform_ids=(("meet", "111"),), emails=("anna@x.nl",))])
    _, [made] = outcomes(meet, participants(dict(SIGNED_IN)), sessions("p1", (0, 20)), directory=directory)
    assert made["actor"]["account"]["homePage"] == "https://people.voorbeeldstad.example"
    _, [made] = outcomes(meet, participants(dict(SIGNED_IN)), sessions("p1", (0, 20)))
    assert made["actor"]["account"]["homePage"] == meet.tenant


def test_a_room_device_is_signed_in_like_a_person_and_left_out_by_the_exclusion_list(meet: Meet) -> None:
    directory = Directory(excluded_accounts=[("meet", "111")])
    mapper, made = outcomes(meet, participants(dict(SIGNED_IN)), sessions("p1", (0, 20)), directory=directory)
    assert made == []
    assert mapper.counts.ignored == {"account on the exclusion list": 2}


def test_what_is_nothing_of_meets_is_refused_and_an_empty_list_is_no_error(meet: Meet) -> None:
    assert list(meet.read({})) == []
    for payload in ({"name": "spaces/abc"}, {"kind": "discovery"}, {"response": []}):
        with pytest.raises(BadRecord):
            list(meet.read(payload))


def test_a_row_that_is_none_stops_no_others(meet: Meet) -> None:
    page = participants(dict(SIGNED_IN), dict(SIGNED_IN))
    page["participants"][1:1] = [7, {"name": 7}]
    mapper, made = outcomes(meet, page, sessions("p1", (0, 20)), sessions("p2", (0, 20)))
    assert mapper.counts.quarantined == {"no conference, participant or session of Google Meet": 2}
    assert mapper.counts.balances
    assert made


def test_joins_and_leaves_are_stated_for_each_session_when_asked_for() -> None:
    meet = completed(Meet, connection(None, intervals=True))
    _, made = outcomes(meet, participants(dict(SIGNED_IN)), sessions("p1", (0, 20), (30, 40)))
    assert [each["verb"]["id"] for each in made] == [verbs.ATTENDED.iri, *[verbs.JOINED.iri, verbs.LEFT.iri] * 2]
    assert len({each["id"] for each in made}) == 5


# --- against the replay --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def server():
    with running(FOLDER.parent, only=("meet",), clock=CLOCK) as started:
        yield started


def pull(server: Running, window: Window = WINDOW, **fields: Any) -> tuple[Meet, list[Record]]:
    meet = completed(Meet, connection(f"{server.url}/meet", **fields))
    with meet.api() as api:
        return meet, list(meet.pull(api, window))


def made_of(meet: Meet, records: list[Record], directory: Directory | None = None) -> list[dict[str, Any]]:
    return statements_of(mapped(meet, landed(meet, records), directory)[1])


def titles(records: list[Record]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for record in records:
        found.setdefault(record["meeting"]["topic"], set()).add(record["occurrence"])
    return found


def test_only_meetings_on_the_list_are_read_and_each_conference_once(server: Running) -> None:
    _, records = pull(server)
    assert {title: len(each) for title, each in titles(records).items()} == {"Webinar toetsing": 2, "Leerkring rekenen": 1}  # fmt: skip
    assert len({record.key for record in records}) == len(records)
    spaces = [path.rsplit("/", 1)[1] for _, _, path in server.faults.asked if "participantSessions" in path or path.endswith("/participants")]  # fmt: skip
    assert len(spaces) == len(records) + 8, "people of other meetings are never asked for"


def test_a_person_sees_only_what_they_own_or_joined(server: Running) -> None:
    _, records = pull(server, users=[DEWI], meetings=["*"])
    assert titles(records) == {topic: ids for topic, ids in titles(pull(server, meetings=["*"])[1]).items() if topic != "Webinar toetsing" and topic != "eve-nbij-ptn"} | {"Webinar toetsing": titles(records)["Webinar toetsing"]}  # fmt: skip
    assert len(titles(records)["Webinar toetsing"]) == 1, "Dewi was in the first one only"


def test_the_window_is_asked_for_by_the_end_and_lists_come_newest_first(server: Running) -> None:
    week = Window(datetime(2026, 11, 9, tzinfo=UTC), datetime(2026, 11, 12, tzinfo=UTC))
    _, records = pull(server, week)
    assert {record["meeting"]["end"][:10] for record in records} == {"2026-11-10"}
    _, both = pull(server)
    ended = list(dict.fromkeys(record["meeting"]["end"] for record in both if record["meeting"]["topic"].startswith("W")))  # fmt: skip
    assert ended == sorted(ended, reverse=True)


def test_a_conference_that_runs_is_pulled_when_it_has_ended(server: Running) -> None:
    server.world.until = datetime(2026, 11, 3, 14, 30, tzinfo=UTC)
    assert pull(server)[1] == []
    server.world.until = datetime(2026, 11, 3, 22, tzinfo=UTC)
    assert len(pull(server)[1]) == 17


def test_what_is_older_than_thirty_days_is_gone_and_the_log_says_so(
    server: Running, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    server.world.until = datetime(2026, 12, 20, tzinfo=UTC)
    assert pull(server)[1] == []
    old = Window(datetime(2020, 11, 1, tzinfo=UTC), datetime(2020, 11, 16, tzinfo=UTC))
    pull(server, old)
    assert any("30 days" in each.getMessage() for each in caplog.records)


def test_a_co_host_whom_the_directory_knows_teaches(server: Running) -> None:
    bilal = Employee("E2", emails=("bilal.amrani@voorbeeldschool.example",), platform_ids=(("meet", IDS["bilal.amrani"]),))  # fmt: skip
    meet, records = pull(server)
    roles = {each["actor"]["account"]["name"]: extension(each, "actor-role") for each in made_of(meet, records, Directory([bilal])) if "webinar" in each["object"]["definition"]["name"]["und"].casefold()}  # fmt: skip
    assert [name for name, role in roles.items() if role == "host"] == [KEY.actor("E2")]
    assert len(roles) == 17, "all others of both conferences take part"


def test_a_space_that_hides_its_co_hosts_is_read_all_the_same(server: Running) -> None:
    _, records = pull(server, users=[DEWI], meetings=["webinar*"])
    assert len(records) == 17
    assert {tuple(record["leaders"]) for record in records} == {()}


def test_statements_are_of_a_meeting_in_its_space(server: Running) -> None:
    meet, records = pull(server)
    made = made_of(meet, records)
    assert {each["object"]["definition"]["type"] for each in made} == {types.MEETING}
    assert {each["context"]["contextActivities"]["grouping"][0]["id"] for each in made} == {f"{meet.tenant}/meetings/{each['name'].removeprefix('spaces/')}" for each in DATA["spaces"][:2]}  # fmt: skip


def test_limits_without_a_header_are_waited_out_and_a_spent_day_defers(server: Running) -> None:
    server.faults.waiting[:] = [Fault("too_many", path="/participants", times=2, seconds=1)]
    assert len(pull(server)[1]) == 23
    server.faults.waiting[:] = [Fault("quota", path="/participants", times=9)]
    with pytest.raises(QuotaExhausted):
        pull(server)


def test_a_person_for_whom_the_account_may_not_act_is_told_by_number_and_not_by_address(server: Running) -> None:
    meet = completed(Meet, connection(f"{server.url}/meet", users=[ANJA, "stranger@elsewhere.example"]))
    with meet.api() as api, pytest.raises(CredentialsRefused, match=r"401 unauthorized_client.*number 2") as caught:
        meet.check(api)
    assert "elsewhere" not in str(caught.value)


def test_a_key_of_another_account_is_refused(server: Running) -> None:
    from joserfc.jwk import RSAKey

    other = RSAKey.generate_key(2048).as_pem(private=True).decode()
    with pytest.raises(CredentialsRefused, match="400 invalid_grant"):
        pull(server, private_key=other)


@pytest.mark.parametrize(("name", "built", "ignored"), [("conferenceRecords-list.SYNTHETIC", 0, 1), ("participants-list.thirdparty", 1, 1), ("participantSessions-p1.thirdparty", 1, 0)])  # fmt: skip
def test_examples_of_others_are_read(shared: Path, meet: Meet, name: str, built: int, ignored: int) -> None:
    file = shared / "recordings" / "google-meet" / f"{name}.json"
    if not file.exists():
        pytest.skip("the examples are not here")
    mapper, made = outcomes(meet, json.loads(file.read_text()))
    assert (mapper.counts.built, mapper.counts.ignored.total()) == (built, ignored)
    assert mapper.counts.quarantined.total() == 0
    assert "Alice" not in json.dumps(made)
