"""The formats of statements in answers: exact as stored, ids only, canonical in the reader's language (xAPI 1.0.3 part three, 2.1.3)."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from leerstroom.lrs import terms
from leerstroom.lrs.storage import Storage

FORMATS = ("exact", "ids", "canonical")


def shaped(bodies: Sequence[bytes], shape: str, storage: Storage, languages: str) -> list[bytes]:
    """Statements as JSON in another format."""
    statements = [orjson.loads(body) for body in bodies]
    if shape == "ids":
        return [orjson.dumps(_ids(statement)) for statement in statements]
    wanted = {terms.activity(each["id"]) for statement in statements for each in _activities(statement)}
    known = {term: orjson.loads(about) for term, about in storage.reader.about(list(wanted)).items() if about}
    preferred = _preferred(languages)
    for statement in statements:
        _canonical(statement, known, preferred)
    return [orjson.dumps(statement) for statement in statements]


# --- ids --------------------------------------------------------------------------------------------------------------------------------


def _ids(statement: dict[str, Any]) -> dict[str, Any]:
    """Agents, verb and activities reduced to what identifies them."""
    result = dict(statement)
    result["actor"] = _agent(statement["actor"])
    result["verb"] = {"id": statement["verb"]["id"]}
    target = statement["object"]
    kind = target.get("objectType", "Activity")
    if kind == "Activity":
        result["object"] = _activity(target)
    elif kind in {"Agent", "Group"}:
        result["object"] = _agent(target)
    elif kind == "SubStatement":
        result["object"] = _ids(target)
    if "authority" in statement:
        result["authority"] = _agent(statement["authority"])
    if "context" in statement:
        context = result["context"] = dict(statement["context"])
        for name in ("instructor", "team"):
            if name in context:
                context[name] = _agent(context[name])
        if "contextActivities" in context:
            context["contextActivities"] = {
                name: [_activity(each) for each in listed] for name, listed in context["contextActivities"].items()
            }
    return result


def _agent(agent: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: agent[name] for name in ("objectType", "mbox", "mbox_sha1sum", "openid", "account") if name in agent}
    if "member" in agent and terms.agent_identity(agent) is None:
        kept["member"] = [_agent(each) for each in agent["member"]]
    return kept


def _activity(activity: Mapping[str, Any]) -> dict[str, Any]:
    """An object without objectType is an Activity."""
    return {"id": activity["id"]}


# --- canonical ----------------------------------------------------------------------------------------------------------------------------


def _activities(statement: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    target = statement["object"]
    kind = target.get("objectType", "Activity")
    if kind == "Activity":
        found.append(target)
    elif kind == "SubStatement":
        found += _activities(target)
    for listed in statement.get("context", {}).get("contextActivities", {}).values():
        found += listed
    return found


def _canonical(statement: dict[str, Any], known: Mapping[str, Mapping[str, Any]], preferred: Sequence[str]) -> None:
    for each in (statement, statement["object"]):
        if "verb" in each and "display" in each["verb"]:
            each["verb"]["display"] = _one_language(each["verb"]["display"], preferred)
    for activity in _activities(statement):
        definition = known.get(terms.activity(activity["id"]))
        if definition is not None:
            activity["definition"] = _spoken(definition, preferred)
    for attachment in statement.get("attachments", ()):
        for name in ("display", "description"):
            if name in attachment:
                attachment[name] = _one_language(attachment[name], preferred)


def _spoken(definition: Mapping[str, Any], preferred: Sequence[str]) -> dict[str, Any]:
    result = dict(definition)
    for name in ("name", "description"):
        if name in result:
            result[name] = _one_language(result[name], preferred)
    for name in ("choices", "scale", "source", "target", "steps"):
        if name in result:
            result[name] = [
                {**each, "description": _one_language(each["description"], preferred)}
                if "description" in each
                else each
                for each in result[name]
            ]
    return result


def _preferred(header: str) -> list[str]:
    """Language ranges of Accept-Language, best first."""
    ranges = []
    for place, part in enumerate(header.split(",")):
        tag, _, quality = part.strip().partition(";")
        try:
            weight = float(quality.strip().removeprefix("q=")) if quality else 1.0
        except ValueError:
            weight = 0.0
        if tag and tag != "*" and weight > 0:
            ranges.append((-weight, place, tag.lower()))
    return [tag for _, _, tag in sorted(ranges)]


def _one_language(texts: Mapping[str, str], preferred: Sequence[str]) -> dict[str, str]:
    """The text whose language fits best: the same tag, else one tag that begins the other, else the first."""
    if len(texts) <= 1:
        return dict(texts)
    for wanted in preferred:
        for tag in texts:
            if tag.lower() == wanted:
                return {tag: texts[tag]}
        for tag in texts:
            if tag.lower().startswith(wanted + "-") or wanted.startswith(tag.lower() + "-"):
                return {tag: texts[tag]}
    first = "und" if "und" in texts and not preferred else next(iter(texts))
    return {first: texts[first]}
