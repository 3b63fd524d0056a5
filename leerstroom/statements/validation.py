"""Validates statements by the rules of xAPI 1.0.3 (part two, sections 2 and 4) and 2.0.0 (IEEE 9274.1.1), and names the property that is wrong.

Hand-written and flat because every statement passes here: one walk over the dictionary, no models. What repeats from statement to statement (IRIs, language
tags, times) is remembered. `schemas/statement.schema.json` says the same for people and other tools; a test holds the two together.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import isodate

from leerstroom.errors import InvalidStatement
from leerstroom.statements.plain import Agent, Definition, Place, Verb, plain_checker

VOIDED = "http://adlnet.gov/expapi/verbs/voided"

_STATEMENT = frozenset({
    "id", "actor", "verb", "object", "result", "context", "timestamp", "stored", "authority", "version", "attachments",
})  # fmt: skip
_SUBSTATEMENT = frozenset({"objectType", "actor", "verb", "object", "result", "context", "timestamp", "attachments"})
_IDENTIFIERS = ("mbox", "mbox_sha1sum", "openid", "account")
_AGENT = frozenset({"objectType", "name", *_IDENTIFIERS})
_GROUP = _AGENT | {"member"}
_DEFINITION = frozenset({
    "name", "description", "type", "moreInfo", "extensions", "interactionType", "correctResponsesPattern",
    "choices", "scale", "source", "target", "steps",
})  # fmt: skip
_COMPONENTS = {
    "choices": ("choice", "sequencing"),
    "scale": ("likert",),
    "source": ("matching",),
    "target": ("matching",),
    "steps": ("performance",),
}
_INTERACTIONS = frozenset({
    "true-false", "choice", "fill-in", "long-fill-in", "matching", "performance", "sequencing", "likert", "numeric", "other",
})  # fmt: skip
_RESULT = frozenset({"score", "success", "completion", "response", "duration", "extensions"})
_CONTEXT = frozenset({
    "registration", "instructor", "team", "contextActivities", "revision", "platform", "language", "statement", "extensions",
})  # fmt: skip
_CONTEXT_2 = _CONTEXT | {"contextAgents", "contextGroups"}
_ACTIVITIES = ("parent", "grouping", "category", "other")
_ATTACHMENT = frozenset({"usageType", "display", "description", "contentType", "length", "sha2", "fileUrl"})

_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}").fullmatch
_IRI = re.compile(  # every kind of white space by its number: twice as fast as \s
    r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>\"{}|\\^`\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+"
).fullmatch
_ASCII_IRI = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]*:[!#-;=?-\[\]_a-z~]+"
).fullmatch  # the same, twice as fast, for nearly all
_MBOX = re.compile(r"mailto:[^\s@<>\"(),;:\\]+@[^\s@<>\"(),;:\\]+").fullmatch
_SHA1 = re.compile(r"[0-9a-f]{40}", re.IGNORECASE).fullmatch
_SHA2 = re.compile(r"[0-9a-f]{56,128}", re.IGNORECASE).fullmatch
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(\s*;.*)?").fullmatch
_LANGUAGE = re.compile(
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4}|[a-z]{5,8})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|\d{3}))?"
    r"(?:-(?:[a-z0-9]{5,8}|\d[a-z0-9]{3}))*(?P<extensions>(?:-[0-9a-wy-z](?:-[a-z0-9]{2,8})+)*)(?:-x(?:-[a-z0-9]{1,8})+)?"
    r"|x(?:-[a-z0-9]{1,8})+"
    r"|i-(?:ami|bnn|default|enochian|hak|klingon|lux|mingo|navajo|pwn|tao|tay|tsu)|en-gb-oed|sgn-(?:be-fr|be-nl|ch-de)"
    r"|art-lojban|cel-gaulish|no-(?:bok|nyn)|zh-(?:guoyu|hakka|min|min-nan|xiang)",
    re.IGNORECASE,
).fullmatch
_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,]\d+)?)?(Z|[+-]\d\d(?::?\d\d)?)?)?", re.IGNORECASE
).fullmatch
_DURATION = re.compile(
    r"P(?=.)(?:\d+(?:[.,]\d+)?W|(?:\d+(?:[.,]\d+)?Y)?(?:\d+(?:[.,]\d+)?M)?(?:\d+(?:[.,]\d+)?D)?"
    r"(?:T(?=\d)(?:\d+(?:[.,]\d+)?H)?(?:\d+(?:[.,]\d+)?M)?(?:\d+(?:[.,]\d+)?S)?)?)"
).fullmatch
_VERSION_1 = re.compile(r"1\.0(\.\d+)?").fullmatch
_VERSION_2 = re.compile(r"(1\.0|2\.0)(\.\d+)?").fullmatch


def validate(statement: Mapping[str, Any], version: str = "1.0.3") -> None:
    """Raises InvalidStatement (its `property` is a path such as `context.registration`) for a statement that breaks a rule.

    `version` is the xAPI version of the request or run: 2.x knows contextAgents and contextGroups.
    """
    if _plain(statement):
        return
    check(statement, version)


def check(statement: Mapping[str, Any], version: str = "1.0.3") -> None:
    """All rules, one by one; what `validate` does when a statement isn't plain."""
    two = version.startswith("2")
    if not isinstance(statement, dict):
        _fail("a statement must be a JSON object", "")
    _known(statement, _STATEMENT, "")
    _body(statement, "", two)
    if "id" in statement and not (isinstance(statement["id"], str) and _UUID(statement["id"])):
        _fail("must be a UUID", "id")
    if "stored" in statement:
        _time(statement["stored"], "stored")
    if "version" in statement:
        told = statement["version"]
        if not (isinstance(told, str) and (_VERSION_2 if two else _VERSION_1)(told)):
            _fail("must be a version that this LRS speaks, such as 1.0.3", "version")
    if "authority" in statement:
        _authority(statement["authority"])


