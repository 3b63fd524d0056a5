"""Writes googlechat.json: two weeks of four spaces of a small school in Google Chat, in the shapes of Chat v1. People and talk are invented.

python tests/recordings/googlechat/make.py
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
NAMES = ["Anja Bakker", "Bilal Amrani", "Cor de Wit", "Dewi Sari", "Esra Demir"]
IDS = {name: str(10**20 + 7919 * 10**12 * number) for number, name in enumerate(NAMES, 1)}
START = datetime(2026, 11, 2, 8, tzinfo=UTC)


def address(name: str) -> str:
    return f"{name.lower().replace(' ', '.')}@voorbeeldschool.example"


def on(day: float, minute: float = 0) -> str:
    return (START + timedelta(days=day, minutes=minute)).strftime("%Y-%m-%dT%H:%M:%S.") + "123456Z"


def user(name: str) -> dict[str, Any]:
    return {"name": f"users/{IDS[name]}", "displayName": name, "type": "HUMAN"}


class Space:
    """Makes the messages of one space; a reply names the number of the message that opened its thread."""

    def __init__(self, name: str) -> None:
        self.name = f"spaces/{name}"

    def said(self, number: int, who: str, at: str, text: str, thread: int | None = None, **more: Any) -> dict[str, Any]:
        first = number if thread is None else thread
        return {
            "name": f"{self.name}/messages/T{first:03d}.M{number:03d}",
            "sender": user(who) if who in IDS else {"name": f"users/{10**20}", "displayName": who, "type": "BOT"},
            "createTime": at,
            "text": text,
            "formattedText": text,
            "argumentText": text,
            "thread": {"name": f"{self.name}/threads/T{first:03d}"},
            "threadReply": thread is not None,
            "space": {"name": self.name},
            **more,
        }

    def sign(self, message: str, number: int, who: str, emoji: str, at: str, **more: Any) -> dict[str, Any]:
        return {"name": f"{self.name}/messages/{message}/reactions/R{number}", "user": user(who), "emoji": {"unicode": emoji}, "_at": at, **more}  # fmt: skip


def main() -> None:
    maths, staff, direct, other = Space("AAAArekenen"), Space("BBBBsamen"), Space("CCCCdirect"), Space("DDDDborrel")
    mention = {"type": "USER_MENTION", "startIndex": 0, "length": 13, "userMention": {"user": user("Bilal Amrani"), "type": "MENTION"}}  # fmt: skip
    chip = {"type": "RICH_LINK", "startIndex": 0, "length": 0, "richLinkMetadata": {"uri": "https://drive.example/d/1", "richLinkType": "DRIVE_FILE"}}  # fmt: skip
    lessons = [
        maths.said(1, "Bilal Amrani", on(0, 10), "Hoe leg je breuken uit aan groep 6 zonder pizza's?"),
        maths.said(2, "Cor de Wit", on(0, 25), "@Bilal Amrani Neem een getallenlijn, dan zien ze dat een breuk ook een getal is.", 1, annotations=[mention],
                   _reactions=[maths.sign("T001.M002", 1, "Bilal Amrani", "✅", on(0, 40)), maths.sign("T001.M002", 2, "Dewi Sari", "👍", on(0, 41)), maths.sign("T001.M002", 3, "Esra Demir", "😂", on(0, 42), _until=on(0, 50))]),
        maths.said(3, "Dewi Sari", on(0, 30), "Bij mij werken stroken papier, die kunnen ze vouwen en vergelijken.", 1),
        maths.said(4, "Bilal Amrani", on(0, 45), "Dank jullie wel!", 1),
        maths.said(5, "Anja Bakker", on(1, 5), "De nieuwe leerlijn staat klaar.", annotations=[chip]),
        maths.said(6, "Esra Demir", on(2, 5), "Wie heeft er ervaring met de nieuwe toets?",
                   _later=[{"at": on(2, 20), "text": "De nieuwe toets is prima te doen in een uur.", "formattedText": "De nieuwe toets is prima te doen in een uur.", "lastUpdateTime": on(2, 20)}]),
        maths.said(7, "Anja Bakker", on(2, 12), "Ik heb hem vorig jaar afgenomen, plan er ruim een uur voor in.", 6),
        maths.said(13, "Cor de Wit", on(2, 16), "Met uitleg erbij duurde het bij ons anderhalf uur.", 6),
        maths.said(8, "Dewi Sari", on(3, 5), "Het nummer van de moeder van Sem is 06-12345678",
                   _later=[{"at": on(4, 5), "deleteTime": on(4, 5), "deletionMetadata": {"deletionType": "CREATOR"}}]),
        maths.said(9, "Roosterbot", on(3, 30), "Het rooster is gewijzigd."),
        maths.said(10, "Cor de Wit", on(8, 5), "Toch nog: met een maatbeker gaat het ook heel goed.", 1),
        maths.said(11, "Esra Demir", on(9, 5), "Mooi verwoord, en dit geldt ook voor kommagetallen.", quotedMessageMetadata={"name": f"{maths.name}/messages/T005.M005", "lastUpdateTime": on(1, 5), "quoteType": "REPLY", "quotedMessageSnapshot": {"text": "De nieuwe leerlijn staat klaar."}}),
        maths.said(12, "Anja Bakker", on(9, 30), "Alleen voor jou zichtbaar: je gespreksverslag", privateMessageViewer=user("Esra Demir")),
    ]  # fmt: skip
    members = [address(name) for name in NAMES]
    data = {
        "client_email": "leerstroom@voorbeeldschool.iam.gserviceaccount.example",
        "users": {address(name): IDS[name] for name in NAMES},
        "spaces": [
            {"name": maths.name, "displayName": "Rekenen onderbouw", "spaceType": "SPACE", "_members": members, "_messages": lessons},
            {"name": staff.name, "displayName": "Samen leren", "spaceType": "SPACE", "_members": members, "_messages": []},
            {"name": direct.name, "spaceType": "DIRECT_MESSAGE", "_members": members[:2], "_messages": [direct.said(1, "Anja Bakker", on(1), "Onder ons gezegd")]},
            {"name": other.name, "displayName": "Borrel", "spaceType": "SPACE", "_members": members, "_messages": [other.said(1, "Cor de Wit", on(1), "Wie haalt er kaas?")]},
        ],
    }  # fmt: skip
    (HERE / "googlechat.json").write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
