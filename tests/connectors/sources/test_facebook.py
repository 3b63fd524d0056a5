"""Facebook: the contract on a page of our own making, pairs, and each trap of the Graph API and of what was exported."""

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from source_contract import KEY, RECORDINGS, SourceContract, check_pair, completed, landed, mapped, pairs, statements_of

from connectors.source import Record, Window
from connectors.sources.facebook import Facebook
from leerstroom.errors import BadRecord, CredentialsRefused
from leerstroom.people import Directory, Employee
from leerstroom.replay import Fault, Running, running
from leerstroom.statements import Retracted, record_id
from leerstroom.statements.vocabulary import EXTENSION_BASE, verbs

PAGE = "7700000000000001"
FIELDS = {"token": "token-of-the-page", "rooms": [PAGE], "channel_kinds": {PAGE: "set_up_community"}}
WEEK = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 8, tzinfo=UTC))


class TestFacebook(SourceContract):
    source = Facebook
    fields = FIELDS
    recordings = RECORDINGS / "facebook"
    window = WEEK
    paged = "/feed"
    names = ("Anouk", "Bram", "Elif", "vergadering te leiden", "Zonder naam", "intranet.example.org")

    def secrets(self, record: Record) -> Iterator[str]:
        yield from super().secrets(record)
        if isinstance(record.get("message"), str):
            yield record["message"]


