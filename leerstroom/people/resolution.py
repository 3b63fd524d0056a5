"""Who stands behind a reference: platform id that the directory knows, then HR id, then verified e-mail; never a name.

Someone who cannot be resolved keeps the platform's own account, pseudonymised, and is *unresolved*.
"""

from collections.abc import Iterable
from typing import Any

from leerstroom.errors import BadRecord
from leerstroom.people.directory import Directory
from leerstroom.people.pseudonyms import Pseudonyms
from leerstroom.statements.validation import shared_agent

DEFAULT_HOME_PAGE = "https://people.leerstroom.example"
_MOST_AGENTS = 100_000  # that are remembered


class ExcludedAccount(Exception):
    """The reference is a robot, a room device or a shared account of the exclusion list."""


class People:
    """Resolves the references of one connection into xAPI actors.

    `source` and `connection` select the directory's `id_` columns, `tenant` is the platform's home page for accounts
    that stay unresolved, `home_page` that of the organisation, `erased` are references of people who were erased.
    """

    def __init__(
        self,
        pseudonyms: Pseudonyms,
        *,
        tenant: str,
        source: str = "",
        connection: str = "",
        directory: Directory | None = None,
        home_page: str = DEFAULT_HOME_PAGE,
        erased: Iterable[str] = (),
    ) -> None:
        self._home_page = home_page
        self._tenant = tenant
        self._by_account: dict[str, str] = {}
        self._by_hr: dict[str, str] = {}
        self._by_email: dict[str, str] = {}
        self._excluded: set[str] = set(erased)
        self._agents: dict[tuple[str | None, ...], dict[str, Any]] = {}
        names = {source, connection} - {""}
        for employee in directory.employees if directory else ():
            actor = pseudonyms.actor(employee.employee_id)
            self._by_hr[pseudonyms.hr(employee.employee_id)] = actor
            for name, account_id in employee.platform_ids:
                if name in names:
                    self._by_account[pseudonyms.account(tenant, account_id)] = actor
            for address in employee.emails:
                self._by_email[pseudonyms.email(address)] = actor
        for name, value in directory.excluded_accounts if directory else ():
            if name == "email":
                self._excluded.add(pseudonyms.email(value))
            elif name in names:
                self._excluded.add(pseudonyms.account(tenant, value))

    def actor(
        self, account: str | None = None, *, email: str | None = None, hr: str | None = None, also: str | None = None
    ) -> dict[str, Any]:
        """The Agent for references made at the edge; all statements about one person share it, so nobody may change it.

        `also` is another name of the same account, where a platform knows people by a number and by a name. Raises ExcludedAccount, and
        BadRecord when no reference is given.
        """
        references = (account, email, hr, also)
        agent = self._agents.get(references)
        if agent is None:
            if len(self._agents) >= _MOST_AGENTS:
                self._agents.clear()
            agent = self._agents[references] = shared_agent(self._agent(*references))
        return agent

    def _agent(self, account: str | None, email: str | None, hr: str | None, also: str | None) -> dict[str, Any]:
        if not self._excluded.isdisjoint((account, email, hr, also)):
            raise ExcludedAccount
        name = self.known(account, email=email, hr=hr) or (also and self._by_account.get(also))
        if name:
            return {"objectType": "Agent", "account": {"homePage": self._home_page, "name": name}}
        reference = account or hr or email or also
        if not reference:
            raise BadRecord("the record names no account, HR id or e-mail address")
        return {"objectType": "Agent", "account": {"homePage": self._tenant, "name": reference}}

    def known(self, account: str | None = None, *, email: str | None = None, hr: str | None = None) -> str | None:
        """Account name of the employee behind the references, or None when the directory does not know them."""
        return (
            (account and self._by_account.get(account))
            or (hr and self._by_hr.get(hr))
            or (email and self._by_email.get(email))
            or None
        )
