"""Sync: one LRS into another, as it is, however often."""

import hashlib
from typing import Any

import orjson
import pytest

from connectors.lrs import sync
from connectors.lrs.reading import parts_of

VOIDED = "http://adlnet.gov/expapi/verbs/voided"
PROFILE = "https://w3id.org/xapi/leerstroom"


def without_lrs(statement: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in statement.items() if name not in {"stored", "authority"}}


def test_everything_is_copied_once(fake: Any, connect: Any, statement: Any) -> None:
    old, new = fake(cap=30), fake(tells_stored=True)
    old.put(*(statement(number) for number in range(100)))
    first = sync(connect(old), connect(new))
    second = sync(connect(old), connect(new))
    assert (first.stored, second.stored, second.already_there) == (100, 0, 100)
    assert [without_lrs(each) for each in new.held.values()] == [without_lrs(each) for each in old.held.values()]


def test_filters_choose_and_voiding_goes_along(fake: Any, connect: Any, statement: Any) -> None:
    old, new = fake(), fake(tells_stored=True)
    old.put(*(statement(number) for number in range(30)))
    assert sync(connect(old), connect(new), verb="answered").stored == 10
    old.put(statement(99, verb={"id": VOIDED}, object={"objectType": "StatementRef", "id": statement(1)["id"]}))
    report = sync(connect(old), connect(new), verb="answered")
    assert report.stored == 1
    assert statement(1)["id"] in new.voided


def test_only_statements_of_a_profile(fake: Any, connect: Any, statement: Any) -> None:
    old, new = fake(), fake(tells_stored=True)
    ours = {"contextActivities": {"category": [{"id": PROFILE}]}}
    old.put(
        statement(1, context=ours),
        statement(2),
        statement(3, context={"contextActivities": {"other": [{"id": PROFILE}]}}),
    )
    old.query = _without_activity(old.query)
    assert sync(connect(old), connect(new), profile=PROFILE).stored == 1
    assert list(new.held) == [statement(1)["id"]]


def _without_activity(query: Any) -> Any:
    """The fake knows no related activities: it gives all, as a loose LRS does."""
    return lambda asked: query({name: value for name, value in asked.items() if name != "activity"})


def test_a_conflict_is_reported_and_nothing_is_overwritten(fake: Any, connect: Any, statement: Any) -> None:
    old, new = fake(), fake(tells_stored=True)
    old.put(statement(1), statement(2))
    new.put(statement(1, object={"id": "https://lms.example/other"}))
    report = sync(connect(old), connect(new))
    assert (report.stored, report.conflicting) == (1, 1)
    assert new.held[statement(1)["id"]]["object"]["id"] == "https://lms.example/other"


def test_attachments_travel_with_their_statement(fake: Any, connect: Any, statement: Any) -> None:
    content = b"signed \x00 by hand\r\n--"
    sha2 = hashlib.sha256(content).hexdigest()
    attached = statement(
        1,
        attachments=[
            {
                "usageType": "http://x.example/u",
                "display": {"en": "s"},
                "contentType": "text/plain",
                "length": len(content),
                "sha2": sha2,
            }
        ],
    )
    linked = statement(
        2, attachments=[{"usageType": "http://x.example/u", "sha2": "0", "fileUrl": "https://f.example/2"}]
    )
    old, new = fake(), fake(tells_stored=True)
    old.put(attached, linked, statement(3))
    real_single = old.single

    def single(statement_id: str, voided: bool) -> Any:
        status, headers, body = real_single(statement_id, voided)
        if status != 200 or voided:
            return status, headers, body
        head = b"--b\r\nContent-Type: application/json\r\n\r\n" + body + b"\r\n--b\r\n"
        rest = (
            b"Content-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\nX-Experience-API-Hash: "
            + sha2.encode()
            + b"\r\n\r\n"
        )
        return 200, {"Content-Type": "multipart/mixed; boundary=b"}, head + rest + content + b"\r\n--b--\r\n"

    old.single = single
    received: list[dict[str, tuple[str, bytes]]] = []
    real_answer = new.answer

    def answer(method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes) -> Any:
        if headers.get("content-type", "").startswith("multipart/mixed"):
            body, contents = parts_of(headers["content-type"], body)
            received.append(contents)
            body = b"[" + body + b"]"
        return real_answer(method, path, query, headers, body)

    new.answer = answer
    report = sync(connect(old), connect(new))
    assert (report.sent, report.stored) == (3, 3)
    assert received == [{sha2: ("text/plain", content)}]
    again = sync(connect(old), connect(new))
    assert (again.stored, again.already_there) == (0, 3)
    assert len(received) == 1


def test_an_lrs_is_not_copied_into_itself_by_the_command(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import typer
    from typer.testing import CliRunner

    from connectors.lrs import commands

    app = typer.Typer()
    commands.register(app)
    done = CliRunner().invoke(app, ["sync", "https://a.example/xapi/", "https://a.example/xapi"])
    assert done.exit_code == 1
    assert "same LRS" in str(done.exception)


def test_the_commands_say_what_they_do(
    fake: Any, statement: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import typer
    from typer.testing import CliRunner

    from connectors.lrs import commands

    server = fake(tells_stored=True)
    settings = tmp_path / "leerstroom.yaml"
    settings.write_text(
        orjson.dumps({
            "data": str(tmp_path / "data"),
            "lrs": {"endpoint": server.endpoint, "key": "k", "secret": "s"},
        }).decode()
    )
    monkeypatch.setenv("LEERSTROOM_SETTINGS", str(settings))
    app = typer.Typer()
    commands.register(app)
    runner = CliRunner()

    def run(*words: str, code: int = 0, given: bytes | None = None) -> str:
        done = runner.invoke(app, list(words), input=given)
        assert done.exit_code == code, (done.output, done.exception)
        return done.stdout

    lines = b"\n".join(orjson.dumps(statement(number)) for number in range(20))
    assert run("load", given=lines).startswith("20 sent: 20 stored")
    file = tmp_path / "more.jsonl"
    file.write_bytes(lines + b"\n" + orjson.dumps(statement(20, verb={"id": "http://example.org/verbs/bad"})) + b"\n")
    told = orjson.loads(run("load", str(file), "--json", "--rejected", str(tmp_path / "letters.jsonl"), code=1))
    assert (told["already_there"], told["rejected"]) == (20, 1)
    assert orjson.loads((tmp_path / "letters.jsonl").read_bytes())["id"] == statement(20)["id"]

    assert len(run("query", "--format", "jsonl", "--verb", "answered").splitlines()) == 7
    table = run("query", "--limit", "3").splitlines()
    assert len(table) == 4
    assert table[0].split("\t") == ["timestamp", "actor", "verb", "object_id", "platform"]
    import csv

    rows = list(csv.DictReader(run("query", "--format", "csv").splitlines()))
    assert len(rows) == 20
    assert {row["verb"] for row in rows} == {"asked", "answered", "completed"}
    run("query", "--format", "parquet", "--out", str(tmp_path / "all.parquet"))
    import pyarrow.parquet as pq

    assert pq.read_table(tmp_path / "all.parquet").num_rows == 20
    assert run("query", "--count", "verb").splitlines()[1:] == ["answered\t7", "asked\t7", "completed\t6"]

    assert "20 fetched, 20 new" in run("mirror")
    assert orjson.loads(run("mirror", "--json"))["new"] == 0
    target = fake(tells_stored=True)
    assert run("sync", "lrs", target.endpoint, "--verb", "answered").startswith("7 sent: 7 stored")
