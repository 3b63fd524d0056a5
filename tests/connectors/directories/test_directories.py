"""Directory services: users of Microsoft Entra and of SCIM over real HTTP, entries of LDAP in memory, and the columns that they fill."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from ldap_in_memory import InMemory
from source_contract import RECORDINGS

from connectors.directories import EmployeeDirectory, connect, installed
from leerstroom.errors import ConfigurationError, CredentialsRefused, CursorRepeated, RateLimited, UnexpectedShape
from leerstroom.people.refreshing import Listed
from leerstroom.replay import Fault, Running, running

TENANT = json.loads((RECORDINGS / "entra" / "entra.json").read_text())["tenant_id"]
NOVEMBER, LATER = (datetime(2026, 11, day, tzinfo=UTC) for day in (3, 24))


@pytest.fixture
def server() -> Iterator[Running]:
    with running(RECORDINGS, only=("entra", "scim"), clock=NOVEMBER) as started:
        yield started


def entra(server: Running, **more: Any) -> EmployeeDirectory:
    url = f"{server.url}/entra"
    return connect("graph", {"tenant_id": TENANT, "client_id": "leerstroom", "client_secret": "a-secret-of-the-tests", "host": f"{url}/v1.0", "oauth_host": url, **more})  # fmt: skip


def scim(server: Running, **more: Any) -> EmployeeDirectory:
    return connect("scim", {"host": f"{server.url}/scim", "token": "a-token-of-the-tests", **more})


def people(directory: EmployeeDirectory) -> dict[str, Listed]:
    return {each.employee_id: each for each in directory.pull().people}


# --- Microsoft Entra ------------------------------------------------------------------------------------------------------------------


def test_all_pages_of_users_are_read_with_managers_by_their_number(server: Running) -> None:
    pulled = entra(server).pull()
    assert len(pulled.people) == 12
    assert pulled.left_out == {"guest": 1, "account without an employee number": 1}
    bas = next(each for each in pulled.people if each.employee_id == "10001")
    number = bas.columns["id_teams"]
    assert bas == Listed(
        "10001",
        {
            "emails": "bas.de.groot@voorbeeldzorg.example;bas.de.groot@voorbeeldzorg.onmicrosoft.example;bas@zorg.example",
            "id_teams": number,
            "id_teamschat": number,
            "team": "Wijkzorg",
            "location": "Hoofdkantoor",
            "in_service_from": "2011-03-01",
            "manager": "10000",
        },
    )  # fmt: skip


def test_a_disabled_account_is_out_of_service_and_a_year_one_is_no_date(server: Running) -> None:
    assert people(entra(server))["10008"].in_service is False
    server.world.until = LATER
    late = people(entra(server))
    assert "10010" not in late
    assert late["10011"].columns["in_service_from"] == ""


def test_no_room_guest_or_other_protocol_becomes_an_address(server: Running) -> None:
    told = json.dumps([each.columns for each in entra(server).pull().people])
    assert "SIP:" not in told
    assert "X500" not in told
    assert "iris" not in told
    assert "overlegruimte" not in told


def test_columns_may_name_other_attributes(server: Running) -> None:
    listed = people(entra(server, columns={"team": "officeLocation", "id_moodle": "mail", "fte": "extensionAttribute1"}))  # fmt: skip
    assert (listed["10001"].columns["team"], listed["10001"].columns["id_moodle"], listed["10001"].columns["fte"]) == ("Hoofdkantoor", "bas.de.groot@voorbeeldzorg.example", "")  # fmt: skip


def test_refusals_and_limits_are_told_without_a_secret(server: Running) -> None:
    with pytest.raises(CredentialsRefused) as caught:
        entra(server, client_secret="not the secret").pull()
    assert "not the secret" not in str(caught.value)
    server.faults.waiting[:] = [Fault("forbidden", path="/users", times=9)]
    with pytest.raises(CredentialsRefused, match="403"):
        entra(server).pull()
    server.faults.waiting[:] = [Fault("too_many", path="/users", times=9, seconds=86_400)]
    with pytest.raises(RateLimited):
        entra(server).pull()
    server.faults.waiting[:] = [Fault("stuck", path="/users")]
    with pytest.raises(CursorRepeated):
        entra(server).pull()


def test_the_checks_say_one_line(server: Running) -> None:
    assert entra(server).check() == "the token is accepted, users are shown"
    assert scim(server).check() == "the token is accepted, 13 users"


# --- SCIM -------------------------------------------------------------------------------------------------------------------------------


def test_a_server_that_gives_fewer_than_asked_for_is_read_to_its_total(server: Running) -> None:
    pulled = scim(server).pull()
    assert len(pulled.people) == 12
    assert pulled.left_out == {"account without an employee number": 1}
    assert len([path for _, _, path in server.faults.asked if path.endswith("/Users")]) == 3
    assert {each.employee_id for each in pulled.people if not each.in_service} == {"10008"}


def test_enterprise_attributes_fill_the_columns_and_the_primary_address_comes_first(server: Running) -> None:
    listed = people(scim(server))
    assert listed["10001"].columns == {
        "emails": "bas.de.groot@voorbeeldzorg.example;bas@zorg.example",
        "team": "Wijkzorg",
        "location": "Assen",
        "time_zone": "Europe/Amsterdam",
        "manager": "10000",
    }
    assert listed["10009"].columns["emails"] == "jan.jansen@voorbeeldzorg.example", "one value where several are meant"


def test_a_filter_goes_to_the_service_and_a_wrong_token_is_told(server: Running) -> None:
    assert list(people(scim(server, filter="active eq false"))) == ["10008"]
    with pytest.raises(CredentialsRefused):
        scim(server, token="another").pull()
    with pytest.raises(UnexpectedShape):
        scim(server, filter="title pr").pull()


def test_what_is_no_list_of_scim_is_told(serve: Any) -> None:
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def answer(_: Any) -> JSONResponse:
        return JSONResponse({"users": []})

    with pytest.raises(UnexpectedShape, match=r"no list of SCIM 2\.0"):
        connect("scim", {"host": serve(Starlette(routes=[Route("/Users", answer)])), "token": "t"}).pull()


# --- LDAP in memory ---------------------------------------------------------------------------------------------------------------------


def active_directory(**entries: dict[str, Any]) -> InMemory:
    told = {name: {"objectClass": ["person", "user"], **attributes} for name, attributes in entries.items()}
    return InMemory.of(told, filter="(objectClass=user)")


def test_active_directory_tells_number_team_aliases_and_who_is_disabled() -> None:
    directory = active_directory(
        anna={
            "employeeID": "1",
            "userPrincipalName": "anna@corp.example",
            "proxyAddresses": ["SMTP:a.jansen@x.nl", "smtp:anna@x.nl", "x500:/o=x"],
            "department": "HR",
            "userAccountControl": "512",
        },
        bram={
            "employeeID": "2",
            "mail": "bram@x.nl",
            "manager": "CN=Anna, OU=People,DC=example",
            "userAccountControl": "514",
        },
        printer={"mail": "printer@x.nl"},
    )
    pulled = directory.pull()
    assert pulled.left_out == {"account without an employee number": 1}
    anna, bram = sorted(pulled.people, key=lambda each: each.employee_id)
    assert (anna.columns["emails"], anna.columns["team"], anna.in_service) == ("a.jansen@x.nl;anna@x.nl;anna@corp.example", "HR", True)  # fmt: skip
    assert (bram.columns["manager"], bram.in_service) == ("1", False)


# --- all of them -----------------------------------------------------------------------------------------------------------------------


def test_settings_are_checked_all_at_once() -> None:
    assert list(installed()) == ["graph", "ldap", "scim"]
    with pytest.raises(ConfigurationError) as caught:
        connect("ldap", {"page_size": "many", "bas": "x"})
    assert all(word in str(caught.value) for word in ("host", "base", "page_size", "'bas'"))
    with pytest.raises(ConfigurationError, match="no source 'exchange'"):
        connect("exchange", {})
    with pytest.raises(ConfigurationError, match="not shoe_size"):
        connect("scim", {"host": "https://x.example", "token": "t", "columns": {"shoe_size": "x"}})


@pytest.mark.parametrize("name", ["graph", "ldap", "scim"])
def test_a_directory_says_what_it_reads_and_how_that_was_verified(name: str) -> None:
    import inspect

    told = inspect.getdoc(inspect.getmodule(installed()[name].load())) or ""
    for line in ("API", "Permission", "People", "Columns", "Not seen", "Verified"):
        assert f"\n{line} " in told
