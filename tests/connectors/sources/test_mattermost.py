"""Mattermost: the contract, pairs, and each trap of its API by name."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from plot import WEEKS, Bench, PlotContract, messages
from source_contract import RECORDINGS, check_pair, completed, landed, mapped, pairs
from vendor_contract import Contract, asked

from connectors.mapping import Quarantined
from connectors.source import Window
from connectors.sources.mattermost import Mattermost
from leerstroom.errors import BadRecord, ConfigurationError, RateLimited
from leerstroom.replay import Fault, Running, running
from leerstroom.statements import verbs
from leerstroom.statements.vocabulary import EXTENSION_BASE, canonical_verb

ROOMS = {json.loads(json.dumps(line))["room"]: line["key"] for line in messages(RECORDINGS / "mattermost")}
EXCEL, DATA = (
    next(line["room"] for line in messages(RECORDINGS / "mattermost") if line["key"] == key)
    for key in ("macro", "dataset")
)
FIELDS = {"token": "a-token-that-reads", "tenant": "https://x.example", "rooms": [EXCEL, DATA]}


BENCH = Bench(Mattermost, FIELDS)
source_at, pull, statements, read = BENCH.at, BENCH.pull, BENCH.statements, BENCH.read


class TestMattermost(PlotContract):
    source = Mattermost
    fields = FIELDS
    recordings = RECORDINGS / "mattermost"
    paged = "/posts"


@pytest.mark.parametrize("pair", pairs("mattermost"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(Mattermost, pair)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(RECORDINGS, only=("mattermost",)) as server:
        yield server


def post(text: str, post_id: str = "p1", **fields: Any) -> dict[str, Any]:
    return {"id": post_id, "create_at": 1793700000000, "update_at": 1793700000000, "edit_at": 0, "delete_at": 0, "user_id": "u1", "channel_id": "c1", "root_id": "", "message": text, "type": "", **fields}  # fmt: skip


def test_every_request_is_one_that_mattermost_describes(server: Running) -> None:
    contract = Contract.read(RECORDINGS / "mattermost" / "openapi.json")
    source = source_at(f"{server.url}/mattermost")
    days = [WEEKS.start + timedelta(days=day) for day in range((WEEKS.end - WEEKS.start).days)]
    with source.api() as api, asked(api) as sent:
        for day in days:  # one by one: what lies before a day is asked for by itself
            list(source.pull(api, Window(day, day + timedelta(days=1))))
        source._chain(api, {"id": "reply", "root_id": "deleted"}, {})  # what opened a thread and is in no list
        source.check(api)
    assert contract.called(sent) == {f"{method.upper()} {path}" for path, told in contract.spec["paths"].items() for method in told if method in {"get", "post"}}  # fmt: skip
    assert contract.faults(sent) == []


def test_since_never_comes_with_paging(server: Running) -> None:
    source = source_at(f"{server.url}/mattermost")
    with source.api() as api, asked(api) as sent:
        list(source.pull(api, WEEKS))
    since = [str(request.url) for request in sent if "since=" in str(request.url)]
    assert len(since) == 2
    assert not [url for url in since if any(name in url for name in ("page=", "per_page=", "before=", "after="))]


def test_since_gives_edits_and_deletions_of_posts_from_before_the_window(server: Running) -> None:
    """On 4 November a post of the 3rd became a question, its reply an answer, and a reply of the 2nd was deleted."""
    records = pull(
        source_at(f"{server.url}/mattermost"),
        Window(datetime(2026, 11, 4, tzinfo=UTC), datetime(2026, 11, 5, tzinfo=UTC)),
    )
    found = {line["key"]: line["id"] for line in messages(RECORDINGS / "mattermost")}
    assert {record.key for record in records} == {found[key] for key in ("macro", "kijken", "spijt", "week-8")}


def test_a_reply_or_reaction_to_an_old_post_does_not_bring_the_post_again(server: Running) -> None:
    """A reply of 12 November modifies the question of 26 October, which `since` then shows."""
    records = pull(
        source_at(f"{server.url}/mattermost"),
        Window(datetime(2026, 11, 12, 12, tzinfo=UTC), datetime(2026, 11, 13, tzinfo=UTC)),
    )
    assert [record["message"] for record in records] == ["Op het dataplein, onder Basisregistraties."]
    [answered] = statements(source_at("https://x.example"), records)
    assert answered["verb"]["id"] == verbs.ANSWERED.iri


def test_reactions_have_their_own_time(server: Running) -> None:
    made = statements(source_at(f"{server.url}/mattermost"), pull(source_at(f"{server.url}/mattermost")))
    [accepted] = [each for each in made if each["verb"]["id"] == verbs.VOTED_UP.iri]
    assert accepted["timestamp"] == "2026-10-27T09:41:00.000Z"
    [liked] = [each for each in made if each["timestamp"] == "2026-10-28T08:45:00.000Z"]
    assert EXTENSION_BASE + "rule" not in liked["context"]["extensions"]


def test_a_mention_is_found_by_the_name_behind_the_at(server: Running) -> None:
    made = statements(source_at(f"{server.url}/mattermost"), pull(source_at(f"{server.url}/mattermost")))
    mentions = [each["context"]["extensions"].get(EXTENSION_BASE + "mentions") for each in made]
    assert [len(each) for each in mentions if each] == [1]


def test_posts_are_a_map_and_their_order_a_list() -> None:
    page = {
        "order": ["b", "a"],
        "posts": {
            "a": post("Weet iemand dit?", "a"),
            "b": post("Jazeker, links bovenaan.", "b", root_id="a", user_id="u2"),
        },
    }
    made, _, _ = read(page)
    assert [canonical_verb(each["verb"]["id"]) for each in made] == ["answered", "asked"]


def test_a_deleted_post_takes_back_what_was_said(server: Running) -> None:
    [before], _, _ = read(post("Weet iemand dit?"))
    made, taken_back, _ = read(post("Weet iemand dit?", delete_at=1793700100000))
    assert made == []
    assert before["context"]["extensions"][EXTENSION_BASE + "record"] in taken_back


def test_an_earlier_form_of_an_edited_post_is_no_deletion() -> None:
    made, taken_back, ignored = read(post("Weet iemand dit", "old", original_id="p1", delete_at=1793700100000))
    assert (made, taken_back, ignored) == ([], [], {"earlier form of an edited post": 1})


@pytest.mark.parametrize(
    "fields",
    [
        {"props": {"from_webhook": "true"}},
        {"props": {"from_bot": "true"}},
        {"type": "system_add_to_channel"},
        {"type": "custom_calls"},
    ],
)
def test_bots_webhooks_and_system_posts_say_nothing(fields: dict[str, Any]) -> None:
    made, _, ignored = read(post("Wie weet dit?", **fields))
    assert made == []
    assert ignored.keys() <= {"message of a program", "notice of the platform about the room or its members"}


@pytest.mark.parametrize("sort", ["D", "G", "P"])
def test_direct_and_private_channels_land_without_a_word(sort: str) -> None:
    source = source_at("https://x.example")
    [kept] = landed(
        source,
        list(
            source.read({
                "event": "posted",
                "data": {"channel_type": sort, "post": json.dumps(post("Ken jij een cursus?"))},
            })
        ),
    )
    assert set(kept) <= {"room", "ignored"}


def test_a_limit_says_in_a_header_how_many_seconds_are_left(server: Running) -> None:
    server.faults.waiting[:] = [Fault("too_many", times=1, seconds=40)]
    source = source_at(f"{server.url}/mattermost")
    with source.api() as api:
        api._patience_s = 1
        with pytest.raises(RateLimited) as caught:
            list(source.pull(api, WEEKS))
    assert caught.value.retry_after_s == 40


def test_more_changes_than_since_tells_are_a_warning(server: Running, caplog: pytest.LogCaptureFixture) -> None:
    class Small(Mattermost):
        most_since = 5

    source = completed(Small, {**FIELDS, "host": f"{server.url}/mattermost"}, "chat")
    assert isinstance(source, Small)
    pull(source)
    assert "changed more often than Mattermost tells at once" in caplog.text


def test_an_unknown_channel_is_named(server: Running) -> None:
    with pytest.raises(ConfigurationError, match="nowhere"):
        pull(source_at(f"{server.url}/mattermost", rooms=["nowhere"]))


def test_an_outgoing_webhook_is_a_post() -> None:
    hook = {"token": "t", "team_id": "t1", "team_domain": "x", "channel_id": "c1", "channel_name": "algemeen", "timestamp": 1793700000000, "user_id": "u1", "user_name": "femke", "post_id": "p1", "text": "Weet iemand hoe dit werkt?", "trigger_word": "", "file_ids": ""}  # fmt: skip
    assert read(hook)[0] == read(post("Weet iemand hoe dit werkt?"))[0]


def test_all_recorded_payloads_of_mattermost_are_read(shared: Path) -> None:
    source, made, refused = source_at("https://x.example"), [], []
    for file in sorted((shared / "recordings" / "mattermost").glob("*/*.json")):
        try:
            made += statements(source, list(source.read(json.loads(file.read_text()))))
        except BadRecord:
            refused.append(file.name)
    assert len(made) == 5
    assert refused == ["mattermost_erros.json"]


@pytest.mark.parametrize("timestamp", [1793700000, "1793700000"])
def test_an_outgoing_webhook_that_is_sent_as_a_form_counts_seconds(timestamp: int | str) -> None:
    [made], _, _ = read({"channel_id": "c1", "timestamp": timestamp, "user_id": "u1", "post_id": "p1", "text": "Het rooster staat klaar."})  # fmt: skip
    assert made["timestamp"] == "2026-11-03T10:00:00.000Z"


@pytest.mark.parametrize("created", [1793700000000, 1793700000000.0, "1793700000000"])
def test_milliseconds_that_passed_through_a_float_or_a_text_are_the_same(created: float | str) -> None:
    [made], _, _ = read(post("Het rooster staat klaar.", create_at=created))
    assert made["timestamp"] == "2026-11-03T10:00:00.000Z"


def test_a_reaction_alone_needs_no_channel_and_one_of_an_event_has_the_channel_that_the_event_is_for() -> None:
    row = {"user_id": "u2", "post_id": "p1", "emoji_name": "+1", "create_at": 1793700000000}
    event = {"event": "reaction_added", "data": {"reaction": json.dumps(row)}, "broadcast": {"channel_id": "c1"}, "seq": 9}  # fmt: skip
    rooms = [made["context"]["contextActivities"]["grouping"][0]["id"] for told in (row, event) for made in read(told)[0]]  # fmt: skip
    assert rooms == [f"https://x.example/api/v4/channels/{room}" for room in ("unknown", "c1")]


def test_an_answer_of_the_websocket_to_ourselves_is_no_fault() -> None:
    assert read({"status": "OK", "seq_reply": 1})[:2] == ([], [])


def test_what_a_post_lacks_is_told_in_words() -> None:
    source = source_at("https://x.example")
    _, made = mapped(source, landed(source, list(source.read(post("Hoi", user_id="")))))
    assert [each.reason for each in made if isinstance(each, Quarantined)] == ["the message does not tell whose it is"]
