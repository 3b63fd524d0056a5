"""Live Events of Canvas, in the vendor's own form and in Caliper's, as records.

The learner is whom the body names; the metadata names whoever made the request, often an administrator or a teacher.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from connectors.paging import dig
from connectors.source import Record, every_row
from connectors.sources.canvas.facts import TRAINERS, fact, local, person, shard_of, urn
from leerstroom.errors import BadRecord
from leerstroom.statements import name_uuid

CANVAS = "com.instructure.canvas"
_REPLY = re.compile(r"/entries/(\d+)/replies")
_ROLES = {"Instructor": "TeacherEnrollment", "TeachingAssistant": "TaEnrollment", "Learner": "StudentEnrollment"}


def is_event(payload: Mapping[str, Any]) -> bool:
    """Whether a payload is a Live Event, or an envelope of Caliper events."""
    return (isinstance(payload.get("metadata"), Mapping) and isinstance(payload.get("body"), Mapping)) or isinstance(
        payload.get("data"), list
    )


def records(payload: Mapping[str, Any]) -> Iterator[Record]:
    """The records of one payload. Raises BadRecord for what is no event of Canvas."""
    if isinstance(payload.get("data"), list):
        yield from every_row(payload["data"], _of_caliper)
    else:
        yield _Event(payload).record()


def _of_caliper(event: Any, place: str) -> Iterator[Record]:
    if not isinstance(event, Mapping) or not isinstance(event.get("actor"), Mapping):
        raise BadRecord("an envelope holds what is no event")
    yield _Caliper(event).record()


class _Event:
    """An event in the vendor's form: {"metadata", "body"}."""

    def __init__(self, payload: Mapping[str, Any]) -> None:
        self._metadata, self._body = payload["metadata"], payload["body"]
        self._own = shard_of(self._metadata.get("root_account_id"))
        name = self._metadata.get("event_name")
        if not isinstance(name, str):
            raise BadRecord("the event has no name")
        self._name = name
        self._at = self._metadata.get("event_time")

    def record(self) -> Record:
        """The record of this event; one that says nothing of learning becomes an `event`."""
        if self._metadata.get("real_user_id"):
            return self._silent("done by somebody else under this person's account")
        maker = getattr(self, f"_{_MAKERS.get(self._name, 'other')}")
        made: Record = maker()
        return made

    def _id(self, value: Any) -> str | None:
        return local(value, self._own)

    def _user(self, value: Any = None, **more: Any) -> dict[str, Any]:
        """The person with this id; what the metadata says of whoever made the request counts only where it is the same one."""
        asked = self._id(self._metadata.get("user_id"))
        account = asked if value is None else self._id(value)
        if account is not None and account == asked:
            more = {"email": self._metadata.get("user_login"), "hr": self._metadata.get("user_sis_id"), **more}
        return person(account, **more)

    def _course(self, number: Any = None, **about: Any) -> dict[str, Any]:
        is_course = self._metadata.get("context_type") == "Course"
        here = self._id(self._metadata.get("context_id")) if is_course else None
        known = here if number is None else self._id(number)
        sis = self._metadata.get("context_sis_source_id") if known == here else None
        return {"id": known, "sis": sis, **about}

    def _role(self) -> str | None:
        return "trainer" if self._metadata.get("context_role") in TRAINERS else None

    def _silent(self, reason: str) -> Record:
        key = name_uuid("canvas event", str(self._name), str(self._metadata.get("request_id")), str(self._at))
        return fact("event", key, {}, None, self._at, name=self._name, silence=reason)

    def _other(self) -> Record:
        return self._silent(SILENT.get(self._name, "event of which nothing is stated"))

    def _enrolment(self) -> Record:
        body = self._body
        is_own = self._id(body.get("user_id")) == self._id(self._metadata.get("user_id"))
        return fact(
            "enrolment",
            self._id(body.get("enrollment_id")),
            self._user(body.get("user_id", "")),
            self._course(body.get("course_id", "")),
            body.get("updated_at") or self._at,
            enrolled=body.get("created_at"),
            role=body.get("type"),
            state=body.get("workflow_state"),
            by="self" if is_own else None,
        )

    def _completion(self) -> Record:
        user, course, progress = (dict(self._body.get(name) or {}) for name in ("user", "course", "progress"))
        who = self._user(user.get("id", ""), email=user.get("email"))
        where = self._course(course.get("id", ""), name=course.get("name"), sis=course.get("sis_source_id"))
        key = f"{where['id']}/{who['account']}"
        return fact(
            "course_completion", key, who, where, progress.get("completed_at"), done=progress.get("requirement_completed_count"), of=progress.get("requirement_count")
        )  # fmt: skip

    def _submission(self) -> Record:
        body = self._body
        return fact(
            "submission",
            self._id(body.get("submission_id")),
            self._user(body.get("user_id", "")),
            self._course(),
            body.get("submitted_at"),
            assignment={"id": self._id(body.get("assignment_id")), "name": None},
            sort=body.get("submission_type"),
            state=body.get("workflow_state"),
            attempt=body.get("attempt"),
        )

    def _grade(self) -> Record:
        body = self._body
        grader = self._id(body.get("grader_id"))
        return fact(
            "grade",
            self._id(body.get("submission_id")),
            self._user(body.get("user_id") or body.get("student_id") or "", hr=body.get("student_sis_id")),
            self._course(),
            self._at,
            assignment={"id": self._id(body.get("assignment_id")), "name": None},
            score=body.get("score"),
            highest=body.get("points_possible"),
            grader=self._user(body["grader_id"]) if grader and grader != "0" else None,
        )

    def _topic(self) -> Record:
        body = self._body
        if body.get("workflow_state") in {"unpublished", "post_delayed"}:
            return self._silent("discussion that nobody sees yet")
        return fact(
            "post",
            f"topic {self._id(body.get('discussion_topic_id'))}",
            self._user(),
            self._course(),
            body.get("updated_at") or self._at,
            topic=self._id(body.get("discussion_topic_id")),
            entry=None,
            above=None,
            role=self._role(),
            is_deleted=body.get("workflow_state") == "deleted",
            subject=body.get("title"),
            message=body.get("body"),
        )

    def _entry(self) -> Record:
        body = self._body
        return fact(
            "post",
            self._id(body.get("discussion_entry_id")),
            self._user(body.get("user_id") or None),
            self._course(),
            body.get("created_at") or self._at,
            topic=self._id(body.get("discussion_topic_id")),
            entry=self._id(body.get("discussion_entry_id")),
            above=self._id(body.get("parent_discussion_entry_id")),
            role=self._role(),
            is_deleted=False,
            subject=None,
            message=body.get("text"),
        )

    def _view(self) -> Record:
        body = self._body
        sort, number = body.get("asset_type"), self._id(body.get("asset_id"))
        return fact(
            "view",
            name_uuid("canvas view", str(self._metadata.get("request_id")), str(self._at), str(sort), str(number)),
            self._user(),
            self._course(**({"name": body.get("asset_name")} if sort == "course" else {})),
            self._at,
            asset={
                "sort": sort,
                "id": number,
                "name": body.get("asset_name") if sort not in {"user", "enrollment", "group"} else None,
            },
            list=body.get("asset_subtype"),
            level=body.get("level"),
            role=self._role(),
            device=device_of(self._metadata.get("user_agent")),
        )

    def _session(self) -> Record:
        key = name_uuid("canvas session", self._name, str(self._metadata.get("session_id")), str(self._at))
        return fact("session", key, self._user(), None, self._at, name=self._name)


