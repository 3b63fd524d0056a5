"""What a rotation of the pseudonym key does to a statement: every name and id that was made of references goes to the next generation, and nothing else changes.

The map goes value by value and needs no record, directory or person, so statements that are stored are re-keyed by the same function that those of a later pull pass on their
way to the LRS: they end up the same. What depends on the key is the statement's id, `registration`, the record in its extension, account names anywhere, and,
on platforms that say so (`Source.keyed_ids`), the ids of activities. The contract of sources proves for each that nothing else does.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from leerstroom.statements import PROFILE, Statement, extension, verbs, voiding_id

SYSTEM = "leerstroom"
"""Account name of the agent that voids; no pseudonym."""

_RECORD, _MENTIONS = extension("record"), extension("mentions")
_REFERENCE = re.compile(r"[a-z2-7]{26}")
_KEYED = re.compile(
    r"(?:(?<![0-9A-Za-z])|(?<=%[0-9A-F]{2}))(?:[a-z2-7]{26}|[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})(?![0-9A-Za-z])"
)


class Step(Protocol):
    """One rotation, as `leerstroom.people.pseudonyms.Step` is."""

    def name(self, reference: str) -> str:
        """The account name or reference of the next generation."""

    def id(self, uuid: str) -> str:
        """The UUID of the next generation."""


class Rotation:
    """The rotations `steps`, one after another. `keyed_platforms` are those in whose ids of activities references stand."""

    def __init__(self, steps: Sequence[Step], keyed_platforms: Collection[str] = ()) -> None:
        self.steps = tuple(steps)
        self._keyed_platforms = frozenset(keyed_platforms)

    def name(self, text: str) -> str:
        """An account name; one that is no reference stays as it is."""
        if not _REFERENCE.fullmatch(text):
            return text
        for step in self.steps:
            text = step.name(text)
        return text

    def id(self, uuid: str) -> str:
        """A UUID that was made of keys."""
        for step in self.steps:
            uuid = step.id(uuid)
        return uuid

    def iri(self, iri: str) -> str:
        """The id of an activity on a platform that puts references into them."""
        return _KEYED.sub(lambda found: self.name(found[0]) if len(found[0]) == 26 else self.id(found[0]), iri)

    def agent(self, agent: Mapping[str, Any]) -> dict[str, Any]:
        """An Agent or Group; who has no account stays as they are."""
        made = dict(agent)
        if isinstance(account := agent.get("account"), Mapping):
            made["account"] = {**account, "name": self.name(account["name"])}
        if "member" in agent:
            made["member"] = [self.agent(each) for each in agent["member"]]
        return made

    def identity(self, identity: str) -> str:
        """An actor string of an account, as `leerstroom.mirror.columns.actor_string` writes it; every other one stays as it is."""
        start, _, name = identity.rpartition("|")
        return f"{start}|{self.name(name)}" if start.startswith("account|") else identity

    def statement(self, statement: Mapping[str, Any]) -> Statement | None:
        """The statement of the newest generation, in the order of its properties; None for one of another producer, which stays as it is."""
        if statement["verb"]["id"] == verbs.VOIDED.iri:
            return self._voiding(statement)
        context = statement.get("context", {})
        if not is_ours(statement):
            return None
        keyed = context["platform"] in self._keyed_platforms
        made = {**statement, "id": self.id(statement["id"]), "actor": self.agent(statement["actor"])}
        made["object"] = self._object(statement["object"], keyed=keyed)
        made["context"] = self._context(context, keyed=keyed)
        return made  # type: ignore[return-value]  # a statement before, a statement now

    def _voiding(self, statement: Mapping[str, Any]) -> Statement | None:
        voided = statement["object"].get("id")
        if (
            not voided
            or statement["id"] != voiding_id(voided)
            or statement["actor"].get("account", {}).get("name") != SYSTEM
        ):
            return None
        target = self.id(voided)
        return {**statement, "id": voiding_id(target), "object": {**statement["object"], "id": target}}  # type: ignore[return-value]  # as below

    def _object(self, value: Mapping[str, Any], *, keyed: bool) -> Mapping[str, Any]:
        if value.get("objectType") in {"Agent", "Group"}:
            return self.agent(value)
        return {**value, "id": self.iri(value["id"])} if keyed and "id" in value else value

    def _context(self, context: Mapping[str, Any], *, keyed: bool) -> dict[str, Any]:
        made = dict(context)
        if "registration" in context:
            made["registration"] = self.id(context["registration"])
        for name in ("instructor", "team"):
            if name in context:
                made[name] = self.agent(context[name])
        if keyed:
            made["contextActivities"] = {
                place: [self._object(each, keyed=True) for each in listed] if place != "category" else listed
                for place, listed in context["contextActivities"].items()
            }
        made["extensions"] = told = {**context["extensions"], _RECORD: self.id(context["extensions"][_RECORD])}
        if isinstance(mentions := told.get(_MENTIONS), list):
            told[_MENTIONS] = [self.name(each) if isinstance(each, str) else self.agent(each) for each in mentions]
        return made


def is_ours(statement: Mapping[str, Any]) -> bool:
    """Whether the mapping made this statement: it names its record, its platform and our profile."""
    context = statement.get("context") or {}
    return (
        "platform" in context
        and _RECORD in context.get("extensions", {})
        and any(each.get("id") == PROFILE for each in context.get("contextActivities", {}).get("category", ()))
    )
