"""What is kept of a text: a few features. The text itself ends here, in the pull stage; no word of it lands anywhere.

The rules read Dutch, English, German and French. They are plain word lists on purpose: everyone can check why a message counted as a question,
and nothing here learns from what people write. Quoted text, code and addresses are taken out first, so only the writer's own words speak.
"""

import html
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

MEDIUM_WORDS = 12  # from here on more than a remark
LONG_WORDS = 80  # from here on a small article
_LANGUAGE_WORDS = 3  # below, a language is a guess
_LANGUAGE_CONFIDENCE = 0.6
_MOST_CHARACTERS = 10_000  # a pasted log says no more than its beginning


def features(texts: Sequence[str]) -> dict[str, Any]:
    """Features of all texts of one record together; HTML is read as what it shows.

    `length` none | short | medium | long (0, < 12, < 80 words) · `language` BCP 47, `und` unless confident · `has_link` ·
    `is_question` asks for help, knowledge or an opinion; invitations to coffee and pleasantries do not ·
    `is_only_question` nothing but such a question · `is_thanks` thanks for help or says that it worked ·
    `is_acknowledgement` agrees, greets or laughs and says no more, in words or in code · `is_reflection` looks back on what was learnt.
    """
    plain, linked = _own_words(texts)
    words, lower = _WORD.findall(plain), plain.lower()
    sentences = _sentences(plain)
    asking = [each for each in sentences if _asks(each)]
    return {
        "length": "none" if not words else "short" if len(words) < MEDIUM_WORDS else "medium" if len(words) < LONG_WORDS else "long",
        "language": _language(plain) if len(words) >= _LANGUAGE_WORDS else "und",
        "has_link": linked,
        "is_question": bool(asking),
        "is_only_question": bool(asking) and len(asking) == len(sentences),
        "is_thanks": _thanks(lower, len(words)),
        "is_acknowledgement": _acknowledges(lower) and not any(_CODE.search(text) for text in texts if text),
        "is_reflection": _REFLECTION.search(lower) is not None,
    }  # fmt: skip


def asks(texts: Sequence[str]) -> bool:
    """Only whether the texts ask something: `features(texts)["is_question"]`, at a third of the cost."""
    return any(_asks(each) for each in _sentences(_own_words(texts)[0]))


# --- the writer's own words -----------------------------------------------------------------------------------------------------

_LINK = re.compile(r"(?:https?://|www\.)[^\s<>\"')\]]+", re.IGNORECASE)
_ANCHOR = re.compile(r"<a\s[^>]*href=[\"']?https?://(?!matrix\.to/)", re.IGNORECASE)
_QUOTED = re.compile(
    r"<(mx-reply|blockquote|pre|code|script|style)\b[^<>]*>.*?</\1>|```.*?(?:```|\Z)|`[^`\n]+`",
    re.IGNORECASE | re.DOTALL,
)
_CODE = re.compile(r"<(?:pre|code)\b|```|`[^`\n]+`", re.IGNORECASE)  # taken out of the words, but no nod
_BREAK = re.compile(r"<(?:br|/p|/div|/li|/h\d)\b[^>]*>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-z!][^<>]*>", re.IGNORECASE)
_QUOTED_LINE = re.compile(r"^\s*>.*$", re.MULTILINE)
_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_SENTENCE = re.compile(r"[^.!?\n]*(?:[.!?](?=\w)[^.!?\n]*)*[.!?\n]*")  # "v1.2" and "query?x" hold no end of a sentence


def _own_words(texts: Sequence[str]) -> tuple[str, bool]:
    """The texts without mark-up, quotes, code and addresses; and whether the writer put a link in them."""
    cleaned = [_cleaned(text[:_MOST_CHARACTERS]) for text in texts if text]
    return "\n".join(text for text, _ in cleaned).strip(), any(linked for _, linked in cleaned)


