"""The text of an exported chat: which lines begin a message, who said it when, and what the app wrote by itself.

It knows no statement and no person: senders are labels of the exporter's address book. An export says neither its zone nor its language, nor
whether the day or the month comes first, so the whole file decides: the form of most lines is the form of the file, and every other line belongs to the
message above it. Formats of Android and iOS in Dutch, English, German and French.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from leerstroom.errors import BadRecord

ORDERS = ("dmy", "mdy", "ymd")
_JITTER = timedelta(
    minutes=2
)  # messages that arrived late stand a little out of order; a larger step back is the clock's
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """One message, or one line of the app itself (`sender` None).

    `sort`: text | poll | file | sticker | contact | location | call | deleted | empty | system, or unreadable where the date is none.
    `text` is the writer's own, without the marks of the app; of a poll its question.
    """

    line: int
    sender: str | None
    sort: str
    text: str = ""
    at: datetime | None = None  # UTC
    edited: bool = False
    mentions: Sequence[str] = ()  # labels of people, or +31612345678


@dataclass(frozen=True, slots=True)
class Chat:
    """An exported chat. `title` is what iOS calls it in its first line; `is_group` says that more than two take part in it."""

    entries: Sequence[Entry]
    title: str | None
    is_group: bool


def parse(text: str, zone: ZoneInfo, order: str | None = None) -> Chat:
    """The chat in a text. `order` of day and month is one of ORDERS; None lets the file decide. Raises BadRecord for no chat at all."""
    heads = _heads(unicodedata.normalize("NFC", text).splitlines())  # some computers part letters from their accents
    if not heads:
        raise BadRecord("no line begins like one of an exported chat, such as 02-11-2026 09:15 - Name: text")
    title = next((name for head in heads if (name := _title(head.rest))), None)
    moments = _moments(heads, zone, order or _order(heads))
    entries = [_entry(head, moment, title) for head, moment in zip(heads, moments, strict=True)]
    senders = {each.sender for each in entries if each.sender}
    told = any(_GROUP.search(head.rest) for head, each in zip(heads, entries, strict=True) if each.sort == "system")
    return Chat(entries, title, told or len(senders) > 2)


# --- lines into messages --------------------------------------------------------------------------------------------------------------

_MARKS = "\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff"  # of direction and of byte order: invisible, and anywhere
_MARK = re.compile(f"[{_MARKS}]")
_HEAD = re.compile(
    rf"[{_MARKS}]*(?P<open>\[)?[{_MARKS}]*"
    r"(?P<a>\d{1,4})(?P<separator>[./-])\s?(?P<b>\d{1,2})(?P=separator)\s?(?P<c>\d{1,4})\.?,?(?:\s(?:um|à|at|om|alle|a las))?\s+"
    r"(?P<hour>\d{1,2})(?:[:.h]|\sh\s)(?P<minute>\d{2})(?:[:.](?P<second>\d{2}))?(?:\s*(?P<half>[ap])\.?\s?m\.?)?"
    rf"[{_MARKS}]*(?(open)\]|\s[-–])(?:\s(?P<rest>.*)|$)",
    re.IGNORECASE,
)


@dataclass(slots=True)
class _Head:
    line: int
    date: tuple[str, str, str]  # its parts as they stand
    separator: str
    clock: tuple[int, int, int]
    rest: str
    more: list[str]


def _heads(lines: Sequence[str]) -> list[_Head]:
    """The messages of a file with the lines below each. The form of most decides: a line pasted from another chat begins nothing."""
    matches = [_HEAD.match(line) for line in lines]
    forms = Counter((match["open"], match["separator"]) for match in matches if match)
    form = forms.most_common(1)[0][0] if forms else None
    found: list[_Head] = []
    for number, (line, match) in enumerate(zip(lines, matches, strict=True), 1):
        if match and (match["open"], match["separator"]) == form:
            date = (match["a"], match["b"], match["c"])
            found.append(_Head(number, date, match["separator"], _clock(match), match["rest"] or "", []))
        elif found:
            found[-1].more.append(line)
    return found


def _clock(match: re.Match[str]) -> tuple[int, int, int]:
    hour, half = int(match["hour"]), (match["half"] or "").lower()
    if half and hour <= 12:  # phones that count to 24 write 23:59 PM too
        hour = hour % 12 + (12 if half == "p" else 0)
    return hour, int(match["minute"]), int(match["second"] or 0)


# --- when ---------------------------------------------------------------------------------------------------------------------------------


def _order(heads: Sequence[_Head]) -> str:
    """Day first or month first, by the whole file: a part above 12 is a day; else the order in which time runs forward; else the look."""
    first, second = ([int(head.date[place]) for head in heads] for place in (0, 1))
    if max(first) > 31:
        return "ymd"
    days_first, days_second = sum(part > 12 for part in first), sum(part > 12 for part in second)
    if days_first != days_second:
        return "dmy" if days_first > days_second else "mdy"
    back = {order: _steps_back(heads, order) for order in ("dmy", "mdy")}
    if back["dmy"] != back["mdy"]:
        return min(back, key=lambda order: back[order])
    is_american = heads[0].separator == "/" and not any(
        len(head.date[2]) == 4 or head.date[0].startswith("0") or head.date[1].startswith("0") for head in heads
    )  # 5/4/26; everybody else pads or writes the whole year
    return "mdy" if is_american else "dmy"


def _steps_back(heads: Sequence[_Head], order: str) -> int:
    moments = [moment for head in heads if (moment := _local(head, order))]
    return sum(later < earlier - timedelta(days=1) for earlier, later in pairwise(moments))


def _local(head: _Head, order: str) -> datetime | None:
    """The local time, naive; None for a date that does not exist."""
    parts = dict(zip(order, map(int, head.date), strict=True))
    year = parts["y"] + (2000 if parts["y"] < 100 else 0)
    try:
        return datetime(year, parts["m"], parts["d"], *head.clock)  # noqa: DTZ001 - an export has no zone
    except ValueError:
        return None


def _moments(heads: Sequence[_Head], zone: ZoneInfo, order: str) -> Iterator[datetime | None]:
    """The times in UTC. In the hour that the clock has twice in autumn, a step back says that its second round began."""
    before: datetime | None = None
    second_round = False
    for head in heads:
        local = _local(head, order)
        if local is None:
            yield None
            continue
        first, second = local.replace(tzinfo=zone), local.replace(tzinfo=zone, fold=1)
        if first.utcoffset() == second.utcoffset():
            before, second_round = None, False
        else:
            second_round = second_round or (before is not None and local < before - _JITTER)
            before = local
        yield (second if second_round else first).astimezone(UTC)


# --- what ---------------------------------------------------------------------------------------------------------------------------------

_SENDER = re.compile(rf"(?P<name>[^\n]{{1,{_LONGEST_NAME}}}?):(?:\s(?P<text>.*))?$")
_QUOTES = (("„", "“"), ("“", "”"), ("«", "»"))
_NOTICE = re.compile(r"(?:end-to-end|ende-zu-ende|bout en bout|extremo a extremo|end to end)", re.IGNORECASE)
_CHANGED = r"(?:toegevoegd|gewijzigd|(?:aan)?gemaakt|added|changed|created|hinzugefügt|geändert|erstellt|ajouté|changé|modifié|créé)"
_A_GROUP = r"(?:group|groep\w*|gruppe\w*|groupe|community|communauté|onderwerp|subject|betreff|objet|sujet)"
_ABOUT_A_GROUP = re.compile(
    rf"\b(?:{_CHANGED}\b.*\b{_A_GROUP}|{_A_GROUP}\b.*\b{_CHANGED})\b", re.IGNORECASE
)  # what Android writes before a name without quotes
_CHOSEN = re.compile(r"^~\s*")
_GROUP = re.compile(r"\b(?:group|groep|groeps\w*|gruppe\w*|groupe|grupo|gruppo)\b", re.IGNORECASE)

# What the app writes in somebody's name on iOS, always behind a mark of direction.
_SYSTEM = re.compile(
    r"\b(?:toegevoegd|verwijderd|verlaten|gemaakt|aangemaakt|gewijzigd|bijgewerkt|aangepast|ingeschakeld|uitgeschakeld|vastgezet|toegetreden|lid geworden|beheerder|uitnodigingslink|versleuteld"
    r"|added|removed|left|created|changed|updated|joined|turned (?:on|off)|pinned|admin|invite link|encrypted|security code|blocked this"
    r"|hinzugefügt|entfernt|verlassen|erstellt|geändert|aktualisiert|aktiviert|deaktiviert|angepinnt|beigetreten|einladungslink|verschlüsselt|sicherheitscode"
    r"|ajouté|retiré|quitté|créé|modifié|changé|mis à jour|activé|désactivé|épinglé|rejoint|chiffré\w*|code de sécurité)\b",
    re.IGNORECASE,
)
_DELETED = re.compile(
    r"(?:dit bericht is (?:door .* )?(?:verwijderd|gewist)(?: door .*)?|(?:je|jij|u) (?:hebt|heeft) dit bericht (?:als .* )?(?:verwijderd|gewist)"
    r"|(?:this )?message (?:was )?deleted(?: by .*)?|you deleted this message(?: as .*)?"
    r"|diese nachricht wurde (?:vo[nm] .* )?gelöscht|du hast diese nachricht (?:als .* )?gelöscht"
    r"|ce message a été supprimé(?: par .*)?|(?:vous avez|tu as) supprimé ce message(?: en tant .*)?)\.?",
    re.IGNORECASE,
)
_AWAITED = re.compile(  # it never reached the phone that exports
    r"(?:wachten op (?:dit )?bericht|waiting for (?:this )?message|warte(?:n)? auf (?:diese )?nachricht|en attente (?:de ce|du) message)"
    r"\.?(?: (?:dit kan|this may|d(?:ie|a)s kann|cela peut) .{1,60})?",
    re.IGNORECASE,
)
_EDITED = re.compile(r"\s*<[^<>\n]{0,30}(?:bewerkt|edited|bearbeitet|modifié)\.?>\s*$", re.IGNORECASE)
_MISSING = r"(?:weggelaten|omitted|weggelassen|ausgelassen|ausgeschlossen|omise?|absente?|retirée?|manquante?)"
_MEDIUM = (
    r"(?:image|photo|afbeelding|foto|bild|video|(?:message |note )?vidéo|audio|gif|(?:animated )?sticker|document|dokument|contact card|contactkaart|kontaktkarte|fiche contact"
    r"|video ?(?:note|message)|video(?:notitie|bericht|notiz|nachricht)|voice message|spraakbericht|sprachnachricht|message vocal)"
)
_OMITTED = re.compile(
    rf"(?:<[^<>\n]{{1,40}} {_MISSING}>|(?:\S.*\.\w{{2,5}}\b.*)?(?P<what>{_MEDIUM}) {_MISSING})\.?", re.IGNORECASE
)
_CAPTIONED = re.compile(
    rf"(?P<caption>.*\S)\s\u200e(?P<what>{_MEDIUM}) {_MISSING}\.?\s*", re.IGNORECASE | re.DOTALL
)  # on iOS
_ATTACHED = re.compile(
    r"(?:<(?:bijgevoegd|attached|anhang|pièce jointe|fichier joint)\s?: ?(?P<ios>[^<>\n]+)>|(?P<android>\S.*\.\w{2,5}) \((?:bestand bijgevoegd|file attached|datei angehängt|fichier joint)\))",
    re.IGNORECASE,
)
_STICKER = re.compile(r"sticker|gif|\.webp$", re.IGNORECASE)
_CONTACT = re.compile(r"contact|kontakt|\.vcf$", re.IGNORECASE)
_MENTION = re.compile(r"@\u2068(?P<name>[^\u2069\n]{1,100})\u2069|@(?P<number>\d{8,15})\b")
_POLL = re.compile(r"(?:poll|peiling|umfrage|sondage)\s?:\s*(?P<question>.*)", re.IGNORECASE)
_OPTION = re.compile(r"(?:option|optie)\s?:\s.*\(\d+ \S+\)$", re.IGNORECASE)
_LOCATION = re.compile(
    r"(?:(?:live[ -])?(?:locatie|location|standort|localisation|position)\b.{0,20}?(?:https?://(?:maps\.google|goo\.gl/maps|\S*foursquare)\S*)"
    r"|live[ -]?locatie gedeeld|live location shared|live-standort wird geteilt|(?:localisation|position) en direct partagée)\.?",
    re.IGNORECASE,
)
_CALL = re.compile(
    r"(?:(?:gemiste? )?(?:groeps-?)?(?:spraak|video)-?(?:oproep|gesprek)|(?:missed )?(?:group )?(?:voice|video) call|(?:verpasster )?(?:gruppen-?)?(?:sprach|video)anruf"
    r"|appel (?:vocal|vidéo)(?: de groupe)?(?: manqué)?)"
    r"(?:[.,]\s?(?:\d+ \S+|geen antwoord|no answer|keine antwort|sans réponse|(?:tik|tap|zum|touche[zr]|appuyez)\b.*|.*silenced.*))?\.?",
    re.IGNORECASE,
)


def _entry(head: _Head, moment: datetime | None, title: str | None) -> Entry:
    if moment is None:
        return Entry(head.line, None, "unreadable")
    name, text = _parted(head)
    if name is None or name == title or _is_of_the_app(name, text):
        return Entry(head.line, None, "system", at=moment)
    whole = _plain(text).strip()
    sort, kept = _sorted(_EDITED.sub("", whole))
    if sort == "text" and "\u200e" in text and (captioned := _CAPTIONED.fullmatch(text)):
        sort, kept = _sort_of_file(captioned["what"]), _plain(captioned["caption"])
    named = [_plain(found["name"] or f"+{found['number']}") for found in _MENTION.finditer(text)]
    for each in named:
        kept = kept.replace(f"@{each.removeprefix('+')}", " ")  # a name is no word of the writer
    return Entry(head.line, name, sort, kept, moment, _EDITED.search(whole) is not None, list(map(_label, named)))


def _parted(head: _Head) -> tuple[str | None, str]:
    """(label of the sender, text), or None and the app's own line."""
    match = _SENDER.match(head.rest)
    if match is None or _ends_in_quotes(match["name"]) or _ABOUT_A_GROUP.search(match["name"]):
        return None, head.rest
    return _label(match["name"]), "\n".join((match["text"] or "", *head.more))


