"""Zulip: the contract, pairs, and each trap of its API by name."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plot import WEEKS, Bench, PlotContract
from source_contract import KEY, RECORDINGS, check_pair, landed, mapped, pairs, statements_of
from vendor_contract import Contract, asked

from connectors.sources.zulip import Topics, Zulip
from leerstroom.errors import BadRecord, RateLimited
from leerstroom.people import Directory, Employee
from leerstroom.replay import Fault, Running, running
from leerstroom.statements import verbs
from leerstroom.statements.vocabulary import EXTENSION_BASE, canonical_verb

FIELDS = {
    "email": "leerstroom-bot@voorbeeldstad.zulip.example", "api_key": "an-api-key-that-reads", "tenant": "https://x.example", "rooms": ["excel-hulplijn", "11"], "requests_per_minute": 100_000,
}  # fmt: skip
T = 1793700000


BENCH = Bench(Zulip, FIELDS)
source_at, pull, statements, read = BENCH.at, BENCH.pull, BENCH.statements, BENCH.read


class TestZulip(PlotContract):
    source = Zulip
    fields = FIELDS
    recordings = RECORDINGS / "zulip"
    paged = "/messages"
    private_rooms = ("directie",)  # direct messages stand in no channel
    sees_deletions = False  # only events tell


@pytest.mark.parametrize("pair", pairs("zulip"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(Zulip, pair)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(RECORDINGS, only=("zulip",)) as server:
        yield server


def message(
    number: int, text: str, *, days: float = 0, who: int = 1, topic: str = "verlof", **fields: Any
) -> dict[str, Any]:
    return {
        "id": number, "type": "stream", "stream_id": 7, "subject": topic, "sender_id": who, "sender_email": "user1@x.example", "timestamp": T + int(days * 86_400), "content": f"<p>{text}</p>",
        "client": "website", "reactions": [], **fields,
    }  # fmt: skip


def said(*items: dict[str, Any]) -> list[str]:
    return [canonical_verb(each["verb"]["id"]) for each in read({"result": "success", "messages": list(items)})[0]]


def test_every_request_is_one_that_zulip_describes(server: Running) -> None:
    contract = Contract.read(RECORDINGS / "zulip" / "openapi.json")
    source = source_at(f"{server.url}/zulip")
    with source.api() as api, asked(api) as sent:
        list(source.pull(api, WEEKS))
        source.check(api)
    assert contract.called(sent) == {f"GET {path}" for path in contract.spec["paths"]}
    assert contract.faults(sent) == []


def test_paging_by_anchor_ends_where_found_oldest_says_so(server: Running) -> None:
    """Pages are shorter than what was asked for; only the vendor's word ends the list."""
    source = source_at(f"{server.url}/zulip", rooms=["data-en-ai"])
    with source.api() as api, asked(api) as sent:
        records = list(source.pull(api, WEEKS))
    anchors = [str(request.url) for request in sent if "num_after=0" in str(request.url)]
    assert len(anchors) == len(set(anchors)) >= 3
    assert len([record for record in records if record.kind == "message"]) == 19


def test_a_topic_is_a_thread_and_an_answer_after_weeks_belongs_to_its_question() -> None:
    assert said(message(1, "Waar staat de dataset?"), message(2, "Op het dataplein.", days=17, who=2)) == [
        "asked",
        "answered",
    ]


def test_a_resolved_topic_is_the_same_topic_and_so_is_another_case() -> None:
    assert said(
        message(1, "Waar staat de dataset?"),
        message(2, "Op het dataplein.", who=2, topic="✔ verlof"),
        message(3, "En anders in het archief.", who=3, topic="Verlof"),
    ) == ["asked", "answered", "answered"]


def test_a_question_after_three_days_of_silence_opens_a_conversation_of_its_own() -> None:
    assert said(
        message(1, "Hier praten we over van alles."),
        message(2, "Wie weet waar het formulier staat?", days=1, who=2),
        message(3, "Waar vind ik het rooster?", days=5, who=3),
        message(4, "Op intranet onder Planning.", days=6, who=2),
    ) == ["posted", "replied", "asked", "answered"]


