"""A million statements (or LEERSTROOM_SOAK of them): memory of the loader stays flat, the mirror survives SIGKILL, rate and size hold."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from connectors.lrs import Lrs, mirror
from leerstroom.lrs import running
from leerstroom.mirror import Mirror

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]

COUNT = int(os.environ.get("LEERSTROOM_SOAK", "1000000"))


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "bench" / "bench_connector.py"
    spec = importlib.util.spec_from_file_location("bench_connector", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_memory_of_the_loader_is_flat_from_ten_thousand_on(bench: ModuleType) -> None:
    small, large = bench.peak_mb(10_000), bench.peak_mb(COUNT)
    print(f"\npeak {small:.0f} MB at 10,000 and {large:.0f} MB at {COUNT:,}")
    assert large < small + 15


def test_a_mirror_resumes_after_sigkill_without_gap_or_double(bench: ModuleType, tmp_path: Path) -> None:
    with running(f"sqlite:///{tmp_path}/lrs.sqlite") as server, Lrs(server.endpoint, server.key, server.secret) as lrs:
        loaded = lrs.load(bench.statements(COUNT))
        print(f"\n{loaded}")
        assert loaded.stored == COUNT
        root = tmp_path / "mirror"
        code = (
            "import sys, os; from connectors.lrs import Lrs, mirror; from leerstroom.mirror import Mirror;"
            "lrs = Lrs(sys.argv[1], sys.argv[2], os.environ['SECRET']); print('go', flush=True); print(mirror(lrs, Mirror(sys.argv[3]), commit_rows=int(sys.argv[4])))"
        )
        killed_at: list[int] = []
        for _ in range(3):
            process = subprocess.Popen(
                [sys.executable, "-c", code, server.endpoint, server.key, str(root), str(COUNT // 10)],
                stdout=subprocess.PIPE,
                env={**os.environ, "SECRET": server.secret},
            )
            assert process.stdout is not None
            process.stdout.readline()
            reached = Mirror(root).rows
            while process.poll() is None and Mirror(root).rows == reached:
                time.sleep(0.02)
            time.sleep(0.3)  # into the next files
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
                killed_at.append(Mirror(root).rows)
            process.wait()
        report = mirror(lrs, Mirror(root))
        print(f"killed at {killed_at} rows; then {report}")
        assert len(killed_at) >= 2
        assert 0 < killed_at[0] < COUNT
        assert report.fetched < COUNT
        target = Mirror(root)
        ids = target.table(["statement_id"]).column(0)
        assert target.rows == len(ids) == len(set(ids.to_pylist())) == COUNT
        whole = mirror(lrs, Mirror(tmp_path / "again"))
        print(f"in one go: {whole}")
        assert whole.new == COUNT