def _label(name: str) -> str:
    """How the exporter's phone calls somebody, in one form: with or without a blank behind the ~ of a name that people chose themselves."""
    return _CHOSEN.sub("~ ", _plain(name).strip())


def _ends_in_quotes(text: str) -> bool:
    """Whether a quotation mark is still open: names of groups stand in quotes, and may hold a colon."""
    opening, closing = next((pair for pair in _QUOTES if pair[0] in text), _QUOTES[0])
    return text.count('"') % 2 == 1 or text.count(opening) > text.count(closing)


def _title(rest: str) -> str | None:
    """What stands before the notice of encryption, which iOS writes in the name of the chat."""
    match = _SENDER.match(rest)
    return (
        _plain(match["name"]).strip()
        if match and _NOTICE.search(rest) and (match["text"] or "").startswith("\u200e")
        else None
    )


def _is_of_the_app(name: str, text: str) -> bool:
    """Whether iOS wrote this in the name of `name`: behind a mark of direction, about what people do with groups."""
    first = text.partition("\n")[0]
    if not first.startswith("\u200e") or _EDITED.search(_plain(text)) or _sorted(_plain(text).strip())[0] != "text":
        return False
    return _plain(first).startswith(f"{name} ") or _SYSTEM.search(first) is not None


def _sorted(text: str) -> tuple[str, str]:
    """(sort of message, what of its text the writer wrote)."""
    first, _, below = text.partition("\n")
    if not text or text == "null" or _AWAITED.fullmatch(text):
        return "empty", ""
    if _DELETED.fullmatch(text):
        return "deleted", ""
    if (found := _POLL.match(first)) and any(_OPTION.match(line) for line in below.split("\n")):
        return "poll", found["question"] or below.partition("\n")[0]
    if found := _ATTACHED.search(first):
        caption = f"{first[: found.start()]}{first[found.end() :]}\n{below}".strip()
        return _sort_of_file(found["ios"] or found["android"]), caption
    if found := _OMITTED.fullmatch(first):
        return _sort_of_file(found["what"] or ""), below.strip()
    if _LOCATION.fullmatch(text):
        return "location", ""
    return ("call", "") if _CALL.fullmatch(text) else ("text", text)


def _sort_of_file(name: str) -> str:
    return "sticker" if _STICKER.search(name) else "contact" if _CONTACT.search(name) else "file"


def _plain(text: str) -> str:
    """Without invisible marks, and with ordinary spaces."""
    return _MARK.sub("", text).replace("\u202f", " ").replace("\xa0", " ")
