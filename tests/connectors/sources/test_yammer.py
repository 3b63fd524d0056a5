"""Viva Engage: the contract on an export of our own making, pairs, and each trap of the export."""

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from source_contract import KEY, RECORDINGS, SourceContract, check_pair, completed, landed, mapped, pairs, statements_of
from typer.testing import CliRunner

from connectors.source import Record, Window
from connectors.sources.yammer import Yammer
from leerstroom.cli import app
from leerstroom.errors import BadRecord, ConfigurationError, CredentialsRefused
from leerstroom.people import Directory, Employee
from leerstroom.replay import Fault, Running, running
from leerstroom.statements import Retracted, record_id
from leerstroom.statements.vocabulary import EXTENSION_BASE, types, verbs

FOLDER = RECORDINGS / "yammer"
FIELDS = {"token": "token-of-the-verified-administrator", "requests_per_minute": 60_000, "rooms": ["77", "Vrijdagmiddag", "79", "all"], "channel_kinds": {"77": "set_up_community"}}  # fmt: skip
WEEK = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 8, tzinfo=UTC))


class TestYammer(SourceContract):
    source = Yammer
    fields = FIELDS
    recordings = FOLDER
    window = WEEK
    names = ("Anouk", "Bram Jansen", "Elif", "Hannah", "privé", "salarisvoorstel", "parquet")

    def secrets(self, record: Record) -> Iterator[str]:
        yield from super().secrets(record)
        yield from (text for text in (record.get("body"), record.get("sender_name")) if text and len(text) > 8)


class TestYammerFromFiles(SourceContract):
    source = Yammer
    window = WEEK
    names = TestYammer.names

    def connection(self, url: str | None) -> dict[str, Any]:
        return {"files": [str(FOLDER)], "rooms": FIELDS["rooms"], "host": "https://www.yammer.com"}


@pytest.mark.parametrize("pair", pairs("yammer"), ids=lambda path: path.stem)
def test_pair(pair: Path) -> None:
    check_pair(Yammer, pair)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(RECORDINGS, only=("yammer",)) as server:
        yield server


def yammer(server: Running | None = None, **fields: Any) -> Yammer:
    host = {"host": f"{server.url}/yammer"} if server else {"files": [str(FOLDER)]}
    made = completed(Yammer, {**FIELDS, **host, **fields}, "engage")
    assert isinstance(made, Yammer)
    return made


def made_of(source: Yammer, records: list[Record], directory: Directory | None = None) -> dict[str, dict[str, Any]]:
    """Statements by the id of their message."""
    _, outcomes = mapped(source, landed(source, records), directory)
    return {each["object"]["id"].rsplit("/", 1)[-1]: each for each in statements_of(outcomes)}


def pull(source: Yammer, window: Window = WEEK) -> list[Record]:
    with source.api() as api:
        return list(source.pull(api, window))


