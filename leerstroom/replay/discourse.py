"""A Discourse forum: categories, lists of topics, topics and their posts, who liked a post, users with addresses, behind an API key. Form: see `chat.py`.

`server.json` = {"key", "username", "title", "categories", "users"}; a post's `_likes` are the user names of those who like it. As at Discourse a list of topics begins
with the pinned ones and goes by the last activity, a topic shows its first posts and the ids of all (`stream`), a deleted post is shown to staff that ask for it, and
nobody tells when a post was liked or accepted.
"""

from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from leerstroom.replay.chat import Archive, Message, answer
from leerstroom.replay.world import Platform, World

_TOPICS, _POSTS, _USERS = 6, 3, 5  # rows a page; at Discourse 30, 20 and 100


class Forum(Archive):
    """The forum."""

    def __init__(self, folder: Path, world: World) -> None:
        super().__init__(folder, world)
        self._categories = {str(each["id"]): each for each in self.server["categories"]}

    def _refusal(self, request: Request) -> Response | None:
        told = (request.headers.get("api-key"), request.headers.get("api-username"))
        return None if told == (self.server["key"], self.server["username"]) else _refused(403, "invalid_access")

    def _topics(self) -> dict[int, tuple[str, list[Message]]]:
        """Topic -> (category, its posts), the deleted ones too."""
        found: dict[int, tuple[str, list[Message]]] = {}
        for category in {*self._categories, None}:
            for post in self.messages(category) if category else ():
                found.setdefault(post["topic_id"], (category or "", []))[1].append(post)
        return found

    async def session(self, request: Request) -> Response:
        """Whose key it is."""
        return self._refusal(request) or answer({
            "current_user": {"id": 1, "username": self.server["username"], "admin": True}
        })

    async def category(self, request: Request) -> Response:
        """One category."""
        if refusal := self._refusal(request):
            return refusal
        found = self._categories.get(request.path_params["category"])
        return answer({"category": found}) if found else _refused(404, "not_found")

    async def latest(self, request: Request) -> Response:
        """A page of the topics of a category, the last active first, pinned ones on top of the first page."""
        if refusal := self._refusal(request):
            return refusal
        category = request.path_params["category"]
        rows = [
            _row(number, posts)
            for number, (where, posts) in self._topics().items()
            if where == category and not posts[0]["deleted_at"]
        ]
        rows.sort(key=lambda row: row["bumped_at"], reverse=True)
        rows.sort(key=lambda row: not row["pinned"])
        page = int(request.query_params.get("page", "0"))
        told: dict[str, Any] = {"per_page": _TOPICS, "topics": rows[page * _TOPICS : (page + 1) * _TOPICS]}
        if len(rows) > (page + 1) * _TOPICS:
            told["more_topics_url"] = f"/c/x/{category}/l/latest?page={page + 1}"
        return answer({"topic_list": told})

    async def topic(self, request: Request) -> Response:
        """A topic with its first posts."""
        found = self._posts(request)
        if isinstance(found, Response):
            return found
        category, posts = found
        best = next((post for post in posts if post["accepted_answer"] and not post["deleted_at"]), None)
        solved = {"accepted_answer": {"post_number": best["post_number"], "username": best["username"]}} if best else {}
        return answer({
            "id": posts[0]["topic_id"], "title": self.server["title"], "fancy_title": self.server["title"], "category_id": int(category), "archetype": "regular", "posts_count": len(posts),
            "created_at": posts[0]["created_at"], "post_stream": {"posts": [_plain(post) for post in posts[:_POSTS]], "stream": [post["id"] for post in posts]}, **solved,
        })  # fmt: skip

    async def posts(self, request: Request) -> Response:
        """The posts of a topic that are asked for by their ids."""
        found = self._posts(request)
        if isinstance(found, Response):
            return found
        wanted = set(request.query_params.getlist("post_ids[]"))
        shown = [_plain(post) for post in found[1] if str(post["id"]) in wanted]
        return answer({"id": found[1][0]["topic_id"], "post_stream": {"posts": shown}})

    async def by_number(self, request: Request) -> Response:
        """One post of a topic."""
        found = self._posts(request)
        if isinstance(found, Response):
            return found
        number = int(request.path_params["number"])
        return next(
            (answer(_plain(post)) for post in found[1] if post["post_number"] == number), _refused(404, "not_found")
        )

    def _posts(self, request: Request) -> tuple[str, list[Message]] | Response:
        if refusal := self._refusal(request):
            return refusal
        category, posts = self._topics().get(int(request.path_params["topic"]), ("", []))
        if request.query_params.get("show_deleted") != "true":
            posts = [post for post in posts if not post["deleted_at"]]
        return (category, posts) if posts else _refused(404, "not_found")

    async def likes(self, request: Request) -> Response:
        """Who likes a post."""
        if refusal := self._refusal(request):
            return refusal
        users = {each["username"]: each for each in self.server["users"]}
        for post in self.messages():
            if str(post["id"]) == request.query_params.get("id"):
                rows = [
                    {"id": users[name]["id"], "username": name, "name": users[name]["name"]} for name in post["_likes"]
                ]
                return answer({"post_action_users": rows})
        return _refused(404, "not_found")

    async def users(self, request: Request) -> Response:
        """A page of users, for admins; with addresses where they are asked for."""
        if refusal := self._refusal(request):
            return refusal
        page = int(request.query_params.get("page", "1"))
        rows = self.server["users"][(page - 1) * _USERS : page * _USERS]
        shown = request.query_params.get("show_emails") == "true"
        return answer([{name: value for name, value in row.items() if shown or name != "email"} for row in rows])


def _row(number: int, posts: list[Message]) -> dict[str, Any]:
    left = [post for post in posts if not post["deleted_at"]]
    return {
        "id": number, "title": "…", "bumped_at": left[-1]["created_at"], "created_at": left[0]["created_at"], "last_posted_at": left[-1]["created_at"], "pinned": number == 900,
        "archetype": "regular", "posts_count": len(left), "has_accepted_answer": any(post["accepted_answer"] for post in left),
    }  # fmt: skip


def _plain(post: Message) -> Message:
    return {name: value for name, value in post.items() if not name.startswith("_")}


def _refused(status: int, sort: str) -> Response:
    return answer({"errors": ["You are not permitted to view the requested resource."], "error_type": sort}, status)


def platform(folder: Path, world: World) -> Platform:
    """The forum that lies in `folder`."""
    forum = Forum(folder, world)
    return Platform(
        [
            Route("/session/current.json", forum.session),
            Route("/c/{category}/show.json", forum.category),
            Route("/c/{category}/l/latest.json", forum.latest),
            Route("/t/{topic}.json", forum.topic),
            Route("/t/{topic}/posts.json", forum.posts),
            Route("/posts/by_number/{topic}/{number}.json", forum.by_number),
            Route("/post_action_users.json", forum.likes),
            Route("/admin/users/list/active.json", forum.users),
        ],
        unauthorized=lambda: _refused(403, "invalid_access"),
        forbidden=lambda: _refused(403, "invalid_access"),
        too_many=lambda seconds: answer(
            {"errors": [f"You have performed this action too many times, please try again in {seconds:.0f} seconds."], "error_type": "rate_limit", "extras": {"wait_seconds": seconds, "time_left": "…"}}, 429
        ),
    )  # fmt: skip
