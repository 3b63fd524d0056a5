"""A Zoom account out of one file: OAuth, reports, past instances, registrants, absentees, Q&A and polls, with tokens that page and expire.

```
zoom.json   {"account_id", "client_id", "client_secret", "users": [{"id", "email"}], "occurrences": [{
              "uuid", "id", "kind": "webinar" | "meeting", "topic", "host": user id, "start_time", "end_time", "duration", "scheduled",
              "participants": [row with "_since": when the row first exists], "registrants", "absentees", "panelists", "questions", "polls"}]}
```
Rows are in the vendor's shape. A fact later than the simulated time does not exist yet; `_since` makes a row that comes late.
As at the vendor a report covers a month, one of participants needs two of them, a list of registrants needs a registration, a plain id
means the latest occurrence, a UUID with a slash must be encoded twice, and a host without a webinar plan is refused.
"""

import secrets
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from leerstroom.replay.world import Platform, World

_PAGE = 30  # also the most: the vendor may give less than the 300 that it lets one ask for
_MONTH = timedelta(days=30)


class Account:
    """The served account and its state: issued access tokens and page tokens."""

    def __init__(self, folder: Path, world: World) -> None:
        self._data: dict[str, Any] = orjson.loads((folder / "zoom.json").read_bytes())
        self._world = world
        self._tokens: set[str] = set()
        self._pages: dict[str, tuple[str, int]] = {}

    # --- who asks ----------------------------------------------------------------------------------------------------------------

    async def token(self, request: Request) -> Response:
        """Server-to-server OAuth: basic authentication with the app's id and secret."""
        import base64

        wanted = base64.b64encode(f"{self._data['client_id']}:{self._data['client_secret']}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {wanted}":
            return JSONResponse({"reason": "Invalid client_id or client_secret", "error": "invalid_client"}, 401)
        if request.query_params.get("account_id") != self._data["account_id"]:
            return JSONResponse({"reason": "Bad Request", "error": "invalid_request"}, 400)
        made = secrets.token_urlsafe(16)
        self._tokens.add(made)
        return JSONResponse({
            "access_token": made,
            "token_type": "bearer",
            "expires_in": 3600,
            "scope": "report:read:admin",
        })

    async def revoke(self, _: Request) -> Response:
        """For tests: forgets all access tokens, as after an hour."""
        self._tokens.clear()
        return JSONResponse({})

    async def expire(self, _: Request) -> Response:
        """For tests: forgets all page tokens, as after fifteen minutes."""
        self._pages.clear()
        return JSONResponse({})

    # --- what is asked --------------------------------------------------------------------------------------------------------------

    async def api(self, request: Request) -> Response:
        """One request below /v2."""
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self._tokens:
            return JSONResponse({"code": 124, "message": "Invalid access token."}, 401)
        path = request.scope["raw_path"].decode().split("?")[0].split("/v2/", 1)[1]
        once = [unquote(part) for part in path.split("/")]
        if any(part.startswith("/") or "//" in part for part in once):
            return self._unknown()  # such a UUID must come encoded twice
        parts = [unquote(part) for part in once]
        match parts:
            case ["users"]:
                users = self._data["users"]
                return self._page(
                    request,
                    "users",
                    [{"id": each["id"], "email": each["email"], "status": "active"} for each in users],
                    total=len(users),
                )
            case ["report", "users", host, "meetings"]:
                return self._meetings(request, host)
            case ["users", host, "webinars"]:
                return self._webinars(request, host)
            case ["past_webinars" | "past_meetings" as kind, number, "instances"]:
                name = kind.removeprefix("past_")
                found = [each for each in self._past() if each["id"] == number and each["kind"] == name[:-1]]
                return JSONResponse({
                    name: [{"uuid": each["uuid"], "start_time": each["start_time"]} for each in found]
                })
            case ["webinars" | "meetings" as kind, number]:
                return self._series(kind, number)
            case ["webinars" | "meetings", number, "registrants"]:
                rows = self._registrants(number)
                return self._page(request, "registrants", self._seen(rows)) if rows else self._no_registration(number)
            case ["webinars", number, "panelists"]:
                # a panel belongs to the series and is invited when it is planned, so it does not grow with the simulated time
                held = [each for each in self._data["occurrences"] if each["id"] == number]
                panel = [row for each in held for row in each.get("panelists", ())]
                return JSONResponse({"panelists": panel, "total_records": len(panel)})
            case ["report", kind, key, *rest] if kind in {"webinars", "meetings"}:
                return self._report(request, kind, key, rest)
            case [kind, key, *rest] if kind in {"past_webinars", "past_meetings"}:
                return self._report(request, kind.removeprefix("past_"), key, rest, past=True)
        return JSONResponse({"code": 2300, "message": "This API endpoint is not recognized."}, 404)

    def _past(self) -> list[dict[str, Any]]:
        return [
            each for each in self._data["occurrences"] if self._world.is_past(datetime.fromisoformat(each["end_time"]))
        ]

    def _seen(self, rows: Any) -> list[dict[str, Any]]:
        shown = []
        for row in rows:
            since = row.get("_since") or row.get("create_time")
            if since is None or self._world.is_past(datetime.fromisoformat(since)):
                shown.append({name: value for name, value in row.items() if not name.startswith("_")})
        return shown

    def _meetings(self, request: Request, host: str) -> Response:
        """The host's meetings and webinars that began in at most a month, the last one of what is asked for."""
        last = date.fromisoformat(request.query_params.get("to") or self._world.now().date().isoformat())
        first = max(date.fromisoformat(request.query_params.get("from") or last.isoformat()), last - _MONTH)
        rows = []
        for each in self._past():
            user = self._user(each["host"])
            day = date.fromisoformat(each["start_time"][:10])
            if host in {user["id"], user["email"]} and first <= day <= last and len(self._participants(each)) > 1:
                rows.append({
                    "uuid": each["uuid"], "id": int(each["id"]), "topic": each["topic"], "type": 9 if each["kind"] == "webinar" else 8,
                    "start_time": each["start_time"], "end_time": each["end_time"], "duration": each["duration"],
                    "user_email": user["email"], "user_name": user["email"].split("@")[0], "participants_count": len(self._participants(each)),
                })  # fmt: skip
        return self._page(request, "meetings", rows)

    def _webinars(self, request: Request, host: str) -> Response:
        found: dict[str, dict[str, Any]] = {}
        planned = [each for each in self._data["occurrences"] if each["kind"] == "webinar"]
        if not any(host in self._user(each["host"]).values() for each in planned):
            return JSONResponse({"code": 200, "message": "Webinar plan is missing. You must subscribe to it."}, 400)
        for each in self._past():
            user = self._user(each["host"])
            if each["kind"] == "webinar" and host in {user["id"], user["email"]}:
                found[each["id"]] = {
                    "id": int(each["id"]),
                    "topic": each["topic"],
                    "duration": each["scheduled"],
                    "host_id": user["id"],
                    "type": 9,
                }
        return self._page(request, "webinars", list(found.values()))

    def _series(self, kind: str, number: str) -> Response:
        for each in self._data["occurrences"]:
            if each["id"] == number and each["kind"] == kind[:-1]:
                planned = {"id": int(number), "topic": each["topic"], "duration": each["scheduled"]}
                return JSONResponse({**planned, "type": 9 if each["kind"] == "webinar" else 8})
        return self._unknown()

    @staticmethod
    def _no_registration(number: str) -> Response:
        return JSONResponse(
            {"code": 300, "message": f"Registration has not been enabled for this webinar: {number}."}, 400
        )

    def _registrants(self, number: str) -> list[dict[str, Any]]:
        """Those of the whole series, each as of the first time."""
        rows = [
            row for each in self._data["occurrences"] if each["id"] == number for row in each.get("registrants", ())
        ]
        first: dict[str, dict[str, Any]] = {}
        for row in sorted(rows, key=lambda row: str(row["create_time"])):
            first.setdefault(row["id"], row)
        return list(first.values())

    def _participants(self, occurrence: dict[str, Any]) -> list[dict[str, Any]]:
        return self._seen(occurrence.get("participants", ()))

    def _report(self, request: Request, kind: str, key: str, rest: list[str], *, past: bool = False) -> Response:
        found = [each for each in self._past() if each["kind"] == kind[:-1] and key in {each["uuid"], each["id"]}]
        if not found:
            return self._unknown()
        occurrence = found[-1]  # the plain id gives the latest occurrence only
        user = self._user(occurrence["host"])
        about = {
            "uuid": occurrence["uuid"], "id": int(occurrence["id"]), "topic": occurrence["topic"], "start_time": occurrence["start_time"],
            "end_time": occurrence["end_time"], "duration": occurrence["duration"], "user_email": user["email"],
        }  # fmt: skip
        match rest:
            case []:
                return JSONResponse(about)
            case ["participants"]:
                rows = self._participants(occurrence)
                if not past and len(rows) < 2:
                    return self._unknown()
                return self._page(request, "participants", rows)
            case ["absentees"]:
                return self._page(request, "registrants", self._seen(occurrence.get("absentees", ())))
            case ["qa"]:
                return JSONResponse({
                    "id": about["id"],
                    "uuid": about["uuid"],
                    "start_time": about["start_time"],
                    "questions": occurrence.get("questions", []),
                })
            case ["polls"]:
                return JSONResponse({
                    "id": about["id"],
                    "uuid": about["uuid"],
                    "start_time": about["start_time"],
                    "questions": occurrence.get("polls", []),
                })
        return self._unknown()

    def _user(self, user_id: str) -> dict[str, Any]:
        return next(each for each in self._data["users"] if each["id"] == user_id)

    @staticmethod
    def _unknown() -> Response:
        return JSONResponse({"code": 3001, "message": "Meeting does not exist."}, 404)

    def _page(self, request: Request, name: str, rows: list[dict[str, Any]], total: int | None = None) -> Response:
        size = max(1, min(int(request.query_params.get("page_size", _PAGE)), _PAGE))
        token, start = request.query_params.get("next_page_token"), 0
        question = f"{request.url.path}?{sorted((key, value) for key, value in request.query_params.items() if key != 'next_page_token')}"
        if token:
            asked, start = self._pages.get(token, ("", 0))
            if asked != question:
                return JSONResponse({"code": 300, "message": "The next page token is invalid or expired."}, 400)
        following = ""
        if start + size < len(rows):
            following = secrets.token_urlsafe(12)
            self._pages[following] = (question, start + size)
        return JSONResponse({
            "page_size": size,
            "total_records": total if total is not None else len(rows),
            "next_page_token": following,
            name: rows[start : start + size],
        })


def platform(folder: Path, world: World) -> Platform:
    """The account that lies in `folder`, below `/v2`; OAuth at `/oauth/token`."""
    account = Account(folder, world)
    routes = [
        Route("/oauth/token", account.token, methods=["POST"]),
        Route("/_test/revoke", account.revoke, methods=["POST"]),
        Route("/_test/expire", account.expire, methods=["POST"]),
        Route("/v2/{rest:path}", account.api, methods=["GET"]),
    ]
    return Platform(
        routes,
        unauthorized=lambda: JSONResponse({"code": 124, "message": "Invalid access token."}, 401),
        forbidden=lambda: JSONResponse({"code": 200, "message": "No permission."}, 403),
        too_many=lambda seconds: JSONResponse(
            {"code": 429, "message": "You have reached the maximum per-second rate limit for this API."},
            429,
            {"Retry-After": f"{seconds:.0f}"},
        ),
        quota_spent=lambda: JSONResponse(
            {"code": 429, "message": "You have reached the maximum daily rate limit for this API."}, 429
        ),
    )