def validate_actor(actor: Any, path: str = "actor") -> None:
    """Raises InvalidStatement unless this is an Agent or a Group."""
    _actor(actor, path)


def is_iri(text: str) -> bool:
    """Whether this is an absolute IRI."""
    return _known_iri(text)


def is_uuid(text: str) -> bool:
    """Whether this is a UUID, in either case, with its dashes."""
    return _UUID(text) is not None


def is_language(text: str) -> bool:
    """Whether this is a language tag of RFC 5646."""
    return _language(text)


def _fail(message: str, path: str) -> None:
    raise InvalidStatement(f"{path or 'statement'} {message}", path)


def _known(value: Mapping[str, Any], allowed: frozenset[str], path: str) -> None:
    if not allowed.issuperset(value):
        unknown = next(name for name in value if name not in allowed)
        _fail(f"has no property '{unknown[:60]}'", path)


def _body(statement: Mapping[str, Any], path: str, two: bool) -> None:
    for name in ("actor", "verb", "object"):
        if name not in statement:
            _fail("is missing", path + name)
    _actor(statement["actor"], path + "actor")
    _verb(statement["verb"], path + "verb")
    kind = _object(statement["object"], path + "object", two, inside=bool(path))
    if statement["verb"]["id"] == VOIDED and kind != "StatementRef":
        _fail("of a voiding statement must be a StatementRef", path + "object")
    if "result" in statement:
        _result(statement["result"], path + "result")
    if "context" in statement:
        _context(statement["context"], path + "context", kind, two)
    if "timestamp" in statement:
        _time(statement["timestamp"], path + "timestamp")
    if "attachments" in statement:
        _attachments(statement["attachments"], path + "attachments")


# --- actors --------------------------------------------------------------------------------------------------------------------


def _actor(actor: Any, path: str) -> str:
    if not isinstance(actor, dict):
        _fail("must be an Agent or a Group", path)
    kind = actor.get("objectType", "Agent")
    if kind == "Agent":
        _agent(actor, path)
    elif kind == "Group":
        _group(actor, path)
    else:
        _fail("must have objectType Agent or Group", path)
    return str(kind)


def _agent(agent: Mapping[str, Any], path: str) -> None:
    _known(agent, _AGENT, path)
    _name(agent, path)
    if _identified(agent, path) != 1:
        _fail("must have exactly one of mbox, mbox_sha1sum, openid and account", path)


