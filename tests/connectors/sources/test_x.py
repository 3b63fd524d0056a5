"""X: the contract on posts of our own making, pairs, and each trap of the API."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from source_contract import KEY, RECORDINGS, SourceContract, check_pair, completed, landed, mapped, pairs, statements_of

from connectors.source import Record, Window
from connectors.sources.x import X
from leerstroom.errors import BadRecord, ConfigurationError, NeedsOperator, QuotaExhausted
from leerstroom.replay import Fault, Running, running
from leerstroom.statements import Retracted, record_id
from leerstroom.statements.vocabulary import EXTENSION_BASE, types, verbs

FIELDS = {"token": "token-of-the-app", "searches": ["#leercafe"], "accounts": ["600000001"], "channel_kinds": {"#leercafe": "spontaneous_group"}}  # fmt: skip
WEEK = Window(datetime(2026, 11, 2, tzinfo=UTC), datetime(2026, 11, 9, tzinfo=UTC))
PERCEVAL = next((p / "shared" / "recordings" / "x-twitter" for p in Path(__file__).resolve().parents if (p / "shared" / "recordings").is_dir()), None)  # fmt: skip


class TestX(SourceContract):
    source = X
    fields = FIELDS
    recordings = RECORDINGS / "x"
    window = WEEK
    paged = "/search"
    has_quota = True
    names = ("feedback op afstand", "draadje", "anouk_leert", "bram_data", "example.org/feedback")

    def secrets(self, record: Record) -> Iterator[str]:
        yield from super().secrets(record)
        yield record["author_id"] if not record["author_id"].isdecimal() else record["text"]


@pytest.mark.parametrize("pair", pairs("x"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(X, pair)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(RECORDINGS, only=("x",)) as server:
        yield server


@pytest.fixture(autouse=True)
def calm(request: pytest.FixtureRequest) -> None:
    if "server" in request.fixturenames:
        request.getfixturevalue("server").faults.waiting.clear()


def x(server: Running | None = None, **fields: Any) -> X:
    made = completed(X, {**FIELDS, **({"host": f"{server.url}/x"} if server else {}), **fields}, "posts")
    assert isinstance(made, X)
    return made


def pull(source: X, window: Window = WEEK) -> list[Record]:
    with source.api() as api:
        return list(source.pull(api, window))


def made_of(source: X, records: list[Record]) -> dict[str, dict[str, Any]]:
    """Statements by the last two digits of their record's post."""
    made = {}
    for record in records:
        for each in statements_of(mapped(source, landed(source, [record]))[1]):
            made[record.key[-2:]] = each
    return made


def test_a_question_its_answer_and_the_thanks_of_the_asker(server: Running) -> None:
    made = made_of(x(server), pull(x(server)))
    assert [made[each]["verb"]["id"] for each in ("01", "02", "03")] == [
        verbs.ASKED.iri,
        verbs.ANSWERED.iri,
        verbs.REPLIED.iri,
    ]
    assert (
        made["02"]["context"]["contextActivities"]["parent"][0]["id"]
        == "https://x.com/i/web/status/1850000000000000001"
    )
    assert made["01"]["context"]["contextActivities"]["grouping"][0]["definition"]["name"] == {"und": "#leercafe"}
    assert made["01"]["context"]["extensions"][EXTENSION_BASE + "channel-kind"] == "spontaneous_group"


def test_a_repost_shares_the_post_and_a_quote_is_a_post_of_its_own(server: Running) -> None:
    made = made_of(x(server), pull(x(server)))
    assert (made["04"]["verb"]["id"], made["04"]["object"]["id"][-2:]) == (verbs.SHARED.iri, "01")
    assert (made["05"]["verb"]["id"], made["05"]["object"]["id"][-2:]) == (verbs.SHARED.iri, "05")
    assert made["05"]["object"]["definition"]["type"] == types.MESSAGE


