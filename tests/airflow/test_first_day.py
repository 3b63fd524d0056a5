"""A new operator's first day, as docs/first-day.md tells it: from a settings file to a scheduled night of two real servers, in a browser.

A real Synapse and a real Kolibri (each in a Python of its own, see `homeserver.py` and `kolibri_server.py`), `make serve` with a settings file that
`leerstroom init` wrote, and headless Chromium that fills in Airflow's forms. The pictures of the page are taken on the way: they go to the folder that
`LEERSTROOM_SCREENSHOTS` names, `LEERSTROOM_SCREENSHOTS=docs/images pytest -m live tests/airflow/test_first_day.py`.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from homeserver import Homeserver, homeserver
from kolibri_server import PASSWORD, USER, Kolibri, kolibri
from patience import PATIENCE_S, wait_for

from leerstroom.statements.vocabulary import canonical_verb

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
ZONE = ZoneInfo("Europe/Amsterdam")
ROOM = "excel-hulplijn"

pytestmark = [
    pytest.mark.live,
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.xdist_group("demo"),
    pytest.mark.skipif(CHROMIUM is None or DRIVER is None, reason="no Chromium with its driver"),
]

PEOPLE = {"anna": "Finance", "bram": "Finance", "cas": "Finance", "dana": "Care", "emir": "Care", "fay": "Care"}
EMPLOYEES = "".join(
    f"E{number},{name}@example.org,{team},,1.0,2020-01-01,,@{name}:voorbeeldstad.example\n"
    for number, (name, team) in enumerate(PEOPLE.items(), 1)
)


def yesterday(hour: int, minute: int = 0) -> datetime:
    """A moment of the local day before today, aware UTC."""
    day = datetime.now(ZONE) - timedelta(days=1)
    return day.replace(hour=hour, minute=minute, second=0, microsecond=0).astimezone(UTC)


def talk(server: Homeserver) -> str:
    """Two questions, four answers and a thank-you in one room of a Synapse; the token of a user who only reads."""
    for name in (*PEOPLE, "reader"):
        server.register(name, name.title())
    room = server.create_room("anna", ROOM, name="Excel-hulplijn")
    for name in (*list(PEOPLE)[1:], "reader"):
        server.join(name, room)

    def say(user: str, body: str, root: str = "", last: str = "") -> str:
        relation = {"rel_type": "m.thread", "event_id": root, "is_falling_back": True, "m.in_reply_to": {"event_id": last or root}}  # fmt: skip
        return server.send(
            user, room, {"msgtype": "m.text", "body": body, **({"m.relates_to": relation} if root else {})}
        )

    server.set_time(yesterday(10))
    question = say("anna", "Weet iemand hoe ik twee lijsten naast elkaar leg?")
    server.set_time(yesterday(10, 12))
    answer = say("bram", "Met verticaal zoeken, kies de kolom van de tweede lijst.", question)
    server.set_time(yesterday(10, 15))
    say("cas", "Of met een draaitabel, dat gaat sneller bij grote lijsten.", question, answer)
    server.set_time(yesterday(10, 40))
    say("anna", "Dankjewel, opgelost!", question, answer)
    server.set_time(yesterday(14))
    question = say("dana", "Hoe zet je een datum in de kop van elk blad?")
    server.set_time(yesterday(14, 20))
    answer = say("emir", "Via Invoegen, Koptekst, en dan het knopje met de kalender.", question)
    say("fay", "Met de sneltoets voor vandaag kan het ook, maar die loopt niet mee.", question, answer)
    return server.login("reader")


SEED = f"""
import datetime, uuid
from kolibri.core.auth.models import Facility, FacilityUser
from kolibri.core.logger.models import ContentSessionLog, ContentSummaryLog
facility = Facility.objects.first()
channel = uuid.uuid5(uuid.NAMESPACE_DNS, "channel").hex
begun = datetime.datetime.fromisoformat("{yesterday(13).isoformat()}")
for number, name in enumerate({list(PEOPLE)}):
    user = FacilityUser(username=name, full_name=name.title(), facility=facility, id_number="E%d" % (number + 1))
    user.set_password("een-wachtwoord")
    user.save()
    end, progress = begun + datetime.timedelta(minutes=10 + number), 1 if number < 5 else 0.4
    log = dict(user=user, content_id=uuid.uuid5(uuid.NAMESPACE_DNS, "video").hex, channel_id=channel, start_timestamp=begun, end_timestamp=end,
        time_spent=600 + 60 * number, progress=progress, kind="video")
    ContentSessionLog.objects.create(**log)
    ContentSummaryLog.objects.create(**log, completion_timestamp=end if progress == 1 else None)
