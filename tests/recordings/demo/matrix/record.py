"""Records the demo's chat rooms from a real Synapse: three weeks of conversation, written event by event at the hour it is said.

    LEERSTROOM_SYNAPSE_PYTHON=…/bin/python python tests/recordings/demo/matrix/record.py

What is said stands in conversations.yaml; a seeded plan gives it people and times. The server makes the event ids, so a new recording has
other ids. Writes rooms/*.jsonl, server.json and truth.json beside this file. Everything here is invented.
"""

import csv
import random
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import yaml

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "connectors"))

from homeserver import SERVER_NAME, Homeserver, homeserver  # noqa: E402

ZONE = ZoneInfo("Europe/Amsterdam")
DAYS = [datetime(2026, 10, 26, tzinfo=ZONE) + timedelta(days=number) for number in range(21)]
WORKDAYS = [day for day in DAYS if day.weekday() < 5]
READER, TOKEN, ROBOT, CONSULTANT = "leerstroom", "demo-token-of-the-chat", "vragenrobot", "consultant.ext"
FACILITATOR = "margriet.hoekstra"
LIKES, OTHERS = "👍❤🎉👏💡", "👀😂🤔"


@dataclass
class Act:
    """Something that somebody does at a moment; `about` are labels of earlier acts."""

    at: datetime
    who: str
    room: str
    do: str  # say | react | edit | redact | leave | join
    label: str = ""
    body: str = ""
    root: str = ""  # label of the thread's first message
    reply: str = ""  # label of the message replied to
    key: str = ""
    mentions: tuple[str, ...] = ()
    msgtype: str = "m.text"
    more: dict[str, Any] = field(default_factory=dict)


