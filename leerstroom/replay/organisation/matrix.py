"""A homeserver with rooms in which people ask, answer, share, react, edit and delete; in the files that `leerstroom.replay.matrix` serves."""

import base64
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import orjson

from leerstroom.replay.organisation import texts
from leerstroom.replay.organisation.plan import Group, Organisation, Told
from leerstroom.replay.organisation.rhythm import DAY, HOUR, MINUTE, in_order

Event = dict[str, Any]
Happening = tuple[Event, str]  # an event, and what becomes of it
_EVENTS_A_ROOM, _MOST_MEMBERS = 3000, 250
_KINDS = ("set_up_community", "spontaneous_group", "course_community")
_TOKEN = "token-of-the-generated-homeserver"  # noqa: S105 - of a server that is nobody's
_SAMPLE = 3000  # conversations that say how many events one has


def write(
    folder: Path, organisation: Organisation, records: int, told: Told, address: str
) -> dict[str, dict[str, Any]]:
    """Writes about so many events; returns the connection."""
    domain = organisation.domain
    server = {"user_id": f"@leerstroom:{domain}", "token": _TOKEN, "name": domain}
    (folder / "server.json").write_bytes(orjson.dumps(server))
    (folder / "rooms").mkdir()
    count = max(2, records // _EVENTS_A_ROOM)
    sizes = [(number + 1) ** -0.5 for number in range(count)]  # some rooms are busy
    ends = [round(records * end / sum(sizes)) for end in accumulate(sizes)]
    average = _Room(organisation, "any", records).events_of_a_conversation()
    aliases = {}
    for number in range(count):
        room = _Room(organisation, number, ends[number] - (ends[number - 1] if number else 0))
        aliases[room.alias] = _KINDS[number % len(_KINDS)]
        with (folder / "rooms" / f"room-{number:05d}.jsonl").open("wb") as file:
            head = {"room_id": room.room_id, "alias": room.alias, "joined": True}
            file.write(orjson.dumps(head) + b"\n")
            file.writelines(orjson.dumps(event) + b"\n" for event in room.founding())
            for event, becomes in room.happenings(average):
                file.write(orjson.dumps(event) + b"\n")
                told.record(becomes)
    return {
        "chat": {
            "source": "matrix",
            "host": address,
            "server_name": domain,
            "token": _TOKEN,
            "rooms": list(aliases),
            "channel_kinds": aliases,
            "requests_per_minute": 600_000,
        }
    }


class _Room:
    """One room: who is in it, and what is said there."""

    def __init__(self, organisation: Organisation, number: int | str, events: int) -> None:
        self._organisation, self._events = organisation, events
        self._draw = organisation.draw("room", number)
        self._start, self._end = organisation.rhythm.start, organisation.rhythm.end
        self.room_id = f"!{self._id()[1:]}"
        self._name = texts.subject(number) if isinstance(number, int) else number
        self.alias = f"#{self._name.lower().replace(' ', '-')}:{organisation.domain}"
        size = min(_MOST_MEMBERS, max(8, events // 12))
        self._members: Group = organisation.group(self._draw, size)

    def founding(self) -> Iterator[Event]:
        """The state of the room, all of before the first day."""
        at, founder = self._start - 40 * DAY, self._organisation.matrix_id(self._members.members[0])
        state: list[tuple[str, str, Event]] = [
            ("m.room.create", "", {"room_version": "12"}),
            ("m.room.canonical_alias", "", {"alias": self.alias}),
            ("m.room.name", "", {"name": self._name}),
        ]
        for number in self._members.members:
            name = self._organisation.full_name(number)
            state.append((
                "m.room.member",
                self._organisation.matrix_id(number),
                {"membership": "join", "displayname": name},
            ))
        for place, (sort, key, content) in enumerate(state):
            yield {**self._event(at + place, key or founder, sort, content), "state_key": key}

    def events_of_a_conversation(self) -> float:
        """How many events hang together on average; of a long row of them, since nobody knows it beforehand."""
        return sum(len(self._conversation(self._start)) for _ in range(_SAMPLE)) / _SAMPLE

    def happenings(self, average: float) -> Iterator[Happening]:
        """What happens on the days of the plan, in order, each with what becomes of it; `average` events hang together."""
        begins = self._organisation.rhythm.moments(round(self._events / average), self._draw)
        for moment, happening in in_order((begin, iter(self._conversation(begin))) for begin in begins):
            if moment < self._end:
                yield happening

    # --- conversations ------------------------------------------------------------------------------------------------------------

    def _conversation(self, at: int) -> list[tuple[int, Happening]]:
        """All that hangs together, by time."""
        turn = self._draw.random()
        if turn < 0.45:
            made = self._question(at)
        elif turn < 0.75:
            made = self._post(at)
        elif turn < 0.95:
            made = self._said(at, self._members.someone(self._draw), texts.link(self._draw), "shared")
            made += self._reactions(made[0], 0.8)
        elif turn < 0.98:
            notice = {"msgtype": "m.notice", "body": "Herinnering: de bijeenkomst begint over een kwartier."}
            made = [(at, (self._event(at, self._organisation.robot, "m.room.message", notice), "ignored"))]
        else:
            who = self._organisation.matrix_id(self._members.someone(self._draw))
            changed = self._event(at, who, "m.room.member", {"membership": "join", "displayname": "Nieuwe naam"})
            made = [(at, ({**changed, "state_key": who}, "ignored"))]
        made.sort(key=lambda each: each[0])
        return made

    def _question(self, at: int) -> list[tuple[int, Happening]]:
        draw = self._draw
        asker = self._members.someone(draw)
        made = self._said(at, asker, texts.question(draw), "asked")
        root = made[0][1][0]
        if draw.random() < 0.08:
            made.append(self._edited(root, at + draw.randrange(MINUTE, 5 * MINUTE)))
        made += self._reactions(made[0], 0.3)
        in_thread = draw.random() < 0.7
        answers = []
        moment = at
        for _ in range(draw.choice((0, 1, 1, 2, 2, 3, 4))):
            moment += round(draw.expovariate(1 / (50 * MINUTE))) + MINUTE
            answers.append(
                self._reply(
                    moment,
                    self._members.someone(draw, asker),
                    texts.answer(draw),
                    "answered",
                    root,
                    in_thread=in_thread,
                )
            )
        for answer in answers:
            made.append(answer)
            made += self._reactions(answer, 0.5)
        if answers and draw.random() < 0.35:
            checked = draw.choice(answers)
            made.append(self._sign(checked[0] + draw.randrange(MINUTE, DAY), asker, checked[1][0], "✅", "voted-up"))
        if answers and draw.random() < 0.5:
            thanked = answers[-1]
            moment = thanked[0] + draw.randrange(MINUTE, 4 * HOUR)
            reply = self._reply(
                moment, asker, texts.thanks(draw), "replied", thanked[1][0], in_thread=in_thread, root=root
            )
            made.append(reply)
        return made

    def _post(self, at: int) -> list[tuple[int, Happening]]:
        draw = self._draw
        writer = self._members.someone(draw)
        if draw.random() < 0.06:
            return self._regretted(at, writer)
        made = self._said(at, writer, texts.post(draw), "posted")
        made += self._reactions(made[0], 1.2)
        for _ in range(draw.choice((0, 0, 1, 1, 2))):
            moment = at + round(draw.expovariate(1 / (2 * HOUR))) + MINUTE
            nods = draw.random() < 0.3
            text, becomes = (texts.nod(draw), "reacted") if nods else (texts.answer(draw), "replied")
            made.append(
                self._reply(moment, self._members.someone(draw, writer), text, becomes, made[0][1][0], in_thread=True)
            )
        return made

    def _regretted(self, at: int, writer: int) -> list[tuple[int, Happening]]:
        """A message that is deleted, where the deletion still falls on the days of the plan."""
        later = at + self._draw.randrange(MINUTE, HOUR)
        [(_, (event, _))] = self._said(at, writer, texts.post(self._draw), "posted")
        if later >= self._end:
            return [(at, (event, "posted"))]
        redaction = self._event(
            later, event["sender"], "m.room.redaction", {"redacts": event["event_id"], "reason": "verkeerde groep"}
        )
        redaction["redacts"] = event["event_id"]
        gone = {
            **event,
            "content": {},
            "before": event["content"],
            "redacted_because": redaction,
            "unsigned": {"redacted_because": redaction},
        }
        return [(at, (gone, "ignored")), (later, (redaction, "retracting"))]

    # --- events -------------------------------------------------------------------------------------------------------------------

    def _said(self, at: int, writer: int, body: str, becomes: str) -> list[tuple[int, Happening]]:
        content = {"msgtype": "m.text", "body": body}
        return [(at, (self._event(at, self._organisation.matrix_id(writer), "m.room.message", content), becomes))]

    def _reply(
        self, at: int, writer: int, body: str, becomes: str, to: Event, *, in_thread: bool, root: Event | None = None
    ) -> tuple[int, Happening]:
        relation: Event = {"m.in_reply_to": {"event_id": to["event_id"]}}
        if in_thread:
            relation |= {"rel_type": "m.thread", "event_id": (root or to)["event_id"], "is_falling_back": True}
        content = {
            "msgtype": "m.text",
            "body": body,
            "m.relates_to": relation,
            "m.mentions": {"user_ids": [to["sender"]]},
        }
        return at, (self._event(at, self._organisation.matrix_id(writer), "m.room.message", content), becomes)

    def _edited(self, event: Event, at: int) -> tuple[int, Happening]:
        text = event["content"]["body"]
        content = {
            "msgtype": "m.text", "body": f"* {text}", "m.new_content": {"msgtype": "m.text", "body": text},
            "m.relates_to": {"rel_type": "m.replace", "event_id": event["event_id"]},
        }  # fmt: skip
        return at, (self._event(at, event["sender"], "m.room.message", content), "ignored")

    def _reactions(self, to: tuple[int, Happening], average: float) -> list[tuple[int, Happening]]:
        draw, (at, (event, _)) = self._draw, to
        made, seen = [], {event["sender"]}
        while draw.random() < average / (1 + average):
            number = self._members.someone(draw)
            if (who := self._organisation.matrix_id(number)) not in seen:
                seen.add(who)
                key, becomes = draw.choice((("👍", "liked"), ("❤️", "liked"), ("💡", "reacted")))
                made.append(
                    self._sign(at + round(draw.expovariate(1 / (3 * HOUR))) + 1000, number, event, key, becomes)
                )
        return made

    def _sign(self, at: int, who: int, on: Event, key: str, becomes: str) -> tuple[int, Happening]:
        content = {"m.relates_to": {"rel_type": "m.annotation", "event_id": on["event_id"], "key": key}}
        return at, (self._event(at, self._organisation.matrix_id(who), "m.reaction", content), becomes)

    def _event(self, at: int, sender: str, sort: str, content: Event) -> Event:
        return {
            "content": content, "event_id": self._id(), "origin_server_ts": at, "room_id": self.room_id, "sender": sender, "type": sort,
            "unsigned": {"membership": "join"},
        }  # fmt: skip

    def _id(self) -> str:
        return "$" + base64.urlsafe_b64encode(self._draw.randbytes(32)).decode().rstrip("=")