def _group(group: Mapping[str, Any], path: str) -> None:
    _known(group, _GROUP, path)
    _name(group, path)
    identifiers = _identified(group, path)
    if identifiers > 1:
        _fail("must have at most one of mbox, mbox_sha1sum, openid and account", path)
    if "member" in group:
        members = group["member"]
        if not isinstance(members, list):
            _fail("must be a list of Agents", path + ".member")
        if not identifiers and not members:
            _fail("of an anonymous Group must not be empty", path + ".member")
        for number, member in enumerate(members):
            where = f"{path}.member[{number}]"
            if not isinstance(member, dict) or member.get("objectType", "Agent") != "Agent":
                _fail("must be an Agent", where)
            _agent(member, where)
    elif not identifiers:
        _fail("must have member or an identifier", path)


def _name(actor: Mapping[str, Any], path: str) -> None:
    if "name" in actor and not isinstance(actor["name"], str):
        _fail("must be a text", path + ".name")


def _identified(actor: Mapping[str, Any], path: str) -> int:
    found = 0
    for name in _IDENTIFIERS:
        if name not in actor:
            continue
        found += 1
        value = actor[name]
        if name == "account":
            _account(value, path + ".account")
        elif not isinstance(value, str):
            _fail("must be a text", f"{path}.{name}")
        elif name == "mbox":
            if not _MBOX(value):
                _fail("must be mailto: and an e-mail address", path + ".mbox")
        elif name == "mbox_sha1sum":
            if not _SHA1(value):
                _fail("must be 40 hexadecimal digits", path + ".mbox_sha1sum")
        else:
            _iri(value, path + ".openid")
    return found


def _account(account: Any, path: str) -> None:
    if not isinstance(account, dict):
        _fail("must be an object", path)
    if len(account) != 2 or "homePage" not in account or "name" not in account:
        _fail("must have homePage and name and nothing else", path)
    _iri(account["homePage"], path + ".homePage")
    if not isinstance(account["name"], str) or not account["name"]:
        _fail("must be a text", path + ".name")


def _authority(authority: Any) -> None:
    kind = _actor(authority, "authority")
    if kind == "Group":
        if any(name in authority for name in _IDENTIFIERS):
            _fail("as a Group must be anonymous", "authority")
        if len(authority["member"]) != 2:
            _fail("as a Group must have two members", "authority.member")


# --- verb and object -------------------------------------------------------------------------------------------------------------


def _verb(verb: Any, path: str) -> None:
    if not isinstance(verb, dict):
        _fail("must be an object", path)
    if "id" not in verb:
        _fail("is missing", path + ".id")
    for name in verb:
        if name == "id":
            _iri(verb["id"], path + ".id")
        elif name == "display":
            _language_map(verb["display"], path + ".display")
        else:
            _fail(f"has no property '{name[:60]}'", path)


def _object(value: Any, path: str, two: bool, *, inside: bool) -> str:
    if not isinstance(value, dict):
        _fail("must be an object", path)
    kind = value.get("objectType", "Activity")
    if kind == "Activity":
        _activity(value, path)
    elif kind == "Agent":
        _agent(value, path)
    elif kind == "Group":
        _group(value, path)
    elif kind == "StatementRef":
        _reference(value, path)
    elif kind == "SubStatement":
        if inside:
            _fail("must not hold another SubStatement", path)
        _known(value, _SUBSTATEMENT, path)
        _body(value, path + ".", two)
    else:
        _fail("must have objectType Activity, Agent, Group, StatementRef or SubStatement", path)
    return str(kind)


def _reference(value: Any, path: str) -> None:
    if not isinstance(value, dict) or value.get("objectType") != "StatementRef":
        _fail("must be a StatementRef", path)
    if set(value) != {"objectType", "id"} or not (isinstance(value["id"], str) and _UUID(value["id"])):
        _fail("must have a UUID as id and nothing else", path)


