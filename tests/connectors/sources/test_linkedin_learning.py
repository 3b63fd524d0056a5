"""LinkedIn Learning: the contract on its activity reports, and the traps of windows, sums, pages and days of Los Angeles."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from source_contract import RECORDINGS, SourceContract, check_pair, completed, landed, mapped, pairs, statements_of
from vendor_contract import Contract, asked

from connectors.mapping import Mapper
from connectors.source import Record, Window
from connectors.sources.linkedin_learning import LinkedInLearning
from leerstroom.errors import CredentialsRefused, Unreachable
from leerstroom.people import Directory, Employee
from leerstroom.replay import Running, running
from leerstroom.statements import Retracted, parse_time
from leerstroom.statements.vocabulary import EXTENSION_BASE, canonical_type, canonical_verb

FIELDS = {"client_id": "linkedin-app-of-voorbeeldstad", "client_secret": "linkedin-secret-of-the-contract"}
WHOLE = Window(datetime(2026, 10, 26, 7, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC))
AFTER = datetime(2026, 11, 24, 8, tzinfo=UTC)


class TestLinkedInLearning(SourceContract):
    source = LinkedInLearning
    fields = FIELDS
    recordings = RECORDINGS / "linkedin_learning"
    window = Window(
        datetime(2026, 10, 28, 8, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC)
    )  # begins with a day of two pages
    clock = AFTER
    paged = "learningActivityReports"
    has_quota = True
    names = ("Anouk Devries", "Anouk De Vries", "urn:li:enterpriseProfile", "E01001")

    def connection(self, url: str | None) -> dict[str, Any]:
        return {**FIELDS, **({"host": url, "oauth_host": url} if url else {})}


@pytest.mark.parametrize("pair", pairs("linkedin_learning"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(LinkedInLearning, pair)


@pytest.fixture
def server() -> Iterator[Running]:
    with running(RECORDINGS, only=("linkedin_learning",), clock=AFTER) as started:
        yield started


def connect(server: Running | None = None, **fields: Any) -> LinkedInLearning:
    url = dict.fromkeys(("host", "oauth_host"), f"{server.url}/linkedin_learning") if server else {}
    return completed(LinkedInLearning, {**FIELDS, **url, **fields})  # type: ignore[return-value]


def pull(server: Running, window: Window = WHOLE, **fields: Any) -> tuple[LinkedInLearning, list[Record]]:
    source = connect(server, **fields)
    with source.api() as api:
        return source, list(source.pull(api, window))


def stated(source: LinkedInLearning, records: list[Record], directory: Directory | None = None) -> list[dict[str, Any]]:
    return statements_of(mapped(source, landed(source, records), directory)[1])


def said(*payloads: Any, **fields: Any) -> tuple[Mapper, list[Any]]:
    source = connect(**fields)
    return mapped(source, landed(source, [record for payload in payloads for record in source.read(payload)]))


def payload(name: str) -> Any:
    return json.loads((RECORDINGS / "linkedin_learning" / "pairs" / f"{name}.json").read_text(encoding="utf-8"))[
        "payload"
    ]


def rows() -> list[dict[str, Any]]:
    return json.loads((RECORDINGS / "linkedin_learning" / "linkedin_learning.json").read_text(encoding="utf-8"))["rows"]


def verb_of(statement: dict[str, Any]) -> str:
    return canonical_verb(statement["verb"]["id"])


def extension(statement: dict[str, Any], name: str) -> Any:
    return statement["context"]["extensions"].get(EXTENSION_BASE + name)


# --- the whole organisation -----------------------------------------------------------------------------------------------------------


def test_statements_agree_with_the_figures_of_the_days(server: Running) -> None:
    told = Counter(map(verb_of, stated(*pull(server))))
    figures = Counter(
        (each["engagementType"], each["assetType"])
        for row in rows()
        for each in row["activities"]
        if each["engagementValue"] and each["engagementMetricQualifier"] == "TOTAL"
    )
    done = sum(number for (sort, _), number in figures.items() if sort in {"COMPLETIONS", "MARKED_AS_DONE"})
    assert told["completed"] == done > 40
    assert told["viewed"] == figures["VIEWS", "ARTICLE"] + figures["VIEWS", "LEARNING_PATH"] == 9
    # a course's figure that two rows of one day make up is one fact, and a video of a course with seconds has none
    assert told["watched"] == 4 * 8 + 1 + 1 + 130


def test_minutes_are_the_vendors_and_say_so(server: Running) -> None:
    watched = [each for each in stated(*pull(server)) if verb_of(each) == "watched"]
    assert {extension(each, "duration-basis") for each in watched} == {"content"}
    others = [each for each in stated(*pull(server)) if verb_of(each) != "watched"]
    assert {extension(each, "duration-basis") for each in others} == {None}


def test_a_next_link_on_the_last_page_is_not_followed(server: Running) -> None:
    day = Window(datetime(2026, 10, 28, 8, tzinfo=UTC), datetime(2026, 10, 29, 6, tzinfo=UTC))
    source = connect(server)
    with source.api() as api, asked(api) as requests:
        records = list(source.pull(api, day))
    assert len(records) > 130
    assert len(requests) == 2, "a page of a hundred and the rest"


def test_windows_are_whole_days_of_los_angeles_and_never_longer(server: Running) -> None:
    source = connect(server)
    summer_and_winter = Window(datetime(2026, 10, 30, tzinfo=UTC), datetime(2026, 11, 4, tzinfo=UTC))
    with source.api() as api, asked(api) as requests:
        list(source.pull(api, summer_and_winter))
    starts = [datetime.fromtimestamp(int(_query(each)["startedAt"]) / 1000, UTC) for each in requests]
    assert [f"{start:%m-%d %H}" for start in starts] == ["10-29 07", "10-30 07", "10-31 07", "11-01 07", "11-02 08", "11-03 08"]  # fmt: skip
    assert {_query(each)["timeOffset.duration"] for each in requests} == {"1"}


def test_more_than_fourteen_days_would_be_an_error_500(server: Running) -> None:
    source = connect(server)
    query = {"q": "criteria", "startedAt": 1793689200000, "timeOffset.unit": "DAY", "timeOffset.duration": 15, "aggregationCriteria.primary": "INDIVIDUAL", "aggregationCriteria.secondary": "CONTENT"}  # fmt: skip
    with source.api() as api:
        api._tries = 1
        with pytest.raises(Unreachable, match="500"):
            api.get("/v2/learningActivityReports", query)


def _query(request: Any) -> dict[str, str]:
    from urllib.parse import parse_qsl, urlsplit

    return dict(parse_qsl(urlsplit(request.url).query))


# --- moving sums -------------------------------------------------------------------------------------------------------------------------


def test_a_day_that_is_not_complete_is_left_for_a_later_night(server: Running) -> None:
    wednesday = Window(datetime(2026, 10, 28, 8, tzinfo=UTC), datetime(2026, 10, 29, 6, tzinfo=UTC))
    server.world.until = datetime(2026, 10, 29, 10, tzinfo=UTC)  # three hours after the day ended in Los Angeles
    assert pull(server, wednesday)[1] == []
    server.world.until += timedelta(hours=6)
    assert pull(server, wednesday)[1]


def test_a_complete_day_ends_at_its_last_minute(server: Running) -> None:
    """LinkedIn's latestDataAt of a day that is complete is 23:59, not midnight."""
    server.world.until = datetime(2026, 10, 29, 15, 30, tzinfo=UTC)
    _, records = pull(server, Window(datetime(2026, 10, 28, 8, tzinfo=UTC), datetime(2026, 10, 29, 6, tzinfo=UTC)))
    assert {record["latest"] for record in records} == {datetime(2026, 10, 29, 6, 59, tzinfo=UTC)}


