"""The about resource: which versions this LRS speaks (xAPI 1.0.3 part three, 2.8). Open to everyone."""

from leerstroom.lrs.requests import Call, Reply, json_reply

VERSIONS = ("1.0.0", "1.0.1", "1.0.2", "1.0.3", "2.0.0")


class About:
    """The resource."""

    methods = ("GET",)
    path = "about"

    async def get(self, call: Call) -> Reply:
        """Versions, and who answers."""
        call.only()
        return json_reply({"version": list(VERSIONS), "extensions": {}})
