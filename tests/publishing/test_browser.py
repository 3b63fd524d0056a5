"""Every page in a real browser: axe finds no serious fault, nothing hangs over the edge, and a picture of each for a person to look at.

Chromium and npm must be there, else the tests skip. axe-core is fetched once into the user's cache. Pictures go to the folder that
`LEERSTROOM_SCREENSHOTS` names: `LEERSTROOM_SCREENSHOTS=/tmp/looks pytest -m slow tests/publishing/test_browser.py`.
"""

import html as markup
import json
import os
import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from leerstroom.publishing import publish
from leerstroom.publishing.my_learning import Own, file_name, write_my_learning

AXE = "axe-core@4.14.1"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PAGES = ("report", "index", "my-learning")
FAULTS = {"serious", "critical"}
_DARK = "@media screen and (prefers-color-scheme: dark)"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium"),
]


@dataclass(frozen=True)
class Look:
    """One way in which a page is looked at."""

    name: str
    width: int = 1280
    language: str = "en"
    dark: bool = False


LOOKS = (
    Look("desktop"),
    Look("phone", width=390),
    Look("dark", dark=True),
    Look("dutch", language="nl"),
    Look("phone-dark-dutch", width=390, language="nl", dark=True),
)


@pytest.fixture(scope="module")
def pages(night: Any, own: Own, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The three kinds of page that we write."""
    out = tmp_path_factory.mktemp("pages")
    report = publish(night.table(), **night.arguments(out / "hr", language="en")).report
    write_my_learning(own, out / "my-learning", ["E1"])
    return {
        "report": report,
        "index": report.with_name("index.html"),
        "my-learning": out / "my-learning" / file_name(own.pseudonyms, "E1"),
    }


@pytest.fixture(scope="module")
def axe() -> str:
    """The script of axe-core, from the package registry, kept in the user's cache."""
    kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "leerstroom-tests" / AXE.replace("@", "-")
    script = kept / "axe.min.js"
    if not script.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("no npm to fetch axe-core with")
        kept.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [npm, "pack", AXE, "--silent"], cwd=kept, capture_output=True, text=True, timeout=180, check=False
        )
        if done.returncode:
            pytest.skip("axe-core cannot be fetched here")
        with tarfile.open(kept / done.stdout.split()[-1]) as archive:
            member = archive.extractfile("package/axe.min.js")
            assert member is not None
            script.write_bytes(member.read())
    return script.read_text(encoding="utf-8")


def shown(page: Path, look: Look, to: Path, script: str = "") -> Path:
    """A copy of the page in one look: language chosen, dark colours for all, and with a script where one is to run."""
    text = page.read_text(encoding="utf-8")
    text = text.replace(" checked>", ">", 1).replace(
        f'id="language-{look.language}">', f'id="language-{look.language}" checked>', 1
    )
    if look.dark:
        assert _DARK in text
        text = text.replace(_DARK, "@media screen")
    if script:
        text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
        text = text.replace("</body>", f"<script>{script}</script></body>")
    copy = to / f"{page.stem}-{look.name}.html"
    copy.write_text(text, encoding="utf-8")
    return copy


def framed(page: Path, look: Look, height: int) -> Path:
    """A page that shows the other in a frame as wide as the look: a window cannot be as narrow as a phone."""
    frame = page.with_name(f"{page.stem}-frame.html")
    frame.write_text(
        f"<!doctype html><style>body {{ margin: 0 }} iframe {{ border: 0; display: block }}</style>"
        f'<iframe src="{page.name}" width="{look.width}" height="{height}"></iframe>'
    )
    return frame


def browse(*arguments: str, profile: Path) -> str:
    """What Chromium prints."""
    assert CHROMIUM is not None
    words = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--allow-file-access-from-files",
        f"--user-data-dir={profile}", "--virtual-time-budget=20000", *arguments,
    ]  # fmt: skip
    done = subprocess.run(words, capture_output=True, text=True, timeout=240, check=True)
    return done.stdout


