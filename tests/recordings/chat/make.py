"""One invented conversation, written as five chat platforms would keep it: `python tests/recordings/chat/make.py`.

Writes beside this folder, for slack, mattermost, zulip, rocketchat and discourse: `server.json` (who may read, people, rooms) and `messages.jsonl`, a line
a message: {"key": its name below, "id": the key of its record, "room", "versions": [[since, what the platform shows from then on, null: nothing]]}.
People, rooms and texts are made up. The expected verb of each message stands in the plot; `truth.json` holds them for the tests.
"""

import base64
import hashlib
import html
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent.parent

PEOPLE = {
    "anouk": ("Anouk de Vries", "anouk.devries@voorbeeldstad.example"),
    "bram": ("Bram Jansen", "bram.jansen@voorbeeldstad.example"),
    "daan": ("Daan Visser", "daan.visser@voorbeeldstad.example"),
    "elif": ("Elif Yılmaz", "elif.yilmaz@voorbeeldstad.example"),
    "femke": ("Femke Smit", "femke.smit@voorbeeldstad.example"),
    "hannah": ("Hannah O'Connor", "hannah.oconnor@voorbeeldstad.example"),
    "youssef": ("Youssef el Amrani", "youssef.elamrani@voorbeeldstad.example"),
    "leerbot": ("Leerbot", "leerbot@voorbeeldstad.example"),
}
ROOMS = {
    "excel-hulplijn": "open",
    "data-en-ai": "open",
    "vrijmibo": "open",
    "directie": "private",
    "anouk-bram": "direct",
}


@dataclass(frozen=True)
class Said:
    """One message of the plot; `verb` is what it must become in the end, empty for what is no statement."""

    key: str
    room: str
    who: str
    at: str  # UTC
    text: str
    verb: str
    thread: str = ""
    reply: str = ""  # the message of the thread that it answers
    edits: tuple[tuple[str, str], ...] = ()  # (when, text)
    deleted: str = ""
    signs: tuple[tuple[str, str, str], ...] = ()  # (who, short name, when)
    file: str = ""
    sort: str = ""  # join | bot


