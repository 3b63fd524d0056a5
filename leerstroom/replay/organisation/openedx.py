"""Tracking logs of a course platform: people who visit courses, watch, solve, ask and pass; a packed file a day, as the platform rotates them."""

import gzip
import io
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from leerstroom.replay.organisation import texts
from leerstroom.replay.organisation.plan import Organisation, Told, openedx_id
from leerstroom.replay.organisation.rhythm import DAY, in_order

Event = dict[str, Any]
Line = tuple[Event, str]  # an event, and what becomes of it
_HOST = "https://leren.voorbeeldstad.example"
_COURSES, _UNITS = 40, 30
_SAMPLE = 3000
_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0 Mobile Safari/537.36",
)


def write(
    folder: Path, organisation: Organisation, records: int, told: Told, address: str
) -> dict[str, dict[str, Any]]:
    """Writes about so many events; returns the connection."""
    average = _Platform(organisation, organisation.draw("visits of a sample")).events_of_a_visit()
    platform = _Platform(organisation, organisation.draw("visits"))
    begins = organisation.rhythm.moments(max(1, round(records / average)), platform.draw)
    file: io.BufferedWriter | None = None
    day, end = "", organisation.rhythm.end
    for moment, (event, becomes) in in_order((begin, iter(platform.visit(begin))) for begin in begins):
        if moment >= end:
            break
        if event["time"][:10] != day or file is None:
            if file:
                file.close()
            day = event["time"][:10]
            # level 1: a log is written and read once; no time in its head, so that the same plan gives the same bytes
            packed = gzip.GzipFile(folder / f"tracking.log-{day.replace('-', '')}.gz", "wb", compresslevel=1, mtime=0)
            file = _Whole(packed, 1 << 20)
        file.write(orjson.dumps(event) + b"\n")
        told.record(becomes)
    if file:
        file.close()
    return {"courses": {"source": "openedx", "host": _HOST, "files": f"{folder.name}/tracking.log-*.gz"}}


class _Whole(io.BufferedWriter):
    """A buffer before a packed file; closing it closes both."""


class _Platform:
    """Courses of units, and how far everybody is in them."""

    def __init__(self, organisation: Organisation, draw: random.Random) -> None:
        self._organisation, self.draw = organisation, draw
        self._reached: dict[tuple[int, int], int] = {}  # (person, course) -> units done
        self._posts = 0

    def events_of_a_visit(self) -> float:
        """How many events a visit has on average; of a long row of them, since nobody knows it beforehand."""
        begins = range(0, _SAMPLE * DAY, DAY)
        return sum(len(self.visit(begin)) for begin in begins) / _SAMPLE

    def visit(self, begin: int) -> list[tuple[int, Line]]:
        """All events of one visit to a course, by time."""
        who = self._organisation.everyone.someone(self.draw)
        # people follow a few courses each; the first of all is one that everybody must
        course = 0 if self.draw.random() < 0.2 else 1 + (who * 7 + self.draw.randrange(3)) % (_COURSES - 1)
        visit = _Visit(who, course, begin, self._organisation.username(who), self.draw)
        reached = self._reached.get((who, course), -1)
        if reached < 0:
            visit.happens(
                "edx.course.enrollment.activated",
                {"course_id": visit.course, "mode": "audit", "user_id": visit.user},
                "registered",
            )
            reached = 0
        visit.request("course/")
        for _ in range(self.draw.randrange(1, 5)):
            unit = min(reached, _UNITS - 1)
            visit.goes_to(unit)
            if unit % 3 == 2:
                visit.solves(unit)
            else:
                visit.watches(unit)
            if reached == _UNITS - 1:
                visit.passes()
            reached += 1
        if self.draw.random() < 0.12:
            self._posts = visit.speaks(self._posts)
        visit.happens("page_close", "{}", "ignored", source="browser")
        self._reached[who, course] = min(reached, _UNITS)
        return visit.lines


