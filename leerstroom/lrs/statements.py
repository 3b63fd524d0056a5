"""The statements resource: PUT, POST, GET (xAPI 1.0.3 part three, 2.1; 2.0.0, 4.1.6.1)."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlencode
from uuid import uuid4

import orjson

from leerstroom.errors import InvalidStatement
from leerstroom.lrs import formats, terms, times
from leerstroom.lrs.access import Scope
from leerstroom.lrs.attachments import Content, check_contents, read_mixed, write_mixed
from leerstroom.lrs.requests import (
    JSON,
    Call,
    Limits,
    Refusal,
    Reply,
    agent_parameter,
    iri_parameter,
    json_reply,
    refuse_repeated_names,
    uuid_parameter,
)
from leerstroom.lrs.signatures import check_signatures
from leerstroom.lrs.storage import Conflict, Filter, Storage, Stored, Vanished, Writing
from leerstroom.lrs.storage.preparing import Prepared, prepare, resent, uuid_key
from leerstroom.lrs.storage.preparing import digest as digest_of
from leerstroom.statements.validation import is_uuid, validate

_FILTERS = (
    "agent",
    "verb",
    "activity",
    "registration",
    "related_activities",
    "related_agents",
    "since",
    "until",
    "limit",
    "ascending",
)
P = ParamSpec("P")
T = TypeVar("T")
_SINGLE = ("statementId", "voidedStatementId")


class Statements:
    """The resource over one store."""

    methods = ("GET", "PUT", "POST")
    path = "statements"

    def __init__(self, storage: Storage, limits: Limits) -> None:
        self._storage, self._limits = storage, limits

    # --- in -----------------------------------------------------------------------------------------------------------------------------

    async def put(self, call: Call) -> Reply:
        """One statement under the id of the parameter; 204."""
        call.only("statementId")
        call.allow(Scope.STATEMENTS_WRITE)
        statement_id = call.require("statementId")
        if not is_uuid(statement_id):
            raise Refusal(400, "the parameter 'statementId' must be a UUID")
        batch, contents = await _aside(call, self._read, call, statement_id)
        await self._store(call, batch, contents)
        return Reply(204)

    async def post(self, call: Call) -> Reply:
        """One statement or a list of them; 200 with their ids, in their order."""
        call.only()
        call.allow(Scope.STATEMENTS_WRITE)
        batch, contents = await _aside(call, self._read, call)
        stored = await self._store(call, batch, contents)
        return json_reply(stored.ids, X_Leerstroom_Stored=str(stored.new))  # exact counts for our loader, at no cost

    def _read(self, call: Call, statement_id: str | None = None) -> tuple[list[tuple[Any, bytes]], list[Content]]:
        """([(statement, its JSON)], attachments). With `statement_id` it must be one statement that has this id or none; who has none gets one."""
        contents: list[Content] = []
        body = call.body
        if call.content_type == "multipart/mixed":
            body, contents = read_mixed(call.headers["content-type"], body)
        elif call.content_type != JSON:
            raise Refusal(400, "statements are sent as application/json or multipart/mixed")
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise Refusal(400, f"the body must be JSON in UTF-8: {str(error).split(':', 1)[0]}") from None
        if statement_id is not None and isinstance(value, list):
            raise Refusal(400, "PUT takes one statement, not a list")
        listed = value if isinstance(value, list) else [value]
        if len(listed) > self._limits.batch:
            raise Refusal(413, f"a batch must have at most {self._limits.batch} statements; send smaller ones")
        batch = []
        colons = 0
        for number, statement in enumerate(listed):
            if isinstance(statement, dict) and "id" not in statement:
                statement["id"] = statement_id or str(uuid4())
                colons -= 1
            try:
                sent = orjson.dumps(statement)
            except TypeError:
                raise Refusal(400, f"statement {number} is nested too deeply", index=number, property="") from None
            colons += sent.count(b":")
            batch.append((statement, sent))
        refuse_repeated_names(body, colons)
        if statement_id is not None and isinstance(value, dict) and str(value["id"]).lower() != statement_id.lower():
            raise Refusal(400, "the statement's id differs from the parameter 'statementId'", index=0, property="id")
        return batch, contents

    async def _store(self, call: Call, batch: Sequence[tuple[Any, bytes]], contents: Sequence[Content]) -> Stored:
        try:
            try:
                return await self._attempt(call, batch, contents, look=True)
            except Vanished:
                return await self._attempt(call, batch, contents, look=False)
        except Conflict as conflict:
            index = next(
                number for number, (statement, _) in enumerate(batch) if statement["id"] == conflict.statement_id
            )
            raise Refusal(409, str(conflict), index=index, property="id") from None

    async def _attempt(
        self, call: Call, batch: Sequence[tuple[Any, bytes]], contents: Sequence[Content], *, look: bool
    ) -> Stored:
        prepared = await _aside(call, self._prepare, call, batch, contents, look=look)
        parts = [(each.sha2, each.content_type, each.content) for each in contents]

        def job(writing: Writing) -> Stored:
            return writing.store(prepared, parts)

        return await asyncio.wrap_future(self._storage.writer.submit(job))

    def _prepare(
        self, call: Call, batch: Sequence[tuple[Any, bytes]], contents: Sequence[Content], *, look: bool
    ) -> list[Prepared]:
        known = self._resent(batch) if look else set()
        seen: set[bytes] = set()
        with_attachments = bool(contents)
        define = call.credential.may(Scope.DEFINE, Scope.ALL)
        for number, (statement, _) in enumerate(batch):
            try:
                if number not in known:
                    validate(statement, call.version)
                    if "attachments" in statement or statement["object"].get("objectType") == "SubStatement":
                        with_attachments = True
            except InvalidStatement as error:
                raise Refusal(400, f"statement {number}: {error}", index=number, property=error.property) from None
            key = uuid_key(statement["id"])
            if key in seen:
                raise Refusal(400, f"statement {number}: its id occurs twice in the batch", index=number, property="id")
            seen.add(key)
        if with_attachments:
            check_contents([statement for statement, _ in batch], contents, self._storage)
            check_signatures([statement for statement, _ in batch], contents)
        return [
            prepare(statement, sent, call.credential.authority, call.version, define=define)
            if number not in known
            else resent(statement, sent)
            for number, (statement, sent) in enumerate(batch)
        ]

    def _resent(self, batch: Sequence[tuple[Any, bytes]]) -> set[int]:
        """Places of statements that are stored exactly so: they were valid then, they are now. Makes sending again cheap."""
        keys: dict[bytes, int] = {}
        for number, (statement, _) in enumerate(batch):
            told = statement.get("id") if isinstance(statement, dict) else None
            if isinstance(told, str) and is_uuid(told):
                keys[uuid_key(told)] = number
        if not keys:
            return set()
        first = next(iter(keys))
        if len(keys) > 8 and not self._storage.reader.known([first, *list(keys)[-3:]]):
            return set()  # most batches are new; a sample spares them the look
        held = self._storage.reader.known(list(keys))
        return {keys[key] for key, told in held.items() if told == digest_of(batch[keys[key]][1])}

    # --- out -------------------------------------------------------------------------------------------------------------------------

    async def get(self, call: Call) -> Reply:
        """One statement, or those that match, newest first."""
        through = self._storage.consistent_through()
        reply = await asyncio.to_thread(self._get, call)
        reply.headers["X-Experience-API-Consistent-Through"] = times.text(through)
        return reply

    def _get(self, call: Call) -> Reply:
        call.only(*_SINGLE, *_FILTERS, "format", "attachments", "cursor")
        call.allow(Scope.STATEMENTS_READ, Scope.STATEMENTS_READ_MINE)
        shape = call.parameters.get("format", "exact")
        if shape not in formats.FORMATS:
            raise Refusal(400, f"the parameter 'format' must be one of {', '.join(formats.FORMATS)}")
        if any(name in call.parameters for name in _SINGLE):
            return self._one(call, shape)
        return self._many(call, shape)

    def _mine(self, call: Call) -> str | None:
        """The authority that a credential is confined to, None when it may read everything."""
        return None if call.credential.may(Scope.STATEMENTS_READ) else call.credential.authority.term

    def _one(self, call: Call, shape: str) -> Reply:
        if set(call.parameters) - {"format", "attachments", *_SINGLE} or len(set(_SINGLE) & set(call.parameters)) == 2:
            raise Refusal(400, "beside statementId or voidedStatementId only format and attachments are allowed")
        with_attachments = call.flag("attachments")
        voided = "voidedStatementId" in call.parameters
        statement_id = uuid_parameter(call, "voidedStatementId" if voided else "statementId")
        assert statement_id is not None
        found = self._storage.reader.one(statement_id, voided=voided)
        if found is not None and self._mine(call) is not None:
            theirs = terms.agent_identity(orjson.loads(found[1])["authority"])
            found = found if theirs is not None and terms.person(theirs) == self._mine(call) else None
        if found is None:
            raise Refusal(404, "no such statement" if not voided else "no voided statement of this id")
        seq, body = found
        if shape != "exact":
            [body] = formats.shaped([body], shape, self._storage, call.headers.get("accept-language", ""))
        reply = Reply(200, body, JSON, {"Last-Modified": times.http(seq)})
        if with_attachments:
            reply.body, reply.content_type = write_mixed(body, self._storage.reader.attachments([seq]))
        return reply

    def _many(self, call: Call, shape: str) -> Reply:
        query = self._filter(call)
        with_attachments = call.flag("attachments")
        rows = self._storage.reader.find(query)
        more = len(rows) == query.limit
        rows = rows[: query.limit - 1]
        size = 0
        for kept, row in enumerate(rows, 1):
            size += len(row[1])
            if size > self._limits.page_bytes:
                more, rows = more or kept < len(rows), rows[:kept]
                break
        bodies = [row[1] for row in rows]
        if shape != "exact":
            bodies = formats.shaped(bodies, shape, self._storage, call.headers.get("accept-language", ""))
        following = ""
        if more:
            following = f"{call.endpoint}statements?" + urlencode({**call.parameters, "cursor": str(rows[-1][0])})
        body = b'{"statements":[' + b",".join(bodies) + b'],"more":' + orjson.dumps(following) + b"}"
        reply = Reply(200, body)
        if rows:
            reply.headers["Last-Modified"] = times.http(max(rows[0][0], rows[-1][0]))
        if with_attachments:
            reply.body, reply.content_type = write_mixed(
                body, self._storage.reader.attachments([row[0] for row in rows])
            )
        return reply

    def _filter(self, call: Call) -> Filter:
        """The parameters as a query for one row more than the page, so that `more` is known."""
        has = call.parameters.__contains__
        agent = activity = verb = None
        if has("agent"):
            identity = terms.agent_identity(agent_parameter(call, group=True))
            if identity is None:
                raise Refusal(400, "the parameter 'agent' must be an Agent or an identified Group")
            agent = (
                terms.person(identity),
                tuple(terms.AGENT_ROLES) if call.flag("related_agents") else (terms.AGENT,),
            )
        if has("activity"):
            activity = (
                terms.activity(iri_parameter(call, "activity")),
                tuple(terms.ACTIVITY_ROLES) if call.flag("related_activities") else (terms.ACTIVITY,),
            )
        if has("verb"):
            verb = terms.verb(iri_parameter(call, "verb"))
        call.flag("related_agents"), call.flag("related_activities")
        registration = uuid_parameter(call, "registration")
        ascending = call.flag("ascending")
        after, until = call.time("since"), call.time("until")
        cursor = call.parameters.get("cursor")
        if cursor is not None:
            if not cursor.isdigit() or len(cursor) > 18:
                raise Refusal(400, "the parameter 'cursor' is not one of ours; follow 'more' as it is")
            if ascending:
                after = max(after or 0, int(cursor))
            else:
                until = min(int(cursor) - 1, until if until is not None else int(cursor))
        return Filter(
            agent=agent,
            activity=activity,
            verb=verb,
            registration=terms.registration(registration) if registration else None,
            after=after,
            until=until,
            ascending=ascending,
            limit=self._page(call) + 1,
            authority=self._mine(call),
        )

    def _page(self, call: Call) -> int:
        told = call.parameters.get("limit")
        if told is None:
            return self._limits.default_page
        if not told.isascii() or not told.isdigit() or len(told) > 12:
            raise Refusal(400, "the parameter 'limit' must be a whole number, 0 or more")
        return min(int(told) or self._limits.page, self._limits.page)


async def _aside(call: Call, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Runs the work on a large body in a thread: who reads meanwhile must not wait for it. A thread costs more than a small body's work."""
    if len(call.body) > 65_536:
        return await asyncio.to_thread(work, *arguments, **named)
    return work(*arguments, **named)
