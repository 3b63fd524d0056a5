"""Discourse: the contract, pairs, and each trap of its API by name."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from plot import WEEKS, Bench, PlotContract, messages
from source_contract import RECORDINGS, check_pair, landed, mapped, pairs
from vendor_contract import asked

from connectors.source import Window
from connectors.sources.discourse import Discourse
from leerstroom.errors import BadRecord, ConfigurationError, CredentialsRefused, RateLimited
from leerstroom.replay import Fault, Running, running
from leerstroom.statements import Retracted, verbs
from leerstroom.statements.vocabulary import EXTENSION_BASE, canonical_verb

FIELDS = {
    "token": "an-api-key-that-reads", "username": "leerstroom", "tenant": "https://x.example", "rooms": ["71", "72"], "emails": True, "requests_per_minute": 100_000,
}  # fmt: skip


BENCH = Bench(Discourse, FIELDS)
source_at, pull, statements, read = BENCH.at, BENCH.pull, BENCH.statements, BENCH.read


class TestDiscourse(PlotContract):
    source = Discourse
    fields = FIELDS
    recordings = RECORDINGS / "discourse"
    paged = "latest.json"
    private_rooms = ("directie",)  # private messages stand in no category
    signs = (("assen", "liked"), ("celopmaak", "liked"), ("celopmaak", "voted-up"), ("handleiding", "liked"))


@pytest.mark.parametrize("pair", pairs("discourse"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(Discourse, pair)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(RECORDINGS, only=("discourse",)) as server:
        yield server


IDS = {line["key"]: line["id"] for line in messages(RECORDINGS / "discourse")}
RECORD = EXTENSION_BASE + "record"


def post(number: int, text: str, who: str = "femke", **fields: Any) -> dict[str, Any]:
    return {
        "id": 500 + number, "username": who, "user_id": 21, "created_at": f"2026-11-03T10:{number:02}:00.000Z", "cooked": f"<p>{text}</p>", "post_number": number, "post_type": 1,
        "reply_to_post_number": None, "topic_id": 88, **fields,
    }  # fmt: skip


def topic(*posts: dict[str, Any], title: str = "Verlof van vorig jaar", **fields: Any) -> dict[str, Any]:
    return {
        "post_stream": {"posts": list(posts), "stream": [each["id"] for each in posts]},
        "id": 88,
        "title": title,
        "category_id": 7,
        "archetype": "regular",
        **fields,
    }


def said(*payloads: Any) -> list[str]:
    return [canonical_verb(each["verb"]["id"]) for each in read(*payloads)[0]]


def test_an_accepted_answer_makes_a_fact_of_question_answer_and_acceptance() -> None:
    made, _, _ = read(
        topic(
            post(1, "Het staat nergens."),
            post(2, "Onder Verlof.", "anouk", accepted_answer=True),
            accepted_answer={"post_number": 2, "username": "anouk"},
        )
    )
    assert [canonical_verb(each["verb"]["id"]) for each in made] == ["asked", "answered", "voted-up"]
    assert not [each for each in made if EXTENSION_BASE + "rule" in each["context"]["extensions"]]
    assert made[2]["actor"] == made[0]["actor"]
    assert made[2]["object"] == made[1]["object"]


def test_a_post_of_before_its_acceptance_is_taken_back_for_the_fact() -> None:
    """First posted and replied, then question and answer by the forum's own mark."""
    before, _, _ = read(topic(post(1, "Het staat nergens."), post(2, "Onder Verlof.", "anouk")))
    assert [canonical_verb(each["verb"]["id"]) for each in before] == ["posted", "replied"]
    _, taken_back, _ = read(
        topic(
            post(1, "Het staat nergens."),
            post(2, "Onder Verlof.", "anouk", accepted_answer=True),
            accepted_answer={"post_number": 2},
        )
    )
    assert {each["context"]["extensions"][RECORD] for each in before} <= set(taken_back)


def test_an_acceptance_of_ones_own_answer_is_no_praise() -> None:
    solved = topic(
        post(1, "Waar staat dit?"),
        post(2, "Gevonden, onder Verlof.", accepted_answer=True),
        accepted_answer={"post_number": 2},
    )
    assert said(solved) == ["asked", "answered"]
    assert read(solved)[2] == {"acceptance of an answer of one's own": 1}


