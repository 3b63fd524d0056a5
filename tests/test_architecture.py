"""The house: layers hold, heavy libraries stay out of module level, the wheel carries what it needs."""

import ast
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
        assert len(pins) > (0 if path.name in {"fuzz.txt", "spark.txt"} else 50)
        assert text.count("--hash=sha256:") >= len(pins)


_UNSAFE = {
    ("pickle", ""), ("marshal", ""), ("shelve", ""), ("dill", ""), ("joblib", ""), ("cloudpickle", ""), ("yaml", "unsafe_load"), ("yaml", "full_load"), ("yaml", "load_all"),
    ("xml.etree.ElementTree", "parse"), ("xml.etree.ElementTree", "fromstring"), ("xml.etree.ElementTree", "iterparse"), ("xml.dom", ""), ("xml.sax", ""), ("lxml", ""),
}  # fmt: skip


def test_nothing_that_runs_code_out_of_data_is_imported_or_called() -> None:
    """No pickle and its kin, no YAML but by a safe loader, no eval, no XML but by defusedxml."""
    found, loads = [], []
    for path in (each for room in ("connectors", "leerstroom", "plugins", "dags", ".ci") for each in (ROOT / room).rglob("*.py")):  # fmt: skip
        where = str(path.relative_to(ROOT))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found += [(where, each.name) for each in node.names if (each.name.partition(".")[0], "") in _UNSAFE]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [(node.module, ""), *((node.module, each.name) for each in node.names)]
                found += [(where, *each) for each in names if each in _UNSAFE]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"eval", "exec"}:
                found.append((where, node.func.id))
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and ast.unparse(node.func) in {"yaml.load", "yaml.unsafe_load", "yaml.full_load"}:  # fmt: skip
                loads.append((where, ast.unparse(node)))
    assert found == []
    assert [where for where, call in loads if "SafeLoader" not in call] == []
    assert {where for where, _ in loads} <= {"leerstroom/schemas.py"}


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
