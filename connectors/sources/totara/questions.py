"""What is asked of Totara's external API, in GraphQL: lists with opaque cursors, reports page by page, and bookings by the hundred.

Values stand inside the queries, so that no query depends on the names of the site's input types; all are numbers or quoted as JSON.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from connectors import graphql
from connectors.http import Api
from connectors.paging import by_cursor, dig
from leerstroom.errors import BadRecord, UnexpectedShape

PER_PAGE = 100
USERS = "core_user_users", "id username email idnumber"
COURSES = "core_course_courses", "id idnumber shortname fullname"
EVENTS = (
    "mod_facetoface_events",
    "id start_date finish_date seats_booked seminar { id name course_id } sessions { id timestart timefinish }",
)
REPORT = "totara_reportbuilder_get_report"
BOOKING = re.compile(r"b(\d+)_(\d+)")  # our name of the part that asks for the booking of an event by a user

_PATH = "api/graphql.php"
_MEANT = {
    "too many requests": 429,
    **dict.fromkeys(
        (
            "missing, expired or invalid access token",
            "the request did not contain the required authorization header",
            "couldn't identify api client",
            "api user is invalid",
            "feature api is not available",
        ),
        401,
    ),
    **dict.fromkeys(
        (
            "sorry, but you do not currently have permissions",
            "event record could not be found or you do not have permissions",
        ),
        403,
    ),
}


def meant(status: int, body: Any) -> int:
    """What Totara means with an error inside an answer 200."""
    return graphql.meant(status, body, _MEANT)


def listed(api: Api, name: str, fields: str, filters: str = "") -> Iterator[Mapping[str, Any]]:
    """The items of a list. An empty cursor asks for the first page and ends the list."""

    def page(cursor: str | None) -> tuple[list[Mapping[str, Any]], str | None]:
        at = orjson.dumps(cursor or "").decode()
        asked = f"query: {{ pagination: {{ cursor: {at}, limit: {PER_PAGE} }} {filters} }}"
        found = _ask(api, f"{name}({asked}) {{ items {{ {fields} }} total next_cursor }}").get(name)
        items = dig(found, "items")
        if not isinstance(items, list):
            raise UnexpectedShape(f"connection '{api.connection}': the answer holds no list '{name}.items'")
        return [each for each in items if isinstance(each, Mapping)], dig(found, "next_cursor") or None

    for items in by_cursor(page, where=f"connection '{api.connection}' at {name}"):
        yield from items


def report_pages(api: Api, report: str, search: str | None) -> Iterator[tuple[str, Any]]:
    """(number of the page, page) of a report, or of a saved search of it: {"columns", "rows", …}."""
    saved = f", saved_search_id: {search}" if search else ""

    def page(at: str | None) -> tuple[list[tuple[str, Any]], str | None]:
        asked = f"input: {{ report_id: {report}, page: {at or 1}{saved}, display_report_pagination: true }}"
        parts = "report_pagination { next_cursor total_pages } columns { key label } rows { data }"
        found = _ask(api, f"{REPORT}({asked}) {{ {parts} }}").get(REPORT)
        following = dig(found, "report_pagination.next_cursor")
        return [(at or "1", found)], str(following) if following else None

    for pages in by_cursor(page, where=f"connection '{api.connection}', report {report}"):
        yield from pages


def bookings(api: Api, event: str, users: list[str], untold: set[str]) -> dict[str, Any]:
    """What each user booked, named as `BOOKING` says.

    One whom the site does not tell of spoils the answer about all: then the halves are asked for, and he is added to `untold`.
    """
    asked = [
        f"b{number(event)}_{number(user)}: mod_facetoface_event_user_booking(user: {{ id: {user} }}, event: {{ id: {event} }})"
        " { found booking { state { key } } }"
        for user in users
    ]
    if not asked:
        return {}
    try:
        return _ask(api, " ".join(asked))
    except UnexpectedShape:
        if len(users) == 1:
            untold.add(users[0])
            return {}
    half = len(users) // 2
    return {**bookings(api, event, users[:half], untold), **bookings(api, event, users[half:], untold)}


def number(value: Any) -> str:
    """A number of Totara's, which goes into queries and addresses. Raises BadRecord."""
    text = str(value)
    if not (text.isascii() and text.isdecimal() and len(text) <= 20):
        raise BadRecord("a thing has no number")
    return text


def _ask(api: Api, query: str) -> dict[str, Any]:
    return graphql.ask(api, _PATH, f"query {{ {query} }}")