@given(st.lists(st.tuples(st.floats(0.01, 12), st.booleans()), min_size=1, max_size=25), st.integers(0, 25))
def test_wherever_the_window_starts_a_message_belongs_to_the_same_conversation(
    steps: list[tuple[float, bool]], start: int
) -> None:
    """A window sees what lies 33 days before it, and is told which message is the first of the topic."""
    items, day = [], 0.0
    for number, (pause, asks) in enumerate(steps, 1):
        day += pause
        items.append(message(number, "Waar staat dit?" if asks else "Dit staat op intranet.", days=day))
    whole = Topics()
    expected = [[each["id"] for each in whole.chain(item)] for item in items]
    start = min(start, len(items) - 1)
    since = items[start]["timestamp"] - timedelta(days=33).total_seconds()
    part, found = Topics(), []
    for number, item in enumerate(items):
        if item["timestamp"] < since:
            continue
        if number == start:
            part.begin(item, items[0])
        chain = part.chain(item)
        if number >= start:
            found.append([each["id"] for each in chain])
    assert found == expected[start:]


def test_topics_are_remembered_to_64_megabytes_and_the_oldest_are_forgotten_first() -> None:
    topics = Topics()
    for number in range(70):
        topics.chain(message(number, "x" * 1024 * 1024, topic=f"topic {number}"))
    early, late = (topics.chain(message(100 + number, "Ja, links.", topic=f"topic {number}")) for number in (1, 69))
    assert (early, [each["id"] for each in late]) == ([], [69])


def test_the_real_address_is_the_delivery_email_and_a_stand_in_finds_nobody(server: Running) -> None:
    """Bram's real address is shown, Hannah's is not; both have a stand-in as sender_email."""
    directory = Directory(
        employees=[
            Employee("E1", emails=("bram.jansen@voorbeeldstad.example", "user101@voorbeeldstad.zulip.example")),
            Employee("E2", emails=("hannah.oconnor@voorbeeldstad.example", "user105@voorbeeldstad.zulip.example")),
        ]
    )
    source = source_at(f"{server.url}/zulip")
    people = {each["actor"]["account"]["name"] for each in statements(source, pull(source), directory)}
    assert KEY.actor("E1") in people
    assert KEY.actor("E2") not in people


def test_a_reaction_has_the_time_of_its_message_and_says_so() -> None:
    [_, liked], _, _ = read(message(1, "Het rooster staat klaar.", reactions=[{"emoji_name": "tada", "user_id": 2}]))
    assert liked["timestamp"] == "2026-11-03T10:00:00.000Z"
    assert liked["context"]["extensions"][EXTENSION_BASE + "rule"] == "time-of-message"


def test_an_edit_replaces_the_statement_of_the_message() -> None:
    [posted], _, _ = read(message(1, "Het rooster staat klaar."))
    [asked_], taken_back, _ = read(message(1, "Waar staat het rooster?", last_edit_timestamp=T + 60))
    assert asked_["verb"]["id"] == verbs.ASKED.iri
    assert posted["context"]["extensions"][EXTENSION_BASE + "record"] in taken_back


def test_deletions_come_as_events_alone_and_take_everything_back() -> None:
    [posted], _, _ = read(message(1, "Het rooster staat klaar."))
    made, taken_back, _ = read({"type": "delete_message", "message_type": "stream", "message_ids": [1, 2], "stream_id": 7, "topic": "verlof", "id": 0})  # fmt: skip
    assert made == []
    assert posted["context"]["extensions"][EXTENSION_BASE + "record"] in taken_back
    assert read({"type": "delete_message", "message_type": "private", "message_id": 37, "id": 0})[1] == []


def test_an_edit_of_a_message_that_is_not_at_hand_is_ignored_with_its_reason() -> None:
    event = {
        "type": "update_message",
        "message_id": 58,
        "user_id": 10,
        "edit_timestamp": T,
        "rendered_content": "<p>nieuw</p>",
        "id": 0,
    }
    assert read(event) == ([], [], {"edit of a message that is not at hand": 1})


def test_a_move_to_another_topic_is_no_edit() -> None:
    event = {"type": "update_message", "message_id": 1, "user_id": 10, "edit_timestamp": T + 9, "subject": "elders", "orig_subject": "verlof", "message_ids": [1], "rendering_only": False, "id": 0}  # fmt: skip
    made, taken_back, ignored = read(message(1, "Waar staat dit?"), event)
    assert (len(made), taken_back, ignored) == (1, [], {"move to another topic or channel, which changes no text": 1})


