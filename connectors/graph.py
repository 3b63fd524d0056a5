"""Microsoft Graph, as everything of Microsoft's that we read needs it: an app's token, lists that name their next page, times in zones of Windows.

It knows no product. Users are Entra object ids everywhere in Graph, so one column of the directory serves all products of a tenant.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from connectors.http import Api
from connectors.oauth import ClientCredentials
from connectors.paging import by_link
from connectors.source import Connection, Setting
from leerstroom.errors import BadRecord
from leerstroom.statements import parse_time

APP = (
    Setting("tenant_id", "Directory (tenant) id", help="of the organisation in Microsoft Entra"),
    Setting("client_id", "Application (client) id"),
    Setting("client_secret", "Client secret", secret=True),
)
HOSTS = (
    Setting("host", "API", default="https://graph.microsoft.com/v1.0", kind="url", required=False, help="another one in a national cloud"),
    Setting("oauth_host", "OAuth", default="https://login.microsoftonline.com", kind="url", required=False),
)  # fmt: skip
NEXT = "@odata.nextLink"
is_object_id = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE).fullmatch
_LISTS = frozenset({
    "users", "onlineMeetings", "webinars", "townhalls", "sessions", "attendanceReports", "attendanceRecords", "registrations",
    "teams", "channels", "messages", "replies",
})  # fmt: skip
_FIRST_YEAR = 1990  # Graph writes 0001-01-01 where there is no time


def token(connection: Connection) -> ClientCredentials:
    """The app's own token: application permissions, no user."""
    fields = connection
    host, tenant = str(fields["oauth_host"]).rstrip("/"), quote(str(fields["tenant_id"]), safe="")
    return ClientCredentials(
        f"{host}/{tenant}/oauth2/v2.0/token",
        str(fields["client_id"]),
        str(fields["client_secret"]),
        connection=connection.name,
        in_body=True,
        scope="https://graph.microsoft.com/.default",
        verify=fields.get("verify_tls", True),
    )


def home_page(connection: Connection) -> str:
    """The organisation's directory as a home page of accounts, whatever address the API is reached by."""
    tenant = connection.get("tenant_id")
    default = f"https://teams.microsoft.com/tenants/{quote(str(tenant), safe='')}" if tenant else "https://teams.microsoft.com"  # fmt: skip
    return str(connection.get("tenant") or default).rstrip("/")


def values(api: Api, path: str, query: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
    """All rows of a list, page after page. Raises UnexpectedShape for what is no list."""
    for rows, _ in by_link(api, path, query, items="value", link=NEXT):
        yield from (row for row in rows if isinstance(row, dict))


def moment(value: Any) -> datetime | None:
    """A time of Graph, in UTC: a text (UTC where it names no zone) or `{dateTime, timeZone}` with a name of Windows or IANA.

    None for none. Raises BadRecord for what is no time, and for a zone that nobody knows.
    """
    told, zone = (value.get("dateTime"), value.get("timeZone")) if isinstance(value, Mapping) else (value, "UTC")
    if not told:
        return None
    if not isinstance(told, str):
        raise BadRecord("time is no text")
    # in UTC: two times of one zone subtract as clocks on a wall, an hour off in a night when they change
    found = parse_time(told, zone=_zone_name(str(zone or "UTC"))).astimezone(UTC)
    return found if found.year >= _FIRST_YEAR else None


def _zone_name(name: str) -> str:
    if name.upper() in {"UTC", "TZONE://MICROSOFT/UTC"}:
        return "UTC"
    # 0.3 s, and only some times name a zone of Windows. The table, not icalendar's look-up: that answers with what a calendar file
    # read earlier defined under the same name.
    from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

    return WINDOWS_TO_OLSON.get(name, name)


def named_in(address: Any) -> dict[str, str]:
    """Ids by the list they are of, out of an address or an `@odata.context`: `users('a')/onlineMeetings('b')` or `users/a/onlineMeetings/b`."""
    told = str(address or "")
    path = (told.partition("#")[2] or urlsplit(told).path).partition("?")[0]
    parts = [unquote(part) for part in re.sub(r"\('([^']*)'\)", r"/\1", path).strip("/").split("/")]
    return {name: value for name, value in pairwise(parts) if name in _LISTS and value not in _LISTS}
