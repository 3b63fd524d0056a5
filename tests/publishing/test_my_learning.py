"""What an employee receives about themselves, and that nobody else does."""

import re
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest

from leerstroom.errors import ConfigurationError
from leerstroom.people import Directory, Employee, Pseudonyms
from leerstroom.publishing.disclosure import Disclosure
from leerstroom.publishing.my_learning import Own, file_name, write_my_learning
from leerstroom.settings import Settings

AS_OF = date(2026, 11, 20)
KEYS = Pseudonyms("a pseudonym key for the tests only")


@pytest.fixture(scope="module")
def folder(own: Own, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("my") / "my-learning"
    assert write_my_learning(own, out) == 2
    return out


class Text(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.said: dict[str, list[str]] = {"nl": [], "en": []}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._language, self._silent = "", 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        self._silent += tag == "style"
        if tag == "div" and "edition" in (given.get("class") or ""):
            self._language = str(given["lang"])

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag == "style"

    def handle_data(self, data: str) -> None:
        if self._language and not self._silent:
            self.said[self._language].append(data)

    def text(self, language: str) -> str:
        return " ".join(" ".join(self.said[language]).replace("\N{NO-BREAK SPACE}", " ").split())


@pytest.fixture(scope="module")
def text(folder: Path) -> Callable[[str], Text]:
    return lambda who: Text((folder / file_name(KEYS, who)).read_text(encoding="utf-8"))


def test_everybody_in_service_has_a_file_named_by_pseudonym_that_only_its_writer_reads(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {file_name(KEYS, "E1"), file_name(KEYS, "E2")}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert not any("E1" in path.name for path in folder.iterdir())


def test_it_tells_own_figures_private_ones_too_and_who_else_sees_them(text: Callable[[str], Text]) -> None:
    for language, time, private, shared in (
        ("nl", "Formele leertijd", "alleen u", "u en HR"),
        ("en", "Formal learning time", "only you", "you and HR"),
    ):
        said = text("E1").text(language)
        assert time in said
        assert f"{private}" in said
        assert f"{shared}" in said
        assert "45 min" in said
    said = text("E1").text("nl")
    assert re.search(r"Formele leertijd .*? 45 min 45 min 90 min u en HR", said)
    assert re.search(r"Netwerkbreedte .*? 1 1 1 alleen u; anderen per groep", said)


def test_it_tells_own_statements_with_their_rule_and_nobody_elses(text: Callable[[str], Text]) -> None:
    said = text("E1").text("nl")
    assert "18 nov 11:00 vorderde Privacy <basis> Leerplatform Formeel, 45 min r19_lms_course" in said
    assert "19 nov 10:00 vroeg Data-vragen Chat Informeel, ongeveer 3 min r44_question_spont" in said
    assert "20 nov 00:30 schreef zich in Excel Leerplatform niet geteld als leren r05_admin" in said
    assert "reageerde Data-vragen" not in said  # the colleague's
    assert "reageerde Data-vragen" in text("E2").text("nl")
    assert "Lang geleden" not in said  # longer ago than a night computes again


def test_a_colleague_in_a_statement_stays_unnamed(text: Callable[[str], Text]) -> None:
    said = text("E1").text("nl")
    assert "13 nov 10:00 coachte een collega" in said
    assert KEYS.actor("E2") not in said
    assert "13 nov 10:00 werd gecoacht door een collega" in text("E2").text("nl")  # both sides get the time


def test_it_says_in_words_when_a_rule_applies_and_what_it_counts(text: Callable[[str], Text]) -> None:
    said = text("E1").text("nl")
    assert (
        "r44_question_spont platform: Chat of Sociaal platform; wat er gebeurde: vroeg Informeel; 3.0 Netwerk; Anderen (20); zonder duur 3 minuten (een aanname)"
        in said
    )
    assert "platform: Chat or Social platform; what was done: asked" in text("E1").text("en")
    assert "r60_classroom" not in said  # only the rules behind these statements


def test_nothing_runs_nothing_is_fetched_and_every_link_arrives(folder: Path) -> None:
    for path in folder.iterdir():
        html = path.read_text(encoding="utf-8")
        page = Text(html)
        assert not [
            tag for tag, _ in page.tags if tag in {"script", "link", "iframe", "img", "object", "embed", "form"}
        ]
        assert "http://" not in html
        assert "https://" not in html
        ids = [given["id"] for _, given in page.tags if "id" in given]
        assert len(ids) == len(set(ids))
        assert {str(given["href"])[1:] for tag, given in page.tags if tag == "a"} <= set(ids)
        assert not re.search(r"\bE[123]\b", html)


def test_someone_who_did_nothing_is_told_so(own: Own, tmp_path: Path) -> None:
    still = replace(own, directory=Directory([*own.directory.employees, Employee("E4", team="T1")]))
    write_my_learning(still, tmp_path, ["E4"])
    assert "In deze dagen is niets van u gemeld" in Text((tmp_path / file_name(KEYS, "E4")).read_text("utf-8")).text(
        "nl"
    )


def test_who_leaves_loses_the_file_and_other_files_stay(own: Own, tmp_path: Path) -> None:
    write_my_learning(own, tmp_path)
    (tmp_path / "README.txt").write_text("of the administrator")
    gone = Directory([
        replace(each, in_service_to=date(2026, 11, 19)) if each.employee_id == "E2" else each
        for each in own.directory.employees
    ])
    assert write_my_learning(replace(own, directory=gone), tmp_path) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"README.txt", file_name(KEYS, "E1")}


def test_one_employee_may_be_asked_for_and_one_who_left_is_refused(own: Own, tmp_path: Path) -> None:
    assert write_my_learning(own, tmp_path, ["E2"]) == 1
    assert [path.name for path in tmp_path.iterdir()] == [file_name(KEYS, "E2")]
    with pytest.raises(ConfigurationError, match="1 of the employees asked for"):
        write_my_learning(own, tmp_path, ["E3"])


def test_the_same_night_gives_the_same_bytes(own: Own, folder: Path, tmp_path: Path) -> None:
    write_my_learning(own, tmp_path)
    for path in folder.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_under_groups_only_it_says_that_hr_sees_less(own: Own, tmp_path: Path) -> None:
    write_my_learning(replace(own, disclosure=Disclosure.load("groups-only")), tmp_path, ["E1"])
    said = Text((tmp_path / file_name(KEYS, "E1")).read_text("utf-8")).text("nl")
    assert re.search(r"Formele leertijd .*? alleen u; anderen per groep", said)
    assert "Van u persoonlijk ziet HR afgeronde opleidingen" in said


@pytest.mark.parametrize("place", ["hr", "hr/mine", "hr/../hr/mine"])
def test_hrs_folder_is_refused(tmp_path: Path, place: str) -> None:
    settings = Settings(hr={"out": tmp_path / "hr"}, my_learning={"out": tmp_path / place})
    with pytest.raises(ConfigurationError, match="lies in HR's folder"):
        _ = settings.my_learning_folder
    assert Settings(hr={"out": tmp_path / "hr"}).my_learning_folder == tmp_path / "my-learning"