PLOT = (
    Said("dataset", "data-en-ai", "femke", "2026-10-26T09:00", "Waar vind ik de dataset met adressen?", "asked"),
    Said("verversen", "excel-hulplijn", "femke", "2026-10-27T09:05", "Weet iemand hoe ik een draaitabel ververs zonder dat de opmaak verdwijnt?", "asked"),
    Said("celopmaak", "excel-hulplijn", "bram", "2026-10-27T09:20", "Rechtsklik, Opties voor draaitabel, en dan Celopmaak behouden aanvinken.", "answered", thread="verversen",
         signs=(("femke", "white_check_mark", "2026-10-27T09:41"), ("daan", "+1", "2026-10-27T10:03"))),
    Said("link", "excel-hulplijn", "elif", "2026-10-27T09:31", "Zie ook https://support.example.org/draaitabel voor de plaatjes erbij", "answered", thread="verversen"),
    Said("dank", "excel-hulplijn", "femke", "2026-10-27T09:40", "Top, dankjewel, opgelost!", "replied", thread="verversen", reply="celopmaak"),
    Said("ok", "excel-hulplijn", "daan", "2026-10-27T10:02", "ok", "reacted", thread="verversen"),
    Said("handleiding", "excel-hulplijn", "anouk", "2026-10-28T08:30", "De handleiding van het nieuwe zaaksysteem staat op intranet.", "posted",
         signs=(("bram", "tada", "2026-10-28T08:45"),)),
    Said("sneltoetsen", "excel-hulplijn", "youssef", "2026-10-28T11:15", "Handig overzicht: https://example.org/sneltoetsen", "shared"),
    Said("sjabloon", "excel-hulplijn", "hannah", "2026-10-29T13:00", "", "shared", file="Begroting_wie_weet_het?.xlsx"),
    Said("kolommen", "excel-hulplijn", "daan", "2026-10-30T16:50", "Hoe krijg ik twee kolommen naast elkaar vergeleken?", "asked"),
    Said("xlookup", "excel-hulplijn", "youssef", "2026-11-02T08:50", "Met X.ZOEKEN, of met een hulpkolom en ALS.", "answered", thread="kolommen"),
    Said("spijt", "excel-hulplijn", "bram", "2026-11-02T09:10", "Mijn wachtwoord is 06-12345678, probeer het zelf maar.", "", thread="kolommen", deleted="2026-11-04T09:30"),
    Said("koffie", "excel-hulplijn", "elif", "2026-11-02T10:00", "Koffie?", "posted"),
    Said("join", "excel-hulplijn", "hannah", "2026-10-26T08:00", "joined", "", sort="join"),
    Said("robot", "excel-hulplijn", "leerbot", "2026-11-02T07:00", "Wie heeft zijn leerdoelen nog niet ingevuld?", "", sort="bot"),
    Said("macro", "excel-hulplijn", "bram", "2026-11-03T10:00", "De macro werkt weer.", "asked", edits=(("2026-11-04T10:20", "Wie weet waarom de macro niet werkt?"),)),
    Said("kijken", "excel-hulplijn", "anouk", "2026-11-03T10:25", "Ik kijk er straks even naar, het lijkt op de beveiliging.", "answered", thread="macro"),
    Said("geleerd", "data-en-ai", "anouk", "2026-11-06T15:00", "Vandaag geleerd: een draaitabel kan ook zonder hulpkolommen. Mijn lessen staan in het verslag.", "posted"),
    Said("dashboard", "data-en-ai", "bram", "2026-11-09T09:00", "{elif} kun jij dit dashboard eens bekijken?", "asked"),
    Said("assen", "data-en-ai", "elif", "2026-11-09T11:30", "Ziet er goed uit, alleen de assen missen een eenheid.", "answered", thread="dashboard",
         signs=(("bram", "eyes", "2026-11-09T11:40"), ("elif", "+1", "2026-11-09T11:41"))),
    Said("dataplein", "data-en-ai", "elif", "2026-11-12T14:00", "Op het dataplein, onder Basisregistraties.", "answered", thread="dataset"),
    *(
        Said(f"week-{number}", "data-en-ai", "hannah", f"2026-{month}-{day:02}T08:00", f"Planning nummer {number} staat klaar op het bord.", "posted")
        for number, (month, day) in enumerate([(10, 26), (10, 27), (10, 28), (10, 29), (10, 30), (11, 2), (11, 3), (11, 4), (11, 5), (11, 6), (11, 9), (11, 10), (11, 11), (11, 12)], 1)
    ),
    Said("later", "data-en-ai", "daan", "2026-11-20T09:00", "Dit is van na het venster.", ""),
    Said("borrel", "vrijmibo", "daan", "2026-11-06T15:30", "Wie gaat er mee naar de borrel?", ""),
    Said("geheim", "directie", "anouk", "2026-11-04T09:00", "Weet iemand of de reorganisatie doorgaat?", ""),
    Said("onder-ons", "anouk-bram", "bram", "2026-11-05T12:00", "Hoe was je gesprek vanochtend?", ""),
)  # fmt: skip
MESSAGES = {said.key: said for said in PLOT}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def iso(text: str) -> str:
    return f"{moment(text):%Y-%m-%dT%H:%M:%S}.000Z"


def ms(text: str) -> int:
    return int(moment(text).timestamp()) * 1000


def edited(text: str, later_s: int = 0) -> str:
    return f"{moment(text) + timedelta(seconds=later_s):%Y-%m-%dT%H:%M:%S}.000Z"


@dataclass
class State:
    """A message as it stands at some moment."""

    said: Said
    text: str
    number: int
    edited: str = ""
    signs: list[tuple[str, str, str]] = field(default_factory=list)


def states(said: Said, number: int) -> Iterator[tuple[str, State | None]]:
    """(since, state or nothing)."""
    changes = [
        *((at, "edit", text) for at, text in said.edits),
        *((at, "sign", (who, name, at)) for who, name, at in said.signs),
    ]
    state = State(said, said.text, number)
    yield said.at, state
    for at, sort, what in sorted(changes, key=lambda change: change[0]):
        signs = [*state.signs, what] if sort == "sign" else state.signs
        state = State(
            said, what if sort == "edit" else state.text, number, at if sort == "edit" else state.edited, signs
        )
        yield at, state
    if said.deleted:
        yield said.deleted, None


