"""Against Ralph 5.1.0 with its file store set to append: loose, and wrong in useful ways (docs/lrs-connector.md: 3, 4, 9, 11, 13)."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from connectors.lrs import Lrs, mirror
from leerstroom.mirror import Mirror

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

RALPH = ["ralph-malph[lrs,cli,backend-fs]==5.1.0", "pydantic==2.12.5", "requests"]  # as shipped it misses requests
SERVER = """
import json, os, sys, bcrypt
folder, port = sys.argv[1], int(sys.argv[2])
auth = os.path.join(folder, "auth.json")
hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
json.dump([{"username": "key", "hash": hashed, "scopes": ["all"], "agent": {"mbox": "mailto:key@example.org"}}], open(auth, "w"))
os.environ |= {"RALPH_AUTH_FILE": auth, "RALPH_RUNSERVER_BACKEND": "fs", "RALPH_BACKENDS__LRS__FS__DEFAULT_DIRECTORY_PATH": folder}
from ralph.backends.data.base import BaseOperationType
from ralph.backends.data.fs import FSDataBackend
FSDataBackend.default_operation_type = BaseOperationType.APPEND
open(os.path.join(folder, "fs_lrs.jsonl"), "a").close()
import uvicorn
from ralph.api import app
uvicorn.run(app, host="127.0.0.1", port=port, log_level="critical")
"""


@pytest.fixture(scope="module")
def ralph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Ralph in an environment of its own (it pins what others need otherwise); its endpoint."""
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    if not Path(uv).exists():
        pytest.skip("uv is not installed")
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "leerstroom-tests" / "ralph-5.1.0"
    python = cache / "bin" / "python"
    if not (cache / "complete").exists():
        subprocess.run([uv, "venv", "-q", "--clear", "--python", sys.executable, str(cache)], check=True)
        subprocess.run([uv, "pip", "install", "-q", "--python", str(python), *RALPH], check=True, timeout=300)
        (cache / "complete").touch()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [str(python), "-c", SERVER, str(tmp_path_factory.mktemp("ralph")), str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(300):
            try:
                requests.get(f"http://127.0.0.1:{port}/xAPI/statements", timeout=1)
                break
            except requests.RequestException:
                time.sleep(0.2)
        else:
            pytest.fail("Ralph did not start")
        yield f"http://127.0.0.1:{port}/xAPI/"
    finally:
        process.terminate()
        process.wait(10)


def test_a_loose_lrs_is_loaded_and_mirrored_without_loss_or_double(ralph: str, statement: Any, tmp_path: Path) -> None:
    with Lrs(ralph, "key", "secret", batch=100) as lrs:
        assert "no about resource" in lrs.check()
        assert lrs.load(statement(number) for number in range(300)).stored == 300
        second = lrs.load(statement(number) for number in range(250, 400))
        assert (second.stored, second.already_there) == (100, 50)
        third = lrs.load([statement(5, object={"id": "https://lms.example/other"}), statement(6), statement(1000)])
        assert (third.stored, third.already_there, third.conflicting) == (1, 1, 1)
        batch = [statement(2000 + number) for number in range(10)]
        batch[4]["actor"] = {"mbox": "not an address"}
        fourth = lrs.load(batch)
        assert (fourth.stored, fourth.rejected) == (9, 1)
        assert [each.id for each in fourth.rejections] == [batch[4]["id"]]

        target = Mirror(tmp_path)
        assert mirror(lrs, target).new == 410
        lrs.load(statement(3000 + number) for number in range(20))
        assert mirror(lrs, target).new == 20
        assert mirror(lrs, target).new == 0
        assert len(set(target.table(["statement_id"]).column(0).to_pylist())) == target.rows == 430