def test_a_figure_that_moves_is_another_form_of_the_same_fact(server: Running) -> None:
    thursday = Window(datetime(2026, 11, 5, 9, tzinfo=UTC), datetime(2026, 11, 6, 7, tzinfo=UTC))

    def watched(until: datetime) -> dict[str, Any]:
        server.world.until = until
        [found] = [each for each in stated(*pull(server, thursday)) if each["object"]["id"] == "urn:li:lyndaCourse:1001" and each["result"]["duration"] in {"PT4M", "PT10M"}]  # fmt: skip
        return found

    before, after = watched(datetime(2026, 11, 7, tzinfo=UTC)), watched(AFTER)
    assert (before["result"]["duration"], after["result"]["duration"]) == ("PT4M", "PT10M")
    assert extension(before, "record") == extension(after, "record")
    assert before["id"] != after["id"]


def test_a_window_that_moves_by_hours_tells_the_same_facts(server: Running) -> None:
    def told(window: Window) -> dict[str, Any]:
        return {each["id"]: each for each in stated(*pull(server, window))}

    night = told(Window(datetime(2026, 10, 28, 1, tzinfo=UTC), datetime(2026, 10, 31, 1, tzinfo=UTC)))
    later = told(Window(datetime(2026, 10, 28, 5, tzinfo=UTC), datetime(2026, 10, 31, 5, tzinfo=UTC)))
    assert night
    assert night == later