def write(name: str, server: dict[str, Any], shown: Callable[[State], Any], record: Callable[[Said], str], room: Callable[[str], str], gone: Callable[[State, str], Any] | None = None) -> None:  # fmt: skip
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    (folder / "server.json").write_text(json.dumps(server, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    lines = []
    for number, said in enumerate(PLOT, 1):
        versions: list[list[Any]] = []
        last: State | None = None
        for since, state in states(said, number):
            if state is None and gone is not None and last is not None:
                versions.append([iso(since), gone(last, since)])
            else:
                versions.append([iso(since), None if state is None else shown(state)])
            last = state
        lines.append({"key": said.key, "id": record(said), "room": room(said.room), "versions": versions})
    lines.sort(key=lambda line: line["versions"][0][0])
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (folder / "messages.jsonl").write_text(text, encoding="utf-8")


def number_of(said: Said) -> int:
    return PLOT.index(said) + 1


def with_mentions(text: str, form: Callable[[str], str]) -> str:
    for who in PEOPLE:
        text = text.replace(f"{{{who}}}", form(who))
    return text


# --- Slack -----------------------------------------------------------------------------------------------------------------------


def slack() -> None:
    users = {who: f"U{number:03}VRBLD" for number, who in enumerate(PEOPLE, 1)}
    rooms = {room: f"{'D' if sort == 'direct' else 'C'}{number:03}VRBLD" for number, (room, sort) in enumerate(ROOMS.items(), 1)}  # fmt: skip

    def ts(said: Said) -> str:
        return f"{int(moment(said.at).timestamp())}.{number_of(said):06}"

    def shown(state: State) -> dict[str, Any]:
        said = state.said
        message: dict[str, Any] = {"type": "message", "user": users[said.who], "text": with_mentions(state.text, lambda who: f"<@{users[who]}>").replace("https://example.org/sneltoetsen", "<https://example.org/sneltoetsen>"), "ts": ts(said), "team": "T001VRBLD"}  # fmt: skip
        if said.sort == "join":
            message |= {"subtype": "channel_join", "text": f"<@{users[said.who]}> has joined the channel"}
        if said.sort == "bot":
            message |= {"subtype": "bot_message", "bot_id": "B001VRBLD", "username": "Leerbot"}
            del message["user"]
        if said.thread:
            root = MESSAGES[said.thread]
            message |= {"thread_ts": ts(root), "parent_user_id": users[root.who]}
        if state.edited:
            message["edited"] = {"user": users[said.who], "ts": f"{int(moment(state.edited).timestamp())}.000000"}
        if said.file:
            message |= {"upload": False, "files": [{"id": "F001VRBLD", "name": said.file, "title": said.file, "mimetype": "application/vnd.ms-excel", "user": users[said.who]}]}  # fmt: skip
        if state.signs:
            names = dict.fromkeys(name for _, name, _ in state.signs)
            message["reactions"] = [
                {"name": name, "users": [users[who] for who, each, _ in state.signs if each == name], "count": sum(each == name for _, each, _ in state.signs)}
                for name in names
            ]  # fmt: skip
        return message

    server = {
        "token": "xoxb-a-token-that-reads", "url": "https://voorbeeldstad.slack.com/", "team": "Voorbeeldstad", "team_id": "T001VRBLD", "user": "leerstroom", "user_id": "U999VRBLD",
        "channels": [
            {"id": rooms[room], "name": room, "is_channel": sort != "direct", "is_private": sort == "private", "is_im": sort == "direct", "is_mpim": False, "is_member": True, "is_archived": False}
            for room, sort in ROOMS.items()
        ],
        "users": [
            {"id": users[who], "name": who, "real_name": name, "is_bot": who == "leerbot", "deleted": False, "profile": {"real_name": name, "display_name": name, "email": mail}}
            for who, (name, mail) in PEOPLE.items()
        ],
    }  # fmt: skip
    write("slack", server, shown, lambda said: f"{rooms[said.room]}/{ts(said)}", rooms.__getitem__)


# --- Mattermost ------------------------------------------------------------------------------------------------------------------


def token26(text: str) -> str:
    """26 letters and digits, as Mattermost's ids are."""
    return base64.b32encode(hashlib.sha256(text.encode()).digest()).decode().lower()[:26]


def mattermost() -> None:
    users = {who: token26(f"user {who}") for who in PEOPLE}
    rooms = {room: token26(f"room {room}") for room in ROOMS}
    kinds = {"open": "O", "private": "P", "direct": "D"}

    def post_id(said: Said) -> str:
        return token26(f"post {said.key}")

    def shown(state: State) -> dict[str, Any]:
        said = state.said
        post: dict[str, Any] = {
            "id": post_id(said), "create_at": ms(said.at), "update_at": max(ms(at) for at in (said.at, state.edited or said.at, *(at for _, _, at in state.signs))),
            "edit_at": ms(state.edited) if state.edited else 0, "delete_at": 0, "is_pinned": False, "user_id": users[said.who], "channel_id": rooms[said.room],
            "root_id": post_id(MESSAGES[said.thread]) if said.thread else "", "original_id": "", "message": with_mentions(state.text, lambda who: f"@{who}"), "type": "", "props": {},
            "hashtags": "", "pending_post_id": "", "reply_count": 0, "metadata": {},
        }  # fmt: skip
        if said.sort == "join":
            post |= {
                "type": "system_join_channel",
                "message": f"{said.who} joined the channel.",
                "props": {"username": said.who},
            }
        if said.sort == "bot":
            post["props"] = {"from_bot": "true"}
        if said.file:
            post |= {
                "file_ids": [token26("file")],
                "metadata": {"files": [{"id": token26("file"), "name": said.file, "extension": "xlsx", "size": 1024}]},
            }
        if state.signs:
            post["has_reactions"] = True
            post["metadata"]["reactions"] = [
                {"user_id": users[who], "post_id": post_id(said), "emoji_name": name, "create_at": ms(at), "update_at": ms(at), "delete_at": 0, "remote_id": "", "channel_id": rooms[said.room]}
                for who, name, at in state.signs
            ]  # fmt: skip
        return post

    def gone(state: State, since: str) -> dict[str, Any]:
        return {**shown(state), "delete_at": ms(since), "update_at": ms(since)}

    server = {
        "token": "a-token-that-reads",
        "me": {"id": token26("me"), "username": "leerstroom", "roles": "system_user"},
        "channels": [{"id": rooms[room], "team_id": token26("team"), "type": kinds[sort], "name": room, "display_name": room, "delete_at": 0} for room, sort in ROOMS.items()],
        "users": [
            {"id": users[who], "username": who, "email": mail, "first_name": name.split()[0], "last_name": name.split(maxsplit=1)[-1], "nickname": "", "delete_at": 0, **({"is_bot": True} if who == "leerbot" else {})}
            for who, (name, mail) in PEOPLE.items()
        ],
    }  # fmt: skip
    write("mattermost", server, shown, post_id, rooms.__getitem__, gone)


# --- Zulip -----------------------------------------------------------------------------------------------------------------------


def zulip() -> None:
    users = {who: 100 + number for number, who in enumerate(PEOPLE)}
    rooms = {room: 10 + number for number, room in enumerate(ROOMS)}
    order = {
        said.key: 5000 + number for number, said in enumerate(sorted(PLOT, key=lambda said: said.at))
    }  # ids grow with time
    names = {
        "white_check_mark": ("check", "2705"),
        "+1": ("+1", "1f44d"),
        "tada": ("tada", "1f389"),
        "eyes": ("eyes", "1f440"),
    }

    def shown(state: State) -> dict[str, Any]:
        said = state.said
        content = with_mentions(
            html.escape(state.text, quote=False),
            lambda who: f'<span class="user-mention" data-user-id="{users[who]}">@{PEOPLE[who][0]}</span>',
        )
        for address in ("https://support.example.org/draaitabel", "https://example.org/sneltoetsen"):
            content = content.replace(address, f'<a href="{address}">{address}</a>')
        if said.file:
            content = f'<a href="/user_uploads/2/ce/{said.file}">{said.file}</a>'
        message: dict[str, Any] = {
            "id": order[said.key], "type": "stream", "stream_id": rooms[said.room], "display_recipient": said.room, "subject": f"onderwerp {said.thread or said.key}", "sender_id": users[said.who],
            "sender_email": f"user{users[said.who]}@voorbeeldstad.zulip.example", "sender_full_name": PEOPLE[said.who][0], "sender_realm_str": "voorbeeldstad", "timestamp": ms(said.at) // 1000,
            "content": f"<p>{content}</p>", "content_type": "text/html", "client": "website", "is_me_message": False, "recipient_id": 7, "submessages": [], "topic_links": [], "flags": ["read"],
            "reactions": [{"emoji_name": names[name][0], "emoji_code": names[name][1], "reaction_type": "unicode_emoji", "user_id": users[who]} for who, name, _ in state.signs],
        }  # fmt: skip
        if said.room == "anouk-bram":
            del message["stream_id"]
            message |= {
                "type": "private",
                "subject": "",
                "display_recipient": [
                    {"id": users[who], "email": PEOPLE[who][1], "full_name": PEOPLE[who][0]}
                    for who in ("anouk", "bram")
                ],
            }
        if said.sort == "join":
            message |= {
                "client": "Internal",
                "sender_realm_str": "zulipinternal",
                "sender_id": 6,
                "sender_full_name": "Notification Bot",
            }
        if state.edited:
            message["last_edit_timestamp"] = ms(state.edited) // 1000
        return message

    server = {
        "email": "leerstroom-bot@voorbeeldstad.zulip.example", "key": "an-api-key-that-reads", "user_id": 99,
        "streams": [{"stream_id": rooms[room], "name": room, "invite_only": sort == "private", "is_web_public": False, "history_public_to_subscribers": True} for room, sort in ROOMS.items() if sort != "direct"],
        "members": [
            {"user_id": users[who], "full_name": name, "email": f"user{users[who]}@voorbeeldstad.zulip.example", "delivery_email": None if who == "hannah" else mail, "is_bot": who == "leerbot", "is_active": True, "role": 400}
            for who, (name, mail) in PEOPLE.items()
        ],
    }  # fmt: skip
    write("zulip", server, shown, lambda said: str(order[said.key]), lambda room: str(rooms[room]))


# --- Rocket.Chat -----------------------------------------------------------------------------------------------------------------


def rocketchat() -> None:
    rooms = {room: token26(f"rocket {room}")[:17] for room in ROOMS}
    kinds = {"open": "c", "private": "p", "direct": "d"}

    def message_id(said: Said) -> str:
        return token26(f"rocket {said.key}")[:17]

    def user(who: str) -> dict[str, str]:
        return {"_id": token26(f"rocket {who}")[:17], "username": who, "name": PEOPLE[who][0]}

    def shown(state: State) -> dict[str, Any]:
        said = state.said
        changed = max(said.at, state.edited, *(at for _, _, at in state.signs))
        message: dict[str, Any] = {"_id": message_id(said), "rid": rooms[said.room], "msg": with_mentions(state.text, lambda who: f"@{who}"), "ts": iso(said.at), "u": user(said.who), "_updatedAt": iso(changed), "urls": [], "mentions": [{**user(who), "type": "user"} for who in PEOPLE if f"{{{who}}}" in state.text], "channels": []}  # fmt: skip
        if said.thread:
            message["tmid"] = message_id(MESSAGES[said.thread])
        if state.edited:
            message |= {
                "editedAt": iso(state.edited),
                "editedBy": {name: user(said.who)[name] for name in ("_id", "username")},
            }
        if said.sort == "join":
            message |= {"t": "uj", "msg": said.who, "groupable": False}
        if said.sort == "bot":
            message["bot"] = {"i": "integration"}
        if said.file:
            message |= {
                "file": {"_id": "f", "name": said.file, "type": "application/vnd.ms-excel"},
                "files": [{"_id": "f", "name": said.file}],
                "attachments": [{"title": said.file, "type": "file"}],
            }
        if state.signs:
            names = dict.fromkeys(name for _, name, _ in state.signs)
            message["reactions"] = {
                f":{name}:": {"usernames": [who for who, each, _ in state.signs if each == name]} for name in names
            }
        return message

    server = {
        "token": "a-token-that-reads", "user_id": "readerreaderreade",
        "rooms": [{"_id": rooms[room], "t": kinds[sort], **({"name": room, "fname": room} if sort != "direct" else {"usernames": ["anouk", "bram"]}), "usersCount": 7} for room, sort in ROOMS.items()],
        "users": [
            {**user(who), "type": "bot" if who == "leerbot" else "user", "active": True, "status": "offline", "emails": [{"address": mail, "verified": who != "hannah"}]}
            for who, (_, mail) in PEOPLE.items()
        ],
    }  # fmt: skip
    write("rocketchat", server, shown, message_id, rooms.__getitem__)


# --- Discourse -------------------------------------------------------------------------------------------------------------------


def discourse() -> None:
    users = {who: 20 + number for number, who in enumerate(PEOPLE)}
    rooms = {room: 71 + number for number, room in enumerate(ROOMS)}
    roots = [said for said in PLOT if not said.thread]
    topics = {root.key: 900 + number for number, root in enumerate(roots)}
    numbers = {root.key: 1 for root in roots}
    for root in roots:
        numbers |= {
            said.key: number for number, said in enumerate((each for each in PLOT if each.thread == root.key), 2)
        }

    def shown(state: State) -> dict[str, Any]:
        said = state.said
        text = with_mentions(
            html.escape(state.text, quote=False), lambda who: f'<a class="mention" href="/u/{who}">@{who}</a>'
        )
        for address in ("https://support.example.org/draaitabel", "https://example.org/sneltoetsen"):
            text = text.replace(address, f'<a href="{address}">{address}</a>')
        if said.file:
            text = f'<a class="attachment" href="/uploads/short-url/x.xlsx">{said.file}</a> (12 KB)'
        likes = [who for who, name, _ in state.signs if name != "white_check_mark" and who != said.who]
        post: dict[str, Any] = {
            "id": 4000 + number_of(said), "name": PEOPLE[said.who][0], "username": said.who, "user_id": users[said.who], "created_at": iso(said.at), "updated_at": iso(state.edited or said.at), "cooked": f"<p>{text}</p>",
            "post_number": numbers[said.key], "post_type": 1, "reply_to_post_number": numbers[said.reply] if said.reply else None, "topic_id": topics[said.thread or said.key], "topic_slug": "bericht-in-de-groep",
            "version": 2 if state.edited else 1, "hidden": False, "deleted_at": None, "user_deleted": False, "wiki": False, "moderator": False, "admin": False, "staff": False, "trust_level": 2,
            "accepted_answer": any(name == "white_check_mark" for _, name, _ in state.signs), "actions_summary": [{"id": 2, "count": len(likes)}] if likes else [], "_likes": likes,
        }  # fmt: skip
        if said.sort == "join":
            post |= {"post_type": 3, "action_code": "invited_user", "cooked": ""}
        if said.sort == "bot":
            post["user_id"] = -2
        return post

    def gone(state: State, since: str) -> dict[str, Any]:
        return {**shown(state), "deleted_at": iso(since)}

    server = {
        "key": "an-api-key-that-reads", "username": "leerstroom", "title": "Bericht in de groep",
        "categories": [{"id": rooms[room], "name": room, "slug": room, "read_restricted": sort == "private"} for room, sort in ROOMS.items() if sort != "direct"],
        "users": [{"id": users[who], "username": who, "name": name, "email": mail, "active": True} for who, (name, mail) in PEOPLE.items()],
    }  # fmt: skip
    write(
        "discourse",
        server,
        shown,
        lambda said: f"{topics[said.thread or said.key]}/{numbers[said.key]}",
        lambda room: str(rooms[room]),
        gone,
    )


def main() -> None:
    """Writes all."""
    discourse()
    rocketchat()
    zulip()
    slack()
    mattermost()
    truth = {said.key: {"room": said.room, "verb": said.verb} for said in PLOT}
    (HERE / "chat" / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