def test_an_edit_is_a_new_post_that_replaces_the_first(server: Running) -> None:
    source = x(server)
    versions = {record.key: record for record in pull(source) if record["author_id"] == "500000004"}
    assert set(versions) == {"1850000000000000006", "1850000000000000007"}, "the fact is named by its first version"
    first = Record(
        "message",
        "1850000000000000007",
        {**versions["1850000000000000006"], "edit_history_tweet_ids": ["1850000000000000007"]},
    )
    _, before = mapped(source, landed(source, [first]))
    _, after = mapped(source, landed(source, [versions["1850000000000000007"]]))
    assert record_of(statements_of(before)[0]) in {each.key for each in after if isinstance(each, Retracted)}
    assert statements_of(after)[0]["object"] == statements_of(before)[0]["object"]


def record_of(statement: dict[str, Any]) -> str:
    return str(statement["context"]["extensions"][EXTENSION_BASE + "record"])


def test_a_reply_to_a_post_that_is_gone_comes_with_an_error_beside_it(server: Running) -> None:
    made = made_of(x(server), pull(x(server)))
    assert made["09"]["verb"]["id"] == verbs.REPLIED.iri


def test_ids_survive_as_text_though_they_do_not_fit_a_float(server: Running) -> None:
    assert all(isinstance(record.key, str) and int(record.key) > 2**53 for record in pull(x(server)))
    [record] = x().read({"id": 1850000000000000001, "author_id": 5, "text": "t", "created_at": "2026-11-02T19:00:00Z"})
    assert record.key == "1850000000000000001"


def test_an_empty_list_has_no_data_at_all_and_is_no_error(server: Running) -> None:
    assert pull(x(server, searches=["#niemand"], accounts=[])) == []


def test_a_limit_waits_until_its_window_ends(server: Running) -> None:
    calm = [record.key for record in pull(x(server))]
    server.faults.waiting[:] = [Fault("too_many", seconds=1.2, after=1)]
    assert [record.key for record in pull(x(server))] == calm
    assert server.faults.waiting[0].times == 0


def test_the_cap_of_the_month_defers(server: Running) -> None:
    server.faults.waiting[:] = [Fault("quota", times=9)]
    with pytest.raises(QuotaExhausted):
        pull(x(server))


def test_a_pull_never_costs_more_than_was_allowed(server: Running) -> None:
    with pytest.raises(ConfigurationError, match="most_posts"):
        pull(x(server, most_posts=6))


def test_posts_that_were_deleted_are_found_by_looking_them_up_again(server: Running) -> None:
    source = x(server)
    now = datetime.now(UTC)

    def landed_before(key: str, days: int, **more: Any) -> Record:
        return Record(
            "message", key, {"room": "#leercafe", "at": (now - timedelta(days=days, hours=1)).isoformat(), **more}
        )

    before = [
        landed_before("1850000000000000001", 3),
        landed_before("1850000000000000010", 3),
        landed_before("1840000000000000000", 2),  # not looked up on this day of its life
        landed_before("1840000000000000001", 7, deleted=True),
    ]
    server.world.until = datetime(2026, 11, 25, tzinfo=UTC)
    server.faults.asked.clear()
    with source.api() as api:
        gone = list(source.recheck(api, before))
    server.world.until = None
    assert [record.key for record in gone] == ["1850000000000000010"]
    assert sum(path == "/x/2/tweets" for _, _, path in server.faults.asked) == 1
    _, outcomes = mapped(source, landed(source, gone))
    assert record_id("x", source.tenant, "message\x1f1850000000000000010") in {
        each.key for each in outcomes if isinstance(each, Retracted)
    }


def test_an_answer_to_a_look_up_takes_back_what_it_does_not_find() -> None:
    payload = {
        "data": [{"id": "1", "author_id": "5", "text": "t", "created_at": "2026-11-02T19:00:00Z"}],
        "errors": [
            {"resource_id": "2", "parameter": "ids", "resource_type": "tweet", "type": "https://api.twitter.com/2/problems/resource-not-found"},
            {"resource_id": "3", "parameter": "ids", "resource_type": "tweet", "type": "https://api.twitter.com/2/problems/not-authorized-for-resource"},
            {"resource_id": "4", "parameter": "referenced_tweets.id", "resource_type": "tweet", "type": "https://api.twitter.com/2/problems/resource-not-found"},
        ],
    }  # fmt: skip
    records = list(x().read(payload))
    assert [(record.key, bool(record.get("gone"))) for record in records] == [("1", False), ("2", True)]


