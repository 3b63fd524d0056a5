"""A page for people: search statements by person, verb, activity and time, see one in full. Server-rendered, no script, behind the same credentials."""

from collections.abc import Mapping

from leerstroom.lrs.access import Access
from leerstroom.lrs.requests import Limits, Refusal, Reply
from leerstroom.lrs.storage import Storage


class Browser:
    """The pages of one store."""

    def __init__(self, storage: Storage, access: Access, limits: Limits) -> None:
        self._storage, self._access, self._limits = storage, access, limits

    async def answer(self, method: str, path: str, headers: Mapping[str, str], query: bytes, root: str) -> Reply:
        """A page."""
        raise Refusal(404, "there is nothing here; the endpoint is /xapi/")
