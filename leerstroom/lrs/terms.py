"""What a statement is found by: agents, verb, activities and registration, each in the role it has there (xAPI 1.0.3 part three, 2.1.3).

A *term* is one identifier as text: `p` person, `a` activity, `v` verb, `r` registration, then the identifier. An *entry* is a term behind the digit of its role. A
filter reads one role, a related filter several. Every statement passes here, so roles are plain numbers and entries plain texts: an enumeration's members take
three times as long to hash.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

# The digits are part of the stored keys: never renumber.
AGENT: Final = 0
"""The actor, its members, or an object that is an Agent or Group."""
RELATED_AGENT: Final = 1
AUTHORITY: Final = 2
ACTIVITY: Final = 3
"""The object."""
RELATED_ACTIVITY: Final = 4
VERB: Final = 5
REGISTRATION: Final = 6

AGENT_ROLES: Final = (AGENT, RELATED_AGENT, AUTHORITY)
ACTIVITY_ROLES: Final = (ACTIVITY, RELATED_ACTIVITY)

About = list[tuple[str, bytes]]
"""(term, its definition or {"name": [name]} as JSON)"""


def agent_identity(agent: Mapping[str, Any]) -> str | None:
    """The identifier of an Agent or identified Group as one text, None for an anonymous Group.

    The same text as in the mirror's column `actor`. An address and its SHA-1 are two identifiers in xAPI; they stay apart here too.
    """
    account = agent.get("account")
    if account is not None:
        return f"account|{account['homePage']}|{account['name']}"
    if "mbox" in agent:
        return f"mbox|{agent['mbox'][7:].lower()}"
    for name in ("mbox_sha1sum", "openid"):
        if name in agent:
            return f"{name}|{agent[name]}"
    return None


def person(identity: str) -> str:
    """Term of an Agent or Group."""
    return "p" + identity


def activity(iri: str) -> str:
    """Term of an activity."""
    return "a" + iri


def verb(iri: str) -> str:
    """Term of a verb."""
    return "v" + iri


def registration(uuid: str) -> str:
    """Term of a registration, whatever the case of its letters."""
    return "r" + uuid.lower()


def entries(statement: Mapping[str, Any], about: About | None = None) -> set[str]:
    """All entries of a statement but verb and authority. `about` is given what the statement says about activities and people."""
    found: set[str] = set()
    _people(statement["actor"], "0p", found, about)
    target = statement["object"]
    kind = target.get("objectType", "Activity")
    if kind == "Activity":
        _activity(target, "3a", found, about)
    elif kind == "SubStatement":
        _inside(target, found, about)
    elif kind != "StatementRef":
        _people(target, "0p", found, about)
    context = statement.get("context")
    if context:
        if "registration" in context:
            found.add("6r" + context["registration"].lower())
        _context(context, found, about)
    return found


def authorities(statement: Mapping[str, Any]) -> set[str]:
    """Entries of the authority of a stored statement."""
    return {"2p" + identity for identity in identities(statement.get("authority", {}))}


def identities(agent: Mapping[str, Any]) -> Iterator[str]:
    """Identifiers of an Agent, or of a Group and its members."""
    for each in (agent, *agent.get("member", ())):
        identity = agent_identity(each)
        if identity is not None:
            yield identity


def _inside(statement: Mapping[str, Any], found: set[str], about: About | None) -> None:
    """A SubStatement: all that stands in it is related."""
    _people(statement["actor"], "1p", found, about)
    target = statement["object"]
    kind = target.get("objectType", "Activity")
    if kind == "Activity":
        _activity(target, "4a", found, about)
    elif kind != "StatementRef":
        _people(target, "1p", found, about)
    if "context" in statement:
        _context(statement["context"], found, about)


def _context(context: Mapping[str, Any], found: set[str], about: About | None) -> None:
    activities = context.get("contextActivities")
    if activities:
        for listed in activities.values():
            for each in listed if type(listed) is list else (listed,):
                if len(each) == 1:
                    found.add("4a" + each["id"])
                else:
                    _activity(each, "4a", found, about)
    for name in ("instructor", "team"):
        if name in context:
            _people(context[name], "1p", found, about)
    for name, one in (("contextAgents", "agent"), ("contextGroups", "group")):
        if name in context:
            for each in context[name]:
                _people(each[one], "1p", found, about)


def _activity(value: Mapping[str, Any], role: str, found: set[str], about: About | None) -> None:
    term = value["id"]
    found.add(role + term)
    if about is not None and "definition" in value:
        about.append(("a" + term, orjson.dumps(value["definition"])))


def _people(agent: Mapping[str, Any], role: str, found: set[str], about: About | None) -> None:
    identity = agent_identity(agent)
    if identity is not None:
        found.add(role + identity)
        if about is not None and "name" in agent:
            about.append(("p" + identity, orjson.dumps({"name": [agent["name"]]})))
    if "member" in agent:
        for member in agent["member"]:
            _people(member, role, found, about)
