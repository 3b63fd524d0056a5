"""Google Workspace, as everything of Google's that we read needs it: a service account that acts for people, lists with page tokens, quotas.

It knows no product. Ids of people are the same in all products and in the Admin SDK: `users/123` is 123 everywhere here.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import requests

from connectors.http import Api, error_code
from connectors.oauth import ServiceAccount
from connectors.paging import by_cursor
from connectors.source import Connection, Setting
from leerstroom.errors import UnexpectedShape

ACCOUNT = (
    Setting("client_email", "Service account", help="its address, client_email of the key file"),
    Setting("private_key", "Private key", secret=True, help="private_key of the key file"),
)
OAUTH = Setting("oauth_host", "OAuth", default="https://oauth2.googleapis.com", kind="url", required=False)
_QUOTA_REASONS = frozenset({"dailyLimitExceeded", "quotaExceeded"})


class Delegation(requests.auth.AuthBase):
    """A service account with domain-wide delegation: it acts for `subject`, or as itself where that is empty."""

    def __init__(self, connection: Connection, scope: str, subject: str = "") -> None:
        self.subject = subject
        self._connection, self._scope = connection, scope
        self._accounts: dict[str, ServiceAccount] = {}

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Adds the header with a token for whom it acts."""
        fields = self._connection
        if self.subject not in self._accounts:
            self._accounts[self.subject] = ServiceAccount(
                f"{str(fields['oauth_host']).rstrip('/')}/token",
                str(fields["client_email"]),
                str(fields["private_key"]),
                connection=fields.name,
                scope=self._scope,
                subject=self.subject,
                verify=fields.get("verify_tls", True),
            )
        return self._accounts[self.subject](request)


def rows(api: Api, path: str, items: str, query: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
    """All rows of a list. An empty list is an object without the list. Raises CursorRepeated, and UnexpectedShape for what is no list."""
    where = f"connection '{api.connection}' at a list of {items}"

    def page(token: str | None) -> tuple[list[dict[str, Any]], str | None]:
        body = api.get(path, {**(query or {}), "pageToken": token} if token else query).body
        found = body.get(items, []) if isinstance(body, dict) else None
        if not isinstance(found, list):
            raise UnexpectedShape(f"{where}: the answer is no list; the API has changed or the host is wrong")
        return found, body.get("nextPageToken") or None

    for each in by_cursor(page, where=where):
        yield from (row for row in each if isinstance(row, dict))


def quota(status: int, body: Any) -> bool:
    """Whether a refusal means that a daily quota is spent; what is asked too fast is 429 as well, and passes."""
    told = body.get("error") if isinstance(body, dict) else None
    details = told.get("errors") if isinstance(told, dict) else None
    reasons = {each.get("reason") for each in details or () if isinstance(each, dict)}
    per_day = error_code(body) == "RESOURCE_EXHAUSTED" and "per day" in str(told).lower()
    return status in {403, 429} and (per_day or not _QUOTA_REASONS.isdisjoint(reasons))


def user_id(name: Any) -> str | None:
    """The id in `users/123`; None for what names nobody."""
    told = str(name or "").removeprefix("users/")
    return told or None