def _activity(activity: Any, path: str) -> None:
    if not isinstance(activity, dict):
        _fail("must be an Activity", path)
    if "id" not in activity:
        _fail("is missing", path + ".id")
    for name in activity:
        if name == "id":
            _iri(activity["id"], path + ".id")
        elif name == "objectType":
            if activity["objectType"] != "Activity":
                _fail("must be Activity", path + ".objectType")
        elif name == "definition":
            _definition(activity["definition"], path + ".definition")
        else:
            _fail(f"has no property '{name[:60]}'", path)


def _definition(definition: Any, path: str) -> None:
    if not isinstance(definition, dict):
        _fail("must be an object", path)
    _known(definition, _DEFINITION, path)
    for name in ("name", "description"):
        if name in definition:
            _language_map(definition[name], f"{path}.{name}")
    for name in ("type", "moreInfo"):
        if name in definition:
            _iri(definition[name], f"{path}.{name}")
    if "extensions" in definition:
        _extensions(definition["extensions"], path + ".extensions")
    if len(definition) > 1 or "type" not in definition:
        _interaction(definition, path)


def _interaction(definition: Mapping[str, Any], path: str) -> None:
    kind = definition.get("interactionType")
    if "interactionType" in definition and (not isinstance(kind, str) or kind not in _INTERACTIONS):
        _fail("must be an interaction type of the specification", path + ".interactionType")
    if "correctResponsesPattern" in definition:
        if kind is None:
            _fail("is missing beside correctResponsesPattern", path + ".interactionType")
        pattern = definition["correctResponsesPattern"]
        if not isinstance(pattern, list) or not all(isinstance(each, str) for each in pattern):
            _fail("must be a list of texts", path + ".correctResponsesPattern")
    for name, kinds in _COMPONENTS.items():
        if name not in definition:
            continue
        if kind not in kinds:
            _fail(f"belongs to interactionType {' or '.join(kinds)} only", f"{path}.{name}")
        components = definition[name]
        if not isinstance(components, list):
            _fail("must be a list", f"{path}.{name}")
        ids = set()
        for number, component in enumerate(components):
            where = f"{path}.{name}[{number}]"
            if not isinstance(component, dict) or not isinstance(component.get("id"), str) or not component["id"]:
                _fail("must have a text as id", where)
            if not {"id", "description"}.issuperset(component):
                _fail("may have id and description only", where)
            if "description" in component:
                _language_map(component["description"], where + ".description")
            if component["id"] in ids:
                _fail("has an id that occurs twice", where)
            ids.add(component["id"])


# --- result, context, attachments ---------------------------------------------------------------------------------------------------


def _number(value: Any) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and value - value == 0
    )  # neither infinite nor NaN


def _result(result: Any, path: str) -> None:
    if not isinstance(result, dict):
        _fail("must be an object", path)
    _known(result, _RESULT, path)
    for name in ("success", "completion"):
        if name in result and not isinstance(result[name], bool):
            _fail("must be true or false", f"{path}.{name}")
    if "response" in result and not isinstance(result["response"], str):
        _fail("must be a text", path + ".response")
    if "duration" in result and not (isinstance(result["duration"], str) and _duration(result["duration"])):
        _fail("must be a duration of ISO 8601", path + ".duration")
    if "score" in result:
        _score(result["score"], path + ".score")
    if "extensions" in result:
        _extensions(result["extensions"], path + ".extensions")


def _score(score: Any, path: str) -> None:
    if not isinstance(score, dict):
        _fail("must be an object", path)
    for name, value in score.items():
        if name not in {"scaled", "raw", "min", "max"}:
            _fail(f"has no property '{name[:60]}'", path)
        if not _number(value):
            _fail("must be a number", f"{path}.{name}")
    if not -1 <= score.get("scaled", 0) <= 1:
        _fail("must lie between -1 and 1", path + ".scaled")
    low, high, raw = score.get("min"), score.get("max"), score.get("raw")
    if low is not None and high is not None and low >= high:
        _fail("must be less than max", path + ".min")
    if raw is not None and ((low is not None and raw < low) or (high is not None and raw > high)):
        _fail("must lie between min and max", path + ".raw")


