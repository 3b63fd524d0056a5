"""Each source passes the contract: its tests inherit it. A store of statements, which is copied and never mapped, has tests of its own."""

import ast
from pathlib import Path

import pytest

from connectors.source import installed, load

_TESTS = Path(__file__).parent / "sources"


def _inheriting() -> set[str]:
    """Names of the classes that stand as `source` in a test class whose bases are contracts."""
    found = set()
    for file in _TESTS.glob("test_*.py"):
        for each in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(each, ast.ClassDef) and any(ast.unparse(base).endswith("Contract") for base in each.bases):
                found |= {
                    ast.unparse(line.value)
                    for line in each.body
                    if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "source"
                }
    return found


@pytest.mark.parametrize(
    "name", [entry.name for entry in installed().values() if entry.value.startswith("connectors.")]
)
def test_a_source_inherits_the_contract(name: str) -> None:
    source = load(name)
    assert source.is_lrs or source.__name__ in _inheriting()
