"""Learning record stores of others: SCORM Cloud, Learning Locker, Veracity, whatever cmi5 courses, H5P and authoring tools write xAPI to.

API         xAPI 1.0.3 and 2.0 statements: since, until, ascending, more; attachments that the store holds travel along
Permission  a key and secret (or a token) that may read all statements
Kept        as they are: id, actor and bytes of each statement stay its producer's own; nothing of them lies between the two stores, and nothing is
            stated anew. Who an actor is (address, its hash, an account) is found out where statements are read, so one fact told by two is one
People      names and addresses that the producer wrote come along; choose what is copied by verb, activity or profile, and who may read the store
Late facts  what was stored inside the window is copied, whenever it happened; look back one day; copying again stores nothing
Voided      voiding statements always go along, so what one store voids is void in the other
Not seen    documents (state, profiles); statements that the store deleted
Verified    against the store of this project and others' answers as recorded
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import orjson

from connectors.http import Api
from connectors.paging import dig
from connectors.source import Kind, Record, Setting, Source, Verified, Window, every_row, maps
from leerstroom.errors import BadRecord, ConfigurationError
from leerstroom.people import People, Pseudonyms
from leerstroom.statements import Copied, Outcome, name_uuid, utc_text

if TYPE_CHECKING:
    from connectors.lrs import LoadReport, Lrs, OnRejection


class Xapi(Source):
    """One learning record store that others write to."""

    name: ClassVar[str] = "xapi"
    title: ClassVar[str] = "Learning record stores (xAPI)"
    kind: ClassVar[Kind] = Kind.LMS
    verified: ClassVar[Verified] = Verified.SERVER
    look_back: ClassVar[timedelta] = timedelta(days=1)
    is_lrs: ClassVar[bool] = True
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("host", "Endpoint", kind="url", help="such as https://cloud.scorm.com/lrs/ABC/"),
        Setting("key", "Key", required=False),
        Setting("secret", "Secret", secret=True, required=False),
        Setting("token", "Access token", secret=True, required=False, help="instead of key and secret"),
        Setting("version", "xAPI version", default="1.0.3", required=False),
        Setting("verb", "Verb", required=False, help="only statements of this verb: its IRI, or its name in the vocabulary"),
        Setting("activity", "Activity", required=False, help="only statements about this activity: its IRI"),
        Setting("profile", "Profile", required=False, help="only statements of this xAPI profile: its IRI, such as that of cmi5"),
    )  # fmt: skip
    record_kinds: ClassVar[tuple[str, ...]] = ("statement",)

    def lrs(self) -> "Lrs":
        """The connector to that store."""
        from connectors.lrs import Lrs

        get = self.connection.get
        return Lrs(
            str(self.connection["host"]),
            str(get("key", "")),
            str(get("secret", "")),
            token=str(get("token")) if get("token") else None,
            version=str(get("version", "1.0.3")),
            verify=get("verify_tls", True),
            requests_per_minute=get("requests_per_minute"),
            name=self.connection.name,
        )

    def api(self) -> Api:
        """The store is asked by its own connector; this object only counts zero requests."""
        return Api(str(self.connection["host"]), connection=self.connection.name)

    def _filters(self) -> dict[str, Any]:
        return {name: self.connection.get(name) for name in ("verb", "activity", "profile")}

    def copy(self, target: "Lrs", window: Window, *, on_rejection: "OnRejection | None" = None) -> "LoadReport":
        """Copies what was stored inside the window into `target`, byte for byte. Raises ConfigurationError where both are one store."""
        from connectors.lrs import sync

        with self.lrs() as source:
            if source.endpoint.rstrip("/") == target.endpoint.rstrip("/"):
                raise ConfigurationError(
                    f"connection '{self.connection.name}': its endpoint is our own store; name the one that others write to"
                )
            since, until = utc_text(window.start), utc_text(window.end)
            return sync(source, target, since=since, until=until, on_rejection=on_rejection, **self._filters())

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """Statements that were stored inside the window, for looking at: the night copies them instead, and none of them lands."""
        with self.lrs() as source:
            filters: dict[str, Any] = {
                "since": utc_text(window.start),
                "until": utc_text(window.end),
                **self._filters(),
            }
            del filters["profile"]  # `sync` alone knows it
            for page in source.pages(ascending=True, **filters):
                for raw in page.statements:
                    yield from self.read(orjson.loads(raw))

    def check(self, api: Api) -> str:
        """Asks for the versions and one statement."""
        with self.lrs() as source:
            return source.check()

    def read(self, payload: Any) -> Iterator[Record]:
        """A statement, several of them, an answer of a store, or a recorded exchange of one. Raises BadRecord for anything else."""
        body = dig(payload, "response.body") if isinstance(payload, dict) and "response" in payload else payload
        if isinstance(body, dict) and isinstance(body.get("statements"), list):
            yield from every_row(body["statements"], _statement)
        elif isinstance(body, list) and body:
            yield from every_row(body, _statement)
        else:
            yield from _statement(body)

    def minimise(self, record: Record, pseudonyms: Pseudonyms) -> Record:
        """The statement as it is: what another producer asserted is not ours to change."""
        return record

    @maps("statement")
    def statement(self, row: Record, people: People) -> Outcome:
        """The statement itself."""
        return Copied(dict(row))  # type: ignore[arg-type]  # judged by the validator


def _statement(told: Any, place: str = "") -> Iterator[Record]:
    if not isinstance(told, Mapping) or not {"actor", "verb", "object"} <= told.keys():
        raise BadRecord("no xAPI statement: it needs actor, verb and object")
    key = told["id"] if isinstance(told.get("id"), str) else name_uuid("foreign", orjson.dumps(told).decode())
    yield Record("statement", key, told)