def _context(context: Any, path: str, object_kind: str, two: bool) -> None:  # noqa: C901 - one branch a property
    if not isinstance(context, dict):
        _fail("must be an object", path)
    _known(context, _CONTEXT_2 if two else _CONTEXT, path)
    for name, value in context.items():
        where = f"{path}.{name}"
        match name:
            case "registration":
                if not (isinstance(value, str) and _UUID(value)):
                    _fail("must be a UUID", where)
            case "instructor":
                _actor(value, where)
            case "team":
                if _actor(value, where) != "Group":
                    _fail("must be a Group", where)
            case "contextActivities":
                _context_activities(value, where)
            case "revision" | "platform":
                if not isinstance(value, str):
                    _fail("must be a text", where)
                if object_kind != "Activity":
                    _fail("is allowed only when the object is an Activity", where)
            case "language":
                if not (isinstance(value, str) and _language(value)):
                    _fail("must be a language tag of RFC 5646", where)
            case "statement":
                _reference(value, where)
            case "extensions":
                _extensions(value, where)
            case _:
                _context_actors(value, where, name)


def _context_activities(value: Any, path: str) -> None:
    if not isinstance(value, dict):
        _fail("must be an object", path)
    for name, activities in value.items():
        if name not in _ACTIVITIES:
            _fail(f"has no property '{name[:60]}'", path)
        if isinstance(activities, list):
            for number, activity in enumerate(activities):
                _activity(activity, f"{path}.{name}[{number}]")
        else:
            _activity(activities, f"{path}.{name}")


def _context_actors(value: Any, path: str, name: str) -> None:
    """ContextAgents and contextGroups of xAPI 2.0.0 (IEEE 9274.1.1, section 4.2.2)."""
    one = "agent" if name == "contextAgents" else "group"
    if not isinstance(value, list):
        _fail("must be a list", path)
    for number, each in enumerate(value):
        where = f"{path}[{number}]"
        if not isinstance(each, dict):
            _fail("must be an object", where)
        _known(each, frozenset({"objectType", one, "relevantTypes"}), where)
        if each.get("objectType") != ("contextAgent" if one == "agent" else "contextGroup"):
            _fail(f"must have objectType context{one.capitalize()}", where)
        if one not in each:
            _fail("is missing", f"{where}.{one}")
        if (_actor(each[one], f"{where}.{one}") == "Group") != (one == "group"):
            _fail(f"must be {'a Group' if one == 'group' else 'an Agent'}", f"{where}.{one}")
        if "relevantTypes" in each:
            types = each["relevantTypes"]
            if not isinstance(types, list) or not types:
                _fail("must be a list that is not empty", where + ".relevantTypes")
            for kind in types:
                _iri(kind, where + ".relevantTypes")


def _attachments(attachments: Any, path: str) -> None:
    if not isinstance(attachments, list):
        _fail("must be a list", path)
    for number, attachment in enumerate(attachments):
        where = f"{path}[{number}]"
        if not isinstance(attachment, dict):
            _fail("must be an object", where)
        _known(attachment, _ATTACHMENT, where)
        for name in ("usageType", "display", "contentType", "length", "sha2"):
            if name not in attachment:
                _fail("is missing", f"{where}.{name}")
        _iri(attachment["usageType"], where + ".usageType")
        _language_map(attachment["display"], where + ".display")
        if "description" in attachment:
            _language_map(attachment["description"], where + ".description")
        if not (isinstance(attachment["contentType"], str) and _MEDIA_TYPE(attachment["contentType"])):
            _fail("must be an Internet media type", where + ".contentType")
        length = attachment["length"]
        if not isinstance(length, int) or isinstance(length, bool) or length < 0:
            _fail("must be a whole number of octets", where + ".length")
        if not (isinstance(attachment["sha2"], str) and _SHA2(attachment["sha2"])):
            _fail("must be a SHA-2 hash in hexadecimal digits", where + ".sha2")
        if "fileUrl" in attachment:
            _iri(attachment["fileUrl"], where + ".fileUrl")


# --- small values, remembered -----------------------------------------------------------------------------------------------------