class Plan:
    """Who says what and when, drawn with a fixed seed."""

    def __init__(self, told: dict[str, Any], employees: list[dict[str, str]]) -> None:
        self.draw = random.Random(20261026)
        self.told = told
        self.employees = {row["id_matrix"][1:].partition(":")[0]: row for row in employees}
        self.acts: list[Act] = []
        self.truth: list[dict[str, Any]] = []
        self.members: dict[str, list[str]] = {}
        self.fond = {name: self.draw.lognormvariate(0, 0.8) for name in self.employees}
        for room, about in told["rooms"].items():
            mine = [
                name
                for name, row in self.employees.items()
                if row["team"] in about["teams"] and self.draw.random() < 0.85
            ]
            if about.get("starters"):
                mine = [*dict.fromkeys([*mine[:12], FACILITATOR, *self.starters])]
            self.members[room] = mine
        for room, about in told["rooms"].items():
            self._room(room, about)
        self._robot()
        self._comings_and_goings()

    @property
    def starters(self) -> list[str]:
        """Who began during these weeks, and two who began this year."""
        fresh = [name for name, row in self.employees.items() if row["in_service_from"] >= "2026-10-01"]
        return [*fresh, "roos.vandam", "kim.nguyen"]

    def moment(self, day: datetime | None = None) -> datetime:
        """A moment in working hours; now and then early or in the evening."""
        day = day or self.draw.choice(WORKDAYS)
        hour = self.draw.choices([7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 20], [1, 5, 9, 10, 9, 4, 7, 9, 8, 6, 2, 1])[
            0
        ]
        return day.replace(hour=hour, minute=self.draw.randrange(60), second=self.draw.randrange(60))

    def later(self, moment: datetime, minutes: float) -> datetime:
        """After about so many minutes, and not at night or in a weekend."""
        then = moment + timedelta(minutes=self.draw.expovariate(1 / minutes) + 0.5)
        if then.hour >= 18 or then.hour < 7 or then.date() != moment.date():
            then = self.moment((moment + timedelta(days=1)).replace(hour=0, minute=0, second=0)).replace(hour=8)
        while then.weekday() > 4:
            then += timedelta(days=1)
        return then

    def works(self, name: str, moment: datetime) -> bool:
        """Whether somebody is in service on that day."""
        row = self.employees.get(name, {})
        day = moment.date().isoformat()
        return row.get("in_service_from", "") <= day and (not row.get("in_service_to") or day <= row["in_service_to"])

    def someone(self, room: str, moment: datetime, *but: str) -> str:
        """A member of the room who works then; some are fonder of talking than others."""
        able = [name for name in self.members[room] if name not in but and self.works(name, moment)]
        return self.draw.choices(able, [self.fond[name] for name in able])[0]

    def say(self, at: datetime, who: str, room: str, body: str, **more: Any) -> Act:
        """Adds a message."""
        act = Act(at, who, room, "say", f"{room}-{len(self.acts)}", body, **more)
        self.acts.append(act)
        return act

    def react(self, target: Act, who: str, key: str, minutes: float = 40) -> None:
        """Adds a reaction, unless the same was given."""
        if any(
            act.do == "react" and (act.reply, act.who, act.key) == (target.label, who, key) for act in self.acts[-40:]
        ):
            return
        act = Act(
            self.later(target.at, minutes),
            who,
            target.room,
            "react",
            f"{target.room}-{len(self.acts)}",
            key=key,
            reply=target.label,
        )
        self.acts.append(act)

    def applaud(self, target: Act, most: int) -> None:
        """Some reactions of others."""
        for _ in range(self.draw.randint(0, most)):
            who = self.someone(target.room, target.at, target.who)
            self.react(target, who, self.draw.choice(LIKES * 3 + OTHERS))

    def _room(self, room: str, about: dict[str, Any]) -> None:
        for number, thread in enumerate(about["threads"]):
            self._thread(room, thread, number)
        for body in about["shares"]:
            at = self.moment()
            first = self.say(at, self.someone(room, at), room, body)
            self.applaud(first, 4)
            for _ in range(self.draw.choice([0, 0, 1, 1, 2])):
                self._reply(first, first, self.draw.choice(self.told["comments"] + self.told["nods"]), 90)
        for body in about["posts"]:
            at = self.moment(DAYS[7] if "introductie" in body or "eerste week" in body else None)
            who = FACILITATOR if about.get("starters") and self.draw.random() < 0.5 else self.someone(room, at)
            first = self.say(at, who, room, body)
            self.applaud(first, 3)
            if self.draw.random() < 0.4:
                self._reply(first, first, self.draw.choice(self.told["comments"] + self.told["nods"]), 60)
        for day in WORKDAYS:
            for _ in range(self.draw.randint(1, 6) if not about.get("off_list") else self.draw.randint(0, 1)):
                at = self.moment(day)
                said = self.say(at, self.someone(room, at), room, self.draw.choice(self.told["small_talk"]))
                if self.draw.random() < 0.15:
                    self.applaud(said, 1)
                if self.draw.random() < 0.03:
                    self.acts.append(
                        Act(self.later(at, 5), said.who, room, "redact", reply=said.label, body="verkeerde groep")
                    )

    def _reply(
        self, first: Act, to: Act, body: str, minutes: float, who: str = "", style: str = "thread", **more: Any
    ) -> Act:
        at = self.later(to.at, minutes)
        who = who or self.someone(first.room, at, first.who)
        root = first.label if style == "thread" else ""
        mentions = (first.who,) if who != first.who and style != "plain" else ()
        return self.say(
            at, who, first.room, body, root=root, reply=to.label if style != "plain" else "", mentions=mentions, **more
        )

    def _thread(self, room: str, thread: dict[str, Any], number: int) -> None:
        style = thread.get("style", "thread")
        at = self.moment(self.draw.choice(WORKDAYS[5:]) if thread.get("asker") == "starter" else None)
        able = [name for name in self.starters if self.works(name, at)] if thread.get("asker") == "starter" else []
        first = self.say(at, self.draw.choice(able) if able else self.someone(room, at), room, thread["q"])
        label: dict[str, Any] = {
            "room": room,
            "question": first.label,
            "asker": first.who,
            "linking": style,
            "answers": [],
            "accepted": None,
            "thanks": None,
        }
        self.truth.append(label)
        if number % 7 == 2:  # a typing error, mended
            self.acts.append(
                Act(
                    first.at + timedelta(seconds=50),
                    first.who,
                    room,
                    "edit",
                    f"{room}-edit-{number}",
                    first.body.replace("Weet", "Weet er"),
                    reply=first.label,
                )
            )
        self.applaud(first, 2)
        last, answers = first, []
        for turn, body in enumerate(thread["a"]):
            who = CONSULTANT if room == "data-en-ai" and number % 5 == 3 and turn == 0 else ""
            if room == "nieuw-bij-ons" and turn == 0 and number % 2 == 0:
                who = FACILITATOR
            last = self._reply(first, last if style == "thread" else first, body, 45 if turn else 75, who, style)
            answers.append(last)
            label["answers"].append(last.label)
            self.applaud(last, 3)
        if thread.get("file") and answers:
            self._reply(
                first,
                last,
                "voorbeeld-keuzelijst.xlsx",
                3,
                last.who,
                style,
                msgtype="m.file",
                more={"url": "mxc://voorbeeldstad.example/voorbeeld", "info": {"size": 18211}},
            )
        if answers and number % 4 == 1:
            self._reply(first, last, self.draw.choice(self.told["nods"]), 25, style=style)
        if thread["t"] and answers:
            best = self.draw.choice(answers)
            label["thanks"] = self._reply(
                first, max(answers, key=lambda each: each.at), thread["t"], 60, first.who, style
            ).label
            if self.draw.random() < 0.7:
                label["accepted"] = best.label
                self.react(best, first.who, "✅", 70)
        if answers and number % 9 == 4:  # an answer taken back, after it was read
            gone = answers[-1]
            if label["accepted"] != gone.label:
                label["answers"].remove(gone.label)
                self.acts.append(
                    Act(self.later(gone.at, 60 * 20), gone.who, room, "redact", reply=gone.label, body="klopte niet")
                )
        if number % 6 == 5:
            who = self.someone(room, first.at, first.who)
            able = self.someone(room, first.at, first.who, who)
            self.say(
                self.later(first.at, 200), who, room, f"{able}: kun jij hier ook eens naar kijken?", mentions=(able,)
            )
            self.truth.append({
                "room": room,
                "question": self.acts[-1].label,
                "asker": who,
                "linking": "plain",
                "answers": [],
                "accepted": None,
                "thanks": None,
            })

    def happening(self) -> list[Act]:
        """The acts in the order of time; nobody acts out of service, after the last day, or on what was never said."""
        kept: list[Act] = []
        labels: set[str] = set()
        for act in sorted(self.acts, key=lambda act: act.at):
            able = act.do in {"join", "leave"} or act.who not in self.employees or self.works(act.who, act.at)
            if able and act.at < DAYS[-1] + timedelta(days=1) and {act.root, act.reply} - {""} <= labels:
                kept.append(act)
                labels.add(act.label)
        return kept

    def _robot(self) -> None:
        for day in WORKDAYS[4::5]:
            at = day.replace(hour=16, minute=0)
            self.say(
                at,
                ROBOT,
                "data-en-ai",
                "Deze week zijn er vragen zonder antwoord. Kijk je even mee?",
                msgtype="m.notice",
            )
            self.say(
                at + timedelta(seconds=1),
                ROBOT,
                "excel-hulplijn",
                "Fijn weekend van je vragenrobot! Wat was je mooiste formule?",
            )

    def _comings_and_goings(self) -> None:
        for room, mine in self.members.items():
            for name in mine:
                row = self.employees[name]
                if row["in_service_from"] >= "2026-10-26":
                    self.acts.append(
                        Act(DAYS[7].replace(hour=8, minute=30, second=len(self.acts) % 60), name, room, "join")
                    )
                if row["in_service_to"]:
                    self.acts.append(Act(DAYS[11].replace(hour=17, minute=45), name, room, "leave"))


