"""LDAP: the people of an OpenLDAP server, an Active Directory, or any other that speaks LDAP v3.

API         a search below a base, page by page (RFC 2696); TLS from the start (ldaps) or asked for (StartTLS)
Permission  a user who may read the attributes; no writing
People      entries with an employee number (employeeNumber, in Active Directory employeeID); an account that Active Directory disabled is out of service
Columns     inetOrgPerson and Active Directory; managers are named by their entry
Not seen    leave; contract hours, unless an attribute holds them (name it under columns)
Verified    against a real server (OpenLDAP)
"""

import ssl
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

from connectors.directories.directory import COLUMNS, EmployeeDirectory
from connectors.source import Setting
from leerstroom.errors import ConfigurationError, CredentialsRefused, LeerstroomError, UnexpectedShape, Unreachable

_DISABLED = 0x2  # of userAccountControl
_TIMEOUT_S = 60


class LdapDirectory(EmployeeDirectory):
    """The people below one base of an LDAP server."""

    name: ClassVar[str] = "ldap"
    title: ClassVar[str] = "LDAP, Active Directory"
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("host", "Server", kind="url", help="ldaps://ldap.example.org, or ldap:// with start_tls"),
        Setting("user", "Bind as", required=False, help="distinguished name, or name@domain in Active Directory; empty: anonymous"),
        Setting("password", "Password", secret=True, required=False),
        Setting("base", "Base", help="below which entry people are, such as ou=people,dc=example,dc=org"),
        Setting("filter", "Filter", default="(objectClass=person)", required=False, help="such as (&(objectClass=user)(objectCategory=person))"),
        Setting("start_tls", "StartTLS", default=True, kind="flag", required=False, help="for ldap://; false sends password and people in the clear"),
        Setting("page_size", "Entries a page", default=500, kind="number", required=False),
        COLUMNS,
    )  # fmt: skip
    columns: ClassVar[Mapping[str, str]] = {
        "employee_id": "employeeNumber employeeID",
        "emails": "mail mailAlternateAddress proxyAddresses userPrincipalName",
        "team": "department departmentNumber ou",
        "manager": "manager",
        "location": "physicalDeliveryOfficeName l",
    }

    def accounts(self) -> Iterator[Mapping[str, Any]]:
        """All entries that the filter finds, page after page; referrals to other servers are not followed."""
        from ldap3 import SUBTREE

        connection = self._connected()
        try:
            wanted = [*dict.fromkeys((*self.attributes(), "userAccountControl"))]
            with _sorted_errors():
                found = connection.extend.standard.paged_search(
                    str(self.connection["base"]),
                    str(self.connection["filter"]),
                    SUBTREE,
                    attributes=wanted,
                    paged_size=int(self.connection["page_size"]),
                    generator=True,
                )
                for entry in found:
                    if entry.get("type") == "searchResEntry":
                        told = entry["raw_attributes"]  # whatever case the server writes the names in
                        yield {"dn": entry["dn"], **{name: told[name] for name in wanted if name in told}}
        finally:
            connection.unbind()

    def _connected(self) -> Any:
        """A bound connection, in TLS unless it was said otherwise."""
        from ldap3 import NONE, SIMPLE, Connection, Server, Tls

        fields = self.connection
        parts = urlsplit(str(fields["host"]))
        if parts.scheme not in {"ldap", "ldaps"} or not parts.hostname:
            raise ConfigurationError("directory: host needs an address like ldaps://ldap.example.org")
        strict = fields.get("verify_tls", True)
        tls = Tls(validate=ssl.CERT_REQUIRED if strict else ssl.CERT_NONE)
        port = parts.port or (636 if parts.scheme == "ldaps" else 389)
        server = Server(parts.hostname, port, use_ssl=parts.scheme == "ldaps", tls=tls, get_info=NONE, connect_timeout=_TIMEOUT_S)  # fmt: skip
        user, password = fields.get("user"), fields.get("password")
        with _sorted_errors():
            made = Connection(
                server, str(user) if user else None, str(password) if password else None,
                authentication=SIMPLE if user else None, read_only=True, raise_exceptions=True, auto_referrals=False,
                receive_timeout=_TIMEOUT_S,
            )  # fmt: skip
            made.open()
            if parts.scheme == "ldap" and fields.get("start_tls", True):
                made.start_tls()
            made.bind()
        return made

    def reference(self, account: Mapping[str, Any]) -> str:
        """The entry's name, in the one form of all its spellings."""
        return self.manager(str(account["dn"]))

    def manager(self, value: str) -> str:
        """A distinguished name without case and without the spaces that may stand in it."""
        from ldap3.core.exceptions import LDAPInvalidDnError
        from ldap3.utils.dn import parse_dn

        try:
            return ",".join(f"{name}={part}".casefold() for name, part, _ in parse_dn(value, strip=True))
        except LDAPInvalidDnError:
            return value.casefold()

    def is_active(self, account: Mapping[str, Any]) -> bool:
        """Active Directory marks accounts that are disabled; others tell nothing."""
        told = account.get("userAccountControl") or [b"0"]
        text = told[0].decode() if isinstance(told[0], bytes) else str(told[0])
        return not (text.isdecimal() and int(text) & _DISABLED)

    def check(self) -> str:
        """Binds, and looks whether the base exists."""
        from ldap3 import BASE

        connection = self._connected()
        try:
            with _sorted_errors():
                connection.search(str(self.connection["base"]), "(objectClass=*)", BASE, attributes=["1.1"])
        finally:
            connection.unbind()
        return "the user is accepted and the base is there"


class _sorted_errors:  # noqa: N801 - reads like a function where it is used
    """Makes of the library's errors those of `leerstroom.errors`; what a server says may name people and is left out."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        from ldap3.core import exceptions as ldap

        if (
            error is None
            or isinstance(error, LeerstroomError | GeneratorExit)
            or not isinstance(error, ldap.LDAPException)
        ):
            return
        name = type(error).__name__
        refused = (ldap.LDAPBindError, ldap.LDAPInvalidCredentialsResult, ldap.LDAPInsufficientAccessRightsResult, ldap.LDAPStrongerAuthRequiredResult, ldap.LDAPInappropriateAuthenticationResult, ldap.LDAPConfidentialityRequiredResult)  # fmt: skip
        if isinstance(error, refused):
            raise CredentialsRefused(f"directory: the server refuses the user ({name}); check user and password, and whether it wants TLS") from None  # fmt: skip
        if isinstance(error, ldap.LDAPNoSuchObjectResult | ldap.LDAPInvalidFilterError | ldap.LDAPInvalidDNSyntaxResult | ldap.LDAPAttributeError | ldap.LDAPObjectClassError):  # fmt: skip
            raise ConfigurationError(f"directory: base, filter or columns do not fit this server ({name})") from None
        if isinstance(error, ldap.LDAPStartTLSError):
            raise Unreachable("directory: no TLS with this server (StartTLS); check its certificate and the host's name") from None  # fmt: skip
        if isinstance(error, ldap.LDAPCommunicationError | ldap.LDAPBusyResult | ldap.LDAPUnavailableResult | ldap.LDAPTimeLimitExceededResult):  # fmt: skip
            raise Unreachable(f"directory: no answer of the server ({name}); check host, network and certificate") from None  # fmt: skip
        raise UnexpectedShape(f"directory: the search fails ({name}); nothing of it was used") from None
