"""The agents resource: a Person, all that statements say about one identifier (xAPI 1.0.3 part three, 2.4)."""

import asyncio

import orjson

from leerstroom.lrs import terms
from leerstroom.lrs.access import Scope
from leerstroom.lrs.requests import Call, Reply, agent_parameter, json_reply
from leerstroom.lrs.storage import Storage


class Agents:
    """The resource over one store."""

    methods = ("GET",)
    path = "agents"

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def get(self, call: Call) -> Reply:
        """The Person behind an Agent. Two identifiers are never joined: that is knowledge of the directory, not of the LRS."""
        call.only("agent")
        call.allow(Scope.PROFILE, Scope.STATEMENTS_READ, Scope.STATEMENTS_READ_MINE)
        agent = agent_parameter(call)
        identity = terms.agent_identity(agent)
        assert identity is not None, "an Agent has an identifier"
        term = terms.person(identity)
        about = (await asyncio.to_thread(self._storage.reader.about, [term])).get(term)
        names = orjson.loads(about).get("name", []) if about else []
        if "name" in agent and agent["name"] not in names:
            names.append(agent["name"])
        person = {"objectType": "Person", **({"name": names} if names else {})}
        person |= {name: [agent[name]] for name in ("mbox", "mbox_sha1sum", "openid", "account") if name in agent}
        return json_reply(person)
