"""The guide for those who add a source: its blocks are a whole source, and that source passes the contract."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")


def test_the_source_of_the_guide_passes_the_contract(tmp_path: Path) -> None:
    blocks = re.findall(r"^```\w+ file=(\S+)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    assert [name for name, _ in blocks] == [
        "leeskring.py",
        "replay.py",
        "recordings/leeskring/loans.json",
        "test_leeskring.py",
    ]
    for name, text in blocks:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout[-3000:]
    [passed] = re.findall(r"(\d+) passed", done.stdout)
    assert int(passed) > 20


def test_every_shared_room_that_the_guide_names_is_there() -> None:
    named = set(re.findall(r"`connectors\.([a-z]+)`", GUIDE))
    assert {"conversation", "attendance", "sessions", "files", "tables", "oauth", "paging"} <= named
    assert [name for name in named if not (ROOT / "connectors" / f"{name}.py").exists()] == []
