"""A Canvas site out of one file: courses, enrolments, submissions, progress, discussions and page views, with opaque Link headers.

```
canvas.json  {"token", "courses": [row], "enrollments": {course: [row]}, "submissions": {course: [row]}, "progress": {course: [row]},
              "topics": {course: [row]}, "entries": {topic: [row with "replies": [row]]}, "page_views": {user: [row]}}
```
Rows are in the vendor's shape; a fact later than the simulated time does not exist yet. As at the vendor lists have ten rows to a page unless more are
asked for (and never more than the site allows), the next page has an opaque address of its own, page views come newest first, an entry shows its
latest replies only, and a course without requirements refuses progress with 400.
"""

import secrets
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from leerstroom.replay.world import Platform, World

_MOST = 5  # rows of a page at this site, however many are asked for
_RECENT = 2  # replies that an entry shows by itself

Row = dict[str, Any]


class Site:
    """The served site and its state: the pages that it handed out addresses of."""

    def __init__(self, folder: Path, world: World) -> None:
        self._data: dict[str, Any] = orjson.loads((folder / "canvas.json").read_bytes())
        self._world = world
        self._pages: dict[str, list[Row]] = {}

    async def api(self, request: Request) -> Response:
        """One request below /api/v1."""
        if request.headers.get("authorization") != f"Bearer {self._data['token']}":
            return unauthorized()
        if (opaque := request.query_params.get("opaque")) is not None:
            return self._page(request, self._pages.pop(opaque, None))
        rows = self._list(request)
        if rows is None:
            return JSONResponse({"errors": [{"message": "The specified resource does not exist."}]}, 404)
        return self._page(request, rows) if isinstance(rows, list) else rows

    def _page(self, request: Request, rows: list[Row] | None) -> Response:
        if rows is None:
            return JSONResponse({"errors": [{"message": "the page is gone"}]}, 404)
        size = min(int(request.query_params.get("per_page", 10)), _MOST)
        links, path = [f'<{request.url}>; rel="current"'], str(request.url).partition("?")[0]
        if len(rows) > size:
            mark = secrets.token_urlsafe(12)
            self._pages[mark] = rows[size:]
            links.append(f'<{path}?opaque={mark}&per_page={size}>; rel="next"')
        headers = {"Link": ", ".join(links), "X-Request-Cost": "0.04", "X-Rate-Limit-Remaining": "699.9"}
        return JSONResponse(rows[:size], headers=headers)

    def _list(self, request: Request) -> list[Row] | Response | None:
        data, asked = self._data, request.query_params
        match request.path_params["path"].split("/"):
            case ["accounts", _, "courses"]:
                return list(data["courses"])
            case ["courses", course, "enrollments"]:
                return self._seen(data["enrollments"].get(course, ()), "created_at")
            case ["courses", course, "students", "submissions"]:
                since, name = next(
                    (
                        (asked[each], each.split("_")[0] + "_at")
                        for each in ("submitted_since", "graded_since")
                        if each in asked
                    ),
                    ("", ""),
                )
                rows = [
                    _ungraded(row) if not self._is_past(row.get("graded_at")) else row
                    for row in data["submissions"].get(course, ())
                ]
                return [row for row in self._seen(rows, "submitted_at") if not name or (row.get(name) or "") >= since]
            case ["courses", course, "bulk_user_progress"]:
                if course not in data["progress"]:
                    return JSONResponse(
                        {
                            "error": {
                                "message": "no progress available because this course is not module based (has modules and module completion requirements)"
                            }
                        },
                        400,
                    )
                return [
                    _unfinished(row) if not self._is_past(row["progress"]["completed_at"]) else row
                    for row in data["progress"][course]
                ]
            case ["courses", course, "discussion_topics"]:
                rows = self._seen(data["topics"].get(course, ()), "posted_at")
                shown = [{**row, "last_reply_at": self._last_reply(row)} for row in rows]
                return sorted(shown, key=lambda row: str(row["last_reply_at"] or row["posted_at"]), reverse=True)
            case ["courses", _, "discussion_topics", topic, "entries"]:
                return [self._entry(row) for row in self._seen(data["entries"].get(topic, ()), "created_at")]
            case ["courses", _, "discussion_topics", topic, "entries", entry, "replies"]:
                found: Row = next((row for row in data["entries"].get(topic, ()) if str(row["id"]) == entry), {})
                return self._seen(found.get("replies", ()), "created_at")
            case ["users", user, "page_views"]:
                rows = self._seen(data["page_views"].get(user, ()), "created_at")
                inside = [
                    row for row in rows if asked.get("start_time", "") <= row["created_at"] < asked.get("end_time", "9")
                ]
                return sorted(inside, key=lambda row: str(row["created_at"]), reverse=True)
        return None

    def _entry(self, row: Row) -> Row:
        replies = self._seen(row.get("replies", ()), "created_at")
        shown = {name: value for name, value in row.items() if name != "replies"}
        return {**shown, "recent_replies": replies[-_RECENT:][::-1], "has_more_replies": len(replies) > _RECENT}

    def _last_reply(self, topic: Row) -> str | None:
        entries = self._data["entries"].get(str(topic["id"]), ())
        rows = self._seen([each for entry in entries for each in (entry, *entry.get("replies", ()))], "created_at")
        return max((str(row["created_at"]) for row in rows), default=None)

    def _seen(self, rows: Iterable[Row], moment: str) -> list[Row]:
        return [row for row in rows if not row.get(moment) or self._is_past(row[moment])]

    def _is_past(self, moment: str | None) -> bool:
        return moment is not None and self._world.is_past(datetime.fromisoformat(moment))


def _ungraded(row: Row) -> Row:
    return {**row, "score": None, "grade": None, "graded_at": None, "grader_id": None}


def _unfinished(row: Row) -> Row:
    return {**row, "progress": {**row["progress"], "completed_at": None}}


def unauthorized() -> Response:
    """A token that the site does not know."""
    return JSONResponse(
        {"errors": [{"message": "Invalid access token."}]}, 401, {"WWW-Authenticate": 'Bearer realm="canvas-lms"'}
    )


def forbidden() -> Response:
    """A right that lacks."""
    told = {"status": "unauthorized", "errors": [{"message": "user not authorized to perform that action"}]}
    return JSONResponse(told, 403)


def too_many(retry_after_s: float) -> Response:
    """An emptied bucket, as newer servers say it."""
    headers = {"X-Rate-Limit-Remaining": "0.0", "Retry-After": f"{retry_after_s:.0f}"}
    return PlainTextResponse("429 Forbidden (Rate Limit Exceeded)", 429, headers)


def platform(folder: Path, world: World) -> Platform:
    """The site of `canvas.json`."""
    route = Route("/api/v1/{path:path}", Site(folder, world).api)
    return Platform([route], unauthorized=unauthorized, forbidden=forbidden, too_many=too_many)
