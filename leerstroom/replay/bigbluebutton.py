"""A BigBlueButton server out of one file: its API under a checksum, and the files of meetings that its administrator shows.

```
server.json   {"secret", "meetings": [{"meetingID", "internalMeetingID", "name", "startTime", "endTime", "recorded": bool,
               "dashboard": learning_dashboard_data.json as an object | "events": events.xml as a text}]}
```
As at the vendor everything is XML, refusals come with status 200, and offset and limit page without a total. A recording is listed when its
meeting has ended in the simulated time; files lie below `/learning/<internal id>/`.
"""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from leerstroom.replay.world import Platform, World

_MOST = 2  # of a page, whatever `limit` says: three recordings are two pages


class Server:
    """The served server."""

    def __init__(self, folder: Path, world: World) -> None:
        self._data: dict[str, Any] = orjson.loads((folder / "server.json").read_bytes())
        self._world = world

    def _ended(self, meeting: dict[str, Any]) -> bool:
        return self._world.is_past(datetime.fromtimestamp(meeting["endTime"] / 1000, UTC))

    async def api(self, request: Request) -> Response:
        """One call: the checksum is over its name, the query without the checksum, and the secret."""
        call, query = request.path_params["call"], request.url.query
        text, _, given = query.rpartition("checksum=")
        text = text.removesuffix("&")
        if given != hashlib.sha256(f"{call}{text}{self._data['secret']}".encode()).hexdigest():
            return refused()
        if call == "getMeetings":
            running = [each for each in self._data["meetings"] if not self._ended(each)]
            return _xml("meetings", "meeting", [_about(each) for each in running])
        if call != "getRecordings":
            return _xml_text("<returncode>FAILED</returncode><messageKey>unsupportedRequest</messageKey>")
        listed = [each for each in self._data["meetings"] if each["recorded"] and self._ended(each)]
        offset = int(request.query_params.get("offset", 0))
        size = min(int(request.query_params.get("limit", _MOST)), _MOST)
        return _xml("recordings", "recording", [_about(each) for each in listed[offset : offset + size]])

    async def file(self, request: Request) -> Response:
        """A learning dashboard or an events.xml."""
        for meeting in self._data["meetings"]:
            if meeting["internalMeetingID"] == request.path_params["meeting"] and self._ended(meeting):
                if "dashboard" in meeting and request.path_params["name"] == "learning_dashboard_data.json":
                    return JSONResponse(meeting["dashboard"])
                if "events" in meeting and request.path_params["name"] == "events.xml":
                    return Response(meeting["events"], media_type="text/xml")
        return Response("<html><body>404 Not Found</body></html>", 404, media_type="text/html")


def _about(meeting: dict[str, Any]) -> str:
    names = ("meetingID", "internalMeetingID", "name", "startTime", "endTime")
    told = "".join(f"<{name}>{escape(str(meeting[name]))}</{name}>" for name in names)
    return f"<recordID>{meeting['internalMeetingID']}</recordID>{told}<isBreakout>false</isBreakout>"


def _xml(several: str, one: str, items: list[str]) -> Response:
    listed = "".join(f"<{one}>{item}</{one}>" for item in items)
    return _xml_text(f"<returncode>SUCCESS</returncode><{several}>{listed}</{several}>")


def _xml_text(inside: str) -> Response:
    return Response(f"<response>{inside}</response>", media_type="text/xml")


def refused() -> Response:
    """What a wrong secret is answered with."""
    return _xml_text("<returncode>FAILED</returncode><messageKey>checksumError</messageKey><message>Checksums do not match</message>")  # fmt: skip


def platform(folder: Path, world: World) -> Platform:
    """The server that lies in `folder`."""
    server = Server(folder, world)
    routes = [
        Route("/bigbluebutton/api/{call}", server.api, methods=["GET"]),
        Route("/learning/{meeting}/{name}", server.file, methods=["GET"]),
    ]
    return Platform(routes, unauthorized=refused)
