"""Statements as tincan objects, for people: what tincan refuses to know is left out instead of failing.

tincan raises on any property that it has no class for, all of xAPI 2.0.0 included, and rewrites durations. So objects are for reading and
building; whatever must keep its text travels as JSON.
"""

from typing import Any

import orjson
import tincan

_KNOWN = {
    "statement": {"id", "actor", "verb", "object", "result", "context", "timestamp", "stored", "authority", "version", "attachments"},
    "context": {"registration", "instructor", "team", "contextActivities", "revision", "platform", "language", "statement", "extensions"},
    "result": {"score", "success", "completion", "response", "duration", "extensions"},
    "score": {"scaled", "raw", "min", "max"},
    "verb": {"id", "display"},
    "agent": {"objectType", "name", "mbox", "mbox_sha1sum", "openid", "account", "member"},
    "definition": {
        "name", "description", "type", "moreInfo", "extensions", "interactionType", "correctResponsesPattern", "choices", "scale",
        "source", "target", "steps",
    },
    "attachment": {"usageType", "display", "contentType", "length", "sha2", "description", "fileUrl"},
}  # fmt: skip


def as_object(statement: dict[str, Any]) -> tincan.Statement:
    """A statement as tincan sees it. Raises ValueError or TypeError for one that breaks xAPI in a way that tincan checks."""
    return tincan.Statement(_statement(statement))


def as_about(text: str) -> tincan.About:
    """The versions that tincan knows, and the extensions."""
    value = orjson.loads(text)
    told = value.get("version") or []
    versions = [
        each
        for each in (told if isinstance(told, list) else [told])
        if each.startswith("1.0.") or each in {"0.9", "0.95"}
    ]
    return tincan.About(
        version=[each for each in versions if each in tincan.Version.supported],
        extensions=value.get("extensions") or {},
    )


def _only(kind: str, value: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in value.items() if name in _KNOWN[kind] and each is not None}


def _statement(value: dict[str, Any], *, sub: bool = False) -> dict[str, Any]:
    made = _only("statement", value)
    if sub:
        made = {
            name: made[name] for name in ("actor", "verb", "object", "result", "context", "timestamp") if name in made
        }
        made["object_type"] = "SubStatement"
        made["object"] = made.get("object")
    for name in ("actor", "authority"):
        if isinstance(made.get(name), dict):
            made[name] = _agent(made[name])
    if isinstance(made.get("verb"), dict):
        made["verb"] = _only("verb", made["verb"])
    if isinstance(made.get("object"), dict):
        made["object"] = _object(made["object"])
    if isinstance(made.get("result"), dict):
        made["result"] = _only("result", made["result"])
        if isinstance(made["result"].get("score"), dict):
            made["result"]["score"] = _only("score", made["result"]["score"])
    if isinstance(made.get("context"), dict):
        context = made["context"] = _only("context", made["context"])
        for name in ("instructor", "team"):
            if isinstance(context.get(name), dict):
                context[name] = _agent(context[name])
        activities = context.get("contextActivities")
        if isinstance(activities, dict):
            context["contextActivities"] = {
                name: [_object(each) for each in (held if isinstance(held, list) else [held])]
                for name, held in activities.items()
                if name in {"parent", "grouping", "category", "other"}
            }
    if isinstance(made.get("attachments"), list):
        made["attachments"] = [_only("attachment", each) for each in made["attachments"]]
    return made


def _agent(value: dict[str, Any]) -> Any:
    made = _only("agent", value)
    if isinstance(made.get("member"), list):
        made["member"] = [_agent(each) for each in made["member"]]
    is_group = made.pop("objectType", "Agent") == "Group"
    return (tincan.Group if is_group else tincan.Agent)(**made)


def _object(value: dict[str, Any]) -> Any:
    kind = value.get("objectType", "Activity")
    if kind in {"Agent", "Group"}:
        return _agent(value)
    if kind == "StatementRef":
        return tincan.StatementRef(id=value.get("id"))
    if kind == "SubStatement":
        return tincan.SubStatement({
            name: each for name, each in _statement(value, sub=True).items() if name != "object_type"
        })
    made = {"id": value.get("id")}
    if isinstance(value.get("definition"), dict):
        made["definition"] = _only("definition", value["definition"])
    return tincan.Activity(**made)