def test_a_row_of_an_answer_that_is_no_message_is_counted() -> None:
    made, _, ignored = read({"result": "success", "messages": [None, message(1, "Waar staat dit?")]})
    assert (len(made), sum(ignored.values())) == (1, 1)


def test_a_preview_of_a_link_is_no_edit_though_it_comes_as_one() -> None:
    event = {"type": "update_message", "message_id": 1, "user_id": None, "edit_timestamp": T + 9, "content": "x", "rendered_content": "<p>Waar staat dit?</p>", "rendering_only": True, "id": 0}  # fmt: skip
    made, taken_back, ignored = read(message(1, "Het rooster staat klaar."), event)
    assert ([canonical_verb(each["verb"]["id"]) for each in made], taken_back) == (["posted"], [])
    assert ignored.keys() == {"nothing is mapped from answer records of this type"}


def test_a_vote_in_a_widget_is_no_message_and_its_number_is_the_events() -> None:
    vote = {"type": "submessage", "msg_type": "widget", "message_id": 970461, "submessage_id": 4737, "sender_id": 58, "content": '{"type":"vote"}', "id": 1}  # fmt: skip
    reaction = {"type": "reaction", "op": "add", "user_id": 2, "message_id": 1, "emoji_name": "tada", "id": 2}
    [_, liked], _, ignored = read(message(1, "Het rooster staat klaar."), vote, reaction)
    assert (liked["object"]["id"], liked["verb"]["id"]) == ("https://x.example/api/v1/messages/1", verbs.LIKED.iri)
    assert ignored.keys() == {"nothing is mapped from answer records of this type"}


def test_a_limit_tells_a_fraction_of_seconds_inside_the_body(server: Running) -> None:
    server.faults.waiting[:] = [Fault("too_many", times=1, seconds=40)]
    source = source_at(f"{server.url}/zulip")
    with source.api() as api:
        api._patience_s = 1
        with pytest.raises(RateLimited, match="RATE_LIMIT_HIT") as caught:
            list(source.pull(api, WEEKS))
    assert caught.value.retry_after_s == pytest.approx(40.000123)


@pytest.mark.parametrize("fields", [{"type": "private"}, {"type": "direct"}])
def test_direct_messages_land_without_a_word(fields: dict[str, Any]) -> None:
    source = source_at("https://x.example")
    kept = landed(
        source,
        list(
            source.read(message(1, "Ken jij een cursus?", **fields, reactions=[{"emoji_name": "tada", "user_id": 2}]))
        ),
    )
    assert "features" not in kept[0]
    assert statements_of(mapped(source, kept)[1]) == []


def test_the_address_of_a_program_ends_so_and_what_it_says_is_nobodys() -> None:
    source = source_at("https://x.example")
    found = list(source.read(message(1, "Weet iemand hoe dit werkt?", sender_email="notification-bot@x.example")))
    mapper, made = mapped(source, landed(source, found))
    assert (made, mapper.counts.ignored) == ([], {"message of a program": 1})


@pytest.mark.parametrize("timestamp", [1793700000.0, "1793700000"])
def test_seconds_that_passed_through_a_float_or_a_text_are_the_same(timestamp: float | str) -> None:
    assert read(message(1, "Het rooster staat klaar.", timestamp=timestamp)) == read(message(1, "Het rooster staat klaar.", timestamp=1793700000))  # fmt: skip


def test_ids_are_texts_from_the_moment_they_are_read() -> None:
    [made], _, _ = read(message(2**53 + 1, "Het rooster staat klaar."))
    assert made["object"]["id"] == f"https://x.example/api/v1/messages/{2**53 + 1}"


def test_all_recorded_payloads_of_zulip_are_read(shared: Path) -> None:
    source, made, refused = source_at("https://x.example"), [], []
    for file in sorted((shared / "recordings" / "zulip").glob("*/*.json")):
        try:
            made += statements(source, list(source.read(json.loads(file.read_text()))))
        except BadRecord:
            refused.append(file.name)
    assert [canonical_verb(each["verb"]["id"]) for each in made] == ["shared", "posted"]  # the third is of a bot
    assert [name for name in refused if ".400." not in name] == ["post_messages.200.0.json"]  # tells an id alone