def test_replies_name_the_post_that_they_reply_to_by_its_number() -> None:
    made, _, _ = read(
        topic(
            post(1, "Het staat er."),
            post(2, "Mooi zo, dat zocht ik al een tijd", "anouk"),
            post(3, "Het is ook nog eens vertaald", "bram", reply_to_post_number=2),
        )
    )
    assert [[parent["id"] for parent in each["context"]["contextActivities"].get("parent", [])] for each in made] == [
        [], ["https://x.example/t/88/1"], ["https://x.example/t/88/2"],
    ]  # fmt: skip


def test_the_author_of_an_answer_that_is_not_at_hand_is_known_from_the_reply() -> None:
    """So the same reply says the same, whichever posts a pull brings: whom it replies to is no mention."""
    reply = post(
        3,
        '<a class="mention" href="/u/anouk">@anouk</a> dank',
        "bram",
        reply_to_post_number=2,
        reply_to_user={"username": "anouk"},
    )
    alone, _, _ = read(topic(post(1, "Het staat er."), reply))
    together, _, _ = read(topic(post(1, "Het staat er."), post(2, "Mooi zo.", "anouk"), reply))
    assert alone[-1] == together[-1]


def test_a_question_in_the_title_is_a_question_and_a_title_is_read_once() -> None:
    assert said(
        topic(post(1, "Ik zie het niet staan."), post(2, "Onder Verlof.", "anouk"), title="Hoe boek ik verlof over?")
    ) == ["asked", "answered"]


def test_a_quote_is_not_what_the_writer_says() -> None:
    quoted = '<aside class="quote no-group" data-username="anouk"><div class="title">anouk:</div><blockquote><p>Weet iemand dit?</p></blockquote></aside>'
    assert said(post(1, f"{quoted}<p>Dat vroeg Anouk gisteren.</p>")) == ["posted"]


def test_a_picture_is_a_file_and_an_emoji_or_a_quoted_picture_is_none() -> None:
    picture = '<img src="/uploads/default/original/1X/knop.png" alt="knop" width="36">'
    smile = '<img src="/images/emoji/smile.png" title=":smile:" class="emoji" alt=":smile:">'
    quoted = f'<aside class="quote" data-username="anouk"><blockquote><p>{picture}</p></blockquote></aside>'
    asked = topic(post(1, "Waar vind ik de knop?"), post(2, picture, "bram"), post(3, smile, "bram"), post(4, f"{quoted}ok", "bram"))  # fmt: skip
    assert said(asked) == ["asked", "answered", "reacted", "reacted"]


def test_who_likes_what_is_not_told_is_counted() -> None:
    source = source_at("https://x.example")
    records = landed(source, list(source.read({"post_action_users": [{"username": "bram", "post_url": None}]})))
    assert mapped(source, records)[0].counts.quarantined.total() == 1


def test_likes_are_told_by_who_and_not_by_when(server: Running) -> None:
    made = statements(source_at("https://x.example"), pull(source_at(f"{server.url}/discourse")))
    liked = [each for each in made if each["verb"]["id"] == verbs.LIKED.iri]
    assert {each["context"]["extensions"][EXTENSION_BASE + "rule"] for each in liked} == {"time-of-message"}
    assert len(liked) == 3


def test_likes_cost_a_request_each_and_can_be_left_out(server: Running) -> None:
    source = source_at(f"{server.url}/discourse", likes=False)
    with source.api() as api, asked(api) as sent:
        records = list(source.pull(api, WEEKS))
    assert not [request for request in sent if "post_action_users" in str(request.url)]
    assert not [record for record in records if record.kind == "reaction"]


def test_pinned_topics_come_first_and_do_not_end_the_list(server: Running) -> None:
    """Topic 900 is pinned and was active in the first week only; topics of the last days come after it."""
    last = Window(datetime(2026, 11, 11, tzinfo=UTC), datetime(2026, 11, 13, tzinfo=UTC))
    records = pull(source_at(f"{server.url}/discourse"), last)
    assert {record.key for record in records} == {IDS[key] for key in ("dataplein", "week-13", "week-14")}


