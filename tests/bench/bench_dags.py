"""What importing each Dag file costs over `airflow.sdk`, in CPU seconds: a scheduler does it again and again.

python tests/bench/bench_dags.py [--json FILE]
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 3
CODE = """
import runpy, sys, time
import airflow.sdk
started = time.process_time()
runpy.run_path(sys.argv[1], run_name="a_dag_file")
print(time.process_time() - started)
"""


def seconds(path: Path) -> float:
    """Median of a few processes."""
    return statistics.median(
        float(subprocess.run([sys.executable, "-c", CODE, path], capture_output=True, text=True, check=True).stdout.split()[-1])
        for _ in range(ROUNDS)
    )  # fmt: skip


def main() -> None:
    """Prints a line a file and, with --json, writes all and the slowest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = {path.stem: seconds(path) for path in sorted((ROOT / "dags").glob("*.py"))}
    for name, value in found.items():
        print(f"{name:24s} {value:8.3f} s   ≤ 0.2")
    if arguments.json:
        arguments.json.write_text(json.dumps({**found, "slowest_s": max(found.values())}, indent=2))


if __name__ == "__main__":
    main()