class _Caliper(_Event):
    """An event in Caliper's form, read as the same event in the vendor's."""

    def __init__(self, event: Mapping[str, Any]) -> None:
        self._event = event
        actor, thing = event["actor"], event.get("object")
        self._object: Mapping[str, Any] = thing if isinstance(thing, Mapping) else {}
        about, more = _extension(actor), _extension(event)
        context, number = urn(dig(event, "group.id"))
        sort, user = urn(actor.get("id"))
        metadata = {
            "event_name": self._called(),
            "event_time": event.get("eventTime"),
            "root_account_id": about.get("root_account_id"),
            "user_id": user if sort == "user" else None,
            "user_login": about.get("user_login"),
            "user_sis_id": about.get("user_sis_id"),
            "real_user_id": about.get("real_user_id"),
            "context_type": {"course": "Course", "group": "Group"}.get(context),
            "context_id": number or None,
            "context_role": next((_ROLES[role] for role in _roles(event) if role in _ROLES), None),
            "request_id": more.get("request_id") or event.get("id"),
            "session_id": urn(dig(event, "session.id"))[1] or event.get("id"),
            "user_agent": more.get("user_agent"),
        }
        super().__init__({"metadata": metadata, "body": self._told(more)})

    def _called(self) -> str:
        """The vendor's name for it."""
        event, sort = self._event, urn(self._object.get("id"))[0]
        action = str(event.get("action"))
        match event.get("type"), action:
            case "AssignableEvent", "Submitted":
                return "submission_created"
            case "GradeEvent", "Graded":
                return "grade_change"
            case "MessageEvent", "Posted":
                return "discussion_entry_created"
            case "ThreadEvent", "Created":
                return "discussion_topic_created"
            case "NavigationEvent", "NavigatedTo":
                return "asset_accessed"
            case "SessionEvent", "LoggedIn":
                return "logged_in"
            case "SessionEvent", "LoggedOut":
                return "logged_out"
            case _, "Created" | "Modified" if sort == "enrollment":
                return "enrollment_created" if action == "Created" else "enrollment_updated"
        return f"{sort or event.get('type')}_{action}".lower()

    def _told(self, more: Mapping[str, Any]) -> dict[str, Any]:
        """What the vendor's form has in the body."""
        thing, about = self._object, _extension(self._object)
        number = about.get("entity_id") or urn(thing.get("id"))[1]
        match self._called():
            case "submission_created":
                return {
                    "submission_id": number, "user_id": urn(dig(thing, "assignee.id"))[1], "assignment_id": urn(dig(thing, "assignable.id"))[1],
                    "submitted_at": thing.get("dateCreated") or self._event.get("eventTime"), "submission_type": about.get("submission_type"),
                    "workflow_state": "submitted", "attempt": thing.get("count"),
                }  # fmt: skip
            case "grade_change":
                given = self._event.get("generated")
                result: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
                return {
                    "submission_id": number, "user_id": urn(dig(thing, "assignee.id"))[1], "assignment_id": urn(dig(thing, "assignable.id"))[1],
                    "student_sis_id": _extension(thing.get("assignee")).get("sis_id"), "score": result.get("scoreGiven"), "points_possible": result.get("maxScore"),
                    "grader_id": urn(result.get("scoredBy"))[1] or None,
                }  # fmt: skip
            case "discussion_entry_created":
                above = _REPLY.search(str(more.get("request_url")))
                return {
                    "discussion_entry_id": number, "discussion_topic_id": urn(dig(thing, "isPartOf.id"))[1],
                    "parent_discussion_entry_id": above[1] if above else None, "text": thing.get("body"),
                }  # fmt: skip
            case "discussion_topic_created":
                return {
                    "discussion_topic_id": number,
                    "title": thing.get("name"),
                    "body": about.get("body") or thing.get("description"),
                    "updated_at": self._event.get("eventTime"),
                }
            case "asset_accessed":
                asset = {name: about.get(name) for name in ("asset_type", "asset_subtype", "asset_name", "level")}
                return {**asset, "asset_id": number}
            case "enrollment_created" | "enrollment_updated":
                return {
                    **about,
                    "enrollment_id": number,
                    "created_at": about.get("created_at") or self._event.get("eventTime"),
                }
        return {}


