"""Probes and metrics."""

import requests


def test_health_says_whether_reads_and_writes_are_taken(lrs, call, make):
    call.store(make.statement())
    answer = requests.get(lrs.address + "/health", timeout=10)
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert answer.json()["newest_stored"].endswith("Z")


def test_metrics_count_requests_and_name_nobody(sqlite_lrs, make, caller):
    call = caller(sqlite_lrs)
    call.store(make.statement(actor={"mbox": "mailto:geheim@o.example"}))
    call("GET", "statements", 200, params={"agent": '{"mbox":"mailto:geheim@o.example"}'})
    text = requests.get(sqlite_lrs.address + "/metrics", timeout=10).text
    assert 'lrs_requests_total{method="POST",resource="statements",status="200"}' in text
    assert "lrs_up 1.0" in text
    assert "lrs_database_bytes" in text
    assert "geheim" not in text
