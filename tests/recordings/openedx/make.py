"""Writes the logs and the pairs of this folder: `python make.py`, then read the outcomes that UPDATE_PAIRS=1 pytest fills in."""

import gzip
import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
HOST = "https://leren.voorbeeldstad.example"
COURSE = "course-v1:Voorbeeldstad+AVG101+2025"
BLOCKS = COURSE.replace("course-v1:", "block-v1:")
AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"
PHONE = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0 Mobile Safari/537.36"
)
PEOPLE = {11: "anouk.devries", 12: "bas.jansen", 13: "elif.yilmaz", 2: "redactie.academie"}


def event(name: str, time: str, data: Any, user: int | None = 11, *, source: str = "server", agent: str = AGENT, **context: Any) -> dict[str, Any]:  # fmt: skip
    """An event of the log, as the middleware fills it in; a server task has nobody in its context."""
    return {
        "name": name,
        "context": {"course_id": COURSE, "org_id": "Voorbeeldstad", "path": "/event", **({"user_id": user} if user else {}), **context},
        "username": PEOPLE[user] if user else "",
        "session": f"5e55104{user:025d}" if user else "",
        "ip": "192.0.2.17" if user else "",
        "agent": agent if user else "",
        "host": "leren.voorbeeldstad.example",
        "referer": f"{HOST}/courses/{COURSE}/",
        "accept_language": "nl-NL,nl;q=0.8",
        "event": data,
        "time": time,
        "event_type": name,
        "event_source": source,
        "page": None,
    }  # fmt: skip


def tracked(name: str, time: str, data: Any, user: int = 11, **context: Any) -> dict[str, Any]:
    """An event as event-tracking hands it on."""
    return {
        "name": name,
        "timestamp": time,
        "data": data,
        "context": {"course_id": COURSE, "user_id": user, "username": PEOPLE[user], "session": f"5e55104{user:025d}", "agent": AGENT, **context},
    }  # fmt: skip


def block(kind: str, number: int) -> str:
    """The key of a block of the course."""
    return f"{BLOCKS}+type@{kind}+block@{number:032x}"


PROBLEM, VIDEO, EXAM = block("problem", 0xA1), f"{0xB2:032x}", block("sequential", 0xC3)
CLIP = {"id": VIDEO, "code": "html5", "duration": 195}
FORUM: dict[str, Any] = {
    "commentable_id": "algemeen",
    "user_forums_roles": ["Student"],
    "user_course_roles": [],
    "url": f"{HOST}/x",
}


def graded(*questions: tuple[str, str, Any, bool], grade: float, most: float) -> dict[str, Any]:
    """The server's own word on an answer: (end of the question's name, kind, answer, whether it is right)."""
    return {
        "problem_id": PROBLEM, "grade": grade, "max_grade": most, "attempts": 2, "success": "correct" if grade == most else "incorrect",
        "submission": {
            f"{0xA1:032x}{end}": {"question": "Wat is een datalek?", "answer": answer, "response_type": kind, "input_type": "x", "correct": right}
            for end, kind, answer, right in questions
        },
    }  # fmt: skip