@pytest.mark.parametrize("pair", pairs("facebook"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(Facebook, pair)


@pytest.fixture
def server() -> Iterator[Running]:
    with running(RECORDINGS, only=("facebook",)) as server:
        yield server


def facebook(server: Running | None = None, **fields: Any) -> Facebook:
    made = completed(Facebook, {**FIELDS, **({"host": f"{server.url}/facebook"} if server else {}), **fields}, "page")
    assert isinstance(made, Facebook)
    return made


def pull(source: Facebook, window: Window = WEEK) -> list[Record]:
    with source.api() as api:
        return list(source.pull(api, window))


def made_of(source: Facebook, records: list[Record], directory: Directory | None = None) -> dict[str, dict[str, Any]]:
    """Statements about messages, by the last part of their ids."""
    _, outcomes = mapped(source, landed(source, [each for each in records if each.kind == "message"]), directory)
    return {each["object"]["id"].rsplit("/", 1)[-1].removeprefix(f"{PAGE}_"): each for each in statements_of(outcomes)}


def test_comments_on_a_question_of_the_page_are_answers_and_the_page_itself_is_nobody(server: Running) -> None:
    source = facebook(server)
    mapper, _ = mapped(source, landed(source, pull(source)))
    made = made_of(source, pull(source))
    assert made["9000000000000001_1"]["verb"]["id"] == verbs.ANSWERED.iri
    assert made["9000000000000001_1"]["context"]["contextActivities"]["parent"][0]["id"].endswith("_9000000000000001")
    assert "9000000000000001" not in made
    assert mapper.counts.ignored["written by the organisation itself"] == 2


def test_a_comment_below_a_comment_answers_the_question_above_both(server: Running) -> None:
    made = made_of(facebook(server), pull(facebook(server)))
    assert made["9000000000000001_2"]["verb"]["id"] == verbs.ANSWERED.iri
    assert made["9000000000000001_2"]["context"]["contextActivities"]["parent"][0]["id"].endswith("_9000000000000001")


def test_comments_and_reactions_beyond_the_first_page_are_followed(server: Running) -> None:
    records = pull(facebook(server))
    assert {record.key for record in records if record.kind == "message"} >= {
        f"9000000000000001_{number}" for number in (1, 2, 3, 4, 5)
    }
    assert sum(record.kind == "reaction" and record["on"].endswith("_9000000000000001") for record in records) == 3
    assert any("/comments" in path for _, _, path in server.faults.asked)


def test_a_writer_whom_the_platform_does_not_tell_is_counted_and_not_guessed(server: Running) -> None:
    source = facebook(server)
    mapper, _ = mapped(source, landed(source, pull(source)))
    assert mapper.counts.ignored["the platform does not tell the writer"] == 2  # a comment and a reaction


def test_a_reaction_has_the_time_of_its_message_and_says_so(server: Running) -> None:
    source = facebook(server)
    records = [record for record in pull(source) if record.kind == "reaction"]
    made = statements_of(mapped(source, landed(source, records))[1])
    assert {each["context"]["extensions"][EXTENSION_BASE + "rule"] for each in made} == {"time-of-message"}
    assert sorted(each["verb"]["display"]["en"] for each in made) == ["liked", "liked", "liked", "reacted"]


def test_a_new_comment_on_an_old_post_is_found_and_the_old_post_is_not_told_again(server: Running) -> None:
    friday = Window(datetime(2026, 11, 3, tzinfo=UTC), datetime(2026, 11, 4, tzinfo=UTC))
    assert [record.key for record in pull(facebook(server), friday)] == ["9000000000000001_3"]


def test_a_comment_that_is_gone_from_a_post_that_was_read_again_is_taken_back(server: Running) -> None:
    source = facebook(server)
    server.world.until = datetime(2026, 11, 10, tzinfo=UTC)
    before = landed(source, pull(source))
    server.world.until = datetime(2026, 11, 25, tzinfo=UTC)
    long_ago = Record("message", "old_1", {"room": PAGE, "at": "2026-01-01T00:00:00Z", "root": {"id": f"{PAGE}_old"}})
    with source.api() as api:
        now = list(source.pull(api, Window(datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 25, tzinfo=UTC))))
        gone = list(source.recheck(api, [*before, long_ago]))
    assert now == []
    assert [record.key for record in gone] == ["9000000000000001_6"]
    _, outcomes = mapped(source, landed(source, gone))
    assert record_id("facebook", source.tenant, "message\x1f9000000000000001_6") in {
        each.key for each in outcomes if isinstance(each, Retracted)
    }


def test_a_refusal_with_400_is_read_by_its_code(server: Running) -> None:
    server.faults.waiting[:] = [Fault("unauthorized", times=9)]  # HTTP 400, error 190
    with pytest.raises(CredentialsRefused, match="190"):
        pull(facebook(server))


def test_a_group_that_was_exported_is_read_from_its_file(tmp_path: Path) -> None:
    group = {"id": "880", "name": "Leren op de werkvloer", "feed": {"data": [
        {"id": "880_1", "message": "Wie weet hoe de nieuwe scanner werkt?", "created_time": "2019-05-01T09:00:00+0000", "from": {"id": "12", "name": "Bram", "email": "bram@leerbedrijf.example"}, "comments": {"data": [{"id": "1_1", "message": "Ik leg het je morgen even uit bij de koffie in de kantine.", "created_time": "2019-05-01T10:00:00+0000", "from": {"id": "11", "name": "Anouk", "email": "anouk@leerbedrijf.example"}}]}},
    ]}}  # fmt: skip
    with zipfile.ZipFile(tmp_path / "workplace.zip", "w") as archive:
        archive.writestr("groups/880.json", json.dumps(group))
        archive.writestr("groups/881.json", json.dumps({**group, "id": "881"}))
        archive.writestr("profile.json", "{}")
    source = facebook(files=[str(tmp_path)], rooms=["880"])
    records = pull(source, Window(datetime(2019, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)))
    made = statements_of(
        mapped(source, landed(source, records), Directory([Employee("E11", ("anouk@leerbedrijf.example",))]))[1]
    )
    assert [each["verb"]["id"] for each in made] == [verbs.ASKED.iri, verbs.ANSWERED.iri]
    assert made[1]["actor"]["account"]["name"] == KEY.actor("E11")
    assert made[0]["context"]["contextActivities"]["grouping"][0]["definition"]["name"] == {
        "und": "Leren op de werkvloer"
    }
    assert "leerbedrijf.example" not in json.dumps(made)


def test_what_is_shared_with_friends_or_in_secret_is_never_counted() -> None:
    post = {
        "id": "880_1",
        "message": "Onder ons",
        "created_time": "2019-05-01T09:00:00+0000",
        "from": {"id": "12"},
        "privacy": {"value": "SECRET"},
    }
    secret = {"id": "880", "privacy": "SECRET", "feed": {"data": [{**post, "id": "880_2", "privacy": None}]}}
    mapper, _ = mapped(facebook(), landed(facebook(), [*facebook().read(post), *facebook().read(secret)]))
    assert mapper.counts.ignored == {"direct message or private group: never counted": 2}


def test_a_file_of_download_your_information_is_refused_with_its_reason() -> None:
    with pytest.raises(BadRecord, match="without ids"):
        list(facebook().read({"group_posts_v2": [{"timestamp": 1, "title": "Bram posted in Groep"}]}))


def test_an_archive_without_posts_is_refused() -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("friends.json", "{}")
    with pytest.raises(BadRecord, match="holds no posts"):
        list(facebook().read_document(data.getvalue(), "export.zip"))


def test_a_webhook_adds_a_comment_and_takes_it_away() -> None:
    def webhook(verb: str) -> dict[str, Any]:
        value = {
            "item": "comment",
            "verb": verb,
            "comment_id": "9_1",
            "post_id": f"{PAGE}_9",
            "parent_id": f"{PAGE}_9",
            "from": {"id": "33", "name": "Elif"},
            "message": "Dit werkt bij ons ook goed",
            "created_time": 1793700000,
        }
        return {
            "object": "page",
            "entry": [{"id": PAGE, "time": 1793700001, "changes": [{"field": "feed", "value": value}]}],
        }

    source = facebook()
    [made] = statements_of(mapped(source, landed(source, list(source.read(webhook("add")))))[1])
    assert (made["verb"]["id"], made["timestamp"]) == (verbs.REPLIED.iri, "2026-11-03T10:00:00.000Z")
    _, outcomes = mapped(source, landed(source, list(source.read(webhook("remove")))))
    assert made["context"]["extensions"][EXTENSION_BASE + "record"] in {
        each.key for each in outcomes if isinstance(each, Retracted)
    }


def test_a_like_of_a_webhook_is_a_sign_and_what_else_happens_on_a_page_is_no_post() -> None:
    def webhook(**value: Any) -> dict[str, Any]:
        told = {"verb": "add", "post_id": f"{PAGE}_9", "from": {"id": "33"}, "created_time": 1793700000, **value}
        return {"object": "page", "entry": [{"id": PAGE, "changes": [{"field": "feed", "value": told}]}]}

    source = facebook()
    items = [
        {"item": "like"},
        {"item": "like", "post_id": None},
        {"item": "event", "message": "Wie weet dit?"},
        {"item": "comment", "verb": "hide", "comment_id": "9_1"},
    ]
    mapper, made = mapped(source, landed(source, [each for item in items for each in source.read(webhook(**item))]))
    [liked] = statements_of(made)
    assert (liked["verb"]["id"], liked["object"]["id"]) == (verbs.LIKED.iri, f"https://www.facebook.com/{PAGE}_9")
    assert mapper.counts.ignored == {"webhook about something else than posts, comments and reactions": 3}


def test_what_a_page_writes_is_nobodys_also_where_no_connection_names_the_page() -> None:
    def told(of: str, who: str, **more: Any) -> dict[str, Any]:
        return {"id": of, "message": "Wie weet hoe dit werkt?", "created_time": "2026-11-02T09:00:00+0000", "from": {"id": who}, **more}  # fmt: skip

    thanks, odd = told("1_3", PAGE), None
    posts = [told(f"{PAGE}_1", PAGE, comments={"data": [told("1_2", "33"), thanks, odd]}), told(f"{PAGE}_2", "34")]
    source = facebook()
    mapper, made = mapped(source, landed(source, list(source.read({"data": posts}))))
    assert {each["object"]["id"].rsplit("/", 1)[-1] for each in statements_of(made)} == {"1_2", f"{PAGE}_2"}
    nothing = {"the platform does not tell the writer": 1}  # a comment that is none is counted
    assert mapper.counts.ignored == {"written by the organisation itself": 2, **nothing}