def archive(**tables: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        for name, text in tables.items():
            made.writestr(f"{name}.csv", text)
    return data.getvalue()


def test_an_export_is_asked_for_day_by_day(server: Running) -> None:
    server.faults.asked.clear()
    pull(yammer(server))
    assert sum(path == "/yammer/api/v1/export" for _, _, path in server.faults.asked) == 7


def test_the_consent_of_an_administrator_is_turned_into_a_token(server: Running) -> None:
    consent = {
        "client_id": "app",
        "client_secret": "secret-of-the-app",
        "login": f"{server.url}/yammer/token",
        "token": None,
    }
    assert pull(yammer(server, **consent, refresh_token="consent-of-the-administrator"))
    with pytest.raises(CredentialsRefused, match="invalid_grant"):
        pull(yammer(server, **consent, refresh_token="of-somebody-else"))


def test_a_question_its_answer_and_the_thanks_of_the_asker(server: Running) -> None:
    made = made_of(yammer(server), pull(yammer(server)))
    assert made["901"]["verb"]["id"] == verbs.ASKED.iri
    assert made["902"]["verb"]["id"] == verbs.ANSWERED.iri
    assert made["902"]["context"]["contextActivities"]["parent"][0]["id"].endswith("/messages/901")
    assert made["903"]["verb"]["id"] == verbs.REPLIED.iri
    assert made["903"]["context"]["extensions"][EXTENSION_BASE + "rule"] == "asker-thanks"
    assert made["901"]["context"]["contextActivities"]["grouping"][0]["definition"] == {
        "type": types.COMMUNITY_SITE,
        "name": {"und": "Vraag het de data"},
    }
    assert made["901"]["context"]["extensions"][EXTENSION_BASE + "channel-kind"] == "set_up_community"


def test_a_preview_of_a_link_counts_as_a_link_and_an_uploaded_file_as_a_file(server: Running) -> None:
    made = made_of(yammer(server), pull(yammer(server)))
    assert made["902"]["context"]["extensions"][EXTENSION_BASE + "has-link"] is True
    assert (made["913"]["verb"]["id"], made["913"]["object"]["definition"]["type"]) == (verbs.SHARED.iri, types.FILE)


def test_a_mention_names_people_and_not_whom_one_answers(server: Running) -> None:
    made = made_of(yammer(server), pull(yammer(server)))
    [mentioned] = made["902"]["context"]["extensions"][EXTENSION_BASE + "mentions"]
    assert mentioned["account"]["name"] == KEY.account(yammer(server).tenant, "13")


def test_the_first_message_of_an_older_thread_is_fetched_once(server: Running) -> None:
    server.faults.asked.clear()
    made = made_of(yammer(server), pull(yammer(server)))
    assert made["907"]["verb"]["id"] == verbs.ANSWERED.iri
    assert sum("/messages/801.json" in path for _, _, path in server.faults.asked) == 1


def test_a_message_of_type_question_is_a_fact_and_names_no_rule(server: Running) -> None:
    made = made_of(yammer(server), pull(yammer(server)))
    assert made["908"]["verb"]["id"] == verbs.ASKED.iri
    assert EXTENSION_BASE + "rule" not in made["908"]["context"]["extensions"]
    assert made["909"]["verb"]["id"] == verbs.ANSWERED.iri


def test_of_all_versions_of_a_message_the_last_counts_once(server: Running) -> None:
    source = yammer(server)
    records = [record for record in pull(source) if record.key == "909"]
    assert len(records) == 1
    before = {**records[0], "body": "Wij ook.", "_version": 1}
    [old], [new] = (
        list(statements_of(mapped(source, landed(source, [Record("message", "909", form)]))[1]))
        for form in (before, records[0])
    )
    assert old["id"] != new["id"], "another text under the same id would be a conflict"


def test_private_conversations_and_private_communities_are_never_read(server: Running) -> None:
    records = pull(yammer(server))
    assert not {"904", "911"} & {record.key for record in records}
    read = list(
        yammer().read_document(
            archive(
                Messages=(FOLDER / "Messages.csv").read_text(encoding="utf-8-sig"),
                Groups=(FOLDER / "Groups.csv").read_text(encoding="utf-8-sig"),
            ),
            "e.zip",
        )
    )
    kept = [each for each in landed(yammer(), read) if each.key in {"904", "911"}]
    assert [dict(each) for each in kept] == [
        {"room": "all", "ignored": kept[0]["ignored"]},
        {"room": "79", "ignored": kept[0]["ignored"]},
    ]


def test_a_private_community_is_known_by_groups_csv_alone() -> None:
    messages = "id,thread_id,group_id,group_name,sender_id,body,created_at\n1,1,5,Geheim,9,Wie weet dit?,2026-11-02T08:00:00Z\n"
    [record] = yammer().read_document(archive(Messages=messages, Groups="id,name,private\n5,Geheim,true\n"), "e.zip")
    mapper, _ = mapped(yammer(), landed(yammer(), [record]))
    assert mapper.counts.ignored == {"direct message or private group: never counted": 1}


def test_a_community_that_is_not_allowed_is_not_read(server: Running) -> None:
    assert {record["group_id"] for record in pull(yammer(server, rooms=["77"]))} == {"77"}


def test_messages_outside_any_community_are_the_room_all(server: Running) -> None:
    made = made_of(yammer(server), pull(yammer(server)))
    assert made["914"]["context"]["contextActivities"]["grouping"][0]["id"].endswith("/groups/all")


def test_messages_of_the_platform_and_of_programs_are_ignored(server: Running) -> None:
    mapper, _ = mapped(yammer(server), landed(yammer(server), pull(yammer(server))))
    assert mapper.counts.ignored == {
        "notice of the platform about the room or its members": 1,
        "message of a program": 1,
    }


def test_a_deletion_comes_on_its_own_day_and_takes_the_message_back(server: Running) -> None:
    source = yammer(server)
    thursday = Window(datetime(2026, 11, 5, tzinfo=UTC), datetime(2026, 11, 6, tzinfo=UTC))
    [record] = [each for each in pull(source, thursday) if each.key == "905"]
    _, outcomes = mapped(source, landed(source, [record]))
    taken = {each.key for each in outcomes if isinstance(each, Retracted)}
    assert statements_of(outcomes) == []
    assert record_id("yammer", source.tenant, "message\x1f905") in taken


def test_people_are_found_by_the_address_of_the_export_or_of_users_csv(server: Running) -> None:
    directory = Directory(employees=[Employee("E11", ("Anouk.deVries@leerbedrijf.example",)), Employee("E13", ("elif.yilmaz@leerbedrijf.example",)), Employee("E15", (), (("yammer", "15"),))])  # fmt: skip
    source = yammer(server)
    made = made_of(
        source, pull(source, Window(datetime(2026, 10, 20, tzinfo=UTC), datetime(2026, 11, 8, tzinfo=UTC))), directory
    )
    names = {key: made[key]["actor"]["account"]["name"] for key in ("902", "801", "909")}
    assert names == {"902": KEY.actor("E11"), "801": KEY.actor("E13"), "909": KEY.actor("E15")}


def test_best_answers_are_accepted_by_who_marked_them_or_else_by_the_asker() -> None:
    head = "id,replied_to_id,thread_id,group_id,sender_id,body,created_at,best_answer\n"
    rows = "1,,1,5,9,Wie weet dit?,2026-11-02T08:00:00Z,\n2,1,1,5,8,Dat staat in het handboek op bladzijde drie.,2026-11-02T09:00:00Z,true\n"
    marked = "message_id,user_id,created_at\n2,7,2026-11-03T10:00:00Z\n"
    source = yammer()
    for tables, who, rule in (({}, "9", "time-of-message"), ({"BestReplyMessages": marked}, "7", None)):
        flagged = rows if not tables else rows.replace(",true", ",")
        records = list(source.read_document(archive(Messages=head + flagged, **tables), "e.zip"))
        [accepted] = [
            each
            for each in statements_of(mapped(source, landed(source, records))[1])
            if each["verb"]["id"] == verbs.VOTED_UP.iri
        ]
        assert accepted["actor"]["account"]["name"] == KEY.account(source.tenant, who)
        assert accepted["context"]["extensions"].get(EXTENSION_BASE + "rule") == rule
        assert accepted["object"]["id"].endswith("/messages/2")


def test_a_page_of_the_rest_api_gives_the_same_and_likes_without_a_time() -> None:
    page = {
        "messages": [
            {"id": 2, "sender_id": 8, "thread_id": 1, "replied_to_id": 1, "group_id": 5, "created_at": "2026/11/02 09:00:00 +0000", "message_type": "update", "body": {"plain": "Dat staat in het handboek op bladzijde drie."}, "liked_by": {"count": 1, "names": [{"user_id": 9, "full_name": "Bram"}]}},
            {"id": 1, "sender_id": 9, "thread_id": 1, "replied_to_id": None, "group_id": 5, "created_at": "2026/11/02 08:00:00 +0000", "message_type": "update", "body": {"plain": "Wie weet dit?"}},
            {"id": 3, "sender_id": 9, "thread_id": 3, "created_at": "2026/11/02 08:00:00 +0000", "direct_message": True, "body": {"plain": "Onder ons"}},
        ],
        "references": [{"type": "user", "id": 8, "full_name": "Anouk", "email": "anouk@leerbedrijf.example"}],
    }  # fmt: skip
    source = yammer()
    mapper, outcomes = mapped(
        source, landed(source, list(source.read(page))), Directory([Employee("E8", ("anouk@leerbedrijf.example",))])
    )
    made = [
        (each["verb"]["id"], each["timestamp"], each["context"]["extensions"].get(EXTENSION_BASE + "rule"))
        for each in statements_of(outcomes)
    ]
    assert made == [
        (verbs.ANSWERED.iri, "2026-11-02T09:00:00.000Z", "reply-to-question"),
        (verbs.LIKED.iri, "2026-11-02T09:00:00.000Z", "time-of-message"),
        (verbs.ASKED.iri, "2026-11-02T08:00:00.000Z", "question-in-text"),
    ]
    assert statements_of(outcomes)[0]["actor"]["account"]["name"] == KEY.actor("E8")
    assert mapper.counts.ignored.total() == 1


def test_cells_of_many_lines_and_odd_quotes_stay_one_row() -> None:
    body = "Beste allen,\n" + 'regel met, komma en "aanhaling"\n' * 60
    text = io.StringIO()
    csv.writer(text).writerows([
        ["id", "thread_id", "group_id", "sender_id", "body", "created_at"],
        ["1", "1", "5", "9", body, "2026-11-02T08:00:00Z"],
        ["2", "2", "5", "9", "kort", "2026-11-02T09:00:00Z"],
    ])
    records = list(yammer().read_document(archive(Messages=text.getvalue()), "e.zip"))
    assert [record.key for record in records] == ["1", "2"]
    assert landed(yammer(), records)[0]["features"]["length"] == "long"


def test_an_archive_without_messages_is_refused_with_its_reason() -> None:
    with pytest.raises(BadRecord, match=r"Messages\.csv"):
        list(yammer().read_document(archive(Topics="id,name\n"), "topics.zip"))


def test_an_archive_that_was_cut_off_is_asked_for_again(server: Running) -> None:
    calm = {record.key for record in pull(yammer(server))}
    server.faults.waiting[:] = [Fault("truncated", path="/export", after=2)]
    assert {record.key for record in pull(yammer(server))} == calm


def test_a_file_that_cannot_be_read_is_named_by_the_check(tmp_path: Path) -> None:
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04rest")
    source = yammer(files=[str(tmp_path)])
    with source.api() as api, pytest.raises(ConfigurationError, match=r"broken\.zip"):
        source.check(api)


@pytest.mark.parametrize("form", ["zip", "csv", "stdin"])
def test_an_export_is_normalised_as_a_file_and_from_a_pipe(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = archive(**{file.stem: file.read_text(encoding="utf-8-sig") for file in FOLDER.glob("*.csv")})
    (tmp_path / "export.zip").write_bytes(data)
    file = {"zip": [str(tmp_path / "export.zip")], "csv": [str(FOLDER / "Messages.csv")], "stdin": []}[form]
    monkeypatch.setenv("LEERSTROOM_PSEUDONYM_KEY", "a key of sixteen bytes or more")
    done = CliRunner().invoke(app, ["normalise", "yammer", *file], input=data)
    made = [json.loads(line) for line in done.stdout.splitlines()]
    assert {each["object"]["id"].rsplit("/", 1)[-1] for each in made} >= {"901", "902", "903", "908", "909"}
    assert "@leerbedrijf" not in done.stdout
