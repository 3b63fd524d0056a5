"""The state database: who comes first makes its tables, and nobody stumbles over that."""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

_OPEN = """
import sys
from leerstroom.state import open_state
print("ready", flush=True)
sys.stdin.readline()
open_state(sys.argv[1])
"""
AT_ONCE = 8


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/state.sqlite"
        return
    server, name = request.getfixturevalue("postgresql_server"), f"state_{uuid.uuid4().hex[:12]}"
    server.execute(f"CREATE DATABASE {name}")
    try:
        yield f"postgresql+psycopg://postgres@127.0.0.1:5432/{name}"
    finally:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_the_tasks_of_a_first_night_open_it_in_the_same_moment(url: str) -> None:
    tasks = [
        subprocess.Popen(
            [sys.executable, "-c", _OPEN, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(AT_ONCE)
    ]
    for task in tasks:
        assert task.stdout is not None
        assert task.stdout.readline() == "ready\n"
    for task in tasks:
        assert task.stdin is not None
        task.stdin.write("\n")
        task.stdin.flush()
    ended = [task.communicate(timeout=120) for task in tasks]
    assert [(task.returncode, said[-300:]) for task, (_, said) in zip(tasks, ended, strict=True)] == [(0, "")] * AT_ONCE