CHOSEN = ("_2_1", "multiplechoiceresponse", "Een e-mail naar de verkeerde persoon", True)
TYPED = ("_3_1", "stringresponse", "Ik denk dat Bas Jansen het verkeerd doet", False)
SEVERAL = ("_4_1", "choiceresponse", ["Versleutelen", "Melden"], True)
MODULE = {"module": {"usage_key": PROBLEM, "display_name": "Datalekken herkennen"}}
THREAD = {**FORUM, "id": "thread1", "thread_type": "question", "title": "Mag dit?", "body": "<p>Mag ik een presentielijst mailen naar jan@voorbeeld.example?</p>"}  # fmt: skip
RESPONSE = {**FORUM, "id": "response1", "discussion": {"id": "thread1"}, "body": "<p>Alleen versleuteld, zie de handreiking in module twee.</p>"}  # fmt: skip
COMMENT = {**FORUM, "id": "comment1", "discussion": {"id": "thread1"}, "response": {"id": "response1"}, "body": "<p>Dank je, dat helpt!</p>"}  # fmt: skip
ATTEMPT = {
    "exam_content_id": EXAM, "exam_name": "Toets AVG", "exam_default_time_limit_mins": 60, "attempt_code": "7F0B", "attempt_id": 1, "attempt_user_id": 11,
    "attempt_started_at": "2025-11-04T10:00:00+00:00", "attempt_event_elapsed_time_secs": None,
}  # fmt: skip
FOUR_TRACES = [
    event(f"/courses/{COURSE}/xblock/{PROBLEM}/handler/xmodule_handler/problem_check", "2025-11-04T09:20:00.100000+00:00",
          '{"GET": {}, "POST": {"input_a1_2_1": ["choice_2"]}}'),
    event("problem_check", "2025-11-04T09:20:00.150000+00:00", "input_a1_2_1=choice_2", source="browser"),
    event("problem_check", "2025-11-04T09:20:00.200000+00:00", graded(CHOSEN, grade=1, most=1), **MODULE),
    event("problem_graded", "2025-11-04T09:20:00.300000+00:00", ["input_a1_2_1=choice_2", "<div>Goed, Anouk!</div>"], source="browser"),
]  # fmt: skip
FIRST_DAY = [
    event("edx.course.enrollment.activated", "2025-11-03T08:00:00.000001+00:00", {"course_id": COURSE, "mode": "audit", "user_id": 11}),
    event("edx.course.enrollment.activated", "2025-11-03T08:05:00+00:00", {"course_id": COURSE, "mode": "audit", "user_id": 12}, 2),
    event("load_video", "2025-11-03T08:10:00.500000+00:00", CLIP, source="browser"),
    event("play_video", "2025-11-03T08:10:02.250000+00:00", json.dumps({**CLIP, "currentTime": 0}), source="browser"),
    event("seek_video", "2025-11-03T08:11:00.250000+00:00", {**CLIP, "old_time": 58.01, "new_time": 120, "type": "onSlideSeek"}, source="browser"),
    event("speed_change_video", "2025-11-03T08:11:05+00:00", {**CLIP, "old_speed": "1.0", "new_speed": "1.50", "current_time": 125}, source="browser"),
    event("show_transcript", "2025-11-03T08:11:10+00:00", {**CLIP, "current_time": 130.1234}, source="browser"),
    event("pause_video", "2025-11-03T08:12:00+00:00", {**CLIP, "currentTime": 190.5}, source="browser"),
    event("complete_video", "2025-11-03T08:12:04+00:00", CLIP, source="browser"),
    event("stop_video", "2025-11-03T08:12:04.100000+00:00", {**CLIP, "currentTime": 195}, source="browser"),
    event("edx.video.played", "2025-11-03T18:30:00+00:00", {**CLIP, "id": block("video", 0xB2), "currentTime": 3}, 13, source="mobile", agent=PHONE),
    event("edx.ui.lms.sequence.next_selected", "2025-11-03T08:13:00+00:00", {"id": block("sequential", 0xD4), "current_tab": 2, "tab_count": 5}, source="browser"),
    event("edx.ui.lms.link_clicked", "2025-11-03T08:14:00+00:00", {"current_url": f"{HOST}/x", "target_url": f"{HOST}/courses/{COURSE}/jump_to/{EXAM}"}, source="browser"),
    event("edx.ui.lms.link_clicked", "2025-11-03T08:14:10+00:00", {"current_url": f"{HOST}/x", "target_url": f"{HOST}/u/anouk.devries"}, source="browser"),
    event("page_close", "2025-11-03T08:15:00+00:00", "{}", source="browser"),
    event(f"/courses/{COURSE}/progress", "2025-11-03T08:15:01+00:00", '{"GET": {}, "POST": {}}'),
    event("edx.bookmark.added", "2025-11-03T08:16:00+00:00", {"course_id": COURSE, "component_usage_id": block("vertical", 0xE5), "component_type": "vertical"}),
    event("edx.bookmark.added", "2025-11-03T08:16:20+00:00", {"course_id": COURSE, "component_usage_id": block("vertical", 0xE6), "component_type": "vertical"}, 12),
    event("edx.bookmark.removed", "2025-11-03T08:17:00+00:00", {"course_id": COURSE, "component_usage_id": block("vertical", 0xE5), "component_type": "vertical"}),
]  # fmt: skip
SECOND_DAY = [
    event("edx.forum.thread.created", "2025-11-04T09:00:00.120000+00:00", THREAD),
    event("edx.forum.thread.viewed", "2025-11-04T09:01:00+00:00", {**FORUM, "id": "thread1", "title": "Mag dit?"}, 12),
    event("edx.forum.response.created", "2025-11-04T09:05:00+00:00", RESPONSE, 12),
    event("edx.forum.response.voted", "2025-11-04T09:06:00+00:00", {**FORUM, "id": "response1", "vote_value": "up", "undo_vote": False}),
    event("edx.forum.comment.created", "2025-11-04T09:07:00+00:00", COMMENT),
    event("edx.forum.comment.created", "2025-11-04T09:07:30+00:00", {**COMMENT, "id": "comment2", "user_forums_roles": ["Moderator", "Student"], "body": "Let op de spelregels."}, 2),
    event("edx.forum.comment.deleted", "2025-11-04T09:08:00+00:00", {**FORUM, "id": "comment2", "body": "Let op de spelregels."}, 2),
    event("edx.forum.searched", "2025-11-04T09:09:00+00:00", {"query": "datalek melden bij anouk.devries", "total_results": 3, "page": 1, "group_id": None}, 13),
    event("showanswer", "2025-11-04T09:19:00+00:00", {"problem_id": PROBLEM}, 12),
    event("edx.problem.hint.demandhint_displayed", "2025-11-04T09:19:10+00:00", {"module_id": PROBLEM, "hint_index": 0, "hint_len": 2, "hint_text": "Denk aan de ontvanger"}),
    *FOUR_TRACES,
    event("edx.grades.problem.submitted", "2025-11-04T09:20:00.190000+00:00",
          {"user_id": "11", "course_id": COURSE, "problem_id": PROBLEM, "weighted_earned": 1, "weighted_possible": 1}),
    event("edx.completion.block_completion.changed", "2025-11-04T09:20:00.400000+00:00", {"user_id": 11, "course_id": COURSE, "block_id": PROBLEM, "completion": 1.0}),
    event("edx.grades.subsection.grade_calculated", "2025-11-04T09:20:02+00:00",
          {"user_id": "11", "course_id": COURSE, "block_id": EXAM, "weighted_total_earned": 3.0, "weighted_total_possible": 4.0, "weighted_graded_earned": 1.0, "weighted_graded_possible": 2.0}, None),
    event("edx.grades.course.grade_calculated", "2025-11-04T09:20:02.100000+00:00", {"user_id": "11", "course_id": COURSE, "percent_grade": 0.75, "letter_grade": "Pass"}, None),
    event("edx.course.grade.now_passed", "2025-11-04T09:20:02.200000+00:00", {"user_id": "11", "course_id": COURSE}, None),
    event("edx.course.grade.now_failed", "2025-11-04T09:25:02.200000+00:00", {"user_id": "12", "course_id": COURSE}, None),
    event("problem_check", "2025-11-04T09:30:00+00:00", graded(CHOSEN, TYPED, SEVERAL, grade=2, most=3), 12, **MODULE),
    event("edx.special_exam.timed.attempt.created", "2025-11-04T10:00:00+00:00", ATTEMPT),
    event("edx.special_exam.timed.attempt.submitted", "2025-11-04T10:40:00+00:00", {**ATTEMPT, "attempt_event_elapsed_time_secs": 2400.25}),
    event("openassessmentblock.create_submission", "2025-11-04T11:00:00+00:00", {
        "submission_uuid": "0d1c0000-0000-4000-8000-000000000001", "attempt_number": 1, "submitted_at": "2025-11-04T11:00:00Z", "answer": {"parts": [{"text": "Mijn plan van aanpak voor de afdeling"}]},
    }, module={"usage_key": block("openassessment", 0xF6), "display_name": "Plan van aanpak"}),
    event("edx.certificate.created", "2025-11-04T12:00:00+00:00", {"user_id": 11, "course_id": COURSE, "certificate_id": "c3rt1f1c4te", "enrollment_mode": "audit", "generation_mode": "self"}, None),
    event("edx.course.enrollment.deactivated", "2025-11-04T13:00:00+00:00", {"course_id": COURSE, "mode": "audit", "user_id": 13}, 13),
    event("edx.ui.lms.link_clicked", "2025-11-04T14:00:00+00:00", {"target_url": f"{HOST}/about"}, None, source="browser"),
]  # fmt: skip
PREFIX = "2025-11-04 09:00:00,123 INFO 27 [tracking] [user 11] [ip 192.0.2.17] logger.py:41 - "
BROKEN = PREFIX + '{"name": "play_video", "context": {"course_id": "cour'

