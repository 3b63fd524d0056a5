"""The agent profile resource: documents of an agent (xAPI 1.0.3 part three, 2.6)."""

from leerstroom.lrs import terms
from leerstroom.lrs.documents import Kind, Place
from leerstroom.lrs.profiles import Profiles
from leerstroom.lrs.requests import Call, agent_parameter


class AgentProfiles(Profiles):
    """The resource over the documents."""

    path = "agents/profile"
    of = "agent"

    def place(self, call: Call) -> Place:
        """Where the document of the request lies."""
        identity = terms.agent_identity(agent_parameter(call))
        assert identity is not None, "an Agent has an identifier"
        name = call.parameters.get("profileId", "").encode("utf-8", "surrogatepass")
        return Place(Kind.AGENT_PROFILE, agent=terms.person(identity).encode(), name=name)
