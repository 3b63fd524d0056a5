"""A Zoom account with webinars in series and learning meetings: who registered, came, left and came back, asked, and voted; one file."""

import base64
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from leerstroom.replay.organisation import texts
from leerstroom.replay.organisation.plan import Organisation, Told
from leerstroom.replay.organisation.rhythm import DAY, HOUR, MINUTE, zulu

Row = dict[str, Any]
_SECRETS = {"account_id": "voorbeeldstad", "client_id": "leerstroom", "client_secret": "of an account that is nobody's"}
_OF_A_SERIES = 4  # occurrences under one number
_SAMPLE = 200
_LATEST_HOUR = 3  # an occurrence lasts less


def write(
    folder: Path, organisation: Organisation, records: int, told: Told, address: str
) -> dict[str, dict[str, Any]]:
    """Writes about so many rows; returns the connection."""
    draw = organisation.draw("webinars")
    size = min(max(6, organisation.plan.employees // 12), 220, max(6, records // 8))
    sample = _Account(organisation, organisation.draw("webinars of a sample"), size)
    of_sample = Told()
    for number in range(_SAMPLE):
        sample.occurrence(number, organisation.rhythm.start, of_sample)
    count = max(2, round(records / (of_sample.records / _SAMPLE)))
    account = _Account(organisation, draw, size, hosts=max(2, count // 40))
    starts = list(_starts(organisation, count, draw))
    with (folder / "zoom.json").open("wb") as file:
        users = [{"id": _zoom_id(host), "email": organisation.email(host)} for host in account.hosts]
        file.write(orjson.dumps({**_SECRETS, "users": users})[:-1] + b',"occurrences":[')
        for number, start in enumerate(starts):
            occurrence = account.occurrence(number, start, told)
            file.write(b",\n" * (number > 0) + orjson.dumps(occurrence))
        file.write(b"]}\n")
    return {
        "webinars": {
            "source": "zoom",
            "host": f"{address}/v2",
            "oauth_host": address,
            **_SECRETS,
            "hosts": [organisation.email(host) for host in account.hosts],
            "meetings": ["Live chat*", "Intervisie*"],
            "live_chats": ["Live chat*", "Intervisie*"],
            "requests_per_minute": 600_000,
        }
    }


def _starts(organisation: Organisation, count: int, draw: random.Random) -> Iterator[int]:
    """Whole quarters of an hour, so early that everybody has left when the days are over."""
    last = organisation.rhythm.end - _LATEST_HOUR * HOUR
    for moment in organisation.rhythm.moments(count, draw):
        yield min(moment, last) // (15 * MINUTE) * 15 * MINUTE


class _Account:
    """Occurrences, and the people who come to them."""

    def __init__(self, organisation: Organisation, draw: random.Random, size: int, hosts: int = 2) -> None:
        self._organisation, self._draw, self._size = organisation, draw, size
        self.hosts = organisation.everyone.some(draw, hosts)

    def occurrence(self, number: int, start: int, told: Told) -> Row:
        """One occurrence with all its lists; counts them."""
        draw, series = self._draw, number // _OF_A_SERIES
        is_webinar = series % 5 < 3
        host = self.hosts[series % len(self.hosts)]
        size = max(3, round(self._size * draw.uniform(0.3, 1.7) * (1 if is_webinar else 0.15)))
        length = draw.choice((30, 45, 60, 90)) * MINUTE
        end = start + length + draw.randrange(10) * MINUTE
        people = [each for each in self._organisation.everyone.some(draw, size) if each != host]
        topic = texts.subject(series)
        made: Row = {
            "uuid": base64.b64encode(draw.randbytes(16)).decode(),
            "id": str(83_000_000_000 + series),
            "kind": "webinar" if is_webinar else "meeting",
            "topic": topic if is_webinar else f"{('Live chat', 'Intervisie')[series % 2]} {topic}",
            "host": _zoom_id(host),
            "start_time": zulu(start),
            "end_time": zulu(end),
            "duration": (end - start) // MINUTE,
            "scheduled": length // MINUTE,
            "participants": [],
            "registrants": [],
            "absentees": [],
            "questions": [],
            "polls": [],
        }
        for who in (host, *people):
            rows = self._stays(who, start, end, is_host=who == host)
            made["participants"] += rows
            waited = sum(row["status"] == "in_waiting_room" for row in rows)
            told.record("attended", rows=len(rows) - waited)
            for _ in range(waited):
                told.record("ignored")
        if is_webinar:
            self._around(made, people, host, start, told, is_first=number % _OF_A_SERIES == 0)
        return made

    def _stays(self, who: int, start: int, end: int, *, is_host: bool) -> list[Row]:
        """One row a stay: some wait first, some lose the connection and come back."""
        draw = self._draw
        joined = start + round(draw.gauss(0, 3)) * MINUTE - 2 * MINUTE + draw.randrange(MINUTE)
        left = end if is_host or draw.random() < 0.8 else draw.randrange(max(joined, start) + MINUTE, end)
        rows = []
        if draw.random() < 0.05:
            rows.append(self._stay(who, joined - 5 * MINUTE, joined, "in_waiting_room"))
        if draw.random() < 0.18 and left - joined > 10 * MINUTE:
            lost = draw.randrange(joined + MINUTE, left - 5 * MINUTE)
            rows.append(self._stay(who, joined, lost))
            joined = lost + draw.randrange(1000, 3 * MINUTE)
        return [*rows, self._stay(who, joined, left)]

    def _stay(self, who: int, joined: int, left: int, status: str = "in_meeting") -> Row:
        return {
            "id": _zoom_id(who), "participant_user_id": _zoom_id(who), "user_id": str(16_000_000 + self._draw.randrange(10**7)), "registrant_id": "",
            "name": self._organisation.full_name(who), "user_email": self._organisation.email(who), "join_time": zulu(joined), "leave_time": zulu(left),
            "duration": (left - joined) // 1000, "status": status, "failover": False, "bo_mtg_id": "", "customer_key": "",
        }  # fmt: skip

    def _around(self, made: Row, people: list[int], host: int, start: int, told: Told, *, is_first: bool) -> None:
        """Registrations, absentees, questions with answers, and a poll."""
        draw, organisation = self._draw, self._organisation
        if is_first:  # they register for the series, once
            for who in people:
                made["registrants"].append(self._registration(who, start))
                told.record("registered")
        for who in organisation.everyone.some(draw, max(1, len(people) // 8)):
            if who not in people and who != host:
                made["absentees"].append(self._registration(who, start))
                told.record("ignored")
        for turn in range(draw.choice((0, 1, 2, 3, 5))):
            asker, asked = draw.choice(people), start + (5 + 4 * turn) * MINUTE
            detail: Row = {
                "question_id": base64.urlsafe_b64encode(draw.randbytes(12)).decode(), "question": texts.question(draw), "answer": "",
                "question_status": "open", "create_time": zulu(asked), "answer_details": [],
            }  # fmt: skip
            told.record("asked")
            if draw.random() < 0.7:
                detail["question_status"] = "answered"
                detail["answer_details"].append({
                    "user_id": _zoom_id(host), "email": organisation.email(host), "name": organisation.full_name(host), "content": texts.answer(draw),
                    "type": "default", "create_time": zulu(asked + 2 * MINUTE),
                })  # fmt: skip
                told.record("answered")
            person = {
                "user_id": _zoom_id(asker),
                "email": organisation.email(asker),
                "name": organisation.full_name(asker),
            }
            made["questions"].append({**person, "question_details": [detail]})
        poll = base64.urlsafe_b64encode(draw.randbytes(12)).decode()
        for who in people:
            if draw.random() < 0.4:
                voted = {
                    "polling_id": poll,
                    "question": "Gebruikt u dit al in uw werk?",
                    "answer": "Soms",
                    "date_time": zulu(start + 15 * MINUTE),
                }
                person = {
                    "email": organisation.email(who),
                    "name": organisation.full_name(who),
                    "first_name": "",
                    "last_name": "",
                }
                made["polls"].append({**person, "question_details": [voted]})
                told.record("answered-poll")

    def _registration(self, who: int, start: int) -> Row:
        created = start - self._draw.randrange(DAY, 14 * DAY)
        return {
            "id": f"r{_zoom_id(who)}", "email": self._organisation.email(who), "first_name": self._organisation.full_name(who).split()[0], "last_name": "",
            "status": "approved", "create_time": zulu(created), "join_url": "https://zoom.example/j/1",
        }  # fmt: skip


def _zoom_id(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(12, "big", signed=False)).decode()
