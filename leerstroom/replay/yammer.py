"""A Viva Engage network out of the CSV files of its export: the export of any interval as a ZIP, and single messages.

```
yammer.json    {"token", "client_id", "client_secret", "refresh_token"}: of the verified administrator who exports
Messages.csv   one line a version of a message; a line exists from `updated_at` on where it has one, else from `created_at`; `deleted_at` empties its body
Users.csv, Groups.csv …   go into every archive as they are
```
"""

import csv
import io
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from leerstroom.replay.world import Platform, World


class Network:
    """The served network."""

    def __init__(self, folder: Path, world: World) -> None:
        told = orjson.loads((folder / "yammer.json").read_bytes())
        self._token = str(told.pop("token"))
        self._grant = {"grant_type": "refresh_token", **told}
        self._files = {file.name: file.read_bytes() for file in folder.glob("*.csv") if file.name != "Messages.csv"}
        with (folder / "Messages.csv").open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            self._columns = list(reader.fieldnames or ())
            self._rows = list(reader)
        self._world = world

    def _refusal(self, request: Request) -> Response | None:
        if request.headers.get("authorization") == f"Bearer {self._token}":
            return None
        return _refused(401, "Token not found.", 16)

    async def sign_in(self, request: Request) -> Response:
        """The token address: an access token for a refresh token."""
        if dict(parse_qsl((await request.body()).decode())) != self._grant:
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse({"token_type": "Bearer", "access_token": self._token, "expires_in": 3599})

    async def export(self, request: Request) -> Response:
        """Everything that was written, changed or deleted in an interval."""
        if refusal := self._refusal(request):
            return refusal
        try:
            since = datetime.fromisoformat(request.query_params["since"].replace(" ", "+"))
            until = datetime.fromisoformat(request.query_params["until"].replace(" ", "+"))
        except (KeyError, ValueError):
            return _refused(400, "since and until are times in ISO 8601", 0)
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("Messages.csv", self._messages(since, until))
            for name, data in self._files.items():
                archive.writestr(name, data)
            archive.writestr("request.txt", f"since={since} until={until}")
        return Response(made.getvalue(), media_type="application/zip")

    def _messages(self, since: datetime, until: datetime) -> str:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self._columns)
        writer.writeheader()
        for row in self._rows:
            told = [row.get("updated_at") or row["created_at"], row.get("deleted_at")]
            moments = [datetime.fromisoformat(each) for each in told if each not in {None, "", "null"}]
            if any(since <= moment < until and self._world.is_past(moment) for moment in moments):
                is_deleted = len(moments) > 1 and self._world.is_past(moments[1])
                writer.writerow({
                    **row,
                    "body": "" if is_deleted else row["body"],
                    "deleted_at": row["deleted_at"] if is_deleted else "null",
                })
        return "\ufeff" + text.getvalue()

    async def message(self, request: Request) -> Response:
        """One message as the REST API tells it."""
        if refusal := self._refusal(request):
            return refusal
        for row in self._rows:
            if row["id"] == request.path_params["id"] and self._world.is_past(
                datetime.fromisoformat(row["created_at"])
            ):
                return JSONResponse(_of_rest(row))
        return _refused(404, "Not Found", 0)


def _of_rest(row: dict[str, str]) -> dict[str, Any]:
    moment = datetime.fromisoformat(row["created_at"])
    return {
        "id": int(row["id"]), "sender_id": int(row["sender_id"]), "thread_id": int(row["thread_id"]), "group_id": int(row["group_id"]),
        "replied_to_id": int(row["replied_to_id"]) if row["replied_to_id"] else None, "created_at": f"{moment:%Y/%m/%d %H:%M:%S %z}",
        "message_type": row["message_type"], "sender_type": "user", "privacy": "public", "direct_message": False,
        "body": {"plain": row["body"], "parsed": row["body"], "rich": row["body"]}, "attachments": [], "liked_by": {"count": 0, "names": []},
    }  # fmt: skip


def _refused(status: int, message: str, code: int) -> Response:
    return JSONResponse({"response": {"message": message, "code": code, "stat": "fail"}}, status)


def platform(folder: Path, world: World) -> Platform:
    """The network whose export lies in `folder`."""
    network = Network(folder, world)
    return Platform(
        [
            Route("/token", network.sign_in, methods=["POST"]),
            Route("/api/v1/export", network.export),
            Route("/api/v1/messages/{id}.json", network.message),
        ],
        unauthorized=lambda: _refused(401, "Token not found.", 16),
        forbidden=lambda: _refused(403, "You are not authorized to perform this action.", 0),
        too_many=lambda seconds: JSONResponse({"error": "Rate limited due to excessive requests."}, 429, {"Retry-After": f"{seconds:.0f}"}),
    )  # fmt: skip
