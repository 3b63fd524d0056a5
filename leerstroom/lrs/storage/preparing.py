"""A validated statement as the rows it becomes, worked out before the writer has its turn: all that needs no look into the database."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from leerstroom.lrs import terms
from leerstroom.statements.validation import VOIDED


@dataclass(slots=True)
class Prepared:
    """One statement on its way in. `body` is its JSON without `stored`, open at the end: the writer appends what only it knows."""

    id: str
    key: bytes
    digest: int
    statement: dict[str, Any]
    body: bytes
    verb: str
    entries: set[str]
    about: terms.About
    target: bytes | None
    voiding: bool
    timed: bool
    attachments: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Authority:
    """Who stores: as JSON inside the statement, and as a term."""

    json: bytes
    term: str

    @property
    def entry(self) -> str:
        """The entry of statements that it stored."""
        return f"{terms.AUTHORITY}{self.term}"


def authority(agent: Mapping[str, Any]) -> Authority:
    """An Agent as the authority of statements."""
    identity = terms.agent_identity(agent)
    assert identity is not None, "an authority has an identifier"
    return Authority(orjson.dumps(agent), terms.person(identity))


def uuid_key(text: str) -> bytes:
    """A UUID as 16 bytes, whatever the case of its letters."""
    return bytes.fromhex(text.replace("-", ""))


def digest(sent: bytes) -> int:
    """A 64-bit number of a statement as it was sent (parsed and written again, so spaces don't count)."""
    return int.from_bytes(hashlib.blake2b(sent, digest_size=8).digest(), "big", signed=True)


def resent(statement: dict[str, Any], sent: bytes) -> Prepared:
    """A statement that is stored exactly so: only its id and digest are needed."""
    return Prepared(
        statement["id"], uuid_key(statement["id"]), digest(sent), statement, b"", "", set(), [], None, False, True
    )


def prepare(statement: dict[str, Any], sent: bytes, by: Authority, version: str, *, define: bool = True) -> Prepared:
    """Rows of a statement that is valid and has an id. `sent` is its JSON; `define` says whether its definitions count.

    In the body authority and version are set, and context activities are lists (xAPI 1.0.3 part two, 2.4.6.2).
    """
    told = digest(sent)
    changed = False
    context = statement.get("context")
    if context and "contextActivities" in context:
        changed = _listed(context["contextActivities"])
    target = statement["object"]
    kind = target.get("objectType")
    reference = None
    if kind == "StatementRef":
        reference = uuid_key(target["id"])
    elif kind == "SubStatement" and "context" in target and "contextActivities" in target["context"]:
        changed |= _listed(target["context"]["contextActivities"])
    for ours in ("stored", "authority"):
        if ours in statement:
            del statement[ours]
            changed = True
    body = (orjson.dumps(statement) if changed else sent)[:-1]
    if "version" not in statement:
        body += b',"version":"' + version.encode() + b'"'
    body += b',"authority":' + by.json
    about: terms.About = []
    found = terms.entries(statement, about if define else None)
    found.add(by.entry)
    return Prepared(
        id=statement["id"],
        key=uuid_key(statement["id"]),
        digest=told,
        statement=statement,
        body=body,
        verb=terms.verb(statement["verb"]["id"]),
        entries=found,
        about=about,
        target=reference,
        voiding=statement["verb"]["id"] == VOIDED,
        timed="timestamp" in statement,
        attachments=[each["sha2"].lower() for each in _attachments(statement)],
    )


def _attachments(statement: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    target = statement["object"]
    inside = target.get("attachments", []) if target.get("objectType") == "SubStatement" else []
    own = statement.get("attachments", [])
    return [*own, *inside] if own or inside else []


def _listed(activities: dict[str, Any]) -> bool:
    """Makes lists of single activities; whether there were any."""
    single = [name for name, value in activities.items() if type(value) is not list]
    for name in single:
        activities[name] = [activities[name]]
    return bool(single)