"""


@dataclass(frozen=True)
class Platforms:
    """Two servers that others wrote, with a day of learning in them, and what an operator is told of them."""

    chat: Homeserver
    token: str
    school: Kolibri
    exports: Path


@pytest.fixture(scope="module")
def platforms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platforms]:
    """A Synapse where somebody asked yesterday and got answers, and a Kolibri where six people watched a video."""
    exports = tmp_path_factory.mktemp("exports")
    with (
        homeserver(tmp_path_factory.mktemp("synapse"), yesterday(9)) as chat,
        kolibri(tmp_path_factory.mktemp("kolibri"), SEED) as school,
    ):
        for sort in ("session", "summary"):
            school.export(sort, exports / f"{sort}.csv")
        yield Platforms(chat, talk(chat), school, exports)


@dataclass(frozen=True)
class Organisation:
    """A folder with settings, and what `make serve` printed."""

    settings_file: Path
    airflow: str
    password: str
    folder: Path


@pytest.fixture(scope="module")
def organisation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Organisation]:
    """`leerstroom init`, employees filled in, and `make serve SETTINGS=…` until the test ends."""
    folder = tmp_path_factory.mktemp("organisation")
    file = folder / "leerstroom.yaml"
    subprocess.run([Path(sys.executable).with_name("leerstroom"), "init", file], check=True, capture_output=True)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    text = file.read_text().replace("Our organisation", "Gemeente Voorbeeldstad")
    file.write_text(text.replace("127.0.0.1:8765", f"127.0.0.1:{port}").replace("language: nl", "language: en"))
    employees = folder / "employees.csv"
    employees.write_text(employees.read_text().strip() + ",id_chat\n" + EMPLOYEES)
    with serving(file, folder / "serve.log") as told:
        airflow, password = re.search(r"Airflow +(http\S+) +user admin, password (\S+)", told).groups()  # type: ignore[union-attr]
        yield Organisation(file, airflow, password, folder / "var" / "serve")


@contextmanager
def serving(settings_file: Path, log: Path) -> Iterator[str]:
    """What `make serve` prints, while it runs."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "LEERSTROOM"))}
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["make", "serve", f"SETTINGS={settings_file}"],
            cwd=ROOT, env=clean, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        wait_for(lambda: "Ctrl-C ends everything" in log.read_text() or process.poll() is not None, "make serve")
        assert process.poll() is None, log.read_text()
        yield log.read_text()
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # as Ctrl-C, which a shell hides from what it runs in the background
        process.wait(60)


