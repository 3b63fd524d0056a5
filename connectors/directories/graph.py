"""Microsoft Entra ID: the users of a tenant out of Microsoft Graph.

API         Graph v1.0: GET /users with manager, 999 a page
Permission  an app with User.Read.All; dates of leaving also need User-LifeCycleInfo.Read.All
People      members with an employee number (employeeId); guests, rooms and service accounts are left out. A disabled account is out of service
Columns     the object id fills id_teams and id_teamschat; mail, sign-in name and proxy addresses are e-mail addresses
Not seen    contract hours, leave
Verified    with payloads of the vendor's documentation
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from connectors import graph
from connectors.directories.directory import COLUMNS, EmployeeDirectory
from connectors.http import Api
from connectors.paging import dig
from connectors.source import Setting

_RELATIONS = frozenset({"manager"})


class GraphDirectory(EmployeeDirectory):
    """The users of a Microsoft 365 tenant."""

    name: ClassVar[str] = "graph"
    title: ClassVar[str] = "Microsoft Entra ID"
    settings: ClassVar[tuple[Setting, ...]] = (
        *graph.APP,
        Setting("filter", "Filter", required=False, help="of OData, such as startsWith(companyName,'Voorbeeld')"),
        COLUMNS,
        *graph.HOSTS,
    )
    columns: ClassVar[Mapping[str, str]] = {
        "employee_id": "employeeId",
        "emails": "mail userPrincipalName otherMails proxyAddresses",
        "id_teams": "id",
        "id_teamschat": "id",
        "team": "department",
        "manager": "manager.id",
        "location": "officeLocation",
        "in_service_from": "employeeHireDate",
    }

    def accounts(self) -> Iterator[Mapping[str, Any]]:
        """All users, page after page."""
        tops = dict.fromkeys(name.split(".")[0] for name in ("id", "userType", "accountEnabled", *self.attributes()))
        query = {
            "$select": ",".join(name for name in tops if name not in _RELATIONS),
            "$expand": "manager($select=id)",
            "$top": 999,
        }
        if wanted := self.connection.get("filter"):
            query["$filter"] = str(wanted)
        with self._api() as api:
            yield from graph.values(api, "/users", query)

    def _api(self) -> Api:
        fields = self.connection
        return Api(str(fields["host"]), connection="directory", auth=graph.token(fields), verify=fields.get("verify_tls", True))  # fmt: skip

    def reference(self, account: Mapping[str, Any]) -> str:
        """The object id."""
        return str(account.get("id"))

    def left_out(self, account: Mapping[str, Any]) -> str | None:
        """Guests are no employees, even those with a number."""
        return "guest" if account.get("userType") == "Guest" else None

    def is_active(self, account: Mapping[str, Any]) -> bool:
        """A disabled account is that of somebody who left."""
        return account.get("accountEnabled") is not False

    def check(self) -> str:
        """Gets a token and one user."""
        with self._api() as api:
            found = dig(api.get("/users", {"$top": 1, "$select": "id"}).body, "value")
        return f"the token is accepted, {'users are shown' if found else 'no user is shown'}"
