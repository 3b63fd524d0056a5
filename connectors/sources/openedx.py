"""Open edX: what learners do in courses, out of the platform's tracking logs.

API         tracking logs: files as the LMS rotates them, plain or packed, one event a line with or without the logger's prefix; events of
            event-tracking and of the event bus have the same names and are read as well. No request is made to the platform
Permission  to read the files
People      user id, or username where an event has no other; the directory may know either. Whose grade it is stands in the event, not in its
            context, which names who set it off. An event without a user is quarantined
One answer  leaves four traces: a request, `problem_check` of the browser, `problem_check` of the server, `problem_graded`. The server's counts
Content     posts become features in the pull stage. Of answers only the chosen options of closed questions are kept, and not even those when
            the setting `answers` says so; what people type never is. Titles of threads are theirs, so no thread has a name
Replies     responses and comments are `replied`, with what they answer as parent; threads of type question are `asked`
Late facts  logs are shipped late; the look-back is 3 days, and files that have not changed since are not opened
Kept        as long as the logs: the platform itself forgets nothing and shows nothing
Not seen    pages that were only looked at: requests of pages and handlers are left out, what was done there has an event of its own. How long
            a video was watched is not stated: play and pause say positions, and their pairs belong to whoever reads all of them
Verified    with the fixtures and the log of Open edX's own xAPI exporter; docs/openedx-differences.md lists where we differ, and why
"""

import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, ClassVar
from urllib.parse import quote

import orjson

from connectors.files import changed_at_s, lines, matching
from connectors.http import Api
from connectors.source import Connection, Kind, Record, Setting, Source, Verified, Window, maps
from leerstroom.errors import BadRecord
from leerstroom.people import People
from leerstroom.statements import (
    Ignored,
    Outcome,
    Retracted,
    activity,
    duration,
    name_uuid,
    parse_time,
    statement,
    types,
    verbs,
)

