"""The pages for people, also in a real browser."""

import html
import shutil
import subprocess

import pytest
import requests

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome", "chrome") if (found := shutil.which(name))),
    None,
)


@pytest.fixture
def told(call, make):
    """Sixty statements of two people."""
    mail = f"{make.mark}@o.example"
    call.store(
        *[
            make.statement(
                actor={"mbox": f"mailto:{mail}", "name": "<b>Anna</b>"},
                object=make.activity(name={"en": f"Course {number}"}),
            )
            for number in range(55)
        ],
        make.statement(actor=make.agent("ben"), verb={"id": "http://adlnet.gov/expapi/verbs/asked"}),
    )
    return mail


def rows(text):
    return text.count('<td class="time">')


def test_search_by_person_verb_activity_and_time(call, told, make):
    page = call("GET", "/browse", 200, params={"person": told}).text
    assert rows(page) == 50
    assert "&lt;b&gt;Anna&lt;/b&gt;" in page
    assert "<b>Anna" not in page
    older = html.unescape(page.split('class="older" href="')[1].split('"')[0])
    assert rows(call("GET", older, 200).text) == 5
    ben = f"account|https://o.example|ben-{make.mark}"
    assert rows(call("GET", "/browse", 200, params={"person": ben, "verb": "asked"}).text) == 1
    assert rows(call("GET", "/browse", 200, params={"person": ben, "verb": make.verb()}).text) == 0
    assert (
        rows(call("GET", "/browse", 200, params={"activity": make.activity()["id"], "since": "2026-01-01"}).text) == 50
    )
    assert (
        rows(call("GET", "/browse", 200, params={"activity": make.activity()["id"], "until": "2026-01-01"}).text) == 0
    )
    assert rows(call("GET", "/browse", 200, params={"person": "", "activity": make.activity()["id"]}).text) == 50


@pytest.mark.parametrize(
    "asked", [{"person": "anna"}, {"verb": "no such verb"}, {"activity": "x"}, {"since": "yesterday"}], ids=str
)
def test_what_is_not_understood_is_told(call, asked):
    page = call("GET", "/browse", 400, params=asked).text
    assert 'role="alert"' in page
    assert rows(page) == 0


def test_one_statement_in_full_also_when_voided(call, make):
    sent = make.statement(result={"response": "<script>alert(1)</script>"})
    call.store(sent)
    page = call("GET", f"/browse/statements/{sent['id']}", 200)
    assert "&lt;script&gt;" in page.text
    assert "<script>" not in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["Cache-Control"] == "no-store"
    voiding = make.voiding(sent["id"])
    call.store(voiding)
    assert "was voided" in call("GET", f"/browse/statements/{sent['id']}", 200).text
    assert sent["id"] in call("GET", f"/browse/statements/{voiding['id']}", 200).text
    call("GET", "/browse/statements/x", 404)


def test_nobody_reads_without_a_credential(lrs):
    answer = requests.get(lrs.address + "/browse", timeout=10)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert requests.post(lrs.address + "/browse", timeout=10).status_code == 405


@pytest.fixture
def chromium(sqlite_lrs, tmp_path):
    """`chromium(path, *options)`: what a browser shows of a page, as HTML."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    address = sqlite_lrs.address.replace("//", f"//{sqlite_lrs.key}:{sqlite_lrs.secret.replace(' ', '%20')}@")
    settings = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={tmp_path}"]

    def shown(path, *options):
        done = subprocess.run(
            [CHROMIUM, *settings, "--virtual-time-budget=3000", *(options or ["--dump-dom"]), address + path],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert "Refused to" not in done.stderr, "the page asks for more than its own policy allows"
        return done.stdout

    return shown


def test_a_browser_searches_and_shows_one_statement_in_full(chromium, sqlite_lrs, caller, make):
    sent = make.statement(actor={**make.agent(), "name": "Zoë"}, object=make.activity(name={"en": "Fire safety"}))
    caller(sqlite_lrs).store(sent, make.statement(actor=make.agent("ben"), object=make.activity("other")))
    page = chromium(f"/browse?activity={make.activity()['id']}")
    assert rows(page) == 1
    assert "Fire safety" in page
    assert "Zoë" in page
    link = html.unescape(page.split('<td class="time"><a href="')[1].split('"')[0])
    assert f'"id": "{sent["id"]}"' in chromium(link)


def test_a_browser_lays_the_page_out(chromium, sqlite_lrs, caller, make, tmp_path):
    caller(sqlite_lrs).store(*[make.statement() for _ in range(30)])
    sizes = {}
    for name, path in (("list", f"/browse?verb={make.verb()}"), ("none", f"/browse?verb={make.verb('none')}")):
        picture = tmp_path / f"{name}.png"
        chromium(path, f"--screenshot={picture}", "--window-size=1000,800")
        assert picture.read_bytes()[:4] == b"\x89PNG"
        sizes[name] = picture.stat().st_size
    assert sizes["list"] > 2 * sizes["none"], "thirty lines are on the picture"
