"""What agent profiles and activity profiles have in common: documents under a `profileId`, changed with preconditions only."""

from abc import ABC, abstractmethod

from leerstroom.lrs.access import Scope
from leerstroom.lrs.documents import Documents, Place
from leerstroom.lrs.requests import Call, Refusal, Reply


class Profiles(ABC):
    """A profile resource over the documents."""

    methods = ("GET", "PUT", "POST", "DELETE")
    of: str
    """The parameter that names whose profile it is."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    @abstractmethod
    def place(self, call: Call) -> Place:
        """Where the document of the request lies."""

    async def get(self, call: Call) -> Reply:
        """A document, or the ids of all."""
        call.only(self.of, "profileId", "since")
        _allow(call, reading=True)
        place, after = self.place(call), call.time("since")
        return await (
            self._documents.get(place) if "profileId" in call.parameters else self._documents.names(place, after)
        )

    async def put(self, call: Call) -> Reply:
        """Replaces a document."""
        return await self._documents.put(call, self._writable(call))

    async def post(self, call: Call) -> Reply:
        """Makes or merges a document."""
        return await self._documents.post(call, self._writable(call))

    async def delete(self, call: Call) -> Reply:
        """Deletes a document."""
        return await self._documents.delete(call, self._writable(call))

    def _writable(self, call: Call) -> Place:
        call.only(self.of, "profileId")
        _allow(call)
        call.require("profileId")
        return self.place(call)


def _allow(call: Call, *, reading: bool = False) -> None:
    if not call.credential.may(Scope.PROFILE, reading=reading):
        raise Refusal(403, f"this credential lacks the scope {Scope.PROFILE}")