# Names of events by what they are about. Where the player and the app spell one event differently both stand here.
VIDEO = {
    **dict.fromkeys(("load_video", "edx.video.loaded"), verbs.INITIALIZED),
    **dict.fromkeys(("play_video", "edx.video.played"), verbs.PLAYED),
    **dict.fromkeys(("pause_video", "edx.video.paused"), verbs.PAUSED),
    **dict.fromkeys(("stop_video", "edx.video.stopped"), verbs.TERMINATED),
    **dict.fromkeys(("seek_video", "edx.video.position.changed"), verbs.SEEKED),
    **dict.fromkeys(("complete_video", "edx.video.completed"), verbs.COMPLETED),
    **dict.fromkeys(("speed_change_video", "edx.video.speed.changed"), verbs.INTERACTED),
}
CAPTIONS = {
    **dict.fromkeys(("show_transcript", "edx.video.transcript.shown", "edx.video.closed_captions.shown"), True),
    **dict.fromkeys(("video_show_cc_menu", "edx.video.language_menu.shown"), True),
    **dict.fromkeys(("hide_transcript", "edx.video.transcript.hidden", "edx.video.closed_captions.hidden"), False),
    **dict.fromkeys(("video_hide_cc_menu", "edx.video.language_menu.hidden"), False),
}
ENROLMENTS = {
    "edx.course.enrollment.activated": verbs.REGISTERED,
    "edx.course.enrollment.mode_changed": verbs.REGISTERED,
    "edx.course.enrollment.deactivated": verbs.UNREGISTERED,
}
COURSE_RESULTS = {
    "edx.course.grade.passed.first_time": verbs.PASSED,
    "edx.course.grade.now_passed": verbs.PASSED,
    "edx.course.grade.now_failed": verbs.FAILED,
}
STEPS = {
    **dict.fromkeys(("edx.ui.lms.sequence.next_selected", "seq_next"), "next unit"),
    **dict.fromkeys(("edx.ui.lms.sequence.previous_selected", "seq_prev"), "previous unit"),
    **dict.fromkeys(("edx.ui.lms.sequence.tab_selected", "seq_goto"), ""),
}
LINKS = {
    "edx.ui.lms.link_clicked": types.LINK,
    "edx.ui.lms.outline.selected": types.MODULE,
    "edx.ui.lms.sequence.outline.selected": types.MODULE,
}
HELP = ("showanswer", "edx.problem.hint.demandhint_displayed")
POSTS = {f"edx.forum.{what}.created": what for what in ("thread", "response", "comment")}
FORUM = {
    f"edx.forum.{what}.{done}": (what, verb)
    for what in ("thread", "response", "comment")
    for done, verb in (
        ("edited", verbs.EDITED),
        ("deleted", verbs.DELETED),
        ("viewed", verbs.VIEWED),
        ("voted", verbs.VOTED),
        ("reported", verbs.REPORTED),
        ("unreported", verbs.UNREPORTED),
    )
} | {"edx.forum.thread.followed": ("thread", verbs.FOLLOWED), "edx.forum.thread.unfollowed": ("thread", verbs.UNFOLLOWED)}  # fmt: skip
EXAMS = {
    f"edx.special_exam.{kind}.attempt.{done}": (types[f"{kind}-assessment"], verb)
    for kind in ("timed", "proctored", "practice")
    for done, verb in (("created", verbs.INITIALIZED), ("submitted", verbs.TERMINATED))
}
BOOKMARKS = ("edx.bookmark.added", "edx.bookmark.removed")
KINDS: Mapping[str, str] = {
    **dict.fromkeys((*VIDEO, *CAPTIONS), "video"),
    **dict.fromkeys(ENROLMENTS, "enrolment"),
    **dict.fromkeys(COURSE_RESULTS, "course_result"),
    **dict.fromkeys((*STEPS, *LINKS), "navigation"),
    **dict.fromkeys(HELP, "help"),
    **dict.fromkeys(POSTS, "post"),
    **dict.fromkeys(FORUM, "forum"),
    **dict.fromkeys(EXAMS, "exam"),
    **dict.fromkeys(BOOKMARKS, "bookmark"),
    "problem_check": "answer",
    "edx.problem.completed": "problem_completed",
    "edx.grades.problem.submitted": "problem_grade",
    "edx.grades.subsection.grade_calculated": "subsection_grade",
    "edx.grades.course.grade_calculated": "course_grade",
    "edx.completion.block_completion.changed": "block_completion",
    "edx.forum.searched": "search",
    "edx.certificate.created": "certificate",
    "openassessmentblock.create_submission": "submission",
}
CLOSED_QUESTIONS = frozenset({"choiceresponse", "multiplechoiceresponse", "optionresponse", "truefalseresponse"})
INTERACTIONS = {
    **dict.fromkeys(("choiceresponse", "multiplechoiceresponse", "optionresponse", "choicetextresponse"), "choice"),
    **dict.fromkeys(("stringresponse", "formularesponse", "annotationresponse", "symbolicresponse"), "fill-in"),
    "numericalresponse": "numeric",
    "imageresponse": "matching",
    "truefalseresponse": "true-false",
}
_DATA: Mapping[str, tuple[str, ...]] = {  # kind -> fields of an event's own data that are read, first the one or two that name its thing
    "video": ("id", "currentTime", "current_time", "duration", "old_time", "new_time", "old_speed", "new_speed"),
    "enrolment": ("course_id", "mode"),
    "course_result": ("course_id",),
    "navigation": ("id", "target_url", "tab_count", "current_tab", "target_tab", "old", "new"),
    "help": ("problem_id", "module_id", "hint_index"),
    "post": ("id", "thread_type", "discussion", "response", "user_course_roles", "user_forums_roles", "title", "body"),
    "forum": ("id", "vote_value", "undo_vote", "user_course_roles", "user_forums_roles"),
    "exam": ("attempt_code", "exam_content_id", "exam_name", "exam_default_time_limit_mins", "attempt_event_elapsed_time_secs"),
    "bookmark": ("component_usage_id",),
    "answer": ("problem_id", "grade", "max_grade", "success", "attempts", "submission"),
    "problem_completed": ("problem_id",),
    "problem_grade": ("problem_id", "weighted_earned", "weighted_possible"),
    "subsection_grade": ("block_id", "weighted_total_earned", "weighted_total_possible", "weighted_graded_earned", "weighted_graded_possible"),
    "course_grade": ("course_id", "percent_grade", "letter_grade"),
    "block_completion": ("block_id", "completion"),
    "search": (),
    "certificate": ("certificate_id",),
    "submission": ("submission_uuid", "attempt_number"),
}  # fmt: skip
_NAMED_BY = {kind: ([*names, "", ""][0], [*names, "", ""][1]) for kind, names in _DATA.items()}
_EVENT = ("name", "time", "user_id", "username", "course_id", "session", "device")
_IGNORED = {
    "request": "request of a page or handler; what was done there has an event of its own",
    "trace": "trace of an answer that the server's problem_check tells",
    "course": "course that is not read",
    "other": "event that says nothing of learning",
}
_TRAINERS = frozenset({"instructor", "staff", "limited_staff"})
_MODERATORS = frozenset({"administrator", "moderator", "group moderator", "community ta"})
_VIDEO = "https://w3id.org/xapi/video/extensions/"
_OPENEDX = "https://w3id.org/xapi/openedx/extension/"
_ACROSSX = "https://w3id.org/xapi/acrossx/extensions/"
_PROGRESS = "https://w3id.org/xapi/cmi5/result/extensions/progress"
_LETTER = "http://www.tincanapi.co.uk/activitytypes/grade_classification"
_ATTEMPT = "http://id.tincanapi.com/extension/attempt-id"
_ADDRESS = re.compile(r"[\w.+-]+(?:@|%40)[\w-]+\.[a-z]", re.IGNORECASE).search
_PERSONS_PAGE = re.compile(r"/(?:u|profile|user_profile)/[^/]+/?$", re.IGNORECASE).search
_TABLET = re.compile(r"\b(?:iPad|Tablet\b|Android(?!.*Mobi))", re.IGNORECASE).search
_MOBILE = re.compile(r"\b(?:Mobi|iPhone|iPod|Android)|edX/|org\.edx\.", re.IGNORECASE).search
_DESKTOP = re.compile(r"\((?:Windows|Macintosh|X11)").search


