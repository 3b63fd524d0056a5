"""The activity profile resource: documents of an activity (xAPI 1.0.3 part three, 2.7)."""

from leerstroom.lrs import terms
from leerstroom.lrs.documents import Kind, Place
from leerstroom.lrs.profiles import Profiles
from leerstroom.lrs.requests import Call, iri_parameter


class ActivityProfiles(Profiles):
    """The resource over the documents."""

    path = "activities/profile"
    of = "activityId"

    def place(self, call: Call) -> Place:
        """Where the document of the request lies."""
        activity = terms.activity(iri_parameter(call, "activityId")).encode()
        name = call.parameters.get("profileId", "").encode("utf-8", "surrogatepass")
        return Place(Kind.ACTIVITY_PROFILE, activity=activity, name=name)
