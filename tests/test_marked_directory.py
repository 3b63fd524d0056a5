"""A directory service that tells all it knows of people: of what no column asks for, nothing is found in anything that is written.

Every text of an entry has a mark of its own. Addresses may stand in the directory's own file, which HR keeps, and nowhere else, for everything else holds keyed
references of them; all that a service knows besides (names, numbers, where somebody lives, a photo, who their manager is called) stands nowhere.
"""

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ldap_in_memory import InMemory
from marks import Marks, changed
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from unpacked import everything

from connectors.directories import EmployeeDirectory, connect, installed
from leerstroom import ledger, nightly
from leerstroom.lrs import running as running_lrs
from leerstroom.people.refreshing import Listed, refresh
from leerstroom.settings import Settings

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
DIRECTORY = "employees.csv"

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("marked-directory")]

Entry = dict[str, Any]


def of_entra(number: int) -> Entry:
    """A user as Microsoft Graph tells them to somebody who asks for every property, with the manager whole."""
    person = f"persong{number}"
    return {
        "id": f"0000000{number}-aaaa-4bbb-8ccc-000000000000",
        "userType": "Member",
        "accountEnabled": True,
        "employeeId": f"G{number}",
        "department": "Wijkzorg",
        "officeLocation": "Assen",
        "employeeHireDate": "2020-01-01T00:00:00Z",
        "mail": f"{person}@voorbeeldzorg.example",
        "userPrincipalName": f"{person}@zorg.onmicrosoft.example",
        "otherMails": [f"{person}@thuis.example"],
        "proxyAddresses": [f"SMTP:{person}@zorg.example", f"SIP:{person}@sip.example", f"X500:/o=Org/cn={person}"],
        "displayName": "Anouk de Vries", "givenName": "Anouk", "surname": "de Vries", "preferredName": "Noukie",
        "mailNickname": "anouk", "onPremisesSamAccountName": "avries", "onPremisesDistinguishedName": "CN=Anouk de Vries,OU=Zorg",
        "mobilePhone": "+31 6 12345678", "businessPhones": ["+31 592 123456"], "faxNumber": "+31 592 654321",
        "streetAddress": "Kerkstraat 1", "postalCode": "9401 AB", "city": "Woonplaats", "state": "Drenthe", "country": "Nederland",
        "jobTitle": "Wijkverpleegkundige", "aboutMe": "Ik houd van zeilen", "birthday": "Geboren in 1980", "ageGroup": "Adult",
        "imAddresses": [f"{person}@im.example"], "mySite": "https://sites.example/anouk", "photo": "data:image/png;base64,AnoukAnouk",
        "identities": [{"signInType": "emailAddress", "issuer": "organisatie", "issuerAssignedId": f"{person}@elders.example"}],
        "schools": ["Hogeschool Anouk"], "skills": ["verband"], "interests": ["zeilen"], "responsibilities": ["team Noord"],
        "passwordProfile": {"password": "geheim-wachtwoord"}, "companyName": "Voorbeeldzorg Holding",
        "manager": {"id": "00000001-aaaa-4bbb-8ccc-000000000000", "displayName": "Bram de Baas", "mail": "bram@voorbeeldzorg.example", "mobilePhone": "+31 6 87654321"},
    }  # fmt: skip


def of_scim(number: int) -> Entry:
    """A user with all that RFC 7643 knows of one."""
    person = f"persons{number}"
    return {
        "id": f"scim-{number}",
        "active": True,
        "timezone": "Europe/Amsterdam",
        "userName": f"{person}@zorg.example",
        "emails": [{"value": f"{person}@voorbeeldzorg.example", "type": "work", "primary": True, "display": "Anouk thuis"}],
        "name": {"formatted": "Anouk de Vries", "familyName": "de Vries", "givenName": "Anouk", "middleName": "Maria", "honorificPrefix": "mevrouw"},
        "displayName": "Anouk de Vries", "nickName": "Noukie", "title": "Wijkverpleegkundige", "profileUrl": "https://sites.example/anouk",
        "password": "geheim-wachtwoord", "preferredLanguage": "nl", "locale": "nl-NL", "userType": "Medewerker",
        "phoneNumbers": [{"value": "tel:+31612345678", "type": "mobile"}], "ims": [{"value": "anouk-chat", "type": "xmpp"}],
        "photos": [{"value": "https://photos.example/anouk.png", "type": "photo"}],
        "addresses": [{"type": "work", "locality": "Assen", "primary": True, "streetAddress": "Kerkstraat 1", "postalCode": "9401 AB", "formatted": "Kerkstraat 1 Assen"}],
        "x509Certificates": [{"value": "MIIanouk"}], "groups": [{"value": "g1", "display": "Team van Bram"}], "entitlements": [{"value": "sleutel"}], "roles": [{"value": "zorgrol"}],
        "meta": {"location": "https://id.example/Users/anouk"},
        ENTERPRISE: {
            "employeeNumber": f"S{number}", "department": "Wijkzorg", "costCenter": "Kostenplaats Noord", "organization": "Voorbeeldzorg Holding",
            "manager": {"value": "scim-1", "displayName": "Bram de Baas", "$ref": "../Users/bram"},
        },
    }  # fmt: skip