def _cleaned(text: str) -> tuple[str, bool]:
    linked = False
    if "<" in text or "`" in text or ">" in text:  # few messages have any of these, and each pattern costs
        text = _QUOTED_LINE.sub(" ", _QUOTED.sub(" ", text))
        linked = _ANCHOR.search(text) is not None
        text = _TAG.sub(" ", _BREAK.sub("\n", text))
    if "&" in text:
        text = html.unescape(text)
    if "://" in text or "www." in text.lower():
        linked = linked or any("//matrix.to/" not in found for found in _LINK.findall(text))
        text = _LINK.sub(" ", text)
    return text.replace("\xa0", " "), linked


def _sentences(plain: str) -> list[str]:
    return [each for each in (part.strip() for part in _SENTENCE.findall(plain)) if _WORD.search(each)]


# --- questions --------------------------------------------------------------------------------------------------------------------

# Openings that ask even without a question mark, also behind a name that was taken out.
_OPENING = re.compile(
    r"^[\s,:;–-]*(?:(?:hoi|hallo|hey?|hi|hello|dag|goede\w+|beste|mensen|allen|allemaal|all|team|collega'?s|vraagje|vraag|question|even)\b[\s,:;!-]*)*(?:"
    r"weet (?:iemand|er iemand|jij|jullie|u)\b|wie (?:weet|kan|heeft|kent|wil|gebruikt)\b|(?:heeft|kan|kent|gebruikt) (?:er )?iemand\b|kunnen jullie\b"
    r"|iemand (?:een |enig )?(?:idee|tip|ervaring|suggestie)|hoe (?:kan|kun|moet|krijg|doe|doen|werkt|zet|maak|los|kom|vind|gaan) (?:ik|je|jij|jullie|we|wij|dat|dit|de|het|een)\b"
    r"|waar (?:vind|kan|staat|haal) (?:ik|je|jullie|we|de|het)\b|waarom (?:krijg|werkt|doet|kan|is|zie)\b|is er (?:iemand|een|ergens)\b"
    r"|(?:does|has|can|could|would) (?:any|some)(?:one|body)\b|any(?:one|body) (?:know|have|has|else|any)|how (?:do|can|should|would|to) (?:i|you|we|one)\b"
    r"|what(?:'s| is) the (?:best|right|difference)|where (?:can|do) (?:i|we)\b|why (?:do|does|is|am) (?:i|my|the)\b|is there (?:a|an|any|some)"
    r"|(?:weiß|weiss|kann|hat|kennt) (?:jemand|einer|wer|mir)\b|wer (?:weiß|weiss|kann|hat|kennt)\b|wie (?:kann|mache|bekomme) (?:ich|man)\b"
    r"|quelqu[’']un (?:sait|a|peut|connaît)|est-ce qu|comment (?:faire|est-ce|puis-je|on)\b|qui (?:sait|peut|connaît)\b)",
    re.IGNORECASE,
)
_MARK = re.compile(r"\?+[!?]*[\s)\"'”’»]*$")
_HELP = re.compile(
    r"\b(?:weet|kan|kun|hoe|waarom|wat is|uitleg|help\w*|how|why|explain|know|warum|erklär\w*|comment|pourquoi)\b"
)
_SOCIAL = re.compile(
    r"\b(?:koffie|thee|lunch(?:en)?|borrel(?:en)?|vrijmibo|biertje|bier|taart|gebak|wandel(?:en|ing)|pauze|wandelingetje|coffee|beers?|drinks|walk|pizza|kaffee|mittag(?:essen)?|pause|café|déjeuner)\b"
)
_PLEASANTRY = re.compile(
    r"^(?:alles (?:goed|ok\w*)|hoe (?:gaat het|is het|was (?:je|jullie|het) (?:weekend|vakantie))|goed (?:weekend|geslapen)|lekker\b|how are (?:you|things)|how was (?:your|the) weekend"
    r"|all good|what'?s up|wie geht'?s|alles gut|ça va|zin in|tot (?:zo|straks|morgen)|ok\w*|(?:toch|hè|wat|echt|really|huh|serieus)\W*$)"
)
_SOCIAL_WORDS = 10  # a longer sentence that names coffee is about coffee


