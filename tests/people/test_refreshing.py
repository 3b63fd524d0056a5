"""A directory that is made new: what the service tells wins, what it does not know stays, nobody is forgotten, a short list is a mistake."""

import stat
from datetime import date
from pathlib import Path

import pytest

from leerstroom.errors import ConfigurationError, NeedsOperator
from leerstroom.people import Directory, Employee
from leerstroom.people.refreshing import Listed, refresh

TODAY = date(2026, 11, 3)
HR = """employee_id;emails;id_moodle;team;fte;in_service_from;in_service_to
E1;anna@x.nl;3;HR;0,8;2019-09-01;
E2;bram@x.nl;4;ICT;1.0;;
E3;cees@x.nl;;ICT;;;2025-01-31
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "employees.csv"
    path.write_text(HR, encoding="utf-8")
    return path


def listed(number: int, in_service: bool = True, **columns: str) -> Listed:
    return Listed(f"E{number}", columns, in_service)


def employees(file: Path) -> dict[str, Employee]:
    return {each.employee_id: each for each in Directory.read(file).employees}


def test_what_the_service_tells_wins_and_what_it_does_not_know_stays(file: Path) -> None:
    done = refresh([listed(1, emails="a.jansen@x.nl;Anna@x.nl", team="Personeel", id_teams="g1"), listed(2)], file, TODAY)  # fmt: skip
    anna = employees(file)["E1"]
    assert anna.emails == ("a.jansen@x.nl", "Anna@x.nl")
    assert anna.platform_ids == (("moodle", "3"), ("teams", "g1"))
    assert (anna.team, anna.fte, anna.in_service_from, anna.in_service_to) == ("Personeel", 0.8, date(2019, 9, 1), None)
    assert done.as_json() == {"employees": 2, "new": 0, "left": 0, "changed": 1}


def test_an_address_of_former_days_still_finds_its_person(file: Path) -> None:
    refresh([listed(1, emails="a.bakker@x.nl"), listed(2)], file, TODAY)
    assert employees(file)["E1"].emails == ("a.bakker@x.nl", "anna@x.nl")


def test_who_is_new_is_added_and_who_is_gone_gets_a_last_day(file: Path) -> None:
    done = refresh([listed(1), listed(7, emails="new@x.nl")], file, TODAY)
    known = employees(file)
    assert known["E7"].emails == ("new@x.nl",)
    assert known["E2"].in_service_to == date(2026, 11, 2)
    assert known["E3"].in_service_to == date(2025, 1, 31), "who left long ago keeps that day"
    assert (done.new, done.left) == (1, 1)
    again = refresh([listed(1), listed(7)], file, date(2026, 11, 9))
    assert employees(file)["E2"].in_service_to == date(2026, 11, 2)
    assert (again.new, again.left, again.changed) == (0, 0, 0)


def test_a_disabled_account_ends_and_one_that_comes_back_begins_again(file: Path) -> None:
    refresh([listed(1), listed(2, in_service=False), listed(3)], file, TODAY)
    assert (employees(file)["E2"].in_service_to, employees(file)["E3"].in_service_to) == (date(2026, 11, 2), None)
    refresh([listed(1), listed(2, in_service=False), listed(3)], file, date(2026, 12, 1))
    assert employees(file)["E2"].in_service_to == date(2026, 11, 2)


def test_two_accounts_of_one_number_are_one_person_and_the_one_in_use_speaks(file: Path) -> None:
    refresh([listed(1, emails="anna@x.nl", team="HR"), listed(1, in_service=False, emails="adm-anna@x.nl", team="Beheer"), listed(2)], file, TODAY)  # fmt: skip
    anna = employees(file)["E1"]
    assert (set(anna.emails), anna.team, anna.in_service_to) == ({"anna@x.nl", "adm-anna@x.nl"}, "HR", None)


def test_a_list_that_is_suddenly_short_is_taken_for_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "employees.csv"
    refresh([listed(number) for number in range(40)], file, TODAY)
    before = file.read_bytes()
    for few in ([listed(number) for number in range(20)], [], [listed(number, number < 20) for number in range(40)]):
        with pytest.raises(NeedsOperator, match="nothing was written"):
            refresh(few, file, TODAY)
        assert file.read_bytes() == before
    assert refresh([listed(number) for number in range(20)], file, TODAY, accept_fewer=True).left == 20


def test_a_first_pull_makes_the_file_readable_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "directory" / "employees.csv"
    assert refresh([listed(1, emails="anna@x.nl", team="HR", fte="0.8")], file, TODAY).new == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().splitlines() == ["employee_id,emails,team,fte", "E1,anna@x.nl,HR,0.8"]
    assert [each.name for each in file.parent.iterdir()] == ["employees.csv"]


def test_columns_that_cannot_be_read_again_never_take_the_place_of_what_can(file: Path) -> None:
    before = file.read_bytes()
    with pytest.raises(ConfigurationError, match="fte"):
        refresh([listed(1, fte="full time"), listed(2)], file, TODAY)
    assert file.read_bytes() == before
    assert [each.name for each in file.parent.iterdir()] == [file.name]
