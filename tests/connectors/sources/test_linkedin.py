"""LinkedIn: the contract on a page of our own making, pairs, and each trap of the API."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from source_contract import KEY, RECORDINGS, SourceContract, check_pair, completed, landed, mapped, pairs, statements_of
from vendor_contract import asked

from connectors.source import Record, Window
from connectors.sources.linkedin import LinkedIn
from leerstroom.errors import BadRecord, ConfigurationError, QuotaExhausted
from leerstroom.replay import Fault, Running, running
from leerstroom.statements import Retracted
from leerstroom.statements.vocabulary import EXTENSION_BASE, types, verbs

FIELDS = {"token": "token-of-the-administrator", "rooms": ["2414183"], "channel_kinds": {"2414183": "set_up_community"}}
WEEK = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 8, tzinfo=UTC))
ACTIVITY = "urn:li:activity:7250000000000000002"


class TestLinkedIn(SourceContract):
    source = LinkedIn
    fields = FIELDS
    recordings = RECORDINGS / "linkedin"
    window = WEEK
    has_quota = True
    names = ("dinsdag een uur", "vaste leermiddag", "urn:li:person:")

    def secrets(self, record: Record) -> Iterator[str]:
        yield from super().secrets(record)
        yield str(record.get("user") or record.get("actor") or record.get("commentary"))


@pytest.mark.parametrize("pair", pairs("linkedin"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(LinkedIn, pair)


@pytest.fixture
def server() -> Iterator[Running]:
    with running(RECORDINGS, only=("linkedin",)) as server:
        yield server


def linkedin(server: Running | None = None, **fields: Any) -> LinkedIn:
    made = completed(LinkedIn, {**FIELDS, **({"host": f"{server.url}/linkedin"} if server else {}), **fields}, "page")
    assert isinstance(made, LinkedIn)
    return made


def pull(source: LinkedIn, window: Window = WEEK) -> list[Record]:
    with source.api() as api:
        return list(source.pull(api, window))


def made_of(source: LinkedIn, records: list[Record]) -> dict[str, dict[str, Any]]:
    """Statements about comments by the number of the comment."""
    _, outcomes = mapped(source, landed(source, [each for each in records if each.kind == "message"]))
    return {
        each["object"]["id"].rstrip(")").rsplit("%2C", 1)[-1].rstrip("%29"): each for each in statements_of(outcomes)
    }


def test_comments_on_a_question_of_the_page_are_answers_and_the_page_itself_is_nobody(server: Running) -> None:
    source = linkedin(server)
    mapper, _ = mapped(source, landed(source, pull(source)))
    made = made_of(source, pull(source))
    assert made["6001"]["verb"]["id"] == verbs.ANSWERED.iri
    assert made["6001"]["object"]["definition"]["type"] == types.COMMENT
    assert made["6001"]["context"]["contextActivities"]["parent"][0]["id"].endswith("urn:li:share:7250000000000000001")
    assert mapper.counts.ignored == {"written by the organisation itself": 3}  # two posts and a comment


def test_a_reply_to_a_comment_is_read_too(server: Running) -> None:
    made = made_of(linkedin(server), pull(linkedin(server)))
    assert made["6010"]["verb"]["id"] == verbs.ANSWERED.iri
    assert made["6010"]["context"]["extensions"][EXTENSION_BASE + "confidence"] == 0.6  # it only asks


def test_lists_that_give_less_than_was_asked_for_are_read_to_their_total(server: Running) -> None:
    pull(linkedin(server))
    reactions = [
        path for _, _, path in server.faults.asked if "/reactions/" in path and "share:7250000000000000001" in path
    ]
    assert len(reactions) == 2  # three reactions, two a page


def test_celebrations_and_love_are_likes_and_insight_is_another_sign(server: Running) -> None:
    source = linkedin(server)
    records = [record for record in pull(source) if record.kind == "reaction"]
    made = statements_of(mapped(source, landed(source, records))[1])
    assert sorted(each["verb"]["display"]["en"] for each in made) == ["liked", "liked", "liked", "reacted"]


def test_an_edited_comment_is_another_form_of_the_same(server: Running) -> None:
    source = linkedin(server)
    [record] = [each for each in pull(source) if each.key.endswith(",6002)")]
    unedited = Record("message", record.key, {**record, "lastModified": record["created"]})
    [before] = statements_of(mapped(source, landed(source, [unedited]))[1])
    mapper, outcomes = mapped(source, landed(source, [record]))
    [after] = statements_of(outcomes)
    assert before["id"] != after["id"]
    assert before["context"]["extensions"][EXTENSION_BASE + "record"] in {
        each.key for each in outcomes if isinstance(each, Retracted)
    } | {after["context"]["extensions"][EXTENSION_BASE + "record"]}
    assert mapper.counts.balances


def test_posts_older_than_asked_for_end_the_list(server: Running) -> None:
    pull(linkedin(server))
    assert not any("7100000000000000001" in path for _, _, path in server.faults.asked)


def test_a_comment_that_is_gone_from_a_post_that_was_read_again_is_taken_back(server: Running) -> None:
    source = linkedin(server)
    server.world.until = datetime(2026, 11, 10, tzinfo=UTC)
    before = landed(source, pull(source))
    server.world.until = datetime(2026, 11, 25, tzinfo=UTC)
    elsewhere = Record("message", "urn:li:comment:(x,1)", {"room": "2414183", "root": {"id": "urn:li:share:1"}})
    with source.api() as api:
        assert (
            list(source.pull(api, Window(datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 25, tzinfo=UTC)))) == []
        )
        gone = list(source.recheck(api, [*before, elsewhere]))
    assert [record.key for record in gone] == [f"urn:li:comment:({ACTIVITY},6004)"]
    _, outcomes = mapped(source, landed(source, gone))
    assert any(isinstance(each, Retracted) for each in outcomes)


def test_a_spent_quota_of_the_day_waits_for_the_next_night(server: Running) -> None:
    server.faults.waiting[:] = [Fault("quota", times=9)]
    with pytest.raises(QuotaExhausted):
        pull(linkedin(server))


def test_a_version_that_has_ended_says_what_to_do(server: Running) -> None:
    with pytest.raises(ConfigurationError, match=r"version none .* has ended; set 'version'"):
        pull(linkedin(server, version="none"))


def test_what_is_nothing_of_linkedin_is_refused() -> None:
    for payload in ({"elements": [{"x": 1}]}, {"id": "urn:li:share:1"}, [3]):
        with pytest.raises(BadRecord):
            list(linkedin().read(payload))
    assert list(linkedin().read({"elements": [], "paging": {"start": 0, "count": 10, "links": []}})) == []


def test_nothing_is_asked_of_a_member_only_of_the_page_and_of_what_hangs_on_its_posts(server: Running) -> None:
    source = linkedin(server)
    with source.api() as api, asked(api) as sent:
        list(source.pull(api, WEEK))
    urls = [unquote(str(request.url)) for request in sent]
    assert {parse_qs(urlsplit(url).query)["author"][0] for url in urls if "/rest/posts" in url} == {"urn:li:organization:2414183"}  # fmt: skip
    assert not [url for url in urls if "urn:li:person" in url]


@pytest.mark.parametrize("named", [{"person": {"person": "urn:li:person:B"}}, {"com.linkedin.common.MemberAttributedEntity": {"member": "urn:li:person:B"}}])  # fmt: skip
def test_a_member_whom_a_comment_names_is_a_mention_in_the_newer_and_the_older_form(named: dict[str, Any]) -> None:
    comment = {"commentUrn": "urn:li:comment:(urn:li:share:1,2)", "object": "urn:li:share:1", "created": {"actor": "urn:li:person:A", "time": 1793700000000}, "message": {"text": "Bram weet dit vast nog van vorig jaar", "attributes": [{"start": 0, "length": 4, "value": named}]}}  # fmt: skip
    [made] = statements_of(mapped(linkedin(), landed(linkedin(), list(linkedin().read(comment))))[1])
    [mentioned] = made["context"]["extensions"][EXTENSION_BASE + "mentions"]
    assert mentioned["account"]["name"] == KEY.account("https://www.linkedin.com", "urn:li:person:B")


@pytest.mark.parametrize("time", [1793700000000, "1793700000000"])
def test_times_are_milliseconds_as_a_number_or_as_text(time: int | str) -> None:
    reaction = {"id": "urn:li:reaction:(urn:li:person:A,urn:li:activity:1)", "reactionType": "LIKE", "created": {"actor": "urn:li:person:A", "time": time}, "root": "urn:li:activity:1"}  # fmt: skip
    [made] = statements_of(mapped(linkedin(), landed(linkedin(), list(linkedin().read(reaction))))[1])
    assert made["timestamp"] == "2026-11-03T10:00:00.000Z"


def test_a_reaction_by_itself_is_to_what_its_urn_says_a_comment_or_a_post() -> None:
    for urn, sort in (("urn:li:comment:(urn:li:activity:1,2)", types.COMMENT), ("urn:li:activity:1", types.MESSAGE)):
        reaction = {"id": "urn:li:reaction:1", "reactionType": "LIKE", "created": {"actor": "urn:li:person:A", "time": 1793700000000}, "root": urn}  # fmt: skip
        [made] = statements_of(mapped(linkedin(), landed(linkedin(), list(linkedin().read(reaction))))[1])
        assert made["object"]["definition"]["type"] == sort
        assert made["context"]["contextActivities"]["grouping"][0]["id"].endswith("/conversations/urn:li:activity:1")


def test_the_root_of_a_reaction_to_a_comment_is_the_post_and_its_own_id_tells_the_comment() -> None:
    comment = "urn:li:comment:(urn:li:activity:1,2)"
    reaction = {"id": f"urn:li:reaction:(urn:li:person:A,{comment})", "reactionType": "LIKE", "created": {"actor": "urn:li:person:A", "time": 1793700000000}, "root": "urn:li:activity:1"}  # fmt: skip
    [record] = linkedin().read({"elements": [reaction]})
    assert record["on"] == comment
