"""LDAP without a server: the library's own in memory, which gives every attribute that an entry has."""

from collections.abc import Mapping
from typing import Any

from connectors.directories.ldap import LdapDirectory
from connectors.source import Connection, checked

BASE = "dc=example"


class InMemory(LdapDirectory):
    """The directory over entries of memory instead of a server's."""

    entries: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, entries: Mapping[str, Mapping[str, Any]], **fields: str) -> "InMemory":
        """A server with these entries, by the name that each has below its base."""
        told = {"host": "ldaps://dc.example", "base": BASE, **fields}
        made = cls(checked(Connection("directory", "ldap", told), cls.settings))
        made.entries = {f"cn={name},ou=people,{BASE}": entry for name, entry in entries.items()}
        return made

    def _connected(self) -> Any:
        from ldap3 import MOCK_SYNC, NONE, Connection, Server

        made = Connection(Server("memory", get_info=NONE), client_strategy=MOCK_SYNC, raise_exceptions=True)
        for name, attributes in self.entries.items():
            made.strategy.add_entry(name, dict(attributes))
        made.bind()
        return made
