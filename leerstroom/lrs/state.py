"""The state resource: documents of an activity and an agent (xAPI 1.0.3 part three, 2.3)."""

from leerstroom.lrs import terms
from leerstroom.lrs.access import Scope
from leerstroom.lrs.documents import Documents, Kind, Place
from leerstroom.lrs.requests import Call, Refusal, Reply, agent_parameter, iri_parameter, uuid_parameter

_WHERE = ("activityId", "agent", "registration", "stateId")


class State:
    """The resource over the documents."""

    methods = ("GET", "PUT", "POST", "DELETE")
    path = "activities/state"

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def get(self, call: Call) -> Reply:
        """A document, or the ids of all."""
        call.only(*_WHERE, "since")
        _allow(call, reading=True)
        place, after = _place(call), call.time("since")
        return await (
            self._documents.get(place) if "stateId" in call.parameters else self._documents.names(place, after)
        )

    async def put(self, call: Call) -> Reply:
        """Replaces a document."""
        return await self._documents.put(call, _writable(call))

    async def post(self, call: Call) -> Reply:
        """Makes or merges a document."""
        return await self._documents.post(call, _writable(call))

    async def delete(self, call: Call) -> Reply:
        """Deletes a document, or all."""
        call.only(*_WHERE)
        _allow(call)
        return await self._documents.delete(call, _place(call), all_names="stateId" not in call.parameters)


def _allow(call: Call, *, reading: bool = False) -> None:
    if not call.credential.may(Scope.STATE, reading=reading):
        raise Refusal(403, f"this credential lacks the scope {Scope.STATE}")


def _writable(call: Call) -> Place:
    call.only(*_WHERE)
    _allow(call)
    call.require("stateId")
    return _place(call)


def _place(call: Call) -> Place:
    activity = iri_parameter(call, "activityId")
    identity = terms.agent_identity(agent_parameter(call))
    assert identity is not None, "an Agent has an identifier"
    registration = uuid_parameter(call, "registration")
    name = call.parameters.get("stateId")
    anywhere = None if name is None else b""
    return Place(
        Kind.STATE,
        terms.activity(activity).encode(),
        terms.person(identity).encode(),
        registration.lower().encode() if registration else anywhere,
        (name or "").encode("utf-8", "surrogatepass"),
    )
