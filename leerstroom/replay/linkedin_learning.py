"""An organisation's LinkedIn Learning out of one file: OAuth, and activity reports by person and content with windows that sum.

```
linkedin_learning.json   {"client_id", "client_secret", "rows": [{"_day": day of Los Angeles, "_since": when LinkedIn knows it, "learnerDetails", "contentDetails", "activities"}]}
```
Rows are in the vendor's shape; a window's figures are the sums of its days. As at the vendor the next page is named even on the last one, more than 14 days
are an error 500, and the data are complete until the last minute of a day (`latestDataAt`), some hours after it ended.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from leerstroom.replay.world import Platform, World

_ZONE = ZoneInfo("America/Los_Angeles")
_LAG = timedelta(hours=8)
_MOST_DAYS = 14

Row = dict[str, Any]


class Organisation:
    """The served organisation and its state: access tokens that it handed out."""

    def __init__(self, folder: Path, world: World) -> None:
        self._data: dict[str, Any] = orjson.loads((folder / "linkedin_learning.json").read_bytes())
        self._world = world
        self._tokens: set[str] = set()

    async def token(self, request: Request) -> Response:
        """Two-legged OAuth: id and secret as fields of a form."""
        form = await request.form()
        wanted = ("client_credentials", self._data["client_id"], self._data["client_secret"])
        if (form.get("grant_type"), form.get("client_id"), form.get("client_secret")) != wanted:
            return JSONResponse({"error": "invalid_client", "error_description": "Client authentication failed"}, 401)
        made = secrets.token_urlsafe(16)
        self._tokens.add(made)
        return JSONResponse({"access_token": made, "expires_in": 7_776_000})

    async def reports(self, request: Request) -> Response:
        """A page of the reports of a window."""
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self._tokens:
            return unauthorized()
        asked = request.query_params
        try:
            start = datetime.fromtimestamp(int(asked["startedAt"]) / 1000, _ZONE)
            length = int(asked["timeOffset.duration"])
            first, count = int(asked.get("start", 0)), int(asked.get("count", 10))
        except (KeyError, ValueError):
            return _error(400, "Parameter is missing or no number")
        by = (asked.get("aggregationCriteria.primary"), asked.get("aggregationCriteria.secondary"))
        if asked.get("q") != "criteria" or by != ("INDIVIDUAL", "CONTENT") or asked.get("timeOffset.unit") != "DAY":
            return _error(400, "Invalid aggregation criteria")
        if length > _MOST_DAYS or not 1 <= count <= 100:
            return _error(500, "Internal Server Error")
        rows = self._window(start, length)
        following = urlencode({**asked, "start": first + count, "count": count})
        return JSONResponse({
            "elements": rows[first : first + count],
            "paging": {
                "start": first,
                "count": count,
                "total": len(rows),
                "links": [
                    {"rel": "next", "type": "application/json", "href": f"/v2/learningActivityReports?{following}"}
                ],
            },
        })

    def _window(self, start: datetime, length: int) -> list[Row]:
        """The rows of a window, one a person and content."""
        days = {(start.date() + timedelta(days=each)).isoformat() for each in range(length)}
        found: dict[tuple[str, str], Row] = {}
        for row in self._data["rows"]:
            if row["_day"] not in days or not self._is_known(row):
                continue
            key = row["learnerDetails"]["entity"]["profileUrn"], row["contentDetails"]["contentUrn"]
            shown = {name: value for name, value in row.items() if not name.startswith("_")}
            found[key] = _sum(found[key], shown) if key in found else {"latestDataAt": self._complete_until(), **shown}
        return list(found.values())

    def _is_known(self, row: Row) -> bool:
        since = row.get("_since")
        ended = max(figure["lastEngagedAt"] for figure in row["activities"]) / 1000
        known = datetime.fromisoformat(since) if since else datetime.fromtimestamp(ended, _ZONE)
        return self._world.is_past(known)

    def _complete_until(self) -> int:
        """The last minute of the last day that ended long enough ago, in milliseconds."""
        today = (self._world.now() - _LAG).astimezone(_ZONE).date()
        return int(datetime.combine(today, time(), _ZONE).timestamp() * 1000) - 60_000


def _sum(one: Row, other: Row) -> Row:
    figures: dict[tuple[str, ...], Row] = {_name(each): dict(each) for each in one["activities"]}
    for each in other["activities"]:
        known = figures.setdefault(_name(each), {**each, "engagementValue": 0})
        known["engagementValue"] += each["engagementValue"]
        known["firstEngagedAt"] = min(known["firstEngagedAt"], each["firstEngagedAt"])
        known["lastEngagedAt"] = max(known["lastEngagedAt"], each["lastEngagedAt"])
    return {**one, "activities": list(figures.values())}


def _name(figure: Mapping[str, Any]) -> tuple[str, ...]:
    return figure["engagementType"], figure["engagementMetricQualifier"], figure.get("assetType", "")


def _error(status: int, message: str) -> Response:
    return JSONResponse({"message": message, "status": status}, status)


def unauthorized() -> Response:
    """A token that LinkedIn does not know."""
    told = {"serviceErrorCode": 65600, "message": "Invalid access token", "status": 401}
    return JSONResponse(told, 401)


def forbidden() -> Response:
    """A key that may not read reports."""
    told = {"serviceErrorCode": 100, "message": "Not enough permissions to access: GET /learningActivityReports", "status": 403}  # fmt: skip
    return JSONResponse(told, 403)


def platform(folder: Path, world: World) -> Platform:
    """The organisation that lies in `folder`; OAuth at `/oauth/v2/accessToken`, reports below `/v2`."""
    served = Organisation(folder, world)
    return Platform(
        [
            Route("/oauth/v2/accessToken", served.token, methods=["POST"]),
            Route("/v2/learningActivityReports", served.reports),
        ],
        unauthorized=unauthorized,
        forbidden=forbidden,
        too_many=lambda seconds: JSONResponse(
            {"message": "Too many requests", "status": 429}, 429, {"Retry-After": f"{seconds:.0f}"}
        ),
        quota_spent=lambda: JSONResponse(
            {
                "serviceErrorCode": 101,
                "message": "Resource level throttle APPLICATION DAY limit for calls to this resource is reached.",
                "status": 429,
            },
            429,
        ),
    )