class _Visit:
    """What one person does in one course at a stretch."""

    def __init__(self, who: int, course: int, begin: int, username: str, draw: random.Random) -> None:
        self.user, self._username, self._draw, self._now = openedx_id(who), username, draw, begin
        self.course = f"course-v1:Voorbeeldstad+L{course:03d}+2026"
        self._blocks = self.course.replace("course-v1:", "block-v1:")
        self._session = f"{draw.getrandbits(128):032x}"
        self._agent = _AGENTS[0] if draw.random() < 0.6 else draw.choice(_AGENTS[1:])
        self.lines: list[tuple[int, Line]] = []

    def happens(
        self, name: str, data: Any, becomes: str, *, source: str = "server", after_s: float = 2.0, **context: Any
    ) -> None:
        """One event, some time after the one before."""
        self._now += max(1, round(self._draw.expovariate(1 / after_s) * 1000))
        moment = datetime.fromtimestamp(self._now / 1000, UTC)
        event = {
            "name": name,
            "context": {"course_id": self.course, "org_id": "Voorbeeldstad", "path": "/event", "user_id": self.user, **context},
            "username": self._username, "session": self._session, "ip": "192.0.2.17", "agent": self._agent, "host": "leren.voorbeeldstad.example",
            "referer": f"{_HOST}/courses/{self.course}/", "accept_language": "nl-NL,nl;q=0.8", "event": data,
            "time": moment.isoformat(timespec="microseconds"), "event_type": name, "event_source": source, "page": None,
        }  # fmt: skip
        self.lines.append((self._now, (event, becomes)))

    def request(self, page: str, after_s: float = 1.0) -> None:
        """A request of a page or handler, which says nothing of learning."""
        self.happens(f"/courses/{self.course}/{page}", '{"GET": {}, "POST": {}}', "ignored", after_s=after_s)

    def goes_to(self, unit: int) -> None:
        """To the next unit."""
        place = {"id": self._block("sequential", unit // 5), "current_tab": unit % 5 + 1, "tab_count": 6}
        self.happens("edx.ui.lms.sequence.next_selected", place, "navigated", source="browser", after_s=5)
        self.request(f"xblock/{self._block('sequential', unit // 5)}/handler/goto_position")

    def watches(self, unit: int) -> None:
        """A video, perhaps with a pause and a jump back."""
        draw, length = self._draw, 120 + unit * 17 % 400
        clip = {"id": f"{self._number('video', unit):032x}", "code": "html5", "duration": length}
        self.happens("load_video", clip, "initialized", source="browser")
        self.happens("play_video", {**clip, "currentTime": 0}, "played", source="browser")
        if draw.random() < 0.5:
            place = draw.randrange(10, length)
            self.happens("pause_video", {**clip, "currentTime": place}, "paused", source="browser", after_s=60)
            self.request("xblock/handler/publish_completion")
            self.happens("play_video", {**clip, "currentTime": place}, "played", source="browser", after_s=30)
        if draw.random() < 0.2:
            self.happens(
                "seek_video",
                {**clip, "old_time": length - 5, "new_time": 20, "type": "onSlideSeek"},
                "seeked",
                source="browser",
                after_s=20,
            )
        self.happens("complete_video", clip, "completed", source="browser", after_s=length / 2)
        self.happens("stop_video", {**clip, "currentTime": length}, "terminated", source="browser", after_s=10)
        self._completes("video", unit)

    def solves(self, unit: int) -> None:
        """A problem, until it is right: each answer leaves four traces, and points."""
        problem = self._block("problem", unit)
        is_right = False
        while not is_right:
            is_right = self._draw.random() < 0.6
            self.request(f"xblock/{problem}/handler/xmodule_handler/problem_check", after_s=40)
            self.happens("problem_check", "input_2_1=choice_2", "ignored", source="browser", after_s=0.1)
            told = {
                "problem_id": problem, "grade": int(is_right), "max_grade": 1, "attempts": 1, "success": "correct" if is_right else "incorrect",
                "submission": {f"{self._number('problem', unit):032x}_2_1": {
                    "question": "Wat is een datalek?", "answer": "Een e-mail naar de verkeerde persoon", "response_type": "multiplechoiceresponse", "correct": is_right,
                }},
            }  # fmt: skip
            module = {"usage_key": problem, "display_name": f"Opgave {unit}"}
            self.happens("problem_check", told, "evaluated", after_s=0.1, module=module)
            self.happens(
                "problem_graded",
                ["input_2_1=choice_2", "<div>Bekijk de uitleg</div>"],
                "ignored",
                source="browser",
                after_s=0.1,
            )
            points = {
                "user_id": str(self.user),
                "course_id": self.course,
                "problem_id": problem,
                "weighted_earned": int(is_right),
                "weighted_possible": 1,
            }
            self.happens("edx.grades.problem.submitted", points, "attempted", after_s=0.1)
        self._completes("problem", unit)

    def passes(self) -> None:
        """The end of a course: a grade and a certificate."""
        known = {"user_id": self.user, "course_id": self.course}
        self.happens("edx.course.grade.now_passed", known, "passed", after_s=1)
        certificate = {**known, "certificate_id": f"{self._draw.getrandbits(128):032x}", "enrollment_mode": "audit"}
        self.happens("edx.certificate.created", certificate, "earned", after_s=1)

    def speaks(self, posts: int) -> int:
        """A thread of one's own, or a response to the one before; returns how many posts there are now."""
        number, forum = (
            posts + 1,
            {"commentable_id": "algemeen", "user_forums_roles": ["Student"], "user_course_roles": []},
        )
        if number % 3 == 1:
            thread = {
                **forum,
                "id": f"thread{number}",
                "thread_type": "question",
                "title": "Vraag",
                "body": texts.question(self._draw),
            }
            self.happens("edx.forum.thread.created", thread, "asked", after_s=120)
        else:
            response = {
                **forum,
                "id": f"response{number}",
                "discussion": {"id": f"thread{(number - 1) // 3 * 3 + 1}"},
                "body": texts.answer(self._draw),
            }
            self.happens("edx.forum.response.created", response, "replied", after_s=120)
        return number

    def _completes(self, kind: str, unit: int) -> None:
        done = {"user_id": self.user, "course_id": self.course, "block_id": self._block(kind, unit), "completion": 1.0}
        self.happens("edx.completion.block_completion.changed", done, "progressed", after_s=0.2)

    def _number(self, kind: str, unit: int) -> int:
        return {"video": 0xB2, "problem": 0xA1, "sequential": 0xC3}[kind] << 32 | unit

    def _block(self, kind: str, unit: int) -> str:
        return f"{self._blocks}+type@{kind}+block@{self._number(kind, unit):032x}"