def of_ldap(number: int) -> Entry:
    """An inetOrgPerson with what such entries hold besides, as Active Directory and OpenLDAP have them."""
    person = f"personl{number}"
    return {
        "objectClass": ["person", "inetOrgPerson"],
        "employeeNumber": f"L{number}", "department": "Wijkzorg", "physicalDeliveryOfficeName": "Assen", "userAccountControl": "512",
        "mail": f"{person}@voorbeeldzorg.example", "mailAlternateAddress": f"{person}@zorg.example", "userPrincipalName": f"{person}@corp.example",
        "proxyAddresses": [f"smtp:{person}@elders.example", f"SIP:{person}@sip.example"],
        "manager": "CN=Bram de Baas,OU=People,DC=example",
        "cn": "Anouk de Vries", "sn": "de Vries", "givenName": "Anouk", "displayName": "Anouk de Vries", "initials": "AdV", "uid": "avries", "sAMAccountName": "avries",
        "telephoneNumber": "+31 592 123456", "mobile": "+31 6 12345678", "homePhone": "+31 592 111111", "pager": "pieper", "facsimileTelephoneNumber": "fax",
        "street": "Kerkstraat 1", "postalAddress": "Kerkstraat 1 Assen", "homePostalAddress": "Thuisstraat 2", "postalCode": "9401 AB", "st": "Drenthe", "l": "Woonplaats",
        "title": "Wijkverpleegkundige", "description": "Werkt op dinsdag", "info": "afspraken met HR", "roomNumber": "kamer twaalf", "carLicense": "AB-12-CD",
        "userPassword": "geheim-wachtwoord", "jpegPhoto": "JFIF-anouk", "thumbnailPhoto": "klein-plaatje", "labeledURI": "https://sites.example/anouk", "secretary": "cn=Carla,dc=example",
    }  # fmt: skip


ENTRIES = {"graph": of_entra, "scim": of_scim, "ldap": of_ldap}
# What may be told of a person because a column of the directory says it; of a manager only who that is.
NAMED = {
    "graph": {"id", "userType", "employeeId", "department", "officeLocation", "employeeHireDate", "manager.id"},
    "scim": {"id", "timezone", "addresses.locality", f"{ENTERPRISE}.employeeNumber", f"{ENTERPRISE}.department", f"{ENTERPRISE}.manager.value"},
    "ldap": {"objectClass", "employeeNumber", "department", "physicalDeliveryOfficeName", "userAccountControl"},
}  # fmt: skip
ADDRESSES = {
    "graph": {"mail", "userPrincipalName", "otherMails", "proxyAddresses smtp"},
    "scim": {"userName", "emails.value"},
    "ldap": {"mail", "mailAlternateAddress", "userPrincipalName", "proxyAddresses smtp"},
}


@dataclass(frozen=True)
class Told:
    """What the services told in a night, and what came of it."""

    folder: Path
    marks: Marks
    log: str
    returned: str

    def places(self, text: str) -> set[str]:
        """The fields whose texts are found, with their service before them."""
        return {".".join(place) for mark in self.marks.found(text) for place in self.marks.places[mark]}


