"""`Lrs`: the connector to any LRS. A `tincan.RemoteLRS` whose transport is one pooled session, and what that class lacks.

All methods of tincan work and answer with its `LRSResponse`; our own (`load`, `query`, `frame`, `counts`, `check` …) stream, raise the errors
of `leerstroom.errors` and never build an object that nobody asked for.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

import orjson
import tincan

from connectors.lrs.comparing import differences
from connectors.lrs.loading import Loader, Memory, OnBatch, OnRejection
from connectors.lrs.reading import Page, Reader, parameters
from connectors.lrs.report import LoadReport
from connectors.lrs.transport import Token, Transport
from leerstroom.errors import ConfigurationError, UnexpectedShape

if TYPE_CHECKING:
    import pandas as pd

PAGE = 2000  # statements a page where nobody says otherwise; an LRS gives fewer if it wants
VERSIONS = ("1.0.0", "1.0.1", "1.0.2", "1.0.3", "2.0.0")


class Lrs(tincan.RemoteLRS):  # type: ignore[misc] # tincan has no types
    """One LRS. Threads may share it.

    `endpoint` is the address that `statements` is appended to. `key` and `secret` are Basic credentials (UTF-8); `token` is a Bearer token
    or a callable that gives one (`ClientCredentials`). `batch` statements go into a request at most, `in_flight` requests are under way at
    once. `gzip` compresses bodies: two of three LRSs answer 400 or 500 to that, so it is off. `verify` is False or the path of a CA bundle;
    `proxies` replaces what the environment says. `requests_per_minute` spaces requests for an LRS with a limit.
    """

    def __init__(
        self,
        endpoint: str,
        key: str = "",
        secret: str = "",
        version: str = "1.0.3",
        *,
        token: Token | None = None,
        timeout_s: float = 60.0,
        tries: int = 6,
        patience_s: float = 300.0,
        batch: int = 500,
        in_flight: int = 2,
        page: int = PAGE,
        gzip: bool = False,
        verify: bool | str = True,
        proxies: Mapping[str, str] | None = None,
        requests_per_minute: float | None = None,
        name: str = "lrs_default",
    ) -> None:
        if batch < 1 or in_flight < 1:
            raise ConfigurationError(f"LRS connection '{name}': batch and in_flight are at least 1")
        if "://" in endpoint and not endpoint.startswith(("http://", "https://")):
            raise ConfigurationError(f"LRS connection '{name}': the endpoint needs http:// or https://")
        super().__init__(version=version, endpoint=endpoint)
        self.name, self.batch, self.in_flight, self.page, self.patience_s = name, batch, in_flight, page, patience_s
        self.transport = Transport(
            self.endpoint,
            name=name,
            key=key,
            secret=secret,
            token=token,
            version=version,
            timeout_s=timeout_s,
            tries=tries,
            patience_s=patience_s,
            verify=verify,
            proxies=proxies,
            in_flight=in_flight,
            gzip_bodies=gzip,
            requests_per_minute=requests_per_minute,
        )
        self.reader = Reader(self.transport)
        self._memory = Memory(batch)

    __setattr__ = object.__setattr__  # tincan allows no attributes but its own three

    def __enter__(self) -> "Lrs":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Lrs({self.endpoint!r}, name={self.name!r})"

    def close(self) -> None:
        """Closes the connections."""
        self.transport.close()

    # --- loading -----------------------------------------------------------------------------------------------------------------

    def load(
        self,
        statements: Iterable[Any],
        *,
        on_batch: OnBatch | None = None,
        on_rejection: OnRejection | None = None,
    ) -> LoadReport:
        """Loads statements (JSON text, dictionaries or `tincan.Statement`), streaming, and accounts for each of them.

        Text goes through byte for byte. A statement without an id gets one derived from its content. `on_batch` hears how many are done,
        `on_rejection(rejection, text)` gets each statement that was refused or is in conflict: dead letters that can be loaded again. Loading
        the same statements again stores nothing. Raises CredentialsRefused, Unreachable, RateLimited or UnexpectedShape when it cannot go on.
        """
        loader = Loader(
            self.transport,
            self.reader,
            self._memory,
            batch=self.batch,
            in_flight=self.in_flight,
            patience_s=self.patience_s,
            on_batch=on_batch,
            on_rejection=on_rejection,
        )
        return loader.run(statements)

    # --- querying ----------------------------------------------------------------------------------------------------------------

    def pages(self, *, page: int | None = None, **filters: Any) -> Iterator[Page]:
        """The pages of a query, statements as the LRS sent them. Filters are those of `query`, `limit` is not among them."""
        return self.reader.pages(parameters(**filters, limit=page or self.page))

    def query_raw(self, *, limit: int | None = None, **filters: Any) -> Iterator[bytes]:
        """As `query`, each statement as the JSON that the LRS sent."""
        if limit is not None and limit <= 0:
            return
        left = limit
        for page in self.pages(page=min(limit, self.page) if limit else None, **filters):
            statements = page.statements if left is None else page.statements[:left]
            yield from statements
            if left is not None:
                left -= len(statements)
                if left <= 0:
                    return

    def query(self, **filters: Any) -> Iterator[dict[str, Any]]:
        """Statements that match, newest first, or oldest first with `ascending=True`; at most `limit`.

        Filters are those of xAPI: `agent, verb, activity, since, until, registration, limit, related_agents, related_activities, ascending,
        format, attachments`; see `connectors.lrs.reading.parameters` for the forms they take. Raises UnexpectedShape when the LRS refuses the query.
        """
        for raw in self.query_raw(**filters):
            yield orjson.loads(raw)

    def statements(self, **filters: Any) -> Iterator[tincan.Statement]:
        """As `query`, as tincan objects. Properties that tincan does not know (all that is new in 2.0.0) are left out."""
        from connectors.lrs.objects import as_object

        for statement in self.query(**filters):
            yield as_object(statement)

    def statement(self, statement_id: str) -> dict[str, Any] | None:
        """One statement by its id, voided or not; None when the LRS has none."""
        raw = self.reader.one(statement_id)
        return None if raw is None else dict(orjson.loads(raw))

    def frame(self, **filters: Any) -> "pd.DataFrame":
        """As `query`, as a pandas frame: the columns of `leerstroom.mirror.columns` without `raw`, times in UTC, nullable types."""
        from connectors.lrs.frames import frame

        return frame(self.query_raw(**filters))

    def counts(self, by: Literal["verb", "activity", "actor", "day"] = "verb", **filters: Any) -> Counter[str]:
        """How many statements match, by canonical verb, activity id, actor or UTC day of the timestamp."""
        from connectors.lrs.frames import counts

        return counts(self.query_raw(**filters), by)

    # --- what it is --------------------------------------------------------------------------------------------------------------

    def versions(self) -> list[str]:
        """The xAPI versions that the LRS names; empty when it has no `about` (some have none)."""
        reply = self.transport.send("GET", self.transport.address("about"))
        try:
            told = orjson.loads(reply.content)["version"] if reply.is_fine else []
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return []
        return [str(each) for each in (told if isinstance(told, list) else [told])]

    def check(self) -> str:
        """One line about the connection, after asking for versions and one statement. Raises what `query` raises."""
        spoken = self.versions()
        if spoken and self._version not in spoken and not any(each.startswith(self._version[:3]) for each in spoken):
            raise ConfigurationError(
                f"LRS connection '{self.name}': it speaks xAPI {', '.join(spoken)}, not {self._version}; set version to one of these"
            )
        newest = next(iter(self.query(limit=1)), {})
        about = f"xAPI {', '.join(spoken)}" if spoken else "no about resource"
        held = f"newest statement stored {newest.get('stored', '?')}" if newest else "no statements yet"
        return f"{self.transport.origin}{self.transport.address('')[len(self.transport.origin) :]} answers; {about}; {held}"

    # --- tincan's methods: its transport, and what it gets wrong -------------------------------------------------------------------

    @property
    def version(self) -> str:
        """The version that requests name. tincan itself knows only 1.0.x."""
        return str(self._version)

    @version.setter
    def version(self, value: str | None) -> None:
        if value is not None and value not in VERSIONS:
            raise ConfigurationError(f"xAPI version '{value}' is none of {', '.join(VERSIONS)}")
        self._version = value or "1.0.3"

    def _send_request(self, request: tincan.HTTPRequest) -> tincan.LRSResponse:
        """Tincan's one way out, over the pooled session. A refusal is an answer with `success` False, as tincan's users expect."""
        query = {name: _query_text(value) for name, value in request.query_params.items()}
        content = request.content
        reply = self.transport.send(
            request.method,
            self.transport.address(request.resource, query),
            content.encode() if isinstance(content, str) else None if content is None else bytes(content),
            request.headers,
            raises_refusal=False,
        )
        response = tincan.LRSResponse(
            success=reply.is_fine or (reply.status == 404 and bool(request.ignore404)),
            request=request,
            response=reply.original,
        )
        try:
            response.data = reply.content
        except UnicodeDecodeError:  # a document need not be text
            response._data = bytearray(reply.content)  # noqa: SLF001 - tincan's setter always decodes
        return response

    def about(self) -> tincan.LRSResponse:
        """What the LRS says about itself; keys and versions that tincan does not know are left out instead of failing."""
        response = self._send_request(tincan.HTTPRequest(method="GET", resource="about"))
        if response.success:
            from connectors.lrs.objects import as_about

            response.content = as_about(response.data)
        return response

    def save_statement(self, statement: Any) -> tincan.LRSResponse:
        """Saves one statement under an id of our own, so that a retry is the same statement."""
        statement = statement if isinstance(statement, tincan.Statement) else tincan.Statement(statement)
        if statement.id is None:
            statement.id = uuid4()
        request = tincan.HTTPRequest(
            method="PUT",
            resource="statements",
            headers={"Content-Type": "application/json"},
            query_params={"statementId": str(statement.id)},
        )
        request.content = statement.to_json()
        response = self._sent([statement], request)
        if response.success:
            response.content = statement
        return response

    def save_statements(self, statements: Any) -> tincan.LRSResponse:
        """Saves statements in one request. Each has its own id before it is sent: answers are matched by id, never by position."""
        if not isinstance(statements, tincan.StatementList):
            statements = tincan.StatementList(statements)
        for each in statements:
            if each.id is None:
                each.id = uuid4()
        response = self._sent(statements, _batch(statements))
        if response.success:
            response.content = statements
        return response

    def _sent(self, statements: Iterable[Any], request: tincan.HTTPRequest) -> tincan.LRSResponse:
        """Sends, and looks closer at a 409: where all that the LRS holds of them says the same, it is sent what it lacks."""
        response = self._send_request(request)
        if response.response is None or response.response.status != 409:
            return response
        ours = {str(each.id).lower(): each for each in statements}
        theirs = self.reader.located(ours)
        if not theirs or any(differences(ours[held].to_json().encode(), raw) for held, raw in theirs.items()):
            return response
        missing = [ours[each] for each in ours if each not in theirs]
        if missing:
            return self._send_request(_batch(missing))
        response.success = True
        return response

    def retrieve_statement(self, statement_id: Any) -> tincan.LRSResponse:
        """One statement, as an object."""
        return self._retrieved("statementId", statement_id)

    def retrieve_voided_statement(self, statement_id: Any) -> tincan.LRSResponse:
        """One voided statement, as an object."""
        return self._retrieved("voidedStatementId", statement_id)

    def _retrieved(self, name: str, statement_id: Any) -> tincan.LRSResponse:
        from connectors.lrs.objects import as_object

        response = self._send_request(
            tincan.HTTPRequest(method="GET", resource="statements", query_params={name: str(statement_id)})
        )
        if response.success:
            value = _json(response.data)
            if "statements" in value:  # loose LRSs answer with a list, and with an empty one for an unknown id
                value = value["statements"][0] if value["statements"] else {}
            response.success = bool(value)
            response.content = as_object(value) if value else None
        return response

    def query_statements(self, query: Mapping[str, Any]) -> tincan.LRSResponse:
        """The first page of a query, as tincan's StatementsResult."""
        filters = {
            name: value
            for name, value in query.items()
            if value is not None and name not in {"statementId", "voidedStatementId"}
        }
        return self._result("statements", parameters(**filters))

    def more_statements(self, more_url: Any) -> tincan.LRSResponse:
        """The next page; `more` may be a path or an absolute URL, which is asked at our own host."""
        return self._result(str(getattr(more_url, "more", more_url)), {})

    def _result(self, resource: str, query: dict[str, str]) -> tincan.LRSResponse:
        from connectors.lrs.objects import as_object

        response = self._send_request(tincan.HTTPRequest(method="GET", resource=resource, query_params=query))
        if response.success:
            value = _json(response.data)
            result = tincan.StatementsResult()
            result.statements = [as_object(each) for each in value.get("statements", [])]
            result.more = value.get("more") or ""
            response.content = result
        return response

    def save_state(self, state: Any) -> tincan.LRSResponse:
        """Saves a state document, once: tincan sends it twice, and the second fails on its own ETag."""
        request = tincan.HTTPRequest(
            method="PUT",
            resource="activities/state",
            headers={"Content-Type": state.content_type or "application/octet-stream"},
            query_params={
                "stateId": state.id,
                "activityId": state.activity.id,
                "agent": state.agent.to_json(),
                **({"registration": str(state.registration)} if getattr(state, "registration", None) else {}),
            },
        )
        if state.etag is not None:
            request.headers["If-Match"] = state.etag
        request._content = state.content  # noqa: SLF001 - tincan's setter takes text only
        response = self._send_request(request)
        response.content = state
        return response

    def retrieve_state(self, activity: Any, agent: Any, state_id: str, registration: Any = None) -> tincan.LRSResponse:
        """A state document with its content type and ETag."""
        return _with_headers(super().retrieve_state(activity, agent, state_id, registration))

    def retrieve_activity_profile(self, activity: Any, profile_id: str) -> tincan.LRSResponse:
        """An activity profile document with its content type and ETag."""
        return _with_headers(super().retrieve_activity_profile(activity, profile_id))

    def retrieve_agent_profile(self, agent: Any, profile_id: str) -> tincan.LRSResponse:
        """An agent profile document with its content type and ETag."""
        return _with_headers(super().retrieve_agent_profile(agent, profile_id))


def _batch(statements: Iterable[Any]) -> tincan.HTTPRequest:
    request = tincan.HTTPRequest(method="POST", resource="statements", headers={"Content-Type": "application/json"})
    request.content = tincan.StatementList(statements).to_json()
    return request


def _with_headers(response: tincan.LRSResponse) -> tincan.LRSResponse:
    """Tincan looks for these headers under names that they never have."""
    document, original = response.content, response.response
    if response.success and document is not None and original is not None:
        document.etag = original.getheader("ETag")
        document.content_type = original.getheader("Content-Type")
    return response


def _query_text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _json(text: Any) -> dict[str, Any]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise UnexpectedShape("the LRS answers with something else than JSON; check the endpoint") from error
    if not isinstance(value, dict):
        raise UnexpectedShape("the LRS answers with something else than statements; check the endpoint")
    return value
