"""Objects of Canvas's API, and of the envelopes that queues and recordings put around them, as records."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from connectors.paging import dig
from connectors.source import Record, every_row
from connectors.sources.canvas import live
from connectors.sources.canvas.facts import fact, local, person
from leerstroom.errors import BadRecord

UNKNOWN = "neither a Live Event nor an object of Canvas's API"
_AROUND = ("response", "body", "Body", "Message", "payload")  # a recorded exchange, or the envelope of a queue


def records(payload: Any) -> Iterator[Record]:
    """The records of any payload. Raises BadRecord for what is nothing of Canvas's."""
    if isinstance(payload, list):
        yield from every_row(payload, lambda each, _: records(each))
    elif not isinstance(payload, Mapping):
        raise BadRecord(UNKNOWN)
    elif live.is_event(payload):
        yield from live.records(payload)
    elif (inner := _inside(payload)) is not None:
        yield from records(inner)
    else:
        yield from _object(payload)


def _inside(payload: Mapping[str, Any]) -> Any:
    """What an envelope holds; None for what is none."""
    if "user_id" in payload:  # an object of the API, which may have a body of its own
        return None
    for name in _AROUND:
        inner = payload.get(name)
        if isinstance(inner, str) and inner.lstrip()[:1] in {"{", "["}:
            try:
                return orjson.loads(inner)
            except orjson.JSONDecodeError:
                continue
        if isinstance(inner, Mapping | list):
            return inner
    return None


def _object(row: Mapping[str, Any]) -> Iterator[Record]:
    course = {"id": local(row.get("course_id"), 0)} if row.get("course_id") else {}
    names = row.keys()
    if {"interaction_seconds", "links"} <= names:
        yield page_view(row, person(local(dig(row, "links.user"), 0)))
    elif {"enrollment_state", "type"} <= names:
        yield enrolment(row, course)
    elif {"assignment_id", "workflow_state"} <= names:
        yield from submission(row, course, {})
    elif {"discussion_type", "title"} <= names or {"posted_at", "message"} <= names:
        yield topic(row, course, {}, set())
    elif {"progress", "display_name"} <= names or "requirement_count" in names:
        raise BadRecord(
            "a progress does not say of which course it is; it can be read as a Live Event (course_completed)"
        )
    else:
        raise BadRecord(UNKNOWN)


def enrolment(row: Mapping[str, Any], course: Mapping[str, Any]) -> Record:
    """Somebody in a course, in any role and state."""
    user = row.get("user")
    about: Mapping[str, Any] = user if isinstance(user, Mapping) else {}
    who = person(
        local(row.get("user_id"), 0), email=about.get("email") or about.get("login_id"), hr=row.get("sis_user_id") or about.get("sis_user_id")
    )  # fmt: skip
    where = {"sis": row.get("sis_course_id"), **course, "id": course.get("id") or local(row.get("course_id"), 0)}
    return fact(
        "enrolment",
        local(row.get("id"), 0),
        who,
        where,
        row.get("updated_at") or row.get("created_at"),
        enrolled=row.get("created_at"),
        role=row.get("type"),
        state=row.get("enrollment_state"),
        by=None,
    )


def submission(
    row: Mapping[str, Any], course: Mapping[str, Any], known: Mapping[Any, dict[str, Any]]
) -> Iterator[Record]:
    """What was handed in, and the grade that it got."""
    assignment = row.get("assignment")
    about: Mapping[str, Any] = assignment if isinstance(assignment, Mapping) else {}
    account = local(row.get("user_id"), 0)
    who = known.get(account) or person(account)
    where = {**course, "id": course.get("id") or local(about.get("course_id"), 0)}
    key = local(row.get("id"), 0) or f"{row.get('assignment_id')}/{account}"
    thing = {"id": local(row.get("assignment_id"), 0), "name": about.get("name")}
    yield fact(
        "submission", key, who, where, row.get("submitted_at"), assignment=thing, sort=row.get("submission_type"), state=row.get("workflow_state"), attempt=row.get("attempt")
    )  # fmt: skip
    if row.get("score") is None or not row.get("graded_at") or row.get("excused"):
        return
    grader = row.get("grader_id")
    is_person = isinstance(grader, int) and grader > 0
    yield fact(
        "grade", key, who, where, row.get("graded_at"), assignment=thing, score=row.get("score"), highest=about.get("points_possible"),
        grader=(known.get(local(grader, 0)) or person(local(grader, 0))) if is_person else None,
    )  # fmt: skip


def progress(row: Mapping[str, Any], course: Mapping[str, Any], known: Mapping[Any, dict[str, Any]]) -> Record:
    """How far somebody is in a course; `at` is when the last requirement was met, None before."""
    account = local(row.get("id"), 0)
    told = row.get("progress")
    progress: Mapping[str, Any] = told if isinstance(told, Mapping) else {}
    return fact(
        "course_completion", f"{course.get('id')}/{account}", known.get(account) or person(account), course, progress.get("completed_at"),
        done=progress.get("requirement_completed_count"), of=progress.get("requirement_count"),
    )  # fmt: skip


def topic(
    row: Mapping[str, Any], course: Mapping[str, Any], known: Mapping[Any, dict[str, Any]], trainers: set[Any]
) -> Record:
    """What opens a discussion."""
    account = local(dig(row, "author.id") or row.get("user_id"), 0)
    number_ = local(row.get("id"), 0)
    return fact(
        "post", f"topic {number_}", known.get(account) or person(account), course, row.get("posted_at") or row.get("created_at"),
        topic=number_, entry=None, above=None, role="trainer" if account in trainers or row.get("is_announcement") else None,
        is_deleted=row.get("workflow_state") == "deleted", subject=row.get("title"), message=row.get("message"),
    )  # fmt: skip


def entry(
    row: Mapping[str, Any], topic: Any, course: Mapping[str, Any], known: Mapping[Any, dict[str, Any]], trainers: set[Any]
) -> Record:  # fmt: skip
    """An entry or reply of a discussion; one that was deleted keeps its place."""
    account = local(row.get("user_id"), 0)
    created, changed = row.get("created_at"), row.get("updated_at")
    is_edited = bool(row.get("editor_id")) and changed != created
    return fact(
        "post", local(row.get("id"), 0), known.get(account) or person(account), course, created,
        topic=topic, entry=local(row.get("id"), 0), above=local(row.get("parent_id"), 0), role="trainer" if account in trainers else None,
        is_deleted=row.get("deleted") is True, edited=changed if is_edited else None, subject=None, message=row.get("message"),
    )  # fmt: skip


def page_view(row: Mapping[str, Any], who: Mapping[str, Any]) -> Record:
    """A page that somebody asked for; `by_other` where it was somebody else under their account."""
    links = row.get("links")
    about: Mapping[str, Any] = links if isinstance(links, Mapping) else {}
    is_course = str(row.get("context_type")).lower() == "course"
    course = {"id": local(about.get("context"), 0)} if is_course else None
    other = about.get("real_user")
    return fact(
        "view", str(row.get("id")), who, course, row.get("created_at"),
        asset={"sort": str(row.get("asset_type") or "").lower() or None, "id": local(about.get("asset"), 0), "name": None},
        list=None, level="participate" if row.get("participated") and row.get("http_method") != "GET" else None,
        role=None, device=live.device_of(row.get("user_agent")), seconds=row.get("interaction_seconds"),
        by_other=bool(other) and local(other, 0) != who.get("account"),
    )  # fmt: skip
