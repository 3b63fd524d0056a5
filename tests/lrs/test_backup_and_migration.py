"""Backups are whole and of one moment; schema versions are told apart."""

import threading

import pytest

from leerstroom.errors import ConfigurationError
from leerstroom.lrs import running
from leerstroom.lrs.storage import Storage, migrate, open_database


def test_a_backup_taken_while_others_write_restores_to_the_same_content(database, tmp_path, make, caller, request):
    with running(database, key="tests", secret="a secret of the tests") as lrs:
        call = caller(lrs)
        before = [make.statement() for _ in range(300)]
        call.store(*before)
        call(
            "POST", "agents/profile", 204, params={"agent": '{"mbox":"mailto:a@b.nl"}', "profileId": "p"}, json={"a": 1}
        )
        stop = threading.Event()

        def write():
            while not stop.is_set():
                caller(lrs).store(make.statement(), make.statement())

        writing = threading.Thread(target=write)
        writing.start()
        open_database(database).backup(tmp_path / "backup")
        stop.set()
        writing.join()
    kind = "postgresql" if database.startswith("postgresql") else "sqlite"
    target = f"{tmp_path}/restored.sqlite"
    if kind == "postgresql":
        storage = Storage(database)
        storage.writer.submit(
            lambda writing: [
                writing.connection.run(f"DELETE FROM {each}")
                for each in ("statements", "documents", "found_by", "terms")
            ]
        ).result()
        storage.close()
        target = database
    open_database(target).restore(tmp_path / "backup")
    with running(target, key="tests", secret="a secret of the tests") as lrs:
        call = caller(lrs)
        held = call.ids(agent=make.agent(), ascending="true")
        assert held[:300] == [each["id"] for each in before]
        assert len(held) % 2 == 0, "no half batch"
        call("GET", "agents/profile", 200, params={"agent": '{"mbox":"mailto:a@b.nl"}', "profileId": "p"})
        call.store(make.statement())
    with pytest.raises(ConfigurationError, match="holds data already"):
        open_database(target).restore(tmp_path / "backup")
    with pytest.raises(ConfigurationError, match="exists"):
        open_database(target).backup(tmp_path / "backup")


def test_what_is_no_backup_is_refused(database, tmp_path):
    (tmp_path / "nonsense").write_bytes(b"nonsense" * 1000)
    with pytest.raises(ConfigurationError):
        open_database(database).restore(tmp_path / "nonsense")
    with pytest.raises(ConfigurationError):
        open_database(database).restore(tmp_path / "absent")


def test_migrating_twice_changes_nothing_and_a_newer_schema_is_refused(database):
    assert migrate(open_database(database)) == (0, 1)
    assert migrate(open_database(database)) == (1, 1)
    storage = Storage(database)
    storage.writer.submit(
        lambda writing: writing.connection.run("UPDATE meta SET value = 99 WHERE name = 'schema'")
    ).result()
    storage.close()
    with pytest.raises(ConfigurationError, match="newer version"):
        Storage(database)


@pytest.mark.parametrize("url", ["mysql://x/y", "postgresql://postgres@127.0.0.1:1/none"])
def test_a_database_that_cannot_be_opened_is_told_without_its_password(url):
    with pytest.raises(ConfigurationError) as caught:
        Storage(url)
    assert "127.0.0.1" not in str(caught.value)


def test_a_file_that_is_no_database_is_told(tmp_path):
    (tmp_path / "x.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.raises(ConfigurationError, match="cannot open"):
        Storage(tmp_path / "x.sqlite")
