"""Every recipe of docs/lrs-connector.md runs, in the order of the page, against the embedded LRS."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.lrs import Lrs
from leerstroom.lrs import running

PAGE = Path(__file__).resolve().parents[3] / "docs" / "lrs-connector.md"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: Any) -> Iterator[dict[str, Any]]:
    monkeypatch.chdir(tmp_path)
    with running(f"sqlite:///{tmp_path}/one.sqlite") as first, running(f"sqlite:///{tmp_path}/two.sqlite") as second:
        with Lrs(first.endpoint, first.key, first.secret) as lrs:
            course = {"contextActivities": {"grouping": [{"id": "https://lms.example/course"}]}}
            lrs.load(line(number, context=course, result={"duration": "PT5M"}) for number in range(300))
        yield {
            "ENDPOINT": first.endpoint,
            "KEY": first.key,
            "SECRET": first.secret,
            "OTHER_ENDPOINT": second.endpoint,
            "OTHER_KEY": second.key,
            "OTHER_SECRET": second.secret,
        }


def recipes() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_every_recipe_runs_and_finds_what_it_says(place: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    listed = recipes()
    assert len(listed) == 11
    for code in listed:
        exec(compile(code, PAGE.name, "exec"), place)
    said = capsys.readouterr().out
    assert "newest statement stored" in said
    assert len(place["mine"]) == len([number for number in range(300) if number % 7 == 3])
    assert len(place["frame"]) == 300
    assert len(place["inside"]) == 300
    assert place["copy"].rows == 300
    assert "300 fetched, 300 new" in said
    assert "2 sent: 1 stored, 0 already there, 0 conflicting, 1 rejected" in said
    assert len(place["letters"]) == 1
    assert re.search(r"^101 sent: 101 stored", said, re.MULTILINE)
    assert (Path.cwd() / "mirror" / "manifest.json").exists()


def test_every_case_of_the_table_has_tests_of_its_number() -> None:
    cases = {int(number) for number in re.findall(r"^\| (\d+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)}
    tests = (PAGE.parents[1] / "tests" / "connectors" / "lrs" / "test_known_cases.py").read_text(encoding="utf-8")
    assert cases == set(range(1, 19))
    assert {int(number) for number in re.findall(r"^def test_(\d\d)_", tests, re.MULTILINE)} == cases
