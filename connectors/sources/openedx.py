"""Open edX: what learners do in courses, out of the platform's tracking logs.

API         tracking logs: files as the LMS rotates them, plain or packed, one event a line with or without the logger's prefix; events of
            event-tracking and of the event bus have the same names and are read as well. No request is made to the platform
Permission  to read the files
People      user id, or username where an event has no other; the directory may know either. Whose grade it is stands in the event, not in its
            context, which names who set it off. An event without a user is quarantined
One answer  leaves four traces: a request, `problem_check` of the browser, `problem_check` of the server, `problem_graded`. The server's counts
Content     posts become features in the pull stage. Of answers only whether they were right is kept; with the setting `answers` also which options of
            closed questions were chosen. What people type never is. Titles of threads are theirs, so no thread has a name
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
from itertools import chain
from typing import Any, ClassVar
from urllib.parse import quote

import msgspec
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
    namer,
    parse_time,
    shared_place,
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
_DATA: Mapping[str, frozenset[str]] = {  # kind -> fields of an event's own data that are read
    kind: frozenset(names.split())
    for kind, names in {
        "video": "id code currentTime current_time duration old_time new_time old_speed new_speed",
        "enrolment": "mode",
        "course_result": "",
        "navigation": "id target_url tab_count current_tab target_tab old new",
        "help": "module_id problem_id hint_index",
        "post": "id thread_type discussion response user_course_roles user_forums_roles title body",
        "forum": "id vote_value undo_vote user_course_roles user_forums_roles",
        "exam": "exam_content_id exam_name exam_default_time_limit_mins attempt_code attempt_event_elapsed_time_secs",
        "bookmark": "component_usage_id",
        "answer": "problem_id grade max_grade success attempts submission",
        "problem_completed": "problem_id",
        "problem_grade": "problem_id weighted_earned weighted_possible",
        "subsection_grade": "block_id weighted_total_earned weighted_total_possible weighted_graded_earned weighted_graded_possible",
        "course_grade": "percent_grade letter_grade",
        "block_completion": "block_id completion",
        "search": "",
        "certificate": "certificate_id",
        "submission": "submission_uuid attempt_number",
    }.items()
}
_NAMED_BY = {  # kind -> which of them names the thing, or which other one does
    **dict.fromkeys(_DATA, ("", "")),
    **dict.fromkeys(("video", "post", "forum"), ("id", "")),
    **dict.fromkeys(("answer", "problem_completed", "problem_grade"), ("problem_id", "")),
    **dict.fromkeys(("subsection_grade", "block_completion"), ("block_id", "")),
    "navigation": ("id", "target_url"),
    "help": ("module_id", "problem_id"),
    "exam": ("attempt_code", "exam_content_id"),
    "bookmark": ("component_usage_id", ""),
    "certificate": ("certificate_id", ""),
    "submission": ("submission_uuid", ""),
}
_READ = {kind: (names, *_NAMED_BY[kind]) for kind, names in _DATA.items()}
_MOMENTS = frozenset(name for name, verb in VIDEO.items() if verb in (verbs.PLAYED, verbs.PAUSED, verbs.TERMINATED))
_NO_TIME = duration(
    0
)  # beside an answer: its parts and its points take none of their own, or minutes would be counted twice
_EVENT = ("name", "time", "user_id", "username", "course_id", "session", "device")
_IGNORED = {
    "request": "request of a page or handler; what was done there has an event of its own",
    "trace": "trace of an answer that the server's problem_check tells",
    "course": "course that is not read",
    "other": "event that says nothing of learning",
}
_TRAINERS = frozenset({"instructor", "staff", "limited_staff"})
_MODERATORS = frozenset({"administrator", "moderator", "group moderator", "community ta"})
_TIME = "https://w3id.org/xapi/video/extensions/time"
_CAPTIONS = "https://w3id.org/xapi/video/extensions/cc-enabled"
_SPEED = "https://w3id.org/xapi/openedx/extension/speed"
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
    reads_anew: ClassVar[bool] = True
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("host", "LMS", kind="url", help="its address, such as https://courses.example.org; it stands in the ids of courses and people"),
        Setting("files", "Log files", many=True, help="paths or addresses with *, such as /edx/var/log/tracking/tracking.log*"),
        Setting("courses", "Courses", many=True, required=False, help="course ids (with *) that are read; empty: all"),
        Setting("mandatory_courses", "Mandatory courses", many=True, required=False, help="course ids (with *) that the organisation or the law requires"),
        Setting("answers", "Answers", default=False, kind="flag", required=False, help="keep which options of closed questions were chosen"),
    )  # fmt: skip
    record_kinds: ClassVar[tuple[str, ...]] = (*_DATA, "event", "line")
    keep: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **{kind: (*_EVENT, *names) for kind, names in _DATA.items()},
        "post": (*_EVENT, "id", "thread_type", "discussion.id", "response.id", "user_course_roles", "user_forums_roles"),
        "answer": (
            *_EVENT, "problem_id", "grade", "max_grade", "success", "attempts", "block_name",
            "questions.key", "questions.type", "questions.correct", "questions.answer",
        ),
        "submission": (*_EVENT, "submission_uuid", "attempt_number", "block", "block_name"),
        "enrolment": (*_EVENT, "mode", "initiator"),
        "event": ("sort",),
        "line": ("file", "line", "fault"),
    }  # fmt: skip
    content: ClassVar[Mapping[str, tuple[str, ...]]] = {"post": ("title", "body")}
    people: ClassVar[Mapping[str, Mapping[str, str]]] = {
        kind: {"user_id": "account", "username": "account"} for kind in _DATA
    }

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._keeps_answers = connection.get("answers", False)
        self._courses = tuple(connection.get("courses") or ())
        self._mandatory = tuple(connection.get("mandatory_courses") or ())
        self._course = lru_cache(10_000)(self._make_course)
        self._video_prefix = lru_cache(10_000)(self._make_video_prefix)
        self._enrolment = namer("enrolment", self.tenant)

    def api(self) -> Api:
        """Nothing is asked over HTTP; the object only counts zero requests."""
        return Api(self.tenant, connection=self.connection.name)

    # --- pull ---------------------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """Events of all files that happened inside the window. A line that cannot be read counts as of the event before it."""
        start, end = _as_text(window.start).removesuffix("Z"), _as_text(window.end).removesuffix("Z")
        for path in self._paths():
            if changed_at_s(path) < window.start.timestamp():
                continue
            name, is_inside = posixpath.basename(path), False
            try:
                for number, line in lines(path):
                    try:
                        event = self.parse(line)
                        event = event if type(event) is Event else _event(event)
                        is_inside = start <= event.moment().removesuffix("Z") < end
                        records = list(self.read(event)) if is_inside else []
                    except (BadRecord, ValueError, TypeError, AttributeError, KeyError) as error:
                        records = [_unreadable(name, number, error)] if is_inside else []
                    yield from records
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
                    newest = max(newest, _event(orjson.loads(line[max(line.find(b"{"), 0) :])).moment())
                except (ValueError, BadRecord):
                    continue
        return f"{len(paths)} log files; the newest event of the last one is of {newest or 'no time'}"

    # --- read ----------------------------------------------------------------------------------------------------------------------

    def parse(self, line: bytes) -> Any:
        """An event behind the prefix of the logger, which ends where the first brace stands. Of its fields only those are decoded that are read."""
        start = line[:1]
        if start == b"[":
            return orjson.loads(line)
        text = line if start == b"{" else line[max(line.find(b"{"), 0) :]
        try:
            return _decode(text)
        except msgspec.ValidationError:
            return orjson.loads(text)  # JSON of another shape; `read` says so

    def parse_all(self, lines: Iterable[bytes]) -> list[Any]:
        """Events; where all stand without a prefix, as they do but for few platforms, nothing has to be looked for."""
        lines = list(lines)
        try:
            return list(map(_decode, lines))
        except msgspec.DecodeError:
            return super().parse_all(lines)

    def read(self, payload: Any) -> Iterable[Record]:
        """One event of a tracking log (`event`, `time`) or of event-tracking (`data`, `timestamp`), or several, all in one shape.

        Of an event that says nothing of learning only that is kept. Raises BadRecord for what is no event or has no time.
        """
        if type(payload) is list and payload:
            return chain.from_iterable(map(self.read, payload))
        event: Event = payload if type(payload) is Event else _event(payload)
        context, time, name = event.context or _NO_CONTEXT, event.moment(), event.name or event.event_type
        kind = KINDS.get(name) if type(name) is str else None
        if kind is None or (kind == "answer" and event.is_of_browser()):
            return _passed_over(_sort(name), time)
        data = event.event
        if type(data) is not dict:
            data = _table(event.data if data is msgspec.UNSET else data)
        theirs, trigger, username = data.get("user_id"), context.user_id or event.user_id, data.get("username")
        user = theirs or trigger
        is_own = not theirs or theirs == trigger or str(theirs) == str(trigger)  # or somebody else set it off
        session, device = event.session or context.session or None, None
        if is_own:
            username = username or event.username or context.username
            device = _device((event.agent or context.agent or "")[:_LONGEST_AGENT])
        course = data.get("course_id") or context.course_id or event.course_id
        if self._courses and not _is_named(self._courses, course):
            return _passed_over("course", time)
        names, first, other = _READ[kind]
        told = data if names.issuperset(data) else {each: value for each, value in data.items() if each in names}
        if kind == "answer":
            told = {**told, **_answers(data, context.module, keeps_chosen=self._keeps_answers)}
        elif kind == "submission":
            told = {**told, **_module(context.module)}
        elif kind == "enrolment" and trigger and user:
            told = {**told, "initiator": "self" if is_own else "assigned"}
        elif "target_url" in told:
            told = {**told, "target_url": _link(told["target_url"])}
        fields = {
            "name": name,
            "time": time,
            "user_id": str(user) if user else None,
            "username": username or None,
            "course_id": course,
            "session": session if is_own else None,
            "device": device,
            **told,
        }
        key = f"{name} {time} {user or session or ''} {told.get(first) or told.get(other) or course or ''}"
        return (Record(kind, key, fields),)

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
        """What was done with a video: `initialized`, `played`, `paused`, `seeked`, `terminated`, `completed`, or `interacted` with its captions or speed.

        Written out, because most events are of this kind: what the others share would cost a third more.
        """
        name, course, block = event["name"], event["course_id"], event["id"]
        actor = people.actor(event["user_id"], also=event["username"])
        iri = self._xblock(block) if ":" in block else self._video_prefix(course) + block
        result, place = _watched(name, event), self._course(course)
        extensions = {
            "session-id": event["session"],
            "device": event["device"],
            "video-length": _seconds(event.get("duration")),
        }
        if self._mandatory:
            extensions |= self._required(course)
        return statement(
            actor=actor,
            verb=VIDEO.get(name, verbs.INTERACTED),
            object=activity(iri, types.VIDEO),
            result=result,
            place=place,
            timestamp=event["time"],
            extensions=extensions,
        )

    @maps("enrolment")
    def enrolment(self, event: Record, people: People) -> Outcome:
        """`registered` for a course, or `unregistered`; another mode is another registration."""
        mode = event.get("mode")
        return statement(
            actor=_actor(event, people),
            verb=ENROLMENTS[event["name"]],
            object=activity(self._course_iri(event), types.COURSE, extensions={_ACROSSX + "type": mode or None}),
            **self._of_course(event, {"initiator": event.get("initiator")}),
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
        share = float(event["percent_grade"])
        letter = event.get("letter_grade")
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
        part = "graded" if event.get("weighted_graded_possible") else "total"
        return statement(
            actor=_actor(event, people),
            verb=verbs.EARNED,
            object=activity(self._xblock(event["block_id"]), types.RESOURCE),
            result=_points(event.get(f"weighted_{part}_earned"), event.get(f"weighted_{part}_possible")),
            **self._in_course(event),
        )

    @maps("problem_grade")
    def problem_grade(self, event: Record, people: People) -> Outcome:
        """`attempted` a problem, with the points that it brought; it takes no time, which lies in the answer."""
        return statement(
            actor=_actor(event, people),
            verb=verbs.ATTEMPTED,
            object=activity(self._xblock(event["problem_id"]), types.QUESTION),
            result=_points(event.get("weighted_earned"), event.get("weighted_possible")) | {"duration": _NO_TIME},
            **self._in_course(event),
        )

    @maps("answer")
    def answer(self, event: Record, people: People) -> Iterable[Outcome]:
        """`evaluated`: the answer to a problem; of several questions also each, with the problem as parent."""
        questions: list[Mapping[str, Any]] = event.get("questions") or []
        actor, within = _actor(event, people), self._in_course(event)
        single = questions[0] if len(questions) == 1 else {}
        problem = activity(
            self._xblock(event["problem_id"]), types.CMI_INTERACTION,
            name=event.get("block_name"), interaction=_interaction(single.get("type")), extensions={_ATTEMPT: event.get("attempts")},
        )  # fmt: skip
        yield statement(
            actor=actor,
            verb=verbs.EVALUATED,
            object=problem,
            result=_points(event.get("grade"), event.get("max_grade"))
            | {"success": event.get("success") == "correct", "response": single.get("answer")},
            **within,
        )
        for question in questions if not single else ():
            yield statement(
                actor=actor,
                verb=verbs.EVALUATED,
                object=activity(
                    self._xblock(_question_key(event["problem_id"], question["key"])),
                    types.CMI_INTERACTION,
                    interaction=_interaction(question.get("type")),
                ),
                result={"success": question.get("correct"), "response": question.get("answer"), "duration": _NO_TIME},
                **{
                    **within,
                    **_apart(within, activity(problem["id"], types.CMI_INTERACTION, name=event.get("block_name"))),
                },
            )

    @maps("problem_completed")
    def problem_completed(self, event: Record, people: People) -> Outcome:
        """`completed` a problem; a proposed event, whose object has the bare key."""
        return statement(
            actor=_actor(event, people),
            verb=verbs.COMPLETED,
            object=activity(str(event["problem_id"]), types.CMI_INTERACTION),
            **self._in_course(event),
        )

    @maps("block_completion")
    def block_completion(self, event: Record, people: People) -> Outcome:
        """`progressed` in a block; completed when all of it is done."""
        done = float(event["completion"])
        return statement(
            actor=_actor(event, people),
            verb=verbs.PROGRESSED,
            object=activity(self._xblock(event["block_id"]), types.RESOURCE),
            result={"completion": done >= 1, "extensions": {_PROGRESS: done * 100}},
            **self._in_course(event),
        )

    @maps("help")
    def help(self, event: Record, people: People) -> Outcome:
        """`viewed` a hint or the solution. It was asked of the platform: `asked` would be a question to people."""
        is_hint = "hint_index" in event
        iri = (
            f"{self._xblock(event['module_id'])}/hint/{int(event['hint_index'])}"
            if is_hint
            else f"{self._xblock(event['problem_id'])}/answer"
        )
        return statement(
            actor=_actor(event, people),
            verb=verbs.VIEWED,
            object=activity(iri, types.SUPPLEMENTAL_INFO if is_hint else types.SOLUTION),
            **self._in_course(event),
        )

    @maps("exam")
    def exam(self, event: Record, people: People) -> Outcome:
        """`initialized` and `terminated` an attempt at a timed exam, with the time it took."""
        type_iri, verb = EXAMS[event["name"]]
        key, took, within = (
            str(event["exam_content_id"]),
            event.get("attempt_event_elapsed_time_secs"),
            self._in_course(event),
        )
        attempt = activity(f"{self._xblock(key)}/attempt/{quote(str(event['attempt_code']), safe='')}", types.ATTEMPT)
        return statement(
            actor=_actor(event, people),
            verb=verb,
            object=activity(
                key,
                type_iri,
                name=event.get("exam_name"),
                extensions={_ACROSSX + "time-limit": event.get("exam_default_time_limit_mins")},
            ),
            result={"duration": duration(took)} if took and verb is verbs.TERMINATED else None,
            **{**within, **_apart(within, None, attempt)},
        )

    @maps("navigation")
    def navigation(self, event: Record, people: People) -> Outcome:
        """`navigated` to a unit, a section of the outline, or a page that a link leads to."""
        name = event["name"]
        if name in LINKS:
            if event["target_url"] is None:
                return Ignored("link to a person, or to no page")
            return statement(
                actor=_actor(event, people),
                verb=verbs.NAVIGATED,
                object=activity(event["target_url"], LINKS[name]),
                **self._in_course(event),
            )
        return statement(
            actor=_actor(event, people),
            verb=verbs.NAVIGATED,
            object=activity(
                self._xblock(event["id"]), types.RESOURCE, extensions={_ACROSSX + "total-items": event.get("tab_count")}
            ),
            **self._in_course(
                event,
                {
                    "starting-position": event.get("current_tab", event.get("old")),
                    "ending-point": STEPS[name] or event.get("target_tab", event.get("new")),
                },
            ),
        )

    @maps("post")
    def post(self, event: Record, people: People) -> Outcome:
        """`asked` or `posted` a thread; `replied` to it, or to a response."""
        seen, what = event["features"], POSTS[event["name"]]
        thread = self._said("thread", _id(event["discussion"])) if what != "thread" else None
        asked = what == "thread" and (event.get("thread_type") == "question" or seen["is_question"])
        parent = thread if what == "response" else self._said("response", _id(event["response"])) if thread else None
        rule = "thread-type" if event.get("thread_type") == "question" else "question-in-text"
        return statement(
            actor=_actor(event, people),
            verb=verbs.REPLIED if thread else verbs.ASKED if asked else verbs.POSTED,
            object=self._said(what, event["id"]),
            **self._in_forum(event, features=seen, parent=parent, thread=thread),
            key=_post_key(what, event["id"]),
            rule=rule if asked else None,
            confidence=0.9 if asked and rule == "question-in-text" else None,
        )

    @maps("forum")
    def forum(self, event: Record, people: People) -> Iterable[Outcome]:
        """What happened to a post: `viewed`, `voted`, `edited`, `reported`, … A deletion also takes back the post, an undone vote the vote."""
        what, verb = FORUM[event["name"]]
        vote = f"{what} {event['id']} vote {event['user_id'] or event['username']}"
        if verb is verbs.VOTED and event.get("undo_vote") is True:
            yield Retracted(vote, reason="vote undone")
            return
        yield statement(
            actor=_actor(event, people),
            verb=verb,
            object=self._said(what, event["id"]),
            **self._in_forum(event, vote=event.get("vote_value") if verb is verbs.VOTED else None),
            key=vote if verb is verbs.VOTED else "",
            revision=event["time"] if verb is verbs.VOTED else "",
        )
        if verb is verbs.DELETED:
            yield Retracted(_post_key(what, event["id"]), kind="post")

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
        block = str(event["component_usage_id"])
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
                f"{self.tenant}/certificates/{quote(str(event['certificate_id']), safe='')}",
                types.CERTIFICATION,
            ),
            **self._in_course(event),
        )

    @maps("submission")
    def submission(self, event: Record, people: People) -> Outcome:
        """`submitted` a response that peers or staff will assess."""
        return statement(
            actor=_actor(event, people),
            verb=verbs.SUBMITTED,
            object=activity(self._xblock(event["block"]), types.SCHOOL_ASSIGNMENT, name=event.get("block_name")),
            **self._in_course(event),
        )

    # --- what all events of a course have in common --------------------------------------------------------------------------------

    def _in_course(self, event: Record, extensions: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Time, enrolment and place of what was done inside a course; the course is the parent, as other exporters have it."""
        return {**self._of_course(event, extensions), "place": self._course(event["course_id"])}

    def _of_course(self, event: Record, extensions: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Time and enrolment of what was done with the course itself."""
        course = event["course_id"]
        told = {"session-id": event["session"], "device": event["device"]}
        if extensions:
            told |= extensions
        if self._mandatory:
            told |= self._required(course)
        return {
            "timestamp": event["time"],
            "registration": self._enrolment(f"{course}\x1f{event['user_id'] or event['username']}") if course else None,
            "extensions": told,
        }

    def _required(self, course: Any) -> dict[str, Any]:
        return {"initiator": "assigned", "mandatory": True} if _is_named(self._mandatory, course) else {}

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
        said = features or {}
        within = self._in_course(
            event,
            {
                "channel-kind": "course_community",
                "actor-role": _role(event.get("user_course_roles"), event.get("user_forums_roles")),
                "vote": vote,
                "text-length": said.get("length"),
                "text-language": said.get("language"),
                "has-link": said.get("has_link"),
                "is-question": said.get("is_question"),
                "is-thanks": said.get("is_thanks"),
            },
        )
        return {**within, **_apart(within, parent, thread)} if thread else within

    # --- things and their addresses -----------------------------------------------------------------------------------------------

    def _xblock(self, key: Any) -> str:
        if type(key) is not str or not key:
            raise BadRecord("an event that names no block")
        return f"{self.tenant}/xblock/{key}"

    def _make_video_prefix(self, course: Any) -> str:
        scheme, _, rest = str(course).partition(":")
        if not rest:  # before 2014: org/course/run, and a block is org-course-video-hash or its end
            raise BadRecord("a block of a course whose id is older than course-v1")
        return f"{self.tenant}/xblock/{'ccx-' if scheme.startswith('ccx') else ''}block-v1:{rest}+type@video+block@"

    def _course_iri(self, event: Record) -> str:
        course = event["course_id"]
        if type(course) is not str or not course:
            raise BadRecord("an event that names no course")
        return f"{self.tenant}/course/{course}"

    def _make_course(self, course: Any) -> dict[str, list[dict[str, Any]]] | None:
        within = activity(f"{self.tenant}/course/{course}", types.COURSE)
        return shared_place(within, within) if course else None

    def _said(self, what: str, post: Any) -> dict[str, Any]:
        """A thread, or a response or comment, which the platform both calls comments. A title is what a person wrote: no name."""
        place = "threads" if what == "thread" else "comments"
        return activity(f"{self.tenant}/api/discussion/v1/{place}/{quote(str(post), safe='')}", types.DISCUSSION)


# --- where and who ---------------------------------------------------------------------------------------------------------------------------


def _apart(
    within: Mapping[str, Any], parent: dict[str, Any] | None, also: dict[str, Any] | None = None
) -> dict[str, Any]:
    """A place of its own: another parent than the course, or something more that groups."""
    course = (within["place"] or {}).get("grouping", [])
    return {"place": None, "parent": parent or course, "grouping": [*course, also] if also else course}


def _actor(event: Record, people: People) -> dict[str, Any]:
    return people.actor(event["user_id"], also=event["username"])


_LONGEST_AGENT = 1_000


def _role(course_roles: Any, forum_roles: Any) -> str | None:
    if isinstance(course_roles, list) and _TRAINERS.intersection(str(each).lower() for each in course_roles):
        return "trainer"
    if isinstance(forum_roles, list) and _MODERATORS.intersection(str(each).lower() for each in forum_roles):
        return "moderator"
    return None


@lru_cache(10_000)
def _device(agent: str) -> str | None:
    """What a browser or the app says of itself, reduced to the kind of device; give it no more than `_LONGEST_AGENT`, which is what servers take."""
    if _TABLET(agent):
        return "tablet"
    return "mobile" if _MOBILE(agent) else "desktop" if _DESKTOP(agent) else None


# --- events in one shape -----------------------------------------------------------------------------------------------------------


class Context(msgspec.Struct, gc=False):
    """What an event says of where it happened; event-tracking also says here who did it."""

    course_id: Any = None
    user_id: Any = None
    username: Any = None
    session: Any = None
    agent: Any = None
    event_source: Any = None
    module: Any = None


class Event(msgspec.Struct, gc=False):
    """An event as a log or event-tracking spells it, with no more than what is read of it: half the work of decoding all."""

    name: Any = None
    event_type: Any = None
    time: Any = None
    timestamp: Any = None
    username: Any = None
    user_id: Any = None
    session: Any = None
    agent: Any = None
    event_source: Any = None
    course_id: Any = None
    context: Context | None = None
    event: Any = msgspec.UNSET
    data: Any = msgspec.UNSET

    def moment(self) -> str:
        """When it happened, UTC, as precise as it says: `time` in a log, `timestamp` in event-tracking. Raises BadRecord for none."""
        told = self.time
        if told is None and self.event is msgspec.UNSET:
            told = self.timestamp
        if type(told) is str and told[-6:] == "+00:00" and len(told) > _SHORTEST_TIME:
            return told[:-6] + "Z"
        if told is None:
            raise BadRecord("an event without time" if self.name or self.event_type else "no event of Open edX")
        return _as_text(parse_time(told, zone="UTC"))

    def is_of_browser(self) -> bool:
        """Whether the browser says it; that of an old player has a text for data."""
        source = self.event_source or (self.context or _NO_CONTEXT).event_source
        return source == "browser" or type(self.data if self.event is msgspec.UNSET else self.event) is str


_NO_CONTEXT = Context()
_SHORTEST_TIME = len("2026-11-03T09:00:00+00:00") - 1
_decode = msgspec.json.Decoder(Event).decode


def _event(payload: Any) -> Event:
    """An event that was decoded as a whole; a record of our own has its data beside the rest."""
    if type(payload) is not dict:
        raise BadRecord("no event of Open edX")
    try:
        event = msgspec.convert(payload, Event)
    except msgspec.ValidationError as error:
        raise BadRecord("an event of unknown shape") from error
    if event.event is msgspec.UNSET and event.data is msgspec.UNSET:
        event.data = payload
    return event


def _table(data: Any) -> dict[str, Any]:
    """What an event says of itself; old players send it as a text."""
    if type(data) is str and data[:1] == "{":
        data = orjson.loads(data)
    if type(data) is not dict:
        raise BadRecord("an event without data of its own")
    return data


def _as_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _passed_over(sort: str, time: str) -> tuple[Record]:
    return (Record("event", f"{sort} {time}", {"sort": sort}),)


def _sort(name: Any) -> str:
    """Why an event is no statement."""
    text = str(name)
    if text in {"problem_check", "problem_graded"} or text.endswith("/problem_check"):
        return "trace"
    return "request" if text.startswith("/") else "other"


def _answers(data: Mapping[str, Any], module: Any, *, keeps_chosen: bool) -> dict[str, Any]:
    """The questions of a problem that were answered; what was chosen where the question is closed, never what was typed."""
    submission = data.get("submission")
    if type(submission) is not dict:
        return {**_module(module), **({"questions": data["questions"]} if "questions" in data else {})}
    questions = []
    for key, told in submission.items():
        if not told.get("response_type"):
            continue
        kind, chosen = str(told["response_type"]), told.get("answer")
        question = {"key": key, "type": kind, "correct": told.get("correct") is True}
        if keeps_chosen and kind in CLOSED_QUESTIONS:
            question["answer"] = chosen if type(chosen) is str else json.dumps(chosen, ensure_ascii=False)
        questions.append(question)
    return {**_module(module), "questions": questions}


def _module(module: Any) -> dict[str, Any]:
    return {"block": module.get("usage_key"), "block_name": module.get("display_name")} if type(module) is dict else {}


def _unreadable(name: str, number: int, error: Exception) -> Record:
    known = {True: str(error), False: f"unknown shape ({type(error).__name__})"}[isinstance(error, BadRecord)]
    fault = "the line is no JSON" if isinstance(error, ValueError) else known
    return Record("line", f"{name} line {number}", {"file": name, "line": number, "fault": fault})


# --- parts of statements -------------------------------------------------------------------------------------------------------------


def _watched(name: str, event: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the video profile says of a moment in a video: positions in seconds, to the millisecond."""
    if name in _MOMENTS:
        position = event.get("currentTime")
        return None if position is None else {"extensions": {_TIME: _seconds(position)}}
    if name in CAPTIONS:
        position = _seconds(event.get("currentTime", event.get("current_time")))
        return {
            "extensions": {_TIME: position, _CAPTIONS: CAPTIONS[name]}
            if position is not None
            else {_CAPTIONS: CAPTIONS[name]}
        }
    verb = VIDEO[name]
    if verb is verbs.SEEKED:
        start = event["old_time"] if event.get("old_time") is not None else event.get("currentTime")
        return {"extensions": {_TIME + "-from": _seconds(start), _TIME + "-to": _seconds(event.get("new_time"))}}
    if verb is verbs.COMPLETED:
        length = round(float(event["duration"]), 3)
        return {"completion": True, "duration": duration(length), "extensions": {_TIME: length}}
    if verb is verbs.INTERACTED:
        return {"extensions": {_SPEED + "-from": f"{event['old_speed']}x", _SPEED + "-to": f"{event['new_speed']}x"}}
    return None


def _seconds(value: Any) -> float | None:
    if type(value) is float:
        return round(value, 3)
    if type(value) is int:
        return float(value)
    return None if value is None else round(float(value), 3)


def _points(earned: Any, possible: Any) -> dict[str, Any]:
    """Score and success of points. Of nothing there is no share and no success, and a maximum must exceed its minimum."""
    if earned is None:
        return {}
    if not possible:
        return {"score": {"raw": float(earned), "min": 0.0}}
    raw, most = float(earned), float(possible)
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
