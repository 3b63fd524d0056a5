"""Writes entra.json and ../scim/scim.json: one small organisation in the shapes of Microsoft Graph and of SCIM 2.0. The people are invented.

python tests/recordings/entra/make.py
"""

import json
import random
import uuid
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TENANT = "5d1f0c6e-8a3b-4c1d-9e77-0a6d2f4b9c10"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
NAMES = ["Anouk Jansen", "Bas de Groot", "Carla Visser", "Daan Bakker", "Elif Yilmaz", "Femke Smit", "Gijs Mulder", "Hanna Bos", "Ivo Peters", "Jan Jansen", "Karin Dekker", "Lotte Vos"]  # fmt: skip
TEAMS = ["Wijkzorg", "Wijkzorg", "Wijkzorg", "ICT", "ICT", "HR"]


def made(*parts: object) -> str:
    return str(uuid.UUID(bytes=random.Random(repr(parts)).randbytes(16), version=4))


def address(name: str) -> str:
    return f"{name.lower().replace(' ', '.')}@voorbeeldzorg.example"


def entra(number: int, name: str, **more: Any) -> dict[str, Any]:
    mail = address(name)
    return {
        "id": made("user", name),
        "displayName": name,
        "mail": mail,
        "userPrincipalName": f"{mail.split('@')[0]}@voorbeeldzorg.onmicrosoft.example",
        "otherMails": [],
        "proxyAddresses": [
            f"SMTP:{mail}",
            f"smtp:{mail.split('.')[0]}@zorg.example",
            "SIP:" + mail,
            "X500:/o=Org/cn=x",
        ],
        "employeeId": f"{10000 + number}",
        "department": TEAMS[number % 6],
        "officeLocation": "Hoofdkantoor" if number % 2 else "Wijkpost Noord",
        "accountEnabled": True,
        "userType": "Member",
        "employeeHireDate": f"20{10 + number}-03-01T00:00:00Z",
        "_manager": made("user", NAMES[0]) if number else None,
        **more,
    }


def scim(number: int, name: str, **more: Any) -> dict[str, Any]:
    mail = address(name)
    manager = {"manager": {"value": made("scim", NAMES[0]), "displayName": NAMES[0]}} if number else {}
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "id": made("scim", name),
        "userName": mail,
        "name": {"formatted": name},
        "emails": [{"value": f"{mail.split('.')[0]}@zorg.example", "type": "home"}, {"value": mail, "type": "work", "primary": True}],
        "active": True,
        "timezone": "Europe/Amsterdam",
        "addresses": [{"type": "work", "locality": "Assen", "primary": True}],
        ENTERPRISE: {"employeeNumber": f"{10000 + number}", "department": TEAMS[number % 6], **manager},
        **more,
    }  # fmt: skip


def main() -> None:
    users = [entra(number, name) for number, name in enumerate(NAMES)]
    users[8] |= {"accountEnabled": False}
    users[10] |= {"_until": "2026-11-10T00:00:00+00:00"}
    users[11] |= {"_since": "2026-11-10T00:00:00+00:00", "employeeHireDate": "0001-01-01T00:00:00Z"}
    users += [
        entra(90, "Iris van Dalen", userType="Guest"),
        entra(91, "Overlegruimte 2", employeeId=None, accountEnabled=False, _manager=None),
        entra(3, "Daan Beheer", accountEnabled=True, department="Beheerders", proxyAddresses=[], _manager=None),
    ]
    data = {"tenant_id": TENANT, "client_id": "leerstroom", "client_secret": "a-secret-of-the-tests", "users": users}
    (HERE / "entra.json").write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    persons = [scim(number, name) for number, name in enumerate(NAMES)]
    persons[8] |= {"active": False}
    persons[9] |= {ENTERPRISE: {}, "externalId": "10009", "emails": {"value": address(NAMES[9]), "type": "work"}}
    persons += [scim(90, "Rooster Koppeling", externalId=None, **{ENTERPRISE: {}})]
    told = {"token": "a-token-of-the-tests", "users": persons}
    (HERE.parent / "scim" / "scim.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")  # fmt: skip


if __name__ == "__main__":
    main()