def test_a_figure_that_goes_back_to_zero_is_taken_back() -> None:
    page = payload("a-course-was-watched-and-completed")
    for each in page["elements"][0]["activities"]:
        each["engagementValue"] = 0
    mapper, outcomes = said(page)
    assert [type(each) for each in outcomes] == [Retracted, Retracted]
    assert mapper.counts.ignored == {"nothing of it happened that day": 1}
    assert mapper.counts.balances


def test_several_days_in_one_window_are_another_fact_than_one_day() -> None:
    page = payload("a-course-was-watched-and-completed")
    week = json.loads(json.dumps(page).replace("timeOffset.duration=1", "timeOffset.duration=7"))
    one, seven = ({extension(each, "record") for each in statements_of(said(each)[1])} for each in (page, week))
    assert one.isdisjoint(seven)


# --- what a figure means -----------------------------------------------------------------------------------------------------------------


def test_seconds_of_a_video_count_once_whichever_row_comes_first() -> None:
    page = payload("a-video-gives-its-seconds-to-its-course")
    page["elements"].reverse()
    made = statements_of(said(page)[1])
    assert [each["result"]["duration"] for each in made if verb_of(each) == "watched"] == ["PT25M"]


def test_a_video_without_its_course_keeps_its_seconds() -> None:
    page = payload("a-video-gives-its-seconds-to-its-course")
    del page["elements"][0]
    made = statements_of(said(page)[1])
    [watched] = [each for each in made if verb_of(each) == "watched"]
    assert watched["result"]["duration"] == "PT10M"
    assert watched["context"]["contextActivities"]["grouping"][0]["id"] == "urn:li:lyndaCourse:1001"


def test_a_completion_is_on_linkedins_own_urn_so_that_its_own_statements_count_once() -> None:
    made = statements_of(said(payload("a-course-was-watched-and-completed"))[1])
    assert {each["object"]["id"] for each in made} == {"urn:li:lyndaCourse:1001"}


def test_views_of_what_is_played_and_active_days_say_nothing_more() -> None:
    page = payload("a-course-was-watched-and-completed")
    page["elements"][0]["activities"] = page["elements"][0]["activities"][2:]
    mapper, outcomes = said(page)
    assert outcomes == []
    assert mapper.counts.ignored == {"figures that say nothing of learning something": 1}


@pytest.mark.parametrize(("completions", "is_own_word"), [(0, True), (1, None)])
def test_a_completion_and_a_mark_of_ones_own_are_one_fact(completions: int, is_own_word: bool | None) -> None:
    page = payload("marked-as-done-is-the-learners-own-word")
    [mark] = page["elements"][0]["activities"]
    page["elements"][0]["activities"].append({**mark, "engagementType": "COMPLETIONS", "engagementValue": completions})
    [made] = said(page)[1]
    assert extension(made, "self-reported") is is_own_word


def test_a_figure_without_a_moment_is_quarantined() -> None:
    page = payload("an-article-is-viewed")
    page["elements"][0]["activities"][0]["lastEngagedAt"] = 0
    mapper, _ = said(page)
    assert mapper.counts.quarantined == {"the figure does not say when the last engagement was": 1}


