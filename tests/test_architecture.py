"""The house: layers hold, heavy libraries stay out of module level, the wheel carries what it needs."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def test_the_import_layers_hold() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports"))], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_command_line_starts_without_heavy_libraries() -> None:
    code = "import sys, leerstroom.cli; print([name for name in ('pandas', 'duckdb', 'ibis', 'pyarrow', 'altair', 'airflow') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_lock_carries_an_address_and_every_pin_a_hash() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        text = path.read_text()
        assert not re.search(r"https?://", text), path.name
        pins = re.findall(r"^[a-z0-9][^=\s]*==", text, re.MULTILINE)
        assert len(pins) > 50
        assert text.count("--hash=sha256:") >= len(pins)


def test_airflow_does_not_run_the_providers_files_as_plugins() -> None:
    assert "leerstroom_airflow/" in (ROOT / "plugins" / ".airflowignore").read_text().splitlines()


@pytest.mark.slow
def test_the_wheel_carries_schemas_templates_and_works_alone(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "uv", "build", "--wheel", "--out-dir", str(tmp_path), str(ROOT)],
        check=True,
        capture_output=True,
        text=True,
    )
    [wheel] = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for needed in (
        "leerstroom/_schemas/vocabulary.yaml",
        "leerstroom/_schemas/classification.yaml",
        "connectors/sources/matrix.py",
        "leerstroom_airflow/__init__.py",
    ):
        assert needed in names
    assert not [name for name in names if name.startswith(("tests/", "dags/", "var/"))]
    target = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "uv", "pip", "install", "--no-deps", "--target", str(target), str(wheel)],
        check=True,
        capture_output=True,
    )
    code = "from leerstroom.schemas import folder; from leerstroom.statements import verbs; print(folder().name, verbs.ASKED.iri)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(target), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split()[0] == "_schemas"
