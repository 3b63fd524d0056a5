"""LDAP against a real OpenLDAP: pages, managers, wrong passwords, TLS."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ldapserver import BASE, PASSWORD, READER, SLAPD, LdapServer, ldapserver

from connectors.directories import connect
from leerstroom.errors import ConfigurationError, CredentialsRefused, LeerstroomError, Unreachable

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(SLAPD is None, reason="OpenLDAP's slapd is not installed"),
]
NUMBER = 130  # more than the server gives in one answer


def _people() -> str:
    entries = []
    for number in range(NUMBER):
        lines = [
            f"dn: uid=u{number:03d},{BASE}",
            "objectClass: inetOrgPerson",
            f"uid: u{number:03d}",
            f"cn: Persoon {number}",
            "sn: Persoon",
            f"mail: u{number:03d}@voorbeeldzorg.example",
            f"departmentNumber: Team {number % 4}",
            "l: Assen",
        ]
        if number % 10 != 9:
            lines.append(f"employeeNumber: {20000 + number}")
        if number:
            lines.append(f"manager: UID=u000, OU=People, dc=voorbeeldzorg,dc=example")  # noqa: F541 - another spelling of the same name
        entries.append("\n".join(lines))
    return "\n\n".join(entries) + "\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LdapServer]:
    with ldapserver(tmp_path_factory.mktemp("slapd"), _people()) as started:
        yield started


def fields(server: LdapServer, **more: Any) -> dict[str, Any]:
    return {"host": server.url, "user": READER, "password": PASSWORD, "base": BASE, "start_tls": False, "page_size": 20, **more}  # fmt: skip


def test_all_pages_are_read_and_who_has_no_number_is_left_out(server: LdapServer) -> None:
    pulled = connect("ldap", fields(server)).pull()
    assert len(pulled.people) == NUMBER - 13
    assert pulled.left_out == {"account without an employee number": 13}
    people = {each.employee_id: each.columns for each in pulled.people}
    assert people["20003"] == {"emails": "u003@voorbeeldzorg.example", "team": "Team 3", "location": "Assen", "manager": "20000"}  # fmt: skip
    assert people["20000"]["manager"] == ""


def test_a_server_that_gives_no_more_than_its_limit_is_told_when_pages_are_too_large(server: LdapServer) -> None:
    with pytest.raises(LeerstroomError, match="nothing of it was used"):
        connect("ldap", fields(server, page_size=1000)).pull()


def test_columns_may_be_others(server: LdapServer) -> None:
    columns = {"id_moodle": "uid", "team": "l", "employee_id": "uid"}
    pulled = connect("ldap", fields(server, columns=columns)).pull()
    assert len(pulled.people) == NUMBER
    seven = next(each for each in pulled.people if each.employee_id == "u007")
    assert (seven.columns["id_moodle"], seven.columns["team"], seven.columns["manager"]) == ("u007", "Assen", "u000")


def test_the_check_binds_and_a_wrong_password_is_told_without_showing_it(server: LdapServer) -> None:
    assert connect("ldap", fields(server)).check() == "the user is accepted and the base is there"
    with pytest.raises(CredentialsRefused) as caught:
        connect("ldap", fields(server, password="not the password")).pull()
    assert "not the password" not in str(caught.value)
    assert "reader" not in str(caught.value)


def test_a_base_that_is_not_there_and_a_filter_that_is_none_are_told(server: LdapServer) -> None:
    for wrong in ({"base": "ou=nobody,dc=voorbeeldzorg,dc=example"}, {"filter": "(objectClass=person"}):
        with pytest.raises(ConfigurationError, match="base, filter or columns"):
            connect("ldap", fields(server, **wrong)).pull()


def test_anonymous_reading_finds_nothing_that_it_may_not_see(server: LdapServer) -> None:
    with pytest.raises(ConfigurationError):
        connect("ldap", fields(server, user="", password="")).pull()


@pytest.mark.parametrize("secure", [True, False])
def test_tls_is_checked_and_works_with_a_certificate_that_is_trusted(
    server: LdapServer, secure: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = fields(server, host=server.secure_url if secure else server.url, start_tls=True)
    with pytest.raises(Unreachable):
        connect("ldap", told).check()
    monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
    assert "accepted" in connect("ldap", told).check()
    assert len(connect("ldap", told).pull().people) == NUMBER - 13


def test_a_server_that_is_not_there_is_unreachable(server: LdapServer) -> None:
    with pytest.raises(Unreachable):
        connect("ldap", fields(server, host="ldap://127.0.0.1:9")).pull()


def test_what_is_no_address_of_a_server_is_told(server: LdapServer, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="ldaps://"):
        connect("ldap", fields(server, host="https://ldap.example.org")).check()
