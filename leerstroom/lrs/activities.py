"""The activities resource: all that statements say about an activity, in one definition (xAPI 1.0.3 part three, 2.5)."""

import asyncio

import orjson

from leerstroom.lrs import terms
from leerstroom.lrs.access import Scope
from leerstroom.lrs.requests import Call, Reply, iri_parameter, json_reply
from leerstroom.lrs.storage import Storage


class Activities:
    """The resource over one store."""

    methods = ("GET",)
    path = "activities"

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def get(self, call: Call) -> Reply:
        """The activity; one that no statement mentions has no definition."""
        call.only("activityId")
        call.allow(Scope.STATEMENTS_READ, Scope.STATEMENTS_READ_MINE)
        iri = iri_parameter(call, "activityId")
        term = terms.activity(iri)
        about = (await asyncio.to_thread(self._storage.reader.about, [term])).get(term)
        activity = {"objectType": "Activity", "id": iri}
        if about:
            activity["definition"] = orjson.loads(about)
        return json_reply(activity)