def _extension(value: Any) -> Mapping[str, Any]:
    found = dig(value, "extensions") if isinstance(value, Mapping) else None
    inside = found.get(CANVAS) if isinstance(found, Mapping) else None
    return inside if isinstance(inside, Mapping) else {}


def _roles(event: Mapping[str, Any]) -> list[str]:
    found = dig(event, "membership.roles")
    return [str(each) for each in found] if isinstance(found, list) else []


def device_of(agent: Any) -> str | None:
    """Phone, tablet or desk, by the browser's own words; None where it has none."""
    if not isinstance(agent, str) or not agent:
        return None
    if "iPad" in agent or "Tablet" in agent or ("Android" in agent and "Mobile" not in agent):
        return "tablet"
    return "mobile" if any(word in agent for word in ("iPhone", "Mobile", "icanvas", "candroid")) else "desktop"


_MAKERS = {
    "enrollment_created": "enrolment",
    "enrollment_updated": "enrolment",
    "course_completed": "completion",
    "course_progress": "completion",
    "submission_created": "submission",
    "submission_updated": "submission",
    "plagiarism_resubmit": "submission",
    "grade_change": "grade",
    "discussion_topic_created": "topic",
    "discussion_topic_updated": "topic",
    "discussion_entry_created": "entry",
    "discussion_entry_submitted": "entry",
    "asset_accessed": "view",
    "logged_in": "session",
    "logged_out": "session",
}
_RUNNING = "change by whoever runs the site or a course"
SILENT = {
    "quiz_submitted": "told by the submission of the quiz",
    "conversation_created": "private message",
    "conversation_forwarded": "private message",
    "conversation_message_created": "private message",
    "submission_comment_created": "comment on one's own work, between learner and trainer",
    "course_grade_change": "total of grades that are counted one by one",
    "enrollment_state_created": "told by the enrolment",
    "enrollment_state_updated": "told by the enrolment",
    "rubric_assessed": "told by the grade",
    "learning_outcome_result_created": "told by the grade",
    "learning_outcome_result_updated": "told by the grade",
    "attachment_created": "file, told by what it was made for",
    "attachment_updated": "file, told by what it was made for",
    "attachment_deleted": "file, told by what it was made for",
    **{
        f"{thing}_{change}": _RUNNING
        for thing in (
            "account", "account_notification", "assignment", "assignment_group", "assignment_override", "content_migration", "course", "course_section", "group",
            "group_category", "group_membership", "learning_outcome", "learning_outcome_group", "learning_outcome_link", "lti_resource_link", "module", "module_item",
            "outcome_calculation_method", "outcome_proficiency", "sis_batch", "syllabus", "user", "user_account_association", "wiki_page",
        )
        for change in ("created", "updated", "deleted")
    },
}  # fmt: skip
