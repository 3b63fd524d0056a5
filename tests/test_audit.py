"""The bill of materials names all that a deployment installs; an audit that cannot ask says so and ends well."""

import importlib.util
import json
import re
import socket
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("lock", ["runtime.txt", "dev.txt", "fuzz.txt", "spark.txt"])
def test_the_bill_of_materials_names_every_locked_package_with_its_hashes(audit: ModuleType, lock: str) -> None:
    text = (ROOT / "requirements" / lock).read_text()
    pinned = {
        line.split()[0].rstrip("\\").split(";")[0] for line in text.splitlines() if re.match(r"[A-Za-z0-9]", line)
    }
    bill = json.loads(audit.bill_of_materials(ROOT / "requirements" / lock))
    assert {f"{each['name']}=={each['version']}" for each in bill["components"]} == pinned
    assert sum(len(each["hashes"]) for each in bill["components"]) == text.count("--hash=sha256:")
    assert all(each["purl"].startswith("pkg:pypi/") for each in bill["components"])
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")


def test_a_service_that_does_not_answer_is_told_and_fails_nothing(
    audit: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert audit.audit(f"http://127.0.0.1:{port}/", ROOT / "requirements" / "runtime.txt") == 0
    assert "cannot be reached" in capsys.readouterr().err


def test_pip_audit_is_there_and_reads_the_lock(audit: ModuleType) -> None:
    """Its own reader of locks: what it cannot read it would audit as nothing."""
    from pip_requirements_parser import RequirementsFile

    found = RequirementsFile.from_file(str(audit.EVERYTHING))
    assert not found.invalid_lines
    assert len(found.requirements) == sum(1 for _ in audit.locked(audit.EVERYTHING))
    assert importlib.util.find_spec("pip_audit") is not None
    assert sys.executable