def write(server: Homeserver, plan: Plan) -> None:
    """Plays the plan on the server and keeps what the server then says."""
    server.set_time(DAYS[0].replace(hour=6) - timedelta(days=3))
    names = dict.fromkeys(name for mine in plan.members.values() for name in mine)
    for name in names:
        server.register(name, " ".join(part.title() for part in name.split(".")))
    for name, shown in ((READER, "Leerstroom"), (ROBOT, "Vragenrobot"), (CONSULTANT, "Sanne (Adviesbureau)")):
        server.register(name, shown)
    rooms: dict[str, str] = {}
    joins = {(act.who, act.room) for act in plan.acts if act.do == "join"}
    for room, mine in plan.members.items():
        about = plan.told["rooms"][room]
        creator = FACILITATOR if about.get("starters") else mine[0]
        rooms[room] = server.create_room(creator, room, name=about["name"], topic=about["topic"])
        visitors = [
            READER,
            *([ROBOT] if room in {"data-en-ai", "excel-hulplijn"} else []),
            *([CONSULTANT] if room == "data-en-ai" else []),
        ]
        for name in [*mine, *visitors]:
            if name != creator and (name, room) not in joins:
                server.join(name, rooms[room])
    one, other = plan.members["casus-zorg"][:2]
    direct = server.create_room(one, preset="trusted_private_chat", is_direct=True, invite=[server.user_id(other)])
    server.join(other, direct)
    ids: dict[str, str] = {}
    gone: dict[str, Any] = {}
    said: dict[str, dict[str, Any]] = {}
    for act in plan.happening():
        server.set_time(act.at)
        room = rooms[act.room]
        if act.do in {"join", "leave"}:
            (server.join if act.do == "join" else server.leave)(act.who, room)
        elif act.do == "react":
            ids[act.label] = server.send(
                act.who,
                room,
                {"m.relates_to": {"rel_type": "m.annotation", "event_id": ids[act.reply], "key": act.key}},
                "m.reaction",
            )
        elif act.do == "redact":
            server.redact(act.who, room, ids[act.reply], act.body)
            gone[ids[act.reply]] = said[act.reply]
        else:
            content = message(server, act, ids)
            ids[act.label] = server.send(act.who, room, content)
            said[act.label] = content
    for number, body in enumerate((
        "Wil jij mijn dossier meenemen, ik ben morgen bij de dokter",
        "Natuurlijk, sterkte",
    )):
        server.send((one, other)[number], direct, {"msgtype": "m.text", "body": body})
    keep(server, plan, rooms, direct, one, ids, gone)


