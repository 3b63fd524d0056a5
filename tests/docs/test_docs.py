"""The documentation says what the code does: generated pages, commands and make targets that the README names, and links."""

import re
from pathlib import Path

import pytest

from connectors.source import Verified, installed, load
from leerstroom.cli.reference import commands_markdown, platforms_markdown, readme_markdown

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_command_reference_is_what_the_commands_say() -> None:
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == commands_markdown()


def test_the_page_of_platforms_is_what_the_sources_say() -> None:
    assert (ROOT / "docs" / "platforms.md").read_text(encoding="utf-8") == platforms_markdown()


def test_the_readme_says_of_each_platform_how_it_was_verified() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme == readme_markdown(readme)
    rows = [line.split(" | ") for line in readme.splitlines() if line.startswith("| ")]
    [column] = [number for row in rows for number, cell in enumerate(row) if cell.startswith(Verified.DOCUMENTATION)]
    told = ", ".join(row[column].removesuffix(" |") for row in rows if len(row) > column)
    sources = [load(name) for name in installed()]
    assert [each.title for each in sources if (each.title in told) != (each.verified is Verified.DOCUMENTATION)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_inside_the_project_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_make_targets_that_a_page_names_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)", page.read_text(encoding="utf-8")))
    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_that_a_page_names_exist(page: Path) -> None:
    known = set(re.findall(r"^## leerstroom ([a-z -]+)$", commands_markdown(), re.MULTILINE))
    groups = {name.split()[0] for name in known}
    named = {match.split()[0] for match in re.findall(r"`leerstroom ([a-z-]+)", page.read_text(encoding="utf-8"))}
    assert named <= groups


def test_the_readme_starts_with_the_two_commands_and_a_picture() -> None:
    head = (ROOT / "README.md").read_text(encoding="utf-8")[:1500]
    assert "make demo" in head
    assert "make serve" in head
    assert "docs/images/report.png" in head