PAIRS: dict[str, tuple[str, Any]] = {
    "one-answer-leaves-four-traces-and-is-one-statement": ("the request, the browser and the page that was drawn again say what the server says", FOUR_TRACES),
    "a-played-video-says-where": ("the player names the block by the end of its key; where it was is in the result, to the millisecond", FIRST_DAY[3]),
    "a-completed-video-lasted-as-long-as-it-is": ("the only event of a video that has a length in time", FIRST_DAY[8]),
    "the-app-names-a-block-by-its-whole-key": ("the app's event, from a phone", FIRST_DAY[10]),
    "a-seek-without-its-start-starts-at-the-current-time": ("as event-tracking hands it on", tracked("edx.video.position.changed", "2025-11-03T08:11:00Z", {**CLIP, "currentTime": 12.5, "new_time": 20})),
    "a-server-task-names-the-learner-in-its-data": ("an empty user name, no user in the context: the grade is of user 11", SECOND_DAY[16]),
    "an-enrolment-is-of-the-learner-not-of-the-clerk": ("user 2 enrols user 12", tracked("edx.course.enrollment.activated", "2025-11-03T08:05:00+00:00", {"course_id": COURSE, "mode": "audit", "user_id": 12, "username": "bas.jansen"}, 2)),
    "an-answer-to-several-questions-is-one-and-each": ("chosen options are kept, what was typed is not", SECOND_DAY[20]),
    "a-thread-of-type-question-is-asked": ("its title is what a person wrote, so it has no name", SECOND_DAY[0]),
    "a-response-replies-to-its-thread": ("the thread is the parent, the course groups", SECOND_DAY[2]),
    "a-comment-replies-to-its-response": ("the response is the parent", SECOND_DAY[4]),
    "a-moderator-writes-as-one": ("the role comes along", SECOND_DAY[5]),
    "a-deleted-post-is-said-and-taken-back": ("whoever deletes it", SECOND_DAY[6]),
    "an-undone-vote-takes-the-vote-back": ("the vote has the same key", tracked("edx.forum.thread.voted", "2025-11-04T09:30:00+00:00", {**FORUM, "id": "thread1", "vote_value": "up", "undo_vote": True}, 12)),
    "a-timed-exam-tells-how-long-it-took": ("2400.25 s", SECOND_DAY[22]),
    "of-nothing-there-is-no-share": ("0 of 0 points: no success, no maximum that does not exceed its minimum", tracked("edx.grades.problem.submitted", "2025-11-04T09:40:00+00:00", {"user_id": "11", "problem_id": PROBLEM, "weighted_earned": 0, "weighted_possible": 0})),
    "a-hint-is-viewed-and-no-question-to-people": ("asked of the platform, so not asked", SECOND_DAY[9]),
    "a-link-to-a-person-is-passed-over": ("profile pages have user names in their address", FIRST_DAY[13]),
    "an-address-in-a-link-is-cut-off": ("a query that holds an e-mail address", tracked("edx.ui.lms.link_clicked", "2025-11-03T08:14:10+00:00", {"target_url": "https://formulier.voorbeeldstad.example/aanvraag?naam=x&mail=anouk%40voorbeeldstad.example"})),
    "a-bookmark-taken-off-is-taken-back": ("the same key as when it was put on", FIRST_DAY[18]),
    "a-certificate-is-earned": ("of the course", SECOND_DAY[24]),
    "a-submission-for-peers": ("what was written stays behind", SECOND_DAY[23]),
    "an-event-of-nobody-is-quarantined": ("a visitor who is not logged in", SECOND_DAY[26]),
}  # fmt: skip


def main() -> None:
    """Writes everything; outcomes of pairs that are there already stay."""
    plain = [json.dumps(each, ensure_ascii=False) for each in FIRST_DAY]
    packed = gzip.compress(("\n".join(plain) + "\n").encode(), mtime=0)
    (HERE / "logs" / "tracking.log-20251104-1762214461.gz").write_bytes(packed)
    lines = [PREFIX + json.dumps(each) for each in SECOND_DAY]
    without_time = json.dumps({name: value for name, value in SECOND_DAY[4].items() if name != "time"})
    lines[3:3] = [BROKEN, "Traceback (most recent call last):", "", without_time]
    (HERE / "logs" / "tracking.log").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name, (why, payload) in PAIRS.items():
        path = HERE / "pairs" / f"{name}.json"
        outcomes = json.loads(path.read_text(encoding="utf-8"))["outcomes"] if path.exists() else []
        pair = {"why": why, "connection": {"host": HOST}, "payload": payload, "outcomes": outcomes}
        path.write_text(json.dumps(pair, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