def test_an_account_is_named_by_its_number_for_a_handle_can_change_hands(server: Running) -> None:
    source = x(server, accounts=["leerbedrijf"])
    with source.api() as api, pytest.raises(ConfigurationError, match="1 accounts are no numbers"):
        source.check(api)


def test_the_handles_at_the_head_of_a_reply_are_none_of_its_words() -> None:
    [record] = x().read({"id": "1", "author_id": "5", "text": "@a @b Dank!", "created_at": "2026-11-02T19:00:00Z"})
    assert landed(x(), [record])[0]["features"]["is_acknowledgement"] is True


def test_an_answer_to_a_later_version_of_a_question_is_one_to_the_question() -> None:
    asked = {"id": "12", "edit_history_tweet_ids": ["10", "12"], "author_id": "5", "text": "Hoe werkt dit?", "created_at": "2026-11-02T19:00:00Z", "conversation_id": "10"}  # fmt: skip
    answer = {"id": "13", "author_id": "6", "text": "Onder het menu, bij invoegen", "created_at": "2026-11-02T20:00:00Z", "conversation_id": "10", "referenced_tweets": [{"type": "replied_to", "id": "12"}]}  # fmt: skip
    [made] = statements_of(mapped(x(), landed(x(), list(x().read({"data": [answer], "includes": {"tweets": [asked]}}))))[1])  # fmt: skip
    assert made["verb"]["id"] == verbs.ANSWERED.iri
    assert made["context"]["contextActivities"]["parent"][0]["id"] == "https://x.com/i/web/status/10"


def test_mentions_are_people_by_number(server: Running) -> None:
    text = {"id": "1", "author_id": "5", "text": "Dit is iets voor @bram_data en anderen", "created_at": "2026-11-02T19:00:00Z", "entities": {"mentions": [{"id": "500000002", "username": "bram_data"}]}}  # fmt: skip
    [made] = statements_of(mapped(x(), landed(x(), list(x().read(text))))[1])
    [mentioned] = made["context"]["extensions"][EXTENSION_BASE + "mentions"]
    assert mentioned["account"]["name"] == KEY.account("https://x.com", "500000002")


def test_what_is_no_post_is_refused() -> None:
    for payload in ({"data": 3}, {"id": "1"}, {"meta": {"result_count": 2}}):
        with pytest.raises(BadRecord):
            list(x().read(payload))
    assert list(x().read({"meta": {"result_count": 0}})) == []


@pytest.mark.skipif(PERCEVAL is None, reason="recordings of others are not here")
def test_answers_of_version_1_1_are_read() -> None:
    assert PERCEVAL is not None
    payload = json.loads((PERCEVAL / "perceval" / "tweets_page_1.json").read_text())
    made = statements_of(mapped(x(), landed(x(), list(x().read(payload))))[1])
    assert len(made) == len(payload["statuses"])
    assert {each["timestamp"][:10] for each in made} == {"2018-06-09", "2018-06-08"}
    assert "Maggie" not in json.dumps(made)
    assert list(x().read(json.loads((PERCEVAL / "perceval" / "tweets_page_3.json").read_text()))) == []


def test_the_last_seven_days_are_searched_as_recent_and_older_ones_in_the_archive(server: Running) -> None:
    now = datetime.now(UTC)
    for days, path in ((6, "/x/2/tweets/search/recent"), (8, "/x/2/tweets/search/all")):
        server.faults.asked.clear()
        pull(x(server, accounts=[]), Window(now - timedelta(days=days), now))
        assert {path for _, _, path in server.faults.asked} == {path}


def test_without_credits_a_pull_fails_at_once_and_is_no_empty_list(server: Running) -> None:
    server.faults.asked.clear()
    server.faults.waiting[:] = [Fault("status", status=402, times=9)]
    with pytest.raises(NeedsOperator, match="402"):
        pull(x(server))
    assert len(server.faults.asked) == 1