def test_evening_in_los_angeles_is_the_next_day_here(server: Running) -> None:
    [late] = [each for each in stated(*pull(server)) if each.get("result", {}).get("duration") == "PT5M"]
    assert parse_time(late["timestamp"]) == datetime(2026, 11, 12, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(("asset", "sort"), [("LEARNING_PATH", "program"), ("BOOK", "book"), (None, "article")])
def test_the_type_is_the_vendors_or_told_by_the_urn(asset: str | None, sort: str) -> None:
    page = payload("an-article-is-viewed")
    for each in page["elements"][0]["activities"]:
        each["assetType"] = asset
    [made] = statements_of(said(page)[1])
    assert canonical_type(made["object"]["definition"]["type"]) == sort


@pytest.mark.parametrize("urn", ["no urn", "", 7, "urn:li:lyndaCourse:with a space", "urn:li:lyndaCourse:<1>"])
def test_a_content_without_a_good_urn_is_refused_alone(urn: Any) -> None:
    page = payload("a-video-gives-its-seconds-to-its-course")
    page["elements"][1]["contentDetails"]["contentUrn"] = urn
    mapper, _ = said(page)
    assert mapper.counts.built == 1
    assert mapper.counts.quarantined.total() + mapper.counts.ignored.total() == 1
    assert mapper.counts.balances


def test_an_element_that_is_none_is_refused_alone() -> None:
    page = payload("an-article-is-viewed")
    page["elements"].append(5)
    mapper, _ = said(page)
    assert (mapper.counts.built, mapper.counts.quarantined.total()) == (1, 1)


# --- people ---------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "employee",
    [
        Employee("E01001"),
        Employee("P7", emails=("anouk.devries@voorbeeldstad.example",)),
        Employee("P7", platform_ids=(("linkedin_learning", "urn:li:enterpriseProfile:(urn:li:enterpriseAccount:7001,90001)"),)),
    ],
    ids=["unique user id", "address", "profile"],
)  # fmt: skip
def test_a_learner_is_known_by_profile_hr_id_or_address(employee: Employee) -> None:
    source = connect()
    records = list(source.read(payload("an-article-is-viewed")))
    [made] = stated(source, records, Directory([employee]))
    assert made["actor"]["account"]["homePage"].startswith("https://people")


def test_a_unique_user_id_that_is_an_address_is_an_address() -> None:
    page = payload("an-article-is-viewed")
    page["elements"][0]["learnerDetails"] |= {"email": "", "uniqueUserId": "anouk.devries@voorbeeldstad.example"}
    source = connect()
    known = Directory([Employee("P7", emails=("anouk.devries@voorbeeldstad.example",))])
    [made] = stated(source, list(source.read(page)), known)
    assert made["actor"]["account"]["homePage"].startswith("https://people")


# --- the wire -------------------------------------------------------------------------------------------------------------------------------


def test_a_wrong_secret_is_told_without_showing_it(server: Running) -> None:
    with pytest.raises(CredentialsRefused) as caught:
        pull(server, client_secret="not the secret")
    assert "not the secret" not in str(caught.value)


def test_our_request_is_one_that_a_description_of_the_api_knows(server: Running, shared: Path) -> None:
    spec = shared / "recordings" / "linkedin-learning" / "linkedin-learning-activity-reports-thirdparty-openapi.yml"
    if not spec.exists():
        pytest.skip("the description is not here")
    source = connect(server)
    with source.api() as api, asked(api) as requests:
        list(source.pull(api, Window(datetime(2026, 10, 28, tzinfo=UTC), datetime(2026, 10, 30, tzinfo=UTC))))
    assert requests
    # the vendor's own reference has the second criterion, this description of it has the first one only
    assert Contract.read(spec).faults(requests) == ["/v2/learningActivityReports: no parameter aggregationCriteria.secondary in query"]  # fmt: skip


def test_the_vendors_sums_of_an_account_are_ignored(shared: Path) -> None:
    file = shared / "recordings" / "linkedin-learning" / "learningActivityReports-account.json"
    if not file.exists():
        pytest.skip("the vendor's example is not here")
    mapper, outcomes = said(json.loads(file.read_text()))
    assert outcomes == []
    assert mapper.counts.ignored == {"sum of the account, not of a person and a content": 1}


def test_a_recorded_answer_is_read_with_the_window_that_was_asked_for(shared: Path) -> None:
    file = shared / "recordings" / "linkedin-learning" / "learningActivityReports-individual-content-thirdparty.json"
    if not file.exists():
        pytest.skip("the recorded answer is not here")
    source = connect()
    records = list(source.read(json.loads(file.read_text())))
    assert [record["window"] for record in records] == [{"start": "2021-07-26T02:46:40.000Z", "days": 7}] * 2
    made = stated(source, records)
    assert [(verb_of(each), each["object"]["id"], each["result"]["duration"]) for each in made] == [
        ("watched", "urn:li:lyndaCourse:1", "PT1S"),
        ("watched", "urn:li:lyndaCourse:2", "PT2S"),
    ]
    assert "learner1" not in json.dumps(made)
