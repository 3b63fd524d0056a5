"""The about resource: which versions this LRS speaks (xAPI 1.0.3 part three, 2.8). Open to everyone."""

from leerstroom.lrs.requests import Call, Reply, json_reply

VERSIONS = ("1.0.0", "1.0.1", "1.0.2", "1.0.3", "2.0.0")


class About:
    """The resource."""

    methods = ("GET",)
    path = "about"

    async def get(self, call: Call) -> Reply:
        """The versions; who says that they speak 1.0 hears of 1.0 alone, since clients of that time (tincan) refuse a list that names a later one."""
        call.only()
        old = call.headers.get("x-experience-api-version", "").startswith("1")
        return json_reply({"version": [each for each in VERSIONS if not old or each.startswith("1")], "extensions": {}})