def message(server: Homeserver, act: Act, ids: dict[str, str]) -> dict[str, Any]:
    """The content of a message as a client sends it."""
    content: dict[str, Any] = {"msgtype": act.msgtype, "body": act.body, **act.more}
    if act.mentions:
        content["m.mentions"] = {"user_ids": [server.user_id(name) for name in act.mentions]}
    if act.do == "edit":
        return {
            "msgtype": "m.text",
            "body": f"* {act.body}",
            "m.new_content": dict(content),
            "m.relates_to": {"rel_type": "m.replace", "event_id": ids[act.reply]},
        }
    if act.root:
        content["m.relates_to"] = {
            "rel_type": "m.thread",
            "event_id": ids[act.root],
            "is_falling_back": True,
            "m.in_reply_to": {"event_id": ids[act.reply]},
        }
    elif act.reply:
        content["m.relates_to"] = {"m.in_reply_to": {"event_id": ids[act.reply]}}
    return content


def keep(
    server: Homeserver,
    plan: Plan,
    rooms: dict[str, str],
    direct: str,
    one: str,
    ids: dict[str, str],
    gone: dict[str, Any],
) -> None:
    """Writes the recording."""
    folder = HERE / "rooms"
    folder.mkdir(exist_ok=True)
    for name, room, reader in [*((name, room, READER) for name, room in rooms.items()), ("direct", direct, one)]:
        alias = f"#{name}:{SERVER_NAME}" if name in rooms else ""
        lines: list[dict[str, Any]] = [{"room_id": room, "alias": alias, "joined": name in rooms}]
        for event in server.events(reader, room):
            kept = {key: value for key, value in event.items() if key not in {"age", "user_id"}}
            kept.get("unsigned", {}).pop("age", None)
            if event["event_id"] in gone:
                kept["before"] = gone[event["event_id"]]
            lines.append(kept)
        (folder / f"{name}.jsonl").write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    told = {"user_id": server.user_id(READER), "token": TOKEN, "name": SERVER_NAME}
    (HERE / "server.json").write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2) + b"\n")
    labelled = [
        {
            **each,
            **{name: ids.get(each[name] or "") for name in ("question", "accepted", "thanks")},
            "answers": [ids[answer] for answer in each["answers"] if answer in ids],
        }
        for each in plan.truth
        if each["question"] in ids
    ]
    (HERE / "truth.json").write_bytes(orjson.dumps(labelled, option=orjson.OPT_INDENT_2) + b"\n")


def main() -> None:
    """Plans, plays, records."""
    told = yaml.safe_load((HERE / "conversations.yaml").read_text(encoding="utf-8"))
    with (HERE.parent / "employees.csv").open(encoding="utf-8", newline="") as stream:
        plan = Plan(told, list(csv.DictReader(stream)))
    begin = (DAYS[0] - timedelta(days=3)).replace(hour=5).astimezone(UTC)
    with tempfile.TemporaryDirectory() as folder, homeserver(Path(folder), begin) as server:
        write(server, plan)


if __name__ == "__main__":
    main()