def _asks(sentence: str) -> bool:
    if not (_MARK.search(sentence) or _OPENING.match(sentence)):
        return False
    lower, words = sentence.lower(), len(_WORD.findall(sentence))
    if _SOCIAL.search(lower) and words <= _SOCIAL_WORDS and not _HELP.search(lower):
        return False
    return not (_PLEASANTRY.match(lower) and words <= 5)


# --- thanks, agreement, looking back ------------------------------------------------------------------------------------------------

_THANKS = re.compile(
    r"\b(?:bedankt|dank(?:je(?:wel)?| ?je(?: ?wel)?| u(?: wel)?)?|dankuwel|heel erg bedankt|veel dank|merci|thx|thanks|thank you|ty|danke|vielen dank|opgelost|gelukt|het werkt|werkt (?:nu|weer)"
    r"|(?:that|this|it) (?:solved|fixed|worked|works|helped|helps)|solved|das war'?s|ça marche|resolu|résolu)\b|🙏"
)
_THANKS_SHORT = re.compile(
    r"^(?:ah+|oh+|ha+|ok\w*)?[\s,!.]*(?:top|super|perfect|geweldig|fantastisch|briljant|heerlijk|great|awesome|brilliant|klasse|heel graag)\b"
)
_BEFOREHAND = re.compile(r"\b(?:alvast|bij voorbaat|in advance|im voraus|par avance|d'avance)\b")
_NOT_YET = re.compile(r"\b(?:niet|nog|not|nicht|pas) (?:echt )?(?:opgelost|gelukt|solved|gelöst|résolu)|graag gedaan")


def _thanks(lower: str, words: int) -> bool:
    if _BEFOREHAND.search(lower) or _NOT_YET.search(lower):
        return False
    return _THANKS.search(lower) is not None or (words < MEDIUM_WORDS and _THANKS_SHORT.match(lower) is not None)


_ASSENT = frozenset(
    """
    ok oke oké okay okee okie ja jaa jep yep yes yeah nee no nope top prima goed goeie goede mooi leuk fijn helder akkoord eens graag super perfect dank bedankt dankje dankjewel thanks thx merci
    haha hahaha lol brb ik ook me too on it doen we doe check gezien klopt precies inderdaad exact zeker natuurlijk uiteraard jij u hoi hallo hey hi dag goedemorgen goedemiddag morgen
    morning good welkom welcome gefeliciteerd gefeliciteerd congrats nice great cool sure agreed same plus één 1 you je wel u it will do idem danke gut genau bien oui fijn weekend allemaal
    graag gedaan idee hele helemaal mee dat is zo heel erg voor een de wat
    """.split()  # noqa: SIM905 - a list of words reads best as words
)
_ASSENT_WORDS = 4


def _acknowledges(lower: str) -> bool:
    words = _WORD.findall(lower)
    return len(words) <= _ASSENT_WORDS and all(word in _ASSENT for word in words) and "?" not in lower


_REFLECTION = re.compile(
    r"\b(?:geleerd|leerpunt(?:en)?|mijn (?:\d+ )?lessen|lessons? learn(?:ed|t)|wat ik (?:meeneem|leerde)|terugblik|terugkijkend|inzicht(?:en)?|verslag|til\b|today i learned|i learn(?:ed|t)|takeaways?|eye-?opener"
    r"|gelernt|erkenntnis(?:se)?|appris|retenu)\b"
)


# --- language -------------------------------------------------------------------------------------------------------------------------


def _language(text: str) -> str:
    code, confidence = _identifier().classify(text[:2000])
    return str(code) if confidence >= _LANGUAGE_CONFIDENCE else "und"


@cache
def _identifier() -> Any:
    from py3langid import langid  # 0.4 s and a model of its own: only where texts are read

    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)
