"""SCIM 2.0: the users of an identity provider or HR system that speaks RFC 7643 and 7644.

API         GET /Users with startIndex and count; a server may give fewer than asked for, the list ends at totalResults
Permission  a bearer token that reads users
People      those with an employee number of the enterprise extension, else an external id; who is not active is out of service
Columns     core and enterprise attributes; `enterprise` stands for the name of the extension
Not seen    what the service does not provision: contract hours, leave, ids on learning platforms (name their attributes under columns)
Verified    from the specifications
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from connectors.directories.directory import COLUMNS, EmployeeDirectory
from connectors.http import Api
from connectors.paging import by_offset
from connectors.source import BearerToken, Setting
from leerstroom.errors import UnexpectedShape

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_COUNT = 100


class ScimDirectory(EmployeeDirectory):
    """The users of a SCIM service."""

    name: ClassVar[str] = "scim"
    title: ClassVar[str] = "SCIM 2.0"
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("host", "Service", kind="url", help="address above /Users, such as https://id.example.org/scim/v2"),
        Setting("token", "Bearer token", secret=True),
        Setting("filter", "Filter", required=False, help='such as userType eq "Employee"'),
        COLUMNS,
    )
    columns: ClassVar[Mapping[str, str]] = {
        "employee_id": "enterprise.employeeNumber externalId",
        "emails": "emails userName",
        "team": "enterprise.department enterprise.division",
        "manager": "enterprise.manager.value enterprise.manager.managerId",
        "location": "addresses",
        "time_zone": "timezone",
    }

    def accounts(self) -> Iterator[Mapping[str, Any]]:
        """All users, page after page; those that come twice because the list moved meanwhile, once."""
        seen: set[str] = set()
        with self._api() as api:

            def page(start: int) -> tuple[list[Any], int | None]:
                body = api.get("/Users", self._query(start, _COUNT)).body
                found = body.get("Resources", []) if isinstance(body, dict) and "totalResults" in body else None
                if not isinstance(found, list):
                    raise UnexpectedShape("directory: the answer of /Users is no list of SCIM 2.0; check the host")
                return found, int(body["totalResults"])

            for rows in by_offset(page, first=1, where="directory at /Users"):
                for row in rows:
                    if isinstance(row, dict) and str(row.get("id")) not in seen:
                        seen.add(str(row.get("id")))
                        yield _plain(row)

    def _query(self, start: int, count: int) -> dict[str, Any]:
        wanted = self.connection.get("filter")
        return {"startIndex": start, "count": count, **({"filter": str(wanted)} if wanted else {})}

    def _api(self) -> Api:
        fields = self.connection
        return Api(
            str(fields["host"]),
            connection="directory",
            auth=BearerToken(str(fields["token"])),
            headers={"Accept": "application/scim+json, application/json"},
            verify=fields.get("verify_tls", True),
        )

    def reference(self, account: Mapping[str, Any]) -> str:
        """The service's own id."""
        return str(account.get("id"))

    def is_active(self, account: Mapping[str, Any]) -> bool:
        """Users that are not active have left."""
        return str(account.get("active", True)).lower() != "false"

    def check(self) -> str:
        """Asks for one user."""
        with self._api() as api:
            body = api.get("/Users", self._query(1, 1)).body
        if not isinstance(body, dict) or "totalResults" not in body:
            raise UnexpectedShape("directory: the answer of /Users is no list of SCIM 2.0; check the host")
        return f"the token is accepted, {body['totalResults']} users"


def _plain(user: Mapping[str, Any]) -> dict[str, Any]:
    """The user with the enterprise extension under a short name, and with several addresses or places as plain values, the primary one first."""
    return {
        **user,
        "enterprise": user.get(ENTERPRISE) or {},
        "emails": [each.get("value") for each in _primary_first(user.get("emails"))],
        "addresses": [each.get("locality") for each in _primary_first(user.get("addresses"))],
    }


def _primary_first(values: Any) -> list[Mapping[str, Any]]:
    """A service may send one value where several are meant."""
    told = values if isinstance(values, list) else [values]
    return sorted(
        (each for each in told if isinstance(each, Mapping)), key=lambda each: each.get("primary") is not True
    )
