"""What a statement is found by: agents, verb, activities and registration, each in the role it has there (xAPI 1.0.3 part three, 2.1.3).

A *term* is one identifier as bytes (`p` person, `a` activity, `v` verb, `r` registration, then the text); an *entry* is a term in a role. A filter reads one role, a
related filter several.
"""

from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Any


class Role(IntEnum):
    """How a term stands in a statement. The numbers are part of the stored keys: never renumber."""

    AGENT = 0  # the actor, its members, or an object that is an Agent or Group
    RELATED_AGENT = 1
    AUTHORITY = 2
    ACTIVITY = 3  # the object
    RELATED_ACTIVITY = 4
    VERB = 5
    REGISTRATION = 6


AGENT_ROLES = (Role.AGENT, Role.RELATED_AGENT, Role.AUTHORITY)
ACTIVITY_ROLES = (Role.ACTIVITY, Role.RELATED_ACTIVITY)

Entry = tuple[int, bytes]


def agent_identity(agent: Mapping[str, Any]) -> str | None:
    """The identifier of an Agent or identified Group as one text, None for an anonymous Group.

    The same text as in the mirror's column `actor`. An address and its SHA-1 are two identifiers in xAPI; they stay apart here too.
    """
    if "account" in agent:
        account = agent["account"]
        return f"account|{account['homePage']}|{account['name']}"
    if "mbox" in agent:
        return f"mbox|{agent['mbox'][7:].lower()}"
    for name in ("mbox_sha1sum", "openid"):
        if name in agent:
            return f"{name}|{agent[name]}"
    return None


def person(identity: str) -> bytes:
    """Term of an Agent or Group."""
    return b"p" + identity.encode("utf-8", "surrogatepass")


def activity(iri: str) -> bytes:
    """Term of an activity."""
    return b"a" + iri.encode("utf-8", "surrogatepass")


def verb(iri: str) -> bytes:
    """Term of a verb."""
    return b"v" + iri.encode("utf-8", "surrogatepass")


def registration(uuid: str) -> bytes:
    """Term of a registration, whatever the case of its letters."""
    return b"r" + uuid.lower().encode()


def entries(statement: Mapping[str, Any]) -> set[Entry]:
    """All entries of a statement but the verb and the authority; a term that stands in its direct role has no related one."""
    found: set[Entry] = set()
    _people(statement["actor"], Role.AGENT, found)
    target = statement["object"]
    kind = target.get("objectType", "Activity")
    if kind == "Activity":
        found.add((Role.ACTIVITY, activity(target["id"])))
    elif kind in {"Agent", "Group"}:
        _people(target, Role.AGENT, found)
    elif kind == "SubStatement":
        _inside(target, found)
    context = statement.get("context")
    if context:
        if "registration" in context:
            found.add((Role.REGISTRATION, registration(context["registration"])))
        _context(context, found)
    return found


def _inside(statement: Mapping[str, Any], found: set[Entry]) -> None:
    """A SubStatement: all that stands in it is related."""
    _people(statement["actor"], Role.RELATED_AGENT, found)
    target = statement["object"]
    kind = target.get("objectType", "Activity")
    if kind == "Activity":
        found.add((Role.RELATED_ACTIVITY, activity(target["id"])))
    elif kind in {"Agent", "Group"}:
        _people(target, Role.RELATED_AGENT, found)
    if "context" in statement:
        _context(statement["context"], found)


def _context(context: Mapping[str, Any], found: set[Entry]) -> None:
    for name in ("instructor", "team"):
        if name in context:
            _people(context[name], Role.RELATED_AGENT, found)
    for listed in context.get("contextActivities", {}).values():
        for each in listed if type(listed) is list else (listed,):
            found.add((Role.RELATED_ACTIVITY, activity(each["id"])))
    for each in context.get("contextAgents", ()):
        _people(each["agent"], Role.RELATED_AGENT, found)
    for each in context.get("contextGroups", ()):
        _people(each["group"], Role.RELATED_AGENT, found)


def _people(agent: Mapping[str, Any], role: Role, found: set[Entry]) -> None:
    for identity in identities(agent):
        found.add((role, person(identity)))


def identities(agent: Mapping[str, Any]) -> Iterator[str]:
    """Identifiers of an Agent, or of a Group and its members."""
    own = agent_identity(agent)
    if own is not None:
        yield own
    for member in agent.get("member", ()):
        each = agent_identity(member)
        if each is not None:
            yield each


def descriptions(statement: Mapping[str, Any]) -> Iterator[tuple[bytes, Mapping[str, Any]]]:
    """(term, definition) of every activity that is described, and (term, {"name": [name]}) of every person who is named, in this statement."""
    yield from _described(statement)
    target = statement["object"]
    if target.get("objectType") == "SubStatement":
        yield from _described(target)


def _described(statement: Mapping[str, Any]) -> Iterator[tuple[bytes, Mapping[str, Any]]]:
    actor, target = statement["actor"], statement["object"]
    if "name" in actor or "member" in actor:
        yield from _named(actor)
    kind = target.get("objectType", "Activity")
    if kind == "Activity":
        if "definition" in target:
            yield activity(target["id"]), target["definition"]
    elif kind in {"Agent", "Group"}:
        yield from _named(target)
    context = statement.get("context")
    if not context:
        return
    for listed in context.get("contextActivities", {}).values():
        for each in listed if type(listed) is list else (listed,):
            if "definition" in each:
                yield activity(each["id"]), each["definition"]
    for name in ("instructor", "team"):
        if name in context:
            yield from _named(context[name])


def _named(agent: Mapping[str, Any]) -> Iterator[tuple[bytes, Mapping[str, Any]]]:
    for each in (agent, *agent.get("member", ())):
        identity = agent_identity(each)
        if identity is not None and "name" in each:
            yield person(identity), {"name": [each["name"]]}
