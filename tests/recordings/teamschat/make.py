"""Writes teamschat.json: two weeks of four channels of a small organisation, in the shapes of Microsoft Graph. Seeded; people and talk are invented.

python tests/recordings/teamschat/make.py
"""

import json
import random
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TENANT = "5d1f0c6e-8a3b-4c1d-9e77-0a6d2f4b9c10"
NAMES = ["Anouk Jansen", "Bas de Groot", "Carla Visser", "Daan Bakker", "Elif Yilmaz", "Femke Smit"]


def made(*parts: object) -> str:
    return str(uuid.UUID(bytes=random.Random(repr(parts)).randbytes(16), version=4))


IDS = {name: made("user", name) for name in NAMES}
TEAM = made("team", "Wijkzorg")


def zulu(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def user(name: str) -> dict[str, Any]:
    return {"@odata.type": "#microsoft.graph.teamworkUserIdentity", "id": IDS[name], "displayName": name, "userIdentityType": "aadUser", "tenantId": TENANT}  # fmt: skip


def identity(name: str) -> dict[str, Any]:
    return {"application": None, "device": None, "conversation": None, "user": user(name)}


def message(channel: str, who: str | None, at: datetime, text: str, root: str | None = None, **more: Any) -> dict[str, Any]:  # fmt: skip
    number = str(round(at.timestamp() * 1000))
    return {
        "@odata.type": "#microsoft.graph.chatMessage",
        "id": number,
        "replyToId": root,
        "etag": number,
        "messageType": "message",
        "createdDateTime": zulu(at),
        "lastModifiedDateTime": zulu(at),
        "lastEditedDateTime": None,
        "deletedDateTime": None,
        "subject": None,
        "summary": None,
        "chatId": None,
        "importance": "normal",
        "locale": "nl-nl",
        "policyViolation": None,
        "eventDetail": None,
        "from": identity(who) if who else None,
        "body": {"contentType": "html", "content": f"<p>{text}</p>"},
        "channelIdentity": {"teamId": TEAM, "channelId": channel},
        "attachments": [],
        "mentions": [],
        "reactions": [],
        "messageHistory": [],
        **more,
    }


def reaction(who: str, at: datetime, sort: str) -> dict[str, Any]:
    return {"reactionType": sort, "displayName": None, "createdDateTime": zulu(at), "user": {"application": None, "device": None, "user": {"id": IDS[who], "displayName": None, "userIdentityType": "aadUser"}}}  # fmt: skip


def mention(number: int, who: str) -> dict[str, Any]:
    return {"id": number, "mentionText": who, "mentioned": {"application": None, "device": None, "conversation": None, "user": user(who)}}  # fmt: skip


def main() -> None:
    care, learn, private, other = (f"19:{made('channel', name).replace('-', '')}@thread.tacv2" for name in ("wond", "leren", "leiding", "vrijmibo"))  # fmt: skip
    start = datetime(2026, 11, 2, 8, 0, 0, 120000, tzinfo=UTC)

    def on(day: float, minute: float = 0) -> datetime:
        return start + timedelta(days=day, minutes=minute)

    asked = on(0, 30)
    root = str(round(asked.timestamp() * 1000))
    wounds = [
        message(care, None, on(0), "<systemEventMessage/>", messageType="unknownFutureValue", eventDetail={"@odata.type": "#microsoft.graph.membersAddedEventMessageDetail", "members": [{"id": IDS["Femke Smit"], "displayName": None}], "initiator": identity("Anouk Jansen")}),
        message(
            care, "Bas de Groot", asked, "Hoe houd ik een zwachtel op zijn plek bij een cliënt die veel loopt?",
            subject="Zwachtelen",
            _later=[{"at": zulu(on(1, 5)), "reactions": [reaction("Daan Bakker", on(1, 5), "like")]}],
            _replies=[
                message(care, "Carla Visser", on(0, 55), "<at id=\"0\">Bas de Groot</at> Begin bij de tenen en neem een buisverband eroverheen, dan schuift hij veel minder.", root, mentions=[mention(0, "Bas de Groot")],
                        _later=[{"at": zulu(on(0, 70)), "reactions": [reaction("Bas de Groot", on(0, 70), "✅"), reaction("Elif Yilmaz", on(0, 68), "heart")]}]),
                message(care, "Elif Yilmaz", on(0, 60), "Wat Carla zegt. Er staat ook een filmpje op https://zorgleren.example/zwachtelen", root),
                message(care, "Bas de Groot", on(0, 75), "Bedankt, dat werkt!", root),
                message(care, "Anouk Jansen", on(0, 80), "Top", root),
                message(care, "Daan Bakker", on(6, 10), "Bij mij hielp het om een maat kleiner te nemen, dat heb ik van de leverancier geleerd.", root),
            ],
        ),
        message(care, "Daan Bakker", on(2, 15), "Het protocol wondzorg is vernieuwd, zie de bijlage.", attachments=[{"id": made("file"), "contentType": "reference", "contentUrl": "https://voorbeeldzorg.sharepoint.example/protocol.docx", "name": "protocol wondzorg Jansen.docx"}]),
        message(care, "Elif Yilmaz", on(3, 5), "Wie weet waar de drukmeter ligt?",
                _later=[{"at": zulu(on(3, 20)), "lastEditedDateTime": zulu(on(3, 20)), "body": {"contentType": "html", "content": "<p>De drukmeter is terug, hij lag in de auto van Femke Smit.</p>"}}],
                _replies=[message(care, "Femke Smit", on(3, 12), "Die heb ik gisteren in mijn auto laten liggen, ik breng hem straks langs.", str(round(on(3, 5).timestamp() * 1000)))]),
        message(care, "Femke Smit", on(4, 5), "Ik bel zo 06-12345678 van mevrouw De Wit.",
                _later=[{"at": zulu(on(5, 5)), "deletedDateTime": zulu(on(5, 5)), "from": identity("Femke Smit"), "body": {"contentType": "html", "content": ""}, "attachments": []}]),
        {**message(care, None, on(4, 30), "Storing in het rooster verholpen."), "from": {"application": {"id": made("bot"), "displayName": "Meldingen", "applicationIdentityType": "bot"}, "device": None, "user": None}},
        message(care, "Carla Visser", on(7, 30), "Kan iemand mij uitleggen wanneer je een hydrocolloïd kiest?",
                _later=[{"at": zulu(on(8, 30)), "deletedDateTime": zulu(on(8, 30)), "body": {"contentType": "html", "content": ""}}],
                _replies=[message(care, "Anouk Jansen", on(7, 50), "Bij een schone wond met weinig vocht, en dan wissel je hem pas na een paar dagen.", str(round(on(7, 30).timestamp() * 1000)))]),
        *(message(care, NAMES[number % 6], on(9, 20 * number), f"Vandaag geleerd: punt {number} van de werkgroep over decubitus en houding.") for number in range(6)),
    ]  # fmt: skip
    lessons = [
        message(
            learn, "Anouk Jansen", on(1, 40), "De leerlunch gaat morgen over rapporteren, neem een eigen voorbeeld mee."
        ),
        message(learn, "Femke Smit", on(1, 60), "Leuk artikel: https://zorgleren.example/rapporteren"),
    ]
    data = {
        "tenant_id": TENANT,
        "client_id": "leerstroom",
        "client_secret": "a-secret-of-the-tests",
        "channels": [
            {"id": care, "displayName": "Wondzorg", "membershipType": "standard", "_team": TEAM, "_messages": wounds},
            {"id": learn, "displayName": "Samen leren", "membershipType": "standard", "_team": TEAM, "_messages": lessons},
            {"id": private, "displayName": "Leiding", "membershipType": "private", "_team": TEAM, "_messages": [message(private, "Anouk Jansen", on(2), "Vertrouwelijk: het gesprek met Bas.")]},
            {"id": other, "displayName": "Vrijmibo", "membershipType": "standard", "_team": TEAM, "_messages": [message(other, "Bas de Groot", on(3), "Wie haalt er bier?")]},
        ],
    }  # fmt: skip
    (HERE / "teamschat.json").write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
