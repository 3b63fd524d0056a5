"""The users of a Microsoft 365 tenant out of one file, as Graph v1.0 lists them.

```
entra.json   {"tenant_id", "client_id", "client_secret", "users": [{…, "_manager": id, "_since", "_until"}]}
```
As at the vendor only what is selected is shown, a manager only when expanded, and a page holds at most 999 (here: 7).
"""

from pathlib import Path

import orjson
from starlette.requests import Request
from starlette.responses import Response

from leerstroom.replay.graph import Tenant, error
from leerstroom.replay.world import Platform, World


class Users(Tenant):
    """The tenant's users."""

    page = 7

    def answer(self, request: Request, parts: list[str]) -> Response:
        """One request."""
        if parts != ["users"]:
            return error(404, "Request_ResourceNotFound")
        query = request.query_params
        if not query.get("$skiptoken"):  # a token stands for the question that it was given for
            self._selected = [name for name in query.get("$select", "").split(",") if name]
            self._expanded = "manager" in query.get("$expand", "")
        there = [each for each in self.data["users"] if not each.get("_until") or not self.is_past(each["_until"])]
        rows = []
        for user, hidden in zip(self.seen(there), there, strict=False):
            row = {name: user.get(name) for name in self._selected or ("id", "displayName", "mail")}
            if self._expanded and hidden.get("_manager"):
                row["manager"] = {"@odata.type": "#microsoft.graph.user", "id": hidden["_manager"]}
            rows.append(row)
        return self.listed(request, rows)


def platform(folder: Path, world: World) -> Platform:
    """The tenant that lies in `folder`, below `/v1.0`; OAuth at `/<tenant id>/oauth2/v2.0/token`."""
    return Users(orjson.loads((folder / "entra.json").read_bytes()), world).platform()
