"""The formats of a statement result (xAPI 1.0.3 part three, 2.1.3): exact as it is, ids without what is only for people, canonical in one language."""

from collections.abc import Mapping, Sequence
from typing import Any


def ids_only(statement: dict[str, Any]) -> dict[str, Any]:
    """Agents, activities and verbs reduced to what identifies them."""
    made = dict(statement)
    made["actor"] = _agent(made["actor"])
    made["verb"] = {"id": made["verb"]["id"]}
    made["object"] = _object(made["object"])
    if "authority" in made:
        made["authority"] = _agent(made["authority"])
    if "context" in made:
        context = dict(made["context"])
        for name in ("instructor", "team"):
            if name in context:
                context[name] = _agent(context[name])
        if "contextActivities" in context:
            context["contextActivities"] = {
                name: [{"id": each["id"]} for each in listed] for name, listed in context["contextActivities"].items()
            }
        made["context"] = context
    return made


def _agent(agent: Mapping[str, Any]) -> dict[str, Any]:
    identified = {name: value for name, value in agent.items() if name in {"mbox", "mbox_sha1sum", "openid", "account"}}
    kind = {"objectType": agent["objectType"]} if "objectType" in agent else {}
    if not identified and "member" in agent:
        return {**kind, "member": [_agent(each) for each in agent["member"]]}
    return {**kind, **identified}


def _object(value: dict[str, Any]) -> dict[str, Any]:
    kind = value.get("objectType", "Activity")
    if kind == "Activity":
        return {"id": value["id"]}
    if kind in {"Agent", "Group"}:
        return _agent(value)
    return (
        {"objectType": kind, **ids_only({name: each for name, each in value.items() if name != "objectType"})}
        if kind == "SubStatement"
        else value
    )


def canonical(statement: dict[str, Any], languages: Sequence[str]) -> dict[str, Any]:
    """Language maps reduced to the one language that the client prefers."""
    made = dict(statement)
    if "display" in made["verb"]:
        made["verb"] = {**made["verb"], "display": _one(made["verb"]["display"], languages)}
    made["object"] = _one_language(made["object"], languages)
    context = made.get("context", {})
    if "contextActivities" in context:
        made["context"] = {
            **context,
            "contextActivities": {
                name: [_one_language(each, languages) for each in listed]
                for name, listed in context["contextActivities"].items()
            },
        }
    return made


def _one_language(activity: dict[str, Any], languages: Sequence[str]) -> dict[str, Any]:
    if activity.get("objectType") == "SubStatement":
        return canonical(activity, languages)
    definition = activity.get("definition")
    if not definition:
        return activity
    return {
        **activity,
        "definition": {
            name: _one(value, languages) if name in {"name", "description"} else value
            for name, value in definition.items()
        },
    }


def _one(texts: Mapping[str, str], languages: Sequence[str]) -> dict[str, str]:
    for wanted in languages:
        for tag, text in texts.items():
            if tag.lower() == wanted or tag.lower().split("-")[0] == wanted.split("-")[0]:
                return {tag: text}
    return dict(list(texts.items())[:1])


def preferred(header: str) -> list[str]:
    """Language tags of an `Accept-Language` header, the most wanted first."""
    weighed = []
    for number, part in enumerate(header.split(",")):
        tag, _, rest = part.strip().partition(";")
        try:
            weight = float(rest.split("=")[1]) if "=" in rest else 1.0
        except ValueError:
            weight = 0.0
        if tag and tag != "*" and weight > 0:
            weighed.append((-weight, number, tag.lower()))
    return [tag for _, _, tag in sorted(weighed)]
