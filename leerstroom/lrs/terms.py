"""What a statement is found by: agents, verb, activities and registration, direct and related (xAPI 1.0.3 part three, 2.1.3)."""

import hashlib
from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Any


class Role(IntEnum):
    """How a term stands in a statement; a filter reads one role, a related filter two."""

    AGENT = 0  # actor, or object that is an Agent or Group
    ACTIVITY = 1  # object
    RELATED_AGENT = 2
    RELATED_ACTIVITY = 3
    VERB = 4
    REGISTRATION = 5


Term = tuple[Role, str]


def agent_term(agent: Mapping[str, Any]) -> str | None:
    """The identifier of an Agent or identified Group as one text, None for an anonymous Group.

    An address and its SHA-1 are two identifiers in xAPI; they stay apart here too.
    """
    if "account" in agent:
        return f"account|{agent['account']['homePage']}|{agent['account']['name']}"
    for name in ("mbox", "mbox_sha1sum", "openid"):
        if name in agent:
            value = str(agent[name])
            return f"{name}|{value.removeprefix('mailto:').lower() if name == 'mbox' else value}"
    return None


def terms(statement: Mapping[str, Any]) -> set[Term]:
    """All terms of a statement, without what it inherits through a StatementRef."""
    found = set(_direct(statement))
    context = statement.get("context", {})
    related: set[Term] = {(Role.RELATED_AGENT, each) for each in _agents(statement)}
    related |= {(Role.RELATED_ACTIVITY, each) for each in _activities(statement)}
    if "authority" in statement:
        related |= {(Role.RELATED_AGENT, each) for each in _members(statement["authority"])}
    if "registration" in context:
        found.add((Role.REGISTRATION, context["registration"].lower()))
    return found | related


def _direct(statement: Mapping[str, Any]) -> Iterator[Term]:
    yield Role.VERB, statement["verb"]["id"]
    for each in _members(statement["actor"]):
        yield Role.AGENT, each
    target = statement["object"]
    kind = target.get("objectType", "Activity")
    if kind == "Activity":
        yield Role.ACTIVITY, target["id"]
    elif kind in {"Agent", "Group"}:
        for each in _members(target):
            yield Role.AGENT, each


def _members(agent: Mapping[str, Any]) -> Iterator[str]:
    own = agent_term(agent)
    if own:
        yield own
    for member in agent.get("member", ()):
        each = agent_term(member)
        if each:
            yield each


def _agents(statement: Mapping[str, Any]) -> Iterator[str]:
    """Agents beyond actor and object: instructor, team, context agents, and all of a SubStatement."""
    context = statement.get("context", {})
    for name in ("instructor", "team"):
        if name in context:
            yield from _members(context[name])
    for each in context.get("contextAgents", ()):
        yield from _members(each["agent"])
    for each in context.get("contextGroups", ()):
        yield from _members(each["group"])
    target = statement["object"]
    if target.get("objectType") == "SubStatement":
        yield from _members(target["actor"])
        if target["object"].get("objectType") in {"Agent", "Group"}:
            yield from _members(target["object"])
        yield from _agents(target)


def _activities(statement: Mapping[str, Any]) -> Iterator[str]:
    """Activities beyond the object: context activities, and all of a SubStatement."""
    for listed in statement.get("context", {}).get("contextActivities", {}).values():
        for each in listed if isinstance(listed, list) else [listed]:
            yield each["id"]
    target = statement["object"]
    if target.get("objectType") == "SubStatement":
        if target["object"].get("objectType", "Activity") == "Activity":
            yield target["object"]["id"]
        yield from _activities(target)


def term_key(term: str) -> int:
    """A 63-bit key of a term, so that the index holds integers; any two of a million terms share one with a chance of 5 in 10^8."""
    return int.from_bytes(hashlib.blake2b(term.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big") >> 1