class OpenEdx(Source):
    """One Open edX platform."""

    name: ClassVar[str] = "openedx"
    title: ClassVar[str] = "Open edX"
    kind: ClassVar[Kind] = Kind.MOOC
    verified: ClassVar[Verified] = Verified.PAYLOADS
    look_back: ClassVar[timedelta] = timedelta(days=3)
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("host", "LMS", kind="url", help="its address, such as https://courses.example.org; it stands in the ids of courses and people"),
        Setting("files", "Log files", many=True, help="paths or addresses with *, such as /edx/var/log/tracking/tracking.log*"),
        Setting("courses", "Courses", many=True, required=False, help="course ids (with *) that are read; empty: all"),
        Setting("mandatory_courses", "Mandatory courses", many=True, required=False, help="course ids (with *) that the organisation or the law requires"),
        Setting("answers", "Answers", default=True, kind="flag", required=False, help="keep which options of closed questions were chosen"),
    )  # fmt: skip
    record_kinds: ClassVar[tuple[str, ...]] = (*_DATA, "event", "line")
    keep: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **{kind: (*_EVENT, *(f"data.{name}" for name in names)) for kind, names in _DATA.items()},
        "post": (*_EVENT, "data.id", "data.thread_type", "data.discussion.id", "data.response.id", "data.user_course_roles", "data.user_forums_roles"),
        "answer": (
            *_EVENT, "data.problem_id", "data.grade", "data.max_grade", "data.success", "data.attempts", "data.title",
            "data.questions.key", "data.questions.type", "data.questions.correct", "data.questions.answer",
        ),
        "submission": (*_EVENT, "data.submission_uuid", "data.attempt_number", "data.block", "data.title"),
        "event": ("sort",),
        "line": ("file", "line", "fault"),
    }  # fmt: skip
    content: ClassVar[Mapping[str, tuple[str, ...]]] = {"post": ("data.title", "data.body")}
    people: ClassVar[Mapping[str, Mapping[str, str]]] = {
        kind: {"user_id": "account", "username": "account"} for kind in _DATA
    }

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._keeps_answers = connection.get("answers", True)
        self._courses = tuple(connection.get("courses") or ())
        self._mandatory = tuple(connection.get("mandatory_courses") or ())
        self._course = lru_cache(10_000)(self._make_course)
        self._block_prefix = lru_cache(10_000)(self._make_block_prefix)
        self._enrolment = lru_cache(200_000)(self._make_enrolment)

    def api(self) -> Api:
        """Nothing is asked over HTTP; the object only counts zero requests."""
        return Api(self.tenant, connection=self.connection.name)

    # --- pull ---------------------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """Events of all files that happened inside the window. A line that cannot be read counts as of the event before it."""
        start, end = (_as_text(moment).removesuffix("Z") for moment in (window.start, window.end))
        for path in self._paths():
            if changed_at_s(path) < window.start.timestamp():
                continue
            name, is_inside = posixpath.basename(path), False
            try:
                for number, line in lines(path):
                    try:
                        event = self.parse(line)
                        is_inside = start <= happened(event).removesuffix("Z") < end
                        if is_inside:
                            yield from self.read(event)
                    except (BadRecord, ValueError) as error:
                        if is_inside:
                            yield _unreadable(name, number, error)
            except BadRecord as error:
                yield _unreadable(name, 0, error)

    def _paths(self) -> list[str]:
        return matching(self.connection["files"], connection=self.connection.name, suffixes=())

    def check(self, api: Api) -> str:
        """How many files there are, and the time of the newest event in the last one."""
        paths, newest = self._paths(), ""
        for path in paths[-1:]:
            for _, line in lines(path):
                try:
                    newest = max(newest, happened(self.parse(line)))
                except (ValueError, BadRecord):
                    continue
        return f"{len(paths)} log files; the newest event of the last one is of {newest or 'no time'}"

    # --- read ----------------------------------------------------------------------------------------------------------------------

    def parse(self, line: bytes) -> Any:
        """An event behind the prefix of the logger, which ends where the first brace stands."""
        return orjson.loads(line if line[:1] == b"{" else line[max(line.find(b"{"), 0) :])

    def read(self, payload: Any) -> Iterator[Record]:
        """One event of a tracking log (`event`, `time`) or of event-tracking (`data`, `timestamp`), both in one shape.

        Of an event that says nothing of learning only that is kept. Raises BadRecord for what is no event or has no time.
        """
        time = happened(payload)
        name = payload.get("name") or payload.get("event_type")
        kind = KINDS.get(name) if type(name) is str else None
        context = payload.get("context")
        if type(context) is not dict:
            context = {}
        if kind is None or (kind == "answer" and _is_of_browser(payload, context)):
            sort = _sort(name)
            yield Record("event", f"{sort} {time}", {"sort": sort})
            return
        data = payload.get("event", payload.get("data"))
        if type(data) is str and data[:1] == "{":
            data = orjson.loads(data)
        if type(data) is not dict:
            raise BadRecord("an event without data of its own")
        user = data.get("user_id") or context.get("user_id") or payload.get("user_id")
        session = payload.get("session") or context.get("session") or None
        course = data.get("course_id") or context.get("course_id") or payload.get("course_id")
        if self._courses and not _is_named(self._courses, course):
            yield Record("event", f"course {time}", {"sort": "course"})
            return
        names = _DATA[kind]
        kept = {each: data[each] for each in names if each in data}
        if kind == "answer":
            kept |= _answers(data, context, keeps_chosen=self._keeps_answers)
        elif kind == "submission":
            kept |= _module(context)
        first, second = _NAMED_BY[kind]
        yield Record(
            kind,
            f"{name} {time} {user or session or ''} {kept.get(first) or kept.get(second) or course or ''}",
            {
                "name": name,
                "time": time,
                "user_id": str(user) if user else None,
                "username": data.get("username") or payload.get("username") or context.get("username") or None,
                "course_id": course,
                "session": session,
                "device": _device(payload.get("agent") or context.get("agent") or ""),
                "data": kept,
            },
        )

    # --- map ------------------------------------------------------------------------------------------------------------------------

    @maps("event")
    def other(self, event: Record, people: People) -> Outcome:
        """What is no learning, or is told by another event."""
        return Ignored(_IGNORED[event["sort"]])

    @maps("line")
    def unreadable(self, line: Record, people: People) -> Outcome:
        """A line of a log, or a whole file, that cannot be read."""
        raise BadRecord(f"{line['file']} line {line['line']}: {line['fault']}" if line["line"] else f"{line['fault']}")

    @maps("video")
    def video(self, event: Record, people: People) -> Outcome:
        """What was done with a video: `initialized`, `played`, `paused`, `seeked`, `terminated`, `completed`, or `interacted` with its captions or speed."""
        data, name = event["data"], event["name"]
        return statement(
            actor=_actor(event, people),
            verb=VIDEO.get(name, verbs.INTERACTED),
            object=activity(self._video(event["course_id"], data["id"]), types.VIDEO),
            result=_watched(name, data),
            **self._in_course(event, {"video-length": _seconds(data.get("duration"))}),
        )

    @maps("enrolment")
    def enrolment(self, event: Record, people: People) -> Outcome:
        """`registered` for a course, or `unregistered`; another mode is another registration."""
        mode = event["data"].get("mode")
        return statement(
            actor=_actor(event, people),
            verb=ENROLMENTS[event["name"]],
            object=activity(self._course_iri(event), types.COURSE, extensions={_ACROSSX + "type": mode or None}),
            **self._of_course(event),
        )

    @maps("course_result")
    def course_result(self, event: Record, people: People) -> Outcome:
        """`passed` or `failed` a course, as the grade stands."""
        return statement(
            actor=_actor(event, people),
            verb=COURSE_RESULTS[event["name"]],
            object=activity(self._course_iri(event), types.COURSE),
            **self._of_course(event),
        )

    @maps("course_grade")
    def course_grade(self, event: Record, people: People) -> Outcome:
        """`earned` a grade for a course so far: a share of all that can be earned."""
        data = event["data"]
        share = _number(data["percent_grade"])
        letter = data.get("letter_grade")
        return statement(
            actor=_actor(event, people),
            verb=verbs.EARNED,
            object=activity(self._course_iri(event), types.COURSE),
            result={
                "score": {"scaled": share, "raw": share, "min": 0.0, "max": 1.0},
                "extensions": {_LETTER: letter} if letter else None,
            },
            **self._in_course(event),
        )

    @maps("subsection_grade")
    def subsection_grade(self, event: Record, people: People) -> Outcome:
        """`earned` points of a subsection; of one that is not graded, those of its practice."""
        data = event["data"]
        part = "graded" if data.get("weighted_graded_possible") else "total"
        return statement(
            actor=_actor(event, people),
            verb=verbs.EARNED,
            object=activity(self._xblock(data["block_id"]), types.RESOURCE),
            result=_points(data.get(f"weighted_{part}_earned"), data.get(f"weighted_{part}_possible")),
            **self._in_course(event),
        )

    @maps("problem_grade")
    def problem_grade(self, event: Record, people: People) -> Outcome:
        """`attempted` a problem, with the points that it brought."""
        data = event["data"]
        return statement(
            actor=_actor(event, people),
            verb=verbs.ATTEMPTED,
            object=activity(self._xblock(data["problem_id"]), types.QUESTION),
            result=_points(data.get("weighted_earned"), data.get("weighted_possible")),
            **self._in_course(event),
        )

    @maps("answer")
    def answer(self, event: Record, people: People) -> Iterable[Outcome]:
        """`evaluated`: the answer to a problem; of several questions also each, with the problem as parent."""
        data = event["data"]
        questions: list[Mapping[str, Any]] = data.get("questions") or []
        actor, within = _actor(event, people), self._in_course(event)
        single = questions[0] if len(questions) == 1 else {}
        problem = activity(
            self._xblock(data["problem_id"]), types.CMI_INTERACTION,
            name=data.get("title"), interaction=_interaction(single.get("type")), extensions={_ATTEMPT: data.get("attempts")},
        )  # fmt: skip
        yield statement(
            actor=actor,
            verb=verbs.EVALUATED,
            object=problem,
            result=_points(data.get("grade"), data.get("max_grade"))
            | {"success": data.get("success") == "correct", "response": single.get("answer")},
            **within,
        )
        for question in questions if not single else ():
            yield statement(
                actor=actor,
                verb=verbs.EVALUATED,
                object=activity(
                    self._xblock(_question_key(data["problem_id"], question["key"])),
                    types.CMI_INTERACTION,
                    interaction=_interaction(question.get("type")),
                ),
                result={"success": question.get("correct"), "response": question.get("answer")},
                **{**within, "parent": activity(problem["id"], types.CMI_INTERACTION, name=data.get("title"))},
            )

    @maps("problem_completed")
    def problem_completed(self, event: Record, people: People) -> Outcome:
        """`completed` a problem; a proposed event, whose object has the bare key."""
        return statement(
            actor=_actor(event, people),
            verb=verbs.COMPLETED,
            object=activity(str(event["data"]["problem_id"]), types.CMI_INTERACTION),
            **self._in_course(event),
        )

    @maps("block_completion")
    def block_completion(self, event: Record, people: People) -> Outcome:
        """`progressed` in a block; completed when all of it is done."""
        done = _number(event["data"]["completion"])
        return statement(
            actor=_actor(event, people),
            verb=verbs.PROGRESSED,
            object=activity(self._xblock(event["data"]["block_id"]), types.RESOURCE),
            result={"completion": done >= 1, "extensions": {_PROGRESS: done * 100}},
            **self._in_course(event),
        )

    @maps("help")
    def help(self, event: Record, people: People) -> Outcome:
        """`asked` the platform for a hint or a solution."""
        data = event["data"]
        is_hint = "hint_index" in data
        iri = (
            f"{self._xblock(data['module_id'])}/hint/{int(data['hint_index'])}"
            if is_hint
            else f"{self._xblock(data['problem_id'])}/answer"
        )
        return statement(
            actor=_actor(event, people),
            verb=verbs.ASKED,
            object=activity(iri, types.SUPPLEMENTAL_INFO if is_hint else types.SOLUTION),
            **self._in_course(event),
        )

    @maps("exam")
    def exam(self, event: Record, people: People) -> Outcome:
        """`initialized` and `terminated` an attempt at a timed exam, with the time it took."""
        type_iri, verb = EXAMS[event["name"]]
        data = event["data"]
        key, took, within = (
            str(data["exam_content_id"]),
            data.get("attempt_event_elapsed_time_secs"),
            self._in_course(event),
        )
        attempt = activity(f"{self._xblock(key)}/attempt/{quote(str(data['attempt_code']), safe='')}", types.ATTEMPT)
        return statement(
            actor=_actor(event, people),
            verb=verb,
            object=activity(
                key,
                type_iri,
                name=data.get("exam_name"),
                extensions={_ACROSSX + "time-limit": data.get("exam_default_time_limit_mins")},
            ),
            result={"duration": duration(took)} if took and verb is verbs.TERMINATED else None,
            **{**within, "grouping": [*within["grouping"], attempt]},
        )

    @maps("navigation")
    def navigation(self, event: Record, people: People) -> Outcome:
        """`navigated` to a unit, a section of the outline, or a page that a link leads to."""
        data, name = event["data"], event["name"]
        if name in LINKS:
            iri = _link(data["target_url"])
            if iri is None:
                return Ignored("link to a person, or to no page")
            return statement(
                actor=_actor(event, people),
                verb=verbs.NAVIGATED,
                object=activity(iri, LINKS[name]),
                **self._in_course(event),
            )
        return statement(
            actor=_actor(event, people),
            verb=verbs.NAVIGATED,
            object=activity(
                self._xblock(data["id"]), types.RESOURCE, extensions={_ACROSSX + "total-items": data.get("tab_count")}
            ),
            **self._in_course(
                event,
                {
                    "starting-position": data.get("current_tab", data.get("old")),
                    "ending-point": STEPS[name] or data.get("target_tab", data.get("new")),
                },
            ),
        )

    @maps("post")
    def post(self, event: Record, people: People) -> Outcome:
        """`asked` or `posted` a thread; `replied` to it, or to a response."""
        data, seen, what = event["data"], event["features"], POSTS[event["name"]]
        thread = self._said("thread", _id(data["discussion"])) if what != "thread" else None
        asked = what == "thread" and (data.get("thread_type") == "question" or seen["is_question"])
        parent = thread if what == "response" else self._said("response", _id(data["response"])) if thread else None
        rule = "thread-type" if data.get("thread_type") == "question" else "question-in-text"
        return statement(
            actor=_actor(event, people),
            verb=verbs.REPLIED if thread else verbs.ASKED if asked else verbs.POSTED,
            object=self._said(what, data["id"]),
            **self._in_forum(event, features=seen, parent=parent, thread=thread),
            key=_post_key(what, data["id"]),
            rule=rule if asked else None,
            confidence=0.9 if asked and rule == "question-in-text" else None,
        )

    @maps("forum")
    def forum(self, event: Record, people: People) -> Iterable[Outcome]:
        """What happened to a post: `viewed`, `voted`, `edited`, `reported`, … A deletion also takes back the post, an undone vote the vote."""
        what, verb = FORUM[event["name"]]
        data = event["data"]
        vote = f"{what} {data['id']} vote {event['user_id'] or event['username']}"
        if verb is verbs.VOTED and data.get("undo_vote") is True:
            yield Retracted(vote, reason="vote undone")
            return
        yield statement(
            actor=_actor(event, people),
            verb=verb,
            object=self._said(what, data["id"]),
            **self._in_forum(event, vote=data.get("vote_value") if verb is verbs.VOTED else None),
            key=vote if verb is verbs.VOTED else "",
            revision=event["time"] if verb is verbs.VOTED else "",
        )
        if verb is verbs.DELETED:
            yield Retracted(_post_key(what, data["id"]), kind="post")

    @maps("search")
    def search(self, event: Record, people: People) -> Outcome:
        """`searched` the forum of a course; for what stays there."""
        return statement(
            actor=_actor(event, people),
            verb=verbs.SEARCHED,
            object=activity(f"{self._course_iri(event)}/forum", types.FORUM),
            **self._in_course(event),
        )

    @maps("bookmark")
    def bookmark(self, event: Record, people: People) -> Outcome:
        """`bookmarked` a unit, until it is taken off again."""
        block = str(event["data"]["component_usage_id"])
        key = f"bookmark {block} {event['user_id'] or event['username']}"
        if event["name"] == "edx.bookmark.removed":
            return Retracted(key, reason="bookmark removed")
        return statement(
            actor=_actor(event, people),
            verb=verbs.BOOKMARKED,
            object=activity(self._xblock(block), types.RESOURCE),
            **self._in_course(event),
            key=key,
            revision=event["time"],
        )

    @maps("certificate")
    def certificate(self, event: Record, people: People) -> Outcome:
        """`earned` the certificate of a course."""
        return statement(
            actor=_actor(event, people),
            verb=verbs.EARNED,
            object=activity(
                f"{self.tenant}/certificates/{quote(str(event['data']['certificate_id']), safe='')}",
                types.CERTIFICATION,
            ),
            **self._in_course(event),
        )

    @maps("submission")
    def submission(self, event: Record, people: People) -> Outcome:
        """`submitted` a response that peers or staff will assess."""
        data = event["data"]
        return statement(
            actor=_actor(event, people),
            verb=verbs.SUBMITTED,
            object=activity(self._xblock(data["block"]), types.SCHOOL_ASSIGNMENT, name=data.get("title")),
            **self._in_course(event),
        )

    # --- what all events of a course have in common --------------------------------------------------------------------------------

    def _in_course(self, event: Record, extensions: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Time, enrolment and place of what was done inside a course; the course is the parent, as other exporters have it."""
        course = self._course(event["course_id"])
        return {**self._of_course(event, extensions), "parent": course, "grouping": course}

    def _of_course(self, event: Record, extensions: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Time and enrolment of what was done with the course itself."""
        course = event["course_id"]
        told = {"session-id": event["session"], "device": event["device"]}
        if extensions:
            told.update(extensions)
        if self._mandatory and _is_named(self._mandatory, course):
            told |= {"initiator": "assigned", "mandatory": True}
        return {
            "timestamp": event["time"],
            "registration": self._enrolment(course, event["user_id"] or event["username"]) if course else None,
            "extensions": told,
        }

    def _in_forum(
        self,
        event: Record,
        *,
        features: Mapping[str, Any] | None = None,
        parent: dict[str, Any] | None = None,
        thread: dict[str, Any] | None = None,
        vote: Any = None,
    ) -> dict[str, Any]:
        """As in the course, with the role that the writer has there; a reply's parent is what it answers, not the course."""
        roles, said = event["data"], features or {}
        within = self._in_course(
            event,
            {
                "channel-kind": "course_community",
                "actor-role": _role(roles.get("user_course_roles"), roles.get("user_forums_roles")),
                "vote": vote,
                "text-length": said.get("length"),
                "text-language": said.get("language"),
                "has-link": said.get("has_link"),
                "is-question": said.get("is_question"),
                "is-thanks": said.get("is_thanks"),
            },
        )
        if thread:
            within |= {"parent": parent, "grouping": [*within["grouping"], thread]}
        return within

    # --- things and their addresses -----------------------------------------------------------------------------------------------

    def _xblock(self, key: Any) -> str:
        if type(key) is not str or not key:
            raise BadRecord("an event that names no block")
        return f"{self.tenant}/xblock/{key}"

    def _video(self, course: Any, block: Any) -> str:
        """The player names a block by the end of its key, the app by the whole key."""
        if type(block) is not str or not block:
            raise BadRecord("an event that names no block")
        return self._xblock(block) if ":" in block else self._block_prefix(course, "video") + block

    def _make_block_prefix(self, course: Any, kind: str) -> str:
        scheme, _, rest = str(course).partition(":")
        if not rest:  # before 2014: org/course/run, and a block is org-course-video-hash or its end
            raise BadRecord("a block of a course whose id is older than course-v1")
        return f"{self.tenant}/xblock/{'ccx-' if scheme.startswith('ccx') else ''}block-v1:{rest}+type@{kind}+block@"

    def _course_iri(self, event: Record) -> str:
        course = event["course_id"]
        if type(course) is not str or not course:
            raise BadRecord("an event that names no course")
        return f"{self.tenant}/course/{course}"

    def _make_course(self, course: Any) -> list[dict[str, Any]]:
        return [activity(f"{self.tenant}/course/{course}", types.COURSE)] if course else []

    def _make_enrolment(self, course: str, person: str | None) -> str:
        return name_uuid("enrolment", self.tenant, course, str(person))

    def _said(self, what: str, post: Any) -> dict[str, Any]:
        """A thread, or a response or comment, which the platform both calls comments. A title is what a person wrote: no name."""
        place = "threads" if what == "thread" else "comments"
        return activity(f"{self.tenant}/api/discussion/v1/{place}/{quote(str(post), safe='')}", types.DISCUSSION)


# --- who ---------------------------------------------------------------------------------------------------------------------------


def _actor(event: Record, people: People) -> dict[str, Any]:
    return people.actor(event["user_id"], also=event["username"])


def _role(course_roles: Any, forum_roles: Any) -> str | None:
    if isinstance(course_roles, list) and _TRAINERS.intersection(str(each).lower() for each in course_roles):
        return "trainer"
    if isinstance(forum_roles, list) and _MODERATORS.intersection(str(each).lower() for each in forum_roles):
        return "moderator"
    return None


@lru_cache(10_000)
def _device(agent: str) -> str | None:
    """What a browser or the app says of itself, reduced to the kind of device."""
    if _TABLET(agent):
        return "tablet"
    return "mobile" if _MOBILE(agent) else "desktop" if _DESKTOP(agent) else None


# --- events in one shape -----------------------------------------------------------------------------------------------------------


def happened(event: Any) -> str:
    """When an event happened, UTC, as precise as it says: `time` in a log, `timestamp` in event-tracking. Raises BadRecord for none."""
    if type(event) is not dict:
        raise BadRecord("no event of Open edX")
    told = event.get("time")
    if told is None and "event" not in event:
        told = event.get("timestamp")
    if type(told) is str and len(told) > 24 and told.endswith("+00:00"):
        return told[:-6] + "Z"
    if told is None:
        raise BadRecord("an event without time" if "name" in event or "event_type" in event else "no event of Open edX")
    return _as_text(parse_time(told, zone="UTC"))


def _as_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _is_of_browser(event: Mapping[str, Any], context: Mapping[str, Any]) -> bool:
    return (event.get("event_source") or context.get("event_source")) == "browser" or type(
        event.get("event", event.get("data"))
    ) is str


def _sort(name: Any) -> str:
    """Why an event is no statement."""
    text = str(name)
    if text in {"problem_check", "problem_graded"} or text.endswith("/problem_check"):
        return "trace"
    return "request" if text.startswith("/") else "other"


def _answers(data: Mapping[str, Any], context: Mapping[str, Any], *, keeps_chosen: bool) -> dict[str, Any]:
    """The questions of a problem that were answered; what was chosen where the question is closed, never what was typed."""
    submission = data.get("submission")
    if type(submission) is not dict:
        return {**_module(context), **({"questions": data["questions"]} if "questions" in data else {})}
    questions = []
    for key, told in submission.items():
        if not told.get("response_type"):
            continue
        kind, chosen = str(told["response_type"]), told.get("answer")
        question = {"key": key, "type": kind, "correct": told.get("correct") is True}
        if keeps_chosen and kind in CLOSED_QUESTIONS:
            question["answer"] = chosen if type(chosen) is str else json.dumps(chosen, ensure_ascii=False)
        questions.append(question)
    return {**_module(context), "questions": questions}


def _module(context: Mapping[str, Any]) -> dict[str, Any]:
    module = context.get("module")
    return {"block": module.get("usage_key"), "title": module.get("display_name")} if type(module) is dict else {}


def _unreadable(name: str, number: int, error: Exception) -> Record:
    fault = str(error) if isinstance(error, BadRecord) else "the line is no JSON"
    return Record("line", f"{name} line {number}", {"file": name, "line": number, "fault": fault})


# --- parts of statements -------------------------------------------------------------------------------------------------------------


def _watched(name: str, data: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the video profile says of a moment in a video: positions in seconds, to the millisecond."""
    verb = VIDEO.get(name)
    if verb is verbs.INITIALIZED:
        return None
    if verb is verbs.SEEKED:
        start = data["old_time"] if data.get("old_time") is not None else data.get("currentTime")
        return {
            "extensions": {_VIDEO + "time-from": _seconds(start), _VIDEO + "time-to": _seconds(data.get("new_time"))}
        }
    if verb is verbs.COMPLETED:
        length = round(_number(data["duration"]), 3)
        return {"completion": True, "duration": duration(length), "extensions": {_VIDEO + "time": length}}
    if verb is verbs.INTERACTED:
        return {
            "extensions": {
                _OPENEDX + "speed-from": f"{data['old_speed']}x",
                _OPENEDX + "speed-to": f"{data['new_speed']}x",
            }
        }
    position = _seconds(data.get("currentTime", data.get("current_time")))
    told = {} if position is None else {_VIDEO + "time": position}
    if verb is None:
        told[_VIDEO + "cc-enabled"] = CAPTIONS[name]
    return {"extensions": told} if told else None


def _seconds(value: Any) -> float | None:
    return None if value is None else round(_number(value), 3)


def _number(value: Any) -> float:
    if type(value) is float or type(value) is int:
        return float(value)
    if type(value) is str:
        return float(value)
    raise BadRecord("a number is expected where there is none")


def _points(earned: Any, possible: Any) -> dict[str, Any]:
    """Score and success of points. Where nothing can be earned there is no share and no success, and a minimum is no less than its maximum."""
    if earned is None:
        return {}
    if not possible:
        return {"score": {"raw": _number(earned)}}
    raw, most = _number(earned), _number(possible)
    return {"score": {"scaled": raw / most, "raw": raw, "min": 0.0, "max": most}, "success": raw >= most}


def _interaction(response_type: Any) -> str:
    return INTERACTIONS.get(response_type, "other")


def _question_key(problem: Any, key: Any) -> str:
    """A question of a problem: the problem's key with the question's own name at its end."""
    start, _, _ = str(problem).rpartition("@")
    return f"{start}@{key}"


def _post_key(what: str, post: Any) -> str:
    return f"{what} {post}"


def _id(value: Any) -> Any:
    return value["id"]


def _link(target: Any) -> str | None:
    """The page that a link leads to, or None for what is no page or the page of a person. A query with an address is cut off."""
    if type(target) is not str or not target.lower().startswith(("http://", "https://")):
        return None
    page, mark, query = target.partition("?")
    if _PERSONS_PAGE(page) or _ADDRESS(page):
        return None
    return quote(page if _ADDRESS(query) else page + mark + query, safe="%/:?#[]@!$&'()*+,;=~")


def _is_named(patterns: Iterable[str], course: Any) -> bool:
    return type(course) is str and any(fnmatchcase(course, pattern) for pattern in patterns)
