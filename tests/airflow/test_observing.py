"""What stages tell the outside: metrics over real StatsD datagrams, lineage without credentials, mail over a real SMTP server."""

import asyncio
import json
import socket
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from leerstroom_airflow import notifying, observing
from leerstroom_airflow.processes import free_ports


def received(send: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a StatsD server on loopback is sent, Airflow's metrics being on as an operator turns them on."""
    from airflow.sdk.observability import stats
    from airflow.sdk.observability.metrics import stats_utils

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.3)
        on = {"STATSD_ON": "True", "STATSD_HOST": "127.0.0.1", "STATSD_PORT": str(server.getsockname()[1]), "STATSD_INFLUXDB_ENABLED": "True"}  # fmt: skip
        for name, value in on.items():
            monkeypatch.setenv(f"AIRFLOW__METRICS__{name}", value)
        stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=False)
        found: list[str] = []
        try:
            send()
            while True:
                found.append(server.recv(65535).decode())
        except TimeoutError:
            return found
        finally:
            monkeypatch.undo()
            stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=False)


def test_addresses_hold_no_credentials_and_no_query() -> None:
    assert (
        observing.address("postgresql://hr:geheim@db.example/hr")
        == "postgres://db.example:5432/hr/public/indicator_values"
    )
    assert observing.address("https://user:geheim@lrs.example/xapi/?key=geheim") == "https://lrs.example/xapi/"
    assert observing.address("s3://bucket/leerstroom/landing") == "s3://bucket/leerstroom/landing"
    assert observing.address("var/hr").startswith("file:///")


def test_lineage_reaches_airflow_s_collector(airflow_home: Path) -> None:
    from airflow.sdk.lineage import HookLineageCollector

    collector = HookLineageCollector()
    observing.lineage(["https://moodle.example/"], ["file:///data/landing/moodle", "no address at all"], collector)
    collected = collector.collected_assets
    assert [each.asset.uri for each in collected.inputs] == ["https://moodle.example/"]
    assert "file:///data/landing/moodle" in [each.asset.uri for each in collected.outputs]


def test_counts_reach_statsd_with_their_connection(airflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {"pulled": 7, "quarantined": {"no time": 2, "no person": 1}, "stored": 0}
    sent = received(lambda: observing.count("map", counts, connection="academy", source="moodle"), monkeypatch)
    assert sorted(sent) == [
        "airflow.leerstroom.map.pulled,connection=academy,source=moodle:7|c",
        "airflow.leerstroom.map.quarantined,connection=academy,source=moodle:3|c",
    ]


class Mailbox:
    """A real SMTP server on loopback that keeps what it gets."""

    def __init__(self) -> None:
        from aiosmtpd.controller import Controller

        self.mails: list[EmailMessage] = []
        [self.port] = free_ports(1)
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"

    def close(self) -> None:
        if self._controller.loop.is_running():
            self._controller.stop()


@pytest.fixture
def mailbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, airflow_home: Path) -> Iterator[Mailbox]:
    made = Mailbox()
    (tmp_path / "leerstroom.yaml").write_text("notify: {mail: {connection: post, to: [ops@voorbeeldstad.example]}}\n")
    monkeypatch.setenv("LEERSTROOM_SETTINGS", str(tmp_path / "leerstroom.yaml"))
    extra = {"disable_ssl": True, "disable_tls": True, "from_email": "leerstroom@voorbeeldstad.example"}
    monkeypatch.setenv(
        "AIRFLOW_CONN_POST",
        json.dumps({"conn_type": "smtp", "host": "127.0.0.1", "port": made.port, "extra": extra}),
    )
    yield made
    made.close()


class Instance:
    dag_id, task_id, rendered_map_index = "learning_nightly", "source.pull", "academy"


def test_a_task_that_failed_is_told_by_mail_without_the_error_s_words(mailbox: Mailbox) -> None:
    notifying.task_failed({
        "ti": Instance(),
        "run_id": "scheduled__2026-11-03",
        "exception": ValueError("a name: Jan Jansen"),
    })
    [mail] = mailbox.mails
    text = mail["Subject"] + mail.get_body().get_content()
    assert "learning_nightly.source.pull failed" in text
    assert "academy" in text
    assert "Jansen" not in text


def test_a_late_night_is_told_from_the_triggerer(mailbox: Mailbox) -> None:
    asyncio.run(notifying.late({"dag_run": {"dag_run_id": "scheduled__2026-11-03"}}))
    [mail] = mailbox.mails
    assert "late" in mail["Subject"]
    assert "scheduled__2026-11-03" in mail.get_body().get_content()


def test_a_mail_server_that_is_away_stops_nothing(mailbox: Mailbox, caplog: pytest.LogCaptureFixture) -> None:
    mailbox.close()
    notifying.night_is_partial({"run_id": "r", "unfinished": ["chat (pull failed)"]})
    assert "could not be sent" in caplog.text


def test_without_a_section_nobody_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "leerstroom.yaml").write_text("{}\n")
    monkeypatch.setenv("LEERSTROOM_SETTINGS", str(tmp_path / "leerstroom.yaml"))
    notifying.tell("a subject", "a text")
    assert notifying.notifiers(__import__("leerstroom.settings").settings.NotifySettings(), "s", "t") == []