@pytest.fixture
def told(tmp_path: Path, serve: Any, caplog: pytest.LogCaptureFixture) -> Iterator[Told]:
    """The people of all services brought into one directory, and then a night of theirs."""
    caplog.set_level(logging.DEBUG)
    given, returned, people = Marks(apart=True), [], list[Listed]()
    with running_lrs(database=f"sqlite:///{tmp_path}/lrs.sqlite", key="k", secret="a secret of the test") as lrs:
        for service in ENTRIES:
            entries = [changed(ENTRIES[service](number), partial(marked, given, service)) for number in range(1, 4)]
            file = tmp_path / "leerstroom.yaml"
            file.write_text(
                json.dumps({
                    "organisation": {"name": "Voorbeeldzorg", "home_page": "https://people.voorbeeldzorg.example"},
                    "data": "data",
                    "directory": {"employees": DIRECTORY, **fields(service, entries, serve)},
                    "lrs": {"endpoint": lrs.endpoint, "key": lrs.key, "secret": lrs.secret},
                    "hr": {"out": "hr", "language": "en"},
                    "pseudonym_key": "a pseudonym key for the tests only",
                    "connections": {"report": {"source": "selfreport", "files": "told.csv"}},
                })
            )
            settings = Settings.load(file)
            if service == "ldap":
                directory: EmployeeDirectory = InMemory.of({each["cn"]: each for each in entries})
            else:
                returned.append(nightly.refresh_directory(settings, f"marked {service}", accept_fewer=True))
                directory = connect(service, settings.directory.fields)
            pulled = directory.pull()
            people += pulled.people
            returned.append(pulled.left_out)
        returned.append(refresh(people, tmp_path / DIRECTORY, ledger.now().date(), accept_fewer=True))
        assert {each.employee_id[0] for each in people} == {"G", "S", "L"}
        with (tmp_path / "told.csv").open("w") as stream:
            stream.write("E-mail;Datum activiteit;Soort activiteit;Aantal uur\n")
            for line in (tmp_path / DIRECTORY).read_text().splitlines()[1:]:
                stream.write(f"{line.split(',')[1].split(';')[0]};02-11-2026;Congres;4\n")
        night = nightly.run(settings, datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 9, tzinfo=UTC))
        yield Told(tmp_path, given, caplog.text, repr([*returned, night]))


def marked(given: Marks, service: str, place: tuple[str, ...], text: str) -> str:
    """The text with a mark of its own, unless a column of the directory asks for the field; of an address behind the name of its protocol."""
    if ".".join(place) in NAMED[service]:
        return text
    protocol, colon, rest = text.partition(":")
    if place[-1] == "proxyAddresses" and colon:
        return f"{protocol}:{given.put((service, f'{place[-1]} {protocol.lower()}'), rest)}"
    return given.put((service, *place), text)


def fields(service: str, entries: list[Entry], serve: Any) -> dict[str, Any]:
    """The settings of the directory, with a server that tells all it knows, whatever is asked for."""
    if service == "ldap":
        return {}

    async def users(_: Request) -> JSONResponse:
        return JSONResponse({"value": entries, "totalResults": len(entries), "Resources": entries})

    async def token(_: Request) -> JSONResponse:
        return JSONResponse({"access_token": "t", "expires_in": 3600})

    routes = [Route("/users", users), Route("/Users", users), Route("/{tenant}/oauth2/v2.0/token", token, methods=["POST"])]  # fmt: skip
    url = serve(Starlette(routes=routes))
    if service == "scim":
        return {"source": service, "host": url, "token": "t"}
    return {"source": service, "tenant_id": "t", "client_id": "c", "client_secret": "s", "host": url, "oauth_host": url}


def test_every_directory_service_has_an_entry_here_that_fills_what_it_may() -> None:
    assert set(installed()) == set(ENTRIES)
    for name, entry in installed().items():
        directory: type[EmployeeDirectory] = entry.load()
        attributes = {each for spec in directory.columns.values() for each in spec.split()}
        tops = {each.split(".")[0] for each in attributes} & set(ENTRIES[name](1))
        told = (
            NAMED[name] | ADDRESSES[name] | {"manager", "externalId", "l"}
        )  # the last fills nothing where an earlier one does
        assert tops <= {re.split("[. ]", each)[0] for each in told}


@pytest.mark.slow
def test_of_a_directory_entry_only_what_a_column_asks_for_is_found_anywhere(told: Told) -> None:
    written = dict(everything(told.folder, "leerstroom.yaml", "told.csv"))
    assert {".zst", ".parquet", ".sqlite", ".json", ".html"} <= {Path(name).suffix for name in written}
    assert len(list((told.folder / "my-learning").glob("*.html"))) >= 9, "else nothing of them was written"
    found = {name: told.places(data.decode("utf-8", "replace")) for name, data in written.items()}
    addresses = {f"{service}.{each}" for service, names in ADDRESSES.items() for each in names}
    assert found.pop(DIRECTORY) == addresses
    assert {name: places for name, places in found.items() if places} == {}
    assert told.places(told.log) == set()
    assert told.places(told.returned) == set()
