"""The directory as people write it, references that reveal nothing, and resolution that never guesses."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leerstroom.errors import BadRecord, ConfigurationError
from leerstroom.people import Directory, Employee, ExcludedAccount, People, Pseudonyms

KEY = Pseudonyms("0123456789abcdef-key")


def write(folder: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def test_a_directory_as_dutch_excel_writes_it(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "employees.csv",
        "employee_id;emails;team;fte;in_service_from;id_moodle\r\nE1;anna@x.nl;HR;0,8;2024-01-01;3\r\nE2;b@x.nl;ICT;;;\r\n",
        "utf-8-sig",
    )
    first, second = Directory.read(path).employees
    assert first == Employee(
        "E1", ("anna@x.nl",), (("moodle", "3"),), team="HR", fte=0.8, in_service_from=date(2024, 1, 1)
    )
    assert second.fte == 1.0


def test_every_column_of_addresses_may_hold_several(tmp_path: Path) -> None:
    path = write(
        tmp_path, "e.csv", "employee_id,mbox,aliases\nE1,mailto:anna@x.nl; a.smit@x.nl,anna@old.nl;anna@x.nl\n"
    )
    assert Directory.read(path).employees[0].emails == ("anna@x.nl", "a.smit@x.nl", "anna@old.nl")
    excluded = write(tmp_path, "x.csv", "mbox,kind\nrobot@x.nl;mailto:room@x.nl,system\n")
    assert Directory.read(path, excluded=excluded).excluded_accounts == [
        ("email", "robot@x.nl"),
        ("email", "room@x.nl"),
    ]


def test_all_faults_of_a_directory_are_told_at_once(tmp_path: Path) -> None:
    path = write(
        tmp_path, "employees.csv", "employee_id,fte,in_service_from\nE1,x,\n,1,\nE2,1,01-01-2024\nE3,1,\nE3,1,\n"
    )
    with pytest.raises(ConfigurationError) as caught:
        Directory.read(path)
    for part in ("line 2", "line 3", "line 4", "line 6"):
        assert part in str(caught.value)


def test_a_missing_directory_says_which_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.csv"):
        Directory.read(tmp_path / "nowhere.csv")


def test_leave_and_exclusions_are_read(tmp_path: Path) -> None:
    directory = Directory.read(
        write(tmp_path, "e.csv", "employee_id\nE1\n"),
        write(tmp_path, "l.csv", "employee_id,date,kind\nE1,2026-11-03,holiday\n"),
        write(tmp_path, "x.csv", "mbox,kind,id_matrix\nmailto:robot@x.nl,system,@robot:x\n"),
    )
    assert directory.leave == [("E1", date(2026, 11, 3))]
    assert directory.excluded_accounts == [("email", "robot@x.nl"), ("matrix", "@robot:x")]


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="LEERSTROOM_PSEUDONYM_KEY"):
        Pseudonyms("short")


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_reference_is_short_url_safe_and_says_nothing(tenant: str, account: str) -> None:
    reference = KEY.account(tenant, account)
    assert len(reference) == 26
    assert reference.isalnum()
    assert reference != KEY.hr(account) != KEY.email(account)


def test_references_differ_by_key_kind_and_tenant() -> None:
    other = Pseudonyms("another key of enough bytes")
    assert (
        len({
            KEY.account("a", "x"),
            KEY.account("b", "x"),
            KEY.hr("x"),
            KEY.email("x"),
            KEY.actor("x"),
            other.actor("x"),
            other.hr("x"),
        })
        == 7
    )


def test_an_e_mail_address_matches_whatever_its_case() -> None:
    assert KEY.email(" Anna@X.nl") == KEY.email("anna@x.NL ")


@pytest.fixture
def people() -> People:
    directory = Directory(
        [
            Employee("E1", emails=("anna@x.nl", "a.jansen@x.nl")),
            Employee("E2", platform_ids=(("zoom", "z2"), ("webinars", "w2"), ("moodle", "z9"))),
        ],
        excluded_accounts=[("email", "room@x.nl")],
    )
    return People(
        KEY,
        tenant="https://zoom.example",
        source="zoom",
        connection="webinars",
        directory=directory,
        home_page="https://o.example",
    )


def account(name: str) -> str:
    return KEY.account("https://zoom.example", name)


def test_platform_id_before_hr_id_before_e_mail(people: People) -> None:
    assert people.known(account("z2"), hr=KEY.hr("E1"), email=KEY.email("anna@x.nl")) == KEY.actor("E2")
    assert people.known(account("?"), hr=KEY.hr("E2"), email=KEY.email("anna@x.nl")) == KEY.actor("E2")
    assert people.known(account("?"), email=KEY.email("A.Jansen@x.nl")) == KEY.actor("E1")


def test_an_id_of_another_platform_does_not_resolve(people: People) -> None:
    assert people.known(account("z9")) is None


def test_the_connections_own_id_column_resolves(people: People) -> None:
    assert people.known(account("w2")) == KEY.actor("E2")


def test_unresolved_people_keep_an_account_of_the_platform(people: People) -> None:
    assert people.actor(account("guest"))["account"] == {"homePage": "https://zoom.example", "name": account("guest")}


def test_a_room_device_is_excluded_by_its_address(people: People) -> None:
    with pytest.raises(ExcludedAccount):
        people.actor(account("any"), email=KEY.email("room@x.nl"))


def test_nobody_is_a_bad_record(people: People) -> None:
    with pytest.raises(BadRecord):
        people.actor(None)


def test_the_described_columns_are_those_that_are_read() -> None:
    from leerstroom.people.directory import _employee
    from leerstroom.schemas import read_yaml

    read: set[str] = set()

    class Row(dict):
        def get(self, name: str, default: str = "") -> str:
            read.add(name)
            return super().get(name, default)

    _employee(Row(employee_id="E1"))
    described = set(read_yaml("employee-directory.yaml")["columns"])
    assert described - {"id_NAME"} == read - {"email", "aliases"}


@given(st.binary(min_size=16, max_size=90), st.text(max_size=60))
def test_a_pseudonym_is_what_the_library_says(secret: bytes, text: str) -> None:
    import base64
    import hashlib
    import hmac

    edge = hmac.new(secret, b"leerstroom edge 1", hashlib.sha256).digest()
    message = f"account\x1fhttps://t.example\x1f{text}".encode("utf-8", "surrogatepass")
    digest = hmac.new(edge, message, hashlib.sha256).digest()[:16]
    assert (
        Pseudonyms(secret).account("https://t.example", text) == base64.b32encode(digest).decode().rstrip("=").lower()
    )


def test_another_name_of_the_same_account_resolves_and_excludes() -> None:
    pseudonyms = Pseudonyms("a key of sixteen bytes or more")
    tenant = "https://t.example"
    number, name, robot = (pseudonyms.account(tenant, each) for each in ("7", "anna", "robot"))
    directory = Directory([Employee("E1", platform_ids=(("x", "anna"),))], excluded_accounts=[("x", "robot")])
    people = People(pseudonyms, tenant=tenant, source="x", directory=directory)
    assert people.actor(number, also=name)["account"]["name"] == pseudonyms.actor("E1")
    assert people.actor(number)["account"]["name"] == number
    assert people.actor(None, also=number)["account"]["name"] == number
    with pytest.raises(ExcludedAccount):
        people.actor(number, also=robot)