_MOST_REMEMBERED = 5_000
_LONGEST_REMEMBERED = 1_000  # characters: thousands of values of megabytes would fill the memory
_KNOWN_IRIS: set[str] = set()


def _known_iri(text: str) -> bool:
    if text in _KNOWN_IRIS:
        return True
    if (_ASCII_IRI(text) or _IRI(text)) is None:
        return False
    if len(text) <= _LONGEST_REMEMBERED:
        if len(_KNOWN_IRIS) >= _MOST_REMEMBERED:
            _KNOWN_IRIS.clear()
        _KNOWN_IRIS.add(text)
    return True


def _language(tag: str) -> bool:
    return (_language_tag if len(tag) <= _LONGEST_REMEMBERED else _language_tag.__wrapped__)(tag)


@lru_cache(maxsize=5_000)
def _language_tag(tag: str) -> bool:
    found = _LANGUAGE(tag)
    if not found:
        return False
    singletons = [part for part in (found["extensions"] or "").lower().split("-") if len(part) == 1]
    return len(set(singletons)) == len(singletons)  # RFC 5646, 2.2.6: no singleton twice


def _duration(text: str) -> bool:
    return (_duration_text if len(text) <= _LONGEST_REMEMBERED else _duration_text.__wrapped__)(text)


@lru_cache(maxsize=20_000)
def _duration_text(text: str) -> bool:
    if not _DURATION(text):
        return False
    try:
        isodate.parse_duration(text)
    except (ValueError, OverflowError):
        return False
    return True


def _iri(value: Any, path: str) -> None:
    if not isinstance(value, str) or not _known_iri(value):
        _fail("must be an absolute IRI", path)


def _language_map(value: Any, path: str) -> None:
    if not isinstance(value, dict):
        _fail("must be a language map", path)
    for tag, text in value.items():
        if not _language(tag):
            _fail("must have language tags of RFC 5646 as keys", path)
        if not isinstance(text, str):
            _fail("must have texts as values", path)


def _extensions(value: Any, path: str) -> None:
    if not isinstance(value, dict):
        _fail("must be an object", path)
    for iri in value:
        if not _known_iri(iri):
            _fail("must have absolute IRIs as keys", path)


_DAYS = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _time(value: Any, path: str) -> None:
    if not isinstance(value, str) or not (found := _TIME(value)):
        _fail("must be a time of ISO 8601", path)
        return
    year, month, day, hour, minute, second, zone = found.groups()
    wrong_day = not 1 <= int(month) <= 12 or not 1 <= int(day) <= _DAYS[int(month)]
    leap = int(year) % 4 == 0 and (int(year) % 100 != 0 or int(year) % 400 == 0)
    if wrong_day or (month == "02" and day == "29" and not leap):
        _fail("names a day that does not exist", path)
    if hour is not None and (int(hour) > 23 or int(minute) > 59 or int(second or 0) > 60):
        _fail("names an hour that does not exist", path)
    if zone is not None and zone.replace(":", "") in {"-00", "-0000"}:
        _fail("must not have the offset -00:00", path)


# --- parts that many statements share -------------------------------------------------------------------------------------------------


def shared_agent(agent: dict[str, Any]) -> dict[str, Any]:
    """The Agent, checked once and known by its type from now on: nobody may change it. Raises InvalidStatement."""
    if not _plain_agent(agent):
        _agent(agent, "actor")
    return Agent(agent)


def shared_verb(verb: dict[str, Any]) -> dict[str, Any]:
    """The verb, likewise; one that voids asks for a closer look at each statement, so it is not shared."""
    _verb(verb, "verb")
    return verb if verb["id"] == VOIDED else Verb(verb)


def shared_place(place: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """A whole `contextActivities`, likewise."""
    _context_activities(place, "context.contextActivities")
    return Place(place)


def shared_definition(definition: dict[str, Any]) -> dict[str, Any]:
    """The definition of an activity, likewise."""
    _definition(definition, "object.definition")
    return Definition(definition)


_plain, plain_parts, _plain_agent = plain_checker(_known_iri, _ASCII_IRI, _language, _duration, _MBOX, _UUID, VOIDED, known=_KNOWN_IRIS)  # fmt: skip
