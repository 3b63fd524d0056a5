"""A Mattermost server: posts of a channel by page or since a time, one post, users by id and by name, behind one token. Form: see `chat.py`.

`server.json` = {"token", "me", "channels", "users"}. As at Mattermost a page is a map `posts` with its `order`, the opening posts of threads stand in the
map without being in the order, `since` gives what was modified (edits, reactions, replies to it, deletions) and takes no paging, a deleted post is shown
by `since` only, and the opening post of a thread is modified by each reply.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from leerstroom.replay.chat import Archive, Message, answer, whole
from leerstroom.replay.world import Platform, World

_PAGE = 7  # also the most: the server may give less than the 200 that one may ask for
_MOST_SINCE = 1000


class Server(Archive):
    """The server."""

    def __init__(self, folder: Path, world: World) -> None:
        super().__init__(folder, world)
        self._channels = {each["id"]: each for each in self.server["channels"]}

    def _refusal(self, request: Request) -> Response | None:
        if request.headers.get("authorization") == f"Bearer {self.server['token']}":
            return None
        return _error(401, "api.context.session_expired.app_error", "Invalid or expired session, please login again.")

    async def me(self, request: Request) -> Response:
        """Whose token it is."""
        return self._refusal(request) or answer(self.server["me"])

    async def channel(self, request: Request) -> Response:
        """One channel."""
        if refusal := self._refusal(request):
            return refusal
        found = self._channels.get(request.path_params["channel"])
        return answer(found) if found else _error(404, "app.channel.get.existing.app_error", "Channel does not exist.")

    async def posts(self, request: Request) -> Response:
        """Posts of a channel."""
        if refusal := self._refusal(request):
            return refusal
        query, posts = request.query_params, self._posts(request.path_params["channel"])
        if "since" in query:
            if {"page", "per_page", "before", "after"} & set(query):
                return _error(400, "api.context.invalid_url_param.app_error", "Invalid or missing since parameter.")
            modified = [each for each in posts if each["update_at"] > int(query["since"])]
            return answer(_listed(modified[::-1][:_MOST_SINCE], posts))
        left = [each for each in posts if not each["delete_at"]][::-1]
        ids = [each["id"] for each in left]
        if "before" in query:
            if query["before"] not in ids:
                return _error(404, "app.post.get.app_error", "Unable to get the post.")
            left = left[ids.index(query["before"]) + 1 :]
        size = whole(query.get("per_page"), 60, _PAGE)
        start = int(query.get("page", "0")) * size
        page = left[start : start + size]
        more = left[start + size : start + size + 1]
        return answer({**_listed(page, posts), "next_post_id": "", "prev_post_id": more[0]["id"] if more else ""})

    def _posts(self, channel: str) -> list[Message]:
        found = self.messages(channel)
        for root in found:
            replies = [each for each in found if each["root_id"] == root["id"] and not each["delete_at"]]
            if replies and not root["delete_at"]:
                root |= {"reply_count": len(replies), "update_at": max(root["update_at"], replies[-1]["create_at"])}
        return found

    async def post(self, request: Request) -> Response:
        """One post; a deleted one does not exist for users."""
        if refusal := self._refusal(request):
            return refusal
        for each in self.messages():
            if each["id"] == request.path_params["post"] and not each["delete_at"]:
                return answer(each)
        return _error(404, "app.post.get.app_error", "Unable to get the post.")

    async def thread(self, request: Request) -> Response:
        """The posts of a thread."""
        if refusal := self._refusal(request):
            return refusal
        wanted = request.path_params["post"]
        return answer(
            _listed(
                [each for each in self.messages() if wanted in {each["id"], each["root_id"]} and not each["delete_at"]],
                (),
            )
        )

    async def users(self, request: Request) -> Response:
        """Users by their ids or names; who is unknown is left out."""
        if refusal := self._refusal(request):
            return refusal
        column = "id" if request.path_params["by"] == "ids" else "username"
        wanted = await request.json()
        return answer([each for each in self.server["users"] if each[column] in wanted])


def _listed(posts: list[Message], known: Iterable[Message]) -> dict[str, Any]:
    roots = {each["root_id"] for each in posts}
    shown = {
        each["id"]: each
        for each in (*posts, *(each for each in known if each["id"] in roots and not each["delete_at"]))
    }
    return {"order": [each["id"] for each in posts], "posts": shown}


def _error(status: int, code: str, message: str) -> Response:
    return answer(
        {"id": code, "message": message, "detailed_error": "", "request_id": "r", "status_code": status}, status
    )


def platform(folder: Path, world: World) -> Platform:
    """The server that lies in `folder`, below `/api/v4`."""
    server = Server(folder, world)
    return Platform(
        [
            Route("/api/v4/users/me", server.me),
            Route("/api/v4/users/{by}", server.users, methods=["POST"]),
            Route("/api/v4/channels/{channel}", server.channel),
            Route("/api/v4/channels/{channel}/posts", server.posts),
            Route("/api/v4/posts/{post}", server.post),
            Route("/api/v4/posts/{post}/thread", server.thread),
        ],
        unauthorized=lambda: _error(
            401, "api.context.session_expired.app_error", "Invalid or expired session, please login again."
        ),
        forbidden=lambda: _error(
            403, "api.context.permissions.app_error", "You do not have the appropriate permissions."
        ),
        too_many=lambda seconds: Response(
            "limit exceeded\n",
            429,
            {"X-Ratelimit-Limit": "11", "X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": f"{max(1, round(seconds))}"},
        ),
    )
