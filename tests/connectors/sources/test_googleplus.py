"""Google+: the contract on an archive of our own making, pairs, and each trap of such archives."""

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
from connectors.sources.googleplus import GooglePlus
from leerstroom.errors import BadRecord, ConfigurationError
from leerstroom.people import Directory, Employee
from leerstroom.statements.vocabulary import EXTENSION_BASE, types, verbs

FOLDER = RECORDINGS / "googleplus"
ARCHIVE = FOLDER / "takeout-20190301.zip"
FIELDS = {"files": [str(ARCHIVE)], "rooms": ["communities/101", "Workshops", "public"]}
AUTUMN = Window(datetime(2018, 10, 1, tzinfo=UTC), datetime(2018, 11, 1, tzinfo=UTC))


class TestGooglePlus(SourceContract):
    source = GooglePlus
    window = AUTUMN
    names = ("Anouk", "Bram Jansen", "Elif", "11600000000000000", "Power Query", "familie")

    def connection(self, url: str | None) -> dict[str, Any]:
        return FIELDS

    def secrets(self, record: Record) -> Iterator[str]:
        yield from super().secrets(record)
        if isinstance(record.get("content"), str):
            yield record["content"]


@pytest.mark.parametrize("pair", pairs("googleplus"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(GooglePlus, pair)


def googleplus(**fields: Any) -> GooglePlus:
    made = completed(GooglePlus, {**FIELDS, **fields}, "archive")
    assert isinstance(made, GooglePlus)
    return made


def pull(source: GooglePlus, window: Window = AUTUMN) -> list[Record]:
    with source.api() as api:
        return list(source.pull(api, window))


def test_a_plus_one_and_a_reshare_have_the_time_of_the_post_and_say_so() -> None:
    source = googleplus()
    made = statements_of(mapped(source, landed(source, pull(source)))[1])
    untimed = [each for each in made if each["context"]["extensions"].get(EXTENSION_BASE + "rule") == "time-of-message"]
    assert sorted(each["verb"]["id"] for each in untimed) == sorted([verbs.SHARED.iri, verbs.LIKED.iri])
    assert {each["timestamp"] for each in untimed} == {"2018-10-09T12:34:56.000Z"}
    assert {each["object"]["id"] for each in untimed} == {
        each["object"]["id"] for each in made if each["verb"]["id"] == verbs.ASKED.iri
    }


def test_a_reaction_to_a_post_of_ones_own_is_ignored() -> None:
    mapper, _ = mapped(googleplus(), landed(googleplus(), pull(googleplus())))
    assert mapper.counts.ignored["reaction to a message of one's own"] == 1


def test_a_post_in_a_community_that_is_not_allowed_is_not_read() -> None:
    assert {record["room"] for record in pull(googleplus(rooms=["Workshops"]))} == {"collections/55"}


def test_what_was_shared_with_circles_is_never_counted_though_public_posts_are_allowed() -> None:
    source = googleplus(rooms=["public"])
    mapper, outcomes = mapped(source, landed(source, pull(source)))
    assert mapper.counts.ignored == {"direct message or private group: never counted": 2}  # a post and a comment on it
    assert len(statements_of(outcomes)) == 1


def test_a_post_with_pictures_is_shared_and_one_with_a_link_too() -> None:
    source = googleplus()
    made = statements_of(mapped(source, landed(source, pull(source)))[1])
    shared = [each["object"]["definition"]["type"] for each in made if each["verb"]["id"] == verbs.SHARED.iri]
    assert sorted(shared) == sorted([types.FILE, types.LINK, types.MESSAGE])


def test_a_post_that_passes_on_another_is_shared() -> None:
    post = {"resourceName": "posts/1", "creationTime": "2018-10-12 10:00:00+0000", "author": {"resourceName": "users/11"}, "content": "Kijk dit eens", "postAcl": {"isPublic": True}, "resharedPost": {"author": {"resourceName": "users/12"}, "content": "Weet iemand dit?"}}  # fmt: skip
    source = googleplus()
    [made] = statements_of(mapped(source, landed(source, list(source.read(post))))[1])
    assert (made["verb"]["id"], made["object"]["definition"]["type"]) == (verbs.SHARED.iri, types.MESSAGE)


def test_an_edited_post_has_the_time_when_it_was_written() -> None:
    source = googleplus()
    [record] = [each for each in pull(source) if each.key.endswith("UgjvB")]
    [made] = statements_of(mapped(source, landed(source, [record]))[1])
    assert made["timestamp"] == "2018-10-10T08:00:00.000Z"


def test_the_number_of_a_profile_is_in_no_id() -> None:
    source = googleplus()
    kept = landed(source, pull(source))
    assert "11600000000000000" not in json.dumps([[each.key, each] for each in kept])


def test_people_are_found_by_the_number_of_their_profile() -> None:
    source = googleplus()
    directory = Directory([Employee("E1", (), (("googleplus", "116000000000000000001"),))])
    made = statements_of(mapped(source, landed(source, pull(source)), directory)[1])
    assert [each["actor"]["account"]["name"] for each in made if each["verb"]["id"] == verbs.ASKED.iri] == [
        KEY.actor("E1")
    ]


def test_two_archives_that_hold_the_same_post_tell_it_once(tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        (tmp_path / name).write_bytes(ARCHIVE.read_bytes())
    assert len(pull(googleplus(files=[str(tmp_path)]))) == len(pull(googleplus()))


def test_a_folder_of_json_files_is_read_and_other_files_in_it_are_no_fault(tmp_path: Path) -> None:
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(tmp_path)
    assert len(pull(googleplus(files=[str(tmp_path)]))) == len(pull(googleplus()))


def test_an_archive_in_html_says_what_to_ask_for() -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("Takeout/Google+ Stream/Posts/a.html", "<html></html>")
    with pytest.raises(BadRecord, match="ask Takeout for JSON"):
        list(googleplus().read_document(data.getvalue(), "takeout.zip"))


def test_an_archive_that_cannot_be_read_is_named_by_the_check(tmp_path: Path) -> None:
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04rest")
    source = googleplus(files=[str(tmp_path)])
    with source.api() as api, pytest.raises(ConfigurationError, match=r"broken\.zip"):
        source.check(api)


@pytest.mark.parametrize("acl", [{"eventAcl": {"event": {"resourceName": "events/1", "displayName": "Borrel"}}}, {"isLegacyAcl": True}, {}])  # fmt: skip
def test_what_does_not_say_that_it_was_public_is_not_public(acl: dict[str, Any]) -> None:
    """Guests of an event, and posts of before 2011 that tell nobody for whom they were."""
    post = {"url": "https://plus.google.com/1/posts/a", "creationTime": "2018-10-09 12:34:56+0000", "author": {"resourceName": "users/116"}, "content": "Wie weet dit?", "postAcl": acl}  # fmt: skip
    source = googleplus()
    mapper, made = mapped(source, landed(source, list(source.read(post))))
    assert (made, mapper.counts.ignored) == ([], {"direct message or private group: never counted": 1})


def test_a_profile_that_a_post_names_is_a_mention_and_no_link_that_is_shared() -> None:
    post = {"url": "https://plus.google.com/1/posts/a", "creationTime": "2018-10-09 12:34:56+0000", "author": {"resourceName": "users/116000000000"}, "content": 'Dit komt van <a class="proflink" href="https://plus.google.com/117000000000">Elif Yılmaz</a>', "postAcl": {"isPublic": True}}  # fmt: skip
    [made] = statements_of(mapped(googleplus(), landed(googleplus(), list(googleplus().read(post))))[1])
    assert made["verb"]["id"] == verbs.POSTED.iri
    [mentioned] = made["context"]["extensions"][EXTENSION_BASE + "mentions"]
    assert mentioned["account"]["name"] == KEY.account("https://plus.google.com", "117000000000")