_JUDGE = """
window.addEventListener("load", async () => {
  for (const each of document.querySelectorAll("details")) each.open = true;
  const root = document.documentElement;
  const found = await axe.run(document, {resultTypes: ["violations"]});
  const told = document.createElement("pre");
  told.id = "told";
  told.textContent = JSON.stringify({
    wide: root.scrollWidth - root.clientWidth, height: root.scrollHeight,
    faults: found.violations.map(v => ({id: v.id, impact: v.impact, where: v.nodes.slice(0, 3).map(n => n.target.join(" ") + " " + n.failureSummary)})),
  });
  document.body.replaceChildren(told);
  if (parent !== window) parent.document.body.appendChild(told);
});
"""


def judged(page: Path, look: Look, axe: str, folder: Path) -> dict[str, Any]:
    """What axe finds in a look, and how much wider than its window the page is."""
    copy = shown(page, look, folder, f"{axe}\n{_JUDGE}")
    told = browse("--dump-dom", framed(copy, look, 1000).as_uri(), profile=folder / "profile")
    found = re.search(r'<pre id="told">(.*?)</pre>', told, re.DOTALL)
    assert found, told[-500:]
    return dict(json.loads(markup.unescape(found[1])))


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_serious_fault_and_nothing_hangs_over_the_edge(
    pages: dict[str, Path], axe: str, name: str, look: Look, tmp_path: Path
) -> None:
    found = judged(pages[name], look, axe, tmp_path)
    assert [each for each in found["faults"] if each["impact"] in FAULTS] == []
    assert found["wide"] <= 0


def test_axe_does_find_what_is_wrong(pages: dict[str, Path], axe: str, tmp_path: Path) -> None:
    spoiled = tmp_path / "spoiled.html"
    spoiled.write_text(
        pages["index"].read_text(encoding="utf-8").replace("<main>", '<main><img src="data:,"><button></button>'),
        encoding="utf-8",
    )
    found = judged(spoiled, LOOKS[0], axe, tmp_path)
    assert {"image-alt", "button-name"} <= {each["id"] for each in found["faults"]}


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_drawn_in_every_look(pages: dict[str, Path], name: str, look: Look, tmp_path: Path) -> None:
    folder = Path(os.environ.get("LEERSTROOM_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    height = {"report": 9000, "index": 1000, "my-learning": 5000}[name] * (2 if look.width < 600 else 1)
    copy = shown(pages[name], look, tmp_path)
    picture = folder / f"{name}-{look.name}.png"
    browse(
        f"--screenshot={picture}",
        f"--window-size={max(look.width, 500)},{height}",
        framed(copy, look, height).as_uri(),
        profile=tmp_path / "profile",
    )
    content = picture.read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) > 20_000  # a blank picture of this size takes less


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="no poppler")
@pytest.mark.parametrize("name", PAGES)
def test_it_prints_on_a4_in_the_light_colours_with_every_definition(
    pages: dict[str, Path], name: str, tmp_path: Path
) -> None:
    folder = Path(os.environ.get("LEERSTROOM_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    printed = folder / f"{name}.pdf"
    copy = shown(pages[name], Look("print", dark=True), tmp_path)
    browse(f"--print-to-pdf={printed}", "--no-pdf-header-footer", copy.as_uri(), profile=tmp_path / "profile")
    facts = subprocess.run(["pdfinfo", printed], capture_output=True, text=True, check=True).stdout
    assert "A4" in facts
    words = subprocess.run(["pdftotext", "-layout", printed, "-"], capture_output=True, text=True, check=True).stdout
    assert {"report": "Not for appraisal", "index": "One report a night", "my-learning": "Your statements"}[
        name
    ] in words
    if name == "report":
        assert "Never rank people by it" in words
        assert "Show the figures as a table" not in words
