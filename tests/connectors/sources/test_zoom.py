"""Zoom: the contract of all sources, and attendance as the union of what was recorded."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from source_contract import KEY, RECORDINGS, SourceContract, completed, landed, mapped, people_of, statements_of

from connectors.mapping import Mapper, Quarantined
from connectors.source import Record, Window
from connectors.sources.zoom import Zoom
from leerstroom.errors import BadRecord, CredentialsRefused
from leerstroom.people import Directory, Employee
from leerstroom.replay import Running, running
from leerstroom.statements import verbs
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
        "requests_per_minute": 60_000,
    }


class TestZoom(SourceContract):
    source = Zoom
    recordings = RECORDINGS / "demo" / "zoom"
    window = WINDOW
    clock = CLOCK
    has_quota = True
    names = ("Anouk Devries", "Jan Jansen", "adviesbureau", "(telefoon)", "richtlijn voor het gebruik")

    def connection(self, url: str | None) -> dict[str, Any]:
        return connection(url)


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
    return [each["result"]["duration"] for each in made if not isinstance(each, Quarantined)]


def test_a_rejoin_counts_once_and_adds_up(zoom: Zoom) -> None:
    mapper, made = outcomes(zoom, row(0, 20, email="a@x.nl"), row(30, 60, email="A@X.nl"))
    assert durations(made) == ["PT50M"]
    assert made[0]["timestamp"] == "2026-11-03T10:00:00.000Z"
    assert mapper.counts.mapped == 2


def test_two_devices_at_once_count_once(zoom: Zoom) -> None:
    _, made = outcomes(zoom, row(0, 40, email="a@x.nl"), row(20, 60, email="a@x.nl", id="z1"))
    assert durations(made) == ["PT1H"]


def test_rows_are_one_person_when_any_identity_links_them(zoom: Zoom) -> None:
    _, made = outcomes(zoom, row(0, 10, id="z1"), row(10, 20, email="a@x.nl"), row(20, 30, email="a@x.nl", id="z1"))
    assert durations(made) == ["PT30M"]


def test_a_late_row_gives_another_id_of_the_same_fact(zoom: Zoom) -> None:
    _, [before] = outcomes(zoom, row(0, 20, email="a@x.nl"))
    _, [after] = outcomes(zoom, row(30, 60, email="a@x.nl"), row(0, 20, email="a@x.nl"))
    name = EXTENSION_BASE + "record"
    assert before["id"] != after["id"]
    assert before["context"]["extensions"][name] == after["context"]["extensions"][name]
    assert after["result"]["duration"] == "PT50M"


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
        zoom, row(0, 20, email="a@x.nl", status="in_waiting_room"), row(0, 20, email="a@x.nl", failover=True)
    )
    assert made == []
    assert mapper.counts.ignored.total() == 2


def test_a_row_that_leaves_before_it_joins_is_quarantined_alone(zoom: Zoom) -> None:
    mapper, made = outcomes(
        zoom,
        row(0, 20, email="a@x.nl"),
        row(50, 40, email="a@x.nl"),
        {**row(0, 9, email="a@x.nl"), "join_time": "soon"},
    )
    assert durations(made) == ["PT20M"]
    assert mapper.counts.quarantined == {"leave_time lies before join_time": 1, "time is not in ISO 8601": 1}


def test_a_page_that_does_not_say_its_occurrence_is_refused(zoom: Zoom) -> None:
    page = {"participants": [{key: value for key, value in row(0, 20).items() if key != "uuid"}]}
    with pytest.raises(BadRecord, match="occurrence"):
        list(zoom.read(page))
    exchange = {
        "request": {"path": "/v2/report/webinars/%252Fu%252F%252Fx%253D%253D/participants"},
        "response": {"body": page},
    }
    assert [record["occurrence"] for record in zoom.read(exchange)] == ["/u//x=="]


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
    roles = [
        each["context"]["extensions"].get(EXTENSION_BASE + "actor-role")
        for each in statements_of(mapped(zoom, landed(zoom, records))[1])
    ]
    assert roles.count("host") == len({record["occurrence"] for record in records if record.kind == "participant"})
    assert roles.count("presenter") > 3
    assert roles.count("participant") > 100


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
        calm = zoom._list(api, "/webinars/83155501001/registrants", "registrants", {"page_size": 5})
        original, expired = api.get, []

        def get(path: str, params: Any = None, **options: Any) -> Any:
            if params and params.get("next_page_token") and not expired:
                expired.append(requests.post(f"{server.url}/zoom/_test/expire", timeout=5).status_code)
            return original(path, params, **options)

        api.get = get  # type: ignore[method-assign]
        again = zoom._list(api, "/webinars/83155501001/registrants", "registrants", {"page_size": 5})
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


def test_what_has_not_settled_waits_for_the_next_window(server: Running) -> None:
    zoom = completed(Zoom, connection(f"{server.url}/zoom"))
    assert zoom.settle == timedelta(hours=6)
    server.world.until = datetime(2026, 10, 27, 12, tzinfo=UTC)
    _, records = pull(server)
    assert {record["meeting"]["topic"] for record in records if record.kind == "participant"} == {
        "AI op de werkvloer: wat mag en wat niet"
    }


def test_a_row_that_comes_a_day_late_changes_just_that_persons_attendance(server: Running) -> None:
    server.world.until = datetime(2026, 10, 27, 20, tzinfo=UTC)
    zoom, early = pull(server)
    server.world.until = CLOCK
    _, late = pull(server, Window(WINDOW.start, datetime(2026, 10, 28, tzinfo=UTC)))

    def attended(records: list[Record]) -> dict[str, str]:
        made = statements_of(mapped(zoom, landed(zoom, records))[1])
        found = [each for each in made if each["verb"]["id"] == verbs.ATTENDED.iri]
        return {each["context"]["extensions"][EXTENSION_BASE + "record"]: each["id"] for each in found}

    before, after = attended(early), attended(late)
    changed = {fact for fact in after if before.get(fact) != after[fact]}
    assert len(changed) == 1
    assert set(before) <= set(after)


def test_the_vendors_own_examples_are_read(shared: Path, zoom: Zoom) -> None:
    folder = shared / "recordings" / "zoom" / "endpoints"
    read = 0
    for name in (
        "report-webinars-{webinarId}-participants_GET",
        "webinars-{webinarId}-registrants_GET",
        "report-webinars-{webinarId}-qa_GET",
        "report-webinars-{webinarId}-polls_GET",
    ):
        payload = {"uuid": "4444AAAiAAAAAiAiAiiAii==", **json.loads((folder / f"{name}.json").read_text())}
        mapper = Mapper(zoom, people_of(zoom))
        made = list(mapper.statements(zoom.minimise(record, KEY) for record in zoom.read(payload)))
        assert mapper.counts.quarantined.total() == 0, name
        assert "jchill" not in json.dumps(made)
        read += mapper.counts.built
    assert read == 4