def shell(organisation: Organisation, command: str) -> str:
    """What a command prints in a shell as `make serve` says to open one; it must end well."""
    words = f"set -a; . {organisation.folder / 'environment'}; set +a; {command}"
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(organisation.folder)}
    done = subprocess.run(["bash", "-c", words], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


_CLICK = """
const found = [...document.querySelectorAll(arguments[0])].find(
  each => !each.disabled && [each.innerText.trim(), each.getAttribute("aria-label")].includes(arguments[1]));
if (found) { found.focus(); found.click(); }  // Airflow's folds open for whoever has the focus only
return Boolean(found);
"""


class Browser:
    """A person at headless Chromium: looks, types, clicks, and takes pictures."""

    def __init__(self, pictures: Path) -> None:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        options = webdriver.ChromeOptions()
        assert CHROMIUM is not None
        options.binary_location = CHROMIUM
        for each in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1360,900"):
            options.add_argument(each)
        self.driver = webdriver.Chrome(options=options, service=Service(DRIVER))
        self.driver.set_page_load_timeout(PATIENCE_S)
        self.pictures = pictures

    def go(self, address: str) -> None:
        self.driver.get(address)

    def find(self, selector: str) -> Any:
        """An element, once it is there."""
        return wait_for(lambda: self.driver.find_elements("css selector", selector), selector)[0]

    def type(self, selector: str, text: str) -> None:
        """Types into a field, once it has unfolded; once more where the page drew it anew in between."""
        from selenium.common.exceptions import ElementNotInteractableException, StaleElementReferenceException

        def typed() -> bool:
            try:
                self.find(selector).send_keys(text)
            except (ElementNotInteractableException, StaleElementReferenceException):
                return False
            return True

        wait_for(typed, f"typing into {selector}")

    def click(self, label: str, inside: str = "body") -> None:
        """Presses a button by its text or its label, once it is there; a script does it in one go, because hints hang over buttons and pages redraw."""
        wait_for(lambda: self.driver.execute_script(_CLICK, f"{inside} button", label), f"a button {label}")

    def says(self, *texts: str) -> str:
        """The page's text, once all of this stands in it."""

        def text() -> str:
            shown = str(self.driver.execute_script("return document.body.innerText"))
            return shown if all(each in shown for each in texts) else ""

        return str(wait_for(text, f"a page that says {texts}"))

    def picture(self, name: str, height: int = 900) -> None:
        """A picture of the page, once nothing moves any more."""
        self.driver.set_window_size(1360, height + 143)  # of which the window's own frame takes 143
        time.sleep(3)
        self.pictures.mkdir(parents=True, exist_ok=True)
        assert self.driver.save_screenshot(str(self.pictures / f"first-day-{name}.png"))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    made = Browser(Path(os.environ.get("LEERSTROOM_SCREENSHOTS") or tmp_path_factory.mktemp("pictures")).resolve())
    yield made
    made.driver.quit()


def connection(browser: Browser, name: str, kind: str, standard: dict[str, str], extra: dict[str, str]) -> None:
    """Fills in the form of a connection, takes its picture and saves it."""
    from selenium.webdriver.common.keys import Keys

    dialog = "[role=dialog]"
    browser.click("Add Connection")
    browser.type(f"{dialog} [name=connection_id]", name)
    browser.type(f"{dialog} [role=combobox]", kind)
    browser.says(f"{kind} (")  # the type is offered
    browser.type(f"{dialog} [role=combobox]", Keys.ENTER)
    browser.find(f"{dialog} [name=host]")
    for field, value in standard.items():
        browser.type(f"{dialog} [name={field}]", value)
    browser.picture(f"{name}", 720)
    browser.click("Extra Fields", dialog)
    for field, value in extra.items():
        browser.type(f"{dialog} [name=element_{field}]", value)
    if "rooms" in extra:  # those of the other form show a path of this machine
        browser.picture(f"{name}-extra", 1157)
    browser.click("Save", dialog)
    browser.says("Connection has been successfully created")


def test_a_new_operator_gets_a_scheduled_night_of_two_real_servers(
    platforms: Platforms, organisation: Organisation, browser: Browser
) -> None:
    """The steps of docs/first-day.md, in their order."""
    assert "FAIL" not in shell(organisation, "leerstroom check")

    browser.go(organisation.airflow)
    browser.type("[name=username]", "admin")
    browser.type("[name=password]", organisation.password)
    browser.click("Sign in")
    browser.says("Dags")

    browser.go(f"{organisation.airflow}/connections")
    room = f"#{ROOM}:{platforms.chat.server_name}"
    connection(
        browser, "chat", "Matrix", {"host": platforms.chat.url, "password": platforms.token},
        {"server_name": platforms.chat.server_name, "rooms": room},
    )  # fmt: skip
    connection(
        browser, "school", "Kolibri", {"host": platforms.school.url, "login": USER, "password": PASSWORD},
        {"files": f"{platforms.exports}/*.csv"},
    )  # fmt: skip
    for name in ("chat", "school"):
        assert "Connection success!" in shell(organisation, f"airflow connections test {name}")

    browser.go(f"{organisation.airflow}/variables")
    browser.click("Add Variable")
    browser.type("[role=dialog] [name=key]", "leerstroom_connections")
    browser.type("[role=dialog] [name=value]", "chat, school")
    browser.picture("variable", 720)
    browser.click("Save", "[role=dialog]")
    browser.says("Variable has been successfully created")

    browser.go(f"{organisation.airflow}/dags/learning_nightly")
    browser.driver.execute_script("arguments[0].click()", browser.find("[data-testid=toggle-pause]"))
    run = wait_for(lambda: scheduled(organisation), "the end of a scheduled night")
    assert run["state"] == "success"
    assert run["run_type"] == "scheduled"
    assert run["note"].startswith("**Complete night**")
    browser.go(f"{organisation.airflow}/dags/learning_nightly/runs/{quote(run['dag_run_id'])}")
    browser.says("Complete night")
    browser.picture("night", 760)

    browser.go(f"{organisation.airflow}/plugin/leerstroom-ledger")
    browser.driver.switch_to.frame(browser.find("iframe"))
    page = browser.says("Ledger of Gemeente Voorbeeldstad", "chat", "school", "complete")
    assert "partial" not in page.split("Coverage")[0]
    browser.driver.switch_to.default_content()
    browser.picture("ledger", 760)

    [report] = (organisation.settings_file.parent / "var" / "hr").glob("report-*.html")
    browser.go(report.as_uri())
    browser.says("Gemeente Voorbeeldstad")
    browser.picture("report", 900)

    told = [json.loads(line) for line in shell(organisation, "leerstroom query --format jsonl").splitlines()]
    verbs = Counter(canonical_verb(each["verb"]["id"]) for each in told)
    assert verbs == {"asked": 2, "answered": 4, "replied": 1, "watched": 6, "completed": 5}


def scheduled(organisation: Organisation) -> dict[str, Any] | None:
    """The scheduled night, once it has ended, as Airflow's API tells it."""
    import requests

    login = {"username": "admin", "password": organisation.password}
    token = requests.post(f"{organisation.airflow}/auth/token", json=login, timeout=60).json()["access_token"]
    answer = requests.get(
        f"{organisation.airflow}/api/v2/dags/learning_nightly/dagRuns",
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
    )
    ended = [run for run in answer.json()["dag_runs"] if run["state"] == "failed" or run["note"]]
    time.sleep(2)
    return ended[0] if ended else None