def test_an_edited_opening_post_tells_its_replies_again(server: Running) -> None:
    """On 4 November a first post of the 3rd became a question; its reply of the 3rd is an answer since."""
    day = Window(datetime(2026, 11, 4, tzinfo=UTC), datetime(2026, 11, 5, tzinfo=UTC)).widened(timedelta(hours=12))
    told = {record.key for record in pull(source_at(f"{server.url}/discourse"), day)}
    assert told == {IDS[key] for key in ("week-8",)}  # the topic was last active before
    earlier = Window(datetime(2026, 11, 3, 10, 10, tzinfo=UTC), datetime(2026, 11, 5, tzinfo=UTC))
    assert {IDS["macro"], IDS["kijken"]} <= {
        record.key for record in pull(source_at(f"{server.url}/discourse"), earlier)
    }


def test_long_topics_are_read_from_their_end_back_to_the_windows_start(server: Running) -> None:
    source = source_at(f"{server.url}/discourse", rooms=["71"], likes=False)
    with source.api() as api, asked(api) as sent:
        list(source.pull(api, WEEKS))
    assert [request for request in sent if "posts.json" in str(request.url)]


def test_deleted_posts_are_taken_back_where_moderators_see_them(server: Running) -> None:
    source = source_at(f"{server.url}/discourse")
    [gone] = [record for record in pull(source) if record.key == IDS["spijt"]]
    assert gone["deleted_at"]
    _, outcomes = mapped(source, landed(source, [gone]))
    assert outcomes
    assert all(isinstance(each, Retracted) for each in outcomes)


def test_a_limit_tells_the_seconds_among_the_extras_of_the_body(server: Running) -> None:
    server.faults.waiting[:] = [Fault("too_many", times=1, seconds=12)]
    source = source_at(f"{server.url}/discourse")
    with source.api() as api:
        api._patience_s = 1
        with pytest.raises(RateLimited) as caught:
            list(source.pull(api, WEEKS))
    assert caught.value.retry_after_s == 12


def test_addresses_are_asked_for_only_where_the_connection_says_so(server: Running) -> None:
    source = source_at(f"{server.url}/discourse", emails=False)
    with source.api() as api, asked(api) as sent:
        list(source.pull(api, WEEKS))
    assert not [request for request in sent if "/admin/" in str(request.url)]


@pytest.mark.parametrize("fields", [{"topic_archetype": "private_message"}, {"post_type": 4}])
def test_private_messages_and_whispers_land_without_a_word(fields: dict[str, Any]) -> None:
    source = source_at("https://x.example")
    [kept] = landed(source, list(source.read(post(1, "Ken jij een cursus?", **fields))))
    assert set(kept) <= {"room", "ignored"}


def test_an_unknown_category_is_named_and_a_refused_key_fails_at_once(server: Running) -> None:
    with pytest.raises(ConfigurationError, match="nowhere"):
        pull(source_at(f"{server.url}/discourse", rooms=["nowhere"]))
    with pytest.raises(CredentialsRefused):
        pull(source_at(f"{server.url}/discourse", token="another-key"))


def test_webhooks_of_a_like_and_of_a_solution() -> None:
    answer = post(2, "Onder Verlof.", "anouk", category_id=7)
    assert said({"like": {"post": answer, "user": {"id": 4, "username": "bram"}}}) == ["liked"]
    assert said({"post": post(1, "Waar staat dit?")}, {"solved": answer}) == ["asked", "answered", "voted-up"]


def test_all_recorded_payloads_of_discourse_are_read(shared: Path) -> None:
    source, made = source_at("https://x.example"), []
    for file in sorted((shared / "recordings" / "discourse").glob("*/*.json")):
        text = file.read_text()
        try:
            payload = json.loads(text)
        except json.JSONDecodeError:  # one of the fixtures is no JSON
            continue
        made += statements(source, list(source.read(payload)))
    found = [canonical_verb(each["verb"]["id"]) for each in made]
    assert len(found) == 7
    assert found.count("asked") >= 2
    assert "answered" in found


def test_an_error_is_no_answer() -> None:
    with pytest.raises(BadRecord, match="error of Discourse"):
        list(source_at("https://x.example").read({"errors": ["no"], "error_type": "not_found"}))
